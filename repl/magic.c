/* The table of magics. */
#include "magic.h"

#include <string.h>

#define COUNT(table) (sizeof table / sizeof *table)
#define OPTIONS(t)   t, COUNT(t)
#define NO_OPTIONS   NULL, 0

#define TARGETS                                                                                \
    {                                                                                          \
        't', "targets", true, "which engines: 0-3, web1, @python"                              \
    }
#define EXCLUDE                                                                                \
    {                                                                                          \
        'x', "exclude", true, "but not these"                                                  \
    }
#define TIMEOUT                                                                                \
    {                                                                                          \
        0, "timeout", true, "interrupt it after so many seconds"                               \
    }
#define NOBLOCK                                                                                \
    {                                                                                          \
        'a', "noblock", false, "in the background, as with a trailing &"                       \
    }
#define BLOCK                                                                                  \
    {                                                                                          \
        'b', "block", false, "wait for it"                                                     \
    }

#define FOLD                                                                                   \
    {'r', "fold", false, "show equal answers once (so it is)"},                                \
        {'e', "no-fold", false, "show the answer of each engine by itself"},                   \
    {                                                                                          \
        0, "group-outputs", true, "engine: as --no-fold; type, order: as --fold"               \
    }
#define VIEW                                                                                   \
    {0, "stream", false, "show output as it comes, at once"},                                  \
        {0, "no-stream", false, "show output at the end only"}, FOLD
#define OUT                                                                                    \
    {                                                                                          \
        'o', "out", true, "the name that the values go to"                                     \
    }
#define RETRIES                                                                                \
    {                                                                                          \
        0, "retries", true, "try what failed so often again"                                   \
    }
#define NEEDS                                                                                  \
    {                                                                                          \
        0, "needs", true, "only engines with these labels: gpu=1,mem=16G"                      \
    }
#define ANY                                                                                    \
    {                                                                                          \
        0, "any", false, "also engines that lack what was sent before"                         \
    }
#define DRAW                                                                                   \
    {                                                                                          \
        0, "draw", true, "pictures: auto, never, kitty, iterm, sixel, chafa"                   \
    }
#define NAME                                                                                   \
    {                                                                                          \
        0, "name", true, "what the job is called"                                              \
    }

static const words_option_t px_options[] = {
    TARGETS,
    EXCLUDE,
    TIMEOUT,
    NOBLOCK,
    BLOCK,
    OUT,
    NAME,
    VIEW,
    {0, "progress-after", true, "seconds until progress is shown; -1: never"},
    {0, "local", false, "run it here as well"},
    {0, "verbose", false, "tell on which engines it runs"},
    {0, "signal-on-interrupt", true, "accepted: it is SIGINT"},
};
static const words_option_t sh_options[] = {TARGETS, EXCLUDE, TIMEOUT, NOBLOCK,
                                            BLOCK,   OUT,     NAME};

static const words_option_t diff_options[] = {TARGETS, EXCLUDE, TIMEOUT};

static const words_option_t map_options[] = {
    TARGETS,
    EXCLUDE,
    TIMEOUT,
    NOBLOCK,
    BLOCK,
    OUT,
    NAME,
    RETRIES,
    NEEDS,
    ANY,
    {0, "direct", false, "deal the items out beforehand, in order"},
    {0, "lb", false, "whichever engine is free does it (so it is)"},
    {0, "unordered", false, "the values in the order in which they came"},
    {0, "return-exceptions", false, "items that failed are values: no failure"},
    {0, "chunk", true, "so many items together (as many as take 5 ms)"},
    {0, "max-outstanding", true, "so many items are under way at most (4096)"},
};

static const words_option_t submit_options[] = {
    TARGETS,
    EXCLUDE,
    TIMEOUT,
    NOBLOCK,
    BLOCK,
    OUT,
    NAME,
    RETRIES,
    NEEDS,
    ANY,
    {0, "after", true, "when these jobs have ended well: 3,5"},
    {0, "follow", true, "the same, and on an engine that did one of them"},
};

static const words_option_t sweep_options[] = {
    TARGETS,
    EXCLUDE,
    TIMEOUT,
    NOBLOCK,
    BLOCK,
    OUT,
    NAME,
    RETRIES,
    NEEDS,
    ANY,
    {0, "sort", true, "by this column; -COLUMN: the largest first"},
    {0, "best", true, "tell the row with most of a column; -COLUMN: least"},
    {0, "csv", true, "write the table to this file"},
    {0, "json", true, "write it as JSON"},
};

