/* test_spool_faults.c: the spool with each system call of each act refused, and with the process
 * killed before and after each. Whatever happens, a message is whole in the queue or not there, and
 * who was told that it is kept finds it. */
#include "spool_faults.h"

/* ---- the acts: each on a spool as prepare() leaves it ---- */

enum act { OPEN, ENQUEUE, ENTER, UPDATE, RESCHEDULE, REMOVE, SET_ASIDE, ACTS };

static const char *const act_names[ACTS] = {"opening",      "committing",   "entering",
                                            "updating",     "rescheduling", "removing",
                                            "setting aside"};

struct stage_set {
    struct scene s;
    enum act act;
    struct spool_name name;
    struct spool_entry entry;
};

static void prepare(struct stage_set *set, enum act act)
{
    struct scene *s = &set->s;
    char line[256];

    *set = (struct stage_set){.act = act};
    make_scene(s, true);
    if (act == OPEN)
        return;
    if (spool_open(&s->spool, s->path, true, &s->e))
        fail_hard("spool_open", &s->e);
    if (act == ENQUEUE)
        return;
    if (enqueue(s->spool, "you@example.net", 100, NULL, &s->e))
        fail_hard("enqueue", &s->e);
    listed(s->spool, &set->name);
    snprintf(line, sizeof(line), "for f in %s/queue/*/envelope; do echo >>$f; done", s->path);
    if (act == SET_ASIDE && system(line))
        fail_hard(line, NULL);
    if (act > ENTER && act < SET_ASIDE &&
        spool_enter(s->spool, &set->name, true, &set->entry, &s->e) != 1)
        fail_hard("spool_enter", &s->e);
    if (act > ENTER && act < SET_ASIDE)
        set->entry.envelope.attempts = 5;
}

/* 0 or -1 as the act says; entering and setting aside: 0 when it did. */
static int perform(struct stage_set *set)
{
    struct scene *s = &set->s;

    switch (set->act) {
    case OPEN:
        return spool_open(&s->spool, s->path, true, &s->e);
    case ENQUEUE:
        return enqueue(s->spool, "you@example.net", 100, NULL, &s->e);
    case ENTER:
        return spool_enter(s->spool, &set->name, true, &set->entry, &s->e) == 1 ? 0 : -1;
    case UPDATE:
        return spool_update(&set->entry, &s->e);
    case RESCHEDULE:
        return spool_reschedule(&set->entry, 900, &s->e);
    case REMOVE:
        return spool_remove(&set->entry, &s->e);
    case SET_ASIDE:
        (void)spool_enter(s->spool, &set->name, true, &set->entry, &s->e);
        return s->e.kind == ERR_DATA ? 0 : -1;
    case ACTS:
        break;
    }
    return -1;
}

static void finish(struct stage_set *set)
{
    if (set->act >= ENTER && set->act < SET_ASIDE)
        spool_leave(&set->entry);
    close_scene(&set->s);
}

/* What is in the queue now, seen by one who comes anew. Each is whole, or WHOLE is false. */
struct seen {
    size_t count;
    bool whole, updated;
    int64_t due;
};

static struct seen look(const struct stage_set *set)
{
    struct seen seen = {.whole = true};
    struct spool_entry entry;
    struct spool_name name;
    struct spool *spool;
    struct err e = ERR_INIT;
    char text[64];

    if (spool_open(&spool, set->s.path, false, &e))
        fail_hard("spool_open", &e);
    seen.count = spool ? listed(spool, &name) : 0;
    if (seen.count && set->act != SET_ASIDE) {
        seen.whole = spool_enter(spool, &name, false, &entry, &e) == 1 &&
                     read(entry.message, text, sizeof(text)) == (ssize_t)sizeof(TEXT) - 1 &&
                     !memcmp(text, TEXT, sizeof(TEXT) - 1);
        seen.due = name.due;
        seen.updated = seen.whole && entry.envelope.attempts == 5;
        if (seen.whole)
            spool_leave(&entry);
        else
            printf("# %s\n", e.message);
    }
    spool_close(spool);
    err_release(&e);
    return seen;
}

/* The state of the queue fits what the act said: STATUS 0 or -1; DONE: it was not interrupted. */
static bool fits(const struct stage_set *set, const struct seen *seen, int status)
{
    if (set->act == SET_ASIDE)
        return status ? seen->count + names_in(&set->s, "damaged") == 1
                      : !seen->count && names_in(&set->s, "damaged") == 1;
    if (!seen->whole)
        return false;
    switch (set->act) {
    case OPEN:
        return !seen->count;
    case ENQUEUE:
        return status ? seen->count <= 1 : seen->count == 1;
    case ENTER:
        return seen->count == 1;
    case UPDATE:
        return seen->count == 1 && (status || seen->updated);
    case RESCHEDULE:
        return seen->count == 1 && (seen->due == 900 || (status && seen->due == 100));
    case REMOVE:
        return status ? seen->count <= 1 : !seen->count;
    case SET_ASIDE:
    case ACTS:
        break;
    }
    return false;
}

static bool kind_fits(const struct err *e, int sys)
{
    return strstr(e->message, "our own write") ||
           e->kind == (sys == EMFILE || sys == ENOMEM ? ERR_OS : ERR_IO);
}

