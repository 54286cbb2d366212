/* test_message.c: from any bytes to the bytes of the wire, through every kind of input. */
#include "tap.h"

#include "mail/message.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* How the bytes reach the message. */
enum way {
    WAY_FILE,
    WAY_FILE_LATER, /* a file whose offset is not 0 */
    WAY_PIPE,
    WAY_PIPE_DRIPS, /* two pieces; byte by byte where it is cut at its end */
    WAY_STREAM,     /* the same, sent as it is read */
    WAY_COUNT
};

static const char *const way_names[] = {"file", "file from an offset", "pipe", "dripping pipe",
                                        "stream"};

struct input {
    enum way way;
    const char *data;
    size_t len, cut;
    long delay; /* nanoseconds before the first write */
    int fds[2];
    pthread_t writer;
};

static void write_part(const struct input *in, size_t from, size_t to)
{
    ssize_t n;

    while (from < to) {
        n = write(in->fds[1], in->data + from, to - from);
        if (n <= 0)
            break;
        from += (size_t)n;
        if (in->way != WAY_PIPE)
            nanosleep(&(struct timespec){0, 20000}, NULL);
    }
}

static void *write_input(void *arg)
{
    struct input *in = arg;
    size_t i;

    if (in->delay)
        nanosleep(&(struct timespec){0, in->delay}, NULL);
    for (i = 0; in->way != WAY_PIPE && in->cut == in->len && i < in->len; i++)
        write_part(in, i, i + 1);
    if (in->way == WAY_PIPE) {
        write_part(in, 0, in->len);
    } else if (in->cut < in->len) {
        write_part(in, 0, in->cut);
        write_part(in, in->cut, in->len);
    }
    close(in->fds[1]);
    return NULL;
}

static int temporary_file(void)
{
    char name[] = "/tmp/test_message.XXXXXX";
    int fd = mkstemp(name);

    unlink(name);
    return fd;
}

/* The descriptor to read IN's bytes from. */
static int input_open(struct input *in)
{
    static const char before[] = "Bcc: not@this\n\n";
    off_t start = 0;

    if (in->way == WAY_FILE || in->way == WAY_FILE_LATER) {
        in->fds[0] = in->fds[1] = temporary_file();
        if (in->way == WAY_FILE_LATER && write(in->fds[1], before, sizeof(before)) > 0)
            start = sizeof(before);
        write_part(&(struct input){.way = WAY_PIPE, .data = in->data, .fds = {-1, in->fds[1]}},
                   0, in->len);
        lseek(in->fds[0], start, SEEK_SET);
    } else {
        if (pipe(in->fds) < 0 || pthread_create(&in->writer, NULL, write_input, in))
            abort();
    }
    return in->fds[0];
}

/* Closed first: the writer may still wait for a reader of what was refused. */
static void input_close(struct input *in)
{
    close(in->fds[0]);
    if (in->way != WAY_FILE && in->way != WAY_FILE_LATER)
        pthread_join(in->writer, NULL);
}

/* All that comes out of M. */
static int drain(struct message *m, bool stuff, struct buf *out, struct err *e)
{
    const char *data;
    size_t len;
    int rc;

    buf_clear(out);
    while ((rc = message_next(m, stuff, &data, &len, e)) > 0) {
        if (!len)
            return -2;
        buf_add(out, data, len);
    }
    return rc;
}

/* The facts of a wire form, told in the simplest way. */
static void wire_facts(const struct buf *wire, struct message_facts *f)
{
    const char *body = strstr(wire->data, "\r\n\r\n");
    size_t at = !strncmp(wire->data, "\r\n", 2) ? 2
                : body                          ? (size_t)(body + 4 - wire->data)
                                                : 0;
    size_t i, line = 0;

    *f = (struct message_facts){.known = true, .size = wire->len};
    for (i = 0; i < wire->len; i++) {
        if ((unsigned char)wire->data[i] >= 0x80) {
            if (i < at)
                f->header_8bit = true;
            else
                f->body_8bit = true;
        }
        if (i < at)
            continue;
        line = wire->data[i] == '\n' ? 0 : line + (wire->data[i] != '\r');
        if (line > f->long_line)
            f->long_line = line;
    }
}

/* WIRE without dots stuffed, with them. */
static void stuff(const struct buf *wire, struct buf *out)
{
    size_t i;

    buf_clear(out);
    for (i = 0; i < wire->len; i++) {
        if (wire->data[i] == '.' && (i == 0 || wire->data[i - 1] == '\n'))
            buf_addch(out, '.');
        buf_addch(out, wire->data[i]);
    }
}

