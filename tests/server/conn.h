/*
 * One connection as a stream of bytes, in clear or in TLS. Input is read in large pieces into
 * one buffer, out of which the callers take lines and bodies without copying; output gathers
 * until there is nothing left to read, so that pipelined commands are answered together
 * (RFC 2920 3.2). The socket never blocks; all waiting happens in poll, with a limit.
 *
 * Memory: CONN_IN + CONN_OUT bytes per connection, whatever the client sends.
 */
#ifndef TESTSERVER_CONN_H
#define TESTSERVER_CONN_H

#include <gnutls/gnutls.h>
#include <stdbool.h>
#include <stddef.h>

#include "transcript.h"

enum {
    CONN_IN = 256 * 1024,
    CONN_OUT = 64 * 1024,
    CONN_LINE_MAX = 16 * 1024,
    CONN_IDLE_MS = 300 * 1000, /* then the client is given up: "* timeout" */
    CONN_LINGER_MS = 2000      /* how long a closed connection waits for the client's FIN */
};

enum conn_state { CONN_OPEN, CONN_EOF, CONN_RESET, CONN_TIMEOUT, CONN_BROKEN, CONN_SHUT };

struct conn {
    int fd;
    enum conn_state state;
    gnutls_session_t tls; /* NULL: in clear */
    char *in;
    size_t pos, end; /* in[pos..end) is unread */
    char *out;
    size_t queued;
    size_t split; /* write so many bytes at a time, 0: all */
    unsigned split_ms;
    bool in_body; /* waiting for more of a body starts no flight */
    bool flight;  /* nothing was left to read: the next command starts a flight */
    struct transcript log;
    int raw_fd; /* gets every byte read; -1: none */
};

/* Takes over the non-blocking FD. LOG_DIR and RAW_DIR may be NULL. */
void conn_init(struct conn *conn, int fd, unsigned long long number, const char *log_dir,
               const char *raw_dir);
/* Closes what is open and frees it all. */
void conn_free(struct conn *conn);

/* Reads at least one more byte; sends what is queued before it waits. 0, or -1: over. */
int conn_fill(struct conn *conn);

/* Reads and forgets up to COUNT of the bytes to come, when none is left in the buffer; in clear
 * the kernel need not copy them. How many, or -1: over. */
long conn_skip(struct conn *conn, unsigned long long count);

/* The next line without its line end, NUL-terminated in the buffer, good until the next read.
 * A lone LF ends a line too but is noted. 0; 1: longer than CONN_LINE_MAX and thrown away;
 * -1: over. The line is in the transcript. */
int conn_read_line(struct conn *conn, char **line, size_t *len);

/* Writes "* flight" if one begins here; to be called before what the client sent is noted. */
void conn_note_flight(struct conn *conn);

/* Queues bytes. 0, or -1: over. */
int conn_put(struct conn *conn, const char *s, size_t len);
/* Sends what is queued. 0, or -1: over. */
int conn_flush(struct conn *conn);

/* Waits for EVENTS (poll). 0, or -1: time is up (then the state is CONN_TIMEOUT). */
int conn_wait(struct conn *conn, short events, int timeout_ms);
/* Sleeps; ends early when the client leaves. */
void conn_pause(struct conn *conn, unsigned ms);

/* Reads and forgets until the client leaves or, unless it is negative, TIMEOUT_MS are over. */
void conn_drain(struct conn *conn, int timeout_ms);

/* The polite end: what is queued, TLS close_notify, FIN, then the client's FIN is awaited. */
void conn_finish(struct conn *conn);
/* FIN, without TLS close_notify. */
void conn_drop(struct conn *conn);
/* RST. */
void conn_reset(struct conn *conn);
/* Notes how the connection ended. */
void conn_note_end(struct conn *conn);

#endif
