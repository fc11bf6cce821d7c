/* A tutti-ssh under test, by its program. The ssh is a script that runs the remote command
 * here, in a home of its own; the bundle is a small one, made for each test, whose programs are
 * scripts as well. */
#ifndef TUTTI_SSH_H
#define TUTTI_SSH_H

#include "scratch.h"

#include "child.h"
#include "near.h"

#include <fcntl.h>
#include <fnmatch.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

enum { DEADLINE_MS = 20000 };

/* Options, as a shell reads them; "s" and "setup" lie in the private directory. */
#define TO      "--status-fd 3 --to s -- far libexec/tutti/tutti-engine"
#define LISTEN  "--status-fd 3 --listen s -- far libexec/tutti/tutti-engine"
#define SETUP   "--setup-fd 4 4<setup "
#define COMMAND "-- far bin/tutti"

#define SH "#!/bin/sh\n"
/* What an engine host's socket sends first: 64 bytes, and its READY. */
#define GREET_HEAD                                                                             \
    "printf '\\377\\0\\0\\0\\0\\0\\0\\0\\1\\177\\3\\0NULL'\nhead -c 48 /dev/zero\n"
#define GREET GREET_HEAD "printf '\\4\\6\\5READY'\n"
enum { GREET_LEN = 72 };
/* A far program that is up, and gives back what it gets. */
#define GO     "echo =go 3\n" GREET "exec cat\n"
#define CLOSED "echo 'Connection closed.' >&2; exit 255"

static pid_t near; /* tutti-ssh; 0 */
static int status_fd, door, link_fd;
static int sent; /* how often was told that tutti is sent */

/* ---- files and commands */

/* A formatted text; eight are kept. */
static inline const char *fmt(const char *format, ...) __attribute__((format(printf, 1, 2)));
static inline const char *fmt(const char *format, ...)
{
    static char text[8][4096];
    static int turn;
    va_list args;
    turn = (turn + 1) % 8;
    va_start(args, format);
    vsnprintf(text[turn], sizeof text[0], format, args);
    va_end(args);
    return text[turn];
}

/* A shell's command in the private directory, which must succeed. */
static inline void run(const char *command)
{
    if (system(fmt("cd %s && %s", scratch_dir, command)) != 0)
        fail_msg("failed: %s", command);
}

/* The contents of a file, which may be missing. Borrowed until the next call. */
static inline const char *text_of(const char *path)
{
    static char text[128 << 10];
    FILE *in = fopen(*path == '/' ? path : scratch_path(path), "re");
    size_t len = in ? fread(text, 1, sizeof text - 1, in) : 0;
    text[len] = 0;
    if (in)
        fclose(in);
    return text;
}

#define exists(name) (access(scratch_path(name), F_OK) == 0)

/* The bundle whose programs are all this script. */
static inline void make_bundle(const char *program)
{
    scratch_write("tree/libexec/tutti/tutti-engine", program, 0755);
    scratch_write("tree/bin/tutti", program, 0755);
    run("tar -C tree -cf - . | gzip -n >lib/bundle.tar.gz");
    run("sha256sum <lib/bundle.tar.gz | cut -c1-64 >lib/bundle.sha256");
}

/* The ssh: does `before`, then what it was asked for. */
static inline void make_ssh(const char *before)
{
    static const char text[] =
        SH "cd %s\necho $$ >ssh.pid\nfor remote; do :; done\n%s\ncd home\n"
           "exec /bin/sh -c \"$remote\"\n";
    scratch_write("ssh", fmt(text, scratch_dir, before), 0755);
}

/* ---- waiting */

#define assert_becomes(condition)                                                              \
    do {                                                                                       \
        int64_t until_ = tt_now_ms() + DEADLINE_MS;                                            \
        while (!(condition) && tt_now_ms() < until_)                                           \
            usleep(2000);                                                                      \
        assert_true(condition);                                                                \
    } while (0)

/* Whether something can be read, or the other end has closed. */
static inline bool comes(int fd)
{
    struct pollfd wait = {fd, POLLIN, 0};
    return poll(&wait, 1, DEADLINE_MS) == 1;
}

/* Whether ssh runs; one that only waits for its parent does not. */
static inline bool ssh_lives(void)
{
    int pid = atoi(text_of("ssh.pid"));
    const char *state = strrchr(text_of(fmt("/proc/%d/stat", pid)), ')');
    return pid > 0 && state && state[2] != 'Z' && state[2] != 'X';
}

