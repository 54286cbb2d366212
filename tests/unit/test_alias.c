/* test_alias.c: whom names stand for by an aliases file. */
#include "tap.h"

#include "mail/alias.h"

#include <stdlib.h>
#include <unistd.h>

static char path[] = "/tmp/smtpsend-alias-XXXXXX";

static bool write_file(const char *text, size_t len)
{
    FILE *f = fopen(path, "w");

    return f && fwrite(text, 1, len, f) == len && !fclose(f);
}

/* Expand NAMES, a comma list, and put what comes out of it into OUT, blanks between. */
static int expand(struct aliases *a, const char *names, struct buf *out, struct err *e)
{
    struct addresses list, expanded;
    size_t i;
    int status;

    addresses_init(&list);
    addresses_init(&expanded);
    status = mailbox_argument(names, NULL, &list, e);
    if (!status)
        status = aliases_expand(a, &list, &expanded, e);
    for (i = 0; i < expanded.count; i++)
        buf_addf(out, "%s%s", i ? " " : "", expanded.at[i]);
    addresses_release(&list);
    addresses_release(&expanded);
    return status;
}

static const struct {
    const char *name, *text, *names;
    const char *want;  /* what comes out, or */
    const char *error; /* what the error says after the file's name */
} table[] = {
    {"an address", "root: ann@x.org\n", "root", "ann@x.org", NULL},
    {"addresses are not looked up", "root: ann@x.org\n", "root@y.org", "root@y.org", NULL},
    {"names without an alias stay", "root: ann@x.org\n", "bob", "bob", NULL},
    {"no line end at the end", "root: ann@x.org", "root", "ann@x.org", NULL},
    {"CRLF", "root: ann@x.org,\r\n bob@x.org\r\nann: c@x.org\r\n", "root,ann",
     "ann@x.org bob@x.org c@x.org", NULL},
    {"a comma list", "root:a@x.org,b@x.org , c@x.org,,\n", "root", "a@x.org b@x.org c@x.org",
     NULL},
    {"continuation lines", "root:\n a@x.org,\n\tb@x.org\n ,c@x.org\nb: d@x.org", "root",
     "a@x.org b@x.org c@x.org", NULL},
    {"comments and empty lines between them",
     "# x\n\nroot: a@x.org,\n# b@x.org,\n  # c@x.org\n\n \t\n d@x.org\n#e: f\n", "root",
     "a@x.org d@x.org", NULL},
    {"blanks before the colon", "root \t: a@x.org", "root", "a@x.org", NULL},
    {"any case", "RooT: a@x.org", "rOOt", "a@x.org", NULL},
    {"case beyond ASCII counts", "\xc3\x84: a@x.org", "\xc3\xa4", "\xc3\xa4", NULL},
    {"UTF-8", "j\xc3\xbcrgen: a@x.org", "J\xc3\xbcRGEN", "a@x.org", NULL},
    {"long names", "abcdefghijklmnop: a@x.org\nabcdefghijklmnoq: b@x.org", "ABCDEFGHijklmnoq",
     "b@x.org", NULL},
    {"a part of a name is not the name", "roots: a@x.org\nroo: b@x.org", "root", "root", NULL},
    {"names that differ in the bit of the case", "a[b: x@x.org", "\"a{b\"", "a{b", NULL},
    {"quoted names", "\"a b\\\"c\": a@x.org\n\"root\": b@x.org\n\"d\": e@x.org",
     "\"a b\\\"c\",root,\"d\"", "a@x.org b@x.org e@x.org", NULL},
    {"quoted names that look like other lines",
     "a: 1@x.org\n\"#b\": 2@x.org\n\" c\": 3@x.org\n", "a,#b,\" c\"", "1@x.org 2@x.org 3@x.org",
     NULL},
    {"a quoted name with an '@'", "\"a@b\": c@x.org", "\"a@b\"", "c@x.org", NULL},
    {"the first of several lines counts", "a: 1@x.org\nA: 2@x.org\n", "a", "1@x.org", NULL},
    {"targets of all kinds",
     "a: \"Last, First\" <1@x.org>, B (c, \"d) <2@x.org>,\n Ann\n <3@x.org>, \"4 4\"@x.org, "
     "<5@x.org>",
     "a", "1@x.org 2@x.org 3@x.org \"4 4\"@x.org 5@x.org", NULL},
    {"nested", "a: b, 1@x.org\nb: c\nc: 2@x.org, d\nd: e\n", "a", "2@x.org e 1@x.org", NULL},
    {"quoted targets are names too", "a: \"b\", \"c d\"\nb: 1@x.org\n\"c d\": 2@x.org", "a",
     "1@x.org 2@x.org", NULL},
    {"two ways to one name", "a: b, c\nb: d\nc: d\nd: 1@x.org\n", "a, b", "1@x.org", NULL},
    {"two names of one address", "a: 1@x.org\nb: 1@X.ORG\n", "a,b", "1@x.org", NULL},
    {"itself among its targets", "root: root, a@x.org", "Root", "root a@x.org", NULL},
    {"the same, further on", "a: root\nroot: ROOT, a@x.org", "a", "ROOT a@x.org", NULL},
    {"a backslash", "a: \\b, c\nb: 1@x.org\nc: \\a, \\2@x.org", "a", "b a 2@x.org", NULL},
    {"default", "root: bob\ndefault: all@x.org", "root,ann,x@y.org", "all@x.org x@y.org", NULL},
    {"default leads to names", "Default: root, nobody\nroot: a@x.org", "joe", "a@x.org nobody",
     NULL},
    {"default spares what a backslash is before", "root: \\root\ndefault: all@x.org", "root",
     "root", NULL},
    {"commands, files and lists that nobody asks for",
     "p: |/bin/x\nf: /dev/null\nl: :include:/x\nq: a b c\ne:\na: 1@x.org", "a", "1@x.org",
     NULL},
    {"an empty file", "", "a", "a", NULL},
    {"nothing but comments", "# a: b\n \t\n  # c\n#", "a", "a", NULL},

    {"a command", "a: 1@x.org\nb: a,\n |/bin/x y\n", "b", NULL,
     ":3: 'b' stands for the command '|/bin/x y'"},
    {"a quoted command", "a: \"|/bin/x a, b\"\n", "a", NULL,
     ":1: 'a' stands for the command '\"|/bin/x a, b\"'"},
    {"a file", "a: b\nb: /dev/null\n", "a", NULL, ":2: 'b' stands for the file '/dev/null'"},
    {"a quoted file", "a: \"/var/mail/x y\"\n", "a", NULL,
     ":1: 'a' stands for the file '\"/var/mail/x y\"'"},
    {"a list", "a: :include:/etc/list\n", "a", NULL,
     ":1: 'a' stands for the directive ':include:/etc/list'"},
    {"nobody", "b: c\na: ,\n\n# x\n", "a", NULL, ":2: 'a' stands for nobody"},
    {"a loop", "x: a, 1@x.org\na: b\nb: c\nc: A\n", "x", NULL,
     ":2: an alias leads back to itself: a -> b -> c -> a"},
    {"a loop that starts elsewhere", "a: b\nb: b, a\n", "b", NULL,
     ":2: an alias leads back to itself: b -> a -> b"},
    {"a loop by way of default", "a: b\ndefault: a\n", "a", NULL,
     ":1: an alias leads back to itself: a -> default -> a"},
    {"a target that can't be read", "a: b\nb: c@x.org,\n\n d e f\n", "a", NULL,
     ":4: 'd e f' is not an address: "},
    {"a quote that never ends", "a: \"b, c\n d\nb: c\n", "a", NULL, ":1: '\"b"},
    {"no colon", "a: b\n\nroot ann@x.org\n", "a", NULL,
     ":3: there is no ':' after the name 'root'"},
    {"no colon on the last line", "a: b\nroot", "a", NULL,
     ":2: there is no ':' after the name 'root'"},
    {"something between the name and its colon", "\"a\"b: c\n", "a", NULL,
     ":1: there is no ':' after the name 'a'"},
    {"no name", "a: b\n: c\n", "a", NULL, ":2: there is no name before ':'"},
    {"an empty name", "\"\": c\n", "a", NULL, ":1: there is no name before ':'"},
    {"a name's quote that never ends", "\"a: b\n\"c\": d", "a", NULL, ":1: a quote has no end"},
    {"a continuation of nothing", "# x\n\n  a: b\n", "a", NULL, ":3: it begins with a blank"},
    {"control bytes are shown", "a\x1b[2J b\n", "a", NULL, "the name 'a\\x1b[2J'"},
};

