/* file.h: all of a file into a buffer, and all of some bytes into a file. */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include "base/buf.h"

/* Append all that FD has from where it stands. 0, also where it did not fit (see buf_check), or
 * -1 and errno. Nothing of it stays behind on the stack. */
int file_read(int fd, struct buf *out);

/* Write LEN bytes, however many calls that takes. -1 and errno. */
int file_write(int fd, const char *data, size_t len);

#endif
