/* The logs of a cluster, as its controller and its engine host on this machine write them. */
#ifndef LOGS_H
#define LOGS_H

#include "buf.h"
#include "rundir.h"

#include <stdbool.h>
#include <sys/types.h>

enum { LOGS = 2 };

/* Appends what log `number` has from `*at` on, which moves to its end; -1 for its last 64 KiB.
 * False when there is none. */
bool logs_read(const tt_rundir_t *dir, int number, off_t *at, tt_buf_t *out);

/* Appends the lines of `text` that name one of these engines, sorted: `engine 3 ...`. */
void logs_of_engines(const char *text, const int *ids, size_t count, tt_buf_t *out);

#endif
