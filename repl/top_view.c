/* The frame of `top`. See top_view.h. From above: what there is in all, machines, engines,
 * keys. Columns that a table has no room for are left out, the least needed first. */
#include "top_view.h"

#include "message.h"
#include "target.h"
#include "text.h"
#include "timeline.h"
#include "timing.h"
#include "top_table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    COLUMNS_MIN = 10,
    COLUMNS_MAX = 500,
    WORK_MIN = 8, /* samples in a picture */
    WHAT_MIN = 8,
    BOTH_MIN = 24,
    NAME_MAX_COLUMNS = 24,
    MACHINES_MAX = 100, /* of which an endless frame tells */
    TALL = 14           /* rows from which on there is room for machines */
};

/* ---- pictures: the oldest sample left, the newest right */

/* Whether these engines worked: a dot when they did not, a blank when that is not known. */
static void add_work(const top_frame_t *self, tt_buf_t *out, const int *ids, size_t count,
                     size_t width)
{
    for (size_t ago = width; ago-- > 0;) {
        double share = pulse_share(self->pulse, ids, count, ago);
        tt_buf_printf(out, "%s",
                      share < 0    ? " "
                      : share == 0 ? "·"
                                   : timeline_bar(share, false));
    }
}

static void add_rates(const top_frame_t *self, tt_buf_t *out, size_t width)
{
    const pulse_t *pulse = self->pulse;
    size_t count = pulse->count > 0 ? pulse->count - 1 : 0; /* the first has none before it */
    double most = 0;
    width = width < count ? width : count;
    for (size_t i = 0; i < width; i++)
        most = pulse->rates[i] > most ? pulse->rates[i] : most;
    for (size_t i = width; i-- > 0;)
        tt_buf_printf(out, "%s",
                      most > 0 && pulse->rates[i] > 0
                          ? timeline_bar(pulse->rates[i] / most, false)
                          : "·");
    if (width > 0 && most > 0) {
        tt_buf_printf(out, " up to ");
        top_add_rate(out, most);
    }
}

/* ---- what there is in all */

static bool is_same_name(const char *one, const char *other)
{
    return strcmp(one, other) == 0;
}

/* Whether an earlier host is the same machine: that has several when engines were started in
 * several goes. */
static bool is_again(const snapshot_t *report, size_t at)
{
    for (size_t i = 0; i < at; i++)
        if (is_same_name(report->hosts[i].host, report->hosts[at].host))
            return true;
    return false;
}

typedef struct {
    size_t busy, idle, odd;
    double cpu;
    int64_t rss_bytes, queue;
    size_t machines;
    int64_t cores, memory_bytes, spare_bytes;
} sums_t;

static void add_machines(const snapshot_t *report, sums_t *sums)
{
    for (size_t i = 0; i < report->host_count; i++) {
        const snapshot_host_t *host = &report->hosts[i];
        if (is_again(report, i))
            continue;
        sums->machines++;
        if (host->cores > 0 && host->memory_bytes > 0) {
            sums->cores += host->cores;
            sums->memory_bytes += host->memory_bytes;
            sums->spare_bytes += host->spare_bytes > 0 ? host->spare_bytes : 0;
        }
    }
}

static sums_t sum_up(const snapshot_t *report)
{
    sums_t sums = {.cpu = -1, .rss_bytes = -1};
    for (size_t i = 0; i < report->engine_count; i++) {
        const snapshot_engine_t *engine = &report->engines[i];
        top_rank_t rank = top_rank(engine);
        sums.busy += rank == TOP_BUSY;
        sums.idle += rank == TOP_IDLE;
        sums.odd += rank == TOP_ODD;
        sums.queue += engine->queue > 0 ? engine->queue : 0;
        if (engine->cpu >= 0)
            sums.cpu = (sums.cpu > 0 ? sums.cpu : 0) + engine->cpu;
        if (engine->rss_bytes >= 0)
            sums.rss_bytes = (sums.rss_bytes > 0 ? sums.rss_bytes : 0) + engine->rss_bytes;
    }
    add_machines(report, &sums);
    return sums;
}

