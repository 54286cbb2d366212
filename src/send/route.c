#include "send/route.h"

#include "send/accounts.h"
#include "send/answer.h"

enum { PATH_MAX_BYTES = 2048 };

static int check_peer(const struct route *route, const struct settings *s, struct err *e)
{
    if (!s->match_user || route->peer)
        return 0;
    err_set(e, ERR_USAGE, "--match-user needs a Unix socket as standard input");
    err_about(e, "match-user");
    err_at(e, STAGE_CONFIG);
    return settings_blame(s, e);
}

int route_init(struct route *route, const struct layers *layers, const struct peer *peer,
               struct err *e)
{
    const struct link *link;
    int chosen;

    *route = (struct route){.layers = layers, .peer = peer, .links = {.layers = layers}};
    local_init(&route->local, &route->settings);
    if (layers_merge(layers, NULL, &route->settings, e))
        return -1;
    route->links.run = deadline_in(route->settings.deadline_ms);
    chosen = accounts_choose(layers, &route->settings, &route->account, e);
    if (chosen < 0)
        return -1;
    route->by_sender = !chosen;
    if (route->by_sender)
        return check_peer(route, &route->settings, e);
    link = links_find(&route->links, route->account, e);
    return link ? check_peer(route, &link->settings, e) : -1;
}

void route_release(struct route *route)
{
    links_release(&route->links);
    local_release(&route->local);
}

/* The sender, at the domain of LINK where it has none; that PATH is an address is known. */
static int set_sender(struct link *link, const char *path, struct err *e)
{
    struct job *job = &link->job;

    buf_clear(&job->reverse_path);
    job->has_sender = true;
    return mailbox_reverse_path(path, local_domain(&job->local), &job->reverse_path, e);
}

static bool may_send(const struct route *route, struct link *link)
{
    struct job *job = &link->job;

    return !link->settings.match_user ||
           (route->peer &&
            peer_owns(route->peer, job->reverse_path.data, local_domain(&job->local)));
}

/* The link of ACCOUNT, for the sender that PATH names. */
static struct link *take_link(struct route *route, const struct config_part *account,
                              const char *path, struct reply *answer, struct err *e)
{
    struct link *link = links_find(&route->links, account, e);

    if (!link || set_sender(link, path, e)) {
        answer_error(answer, "451 4.3.5", e);
        return NULL;
    }
    if (may_send(route, link))
        return link;
    answer_say(answer, "553 5.7.1 the sender has to be your login name at this domain");
    return NULL;
}

struct link *route_find(struct route *route, const char *path, struct reply *answer,
                        struct err *e)
{
    const struct config_part *account = route->account;
    struct link *link = NULL;
    struct buf sender;

    buf_init(&sender, PATH_MAX_BYTES);
    if (mailbox_reverse_path(path, local_domain(&route->local), &sender, e)) {
        answer_error(answer, "501 5.1.7", e);
        err_release(e);
    } else {
        if (route->by_sender)
            account = accounts_match(route->layers, sender.data);
        link = take_link(route, account, path, answer, e);
    }
    buf_release(&sender);
    return link;
}
