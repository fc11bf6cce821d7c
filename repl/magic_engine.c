/* Engines: %targets, %interrupt, %restart, %status, %why. */
#include "magic.h"
#include "pack.h"
#include "render.h"
#include "screen.h"
#include "status.h"
#include "target.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { REQUEST_MS = 10000, RESTART_MS = 30000 };

static int by_number(const void *a, const void *b)
{
    int left = *(const int *)a, right = *(const int *)b;
    return (left > right) - (left < right);
}

/* Returns how many are left. */
static size_t sort_unique(int *ids, size_t count)
{
    size_t kept = 0;
    qsort(ids, count, sizeof *ids, by_number);
    for (size_t i = 0; i < count; i++)
        if (kept == 0 || ids[i] != ids[kept - 1])
            ids[kept++] = ids[i];
    return kept;
}

/* As a target set: their numbers, or their hosts' names where those are how engines are called.
 */
static void name_engines(const session_t *session, const int *ids, size_t count, tt_buf_t *out)
{
    size_t known, found = 0;
    bool by_host = session_one_each(session);
    const tt_engine_t *engines = tt_client_engines(session->client, &known);
    const char **names = tt_alloc((count + 1) * sizeof *names);
    for (size_t i = 0, at = 0; i < count && by_host; i++) {
        while (at < known && engines[at].id != ids[i])
            at++;
        if (at < known)
            names[found++] = engines[at].host;
    }
    if (found == count)
        tt_target_nodes(out, names, found);
    else
        tt_target_format(out, ids, count);
    free(names);
}

/* The engines of the last job that failed, as a target set; the caller's to free. NULL after a
 * message. */
static char *failed_set(session_t *session)
{
    const job_t *last = session->jobs;
    size_t count, failed = 0;
    while (last && last->next)
        last = last->next;
    if (last == NULL || !last->done)
        return session_complain(session, "%targets", 2, "%s",
                                last ? "the last job still runs" : "there is no job yet"),
               NULL;
    job_answer_t *answers = job_answers(last, JOB_WHOLE, &count);
    int *ids = tt_alloc((count + 1) * sizeof *ids);
    for (size_t i = 0; i < count; i++)
        if (render_failed(&answers[i].answer) && answers[i].answer.engine >= 0)
            ids[failed++] = answers[i].answer.engine;
    job_answers_release(&answers, count);
    failed = sort_unique(ids, failed);
    tt_buf_t set;
    tt_buf_init(&set);
    name_engines(session, ids, failed, &set);
    free(ids);
    if (failed > 0)
        return tt_buf_text(&set), (char *)set.data;
    tt_buf_release(&set);
    return session_complain(session, "%targets", 2, "nothing failed in job %d", last->number),
           NULL;
}

static int set_failed(session_t *session, const char *rest, const char *exclude)
{
    if (*rest)
        return session_complain(session, "%targets", 2, "takes --failed or a set, not both");
    char *set = failed_set(session);
    int status = set ? magic_set_targets(session, set, exclude) : 2;
    free(set);
    return status;
}

int magic_targets(session_t *session, const magic_call_t *call)
{
    const char *exclude = words_value(&call->words, "exclude");
    const char *rest = call->rest + strspn(call->rest, " \t\n");
    size_t len = strlen(rest);
    while (len > 0 && strchr(" \t\n", rest[len - 1]))
        len--;
    if (words_has(&call->words, "failed"))
        return set_failed(session, rest, exclude);
    if (len > 0 || exclude) {
        char *set = len > 0 ? tt_strndup(rest, len) : tt_strdup("all");
        int status = magic_set_targets(session, set, exclude);
        free(set);
        return status;
    }
    tt_buf_t text;
    tt_buf_init(&text);
    int status = magic_tell_targets(session, &text);
    tt_buf_append(&text, "\n", status == 0);
    screen_write(1, (tt_span_t){text.data, text.len});
    tt_buf_release(&text);
    return status;
}

/* Sends a message that names engines and waits for its DONE. */
static int request(session_t *session, const char *what, tt_message_t *message,
                   tt_span_t *field, const int *ids, size_t count)
{
    tt_buf_t list;
    tt_error_t err;
    tt_message_t answer;
    tt_packet_t reply;
    tt_buf_init(&list);
    tt_ids_pack(&list, ids, count);
    *field = (tt_span_t){list.data, list.len};
    int rc = tt_client_request(session->client, message, REQUEST_MS, &answer, &reply, &err);
    tt_buf_release(&list);
    if (rc != 0)
        return session_complain(session, what, 3, "%s", err.text);
    tt_packet_release(&reply);
    return 0;
}

static const char *set_of(const magic_call_t *call)
{
    return call->rest[strspn(call->rest, " \t\n")] ? call->rest : NULL;
}

