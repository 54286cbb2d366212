/* test_header.c: fields, who they name, and what is left of them on the wire. */
#include "tap.h"

#include "mail/header.h"

#include <stdlib.h>

/* Feed TEXT, whose lines are apart by '\n'. Returns the last header_line's value. */
static int feed(struct header *h, const char *text, struct err *e)
{
    const char *end;
    int rc = 1;

    header_init(h);
    for (; *text && rc > 0; text = *end ? end + 1 : end) {
        end = text + strcspn(text, "\n");
        rc = header_line(h, text, (size_t)(end - text), e);
    }
    return rc;
}

static void join(const struct addresses *list, struct buf *out)
{
    size_t i;

    for (i = 0; i < list->count; i++) {
        if (i)
            buf_addch(out, '|');
        buf_addstr(out, list->at[i]);
    }
}

static void test_lines(void)
{
    static const struct {
        const char *line;
        int first, later; /* what header_line says to it as the first and as a later line */
    } samples[] = {
        {"A: b", 1, 1},
        {"A:", 1, 1},
        {"A:b", 1, 1},
        {"A : b", 1, 1},
        {"A\t \t:", 1, 1},
        {" folded", 0, 1},
        {"\t", 0, 1},
        {" ", 0, 1},
        {"A", 0, 0},
        {"A b: c", 0, 0},
        {": b", 0, 0},
        {"", 0, 0},
        {"A\x01: b", 0, 0},
        {"\xc3\xa4: b", 0, 0},
        {" : b", 0, 1},
        {"!#$%&'*+.~: b", 1, 1},
        {"From x@y Mon", 0, 0},
        {"-: b", 1, 1},
        {"\xef\xbb\xbf"
         "A: b",
         0, 0},
    };
    struct header h;
    struct err e = ERR_INIT;
    size_t i;

    for (i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
        header_init(&h);
        ok(header_line(&h, samples[i].line, strlen(samples[i].line), &e) == samples[i].first,
           "line %zu as the first", i);
        header_release(&h);
        feed(&h, "Subject: x", &e);
        ok(header_line(&h, samples[i].line, strlen(samples[i].line), &e) == samples[i].later,
           "line %zu as the second", i);
        header_release(&h);
    }
}

static void test_limits(void)
{
    struct header h;
    struct err e = ERR_INIT;
    char *line = malloc(HEADER_LINE_MAX + 2);
    int n = 0, rc;

    if (!line)
        return;
    memset(line, 'x', HEADER_LINE_MAX + 2);
    header_init(&h);
    ok(header_line(&h, line, HEADER_LINE_MAX + 1, &e) == 0, "a long line without a colon");
    line[1] = ':';
    ok(header_line(&h, line, HEADER_LINE_MAX, &e) == 1, "a line of 64 KiB");
    ok(header_line(&h, line, HEADER_LINE_MAX + 1, &e) == -1 && e.kind == ERR_DATA,
       "a line beyond 64 KiB");
    line[0] = ' ';
    ok(header_line(&h, line, HEADER_LINE_MAX + 1, &e) == -1, "a folded line beyond 64 KiB");
    do {
        rc = header_line(&h, line, 1022, &e);
    } while (rc == 1 && ++n < 2000);
    ok(rc == -1 && e.kind == ERR_DATA && h.bytes.len <= HEADER_MAX &&
           h.bytes.len > HEADER_MAX - 1024,
       "a header beyond 1 MiB");
    ok(strstr(e.message, "1048576") != NULL, "the limit is told");
    ok(header_line(&h, "a:\0b", 4, &e) == -1 && e.kind == ERR_DATA, "a NUL");
    ok(header_line(&h, "a: b\rBcc: c", 11, &e) == -1, "a CR within a line");
    ok(header_line(&h, "a: b\nBcc: c", 11, &e) == -1, "an LF within a line");
    header_release(&h);
    err_release(&e);
    free(line);
}

