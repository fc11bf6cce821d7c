/* %show: pictures again. Those of a job are with its answers, those of the local engine in the
 * gallery. */
#include "figure.h"
#include "magic.h"
#include "program.h"
#include "report_json.h"
#include "screen.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { OPENED_MOST = 16, OPEN_MS = 5000 };

/* What is to be shown. */
typedef struct {
    const job_t *job; /* NULL: of the local engine */
    job_answer_t *full;
    answer_t *answers; /* those that are meant */
    size_t full_count, count;
} shown_t;

static void release(shown_t *self)
{
    if (self->full)
        job_answers_release(&self->full, self->full_count);
    free(self->answers);
}

/* ---- which */

static void take_job(shown_t *self, const job_t *job)
{
    self->job = job;
    self->full = job_answers(job, JOB_WHOLE, &self->full_count);
    self->answers = tt_alloc((self->full_count + 1) * sizeof *self->answers);
    self->count = self->full_count;
    for (size_t i = 0; i < self->count; i++)
        self->answers[i] = self->full[i].answer;
}

static void take_line(shown_t *self, int number, tt_span_t displays)
{
    self->answers = tt_alloc(sizeof *self->answers);
    answer_init(self->answers);
    self->answers->job = number;
    self->answers->displays = displays;
    self->count = 1;
}

static bool has_pictures(const job_t *job)
{
    shown_t shown = {0};
    take_job(&shown, job);
    bool found = figure_is_there(shown.answers, shown.count);
    release(&shown);
    return found;
}

/* The latest that has some, a job or a line of the local engine. */
static int take_latest(session_t *session, shown_t *self)
{
    int line = gallery_latest(&session->gallery);
    const job_t *found = NULL;
    for (const job_t *job = session->jobs; job; job = job->next)
        if (has_pictures(job))
            found = job;
    if (found && found->number >= line)
        take_job(self, found);
    else if (line > 0)
        take_line(self, line, gallery_find(&session->gallery, line));
    else
        return session_complain(session, "%show", 2, "there is no picture yet");
    return 0;
}

static int take_named(session_t *session, const char *text, shown_t *self)
{
    char *end;
    long number = strtol(text, &end, 10);
    bool whole = end > text && end[strspn(end, ", \t\n")] == 0;
    tt_span_t displays = gallery_find(&session->gallery, whole ? (int)number : 0);
    if (displays.data) {
        take_line(self, (int)number, displays);
        return 0;
    }
    const job_t *job = magic_find_job(session, "%show", text);
    if (job == NULL)
        return 2;
    if (!has_pictures(job))
        return session_complain(session, "%show", 2, "job %d %s", job->number,
                                job->done ? "has no pictures"
                                          : "still runs, and has no pictures yet");
    take_job(self, job);
    return 0;
}

/* Keeps the answers of the engines that are named. */
static int narrow(session_t *session, const magic_call_t *call, shown_t *self)
{
    magic_targets_t targets;
    size_t kept = 0;
    if (!words_has(&call->words, "targets") && !words_has(&call->words, "exclude"))
        return 0;
    if (self->job == NULL)
        return session_complain(session, "%show", 2, "line %d ran here, on no engine",
                                self->answers->job);
    int status = magic_get_targets(session, call, &targets);
    if (status != 0)
        return status;
    for (size_t i = 0; i < self->count; i++)
        for (size_t k = 0; k < targets.count; k++)
            if (self->answers[i].engine == targets.ids[k])
                self->answers[kept++] = self->answers[i];
    self->count = kept;
    magic_free_targets(&targets);
    if (figure_is_there(self->answers, self->count))
        return 0;
    return session_complain(session, "%show", 2, "these engines have no pictures in job %d",
                            self->job->number);
}

/* ---- showing */

/* Starts the viewer, which goes on by itself. Its words are the person's own: a shell reads
 * them. */
static int open_all(session_t *session, const tt_texts_t *paths)
{
    const char *viewer = getenv("TUTTI_VIEWER"), *x11 = getenv("DISPLAY"),
               *wayland = getenv("WAYLAND_DISPLAY");
    bool display = (x11 && *x11) || (wayland && *wayland);
    if ((viewer == NULL || *viewer == 0) && !display)
        return session_complain(
            session, "%show", 1,
            "there is no display to open it on; TUTTI_VIEWER names a program "
            "that needs none");
    if (viewer == NULL || *viewer == 0)
        viewer = "xdg-open";
    char *name = tt_strndup(viewer, strcspn(viewer, " \t"));
    bool there = strchr(name, '/') ? access(name, X_OK) == 0 : program_is_there(name);
    int status =
        there ? 0
              : session_complain(session, "%show", 1,
                                 "there is no program '%s'; TUTTI_VIEWER names another", name);
    char *code =
        tt_printf("for file; do %s \"$file\" </dev/null >/dev/null 2>&1 & done", viewer);
    const char *argv[OPENED_MOST + 5] = {"sh", "-c", code, "tutti"};
    for (size_t i = 0; i < paths->count && i < OPENED_MOST; i++)
        argv[4 + i] = paths->items[i];
    tt_buf_t out;
    tt_buf_init(&out);
    if (status == 0 && program_run(argv, 4096, OPEN_MS, &out) != 0)
        status = session_complain(session, "%show", 1, "cannot run '%s'", viewer);
    tt_buf_release(&out);
    free(code);
    free(name);
    return status;
}

static int show_json(const shown_t *self)
{
    tt_buf_t out;
    tt_buf_init(&out);
    for (size_t i = 0; i < self->count; i++)
        if (figure_is_there(&self->answers[i], 1))
            report_json(&out, &self->answers[i]);
    screen_write(STDOUT_FILENO, (tt_span_t){out.data, out.len});
    tt_buf_release(&out);
    return 0;
}

static int show(session_t *session, const shown_t *self, draw_way_t way, bool open)
{
    tt_texts_t paths = {0};
    tt_buf_t out, err;
    render_style_t style = {.colour = session->colour};
    const session_figure_t how = {open ? DRAW_NEVER : way, self->job == NULL, true, &paths};
    if (session->json)
        return show_json(self);
    tt_buf_init(&out);
    tt_buf_init(&err);
    if (self->job)
        session_style(session, self->job, &style);
    session_add_figures(session, self->answers, self->count, &how, &style, &out, &err);
    screen_write(STDOUT_FILENO, (tt_span_t){out.data, out.len});
    screen_write(STDERR_FILENO, (tt_span_t){err.data, err.len});
    tt_buf_release(&out);
    tt_buf_release(&err);
    int status = open && paths.count > 0 ? open_all(session, &paths) : 0;
    for (size_t i = 0; i < paths.count; i++)
        free(paths.items[i]);
    tt_texts_release(&paths);
    return status;
}

int magic_show(session_t *session, const magic_call_t *call)
{
    const char *rest = call->rest + strspn(call->rest, ", \t\n");
    const char *name = words_value(&call->words, "draw");
    draw_way_t way = session->px.draw == DRAW_NEVER ? DRAW_AUTO : session->px.draw;
    tt_error_t err;
    shown_t shown = {0};
    if (name && draw_find(name, &way, &err) != 0)
        return session_complain(session, "%show", 2, "%s", err.text);
    int status = *rest ? take_named(session, rest, &shown) : take_latest(session, &shown);
    if (status == 0)
        status = narrow(session, call, &shown);
    if (status == 0)
        status = show(session, &shown, way, words_has(&call->words, "open"));
    release(&shown);
    return status;
}
