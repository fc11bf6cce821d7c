/* A session at the prompt, or of a script: the cluster it talks to, its local engine, its
 * targets and jobs, and the running of statements. Magics (magic.h) work on it. */
#ifndef SESSION_H
#define SESSION_H

#include "album.h"
#include "client.h"
#include "draw.h"
#include "gallery.h"
#include "grammar.h"
#include "job.h"
#include "journal.h"
#include "local.h"
#include "option.h"
#include "source.h"

/* What %pxconfig sets for every %px and %sh. */
typedef struct {
    bool noblock;        /* they go into the background */
    bool verbose;        /* and tell on which engines they run */
    uint64_t timeout_ms; /* of their run; 0: none */
    draw_way_t draw;     /* how pictures are drawn, of anybody */
    job_view_t view;
} px_config_t;

/* An entry that was typed, for %save. */
typedef struct {
    int number;
    char *text; /* owned */
} entry_t;

enum { ENTRIES_MAX = 100000 };

typedef struct session {
    tt_loop_t *loop;
    const tt_rundir_t *dir;
    tt_client_t *client;
    local_t *local;       /* started when it is first needed */
    bool no_local;        /* it could not be started */
    const char *language; /* of the local engine */
    const char *python;   /* for a local engine of this first language; "" for the default */
    const char *first_language;
    local_t **aside; /* those of other languages (%lang), with their names */
    size_t aside_count;
    bool asked;           /* code of the local engine waits for a magic */
    terminal_t *terminal; /* where lines are typed; NULL in scripts */
    bool json;            /* results as JSON lines */
    bool colour;
    int number;       /* of the present statement: In [number] */
    const char *file; /* of the present statement, for messages */
    unsigned line;
    char *targets;  /* as %targets was told: a target set */
    char *exclude;  /* NULL: nothing */
    entry_t *typed; /* ENTRIES_MAX at most */
    size_t typed_count, typed_cap;
    job_t *jobs; /* in order of their numbers */
    journal_t *journal;
    album_t album;                                         /* where pictures are kept */
    gallery_t gallery;                                     /* displays of the local engine */
    enum { SIXEL_UNKNOWN, SIXEL_NONE, SIXEL_KNOWN } sixel; /* what the terminal has answered */
    job_t *waiting;  /* the job that the prompt waits for now */
    bool pressed;    /* Ctrl-C was, during the present statement: no other one follows it */
    bool waits_only; /* Ctrl-C ends the wait, not the job */
    int interrupts;  /* of the present wait */
    int64_t interrupted_ms;
    double progress_after_s; /* when progress is shown; below 0: never */
    uint64_t last_keep;
    bool news;   /* a job has ended since this was last cleared */
    bool placed; /* a message has told file and line of the present statement */
    bool autopx; /* plain lines go to the targets */
    px_config_t px;
    bool left_out;   /* it was told that engines of other languages are left out */
    bool failed;     /* a job of the background that is forgotten has */
    char *complaint; /* the last message; NULL: none since this was cleared */
    bool given_up;   /* the terminal is gone: nothing is waited for any more */
    bool leave;      /* exit was asked for */
    int exit_status;
} session_t;

/* Prepares a session on a cluster that is connected; the client becomes the session's. */
void session_init(session_t *self, tt_loop_t *loop, const tt_rundir_t *dir,
                  tt_client_t *client);
/* Ends it: the local engine stops, the client says goodbye, unless it has left before. */
void session_release(session_t *self);

/* Runs every statement of the source, until one fails. Returns 0, or 1 (user code failed), 2
 * (wrong use), 3 (the cluster is gone), or what the source asked to exit with. */
int session_run(session_t *self, const char *file, const char *text, size_t len);

/* Runs one parsed statement. Same results. */
int session_statement(session_t *self, const statement_t *statement, const char *text);

/* How lines are read: the magics there are, and whether the local language is a shell. */
grammar_rules_t session_rules(const session_t *self);

/* Ends whatever the session waits for: the terminal is gone. */
void session_give_up(session_t *self);
/* Appends who the targets are: `0-3`. */
void session_label_targets(session_t *self, tt_buf_t *out);

/* Shows the jobs of the background that have ended. */
void session_settle(session_t *self);

/* ---- the local engine (session_local.c) */

/* It, started if it is not there. NULL after a message. */
local_t *session_local(session_t *self);
/* Another process in its place, of the same language. Returns 0, or an exit status after a
 * message. */
int session_renew_local(session_t *self);
/* Plain lines are this language's from here on; the local engine there was keeps its names for
 * when it is called again. Returns 0, or an exit status after a message. */
