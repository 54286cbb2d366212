/* task.h: what a run is to do, by the name that it was called by and its command line. */
#ifndef CONF_TASK_H
#define CONF_TASK_H

#include "conf/assignments.h"

enum task_kind {
    TASK_SEND,
    TASK_DRY_RUN,
    TASK_SERVE,      /* -bs */
    TASK_FLUSH,      /* -q */
    TASK_RETRY,      /* --queue-retry */
    TASK_LOOK_AFTER, /* -bp, and what is done to one message of the queue */
    TASK_HELP,
    TASK_VERSION,
    TASK_NOTHING
};

struct task {
    enum task_kind kind;
    bool due;            /* of TASK_FLUSH: only what is due */
    int64_t interval_ms; /* of that: the pause between its passes; 0: there is one */
};

/* True when NAME is one of those that sendmail has. */
bool task_is_sendmail(const char *name);

/* How the program was called. */
struct task_call {
    const char *name;                /* without its path */
    const struct assignments *words; /* of the command line ... */
    const struct settings *settings; /* ... and what came of them */
    bool has_recipients;
};

/* Find out. -1 with ERR_USAGE: what was asked for excludes each other, or is not to be had here. */
int task_choose(struct task *task, const struct task_call *call, struct err *e);

#endif
