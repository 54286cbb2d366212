#include "peer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { PATIENCE_SECONDS = 60 };

struct peer peer_start(bool (*act)(int fd, const void *script), const void *script, int buffer)
{
    struct peer p = {-1, -1};
    int fds[2], i;

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds))
        return p;
    for (i = 0; buffer && i < 2; i++)
        setsockopt(fds[i], SOL_SOCKET, SO_SNDBUF, &buffer, sizeof(buffer));
    fflush(stdout);
    p.pid = fork();
    if (p.pid == 0) {
        close(fds[0]);
        alarm(PATIENCE_SECONDS);
        _exit(act(fds[1], script) ? 0 : 1);
    }
    close(fds[1]);
    p.fd = fds[0];
    return p;
}

bool peer_end(struct peer *p)
{
    int status = -1;

    if (p->fd >= 0)
        close(p->fd);
    p->fd = -1;
    while (waitpid(p->pid, &status, 0) < 0 && errno == EINTR)
        ;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

bool peer_send(int fd, const char *data, size_t len)
{
    ssize_t n;

    for (; len; data += n, len -= (size_t)n) {
        n = send(fd, data, len, MSG_NOSIGNAL);
        if (n <= 0)
            return false;
    }
    return true;
}

bool peer_say(int fd, const char *text)
{
    return peer_send(fd, text, strlen(text));
}

bool peer_hear(int fd, const char *line)
{
    char got[16384];
    size_t len = 0;

    while (len < sizeof(got)) {
        if (recv(fd, got + len, 1, 0) != 1)
            return false;
        if (got[len++] == '\n')
            break;
    }
    if (len < 2 || got[len - 2] != '\r' || got[len - 1] != '\n')
        return false;
    return !line || (strlen(line) == len - 2 && !memcmp(got, line, len - 2));
}

size_t peer_drain(int fd)
{
    char bytes[65536];
    size_t sum = 0;
    ssize_t n;

    while ((n = recv(fd, bytes, sizeof(bytes), 0)) > 0)
        sum += (size_t)n;
    return sum;
}

bool peer_play(int fd, const void *script)
{
    const struct timespec nap = {0, 20000000};
    const char *const *line = script;

    for (; *line; line++) {
        if (!strcmp(*line, "."))
            nanosleep(&nap, NULL);
        else if (!strncmp(*line, "S:", 2) && !peer_say(fd, *line + 2))
            return false;
        else if (!strncmp(*line, "C:", 2) && !peer_hear(fd, *line + 2))
            return false;
    }
    return true;
}
