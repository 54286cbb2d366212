/* test_options.c: argv and the environment, into settings. */
#include "tap.h"

#include "base/clock.h"
#include "conf/argv.h"
#include "conf/options.h"

#include <stdlib.h>
#include <sysexits.h>

enum { WORDS = 16 };

/* One command line read. */
struct reading {
    struct assignments words;
    struct settings settings;
    char **recipients;
    struct err e;
    int status;
};

static void read_words(struct reading *r, int argc, char **argv)
{
    *r = (struct reading){.e = ERR_INIT};
    settings_init(&r->settings);
    r->status = options_read(argc, argv, false, &r->words, &r->recipients, &r->e);
    if (!r->status)
        r->status = assignments_apply(&r->words, &r->settings, &r->e);
}

/* Read the words behind the program's name. They are borrowed: static in each test. */
static void read_line(struct reading *r, const char *const *words)
{
    static char *argv[WORDS + 2];
    int argc = 1;

    argv[0] = (char[]){"smtpsend"};
    for (; words[argc - 1] && argc <= WORDS; argc++)
        argv[argc] = (char *)(uintptr_t)words[argc - 1];
    argv[argc] = NULL;
    read_words(r, argc, argv);
    argv[0] = NULL;
}

#define READ(r, ...) read_line(r, (const char *const[]){__VA_ARGS__, NULL})

static void finish(struct reading *r)
{
    free(r->recipients);
    assignments_release(&r->words);
    err_release(&r->e);
}

static bool has_recipients(const struct reading *r, const char *first, const char *second)
{
    if (r->status || !r->recipients)
        return false;
    if (!first)
        return !r->recipients[0];
    if (!r->recipients[0] || strcmp(r->recipients[0], first) != 0)
        return false;
    if (!second)
        return !r->recipients[1];
    return r->recipients[1] && !strcmp(r->recipients[1], second) && !r->recipients[2];
}

static bool is(const char *value, const char *want)
{
    return value && !strcmp(value, want);
}

static void defaults(void)
{
    struct reading r;

    read_line(&r, (const char *const[]){NULL});
    ok(has_recipients(&r, NULL, NULL), "no words at all");
    ok(r.settings.connect_timeout_ms == 30000 && r.settings.timeout_ms == -1 &&
           r.settings.deadline_ms == -1 && r.settings.add_headers && !r.settings.server &&
           !r.settings.verbose && !r.settings.quiet,
       "the defaults");
    finish(&r);
    read_words(&r, 0, (char *[]){NULL});
    ok(has_recipients(&r, NULL, NULL), "not even a name of the program");
    finish(&r);
}

static void values(void)
{
    struct reading r;

    READ(&r, "--server", "h", "--port=26", "a@x", "--helo", "me", "b@x");
    ok(has_recipients(&r, "a@x", "b@x") && is(r.settings.server, "h") &&
           is(r.settings.port, "26") && is(r.settings.helo, "me"),
       "options and recipients may mix");
    finish(&r);
    READ(&r, "--server=smtp://me%40x@h:1/?a=b", "-f=me@x");
    ok(is(r.settings.server, "smtp://me%40x@h:1/?a=b") && is(r.settings.from, "=me@x"),
       "only the first '=' of a long option is ours");
    finish(&r);
    READ(&r, "--server", "one", "--server=two", "-f", "a", "--from", "b");
    ok(is(r.settings.server, "two") && is(r.settings.from, "b"), "the last one wins");
    finish(&r);
    READ(&r, "--from=", "--helo", "");
    ok(!r.status && is(r.settings.from, "") && is(r.settings.helo, ""), "empty values");
    finish(&r);
    READ(&r, "-f", "", "-r", "<>", "-F", "");
    ok(!r.status && is(r.settings.from, "<>") && is(r.settings.full_name, ""),
       "empty values of letters");
    finish(&r);
    READ(&r, "-f", "-t", "-F", "--", "--helo", "--quiet");
    ok(!r.status && is(r.settings.from, "-t") && is(r.settings.full_name, "--") &&
           is(r.settings.helo, "--quiet") && !r.settings.header_recipients && !r.settings.quiet,
       "a value is the next word whatever it looks like");
    finish(&r);
    READ(&r, "--helo", "!#:+", "a@x", "-F!#:+", "--from=!#:+");
    ok(has_recipients(&r, "a@x", NULL) && is(r.settings.helo, "!#:+") &&
           is(r.settings.full_name, "!#:+") && is(r.settings.from, "!#:+"),
       "popt's own sign for the next word is a value like others");
    finish(&r);
    READ(&r, "--timeout", "1.5", "--deadline=2h", "--connect-timeout", "010");
    ok(!r.status && r.settings.timeout_ms == 1500 && r.settings.deadline_ms == 7200000 &&
           r.settings.connect_timeout_ms == 10000,
       "durations, in base ten");
    finish(&r);
    READ(&r, "--tls", "off");
    ok(!r.status && is(r.settings.tls, "off"), "a choice");
    finish(&r);
}

