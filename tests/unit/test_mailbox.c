/* test_mailbox.c: the grammar of addresses, and the set that they go into. */
#include "tap.h"

#include "mail/mailbox.h"

#include <stdlib.h>
#include <time.h>

struct sample {
    const char *input;
    const char *want; /* addresses parted by '|', or NULL: refused */
};

/* The addresses of LIST parted by '|'. */
static void join(const struct addresses *list, struct buf *out)
{
    size_t i;

    for (i = 0; i < list->count; i++) {
        if (i)
            buf_addch(out, '|');
        buf_addstr(out, list->at[i]);
    }
}

/* The parser must be content with exactly LEN bytes: no NUL behind them here, so that the
 * sanitizer sees it read on. */
static int parse_field(const char *value, size_t len, const char *domain,
                       struct addresses *list, struct err *e)
{
    char *exact = malloc(len ? len : 1);
    int rc;

    if (!exact)
        return -1;
    memcpy(exact, value, len);
    rc = mailbox_field(exact, len, domain, list, e);
    free(exact);
    return rc;
}

static void check(const struct sample *s, bool field, const char *domain)
{
    struct addresses list;
    struct err e = ERR_INIT;
    struct buf got, name;
    enum err_kind kind = field ? ERR_DATA : ERR_USAGE;
    int rc;

    addresses_init(&list);
    buf_init(&got, 1 << 20);
    buf_init(&name, 1 << 20);
    buf_addf(&name, "%s %.60s", field ? "field" : "argument", s->input);
    for (char *c = name.data; *c; c++)
        *c = *c < ' ' && *c > 0 ? '~' : *c == '#' ? '+' : *c;
    rc = field ? parse_field(s->input, strlen(s->input), domain, &list, &e)
               : mailbox_argument(s->input, domain, &list, &e);
    join(&list, &got);
    if (!s->want) {
        ok(rc == -1 && e.kind == kind && strstr(e.message, "is not an address: "),
           "%s is refused", name.data);
        if (rc == 0)
            printf("# got %s\n", got.data);
    } else {
        same_text(rc < 0 ? e.message : got.data, s->want, name.data);
    }
    err_release(&e);
    buf_release(&got);
    buf_release(&name);
    addresses_release(&list);
}

