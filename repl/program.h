/* Programs that help where they are installed: what one writes, within a deadline. */
#ifndef PROGRAM_H
#define PROGRAM_H

#include "buf.h"

#include <stdbool.h>

/* Whether PATH has it. */
bool program_is_there(const char *name);

/* Runs it, without input and without our terminal, and appends what it writes to its standard
 * output. Waits for it, `limit_ms` at most. Returns 0; or -1, with nothing appended, when it
 * cannot be run, fails, writes more than `limit_bytes`, or is not done in time: then it is
 * killed. */
int program_run(const char *const *argv, size_t limit_bytes, int limit_ms, tt_buf_t *out);

#endif
