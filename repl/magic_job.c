/* Jobs of the session: %jobs, %result, %pxresult, %wait, %timing, %cancel. */
#include "feeder.h"
#include "option.h"
#include "progress.h"
#include "screen.h"
#include "terminal.h"
#include "timeline.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { REQUEST_MS = 10000 };

/* A row of %jobs in pieces, which are columns. */
enum { NUMBER, STATE, PARTS, TIME, JOB_COLUMNS };

static void describe(const job_t *job, char cells[JOB_COLUMNS][32])
{
    timing_t timing = job_timing(job);
    tt_buf_t time;
    tt_buf_init(&time);
    timing_duration(&time, timing.elapsed_s);
    snprintf(cells[NUMBER], sizeof cells[0], "[%d]", job->number);
    snprintf(cells[STATE], sizeof cells[0], "%s",
             !job->done        ? "running"
             : job_failed(job) ? "failed"
             : job->cancelled  ? "cancelled"
                               : "done");
    snprintf(cells[PARTS], sizeof cells[0], "%zu/%zu", job->part_count - job->left,
             job->part_count);
    snprintf(cells[TIME], sizeof cells[0], "%s", tt_buf_text(&time));
    tt_buf_release(&time);
}

int magic_jobs(session_t *session, const magic_call_t *call)
{
    char cells[JOB_COLUMNS][32];
    int widths[JOB_COLUMNS] = {0};
    (void)call;
    for (const job_t *job = session->jobs; job; job = job->next) {
        describe(job, cells);
        for (size_t i = 0; i < JOB_COLUMNS; i++)
            if ((int)strlen(cells[i]) > widths[i])
                widths[i] = (int)strlen(cells[i]);
    }
    for (const job_t *job = session->jobs; job; job = job->next) {
        describe(job, cells);
        printf("%*s %-*s  %*s  %*s  %s%s%.*s\n", widths[NUMBER], cells[NUMBER], widths[STATE],
               cells[STATE], widths[PARTS], cells[PARTS], widths[TIME], cells[TIME],
               job->name ? job->name : "", job->name ? ": " : "",
               (int)strcspn(job->source, "\n"), job->source);
    }
    fflush(stdout);
    return 0;
}

/* The latest that has this name. */
static job_t *find_name(const session_t *session, const char *name, size_t len)
{
    job_t *found = NULL;
    for (job_t *job = session->jobs; job; job = job->next)
        if (job->name && strncmp(job->name, name, len) == 0 && job->name[len] == 0)
            found = job;
    return found;
}

job_t *magic_find_job(session_t *session, const char *magic, const char *text)
{
    text += strspn(text, " \t\n");
    size_t len = strcspn(text, ", \t\n");
    char *end;
    long number = strtol(text, &end, 10);
    job_t *job = NULL;
    if (len == 0) {
        for (job_t *each = session->jobs; each; each = each->next)
            job = each;
        if (job == NULL)
            session_complain(session, magic, 2, "there is no job yet");
        return job;
    }
    job = end == text + len ? session_find_job(session, (int)number)
                            : find_name(session, text, len);
    if (job == NULL)
        session_complain(session, magic, 2, "no job '%.*s'; %%jobs lists them", (int)len, text);
    return job;
}

static bool names_none(const char *text)
{
    return text[strspn(text, ", \t\n")] == 0;
}

/* Whether every word of the text names a job. */
static bool all_known(session_t *session, const char *magic, const char *text)
{
    for (text += strspn(text, ", \t\n"); *text; text += strspn(text, ", \t\n")) {
        if (magic_find_job(session, magic, text) == NULL)
            return false;
        text += strcspn(text, ", \t\n");
    }
    return true;
}

/* How the call wants the answers shown: of the jobs named, or of `latest`. */
static int set_views(session_t *session, const magic_call_t *call, const char *magic,
                     job_t *latest)
{
    const char *text = call->rest + strspn(call->rest, ", \t\n");
    int status = 0;
    if (names_none(text) || strchr(">|", *text))
        return latest ? magic_view(session, &call->words, &latest->view) : 0;
    while (status == 0 && *text && strchr(">|", *text) == NULL) {
        job_t *job = magic_find_job(session, magic, text);
        status = job ? magic_view(session, &call->words, &job->view) : 2;
        text += strcspn(text, ", \t\n>|");
        text += strspn(text, ", \t\n");
    }
    return status;
}

