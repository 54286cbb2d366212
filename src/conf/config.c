#include "conf/config.h"

#include "base/file.h"
#include "base/text.h"
#include "conf/config_text.h"

#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    CONFIG_BYTES = 16 * 1024 * 1024, /* of all files together */
    FILES_MAX = 1000,
    INCLUDE_DEPTH = 16,
    PATH_BYTES = 8192
};

/* How much has been read. */
struct reading {
    size_t bytes, files;
};

static struct config_file *file_new(struct config_parser *parser, const char *path,
                                    const struct config_file *parent)
{
    struct config_file *file = calloc(1, sizeof(*file));
    struct reading *reading = parser->context;

    if (file)
        file->name = strdup(path);
    if (!file || !file->name) {
        free(file);
        config_no_memory(parser);
        return NULL;
    }
    file->parent = parent;
    buf_init_secret(&file->text, CONFIG_BYTES - reading->bytes);
    file->next = parser->config->files;
    parser->config->files = file;
    reading->files++;
    return file;
}

/* Take in all of FD. NULL, or what is wrong. */
static const char *read_all(int fd, struct config_file *file)
{
    if (file_read(fd, &file->text))
        return strerror(errno);
    if (!file->text.failed)
        return NULL;
    return file->text.no_memory ? strerror(ENOMEM) : "too long, with all that was read before";
}

/* Why no password may stand in such a file, or NULL. */
static const char *exposure(const struct stat *st)
{
    if (!S_ISREG(st->st_mode))
        return "this is no regular file";
    if (st->st_uid != 0 && st->st_uid != geteuid())
        return "this file is neither yours nor root's";
    if (st->st_mode & (S_IRWXG | S_IRWXO))
        return "others than its owner have rights to this file";
    return NULL;
}

/* A file that includes this one, or one that includes that, is the same file. */
static bool is_loop(const struct config_file *file)
{
    const struct config_file *outer;

    for (outer = file->parent; outer; outer = outer->parent) {
        if (outer->device == file->device && outer->inode == file->inode)
            return true;
    }
    return false;
}

/* Look at what FD is, and take it in. ANY: a pipe will do. NULL, or what is wrong. */
static const char *take_in(int fd, bool any, struct config_file *file)
{
    struct stat st;

    if (fstat(fd, &st))
        return strerror(errno);
    if (S_ISDIR(st.st_mode))
        return strerror(EISDIR);
    if (!any && !S_ISREG(st.st_mode) && !S_ISCHR(st.st_mode))
        return "no regular file";
    file->device = st.st_dev;
    file->inode = st.st_ino;
    if (is_loop(file))
        return "it is being read already: a file can't include itself";
    file->exposed = exposure(&st);
    return read_all(fd, file);
}

/* Read the file by its name. ANY: it may be a pipe, and be waited for. */
static const char *read_file(struct config_file *file, bool any)
{
    int fd = open(file->name, O_RDONLY | O_CLOEXEC | O_NOCTTY | (any ? 0 : O_NONBLOCK));
    const char *trouble;

    if (fd < 0)
        return strerror(errno);
    trouble = take_in(fd, any, file);
    close(fd);
    if (trouble)
        buf_release(&file->text);
    return trouble;
}

/* There is no such file, or we may not know. */
static bool is_absent(const char *path)
{
    struct stat st;

    return stat(path, &st) && (errno == ENOENT || errno == ENOTDIR || errno == EACCES);
}

static void parse(struct config_parser *parser, struct config_file *file, size_t part)
{
    struct reading *reading = parser->context;

    reading->bytes += file->text.len;
    config_parse(parser, file, part);
}

/* Parse a file that is not included. */
static void read_top(struct config_parser *parser, const char *path, bool only)
{
    struct config_file *file;
    struct config_line line = {.key = ""};
    const char *trouble;

    if (!path || (!only && is_absent(path)))
        return;
    file = file_new(parser, path, NULL);
    if (!file)
        return;
    line.file = file;
    trouble = read_file(file, only);
    if (trouble)
        config_problem(parser, &line, NULL, "can't be read: %s", trouble);
    else
        parse(parser, file, GENERAL_PART);
}

