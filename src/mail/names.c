#include "mail/names.h"

#include "base/text.h"
#include "mail/mailbox.h"

#include <arpa/inet.h>
#include <string.h>

enum {
    LABEL_MAX = 63,
    NAME_MAX_OCTETS = 253,
    DISPLAY_MAX = 255, /* keeps a From field far below the 998 octets of a line */
    WORD_MAX = 75      /* RFC 2047 section 2 */
};

size_t utf8_length(const char *text, size_t len)
{
    const unsigned char *p = (const unsigned char *)text;
    unsigned char low = 0x80, high = 0xbf;
    size_t need, i;

    if (!len)
        return 0;
    if (p[0] < 0x80)
        return 1;
    if (p[0] < 0xc2 || p[0] > 0xf4)
        return 0;
    need = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
    if (len < need)
        return 0;
    /* The second byte tells overlong forms, surrogates and what is beyond U+10FFFF. */
    if (p[0] == 0xe0)
        low = 0xa0;
    else if (p[0] == 0xed)
        high = 0x9f;
    else if (p[0] == 0xf0)
        low = 0x90;
    else if (p[0] == 0xf4)
        high = 0x8f;
    if (p[1] < low || p[1] > high)
        return 0;
    for (i = 2; i < need; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    }
    return need;
}

bool is_8bit(const char *text, size_t len)
{
    unsigned char all = 0;
    size_t i;

    for (i = 0; i < len; i++)
        all |= (unsigned char)text[i];
    return all >= 0x80;
}

size_t encoded_word(struct buf *out, const char *text, size_t len, size_t room)
{
    static const char start[] = "=?UTF-8?B?", end[] = "?=";
    size_t octets, word, n;

    if (room > WORD_MAX)
        room = WORD_MAX;
    octets = (room - strlen(start) - strlen(end)) / 4 * 3;
    for (word = 0; word < len; word += n) {
        n = utf8_length(text + word, len - word);
        if (!n || word + n > octets)
            break;
    }
    buf_addstr(out, start);
    text_base64(out, text, word);
    buf_addstr(out, end);
    return word;
}

bool is_atext(char c)
{
    return text_alnum((unsigned char)c) || (unsigned char)c >= 0x80 ||
           (c && strchr("!#$%&'*+-/=?^_`{|}~", c));
}

/* C0, DEL and C1 (in UTF-8: C2 80 to C2 9F). */
static bool is_control(const char *text, size_t len)
{
    unsigned char c = (unsigned char)text[0];

    return c < 0x20 || c == 0x7f || (len == 2 && c == 0xc2 && (unsigned char)text[1] < 0xa0);
}

const char *text_fault(const char *text, size_t len)
{
    size_t n;

    for (; len; text += n, len -= n) {
        n = utf8_length(text, len);
        if (!n)
            return "it is not UTF-8";
        if (is_control(text, n))
            return "it has a control byte";
    }
    return NULL;
}

static const char *label_fault(const char *label, size_t len, bool utf8, bool underscore)
{
    size_t i, n, count = 0;

    if (!len)
        return "its domain has an empty label";
    if (label[0] == '-' || label[len - 1] == '-')
        return "a label of its domain starts or ends with '-'";
    for (i = 0; i < len; i += n, count++) {
        n = utf8_length(label + i, len - i);
        if (!n)
            return "its domain is not UTF-8";
        if (n > 1 ? !utf8 || is_control(label + i, n)
                  : !text_alnum((unsigned char)label[i]) && label[i] != '-' &&
                        !(underscore && label[i] == '_'))
            return "its domain has a character that no domain has";
    }
    /* An A-label is never shorter than its U-label has characters. */
    return count > LABEL_MAX ? "a label of its domain is longer than 63" : NULL;
}

static const char *labels_fault(const char *name, size_t len, bool utf8, bool underscore)
{
    const char *end = name + len, *dot, *why;
    size_t i, count = 0;

    if (!len)
        return "it has no domain";
    for (i = 0; i < len; i++)
        count += ((unsigned char)name[i] & 0xc0) != 0x80;
    if (count > NAME_MAX_OCTETS)
        return "its domain is longer than 253";
    for (;;) {
        dot = memchr(name, '.', (size_t)(end - name));
        why = label_fault(name, (size_t)((dot ? dot : end) - name), utf8, underscore);
        if (why || !dot)
            return why;
        name = dot + 1;
    }
}

