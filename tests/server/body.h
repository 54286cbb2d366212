/*
 * Message bodies as they come in: up to the lone dot with dot-stuffing undone (RFC 5321 4.5.2),
 * or so many bytes (RFC 3030). Only CRLF "." CRLF ends a message; lone CRs and LFs are data, and
 * are noted in the transcript.
 */
#ifndef TESTSERVER_BODY_H
#define TESTSERVER_BODY_H

#include <stdbool.h>

#include "conn.h"
#include "store.h"

struct body {
    bool line_start; /* what comes next follows a CRLF, or is the first byte */
    char last;       /* the byte before; '\n' at first */
    bool look;       /* for lone CRs and LFs */
    bool bare_lf, bare_cr;
    int (*begun)(void *); /* called when the first bytes are there; -1: stop. May be NULL */
    void *context;
};

/* For one message. Looks for lone CRs and LFs only where a transcript is kept. */
void body_init(struct body *body, const struct conn *conn);

/* Reads up to and with the lone dot, the message into SINK. 0, or -1: over. */
int body_read_dot(struct body *body, struct conn *conn, struct sink *sink);

/* Reads COUNT bytes, into SINK unless it is NULL. 0, or -1: over. */
int body_read_chunk(struct body *body, struct conn *conn, struct sink *sink,
                    unsigned long long count);

#endif
