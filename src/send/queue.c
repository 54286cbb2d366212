#include "send/queue.h"

#include "base/file.h"
#include "base/text.h"
#include "conf/places.h"
#include "send/local.h"
#include "smtp/extensions.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

enum {
    PATH_BYTES = 4096,
    ID_SHOWN = 60,
    NOTIFY_BYTES = 64,
    TRACE_BYTES = 2048,
    FIRST_PAUSE = 5 * 60,
    LONGEST_PAUSE = 4 * 60 * 60
};

enum queue_mode queue_mode(const struct settings *s, bool sendmail)
{
    size_t i;

    for (i = 0; i < s->sendmail_o.count; i++) {
        if (!strcmp(s->sendmail_o.at[i], "dq"))
            return QUEUE_ALWAYS;
    }
    if (!s->queue)
        return sendmail ? QUEUE_FALLBACK : QUEUE_NEVER;
    if (text_same(s->queue, "always"))
        return QUEUE_ALWAYS;
    return text_same(s->queue, "fallback") ? QUEUE_FALLBACK : QUEUE_NEVER;
}

int queue_open(struct spool **spool, const struct settings *s, bool sendmail, bool create,
               struct err *e)
{
    struct buf path;
    int status;

    *spool = NULL;
    buf_init(&path, PATH_BYTES);
    status = queue_path_find(&path, s->queue_dir, sendmail, e);
    if (!status)
        status = spool_open(spool, path.data, create, e);
    buf_release(&path);
    if (!status)
        return 0;
    err_at(e, STAGE_QUEUE);
    return settings_blame(s, e);
}

int queue_check_id(const char *id, struct err *e)
{
    struct buf shown;

    if (queue_id_valid(id, strlen(id)))
        return 0;
    buf_init(&shown, 4 * ID_SHOWN);
    text_escape(&shown, id, strnlen(id, ID_SHOWN));
    err_set(e, ERR_USAGE, "'%s' can't be the id of a message in the queue", shown.data);
    err_hint(e, "an id is what -bp shows, without the '!' behind it");
    buf_release(&shown);
    return err_at(e, STAGE_CONFIG);
}

enum prospect queue_prospect(const struct err *e)
{
    switch (e->kind) {
    case ERR_TEMPORARY:
    case ERR_PROTOCOL:
    case ERR_NOPERM:
    case ERR_NOHOST:
        return PROSPECT_RETRY;
    case ERR_UNAVAILABLE: /* of the message: it is too long for the server */
        return e->stage >= STAGE_MAIL || e->stage == STAGE_MESSAGE ? PROSPECT_NONE
                                                                   : PROSPECT_RETRY;
    case ERR_OS: /* no descriptors, no memory: while it was being sent */
        return e->stage >= STAGE_CONNECT ? PROSPECT_RETRY : PROSPECT_UNKNOWN;
    case ERR_NOINPUT: /* the file of a password, a key, a trust anchor: a home is not mounted */
        return e->stage == STAGE_TLS || e->stage == STAGE_AUTH ? PROSPECT_RETRY
                                                               : PROSPECT_UNKNOWN;
    case ERR_DATA:
    case ERR_NOUSER:
        return PROSPECT_NONE;
    case ERR_NONE:
    case ERR_USAGE:
    case ERR_INTERNAL:
    case ERR_CANTCREATE:
    case ERR_IO:
    case ERR_CONFIG:
        break;
    }
    return PROSPECT_UNKNOWN;
}

enum prospect queue_recipient_prospect(const struct recipient *r)
{
    const struct err e = {.kind = (enum err_kind)r->kind, .stage = (enum stage)r->stage};

    return queue_prospect(&e);
}

bool queue_is_lost(const struct envelope *envelope)
{
    size_t i;

    for (i = 0; envelope->require_all && i < envelope->count; i++) {
        if (envelope->recipients[i].delivery == DELIVERY_FAILED &&
            queue_recipient_prospect(&envelope->recipients[i]) == PROSPECT_NONE)
            return true;
    }
    return false;
}

/* From 0.8 to 1.2 times SECONDS, so that messages that failed together do not come back together. */
static int64_t jitter(int64_t seconds)
{
    unsigned random = 0;

    if (getrandom(&random, sizeof(random), GRND_NONBLOCK) != sizeof(random))
        return seconds;
    return seconds * 8 / 10 + (int64_t)random % (seconds * 4 / 10 + 1);
}

int64_t queue_next_try(int64_t now, int64_t attempts)
{
    int64_t pause = FIRST_PAUSE;

    for (; attempts > 1 && pause < LONGEST_PAUSE; attempts--)
        pause *= 2;
    return now + jitter(pause < LONGEST_PAUSE ? pause : LONGEST_PAUSE);
}

/* ---- keeping ---- */

/* Whether R is to be kept. Those that were held back for another's sake share his lot. */
static bool is_kept(const struct keeping *k, const struct recipient *r,
                    const struct err *failure)
{
    if (r->notify != k->notify)
        return false;
    switch ((enum delivery)r->delivery) {
    case DELIVERY_WAITING:
    case DELIVERY_ACCEPTED:
        return !failure || queue_prospect(failure) == PROSPECT_RETRY;
    case DELIVERY_WITHHELD:
        return true;
    case DELIVERY_FAILED:
        return queue_recipient_prospect(r) == PROSPECT_RETRY;
    case DELIVERY_DONE:
    case DELIVERY_QUEUED:
        break;
    }
    return false;
}

/* A copy of TEXT, or NULL for NULL, in *COPY; *FAILED is set where there is no memory. */
static void copy(char **to, const char *text, bool *failed)
{
    *to = text ? strdup(text) : NULL;
    *failed = *failed || (text && !*to);
}

