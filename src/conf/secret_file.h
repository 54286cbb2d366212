/* secret_file.h: reading a file that only its owner may read. */
#ifndef CONF_SECRET_FILE_H
#define CONF_SECRET_FILE_H

#include "base/buf.h"

/* Append all of the file at PATH to OUT (a secret buffer, whose maximum is the file's). WHAT
 * names the option for messages. -1 with ERR_NOINPUT where it can't be read, ERR_CONFIG where
 * others can read it (unless TRUSTED: the folder protects it) or it is too long. */
int secret_file_read(const char *path, const char *what, bool trusted, struct buf *out,
                     struct err *e);

#endif
