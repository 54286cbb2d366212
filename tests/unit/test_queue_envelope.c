/* test_queue_envelope.c: the queue's envelope file, written and read. */
#include "tap.h"

#include "send/queue_envelope.h"

#include <stdlib.h>
#include <time.h>

#define HEAD                                                                                   \
    "smtpsend-queue 1\nid 6925f3a1-7K2M9QXC4T\ncreated 1764094881\nsize 12\nattempts 0\n"
#define FROM "from <me@example.org>\n"

static char *copy(const char *text)
{
    char *made = strdup(text);

    if (!made)
        abort();
    return made;
}

static void fill(struct queue_envelope *envelope)
{
    queue_envelope_init(envelope);
    memcpy(envelope->id, "6925f3a1-7K2M9QXC4T", sizeof(envelope->id));
    envelope->created = 1764094881;
    envelope->size = 12;
    envelope->reverse_path = copy("me@example.org");
}

static void add(struct queue_envelope *envelope, const char *address, enum queued_state state,
                int code, struct enhanced enhanced, enum stage stage, const char *said)
{
    struct err e = ERR_INIT;
    struct queued_recipient *r;

    if (queue_envelope_add(envelope, address, &e))
        abort();
    r = &envelope->recipients[envelope->count - 1];
    r->state = state;
    r->code = code;
    r->enhanced = enhanced;
    r->stage = stage;
    r->said = said ? copy(said) : NULL;
}

static bool written(const struct queue_envelope *envelope, struct buf *out)
{
    struct err e = ERR_INIT;
    int status = queue_envelope_write(envelope, out, &e);

    err_release(&e);
    return !status;
}

static void writes(void)
{
    const struct enhanced none = {0, 0, 0};
    struct queue_envelope envelope;
    struct buf out;

    fill(&envelope);
    buf_init(&out, QUEUE_ENVELOPE_MAX);
    add(&envelope, "you@example.net", QUEUED_WAITING, 0, none, STAGE_NONE, NULL);
    add(&envelope, "done@example.net", QUEUED_DONE, 250, none, STAGE_DOT, "ok");
    written(&envelope, &out);
    same_text(out.data, HEAD FROM "recipient <you@example.net> waiting\nend\n",
              "as little as can be, and who is done is left out");
    ok(queue_envelope_left(&envelope) == 1, "one is left");
    envelope.account = copy("work");
    envelope.body = copy("8bitmime");
    envelope.envid = copy("a\\b\nend");
    envelope.hold_for_ms = 90500;
    envelope.require_tls = true;
    envelope.require_all = true;
    envelope.warned = true;
    envelope.notices = true;
    envelope.uid = 1000;
    add(&envelope, "\"a b>\\\n\"@example.net", QUEUED_WAITING, 450, (struct enhanced){4, 2, 1},
        STAGE_RCPT, "busy\nend\x1b[2J");
    add(&envelope, "j\xc3\xbcrgen@example.net", QUEUED_FAILED, 0, none, STAGE_CONNECT,
        "connection refused");
    written(&envelope, &out);
    same_text(out.data,
              HEAD "uid 1000\naccount work\n" FROM "body 8bitmime\nenvid a\\\\b\\x0aend\n"
                   "hold-for 90.500s\nrequire-tls\nrequire-all\nwarned\nnotices\n"
                   "recipient <you@example.net> waiting\n"
                   "recipient <\"a\\x20b\\x3e\\\\\\x0a\"@example.net> waiting 450 4.2.1 rcpt "
                   "busy\\x0aend\\x1b[2J\n"
                   "recipient <j\xc3\xbcrgen@example.net> failed - - connect connection "
                   "refused\nend\n",
              "everything, escaped");
    envelope.recipients[0].code = 42;
    ok(!written(&envelope, &out), "a code that could not be read is refused");
    envelope.recipients[0].code = 0;
    envelope.uid = INT64_C(0xffffffff);
    ok(!written(&envelope, &out), "so is a user's number that is nobody's");
    queue_envelope_release(&envelope);
    buf_release(&out);
}

