/* What magics share that send work to engines: which engines are meant, and the job that comes
 * of it. */
#include "keep.h"
#include "labels.h"
#include "magic.h"
#include "option.h"
#include "pack.h"
#include "screen.h"
#include "target.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- which engines */

/* Whether the set names engines. */
static bool is_set(const session_t *session, const char *set)
{
    int *ids;
    size_t count;
    if (session_find_targets(session, set, &ids, &count) != 0)
        return false;
    free(ids);
    return true;
}

/* `@sh: CODE` is `@@sh: CODE` where no host has that name. The caller's to free. */
static char *set_of_line(const session_t *session, const char *set)
{
    char *label = tt_printf("@%s", set);
    if (!is_set(session, set) && is_set(session, label))
        return label;
    free(label);
    return tt_strdup(set);
}

/* Keeps those whose labels have what the work needs. Returns 0, or an exit status. */
static int keep_able(session_t *session, const char *needs, magic_targets_t *targets)
{
    tt_error_t err;
    size_t kept = 0;
    if (tt_labels_check(needs, &err) != 0)
        return session_complain(session, "--needs", 2, "%s", err.text);
    for (size_t i = 0; i < targets->count; i++) {
        const tt_engine_t *engine = tt_client_engine(session->client, targets->ids[i]);
        if (engine && tt_labels_meet(engine->labels, needs))
            targets->ids[kept++] = targets->ids[i];
    }
    targets->count = kept;
    return kept > 0 ? 0
                    : session_complain(session, NULL, 1,
                                       "no engine has %s; %%status shows their labels", needs);
}

int magic_get_targets(session_t *session, const magic_call_t *call, magic_targets_t *targets)
{
    const char *set = words_value(&call->words, "targets");
    const char *exclude = words_value(&call->words, "exclude");
    char *own = NULL;
    if (call->statement->targets)
        set = own = set_of_line(session, call->statement->targets);
    *targets = (magic_targets_t){.bare = set == NULL && strcmp(session->targets, "all") == 0};
    int status = session_targets(session, set, exclude, &targets->ids, &targets->count,
                                 &targets->scalar);
    free(own);
    const char *needs = words_value(&call->words, "needs");
    return status == 0 && needs ? keep_able(session, needs, targets) : status;
}

void magic_free_targets(magic_targets_t *self)
{
    free(self->ids);
    *self = (magic_targets_t){0};
}

static const char *language_of(const session_t *session, int id)
{
    const tt_engine_t *engine = tt_client_engine(session->client, id);
    return engine ? engine->language : "";
}

static size_t count_language(const session_t *session, const magic_targets_t *targets,
                             const char *language)
{
    size_t found = 0;
    for (size_t i = 0; i < targets->count; i++)
        found += strcmp(language_of(session, targets->ids[i]), language) == 0;
    return found;
}

bool magic_all_shell(const session_t *session, const magic_targets_t *targets)
{
    if (targets->bare && count_language(session, targets, session->language) > 0)
        return strcmp(session->language, "sh") == 0;
    return count_language(session, targets, "sh") == targets->count;
}

bool magic_all_ipython(const session_t *session, const magic_targets_t *targets)
{
    for (size_t i = 0; i < targets->count; i++) {
        const tt_engine_t *engine = tt_client_engine(session->client, targets->ids[i]);
        if (engine == NULL || strcmp(engine->kind, "ipython") != 0)
            return false;
    }
    return targets->count > 0;
}

/* `engines of other languages are left out: 2 sh; %targets @sh` */
static void tell_left_out(session_t *session, const magic_targets_t *targets)
{
    const char *first = NULL;
    char told[64] = "";
    tt_buf_t line;
    if (session->left_out)
        return;
    session->left_out = true;
    tt_buf_init(&line);
    for (size_t i = 0; i < targets->count; i++) {
        const char *language = language_of(session, targets->ids[i]);
        if (strcmp(language, session->language) == 0 || strcmp(language, told) == 0)
            continue;
        snprintf(told, sizeof told, "%s", language);
        tt_buf_printf(&line, "%s%zu %s", first ? ", " : "",
                      count_language(session, targets, language), language);
        first = first ? first : language;
    }
    screen_note("engines of other languages are left out: %s; %%targets @%s\n",
                tt_buf_text(&line), first);
    tt_buf_release(&line);
}

