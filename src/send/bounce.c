#include "send/bounce.h"

#include "base/text.h"
#include "mail/message.h"
#include "mail/names.h"
#include "mail/stamp.h"
#include "mail/wire.h"
#include "send/delivery.h"
#include "send/notice.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

enum {
    TEXT_MAX = 64 * 1024, /* octets of any text here, once escaped */
    ENVID_MOST = 100,     /* RFC 3461 section 4.4 */
    HOST_MOST = 255       /* RFC 5321 section 4.5.3.1.2 */
};

/* A bounce being written. */
struct writer {
    const struct bounce *b;
    const char *host;
    struct notice notice;
    struct message *original; /* NULL: it does not come back */
    struct buf header;        /* of the original */
    bool whole;               /* not its header alone */
};

bool bounce_wanted(const struct queue_envelope *envelope, enum bounce_kind kind)
{
    struct err ignored = ERR_INIT;
    unsigned notify;

    if (delivery_notify(envelope->notify, &notify, &ignored) || !notify)
        notify = NOTIFY_FAILURE;
    err_release(&ignored);
    switch (kind) {
    case BOUNCE_FAILED:
        return (notify & NOTIFY_FAILURE) != 0;
    case BOUNCE_DELAYED:
        return (notify & NOTIFY_DELAY) != 0;
    case BOUNCE_RELAYED:
        return (notify & NOTIFY_SUCCESS) != 0;
    }
    return false;
}

static const struct queued_recipient *recipient(const struct bounce *b, size_t i)
{
    return &b->envelope->recipients[b->recipients[i]];
}

/* It was not refused for good, there just was no more time. */
static bool is_expired(const struct bounce *b, const struct queued_recipient *r)
{
    return b->kind == BOUNCE_FAILED && b->now >= b->expires && r->code / 100 != 5 &&
           r->enhanced.class != 5;
}

/* Like text_escape, and what is beyond ASCII as well. */
static void escape_to_ascii(struct buf *out, const char *text, size_t len)
{
    size_t i;

    for (i = 0; i < len; i++)
        text_escape(out, text + i, 1); /* one byte of several is no UTF-8 */
}

/* What was said about R, each line with the code that it came with, to lines that begin with
 * FIRST and then with REST. ESCAPE: text_escape, or its kin above. */
static void put_words(struct notice *n, const struct queued_recipient *r, const char *first,
                      const char *rest, void (*escape)(struct buf *, const char *, size_t))
{
    const char *at = r->said ? r->said : "", *end = at + strnlen(at, BOUNCE_SAID_MAX), *stop;
    struct buf text;

    buf_init(&text, TEXT_MAX);
    for (;; at = stop + 1) {
        buf_clear(&text);
        stop = memchr(at, '\n', (size_t)(end - at));
        if (r->code)
            buf_addf(&text, "%d%c", r->code, stop ? '-' : ' ');
        escape(&text, at, (size_t)((stop ? stop : end) - at));
        if (!stop && *end)
            buf_addstr(&text, " [...]");
        if (notice_wrapped(n, first, rest, text.data, text.len))
            first = rest;
        if (!stop)
            break;
    }
    buf_release(&text);
}

/* ---- the header ---- */

/* ASCII whoever is told: an address that is not, or that could be read as something else, becomes
 * the name of a group without members (as in RFC 6857 section 3.1.8). */
static void put_to(struct notice *n, const char *to)
{
    struct err ignored = ERR_INIT;
    struct buf address;

    buf_init(&address, NOTICE_LINE_MOST);
    if (!mailbox_needs_utf8(to) && !mailbox_reverse_path(to, NULL, &address, &ignored) &&
        !strcmp(address.data, to)) {
        buf_addf(&n->out, "To: <%s>\r\n", to);
    } else {
        buf_addstr(&n->out, "To: ");
        mailbox_display_name(&n->out, to);
        buf_addstr(&n->out, " :;\r\n"); /* RFC 2047 section 5: a blank ends a word */
    }
    buf_release(&address);
    err_release(&ignored);
}

