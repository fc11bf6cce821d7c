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

/* For grammar_rules_t. */
unsigned magic_about(const char *name);

/* The functions behind the rows. */
int magic_px(session_t *session, const magic_call_t *call);
int magic_map(session_t *session, const magic_call_t *call);
int magic_push(session_t *session, const magic_call_t *call);
int magic_pull(session_t *session, const magic_call_t *call);
int magic_targets(session_t *session, const magic_call_t *call);
int magic_jobs(session_t *session, const magic_call_t *call);
int magic_result(session_t *session, const magic_call_t *call);
int magic_wait(session_t *session, const magic_call_t *call);
int magic_cancel(session_t *session, const magic_call_t *call);
int magic_interrupt(session_t *session, const magic_call_t *call);
int magic_restart(session_t *session, const magic_call_t *call);
int magic_status(session_t *session, const magic_call_t *call);
int magic_why(session_t *session, const magic_call_t *call);
int magic_help(session_t *session, const magic_call_t *call);

/* For magics that make a job: hands it to the session with the statement's names, and waits for
 * it unless it is for the background. Returns the exit status. */
int magic_start_job(session_t *session, const magic_call_t *call, job_t *job);

/* Reads --timeout as milliseconds (0: none). Returns 0, or 2 after a message. */
int magic_timeout(session_t *session, const magic_call_t *call, uint64_t *timeout_ms);

/* Sends code to engines as the statement's job, and waits for it unless it is for the
 * background. */
int magic_execute(session_t *session, const magic_call_t *call, const char *code);

#endif
