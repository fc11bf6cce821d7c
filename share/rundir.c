/* The files of a cluster. See rundir.h. Called by the controller (which holds the lock) and by
 * everything that looks for a cluster. */
#include "rundir.h"

#include "buf.h"

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

int tt_rundir_name_check(const char *name, tt_error_t *err)
{
    size_t len =
        strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-");
    if (len > 0 && len <= TT_NAME_MAX && name[len] == 0 && name[0] != '.' && name[0] != '-')
        return 0;
    errno = EINVAL;
    return tt_error_set(err,
                        "'%.80s' cannot name a cluster: use 1-%d letters, digits, '.', '_' "
                        "and '-', and begin with a letter or digit",
                        name, TT_NAME_MAX);
}

/* ---- places */

/* Formats a path of at most `size` - 1 bytes; -1 when it is longer. */
__attribute__((format(printf, 3, 4))) static int join(char *out, size_t size,
                                                      const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int len = vsnprintf(out, size, format, args);
    va_end(args);
    return len >= 0 && (size_t)len < size ? 0 : -1;
}

static const char *variable(const char *name)
{
    const char *value = getenv(name);
    return value && *value ? value : NULL;
}

static int check_base(const char *base, int fits, const char *what, tt_error_t *err)
{
    if (fits != 0)
        return tt_error_set(err, "%s: the path is too long", what);
    if (base[0] != '/')
        return tt_error_set(err, "%s='%.200s' is not an absolute path", what, base);
    return 0;
}

static int runtime_base(char out[PATH_MAX], tt_error_t *err)
{
    const char *own = variable("TUTTI_RUNTIME_DIR"), *xdg = variable("XDG_RUNTIME_DIR");
    int fits;
    if (own)
        fits = join(out, PATH_MAX, "%s", own);
    else if (xdg)
        fits = join(out, PATH_MAX, "%s/tutti", xdg);
    else
        fits = join(out, PATH_MAX, "/tmp/tutti-%u", (unsigned)geteuid());
    return check_base(out, fits, own ? "TUTTI_RUNTIME_DIR" : "XDG_RUNTIME_DIR", err);
}

static int state_base(char out[PATH_MAX], tt_error_t *err)
{
    const char *own = variable("TUTTI_STATE_DIR"), *xdg = variable("XDG_STATE_HOME");
    const char *home = variable("HOME");
    int fits;
    if (own)
        fits = join(out, PATH_MAX, "%s", own);
    else if (xdg)
        fits = join(out, PATH_MAX, "%s/tutti", xdg);
    else if (home)
        fits = join(out, PATH_MAX, "%s/.local/state/tutti", home);
    else
        return tt_error_set(err, "no HOME: set TUTTI_STATE_DIR to a directory for logs");
    return check_base(out, fits,
                      own   ? "TUTTI_STATE_DIR"
                      : xdg ? "XDG_STATE_HOME"
                            : "HOME",
                      err);
}

static int too_long(const char *dir, tt_error_t *err)
{
    return tt_error_set(err,
                        "'%.200s/client.sock' has %zu bytes, a socket's path may have %d: "
                        "set TUTTI_RUNTIME_DIR to a shorter directory",
                        dir, strlen(dir) + strlen("/client.sock"), TT_SOCKET_MAX - 1);
}

typedef struct {
    char run[PATH_MAX], state[PATH_MAX];
} bases_t;

static int fill_paths(const char *name, tt_rundir_t *out, bases_t *bases, tt_error_t *err)
{
    *out = (tt_rundir_t){.name = ""};
    if (tt_rundir_name_check(name, err) != 0 || runtime_base(bases->run, err) != 0 ||
        state_base(bases->state, err) != 0)
        return -1;
    strcpy(out->name, name);
    if (join(out->run_dir, PATH_MAX, "%s/%s", bases->run, name) != 0 ||
        join(out->state_dir, PATH_MAX, "%s/%s", bases->state, name) != 0 ||
        join(out->lock_path, PATH_MAX, "%s/lock", out->run_dir) != 0)
        return tt_error_set(err, "the paths of cluster '%s' are too long", name);
    if (join(out->client_sock, TT_SOCKET_MAX, "%s/client.sock", out->run_dir) != 0 ||
        join(out->engine_sock, TT_SOCKET_MAX, "%s/engine.sock", out->run_dir) != 0 ||
        join(out->far_sock, TT_SOCKET_MAX, "%s/far.sock", out->run_dir) != 0)
        return too_long(out->run_dir, err);
    return 0;
}

