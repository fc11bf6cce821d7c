/* The table of subcommands, and what they share. */
#include "command.h"

#include "prompt.h"
#include "screen.h"
#include "session.h"
#include "text.h"
#include "top.h"

#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define AT(member) offsetof(given_t, member)

/* Every command has these two. */
#define PROFILE                                                                                \
    {                                                                                          \
        0, "profile", "NAME", "settings of this profile, too ($TUTTI_PROFILE)",                \
            TT_OPTION_TEXT, AT(profile)                                                        \
    }
#define HELP                                                                                   \
    PROFILE,                                                                                   \
    {                                                                                          \
        'h', "help", NULL, "this help", TT_OPTION_FLAG, AT(help)                               \
    }
#define NAME                                                                                   \
    {                                                                                          \
        0, "name", "NAME", "the cluster (default)", TT_OPTION_TEXT, AT(name)                   \
    }
#define JSON                                                                                   \
    {                                                                                          \
        0, "json", NULL, "as JSON", TT_OPTION_FLAG, AT(json)                                   \
    }
#define DRAW                                                                                   \
    {                                                                                          \
        0, "draw", "HOW", "pictures: auto, never, kitty, iterm, sixel, chafa", TT_OPTION_TEXT, \
            AT(draw)                                                                           \
    }
#define ENGINES                                                                                \
    {                                                                                          \
        'n', "engines", "N", "how many engines (one per core)", TT_OPTION_INT,                 \
            AT(wish.group.engines)                                                             \
    }
#define PYTHON                                                                                 \
    {                                                                                          \
        0, "python", "PATH", "their Python ($VIRTUAL_ENV's, $CONDA_PREFIX's, else Debian's)",  \
            TT_OPTION_TEXT, AT(wish.group.python)                                              \
    }
#define PRELOAD                                                                                \
    {                                                                                          \
        0, "preload", "MODULE", "a module that engines start with; may be repeated",           \
            TT_OPTION_MULTI, AT(wish.group.preload)                                            \
    }
#define TARGETS                                                                                \
    {                                                                                          \
        't', "targets", "SET", "which engines (all)", TT_OPTION_TEXT, AT(targets)              \
    }
#define EXCLUDE                                                                                \
    {                                                                                          \
        'x', "exclude", "SET", "without these", TT_OPTION_TEXT, AT(exclude)                    \
    }

#define PLACEMENT(member, where)                                                               \
    {0, "workdir", "DIR", where, TT_OPTION_TEXT, AT(member.directory)},                        \
        {0,                                                                                    \
         "env",                                                                                \
         "NAME=VALUE",                                                                         \
         "a variable of the engines; may be repeated",                                         \
         TT_OPTION_MULTI,                                                                      \
         AT(member.variables)},                                                                \
        {0,                                                                                    \
         "threads",                                                                            \
         "N",                                                                                  \
         "threads of each engine's numerical libraries (1)",                                   \
         TT_OPTION_INT,                                                                        \
         AT(member.threads)},                                                                  \
        {0,                                                                                    \
         "nice",                                                                               \
         "N",                                                                                  \
         "how nice the engines are, 0 to 19 (0)",                                              \
         TT_OPTION_INT,                                                                        \
         AT(member.nice)},                                                                     \
    {                                                                                          \
        0, "memory", "SIZE", "how much memory each engine may have, as in 4G", TT_OPTION_TEXT, \
            AT(member.memory)                                                                  \
    }

