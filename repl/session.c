/* A session's state: targets, jobs, messages. See session.h. */
#include "session.h"

#include "label.h"
#include "option.h"
#include "screen.h"
#include "target.h"
#include "text.h"
#include "watch.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { JOBS_KEPT = 50 };

void session_init(session_t *self, tt_loop_t *loop, const tt_rundir_t *dir, tt_client_t *client)
{
    *self = (session_t){.loop = loop,
                        .dir = dir,
                        .client = client,
                        .language = "python",
                        .first_language = "python",
                        .python = "",
                        .progress_after_s = 1};
    self->targets = tt_strdup("all");
    self->journal = journal_new();
    self->album.dir = dir->state_dir;
    clock_gettime(CLOCK_REALTIME_COARSE, &self->album.began); /* as files have it */
    self->file = "";
}

void session_release(session_t *self)
{
    local_destroy(&self->local);
    for (size_t i = 0; i < self->aside_count; i++)
        local_destroy(&self->aside[i]);
    free(self->aside);
    tt_client_close(&self->client);
    while (self->jobs) {
        job_t *job = self->jobs;
        self->jobs = job->next;
        job_destroy(&job);
    }
    for (size_t i = 0; i < self->typed_count; i++)
        free(self->typed[i].text);
    free(self->typed);
    journal_destroy(&self->journal);
    gallery_release(&self->gallery);
    free(self->targets);
    free(self->exclude);
    free(self->complaint);
}

int session_complain(session_t *self, const char *what, int status, const char *format, ...)
{
    tt_buf_t text;
    va_list args;
    char line[1024];
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    tt_buf_init(&text);
    free(self->complaint);
    self->complaint = what ? tt_printf("%s: %s", what, line) : tt_strdup(line);
    if (*self->file)
        tt_buf_printf(&text, "%s:%u: ", self->file, self->line);
    self->placed = true;
    if (what)
        tt_buf_printf(&text, "%s: ", what);
    tt_text_escape(&text, line, strlen(line));
    tt_buf_append(&text, "\n", 1);
    screen_write(2, (tt_span_t){text.data, text.len});
    tt_buf_release(&text);
    return status;
}

/* ---- targets */

static bool is_absent(const tt_engine_t *engine)
{
    return engine->state == TT_ENGINE_LOST || engine->state == TT_ENGINE_FAILED;
}

/* The engines that can be meant, or all that there have been; the caller's to free. */
static tt_target_engine_t *choice_of(const session_t *self, bool absent, size_t *count)
{
    size_t known;
    const tt_engine_t *engines = tt_client_engines(self->client, &known);
    tt_target_engine_t *choice = tt_alloc((known + 1) * sizeof *choice);
    *count = 0;
    for (size_t i = 0; i < known; i++)
        if (absent || !is_absent(&engines[i]))
            choice[(*count)++] =
                (tt_target_engine_t){engines[i].id, engines[i].host, engines[i].language,
                                     engines[i].labels, engines[i].kind};
    return choice;
}

static int choose(const session_t *self, const char *set, const char *exclude, int **ids,
                  size_t *count, tt_error_t *err)
{
    size_t live;
    tt_target_engine_t *choice = choice_of(self, false, &live);
    if (set == NULL && exclude == NULL)
        exclude = self->exclude;
    int rc =
        tt_target_select(set ? set : self->targets, exclude, choice, live, ids, count, err);
    free(choice);
    return rc;
}

/* Of these, those that are not there now, and why the first of them is not. */
static void tell_absent(const session_t *self, const int *ids, size_t count, tt_error_t *err)
{
    size_t known, found = 0;
    const tt_engine_t *engines = tt_client_engines(self->client, &known), *first = NULL;
    int *absent = tt_alloc((count + 1) * sizeof *absent);
    for (size_t i = 0, at = 0; i < count; i++) {
        while (at < known && engines[at].id < ids[i])
            at++;
        if (at == known || engines[at].id != ids[i] || !is_absent(&engines[at]))
            continue;
        first = first ? first : &engines[at];
        absent[found++] = ids[i];
    }
    tt_buf_t names;
    tt_buf_init(&names);
    tt_target_format(&names, absent, found);
    if (first)
        tt_error_set(err, "engine%s %.200s %s %s%s%s", found == 1 ? "" : "s",
                     tt_buf_text(&names), found == 1 ? "is" : "are",
                     tt_engine_state_text(first->state), *first->text ? ": " : "", first->text);
    tt_buf_release(&names);
    free(absent);
}

