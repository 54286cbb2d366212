/* test_server.c: where to send, as the user writes it. */
#include "tap.h"

#include "net/server.h"

#include <stdlib.h>

struct good {
    const char *text, *host, *port, *user;
    enum tls_mode tls;
    bool submission;
};

static bool same(const char *a, const char *b)
{
    return a && b ? !strcmp(a, b) : a == b;
}

static const char *or_none(const char *text)
{
    return text ? text : "-";
}

static void parse_good(void)
{
    static const struct good table[] = {
        {"example.org", "example.org", NULL, NULL, TLS_MODE_DEFAULT, false},
        {"EXAMPLE.org.", "EXAMPLE.org.", NULL, NULL, TLS_MODE_DEFAULT, false},
        {"localhost", "localhost", NULL, NULL, TLS_MODE_DEFAULT, false},
        {"a_b-c.example", "a_b-c.example", NULL, NULL, TLS_MODE_DEFAULT, false},
        {"b\xc3\xbc"
         "cher.example",
         "b\xc3\xbc"
         "cher.example",
         NULL, NULL, TLS_MODE_DEFAULT, false},
        {"example.org:2525", "example.org", "2525", NULL, TLS_MODE_DEFAULT, false},
        {"example.org:submission", "example.org", "submission", NULL, TLS_MODE_DEFAULT, false},
        {"example.org:65535", "example.org", "65535", NULL, TLS_MODE_DEFAULT, false},
        {"192.0.2.1", "192.0.2.1", NULL, NULL, TLS_MODE_DEFAULT, false},
        {"192.0.2.1:25", "192.0.2.1", "25", NULL, TLS_MODE_DEFAULT, false},
        {"::1", "::1", NULL, NULL, TLS_MODE_DEFAULT, false},
        {"2001:db8::25", "2001:db8::25", NULL, NULL, TLS_MODE_DEFAULT, false},
        {"[::1]", "::1", NULL, NULL, TLS_MODE_DEFAULT, false},
        {"[2001:db8::1]:587", "2001:db8::1", "587", NULL, TLS_MODE_DEFAULT, false},
        {"[::ffff:192.0.2.1]:25", "::ffff:192.0.2.1", "25", NULL, TLS_MODE_DEFAULT, false},
        {"fe80::1%eth0", "fe80::1%eth0", NULL, NULL, TLS_MODE_DEFAULT, false},
        {"[fe80::1%lo]:25", "fe80::1%lo", "25", NULL, TLS_MODE_DEFAULT, false},
        {"smtp://h", "h", "25", NULL, TLS_MODE_DEFAULT, false},
        {"SMTP://h/", "h", "25", NULL, TLS_MODE_DEFAULT, false},
        {"smtp://h:2525", "h", "2525", NULL, TLS_MODE_DEFAULT, false},
        {"submission://h", "h", "587", NULL, TLS_MODE_DEFAULT, true},
        {"submissions://h", "h", "465", NULL, TLS_MODE_IMPLICIT, true},
        {"smtps://h", "h", "465", NULL, TLS_MODE_IMPLICIT, true},
        {"submissions://h:10465/", "h", "10465", NULL, TLS_MODE_IMPLICIT, true},
        {"smtp://[::1]", "::1", "25", NULL, TLS_MODE_DEFAULT, false},
        {"smtp://[fe80::1%eth0]:26/", "fe80::1%eth0", "26", NULL, TLS_MODE_DEFAULT, false},
        {"smtp://me@h", "h", "25", "me", TLS_MODE_DEFAULT, false},
        {"submission://me%40example.org@h:1", "h", "1", "me@example.org", TLS_MODE_DEFAULT,
         true},
        {"smtp://a%3Ab%25%2f@h", "h", "25", "a:b%/", TLS_MODE_DEFAULT, false},
        {"smtp://%41%c3%A9@h", "h", "25", "A\xc3\xa9", TLS_MODE_DEFAULT, false},
        {"smtp://me@[::1]:25", "::1", "25", "me", TLS_MODE_DEFAULT, false},
        {"smtp://me@example.org@h", "h", "25", "me@example.org", TLS_MODE_DEFAULT, false},
    };
    size_t i;

    for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        const struct good *g = &table[i];
        struct server s;
        struct err e = ERR_INIT;
        int status = server_parse(&s, g->text, &e);

        if (!ok(status == 0 && s.kind == SERVER_HOST && same(s.host, g->host) &&
                    same(s.port, g->port) && same(s.user, g->user) && s.tls == g->tls &&
                    s.submission == g->submission && !s.path && s.fd == -1,
                "'%s'", g->text))
            printf("# host %s port %s user %s: %s\n", or_none(s.host), or_none(s.port),
                   or_none(s.user), e.message);
        server_release(&s);
        err_release(&e);
    }
}

