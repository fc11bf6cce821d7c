/* Displays as a person sees them. See figure.h. Called by job_show.c for the answers of jobs,
 * by session_local.c for those of the local engine, and by %show. */
#include "figure.h"

#include "fold.h"
#include "read.h"
#include "text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DRAWN_MOST = 8 /* at a time; the others have their lines */ };

/* One display: its picture, or its text, or what it said it was and is not. */
typedef struct {
    const answer_t *answer;
    picture_t picture; /* kind NULL: none */
    tt_span_t text;    /* its text/plain */
    const picture_kind_t *wrong;
} display_t;

typedef struct {
    display_t *items; /* owned */
    size_t count, cap;
} displays_t;

/* ---- reading */

static bool is_better(const picture_kind_t *kind, const display_t *than)
{
    return than->picture.kind == NULL || kind < than->picture.kind;
}

static void take_pair(tt_reader_t *reader, display_t *display)
{
    tt_span_t mime = {NULL, 0}, data = {NULL, 0};
    picture_t picture;
    if (tt_read_str(reader, &mime) != 0)
        tt_skip(reader);
    if (tt_read_str(reader, &data) != 0 && tt_read_bin(reader, &data) != 0)
        tt_skip(reader);
    if (mime.data == NULL || data.data == NULL)
        return;
    const picture_kind_t *kind = picture_kind(mime);
    if (kind && picture_read(&picture, kind, data) != 0)
        display->wrong = kind;
    else if (kind && is_better(kind, display))
        display->picture = picture;
    else if (mime.len == 10 && memcmp(mime.data, "text/plain", 10) == 0)
        display->text = data;
}

static void take_answer(displays_t *self, const answer_t *answer)
{
    tt_reader_t reader = tt_reader(answer->displays);
    size_t count = 0, pairs;
    if (answer->displays.data == NULL || tt_read_array(&reader, &count) != 0)
        return;
    for (; count > 0 && !tt_reader_done(&reader); count--) {
        display_t display = {.answer = answer};
        if (tt_read_map(&reader, &pairs) != 0) {
            tt_skip(&reader);
            continue;
        }
        for (; pairs > 0 && !tt_reader_done(&reader); pairs--)
            take_pair(&reader, &display);
        if (self->count == self->cap)
            self->items = tt_realloc(self->items, (self->cap = self->cap ? self->cap * 2 : 8) *
                                                      sizeof *self->items);
        self->items[self->count++] = display;
    }
}

static displays_t read_all(const answer_t *answers, size_t count)
{
    displays_t found = {0};
    for (size_t i = 0; i < count; i++)
        take_answer(&found, &answers[i]);
    return found;
}

bool figure_is_there(const answer_t *answers, size_t count)
{
    displays_t found = read_all(answers, count);
    bool is_there = false;
    for (size_t i = 0; i < found.count; i++)
        is_there |= found.items[i].picture.kind || found.items[i].wrong;
    free(found.items);
    return is_there;
}

static int id_of(const answer_t *answer, const figure_view_t *view)
{
    return view->style->label.items ? answer->item : answer->engine;
}

/* ---- texts */

/* Line by line, with what a terminal would obey made visible. */
static void add_text(tt_buf_t *out, tt_span_t text)
{
    for (size_t at = 0; at < text.len;) {
        const uint8_t *line = text.data + at, *end = memchr(line, '\n', text.len - at);
        size_t len = end ? (size_t)(end - line) : text.len - at;
        tt_text_escape(out, (const char *)line, len);
        tt_buf_append(out, "\n", 1);
        at += len + (end != NULL);
    }
}

/* The texts of one answer's displays, which begin at `at`; the index behind them. */
static size_t add_texts(const displays_t *displays, size_t at, tt_buf_t *out)
{
    const answer_t *answer = displays->items[at].answer;
    for (; at < displays->count && displays->items[at].answer == answer; at++)
        if (displays->items[at].picture.kind == NULL && displays->items[at].wrong == NULL)
            add_text(out, displays->items[at].text);
    return at;
}

static void show_texts(const displays_t *displays, const figure_view_t *view, tt_buf_t *out)
{
    output_t *output = output_new();
    tt_buf_t *texts = tt_alloc(displays->count * sizeof *texts);
    size_t count = 0;
    for (size_t at = 0; at < displays->count; count++) {
        const answer_t *answer = displays->items[at].answer;
        tt_buf_init(&texts[count]);
        at = add_texts(displays, at, &texts[count]);
        tt_span_t text = {texts[count].data, texts[count].len};
        if (view->here)
            tt_buf_append(out, text.data, text.len);
        else
            output_add(output, id_of(answer, view), answer->host, text);
    }
    output_style_t look = render_look(view->style, false);
    output_show(output, &look, out);
    output_destroy(&output);
    for (size_t i = 0; i < count; i++)
        tt_buf_release(&texts[i]);
    free(texts);
}

