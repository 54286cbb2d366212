#include "send/dry_run.h"

#include "base/text.h"
#include "send/report.h"

#include <inttypes.h>
#include <string.h>

static void add_text(struct buf *out, const char *text)
{
    text_escape(out, text, strlen(text));
}

static void add_value(struct buf *out, const struct option_row *row, const char *member)
{
    const char *text;
    int64_t ms;
    bool on;

    switch (row->kind) {
    case TEXT:
    case CHOICE:
    case OPTIONAL:
    case ATTACHED:
        memcpy(&text, member, sizeof(text));
        add_text(out, text ? text : "");
        break;
    case LIST: {
        const struct text_list *list = (const void *)member;
        size_t i;

        for (i = 0; i < list->count; i++) {
            buf_addstr(out, i ? ", " : "");
            add_text(out, list->at[i]);
        }
        break;
    }
    case DURATION:
        memcpy(&ms, member, sizeof(ms));
        buf_addf(out, "%" PRId64 ".%03" PRId64 "s", ms / 1000, ms % 1000);
        break;
    case SWITCH:
        memcpy(&on, member, sizeof(on));
        buf_addstr(out, on ? "yes" : "no");
        break;
    case COUNT:
        buf_addf(out, "%d", *(const int *)(const void *)member);
        break;
    }
}

static void add_origin(struct buf *out, const struct origin *origin)
{
    buf_addstr(out, "  (");
    if (origin->file) {
        add_text(out, origin->file);
        buf_addf(out, ":%u", origin->line);
    } else {
        origin_text(origin, out);
    }
    buf_addstr(out, ")\n");
}

/* True for the rows whose members are told of: settings, and letters that no setting has. */
static bool is_told(const struct option_row *row)
{
    const struct option_row *other;

    if (row->setting || !row->letter || !row->group[0] || row->kind == COUNT)
        return row->setting;
    for (other = option_rows(); other != row; other++) {
        if (other->offset == row->offset)
            return false;
    }
    return true;
}

/* "tls = required  (/etc/smtpsend.conf:3)" for each setting that someone made. */
static void add_settings(struct buf *out, const struct dry_run *run)
{
    const struct settings *settings = run->job->settings;
    const struct option_row *row;
    const struct origin *origin;

    for (row = option_rows(); row->name; row++) {
        origin = is_told(row) ? option_origin(settings, row) : NULL;
        if (!origin)
            continue;
        if (row->name[0])
            buf_addf(out, "%s = ", row->name);
        else
            buf_addf(out, "-%c = ", row->letter);
        add_value(out, row, (const char *)settings + row->offset);
        add_origin(out, origin);
    }
    if (run->password && run->password->file) {
        buf_addstr(out, "password = <redacted>");
        add_origin(out, run->password);
    } else if (run->password) {
        buf_addstr(out, "password = <redacted>  (SMTPSEND_PASSWORD)\n");
    }
}

/* What came out of them: where it would go, and how. */
static void add_server(struct buf *out, const struct job *job)
{
    static const char *const modes[] = {[TLS_MODE_DEFAULT] = "",
                                        [TLS_MODE_OFF] = "off",
                                        [TLS_MODE_OPPORTUNISTIC] = "opportunistic",
                                        [TLS_MODE_REQUIRED] = "required",
                                        [TLS_MODE_IMPLICIT] = "implicit"};
    const struct server *server = &job->server;

    buf_addstr(out, "\nto ");
    if (server->kind == SERVER_FD)
        buf_addf(out, "descriptor %d", server->fd);
    else
        add_text(out, server->kind == SERVER_UNIX ? server->path : server->host);
    if (server->kind == SERVER_HOST)
        buf_addf(out, " port %s", server->port);
    buf_addf(out, ", TLS %s", modes[server->tls]);
    if (job->authenticates) {
        buf_addstr(out, ", as ");
        add_text(out, job->identity.user ? job->identity.user
                                         : "whom the token or certificate says");
    }
    buf_addch(out, '\n');
}

static void add_envelope(struct buf *out, const struct envelope *envelope)
{
    size_t i;

    buf_addstr(out, "\nMAIL FROM:<");
    add_text(out, envelope->reverse_path);
    buf_addstr(out, ">\n");
    for (i = 0; i < envelope->count; i++) {
        buf_addstr(out, "RCPT TO:<");
        add_text(out, envelope->recipients[i].address);
        buf_addstr(out, ">\n");
    }
    buf_addch(out, '\n');
}

static int print_message(struct message *message, struct err *e)
{
    const char *data;
    size_t len;
    int more;

    while ((more = message_next(message, false, &data, &len, e)) > 0) {
        if (report_show(data, len, e))
            return -1;
    }
    return more;
}

int dry_run_print(const struct dry_run *run, struct err *e)
{
    struct buf text;
    int status;

    buf_init(&text, SIZE_MAX);
    if (!run->brief) {
        buf_addstr(&text, "account: ");
        add_text(&text, run->account ? run->account : "none");
        buf_addch(&text, '\n');
        add_settings(&text, run);
        add_server(&text, run->job);
    }
    add_envelope(&text, run->envelope);
    status = buf_check(&text, ERR_OS, "the dry run", e);
    if (!status)
        status = report_print(text.data, text.len, e);
    buf_release(&text);
    return status ? -1 : print_message(run->message, e);
}
