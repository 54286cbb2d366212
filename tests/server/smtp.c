#include "smtp.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "auth.h"

const struct offer *smtp_offer(const struct smtp *smtp)
{
    const struct options *options = smtp->server->options;
    const struct offer *phase =
        smtp->conn->tls == NULL ? &options->offer_before_tls : &options->offer_after_tls;

    return phase->given ? phase : &options->offer;
}

bool smtp_has(const struct smtp *smtp, enum capability capability)
{
    return (smtp_offer(smtp)->caps & (unsigned)capability) != 0;
}

bool smtp_offers_tls(const struct smtp *smtp)
{
    return smtp_has(smtp, CAP_STARTTLS) && smtp->server->tls != NULL && smtp->conn->tls == NULL;
}

bool smtp_offers_auth(const struct smtp *smtp)
{
    const struct options *options = smtp->server->options;

    return smtp_has(smtp, CAP_AUTH) && auth_possible(options) &&
           (smtp->conn->tls != NULL || options->auth_in_clear ||
            options->offer_before_tls.given);
}

void smtp_forget(struct smtp *smtp)
{
    sink_abort(&smtp->sink);
    text_free(&smtp->envelope);
    smtp->mail = smtp->utf8 = smtp->binary = false;
    smtp->accepted = 0;
    smtp->chunks = CHUNKS_NONE;
}

static int greet(struct smtp *smtp)
{
    int code = reply_send(smtp, STAGE_GREETING, "220 localhost ESMTP testserver");

    smtp->refused = code >= 400;
    return code < 0 ? -1 : 0;
}

/* A domain or an address literal: all that matters here is that there is one. */
static bool good_domain(const char *args)
{
    return *args != '\0' && strchr(args, ' ') == NULL;
}

/* The lines of the EHLO reply (RFC 5321 4.1.1.1). */
static void list_capabilities(struct smtp *smtp, struct text *reply)
{
    const struct offer *offer = smtp_offer(smtp);

    if (smtp_has(smtp, CAP_PIPELINING))
        text_addf(reply, "\nPIPELINING");
    if (smtp_has(smtp, CAP_SIZE))
        text_addf(reply, "\nSIZE %llu", offer->size_limit);
    /* A list made for TLS may lie; STARTTLS is refused all the same. */
    if (smtp_offers_tls(smtp) ||
        (offer == &smtp->server->options->offer_after_tls && smtp_has(smtp, CAP_STARTTLS)))
        text_addf(reply, "\nSTARTTLS");
    if (smtp_offers_auth(smtp) && offer->auth != NULL)
        text_addf(reply, "\n%s", offer->auth);
    else if (smtp_offers_auth(smtp))
        text_addf(reply, "\nAUTH %s", smtp->server->options->mechs);
    if (smtp_has(smtp, CAP_ENHANCED))
        text_addf(reply, "\nENHANCEDSTATUSCODES");
    if (smtp_has(smtp, CAP_8BITMIME))
        text_addf(reply, "\n8BITMIME");
    if (smtp_has(smtp, CAP_SMTPUTF8))
        text_addf(reply, "\nSMTPUTF8");
    if (smtp_has(smtp, CAP_DSN))
        text_addf(reply, "\nDSN");
    if (smtp_has(smtp, CAP_CHUNKING))
        text_addf(reply, "\nCHUNKING");
    for (size_t i = 0; i < offer->extra_count; i++)
        text_addf(reply, "\n%s", offer->extra[i]);
}

static int hello(struct smtp *smtp, const char *args, bool esmtp)
{
    enum stage stage = esmtp ? STAGE_EHLO : STAGE_HELO;
    struct text reply = {NULL, 0};
    int code;

    if (!good_domain(args)) {
        text_addf(&reply, "501 A domain or an address literal is needed");
    } else {
        text_addf(&reply, "250 localhost greets %s", args);
        if (esmtp)
            list_capabilities(smtp, &reply);
    }
    code = reply_send(smtp, stage, reply.s);
    text_free(&reply);
    if (code / 100 == 2) {
        smtp_forget(smtp);
        smtp->greeted = true;
        smtp->esmtp = esmtp;
    }
    return code < 0 ? -1 : 0;
}

static int do_ehlo(struct smtp *smtp, char *args)
{
    return hello(smtp, args, true);
}

static int do_helo(struct smtp *smtp, char *args)
{
    return hello(smtp, args, false);
}

/* The handshake, or what is wanted in its place. */
static int secure(struct smtp *smtp)
{
    if (reply_instead(smtp, STAGE_HANDSHAKE) < 0)
        return -1;
    return tls_handshake(smtp->server->tls, smtp->conn);
}