static bool facts_equal(const struct message_facts *a, const struct message_facts *b)
{
    return a->known == b->known && a->header_8bit == b->header_8bit &&
           a->body_8bit == b->body_8bit && a->size == b->size && a->long_line == b->long_line;
}

/* What goes wrong when INPUT is opened and sent by one way, or NULL. WANT is the wire form that
 * is expected without stuffing. */
static const char *try_input(struct input *in, bool dot_ends, const struct buf *want)
{
    struct message_options options = {.stream = in->way == WAY_STREAM, .dot_ends = dot_ends};
    struct message_facts facts;
    struct message *m = NULL;
    struct err e = ERR_INIT;
    struct buf got, stuffed;
    const char *fault = NULL;
    off_t offset;

    buf_init(&got, 64 << 20);
    buf_init(&stuffed, 64 << 20);
    stuff(want, &stuffed);
    wire_facts(want, &facts);
    offset = lseek(input_open(in), 0, SEEK_CUR);
    if (message_open(&m, in->fds[0], &options, &e) < 0) {
        fault = "open fails";
        goto out;
    }
    message_mend(m, false, NULL, &e);
    if (!options.stream && !facts_equal(message_facts(m), &facts))
        fault = "wrong facts";
    else if (options.stream && message_facts(m)->known)
        fault = "a stream's facts are said to be known";
    else if (drain(m, !options.stream || in->cut % 2, &got, &e) != 0)
        fault = "next fails";
    else if ((options.stream && !(in->cut % 2)
                  ? got.len != want->len || memcmp(got.data, want->data, got.len)
                  : got.len != stuffed.len || memcmp(got.data, stuffed.data, got.len)))
        fault = "wrong bytes";
    else if (options.stream ? message_rewind(m, &e) == 0 || e.kind != ERR_INTERNAL
                            : message_rewind(m, &e) < 0)
        fault = "wrong answer of rewind";
    else if (!options.stream && (drain(m, false, &got, &e) != 0 || got.len != want->len ||
                                 memcmp(got.data, want->data, got.len)))
        fault = "wrong bytes without stuffing, the second time";
    else if (!facts_equal(message_facts(m), &facts) && !options.stream)
        fault = "wrong facts at the end";
    else if (in->way <= WAY_FILE_LATER && lseek(in->fds[0], 0, SEEK_CUR) != offset)
        fault = "the file's offset moved";
out:
    if (fault) {
        printf("# %s, cut at %zu: %s %s\n", way_names[in->way], in->cut, fault, e.message);
        tap_bytes("input", in->data, in->len);
        tap_bytes("got  ", got.data, got.len);
        tap_bytes("want ", want->data, want->len);
    }
    message_free(m);
    input_close(in);
    buf_release(&got);
    buf_release(&stuffed);
    err_release(&e);
    return fault;
}

/* Try every way and every place to cut the input at. */
static bool all_ways(const char *data, size_t len, bool dot_ends, const struct buf *want)
{
    enum way way;
    size_t cut;

    for (way = WAY_FILE; way < WAY_COUNT; way++) {
        for (cut = 0; cut <= len; cut++) {
            struct input in = {.way = way, .data = data, .len = len, .cut = cut};

            if (try_input(&in, dot_ends, want))
                return false;
            if (way != WAY_PIPE_DRIPS && way != WAY_STREAM)
                break;
        }
    }
    return true;
}

struct sample {
    const char *name, *input, *want;
    bool dot_ends;
};

