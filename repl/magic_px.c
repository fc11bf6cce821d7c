/* %px, %%px, @SET:, %diff and %sh: code and commands on the engines. What stands behind %px may
 * be anything that can be typed without it: `!uptime`, `%cd DIR` and `obj?` are done on the
 * targets. Also %autopx and %pxconfig, which say how. */
#include "magic.h"
#include "option.h"
#include "screen.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- what is to be done */

/* A call of %px on its way: `inner` is what stands behind the options. */
typedef struct {
    session_t *session;
    const magic_call_t *call;
    magic_targets_t targets;
    const char *code;
    const statement_t *inner;
    bool diff;
} px_t;

/* As code of the targets' language. */
static int run_code(px_t *self, const char *code, unsigned flags)
{
    bool here = words_has(&self->call->words, "local");
    magic_code_t work = {code, flags, true, self->diff, here ? self->inner : NULL};
    if (!(flags & TT_EXECUTE_SHELL))
        magic_keep_ours(self->session, &self->targets);
    return magic_execute(self->session, self->call, &self->targets, &work);
}

static int run_plain(px_t *self)
{
    return run_code(self, self->code, 0);
}

/* `!!ls` and `files = !ls` are the language's own; IPython's is `!ls`, too, with its `{name}`.
 */
static int run_shell(px_t *self)
{
    const statement_t *inner = self->inner;
    if (inner->capture || inner->name_count > 0 ||
        magic_all_ipython(self->session, &self->targets))
        return run_code(self, self->code, TT_EXECUTE_MAGIC);
    return run_code(self, inner->rest, TT_EXECUTE_SHELL);
}

/* The magics that engines do by themselves: `%time, %timeit, ...`. */
static void list_local(tt_buf_t *out)
{
    for (const magic_t *row = magics; row->name; row++)
        if (row->flags & GRAMMAR_LOCAL)
            tt_buf_printf(out, "%s%%%s", out->len ? ", " : "", row->name);
}

static bool is_who(const char *name)
{
    return strcmp(name, "who") == 0 || strcmp(name, "whos") == 0;
}

/* Whether a person looks at it: neither a program nor a name wants it. */
static bool is_shown(const px_t *self)
{
    return !self->session->json && self->call->statement->name_count == 0 &&
           self->inner->name_count == 0;
}

static int run_who(px_t *self)
{
    magic_keep_ours(self->session, &self->targets);
    return magic_who(self->session, self->call, &self->targets, self->inner->rest);
}

static int run_inner_magic(px_t *self)
{
    const char *name = self->inner->magic;
    const magic_t *magic = magic_find(name);
    tt_buf_t list;
    if (magic_all_shell(self->session, &self->targets))
        return session_complain(self->session, "%px", 2,
                                "a shell has no %%%s: write it as the shell does", name);
    if (magic && is_who(name) && is_shown(self))
        return run_who(self);
    if ((magic && magic->flags & GRAMMAR_LOCAL) ||
        magic_all_ipython(self->session, &self->targets))
        return run_code(self, self->code, TT_EXECUTE_MAGIC);
    if (magic)
        return session_complain(self->session, "%px", 2,
                                "%%%s is for the prompt: type it without %%px", name);
    tt_buf_init(&list);
    list_local(&list);
    int status = session_complain(self->session, "%px", 2, "engines have no %%%s; they have %s",
                                  name, tt_buf_text(&list));
    tt_buf_release(&list);
    return status;
}

static int refuse_cell(px_t *self)
{
    return session_complain(self->session, "%px", 2,
                            "takes one line; for '%%%%%s' open a cell with %%%%px",
                            self->inner->magic);
}

static int refuse_at(px_t *self)
{
    return session_complain(self->session, "%px", 2,
                            "has its targets already: '@%s:' stands alone, without %%px",
                            self->inner->targets);
}

static int run_question(px_t *self)
{
    const statement_t *inner = self->inner;
    if (inner->rest[0] == 0 || inner->rest[0] == '%')
        return session_complain(self->session, "%px", 2,
                                "help on magics is at the prompt: %s? without %%px",
                                inner->rest[0] ? inner->rest : "");
    if (self->call->statement->name_count > 0)
        return session_complain(self->session, "%px", 2, "%s? is shown, it has no value",
                                inner->rest);
    magic_keep_ours(self->session, &self->targets);
    return magic_inspect(self->session, &self->targets, inner->rest, inner->detail);
}

