/* Tables of values. See table.h. */
#include "table.h"

#include "pack.h"
#include "read.h"
#include "text.h"
#include "value.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CELL_COLUMNS = 40 }; /* the widest that a cell is shown */

typedef struct {
    tt_buf_t packed; /* empty: nothing is there */
    char *text;      /* owned */
    bool is_number;
    bool is_fixed; /* shown with the decimals it has */
    double number;
} cell_t;

struct table {
    char **names;
    size_t columns, rows, cap; /* cap: of rows */
    cell_t **cells;            /* by row */
    size_t *widths;            /* cells that each row has room for */
};

table_t *table_new(void)
{
    return tt_alloc(sizeof(table_t));
}

void table_destroy(table_t **self_p)
{
    table_t *self = *self_p;
    if (self == NULL)
        return;
    for (size_t row = 0; row < self->rows; row++) {
        for (size_t i = 0; i < self->widths[row]; i++) {
            tt_buf_release(&self->cells[row][i].packed);
            free(self->cells[row][i].text);
        }
        free(self->cells[row]);
    }
    for (size_t i = 0; i < self->columns; i++)
        free(self->names[i]);
    free(self->names);
    free(self->cells);
    free(self->widths);
    free(self);
    *self_p = NULL;
}

static bool find_column(const table_t *self, const char *name, size_t len, size_t *column)
{
    for (*column = 0; *column < self->columns; ++*column)
        if (strlen(self->names[*column]) == len && memcmp(self->names[*column], name, len) == 0)
            return true;
    return false;
}

size_t table_column(table_t *self, const char *name, size_t len)
{
    size_t column;
    if (find_column(self, name, len, &column))
        return column;
    self->names = tt_realloc(self->names, (column + 1) * sizeof *self->names);
    self->names[column] = tt_strndup(name, len);
    return self->columns++;
}

size_t table_row(table_t *self)
{
    if (self->rows == self->cap) {
        self->cap = self->cap ? self->cap * 2 : 64;
        self->cells = tt_realloc(self->cells, self->cap * sizeof *self->cells);
        self->widths = tt_realloc(self->widths, self->cap * sizeof *self->widths);
    }
    self->cells[self->rows] = NULL;
    self->widths[self->rows] = 0;
    return self->rows++;
}

size_t table_rows(const table_t *self)
{
    return self->rows;
}

size_t table_columns(const table_t *self)
{
    return self->columns;
}

/* A str as it is, anything else as JSON. */
static void read_cell(cell_t *cell, tt_span_t value)
{
    tt_reader_t reader = tt_reader(value);
    tt_span_t text;
    tt_buf_t json;
    if (tt_read_str(&reader, &text) == 0) {
        cell->text = tt_strndup((const char *)text.data, text.len);
        return;
    }
    cell->is_number = tt_read_double(&reader, &cell->number) == 0;
    tt_buf_init(&json);
    tt_value_json(value, &json);
    tt_buf_text(&json);
    cell->text = (char *)json.data;
}

void table_set(table_t *self, size_t row, size_t column, tt_span_t value)
{
    size_t had = self->widths[row];
    if (column >= had) {
        self->cells[row] =
            tt_realloc(self->cells[row], (column + 1) * sizeof *self->cells[row]);
        memset(self->cells[row] + had, 0, (column + 1 - had) * sizeof *self->cells[row]);
        self->widths[row] = column + 1;
    }
    cell_t *cell = &self->cells[row][column];
    tt_buf_release(&cell->packed);
    free(cell->text);
    *cell = (cell_t){.text = NULL};
    tt_buf_append(&cell->packed, value.data, value.len);
    read_cell(cell, value);
}

