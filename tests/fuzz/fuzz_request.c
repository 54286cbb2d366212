/* fuzz_request.c: request_parse on any line: what it lets through can go into a command. */
#include "check.h"

#include "smtp/request.h"

enum { LONGEST = 4096 };

static void check_text(const char *text)
{
    const unsigned char *p;

    for (p = (const unsigned char *)text; *p; p++)
        CHECK(*p >= ' ' && *p != 0x7f);
}

static void check_word(const char *text)
{
    check_text(text);
    CHECK(!strchr(text, ' ') && strlen(text) <= LONGEST);
}

static void check_request(const struct request *r)
{
    CHECK((r->path != NULL) == (r->verb == VERB_MAIL || r->verb == VERB_RCPT));
    if (r->path) {
        check_text(r->path);
        CHECK(r->path[0] == '<' && r->path[strlen(r->path) - 1] == '>');
    }
    CHECK(r->verb == VERB_MAIL || (!r->utf8 && !r->size && !r->ret && !*r->envid));
    CHECK(r->verb == VERB_RCPT || (!r->notify && !r->orcpt));
    CHECK(r->size >= 0);
    check_text(r->envid);
    if (r->orcpt)
        check_word(r->orcpt);
    CHECK(!(r->notify & NOTIFY_NEVER) || r->notify == NOTIFY_NEVER);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct request request;
    const char *refusal;
    char *line;

    if (size > LONGEST)
        return 0;
    line = malloc(size + 1);
    CHECK(line);
    if (size)
        memcpy(line, data, size);
    line[size] = '\0';
    refusal = request_parse(&request, line, size);
    if (refusal)
        CHECK(refusal[0] == '5' && refusal[3] == ' ');
    else
        check_request(&request);
    free(line);
    return 0;
}
