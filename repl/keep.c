/* Jobs that outlive their session. See keep.h. What the next session has to know of a job is
 * its meta, one array: [version, number, source, map, scalar, [engine, ...], parts, seconds
 * since the epoch when it began]. */
#include "keep.h"

#include "feeder.h"
#include "label.h"
#include "pack.h"
#include "value.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    META_VERSION = 1,
    SOURCE_MAX = 8192,
    ADOPT_MS = 3000,
    PARTS_MAX = 4 * 1000 * 1000,
    NUMBER_MAX = 1000 * 1000 * 1000, /* others are counted on from there */
    AGE_MAX_S = 10 * 365 * 24 * 3600 /* else its clock was wrong */
};

/* ---- before */

static void pack_meta(tt_buf_t *out, const job_t *job)
{
    size_t len = strlen(job->source);
    tt_pack_array(out, 8);
    tt_pack_uint(out, META_VERSION);
    tt_pack_int(out, job->number);
    tt_pack_str(out, job->source, len < SOURCE_MAX ? len : SOURCE_MAX);
    tt_pack_bool(out, job->each);
    tt_pack_bool(out, job->scalar);
    tt_ids_pack(out, job->engines, job->engine_count);
    tt_pack_uint(out, job->part_count);
    tt_pack_double(out, (double)time(NULL));
}

void keep_begin(session_t *session, job_t *job)
{
    tt_buf_t meta;
    if (session->terminal == NULL)
        return;
    job->keep = ++session->last_keep;
    tt_buf_init(&meta);
    pack_meta(&meta, job);
    tt_client_keep(session->client, job->keep, (tt_span_t){meta.data, meta.len});
    tt_buf_release(&meta);
}

void keep_end(session_t *session, job_t *job)
{
    if (job->keep && tt_client_alive(session->client))
        tt_client_keep(session->client, job->keep, (tt_span_t){NULL, 0});
    job->keep = 0;
}

bool keep_any(const session_t *session)
{
    for (const job_t *job = session->jobs; job; job = job->next)
        if (job->keep)
            return true;
    return false;
}

/* ---- leaving */

/* A result as it came, with all the output that came ahead of it. */
static void give_back_part(session_t *session, const job_t *job, size_t index,
                           const job_answer_t *full)
{
    const job_part_t *part = &job->parts[index];
    tt_frames_t frames;
    tt_span_t body = tt_frames_span(&part->frames, 0);
    tt_frames_init(&frames);
    tt_frames_copy(&frames, body.data, body.len);
    tt_frames_copy(&frames, full->answer.out.data, full->answer.out.len);
    tt_frames_copy(&frames, full->answer.err.data, full->answer.err.len);
    for (size_t i = 3; i < part->frames.count; i++)
        tt_frames_share(&frames, &((job_part_t *)(uintptr_t)part)->frames.items[i]);
    tt_result_t result = {.engine = part->engine,
                          .status = part->status,
                          .attempt = 1,
                          .queue_ns = part->queue_ns,
                          .wait_ns = part->wait_ns,
                          .run_ns = part->run_ns,
                          .dropped_bytes = part->dropped_bytes,
                          .frames = &frames};
    strncpy(result.cause, part->cause ? part->cause : "", sizeof result.cause - 1);
    strncpy(result.host, part->host ? part->host : "", sizeof result.host - 1);
    tt_client_store(session->client, job->keep, job->map ? (uint32_t)index : 0, &result);
    tt_frames_release(&frames);
}

static void give_back(session_t *session, job_t *job)
{
    size_t count;
    feeder_hand_over(job);
    if (job->map)
        job_stop_feeding(job, "not started: its session has ended");
    job_answer_t *answers = job_answers(job, JOB_WHOLE, &count);
    for (size_t i = 0; i < count; i++) {
        const job_part_t *part = &job->parts[i];
        if (part->done)
            give_back_part(session, job, i, &answers[i]);
        else if (answers[i].answer.out.len + answers[i].answer.err.len > 0)
            tt_client_store_output(session->client, job->keep, job->map ? (uint32_t)i : 0,
                                   job->map ? -1 : part->engine, answers[i].answer.out,
                                   answers[i].answer.err);
    }
    job_answers_release(&answers, count);
}

void keep_leave(session_t *session)
{
    for (job_t *job = session->jobs; job; job = job->next)
        if (job->keep)
            give_back(session, job);
    tt_client_leave(&session->client);
}

/* ---- taking over */

typedef struct {
    int64_t number;
    tt_span_t source, engines;
    bool map, scalar;
    uint64_t parts;
    double began;
} meta_t;

