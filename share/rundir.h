/* The files of a cluster. Sockets and lock: $TUTTI_RUNTIME_DIR/NAME, else
 * $XDG_RUNTIME_DIR/tutti/NAME, else /tmp/tutti-UID/NAME. Logs and history:
 * $TUTTI_STATE_DIR/NAME, else $XDG_STATE_HOME/tutti/NAME, else ~/.local/state/tutti/NAME.
 *
 * The runtime directory is the access control: whoever can enter it can run code as us. So it
 * must be ours, no symbolic link, and closed to everybody else. The lock, not the sockets,
 * tells who the controller is; it is never deleted. */
#ifndef TT_RUNDIR_H
#define TT_RUNDIR_H

#include "error.h"

#include <limits.h>
#include <sys/types.h>

enum { TT_NAME_MAX = 64, TT_SOCKET_MAX = 108 /* sun_path, with its zero */ };

typedef struct {
    char name[TT_NAME_MAX + 1];
    char run_dir[PATH_MAX];
    char state_dir[PATH_MAX];
    char client_sock[TT_SOCKET_MAX]; /* may do everything */
    char engine_sock[TT_SOCKET_MAX]; /* may only be an engine host */
    char far_sock[TT_SOCKET_MAX];    /* the same, of another machine */
    char lock_path[PATH_MAX];
    /* of a cluster on another machine: the process there that stands for its client; else 0 */
    int far_pid;
    char far_boot[64]; /* that machine's boot id */
} tt_rundir_t;

/* Whether `name` may name a cluster: 1-64 of A-Z a-z 0-9 . _ -, no dot or dash in front.
 * Returns 0, or -1 with the reason. */
int tt_rundir_name_check(const char *name, tt_error_t *err);

/* Fills in the paths and makes the directories, mode 0700. Returns 0, or -1 with the reason: a
 * directory that is not safe is refused, and so are socket paths that are too long. */
int tt_rundir_prepare(const char *name, tt_rundir_t *out, tt_error_t *err);

/* The same without making anything. When the run directory is missing it fails with "no cluster
 * 'x' is running" (code ENOENT), and the paths are filled in all the same. The state directory
 * may be missing. */
int tt_rundir_open(const char *name, tt_rundir_t *out, tt_error_t *err);

/* Takes the cluster's lock and writes our pid into it. Returns a descriptor (close-on-exec)
 * that holds the lock until it is closed, or -1 with the reason (who holds it, code
 * EWOULDBLOCK). May take 0.1 s. */
int tt_rundir_lock(const tt_rundir_t *self, tt_error_t *err);

/* Whether a live process holds the lock: 1 and its pid (0 when it has not written it yet), or
 * 0. */
int tt_rundir_holder(const tt_rundir_t *self, pid_t *pid);

/* Calls `each` with the name of every cluster in the runtime directory, sorted, running or not.
 * Returns 0, also when there is no such directory; -1 with the reason when it cannot be read.
 */
int tt_rundir_list(void (*each)(const char *name, void *arg), void *arg, tt_error_t *err);

/* The parents of the engine hosts on this machine, noted by the controller so that a later one,
 * or `tutti stop`, finds them. Writing replaces what was noted. Reading gives those that are
 * still alive, the caller's to free(), and their number. */
void tt_rundir_note_hosts(const tt_rundir_t *self, const pid_t *pids, size_t count);
size_t tt_rundir_hosts(const tt_rundir_t *self, pid_t **pids);

#endif
