/* test_config.c: config files, from their bytes to what is set and what is wrong. */
#include "tap.h"

#include "conf/config.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static bool write_bytes(const char *path, const char *text, size_t len, mode_t mode)
{
    FILE *f = fopen(path, "w");

    if (!f)
        return false;
    return fwrite(text, 1, len, f) == len && !fclose(f) && !chmod(path, mode);
}

static void write_file(const char *path, const char *text)
{
    if (!write_bytes(path, text, strlen(text), 0600))
        abort();
}

static void dump_part(const struct config_part *part, struct buf *out)
{
    const struct assignment *a;

    if (part->name)
        buf_addf(out, "[%s]\n", part->name);
    for (a = part->assignments.at; a < part->assignments.at + part->assignments.count; a++) {
        buf_addf(out, "%s=%s\n", a->origin.row->name, a->value);
        if (part->name
                ? a->origin.source != FROM_ACCOUNT && a->origin.source != FROM_USER_ACCOUNT
                : a->origin.source != FROM_CONFIG && a->origin.source != FROM_USER_CONFIG)
            buf_addstr(out, "? source\n");
    }
    for (a = part->match_from.at; a < part->match_from.at + part->match_from.count; a++)
        buf_addf(out, "match %s\n", a->value);
    if (part->password)
        buf_addf(out, "password %s:%u %s\n", part->password_origin.file,
                 part->password_origin.line, secret_bytes(part->password));
}

/* What CONFIG has, or, where there are problems, what they are. */
static void dump(const struct config *config, const struct problems *problems, struct buf *out)
{
    size_t i;

    if (!problems->count)
        dump_part(&config->general, out);
    for (i = 0; !problems->count && i < config->account_count; i++)
        dump_part(&config->accounts[i], out);
    for (i = 0; i < problems->count; i++) {
        buf_addf(out, "%s%s%s\n", problems->at[i].message, problems->at[i].hint[0] ? "; " : "",
                 problems->at[i].hint);
        if (problems->at[i].kind != ERR_CONFIG || problems->at[i].stage != STAGE_CONFIG)
            buf_addstr(out, "? kind\n");
    }
    if (problems->more)
        buf_addf(out, "%zu more\n", problems->more);
}

static void reads(const struct config_places *places, const char *want, const char *name)
{
    struct config config;
    struct problems problems = {0};
    struct buf out;

    buf_init(&out, 1 << 20);
    config_read(&config, places, &problems);
    dump(&config, &problems, &out);
    same_text(out.data, want, name);
    buf_release(&out);
    config_release(&config);
    problems_release(&problems);
}

static void reads_only(const char *path, const char *want, const char *name)
{
    reads(&(struct config_places){.only = path}, want, name);
}

/* ---- one file ---- */

