#include "send/answer.h"

#include "send/report.h"

#include <string.h>

enum { EXPLANATION_MAX = 900 };

void answer_say(struct reply *answer, const char *line)
{
    struct err impossible = ERR_INIT;

    reply_clear(answer);
    (void)reply_line(answer, line, strlen(line), &impossible);
    err_release(&impossible);
}

void answer_error(struct reply *answer, const char *codes, const struct err *e)
{
    struct buf line;

    buf_init(&line, SIZE_MAX);
    buf_addf(&line, "%s ", codes);
    report_describe(&line, e, NULL);
    if (line.len > EXPLANATION_MAX)
        line.data[EXPLANATION_MAX] = '\0';
    answer_say(answer, line.data);
    buf_release(&line);
}

static void pass_on(struct reply *answer, int code, struct enhanced enhanced, const char *text,
                    size_t len)
{
    reply_clear(answer);
    answer->code = code;
    answer->enhanced = enhanced;
    if (code / 100 == 2 && code != 251 && code != 252)
        answer->code = 250;
    else if (code < 200 || code / 100 == 3 || code == 421)
        answer->code = 451;
    if (answer->enhanced.class && answer->enhanced.class != reply_class(answer))
        answer->enhanced = (struct enhanced){0};
    buf_add(&answer->text, text, len);
}

void answer_reply(struct reply *answer, const struct reply *said)
{
    pass_on(answer, said->code, said->enhanced, said->text.data, said->text.len);
}

void answer_refusal(struct reply *answer, const struct err *e)
{
    pass_on(answer, e->code, e->enhanced, e->said ? e->said : "",
            e->said ? strlen(e->said) : 0);
}
