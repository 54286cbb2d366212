#include "conn.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "text.h"

void conn_init(struct conn *conn, int fd, unsigned long long number, const char *log_dir,
               const char *raw_dir)
{
    memset(conn, 0, sizeof(*conn));
    conn->fd = fd;
    conn->raw_fd = -1;
    conn->flight = true;
    conn->in = must_realloc(NULL, CONN_IN);
    conn->out = must_realloc(NULL, CONN_OUT);
    transcript_open(&conn->log, log_dir, number);
    if (raw_dir != NULL) {
        char path[PATH_MAX];

        snprintf(path, sizeof(path), "%s/%llu", raw_dir, number);
        conn->raw_fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
        if (conn->raw_fd < 0)
            die(73, "can't write '%s': %s", path, strerror(errno));
    }
}

void conn_free(struct conn *conn)
{
    if (conn->tls != NULL)
        gnutls_deinit(conn->tls);
    if (conn->fd >= 0)
        close(conn->fd);
    if (conn->raw_fd >= 0)
        close(conn->raw_fd);
    transcript_close(&conn->log);
    free(conn->in);
    free(conn->out);
}

void conn_note_end(struct conn *conn)
{
    if (conn->state == CONN_EOF)
        transcript_note(&conn->log, "eof");
    else if (conn->state == CONN_RESET)
        transcript_note(&conn->log, "reset");
    else if (conn->state == CONN_TIMEOUT)
        transcript_note(&conn->log, "timeout");
}

int conn_wait(struct conn *conn, short events, int timeout_ms)
{
    struct pollfd wanted = {.fd = conn->fd, .events = events};
    int found;

    do
        found = poll(&wanted, 1, timeout_ms);
    while (found < 0 && errno == EINTR);
    if (found > 0)
        return 0;
    conn->state = CONN_TIMEOUT;
    return -1;
}

static long long now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (long long)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void conn_pause(struct conn *conn, unsigned ms)
{
    long long until = now_ms() + ms;

    for (;;) {
        struct pollfd gone = {.fd = conn->fd, .events = POLLRDHUP};
        long long left = until - now_ms();

        if (left <= 0 || poll(&gone, 1, (int)left) > 0)
            return;
    }
}

/* Nothing read yet, nothing to read: what comes next answers what is sent now. To be decided
 * before sending, or a quick client's answer would be taken for part of its last flight. */
static void note_idle(struct conn *conn)
{
    struct pollfd wanted = {.fd = conn->fd, .events = POLLIN};

    if (conn->in_body || conn->flight || conn->pos < conn->end)
        return;
    if (conn->tls != NULL && gnutls_record_check_pending(conn->tls) > 0)
        return;
    if (poll(&wanted, 1, 0) == 0)
        conn->flight = true;
}

/* One write. Bytes sent, 0: try again when writable, -1: over. */
static ssize_t send_some(struct conn *conn, const char *s, size_t len)
{
    ssize_t n;

    if (conn->tls == NULL) {
        n = send(conn->fd, s, len, MSG_NOSIGNAL);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            return 0;
    } else {
        n = gnutls_record_send(conn->tls, s, len);
        if (n == GNUTLS_E_AGAIN || n == GNUTLS_E_INTERRUPTED)
            return 0;
    }
    if (n > 0)
        return n;
    conn->state = CONN_RESET;
    return -1;
}

static int send_all(struct conn *conn, const char *s, size_t len)
{
    while (len > 0) {
        ssize_t n = send_some(conn, s, len);

        if (n < 0)
            return -1;
        if (n == 0 && conn_wait(conn, POLLOUT, CONN_IDLE_MS) < 0)
            return -1;
        s += n;
        len -= (size_t)n;
    }
    return 0;
}

int conn_flush(struct conn *conn)
{
    size_t done = 0;

    if (conn->state != CONN_OPEN)
        return -1;
    note_idle(conn);
    while (done < conn->queued) {
        size_t n = conn->queued - done;

        if (conn->split > 0 && n > conn->split)
            n = conn->split;
        if (send_all(conn, conn->out + done, n) < 0)
            return -1;
        done += n;
        if (conn->split > 0 && done < conn->queued)
            conn_pause(conn, conn->split_ms);
    }
    conn->queued = 0;
    return 0;
}

int conn_put(struct conn *conn, const char *s, size_t len)
{
    while (len > 0) {
        size_t room = CONN_OUT - conn->queued;
        size_t n = len < room ? len : room;

        memcpy(conn->out + conn->queued, s, n);
        conn->queued += n;
        s += n;
        len -= n;
        if (conn->queued == CONN_OUT && conn_flush(conn) < 0)
            return -1;
    }
    return conn->state == CONN_OPEN ? 0 : -1;
}

static void tap_raw(struct conn *conn, const char *s, size_t len)
{
    while (conn->raw_fd >= 0 && len > 0) {
        ssize_t n = write(conn->raw_fd, s, len);

        if (n < 0)
            die(74, "can't write the raw bytes: %s", strerror(errno));
        s += n;
        len -= (size_t)n;
    }
}

/* A TLS error as the end of the connection. */
static void tls_broke(struct conn *conn, int error)
{
    if (error == GNUTLS_E_PREMATURE_TERMINATION) {
        transcript_note(&conn->log, "no close_notify");
        conn->state = CONN_EOF;
    } else if (error == GNUTLS_E_PULL_ERROR) {
        conn->state = CONN_RESET;
    } else {
        transcript_note(&conn->log, "tls error: %s", gnutls_strerror(error));
        conn->state = CONN_BROKEN;
    }
}

