#include "world.h"

#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { WORLD_YES, WORLD_NO, WORLD_NONE };

static bool write_file(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    size_t len = strlen(text);
    bool done = fd >= 0 && write(fd, text, len) == (ssize_t)len;

    if (fd >= 0)
        close(fd);
    return done;
}

/* Root of a user namespace, with a mount, host name and network namespace of its own. */
static bool become_root(void)
{
    char map[64];
    unsigned uid = getuid(), gid = getgid();

    if (unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWNET))
        return false;
    snprintf(map, sizeof(map), "0 %u 1", uid);
    if (!write_file("/proc/self/setgroups", "deny") || !write_file("/proc/self/uid_map", map))
        return false;
    snprintf(map, sizeof(map), "0 %u 1", gid);
    return write_file("/proc/self/gid_map", map);
}

/* An /etc of these files alone. */
static bool make_etc(const struct world *w)
{
    static const char *const services = "smtp 25/tcp mail\nsubmission 587/tcp\n"
                                        "submissions 465/tcp ssmtp smtps urd\n";

    return !mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) &&
           !mount("tmpfs", "/etc", "tmpfs", 0, "size=1m") &&
           write_file("/etc/nsswitch.conf",
                      w->resolv_conf ? "hosts: files dns\n" : "hosts: files\n") &&
           write_file("/etc/services", services) &&
           (!w->hosts || write_file("/etc/hosts", w->hosts)) &&
           (!w->resolv_conf || write_file("/etc/resolv.conf", w->resolv_conf)) &&
           (!w->mailname || write_file("/etc/mailname", w->mailname));
}

static bool raise_loopback(void)
{
    struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP};
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    bool up = fd >= 0 && !ioctl(fd, SIOCSIFFLAGS, &request);

    if (fd >= 0)
        close(fd);
    return up;
}

int world_run(const struct world *w, bool (*act)(void))
{
    int status;
    pid_t pid;

    fflush(stdout);
    pid = fork();
    if (pid == 0) {
        if (!become_root() || sethostname(w->host_name, strlen(w->host_name)) || !make_etc(w) ||
            !raise_loopback())
            _exit(WORLD_NONE);
        _exit(act() ? WORLD_YES : WORLD_NO);
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid)
        return -1;
    if (!WIFEXITED(status))
        return 0;
    return WEXITSTATUS(status) == WORLD_NONE ? -1 : WEXITSTATUS(status) == WORLD_YES;
}