/* RFC 3207. What came before TLS is forgotten, commands that were sent along included. */
static int do_starttls(struct smtp *smtp, char *args)
{
    struct conn *conn = smtp->conn;
    const char *reply = "220 2.0.0 Go ahead";
    int code;

    if (conn->tls != NULL)
        reply = "503 5.5.1 TLS is on already";
    else if (!smtp_offers_tls(smtp))
        reply = "502 5.5.1 Not offered";
    else if (*args != '\0')
        reply = "501 5.5.4 STARTTLS takes no parameter";
    code = reply_send(smtp, STAGE_STARTTLS, reply);
    if (code / 100 != 2 || conn->tls != NULL || smtp->server->tls == NULL)
        return code < 0 ? -1 : 0;
    if (conn->pos < conn->end)
        transcript_note(&conn->log, "%zu bytes before TLS", conn->end - conn->pos);
    conn->pos = conn->end = 0;
    if (conn_flush(conn) < 0 || secure(smtp) < 0)
        return -1;
    smtp_forget(smtp);
    smtp->greeted = smtp->esmtp = false;
    smtp->user[0] = '\0';
    return 0;
}

static int do_rset(struct smtp *smtp, char *args)
{
    int code = reply_send(smtp, STAGE_RSET,
                          *args == '\0' ? "250 2.0.0 Ok" : "501 5.5.4 RSET takes no parameter");

    if (code / 100 == 2)
        smtp_forget(smtp);
    return code < 0 ? -1 : 0;
}

static int do_quit(struct smtp *smtp, char *args)
{
    (void)args;
    if (reply_send(smtp, STAGE_QUIT, "221 2.0.0 Bye") >= 0)
        conn_finish(smtp->conn);
    return -1;
}

static int do_noop(struct smtp *smtp, char *args)
{
    (void)args;
    return reply_plain(smtp, "250 2.0.0 Ok");
}

static int do_vrfy(struct smtp *smtp, char *args)
{
    return reply_plain(smtp, *args == '\0' ? "501 5.5.4 VRFY whom?"
                                           : "252 2.0.0 Not said, but mail is welcome");
}

static int do_help(struct smtp *smtp, char *args)
{
    (void)args;
    return reply_plain(smtp, "214 2.0.0 RFC 5321");
}

static const struct command {
    const char *verb;
    int (*run)(struct smtp *, char *);
} commands[] = {
    {"EHLO", do_ehlo},   {"HELO", do_helo},         {"MAIL", smtp_mail}, {"RCPT", smtp_rcpt},
    {"DATA", smtp_data}, {"BDAT", smtp_bdat},       {"RSET", do_rset},   {"QUIT", do_quit},
    {"AUTH", smtp_auth}, {"STARTTLS", do_starttls}, {"NOOP", do_noop},   {"VRFY", do_vrfy},
    {"HELP", do_help},
};

static int run_line(struct smtp *smtp, char *line, size_t len)
{
    size_t verb = strcspn(line, " ");
    char *args = line + verb + (line[verb] == ' ');

    if (strlen(line) != len)
        return reply_plain(smtp, "500 5.5.2 A NUL in a command");
    if (smtp->refused && strcasecmp(line, "QUIT") != 0)
        return reply_plain(smtp, "503 5.5.1 No service here");
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
        if (strlen(commands[i].verb) == verb && strncasecmp(commands[i].verb, line, verb) == 0)
            return commands[i].run(smtp, args);
    return reply_plain(smtp, "500 5.5.2 Unknown command");
}

static void dialogue(struct smtp *smtp)
{
    if (greet(smtp) < 0)
        return;
    for (;;) {
        char *line;
        size_t len;
        int rc = conn_read_line(smtp->conn, &line, &len);

        if (rc == 0)
            rc = run_line(smtp, line, len);
        else if (rc > 0)
            rc = reply_plain(smtp, "500 5.5.2 Line too long");
        if (rc < 0)
            return;
    }
}

void smtp_serve(const struct server *server, struct conn *conn, unsigned long long number,
                bool implicit_tls)
{
    struct smtp *smtp = must_calloc(1, sizeof(*smtp));
    size_t scripts = server->options->scripts.count;

    smtp->conn = conn;
    smtp->server = server;
    transcript_note(&conn->log, "connect");
    if (!implicit_tls || secure(smtp) == 0) {
        if (scripts == 0)
            dialogue(smtp);
        else
            script_run(server->scripts[number <= scripts ? number - 1 : scripts - 1], server,
                       conn);
    }
    smtp_forget(smtp);
    free(smtp);
    conn_note_end(conn);
}
