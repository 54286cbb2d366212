/* test_host.c: our own name, and names to addresses; most of it in a world made for the test. */
#include "tap.h"
#include "world.h"

#include "base/host.h"
#include "net/resolve.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <unistd.h>

/* What the functions run inside a world have to find. */
static const char *want;

static bool found(int (*find)(struct buf *))
{
    struct buf out;
    int has;

    buf_init(&out, 512);
    has = find(&out);
    return want ? has == 1 && !strcmp(out.data, want) : has == 0 && !out.len;
}

static bool fqdn(void)
{
    return found(host_fqdn);
}

static bool mailname(void)
{
    return found(host_mailname);
}

static void in_world(const struct world *w, bool (*act)(void), const char *name)
{
    int result = world_run(w, act);

    if (result < 0)
        ok(true, "%s # SKIP no user namespaces here", name);
    else
        ok(result, "%s", name);
}

static void names(void)
{
    struct world w = {.host_name = "box.example.org"};
    char line[4000];

    want = "box.example.org";
    in_world(&w, fqdn, "a host name with a dot is it, without any hosts file");
    w.host_name = "box";
    want = NULL;
    in_world(&w, fqdn, "one without has none without a hosts file");
    w.hosts = "127.0.0.1 localhost\n127.0.1.1 box\n::1 box6.example.org other\n";
    in_world(&w, fqdn, "none where the hosts file has no dot for it");
    w.hosts = "# box.example.com box\n127.0.0.1\n\n127.0.0.1 localhost\n127.0.1.1 box\n"
              "10.0.0.1\tbox.example.org\tBOX # comment\n10.0.0.2 box.example.net box\n";
    want = "box.example.org";
    in_world(&w, fqdn, "the first line with a dotted name for it, in any case");
    w.hosts = "10.0.0.1 mybox.example.org mybox\n10.0.0.1 x.example.org box.y\n";
    want = NULL;
    in_world(&w, fqdn, "a name is a whole word");
    memset(line, 'x', sizeof(line));
    snprintf(line + 3000, 900, "\n10.0.0.1 box.example.org box\n");
    w.hosts = line;
    want = "box.example.org";
    in_world(&w, fqdn, "a very long line does no harm");
    w.hosts = "10.0.0.1 box.example.org box";
    in_world(&w, fqdn, "no line end at the end of the file");
    want = NULL;
    in_world(&w, mailname, "no mailname");
    w.mailname = "";
    in_world(&w, mailname, "an empty mailname");
    w.mailname = "  \n";
    in_world(&w, mailname, "a blank mailname");
    w.mailname = " example.org \nother\n";
    want = "example.org";
    in_world(&w, mailname, "the mailname's first word");
}

static int family(const struct addrinfo *a)
{
    return a ? a->ai_family : -1;
}

/* The addresses and ports of a list, like "::1/25 127.0.0.1/25"; or the kind of the error. */
static void describe(const struct addrinfo *list, const struct err *e, struct buf *out)
{
    char address[INET6_ADDRSTRLEN];

    if (!list)
        buf_addf(out, "%d", err_exit_status(e->kind));
    for (; list; list = list->ai_next) {
        const struct sockaddr_in *v4 = (const void *)list->ai_addr;
        const struct sockaddr_in6 *v6 = (const void *)list->ai_addr;
        const void *at = list->ai_family == AF_INET ? (const void *)&v4->sin_addr
                                                    : (const void *)&v6->sin6_addr;

        inet_ntop(list->ai_family, at, address, sizeof(address));
        buf_addf(out, "%s%s/%d", out->len ? " " : "", address, ntohs(v4->sin_port));
    }
}

static bool resolves(const char *host, const char *port, int af, struct deadline deadline,
                     const char *to)
{
    struct err e = ERR_INIT;
    struct addrinfo *list = resolve_host(host, port, af, deadline, &e);
    struct buf got;
    bool same;

    buf_init(&got, 4096);
    describe(list, &e, &got);
    same = !strcmp(got.data, to);
    if (!same)
        printf("# %s: %s instead of %s (%s)\n", host, got.data, to, e.message);
    buf_release(&got);
    resolve_free(list);
    err_release(&e);
    fflush(stdout);
    return same;
}

