#include "send/accounts.h"

#include "base/text.h"
#include "send/job.h"

#include <string.h>

/* The general part's mistakes are those of every account. */
static bool is_known(const struct problems *problems, const struct err *e)
{
    size_t i;

    for (i = 0; i < problems->count; i++) {
        if (!strcmp(problems->at[i].message, e->message))
            return true;
    }
    return false;
}

/* Those of FOUND that are a config's and new. */
static void take_over(struct problems *problems, struct problems *found)
{
    size_t i;

    for (i = 0; i < found->count; i++) {
        if (found->at[i].kind == ERR_CONFIG && !is_known(problems, &found->at[i]))
            problems_add(problems, &found->at[i]);
    }
    problems_release(found);
}

static void check(const struct layers *config_alone, const struct config_part *account,
                  struct problems *problems)
{
    struct problems found = {0};
    struct settings settings;
    struct err e = ERR_INIT;

    if (layers_merge(config_alone, account, &settings, &e))
        problems_add(&found, &e);
    else
        job_check(&settings, &found);
    take_over(problems, &found);
}

void accounts_check(const struct layers *layers, struct problems *problems)
{
    const struct layers config_alone = {.config = layers->config};
    size_t i;

    if (layers->config.general.assignments.count)
        check(&config_alone, NULL, problems);
    for (i = 0; i < layers->config.account_count; i++)
        check(&config_alone, &layers->config.accounts[i], problems);
}

int accounts_choose(const struct layers *layers, const struct settings *settings,
                    const struct config_part **account, struct err *e)
{
    const char *name = settings->account;
    struct buf shown;

    *account = NULL;
    if (!name)
        return config_matches_senders(&layers->config) ? 0 : 1;
    *account = config_account(&layers->config, name);
    if (*account)
        return 1;
    buf_init(&shown, 256);
    text_escape(&shown, name, strnlen(name, 60));
    err_set(e, ERR_USAGE, "the config has no account '%s'", shown.data);
    buf_release(&shown);
    err_about(e, "account");
    err_at(e, STAGE_CONFIG);
    return settings_blame(settings, e);
}

const struct config_part *accounts_match(const struct layers *layers, const char *reverse_path)
{
    return config_match(&layers->config, reverse_path);
}
