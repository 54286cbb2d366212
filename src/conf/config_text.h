/* config_text.h: the text of one config file, line by line, into the parts of a config.
 *
 * The inner half of config.c, which finds and reads the files: this one knows headings, keys and
 * what is wrong with them, and never opens anything. */
#ifndef CONF_CONFIG_TEXT_H
#define CONF_CONFIG_TEXT_H

#include "conf/config.h"

#include <sys/types.h>

/* A file that was read, or its text from elsewhere. */
struct config_file {
    struct config_file *next;         /* of all that were read */
    const struct config_file *parent; /* that includes it, or NULL */
    char *name;                       /* owned */
    struct buf text;                  /* secret; names and values point into it */
    dev_t device;
    ino_t inode;
    const char *exposed; /* why no password may stand in it, or NULL */
    bool password_told;  /* ... and that was said */
};

/* A line of a file; number 0 is the file as a whole. */
struct config_line {
    const struct config_file *file;
    unsigned number;
    const char *key; /* or "" */
};

enum { CONFIG_HEADS = 1024 };

struct config_parser {
    struct config *config;
    struct problems *problems;
    size_t heads[CONFIG_HEADS]; /* by a name's hash: the newest account, counted from 1 */
    unsigned layer;             /* 0: the first file and what it includes; 1: the user's */
    /* Parse the file of this PATH, starting in PART. */
    void (*include)(struct config_parser *parser, const struct config_line *line,
                    const char *path, size_t part);
    void *context; /* of the caller */
};

enum { GENERAL_PART = 0 }; /* accounts are parts 1 and up */

/* Parse FILE, starting in PART. Its text is taken apart. */
void config_parse(struct config_parser *parser, struct config_file *file, size_t part);

/* After the last file: the account that is used without being asked for has to be there. */
void config_check_default(struct config_parser *parser);

/* Note what is wrong with LINE, and what to do (or NULL). */
void config_problem(struct config_parser *parser, const struct config_line *line,
                    const char *hint, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Note that memory ran out. */
void config_no_memory(struct config_parser *parser);

#endif
