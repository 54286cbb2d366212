/* test_bounce.c: notices about messages of the queue: their frame, whatever is in them; the fields
 * that programs read; and what of the message comes back.
 *
 * test_bounce SCENE prints one of them, for other readers (tests/bounce.bats). */
#include "tap.h"

#include "send/bounce.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum { DAY = 24 * 60 * 60 };

static const int64_t created = 1751364000; /* Tue, 01 Jul 2025 10:00:00 +0000 */

#define HEADER "From: a@example.org\r\nSubject: greetings\r\nMessage-ID: <1@example.org>\r\n"
#define PLAIN  HEADER "\r\nHello.\r\n.\r\nFrom here\r\n"
#define UTF8_TEXT                                                                              \
    HEADER "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"                  \
           "Content-Transfer-Encoding: 8bit\r\n\r\nGr\xc3\xbc\xc3\x9f"                         \
           "e\r\n"
#define SIGNED                                                                                 \
    HEADER "MIME-Version: 1.0\r\nContent-Type: multipart/signed; boundary=b\r\n\r\n--b\r\n"    \
           "Content-Transfer-Encoding: 8bit\r\n\r\n\xc3\xa4\r\n--b--\r\n"

/* A bounce with all that it needs, in one place. */
struct scene {
    const char *name;
    enum bounce_kind kind;
    int64_t age; /* of the message, in seconds, when the notice is written */
    const char *reverse_path, *to, *notify, *ret, *envid, *host;
    struct queued_recipient recipients[3];
    const char *original; /* NULL: none */
};

#define WORD(text) ((char *)(text))
#define REFUSED                                                                                \
    {                                                                                          \
        WORD("b@example.net"), QUEUED_FAILED, 550, {5, 1, 1}, STAGE_RCPT,                      \
            WORD("5.1.1 No such user\n5.1.1 See https://example.net/help")                     \
    }
#define UNREACHED                                                                              \
    {                                                                                          \
        WORD("c@example.net"), QUEUED_WAITING, 0, {0, 0, 0}, STAGE_CONNECT,                    \
            WORD("192.0.2.1: connection refused")                                              \
    }
#define PUT_OFF                                                                                \
    {                                                                                          \
        WORD("d@example.net"), QUEUED_WAITING, 451, {0, 0, 0}, STAGE_DOT, WORD("busy")         \
    }

static const struct scene scenes[] = {
    {.name = "failed", .envid = "an id+1=x", .recipients = {REFUSED}, .original = PLAIN},
    {.name = "several",
     .age = 5 * DAY,
     .recipients = {REFUSED, UNREACHED, PUT_OFF},
     .original = PLAIN},
    {.name = "delayed",
     .kind = BOUNCE_DELAYED,
     .age = DAY,
     .recipients = {UNREACHED,
                    PUT_OFF,
                    {WORD("e@example.net"),
                     QUEUED_WAITING,
                     535,
                     {5, 7, 8},
                     STAGE_AUTH,
                     WORD("5.7.8 wrong")}},
     .original = PLAIN},
    {.name = "relayed",
     .kind = BOUNCE_RELAYED,
     .recipients = {{WORD("b@example.net"), QUEUED_WAITING, 250, {2, 0, 0}, STAGE_DOT, NULL}},
     .original = PLAIN},
    {.name = "hdrs", .ret = "HDRS", .recipients = {REFUSED}, .original = PLAIN},
    {.name = "no original", .recipients = {REFUSED}},
    {.name = "nothing said",
     .recipients = {{WORD("b@example.net"), QUEUED_FAILED, 0, {0, 0, 0}, STAGE_NONE, NULL}},
     .original = PLAIN},
    {.name = "postmaster",
     .reverse_path = "",
     .to = "postmaster@example.org",
     .recipients = {REFUSED},
     .original = PLAIN},
    {.name = "8bit", .recipients = {REFUSED}, .original = UTF8_TEXT},
    {.name = "signed", .recipients = {REFUSED}, .original = SIGNED},
    {.name = "8bit header",
     .recipients = {REFUSED},
     .original = "To: \xc3\xa4@example.org\r\nSubject: =?\r\n\r\nx\r\n"},
    {.name = "utf8",
     .reverse_path = "j\xc3\xb6rg@example.org",
     .recipients = {{WORD("m\xc3\xbcller+\xf0\x9f\x90\x84@example.net"),
                     QUEUED_FAILED,
                     550,
                     {5, 1, 1},
                     STAGE_RCPT,
                     WORD("\xd0\xbd\xd0\xb5\xd1\x82 = no")}},
     .original = PLAIN},
    {.name = "hostile",
     .reverse_path = "x\r\nBcc: y@example.org\r\n\r\n--b",
     .envid = "1\r\nAction: relayed\r\n\r\n",
     .host = "h\r\nX: y",
     .ret = "full\r\n",
     .recipients =
         {{WORD("v@example.net\r\nAction: delivered\r\n\r\n--b\xff"),
           QUEUED_FAILED,
           550,
           {5, 1, 1},
           STAGE_RCPT,
           WORD("one\r\nAction: delivered\r\n\r\n--b--\r\n.\r\n \n\n\x1b[2J\xe2\x80\xae\xff "
                "\xc2\x85\t.")},
          {WORD("\r\n"), QUEUED_FAILED, 0, {0, 0, 0}, STAGE_NONE, WORD("\n \n\nAction: x\n")},
          {WORD("w@example.net"), QUEUED_FAILED, -1, {9, 65535, 1}, STAGE_DOT, WORD("\n")}},
     .original = "X: y\r\n\r\nContent-Type: multipart/report; boundary=b\r\n\r\n--b--\r\n"},
};

