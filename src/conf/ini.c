#include "conf/ini.h"

#include "base/text.h"

#include <string.h>

static const char blanks[] = " \t";

void ini_init(struct ini *ini, char *text, size_t len)
{
    static const char mark[] = "\xef\xbb\xbf";
    size_t skip = len >= 3 && !memcmp(text, mark, 3) ? 3 : 0;

    *ini = (struct ini){.at = text + skip, .end = text + len};
}

static void bad(struct ini_line *line, const char *what)
{
    line->kind = INI_BAD;
    line->what = what;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static bool has_control(const char *at, const char *end)
{
    for (; at < end; at++) {
        if (((unsigned char)*at < ' ' && *at != '\t') || *at == 0x7f)
            return true;
    }
    return false;
}

/* Cut off the next line, without the blanks around it, and set *END to the NUL behind it. NULL
 * at the end of the text. */
static char *cut_line(struct ini *ini, char **end)
{
    char *line = ini->at;

    if (line == ini->end)
        return NULL;
    ini->line++;
    *end = memchr(line, '\n', (size_t)(ini->end - line));
    ini->at = *end ? *end + 1 : ini->end;
    if (!*end)
        *end = ini->end;
    if (*end > line && (*end)[-1] == '\r')
        --*end;
    while (*end > line && is_blank((*end)[-1]))
        --*end;
    **end = '\0';
    return line + strspn(line, blanks);
}

static void take_heading(char *text, struct ini_line *line)
{
    char *end = strchr(text, ']');

    line->kind = INI_HEADING;
    if (!end) {
        bad(line, "the ']' of the heading is missing");
        return;
    }
    if (end[1])
        bad(line, "there is something behind the ']' of the heading");
    line->value = text + 1 + strspn(text + 1, blanks);
    while (end > line->value && is_blank(end[-1]))
        end--;
    *end = '\0';
}

/* Take the quotes and the backslashes that escape off the value. */
static void unquote(struct ini_line *line)
{
    const char *from = line->value + 1;
    char *to = line->value;

    line->quoted = true;
    while (*from && *from != '"') {
        if (*from == '\\' && (from[1] == '"' || from[1] == '\\'))
            from++;
        *to++ = *from++;
    }
    if (!*from)
        bad(line, "the closing '\"' is missing");
    else if (from[1])
        bad(line, "there is something behind the closing '\"'");
    *to = '\0';
}

static void take_pair(char *text, struct ini_line *line)
{
    char *end = text, *sign;

    while (text_alnum((unsigned char)*end) || *end == '-' || *end == '_')
        end++;
    sign = end + strspn(end, blanks);
    line->kind = INI_PAIR;
    line->key = text;
    if (*sign != '=')
        bad(line, "not a 'key = value', no '[account NAME]' and no comment");
    else if (end == text)
        bad(line, "there is no key before the '='");
    else
        line->value = sign + 1 + strspn(sign + 1, blanks);
    *end = '\0';
    if (line->kind == INI_PAIR && *line->value == '"')
        unquote(line);
}

bool ini_next(struct ini *ini, struct ini_line *line)
{
    char *text, *end;
    bool control, comment;

    while ((text = cut_line(ini, &end))) {
        *line = (struct ini_line){.number = ini->line, .key = end, .value = end};
        control = has_control(text, end);
        comment = text == end || *text == '#' || *text == ';';
        if (*text == '[')
            take_heading(text, line);
        else if (!comment)
            take_pair(text, line);
        if (control)
            bad(line, "there is a control byte in the line");
        if (control || !comment)
            return true;
    }
    return false;
}
