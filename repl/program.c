/* Running a helper. See program.h. */
#include "program.h"

#include "child.h"
#include "loop.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PIECE = 65536 };

bool program_is_there(const char *name)
{
    const char *at = getenv("PATH");
    bool found = false;
    while (at && *at && !found) {
        size_t len = strcspn(at, ":");
        char *path = tt_printf("%.*s/%s", (int)len, at, name);
        found = len > 0 && access(path, X_OK) == 0;
        free(path);
        at += len + (at[len] == ':');
    }
    return found;
}

/* Whether the descriptor is readable (or at its end) before then. */
static bool wait_for(int fd, int64_t until)
{
    struct pollfd poller = {fd, POLLIN, 0};
    for (int64_t left; (left = until - tt_now_ms()) > 0;) {
        int rc = poll(&poller, 1, (int)left);
        if (rc > 0)
            return true;
        if (rc < 0 && errno != EINTR)
            return false;
    }
    return false;
}

/* Reads to the end. */
static int read_all(int fd, size_t limit_bytes, int64_t until, tt_buf_t *out)
{
    size_t start = out->len;
    while (wait_for(fd, until)) {
        ssize_t got = read(fd, tt_buf_reserve(out, PIECE), PIECE);
        if (got == 0)
            return 0;
        if (got < 0 && errno != EINTR)
            return -1;
        out->len += got > 0 ? (size_t)got : 0;
        if (out->len - start > limit_bytes)
            return -1;
    }
    return -1;
}

/* Its end, or -1 when it goes on; then it is killed with all that it has started. */
static int await_end(pid_t pid, bool well, int64_t until)
{
    int status = -1, pidfd = tt_pidfd_open(pid);
    if (!well || pidfd < 0 || !wait_for(pidfd, until)) {
        kill(-pid, SIGKILL);
        kill(pid, SIGKILL); /* its group may not be there yet */
    }
    if (pidfd >= 0)
        close(pidfd);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    return well && status == 0 ? 0 : -1;
}

int program_run(const char *const *argv, size_t limit_bytes, int limit_ms, tt_buf_t *out)
{
    int ends[2];
    size_t start = out->len;
    int64_t until = tt_now_ms() + limit_ms;
    if (pipe2(ends, O_CLOEXEC) != 0)
        return -1;
    tt_child_t wish = {.argv = argv,
                       .fd = {-1, ends[1], -1, -1, -1},
                       .own_session = true,
                       .dies_with_us = true};
    pid_t pid = tt_child_spawn(&wish, NULL);
    close(ends[1]);
    int rc = pid < 0 ? -1 : read_all(ends[0], limit_bytes, until, out);
    close(ends[0]);
    if (pid > 0)
        rc = await_end(pid, rc == 0, until);
    if (rc != 0)
        out->len = start;
    return rc;
}
