/* Starting a child process with exactly the descriptors, group and environment that it should
 * have, and telling in words how one ended. */
#ifndef TT_CHILD_H
#define TT_CHILD_H

#include "buf.h"
#include "error.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum { TT_CHILD_FDS = 5 };

typedef struct {
    const char *const *argv; /* NULL-terminated; argv[0] is searched for in PATH */
    const char *const
        *environment;      /* NULL, or NAME=VALUE to add, NULL-terminated; NAME= removes */
    const char *directory; /* NULL: stay */
    int fd[TT_CHILD_FDS];  /* what 0 to 4 shall be; -1: /dev/null for 0-2, closed above */
    bool own_session;      /* setsid: survives our terminal */
    bool own_group;        /* setpgid: can be signalled with what it starts */
    bool dies_with_us;     /* SIGKILL when the calling thread ends */
    int nice;              /* added to ours; 0: nothing */
    uint64_t memory_bytes; /* limit of its data (RLIMIT_DATA), which what it starts has as well;
                              0: ours */
} tt_child_t;

/* Starts it, signals unblocked and default. Returns the pid, or -1 with the reason (the limit
 * that was met, if one was). A program that cannot be run writes why to its descriptor 2 and
 * exits with 127. */
pid_t tt_child_spawn(const tt_child_t *self, tt_error_t *err);

/* "exited with status 3", "was killed by SIGKILL", from a wait status. Borrowed until next
 * call. */
const char *tt_child_ending(int wait_status);

/* "SIGINT" for 2; "signal 40" for those without a name. Borrowed until the next call. */
const char *tt_signal_name(int number);

/* Resident set of a process in bytes, 0 when it cannot be told. */
uint64_t tt_child_rss(pid_t pid);

/* Raises the limit on open files to the hard limit and returns what it is then. */
long tt_raise_files(void);

#endif
