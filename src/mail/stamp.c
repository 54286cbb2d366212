#include "mail/stamp.h"

#include "mail/mailbox.h"
#include "mail/names.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

enum { RANDOM_BYTES = 16 };

int stamp_date(struct buf *out, int64_t when, struct err *e)
{
    static const char days[] = "SunMonTueWedThuFriSat";
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    time_t seconds = (time_t)when;
    struct tm tm;
    long minutes;

    tzset();
    if (!localtime_r(&seconds, &tm))
        return err_system(e, ERR_OS, errno, "can't tell the date");
    minutes = tm.tm_gmtoff / 60;
    buf_addf(out, "%.3s, %d %.3s %d %02d:%02d:%02d %c%02ld%02ld", days + tm.tm_wday * 3,
             tm.tm_mday, months + tm.tm_mon * 3, tm.tm_year + 1900, tm.tm_hour, tm.tm_min,
             tm.tm_sec, minutes < 0 ? '-' : '+', (minutes < 0 ? -minutes : minutes) / 60,
             (minutes < 0 ? -minutes : minutes) % 60);
    return 0;
}

int stamp_random(struct buf *out, struct err *e)
{
    unsigned char random[RANDOM_BYTES];
    size_t i;

    if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
        return err_system(e, ERR_OS, errno, "no random bytes for the message");
    for (i = 0; i < sizeof(random); i++)
        buf_addf(out, "%02x", random[i]);
    return 0;
}

bool stamp_is_host(const char *host)
{
    size_t len = host ? strlen(host) : 0;

    return len && (mailbox_is_literal(host, len) || !domain_fault(host, len));
}

int stamp_message_id(struct buf *out, int64_t when, const char *host, struct err *e)
{
    buf_addf(out, "<%llx.", (unsigned long long)when);
    if (stamp_random(out, e) < 0)
        return -1;
    buf_addf(out, "@%s>", host);
    return 0;
}
