/* Magics: one row of a table each, from which dispatch, %help, completion, the man page and the
 * docs check come. The functions are in magic_*.c. */
#ifndef MAGIC_H
#define MAGIC_H

#include "session.h"
#include "words.h"

/* A magic as it was called. */
typedef struct {
    const statement_t *statement;
    const char *text; /* as typed, whole */
    words_t words;    /* its options */
    const char *rest; /* behind them */
    const struct magic *magic;
} magic_call_t;

typedef struct magic {
    const char *name;
    const char *usage;   /* behind the name */
    const char *summary; /* one sentence */
    const char *example; /* a line of it */
    const char *group;   /* heading in %help */
    unsigned flags;      /* GRAMMAR_... */
    const words_option_t *options;
    size_t option_count;
    /* 0, or an exit status after a message: 1 user code failed, 2 wrong use, 3 the cluster is
     * gone */
    int (*run)(session_t *session, const magic_call_t *call);
} magic_t;

/* The table, ended by a row without name; the eight most used come first. */
extern const magic_t magics[];

const magic_t *magic_find(const char *name);
/* The same, NULL also for a magic that the session's language has not. */
const magic_t *magic_find_for(const session_t *session, const char *name);

/* For grammar_rules_t: of all magics, and of those that a shell has. */
unsigned magic_about(const char *name);
unsigned magic_about_shell(const char *name);

/* The functions behind the rows. */
int magic_px(session_t *session, const magic_call_t *call);
int magic_diff(session_t *session, const magic_call_t *call);
int magic_sh(session_t *session, const magic_call_t *call);
int magic_map(session_t *session, const magic_call_t *call);
int magic_submit_one(session_t *session, const magic_call_t *call);
int magic_sweep(session_t *session, const magic_call_t *call);
int magic_retry(session_t *session, const magic_call_t *call);
int magic_push(session_t *session, const magic_call_t *call);
int magic_scatter(session_t *session, const magic_call_t *call);
int magic_gather(session_t *session, const magic_call_t *call);
int magic_pull(session_t *session, const magic_call_t *call);
int magic_targets(session_t *session, const magic_call_t *call);
int magic_autopx(session_t *session, const magic_call_t *call);
int magic_pxconfig(session_t *session, const magic_call_t *call);
/* Whether an option of %pxconfig can have this value, as far as no engine must be asked.
 * Returns 0, or -1 with what is wrong. */
int magic_pxconfig_check(const char *option, const char *value, tt_error_t *err);
int magic_pxresult(session_t *session, const magic_call_t *call);
int magic_jobs(session_t *session, const magic_call_t *call);
int magic_result(session_t *session, const magic_call_t *call);
int magic_wait(session_t *session, const magic_call_t *call);
int magic_timing(session_t *session, const magic_call_t *call);
int magic_timeline(session_t *session, const magic_call_t *call);
int magic_show(session_t *session, const magic_call_t *call);
int magic_cancel(session_t *session, const magic_call_t *call);
int magic_interrupt(session_t *session, const magic_call_t *call);
int magic_lang(session_t *session, const magic_call_t *call);
int magic_scale(session_t *session, const magic_call_t *call);
int magic_replay(session_t *session, const magic_call_t *call);
int magic_restart(session_t *session, const magic_call_t *call);
int magic_status(session_t *session, const magic_call_t *call);
int magic_top(session_t *session, const magic_call_t *call);
int magic_upload(session_t *session, const magic_call_t *call);
int magic_download(session_t *session, const magic_call_t *call);
int magic_save(session_t *session, const magic_call_t *call);
int magic_history(session_t *session, const magic_call_t *call);
int magic_kill(session_t *session, const magic_call_t *call);
int magic_logs(session_t *session, const magic_call_t *call);
int magic_version(session_t *session, const magic_call_t *call);
int magic_why(session_t *session, const magic_call_t *call);
int magic_help(session_t *session, const magic_call_t *call);
/* What the local engine does by itself: all of GRAMMAR_LOCAL. */
int magic_local(session_t *session, const magic_call_t *call);
int magic_reset(session_t *session, const magic_call_t *call);

/* What was typed, with %autopx on: it is done on the targets, as behind %px. */
int magic_px_typed(session_t *session, const char *text);

/* ---- which engines are meant (magic_execute.c) */

typedef struct {
    int *ids; /* owned */
    size_t count;
    bool scalar; /* one plain number: values are no list */
    bool bare;   /* no set was named, by an option, @SET: or %targets */
} magic_targets_t;

