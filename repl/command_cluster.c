/* Subcommands on clusters: start, stop, status, list, logs, why. */
#include "command.h"
#include "groups.h"
#include "logs.h"
#include "pack.h"
#include "status.h"
#include "value.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CONNECT_MS = 10000 };

static tt_client_t *connect_to(const tt_rundir_t *dir, tt_error_t *err)
{
    return tt_client_open(command_loop(), dir, "tutti", NULL, NULL, CONNECT_MS, err);
}

/* ---- start */

static size_t put(const char **args, size_t count, const char *option, const char *value)
{
    if (value) {
        args[count++] = option;
        args[count++] = value;
    }
    return count;
}

/* The same command on another machine: what was said here, without where. */
static int start_there(const given_t *given)
{
    const cluster_wish_t *wish = &given->wish;
    tt_error_t err;
    char timeout[32], grace[32], threads[32], nice[32];
    size_t count = 0, groups = given->groups.count / 2;
    const placement_t *placement = &wish->placement;
    size_t variables = placement->variables.count;
    const char **args = tt_alloc((2 * (groups + variables) + 32) * sizeof *args);
    char **options = tt_alloc((groups + 1) * sizeof *options);
    snprintf(timeout, sizeof timeout, "%.3f", wish->timeout_s);
    snprintf(grace, sizeof grace, "%.3f", wish->grace_s);
    args[count++] = "--no-settings"; /* those here are among the options */
    args[count++] = "start";
    for (size_t i = 0; i < groups; i++) {
        options[i] = tt_printf("--%s", given->groups.items[2 * i]);
        count = put(args, count, options[i], given->groups.items[2 * i + 1]);
    }
    count = put(args, count, "--name", given->name);
    count = put(args, count, "--wait", wish->wait);
    count = put(args, count, "--timeout", timeout);
    count = put(args, count, "--grace", grace);
    count = put(args, count, "--policy", wish->policy);
    count = put(args, count, "--workdir", placement->directory);
    count = put(args, count, "--memory", placement->memory);
    snprintf(threads, sizeof threads, "%ld", placement->threads);
    snprintf(nice, sizeof nice, "%ld", placement->nice);
    count = put(args, count, "--threads", placement->threads ? threads : NULL);
    count = put(args, count, "--nice", placement->nice ? nice : NULL);
    for (size_t i = 0; i < variables; i++)
        count = put(args, count, "--env", placement->variables.items[i]);
    args[count] = NULL;
    reach_exec(&given->reach, args, &err);
    for (size_t i = 0; i < groups; i++)
        free(options[i]);
    free(options);
    free(args);
    return command_complain(3, "%s", err.text);
}

int command_start(given_t *given, int argc, char **argv)
{
    static tt_rundir_t dir;
    tt_error_t err;
    pid_t pid;
    (void)argv;
    if (command_check_none("start", argc) != 0)
        return 2;
    if (groups_read(&given->groups, &given->wish, &err) != 0)
        return command_complain(2, "start: %s", err.text);
    bool empty = given->wish.group.engines == 0 && given->wish.more_count == 0;
    if (empty) /* a controller, to which engines are added */
        given->wish.group.engines = CLUSTER_PER_CORE;
    if (command_check(given) != 0)
        return 2;
    if (given->reach.setup && given->reach.host == NULL)
        return command_complain(2, "--setup goes with --on HOST");
    if (given->reach.host)
        return start_there(given);
    if (tt_rundir_prepare(given->name, &dir, &err) != 0)
        return command_complain(3, "%s", err.text);
    bool running = tt_rundir_holder(&dir, &pid) == 1;
    if (!running && cluster_start_controller(&dir, given->wish.policy, &err) != 0)
        return command_complain(3, "%s", err.text);
    tt_client_t *client = connect_to(&dir, &err);
    if (client == NULL)
        return command_complain(3, "%s", err.text);
    size_t count;
    tt_client_engines(client, &count);
    bool complete = empty || (running && count > 0); /* one without engines gets them */
    int status =
        complete ? 0 : cluster_launch(client, command_loop(), &given->wish, true, &err);
    char *summary = cluster_summary(client);
    if (status == 3)
        command_complain(3, "%s", err.text);
    else
        printf("cluster '%s' %s: %s\n", dir.name,
               running && complete ? "is running already" : "is up", summary);
    free(summary);
    tt_client_close(&client);
    return status;
}

static int stop_one(const char *name)
{
    static tt_rundir_t dir;
    tt_error_t err;
    if (tt_rundir_open(name, &dir, &err) != 0 && err.code != ENOENT)
        return command_complain(3, "%s", err.text);
    int rc = cluster_stop(command_loop(), &dir, &err);
    if (rc < 0)
        return command_complain(3, "%s", err.text);
    printf(rc == 1 ? "no cluster '%s' is running\n" : "cluster '%s' is stopped\n", name);
    return 0;
}

