/* scene.h: one dialogue with one server that a child process plays. */
#ifndef UNIT_SCENE_H
#define UNIT_SCENE_H

#include "peer.h"
#include "tap.h"

#include "smtp/dialog.h"

#include <signal.h>
#include <stdlib.h>

enum { PATIENCE_MS = 20000, SMALL = 4096 };

/* One server and one dialogue with it. */
struct scene {
    struct peer peer;
    struct dialog *dialog;
    struct err e;
    const struct reply *reply;
    struct buf events; /* what the sink heard, a line each */
    struct sink sink;
};

static inline void hear(void *ctx, const struct event *event)
{
    struct buf *heard = ctx;

    if (event->kind == EVENT_COMMAND)
        buf_addf(heard, "> %.*s\n", (int)event->text_len, event->text);
    else if (event->kind == EVENT_REPLY)
        buf_addf(heard, "< %d %.*s\n", event->code, (int)event->text_len, event->text);
}

static inline void open_scene(struct scene *s, bool (*act)(int, const void *),
                              const void *script, int buffer, int64_t timeout_ms,
                              int64_t run_ms)
{
    struct dialog_wishes wishes = {timeout_ms, deadline_in(run_ms), &s->sink};
    struct stream *stream;

    *s = (struct scene){.peer = peer_start(act, script, buffer), .e = ERR_INIT};
    buf_init(&s->events, 1 << 16);
    s->sink = (struct sink){hear, &s->events};
    stream = stream_socket(s->peer.fd, &s->e);
    s->peer.fd = -1;
    s->dialog = stream ? dialog_new(stream, &wishes, &s->e) : NULL;
    if (!s->dialog)
        abort();
}

/* The server's verdict: it heard what it had to. */
static inline bool close_scene(struct scene *s)
{
    bool verdict;

    dialog_free(s->dialog);
    verdict = peer_end(&s->peer);
    err_release(&s->e);
    buf_release(&s->events);
    return verdict;
}

static inline void play(struct scene *s, const char *const *script)
{
    open_scene(s, peer_play, script, 0, PATIENCE_MS, -1);
}

static inline int greet(struct scene *s)
{
    return dialog_greeting(s->dialog, &s->reply, &s->e);
}

static inline int ask(struct scene *s, enum stage stage, const char *text)
{
    return dialog_ask(s->dialog, stage, text, NULL, &s->reply, &s->e);
}

static inline bool failed(const struct scene *s, enum err_kind kind, enum stage stage, int code)
{
    bool as_wanted = s->e.kind == kind && s->e.stage == stage && s->e.code == code &&
                     dialog_is_over(s->dialog);

    if (!as_wanted)
        printf("# kind %d, stage '%s', code %d, over %d: %s\n", (int)s->e.kind,
               stage_name(s->e.stage), s->e.code, dialog_is_over(s->dialog), s->e.message);
    return as_wanted;
}

#endif
