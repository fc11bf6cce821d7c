/* Looking on while a job runs. See watch.h. */
#include "watch.h"

#include "screen.h"
#include "terminal.h"

#include <stdlib.h>
#include <unistd.h>

enum {
    PROGRESS_MS = 1000, /* after which progress is shown */
    REDRAW_MS = 200,
    HINT_MS = 1000 /* after a first Ctrl-C that has not ended it */
};

void watch_start(watch_t *self, session_t *session, job_t *job)
{
    *self = (watch_t){.session = session, .job = job};
    progress_rate_add(&self->rate, 0, 0);
    const job_view_t *view = &job->view;
    bool at_once = view->stream == STREAM_AT_ONCE;
    self->windows = (isatty(STDOUT_FILENO) || at_once) && !session->json && !view->diff &&
                    view->stream != STREAM_AT_END;
    self->progress_after_s =
        view->has_progress_after ? view->progress_after_s : session->progress_after_s;
    self->progress = screen_is_terminal() && self->progress_after_s >= 0;
    if (self->windows && !job->done)
        job_stream_start(job, tt_now_ms() - (at_once ? STREAM_HOLD_MS : 0));
}

static void show_window(const watch_t *self, int64_t now_ms)
{
    render_style_t style;
    tt_buf_t out, err;
    tt_buf_init(&out);
    tt_buf_init(&err);
    session_style(self->session, self->job, &style);
    job_stream_take(self->job, now_ms, &style, &out, &err);
    screen_write(STDOUT_FILENO, (tt_span_t){out.data, out.len});
    screen_write(STDERR_FILENO, (tt_span_t){err.data, err.len});
    tt_buf_release(&out);
    tt_buf_release(&err);
}

static void show_progress(watch_t *self, double elapsed_s)
{
    const job_t *job = self->job;
    size_t done = job->part_count - job->left;
    progress_t progress = {.done = done,
                           .total = job->part_count,
                           .failed = job_failed(job),
                           .elapsed_s = elapsed_s,
                           .rate = progress_rate(&self->rate, elapsed_s),
                           .columns = terminal_columns() - 1,
                           .ascii = !progress_utf8()};
    if (!job->each && job->client_jobs[0]) {
        tt_job_moved(job->client_jobs[0], &progress.bytes, &progress.bytes_total);
        progress_rate_add(&self->bytes_rate, elapsed_s, (size_t)progress.bytes);
        progress.bytes_rate = progress_rate(&self->bytes_rate, elapsed_s);
    }
    tt_buf_t line;
    tt_buf_init(&line);
    if (job->map) {
        progress_items(&line, &progress);
    } else {
        render_style_t style;
        size_t count;
        fold_member_t *missing = job_missing(job, &count);
        session_style(self->session, job, &style);
        progress_engines(&line, &progress, missing, count, &style.label);
        free(missing);
    }
    screen_progress(tt_buf_text(&line));
    tt_buf_release(&line);
}

/* A first Ctrl-C has not ended it. */
static void hint(watch_t *self, int64_t now_ms)
{
    if (self->hinted || self->session->interrupts != 1 ||
        now_ms - self->session->interrupted_ms < HINT_MS)
        return;
    self->hinted = true;
    screen_note("[%d] interrupted, but runs on; Ctrl-C again leaves it in the background\n",
                self->job->number);
}

int64_t watch_turn(watch_t *self)
{
    int64_t now_ms = tt_now_ms(), next = 1000;
    double elapsed_s = (double)(tt_now_ns() - self->job->started_ns) / 1e9;
    if (self->windows) {
        int64_t due = job_stream_due(self->job, now_ms);
        if (due == 0) {
            show_window(self, now_ms);
            due = job_stream_due(self->job, now_ms);
        }
        next = due > 0 && due < next ? due : due == 0 ? 1 : next;
    }
    if (!self->progress)
        return next;
    hint(self, now_ms);
    progress_rate_add(&self->rate, elapsed_s, self->job->part_count - self->job->left);
    if (elapsed_s >= self->progress_after_s && now_ms - self->shown_ms >= REDRAW_MS) {
        show_progress(self, elapsed_s);
        self->shown_ms = now_ms;
    }
    return next < REDRAW_MS ? next : REDRAW_MS;
}

void watch_end(watch_t *self)
{
    screen_progress(NULL);
    if (self->windows && self->job->done && self->job->stream) {
        stream_finish(self->job->stream); /* the last window is cut like the others */
        show_window(self, tt_now_ms());
    }
    if (self->windows)
        job_stream_stop(self->job);
}
