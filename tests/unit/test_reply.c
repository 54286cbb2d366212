/* test_reply.c: one reply of a server, line by line (RFC 5321 section 4.2). */
#include "tap.h"

#include "smtp/reply.h"

#include <stdlib.h>

/* Give LINE to R as exactly its bytes. */
static int take(struct reply *r, const char *line, size_t len, struct err *e)
{
    char *exact = malloc(len ? len : 1);
    int status;

    if (!exact)
        abort();
    memcpy(exact, line, len);
    status = reply_line(r, exact, len, e);
    free(exact);
    return status;
}

static int take_text(struct reply *r, const char *line, struct err *e)
{
    return take(r, line, strlen(line), e);
}

static void single_lines(void)
{
    static const struct {
        const char *line;
        int code;
        const char *text;
    } table[] = {
        {"250 OK", 250, "OK"},
        {"250", 250, ""},
        {"250 ", 250, ""},
        {"250  two blanks", 250, " two blanks"},
        {"200 x", 200, "x"},
        {"599 x", 599, "x"},
        {"354 go", 354, "go"},
        {"421 4.3.2 bye", 421, "4.3.2 bye"},
        {"299 beyond RFC 5321's digits", 299, "beyond RFC 5321's digits"},
        {"220 h\xc3\xa9\x1b[0m", 220, "h\xc3\xa9\x1b[0m"},
    };
    struct reply r;
    struct err e = ERR_INIT;
    size_t i;

    reply_init(&r);
    ok(r.code == 0 && r.lines == 0, "nothing at first");
    for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        ok(take_text(&r, table[i].line, &e) == 1 && r.code == table[i].code && r.lines == 1 &&
               !strcmp(r.text.data, table[i].text) && e.kind == ERR_NONE,
           "'%d %s' is a reply", table[i].code, i == 9 ? "(raw bytes)" : table[i].text);
        ok(reply_class(&r) == table[i].code / 100, "its class");
        reply_clear(&r);
        ok(r.code == 0 && r.lines == 0 && r.text.len == 0 && !r.enhanced.class, "forgotten");
    }
    ok(take(&r, "250 a\0b", 7, &e) == 1 && r.text.len == 3 && !memcmp(r.text.data, "a\0b", 3),
       "a NUL is kept");
    reply_release(&r);
}

static void garbage(void)
{
    static const char *const lines[] = {
        "",
        " ",
        "2",
        "25",
        "150 x",
        "100-x",
        "000 x",
        "600 x",
        "999",
        "2500",
        "2500 x",
        "250x",
        "250_x",
        "250\tx",
        "2a0 x",
        "25a x",
        " 250 x",
        "-250 x",
        "25 0",
        "hello",
        "HTTP/1.1 400 Bad",
        "SSH-2.0-OpenSSH_9.2",
        "+OK",
        "* OK IMAP4",
        "\xb2\xb5\xb0 x",
        "250.x",
        "250:",
        "\r250 x",
        "250\r",
        "\x15\x03\x01",
    };
    struct err e = ERR_INIT;
    struct reply r;
    size_t i;

    for (i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        reply_init(&r);
        err_release(&e);
        ok(take_text(&r, lines[i], &e) == -1 && e.kind == ERR_PROTOCOL && e.message[0],
           "no reply: sample %zu", i + 1);
        reply_release(&r);
    }
    reply_init(&r);
    take_text(&r, "HTTP/1.1 400 \x1b[31m", &e);
    ok(strstr(e.message, "HTTP/1.1 400 \\x1b[31m") && !strchr(e.message, '\x1b'),
       "what came is quoted, escaped");
    ok(e.hint[0], "with a hint");
    reply_release(&r);
    err_release(&e);
}

static void many_lines(void)
{
    struct err e = ERR_INIT;
    struct reply r;

    reply_init(&r);
    ok(take_text(&r, "250-first", &e) == 0 && take_text(&r, "250-", &e) == 0 &&
           take_text(&r, "250-third", &e) == 0 && take_text(&r, "250 last", &e) == 1,
       "several lines");
    ok(r.lines == 4 && r.code == 250, "counted");
    same_text(r.text.data, "first\n\nthird\nlast", "kept apart");
    reply_clear(&r);
    ok(take_text(&r, "250-a", &e) == 0 && take_text(&r, "250", &e) == 1 &&
           !strcmp(r.text.data, "a\n"),
       "three digits alone end a reply");
    reply_clear(&r);
    ok(take_text(&r, "250-a", &e) == 0 && take_text(&r, "251 b", &e) == -1 &&
           e.kind == ERR_PROTOCOL && strstr(e.message, "changed the code"),
       "the code must not change");
    reply_clear(&r);
    ok(take_text(&r, "250-a", &e) == 0 && take_text(&r, "550-b", &e) == -1, "nor its class");
    reply_clear(&r);
    ok(take_text(&r, "250-a", &e) == 0 && take_text(&r, "b", &e) == -1,
       "each line needs its code");
    reply_release(&r);
    err_release(&e);
}

