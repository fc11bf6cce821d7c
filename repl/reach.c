/* Reaching a cluster over ssh. See reach.h. */
#include "reach.h"

#include "child.h"
#include "interpreter.h"
#include "machines.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { LINK_MS = 120000, END_MS = 1000, ARGS_MAX = 256 };

struct reach {
    tt_loop_t *loop;
    char *host; /* as it was said */
    char directory[64];
    pid_t pid; /* of tutti-ssh */
    int status_fd;
    tt_buf_t lines;
    bool settled, up, ended; /* up: the link was made; ended: and is no more */
    char text[512];          /* what was told last */
    tt_client_t *client;
};

/* ---- the command line of tutti-ssh */

/* The machine that a target names, one. */
static int read_target(const reach_target_t *target, machines_t *machines, tt_error_t *err)
{
    const machine_wish_t wish = {.identity = target->identity, .setup = target->setup};
    if (machines_check(&wish, err) != 0 || machines_add(machines, target->host, err) != 0)
        return -1;
    if (machines->count == 1)
        return 0;
    return tt_error_set(err, "'%.100s' names %zu hosts, and one is needed", target->host,
                        machines->count);
}

static size_t put(const char **argv, size_t count, const char *option, const char *value)
{
    if (value) {
        argv[count++] = option;
        argv[count++] = value;
    }
    return count;
}

/* tutti-ssh's options up to the far program. */
static size_t put_target(const char **argv, char *program, const reach_target_t *target,
                         const machine_t *machine)
{
    const char *ssh = getenv("TUTTI_SSH");
    size_t count = 0;
    argv[count++] = program;
    count = put(argv, count, "--ssh", ssh && *ssh ? ssh : NULL);
    count = put(argv, count, "--port", machine->port);
    count = put(argv, count, "--identity", target->identity);
    return put(argv, count, "--jump", target->jump);
}

/* ---- a link for a session */

static void note_line(reach_t *self, const char *line)
{
    const char *rest = line + strcspn(line, " ");
    snprintf(self->text, sizeof self->text, "%s", *rest ? rest + 1 : rest);
    if (strncmp(line, "up ", 3) == 0)
        self->up = self->settled = true;
    else if (strncmp(line, "failed ", 7) == 0 || strncmp(line, "ended ", 6) == 0)
        self->settled = true;
}

static void on_end(reach_t *self)
{
    tt_loop_remove_fd(self->loop, self->status_fd);
    self->settled = self->ended = true;
    if (self->client) {
        char why[600];
        snprintf(why, sizeof why, "the link to '%s' ended: %.500s", self->host, self->text);
        tt_client_lose(self->client, why);
    }
}

static void on_status(void *arg, int fd, uint32_t events)
{
    reach_t *self = arg;
    char *end;
    ssize_t got = read(fd, tt_buf_reserve(&self->lines, 4096), 4096);
    (void)events;
    if (got > 0)
        self->lines.len += (size_t)got;
    while (self->lines.len > 0 && (end = memchr(self->lines.data, '\n', self->lines.len))) {
        *end = 0;
        note_line(self, (char *)self->lines.data);
        tt_buf_consume(&self->lines, (size_t)(end + 1 - (char *)self->lines.data));
    }
    if (got == 0)
        on_end(self);
}

static int start(reach_t *self, const reach_target_t *target, const machine_t *machine,
                 const char *name, const char *socket, tt_error_t *err)
{
    int status[2];
    const char *argv[32];
    char *program = tt_program_path("tutti-ssh");
    size_t count = put_target(argv, program, target, machine);
    count = put(argv, count, "--listen", socket);
    count = put(argv, count, "--status-fd", "3");
    const char *const rest[] = {"--", machine->host, "bin/tutti", "pipe", "--name", name, NULL};
    memcpy(argv + count, rest, sizeof rest);
    if (pipe2(status, O_CLOEXEC) != 0) {
        free(program);
        return tt_error_set(err, "cannot make a pipe: %s", strerror(errno));
    }
    tt_child_t child = {.argv = argv,
                        .fd = {-1, -1, -1, status[1], -1},
                        .own_group = true,
                        .dies_with_us = true};
    self->pid = tt_child_spawn(&child, err);
    close(status[1]);
    free(program);
    self->status_fd = status[0];
    return self->pid > 0 ? 0 : -1;
}

