#include "net/server.h"

#include "base/text.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct scheme {
    const char *name;
    const char *port; /* NULL: decided by server_settle */
    enum tls_mode tls;
    bool submission;
};

static const struct scheme schemes[] = {
    {"smtp", "25", TLS_MODE_DEFAULT, false},
    {"submission", "587", TLS_MODE_DEFAULT, true},
    {"submissions", "465", TLS_MODE_IMPLICIT, true},
    {"smtps", "465", TLS_MODE_IMPLICIT, true},
};

int tls_mode_parse(const char *text, enum tls_mode *mode)
{
    static const struct {
        const char *name;
        enum tls_mode mode;
    } modes[] = {
        {"required", TLS_MODE_REQUIRED},
        {"implicit", TLS_MODE_IMPLICIT},
        {"opportunistic", TLS_MODE_OPPORTUNISTIC},
        {"off", TLS_MODE_OFF},
    };
    size_t i;

    for (i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
        if (text_same(text, modes[i].name)) {
            *mode = modes[i].mode;
            return 0;
        }
    }
    return -1;
}

static int no_memory(struct err *e)
{
    return err_set(e, ERR_OS, "no memory for the server's name");
}

/* A copy of LEN bytes as a string in *OUT. */
static int keep(char **out, const char *text, size_t len, struct err *e)
{
    free(*out);
    *out = strndup(text, len);
    return *out ? 0 : no_memory(e);
}

static int hex_value(char c)
{
    static const char digits[] = "0123456789abcdef";
    const char *at = c ? strchr(digits, text_lower((unsigned char)c)) : NULL;

    return at ? (int)(at - digits) : -1;
}

/* The user of a URL, percent-decoded (RFC 3986 section 2.1). */
static int parse_user(struct server *s, const char *text, size_t len, struct err *e)
{
    size_t i, out = 0;

    if (memchr(text, ':', len)) {
        err_set(e, ERR_USAGE, "a server URL must not carry a password");
        return err_hint(e, "use --password-file or --password-command");
    }
    if (!len)
        return err_set(e, ERR_USAGE, "the server URL has an empty user");
    if (keep(&s->user, text, len, e))
        return -1;
    for (i = 0; i < len; i++) {
        if (text[i] == '%') {
            int high = i + 2 < len ? hex_value(text[i + 1]) : -1;
            int low = i + 2 < len ? hex_value(text[i + 2]) : -1;

            if (high < 0 || low < 0 || (!high && !low))
                return err_set(e, ERR_USAGE, "bad percent-encoding in the server URL's user");
            s->user[out++] = (char)(high * 16 + low);
            i += 2;
        } else {
            s->user[out++] = text[i];
        }
    }
    s->user[out] = '\0';
    return 0;
}

/* A host name must be able to go into a resolver and a certificate check, nothing more. */
static bool host_is_plausible(const char *host)
{
    size_t i;

    for (i = 0; host[i]; i++) {
        unsigned char c = (unsigned char)host[i];

        if (!text_alnum(c) && c < 0x80 && !strchr("-._:", c) &&
            !(c == '%' && memchr(host, ':', i)))
            return false;
    }
    return i > 0 && i < 256 && host[0] != '-' && host[0] != '.';
}

static int parse_port(struct server *s, const char *text, struct err *e)
{
    size_t i;
    int64_t number;

    for (i = 0; text[i]; i++) {
        if (!text_alnum((unsigned char)text[i]) && text[i] != '-')
            return err_set(e, ERR_USAGE, "'%.64s' is not a port", text);
    }
    number = text_number(text, 65535);
    if (number == 0 ||
        (number < 0 && (text_digit(text[0]) || !text_alnum((unsigned char)text[0]))))
        return err_set(e, ERR_USAGE, "'%.64s' is not a port", text);
    return keep(&s->port, text, i, e);
}

/* With or without a scope ("fe80::1%eth0"). */
static bool is_ipv6(const char *host)
{
    struct in6_addr v6;
    char bare[64];

    snprintf(bare, sizeof(bare), "%.*s", (int)strcspn(host, "%"), host);
    return inet_pton(AF_INET6, bare, &v6) == 1;
}

/* HOST, HOST:PORT, [V6], [V6]:PORT, or a V6 address alone. */
static int parse_host_port(struct server *s, const char *text, struct err *e)
{
    const char *colon = strchr(text, ':');
    const char *host = text, *port = NULL;
    size_t len;

    if (strchr(text, '@')) { /* not shown: there may be a password before it */
        err_set(e, ERR_USAGE, "only a server's URL may name a user");
        return err_hint(e, "as in submission://USER@HOST");
    }
    if (text[0] == '[') {
        const char *end = strchr(text, ']');

        if (!end || (end[1] && end[1] != ':'))
            return err_set(e, ERR_USAGE, "'%.256s' is not a server", text);
        host = text + 1;
        len = (size_t)(end - host);
        port = end[1] ? end + 2 : NULL;
    } else if (colon && strchr(colon + 1, ':')) {
        len = strlen(text);
    } else {
        len = colon ? (size_t)(colon - text) : strlen(text);
        port = colon ? colon + 1 : NULL;
    }
    if (keep(&s->host, host, len, e))
        return -1;
    if ((text[0] == '[' || strchr(s->host, ':')) && !is_ipv6(s->host))
        return err_set(e, ERR_USAGE, "'%.256s' is not an IPv6 address", s->host);
    if (!host_is_plausible(s->host))
        return err_set(e, ERR_USAGE, "'%.256s' is not a host name", s->host);
    return port ? parse_port(s, port, e) : 0;
}

