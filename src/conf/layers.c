#include "conf/layers.h"

#include "base/text.h"

#include <string.h>

int layers_merge(const struct layers *layers, const struct config_part *account,
                 struct settings *settings, struct err *e)
{
    settings_init(settings);
    if (assignments_apply(&layers->config.general.assignments, settings, e) ||
        (account && assignments_apply(&account->assignments, settings, e)) ||
        assignments_apply(&layers->variables, settings, e))
        return -1;
    return assignments_apply(&layers->words, settings, e);
}

/* Who authenticates, and by what secret: passwords, then tokens. */
static const char *const credentials[] = {
    "user",  "authzid",    "password-file", "password-command",
    "netrc", "token-file", "token-command"};
enum { PASSWORDS = 2, TOKENS = 5, CREDENTIALS = sizeof(credentials) / sizeof(credentials[0]) };

/* What a config says of who authenticates is for the server that it names: where the command line
 * or the environment names one, a password is not for that. */
static void forget_credentials(struct settings *settings)
{
    size_t i;

    for (i = 0; i < CREDENTIALS; i++) {
        if (settings_source(settings, credentials[i]) < FROM_ENVIRONMENT)
            settings_unset(settings, credentials[i]);
    }
}

/* The password that stands in the environment or the config itself, at the strongest place, and
 * that place; or NULL. */
static struct secret *stated_password(const struct layers *layers,
                                      const struct config_part *account, bool other_server,
                                      const struct origin **origin)
{
    static const struct origin environment = {.source = FROM_ENVIRONMENT}, none;
    const struct config_part *part = &layers->config.general;

    *origin = &environment;
    if (layers->password)
        return layers->password;
    if (account && account->password)
        part = account;
    *origin = part->password && !other_server ? &part->password_origin : &none;
    return other_server ? NULL : part->password;
}

/* Of the credentials from FROM up to TO, only those of the strongest place stay, which is at least
 * FLOOR and is returned. */
static enum setting_source keep_strongest(struct settings *settings, size_t from, size_t to,
                                          enum setting_source floor)
{
    size_t i;

    for (i = from; i < to; i++) {
        if (settings_source(settings, credentials[i]) > floor)
            floor = settings_source(settings, credentials[i]);
    }
    for (i = from; i < to; i++) {
        if (settings_source(settings, credentials[i]) < floor)
            settings_unset(settings, credentials[i]);
    }
    return floor;
}

/* Where --auth names mechanisms, they say whether a password or a token is wanted; else the one
 * from the stronger place is. */
static bool mechanism_decides(const struct settings *settings)
{
    return settings->auth && !text_same(settings->auth, "auto");
}

struct secret *layers_password(const struct layers *layers, const struct config_part *account,
                               struct settings *settings, const struct origin **origin)
{
    bool other_server = settings_source(settings, "server") >= FROM_ENVIRONMENT;
    struct secret *stated = stated_password(layers, account, other_server, origin);
    enum setting_source strongest;

    if (other_server)
        forget_credentials(settings);
    strongest = keep_strongest(settings, PASSWORDS, TOKENS, (*origin)->source);
    (void)keep_strongest(settings, TOKENS, CREDENTIALS, FROM_DEFAULT);
    if (!mechanism_decides(settings))
        strongest = keep_strongest(settings, PASSWORDS, CREDENTIALS, strongest);
    return stated && (*origin)->source == strongest ? secret_share(stated) : NULL;
}

static const struct assignment *last_from(const struct assignments *list)
{
    size_t i = list->count;

    while (i-- > 0) {
        if (!strcmp(list->at[i].origin.row->name, "from"))
            return &list->at[i];
    }
    return NULL;
}

const struct assignment *layers_config_from(const struct layers *layers,
                                            const struct config_part *account)
{
    const struct assignment *from = account ? last_from(&account->assignments) : NULL;

    return from ? from : last_from(&layers->config.general.assignments);
}

void layers_release(struct layers *layers)
{
    assignments_release(&layers->words);
    assignments_release(&layers->variables);
    config_release(&layers->config);
    secret_free(layers->password);
}