/* Waits for a job and shows its answers, again if need be. */
static int show_one(session_t *session, const char *magic, job_t *job)
{
    if (!session_wait_only(session, job, -1))
        return session_complain(session, magic, 1, "job %d still runs", job->number);
    int status = session_finish_job(session, job);
    if (job->present && !job->background)
        return status; /* it has shown them */
    if (status == 0 && job->name_count > 0 && !session->json)
        status = session_show_job(session, job); /* they were assigned, not shown */
    return status;
}

/* The jobs that the text names, all of them though one failed. */
static int show_named(session_t *session, const char *magic, const char *text)
{
    int status = 0;
    if (!all_known(session, magic, text))
        return 2;
    for (text += strspn(text, ", \t\n"); *text; text += strspn(text, ", \t\n")) {
        int ended = show_one(session, magic, magic_find_job(session, magic, text));
        status = status ? status : ended;
        text += strcspn(text, ", \t\n");
    }
    return status;
}

/* ---- answers for a file or a command */

/* The whole answers of the jobs named, or of the latest. */
static int gather(session_t *session, const char *text, tt_buf_t *out)
{
    bool latest = names_none(text);
    if (!all_known(session, "%result", text))
        return 2;
    do {
        text += strspn(text, ", \t\n");
        job_t *job = magic_find_job(session, "%result", text);
        if (job == NULL)
            return 2;
        if (!session_wait_only(session, job, -1))
            return session_complain(session, "%result", 1, "job %d still runs", job->number);
        session_job_text(session, job, out);
        text += strcspn(text, ", \t\n");
    } while (!latest && text[strspn(text, ", \t\n")]);
    return 0;
}

/* The command is the local engine's: it may own the terminal, as a pager does. */
static int run_command(session_t *session, const char *command, tt_span_t text)
{
    int fd = memfd_create("result", MFD_CLOEXEC);
    for (size_t at = 0; fd >= 0 && at < text.len;) {
        ssize_t put = write(fd, text.data + at, text.len - at);
        if (put <= 0)
            break;
        at += (size_t)put;
    }
    char *code = tt_printf("{ %s\n} < /proc/%d/fd/%d", command, (int)getpid(), fd);
    statement_t statement = {.kind = STATEMENT_SHELL, .rest = code};
    int status = fd >= 0 ? session_run_shell(session, code, &statement)
                         : session_complain(session, "%result", 1, "no memory for the answers");
    free(code);
    close(fd);
    return status;
}

/* `N > FILE`, `N >> FILE`, `N | COMMAND`; `sign` is where that begins. */
static int pass_on(session_t *session, const char *rest, const char *sign)
{
    tt_buf_t text;
    char *jobs = tt_strndup(rest, (size_t)(sign - rest));
    bool command = *sign == '|', append = sign[1] == '>';
    char *to = tt_strdup(sign + 1 + append + strspn(sign + 1 + append, " \t"));
    to[strcspn(to, "\n")] = 0;
    for (size_t len = strlen(to); len > 0 && strchr(" \t", to[len - 1]); len--)
        to[len - 1] = 0;
    tt_buf_init(&text);
    int status = *to ? gather(session, jobs, &text)
                     : session_complain(session, "%result", 2,
                                        "takes a file or a command behind '%c'", *sign);
    tt_span_t whole = {text.data, text.len};
    if (status == 0)
        status = command ? run_command(session, to, whole)
                         : magic_write_file(session, "%result", to, append, whole);
    tt_buf_release(&text);
    free(jobs);
    free(to);
    return status;
}

int magic_result(session_t *session, const magic_call_t *call)
{
    const char *sign = call->rest + strcspn(call->rest, ">|");
    job_t *latest = session->jobs;
    while (latest && latest->next)
        latest = latest->next;
    if (call->words.count > 0 && set_views(session, call, "%result", latest) != 0)
        return 2;
    if (*sign)
        return pass_on(session, call->rest, sign);
    if (!names_none(call->rest))
        return show_named(session, "%result", call->rest);
    job_t *job = magic_find_job(session, "%result", "");
    return job ? show_one(session, "%result", job) : 2;
}

