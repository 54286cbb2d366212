#include "net/resolve.h"

#include "base/text.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One request of getaddrinfo_a, in one block: when the deadline passes first the block must be
 * left to the resolver's thread, which may still write to it. */
struct request {
    struct gaicb job;
    struct addrinfo hints;
    char *host;
    char port[8];
};

static bool is_localhost(const char *host)
{
    return text_same(host, "localhost") || text_same(host, "localhost.");
}

static int port_number(const char *port, char number[8], struct err *e)
{
    struct servent *service;
    int64_t value = text_number(port, 65535);

    if (value < 0) {
        service = getservbyname(port, "tcp");
        if (!service)
            return err_set(e, ERR_USAGE, "unknown service name '%s' as a port", port);
        value = ntohs((uint16_t)service->s_port);
    }
    snprintf(number, 8, "%d", (int)value);
    return 0;
}

static struct addrinfo *failed(int code, const char *host, struct err *e)
{
    if (code == EAI_NONAME || code == EAI_NODATA || code == EAI_ADDRFAMILY) {
        err_set(e, ERR_NOHOST, "no such host: '%s' (%s)", host, gai_strerror(code));
        err_hint(e, code == EAI_ADDRFAMILY
                        ? "it has no address of the family that -4 or -6 wants"
                        : "check the server's name");
    } else if (code == EAI_MEMORY) {
        err_set(e, ERR_OS, "no memory to look up '%s'", host);
    } else {
        err_set(e, ERR_TEMPORARY, "can't look up '%s': %s", host, gai_strerror(code));
        err_hint(e, "the name server did not answer; try again later");
    }
    return NULL;
}

static struct addrinfo *lookup(const char *host, const char *port, int family, struct err *e)
{
    struct addrinfo hints = {
        .ai_family = family, .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    struct addrinfo *list = NULL;
    int code = getaddrinfo(host, port, &hints, &list);

    return code ? failed(code, host, e) : list;
}

static void request_free(struct request *r)
{
    free(r->host);
    free(r);
}

/* Wait for the resolver no longer than DEADLINE. */
static int await(struct request *r, struct deadline deadline)
{
    const struct gaicb *const jobs[] = {&r->job};
    struct timespec left;
    int ms;

    while (gai_error(&r->job) == EAI_INPROGRESS) {
        ms = deadline_poll_ms(deadline);
        if (ms == 0)
            return -1;
        left = (struct timespec){ms / 1000, (long)(ms % 1000) * 1000000};
        (void)gai_suspend(jobs, 1, &left);
    }
    return 0;
}

/* The same in a thread of libc's, where a deadline must hold even when name servers do not. */
static struct addrinfo *lookup_by(const char *host, const char *port, int family,
                                  struct deadline deadline, struct err *e)
{
    struct request *r = calloc(1, sizeof(*r));
    struct gaicb *jobs[1];
    struct addrinfo *list;
    int code;

    if (r)
        r->host = strdup(host);
    if (!r || !r->host) {
        free(r);
        return failed(EAI_MEMORY, host, e);
    }
    snprintf(r->port, sizeof(r->port), "%s", port);
    r->hints = (struct addrinfo){
        .ai_family = family, .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    r->job = (struct gaicb){.ar_name = r->host, .ar_service = r->port, .ar_request = &r->hints};
    jobs[0] = &r->job;
    code = getaddrinfo_a(GAI_NOWAIT, jobs, 1, NULL);
    if (!code && await(r, deadline)) {
        if (gai_cancel(&r->job) == EAI_CANCELED)
            request_free(r);
        return failed(EAI_AGAIN, host, e);
    }
    if (!code)
        code = gai_error(&r->job);
    list = r->job.ar_result;
    request_free(r);
    return code ? failed(code, host, e) : list;
}

/* RFC 6761: localhost is this machine, whatever a resolver would say. */
static struct addrinfo *localhost(const char *port, int family, struct err *e)
{
    struct addrinfo *first = NULL, *second = NULL;

    if (family != AF_INET)
        first = lookup("::1", port, AF_INET6, e);
    if (family != AF_INET6)
        second = lookup("127.0.0.1", port, AF_INET, e);
    if (!first)
        return second;
    first->ai_next = second;
    return first;
}

struct addrinfo *resolve_host(const char *host, const char *port, int family,
                              struct deadline deadline, struct err *e)
{
    char number[8];
    struct in_addr v4;

    if (port_number(port, number, e))
        return NULL;
    if (is_localhost(host))
        return localhost(number, family, e);
    if (deadline.at == DEADLINE_NEVER.at || strchr(host, ':') ||
        inet_pton(AF_INET, host, &v4) == 1)
        return lookup(host, number, family, e);
    return lookup_by(host, number, family, deadline, e);
}

void resolve_free(struct addrinfo *list)
{
    if (list)
        freeaddrinfo(list);
}
