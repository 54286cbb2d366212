/* answer.h: what the client of -bs is told: in our words, in an error's, or in the server's. */
#ifndef SEND_ANSWER_H
#define SEND_ANSWER_H

#include "smtp/reply.h"

/* LINE, a line of reply with its codes. */
void answer_say(struct reply *answer, const char *line);

/* What went wrong on our side: CODES is "451 4.3.0" or the like. */
void answer_error(struct reply *answer, const char *codes, const struct err *e);

/* What the server has said, as a reply to the command at hand: no 421, since we stay, and nothing
 * that would mean something else here. */
void answer_reply(struct reply *answer, const struct reply *said);

/* The same of the server's reply that E has. */
void answer_refusal(struct reply *answer, const struct err *e);

#endif
