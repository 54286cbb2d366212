/* test_spool.c: the queue's folder, used by one process and by several. */
#include "spool_scene.h"

#include <signal.h>
#include <sys/resource.h>
#include <time.h>

static bool mode_is(const struct scene *s, const char *path, mode_t mode)
{
    char whole[256];
    struct stat st;

    snprintf(whole, sizeof(whole), "%s%s", s->root, path);
    return !stat(whole, &st) && (st.st_mode & 07777) == mode;
}

static bool message_is_whole(struct spool_entry *entry)
{
    char text[64];
    ssize_t n = read(entry->message, text, sizeof(text));

    return n == (ssize_t)sizeof(TEXT) - 1 && !memcmp(text, TEXT, sizeof(TEXT) - 1);
}

static void commits(void)
{
    struct spool_entry entry;
    struct spool_name name;
    struct scene s;
    char id[QUEUE_ID_LENGTH + 1], path[128];
    mode_t was;

    make_scene(&s, false);
    was = umask(0777);
    if (spool_open(&s.spool, s.path, true, &s.e))
        fail_hard("spool_open", &s.e);
    ok(!enqueue(s.spool, "you@example.net", 1764094881, id, &s.e), "a message is committed");
    umask(was);
    ok(mode_is(&s, "/a", 0700) && mode_is(&s, "/a/b/queue", 0700) &&
           mode_is(&s, "/a/b/queue/queue", 0700) && mode_is(&s, "/a/b/queue/tmp", 0700) &&
           mode_is(&s, "/a/b/queue/damaged", 0700),
       "folders are 0700, whatever the umask");
    snprintf(path, sizeof(path), "/a/b/queue/queue/%08x-%s", 1764094881, id);
    ok(mode_is(&s, path, 0700), "its name has its time and its id");
    strcat(path, "/message");
    ok(mode_is(&s, path, 0600), "the message is 0600");
    memcpy(strrchr(path, '/'), "/envelope", sizeof("/envelope"));
    ok(mode_is(&s, path, 0600), "so is the envelope");
    ok(!names_in(&s, "tmp"), "nothing is left in tmp/");
    ok(listed(s.spool, &name) == 1 && !strcmp(name.id, id) && name.due == 1764094881,
       "it is listed");
    if (ok(spool_enter(s.spool, &name, true, &entry, &s.e) == 1, "and can be entered")) {
        ok(message_is_whole(&entry) && entry.envelope.size == (int64_t)sizeof(TEXT) - 1,
           "its message is what was written");
        ok(entry.envelope.count == 1 &&
               !strcmp(entry.envelope.recipients[0].address, "you@example.net") &&
               !strcmp(entry.envelope.id, id),
           "so is its envelope");
        spool_leave(&entry);
    }
    close_scene(&s);
}

static void drafts(void)
{
    struct spool_draft *draft;
    struct scene s;
    int fd;

    open_scene(&s);
    ok(!spool_begin(s.spool, &draft, &fd, &s.e) && !listed(s.spool, NULL) &&
           names_in(&s, "tmp") == 1,
       "a draft is not in the queue");
    spool_abandon(draft);
    ok(!names_in(&s, "tmp"), "one that is abandoned leaves nothing");
    close_scene(&s);
}