void magic_keep_ours(session_t *session, magic_targets_t *targets)
{
    size_t ours = count_language(session, targets, session->language), kept = 0;
    if (!targets->bare || ours == 0 || ours == targets->count)
        return;
    tell_left_out(session, targets);
    for (size_t i = 0; i < targets->count; i++)
        if (strcmp(language_of(session, targets->ids[i]), session->language) == 0)
            targets->ids[kept++] = targets->ids[i];
    targets->count = kept;
}

/* ---- what is meant from here on */

int magic_set_targets(session_t *session, const char *set, const char *exclude)
{
    int *ids;
    size_t count;
    int status = session_targets(session, set, exclude, &ids, &count, NULL);
    if (status != 0)
        return status;
    free(ids);
    char *new_set = tt_strdup(set), *new_exclude = exclude ? tt_strdup(exclude) : NULL;
    free(session->targets);
    free(session->exclude);
    session->targets = new_set;
    session->exclude = new_exclude;
    return 0;
}

/* Appends `0-3 (python on web[1-2])` for the targets of the language of the first one that was
 * not told yet. */
static void tell_language(const session_t *session, const magic_targets_t *targets,
                          const char *language, tt_buf_t *out)
{
    size_t found = 0;
    int *ids = tt_alloc((targets->count + 1) * sizeof *ids);
    const char **hosts = tt_alloc((targets->count + 1) * sizeof *hosts);
    for (size_t i = 0; i < targets->count; i++) {
        const tt_engine_t *engine = tt_client_engine(session->client, targets->ids[i]);
        if (engine == NULL || strcmp(engine->language, language) != 0)
            continue;
        hosts[found] = engine->host;
        ids[found++] = targets->ids[i];
    }
    tt_target_format(out, ids, found);
    tt_buf_printf(out, " (%s on ", language);
    tt_target_nodes(out, hosts, found);
    tt_buf_printf(out, ")");
    free(ids);
    free(hosts);
}

/* Whether one of the targets in front of this one has its language. */
static bool is_told(const session_t *session, const magic_targets_t *targets, size_t index,
                    const char *language)
{
    for (size_t i = 0; i < index; i++)
        if (strcmp(language_of(session, targets->ids[i]), language) == 0)
            return true;
    return false;
}

int magic_tell_targets(session_t *session, tt_buf_t *out)
{
    magic_targets_t targets = {0};
    int status =
        session_targets(session, NULL, NULL, &targets.ids, &targets.count, &targets.scalar);
    if (status != 0)
        return status;
    tt_buf_printf(out, "%s%s%s: ", session->targets, session->exclude ? " -x " : "",
                  session->exclude ? session->exclude : "");
    for (size_t i = 0; i < targets.count; i++) {
        const char *language = language_of(session, targets.ids[i]);
        if (is_told(session, &targets, i, language))
            continue;
        tt_buf_printf(out, "%s", i ? ", " : "");
        tell_language(session, &targets, language, out);
    }
    magic_free_targets(&targets);
    return 0;
}

/* ---- jobs */

/* Gives the call's names to the job. */
static void take_names(job_t *job, const statement_t *statement)
{
    job->names = tt_alloc((statement->name_count + 1) * sizeof *job->names);
    job->name_count = statement->name_count;
    for (size_t i = 0; i < statement->name_count; i++)
        job->names[i] = tt_strdup(statement->names[i]);
}

