/* fuzz_config.c: any bytes as the system's config, the user's, and one that both can include,
 * with lines of '%' between them. What is read is settings that can be applied; what is not, is
 * told in words without control bytes, and without a password. */
#include "check.h"

#include "conf/config_text.h"

#include <string.h>

enum { FILES = 3, LEVELS = 3 };

/* The texts, and how deep the includes are. */
struct world {
    const char *at[FILES];
    size_t len[FILES];
    int level, count;
};

static void parse(struct config_parser *parser, const char *name, int which, size_t part,
                  const struct config_file *parent)
{
    const struct world *world = parser->context;
    struct config_file *file = calloc(1, sizeof(*file));

    CHECK(file && (file->name = strdup(name)));
    file->parent = parent;
    file->exposed = which == 0 ? "exposed" : NULL;
    file->next = parser->config->files;
    parser->config->files = file;
    buf_init_secret(&file->text, 1 << 20);
    buf_add(&file->text, world->at[which], world->len[which]);
    config_parse(parser, file, part);
}

static void include(struct config_parser *parser, const struct config_line *line,
                    const char *path, size_t part)
{
    struct world *world = parser->context;

    CHECK(*path && line->number && line->file && part <= parser->config->account_count);
    if (world->level == LEVELS || world->count++ == 50)
        return;
    world->level++;
    parse(parser, path, FILES - 1, part, line->file);
    world->level--;
}

static void split(struct world *world, const char *text, size_t size)
{
    const char *mark;
    int i;

    for (i = 0; i < FILES; i++) {
        mark = i + 1 < FILES && size ? memmem(text, size, "\n%\n", 3) : NULL;
        world->at[i] = text;
        world->len[i] = mark ? (size_t)(mark - text) : size;
        text += world->len[i] + (mark ? 3 : 0);
        size -= world->len[i] + (mark ? 3 : 0);
    }
}

static void check_value(const char *value)
{
    const unsigned char *c;

    for (c = (const unsigned char *)value; *c; c++)
        CHECK((*c >= ' ' && *c != 0x7f) || *c == '\t');
}

static void check_part(const struct config_part *part)
{
    struct settings settings;
    struct err e = ERR_INIT;
    size_t i;

    settings_init(&settings);
    CHECK(!assignments_apply(&part->assignments, &settings, &e));
    for (i = 0; i < part->assignments.count; i++)
        check_value(part->assignments.at[i].value);
    CHECK(part->inherited <= part->assignments.count);
    for (i = 0; i < part->match_from.count; i++) {
        CHECK(*part->match_from.at[i].value);
        check_value(part->match_from.at[i].value);
    }
    if (part->password) {
        CHECK(secret_length(part->password) == strlen(secret_bytes(part->password)));
        check_value(secret_bytes(part->password));
    }
}

static void check_problems(const struct problems *problems)
{
    const char *c;
    size_t i;

    for (i = 0; i < problems->count; i++) {
        CHECK(problems->at[i].kind == ERR_CONFIG && problems->at[i].stage == STAGE_CONFIG);
        CHECK(problems->at[i].message[0] && !strstr(problems->at[i].message, "geheim"));
        for (c = problems->at[i].message; *c; c++)
            CHECK((unsigned char)*c >= ' ' && *c != 0x7f);
    }
}

/* "geheim" may come up in an error if it is somewhere else than behind a `password =`. */
static bool has_secret(const char *text, size_t size)
{
    const char *secret = size ? memmem(text, size, "geheim", 6) : NULL;
    const char *before = "password = ";

    return secret && secret - text >= 11 && !memcmp(secret - 11, before, 11) &&
           (secret == text + 11 || secret[-12] == '\n') &&
           !memmem(secret + 1, size - (size_t)(secret + 1 - text), "geheim", 6);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct config config = {.accounts = NULL};
    struct problems problems = {0};
    struct world world = {.level = 0};
    struct config_parser parser = {
        .config = &config, .problems = &problems, .include = include, .context = &world};
    char *text = malloc(size + 1);
    size_t i;

    CHECK(text);
    if (size)
        memcpy(text, data, size);
    split(&world, text, size);
    parse(&parser, "system.conf", 0, GENERAL_PART, NULL);
    parser.layer++;
    parse(&parser, "user.conf", 1, GENERAL_PART, NULL);
    config_check_default(&parser);
    if (!problems.count) {
        check_part(&config.general);
        for (i = 0; i < config.account_count; i++) {
            check_part(&config.accounts[i]);
            CHECK(config_account(&config, config.accounts[i].name) == &config.accounts[i]);
        }
    } else if (has_secret(text, size) || !memmem(text, size, "geheim", 6)) {
        check_problems(&problems);
    }
    config_match(&config, "ann@example.org");
    config_release(&config);
    problems_release(&problems);
    free(text);
    return 0;
}
