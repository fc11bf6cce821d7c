/* The lines and tables of a frame of `top`, and numbers in few columns. */
#ifndef TOP_TABLE_H
#define TOP_TABLE_H

#include "top_view.h"

#define TOP_RED   "\033[31m"
#define TOP_GREEN "\033[32m"

/* A frame while it is written. */
typedef struct {
    const snapshot_t *report;
    const pulse_t *pulse;
    const top_look_t *look;
    tt_buf_t *out;
    size_t columns; /* that are used */
    size_t lines;   /* that were written */
} top_frame_t;

/* Appends a line, cut to the frame; `code` (NULL: none) is its colour. */
void top_put_line(top_frame_t *self, const char *code, const char *text);
/* The same; releases `line`. */
void top_put_buf(top_frame_t *self, const char *code, tt_buf_t *line);
/* How many lines there is room for, when `keep` are kept free. */
size_t top_lines_left(const top_frame_t *self, size_t keep);

/* ---- numbers; what is not known (below 0) is a dash */

/* `512K`, `12.3M`, `1.2G`. */
void top_add_bytes(tt_buf_t *out, int64_t bytes);
/* `5s`, `2m05`, `1h05`, `3d12`; nothing when it is not known. */
void top_add_time(tt_buf_t *out, double seconds);
/* `98%` of a core. */
void top_add_cpu(tt_buf_t *out, double cores);
/* `45210`, `1.2M`. */
void top_add_count(tt_buf_t *out, int64_t count);
/* `132/s`, `0.5/s`. */
void top_add_rate(tt_buf_t *out, double rate);

/* ---- tables */

/* What a row tells of: engines, or a machine. */
typedef struct {
    const top_row_t *row;        /* the engines; of a machine all of its own */
    const snapshot_host_t *host; /* of a machine; NULL: it is not here */
    const char *name;            /* of a machine; NULL: these are engines */
    size_t work;                 /* columns of its picture */
} top_cells_t;

typedef struct {
    const char *title;
    size_t width;
    bool right;
    int need; /* those with more are left out before; 0: never */
    void (*add)(const top_frame_t *, const top_cells_t *, tt_buf_t *);
} top_column_t;

enum { TOP_COLUMNS_MAX = 12 };

typedef struct {
    top_column_t columns[TOP_COLUMNS_MAX];
    size_t count;
} top_table_t;

void top_table_add(top_table_t *self, top_column_t column);
/* With the blanks between columns. */
size_t top_table_width(const top_table_t *self);
/* Leaves columns out until the others are no wider than `columns`, the least needed first. */
void top_table_fit(top_table_t *self, size_t columns);
void top_table_titles(top_frame_t *self, const top_table_t *table);
/* A row: of engines the state is coloured, of a machine that is not here its name. */
void top_table_row(top_frame_t *self, const top_table_t *table, const top_cells_t *cells);

#endif
