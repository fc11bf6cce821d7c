/* Reading the controller's report (controller/report.c). See snapshot.h. */
#include "snapshot.h"

#include "message.h"
#include "read.h"
#include "text.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- keys of a map */

/* Places a reader at the value under `key`; false when there is none. */
static bool at_key(tt_span_t map, const char *key, tt_reader_t *at)
{
    size_t count;
    *at = tt_reader(map);
    if (map.len == 0 || tt_read_map(at, &count) != 0)
        return false;
    for (size_t i = 0; i < count; i++) {
        tt_span_t name = {NULL, 0};
        if (tt_read_str(at, &name) != 0 && tt_skip(at) != 0)
            return false;
        if (name.len == strlen(key) && memcmp(name.data, key, name.len) == 0)
            return true;
        if (tt_skip(at) != 0)
            return false;
    }
    return false;
}

static tt_span_t raw(tt_span_t map, const char *key)
{
    tt_reader_t at;
    tt_span_t value = {NULL, 0};
    if (at_key(map, key, &at))
        tt_read_raw(&at, &value);
    return value;
}

/* Those of all engines can be added up. */
#define WHOLE_MAX ((int64_t)1 << 46)

static int64_t whole(tt_span_t map, const char *key)
{
    tt_reader_t at;
    int64_t value = -1;
    if (at_key(map, key, &at))
        tt_read_int(&at, &value);
    return value < 0 ? -1 : value < WHOLE_MAX ? value : WHOLE_MAX;
}

/* The number of an engine; -1 for what can be none. */
static int number(tt_span_t map, const char *key)
{
    int64_t value = whole(map, key);
    return value >= 0 && value <= INT_MAX ? (int)value : -1;
}

/* What is no number is not told either. */
static double real(tt_span_t map, const char *key, double missing)
{
    tt_reader_t at;
    double value = missing;
    if (at_key(map, key, &at))
        tt_read_double(&at, &value);
    return isfinite(value) ? value : missing;
}

static bool truth(tt_span_t map, const char *key)
{
    tt_reader_t at;
    bool value = false;
    if (at_key(map, key, &at))
        tt_read_bool(&at, &value);
    return value;
}

/* A text with controls escaped, the caller's to free. */
static char *text(tt_span_t map, const char *key)
{
    tt_reader_t at;
    tt_span_t value = {NULL, 0};
    tt_buf_t out;
    tt_buf_init(&out);
    if (at_key(map, key, &at))
        tt_read_str(&at, &value);
    tt_text_escape(&out, (const char *)value.data, value.len);
    tt_buf_text(&out);
    return (char *)out.data;
}

/* The first line of it, with an ellipsis for those behind. */
static char *first_line(tt_span_t map, const char *key)
{
    tt_reader_t at;
    tt_span_t value = {NULL, 0};
    tt_buf_t out;
    size_t from = 0, len = 0;
    tt_buf_init(&out);
    if (at_key(map, key, &at))
        tt_read_str(&at, &value);
    while (from < value.len && strchr(" \t\n", value.data[from]))
        from++;
    while (from + len < value.len && value.data[from + len] != '\n')
        len++;
    if (from < value.len)
        tt_text_escape(&out, (const char *)value.data + from, len);
    if (from + len + 1 < value.len)
        tt_buf_printf(&out, "…");
    tt_buf_text(&out);
    return (char *)out.data;
}

/* The maps of a list; the array is the caller's. */
static tt_span_t *list(tt_span_t map, const char *key, size_t *count)
{
    tt_span_t whole_list = raw(map, key), one;
    tt_reader_t at = tt_reader(whole_list);
    size_t told = 0, read = 0;
    if (whole_list.len > 0)
        tt_read_array(&at, &told);
    tt_span_t *maps = tt_alloc((told + 1) * sizeof *maps);
    while (read < told && tt_read_raw(&at, &one) == 0)
        maps[read++] = one;
    *count = read;
    return maps;
}

/* ---- the rows */

static snapshot_host_t read_host(tt_span_t map)
{
    return (snapshot_host_t){.host = text(map, "host"),
                             .far = truth(map, "far"),
                             .pid = whole(map, "pid"),
                             .rss_bytes = whole(map, "rss_bytes"),
                             .engines = whole(map, "engines"),
                             .cores = whole(map, "cores"),
                             .memory_bytes = whole(map, "memory_bytes"),
                             .spare_bytes = whole(map, "spare_bytes"),
                             .silent_s = real(map, "silent_s", 0),
                             .load = real(map, "load", -1)};
}

