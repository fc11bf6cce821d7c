/* Engines: %interrupt, %restart, %status, %logs. */
#include "cluster.h"
#include "identity.h"
#include "logs.h"
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

int magic_request(session_t *session, const char *what, tt_message_t *message)
{
    tt_message_t answer;
    tt_packet_t reply;
    tt_error_t err;
    if (tt_client_request(session->client, message, REQUEST_MS, &answer, &reply, &err) != 0)
        return session_complain(session, what, 3, "%s", err.text);
    tt_packet_release(&reply);
    return 0;
}

/* The same for one that names engines. */
static int request(session_t *session, const char *what, tt_message_t *message,
                   tt_span_t *field, const int *ids, size_t count)
{
    tt_buf_t list;
    tt_buf_init(&list);
    tt_ids_pack(&list, ids, count);
    *field = (tt_span_t){list.data, list.len};
    int status = magic_request(session, what, message);
    tt_buf_release(&list);
    return status;
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

int *magic_all_engines(const session_t *session, size_t *count)
{
    const tt_engine_t *engines = tt_client_engines(session->client, count);
    int *ids = tt_alloc((*count + 1) * sizeof *ids);
    for (size_t i = 0; i < *count; i++)
        ids[i] = engines[i].id;
    return ids;
}

static bool all_ready(session_t *session, const int *ids, size_t count, const int *old_pids)
{
    for (size_t i = 0; i < count; i++) {
        const tt_engine_t *engine = tt_client_engine(session->client, ids[i]);
        if (engine && engine->state != TT_ENGINE_FAILED &&
            (engine->state != TT_ENGINE_READY || engine->pid == old_pids[i]))
            return false;
    }
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
    tt_message_t message = tt_message(TT_MSG_ACTION, 0);
    message.as.action.action = TT_ACTION_RESTART;
    int *pids = tt_alloc((count + 1) * sizeof *pids);
    for (size_t i = 0; i < count; i++) {
        const tt_engine_t *engine = tt_client_engine(session->client, ids[i]);
        pids[i] = engine ? engine->pid : 0;
    }
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
        ids = magic_all_engines(session, &count); /* lost ones are what it is for */
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

/* The logs' last lines; with a set, those about its engines. */
int magic_logs(session_t *session, const magic_call_t *call)
{
    tt_buf_t text, out;
    int *ids = NULL;
    size_t count = 0;
    bool found = false;
    const char *set = set_of(call);
    int status = set ? session_targets(session, set, NULL, &ids, &count, NULL) : 0;
    if (status != 0)
        return status;
    tt_buf_init(&text);
    tt_buf_init(&out);
    for (int i = 0; i < LOGS; i++) {
        off_t at = -1;
        found |= logs_read(session->dir, i, &at, &text);
    }
    if (set)
        logs_of_engines(tt_buf_text(&text), ids, count, &out);
    screen_write(1, set ? (tt_span_t){out.data, out.len} : (tt_span_t){text.data, text.len});
    tt_buf_release(&text);
    tt_buf_release(&out);
    free(ids);
    return found ? 0
                 : session_complain(session, "%logs", 2, "the logs are where the cluster is");
}

static void tell_local(const local_t *local, FILE *out)
{
    fprintf(out, "here: %s %s, %s\n", local_language(local), local_version(local),
            local_program(local));
}

int magic_version(session_t *session, const magic_call_t *call)
{
    (void)call;
    local_t *local = session_local(session);
    char *there = cluster_summary(session->client);
    printf("tutti %s\n", TT_VERSION);
    if (local)
        tell_local(local, stdout);
    printf("engines: %s\n", there);
    fflush(stdout);
    free(there);
    return 0;
}

/* Which language plain lines are; another one from here on. */
int magic_lang(session_t *session, const magic_call_t *call)
{
    words_list_t words;
    tt_error_t err;
    if (words_split(&words, call->rest, &err) != 0)
        return session_complain(session, "%lang", 2, "%s", err.text);
    int status =
        words.count > 1
            ? session_complain(session, "%lang", 2, "takes one language, as in %%lang sh")
            : session_set_language(session, words.count ? words.items[0] : session->language);
    words_list_release(&words);
    if (status == 0)
        tell_local(session->local, stdout);
    fflush(stdout);
    return status;
}

/* Only a prompt can give itself another local engine; the rest is the engine's. */
int magic_reset(session_t *session, const magic_call_t *call)
{
    const statement_t *statement = call->statement;
    bool hard = strcmp(statement->rest, "--hard") == 0;
    if (!hard || statement->background || statement->name_count > 0)
        return magic_local(session, call);
    return session_renew_local(session);
}
