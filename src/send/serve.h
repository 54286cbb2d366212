/* serve.h: SMTP on standard input and output (-bs), for programs that speak it to their sendmail.
 *
 * The commands are RFC 5321's but for EXPN, with PIPELINING, 8BITMIME, SMTPUTF8, SIZE, DSN and
 * ENHANCEDSTATUSCODES; relay.h asks the server, or keeps for it. */
#ifndef SEND_SERVE_H
#define SEND_SERVE_H

#include "conf/layers.h"
#include "send/report.h"

struct serve_request {
    const struct layers *layers;
    int in, out;
    bool sendmail; /* called by that name */
};

/* Serve the client on IN and OUT until it leaves. Returns the exit status: 0 after QUIT or the
 * client's end of file, whatever the replies were. */
int serve_run(const struct serve_request *request, struct report *report);

#endif
