/* test_netrc.c: logins and passwords from netrc files. */
#include "tap.h"

#include "conf/netrc.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char path[64] = "/tmp/smtpsend-netrc-XXXXXX";

static bool write_file(const char *text, size_t len, mode_t mode)
{
    FILE *f = fopen(path, "w");

    if (!f)
        return false;
    return fwrite(text, 1, len, f) == len && !fclose(f) && !chmod(path, mode);
}

/* What is looked for in the file, and what is found: 1, 0 or -1, with login and password. */
static void look(const char *name, const char *text, size_t len, const char *host,
                 const char *user, int want, const char *want_login, const char *want_password)
{
    struct err e = ERR_INIT;
    struct buf login, password;
    int found = -2;
    bool right;

    buf_init(&login, 65536);
    buf_init_secret(&password, 65536);
    if (write_file(text, len, 0600))
        found = netrc_find(path, host, user, &login, &password, &e);
    right = found == want && !strcmp(login.data, want_login) &&
            !strcmp(password.data, want_password) && (want < 0) == (e.kind == ERR_CONFIG);
    if (!ok(right, "%s", name)) {
        printf("# %d, not %d: %s\n", found, want, e.message);
        tap_bytes("login", login.data, login.len);
        tap_bytes("password", password.data, password.len);
    }
    err_release(&e);
    buf_release(&login);
    buf_release(&password);
}

static const struct {
    const char *name, *text, *user; /* the host is mail.example.org */
    int want;
    const char *login, *password;
} table[] = {
    {"one entry", "machine mail.example.org login me password geheim\n", "me", 1, "me",
     "geheim"},
    {"whoever it is", "machine mail.example.org login me password geheim\n", NULL, 1, "me",
     "geheim"},
    {"over several lines, the password first",
     "machine mail.example.org\n\tpassword geheim\r\n\tlogin me", "me", 1, "me", "geheim"},
    {"a host's case does not matter", "machine MAIL.Example.org login me password geheim", "me",
     1, "me", "geheim"},
    {"a user's does", "machine mail.example.org login Me password geheim", "me", 0, "", ""},
    {"of several machines",
     "machine a login me password x\nmachine mail.example.org login me password geheim\n"
     "machine b login me password y\n",
     "me", 1, "me", "geheim"},
    {"of several users of a machine",
     "machine mail.example.org login you password x\n"
     "machine mail.example.org login me password geheim\n",
     "me", 1, "me", "geheim"},
    {"the first of several that fit",
     "machine mail.example.org login me password geheim\n"
     "machine mail.example.org login me password x\n",
     "me", 1, "me", "geheim"},
    {"a part of the name is not the name",
     "machine example.org login me password x machine mail.example.org.evil login me password "
     "y "
     "machine xmail.example.org login me password z",
     "me", 0, "", ""},
    {"default", "machine a login me password x default login me password geheim", "me", 1, "me",
     "geheim"},
    {"a machine before default",
     "machine mail.example.org login me password geheim default login me password x", "me", 1,
     "me", "geheim"},
    {"default for another user", "default login you password x", "me", 0, "", ""},
    {"a password without a login is for any", "machine mail.example.org password geheim", "me",
     1, "", "geheim"},
    {"a login without a password", "machine mail.example.org login me", "me", 0, "", ""},
    {"an account between", "machine mail.example.org login me account password password geheim",
     "me", 1, "me", "geheim"},
    {"quotes", "machine \"mail.example.org\" login \"me\" password \"ge heim\"", "me", 1, "me",
     "ge heim"},
    {"quotes within quotes", "machine mail.example.org login me password \"a\\\"b\\\\c\\d\"",
     "me", 1, "me", "a\"b\\cd"},
    {"no quoting without quotes", "machine mail.example.org login me password a\\b\"c", "me", 1,
     "me", "a\\b\"c"},
    {"a line end within quotes", "machine mail.example.org login me password \"a\nb\"", "me", 1,
     "me", "a\nb"},
    {"words that look like keywords",
     "machine mail.example.org login machine password password default login me password x",
     "machine", 1, "machine", "password"},
    {"comments",
     "# machine mail.example.org login me password x\nmachine mail.example.org # my server\n"
     "  #password y\nlogin me password geheim# # z",
     NULL, 1, "me", "geheim#"},
    {"a password that begins with '#'", "machine mail.example.org login me password #geheim\n",
     "me", 1, "me", "#geheim"},
    {"a login that begins with '#'", "machine mail.example.org login #me password geheim\n",
     "#me", 1, "#me", "geheim"},
    {"a macro",
     "machine a login me password x macdef init\nmachine mail.example.org login me password "
     "y\n\n"
     "machine mail.example.org login me password geheim\n",
     "me", 1, "me", "geheim"},
    {"a macro, CRLF",
     "macdef init\r\nls\r\n\r\nmachine mail.example.org login me password geheim\r\n", "me", 1,
     "me", "geheim"},
    {"a macro without end", "macdef init\nmachine mail.example.org login me password x", "me",
     0, "", ""},
    {"nothing but macdef", "macdef", "me", 0, "", ""},
    {"UTF-8", "machine mail.example.org login j\xc3\xbcrgen password p\xc3\xa4ss",
     "j\xc3\xbcrgen", 1, "j\xc3\xbcrgen", "p\xc3\xa4ss"},
    {"an empty file", "", "me", 0, "", ""},
    {"blanks", " \t\r\n\n", "me", 0, "", ""},
    {"a comment without end", "#", "me", 0, "", ""},
    {"no machine", "login me password geheim", "me", 0, "", ""},
    {"machine without a name", "machine", "me", 0, "", ""},
    {"login without a value", "machine mail.example.org login", "me", 0, "", ""},
    {"password without a value", "machine mail.example.org login me password", "me", 0, "", ""},
    {"an empty password", "machine mail.example.org login me password \"\"", "me", 0, "", ""},
    {"not a netrc", "{\"machine\":\"mail.example.org\"}", "me", -1, "", ""},
    {"an unknown keyword", "machine mail.example.org port 25 login me password geheim", "me",
     -1, "", ""},
    {"a keyword in capitals", "MACHINE mail.example.org login me password geheim", "me", -1, "",
     ""},
    {"a quote without end", "machine mail.example.org login me password \"geheim\n", "me", -1,
     "", ""},
};

