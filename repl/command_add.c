/* tutti add and remove: engines on other machines. */
#include "command.h"

#include "interpreter.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CONNECT_MS = 10000, REQUEST_MS = 20000 };

static int read_machines(given_t *given, int argc, char **argv, machines_t *machines)
{
    tt_error_t err;
    for (int i = 0; i < argc; i++)
        if (machines_add(machines, argv[i], &err) != 0)
            return command_complain(2, "%s", err.text);
    if (given->hosts_file && machines_add_file(machines, given->hosts_file, &err) != 0)
        return command_complain(2, "%s", err.text);
    if (machines->count == 0)
        return command_complain(2, "add takes hosts: tutti add [USER@]HOST...");
    if (given->machine.name && machines->count > 1)
        return command_complain(2, "--as names one machine, and there are %zu",
                                machines->count);
    if (given->machine.name) {
        free(machines->items->label);
        machines->items->label = tt_strdup(given->machine.name);
    }
    return machines_check(&given->machine, &err) == 0 ? 0 : command_complain(2, "%s", err.text);
}

static int read_all(given_t *given, int argc, char **argv, machines_t *machines)
{
    cluster_group_t *group = &given->machine.group;
    tt_error_t err;
    if (given->program)
        group->program = given->program;
    if (machines_count(given->count, &group->engines, &err) != 0)
        return command_complain(2, "%s", err.text);
    int rc = read_machines(given, argc, argv, machines);
    if (rc == 0 && command_verify(given, &err) != 0)
        return command_complain(2, "%s", err.text);
    if (rc == 0 && group->language && tt_interpreter_find(group->language) == NULL &&
        group->program == NULL)
        return command_complain(
            2,
            "no language '%s': there are python, ipython, sh; another one needs the "
            "path of its runtime there (--program)",
            group->language);
    return rc;
}

/* The cluster that they are added to; one is started when none runs. */
static tt_client_t *connect_to(const given_t *given, machines_t *machines)
{
    static tt_rundir_t dir;
    tt_error_t err;
    pid_t pid;
    tt_client_t *client = NULL;
    int rc = tt_rundir_prepare(given->name, &dir, &err);
    bool running = rc == 0 && tt_rundir_holder(&dir, &pid) == 1;
    if (rc == 0 && !running &&
        (rc = cluster_start_controller(&dir, given->wish.policy, &err)) == 0)
        printf("cluster '%s' is up\n", dir.name);
    if (rc == 0)
        client = tt_client_open(command_loop(), &dir, "tutti", &machine_handlers, machines,
                                CONNECT_MS, &err);
    if (client == NULL)
        command_complain(3, "%s", err.text);
    return client;
}

int command_add(given_t *given, int argc, char **argv)
{
    machines_t machines = {NULL, 0};
    tt_error_t err;
    int status = read_all(given, argc, argv, &machines);
    tt_client_t *client = status == 0 ? connect_to(given, &machines) : NULL;
    if (status == 0 && client == NULL)
        status = 3;
    if (client) {
        status = machines_launch(&machines, client, command_loop(), &given->machine, &err);
        if (status == 3)
            command_complain(3, "%s", err.text);
        tt_client_close(&client);
    }
    machines_release(&machines);
    return status;
}

static int remove_one(tt_client_t *client, const char *label)
{
    tt_message_t message = tt_message(TT_MSG_REMOVE, 0), answer;
    tt_packet_t reply;
    tt_error_t err;
    message.as.remove.text = tt_span(label);
    if (tt_client_request(client, &message, REQUEST_MS, &answer, &reply, &err) != 0)
        return command_complain(3, "%s", err.text);
    tt_packet_release(&reply);
    printf("%s is removed\n", label);
    return 0;
}

int command_remove(given_t *given, int argc, char **argv)
{
    static tt_rundir_t dir;
    machines_t machines = {NULL, 0};
    tt_error_t err;
    pid_t pid;
    if (argc == 0)
        return command_complain(2, "remove takes hosts, as tutti status names them");
    for (int i = 0; i < argc; i++) {
        if (machines_add(&machines, argv[i], &err) == 0)
            continue;
        machines_release(&machines);
        return command_complain(2, "%s", err.text);
    }
    int status = 3;
    tt_client_t *client = NULL;
    if (tt_rundir_open(given->name, &dir, &err) != 0 || tt_rundir_holder(&dir, &pid) == 0)
        command_complain(3, "no cluster '%s' is running; tutti start makes one", given->name);
    else if ((client = tt_client_open(command_loop(), &dir, "tutti", NULL, NULL, CONNECT_MS,
                                      &err)) == NULL)
        command_complain(3, "%s", err.text);
    else
        status = 0;
    for (size_t i = 0; client && i < machines.count; i++) {
        int rc = remove_one(client, machines.items[i].label);
        status = status ? status : rc;
    }
    tt_client_close(&client);
    machines_release(&machines);
    return status;
}