/* What arguments and fields have in common. */
static const struct sample common[] = {
    {"a@b", "a@b"},
    {" a@b\t", "a@b"},
    {"a@B.Example", "a@B.Example"},
    {"a@b.", "a@b"},
    {"a@b.c.", "a@b.c"},
    {"a.b.c@d.e", "a.b.c@d.e"},
    {"<a@b>", "a@b"},
    {"< a@b >", "a@b"},
    {"Joe <j@x>", "j@x"},
    {"Joe<j@x>", "j@x"},
    {"John Q. Public <j@x>", "j@x"},
    {"J.R.R. Tolkien <j@x>", "j@x"},
    {"\"Public, John\" <j@x>", "j@x"},
    {"\"a \\\" b\" <j@x>", "j@x"},
    {"a@b (Comment)", "a@b"},
    {"(Comment) a@b", "a@b"},
    {"a@b (one (two (three \\) ) ) )", "a@b"},
    {"(a@b) c@d", "c@d"},
    {"Joe (x, y <z@z>) <j@x>", "j@x"},
    {"a@b, c@d", "a@b|c@d"},
    {"a@b,c@d,", "a@b|c@d"},
    {",,a@b,,c@d,,", "a@b|c@d"},
    {"a@b,a@B,A@b", "a@b|A@b"},
    {"<@r1,@r2:a@b>", "a@b"},
    {"<@r1:a@b>", "a@b"},
    {"<@[1.2.3.4],,@r2:a@b>", "a@b"},
    {"g: a@b, c@d;", "a@b|c@d"},
    {"\"A group\": Joe <j@x>, c@d;, e@f", "j@x|c@d|e@f"},
    {"g1:a@b;,g2:c@d;", "a@b|c@d"},
    {"g1:a@b;g2:c@d;", "a@b|c@d"},
    {"undisclosed-recipients:;", ""},
    {"undisclosed recipients : ;", ""},
    {"e:,,;,a@b", "a@b"},
    {"=?utf-8?Q?J=C3=B6rg?= <j@x>", "j@x"},
    {"=?utf-8?B?SsO2cmc=?= =?utf-8?Q?_X?= <j@x>", "j@x"},
    {"=?UTF-8?Q?Doe,_John?= <j@x>", "j@x"},
    {"=?UTF-8?q?a@b:<c>;?= <j@x>, k@y", "j@x|k@y"},
    {"J\xc3\xb6rg <j@x>", "j@x"},
    {"j\xc3\xb6rg@b\xc3\xbc"
     "cher.example",
     "j\xc3\xb6rg@b\xc3\xbc"
     "cher.example"},
    {"\"joe\"@x", "joe@x"},
    {"\"joe.b\"@x", "joe.b@x"},
    {"\"joe b\"@x", "\"joe b\"@x"},
    {"\"a@b\"@x", "\"a@b\"@x"},
    {"\"a..b\"@x", "\"a..b\"@x"},
    {"\".a\"@x", "\".a\"@x"},
    {"\"a.\"@x", "\"a.\"@x"},
    {"\"a\\\"b\\\\c\"@x", "\"a\\\"b\\\\c\"@x"},
    {"\"a\\bc\"@x", "abc@x"},
    {"\"a\".b.\"c\"@x", "a.b.c@x"},
    {"\"a,b\"@x,c@d", "\"a,b\"@x|c@d"},
    {"<\"a>b\"@x>", "\"a>b\"@x"},
    {"a@[192.0.2.1]", "a@[192.0.2.1]"},
    {"a@[IPv6:2001:db8::1]", "a@[IPv6:2001:db8::1]"},
    {"<a@[ 192.0.2.1 ]>", "a@[192.0.2.1]"},
    {"a@[ipv6:::ffff:192.0.2.1]", "a@[ipv6:::ffff:192.0.2.1]"},
    {"a@[x-tag:content]", "a@[x-tag:content]"},
    {"a_b@under_score.example", "a_b@under_score.example"},
    {"-oQ/tmp@x", "-oQ/tmp@x"},
    {"-@x", "-@x"},
    {"a+b=c!d%e/f'g{h}|i~j^k`l?m*n&o$p@x", "a+b=c!d%e/f'g{h}|i~j^k`l?m*n&o$p@x"},
    {"#hash@x", "#hash@x"},
    {"1@1.2.3.4", "1@1.2.3.4"},
    {"a@xn--bcher-kva.example", "a@xn--bcher-kva.example"},
    {"postmaster", "postmaster"},
    {"joe, <root>, x.y", "joe|root|x.y"},
    {"joe@x.com <joe@x.com>", "joe@x.com"},
    {"[List] Name <l@x>", "l@x"},
    {"<>", NULL},
    {"Joe <>", NULL},
    {"a b@c", NULL},
    {"a@b c", NULL},
    {"a@b c@d", NULL},
    {"a@b@c", NULL},
    {"<a@b@c>", NULL},
    {"a@@b", NULL},
    {"@b", NULL},
    {"a@", NULL},
    {"@", NULL},
    {"<@>", NULL},
    {"<a@>", NULL},
    {"<@b>", NULL},
    {"\"\"@x", NULL},
    {"<a@b", NULL},
    {"Joe <a@b, c@d>", NULL},
    {"a@b>", NULL},
    {"Joe a@b>", NULL},
    {"<a@b> c", NULL},
    {"<a@b> <c@d>", NULL},
    {"<<a@b>>", NULL},
    {"<a b@c>", NULL},
    {"a..b@x", NULL},
    {".a@x", NULL},
    {"a.@x", NULL},
    {"a@.x", NULL},
    {"a@x..y", NULL},
    {"a@x..", NULL},
    {"a@.", NULL},
    {"a@-x.example", NULL},
    {"a@x-.example", NULL},
    {"a@x.-y", NULL},
    {"a@x!y", NULL},
    {"a@x/y", NULL},
    {"a@x=y", NULL},
    {"a@b;c@d", NULL},
    {";", NULL},
    {"a@b;", NULL},
    {":a@b;", NULL},
    {"g:h:a@b;;", NULL},
    {"g:h:a@b;", NULL},
    {"a@b:c;", NULL},
    {"(open a@b", NULL},
    {"a@b (open", NULL},
    {"a@b)", NULL},
    {"\"open a@b", NULL},
    {"a\\b@c", NULL},
    {"a@[192.0.2.1", NULL},
    {"a@]", NULL},
    {"a@[]", NULL},
    {"a@[1]b", NULL},
    {"a@[foo]", NULL},
    {"a@[192.0.2.256]", NULL},
    {"<@[foo]:a@b>", NULL},
    {"a@[[1]]", NULL},
    {"a@[\\1]", NULL},
    {"[1]@x", NULL},
    {"\"a\" \"b\"@c", NULL},
    {"\"a\"b@c", NULL},
    {"=?utf-8?Q?a,b?=@c", NULL},
    {"\"a\tb\"@c", NULL},
    {"a\x7f@b", NULL},
    {"a\x01@b", NULL},
    {"a@b\x1b", NULL},
    {"\xff@b", NULL},
    {"a\xc0\xae@b", NULL},
    {"a\xed\xa0\x80@b", NULL},
    {"a\xf0\x80\x80\x80@b", NULL},
    {"a\xf4\x90\x80\x80@b", NULL},
    {"a\xf0\x9f\x98\x80@b", "a\xf0\x9f\x98\x80@b"},
    {"a\xc2\x9b@b", NULL},
    {"a@b\xe9.example", NULL},
    {"<@r1,@r2 a@b>", NULL},
    {"<@r1,@r2:>", NULL},
};

