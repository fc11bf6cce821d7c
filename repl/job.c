/* Jobs and the results that come in for them. See job.h. */
#include "job.h"

#include <stdlib.h>
#include <string.h>

#define GONE "its answer went to the session that is gone"

job_t *job_new(int number, const char *source, size_t parts)
{
    job_t *self = tt_alloc(sizeof *self);
    self->number = number;
    self->source = tt_strdup(source);
    self->parts = tt_alloc((parts + 1) * sizeof *self->parts);
    self->part_count = self->left = parts;
    self->client_jobs = tt_alloc((parts + 1) * sizeof *self->client_jobs);
    self->started_ns = tt_now_ns();
    for (size_t i = 0; i < parts; i++)
        self->parts[i].engine = -1;
    return self;
}

static void release_part(job_part_t *self)
{
    free(self->host);
    free(self->cause);
    tt_frames_release(&self->frames);
    tt_buf_release(&self->early[0]);
    tt_buf_release(&self->early[1]);
}

void job_destroy(job_t **self_p)
{
    job_t *self = *self_p;
    if (self == NULL)
        return;
    if (self->forget)
        self->forget(self);
    if (self->present_release)
        self->present_release(self->present_arg);
    for (size_t i = 0; i < self->part_count; i++)
        release_part(&self->parts[i]);
    stream_destroy(&self->stream);
    for (size_t i = 0; i < self->name_count; i++)
        free(self->names[i]);
    free(self->names);
    free(self->parts);
    free(self->again);
    free(self->client_jobs);
    free(self->engines);
    free(self->name);
    free(self->source);
    free(self);
    *self_p = NULL;
}

void job_name_hosts(job_t *self, const tt_client_t *client)
{
    for (size_t i = 0; i < self->part_count; i++) {
        job_part_t *part = &self->parts[i];
        const tt_engine_t *engine = tt_client_engine(client, part->engine);
        if (engine && part->host == NULL)
            part->host = tt_strdup(engine->host);
    }
}

/* ---- results coming in */

static job_part_t *part_of(job_t *self, int engine)
{
    for (size_t i = 0; i < self->part_count; i++)
        if (self->parts[i].engine == engine)
            return &self->parts[i];
    return NULL;
}

static void end_if_done(job_t *self)
{
    if (self->left > 0 || self->done)
        return;
    self->done = true;
    self->ended_ns = tt_now_ns();
    if (self->news)
        *self->news = true;
    if (self->finished)
        self->finished(self, self->arg);
}

/* Passes output on to the windows, if there are any. */
static void add_output(job_t *self, const job_part_t *part, const char *host, bool err,
                       tt_span_t bytes)
{
    if (self->stream == NULL)
        return;
    int id = self->map ? (int)(part - self->parts) : part->engine;
    const stream_chunk_t chunk = {id, host, err, bytes};
    stream_add(self->stream, &chunk, tt_now_ms());
}

/* Output ahead of the result. */
static void take_output(job_t *self, job_part_t *part, int stream, tt_span_t bytes)
{
    if (part == NULL || part->done)
        return;
    tt_buf_append(&part->early[stream == 2], bytes.data, bytes.len);
    add_output(self, part, part->host, stream == 2, bytes);
}

static void end_part(job_t *self, job_part_t *part, tt_result_t *result)
{
    if (part == NULL || part->done)
        return;
    add_output(self, part, result->host, false, tt_frames_span(result->frames, 1));
    add_output(self, part, result->host, true, tt_frames_span(result->frames, 2));
    part->done = true;
    part->status = result->status;
    part->engine = result->engine;
    if (*result->host) {
        free(part->host);
        part->host = tt_strdup(result->host);
    }
    part->cause = *result->cause ? tt_strdup(result->cause) : NULL;
    part->frames = *result->frames;
    tt_frames_init(result->frames);
    tt_frames_fit(&part->frames);
    part->dropped_bytes = result->dropped_bytes;
    part->queue_ns = result->queue_ns;
    part->wait_ns = result->wait_ns;
    part->run_ns = result->run_ns;
    part->done_ns = tt_now_ns();
    self->left--;
}

static void on_px_result(void *arg, tt_job_t *client_job, tt_result_t *result)
{
    job_t *self = arg;
    job_part_t *part = part_of(self, result->engine);
    (void)client_job;
    end_part(self, part, result);
    if (self->left == 0)
        self->client_jobs[0] = NULL;
}

static void on_px_output(void *arg, tt_job_t *client_job, int engine, int stream,
                         tt_span_t bytes)
{
    (void)client_job;
    take_output(arg, part_of(arg, engine), stream, bytes);
}

