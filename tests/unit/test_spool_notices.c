/* test_spool_notices.c: notices attached to the message they are about. Whatever is refused and
 * whoever is killed, each recipient that failed is told of in exactly one notice, or still there
 * for the next one to tell of. */
#include "spool_faults.h"

#define FAILED_MOST 2

/* ---- a message, its notices, and what is found of them ---- */

struct stage_set {
    struct scene s;
    struct spool_name name;
    struct spool_entry entry;
    int notices; /* how many the act makes, one for each recipient that failed */
};

/* The recipients 0 to FAILED - 1 have failed, one more waits. */
static void open_set(struct stage_set *set, int failed, bool fast)
{
    struct scene *s = &set->s;
    struct queue_envelope envelope;
    struct spool_draft *draft;
    char address[32];
    int fd, i;

    *set = (struct stage_set){.notices = failed};
    make_scene(s, fast);
    if (spool_open(&s->spool, s->path, true, &s->e))
        fail_hard("spool_open", &s->e);
    if (spool_begin(s->spool, &draft, &fd, &s->e))
        fail_hard("spool_begin", &s->e);
    if (write(fd, TEXT, sizeof(TEXT) - 1) != (ssize_t)sizeof(TEXT) - 1)
        fail_hard("write", NULL);
    envelope_to(&envelope, "waits@example.net");
    for (i = 0; i < failed; i++) {
        snprintf(address, sizeof(address), "failed-%d@example.net", i);
        if (queue_envelope_add(&envelope, address, &s->e))
            fail_hard("queue_envelope_add", &s->e);
        envelope.recipients[i + 1].state = QUEUED_FAILED;
    }
    if (spool_commit(draft, &envelope, 100, &s->e))
        fail_hard("spool_commit", &s->e);
    queue_envelope_release(&envelope);
    listed(s->spool, &set->name);
}

static void enter(struct stage_set *set)
{
    if (spool_enter(set->s.spool, &set->name, true, &set->entry, &set->s.e) != 1)
        fail_hard("spool_enter", &set->s.e);
}

static void close_set(struct stage_set *set)
{
    close_scene(&set->s);
}

/* Attach the notice that tells of recipient failed-WHICH. */
static int attach(struct spool_entry *entry, int which, struct err *e)
{
    struct queue_envelope notice;
    struct spool_draft *draft;
    char address[32];
    int fd, status = spool_begin(entry->spool, &draft, &fd, e);

    if (status)
        return -1;
    if (write(fd, TEXT, sizeof(TEXT) - 1) != (ssize_t)sizeof(TEXT) - 1) {
        err_system(e, ERR_IO, errno, "our own write");
        spool_abandon(draft);
        return -1;
    }
    snprintf(address, sizeof(address), "told-%d@example.net", which);
    envelope_to(&notice, address);
    status = spool_attach(entry, draft, &notice, e);
    queue_envelope_release(&notice);
    return status;
}

static void mark(struct queue_envelope *envelope)
{
    size_t i;

    for (i = 0; i < envelope->count; i++) {
        if (envelope->recipients[i].state == QUEUED_FAILED)
            envelope->recipients[i].state = QUEUED_DONE;
    }
}

/* Attach the notices of all that failed, each tried twice, and mark those recipients. */
static int attach_all(struct spool_entry *entry, struct err *e)
{
    const struct queue_envelope *envelope = &entry->envelope;
    size_t i;
    int which;

    for (i = 0; i < envelope->count; i++) {
        which = envelope->recipients[i].address[strlen("failed-")] - '0';
        if (envelope->recipients[i].state == QUEUED_FAILED && attach(entry, which, e) &&
            attach(entry, which, e))
            return -1;
    }
    mark(&entry->envelope);
    return 0;
}

/* What is in the queue, seen by one who enters all of it. */
struct seen {
    int failed[FAILED_MOST], told[FAILED_MOST], waits;
    bool whole;
};

