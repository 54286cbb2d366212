#include "mail/header.h"

#include "base/text.h"
#include "mail/names.h"

#include <stdlib.h>
#include <string.h>

void header_init(struct header *h)
{
    *h = (struct header){.max = HEADER_MAX, .line_max = HEADER_LINE_MAX};
    buf_init(&h->bytes, HEADER_EDITED_MAX);
    buf_init(&h->added, HEADER_MAX);
}

void header_expect_edited(struct header *h)
{
    h->max = h->line_max = h->bytes.max = HEADER_MENDED_MAX;
}

void header_release(struct header *h)
{
    buf_release(&h->bytes);
    buf_release(&h->added);
    free(h->fields);
    header_init(h);
}

void header_clear(struct header *h)
{
    buf_clear(&h->bytes);
    buf_clear(&h->added);
    h->count = 0;
}

/* The length of a field name (RFC 5322 section 3.6.8) at the start of LINE, or 0; *VALUE is what
 * follows the colon, which blanks may keep apart from the name (section 4.5). */
static size_t field_name(const char *line, size_t len, size_t *value)
{
    size_t name = 0, at;

    while (name < len && line[name] > ' ' && line[name] < 0x7f && line[name] != ':')
        name++;
    for (at = name; at < len && (line[at] == ' ' || line[at] == '\t'); at++)
        ;
    if (at == len || line[at] != ':')
        return 0;
    *value = at + 1;
    return name;
}

static struct field *add_field(struct header *h)
{
    size_t cap = h->cap ? h->cap * 2 : 32;
    struct field *fields;

    if (h->count == h->cap) {
        fields = realloc(h->fields, cap * sizeof(*fields));
        if (!fields)
            return NULL;
        h->fields = fields;
        h->cap = cap;
    }
    return &h->fields[h->count++];
}

/* The size limits, and the bytes that would let a line be read as another one elsewhere. */
static int check_line(const struct header *h, const char *line, size_t len, struct err *e)
{
    if (memchr(line, '\0', len) || memchr(line, '\r', len) || memchr(line, '\n', len)) {
        err_set(e, ERR_DATA, "the header has a NUL or a line end within line %zu",
                h->count + 1);
        return err_hint(e, "mail headers are text; is the input a binary or UTF-16 file?");
    }
    if (len > h->line_max)
        return err_set(e, ERR_DATA, "a header line is longer than %zu bytes", h->line_max);
    if (h->bytes.len + len + 2 > h->max)
        return err_set(e, ERR_DATA, "the header is longer than %zu bytes", h->max);
    return 0;
}

int header_line(struct header *h, const char *line, size_t len, struct err *e)
{
    bool folded = len && (line[0] == ' ' || line[0] == '\t');
    size_t name, value = 0;
    struct field *field;

    name = folded ? 0 : field_name(line, len, &value);
    if (folded ? !h->count : !name)
        return 0;
    if (check_line(h, line, len, e) < 0)
        return -1;
    field = folded ? &h->fields[h->count - 1] : add_field(h);
    if (!field)
        return err_set(e, ERR_OS, "no memory for the header");
    if (!folded)
        *field = (struct field){
            .start = h->bytes.len, .name_len = name, .value = h->bytes.len + value};
    buf_add(&h->bytes, line, len);
    buf_add(&h->bytes, "\r\n", 2);
    field->len = h->bytes.len - field->start;
    return buf_check(&h->bytes, ERR_DATA, "the header", e) ? -1 : 1;
}

bool header_is_called(const struct header *h, const struct field *field, const char *name)
{
    return text_same_n(h->bytes.data + field->start, field->name_len, name);
}

/* The first field called NAME in [FROM, END) that stays, or -1. */
static long find_within(const struct header *h, const char *name, size_t from, size_t end)
{
    for (; from < end; from++) {
        if (!h->fields[from].removed && header_is_called(h, &h->fields[from], name))
            return (long)from;
    }
    return -1;
}

long header_find(const struct header *h, const char *name, size_t from)
{
    return find_within(h, name, from, h->count);
}

/* The range of fields that says who sent the message and to whom. */
struct block {
    const struct header *h;
    bool resent;
    size_t start, end;
};

/* Which of the fields of RFC 5322 section 3.6.6 (and 4.5.6) this one is, as a bit; 0: none. */
static unsigned resent_bit(const struct header *h, const struct field *field)
{
    static const char *const names[] = {"Resent-Date",       "Resent-From",    "Resent-Sender",
                                        "Resent-To",         "Resent-Cc",      "Resent-Bcc",
                                        "Resent-Message-ID", "Resent-Reply-To"};
    unsigned i;

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (header_is_called(h, field, names[i]))
            return 1U << i;
    }
    return 0;
}

