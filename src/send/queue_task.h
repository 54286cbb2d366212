/* queue_task.h: the options that look at the queue or change a message in it: -bp (mailq) and
 * --queue-show and its kin, with the queue's place found by the settings. */
#ifndef SEND_QUEUE_TASK_H
#define SEND_QUEUE_TASK_H

#include "conf/layers.h"
#include "send/report.h"

/* Do what the settings ask for. SENDMAIL: see places.h. Returns the exit status: 0 also where
 * there are damaged messages beside the listed ones, which is a warning. */
int queue_task_run(const struct layers *layers, bool sendmail, struct report *report);

#endif
