#include "conf/options.h"

#include "base/text.h"
#include "conf/argv.h"

#include <popt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { USAGE_WIDTH = 78, USAGE_INDENT = 16 };

/* Every option has an argument for popt: the reference to its value. */
static struct poptOption *popt_table(size_t *count)
{
    const struct option_row *rows = option_rows();
    struct poptOption *table;
    size_t i;

    for (*count = 0; rows[*count].name; ++*count)
        ;
    table = calloc(*count + 1, sizeof(*table));
    for (i = 0; table && i < *count; i++) {
        table[i].longName = rows[i].name[0] ? rows[i].name : NULL;
        table[i].shortName = rows[i].letter;
        table[i].argInfo = POPT_ARG_STRING;
        table[i].val = (int)i + 1;
    }
    return table;
}

static int bad_option(poptContext context, int code, struct err *e)
{
    const char *option = poptBadOption(context, POPT_BADOPTION_NOALIAS);
    struct buf shown;

    buf_init(&shown, 512);
    text_escape(&shown, option ? option : "", strnlen(option ? option : "", 100));
    if (code == POPT_ERROR_BADOPT)
        err_set(e, ERR_USAGE, "unknown option '%s'", shown.data);
    else
        err_set(e, ERR_USAGE, "option '%s': %s", shown.data, poptStrerror(code));
    buf_release(&shown);
    err_hint(e, "see smtpsend --help");
    return err_at(e, STAGE_CONFIG);
}

/* Let popt name each option, and note it. */
static int take_all(poptContext context, const struct argv_parts *parts,
                    struct assignments *words, struct err *e)
{
    struct assignment a = {.origin.source = FROM_COMMAND_LINE};
    char *reference;
    int code;

    while ((code = poptGetNextOpt(context)) > 0) {
        reference = poptGetOptArg(context);
        a.origin.row = &option_rows()[code - 1];
        a.value = argv_value(parts, reference);
        free(reference);
        if (assignments_add(words, &a, e))
            return -1;
    }
    return code == -1 ? 0 : bad_option(context, code, e);
}

static int parse(const struct argv_parts *parts, struct assignments *words, struct err *e)
{
    size_t count;
    struct poptOption *table = popt_table(&count);
    poptContext context = NULL;
    int status;

    if (table)
        context = poptGetContext(NULL, parts->option_count, (const char **)parts->options,
                                 table, POPT_CONTEXT_NO_EXEC);
    if (context)
        status = take_all(context, parts, words, e);
    else
        status = err_set(e, ERR_OS, "no memory for the command line");
    poptFreeContext(context);
    free(table);
    return status;
}

int options_read(int argc, char **argv, bool sendmail, struct assignments *words,
                 char ***recipients, struct err *e)
{
    struct argv_parts parts;
    int status = argv_split(argc, argv, sendmail, &parts, e);

    if (!status)
        status = parse(&parts, words, e);
    *recipients = parts.recipients;
    parts.recipients = NULL;
    argv_parts_free(&parts);
    return status;
}

int environment_read(struct assignments *variables, struct err *e)
{
    struct assignment a = {.origin.source = FROM_ENVIRONMENT};
    const struct option_row *row;
    char name[SETTING_NAME_BYTES];

    for (row = option_rows(); row->name; row++) {
        if (!row->setting)
            continue;
        environment_name(row->name, name);
        a.origin.row = row;
        a.value = getenv(name);
        if (a.value && *a.value && assignments_add(variables, &a, e))
            return -1;
    }
    return 0;
}

/* "--tls-ca FILE", "-f ADDR": one option as the usage text shows it. */
static void usage_item(const struct option_row *row, char *out, size_t size)
{
    if (row->name[0] && row->letter)
        snprintf(out, size, "-%c, --%s", row->letter, row->name);
    else if (row->name[0])
        snprintf(out, size, "--%s", row->name);
    else
        snprintf(out, size, "-%c", row->letter);
    if (row->argument[0]) {
        size_t used = strlen(out);

        snprintf(out + used, size - used,
                 row->kind == OPTIONAL   ? "[=%s]"
                 : row->kind == ATTACHED ? "%s"
                                         : " %s",
                 row->argument);
    }
}

static void usage_options(struct buf *out)
{
    const struct option_row *row;
    const char *group = "";
    size_t column = 0, len;
    char item[160];

    for (row = option_rows(); row->name; row++) {
        if (!row->group[0])
            continue;
        usage_item(row, item, sizeof(item));
        len = strlen(item);
        if (strcmp(group, row->group) != 0) {
            buf_addf(out, "%s  %-*s", column ? "\n" : "", USAGE_INDENT - 2, row->group);
            column = USAGE_INDENT;
        } else if (column + 2 + len > USAGE_WIDTH) {
            buf_addf(out, "\n%*s", USAGE_INDENT, "");
            column = USAGE_INDENT;
        } else {
            buf_addstr(out, "  ");
            column += 2;
        }
        buf_addstr(out, item);
        column += len;
        group = row->group;
    }
    buf_addch(out, '\n');
}

void options_usage(struct buf *out)
{
    buf_addstr(out, "Usage: smtpsend [OPTION...] [RECIPIENT...] < message\n"
                    "Send the RFC 5322 message on standard input by SMTP.\n\n");
    usage_options(out);
    buf_addstr(
        out,
        "\nS is HOST, HOST:PORT, smtp://, submission:// or submissions://HOST, unix:/PATH\n"
        "or fd:N; without it smtp://localhost. Settings are also config keys and in the\n"
        "environment: --tls-ca is tls-ca in smtpsend.conf(5), and SMTPSEND_TLS_CA.\n"
        "  smtpsend --server submissions://me@mail.example.org -t < message\n"
        "  printf 'Subject: hi\\n\\nhello\\n' | smtpsend --server mx.example "
        "a@b.example\n"
        "The manual, smtpsend(1), says what each does, with examples.\n");
}