static void put_cluster(top_frame_t *self)
{
    const snapshot_t *report = self->report;
    tt_buf_t line;
    tt_buf_init(&line);
    tt_buf_printf(&line, "cluster '%s' · up ", report->cluster);
    timing_duration(&line, report->uptime_s);
    if (report->clients > 1)
        tt_buf_printf(&line, " · %lld clients", (long long)report->clients);
    if (report->kept_jobs > 0)
        tt_buf_printf(&line, " · %lld job%s left behind", (long long)report->kept_jobs,
                      report->kept_jobs == 1 ? "" : "s");
    if (self->look->paused)
        tt_buf_printf(&line, " · paused");
    if (self->look->silent_s > 0)
        tt_buf_printf(&line, " · no answer for %.0f s", self->look->silent_s);
    top_put_buf(self, self->look->silent_s > 0 ? TOP_RED : NULL, &line);
}

/* `480 ready`, `17 lost`: each state that is not ready, with how many are in it. */
static void add_odd(const snapshot_t *report, tt_buf_t *line)
{
    for (unsigned state = 0; state <= TT_ENGINE_STOPPED; state++) {
        size_t count = 0;
        for (size_t i = 0; i < report->engine_count; i++)
            count += report->engines[i].state == (int64_t)state;
        if (count > 0 && state != TT_ENGINE_READY)
            tt_buf_printf(line, ", %zu %s", count, tt_engine_state_text(state));
    }
}

static void put_engines(top_frame_t *self, const sums_t *sums)
{
    size_t count = self->report->engine_count;
    tt_buf_t line;
    tt_buf_init(&line);
    tt_buf_printf(&line, "engines %zu", count);
    if (sums->machines > 1)
        tt_buf_printf(&line, " on %zu hosts", sums->machines);
    tt_buf_printf(&line, ": %zu busy, %zu idle", sums->busy, sums->idle);
    add_odd(self->report, &line);
    top_put_buf(self, NULL, &line);
}

static void put_tasks(top_frame_t *self, const sums_t *sums)
{
    const snapshot_t *report = self->report;
    int64_t waiting = (report->waiting > 0 ? report->waiting : 0) + sums->queue;
    tt_buf_t line;
    tt_buf_init(&line);
    tt_buf_printf(&line, "tasks %zu running, %lld waiting, ", sums->busy, (long long)waiting);
    top_add_count(&line, report->tasks_done);
    tt_buf_printf(&line, " done");
    if (self->pulse->count > 1) {
        tt_buf_printf(&line, ", ");
        top_add_rate(&line, pulse_rate(self->pulse, self->look->rows > 0 ? 1 : PULSE_LEN));
    }
    if (self->pulse->count > 1 && self->look->rows > 0) {
        size_t used = tt_text_width((const char *)line.data, line.len) + 3 + 16;
        size_t room = self->columns > used ? self->columns - used : 0;
        tt_buf_printf(&line, " · ");
        add_rates(self, &line, room < PULSE_LEN ? room : PULSE_LEN);
    }
    top_put_buf(self, NULL, &line);
}

static void put_load(top_frame_t *self, const sums_t *sums)
{
    tt_buf_t line;
    tt_buf_init(&line);
    if (sums->cpu >= 0)
        tt_buf_printf(&line, "cpu %.1f", sums->cpu);
    else
        tt_buf_printf(&line, "cpu -");
    if (sums->cores > 0)
        tt_buf_printf(&line, " of %lld core%s", (long long)sums->cores,
                      sums->cores == 1 ? "" : "s");
    tt_buf_printf(&line, " · memory ");
    top_add_bytes(&line, sums->rss_bytes);
    if (sums->memory_bytes > 0) {
        tt_buf_printf(&line, ", ");
        top_add_bytes(&line, sums->spare_bytes);
        tt_buf_printf(&line, " free of ");
        top_add_bytes(&line, sums->memory_bytes);
    }
    top_put_buf(self, NULL, &line);
}

