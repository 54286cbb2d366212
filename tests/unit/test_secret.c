/* test_secret.c: passwords in memory, and from the environment, a file, a command. */
#include "tap.h"

#include "base/secret.h"
#include "conf/password.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* Run ACT in a child: it hardens itself, and a hardened process can't look for leaks. */
static bool in_child(bool (*act)(void))
{
    int status;
    pid_t pid;

    fflush(stdout);
    pid = fork();
    if (pid == 0)
        _exit(act() ? 0 : 1);
    return pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) &&
           WEXITSTATUS(status) == 0;
}

/* The line of smaps with the flags of the mapping that P is in; "" where it has none. */
static void mapping_flags(const void *p, char *flags, size_t size)
{
    FILE *smaps = fopen("/proc/self/smaps", "r");
    char line[256];
    bool here = false;

    flags[0] = '\0';
    while (smaps && fgets(line, sizeof(line), smaps)) {
        unsigned long from, to;

        if (sscanf(line, "%lx-%lx ", &from, &to) == 2)
            here = (unsigned long)p >= from && (unsigned long)p < to;
        else if (here && !strncmp(line, "VmFlags:", 8))
            snprintf(flags, size, "%s", line + 8);
    }
    if (smaps)
        fclose(smaps);
}

static void memory(void)
{
    static char large[SECRET_MAX];
    char word[] = "hunter2 and more", flags[512];
    struct err e = ERR_INIT;
    struct secret *s = secret_take(word, 7, &e);
    int status = -1;
    pid_t pid;
    size_t i;

    ok(s && secret_length(s) == 7 && !strcmp(secret_bytes(s), "hunter2"), "kept");
    ok(!memcmp(word, "\0\0\0\0\0\0\0 and more", sizeof(word)), "wiped where it came from");
    mapping_flags(secret_bytes(s), flags, sizeof(flags));
    ok(!flags[0] || strstr(flags, " dd"), "left out of core dumps");
    ok(!flags[0] || strstr(flags, " wf"), "not for children");
    fflush(stdout);
    pid = fork();
    if (pid == 0)
        _exit(secret_bytes(s)[0] != '\0');
    ok(pid > 0 && waitpid(pid, &status, 0) == pid && status == 0, "a child sees nothing of it");
    ok(!strcmp(secret_bytes(s), "hunter2"), "and we still do");
    secret_free(s);
    secret_free(NULL);
    for (i = 0; i < sizeof(large); i++)
        large[i] = (char)(i % 251 + 1);
    s = secret_take(large, sizeof(large), &e);
    ok(s && secret_length(s) == sizeof(large) && secret_bytes(s)[sizeof(large)] == '\0' &&
           secret_bytes(s)[sizeof(large) - 1] == (char)((sizeof(large) - 1) % 251 + 1),
       "the longest");
    secret_free(s);
    s = secret_take(large, 0, &e);
    ok(s && secret_length(s) == 0 && !strcmp(secret_bytes(s), ""), "an empty one");
    secret_free(s);
}

static bool hardens(void)
{
    struct rlimit limit;
    int traceable = 0;

#ifdef __SANITIZE_ADDRESS__
    traceable = prctl(PR_GET_DUMPABLE, 0, 0, 0, 0); /* the leak check needs it so */
#endif
    secret_harden_process();
    return !getrlimit(RLIMIT_CORE, &limit) && limit.rlim_cur == 0 &&
           prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == traceable;
}

static bool locked_out(void)
{
    struct rlimit none = {0, 0};
    struct err e = ERR_INIT;
    char word[] = "x";
    struct secret *s;

    if (setrlimit(RLIMIT_MEMLOCK, &none))
        return false;
    s = secret_take(word, 1, &e);
    return s && !strcmp(secret_bytes(s), "x");
}

static bool from_environment(void)
{
    struct secret *s;
    struct err e = ERR_INIT;
    const char *place;

    setenv("SMTPSEND_PASSWORD", "hunter2", 1);
    place = getenv("SMTPSEND_PASSWORD");
    return password_from_environment(&s, &e) == 0 && s && secret_length(s) == 7 &&
           !strcmp(secret_bytes(s), "hunter2") && !getenv("SMTPSEND_PASSWORD") &&
           place[0] == '\0' && place[6] == '\0';
}

static bool from_empty_environment(void)
{
    struct secret *s = NULL;
    struct err e = ERR_INIT;

    setenv("SMTPSEND_PASSWORD", "", 1);
    if (password_from_environment(&s, &e) || s || getenv("SMTPSEND_PASSWORD"))
        return false;
    return password_from_environment(&s, &e) == 0 && !s;
}

/* Never a part of a password: it would only be refused, and count against the account. */
static bool from_long_environment(void)
{
    static char value[SECRET_MAX + 100];
    struct secret *s = NULL;
    struct err e = ERR_INIT;

    memset(value, 'x', sizeof(value) - 1);
    setenv("SMTPSEND_PASSWORD", value, 1);
    return password_from_environment(&s, &e) == -1 && !s && e.kind != ERR_NONE &&
           !getenv("SMTPSEND_PASSWORD");
}

