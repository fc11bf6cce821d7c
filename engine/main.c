/* tutti-engine: the engine host of one machine. Started by the controller, not by hand. */
#include "far.h"
#include "host.h"
#include "identity.h"
#include "log.h"
#include "option.h"
#include "parent.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

typedef struct {
    const char *endpoint, *cluster;
    long launch;
    double grace;
    bool stdio, help, version;
} given_t;

static const tt_option_t options[] = {
    {0, "endpoint", "ADDRESS", "the controller's engine socket", TT_OPTION_TEXT,
     offsetof(given_t, endpoint)},
    {0, "name", "NAME", "the cluster's name", TT_OPTION_TEXT, offsetof(given_t, cluster)},
    {0, "launch", "N", "the controller's number for this launch", TT_OPTION_INT,
     offsetof(given_t, launch)},
    {0, "grace", "S", "seconds to keep engines without a controller (60)", TT_OPTION_SECONDS,
     offsetof(given_t, grace)},
    {0, "stdio", NULL, "stdin and stdout are the controller: the far end of tutti-ssh",
     TT_OPTION_FLAG, offsetof(given_t, stdio)},
    {'h', "help", NULL, "this help", TT_OPTION_FLAG, offsetof(given_t, help)},
    {0, "version", NULL, "the version", TT_OPTION_FLAG, offsetof(given_t, version)},
    {0},
};

/* Forks the host off its parent; returns in the host only. */
static int fork_host(const given_t *given, char far_endpoint[FAR_ENDPOINT_MAX])
{
    tt_error_t err;
    int rc = given->stdio ? far_fork(far_endpoint, &err) : parent_fork();
    if (rc != 0 && !given->stdio)
        tt_error_set(&err, "cannot fork: %s", strerror(errno));
    if (rc != 0)
        fprintf(stderr, "tutti-engine: %s\n", err.text);
    return rc;
}

int main(int argc, char **argv)
{
    given_t given = {.cluster = "default", .grace = 60};
    tt_error_t err;
    int rest;
    if (tt_options_parse(options, &given, argc, argv, &rest, false, &err) != 0) {
        fprintf(stderr, "tutti-engine: %s\n", err.text);
        return 2;
    }
    if (given.version)
        return printf("tutti-engine %s\n", TT_VERSION) < 0;
    if (given.help || (given.endpoint == NULL) == !given.stdio) {
        printf("usage: tutti-engine --endpoint ADDRESS | --stdio [options]\n\n");
        tt_options_help(options, stdout);
        return given.help ? 0 : 2;
    }
    tt_log_open("tutti-engine", 2);
    int parent = getpid();
    char far_endpoint[FAR_ENDPOINT_MAX];
    if (fork_host(&given, far_endpoint) != 0)
        return 1;
    host_options_t host = {.endpoint = given.stdio ? far_endpoint : given.endpoint,
                           .cluster = given.cluster,
                           .launch = (uint64_t)given.launch,
                           .grace_ms = (long)(given.grace * 1000),
                           .watch_pid = parent,
                           .far = given.stdio};
    int status = host_run(&host);
    parent_stand_in(parent);
    return status;
}