/* ---- include ---- */

/* PATH as FROM has it: relative to the folder that FROM is in. */
static void resolve(const struct config_file *from, const char *path, struct buf *out)
{
    const char *slash = strrchr(from->name, '/');

    if (*path != '/' && slash)
        buf_add(out, from->name, (size_t)(slash - from->name) + 1);
    buf_addstr(out, path);
}

static size_t depth(const struct config_file *file)
{
    size_t n = 0;

    for (; file; file = file->parent)
        n++;
    return n;
}

static void include(struct config_parser *parser, const struct config_line *line,
                    const char *path, size_t part)
{
    const struct reading *reading = parser->context;
    struct config_file *file = NULL;
    const char *trouble = NULL;
    struct buf name, shown;

    buf_init(&name, PATH_BYTES);
    buf_init(&shown, 256);
    resolve(line->file, path, &name);
    text_escape(&shown, name.data, strnlen(name.data, 250));
    if (name.failed)
        trouble = strerror(ENAMETOOLONG);
    else if (depth(line->file) > INCLUDE_DEPTH)
        trouble = "too many files within each other";
    else if (reading->files == FILES_MAX)
        trouble = "too many files";
    else
        file = file_new(parser, name.data, line->file);
    if (file)
        trouble = read_file(file, false);
    if (trouble)
        config_problem(parser, line, NULL, "'%s': %s", shown.data, trouble);
    else if (file)
        parse(parser, file, part);
    buf_release(&shown);
    buf_release(&name);
}

/* ---- the whole ---- */

void config_read(struct config *config, const struct config_places *places,
                 struct problems *problems)
{
    struct reading reading = {0, 0};
    struct config_parser parser = {
        .config = config, .problems = problems, .include = include, .context = &reading};

    *config = (struct config){.accounts = NULL};
    if (places->only) {
        read_top(&parser, places->only, true);
    } else {
        read_top(&parser, places->system, false);
        parser.layer++;
        read_top(&parser, places->user, false);
    }
    config_check_default(&parser);
}

static void part_release(struct config_part *part)
{
    assignments_release(&part->assignments);
    assignments_release(&part->match_from);
    secret_free(part->password);
}

void config_release(struct config *config)
{
    struct config_file *file;
    size_t i;

    part_release(&config->general);
    for (i = 0; i < config->account_count; i++)
        part_release(&config->accounts[i]);
    free(config->accounts);
    while ((file = config->files)) {
        config->files = file->next;
        buf_release(&file->text);
        free(file->name);
        free(file);
    }
    *config = (struct config){.accounts = NULL};
}

const struct config_part *config_account(const struct config *config, const char *name)
{
    size_t i;

    for (i = 0; i < config->account_count; i++) {
        if (!strcmp(config->accounts[i].name, name))
            return &config->accounts[i];
    }
    return NULL;
}

static bool fits(const struct config_part *account, const char *reverse_path)
{
    size_t i;

    for (i = 0; i < account->match_from.count; i++) {
        if (!fnmatch(account->match_from.at[i].value, reverse_path, FNM_CASEFOLD))
            return true;
    }
    return false;
}

const struct config_part *config_match(const struct config *config, const char *reverse_path)
{
    const struct config_part *account, *found = NULL;
    size_t i;

    for (i = 0; i < config->account_count; i++) {
        account = &config->accounts[i];
        if (fits(account, reverse_path) && (!found || account->layer > found->layer))
            found = account;
    }
    return found;
}

bool config_matches_senders(const struct config *config)
{
    size_t i;

    for (i = 0; i < config->account_count; i++) {
        if (config->accounts[i].match_from.count)
            return true;
    }
    return false;
}
