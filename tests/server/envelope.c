#include "smtp.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* "FROM:<address> parameters" taken apart; nothing copied. */
struct path {
    char *address; /* without the angle brackets */
    char *params;
};

/* 0, or -1: not of that form (RFC 5321 4.1.2; no blank behind the colon). */
static int parse_path(char *args, const char *keyword, struct path *path)
{
    size_t len = strlen(keyword);
    bool quoted = false;
    char *p;

    if (strncasecmp(args, keyword, len) != 0 || args[len] != '<')
        return -1;
    path->address = args + len + 1;
    for (p = path->address; *p != '\0' && (quoted || *p != '>'); p++) {
        if (*p == '"')
            quoted = !quoted;
        else if (*p == '\\' && p[1] != '\0')
            p++;
        else if (!quoted && (*p == ' ' || *p == '<'))
            return -1;
    }
    if (*p != '>' || (p[1] != '\0' && p[1] != ' '))
        return -1;
    path->params = p[1] == ' ' ? p + 2 : p + 1;
    *p = '\0';
    return 0;
}

static bool is_ascii(const char *s)
{
    while (*s != '\0')
        if ((unsigned char)*s++ >= 0x80)
            return false;
    return true;
}

/* Which parameter belongs to which capability: a named one, or a line given by --offer. */
static const struct param_row {
    const char *name;
    bool of_rcpt;
    unsigned cap;
    const char *line;
} param_rows[] = {
    {"SIZE", false, CAP_SIZE, NULL},
    {"BODY", false, CAP_8BITMIME, NULL},
    {"SMTPUTF8", false, CAP_SMTPUTF8, NULL},
    {"AUTH", false, CAP_AUTH, NULL},
    {"RET", false, CAP_DSN, NULL},
    {"ENVID", false, CAP_DSN, NULL},
    {"NOTIFY", true, CAP_DSN, NULL},
    {"ORCPT", true, CAP_DSN, NULL},
    {"REQUIRETLS", false, 0, "REQUIRETLS"},
    {"BY", false, 0, "DELIVERBY"},
    {"MT-PRIORITY", false, 0, "MT-PRIORITY"},
    {"HOLDFOR", false, 0, "FUTURERELEASE"},
    {"HOLDUNTIL", false, 0, "FUTURERELEASE"},
    {"RRVS", true, 0, "RRVS"},
};

/* Whether a line of the offer begins with WORD. */
static bool extra_line(const struct offer *offer, const char *word)
{
    size_t len = strlen(word);

    for (size_t i = 0; i < offer->extra_count; i++) {
        const char *line = offer->extra[i];

        if (strncasecmp(line, word, len) == 0 && (line[len] == '\0' || line[len] == ' '))
            return true;
    }
    return false;
}

static bool param_offered(const struct smtp *smtp, const char *name, size_t len, bool of_rcpt)
{
    for (size_t i = 0; i < sizeof(param_rows) / sizeof(param_rows[0]); i++) {
        const struct param_row *row = &param_rows[i];

        if (strlen(row->name) != len || strncasecmp(row->name, name, len) != 0 ||
            row->of_rcpt != of_rcpt)
            continue;
        return row->line == NULL ? smtp_has(smtp, (enum capability)row->cap)
                                 : extra_line(smtp_offer(smtp), row->line);
    }
    return false;
}

/* What a MAIL parameter with a value of its own means. NULL: fine; else the refusal. */
static const char *mail_value(struct smtp *smtp, const char *name, size_t len,
                              const char *value)
{
    unsigned long long limit = smtp_offer(smtp)->size_limit, size;

    if (len == 4 && strncasecmp(name, "SIZE", len) == 0) {
        if (number_parse(value, ~0ULL, &size) < 0)
            return "501 5.5.4 SIZE wants a number";
        if (limit > 0 && size > limit)
            return "552 5.3.4 Message is too big";
    } else if (len == 4 && strncasecmp(name, "BODY", len) == 0) {
        smtp->binary = strcasecmp(value, "BINARYMIME") == 0;
        if (smtp->binary ? !extra_line(smtp_offer(smtp), "BINARYMIME")
                         : strcasecmp(value, "7BIT") != 0 && strcasecmp(value, "8BITMIME") != 0)
            return "501 5.5.4 Unknown body type";
    } else if (len == 8 && strncasecmp(name, "SMTPUTF8", len) == 0) {
        smtp->utf8 = true;
    }
    return NULL;
}