/* Machines over ssh that are not up, and why; `most` of them. */
static void put_links(top_frame_t *self, size_t most)
{
    const snapshot_t *report = self->report;
    size_t shown = 0;
    for (size_t i = 0; i < report->link_count && shown < most; i++) {
        const snapshot_link_t *link = &report->links[i];
        if (is_same_name(link->state, tt_engine_state_text(TT_ENGINE_READY)))
            continue;
        tt_buf_t line;
        tt_buf_init(&line);
        tt_buf_printf(&line, "host %s is not reached: %s", link->host, link->text);
        top_put_buf(self, TOP_RED, &line);
        shown++;
    }
}

/* ---- machines */

static void add_host_name(const top_frame_t *self, const top_cells_t *row, tt_buf_t *out)
{
    (void)self;
    tt_buf_printf(out, "%s", row->name);
}

static void add_host_engines(const top_frame_t *self, const top_cells_t *row, tt_buf_t *out)
{
    (void)self;
    tt_buf_printf(out, "%zu", row->row->count);
}

static void add_host_busy(const top_frame_t *self, const top_cells_t *row, tt_buf_t *out)
{
    (void)self;
    tt_buf_printf(out, "%zu", row->row->busy);
}

static void add_host_load(const top_frame_t *self, const top_cells_t *row, tt_buf_t *out)
{
    (void)self;
    const snapshot_host_t *host = row->host;
    if (host == NULL)
        tt_buf_printf(out, "not here");
    else if (host->silent_s > 5)
        tt_buf_printf(out, "silent ");
    if (host && host->silent_s > 5)
        top_add_time(out, host->silent_s);
    else if (host && host->load >= 0)
        tt_buf_printf(out, "%.1f of %lld", host->load < 1e6 ? host->load : 0,
                      (long long)host->cores);
}

static void add_host_free(const top_frame_t *self, const top_cells_t *row, tt_buf_t *out)
{
    (void)self;
    if (row->host == NULL || row->host->memory_bytes < 0)
        return;
    top_add_bytes(out, row->host->spare_bytes);
    tt_buf_printf(out, " of ");
    top_add_bytes(out, row->host->memory_bytes);
}

static void add_row_cpu(const top_frame_t *self, const top_cells_t *row, tt_buf_t *out)
{
    (void)self;
    top_add_cpu(out, row->row->cpu);
}

static void add_row_memory(const top_frame_t *self, const top_cells_t *row, tt_buf_t *out)
{
    (void)self;
    top_add_bytes(out, row->row->rss_bytes);
}

static void add_row_work(const top_frame_t *self, const top_cells_t *row, tt_buf_t *out)
{
    add_work(self, out, row->row->ids, row->row->count, row->work);
}

static size_t limit(size_t value, size_t least, size_t most)
{
    return value < least ? least : value > most ? most : value;
}

/* How many seconds a picture of that width tells of, as its title. */
static const char *work_title(const top_frame_t *self, size_t width, char *text, size_t size)
{
    double seconds = pulse_seconds(self->pulse, width);
    if (seconds >= 1)
        snprintf(text, size, "WORK, %.0f s", seconds);
    else
        snprintf(text, size, "WORK");
    return text;
}

/* How wide a picture may be. What is written once has seen too little for one. */
static size_t work_width(const top_frame_t *self, size_t room)
{
    if (self->look->rows == 0 || room < WORK_MIN)
        return 0;
    return room < PULSE_LEN ? room : PULSE_LEN;
}

static const snapshot_host_t *find_host(const snapshot_t *report, const char *name)
{
    for (size_t i = 0; i < report->host_count; i++)
        if (is_same_name(report->hosts[i].host, name))
            return &report->hosts[i];
    return NULL;
}

static size_t name_width(const snapshot_t *report)
{
    size_t width = 4;
    for (size_t i = 0; i < report->engine_count; i++) {
        const char *name = report->engines[i].host;
        size_t own = tt_text_width(name, strlen(name));
        width = own > width ? own : width;
    }
    return width < NAME_MAX_COLUMNS ? width : NAME_MAX_COLUMNS;
}

/* Rows of machines: those with something odd, then those that work, in `rows`' order. */
static top_rows_t group_by_machine(const snapshot_t *report)
{
    return top_rows_make(report, TOP_MACHINES, 0, TOP_STATE);
}

