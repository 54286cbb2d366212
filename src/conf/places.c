#include "conf/places.h"

#include <pwd.h>
#include <stdlib.h>
#include <unistd.h>

enum { PATH_BYTES = 4096 };

static const char system_config[] = SMTPSEND_SYSCONFDIR "/smtpsend.conf";
static const char user_config[] = "smtpsend/smtpsend.conf";
static const char root_queue[] = "/var/spool/smtpsend";
static const char user_queue[] = "smtpsend/queue";

/* A folder named by the environment counts only where its path is whole (XDG Base Directory). */
static const char *folder_from(const char *name)
{
    const char *value = getenv(name);

    return value && value[0] == '/' ? value : NULL;
}

static const char *home(bool sendmail)
{
    const char *folder = sendmail ? NULL : folder_from("HOME");
    const struct passwd *user = folder ? NULL : getpwuid(getuid());

    return user ? user->pw_dir : folder;
}

void config_paths_find(struct config_paths *paths, const char *only, bool sendmail)
{
    const char *config = sendmail ? NULL : folder_from("XDG_CONFIG_HOME"), *folder;

    *paths = (struct config_paths){.places = {.only = only, .system = system_config}};
    buf_init(&paths->user, PATH_BYTES);
    if (only)
        return;
    folder = config ? NULL : home(sendmail);
    if (config)
        buf_addf(&paths->user, "%s/%s", config, user_config);
    else if (folder)
        buf_addf(&paths->user, "%s/.config/%s", folder, user_config);
    if (paths->user.len && !paths->user.failed)
        paths->places.user = paths->user.data;
}

void config_paths_release(struct config_paths *paths)
{
    buf_release(&paths->user);
}

int queue_path_find(struct buf *path, const char *dir, bool sendmail, struct err *e)
{
    const char *state = sendmail ? NULL : folder_from("XDG_STATE_HOME"), *folder;

    if (dir && !*dir) {
        err_set(e, ERR_USAGE, "--queue-dir must not be empty");
        return err_about(e, "queue-dir");
    }
    if (!dir && !geteuid())
        dir = root_queue;
    folder = dir || state ? NULL : home(sendmail);
    if (dir)
        buf_addstr(path, dir);
    else if (state)
        buf_addf(path, "%s/%s", state, user_queue);
    else if (folder)
        buf_addf(path, "%s/.local/state/%s", folder, user_queue);
    if (path->failed || path->len)
        return buf_check(path, ERR_USAGE, "the queue's path", e);
    err_set(e, ERR_OS, "this user has no home for a queue");
    err_hint(e, "say where it is: --queue-dir");
    return err_at(e, STAGE_CONFIG);
}
