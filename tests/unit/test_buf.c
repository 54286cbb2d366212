/* test_buf.c: buffers with a maximum, that remember failure and wipe secrets. */
#include "tap.h"

#include "base/buf.h"

#include <stdint.h>
#include <stdlib.h>

/* What was wiped, and what it held. */
static struct {
    const void *at;
    size_t len;
    bool had_secret;
    unsigned count;
} wiped;

/* They take the place of libc's explicit_bzero, and of what a fortified call of it becomes. */
void wipe(void *data, size_t len) __asm__("explicit_bzero");
void wipe_checked(void *data, size_t len, size_t room) __asm__("__explicit_bzero_chk");

void wipe(void *data, size_t len)
{
    wiped.at = data;
    wiped.len = len;
    wiped.had_secret = memmem(data, len, "hunter2", 7) != NULL;
    wiped.count++;
    memset(data, 0, len);
}

void wipe_checked(void *data, size_t len, size_t room)
{
    (void)room;
    wipe(data, len);
}

/* A refused allocation is a test here, not a finding. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "allocator_may_return_null=1";
}

static void growth(void)
{
    struct buf b;
    char want[1000];
    size_t i;

    buf_init(&b, sizeof(want));
    ok(b.len == 0 && b.cap == 0 && !strcmp(b.data, ""), "a new one is empty and costs nothing");
    for (i = 0; i < sizeof(want); i++) {
        want[i] = (char)('a' + i % 26);
        if (buf_addch(&b, want[i]) || b.data[b.len] != '\0')
            break;
    }
    ok(i == sizeof(want), "takes as many bytes as its maximum");
    same_bytes(b.data, b.len, want, sizeof(want), "and keeps them");
    ok(buf_addch(&b, 'x') == -1 && b.len == sizeof(want) && b.failed, "one more is refused");
    buf_release(&b);
    ok(b.cap == 0 && b.max == sizeof(want) && !b.failed && !strcmp(b.data, ""),
       "released it is as after its init");
    ok(buf_addstr(&b, "again") == 0 && !strcmp(b.data, "again"), "and good for use");
    buf_release(&b);
    buf_release(&b);
    ok(true, "released twice");
}

static void edges(void)
{
    struct buf b;
    struct err e = ERR_INIT;

    buf_init(&b, 0);
    ok(buf_add(&b, "", 0) == 0 && buf_addstr(&b, "") == 0, "nothing fits into nothing");
    ok(buf_check(&b, ERR_DATA, "it", &e) == 0 && e.kind == ERR_NONE, "and is no failure");
    ok(buf_addch(&b, 'x') == -1, "a byte does not");
    buf_release(&b);
    buf_init(&b, 10);
    ok(buf_add(&b, "x", SIZE_MAX) == -1 && buf_add(&b, "x", 1) == -1, "a size that wraps");
    buf_clear(&b);
    ok(!b.failed && buf_addstr(&b, "1234567890") == 0, "cleared it forgets the failure");
    ok(buf_add(&b, "x", SIZE_MAX - 5) == -1 && b.len == 10, "a sum that wraps");
    buf_release(&b);
    buf_init(&b, 10);
    ok(buf_add(&b, "a\0b", 3) == 0 && b.len == 3 && !memcmp(b.data, "a\0b", 4),
       "a NUL is a byte like others");
    buf_release(&b);
}

static void formats(void)
{
    struct buf b;

    buf_init(&b, 10);
    ok(buf_addf(&b, "%d-%s", 12, "abc") == 0 && buf_addf(&b, "%s", "") == 0, "formats");
    same_text(b.data, "12-abc", "the formatted text");
    ok(buf_addf(&b, "%05d", 1) == -1 && !strcmp(b.data, "12-abc"), "too long: as it was");
    ok(buf_addf(&b, "%s", "") == -1, "and it stays failed");
    buf_clear(&b);
    ok(buf_addf(&b, "%010d", 7) == 0 && !strcmp(b.data, "0000000007"), "exactly its maximum");
    buf_release(&b);
}

static void failures(void)
{
    struct buf b;
    struct err e = ERR_INIT;

    buf_init(&b, 10);
    buf_addstr(&b, "12345678");
    ok(buf_addstr(&b, "9ab") == -1 && b.len == 8, "what does not fit leaves it as it was");
    ok(buf_addch(&b, '9') == -1 && buf_add(&b, "", 0) == -1 && buf_addstr(&b, "") == -1 &&
           b.len == 8 && !strcmp(b.data, "12345678"),
       "later additions fail too, even those that would fit");
    ok(buf_check(&b, ERR_DATA, "the header", &e) == -1 && e.kind == ERR_DATA &&
           strstr(e.message, "the header") && strstr(e.message, "10 bytes"),
       "the check says what is too long");
    buf_release(&b);
    buf_init(&b, 10);
    buf_addstr(&b, "12345678901");
    ok(buf_check(&b, ERR_USAGE, "the value", &e) == -1 && e.kind == ERR_USAGE,
       "too long at once is too long as well, not a lack of memory");
    buf_release(&b);
    buf_init(&b, 10);
    buf_addstr(&b, "12");
    buf_addstr(&b, "345678901");
    ok(buf_check(&b, ERR_USAGE, "the value", &e) == -1 && e.kind == ERR_USAGE,
       "and so is a long addition to a short text");
    buf_release(&b);
    buf_init(&b, SIZE_MAX);
    buf_addstr(&b, "12");
    /* More than any machine has, and not so much that the sum wraps. */
    ok(buf_add(&b, "", SIZE_MAX / 4) == -1 && !strcmp(b.data, "12"), "no memory: as it was");
    ok(buf_check(&b, ERR_USAGE, "the value", &e) == -1 && e.kind == ERR_OS,
       "no memory is the system's failure");
    buf_release(&b);
    err_release(&e);
}

static void secrets(void)
{
    struct buf b;
    const void *before;
    size_t cap;

    buf_init_secret(&b, 100000);
    buf_addstr(&b, "hunter2");
    before = b.data;
    cap = b.cap;
    wiped.count = 0;
    while (b.cap == cap && !buf_addch(&b, '.'))
        ;
    ok(wiped.count == 1 && wiped.at == before && wiped.len == cap && wiped.had_secret,
       "the old block is wiped, all of it, when it grows");
    ok(!strncmp(b.data, "hunter2....", 11), "the bytes have moved");
    before = b.data;
    cap = b.cap;
    wiped.count = 0;
    buf_clear(&b);
    ok(wiped.count == 1 && wiped.at == before && wiped.len == cap && wiped.had_secret,
       "wiped when cleared");
    ok(b.len == 0 && !strcmp(b.data, "") && b.cap == cap, "cleared: empty, memory kept");
    buf_addstr(&b, "hunter2");
    wiped.count = 0;
    buf_release(&b);
    ok(wiped.count == 1 && wiped.at == before && wiped.len == cap && wiped.had_secret,
       "wiped when released");
    ok(b.secret, "still a secret one after its release");
    wiped.count = 0;
    buf_release(&b);
    buf_clear(&b);
    ok(wiped.count == 0, "the constant of an empty buffer is never written");
    buf_init(&b, 100);
    buf_addstr(&b, "hunter2");
    buf_release(&b);
    ok(wiped.count == 0, "others are not wiped");
}

int main(void)
{
    growth();
    edges();
    formats();
    failures();
    secrets();
    return tap_end();
}