static void put_machines(top_frame_t *self, size_t most)
{
    char title[32];
    top_rows_t rows = group_by_machine(self->report);
    if (rows.count == 0 || most < 2 || self->report->host_count == 0) {
        top_rows_release(&rows);
        return;
    }
    top_table_t table = {.count = 0};
    size_t name = limit(name_width(self->report), 4, limit(self->columns / 4, 4, 24));
    top_table_add(&table, (top_column_t){"HOST", name, false, 0, add_host_name});
    top_table_add(&table, (top_column_t){"ENGINES", 7, true, 3, add_host_engines});
    top_table_add(&table, (top_column_t){"BUSY", 4, true, 2, add_host_busy});
    top_table_add(&table, (top_column_t){"LOAD", 11, true, 1, add_host_load});
    top_table_add(&table, (top_column_t){"CPU", 6, true, 4, add_row_cpu});
    top_table_add(&table, (top_column_t){"MEMORY", 6, true, 6, add_row_memory});
    top_table_add(&table, (top_column_t){"FREE", 14, true, 5, add_host_free});
    top_table_fit(&table, self->columns);
    size_t used = top_table_width(&table) + 2;
    size_t work = work_width(self, self->columns > used ? self->columns - used : 0);
    if (work > 0)
        top_table_add(&table, (top_column_t){work_title(self, work, title, sizeof title), work,
                                             false, 7, add_row_work});
    top_table_titles(self, &table);
    size_t room = most - 1, shown = rows.count <= room ? rows.count : room - 1;
    for (size_t i = 0; i < shown; i++) {
        const char *host = rows.items[i].host;
        top_table_row(
            self, &table,
            &(top_cells_t){&rows.items[i], find_host(self->report, host), host, work});
    }
    if (shown < rows.count) {
        tt_buf_t line;
        tt_buf_init(&line);
        tt_buf_printf(&line, "... and %zu more hosts", rows.count - shown);
        top_put_buf(self, NULL, &line);
    }
    top_rows_release(&rows);
}

/* ---- engines */

static void add_engine_names(const top_frame_t *self, const top_cells_t *row, tt_buf_t *out)
{
    (void)self;
    tt_target_format(out, row->row->ids, row->row->count);
}

static void add_engine_count(const top_frame_t *self, const top_cells_t *row, tt_buf_t *out)
{
    add_host_engines(self, row, out);
}

static void add_engine_host(const top_frame_t *self, const top_cells_t *row, tt_buf_t *out)
{
    (void)self;
    tt_buf_printf(out, "%s", row->row->host);
}

static void add_engine_language(const top_frame_t *self, const top_cells_t *row, tt_buf_t *out)
{
    (void)self;
    tt_buf_printf(out, "%s", row->row->language);
}

static void add_engine_state(const top_frame_t *self, const top_cells_t *row, tt_buf_t *out)
{
    (void)self;
    size_t busy = row->row->busy;
    if (busy > 0 && busy < row->row->count)
        tt_buf_printf(out, "%zu ", busy);
    tt_buf_printf(out, "%s", row->row->state);
}

static void add_engine_queue(const top_frame_t *self, const top_cells_t *row, tt_buf_t *out)
{
    (void)self;
    top_add_count(out, row->row->queue);
}

static void add_engine_done(const top_frame_t *self, const top_cells_t *row, tt_buf_t *out)
{
    (void)self;
    top_add_count(out, row->row->done);
}

static void add_engine_time(const top_frame_t *self, const top_cells_t *row, tt_buf_t *out)
{
    (void)self;
    top_add_time(out, row->row->seconds);
}

static void add_engine_what(const top_frame_t *self, const top_cells_t *row, tt_buf_t *out)
{
    (void)self;
    tt_buf_printf(out, "%s", row->row->what);
}

/* Whether a text of the engines is not the same for all. */
static bool differs(const top_rows_t *rows, size_t offset)
{
    for (size_t i = 1; i < rows->count; i++) {
        const char *const *one = (const void *)((const char *)&rows->items[i] + offset);
        const char *const *first = (const void *)((const char *)&rows->items[0] + offset);
        if (!is_same_name(*one, *first))
            return true;
    }
    return false;
}

static bool any_what(const top_rows_t *rows)
{
    for (size_t i = 0; i < rows->count; i++)
        if (*rows->items[i].what)
            return true;
    return false;
}