static const struct sample samples[] = {
    {"LF", "A: 1\n\nb\n", "A: 1\r\n\r\nb\r\n", false},
    {"CRLF", "A: 1\r\n\r\nb\r\n", "A: 1\r\n\r\nb\r\n", false},
    {"bare CR", "A: 1\r\rb\r", "A: 1\r\n\r\nb\r\n", false},
    {"a mixture", "A: 1\r\n\nb\rc\nd\r\ne\n\rf\r\r\ng",
     "A: 1\r\n\r\nb\r\nc\r\nd\r\ne\r\n\r\nf\r\n"
     "\r\ng\r\n",
     false},
    {"no end at the end", "A: 1\n\nb", "A: 1\r\n\r\nb\r\n", false},
    {"header only", "A: 1\n", "A: 1\r\n\r\n", false},
    {"header only, no end", "A: 1", "A: 1\r\n\r\n", false},
    {"header and empty line", "A: 1\n\n", "A: 1\r\n\r\n", false},
    {"empty", "", "\r\n", false},
    {"an empty line", "\n", "\r\n", false},
    {"a CR", "\r", "\r\n", false},
    {"a CRLF", "\r\n", "\r\n", false},
    {"two CRLF", "\r\n\r\n", "\r\n\r\n", false},
    {"empty lines at the end", "A: 1\n\nb\n\n\n", "A: 1\r\n\r\nb\r\n\r\n\r\n", false},
    {"no header", "hello\nworld\n", "\r\nhello\r\nworld\r\n", false},
    {"no header, one word", "hello", "\r\nhello\r\n", false},
    {"no header, CRLF", "hello\r\nworld\r\n", "\r\nhello\r\nworld\r\n", false},
    {"no header, CR", "hello\rworld\r", "\r\nhello\r\nworld\r\n", false},
    {"an empty line first", "\nA: 1\n", "\r\nA: 1\r\n", false},
    {"a blank first", " A: 1\n", "\r\n A: 1\r\n", false},
    {"a header that breaks off", "A: 1\nhello\nB: 2\n\nx\n",
     "A: 1\r\n\r\nhello\r\nB: 2\r\n\r\nx\r\n", false},
    {"the same with CRLF", "A: 1\r\nhello\r\nB: 2\r\n", "A: 1\r\n\r\nhello\r\nB: 2\r\n", false},
    {"dots", "A: 1\n\n.\n..\n.a\nb.\n", "A: 1\r\n\r\n.\r\n..\r\n.a\r\nb.\r\n", false},
    {"dots, CRLF", "A: 1\r\n\r\n.\r\n..\r\n.a\r\nb.\r\n", "A: 1\r\n\r\n.\r\n..\r\n.a\r\nb.\r\n",
     false},
    {"dots, CR", "A: 1\r\r.\r..\r.a\rb.", "A: 1\r\n\r\n.\r\n..\r\n.a\r\nb.\r\n", false},
    {"a dot at the end", "A: 1\n\n.", "A: 1\r\n\r\n.\r\n", false},
    {"a dot first of all", ".", "\r\n.\r\n", false},
    {"a field with a dot first", ".A: 1\n\nb\n", ".A: 1\r\n\r\nb\r\n", false},
    {"smuggling", "A: 1\n\nb\n.\rMAIL FROM:<x>\r.\n\r\n.\r\rc\n",
     "A: 1\r\n\r\nb\r\n.\r\nMAIL FROM:<x>\r\n.\r\n\r\n.\r\n\r\nc\r\n", false},
    {"8-bit body", "A: 1\n\n\xc3\xa4\n", "A: 1\r\n\r\n\xc3\xa4\r\n", false},
    {"8-bit far from the end",
     "A: 1\n\n\xc3\xa4-----------------------------------------------------------------------"
     "---------------------------------------------------------------------------------------"
     "\n",
     "A: 1\r\n\r\n\xc3\xa4-------------------------------------------------------------------"
     "-----------------------------------------------------------------------------------------"
     "--"
     "\r\n",
     false},
    {"no header, an empty line", "hello\n\nworld\n", "\r\nhello\r\n\r\nworld\r\n", false},
    {"CR, clean lines, LF", "A: 1\n\na\rx\r\n\nb\n", "A: 1\r\n\r\na\r\nx\r\n\r\nb\r\n", false},
    {"8-bit header", "A: \xe4\n\nb\n", "A: \xe4\r\n\r\nb\r\n", false},
    {"From line", "From a@b Mon Jan  1\nA: 1\n\nb\n", "A: 1\r\n\r\nb\r\n", false},
    {"From line, CRLF", "From a@b\r\nA: 1\r\n\r\nb\r\n", "A: 1\r\n\r\nb\r\n", false},
    {"From line, CR", "From a\rA: 1\r\rb", "A: 1\r\n\r\nb\r\n", false},
    {"From line alone", "From a@b", "\r\n", false},
    {"From line and text", "From a@b\r\ntext\r\n", "\r\ntext\r\n", false},
    {"From line and empty line", "From a@b\r\n\r\ntext", "\r\ntext\r\n", false},
    {"From field", "From : a@b\n\nb\n", "From : a@b\r\n\r\nb\r\n", false},
    {"From line in the body", "A: 1\n\nFrom x\n", "A: 1\r\n\r\nFrom x\r\n", false},
    {"a byte order mark",
     "\xef\xbb\xbf"
     "A: 1\n\nb\n",
     "A: 1\r\n\r\nb\r\n", false},
    {"a mark before text", "\xef\xbb\xbfhello\n", "\r\nhello\r\n", false},
    {"a mark alone", "\xef\xbb\xbf", "\r\n", false},
    {"a mark and an empty line",
     "\xef\xbb\xbf\n\xef\xbb\xbf"
     "b",
     "\r\n\xef\xbb\xbf"
     "b\r\n",
     false},
    {"half a mark", "\xef\xbb", "\r\n\xef\xbb\r\n", false},
    {"a mark later",
     "A: 1\n\xef\xbb\xbf"
     "B: 2\n",
     "A: 1\r\n\r\n\xef\xbb\xbf"
     "B: 2\r\n",
     false},
    {"Bcc", "Bcc: a\nA: 1\n\nBcc: b\n", "A: 1\r\n\r\nBcc: b\r\n", false},
    {"Bcc alone", "Bcc: a@b\n\nb\n", "\r\nb\r\n", false},
    {"Bcc, CR", "A: 1\rbcc : a\r b\rBCC: c\r\rb", "A: 1\r\n\r\nb\r\n", false},
    {"Bcc behind a mark",
     "\xef\xbb\xbf"
     "Bcc: a\nA: 1\n\nb\n",
     "A: 1\r\n\r\nb\r\n", false},
    {"Bcc behind a From line", "From x\r\nBcc: a\r\nA: 1\r\n\r\nb\r\n", "A: 1\r\n\r\nb\r\n",
     false},
    {"Bcc behind mark, From line and mark",
     "\xef\xbb\xbf"
     "From x\r\n\xef\xbb\xbf"
     "Bcc: a\nA: 1\n\nb\n",
     "A: 1\r\n\r\nb\r\n", false},
    {"Bcc folded with blanks", "Bcc: a,\r\n \r\n\tb\n \nA: 1\r\n\r\nb", "A: 1\r\n\r\nb\r\n",
     false},
    {"Resent-Bcc", "Resent-BCC: a\nBcc\t:b\nBcc:c\nA: 1\n\n", "A: 1\r\n\r\n", false},
    {"blank line of a fold", "A: 1\n \n\nb\n", "A: 1\r\n \r\n\r\nb\r\n", false},
    {"a lone dot is data", "A: 1\n\nb\n.\nc\n", "A: 1\r\n\r\nb\r\n.\r\nc\r\n", false},
    {"a lone dot ends", "A: 1\n\nb\n.\nc\n", "A: 1\r\n\r\nb\r\n", true},
    {"a lone dot with CRLF ends", "A: 1\r\n\r\nb\r\n.\r\nc\r\n", "A: 1\r\n\r\nb\r\n", true},
    {"a lone dot with CR ends", "A: 1\r\rb\r.\rc\r", "A: 1\r\n\r\nb\r\n", true},
    {"a lone dot without an end", "A: 1\n\nb\n.", "A: 1\r\n\r\nb\r\n", true},
    {"a lone dot first", ".\nA: 1\n", "\r\n", true},
    {"a lone dot all alone", ".", "\r\n", true},
    {"a lone dot in the header", "A: 1\n.\nB: 2\n", "A: 1\r\n\r\n", true},
    {"a lone dot after the header", "A: 1\r\n\r\n.\r\nx", "A: 1\r\n\r\n", true},
    {"no lone dot", "A: 1\n\n..\n.b\nc.\n . \n.", "A: 1\r\n\r\n..\r\n.b\r\nc.\r\n . \r\n",
     true},
    {"a dot behind a mark", "\xef\xbb\xbf.\n.\n", "\r\n.\r\n", true},
    {"a dot behind a mark, and no other", "\xef\xbb\xbf.\nb", "\r\n.\r\nb\r\n", true},
    {"no dot where one ends", "A: 1\n\nb", "A: 1\r\n\r\nb\r\n", true},
};

