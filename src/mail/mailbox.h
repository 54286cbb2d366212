/* mailbox.h: the grammar of addresses, from arguments and from header fields.
 *
 * What comes out is what goes between the angle brackets of MAIL and RCPT: local-part@domain
 * with comments, folding, display names and obsolete source routes gone (RFC 5322 section 3.4
 * and 4.4, RFC 5321 section 4.1.2). A quoted local part keeps its quotes only where it needs
 * them. UTF-8 is accepted (RFC 6531, 6532). The parser takes hostile input: it never recurses
 * with the input, allocates in proportion to it, and refuses CR, LF, NUL and other control
 * bytes in an address. */
#ifndef MAIL_MAILBOX_H
#define MAIL_MAILBOX_H

#include "base/buf.h"

#include <stdint.h>

/* A set of addresses in the order of their first appearance. Two are the same when their local
 * parts are equal and their domains are equal but for ASCII case. */
struct addresses {
    char **at; /* owned strings; "" is the null reverse-path */
    size_t count, cap;
    size_t *slots; /* hash index into at, so that 100,000 recipients stay cheap */
    size_t slot_count;
    uint64_t seed; /* of the hash, random */
};

void addresses_init(struct addresses *list);
void addresses_release(struct addresses *list);

/* Add a copy of ADDRESS unless the set has it. 0, or -1 with ERR_OS. */
int addresses_add(struct addresses *list, const char *address, struct err *e);

/* The index of ADDRESS in the set, or -1. */
long addresses_find(const struct addresses *list, const char *address);

/* Parse one recipient argument: an address, `Name <address>`, a group, or a comma list of these,
 * and add what it holds to LIST. A name without '@' gets '@' DOMAIN when DOMAIN is not NULL, else
 * stays bare. -1 with ERR_USAGE (what is wrong, quoted) when any part of it can't be an address;
 * an empty argument is such. */
int mailbox_argument(const char *text, const char *domain, struct addresses *list,
                     struct err *e);

/* Parse a sender argument: like one recipient, but exactly one, and "" or "<>" is the null
 * reverse-path (RFC 5321 section 4.5.5). Appends to OUT. */
int mailbox_reverse_path(const char *text, const char *domain, struct buf *out, struct err *e);

/* Parse the value of an address field (unfolded or not, LEN bytes) and add what it holds: an
 * address list with groups, comments, encoded words, quoted strings, obsolete routes and empty
 * list elements (RFC 5322 section 4.4). An empty field or group adds nothing. -1 with ERR_DATA
 * where it can't be read as addresses. */
int mailbox_field(const char *value, size_t len, const char *domain, struct addresses *list,
                  struct err *e);

/* True where the value of an address field can be read and has a name without a domain in it.
 * Where OUT is not NULL, the value is appended to it, with '@' DOMAIN (which must not be NULL
 * then) behind each such name and all else byte for byte; of use only where the answer is true,
 * and buf_check tells whether it fitted. An encoded word (RFC 2047) is no such name. */
bool mailbox_qualify(const char *value, size_t len, const char *domain, struct buf *out);

/* True when ADDRESS, as the functions here make it, is a name without a domain. */
bool mailbox_is_bare(const char *address);

/* True when the address has bytes beyond ASCII, so that it needs SMTPUTF8 (RFC 6531). */
bool mailbox_needs_utf8(const char *address);

/* True when NAME (LEN bytes) is a domain as RFC 5321 section 4.1.2 has it: labels of letters,
 * digits and inner hyphens, at most 63 each and 253 in all; UTF-8 labels only with UTF8. */
bool mailbox_is_domain(const char *name, size_t len, bool utf8);

/* True when TEXT (LEN bytes) is an address literal with its brackets (RFC 5321 section 4.1.3):
 * [192.0.2.1], [IPv6:2001:db8::1], or [tag:content] with a tag that is not IPv6. Two things that
 * the grammar takes are slips, and refused: numbers with leading zeros, which some read as octal,
 * and [2001:db8::1], where 2001 would be the tag. */
bool mailbox_is_literal(const char *text, size_t len);

/* Append NAME as a display name for a From field: as it is where that is an atom phrase, quoted
 * where it must be, as encoded words (RFC 2047, UTF-8, base64, with a blank between them) where
 * it is not ASCII. Control bytes are dropped, bytes that are no UTF-8 become '?', and what is
 * beyond 255 bytes is cut off, so that the field fits a line. An empty name adds nothing. */
void mailbox_display_name(struct buf *out, const char *name);

#endif
