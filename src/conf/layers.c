#include "conf/layers.h"

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

/* Keep those of the settings NAMES (members VALUES) that are as strong as the strongest. */
static void keep_strongest(struct settings *settings, const char *const *names,
                           const char **const *values, size_t count,
                           enum setting_source strongest)
{
    size_t i;

    for (i = 0; i < count; i++) {
        if (settings_source(settings, names[i]) > strongest)
            strongest = settings_source(settings, names[i]);
    }
    for (i = 0; i < count; i++) {
        if (settings_source(settings, names[i]) < strongest)
            *values[i] = NULL;
    }
}

/* Where the password itself stands, the strongest place first. */
static struct secret *stated_password(const struct layers *layers,
                                      const struct config_part *account,
                                      enum setting_source *source)
{
    if (layers->password) {
        *source = FROM_ENVIRONMENT;
        return layers->password;
    }
    if (account && account->password) {
        *source = FROM_ACCOUNT;
        return account->password;
    }
    *source = layers->config.general.password ? FROM_CONFIG : FROM_DEFAULT;
    return layers->config.general.password;
}

struct secret *layers_password(const struct layers *layers, const struct config_part *account,
                               struct settings *settings)
{
    static const char *const ways[] = {"password-file", "password-command", "netrc"};
    static const char *const token_ways[] = {"token-file", "token-command"};
    const char **const members[] = {&settings->password_file, &settings->password_command,
                                    &settings->netrc};
    const char **const token_members[] = {&settings->token_file, &settings->token_command};
    enum setting_source source;
    struct secret *password = stated_password(layers, account, &source);

    keep_strongest(settings, ways, members, 3, source);
    keep_strongest(settings, token_ways, token_members, 2, FROM_DEFAULT);
    return password ? secret_share(password) : NULL;
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
