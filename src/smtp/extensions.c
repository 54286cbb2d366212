#include "smtp/extensions.h"

#include "base/text.h"
#include "mail/mailbox.h"
#include "net/tls.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Date, From and Message-ID, and domains for bare names. */
enum { ADDED_FIELDS_MAX = 4096 };

static bool offers(const struct session *s, unsigned cap)
{
    return (s->caps.bits & cap) != 0;
}

static int lacks(const char *extension, const char *option, struct err *e)
{
    err_set(e, ERR_UNAVAILABLE, "the server does not offer %s", extension);
    return err_hint(e, "send without %s, or by another server", option);
}

/* What the user asked for by name. */
static int check_options(const struct session *s, const struct extensions *x, struct err *e)
{
    if (x->require_tls && !(s->encrypted && s->verified)) {
        err_set(e, ERR_UNAVAILABLE, "--require-tls needs a server that TLS has verified");
        return err_hint(e, "use --tls required or implicit (RFC 8689)");
    }
    if (x->require_tls && !offers(s, CAP_REQUIRETLS))
        return lacks("REQUIRETLS", "--require-tls", e);
    if (x->deliver_by && !offers(s, CAP_DELIVERBY))
        return lacks("DELIVERBY", "--deliver-by", e);
    if (x->has_priority && !offers(s, CAP_MT_PRIORITY))
        return lacks("MT-PRIORITY", "--priority", e);
    if ((x->hold_for || x->hold_until) && !offers(s, CAP_FUTURERELEASE))
        return lacks("FUTURERELEASE", "--hold-for or --hold-until", e);
    return 0;
}

/* The times that were asked for, against those that the server states. RFC 2852 section 3: the
 * least time is for messages that are to be returned when they are late. */
static int check_times(const struct caps *c, const struct extensions *x, struct err *e)
{
    bool returns = x->deliver_by && text_lower(x->by_mode[0]) == 'r';

    if (returns && (uint64_t)x->deliver_by < c->deliver_min) {
        err_set(e, ERR_UNAVAILABLE,
                "the server takes at least %" PRIu64 " seconds to deliver, not %" PRId64,
                c->deliver_min, x->deliver_by);
        return err_hint(e, "give --deliver-by more time, or mode N");
    }
    if (c->hold_max && (uint64_t)x->hold_for > c->hold_max) {
        err_set(e, ERR_UNAVAILABLE,
                "the server holds a message for at most %" PRIu64 " seconds, not %" PRId64,
                c->hold_max, x->hold_for);
        return err_hint(e, "give --hold-for less");
    }
    if (c->hold_until && x->hold_until && text_time(x->hold_until) > c->hold_until) {
        err_set(e, ERR_UNAVAILABLE, "the server does not hold a message until %s",
                x->hold_until);
        return err_hint(e, "give --hold-until an earlier time");
    }
    return 0;
}

int extensions_address(const struct session *s, const char *address, struct buf *out,
                       struct err *e)
{
    const char *at = strrchr(address, '@');
    struct err ignored = ERR_INIT;
    size_t start = out->len;

    if (offers(s, CAP_SMTPUTF8) || !mailbox_needs_utf8(address))
        return buf_addstr(out, address);
    if (at) {
        buf_add(out, address, (size_t)(at + 1 - address));
        if (!mailbox_needs_utf8(out->data + start) &&
            !tls_ascii_name(at + 1, strlen(at + 1), out, &ignored))
            return 0;
        err_release(&ignored);
    }
    err_set(e, ERR_UNAVAILABLE, "'%.200s' is not ASCII and the server lacks SMTPUTF8", address);
    return err_hint(e, "use the ASCII form of the address, if it has one");
}

/* Without SMTPUTF8 every address has to do with ASCII. */
static int check_addresses(const struct session *s, const struct envelope *envelope,
                           struct err *e)
{
    struct buf ascii;
    size_t i;
    int status;

    buf_init(&ascii, COMMAND_MAX);
    status = extensions_address(s, envelope->reverse_path, &ascii, e);
    for (i = 0; !status && i < envelope->count; i++) {
        buf_clear(&ascii);
        if (mailbox_needs_utf8(envelope->recipients[i].address))
            status = extensions_address(s, envelope->recipients[i].address, &ascii, e);
    }
    buf_release(&ascii);
    return status;
}

int extensions_check(const struct session *s, const struct extensions *x,
                     const struct envelope *envelope, struct err *e)
{
    if (check_options(s, x, e) || check_times(&s->caps, x, e))
        return -1;
    return offers(s, CAP_SMTPUTF8) ? 0 : check_addresses(s, envelope, e);
}