static void opens(void)
{
    struct spool *spool;
    struct scene s;
    char path[128];

    open_scene(&s);
    snprintf(path, sizeof(path), "%s/none/at/all", s.root);
    ok(!spool_open(&spool, path, false, &s.e) && !spool, "a missing folder is an empty queue");
    snprintf(path, sizeof(path), "%s/a", s.root);
    ok(!spool_open(&spool, path, false, &s.e) && !spool, "so is one that has no queue in it");
    snprintf(path, sizeof(path), "%s/link", s.root);
    ok(!symlink(s.path, path) && spool_open(&spool, path, true, &s.e) &&
           s.e.kind == ERR_CANTCREATE && strstr(s.e.hint, "link"),
       "a link to a folder is refused");
    snprintf(path, sizeof(path), "%s/file", s.root);
    close(open(path, O_CREAT | O_WRONLY, 0600));
    ok(spool_open(&spool, path, false, &s.e) && s.e.kind == ERR_NOINPUT, "a file is refused");
    ok(spool_open(&spool, path, true, &s.e) && s.e.kind == ERR_CANTCREATE,
       "where it should be made, by another status");
    ok(!chmod(s.path, 0720) && spool_open(&spool, s.path, false, &s.e) &&
           s.e.kind == ERR_CONFIG && !chmod(s.path, 0700),
       "a folder in which a group can write is refused");
    snprintf(path, sizeof(path), "%s/tmp", s.path);
    ok(!chmod(path, 0702) && spool_open(&spool, s.path, true, &s.e) && s.e.kind == ERR_CONFIG &&
           strstr(s.e.message, "/tmp'") && !chmod(path, 0700),
       "so is one within");
    if (!chown(path, 1, 1)) /* only root can make it so */
        ok(spool_open(&spool, s.path, true, &s.e) && s.e.kind == ERR_CONFIG &&
               strstr(s.e.message, "another user") && strstr(s.e.hint, "run it as"),
           "a folder of another user is refused, and who can use it is said");
    ok(!chown(path, geteuid(), getegid()) && !chmod(path, 0750) &&
           spool_open(&spool, s.path, true, &s.e) && s.e.kind == ERR_CONFIG &&
           strstr(s.e.message, "look into") && strstr(s.e.hint, "chmod 700") &&
           !chmod(path, 0700),
       "a part that others can look into is refused");
    ok(!chmod(s.path, 0755) && !spool_open(&spool, s.path, true, &s.e),
       "a folder of which others see no more than its parts is not");
    spool_close(spool);
    ok(!rmdir(path) && !symlink("queue", path) && spool_open(&spool, s.path, true, &s.e) &&
           s.e.kind == ERR_CANTCREATE,
       "a link within is refused");
    close_scene(&s);
}

static void orders(void)
{
    static const int64_t due[] = {300, SPOOL_HELD, 100, 200, 100};
    struct spool_name *names = NULL, found;
    struct scene s;
    size_t i, count;
    char id[QUEUE_ID_LENGTH + 1];

    open_scene(&s);
    for (i = 0; i < 5; i++) {
        if (enqueue(s.spool, "you@example.net", due[i], id, &s.e))
            fail_hard("enqueue", &s.e);
    }
    ok(!spool_list(s.spool, SPOOL_EVERYTHING, &names, &count, &s.e) && count == 5 &&
           names[0].due == 100 && names[1].due == 100 && names[2].due == 200 &&
           names[3].due == 300 && names[4].due < 0 && strcmp(names[0].id, names[1].id) < 0,
       "by time, then id, the held ones last");
    ok(spool_find(s.spool, id, &found, &s.e) == 1 && found.due == 100,
       "one is found by its id");
    ok(!spool_find(s.spool, "6925f3a1-7K2M9QXC4T", &found, &s.e), "there is no other");
    ok(!spool_find(s.spool, "../../etc/passwd", &found, &s.e), "nor one that is no id");
    free(names);
    close_scene(&s);
}

