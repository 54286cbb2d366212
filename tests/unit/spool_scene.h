/* spool_scene.h: a spool in a temporary folder, and short ways to put messages in it. */
#ifndef UNIT_SPOOL_SCENE_H
#define UNIT_SPOOL_SCENE_H

#include "tap.h"

#include "send/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define TEXT "Subject: x\r\n\r\nhello\r\n"

struct scene {
    char root[64]; /* the temporary folder */
    char path[96]; /* the spool in it */
    struct spool *spool;
    struct err e;
};

_Noreturn static inline void fail_hard(const char *what, const struct err *e)
{
    printf("Bail out! %s: %s\n", what, e ? e->message : strerror(errno));
    exit(1);
}

/* A folder for the spool, which is not there yet. FAST: in memory, where there is such a place. */
static inline void make_scene(struct scene *s, bool fast)
{
    *s = (struct scene){.e = ERR_INIT};
    snprintf(s->root, sizeof(s->root), "%s/smtpsend-spool-XXXXXX",
             fast && !access("/dev/shm", W_OK) ? "/dev/shm" : "/tmp");
    if (!mkdtemp(s->root))
        fail_hard("a temporary folder", NULL);
    snprintf(s->path, sizeof(s->path), "%s/a/b/queue", s->root);
}

static inline void open_scene(struct scene *s)
{
    make_scene(s, false);
    if (spool_open(&s->spool, s->path, true, &s->e))
        fail_hard("spool_open", &s->e);
}

static inline void close_scene(struct scene *s)
{
    char command[256];

    spool_close(s->spool);
    err_release(&s->e);
    snprintf(command, sizeof(command), "chmod -R u+rwx %s; rm -rf %s", s->root, s->root);
    if (system(command))
        fail_hard("removing the temporary folder", NULL);
}

static inline void envelope_to(struct queue_envelope *envelope, const char *address)
{
    struct err e = ERR_INIT;

    queue_envelope_init(envelope);
    envelope->reverse_path = strdup("me@example.org");
    if (!envelope->reverse_path || queue_envelope_add(envelope, address, &e))
        fail_hard("an envelope", &e);
}

/* Put TEXT into the spool for ADDRESS. 0, or -1 and E. */
static inline int enqueue(struct spool *spool, const char *address, int64_t due, char *id,
                          struct err *e)
{
    struct queue_envelope envelope;
    struct spool_draft *draft;
    int fd, status = spool_begin(spool, &draft, &fd, e);

    if (status)
        return -1;
    if (id)
        snprintf(id, QUEUE_ID_LENGTH + 1, "%s", spool_draft_id(draft));
    if (write(fd, TEXT, sizeof(TEXT) - 1) != (ssize_t)sizeof(TEXT) - 1) {
        err_system(e, ERR_IO, errno, "our own write");
        spool_abandon(draft);
        return -1;
    }
    envelope_to(&envelope, address);
    status = spool_commit(draft, &envelope, due, e);
    queue_envelope_release(&envelope);
    return status;
}

/* How many entries are listed; *FIRST is the first. */
static inline size_t listed(struct spool *spool, struct spool_name *first)
{
    struct spool_name *names;
    struct err e = ERR_INIT;
    size_t count;

    if (spool_list(spool, SPOOL_EVERYTHING, &names, &count, &e))
        fail_hard("spool_list", &e);
    if (count && first)
        *first = names[0];
    free(names);
    return count;
}

/* How many names are in a folder of the spool. */
static inline size_t names_in(const struct scene *s, const char *part)
{
    char command[256];
    unsigned count = 0;
    FILE *f;

    snprintf(command, sizeof(command), "ls -A %s/%s | wc -l", s->path, part);
    f = popen(command, "r");
    if (!f || fscanf(f, "%u", &count) != 1)
        fail_hard("ls", NULL);
    pclose(f);
    return count;
}

/* What a child process makes of the entry: its spool_enter's value. */
static inline int enter_elsewhere(const struct scene *s, const struct spool_name *name)
{
    struct spool_entry entry;
    struct spool *spool;
    struct err e = ERR_INIT;
    int status;
    pid_t child = fork();

    if (!child) {
        status = spool_open(&spool, s->path, false, &e);
        _exit(status || !spool ? 99 : spool_enter(spool, name, true, &entry, &e) + 1);
    }
    if (child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status))
        fail_hard("fork", NULL);
    return WEXITSTATUS(status) - 1;
}

#endif
