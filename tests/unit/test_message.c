/* test_message.c: from any bytes to the bytes of the wire, through every kind of input. */
#include "input.h"
#include "mail/source.h"
#include "tap.h"

#include <signal.h>
#include <stdlib.h>

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

/* A header that breaks off at a line that is no field: that line begins the body, unless it may
 * hide who gets the message. */
static void test_broken(void)
{
    static const struct {
        const char *input;
        bool taken, taken_as_stream;
    } broken[] = {
        {"A: 1\nhello\nB: 2\n\nx\n", true, false},
        {"A: 1\r\nhello\r\nB: 2\r\n", true, false},
        {"A: 1\n\xef\xbb\xbf"
         "B: 2\n",
         true, false},
        {"A: 1\nhello\n\nBcc: x\n", true, false},
        {"A: 1\nhello\nBcc: x\n\nb\n", false, false},
        {"A: 1\n: x\nbcc : x\n", false, false},
        {"A: 1\nhello\nResent-Cc: x\n", false, false},
        {"hello\nBcc: x\n", true, true},
    };
    struct message_options options = {.stream = false};
    struct err e = ERR_INIT;
    struct message *m;
    size_t i;
    int way;

    for (i = 0; i < 2 * sizeof(broken) / sizeof(broken[0]); i++) {
        const char *text = broken[i / 2].input;
        struct input in = {.data = text, .len = strlen(text)};
        bool taken = i % 2 ? broken[i / 2].taken_as_stream : broken[i / 2].taken;

        options.stream = i % 2;
        in.way = options.stream ? WAY_STREAM : WAY_PIPE;
        way = message_open(&m, input_open(&in), &options, &e);
        ok(taken ? !way : way && e.kind == ERR_DATA, "%s header %zu that breaks off is %s",
           options.stream ? "streamed" : "kept", i / 2, taken ? "taken" : "refused");
        if (!way)
            message_free(m);
        input_close(&in);
        err_release(&e);
    }
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
    static const char header[] = "A: 1\r\n\r\n";
    const size_t border = sizeof(header) - 1 + SOURCE_WINDOW; /* windows begin with the body */
    struct buf want, input;
    size_t i, at, piece;
    bool fine = true;

    for (i = 0; i < 2 * sizeof(pieces) / sizeof(pieces[0]) && fine; i++) {
        piece = strlen(pieces[i / 2]);
        for (at = border - piece - 2; at <= border + 2 && fine; at++) {
            buf_init(&input, 1 << 20);
            buf_init(&want, 1 << 20);
            buf_addstr(&input, header);
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

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    test_samples();
    test_broken();
    test_random();
    test_borders();
    return tap_end();
}