static void clusters(void)
{
    struct reading r;

    READ(&r, "-ti", "-vv", "-46", "a@x");
    ok(has_recipients(&r, "a@x", NULL) && r.settings.header_recipients &&
           r.settings.ignore_dots && r.settings.verbose == 2 && r.settings.ipv4 &&
           r.settings.ipv6,
       "letters in clusters");
    finish(&r);
    READ(&r, "-tifme@x", "-vFA Name");
    ok(!r.status && is(r.settings.from, "me@x") && is(r.settings.full_name, "A Name") &&
           r.settings.verbose == 1,
       "the last of a cluster may have its value attached");
    finish(&r);
    READ(&r, "-tf", "me@x", "a@x");
    ok(has_recipients(&r, "a@x", NULL) && is(r.settings.from, "me@x"), "or detached");
    finish(&r);
    READ(&r, "-ftv");
    ok(!r.status && is(r.settings.from, "tv") && !r.settings.verbose, "the rest is its value");
    finish(&r);
    READ(&r, "-oi", "-o", "i");
    ok(!r.status && is(r.settings.sendmail_o.at[0], "i"), "-oi attached and detached");
    finish(&r);
    READ(&r, "-v", "-v", "-v", "-v");
    ok(!r.status && r.settings.verbose == 4, "each -v counts");
    finish(&r);
    READ(&r, "-t", "-t");
    ok(!r.status && r.settings.header_recipients, "a switch twice is on");
    finish(&r);
    READ(&r, "-f\xc3\xa9@x", "-F", "\xff\xfe");
    ok(!r.status && is(r.settings.from, "\xc3\xa9@x") && is(r.settings.full_name, "\xff\xfe"),
       "any bytes in values");
    finish(&r);
}

static void ends(void)
{
    struct reading r;

    READ(&r, "--quiet", "--", "-t", "--helo");
    ok(has_recipients(&r, "-t", "--helo") && r.settings.quiet && !r.settings.helo,
       "-- ends the options");
    finish(&r);
    READ(&r, "--", "--");
    ok(has_recipients(&r, "--", NULL), "a second -- is a recipient");
    finish(&r);
    READ(&r, "-", "", "-v");
    ok(has_recipients(&r, "-", "") && r.settings.verbose == 1, "- and '' are no options");
    finish(&r);
    setenv("POSIXLY_CORRECT", "1", 1);
    READ(&r, "a@x", "-v", "--quiet");
    ok(has_recipients(&r, "a@x", NULL) && r.settings.verbose == 1 && r.settings.quiet,
       "POSIXLY_CORRECT changes nothing");
    unsetenv("POSIXLY_CORRECT");
    finish(&r);
}

static void switches(void)
{
    static const char *const yes[] = {"yes", "on", "true", "1", "YES"};
    static const char *const no[] = {"no", "off", "false", "0", "No"};
    static const char *const bad[] = {"", "y", "2", "yess", "maybe"};
    struct reading r;
    char word[64];
    size_t i;

    for (i = 0; i < 5; i++) {
        snprintf(word, sizeof(word), "--quiet=%s", yes[i]);
        READ(&r, word);
        ok(!r.status && r.settings.quiet, "%s", word);
        finish(&r);
        snprintf(word, sizeof(word), "--add-headers=%s", no[i]);
        READ(&r, word);
        ok(!r.status && !r.settings.add_headers, "%s", word);
        finish(&r);
        snprintf(word, sizeof(word), "--quiet=%s", bad[i]);
        READ(&r, word);
        ok(r.status == -1 && r.e.kind == ERR_USAGE && strstr(r.e.message, "--quiet"),
           "%s is refused", word);
        finish(&r);
    }
    READ(&r, "--quiet", "no");
    ok(has_recipients(&r, "no", NULL) && r.settings.quiet,
       "a switch has its value attached or none");
    finish(&r);
    READ(&r, "--require-all", "--require-all=no");
    ok(!r.status && !r.settings.require_all, "the last one wins");
    finish(&r);
}

