/* %why: why engines are missing, and what a job is waiting for. */
#include "feeder.h"
#include "fold.h"
#include "label.h"
#include "screen.h"
#include "snapshot.h"
#include "status.h"
#include "target.h"
#include "text.h"

#include <stdlib.h>
#include <string.h>

enum { REQUEST_MS = 10000, RUNS_COLUMNS = 40 };

/* ---- what a job waits for */

static const snapshot_engine_t *find_engine(const snapshot_t *report, int id)
{
    for (size_t i = 0; i < report->engine_count; i++)
        if (report->engines[i].id == id)
            return &report->engines[i];
    return NULL;
}

/* Whether what the engine runs is this job's; the label is a line's beginning, made safe. */
static bool runs(const snapshot_engine_t *engine, const job_t *job)
{
    tt_buf_t label;
    tt_buf_init(&label);
    tt_text_escape(&label, job->source, strlen(job->source));
    size_t len = strlen(engine->running);
    bool same =
        engine->busy && len > 0 && strncmp(tt_buf_text(&label), engine->running, len) == 0;
    tt_buf_release(&label);
    return same;
}

/* What an engine does instead of answering. */
static void describe(const snapshot_engine_t *engine, const job_t *job, tt_buf_t *out)
{
    if (engine == NULL) {
        tt_buf_printf(out, "gone");
    } else if (!engine->usable || strcmp(engine->state_text, "stopped") == 0) {
        tt_buf_printf(out, "%s%s%s", engine->state_text, *engine->text ? ": " : "",
                      engine->text);
    } else if (runs(engine, job)) {
        tt_buf_printf(out, "at it for ");
        timing_duration(out, engine->running_s);
    } else if (engine->busy) {
        tt_buf_printf(out, "busy for ");
        timing_duration(out, engine->running_s);
        tt_buf_printf(out, " with ");
        tt_text_cut(out, engine->running, strlen(engine->running), RUNS_COLUMNS);
    } else {
        tt_buf_printf(out, "%s", engine->state_text);
    }
}

/* `[0-2] at it for 12.0 s`, engines with the same to say together. */
static void tell_engines(const snapshot_t *report, const job_t *job, const int *ids,
                         size_t count, tt_buf_t *out)
{
    fold_t *fold = fold_new();
    tt_buf_t *texts = tt_alloc((count + 1) * sizeof *texts);
    size_t groups;
    for (size_t i = 0; i < count; i++) {
        tt_buf_init(&texts[i]);
        describe(find_engine(report, ids[i]), job, &texts[i]);
        fold_add(fold, ids[i], NULL, (tt_span_t){texts[i].data, texts[i].len});
    }
    const fold_group_t *group = fold_groups(fold, &groups);
    for (size_t i = 0; i < groups; i++) {
        label_style_t style = {.total = count};
        tt_buf_printf(out, "engine%s ", group[i].count == 1 ? "" : "s");
        label_names(out, group[i].members, group[i].count, &style);
        tt_buf_printf(out, ": %.*s\n", (int)group[i].text.len,
                      (const char *)group[i].text.data);
    }
    fold_destroy(&fold);
    for (size_t i = 0; i < count; i++)
        tt_buf_release(&texts[i]);
    free(texts);
}

/* The job of the session that a submission belongs to, when it has not ended. */
static const job_t *job_of(const session_t *session, uint64_t submission)
{
    for (const job_t *job = session->jobs; job; job = job->next)
        for (size_t i = 0; !job->done && i < (job->each ? job->part_count : 1); i++)
            if (job->client_jobs && job->client_jobs[i] &&
                tt_job_id(job->client_jobs[i]) == submission)
                return job;
    return NULL;
}

/* Returns whether it waits for others. */
static bool tell_others(const session_t *session, const feeder_view_t *view, tt_buf_t *out)
{
    const job_t *last = NULL;
    for (size_t i = 0; i < view->wait_count; i++) {
        const job_t *other = job_of(session, view->waits[i]);
        if (other && other != last)
            tt_buf_printf(out, "comes after job %d, which has not ended: %%why job %d\n",
                          other->number, other->number);
        last = other ? other : last;
    }
    return last != NULL;
}