static void literals(void)
{
    struct deadline soon = deadline_in(20000);

    ok(resolves("127.0.0.1", "25", AF_UNSPEC, soon, "127.0.0.1/25"), "an IPv4 literal");
    ok(resolves("127.0.0.1", "25", AF_INET, DEADLINE_NEVER, "127.0.0.1/25"), "of its family");
    ok(resolves("127.0.0.1", "25", AF_INET6, soon, "68"), "not of the other");
    ok(resolves("::1", "2525", AF_UNSPEC, soon, "::1/2525"), "an IPv6 literal");
    ok(resolves("2001:db8::1", "25", AF_INET6, soon, "2001:db8::1/25"), "of its family");
    ok(resolves("::1", "25", AF_INET, soon, "68"), "not of the other");
    ok(resolves("127.0.0.1", "65535", AF_UNSPEC, soon, "127.0.0.1/65535"), "the last port");
    ok(resolves("127.0.0.1", "no-such-service", AF_UNSPEC, soon, "64"), "an unknown service");
    ok(resolves("127.0.0.1", "65536", AF_UNSPEC, soon, "64"), "a port out of range");
    ok(resolves("localhost", "25", AF_UNSPEC, soon, "::1/25 127.0.0.1/25"), "localhost");
    ok(resolves("LocalHost.", "25", AF_INET, soon, "127.0.0.1/25"), "localhost by IPv4");
    ok(resolves("localhost", "25", AF_INET6, DEADLINE_NEVER, "::1/25"), "localhost by IPv6");
    ok(resolves("127.0.0.1", "25", AF_UNSPEC, deadline_in(0), "127.0.0.1/25"),
       "literals need no time");
    resolve_free(NULL);
    ok(family(NULL) == -1, "nothing to free");
}

static bool by_files(void)
{
    return resolves("localhost", "smtp", AF_UNSPEC, deadline_in(20000),
                    "::1/25 127.0.0.1/25") &&
           resolves("mx.example", "submissions", AF_UNSPEC, deadline_in(20000),
                    "10.9.8.7/465") &&
           resolves("mx.example", "25", AF_INET, DEADLINE_NEVER, "10.9.8.7/25") &&
           resolves("mx.example", "25", AF_INET6, deadline_in(20000), "68");
}

/* A name server that takes questions and never answers. */
static bool by_silent_server(void)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(53)};
    int64_t before = clock_now();
    int fd = socket(AF_INET, SOCK_DGRAM, 0);

    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || bind(fd, (const struct sockaddr *)&at, sizeof(at)))
        return false;
    return resolves("mx.example", "25", AF_UNSPEC, deadline_in(500), "75") &&
           resolves("mx.example", "25", AF_UNSPEC, deadline_in(0), "75") &&
           clock_now() - before < INT64_C(4000000000);
}

/* A name server that says of every name that it does not exist. */
static bool by_denying_server(void)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(53)};
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    unsigned char packet[512];
    socklen_t len = sizeof(at);
    ssize_t n;

    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || bind(fd, (const struct sockaddr *)&at, sizeof(at)))
        return false;
    if (fork() == 0) {
        alarm(60);
        while ((n = recvfrom(fd, packet, sizeof(packet), 0, (struct sockaddr *)&at, &len)) >
               12) {
            packet[2] |= 0x80; /* an answer */
            packet[3] = 0x83;  /* NXDOMAIN */
            sendto(fd, packet, (size_t)n, 0, (const struct sockaddr *)&at, len);
            len = sizeof(at);
        }
        _exit(0);
    }
    return resolves("mx.example", "25", AF_UNSPEC, deadline_in(20000), "68") &&
           resolves("mx.example", "25", AF_UNSPEC, DEADLINE_NEVER, "68");
}

static void resolver(void)
{
    struct world w = {.host_name = "box",
                      .hosts = "10.9.8.7 mx.example\n192.0.2.1 localhost\n"};

    in_world(&w, by_files, "names of the hosts file; localhost whatever it says");
    w.hosts = "127.0.0.1 localhost\n";
    w.resolv_conf = "nameserver 127.0.0.1\noptions timeout:10 attempts:1\n";
    in_world(&w, by_silent_server, "a silent name server does not outlive the deadline");
    in_world(&w, by_denying_server, "a name that does not exist");
}

int main(void)
{
    names();
    literals();
    resolver();
    return tap_end();
}