static char path[64] = "/tmp/smtpsend-secret-XXXXXX";
static const char *content;
static size_t content_len;
static mode_t mode = 0600;
static enum err_kind want_kind;
static const char *want;

/* The file at PATH with CONTENT gives the password WANT, or fails as WANT_KIND. */
static bool from_file(void)
{
    struct settings settings;
    struct err e = ERR_INIT;
    struct secret *taken = NULL, *s;
    FILE *f = fopen(path, "w");

    if (!f || fwrite(content, 1, content_len, f) != content_len || fclose(f) ||
        chmod(path, mode))
        return false;
    settings_init(&settings);
    settings.password_file = path;
    s = password_obtain(&settings, "me", "localhost", &taken, DEADLINE_NEVER, &e);
    if (!want)
        return !s && e.kind == want_kind && e.stage == STAGE_AUTH;
    return s && secret_length(s) == strlen(want) && !strcmp(secret_bytes(s), want);
}

static void file(const char *name, const char *text, size_t len, mode_t bits, const char *gives,
                 enum err_kind kind)
{
    content = text;
    content_len = len;
    mode = bits;
    want = gives;
    want_kind = kind;
    ok(in_child(from_file), "a password file: %s", name);
}

static void files(void)
{
    static char large[SECRET_MAX + 2];
    int fd = mkstemp(path);

    if (!ok(fd >= 0, "a temporary file"))
        return;
    close(fd);
    file("one line", "hunter2\n", 8, 0600, "hunter2", ERR_NONE);
    file("no line end", "hunter2", 7, 0400, "hunter2", ERR_NONE);
    file("CRLF", "hunter2\r\n", 9, 0600, "hunter2", ERR_NONE);
    file("the first line of two", "hunter2\nother\n", 14, 0600, "hunter2", ERR_NONE);
    file("blanks belong to it", " a b \n", 6, 0600, " a b ", ERR_NONE);
    file("empty", "", 0, 0600, NULL, ERR_NOPERM);
    file("an empty line", "\nx\n", 3, 0600, NULL, ERR_NOPERM);
    file("a NUL", "a\0b\n", 4, 0600, NULL, ERR_NOPERM);
    file("readable by the group", "hunter2\n", 8, 0640, NULL, ERR_CONFIG);
    file("readable by others", "hunter2\n", 8, 0604, NULL, ERR_CONFIG);
    file("writable by others", "hunter2\n", 8, 0602, NULL, ERR_CONFIG);
    memset(large, 'x', sizeof(large));
    large[SECRET_MAX] = '\0';
    file("the longest", large, SECRET_MAX, 0600, large, ERR_NONE);
    large[SECRET_MAX] = 'x';
    file("too long", large, SECRET_MAX + 1, 0600, NULL, ERR_CONFIG);
    unlink(path);
}

static bool missing_file(void)
{
    struct settings settings;
    struct err e = ERR_INIT;
    struct secret *taken = NULL;

    settings_init(&settings);
    settings.password_file = "/nonexistent/password";
    return !password_obtain(&settings, "me", "localhost", &taken, DEADLINE_NEVER, &e) &&
           e.kind == ERR_NOINPUT;
}

static bool from_command(void)
{
    struct settings settings;
    struct err e = ERR_INIT;
    struct secret *taken = NULL, *s;

    settings_init(&settings);
    settings.password_command = "echo hunter2; echo more";
    s = password_obtain(&settings, "me", "localhost", &taken, DEADLINE_NEVER, &e);
    return s && !strcmp(secret_bytes(s), "hunter2");
}

static bool from_failing_command(void)
{
    struct settings settings;
    struct err e = ERR_INIT;
    struct secret *taken = NULL;

    settings_init(&settings);
    settings.password_command = "echo hunter2; exit 1";
    return !password_obtain(&settings, "me", "localhost", &taken, DEADLINE_NEVER, &e) &&
           e.kind == ERR_NOPERM && !strstr(e.message, "hunter2");
}

static bool from_taken(void)
{
    struct settings settings;
    struct err e = ERR_INIT;
    char word[] = "hunter2";
    struct secret *taken = secret_take(word, 7, &e), *s;

    settings_init(&settings);
    s = password_obtain(&settings, "me", "localhost", &taken, DEADLINE_NEVER, &e);
    return s && !taken && !strcmp(secret_bytes(s), "hunter2");
}

int main(void)
{
    memory();
    ok(in_child(hardens), "no core dump, no tracing");
    ok(in_child(locked_out), "where no memory can be locked it works all the same");
    ok(in_child(from_environment), "taken out of the environment, and wiped there");
    ok(in_child(from_empty_environment), "an empty or absent one is none");
    ok(in_child(from_long_environment), "one too long is refused, not cut");
    files();
    ok(in_child(missing_file), "a password file that is not there");
    ok(in_child(from_command), "a command's first line");
    ok(in_child(from_failing_command), "a failed command's output is no password");
    ok(in_child(from_taken), "the one from the environment changes hands");
    return tap_end();
}