static const struct {
    const char *words[3];
    const char *say; /* a part of the message */
} refused[] = {
    {{"--bogus"}, "--bogus"},
    {{"--bogus=1"}, "--bogus"},
    {{"--serve", "h"}, "--serve"},
    {{"--SERVER", "h"}, "--SERVER"},
    {{"--server1", "h"}, "--server1"},
    {{"-server", "h"}, "unknown option"},
    {{"-Z"}, "-Z"},
    {{"-tZ"}, "Z"},
    {{"-vvZv"}, "Z"},
    {{"-="}, ""},
    {{"-t="}, ""},
    {{"-t=yes"}, ""},
    {{"-v=2"}, ""},
    {{"-\xc3\xa9"}, "unknown option"},
    {{"-t\xc3\xa9"}, "unknown option"},
    {{"-t\xff"}, "unknown option"},
    {{"-\x1b[31m"}, "unknown option"},
    {{"- "}, "unknown option"},
    {{"-t-"}, "unknown option"},
    {{"-t-", "--bogus"}, "unknown option"},
    {{"-v--quiet"}, "unknown option"},
    {{"--="}, "unknown option"},
    {{"--=x", "--bogus"}, "unknown option"},
    {{"---"}, "unknown option"},
    {{"--server"}, "'--server' needs a value"},
    {{"-t", "--server"}, "'--server' needs a value"},
    {{"-f"}, "'-f' needs a value"},
    {{"-tvf"}, "'-f' needs a value"},
    {{"--tls", "on"}, "--tls"},
    {{"--tls="}, "--tls"},
    {{"--tls=required|implicit"}, "--tls"},
    {{"--tls=offf"}, "--tls"},
    {{"--timeout", "1w"}, "--timeout"},
    {{"--timeout="}, "--timeout"},
    {{"--timeout", "-1"}, "--timeout"},
    {{"--help=maybe"}, "--help"},
    {{"--ipv4"}, "--ipv4"},
    {{"--verbose"}, "--verbose"},
};

/* Nothing of a bad command line must be passed over in silence. */
static void refusals(void)
{
    struct reading r;
    size_t i;

    for (i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        const char *p;
        bool clean = true;

        READ(&r, refused[i].words[0], refused[i].words[1], refused[i].words[2]);
        for (p = r.e.message; *p; p++)
            clean = clean && *p >= ' ';
        if (!ok(r.status == -1 && err_exit_status(r.e.kind) == EX_USAGE &&
                    r.e.stage == STAGE_CONFIG && strstr(r.e.message, refused[i].say) && clean,
                "bad command line %zu is refused", i + 1))
            printf("# '%s': %s\n", refused[i].words[0], r.e.message);
        finish(&r);
    }
}

/* popt is given every word taken apart, and values by reference. */
static void parts(void)
{
    char *argv[] = {(char[]){"name"},       (char[]){"-tvfme"},
                    (char[]){"--helo=a=b"}, (char[]){"--port"},
                    (char[]){"--"},         (char[]){"--quiet=no"},
                    (char[]){"x"},          (char[]){"--"},
                    (char[]){"-t"},         NULL};
    static const char *const want[] = {"smtpsend", "-t", "0",      "-v", "1",       "-f", "2",
                                       "--helo",   "3",  "--port", "4",  "--quiet", "5"};
    struct argv_parts p;
    struct err e = ERR_INIT;
    bool same;
    int i;

    ok(argv_split(9, argv, false, &p, &e) == 0 && p.option_count == 13 && p.value_count == 6 &&
           p.recipient_count == 2,
       "taken apart");
    same = p.option_count == 13;
    for (i = 0; same && i < 13; i++)
        same = is(p.options[i], want[i]);
    ok(same && !p.options[13], "into these words");
    ok(!argv_value(&p, "0") && !argv_value(&p, "1") && is(argv_value(&p, "2"), "me") &&
           is(argv_value(&p, "3"), "a=b") && argv_value(&p, "4") == argv[4] &&
           is(argv_value(&p, "5"), "no"),
       "and these values");
    ok(p.recipients[0] == argv[6] && p.recipients[1] == argv[8] && !p.recipients[2],
       "recipients are words of argv");
    argv_parts_free(&p);
    argv_parts_free(&p);
    ok(!p.options, "freed twice");
}