static void locks(void)
{
    struct spool_entry entry, look;
    struct spool_name name, old;
    struct scene s;

    open_scene(&s);
    enqueue(s.spool, "you@example.net", 100, NULL, &s.e);
    listed(s.spool, &name);
    ok(enter_elsewhere(&s, &name) == 1, "another process enters, and ends");
    ok(spool_enter(s.spool, &name, true, &entry, &s.e) == 1, "its lock ended with it");
    ok(enter_elsewhere(&s, &name) == 0, "another does not get the lock we have");
    ok(spool_enter(s.spool, &name, false, &look, &s.e) == 1, "but it may look");
    spool_leave(&look);
    entry.envelope.attempts = 7;
    entry.envelope.recipients[0].code = 450;
    entry.envelope.recipients[0].said = strdup("not\nnow");
    ok(!spool_update(&entry, &s.e), "the envelope is replaced");
    old = name;
    ok(!spool_reschedule(&entry, 500, &s.e) && listed(s.spool, &name) == 1 && name.due == 500,
       "the time too");
    ok(enter_elsewhere(&s, &old) == 0, "by its old name it is gone");
    ok(enter_elsewhere(&s, &name) == 0, "it is locked by its new one");
    ok(!spool_reschedule(&entry, SPOOL_HELD, &s.e) && listed(s.spool, &name) == 1 &&
           name.due < 0,
       "it is held");
    spool_leave(&entry);
    ok(spool_enter(s.spool, &name, true, &entry, &s.e) == 1 && entry.envelope.attempts == 7 &&
           !strcmp(entry.envelope.recipients[0].said, "not\nnow") && message_is_whole(&entry),
       "all of that is kept");
    ok(!spool_remove(&entry, &s.e) && !listed(s.spool, NULL) && !names_in(&s, "tmp"),
       "removed, it is gone");
    spool_leave(&entry);
    ok(spool_enter(s.spool, &name, true, &entry, &s.e) == 0, "who listed it before finds that");
    ok(spool_enter(s.spool, &name, false, &entry, &s.e) == 0, "who only looks, too");
    close_scene(&s);
}

/* Make one entry, damage it by a command run in it, and enter it. */
static void damages(const char *what, const char *command, const char *why)
{
    struct spool_entry entry;
    struct spool_name name;
    struct scene s;
    char line[512];
    size_t count = 0;

    open_scene(&s);
    enqueue(s.spool, "you@example.net", 100, NULL, &s.e);
    listed(s.spool, &name);
    snprintf(line, sizeof(line), "cd %s/queue/* && { %s\n}", s.path, command);
    if (system(line))
        fail_hard(command, NULL);
    if (!ok(spool_enter(s.spool, &name, false, &entry, &s.e) < 0 && s.e.kind == ERR_DATA &&
                strstr(s.e.message, why) && listed(s.spool, NULL) == 1,
            "%s: seen by who looks", what))
        printf("# %s\n", s.e.message);
    ok(spool_enter(s.spool, &name, true, &entry, &s.e) < 0 && s.e.kind == ERR_DATA &&
           strstr(s.e.hint, "damaged/") && !listed(s.spool, NULL) &&
           names_in(&s, "damaged") == 1 && !spool_damaged(s.spool, &count, &s.e) && count == 1,
       "%s: set aside", what);
    close_scene(&s);
}

static void all_damages(void)
{
    damages("an envelope without its end", "sed -i '$d' envelope", "torn");
    damages("an empty envelope", ": >envelope", "torn");
    damages("no envelope", "rm envelope", "its envelope is missing");
    damages("no message", "rm message", "its message is missing");
    damages("a message cut short", "printf hello >message", "5 bytes, not");
    damages("an unknown version", "sed -i '1s/1/2/' envelope", "smtpsend-queue 1");
    damages("garbage", "head -c 4096 /dev/urandom >envelope", "envelope");
    damages("another's envelope", "sed -i '2s/-.*/-0000000000/' envelope", "that of");
    damages("a link for a message", "ln -sf /etc/passwd message", "no file");
    damages("a link for an envelope", "cp envelope ../../x && ln -sf ../../x envelope",
            "no file");
    damages("a pipe for a message", "rm message && mkfifo message", "no file");
    damages("a folder for an envelope", "rm envelope && mkdir envelope", "no file");
    damages("a file for a folder", "d=$PWD && cd .. && rm -r \"$d\" && echo x >\"$d\"",
            "no folder");
    damages("a link for a folder", "d=$PWD && cd .. && mv \"$d\" ../x && ln -s ../x \"$d\"",
            "no folder");
}

