/* Routing of files. See transfers.h. */
#include "transfers.h"

#include <stdlib.h>
#include <string.h>

typedef struct transfer {
    struct transfer *next;
    uint64_t id; /* ours, for the host */
    peer_t *client, *host;
    uint64_t client_id;
} transfer_t;

enum { TRANSFERS_MAX = 10000 };

static transfer_t **place_of(controller_t *self, const peer_t *peer, uint64_t id)
{
    transfer_t **at = &self->transfers;
    while (*at && !((*at)->client == peer ? (*at)->client_id == id
                                          : (*at)->host == peer && (*at)->id == id))
        at = &(*at)->next;
    return at;
}

static void forget(transfer_t **at)
{
    transfer_t *transfer = *at;
    *at = transfer->next;
    free(transfer);
}

/* The host of that name; of several (a machine that was added twice) the first. */
static peer_t *find_host(const controller_t *self, tt_span_t name)
{
    size_t walk = 0;
    peer_t *host;
    while ((host = tt_map_next(&self->peers[PEER_HOST], &walk)))
        if (strlen(host->host) == name.len && memcmp(host->host, name.data, name.len) == 0)
            return host;
    return NULL;
}

/* All three name their host in the first field. */
static tt_span_t host_of(const tt_message_t *message)
{
    return message->type == TT_MSG_PUT   ? message->as.put.host
           : message->type == TT_MSG_GET ? message->as.get.host
                                         : message->as.list.host;
}

static size_t count(const controller_t *self)
{
    size_t found = 0;
    for (const transfer_t *each = self->transfers; each; each = each->next)
        found++;
    return found;
}

void transfers_begin(controller_t *self, peer_t *client, tt_message_t *message,
                     tt_frames_t *payload)
{
    tt_span_t name = host_of(message);
    peer_t *host = find_host(self, name);
    if (host == NULL) {
        peers_error(client, message->id, "no host '%.*s' is here",
                    (int)(name.len < 200 ? name.len : 200), (const char *)name.data);
        return;
    }
    if (message->id == 0 || *place_of(self, client, message->id) ||
        count(self) >= TRANSFERS_MAX) {
        peers_error(client, message->id, "too many files at once, or one number twice");
        return;
    }
    transfer_t *transfer = tt_alloc(sizeof *transfer);
    *transfer = (transfer_t){.next = self->transfers,
                             .id = ++self->next_transfer,
                             .client = client,
                             .host = host,
                             .client_id = message->id};
    self->transfers = transfer;
    message->id = transfer->id;
    tt_outbox_send(host->outbox, message, payload);
}

static bool is_last(const tt_message_t *message)
{
    return message->type == TT_MSG_LISTED || message->type == TT_MSG_ABORT ||
           message->type == TT_MSG_ERROR ||
           (message->type == TT_MSG_FILED && message->as.filed.outcome != TT_FILE_BEGUN);
}

/* What belongs to none was under way when one ended. */
void transfers_pass(controller_t *self, peer_t *peer, tt_message_t *message,
                    tt_frames_t *payload)
{
    transfer_t **at = place_of(self, peer, message->id), *transfer = *at;
    if (transfer == NULL)
        return;
    bool from_client = transfer->client == peer;
    message->id = from_client ? transfer->id : transfer->client_id;
    tt_outbox_send(from_client ? transfer->host->outbox : transfer->client->outbox, message,
                   payload);
    if (is_last(message))
        forget(at);
}

static void tell_client(const transfer_t *transfer, const char *why)
{
    tt_message_t message = tt_message(TT_MSG_FILED, transfer->client_id);
    message.as.filed.outcome = TT_FILE_FAILED;
    message.as.filed.text = tt_span(why);
    tt_outbox_send(transfer->client->outbox, &message, NULL);
}

static void tell_host(const transfer_t *transfer)
{
    tt_message_t message = tt_message(TT_MSG_ABORT, transfer->id);
    tt_outbox_send(transfer->host->outbox, &message, NULL);
}

void transfers_peer_gone(controller_t *self, const peer_t *peer, const char *why)
{
    transfer_t **at = &self->transfers;
    while (*at) {
        transfer_t *transfer = *at;
        if (transfer->client != peer && transfer->host != peer) {
            at = &transfer->next;
            continue;
        }
        if (transfer->host == peer)
            tell_client(transfer, why);
        else
            tell_host(transfer);
        forget(at);
    }
}

void transfers_release(controller_t *self)
{
    while (self->transfers)
        forget(&self->transfers);
}