static void look_at(struct seen *seen, struct spool_entry *entry)
{
    const struct queue_envelope *envelope = &entry->envelope;
    const char *address;
    char text[64];
    size_t i;

    seen->whole &= read(entry->message, text, sizeof(text)) == (ssize_t)sizeof(TEXT) - 1 &&
                   !memcmp(text, TEXT, sizeof(TEXT) - 1) && !envelope->notices;
    for (i = 0; i < envelope->count; i++) {
        address = envelope->recipients[i].address;
        seen->waits += !strncmp(address, "waits", 5);
        if (!strncmp(address, "failed-", 7))
            seen->failed[address[7] - '0']++;
        if (!strncmp(address, "told-", 5))
            seen->told[address[5] - '0']++;
    }
}

/* Enter each entry, with its lock; twice, for those that come out of another. */
static struct seen look(const struct stage_set *set)
{
    struct seen seen;
    struct spool_name *names;
    struct spool_entry entry;
    struct spool *spool;
    struct err e = ERR_INIT;
    size_t i, count, damaged;
    int round;

    if (spool_open(&spool, set->s.path, true, &e))
        fail_hard("spool_open", &e);
    for (round = 0; round < 2; round++) {
        seen = (struct seen){.whole = true};
        if (spool_list(spool, SPOOL_EVERYTHING, &names, &count, &e))
            fail_hard("spool_list", &e);
        for (i = 0; i < count; i++) {
            if (spool_enter(spool, &names[i], true, &entry, &e) != 1)
                fail_hard("spool_enter", &e);
            look_at(&seen, &entry);
            spool_leave(&entry);
        }
        free(names);
    }
    seen.whole &= !spool_damaged(spool, &damaged, &e) && !damaged;
    spool_close(spool);
    return seen;
}

/* Each one that failed is told of once, or, with FAILED, still there to be. */
static bool fits(const struct stage_set *set, const struct seen *seen, bool failed)
{
    bool right = seen->whole;
    int i;

    for (i = 0; i < FAILED_MOST; i++) {
        right &= seen->told[i] + seen->failed[i] == (i < set->notices) &&
                 (failed || !seen->failed[i]);
    }
    return right;
}

/* ---- what is promised, with nothing in the way ---- */

static void attached_and_released(void)
{
    struct spool_entry look_only;
    struct spool_name *names;
    struct stage_set set;
    size_t count;
    char path[128];

    open_set(&set, 1, false);
    enter(&set);
    ok(!attach(&set.entry, 0, &set.s.e) && set.entry.envelope.notices &&
           listed(set.s.spool, NULL) == 1 && !names_in(&set.s, "tmp"),
       "an attached notice is neither in the queue nor in tmp/");
    snprintf(path, sizeof(path), "queue/%08x-%s", 100, set.name.id);
    ok(names_in(&set.s, path) == 3, "it is with the message");
    mark(&set.entry.envelope);
    ok(!spool_update(&set.entry, &set.s.e), "the recipient leaves the envelope");
    ok(spool_enter(set.s.spool, &set.name, false, &look_only, &set.s.e) == 1 &&
           look_only.envelope.notices && look_only.envelope.count == 1,
       "who only looks sees that there are notices");
    spool_leave(&look_only);
    ok(names_in(&set.s, path) == 3, "and leaves them there");
    ok(!spool_release_notices(&set.entry, 50, &set.s.e) && !set.entry.envelope.notices &&
           names_in(&set.s, path) == 2,
       "released, it has left the message");
    if (spool_list(set.s.spool, SPOOL_EVERYTHING, &names, &count, &set.s.e))
        fail_hard("spool_list", &set.s.e);
    ok(count == 2 && names[0].due == 50 && enter_elsewhere(&set.s, &names[0]) == 1,
       "it is in the queue, for any other to take");
    ok(count == 2 && enter_elsewhere(&set.s, &names[1]) == 0, "the message is still ours");
    free(names);
    spool_leave(&set.entry);
    close_set(&set);
}