static void look(size_t i)
{
    struct err e = ERR_INIT;
    struct aliases *a = NULL;
    struct buf out;
    bool right;
    int status = -1;

    buf_init(&out, 65536);
    if (write_file(table[i].text, strlen(table[i].text)))
        a = aliases_open(path, &e);
    if (a)
        status = expand(a, table[i].names, &out, &e);
    if (table[i].want)
        right = !status && !strcmp(out.data, table[i].want);
    else
        right = status < 0 && e.kind == ERR_CONFIG && !strncmp(e.message, path, strlen(path)) &&
                strstr(e.message, table[i].error);
    if (!ok(right, "%s", table[i].name)) {
        printf("# %d: %s\n", status, e.message);
        tap_bytes("out", out.data, out.len);
    }
    aliases_free(a);
    buf_release(&out);
    err_release(&e);
}

/* Each call begins anew. */
static void twice(void)
{
    static const char text[] = "a: b\nb: 1@x.org\nl: m\nm: l\n";
    struct err e = ERR_INIT;
    struct aliases *a = write_file(text, strlen(text)) ? aliases_open(path, &e) : NULL;
    struct buf out;

    buf_init(&out, 1000);
    if (ok(a != NULL, "a file for several calls")) {
        ok(!expand(a, "a", &out, &e) && !expand(a, "a", &out, &e) && !expand(a, "b", &out, &e),
           "several calls");
        same_text(out.data, "1@x.org1@x.org1@x.org", "they give the same");
        ok(expand(a, "l", &out, &e) < 0 && expand(a, "l", &out, &e) < 0, "errors too");
    }
    aliases_free(a);
    buf_release(&out);
    err_release(&e);
}

