#include "conf/password.h"

#include "base/command.h"
#include "conf/netrc.h"
#include "conf/secret_file.h"
#include "conf/terminal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { COMMAND_LIMIT_MS = 60 * 1000, PATH_BYTES = 4096 };

/* Names of systemd credentials (systemd.exec(5), LoadCredential=). */
static const char password_credential[] = "smtpsend.password";
static const char token_credential[] = "smtpsend.token";

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
        err_set(e, ERR_NOPERM, "the secret from %s has a NUL byte", what);
        return NULL;
    }
    if (!len) {
        err_set(e, ERR_NOPERM, "the secret from %s is empty", what);
        return NULL;
    }
    return secret_take(bytes->data, len, e);
}

static struct secret *from_file(const char *path, const char *what, bool trusted, struct err *e)
{
    struct secret *secret = NULL;
    struct buf bytes;

    buf_init_secret(&bytes, SECRET_MAX);
    if (!secret_file_read(path, what, trusted, &bytes, e))
        secret = first_line(&bytes, what, e);
    buf_release(&bytes);
    return secret;
}

static struct secret *from_command(const char *command, const char *what,
                                   struct deadline deadline, struct err *e)
{
    struct secret *secret = NULL;
    struct buf bytes;

    buf_init_secret(&bytes, SECRET_MAX);
    deadline = deadline_nearer(deadline, deadline_in(COMMAND_LIMIT_MS));
    if (!command_output(command, what, deadline, &bytes, e))
        secret = first_line(&bytes, what, e);
    buf_release(&bytes);
    return secret;
}

static struct secret *from_netrc(const char *path, const char *host, const char *user,
                                 struct err *e)
{
    struct secret *secret = NULL;
    struct buf login, password;

    buf_init(&login, SECRET_MAX);
    buf_init_secret(&password, SECRET_MAX);
    switch (netrc_find(path, host, user, &login, &password, e)) {
    case 1:
        secret = first_line(&password, "--netrc", e);
        break;
    case 0:
        err_set(e, ERR_NOPERM, "--netrc has no password for '%.200s' at '%.200s'", user, host);
        break;
    }
    buf_release(&login);
    buf_release(&password);
    return secret;
}

static struct secret *from_terminal(const char *user, struct deadline deadline, struct err *e)
{
    struct secret *secret = NULL;
    struct buf bytes;

    buf_init_secret(&bytes, SECRET_MAX);
    if (!terminal_ask(user, deadline, &bytes, e))
        secret = first_line(&bytes, "the terminal", e);
    buf_release(&bytes);
    return secret;
}

/* The path of systemd's credential NAME. False where there is none. */
static bool credential_path(const char *name, char path[PATH_BYTES])
{
    const char *folder = getenv("CREDENTIALS_DIRECTORY");

    return folder && folder[0] == '/' &&
           snprintf(path, PATH_BYTES, "%s/%s", folder, name) < PATH_BYTES &&
           !access(path, R_OK);
}

bool password_is_configured(const struct settings *settings, const struct secret *taken)
{
    char path[PATH_BYTES];

    return settings->password_file || settings->password_command || settings->netrc || taken ||
           credential_path(password_credential, path);
}

struct secret *password_obtain(const struct settings *settings, const char *user,
                               const char *host, struct secret **taken,
                               struct deadline deadline, struct err *e)
{
    char path[PATH_BYTES];
    struct secret *secret;

    secret_harden_process();
    if (settings->password_file) {
        secret = from_file(settings->password_file, "--password-file", false, e);
    } else if (settings->password_command) {
        secret = from_command(settings->password_command, "--password-command", deadline, e);
    } else if (settings->netrc) {
        secret = from_netrc(settings->netrc, host, user, e);
    } else if (*taken) {
        secret = *taken;
        *taken = NULL;
    } else if (credential_path(password_credential, path)) {
        secret = from_file(path, password_credential, true, e);
    } else {
        secret = from_terminal(user, deadline, e);
    }
    if (!secret)
        err_at(e, STAGE_AUTH);
    return secret;
}

bool token_is_configured(const struct settings *settings)
{
    char path[PATH_BYTES];

    return settings->token_file || settings->token_command ||
           credential_path(token_credential, path);
}

struct secret *token_obtain(const struct settings *settings, struct deadline deadline,
                            struct err *e)
{
    char path[PATH_BYTES];
    struct secret *secret = NULL;

    secret_harden_process();
    if (settings->token_file)
        secret = from_file(settings->token_file, "--token-file", false, e);
    else if (settings->token_command)
        secret = from_command(settings->token_command, "--token-command", deadline, e);
    else if (credential_path(token_credential, path))
        secret = from_file(path, token_credential, true, e);
    if (!secret)
        err_at(e, STAGE_AUTH);
    return secret;
}
