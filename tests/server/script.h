/*
 * A connection that follows a script line by line instead of speaking SMTP: for servers that no
 * option describes. The commands are listed in README.md beside this file.
 */
#ifndef TESTSERVER_SCRIPT_H
#define TESTSERVER_SCRIPT_H

#include "conn.h"

struct script;
struct server;

/* Reads and checks FILE; what is wrong there ends the program with 64, file and line named. */
struct script *script_load(const char *file);
void script_free(struct script *script);

/* Runs it to its end and closes the connection. */
void script_run(const struct script *script, const struct server *server, struct conn *conn);

#endif
