/* Notices. See notice.h. Events are gathered for a moment, so that many engines that do the
 * same make one line, and an engine that comes back at once makes one, too. */
#include "notice.h"

#include "fold.h"
#include "label.h"
#include "screen.h"
#include "stream.h"
#include "target.h"
#include "text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    GATHER_MS = 200,
    LATER_MS = 100, /* while the terminal is the local engine's */
    HELD_MS = 1000  /* what a stream holds back at its start: a job's, not ours */
};

/* An engine as it was told last, and as it is now. */
typedef struct {
    int id;
    unsigned told, state;
    bool changed, ended; /* ended: it has died since it was told */
    char text[256];
} known_t;

static struct {
    session_t *session; /* NULL: nothing is told */
    known_t *engines;
    size_t count, cap;
    stream_t *stream;
    uint64_t timer, output_timer;
    bool gone;
    char why[256];
} notice;

static bool may_speak(void)
{
    terminal_t *terminal = notice.session->terminal;
    return terminal == NULL || terminal_holder(terminal) == 0;
}

/* ---- engines */

static known_t *find(int id)
{
    for (size_t i = 0; i < notice.count; i++)
        if (notice.engines[i].id == id)
            return &notice.engines[i];
    if (notice.count == notice.cap) {
        notice.cap = notice.cap ? notice.cap * 2 : 16;
        notice.engines = tt_realloc(notice.engines, notice.cap * sizeof *notice.engines);
    }
    known_t *self = &notice.engines[notice.count++];
    *self = (known_t){.id = id, .told = TT_ENGINE_STARTING};
    return self;
}

/* Why it ended, as short as the label allows: `killed by SIGKILL`. */
static const char *why_of(const known_t *self)
{
    const char *why = *self->text ? self->text : "its process has ended";
    return strncmp(why, "was ", 4) == 0 ? why + 4 : why;
}

/* What is told of an engine; NULL: nothing. The caller's to free. */
static char *words_of(const known_t *self)
{
    static const char *const ready[TT_ENGINE_STOPPED + 1] = {
        [TT_ENGINE_STARTING] = "new",
        [TT_ENGINE_RESTARTING] = "back, names are gone",
        [TT_ENGINE_FAILED] = "back, names are gone",
        [TT_ENGINE_LOST] = "back, names are gone",
        [TT_ENGINE_GONE] = "new",
        [TT_ENGINE_STOPPED] = "goes on",
    };
    const char *why = why_of(self);
    switch (self->state) {
    case TT_ENGINE_READY:
        if (self->ended)
            return tt_printf("%s; back, names are gone", why);
        return self->told <= TT_ENGINE_STOPPED && ready[self->told]
                   ? tt_strdup(ready[self->told])
                   : NULL;
    case TT_ENGINE_STOPPED:
        return tt_strdup(why);
    case TT_ENGINE_RESTARTING:
        return tt_printf("%s; starting again", why);
    case TT_ENGINE_FAILED:
        return tt_printf("failed: %s; %%restart tries again", why);
    case TT_ENGINE_LOST:
        return tt_printf("lost: %s", why);
    case TT_ENGINE_GONE:
        return tt_strdup("gone");
    default:
        return NULL;
    }
}

/* Whether the engine lacks what was sent before; appends how much. */
static bool lack_of(int id, tt_buf_t *out)
{
    const tt_engine_t *engine = tt_client_engine(notice.session->client, id);
    if (engine == NULL || engine->state != TT_ENGINE_READY)
        return false;
    lack_t lack = journal_lack(notice.session->journal, engine);
    if (lack.lines + lack.names == 0)
        return false;
    if (out)
        lack_tell(&lack, out);
    return true;
}

/* What is told of an engine, and what it lacks; NULL: nothing. The caller's to free. */
static char *whole_words_of(const known_t *self)
{
    tt_buf_t lack;
    char *words = words_of(self), *whole = words;
    tt_buf_init(&lack);
    if (words && lack_of(self->id, &lack)) {
        whole = tt_printf("%s; lacks %s", words, tt_buf_text(&lack));
        free(words);
    }
    tt_buf_release(&lack);
    return whole;
}

static void tell_replay(const fold_group_t *group, tt_buf_t *out)
{
    int *ids = tt_alloc((group->count + 1) * sizeof *ids);
    for (size_t i = 0; i < group->count; i++)
        ids[i] = group->members[i].id;
    tt_buf_printf(out, ": %%replay ");
    tt_target_format(out, ids, tt_ids_sort(ids, group->count));
    free(ids);
}

/* `engines 0-3: killed by SIGKILL; back, names are gone` */
static void tell_group(const fold_group_t *group, tt_buf_t *out)
{
    label_style_t style = {.total = notice.count};
    tt_buf_printf(out, "engine%s ", group->count == 1 ? "" : "s");
    label_names(out, group->members, group->count, &style);
    tt_buf_printf(out, ": ");
    tt_text_escape(out, (const char *)group->text.data, group->text.len);
    if (lack_of(group->members[0].id, NULL))
        tell_replay(group, out);
    tt_buf_printf(out, "\n");
}

