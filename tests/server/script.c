#include "script.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "body.h"
#include "smtp.h"

enum { EXIT_USAGE = 64, NESTING_MAX = 16 };

struct run;

struct step {
    int (*run)(struct run *, const struct step *); /* 0: go on; -1: the end */
    struct text text;
    unsigned long long number, second;
    size_t partner; /* of repeat and end: each other's index */
};

struct script {
    struct step *steps;
    size_t count;
};

/* One connection's way through a script. */
struct run {
    const struct script *script;
    const struct server *server;
    struct conn *conn;
    size_t next;
    unsigned long long left[NESTING_MAX]; /* rounds of the repeats we are in */
    size_t depth;
    struct text envelope;
};

static int run_send(struct run *run, const struct step *step)
{
    size_t len = step->text.len;

    while (len > 0 && (step->text.s[len - 1] == '\n' || step->text.s[len - 1] == '\r'))
        len--;
    transcript_line(&run->conn->log, 'S', step->text.s, len);
    return conn_put(run->conn, step->text.s, step->text.len);
}

static int mismatch(struct run *run, const char *wanted, const char *got)
{
    transcript_note(&run->conn->log, "mismatch: wanted %s, got %s", wanted, got);
    return -1;
}

/* What a normal server would have made of the line, for --maildir. */
static void keep_envelope(struct run *run, const char *line)
{
    bool mail = strncasecmp(line, "MAIL FROM:", 10) == 0;

    if (mail)
        text_free(&run->envelope);
    if ((mail || strncasecmp(line, "RCPT TO:", 8) == 0) && run->envelope.len < ENVELOPE_MAX)
        text_addf(&run->envelope, "%s\n", line);
}

static int run_expect(struct run *run, const struct step *step)
{
    char *line;
    size_t len;
    int rc = conn_read_line(run->conn, &line, &len);

    if (rc < 0)
        return mismatch(run, step->text.s, "the end of the connection");
    if (rc > 0)
        return mismatch(run, step->text.s, "a line that is too long");
    if (strlen(line) != len || fnmatch(step->text.s, line, FNM_CASEFOLD | FNM_NOESCAPE) != 0)
        return mismatch(run, step->text.s, line);
    keep_envelope(run, line);
    return 0;
}

static int run_data(struct run *run, const struct step *step)
{
    char name[STORE_NAME], hex[STORE_HEX];
    struct body body;
    struct sink sink;

    (void)step;
    body_init(&body, run->conn);
    sink_open(&sink, run->server->store);
    if (body_read_dot(&body, run->conn, &sink) < 0) {
        sink_abort(&sink);
        return -1;
    }
    text_addf(&run->envelope, "tls=%s\nauth=\n", tls_version(run->conn));
    if (sink_commit(&sink, &run->envelope, name, hex) < 0)
        transcript_note(&run->conn->log, "message not stored");
    text_free(&run->envelope);
    return 0;
}

static int run_bytes(struct run *run, const struct step *step)
{
    struct body body;

    body_init(&body, run->conn);
    return body_read_chunk(&body, run->conn, NULL, step->number);
}

/* Before a handshake: what was sent in clear is sent, what came in clear is forgotten. */
static int leave_clear(struct run *run)
{
    if (run->server->tls == NULL || run->conn->tls != NULL)
        return mismatch(run, "starttls", "no certificate, or TLS is on already");
    run->conn->pos = run->conn->end = 0;
    return conn_flush(run->conn);
}

static int run_starttls(struct run *run, const struct step *step)
{
    (void)step;
    return leave_clear(run) < 0 ? -1 : tls_handshake(run->server->tls, run->conn);
}

static int run_tlsalert(struct run *run, const struct step *step)
{
    if (leave_clear(run) < 0)
        return -1;
    return tls_refuse(run->server->tls, run->conn, (int)(step->number & 255));
}

static int run_delay(struct run *run, const struct step *step)
{
    if (conn_flush(run->conn) < 0)
        return -1;
    conn_pause(run->conn, (unsigned)step->number);
    return 0;
}

static int run_split(struct run *run, const struct step *step)
{
    if (conn_flush(run->conn) < 0)
        return -1;
    run->conn->split = (size_t)step->number;
    run->conn->split_ms = (unsigned)step->second;
    return 0;
}

static int run_drop(struct run *run, const struct step *step)
{
    (void)step;
    transcript_note(&run->conn->log, "server: drop");
    conn_drop(run->conn);
    return -1;
}

static int run_reset(struct run *run, const struct step *step)
{
    (void)step;
    transcript_note(&run->conn->log, "server: reset");
    conn_reset(run->conn);
    return -1;
}

static int run_hang(struct run *run, const struct step *step)
{
    (void)step;
    transcript_note(&run->conn->log, "server: hang");
    if (conn_flush(run->conn) == 0)
        conn_drain(run->conn, -1);
    return -1;
}

static int run_eof(struct run *run, const struct step *step)
{
    struct conn *conn = run->conn;

    (void)step;
    if (conn->pos < conn->end || conn_fill(conn) == 0)
        return mismatch(run, "eof", "more bytes");
    if (conn->state != CONN_EOF && conn->state != CONN_RESET)
        return mismatch(run, "eof", "none");
    return -1;
}