/* One act with one fault. *REACHED: the act has that many calls. */
static bool try_fault(enum act act, enum manner manner, int at, int sys, bool *reached)
{
    struct stage_set set;
    struct seen seen;
    int status;
    bool right;

    prepare(&set, act);
    set_fault(manner, at, sys);
    status = perform(&set);
    *reached = fault.count >= at;
    set_fault(NEVER, 0, 0);
    seen = look(&set);
    right = fits(&set, &seen, status) && (!status || kind_fits(&set.s.e, sys));
    /* What went wrong once is cleaned up. */
    if (act == ENQUEUE && manner == ONCE && status)
        right = right && !seen.count && !names_in(&set.s, "tmp");
    if (!right)
        printf("# %s, call %d, %s: %d, %zu in the queue, %s: kind %d: %s\n", act_names[act], at,
               strerror(sys), status, seen.count, seen.whole ? "whole" : "torn",
               (int)set.s.e.kind, set.s.e.message);
    finish(&set);
    return right;
}

static void refuse_each(enum act act)
{
    static const int errors[] = {ENOSPC, EIO, EDQUOT, EMFILE, ENOMEM};
    bool reached = true, right = true;
    int at, points = 0;
    size_t i;

    for (at = 1; reached; at++) {
        for (i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
            right &= try_fault(act, ONCE, at, errors[i], &reached);
            right &= try_fault(act, FROM_THEN_ON, at, errors[i], &reached);
            points += 2 * reached;
        }
    }
    ok(right, "%s: each call refused, %d points", act_names[act], points);
}

/* One act in a child that is killed. Its promise is its exit status, or that it was killed after
 * it had made it. */
static bool try_kill(enum act act, enum manner manner, int at, bool *reached)
{
    struct stage_set set;
    struct seen seen;
    int status;
    bool right;
    pid_t child;

    prepare(&set, act);
    fflush(stdout);
    child = fork();
    if (!child) {
        set_fault(manner, at, 0);
        status = perform(&set);
        _exit(status ? 1 : 0);
    }
    if (child < 0 || waitpid(child, &status, 0) != child)
        fail_hard("fork", NULL);
    *reached = WIFSIGNALED(status);
    seen = look(&set);
    right = fits(&set, &seen,
                 *reached              ? -1
                 : WEXITSTATUS(status) ? -1
                                       : 0) &&
            (*reached || !status);
    if (!right)
        printf("# %s, killed at call %d: status %d, %zu in the queue, %s\n", act_names[act], at,
               status, seen.count, seen.whole ? "whole" : "torn");
    /* And whoever comes next can work. */
    spool_close(set.s.spool);
    if (spool_open(&set.s.spool, set.s.path, true, &set.s.e) ||
        enqueue(set.s.spool, "you@example.net", 100, NULL, &set.s.e))
        right = false;
    finish(&set);
    return right;
}

static void kill_at_each(enum act act)
{
    bool before = true, behind = true, right = true;
    int at, points = 0;

    for (at = 1; before || behind; at++) {
        right &= try_kill(act, KILL_BEFORE, at, &before);
        right &= try_kill(act, KILL_AFTER, at, &behind);
        points += before + behind;
    }
    ok(right, "%s: killed before and after each call, %d points", act_names[act], points);
}

/* A signal that comes during a call that may wait changes nothing. */
static void interrupt_each(void)
{
    struct stage_set set;
    int at, interrupted = 0;
    bool right = true;

    for (at = 1; at < 40; at++) {
        prepare(&set, UPDATE);
        set_fault(ONCE, at, EINTR);
        if (!perform(&set))
            interrupted += fault.count >= at;
        else
            right &= set.s.e.sys == EINTR;
        set_fault(NEVER, 0, 0);
        right &= look(&set).whole;
        finish(&set);
    }
    /* openat, write, two times fsync; fchmod, unlinkat and renameat do not wait. */
    ok(right && interrupted >= 4, "interrupted calls are made again: %d", interrupted);
}

/* What is on the disk when: a message is named in the queue only after all of it is there. */
static void orders(enum act act, const char *want)
{
    struct stage_set set;

    prepare(&set, act);
    buf_init(&trace, 4096);
    tracing = true;
    (void)perform(&set);
    tracing = false;
    same_text(trace.data, want, act_names[act]);
    buf_release(&trace);
    finish(&set);
}

static void all_orders(void)
{
    orders(ENQUEUE, "mkdir in tmp\nwrite message\nfsync message\nwrite envelope\n"
                    "fsync envelope\nfsync ID\nrename from tmp to queue\nfsync queue\n");
    orders(UPDATE, "unlink in DUE-ID\nwrite envelope.new\nfsync envelope.new\n"
                   "rename from DUE-ID to DUE-ID\nfsync DUE-ID\n");
    orders(RESCHEDULE, "rename from queue to queue\nfsync queue\n");
    orders(REMOVE, "rename from queue to tmp\nfsync queue\nunlink in ID\nunlink in ID\n"
                   "unlink in ID\nunlink in tmp\n");
    orders(SET_ASIDE, "rename from queue to damaged\nfsync damaged\nfsync queue\n");
}

/* Each folder that is made is on the disk before what is made in it. */
static void order_of_opening(void)
{
    struct stage_set set;
    const char *root;
    char want[1024];

    prepare(&set, OPEN);
    root = strrchr(set.s.root, '/') + 1;
    buf_init(&trace, 4096);
    tracing = true;
    (void)perform(&set);
    tracing = false;
    snprintf(want, sizeof(want),
             "fsync %s\nmkdir in a\nfsync a\nmkdir in b\nfsync b\n"
             "mkdir in queue\nmkdir in queue\nmkdir in queue\nfsync queue\n",
             root);
    if (!ok(strstr(trace.data, want), "folders are on the disk before what is in them"))
        tap_bytes("got", trace.data, trace.len);
    buf_release(&trace);
    finish(&set);
}

int main(void)
{
    int act;

    for (act = OPEN; act < ACTS; act++) {
        refuse_each((enum act)act);
        kill_at_each((enum act)act);
    }
    interrupt_each();
    all_orders();
    order_of_opening();
    return tap_end();
}
