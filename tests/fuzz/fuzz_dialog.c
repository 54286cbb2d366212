/* fuzz_dialog.c: a hostile server's bytes over a socket pair, against a whole session: greeting,
 * EHLO, AUTH, a flight of commands, a body, QUIT. It must end, soon, in a state that is told.
 *
 * The first byte says how the server behaves (the flags below), the second how many recipients
 * there are. The rest is what it sends, in portions that end in 0xff: one with the connection,
 * then one for each command that it hears of, one when the message begins and one when it ends. */
#include "check.h"

#include "smtp/session.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);

enum {
    ENDS = 1,        /* closes its side when it has said all */
    DEAF = 2,        /* reads nothing, so that our writes block */
    GONE = 4,        /* can't be written to once it has said all */
    PIPELINED = 8,   /* whatever EHLO offered */
    REPEATS = 16,    /* the last portion comes a hundred times */
    CLEARTEXT = 32,  /* AUTH is tried */
    CHUNK = 64,      /* the message is one of RFC 3030 */
    PARTING = 128,   /* QUIT goes out with its end */
    HEADER = 2,      /* bytes of the input before the portions */
    TIMEOUT_MS = 20, /* for each reply */
    RUN_MS = 200,    /* for all of it */
    LIMIT_MS = 10000 /* far more than any of it may take */
};

struct hostile {
    int fd;
    unsigned flags;
    const uint8_t *at, *end;
    size_t answered, queued;
    struct dialog *dialog;
};

/* Send LEN bytes, as many as go without waiting. */
static void push(const struct hostile *h, const uint8_t *data, size_t len)
{
    size_t times = h->flags & REPEATS && data + len == h->end ? 100 : 1;

    while (times-- && send(h->fd, data, len, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
        ;
}

static void next_portion(struct hostile *h)
{
    const uint8_t *mark = memchr(h->at, 0xff, (size_t)(h->end - h->at));
    const uint8_t *stop = mark ? mark : h->end;
    char drained[65536];

    while (!(h->flags & DEAF) && recv(h->fd, drained, sizeof(drained), MSG_DONTWAIT) > 0)
        ;
    if (stop > h->at)
        push(h, h->at, (size_t)(stop - h->at));
    h->at = mark ? mark + 1 : h->end;
    if (h->at == h->end && h->flags & ENDS)
        shutdown(h->fd, SHUT_WR);
    if (h->at == h->end && h->flags & GONE)
        shutdown(h->fd, SHUT_RD);
}

static void observe(void *ctx, const struct event *event)
{
    struct hostile *h = ctx;

    CHECK(event->kind == EVENT_FACT || event->stage != STAGE_NONE);
    if (event->kind == EVENT_COMMAND) {
        CHECK(!memmem(event->text, event->text_len, "aHVudGVy", 8));
        next_portion(h);
    }
}

static int answered(void *ctx, const struct command *c, const struct reply *r, struct err *e)
{
    struct hostile *h = ctx;
    struct command more = {.stage = STAGE_DOT};

    CHECK(c->index == h->answered++ && h->answered <= h->queued);
    CHECK(r->code >= 200 && r->code <= 599 && r->lines);
    if (c->stage != STAGE_DOT || r->code != 353)
        return 0;
    more.index = h->queued++;
    return dialog_expect(h->dialog, &more, e);
}

/* An error says what and where; without one nothing is said. */
static bool told(int status, const struct err *e)
{
    CHECK(status == 0 || status == -1);
    CHECK(status ? e->kind != ERR_NONE && e->message[0] && e->stage != STAGE_NONE
                 : e->kind == ERR_NONE);
    return status == 0;
}

static bool flight(struct dialog *d, struct hostile *h, size_t recipients, struct err *e)
{
    const struct dialog_handler handler = {answered, h};
    struct command c = {.stage = STAGE_MAIL};
    char text[64];
    int status = 0;

    for (; c.index <= recipients + 1; c.index++) {
        c.stage = !c.index ? STAGE_MAIL : c.index <= recipients ? STAGE_RCPT : STAGE_DATA;
        snprintf(text, sizeof(text), "RCPT TO:<%zu@example.org>", c.index);
        h->queued++;
        status = dialog_queue(d, &c, c.stage == STAGE_RCPT ? text : "X", &handler, e);
        if (!told(status, e))
            break;
        if (dialog_is_over(d))
            return false;
    }
    if (!status && told(dialog_drain(d, e), e))
        CHECK(h->answered == h->queued);
    if (e->kind != ERR_NONE)
        CHECK(dialog_is_over(d));
    return e->kind == ERR_NONE && !dialog_is_over(d);
}

static void body(struct dialog *d, struct hostile *h, struct err *e)
{
    static char bytes[1 << 19];
    const struct dialog_handler handler = {answered, h};
    struct command end = {.stage = h->flags & CHUNK ? STAGE_BDAT : STAGE_DOT};
    bool chunk = h->flags & CHUNK, quit = h->flags & PARTING;

    end.index = h->queued++;
    if (chunk && !told(dialog_chunk(d, &end, "BDAT 524288 LAST", &handler, e), e))
        return;
    next_portion(h);
    if (!told(dialog_body(d, bytes, sizeof(bytes), e), e)) {
        CHECK(dialog_is_over(d));
        return;
    }
    next_portion(h);
    if (told(dialog_end_body(d, chunk ? NULL : &end, quit, &handler, e), e))
        CHECK(h->answered == h->queued && dialog_body_sent(d));
    CHECK(!quit || dialog_is_over(d));
    CHECK(e->kind == ERR_NONE || dialog_is_over(d));
}

static void converse(struct hostile *h, int fd, size_t recipients)
{
    struct server server = {.kind = SERVER_FD, .fd = fd, .tls = TLS_MODE_OFF};
    struct err e = ERR_INIT;
    char password[] = "hunter2";
    struct sasl_identity identity = {.user = "me",
                                     .password = secret_take(password, strlen(password), &e)};
    struct sink sink = {observe, h};
    struct session_wishes wishes = {.server = &server,
                                    .dialog = {TIMEOUT_MS, deadline_in(RUN_MS), &sink},
                                    .helo = "me",
                                    .identity = h->flags & CLEARTEXT ? &identity : NULL,
                                    .cleartext_auth = true};
    struct session session;

    CHECK(identity.password);
    if (told(session_open(&session, &wishes, &e), &e)) {
        h->dialog = session.dialog;
        if (h->flags & PIPELINED)
            dialog_pipeline(session.dialog, true);
        if (flight(session.dialog, h, recipients, &e))
            body(session.dialog, h, &e);
        session_close(&session);
    }
    secret_free(identity.password);
    err_release(&e);
}

/* Something that does not end is a finding within the minute, not after libFuzzer's twenty. */
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    static char limit[] = "-timeout=30";
    char **longer = calloc((size_t)*argc + 2, sizeof(*longer));

    CHECK(longer);
    longer[0] = (*argv)[0];
    longer[1] = limit;
    memcpy(longer + 2, *argv + 1, (size_t)(*argc - 1) * sizeof(*longer));
    *argv = longer;
    ++*argc;
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct hostile h = {.fd = -1};
    int64_t before = clock_now();
    int fds[2], room = 32768;

    if (size < HEADER || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds))
        return 0;
    setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
    h = (struct hostile){
        .fd = fds[1], .flags = data[0], .at = data + HEADER, .end = data + size};
    next_portion(&h);
    converse(&h, fds[0], data[1]);
    close(fds[0]);
    close(fds[1]);
    CHECK(clock_now() - before < INT64_C(1000000) * LIMIT_MS);
    return 0;
}
