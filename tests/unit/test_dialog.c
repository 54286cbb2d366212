/* test_dialog.c: commands and replies against scripted servers, in flight together or not. */
#include "scene.h"

#include <time.h>

static void asks(void)
{
    static const char *const script[] = {"S:220 hi\r\n",
                                         "C:EHLO me",
                                         "S:250-one\r\n250-",
                                         ".",
                                         "S:two\r",
                                         ".",
                                         "S:\n250 three\r\n",
                                         "C:AUTH PLAIN c2VjcmV0",
                                         "S:235 2.7.0 welcome\n",
                                         "C:QUIT",
                                         "S:221 bye\r\n",
                                         NULL};
    struct scene s;

    play(&s, script);
    ok(!greet(&s) && s.reply->code == 220 && !strcmp(s.reply->text.data, "hi"), "the greeting");
    ok(!ask(&s, STAGE_EHLO, "EHLO me") && s.reply->code == 250 && s.reply->lines == 3 &&
           !strcmp(s.reply->text.data, "one\ntwo\nthree"),
       "a reply of three lines in pieces");
    ok(s.reply->elapsed_ns >= 40000000, "the time it took");
    ok(!dialog_ask(s.dialog, STAGE_AUTH, "AUTH PLAIN c2VjcmV0", "AUTH PLAIN <redacted>",
                   &s.reply, &s.e) &&
           s.reply->code == 235 && s.reply->enhanced.class == 2,
       "a command with a secret, a reply with a bare LF");
    dialog_quit(s.dialog);
    same_text(s.events.data,
              "< 220 hi\n> EHLO me\n< 250 one\ntwo\nthree\n> AUTH PLAIN <redacted>\n"
              "< 235 2.7.0 welcome\n> QUIT\n< 221 bye\n",
              "what observers are told");
    ok(s.e.kind == ERR_NONE, "no error");
    ok(close_scene(&s), "the server heard each command");
}

static void ends_early(void)
{
    static const char *const nothing[] = {NULL};
    static const char *const half[] = {"S:220 hi\r\n", "C:EHLO me", "S:250-half\r\n", NULL};
    static const char *const half_line[] = {"S:220 hi\r\n", "C:EHLO me", "S:250 ok", NULL};
    static const char *const refusal[] = {"S:554 5.7.1 not you\r\n", NULL};
    static const char *const garbage[] = {"S:HTTP/1.1 400 Bad Request\r\n", NULL};
    static const char *const changed[] = {"S:220-hi\r\n221 ho\r\n", NULL};
    struct scene s;

    play(&s, nothing);
    ok(greet(&s) == -1 && failed(&s, ERR_TEMPORARY, STAGE_GREETING, 0) && s.e.hint[0],
       "closed instead of a greeting");
    close_scene(&s);
    play(&s, half);
    ok(!greet(&s) && ask(&s, STAGE_EHLO, "EHLO me") == -1 &&
           failed(&s, ERR_TEMPORARY, STAGE_EHLO, 0),
       "closed within a reply of several lines is no success");
    close_scene(&s);
    play(&s, half_line);
    ok(!greet(&s) && ask(&s, STAGE_EHLO, "EHLO me") == -1 &&
           failed(&s, ERR_TEMPORARY, STAGE_EHLO, 0),
       "nor is closed within a line");
    close_scene(&s);
    play(&s, refusal);
    ok(!greet(&s) && s.reply->code == 554, "a refusal is a reply");
    close_scene(&s);
    play(&s, garbage);
    ok(greet(&s) == -1 && failed(&s, ERR_PROTOCOL, STAGE_GREETING, 0) &&
           strstr(s.e.message, "HTTP/1.1 400"),
       "no SMTP");
    close_scene(&s);
    play(&s, changed);
    ok(greet(&s) == -1 && failed(&s, ERR_PROTOCOL, STAGE_GREETING, 0), "a code that changes");
    close_scene(&s);
}