static int parse_url(struct server *s, const struct scheme *scheme, const char *rest,
                     struct err *e)
{
    size_t len = strcspn(rest, "/?#");
    const char *at = memrchr(rest, '@', len);
    char *authority;
    int status;

    if (rest[len] && strcmp(rest + len, "/") != 0)
        return err_set(e, ERR_USAGE, "a server URL must not have a path");
    s->tls = scheme->tls;
    s->submission = scheme->submission;
    if (keep(&s->port, scheme->port, strlen(scheme->port), e))
        return -1;
    if (at && parse_user(s, rest, (size_t)(at - rest), e))
        return -1;
    if (at) {
        len -= (size_t)(at + 1 - rest);
        rest = at + 1;
    }
    authority = strndup(rest, len);
    if (!authority)
        return no_memory(e);
    status = parse_host_port(s, authority, e);
    free(authority);
    return status;
}

static int parse_unix(struct server *s, const char *path, struct err *e)
{
    s->kind = SERVER_UNIX;
    if (path[0] != '/')
        return err_set(e, ERR_USAGE, "unix: needs an absolute path, not '%.256s'", path);
    return keep(&s->path, path, strlen(path), e);
}

static int parse_fd(struct server *s, const char *number, struct err *e)
{
    int64_t fd = text_number(number, 1 << 20);

    s->kind = SERVER_FD;
    if (fd < 0)
        return err_set(e, ERR_USAGE, "'fd:%.32s' is not a descriptor number", number);
    s->fd = (int)fd;
    /* What is started meanwhile, a password command say, has no business with it. */
    (void)fcntl(s->fd, F_SETFD, FD_CLOEXEC);
    return 0;
}

/* Schemes without "//" that name no host: they must not be taken for one with a port. */
static bool is_reserved(const char *text)
{
    return text_starts(text, "mx:") || text_starts(text, "srv:") ||
           text_starts(text, "lmtp+unix:");
}

int server_parse(struct server *s, const char *text, struct err *e)
{
    const char *rest = strstr(text, "://");
    size_t i, len = rest ? (size_t)(rest - text) : 0;

    *s = (struct server){.fd = -1};
    if (text_starts(text, "unix:"))
        return parse_unix(s, text + strlen("unix:"), e);
    if (text_starts(text, "fd:"))
        return parse_fd(s, text + strlen("fd:"), e);
    if (!rest && !is_reserved(text))
        return parse_host_port(s, text, e);
    if (!rest)
        len = strcspn(text, ":");
    for (i = 0; rest && i < sizeof(schemes) / sizeof(schemes[0]); i++) {
        if (text_same_n(text, len, schemes[i].name))
            return parse_url(s, &schemes[i], rest + 3, e);
    }
    err_set(e, ERR_USAGE, "unknown scheme '%.*s' in --server", (int)(len < 32 ? len : 32),
            text);
    return err_hint(e, "known are smtp://, submission://, submissions://, unix:/PATH and fd:N");
}

void server_release(struct server *s)
{
    free(s->host);
    free(s->port);
    free(s->path);
    free(s->user);
    *s = (struct server){.fd = -1};
}

bool server_is_local(const struct server *s)
{
    struct in_addr v4;
    struct in6_addr v6;

    if (s->kind != SERVER_HOST)
        return s->kind == SERVER_UNIX;
    if (inet_pton(AF_INET, s->host, &v4) == 1)
        return ntohl(v4.s_addr) >> 24 == 127;
    if (inet_pton(AF_INET6, s->host, &v6) == 1)
        return IN6_IS_ADDR_LOOPBACK(&v6) ||
               (IN6_IS_ADDR_V4MAPPED(&v6) && v6.s6_addr[12] == 127);
    return text_same(s->host, "localhost") || text_same(s->host, "localhost.");
}

/* Port 465 (RFC 8314 section 7.3), by number or by a name that services files have for it. */
static bool is_implicit_port(const char *port)
{
    static const char *const names[] = {"submissions", "smtps", "ssmtp", "urd"};
    size_t i;

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (text_same(port, names[i]))
            return true;
    }
    return text_number(port, 65535) == 465;
}

int server_settle(struct server *s, const char *port, enum tls_mode tls, bool has_user,
                  struct err *e)
{
    const char *fallback = has_user ? "587" : "25";

    if (port && s->kind != SERVER_HOST)
        return err_set(e, ERR_USAGE, "a port makes no sense with a Unix socket or fd:");
    if (port && parse_port(s, port, e))
        return -1;
    if (s->kind == SERVER_HOST && !s->port && keep(&s->port, fallback, strlen(fallback), e))
        return -1;
    if (s->port && text_number(s->port, 65535) < 0 && !getservbyname(s->port, "tcp"))
        return err_set(e, ERR_USAGE, "unknown service name '%.64s' as a port", s->port);
    if (tls != TLS_MODE_DEFAULT)
        s->tls = tls;
    if (s->tls == TLS_MODE_DEFAULT && s->port && is_implicit_port(s->port))
        s->tls = TLS_MODE_IMPLICIT;
    if (s->tls == TLS_MODE_DEFAULT)
        s->tls = server_is_local(s) ? TLS_MODE_OFF : TLS_MODE_REQUIRED;
    return 0;
}
