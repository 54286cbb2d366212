#include "send/local.h"

#include "base/host.h"
#include "mail/mailbox.h"

#include <limits.h>
#include <pwd.h>
#include <string.h>
#include <unistd.h>

enum { NAME_MAX_BYTES = 512, ADDRESS_MAX = 1024 };

void local_init(struct local *local, const struct settings *settings)
{
    *local = (struct local){.settings = settings};
    buf_init(&local->domain, NAME_MAX_BYTES);
    buf_init(&local->login, NAME_MAX_BYTES);
    buf_init(&local->full_name, NAME_MAX_BYTES);
    buf_init(&local->host, NAME_MAX_BYTES);
}

void local_release(struct local *local)
{
    buf_release(&local->domain);
    buf_release(&local->login);
    buf_release(&local->full_name);
    buf_release(&local->host);
}

/* --domain, unless it can't be expanded: that was said when the settings were checked. */
static void find_domain(struct local *local)
{
    const struct settings *s = local->settings;
    struct buf *domain = &local->domain;
    struct err unsaid = ERR_INIT;

    if (s->domain)
        local_expand(local, settings_origin(s, "domain"), s->domain, domain, &unsaid);
    else if (!host_mailname(domain) && !host_fqdn(domain))
        buf_clear(domain);
    if (domain->failed || !mailbox_is_domain(domain->data, domain->len, true))
        buf_clear(domain);
    err_release(&unsaid);
}

const char *local_domain(struct local *local)
{
    if (!local->domain_known) {
        local->domain_known = true;
        find_domain(local);
    }
    return local->domain.len ? local->domain.data : NULL;
}

/* The first part of the GECOS field, where '&' stands for the login name (passwd(5)). */
static void gecos_name(struct local *local, const char *gecos)
{
    for (; *gecos && *gecos != ','; gecos++) {
        if (*gecos == '&')
            buf_addstr(&local->full_name, local->login.data);
        else
            buf_addch(&local->full_name, *gecos);
    }
}

static int find_user(struct local *local, struct err *e)
{
    const struct passwd *user = local->login.len ? NULL : getpwuid(getuid());

    if (local->login.len)
        return 0;
    if (!user) {
        err_set(e, ERR_OS, "this user has no login name");
        return err_hint(e, "say who sends with -f");
    }
    buf_addstr(&local->login, user->pw_name);
    if (local->settings->full_name)
        buf_addstr(&local->full_name, local->settings->full_name);
    else
        gecos_name(local, user->pw_gecos);
    return 0;
}

int local_own_address(struct local *local, struct buf *out, struct err *e)
{
    const char *domain = local_domain(local);

    if (find_user(local, e))
        return -1;
    return mailbox_reverse_path(local->login.data, domain ? domain : "localhost", out, e);
}

const char *local_host(struct local *local)
{
    char name[HOST_NAME_MAX + 1] = "";

    if (!local->host.len && !host_fqdn(&local->host) && !gethostname(name, sizeof(name) - 1))
        buf_addstr(&local->host, name);
    return local->host.data;
}

int local_expand(struct local *local, const struct origin *origin, const char *value,
                 struct buf *out, struct err *e)
{
    bool expands = origin && origin->file;

    for (; *value; value++) {
        if (*value != '%' || !expands) {
            buf_addch(out, *value);
            continue;
        }
        switch (*++value) {
        case 'U':
            if (find_user(local, e))
                return -1;
            buf_addstr(out, local->login.data);
            break;
        case 'H':
            buf_addstr(out, local_host(local));
            break;
        case '%':
            buf_addch(out, '%');
            break;
        default:
            err_set(e, ERR_USAGE, "'%%' has to be %%U, %%H or %%%%");
            return err_about(e, origin->row->name);
        }
    }
    return 0;
}

int local_sender(struct local *local, struct buf *out, struct err *e)
{
    const char *from = local->settings->from, *domain;
    struct buf text;
    int status;

    if (!from)
        return 0;
    buf_init(&text, ADDRESS_MAX);
    status = local_expand(local, settings_origin(local->settings, "from"), from, &text, e);
    if (!status)
        status = buf_check(&text, ERR_USAGE, "the sender", e);
    domain = may_be_bare(text.data) && text.len ? local_domain(local) : NULL;
    if (!status)
        status = mailbox_reverse_path(text.data, domain, out, e);
    buf_release(&text);
    return status ? err_about(e, "from") : 1;
}

bool may_be_bare(const char *word)
{
    return !strchr(word, '@') || strpbrk(word, ",;:<\"(") != NULL;
}
