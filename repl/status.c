/* The status report as text. It is one map (controller/report.c); unknown keys are skipped. */
#include "status.h"

#include "label.h"
#include "target.h"
#include "text.h"
#include "timing.h"
#include "value.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { REQUEST_MS = 10000, ROWS_MAX = 100, APART_MAX = 40 };

/* ---- reading the map */

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

static int64_t whole(tt_span_t map, const char *key)
{
    tt_reader_t at;
    int64_t value = -1;
    if (at_key(map, key, &at))
        tt_read_int(&at, &value);
    return value;
}

static double real(tt_span_t map, const char *key)
{
    tt_reader_t at;
    double value = 0;
    if (at_key(map, key, &at))
        tt_read_double(&at, &value);
    return value;
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
    char *copy = tt_strdup(tt_buf_text(&out));
    tt_buf_release(&out);
    return copy;
}

/* ---- text */

static void show_duration(FILE *out, double seconds)
{
    tt_buf_t buf;
    tt_buf_init(&buf);
    timing_duration(&buf, seconds);
    fprintf(out, "%s", tt_buf_text(&buf));
    tt_buf_release(&buf);
}

static void show_controller(tt_span_t report, FILE *out)
{
    tt_span_t controller = raw(report, "controller");
    char *name = text(report, "cluster"), *host = text(controller, "host");
    fprintf(out, "cluster '%s' · controller pid %lld on %s, %.1f MiB, up ", name,
            (long long)whole(controller, "pid"), host,
            (double)whole(controller, "rss_bytes") / 1048576.0);
    show_duration(out, real(controller, "uptime_s"));
    long long tasks = (long long)whole(controller, "tasks");
    fprintf(out, " · %lld task%s, %lld done · %.1f KiB kept\n", tasks, tasks == 1 ? "" : "s",
            (long long)whole(controller, "tasks_done"),
            (double)whole(controller, "retained_bytes") / 1024.0);
    free(name);
    free(host);
}

/* What a prompt that has gone left behind. */
static void show_kept(tt_span_t report, FILE *out)
{
    tt_span_t kept = raw(report, "kept");
    long long jobs = (long long)whole(kept, "jobs");
    if (jobs > 0)
        fprintf(out,
                "%lld job%s of an earlier session wait%s (%.1f MiB); the next prompt takes "
                "%s over\n",
                jobs, jobs == 1 ? "" : "s", jobs == 1 ? "s" : "",
                (double)whole(kept, "bytes") / 1048576.0, jobs == 1 ? "it" : "them");
}

static void show_hosts(tt_span_t report, FILE *out)
{
    tt_span_t hosts = raw(report, "hosts"), host;
    tt_reader_t at = tt_reader(hosts);
    size_t count = 0;
    tt_read_array(&at, &count);
    for (size_t i = 0; i < count && tt_read_raw(&at, &host) == 0; i++) {
        char *name = text(host, "host");
        double silent = real(host, "silent_s");
        fprintf(out, "host %s%s · pid %lld, %.1f MiB · %lld engine%s", name,
                truth(host, "far") ? " over ssh" : "", (long long)whole(host, "pid"),
                (double)whole(host, "rss_bytes") / 1048576.0, (long long)whole(host, "engines"),
                whole(host, "engines") == 1 ? "" : "s");
        if (silent > 5)
            fprintf(out, " · silent for %.0f s", silent);
        fputc('\n', out);
        free(name);
    }
}

/* `host web1 is not reached: permission denied (publickey); try: ssh web1`, of links that are
 * not up; only that of `wanted`, unless it is NULL. */
static void show_links(tt_span_t report, const char *wanted, FILE *out)
{
    tt_span_t links = raw(report, "links"), link;
    tt_reader_t at = tt_reader(links);
    size_t count = 0;
    tt_read_array(&at, &count);
    for (size_t i = 0; i < count && tt_read_raw(&at, &link) == 0; i++) {
        char *name = text(link, "host"), *state = text(link, "state"),
             *why = text(link, "text");
        const char *ready = tt_engine_state_text(TT_ENGINE_READY);
        const char *again = tt_engine_state_text(TT_ENGINE_RESTARTING);
        bool asked = wanted == NULL || strcmp(wanted, name) == 0;
        if (asked && strcmp(state, ready) != 0)
            fprintf(out, "host %s is not reached%s: %s\n", name,
                    strcmp(state, again) == 0 ? ", and tried again" : "", why);
        free(name);
        free(state);
        free(why);
    }
}

