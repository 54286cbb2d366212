#include "smtp/dialog.h"

#include "base/text.h"
#include "net/lines.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

enum {
    FLIGHT = 16384,       /* a flight of queued commands goes out when it gets this long */
    LAST_WORDS_MS = 1000, /* how long a server that hung up on us is listened to */
    QUIT_MS = 2000,       /* the message is safe by then: nobody waits long for a goodbye */
    SECRET_MIN = 4        /* the least base64; shorter words are '*' and '=' */
};

struct dialog {
    struct stream *stream;
    struct dialog_wishes wishes;
    const struct dialog_handler *handler;
    bool pipelining;
    bool body_open;  /* bytes of the message are still to be sent */
    bool body_begun; /* and some went out in a write of their own */
    /* Bytes at the end of out behind the message's; -1: more of it will come. */
    long after_body;
    bool said_quit;
    bool over; /* the server said 421, or an error ended the dialogue */
    struct flight flight;
    struct buf out;         /* queued, not yet sent */
    const char *secret;     /* the word of the last command that nobody may see, or NULL */
    struct reply reply;     /* the one being read or just read */
    bool complete;          /* reply is whole; the next line begins another */
    struct reply last_word; /* a refusal that nothing asked for, or a 421 */
    struct lines lines;
};

/* RFC 5321 section 4.5.3.2, in minutes. */
static int64_t stage_limit_ms(const struct dialog *d, enum stage stage)
{
    int64_t minutes = 5;

    if (d->wishes.timeout_ms >= 0)
        return d->wishes.timeout_ms;
    if (stage == STAGE_DATA)
        minutes = 2;
    else if (stage == STAGE_BODY)
        minutes = 3;
    else if (stage == STAGE_DOT || stage == STAGE_BDAT)
        minutes = 10;
    return minutes * 60 * 1000;
}

static struct deadline stage_deadline(const struct dialog *d, enum stage stage)
{
    return deadline_nearer(deadline_in(stage_limit_ms(d, stage)), d->wishes.run);
}

struct dialog *dialog_new(struct stream *s, const struct dialog_wishes *wishes, struct err *e)
{
    struct dialog *d = calloc(1, sizeof(*d));

    if (!d) {
        stream_free(s);
        err_set(e, ERR_OS, "no memory for a dialogue");
        return NULL;
    }
    d->stream = s;
    d->wishes = *wishes;
    buf_init_secret(&d->out, FLIGHT + COMMAND_MAX + 2);
    reply_init(&d->reply);
    reply_init(&d->last_word);
    return d;
}

void dialog_free(struct dialog *d)
{
    if (!d)
        return;
    stream_free(d->stream);
    buf_release(&d->out);
    reply_release(&d->reply);
    reply_release(&d->last_word);
    flight_release(&d->flight);
    free(d);
}

struct stream *dialog_stream(const struct dialog *d)
{
    return d->stream;
}

void dialog_pipeline(struct dialog *d, bool on)
{
    d->pipelining = on;
}

bool dialog_is_over(const struct dialog *d)
{
    return d->over || d->said_quit;
}

/* What a failed wait means to the user: whose patience ended, or the server's last words. */
static int explain(struct dialog *d, enum stage stage, struct err *e)
{
    if (e->sys == ETIME && deadline_passed(d->wishes.run)) {
        err_set(e, ERR_TEMPORARY, "the run's deadline passed before the server answered");
        err_hint(e, "a longer --deadline waits longer");
    } else if (e->sys == ETIME) {
        err_set(e, ERR_TEMPORARY, "the server did not answer within %g s",
                (double)stage_limit_ms(d, stage) / 1000);
        if (stage == STAGE_GREETING)
            err_hint(e, "does it expect TLS at once? then --tls implicit");
    } else if (d->last_word.code) {
        reply_refusal(&d->last_word, ERR_TEMPORARY, "the server ended the session", e);
    }
    return err_at(e, stage);
}

