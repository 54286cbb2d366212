/* test_dialog_body.c: the message on its way in a dialogue, after DATA or as a chunk. */
#include "scene.h"

#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { BODY = 4 << 20 };

/* Answers DATA, hears a little, says its script and closes; or hears all. */
static bool takes_body(int fd, const void *script)
{
    const struct timespec nap = {0, 50000000};
    char bytes[1000];

    if (!peer_hear(fd, "DATA") || !peer_say(fd, "354 go\r\n"))
        return false;
    if (!script)
        return peer_drain(fd) == BODY;
    if (recv(fd, bytes, sizeof(bytes), MSG_WAITALL) != sizeof(bytes))
        return false;
    nanosleep(&nap, NULL);
    return peer_say(fd, script);
}

static int send_body(struct scene *s, const char *script, int64_t timeout_ms)
{
    static char body[BODY];

    memset(body, 'x', sizeof(body));
    open_scene(s, takes_body, script, SMALL, timeout_ms, -1);
    if (ask(s, STAGE_DATA, "DATA") || s->reply->code != 354)
        return -2;
    return dialog_body(s->dialog, body, sizeof(body), &s->e);
}

static void bodies(void)
{
    struct scene s;

    ok(!send_body(&s, NULL, PATIENCE_MS), "a body of some megabytes");
    ok(close_scene(&s), "the server has all of it");
    ok(send_body(&s, "552 5.3.4 too big\r\n", PATIENCE_MS) == -1 &&
           failed(&s, ERR_DATA, STAGE_BODY, 552) && !strcmp(s.e.said, "5.3.4 too big"),
       "refused half-way, for good");
    close_scene(&s);
    ok(send_body(&s, "452-4.3.1 disk\r\n452 4.3.1 full\r\n", PATIENCE_MS) == -1 &&
           failed(&s, ERR_TEMPORARY, STAGE_BODY, 452) &&
           !strcmp(s.e.said, "4.3.1 disk\n4.3.1 full"),
       "refused half-way, for now");
    close_scene(&s);
    ok(send_body(&s, "250 fine already\r\n", PATIENCE_MS) == -1 &&
           failed(&s, ERR_PROTOCOL, STAGE_BODY, 250),
       "accepted half-way is no acceptance");
    close_scene(&s);
    ok(send_body(&s, "", PATIENCE_MS) == -1 && failed(&s, ERR_TEMPORARY, STAGE_BODY, 0),
       "closed half-way without a word");
    close_scene(&s);
}

/* What the handler of an end heard: stages and codes, a word each. */
static int verdict(void *ctx, const struct command *c, const struct reply *r, struct err *e)
{
    struct scene *s = ctx;
    struct command more = {.stage = STAGE_DOT, .recipient = "x"};

    buf_addf(&s->events, "%s=%d ", stage_name(c->stage), r->code);
    return r->code == 353 ? dialog_expect(s->dialog, &more, e) : 0;
}

/* RCPT, then the message MAIL as a chunk or after DATA; what its end was answered is in events. */
static int send_end(struct scene *s, const char *const *script, const char *bdat, bool quit)
{
    static const char mail[] = "x\r\n.\r\n";
    const struct command rcpt = {.stage = STAGE_RCPT}, data = {.stage = STAGE_DATA},
                         chunk = {.stage = STAGE_BDAT}, dot = {.stage = STAGE_DOT};
    const struct dialog_handler handler = {verdict, s};
    int status;

    play(s, script);
    s->sink.on = NULL;
    dialog_pipeline(s->dialog, true);
    status = dialog_queue(s->dialog, &rcpt, "RCPT", &handler, &s->e);
    status = status || (bdat ? dialog_chunk(s->dialog, &chunk, bdat, &handler, &s->e)
                             : dialog_queue(s->dialog, &data, "DATA", &handler, &s->e) ||
                                   dialog_drain(s->dialog, &s->e));
    return status || dialog_body(s->dialog, mail, sizeof(mail) - 1, &s->e) ||
                   dialog_end_body(s->dialog, bdat ? NULL : &dot, quit, &handler, &s->e)
               ? -1
               : 0;
}

