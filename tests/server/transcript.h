/*
 * What was said in one connection, for the tests to read: one file per connection, one write
 * per line, so that a reader never sees half a line and nothing is lost when the server is
 * killed. A connection's thread alone writes its file; no lock is needed.
 */
#ifndef TESTSERVER_TRANSCRIPT_H
#define TESTSERVER_TRANSCRIPT_H

#include <stdbool.h>
#include <stddef.h>

struct transcript {
    int fd; /* -1: none is kept; every call is then a cheap no-op */
};

/* Opens DIR/NUMBER, replacing what is there; DIR NULL: none is kept. */
void transcript_open(struct transcript *log, const char *dir, unsigned long long number);
void transcript_close(struct transcript *log);
bool transcript_on(const struct transcript *log);

/* "PREFIX: text": a line of the client ('C') or the server ('S'), without its line end.
 * Control bytes, and all others than ASCII where the line isn't UTF-8, go as \xNN. */
void transcript_line(struct transcript *log, char who, const char *line, size_t len);

/* "* text" */
void transcript_note(struct transcript *log, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
