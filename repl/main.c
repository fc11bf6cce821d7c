/* tutti: the prompt and the cluster command. Which command is meant, what its options are (over
 * the settings), and on which machine it runs. */
#include "command.h"
#include "groups.h"
#include "identity.h"
#include "interpreter.h"
#include "log.h"
#include "settings.h"
#include "terminal.h"

#include <locale.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int usage(FILE *out, int status)
{
    fprintf(out, "usage: tutti [options]             the prompt\n"
                 "       tutti -c LINE [-c LINE ...]  lines of the prompt\n"
                 "       tutti COMMAND [options]\n\n");
    for (const command_t *row = commands; row->name; row++)
        fprintf(out, "  %-10s %s\n", row->name, row->summary);
    fprintf(out, "\n");
    tt_options_help(command_top_options, out);
    fprintf(out,
            "\ntutti COMMAND --help tells more of each; %%help lists the prompt's magics.\n");
    return status;
}

static const command_t *find(const char *name)
{
    for (const command_t *row = commands; row->name; row++)
        if (strcmp(row->name, name) == 0)
            return row;
    return NULL;
}

static int unknown(const char *name)
{
    const char *names[32];
    size_t count = 0;
    for (const command_t *row = commands; row->name && count < 32; row++)
        names[count++] = row->name;
    const char *closest = tt_closest(name, names, count);
    return command_complain(2, "no command '%s'%s%s%s; tutti --help lists them", name,
                            closest ? ": did you mean '" : "", closest ? closest : "",
                            closest ? "'?" : "");
}

/* ---- settings */

static settings_t settings; /* values in a given_t point into them */

/* Reads them, if they matter to the command (NULL: the prompt and -c). Returns 0, or 2 after a
 * message. */
static int read_settings(const command_t *command, const given_t *line)
{
    tt_error_t err;
    if (line->no_settings || (command && !settings_concern(command->name)))
        return 0;
    if (settings_init(&settings, line->profile, &err) != 0 ||
        settings_read(&settings, &err) != 0)
        return command_complain(2, "%s", err.text);
    return 0;
}

/* What `start` says holds for every cluster that is started. For other commands its groups are
 * settled here; `start` lays them under those of its line. */
static void apply_start(given_t *given, bool start)
{
    tt_error_t err;
    reach_target_t told = given->reach;
    settings_apply(&settings, "start", given);
    if (told.identity)
        given->reach.identity = told.identity;
    if (told.jump)
        given->reach.jump = told.jump;
    if (start)
        return;
    given->reach = told;
    groups_read(&given->groups, &given->wish, &err); /* it was checked */
    tt_texts_release(&given->groups);
}

static void apply_settings(const command_t *command, given_t *given)
{
    bool start = command && command->run == command_start;
    apply_start(given, start);
    if (command && !start)
        settings_apply(&settings, command->name, given);
    given->settings = &settings;
}

/* ---- the line */

static given_t fresh(const given_t *top)
{
    given_t given = command_defaults();
    given.name = top->name;
    given.reach = top->reach;
    given.profile = top->profile;
    given.no_settings = top->no_settings;
    return given;
}

static int read_line(const command_t *command, given_t *given, int argc, char **argv, int *rest)
{
    tt_error_t err;
    const tt_option_t *options = command ? command->options : command_top_options;
    bool stop = command == NULL || command->verbatim;
    if (tt_options_parse(options, given, argc, argv, rest, stop, &err) == 0)
        return 0;
    return command_complain(2, "%s%s%s", command ? command->name : "", command ? ": " : "",
                            err.text);
}

/* The line's options over what the settings say. So the line is read twice: it tells which
 * profile is meant. Returns 0, or 2 after a message. */
