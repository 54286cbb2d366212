/* fuzz_reply.c: whatever a server says is a reply, not yet one, or an error; never more. */
#include "check.h"

#include "smtp/reply.h"

static void check_reply(const struct reply *r)
{
    const struct enhanced *e = &r->enhanced;

    CHECK(r->code >= 200 && r->code <= 599 && reply_class(r) == r->code / 100);
    CHECK(r->lines >= 1 && r->lines <= REPLY_LINES_MAX && r->text.len <= REPLY_TEXT_MAX);
    CHECK(!e->class || e->class == r->code / 100);
    CHECK(e->class || (!e->subject && !e->detail));
    CHECK(e->class != 3 && e->subject <= 999 && e->detail <= 999);
}

static void check_error(const struct err *e)
{
    const char *at;

    CHECK(e->kind == ERR_PROTOCOL && e->message[0]);
    for (at = e->message; *at; at++)
        CHECK((unsigned char)*at >= 0x20 && *at != 0x7f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct reply r;
    struct err e = ERR_INIT;
    size_t at, len;

    reply_init(&r);
    for (at = 0; at < size; at += len + 1) {
        const uint8_t *lf = memchr(data + at, '\n', size - at);
        char *line;
        int status;

        len = lf ? (size_t)(lf - (data + at)) : size - at;
        line = malloc(len ? len : 1);
        CHECK(line);
        memcpy(line, data + at, len);
        status = reply_line(&r, line, len, &e);
        free(line);
        if (status < 0) {
            check_error(&e);
            err_release(&e);
            reply_clear(&r);
            continue;
        }
        CHECK(e.kind == ERR_NONE);
        check_reply(&r);
        if (status == 1) {
            CHECK(reply_refusal(&r, ERR_DATA, "no", &e) == -1 && e.code == r.code && e.said);
            CHECK(!memcmp(e.said, r.text.data, r.text.len + 1));
            err_release(&e);
            reply_clear(&r);
            CHECK(r.code == 0 && r.lines == 0 && !r.enhanced.class);
        }
    }
    reply_release(&r);
    return 0;
}
