/* From results to lines. Nothing is decided here about when to show; only how. */
#include "render.h"
#include "error_fold.h"
#include "runtime.h"
#include "text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    const char *start, *end;
} colour_t;

static const colour_t plain = {"", ""};
static const colour_t cyan = {"\033[36m", "\033[0m"};   /* stdout's labels */
static const colour_t yellow = {"\033[33m", "\033[0m"}; /* stderr's */
static const colour_t green = {"\033[32m", "\033[0m"};  /* values' */
static const colour_t red = {"\033[31m", "\033[0m"};    /* errors' first lines */

static colour_t choose(const render_style_t *style, colour_t colour)
{
    return style->colour ? colour : plain;
}

static void escape(tt_buf_t *out, tt_span_t text)
{
    tt_text_escape(out, (const char *)text.data, text.len);
}

static int id_of(const answer_t *answer, const render_style_t *style)
{
    return style->label.items ? answer->item : answer->engine;
}

output_style_t render_look(const render_style_t *style, bool err)
{
    colour_t colour = choose(style, err ? yellow : cyan);
    return (output_style_t){style->label, err ? "err" : NULL, colour.start, colour.end};
}

/* What Python and shells write when a person interrupts them is no line of anybody's. */
static tt_span_t stderr_of(const answer_t *answer)
{
    bool bare = answer->status == TT_STATUS_INTERRUPTED && answer->err.len == 1 &&
                answer->err.data[0] == '\n';
    return bare ? (tt_span_t){NULL, 0} : answer->err;
}

/* What users wrote must not colour what follows. */
static void end_colours(const render_style_t *style, tt_buf_t *out, size_t start)
{
    if (style->terminal)
        tt_text_reset(out, start);
}

/* Shows one of the two streams of all answers. */
static void show_stream(const answer_t *answers, size_t count, const render_style_t *style,
                        bool err, tt_buf_t *out)
{
    output_style_t look = render_look(style, err);
    size_t start = out->len;
    output_t *output = output_new();
    for (size_t i = 0; i < count; i++)
        output_add(output, id_of(&answers[i], style), answers[i].host,
                   err ? stderr_of(&answers[i]) : answers[i].out);
    output_show(output, &look, out);
    output_destroy(&output);
    end_colours(style, out, start);
}

/* Texts of our own making, one an answer, that are folded and shown behind labels. */
typedef struct {
    fold_t *fold;
    char **texts; /* owned, as their text */
    size_t count;
    const render_style_t *style;
} notes_t;

static notes_t notes_new(size_t most, const render_style_t *style)
{
    return (notes_t){fold_new(), tt_alloc(most * sizeof(char *)), 0, style};
}

/* Takes `text`. */
static void notes_add(notes_t *self, const answer_t *answer, char *text)
{
    self->texts[self->count++] = text;
    fold_add(self->fold, id_of(answer, self->style), answer->host, tt_span(text));
}

static void notes_show(notes_t *self, colour_t colour, tt_buf_t *out)
{
    size_t count;
    const fold_group_t *groups = fold_groups(self->fold, &count);
    for (size_t i = 0; i < count; i++) {
        tt_buf_printf(out, "%s", colour.start);
        label_line(out, groups[i].members, groups[i].count, &self->style->label, NULL);
        tt_buf_append(out, groups[i].text.data, groups[i].text.len);
        tt_buf_printf(out, "%s\n", colour.end);
    }
    for (size_t i = 0; i < self->count; i++)
        free(self->texts[i]);
    free(self->texts);
    fold_destroy(&self->fold);
}

static char *dropped_text(uint64_t bytes)
{
    if (bytes < 1000)
        return tt_printf("%u bytes of output dropped", (unsigned)bytes);
    static const char units[] = "KMGTPE";
    double size = (double)bytes / 1000;
    size_t unit = 0;
    for (; size >= 999.95; unit++)
        size /= 1000;
    return tt_printf("%.1f %cB of output dropped", size, units[unit]);
}

static void show_dropped(const answer_t *answers, size_t count, const render_style_t *style,
                         tt_buf_t *err)
{
    notes_t notes = notes_new(count, style);
    for (size_t i = 0; i < count; i++)
        if (answers[i].dropped_bytes)
            notes_add(&notes, &answers[i], dropped_text(answers[i].dropped_bytes));
    notes_show(&notes, choose(style, yellow), err);
}