/* Looks at each parameter. NULL: all fine; else the refusal. */
static const char *check_params(struct smtp *smtp, char *params, bool of_rcpt)
{
    char *rest = NULL;

    for (char *p = strtok_r(params, " ", &rest); p != NULL; p = strtok_r(NULL, " ", &rest)) {
        size_t len = strcspn(p, "=");
        const char *value = p[len] == '=' ? p + len + 1 : "";
        const char *refusal = NULL;

        if (!smtp->esmtp || !param_offered(smtp, p, len, of_rcpt))
            return "555 5.5.4 Parameter not offered";
        if (!of_rcpt)
            refusal = mail_value(smtp, p, len, value);
        if (refusal != NULL)
            return refusal;
    }
    return NULL;
}

static void note_envelope(struct smtp *smtp, const char *what, const struct path *path,
                          const char *params)
{
    if (smtp->server->store->keep)
        text_addf(&smtp->envelope, "%s:<%s>%s%s\n", what, path->address,
                  *params == '\0' ? "" : " ", params);
}

/* What MAIL gets if no option says otherwise. */
static const char *judge_mail(struct smtp *smtp, char *args, struct path *path, char **params)
{
    const struct options *options = smtp->server->options;
    const char *refusal;

    *params = NULL;
    if (options->require_tls && smtp->conn->tls == NULL)
        return "530 5.7.0 STARTTLS first";
    if (options->require_auth && smtp->user[0] == '\0')
        return "530 5.7.0 Authentication first";
    if (!smtp->greeted)
        return "503 5.5.1 EHLO first";
    if (smtp->mail)
        return "503 5.5.1 MAIL was given already";
    if (parse_path(args, "FROM:", path) < 0)
        return "501 5.5.4 Syntax: MAIL FROM:<address>";
    *params = strdup(path->params);
    if (*params == NULL)
        die(71, "out of memory");
    refusal = check_params(smtp, path->params, false);
    if (refusal != NULL)
        return refusal;
    if (!is_ascii(path->address) && !smtp->utf8)
        return "553 5.6.7 SMTPUTF8 is needed for that address";
    return "250 2.1.0 Sender ok";
}

int smtp_mail(struct smtp *smtp, char *args)
{
    struct path path = {NULL, NULL};
    bool utf8 = smtp->utf8, binary = smtp->binary;
    char *params;
    const char *reply = judge_mail(smtp, args, &path, &params);
    int code = reply_send(smtp, STAGE_MAIL, reply);

    if (code / 100 == 2 && !smtp->mail && path.address != NULL) {
        smtp->mail = true;
        note_envelope(smtp, "MAIL FROM", &path, params == NULL ? "" : params);
    } else {
        smtp->utf8 = utf8;
        smtp->binary = binary;
    }
    free(params);
    return code < 0 ? -1 : 0;
}

static const char *judge_rcpt(struct smtp *smtp, char *args, struct path *path, char **params)
{
    const char *refusal;

    *params = NULL;
    if (!smtp->mail)
        return "503 5.5.1 MAIL first";
    if (smtp->chunks != CHUNKS_NONE)
        return "503 5.5.1 RCPT after BDAT";
    if (parse_path(args, "TO:", path) < 0 || *path->address == '\0')
        return "501 5.5.4 Syntax: RCPT TO:<address>";
    *params = strdup(path->params);
    if (*params == NULL)
        die(71, "out of memory");
    refusal = check_params(smtp, path->params, true);
    if (refusal != NULL)
        return refusal;
    if (!is_ascii(path->address) && !smtp->utf8)
        return "553 5.6.7 SMTPUTF8 is needed for that address";
    if (smtp->envelope.len > ENVELOPE_MAX)
        return "452 4.5.3 Too many recipients";
    return "250 2.1.5 Recipient ok";
}

/* --rcpt, or NULL. */
static const struct text *rcpt_override(const struct options *options, const char *address)
{
    for (size_t i = 0; address != NULL && i < options->rcpt_count; i++)
        if (fnmatch(options->rcpts[i].glob, address, FNM_CASEFOLD) == 0)
            return &options->rcpts[i].reply;
    return NULL;
}

int smtp_rcpt(struct smtp *smtp, char *args)
{
    struct path path = {NULL, NULL};
    char *params;
    const char *reply = judge_rcpt(smtp, args, &path, &params);
    const struct text *general = reply_override(smtp, STAGE_RCPT);
    const struct text *other = rcpt_override(smtp->server->options, path.address);
    int rc;

    if (other == NULL)
        other = general;
    rc = reply_say(smtp, STAGE_RCPT, other, reply);
    if (reply_code(other == NULL ? reply : other->s) / 100 == 2 && smtp->mail &&
        path.address != NULL) {
        smtp->accepted++;
        note_envelope(smtp, "RCPT TO", &path, params == NULL ? "" : params);
    }
    free(params);
    return rc;
}
