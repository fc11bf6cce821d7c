/* A job's end as the session tells it: answers, what was bound, times. See session.h. */
#include "session.h"

#include "difference.h"
#include "keep.h"
#include "pack.h"
#include "render.h"
#include "report_json.h"
#include "screen.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

bool session_one_each(const session_t *self)
{
    size_t known;
    const tt_engine_t *engines = tt_client_engines(self->client, &known);
    const char **names = tt_alloc((known + 1) * sizeof *names);
    bool one_each = known > 1;
    for (size_t i = 0; i < known; i++)
        names[i] = engines[i].host;
    qsort(names, known, sizeof *names, by_name);
    for (size_t i = 1; i < known && one_each; i++)
        one_each = strcmp(names[i], names[i - 1]) != 0;
    free(names);
    return one_each;
}

void session_style(const session_t *self, const job_t *job, render_style_t *style)
{
    size_t known;
    tt_client_engines(self->client, &known);
    *style = (render_style_t){
        .label = {job->number, job->part_count, session_one_each(self), job->map},
        .engines = job->map ? known : job->engine_count,
        .apart = job->view.apart,
        .colour = self->colour,
        .terminal = screen_is_terminal()};
}

/* The name between quotes in a NameError's message; NULL when the answer has none. */
static char *missing_name(const answer_t *answer)
{
    tt_span_t message = answer->error.message;
    const char *quote = message.len ? memchr(message.data, '\'', message.len) : NULL;
    if (answer->error.type.len != 9 || memcmp(answer->error.type.data, "NameError", 9) != 0 ||
        quote == NULL)
        return NULL;
    size_t left = message.len - (size_t)(quote + 1 - (const char *)message.data), len = 0;
    while (len < left && (unsigned char)quote[1 + len] > ' ' &&
           strchr("'\\", quote[1 + len]) == NULL)
        len++; /* nothing but a name may get into the code that asks for it */
    return len > 0 && len < left && quote[1 + len] == '\'' ? tt_strndup(quote + 1, len) : NULL;
}

bool session_defined(session_t *self, const char *name)
{
    tt_buf_t args;
    local_result_t result;
    answer_t answer;
    tt_error_t err;
    bool found = false;
    char *code = tt_printf("'%s' in globals()", name);
    tt_buf_init(&args);
    tt_pack_array(&args, 3);
    tt_pack_text(&args, code);
    tt_pack_text(&args, "<hint>");
    tt_pack_uint(&args, TT_EXECUTE_VALUE | TT_EXECUTE_QUIET);
    free(code);
    if (session_local_call(self, TT_RT_EXECUTE, &args, NULL, &result) == 0) {
        answer_init(&answer);
        if (answer_read(&answer, tt_frames_span(&result.frames, 0), &err) == 0 &&
            answer.value.data) {
            tt_reader_t reader = tt_reader(answer.value);
            tt_read_bool(&reader, &found);
        }
        local_result_release(&result);
    }
    tt_buf_release(&args);
    return found;
}

/* `defined here, not there: %push f` for the first missing name among the answers, where it has
 * a value here. The text is the caller's to free. */
static char *add_hints(session_t *self, answer_t *answers, size_t count)
{
    char *name = NULL, *hint = NULL;
    bool python = strcmp(self->language, "python") == 0;
    for (size_t i = 0; i < count && self->local && python; i++) {
        char *missing = missing_name(&answers[i]);
        if (missing && name == NULL) {
            name = tt_strdup(missing);
            if (session_defined(self, name))
                hint = tt_printf("defined here, not there: %%push %s", name);
        }
        if (missing && strcmp(missing, name) == 0)
            answers[i].hint = hint;
        free(missing);
    }
    free(name);
    return hint;
}

/* Failures that are values are not told. Of a map that a person has ended, what was stopped or
 * never started is told in numbers. */
static bool is_told(const job_t *job, const answer_t *answer)
{
    bool stopped =
        answer->status == TT_STATUS_CANCELLED || answer->status == TT_STATUS_INTERRUPTED;
    if (job->lenient)
        return !render_failed(answer);
    return !(job->map && job->cancelled && stopped);
}

/* Keeps the answers that are told, and returns how many. */
static size_t keep_told(const job_t *job, answer_t *answers, size_t count)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++)
        if (is_told(job, &answers[i]))
            answers[kept++] = answers[i];
    return kept;
}