static const struct scene *find(const char *name)
{
    size_t i;

    for (i = 0; i < sizeof(scenes) / sizeof(scenes[0]); i++) {
        if (!strcmp(scenes[i].name, name))
            return &scenes[i];
    }
    abort();
}

static int file_of(const char *data, size_t len)
{
    int fd = memfd_create("file", MFD_CLOEXEC);

    if (fd < 0 || write(fd, data, len) != (ssize_t)len || lseek(fd, 0, SEEK_SET) != 0)
        abort();
    return fd;
}

static void read_all(int fd, struct buf *out)
{
    char block[65536];
    ssize_t n;
    off_t at = 0;

    for (; (n = pread(fd, block, sizeof(block), at)) > 0; at += n)
        buf_add(out, block, (size_t)n);
}

/* Write the bounce of S about its first COUNT recipients (0: all), with MESSAGE coming back. */
static int write_scene(const struct scene *s, size_t count, int message, int fd, struct err *e)
{
    static const size_t indexes[] = {0, 1, 2};
    struct queue_envelope envelope = {
        .id = "1",
        .reverse_path = WORD(s->reverse_path ? s->reverse_path : "a@example.org"),
        .created = created,
        .notify = WORD(s->notify),
        .ret = WORD(s->ret),
        .envid = WORD(s->envid),
        .recipients = (struct queued_recipient *)s->recipients};
    struct bounce b = {.kind = s->kind,
                       .envelope = &envelope,
                       .recipients = indexes,
                       .to = s->to ? s->to : envelope.reverse_path,
                       .host = s->host ? s->host : "mx.example.org",
                       .now = created + s->age,
                       .attempted = created + s->age,
                       .expires = created + 5 * DAY,
                       .message = message};

    while (envelope.count < 3 && s->recipients[envelope.count].address)
        envelope.count++;
    b.count = count ? count : envelope.count;
    return bounce_write(&b, fd, e);
}

static size_t occurrences(const struct buf *text, const char *what)
{
    const char *at = text->data;
    size_t n = 0;

    for (; (at = strstr(at, what)); at++)
        n++;
    return n;
}

