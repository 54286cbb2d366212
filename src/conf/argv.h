/* argv.h: the command line taken apart before popt sees it.
 *
 * popt 1.19 has habits that can change what a caller passes: "!#:+" in a value is replaced by
 * the next word, "-f=x" loses its "=", POSIXLY_CORRECT makes options after a recipient
 * recipients. So words are told apart here, by the table alone: popt is given every option as a
 * word of its own and every value as a reference to where it stands in argv. */
#ifndef CONF_ARGV_H
#define CONF_ARGV_H

#include "conf/settings.h"

struct argv_parts {
    char **options; /* for popt: program name, option words, value references */
    int option_count;
    char *words; /* the one block that options point into */
    size_t words_used;
    char **values;     /* what the references mean */
    char **recipients; /* NULL-terminated */
    size_t value_count, recipient_count;
};

/* Take ARGV apart; SENDMAIL: only by sendmail's letters, anything else is refused. Words point into argv, except those of argv_parts_free. -1 with ERR_USAGE (a
 * value is missing) or ERR_OS. Unknown options are passed on for popt to refuse. */
int argv_split(int argc, char **argv, bool sendmail, struct argv_parts *parts, struct err *e);
void argv_parts_free(struct argv_parts *parts);

/* The value that a reference made by argv_split stands for. */
const char *argv_value(const struct argv_parts *parts, const char *reference);

#endif