static const words_option_t retry_options[] = {NOBLOCK, BLOCK};

static const words_option_t pull_options[] = {TARGETS, EXCLUDE, NOBLOCK, OUT, NAME};

static const words_option_t gather_options[] = {TARGETS, EXCLUDE, OUT, NAME};

static const words_option_t scatter_options[] = {
    TARGETS,
    EXCLUDE,
    NOBLOCK,
    NAME,
    {0, "flatten", false, "where a part has one value, the value itself"},
};

static const words_option_t push_options[] = {TARGETS, EXCLUDE, NOBLOCK, NAME};

static const words_option_t download_options[] = {TARGETS, EXCLUDE};

static const words_option_t scale_options[] = {TARGETS, EXCLUDE};

static const words_option_t upload_options[] = {
    TARGETS, EXCLUDE, {0, "to", true, "the folder there (where engines start)"}};

static const words_option_t targets_options[] = {
    EXCLUDE,
    {0, "failed", false, "those that failed in the last job"},
    {0, "odd", false, "those that answered otherwise than most"},
    {0, "answered", true, "those whose answer had this text"},
};

static const words_option_t show_options[] = {
    TARGETS,
    EXCLUDE,
    DRAW,
    {0, "open", false, "by the desktop's program for it, or $TUTTI_VIEWER"},
};

static const words_option_t pxconfig_options[] = {
    TARGETS,
    EXCLUDE,
    BLOCK,
    NOBLOCK,
    {0, "verbose", false, "tell on which engines it runs"},
    {0, "no-verbose", false, "do not"},
    {0, "timeout", true, "interrupt it after so many seconds; 0: never"},
    {0, "progress-after", true, "seconds until progress is shown; -1: never"},
    DRAW,
    VIEW,
};

static const words_option_t save_options[] = {
    {'f', "force", false, "write the file anew if it is there"},
    {'a', "append", false, "add to it"},
};

static const words_option_t history_options[] = {
    {'n', "numbers", false, "with the numbers of the prompt"},
};

static const words_option_t top_options[] = {
    {0, "every", true, "seconds from one look to the next, 0.1 to 10 (1)"},
    {0, "once", false, "one look, as text"},
};

static const words_option_t result_options[] = {FOLD};

static const words_option_t cancel_options[] = {
    {0, "left", false, "what goes on although its client has gone"},
};

static const words_option_t wait_options[] = {
    {0, "timeout", true, "wait no longer than so many seconds"},
};

#define IPYTHON "As in IPython: here, and behind %px on the engines"

enum {
    VALUE = GRAMMAR_KNOWN | GRAMMAR_NAMES,
    CODE = VALUE | GRAMMAR_CODE,
    LOCAL = CODE | GRAMMAR_LOCAL
};

