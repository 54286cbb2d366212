/* token.h: the lexical tokens of address fields (RFC 5322 section 3.2), one after the other.
 *
 * Comments and folding white space between tokens are passed over. Nothing is allocated: a
 * token points into the text. */
#ifndef MAIL_TOKEN_H
#define MAIL_TOKEN_H

#include <stdbool.h>
#include <stddef.h>

enum token_kind {
    TOKEN_END,
    TOKEN_ATOM,    /* a run of atext; UTF-8 included, not yet checked */
    TOKEN_QUOTED,  /* a quoted string with its quotes */
    TOKEN_LITERAL, /* a domain literal with its brackets */
    TOKEN_ENCODED, /* an encoded word with bytes that no atom has: can only be a display name */
    TOKEN_SPECIAL, /* one of < > , ; : @ . */
    TOKEN_BAD      /* there is no token here; why says so */
};

struct token {
    enum token_kind kind;
    const char *start;
    size_t len;
    bool blank; /* white space before it */
    const char *why;
};

/* A copy of it is a place to come back to. */
struct tokens {
    const char *at, *end; /* what follows the token at hand */
    struct token now;
};

/* Make the first token of TEXT the one at hand. */
void tokens_init(struct tokens *t, const char *text, size_t len);

/* Go to the next token; stays at TOKEN_END and TOKEN_BAD. */
void tokens_next(struct tokens *t);

/* True when the token at hand is the special character C. */
bool tokens_at(const struct tokens *t, char c);

#endif