static void says_421(void)
{
    static const char *const asked[] = {"S:220 hi\r\n", "C:EHLO me", "S:421 4.3.2 bye\r\n",
                                        NULL};
    static const char *const unasked[] = {"S:220 hi\r\n421 4.4.2 idle\r\n", NULL};
    static const char *const later[] = {"S:220 hi\r\n", "C:EHLO me",
                                        "S:250 ok\r\n421 4.4.2 idle\r\n", NULL};
    struct scene s;

    play(&s, asked);
    ok(!greet(&s) && !ask(&s, STAGE_EHLO, "EHLO me") && s.reply->code == 421 &&
           dialog_is_over(s.dialog),
       "421 is a reply, and the dialogue is over");
    buf_clear(&s.events);
    dialog_quit(s.dialog);
    ok(!s.events.len, "no QUIT after it");
    close_scene(&s);
    play(&s, unasked);
    ok(!greet(&s) && ask(&s, STAGE_EHLO, "EHLO me") == -1 &&
           failed(&s, ERR_TEMPORARY, STAGE_EHLO, 421) && !strcmp(s.e.said, "4.4.2 idle"),
       "421 that nothing asked for explains the end");
    close_scene(&s);
    play(&s, later);
    ok(!greet(&s) && !ask(&s, STAGE_EHLO, "EHLO me") && s.reply->code == 250, "421 behind 250");
    ok(ask(&s, STAGE_MAIL, "MAIL FROM:<>") == -1 && failed(&s, ERR_TEMPORARY, STAGE_MAIL, 421),
       "is not the reply to the next command");
    close_scene(&s);
}

static void unasked_replies(void)
{
    static const char *const twice[] = {"S:220 hi\r\n250 ho\r\n", "C:EHLO me", NULL};
    static const char *const with_354[] = {"S:220 hi\r\n", "C:DATA",
                                           "S:354 go\r\n250 2.0.0 taken\r\n", ".", NULL};
    static const struct command dot = {.stage = STAGE_DOT};
    struct scene s;

    play(&s, twice);
    ok(!greet(&s) && ask(&s, STAGE_EHLO, "EHLO me") == -1 &&
           failed(&s, ERR_PROTOCOL, STAGE_EHLO, 250),
       "a second reply to one command");
    close_scene(&s);
    play(&s, with_354);
    ok(!greet(&s) && !ask(&s, STAGE_DATA, "DATA") && s.reply->code == 354, "go ahead");
    ok((dialog_body(s.dialog, "x\r\n.\r\n", 6, &s.e) ||
        dialog_end_body(s.dialog, &dot, false, NULL, &s.e)) &&
           s.e.kind == ERR_PROTOCOL,
       "a 250 from before the message is not the verdict on it");
    close_scene(&s);
}

/* Says its one reply in pieces, for ever. */
static bool drip_lines(int fd, const void *script)
{
    const struct timespec nap = {0, 20000000};

    (void)script;
    while (peer_say(fd, "220-x\r\n"))
        nanosleep(&nap, NULL);
    return true;
}

/* Takes 150 ms for each of ten replies. */
static bool slow_but_steady(int fd, const void *script)
{
    const struct timespec nap = {0, 150000000};
    int i;

    (void)script;
    for (i = 0; i < 10; i++) {
        if (!peer_hear(fd, NULL))
            return false;
        nanosleep(&nap, NULL);
        if (!peer_say(fd, "250 ok\r\n"))
            return false;
    }
    return true;
}

static bool silent(int fd, const void *script)
{
    (void)script;
    peer_drain(fd);
    return true;
}

