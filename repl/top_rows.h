/* The rows of `top`: engines, alone or those that are alike together, in some order. */
#ifndef TOP_ROWS_H
#define TOP_ROWS_H

#include "snapshot.h"

/* Which engines share a row. */
#define TOP_GROUPINGS(G)                                                                       \
    G(FITTING, "as it fits") /* the first of the others whose rows fit */                      \
    G(EACH, "engines")                                                                         \
    G(ALIKE, "alike")         /* same host, language, state and work */                        \
    G(HOSTS, "by host")       /* same host and language, unless something is wrong */          \
    G(MACHINES, "by machine") /* same host, whatever they are; not for people to choose */
/* What comes first. */
#define TOP_ORDERS(O)                                                                          \
    O(STATE, "state") /* what is not well, then what works, then what idles */                 \
    O(ENGINE, "engine") O(CPU, "cpu") O(MEMORY, "memory") O(TIME, "time")

#define TOP_ENUM(name, text) TOP_##name,
typedef enum { TOP_GROUPINGS(TOP_ENUM) TOP_GROUPING_COUNT } top_grouping_t;
typedef enum { TOP_ORDERS(TOP_ENUM) TOP_ORDER_COUNT } top_order_t;
#undef TOP_ENUM
const char *top_grouping_text(top_grouping_t grouping);
const char *top_order_text(top_order_t order);

typedef enum { TOP_ODD, TOP_BUSY, TOP_IDLE } top_rank_t;

/* How an engine stands: odd is whatever is not ready. */
top_rank_t top_rank(const snapshot_engine_t *engine);

/* Texts are the snapshot's. What is not known of any is -1. */
typedef struct {
    int *ids; /* owned, sorted */
    size_t count, busy;
    top_rank_t rank; /* of the first to be looked at */
    const char *host, *language, *state, *what;
    double cpu; /* cores */
    int64_t rss_bytes, done, queue;
    double seconds; /* the longest time at its task, or in an odd state; -1: all idle */
    double key;     /* by which rows are in order */
} top_row_t;

typedef struct {
    top_row_t *items; /* owned */
    size_t count;
    top_grouping_t grouping; /* never FITTING */
} top_rows_t;

/* Makes the rows of a snapshot, which must outlive them; `fit` of them can be shown. */
top_rows_t top_rows_make(const snapshot_t *report, top_grouping_t wanted, size_t fit,
                         top_order_t order);
void top_rows_release(top_rows_t *self);

#endif
