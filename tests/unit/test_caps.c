/* test_caps.c: what EHLO offers, and the mechanisms of AUTH. */
#include "tap.h"

#include "smtp/caps.h"

#include <stdlib.h>

/* Parse LEN bytes, no more, after a line of greeting. */
static void parse(struct caps *c, const char *text, size_t len)
{
    char *exact = malloc(len + 3);

    if (!exact)
        abort();
    memcpy(exact, "hi\n", 3);
    memcpy(exact + 3, text, len);
    caps_parse(c, exact, len + 3);
    free(exact);
}

static void keywords(void)
{
    static const struct {
        const char *text;
        unsigned bits;
        uint64_t size;
        const char *mechanisms;
    } table[] = {
        {"", 0, 0, ""},
        {"STARTTLS", CAP_STARTTLS, 0, ""},
        {"starttls\npipelining\nChunking", CAP_STARTTLS | CAP_PIPELINING | CAP_CHUNKING, 0, ""},
        {"8BITMIME\nSMTPUTF8\nDSN\nENHANCEDSTATUSCODES",
         CAP_8BITMIME | CAP_SMTPUTF8 | CAP_DSN | CAP_ENHANCED_CODES, 0, ""},
        {"STARTTLS ", CAP_STARTTLS, 0, ""},
        {"STARTTLS some parameter", CAP_STARTTLS, 0, ""},
        {"DSN\tx", CAP_DSN, 0, ""},
        {"XSTARTTLS\nSTARTTLSX\nSTART\nHELP\nSTARTTLS=1", 0, 0, ""},
        {" STARTTLS", 0, 0, ""},
        {"\n\nDSN\n\n", CAP_DSN, 0, ""},
        {"HELP STARTTLS", 0, 0, ""},
        {"SIZE", CAP_SIZE, 0, ""},
        {"SIZE ", CAP_SIZE, 0, ""},
        {"SIZE 0", CAP_SIZE, 0, ""},
        {"SIZE 35882577", CAP_SIZE, 35882577, ""},
        {"size 00010", CAP_SIZE, 10, ""},
        {"SIZE 9223372036854775807", CAP_SIZE, INT64_MAX, ""},
        {"SIZE 9223372036854775808", CAP_SIZE, 0, ""},
        {"SIZE 99999999999999999999999999999999", CAP_SIZE, 0, ""},
        {"SIZE -1", CAP_SIZE, 0, ""},
        {"SIZE 10k", CAP_SIZE, 0, ""},
        {"SIZE 10 20", CAP_SIZE, 10, ""},
        {"SIZE 10\nSIZE 20", CAP_SIZE, 20, ""},
        {"AUTH PLAIN LOGIN", CAP_AUTH, 0, "PLAIN LOGIN "},
        {"auth  plain\tX-Y_1 ", CAP_AUTH, 0, "plain X-Y_1 "},
        {"AUTH", CAP_AUTH, 0, ""},
        {"AUTH=PLAIN LOGIN", CAP_AUTH, 0, "PLAIN LOGIN "},
        {"AUTH=LOGIN\nAUTH PLAIN", CAP_AUTH, 0, "LOGIN PLAIN "},
        {"AUTHX PLAIN\nAUT PLAIN\nXAUTH PLAIN", 0, 0, ""},
    };
    struct caps c;
    size_t i;

    caps_init(&c);
    for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        parse(&c, table[i].text, strlen(table[i].text));
        if (!ok(c.bits == table[i].bits && c.size_limit == table[i].size &&
                    !strcmp(c.mechanisms.data, table[i].mechanisms),
                "EHLO sample %zu", i + 1))
            printf("# bits %#x, size %llu, mechanisms '%s'\n", c.bits,
                   (unsigned long long)c.size_limit, c.mechanisms.data);
    }
    caps_parse(&c, "STARTTLS", 8);
    ok(c.bits == 0, "the first line is no keyword");
    caps_parse(&c, "", 0);
    ok(c.bits == 0, "no text at all");
    parse(&c, "DSN\nAUTH PLAIN\nSIZE 5", 21);
    caps_clear(&c);
    ok(c.bits == 0 && c.size_limit == 0 && !caps_has_mechanism(&c, "PLAIN"), "forgotten");
    caps_release(&c);
    caps_release(&c);
}

