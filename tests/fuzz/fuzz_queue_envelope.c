/* fuzz_queue_envelope.c: any bytes as the queue's envelope file. What can be read can be written,
 * and what was written reads the same and is written the same. */
#include "check.h"

#include "send/queue_envelope.h"

static bool same_text(const char *a, const char *b)
{
    return a && b ? !strcmp(a, b) : a == b;
}

static void same_recipient(const struct queued_recipient *a, const struct queued_recipient *b)
{
    CHECK(same_text(a->address, b->address) && same_text(a->said, b->said));
    CHECK(a->state == b->state && a->code == b->code && a->stage == b->stage);
    CHECK(!memcmp(&a->enhanced, &b->enhanced, sizeof(a->enhanced)));
}

static void same_envelope(const struct queue_envelope *a, const struct queue_envelope *b)
{
    size_t i;

    CHECK(!strcmp(a->id, b->id) && a->created == b->created && a->size == b->size);
    CHECK(a->attempts == b->attempts && a->hold_for_ms == b->hold_for_ms);
    CHECK(a->require_tls == b->require_tls && a->require_all == b->require_all);
    CHECK(a->warned == b->warned && a->notices == b->notices);
    CHECK(a->uid == b->uid && a->count == b->count);
    CHECK(same_text(a->account, b->account) && same_text(a->reverse_path, b->reverse_path));
    CHECK(same_text(a->body, b->body) && same_text(a->notify, b->notify));
    CHECK(same_text(a->ret, b->ret) && same_text(a->envid, b->envid));
    CHECK(same_text(a->priority, b->priority) && same_text(a->deliver_by, b->deliver_by));
    CHECK(same_text(a->hold_until, b->hold_until));
    for (i = 0; i < a->count; i++)
        same_recipient(&a->recipients[i], &b->recipients[i]);
}

/* Each line of a file has its own newline, and nothing in it drives a terminal. */
static void is_plain(const struct buf *text)
{
    size_t i;

    for (i = 0; i < text->len; i++)
        CHECK(text->data[i] == '\n' || (unsigned char)text->data[i] >= ' ');
    CHECK(text->len > 5 && !memcmp(text->data + text->len - 5, "\nend\n", 5));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct queue_envelope first, second;
    struct buf text, again;
    struct err e = ERR_INIT;

    queue_envelope_init(&first);
    queue_envelope_init(&second);
    buf_init(&text, QUEUE_ENVELOPE_MAX);
    buf_init(&again, QUEUE_ENVELOPE_MAX);
    if (queue_envelope_read(&first, (const char *)data, size, &e)) {
        CHECK(e.kind == ERR_DATA && !first.count && !first.reverse_path && !*first.id);
    } else {
        CHECK(!queue_envelope_write(&first, &text, &e));
        is_plain(&text);
        CHECK(!queue_envelope_read(&second, text.data, text.len, &e));
        same_envelope(&first, &second);
        CHECK(!queue_envelope_write(&second, &again, &e));
        CHECK(again.len == text.len && !memcmp(again.data, text.data, text.len));
    }
    queue_envelope_release(&first);
    queue_envelope_release(&second);
    buf_release(&text);
    buf_release(&again);
    err_release(&e);
    return 0;
}
