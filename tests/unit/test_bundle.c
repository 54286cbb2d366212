/* test_bundle.c: what is a block of a PEM bundle, what is base64 in lines, and a small window. */
#include "tap.h"

#include "net/bundle.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#define BEGIN          "-----BEGIN CERTIFICATE-----"
#define END            "-----END CERTIFICATE-----"
#define BLOCK(text)    BEGIN "\n" text END "\n"
#define BYTES(literal) literal, sizeof(literal) - 1

enum { MIB = 1024 * 1024, LARGEST = 32 * MIB };

static char file[] = "/tmp/test_bundle.XXXXXX";

static void fill(const char *text, size_t len)
{
    int fd = open(file, O_WRONLY | O_TRUNC);

    if (fd < 0 || write(fd, text, len) != (ssize_t)len || close(fd))
        abort();
}

/* All blocks of the bundle at PATH, each in brackets; "-" stands for one that is bad. */
static void blocks_of(const char *path, char *out, size_t room)
{
    struct bundle *b = bundle_open(path);
    struct bundle_block block;
    unsigned char *again;
    size_t used = 0, len;
    int found = -1;

    while (b && (found = bundle_next(b, &block)) > 0) {
        used +=
            (size_t)snprintf(out + used, room - used, "[%.*s]", block.len ? (int)block.len : 1,
                             block.len ? (const char *)block.der : "-");
        again = bundle_again(b, &block.place, &len);
        if (len != block.len || !again != !len || (len && memcmp(again, block.der, len)))
            used += (size_t)snprintf(out + used, room - used, "(differs when read again)");
        free(again);
    }
    if (found < 0)
        snprintf(out + used, room - used, "(%s)", strerror(errno));
    else
        out[used] = '\0';
    bundle_close(b);
}

static void blocks(void)
{
    static const struct {
        const char *text;
        size_t len;
        const char *want;
    } samples[] = {
        {BYTES(""), ""},
        {BYTES("nothing\n"), ""},
        {BYTES(BLOCK("QUJD\n")), "[ABC]"},
        {BYTES(BLOCK("QUJD\n") BLOCK("REVG\n")), "[ABC][DEF]"},
        {BYTES("# one\n" BLOCK("QUJD\n") "--- two: -----\n" BLOCK("REVG\n") "end"),
         "[ABC][DEF]"},
        {BYTES(BEGIN "QUJD" END BEGIN "REVG" END), "[ABC][DEF]"},
        {BYTES(BLOCK("QUJDRA==\n")), "[ABCD]"},
        {BYTES(BLOCK("QUJDREU=\n")), "[ABCDE]"},
        /* Lines end as they like, anywhere. */
        {BYTES(BEGIN "\r\nQUJD\r\nREVG\r\n" END "\r\n"), "[ABCDEF]"},
        {BYTES(BEGIN " \t\nQUJD \nREVG\t \r\n" END), "[ABCDEF]"},
        {BYTES(BLOCK("\n \n\r\nQUJD\n\n \t\n\nREVG\n\n")), "[ABCDEF]"},
        {BYTES(BLOCK("  QUJD\n")), "[ABC]"},
        {BYTES(BLOCK("QUJD  ")), "[ABC]"},
        {BYTES(BLOCK("QUJD\n  ")), "[ABC]"},
        {BYTES(BLOCK("Q\nUJ\r\nDREV \nG\n")), "[ABCDEF]"},
        {BYTES(BLOCK("QUJDR\nA=\n=\n")), "[ABCD]"},
        {BYTES(BLOCK("QUJDRE\nU\n=")), "[ABCDE]"},
        /* Blanks elsewhere are no line ends. */
        {BYTES(BLOCK("QUJD REVG\n")), "[-]"},
        {BYTES(BLOCK("QUJD\n REVG\n")), "[-]"},
        {BYTES(BLOCK("QUJD\rREVG\n")), "[-]"},
        {BYTES(BLOCK("QU JD\n")), "[-]"},
        {BYTES(BLOCK("QUJD\v\n")), "[-]"},
        {BYTES(BLOCK("QUJD\0\n")), "[-]"},
        /* Not strict. */
        {BYTES(BLOCK("")), "[-]"},
        {BYTES(BLOCK(" \n\n")), "[-]"},
        {BYTES(BLOCK("QUJ\n")), "[-]"},
        {BYTES(BLOCK("QUJDR\n")), "[-]"},
        {BYTES(BLOCK("QUJDRA=\n")), "[-]"},
        {BYTES(BLOCK("QUJDRB==\n")), "[-]"},
        {BYTES(BLOCK("QUJDREV=\n")), "[-]"},
        {BYTES(BLOCK("QQ==QUJD\n")), "[-]"},
        {BYTES(BLOCK("QQ==\nQUJD\n")), "[-]"},
        {BYTES(BLOCK("QQ==\n==\n")), "[-]"},
        {BYTES(BLOCK("QQ=Q\n")), "[-]"},
        {BYTES(BLOCK("=QUJ\n")), "[-]"},
        {BYTES(BLOCK("Q===\n")), "[-]"},
        {BYTES(BLOCK("====\n")), "[-]"},
        {BYTES(BLOCK("QUJD-\n")), "[-]"},
        {BYTES(BLOCK("QUJ_\n")), "[-]"},
        {BYTES(BLOCK("QUJ\xc3\n")), "[-]"},
        /* One that is bad leaves the others alone. */
        {BYTES(BLOCK("QUJD\n") BLOCK("!!!!\n") BLOCK("REVG\n")), "[ABC][-][DEF]"},
        {BYTES(BLOCK("QUJD\n") BEGIN "\nQUJD\n" BLOCK("REVG\n") BLOCK("R0hJ\n")),
         "[ABC][-][GHI]"},
        {BYTES(BLOCK("QUJD\n") BEGIN "\nQUJD\n-----END CERT"), "[ABC][-]"},
        {BYTES(BLOCK("QUJD\n") BEGIN), "[ABC][-]"},
        {BYTES(BEGIN BEGIN), "[-]"},
        {BYTES(END "\n" BLOCK("QUJD\n") END), "[ABC]"},
        {BYTES("-" BLOCK("QUJD\n-")), "[-]"},
        {BYTES(
             "-----BEGIN TRUSTED CERTIFICATE-----\nQUJD\n-----END TRUSTED CERTIFICATE-----\n"),
         ""},
    };
    char got[200];
    size_t i;

    for (i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
        fill(samples[i].text, samples[i].len);
        blocks_of(file, got, sizeof(got));
        if (!ok(!strcmp(got, samples[i].want), "bundle %zu is %s", i + 1, samples[i].want))
            printf("# got %s\n", got);
    }
}