int extensions_check_size(const struct session *s, const struct message *message, struct err *e)
{
    const struct message_facts *facts = message_facts(message);
    uint64_t limit = s->caps.size_limit;

    if (facts->known && limit && facts->size > limit) {
        err_set(e, ERR_UNAVAILABLE,
                "the message has %" PRIu64 " bytes and the server takes at most %" PRIu64,
                facts->size, limit);
        return err_hint(e, "send a smaller message");
    }
    return 0;
}

/* RFC 3461 section 4: printable ASCII but '+' and '=' as it is, all else as +XX. */
static void add_xtext(struct buf *out, const char *text)
{
    const unsigned char *p;

    for (p = (const unsigned char *)text; *p; p++) {
        if (*p > ' ' && *p < 0x7f && *p != '+' && *p != '=')
            buf_addch(out, (char)*p);
        else
            buf_addf(out, "+%02X", *p);
    }
}

bool extensions_want_dsn(const struct extensions *x)
{
    return x->notify || x->ret || x->envid;
}

/* What is declared: the size where it is known, else what the sender guessed and what we may add to
 * the header. Nothing where the message may yet grow by being converted (RFC 1870 section 6.1:
 * a server need not take more than was declared). */
static uint64_t declared_size(const struct session *s, const struct extensions *x,
                              const struct message_facts *facts)
{
    if (facts->known)
        return facts->size;
    return x->size && offers(s, CAP_8BITMIME) ? (uint64_t)x->size + ADDED_FIELDS_MAX : 0;
}

void extensions_mail(const struct session *s, const struct extensions *x,
                     const struct envelope *envelope, const struct message *message, bool prdr,
                     struct buf *out)
{
    const struct message_facts unknown = {.size = 0};
    const struct message_facts *facts = message ? message_facts(message) : &unknown;
    uint64_t size = declared_size(s, x, facts);

    if (offers(s, CAP_SIZE) && (facts->known || size))
        buf_addf(out, " SIZE=%" PRIu64, size);
    if (offers(s, CAP_8BITMIME) &&
        (!facts->known || x->declare_8bit || facts->body_8bit || facts->header_8bit))
        buf_addstr(out, " BODY=8BITMIME");
    if (offers(s, CAP_SMTPUTF8) && (x->utf8 || envelope_needs_utf8(envelope)))
        buf_addstr(out, " SMTPUTF8");
    if (offers(s, CAP_DSN) && x->ret)
        buf_addf(out, " RET=%s", x->ret);
    if (offers(s, CAP_DSN) && x->envid) {
        buf_addstr(out, " ENVID=");
        add_xtext(out, x->envid);
    }
    if (x->require_tls)
        buf_addstr(out, " REQUIRETLS");
    if (x->deliver_by)
        buf_addf(out, " BY=%" PRId64 ";%s", x->deliver_by, x->by_mode);
    if (x->has_priority)
        buf_addf(out, " MT-PRIORITY=%d", x->priority);
    if (x->hold_for)
        buf_addf(out, " HOLDFOR=%" PRId64, x->hold_for);
    if (x->hold_until)
        buf_addf(out, " HOLDUNTIL=%s", x->hold_until);
    if (prdr)
        buf_addstr(out, " PRDR");
}

static const struct {
    unsigned bit;
    const char *word;
} notify_words[] = {{NOTIFY_NEVER, "NEVER"},
                    {NOTIFY_SUCCESS, "SUCCESS"},
                    {NOTIFY_FAILURE, "FAILURE"},
                    {NOTIFY_DELAY, "DELAY"}};

enum { NOTIFY_WORDS = sizeof(notify_words) / sizeof(notify_words[0]) };

unsigned extensions_notify_bit(const char *word, size_t len)
{
    size_t i;

    for (i = 0; i < NOTIFY_WORDS; i++) {
        if (text_same_n(word, len, notify_words[i].word))
            return notify_words[i].bit;
    }
    return 0;
}

void extensions_notify_text(unsigned notify, struct buf *out)
{
    const char *separator = "";
    size_t i;

    for (i = 0; i < NOTIFY_WORDS; i++) {
        if (notify & notify_words[i].bit) {
            buf_addf(out, "%s%s", separator, notify_words[i].word);
            separator = ",";
        }
    }
}

void extensions_rcpt(const struct session *s, const struct extensions *x, struct buf *out)
{
    if (!offers(s, CAP_DSN))
        return;
    if (x->notify)
        buf_addstr(out, " NOTIFY=");
    extensions_notify_text(x->notify, out);
    if (x->orcpt)
        buf_addf(out, " ORCPT=%s", x->orcpt);
}