/* Cut to a width, whatever the letters. Returns how many columns are left. */
static size_t show_cut(FILE *out, const char *value, size_t columns)
{
    tt_buf_t cut;
    tt_buf_init(&cut);
    tt_text_cut(&cut, value, strlen(value), columns);
    size_t width = tt_text_width((const char *)cut.data, cut.len);
    fprintf(out, "%s", tt_buf_text(&cut));
    tt_buf_release(&cut);
    return columns - width;
}

/* A column of the table: cut or filled up to its width. */
static void show_cell(FILE *out, const char *value, size_t columns)
{
    fprintf(out, "%*s", (int)show_cut(out, value, columns), "");
}

/* An engine as a row shows it; the texts are owned. */
typedef struct {
    char *host, *kind, *state;
    char *labels; /* `@gpu=2,fast`, or empty */
    char *what;   /* what it runs, or why it does not */
    long long queue;
    double seconds; /* since it is in this state, or runs that */
} row_t;

static row_t read_row(tt_span_t engine)
{
    char *language = text(engine, "language"), *version = text(engine, "version");
    char *running = text(engine, "running"), *why = text(engine, "text");
    bool busy = real(engine, "running_s") > 0 || *running;
    bool usable = whole(engine, "state_number") <= TT_ENGINE_RESTARTING;
    char *labels = text(engine, "labels");
    row_t row = {.host = text(engine, "host"),
                 .kind = tt_printf("%s %.*s", language, (int)strcspn(version, "("), version),
                 .state = busy && usable ? tt_strdup("busy") : text(engine, "state"),
                 .labels = tt_printf("%s%s", *labels ? "@" : "", labels),
                 .what = tt_strdup(!usable ? why : running),
                 .queue = (long long)whole(engine, "queue"),
                 .seconds = real(engine, busy ? "running_s" : "since_s")};
    free(language);
    free(version);
    free(running);
    free(why);
    free(labels);
    return row;
}

static void release_row(row_t *self)
{
    free(self->host);
    free(self->kind);
    free(self->state);
    free(self->labels);
    free(self->what);
}

static void show_rest(const row_t *row, FILE *out)
{
    show_cell(out, row->kind, 15);
    fputc(' ', out);
    show_cell(out, row->state, 10);
    fprintf(out, " %5lld  ", row->queue);
    show_duration(out, row->seconds);
    if (*row->labels)
        fprintf(out, "  %s", row->labels);
    if (*row->what)
        fprintf(out, "  ");
}

static void show_engine(tt_span_t engine, FILE *out)
{
    row_t row = read_row(engine);
    fprintf(out, "%5lld  ", (long long)whole(engine, "id"));
    show_cell(out, row.host, 15);
    fprintf(out, " %7lld  ", (long long)whole(engine, "pid"));
    show_rest(&row, out);
    if (strcmp(row.state, "busy") == 0)
        show_cut(out, row.what, 40);
    else
        fprintf(out, "%s", row.what); /* a reason is told whole */
    fputc('\n', out);
    release_row(&row);
}

static bool same_bytes(tt_span_t one, tt_span_t other)
{
    return one.len == other.len && (one.len == 0 || memcmp(one.data, other.data, one.len) == 0);
}

/* The rows in the order of their hosts, as those come first, and within one of their numbers.
 * The array is the caller's. */
static tt_span_t *by_host(tt_span_t engines, size_t *count)
{
    tt_span_t engine;
    tt_reader_t at = tt_reader(engines);
    size_t all = 0, read = 0, sorted = 0;
    tt_read_array(&at, &all);
    tt_span_t *rows = tt_alloc((2 * all + 1) * sizeof *rows), *out = rows + all;
    while (read < all && tt_read_raw(&at, &engine) == 0)
        rows[read++] = engine;
    for (size_t i = 0; i < read; i++) {
        if (rows[i].len == 0)
            continue; /* it stands with its host already */
        tt_span_t host = raw(rows[i], "host");
        out[sorted++] = rows[i];
        for (size_t j = i + 1; j < read; j++) {
            tt_span_t other = raw(rows[j], "host");
            if (rows[j].len == 0 || !same_bytes(host, other))
                continue;
            out[sorted++] = rows[j];
            rows[j].len = 0;
        }
    }
    memmove(rows, out, sorted * sizeof *rows);
    *count = sorted;
    return rows;
}

