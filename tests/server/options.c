#include "options.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "usage.h"

/* So many rounds of SCRAM a server can be asked to do itself. */
enum { EXIT_USAGE = 64, HONEST_ITERATIONS = 5000000 };

static const char *const stage_names[] = {"greeting", "ehlo", "helo",      "starttls", "auth",
                                          "mail",     "rcpt", "data",      "dot",      "rset",
                                          "bdat",     "quit", "handshake", "body",     "other"};
static const char *const action_names[] = {
    "none", "drop", "reset", "hang", "garbage", "drip", "endless", "longline", "closeafter"};
static const char *const lie_names[] = {
    "none",    "nonce",     "iterations", "signature",       "nosignature",   "badbase64",
    "badsalt", "emptysalt", "extension",  "longserverfirst", "success-early", "servererror"};
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

const char *stage_name(enum stage stage)
{
    return stage_names[stage];
}

const char *action_name(enum action action)
{
    return action_names[action];
}

const struct rule *rules_find(const struct rules *rules, enum stage stage, unsigned nth,
                              unsigned total)
{
    const struct rule *general = NULL, *periodic = NULL;

    for (size_t i = 0; i < rules->count; i++) {
        const struct rule *rule = &rules->v[i];

        if (rule->stage != stage)
            continue;
        if (rule->nth == nth)
            return rule;
        if (rule->every != 0 && total % rule->every == 0 && periodic == NULL)
            periodic = rule;
        if (rule->nth == 0 && rule->every == 0 && general == NULL)
            general = rule;
    }
    return periodic != NULL ? periodic : general;
}

static void words_add(struct words *words, const char *word)
{
    words->v = must_realloc(words->v, (words->count + 1) * sizeof(*words->v));
    words->v[words->count++] = word;
}

static void add_listen(struct options *o, enum listen_kind kind, const char *where)
{
    o->listens = must_realloc(o->listens, (o->listen_count + 1) * sizeof(*o->listens));
    o->listens[o->listen_count].kind = kind;
    o->listens[o->listen_count++].where = where;
}

static void take_listen(struct options *o, const char *arg)
{
    add_listen(o, LISTEN_PLAIN, arg);
}

static void take_listen_tls(struct options *o, const char *arg)
{
    add_listen(o, LISTEN_TLS, arg);
}

static void take_unix(struct options *o, const char *arg)
{
    add_listen(o, LISTEN_UNIX, arg);
}

static void take_user(struct options *o, const char *arg)
{
    const char *colon = strchr(arg, ':');

    if (colon == NULL || colon == arg)
        die(EXIT_USAGE, "--user wants NAME:PASSWORD");
    words_add(&o->users, arg);
}

static void take_token(struct options *o, const char *arg)
{
    const char *colon = strchr(arg, ':');

    if (colon == NULL || colon == arg)
        die(EXIT_USAGE, "--token wants NAME:TOKEN");
    words_add(&o->tokens, arg);
}

static void take_script(struct options *o, const char *arg)
{
    words_add(&o->scripts, arg);
}

static void take_offer(struct options *o, const char *arg)
{
    offer_add(&o->offer, "--offer", arg);
}

static void take_offer_before(struct options *o, const char *arg)
{
    offer_add(&o->offer_before_tls, "--offer-before-tls", arg);
}

static void take_offer_after(struct options *o, const char *arg)
{
    offer_add(&o->offer_after_tls, "--offer-after-tls", arg);
}

static void take_no(struct options *o, const char *arg)
{
    offer_remove(&o->offer, "--no", arg);
}

static void take_alert(struct options *o, const char *arg)
{
    unsigned long long alert;

    if (number_parse(arg, 255, &alert) < 0)
        die(EXIT_USAGE, "--tls-alert wants a number up to 255, not '%s'", arg);
    o->tls_alert = (int)alert;
}

/* More than an int holds is wanted too, of a liar. */
static void take_iterations(struct options *o, const char *arg)
{
    if (number_parse(arg, ~0ULL, &o->scram_iterations) < 0)
        die(EXIT_USAGE, "--scram-iterations wants a number, not '%s'", arg);
}