static void parse_others(void)
{
    struct server s;
    struct err e = ERR_INIT;

    ok(!server_parse(&s, "unix:/run/smtp socket", &e) && s.kind == SERVER_UNIX &&
           same(s.path, "/run/smtp socket") && !s.host,
       "a Unix socket");
    server_release(&s);
    ok(!server_parse(&s, "UNIX:/a://b", &e) && s.kind == SERVER_UNIX && same(s.path, "/a://b"),
       "another, with colons");
    server_release(&s);
    ok(!server_parse(&s, "fd:0", &e) && s.kind == SERVER_FD && s.fd == 0, "a descriptor");
    server_release(&s);
    ok(!server_parse(&s, "FD:1023", &e) && s.fd == 1023, "another");
    server_release(&s);
    server_release(&s);
    ok(!s.host && s.fd == -1, "released twice");
}

static const char *const bad[] = {
    "",
    ":",
    ":25",
    "example.org:",
    "example.org:0",
    "example.org:65536",
    "example.org:99999999999999999999",
    "example.org:25x",
    "example.org:-1",
    "example.org:+25",
    "example.org: 25",
    "example.org:25:26",
    "example .org",
    "-example.org",
    ".example.org",
    "example.org/",
    "example.org\n",
    "exa\x1bmple.org",
    "me@example.org",
    "a,b",
    "[]",
    "[]:25",
    "[::1",
    "[::1]25",
    "[::1]:",
    "[::1]:0",
    "[::1]:25:26",
    "::1]",
    "[[::1]]",
    "[::g]",
    "[:::1]",
    "1:2:3",
    "12345::1",
    "[1:2:3:4:5:6:7:8:9]:25",
    "::1%eth0/x",
    "smtp://",
    "smtp:///",
    "smtp://:25",
    "smtp://h:",
    "smtp://h:x_y",
    "smtp://h/path",
    "smtp://h//",
    "smtp://h?q",
    "smtp://h/?q",
    "smtp://h#f",
    "smtp://@h",
    "smtp://me@",
    "smtp://me@:25",
    "smtp://me:secret@h",
    "smtp://me:@h",
    "smtp://:secret@h",
    "smtp://me%@h",
    "smtp://me%4@h",
    "smtp://me%4g@h",
    "smtp://me%g4@h",
    "smtp://a%00b@h",
    "smtp://%0",
    "http://h",
    "lmtp://h",
    "smtpx://h",
    "smt://h",
    "://h",
    "unix:",
    "unix:relative",
    "unix://",
    "fd:",
    "fd:-1",
    "fd:x",
    "fd:3 ",
    "fd:1048577",
    "fd:99999999999999999999",
};

static void parse_bad(void)
{
    size_t i;

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct server s;
        struct err e = ERR_INIT;
        int status = server_parse(&s, bad[i], &e);
        char name[64];
        size_t j;

        snprintf(name, sizeof(name), "%s", bad[i]);
        for (j = 0; name[j]; j++)
            name[j] = name[j] < ' ' || name[j] == '#' ? '?' : name[j];
        /* "unix://" is the root folder: a path like any other, until it is connected to. */
        if (!strcmp(bad[i], "unix://"))
            ok(status == 0, "'%s' is a path", name);
        else
            ok(status == -1 && e.kind == ERR_USAGE && e.message[0] &&
                   !strstr(e.message, "secret"),
               "'%s' is refused", name);
        server_release(&s);
        err_release(&e);
    }
}

