/* test_stream.c: bytes and lines from a server, each wait bounded by its deadline. */
#include "peer.h"
#include "tap.h"

#include "net/lines.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static int far_end = -1;

/* A stream over one end of a socket pair whose other end is far_end. */
static struct stream *new_stream(void)
{
    struct err e = ERR_INIT;
    int fds[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds))
        abort();
    far_end = fds[1];
    return stream_socket(fds[0], &e);
}

static void end_stream(struct stream *s)
{
    stream_free(s);
    if (far_end >= 0)
        close(far_end);
    far_end = -1;
}

static void say(const char *data, size_t len)
{
    if (send(far_end, data, len, MSG_NOSIGNAL) != (ssize_t)len)
        printf("# send failed\n");
}

static void on_alarm(int signal_number)
{
    (void)signal_number;
}

static void reads(void)
{
    struct stream *s = new_stream();
    struct err e = ERR_INIT;
    struct itimerval tick = {{0, 20000}, {0, 20000}}, none = {{0, 0}, {0, 0}};
    struct sigaction action = {.sa_handler = on_alarm};
    char got[16];
    int64_t before;

    say("hello", 5);
    ok(stream_read(s, got, sizeof(got), DEADLINE_NEVER, &e) == 5 && !memcmp(got, "hello", 5),
       "what is there is read at once");
    ok(stream_read(s, got, sizeof(got), deadline_in(50), &e) == -1 && e.kind == ERR_TEMPORARY &&
           e.sys == ETIME,
       "a deadline that passes");
    ok(stream_poll(s, POLLIN, deadline_in(10), &e) == 0, "nothing came");
    ok(stream_poll(s, POLLOUT, deadline_in(0), &e) == POLLOUT, "it can be written to");
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &tick, NULL);
    before = clock_now();
    ok(stream_poll(s, POLLIN, deadline_in(150), &e) == 0 && clock_now() - before >= 150000000,
       "signals are no events");
    setitimer(ITIMER_REAL, &none, NULL);
    signal(SIGALRM, SIG_DFL);
    close(far_end);
    far_end = -1;
    ok(stream_read(s, got, sizeof(got), DEADLINE_NEVER, &e) == 0, "the peer has ended");
    err_release(&e);
    ok(s->ops->write(s, "x", 1, &e) == -1 && e.kind == ERR_TEMPORARY && e.sys == EPIPE,
       "writing to it is an error, no signal");
    end_stream(s);
    err_release(&e);
}

static void others(void)
{
    struct stream *s = new_stream();
    struct err e = ERR_INIT;
    char got[16];

    stream_shutdown(s, deadline_in(0));
    ok(recv(far_end, got, sizeof(got), 0) == 0, "a goodbye is an end of file for the peer");
    say("late", 4);
    ok(stream_read(s, got, sizeof(got), deadline_in(20000), &e) == 4, "which may still speak");
    end_stream(s);
    ok(!stream_socket(-1, &e) && e.kind == ERR_OS, "no descriptor");
    stream_free(NULL);
    s = new_stream();
    memset(got, 'x', sizeof(got));
    while (s->ops->write(s, got, sizeof(got), &e) > 0)
        ;
    ok(s->wants == POLLOUT && s->ops->write(s, got, 1, &e) == STREAM_AGAIN,
       "a full buffer has to be waited for");
    end_stream(s);
    err_release(&e);
}

static void files(void)
{
    struct stream *s = new_stream();
    struct err e = ERR_INIT;
    FILE *file = tmpfile();
    int dir = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    char got[16];
    off_t at = 1;

    signal(SIGPIPE, SIG_IGN);
    if (!file || dir < 0 || fputs("hello", file) < 0 || fflush(file))
        abort();
    ok(s->ops->send_file(s, fileno(file), &at, 3, &e) == 3 && at == 4 &&
           recv(far_end, got, sizeof(got), 0) == 3 && !memcmp(got, "ell", 3),
       "bytes of a file");
    ok(s->ops->send_file(s, fileno(file), &at, 3, &e) == 1 && at == 5, "fewer than wanted");
    ok(s->ops->send_file(s, fileno(file), &at, 2, &e) == 0 && e.kind == ERR_NONE, "its end");
    ok(s->ops->send_file(s, dir, &at, 2, &e) == -1 && e.kind == ERR_IO && e.sys == EISDIR,
       "what can't be read is no lost connection");
    close(far_end);
    far_end = -1;
    at = 0;
    ok(s->ops->send_file(s, fileno(file), &at, 3, &e) == -1 && e.kind == ERR_TEMPORARY &&
           e.sys == EPIPE,
       "a lost connection is one");
    fclose(file);
    close(dir);
    end_stream(s);
    err_release(&e);
}