/* Work for any engine: who does it, and who else might. */
static void tell_balanced(const session_t *session, const snapshot_t *report, const job_t *job,
                          tt_buf_t *out)
{
    feeder_view_t view;
    size_t running = 0;
    feeder_look(job->feeder, &view);
    if (tell_others(session, &view, out))
        return;
    for (size_t i = 0; i < view.engine_count; i++) {
        const snapshot_engine_t *engine = find_engine(report, view.engines[i]);
        running += engine && runs(engine, job);
    }
    size_t waiting = job->outstanding > running ? job->outstanding - running : 0;
    if (waiting > 0)
        tt_buf_printf(out, "%zu item%s wait%s for an engine\n", waiting,
                      waiting == 1 ? "" : "s", waiting == 1 ? "s" : "");
    if (job->part_count > job->submitted)
        tt_buf_printf(out, "%zu are not handed over yet: at most %zu at once\n",
                      job->part_count - job->submitted, view.outstanding_max);
    tell_engines(report, job, view.engines, view.engine_count, out);
}

static void tell_direct(const snapshot_t *report, const job_t *job, tt_buf_t *out)
{
    int *ids = tt_alloc((job->part_count + 1) * sizeof *ids);
    size_t count = 0;
    for (size_t i = 0; i < job->part_count; i++)
        if (!job->parts[i].done && job->parts[i].engine >= 0)
            ids[count++] = job->parts[i].engine;
    tell_engines(report, job, ids, tt_ids_sort(ids, count), out);
    free(ids);
}

static void tell_state(const job_t *job, tt_buf_t *out)
{
    timing_t timing = job_timing(job);
    tt_buf_printf(out, "[%d] %s · ", job->number, job->done ? "has ended" : "running");
    timing_duration(out, timing.elapsed_s);
    if (job->done && job_failed(job))
        tt_buf_printf(out, " · %zu of %zu failed: %%result %d", job_failed(job),
                      job->part_count, job->number);
    else
        tt_buf_printf(out, " · %zu of %zu done", job->part_count - job->left, job->part_count);
    tt_buf_printf(out, "\n");
}

static int why_job(session_t *session, const char *text)
{
    const job_t *job = magic_find_job(session, "%why", text);
    tt_message_t message = tt_message(TT_MSG_STATUS, 0), answer;
    tt_packet_t reply;
    snapshot_t report = {0};
    tt_error_t err;
    if (job == NULL)
        return 2;
    tt_buf_t out;
    tt_buf_init(&out);
    tell_state(job, &out);
    int status = 0;
    if (!job->done &&
        tt_client_request(session->client, &message, REQUEST_MS, &answer, &reply, &err) != 0) {
        status = session_complain(session, "%why", 3, "%s", err.text);
    } else if (!job->done) {
        if (snapshot_read(&report, tt_frames_span(&reply.payload, 0), &err) != 0)
            status = session_complain(session, "%why", 3, "%s", err.text);
        else if (job->feeder)
            tell_balanced(session, &report, job, &out);
        else
            tell_direct(&report, job, &out);
        snapshot_release(&report);
        tt_packet_release(&reply);
    }
    screen_write(1, (tt_span_t){out.data, out.len});
    tt_buf_release(&out);
    return status;
}

/* ---- the magic */

int magic_why(session_t *session, const magic_call_t *call)
{
    tt_error_t err;
    const char *text = call->rest + strspn(call->rest, " \t\n");
    if (strncmp(text, "job", 3) == 0 && strchr(" \t\n", text[3]))
        return why_job(session, text + 3);
    if (status_show(session->client, STATUS_WHY, *text ? text : NULL, stdout, &err) == 0)
        return 0;
    return session_complain(session, "%why", 3, "%s", err.text);
}
