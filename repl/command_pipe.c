/* tutti pipe: the far end of `tutti --ssh`, between stdin and stdout and a cluster's socket. */
#include "command.h"
#include "identity.h"
#include "pump.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* The client's socket sends something every few seconds (share/packet.h). A link over which
 * nothing comes is dead, and its client must not be taken for one that lives: its jobs would
 * not be kept. */
enum { SILENCE_MS = 5 * TT_SOCKET_BEAT_MS, LOOK_MS = 1000 };

static tt_pump_t *pump;

static void on_look(void *arg)
{
    if (tt_now_ms() - tt_pump_heard_ms(pump, 0) > SILENCE_MS)
        tt_loop_stop(arg);
    else
        tt_loop_add_timer(arg, LOOK_MS, on_look, arg);
}

static void on_ended(void *arg, int end, int error)
{
    (void)end;
    (void)error;
    tt_loop_stop(arg);
}

static int connect_to(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0)
        return fd;
    close(fd);
    return -1;
}

/* What it answers, a line, is for link/near.c: "=go PID BOOT" (the process whose end is the
 * client's end), or "=fail WHY". */
int command_pipe(given_t *given, int argc, char **argv)
{
    static tt_rundir_t dir;
    tt_error_t err;
    pid_t pid;
    int fd = -1;
    (void)argv;
    if (command_check_none("pipe", argc) != 0)
        return 2;
    if (tt_rundir_open(given->name, &dir, &err) == 0 && tt_rundir_holder(&dir, &pid) == 1)
        fd = connect_to(dir.client_sock);
    if (fd < 0) {
        printf("=fail no cluster '%s' is running there\n", given->name);
        return 3;
    }
    printf("=go %d %s\n", (int)getpid(), tt_boot_id());
    fflush(stdout);
    const tt_pump_end_t ends[2] = {{0, 1}, {fd, fd}};
    tt_loop_t *loop = command_loop();
    pump = tt_pump_new(loop, ends, NULL, 0, on_ended, loop);
    tt_loop_add_timer(loop, LOOK_MS, on_look, loop);
    tt_loop_run(loop);
    tt_pump_destroy(&pump);
    close(fd);
    return 0;
}