static void timeouts(void)
{
    struct scene s;
    int i, bad = 0;

    open_scene(&s, silent, NULL, 0, 1200, -1);
    ok(greet(&s) == -1 && failed(&s, ERR_TEMPORARY, STAGE_GREETING, 0) &&
           strstr(s.e.message, "within 1"),
       "no greeting in time");
    close_scene(&s);
    open_scene(&s, silent, NULL, 0, 100, -1);
    ok(greet(&s) == -1 && !strstr(s.e.message, "within 0 s"),
       "a part of a second is not told as none");
    close_scene(&s);
    open_scene(&s, silent, NULL, 0, PATIENCE_MS, 100);
    ok(greet(&s) == -1 && failed(&s, ERR_TEMPORARY, STAGE_GREETING, 0) &&
           strstr(s.e.message, "deadline") && strstr(s.e.hint, "--deadline"),
       "the run's deadline, said so");
    close_scene(&s);
    open_scene(&s, drip_lines, NULL, 0, 300, -1);
    ok(greet(&s) == -1 && failed(&s, ERR_TEMPORARY, STAGE_GREETING, 0),
       "a reply that drips in line by line is bounded as a whole");
    close_scene(&s);
    open_scene(&s, slow_but_steady, NULL, 0, 1000, -1);
    for (i = 0; i < 10; i++)
        bad += ask(&s, STAGE_EHLO, "NOOP") != 0;
    ok(!bad, "each reply has the whole time to itself");
    close_scene(&s);
    open_scene(&s, silent, NULL, SMALL, 100, -1);
    dialog_quit(s.dialog);
    ok(dialog_is_over(s.dialog), "a goodbye that nobody answers");
    close_scene(&s);
}

/* What the handler has been told so far. */
struct told {
    size_t next, bad, refuse_at;
};

static int answered(void *ctx, const struct command *c, const struct reply *r, struct err *e)
{
    struct told *told = ctx;
    size_t number = strtoul(r->text.data, NULL, 10);

    if (c->index != told->next || number != c->index || c->stage != STAGE_RCPT || !c->recipient)
        told->bad++;
    told->next++;
    return c->index == told->refuse_at ? err_set(e, ERR_DATA, "enough") : 0;
}

/* Hears BATCH commands, then answers them all at length before it hears more. */
struct batches {
    size_t count, batch, padding;
};

static bool in_batches(int fd, const void *script)
{
    const struct batches *b = script;
    char *reply = malloc(b->padding + 64);
    size_t i, done, len;
    bool good = reply != NULL;

    for (done = 0; good && done < b->count; done = i) {
        for (i = done; good && i < b->count && i < done + b->batch; i++)
            good = peer_hear(fd, NULL);
        for (i = done; good && i < b->count && i < done + b->batch; i++) {
            len = (size_t)snprintf(reply, 64, "250-%zu ", i);
            memset(reply + len, '.', b->padding);
            len += b->padding;
            len += (size_t)snprintf(reply + len, 32, "\r\n250 end\r\n");
            good = peer_send(fd, reply, len);
        }
    }
    free(reply);
    return good;
}

static bool run_batches(const struct batches *b, bool pipelined, int buffer)
{
    struct told told = {.refuse_at = SIZE_MAX};
    struct dialog_handler handler = {answered, &told};
    struct command c = {.stage = STAGE_RCPT, .recipient = "x"};
    struct scene s;
    char text[128];
    bool good = true;

    open_scene(&s, in_batches, b, buffer, PATIENCE_MS, -1);
    dialog_pipeline(s.dialog, pipelined);
    for (c.index = 0; good && c.index < b->count; c.index++) {
        snprintf(text, sizeof(text), "RCPT TO:<somebody-with-a-long-name-%zu@example.org>",
                 c.index);
        good = !dialog_queue(s.dialog, &c, text, &handler, &s.e);
        good = good && (pipelined || told.next == c.index + 1);
    }
    good = good && !dialog_drain(s.dialog, &s.e) && told.next == b->count && !told.bad;
    if (!good)
        printf("# %zu answered, %zu wrong: %s\n", told.next, told.bad, s.e.message);
    return close_scene(&s) && good;
}