/* The exit status of tutti-ssh, which must end now; its ssh with it. */
static inline int ended(void)
{
    int status, fd = tt_pidfd_open(near);
    assert_true(fd >= 0 && comes(fd));
    close(fd);
    assert_int_equal(waitpid(near, &status, 0), near);
    near = 0;
    assert_becomes(!ssh_lives());
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

/* ---- tutti-ssh, and what it tells */

/* `args` come behind the options (NULL: none). */
static inline void start_with(const char *options, const char *const *args)
{
    tt_error_t err;
    int status[2];
    const char *command = fmt("cd %s; exec >>stdout 2>>stderr '%s' --ssh %s/ssh %s \"$@\"",
                              scratch_dir, build_path("link/tutti-ssh"), scratch_dir, options);
    const char *argv[64] = {"/bin/sh", "-c", command, "sh"};
    for (size_t i = 0; args && args[i]; i++)
        argv[4 + i] = args[i];
    assert_int_equal(pipe2(status, O_CLOEXEC), 0);
    tt_child_t child = {.argv = argv, .fd = {-1, -1, -1, status[1], -1}, .dies_with_us = true};
    near = tt_child_spawn(&child, &err);
    close(status[1]);
    close(status_fd);
    status_fd = status[0];
    assert_true(near > 0);
}

#define start(options) start_with(options, NULL)

static inline const char *next_line(void)
{
    static char line[2048];
    size_t len = 0;
    for (; len < sizeof line - 1; len++) {
        if (!comes(status_fd))
            fail_msg("nothing is told");
        if (read(status_fd, line + len, 1) != 1 || line[len] == '\n')
            break;
    }
    line[len] = 0;
    return line;
}

/* The next line but for those of steps on the way; "" when there are no more. */
static inline const char *told(void)
{
    for (;;) {
        const char *line = next_line();
        if (strncmp(line, "sending ", 8) == 0)
            sent++;
        else if (strncmp(line, "script ", 7) != 0 && strncmp(line, "setup ", 6) != 0)
            return line;
    }
}

/* It gets to no link; the reason is a pattern. */
static inline void assert_fails(const char *options, const char *reason)
{
    start(options);
    const char *line = told();
    if (fnmatch(reason, line, 0) != 0)
        fail_msg("told was \"%s\" and not \"%s\"", line, reason);
    assert_string_equal(told(), "");
    assert_int_equal(ended(), NEAR_NOT_REACHED);
}

/* ---- the link */

/* A socket that listens there, or is connected to what does; -1. */
static inline int socket_at(const char *name, bool listens)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s/%s", scratch_dir, name);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int (*join)(int, const struct sockaddr *, socklen_t) = listens ? bind : connect;
    if (join(fd, (struct sockaddr *)&address, sizeof address) == 0 &&
        (!listens || listen(fd, 1) == 0))
        return fd;
    close(fd);
    return -1;
}

static inline size_t hear(uint8_t *block, size_t len);

static inline void hear_greeting(void)
{
    uint8_t greeting[GREET_LEN];
    assert_int_equal(hear(greeting, sizeof greeting), sizeof greeting);
    assert_memory_equal(greeting + sizeof greeting - 5, "READY", 5);
}

/* The link is up by --to, and we are at its near end. */
static inline void reach(const char *options)
{
    if (door < 0)
        door = socket_at("s", true);
    start(options);
    assert_string_equal(told(), "up 3");
    assert_true(comes(door));
    link_fd = accept4(door, NULL, NULL, SOCK_CLOEXEC);
    assert_true(link_fd >= 0);
}

static inline void link_to(const char *options)
{
    reach(options);
    hear_greeting();
}

/* The same by --listen; nobody has come yet. */
static inline void listen_up(const char *options)
{
    start(options);
    assert_string_equal(told(), "up 3");
    assert_true(exists("s"));
}

/* We leave, and so everything ends. */
static inline void leave(void)
{
    close(link_fd);
    link_fd = -1;
    assert_int_equal(ended(), 0);
}

/* The next `len` bytes, fewer when the link ends. */
static inline size_t hear(uint8_t *block, size_t len)
{
    size_t at = 0;
    for (ssize_t got = 1; at < len && got > 0; at += got > 0 ? (size_t)got : 0) {
        assert_true(comes(link_fd));
        got = recv(link_fd, block + at, len - at, 0);
    }
    return at;
}

static inline void assert_heard(const char *text)
{
    char block[256] = "";
    hear((uint8_t *)block, strlen(text));
    assert_string_equal(block, text);
}

/* Sends blocks of 20000 bytes, and has each given back. */
static inline void exchange(int blocks)
{
    uint8_t block[20000], back[sizeof block];
    for (uint32_t at = 0; blocks > 0; blocks--) {
        for (size_t i = 0; i < sizeof block; i++)
            block[i] = (uint8_t)(at++ * 2654435761u >> 24);
        assert_int_equal(send(link_fd, block, sizeof block, MSG_NOSIGNAL), sizeof block);
        assert_int_equal(hear(back, sizeof back), sizeof back);
        assert_memory_equal(block, back, sizeof block);
    }
}

#define assert_link_ended() assert_int_equal(hear((uint8_t[1]){0}, 1), 0)

static inline int begin(void **unused)
{
    (void)unused;
    near = sent = 0;
    status_fd = door = link_fd = -1;
    if (scratch_begin() != 0)
        return -1;
    setenv("HOME", scratch_path("home"), 1);
    setenv("TMPDIR", scratch_path("tmp"), 1);
    setenv("TUTTI_LIB_DIR", scratch_path("lib"), 1);
    unsetenv("XDG_CACHE_HOME");
    run("mkdir -p home tmp lib bin tree/bin tree/lib/tutti tree/libexec/tutti && "
        "uname -sm >tree/machine && cp tree/machine lib/bundle.machine");
    make_bundle(SH GO);
    make_ssh("");
    return 0;
}

static inline int end(void **unused)
{
    (void)unused;
    if (near > 0) {
        kill(near, SIGKILL); /* and ssh dies with it */
        waitpid(near, NULL, 0);
    }
    close(status_fd); /* or it is -1 */
    close(door);
    close(link_fd);
    assert_becomes(!ssh_lives());
    return scratch_end();
}

#endif