/* The call's targets, of all languages. Returns 0, or 2 after a message. */
int magic_get_targets(session_t *session, const magic_call_t *call, magic_targets_t *targets);
void magic_free_targets(magic_targets_t *self);
/* Of targets that nobody named, keeps those of the local language, if there are any; what is
 * left out is told once in a session. */
void magic_keep_ours(session_t *session, magic_targets_t *targets);
/* Whether these targets, narrowed so, all speak the shell. */
bool magic_all_shell(const session_t *session, const magic_targets_t *targets);
/* Whether all of them were started as ipython: they have IPython's magics. */
bool magic_all_ipython(const session_t *session, const magic_targets_t *targets);

/* Makes `set` (without the engines of `exclude`, which may be NULL) what is meant from here on.
 * Returns 0, or 2 after a message. */
int magic_set_targets(session_t *session, const char *set, const char *exclude);
/* Appends who is meant: `all: 0-3 (python on web1)`. */
int magic_tell_targets(session_t *session, tt_buf_t *out);

/* ---- jobs (magic_execute.c) */

/* Sends a task to each target, as a job that is not the session's yet. `args` is one packed
 * array; `frames` (may be NULL) are taken. */
typedef struct {
    unsigned op; /* TT_RT_... */
    const tt_buf_t *args;
    tt_frames_t *frames;
    const char *label;
    uint64_t timeout_ms;
    bool keep; /* it outlives the session */
    bool now;  /* a question that waits for nothing */
} magic_task_t;
job_t *magic_submit(session_t *session, const magic_targets_t *targets,
                    const magic_task_t *task);

/* For magics that make a job: hands it to the session with the statement's names, and waits for
 * it unless it is for the background. Returns the exit status. */
int magic_start_job(session_t *session, const magic_call_t *call, job_t *job);

/* Waits for a job of the session and shows what comes of it, unless it is for the background.
 * Returns the exit status. */
int magic_await_job(session_t *session, job_t *job);

/* The job that the number or name at the start of the text means; without one, the latest. NULL
 * after a message. */
job_t *magic_find_job(session_t *session, const char *magic, const char *text);

/* Reads --timeout as milliseconds (0: none). Returns 0, or 2 after a message. */
int magic_timeout(session_t *session, const magic_call_t *call, uint64_t *timeout_ms);

/* Reads seconds, or -1 for never. Returns 0, or 2 after a message. */
int magic_seconds(session_t *session, const char *option, const char *text, double *seconds);
/* Applies options that say how answers are shown. Returns 0, or 2 after a message. */
int magic_view(session_t *session, const words_t *words, job_view_t *view);

/* Code for engines. */
typedef struct {
    const char *code;
    unsigned flags;          /* TT_EXECUTE_SHELL, _MAGIC */
    bool px;                 /* what %pxconfig has set holds */
    bool diff;               /* how the answers differ is shown */
    const statement_t *here; /* is run here as well, meanwhile; NULL: nothing is */
} magic_code_t;

/* Asks the targets which names they have, of these types if any are given, and shows them as
 * one table (magic_who.c). */
int magic_who(session_t *session, const magic_call_t *call, const magic_targets_t *targets,
              const char *types);
/* Sends a message and waits for its DONE (10 s). Returns 0, or 3 after a message. */
int magic_request(session_t *session, const char *what, tt_message_t *message);
/* Every engine there is, lost and failed ones too; the caller's to free. */
int *magic_all_engines(const session_t *session, size_t *count);
/* Notes in the session's journal what these targets have got; `deed` tells all but for whom.
 * The deed's number. */
uint64_t magic_note(session_t *session, const magic_targets_t *targets, const deed_t *deed);
/* Of engines for balanced work keeps those that lack nothing, if there are any, and tells of
 * the others. The oldest that may do it, for tt_submit_t's `born`. */
uint64_t magic_keep_complete(session_t *session, int *ids, size_t *count);
/* Appends the arguments of a SET of one value in so many frames. */
void magic_pack_set(tt_buf_t *args, const char *name, size_t frame_count);

/* Sends it to the targets as the statement's job, and waits for it unless it is for the
 * background. */
int magic_execute(session_t *session, const magic_call_t *call, const magic_targets_t *targets,
                  const magic_code_t *code);
/* Writes a file anew, or adds to it. Returns 0, or an exit status after a message. */
int magic_write_file(session_t *session, const char *magic, const char *path, bool append,
                     tt_span_t text);

/* Asks the targets what a name is, and shows their answers; equal ones once. */
int magic_inspect(session_t *session, const magic_targets_t *targets, const char *name,
                  unsigned detail);

#endif
