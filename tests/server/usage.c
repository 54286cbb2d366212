#include "usage.h"

#include <stdio.h>

static const char *const lines[] = {
    "Usage: testserver [OPTION]...",
    "An SMTP server for tests, which misbehaves when told to. README.md has the details.",
    "",
    "  --listen A:P --listen-tls A:P --unix PATH   where (repeatable; default 127.0.0.1:0)",
    "  --fast-open               TCP Fast Open: data may come with the SYN",
    "  --ready FILE              written once it listens: pid, port, tls_port ...",
    "  --connections N --lifetime S --max-conn N   limits",
    "TLS",
    "  --make-cert DIR           make ca.pem, server.pem, server.key there and use them",
    "  --make-cert-only          and that is all",
    "  --tls-cert FILE           certificate and all that follow it, sent as they stand",
    "  --tls-key FILE --tls-priority STRING",
    "  --tls-client-ca FILE --tls-client-required  client certificates",
    "  --tls-ocsp FILE           staple these bytes",
    "  --tls-alert N             answer each ClientHello with this alert",
    "Authentication",
    "  --user NAME:PASSWORD --token NAME:TOKEN     accounts (repeatable)",
    "  --mechs LIST              of PLAIN LOGIN CRAM-MD5 EXTERNAL OAUTHBEARER XOAUTH2",
    "                            SCRAM-SHA-1[-PLUS] SCRAM-SHA-256[-PLUS], parted by blanks",
    "  --auth-in-clear           AUTH before TLS",
    "  --scram-iterations N --scram-salt BASE64    what SCRAM asks for",
    "  --lie WHAT                SCRAM that lies: nonce iterations signature nosignature",
    "                            badbase64 badsalt emptysalt extension longserverfirst",
    "                            success-early servererror",
    "What is offered",
    "  --offer LIST --no LIST    capabilities on and off, parted by commas",
    "  --offer-before-tls LIST --offer-after-tls LIST   just these, then and there",
    "  --require-auth --require-tls                530 to MAIL without",
    "What is kept",
    "  --maildir DIR --discard --sha256 --transcript DIR --raw DIR",
    "What goes wrong, the Nth time in a connection (STAGE/N: each Nth time in all of them)",
    "  --reply STAGE[:N]=REPLY --rcpt GLOB=REPLY   another reply",
    "  --at STAGE[:N]=ACTION     drop reset hang garbage drip endless longline closeafter",
    "  --delay STAGE[:N]=MS      later",
    "  --script FILE             the connection follows a script",
};

void usage_print(void)
{
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
        puts(lines[i]);
}