static const struct sample arguments[] = {
    {"", NULL},
    {" ", NULL},
    {",", NULL},
    {"(nobody)", NULL},
    {"a @b", NULL},
    {"a@ b", NULL},
    {"a. b@c", NULL},
    {"a@b. c", NULL},
    {"g: a@b", NULL},
    {"mailto:a@b", NULL},
    {"a@b\r\nRCPT TO:<c@d>", NULL},
    {"a@b\nDATA", NULL},
    {"a@b\r", NULL},
    {"\"a\r\n b\"@c", NULL},
    {"a@b (x\r\n y)", NULL},
    {"a@b (\x1b[2J)", NULL},
    {"\"\x7f\" <a@b>", NULL},
};

static const struct sample fields[] = {
    {"", ""},
    {" \r\n", ""},
    {" ,\r\n ,", ""},
    {" a@b\r\n", "a@b"},
    {" a@b,\r\n c@d,\r\n\te@f\r\n", "a@b|c@d|e@f"},
    {" a@b,\r\n \r\n c@d\r\n", "a@b|c@d"},
    {" a@b,\n c@d\n", "a@b|c@d"},
    {" Joe\r\n <j@x>\r\n", "j@x"},
    {" \"Joe\r\n Doe\" <j@x>\r\n", "j@x"},
    {" \"joe\r\n b\"@x\r\n", "\"joe b\"@x"},
    {" a@b (comment\r\n (nested\r\n ))\r\n", "a@b"},
    {" a . b @ c . d", "a.b@c.d"},
    {" a(x).(y)b(z)@(w)c.(v)d", "a.b@c.d"},
    {" < a . b @ c >", "a.b@c"},
    {" <@ r , @ s : a@b>", "a@b"},
    {" undisclosed-recipients:", ""},
    {" g: a@b, c@d", "a@b|c@d"},
    {" \"\x1b$B\" (\x01) <j@x>", "j@x"},
    {" a@[192.\r\n 0.2.1]", "a@[192.0.2.1]"},
    {" a@b\r\nc@d\r\n", NULL},
    {" a\r\n b@c\r\n", NULL},
    {" a@b,\r c@d", "a@b|c@d"},
    {" \"a\rb\"@c", NULL},
    {" a@b\x1b[0m", NULL},
    {" a@[1\x01]", NULL},
};