static int closed(struct dialog *d, enum stage stage, struct err *e)
{
    err_set(e, ERR_TEMPORARY, "the server closed the connection");
    if (stage == STAGE_GREETING)
        err_hint(e, "it may refuse this address, or expect TLS at once (--tls implicit)");
    return explain(d, stage, e);
}

static enum stage awaited_stage(const struct dialog *d, enum stage otherwise)
{
    const struct command *front = flight_front(&d->flight);

    return front ? front->stage : otherwise;
}

/* A challenge stays between the server and us: with SCRAM's in hand a password can be guessed. */
static const char challenge_shown[] = "<redacted>";

static void emit_reply(struct dialog *d, const struct command *c)
{
    bool challenge = d->reply.code == 334;
    struct event event = {.kind = EVENT_REPLY,
                          .stage = c->stage,
                          .recipient = c->recipient,
                          .text = challenge ? challenge_shown : d->reply.text.data,
                          .text_len = challenge ? strlen(challenge_shown) : d->reply.text.len,
                          .code = d->reply.code,
                          .enhanced = d->reply.enhanced,
                          .elapsed_ns = d->reply.elapsed_ns};

    sink_emit(d->wishes.sink, &event);
}

/* Remember the reply in case the connection ends and nobody else explains why. */
static void keep_last_word(struct dialog *d)
{
    reply_clear(&d->last_word);
    buf_add(&d->last_word.text, d->reply.text.data, d->reply.text.len);
    d->last_word.code = d->reply.code;
    d->last_word.enhanced = d->reply.enhanced;
    d->last_word.lines = d->reply.lines;
}

/* A whole reply is there and no command awaits one. */
static int unasked(struct dialog *d, enum stage stage, struct err *e)
{
    struct command nothing = {.stage = stage};

    emit_reply(d, &nothing);
    if (reply_class(&d->reply) < 4) {
        reply_refusal(&d->reply, ERR_PROTOCOL, "the server sent a reply that nothing asked for",
                      e);
        return err_at(e, stage);
    }
    keep_last_word(d);
    if (stage == STAGE_BODY && reply_class(&d->reply) == 5)
        reply_refusal(&d->reply, ERR_DATA, "the server refused the message half-way", e);
    else
        reply_refusal(&d->reply, ERR_TEMPORARY, "the server ended the session", e);
    return err_at(e, stage);
}

/* A reply to BDAT before the server can have its bytes is no verdict on them. */
static int answered_early(struct dialog *d, struct err *e)
{
    int class = reply_class(&d->reply);

    if (class == 5)
        reply_refusal(&d->reply, ERR_DATA, "the server refused the message half-way", e);
    else if (class == 4)
        reply_refusal(&d->reply, ERR_TEMPORARY, "the server stopped the message half-way", e);
    else
        reply_refusal(&d->reply, ERR_PROTOCOL, "the server answered before it had the message",
                      e);
    return err_at(e, STAGE_BODY);
}

/* Hand the whole reply to the command that it answers. */
static int dispatch(struct dialog *d, struct err *e)
{
    struct command c = flight_pop(&d->flight);

    d->reply.elapsed_ns = clock_now() - c.sent_at;
    emit_reply(d, &c);
    if (d->body_open && (c.stage == STAGE_BDAT || c.stage == STAGE_DOT))
        return answered_early(d, e);
    if (d->reply.code == 421) {
        d->over = true;
        keep_last_word(d);
    }
    if (d->handler && d->handler->answered(d->handler->ctx, &c, &d->reply, e))
        return err_at(e, c.stage);
    return 0;
}

/* One line of the server's. 1: it ended a reply, which has been dealt with; 0; -1. */
static int take_line(struct dialog *d, const char *line, size_t len, enum stage stage,
                     struct err *e)
{
    int done;

    if (d->complete)
        reply_clear(&d->reply);
    d->complete = false;
    /* A server that repeats what it was told, in a refusal say, does not get it shown by us. */
    if (d->secret && strlen(d->secret) >= SECRET_MIN)
        text_mask((char *)line, len, d->secret);
    done = reply_line(&d->reply, line, len, e);
    if (done < 0)
        return err_at(e, awaited_stage(d, stage));
    if (!done)
        return 0;
    d->complete = true;
    return (d->flight.count ? dispatch(d, e) : unasked(d, stage, e)) ? -1 : 1;
}