static const char *subject(enum bounce_kind kind)
{
    switch (kind) {
    case BOUNCE_FAILED:
        return "Undelivered mail returned to its sender";
    case BOUNCE_DELAYED:
        return "Delayed mail, which is still being tried";
    case BOUNCE_RELAYED:
        return "Relayed mail, of which no more will be told";
    }
    return "";
}

static int put_header(struct writer *w, struct err *e)
{
    struct notice *n = &w->notice;

    if (notice_date(n, "Date", w->b->now, e) < 0)
        return -1;
    buf_addf(&n->out, "From: Mail Delivery System <MAILER-DAEMON@%s>\r\n", w->host);
    put_to(n, w->b->to);
    buf_addf(&n->out, "Subject: %s\r\nMessage-ID: ", subject(w->b->kind));
    if (stamp_message_id(&n->out, w->b->now, w->host, e) < 0)
        return -1;
    buf_addf(&n->out,
             "\r\nAuto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n"
             "Content-Type: multipart/report; report-type=delivery-status;\r\n"
             " boundary=\"%s\"\r\n",
             n->boundary.data);
    return 0;
}

/* ---- the text for people ---- */

static const char *verdict(enum bounce_kind kind)
{
    switch (kind) {
    case BOUNCE_FAILED:
        return " could not be delivered to:";
    case BOUNCE_DELAYED:
        return " has not been delivered yet to:";
    case BOUNCE_RELAYED:
        return " was taken by the next server for:";
    }
    return "";
}

/* "Your message of DATE", or whose it was where another is told, and what became of it. */
static int put_introduction(struct writer *w, struct err *e)
{
    const char *sender = w->b->envelope->reverse_path;
    bool own = sender && !strcmp(sender, w->b->to);
    struct buf text;
    int rc;

    buf_init(&text, TEXT_MAX);
    buf_addf(&text, "This is the mail system at %s. %s message of ", w->host,
             own ? "Your" : "The");
    rc = stamp_date(&text, w->b->envelope->created, e);
    if (!own && sender && *sender) {
        buf_addstr(&text, " from <");
        text_escape(&text, sender, strnlen(sender, NOTICE_LINE_MOST));
        buf_addch(&text, '>');
    } else if (!own) {
        buf_addstr(&text, ", which names no sender,");
    }
    buf_addstr(&text, verdict(w->b->kind));
    notice_wrapped(&w->notice, "", "", text.data, text.len);
    buf_release(&text);
    return rc;
}

static void put_recipient(struct writer *w, const struct queued_recipient *r)
{
    static const char indent[] = "    ", deeper[] = "        ";
    struct notice *n = &w->notice;
    struct buf text;

    buf_init(&text, TEXT_MAX);
    buf_addch(&text, '<');
    text_escape(&text, r->address, strnlen(r->address, NOTICE_LINE_MOST));
    buf_addch(&text, '>');
    notice_words(n, "");
    notice_wrapped(n, indent, indent, text.data, text.len);
    buf_clear(&text);
    if (is_expired(w->b, r))
        notice_words(n, "        Every attempt failed, and there is no time for more.");
    if (r->code || (r->said && *r->said)) {
        buf_addstr(&text, r->code ? "The server said" : "What happened");
        if (r->stage != STAGE_NONE)
            buf_addf(&text, " (%s)", stage_name(r->stage));
        buf_addch(&text, ':');
        notice_wrapped(n, deeper, deeper, text.data, text.len);
        put_words(n, r, deeper, deeper, text_escape);
    }
    buf_release(&text);
}