static void on_px_done(void *arg, tt_job_t *client_job)
{
    (void)client_job;
    end_if_done(arg);
}

const tt_job_handlers_t job_px_handlers = {on_px_result, on_px_output, on_px_done};

/* ---- parts that went together */

#define NO_ITEMS SIZE_MAX

/* The replies of the parts in the body of a result, of which there is an array: how many.
 * NO_ITEMS: it is the reply of one part. */
static size_t read_items(tt_span_t body, tt_reader_t *reader)
{
    enum { FIELDS_BEFORE = 6 };
    size_t fields = 0, count = 0;
    *reader = tt_reader(body);
    if (tt_read_array(reader, &fields) != 0 || fields <= FIELDS_BEFORE ||
        tt_validate(body, &tt_limits_value, &(tt_error_t){0}) != 0)
        return NO_ITEMS;
    for (int i = 0; i < FIELDS_BEFORE; i++)
        tt_skip(reader);
    return tt_read_array(reader, &count) == 0 ? count : NO_ITEMS;
}

/* Reads one of them, with its buffers from `*buffer` on, as the result of that part. What was
 * written is told with the first one. */
static int read_item(tt_reader_t *reader, const tt_result_t *whole, size_t *buffer, bool first,
                     tt_result_t *result)
{
    size_t fields;
    uint64_t status, count;
    tt_span_t body;
    if (tt_read_array(reader, &fields) != 0 || fields != 4 ||
        tt_read_uint(reader, &status) != 0 || tt_read_int(reader, &result->run_ns) != 0 ||
        tt_read_bin(reader, &body) != 0 || tt_read_uint(reader, &count) != 0 ||
        count > TT_FRAMES_MAX || (count > 0 && *buffer + count > whole->frames->count))
        return -1;
    result->status = (unsigned)status;
    tt_frames_copy(result->frames, body.data, body.len);
    bool wrote =
        first &&
        tt_frames_span(whole->frames, 1).len + tt_frames_span(whole->frames, 2).len > 0;
    for (size_t i = 1; i < 3 && (wrote || count > 0); i++)
        if (first && i < whole->frames->count)
            tt_frames_share(result->frames, &whole->frames->items[i]);
        else
            tt_frames_copy(result->frames, NULL, 0);
    for (size_t i = 0; i < count; i++)
        tt_frames_share(result->frames, &whole->frames->items[(*buffer)++]);
    return 0;
}

static void end_same(job_t *self, size_t index, size_t count, const tt_result_t *whole)
{
    for (size_t i = 0; i < count; i++) {
        tt_frames_t frames;
        tt_frames_init(&frames);
        tt_result_t result = *whole;
        result.frames = &frames;
        end_part(self, &self->parts[index + i], &result);
    }
}

static void end_broken(job_t *self, size_t index, size_t count, const tt_result_t *whole)
{
    tt_result_t result = *whole;
    result.status = TT_STATUS_REFUSED;
    strcpy(result.cause, "its answer makes no sense");
    end_same(self, index, count, &result);
}

/* Ends `count` parts from `index` on with the replies in a result: as many as were begun.
 * Returns how many. */
static size_t end_begun(job_t *self, size_t index, size_t count, tt_reader_t reader,
                        size_t replies, const tt_result_t *whole)
{
    size_t begun = 0, buffer = 3;
    int64_t now_ns = tt_now_ns(), ran_ns = 0;
    while (begun < count && begun < replies) {
        tt_frames_t frames;
        tt_frames_init(&frames);
        tt_result_t result = *whole;
        result.frames = &frames;
        bool read = read_item(&reader, whole, &buffer, begun == 0, &result) == 0;
        if (read)
            end_part(self, &self->parts[index + begun], &result);
        tt_frames_release(&frames);
        if (!read) {
            end_broken(self, index + begun, count - begun, whole);
            return count;
        }
        ran_ns += self->parts[index + begun].run_ns;
        begun++;
    }
    /* They ended one after the other. */
    for (size_t i = 0; i < begun; i++) {
        ran_ns -= self->parts[index + i].run_ns;
        self->parts[index + i].done_ns = now_ns - ran_ns;
    }
    return begun;
}

/* A result of `count` parts: of those that were begun, or of all of them. Of an adopted job it
 * is not known how many parts its submission was of: the reply of one tells. Returns how many
 * have ended by it. */