/* Deal with the lines that are in the buffer already. */
static int take_buffered(struct dialog *d, enum stage stage, struct err *e)
{
    const char *line;
    size_t len;

    while (lines_buffered(&d->lines, &line, &len)) {
        if (take_line(d, line, len, stage, e) < 0)
            return -1;
    }
    return 0;
}

/* Before more of the message goes out. What the server says while bytes of it are held back is no
 * answer to them; and past the run's deadline it must not be ended, since it would be delivered
 * and reported as not. */
static int hear_early(struct dialog *d, struct err *e)
{
    if (deadline_passed(d->wishes.run)) {
        err_set(e, ERR_TEMPORARY, "the run's deadline passed before the message was sent");
        return err_at(e, STAGE_BODY);
    }
    if (take_buffered(d, STAGE_BODY, e))
        return -1;
    if (!d->body_begun)
        return 0;
    if (lines_fill(&d->lines, d->stream, e) < 0)
        return explain(d, STAGE_BODY, e);
    return take_buffered(d, STAGE_BODY, e);
}

/* Wait for one whole reply and deal with it. */
static int read_reply(struct dialog *d, enum stage stage, struct deadline deadline,
                      struct err *e)
{
    const char *line;
    size_t len;
    int got;

    do {
        got = lines_next(&d->lines, d->stream, deadline, &line, &len, e);
        if (got < 0)
            return explain(d, awaited_stage(d, stage), e);
        if (got == 0)
            return closed(d, awaited_stage(d, stage), e);
        got = take_line(d, line, len, stage, e);
    } while (got == 0);
    return got < 0 ? -1 : 0;
}

/* The peer no longer takes bytes: it may have said why before it went. Replies to commands in
 * flight are still dealt with; E keeps the first error unless the server's words explain it. */
static int last_words(struct dialog *d, enum stage stage, struct err *e)
{
    struct deadline deadline = deadline_nearer(deadline_in(LAST_WORDS_MS), d->wishes.run);
    struct err heard = ERR_INIT;

    while (!read_reply(d, stage, deadline, &heard))
        ;
    if (heard.code)
        err_move(e, &heard);
    err_release(&heard);
    return err_at(e, stage);
}

/* Nothing can be written now. Take what the server has to say, then wait for either way. */
static int wait_to_write(struct dialog *d, enum stage stage, struct deadline deadline,
                         struct err *e)
{
    short wants = d->stream->wants;
    int filled, ready;

    filled = lines_fill(&d->lines, d->stream, e);
    if (filled < 0)
        return explain(d, stage, e);
    if (filled)
        return take_buffered(d, stage, e);
    if (d->lines.at_eof)
        return closed(d, stage, e);
    ready = stream_poll(d->stream, (short)(wants | POLLIN), deadline, e);
    if (ready < 0)
        return err_at(e, stage);
    if (ready == 0 || deadline_passed(deadline)) {
        err_set(e, ERR_TEMPORARY, "timed out");
        e->sys = ETIME;
        return explain(d, stage, e);
    }
    /* What came while we waited came before the bytes that follow, perhaps the last. */
    if (ready & POLLIN && lines_fill(&d->lines, d->stream, e) < 0)
        return explain(d, stage, e);
    return take_buffered(d, stage, e);
}

/* Bytes on their way: from memory, or from a file where data is NULL. */
struct piece {
    const char *data;
    int fd;
    off_t offset;
    size_t len;
};

static ssize_t put(struct dialog *d, struct piece *p, struct err *e)
{
    ssize_t n;

    if (!p->data)
        return d->stream->ops->send_file(d->stream, p->fd, &p->offset, p->len, e);
    n = d->stream->ops->write(d->stream, p->data, p->len, e);
    p->data += n > 0 ? n : 0;
    return n;
}

