/* The rows of `top`. See top_rows.h. */
#include "top_rows.h"

#include "fold.h"
#include "message.h"

#include <stdlib.h>
#include <string.h>

#define TOP_TEXT(name, text) text,

const char *top_grouping_text(top_grouping_t grouping)
{
    static const char *const texts[] = {TOP_GROUPINGS(TOP_TEXT)};
    return texts[grouping];
}

const char *top_order_text(top_order_t order)
{
    static const char *const texts[] = {TOP_ORDERS(TOP_TEXT)};
    return texts[order];
}

top_rank_t top_rank(const snapshot_engine_t *engine)
{
    if (engine->state != TT_ENGINE_READY)
        return TOP_ODD;
    return engine->busy ? TOP_BUSY : TOP_IDLE;
}

/* ---- one row */

static const char *state_of(const snapshot_engine_t *engine)
{
    return top_rank(engine) == TOP_BUSY ? "busy" : engine->state_text;
}

/* What it runs, or why it does not. */
static const char *what_of(const snapshot_engine_t *engine)
{
    switch (top_rank(engine)) {
    case TOP_ODD:
        return engine->text;
    case TOP_BUSY:
        return engine->running;
    default:
        return "";
    }
}

static void add_known(int64_t *sum, int64_t value)
{
    if (value >= 0)
        *sum = (*sum > 0 ? *sum : 0) + value;
}

static void add_engine(top_row_t *row, const snapshot_engine_t *engine)
{
    top_rank_t rank = top_rank(engine);
    double seconds = rank == TOP_BUSY ? engine->running_s : engine->since_s;
    if (row->count == 0 || rank < row->rank) {
        row->rank = rank;
        row->state = state_of(engine);
        row->what = what_of(engine);
        row->host = engine->host;
        row->language = engine->language;
    }
    row->ids[row->count++] = engine->id;
    row->busy += rank == TOP_BUSY;
    if (engine->cpu >= 0)
        row->cpu = (row->cpu > 0 ? row->cpu : 0) + engine->cpu;
    add_known(&row->rss_bytes, engine->rss_bytes);
    add_known(&row->done, engine->done);
    add_known(&row->queue, engine->queue);
    if (rank != TOP_IDLE && seconds > row->seconds)
        row->seconds = seconds;
}

/* The key of a group: what its engines have in common. The caller's to free. */
static char *key_of(const snapshot_engine_t *engine, top_grouping_t grouping)
{
    bool odd = top_rank(engine) == TOP_ODD;
    if (grouping == TOP_EACH)
        return tt_printf("%d", engine->id);
    if (grouping == TOP_MACHINES)
        return tt_strdup(engine->host);
    if (grouping == TOP_HOSTS && !odd)
        return tt_printf("%s\n%s", engine->host, engine->language);
    return tt_printf("%s\n%s\n%s\n%s", engine->host, engine->language, state_of(engine),
                     what_of(engine));
}

/* ---- order */

static double key_for(const top_row_t *row, top_order_t order)
{
    switch (order) {
    case TOP_STATE:
        return row->rank;
    case TOP_CPU:
        return -row->cpu;
    case TOP_MEMORY:
        return -(double)row->rss_bytes;
    case TOP_TIME:
        return -row->seconds;
    default:
        return 0;
    }
}

static int by_number(const void *left, const void *right)
{
    const int *a = left, *b = right;
    return (*a > *b) - (*a < *b);
}

static int by_key(const void *left, const void *right)
{
    const top_row_t *a = left, *b = right;
    if (a->key != b->key)
        return a->key < b->key ? -1 : 1;
    return (a->ids[0] > b->ids[0]) - (a->ids[0] < b->ids[0]);
}

/* ---- all */

static top_row_t make_row(const snapshot_t *report, const fold_group_t *group,
                          top_grouping_t grouping, top_order_t order)
{
    top_row_t row = {.cpu = -1, .rss_bytes = -1, .done = -1, .queue = -1, .seconds = -1};
    row.ids = tt_alloc((group->count + 1) * sizeof *row.ids);
    for (size_t i = 0; i < group->count; i++)
        add_engine(&row, &report->engines[group->members[i].index]);
    qsort(row.ids, row.count, sizeof *row.ids, by_number);
    if (grouping == TOP_HOSTS && row.rank != TOP_ODD)
        row.what = ""; /* the others run something else */
    row.key = key_for(&row, order);
    return row;
}

static top_rows_t make(const snapshot_t *report, top_grouping_t grouping, top_order_t order)
{
    fold_t *fold = fold_new();
    char **keys = tt_alloc((report->engine_count + 1) * sizeof *keys);
    for (size_t i = 0; i < report->engine_count; i++) {
        keys[i] = key_of(&report->engines[i], grouping);
        fold_add(fold, report->engines[i].id, NULL, tt_span(keys[i]));
    }
    top_rows_t self = {.grouping = grouping};
    const fold_group_t *groups = fold_groups(fold, &self.count);
    self.items = tt_alloc((self.count + 1) * sizeof *self.items);
    for (size_t i = 0; i < self.count; i++)
        self.items[i] = make_row(report, &groups[i], grouping, order);
    qsort(self.items, self.count, sizeof *self.items, by_key);
    for (size_t i = 0; i < report->engine_count; i++)
        free(keys[i]);
    free(keys);
    fold_destroy(&fold);
    return self;
}

top_rows_t top_rows_make(const snapshot_t *report, top_grouping_t wanted, size_t fit,
                         top_order_t order)
{
    if (wanted != TOP_FITTING)
        return make(report, wanted, order);
    if (report->engine_count <= fit)
        return make(report, TOP_EACH, order);
    top_rows_t alike = make(report, TOP_ALIKE, order);
    if (alike.count <= fit)
        return alike;
    top_rows_release(&alike);
    return make(report, TOP_HOSTS, order);
}

void top_rows_release(top_rows_t *self)
{
    for (size_t i = 0; i < self->count; i++)
        free(self->items[i].ids);
    free(self->items);
    *self = (top_rows_t){0};
}
