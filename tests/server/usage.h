/* The answer to --help. */
#ifndef TESTSERVER_USAGE_H
#define TESTSERVER_USAGE_H

/* Prints it on standard output. */
void usage_print(void);

#endif
