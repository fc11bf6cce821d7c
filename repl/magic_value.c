/* %push, %pull, %scatter and %gather: values between the local engine and the targets. */
#include "given.h"
#include "magic.h"
#include "pack.h"

#include <stdlib.h>
#include <string.h>

/* ---- what is named */

/* An expression and the name that its value gets elsewhere. */
typedef struct {
    char *expr, *name; /* owned */
} given_name_t;

typedef struct {
    given_name_t *items;
    size_t count;
} given_names_t;

static void add(given_names_t *self, const char *expr, const char *name, size_t name_len)
{
    self->items = tt_realloc(self->items, (self->count + 1) * sizeof *self->items);
    self->items[self->count++] = (given_name_t){tt_strdup(expr), tt_strndup(name, name_len)};
}

static void release(given_names_t *self)
{
    for (size_t i = 0; i < self->count; i++) {
        free(self->items[i].expr);
        free(self->items[i].name);
    }
    free(self->items);
    *self = (given_names_t){NULL, 0};
}

/* `x`, or `x=EXPR`. */
static void add_word(given_names_t *self, const char *word)
{
    size_t len = words_assigned(word);
    if (len == 0)
        add(self, word, word, strlen(word));
    else
        add(self, word + len + strspn(word + len, " \t\n="), word, len);
}

/* Whether these are several, `a b x=1`, and not one expression with blanks, `x=a + b`. */
static bool are_names(const words_list_t *words)
{
    for (size_t i = 0; i < words->count; i++) {
        size_t len = words_assigned(words->items[i]);
        if (len ? words->items[i][len + 1] == 0 : words->items[i][0] == '=')
            return false;
        if (len == 0 && words_name(words->items[i]) == 0)
            return false;
    }
    return true;
}

/* Reads one item between commas: `a b`, `x=EXPR`, `EXPR as NAME`. */
static int read_item(given_names_t *self, char *item, bool takes_as, tt_error_t *err)
{
    words_list_t words;
    char *name = takes_as ? words_as(item) : NULL;
    if (name) {
        add(self, item, name, strlen(name));
        return 0;
    }
    if (words_split(&words, item, err) != 0)
        return -1;
    if (words.count > 1 && are_names(&words))
        for (size_t i = 0; i < words.count; i++)
            add_word(self, words.items[i]);
    else
        add_word(self, item);
    words_list_release(&words);
    return 0;
}

static int read_names(given_names_t *self, const char *text, bool takes_as, tt_error_t *err)
{
    words_list_t items;
    int rc = 0;
    *self = (given_names_t){NULL, 0};
    if (words_items(&items, text, err) != 0)
        return -1;
    for (size_t i = 0; i < items.count && rc == 0; i++)
        rc = read_item(self, items.items[i], takes_as, err);
    words_list_release(&items);
    if (rc != 0)
        release(self);
    return rc;
}

/* The call's names and targets; `usage` when there are none. Returns 0, or 2 after a message,
 * then there is nothing to release. */
static int read_call(session_t *session, const magic_call_t *call, bool takes_as,
                     const char *usage, given_names_t *names, magic_targets_t *targets)
{
    char shown[32];
    tt_error_t err;
    size_t named = call->statement->name_count;
    snprintf(shown, sizeof shown, "%%%s", call->magic->name);
    if (read_names(names, call->rest, takes_as, &err) != 0)
        return session_complain(session, shown, 2, "%s", err.text);
    bool fits = names->count > 0 && (named == 0 || (takes_as && named == names->count));
    int status = fits ? magic_get_targets(session, call, targets)
                      : session_complain(session, shown, 2, "takes %s", usage);
    if (status == 0)
        magic_keep_ours(session, targets);
    else
        release(names);
    return status;
}

/* ---- %push */

static void pack_set(tt_buf_t *args, const char *name, const char *kind)
{
    tt_pack_array(args, 4);
    tt_pack_text(args, name);
    tt_pack_text(args, kind);
}

void magic_pack_set(tt_buf_t *args, const char *name, size_t frame_count)
{
    pack_set(args, name, "value");
    tt_pack_array(args, 1);
    tt_pack_uint(args, frame_count);
    tt_pack_nil(args);
}

/* One job for each name: SET on every target. */
static int push_one(session_t *session, const magic_call_t *call, const given_name_t *name,
                    const magic_targets_t *targets)
{
    tt_frames_t group;
    tt_buf_t args;
    magic_task_t task = {.op = TT_RT_SET, .args = &args, .frames = &group, .label = call->text};
    int status = given_value(session, "%push", name->expr, &group);
    if (status != 0)
        return status;
    tt_buf_init(&args);
    magic_pack_set(&args, name->name, group.count);
    job_t *job = magic_submit(session, targets, &task);
    tt_buf_release(&args);
    job->scalar = false;
    job->deed = magic_note(session, targets, &(deed_t){.text = name->expr, .name = name->name});
    return magic_start_job(session, call, job);
}

int magic_push(session_t *session, const magic_call_t *call)
{
    given_names_t names;
    magic_targets_t targets;
    int status =
        read_call(session, call, false, "names, as in %push x y, or x=EXPR", &names, &targets);
    if (status != 0)
        return status;
    for (size_t i = 0; i < names.count && status == 0; i++)
        status = push_one(session, call, &names.items[i], &targets);
    release(&names);
    magic_free_targets(&targets);
    return status;
}

