/* Output of many engines, folded line by line. A group of engines that agreed so far reads its next
 * line; the fold parts it into those who read the same. A stack of groups takes the place of
 * recursion, which ten thousand engines could drive deep. Every line is looked at once. */
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
} group_t;

struct output {
    stream_t *streams; /* owned */
    size_t count, cap;
    stream_t *sorted; /* owned; room for one group's new order */
    group_t *stack;   /* owned; room for as many as there are streams, and one */
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

/* One member left: no folding. */
static void show_alone(stream_t *stream, const output_style_t *style, tt_buf_t *out)
{
    const fold_member_t member = {stream->id, stream->host, 0};
    while (stream->at < stream->end) {
        tt_span_t line = take_line(stream);
        show(style, &member, 1, line, out);
    }
}

/* Reads everybody's next line into the fold; streams at their end drop out. Returns how many read. */
static size_t read_lines(output_t *self, group_t group)
{
    fold_clear(self->fold);
    size_t read = 0;
    for (size_t i = group.start; i < group.start + group.count; i++) {
        stream_t *stream = &self->streams[i];
        if (stream->at == stream->end)
            continue;
        tt_span_t line = take_line(stream);
        fold_add(self->fold, stream->id, stream->host, line);
        self->streams[group.start + read++] = *stream;
    }
    return read;
}

/* Orders the group's streams by the fold's groups and stacks these, the first on top. */
static void part(output_t *self, size_t start, const fold_group_t *groups, size_t count)
{
    size_t at = 0;
    for (size_t i = 0; i < count; i++)
        for (size_t m = 0; m < groups[i].count; m++)
            self->sorted[at++] = self->streams[start + groups[i].members[m].index];
    memcpy(self->streams + start, self->sorted, at * sizeof *self->sorted);
    for (size_t i = count, end = start + at; i > 0; i--) {
        end -= groups[i - 1].count;
        self->stack[self->depth++] = (group_t){end, groups[i - 1].count};
    }
}

/* The last line taken from a stream, without moving it: shown when its group's turn comes. */