static void times(void)
{
    static const struct {
        const char *text;
        uint64_t deliver_min, hold_max;
        int64_t hold_until;
    } table[] = {
        {"DELIVERBY\nFUTURERELEASE", 0, 0, 0},
        {"deliverby 240\nfuturerelease 86400 2028-02-29T12:00:00Z", 240, 86400, 1835438400},
        {"DELIVERBY 240 x\nFUTURERELEASE 1 1970-01-01T00:00:01Z x", 240, 1, 1},
        {"DELIVERBY -1\nFUTURERELEASE x 2028-02-30T12:00:00Z", 0, 0, 0},
        {"DELIVERBY 99999999999999999999\nFUTURERELEASE 5 "
         "2028-02-29T12:00:00Z2028-02-29T12:00:00Z",
         0, 5, 0},
        {"DELIVERBY 1 \nFUTURERELEASE 5 ", 1, 5, 0},
    };
    struct caps c;
    size_t i;

    caps_init(&c);
    for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        parse(&c, table[i].text, strlen(table[i].text));
        if (!ok(c.deliver_min == table[i].deliver_min && c.hold_max == table[i].hold_max &&
                    c.hold_until == table[i].hold_until,
                "times sample %zu", i + 1))
            printf("# %llu, %llu, %lld\n", (unsigned long long)c.deliver_min,
                   (unsigned long long)c.hold_max, (long long)c.hold_until);
    }
    caps_release(&c);
}

static void mechanisms(void)
{
    struct caps c;

    caps_init(&c);
    ok(!caps_has_mechanism(&c, "PLAIN"), "nothing, no mechanism");
    parse(&c, "AUTH LOGIN SCRAM-SHA-256 plain", 30);
    ok(caps_has_mechanism(&c, "PLAIN") && caps_has_mechanism(&c, "login") &&
           caps_has_mechanism(&c, "SCRAM-SHA-256"),
       "found in any case");
    ok(!caps_has_mechanism(&c, "SCRAM-SHA-256-PLUS") && !caps_has_mechanism(&c, "SCRAM-SHA") &&
           !caps_has_mechanism(&c, "LOG") && !caps_has_mechanism(&c, ""),
       "whole words only");
    parse(&c, "AUTH PL\0AIN LOGIN", 17);
    ok(caps_has_mechanism(&c, "LOGIN") && !caps_has_mechanism(&c, "PLAIN"),
       "a NUL joins nothing");
    parse(&c, "AUTH X\0", 7);
    ok(!caps_has_mechanism(&c, "PLAIN"), "a NUL at the end");
    caps_release(&c);
}

/* More mechanisms than are kept: each search must end within the buffer. */
static void too_many(void)
{
    static char text[16384];
    struct caps c;
    size_t i, len;

    for (len = 4060; len < 4110; len++) {
        memcpy(text, "AUTH ", 5);
        memset(text + 5, 'x', len);
        caps_init(&c);
        parse(&c, text, 5 + len);
        if (caps_has_mechanism(&c, "PLAIN") || c.mechanisms.len > 4096)
            break;
        caps_release(&c);
    }
    ok(len == 4110, "one very long name");
    for (i = 5; i + 6 < sizeof(text); i += 6)
        memcpy(text + i, "PLAIN ", 6);
    caps_init(&c);
    parse(&c, text, i);
    ok(c.bits == CAP_AUTH && caps_has_mechanism(&c, "PLAIN") &&
           !caps_has_mechanism(&c, "LOGIN"),
       "a great many names");
    parse(&c, "AUTH LOGIN", 10);
    ok(caps_has_mechanism(&c, "LOGIN"), "the next reply is read afresh");
    caps_release(&c);
}

int main(void)
{
    keywords();
    times();
    mechanisms();
    too_many();
    return tap_end();
}