const char *domain_fault(const char *name, size_t len)
{
    return labels_fault(name, len, true, true);
}

bool mailbox_is_domain(const char *name, size_t len, bool utf8)
{
    return !labels_fault(name, len, utf8, false);
}

static bool is_ip(int family, const char *text, size_t len)
{
    char copy[INET6_ADDRSTRLEN];
    struct in6_addr address;

    if (len >= sizeof(copy) || memchr(text, '\0', len))
        return false;
    memcpy(copy, text, len);
    copy[len] = '\0';
    return inet_pton(family, copy, &address) == 1;
}

/* Standardized-tag: letters, digits and hyphens, no hyphen at its end. */
static bool is_tag(const char *text, size_t len)
{
    size_t i;

    for (i = 0; i < len; i++) {
        if (!text_alnum((unsigned char)text[i]) && text[i] != '-')
            return false;
    }
    return len && text[len - 1] != '-';
}

/* dcontent: printable ASCII but brackets and the backslash. */
static bool is_dcontent(const char *text, size_t len)
{
    size_t i;

    for (i = 0; i < len; i++) {
        if (text[i] <= ' ' || text[i] >= 0x7f || memchr("[\\]", text[i], 3))
            return false;
    }
    return len > 0;
}

bool mailbox_is_literal(const char *text, size_t len)
{
    const char *end, *colon;

    if (len < 2 || text[0] != '[' || text[len - 1] != ']')
        return false;
    end = text + len - 1;
    text++;
    colon = memchr(text, ':', (size_t)(end - text));
    if (!colon)
        return is_ip(AF_INET, text, (size_t)(end - text));
    len = (size_t)(end - colon - 1);
    if (text_same_n(text, (size_t)(colon - text), "IPv6"))
        return is_ip(AF_INET6, colon + 1, len);
    return is_tag(text, (size_t)(colon - text)) && is_dcontent(colon + 1, len) &&
           !is_ip(AF_INET6, text, (size_t)(end - text));
}

bool mailbox_needs_utf8(const char *address)
{
    for (; *address; address++) {
        if ((unsigned char)*address >= 0x80)
            return true;
    }
    return false;
}

/* The first DISPLAY_MAX bytes of NAME without control bytes; '?' for what is no UTF-8. */
static size_t clean_name(char *clean, const char *name)
{
    size_t left = strlen(name), len = 0, n;

    for (; left; name += n, left -= n) {
        n = utf8_length(name, left);
        if (len + n > DISPLAY_MAX || (!n && len + 1 > DISPLAY_MAX))
            break;
        if (!n) {
            clean[len++] = '?';
            n = 1;
        } else if (!is_control(name, n)) {
            memcpy(clean + len, name, n);
            len += n;
        }
    }
    clean[len] = '\0';
    return len;
}

/* Atoms with single blanks between them, and nothing that a reader would take for an encoded
 * word. */
static bool is_plain_phrase(const char *name, size_t len)
{
    size_t i;

    if (name[0] == ' ' || name[len - 1] == ' ' || strstr(name, "=?") || strstr(name, "  "))
        return false;
    for (i = 0; i < len; i++) {
        if (name[i] != ' ' && !is_atext(name[i]))
            return false;
    }
    return true;
}

static void add_quoted(struct buf *out, const char *name, size_t len)
{
    size_t i;

    buf_addch(out, '"');
    for (i = 0; i < len; i++) {
        if (name[i] == '"' || name[i] == '\\')
            buf_addch(out, '\\');
        buf_addch(out, name[i]);
    }
    buf_addch(out, '"');
}

static void add_encoded(struct buf *out, const char *name, size_t len)
{
    size_t n;

    while (len) {
        n = encoded_word(out, name, len, WORD_MAX);
        name += n;
        len -= n;
        if (len)
            buf_addch(out, ' ');
    }
}

void mailbox_display_name(struct buf *out, const char *name)
{
    char clean[DISPLAY_MAX + 1];
    size_t len = clean_name(clean, name);

    if (!len)
        return;
    if (mailbox_needs_utf8(clean))
        add_encoded(out, clean, len);
    else if (is_plain_phrase(clean, len))
        buf_add(out, clean, len);
    else
        add_quoted(out, clean, len);
}
