/* Digests by libsodium. See digest.h. */
#include "digest.h"

#include "buf.h"

#include <sodium.h>
#include <stdlib.h>
#include <unistd.h>

enum { BLOCK = 256 << 10 };

struct tt_digest {
    crypto_generichash_state state;
};

tt_digest_t *tt_digest_new(void)
{
    /* the state wants to stand at a multiple of 64 bytes */
    tt_digest_t *self = aligned_alloc(64, (sizeof *self + 63) / 64 * 64);
    if (self == NULL || sodium_init() < 0)
        abort();
    crypto_generichash_init(&self->state, NULL, 0, TT_DIGEST_LEN);
    return self;
}

void tt_digest_add(tt_digest_t *self, const void *data, size_t len)
{
    if (len > 0)
        crypto_generichash_update(&self->state, data, len);
}

void tt_digest_finish(tt_digest_t **self_p, uint8_t digest[TT_DIGEST_LEN])
{
    crypto_generichash_final(&(*self_p)->state, digest, TT_DIGEST_LEN);
    tt_digest_destroy(self_p);
}

void tt_digest_destroy(tt_digest_t **self_p)
{
    free(*self_p);
    *self_p = NULL;
}

int tt_digest_file(int fd, uint8_t digest[TT_DIGEST_LEN])
{
    tt_digest_t *self = tt_digest_new();
    uint8_t *block = tt_alloc(BLOCK);
    ssize_t got;
    lseek(fd, 0, SEEK_SET);
    while ((got = read(fd, block, BLOCK)) > 0)
        tt_digest_add(self, block, (size_t)got);
    free(block);
    tt_digest_finish(&self, digest);
    return got < 0 ? -1 : 0;
}