/* ASCII, lines of at most 998 octets that end in CRLF, and so many delimiters and no more. */
static bool is_framed(const struct buf *text, size_t parts)
{
    const char *at = text->data, *end = at + text->len, *stop, *start;
    char delimiter[80];

    for (; at < end; at++) {
        if ((unsigned char)*at >= 0x7f || (*at < ' ' && !strchr("\r\n\t", *at)) || !*at)
            return false;
    }
    for (at = text->data; at < end; at = stop + 2) {
        stop = strchr(at, '\r');
        if (!stop || stop - at > 998 || stop[1] != '\n' ||
            memchr(at, '\n', (size_t)(stop - at)))
            return false;
    }
    start = strstr(text->data, "boundary=\"");
    if (!start)
        return false;
    snprintf(delimiter, sizeof(delimiter), "\r\n--%.34s", start + 10);
    at = memmem(text->data, text->len, delimiter, strlen(delimiter));
    return at && occurrences(text, delimiter) == parts + 1 &&
           at == strstr(text->data, "\r\n\r\n") + 2 && !strcmp(end - 4, "--\r\n");
}

/* The notice of S in OUT; MESSAGE (-1: what S has) comes back, in so many PARTS. */
static bool notice(const struct scene *s, int message, size_t parts, struct buf *out)
{
    struct err e = ERR_INIT;
    int fd = file_of("", 0), original = message, rc;

    if (message < 0 && s->original)
        original = file_of(s->original, strlen(s->original));
    buf_clear(out);
    rc = write_scene(s, 0, original, fd, &e);
    read_all(fd, out);
    close(fd);
    if (original >= 0)
        close(original);
    if (rc || !is_framed(out, parts) || e.kind != ERR_NONE) {
        printf("# %s: %s\n%s\n", s->name, e.message, out->data);
        err_release(&e);
        return false;
    }
    return true;
}

static bool has(const struct buf *text, const char *what)
{
    bool found = strstr(text->data, what) != NULL;

    if (!found)
        printf("# '%s' is not in:\n%s\n", what, text->data);
    return found;
}

static void test_failed(struct buf *out)
{
    ok(notice(find("failed"), -1, 3, out), "a failure");
    ok(has(out, "\r\nFrom: Mail Delivery System <MAILER-DAEMON@mx.example.org>\r\n"
                "To: <a@example.org>\r\nSubject: Undelivered mail returned to its sender\r\n"),
       "who tells whom");
    ok(has(out, "\r\nAuto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n") &&
           has(out, "Date: Tue, 1 Jul 2025 10:00:00 +0000\r\n") &&
           has(out, "Message-ID: <6863b1a0.") && has(out, "@mx.example.org>\r\n"),
       "the other fields");
    ok(has(out, "This is the mail system at mx.example.org. Your message of Tue, 1 Jul 2025\r\n"
                "10:00:00 +0000 could not be delivered to:\r\n\r\n    <b@example.net>\r\n"
                "        The server said (rcpt):\r\n        550-5.1.1 No such user\r\n"
                "        550 5.1.1 See https://example.net/help\r\n\r\n"),
       "in plain words");
    ok(has(out,
           "\r\n\r\nOriginal-Envelope-Id: an id+1=x\r\nReporting-MTA: dns; mx.example.org\r\n"
           "Arrival-Date: Tue, 1 Jul 2025 10:00:00 +0000\r\n\r\n"
           "Final-Recipient: rfc822; b@example.net\r\nAction: failed\r\nStatus: 5.1.1\r\n"
           "Diagnostic-Code: smtp; 550-5.1.1 No such user\r\n"
           " 550 5.1.1 See https://example.net/help\r\n"
           "Last-Attempt-Date: Tue, 1 Jul 2025 10:00:00 +0000\r\n\r\n--"),
       "for programs");
    ok(has(out,
           "\r\nContent-Type: message/rfc822\r\nContent-Description: The message\r\n\r\n" PLAIN
           "\r\n--"),
       "the message as it was");
    ok(notice(find("several"), -1, 3, out) &&
           has(out,
               "\r\nFinal-Recipient: rfc822; b@example.net\r\nAction: failed\r\nStatus: 5.1.1"
               "\r\n") &&
           has(out, "\r\n\r\nFinal-Recipient: rfc822; c@example.net\r\nAction: failed\r\n"
                    "Status: 4.4.7\r\n"
                    "Diagnostic-Code: X-smtpsend; 192.0.2.1: connection refused\r\n") &&
           has(out, "\r\n\r\nFinal-Recipient: rfc822; d@example.net\r\nAction: failed\r\n"
                    "Status: 4.4.7\r\nDiagnostic-Code: smtp; 451 busy\r\n") &&
           occurrences(out, "Every attempt failed") == 2 && !strstr(out->data, "Will-Retry"),
       "refused, and too late");
    ok(notice(find("nothing said"), -1, 3, out) && has(out, "\r\nStatus: 5.0.0\r\nLast-") &&
           !strstr(out->data, "What happened:") && !strstr(out->data, "Diagnostic"),
       "a failure without words");
    ok(notice(find("postmaster"), -1, 3, out) &&
           has(out, "\r\nTo: <postmaster@example.org>\r\n") &&
           has(out, "names no sender, could"),
       "for the postmaster");
}