/* ---- %pull, %gather */

/* A name or an expression: in a shell it is a variable, so this is no EXECUTE. */
static int pull_one(session_t *session, const magic_call_t *call,
                    const magic_targets_t *targets, const char *expr, const char *name,
                    bool joined)
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
    tt_pack_text(&args, expr);
    tt_pack_text(&args, "value");
    magic_task_t task = {.op = TT_RT_GET, .args = &args, .label = call->text, .keep = !joined};
    job_t *job = magic_submit(session, targets, &task);
    job->one = true;
    job->joined = joined;
    tt_buf_release(&args);
    return magic_start_job(session, &inner, job);
}

static int pull(session_t *session, const magic_call_t *call, const char *usage, bool joined)
{
    given_names_t names;
    magic_targets_t targets;
    char *const *given = call->statement->names;
    int status = read_call(session, call, true, usage, &names, &targets);
    if (status != 0)
        return status;
    for (size_t i = 0; i < names.count && status == 0; i++)
        status = pull_one(session, call, &targets, names.items[i].expr,
                          call->statement->name_count ? given[i] : names.items[i].name, joined);
    release(&names);
    magic_free_targets(&targets);
    return status;
}

int magic_pull(session_t *session, const magic_call_t *call)
{
    return pull(session, call, "names, as in %pull x y or a, b = %pull x, y or %pull EXPR as x",
                false);
}

int magic_gather(session_t *session, const magic_call_t *call)
{
    if (call->statement->background)
        return session_complain(session, "%gather", 2,
                                "joins what it waits for: no trailing &");
    return pull(session, call, "names, as in %gather x or %gather x as y", true);
}

/* ---- %scatter */

/* How a sequence of the local language is taken apart: into a part for each target, or, where
 * the language has no such way, into its items. */
static char *parts_expr(const session_t *session, const magic_call_t *call, const char *expr,
                        size_t count)
{
    if (strcmp(session->language, "python") != 0)
        return tt_strdup(expr);
    return tt_printf(GIVEN_PARTS "partition((%s), %zu, %s)", expr, count,
                     words_has(&call->words, "flatten") ? "True" : "False");
}

/* Sends the groups `from` to `to` to one target. */
static void submit_part(session_t *session, job_t *job, size_t index, const char *name,
                        given_items_t *items, size_t from, size_t to)
{
    bool whole = strcmp(session->language, "python") == 0;
    tt_buf_t args;
    tt_frames_t frames, groups;
    tt_buf_init(&args);
    tt_frames_init(&frames);
    tt_frames_init(&groups);
    pack_set(&args, name, whole ? "value" : "list");
    tt_pack_array(&args, to - from);
    for (size_t i = from; i < to; i++)
        tt_pack_uint(&args, given_group(items, i, &groups));
    tt_pack_nil(&args);
    tt_frames_take_buf(&frames, &args);
    tt_frames_share_all(&frames, &groups);
    tt_frames_release(&groups);
    tt_buf_release(&args);
    tt_submit_t submit = {.op = TT_RT_SET,
                          .engines = &job->engines[index],
                          .engine_count = 1,
                          .label = job->source,
                          .handlers = &job_item_handlers,
                          .arg = job_item_new(job, index, 1)};
    job->parts[index].sent_ns = tt_now_ns();
    job->client_jobs[index] = tt_client_submit(session->client, &submit, &frames);
}

static job_t *submit_parts(session_t *session, const magic_call_t *call,
                           const magic_targets_t *targets, const char *name,
                           given_items_t *items)
{
    size_t parts = targets->count, least = items->count / parts, longer = items->count % parts;
    job_t *job = job_new(session->number, call->text, parts);
    job->each = true;
    job->submitted = job->engine_count = parts;
    job->engines = tt_alloc((parts + 1) * sizeof *job->engines);
    memcpy(job->engines, targets->ids, parts * sizeof *targets->ids);
    for (size_t i = 0, from = 0, to; i < parts; i++, from = to) {
        to = from + least + (i < longer);
        job->parts[i].engine = targets->ids[i];
        submit_part(session, job, i, name, items, from, to);
    }
    return job;
}

int magic_scatter(session_t *session, const magic_call_t *call)
{
    magic_targets_t targets = {0};
    given_items_t items = {.count = 0};
    char *expr = tt_strdup(call->rest), *name = words_as(expr);
    int status = 0;
    if (name == NULL && words_name(expr) == strlen(expr) && *expr)
        name = expr;
    if (name == NULL)
        status =
            session_complain(session, "%scatter", 2,
                             "takes a sequence and a name, as in %%scatter range(32) as x");
    if (status == 0)
        status = magic_get_targets(session, call, &targets);
    if (status == 0) {
        magic_keep_ours(session, &targets);
        char *parts = parts_expr(session, call, expr, targets.count);
        status = given_items(session, "%scatter", &parts, 1, &items);
        free(parts);
    }
    if (status == 0)
        status =
            magic_start_job(session, call, submit_parts(session, call, &targets, name, &items));
    given_items_release(&items);
    magic_free_targets(&targets);
    free(expr);
    return status;
}
