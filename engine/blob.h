/* Functions that this host keeps for its engines, by content hash, until the controller drops
 * them. */
#ifndef BLOB_H
#define BLOB_H

#include "packet.h"

enum { BLOB_HASH_SIZE = 16 };

typedef struct blob {
    uint8_t hash[BLOB_HASH_SIZE];
    tt_frames_t bytes; /* one frame */
    struct blob *next;
} blob_t;

typedef struct {
    blob_t *first;
} blob_table_t;

void blob_table_release(blob_table_t *self);

/* Keeps the first frame of `bytes` (which is then empty) under `hash`; a hash of another size
 * is ignored. */
void blob_keep(blob_table_t *self, tt_span_t hash, tt_frames_t *bytes);
void blob_drop(blob_table_t *self, tt_span_t hash);

/* The blob of that hash, or NULL. Borrowed until it is dropped. */
blob_t *blob_find(const blob_table_t *self, tt_span_t hash);

#endif