static void test_other_kinds(struct buf *out)
{
    struct scene s = *find("delayed");

    s.notify = "delay";
    ok(notice(&s, -1, 3, out) && !strstr(out->data, "you will be told"),
       "no failure is promised to be told that is not to be told");
    ok(notice(find("delayed"), -1, 3, out) && has(out, "\r\nSubject: Delayed mail") &&
           has(out, "\r\nAction: delayed\r\nStatus: 4.0.0\r\nDiagnostic-Code: X-smtpsend; ") &&
           has(out,
               "\r\nAction: delayed\r\nStatus: 4.7.8\r\nDiagnostic-Code: smtp; 535 5.7.8") &&
           occurrences(out, "\r\nWill-Retry-Until: Sun, 6 Jul 2025 10:00:00 +0000\r\n") == 3 &&
           has(out, "until Sun, 6 Jul 2025\r\n10:00:00 +0000. Should"),
       "a delay");
    ok(has(out, "\r\nContent-Type: text/rfc822-headers\r\n"
                "Content-Description: The header of the message\r\n\r\n" HEADER "\r\n--"),
       "a delay returns the header alone");
    ok(notice(find("relayed"), -1, 3, out) && has(out, "\r\nSubject: Relayed mail") &&
           has(out, "\r\nAction: relayed\r\nStatus: 2.0.0\r\nDiagnostic-Code: smtp; 250\r\n"),
       "relayed");
}

static void test_returned(struct buf *out)
{
    struct scene s = *find("failed");
    struct buf text;
    int fd;

    ok(notice(find("hdrs"), -1, 3, out) &&
           has(out, "\r\nContent-Type: text/rfc822-headers\r\n") &&
           !strstr(out->data, "Hello."),
       "RET=HDRS returns the header alone");
    ok(notice(find("no original"), -1, 2, out), "no message, no third part");
    ok(notice(find("8bit"), -1, 3, out) &&
           has(out,
               "\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nGr=C3=BC=C3=9Fe\r\n"),
       "8-bit text comes back in its 7-bit form");
    ok(notice(find("signed"), -1, 3, out) &&
           has(out, "\r\nContent-Type: text/rfc822-headers\r\n") && !strstr(out->data, "--b--"),
       "of what has none the header");
    ok(notice(find("8bit header"), -1, 3, out) &&
           has(out, "\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
                    "To: =C3=A4@example.org\r\nSubject: =3D?\r\n\r\n--"),
       "an 8-bit header that has none is quoted");
    buf_init(&text, SIZE_MAX);
    buf_addstr(&text, PLAIN);
    while (text.len < BOUNCE_RETURN_MAX)
        buf_addstr(&text, "0123456789abcde\n");
    text.len = BOUNCE_RETURN_MAX;
    s.original = NULL;
    ok(notice(&s, file_of(text.data, text.len), 3, out) && has(out, "message/rfc822\r\n"),
       "the largest message that comes back");
    ok(notice(&s, file_of(text.data, text.len + 1), 3, out) &&
           !strstr(out->data, "/rfc822\r\n"),
       "a larger one");
    fd = memfd_create("sparse", MFD_CLOEXEC);
    ok(fd >= 0 && write(fd, PLAIN, strlen(PLAIN)) > 0 && !ftruncate(fd, INT64_C(1) << 40) &&
           notice(&s, fd, 3, out) && out->len < 4096,
       "a terabyte");
    ok(notice(&s, file_of("", 0), 3, out), "an empty message");
    ok(notice(&s, file_of("a\0b", 3), 2, out), "a damaged one is left out");
    buf_release(&text);
}