/* What is meant may be known and only not there: then that is what is wrong. */
static void look_absent(const session_t *self, const char *set, const char *exclude,
                        tt_error_t *err)
{
    size_t all, count;
    int *ids;
    tt_error_t other;
    tt_target_engine_t *choice = choice_of(self, true, &all);
    if (tt_target_select(set, exclude, choice, all, &ids, &count, &other) == 0) {
        tell_absent(self, ids, count, err);
        free(ids);
    } else {
        *err = other;
    }
    free(choice);
}

int session_find_targets(const session_t *self, const char *set, int **ids, size_t *count)
{
    tt_error_t err;
    return choose(self, set, NULL, ids, count, &err);
}

int session_targets(session_t *self, const char *set, const char *exclude, int **ids,
                    size_t *count, bool *scalar)
{
    tt_error_t err;
    int rc = choose(self, set, exclude, ids, count, &err);
    if (set == NULL)
        set = self->targets;
    if (rc != 0)
        look_absent(self, set, exclude, &err);
    if (scalar)
        *scalar = set[strspn(set, "-0123456789")] == 0 && set[strspn(set, "-")] != 0 &&
                  strchr(set + 1, '-') == NULL;
    return rc == 0 ? 0 : session_complain(self, NULL, 2, "%s", err.text);
}

void session_label_targets(session_t *self, tt_buf_t *out)
{
    int *ids;
    size_t count;
    if (session_targets(self, NULL, NULL, &ids, &count, NULL) != 0)
        return;
    fold_member_t *members = tt_alloc((count + 1) * sizeof *members);
    for (size_t i = 0; i < count; i++)
        members[i].id = ids[i];
    label_names(out, members, count, &(label_style_t){.total = count});
    free(members);
    free(ids);
}

/* ---- jobs */

void session_add_job(session_t *self, job_t *job)
{
    job_t **at = &self->jobs;
    while (*at)
        at = &(*at)->next;
    *at = job;
    job->news = &self->news;
    self->news |= job->done;
}

job_t *session_find_job(const session_t *self, int number)
{
    job_t *found = NULL;
    for (job_t *job = self->jobs; job; job = job->next)
        if (job->number == number)
            found = job;
    return found;
}

void session_trim_jobs(session_t *self)
{
    size_t count = 0;
    for (job_t *job = self->jobs; job; job = job->next)
        count++;
    for (job_t **at = &self->jobs; *at && count > JOBS_KEPT;) {
        job_t *job = *at;
        if (!job->done || !job->shown) {
            at = &job->next;
            continue;
        }
        *at = job->next;
        self->failed |= job->failed;
        free(job->feeder);
        job_destroy(&job);
        count--;
    }
}

void session_cancel_job(session_t *self, job_t *job)
{
    job->cancelled = true;
    /* The latest first: else engines would begin items that are cancelled next. */
    for (size_t i = job->each ? job->submitted : 1; i-- > 0;)
        if (job->client_jobs[i] && !job_goes_together(job, i))
            tt_client_cancel(self->client, job->client_jobs[i]);
    if (job->map)
        job_stop_feeding(job, "not started");
}

void session_interrupt(session_t *self)
{
    self->interrupted_ms = tt_now_ms();
    if (self->waits_only)
        self->interrupts = 2;
    else if (self->interrupts++ == 0)
        session_cancel_job(self, self->waiting);
    tt_loop_stop(self->loop); /* the wait looks at once */
}

void session_give_up(session_t *self)
{
    self->given_up = true;
    local_t *local;
    for (size_t i = 0; (local = session_each_local(self, i)); i++)
        local_give_up(local);
    tt_loop_stop(self->loop);
}

bool session_wait(session_t *self, job_t *job, int64_t limit_ms)
{
    job_t *outer = self->waiting;
    watch_t watch;
    int64_t until = limit_ms < 0 ? INT64_MAX : tt_now_ms() + limit_ms;
    self->waiting = job;
    self->interrupts = 0;
    watch_start(&watch, self, job);
    while (!job->done && self->interrupts < 2 && !self->given_up && tt_now_ms() < until) {
        int64_t next = watch_turn(&watch), left = until - tt_now_ms();
        tt_loop_run_until(self->loop, &job->done, left < next ? left : next);
    }
    watch_end(&watch);
    self->waiting = outer;
    return job->done;
}

bool session_wait_only(session_t *self, job_t *job, int64_t limit_ms)
{
    bool outer = self->waits_only;
    self->waits_only = true;
    bool done = session_wait(self, job, limit_ms);
    self->waits_only = outer;
    return done;
}