static const struct {
    const char *name, *text, *want;
} table[] = {
    {"an empty file", "", ""},
    {"comments, blanks and empty lines", "# a\n;b\n\n \t\n  # server = x\n\t; c", ""},
    {"keys", "server = mail.example.org\nport=587\n\ttls-ca\t=\t/a b\t\n",
     "server=mail.example.org\nport=587\ntls-ca=/a b\n"},
    {"no line end at the end", "server = a", "server=a\n"},
    {"CRLF", "server = a\r\n\r\n# b\r\nport = 25\r\n", "server=a\nport=25\n"},
    {"CR at the end", "server = a\r", "server=a\n"},
    {"a byte order mark", "\xef\xbb\xbfserver = a\n", "server=a\n"},
    {"a byte order mark alone", "\xef\xbb\xbf", ""},
    {"what looks like a comment in a value", "user = a # b ; c\nfrom = #d\n",
     "user=a # b ; c\nfrom=#d\n"},
    {"'=' in a value", "password-command = x --y=z = \"q\"\n",
     "password-command=x --y=z = \"q\"\n"},
    {"quotes", "user = \" a # b \" \t\nfrom = \"\"\nhelo=\"x\"",
     "user= a # b \nfrom=\nhelo=x\n"},
    {"quotes that are escaped", "user = \"a\\\"b\\\\\"\nfrom = \"\\\\\\\"\"\n",
     "user=a\"b\\\nfrom=\\\"\n"},
    {"a backslash before anything else stays", "user = \"CORP\\ann\\\t\"\nfrom = a\\\"\\\\b\n",
     "user=CORP\\ann\\\t\nfrom=a\\\"\\\\b\n"},
    {"quotes within a value", "user = a \"b\" c\nfrom = 'd'\n", "user=a \"b\" c\nfrom='d'\n"},
    {"UTF-8", "user = j\xc3\xbcrgen\n", "user=j\xc3\xbcrgen\n"},
    {"a tab within a value", "user = a\tb\n", "user=a\tb\n"},
    {"the last one wins", "server = a\nport = 1\nserver = b\n", "port=1\nserver=b\n"},
    {"a list adds up", "tls-pin = a\nserver = x\ntls-pin = b\ntls-pin = a\n",
     "tls-pin=a\nserver=x\ntls-pin=b\ntls-pin=a\n"},
    {"switches", "stream = yes\nquiet = OFF\nset-from = 1\n",
     "stream=yes\nquiet=OFF\nset-from=1\n"},
    {"netrc without a file", "netrc =\n", "netrc=\n"},
    {"netrc with one", "netrc = /x\n", "netrc=/x\n"},
    {"choices and durations", "tls = Required\ntls-min = 1.3\ntimeout = 1.5m\n",
     "tls=Required\ntls-min=1.3\ntimeout=1.5m\n"},
    {"accounts",
     "server = a\n[account b]\nserver = c\n \t[ account \t d-e_f@g ] \t\n[account h]",
     "server=a\n[b]\nserver=c\n[d-e_f@g]\n[h]\n"},
    {"the default account", "account = b\n[account b]\n", "account=b\n[b]\n"},
    {"match-from",
     "[account b]\nmatch-from = *@a.example , me@*\nmatch-from=\"x, y\"\nserver = s\n",
     "[b]\nserver=s\nmatch *@a.example\nmatch me@*\nmatch x\nmatch y\n"},
    {"passwords", "password = geheim # 1\n[account b]\npassword = \" x\\\"\"\n",
     "password t.conf:1 geheim # 1\n[b]\npassword t.conf:3  x\"\n"},
    {"the last password wins", "password = a\npassword = b", "password t.conf:2 b\n"},

    {"a line that is none", "server\n",
     "t.conf:1: server: not a 'key = value', no '[account NAME]' and no comment\n"},
    {"a word that is no key is not shown",
     "geheim\npassword geheim=\n x y = geheim\n\"geheim\"\n",
     "t.conf:1: not a 'key = value', no '[account NAME]' and no comment\n"
     "t.conf:2: password: not a 'key = value', no '[account NAME]' and no comment\n"
     "t.conf:3: not a 'key = value', no '[account NAME]' and no comment\n"
     "t.conf:4: not a 'key = value', no '[account NAME]' and no comment\n"},
    {"no key", "= geheim\n", "t.conf:1: there is no key before the '='\n"},
    {"no value", "server =\nfrom = \t\ninclude =\npassword =\n[account a]\nmatch-from =\n",
     "t.conf:1: server: has no value; leave the line out, or write \"\" for an empty text\n"
     "t.conf:2: from: has no value; leave the line out, or write \"\" for an empty text\n"
     "t.conf:3: include: has no value\nt.conf:4: password: has no value\n"
     "t.conf:6: match-from: an empty pattern\n"},
    {"empty texts where they make no sense",
     "tls = \"\"\nstream = \"\"\npassword = \"\"\ninclude = \"\"\n[account a]\nmatch-from = "
     "a,,b\n",
     "t.conf:1: tls: '' is not required|implicit|opportunistic|dane|off\n"
     "t.conf:2: stream: '' is not yes or no\nt.conf:3: password: has no value\n"
     "t.conf:4: include: has no value\nt.conf:6: match-from: an empty pattern\n"},
    {"quotes without end", "user = \"geheim\nfrom = \"\npassword = \"geheim\\\"\n",
     "t.conf:1: user: the closing '\"' is missing\n"
     "t.conf:2: from: the closing '\"' is missing\n"
     "t.conf:3: password: the closing '\"' is missing\n"},
    {"text behind quotes", "user = \"a\" b\npassword = \"geheim\" geheim\n",
     "t.conf:1: user: there is something behind the closing '\"'\n"
     "t.conf:2: password: there is something behind the closing '\"'\n"},
    {"control bytes", "user = a\x01\nfrom = \"\x7f\"\nhelo = a\rb\n# \x1b\n[account \x02]\n",
     "t.conf:1: user: there is a control byte in the line\n"
     "t.conf:2: from: there is a control byte in the line\n"
     "t.conf:3: helo: there is a control byte in the line\n"
     "t.conf:4: there is a control byte in the line\n"
     "t.conf:5: there is a control byte in the line\n"},
    {"unknown keys",
     "pasword-file = geheim\nxyzzy = 1\nServer = a\ntls_ca = a\nform = x\nsevrer = x\n"
     "usr = x\nconect-timeuot = 1\nmach-from = x\nf = a\n",
     "t.conf:1: pasword-file: unknown key; did you mean 'password-file'?\n"
     "t.conf:2: xyzzy: unknown key\n"
     "t.conf:3: Server: unknown key; did you mean 'server'?\n"
     "t.conf:4: tls_ca: unknown key; did you mean 'tls-ca'?\n"
     "t.conf:5: form: unknown key; did you mean 'from'?\n"
     "t.conf:6: sevrer: unknown key; did you mean 'server'?\n"
     "t.conf:7: usr: unknown key; did you mean 'user'?\n"
     "t.conf:8: conect-timeuot: unknown key; did you mean 'connect-timeout'?\n"
     "t.conf:9: mach-from: unknown key; did you mean 'match-from'?\n"
     "t.conf:10: f: unknown key\n"},
    {"keys of other programs", "host = a\npasswordeval = b\nmailhub = c\nUseSTARTTLS=yes\n",
     "t.conf:1: host: unknown key; did you mean 'server'?\n"
     "t.conf:2: passwordeval: unknown key; did you mean 'password-command'?\n"
     "t.conf:3: mailhub: unknown key; did you mean 'server'?\n"
     "t.conf:4: UseSTARTTLS: unknown key; did you mean 'tls'?\n"},
    {"acts", "config = x\ndry-run = yes\nhelp = yes\n",
     "t.conf:1: config: an option of the command line only\n"
     "t.conf:2: dry-run: an option of the command line only\n"
     "t.conf:3: help: an option of the command line only\n"},
    {"bad values, all of them, in order",
     "tls = maybe\ntimeout = soon\n[account a]\nstream = perhaps\ntls-min = 1.1\n",
     "t.conf:1: tls: 'maybe' is not required|implicit|opportunistic|dane|off\n"
     "t.conf:2: timeout: 'soon' is not a duration (90, 90s, 2m, 1h, 5d)\n"
     "t.conf:4: stream: 'perhaps' is not yes or no\n"
     "t.conf:5: tls-min: '1.1' is not 1.2|1.3\n"},
    {"headings",
     "[account]\n[general]\nmatch-from = a\n[account a b]\n[account \"a\"]\n[account a\n"
     "[account b] # c\n[]\n[accounts]\n[\x1b]\n",
     "t.conf:1: '[account]' is no heading; a heading is [account NAME], NAME one word\n"
     "t.conf:2: '[general]' is no heading; a heading is [account NAME], NAME one word\n"
     "t.conf:4: '[account a b]' is no heading; a heading is [account NAME], NAME one word\n"
     "t.conf:5: '[account \"a\"]' is no heading; a heading is [account NAME], NAME one word\n"
     "t.conf:6: the ']' of the heading is missing\n"
     "t.conf:7: there is something behind the ']' of the heading\n"
     "t.conf:8: '[]' is no heading; a heading is [account NAME], NAME one word\n"
     "t.conf:9: '[accounts]' is no heading; a heading is [account NAME], NAME one word\n"
     "t.conf:10: there is a control byte in the line\n"},
    {"an account twice", "[account a]\nserver = x\n[account b]\n[account a]\nprot = 1\n",
     "t.conf:4: account 'a' has a part already, at t.conf:1\n"
     "t.conf:5: prot: unknown key; did you mean 'port'?\n"},
    {"keys in the wrong part", "match-from = a\n[account a]\naccount = a\n",
     "t.conf:1: match-from: only an account can have it; put it below an [account NAME]\n"
     "t.conf:3: account: only the general part can have it; put it above the first [account "
     "NAME]\n"},
    {"a default account that is not there", "account = b\n[account a]\n[account A]\n",
     "t.conf:1: account: there is no [account b]\n"},
    {"bytes that are no text", "[account a\xff]\n[account a\xff]\n[\xe2\x80\xae]\n",
     "t.conf:2: account 'a\\xff' has a part already, at t.conf:1\n"
     "t.conf:3: '[\\xe2\\x80\\xae]' is no heading; a heading is [account NAME], NAME one "
     "word\n"},
};