/* ---- pictures */

static void add_label(const fold_group_t *group, const figure_view_t *view, tt_buf_t *out)
{
    if (view->here)
        return;
    output_style_t look = render_look(view->style, false);
    tt_buf_printf(out, "%s", look.start);
    label_line(out, group->members, group->count, &view->style->label, NULL);
    tt_buf_printf(out, "%s", look.end);
}

static char *stem_of(const answer_t *answer, const figure_view_t *view)
{
    return view->here ? tt_printf("%d-here", answer->job)
                      : tt_printf("%d-%d", answer->job, id_of(answer, view));
}

/* Its line and its drawing. Returns whether it is drawn. */
static bool show_one(const display_t *display, const fold_group_t *group,
                     const figure_view_t *view, draw_way_t way, tt_buf_t *out)
{
    const picture_t *picture = &display->picture;
    char *stem = stem_of(display->answer, view);
    tt_error_t err;
    char *path = album_keep(view->album, stem, picture, &err);
    add_label(group, view, out);
    tt_buf_printf(out, "figure");
    if (picture->width)
        tt_buf_printf(out, " %ux%u", picture->width, picture->height);
    tt_buf_printf(out, " · ");
    if (path == NULL)
        tt_buf_printf(out, "cannot be kept in ");
    album_tell(out, path ? path : view->album->dir);
    tt_buf_printf(out, "%s%s\n", path ? "" : ": ", path ? "" : err.text);
    bool drawn = draw_picture(way, picture, path, &view->room, out);
    if (path && view->paths)
        tt_texts_add(view->paths, path);
    else
        free(path);
    free(stem);
    return drawn;
}

static void show_pictures(const displays_t *displays, const figure_view_t *view, tt_buf_t *out)
{
    fold_t *fold = fold_new();
    const display_t **shown = tt_alloc((displays->count + 1) * sizeof *shown);
    size_t count = 0, drawn = 0, failed = 0, group_count;
    for (size_t i = 0; i < displays->count; i++) {
        const display_t *display = &displays->items[i];
        if (display->picture.kind == NULL)
            continue;
        shown[count++] = display;
        fold_add(fold, id_of(display->answer, view), display->answer->host,
                 display->picture.bytes);
    }
    const fold_group_t *groups = fold_groups(fold, &group_count);
    for (size_t i = 0; i < group_count; i++) {
        const display_t *display = shown[groups[i].members[0].index];
        /* What could not be drawn has cost its time: it is not tried again and again. */
        bool draws =
            drawn < DRAWN_MOST && failed == 0 && picture_is_drawable(&display->picture);
        bool well = show_one(display, &groups[i], view, draws ? view->way : DRAW_NEVER, out);
        drawn += draws && well;
        failed += draws && !well;
    }
    free(shown);
    fold_destroy(&fold);
}

/* `[3] what came as image/png is none` */
static void show_wrong(const displays_t *displays, const figure_view_t *view, tt_buf_t *err)
{
    for (const picture_kind_t *kind = picture_kinds; kind->mime; kind++) {
        fold_t *fold = fold_new();
        size_t count;
        for (size_t i = 0; i < displays->count; i++) {
            const display_t *display = &displays->items[i];
            if (display->picture.kind == NULL && display->wrong == kind)
                fold_add(fold, id_of(display->answer, view), display->answer->host,
                         tt_span(kind->mime));
        }
        const fold_group_t *group = fold_groups(fold, &count);
        if (count > 0) {
            if (!view->here)
                label_line(err, group->members, group->count, &view->style->label, "err");
            tt_buf_printf(err, "what came as %s is none\n", kind->mime);
        }
        fold_destroy(&fold);
    }
}

void figure_show(const answer_t *answers, size_t count, const figure_view_t *view,
                 tt_buf_t *out, tt_buf_t *err)
{
    displays_t displays = read_all(answers, count);
    if (displays.count > 0) {
        if (!view->no_texts)
            show_texts(&displays, view, out);
        show_pictures(&displays, view, out);
        show_wrong(&displays, view, err);
    }
    free(displays.items);
}