static void test_long(struct buf *out)
{
    struct scene s = *find("failed");
    struct buf text;
    char *word = malloc(200001);

    memset(word, 'x', 200000);
    word[200000] = '\0';
    s.original = NULL;
    buf_init(&text, SIZE_MAX);
    buf_addf(&text, "%s\r\n%.999s\r\n", HEADER, word);
    ok(notice(&s, file_of(text.data, text.len), 3, out) &&
           has(out, "text/rfc822-headers\r\nContent-Description: The header of the "
                    "message\r\n\r\nF"),
       "a long line in the body: the header");
    buf_clear(&text);
    buf_addf(&text, "X: %.996s\r\n%s\r\nbody\r\n", word, HEADER);
    ok(notice(&s, file_of(text.data, text.len), 3, out) &&
           has(out, "quoted-printable\r\n\r\nX: xxx") && has(out, "\r\nSubject: greetings\r\n"),
       "a long line in the header: the header, quoted");
    buf_clear(&text);
    buf_addf(&text, "X: %.60000s\r\n%s\r\nbody\r\n", word, HEADER);
    ok(notice(&s, file_of(text.data, text.len), 3, out) && !strstr(out->data, "greetings"),
       "a field over the bound is cut");
    buf_clear(&text);
    while (text.len < 200000)
        buf_addf(&text, "X-%zu: y\r\n z\r\n", text.len);
    ok(notice(&s, file_of(text.data, text.len), 3, out) &&
           out->len < BOUNCE_HEADER_MAX + 4096 && has(out, ": y\r\n z\r\n\r\n--"),
       "a long header is cut behind a field");
    s.recipients[0].said = word;
    s.recipients[0].address = word;
    s.reverse_path = s.host = s.envid = word;
    ok(notice(&s, -1, 2, out) && occurrences(out, " [...]\r\n") == 2,
       "endless words and addresses");
    memset(word, 0xc3, 200000);
    ok(notice(&s, -1, 2, out), "that are no UTF-8");
    memset(word, ' ', 200000);
    ok(notice(&s, -1, 2, out), "blanks");
    memset(word, '\n', 200000);
    ok(notice(&s, -1, 2, out), "line ends");
    memset(word, '\\', 200000);
    ok(notice(&s, -1, 2, out), "backslashes");
    buf_release(&text);
    free(word);
}

static void test_hostile(struct buf *out)
{
    ok(notice(find("utf8"), -1, 3, out) &&
           has(out,
               "\r\nFinal-Recipient: utf-8; m\\x{FC}ller\\x{2B}\\x{1F404}@example.net\r\n") &&
           has(out, "\r\n    <m=C3=BCller+=F0=9F=90=84@example.net>\r\n") &&
           has(out, "\r\nDiagnostic-Code: smtp; 550 \\xd0\\xbd\\xd0\\xb5\\xd1\\x82 = no\r\n") &&
           has(out, "\r\nTo: =?UTF-8?B?asO2cmdAZXhhbXBsZS5vcmc=?= :;\r\n"),
       "addresses and words beyond ASCII");
    ok(notice(find("hostile"), -1, 3, out), "hostile words");
    ok(occurrences(out, "\r\nAction: failed\r\n") == 3 &&
           occurrences(out, "\r\nAction: ") == 3 && occurrences(out, "\r\n--b") == 1 &&
           !strstr(out->data, "\r\nBcc:") && !strstr(out->data, "\r\nX: y\r\nX") &&
           has(out, "MAILER-DAEMON@localhost>\r\n"),
       "forge nothing");
    ok(has(out, "\r\nDiagnostic-Code: smtp; 550-one\\x0d\r\n 550-Action: delivered\\x0d\r\n"),
       "each line has its code");
    ok(has(out, "\r\nStatus: 5.0.0\r\nDiagnostic-Code: X-smtpsend; Action: x\r\nLast-"),
       "no line of blanks");
}