/* One read. Bytes read, 0: nothing there now, -1: over. */
static ssize_t receive_some(struct conn *conn, char *to, size_t room, int flags)
{
    ssize_t n;

    if (conn->tls == NULL) {
        n = recv(conn->fd, to, room, flags);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            return 0;
        if (n < 0)
            conn->state = CONN_RESET;
    } else {
        n = gnutls_record_recv(conn->tls, to, room);
        if (n == GNUTLS_E_AGAIN || n == GNUTLS_E_INTERRUPTED || n == GNUTLS_E_REHANDSHAKE)
            return 0;
        if (n < 0)
            tls_broke(conn, (int)n);
    }
    if (n == 0) {
        conn->state = CONN_EOF;
        if (conn->tls != NULL)
            gnutls_bye(conn->tls, GNUTLS_SHUT_WR); /* answers the client's close_notify */
    }
    if (n <= 0)
        return -1;
    tap_raw(conn, to, (size_t)n);
    return n;
}

/* Reads at least one byte; sends what is queued before it waits. How many, or -1: over. */
static ssize_t receive(struct conn *conn, char *to, size_t room, int flags)
{
    ssize_t n;

    while (conn->state == CONN_OPEN) {
        n = receive_some(conn, to, room, flags);
        if (n != 0)
            return n;
        if (conn_flush(conn) < 0 || conn_wait(conn, POLLIN, CONN_IDLE_MS) < 0)
            break;
    }
    return -1;
}

int conn_fill(struct conn *conn)
{
    ssize_t n;

    if (conn->pos > 0) {
        memmove(conn->in, conn->in + conn->pos, conn->end - conn->pos);
        conn->end -= conn->pos;
        conn->pos = 0;
    }
    n = receive(conn, conn->in + conn->end, CONN_IN - conn->end, 0);
    if (n < 0)
        return -1;
    conn->end += (size_t)n;
    return 0;
}

long conn_skip(struct conn *conn, unsigned long long count)
{
    /* Other sockets than TCP's copy as ever, so that the buffer's size is the limit. */
    return receive(conn, conn->in, count < CONN_IN ? (size_t)count : CONN_IN,
                   conn->raw_fd < 0 ? MSG_TRUNC : 0);
}

void conn_note_flight(struct conn *conn)
{
    if (conn->flight)
        transcript_note(&conn->log, "flight");
    conn->flight = false;
}

/* Throws away what came of a line that is too long, up to its end. */
static int skip_line(struct conn *conn)
{
    size_t skipped = 0;

    for (;;) {
        char *from = conn->in + conn->pos;
        char *nl = memchr(from, '\n', conn->end - conn->pos);
        size_t n = nl == NULL ? conn->end - conn->pos : (size_t)(nl - from) + 1;

        skipped += n;
        conn->pos += n;
        if (nl != NULL)
            break;
        if (conn_fill(conn) < 0)
            return -1;
    }
    conn_note_flight(conn);
    transcript_note(&conn->log, "line of %zu bytes", skipped);
    return 1;
}

int conn_read_line(struct conn *conn, char **line, size_t *len)
{
    size_t seen = 0;
    char *nl;

    conn->in_body = false;
    for (;;) {
        nl = memchr(conn->in + conn->pos + seen, '\n', conn->end - conn->pos - seen);
        if (nl != NULL)
            break;
        seen = conn->end - conn->pos;
        if (seen > CONN_LINE_MAX)
            return skip_line(conn);
        if (conn_fill(conn) < 0) {
            if (seen > 0)
                transcript_note(&conn->log, "unfinished line: %.*s", (int)seen, conn->in);
            return -1;
        }
    }
    *line = conn->in + conn->pos;
    *len = (size_t)(nl - *line);
    if (*len > CONN_LINE_MAX)
        return skip_line(conn);
    conn->pos += *len + 1;
    conn_note_flight(conn);
    if (*len > 0 && nl[-1] == '\r')
        --*len;
    else
        transcript_note(&conn->log, "bare LF");
    (*line)[*len] = '\0';
    transcript_line(&conn->log, 'C', *line, *len);
    return 0;
}

void conn_drain(struct conn *conn, int timeout_ms)
{
    long long until = now_ms() + timeout_ms;

    while (conn->state == CONN_OPEN) {
        long long left = until - now_ms();
        struct pollfd wanted = {.fd = conn->fd, .events = POLLIN};
        ssize_t n = receive_some(conn, conn->in, CONN_IN, 0);

        if (n < 0 || (timeout_ms >= 0 && left <= 0))
            return;
        if (n == 0)
            poll(&wanted, 1, timeout_ms < 0 ? -1 : (int)left);
    }
}

void conn_finish(struct conn *conn)
{
    conn_flush(conn);
    if (conn->state != CONN_OPEN)
        return;
    if (conn->tls != NULL)
        gnutls_bye(conn->tls, GNUTLS_SHUT_WR);
    shutdown(conn->fd, SHUT_WR);
    conn_drain(conn, CONN_LINGER_MS);
}

void conn_drop(struct conn *conn)
{
    conn_flush(conn);
    shutdown(conn->fd, SHUT_WR);
    /* With unread bytes left the kernel would answer by RST instead of FIN. */
    while (recv(conn->fd, conn->in, CONN_IN, MSG_DONTWAIT) > 0)
        ;
    conn->state = CONN_SHUT;
}

void conn_reset(struct conn *conn)
{
    struct linger at_once = {.l_onoff = 1, .l_linger = 0};

    conn_flush(conn);
    setsockopt(conn->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    conn->state = CONN_SHUT;
}