static void strays(void)
{
    struct spool_name *names = NULL;
    struct spool_entry entry;
    struct spool_name name;
    struct scene s;
    char line[512];
    size_t count = 0;

    open_scene(&s);
    enqueue(s.spool, "you@example.net", 100, NULL, &s.e);
    listed(s.spool, &name);
    snprintf(line, sizeof(line),
             "cd %s/queue && mkdir x && touch 00000064-6925f3a1 && "
             "sed -i '$d' */envelope && cp -r 00000064-*-* ../damaged",
             s.path);
    if (system(line))
        fail_hard(line, NULL);
    ok(!spool_list(s.spool, &(const struct spool_wish){SPOOL_ALL, 2}, &names, &count, &s.e) &&
           count <= 1,
       "a glance counts what is no entry");
    free(names);
    ok(listed(s.spool, NULL) == 1 && !spool_damaged(s.spool, &count, &s.e) && count == 3,
       "what is no entry is counted, not listed");
    ok(spool_enter(s.spool, &name, true, &entry, &s.e) < 0 && names_in(&s, "damaged") == 2,
       "what was set aside before is not written over");
    close_scene(&s);
}

static void sweeps(void)
{
    struct spool_draft *live, *dead;
    struct scene s;
    char line[512];
    int fd;
    pid_t child;

    open_scene(&s);
    if (spool_begin(s.spool, &live, &fd, &s.e))
        fail_hard("spool_begin", &s.e);
    child = fork();
    if (!child)
        _exit(spool_begin(s.spool, &dead, &fd, &s.e) ? 1 : 0);
    waitpid(child, NULL, 0);
    ok(names_in(&s, "tmp") == 2 && !spool_sweep(s.spool, &s.e) && names_in(&s, "tmp") == 2,
       "what is left in tmp/ stays for a day");
    snprintf(line, sizeof(line),
             "cd %s/tmp && mkdir other 00000000-0000000000 && "
             "touch 00000000-0000000000/mine && touch -d '25 hours ago' *",
             s.path);
    if (system(line))
        fail_hard(line, NULL);
    ok(!spool_sweep(s.spool, &s.e) && names_in(&s, "tmp") == 3,
       "then it goes, but for what is locked and what is not ours");
    spool_abandon(live);
    ok(names_in(&s, "tmp") == 2, "and what was locked goes its own way");
    close_scene(&s);
}

/* Processes that all put messages in, and take them out, at once. */
static void work(const struct scene *s, int mine)
{
    struct spool_name *names;
    struct spool_entry entry;
    struct spool *spool;
    struct err e = ERR_INIT;
    size_t count, i;
    int round, status;

    if (spool_open(&spool, s->path, true, &e))
        _exit(1);
    for (round = 0; round < 25; round++) {
        if (enqueue(spool, "you@example.net", 100 + round, NULL, &e) ||
            spool_list(spool, SPOOL_EVERYTHING, &names, &count, &e))
            _exit(2);
        for (i = (size_t)mine; i < count; i += 3) {
            status = spool_enter(spool, &names[i], true, &entry, &e);
            if (status < 0)
                _exit(3);
            if (!status)
                continue;
            entry.envelope.attempts++;
            if (entry.envelope.attempts < 3 &&
                (spool_update(&entry, &e) || spool_reschedule(&entry, entry.name.due + 50, &e)))
                _exit(4);
            if (entry.envelope.attempts >= 3 &&
                (spool_remove(&entry, &e) || dprintf(1, "# removed %s\n", entry.name.id) < 0))
                _exit(5);
            spool_leave(&entry);
        }
        free(names);
    }
    spool_close(spool);
    _exit(0);
}