static int run_repeat(struct run *run, const struct step *step)
{
    if (step->number == 0)
        run->next = step->partner + 1;
    else
        run->left[run->depth++] = step->number;
    return 0;
}

static int run_end(struct run *run, const struct step *step)
{
    if (--run->left[run->depth - 1] > 0)
        run->next = step->partner + 1;
    else
        run->depth--;
    return 0;
}

/* The words that a line may begin with, and what follows them. */
static const struct verb {
    const char *word;
    enum { ARG_NONE, ARG_TEXT, ARG_LINE, ARG_NUMBER, ARG_TWO } arg;
    int (*run)(struct run *, const struct step *);
} verbs[] = {
    {">", ARG_LINE, run_send},
    {"raw", ARG_TEXT, run_send},
    {"rawtls", ARG_TEXT, run_send},
    {"<", ARG_TEXT, run_expect},
    {"data", ARG_NONE, run_data},
    {"bytes", ARG_NUMBER, run_bytes},
    {"starttls", ARG_NONE, run_starttls},
    {"tlsalert", ARG_NUMBER, run_tlsalert},
    {"delay", ARG_NUMBER, run_delay},
    {"split", ARG_TWO, run_split},
    {"drop", ARG_NONE, run_drop},
    {"reset", ARG_NONE, run_reset},
    {"hang", ARG_NONE, run_hang},
    {"eof", ARG_NONE, run_eof},
    {"repeat", ARG_NUMBER, run_repeat},
    {"end", ARG_NONE, run_end},
};

/* Fills STEP's arguments from REST. 0, or -1: not what the verb wants. */
static int parse_args(const struct verb *verb, char *rest, struct step *step)
{
    char *blank;

    switch (verb->arg) {
    case ARG_NONE:
        return *rest == '\0' ? 0 : -1;
    case ARG_TEXT:
        return text_unescape(&step->text, rest);
    case ARG_LINE:
        if (text_unescape(&step->text, rest) < 0)
            return -1;
        text_add(&step->text, "\r\n", 2);
        return 0;
    case ARG_NUMBER:
        return number_parse(rest, 1ULL << 40, &step->number);
    case ARG_TWO:
        blank = strchr(rest, ' ');
        if (blank == NULL)
            return -1;
        *blank = '\0';
        if (number_parse(rest, 1 << 20, &step->number) < 0)
            return -1;
        return number_parse(blank + 1, 1 << 30, &step->second);
    }
    return -1;
}

static int parse_line(char *line, struct step *step)
{
    size_t word = strcspn(line, " ");
    char *rest = line + word + (line[word] == ' ');

    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
        if (strlen(verbs[i].word) == word && strncmp(verbs[i].word, line, word) == 0) {
            step->run = verbs[i].run;
            return parse_args(&verbs[i], rest, step);
        }
    return -1;
}

/* Pairs the repeats with their ends. NULL, or what is wrong. */
static const char *pair_loops(struct script *script)
{
    size_t open[NESTING_MAX], depth = 0;

    for (size_t i = 0; i < script->count; i++) {
        struct step *step = &script->steps[i];

        if (step->run == run_repeat) {
            if (depth == NESTING_MAX)
                return "too many repeats in each other";
            open[depth++] = i;
        } else if (step->run == run_end) {
            if (depth == 0)
                return "end without repeat";
            step->partner = open[--depth];
            script->steps[step->partner].partner = i;
        }
    }
    return depth == 0 ? NULL : "repeat without end";
}

/* The line without what surrounds it; NULL: empty or a comment. */
static char *strip(char *line)
{
    line[strcspn(line, "\r\n")] = '\0';
    line += strspn(line, " \t");
    return *line == '\0' || *line == '#' ? NULL : line;
}

struct script *script_load(const char *path)
{
    struct script *script = must_calloc(1, sizeof(*script));
    FILE *file = fopen(path, "r");
    char *line = NULL;
    const char *wrong;
    size_t size = 0, number = 0;

    if (file == NULL)
        die(EXIT_USAGE, "can't read the script '%s': %s", path, strerror(errno));
    while (getline(&line, &size, file) >= 0) {
        struct step step = {.run = NULL};
        char *begin = strip(line);

        number++;
        if (begin == NULL)
            continue;
        if (parse_line(begin, &step) < 0)
            die(EXIT_USAGE, "%s:%zu: not understood: '%s'", path, number, begin);
        script->steps =
            must_realloc(script->steps, (script->count + 1) * sizeof(*script->steps));
        script->steps[script->count++] = step;
    }
    wrong = pair_loops(script);
    if (wrong != NULL)
        die(EXIT_USAGE, "%s: %s", path, wrong);
    free(line);
    fclose(file);
    return script;
}

void script_free(struct script *script)
{
    for (size_t i = 0; i < script->count; i++)
        text_free(&script->steps[i].text);
    free(script->steps);
    free(script);
}

void script_run(const struct script *script, const struct server *server, struct conn *conn)
{
    struct run run = {.script = script, .server = server, .conn = conn};

    while (run.next < script->count) {
        const struct step *step = &script->steps[run.next++];

        if (step->run(&run, step) < 0)
            break;
    }
    text_free(&run.envelope);
    if (conn->state == CONN_OPEN)
        conn_finish(conn);
}
