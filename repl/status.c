/* The status report as text. See status.h. */
#include "status.h"

#include "label.h"
#include "snapshot.h"
#include "target.h"
#include "text.h"
#include "timing.h"
#include "value.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { REQUEST_MS = 10000, ROWS_MAX = 100, APART_MAX = 40 };

/* ---- text */

static void show_duration(FILE *out, double seconds)
{
    tt_buf_t buf;
    tt_buf_init(&buf);
    timing_duration(&buf, seconds);
    fprintf(out, "%s", tt_buf_text(&buf));
    tt_buf_release(&buf);
}

static double mib(int64_t bytes)
{
    return (double)bytes / 1048576.0;
}

static void show_controller(const snapshot_t *report, FILE *out)
{
    fprintf(out, "cluster '%s' · controller pid %lld on %s, %.1f MiB, up ", report->cluster,
            (long long)report->pid, report->host, mib(report->rss_bytes));
    show_duration(out, report->uptime_s);
    long long tasks = (long long)report->tasks;
    fprintf(out, " · %lld task%s, %lld done · %.1f KiB kept\n", tasks, tasks == 1 ? "" : "s",
            (long long)report->tasks_done, (double)report->retained_bytes / 1024.0);
}

/* What a prompt that has gone left behind. */
static void show_kept(const snapshot_t *report, FILE *out)
{
    long long jobs = (long long)report->kept_jobs;
    if (jobs > 0)
        fprintf(out,
                "%lld job%s of an earlier session wait%s (%.1f MiB); the next prompt takes "
                "%s over\n",
                jobs, jobs == 1 ? "" : "s", jobs == 1 ? "s" : "", mib(report->kept_bytes),
                jobs == 1 ? "it" : "them");
    long long orphans = (long long)report->orphans;
    if (orphans > 0)
        fprintf(
            out,
            "%lld task%s go%s on whose client has gone; rc.get_result(ids) has them, %%cancel "
            "--left ends them\n",
            orphans, orphans == 1 ? "" : "s", orphans == 1 ? "es" : "");
}

static void show_hosts(const snapshot_t *report, FILE *out)
{
    for (size_t i = 0; i < report->host_count; i++) {
        const snapshot_host_t *host = &report->hosts[i];
        fprintf(out, "host %s%s · pid %lld, %.1f MiB · %lld engine%s", host->host,
                host->far ? " over ssh" : "", (long long)host->pid, mib(host->rss_bytes),
                (long long)host->engines, host->engines == 1 ? "" : "s");
        if (host->silent_s > 5)
            fprintf(out, " · silent for %.0f s", host->silent_s);
        fputc('\n', out);
    }
}

/* `host web1 is not reached: permission denied (publickey); try: ssh web1`, of links that are
 * not up; only that of `wanted`, unless it is NULL. */
