/* The parameters of %sweep: `n=10..60:10 crit=gini,entropy lr=log(1e-4,1e-1,4)`, and the rows
 * that they make: every combination, the last one varying fastest. */
#ifndef SWEEP_H
#define SWEEP_H

#include "buf.h"
#include "error.h"
#include "words.h"

enum { SWEEP_ROWS_MAX = 1000000 };

typedef struct {
    enum { SWEEP_INT, SWEEP_DOUBLE, SWEEP_BOOL, SWEEP_NONE, SWEEP_TEXT } kind;
    int64_t whole; /* of BOOL too */
    double number;
    char *text; /* owned */
} sweep_value_t;

typedef struct {
    char *name; /* owned */
    sweep_value_t *values;
    size_t count;
} sweep_parameter_t;

typedef struct {
    sweep_parameter_t *items;
    size_t count, rows;
} sweep_t;

/* Reads the parameters in front of `text`, behind those that `self` has; `rest` is what stands
 * behind them. A specification is a list, with commas, of a..b  a..b:step     numbers up to b,
 * which is one of them; step 1 without log(a,b,n)          n numbers from a to b, each the same
 * multiple of the one before lin(a,b,n)          n numbers at equal distances 5  0.5  true none
 * gini  'a text' Returns 0 and what the caller releases; or -1 with the reason, then there is
 * nothing. */
int sweep_read(sweep_t *self, const char *text, const char **rest, tt_error_t *err);
void sweep_release(sweep_t *self);

/* The value of a parameter in a row. */
const sweep_value_t *sweep_value(const sweep_t *self, size_t row, size_t parameter);

/* Appends it as a packed value, or as plain text. */
void sweep_pack(const sweep_value_t *value, tt_buf_t *out);
void sweep_text(const sweep_value_t *value, tt_buf_t *out);

/* Appends the text with `{name}` of each parameter replaced by its value in the row. */
void sweep_fill(const sweep_t *self, size_t row, const char *text, tt_buf_t *out);

#endif