/* LEN bytes of what could do harm, the same in each run. */
static char *harm(unsigned long *seed, size_t len)
{
    static const char bytes[] =
        "\r\n\n  --=_..:;,<>\\\"@(aZ9\xc3\xa4\xe2\x80\xae\xff\x1b\t?\x7f";
    char *text = malloc(len + 1);
    size_t i;

    for (i = 0; i < len; i++) {
        *seed = *seed * 6364136223846793005UL + 1442695040888963407UL;
        text[i] = bytes[(*seed >> 33) % (sizeof(bytes) - 1)];
    }
    text[len] = '\0';
    return text;
}

static void test_random(struct buf *out)
{
    struct scene s = {.name = "random"};
    unsigned long seed = 1;
    size_t round, i, good = 0;
    char *texts[9];

    for (round = 0; round < 500; round++) {
        for (i = 0; i < 9; i++)
            texts[i] = harm(&seed, 1 + (seed >> 40) % (i == 8 ? 3000 : 300));
        s.kind = (enum bounce_kind)(round % 3);
        s.reverse_path = texts[0];
        s.envid = texts[1];
        for (i = 0; i < 3; i++) {
            s.recipients[i].address = texts[2 + 2 * i];
            s.recipients[i].said = texts[3 + 2 * i];
            s.recipients[i].code = i ? (int)(round % 600) : 0;
        }
        for (i = 0; texts[8][i]; i++) {
            if (texts[8][i] == 0x1b || texts[8][i] == 0x7f)
                texts[8][i] = '\n'; /* these may come back as they are */
        }
        s.original = texts[8];
        good += notice(&s, -1, 3, out);
        for (i = 0; i < 9; i++)
            free(texts[i]);
    }
    ok(good == round, "%zu of %zu random notices keep their frame", good, round);
}

static void test_refused(void)
{
    struct scene s = *find("failed");
    struct err e = ERR_INIT;
    int full = open("/dev/full", O_WRONLY);

    s.to = "";
    ok(write_scene(&s, 0, -1, full, &e) == -1 && e.kind == ERR_INTERNAL,
       "the null sender is never told");
    s.to = NULL;
    ok(write_scene(&s, 2, -1, full, &e) == -1 && e.kind == ERR_INTERNAL,
       "about one that is not there");
    ok(write_scene(&s, 0, -1, full, &e) == -1 && e.kind == ERR_IO && e.sys == ENOSPC,
       "a full disk");
    ok(write_scene(&s, 0, full, full, &e) == -1 && e.kind == ERR_IO,
       "a message that can't be read");
    err_release(&e);
    close(full);
}

static void test_wanted(void)
{
    static const struct {
        const char *notify;
        bool failed, delayed, relayed;
    } table[] = {{NULL, true, false, false},
                 {"never", false, false, false},
                 {"NEVER", false, false, false},
                 {"failure", true, false, false},
                 {"delay", false, true, false},
                 {"success", false, false, true},
                 {"success,failure,DELAY", true, true, true},
                 {"success,x", true, false, false},
                 {"", true, false, false}};
    size_t i;

    for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        struct queue_envelope envelope = {.notify = WORD(table[i].notify)};

        ok(bounce_wanted(&envelope, BOUNCE_FAILED) == table[i].failed &&
               bounce_wanted(&envelope, BOUNCE_DELAYED) == table[i].delayed &&
               bounce_wanted(&envelope, BOUNCE_RELAYED) == table[i].relayed,
           "notify %s", table[i].notify ? table[i].notify : "not given");
    }
}

static int print_scene(const char *name)
{
    const struct scene *s = find(name);
    struct err e = ERR_INIT;

    return -write_scene(s, 0, s->original ? file_of(s->original, strlen(s->original)) : -1,
                        STDOUT_FILENO, &e);
}

int main(int argc, char **argv)
{
    struct buf out;

    setenv("TZ", "UTC0", 1);
    if (argc > 1)
        return print_scene(argv[1]);
    buf_init(&out, SIZE_MAX);
    test_failed(&out);
    test_other_kinds(&out);
    test_returned(&out);
    test_long(&out);
    test_hostile(&out);
    test_random(&out);
    test_refused();
    test_wanted();
    buf_release(&out);
    return tap_end();
}
