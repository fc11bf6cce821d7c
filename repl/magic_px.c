/* %px and %%px: code on the engines. */
#include "keep.h"
#include "magic.h"
#include "option.h"
#include "pack.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Gives the call's names to the job. */
static void take_names(job_t *job, const statement_t *statement)
{
    job->names = tt_alloc((statement->name_count + 1) * sizeof *job->names);
    job->name_count = statement->name_count;
    for (size_t i = 0; i < statement->name_count; i++)
        job->names[i] = tt_strdup(statement->names[i]);
}

int magic_start_job(session_t *session, const magic_call_t *call, job_t *job)
{
    take_names(job, call->statement);
    job->background = call->statement->background || words_has(&call->words, "noblock");
    session_add_job(session, job);
    if (job->background) {
        fprintf(stderr, "[%d] running\n", job->number);
        return session_bind_handle(session, job);
    }
    if (!session_wait(session, job, -1)) {
        job->background = true;
        fprintf(stderr, "[%d] goes on in the background\n", job->number);
        return 1;
    }
    return session_finish_job(session, job);
}

/* Reads --timeout. Returns 0 or 2 after a message. */
int magic_timeout(session_t *session, const magic_call_t *call, uint64_t *timeout_ms)
{
    const char *text = words_value(&call->words, "timeout");
    double seconds = 0;
    *timeout_ms = 0;
    if (text && (tt_seconds(text, &seconds) != 0 || seconds <= 0))
        return session_complain(session, NULL, 2, "--timeout takes seconds above 0, not '%s'",
                                text);
    *timeout_ms = (uint64_t)(seconds * 1000);
    return 0;
}

static void pack_execute(tt_buf_t *args, const session_t *session, const char *code, bool value)
{
    char name[32];
    snprintf(name, sizeof name, "In [%d]", session->number);
    tt_pack_array(args, 3);
    tt_pack_text(args, code);
    tt_pack_text(args, name);
    tt_pack_uint(args, value ? TT_EXECUTE_VALUE | TT_EXECUTE_QUIET : 0);
}

int magic_execute(session_t *session, const magic_call_t *call, const char *code)
{
    const char *set = words_value(&call->words, "targets");
    const char *exclude = words_value(&call->words, "exclude");
    if (call->statement->targets)
        set = call->statement->targets;
    int *ids;
    size_t count;
    bool scalar;
    uint64_t timeout_ms;
    int status = magic_timeout(session, call, &timeout_ms);
    if (status == 0)
        status = session_targets(session, set, exclude, &ids, &count, &scalar);
    if (status != 0)
        return status;
    job_t *job = job_new(session->number, code, count);
    job->engines = ids;
    job->engine_count = count;
    job->scalar = scalar;
    for (size_t i = 0; i < count; i++)
        job->parts[i].engine = ids[i];
    tt_buf_t args;
    tt_frames_t frames;
    tt_buf_init(&args);
    tt_frames_init(&frames);
    /* Values travel only when they are assigned; otherwise their repr does. */
    pack_execute(&args, session, code, call->statement->name_count > 0);
    tt_frames_take_buf(&frames, &args);
    tt_buf_release(&args);
    keep_begin(session, job);
    tt_submit_t submit = {.op = TT_RT_EXECUTE,
                          .keep = job->keep,
                          .engines = ids,
                          .engine_count = count,
                          .label = code,
                          .timeout_ms = timeout_ms,
                          .handlers = &job_px_handlers,
                          .arg = job};
    job->client_jobs[0] = tt_client_submit(session->client, &submit, &frames);
    return magic_start_job(session, call, job);
}

int magic_px(session_t *session, const magic_call_t *call)
{
    const char *code = call->statement->body;
    if (code && call->rest[strspn(call->rest, " \t\n")])
        return session_complain(session, "%%px", 2, "takes its code on the lines below");
    if (code == NULL)
        code = call->rest;
    if (code[strspn(code, " \t\n")] == 0)
        return session_complain(session, "%px", 2,
                                "takes code, as in %%px import os; os.getpid()");
    return magic_execute(session, call, code);
}