static void flights(void)
{
    static const struct batches one = {50, 1, 10}, most = {20000, 100, 10},
                                chatty = {2000, 200, 4000}, all = {300, 300, 15000};

    ok(run_batches(&one, false, 0), "one at a time, answered before the next");
    ok(run_batches(&one, true, 0), "a few in flight");
    ok(run_batches(&most, true, 0), "20,000 in flight, answered in order");
    /* 200 replies of 4 kB before it reads on, with room for little: both sides would write. */
    ok(run_batches(&chatty, true, SMALL), "a server that does not read while it talks");
    ok(run_batches(&all, true, SMALL), "nor with replies as long as may be");
}

static void handlers(void)
{
    static const struct batches b = {10, 1, 10};
    static const char *const ends[] = {"C:RCPT 0", "C:RCPT 1", "C:RCPT 2",
                                       "S:250 0\r\n421 1 bye\r\n", NULL};
    struct told told = {.refuse_at = 3};
    struct dialog_handler handler = {answered, &told};
    struct command c = {.stage = STAGE_RCPT, .recipient = "x"};
    struct scene s;
    char text[32];
    int status = 0;

    open_scene(&s, in_batches, &b, 0, PATIENCE_MS, -1);
    dialog_pipeline(s.dialog, true);
    for (c.index = 0; c.index < b.count; c.index++)
        status |= dialog_queue(s.dialog, &c, "RCPT", &handler, &s.e);
    ok(!status && dialog_drain(s.dialog, &s.e) == -1 && failed(&s, ERR_DATA, STAGE_RCPT, 0) &&
           told.next == 4,
       "a handler can end it");
    close_scene(&s);
    play(&s, ends);
    told = (struct told){.refuse_at = SIZE_MAX};
    dialog_pipeline(s.dialog, true);
    for (c.index = 0; c.index < 3; c.index++) {
        snprintf(text, sizeof(text), "RCPT %zu", c.index);
        status |= dialog_queue(s.dialog, &c, text, &handler, &s.e);
    }
    ok(!status && dialog_drain(s.dialog, &s.e) == -1 &&
           failed(&s, ERR_TEMPORARY, STAGE_RCPT, 421) && told.next == 2 && !told.bad &&
           !strcmp(s.e.said, "1 bye"),
       "421 to one of several, then the end: its words are the reason");
    ok(close_scene(&s), "the server heard all");
}

static void limits(void)
{
    static const char *const tls[] = {"S:220 hi\r\n", "C:STARTTLS",
                                      "S:220 go\r\n250 injected\r\n", NULL};
    static char text[2 * COMMAND_MAX + 20000];
    struct scene s;

    play(&s, tls);
    ok(!greet(&s) && !ask(&s, STAGE_STARTTLS, "STARTTLS") &&
           dialog_start_tls(s.dialog, NULL, &s.e) == -1 &&
           failed(&s, ERR_PROTOCOL, STAGE_STARTTLS, 0),
       "bytes in clear behind the reply to STARTTLS");
    ok(close_scene(&s), "the server is done");
    memset(text, 'x', COMMAND_MAX);
    open_scene(&s, silent, NULL, 0, 200, -1);
    ok(ask(&s, STAGE_AUTH, text) == -1 && s.e.sys == 0 && s.e.kind == ERR_TEMPORARY,
       "the longest command goes out");
    close_scene(&s);
    memset(text, 'x', sizeof(text) - 1);
    open_scene(&s, silent, NULL, 0, 200, -1);
    ok(ask(&s, STAGE_AUTH, text) == -1 && failed(&s, ERR_INTERNAL, STAGE_AUTH, 0),
       "one far too long does not, and it is not memory that lacks");
    close_scene(&s);
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    asks();
    ends_early();
    says_421();
    unasked_replies();
    timeouts();
    flights();
    handlers();
    limits();
    return tap_end();
}
