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
                    const magic_targets_t *targets)
{
    tt_frames_t group;
    tt_buf_t args;
    magic_task_t task = {.op = TT_RT_SET, .args = &args, .frames = &group, .label = call->text};
    int status = get_local(session, name, &group);
    if (status != 0)
        return status;
    tt_buf_init(&args);
    tt_pack_array(&args, 4);
    tt_pack_text(&args, name);
    tt_pack_text(&args, "value");
    tt_pack_array(&args, 1);
    tt_pack_uint(&args, group.count);
    tt_pack_nil(&args);
    job_t *job = magic_submit(session, targets, &task);
    tt_buf_release(&args);
    job->scalar = false;
    return magic_start_job(session, call, job);
}

int magic_push(session_t *session, const magic_call_t *call)
{
    size_t name_count;
    magic_targets_t targets;
    char **names = split_names(call->rest, &name_count);
    if (name_count == 0 || call->statement->name_count > 0) {
        free_names(names, name_count);
        return session_complain(session, "%push", 2, "takes names, as in %%push x y");
    }
    int status = magic_get_targets(session, call, &targets);
    if (status == 0)
        magic_keep_ours(session, &targets);
    for (size_t i = 0; i < name_count && status == 0; i++)
        status = push_one(session, call, names[i], &targets);
    free_names(names, name_count);
    magic_free_targets(&targets);
    return status;
}

/* A name or an expression: in a shell it is a variable, so this is no EXECUTE. */
static int pull_one(session_t *session, const magic_call_t *call,
                    const magic_targets_t *targets, const char *expression, const char *name)
{
    statement_t statement = *call->statement;
    char *names[] = {(char *)(uintptr_t)name};
    magic_call_t inner = *call;
    tt_buf_t args;
    statement.names = names;
    statement.name_count = 1;
    inner.statement = &statement;
    tt_buf_init(&args);
    tt_pack_array(&args, 2);
    tt_pack_array(&args, 1);
    tt_pack_text(&args, expression);
    tt_pack_text(&args, "value");
    magic_task_t task = {.op = TT_RT_GET, .args = &args, .label = call->text, .keep = true};
    job_t *job = magic_submit(session, targets, &task);
    job->one = true;
    tt_buf_release(&args);
    return magic_start_job(session, &inner, job);
}

int magic_pull(session_t *session, const magic_call_t *call)
{
    size_t count;
    magic_targets_t targets = {0};
    int status;
    char **names = split_names(call->rest, &count);
    const statement_t *statement = call->statement;
    if (count == 0 || (statement->name_count > 0 && statement->name_count != count))
        status = session_complain(session, "%pull", 2,
                                  "takes names, as in %%pull x y or a, b = %%pull x y");
    else
        status = magic_get_targets(session, call, &targets);
    if (status == 0)
        magic_keep_ours(session, &targets);
    for (size_t i = 0; i < count && status == 0; i++)
        status = pull_one(session, call, &targets, names[i],
                          statement->name_count ? statement->names[i] : names[i]);
    magic_free_targets(&targets);
    free_names(names, count);
    return status;
}
