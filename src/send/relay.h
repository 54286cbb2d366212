/* relay.h: the server's end of -bs: what a client asks is asked of the server at that moment, and
 * the client hears what the server says.
 *
 * The first MAIL opens the session, with the account that its sender chooses; a MAIL of another
 * account opens another. A session that has ended between transactions is opened anew, and nobody
 * hears of it. Where there is no server to ask, the client is told 451 in our words, and the user
 * too; the next MAIL tries again. An answer of 2xx is the server's own, or a promise of the queue.
 *
 * --queue fallback: what fails for now (queue_prospect) is promised to the client, and kept once the
 * message is there: a recipient that the server refuses for now, or all of the transaction where
 * there is no server, it refuses the sender, it leaves, or it can't take the message. The user hears
 * why. What is refused for good the client hears. --queue always: no server is asked, and nothing
 * that it would take is fetched. */
#ifndef SEND_RELAY_H
#define SEND_RELAY_H

#include "conf/layers.h"
#include "mail/message.h"
#include "send/peer.h"
#include "send/report.h"
#include "smtp/request.h"

/* RFC 5321 section 4.5.3.1.8 wants at least 100. */
enum { RELAY_RECIPIENTS_MAX = 100000 };

struct relay_request {
    const struct layers *layers;
    const struct peer *peer; /* who the client is, or NULL where that can't be known */
    bool sendmail;           /* called by that name */
};

struct relay;

/* What REQUEST points to, and REPORT, must live as long; REPORT is set up as the settings say. NULL
 * and what is wrong with them. */
struct relay *relay_new(const struct relay_request *request, struct report *report,
                        struct err *e);
void relay_free(struct relay *r);

/* The limits of time: for a command of the client's, and of the whole run. */
int64_t relay_timeout_ms(const struct relay *r);
struct deadline relay_run(const struct relay *r);

/* Whether the client may be served: where all goes into the queue, so many at once of each user.
 * Where that can't be known it is, and hears at the message what is wrong with the queue. */
bool relay_admits(struct relay *r);

/* True from an accepted MAIL to relay_reset. */
bool relay_is_begun(const struct relay *r);

/* Ask the server for MAIL or RCPT as REQUEST has it. ANSWER is what the client is told. A name that
 * stands for several recipients is accepted when all of them are; else the answer is the first
 * refusal, and those before it stay. */
void relay_mail(struct relay *r, const struct request *request, struct reply *answer);
void relay_recipient(struct relay *r, const struct request *request, struct reply *answer);

/* Whether a message may come now; where not, ANSWER says why. */
bool relay_takes_data(struct relay *r, struct reply *answer);

/* Edit MESSAGE, send it or keep it, and end the transaction. A 2xx is told once it is durably in the
 * queue for all whom the server has not taken it for. */
void relay_message(struct relay *r, struct message *message, struct reply *answer);

/* Forget the transaction. */
void relay_reset(struct relay *r);

#endif