static int read_meta(tt_span_t bytes, meta_t *meta)
{
    tt_reader_t reader = tt_reader(bytes);
    size_t count;
    uint64_t version;
    tt_error_t err;
    if (tt_validate(bytes, &tt_limits_value, &err) != 0 ||
        tt_read_array(&reader, &count) != 0 || tt_read_uint(&reader, &version) != 0 ||
        version != META_VERSION || tt_read_int(&reader, &meta->number) != 0 ||
        tt_read_str(&reader, &meta->source) != 0 || tt_read_bool(&reader, &meta->map) != 0 ||
        tt_read_bool(&reader, &meta->scalar) != 0 ||
        tt_read_raw(&reader, &meta->engines) != 0 || tt_read_uint(&reader, &meta->parts) != 0 ||
        tt_read_double(&reader, &meta->began) != 0)
        return -1;
    return meta->parts <= PARTS_MAX && meta->number >= 1 && meta->number <= NUMBER_MAX ? 0 : -1;
}

/* How long ago that was; a clock may have been set back meanwhile. */
static int64_t age_ns(double began)
{
    double age_s = (double)time(NULL) - began;
    return age_s > 0 && age_s < AGE_MAX_S ? (int64_t)(age_s * 1e9) : 0;
}

job_t *keep_read(tt_span_t bytes)
{
    meta_t meta = {0};
    int *engines = NULL, count;
    if (read_meta(bytes, &meta) != 0)
        return NULL;
    count = tt_ids_read(meta.engines, &engines, NULL);
    if (!meta.map && (count < 0 || (uint64_t)count != meta.parts)) {
        free(engines);
        return NULL;
    }
    char *text = tt_strndup((const char *)meta.source.data, meta.source.len);
    job_t *job = job_new((int)meta.number, text, (size_t)meta.parts);
    free(text);
    job->map = job->each = job->valued = meta.map;
    job->scalar = meta.scalar;
    job->submitted = (size_t)meta.parts;
    job->started_ns -= age_ns(meta.began);
    job->engines = engines;
    job->engine_count = count > 0 ? (size_t)count : 0;
    for (size_t i = 0; !job->map && i < job->part_count; i++)
        job->parts[i].engine = engines[i];
    return job;
}

static void on_job(void *arg, uint64_t keep, tt_span_t meta)
{
    session_t *session = arg;
    job_t *job = keep_read(meta);
    if (job == NULL)
        return;
    job->keep = keep;
    job->background = job->adopted = true;
    job_name_hosts(job, session->client);
    if (job->number > session->number)
        session->number = job->number;
    session_add_job(session, job);
}

static job_t *find(const session_t *session, uint64_t keep)
{
    for (job_t *job = session->jobs; job; job = job->next)
        if (job->keep == keep)
            return job;
    return NULL;
}

static void on_task(void *arg, const tt_adopted_t *task, tt_job_t *client_job,
                    const tt_job_handlers_t **handlers, void **job_arg)
{
    job_t *job = find(arg, task->keep);
    if (job == NULL || task->index >= job->part_count)
        return;
    job->client_jobs[job->each ? task->index : 0] = client_job;
    if (!job->map) {
        *handlers = &job_px_handlers;
        *job_arg = job;
        return;
    }
    *handlers = &job_item_handlers;
    *job_arg = job_item_new(job, task->index, 1);
}

static void on_result(void *arg, uint64_t keep, uint32_t index, tt_result_t *result)
{
    job_t *job = find(arg, keep);
    if (job)
        job_take_result(job, index, result);
}

static void tell(const session_t *session, tt_buf_t *line)
{
    const char *separator = "an earlier session has left: ";
    for (const job_t *job = session->jobs; job; job = job->next) {
        if (!job->adopted)
            continue;
        tt_buf_printf(line, "%s[%d] %s", separator, job->number,
                      job->done ? "done" : "running");
        if (!job->done)
            tt_buf_printf(line, " %zu/%zu", job->part_count - job->left, job->part_count);
        separator = ", ";
    }
    if (line->len > 0)
        tt_buf_printf(line, " · %%jobs, %%result N");
}

void keep_adopt(session_t *session, tt_buf_t *line)
{
    static const tt_adopt_handlers_t handlers = {on_job, on_task, on_result};
    tt_error_t err;
    bool whole = tt_client_adopt(session->client, &handlers, session, ADOPT_MS, &err) == 0;
    for (job_t *job = session->jobs; job && whole; job = job->next) {
        job_extend_items(job);
        job_end_orphans(job);
    }
    tell(session, line);
    for (job_t *job = session->jobs; job; job = job->next)
        job->adopted &= job->done; /* what runs is told like any other of the background */
}