static size_t end_parts(job_t *self, size_t index, size_t count, tt_result_t *result)
{
    tt_reader_t reader;
    size_t replies = read_items(tt_frames_span(result->frames, 0), &reader);
    if (replies != NO_ITEMS)
        return end_begun(self, index, count, reader, replies, result);
    if (self->feed == NULL && tt_frames_span(result->frames, 0).len > 0)
        count = 1;
    end_part(self, &self->parts[index], result);
    end_same(self, index + 1, count - 1, result);
    return count;
}

bool job_goes_together(const job_t *self, size_t index)
{
    return index > 0 && self->client_jobs[index] &&
           self->client_jobs[index] == self->client_jobs[index - 1];
}

bool job_has_more(const job_t *self)
{
    return self->submitted < self->part_count || self->again_count > 0;
}

/* Parts that nobody has begun are handed over once more, if somebody does that. */
static void not_begun(job_t *self, size_t index, size_t count)
{
    if (self->feed && !self->cancelled) {
        self->again =
            tt_realloc(self->again, (self->again_count + count) * sizeof *self->again);
        for (size_t i = 0; i < count; i++)
            self->again[self->again_count++] = index + i;
        return;
    }
    tt_frames_t frames;
    tt_frames_init(&frames);
    tt_result_t result = {
        .engine = -1, .status = TT_STATUS_CANCELLED, .cause = "not started", .frames = &frames};
    if (!self->cancelled) {
        result.status = TT_STATUS_UNKNOWN;
        strcpy(result.cause, GONE);
    }
    end_same(self, index, count, &result);
}

static bool wrote(const job_t *self, size_t index)
{
    const job_part_t *part = &self->parts[index];
    return part->early[0].len > 0 || part->early[1].len > 0 ||
           tt_frames_span(&part->frames, 1).len > 0 || tt_frames_span(&part->frames, 2).len > 0;
}

static void on_item_result(void *arg, tt_job_t *client_job, tt_result_t *result)
{
    job_item_t *item = arg;
    job_t *job = item->job;
    int64_t run_ns = result->run_ns;
    do
        job->client_jobs[item->index + item->count++] = NULL;
    while (client_job && item->index + item->count < job->part_count &&
           job->client_jobs[item->index + item->count] == client_job);
    size_t ended = end_parts(job, item->index, item->count, result);
    if (ended < item->count)
        not_begun(job, item->index + ended, item->count - ended);
    if (job->learn)
        job->learn(job, ended, run_ns, wrote(job, item->index));
}

static void on_item_output(void *arg, tt_job_t *client_job, int engine, int stream,
                           tt_span_t bytes)
{
    job_item_t *item = arg;
    (void)client_job;
    item->job->parts[item->index].engine = engine;
    take_output(item->job, &item->job->parts[item->index], stream, bytes);
}

static void on_item_done(void *arg, tt_job_t *client_job)
{
    job_item_t *item = arg;
    job_t *job = item->job;
    (void)client_job;
    job->outstanding -= item->count;
    free(item);
    if (job->feed && job_has_more(job))
        job->feed(job);
    end_if_done(job);
}

job_item_t *job_item_new(job_t *job, size_t index, size_t count)
{
    job_item_t *self = tt_alloc(sizeof *self);
    *self = (job_item_t){job, index, 0};
    job->outstanding += count;
    return self;
}

void job_item_is(job_t *self, size_t index, size_t count, tt_job_t *client_job)
{
    for (size_t i = 0; i < count; i++)
        self->client_jobs[index + i] = client_job;
}

void job_extend_items(job_t *self)
{
    for (size_t i = 1; self->map && i < self->part_count; i++) {
        if (self->parts[i].done || self->client_jobs[i] || self->client_jobs[i - 1] == NULL)
            continue;
        self->client_jobs[i] = self->client_jobs[i - 1];
        self->outstanding++;
    }
}

const tt_job_handlers_t job_item_handlers = {on_item_result, on_item_output, on_item_done};

/* How many parts it is of is known by the replies in it. */
static void take_items(job_t *self, size_t index, tt_result_t *result)
{
    tt_reader_t reader;
    size_t replies = read_items(tt_frames_span(result->frames, 0), &reader),
           left = self->part_count - index;
    if (replies == NO_ITEMS)
        replies = 1;
    end_parts(self, index, replies < left ? replies : left, result);
}

void job_take_result(job_t *self, uint32_t index, tt_result_t *result)
{
    if (self->map && index < self->part_count)
        take_items(self, index, result);
    else if (!self->map)
        end_part(self, part_of(self, result->engine), result);
    end_if_done(self);
}

/* Whether somebody works on the part: of a px all are one submission. */
static bool is_under_way(const job_t *self, size_t index)
{
    const tt_job_t *job = self->client_jobs[self->each ? index : 0];
    return job && (self->each || tt_job_waits_for(job, self->parts[index].engine));
}

