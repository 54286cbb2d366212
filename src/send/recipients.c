#include "send/recipients.h"

/* Replace the bare names of LIST by what they stand for. */
static int expand(struct job *job, struct addresses *list, struct err *e)
{
    struct addresses expanded;
    size_t i = 0;

    if (!job->settings->aliases)
        return 0;
    while (i < list->count && !mailbox_is_bare(list->at[i]))
        i++;
    if (i == list->count)
        return 0;
    if (!job->aliases)
        job->aliases = aliases_open(job->settings->aliases, e);
    addresses_init(&expanded);
    if (!job->aliases || aliases_expand(job->aliases, list, &expanded, e)) {
        addresses_release(&expanded);
        return err_at(e, STAGE_CONFIG);
    }
    addresses_release(list);
    *list = expanded;
    return 0;
}

/* Add to OUT the addresses of LIST, bare ones at the job's domain, and release LIST. */
static int settle(struct job *job, struct addresses *list, struct addresses *out, struct err *e)
{
    int status = expand(job, list, e);
    size_t i;

    for (i = 0; !status && i < list->count; i++) {
        const char *address = list->at[i];

        if (mailbox_is_bare(address))
            status = mailbox_argument(address, local_domain(&job->local), out, e);
        else
            status = addresses_add(out, address, e);
    }
    addresses_release(list);
    return status;
}

/* Parse the arguments into LIST, bare names at DOMAIN (NULL: left bare). */
static int take_words(struct job *job, char **words, bool stay_bare, struct addresses *list,
                      struct err *e)
{
    const char *domain;

    for (; *words; words++) {
        domain = !stay_bare && may_be_bare(*words) ? local_domain(&job->local) : NULL;
        if (mailbox_argument(*words, domain, list, e))
            return -1;
    }
    return 0;
}

/* Without aliases the addresses need no second list. */
int recipients_take_words(struct job *job, char **words, struct err *e)
{
    struct addresses list;

    addresses_init(&list);
    if (!job->settings->aliases) {
        if (take_words(job, words, false, &job->recipients, e))
            return -1;
    } else if (take_words(job, words, true, &list, e)) {
        addresses_release(&list);
        return -1;
    } else if (settle(job, &list, &job->recipients, e)) {
        return -1;
    }
    if (!job->recipients.count && !job->settings->header_recipients) {
        err_set(e, ERR_USAGE, "no recipient");
        return err_hint(e, "name one, or give -t to take them from the message");
    }
    return 0;
}

int recipients_take_header(struct job *job, const struct header *header, struct err *e)
{
    struct addresses list;

    addresses_init(&list);
    if (!job->settings->aliases) {
        if (header_recipients(header, local_domain(&job->local), &job->recipients, e))
            return -1;
    } else if (header_recipients(header, NULL, &list, e)) {
        addresses_release(&list);
        return -1;
    } else if (settle(job, &list, &job->recipients, e)) {
        return -1;
    }
    if (!job->recipients.count) {
        err_set(e, ERR_USAGE, "no recipient in the arguments or in the message");
        return err_hint(e, "the message needs a To, Cc or Bcc field");
    }
    return 0;
}

int recipients_of_path(struct job *job, const char *path, struct addresses *out, struct err *e)
{
    struct addresses list;

    addresses_init(&list);
    if (!mailbox_argument(path, NULL, &list, e))
        return settle(job, &list, out, e);
    addresses_release(&list);
    return -1;
}
