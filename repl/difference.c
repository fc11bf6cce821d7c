/* Comparing answers line by line. See difference.h. */
#include "difference.h"

#include "runtime.h"
#include "text.h"

#include <stdlib.h>
#include <string.h>

enum {
    TABLE_MAX = 4 << 20, /* entries of the table of common lines: more is told as all new */
    SHOWN_MAX = 40       /* lines that are told of a group */
};

struct difference {
    tt_buf_t *texts; /* of each answer */
    size_t count;
    fold_t *fold;
    const fold_group_t *groups; /* the fold's */
    size_t group_count, most;   /* the group that most are in */
};

static void write_lines(tt_buf_t *out, tt_span_t text)
{
    if (text.len == 0)
        return;
    tt_buf_append(out, text.data, text.len);
    if (text.data[text.len - 1] != '\n')
        tt_buf_append(out, "\n", 1);
}

static void write_failure(tt_buf_t *out, const answer_t *answer)
{
    if (answer->exit_status > 0) {
        tt_buf_printf(out, "exit %d\n", answer->exit_status);
    } else if (answer->error.type.data) {
        tt_text_escape(out, (const char *)answer->error.type.data, answer->error.type.len);
        tt_buf_printf(out, ": ");
        tt_text_escape(out, (const char *)answer->error.message.data,
                       answer->error.message.len);
        tt_buf_printf(out, "\n");
    } else if (render_failed(answer)) {
        tt_buf_printf(out, "%s", tt_status_text(answer->status));
        tt_buf_printf(out, "%s", answer->cause.len ? ": " : "");
        tt_text_escape(out, (const char *)answer->cause.data, answer->cause.len);
        tt_buf_printf(out, "\n");
    }
}

difference_t *difference_new(const answer_t *answers, size_t count)
{
    difference_t *self = tt_alloc(sizeof *self);
    self->texts = tt_alloc((count + 1) * sizeof *self->texts);
    self->count = count;
    self->fold = fold_new();
    for (size_t i = 0; i < count; i++) {
        tt_buf_t *text = &self->texts[i];
        tt_buf_init(text);
        write_lines(text, answers[i].out);
        write_lines(text, answers[i].err);
        write_lines(text, answers[i].repr);
        write_failure(text, &answers[i]);
        fold_add(self->fold, answers[i].engine, answers[i].host,
                 (tt_span_t){text->data, text->len});
    }
    self->groups = fold_groups(self->fold, &self->group_count);
    for (size_t i = 1; i < self->group_count; i++)
        if (self->groups[i].count > self->groups[self->most].count)
            self->most = i;
    return self;
}

void difference_destroy(difference_t **self_p)
{
    difference_t *self = *self_p;
    if (self == NULL)
        return;
    for (size_t i = 0; i < self->count; i++)
        tt_buf_release(&self->texts[i]);
    free(self->texts);
    fold_destroy(&self->fold);
    free(self);
    *self_p = NULL;
}

/* ---- lines */

typedef struct {
    tt_span_t *items;
    size_t count;
} lines_t;

static lines_t split(tt_span_t text)
{
    lines_t lines = {NULL, 0};
    size_t cap = 0;
    for (size_t at = 0; at < text.len;) {
        const uint8_t *line = text.data + at, *stop = memchr(line, '\n', text.len - at);
        size_t len = stop ? (size_t)(stop - line) : text.len - at;
        if (lines.count == cap) {
            cap = cap ? cap * 2 : 16;
            lines.items = tt_realloc(lines.items, cap * sizeof *lines.items);
        }
        lines.items[lines.count++] = (tt_span_t){line, len};
        at += len + 1;
    }
    return lines;
}