static void comes_back(void)
{
    struct queue_envelope envelope, back;
    char every[256], address[256];
    struct err e = ERR_INIT;
    struct buf out;
    int i;

    for (i = 1; i < 256; i++)
        every[i - 1] = (char)i;
    every[255] = '\0';
    fill(&envelope);
    queue_envelope_init(&back);
    buf_init(&out, QUEUE_ENVELOPE_MAX);
    envelope.account = copy(every);
    for (i = ' '; i < 256; i++) /* but control bytes */
        address[i - ' '] = (char)(i == 0x7f ? 'x' : i);
    address[256 - ' '] = '\0';
    add(&envelope, address, QUEUED_WAITING, 550, (struct enhanced){5, 999, 0}, STAGE_BDAT,
        every);
    ok(written(&envelope, &out) && !queue_envelope_read(&back, out.data, out.len, &e) &&
           back.count == 1,
       "every byte can be written and read");
    same_text(back.account ? back.account : "", every, "in a value");
    same_text(back.count ? back.recipients[0].address : "", address, "in an address");
    same_text(back.count ? back.recipients[0].said : "", every, "in a reply");
    ok(back.count && back.recipients[0].enhanced.subject == 999 &&
           back.recipients[0].stage == STAGE_BDAT && back.recipients[0].code == 550,
       "code, enhanced code and stage");
    queue_envelope_release(&envelope);
    queue_envelope_release(&back);
    buf_release(&out);
    err_release(&e);
}

/* Each of the words that need not be there, alone and with the others. */
static void flags_come_back(void)
{
    struct queue_envelope envelope, back;
    struct err e = ERR_INIT;
    struct buf out;
    unsigned set;
    bool same = true;

    for (set = 0; set < 32; set++) {
        fill(&envelope);
        queue_envelope_init(&back);
        buf_init(&out, QUEUE_ENVELOPE_MAX);
        envelope.require_tls = set & 1;
        envelope.require_all = set & 2;
        envelope.warned = set & 4;
        envelope.notices = set & 8;
        envelope.uid = set & 16 ? 0 : -1;
        same = same && written(&envelope, &out) &&
               !queue_envelope_read(&back, out.data, out.len, &e) &&
               back.require_tls == envelope.require_tls &&
               back.require_all == envelope.require_all && back.warned == envelope.warned &&
               back.notices == envelope.notices && back.uid == envelope.uid;
        queue_envelope_release(&envelope);
        queue_envelope_release(&back);
        buf_release(&out);
    }
    ok(same, "flags and the user's number come back, in all their combinations");
    err_release(&e);
}

static const struct {
    const char *name, *text, *why; /* NULL: it can be read */
} table[] = {
    {"no recipient", HEAD FROM "end\n", NULL},
    {"the null reverse-path", HEAD "from <>\nend\n", NULL},
    {"hold-for as an option has it", HEAD FROM "hold-for 2h\nend\n", NULL},
    {"an empty file", "", "torn"},
    {"no end", HEAD FROM "recipient <a@b> waiting\n", "torn"},
    {"no newline at the end", HEAD FROM "end", "torn"},
    {"something behind the end", HEAD FROM "end\nx", "behind"},
    {"a second end", HEAD FROM "end\nend\n", "behind"},
    {"another version", "smtpsend-queue 2\nend\n", "smtpsend-queue 1"},
    {"garbage", "\x7f\x45LF\n\n\n", "smtpsend-queue 1"},
    {"no sender", HEAD "end\n", "lacks"},
    {"no id", "smtpsend-queue 1\ncreated 1\nsize 1\nattempts 1\n" FROM "end\n", "lacks"},
    {"no size",
     "smtpsend-queue 1\nid 6925f3a1-7K2M9QXC4T\ncreated 1\nattempts 1\n" FROM "end\n", "lacks"},
    {"an unknown word", HEAD FROM "colour red\nend\n", "not known"},
    {"an empty line", HEAD FROM "\nend\n", "not known"},
    {"a line twice", HEAD FROM FROM "end\n", "second"},
    {"a number twice", HEAD FROM "attempts 1\nend\n", "second"},
    {"require-tls with a value", HEAD FROM "require-tls no\nend\n", "no value"},
    {"notices with a space", HEAD FROM "notices \nend\n", "no value"},
    {"warned twice", HEAD FROM "warned\nrequire-all\nwarned\nend\n", "second"},
    {"the number of root", HEAD FROM "uid 0\nend\n", NULL},
    {"the greatest number of a user", HEAD FROM "uid 4294967294\nend\n", NULL},
    {"the number of nobody", HEAD FROM "uid 4294967295\nend\n", "no number"},
    {"no number of a user", HEAD FROM "uid ann\nend\n", "no number"},
    {"two users", HEAD FROM "uid 1\nuid 2\nend\n", "second"},
    {"a negative number", "smtpsend-queue 1\ncreated -1\nend\n", "no number"},
    {"an id in other letters", "smtpsend-queue 1\nid 6925f3a1-7K2M9QXCIL\nend\n", "no id"},
    {"an address without <>", HEAD FROM "recipient a@b waiting\nend\n", "<>"},
    {"an address with a bare >", HEAD FROM "recipient <a>@b> waiting\nend\n", "escaped"},
    {"no address", HEAD FROM "recipient <> waiting\nend\n", "no address"},
    {"no state", HEAD FROM "recipient <a@b>\nend\n", "neither"},
    {"an unknown state", HEAD FROM "recipient <a@b> lost\nend\n", "neither"},
    {"done can't be read", HEAD FROM "recipient <a@b> done\nend\n", "neither"},
    {"an impossible code", HEAD FROM "recipient <a@b> waiting 99 - - x\nend\n", "reply code"},
    {"an impossible enhanced code", HEAD FROM "recipient <a@b> waiting 450 3.1.1 rcpt\nend\n",
     "enhanced"},
    {"part of an enhanced code", HEAD FROM "recipient <a@b> waiting 450 4.1 rcpt\nend\n",
     "enhanced"},
    {"an unknown stage", HEAD FROM "recipient <a@b> waiting 450 4.1.1 moon\nend\n", "stage"},
    {"a backslash alone", HEAD FROM "account a\\b\nend\n", "backslash"},
    {"a backslash at the end", HEAD FROM "account a\\\nend\n", "backslash"},
    {"a NUL, escaped", HEAD FROM "account a\\x00\nend\n", "backslash"},
    {"a control byte", HEAD FROM "account a\rb\nend\n", "control"},
    {"CRLF", "smtpsend-queue 1\r\nend\r\n", "smtpsend-queue 1"},
};

