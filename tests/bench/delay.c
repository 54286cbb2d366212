/*
 * delay: two network namespaces with a slow link between them, to count round trips by time.
 *
 *   delay MS SERVER CLIENT
 *
 * Runs the shell command SERVER in a namespace whose address is 10.99.0.2 and CLIENT in another
 * whose address is 10.99.0.1. Each packet between them, in either direction, arrives MS later.
 * When CLIENT ends, SERVER is killed, and CLIENT's exit status is delay's.
 *
 * Needs the rights to make network namespaces and TUN devices: root's, or those that
 * `unshare -Urnm` gives where /dev/net/tun is open to all.
 */
#include <arpa/inet.h>
#include <err.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MTU = 1500, PACKETS = 4096 };

/* One direction: packets read from one device that wait to be written to the other. */
struct queue {
    int from, to;
    unsigned first, count;
    struct packet {
        long long due; /* in ns of the monotonic clock */
        ssize_t len;
        char data[MTU];
    } ring[PACKETS];
};

static struct queue there, back;

static long long now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void set_address(int s, struct ifreq *r, unsigned long request, const char *address)
{
    struct sockaddr_in in = {.sin_family = AF_INET};

    inet_pton(AF_INET, address, &in.sin_addr);
    memcpy(&r->ifr_addr, &in, sizeof(in));
    if (ioctl(s, request, r))
        err(69, "address %s", address);
}

static void bring_up(int s, const char *name)
{
    struct ifreq r = {.ifr_flags = 0};

    strncpy(r.ifr_name, name, IFNAMSIZ - 1);
    if (ioctl(s, SIOCGIFFLAGS, &r))
        err(69, "%s", name);
    r.ifr_flags |= IFF_UP;
    if (ioctl(s, SIOCSIFFLAGS, &r))
        err(69, "%s", name);
}

/* Move into a new namespace with a TUN device in it. Returns the descriptor of the device. */
static int new_side(const char *address, const char *peer)
{
    struct ifreq r = {.ifr_flags = IFF_TUN | IFF_NO_PI};
    int fd, s;

    if (unshare(CLONE_NEWNET))
        err(69, "can't make a network namespace");
    fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
    strncpy(r.ifr_name, "slow", IFNAMSIZ - 1);
    if (fd < 0 || ioctl(fd, TUNSETIFF, &r))
        err(69, "can't make a TUN device");
    s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (s < 0)
        err(69, "socket");
    set_address(s, &r, SIOCSIFADDR, address);
    set_address(s, &r, SIOCSIFDSTADDR, peer);
    bring_up(s, "slow");
    bring_up(s, "lo");
    close(s);
    return fd;
}

/* Start a shell in this namespace, held until GATE can be read. It dies with us. */
static pid_t start(const char *command, const int gate[2])
{
    pid_t pid = fork();
    char byte;

    if (pid < 0)
        err(71, "fork");
    if (pid)
        return pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    close(gate[1]);
    if (read(gate[0], &byte, 1) < 0)
        err(71, "pipe");
    close(gate[0]);
    execl("/bin/sh", "sh", "-c", command, (char *)NULL);
    err(71, "sh");
}

static void take(struct queue *q, long long delay)
{
    struct packet *p;

    while (q->count < PACKETS) {
        p = &q->ring[(q->first + q->count) % PACKETS];
        p->len = read(q->from, p->data, sizeof(p->data));
        if (p->len <= 0)
            return;
        p->due = now() + delay;
        q->count++;
    }
}

/* Hand on what is due. Returns when the next packet is. */
static long long give(struct queue *q, long long soonest)
{
    for (; q->count; q->count--) {
        const struct packet *p = &q->ring[q->first];

        if (p->due > now())
            return p->due < soonest ? p->due : soonest;
        /* A device that is full drops packets, as links do. */
        if (write(q->to, p->data, (size_t)p->len) < 0 && getenv("DELAY_DEBUG"))
            warn("a packet was dropped");
        q->first = (q->first + 1) % PACKETS;
    }
    return soonest;
}

int main(int argc, char **argv)
{
    long long delay = argc == 4 ? atoll(argv[1]) * 1000000 : -1, left;
    int gate[2], status = 0;
    pid_t client, server;

    if (delay < 0)
        errx(64, "usage: delay MS SERVER CLIENT");
    if (pipe(gate))
        err(71, "pipe");
    there.from = back.to = new_side("10.99.0.1", "10.99.0.2");
    client = start(argv[3], gate);
    there.to = back.from = new_side("10.99.0.2", "10.99.0.1");
    server = start(argv[2], gate);
    close(gate[0]);
    close(gate[1]);
    while (waitpid(client, &status, WNOHANG) == 0) {
        struct pollfd p[2] = {{there.from, POLLIN, 0}, {back.from, POLLIN, 0}};
        struct timespec wait;

        take(&there, delay);
        take(&back, delay);
        left = give(&back, give(&there, now() + 20000000)) - now();
        wait = (struct timespec){0, left > 0 ? (long)left : 0};
        ppoll(p, 2, &wait, NULL);
    }
    kill(server, SIGTERM);
    waitpid(server, NULL, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
