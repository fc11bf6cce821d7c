/* The far end of a link over ssh: a parent (parent.h) whose stdin and stdout are the link.
 * libzmq cannot adopt a descriptor, so it listens where nobody else can connect, lets its host
 * in once, and passes the bytes on. When the link ends, nothing is left on this machine. */
#ifndef FAR_H
#define FAR_H

#include "error.h"

enum { FAR_ENDPOINT_MAX = 128 };

/* Forks. In the child it returns 0: the caller becomes the host and connects to `endpoint`,
 * once. In the parent it does not return: when the host has connected it writes "=go CORES" to
 * stdout and pumps, until the link or the host ends; then it ends every descendant and exits as
 * the host did. Returns -1 with the reason when that cannot begin. */
int far_fork(char endpoint[FAR_ENDPOINT_MAX], tt_error_t *err);

#endif
