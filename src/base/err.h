/* err.h: what went wrong, carried from where it happened to where it is told.
 *
 * A struct err belongs to the caller, usually on its stack. The function that meets the trouble
 * fills it, functions above may add the stage and a hint, and only send/report prints it. Each
 * kind has exactly one exit status (err_exit_status). Library layers never print and never exit.
 * Nothing here allocates except the copy of a server's words, so an err also works when memory
 * is short. */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

/* Kinds of failure, one for each line of the exit status table in smtpsend(1). */
enum err_kind {
    ERR_NONE,
    ERR_USAGE,       /* 64: bad option or argument */
    ERR_DATA,        /* 65: the message can't be sent as it is, or was refused for good */
    ERR_NOINPUT,     /* 66: a named input file can't be read */
    ERR_NOUSER,      /* 67: recipient refused for good */
    ERR_NOHOST,      /* 68: no such host */
    ERR_UNAVAILABLE, /* 69: service or sender refused for good, or a requirement not offered */
    ERR_INTERNAL,    /* 70: a bug of ours */
    ERR_OS,          /* 71: the operating system refused something: memory, descriptors */
    ERR_CANTCREATE,  /* 73: an output file can't be made */
    ERR_IO,          /* 74: input or output broke off */
    ERR_TEMPORARY,   /* 75: try again later */
    ERR_PROTOCOL,    /* 76: the peer does not speak SMTP, or TLS failed */
    ERR_NOPERM,      /* 77: authentication refused, demanded, or no secret for it */
    ERR_CONFIG       /* 78: error in the configuration, or a secret that others can read */
};

/* Where in a run something happened, in the order of a dialogue. */
enum stage {
    STAGE_NONE,
    STAGE_CONFIG,   /* options, environment, configuration */
    STAGE_MESSAGE,  /* reading and mending the message */
    STAGE_CONNECT,  /* name resolution and connection */
    STAGE_GREETING, /* the server's first reply */
    STAGE_EHLO,
    STAGE_STARTTLS,
    STAGE_TLS, /* handshake and verification */
    STAGE_AUTH,
    STAGE_MAIL,
    STAGE_RCPT,
    STAGE_DATA, /* the DATA command itself */
    STAGE_BODY, /* the message's bytes on their way */
    STAGE_BDAT, /* the chunk of RFC 3030 that is the message, and the verdict on it */
    STAGE_DOT,  /* the reply to the end of data: the server's yes or no to the message */
    STAGE_RSET,
    STAGE_QUIT,
    STAGE_QUEUE /* keeping the message for later, and looking after those that are kept */
};

/* An enhanced status code (RFC 3463); all zero when there is none. */
struct enhanced {
    unsigned short class, subject, detail;
};

struct err {
    enum err_kind kind;
    enum stage stage;
    int sys;                  /* errno, or 0 */
    int code;                 /* the server's reply code, or 0 */
    struct enhanced enhanced; /* the reply's enhanced status code */
    char message[1024];       /* what happened, in our words; no control bytes of others */
    char hint[320];           /* what the user can do, or empty */
    const char *about;        /* long name of the setting that is wrong, or NULL */
    char *said;               /* the server's words, raw, lines apart by '\n'; owned, or NULL */
};

#define ERR_INIT                                                                               \
    {                                                                                          \
        .kind = ERR_NONE                                                                       \
    }

/* Fill E with KIND and a message; forgets what it held. Returns -1, so that a failing function
 * can end with `return err_set(...)`. */
int err_set(struct err *e, enum err_kind kind, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The same from errno: ": " and the system's words for SYS are appended. Returns -1. */
int err_system(struct err *e, enum err_kind kind, int sys, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Say what the user can do about it. Returns -1. */
int err_hint(struct err *e, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Keep the server's reply with the error: its code and a copy of LEN raw bytes of text. */
void err_reply(struct err *e, int code, struct enhanced enhanced, const char *text, size_t len);

/* Set the stage unless one is set already (the bottom knows best). Returns -1. */
int err_at(struct err *e, enum stage stage);

/* Say which setting is wrong, by its long name, unless that is said already. Returns -1. */
int err_about(struct err *e, const char *setting);

/* Move FROM into INTO, whose old contents are released; FROM is left empty. */
void err_move(struct err *into, struct err *from);

/* Free what E owns and make it ERR_NONE. */
void err_release(struct err *e);

/* The exit status of sysexits.h for a kind; 0 for ERR_NONE. */
int err_exit_status(enum err_kind kind);

/* "greeting", "rcpt", ...: the name of a stage as it is printed; "" for STAGE_NONE. */
const char *stage_name(enum stage stage);

#endif
