/* Subcommands that run something: px, run, and lines from arguments (-c). */
#include "command.h"
#include "magic.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CONNECT_MS = 10000, SOURCE_LIMIT = 16 << 20 };

/* ---- a session on a cluster that is there, or on one of its own */

typedef struct {
    tt_rundir_t dir;
    session_t session;
    bool own; /* started for this session: stopped at its end */
} stage_t;

/* Returns 0, or an exit status after a message. */
static int stage_open(stage_t *stage, given_t *given, bool may_start)
{
    tt_error_t err;
    pid_t pid;
    memset(stage, 0, sizeof *stage);
    if (command_check(given) != 0)
        return 2;
    int rc = may_start ? tt_rundir_prepare(given->name, &stage->dir, &err)
                       : tt_rundir_open(given->name, &stage->dir, &err);
    if (rc != 0 && (may_start || err.code != ENOENT))
        return command_complain(3, "%s", err.text);
    bool running = rc == 0 && tt_rundir_holder(&stage->dir, &pid) == 1;
    if (!running && !may_start)
        return command_complain(3, "no cluster '%s' is running; tutti start makes one",
                                given->name);
    if (!running && cluster_start_controller(&stage->dir, NULL, &err) != 0)
        return command_complain(3, "%s", err.text);
    stage->own = !running;
    tt_client_t *client =
        tt_client_open(command_loop(), &stage->dir, "tutti", NULL, NULL, CONNECT_MS, &err);
    if (client == NULL)
        return command_complain(3, "%s", err.text);
    session_init(&stage->session, command_loop(), &stage->dir, client);
    stage->session.json = given->json;
    stage->session.python = given->wish.program ? given->wish.program : "";
    command_set_session(&stage->session);
    if (running)
        return 0;
    int status = cluster_launch(client, command_loop(), &given->wish, true, &err);
    if (status == 3)
        return command_complain(3, "%s", err.text);
    char *summary = cluster_summary(client);
    fprintf(stderr, "tutti: started cluster '%s' for this run: %s\n", stage->dir.name, summary);
    free(summary);
    return status;
}

static int stage_close(stage_t *stage, int status)
{
    tt_error_t err;
    command_set_session(NULL);
    if (stage->session.loop)
        session_release(&stage->session);
    if (stage->own && cluster_stop(command_loop(), &stage->dir, &err) != 0)
        status = command_complain(status ? status : 3, "%s", err.text);
    return status;
}

/* Waits for what runs in the background, and shows it. */
static int finish_background(session_t *session, int status)
{
    for (job_t *job = session->jobs; job;) {
        job_t *next = job->next;
        if (!job->shown && session_wait(session, job, -1)) {
            int ended = session_finish_job(session, job);
            status = status ? status : ended;
        }
        job = next;
    }
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

static int run_px(session_t *session, const given_t *given, const char *code)
{
    char limit[32];
    words_option_t targets = {'t', "targets", true}, exclude = {'x', "exclude", true},
                   timeout = {0, "timeout", true};
    words_choice_t choices[3];
    size_t count = 0;
    snprintf(limit, sizeof limit, "%g", given->limit_s);
    if (given->targets)
        choices[count++] = (words_choice_t){&targets, (char *)(uintptr_t)given->targets};
    if (given->exclude)
        choices[count++] = (words_choice_t){&exclude, (char *)(uintptr_t)given->exclude};
    if (given->limit_s > 0)
        choices[count++] = (words_choice_t){&timeout, limit};
    statement_t statement = {.kind = STATEMENT_MAGIC};
    magic_call_t call = {.statement = &statement,
                         .text = code,
                         .words = {choices, count, code},
                         .rest = code,
                         .magic = magic_find("px")};
    session->number = 1;
    return magic_px(session, &call);
}

int command_px(given_t *given, int argc, char **argv)
{
    static stage_t stage;
    size_t len;
    char *code = NULL;
    if (given->file && argc > 0)
        return command_complain(2, "px takes code or -f FILE, not both");
    if (!given->file && argc == 0)
        return command_complain(2, "px takes code, - for standard input, or -f FILE");
    if (given->file || strcmp(argv[0], "-") == 0) {
        code = read_source(given->file ? given->file : "-", &len);
    } else {
        tt_buf_t text;
        tt_buf_init(&text);
        for (int i = 0; i < argc; i++)
            tt_buf_printf(&text, "%s%s", i ? " " : "", argv[i]);
        tt_buf_text(&text);
        code = (char *)text.data;
    }
    if (code == NULL)
        return 2;
    int status = stage_open(&stage, given, false);
    if (status == 0)
        status = run_px(&stage.session, given, code);
    if (stage.session.client && !tt_client_alive(stage.session.client))
        status = 3;
    free(code);
    return stage_close(&stage, status);
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
    int status = stage_open(&stage, given, true);
    if (status == 0 || status == 4) {
        status = session_run(&stage.session, argv[0], text, len);
        status = finish_background(&stage.session, status);
    }
    free(text);
    return stage_close(&stage, status);
}

int command_lines(given_t *given, int argc, char **argv)
{
    static stage_t stage;
    (void)argc;
    (void)argv;
    int status = stage_open(&stage, given, true);
    if (status == 4)
        status = 0;
    for (size_t i = 0; i < given->lines.count && status == 0 && !stage.session.leave; i++)
        status = session_run(&stage.session, "", given->lines.items[i],
                             strlen(given->lines.items[i]));
    if (status == 0)
        status = finish_background(&stage.session, status);
    return stage_close(&stage, status);
}