int magic_pxresult(session_t *session, const magic_call_t *call)
{
    job_t *last = NULL;
    for (job_t *job = session->jobs; job; job = job->next)
        last = job->px ? job : last;
    if (call->words.count > 0 && set_views(session, call, "%pxresult", last) != 0)
        return 2;
    if (!names_none(call->rest))
        return show_named(session, "%pxresult", call->rest);
    if (last == NULL)
        return session_complain(session, "%pxresult", 2, "there is no %%px yet");
    return show_one(session, "%pxresult", last);
}

/* Waits for one job until then (-1: however long) and shows it. */
static int wait_one(session_t *session, job_t *job, int64_t until)
{
    int64_t left = until < 0 ? -1 : until - tt_now_ms();
    if (job->shown)
        return 0;
    if (!session_wait_only(session, job, until >= 0 && left < 0 ? 0 : left))
        return session_complain(session, "%wait", 1, "job %d still runs", job->number);
    return session_finish_job(session, job);
}

int magic_wait(session_t *session, const magic_call_t *call)
{
    const char *limit = words_value(&call->words, "timeout");
    const char *at = call->rest + strspn(call->rest, ", \t\n");
    double seconds = 0;
    int status = 0;
    if (limit && tt_seconds(limit, &seconds) != 0)
        return session_complain(session, "%wait", 2, "--timeout takes seconds, not '%s'",
                                limit);
    if (!all_known(session, "%wait", at))
        return 2;
    int64_t until = limit ? tt_now_ms() + (int64_t)(seconds * 1000) : -1;
    if (*at == 0) {
        for (job_t *job = session->jobs, *next; job; job = next) {
            next = job->next;
            int ended = wait_one(session, job, until);
            status = status ? status : ended;
        }
        return status;
    }
    for (; *at; at += strcspn(at, ", \t\n"), at += strspn(at, ", \t\n")) {
        int ended = wait_one(session, magic_find_job(session, "%wait", at), until);
        status = status ? status : ended;
    }
    return status;
}

static void show_timing(const job_t *job)
{
    timing_t timing = job_timing(job);
    timing_split_t split = job_split(job);
    tt_buf_t text;
    tt_buf_init(&text);
    if (job->done) {
        timing_done(&text, job->number, &timing);
    } else {
        tt_buf_printf(&text, "[%d] running %zu/%zu · ", job->number,
                      job->part_count - job->left, job->part_count);
        timing_duration(&text, timing.elapsed_s);
    }
    tt_buf_printf(&text, " · serial ");
    timing_duration(&text, timing.serial_s);
    tt_buf_printf(&text, "\n");
    timing_table(&text, &split);
    printf("%s", tt_buf_text(&text));
    fflush(stdout);
    tt_buf_release(&text);
}

int magic_timing(session_t *session, const magic_call_t *call)
{
    const char *at = call->rest + strspn(call->rest, ", \t\n");
    if (!all_known(session, "%timing", at))
        return 2;
    do {
        const job_t *job = magic_find_job(session, "%timing", at);
        if (job == NULL)
            return 2;
        show_timing(job);
        at += strcspn(at, ", \t\n");
        at += strspn(at, ", \t\n");
    } while (*at);
    return 0;
}

/* ---- %timeline */

/* When each part was worked on, as far as that is known; the caller's to free. */
static timeline_span_t *spans_of(const session_t *session, const job_t *job, size_t *count)
{
    timeline_span_t *spans = tt_alloc((job->part_count + 1) * sizeof *spans);
    bool hosts = session_one_each(session);
    *count = 0;
    for (size_t i = 0; i < job->part_count; i++) {
        const job_part_t *part = &job->parts[i];
        if (!part->done || part->engine < 0 || part->run_ns < 0)
            continue;
        double end = (double)(part->done_ns - job->started_ns) / 1e9;
        double start = end - (double)part->run_ns / 1e9;
        spans[(*count)++] =
            (timeline_span_t){part->engine, hosts ? part->host : NULL, start > 0 ? start : 0,
                              end, part->status != TT_STATUS_OK};
    }
    return spans;
}

