/* Who and where a process is: machine, boot, and random names of its own. */
#ifndef TT_IDENTITY_H
#define TT_IDENTITY_H

#include <stddef.h>
#include <stdint.h>

#ifndef TT_VERSION
#define TT_VERSION "0.1.0"
#endif

/* The machine's name. Borrowed for good. */
const char *tt_host_name(void);

/* What tells whether two processes run on the same machine: the boot's id, since names repeat.
 * Borrowed for good; empty when the system has none. */
const char *tt_boot_id(void);

/* Random bytes. Aborts when the system gives none. */
void tt_random(void *bytes, size_t len);

/* A random number that fits an int64_t and is not 0: an epoch, a nonce. */
uint64_t tt_random_number(void);

#endif