/* COUNT words like WORD, some megabytes in all. */
static void many(const char *word, int count, const char *name)
{
    char **argv = calloc((size_t)count + 2, sizeof(*argv));
    int64_t before = clock_now();
    struct reading r;
    int i, found = 0;

    if (!argv)
        abort();
    argv[0] = (char[]){"smtpsend"};
    for (i = 1; i <= count; i++)
        argv[i] = (char *)(uintptr_t)word;
    read_words(&r, count + 1, argv);
    while (r.recipients && r.recipients[found])
        found++;
    ok(!r.status && (word[0] == '-' || found == count), "%s", name);
    ok(clock_now() - before < INT64_C(60000000000), "in bounded time");
    finish(&r);
    free(argv);
}

static void large(void)
{
    static char cluster[131072], value[131072];
    struct reading r;

    many("somebody@example.org", 100000, "2 MB of recipients");
    many("-v", 700000, "2 MB of letters");
    many("--require-all", 150000, "2 MB of long options");
    many("--helo=example.org", 110000, "2 MB of options with values");
    memset(cluster, 'v', sizeof(cluster) - 1);
    cluster[0] = '-';
    many(cluster, 16, "2 MB of letters in clusters");
    READ(&r, cluster);
    ok(!r.status && r.settings.verbose == (int)sizeof(cluster) - 2, "each letter counts");
    finish(&r);
    memset(value, 'x', sizeof(value) - 1);
    READ(&r, "--helo", value, "-F", value);
    ok(!r.status && r.settings.helo == value && r.settings.full_name == value,
       "values of 128 kB, not copied");
    finish(&r);
    memcpy(value, "--", 2);
    READ(&r, value);
    ok(r.status == -1 && r.e.kind == ERR_USAGE && strlen(r.e.message) < 500,
       "an unknown name of 128 kB is told in part");
    finish(&r);
}

static void environment(void)
{
    struct assignments variables = {0};
    struct settings s;
    struct err e = ERR_INIT;

    settings_init(&s);
    setenv("SMTPSEND_SERVER", "h", 1);
    setenv("SMTPSEND_TLS_INSECURE", "yes", 1);
    setenv("SMTPSEND_CONNECT_TIMEOUT", "2m", 1);
    setenv("SMTPSEND_ADD_HEADERS", "no", 1);
    setenv("SMTPSEND_FROM", "", 1);
    setenv("SMTPSEND_HELP", "yes", 1);
    setenv("SMTPSEND_", "x", 1);
    setenv("SMTPSEND_helo", "x", 1);
    ok(!environment_read(&variables, &e) && !assignments_apply(&variables, &s, &e) &&
           is(s.server, "h") && s.tls_insecure && s.connect_timeout_ms == 120000 &&
           !s.add_headers,
       "settings of the environment");
    ok(!s.from, "set to nothing is unset");
    ok(!s.help && !s.helo, "acts and other names are not for it");
    setenv("SMTPSEND_CONNECT_TIMEOUT", "soon\x1b", 1);
    assignments_release(&variables);
    ok(!environment_read(&variables, &e) && assignments_apply(&variables, &s, &e) == -1 &&
           e.kind == ERR_USAGE && e.stage == STAGE_CONFIG &&
           strstr(e.message, "SMTPSEND_CONNECT_TIMEOUT") && !strchr(e.message, '\x1b'),
       "a bad value names its variable");
    err_release(&e);
    clearenv();
    assignments_release(&variables);
    ok(!environment_read(&variables, &e) && !variables.count, "no environment");
}

/* Every row is usable, and told by --help on a screen of 80 columns. */
static void table(void)
{
    const struct option_row *row, *other;
    struct buf text;
    char item[64];
    size_t line, rows = 0;
    const char *at;
    int bad = 0;

    buf_init(&text, 65536);
    options_usage(&text);
    ok(!text.failed, "a usage text");
    for (row = option_rows(); row->name; row++) {
        rows++;
        snprintf(item, sizeof(item), row->name[0] ? "--%s" : "-%s%c", row->name, row->letter);
        bad += (row->group[0] && !strstr(text.data, item)) || (!row->name[0] && !row->letter);
        for (other = option_rows(); other != row; other++)
            bad += (row->name[0] && !strcmp(row->name, other->name)) ||
                   (row->letter && row->letter == other->letter);
    }
    ok(rows > 20 && !bad, "names each option, none twice");
    for (at = text.data, bad = 0; *at; at += line + 1) {
        line = strcspn(at, "\n");
        if (line > 80)
            printf("# %.*s\n", (int)line, at);
        bad += line > 80;
    }
    ok(!bad, "in lines of 80 columns");
    buf_release(&text);
}

int main(void)
{
    defaults();
    values();
    clusters();
    ends();
    switches();
    refusals();
    parts();
    large();
    environment();
    table();
    return tap_end();
}
