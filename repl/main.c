/* tutti: the prompt and the cluster command. */
#include "command.h"
#include "identity.h"
#include "log.h"
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

static given_t defaults(void)
{
    return (given_t){
        .name = "default",
        .machine = {.timeout_s = 300},
        .wish = {.group.engines = CLUSTER_PER_CORE, .timeout_s = 60, .grace_s = 60}};
}

static int run_parsed(const command_t *command, given_t *given, int argc, char **argv)
{
    tt_error_t err;
    int rest;
    if (tt_options_parse(command->options, given, argc, argv, &rest, command->verbatim, &err) !=
        0)
        return command_complain(2, "%s: %s", command->name, err.text);
    if (given->help) {
        printf("usage: tutti %s%s%s\n%s\n\n", command->name, *command->usage ? " " : "",
               command->usage, command->summary);
        tt_options_help(command->options, stdout);
        return 0;
    }
    if (tt_rundir_name_check(given->name, &err) != 0)
        return command_complain(2, "%s", err.text);
    return command->run(given, argc - rest, argv + rest);
}

/* A command that needs no session runs where the cluster is. */
static int run_there(const given_t *top, int argc, char **argv)
{
    tt_error_t err;
    const char **args = tt_alloc(((size_t)argc + 3) * sizeof *args);
    for (int i = 0; i < argc; i++)
        args[i] = argv[i];
    if (strcmp(top->name, "default") != 0) {
        args[argc] = "--name";
        args[argc + 1] = top->name;
    }
    reach_exec(&top->reach, args, &err);
    free(args);
    return command_complain(3, "%s", err.text);
}

static int run_command(const given_t *top, int argc, char **argv)
{
    const command_t *command = find(argv[0]);
    given_t given = defaults();
    if (command == NULL)
        return unknown(argv[0]);
    if (top->reach.host && !command->session)
        return run_there(top, argc, argv);
    given.name = top->name;
    given.reach = top->reach;
    int status = run_parsed(command, &given, argc, argv);
    cluster_wish_release(&given.wish);
    tt_texts_release(&given.groups);
    placement_release(&given.machine.placement);
    cluster_group_release(&given.machine.group);
    return status;
}

int main(int argc, char **argv)
{
    given_t top = defaults();
    tt_error_t err;
    int rest;
    setlocale(LC_CTYPE, "");
    tt_log_open("tutti", 2);
    if (tt_options_parse(command_top_options, &top, argc, argv, &rest, true, &err) != 0)
        return command_complain(2, "%s", err.text);
    if (top.version)
        return printf("tutti %s\n", TT_VERSION) < 0;
    if (top.help)
        return usage(stdout, 0);
    if (top.lines.count > 0) {
        int status =
            rest < argc ? command_complain(2, "-c stands alone") : command_lines(&top, 0, NULL);
        tt_texts_release(&top.lines);
        return status;
    }
    if (rest == argc)
        return terminal_is_there() ? command_prompt(&top, 0, NULL) : usage(stderr, 2);
    return run_command(&top, argc - rest, argv + rest);
}