void table_set_number(table_t *self, size_t row, size_t column, double number, int decimals)
{
    char text[64];
    tt_buf_t packed;
    snprintf(text, sizeof text, "%.*f", decimals, number);
    tt_buf_init(&packed);
    if (decimals == 0)
        tt_pack_int(&packed, (int64_t)number);
    else
        tt_pack_double(&packed, strtod(text, NULL));
    table_set(self, row, column, (tt_span_t){packed.data, packed.len});
    free(self->cells[row][column].text);
    self->cells[row][column].text = tt_strdup(text);
    self->cells[row][column].is_fixed = true;
    tt_buf_release(&packed);
}

static const cell_t *cell_at(const table_t *self, size_t row, size_t column)
{
    static const cell_t none;
    return column < self->widths[row] ? &self->cells[row][column] : &none;
}

/* ---- sorting */

typedef struct {
    const cell_t *cell;
    cell_t *cells;
    size_t width, order;
    bool largest_first;
} entry_t;

/* Empty ones are last, texts behind numbers. */
static int rank(const cell_t *cell)
{
    return cell->text == NULL ? 2 : cell->is_number ? 0 : 1;
}

static int by_cell(const void *a, const void *b)
{
    const entry_t *x = a, *y = b;
    int order = rank(x->cell) - rank(y->cell);
    if (order)
        return order;
    if (rank(x->cell) == 0)
        order = (x->cell->number > y->cell->number) - (x->cell->number < y->cell->number);
    else if (rank(x->cell) == 1)
        order = strcmp(x->cell->text, y->cell->text);
    if (order)
        return x->largest_first ? -order : order;
    return (x->order > y->order) - (x->order < y->order);
}

int table_sort(table_t *self, const char *name, tt_error_t *err)
{
    bool largest_first = *name == '-';
    size_t column;
    tt_buf_t names;
    name += largest_first;
    if (!find_column(self, name, strlen(name), &column)) {
        tt_buf_init(&names);
        for (size_t i = 0; i < self->columns; i++)
            tt_buf_printf(&names, "%s%s", i ? ", " : "", self->names[i]);
        tt_error_set(err, "no column '%s'; there are %s", name, tt_buf_text(&names));
        tt_buf_release(&names);
        return -1;
    }
    entry_t *entries = tt_alloc((self->rows + 1) * sizeof *entries);
    for (size_t i = 0; i < self->rows; i++)
        entries[i] = (entry_t){cell_at(self, i, column), self->cells[i], self->widths[i], i,
                               largest_first};
    qsort(entries, self->rows, sizeof *entries, by_cell);
    for (size_t i = 0; i < self->rows; i++) {
        self->cells[i] = entries[i].cells;
        self->widths[i] = entries[i].width;
    }
    free(entries);
    return 0;
}

/* ---- showing */

static void show_text(const char *text, tt_buf_t *out)
{
    tt_buf_t safe;
    tt_buf_init(&safe);
    tt_text_escape(&safe, text, strlen(text));
    tt_text_cut(out, tt_buf_text(&safe), safe.len, CELL_COLUMNS);
    tt_buf_release(&safe);
}

/* Fractions have six digits; files have them all. */
static void show_cell(const cell_t *cell, tt_buf_t *out)
{
    if (cell->is_number && !cell->is_fixed && strpbrk(cell->text, ".eE"))
        tt_buf_printf(out, "%.6g", cell->number);
    else if (cell->text)
        show_text(cell->text, out);
}

static size_t width_of(const cell_t *cell)
{
    tt_buf_t shown;
    tt_buf_init(&shown);
    show_cell(cell, &shown);
    size_t width = tt_text_width(tt_buf_text(&shown), shown.len);
    tt_buf_release(&shown);
    return width;
}

static void show_padded(const cell_t *cell, size_t width, bool right, bool last, tt_buf_t *out)
{
    size_t own = width_of(cell), pad = width > own ? width - own : 0;
    tt_buf_printf(out, "%*s", right ? (int)pad : 0, "");
    show_cell(cell, out);
    if (!last)
        tt_buf_printf(out, "%*s", (right ? 0 : (int)pad) + 2, "");
}