static void check_wire(const char *text, const char *const *remove, const char *want,
                       const char *name)
{
    struct header h;
    struct err e = ERR_INIT;
    struct buf out;

    buf_init(&out, 4096);
    feed(&h, text, &e);
    for (; *remove; remove++)
        header_remove(&h, *remove);
    header_write(&h, &out);
    same_text(out.data, want, name);
    buf_release(&out);
    header_release(&h);
    err_release(&e);
}

static void test_remove(void)
{
    static const char *const bcc[] = {"Bcc", "Resent-Bcc", NULL}, *const none[] = {NULL};

    check_wire("A: 1\n \tfold \nB:2", none, "A: 1\r\n \tfold \r\nB:2\r\n", "byte for byte");
    check_wire("Bcc: a@b", bcc, "", "one alone");
    check_wire("A: 1\nBcc: a@b\nB: 2", bcc, "A: 1\r\nB: 2\r\n", "one in the middle");
    check_wire("bcc: a\nBCC: b\nbCc: c\nA: 1", bcc, "A: 1\r\n",
               "every case, one after the other");
    check_wire("Bcc : a\nBcc\t: b\nBcc \t :c\nA: 1", bcc, "A: 1\r\n",
               "blanks before the colon");
    check_wire("Bcc: a,\n b,\n\tc\nA: 1", bcc, "A: 1\r\n", "folded");
    check_wire("Bcc:\n \n\t\n  a@b\n \nA: 1\n x", bcc, "A: 1\r\n x\r\n",
               "lines of blanks alone");
    check_wire("Resent-Bcc: a\nresent-BCC:b\nA: 1", bcc, "A: 1\r\n", "Resent-Bcc");
    check_wire("Bccc: a\nBc: b\nX-Bcc: c\nA: Bcc: d", bcc,
               "Bccc: a\r\nBc: b\r\nX-Bcc: c\r\nA: Bcc: d\r\n", "names like it stay");
    check_wire("A: 1\nBcc:\nB: 2\nBcc:\nC: 3", bcc, "A: 1\r\nB: 2\r\nC: 3\r\n", "empty ones");
}

static void test_find(void)
{
    struct header h;
    struct err e = ERR_INIT;
    struct buf out;

    feed(&h, "To: a\nCc: b\ntO: c\nTo : d", &e);
    ok(header_find(&h, "TO", 0) == 0 && header_find(&h, "to", 1) == 2 &&
           header_find(&h, "To", 3) == 3 && header_find(&h, "To", 4) == -1,
       "find each of a name");
    ok(header_find(&h, "T", 0) == -1 && header_find(&h, "Too", 0) == -1, "the whole name");
    header_remove(&h, "cc");
    ok(header_find(&h, "Cc", 0) == -1, "removed fields are not found");
    ok(!header_is_8bit(&h), "ASCII");
    buf_addstr(&h.added, "X: \xc3\xa4\r\n");
    ok(header_is_8bit(&h), "8-bit in an added field");
    buf_init(&out, 4096);
    header_write(&h, &out);
    same_text(out.data, "X: \xc3\xa4\r\nTo: a\r\ntO: c\r\nTo : d\r\n", "added ones go first");
    buf_release(&out);
    header_release(&h);
    feed(&h, "A: 1\nBcc: \xff\nB: 2", &e);
    ok(header_is_8bit(&h), "8-bit in a field");
    header_remove(&h, "Bcc");
    ok(!header_is_8bit(&h), "8-bit in a removed field does not count");
    header_release(&h);
}

static void check_recipients(const char *text, const char *want)
{
    struct header h;
    struct addresses list;
    struct err e = ERR_INIT;
    struct buf got;
    int rc;

    addresses_init(&list);
    buf_init(&got, 4096);
    feed(&h, text, &e);
    rc = header_recipients(&h, "home", &list, &e);
    join(&list, &got);
    same_text(rc < 0 ? e.message : got.data, want, "recipients");
    ok(rc == 0 || e.kind == ERR_DATA, "or ERR_DATA");
    buf_release(&got);
    addresses_release(&list);
    header_release(&h);
    err_release(&e);
}

