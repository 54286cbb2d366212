/* ini.h: the lines of an INI file, told apart: headings, and keys with their values.
 *
 * `#` and `;` begin a comment at a line's start. A value that begins with '"' ends at the next
 * '"' that no backslash escapes; any other goes to the line's end, less the blanks around it.
 * Lines end in LF or CRLF, the last one also in nothing. Works in the text itself: what it hands
 * out points there. */
#ifndef CONF_INI_H
#define CONF_INI_H

#include <stdbool.h>
#include <stddef.h>

enum ini_kind {
    INI_HEADING, /* [VALUE] */
    INI_PAIR,    /* KEY = VALUE */
    INI_BAD      /* none of these; WHAT says why */
};

struct ini_line {
    enum ini_kind kind;
    unsigned number; /* from 1 */
    char *key;       /* where it is BAD: the word in the key's place; may be "" */
    char *value;     /* without its quotes; never has a control byte but tab */
    bool quoted;
    const char *what;
};

struct ini {
    char *at, *end;
    unsigned line;
};

/* Begin to read LEN bytes of TEXT, which are followed by a NUL and will be changed. A UTF-8 byte
 * order mark is passed over. */
void ini_init(struct ini *ini, char *text, size_t len);

/* The next line that is not empty and no comment. False at the end. */
bool ini_next(struct ini *ini, struct ini_line *line);

#endif
