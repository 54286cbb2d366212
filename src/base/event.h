/* event.h: what a run tells its observers while it goes on.
 *
 * Every reply, command and fact passes through one sink; the text on stderr and whatever else
 * wants to know are observers of it. An event and all it points to live only as long as the
 * call. Commands that carry a secret never reach the sink: their text is "<redacted>". */
#ifndef BASE_EVENT_H
#define BASE_EVENT_H

#include "base/err.h"

#include <stdint.h>

enum event_kind {
    EVENT_REPLY,   /* the server's words: code, enhanced, text (raw lines apart by '\n') */
    EVENT_COMMAND, /* ours, without the line end */
    EVENT_FACT,    /* connected, TLS parameters, sizes: one line of our own words */
    EVENT_WARNING  /* something the user should know although the run goes on */
};

struct event {
    enum event_kind kind;
    enum stage stage;
    const char *recipient; /* the address concerned, or NULL */
    const char *text;      /* raw bytes of others possible in a reply: escape before printing */
    size_t text_len;
    int code; /* of a reply */
    struct enhanced enhanced;
    int64_t elapsed_ns; /* of a reply: since the command went out */
};

/* Where events go; on may be NULL (nobody listens). */
struct sink {
    void (*on)(void *ctx, const struct event *event);
    void *ctx;
};

/* Hand EVENT to the sink, if it listens. */
void sink_emit(const struct sink *sink, const struct event *event);

/* Emit a fact or a warning in printf's manner; at most 1 KiB is kept. */
void sink_say(const struct sink *sink, enum event_kind kind, enum stage stage,
              const char *format, ...) __attribute__((format(printf, 4, 5)));

#endif