static int put_retries(struct writer *w, struct err *e)
{
    struct buf text;
    int rc;

    buf_init(&text, TEXT_MAX);
    buf_addstr(&text, "You need not do anything: it will be tried again until ");
    rc = stamp_date(&text, w->b->expires, e);
    buf_addch(&text, '.');
    if (bounce_wanted(w->b->envelope, BOUNCE_FAILED))
        buf_addstr(&text, " Should it not have been delivered by then, you will be told.");
    notice_wrapped(&w->notice, "", "", text.data, text.len);
    buf_release(&text);
    return rc;
}

/* What happens next. */
static int put_outlook(struct writer *w, struct err *e)
{
    struct notice *n = &w->notice;

    notice_words(n, "");
    switch (w->b->kind) {
    case BOUNCE_FAILED:
        notice_words(n, "It will not be tried again. If it is still to arrive, mend what is");
        notice_words(n, "wrong and send it anew. Other recipients are not concerned.");
        break;
    case BOUNCE_DELAYED:
        return put_retries(w, e);
    case BOUNCE_RELAYED:
        notice_words(n, "That server does not say whether it delivers what it takes, so you");
        notice_words(n, "will hear no more of it unless it fails.");
        break;
    }
    return 0;
}

/* The text for people has something beyond ASCII. */
static bool needs_utf8(const struct bounce *b)
{
    const char *sender = b->envelope->reverse_path;
    const struct queued_recipient *r;
    bool found = sender && mailbox_needs_utf8(sender);
    size_t i;

    for (i = 0; i < b->count && !found; i++) {
        r = recipient(b, i);
        found = mailbox_needs_utf8(r->address) || (r->said && mailbox_needs_utf8(r->said));
    }
    return found;
}

static int put_text(struct writer *w, struct err *e)
{
    bool utf8 = needs_utf8(w->b);
    struct notice *n = &w->notice;
    size_t i;

    notice_part(n, utf8 ? "text/plain; charset=utf-8" : "text/plain; charset=us-ascii",
                "What happened", utf8);
    if (put_introduction(w, e) < 0)
        return -1;
    for (i = 0; i < w->b->count; i++) {
        put_recipient(w, recipient(w->b, i));
        if (notice_spill(n, e) < 0)
            return -1;
    }
    if (put_outlook(w, e) < 0)
        return -1;
    if (w->original) {
        notice_words(n, "");
        notice_words(n, w->whole ? "The message is attached." : "Its header is attached.");
    }
    return 0;
}

/* ---- the text for programs ---- */

/* RFC 6533 section 3: the form utf-8-addr-xtext is ASCII, so that message/delivery-status does for
 * any address. What is no UTF-8 shows as U+FFFD. */
static size_t add_character(struct buf *out, const char *text, size_t len)
{
    size_t n = utf8_length(text, len), i;
    unsigned long point = (unsigned char)*text;

    if (n == 1 && *text > ' ' && *text < 0x7f && !strchr("+=\\", *text)) {
        buf_addch(out, *text);
        return 1;
    }
    if (n > 1)
        point &= 0xffu >> (n + 1);
    for (i = 1; i < n; i++)
        point = point << 6 | ((unsigned char)text[i] & 0x3f);
    buf_addf(out, "\\x{%02lX}", n ? point : 0xfffd);
    return n ? n : 1;
}

static void put_final_recipient(struct notice *n, const char *address)
{
    bool utf8 = mailbox_needs_utf8(address);
    size_t len = strlen(address), taken, start = n->out.len;

    buf_addstr(&n->out, utf8 ? "Final-Recipient: utf-8; " : "Final-Recipient: rfc822; ");
    for (; len && n->out.len - start < NOTICE_LINE_MOST; address += taken, len -= taken) {
        taken = 1;
        if (utf8)
            taken = add_character(&n->out, address, len);
        else
            text_escape(&n->out, address, 1);
    }
    buf_addstr(&n->out, "\r\n");
}

static const char *action(enum bounce_kind kind)
{
    switch (kind) {
    case BOUNCE_FAILED:
        return "failed";
    case BOUNCE_DELAYED:
        return "delayed";
    case BOUNCE_RELAYED:
        return "relayed";
    }
    return "";
}

