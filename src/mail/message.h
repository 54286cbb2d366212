/* message.h: one RFC 5322 message, from the user's bytes to the bytes of the wire.
 *
 * message_open takes the whole message in hand before anyone connects: a regular file is read in
 * place, a pipe into memory up to MESSAGE_IN_MEMORY and beyond that into an unlinked temporary
 * file. Only the header is parsed and held; the body passes through one buffer of fixed size, so
 * memory does not depend on the message's size. On the way out line ends become CRLF whatever
 * their mixture, no bare CR or LF is ever produced, a last line without an end gets one, and a
 * NUL is an error (ERR_DATA). Read errors are ERR_IO. */
#ifndef MAIL_MESSAGE_H
#define MAIL_MESSAGE_H

#include "base/err.h"
#include "mail/header.h"
#include "mail/source.h"

enum { MESSAGE_IN_MEMORY = 1024 * 1024 };

/* What the wire form holds; all of it is known before the first byte goes out, unless streamed. */
struct message_facts {
    bool known;       /* false: streamed, only the header has been seen */
    bool header_8bit; /* the header needs SMTPUTF8 (RFC 6532) or is 8-bit garbage */
    bool body_8bit;   /* the body needs 8BITMIME (RFC 6152) */
    uint64_t size;    /* octets as RFC 1870 counts them: CRLFs yes, stuffed dots no */
    bool long_lines;  /* a body line has over 998 octets without its end (RFC 5321) */
};

struct message_options {
    bool stream;   /* send as it is read: only the header is taken before */
    bool dot_ends; /* input is a terminal: a line that is a lone dot ends it */
    bool mended;   /* input is what message_next gave, after edits: its header may be longer */
    const struct source_reader *reader; /* in place of the descriptor; or NULL */
};

struct message;

/* Read FD (not closed, must outlive the message): the mbox `From ` line and a UTF-8 byte order
 * mark at its very start are dropped, the header is parsed; where the first line is no header
 * field, the header is empty and all is body. Empty input is an empty body. 0 and *M, which
 * message_free frees; or -1. */
int message_open(struct message **m, int fd, const struct message_options *options,
                 struct err *e);
void message_free(struct message *m);

/* The header, to look at and to edit until the first message_next. */
struct header *message_header(struct message *m);

/* What a mended message gets when it lacks it. */
struct message_identity {
    const char *address; /* for From; "" makes no From (RFC 5322 has no null From) */
    const char *name;    /* full name for From, or NULL */
    const char *host;    /* right-hand side of the Message-ID; NULL: the address's domain */
};

/* Remove Bcc and Resent-Bcc; where ADD, add Date (RFC 5322 section 3.3, local time), Message-ID
 * (random, unique, no host secrets) and From when the header has none. Once per message. */
int message_mend(struct message *m, bool add, const struct message_identity *who,
                 struct err *e);

/* The facts of the mended message. */
const struct message_facts *message_facts(const struct message *m);

/* Point at the next run of wire bytes, with dots stuffed (RFC 5321 section 4.5.2) where STUFF.
 * 1: *DATA and *LEN (never 0) are valid until the next call; 0: all is out, and the last run
 * ended in CRLF (or there was none); -1. */
int message_next(struct message *m, bool stuff, const char **data, size_t *len, struct err *e);

/* For a server that lacks 8BITMIME: from now on, also after message_rewind, the message is its
 * 7-bit form (RFC 6152 section 3), and the facts are those of that form. Starts over at the first
 * byte, so that it may follow message_next or message_rewind as well as message_mend; the header
 * can't be edited after it. Text becomes quoted-printable, other leaf parts base64, 8-bit text in
 * header fields encoded words (RFC 2047) or RFC 2231 values; downgrade.h says more. -1 and the
 * message as before: with ERR_DATA where a part or a field can't be converted without harm (a
 * signed part, bytes that its label denies, a name that is not UTF-8). A streamed message is not
 * converted: one with 8-bit text is refused (ERR_DATA), here where the header has it, by the
 * message_next that meets it where the body does. */
int message_downgrade(struct message *m, struct err *e);

/* The rest of the message as bytes of a regular file that go out as they are, dots not stuffed. */
struct message_tail {
    int fd;
    off_t offset;
    uint64_t len;
};

/* True once the header is out, when the body is such bytes, their file has not changed since
 * message_open and none of them has been read again yet;
 * after that message_next must not be called before a rewind. */
bool message_tail(const struct message *m, struct message_tail *tail);

/* Start over at the first byte. -1 with ERR_INTERNAL for a streamed message that has been read
 * into. */
int message_rewind(struct message *m, struct err *e);

#endif
