/* The zygote's loop in C (zygote.py): forks engines without a step of Python on the way, since
 * each one dirties pages that all engines share else. */
#ifndef TUTTI_FORK_H
#define TUTTI_FORK_H

#ifndef Py_LIMITED_API
#define Py_LIMITED_API 0x030b0000
#endif
#define PY_SSIZE_T_CLEAN
#include <Python.h>

/* Serves the host on this socket, and ends the process when the host does. Returns 0 in each
 * forked engine, with its descriptors 0 to 4 in place; 1 when threads keep it from forking; -1
 * with the exception that a signal's handler has raised. */
int fork_engines(int link);

#endif
