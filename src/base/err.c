#include "base/err.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

static void fill(struct err *e, enum err_kind kind, const char *format, va_list ap)
{
    err_release(e);
    e->kind = kind;
    vsnprintf(e->message, sizeof(e->message), format, ap);
}

int err_set(struct err *e, enum err_kind kind, const char *format, ...)
{
    va_list ap;

    va_start(ap, format);
    fill(e, kind, format, ap);
    va_end(ap);
    return -1;
}

int err_system(struct err *e, enum err_kind kind, int sys, const char *format, ...)
{
    va_list ap;
    size_t used;

    va_start(ap, format);
    fill(e, kind, format, ap);
    va_end(ap);
    e->sys = sys;
    used = strlen(e->message);
    snprintf(e->message + used, sizeof(e->message) - used, ": %s", strerror(sys));
    return -1;
}

int err_hint(struct err *e, const char *format, ...)
{
    va_list ap;

    va_start(ap, format);
    vsnprintf(e->hint, sizeof(e->hint), format, ap);
    va_end(ap);
    return -1;
}

void err_reply(struct err *e, int code, struct enhanced enhanced, const char *text, size_t len)
{
    free(e->said);
    e->said = malloc(len + 1);
    if (e->said) {
        memcpy(e->said, text, len);
        e->said[len] = '\0';
    }
    e->code = code;
    e->enhanced = enhanced;
}

int err_at(struct err *e, enum stage stage)
{
    if (e->stage == STAGE_NONE)
        e->stage = stage;
    return -1;
}

int err_about(struct err *e, const char *setting)
{
    if (!e->about)
        e->about = setting;
    return -1;
}

void err_move(struct err *into, struct err *from)
{
    err_release(into);
    *into = *from;
    *from = (struct err)ERR_INIT;
}

void err_release(struct err *e)
{
    free(e->said);
    e->said = NULL;
    e->kind = ERR_NONE;
    e->stage = STAGE_NONE;
    e->sys = 0;
    e->code = 0;
    e->enhanced = (struct enhanced){0, 0, 0};
    e->about = NULL;
    e->message[0] = '\0';
    e->hint[0] = '\0';
}

int err_exit_status(enum err_kind kind)
{
    switch (kind) {
    case ERR_NONE:
        return EX_OK;
    case ERR_USAGE:
        return EX_USAGE;
    case ERR_DATA:
        return EX_DATAERR;
    case ERR_NOINPUT:
        return EX_NOINPUT;
    case ERR_NOUSER:
        return EX_NOUSER;
    case ERR_NOHOST:
        return EX_NOHOST;
    case ERR_UNAVAILABLE:
        return EX_UNAVAILABLE;
    case ERR_INTERNAL:
        return EX_SOFTWARE;
    case ERR_OS:
        return EX_OSERR;
    case ERR_CANTCREATE:
        return EX_CANTCREAT;
    case ERR_IO:
        return EX_IOERR;
    case ERR_TEMPORARY:
        return EX_TEMPFAIL;
    case ERR_PROTOCOL:
        return EX_PROTOCOL;
    case ERR_NOPERM:
        return EX_NOPERM;
    case ERR_CONFIG:
        return EX_CONFIG;
    }
    return EX_SOFTWARE;
}

const char *stage_name(enum stage stage)
{
    switch (stage) {
    case STAGE_NONE:
        return "";
    case STAGE_CONFIG:
        return "config";
    case STAGE_MESSAGE:
        return "message";
    case STAGE_CONNECT:
        return "connect";
    case STAGE_GREETING:
        return "greeting";
    case STAGE_EHLO:
        return "ehlo";
    case STAGE_STARTTLS:
        return "starttls";
    case STAGE_TLS:
        return "tls";
    case STAGE_AUTH:
        return "auth";
    case STAGE_MAIL:
        return "mail";
    case STAGE_RCPT:
        return "rcpt";
    case STAGE_DATA:
        return "data";
    case STAGE_BODY:
        return "body";
    case STAGE_BDAT:
        return "bdat";
    case STAGE_DOT:
        return "dot";
    case STAGE_RSET:
        return "rset";
    case STAGE_QUIT:
        return "quit";
    case STAGE_QUEUE:
        return "queue";
    }
    return "";
}
