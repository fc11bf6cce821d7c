/* %map, %submit and %retry: work that any engine may do. */
#include "feeder.h"
#include "pack.h"

#include <stdlib.h>
#include <string.h>

/* Starts the work, which is taken, and waits for it unless it is for the background. */
static int start(session_t *session, const magic_call_t *call, feeder_t *feeder,
                 const feeder_work_t *work)
{
    int status;
    job_t *job = feeder_start(feeder, work, call->text, &status);
    if (job == NULL)
        return status;
    job->unordered = words_has(&call->words, "unordered");
    job->lenient = words_has(&call->words, "return-exceptions");
    return magic_start_job(session, call, job);
}

/* ---- %map */

static int map(session_t *session, const magic_call_t *call, const words_list_t *words)
{
    int status;
    feeder_t *feeder = feeder_new(session, call, false, &status);
    if (feeder == NULL)
        return status;
    given_items_t *items = tt_alloc(sizeof *items);
    status = given_items(session, "%map", words->items + 1, words->count - 1, items);
    if (status != 0) {
        free(items);
        feeder_destroy(&feeder);
        return status;
    }
    feeder_work_t work = {.op = TT_RT_CALL,
                          .function = tt_strdup(words->items[0]),
                          .pack = feeder_pack_call,
                          .release = feeder_release_items,
                          .state = items,
                          .count = items->count};
    if (strcmp(session->language, "python") == 0)
        work.item = feeder_item;
    return start(session, call, feeder, &work);
}

int magic_map(session_t *session, const magic_call_t *call)
{
    words_list_t words;
    tt_error_t err;
    if (words_split(&words, call->rest, &err) != 0)
        return session_complain(session, "%map", 2, "%s", err.text);
    int status = words.count < 2 ? session_complain(session, "%map", 2,
                                                    "takes a function and items, as in "
                                                    "%%map (lambda x: x**2) range(32)")
                                 : map(session, call, &words);
    words_list_release(&words);
    return status;
}

/* ---- %submit */

/* The local arguments of one call. */
static void pack_arguments(void *state, size_t index, const uint8_t hash[GIVEN_HASH],
                           tt_buf_t *args, tt_frames_t *buffers)
{
    tt_reader_t reader = tt_reader(given_item(state, index, buffers));
    size_t count;
    tt_span_t positional = tt_span("\x90"), named = tt_span("\x80");
    if (tt_read_array(&reader, &count) == 0 && count == 1 &&
        tt_read_array(&reader, &count) == 0 && count == 2) {
        tt_read_raw(&reader, &positional);
        tt_read_raw(&reader, &named);
    }
    tt_pack_array(args, 3);
    tt_pack_bin(args, hash, GIVEN_HASH);
    tt_pack_raw(args, positional);
    tt_pack_raw(args, named);
}

typedef struct {
    char *text, file[32];
    unsigned flags;
} code_t;

static void pack_code(void *state, size_t index, const uint8_t hash[GIVEN_HASH], tt_buf_t *args,
                      tt_frames_t *buffers)
{
    const code_t *code = state;
    (void)index;
    (void)hash;
    (void)buffers;
    tt_pack_array(args, 3);
    tt_pack_text(args, code->text);
    tt_pack_text(args, code->file);
    tt_pack_uint(args, code->flags);
}

static void release_code(void *state)
{
    code_t *code = state;
    free(code->text);
    free(code);
}

/* The name in `NAME(ARGS)`, when that is all of the text and the name is one of the local
 * engine; the caller's to free. NULL when it is anything else. */
static char *called(session_t *session, const char *text, char **arguments)
{
    size_t name = words_called(text), len = strlen(text);
    if (strcmp(session->language, "python") != 0 || name == 0)
        return NULL;
    while (text[len - 1] != ')')
        len--;
    char *root = tt_strndup(text, strcspn(text, ".(")), *found = NULL;
    if (session_defined(session, root)) {
        found = tt_strndup(text, name);
        *arguments = tt_strndup(text + name + 1, len - name - 2);
    }
    free(root);
    return found;
}

/* A function of ours with arguments of ours. */
static int prepare_call(session_t *session, const char *arguments, feeder_work_t *work)
{
    given_items_t *items = tt_alloc(sizeof *items);
    char *expr = tt_printf(GIVEN_PARTS "arguments(%s)", arguments);
    int status = given_items(session, "%submit", &expr, 1, items);
    free(expr);
    work->op = TT_RT_CALL;
    work->pack = pack_arguments;
    work->release = feeder_release_items;
    work->state = items;
    return status;
}

/* Code for an engine, or a command of its shell. */
static void prepare_code(const session_t *session, const magic_call_t *call, bool shell,
                         feeder_work_t *work)
{
    code_t *code = tt_alloc(sizeof *code);
    bool named = call->statement->name_count > 0;
    code->text = tt_strdup(call->rest + shell);
    code->flags =
        (named ? TT_EXECUTE_VALUE | TT_EXECUTE_QUIET : 0) | (shell ? TT_EXECUTE_SHELL : 0);
    snprintf(code->file, sizeof code->file, "In [%d]", session->number);
    work->op = TT_RT_EXECUTE;
    work->pack = pack_code;
    work->release = release_code;
    work->state = code;
}

int magic_submit_one(session_t *session, const magic_call_t *call)
{
    int status;
    char *arguments = NULL;
    bool shell = call->rest[0] == '!';
    feeder_work_t work = {.count = 1, .single = true};
    if (call->rest[strspn(call->rest, " \t\n")] == 0)
        return session_complain(session, "%submit", 2,
                                "takes a call or code, as in %%submit fit(10)");
    feeder_t *feeder = feeder_new(session, call, shell, &status);
    if (feeder == NULL)
        return status;
    work.function = called(session, call->rest, &arguments);
    if (work.function)
        status = prepare_call(session, arguments, &work);
    else
        prepare_code(session, call, shell, &work);
    free(arguments);
    if (status == 0)
        return start(session, call, feeder, &work);
    free(work.state);
    free(work.function);
    feeder_destroy(&feeder);
    return status;
}
