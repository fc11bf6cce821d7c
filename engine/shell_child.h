/* Starting a bash as our child. Used by shell_bash.c, which then speaks with it. */
#ifndef SHELL_CHILD_H
#define SHELL_CHILD_H

#include "error.h"
#include "shell_bash.h"

/* Descriptors of a bash that is no engine's: the user's stdin, since 0 is what it reads its
 * lines from, and a place to set stderr aside. They are closed while code of the user runs. */
#define SHELL_STDIN  "98"
#define SHELL_STDERR "99"
enum { SHELL_STDIN_FD = 98 };

/* Takes what would make a bash behave otherwise than one that was started by hand out of our
 * environment. */
void shell_child_clean_environment(void);

/* The path of a program as the shell finds it; the caller's to free. */
char *shell_child_find(const char *name);

/* Starts it, interactive. Its stdin is a pipe whose other end `in` is (it does not block). Of
 * an engine its stderr is /dev/null at first. Dies with us. Returns the pid, or -1 with the
 * reason. */
pid_t shell_child_spawn(const char *program, shell_place_t place, int *in, tt_error_t *err);

#endif