/* Each -n begins a new group, which the next five belong to. */
static const tt_option_t start_options[] = {
    NAME,
    {'n', "engines", "N", "how many engines (one per core); each -n begins a group",
     TT_OPTION_ORDERED, AT(groups)},
    {0, "lang", "LANG", "the group's language (python)", TT_OPTION_ORDERED, AT(groups)},
    {0, "python", "PATH", "its Python ($VIRTUAL_ENV's, $CONDA_PREFIX's, else Debian's)",
     TT_OPTION_ORDERED, AT(groups)},
    {0, "preload", "MODULE", "a module that its engines start with; may be repeated",
     TT_OPTION_ORDERED_MULTI, AT(groups)},
    {0, "program", "PATH", "another bash for sh; the runtime of another language",
     TT_OPTION_ORDERED, AT(groups)},
    {0, "label", "LABEL", "a label of its engines: gpu, mem=64G; may be repeated",
     TT_OPTION_ORDERED_MULTI, AT(groups)},
    PLACEMENT(wish.placement, "where engines start (here)"),
    {0, "wait", "N", "return when N are ready (all)", TT_OPTION_TEXT, AT(wish.wait)},
    {0, "timeout", "S", "seconds to wait for them (60)", TT_OPTION_SECONDS, AT(wish.timeout_s)},
    {0, "grace", "S", "seconds that engines outlive a lost controller (60)", TT_OPTION_SECONDS,
     AT(wish.grace_s)},
    {0, "policy", "NAME", "how balanced work finds an engine: leastload, roundrobin, random",
     TT_OPTION_TEXT, AT(wish.policy)},
    {0, "on", "HOST", "start it on [USER@]HOST[:PORT], over ssh", TT_OPTION_TEXT,
     AT(reach.host)},
    {'i', "identity", "FILE", "the key for --on", TT_OPTION_TEXT, AT(reach.identity)},
    {'J', "jump", "HOST", "the host on the way for --on", TT_OPTION_TEXT, AT(reach.jump)},
    {0, "setup", "FILE", "a script that runs there first, for --on", TT_OPTION_TEXT,
     AT(reach.setup)},
    HELP,
    {0}};
static const tt_option_t add_options[] = {
    NAME,
    {'n', "engines", "N", "how many engines on each, or auto: one per core there (auto)",
     TT_OPTION_TEXT, AT(count)},
    {'i', "identity", "FILE", "the key for ssh", TT_OPTION_TEXT, AT(machine.identity)},
    {'J', "jump", "HOST", "the host on the way", TT_OPTION_TEXT, AT(machine.jump)},
    {0, "hosts", "FILE", "more hosts, from a file", TT_OPTION_TEXT, AT(hosts_file)},
    {0, "as", "NAME", "what the machine is called (its host's name)", TT_OPTION_TEXT,
     AT(machine.name)},
    {0, "lang", "LANG", "the engines' language (python)", TT_OPTION_TEXT,
     AT(machine.group.language)},
    {0, "python", "PATH", "their Python there ($VIRTUAL_ENV's, $CONDA_PREFIX's, else python3)",
     TT_OPTION_TEXT, AT(machine.group.python)},
    {0, "program", "PATH", "another bash for sh; the runtime of another language",
     TT_OPTION_TEXT, AT(program)},
    {0, "preload", "MODULE", "a module that engines start with; may be repeated",
     TT_OPTION_MULTI, AT(machine.group.preload)},
    {0, "label", "LABEL", "a label of the engines: gpu, mem=64G; may be repeated",
     TT_OPTION_MULTI, AT(machine.group.labels)},
    {0, "setup", "FILE", "a script that runs there first", TT_OPTION_TEXT, AT(machine.setup)},
    PLACEMENT(machine.placement, "where engines start there (the home)"),
    {0, "timeout", "S", "seconds to wait for all (300)", TT_OPTION_SECONDS,
     AT(machine.timeout_s)},
    HELP,
    {0}};
static const tt_option_t stop_options[] = {
    NAME, {0, "all", NULL, "every cluster of yours", TT_OPTION_FLAG, AT(all)}, HELP, {0}};
static const tt_option_t status_options[] = {NAME, JSON, HELP, {0}};
static const tt_option_t top_options[] = {
    NAME,
    {0, "every", "S", "seconds from one look to the next, 0.1 to 10 (1)", TT_OPTION_SECONDS,
     AT(every_s)},
    {0, "once", NULL, "one look, as text; so it is without a terminal", TT_OPTION_FLAG,
     AT(once)},
    HELP,
    {0}};
