/* Lines and tables of `top`. See top_table.h. */
#include "top_table.h"

#include "text.h"

#include <string.h>

enum { LINES_MAX = 1000 }; /* of a frame */

#define TITLE "\033[7m"
#define PLAIN "\033[0m"

/* ---- lines */

static void colour(const top_frame_t *self, const char *code)
{
    if (self->look->colour && code)
        tt_buf_printf(self->out, "%s", code);
}

void top_put_line(top_frame_t *self, const char *code, const char *text)
{
    colour(self, code);
    tt_text_cut(self->out, text, strlen(text), self->columns);
    colour(self, code ? PLAIN : NULL);
    tt_buf_append(self->out, "\n", 1);
    self->lines++;
}

void top_put_buf(top_frame_t *self, const char *code, tt_buf_t *line)
{
    top_put_line(self, code, tt_buf_text(line));
    tt_buf_release(line);
}

size_t top_lines_left(const top_frame_t *self, size_t keep)
{
    size_t rows = self->look->rows ? self->look->rows : LINES_MAX;
    return rows > self->lines + keep ? rows - self->lines - keep : 0;
}

/* ---- numbers in few columns */

void top_add_bytes(tt_buf_t *out, int64_t bytes)
{
    static const char units[] = "KMGTPE";
    double value = (double)bytes / 1024;
    size_t unit = 0;
    if (bytes < 0) {
        tt_buf_printf(out, "-");
        return;
    }
    while (value >= 999.5 && units[unit + 1]) {
        value /= 1024;
        unit++;
    }
    tt_buf_printf(out, value < 99.95 && unit > 0 ? "%.1f%c" : "%.0f%c", value, units[unit]);
}

void top_add_time(tt_buf_t *out, double seconds)
{
    long long s = seconds < 1e15 ? (long long)seconds : 0;
    if (seconds < 0)
        return;
    if (s < 60)
        tt_buf_printf(out, "%llds", s);
    else if (s < 3600)
        tt_buf_printf(out, "%lldm%02lld", s / 60, s % 60);
    else if (s < 86400)
        tt_buf_printf(out, "%lldh%02lld", s / 3600, s / 60 % 60);
    else
        tt_buf_printf(out, "%lldd%02lld", s / 86400, s / 3600 % 24);
}

void top_add_cpu(tt_buf_t *out, double cores)
{
    if (cores < 0)
        tt_buf_printf(out, "-");
    else
        tt_buf_printf(out, "%.0f%%", cores < 1e9 ? cores * 100 : 0);
}

void top_add_count(tt_buf_t *out, int64_t count)
{
    if (count < 0)
        tt_buf_printf(out, "-");
    else if (count < 1000000)
        tt_buf_printf(out, "%lld", (long long)count);
    else
        tt_buf_printf(out, "%.1fM", (double)count / 1e6);
}

void top_add_rate(tt_buf_t *out, double rate)
{
    tt_buf_printf(out, rate >= 10 || rate == 0 ? "%.0f/s" : "%.1f/s", rate);
}

/* ---- tables */

void top_table_add(top_table_t *self, top_column_t column)
{
    self->columns[self->count++] = column;
}

size_t top_table_width(const top_table_t *self)
{
    size_t sum = 0;
    for (size_t i = 0; i < self->count; i++)
        sum += self->columns[i].width + (i > 0 ? 2 : 0);
    return sum;
}

void top_table_fit(top_table_t *self, size_t columns)
{
    while (top_table_width(self) > columns) {
        size_t least = 0;
        for (size_t i = 1; i < self->count; i++)
            if (self->columns[i].need >= self->columns[least].need)
                least = i;
        if (self->columns[least].need == 0)
            return;
        memmove(&self->columns[least], &self->columns[least + 1],
                (self->count - least - 1) * sizeof *self->columns);
        self->count--;
    }
}

/* Blanks in front of a cell, or behind it. */
static void pad(tt_buf_t *out, size_t count)
{
    tt_buf_printf(out, "%*s", (int)count, "");
}

/* A cell, cut or filled up to its width; what is over the frame is cut off. */
static void put_cell(const top_frame_t *self, const top_column_t *column, size_t *left,
                     const char *text, const char *code)
{
    size_t width = column->width < *left ? column->width : *left;
    tt_buf_t cut;
    tt_buf_init(&cut);
    tt_text_cut(&cut, text, strlen(text), width);
    size_t used = tt_text_width((const char *)cut.data, cut.len);
    size_t blanks = width > used ? width - used : 0;
    pad(self->out, column->right ? blanks : 0);
    colour(self, code);
    tt_buf_append(self->out, cut.data, cut.len);
    colour(self, code ? PLAIN : NULL);
    pad(self->out, column->right ? 0 : blanks);
    *left -= used + blanks;
    tt_buf_release(&cut);
}

static void gap(const top_frame_t *self, size_t *left)
{
    size_t blanks = *left < 2 ? *left : 2;
    pad(self->out, blanks);
    *left -= blanks;
}

/* Text without a terminal has no blanks at the ends of its lines. */
static void end_line(top_frame_t *self)
{
    tt_buf_t *out = self->out;
    while (self->look->rows == 0 && out->len > 0 && out->data[out->len - 1] == ' ')
        out->len--;
    tt_buf_append(out, "\n", 1);
    self->lines++;
}

void top_table_titles(top_frame_t *self, const top_table_t *table)
{
    size_t left = self->columns;
    colour(self, TITLE);
    for (size_t i = 0; i < table->count; i++) {
        if (i > 0)
            gap(self, &left);
        put_cell(self, &table->columns[i], &left, table->columns[i].title, NULL);
    }
    pad(self->out, left);
    colour(self, PLAIN);
    end_line(self);
}

static const char *colour_of(const top_cells_t *row)
{
    top_rank_t rank = row->row->rank;
    if (row->name && row->host == NULL)
        return TOP_RED;
    return rank == TOP_ODD ? TOP_RED : rank == TOP_BUSY ? TOP_GREEN : NULL;
}

void top_table_row(top_frame_t *self, const top_table_t *table, const top_cells_t *row)
{
    size_t left = self->columns;
    for (size_t i = 0; i < table->count; i++) {
        const top_column_t *column = &table->columns[i];
        bool coloured =
            row->name ? i == 0 && row->host == NULL : strcmp(column->title, "STATE") == 0;
        tt_buf_t text;
        tt_buf_init(&text);
        column->add(self, row, &text);
        if (i > 0)
            gap(self, &left);
        put_cell(self, column, &left, tt_buf_text(&text), coloured ? colour_of(row) : NULL);
        tt_buf_release(&text);
    }
    end_line(self);
}