static bool is_same(tt_span_t a, tt_span_t b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

/* Writes the lines of one group that differ from the others', with a bound. */
typedef struct {
    const fold_group_t *group;
    const render_style_t *style;
    tt_buf_t *out;
    size_t shown, left_out;
} writer_t;

static void put(writer_t *self, char sign, tt_span_t line)
{
    if (self->shown == SHOWN_MAX) {
        self->left_out++;
        return;
    }
    self->shown++;
    label_line(self->out, self->group->members, self->group->count, &self->style->label, NULL);
    tt_buf_printf(self->out, "%c ", sign);
    tt_buf_append(self->out, line.data, line.len);
    tt_buf_printf(self->out, "\n");
}

/* How many lines a[i..] and b[j..] have in common at most, for each i and j, row by row. NULL
 * when there would be too many. */
static uint32_t *common_table(const lines_t *a, const lines_t *b)
{
    size_t width = b->count + 1;
    if ((a->count + 1) > TABLE_MAX / width)
        return NULL;
    uint32_t *table = tt_alloc((a->count + 1) * width * sizeof *table);
    for (size_t i = a->count; i-- > 0;)
        for (size_t j = b->count; j-- > 0;) {
            uint32_t down = table[(i + 1) * width + j], right = table[i * width + j + 1];
            bool same = is_same(a->items[i], b->items[j]);
            table[i * width + j] = same           ? table[(i + 1) * width + j + 1] + 1
                                   : down > right ? down
                                                  : right;
        }
    return table;
}

static void write_changes(writer_t *self, const lines_t *a, const lines_t *b)
{
    size_t width = b->count + 1, i = 0, j = 0;
    uint32_t *table = common_table(a, b);
    while (i < a->count || j < b->count) {
        bool both = i < a->count && j < b->count;
        if (table && both && is_same(a->items[i], b->items[j])) {
            i++;
            j++;
        } else if (i < a->count && (!both || table == NULL ||
                                    table[(i + 1) * width + j] >= table[i * width + j + 1])) {
            put(self, '-', a->items[i++]);
        } else {
            put(self, '+', b->items[j++]);
        }
    }
    free(table);
}

/* Leaves out what both begin and end with. */
static void trim(lines_t *a, lines_t *b)
{
    while (a->count && b->count && is_same(a->items[0], b->items[0])) {
        a->items++;
        b->items++;
        a->count--;
        b->count--;
    }
    while (a->count && b->count && is_same(a->items[a->count - 1], b->items[b->count - 1])) {
        a->count--;
        b->count--;
    }
}

static void show_group(const fold_group_t *most, const fold_group_t *group,
                       const render_style_t *style, tt_buf_t *out)
{
    writer_t writer = {.group = group, .style = style, .out = out};
    lines_t whole[2] = {split(most->text), split(group->text)}, a = whole[0], b = whole[1];
    trim(&a, &b);
    write_changes(&writer, &a, &b);
    if (writer.left_out) {
        label_line(out, group->members, group->count, &style->label, NULL);
        tt_buf_printf(out, "… %zu more lines differ\n", writer.left_out);
    }
    free(whole[0].items);
    free(whole[1].items);
}

/* ---- groups */

void difference_show(const difference_t *self, const render_style_t *style, tt_buf_t *out)
{
    if (self->group_count == 0)
        return;
    const fold_group_t *most = &self->groups[self->most];
    size_t start = out->len;
    lines_t lines = split(most->text);
    for (size_t i = 0; i < lines.count || i == 0; i++) {
        label_line(out, most->members, most->count, &style->label, NULL);
        if (lines.count)
            tt_buf_append(out, lines.items[i].data, lines.items[i].len);
        tt_buf_printf(out, "%s\n", lines.count ? "" : "(nothing)");
    }
    free(lines.items);
    for (size_t i = 0; i < self->group_count; i++)
        if (i != self->most)
            show_group(most, &self->groups[i], style, out);
    if (style->terminal)
        tt_text_reset(out, start);
}

size_t difference_groups(const difference_t *self)
{
    return self->group_count;
}

static size_t add_members(const fold_group_t *group, int *ids)
{
    size_t count = 0;
    for (size_t i = 0; i < group->count; i++)
        if (group->members[i].id >= 0)
            ids[count++] = group->members[i].id;
    return count;
}

size_t difference_odd(const difference_t *self, int *ids)
{
    size_t count = 0;
    for (size_t i = 0; i < self->group_count; i++)
        if (i != self->most)
            count += add_members(&self->groups[i], ids + count);
    return count;
}

size_t difference_saying(const difference_t *self, const char *text, int *ids)
{
    size_t count = 0;
    for (size_t i = 0; i < self->group_count; i++) {
        tt_span_t said = self->groups[i].text;
        if (said.len && memmem(said.data, said.len, text, strlen(text)))
            count += add_members(&self->groups[i], ids + count);
    }
    return count;
}
