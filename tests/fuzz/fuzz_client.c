/* fuzz_client.c: what -bs takes for the end of a message, and what it makes of its dots, against
 * another way to say the same. The first byte says whether DATA ended in a bare LF, the second how
 * much is read at once; the rest is what the client sends. */
#include "check.h"

#include "send/client.h"

#include <unistd.h>

enum { LONGEST = 60000 };

static bool starts_line(const char *data, size_t at, bool bare)
{
    return !at || (data[at - 1] == '\n' && (bare || (at > 1 && data[at - 2] == '\r')));
}

/* Whether the line that starts at AT is the lone dot. */
static bool ends(const char *data, size_t len, size_t at, bool bare)
{
    if (len - at >= 3 && !memcmp(data + at, ".\r\n", 3))
        return true;
    return bare && len - at >= 2 && !memcmp(data + at, ".\n", 2);
}

/* What the message is; -1: it does not end. *REST is where what follows it begins. */
static long expected(const char *data, size_t len, bool bare, char *out, size_t *rest)
{
    size_t at, n = 0;

    for (at = 0; at < len; at++) {
        if (data[at] != '.' || !starts_line(data, at, bare)) {
            out[n++] = data[at];
        } else if (ends(data, len, at, bare)) {
            *rest = at + (data[at + 1] == '\r' ? 3 : 2);
            return (long)n;
        }
    }
    return -1;
}

static void compare(struct client *c, const char *data, size_t len, size_t room)
{
    static char want[LONGEST], got[LONGEST + 2];
    size_t rest = 0, n = 0;
    long wanted = expected(data, len, c->bare, want, &rest);
    ssize_t some;

    client_start_data(c);
    do {
        CHECK(n + 2 <= sizeof(got));
        some = client_read_data(c, got + n, n + room <= sizeof(got) ? room : sizeof(got) - n);
        n += some > 0 ? (size_t)some : 0;
    } while (some > 0);
    CHECK((some < 0) == (wanted < 0) && (some < 0) == (c->trouble == TROUBLE_GONE));
    if (wanted < 0)
        return;
    CHECK(n == (size_t)wanted && !memcmp(got, want, n));
    CHECK(c->end - c->start <= len - rest &&
          !memcmp(c->data + c->start, data + rest, c->end - c->start));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct client client;
    int fds[2];

    if (size < 2 || size - 2 > LONGEST || pipe(fds))
        return 0;
    client_init(&client, fds[0], fds[1], 1000, DEADLINE_NEVER);
    client.bare = data[0] & 1;
    CHECK(write(fds[1], data + 2, size - 2) == (ssize_t)(size - 2));
    close(fds[1]);
    compare(&client, (const char *)data + 2, size - 2, data[1] + 2u);
    client_release(&client);
    close(fds[0]);
    return 0;
}
