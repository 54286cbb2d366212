#include "conf/password.h"

#include "base/command.h"
#include "conf/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { COMMAND_LIMIT_MS = 60 * 1000 };

int password_from_environment(struct secret **taken, struct err *e)
{
    char *value = getenv("SMTPSEND_PASSWORD");

    *taken = NULL;
    if (!value)
        return 0;
    if (*value) {
        secret_harden_process();
        if (strlen(value) <= SECRET_MAX)
            *taken = secret_take(value, strlen(value), e);
        else
            err_set(e, ERR_NOPERM, "SMTPSEND_PASSWORD is longer than %d bytes", SECRET_MAX);
    }
    /* secret_take has wiped the bytes where /proc/PID/environ shows them. */
    unsetenv("SMTPSEND_PASSWORD");
    return e->kind == ERR_NONE ? 0 : -1;
}

/* The first line of what a file or a command gave, as a secret. */
static struct secret *first_line(struct buf *bytes, const char *what, struct err *e)
{
    size_t len = strcspn(bytes->data, "\r\n");

    if (buf_check(bytes, ERR_CONFIG, what, e))
        return NULL;
    if (memchr(bytes->data, '\0', bytes->len)) {
        err_set(e, ERR_NOPERM, "the password of %s has a NUL byte", what);
        return NULL;
    }
    if (!len) {
        err_set(e, ERR_NOPERM, "the password of %s is empty", what);
        return NULL;
    }
    return secret_take(bytes->data, len, e);
}

/* Others can read or change the file: then it is no secret (0: only the owner can). */
static int check_file(int fd, const char *path, struct err *e)
{
    struct stat st;

    if (fstat(fd, &st))
        return err_system(e, ERR_NOINPUT, errno, "--password-file '%.256s'", path);
    if (S_ISREG(st.st_mode) && (st.st_mode & (S_IRWXG | S_IRWXO))) {
        err_set(e, ERR_CONFIG, "--password-file '%.256s' can be read by others", path);
        return err_hint(e, "chmod 600 it");
    }
    return 0;
}

static int read_all(int fd, const char *path, struct buf *out, struct err *e)
{
    char bytes[4096];
    ssize_t n;

    do {
        n = read(fd, bytes, sizeof(bytes));
        if (n > 0)
            buf_add(out, bytes, (size_t)n);
    } while ((n > 0 && !out->failed) || (n < 0 && errno == EINTR));
    explicit_bzero(bytes, sizeof(bytes));
    if (n < 0)
        return err_system(e, ERR_NOINPUT, errno, "--password-file '%.256s'", path);
    return 0;
}

static struct secret *from_file(const char *path, struct err *e)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    struct secret *secret = NULL;
    struct buf bytes;

    if (fd < 0) {
        err_system(e, ERR_NOINPUT, errno, "--password-file '%.256s'", path);
        return NULL;
    }
    buf_init_secret(&bytes, SECRET_MAX);
    if (!check_file(fd, path, e) && !read_all(fd, path, &bytes, e))
        secret = first_line(&bytes, "--password-file", e);
    buf_release(&bytes);
    close(fd);
    return secret;
}

static struct secret *from_command(const char *command, struct deadline deadline, struct err *e)
{
    struct secret *secret = NULL;
    struct buf bytes;

    buf_init_secret(&bytes, SECRET_MAX);
    deadline = deadline_nearer(deadline, deadline_in(COMMAND_LIMIT_MS));
    if (!command_output(command, "--password-command", deadline, &bytes, e))
        secret = first_line(&bytes, "--password-command", e);
    buf_release(&bytes);
    return secret;
}

static struct secret *from_terminal(const char *user, struct err *e)
{
    struct secret *secret = NULL;
    struct buf bytes;

    buf_init_secret(&bytes, SECRET_MAX);
    if (!terminal_ask(user, &bytes, e))
        secret = first_line(&bytes, "the terminal", e);
    buf_release(&bytes);
    return secret;
}

struct secret *password_obtain(const struct settings *settings, const char *user,
                               struct secret **taken, struct deadline deadline, struct err *e)
{
    struct secret *secret;

    secret_harden_process();
    if (settings->password_file) {
        secret = from_file(settings->password_file, e);
    } else if (settings->password_command) {
        secret = from_command(settings->password_command, deadline, e);
    } else if (*taken) {
        secret = *taken;
        *taken = NULL;
    } else {
        secret = from_terminal(user, e);
    }
    if (!secret)
        err_at(e, STAGE_AUTH);
    return secret;
}