static void test_table(void)
{
    size_t i;

    for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        write_file("t.conf", table[i].text);
        reads_only("t.conf", table[i].want, table[i].name);
    }
    if (!write_bytes("t.conf", "user = a\0b\nfrom = c\0", 20, 0600))
        abort();
    reads_only("t.conf",
               "t.conf:1: user: there is a control byte in the line\n"
               "t.conf:2: from: there is a control byte in the line\n",
               "NUL bytes");
}

/* ---- several files ---- */

static void test_layers(void)
{
    struct config_places both = {.system = "system.conf", .user = "user.conf"};

    write_file("system.conf", "server = s\ntls-pin = 1\ntls-pin = 2\naccount = w\nport = 1\n"
                              "[account w]\ntls-pin = 3\nuser = u\nmatch-from = a\n"
                              "password = p\n[account x]\ntls-pin = 4\nmatch-from = b\n");
    write_file("user.conf", "server = t\ntls-pin = 5\naccount = y\ntls-pin = 6\n[account y]\n"
                            "[account w]\nuser = v\ntls-pin = 7\nmatch-from = c\n"
                            "match-from = d\npassword = q\n");
    reads(&both,
          "port=1\nserver=t\ntls-pin=5\naccount=y\ntls-pin=6\n"
          "[w]\nuser=v\ntls-pin=7\nmatch c\nmatch d\npassword user.conf:11 q\n"
          "[x]\ntls-pin=4\nmatch b\n[y]\n",
          "the user's keys win, and replace lists");
    reads(&(struct config_places){.system = "system.conf"},
          "server=s\ntls-pin=1\ntls-pin=2\naccount=w\nport=1\n"
          "[w]\ntls-pin=3\nuser=u\nmatch a\npassword system.conf:10 p\n"
          "[x]\ntls-pin=4\nmatch b\n",
          "no user's file");
    both.system = "missing.conf";
    write_file("user.conf", "server = t\n[account y]\n[account y]\n");
    reads(&both, "user.conf:3: account 'y' has a part already, at user.conf:2\n",
          "no system file; twice in the user's");
    both.system = "system.conf";
    write_file("system.conf", "tls = x\n");
    reads(&both,
          "system.conf:1: tls: 'x' is not required|implicit|opportunistic|dane|off\n"
          "user.conf:3: account 'y' has a part already, at user.conf:2\n",
          "errors in both");
    reads(&(struct config_places){0}, "", "no files at all");
    reads(&(struct config_places){.system = "missing/a", .user = "user.conf/b"}, "",
          "paths that there are not");
}