/* `0-16,18-199`; the caller's to free. */
static char *names_of(const fold_group_t *group, size_t all)
{
    tt_buf_t names;
    tt_buf_init(&names);
    label_names(&names, group->members, group->count, &(label_style_t){.total = all});
    tt_buf_text(&names);
    return (char *)names.data;
}

/* The first one's row, with the queues of all and the longest time. */
static void show_group(const fold_group_t *group, const row_t *rows, const char *names,
                       size_t width, FILE *out)
{
    row_t row = rows[group->members[0].index];
    for (size_t i = 1; i < group->count; i++) {
        const row_t *other = &rows[group->members[i].index];
        row.queue += other->queue;
        row.seconds = other->seconds > row.seconds ? other->seconds : row.seconds;
    }
    show_cell(out, names, width);
    fprintf(out, " %5zu  ", group->count);
    show_cell(out, row.host, 15);
    fputc(' ', out);
    show_rest(&row, out);
    show_cut(out, row.what, 40);
    fputc('\n', out);
}

/* Of many engines those that are alike stand in one row: on the same host, with the same
 * language, doing the same. */
static void show_groups(const tt_span_t *engines, size_t count, FILE *out)
{
    fold_t *fold = fold_new();
    row_t *rows = tt_alloc((count + 1) * sizeof *rows);
    char **keys = tt_alloc((count + 1) * sizeof *keys);
    size_t group_count, width = strlen("ENGINES");
    for (size_t i = 0; i < count; i++) {
        rows[i] = read_row(engines[i]);
        keys[i] = tt_printf("%s\n%s\n%s\n%s\n%s", rows[i].host, rows[i].kind, rows[i].state,
                            rows[i].labels, rows[i].what);
        fold_add(fold, (int)whole(engines[i], "id"), NULL, tt_span(keys[i]));
    }
    const fold_group_t *groups = fold_groups(fold, &group_count);
    size_t shown = group_count < ROWS_MAX ? group_count : ROWS_MAX;
    char **names = tt_alloc((shown + 1) * sizeof *names);
    for (size_t i = 0; i < shown; i++) {
        names[i] = names_of(&groups[i], count);
        width = strlen(names[i]) > width ? strlen(names[i]) : width;
    }
    fprintf(out, "%-*s %5s  %-15s %-15s %-10s %5s  %s\n", (int)width, "ENGINES", "COUNT",
            "HOST", "LANGUAGE", "STATE", "QUEUE", "SINCE");
    for (size_t i = 0; i < shown; i++) {
        show_group(&groups[i], rows, names[i], width, out);
        free(names[i]);
    }
    if (group_count > ROWS_MAX)
        fprintf(out, "... and %zu more\n", group_count - ROWS_MAX);
    for (size_t i = 0; i < count; i++) {
        release_row(&rows[i]);
        free(keys[i]);
    }
    free(names);
    free(rows);
    free(keys);
    fold_destroy(&fold);
}

static void show_engines(tt_span_t report, FILE *out)
{
    size_t count;
    tt_span_t *rows = by_host(raw(report, "engines"), &count);
    if (count == 0)
        fprintf(out, "no engines; tutti start -n N starts some\n");
    else if (count > APART_MAX)
        show_groups(rows, count, out);
    else
        fprintf(out, "%5s  %-15s %7s  %-15s %-10s %5s  %s\n", "ID", "HOST", "PID", "LANGUAGE",
                "STATE", "QUEUE", "SINCE");
    for (size_t i = 0; i < count && count <= APART_MAX; i++)
        show_engine(rows[i], out);
    free(rows);
}

/* ---- reasons */

static void show_clock(FILE *out, double when)
{
    time_t seconds = (time_t)when;
    struct tm tm;
    char text_[32];
    localtime_r(&seconds, &tm);
    strftime(text_, sizeof text_, "%H:%M:%S", &tm);
    fprintf(out, "%s", text_);
}

/* `  engines 0-3 on web1: was killed by SIGKILL`, of one row or several;
 * without ids the host alone. Sorts the ids. */