static const tt_option_t name_options[] = {NAME, HELP, {0}};
static const tt_option_t help_options[] = {HELP, {0}};
static const tt_option_t list_options[] = {JSON, HELP, {0}};
static const tt_option_t logs_options[] = {
    NAME, {'f', "follow", NULL, "go on as they grow", TT_OPTION_FLAG, AT(follow)}, HELP, {0}};
static const tt_option_t px_options[] = {
    NAME,
    TARGETS,
    EXCLUDE,
    JSON,
    DRAW,
    {'f', "file", "FILE", "the code is in a file", TT_OPTION_TEXT, AT(file)},
    {0, "timeout", "S", "interrupt it after S seconds", TT_OPTION_SECONDS, AT(limit_s)},
    HELP,
    {0}};
static const tt_option_t sh_options[] = {
    NAME,
    TARGETS,
    EXCLUDE,
    JSON,
    {'f', "file", "FILE", "the commands are in a file", TT_OPTION_TEXT, AT(file)},
    {0, "timeout", "S", "interrupt it after S seconds", TT_OPTION_SECONDS, AT(limit_s)},
    HELP,
    {0}};
static const tt_option_t upload_options[] = {
    NAME,    TARGETS,
    EXCLUDE, {0, "to", "DIR", "the folder there (where engines start)", TT_OPTION_TEXT, AT(to)},
    HELP,    {0}};
static const tt_option_t download_options[] = {NAME, TARGETS, EXCLUDE, HELP, {0}};
static const tt_option_t config_options[] = {
    {0, "all", NULL, "also what is not set, with what it means", TT_OPTION_FLAG, AT(all)},
    {0, "path", NULL, "only the file's name", TT_OPTION_FLAG, AT(path)},
    {0, "profiles", NULL, "only the names of the profiles", TT_OPTION_FLAG, AT(profiles)},
    JSON,
    HELP,
    {0}};
static const tt_option_t run_options[] = {NAME, ENGINES, PYTHON, PRELOAD,
                                          JSON, DRAW,    HELP,   {0}};

const tt_option_t command_top_options[] = {
    {'c', "command", "LINE", "run a line of the prompt; may be repeated", TT_OPTION_MULTI,
     AT(lines)},
    {'n', "engines", "N", "engines of a cluster started for -c (one per core)", TT_OPTION_INT,
     AT(wish.group.engines)},
    {0, "python", "PATH", "their Python, and the local one", TT_OPTION_TEXT,
     AT(wish.group.python)},
    {0, "lang", "LANG", "the language of plain lines, and of engines that are started (python)",
     TT_OPTION_TEXT, AT(wish.group.language)},
    {0, "name", "NAME", "the cluster (default)", TT_OPTION_TEXT, AT(name)},
    {0, "ssh", "HOST", "of a cluster on [USER@]HOST[:PORT]: for all of the above, and commands",
     TT_OPTION_TEXT, AT(reach.host)},
    {'i', "identity", "FILE", "the key for --ssh", TT_OPTION_TEXT, AT(reach.identity)},
    {'J', "jump", "HOST", "the host on the way for --ssh", TT_OPTION_TEXT, AT(reach.jump)},
    {0, "json", NULL, "results as JSON lines", TT_OPTION_FLAG, AT(json)},
    DRAW,
    PROFILE,
    {0, "no-settings", NULL, "as if there were no settings", TT_OPTION_FLAG, AT(no_settings)},
    {'h', "help", NULL, "this help", TT_OPTION_FLAG, AT(help)},
    {0, "version", NULL, "the version", TT_OPTION_FLAG, AT(version)},
    {0, "python-path", NULL, "the folder of the Python package, for PYTHONPATH", TT_OPTION_FLAG,
     AT(python_path)},
    {0},
};