static void test_include(void)
{
    char text[64], name[16];
    int i;

    mkdir("d", 0700);
    write_file("d/a.conf", "server = a\ninclude = b.conf\nport = 1\n[account x]\n"
                           "include = \"sub/c.conf\"\nuser = u\n");
    mkdir("d/sub", 0700);
    write_file("d/b.conf", "from = f\n[account b]\nuser = b");
    write_file("d/sub/c.conf", "domain = c\n[account c]\ninclude = ../e.conf\ntls-pin = 2\n");
    write_file("d/e.conf", "tls-pin = 1\n");
    reads_only("d/a.conf",
               "server=a\nfrom=f\nport=1\n[b]\nuser=b\n[x]\ndomain=c\nuser=u\n"
               "[c]\ntls-pin=1\ntls-pin=2\n",
               "an included file starts in the part where it stands, its headings are its own");
    write_file("a.conf", "include = d/b.conf\ninclude = d/b.conf\n");
    reads_only("a.conf", "d/b.conf:2: account 'b' has a part already, at d/b.conf:2\n",
               "an account twice by include");
    write_file("a.conf", "include = d/e.conf\ninclude = d/e.conf\n");
    reads_only("a.conf", "tls-pin=1\ntls-pin=1\n", "a file twice");
    write_file("a.conf", "\ninclude = missing.conf\nxx = 1\ninclude = d\n");
    reads_only("a.conf",
               "a.conf:2: include: 'missing.conf': No such file or directory\n"
               "a.conf:3: xx: unknown key\na.conf:4: include: 'd': Is a directory\n",
               "includes that can't be read");
    write_file("a.conf", "server = x\ninclude = b.conf\n");
    write_file("b.conf", "include = ./d/../a.conf\n");
    reads_only("a.conf",
               "b.conf:1: include: './d/../a.conf': it is being read already: a file can't "
               "include itself\n",
               "a loop");
    for (i = 0; i < 30; i++) {
        snprintf(name, sizeof(name), "n%d", i);
        snprintf(text, sizeof(text), "include = n%d\n", i + 1);
        write_file(name, text);
    }
    reads_only("n0", "n16:1: include: 'n17': too many files within each other\n", "too deep");
    write_file("n30", "server = s\n");
    reads_only("n14", "server=s\n", "deep");
    write_file("a.conf", "include = /dev/null\n");
    reads_only("a.conf", "", "the null device");
}

