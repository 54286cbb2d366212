/* test_err.c: errors, events and deadlines. */
#include "tap.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/event.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <sysexits.h>
#include <time.h>

static void errors(void)
{
    struct err e = ERR_INIT, other = ERR_INIT;
    char raw[] = "no such\nuser";

    ok(e.kind == ERR_NONE && e.message[0] == '\0' && !e.said, "nothing at first");
    ok(err_set(&e, ERR_USAGE, "bad '%s' %d", "x", 7) == -1, "err_set returns -1");
    ok(e.kind == ERR_USAGE && !strcmp(e.message, "bad 'x' 7"), "kind and message");
    ok(err_hint(&e, "try %d", 1) == -1 && !strcmp(e.hint, "try 1"), "the hint");
    ok(err_at(&e, STAGE_RCPT) == -1 && e.stage == STAGE_RCPT, "the stage");
    err_at(&e, STAGE_CONFIG);
    ok(e.stage == STAGE_RCPT, "the bottom knows the stage best");
    err_reply(&e, 550, (struct enhanced){5, 1, 1}, raw, 7);
    memset(raw, 'x', sizeof(raw));
    ok(e.code == 550 && e.enhanced.class == 5 && e.enhanced.subject == 1 &&
           e.enhanced.detail == 1 && !strcmp(e.said, "no such"),
       "the server's words are a copy");
    err_reply(&e, 450, (struct enhanced){0, 0, 0}, "later", 5);
    ok(e.code == 450 && !strcmp(e.said, "later"), "later words replace it");
    err_set(&other, ERR_OS, "old");
    err_reply(&other, 421, (struct enhanced){0, 0, 0}, "bye", 3);
    err_move(&other, &e);
    ok(other.kind == ERR_USAGE && other.code == 450 && !strcmp(other.said, "later") &&
           !strcmp(other.hint, "try 1"),
       "moved with all it has");
    ok(e.kind == ERR_NONE && !e.said && !e.code && !e.message[0] && !e.hint[0] &&
           e.stage == STAGE_NONE,
       "nothing is left behind");
    err_set(&other, ERR_IO, "new");
    ok(!other.said && !other.code && !other.hint[0] && other.stage == STAGE_NONE &&
           !other.enhanced.class,
       "a new error forgets the old one");
    err_release(&other);
    err_release(&other);
    ok(other.kind == ERR_NONE, "released twice");
}

static void long_errors(void)
{
    struct err e = ERR_INIT;
    char text[3000];

    memset(text, 'm', sizeof(text));
    text[sizeof(text) - 1] = '\0';
    err_set(&e, ERR_USAGE, "%s", text);
    ok(strlen(e.message) == sizeof(e.message) - 1, "a long message is cut");
    err_system(&e, ERR_OS, ENOENT, "%s", text);
    ok(strlen(e.message) == sizeof(e.message) - 1 && e.sys == ENOENT, "also a system one");
    err_hint(&e, "%s", text);
    ok(strlen(e.hint) == sizeof(e.hint) - 1, "and a hint");
    err_system(&e, ERR_NOINPUT, ENOENT, "file '%s'", "x");
    ok(e.kind == ERR_NOINPUT && e.sys == ENOENT && !strncmp(e.message, "file 'x': ", 10) &&
           !strcmp(e.message + 10, strerror(ENOENT)),
       "the system's words follow");
    err_release(&e);
}