void render_output(const answer_t *answers, size_t count, const render_style_t *style,
                   tt_buf_t *out, tt_buf_t *err)
{
    show_stream(answers, count, style, false, out);
    show_stream(answers, count, style, true, err);
    show_dropped(answers, count, style, err);
}

void render_values(const answer_t *answers, size_t count, const render_style_t *style,
                   tt_buf_t *out)
{
    colour_t colour = choose(style, green);
    fold_t *fold = fold_new();
    for (size_t i = 0; i < count; i++)
        if (answers[i].repr.data)
            fold_add(fold, id_of(&answers[i], style), answers[i].host, answers[i].repr);
    size_t group_count, start = out->len;
    const fold_group_t *groups = fold_groups(fold, &group_count);
    for (size_t i = 0; i < group_count; i++) {
        tt_buf_printf(out, "%s", colour.start);
        label_out(out, groups[i].members, groups[i].count, &style->label);
        tt_buf_printf(out, "%s", colour.end);
        label_value(out, groups[i].text);
    }
    fold_destroy(&fold);
    end_colours(style, out, start);
}

static char *note_text(const answer_t *answer)
{
    tt_buf_t text;
    tt_buf_init(&text);
    escape(&text, answer->note);
    tt_buf_text(&text);
    return (char *)text.data;
}

void render_notes(const answer_t *answers, size_t count, const render_style_t *style,
                  tt_buf_t *err)
{
    notes_t notes = notes_new(count, style);
    for (size_t i = 0; i < count; i++)
        if (answers[i].note.len)
            notes_add(&notes, &answers[i], note_text(&answers[i]));
    notes_show(&notes, choose(style, yellow), err);
}

bool render_failed(const answer_t *answer)
{
    return answer->status != TT_STATUS_OK || answer->exit_status > 0;
}

/* Whether it is told as an error of user code; the rest is told in a few words. */
static bool is_error(const answer_t *answer)
{
    return answer->status == TT_STATUS_ERROR && answer->error.type.data &&
           answer->exit_status <= 0;
}

/* ` · engines 0-3`: where a group of items failed. */
static void show_engines(const error_group_t *group, const answer_t *const *failed,
                         const render_style_t *style, tt_buf_t *out)
{
    fold_t *fold = fold_new();
    for (size_t i = 0; i < group->count; i++) {
        const answer_t *answer = failed[group->members[i].index];
        if (answer->engine >= 0)
            fold_add(fold, answer->engine, answer->host, tt_span(""));
    }
    size_t count;
    const fold_group_t *all = fold_groups(fold, &count);
    label_style_t look = {.total = style->engines, .hosts = style->label.hosts};
    if (count) {
        bool one = all->members[0].id == all->members[all->count - 1].id;
        tt_buf_printf(out, " · engine%s ", one ? "" : "s");
        label_names(out, all->members, all->count, &look);
    }
    fold_destroy(&fold);
}

static size_t count_of(tt_span_t text, const char *word)
{
    size_t count = 0, len = strlen(word);
    for (size_t i = 0; i + len <= text.len; i++)
        count += memcmp(text.data + i, word, len) == 0;
    return count;
}

/* An error in one typed line itself: the line says all that its traceback would. */
static bool is_plain(const answer_t *answer, tt_span_t traceback)
{
    return answer->item < 0 && count_of(answer->source, "\n") == 0 &&
           count_of(traceback, "\n  File \"") == 1 && count_of(traceback, "File \"In [") == 1;
}

static void show_traceback(const error_group_t *group, tt_buf_t *out)
{
    tt_span_t text = error_fold_traceback(group);
    if (is_plain(group->first, text))
        return;
    tt_buf_append(out, text.data, text.len);
    if (text.len)
        tt_buf_printf(out, "\n");
}

/* An error that many items raised in many words is told in its one line; else the traceback
 * helps. */
static void show_error(const error_group_t *group, const answer_t *const *failed,
                       const render_style_t *style, tt_buf_t *out)
{
    colour_t colour = choose(style, red);
    tt_buf_printf(out, "%s", colour.start);
    label_job(out, group->members, group->count, &style->label);
    error_fold_line(out, group);
    if (style->label.items)
        show_engines(group, failed, style, out);
    if (group->first->hint) {
        tt_buf_printf(out, " · ");
        escape(out, tt_span(group->first->hint));
    }
    tt_buf_printf(out, "%s\n", colour.end);
    if (!style->label.items || group->message_count == 1)
        show_traceback(group, out);
}

