#include "send/client.h"

#include "base/text.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
    WRITE_MOST = 4096, /* a pipe that poll finds writable takes so much without waiting */
    GATHER = 16384,    /* answers that go out even if commands are at hand */
    SAY_MAX = 1024
};

void client_init(struct client *c, int in, int out, int64_t timeout_ms, struct deadline run)
{
    *c = (struct client){
        .in = in, .out = out, .timeout_ms = timeout_ms, .run = run, .at = DATA_ENDED};
    buf_init(&c->replies, SIZE_MAX);
}

void client_release(struct client *c)
{
    buf_release(&c->replies);
}

static int in_trouble(struct client *c, enum trouble trouble, int sys)
{
    if (c->trouble == TROUBLE_NONE) {
        c->trouble = trouble;
        c->sys = sys;
    }
    return -1;
}

static struct deadline patience(const struct client *c)
{
    return deadline_nearer(deadline_in(c->timeout_ms), c->run);
}

/* Wait until FD can be read or written. */
static int await(struct client *c, int fd, short events, struct deadline deadline)
{
    struct pollfd p = {.fd = fd, .events = events};
    int n;

    do {
        n = poll(&p, 1, deadline_poll_ms(deadline));
        if (n < 0 && errno != EINTR)
            return in_trouble(c, TROUBLE_BROKEN, errno);
    } while (n <= 0 && !deadline_passed(deadline));
    return n > 0 ? 0 : in_trouble(c, TROUBLE_IDLE, ETIME);
}

int client_flush(struct client *c)
{
    const char *at = c->replies.data, *end = at + c->replies.len;
    struct deadline deadline = patience(c);
    ssize_t n;

    while (at < end) {
        if (await(c, c->out, POLLOUT, deadline))
            break;
        n = write(c->out, at, end - at < WRITE_MOST ? (size_t)(end - at) : WRITE_MOST);
        if (n >= 0)
            at += n;
        else if (errno != EINTR && errno != EAGAIN && in_trouble(c, TROUBLE_BROKEN, errno))
            break;
    }
    buf_clear(&c->replies);
    return at < end ? -1 : 0;
}

/* Read more, behind what is unread. */
static int fill(struct client *c, struct deadline deadline)
{
    ssize_t n;

    if (c->trouble != TROUBLE_NONE || client_flush(c))
        return -1;
    if (c->start) {
        memmove(c->data, c->data + c->start, c->end - c->start);
        c->end -= c->start;
        c->start = 0;
    }
    do {
        if (await(c, c->in, POLLIN, deadline))
            return -1;
        n = read(c->in, c->data + c->end, sizeof(c->data) - c->end);
    } while (n < 0 && (errno == EINTR || errno == EAGAIN));
    if (n <= 0)
        return in_trouble(c, n ? TROUBLE_BROKEN : TROUBLE_GONE, n ? errno : 0);
    c->end += (size_t)n;
    return 0;
}

/* The LF that ends the line at hand. Once a line has ended in CRLF, a bare LF ends none: what a
 * client passes on could else begin a command of its own. */
static char *find_end(const struct client *c)
{
    char *begin = (char *)c->data + c->start, *at = begin, *end = (char *)c->data + c->end;

    while ((at = memchr(at, '\n', (size_t)(end - at)))) {
        if (!c->strict || (at > begin && at[-1] == '\r'))
            return at;
        at++;
    }
    return NULL;
}

int client_line(struct client *c, char **line, size_t *len)
{
    struct deadline deadline = patience(c);
    bool fits = true;
    char *begin, *lf;

    for (;;) {
        begin = c->data + c->start;
        lf = find_end(c);
        fits = fits && (lf ? lf + 1 : c->data + c->end) - begin <= CLIENT_LINE_MAX;
        if (lf)
            break;
        if (!fits) /* but for a CR, which may be half of the end */
            c->start = c->end - (c->end && c->data[c->end - 1] == '\r');
        if (fill(c, deadline))
            return -1;
    }
    c->start += (size_t)(lf + 1 - begin);
    c->bare = lf == begin || lf[-1] != '\r';
    c->strict = c->strict || !c->bare;
    *line = begin;
    *len = (size_t)(lf - begin) - !c->bare;
    begin[*len] = '\0';
    return fits;
}

void client_start_data(struct client *c)
{
    c->at = DATA_LINE_START;
}

/* Take one byte of the message: what it stands for goes to TO, at most two bytes; how many. */
static size_t take(struct client *c, char byte, char *to)
{
    size_t n = 0;

    if (c->at == DATA_LINE_START && byte == '.') {
        c->at = DATA_DOT;
        return 0;
    }
    if ((c->at == DATA_DOT && c->bare && byte == '\n') ||
        (c->at == DATA_DOT_CR && byte == '\n')) {
        c->at = DATA_ENDED;
        return 0;
    }
    if (c->at == DATA_DOT && byte == '\r') {
        c->at = DATA_DOT_CR;
        return 0;
    }
    if (c->at == DATA_DOT_CR)
        to[n++] = '\r';
    to[n++] = byte;
    if (byte == '\r')
        c->at = DATA_CR;
    else if (byte == '\n' && (c->bare || c->at == DATA_CR))
        c->at = DATA_LINE_START;
    else
        c->at = DATA_MIDDLE;
    return n;
}

ssize_t client_read_data(void *ctx, char *to, size_t room)
{
    struct client *c = ctx;
    size_t n = 0;

    while (!n && c->at != DATA_ENDED) {
        if (c->start == c->end && fill(c, patience(c))) {
            errno = c->sys;
            return -1;
        }
        while (c->start < c->end && n + 2 <= room && c->at != DATA_ENDED)
            n += take(c, c->data[c->start++], to + n);
    }
    return (ssize_t)n;
}

int client_skip_data(struct client *c)
{
    char ignored[4096];
    ssize_t n;

    do {
        n = client_read_data(c, ignored, sizeof(ignored));
    } while (n > 0);
    return n < 0 ? -1 : 0;
}

static void answered(struct client *c)
{
    if (c->replies.failed)
        in_trouble(c, TROUBLE_BROKEN, ENOMEM);
    else if (c->replies.len > GATHER)
        (void)client_flush(c);
}

void client_say(struct client *c, const char *format, ...)
{
    char line[SAY_MAX];
    va_list ap;

    va_start(ap, format);
    vsnprintf(line, sizeof(line), format, ap);
    va_end(ap);
    buf_addf(&c->replies, "%s\r\n", line);
    answered(c);
}

/* A line of a reply begins with an enhanced status code of its class. */
static bool is_enhanced(const char *line, size_t len, int class)
{
    return len > 3 && line[0] == '0' + class && line[1] == '.' && text_digit(line[2]);
}

void client_reply(struct client *c, const struct reply *r)
{
    const char *text = r->text.data, *end = text + r->text.len, *lf;

    do {
        lf = memchr(text, '\n', (size_t)(end - text));
        buf_addf(&c->replies, "%d%c", r->code, lf ? '-' : ' ');
        if (!is_enhanced(text, (size_t)((lf ? lf : end) - text), reply_class(r)))
            buf_addf(&c->replies, "%d.%u.%u ", reply_class(r), r->enhanced.subject,
                     r->enhanced.detail);
        text_escape(&c->replies, text, (size_t)((lf ? lf : end) - text));
        buf_addstr(&c->replies, "\r\n");
        text = lf ? lf + 1 : end;
    } while (lf);
    answered(c);
}
