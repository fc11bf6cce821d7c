/* tutti-controller: routes and schedules. Started by `tutti start`, not by hand. */
#include "child.h"
#include "controller.h"
#include "identity.h"
#include "log.h"
#include "option.h"

#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

typedef struct {
    const char *cluster, *policy;
    long ready_fd;
    bool help, version;
} given_t;

static const tt_option_t options[] = {
    {0, "name", "NAME", "the cluster's name (default)", TT_OPTION_TEXT,
     offsetof(given_t, cluster)},
    {0, "policy", "NAME", "how balanced work finds an engine: leastload, roundrobin, random",
     TT_OPTION_TEXT, offsetof(given_t, policy)},
    {0, "ready-fd", "N", "where to write 'ok', or what went wrong", TT_OPTION_INT,
     offsetof(given_t, ready_fd)},
    {'h', "help", NULL, "this help", TT_OPTION_FLAG, offsetof(given_t, help)},
    {0, "version", NULL, "the version", TT_OPTION_FLAG, offsetof(given_t, version)},
    {0},
};

static int fail(long ready_fd, const char *text)
{
    dprintf(ready_fd >= 0 ? (int)ready_fd : 2, "%s\n", text);
    return 1;
}

int main(int argc, char **argv)
{
    given_t given = {.cluster = "default", .policy = "leastload", .ready_fd = -1};
    tt_error_t err;
    int rest;
    if (tt_options_parse(options, &given, argc, argv, &rest, false, &err) != 0) {
        fprintf(stderr, "tutti-controller: %s\n", err.text);
        return 2;
    }
    if (given.version)
        return printf("tutti-controller %s\n", TT_VERSION) < 0;
    if (given.help) {
        printf("usage: tutti-controller [options]\n\n");
        tt_options_help(options, stdout);
        return 0;
    }
    static tt_rundir_t dir;
    if (given.ready_fd >= 0)
        fcntl((int)given.ready_fd, F_SETFD, FD_CLOEXEC);
    if (tt_rundir_prepare(given.cluster, &dir, &err) != 0)
        return fail(given.ready_fd, err.text);
    int lock = tt_rundir_lock(&dir, &err);
    if (lock < 0)
        return fail(given.ready_fd, err.text);
    tt_log_open("tutti-controller", 2);
    tt_raise_files();
    controller_options_t controller = {&dir, given.policy, (int)given.ready_fd};
    int status = controller_run(&controller);
    close(lock);
    return status;
}