/* Run COMMAND in the folder of the entry. */
static void in_entry(const struct stage_set *set, const char *command)
{
    char line[512];

    snprintf(line, sizeof(line), "cd %s/queue/*-%s && { %s\n}", set->s.path, set->name.id,
             command);
    if (system(line))
        fail_hard(command, NULL);
}

/* The next one to enter finds what a crash left; UPDATED: the envelope says so. */
static void leftovers(const char *what, bool updated, const char *command)
{
    struct stage_set set;
    struct seen seen;

    open_set(&set, 1, false);
    enter(&set);
    if (attach_all(&set.entry, &set.s.e) || (updated && spool_update(&set.entry, &set.s.e)))
        fail_hard("attach", &set.s.e);
    spool_leave(&set.entry);
    in_entry(&set, command);
    seen = look(&set);
    ok(fits(&set, &seen, true) && seen.told[0] == updated && !names_in(&set.s, "tmp"), "%s",
       what);
    close_set(&set);
}

/* The flag may be in the file for longer than it is true: another notice must not count by it. */
static void a_stale_flag(void)
{
    struct stage_set set;
    struct seen seen;

    open_set(&set, 2, false);
    enter(&set);
    if (attach(&set.entry, 0, &set.s.e))
        fail_hard("attach", &set.s.e);
    set.entry.envelope.recipients[1].state = QUEUED_DONE;
    if (spool_update(&set.entry, &set.s.e) || spool_release_notices(&set.entry, 50, &set.s.e) ||
        spool_reschedule(&set.entry, 150, &set.s.e))
        fail_hard("release", &set.s.e);
    set.name = set.entry.name;
    spool_leave(&set.entry);
    enter(&set);
    ok(!attach(&set.entry, 1, &set.s.e), "another notice is attached later");
    spool_leave(&set.entry);
    seen = look(&set);
    ok(fits(&set, &seen, true) && seen.told[0] == 1 && seen.failed[1] == 1,
       "it does not count by the flag of the first");
    enter(&set);
    ok(!attach_all(&set.entry, &set.s.e) && !spool_update(&set.entry, &set.s.e) &&
           !attach(&set.entry, 0, &set.s.e),
       "one is attached on top of one that was not released");
    spool_leave(&set.entry);
    seen = look(&set);
    ok(fits(&set, &seen, false), "which then is; the new one does not count");
    close_set(&set);
}

static void removed(const char *what, bool update, bool marked)
{
    struct stage_set set;
    struct seen seen;

    open_set(&set, 1, false);
    enter(&set);
    if (attach(&set.entry, 0, &set.s.e))
        fail_hard("attach", &set.s.e);
    set.entry.envelope.notices = marked;
    mark(&set.entry.envelope);
    if (update && spool_update(&set.entry, &set.s.e))
        fail_hard("spool_update", &set.s.e);
    ok(!spool_remove(&set.entry, &set.s.e) && !names_in(&set.s, "tmp"), "%s", what);
    spool_leave(&set.entry);
    seen = look(&set);
    ok(seen.told[0] == marked && !seen.failed[0] && !seen.waits && seen.whole,
       "... the notice %s", marked ? "goes into the queue" : "goes with it");
    close_set(&set);
}

static void swept(void)
{
    struct stage_set set;
    char line[512];

    open_set(&set, 1, false);
    enter(&set);
    if (attach(&set.entry, 0, &set.s.e))
        fail_hard("attach", &set.s.e);
    spool_leave(&set.entry);
    snprintf(line, sizeof(line),
             "cd %s && mv queue/*-%s tmp/%s && touch -d '25 hours ago' tmp/*", set.s.path,
             set.name.id, set.name.id);
    if (system(line))
        fail_hard(line, NULL);
    ok(!spool_sweep(set.s.spool, &set.s.e) && !names_in(&set.s, "tmp"),
       "what is left in tmp/ goes with the notices in it");
    close_set(&set);
}

/* ---- refused and killed ---- */