static void show_reason(FILE *out, tt_span_t reason, int *ids, size_t count)
{
    char *host = text(reason, "host"), *why = text(reason, "text");
    size_t kept = tt_ids_sort(ids, count);
    tt_buf_t names;
    tt_buf_init(&names);
    tt_target_format(&names, ids, kept);
    show_clock(out, real(reason, "when"));
    if (kept > 0)
        fprintf(out, "  engine%s %s", kept == 1 ? "" : "s", tt_buf_text(&names));
    fprintf(out, "%s on %s: %s\n", kept > 0 ? "" : " ", host, why);
    tt_buf_release(&names);
    free(host);
    free(why);
}

/* Whether two rows tell the same, within a second. */
static bool same_reason(tt_span_t one, tt_span_t other)
{
    char *texts[] = {text(one, "text"), text(other, "text"), text(one, "host"),
                     text(other, "host")};
    bool same = strcmp(texts[0], texts[1]) == 0 && strcmp(texts[2], texts[3]) == 0 &&
                real(other, "when") - real(one, "when") < 1;
    for (size_t i = 0; i < 4; i++)
        free(texts[i]);
    return same;
}

static bool is_about(tt_span_t reason, const char *host)
{
    char *theirs = text(reason, "host");
    bool same = host == NULL || strcmp(theirs, host) == 0;
    free(theirs);
    return same;
}

/* Equal reasons of neighbours in one line. */
static void show_reasons(tt_span_t list, const char *host, FILE *out)
{
    tt_span_t reason, first = {NULL, 0};
    tt_reader_t at = tt_reader(list);
    size_t count = 0, id_count = 0;
    tt_read_array(&at, &count);
    int *ids = tt_alloc((count + 1) * sizeof *ids);
    for (size_t i = 0; i < count && tt_read_raw(&at, &reason) == 0; i++) {
        if (!is_about(reason, host))
            continue;
        if (first.data && !same_reason(first, reason)) {
            show_reason(out, first, ids, id_count);
            first.data = NULL;
        }
        if (first.data == NULL) {
            first = reason;
            id_count = 0;
        }
        if (whole(reason, "engine") >= 0)
            ids[id_count++] = (int)whole(reason, "engine");
    }
    if (first.data)
        show_reason(out, first, ids, id_count);
    free(ids);
}

/* How many maps of a list are about the host. */
static size_t count_about(tt_span_t list, const char *host)
{
    tt_span_t one;
    tt_reader_t at = tt_reader(list);
    size_t count = 0, found = 0;
    tt_read_array(&at, &count);
    for (size_t i = 0; i < count && tt_read_raw(&at, &one) == 0; i++)
        found += is_about(one, host);
    return found;
}

static int show_why(tt_span_t report, const char *host, FILE *out, tt_error_t *err)
{
    tt_span_t reasons = raw(report, "why"), links = raw(report, "links");
    if (count_about(reasons, host) > 0) {
        show_reasons(reasons, host, out);
    } else if (host && count_about(raw(report, "engines"), host) == 0 &&
               count_about(links, host) == 0) {
        return tt_error_set(err, "no host '%.100s' is known; tutti status lists them", host);
    } else {
        fprintf(out,
                host ? "nothing has gone wrong on %s\n"
                     : "no engine has been lost, restarted or failed to start\n",
                host);
    }
    show_links(report, host, out);
    return 0;
}

static void show_all(tt_span_t report, FILE *out)
{
    show_controller(report, out);
    show_kept(report, out);
    show_hosts(report, out);
    show_links(report, NULL, out);
    show_engines(report, out);
}

static void show_json(tt_span_t report, FILE *out)
{
    tt_buf_t json;
    tt_buf_init(&json);
    tt_value_json(report, &json);
    fprintf(out, "%s\n", tt_buf_text(&json));
    tt_buf_release(&json);
}

int status_show(tt_client_t *client, status_form_t form, const char *host, FILE *out,
                tt_error_t *err)
{
    tt_message_t message = tt_message(TT_MSG_STATUS, 0), answer;
    tt_packet_t reply;
    if (tt_client_request(client, &message, REQUEST_MS, &answer, &reply, err) != 0)
        return -1;
    tt_span_t report = tt_frames_span(&reply.payload, 0);
    int rc = tt_validate(report, &tt_limits_value, err);
    if (rc == 0 && form == STATUS_JSON)
        show_json(report, out);
    else if (rc == 0 && form == STATUS_WHY)
        rc = show_why(report, host, out, err);
    else if (rc == 0)
        show_all(report, out);
    fflush(out);
    tt_packet_release(&reply);
    return rc;
}