static void test_samples(void)
{
    struct buf want;
    size_t i;

    for (i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
        buf_init(&want, 4096);
        buf_addstr(&want, samples[i].want);
        ok(all_ways(samples[i].input, strlen(samples[i].input), samples[i].dot_ends, &want),
           "%s", samples[i].name);
        buf_release(&want);
    }
}

/* The wire form of a body, told a byte at a time. */
static void reference(const char *body, size_t len, struct buf *out)
{
    size_t i;
    bool bol = true;

    for (i = 0; i < len; i++) {
        if (body[i] != '\r' && body[i] != '\n')
            buf_addch(out, body[i]);
        else if (body[i] == '\r' || i == 0 || body[i - 1] != '\r')
            buf_addstr(out, "\r\n");
        bol = body[i] == '\r' || body[i] == '\n';
    }
    if (!bol)
        buf_addstr(out, "\r\n");
}

/* Bytes such that line ends, dots and text mix: KIND tells how much of each. */
static void fill(char *body, size_t len, unsigned kind)
{
    static const char *const alphabets[] = {
        "\r\n.a",        "\r\n....", "\n\n.abcdefgh", "\r\r.a", "abcdefghijklmnopqrstuvwxyz\n",
        "ab\xc3\xa4\r\n"};
    const char *alphabet = alphabets[kind % 6];
    size_t i, n = strlen(alphabet);

    for (i = 0; i < len; i++)
        body[i] = alphabet[(size_t)random() % n];
    /* Some of them mostly CRLF, which takes the other path. */
    for (i = 0; kind % 2 && i + 80 < len; i += 1 + (size_t)random() % 80)
        memcpy(body + i, kind % 3 ? "\r\n" : "\r\n.", kind % 3 ? 2 : 3);
}

