/* test_qualify.c: bare names of the header get the domain, and nothing else of it changes. */
#include "tap.h"

#include "base/text.h"
#include "mail/qualify.h"

/* Take TEXT, whose lines are apart by '\n', as the header. */
static void feed(struct header *h, const char *text)
{
    struct err e = ERR_INIT;
    const char *end;

    header_init(h);
    for (; *text; text = *end ? end + 1 : end) {
        end = text + strcspn(text, "\n");
        if (header_line(h, text, (size_t)(end - text), &e) != 1)
            ok(false, "header line: %s", text);
    }
    err_release(&e);
}

/* The header, its lines apart by '\n' again. */
static void write_lines(const struct header *h, struct buf *out)
{
    struct buf wire;
    size_t i;

    buf_init(&wire, SIZE_MAX);
    header_write(h, &wire);
    for (i = 0; i < wire.len; i++) {
        if (wire.data[i] != '\r')
            buf_addch(out, wire.data[i]);
    }
    buf_release(&wire);
}

static void check(const char *text, const char *want)
{
    struct header h;
    struct err e = ERR_INIT;
    struct buf got, name;
    bool needed = strcmp(text, want) != 0;

    buf_init(&got, SIZE_MAX);
    buf_init(&name, SIZE_MAX);
    text_escape(&name, text, strlen(text));
    feed(&h, text);
    ok(qualify_is_needed(&h) == needed, needed ? "is needed" : "is not needed");
    ok(qualify_header(&h, "home.example", &e) == 0, "is done");
    write_lines(&h, &got);
    same_text(got.data, want, name.data);
    ok(!qualify_is_needed(&h), "once");
    buf_release(&got);
    buf_release(&name);
    header_release(&h);
    err_release(&e);
}

static void same(const char *text)
{
    check(text, text);
}

static void test_names(void)
{
    check("From: root (Cron Daemon)\n", "From: root@home.example (Cron Daemon)\n");
    check("To:root\n", "To:root@home.example\n");
    check("To: root, \"Bob\" <bob>, x@y\n",
          "To: root@home.example, \"Bob\" <bob@home.example>, x@y\n");
    check("To: a.b , c . d,<e >,  <\tf>\n",
          "To: a.b@home.example , c . d@home.example,<e@home.example >,  "
          "<\tf@home.example>\n");
    check("To: \"a b\", \"a\\\"@c\", \"a\".b\n",
          "To: \"a b\"@home.example, \"a\\\"@c\"@home.example, \"a\".b@home.example\n");
    check("To: (x, y) a (z) , (b) c(d)\n",
          "To: (x, y) a@home.example (z) , (b) c@home.example(d)\n");
    check("To: =?utf-8?q?a,b?= <bob>\n", "To: =?utf-8?q?a,b?= <bob@home.example>\n");
    check("To: Team: a, B <b>;, c\n",
          "To: Team: a@home.example, B <b@home.example>;, c@home.example\n");
    check("To: <@x,@y:a>\n", "To: <@x,@y:a@home.example>\n");
    check("To: ,, a,\n", "To: ,, a@home.example,\n");
    check("To: J\xc3\xb6rg <j\xc3\xb6rg>\n", "To: J\xc3\xb6rg <j\xc3\xb6rg@home.example>\n");
    check("To: +, a=b\n", "To: +@home.example, a=b@home.example\n");
}

static void test_folds(void)
{
    check("To: a,\n b,\n\tc\n", "To: a@home.example,\n b@home.example,\n\tc@home.example\n");
    check("To:\n a\n (b\n c)\n", "To:\n a@home.example\n (b\n c)\n");
    check("To: a\n \nX: y\n", "To: a@home.example\n \nX: y\n");
    check("To: \"a\n b\" <c\n >\n", "To: \"a\n b\" <c@home.example\n >\n");
}

static void test_fields(void)
{
    check("X: a\nFROM: a\nsender : b\nReply-To\t:c\nTo: d\nCC: e\nY: b\n",
          "X: a\nFROM: a@home.example\nsender : b@home.example\nReply-To\t:c@home.example\n"
          "To: d@home.example\nCC: e@home.example\nY: b\n");
    check("Resent-From: a\nResent-Sender: b\nResent-Reply-To: c\nResent-To: d\nResent-Cc: e\n",
          "Resent-From: a@home.example\nResent-Sender: b@home.example\n"
          "Resent-Reply-To: c@home.example\nResent-To: d@home.example\n"
          "Resent-Cc: e@home.example\n");
    check("To: a\nX: y\nTo: b@c\nTo: d\n",
          "To: a@home.example\nX: y\nTo: b@c\nTo: d@home.example\n");
    check("To: a b\nCc: c\n", "To: a b\nCc: c@home.example\n");
}

