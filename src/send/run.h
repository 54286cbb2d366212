/* run.h: one message from standard input to its server. */
#ifndef SEND_RUN_H
#define SEND_RUN_H

#include "conf/layers.h"
#include "send/report.h"

struct run_request {
    const struct layers *layers;
    char **recipients; /* words, ended by NULL */
    int input;
    bool sendmail; /* called by that name: the header does not say who sends */
    bool dry_run;  /* only show what would be sent */
};

/* Read the message from the input, send it as the layers and the recipient words say, report what
 * happened. Returns the exit status. */
int run_send(const struct run_request *request, struct report *report);

#endif
