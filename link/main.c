/* tutti-ssh: the near end of a link over ssh. Started by the controller for each machine that
 * is added, and by tutti for a cluster on another machine; not by hand. */
#include "identity.h"
#include "log.h"
#include "near.h"
#include "option.h"

#include <stddef.h>
#include <stdio.h>

typedef struct {
    const char *ssh, *port, *identity, *jump, *to, *listen, *setup_name;
    long status_fd, setup_fd;
    bool help, version;
} given_t;

static const tt_option_t options[] = {
    {0, "ssh", "COMMAND", "the ssh to use (ssh)", TT_OPTION_TEXT, offsetof(given_t, ssh)},
    {'p', "port", "N", "its port there", TT_OPTION_TEXT, offsetof(given_t, port)},
    {'i', "identity", "FILE", "the key", TT_OPTION_TEXT, offsetof(given_t, identity)},
    {'J', "jump", "HOST", "the host on the way", TT_OPTION_TEXT, offsetof(given_t, jump)},
    {0, "to", "SOCKET", "connect the program there to this socket", TT_OPTION_TEXT,
     offsetof(given_t, to)},
    {0, "listen", "SOCKET", "connect it to who comes to this socket", TT_OPTION_TEXT,
     offsetof(given_t, listen)},
    {0, "status-fd", "FD", "where each step is told", TT_OPTION_INT,
     offsetof(given_t, status_fd)},
    {0, "setup-fd", "FD", "a script that runs there first", TT_OPTION_INT,
     offsetof(given_t, setup_fd)},
    {0, "setup-name", "NAME", "what it is called", TT_OPTION_TEXT,
     offsetof(given_t, setup_name)},
    {'h', "help", NULL, "this help", TT_OPTION_FLAG, offsetof(given_t, help)},
    {0, "version", NULL, "the version", TT_OPTION_FLAG, offsetof(given_t, version)},
    {0},
};

int main(int argc, char **argv)
{
    given_t given = {.ssh = "ssh", .status_fd = -1, .setup_fd = -1};
    tt_error_t err;
    int rest;
    if (tt_options_parse(options, &given, argc, argv, &rest, true, &err) != 0) {
        fprintf(stderr, "tutti-ssh: %s\n", err.text);
        return 2;
    }
    if (given.version)
        return printf("tutti-ssh %s\n", TT_VERSION) < 0;
    if (given.help || argc - rest < 2) {
        printf("usage: tutti-ssh [options] HOST PROGRAM [ARG...]\n\n");
        tt_options_help(options, stdout);
        return given.help ? 0 : 2;
    }
    tt_log_open("tutti-ssh", 2);
    near_options_t near = {
        .target = {given.ssh, argv[rest], given.port, given.identity, given.jump},
        .to = given.to,
        .listen = given.listen,
        .status_fd = (int)given.status_fd,
        .setup_fd = (int)given.setup_fd,
        .setup_name = given.setup_name,
        .argv = (const char *const *)(argv + rest + 1),
    };
    return near_run(&near);
}