static void test_untouched(void)
{
    same("From: a@b\nTo: A <b@c.d>, \"x\"@y, [z]\n");
    same("From: <>\n");
    same("From: a@[192.0.2.1]\nCc: b@[IPv6:2001:db8::1] (c)\n");
    same("To: undisclosed-recipients:;\nCc: Nobody at all: ;\n");
    same("To:\nCc: \n \nFrom: ,\nSender: (nobody)\n");
    same("To: \"quoted local\"@dom\n");
    same("To: =?utf-8?q?Bob?=\nCc: =?utf-8?b?SsO2cmc=?= =?utf-8?b?SsO2cmc=?=\n");
    same("Subject: root\nBcc: root\nTo-Do: root\nResent-X: a\nX-To: a\n");
    /* Not read as addresses, or not whole. */
    same("To: a b\n");
    same("To: root, a b@c\n");
    same("To: root, (x\n");
    same("To: root, \"x\n");
    same("To: root, <x\n");
    same("To: root, <>\n");
    same("To: root;\n");
    same("To: root, a@\n");
    same("To: root, \xff\n");
    same("To: .root\n");
    same("To: \"\"\n");
    same("To: root@\n");
}

static void test_removed(void)
{
    struct header h;
    struct err e = ERR_INIT;
    struct buf got;

    buf_init(&got, SIZE_MAX);
    feed(&h, "To: a\nFrom: b@c\n");
    header_remove(&h, "To");
    buf_addstr(&h.added, "To: added\r\n");
    ok(!qualify_is_needed(&h), "a removed field needs nothing");
    ok(qualify_header(&h, "home.example", &e) == 0, "and is passed over");
    write_lines(&h, &got);
    same_text(got.data, "To: added\nFrom: b@c\n", "it stays removed; what was added is ours");
    header_release(&h);

    buf_clear(&got);
    feed(&h, "From: a\nTo: b\nSubject: x\n");
    qualify_header(&h, "home.example", &e);
    header_remove(&h, "From");
    ok(header_find(&h, "to", 0) == 1 && header_find(&h, "From", 0) == -1, "fields are found");
    ok(header_sender(&h, NULL, &got) == 0, "the removed one does not send");
    write_lines(&h, &got);
    same_text(got.data, "To: b@home.example\nSubject: x\n", "removed afterwards");
    header_release(&h);
    buf_release(&got);
    err_release(&e);
}

/* A header of COUNT names, FORMAT each on a line of its own. */
static void feed_many(struct header *h, const char *first, const char *format, int count)
{
    struct err e = ERR_INIT;
    char line[32];
    int i, rc = 1;

    header_init(h);
    if (first)
        rc = header_line(h, first, strlen(first), &e);
    for (i = 0; i < count && rc == 1; i++) {
        snprintf(line, sizeof(line), format, i);
        rc = header_line(h, line, strlen(line), &e);
    }
    ok(rc == 1, "%d names", count);
    err_release(&e);
}

/* Hostile headers cost memory and time in proportion, and have a bound. */
static void test_many(void)
{
    enum { MANY = 100000 };
    struct header h;
    struct err e = ERR_INIT;
    struct buf out;
    char domain[251];
    size_t before;

    buf_init(&out, SIZE_MAX);
    feed_many(&h, "To:", " %x,", MANY);
    before = h.bytes.len;
    ok(qualify_is_needed(&h) && !qualify_header(&h, "home.example", &e) && h.count == 1,
       "in one field");
    header_write(&h, &out);
    ok(out.len == before + MANY * strlen("@home.example") && !qualify_is_needed(&h),
       "all of them get the domain");
    header_release(&h);

    feed_many(&h, NULL, "To:%x", MANY);
    before = h.bytes.len;
    buf_clear(&out);
    ok(!qualify_header(&h, "home.example", &e), "in as many fields");
    header_write(&h, &out);
    ok(out.len == before + MANY * strlen("@home.example"), "they too");
    header_release(&h);

    memset(domain, 'a', sizeof(domain));
    domain[60] = domain[120] = domain[180] = '.';
    domain[sizeof(domain) - 1] = '\0';
    feed_many(&h, "To:", " %x,", MANY);
    ok(header_line(&h, "From: root", 10, &e) == 1, "and a short field");
    buf_clear(&out);
    ok(!qualify_header(&h, domain, &e) && h.bytes.len <= HEADER_EDITED_MAX,
       "more than there is room for");
    ok(h.fields[0].start == 0 && h.fields[1].start > 0, "what does not fit stays, alone");
    header_release(&h);

    feed_many(&h, NULL, "To:%x", MANY);
    ok(!qualify_header(&h, domain, &e) && h.bytes.len <= HEADER_EDITED_MAX,
       "in as many fields, as far as there is room");
    header_release(&h);
    buf_release(&out);
    err_release(&e);
}

int main(void)
{
    test_names();
    test_folds();
    test_fields();
    test_untouched();
    test_removed();
    test_many();
    return tap_end();
}