static void long_words(void)
{
    struct buf text, word;

    buf_init(&text, 65536);
    buf_init(&word, 65536);
    while (word.len < 8192)
        buf_addch(&word, 'x');
    buf_addf(&text, "machine mail.example.org login me password %s", word.data);
    look("the longest password", text.data, text.len, "mail.example.org", "me", 1, "me",
         word.data);
    buf_addch(&text, 'x');
    look("one longer is refused, not cut", text.data, text.len, "mail.example.org", "me", -1,
         "", "");
    buf_clear(&word);
    while (word.len < 30 * 1024)
        buf_addstr(&word, "machine a login b password c\n");
    buf_addstr(&word, "machine mail.example.org login me password geheim");
    look("many entries", word.data, word.len, "mail.example.org", "me", 1, "me", "geheim");
    buf_release(&text);
    buf_release(&word);
}

/* Files that are refused for what they are. */
static void refused(const char *name, const char *file, enum err_kind kind, const char *words)
{
    struct err e = ERR_INIT;
    struct buf login, password;

    buf_init(&login, 1000);
    buf_init_secret(&password, 1000);
    ok(netrc_find(file, "mail.example.org", "me", &login, &password, &e) == -1 &&
           e.kind == kind && strstr(e.message, words) && !login.len && !password.len,
       "%s: refused", name);
    err_release(&e);
    buf_release(&login);
    buf_release(&password);
}

static void files(void)
{
    static const char text[] = "machine mail.example.org login me password geheim\n";
    static const mode_t modes[] = {0640, 0604, 0660, 0602, 0644, 0610};
    static char large[256 * 1024 + 1];
    char name[64];
    size_t i;

    for (i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
        snprintf(name, sizeof(name), "mode %o", (unsigned)modes[i]);
        ok(write_file(text, strlen(text), modes[i]), "a file of mode %o", (unsigned)modes[i]);
        refused(name, path, ERR_CONFIG, "can be read by others");
    }
    refused("no such file", "/nonexistent/netrc", ERR_NOINPUT, "/nonexistent/netrc");
    refused("a folder", "/", ERR_NOINPUT, "--netrc");
    memset(large, ' ', sizeof(large));
    ok(write_file(large, sizeof(large), 0600), "a file of more than 256 KiB");
    refused("too large", path, ERR_CONFIG, "--netrc");
}

/* "" is ~/.netrc. */
static void at_home(void)
{
    static const char text[] = "machine mail.example.org login me password geheim\n";
    char folder[] = "/tmp/smtpsend-home-XXXXXX";
    struct err e = ERR_INIT;
    struct buf login, password;

    if (!ok(mkdtemp(folder) != NULL, "a home folder"))
        return;
    buf_init(&login, 1000);
    buf_init_secret(&password, 1000);
    snprintf(path, sizeof(path), "%s/.netrc", folder);
    setenv("HOME", folder, 1);
    ok(write_file(text, strlen(text), 0600) &&
           netrc_find("", "mail.example.org", "me", &login, &password, &e) == 1 &&
           !strcmp(password.data, "geheim"),
       "~/.netrc where no file is named");
    unlink(path);
    rmdir(folder);
    refused("no ~/.netrc", "", ERR_NOINPUT, path);
    unsetenv("HOME");
    refused("no home", "", ERR_NOINPUT, "home");
    buf_release(&login);
    buf_release(&password);
    err_release(&e);
}

int main(void)
{
    static const char with_nul[] = "machine mail.example.org login me\0 password geheim\n";
    int fd = mkstemp(path);
    size_t i;

    if (!ok(fd >= 0, "a temporary file"))
        return tap_end();
    close(fd);
    for (i = 0; i < sizeof(table) / sizeof(table[0]); i++)
        look(table[i].name, table[i].text, strlen(table[i].text), "mail.example.org",
             table[i].user, table[i].want, table[i].login, table[i].password);
    look("a NUL", with_nul, sizeof(with_nul) - 1, "mail.example.org", "me", -1, "", "");
    long_words();
    files();
    unlink(path);
    at_home();
    return tap_end();
}