static void show_errors(const answer_t *answers, size_t count, const render_style_t *style,
                        tt_buf_t *out)
{
    error_fold_t *fold = error_fold_new();
    const answer_t **failed = tt_alloc(count * sizeof *failed);
    size_t failed_count = 0;
    for (size_t i = 0; i < count; i++)
        if (is_error(&answers[i])) {
            failed[failed_count++] = &answers[i];
            error_fold_add(fold, &answers[i], style->label.items);
        }
    size_t group_count, start = out->len;
    const error_group_t *groups = error_fold_groups(fold, &group_count);
    for (size_t i = 0; i < group_count; i++)
        show_error(&groups[i], failed, style, out);
    free(failed);
    error_fold_destroy(&fold);
    end_colours(style, out, start);
}

/* Whether it ended by itself, with an exit status. */
static bool has_exited(const answer_t *answer)
{
    return answer->exit_status > 0 &&
           (answer->status == TT_STATUS_OK || answer->status == TT_STATUS_ERROR);
}

/* `exit 3`; `exit 3 · the shell has ended` when the message, which may begin with the same
 * words, says more. */
static void write_exit(tt_buf_t *out, const answer_t *answer)
{
    size_t start = out->len;
    tt_buf_printf(out, "exit %d", answer->exit_status);
    size_t len = out->len - start;
    tt_span_t message = answer->error.message;
    bool same = message.len >= len && memcmp(message.data, out->data + start, len) == 0 &&
                (message.len == len || message.data[len] < '0' || message.data[len] > '9');
    if (same) {
        message.data += len;
        message.len -= len;
    } else if (message.len) {
        tt_buf_printf(out, " · ");
    }
    escape(out, message);
    tt_buf_text(out);
}

/* The cause without the engine, when the label names it: so equal ends fold. */
static tt_span_t short_cause(const answer_t *answer, const render_style_t *style)
{
    char engine[32];
    tt_span_t cause = answer->cause;
    const char *parts[] = {engine, "was "};
    snprintf(engine, sizeof engine, "engine %d ", answer->engine);
    for (size_t i = 0; i < 2 && !style->label.items; i++) {
        size_t len = strlen(parts[i]);
        if (cause.len < len || memcmp(cause.data, parts[i], len) != 0)
            break;
        cause = (tt_span_t){cause.data + len, cause.len - len};
    }
    return cause;
}

/* `exit 3`, `lost: killed by SIGKILL`, `interrupted at f:3`. */
static char *failure_text(const answer_t *answer, const render_style_t *style)
{
    tt_buf_t text;
    tt_buf_init(&text);
    if (has_exited(answer)) {
        write_exit(&text, answer);
        return (char *)text.data;
    }
    tt_buf_printf(&text, "%s", tt_status_text(answer->status));
    if (answer->cause.len) {
        tt_buf_printf(&text, ": ");
        escape(&text, short_cause(answer, style));
    } else if (answer->status == TT_STATUS_REFUSED && answer->error.message.len) {
        tt_buf_printf(&text, ": ");
        escape(&text, answer->error.message);
    } else if (answer->error.type.data) {
        error_fold_place(&text, &answer->error);
    }
    tt_buf_text(&text);
    return (char *)text.data;
}

static void show_others(const answer_t *answers, size_t count, const render_style_t *style,
                        tt_buf_t *err)
{
    notes_t notes = notes_new(count, style);
    for (size_t i = 0; i < count; i++)
        if (render_failed(&answers[i]) && !is_error(&answers[i]))
            notes_add(&notes, &answers[i], failure_text(&answers[i], style));
    notes_show(&notes, choose(style, red), err);
}

size_t render_failures(const answer_t *answers, size_t count, const render_style_t *style,
                       tt_buf_t *err)
{
    size_t failed = 0;
    for (size_t i = 0; i < count; i++)
        failed += render_failed(&answers[i]);
    if (failed == 0)
        return 0;
    show_errors(answers, count, style, err);
    show_others(answers, count, style, err);
    return failed;
}

static size_t render_folded(const answer_t *answers, size_t count, const render_style_t *style,
                            tt_buf_t *out, tt_buf_t *err)
{
    render_output(answers, count, style, out, err);
    render_values(answers, count, style, out);
    render_notes(answers, count, style, err);
    return render_failures(answers, count, style, err);
}

size_t render_job(const answer_t *answers, size_t count, const render_style_t *style,
                  tt_buf_t *out, tt_buf_t *err)
{
    size_t failed = 0;
    for (size_t i = 0, step = style->apart ? 1 : count; i < count; i += step)
        failed += render_folded(answers + i, step, style, out, err);
    return failed;
}