static int (*const runners[])(px_t *) = {
    [STATEMENT_EMPTY] = run_plain,       [STATEMENT_PLAIN] = run_plain,
    [STATEMENT_MAGIC] = run_inner_magic, [STATEMENT_CELL] = refuse_cell,
    [STATEMENT_SHELL] = run_shell,       [STATEMENT_AT] = refuse_at,
    [STATEMENT_HELP] = run_question,
};

/* Whether a line of several is a magic or a shell command. */
static bool has_magics(const char *code)
{
    for (size_t len; *code; code += len + (code[len] == '\n')) {
        len = strcspn(code, "\n");
        statement_kind_t kind = grammar_look(code, len, NULL);
        if (kind == STATEMENT_MAGIC || kind == STATEMENT_CELL || kind == STATEMENT_SHELL)
            return true;
    }
    return false;
}

/* Whether the code is more than one logical line. */
static bool is_block(const char *code)
{
    size_t len = strlen(code);
    while (len > 0 && strchr(" \t\r\n", code[len - 1]))
        len--;
    return grammar_line(code, len) < len;
}

static int run_block(px_t *self)
{
    statement_t here = {.kind = STATEMENT_PLAIN, .rest = (char *)(uintptr_t)self->code};
    self->inner = &here;
    return run_code(self, self->code, has_magics(self->code) ? TT_EXECUTE_MAGIC : 0);
}

static int run_line(px_t *self)
{
    statement_t inner;
    tt_error_t err;
    bool shell = magic_all_shell(self->session, &self->targets);
    grammar_rules_t rules = {shell, magic_about};
    if (grammar_parse(&inner, self->code, strlen(self->code), &rules, &err) != 0)
        return session_complain(self->session, "%px", 2, "%s", err.text);
    self->inner = &inner;
    int status = runners[inner.kind](self);
    grammar_release(&inner);
    return status;
}

static int run(session_t *session, const magic_call_t *call, const char *code, bool diff)
{
    px_t self = {.session = session, .call = call, .code = code, .diff = diff};
    int status = magic_get_targets(session, call, &self.targets);
    if (status == 0)
        status = call->statement->body || is_block(code) ? run_block(&self) : run_line(&self);
    magic_free_targets(&self.targets);
    return status;
}

/* The code of a line or a cell; NULL after a message. */
static const char *code_of(session_t *session, const magic_call_t *call, const char *hint)
{
    const char *body = call->statement->body, *code = body ? body : call->rest;
    char name[32];
    snprintf(name, sizeof name, "%s%s", body ? "%%" : "%", call->magic->name);
    if (body && call->rest[strspn(call->rest, " \t\n")])
        return session_complain(session, name, 2, "takes its code on the lines below"), NULL;
    if (code[strspn(code, " \t\n")] == 0)
        return session_complain(session, name, 2, "takes %s", hint), NULL;
    return code;
}

int magic_px(session_t *session, const magic_call_t *call)
{
    const char *code = code_of(session, call, "code, as in %px import os; os.getpid()");
    uint64_t unused;
    if (code == NULL || magic_timeout(session, call, &unused) != 0)
        return 2;
    return run(session, call, code, false);
}

/* ---- %diff */

/* The latest job of engines. */
static job_t *last_job(const session_t *session)
{
    job_t *last = NULL;
    for (job_t *job = session->jobs; job; job = job->next)
        if (job->done && !job->map)
            last = job;
    return last;
}

int magic_diff(session_t *session, const magic_call_t *call)
{
    const char *code = call->statement->body ? call->statement->body : call->rest;
    job_t *last = last_job(session);
    if (code[strspn(code, " \t\n")])
        return run(session, call, code, true);
    if (last == NULL || call->words.count > 0)
        return session_complain(session, "%diff", 2, "takes code, as in %%diff !pip freeze%s",
                                last ? ", or nothing" : "");
    bool diff = last->view.diff;
    last->view.diff = true;
    int status = session_finish_job(session, last);
    last->view.diff = diff;
    return status;
}

int magic_px_typed(session_t *session, const char *text)
{
    statement_t statement = {.kind = STATEMENT_MAGIC};
    magic_call_t call = {
        .statement = &statement, .text = text, .rest = text, .magic = magic_find("px")};
    return run(session, &call, text, false);
}

/* ---- %sh */

int magic_sh(session_t *session, const magic_call_t *call)
{
    const char *code = code_of(session, call, "a command, as in %sh uptime");
    magic_code_t work = {code, TT_EXECUTE_SHELL, true, false, NULL};
    magic_targets_t targets;
    if (code == NULL)
        return 2;
    int status = magic_get_targets(session, call, &targets);
    if (status == 0)
        status = magic_execute(session, call, &targets, &work);
    magic_free_targets(&targets);
    return status;
}

