/* A bash as our child. See shell_child.h. */
#include "shell_child.h"

#include "buf.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

extern char **environ;

void shell_child_clean_environment(void)
{
    static const char *const names[] = {
        "BASH_ENV", "ENV", "PROMPT_COMMAND", "HISTFILE", "TMOUT",     "MAILCHECK",
        "MAIL",     "PS0", "BASH_XTRACEFD",  "BASHOPTS", "SHELLOPTS", "IGNOREEOF",
        "MAILPATH", "PS4"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        unsetenv(names[i]);
    setenv("PS1", "", 1);
    setenv("PS2", "", 1);
    for (size_t i = 0; environ[i];) {
        const char *was = environ[i];
        if (strncmp(was, "BASH_FUNC_", 10) == 0) {
            char *name = tt_strndup(was, strcspn(was, "="));
            unsetenv(name);
            free(name);
        }
        i += environ[i] == was;
    }
}

char *shell_child_find(const char *name)
{
    const char *path = getenv("PATH");
    if (strchr(name, '/'))
        return tt_strdup(name);
    for (const char *at = path ? path : "/bin:/usr/bin"; *at; at += strspn(at, ":")) {
        size_t len = strcspn(at, ":");
        char *full = tt_printf("%.*s/%s", (int)len, at, name);
        if (len > 0 && access(full, X_OK) == 0)
            return full;
        free(full);
        at += len;
    }
    return tt_printf("/bin/%s", name);
}

/* A bash without job control must not find a terminal: in the background it would stop. */
static void leave_terminal(void)
{
    int fd = open("/dev/tty", O_RDWR | O_NOCTTY);
    if (fd >= 0)
        ioctl(fd, TIOCNOTTY);
}

static void place_descriptors(shell_place_t place, int stdin_fd)
{
    bool engine = place == SHELL_PIPES;
    if (engine)
        dup2(open("/dev/null", O_RDWR), 2);
    else
        dup2(0, SHELL_STDIN_FD);
    dup2(stdin_fd, 0);
    syscall(SYS_close_range, 3, SHELL_STDIN_FD - 1, 0);
    syscall(SYS_close_range, SHELL_STDIN_FD + !engine, ~0u, 0);
}

static void become_bash(const char *program, shell_place_t place, int stdin_fd, pid_t parent)
{
    static const char *const argv[] = {"bash",        "--norc", "--noprofile",
                                       "--noediting", "-i",     NULL};
    sigset_t none;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(126);
    if (place != SHELL_TERMINAL)
        leave_terminal();
    place_descriptors(place, stdin_fd);
    for (int number = 1; number < NSIG; number++)
        signal(number, SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    execv(program, (char *const *)(uintptr_t)argv);
    _exit(127);
}

pid_t shell_child_spawn(const char *program, shell_place_t place, int *in, tt_error_t *err)
{
    int fds[2];
    pid_t parent = getpid(), pid = -1;
    if (pipe2(fds, O_CLOEXEC) != 0)
        return tt_error_set(err, "cannot start '%s': %s", program, strerror(errno));
    pid = fork();
    if (pid == 0)
        become_bash(program, place, fds[0], parent);
    close(fds[0]);
    if (pid < 0) {
        close(fds[1]);
        return tt_error_set(err, "cannot start '%s': %s", program, strerror(errno));
    }
    fcntl(fds[1], F_SETFL, O_NONBLOCK);
    *in = fds[1];
    return pid;
}