enum act { KEEPING, LAST, SHORTLY, TWO, AGAIN, RELEASING, DISCARDING, SWEEPING, ACTS };

static const char *const act_names[ACTS] = {
    "a notice, and the message stays",
    "a notice, and the message goes",
    "a message that goes with a notice",
    "two notices",
    "a notice after another",
    "releasing what a crash left",
    "deleting what a crash left",
    "sweeping a message with a notice",
};

static void must(int status, const struct stage_set *set)
{
    if (status)
        fail_hard("preparing", &set->s.e);
}

static void prepare(struct stage_set *set, enum act act)
{
    struct err *e = &set->s.e;

    open_set(set, act == TWO || act == AGAIN ? 2 : 1, true);
    enter(set);
    if (act == AGAIN) {
        must(attach(&set->entry, 0, e), set);
        set->entry.envelope.recipients[1].state = QUEUED_DONE;
        must(spool_update(&set->entry, e), set);
        must(spool_release_notices(&set->entry, 50, e), set);
    }
    if (act < RELEASING)
        return;
    must(act == SWEEPING ? attach(&set->entry, 0, e) : attach_all(&set->entry, e), set);
    if (act == RELEASING)
        must(spool_update(&set->entry, e), set);
    if (act == SWEEPING)
        set->entry.envelope.notices = false; /* one that does not count */
    else
        spool_leave(&set->entry);
}

static int perform(struct stage_set *set, enum act act)
{
    struct spool_entry *entry = &set->entry;
    struct err *e = &set->s.e;

    if (act == SWEEPING)
        return spool_remove(entry, e);
    if (act == RELEASING || act == DISCARDING)
        return spool_enter(set->s.spool, &set->name, true, entry, e) == 1 ? 0 : -1;
    if (attach_all(entry, e))
        return -1;
    if (act == SHORTLY)
        return spool_remove(entry, e);
    if (spool_update(entry, e) || spool_release_notices(entry, 50, e))
        return -1;
    return act == LAST ? spool_remove(entry, e) : spool_update(entry, e);
}

/* The message is there until it is removed. STATUS: of the act, 1: it was killed. */
static bool message_fits(enum act act, const struct seen *seen, int status)
{
    if (act != LAST && act != SHORTLY && act != SWEEPING)
        return seen->waits == 1;
    return status ? seen->waits <= 1 : !seen->waits;
}

/* After the act, whatever became of it: nobody is told twice or never, and who comes next can
 * bring it to its end. */
static bool comes_right(struct stage_set *set, enum act act, int status)
{
    struct seen seen = look(set);
    bool right = message_fits(act, &seen, status);

    if (act == SWEEPING && !seen.waits) /* removed, with a notice that does not count */
        return right && !seen.told[0];
    right &= fits(set, &seen, status || act == DISCARDING);
    if (!seen.waits)
        return right;
    enter(set);
    right &= !attach_all(&set->entry, &set->s.e) && !spool_update(&set->entry, &set->s.e) &&
             !spool_release_notices(&set->entry, 50, &set->s.e);
    spool_leave(&set->entry);
    seen = look(set);
    return right && fits(set, &seen, false) && seen.waits == 1;
}

static bool try_fault(enum act act, enum manner manner, int at, int sys, bool *reached)
{
    struct stage_set set;
    bool right;
    int status;

    prepare(&set, act);
    set_fault(manner, at, sys);
    status = perform(&set, act);
    *reached = fault.count >= at;
    set_fault(NEVER, 0, 0);
    right = !status || strstr(set.s.e.message, "our own write") ||
            set.s.e.kind == (sys == EMFILE ? ERR_OS : ERR_IO);
    if (act < RELEASING || act == SWEEPING || !status)
        spool_leave(&set.entry);
    right &= comes_right(&set, act, status);
    if (!right)
        printf("# %s, call %d, %s: %d, kind %d: %s\n", act_names[act], at, strerror(sys),
               status, (int)set.s.e.kind, set.s.e.message);
    close_set(&set);
    return right;
}