/* RFC 3463. What is to be tried again is of class 4, also where a server refused for good (a
 * password, say): the subject and the detail still tell. */
static struct enhanced status(const struct bounce *b, const struct queued_recipient *r)
{
    struct enhanced s = r->enhanced;

    switch (b->kind) {
    case BOUNCE_FAILED:
        if (is_expired(b, r))
            s = (struct enhanced){4, 4, 7}; /* delivery time expired */
        else if (s.class != 4 && s.class != 5)
            s = (struct enhanced){r->code / 100 == 4 ? 4 : 5, 0, 0};
        break;
    case BOUNCE_DELAYED:
        s.class = 4;
        break;
    case BOUNCE_RELAYED:
        if (s.class != 2)
            s = (struct enhanced){2, 0, 0};
        break;
    }
    return s;
}

/* The fields of one recipient (RFC 3464 section 2.3). */
static int put_fate(struct writer *w, const struct queued_recipient *r, struct err *e)
{
    struct enhanced s = status(w->b, r);
    struct notice *n = &w->notice;

    notice_words(n, "");
    put_final_recipient(n, r->address);
    buf_addf(&n->out, "Action: %s\r\nStatus: %hu.%hu.%hu\r\n", action(w->b->kind), s.class,
             s.subject, s.detail);
    put_words(n, r, r->code ? "Diagnostic-Code: smtp; " : "Diagnostic-Code: X-smtpsend; ", " ",
              escape_to_ascii);
    if (w->b->attempted && notice_date(n, "Last-Attempt-Date", w->b->attempted, e) < 0)
        return -1;
    if (w->b->kind == BOUNCE_DELAYED &&
        notice_date(n, "Will-Retry-Until", w->b->expires, e) < 0)
        return -1;
    return notice_spill(n, e);
}

static int put_status(struct writer *w, struct err *e)
{
    const char *envid = w->b->envelope->envid;
    struct notice *n = &w->notice;
    size_t i;

    notice_part(n, "message/delivery-status", "The same for programs", false);
    if (envid && *envid) {
        buf_addstr(&n->out, "Original-Envelope-Id: ");
        escape_to_ascii(&n->out, envid, strnlen(envid, ENVID_MOST));
        buf_addstr(&n->out, "\r\n");
    }
    buf_addf(&n->out, "Reporting-MTA: dns; %s\r\n", w->host);
    if (notice_date(n, "Arrival-Date", w->b->envelope->created, e) < 0)
        return -1;
    for (i = 0; i < w->b->count; i++) {
        if (put_fate(w, recipient(w->b, i), e) < 0)
            return -1;
    }
    return 0;
}

/* ---- the message ---- */

static bool has_long_lines(const struct buf *header)
{
    const char *at, *end = header->data + header->len, *stop;

    for (at = header->data; at < end; at = stop + 1) {
        stop = memchr(at, '\n', (size_t)(end - at));
        if (!stop)
            stop = end;
        if (stop - at > WIRE_LINE_OCTETS + 1) /* the CR */
            return true;
    }
    return false;
}

/* Whether the original, made 7-bit where it was not, can go out whole. 1, 0, -1. */
static int is_presentable(struct writer *w, struct err *e)
{
    const struct message_facts *facts = message_facts(w->original);

    if ((facts->body_8bit || facts->header_8bit) && message_downgrade(w->original, e) < 0)
        return e->kind == ERR_DATA ? 0 : -1;
    return !message_facts(w->original)->long_lines && !has_long_lines(&w->header);
}

/* RFC 3461 section 4.3: RET is about failures; for all else the header does. */
static bool wants_whole(const struct bounce *b, const struct stat *st)
{
    const char *ret = b->envelope->ret;

    return b->kind == BOUNCE_FAILED && !(ret && text_same(ret, "hdrs")) &&
           st->st_size <= BOUNCE_RETURN_MAX;
}

