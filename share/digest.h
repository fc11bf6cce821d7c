/* The digest of a file's contents, BLAKE2b: whether two files are the same, and whether one
 * came over whole. */
#ifndef TT_DIGEST_H
#define TT_DIGEST_H

#include "error.h"

#include <stddef.h>
#include <stdint.h>

enum { TT_DIGEST_LEN = 32 };

typedef struct tt_digest tt_digest_t;

tt_digest_t *tt_digest_new(void);
void tt_digest_add(tt_digest_t *self, const void *data, size_t len);
/* Fills in the digest of all that was added, and frees it. */
void tt_digest_finish(tt_digest_t **self_p, uint8_t digest[TT_DIGEST_LEN]);
void tt_digest_destroy(tt_digest_t **self_p);

/* The digest of what the descriptor has from its beginning; moves its offset. Reads the whole
 * file. Returns 0, or -1 with errno. */
int tt_digest_file(int fd, uint8_t digest[TT_DIGEST_LEN]);

#endif