/* COUNT lines of 64 digits behind SKIP bytes of other text. */
static char *long_text(size_t skip, size_t count, size_t *len)
{
    char *text = malloc(skip + count * 65 + 200), *to = text;
    size_t i;

    if (!text)
        abort();
    memset(to, 'x', skip);
    to += skip;
    to += sprintf(to, "%s\n", BEGIN);
    for (i = 0; i < count; i++, to += 65) {
        memset(to, 'A' + (int)(i % 26), 64);
        to[64] = '\n';
    }
    to += sprintf(to, "%s\n%s", END, BLOCK("REVG\n"));
    *len = (size_t)(to - text);
    return text;
}

/* Whether the bundle is one block of LEN bytes, the same when it is read again, and a short one. */
static bool is_long_one(size_t len)
{
    struct bundle *b = bundle_open(file);
    struct bundle_block block = {0};
    unsigned char *again = NULL;
    size_t again_len = 0;
    bool good = b && bundle_next(b, &block) == 1 && block.len == len;

    if (good)
        again = bundle_again(b, &block.place, &again_len);
    good = again && again_len == len && !memcmp(again, block.der, len);
    free(again);
    good = good && bundle_next(b, &block) == 1 && block.len == 3 &&
           !memcmp(block.der, "DEF", 3) && !bundle_next(b, &block);
    bundle_close(b);
    return good;
}

static void windows(void)
{
    size_t skip, len, lines;
    bool good = true;
    char *text;

    for (skip = 31 * 1024; skip < 33 * 1024 && good; skip++) {
        text = long_text(skip, 4, &len);
        fill(text, len);
        free(text);
        good = is_long_one(4 * 48);
    }
    ok(good, "a block lies anywhere about a window's edge (%zu)", skip);
    for (lines = 300; lines < 300000 && good; lines *= 3) {
        text = long_text(0, lines, &len);
        fill(text, len);
        free(text);
        good = is_long_one(lines * 48);
    }
    ok(good, "a block is larger than the window (%zu lines)", lines);
}

static void limits(void)
{
    char got[100], want[100];

    snprintf(want, sizeof(want), "[ABC](%s)", strerror(EFBIG));
    fill(BYTES(BLOCK("QUJD\n")));
    if (truncate(file, LARGEST - 1))
        abort();
    blocks_of(file, got, sizeof(got));
    same_text(got, "[ABC]", "less than 32 MiB is a bundle");
    if (truncate(file, LARGEST))
        abort();
    blocks_of(file, got, sizeof(got));
    same_text(got, want, "32 MiB is too much");
    snprintf(want, sizeof(want), "(%s)", strerror(ENOENT));
    blocks_of("/nonexistent/bundle", got, sizeof(got));
    same_text(got, want, "there is no such file");
    snprintf(want, sizeof(want), "(%s)", strerror(EISDIR));
    blocks_of("/", got, sizeof(got));
    same_text(got, want, "a folder is none");
}

static void pipes(void)
{
    static const char text[] = BLOCK("QUJD\n") "x\n" BLOCK("REVG\n");
    char path[40], got[100];
    int ends[2];

    if (pipe(ends) || write(ends[1], text, strlen(text)) < 0 || close(ends[1]))
        abort();
    snprintf(path, sizeof(path), "/dev/fd/%d", ends[0]);
    blocks_of(path, got, sizeof(got));
    same_text(got, "[ABC][DEF]", "a pipe's blocks can be read again");
    close(ends[0]);
}

static void changes(void)
{
    struct bundle_block block;
    struct bundle *b;
    size_t len;

    fill(BYTES(BLOCK("QUJD\n")));
    b = bundle_open(file);
    ok(b && bundle_next(b, &block) == 1 && block.len == 3, "a bundle");
    fill(BYTES(BEGIN "\nQU"));
    ok(b && !bundle_again(b, &block.place, &len) && !len, "that has been cut: no block");
    fill(BYTES(BLOCK("QU!D\n")));
    ok(b && !bundle_again(b, &block.place, &len) && !len, "that has been damaged: no block");
    bundle_close(b);
    bundle_close(NULL);
}

int main(void)
{
    int fd = mkstemp(file);

    if (fd < 0)
        abort();
    close(fd);
    blocks();
    windows();
    limits();
    pipes();
    changes();
    unlink(file);
    return tap_end();
}
