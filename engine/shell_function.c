/* Functions that travel. See shell_function.h.
 *
 * A function's blob is text of the shell: "F NAME\n" and its definition with those of the
 * functions that it uses; or "T\n" and a template, a command in which {} stands for the
 * arguments. */
#include "shell_function.h"

#include "pack.h"
#include "shell_task.h"
#include "shell_value.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- SHA-256 */

static uint32_t rotate(uint32_t word, unsigned by)
{
    return word >> by | word << (32 - by);
}

static void hash_block(uint32_t state[8], const uint8_t *block)
{
    static const uint32_t k[64] = {
        0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4,
        0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe,
        0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f,
        0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7,
        0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc,
        0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b,
        0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116,
        0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
        0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7,
        0xc67178f2};
    uint32_t w[64], v[8];
    for (int i = 0; i < 16; i++)
        w[i] = (uint32_t)block[4 * i] << 24 | (uint32_t)block[4 * i + 1] << 16 |
               (uint32_t)block[4 * i + 2] << 8 | block[4 * i + 3];
    for (int i = 16; i < 64; i++) {
        uint32_t a = w[i - 15], b = w[i - 2];
        w[i] = w[i - 16] + (rotate(a, 7) ^ rotate(a, 18) ^ a >> 3) + w[i - 7] +
               (rotate(b, 17) ^ rotate(b, 19) ^ b >> 10);
    }
    memcpy(v, state, sizeof v);
    for (int i = 0; i < 64; i++) {
        uint32_t s1 = rotate(v[4], 6) ^ rotate(v[4], 11) ^ rotate(v[4], 25);
        uint32_t one = v[7] + s1 + ((v[4] & v[5]) ^ (~v[4] & v[6])) + k[i] + w[i];
        uint32_t s0 = rotate(v[0], 2) ^ rotate(v[0], 13) ^ rotate(v[0], 22);
        uint32_t two = s0 + ((v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]));
        memmove(v + 1, v, 7 * sizeof *v);
        v[4] += one;
        v[0] = one + two;
    }
    for (int i = 0; i < 8; i++)
        state[i] += v[i];
}

void shell_sha256(tt_span_t bytes, uint8_t digest[32])
{
    uint32_t state[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                         0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    uint8_t tail[128] = {0};
    size_t whole = bytes.len / 64 * 64, rest = bytes.len - whole;
    size_t padded = rest < 56 ? 64 : 128;
    for (size_t i = 0; i < whole; i += 64)
        hash_block(state, bytes.data + i);
    if (rest > 0)
        memcpy(tail, bytes.data + whole, rest);
    tail[rest] = 0x80;
    for (int i = 0; i < 8; i++)
        tail[padded - 1 - (size_t)i] = (uint8_t)((uint64_t)bytes.len * 8 >> (8 * i));
    for (size_t i = 0; i < padded; i += 64)
        hash_block(state, tail + i);
    for (int i = 0; i < 32; i++)
        digest[i] = (uint8_t)(state[i / 4] >> (24 - 8 * (i % 4)));
}

/* ---- what is kept */

typedef struct shell_blob {
    uint8_t hash[SHELL_HASH];
    tt_buf_t bytes;
} shell_blob_t;

static shell_blob_t *find(const shell_blobs_t *self, tt_span_t hash)
{
    for (size_t i = 0; i < self->count && hash.len == SHELL_HASH; i++)
        if (memcmp(self->items[i].hash, hash.data, SHELL_HASH) == 0)
            return &self->items[i];
    return NULL;
}

static void forget(shell_blobs_t *self, shell_blob_t *blob)
{
    tt_buf_release(&blob->bytes);
    size_t behind = self->count - (size_t)(blob - self->items) - 1;
    memmove(blob, blob + 1, behind * sizeof *blob);
    self->count--;
}

void shell_blobs_keep(shell_blobs_t *self, tt_span_t hash, tt_span_t bytes)
{
    shell_blob_t *known = find(self, hash);
    if (known)
        forget(self, known);
    if (bytes.data == NULL || hash.len != SHELL_HASH)
        return;
    if (self->items == NULL)
        self->items = tt_alloc(SHELL_BLOBS_MAX * sizeof *self->items);
    if (self->count == SHELL_BLOBS_MAX)
        forget(self, &self->items[0]);
    shell_blob_t *blob = &self->items[self->count++];
    memcpy(blob->hash, hash.data, SHELL_HASH);
    tt_buf_init(&blob->bytes);
    tt_buf_append(&blob->bytes, bytes.data, bytes.len);
}

tt_span_t shell_blobs_find(const shell_blobs_t *self, tt_span_t hash)
{
    const shell_blob_t *blob = find(self, hash);
    return blob ? (tt_span_t){blob->bytes.data, blob->bytes.len} : (tt_span_t){NULL, 0};
}

void shell_blobs_release(shell_blobs_t *self)
{
    while (self->count > 0)
        forget(self, &self->items[self->count - 1]);
    free(self->items);
    self->items = NULL;
}
