/* The parent: a subreaper that sleeps until the host has ended, then sweeps. See parent.h. */
#include "parent.h"

#include "loop.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { SWEEPS_MAX = 10000, SWEEP_US = 1000 }; /* ten seconds in all */

/* Kills every child there is now; children of those become ours and are met by the next round.
 */
static void kill_children(void)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
    FILE *list = fopen(path, "re");
    int pid;
    while (list && fscanf(list, "%d", &pid) == 1)
        kill(pid, SIGKILL);
    if (list)
        fclose(list);
}

void parent_sweep(void)
{
    for (int i = 0; i < SWEEPS_MAX; i++) {
        kill_children();
        pid_t pid;
        while ((pid = waitpid(-1, NULL, WNOHANG)) > 0)
            continue;
        if (pid < 0 && errno == ECHILD)
            return;
        usleep(SWEEP_US);
    }
}

/* Reaps until the host has ended; passes on requests to end. */
static int wait_for(pid_t host, const sigset_t *signals)
{
    for (;;) {
        int status;
        pid_t pid;
        while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
            if (pid == host)
                return status;
        int number = sigwaitinfo(signals, NULL);
        if (number > 0 && number != SIGCHLD)
            kill(host, SIGTERM);
    }
}

void parent_stand_in(int parent)
{
    if (getppid() != parent)
        parent_sweep();
}

void parent_become_host(int parent)
{
    prctl(PR_SET_CHILD_SUBREAPER, 0);
    prctl(PR_SET_PDEATHSIG, SIGTERM); /* the host then ends in order, and stands in */
    if (getppid() != parent)
        _exit(1);
}

void parent_exit(int wait_status)
{
    _exit(WIFSIGNALED(wait_status) ? 128 + WTERMSIG(wait_status) : WEXITSTATUS(wait_status));
}

int parent_fork(void)
{
    sigset_t signals;
    tt_signals_block(&signals, SIGCHLD, SIGTERM, SIGINT, SIGHUP, 0);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    pid_t parent = getpid(), host = fork();
    if (host < 0)
        return -1;
    if (host == 0) {
        parent_become_host(parent);
        return 0;
    }
    int status = wait_for(host, &signals);
    parent_sweep();
    parent_exit(status);
}
