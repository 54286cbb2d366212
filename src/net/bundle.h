/* bundle.h: the certificates of a PEM bundle (RFC 7468), read through a small window.
 *
 * A system's bundle has 200 KiB, of which a run needs one certificate or two. To hold it all costs
 * more than to decode it: memory is dear to get. So the file is read in pieces, and what proves to
 * be needed is read again. A pipe can't be; what comes from one is held. A bundle has less than
 * 32 MiB.
 *
 * Text between the blocks is no error. A block is what stands from the line that begins a
 * certificate to the next that ends one. Nothing here looks into certificates. */
#ifndef NET_BUNDLE_H
#define NET_BUNDLE_H

#include <stddef.h>

struct bundle; /* opaque */

/* Where in the file the text of a block is, in bytes. */
struct bundle_place {
    size_t offset, size;
};

struct bundle_block {
    const unsigned char *der; /* the bundle's, until its next call */
    size_t len;               /* 0 where the block is not strict base64, or not ended */
    struct bundle_place place;
};

/* The whole of a file, which may be a pipe: less than 32 MiB, freed by the caller. NULL and errno
 * where it can't be read. */
char *bundle_slurp(const char *path, size_t *len);

/* NULL and errno where it can't be opened. */
struct bundle *bundle_open(const char *path);
void bundle_close(struct bundle *b); /* may be NULL */

/* The next block: 1; 0 where there are no more; -1 and errno where the file can't be read. */
int bundle_next(struct bundle *b, struct bundle_block *block);

/* The DER of the block at PLACE once more, to be freed; its length to *LEN. NULL where it is not
 * there any more, or there is no memory. */
unsigned char *bundle_again(const struct bundle *b, const struct bundle_place *place,
                            size_t *len);

#endif
