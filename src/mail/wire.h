/* wire.h: line ends and dots, a window of bytes at a time.
 *
 * CRLF, a lone CR and a lone LF each end a line, also where a window's border parts a CRLF. All
 * state that a border needs is in a struct wire (converting) or struct scan (measuring). */
#ifndef MAIL_WIRE_H
#define MAIL_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* RFC 5321 section 4.5.3.1.6, without the CRLF. */
enum { WIRE_LINE_OCTETS = 998 };

/* What a window holds. */
struct census {
    size_t ends;  /* CRs and LFs */
    size_t pairs; /* CRLFs whose two bytes are both in the window */
    bool dots;    /* a dot right behind an LF of the window */
    bool nul;
    bool high; /* a byte beyond ASCII */
};

void wire_census(const char *data, size_t len, struct census *c);

/* Converting: start with zeroes and bol set. */
struct wire {
    bool bol;     /* a line starts at the next byte */
    bool skip_lf; /* the last byte was a CR, so an LF now belongs to it */
};

/* At most this many bytes come out for each that goes in. */
enum { WIRE_GROWTH = 2 };

/* True when the window C was made of can go out as it is; then the state is brought up to date.
 * DATA is not empty. */
bool wire_passes(struct wire *w, const char *data, size_t len, const struct census *c,
                 bool stuff);

/* Convert a window without NUL to OUT, which has room for WIRE_GROWTH times its length. Returns
 * the bytes written. Dots are stuffed where STUFFED is not NULL, and it grows by their number. */
size_t wire_convert(struct wire *w, const char *data, size_t len, char *out, size_t *stuffed);

/* Measuring: start with zeroes. */
struct scan {
    uint64_t size;   /* octets once converted, dots not stuffed */
    size_t line;     /* octets of the line at hand, while it is not too long */
    bool long_lines; /* a line has more than WIRE_LINE_OCTETS without its end */
    uint64_t bare;   /* line ends that are not CRLF */
    bool open;       /* the last line has no end */
    bool high;
    bool nul;
    bool skip_lf;
};

void wire_scan(struct scan *s, const char *data, size_t len);

/* The last line gets its end. */
void wire_scan_end(struct scan *s);

#endif
