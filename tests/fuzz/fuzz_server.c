/* fuzz_server.c: --server and --port in any bytes: a server that is whole, or a usage error. */
#include "check.h"

#include "net/server.h"

static void check_host(const struct server *s)
{
    size_t i;

    CHECK(s->host && s->host[0] && strlen(s->host) < 256 && !s->path && s->fd == -1);
    for (i = 0; s->host[i]; i++)
        CHECK((unsigned char)s->host[i] > ' ' && !strchr("/@[]?#\x7f", s->host[i]));
    CHECK(!s->port || (s->port[0] && !strpbrk(s->port, " :@/\r\n")));
    CHECK(!s->user || s->user[0]);
}

static void check(const struct server *s)
{
    switch (s->kind) {
    case SERVER_HOST:
        check_host(s);
        break;
    case SERVER_UNIX:
        CHECK(s->path && s->path[0] == '/' && !s->host && !s->user);
        break;
    case SERVER_FD:
        CHECK(s->fd >= 0 && !s->host && !s->path && !s->user);
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1), *port;
    struct err e = ERR_INIT;
    struct server s;
    bool has_user = size && (data[0] & 1);

    CHECK(text);
    memcpy(text, data, size);
    text[size] = '\0';
    /* What follows a line end is the port. */
    port = strchr(text, '\n');
    if (port)
        *port++ = '\0';
    if (server_parse(&s, text, &e)) {
        CHECK(e.kind == ERR_USAGE && e.message[0]);
    } else {
        CHECK(e.kind == ERR_NONE);
        check(&s);
        if (server_settle(&s, port, (enum tls_mode)(size % 5), has_user, &e)) {
            CHECK(e.kind == ERR_USAGE && e.message[0] && port);
        } else {
            check(&s);
            CHECK(s.tls != TLS_MODE_DEFAULT && (s.kind != SERVER_HOST || s.port));
            (void)server_is_local(&s);
        }
    }
    server_release(&s);
    err_release(&e);
    free(text);
    return 0;
}
