#include "mail/mend.h"

#include "base/text.h"
#include "mail/stamp.h"

#include <string.h>
#include <time.h>

enum { LINE_WIDTH = 78, PHRASE_MAX = 900 };

/* True when the header has a field called NAME, one that was added to it included. */
static bool has_field(const struct header *h, const char *name)
{
    const char *line = h->added.data, *end = line + h->added.len, *colon;

    if (header_find(h, name, 0) >= 0)
        return true;
    while (line < end) {
        colon = memchr(line, ':', (size_t)(end - line));
        if (colon && text_same_n(line, (size_t)(colon - line), name))
            return true;
        line = memchr(line, '\n', (size_t)(end - line));
        if (!line)
            break;
        line++;
    }
    return false;
}

static int add_date(struct header *h, time_t now, struct err *e)
{
    buf_addstr(&h->added, "Date: ");
    if (stamp_date(&h->added, now, e) < 0)
        return -1;
    buf_addstr(&h->added, "\r\n");
    return 0;
}

/* PHRASE: a display name in wire form, or NULL for the one of WHO. */
static void add_from(struct header *h, const struct message_identity *who,
                     const struct buf *phrase)
{
    size_t start = h->added.len, width;

    buf_addstr(&h->added, "From: ");
    if (phrase && phrase->len)
        buf_add(&h->added, phrase->data, phrase->len);
    else
        mailbox_display_name(&h->added, who->name ? who->name : "");
    width = h->added.len - start;
    if (width == strlen("From: ")) {
        buf_addf(&h->added, "%s\r\n", who->address);
        return;
    }
    buf_addf(&h->added, "%s<%s>\r\n",
             width + strlen(who->address) + 3 > LINE_WIDTH ? "\r\n " : " ", who->address);
}

/* Behind its '@' stands the host, else the domain of WHO's address. */
static int add_message_id(struct header *h, const struct message_identity *who, time_t now,
                          struct err *e)
{
    const char *at = strrchr(who->address, '@'), *host = who->host;

    if (!stamp_is_host(host))
        host = at ? at + 1 : NULL;
    buf_addstr(&h->added, "Message-ID: ");
    if (stamp_message_id(&h->added, now, stamp_is_host(host) ? host : "localhost", e) < 0)
        return -1;
    buf_addstr(&h->added, "\r\n");
    return 0;
}

int mend_header(struct header *h, const struct message_identity *who, struct err *e)
{
    time_t now = time(NULL);

    if (!has_field(h, "Date") && add_date(h, now, e) < 0)
        return -1;
    if (*who->address && !has_field(h, "From"))
        add_from(h, who, NULL);
    if (!has_field(h, "Message-ID") && add_message_id(h, who, now, e) < 0)
        return -1;
    return buf_check(&h->added, ERR_DATA, "the header", e);
}

/* Append what stands before the '<' of the only address in FIELD, unfolded; nothing where it is
 * not of that shape. */
static void display_phrase(const struct header *h, const struct field *field, struct buf *out)
{
    const char *at = h->bytes.data + field->value;
    const char *end = h->bytes.data + field->start + field->len;
    bool quoted = false;

    for (; at < end && (quoted || *at != '<'); at++) {
        if (*at == '"')
            quoted = !quoted;
        if (quoted && *at == '\\' && at + 1 < end)
            buf_addch(out, *at++);
        if (!quoted && strchr(",:;(@", *at))
            break;
        if (*at != '\r' && *at != '\n' && (out->len || !strchr(" \t", *at)))
            buf_addch(out, *at);
    }
    if (at == end || *at != '<' || memchr(at, ',', (size_t)(end - at)) || out->failed)
        buf_clear(out);
    while (out->len && strchr(" \t", out->data[out->len - 1]))
        out->data[--out->len] = '\0';
}

int mend_from(struct header *h, const struct message_identity *who, struct err *e)
{
    long from = header_find(h, "From", 0);
    struct buf phrase;

    buf_init(&phrase, PHRASE_MAX);
    if (from >= 0)
        display_phrase(h, &h->fields[from], &phrase);
    header_remove(h, "From");
    add_from(h, who, &phrase);
    buf_release(&phrase);
    return buf_check(&h->added, ERR_DATA, "the header", e);
}

int mend_recipients(struct header *h, struct err *e)
{
    header_remove(h, "To");
    header_remove(h, "Cc");
    buf_addstr(&h->added, "To: undisclosed-recipients:;\r\n");
    return buf_check(&h->added, ERR_DATA, "the header", e);
}