static void reads(void)
{
    struct queue_envelope envelope;
    struct err e = ERR_INIT;
    size_t i;
    int status;
    bool right;

    for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        queue_envelope_init(&envelope);
        status = queue_envelope_read(&envelope, table[i].text, strlen(table[i].text), &e);
        right = table[i].why
                    ? status && e.kind == ERR_DATA && strstr(e.message, table[i].why) &&
                          !envelope.count && !*envelope.id
                    : !status;
        if (!ok(right, "%s", table[i].name))
            printf("# %d: %s\n", status, e.message);
        queue_envelope_release(&envelope);
        err_release(&e);
    }
}

/* Cut anywhere, it is not taken for whole. */
static void torn(void)
{
    static const char whole[] = HEAD FROM "recipient <a@b> waiting 450 - rcpt the end\nend\n";
    struct queue_envelope envelope;
    struct err e = ERR_INIT;
    size_t len, taken = 0;

    queue_envelope_init(&envelope);
    for (len = 0; len < sizeof(whole) - 1; len++)
        taken += !queue_envelope_read(&envelope, whole, len, &e);
    ok(!taken, "cut at any of %zu places, it is torn", sizeof(whole) - 1);
    err_release(&e);
}

/* Seconds of processor time that writing and reading again take, for COUNT recipients of whom SAID
 * is known, in a file of at most MAX bytes. */
static double round_trip(size_t count, size_t max, const char *said, bool *same)
{
    struct queue_envelope envelope, back;
    struct err e = ERR_INIT;
    clock_t start;
    char address[64];
    struct buf out;
    size_t i;

    fill(&envelope);
    queue_envelope_init(&back);
    buf_init(&out, max);
    for (i = 0; i < count; i++) {
        snprintf(address, sizeof(address), "recipient-%zu@example.net", i);
        add(&envelope, address, QUEUED_WAITING, 450, (struct enhanced){4, 2, 2}, STAGE_RCPT,
            said);
    }
    start = clock();
    *same = written(&envelope, &out) && !queue_envelope_read(&back, out.data, out.len, &e) &&
            back.count == count && !strcmp(back.recipients[count - 1].address, address);
    printf("# %zu recipients: %zu bytes%s\n", count, out.len,
           back.count && back.recipients[0].said ? "" : ", no words");
    start = clock() - start;
    queue_envelope_release(&envelope);
    queue_envelope_release(&back);
    buf_release(&out);
    err_release(&e);
    return (double)start / CLOCKS_PER_SEC;
}

static void many(void)
{
    static char words[8192];
    double seconds;
    bool same;

    seconds = round_trip(100000, QUEUE_ENVELOPE_MAX, "mailbox full", &same);
    ok(same, "100,000 recipients");
    printf("# %.3f s\n", seconds);
    memset(words, 'x', sizeof(words) - 1);
    round_trip(1000, 500000, words, &same);
    ok(same, "recipients of whom too much is said: it is cut short");
    memset(words, '\x01', sizeof(words) - 1);
    round_trip(1000, 500000, words, &same);
    ok(same, "... or left out");
}

int main(void)
{
    writes();
    comes_back();
    flags_come_back();
    reads();
    torn();
    many();
    return tap_end();
}