static bool is_resent(const struct header *h, const struct field *field)
{
    return field->name_len > 7 && text_same_n(h->bytes.data + field->start, 7, "Resent-");
}

/* The topmost block of Resent- fields, which is the latest; without any, the whole header. */
static struct block sending_block(const struct header *h)
{
    struct block block = {.h = h, .end = h->count};
    const struct field *field;
    unsigned seen = 0, bit;
    size_t i;

    for (i = 0; i < h->count; i++) {
        field = &h->fields[i];
        if (field->removed)
            continue;
        if (!block.resent && is_resent(h, field)) {
            block.resent = true;
            block.start = i;
        }
        if (!block.resent)
            continue;
        bit = resent_bit(h, field);
        if ((seen & bit) || header_is_called(h, field, "Received") ||
            header_is_called(h, field, "Return-Path")) {
            block.end = i;
            break;
        }
        seen |= bit;
    }
    return block;
}

static int read_addresses(const struct header *h, size_t index, const char *domain,
                          struct addresses *list, struct err *e)
{
    const struct field *field = &h->fields[index];

    return mailbox_field(h->bytes.data + field->value, field->start + field->len - field->value,
                         domain, list, e);
}

/* Add what all fields called NAME in BLOCK hold. */
static int add_recipients(const struct block *block, const char *name, const char *domain,
                          struct addresses *list, struct err *e)
{
    long i = find_within(block->h, name, block->start, block->end);
    struct err inner = ERR_INIT;

    for (; i >= 0; i = find_within(block->h, name, (size_t)i + 1, block->end)) {
        if (read_addresses(block->h, (size_t)i, domain, list, &inner) < 0) {
            err_set(e, inner.kind, "%s field: %s", name, inner.message);
            err_release(&inner);
            return -1;
        }
    }
    return 0;
}

int header_recipients(const struct header *h, const char *domain, struct addresses *list,
                      struct err *e)
{
    static const char *const names[2][3] = {{"To", "Cc", "Bcc"},
                                            {"Resent-To", "Resent-Cc", "Resent-Bcc"}};
    struct block block = sending_block(h);
    size_t i;

    for (i = 0; i < 3; i++) {
        if (add_recipients(&block, names[block.resent][i], domain, list, e) < 0)
            return -1;
    }
    return 0;
}

/* The addresses of the first field called NAME in BLOCK; none where it can't be read. */
static void read_senders(const struct block *block, const char *name, const char *domain,
                         struct addresses *list)
{
    long i = find_within(block->h, name, block->start, block->end);
    struct err ignored = ERR_INIT;

    addresses_init(list);
    if (i >= 0 && read_addresses(block->h, (size_t)i, domain, list, &ignored) < 0) {
        addresses_release(list);
        err_release(&ignored);
    }
}

int header_sender(const struct header *h, const char *domain, struct buf *out)
{
    struct block block = sending_block(h);
    struct addresses from, sender;
    const char *found = NULL;

    read_senders(&block, block.resent ? "Resent-From" : "From", domain, &from);
    read_senders(&block, block.resent ? "Resent-Sender" : "Sender", domain, &sender);
    if (from.count == 1 || (from.count && !sender.count))
        found = from.at[0];
    else if (sender.count)
        found = sender.at[0];
    if (found)
        buf_addstr(out, found);
    addresses_release(&from);
    addresses_release(&sender);
    return found != NULL;
}

void header_remove(struct header *h, const char *name)
{
    size_t i;

    for (i = 0; i < h->count; i++) {
        if (header_is_called(h, &h->fields[i], name))
            h->fields[i].removed = true;
    }
}

int header_replace(struct header *h, size_t index, const struct buf *text, struct err *e)
{
    struct field *field = &h->fields[index];
    size_t start = h->bytes.len;

    buf_add(&h->bytes, text->data, text->len);
    if (buf_check(&h->bytes, ERR_DATA, "the header", e))
        return -1;
    field->value += start - field->start;
    field->start = start;
    field->len = text->len;
    return 0;
}

bool header_is_8bit(const struct header *h)
{
    size_t i;

    for (i = 0; i < h->count; i++) {
        if (!h->fields[i].removed &&
            is_8bit(h->bytes.data + h->fields[i].start, h->fields[i].len))
            return true;
    }
    return is_8bit(h->added.data, h->added.len);
}

int header_write(const struct header *h, struct buf *out)
{
    size_t i;

    buf_add(out, h->added.data, h->added.len);
    for (i = 0; i < h->count; i++) {
        if (!h->fields[i].removed)
            buf_add(out, h->bytes.data + h->fields[i].start, h->fields[i].len);
    }
    return out->failed ? -1 : 0;
}
