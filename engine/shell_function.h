/* Functions of the shell that travel: packed where they are known (GET), kept under their hash
 * (BLOB), called with values for arguments (CALL). */
#ifndef SHELL_FUNCTION_H
#define SHELL_FUNCTION_H

#include "buf.h"

enum { SHELL_HASH = 16, SHELL_BLOBS_MAX = 256 };

/* What BLOBs brought; the oldest goes when there are too many. */
typedef struct {
    struct shell_blob *items; /* owned */
    size_t count;
} shell_blobs_t;

/* Keeps a copy of the bytes under their hash; without bytes, forgets what was kept. */
void shell_blobs_keep(shell_blobs_t *self, tt_span_t hash, tt_span_t bytes);
void shell_blobs_release(shell_blobs_t *self);

/* The bytes under a hash, NULL data when there are none. Borrowed until the next keep. */
tt_span_t shell_blobs_find(const shell_blobs_t *self, tt_span_t hash);

/* SHA-256 (FIPS 180-4) of the bytes. */
void shell_sha256(tt_span_t bytes, uint8_t digest[32]);

#endif
