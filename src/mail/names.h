/* names.h: small questions about characters and domain names that several files ask. */
#ifndef MAIL_NAMES_H
#define MAIL_NAMES_H

#include "base/buf.h"

/* Length of the well-formed UTF-8 character (RFC 3629) that the LEN bytes at TEXT start with, 1
 * for ASCII, or 0 where they start with none. */
size_t utf8_length(const char *text, size_t len);

/* Bytes beyond ASCII. */
bool is_8bit(const char *text, size_t len);

/* Append one encoded word (RFC 2047, UTF-8, base64) of as many whole characters of the UTF-8 TEXT
 * as ROOM octets hold, at most 75. Returns the bytes of TEXT that it stands for, at least one
 * character where ROOM is 20 or more. */
size_t encoded_word(struct buf *out, const char *text, size_t len, size_t room);

/* True for the bytes of atext (RFC 5322 section 3.2.3), those beyond ASCII included (RFC 6532
 * section 3.2). */
bool is_atext(char c);

/* What is wrong with TEXT as a part of an address: control bytes (C0, DEL, C1) or bytes that are
 * no UTF-8. NULL where nothing is. */
const char *text_fault(const char *text, size_t len);

/* What is wrong with NAME as a domain in an address, or NULL: like mailbox_is_domain with UTF8,
 * but an underscore passes, since there are hosts with one. */
const char *domain_fault(const char *name, size_t len);

#endif
