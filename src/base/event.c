#include "base/event.h"

#include <stdio.h>
#include <string.h>

void sink_emit(const struct sink *sink, const struct event *event)
{
    if (sink->on)
        sink->on(sink->ctx, event);
}

void sink_say(const struct sink *sink, enum event_kind kind, enum stage stage,
              const char *format, ...)
{
    char text[1024];
    va_list ap;
    struct event event = {.kind = kind, .stage = stage, .text = text};

    if (!sink->on)
        return;
    va_start(ap, format);
    vsnprintf(text, sizeof(text), format, ap);
    va_end(ap);
    event.text_len = strlen(text);
    sink->on(sink->ctx, &event);
}
