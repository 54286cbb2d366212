#include "send/edit.h"

#include "mail/mend.h"
#include "mail/qualify.h"

/* The address that --set-from puts into From: the config's, else the one of the envelope. */
static int account_address(const struct edit *edit, struct buf *out, struct err *e)
{
    const struct assignment *from = layers_config_from(edit->layers, edit->account);
    struct job *job = edit->job;
    struct buf text;
    int status = 0;

    if (!from) {
        buf_addstr(out, job->has_sender ? job->reverse_path.data : "");
    } else {
        buf_init(&text, 1024);
        status = local_expand(&job->local, &from->origin, from->value, &text, e);
        if (!status)
            status = mailbox_reverse_path(text.data, local_domain(&job->local), out, e);
        buf_release(&text);
    }
    if (!status && !out->len) {
        err_set(e, ERR_USAGE, "--set-from needs an address");
        err_hint(e, "give --from, or `from` in the config");
        err_about(e, "set-from");
        status = -1;
    }
    if (!status)
        return 0;
    err_at(e, STAGE_CONFIG);
    return settings_blame(job->settings, e);
}

static int edit_header(const struct edit *edit, struct header *header,
                       struct message_identity who, struct err *e)
{
    const struct settings *s = edit->job->settings;
    struct buf address;
    int status = 0;

    buf_init(&address, 2048);
    if (s->set_from) {
        status = account_address(edit, &address, e);
        who.address = address.data;
        if (!status)
            status = mend_from(header, &who, e);
    }
    if (!status && s->undisclosed)
        status = mend_recipients(header, e);
    buf_release(&address);
    return status;
}

/* The domain is looked for only where it is needed: that reads files. */
static int qualify_names(const struct edit *edit, struct header *header, struct err *e)
{
    const char *domain = qualify_is_needed(header) ? local_domain(&edit->job->local) : NULL;

    return domain ? qualify_header(header, domain, e) : 0;
}

static int mend(const struct edit *edit, struct message *message, struct err *e)
{
    struct job *job = edit->job;
    bool add = job->settings->add_headers;
    struct message_identity who = {0};
    struct buf own;
    int status = 0;

    buf_init(&own, 2048);
    who.address = job->reverse_path.data;
    who.name = job->settings->full_name;
    /* A bounce has no sender, yet its From needs somebody. */
    if (add && header_find(message_header(message), "From", 0) < 0 && !job->local.login.len &&
        (!job->has_sender || !job->reverse_path.len)) {
        status = local_own_address(&job->local, &own, e);
        who.address = own.data;
    }
    if (!who.name && job->local.full_name.len)
        who.name = job->local.full_name.data;
    if (!status)
        status = edit_header(edit, message_header(message), who, e);
    if (!status && add)
        status = qualify_names(edit, message_header(message), e);
    if (!status)
        status = message_mend(message, add, &who, e);
    buf_release(&own);
    return status ? err_at(e, STAGE_MESSAGE) : 0;
}

/* RFC 5321 section 4.5.3.1.6 wants 1,000 octets at most; most servers take more, and breaking a
 * line would change the message. */
static void note_long_lines(const struct edit *edit, const struct message *message)
{
    if (message_facts(message)->long_lines)
        sink_say(edit->sink, EVENT_FACT, STAGE_MESSAGE,
                 "a line of over 998 octets, the standard's most, goes as it is");
}

int edit_message(const struct edit *edit, struct message *message, struct err *e)
{
    if (mend(edit, message, e))
        return -1;
    note_long_lines(edit, message);
    return 0;
}
