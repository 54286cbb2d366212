#include "send/link.h"

#include <stdlib.h>

/* ---- one ---- */

int link_arm(struct link *link, const struct sink *sink, struct err *e)
{
    if (link->armed)
        return 0;
    if (job_arm(&link->job, &link->password, e))
        return -1;
    link->armed = true;
    job_warn(&link->job, sink);
    return 0;
}

bool link_is_open(const struct link *link)
{
    return session_takes_more(&link->session);
}

int link_open(struct link *link, const struct sink *sink, struct err *e)
{
    bool handed_in = link->job.server.kind == SERVER_FD;
    struct session_wishes wishes;

    link_close(link);
    if (handed_in && link->handed_in) {
        err_set(e, ERR_TEMPORARY, "the connection that was handed in has ended");
        return err_at(e, STAGE_CONNECT);
    }
    link->handed_in = handed_in;
    job_session(&link->job, sink, &wishes);
    return session_open(&link->session, &wishes, e);
}

void link_close(struct link *link)
{
    if (link->session.dialog)
        session_close(&link->session);
}

/* ---- all ---- */

void links_drop(struct links *links, struct link *link)
{
    struct link **at = &links->first;

    while (*at != link)
        at = &(*at)->next;
    *at = link->next;
    link_close(link);
    job_release(&link->job);
    secret_free(link->password);
    free(link);
}

static int init(struct link *link, const struct layers *layers, char **recipients,
                struct err *e)
{
    if (layers_merge(layers, link->account, &link->settings, e))
        return -1;
    link->password =
        layers_password(layers, link->account, &link->settings, &link->password_origin);
    return job_init(&link->job, &link->settings, recipients, e);
}

struct link *links_add(struct links *links, const struct config_part *account,
                       char **recipients, struct err *e)
{
    struct link *link = calloc(1, sizeof(*link));

    if (!link) {
        err_set(e, ERR_OS, "no memory for an account");
        return NULL;
    }
    link->account = account;
    link->next = links->first;
    links->first = link;
    if (init(link, links->layers, recipients, e)) {
        links_drop(links, link);
        return NULL;
    }
    link->job.run = deadline_nearer(link->job.run, links->run);
    return link;
}

struct link *links_find(struct links *links, const struct config_part *account, struct err *e)
{
    struct link *link = links->first;

    while (link && link->account != account)
        link = link->next;
    return link ? link : links_add(links, account, NULL, e);
}

void links_release(struct links *links)
{
    while (links->first)
        links_drop(links, links->first);
}