const command_t commands[] = {
    {"start", "[-n N] [options]", "starts a cluster and waits until its engines are ready",
     start_options, false, true, command_start},
    {"add", "[-n N] [-i KEY] [USER@]HOST[:PORT]...",
     "adds engines on machines over ssh; starts a cluster if need be", add_options, false,
     false, command_add},
    {"remove", "HOST...", "removes machines that were added, with their engines", name_options,
     false, false, command_remove},
    {"stop", "[--all]", "stops a cluster", stop_options, false, false, command_stop},
    {"status", "[--json]", "shows the engines and what they do", status_options, false, false,
     command_status},
    {"top", "[--every S] [--once]", "shows live what the engines do, and the load", top_options,
     false, true, command_top},
    {"list", "[--json]", "lists your clusters", list_options, false, false, command_list},
    {"px", "[-t SET] CODE | - | -f FILE", "runs code on the engines", px_options, true, true,
     command_px},
    {"sh", "[-t SET] COMMAND | - | -f FILE",
     "runs a command of the shell on engines of any language", sh_options, true, true,
     command_sh},
    {"upload", "[-t SET] [--to DIR] FILE...",
     "brings files and folders to the engines' machines, once to each", upload_options, false,
     true, command_upload},
    {"download", "[-t SET] GLOB... [DIR]",
     "brings files from there; of several machines, a folder each", download_options, false,
     true, command_download},
    {"run", "FILE", "runs a file of the prompt's lines; starts a cluster if need be",
     run_options, false, true, command_run},
    {"logs", "[-f]", "shows a cluster's logs", logs_options, false, false, command_logs},
    {"why", "[HOST|SET]", "tells why engines are missing", name_options, false, false,
     command_why},
    {"config", "[--all] [--json] [COMMAND]",
     "shows the settings that hold, and where they stand", config_options, false, true,
     command_config},
    {"completion", "", "writes bash's completion of all this: source <(tutti completion)",
     help_options, false, false, command_completion},
    {"pipe", "", "passes bytes to a cluster's socket: the far end of --ssh", name_options,
     false, false, command_pipe},
    {0},
};

int command_complain(int status, const char *format, ...)
{
    char line[1024];
    va_list args;
    tt_buf_t text;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    tt_buf_init(&text);
    tt_text_escape(&text, line, strlen(line));
    fflush(stdout);
    fprintf(stderr, "tutti: %s\n", tt_buf_text(&text));
    tt_buf_release(&text);
    return status;
}

given_t command_defaults(void)
{
    return (given_t){
        .name = "default",
        .every_s = 1,
        .machine = {.timeout_s = 300},
        .wish = {.group.engines = CLUSTER_PER_CORE, .timeout_s = 60, .grace_s = 60}};
}

void command_release(given_t *given)
{
    cluster_wish_release(&given->wish);
    tt_texts_release(&given->groups);
    tt_texts_release(&given->lines);
    placement_release(&given->machine.placement);
    cluster_group_release(&given->machine.group);
}

static int verify_group(const cluster_group_t *group, tt_error_t *err)
{
    if (group->engines != CLUSTER_PER_CORE && group->engines < 1)
        return tt_error_set(err, "-n takes a number above 0, not %ld", group->engines);
    return cluster_group_check(group, err);
}

int command_verify(const given_t *given, tt_error_t *err)
{
    const cluster_wish_t *wish = &given->wish;
    const char *wait = wish->wait;
    draw_way_t way;
    long unused;
    if (verify_group(&wish->group, err) != 0)
        return -1;
    for (size_t i = 0; i < wish->more_count; i++)
        if (verify_group(&wish->more[i], err) != 0)
            return -1;
    if (wait && strcmp(wait, "all") != 0 && (*wait == 0 || wait[strspn(wait, "0123456789")]))
        return tt_error_set(err, "--wait takes a number or 'all', not '%.80s'", wait);
    if (given->draw && draw_find(given->draw, &way, err) != 0)
        return -1;
    if (given->every_s != 0 &&
        !(given->every_s >= TOP_EVERY_MIN_S && given->every_s <= TOP_EVERY_MAX_S))
        return tt_error_set(err, "--every takes %g to %g seconds, not %g", TOP_EVERY_MIN_S,
                            (double)TOP_EVERY_MAX_S, given->every_s);
    if (placement_check(&wish->placement, err) != 0 ||
        placement_check(&given->machine.placement, err) != 0 ||
        cluster_group_check(&given->machine.group, err) != 0)
        return -1;
    return machines_count(given->count, &unused, err);
}