static void parse_long(void)
{
    static char text[3000];
    struct server s;
    struct err e = ERR_INIT;

    memset(text, 'a', sizeof(text) - 1);
    text[255] = '\0';
    ok(server_parse(&s, text, &e) == 0, "a host name of 255 bytes");
    server_release(&s);
    text[255] = 'a';
    text[256] = '\0';
    ok(server_parse(&s, text, &e) == -1 && e.kind == ERR_USAGE, "one of 256");
    server_release(&s);
    memset(text, ':', sizeof(text) - 1);
    ok(server_parse(&s, text, &e) == -1 && e.kind == ERR_USAGE, "3,000 colons");
    server_release(&s);
    memcpy(text, "smtp://", 7);
    memset(text + 7, '%', sizeof(text) - 8);
    memcpy(text + sizeof(text) - 3, "@h", 2);
    ok(server_parse(&s, text, &e) == -1 && e.kind == ERR_USAGE, "3,000 percent signs");
    server_release(&s);
    err_release(&e);
}

static const struct {
    const char *text, *port;
    enum tls_mode tls;
    bool has_user;
    const char *want_port; /* NULL: refused, or no host */
    enum tls_mode want_tls;
    bool refused;
} settled[] = {
    {"h", NULL, TLS_MODE_DEFAULT, false, "25", TLS_MODE_REQUIRED, false},
    {"h", NULL, TLS_MODE_DEFAULT, true, "587", TLS_MODE_REQUIRED, false},
    {"h:26", NULL, TLS_MODE_DEFAULT, true, "26", TLS_MODE_REQUIRED, false},
    {"h:26", "27", TLS_MODE_DEFAULT, true, "27", TLS_MODE_REQUIRED, false},
    {"h", "465", TLS_MODE_DEFAULT, false, "465", TLS_MODE_IMPLICIT, false},
    {"h:465", NULL, TLS_MODE_DEFAULT, false, "465", TLS_MODE_IMPLICIT, false},
    {"h", "submissions", TLS_MODE_DEFAULT, false, "submissions", TLS_MODE_IMPLICIT, false},
    {"h", "smtps", TLS_MODE_DEFAULT, false, "smtps", TLS_MODE_IMPLICIT, false},
    {"h", "0465", TLS_MODE_DEFAULT, false, "0465", TLS_MODE_IMPLICIT, false},
    {"h", "465", TLS_MODE_REQUIRED, false, "465", TLS_MODE_REQUIRED, false},
    {"h", "465", TLS_MODE_OFF, false, "465", TLS_MODE_OFF, false},
    {"h", "4650", TLS_MODE_DEFAULT, false, "4650", TLS_MODE_REQUIRED, false},
    {"h", NULL, TLS_MODE_OPPORTUNISTIC, false, "25", TLS_MODE_OPPORTUNISTIC, false},
    {"smtp://h", NULL, TLS_MODE_DEFAULT, true, "25", TLS_MODE_REQUIRED, false},
    {"smtp://h", "2525", TLS_MODE_DEFAULT, false, "2525", TLS_MODE_REQUIRED, false},
    {"smtp://h:465", NULL, TLS_MODE_DEFAULT, false, "465", TLS_MODE_IMPLICIT, false},
    {"submission://h", NULL, TLS_MODE_DEFAULT, false, "587", TLS_MODE_REQUIRED, false},
    {"submissions://h", NULL, TLS_MODE_DEFAULT, false, "465", TLS_MODE_IMPLICIT, false},
    {"submissions://h", "587", TLS_MODE_DEFAULT, false, "587", TLS_MODE_IMPLICIT, false},
    {"submissions://h", NULL, TLS_MODE_OFF, false, "465", TLS_MODE_OFF, false},
    {"localhost", NULL, TLS_MODE_DEFAULT, false, "25", TLS_MODE_OFF, false},
    {"localhost", "465", TLS_MODE_DEFAULT, false, "465", TLS_MODE_IMPLICIT, false},
    {"127.1.2.3", NULL, TLS_MODE_DEFAULT, false, "25", TLS_MODE_OFF, false},
    {"[::1]:25", NULL, TLS_MODE_DEFAULT, false, "25", TLS_MODE_OFF, false},
    {"localhost", NULL, TLS_MODE_REQUIRED, false, "25", TLS_MODE_REQUIRED, false},
    {"submissions://localhost", NULL, TLS_MODE_DEFAULT, false, "465", TLS_MODE_IMPLICIT, false},
    {"unix:/s", NULL, TLS_MODE_DEFAULT, true, NULL, TLS_MODE_OFF, false},
    {"fd:3", NULL, TLS_MODE_DEFAULT, true, NULL, TLS_MODE_REQUIRED, false},
    {"fd:3", NULL, TLS_MODE_OFF, true, NULL, TLS_MODE_OFF, false},
    {"unix:/s", "25", TLS_MODE_DEFAULT, false, NULL, TLS_MODE_DEFAULT, true},
    {"fd:3", "25", TLS_MODE_DEFAULT, false, NULL, TLS_MODE_DEFAULT, true},
    {"h", "0", TLS_MODE_DEFAULT, false, NULL, TLS_MODE_DEFAULT, true},
    {"h", "", TLS_MODE_DEFAULT, false, NULL, TLS_MODE_DEFAULT, true},
    {"h", "25 ", TLS_MODE_DEFAULT, false, NULL, TLS_MODE_DEFAULT, true},
    {"h", "65536", TLS_MODE_DEFAULT, false, NULL, TLS_MODE_DEFAULT, true},
};