static void stop_each(const char *name, void *arg)
{
    static tt_rundir_t dir;
    tt_error_t err;
    int *status = arg;
    int rc =
        tt_rundir_open(name, &dir, &err) == 0 ? cluster_stop(command_loop(), &dir, &err) : 1;
    if (rc == 0)
        printf("cluster '%s' is stopped\n", name);
    else if (rc < 0)
        *status = command_complain(3, "%s", err.text);
}

int command_stop(given_t *given, int argc, char **argv)
{
    tt_error_t err;
    int status = 0;
    (void)argv;
    if (argc > 0)
        return command_complain(2,
                                "stop takes no arguments; --name NAME stops another cluster");
    if (!given->all)
        return stop_one(given->name);
    if (tt_rundir_list(stop_each, &status, &err) != 0)
        return command_complain(3, "%s", err.text);
    return status;
}

static int show(const given_t *given, status_form_t form, const char *host)
{
    static tt_rundir_t dir;
    tt_error_t err;
    pid_t pid;
    if (tt_rundir_open(given->name, &dir, &err) != 0 && err.code != ENOENT)
        return command_complain(3, "%s", err.text);
    if (tt_rundir_holder(&dir, &pid) == 0)
        return command_complain(3, "no cluster '%s' is running; tutti start makes one",
                                given->name);
    tt_client_t *client = connect_to(&dir, &err);
    int rc = client ? status_show(client, form, host, stdout, &err) : -1;
    tt_client_close(&client);
    return rc == 0 ? 0 : command_complain(3, "%s", err.text);
}

int command_status(given_t *given, int argc, char **argv)
{
    (void)argv;
    return command_check_none("status", argc)
               ? 2
               : show(given, given->json ? STATUS_JSON : STATUS_TEXT, NULL);
}

int command_why(given_t *given, int argc, char **argv)
{
    if (argc > 1)
        return command_complain(2, "why takes one host at most");
    return show(given, STATUS_WHY, argc > 0 ? argv[0] : NULL);
}

/* ---- list */

typedef struct {
    bool json;
    size_t count;
} listing_t;

static void list_one(const char *name, void *arg)
{
    static tt_rundir_t dir;
    listing_t *listing = arg;
    tt_error_t err;
    pid_t pid;
    if (tt_rundir_open(name, &dir, &err) != 0 || tt_rundir_holder(&dir, &pid) == 0)
        return;
    tt_client_t *client = connect_to(&dir, &err);
    size_t ready = client ? cluster_count(client, TT_ENGINE_READY) : 0;
    if (listing->json) {
        tt_buf_t line;
        tt_buf_init(&line);
        tt_buf_printf(&line, "{\"schema\":1,\"cluster\":");
        tt_json_text(&line, name, strlen(name));
        tt_buf_printf(&line, ",\"pid\":%d,\"answers\":%s,\"engines\":%zu}", (int)pid,
                      client ? "true" : "false", ready);
        printf("%s\n", tt_buf_text(&line));
        tt_buf_release(&line);
    } else {
        char *summary = client ? cluster_summary(client) : tt_strdup(err.text);
        if (listing->count == 0)
            printf("%-16s  %7s  %s\n", "CLUSTER", "PID", "ENGINES");
        printf("%-16s  %7d  %s\n", name, (int)pid, summary);
        free(summary);
    }
    listing->count++;
    tt_client_close(&client);
}

int command_list(given_t *given, int argc, char **argv)
{
    listing_t listing = {given->json, 0};
    tt_error_t err;
    (void)argv;
    if (command_check_none("list", argc) != 0)
        return 2;
    if (tt_rundir_list(list_one, &listing, &err) != 0)
        return command_complain(3, "%s", err.text);
    if (listing.count == 0 && !given->json)
        printf("no cluster is running\n");
    return 0;
}

/* ---- logs */

/* Copies what a log has from `*at` on to stdout. */
static bool copy_log(const tt_rundir_t *dir, int number, off_t *at)
{
    tt_buf_t text;
    tt_buf_init(&text);
    bool found = logs_read(dir, number, at, &text);
    if (text.len > 0)
        fwrite(text.data, 1, text.len, stdout);
    fflush(stdout);
    tt_buf_release(&text);
    return found;
}

int command_logs(given_t *given, int argc, char **argv)
{
    static tt_rundir_t dir;
    tt_error_t err;
    off_t at[LOGS] = {-1, -1};
    bool found = false, never = false;
    (void)argv;
    if (command_check_none("logs", argc) != 0)
        return 2;
    if (tt_rundir_open(given->name, &dir, &err) != 0 && err.code != ENOENT)
        return command_complain(3, "%s", err.text);
    do {
        for (int i = 0; i < LOGS; i++)
            found |= copy_log(&dir, i, &at[i]);
        if (given->follow)
            tt_loop_run_until(command_loop(), &never, 200);
    } while (given->follow);
    return found ? 0 : command_complain(3, "there are no logs of cluster '%s'", given->name);
}