const magic_t magics[] = {
    {"px", "[-t SET] [--noblock] CODE", "runs code on the engines",
     "%px import os; os.getpid()", "Most used", CODE | GRAMMAR_CELL, OPTIONS(px_options),
     magic_px},
    {"map", "[-t SET] [--retries N] FUNC ITEMS [ITEMS ...]",
     "calls a function for each item, on whichever engine is free",
     "y = %map (lambda x: x**2) range(32)", "Most used", CODE, OPTIONS(map_options), magic_map},
    {"push", "[-t SET] NAME[=EXPR] ...", "sends values of yours to the engines",
     "%push x y=2*x", "Most used", VALUE, OPTIONS(push_options), magic_push},
    {"pull", "[-t SET] NAME ... | EXPR as NAME", "brings values of the engines here",
     "%pull x.mean() as means", "Most used", VALUE, OPTIONS(pull_options), magic_pull},
    {"targets", "[-x SET] [SET]", "shows or sets which engines are meant from here on",
     "%targets 0-3", "Most used", GRAMMAR_KNOWN, OPTIONS(targets_options), magic_targets},
    {"jobs", "", "lists the jobs of this session", "%jobs", "Most used", GRAMMAR_KNOWN,
     NO_OPTIONS, magic_jobs},
    {"status", "", "shows the engines and what they do", "%status", "Most used", GRAMMAR_KNOWN,
     NO_OPTIONS, magic_status},
    {"help", "[NAME]", "this list, or one magic's help", "%help map", "Most used",
     GRAMMAR_KNOWN, NO_OPTIONS, magic_help},

    {"sh", "[-t SET] [--noblock] COMMAND",
     "runs a command of the shell on engines of any language", "%sh df -h /data | tail -1",
     "On the engines", CODE | GRAMMAR_CELL, OPTIONS(sh_options), magic_sh},
    {"submit", "[-t SET] [--retries N] FUNC(ARGS) | CODE",
     "one call, or code, on whichever engine is free", "%submit fit(10) &", "On the engines",
     CODE, OPTIONS(submit_options), magic_submit_one},
    {"sweep", "[-t SET] [--sort COLUMN] NAME=VALUES ... CALL",
     "a call for each combination of parameters, as a table",
     "%sweep n=10..60:10 crit=gini,entropy fit(n, crit)", "On the engines", CODE,
     OPTIONS(sweep_options), magic_sweep},
    {"scatter", "[-t SET] [--flatten] SEQ as NAME",
     "deals a sequence out: to each engine a part", "%scatter range(32) as x", "On the engines",
     VALUE, OPTIONS(scatter_options), magic_scatter},
    {"gather", "[-t SET] NAME [as NAME]", "brings the parts here, joined in order",
     "%gather x as xs", "On the engines", VALUE, OPTIONS(gather_options), magic_gather},
    {"upload", "[-t SET] [--to DIR] FILE ...",
     "brings files and folders to the engines' machines, once to each",
     "%upload fit.py data/ --to work", "On the engines", GRAMMAR_KNOWN, OPTIONS(upload_options),
     magic_upload},
    {"download", "[-t SET] GLOB ... [DIR]",
     "brings files from there; of several machines, a folder each",
     "%download 'out/*.csv' results/", "On the engines", GRAMMAR_KNOWN,
     OPTIONS(download_options), magic_download},
    {"diff", "[-t SET] [CODE]",
     "tells how the engines' answers differ, or those of the last job", "%diff !pip freeze",
     "On the engines", CODE | GRAMMAR_CELL, OPTIONS(diff_options), magic_diff},
    {"autopx", "", "plain lines go to the engines, until it is said again", "%autopx",
     "On the engines", GRAMMAR_KNOWN, NO_OPTIONS, magic_autopx},
    {"pxconfig", "[-t SET] [--noblock] [--timeout S]", "shows or sets what holds for every %px",
     "%pxconfig --targets 1 --noblock", "On the engines", GRAMMAR_KNOWN,
     OPTIONS(pxconfig_options), magic_pxconfig},

    {"result", "[N ...] [> FILE] [| COMMAND]",
     "shows the answers of jobs again, whole, or passes them on", "%result 5 | less", "Jobs",
     GRAMMAR_KNOWN, OPTIONS(result_options), magic_result},
    {"pxresult", "[N ...]", "the same, of the last %px if no job is named", "%pxresult", "Jobs",
     GRAMMAR_KNOWN, OPTIONS(result_options), magic_pxresult},
    {"wait", "[--timeout S] [N ...]", "waits for jobs in the background", "%wait 5", "Jobs",
     GRAMMAR_KNOWN, OPTIONS(wait_options), magic_wait},
    {"timing", "[N ...]", "tells where the time of jobs went", "%timing 5", "Jobs",
     GRAMMAR_KNOWN, NO_OPTIONS, magic_timing},
    {"timeline", "[N] [FILE.svg]", "draws when engines worked on a job", "%timeline 5", "Jobs",
     GRAMMAR_KNOWN, NO_OPTIONS, magic_timeline},
    {"show", "[--open] [-t SET] [N]", "shows the pictures of a job again", "%show 5", "Jobs",
     GRAMMAR_KNOWN, OPTIONS(show_options), magic_show},
    {"retry", "[N]", "tries again what has not ended well, into the same result", "%retry 9",
     "Jobs", GRAMMAR_KNOWN, OPTIONS(retry_options), magic_retry},
    {"cancel", "N [N ...] | --left",
     "ends jobs: what waits never starts, what runs is interrupted", "%cancel 5", "Jobs",
     GRAMMAR_KNOWN, OPTIONS(cancel_options), magic_cancel},

    {"save", "[-f] [-a] FILE [N-M ...]", "writes what was typed to a file for tutti run",
     "%save lesson.tutti 1-9", "Jobs", GRAMMAR_KNOWN, OPTIONS(save_options), magic_save},
    {"history", "[-n] [N-M ...]", "shows what was typed", "%history -n 1-9", "Jobs",
     GRAMMAR_KNOWN, OPTIONS(history_options), magic_history},
    {"top", "[--every S] [--once]", "shows live what the engines do, and the load", "%top",
     "Engines", GRAMMAR_KNOWN, OPTIONS(top_options), magic_top},
    {"interrupt", "[SET]", "interrupts whatever runs on engines", "%interrupt 0", "Engines",
     GRAMMAR_KNOWN, NO_OPTIONS, magic_interrupt},
    {"restart", "[SET]", "starts engines again, with empty namespaces", "%restart 0", "Engines",
     GRAMMAR_KNOWN, NO_OPTIONS, magic_restart},
    {"scale", "[-t SET] N | +N | -N",
     "starts more engines like those there are, or ends the last ones", "%scale +2", "Engines",
     GRAMMAR_KNOWN, OPTIONS(scale_options), magic_scale},
    {"replay", "[SET]", "gives engines that are new or back what was sent before", "%replay 4",
     "Engines", GRAMMAR_KNOWN, NO_OPTIONS, magic_replay},
    {"kill", "[SET]", "kills engines, which come back empty; alone: those deaf to Ctrl-C",
     "%kill 3", "Engines", GRAMMAR_KNOWN, NO_OPTIONS, magic_kill},
    {"logs", "[SET]", "shows what controller and engine host have logged", "%logs 3", "Engines",
     GRAMMAR_KNOWN, NO_OPTIONS, magic_logs},
    {"lang", "[LANGUAGE]", "tells or sets the language of plain lines", "%lang sh", "Engines",
     GRAMMAR_KNOWN, NO_OPTIONS, magic_lang},
    {"version", "", "tells the versions of tutti and of the interpreters", "%version",
     "Engines", GRAMMAR_KNOWN, NO_OPTIONS, magic_version},
    {"why", "[HOST|SET|job N]", "tells why engines are missing, or what a job waits for",
     "%why job 3", "Engines", GRAMMAR_KNOWN, NO_OPTIONS, magic_why},

    {"time", "CODE", "runs code here and tells how long it took", "%time f(10)", IPYTHON,
     LOCAL | GRAMMAR_CELL, NO_OPTIONS, magic_local},
    {"timeit", "[-n LOOPS] [-r RUNS] CODE", "the same, of many runs", "%timeit f(10)", IPYTHON,
     LOCAL | GRAMMAR_CELL, NO_OPTIONS, magic_local},
    {"run", "FILE [ARG ...]", "runs a file of code", "%run fit.py 10", IPYTHON, LOCAL,
     NO_OPTIONS, magic_local},
    {"cd", "[DIR]", "changes the working directory; - goes back", "%px %cd /data", IPYTHON,
     LOCAL, NO_OPTIONS, magic_local},
    {"pwd", "", "tells the working directory", "%pwd", IPYTHON, LOCAL, NO_OPTIONS, magic_local},
    {"env", "[NAME [= VALUE]]", "shows or sets variables of the environment",
     "%env OMP_NUM_THREADS = 1", IPYTHON, LOCAL, NO_OPTIONS, magic_local},
    {"who", "[TYPE ...]", "lists the names that there are", "%px %who", IPYTHON, LOCAL,
     NO_OPTIONS, magic_local},
    {"whos", "[TYPE ...]", "lists them with types and values", "%whos", IPYTHON, LOCAL,
     NO_OPTIONS, magic_local},
    {"reset", "[-f | --hard]", "empties the namespace, asking first; --hard: in a new process",
     "%px %reset -f", IPYTHON, LOCAL, NO_OPTIONS, magic_reset},
    {0},
};

const magic_t *magic_find(const char *name)
{
    for (const magic_t *row = magics; row->name; row++)
        if (strcmp(row->name, name) == 0)
            return row;
    return NULL;
}

unsigned magic_about(const char *name)
{
    const magic_t *row = magic_find(name);
    return row ? row->flags : 0;
}

unsigned magic_about_shell(const char *name)
{
    unsigned flags = magic_about(name);
    return flags & GRAMMAR_LOCAL ? 0 : flags;
}

const magic_t *magic_find_for(const session_t *session, const char *name)
{
    return session_rules(session).about(name) ? magic_find(name) : NULL;
}
