#include "conf/secret_file.h"

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static int unreadable(const char *path, const char *what, struct err *e)
{
    return err_system(e, ERR_NOINPUT, errno, "%s '%.256s'", what, path);
}

static int check_mode(int fd, const char *path, const char *what, struct err *e)
{
    struct stat st;

    if (fstat(fd, &st))
        return unreadable(path, what, e);
    if (S_ISREG(st.st_mode) && (st.st_mode & (S_IRWXG | S_IRWXO))) {
        err_set(e, ERR_CONFIG, "%s '%.256s' can be read by others", what, path);
        return err_hint(e, "chmod 600 it");
    }
    return 0;
}

int secret_file_read(const char *path, const char *what, bool trusted, struct buf *out,
                     struct err *e)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY), status;

    if (fd < 0)
        return unreadable(path, what, e);
    status = trusted ? 0 : check_mode(fd, path, what, e);
    if (!status && file_read(fd, out))
        status = unreadable(path, what, e);
    close(fd);
    return status ? -1 : buf_check(out, ERR_CONFIG, what, e);
}