static void settle(void)
{
    size_t i;

    for (i = 0; i < sizeof(settled) / sizeof(settled[0]); i++) {
        struct server s;
        struct err e = ERR_INIT;
        int status = server_parse(&s, settled[i].text, &e);
        bool right;

        if (!status)
            status =
                server_settle(&s, settled[i].port, settled[i].tls, settled[i].has_user, &e);
        right = settled[i].refused ? status == -1 && e.kind == ERR_USAGE
                                   : status == 0 && same(s.port, settled[i].want_port) &&
                                         s.tls == settled[i].want_tls;
        if (!ok(right, "%s, --port %s, --tls %d%s", settled[i].text, or_none(settled[i].port),
                (int)settled[i].tls, settled[i].has_user ? ", a user" : ""))
            printf("# got port %s, tls %d: %s\n", or_none(s.port), (int)s.tls, e.message);
        server_release(&s);
        err_release(&e);
    }
}

static void locality(void)
{
    static const struct {
        const char *text;
        bool local;
    } table[] = {
        {"localhost", true},
        {"LOCALHOST.", true},
        {"127.0.0.1", true},
        {"127.255.255.254", true},
        {"::1", true},
        {"[0:0:0:0:0:0:0:1]", true},
        {"::ffff:127.0.0.1", true},
        {"unix:/s", true},
        {"fd:3", false},
        {"128.0.0.1", false},
        {"::2", false},
        {"::ffff:192.0.2.1", false},
        {"localhost.example", false},
        {"127.0.0.1.example.org", false},
        {"127.1", false},
        {"localhost..", false},
        {"0.0.0.0", false},
    };
    size_t i;

    for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        struct server s;
        struct err e = ERR_INIT;

        ok(!server_parse(&s, table[i].text, &e) && server_is_local(&s) == table[i].local,
           "%s is %slocal", table[i].text, table[i].local ? "" : "not ");
        server_release(&s);
    }
}

static void modes(void)
{
    enum tls_mode mode = TLS_MODE_DEFAULT;

    ok(!tls_mode_parse("required", &mode) && mode == TLS_MODE_REQUIRED, "required");
    ok(!tls_mode_parse("implicit", &mode) && mode == TLS_MODE_IMPLICIT, "implicit");
    ok(!tls_mode_parse("off", &mode) && mode == TLS_MODE_OFF, "off");
    ok(!tls_mode_parse("opportunistic", &mode) && mode == TLS_MODE_OPPORTUNISTIC,
       "opportunistic");
    ok(tls_mode_parse("", &mode) == -1 && tls_mode_parse("require", &mode) == -1 &&
           tls_mode_parse("offf", &mode) == -1 && mode == TLS_MODE_OPPORTUNISTIC,
       "no other");
}

int main(void)
{
    parse_good();
    parse_others();
    parse_bad();
    parse_long();
    settle();
    locality();
    modes();
    return tap_end();
}
