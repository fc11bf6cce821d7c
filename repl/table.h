/* A table of values: shown in columns, sorted, written as CSV or JSON. */
#ifndef TABLE_H
#define TABLE_H

#include "buf.h"
#include "error.h"

#include <stdbool.h>

typedef struct table table_t;

table_t *table_new(void);
void table_destroy(table_t **self_p);

/* The number of the column of this name, which is added when it is not there. */
size_t table_column(table_t *self, const char *name, size_t len);

/* Adds an empty row and returns its number. */
size_t table_row(table_t *self);

/* Puts a packed value into a cell. It is copied. */
void table_set(table_t *self, size_t row, size_t column, tt_span_t value);

/* Puts a number into a cell, shown with so many decimals. */
void table_set_number(table_t *self, size_t row, size_t column, double number, int decimals);

/* Sorts the rows by a column; numbers in front of texts, empty cells last. `name` with a `-` in
 * front: the largest first. Returns 0, or -1 with a reason that names the columns there are. */
int table_sort(table_t *self, const char *name, tt_error_t *err);

/* Appends the table, numbers to the right; at most `limit` rows, then how many more there are.
 */
void table_show(const table_t *self, size_t limit, tt_buf_t *out);
/* Appends one row as `n=10 crit=gini score=0.97`. */
void table_show_row(const table_t *self, size_t row, tt_buf_t *out);

size_t table_rows(const table_t *self);
size_t table_columns(const table_t *self);

/* Appends it as CSV (RFC 4180, with a line of names), or as a JSON array of objects. */
void table_csv(const table_t *self, tt_buf_t *out);
void table_json(const table_t *self, tt_buf_t *out);

#endif