static snapshot_link_t read_link(tt_span_t map)
{
    return (snapshot_link_t){text(map, "host"), text(map, "state"), text(map, "text")};
}

static snapshot_engine_t read_engine(tt_span_t map)
{
    snapshot_engine_t self = {.id = number(map, "id"),
                              .pid = whole(map, "pid"),
                              .state = whole(map, "state_number"),
                              .queue = whole(map, "queue"),
                              .done = whole(map, "done"),
                              .rss_bytes = whole(map, "rss_bytes"),
                              .host = text(map, "host"),
                              .language = text(map, "language"),
                              .version = text(map, "version"),
                              .labels = text(map, "labels"),
                              .state_text = text(map, "state"),
                              .running = first_line(map, "running"),
                              .text = text(map, "text"),
                              .running_s = real(map, "running_s", 0),
                              .since_s = real(map, "since_s", 0),
                              .cpu = real(map, "cpu", -1)};
    self.usable = self.state <= TT_ENGINE_RESTARTING;
    self.busy = self.running_s > 0 || *self.running;
    return self;
}

static snapshot_reason_t read_reason(tt_span_t map)
{
    return (snapshot_reason_t){real(map, "when", 0), number(map, "engine"), text(map, "host"),
                               text(map, "text")};
}

static void read_lists(snapshot_t *self, tt_span_t report)
{
    tt_span_t *maps = list(report, "hosts", &self->host_count);
    self->hosts = tt_alloc((self->host_count + 1) * sizeof *self->hosts);
    for (size_t i = 0; i < self->host_count; i++)
        self->hosts[i] = read_host(maps[i]);
    free(maps);
    maps = list(report, "links", &self->link_count);
    self->links = tt_alloc((self->link_count + 1) * sizeof *self->links);
    for (size_t i = 0; i < self->link_count; i++)
        self->links[i] = read_link(maps[i]);
    free(maps);
    maps = list(report, "engines", &self->engine_count);
    self->engines = tt_alloc((self->engine_count + 1) * sizeof *self->engines);
    for (size_t i = 0; i < self->engine_count; i++)
        self->engines[i] = read_engine(maps[i]);
    free(maps);
    maps = list(report, "why", &self->reason_count);
    self->reasons = tt_alloc((self->reason_count + 1) * sizeof *self->reasons);
    for (size_t i = 0; i < self->reason_count; i++)
        self->reasons[i] = read_reason(maps[i]);
    free(maps);
}

int snapshot_read(snapshot_t *self, tt_span_t report, tt_error_t *err)
{
    *self = (snapshot_t){0};
    if (tt_validate(report, &tt_limits_value, err) != 0)
        return -1;
    tt_span_t controller = raw(report, "controller"), kept = raw(report, "kept");
    self->cluster = text(report, "cluster");
    self->host = text(controller, "host");
    self->pid = whole(controller, "pid");
    self->rss_bytes = whole(controller, "rss_bytes");
    self->clients = whole(controller, "clients");
    self->tasks = whole(controller, "tasks");
    self->waiting = whole(controller, "waiting");
    self->tasks_done = whole(controller, "tasks_done");
    self->retained_bytes = whole(controller, "retained_bytes");
    self->uptime_s = real(controller, "uptime_s", 0);
    self->kept_jobs = whole(kept, "jobs");
    self->kept_bytes = whole(kept, "bytes");
    self->orphans = whole(kept, "orphans"); /* 0 from an older controller */
    read_lists(self, report);
    return 0;
}

/* ---- the end */

static void free_texts(char *const *texts, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(texts[i]);
}

void snapshot_release(snapshot_t *self)
{
    for (size_t i = 0; i < self->host_count; i++)
        free(self->hosts[i].host);
    for (size_t i = 0; i < self->link_count; i++) {
        const snapshot_link_t *link = &self->links[i];
        free_texts((char *const[]){link->host, link->state, link->text}, 3);
    }
    for (size_t i = 0; i < self->engine_count; i++) {
        const snapshot_engine_t *one = &self->engines[i];
        free_texts((char *const[]){one->host, one->language, one->version, one->labels,
                                   one->state_text, one->running, one->text},
                   7);
    }
    for (size_t i = 0; i < self->reason_count; i++)
        free_texts((char *const[]){self->reasons[i].host, self->reasons[i].text}, 2);
    free(self->hosts);
    free(self->links);
    free(self->engines);
    free(self->reasons);
    free(self->cluster);
    free(self->host);
    *self = (snapshot_t){0};
}