/* Read the lines of TEXT after it came in two pieces, split at SPLIT: parted by '|'. */
static void read_split(const char *text, size_t split, char *got, size_t size)
{
    static struct lines l;
    struct stream *s = new_stream();
    struct err e = ERR_INIT;
    const char *line;
    size_t len, used = 0;

    l = (struct lines){0};
    say(text, split);
    /* Whatever of it is a whole line is taken before the rest comes. */
    while (lines_fill(&l, s, &e) > 0)
        ;
    while (lines_buffered(&l, &line, &len))
        used += (size_t)snprintf(got + used, size - used, "%.*s|", (int)len, line);
    say(text + split, strlen(text) - split);
    shutdown(far_end, SHUT_WR);
    while (lines_next(&l, s, deadline_in(20000), &line, &len, &e) > 0)
        used += (size_t)snprintf(got + used, size - used, "%.*s|", (int)len, line);
    if (e.kind != ERR_NONE)
        snprintf(got, size, "error: %.100s", e.message);
    end_stream(s);
}

static void splits(void)
{
    static const char text[] = "220 hi\r\n\r\n250-a\n250 b\r\r\nc\rd\r\n\n\r\nrest";
    static const char want[] = "220 hi||250-a|250 b\r|c\rd|||";
    char got[200];
    size_t split;
    int bad = 0;

    for (split = 0; split <= sizeof(text) - 1; split++) {
        got[0] = '\0';
        read_split(text, split, got, sizeof(got));
        if (strcmp(got, want) != 0) {
            tap_bytes("got", got, strlen(got));
            bad++;
        }
    }
    ok(!bad, "lines are the same wherever the bytes are split");
}

static void ends(void)
{
    static struct lines l;
    struct stream *s = new_stream();
    struct err e = ERR_INIT;
    const char *line;
    size_t len;

    say("250 whole\r\n250 half", 19);
    close(far_end);
    far_end = -1;
    ok(lines_next(&l, s, DEADLINE_NEVER, &line, &len, &e) == 1 && len == 9 &&
           !memcmp(line, "250 whole", 9),
       "a whole line before the end");
    ok(lines_pending(&l) == 8, "bytes of half a line");
    ok(lines_next(&l, s, DEADLINE_NEVER, &line, &len, &e) == 0, "half a line is no line");
    ok(lines_next(&l, s, DEADLINE_NEVER, &line, &len, &e) == 0 && e.kind == ERR_NONE,
       "the end stays the end");
    ok(lines_fill(&l, s, &e) == 0 && l.at_eof, "also for a look without waiting");
    end_stream(s);
}

static void longest(void)
{
    static struct lines l;
    static char text[LINES_BUFFER + 1];
    struct stream *s = new_stream();
    struct err e = ERR_INIT;
    const char *line;
    size_t len;

    memset(text, 'x', sizeof(text));
    say("short\n", 6);
    text[LINES_BUFFER - 1] = '\n';
    say(text, LINES_BUFFER);
    ok(lines_next(&l, s, deadline_in(20000), &line, &len, &e) == 1 && len == 5,
       "a short line first");
    ok(lines_next(&l, s, deadline_in(20000), &line, &len, &e) == 1 && len == LINES_BUFFER - 1,
       "a line that just fits");
    text[LINES_BUFFER - 1] = 'x';
    text[LINES_BUFFER] = '\n';
    say(text, LINES_BUFFER + 1);
    ok(lines_next(&l, s, deadline_in(20000), &line, &len, &e) == -1 && e.kind == ERR_PROTOCOL,
       "one byte more");
    ok(lines_fill(&l, s, &e) <= 0, "no room to read more");
    end_stream(s);
    err_release(&e);
}

/* A byte every few milliseconds, and never a line end. */
static bool drip(int fd, const void *script)
{
    const struct timespec nap = {0, 5000000};

    (void)script;
    while (send(fd, "x", 1, MSG_NOSIGNAL) == 1)
        nanosleep(&nap, NULL);
    return true;
}

static void dripping(void)
{
    static struct lines l;
    struct peer p = peer_start(drip, NULL, 0);
    struct err e = ERR_INIT;
    struct stream *s = stream_socket(p.fd, &e);
    const char *line;
    size_t len;
    int64_t before = clock_now();

    p.fd = -1;
    ok(lines_next(&l, s, deadline_in(300), &line, &len, &e) == -1 && e.sys == ETIME,
       "a line that drips in is bounded by the deadline");
    ok(clock_now() - before >= 300000000 && lines_pending(&l) > 1, "and had until then");
    stream_free(s);
    ok(peer_end(&p), "the peer has seen the end");
    err_release(&e);
}

int main(void)
{
    reads();
    others();
    files();
    splits();
    ends();
    longest();
    dripping();
    return tap_end();
}
