/* alias.h: the aliases file, /etc/aliases by custom: whom local names stand for.
 *
 *   # a comment
 *   root: ann, "Bob" <bob@example.org>,
 *       carol@example.org
 *   ann: \ann, ann@home.example
 *   default: postmaster@example.org
 *
 * A line that begins with a blank continues the one before it; comments and empty lines may stand
 * between them. Names are compared without regard to ASCII case; of lines with the same name the
 * first counts. A target is an address or a bare name, which is expanded in turn, unless a '\' is
 * before it or it is the line's own name. "default" stands for each bare name that no line
 * names.
 *
 * Commands ("|..."), files ("/...") and directives (":include:...") are refused, but only when a
 * recipient leads to them, and so are targets that can't be read: a file made for a mail server
 * will do. What is before the colons must be right in every line.
 *
 * The file is gone through once, and each alias is expanded once for each call, so that neither
 * time nor memory grows faster than the file, whatever refers to what in it. */
#ifndef MAIL_ALIAS_H
#define MAIL_ALIAS_H

#include "mail/mailbox.h"

struct aliases;

/* Read the file at PATH. NULL with ERR_NOINPUT where it can't be read, ERR_CONFIG (file and line)
 * where it is no aliases file or has over 64 MiB; else the caller's, for aliases_free. */
struct aliases *aliases_open(const char *path, struct err *e);
void aliases_free(struct aliases *a);

/* Add to OUT the addresses of LIST, and in place of each bare name what it stands for. Names that
 * stand for nothing else are added bare. -1 with ERR_CONFIG (file and line): a target that is
 * refused or can't be read, aliases that lead back to themselves (the chain is named) or are
 * nested over 50 deep. */
int aliases_expand(struct aliases *a, const struct addresses *list, struct addresses *out,
                   struct err *e);

#endif