static void test_random(void)
{
    static const size_t sizes[] = {10,
                                   100,
                                   1000,
                                   65536 - 7,
                                   65536,
                                   65537,
                                   3 * 65536 + 11,
                                   1024 * 1024 - 6,
                                   1024 * 1024,
                                   1024 * 1024 + 100000};
    struct buf input, want;
    char *body = malloc(2 << 20);
    bool fine = true;
    unsigned round;
    size_t len;

    srandom(7);
    for (round = 0; body && fine && round < 300; round++) {
        len = sizes[(unsigned)random() % (round % 10 ? 3 : 10)] - (size_t)random() % 4;
        fill(body, len, (unsigned)random());
        buf_init(&input, 4 << 20);
        buf_init(&want, 8 << 20);
        buf_addstr(&input, "A: 1\n\n");
        buf_add(&input, body, len);
        buf_addstr(&want, "A: 1\r\n\r\n");
        reference(body, len, &want);
        for (enum way way = WAY_FILE; fine && way < WAY_COUNT; way++) {
            struct input in = {.way = way, .data = input.data, .len = input.len};

            in.cut = (size_t)random() % input.len;
            fine = !try_input(&in, false, &want);
        }
        buf_release(&input);
        buf_release(&want);
    }
    ok(fine, "random mixtures, all ways");
    free(body);
}

/* A CRLF, a bare CR, a bare LF and a dot on each place around a window's border. */
static void test_borders(void)
{
    static const char *const pieces[] = {"\r\n",  "\r",       "\n",    "\r\n.\r\n",     "\r.\r",
                                         "\n.\n", "\r\r\n\n", ".\r\n", "\r\n\r\n..\r\n"};
    enum { WINDOW = 65536 };
    struct buf want, input;
    size_t i, at, piece;
    bool fine = true;

    for (i = 0; i < 2 * sizeof(pieces) / sizeof(pieces[0]) && fine; i++) {
        piece = strlen(pieces[i / 2]);
        for (at = WINDOW - piece - 2; at <= WINDOW + 2 && fine; at++) {
            buf_init(&input, 1 << 20);
            buf_init(&want, 1 << 20);
            buf_addstr(&input, "A: 1\r\n\r\n");
            /* Lines that could pass as they are, or one long line. */
            while (input.len < at)
                buf_addch(&input, i % 2 && input.len % 80 == 78   ? '\r'
                                  : i % 2 && input.len % 80 == 79 ? '\n'
                                                                  : 'x');
            buf_addstr(&input, pieces[i / 2]);
            buf_addstr(&input, i % 3 ? "end" : "end\r\n");
            reference(input.data, input.len, &want);
            for (enum way way = WAY_FILE; fine && way < WAY_COUNT; way++) {
                struct input in = {.way = way, .data = input.data, .len = input.len, .cut = at};

                fine = !try_input(&in, false, &want);
            }
            buf_release(&input);
            buf_release(&want);
        }
    }
    ok(fine, "all that can stand at a window's border");
}

