#include "conf/netrc.h"

#include "base/text.h"
#include "conf/secret_file.h"

#include <stdlib.h>
#include <string.h>

enum { FILE_BYTES = 256 * 1024, TOKEN_BYTES = 8192, PATH_BYTES = 4096 };

/* The reader of a netrc file, and the entry that it is in. */
struct reader {
    const char *at;
    struct buf token; /* the word just read, unquoted */
    const char *host, *user;
    bool fits;      /* the entry is of our host */
    bool malformed; /* a word too long, a quote that never ends, a NUL */
    struct buf *login, *password;
};

/* The next word into r->token. False at the end. */
static bool next_token(struct reader *r)
{
    bool quoted;

    buf_clear(&r->token);
    r->at += strspn(r->at, " \t\r\n");
    if (!*r->at)
        return false;
    quoted = *r->at == '"';
    r->at += quoted;
    while (*r->at && (quoted ? *r->at != '"' : !strchr(" \t\r\n", *r->at))) {
        if (*r->at == '\\' && quoted && r->at[1])
            r->at++;
        buf_addch(&r->token, *r->at++);
    }
    r->malformed |= r->token.failed || (quoted && !*r->at);
    if (quoted && *r->at)
        r->at++;
    return true;
}

/* The next keyword. Comments are where keywords are: a password may begin with '#'. */
static bool next_keyword(struct reader *r)
{
    for (;;) {
        r->at += strspn(r->at, " \t\r\n");
        if (*r->at != '#')
            return next_token(r);
        r->at += strcspn(r->at, "\n");
    }
}

/* A macro ends at the first empty line. */
static void skip_macro(struct reader *r)
{
    for (;;) {
        r->at += strcspn(r->at, "\n");
        if (!*r->at)
            return;
        r->at++;
        if (*r->at == '\n' || (*r->at == '\r' && r->at[1] == '\n'))
            return;
    }
}

/* The entry that was read is the one wanted. */
static bool is_wanted(const struct reader *r)
{
    return r->fits && r->password->len &&
           (!r->user || !strcmp(r->user, r->login->data) || !r->login->len);
}

static void begin_entry(struct reader *r, bool fits)
{
    r->fits = fits;
    buf_clear(r->login);
    buf_clear(r->password);
}

static void take_value(struct reader *r, struct buf *into)
{
    if (!next_token(r))
        return;
    buf_clear(into);
    buf_add(into, r->token.data, r->token.len);
}

/* One keyword and what follows it. 1: the entry before it was the one; 0; -1: no keyword. */
static int take_keyword(struct reader *r, struct buf *ignored)
{
    bool machine = !strcmp(r->token.data, "machine");

    if (machine || !strcmp(r->token.data, "default")) {
        if (is_wanted(r))
            return 1;
        begin_entry(r, !machine || (next_token(r) && text_same(r->token.data, r->host)));
    } else if (!strcmp(r->token.data, "login")) {
        take_value(r, r->login);
    } else if (!strcmp(r->token.data, "password")) {
        take_value(r, r->password);
    } else if (!strcmp(r->token.data, "account")) {
        take_value(r, ignored);
    } else if (!strcmp(r->token.data, "macdef")) {
        skip_macro(r);
    } else {
        return -1;
    }
    return 0;
}

static int search(struct reader *r, struct err *e)
{
    struct buf ignored;
    int result = 0;

    buf_init_secret(&ignored, TOKEN_BYTES);
    while (!result && next_keyword(r))
        result = take_keyword(r, &ignored);
    buf_release(&ignored);
    if (r->malformed)
        return err_set(e, ERR_CONFIG,
                       "--netrc: a word too long, a quote without end, or a NUL byte");
    if (result < 0)
        return err_set(e, ERR_CONFIG, "--netrc: a word that is no keyword of netrc files");
    return result || is_wanted(r);
}

static int default_path(struct buf *path, struct err *e)
{
    const char *home = getenv("HOME");

    if (!home || !*home)
        return err_set(e, ERR_NOINPUT, "--netrc: there is no home folder");
    buf_addf(path, "%s/.netrc", home);
    return buf_check(path, ERR_NOINPUT, "the path of --netrc", e);
}

int netrc_find(const char *path, const char *host, const char *user, struct buf *login,
               struct buf *password, struct err *e)
{
    struct reader r = {.host = host, .user = user, .login = login, .password = password};
    struct buf file, name;
    int result = -1;

    buf_init(&name, PATH_BYTES);
    buf_init_secret(&file, FILE_BYTES);
    buf_init_secret(&r.token, TOKEN_BYTES);
    if (*path)
        buf_addstr(&name, path);
    if ((*path || !default_path(&name, e)) &&
        !secret_file_read(name.data, "--netrc", false, &file, e)) {
        r.at = file.data;
        r.malformed = strlen(file.data) != file.len;
        result = search(&r, e);
    }
    if (result < 1) {
        buf_clear(login);
        buf_clear(password);
    }
    buf_release(&name);
    buf_release(&file);
    buf_release(&r.token);
    return result;
}
