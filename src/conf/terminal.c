#include "conf/terminal.h"

#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

/* The signal that interrupted the question, or 0. The only global that changes. */
static volatile sig_atomic_t interrupted;

static const int watched[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGALRM};
enum { WATCHED = sizeof(watched) / sizeof(watched[0]) };

static void note_signal(int number)
{
    interrupted = number;
}

static void watch_signals(struct sigaction old[WATCHED])
{
    struct sigaction action = {.sa_handler = note_signal}; /* no SA_RESTART: read must return */
    size_t i;

    interrupted = 0;
    sigemptyset(&action.sa_mask);
    for (i = 0; i < WATCHED; i++)
        sigaction(watched[i], &action, &old[i]);
}

static void unwatch_signals(const struct sigaction old[WATCHED])
{
    size_t i;

    for (i = 0; i < WATCHED; i++)
        sigaction(watched[i], &old[i], NULL);
}

static void say(int fd, const char *text, size_t len)
{
    ssize_t n = write(fd, text, len);

    (void)n; /* a terminal that takes no prompt may still give an answer */
}

static void prompt(int fd, const char *user)
{
    struct buf text;

    buf_init(&text, 1024);
    buf_addstr(&text, "Password of ");
    text_escape(&text, user, strlen(user));
    buf_addstr(&text, ": ");
    say(fd, text.data, text.len);
    buf_release(&text);
}

/* One line, byte by byte, so that what is typed after it stays on the terminal. */
static int read_line(int fd, struct deadline deadline, struct buf *out)
{
    struct pollfd key = {.fd = fd, .events = POLLIN};
    char c;
    ssize_t n;

    while (!interrupted) {
        if (poll(&key, 1, deadline_poll_ms(deadline)) <= 0) {
            if (deadline_passed(deadline))
                return -1;
            continue;
        }
        n = read(fd, &c, 1);
        if (n == 0 || (n == 1 && c == '\n'))
            return 0;
        if (n == 1)
            buf_addch(out, c);
        else if (errno != EINTR)
            return -1;
    }
    return -1;
}

static int ask(int fd, const char *user, struct deadline deadline, struct buf *out)
{
    struct sigaction old[WATCHED];
    struct termios shown, hidden;
    int status = -1;

    watch_signals(old);
    if (!tcgetattr(fd, &shown)) {
        hidden = shown;
        hidden.c_lflag &= ~(tcflag_t)ECHO;
        hidden.c_lflag |= ICANON | ISIG;
        tcsetattr(fd, TCSAFLUSH, &hidden);
        prompt(fd, user);
        status = read_line(fd, deadline, out);
        say(fd, "\n", 1);
        tcsetattr(fd, TCSAFLUSH, &shown);
    }
    unwatch_signals(old);
    if (interrupted)
        raise(interrupted);
    return status;
}

int terminal_ask(const char *user, struct deadline deadline, struct buf *out, struct err *e)
{
    int fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
    int status = -1;

    if (fd >= 0) {
        /* Who stops us with Ctrl-Z is asked anew when we go on. */
        do {
            buf_clear(out);
            status = ask(fd, user, deadline, out);
        } while (status && interrupted == SIGTSTP);
        close(fd);
    }
    if (!status)
        return 0;
    if (fd >= 0 && deadline_passed(deadline))
        return err_set(e, ERR_TEMPORARY,
                       "the run's deadline passed before a password was given");
    err_set(e, ERR_NOPERM, "there is no password to authenticate with");
    return err_hint(e, "give --password-file, --password-command or SMTPSEND_PASSWORD");
}
