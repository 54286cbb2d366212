/* peer.h: the other end of a connection, played by a child process over a socket pair. */
#ifndef UNIT_PEER_H
#define UNIT_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct peer {
    int fd; /* our end; who passes it on sets it to -1 */
    pid_t pid;
};

/* Run ACT with the far end of a new connection; its value is the child's verdict. Buffers are of
 * about BUFFER bytes (0: as they come). A child that does not end within a minute is killed. */
struct peer peer_start(bool (*act)(int fd, const void *script), const void *script, int buffer);

/* Close our end if it is still ours and wait for the child: its verdict. */
bool peer_end(struct peer *p);

/* For ACT: send it all; read a line and compare it (NULL: any); read until the end. */
bool peer_say(int fd, const char *text);
bool peer_send(int fd, const char *data, size_t len);
bool peer_hear(int fd, const char *line);
size_t peer_drain(int fd);

/* For ACT: a script of strings, NULL at the end: "S:..." is said as it is, "C:..." a line to be
 * heard, "." waits 20 ms. */
bool peer_play(int fd, const void *script);

#endif