/* Includes that double at each level must come to an end. */
static void test_many(void)
{
    struct config config;
    struct problems problems = {0};
    char text[64], name[16];
    int i;

    for (i = 0; i < 14; i++) {
        snprintf(name, sizeof(name), "m%d", i);
        snprintf(text, sizeof(text), "include = m%d\ninclude = m%d\n", i + 1, i + 1);
        write_file(name, text);
    }
    write_file("m14", "");
    config_read(&config, &(struct config_places){.only = "m0"}, &problems);
    ok(problems.count && strstr(problems.at[0].message, "too many files"), "files without end");
    config_release(&config);
    problems_release(&problems);
}

/* ---- what kind of file ---- */

static void test_files(void)
{
    bool root = geteuid() == 0;

    reads_only("none.conf", "none.conf: can't be read: No such file or directory\n",
               "the only file has to be there");
    reads_only("d", "d: can't be read: Is a directory\n", "a folder");
    reads_only("/dev/null", "", "/dev/null");
    mkfifo("fifo", 0600);
    reads(&(struct config_places){.system = "fifo", .user = "d"},
          "fifo: can't be read: no regular file\nd: can't be read: Is a directory\n",
          "a pipe that nobody asked for is not waited for");
    write_file("shut.conf", "server = a\n");
    chmod("shut.conf", 0);
    mkdir("shut", 0700);
    write_file("shut/a.conf", "server = a\n");
    chmod("shut", 0);
    write_file("a.conf", "include = shut/a.conf\n");
    if (root) {
        ok(true, "unreadable files # SKIP root reads them all");
    } else {
        reads(&(struct config_places){.system = "shut.conf"},
              "shut.conf: can't be read: Permission denied\n", "a file that can't be read");
        reads(&(struct config_places){.system = "shut/a.conf", .user = "shut/b"}, "",
              "a folder that can't be searched");
        reads_only("shut/a.conf", "shut/a.conf: can't be read: Permission denied\n",
                   "the only file can't be found");
        reads_only("a.conf", "a.conf:1: include: 'shut/a.conf': Permission denied\n",
                   "an include in such a folder");
    }
    chmod("shut", 0700);
}