/* How the answers differ. Returns how many are failures. */
static size_t show_difference(const answer_t *answers, size_t count,
                              const render_style_t *style, tt_buf_t *out)
{
    size_t failed = 0;
    difference_t *difference = difference_new(answers, count);
    difference_show(difference, style, out);
    difference_destroy(&difference);
    for (size_t i = 0; i < count; i++)
        failed += render_failed(&answers[i]);
    return failed;
}

static size_t show(session_t *self, const job_t *job)
{
    render_style_t style;
    size_t count, failed = 0;
    bool whole = job->shown || job->view.diff;
    job_answer_t *full = job_answers(job, whole ? JOB_WHOLE : JOB_REST, &count);
    answer_t *answers = tt_alloc((count + 1) * sizeof *answers);
    tt_buf_t out, err;
    tt_buf_init(&out);
    tt_buf_init(&err);
    session_style(self, job, &style);
    for (size_t i = 0; i < count; i++)
        answers[i] = full[i].answer;
    if (self->json) {
        for (size_t i = 0; i < count; i++) {
            report_json(&out, &answers[i]);
            failed += render_failed(&answers[i]);
        }
    } else if (job->view.diff) {
        failed = show_difference(answers, count, &style, &out);
    } else {
        const session_figure_t figures = {.draw = self->px.draw};
        size_t told = keep_told(job, answers, count);
        char *hint = add_hints(self, answers, told);
        failed = render_job(answers, told, &style, &out, &err) + count - told;
        session_add_figures(self, answers, told, &figures, &style, &out, &err);
        free(hint);
    }
    screen_write(1, (tt_span_t){out.data, out.len});
    screen_write(2, (tt_span_t){err.data, err.len});
    tt_buf_release(&out);
    tt_buf_release(&err);
    free(answers);
    job_answers_release(&full, count);
    return failed;
}

size_t session_job_text(session_t *self, const job_t *job, tt_buf_t *out)
{
    render_style_t style;
    size_t count;
    job_answer_t *full = job_answers(job, JOB_WHOLE, &count);
    answer_t *answers = tt_alloc((count + 1) * sizeof *answers);
    tt_buf_t err;
    tt_buf_init(&err);
    session_style(self, job, &style);
    style.colour = style.terminal = false;
    for (size_t i = 0; i < count; i++)
        answers[i] = full[i].answer;
    size_t failed = render_job(answers, count, &style, out, &err);
    session_add_figures(self, answers, count, &(session_figure_t){.draw = DRAW_NEVER}, &style,
                        out, &err);
    tt_buf_append(out, err.data, err.len);
    tt_buf_release(&err);
    free(answers);
    job_answers_release(&full, count);
    return failed;
}

/* `212 done, 8 stopped, 280 not started · %retry 9` */
static void tell_parts(const job_t *job)
{
    tt_buf_t line;
    timing_t timing = job_timing(job);
    tt_buf_init(&line);
    timing_parts(&line, &timing);
    if (job->feeder)
        tt_buf_printf(&line, " · %%retry %d", job->number);
    screen_note("%s\n", tt_buf_text(&line));
    tt_buf_release(&line);
}

static void tell_times(const job_t *job)
{
    tt_buf_t line;
    timing_t timing = job_timing(job);
    tt_buf_init(&line);
    if (job->background)
        timing_done(&line, job->number, &timing);
    if (job->background && job->feeder && job->map)
        tt_buf_printf(&line, " · %%retry %d", job->number);
    if (!job->background && job->map)
        timing_line(&line, &timing);
    if (line.len > 0)
        screen_note("%s\n", tt_buf_text(&line));
    tt_buf_release(&line);
}

int session_finish_job(session_t *self, job_t *job)
{
    int status = 0;
    size_t failed = show(self, job);
    if (job->deed && failed == job->part_count)
        journal_remove(self->journal, job->deed); /* it has done nothing anywhere */
    job->shown = true;
    keep_end(self, job);
    if (job->map && failed > 0 && (self->json || !job->background))
        tell_parts(job); /* else they are told with the times */
    if (job->name_count > 0 || job->background)
        status = session_bind_job(self, job);
    bool well = failed == 0 || job->lenient;
    if (job->present)
        job->present(self, job, !self->json && !(job->background && job->name_count > 0),
                     job->present_arg);
    else if (job->valued && job->name_count == 0 && well && !self->json)
        status = session_show_job(self, job);
    if (!self->json && (job->background || !job->cancelled))
        tell_times(job);
    return failed > 0 && !job->lenient ? 1 : status;
}
