/* The bundle: tutti as one compressed archive for machines that have nothing of it, made by
 * scripts/make-bundle when tutti is installed. */
#ifndef BUNDLE_H
#define BUNDLE_H

#include "error.h"

#include <stdint.h>

enum { BUNDLE_HASH_LEN = 64 };

typedef struct {
    char hash[BUNDLE_HASH_LEN + 1]; /* of the archive: SHA-256 in hex */
    char machine[64];               /* what it runs on, as `uname -sm` writes it */
    int fd;                         /* of the archive; -1 when none is open */
    uint64_t size;                  /* bytes */
} bundle_t;

/* Opens the bundle of this installation. Returns 0, or -1 with the reason. */
int bundle_open(bundle_t *self, tt_error_t *err);
void bundle_close(bundle_t *self);

#endif
