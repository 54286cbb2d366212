#include "send/delivery.h"

#include "base/text.h"

#include <stdio.h>
#include <string.h>

/* RFC 2852 section 4 and RFC 4865 section 4: up to nine digits of seconds. */
enum { WORD_MAX = 16, SECONDS_MAX = 999999999 };

int delivery_notify(const char *list, unsigned *notify, struct err *e)
{
    unsigned bit;
    size_t n;

    for (*notify = 0; list; list = list[n] ? list + n + 1 : NULL) {
        n = strcspn(list, ",");
        bit = extensions_notify_bit(list, n);
        if (!bit)
            return err_set(e, ERR_USAGE, "-N: '%.*s' is not never, success, failure or delay",
                           (int)(n < WORD_MAX ? n : WORD_MAX), list);
        *notify |= bit;
    }
    if ((*notify & NOTIFY_NEVER) && *notify != NOTIFY_NEVER)
        return err_set(e, ERR_USAGE, "-N: never excludes the others");
    return 0;
}

static int parse_return(struct extensions *x, const char *ret, struct err *e)
{
    if (!ret)
        return 0;
    if (!text_same(ret, "hdrs") && !text_same(ret, "full"))
        return err_set(e, ERR_USAGE, "-R: '%.20s' is not hdrs or full", ret);
    x->ret = text_same(ret, "full") ? "FULL" : "HDRS";
    return 0;
}

/* RFC 3461 section 4.4: at most 100 characters, before they are encoded. */
static int parse_envid(struct extensions *x, const char *envid, struct err *e)
{
    const unsigned char *p = (const unsigned char *)envid;

    if (!envid)
        return 0;
    if (!*envid || strlen(envid) > ENVID_MAX)
        return err_set(e, ERR_USAGE, "-V needs 1 to %d characters", ENVID_MAX);
    for (; *p; p++) {
        if (*p < ' ' || *p >= 0x7f)
            return err_set(e, ERR_USAGE, "-V takes printable ASCII only");
    }
    x->envid = envid;
    return 0;
}

/* DUR[;R|N][T] becomes RFC 2852's by-value; without a mode the message is returned when late. */
static int parse_deliver_by(struct extensions *x, const char *spec, struct err *e)
{
    char time[32];
    const char *mode = "R";
    size_t n;
    int64_t ms;

    if (!spec)
        return 0;
    n = strcspn(spec, ";");
    snprintf(time, sizeof(time), "%.*s", (int)(n < sizeof(time) ? n : sizeof(time)), spec);
    if (spec[n])
        mode = spec + n + 1;
    ms = text_duration(time);
    if (ms <= 0 || ms > SECONDS_MAX * INT64_C(1000) ||
        !(text_same(mode, "R") || text_same(mode, "N") || text_same(mode, "RT") ||
          text_same(mode, "NT"))) {
        err_set(e, ERR_USAGE, "--deliver-by: '%.40s' is not DUR[;R|N][T]", spec);
        return err_about(e, "deliver-by");
    }
    x->deliver_by = (ms + 999) / 1000;
    x->by_mode = mode;
    return 0;
}

/* RFC 6710 section 3. */
static int parse_priority(struct extensions *x, const char *priority, struct err *e)
{
    bool negative = priority && *priority == '-';
    int64_t value;

    if (!priority)
        return 0;
    value = text_number(priority + negative, 9);
    if (value < 0) {
        err_set(e, ERR_USAGE, "--priority: '%.20s' is not -9 to 9", priority);
        return err_about(e, "priority");
    }
    x->has_priority = true;
    x->priority = negative ? -(int)value : (int)value;
    return 0;
}

/* RFC 4865 section 4. */
static int parse_hold(struct extensions *x, const struct settings *s, struct err *e)
{
    if (s->hold_for_ms >= 0 && s->hold_until)
        return err_set(e, ERR_USAGE, "--hold-for and --hold-until exclude each other");
    if (s->hold_for_ms >= 0 && (s->hold_for_ms < 1000 || s->hold_for_ms / 1000 > SECONDS_MAX))
        return err_set(e, ERR_USAGE, "--hold-for needs 1 to %d seconds", SECONDS_MAX);
    if (s->hold_until && text_time(s->hold_until) < 0) {
        err_set(e, ERR_USAGE, "--hold-until: '%.40s' is no point in time", s->hold_until);
        err_about(e, "hold-until");
        return err_hint(e, "write it like 2026-12-31T08:00:00Z");
    }
    x->hold_for = s->hold_for_ms >= 0 ? s->hold_for_ms / 1000 : 0;
    x->hold_until = s->hold_until;
    return 0;
}

int delivery_parse(struct extensions *x, const struct settings *s, struct err *e)
{
    *x = (struct extensions){.require_tls = s->require_tls};
    x->declare_8bit = s->body && text_same(s->body, "8bitmime");
    x->force_7bit = s->body && text_same(s->body, "7bit");
    return delivery_notify(s->notify, &x->notify, e) || parse_return(x, s->dsn_return, e) ||
                   parse_envid(x, s->envid, e) || parse_deliver_by(x, s->deliver_by, e) ||
                   parse_priority(x, s->priority, e) || parse_hold(x, s, e)
               ? -1
               : 0;
}
