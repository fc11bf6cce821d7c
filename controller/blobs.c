/* Functions: kept once for all clients that brought them, sent once to each host that needs
 * them, dropped when the last client drops its own and no task that outlives its client needs
 * them. */
#include "controller.h"

#include <stdlib.h>
#include <string.h>

typedef struct blob {
    struct blob *next;
    uint8_t hash[16];
    tt_frames_t bytes;
    const peer_t **owners;
    size_t owner_count;
    size_t holds; /* by tasks that outlive their client */
} blob_t;

static blob_t *find(const controller_t *self, const uint8_t *hash)
{
    blob_t *blob = self->blobs;
    while (blob && memcmp(blob->hash, hash, sizeof blob->hash) != 0)
        blob = blob->next;
    return blob;
}

static bool owned_by(const blob_t *blob, const peer_t *client)
{
    for (size_t i = 0; i < blob->owner_count; i++)
        if (blob->owners[i] == client)
            return true;
    return false;
}

void blobs_keep(controller_t *self, peer_t *client, tt_span_t hash, tt_frames_t *bytes)
{
    if (hash.len != 16 || bytes->count == 0)
        return;
    blob_t *blob = find(self, hash.data);
    if (blob == NULL) {
        blob = tt_alloc(sizeof *blob);
        memcpy(blob->hash, hash.data, 16);
        blob->bytes = *bytes;
        tt_frames_init(bytes);
        blob->next = self->blobs;
        self->blobs = blob;
    }
    if (owned_by(blob, client))
        return;
    blob->owners = tt_realloc(blob->owners, (blob->owner_count + 1) * sizeof *blob->owners);
    blob->owners[blob->owner_count++] = client;
}

/* Where the hash stands among those that the host has, or -1. */
static long at_host(const peer_t *host, const uint8_t *hash)
{
    for (size_t at = 0; at + 16 <= host->blobs.len; at += 16)
        if (memcmp(host->blobs.data + at, hash, 16) == 0)
            return (long)at;
    return -1;
}

static void forget_at_hosts(controller_t *self, const blob_t *blob)
{
    size_t walk = 0;
    for (peer_t *host; (host = tt_map_next(&self->peers[PEER_HOST], &walk));) {
        long at = at_host(host, blob->hash);
        if (at < 0)
            continue;
        memmove(host->blobs.data + at, host->blobs.data + host->blobs.len - 16, 16);
        host->blobs.len -= 16;
        tt_message_t drop = tt_message(TT_MSG_DROP, 0);
        drop.as.drop.hash = (tt_span_t){blob->hash, 16};
        tt_outbox_send(host->outbox, &drop, NULL);
    }
}

static void free_blob(blob_t *blob)
{
    tt_frames_release(&blob->bytes);
    free(blob->owners);
    free(blob);
}

static void free_if_unused(controller_t *self, blob_t **at)
{
    blob_t *blob = *at;
    if (blob->owner_count + blob->holds > 0)
        return;
    forget_at_hosts(self, blob);
    *at = blob->next;
    free_blob(blob);
}

static void disown(controller_t *self, blob_t **at, const peer_t *client)
{
    blob_t *blob = *at;
    for (size_t i = 0; i < blob->owner_count; i++)
        if (blob->owners[i] == client)
            blob->owners[i--] = blob->owners[--blob->owner_count];
    free_if_unused(self, at);
}

bool blobs_hold(controller_t *self, const uint8_t hash[16])
{
    blob_t *blob = find(self, hash);
    if (blob)
        blob->holds++;
    return blob != NULL;
}

void blobs_let_go(controller_t *self, const uint8_t hash[16])
{
    for (blob_t **at = &self->blobs; *at; at = &(*at)->next) {
        if (memcmp((*at)->hash, hash, sizeof(*at)->hash) == 0) {
            (*at)->holds--;
            free_if_unused(self, at);
            return;
        }
    }
}

void blobs_drop(controller_t *self, peer_t *client, tt_span_t hash)
{
    for (blob_t **at = &self->blobs; hash.len == 16 && *at; at = &(*at)->next) {
        if (memcmp((*at)->hash, hash.data, 16) == 0) {
            disown(self, at, client);
            return;
        }
    }
}

void blobs_client_gone(controller_t *self, peer_t *client)
{
    for (blob_t **at = &self->blobs; *at;) {
        blob_t *blob = *at;
        disown(self, at, client);
        if (*at == blob)
            at = &blob->next;
    }
}

bool blobs_send(controller_t *self, peer_t *host, const uint8_t hash[16])
{
    blob_t *blob = find(self, hash);
    if (at_host(host, hash) >= 0)
        return true;
    if (blob == NULL)
        return false;
    tt_buf_append(&host->blobs, hash, 16);
    tt_frames_t frames;
    tt_frames_init(&frames);
    tt_frames_share_all(&frames, &blob->bytes);
    tt_message_t message = tt_message(TT_MSG_BLOB, 0);
    message.as.blob.hash = (tt_span_t){blob->hash, 16};
    tt_outbox_send(host->outbox, &message, &frames);
    return true;
}

size_t blobs_bytes(const controller_t *self)
{
    size_t total = 0;
    for (const blob_t *blob = self->blobs; blob; blob = blob->next)
        total += tt_frames_bytes(&blob->bytes);
    return total;
}

void blobs_release(controller_t *self)
{
    while (self->blobs) {
        blob_t *blob = self->blobs;
        self->blobs = blob->next;
        free_blob(blob);
    }
}