static void ends(void)
{
    static const char *const chunk[] = {"C:RCPT", "C:BDAT 6 LAST",        "C:x", "C:.",
                                        "C:QUIT", "S:250 a\r\n250 b\r\n", NULL};
    static const char *const alone[] = {"C:RCPT", "C:BDAT 6 LAST",        "C:x",
                                        "C:.",    "S:250 a\r\n552 b\r\n", NULL};
    static const char *const data[] = {"C:RCPT", "C:DATA", "S:250 a\r\n354 b\r\n", "C:x",
                                       "C:.",    "C:QUIT", "S:250 c\r\n",          NULL};
    static const char *const prdr[] = {"C:RCPT", "C:DATA",      "S:250 a\r\n354 b\r\n", "C:x",
                                       "C:.",    "S:353 c\r\n", "S:550 d\r\n",          NULL};
    static const char *const lost[] = {"C:RCPT", "C:BDAT 6 LAST", "C:x",
                                       "C:.",    "S:250 a\r\n",   NULL};
    struct scene s;

    ok(!send_end(&s, chunk, "BDAT 6 LAST", true) && dialog_is_over(s.dialog), "chunk and QUIT");
    same_text(s.events.data, "rcpt=250 bdat=250 ", "QUIT's reply is not waited for");
    ok(close_scene(&s), "all in one flight");
    ok(!send_end(&s, alone, "BDAT 6 LAST", false) && !dialog_is_over(s.dialog),
       "a chunk alone");
    same_text(s.events.data, "rcpt=250 bdat=552 ", "its verdict");
    close_scene(&s);
    ok(!send_end(&s, data, NULL, true) && dialog_is_over(s.dialog), "DATA, dot and QUIT");
    same_text(s.events.data, "rcpt=250 data=354 dot=250 ", "each answered in its order");
    ok(close_scene(&s), "as the server heard it");
    ok(!send_end(&s, prdr, NULL, false), "more replies than commands");
    same_text(s.events.data, "rcpt=250 data=354 dot=353 dot=550 ",
              "where a handler expects one");
    close_scene(&s);
    ok(send_end(&s, lost, "BDAT 6 LAST", true) == -1 &&
           failed(&s, ERR_TEMPORARY, STAGE_BDAT, 0) && dialog_body_sent(s.dialog),
       "lost without a verdict, all of it sent");
    close_scene(&s);
}

/* Answers a chunk of BODY bytes when a thousand have come. */
static bool judges_early(int fd, const void *script)
{
    char bytes[1000];

    return peer_hear(fd, NULL) &&
           recv(fd, bytes, sizeof(bytes), MSG_WAITALL) == sizeof(bytes) &&
           peer_say(fd, script) && peer_drain(fd) > 0;
}

static bool is_judged_early(const char *reply, enum err_kind kind, int code)
{
    static char body[BODY];
    const struct command c = {.stage = STAGE_BDAT};
    const struct dialog_handler handler = {verdict, NULL};
    struct scene s;
    size_t at = 0;
    int status;
    bool good;

    open_scene(&s, judges_early, reply, SMALL, PATIENCE_MS, -1);
    status = dialog_chunk(s.dialog, &c, "BDAT 4194304 LAST", &handler, &s.e);
    for (; !status && at < BODY; at += BODY / 64)
        status = dialog_body(s.dialog, body + at, BODY / 64, &s.e);
    good = status == -1 && failed(&s, kind, STAGE_BODY, code) && !dialog_body_sent(s.dialog);
    close_scene(&s);
    return good;
}

static void early_verdicts(void)
{
    ok(is_judged_early("250 fine\r\n", ERR_PROTOCOL, 250), "a chunk accepted half-way is not");
    ok(is_judged_early("552 no\r\n", ERR_DATA, 552), "refused half-way");
    ok(is_judged_early("452 no\r\n", ERR_TEMPORARY, 452), "refused half-way, for now");
}

/* Sends what SCRIPT counts of bytes without a line end, and never reads again. */
static bool floods(int fd, const void *script)
{
    static char bytes[40000];
    const int *count = script;

    if (!peer_hear(fd, "DATA") || !peer_say(fd, "354 go\r\n"))
        return false;
    memset(bytes, 'x', sizeof(bytes));
    peer_send(fd, bytes, (size_t)*count);
    pause();
    return true;
}

/* In a child, which is killed where it would not end. */
static bool survives_flood(int count, bool by_run)
{
    static char body[BODY];
    struct scene s;
    int status = -1;
    pid_t pid;

    fflush(stdout);
    pid = fork();
    if (pid == 0) {
        alarm(15);
        open_scene(&s, floods, &count, SMALL, by_run ? PATIENCE_MS : 400, by_run ? 400 : -1);
        status = ask(&s, STAGE_DATA, "DATA") || s.reply->code != 354 ||
                 dialog_body(s.dialog, body, sizeof(body), &s.e) != -1 ||
                 (s.e.kind != ERR_PROTOCOL && s.e.kind != ERR_TEMPORARY);
        kill(s.peer.pid, SIGKILL);
        close_scene(&s);
        _exit(status);
    }
    return waitpid(pid, &status, 0) == pid && status == 0;
}

static void floods_of_replies(void)
{
    ok(survives_flood(100, false), "a few bytes and no line end while we write: timed out");
    ok(survives_flood(16384, false), "as many as fit into our buffer");
    ok(survives_flood(40000, false), "more than fit into our buffer");
    ok(survives_flood(40000, true), "also by the run's deadline");
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    bodies();
    ends();
    early_verdicts();
    floods_of_replies();
    return tap_end();
}
