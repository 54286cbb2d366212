#include "base/host.h"

#include "base/text.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { NAME_MAX_BYTES = 256, LINE_MAX_BYTES = 1024 };

static const char blanks[] = " \t\r\n";

/* The name with a dot, the first on the hosts line that lists HOST; NULL where it has none. */
static const char *full_name(char *line, const char *host)
{
    const char *full = NULL;
    char *save, *word;
    bool listed = false;

    line[strcspn(line, "#")] = '\0';
    if (!strtok_r(line, blanks, &save))
        return NULL;
    while ((word = strtok_r(NULL, blanks, &save))) {
        if (!full && strchr(word, '.'))
            full = word;
        listed = listed || text_same(word, host);
    }
    return listed ? full : NULL;
}

static int from_hosts_file(const char *host, struct buf *out)
{
    FILE *hosts = fopen("/etc/hosts", "re");
    char line[LINE_MAX_BYTES];
    const char *name = NULL;

    if (!hosts)
        return 0;
    while (!name && fgets(line, sizeof(line), hosts))
        name = full_name(line, host);
    fclose(hosts);
    return name && !buf_addstr(out, name);
}

int host_fqdn(struct buf *out)
{
    char host[NAME_MAX_BYTES];

    if (gethostname(host, sizeof(host)))
        return 0;
    host[sizeof(host) - 1] = '\0';
    if (strchr(host, '.'))
        return !buf_addstr(out, host);
    return from_hosts_file(host, out);
}

int host_mailname(struct buf *out)
{
    FILE *file = fopen("/etc/mailname", "re");
    char line[NAME_MAX_BYTES];
    char *save, *word = NULL;

    if (!file)
        return 0;
    if (fgets(line, sizeof(line), file))
        word = strtok_r(line, blanks, &save);
    fclose(file);
    return word && !buf_addstr(out, word);
}
