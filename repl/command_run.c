/* Subcommands that run something: px, run, and lines from arguments (-c). */
#include "command.h"
#include "magic.h"
#include "stage.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SOURCE_LIMIT = 16 << 20 };

/* A cluster of the run's own is told. */
static int open_own(stage_t *stage, given_t *given)
{
    int status = stage_open(stage, given, true, NULL);
    if (!stage->own || (status != 0 && status != 4))
        return status;
    char *summary = cluster_summary(stage->session.client);
    fprintf(stderr, "tutti: started cluster '%s' for this run: %s\n", stage->dir.name, summary);
    free(summary);
    return status;
}

/* ---- sources */

/* A whole file, or standard input for "-". NULL after a message; the caller frees it. */
static char *read_source(const char *path, size_t *len)
{
    FILE *in = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
    tt_buf_t text;
    size_t got;
    tt_buf_init(&text);
    if (in == NULL) {
        command_complain(2, "cannot read '%s': %s", path, strerror(errno));
        return NULL;
    }
    while ((got = fread(tt_buf_reserve(&text, 65536), 1, 65536, in)) > 0 &&
           text.len < SOURCE_LIMIT)
        text.len += got;
    bool failed = ferror(in);
    if (in != stdin)
        fclose(in);
    if (failed || text.len >= SOURCE_LIMIT) {
        command_complain(2, "cannot read '%s': %s", path,
                         failed ? strerror(errno) : "it is over 16 MiB");
        tt_buf_release(&text);
        return NULL;
    }
    *len = text.len;
    tt_buf_text(&text);
    return (char *)text.data;
}

/* ---- commands */

/* As the magic does it: %px or %sh. */
static int run_magic(session_t *session, const given_t *given, const magic_t *magic,
                     const char *code)
{
    char limit[32];
    words_option_t targets = {'t', "targets", true, NULL},
                   exclude = {'x', "exclude", true, NULL}, timeout = {0, "timeout", true, NULL};
    words_option_t to = {0, "to", true, NULL};
    words_choice_t choices[4];
    size_t count = 0;
    snprintf(limit, sizeof limit, "%g", given->limit_s);
    if (given->targets)
        choices[count++] = (words_choice_t){&targets, (char *)(uintptr_t)given->targets};
    if (given->exclude)
        choices[count++] = (words_choice_t){&exclude, (char *)(uintptr_t)given->exclude};
    if (given->limit_s > 0)
        choices[count++] = (words_choice_t){&timeout, limit};
    if (given->to)
        choices[count++] = (words_choice_t){&to, (char *)(uintptr_t)given->to};
    statement_t statement = {.kind = STATEMENT_MAGIC};
    magic_call_t call = {.statement = &statement,
                         .text = code,
                         .words = {choices, count, code},
                         .rest = code,
                         .magic = magic};
    session->number = 1;
    return magic->run(session, &call);
}

/* The words joined by blanks, or what a file has; NULL after a message. */
static char *read_code(const given_t *given, const char *name, int argc, char **argv)
{
    size_t len;
    tt_buf_t text;
    if (given->file && argc > 0)
        return command_complain(2, "%s takes code or -f FILE, not both", name), NULL;
    if (!given->file && argc == 0)
        return command_complain(2, "%s takes code, - for standard input, or -f FILE", name),
               NULL;
    if (given->file || strcmp(argv[0], "-") == 0)
        return read_source(given->file ? given->file : "-", &len);
    tt_buf_init(&text);
    for (int i = 0; i < argc; i++)
        tt_buf_printf(&text, "%s%s", i ? " " : "", argv[i]);
    tt_buf_text(&text);
    return (char *)text.data;
}

static int run_on_engines(given_t *given, const char *name, int argc, char **argv)
{
    static stage_t stage;
    char *code = read_code(given, name, argc, argv);
    if (code == NULL)
        return 2;
    int status = stage_open(&stage, given, false, NULL);
    if (status == 0)
        status = run_magic(&stage.session, given, magic_find(name), code);
    if (stage.session.client && !tt_client_alive(stage.session.client))
        status = 3;
    free(code);
    return stage_close(&stage, status);
}

int command_px(given_t *given, int argc, char **argv)
{
    return run_on_engines(given, "px", argc, argv);
}

int command_sh(given_t *given, int argc, char **argv)
{
    return run_on_engines(given, "sh", argc, argv);
}

/* Each argument as a word of a magic's line. */
static char *quote_all(int argc, char **argv)
{
    tt_buf_t text;
    tt_buf_init(&text);
    for (int i = 0; i < argc; i++) {
        tt_buf_printf(&text, "%s'", i ? " " : "");
        for (const char *at = argv[i]; *at; at++)
            tt_buf_printf(&text, *at == '\'' ? "'\\''" : "%c", *at);
        tt_buf_printf(&text, "'");
    }
    tt_buf_text(&text);
    return (char *)text.data;
}

static int run_on_machines(given_t *given, const char *name, int argc, char **argv)
{
    static stage_t stage;
    if (argc == 0)
        return command_complain(2, "%s takes files: tutti %s --help", name, name);
    char *words = quote_all(argc, argv);
    int status = stage_open(&stage, given, false, NULL);
    if (status == 0)
        status = run_magic(&stage.session, given, magic_find(name), words);
    free(words);
    return stage_close(&stage, status);
}

int command_upload(given_t *given, int argc, char **argv)
{
    return run_on_machines(given, "upload", argc, argv);
}

int command_download(given_t *given, int argc, char **argv)
{
    return run_on_machines(given, "download", argc, argv);
}

int command_run(given_t *given, int argc, char **argv)
{
    static stage_t stage;
    size_t len;
    if (argc != 1)
        return command_complain(2, "run takes one file, or - for standard input");
    char *text = read_source(argv[0], &len);
    if (text == NULL)
        return 2;
    int status = open_own(&stage, given);
    if (status == 0 || status == 4) {
        status = session_run(&stage.session, argv[0], text, len);
        status = stage_finish_background(&stage, status);
    }
    free(text);
    return stage_close(&stage, status);
}

int command_lines(given_t *given, int argc, char **argv)
{
    static stage_t stage;
    (void)argc;
    (void)argv;
    int status = open_own(&stage, given);
    if (status == 4)
        status = 0;
    for (size_t i = 0; i < given->lines.count && status == 0 && !stage.session.leave; i++)
        status = session_run(&stage.session, "", given->lines.items[i],
                             strlen(given->lines.items[i]));
    if (status == 0)
        status = stage_finish_background(&stage, status);
    return stage_close(&stage, status);
}