static int read_over(const command_t *command, const given_t *top, given_t *given, int argc,
                     char **argv, int *rest)
{
    int status = read_settings(command, given);
    if (status != 0)
        return status;
    command_release(given);
    *given = fresh(top);
    apply_settings(command, given);
    size_t set = given->groups.count;
    const char *setup = given->reach.setup;
    status = read_line(command, given, argc, argv, rest);
    groups_lay(&given->groups, set);
    if (given->reach.host == NULL && given->reach.setup == setup)
        given->reach.setup = NULL; /* it is set for --on */
    return status;
}

/* ---- commands */

static int help(const command_t *command)
{
    printf("usage: tutti %s%s%s\n%s\n\n", command->name, *command->usage ? " " : "",
           command->usage, command->summary);
    tt_options_help(command->options, stdout);
    return 0;
}

/* A command that is not for here runs where the cluster is, with the settings of here. */
static int run_there(const command_t *command, const given_t *top, int argc, char **argv)
{
    tt_error_t err;
    tt_texts_t words = {NULL, 0};
    size_t own = 2;
    tt_texts_add(&words, "--no-settings");
    tt_texts_add(&words, command->name);
    settings_words(&settings, command->name, &words);
    size_t set = words.count;
    for (int i = 1; i < argc; i++)
        tt_texts_add(&words, argv[i]);
    if (strcmp(top->name, "default") != 0) {
        tt_texts_add(&words, "--name");
        tt_texts_add(&words, top->name);
    }
    tt_texts_add(&words, NULL);
    reach_exec(&top->reach, (const char *const *)words.items, &err);
    while (own < set)
        free(words.items[own++]);
    tt_texts_release(&words);
    return command_complain(3, "%s", err.text);
}

static int run_here(const command_t *command, given_t *given, int argc, char **argv)
{
    tt_error_t err;
    if (tt_rundir_name_check(given->name, &err) != 0)
        return command_complain(2, "%s", err.text);
    return command->run(given, argc, argv);
}

static int run_command(const given_t *top, int argc, char **argv)
{
    const command_t *command = find(argv[0]);
    given_t given = fresh(top);
    int rest;
    if (command == NULL)
        return unknown(argv[0]);
    int status = read_line(command, &given, argc, argv, &rest);
    if (status == 0 && given.help)
        status = help(command);
    else if (status == 0 && (status = read_over(command, top, &given, argc, argv, &rest)) == 0)
        status = top->reach.host && !command->here
                     ? run_there(command, top, argc, argv)
                     : run_here(command, &given, argc - rest, argv + rest);
    command_release(&given);
    return status;
}

/* The prompt, or lines of it. */
static int run_session(const given_t *top, int argc, char **argv)
{
    given_t given = fresh(top);
    int rest;
    int status = read_over(NULL, top, &given, argc, argv, &rest);
    if (status == 0)
        status = given.lines.count > 0 ? command_lines(&given, 0, NULL)
                                       : command_prompt(&given, 0, NULL);
    command_release(&given);
    return status;
}

/* Where `import tutti` finds the package, for PYTHONPATH. */
static int tell_python_path(void)
{
    char *path = tt_library_path("python");
    int status = printf("%s\n", path) < 0;
    free(path);
    return status;
}

static int run(const given_t *top, int argc, char **argv, int rest)
{
    if (top->version)
        return printf("tutti %s\n", TT_VERSION) < 0;
    if (top->python_path)
        return tell_python_path();
    if (top->help)
        return usage(stdout, 0);
    if (top->lines.count > 0 && rest < argc)
        return command_complain(2, "-c stands alone");
    if (rest < argc)
        return run_command(top, argc - rest, argv + rest);
    if (top->lines.count > 0 || terminal_is_there())
        return run_session(top, argc, argv);
    return usage(stderr, 2);
}

int main(int argc, char **argv)
{
    given_t top = command_defaults();
    int rest;
    setlocale(LC_CTYPE, "");
    tt_log_open("tutti", 2);
    int status = read_line(NULL, &top, argc, argv, &rest);
    if (status == 0)
        status = run(&top, argc, argv, rest);
    command_release(&top);
    settings_release(&settings);
    return status;
}