static int open_socket(reach_t *self, const reach_target_t *target, const char *name,
                       tt_rundir_t *dir, tt_error_t *err)
{
    machines_t machines = {NULL, 0};
    snprintf(self->directory, sizeof self->directory, "/tmp/tutti-reach-XXXXXX");
    if (mkdtemp(self->directory) == NULL)
        return tt_error_set(err, "cannot make a directory in /tmp: %s", strerror(errno));
    snprintf(dir->client_sock, sizeof dir->client_sock, "%.90s/s", self->directory);
    int rc = read_target(target, &machines, err);
    if (rc == 0)
        rc = start(self, target, machines.items, name, dir->client_sock, err);
    machines_release(&machines);
    return rc;
}

reach_t *reach_open(tt_loop_t *loop, const reach_target_t *target, const char *name,
                    tt_rundir_t *dir, tt_error_t *err)
{
    if (tt_rundir_open(name, dir, err) != 0 && err->code != ENOENT)
        return NULL;
    reach_t *self = tt_alloc(sizeof *self);
    self->loop = loop;
    self->host = tt_strdup(target->host);
    self->status_fd = -1;
    if (open_socket(self, target, name, dir, err) == 0) {
        tt_loop_add_fd(loop, self->status_fd, EPOLLIN, on_status, self);
        tt_loop_run_until(loop, &self->settled, LINK_MS);
        if (self->up && sscanf(self->text, "%d %63s", &dir->far_pid, dir->far_boot) == 2) {
            snprintf(self->text, sizeof self->text, "tutti-ssh ended without a word");
            return self;
        }
        bool none = strncmp(self->text, "no cluster ", 11) == 0;
        tt_error_set(err, "cannot reach '%.100s': %.300s%s%.100s%s", target->host,
                     *self->text ? self->text : "no answer", none ? "; tutti start --on " : "",
                     none ? target->host : "", none ? " makes one" : "");
    }
    reach_close(&self);
    return NULL;
}

void reach_watch(reach_t *self, tt_client_t *client)
{
    self->client = client;
    rmdir(self->directory); /* the socket in it is gone since it was connected to */
    if (self->ended)
        on_end(self);
}

void reach_close(reach_t **self_p)
{
    reach_t *self = *self_p;
    if (self == NULL)
        return;
    tt_loop_remove_fd(self->loop, self->status_fd);
    if (self->status_fd >= 0)
        close(self->status_fd);
    if (self->pid > 0) {
        kill(self->pid, SIGTERM);
        int64_t until = tt_now_ms() + END_MS;
        while (waitpid(self->pid, NULL, WNOHANG) == 0 && tt_now_ms() < until)
            usleep(2000);
    }
    char socket[96];
    snprintf(socket, sizeof socket, "%s/s", self->directory);
    unlink(socket); /* if nobody has come to it */
    rmdir(self->directory);
    tt_buf_release(&self->lines);
    free(self->host);
    free(self);
    *self_p = NULL;
}

/* ---- a command there */

int reach_exec(const reach_target_t *target, const char *const *args, tt_error_t *err)
{
    machines_t machines = {NULL, 0};
    const char *argv[ARGS_MAX];
    size_t count, words = 0;
    while (args[words])
        words++;
    if (words > ARGS_MAX - 32)
        return tt_error_set(err, "too many arguments");
    if (read_target(target, &machines, err) != 0)
        return -1;
    char *program = tt_program_path("tutti-ssh"), setup_fd[16];
    count = put_target(argv, program, target, machines.items);
    int fd = target->setup ? open(target->setup, O_RDONLY) : -1;
    snprintf(setup_fd, sizeof setup_fd, "%d", fd);
    count = put(argv, count, "--setup-fd", fd >= 0 ? setup_fd : NULL);
    count = put(argv, count, "--setup-name", fd >= 0 ? target->setup : NULL);
    argv[count++] = "--";
    argv[count++] = machines.items->host;
    argv[count++] = "bin/tutti";
    memcpy(argv + count, args, (words + 1) * sizeof *args);
    execv(program, (char *const *)(uintptr_t)argv);
    tt_error_set(err, "cannot run '%s': %s", program, strerror(errno));
    machines_release(&machines);
    free(program);
    return -1;
}
