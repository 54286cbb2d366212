/* socket.c: the stream over a connected socket. */
#include "net/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

/* Of a file at once: small enough that what the server says is heard soon. */
enum { FILE_PIECE = 1024 * 1024 };

static ssize_t socket_failed(struct stream *s, short wants, struct err *e)
{
    if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) {
        s->wants = wants;
        return STREAM_AGAIN;
    }
    return err_system(e, ERR_TEMPORARY, errno, "connection lost");
}

static ssize_t socket_read(struct stream *s, void *data, size_t len, struct err *e)
{
    ssize_t n = recv(s->fd, data, len, 0);

    return n < 0 ? socket_failed(s, POLLIN, e) : n;
}

static ssize_t socket_write(struct stream *s, const void *data, size_t len, struct err *e)
{
    ssize_t n = send(s->fd, data, len, MSG_NOSIGNAL);

    return n < 0 ? socket_failed(s, POLLOUT, e) : n;
}

/* For file systems that sendfile(2) can't read from, and to know which side of it failed. */
static ssize_t read_and_send(struct stream *s, int fd, off_t *offset, size_t len, struct err *e)
{
    char block[16384];
    ssize_t n = pread(fd, block, len < sizeof(block) ? len : sizeof(block), *offset);

    if (n < 0)
        return err_system(e, ERR_IO, errno, "can't read the message");
    if (n > 0)
        n = socket_write(s, block, (size_t)n, e);
    if (n > 0)
        *offset += n;
    return n;
}

static ssize_t socket_send_file(struct stream *s, int fd, off_t *offset, size_t len,
                                struct err *e)
{
    ssize_t n = sendfile(s->fd, fd, offset, len < FILE_PIECE ? len : FILE_PIECE);

    if (n < 0 && (errno == EINVAL || errno == ENOSYS || errno == EIO))
        return read_and_send(s, fd, offset, len, e);
    return n < 0 ? socket_failed(s, POLLOUT, e) : n;
}

static int socket_shutdown(struct stream *s, struct err *e)
{
    if (shutdown(s->fd, SHUT_WR))
        return err_system(e, ERR_TEMPORARY, errno, "shutdown");
    return 0;
}

static void socket_free(struct stream *s)
{
    close(s->fd);
    free(s);
}

static const struct stream_ops socket_ops = {
    .read = socket_read,
    .write = socket_write,
    .send_file = socket_send_file,
    .shutdown = socket_shutdown,
    .free = socket_free,
};

struct stream *stream_socket(int fd, struct err *e)
{
    int flags = fcntl(fd, F_GETFL);
    struct stream *s;

    if (flags < 0 || (!(flags & O_NONBLOCK) && fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)) {
        err_system(e, ERR_OS, errno, "descriptor %d", fd);
        return NULL;
    }
    s = malloc(sizeof(*s));
    if (!s) {
        err_set(e, ERR_OS, "no memory for a connection");
        return NULL;
    }
    *s = (struct stream){.ops = &socket_ops, .fd = fd, .wants = POLLIN};
    return s;
}
