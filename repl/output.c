/* Output of many engines, folded line by line. A group of engines that agreed so far reads its
 * next line; the fold parts it into those who read the same. A stack of groups takes the place
 * of recursion, which ten thousand engines could drive deep. Every line is looked at once. */
#include "output.h"

#include <stdlib.h>
#include <string.h>

typedef struct {
    int id;
    const char *host;
    const char *at, *end; /* what is not shown yet */
} stream_t;

typedef struct {
    size_t start, count; /* a run in `streams` whose members agree so far */
    tt_span_t line;      /* what they agreed on last, to be shown; data NULL at the start */
} group_t;

struct output {
    stream_t *streams; /* all arrays owned */
    size_t count, cap;
    stream_t *sorted;       /* room for a group's new order */
    fold_member_t *members; /* room for a label's */
    group_t *stack;         /* the groups are disjoint: never deeper than there are streams */
    size_t depth;
    fold_t *fold; /* owned */
};

output_t *output_new(void)
{
    output_t *self = tt_alloc(sizeof *self);
    self->fold = fold_new();
    return self;
}

void output_destroy(output_t **self_p)
{
    output_t *self = *self_p;
    if (self == NULL)
        return;
    fold_destroy(&self->fold);
    free(self->streams);
    free(self->sorted);
    free(self->members);
    free(self->stack);
    free(self);
    *self_p = NULL;
}

void output_add(output_t *self, int id, const char *host, tt_span_t text)
{
    if (text.len == 0)
        return;
    if (self->count == self->cap) {
        self->cap = self->cap ? self->cap * 2 : 16;
        self->streams = tt_realloc(self->streams, self->cap * sizeof *self->streams);
    }
    const char *at = (const char *)text.data;
    self->streams[self->count++] = (stream_t){id, host, at, at + text.len};
}

/* Takes the next line, without its end and without what carriage returns overwrite. */
static tt_span_t take_line(stream_t *stream)
{
    const char *start = stream->at;
    const char *end = memchr(start, '\n', (size_t)(stream->end - start));
    stream->at = end ? end + 1 : stream->end;
    end = end ? end : stream->end;
    while (end > start && end[-1] == '\r')
        end--;
    const char *overwritten = memrchr(start, '\r', (size_t)(end - start));
    start = overwritten ? overwritten + 1 : start;
    return (tt_span_t){(const uint8_t *)start, (size_t)(end - start)};
}

static void show(const output_style_t *style, const fold_member_t *members, size_t count,
                 tt_span_t line, tt_buf_t *out)
{
    tt_buf_printf(out, "%s", style->start);
    label_line(out, members, count, &style->label, style->mark);
    out->len--; /* the blank comes behind the colour's end */
    tt_buf_printf(out, "%s%s", style->end, line.len ? " " : "");
    tt_buf_append(out, line.data, line.len);
    tt_buf_printf(out, "\n");
}

static void show_group(output_t *self, const group_t *group, const output_style_t *style,
                       tt_buf_t *out)
{
    for (size_t i = 0; i < group->count; i++) {
        const stream_t *stream = &self->streams[group->start + i];
        self->members[i] = (fold_member_t){stream->id, stream->host, i};
    }
    show(style, self->members, group->count, group->line, out);
}

/* One member left: no folding. */
static void show_rest(stream_t *stream, const output_style_t *style, tt_buf_t *out)
{
    const fold_member_t member = {stream->id, stream->host, 0};
    while (stream->at < stream->end) {
        tt_span_t line = take_line(stream);
        show(style, &member, 1, line, out);
    }
}

/* Reads everybody's next line into the fold; streams at their end drop out. */
static void read_lines(output_t *self, const group_t *group)
{
    fold_clear(self->fold);
    size_t to = group->start;
    for (size_t i = group->start; i < group->start + group->count; i++) {
        stream_t *stream = &self->streams[i];
        if (stream->at == stream->end)
            continue;
        tt_span_t line = take_line(stream);
        fold_add(self->fold, stream->id, stream->host, line);
        self->streams[to++] = *stream;
    }
}

/* Orders the streams that were read by what they read, and stacks the groups, the first on top.
 */
static void part(output_t *self, size_t start)
{
    size_t count, at = 0;
    const fold_group_t *groups = fold_groups(self->fold, &count);
    for (size_t i = 0; i < count; i++)
        for (size_t m = 0; m < groups[i].count; m++)
            self->sorted[at++] = self->streams[start + groups[i].members[m].index];
    if (at)
        memcpy(self->streams + start, self->sorted, at * sizeof *self->sorted);
    size_t end = start + at;
    for (size_t i = count; i > 0; i--) {
        end -= groups[i - 1].count;
        self->stack[self->depth++] = (group_t){end, groups[i - 1].count, groups[i - 1].text};
    }
}

/* The groups' texts point into what was added, so they outlive the fold's next round. */
static void show_all(output_t *self, const output_style_t *style, tt_buf_t *out)
{
    self->stack[self->depth++] = (group_t){0, self->count, {NULL, 0}};
    while (self->depth) {
        group_t group = self->stack[--self->depth];
        if (group.line.data)
            show_group(self, &group, style, out);
        if (group.count == 1) {
            show_rest(&self->streams[group.start], style, out);
            continue;
        }
        read_lines(self, &group);
        part(self, group.start);
    }
    fold_clear(self->fold);
}

void output_show(output_t *self, const output_style_t *style, tt_buf_t *out)
{
    if (self->count == 0)
        return;
    self->sorted = tt_realloc(self->sorted, self->count * sizeof *self->sorted);
    self->members = tt_realloc(self->members, self->count * sizeof *self->members);
    self->stack = tt_realloc(self->stack, self->count * sizeof *self->stack);
    show_all(self, style, out);
    self->count = 0;
}