/* A pipe that holds TEXT, as a shell makes one of <(...). WANT follows its name, if anything. */
static void reads_pipe(const char *text, const char *place, const char *want, const char *name)
{
    struct buf whole;
    char path[32];
    int fds[2];

    buf_init(&whole, 1024);
    if (pipe(fds) || write(fds[1], text, strlen(text)) != (ssize_t)strlen(text))
        abort();
    close(fds[1]);
    snprintf(path, sizeof(path), "/dev/fd/%d", fds[0]);
    buf_addf(&whole, "%s%s%s", place ? path : "", place ? place : "", want);
    reads_only(path, whole.data, name);
    buf_release(&whole);
    close(fds[0]);
}

static void test_pipe(void)
{
    reads_pipe("server = a\n", NULL, "server=a\n", "a pipe");
    reads_pipe("password = geheim\n", ":1",
               ": password: this is no regular file; put it into a file that is yours alone "
               "(chmod 600)\n",
               "no password in a pipe");
}

static void test_password(void)
{
    static const char told[] = "t.conf:1: password: others than its owner have rights to this "
                               "file; put it into a file that is yours alone (chmod 600)\n";

    write_file("t.conf", "password = geheim\n[account a]\npassword = geheim\n");
    chmod("t.conf", 0400);
    reads_only("t.conf", "password t.conf:1 geheim\n[a]\npassword t.conf:3 geheim\n",
               "mode 400 is fine");
    chmod("t.conf", 0640);
    reads_only("t.conf", told, "mode 640 is not");
    chmod("t.conf", 0602);
    reads_only("t.conf", told, "mode 602 is not");
    write_file("a.conf", "include = t.conf\n");
    chmod("a.conf", 0644);
    reads_only("a.conf", told, "the file counts that it stands in");
    chmod("t.conf", 0600);
    reads_only("a.conf", "password t.conf:1 geheim\n[a]\npassword t.conf:3 geheim\n",
               "and no other");
    if (geteuid() == 0 && !chown("t.conf", 12345, (gid_t)-1))
        reads_only("t.conf",
                   "t.conf:1: password: this file is neither yours nor root's; put it into a "
                   "file that is yours alone (chmod 600)\n",
                   "the owner counts");
    unlink("t.conf");
}

/* ---- names and patterns ---- */

static void matches(const struct config *config, const char *sender, const char *want)
{
    const struct config_part *part = config_match(config, sender);

    ok(want ? part && !strcmp(part->name, want) : !part, "'%s' is sent by %s", sender,
       want ? want : "none");
}

static void test_match(void)
{
    struct config_places both = {.system = "system.conf", .user = "user.conf"};
    struct problems problems = {0};
    struct config config;

    write_file("system.conf",
               "server = a\n[account w]\nmatch-from = *@work.example, boss@*\n"
               "[account h]\nmatch-from = [hj]*@home.example\n"
               "[account any]\nmatch-from = *@\\[192.0.2.?\\]\n[account none]\n");
    write_file("user.conf", "[account me]\nmatch-from = me@Work.example\n");
    config_read(&config, &both, &problems);
    ok(!problems.count && config_matches_senders(&config), "accounts with patterns");
    matches(&config, "ann@work.example", "w");
    matches(&config, "ann@WORK.Example", "w");
    matches(&config, "Boss@other.example", "w");
    matches(&config, "joe@home.example", "h");
    matches(&config, "ann@home.example", NULL);
    matches(&config, "ann@work.example.org", NULL);
    matches(&config, "x@[192.0.2.1]", "any");
    matches(&config, "", NULL);
    matches(&config, "me@work.example", "me");
    ok(config_account(&config, "none") && !config_account(&config, "NONE"),
       "accounts by their name");
    config_release(&config);
    problems_release(&problems);
    config_read(&config, &(struct config_places){.only = "/dev/null"}, &problems);
    ok(!config_matches_senders(&config), "no accounts");
    config_release(&config);
}

