/* words.h: header fields with text beyond ASCII in a form that is all ASCII: encoded words (RFC
 * 2047) in text, in display names and in the comments of address fields, RFC 2231 values in the
 * parameters of Content- fields. The text has to be UTF-8. */
#ifndef MAIL_WORDS_H
#define MAIL_WORDS_H

#include "mail/header.h"

/* Append FIELD of H in its ASCII form; folds that it has stay. NULL, or what hinders, as the end
 * of a sentence about the field. */
const char *words_field(const struct header *h, const struct field *field, struct buf *out);

#endif