static void many_processes(void)
{
    struct scene s;
    pid_t children[4];
    int i, status, good = 0;
    size_t count, removed = 0, damaged = 9;
    int out[2], kept;
    FILE *lines;
    char line[128];

    open_scene(&s);
    fflush(stdout);
    kept = dup(1);
    if (kept < 0 || pipe(out) || dup2(out[1], 1) < 0)
        fail_hard("pipe", NULL);
    for (i = 0; i < 4; i++) {
        children[i] = fork();
        if (!children[i])
            work(&s, i % 3);
    }
    dup2(kept, 1);
    close(out[1]);
    lines = fdopen(out[0], "r");
    while (lines && fgets(line, sizeof(line), lines))
        removed++;
    for (i = 0; i < 4; i++) {
        waitpid(children[i], &status, 0);
        good += WIFEXITED(status) && !WEXITSTATUS(status);
        if (status)
            printf("# status %d\n", status);
    }
    count = listed(s.spool, NULL);
    ok(good == 4, "four processes commit, enter, update, reschedule and remove at once");
    ok(count + removed == 100, "each message is there or was removed once: %zu and %zu", count,
       removed);
    ok(!names_in(&s, "tmp") && !spool_damaged(s.spool, &damaged, &s.e) && !damaged,
       "nothing is left over, nothing damaged");
    if (lines)
        fclose(lines);
    close(kept);
    close_scene(&s);
}

static void full_disk(void)
{
    struct rlimit was, small = {40, 40};
    struct spool_entry entry;
    struct spool_name name;
    struct scene s;
    int status;

    open_scene(&s);
    enqueue(s.spool, "you@example.net", 100, NULL, &s.e);
    listed(s.spool, &name);
    status = spool_enter(s.spool, &name, true, &entry, &s.e);
    signal(SIGXFSZ, SIG_IGN);
    fflush(stdout);
    getrlimit(RLIMIT_FSIZE, &was);
    small.rlim_max = was.rlim_max;
    setrlimit(RLIMIT_FSIZE, &small); /* enough for the message, not for the envelope */
    status += enqueue(s.spool, "you@example.net", 200, NULL, &s.e);
    setrlimit(RLIMIT_FSIZE, &was);
    ok(status == 0 && s.e.kind == ERR_IO && listed(s.spool, NULL) == 1 && !names_in(&s, "tmp"),
       "where the envelope does not fit, nothing is left");
    entry.envelope.attempts = 9;
    setrlimit(RLIMIT_FSIZE, &small);
    status = spool_update(&entry, &s.e);
    setrlimit(RLIMIT_FSIZE, &was);
    spool_leave(&entry);
    ok(status < 0 && s.e.kind == ERR_IO, "an update fails too");
    ok(spool_enter(s.spool, &name, true, &entry, &s.e) == 1 && !entry.envelope.attempts,
       "and leaves the envelope that was");
    spool_leave(&entry);
    close_scene(&s);
}

static void many(void)
{
    struct spool_name *names = NULL;
    struct timespec from, to;
    struct scene s;
    char line[512];
    size_t count;

    open_scene(&s);
    snprintf(line, sizeof(line),
             "cd %s/queue && seq -f '69%%06.0f-6925f3a1-0000000000' 1 10000 | "
             "xargs mkdir",
             s.path);
    if (system(line))
        fail_hard(line, NULL);
    clock_gettime(CLOCK_MONOTONIC, &from);
    count = listed(s.spool, NULL);
    clock_gettime(CLOCK_MONOTONIC, &to);
    ok(count == 10000, "10,000 entries are listed");
    ok(!spool_list(s.spool, &(const struct spool_wish){SPOOL_ALL, 100}, &names, &count, &s.e) &&
           count == 100,
       "or a hundred of them");
    free(names);
    printf("# in %.1f ms\n",
           (double)(to.tv_sec - from.tv_sec) * 1e3 + (double)(to.tv_nsec - from.tv_nsec) / 1e6);
    close_scene(&s);
}

int main(void)
{
    commits();
    drafts();
    opens();
    orders();
    locks();
    all_damages();
    strays();
    sweeps();
    many_processes();
    full_disk();
    many();
    return tap_end();
}