/* Open DATA as a file or pipe; returns the error's kind, ERR_NONE where it opens. */
static enum err_kind open_kind(const char *data, size_t len, enum way way)
{
    struct input in = {.way = way, .data = data, .len = len};
    struct message_options options = {.stream = way == WAY_STREAM};
    struct message *m;
    struct err e = ERR_INIT;
    enum err_kind kind;
    struct buf out;

    buf_init(&out, 8 << 20);
    if (message_open(&m, input_open(&in), &options, &e) == 0 && options.stream)
        drain(m, true, &out, &e);
    kind = e.kind;
    message_free(m);
    input_close(&in);
    buf_release(&out);
    err_release(&e);
    return kind;
}

static void test_refused(void)
{
    size_t len = 2 << 20, at;
    char *data = malloc(len);
    enum way way;

    if (!data)
        return;
    for (way = WAY_FILE; way < WAY_COUNT; way++) {
        ok(open_kind("A: 1\n\na\0b\n", 11, way) == ERR_DATA, "a NUL in the body: %s",
           way_names[way]);
        ok(open_kind("A: \0\n\nb\n", 8, way) == ERR_DATA, "a NUL in the header: %s",
           way_names[way]);
        ok(open_kind("A: 1\n\nb\0", 8, way) == ERR_DATA, "a NUL last: %s", way_names[way]);
        memset(data, 'x', len);
        ok(open_kind(data, len, way) == ERR_NONE, "a body of one line of 2 MiB: %s",
           way_names[way]);
        for (at = len - 130; at < len; at += 43) {
            data[at] = '\0';
            ok(open_kind(data, len, way) == ERR_DATA, "a NUL at %zu: %s", at, way_names[way]);
            data[at] = 'x';
        }
        data[1] = ':';
        ok(open_kind(data, len, way) == ERR_DATA, "a header line of 2 MiB: %s", way_names[way]);
        for (at = 0; at + 3 < len; at += 3)
            memcpy(data + at, "a:\n", 3);
        ok(open_kind(data, len, way) == ERR_DATA, "a header of 2 MiB: %s", way_names[way]);
    }
    free(data);
}

static void test_io(void)
{
    struct message_options options = {.stream = false};
    struct message *m;
    struct err e = ERR_INIT;
    int fd = open("/", O_RDONLY);

    ok(message_open(&m, fd, &options, &e) == -1 && e.kind == ERR_IO && e.sys == EISDIR && !m,
       "a folder is no message");
    close(fd);
    ok(message_open(&m, -1, &options, &e) == -1 && e.kind == ERR_IO && e.sys == EBADF,
       "a closed descriptor is no message");
    fd = open("/dev/null", O_RDONLY);
    ok(message_open(&m, fd, &options, &e) == 0 && message_facts(m)->size == 2,
       "the null device is an empty message");
    message_free(m);
    close(fd);
    err_release(&e);
}

/* The pipe's writer makes it non-blocking for the reader too. */
static void test_nonblocking(void)
{
    static const char text[] = "A: 1\n\nbody\n";
    struct input in = {.way = WAY_PIPE_DRIPS,
                       .data = text,
                       .len = sizeof(text) - 1,
                       .cut = 3,
                       .delay = 50000000};
    struct message_options options = {.stream = false};
    struct message *m;
    struct err e = ERR_INIT;
    int fd = input_open(&in);

    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    ok(message_open(&m, fd, &options, &e) == 0 && message_facts(m)->size == 14,
       "a non-blocking pipe");
    message_free(m);
    input_close(&in);
    err_release(&e);
}

/* A file that is written to between open and next. */
static void test_changed(void)
{
    static const char text[] = "A: 1\n\nbody\nbody\n";
    static const struct {
        const char *what, *now; /* the file's contents then */
        enum err_kind kind;
    } changes[] = {
        {"grown", "A: 1\n\nbody\nbody\nmore\n", ERR_NONE},
        {"shorter", "A: 1\n\nbody\n", ERR_IO},
        {"with more lines", "A: 1\n\nbo\ny\nbody\n", ERR_IO},
        {"with fewer lines", "A: 1\n\nbody.body\n", ERR_IO},
        {"with a NUL", "A: 1\n\nbody\n@ody\n", ERR_DATA},
    };
    struct message_options options = {.stream = false};
    struct message *m;
    struct err e = ERR_INIT;
    struct buf out;
    size_t i, len;
    char *nul;

    for (i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        struct input in = {.way = WAY_FILE, .data = text, .len = sizeof(text) - 1};
        char now[64] = "";

        buf_init(&out, 4096);
        err_release(&e);
        message_open(&m, input_open(&in), &options, &e);
        len = strlen(changes[i].now);
        memcpy(now, changes[i].now, len);
        nul = strchr(now, '@');
        if (nul)
            *nul = '\0';
        if (ftruncate(in.fds[0], 0) < 0 || pwrite(in.fds[0], now, len, 0) != (ssize_t)len)
            abort();
        drain(m, true, &out, &e);
        ok(e.kind == changes[i].kind && out.len <= message_facts(m)->size, "a file %s",
           changes[i].what);
        message_free(m);
        input_close(&in);
        buf_release(&out);
    }
    err_release(&e);
}