int command_check(const given_t *given)
{
    tt_error_t err;
    return command_verify(given, &err) == 0 ? 0 : command_complain(2, "%s", err.text);
}

int command_check_none(const char *command, int argc)
{
    return argc == 0 ? 0 : command_complain(2, "%s takes options only", command);
}

/* ---- signals */

static session_t *session;

void command_set_session(session_t *the_session)
{
    session = the_session;
}

/* First Ctrl-C: exactly this command on exactly its targets; the second is counted by the wait.
 */
static void on_interrupt(tt_loop_t *loop)
{
    if (top_interrupt())
        return;
    if (session == NULL) {
        tt_loop_stop(loop);
        _Exit(130);
    }
    if (prompt_interrupt())
        return;
    session->pressed = true;
    if (session->terminal)
        screen_write(2, tt_span("^C\n")); /* the terminal shows none by itself */
    if (session->waiting)
        session_interrupt(session);
    else if (session->local)
        local_interrupt(session->local);
}

static void on_child(tt_loop_t *loop)
{
    (void)loop;
    local_t *local;
    for (size_t i = 0; session && (local = session_each_local(session, i)); i++)
        local_reap(local);
}

static void on_suspend(tt_loop_t *loop)
{
    (void)loop;
    if (!top_suspend())
        prompt_suspend();
}

static void on_resize(tt_loop_t *loop)
{
    (void)loop;
    top_resize();
    prompt_resize();
}

/* As if the signal had not been caught. */
static void die_of(int number)
{
    tt_signals_unblock();
    raise(number);
}

static void on_terminate(tt_loop_t *loop)
{
    (void)loop;
    bool view = top_hang_up(SIGTERM); /* it ends in order, and the program with it */
    if (!prompt_hang_up(SIGTERM) && !view)
        die_of(SIGTERM);
}

static void on_hang_up(tt_loop_t *loop)
{
    (void)loop;
    bool view = top_hang_up(SIGHUP); /* it ends in order, and the program with it */
    if (!prompt_hang_up(SIGHUP) && !view)
        die_of(SIGHUP);
}

static const struct {
    int number;
    void (*handler)(tt_loop_t *);
} signals[] = {{SIGINT, on_interrupt}, {SIGCHLD, on_child},     {SIGTSTP, on_suspend},
               {SIGWINCH, on_resize},  {SIGTERM, on_terminate}, {SIGHUP, on_hang_up}};

static void on_signal(void *arg, const struct signalfd_siginfo *info)
{
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
        if (signals[i].number == (int)info->ssi_signo)
            signals[i].handler(arg);
}

static bool at_terminal;

tt_loop_t *command_loop(void)
{
    static tt_loop_t *loop;
    sigset_t set;
    if (loop)
        return loop;
    if (at_terminal) {
        /* The terminal is handed to and fro from the background. */
        tt_signals_block(&set, SIGTTOU, SIGTTIN, SIGQUIT, 0);
        tt_signals_block(&set, SIGINT, SIGCHLD, SIGTSTP, SIGWINCH, SIGTERM, SIGHUP, 0);
    } else {
        tt_signals_block(&set, SIGINT, SIGCHLD, 0);
    }
    loop = tt_loop_new();
    tt_loop_add_signals(loop, &set, on_signal, loop);
    return loop;
}

tt_loop_t *command_terminal_loop(void)
{
    at_terminal = true;
    return command_loop();
}