/* `[6] running on 0-3`; of a map nobody knows where. */
static void tell_running(const job_t *job)
{
    tt_buf_t who;
    tt_buf_init(&who);
    fold_member_t *members = tt_alloc((job->engine_count + 1) * sizeof *members);
    for (size_t i = 0; i < job->engine_count; i++)
        members[i].id = job->engines[i];
    if (!job->map)
        label_names(&who, members, job->engine_count,
                    &(label_style_t){.total = job->engine_count});
    fprintf(stderr, "[%d] running%s%s\n", job->number, who.len > 0 ? " on " : "",
            tt_buf_text(&who));
    free(members);
    tt_buf_release(&who);
}

int magic_start_job(session_t *session, const magic_call_t *call, job_t *job)
{
    take_names(job, call->statement);
    const char *name = words_value(&call->words, "name");
    job->name = name ? tt_strdup(name) : NULL;
    job->background |= call->statement->background || words_has(&call->words, "noblock");
    session_add_job(session, job);
    return magic_await_job(session, job);
}

int magic_await_job(session_t *session, job_t *job)
{
    if (job->background) {
        tell_running(job);
        return session_bind_handle(session, job);
    }
    if (!session_wait(session, job, -1)) {
        job->background = true;
        fprintf(stderr, "[%d] goes on in the background\n", job->number);
        return 1;
    }
    return session_finish_job(session, job);
}

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

int magic_seconds(session_t *session, const char *option, const char *text, double *seconds)
{
    *seconds = -1;
    if (strcmp(text, "-1") == 0 || tt_seconds(text, seconds) == 0)
        return 0;
    return session_complain(session, NULL, 2, "--%s takes seconds, or -1, not '%s'", option,
                            text);
}

/* Options that say how answers are shown; -1: nothing of that. */
static const struct {
    const char *option, *value; /* value: the option's, NULL: it has none */
    int apart, stream;
} views[] = {
    {"stream", NULL, -1, STREAM_AT_ONCE},
    {"no-stream", NULL, -1, STREAM_AT_END},
    {"fold", NULL, false, -1},
    {"no-fold", NULL, true, -1},
    {"group-outputs", "engine", true, -1},
    {"group-outputs", "type", false, -1},
    {"group-outputs", "order", false, -1},
};

enum { VIEWS = sizeof views / sizeof *views };

static int set_view(session_t *session, job_view_t *view, const words_choice_t *choice)
{
    const char *name = choice->option->name, *value = choice->value;
    bool known = false;
    if (strcmp(name, "progress-after") == 0) {
        view->has_progress_after = true;
        return magic_seconds(session, name, value, &view->progress_after_s);
    }
    for (size_t i = 0; i < VIEWS; i++) {
        if (strcmp(views[i].option, name) != 0)
            continue;
        known = true;
        if (views[i].value && strcmp(views[i].value, value) != 0)
            continue;
        if (views[i].apart >= 0)
            view->apart = views[i].apart;
        if (views[i].stream >= 0)
            view->stream = (unsigned)views[i].stream;
        return 0;
    }
    return known ? session_complain(session, NULL, 2,
                                    "--%s takes type, order or engine, not '%s'", name, value)
                 : 0;
}

int magic_view(session_t *session, const words_t *words, job_view_t *view)
{
    int status = 0;
    for (size_t i = 0; i < words->count && status == 0; i++)
        status = set_view(session, view, &words->choices[i]);
    return status;
}