int magic_interrupt(session_t *session, const magic_call_t *call)
{
    int *ids;
    size_t count;
    tt_message_t message = tt_message(TT_MSG_INTERRUPT, 0);
    int status = session_targets(session, set_of(call), NULL, &ids, &count, NULL);
    if (status != 0)
        return status;
    status =
        request(session, "%interrupt", &message, &message.as.interrupt.engines, ids, count);
    free(ids);
    return status;
}

/* Every engine, lost and failed ones too: these are what a restart is for. */
static int *all_engines(session_t *session, size_t *count)
{
    const tt_engine_t *engines = tt_client_engines(session->client, count);
    int *ids = tt_alloc((*count + 1) * sizeof *ids);
    for (size_t i = 0; i < *count; i++)
        ids[i] = engines[i].id;
    return ids;
}

static bool all_ready(session_t *session, const int *ids, size_t count, const int *old_pids)
{
    size_t known;
    const tt_engine_t *engines = tt_client_engines(session->client, &known);
    for (size_t i = 0; i < count; i++)
        for (size_t e = 0; e < known; e++)
            if (engines[e].id == ids[i] && engines[e].state != TT_ENGINE_FAILED &&
                (engines[e].state != TT_ENGINE_READY || engines[e].pid == old_pids[i]))
                return false;
    return true;
}

static int wait_restarted(session_t *session, const int *ids, size_t count, const int *old_pids)
{
    int64_t until = tt_now_ms() + RESTART_MS;
    bool never = false;
    while (!all_ready(session, ids, count, old_pids)) {
        if (tt_now_ms() > until || !tt_client_alive(session->client))
            return session_complain(session, "%restart", 1,
                                    "not all are back within 30 s; %%why");
        tt_loop_run_until(session->loop, &never, 5);
    }
    return 0;
}

/* Kills the processes of engines, which are started again; waits for them if `name` is to say
 * when. */
static int restart(session_t *session, const char *name, const int *ids, size_t count,
                   bool wait)
{
    size_t known;
    tt_message_t message = tt_message(TT_MSG_ACTION, 0);
    message.as.action.action = TT_ACTION_RESTART;
    const tt_engine_t *engines = tt_client_engines(session->client, &known);
    int *pids = tt_alloc((count + 1) * sizeof *pids);
    for (size_t i = 0; i < count; i++)
        for (size_t e = 0; e < known; e++)
            if (engines[e].id == ids[i])
                pids[i] = engines[e].pid;
    int status = request(session, name, &message, &message.as.action.engines, ids, count);
    if (status == 0 && wait)
        status = wait_restarted(session, ids, count, pids);
    free(pids);
    return status;
}

int magic_restart(session_t *session, const magic_call_t *call)
{
    int *ids, status = 0;
    size_t count;
    if (set_of(call))
        status = session_targets(session, set_of(call), NULL, &ids, &count, NULL);
    else
        ids = all_engines(session, &count);
    if (status != 0)
        return status;
    status = restart(session, "%restart", ids, count, true);
    free(ids);
    return status;
}

/* The engines that still run the job that was interrupted last. Of a map the client knows only
 * who has answered, so these are all that may have its items. */
static int *still_running(const session_t *session, size_t *count)
{
    const job_t *last = NULL;
    *count = 0;
    for (const job_t *job = session->jobs; job; job = job->next)
        if (job->cancelled && !job->done)
            last = job;
    if (last == NULL)
        return NULL;
    int *ids = tt_alloc((last->part_count + 1) * sizeof *ids);
    for (size_t i = 0; i < last->part_count; i++)
        if (!last->parts[i].done && last->parts[i].engine >= 0)
            ids[(*count)++] = last->parts[i].engine;
    return ids;
}

int magic_kill(session_t *session, const magic_call_t *call)
{
    int *ids = NULL, status = 0;
    size_t count = 0;
    if (set_of(call))
        status = session_targets(session, set_of(call), NULL, &ids, &count, NULL);
    else
        ids = still_running(session, &count);
    if (status == 0 && count == 0)
        status = session_complain(session, "%kill", 2,
                                  "no job was interrupted and runs on; name engines, as in "
                                  "%%kill 0-3");
    if (status == 0)
        status = restart(session, "%kill", ids, count, false);
    free(ids);
    return status;
}

int magic_status(session_t *session, const magic_call_t *call)
{
    tt_error_t err;
    (void)call;
    if (status_show(session->client, session->json ? STATUS_JSON : STATUS_TEXT, NULL, stdout,
                    &err) == 0)
        return 0;
    return session_complain(session, "%status", 3, "%s", err.text);
}

int magic_why(session_t *session, const magic_call_t *call)
{
    tt_error_t err;
    if (status_show(session->client, STATUS_WHY, set_of(call), stdout, &err) == 0)
        return 0;
    return session_complain(session, "%why", 3, "%s", err.text);
}