/* A line before the message that is longer than any header line may be. */
static void test_long_mbox_line(void)
{
    struct buf input, want;
    struct input in = {.way = WAY_FILE};

    buf_init(&input, 1 << 20);
    buf_init(&want, 4096);
    buf_addstr(&input, "From ");
    while (input.len < 200000)
        buf_addch(&input, 'x');
    buf_addstr(&input, "\r\nBcc: a\r\n\r\nb");
    buf_addstr(&want, "\r\nb\r\n");
    for (in.way = WAY_FILE; in.way < WAY_COUNT; in.way++) {
        in.data = input.data;
        in.len = input.len;
        ok(!try_input(&in, false, &want), "a From line of 200 kB: %s", way_names[in.way]);
    }
    buf_release(&input);
    buf_release(&want);
}

/* What a pipe's message takes: in memory up to 1 MiB, then a file without a name. */
static void test_temporary(void)
{
    enum { BIG = 3 << 20 };
    static const char *const folders[] = {"/nonexistent", "/dev/full/x", "", NULL};
    char *data = malloc(BIG);
    const char *before = getenv("TMPDIR");
    char *saved = before ? strdup(before) : NULL;
    struct buf want;
    size_t i;

    if (!data)
        return;
    buf_init(&want, 2 * BIG);
    memset(data, 'x', BIG);
    for (i = 0; i < BIG; i += 77)
        data[i] = '\n';
    reference(data, BIG, &want);
    for (i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
        struct input in = {.way = WAY_PIPE, .data = data, .len = BIG};

        if (folders[i])
            setenv("TMPDIR", folders[i], 1);
        else
            unsetenv("TMPDIR");
        ok(!try_input(&in, false, &want), "a pipe of 3 MiB, TMPDIR %s",
           folders[i] ? folders[i] : "unset");
    }
    if (saved)
        setenv("TMPDIR", saved, 1);
    free(saved);
    free(data);
    buf_release(&want);
}

/* A temporary file that can't take it all: the limit on file sizes stands for a full disk. */
static void test_full(void)
{
    struct rlimit before, small = {.rlim_cur = 2 << 20};
    struct message_options options = {.stream = false};
    struct input in = {.way = WAY_PIPE, .len = 3 << 20};
    struct message *m;
    struct err e = ERR_INIT;
    char *data = calloc(1, in.len);

    if (!data || getrlimit(RLIMIT_FSIZE, &before) < 0)
        return;
    in.data = data;
    small.rlim_max = before.rlim_max;
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &small);
    setenv("TMPDIR", "/tmp/.", 1);
    ok(message_open(&m, input_open(&in), &options, &e) == -1 && e.kind == ERR_IO,
       "no room for a temporary file");
    ok(e.sys == EFBIG && strstr(e.message, "'/tmp/.'") && strstr(e.hint, "TMPDIR"),
       "the folder is named, and what to do");
    setrlimit(RLIMIT_FSIZE, &before);
    unsetenv("TMPDIR");
    input_close(&in);
    err_release(&e);
    free(data);
}

static struct message *open_text(struct input *in, const char *text)
{
    struct message_options options = {.stream = false};
    struct message *m;
    struct err e = ERR_INIT;

    *in = (struct input){.way = WAY_FILE, .data = text, .len = strlen(text)};
    if (message_open(&m, input_open(in), &options, &e) < 0)
        abort();
    return m;
}

/* The mended wire form of TEXT. */
static void mended(const char *text, const struct message_identity *who, struct buf *out)
{
    struct input in;
    struct message *m = open_text(&in, text);
    struct err e = ERR_INIT;

    ok(message_mend(m, true, who, &e) == 0, "mend");
    ok(drain(m, false, out, &e) == 0 && out->len == message_facts(m)->size,
       "the size of what was mended");
    message_free(m);
    input_close(&in);
}