/* A name stands above numbers where they stand. */
static bool is_right(const table_t *self, size_t column)
{
    for (size_t row = 0; row < self->rows; row++)
        if (cell_at(self, row, column)->text)
            return cell_at(self, row, column)->is_number;
    return false;
}

static void show_names(const table_t *self, const size_t *widths, tt_buf_t *out)
{
    for (size_t i = 0; i < self->columns; i++) {
        const cell_t name = {.text = self->names[i]};
        show_padded(&name, widths[i], is_right(self, i), i + 1 == self->columns, out);
    }
    tt_buf_printf(out, "\n");
}

static void show_row(const table_t *self, size_t row, const size_t *widths, tt_buf_t *out)
{
    size_t last = self->columns;
    while (last > 0 && cell_at(self, row, last - 1)->text == NULL)
        last--;
    for (size_t i = 0; i < last; i++) {
        const cell_t *cell = cell_at(self, row, i);
        show_padded(cell, widths[i], cell->is_number, i + 1 == last, out);
    }
    tt_buf_printf(out, "\n");
}

void table_show(const table_t *self, size_t limit, tt_buf_t *out)
{
    size_t shown = self->rows < limit ? self->rows : limit;
    size_t *widths = tt_alloc((self->columns + 1) * sizeof *widths);
    for (size_t i = 0; i < self->columns; i++) {
        const cell_t name = {.text = self->names[i]};
        widths[i] = width_of(&name);
        for (size_t row = 0; row < shown; row++) {
            size_t width = width_of(cell_at(self, row, i));
            widths[i] = width > widths[i] ? width : widths[i];
        }
    }
    show_names(self, widths, out);
    for (size_t row = 0; row < shown; row++)
        show_row(self, row, widths, out);
    if (self->rows > shown)
        tt_buf_printf(out, "… %zu more rows\n", self->rows - shown);
    free(widths);
}

void table_show_row(const table_t *self, size_t row, tt_buf_t *out)
{
    for (size_t i = 0, said = 0; i < self->columns; i++) {
        const cell_t *cell = cell_at(self, row, i);
        if (cell->text == NULL)
            continue;
        tt_buf_printf(out, "%s%s=", said++ ? " " : "", self->names[i]);
        show_cell(cell, out);
    }
}

/* ---- for others */

static void csv_text(const char *text, tt_buf_t *out)
{
    if (strpbrk(text, ",\"\r\n") == NULL) {
        tt_buf_printf(out, "%s", text);
        return;
    }
    tt_buf_printf(out, "\"");
    for (; *text; text++)
        tt_buf_printf(out, *text == '"' ? "\"\"" : "%c", *text);
    tt_buf_printf(out, "\"");
}

void table_csv(const table_t *self, tt_buf_t *out)
{
    for (size_t i = 0; i < self->columns; i++) {
        tt_buf_printf(out, "%s", i ? "," : "");
        csv_text(self->names[i], out);
    }
    tt_buf_printf(out, "\n");
    for (size_t row = 0; row < self->rows; row++) {
        for (size_t i = 0; i < self->columns; i++) {
            const char *text = cell_at(self, row, i)->text;
            tt_buf_printf(out, "%s", i ? "," : "");
            csv_text(text ? text : "", out);
        }
        tt_buf_printf(out, "\n");
    }
}

void table_json(const table_t *self, tt_buf_t *out)
{
    tt_buf_printf(out, "[");
    for (size_t row = 0; row < self->rows; row++) {
        tt_buf_printf(out, "%s\n{", row ? "," : "");
        for (size_t i = 0, said = 0; i < self->columns; i++) {
            const cell_t *cell = cell_at(self, row, i);
            if (cell->text == NULL)
                continue;
            tt_buf_printf(out, "%s", said++ ? "," : "");
            tt_json_text(out, self->names[i], strlen(self->names[i]));
            tt_buf_printf(out, ":");
            tt_value_json((tt_span_t){cell->packed.data, cell->packed.len}, out);
        }
        tt_buf_printf(out, "}");
    }
    tt_buf_printf(out, "\n]\n");
}