static void take_lie(struct options *o, const char *arg)
{
    for (size_t i = LIE_NONE + 1; i < COUNT(lie_names); i++)
        if (strcmp(lie_names[i], arg) == 0)
            o->lie = (enum lie_kind)i;
    if (o->lie == LIE_NONE)
        die(EXIT_USAGE, "--lie: unknown lie '%s'", arg);
}

/* Reads STAGE, STAGE:N or STAGE/N and the equals sign; returns what is behind it. */
static const char *rule_head(const char *option, const char *arg, struct rule *rule)
{
    const char *equals = strchr(arg, '=');
    size_t len = equals == NULL ? 0 : (size_t)(equals - arg);
    size_t name_len = equals == NULL ? 0 : strcspn(arg, ":/=");
    int found = -1;

    if (equals == NULL)
        die(EXIT_USAGE, "%s wants STAGE=…, not '%s'", option, arg);
    for (int i = 0; i < STAGE_NONE; i++)
        if (strlen(stage_names[i]) == name_len && strncmp(stage_names[i], arg, name_len) == 0)
            found = i;
    if (found < 0)
        die(EXIT_USAGE, "%s: unknown stage in '%s'", option, arg);
    rule->stage = (enum stage)found;
    if (name_len < len) {
        unsigned long long number = 0;
        char digits[16];

        snprintf(digits, sizeof(digits), "%.*s", (int)(len - name_len - 1), arg + name_len + 1);
        if (number_parse(digits, 1000000000, &number) < 0 || number == 0)
            die(EXIT_USAGE, "%s: STAGE:N and STAGE/N want a number from 1 in '%s'", option,
                arg);
        *(arg[name_len] == ':' ? &rule->nth : &rule->every) = (unsigned)number;
    }
    return equals + 1;
}

static void rules_add(struct rules *rules, struct rule rule)
{
    rules->v = must_realloc(rules->v, (rules->count + 1) * sizeof(*rules->v));
    rules->v[rules->count++] = rule;
}

static void take_reply(struct options *o, const char *arg)
{
    struct rule rule = {.stage = STAGE_NONE};
    const char *reply = rule_head("--reply", arg, &rule);

    if (rule.stage >= STAGE_HANDSHAKE)
        die(EXIT_USAGE, "--reply: there is no reply to '%s'", stage_name(rule.stage));
    if (text_unescape(&rule.reply, reply) < 0)
        die(EXIT_USAGE, "--reply: unknown escape in '%s'", reply);
    rules_add(&o->replies, rule);
}

static void take_at(struct options *o, const char *arg)
{
    struct rule rule = {.stage = STAGE_NONE};
    const char *name = rule_head("--at", arg, &rule);

    for (size_t i = ACTION_DROP; i < COUNT(action_names); i++)
        if (strcmp(action_names[i], name) == 0)
            rule.action = (enum action)i;
    if (rule.action == ACTION_NONE)
        die(EXIT_USAGE, "--at: unknown action '%s'", name);
    if (rule.stage == STAGE_HANDSHAKE && rule.action != ACTION_DROP &&
        rule.action != ACTION_RESET && rule.action != ACTION_HANG &&
        rule.action != ACTION_GARBAGE)
        die(EXIT_USAGE, "--at handshake takes drop, reset, hang or garbage");
    rules_add(&o->actions, rule);
}

static void take_delay(struct options *o, const char *arg)
{
    struct rule rule = {.stage = STAGE_NONE};
    const char *digits = rule_head("--delay", arg, &rule);
    unsigned long long ms;

    if (number_parse(digits, 1000000000, &ms) < 0)
        die(EXIT_USAGE, "--delay wants milliseconds, not '%s'", digits);
    rule.delay_ms = (unsigned)ms;
    rules_add(&o->delays, rule);
}

/* The equals sign that ends GLOB: the first one with a reply code behind it (addresses may hold
 * others), else the first. */