static void test_recipients(void)
{
    check_recipients("To: a@b\nCc: c@d\nBcc: e@f\nFrom: x@y", "a@b|c@d|e@f");
    check_recipients("Bcc: e@f\nCC: c@d, a@B\nto : a@b,\n g", "a@b|g@home|c@d|e@f");
    check_recipients("To: a@b\nTo: c@d\nApparently-To: x@y", "a@b|c@d");
    check_recipients("To: undisclosed-recipients:;\nBcc: =?utf-8?q?a,b?= <c@d>", "c@d");
    check_recipients("Subject: none", "");
    check_recipients("To:\nCc: \n \nBcc: ,", "");
    check_recipients("To: a b@c", "To field: 'a b@c' is not an address: there is a blank or "
                                  "quote inside it");
    check_recipients("To: a@b\nResent-To: c@d\nResent-Cc: e@f\nResent-Bcc: g@h", "c@d|e@f|g@h");
    check_recipients("To: a@b\nResent-From: c@d", "");
    check_recipients("To: a b\nresent-to: c@d", "c@d");
    /* The topmost block: a name repeats, or a trace field stands between. */
    check_recipients("Resent-To: a@b\nResent-From: x@y\nResent-To: c@d\nResent-Cc: e@f", "a@b");
    check_recipients("Received: x\nResent-To: a@b\nReceived: y\nResent-Cc: c@d\nTo: e@f",
                     "a@b");
    check_recipients("Resent-To: a@b\nReturn-Path: <y>\nResent-Bcc: c@d", "a@b");
    check_recipients("Resent-Date: 1\nSubject: x\nResent-Cc: a@b", "a@b");
    check_recipients("Resent-To: a@b\nResent-Cc: c d",
                     "Resent-Cc field: 'c d' is not an address: "
                     "there is a blank or quote inside it");
}

static void check_sender(const char *text, const char *want)
{
    struct header h;
    struct err e = ERR_INIT;
    struct buf got;
    int rc;

    buf_init(&got, 4096);
    feed(&h, text, &e);
    rc = header_sender(&h, NULL, &got);
    same_text(rc == 1 ? got.data : "-", want, "sender");
    buf_release(&got);
    header_release(&h);
    err_release(&e);
}

static void test_sender(void)
{
    check_sender("From: a@b\nSender: c@d", "a@b");
    check_sender("From: Joe <a@b>, e@f\nSender: c@d", "c@d");
    check_sender("From: a@b, e@f", "a@b");
    check_sender("From: a b c\nSender: c@d", "c@d");
    check_sender("Sender: c@d", "c@d");
    check_sender("From: g:;\nSender: c@d", "c@d");
    check_sender("From: <>", "-");
    check_sender("From: a b c", "-");
    check_sender("Subject: x", "-");
    check_sender("From: a@b\nResent-From: c@d\nResent-Sender: e@f", "c@d");
    check_sender("From: a@b\nResent-From: c@d, g@h\nResent-Sender: e@f", "e@f");
    check_sender("Resent-From: a@b\nReceived: x\nResent-From: c@d, g@h\nResent-Sender: e@f",
                 "a@b");
    check_sender("From: a@b\nResent-To: c@d", "-");
}

/* Fields without number cost memory in proportion, and no more than linear time. */
static void test_many(void)
{
    enum { MANY = 40000 };
    struct header h;
    struct addresses list;
    struct err e = ERR_INIT;
    char line[32];
    int i, rc = 1;

    header_init(&h);
    addresses_init(&list);
    for (i = 0; i < MANY && rc == 1; i++) {
        snprintf(line, sizeof(line), "%s: u%d@x", i % 2 ? "To" : "Resent-Xy", i);
        rc = header_line(&h, line, strlen(line), &e);
    }
    ok(rc == 1 && h.count == MANY, "40,000 fields");
    ok(header_recipients(&h, NULL, &list, &e) == 0 && !list.count, "are looked through");
    addresses_release(&list);
    header_release(&h);
    err_release(&e);
}

int main(void)
{
    test_lines();
    test_limits();
    test_remove();
    test_find();
    test_recipients();
    test_sender();
    test_many();
    return tap_end();
}
