/* Running statements: each goes to the local engine or to its magic. See session.h. */
#include "magic.h"
#include "option.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* `--out NAME` is `NAME =` in front. */
static int run_options(session_t *self, magic_call_t *call, const char *shown)
{
    statement_t named = *call->statement;
    const char *out = words_value(&call->words, "out");
    char *names[] = {(char *)(uintptr_t)out};
    if (out == NULL)
        return call->magic->run(self, call);
    if (named.name_count > 0)
        return session_complain(self, shown, 2, "takes NAME = or --out NAME, not both");
    named.names = names;
    named.name_count = 1;
    call->statement = &named;
    return call->magic->run(self, call);
}

static int run_magic(session_t *self, const statement_t *statement, const char *text)
{
    const magic_t *magic = magic_find_for(self, statement->magic);
    char shown[80];
    tt_error_t err;
    magic_call_t call = {.statement = statement, .text = text, .magic = magic};
    snprintf(shown, sizeof shown, "%%%.60s", statement->magic);
    if (magic == NULL) {
        const char *names[64];
        size_t count = 0;
        for (const magic_t *row = magics; row->name && count < 64; row++)
            if (magic_find_for(self, row->name))
                names[count++] = row->name;
        const char *closest = tt_closest(statement->magic, names, count);
        return session_complain(self, NULL, 2, "no magic '%s'%s%s%s; %%help lists them", shown,
                                closest ? ": did you mean '%" : "", closest ? closest : "",
                                closest ? "'" : "");
    }
    if (statement->body && !(magic->flags & GRAMMAR_CELL))
        return session_complain(self, shown, 2, "is no cell: one %% and one line");
    if (statement->name_count > 0 && !(magic->flags & GRAMMAR_NAMES))
        return session_complain(self, shown, 2, "gives no value: write it without '%s ='",
                                statement->names[0]);
    if (magic->flags & GRAMMAR_LOCAL) /* its options are its own */
        return magic->run(self, &call);
    if (words_options(&call.words, shown, statement->rest, magic->options, magic->option_count,
                      &err) != 0)
        return session_complain(self, NULL, 2, "%s", err.text);
    call.rest = call.words.rest;
    int status = run_options(self, &call, shown);
    words_release(&call.words);
    return status;
}

/* `%NAME?`, or `?` alone. */
static int run_magic_help(session_t *self, const statement_t *statement)
{
    statement_t help = {
        .kind = STATEMENT_MAGIC, .magic = (char *)(uintptr_t) "help", .rest = statement->rest};
    return run_magic(self, &help, statement->rest);
}

static int run_help(session_t *self, const statement_t *statement)
{
    if (statement->rest[0] == '%' || statement->rest[0] == 0)
        return run_magic_help(self, statement);
    return session_inspect(self, statement->rest, statement->detail);
}

/* What the local engine would do, so that %autopx takes it to the targets. */
static bool is_local(const session_t *self, const statement_t *statement)
{
    const magic_t *magic = statement->magic ? magic_find_for(self, statement->magic) : NULL;
    return statement->kind == STATEMENT_PLAIN || statement->kind == STATEMENT_SHELL ||
           (statement->kind == STATEMENT_HELP && statement->rest[0] &&
            statement->rest[0] != '%') ||
           (magic && magic->flags & GRAMMAR_LOCAL);
}

int session_statement(session_t *self, const statement_t *statement, const char *text)
{
    if (self->autopx && is_local(self, statement))
        return magic_px_typed(self, text);
    switch (statement->kind) {
    case STATEMENT_EMPTY:
        return 0;
    case STATEMENT_PLAIN:
        return session_run_plain(self, statement->rest);
    case STATEMENT_SHELL:
        return session_run_shell(self, text, statement);
    case STATEMENT_HELP:
        return run_help(self, statement);
    default:
        return run_magic(self, statement, text);
    }
}

grammar_rules_t session_rules(const session_t *self)
{
    bool shell = strcmp(self->language, "sh") == 0;
    return (grammar_rules_t){shell, shell ? magic_about_shell : magic_about};
}

void session_settle(session_t *self)
{
    for (job_t *job = self->jobs; job;) {
        job_t *next = job->next;
        if (job->done && !job->shown && !job->adopted) {
            int status = session_finish_job(self, job);
            job->failed = status != 0 && !job->cancelled; /* that was asked for */
        }
        job = next;
    }
    session_trim_jobs(self);
}

static void remember(session_t *self, const char *text)
{
    if (self->typed_count == ENTRIES_MAX)
        return;
    if (self->typed_count == self->typed_cap) {
        self->typed_cap = self->typed_cap ? self->typed_cap * 2 : 64;
        self->typed = tt_realloc(self->typed, self->typed_cap * sizeof *self->typed);
    }
    self->typed[self->typed_count++] = (entry_t){self->number, tt_strdup(text)};
}

static int run_block(session_t *self, const source_block_t *block)
{
    grammar_rules_t rules = session_rules(self);
    statement_t statement;
    tt_error_t err;
    session_settle(self);
    self->news = false;
    self->number++;
    self->line = block->line;
    self->placed = false;
    if (grammar_parse(&statement, block->text, block->len, &rules, &err) != 0)
        return session_complain(self, NULL, 2, "%s", err.text);
    char *text = tt_strndup(block->text, block->len);
    remember(self, text);
    int status = session_statement(self, &statement, text);
    free(text);
    grammar_release(&statement);
    return status;
}

int session_run(session_t *self, const char *file, const char *text, size_t len)
{
    grammar_rules_t rules = session_rules(self);
    source_t *source = source_new(file, text, len, &rules);
    source_block_t block;
    int status = 0;
    self->file = file;
    while (status == 0 && !self->leave && source_next(source, &block)) {
        while (block.plain && session_check(self, block.text, block.len, NULL) == CODE_MORE &&
               source_extend(source, &block))
            continue;
        self->pressed = false;
        status = run_block(self, &block);
        rules = session_rules(self); /* it may have been %lang */
        source_set_rules(source, &rules);
        if (status == 0 && self->pressed)
            status = 1; /* it met nothing that it could end */
        if (status != 0 && *self->file && !self->placed)
            session_complain(self, NULL, status, "stopped at: %.*s",
                             (int)grammar_line(block.text, block.len), block.text);
        if (!tt_client_alive(self->client) && status != 0)
            status = 3;
    }
    source_destroy(&source);
    self->file = "";
    return self->leave ? self->exit_status : status;
}