static void statuses(void)
{
    static const struct {
        enum err_kind kind;
        int status;
    } table[] = {
        {ERR_NONE, 0},
        {ERR_USAGE, EX_USAGE},
        {ERR_DATA, EX_DATAERR},
        {ERR_NOINPUT, EX_NOINPUT},
        {ERR_NOUSER, EX_NOUSER},
        {ERR_NOHOST, EX_NOHOST},
        {ERR_UNAVAILABLE, EX_UNAVAILABLE},
        {ERR_INTERNAL, EX_SOFTWARE},
        {ERR_OS, EX_OSERR},
        {ERR_CANTCREATE, EX_CANTCREAT},
        {ERR_IO, EX_IOERR},
        {ERR_TEMPORARY, EX_TEMPFAIL},
        {ERR_PROTOCOL, EX_PROTOCOL},
        {ERR_NOPERM, EX_NOPERM},
        {ERR_CONFIG, EX_CONFIG},
    };
    int stage, other, bad = 0;
    size_t i;

    for (i = 0; i < sizeof(table) / sizeof(table[0]); i++)
        ok(err_exit_status(table[i].kind) == table[i].status, "a kind exits with %d",
           table[i].status);
    ok(!strcmp(stage_name(STAGE_NONE), ""), "no stage has no name");
    for (stage = STAGE_CONFIG; stage <= STAGE_QUEUE; stage++) {
        bad += !stage_name((enum stage)stage)[0];
        for (other = STAGE_NONE; other < stage; other++)
            bad += !strcmp(stage_name((enum stage)stage), stage_name((enum stage)other));
    }
    ok(!bad, "each stage has a name of its own");
}

static void keep(void *ctx, const struct event *event)
{
    struct event *kept = ctx;

    *kept = *event;
    kept->text = NULL;
    if (event->text_len != strlen(event->text))
        kept->text_len = SIZE_MAX;
}

static void events(void)
{
    struct event kept = {0};
    struct sink deaf = {0}, sink = {keep, &kept};
    char text[3000];

    memset(text, 't', sizeof(text));
    text[sizeof(text) - 1] = '\0';
    sink_say(&deaf, EVENT_FACT, STAGE_TLS, "%s", "x");
    sink_emit(&deaf, &kept);
    ok(true, "nobody has to listen");
    sink_say(&sink, EVENT_WARNING, STAGE_TLS, "%s-%d", "x", 12);
    ok(kept.kind == EVENT_WARNING && kept.stage == STAGE_TLS && kept.text_len == 4,
       "a fact in printf's manner");
    sink_say(&sink, EVENT_FACT, STAGE_TLS, "%s", text);
    ok(kept.text_len == 1023, "a long one is cut");
}

static void deadlines(void)
{
    struct deadline never = DEADLINE_NEVER, soon = deadline_in(50), late = deadline_in(60000);
    struct timespec nap = {0, 2000000};
    int64_t before = clock_now();
    int ms;

    clock_nanosleep(CLOCK_MONOTONIC, 0, &nap, NULL);
    ok(clock_now() - before >= 2000000, "the clock runs in nanoseconds");
    ok(deadline_in(-1).at == INT64_MAX, "a negative time is never");
    ok(deadline_in(INT64_MAX).at == INT64_MAX, "so is one beyond the clock");
    ok(deadline_in(INT64_MAX / 1000000).at > 0, "nothing wraps");
    ok(!deadline_passed(never) && deadline_poll_ms(never) == -1, "never does not pass");
    ok(deadline_passed(deadline_in(0)) && deadline_poll_ms(deadline_in(0)) == 0, "now has");
    ms = deadline_poll_ms(late);
    ok(ms > 0 && ms <= 60000, "milliseconds left");
    ok(deadline_poll_ms((struct deadline){clock_now() + INT64_C(86400000) * 365 * 1000000}) ==
           INT_MAX,
       "a year is more than poll knows");
    ok(deadline_nearer(soon, late).at == soon.at && deadline_nearer(late, soon).at == soon.at &&
           deadline_nearer(never, late).at == late.at,
       "the nearer of two");
    /* Rounded up: a poll that waits so long does not wake before its time and spin. */
    soon = (struct deadline){clock_now() + 3500000};
    ms = deadline_poll_ms(soon);
    ok(ms <= 4 && (ms >= 1 || deadline_passed(soon)), "rounded up");
    while ((ms = deadline_poll_ms(soon)) > 0) {
        nap = (struct timespec){0, ms * 1000000L};
        clock_nanosleep(CLOCK_MONOTONIC, 0, &nap, NULL);
    }
    ok(deadline_passed(soon), "no time left means passed");
}

int main(void)
{
    errors();
    long_errors();
    statuses();
    events();
    deadlines();
    return tap_end();
}