/* ---- how */

int magic_autopx(session_t *session, const magic_call_t *call)
{
    if (call->rest[strspn(call->rest, " \t\n")])
        return session_complain(session, "%autopx", 2, "takes nothing: it is on or off");
    session->autopx = !session->autopx;
    screen_note("%%autopx %s\n", session->autopx ? "enabled" : "disabled");
    return 0;
}

/* What is set, before it holds. */
typedef struct {
    px_config_t px;
    double progress_after_s;
} config_t;

int magic_pxconfig_check(const char *option, const char *value, tt_error_t *err)
{
    double seconds;
    if (strcmp(option, "timeout") == 0 && tt_seconds(value, &seconds) != 0)
        return tt_error_set(err, "--timeout takes seconds, not '%.80s'", value);
    if (strcmp(option, "progress-after") == 0 && strcmp(value, "-1") != 0 &&
        tt_seconds(value, &seconds) != 0)
        return tt_error_set(err, "--progress-after takes seconds, or -1, not '%.80s'", value);
    draw_way_t way;
    return strcmp(option, "draw") == 0 ? draw_find(value, &way, err) : 0;
}

static int apply(session_t *session, config_t *config, const words_choice_t *choice)
{
    const char *name = choice->option->name;
    px_config_t *px = &config->px;
    double seconds;
    tt_error_t err;
    if (magic_pxconfig_check(name, choice->value, &err) != 0)
        return session_complain(session, "%pxconfig", 2, "%s", err.text);
    if (strcmp(name, "progress-after") == 0)
        return magic_seconds(session, name, choice->value, &config->progress_after_s);
    if (strcmp(name, "draw") == 0)
        return draw_find(choice->value, &px->draw, &err);
    if (strcmp(name, "timeout") == 0 && tt_seconds(choice->value, &seconds) == 0)
        px->timeout_ms = (uint64_t)(seconds * 1000);
    if (strcmp(name, "block") == 0 || strcmp(name, "noblock") == 0)
        px->noblock = *name == 'n';
    if (strcmp(name, "verbose") == 0 || strcmp(name, "no-verbose") == 0)
        px->verbose = *name == 'v';
    return magic_view(session, &(words_t){(words_choice_t *)(uintptr_t)choice, 1, NULL},
                      &px->view);
}

/* What holds, as it could be typed. */
static int tell_config(const session_t *session)
{
    const px_config_t *config = &session->px;
    tt_buf_t line;
    tt_buf_init(&line);
    tt_buf_printf(&line, "%%pxconfig --targets %s", session->targets);
    if (session->exclude)
        tt_buf_printf(&line, " --exclude %s", session->exclude);
    static const char *const streams[] = {"", " --stream", " --no-stream"};
    tt_buf_printf(
        &line, " --%s --%s --%s%s --timeout %g --progress-after %g --draw %s\n",
        config->noblock ? "noblock" : "block", config->verbose ? "verbose" : "no-verbose",
        config->view.apart ? "no-fold" : "fold", streams[config->view.stream],
        (double)config->timeout_ms / 1000, session->progress_after_s, draw_name(config->draw));
    screen_write(1, (tt_span_t){line.data, line.len});
    tt_buf_release(&line);
    return 0;
}

int magic_pxconfig(session_t *session, const magic_call_t *call)
{
    const words_t *words = &call->words;
    const char *set = words_value(words, "targets"), *exclude = words_value(words, "exclude");
    config_t config = {session->px, session->progress_after_s};
    int status = 0;
    if (call->rest[strspn(call->rest, " \t\n")])
        return session_complain(session, "%pxconfig", 2, "takes options only, not '%s'",
                                call->rest);
    if (words->count == 0)
        return tell_config(session);
    for (size_t i = 0; i < words->count && status == 0; i++)
        status = apply(session, &config, &words->choices[i]);
    if (status == 0 && (set || exclude))
        status = magic_set_targets(session, set ? set : "all", exclude);
    if (status == 0) {
        session->px = config.px;
        session->progress_after_s = config.progress_after_s;
    }
    return status;
}

/* ---- what stays here */

int magic_local(session_t *session, const magic_call_t *call)
{
    if (call->statement->background)
        return session_complain(session, NULL, 2, "%%%s runs here, not in the background",
                                call->magic->name);
    return session_run_plain(session, call->text);
}