static void nearest(const char *word, const char *want)
{
    static const char *const names[] = {"server", "password-file", "password-command",
                                        "port",   "helo",          NULL};
    const char *found = nearest_name(word, names);

    ok(want ? found && !strcmp(found, want) : !found, "'%.20s' is near to %s", word,
       want ? want : "none");
}

static void test_nearest(void)
{
    char tall[5000];

    nearest("server", "server");
    nearest("SERVER", "server");
    nearest("servr", "server");
    nearest("esrver", "server");
    nearest("pasword-file", "password-file");
    nearest("password_comand", "password-command");
    nearest("prot", "port");
    nearest("pot", "port");
    nearest("po", NULL);
    nearest("host", NULL);
    nearest("", NULL);
    nearest("xxxxxxxxxxxx", NULL);
    memset(tall, 'x', sizeof(tall));
    tall[sizeof(tall) - 1] = '\0';
    nearest(tall, NULL);
}

/* ---- much ---- */

/* COUNT times MIDDLE between BEFORE and AFTER. */
static void write_much(const char *before, const char *middle, int count, const char *after)
{
    struct buf text;
    int i;

    buf_init(&text, 32 << 20);
    buf_addstr(&text, before);
    for (i = 0; i < count; i++)
        buf_addstr(&text, middle);
    buf_addstr(&text, after);
    write_file("long.conf", text.data);
    buf_release(&text);
}

static void test_long(void)
{
    struct config_places long_conf = {.only = "long.conf"};
    struct config config;
    struct problems problems = {0};
    FILE *f = fopen("long.conf", "w");
    int i;

    for (i = 0; f && i < 20000; i++)
        fprintf(f, "[account a%d]\nserver = mail%d.example.org\ntls-pin = x\nuser = u\n# c\n",
                i, i);
    if (!f || fclose(f))
        abort();
    config_read(&config, &long_conf, &problems);
    ok(!problems.count && config.account_count == 20000 &&
           config_account(&config, "a19999")->origin.line == 99996,
       "100,000 lines");
    config_release(&config);
    write_much("user = \"", "\\\\\\\"x", 300000, "\"\n");
    config_read(&config, &long_conf, &problems);
    ok(!problems.count && strlen(config.general.assignments.at[0].value) == 900000,
       "a long line");
    config_release(&config);
    write_much("", "sevrer = x\n", 100000, "");
    config_read(&config, &long_conf, &problems);
    ok(problems.count == PROBLEMS_MAX && problems.more == 100000 - PROBLEMS_MAX,
       "100,000 errors");
    config_release(&config);
    problems_release(&problems);
}

static void test_too_long(void)
{
    write_much("", "tls-pin = x\n", LIST_MAX + 2, "");
    reads_only("long.conf",
               "long.conf:33: tls-pin: given more than 32 times\n"
               "long.conf:34: tls-pin: given more than 32 times\n",
               "a list");
    write_much("password = ", "x", SECRET_MAX + 1, "");
    reads_only("long.conf", "long.conf:1: password: too long\n", "a password");
    write_much("", "# comment\n", 1700000, "");
    write_file("a.conf", "include = long.conf\nserver =\n");
    reads_only("a.conf",
               "a.conf:1: include: 'long.conf': too long, with all that was read before\n"
               "a.conf:2: server: has no value; leave the line out, or write \"\" for an empty "
               "text\n",
               "a file");
}

int main(void)
{
    char folder[] = "/tmp/smtpsend-config-XXXXXX", command[64];

    umask(022);
    if (!mkdtemp(folder) || chdir(folder))
        return 1;
    test_table();
    test_layers();
    test_include();
    test_many();
    test_files();
    test_pipe();
    test_password();
    test_match();
    test_nearest();
    test_long();
    test_too_long();
    snprintf(command, sizeof(command), "rm -rf %s", folder);
    ok(!chdir("/") && !system(command), "the folder is gone");
    return tap_end();
}