static int draw(session_t *session, const job_t *job, const char *path)
{
    size_t count;
    timeline_span_t *spans = spans_of(session, job, &count);
    double total_s = job_timing(job).elapsed_s;
    tt_buf_t out;
    tt_buf_init(&out);
    int status = 0;
    if (count == 0)
        status = session_complain(session, "%timeline", 2,
                                  "nothing of job %d has been done on an engine", job->number);
    if (status == 0 && path) {
        char *title = tt_printf("[%d] %s", job->number, job->source);
        timeline_svg(spans, count, total_s, title, &out);
        status =
            magic_write_file(session, "%timeline", path, false, (tt_span_t){out.data, out.len});
        free(title);
    } else if (status == 0) {
        size_t columns = isatty(1) ? terminal_columns() - 1 : 79;
        timeline_show(spans, count, total_s, columns, !progress_utf8(), &out);
        screen_write(1, (tt_span_t){out.data, out.len});
    }
    tt_buf_release(&out);
    free(spans);
    return status;
}

int magic_timeline(session_t *session, const magic_call_t *call)
{
    const char *at = call->rest + strspn(call->rest, " \t\n");
    size_t word = strcspn(at, " \t\n");
    bool bare = word > 4 && strncmp(at + word - 4, ".svg", 4) == 0; /* a file alone */
    char *name = tt_strndup(at, bare ? 0 : word);
    const job_t *job = magic_find_job(session, "%timeline", name);
    const char *rest = bare ? at : at + word + strspn(at + word, " \t\n");
    char *path = tt_strndup(rest, strcspn(rest, "\n"));
    for (size_t len = strlen(path); len > 0 && strchr(" \t", path[len - 1]); len--)
        path[len - 1] = 0;
    int status = job ? draw(session, job, *path ? path : NULL) : 2;
    free(path);
    free(name);
    return status;
}

/* Without a number: the latest that has something left to do. */
int magic_retry(session_t *session, const magic_call_t *call)
{
    job_t *found = NULL;
    if (names_none(call->rest)) {
        for (job_t *job = session->jobs; job; job = job->next)
            if (job->done && job->feeder)
                found = job;
        if (found == NULL)
            return session_complain(session, "%retry", 2, "no job has anything left to do");
    } else {
        found = magic_find_job(session, "%retry", call->rest);
    }
    if (found == NULL)
        return 2;
    int status = feeder_retry(session, found);
    if (status != 0)
        return status;
    found->background = call->statement->background || words_has(&call->words, "noblock");
    return magic_await_job(session, found);
}

/* What goes on although its client has gone. */
static int cancel_left(session_t *session)
{
    tt_message_t message = tt_message(TT_MSG_RECORDS, 0), answer;
    tt_packet_t reply;
    tt_error_t err;
    tt_buf_t out;
    message.as.records.forget = TT_RECORDS_END;
    if (tt_client_request(session->client, &message, REQUEST_MS, &answer, &reply, &err) != 0)
        return session_complain(session, "%cancel", 3, "%s", err.text);
    tt_reader_t reader = tt_reader(tt_frames_span(&reply.payload, 0));
    size_t fields = 0;
    uint64_t ended = 0;
    tt_span_t key;
    if (tt_read_map(&reader, &fields) == 0 && fields > 0 && tt_read_str(&reader, &key) == 0)
        tt_read_uint(&reader, &ended);
    tt_packet_release(&reply);
    tt_buf_init(&out);
    tt_buf_printf(&out,
                  ended ? "ended %llu task%s that clients had left\n" : "nothing was left\n",
                  (unsigned long long)ended, ended == 1 ? "" : "s");
    screen_write(2, (tt_span_t){out.data, out.len});
    tt_buf_release(&out);
    return 0;
}

int magic_cancel(session_t *session, const magic_call_t *call)
{
    const char *at = call->rest;
    bool left = words_has(&call->words, "left");
    if (left && cancel_left(session) != 0)
        return 3;
    if (!left && at[strspn(at, " \t\n")] == 0)
        return session_complain(session, "%cancel", 2,
                                "takes numbers of jobs; %%jobs lists them");
    while (*(at += strspn(at, ", \t\n"))) {
        job_t *job = magic_find_job(session, "%cancel", at);
        if (job == NULL)
            return 2;
        if (!job->done)
            session_cancel_job(session, job);
        at += strcspn(at, ", \t\n");
    }
    return 0;
}