/* The width of the rows' names. */
static size_t names_width(const top_frame_t *self, const top_rows_t *rows)
{
    size_t least = rows->grouping == TOP_EACH ? 6 : 7, width = least; /* its title */
    for (size_t i = 0; i < rows->count; i++) {
        tt_buf_t names;
        tt_buf_init(&names);
        add_engine_names(self, &(top_cells_t){.row = &rows->items[i]}, &names);
        width = names.len > width ? names.len : width;
        tt_buf_release(&names);
    }
    return limit(width, least, limit(self->columns / 5, least, 40));
}

/* The picture and what runs share what the other columns leave. */
static top_table_t engine_table(const top_frame_t *self, const top_rows_t *rows, char *title,
                                size_t title_size, size_t *work)
{
    top_table_t table = {.count = 0};
    bool grouped = rows->grouping != TOP_EACH, what = any_what(rows);
    size_t spare = !what || self->columns < 45 ? 0 : self->columns < 75 ? 14 : 28;
    size_t name = limit(name_width(self->report), 4, limit(self->columns / 5, 4, 24));
    top_table_add(&table, (top_column_t){grouped ? "ENGINES" : "ENGINE",
                                         names_width(self, rows), false, 0, add_engine_names});
    if (grouped)
        top_table_add(&table, (top_column_t){"COUNT", 5, true, 5, add_engine_count});
    if (differs(rows, offsetof(top_row_t, host)))
        top_table_add(&table, (top_column_t){"HOST", name, false, 4, add_engine_host});
    if (differs(rows, offsetof(top_row_t, language)))
        top_table_add(&table, (top_column_t){"LANGUAGE", 8, false, 7, add_engine_language});
    top_table_add(&table, (top_column_t){"STATE", 10, false, 1, add_engine_state});
    top_table_add(&table, (top_column_t){"CPU", 6, true, 3, add_row_cpu});
    top_table_add(&table, (top_column_t){"MEMORY", 6, true, 6, add_row_memory});
    top_table_add(&table, (top_column_t){"QUEUE", 5, true, 9, add_engine_queue});
    top_table_add(&table, (top_column_t){"DONE", 7, true, 8, add_engine_done});
    top_table_add(&table, (top_column_t){"FOR", 6, true, 2, add_engine_time});
    top_table_fit(&table, self->columns - spare);
    size_t used = top_table_width(&table) + 2;
    size_t rest = self->columns > used ? self->columns - used : 0;
    *work = work_width(self, !what ? rest : rest < BOTH_MIN ? 0 : rest / 2 - 1);
    if (*work > 0)
        top_table_add(&table, (top_column_t){work_title(self, *work, title, title_size), *work,
                                             false, 8, add_row_work});
    used = top_table_width(&table) + 2;
    if (what && self->columns >= used + WHAT_MIN)
        top_table_add(&table,
                      (top_column_t){"WHAT", self->columns - used, false, 9, add_engine_what});
    return table;
}

/* Returns how many rows there was room for. */
static size_t put_rows(top_frame_t *self, top_look_t *look, const top_rows_t *rows, size_t room)
{
    char title[32];
    size_t work;
    top_table_t table = engine_table(self, rows, title, sizeof title, &work);
    size_t last = rows->count > room ? rows->count - room : 0;
    look->first = look->first < last ? look->first : last;
    top_table_titles(self, &table);
    for (size_t i = look->first; i < rows->count && i < look->first + room; i++)
        top_table_row(self, &table, &(top_cells_t){.row = &rows->items[i], .work = work});
    return room;
}

/* `1-18 of 500 · q leaves · ...` */
static void put_keys(top_frame_t *self, const top_rows_t *rows, size_t room)
{
    const top_look_t *look = self->look;
    tt_buf_t line;
    while (top_lines_left(self, 1) > 0)
        top_put_line(self, NULL, "");
    tt_buf_init(&line);
    if (rows->count > room)
        tt_buf_printf(&line, "%zu-%zu of %zu · ", look->first + 1, look->first + room,
                      rows->count);
    tt_buf_printf(&line, "q leaves · s order: %s · g rows: %s · p %s · ? help",
                  top_order_text(look->order),
                  look->grouping == TOP_FITTING ? top_grouping_text(look->grouping)
                                                : top_grouping_text(rows->grouping),
                  look->paused ? "goes on" : "pauses");
    top_put_buf(self, NULL, &line);
}