/* ---- directories */

/* Refuses a directory that is not ours alone: no bit of `closed` may be set in its mode. */
static int check_dir(const char *path, mode_t closed, tt_error_t *err)
{
    struct stat st;
    if (lstat(path, &st) != 0)
        return tt_error_set(err, "cannot use '%.200s': %s", path, strerror(errno));
    errno = EPERM;
    if (S_ISLNK(st.st_mode))
        return tt_error_set(err, "refusing '%.200s': it is a symbolic link", path);
    if (!S_ISDIR(st.st_mode))
        return tt_error_set(err, "refusing '%.200s': it is not a directory", path);
    if (st.st_uid != geteuid())
        return tt_error_set(err, "refusing '%.200s': it belongs to user %u", path,
                            (unsigned)st.st_uid);
    if (st.st_mode & closed)
        return tt_error_set(
            err, "refusing '%.200s': others may %s (mode %04o): chmod 700 '%.200s'", path,
            closed & 055 ? "enter it" : "write to it", (unsigned)(st.st_mode & 07777), path);
    return 0;
}

/* Makes the directories above `path` that are missing. */
static void make_parents(const char *path)
{
    char part[PATH_MAX];
    for (const char *at = strchr(path + 1, '/'); at; at = strchr(at + 1, '/')) {
        snprintf(part, sizeof part, "%.*s", (int)(at - path), path);
        mkdir(part, 0700);
    }
}

static int make_dir(const char *path, mode_t closed, tt_error_t *err)
{
    if (mkdir(path, 0700) != 0 && errno != EEXIST)
        return tt_error_set(err, "cannot make '%.200s': %s", path, strerror(errno));
    return check_dir(path, closed, err);
}

int tt_rundir_prepare(const char *name, tt_rundir_t *out, tt_error_t *err)
{
    bases_t bases;
    if (fill_paths(name, out, &bases, err) != 0)
        return -1;
    make_parents(bases.run);
    make_parents(bases.state);
    if (make_dir(bases.run, 077, err) != 0 || make_dir(out->run_dir, 077, err) != 0 ||
        make_dir(bases.state, 022, err) != 0 || make_dir(out->state_dir, 077, err) != 0)
        return -1;
    return 0;
}

int tt_rundir_open(const char *name, tt_rundir_t *out, tt_error_t *err)
{
    bases_t bases;
    struct stat st;
    if (fill_paths(name, out, &bases, err) != 0)
        return -1;
    if (lstat(bases.run, &st) != 0 && errno == ENOENT)
        return tt_error_set(err, "no cluster '%s' is running", name);
    if (check_dir(bases.run, 077, err) != 0)
        return -1;
    if (lstat(out->run_dir, &st) != 0 && errno == ENOENT)
        return tt_error_set(err, "no cluster '%s' is running", name);
    return check_dir(out->run_dir, 077, err);
}

/* ---- the lock */

enum { DYING_TRIES = 200 }; /* of 5 ms: what a process that was killed may take to end */

static pid_t read_pid(int fd)
{
    char text[32];
    ssize_t got = pread(fd, text, sizeof text - 1, 0);
    text[got > 0 ? got : 0] = 0;
    long pid = strtol(text, NULL, 10);
    return pid > 0 && pid <= INT_MAX ? (pid_t)pid : 0;
}

/* Of an open file, as flock's; but it can be asked for without being taken. */
static struct flock whole_lock(void)
{
    return (struct flock){.l_type = F_WRLCK, .l_whence = SEEK_SET};
}

