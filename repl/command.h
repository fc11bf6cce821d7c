/* Subcommands of tutti: one row of a table each, from which dispatch and help come. */
#ifndef COMMAND_H
#define COMMAND_H

#include "cluster.h"
#include "machines.h"
#include "reach.h"

/* Everything that options of any command may set. */
typedef struct {
    const char *name;
    reach_target_t reach; /* where the cluster is */
    cluster_wish_t wish;
    const char *targets, *exclude, *file, *to;
    const char *draw; /* how pictures are drawn; NULL: as the terminal can */
    double limit_s;   /* of a px's run time; 0: none */
    double every_s;   /* of top; 0 is none that can be told */
    bool json, all, follow, help, version, python_path, once;
    const char *profile; /* of the settings; NULL: not told */
    bool no_settings, path, profiles;
    const struct settings *settings; /* what they are; NULL: none were read */
    tt_texts_t lines;                /* -c */
    machine_wish_t machine;          /* of add */
    const char *count, *hosts_file, *program;
    tt_texts_t groups; /* of start: what tells of its engines, in order: option, value, ... */
} given_t;

typedef struct {
    const char *name;
    const char *usage;   /* behind the name */
    const char *summary; /* one sentence */
    const tt_option_t *options;
    bool verbatim; /* operands are code: the first one ends the options */
    bool here;     /* runs here, wherever the cluster is: what needs a session, above all */
    int (*run)(given_t *given, int argc,
               char **argv); /* operands only; returns the exit status */
} command_t;

extern const command_t commands[];
/* Of `tutti` itself, in front of a command or without one. */
extern const tt_option_t command_top_options[];

/* What a command shares with the others: the loop with our signals, and the cluster's
 * directory. */
tt_loop_t *command_loop(void);
/* The same, called first by a command that owns the terminal: its signals are read, too. */
tt_loop_t *command_terminal_loop(void);
int command_complain(int status, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* What holds when nothing is said, and freeing it. */
given_t command_defaults(void);
void command_release(given_t *given);

/* What no option's type checks: -n above 0, --wait a number or "all", where engines are to be.
 * Returns 0, or -1 with what is wrong. */
int command_verify(const given_t *given, tt_error_t *err);
/* The same: 0, or 2 after a message. */
int command_check(const given_t *given);
/* Complains of operands for a command that takes none. Returns 0 or 2. */
int command_check_none(const char *command, int argc);

/* Whom SIGINT and SIGCHLD are for, while a session runs. */
struct session;
void command_set_session(struct session *session);

int command_start(given_t *given, int argc, char **argv);
int command_add(given_t *given, int argc, char **argv);
int command_remove(given_t *given, int argc, char **argv);
int command_config(given_t *given, int argc, char **argv);
int command_completion(given_t *given, int argc, char **argv);
int command_pipe(given_t *given, int argc, char **argv);
int command_stop(given_t *given, int argc, char **argv);
int command_status(given_t *given, int argc, char **argv);
int command_top(given_t *given, int argc, char **argv);
int command_why(given_t *given, int argc, char **argv);
int command_list(given_t *given, int argc, char **argv);
int command_logs(given_t *given, int argc, char **argv);
int command_sh(given_t *given, int argc, char **argv);
int command_px(given_t *given, int argc, char **argv);
int command_upload(given_t *given, int argc, char **argv);
int command_download(given_t *given, int argc, char **argv);
int command_run(given_t *given, int argc, char **argv);
int command_lines(given_t *given, int argc, char **argv);
int command_prompt(given_t *given, int argc, char **argv);

#endif
