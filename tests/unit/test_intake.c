/* test_intake.c: what can't be a message, files that change, pipes that are long, and what mending
 * and editing make of a header. */
#include "input.h"
#include "tap.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

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
    char *data = malloc(in.len);

    if (!data || getrlimit(RLIMIT_FSIZE, &before) < 0)
        return;
    memset(data, '\n', in.len);
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