static void test_samples(void)
{
    struct sample qualified[] = {
        {"joe", "joe@home.example"},
        {"joe, a@b, <root>, \"x y\"", "joe@home.example|a@b|root@home.example|"
                                      "\"x y\"@home.example"},
        {"g: joe;", "joe@home.example"},
    };
    size_t i;

    for (i = 0; i < sizeof(common) / sizeof(common[0]); i++) {
        check(&common[i], false, NULL);
        check(&common[i], true, NULL);
    }
    for (i = 0; i < sizeof(arguments) / sizeof(arguments[0]); i++)
        check(&arguments[i], false, NULL);
    for (i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
        check(&fields[i], true, NULL);
    for (i = 0; i < sizeof(qualified) / sizeof(qualified[0]); i++) {
        check(&qualified[i], false, "home.example");
        check(&qualified[i], true, "home.example");
    }
}

/* PREFIX, then C N times, then SUFFIX. */
static char *repeated(const char *prefix, const char *piece, size_t n, const char *suffix)
{
    struct buf b;
    char *copy;

    buf_init(&b, 8 << 20);
    buf_addstr(&b, prefix);
    while (n--)
        buf_addstr(&b, piece);
    buf_addstr(&b, suffix);
    copy = strdup(b.data);
    buf_release(&b);
    return copy;
}

static void check_long(const char *name, char *text, bool accepted)
{
    struct addresses list;
    struct err e = ERR_INIT;
    int rc;

    addresses_init(&list);
    rc = text ? mailbox_argument(text, "home", &list, &e) : -2;
    ok(rc == (accepted ? 0 : -1), "%s is %s", name, accepted ? "accepted" : "refused");
    if (!accepted)
        ok(strlen(e.message) < 700 && strstr(e.message, "..."), "%s is cut in the message",
           name);
    err_release(&e);
    addresses_release(&list);
    free(text);
}

static void test_limits(void)
{
    check_long("an address of 1000 octets", repeated("", "a", 998, "@b"), true);
    check_long("an address of 1001 octets", repeated("", "a", 999, "@b"), false);
    check_long("a bare name of 995 and '@home'", repeated("", "a", 995, ""), true);
    check_long("a bare name of 996 and '@home'", repeated("", "a", 996, ""), false);
    check_long("a quoted one of 1001", repeated("\"", " ", 997, "\"@b"), false);
    check_long("a local part of 1 MB", repeated("", "a", 1000000, "@b"), false);
    check_long("a domain of 1 MB", repeated("a@b", ".b", 500000, ""), false);
    check_long("a label of 63", repeated("a@", "b", 63, ".c"), true);
    check_long("a label of 64",
               repeated("a@", "b", 64,
                        ".caaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
                        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"),
               false);
    check_long("a domain of 253", repeated("a@b", ".c", 126, ""), true);
    check_long("a domain of 255", repeated("a@b", ".c", 127, ""), false);
    check_long("63 letters beyond ASCII", repeated("a@", "\xc3\xbc", 63, ".c"), true);
    check_long("comments nested 64 deep",
               repeated("a@b ", "(", 64,
                        "))))))))))))))))))))))))))))))))"
                        "))))))))))))))))))))))))))))))))"),
               true);
    check_long("comments nested 65 deep",
               repeated("a@b ", "(", 65,
                        "))))))))))))))))))))))))))))))))"
                        ")))))))))))))))))))))))))))))))))"),
               false);
    check_long("a million parentheses", repeated("", "(", 1000000, ""), false);
    check_long("a million commas and one", repeated("", ",", 1000000, "a@b"), true);
    check_long("a million '=?'", repeated("", "=?", 1000000, " <a@b>"), true);
    check_long("a display name of 1 MB", repeated("", "word ", 200000, "<a@b>"), true);
    check_long("a million '<'", repeated("", "<", 1000000, ""), false);
}

static void test_nul(void)
{
    static const char *const values[] = {"a\0b@c", "a@b\0", "\"a\0b\" <c@d>", "(\0) a@b",
                                         "a@[1\0]"};
    static const size_t lens[] = {5, 4, 11, 7, 6};
    struct addresses list;
    struct err e = ERR_INIT;
    size_t i;

    for (i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
        addresses_init(&list);
        ok(parse_field(values[i], lens[i], NULL, &list, &e) == -1 && e.kind == ERR_DATA,
           "field %zu with a NUL is refused", i);
        addresses_release(&list);
    }
    err_release(&e);
}

static void test_messages(void)
{
    struct addresses list;
    struct err e = ERR_INIT;

    addresses_init(&list);
    mailbox_argument("x@y, a b@c, d@e", NULL, &list, &e);
    same_text(e.message, "'a b@c' is not an address: there is a blank inside it",
              "an error quotes the bad part alone");
    mailbox_argument("a\x1b[2J@c", NULL, &list, &e);
    same_text(e.message, "'a\\x1b[2J@c' is not an address: it has a control byte",
              "an error has no control bytes");
    mailbox_argument("", NULL, &list, &e);
    same_text(e.message, "'' is not an address: there is nothing in it", "an empty argument");
    err_release(&e);
    addresses_release(&list);
}

static void test_reverse_path(void)
{
    static const struct sample samples[] = {
        {"", ""},          {"<>", ""},           {" <> ", ""},        {"a@b", "a@b"},
        {"<a@b>", "a@b"},  {"Joe <j@x>", "j@x"}, {"joe", "joe@home"}, {"a@b,", "a@b"},
        {"a@b,c@d", NULL}, {"g:a@b;", NULL},     {"g:;", NULL},       {",", NULL},
        {"a b", NULL},     {"<> a", NULL},       {"a@b\n", NULL},     {"(x)", NULL},
        {"<>,<>", NULL},   {"< >", ""},
    };
    struct err e = ERR_INIT;
    struct buf out;
    size_t i;
    int rc;

    for (i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
        buf_init(&out, 2000);
        buf_addstr(&out, "+");
        rc = mailbox_reverse_path(samples[i].input, "home", &out, &e);
        if (samples[i].want)
            ok(rc == 0 && !strcmp(out.data + 1, samples[i].want), "sender %zu is '%s'", i,
               samples[i].want);
        else
            ok(rc == -1 && e.kind == ERR_USAGE && !strcmp(out.data, "+"),
               "sender %zu is refused", i);
        buf_release(&out);
    }
    err_release(&e);
}

static void test_literals(void)
{
    static const char *const good[] = {"[192.0.2.1]",
                                       "[255.255.255.255]",
                                       "[0.0.0.0]",
                                       "[IPv6:::]",
                                       "[IPv6:2001:db8::1]",
                                       "[ipv6:2001:DB8:0:0:0:0:0:1]",
                                       "[IPv6:::ffff:192.0.2.1]",
                                       "[IPv6:ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255]",
                                       "[x:y]",
                                       "[a-1:!Z^~:]"};
    static const char *const bad[] = {"",
                                      "[",
                                      "]",
                                      "[]",
                                      "[foo]",
                                      "192.0.2.1",
                                      "[192.0.2.1",
                                      "192.0.2.1]",
                                      "[192.0.2]",
                                      "[192.0.2.256]",
                                      "[192.0.2.1.1]",
                                      "[192.0.2.01]",
                                      "[192.0.2.1:25]",
                                      "[ 192.0.2.1]",
                                      "[2001:db8::1]",
                                      "[::1]",
                                      "[IPv6:]",
                                      "[IPv6:192.0.2.1]",
                                      "[IPv6:2001:db8::1%lo]",
                                      "[IPv6:1:2:3:4:5:6:7]",
                                      "[IPv6:2001:db8::1 ]",
                                      "[x:]",
                                      "[:y]",
                                      "[x-:y]",
                                      "[x_1:y]",
                                      "[x:y z]",
                                      "[x:[y]",
                                      "[x:y]]",
                                      "[x:\\y]",
                                      "[x:\xc3\xb6]",
                                      "[x:\x7f]"};
    size_t i;

    for (i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        ok(mailbox_is_literal(good[i], strlen(good[i])), "literal %s", good[i]);
    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        ok(!mailbox_is_literal(bad[i], strlen(bad[i])), "no literal: number %zu", i);
    ok(!mailbox_is_literal("[192.0.2.1\0]", 12), "a NUL in a literal");
    ok(!mailbox_is_literal("[x:\0]", 5), "a NUL behind its tag");
}

static void test_domains(void)
{
    static const char *const good[] = {
        "a", "a.b", "1.2.3.4", "a-b.c", "A.Example", "localhost", "xn--bcher-kva.example"};
    static const char *const bad[] = {"",    ".",   "a.",  ".a",  "a..b", "-a",  "a-", "a.-b",
                                      "a_b", "a b", "a/b", "[1]", "a@b",  "a\n", "a:b"};
    const char *utf8 = "b\xc3\xbc"
                       "cher.example";
    char label[70];
    size_t i;

    for (i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        ok(mailbox_is_domain(good[i], strlen(good[i]), false), "domain %s", good[i]);
    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        ok(!mailbox_is_domain(bad[i], strlen(bad[i]), true), "no domain: number %zu", i);
    ok(mailbox_is_domain(utf8, strlen(utf8), true), "a UTF-8 domain where that is allowed");
    ok(!mailbox_is_domain(utf8, strlen(utf8), false), "a UTF-8 domain where it is not");
    ok(!mailbox_is_domain("b\xfc"
                          "cher",
                          6, true),
       "a Latin-1 domain");
    ok(!mailbox_is_domain("a\0b", 3, true), "a NUL in a domain");
    memset(label, 'a', sizeof(label));
    ok(mailbox_is_domain(label, 63, false), "a label of 63");
    ok(!mailbox_is_domain(label, 64, false), "a label of 64");
    ok(mailbox_needs_utf8("j\xc3\xb6rg@x"), "an address beyond ASCII needs SMTPUTF8");
    ok(!mailbox_needs_utf8("\"a b\"@x"), "one in ASCII does not");
}

static void check_name(const char *name, const char *want)
{
    struct buf out;

    buf_init(&out, 4096);
    mailbox_display_name(&out, name);
    same_text(out.data, want, "display name");
    buf_release(&out);
}

static void test_display_names(void)
{
    char *long_name = repeated("", "\xc3\xbc", 1000, "");
    struct buf out;

    check_name("", "");
    check_name("Joe Doe", "Joe Doe");
    check_name("O'Neil-Smith", "O'Neil-Smith");
    check_name("John Q. Public", "\"John Q. Public\"");
    check_name("Public, John", "\"Public, John\"");
    check_name("a \"b\" \\c", "\"a \\\"b\\\" \\\\c\"");
    check_name(" Joe", "\" Joe\"");
    check_name("Joe  Doe", "\"Joe  Doe\"");
    check_name("a <b@c>", "\"a <b@c>\"");
    check_name("=?utf-8?q?x?=", "\"=?utf-8?q?x?=\"");
    check_name("Joe\r\nBcc: x@y", "\"JoeBcc: x@y\"");
    check_name("\x01\x7f", "");
    check_name("J\xc3\xb6rg", "=?UTF-8?B?SsO2cmc=?=");
    check_name("J\xf6rg", "J?rg");
    check_name("\xc2\x9bx\xc3\xb6", "=?UTF-8?B?eMO2?=");
    /* 24 letters of two bytes: 22 fit a word of 45 octets. */
    check_name("\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4"
               "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4"
               "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4",
               "=?UTF-8?B?w6TDpMOkw6TDpMOkw6TDpMOkw6TDpMOkw6TDpMOkw6TDpMOkw6TDpMOkw6Q=?= "
               "=?UTF-8?B?w6TDpA==?=");
    buf_init(&out, 4096);
    mailbox_display_name(&out, long_name);
    ok(out.len > 300 && out.len < 600, "a long name is cut");
    buf_release(&out);
    free(long_name);
}

static void test_set(void)
{
    enum { MANY = 100000 };
    struct addresses list;
    struct err e = ERR_INIT;
    struct timespec start, end;
    char address[64];
    size_t used;
    bool fine = true;
    int i;

    addresses_init(&list);
    clock_gettime(CLOCK_MONOTONIC, &start);
    for (i = 0; i < 2 * MANY; i++) {
        snprintf(address, sizeof(address), "user%d@host.%s", i % MANY,
                 i < MANY ? "example" : "EXAMPLE");
        fine = fine && addresses_add(&list, address, &e) == 0;
    }
    clock_gettime(CLOCK_MONOTONIC, &end);
    used = list.cap * sizeof(*list.at) + list.slot_count * sizeof(*list.slots) +
           MANY * (strlen(list.at[MANY - 1]) + 1 + 16 /* malloc's share */);
    ok(fine && list.count == MANY, "100,000 addresses, each twice");
    same_text(list.at[MANY - 1], "user99999@host.example", "in the order of their appearance");
    ok(used / MANY < 200, "in less than 200 bytes each");
    ok(end.tv_sec - start.tv_sec < 5, "within seconds");
    addresses_release(&list);
    addresses_add(&list, "", &e);
    addresses_add(&list, "", &e);
    addresses_add(&list, "\"a@B\"@c", &e);
    addresses_add(&list, "\"a@b\"@c", &e);
    addresses_add(&list, "A", &e);
    addresses_add(&list, "a", &e);
    ok(list.count == 5, "local parts differ by case, the null path is an address");
    addresses_release(&list);
    err_release(&e);
}

int main(void)
{
    test_samples();
    test_limits();
    test_nul();
    test_messages();
    test_reverse_path();
    test_domains();
    test_literals();
    test_display_names();
    test_set();
    return tap_end();
}