int session_set_language(session_t *self, const char *language);
/* Every local engine there is: to be called with `at` 0, 1 ... until NULL. */
local_t *session_each_local(const session_t *self, size_t at);
/* Runs code, a command of its shell, or help on a name, and shows what comes of it. Returns the
 * exit status. */
int session_run_plain(session_t *self, const char *code);
int session_run_shell(session_t *self, const char *code, const statement_t *statement);
int session_inspect(session_t *self, const char *name, unsigned detail);

typedef enum { CODE_WHOLE, CODE_MORE, CODE_INVALID } code_state_t;
/* Whether the local language takes the code as whole; `indent` (may be NULL): how many blanks
 * the next line begins with, when there is more. What cannot be told in 2 s is whole. */
code_state_t session_check(session_t *self, const char *code, size_t len, unsigned *indent);

/* What the local engine asks (asked.c); a local_ask_fn. */
void session_on_ask(void *arg, uint32_t seq, const char *what, const char *text);

/* A task of the local engine whose failure is shown. Returns 0 and its result to release, or 1.
 */
int session_local_call(session_t *self, unsigned op, tt_buf_t *args, tt_frames_t *frames,
                       local_result_t *result);

/* ---- displays (session_figure.c) */

/* How displays are shown. */
typedef struct {
    draw_way_t draw;   /* DRAW_AUTO: as this terminal can */
    bool here;         /* of the local engine */
    bool no_texts;     /* pictures only */
    tt_texts_t *paths; /* as in figure_view_t */
} session_figure_t;

/* Appends what the answers display: lines of pictures, whose files are kept, with drawings
 * where they go to a terminal. Nothing when results are JSON. */
void session_add_figures(session_t *self, const answer_t *answers, size_t count,
                         const session_figure_t *how, const render_style_t *style,
                         tt_buf_t *out, tt_buf_t *err);
/* The same for an answer of the local engine to the line of this number: shown, and kept for
 * %show. */
void session_show_here(session_t *self, int number, const answer_t *answer);

/* ---- targets and jobs */

/* The engines of a target set (NULL: the session's). Returns 0 and ids to free, or 2 after a
 * message. `scalar` (may be NULL) tells whether the set is one plain number. */
int session_targets(session_t *self, const char *set, const char *exclude, int **ids,
                    size_t *count, bool *scalar);

/* The same without a message and without complaint: -1 when the set names none. */
int session_find_targets(const session_t *self, const char *set, int **ids, size_t *count);

/* Adds the job to the session, which then owns it. */
void session_add_job(session_t *self, job_t *job);
job_t *session_find_job(const session_t *self, int number);
/* Runs the loop until the job is done, or it was put into the background by a second interrupt;
 * `limit_ms` -1 for none. What it writes and how far it is, is shown where somebody looks on.
 * Returns whether it is done. */
bool session_wait(session_t *self, job_t *job, int64_t limit_ms);
/* The same, but Ctrl-C only ends the wait. */
bool session_wait_only(session_t *self, job_t *job, int64_t limit_ms);
/* Ctrl-C while a job is waited for: the first one interrupts exactly its work, the second
 * leaves it in the background. */
void session_interrupt(session_t *self);
/* Shows the job's answers, binds its names, says its times. Returns 0 or 1 (something failed).
 */
int session_finish_job(session_t *self, job_t *job);
/* Appends all its answers, as they would be shown, whole and without colours: the errors last.
 * Returns how many are failures. */
size_t session_job_text(session_t *self, const job_t *job, tt_buf_t *out);
/* Whether the local engine, a Python, has a global of this name. */
bool session_defined(session_t *self, const char *name);
/* How the job's answers look. */
void session_style(const session_t *self, const job_t *job, render_style_t *style);
/* Whether every engine is on a host of its own, and there are several: then engines are called
 * by their hosts' names. */
bool session_one_each(const session_t *self);
/* Interrupts the job's work on its engines. */
void session_cancel_job(session_t *self, job_t *job);
/* Forgets old jobs that have been shown. */
void session_trim_jobs(session_t *self);

/* Binds the job's values to its names on the local engine. Returns 0 or 1. */
int session_bind_job(session_t *self, job_t *job);
/* Runs code on the local engine and shows its value as Out[number]. Returns 0 or 1. */
int session_show_value(session_t *self, int number, const char *code);
/* Shows the values of a job that is done as one of the local engine's: Out[N] and `_`. Returns
 * 0 or 1. */
int session_show_job(session_t *self, job_t *job);
/* Binds `name` to a handle for a job that runs on. */
int session_bind_handle(session_t *self, job_t *job);

/* A message for the person: "%px: text" on stderr. Returns `status`. */
int session_complain(session_t *self, const char *what, int status, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

#endif