/* A chain of COUNT aliases. */
static void chain(size_t count, bool fits)
{
    struct err e = ERR_INIT;
    struct aliases *a = NULL;
    struct buf text, out;
    size_t i;

    buf_init(&text, 1 << 20);
    buf_init(&out, 1000);
    for (i = 0; i < count; i++)
        buf_addf(&text, "n%zu: n%zu\n", i, i + 1);
    if (write_file(text.data, text.len))
        a = aliases_open(path, &e);
    if (ok(a && (expand(a, "n0", &out, &e) == 0) == fits, "a chain of %zu", count) && !fits)
        ok(e.kind == ERR_CONFIG && strstr(e.message, ":51: too many aliases lead to 'n50'"),
           "says where it is too long");
    aliases_free(a);
    buf_release(&text);
    buf_release(&out);
    err_release(&e);
}

/* Each of 30 names stands for the next one in two ways: 2^30 ways to the last. */
static void many_ways(void)
{
    struct err e = ERR_INIT;
    struct aliases *a = NULL;
    struct buf text, out;
    int i;

    buf_init(&text, 1 << 20);
    buf_init(&out, 1000);
    for (i = 0; i < 15; i++)
        buf_addf(&text, "n%d: a%d, b%d\na%d: n%d\nb%d: n%d\n", i, i, i, i, i + 1, i, i + 1);
    buf_addstr(&text, "n15: 1@x.org\n");
    if (write_file(text.data, text.len))
        a = aliases_open(path, &e);
    if (ok(a && !expand(a, "n0", &out, &e), "many ways to one name"))
        same_text(out.data, "1@x.org", "they end at one address");
    aliases_free(a);
    buf_release(&text);
    buf_release(&out);
    err_release(&e);
}

static void unreadable(const char *file, enum err_kind kind, const char *words)
{
    struct err e = ERR_INIT;
    struct aliases *a = aliases_open(file, &e);

    ok(!a && e.kind == kind && strstr(e.message, words) && strstr(e.message, "--aliases") &&
           strstr(e.message, file),
       "%s: %s", file, e.message);
    aliases_free(a);
    err_release(&e);
}

int main(void)
{
    static const char with_nul[] = "a: b\nc\0d: e\n";
    int fd = mkstemp(path);
    size_t i;

    if (!ok(fd >= 0, "a temporary file"))
        return tap_end();
    close(fd);
    for (i = 0; i < sizeof(table) / sizeof(table[0]); i++)
        look(i);
    twice();
    chain(50, true);
    chain(51, false);
    many_ways();
    if (write_file(with_nul, sizeof(with_nul) - 1))
        unreadable(path, ERR_CONFIG, "NUL");
    unlink(path);
    unreadable(path, ERR_NOINPUT, "No such file");
    unreadable("/", ERR_NOINPUT, "directory");
    return tap_end();
}