static int describe(struct queue_envelope *q, const struct keeping *k, struct err *e)
{
    const struct settings *s = k->settings;
    bool failed = false,
         known = s->body && (text_same(s->body, "7bit") || text_same(s->body, "8bitmime"));
    struct buf notify;

    buf_init(&notify, NOTIFY_BYTES);
    extensions_notify_text(k->notify, &notify);
    q->created = (int64_t)time(NULL);
    copy(&q->account, k->account, &failed);
    copy(&q->reverse_path, k->envelope->reverse_path, &failed);
    copy(&q->body, known ? s->body : NULL, &failed);
    copy(&q->notify, k->notify ? notify.data : s->notify, &failed);
    copy(&q->ret, s->dsn_return, &failed);
    copy(&q->envid, s->envid, &failed);
    copy(&q->priority, s->priority, &failed);
    copy(&q->deliver_by, s->deliver_by, &failed);
    copy(&q->hold_until, s->hold_until, &failed);
    q->hold_for_ms = s->hold_for_ms;
    q->require_tls = s->require_tls;
    q->require_all = k->envelope->require_all;
    q->uid = k->peer ? k->peer->uid : -1;
    failed = failed || notify.failed;
    buf_release(&notify);
    return failed ? err_set(e, ERR_OS, "no memory for an envelope") : 0;
}

/* What was last said of a recipient that is kept. UNSURE: perhaps he has the message. */
static int explain(struct queued_recipient *q, const struct recipient *r,
                   const struct err *failure, bool unsure, struct err *e)
{
    struct buf said;
    int status;

    if (r->delivery == DELIVERY_FAILED)
        return queued_recipient_note(q, r->code, r->enhanced, (enum stage)r->stage,
                                     r->said ? r->said : "", e);
    if (!failure || failure->kind == ERR_NONE)
        return 0;
    buf_init(&said, SIZE_MAX);
    buf_addf(&said, "%s%s", failure->said ? failure->said : failure->message,
             unsure && r->delivery == DELIVERY_ACCEPTED ? QUEUE_UNSURE : "");
    status = queued_recipient_note(q, failure->code, failure->enhanced, failure->stage,
                                   said.data, e);
    buf_release(&said);
    return status;
}

static int add_recipients(struct queue_envelope *q, const struct keeping *k,
                          const struct err *failure, struct err *e)
{
    const struct envelope *envelope = k->envelope;
    size_t count = queue_is_lost(envelope) ? 0 : envelope->count, i;

    for (i = 0; i < count; i++) {
        const struct recipient *r = &envelope->recipients[i];

        if (is_kept(k, r, failure) &&
            (queue_envelope_add(q, r->address, e) ||
             explain(&q->recipients[q->count - 1], r, failure, k->maybe_accepted, e)))
            return -1;
    }
    q->attempts = failure ? 1 : 0;
    return 0;
}

static int write_bytes(int fd, const char *data, size_t len, struct err *e)
{
    if (!file_write(fd, data, len))
        return 0;
    return err_system(e, ERR_IO, errno, "the message can't be written to the queue");
}

/* Where it came from, above all that the message has; only now its id is known. */
static int write_trace(const struct keeping *k, int64_t when, int fd, struct err *e)
{
    struct local local;
    struct buf field;
    int status;

    if (!k->peer)
        return 0;
    local_init(&local, k->settings);
    buf_init(&field, TRACE_BYTES);
    status = peer_trace(k->peer, local_host(&local), k->id, when, &field, e);
    if (!status)
        status = write_bytes(fd, field.data, field.len, e);
    buf_release(&field);
    local_release(&local);
    return status;
}

/* The message in wire form, from its beginning. */
static int write_message(struct message *message, int fd, struct err *e)
{
    const char *data;
    size_t len;
    int more = message_rewind(message, e);

    if (more && !message_facts(message)->known) {
        err_set(e, ERR_IO, "a message that was sent as it was read can't be kept");
        return err_hint(e, "leave out --stream");
    }
    while (!more && (more = message_next(message, false, &data, &len, e)) > 0)
        more = write_bytes(fd, data, len, e);
    return more;
}

static void mark_kept(struct keeping *k, const struct err *failure)
{
    struct envelope *envelope = k->envelope;
    size_t i;

    for (i = 0; i < envelope->count; i++) {
        struct recipient *r = &envelope->recipients[i];

        if (is_kept(k, r, failure))
            r->delivery = DELIVERY_QUEUED;
    }
}

/* Put the message into SPOOL with the envelope Q. */
static int put(struct keeping *k, struct spool *spool, struct queue_envelope *q, struct err *e)
{
    struct spool_draft *draft;
    int64_t due = q->attempts ? queue_next_try(q->created, q->attempts) : q->created;
    int fd;

    if (spool_begin(spool, &draft, &fd, e))
        return -1;
    memcpy(k->id, spool_draft_id(draft), sizeof(k->id));
    if (!write_trace(k, q->created, fd, e) && !write_message(k->message, fd, e))
        return spool_commit(draft, q, due, e);
    spool_abandon(draft);
    return -1;
}

int queue_keep(struct keeping *k, const struct err *failure, struct err *e)
{
    struct spool *spool = NULL;
    struct queue_envelope q;
    int status;

    queue_envelope_init(&q);
    status = describe(&q, k, e) || add_recipients(&q, k, failure, e) ? -1 : 0;
    if (!status && q.count && !(status = queue_open(&spool, k->settings, k->sendmail, true, e)))
        status = put(k, spool, &q, e);
    if (!status && q.count)
        mark_kept(k, failure);
    k->kept = status ? 0 : q.count;
    queue_envelope_release(&q);
    spool_close(spool);
    return status ? err_at(e, STAGE_QUEUE) : 0;
}