/* TEXT is a date as RFC 5322 section 3.3 has it, of this minute, in ZONE. */
static bool is_date(const char *text, const char *zone)
{
    char day[4], month[4], sign[6];
    int mday, year, hour, minute, second, end = 0;

    return sscanf(text, "Date: %3[A-Z-a-z], %d %3[A-Z-a-z] %d %2d:%2d:%2d %5[-+0-9]\r\n%n", day,
                  &mday, month, &year, &hour, &minute, &second, sign, &end) == 8 &&
           strstr("Mon Tue Wed Thu Fri Sat Sun", day) &&
           strstr("Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec", month) && year > 2000 &&
           !strcmp(sign, zone);
}

static void test_mend(void)
{
    struct message_identity who = {
        .address = "j@x.example", .name = "Joe Doe", .host = "h.test"};
    struct buf out, other;
    const char *id;

    buf_init(&out, 4096);
    buf_init(&other, 4096);
    setenv("TZ", "XXX-5:45", 1);
    mended("Subject: x\nBcc: a@b\n\nb\n", &who, &out);
    ok(is_date(out.data, "+0545"), "a date in a zone east");
    ok(strstr(out.data, "\r\nFrom: Joe Doe <j@x.example>\r\n") != NULL, "From");
    id = strstr(out.data, "\r\nMessage-ID: <");
    ok(id && strstr(id, "@h.test>\r\nSubject: x\r\n\r\nb\r\n"), "Message-ID, and all in order");
    ok(!strstr(out.data, "Bcc"), "no Bcc");
    setenv("TZ", "XXX3:30", 1);
    who.host = NULL;
    who.name = NULL;
    mended("text\n", &who, &other);
    ok(is_date(other.data, "-0330"), "a date in a zone west");
    ok(strstr(other.data, "@x.example>\r\n\r\ntext\r\n") && strstr(other.data, "\r\nFrom: j@x"),
       "the address's domain, no name");
    ok(id && strncmp(id, strstr(other.data, "\r\nMessage-ID: <"), 50), "two ids differ");
    setenv("TZ", "UTC0", 1);
    mended("date: 1\nFROM : a@b\nMessage-Id:\n\nb\n", &who, &out);
    same_text(out.data, "date: 1\r\nFROM : a@b\r\nMessage-Id:\r\n\r\nb\r\n", "nothing lacks");
    who.address = "";
    mended("", &who, &out);
    ok(!strstr(out.data, "From:") && strstr(out.data, "@localhost>\r\n\r\n"),
       "the null sender");
    who = (struct message_identity){
        .address = "j@x", .name = "a\r\nBcc: b", .host = "h>\r\nX: y"};
    mended("", &who, &out);
    ok(!strstr(out.data, "\nBcc") && !strstr(out.data, "\nX") &&
           strstr(out.data, "@x>\r\n\r\n"),
       "no field gets in by name or host");
    who.name = "A name that is long enough to need, with the address, another line";
    who.address = "and-an-address-too@x.example";
    mended("", &who, &out);
    ok(strstr(out.data, "line\"\r\n <and-an-address-too@x.example>\r\n") != NULL,
       "a long From");
    buf_release(&out);
    buf_release(&other);
}

/* The header can be edited until the first next, before and after mending. */
static void test_edit(void)
{
    struct message_identity who = {.address = "j@x"};
    struct input in;
    struct message *m = open_text(&in, "From: a@b\nTo: c@d\nDate: 1\nMessage-ID: 2\n\nb\n");
    struct err e = ERR_INIT;
    struct buf out;

    buf_init(&out, 4096);
    header_remove(message_header(m), "from");
    buf_addstr(&message_header(m)->added, "From: set@x\r\n");
    message_mend(m, true, &who, &e);
    header_remove(message_header(m), "To");
    ok(drain(m, true, &out, &e) == 0 && message_facts(m)->size == out.len, "the size of edits");
    same_text(out.data, "From: set@x\r\nDate: 1\r\nMessage-ID: 2\r\n\r\nb\r\n", "edits");
    buf_addstr(&message_header(m)->added, "X: too late\r\n");
    ok(message_facts(m)->size == out.len, "the size stays once bytes went out");
    message_free(m);
    input_close(&in);
    buf_release(&out);
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    test_samples();
    test_random();
    test_borders();
    test_refused();
    test_io();
    test_nonblocking();
    test_changed();
    test_long_mbox_line();
    test_temporary();
    test_full();
    test_mend();
    test_edit();
    return tap_end();
}
