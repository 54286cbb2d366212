#include "smtp.h"

#include <string.h>
#include <strings.h>

static int body_begun(void *context)
{
    return reply_instead(context, STAGE_BODY);
}

static void open_message(struct smtp *smtp)
{
    sink_open(&smtp->sink, smtp->server->store);
    body_init(&smtp->body, smtp->conn);
    smtp->body.begun = body_begun;
    smtp->body.context = smtp;
}

static bool too_big(const struct smtp *smtp, unsigned long long bytes)
{
    unsigned long long limit = smtp_offer(smtp)->size_limit;

    return limit > 0 && smtp_has(smtp, CAP_SIZE) && bytes > limit;
}

/* Keeps the message and makes the reply for it. */
static void commit(struct smtp *smtp, struct text *reply)
{
    char name[STORE_NAME], hex[STORE_HEX];
    unsigned long long bytes = smtp->sink.bytes;

    if (smtp->server->store->keep)
        text_addf(&smtp->envelope, "tls=%s\nauth=%s\n", tls_version(smtp->conn), smtp->user);
    if (sink_commit(&smtp->sink, &smtp->envelope, name, hex) < 0)
        text_addf(reply, "452 4.3.1 Can't be stored");
    else if (hex[0] != '\0')
        text_addf(reply, "250 2.0.0 Ok %llu bytes sha256=%s", bytes, hex);
    else
        text_addf(reply, "250 2.0.0 Ok: queued as %s", name);
}

/* The message is there: keeps it unless it is refused, and answers. */
static int end_message(struct smtp *smtp, enum stage stage)
{
    const struct text *other = reply_override(smtp, stage);
    struct text reply = {NULL, 0};
    int rc;

    if (smtp->accepted == 0)
        text_addf(&reply, "554 5.5.1 No valid recipients");
    else if (too_big(smtp, smtp->sink.bytes))
        text_addf(&reply, "552 5.3.4 Message is too big");
    else if (other == NULL || reply_code(other->s) / 100 == 2)
        commit(smtp, &reply);
    rc = reply_say(smtp, stage, other, reply.s);
    text_free(&reply);
    smtp_forget(smtp);
    return rc;
}

int smtp_data(struct smtp *smtp, char *args)
{
    const char *reply = "354 Go ahead";
    int code;

    if (*args != '\0')
        reply = "501 5.5.4 DATA takes no parameter";
    else if (!smtp->mail)
        reply = "503 5.5.1 MAIL first";
    else if (smtp->chunks != CHUNKS_NONE || smtp->binary)
        reply = "503 5.5.1 BDAT it has to be";
    else if (smtp->accepted == 0)
        reply = "554 5.5.1 No valid recipients";
    code = reply_send(smtp, STAGE_DATA, reply);
    if (code / 100 != 3)
        return code < 0 ? -1 : 0;
    sink_abort(&smtp->sink);
    open_message(smtp);
    if (body_read_dot(&smtp->body, smtp->conn, &smtp->sink) < 0)
        return -1;
    return end_message(smtp, STAGE_DOT);
}

/* Reads "N" or "N LAST". 0, or -1. */
static int parse_bdat(char *args, unsigned long long *size, bool *last)
{
    char *blank = strchr(args, ' ');

    *last = blank != NULL && strcasecmp(blank + 1, "LAST") == 0;
    if (blank != NULL && !*last)
        return -1;
    if (blank != NULL)
        *blank = '\0';
    return number_parse(args, ~0ULL, size);
}

/* The answer to a chunk that does not end the message; a refusal lasts until RSET. */
static int answer_chunk(struct smtp *smtp, const char *reply)
{
    int code = reply_send(smtp, STAGE_BDAT, reply);

    if (code / 100 != 2) {
        sink_abort(&smtp->sink);
        smtp->chunks = CHUNKS_FAILED;
    }
    return code < 0 ? -1 : 0;
}

/* RFC 3030: the octets follow whatever the answer will be, so they are read first. */
int smtp_bdat(struct smtp *smtp, char *args)
{
    unsigned long long size;
    bool last, wanted;
    struct text ok = {NULL, 0};
    int rc;

    if (!smtp_has(smtp, CAP_CHUNKING))
        return reply_plain(smtp, "502 5.5.1 Not offered");
    if (parse_bdat(args, &size, &last) < 0)
        return reply_plain(smtp, "501 5.5.4 Syntax: BDAT size [LAST]");
    wanted = smtp->mail && smtp->accepted > 0 && smtp->chunks != CHUNKS_FAILED;
    if (smtp->chunks != CHUNKS_OPEN) {
        open_message(smtp);
        if (wanted)
            smtp->chunks = CHUNKS_OPEN;
        else
            sink_abort(&smtp->sink);
    }
    if (wanted && too_big(smtp, size)) {
        sink_abort(&smtp->sink);
        smtp->chunks = CHUNKS_FAILED;
    }
    if (smtp->binary)
        smtp->body.look = false;
    if (body_read_chunk(&smtp->body, smtp->conn,
                        smtp->chunks == CHUNKS_OPEN ? &smtp->sink : NULL, size) < 0)
        return -1;
    if (!wanted)
        return answer_chunk(smtp, "503 5.5.1 No valid recipients, or an earlier chunk failed");
    if (smtp->chunks == CHUNKS_FAILED || too_big(smtp, smtp->sink.bytes))
        return answer_chunk(smtp, "552 5.3.4 Message is too big");
    if (last)
        return end_message(smtp, STAGE_BDAT);
    text_addf(&ok, "250 2.0.0 %llu bytes", size);
    rc = answer_chunk(smtp, ok.s);
    text_free(&ok);
    return rc;
}
