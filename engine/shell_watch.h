/* Looking at a bash from outside, by /proc: what it is doing when it does not answer, and the
 * ways to get it going again. Used by shell_bash.c while it waits. Nothing here blocks for
 * longer than 50 ms, or 2 s where the machine is too busy to let it run. */
#ifndef SHELL_WATCH_H
#define SHELL_WATCH_H

#include <stdbool.h>
#include <sys/types.h>

/* It waits for input on its descriptor 0, and `in`, the other end of that pipe, has been read
 * empty. False also when that cannot be told. */
bool shell_watch_waits(pid_t pid, int in);

/* It is stopped: SIGCONT lets it go on. */
bool shell_watch_stopped(pid_t pid);

/* It runs with SIGINT held back. Bash does so for more than a moment only when it is caught in
 * its own handler. */
bool shell_watch_spins(pid_t pid);

/* Frees a bash that spins, unless it does not get to run within 50 ms: then it spins on. Where
 * that is not allowed, kills it. Needs a child of ours. */
void shell_watch_free(pid_t pid);

/* Sends SIGINT to the process that bash has started last. */
void shell_watch_interrupt_youngest(pid_t pid);

#endif