static bool is_held(int fd)
{
    struct flock lock = whole_lock();
    return fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

/* Whether the process has ended and its threads are about to: they let go of its lock. */
static bool is_dying(pid_t pid)
{
    char path[64], state = 0;
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *in = fopen(path, "re");
    bool told = in && fscanf(in, "%*d (%*[^)]) %c", &state) == 1;
    if (in)
        fclose(in);
    return told && (state == 'Z' || state == 'X');
}

static bool is_kept(int fd)
{
    bool held = is_held(fd);
    for (int tries = 0; held && is_dying(read_pid(fd)) && tries < DYING_TRIES; tries++) {
        nanosleep(&(struct timespec){0, 5000000}, NULL);
        held = is_held(fd);
    }
    return held;
}

static int write_pid(int fd)
{
    char text[32];
    int len = snprintf(text, sizeof text, "%d\n", getpid());
    return ftruncate(fd, 0) == 0 && pwrite(fd, text, (size_t)len, 0) == len ? 0 : -1;
}

int tt_rundir_lock(const tt_rundir_t *self, tt_error_t *err)
{
    struct flock lock = whole_lock();
    int fd = open(self->lock_path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return tt_error_set(err, "cannot open '%.200s': %s", self->lock_path, strerror(errno));
    if (is_kept(fd))
        errno = EAGAIN;
    else if (fcntl(fd, F_OFD_SETLK, &lock) == 0 && write_pid(fd) == 0)
        return fd;
    if (errno == EAGAIN || errno == EACCES)
        tt_error_set(err, "cluster '%s' is running already: process %d holds '%.200s'",
                     self->name, (int)read_pid(fd), self->lock_path);
    else
        tt_error_set(err, "cannot lock '%.200s': %s", self->lock_path, strerror(errno));
    close(fd);
    return -1;
}

int tt_rundir_holder(const tt_rundir_t *self, pid_t *pid)
{
    *pid = 0;
    int fd = open(self->lock_path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return 0;
    bool held = is_kept(fd);
    if (held)
        *pid = read_pid(fd);
    close(fd);
    return held;
}

/* ---- all of them */

static int is_name(const struct dirent *entry)
{
    return (entry->d_type == DT_DIR || entry->d_type == DT_UNKNOWN) &&
           tt_rundir_name_check(entry->d_name, NULL) == 0;
}

int tt_rundir_list(void (*each)(const char *name, void *arg), void *arg, tt_error_t *err)
{
    char base[PATH_MAX];
    if (runtime_base(base, err) != 0)
        return -1;
    struct dirent **entries;
    int count = scandir(base, &entries, is_name, alphasort);
    if (count < 0 && errno == ENOENT)
        return 0;
    if (count < 0)
        return tt_error_set(err, "cannot read '%.200s': %s", base, strerror(errno));
    for (int i = 0; i < count; i++) {
        each(entries[i]->d_name, arg);
        free(entries[i]);
    }
    free(entries);
    return 0;
}

/* ---- engine hosts */

static FILE *open_hosts(const tt_rundir_t *self, const char *mode)
{
    char path[PATH_MAX + 16];
    snprintf(path, sizeof path, "%s/hosts", self->run_dir);
    return fopen(path, mode);
}

void tt_rundir_note_hosts(const tt_rundir_t *self, const pid_t *pids, size_t count)
{
    FILE *out = open_hosts(self, "we");
    for (size_t i = 0; out && i < count; i++)
        fprintf(out, "%d\n", (int)pids[i]);
    if (out)
        fclose(out);
}

/* A number may have been given to another process since; and one that has ended counts no more,
 * though nobody may have reaped it yet (or ever, in a container without an init). */
static bool is_host(int pid)
{
    char path[64], state = 0;
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    FILE *in = fopen(path, "re");
    if (in == NULL)
        return false;
    bool found = fscanf(in, "%*d (tutti-engine) %c", &state) == 1;
    fclose(in);
    return found && state != 'Z' && state != 'X';
}

size_t tt_rundir_hosts(const tt_rundir_t *self, pid_t **pids)
{
    FILE *in = open_hosts(self, "re");
    size_t count = 0;
    int pid;
    *pids = NULL;
    while (in && fscanf(in, "%d", &pid) == 1) {
        if (pid <= 1 || !is_host(pid))
            continue;
        *pids = tt_realloc(*pids, (count + 1) * sizeof **pids);
        (*pids)[count++] = pid;
    }
    if (in)
        fclose(in);
    return count;
}
