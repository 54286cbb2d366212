#include "mail/mend.h"

#include "base/text.h"
#include "mail/names.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

enum { LINE_WIDTH = 78, RANDOM_BYTES = 16, PHRASE_MAX = 900 };

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

/* RFC 5322 section 3.3, in the zone of the machine; strftime would ask the locale. */
static int add_date(struct header *h, time_t now, struct err *e)
{
    static const char days[] = "SunMonTueWedThuFriSat";
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    struct tm tm;
    long minutes;

    tzset();
    if (!localtime_r(&now, &tm))
        return err_system(e, ERR_OS, errno, "can't tell the date");
    minutes = tm.tm_gmtoff / 60;
    buf_addf(&h->added, "Date: %.3s, %d %.3s %d %02d:%02d:%02d %c%02ld%02ld\r\n",
             days + tm.tm_wday * 3, tm.tm_mday, months + tm.tm_mon * 3, tm.tm_year + 1900,
             tm.tm_hour, tm.tm_min, tm.tm_sec, minutes < 0 ? '-' : '+',
             (minutes < 0 ? -minutes : minutes) / 60, (minutes < 0 ? -minutes : minutes) % 60);
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

/* A domain or literal that can stand behind the '@' of a Message-ID. */
static bool is_right_side(const char *text)
{
    size_t len = text ? strlen(text) : 0;

    return len && (mailbox_is_literal(text, len) || !domain_fault(text, len));
}

/* The time and 128 random bits: nothing of the host but the name it is given. */
static int add_message_id(struct header *h, const struct message_identity *who, time_t now,
                          struct err *e)
{
    const char *at = strrchr(who->address, '@'), *host = who->host;
    unsigned char random[RANDOM_BYTES];
    size_t i;

    if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
        return err_system(e, ERR_OS, errno, "no random bytes for the Message-ID");
    if (!is_right_side(host))
        host = at ? at + 1 : NULL;
    buf_addf(&h->added, "Message-ID: <%llx.", (unsigned long long)now);
    for (i = 0; i < sizeof(random); i++)
        buf_addf(&h->added, "%02x", random[i]);
    buf_addf(&h->added, "@%s>\r\n", is_right_side(host) ? host : "localhost");
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
