/* fuzz_text.c: escaping loses nothing and lets nothing through; base64, durations, numbers. */
#include "check.h"

#include "base/text.h"

static int hex(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The bytes that escaped text stands for. */
static void unescape(struct buf *out, const char *data, size_t size)
{
    size_t i;

    for (i = 0; i < size; i++) {
        if (i + 3 < size && data[i] == '\\' && data[i + 1] == 'x' && hex(data[i + 2]) >= 0 &&
            hex(data[i + 3]) >= 0) {
            buf_addch(out, (char)(hex(data[i + 2]) << 4 | hex(data[i + 3])));
            i += 3;
        } else {
            buf_addch(out, data[i]);
        }
    }
    CHECK(!out->failed);
}

/* What can be printed says what came, and says the same when it is escaped again. */
static void escape(const char *data, size_t size)
{
    struct buf shown, again, back, want;
    size_t i;

    buf_init(&shown, 4 * size);
    buf_init(&again, 4 * size);
    buf_init(&back, size);
    buf_init(&want, size);
    text_escape(&shown, data, size);
    CHECK(!shown.failed && strlen(shown.data) == shown.len);
    for (i = 0; i < shown.len; i++)
        CHECK((unsigned char)shown.data[i] >= 0x20 && shown.data[i] != 0x7f);
    text_escape(&again, shown.data, shown.len);
    CHECK(!strcmp(again.data, shown.data));
    unescape(&back, shown.data, shown.len);
    unescape(&want, data, size);
    CHECK(back.len == want.len && !memcmp(back.data, want.data, want.len));
    buf_release(&shown);
    buf_release(&again);
    buf_release(&back);
    buf_release(&want);
}

/* What is decoded must encode to the same text: there is one spelling alone. */
static void base64(const char *data, size_t size)
{
    struct buf one, two;

    buf_init(&one, size);
    buf_init(&two, 2 * size + 4);
    if (!text_unbase64(&one, data, size)) {
        text_base64(&two, one.data, one.len);
        CHECK(two.len == size && (!size || !memcmp(two.data, data, size)));
    }
    buf_clear(&one);
    buf_clear(&two);
    text_base64(&two, data, size);
    CHECK(!text_unbase64(&one, two.data, two.len));
    CHECK(one.len == size && (!size || !memcmp(one.data, data, size)));
    buf_release(&one);
    buf_release(&two);
}

static void numbers(const char *text, int64_t max)
{
    int64_t value = text_number(text, max);

    CHECK(value >= -1 && (value == -1 || value <= max));
    CHECK(text_duration(text) >= -1);
    CHECK(text_same(text, text) && text_starts(text, text));
    CHECK(text_has_line_end(text) == (strchr(text, '\n') || strchr(text, '\r')));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);

    CHECK(text);
    memcpy(text, data, size);
    text[size] = '\0';
    numbers(text, size ? data[size - 1] : 0);
    numbers(text, INT64_MAX);
    free(text);
    /* Exactly its bytes from here on. */
    text = malloc(size ? size : 1);
    CHECK(text);
    memcpy(text, data, size);
    escape(text, size);
    base64(text, size);
    free(text);
    return 0;
}