/* 0, 1 where the piece's file ends before it, -1. */
static int send_piece(struct dialog *d, struct piece *p, enum stage stage, struct err *e)
{
    struct deadline deadline = {0};
    ssize_t n;

    while (p->len) {
        n = put(d, p, e);
        if (n > 0) {
            p->len -= (size_t)n;
            if (d->after_body >= 0 && p->len <= (size_t)d->after_body)
                d->body_open = false;
            if (!p->data) /* a file is many blocks, each with its own limit */
                deadline = (struct deadline){0};
        } else if (n == STREAM_AGAIN) {
            /* The clock is only looked at by those who have to wait. */
            if (!deadline.at)
                deadline = stage_deadline(d, STAGE_BODY);
            if (wait_to_write(d, stage, deadline, e))
                return -1;
        } else if (n == 0) {
            return 1;
        } else { /* the server can only explain what went wrong on its side */
            return e->kind == ERR_IO ? err_at(e, stage) : last_words(d, stage, e);
        }
    }
    return 0;
}

static int send_bytes(struct dialog *d, const char *data, size_t len, enum stage stage,
                      struct err *e)
{
    struct piece piece = {.data = data, .len = len};

    return send_piece(d, &piece, stage, e);
}

/* After an error nothing more is to be said: replies could belong to anything. */
static int ended(struct dialog *d, int status)
{
    if (status)
        d->over = true;
    return status;
}

static int flush_at(struct dialog *d, enum stage stage, struct err *e)
{
    size_t len = d->out.len;
    int status;

    if (!len)
        return 0;
    status = send_bytes(d, d->out.data, len, stage, e);
    buf_clear(&d->out);
    return status;
}

static int flush(struct dialog *d, struct err *e)
{
    return flush_at(d, awaited_stage(d, STAGE_NONE), e);
}

static void emit_command(struct dialog *d, const struct command *c, const char *shown)
{
    struct event event = {.kind = EVENT_COMMAND,
                          .stage = c->stage,
                          .recipient = c->recipient,
                          .text = shown,
                          .text_len = strlen(shown)};

    sink_emit(d->wishes.sink, &event);
}

static int queue(struct dialog *d, const struct command *c, const char *text, const char *shown,
                 struct err *e)
{
    /* What is in the buffer while nothing is awaited was not asked for: better known now than
     * taken for the reply to this command. */
    if (!d->flight.count && take_buffered(d, c->stage, e))
        return -1;
    emit_command(d, c, shown ? shown : text);
    if (flight_push(&d->flight, c, e))
        return -1;
    buf_addstr(&d->out, text);
    buf_addstr(&d->out, "\r\n");
    if (buf_check(&d->out, ERR_INTERNAL, "a command", e))
        return err_at(e, c->stage);
    return 0;
}

int dialog_queue(struct dialog *d, const struct command *c, const char *text,
                 const struct dialog_handler *handler, struct err *e)
{
    d->handler = handler;
    if (queue(d, c, text, NULL, e))
        return ended(d, -1);
    if (!d->pipelining)
        return dialog_drain(d, e);
    return d->out.len >= FLIGHT ? ended(d, flush(d, e)) : 0;
}

/* Deal with all replies that are awaited but those to the last REST commands. */
static int await_replies(struct dialog *d, size_t rest, struct err *e)
{
    while (d->flight.count > rest) {
        enum stage stage = awaited_stage(d, STAGE_NONE);

        if (read_reply(d, stage, stage_deadline(d, stage), e))
            return -1;
    }
    return 0;
}

int dialog_drain(struct dialog *d, struct err *e)
{
    return ended(d, flush(d, e) || await_replies(d, 0, e) ? -1 : 0);
}

int dialog_ask(struct dialog *d, enum stage stage, const char *text, const char *shown,
               const struct reply **reply, struct err *e)
{
    struct command c = {.stage = stage};
    const char *blank = strrchr(text, ' ');
    int status;

    d->handler = NULL;
    d->secret = !shown ? NULL : blank ? blank + 1 : text;
    status = queue(d, &c, text, shown, e) ? ended(d, -1) : dialog_drain(d, e);
    d->secret = NULL;
    *reply = &d->reply;
    return status;
}