job_t *magic_submit(session_t *session, const magic_targets_t *targets,
                    const magic_task_t *task)
{
    job_t *job = job_new(session->number, task->label, targets->count);
    tt_frames_t frames;
    tt_buf_t args;
    job->engine_count = targets->count;
    job->engines = tt_alloc((targets->count + 1) * sizeof *job->engines);
    memcpy(job->engines, targets->ids, targets->count * sizeof *targets->ids);
    job->scalar = targets->scalar;
    for (size_t i = 0; i < targets->count; i++)
        job->parts[i].engine = targets->ids[i];
    job_name_hosts(job, session->client);
    tt_buf_init(&args);
    tt_buf_append(&args, task->args->data, task->args->len);
    tt_frames_init(&frames);
    tt_frames_take_buf(&frames, &args);
    if (task->frames) {
        tt_frames_share_all(&frames, task->frames);
        tt_frames_release(task->frames);
    }
    tt_buf_release(&args);
    if (task->keep)
        keep_begin(session, job);
    tt_submit_t submit = {.op = task->op,
                          .keep = job->keep,
                          .engines = targets->ids,
                          .engine_count = targets->count,
                          .label = task->label,
                          .now = task->now,
                          .timeout_ms = task->timeout_ms,
                          .handlers = &job_px_handlers,
                          .arg = job};
    for (size_t i = 0; i < job->part_count; i++)
        job->parts[i].sent_ns = tt_now_ns();
    job->client_jobs[0] = tt_client_submit(session->client, &submit, &frames);
    return job;
}

static void pack_execute(tt_buf_t *args, const session_t *session, const char *code,
                         unsigned flags)
{
    char name[32];
    snprintf(name, sizeof name, "In [%d]", session->number);
    tt_pack_array(args, 3);
    tt_pack_text(args, code);
    tt_pack_text(args, name);
    tt_pack_uint(args, flags);
}

static void tell_where(const magic_targets_t *targets)
{
    tt_buf_t line;
    tt_buf_init(&line);
    tt_target_format(&line, targets->ids, targets->count);
    screen_note("Parallel execution on engine(s): %s\n", tt_buf_text(&line));
    tt_buf_release(&line);
}

/* Runs it here as well, whatever %autopx says. Returns its exit status. */
static int run_here(session_t *session, const magic_code_t *code)
{
    if (code->here == NULL)
        return 0;
    bool autopx = session->autopx;
    session->autopx = false;
    int status = session_statement(session, code->here, code->code);
    session->autopx = autopx;
    return status;
}

int magic_execute(session_t *session, const magic_call_t *call, const magic_targets_t *targets,
                  const magic_code_t *code)
{
    tt_buf_t args;
    magic_task_t task = {.op = TT_RT_EXECUTE, .args = &args, .label = code->code, .keep = true};
    bool named = call->statement->name_count > 0;
    const px_config_t *config = &session->px;
    job_view_t view = code->px ? config->view : (job_view_t){0};
    int status = magic_timeout(session, call, &task.timeout_ms);
    if (status == 0)
        status = magic_view(session, &call->words, &view);
    if (status != 0)
        return status;
    view.diff = code->diff;
    if (code->px && task.timeout_ms == 0)
        task.timeout_ms = config->timeout_ms;
    if (words_has(&call->words, "verbose") || (code->px && config->verbose))
        tell_where(targets);
    /* Values travel only when they are assigned; otherwise their repr does. */
    tt_buf_init(&args);
    pack_execute(&args, session, code->code,
                 code->flags | (named ? TT_EXECUTE_VALUE | TT_EXECUTE_QUIET : 0));
    job_t *job = magic_submit(session, targets, &task);
    tt_buf_release(&args);
    job->px = code->px;
    if (code->px && !code->diff && !(code->flags & TT_EXECUTE_SHELL))
        job->deed =
            magic_note(session, targets, &(deed_t){.text = code->code, .flags = code->flags});
    job->view = view;
    job->background = code->px && config->noblock && !words_has(&call->words, "block");
    int here = run_here(session, code);
    status = magic_start_job(session, call, job);
    return status ? status : here;
}

/* ---- files */

int magic_write_file(session_t *session, const char *magic, const char *path, bool append,
                     tt_span_t text)
{
    FILE *file = fopen(path, append ? "ae" : "we");
    if (file == NULL)
        return session_complain(session, magic, 2, "cannot write '%s': %s", path,
                                strerror(errno));
    bool written = fwrite(text.data, 1, text.len, file) == text.len;
    written &= fclose(file) == 0;
    return written ? 0
                   : session_complain(session, magic, 1, "cannot write '%s': %s", path,
                                      strerror(errno));
}
