/* dialog.h: commands out, replies in, several in flight (RFC 5321 section 4.2, RFC 2920).
 *
 * A command that is queued goes out at once and its reply is awaited, unless pipelining is on:
 * then commands gather into flights, and their replies are handed to the handler one by one, in
 * order, while we write (so that neither side can stall on a full buffer) and at the next
 * dialog_drain. Each reply has its own limit of time, re-armed when it becomes the one awaited;
 * the run's deadline bounds them all. Every command and reply is told to the sink.
 *
 * A connection that ends, or a reply that no command asked for, is an error that carries the
 * server's last words if it had any (421 above all). After any error of these functions the
 * dialogue is over: only dialog_free is of use. */
#ifndef SMTP_DIALOG_H
#define SMTP_DIALOG_H

#include "base/event.h"
#include "net/stream.h"
#include "net/tls.h"
#include "smtp/flight.h"
#include "smtp/reply.h"

struct dialog;

/* Room for a command: RFC 4954 section 4 allows 12,288 octets for AUTH. */
enum { COMMAND_MAX = 12288 };

struct dialog_wishes {
    int64_t timeout_ms;  /* for every reply; negative: RFC 5321 section 4.5.3.2's limits */
    struct deadline run; /* of the whole run */
    const struct sink *sink;
};

/* What is done with the replies of queued commands. 0, or -1 with E to end the dialogue. */
struct dialog_handler {
    int (*answered)(void *ctx, const struct command *c, const struct reply *r, struct err *e);
    void *ctx;
};

/* A dialogue over S, which it then owns. NULL with ERR_OS, and S is freed. */
struct dialog *dialog_new(struct stream *s, const struct dialog_wishes *wishes, struct err *e);

/* Close the connection and free; NULL is allowed. */
void dialog_free(struct dialog *d);

/* The stream, for its descriptor and what TLS knows of it; it changes with dialog_start_tls. */
struct stream *dialog_stream(const struct dialog *d);

/* Await the greeting. *REPLY is valid until the next call of any function here. */
int dialog_greeting(struct dialog *d, const struct reply **reply, struct err *e);

/* Send TEXT (no line end) and await its reply. SHOWN is what observers see instead of a TEXT that
 * has a secret in it, or NULL. */
int dialog_ask(struct dialog *d, enum stage stage, const char *text, const char *shown,
               const struct reply **reply, struct err *e);

/* The reply that came last. Valid until the next call of any function here that sends or waits. */
const struct reply *dialog_reply(const struct dialog *d);

/* Queue TEXT; its reply goes to HANDLER, which must stay until the next dialog_drain. */
int dialog_queue(struct dialog *d, const struct command *c, const char *text,
                 const struct dialog_handler *handler, struct err *e);

/* Send what is queued and await every reply. */
int dialog_drain(struct dialog *d, struct err *e);

/* Commands may be in flight together from now on, or not. */
void dialog_pipeline(struct dialog *d, bool on);

/* Send bytes of the message. Little ones wait for more, to share a write with the header, the
 * end of the body and the commands after it; dialog_drain sends all. Each write has RFC 5321's
 * limit for a data block. */
int dialog_body(struct dialog *d, const char *data, size_t len, struct err *e);

/* The same for LEN bytes of a regular file, which never pass through our memory; only where
 * dialog_takes_files (not over TLS). 1: the file ends before them, and so does the dialogue; a file
 * that can't be read is ERR_IO. */
int dialog_file(struct dialog *d, int fd, off_t offset, uint64_t len, struct err *e);
bool dialog_takes_files(const struct dialog *d);

/* Queue TEXT, a BDAT command (RFC 3030), whose reply is due only after the bytes of the message
 * that dialog_body is given next: one that is seen before the last of them has been written ends
 * the dialogue. */
int dialog_chunk(struct dialog *d, const struct command *c, const char *text,
                 const struct dialog_handler *handler, struct err *e);

/* The message has been given whole. DOT is the command that its last bytes stand for, or NULL
 * where BDAT was one; with THEN_QUIT, QUIT goes out with them (RFC 2920 section 3.1) and is not
 * waited for. All is sent and every reply but QUIT's goes to HANDLER. */
int dialog_end_body(struct dialog *d, const struct command *dot, bool then_quit,
                    const struct dialog_handler *handler, struct err *e);

/* Await one reply more, that to C, behind those awaited already but QUIT's. For handlers. */
int dialog_expect(struct dialog *d, const struct command *c, struct err *e);

/* True once the last byte of the message has left us: from then on, without a verdict, nobody
 * knows whether the server has it. */
bool dialog_body_sent(const struct dialog *d);

/* Continue over TLS, a session that tls_begin made and that is the dialogue's from now on, also
 * after an error. -1 with ERR_PROTOCOL when the server sent anything after its reply to STARTTLS:
 * such bytes were in clear and are not to be believed (RFC 3207 section 4.2). */
int dialog_start_tls(struct dialog *d, struct stream *tls, struct err *e);

/* True once QUIT has been said, the server has said 421 or an error has ended the dialogue. */
bool dialog_is_over(const struct dialog *d);

/* Say QUIT, unless the dialogue is over, and close politely; waits only briefly, and errors matter
 * to nobody. */
void dialog_quit(struct dialog *d);

#endif