static void show_links(const snapshot_t *report, const char *wanted, FILE *out)
{
    for (size_t i = 0; i < report->link_count; i++) {
        const snapshot_link_t *link = &report->links[i];
        const char *ready = tt_engine_state_text(TT_ENGINE_READY);
        const char *again = tt_engine_state_text(TT_ENGINE_RESTARTING);
        bool asked = wanted == NULL || strcmp(wanted, link->host) == 0;
        if (asked && strcmp(link->state, ready) != 0)
            fprintf(out, "host %s is not reached%s: %s\n", link->host,
                    strcmp(link->state, again) == 0 ? ", and tried again" : "", link->text);
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

/* An engine as a row shows it. */
typedef struct {
    const char *host, *state;
    char *kind, *labels; /* owned; `@gpu=2,fast`, or empty */
    const char *what;    /* what it runs, or why it does not */
    long long queue;
    double seconds; /* since it is in this state, or runs that */
} row_t;

static row_t read_row(const snapshot_engine_t *engine)
{
    const char *version = engine->version;
    return (row_t){
        .host = engine->host,
        .kind = tt_printf("%s %.*s", engine->language, (int)strcspn(version, "("), version),
        .state = engine->busy && engine->usable ? "busy" : engine->state_text,
        .labels = tt_printf("%s%s", *engine->labels ? "@" : "", engine->labels),
        .what = engine->usable ? engine->running : engine->text,
        .queue = (long long)engine->queue,
        .seconds = engine->busy ? engine->running_s : engine->since_s};
}

static void release_row(row_t *self)
{
    free(self->kind);
    free(self->labels);
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

static void show_engine(const snapshot_engine_t *engine, FILE *out)
{
    row_t row = read_row(engine);
    fprintf(out, "%5d  ", engine->id);
    show_cell(out, row.host, 15);
    fprintf(out, " %7lld  ", (long long)engine->pid);
    show_rest(&row, out);
    if (strcmp(row.state, "busy") == 0)
        show_cut(out, row.what, 40);
    else
        fprintf(out, "%s", row.what); /* a reason is told whole */
    fputc('\n', out);
    release_row(&row);
}

/* The rows in the order of their hosts, as those come first, and within one of their numbers.
 * The array is the caller's. */
static const snapshot_engine_t **by_host(const snapshot_t *report)
{
    size_t count = report->engine_count, sorted = 0;
    const snapshot_engine_t **out = tt_alloc((count + 1) * sizeof *out);
    bool *taken = tt_alloc(count + 1);
    for (size_t i = 0; i < count; i++) {
        for (size_t j = i; j < count && !taken[i]; j++) {
            if (taken[j] || strcmp(report->engines[i].host, report->engines[j].host) != 0)
                continue;
            out[sorted++] = &report->engines[j];
            taken[j] = j > i;
        }
        taken[i] = true;
    }
    free(taken);
    return out;
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
static void show_groups(const snapshot_engine_t *const *engines, size_t count, FILE *out)
{
    fold_t *fold = fold_new();
    row_t *rows = tt_alloc((count + 1) * sizeof *rows);
    char **keys = tt_alloc((count + 1) * sizeof *keys);
    size_t group_count, width = strlen("ENGINES");
    for (size_t i = 0; i < count; i++) {
        rows[i] = read_row(engines[i]);
        keys[i] = tt_printf("%s\n%s\n%s\n%s\n%s", rows[i].host, rows[i].kind, rows[i].state,
                            rows[i].labels, rows[i].what);
        fold_add(fold, engines[i]->id, NULL, tt_span(keys[i]));
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

static void show_engines(const snapshot_t *report, FILE *out)
{
    size_t count = report->engine_count;
    const snapshot_engine_t **rows = by_host(report);
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
static void show_reason(FILE *out, const snapshot_reason_t *reason, int *ids, size_t count)
{
    size_t kept = tt_ids_sort(ids, count);
    tt_buf_t names;
    tt_buf_init(&names);
    tt_target_format(&names, ids, kept);
    show_clock(out, reason->when);
    if (kept > 0)
        fprintf(out, "  engine%s %s", kept == 1 ? "" : "s", tt_buf_text(&names));
    fprintf(out, "%s on %s: %s\n", kept > 0 ? "" : " ", reason->host, reason->text);
    tt_buf_release(&names);
}

/* Whether two rows tell the same, within a second. */
static bool same_reason(const snapshot_reason_t *one, const snapshot_reason_t *other)
{
    return strcmp(one->text, other->text) == 0 && strcmp(one->host, other->host) == 0 &&
           other->when - one->when < 1;
}

/* Whom is asked about: engines, else a host, else all. */
typedef struct {
    const char *host; /* NULL: any */
    int *ids;         /* NULL: any */
    size_t id_count;
} who_t;

static bool is_about(const snapshot_reason_t *reason, const who_t *who)
{
    if (who->ids == NULL)
        return who->host == NULL || strcmp(reason->host, who->host) == 0;
    for (size_t i = 0; i < who->id_count; i++)
        if (who->ids[i] == reason->engine)
            return true;
    return false;
}

/* Equal reasons of neighbours in one line. Returns how many lines there were. */
static size_t show_reasons(const snapshot_t *report, const who_t *who, FILE *out)
{
    const snapshot_reason_t *first = NULL;
    size_t id_count = 0, lines = 0;
    int *ids = tt_alloc((report->reason_count + 1) * sizeof *ids);
    for (size_t i = 0; i < report->reason_count; i++) {
        const snapshot_reason_t *reason = &report->reasons[i];
        if (!is_about(reason, who))
            continue;
        if (first && !same_reason(first, reason)) {
            show_reason(out, first, ids, id_count);
            first = NULL;
        }
        if (first == NULL) {
            first = reason;
            id_count = 0;
            lines++;
        }
        if (reason->engine >= 0)
            ids[id_count++] = reason->engine;
    }
    if (first)
        show_reason(out, first, ids, id_count);
    free(ids);
    return lines;
}

/* Whether an engine or a link of that host is known. */
static bool is_known(const snapshot_t *report, const char *host)
{
    for (size_t i = 0; i < report->engine_count; i++)
        if (strcmp(report->engines[i].host, host) == 0)
            return true;
    for (size_t i = 0; i < report->link_count; i++)
        if (strcmp(report->links[i].host, host) == 0)
            return true;
    return false;
}

/* `0-3,7`, as far as it is a set of numbers. */
static int find_engines(const snapshot_t *report, const char *set, who_t *who, tt_error_t *err)
{
    tt_target_engine_t *engines = tt_alloc((report->engine_count + 1) * sizeof *engines);
    for (size_t i = 0; i < report->engine_count; i++)
        engines[i] =
            (tt_target_engine_t){report->engines[i].id, report->engines[i].host, "", "", NULL};
    int rc = tt_target_select(set, NULL, engines, report->engine_count, &who->ids,
                              &who->id_count, err);
    free(engines);
    return rc;
}

static int show_why_engines(const snapshot_t *report, const char *set, FILE *out,
                            tt_error_t *err)
{
    who_t who = {.host = NULL};
    if (find_engines(report, set, &who, err) != 0)
        return -1;
    if (show_reasons(report, &who, out) == 0)
        fprintf(out, "nothing has gone wrong with engine%s %s\n", who.id_count == 1 ? "" : "s",
                set);
    free(who.ids);
    return 0;
}

static int show_why(const snapshot_t *report, const char *host, FILE *out, tt_error_t *err)
{
    const who_t who = {.host = host};
    if (host && !is_known(report, host) && *host && host[strspn(host, "0123456789-,:")] == 0)
        return show_why_engines(report, host, out, err);
    if (show_reasons(report, &who, out) > 0) {
        show_links(report, host, out);
        return 0;
    }
    if (host && !is_known(report, host))
        return tt_error_set(err, "no host '%.100s' is known; tutti status lists them", host);
    fprintf(out,
            host ? "nothing has gone wrong on %s\n"
                 : "no engine has been lost, restarted or failed to start\n",
            host);
    show_links(report, host, out);
    return 0;
}

static void show_all(const snapshot_t *report, FILE *out)
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
    snapshot_t report;
    if (tt_client_request(client, &message, REQUEST_MS, &answer, &reply, err) != 0)
        return -1;
    tt_span_t bytes = tt_frames_span(&reply.payload, 0);
    int rc = snapshot_read(&report, bytes, err);
    if (rc == 0 && form == STATUS_JSON)
        show_json(bytes, out);
    else if (rc == 0 && form == STATUS_WHY)
        rc = show_why(&report, host, out, err);
    else if (rc == 0)
        show_all(&report, out);
    fflush(out);
    snapshot_release(&report);
    tt_packet_release(&reply);
    return rc;
}