static void put_help(top_frame_t *self, const char *help)
{
    for (size_t room = top_lines_left(self, 1); room > 0 && *help; room--) {
        size_t len = strcspn(help, "\n");
        char *line = tt_strndup(help, len);
        top_put_line(self, NULL, line);
        free(line);
        help += len + (help[len] == '\n');
    }
}

/* ---- all */

/* What a terminal that knows no UTF-8 shows instead. */
static char plain_of(uint32_t code)
{
    static const struct {
        uint32_t code;
        char plain;
    } table[] = {{0xb7, '-'},   {0x2026, '~'}, {0x2581, '.'}, {0x2582, '.'}, {0x2583, ':'},
                 {0x2584, ':'}, {0x2585, 'o'}, {0x2586, 'o'}, {0x2587, 'O'}, {0x2588, '#'}};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (table[i].code == code)
            return table[i].plain;
    return '?';
}

static void make_plain(tt_buf_t *out, size_t from)
{
    tt_buf_t plain;
    tt_buf_init(&plain);
    for (size_t at = from, len; at < out->len; at += len ? len : 1) {
        uint32_t code = 0;
        const char *text = (const char *)out->data + at;
        len = tt_text_char(text, out->len - at, &code);
        if (len == 1) { /* newlines and colours, too */
            tt_buf_append(&plain, text, 1);
            continue;
        }
        char instead = plain_of(code);
        for (size_t i = len ? tt_text_width(text, len) : 1; i > 0; i--)
            tt_buf_append(&plain, &instead, 1);
    }
    out->len = from;
    tt_buf_append(out, plain.data, plain.len);
    tt_buf_release(&plain);
}

static void put_head(top_frame_t *self)
{
    sums_t sums = sum_up(self->report);
    put_cluster(self);
    put_engines(self, &sums);
    put_tasks(self, &sums);
    put_load(self, &sums);
}

/* The machines, when there is room: a third of it at most. */
static void put_middle(top_frame_t *self)
{
    size_t rows = self->look->rows;
    if (rows > 0 && rows < TALL)
        return;
    put_links(self, rows ? rows / 8 : SIZE_MAX);
    top_put_line(self, NULL, "");
    size_t before = self->lines;
    put_machines(self, rows ? rows / 3 : MACHINES_MAX);
    if (self->lines > before)
        top_put_line(self, NULL, "");
}

static size_t put_body(top_frame_t *self, top_look_t *look)
{
    size_t keys = look->rows ? 1 : 0, room = top_lines_left(self, keys + 1);
    size_t fitting = look->rows ? room : TOP_APART_MAX;
    top_rows_t rows = top_rows_make(self->report, look->grouping, fitting, look->order);
    if (look->help)
        put_help(self, look->help);
    else if (rows.count == 0)
        top_put_line(self, NULL, "no engines; tutti start -n N starts some");
    else if (room > 0)
        put_rows(self, look, &rows, room);
    if (keys && top_lines_left(self, 0) > 0)
        put_keys(self, &rows, room);
    top_rows_release(&rows);
    return room;
}

/* Cuts what is over the last row. */
static void cut_lines(tt_buf_t *out, size_t from, size_t rows)
{
    for (size_t at = from; at < out->len; at++)
        if (out->data[at] == '\n' && --rows == 0) {
            out->len = at + 1;
            return;
        }
}

size_t top_view(const snapshot_t *report, const pulse_t *pulse, top_look_t *look, tt_buf_t *out)
{
    top_frame_t frame = {.report = report,
                         .pulse = pulse,
                         .look = look,
                         .out = out,
                         .columns = limit(look->columns, COLUMNS_MIN, COLUMNS_MAX)};
    size_t from = out->len;
    put_head(&frame);
    put_middle(&frame);
    size_t room = put_body(&frame, look);
    if (look->rows > 0)
        cut_lines(out, from, look->rows);
    if (look->ascii)
        make_plain(out, from);
    return room;
}