void job_end_orphans(job_t *self)
{
    for (size_t i = 0; i < self->part_count; i++) {
        if (self->parts[i].done || is_under_way(self, i))
            continue;
        tt_frames_t frames;
        tt_frames_init(&frames);
        tt_result_t result = {.engine = self->parts[i].engine,
                              .status = TT_STATUS_UNKNOWN,
                              .cause = GONE,
                              .frames = &frames};
        end_part(self, &self->parts[i], &result);
    }
    end_if_done(self);
}

void job_reopen(job_t *self)
{
    self->kept = 0;
    self->kept_ns = 0;
    for (size_t i = 0; i < self->part_count; i++) {
        job_part_t *part = &self->parts[i];
        if (!part->done || part->status == TT_STATUS_OK) {
            self->kept++;
            self->kept_ns += part->run_ns;
            continue;
        }
        release_part(part);
        *part = (job_part_t){.engine = -1};
        self->left++;
    }
    self->submitted = self->outstanding = self->again_count = 0;
    self->done = self->shown = self->cancelled = self->failed = false;
    self->started_ns = tt_now_ns();
}

void job_stop_feeding(job_t *self, const char *cause)
{
    tt_result_t result = {.engine = -1, .status = TT_STATUS_CANCELLED};
    strncpy(result.cause, cause, sizeof result.cause - 1);
    while (self->again_count > 0)
        end_same(self, self->again[--self->again_count], 1, &result);
    end_same(self, self->submitted, self->part_count - self->submitted, &result);
    self->submitted = self->part_count;
    end_if_done(self);
}

/* ---- output going out */

/* Of the part's whole output how much has been shown already. */
static size_t shown_of(const job_t *self, size_t index, bool err)
{
    const job_part_t *part = &self->parts[index];
    int id = self->map ? (int)index : part->engine;
    return part->shown[err] + (self->stream ? stream_given(self->stream, id, err) : 0);
}

/* What came ahead and what came with the result, or what of it has not been shown. The end of a
 * line that was shown before it had one is no line. */
static tt_span_t joined(const job_t *self, size_t index, bool err, job_extent_t extent,
                        tt_buf_t *out)
{
    const job_part_t *part = &self->parts[index];
    tt_span_t rest = tt_frames_span(&part->frames, err ? 2 : 1);
    tt_buf_append(out, part->early[err].data, part->early[err].len);
    tt_buf_append(out, rest.data, rest.len);
    size_t shown = extent == JOB_REST ? shown_of(self, index, err) : 0;
    if (shown > 0 && shown < out->len && out->data[shown] == '\n' &&
        out->data[shown - 1] != '\n')
        shown++;
    if (shown >= out->len)
        return (tt_span_t){NULL, 0};
    return (tt_span_t){out->data + shown, out->len - shown};
}

static void fill_output(const job_t *self, size_t index, job_extent_t extent, job_answer_t *out)
{
    out->answer.out = joined(self, index, false, extent, &out->out);
    out->answer.err = joined(self, index, true, extent, &out->err);
}

static void release_output(job_answer_t *self)
{
    tt_buf_release(&self->out);
    tt_buf_release(&self->err);
}

void job_stream_start(job_t *self, int64_t now_ms)
{
    if (self->stream)
        return;
    stream_t *stream = stream_new(now_ms);
    for (size_t i = 0; i < self->part_count; i++) {
        const job_part_t *part = &self->parts[i];
        job_answer_t rest = {.answer = {.job = 0}};
        fill_output(self, i, JOB_REST, &rest);
        self->stream = stream;
        add_output(self, part, part->host, false, rest.answer.out);
        add_output(self, part, part->host, true, rest.answer.err);
        self->stream = NULL;
        release_output(&rest);
    }
    self->stream = stream;
}

void job_stream_stop(job_t *self)
{
    for (size_t i = 0; i < self->part_count; i++)
        for (int err = 0; err < 2; err++)
            self->parts[i].shown[err] = shown_of(self, i, err);
    stream_destroy(&self->stream);
}

int64_t job_stream_due(const job_t *self, int64_t now_ms)
{
    return self->stream ? stream_due(self->stream, now_ms) : -1;
}

void job_stream_take(job_t *self, int64_t now_ms, const render_style_t *style, tt_buf_t *out,
                     tt_buf_t *err)
{
    if (self->stream)
        stream_take(self->stream, now_ms, style, out, err);
}

/* ---- answers going out */