static const char *rcpt_split(const char *arg)
{
    for (const char *p = strchr(arg, '='); p != NULL; p = strchr(p + 1, '='))
        if (isdigit((unsigned char)p[1]) && isdigit((unsigned char)p[2]) &&
            isdigit((unsigned char)p[3]) && (p[4] == '\0' || strchr(" -\\", p[4]) != NULL))
            return p;
    return strchr(arg, '=');
}

static void take_rcpt(struct options *o, const char *arg)
{
    const char *equals = rcpt_split(arg);
    struct rcpt_rule *rule;
    size_t len;

    if (equals == NULL)
        die(EXIT_USAGE, "--rcpt wants GLOB=REPLY, not '%s'", arg);
    len = (size_t)(equals - arg);
    o->rcpts = must_realloc(o->rcpts, (o->rcpt_count + 1) * sizeof(*o->rcpts));
    rule = &o->rcpts[o->rcpt_count++];
    rule->glob = must_calloc(len + 1, 1);
    memcpy(rule->glob, arg, len);
    if (text_unescape(&rule->reply, equals + 1) < 0)
        die(EXIT_USAGE, "--rcpt: unknown escape in '%s'", equals + 1);
}

/* One row: a flag, a string, a number or a function that takes the argument. */
struct option_row {
    const char *name;
    enum { ROW_FLAG, ROW_STRING, ROW_NUMBER, ROW_CALL } kind;
    size_t offset;
    void (*take)(struct options *, const char *);
};

#define FLAG(name, field)                                                                      \
    {                                                                                          \
        name, ROW_FLAG, offsetof(struct options, field), NULL                                  \
    }
#define STRING(name, field)                                                                    \
    {                                                                                          \
        name, ROW_STRING, offsetof(struct options, field), NULL                                \
    }
#define NUMBER(name, field)                                                                    \
    {                                                                                          \
        name, ROW_NUMBER, offsetof(struct options, field), NULL                                \
    }
#define CALL(name, take)                                                                       \
    {                                                                                          \
        name, ROW_CALL, 0, take                                                                \
    }

static const struct option_row rows[] = {
    CALL("listen", take_listen),
    CALL("listen-tls", take_listen_tls),
    CALL("unix", take_unix),
    FLAG("fast-open", fast_open),
    STRING("ready", ready),
    STRING("make-cert", make_cert),
    FLAG("make-cert-only", make_cert_only),
    STRING("tls-cert", tls_cert),
    STRING("tls-key", tls_key),
    STRING("tls-priority", tls_priority),
    STRING("tls-client-ca", tls_client_ca),
    FLAG("tls-client-required", tls_client_required),
    STRING("tls-ocsp", tls_ocsp),
    CALL("tls-alert", take_alert),
    CALL("user", take_user),
    CALL("token", take_token),
    STRING("mechs", mechs),
    CALL("scram-iterations", take_iterations),
    STRING("scram-salt", scram_salt),
    CALL("lie", take_lie),
    CALL("offer", take_offer),
    CALL("offer-before-tls", take_offer_before),
    CALL("offer-after-tls", take_offer_after),
    CALL("no", take_no),
    FLAG("auth-in-clear", auth_in_clear),
    FLAG("require-auth", require_auth),
    FLAG("require-tls", require_tls),
    STRING("maildir", maildir),
    FLAG("discard", discard),
    FLAG("sha256", sha256),
    STRING("transcript", transcript),
    STRING("raw", raw),
    CALL("reply", take_reply),
    CALL("rcpt", take_rcpt),
    CALL("at", take_at),
    CALL("delay", take_delay),
    CALL("script", take_script),
    NUMBER("connections", connections),
    NUMBER("lifetime", lifetime_s),
    NUMBER("max-conn", max_conn),
};

