/* file.h: a file into a buffer. */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include "base/buf.h"

/* Append all that FD has from where it stands. 0, also where it did not fit (see buf_check), or
 * -1 and errno. Nothing of it stays behind on the stack. */
int file_read(int fd, struct buf *out);

#endif
