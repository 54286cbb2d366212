#include "base/file.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

enum { PIECE = 16384 };

int file_read(int fd, struct buf *out)
{
    char bytes[PIECE];
    ssize_t n;

    do {
        n = read(fd, bytes, sizeof(bytes));
        if (n > 0)
            buf_add(out, bytes, (size_t)n);
    } while ((n > 0 && !out->failed) || (n < 0 && errno == EINTR));
    explicit_bzero(bytes, sizeof(bytes)); /* it may have been a secret */
    return n < 0 ? -1 : 0;
}

int file_write(int fd, const char *data, size_t len)
{
    ssize_t n;

    while (len) {
        n = write(fd, data, len);
        if (n < 0 && errno != EINTR)
            return -1;
        if (n > 0) {
            data += n;
            len -= (size_t)n;
        }
    }
    return 0;
}
