/* tutti-engine: the engine host of one machine. Started by the controller, not by hand. */
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
    bool help, version;
} given_t;

static const tt_option_t options[] = {
    {0, "endpoint", "ADDRESS", "the controller's engine socket", TT_OPTION_TEXT,
     offsetof(given_t, endpoint)},
    {0, "name", "NAME", "the cluster's name", TT_OPTION_TEXT, offsetof(given_t, cluster)},
    {0, "launch", "N", "the controller's number for this launch", TT_OPTION_INT,
     offsetof(given_t, launch)},
    {0, "grace", "S", "seconds to keep engines without a controller (60)", TT_OPTION_SECONDS,
     offsetof(given_t, grace)},
    {'h', "help", NULL, "this help", TT_OPTION_FLAG, offsetof(given_t, help)},
    {0, "version", NULL, "the version", TT_OPTION_FLAG, offsetof(given_t, version)},
    {0},
};

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
    if (given.help || given.endpoint == NULL) {
        printf("usage: tutti-engine --endpoint ADDRESS [options]\n\n");
        tt_options_help(options, stdout);
        return given.help ? 0 : 2;
    }
    tt_log_open("tutti-engine", 2);
    int parent = getpid();
    if (parent_fork() != 0) {
        fprintf(stderr, "tutti-engine: cannot fork: %s\n", strerror(errno));
        return 1;
    }
    host_options_t host = {given.endpoint, given.cluster, (uint64_t)given.launch,
                           (long)(given.grace * 1000), parent};
    int status = host_run(&host);
    parent_stand_in(parent);
    return status;
}
