/* fuzz_argv.c: any command line (words end in NUL) through our splitter and popt. */
#include "check.h"

#include "conf/argv.h"
#include "conf/options.h"

enum { WORDS = 256 };

/* Every word is an option, a value or a recipient; no word popt could take for the end. */
static void split(int argc, char **argv, bool sendmail)
{
    struct argv_parts parts;
    struct err e = ERR_INIT;
    size_t n;
    int i;

    if (argv_split(argc, argv, sendmail, &parts, &e)) {
        CHECK(e.kind == ERR_USAGE && e.message[0]);
    } else {
        CHECK(e.kind == ERR_NONE && parts.option_count >= 1 &&
              !parts.options[parts.option_count]);
        for (i = 1; i < parts.option_count; i++)
            CHECK(parts.options[i][0] && strcmp(parts.options[i], "--") != 0);
        for (n = 0; parts.recipients[n]; n++)
            ;
        CHECK(n == parts.recipient_count);
    }
    argv_parts_free(&parts);
    err_release(&e);
}

static void read_all(int argc, char **argv, bool sendmail)
{
    struct assignments words = {0};
    struct settings settings;
    struct err e = ERR_INIT;
    char **recipients = NULL;
    const char *at;

    settings_init(&settings);
    if (options_read(argc, argv, sendmail, &words, &recipients, &e) ||
        assignments_apply(&words, &settings, &e)) {
        CHECK(e.kind == ERR_USAGE && e.stage == STAGE_CONFIG && e.message[0]);
        for (at = e.message; *at; at++)
            CHECK((unsigned char)*at >= 0x20 && *at != 0x7f);
    } else {
        CHECK(e.kind == ERR_NONE && recipients);
    }
    free(recipients);
    assignments_release(&words);
    err_release(&e);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *words = malloc(size + 1), *argv[WORDS + 2] = {(char[]){"smtpsend"}};
    size_t at;
    int argc = 1;

    CHECK(words);
    memcpy(words, data, size);
    words[size] = '\0';
    for (at = 0; at < size && argc <= WORDS; at += strlen(words + at) + 1)
        argv[argc++] = words + at;
    split(argc, argv, false);
    split(argc, argv, true);
    read_all(argc, argv, false);
    read_all(argc, argv, true);
    free(words);
    return 0;
}