static void tell_engines(tt_buf_t *out)
{
    fold_t *fold = fold_new();
    char **texts = tt_alloc((notice.count + 1) * sizeof *texts);
    size_t count;
    for (size_t i = 0; i < notice.count; i++) {
        known_t *self = &notice.engines[i];
        if (self->changed && (texts[i] = whole_words_of(self)))
            fold_add(fold, self->id, NULL, tt_span(texts[i]));
        self->changed = self->ended = false;
        if (self->state != TT_ENGINE_STARTING) /* of which nothing is told */
            self->told = self->state;
    }
    const fold_group_t *groups = fold_groups(fold, &count);
    for (size_t i = 0; i < count; i++)
        tell_group(&groups[i], out);
    for (size_t i = 0; i < notice.count; i++)
        free(texts[i]);
    free(texts);
    fold_destroy(&fold);
}

static void tell(void)
{
    tt_buf_t out;
    tt_buf_init(&out);
    tell_engines(&out);
    if (notice.gone) {
        tt_buf_printf(&out, "the cluster is gone: ");
        tt_text_escape(&out, notice.why, strlen(notice.why));
        tt_buf_append(&out, "\n", 1);
    }
    notice.gone = false;
    screen_write(2, (tt_span_t){out.data, out.len});
    tt_buf_release(&out);
}

static void on_timer(void *arg)
{
    (void)arg;
    notice.timer = 0;
    if (notice.session == NULL)
        return;
    if (may_speak())
        tell();
    else
        notice.timer = tt_loop_add_timer(notice.session->loop, LATER_MS, on_timer, NULL);
}

bool notice_now(void)
{
    if (notice.session == NULL)
        return false;
    tt_loop_cancel_timer(notice.session->loop, notice.timer);
    notice.timer = 0;
    tell();
    return true;
}

static void tell_soon(void)
{
    if (notice.session && notice.timer == 0)
        notice.timer = tt_loop_add_timer(notice.session->loop, GATHER_MS, on_timer, NULL);
}

static bool has_process(unsigned state)
{
    return state == TT_ENGINE_READY || state == TT_ENGINE_STOPPED;
}

static void on_engine(void *arg, const tt_engine_t *engine)
{
    (void)arg;
    if (notice.session == NULL)
        return;
    known_t *self = find(engine->id);
    bool ended = has_process(self->state) && engine->state == TT_ENGINE_RESTARTING;
    if (engine->state != TT_ENGINE_READY || !self->ended)
        snprintf(self->text, sizeof self->text, "%s", engine->text);
    self->ended |= ended;
    self->changed |= self->state != engine->state;
    self->state = engine->state;
    if (self->changed)
        tell_soon();
}

static void on_gone(void *arg, const char *why)
{
    (void)arg;
    notice.gone = true;
    snprintf(notice.why, sizeof notice.why, "%s", why);
    tell_soon();
}

/* ---- output */

static void on_output(void *arg)
{
    (void)arg;
    notice.output_timer = 0;
    if (notice.session == NULL)
        return;
    int64_t due = may_speak() ? stream_due(notice.stream, tt_now_ms()) : LATER_MS;
    if (due == 0) {
        render_style_t style = {.label = {.total = notice.count},
                                .engines = notice.count,
                                .colour = notice.session->colour,
                                .terminal = true};
        tt_buf_t out, err;
        tt_buf_init(&out);
        tt_buf_init(&err);
        stream_take(notice.stream, tt_now_ms(), &style, &out, &err);
        screen_write(1, (tt_span_t){out.data, out.len});
        screen_write(2, (tt_span_t){err.data, err.len});
        tt_buf_release(&out);
        tt_buf_release(&err);
        due = stream_due(notice.stream, tt_now_ms());
    }
    if (due >= 0)
        notice.output_timer = tt_loop_add_timer(notice.session->loop, due, on_output, NULL);
}

static void on_background(void *arg, int engine, int stream, tt_span_t bytes)
{
    (void)arg;
    if (notice.session == NULL)
        return;
    stream_chunk_t chunk = {engine, NULL, stream == 2, bytes};
    stream_add(notice.stream, &chunk, tt_now_ms());
    if (notice.output_timer == 0)
        notice.output_timer = tt_loop_add_timer(
            notice.session->loop, stream_due(notice.stream, tt_now_ms()), on_output, NULL);
}

const tt_client_handlers_t notice_handlers = {
    .engine = on_engine, .background = on_background, .gone = on_gone};

/* ---- */

void notice_start(session_t *session)
{
    size_t count;
    const tt_engine_t *engines = tt_client_engines(session->client, &count);
    notice.session = session;
    notice.stream = stream_new(tt_now_ms() - HELD_MS);
    for (size_t i = 0; i < count; i++) {
        known_t *self = find(engines[i].id);
        self->told = self->state = engines[i].state;
    }
}

void notice_stop(void)
{
    if (notice.session == NULL)
        return;
    tt_loop_cancel_timer(notice.session->loop, notice.timer);
    tt_loop_cancel_timer(notice.session->loop, notice.output_timer);
    notice.timer = notice.output_timer = 0;
    notice.session = NULL;
    stream_destroy(&notice.stream);
    free(notice.engines);
    notice.engines = NULL;
    notice.count = notice.cap = 0;
}
