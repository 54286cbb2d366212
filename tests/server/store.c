#include "store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int open_dir(int at, const char *path)
{
    int fd;

    if (mkdirat(at, path, 0755) < 0 && errno != EEXIST)
        die(73, "can't make '%s': %s", path, strerror(errno));
    fd = openat(at, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        die(73, "can't open '%s': %s", path, strerror(errno));
    return fd;
}

/* The highest number in new/, so that a second run goes on counting. */
static unsigned long long last_number(int new_fd)
{
    unsigned long long highest = 0, number;
    DIR *dir = fdopendir(dup(new_fd));
    const struct dirent *entry;

    if (dir == NULL)
        die(73, "can't read the maildir: %s", strerror(errno));
    while ((entry = readdir(dir)) != NULL)
        if (number_parse(entry->d_name, 1ULL << 60, &number) == 0 && number > highest)
            highest = number;
    closedir(dir);
    return highest;
}

void store_open(struct store *store, const char *maildir, bool hash)
{
    int dir;

    store->keep = maildir != NULL;
    store->hash = hash;
    store->tmp_fd = store->new_fd = store->envelope_fd = -1;
    atomic_init(&store->last, 0);
    atomic_init(&store->opened, 0);
    if (maildir == NULL)
        return;
    dir = open_dir(AT_FDCWD, maildir);
    store->tmp_fd = open_dir(dir, "tmp");
    store->new_fd = open_dir(dir, "new");
    store->envelope_fd = open_dir(dir, "envelope");
    close(dir);
    atomic_store(&store->last, last_number(store->new_fd));
}

void store_close(struct store *store)
{
    if (!store->keep)
        return;
    close(store->tmp_fd);
    close(store->new_fd);
    close(store->envelope_fd);
}

/* A new file in tmp/, its name in NAME. NULL: errno says why. */
static FILE *open_temporary(struct store *store, char *name)
{
    FILE *file;
    int fd;

    snprintf(name, STORE_NAME, "%llu", atomic_fetch_add(&store->opened, 1) + 1);
    fd = openat(store->tmp_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0)
        return NULL;
    file = fdopen(fd, "w");
    if (file == NULL)
        close(fd);
    return file;
}

void sink_open(struct sink *sink, struct store *store)
{
    memset(sink, 0, sizeof(*sink));
    sink->store = store;
    if (store->keep) {
        sink->file = open_temporary(store, sink->temporary);
        sink->failed = sink->file == NULL;
    }
    if (store->hash) {
        if (gnutls_hash_init(&sink->hash, GNUTLS_DIG_SHA256) < 0)
            die(71, "out of memory");
        sink->hashing = true;
    }
}

bool sink_looks(const struct sink *sink)
{
    return sink->hashing || sink->file != NULL;
}

void sink_write(struct sink *sink, const char *s, size_t len)
{
    sink->bytes += len;
    if (len == 0)
        return;
    if (sink->hashing)
        gnutls_hash(sink->hash, s, len);
    if (sink->file != NULL && fwrite(s, 1, len, sink->file) != len)
        sink->failed = true;
}

static void end_hash(struct sink *sink, char *hex)
{
    unsigned char digest[32];

    hex[0] = '\0';
    if (!sink->hashing)
        return;
    gnutls_hash_deinit(sink->hash, digest);
    sink->hashing = false;
    for (size_t i = 0; i < sizeof(digest); i++)
        snprintf(hex + 2 * i, 3, "%02x", digest[i]);
}

static int commit_envelope(struct store *store, const struct text *envelope, const char *name)
{
    char temporary[STORE_NAME];
    FILE *file = open_temporary(store, temporary);
    bool whole;

    if (file == NULL)
        return -1;
    whole = fwrite(envelope->s, 1, envelope->len, file) == envelope->len;
    if (fclose(file) != 0 || !whole ||
        renameat(store->tmp_fd, temporary, store->envelope_fd, name) < 0) {
        unlinkat(store->tmp_fd, temporary, 0);
        return -1;
    }
    return 0;
}

int sink_commit(struct sink *sink, const struct text *envelope, char *name, char *hex)
{
    struct store *store = sink->store;

    end_hash(sink, hex);
    if (sink->file != NULL && fclose(sink->file) != 0)
        sink->failed = true;
    sink->file = NULL;
    if (!sink->failed) {
        snprintf(name, STORE_NAME, "%06llu", atomic_fetch_add(&store->last, 1) + 1);
        if (store->keep && (commit_envelope(store, envelope, name) < 0 ||
                            renameat(store->tmp_fd, sink->temporary, store->new_fd, name) < 0))
            sink->failed = true;
    }
    if (sink->failed) {
        sink_abort(sink);
        return -1;
    }
    memset(sink, 0, sizeof(*sink));
    return 0;
}

void sink_abort(struct sink *sink)
{
    char hex[STORE_HEX];

    if (sink->store == NULL)
        return;
    end_hash(sink, hex);
    if (sink->file != NULL)
        fclose(sink->file);
    if (sink->store->keep)
        unlinkat(sink->store->tmp_fd, sink->temporary, 0);
    memset(sink, 0, sizeof(*sink));
}