static void bounds(void)
{
    static char line[16384];
    struct err e = ERR_INIT;
    struct reply r;
    int i, status = 0;

    reply_init(&r);
    for (i = 1; i < REPLY_LINES_MAX; i++)
        status |= take_text(&r, "250-", &e);
    ok(status == 0 && take_text(&r, "250 ", &e) == 1 && r.lines == REPLY_LINES_MAX,
       "as many lines as there may be");
    reply_clear(&r);
    for (i = 0; i < REPLY_LINES_MAX; i++)
        status |= take_text(&r, "250-", &e);
    ok(status == 0 && take_text(&r, "250 ", &e) == -1 && e.kind == ERR_PROTOCOL, "one more");
    reply_clear(&r);
    memset(line, 'x', sizeof(line));
    memcpy(line, "250-", 4);
    for (i = 0; i < 4; i++)
        status |= take(&r, line, sizeof(line), &e);
    /* 4 times 16,380 bytes and 3 line ends */
    ok(status == 0 && r.text.len == 4 * (sizeof(line) - 4) + 3, "much text");
    ok(take(&r, line, 4 + REPLY_TEXT_MAX - r.text.len - 1, &e) == 0 &&
           r.text.len == REPLY_TEXT_MAX,
       "as much as there may be");
    ok(take_text(&r, "250 ", &e) == -1 && e.kind == ERR_PROTOCOL &&
           r.text.len <= REPLY_TEXT_MAX,
       "one byte more");
    reply_release(&r);
    err_release(&e);
}

static void enhanced_codes(void)
{
    static const struct {
        const char *line;
        unsigned short class, subject, detail;
    } table[] = {
        {"250 2.1.5 ok", 2, 1, 5},
        {"250 2.1.5", 2, 1, 5},
        {"250-2.1.5 more", 2, 1, 5},
        {"450 4.2.1 full", 4, 2, 1},
        {"550 5.1.1 nobody", 5, 1, 1},
        {"550 5.7.26 dmarc", 5, 7, 26},
        {"550 5.999.999 x", 5, 999, 999},
        {"250 2.0.0 ", 2, 0, 0},
        /* of another class than the code (RFC 2034 section 4), or of none */
        {"250 5.1.1 x", 0, 0, 0},
        {"550 2.1.1 x", 0, 0, 0},
        {"450 5.1.1 x", 0, 0, 0},
        {"354 3.1.1 x", 0, 0, 0},
        /* not one */
        {"550 5.1", 0, 0, 0},
        {"550 5.1.", 0, 0, 0},
        {"550 5..1 x", 0, 0, 0},
        {"550 5.1.1.1 x", 0, 0, 0},
        {"550 5.1.1x", 0, 0, 0},
        {"550 5.1000.1 x", 0, 0, 0},
        {"550 5.1.1000 x", 0, 0, 0},
        {"550 5,1,1 x", 0, 0, 0},
        {"550 .1.1 x", 0, 0, 0},
        {"550  5.1.1 x", 0, 0, 0},
        {"550 x 5.1.1", 0, 0, 0},
        {"550 55.1.1 x", 0, 0, 0},
        {"550 5.1.1\ty", 0, 0, 0},
        {"550", 0, 0, 0},
    };
    struct err e = ERR_INIT;
    struct reply r;
    size_t i;

    for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        reply_init(&r);
        ok(take_text(&r, table[i].line, &e) >= 0 && r.enhanced.class == table[i].class &&
               r.enhanced.subject == table[i].subject && r.enhanced.detail == table[i].detail,
           "the enhanced code of '%s'", table[i].line);
        ok(!strcmp(r.text.data, strlen(table[i].line) > 4 ? table[i].line + 4 : ""),
           "is a part of the text");
        reply_release(&r);
    }
    reply_init(&r);
    take_text(&r, "550-5.1.1 nobody", &e);
    take_text(&r, "550 5.2.2 at all", &e);
    ok(r.enhanced.subject == 1 && r.enhanced.detail == 1, "the first line's counts");
    reply_release(&r);
}

static void refusals(void)
{
    struct err e = ERR_INIT;
    struct reply r;

    reply_init(&r);
    take_text(&r, "550-5.1.1 nobody\x1b", &e);
    take_text(&r, "550 5.1.1 at all", &e);
    ok(reply_refusal(&r, ERR_NOUSER, "the server refuses", &e) == -1 && e.kind == ERR_NOUSER &&
           !strcmp(e.message, "the server refuses") && e.code == 550 && e.enhanced.class == 5 &&
           !strcmp(e.said, "5.1.1 nobody\x1b\n5.1.1 at all"),
       "a refusal has the server's words whole");
    reply_release(&r);
    reply_release(&r);
    err_release(&e);
}

int main(void)
{
    single_lines();
    garbage();
    many_lines();
    bounds();
    enhanced_codes();
    refusals();
    return tap_end();
}