const struct reply *dialog_reply(const struct dialog *d)
{
    return &d->reply;
}

int dialog_greeting(struct dialog *d, const struct reply **reply, struct err *e)
{
    struct command c = {.stage = STAGE_GREETING};

    d->handler = NULL;
    if (flight_push(&d->flight, &c, e) || dialog_drain(d, e))
        return -1;
    *reply = &d->reply;
    return 0;
}

int dialog_body(struct dialog *d, const char *data, size_t len, struct err *e)
{
    d->body_open = true;
    d->after_body = -1;
    if (d->out.len + len <= FLIGHT)
        return buf_add(&d->out, data, len);
    if (hear_early(d, e) || flush_at(d, STAGE_BODY, e))
        return ended(d, -1);
    d->body_begun = true;
    return ended(d, send_bytes(d, data, len, STAGE_BODY, e));
}

bool dialog_takes_files(const struct dialog *d)
{
    return d->stream->ops->send_file != NULL;
}

int dialog_file(struct dialog *d, int fd, off_t offset, uint64_t len, struct err *e)
{
    struct piece piece = {.fd = fd, .offset = offset, .len = (size_t)len};

    d->body_open = true;
    d->after_body = -1;
    if (hear_early(d, e) || flush_at(d, STAGE_BODY, e))
        return ended(d, -1);
    d->body_begun = true;
    return ended(d, send_piece(d, &piece, STAGE_BODY, e));
}

int dialog_chunk(struct dialog *d, const struct command *c, const char *text,
                 const struct dialog_handler *handler, struct err *e)
{
    d->handler = handler;
    d->body_open = true;
    d->after_body = -1;
    return ended(d, queue(d, c, text, NULL, e));
}

int dialog_expect(struct dialog *d, const struct command *c, struct err *e)
{
    return flight_expect(&d->flight, c, e);
}

bool dialog_body_sent(const struct dialog *d)
{
    return !d->body_open;
}

int dialog_end_body(struct dialog *d, const struct command *dot, bool then_quit,
                    const struct dialog_handler *handler, struct err *e)
{
    const struct command quit = {.stage = STAGE_QUIT};
    size_t body = d->out.len;

    d->handler = handler;
    if ((body && hear_early(d, e)) || (dot && flight_push(&d->flight, dot, e)) ||
        (then_quit && queue(d, &quit, "QUIT", NULL, e)))
        return ended(d, -1);
    d->said_quit = then_quit;
    d->after_body = (long)(d->out.len - body);
    if (!body)
        d->body_open = false;
    if (flush_at(d, STAGE_BODY, e))
        return ended(d, -1);
    d->body_open = d->body_begun = false;
    return ended(d, await_replies(d, then_quit, e));
}

int dialog_start_tls(struct dialog *d, struct stream *tls, struct err *e)
{
    if (lines_pending(&d->lines)) {
        stream_free(tls);
        err_set(e, ERR_PROTOCOL,
                "the server sent %zu bytes in clear after its reply to STARTTLS",
                lines_pending(&d->lines));
        err_hint(e, "someone may be tampering with the connection");
        return ended(d, err_at(e, STAGE_STARTTLS));
    }
    if (tls_start(tls, d->stream, stage_deadline(d, STAGE_TLS), d->wishes.sink, e)) {
        stream_free(tls);
        if (e->kind == ERR_TEMPORARY && deadline_passed(d->wishes.run))
            err_set(e, ERR_TEMPORARY, "the run's deadline passed in the TLS handshake");
        return ended(d, err_at(e, STAGE_TLS));
    }
    d->stream = tls;
    return 0;
}

void dialog_quit(struct dialog *d)
{
    const struct reply *reply;
    struct err ignored = ERR_INIT;

    if (d->wishes.timeout_ms < 0 || d->wishes.timeout_ms > QUIT_MS)
        d->wishes.timeout_ms = QUIT_MS;
    if (!dialog_is_over(d))
        (void)dialog_ask(d, STAGE_QUIT, "QUIT", NULL, &reply, &ignored);
    stream_shutdown(d->stream, deadline_in(0));
    err_release(&ignored);
}