/* Uses one option; returns whether NEXT was its argument. */
static bool take_option(struct options *o, const char *word, const char *next)
{
    size_t len = strcspn(word, "=");
    const char *value = word[len] == '=' ? word + len + 1 : next;
    const struct option_row *row = NULL;
    void *field;

    for (size_t i = 0; i < COUNT(rows); i++)
        if (strlen(rows[i].name) == len && strncmp(rows[i].name, word, len) == 0)
            row = &rows[i];
    if (row == NULL)
        die(EXIT_USAGE, "unknown option '--%s'", word);
    if (row->kind == ROW_FLAG) {
        if (word[len] == '=')
            die(EXIT_USAGE, "--%s takes no argument", row->name);
        *(bool *)((char *)o + row->offset) = true;
        return false;
    }
    if (value == NULL)
        die(EXIT_USAGE, "--%s wants an argument", row->name);
    field = (char *)o + row->offset;
    if (row->kind == ROW_CALL)
        row->take(o, value);
    else if (row->kind == ROW_STRING)
        *(const char **)field = value;
    else if (number_parse(value, 1000000000, field) < 0)
        die(EXIT_USAGE, "--%s wants a number, not '%s'", row->name, value);
    return word[len] != '=';
}

static void options_check(struct options *o)
{
    if (o->listen_count == 0)
        add_listen(o, LISTEN_PLAIN, "127.0.0.1:0");
    if (o->discard && o->maildir != NULL)
        die(EXIT_USAGE, "--discard and --maildir exclude each other");
    if ((o->tls_cert == NULL) != (o->tls_key == NULL))
        die(EXIT_USAGE, "--tls-cert and --tls-key go together");
    if (o->make_cert_only && o->make_cert == NULL)
        die(EXIT_USAGE, "--make-cert-only wants --make-cert DIR");
    if (o->tls_client_required && o->tls_client_ca == NULL)
        die(EXIT_USAGE, "--tls-client-required wants --tls-client-ca FILE");
    if (o->lie == LIE_NONE &&
        (o->scram_iterations == 0 || o->scram_iterations > HONEST_ITERATIONS))
        die(EXIT_USAGE, "--scram-iterations from 1 to %d, others only with --lie iterations",
            HONEST_ITERATIONS);
    if (o->lifetime_s == 0 || o->max_conn == 0)
        die(EXIT_USAGE, "--lifetime and --max-conn want a number from 1");
    for (size_t i = 0; i < o->listen_count; i++)
        if (o->listens[i].kind == LISTEN_TLS && o->tls_cert == NULL && o->make_cert == NULL)
            die(EXIT_USAGE, "--listen-tls wants a certificate: --make-cert or --tls-cert");
}

void options_parse(struct options *options, int argc, char **argv)
{
    memset(options, 0, sizeof(*options));
    options->offer.caps = CAP_ALL;
    options->mechs = "PLAIN LOGIN";
    options->scram_iterations = 4096;
    options->tls_alert = -1;
    options->tls_priority = "NORMAL";
    options->lifetime_s = 600;
    options->max_conn = 256;
    for (int i = 1; i < argc; i++) {
        const char *next = i + 1 < argc ? argv[i + 1] : NULL;

        if (strcmp(argv[i], "--help") == 0) {
            usage_print();
            exit(0);
        }
        if (strncmp(argv[i], "--", 2) != 0)
            die(EXIT_USAGE, "unexpected argument '%s'", argv[i]);
        if (take_option(options, argv[i] + 2, next))
            i++;
    }
    options_check(options);
}

static void rules_free(struct rules *rules)
{
    for (size_t i = 0; i < rules->count; i++)
        text_free(&rules->v[i].reply);
    free(rules->v);
}

void options_free(struct options *options)
{
    offer_free(&options->offer);
    offer_free(&options->offer_before_tls);
    offer_free(&options->offer_after_tls);
    for (size_t i = 0; i < options->rcpt_count; i++) {
        free(options->rcpts[i].glob);
        text_free(&options->rcpts[i].reply);
    }
    rules_free(&options->replies);
    rules_free(&options->actions);
    rules_free(&options->delays);
    free(options->rcpts);
    free(options->users.v);
    free(options->tokens.v);
    free(options->scripts.v);
    free(options->listens);
}
