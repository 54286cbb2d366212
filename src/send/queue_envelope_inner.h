/* queue_envelope_inner.h: what writing (queue_envelope.c) and reading (queue_envelope_read.c) have
 * in common: the words of the file, and what their values may be. */
#ifndef SEND_QUEUE_ENVELOPE_INNER_H
#define SEND_QUEUE_ENVELOPE_INNER_H

#include "send/queue_envelope.h"

#define ENVELOPE_FIRST_LINE        "smtpsend-queue 1"
#define ENVELOPE_MOST_HOLD_SECONDS INT64_C(1000000000)

enum { ENVELOPE_TEXTS = 9, ENVELOPE_NUMBERS = 4, ENVELOPE_FLAGS = 4 };

/* Lines that have a text as their value; the file has them in this order, after the numbers. */
struct envelope_text {
    const char *word;
    size_t offset;
};
extern const struct envelope_text envelope_texts[ENVELOPE_TEXTS];
char **envelope_text(struct queue_envelope *envelope, const struct envelope_text *field);

/* Lines that have a number, from 0 to MOST. One that need not be there is -1 then. */
struct envelope_number {
    const char *word;
    size_t offset;
    int64_t most;
    bool needed;
};
extern const struct envelope_number envelope_numbers[ENVELOPE_NUMBERS];
int64_t *envelope_number(struct queue_envelope *envelope, const struct envelope_number *field);

/* Lines that are a word alone; the file has them behind the texts. */
struct envelope_flag {
    const char *word;
    size_t offset;
};
extern const struct envelope_flag envelope_flags[ENVELOPE_FLAGS];
bool *envelope_flag(struct queue_envelope *envelope, const struct envelope_flag *field);

/* The word for a state; NULL for one that is not written. */
const char *queued_state_word(enum queued_state state);

bool envelope_code_fits(int64_t code);
bool envelope_enhanced_fits(const struct enhanced *x);

#endif