static void refuse_each(enum act act)
{
    static const int errors[] = {ENOSPC, EMFILE};
    bool reached = true, right = true;
    int at, points = 0;
    size_t i;

    for (at = 1; reached; at++) {
        for (i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
            right &= try_fault(act, FROM_THEN_ON, at, errors[i], &reached);
            right &= try_fault(act, ONCE, at, errors[i], &reached);
            points += 2 * reached;
        }
    }
    ok(right, "%s: each call refused, %d points", act_names[act], points);
}

static bool try_kill(enum act act, enum manner manner, int at, bool *reached)
{
    struct stage_set set;
    int status;
    bool right;
    pid_t child;

    prepare(&set, act);
    fflush(stdout);
    child = fork();
    if (!child) {
        set_fault(manner, at, 0);
        _exit(perform(&set, act) ? 1 : 0);
    }
    if (child < 0 || waitpid(child, &status, 0) != child)
        fail_hard("fork", NULL);
    *reached = WIFSIGNALED(status);
    if (act < RELEASING || act == SWEEPING)
        spool_leave(&set.entry); /* the lock was that of both */
    right = (*reached || !status) && comes_right(&set, act, status);
    if (!right)
        printf("# %s, killed at call %d: status %d\n", act_names[act], at, status);
    close_set(&set);
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

/* What is on the disk when: a notice before the envelope that counts it, that envelope before the
 * notice is in the queue, and the notice in the queue before an envelope that does not say so. */
static void orders(enum act act, const char *want)
{
    struct stage_set set;

    prepare(&set, act);
    buf_init(&trace, 4096);
    tracing = true;
    (void)perform(&set, act);
    tracing = false;
    same_text(trace.data, want, act_names[act]);
    buf_release(&trace);
    spool_leave(&set.entry);
    close_set(&set);
}

#define BEGIN   "mkdir in tmp\nwrite message\n"
#define SETTLE  "fsync message\nwrite envelope\nfsync envelope\nfsync ID\n"
#define WRITE   "unlink in DUE-ID\nwrite envelope.new\nfsync envelope.new\n"
#define REPLACE "rename from DUE-ID to DUE-ID\nfsync DUE-ID\n"
#define RELEASE "fsync DUE-ID\nrename from DUE-ID to queue\nfsync queue\n"
#define COUNT   "rename from tmp to DUE-ID\n" WRITE "fsync DUE-ID\n" REPLACE RELEASE
#define NOTICE  BEGIN SETTLE COUNT
#define REMOVE                                                                                 \
    "rename from queue to tmp\nfsync queue\nunlink in ID\nunlink in ID\nunlink in ID\n"        \
    "unlink in tmp\n"

static void all_orders(void)
{
    orders(KEEPING, NOTICE WRITE REPLACE);
    orders(LAST, NOTICE REMOVE);
    orders(SHORTLY, NOTICE REMOVE);
    orders(AGAIN, BEGIN WRITE REPLACE SETTLE COUNT WRITE REPLACE);
    orders(RELEASING, RELEASE);
    orders(DISCARDING, "rename from DUE-ID to tmp\nunlink in ID\nunlink in ID\nunlink in ID\n"
                       "unlink in tmp\n");
}

int main(void)
{
    int act;

    attached_and_released();
    leftovers("a notice that counts is released", true, ":");
    leftovers("one that does not is deleted", false, ":");
    leftovers("so is what is left of one", false, "rm notice-*/message notice-*/envelope");
    leftovers("what is no notice is left alone", false, "mkdir notice-x; touch y");
    a_stale_flag();
    removed("a message is removed after its envelope says so", true, true);
    removed("a message is removed at once", false, true);
    removed("a message is removed whose notice does not count", false, false);
    swept();
    for (act = 0; act < ACTS; act++) {
        refuse_each((enum act)act);
        kill_at_each((enum act)act);
    }
    all_orders();
    return tap_end();
}