static void fill_answer(const job_t *self, size_t index, job_extent_t extent, job_answer_t *out)
{
    const job_part_t *part = &self->parts[index];
    tt_span_t body = tt_frames_span(&part->frames, 0);
    answer_t *answer = &out->answer;
    tt_error_t err;
    answer_init(answer);
    if (body.len > 0)
        answer_read(answer, body, &err);
    answer->job = self->number;
    answer->engine = part->engine;
    answer->item = self->map ? (int)index : -1;
    answer->host = part->host;
    answer->status = part->done ? part->status : (unsigned)TT_STATUS_OK;
    answer->source = tt_span(self->source);
    if (part->cause && *part->cause)
        answer->cause = tt_span(part->cause);
    fill_output(self, index, extent, out);
    answer->dropped_bytes = part->dropped_bytes;
    answer->queue_s = (double)(part->queue_ns + part->wait_ns) / 1e9;
    answer->run_s = (double)part->run_ns / 1e9;
    answer->elapsed_s = part->done ? (double)(part->done_ns - self->started_ns) / 1e9 : 0;
}

job_answer_t *job_answers(const job_t *self, job_extent_t extent, size_t *count)
{
    job_answer_t *answers = tt_alloc((self->part_count + 1) * sizeof *answers);
    for (size_t i = 0; i < self->part_count; i++)
        fill_answer(self, i, extent, &answers[i]);
    *count = self->part_count;
    return answers;
}

void job_answers_release(job_answer_t **answers, size_t count)
{
    for (size_t i = 0; *answers && i < count; i++)
        release_output(&(*answers)[i]);
    free(*answers);
    *answers = NULL;
}

size_t job_failed(const job_t *self)
{
    size_t failed = 0;
    for (size_t i = 0; i < self->part_count; i++)
        failed += self->parts[i].done && self->parts[i].status != TT_STATUS_OK;
    return failed;
}

bool job_has_lost(const job_t *self)
{
    for (size_t i = 0; i < self->part_count; i++)
        if (self->parts[i].status == TT_STATUS_LOST)
            return true;
    return false;
}

fold_member_t *job_missing(const job_t *self, size_t *count)
{
    fold_member_t *members = tt_alloc((self->left + 1) * sizeof *members);
    *count = 0;
    for (size_t i = 0; i < self->part_count && *count < self->left; i++) {
        const job_part_t *part = &self->parts[i];
        if (!part->done)
            members[(*count)++] =
                (fold_member_t){self->map ? (int)i : part->engine, part->host, i};
    }
    return members;
}

/* Counts a part that is not well. */
static void count_part(timing_t *timing, unsigned status)
{
    bool stopped = status == TT_STATUS_INTERRUPTED || status == TT_STATUS_TIMEOUT;
    bool unstarted = status == TT_STATUS_CANCELLED;
    timing->stopped += stopped;
    timing->unstarted += unstarted;
    timing->failed += status != TT_STATUS_OK && !stopped && !unstarted;
}

timing_t job_timing(const job_t *self)
{
    int64_t serial = -self->kept_ns, end = self->done ? self->ended_ns : tt_now_ns();
    timing_t timing = {.items = self->part_count,
                       .kept = self->kept,
                       .elapsed_s = (double)(end - self->started_ns) / 1e9,
                       .map = self->map};
    for (size_t i = 0; i < self->part_count; i++) {
        serial += self->parts[i].run_ns;
        if (self->parts[i].done)
            count_part(&timing, self->parts[i].status);
    }
    timing.serial_s = (double)serial / 1e9;
    return timing;
}

/* What no engine has ended has no times. */
static bool was_run(const job_part_t *part)
{
    return part->done &&
           (part->status == TT_STATUS_OK || part->status == TT_STATUS_ERROR ||
            part->status == TT_STATUS_INTERRUPTED || part->status == TT_STATUS_TIMEOUT);
}

timing_split_t job_split(const job_t *self)
{
    timing_split_t split = {0};
    for (size_t i = 0; i < self->part_count; i++) {
        const job_part_t *part = &self->parts[i];
        if (!was_run(part))
            continue;
        int64_t there = part->queue_ns + part->wait_ns + part->run_ns;
        timing_spread_add(&split.queued, split.parts, (double)part->queue_ns / 1e9);
        timing_spread_add(&split.waited, split.parts, (double)part->wait_ns / 1e9);
        timing_spread_add(&split.ran, split.parts, (double)part->run_ns / 1e9);
        split.parts++;
        if (part->sent_ns)
            timing_spread_add(&split.moved, split.moved_parts++,
                              (double)(part->done_ns - part->sent_ns - there) / 1e9);
    }
    return split;
}
