/* Binding what a job gave to names on the local engine: a value, a Result, or a Handle that is
 * fulfilled later. PROTOCOL.md tells the kinds of SET. */
#include "session.h"

#include "pack.h"
#include "value.h"

#include <stdlib.h>
#include <string.h>

/* The value of an answer; `one`: it stands in an array of one. */
static tt_span_t value_of(const answer_t *answer, bool one)
{
    tt_reader_t reader = tt_reader(answer->value);
    tt_span_t value = answer->value;
    size_t count = 0;
    if (one && (tt_read_array(&reader, &count) != 0 || count != 1 ||
                tt_read_raw(&reader, &value) != 0))
        return (tt_span_t){NULL, 0};
    return value;
}

/* Adds a part's value as a group: one body, then its buffers. Returns how many frames. */
static size_t add_value(tt_frames_t *frames, job_part_t *part, bool one)
{
    answer_t answer;
    tt_error_t err;
    tt_span_t body = tt_frames_span(&part->frames, 0), value = {NULL, 0};
    answer_init(&answer);
    if (part->status == TT_STATUS_OK && body.len > 0 && answer_read(&answer, body, &err) == 0 &&
        answer.value.len > 0)
        value = value_of(&answer, one);
    if (value.len == 0) {
        tt_frames_copy(frames, "\xc0", 1); /* nil */
        return 1;
    }
    tt_frames_copy(frames, value.data, value.len);
    size_t count = 1;
    for (size_t i = 3; i < part->frames.count; i++, count++)
        tt_frames_share(frames, &part->frames.items[i]);
    return count;
}

static void pack_span(tt_buf_t *out, const char *key, tt_span_t text)
{
    tt_pack_text(out, key);
    if (text.data)
        tt_pack_str(out, (const char *)text.data, text.len);
    else
        tt_pack_nil(out);
}

typedef struct {
    int64_t done_ns;
    size_t index;
} place_t;

static int by_end(const void *a, const void *b)
{
    const place_t *x = a, *y = b;
    return x->done_ns != y->done_ns ? (x->done_ns > y->done_ns) - (x->done_ns < y->done_ns)
                                    : (x->index > y->index) - (x->index < y->index);
}

/* The parts as their values are bound: in their order, or in the order in which they ended. The
 * caller's to free. */
static size_t *in_order(const job_t *job)
{
    size_t *order = tt_alloc((job->part_count + 1) * sizeof *order);
    place_t *places = tt_alloc((job->part_count + 1) * sizeof *places);
    for (size_t i = 0; i < job->part_count; i++)
        places[i] = (place_t){job->parts[i].done_ns, i};
    if (job->unordered)
        qsort(places, job->part_count, sizeof *places, by_end);
    for (size_t i = 0; i < job->part_count; i++)
        order[i] = places[i].index;
    free(places);
    return order;
}

/* {index: error} of the parts that failed. */
static void pack_errors(tt_buf_t *out, const job_t *job, const size_t *order)
{
    size_t count, failed = 0;
    job_answer_t *answers = job_answers(job, JOB_WHOLE, &count);
    for (size_t i = 0; i < count; i++)
        failed += answers[i].answer.status != TT_STATUS_OK;
    tt_pack_map(out, failed);
    for (size_t i = 0; i < count; i++) {
        const answer_t *answer = &answers[order[i]].answer;
        const answer_error_t *error = &answer->error;
        if (answer->status == TT_STATUS_OK)
            continue;
        bool told = error->type.data != NULL;
        tt_pack_uint(out, i);
        tt_pack_map(out, 4);
        pack_span(out, "type", told ? error->type : tt_span(tt_status_text(answer->status)));
        pack_span(out, "message", told ? error->message : answer->cause);
        pack_span(out, "traceback", error->traceback);
        tt_pack_text(out, "engine");
        tt_pack_int(out, answer->engine);
    }
    job_answers_release(&answers, count);
}

static void pack_meta(tt_buf_t *out, const job_t *job, const size_t *order)
{
    timing_t timing = job_timing(job);
    tt_pack_map(out, 8);
    tt_pack_text(out, "job");
    tt_pack_int(out, job->number);
    tt_pack_text(out, "targets");
    if (job->map)
        tt_pack_nil(out);
    else
        tt_ids_pack(out, job->engines, job->engine_count);
    tt_pack_text(out, "scalar");
    tt_pack_bool(out, job->scalar);
    tt_pack_text(out, "elapsed");
    tt_pack_double(out, timing.elapsed_s);
    tt_pack_text(out, "wall_time");
    tt_pack_double(out, timing.elapsed_s);
    tt_pack_text(out, "serial_time");
    tt_pack_double(out, timing.serial_s);
    tt_pack_text(out, "errors");
    pack_errors(out, job, order);
    tt_pack_text(out, "statuses");
    tt_pack_array(out, job->part_count);
    for (size_t i = 0; i < job->part_count; i++)
        tt_pack_uint(out, job->parts[order[i]].status);
}

static int set(session_t *self, job_t *job, const char *name, const char *kind, bool values)
{
    tt_buf_t args, counts;
    tt_frames_t frames;
    local_result_t result;
    size_t groups = values ? job->part_count : 0;
    tt_buf_init(&args);
    tt_buf_init(&counts);
    tt_frames_init(&frames);
    tt_pack_array(&counts, groups);
    size_t *order = in_order(job);
    for (size_t i = 0; i < groups; i++)
        tt_pack_uint(&counts, add_value(&frames, &job->parts[order[i]], job->one));
    tt_pack_array(&args, 4);
    tt_pack_text(&args, name);
    tt_pack_text(&args, kind);
    tt_pack_raw(&args, (tt_span_t){counts.data, counts.len});
    pack_meta(&args, job, order);
    free(order);
    int status = session_local_call(self, TT_RT_SET, &args, &frames, &result);
    if (status == 0)
        local_result_release(&result);
    tt_buf_release(&args);
    tt_buf_release(&counts);
    return status;
}

int session_bind_handle(session_t *self, job_t *job)
{
    for (size_t i = 0; i < job->name_count; i++) {
        int status = set(self, job, job->names[i], "handle", false);
        if (status != 0)
            return status;
    }
    return 0;
}

/* As `name = %px ...` does. */
static int assign(session_t *self, job_t *job, const char *name)
{
    bool scalar = job->scalar && job->part_count == 1 && job->parts[0].status == TT_STATUS_OK;
    const char *kind = job->joined && job_failed(job) == 0 ? "joined" : "result";
    return set(self, job, name, scalar && !job->joined ? "value" : kind, true);
}

int session_bind_job(session_t *self, job_t *job)
{
    if (job->background)
        return job->name_count > 0 ? set(self, job, "", "resolve", true) : 0;
    tt_buf_t names;
    tt_buf_init(&names);
    for (size_t i = 0; i < job->name_count; i++)
        tt_buf_printf(&names, "%s%s", i ? ", " : "", job->names[i]);
    int status = assign(self, job, tt_buf_text(&names));
    tt_buf_release(&names);
    return status;
}

int session_show_job(session_t *self, job_t *job)
{
    if (job->present) {
        job->present(self, job, true, job->present_arg);
        return 0;
    }
    int status = assign(self, job, "__tutti_value__");
    const char *code = strcmp(self->language, "sh") == 0
                           ? "printf '%s\\n' \"${__tutti_value__[@]}\"; unset __tutti_value__"
                           : "globals().pop('__tutti_value__')";
    return status ? status : session_show_value(self, job->number, code);
}