static int open_original(struct writer *w, struct err *e)
{
    struct message_options options = {.stream = true, .mended = true};
    struct stat st;
    int rc = 0;

    if (w->b->message < 0)
        return 0;
    if (fstat(w->b->message, &st) < 0)
        return err_system(e, ERR_IO, errno, "can't read the message");
    options.stream = !wants_whole(w->b, &st);
    if (message_open(&w->original, w->b->message, &options, e) < 0) {
        rc = e->kind == ERR_DATA ? 0 : -1;
    } else {
        header_write(message_header(w->original), &w->header);
        rc = options.stream ? 0 : is_presentable(w, e);
    }
    w->whole = rc > 0;
    if (rc < 0)
        return -1;
    err_release(e); /* of a message that goes without, or as its header */
    return buf_check(&w->header, ERR_OS, "the header", e);
}

static int put_whole(struct writer *w, struct err *e)
{
    const char *data;
    size_t len;
    int rc;

    notice_part(&w->notice, "message/rfc822", "The message", false);
    while ((rc = message_next(w->original, false, &data, &len, e)) > 0) {
        buf_add(&w->notice.out, data, len);
        if (notice_spill(&w->notice, e) < 0)
            return -1;
    }
    return rc;
}

/* Cut the header to BOUNCE_HEADER_MAX octets at most, at the end of a field where there is one. */
static void cut_header(struct buf *header)
{
    size_t at;

    if (header->len <= BOUNCE_HEADER_MAX)
        return;
    for (at = BOUNCE_HEADER_MAX; at; at--) {
        if (header->data[at - 1] == '\n' && !strchr(" \t", header->data[at]))
            break;
    }
    header->len = at ? at : BOUNCE_HEADER_MAX;
}

/* RFC 6522 section 4: quoted-printable is for a header that is not as it should be. */
static void put_original_header(struct writer *w)
{
    struct buf *header = &w->header;
    const char *at = header->data, *end, *stop;

    cut_header(header);
    end = at + header->len;
    notice_part(&w->notice, "text/rfc822-headers", "The header of the message",
                is_8bit(header->data, header->len) || has_long_lines(header));
    for (; at < end; at = stop + 2) {
        stop = memmem(at, (size_t)(end - at), "\r\n", 2);
        if (!stop)
            stop = end;
        notice_line(&w->notice, at, (size_t)(stop - at));
    }
}

/* ---- all of it ---- */

static int write_parts(struct writer *w, struct err *e)
{
    if (open_original(w, e) < 0 || put_header(w, e) < 0 || put_text(w, e) < 0 ||
        put_status(w, e) < 0)
        return -1;
    if (w->whole && put_whole(w, e) < 0)
        return -1;
    if (w->original && !w->whole)
        put_original_header(w);
    return notice_end(&w->notice, e);
}

static bool is_about_someone(const struct bounce *b)
{
    size_t i;

    for (i = 0; i < b->count; i++) {
        if (b->recipients[i] >= b->envelope->count)
            return false;
    }
    return b->count > 0;
}

int bounce_write(const struct bounce *b, int fd, struct err *e)
{
    struct writer w = {.b = b, .host = b->host};
    int rc;

    if (!b->to || !*b->to)
        return err_set(e, ERR_INTERNAL, "a notice to the null sender");
    if (!is_about_someone(b))
        return err_set(e, ERR_INTERNAL, "a notice about no recipient");
    if (!stamp_is_host(w.host) || mailbox_needs_utf8(w.host) || strlen(w.host) > HOST_MOST)
        w.host = "localhost";
    buf_init(&w.header, HEADER_EDITED_MAX);
    rc = notice_init(&w.notice, fd, e);
    if (!rc)
        rc = write_parts(&w, e);
    notice_release(&w.notice);
    buf_release(&w.header);
    message_free(w.original);
    return rc;
}
