/* The table of functions. The sender of BLOB bounds it (PROTOCOL.md), so a list is enough. */
#include "blob.h"

#include <stdlib.h>
#include <string.h>

static blob_t **place(const blob_table_t *self, tt_span_t hash)
{
    blob_t **at = (blob_t **)(uintptr_t)&self->first;
    while (*at && (hash.len != BLOB_HASH_SIZE || memcmp((*at)->hash, hash.data, hash.len) != 0))
        at = &(*at)->next;
    return at;
}

blob_t *blob_find(const blob_table_t *self, tt_span_t hash)
{
    return *place(self, hash);
}

void blob_keep(blob_table_t *self, tt_span_t hash, tt_frames_t *bytes)
{
    if (hash.len != BLOB_HASH_SIZE || bytes->count == 0 || blob_find(self, hash))
        return;
    blob_t *blob = tt_alloc(sizeof *blob);
    memcpy(blob->hash, hash.data, BLOB_HASH_SIZE);
    blob->bytes = *bytes;
    tt_frames_init(bytes);
    blob->next = self->first;
    self->first = blob;
}

void blob_drop(blob_table_t *self, tt_span_t hash)
{
    blob_t **at = place(self, hash), *blob = *at;
    if (blob == NULL)
        return;
    *at = blob->next;
    tt_frames_release(&blob->bytes);
    free(blob);
}

void blob_table_release(blob_table_t *self)
{
    while (self->first) {
        blob_t *blob = self->first;
        self->first = blob->next;
        tt_frames_release(&blob->bytes);
        free(blob);
    }
}
