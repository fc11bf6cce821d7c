/* A file that comes in pieces. It lies beside its place under another name (.tutti-XXXXXX)
 * until it is whole and its digest right; what never gets whole is removed. */
#ifndef TT_PART_H
#define TT_PART_H

#include "buf.h"
#include "digest.h"

#include <limits.h>

typedef struct {
    int fd;       /* -1: there is none */
    uint64_t len; /* bytes so far */
    tt_digest_t *digest;
    char name[PATH_MAX];
} tt_part_t;

/* One that is none yet. */
void tt_part_init(tt_part_t *self);
/* Begins the file that is to be `path`; makes the folders above it. -1 with errno. */
int tt_part_open(tt_part_t *self, const char *path);
/* Adds the bytes at `offset`. -1 with errno: EPROTO when they are not what comes next. */
int tt_part_add(tt_part_t *self, uint64_t offset, tt_span_t bytes);
/* It is whole: it gets its name, and the permissions of `mode` that our umask allows. -1 with
 * errno, and it is gone: EBADMSG when its digest is not `wanted`. */
int tt_part_finish(tt_part_t *self, tt_span_t wanted, unsigned mode, const char *path);
/* Removes what there is of it. Harmless when there is none. */
void tt_part_drop(tt_part_t *self);

#endif
