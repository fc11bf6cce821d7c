/* %push and %pull: values between the local engine and the targets. */
#include "magic.h"
#include "pack.h"

#include <stdlib.h>
#include <string.h>

/* The names of a line: "a b, c". The array and its texts are the caller's. */
static char **split_names(const char *text, size_t *count)
{
    char **names = NULL;
    *count = 0;
    while (*(text += strspn(text, " \t,\n"))) {
        size_t len = strcspn(text, " \t,\n");
        names = tt_realloc(names, (*count + 1) * sizeof *names);
        names[(*count)++] = tt_strndup(text, len);
        text += len;
    }
    return names;
}

static void free_names(char **names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(names[i]);
    free(names);
}

/* GET of one expression on the local engine: its value as a group of frames, body first. */
static int get_local(session_t *session, const char *name, tt_frames_t *group)
{
    tt_buf_t args;
    local_result_t result;
    answer_t answer;
    tt_error_t err;
    size_t count = 0;
    tt_buf_init(&args);
    tt_frames_init(group);
    tt_pack_array(&args, 2);
    tt_pack_array(&args, 1);
    tt_pack_text(&args, name);
    tt_pack_text(&args, "value");
    int status = session_local_call(session, TT_RT_GET, &args, NULL, &result);
    tt_buf_release(&args);
    if (status != 0)
        return status;
    answer_init(&answer);
    tt_span_t value = {NULL, 0};
    if (answer_read(&answer, tt_frames_span(&result.frames, 0), &err) == 0 &&
        answer.value.data) {
        tt_reader_t reader = tt_reader(answer.value);
        if (tt_read_array(&reader, &count) == 0 && count == 1)
            tt_read_raw(&reader, &value);
    }
    if (value.data == NULL) {
        local_result_release(&result);
        return session_complain(session, "%push", 1, "the local engine gave no value of '%s'",
                                name);
    }
    tt_frames_copy(group, value.data, value.len);
    for (size_t i = 1; i < result.frames.count; i++)
        tt_frames_share(group, &result.frames.items[i]);
    local_result_release(&result);
    return 0;
}

/* One job for each name: SET on every target. */
static int push_one(session_t *session, const magic_call_t *call, const char *name,
                    const int *ids, size_t count)
{
    tt_frames_t group, frames;
    tt_buf_t args;
    int status = get_local(session, name, &group);
    if (status != 0)
        return status;
    tt_buf_init(&args);
    tt_frames_init(&frames);
    tt_pack_array(&args, 4);
    tt_pack_text(&args, name);
    tt_pack_text(&args, "value");
    tt_pack_array(&args, 1);
    tt_pack_uint(&args, group.count);
    tt_pack_nil(&args);
    tt_frames_take_buf(&frames, &args);
    tt_frames_share_all(&frames, &group);
    tt_frames_release(&group);
    tt_buf_release(&args);
    job_t *job = job_new(session->number, call->text, count);
    job->engine_count = count;
    job->engines = tt_alloc((count + 1) * sizeof *job->engines);
    memcpy(job->engines, ids, count * sizeof *ids);
    for (size_t i = 0; i < count; i++)
        job->parts[i].engine = ids[i];
    tt_submit_t submit = {.op = TT_RT_SET,
                          .engines = ids,
                          .engine_count = count,
                          .label = call->text,
                          .handlers = &job_px_handlers,
                          .arg = job};
    job->client_jobs[0] = tt_client_submit(session->client, &submit, &frames);
    return magic_start_job(session, call, job);
}

static int targets_of(session_t *session, const magic_call_t *call, int **ids, size_t *count,
                      bool *scalar)
{
    return session_targets(session, words_value(&call->words, "targets"),
                           words_value(&call->words, "exclude"), ids, count, scalar);
}

int magic_push(session_t *session, const magic_call_t *call)
{
    size_t name_count, count;
    int *ids;
    char **names = split_names(call->rest, &name_count);
    if (name_count == 0 || call->statement->name_count > 0) {
        free_names(names, name_count);
        return session_complain(session, "%push", 2, "takes names, as in %%push x y");
    }
    int status = targets_of(session, call, &ids, &count, NULL);
    if (status != 0) {
        free_names(names, name_count);
        return status;
    }
    for (size_t i = 0; i < name_count && status == 0; i++)
        status = push_one(session, call, names[i], ids, count);
    free_names(names, name_count);
    free(ids);
    return status;
}

/* Execute with the value wanted: an expression may be pulled as well as a name. */
static int pull_one(session_t *session, const magic_call_t *call, const char *expression,
                    const char *name)
{
    statement_t statement = *call->statement;
    char *names[] = {(char *)(uintptr_t)name};
    magic_call_t inner = *call;
    statement.names = names;
    statement.name_count = 1;
    inner.statement = &statement;
    return magic_execute(session, &inner, expression);
}

int magic_pull(session_t *session, const magic_call_t *call)
{
    size_t count;
    int status = 0;
    char **names = split_names(call->rest, &count);
    const statement_t *statement = call->statement;
    if (count == 0 || (statement->name_count > 0 && statement->name_count != count))
        status = session_complain(session, "%pull", 2,
                                  "takes names, as in %%pull x y or a, b = %%pull x y");
    for (size_t i = 0; i < count && status == 0; i++)
        status = pull_one(session, call, names[i],
                          statement->name_count ? statement->names[i] : names[i]);
    free_names(names, count);
    return status;
}
