/* report.h: what the user is told, and the exit status.
 *
 * The only place that prints. Everything but what was asked for goes to stderr, a line at a time,
 * each in one write, so that lines of several processes do not mix. Whatever a server or a file
 * said is escaped. */
#ifndef SEND_REPORT_H
#define SEND_REPORT_H

#include "base/event.h"
#include "smtp/envelope.h"

struct report {
    bool quiet;    /* nothing at all */
    bool replies;  /* each reply of the server */
    bool facts;    /* connections, TLS parameters */
    bool commands; /* our commands too, and timings */
};

/* From --quiet, how often -v was given, and whether stderr is a terminal. */
void report_init(struct report *report, bool quiet, int verbose);

/* The sink that prints events as REPORT says. */
struct sink report_sink(struct report *report);

/* One line for what went wrong: stage, recipient or NULL, message, the server's words, hint. */
void report_error(const struct report *report, const struct err *e, const char *recipient);

/* Append the same without the hint and what is around it, for others than the user. */
void report_describe(struct buf *line, const struct err *e, const char *recipient);

/* A line for each recipient that was refused. AUTHENTICATED shapes the hints. */
void report_recipients(const struct report *report, const struct envelope *envelope,
                       bool authenticated);

/* After E ended a run that has sent the message to some recipients already: how many have it, and a
 * line for each whom E concerns. MAYBE_ACCEPTED: see struct transaction_result. */
void report_undecided(const struct report *report, const struct envelope *envelope,
                      const struct err *e, bool maybe_accepted);

/* The message is in the queue as ID, for COUNT recipients. ASKED: nothing else was wanted, which is
 * news to who watches alone. */
void report_kept(const struct report *report, const char *id, size_t count, bool asked);

/* How a run over the queue went, for who watches: SENT messages went to somebody, and some may be
 * LEFT that could not. */
void report_pass(const struct report *report, size_t sent, bool left);

/* The exit status of a run: of E where it failed as a whole, else of its recipients: 75 where one
 * is worth another try, else that of a refusal, else 0. */
int report_exit_status(const struct envelope *envelope, const struct err *e);

/* Append the words of a server on one line, escaped: line ends in them become " | ". */
void report_words(struct buf *line, const char *text, size_t len);

/* Write TEXT to stdout, for what is asked for: --help, a list, a message. -1 with ERR_IO. */
int report_print(const char *text, size_t len, struct err *e);

/* The same for bytes of others: on a terminal, which nothing in them may drive, their lines are
 * escaped; elsewhere they go as they are. -1 with ERR_OS too. */
int report_show(const char *data, size_t len, struct err *e);

#endif
