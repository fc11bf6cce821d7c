/* Big values on the wire. See bulk.h. */
#include "bulk.h"

#include <stdlib.h>
#include <string.h>

enum { CHUNK = 64 << 10 };

/* ---- giving */

int tt_giving_wanted(tt_giving_t *self, uint64_t taken)
{
    if (taken == 0)
        tt_flow_init(&self->flow);
    else if (tt_flow_taken(&self->flow, taken, tt_now_ns()) != 0)
        return -1;
    return taken == self->bytes;
}

size_t tt_giving_next(tt_giving_t *self, uint64_t *offset)
{
    uint64_t left = self->bytes - self->flow.sent;
    size_t len = left < CHUNK ? (size_t)left : CHUNK;
    if (len == 0 || tt_flow_room(&self->flow) < len)
        return 0;
    *offset = self->flow.sent;
    tt_flow_sent(&self->flow, len, tt_now_ns());
    return len;
}

tt_message_t tt_giving_offer(tt_giving_t *self, uint64_t id, tt_spool_t *spool)
{
    tt_spool_place_t place = tt_spool_place(spool);
    tt_message_t message = tt_message(TT_MSG_DATA, id);
    message.as.data.total = self->bytes;
    message.as.data.pid = place.pid;
    message.as.data.fd = place.fd;
    message.as.data.inode = place.inode;
    tt_flow_sent(&self->flow, self->bytes - self->flow.sent, tt_now_ns());
    return message;
}

/* ---- taking */

int tt_taking_add(tt_taking_t *self, uint64_t offset, uint64_t total, tt_span_t bytes,
                  tt_error_t *err)
{
    if (self->spool == NULL && (self->spool = tt_spool_new(total, err)) == NULL)
        return -1;
    if (offset != self->taken || total != tt_spool_bytes(self->spool))
        return tt_error_set(err, "a value whose chunks do not follow each other");
    if (tt_spool_write(self->spool, offset, bytes, err) != 0)
        return -1;
    self->taken += bytes.len;
    return tt_taking_whole(self);
}

int tt_taking_open(tt_taking_t *self, tt_spool_place_t place, uint64_t total)
{
    tt_error_t err;
    tt_taking_release(self);
    self->spool = tt_spool_open(place, total, &err);
    if (self->spool == NULL)
        return -1;
    self->taken = total;
    return 0;
}

bool tt_taking_whole(const tt_taking_t *self)
{
    return self->spool && self->taken == tt_spool_bytes(self->spool);
}

void tt_taking_release(tt_taking_t *self)
{
    tt_spool_release(&self->spool);
    self->taken = 0;
}

/* ---- frames */

void tt_bulk_split(tt_frames_t *from, tt_layout_t *layout, tt_frames_t *bulk)
{
    size_t *lens = tt_alloc((from->count + 1) * sizeof *lens);
    for (size_t i = 0; i < from->count; i++)
        lens[i] = tt_frames_span(from, i).len;
    tt_layout_plan(layout, lens, from->count);
    free(lens);
    if (layout->bytes == 0)
        return;
    tt_frames_t inlined;
    tt_frames_init(&inlined);
    for (size_t i = 0; i < from->count; i++)
        tt_frames_take(layout->places[i].offset == TT_IN_MESSAGE ? &inlined : bulk,
                       &from->items[i]);
    tt_frames_release(from);
    *from = inlined;
}

/* What a place has within a stretch of the spool: from `*begin`, so many bytes; 0: nothing. */
static size_t clip(const tt_place_t *place, uint64_t offset, uint64_t len, uint64_t *begin)
{
    uint64_t end = place->offset + place->len;
    *begin = place->offset > offset ? place->offset : offset;
    if (end > offset + len)
        end = offset + len;
    return *begin < end ? (size_t)(end - *begin) : 0;
}

int tt_bulk_write(const tt_frames_t *bulk, const tt_layout_t *layout, uint64_t offset,
                  uint64_t len, tt_spool_t *spool, tt_error_t *err)
{
    size_t index = 0;
    uint64_t begin;
    for (size_t i = 0; i < layout->count; i++) {
        const tt_place_t *place = &layout->places[i];
        if (place->offset == TT_IN_MESSAGE)
            continue;
        const uint8_t *data = tt_frames_span(bulk, index++).data;
        size_t bytes = clip(place, offset, len, &begin);
        if (bytes > 0 &&
            tt_spool_write(spool, begin, (tt_span_t){data + (begin - place->offset), bytes},
                           err) != 0)
            return -1;
    }
    return 0;
}

tt_spool_t *tt_bulk_find(const tt_frames_t *bulk, const tt_layout_t *layout)
{
    size_t index = 0;
    tt_spool_t *found = NULL;
    for (size_t i = 0; i < layout->count; i++) {
        const tt_place_t *place = &layout->places[i];
        if (place->offset == TT_IN_MESSAGE)
            continue;
        tt_spool_t *its = tt_spool_find(tt_frames_span(bulk, index).data, place->offset);
        bool same = its && (index++ == 0 || its == found);
        tt_spool_release(&found);
        found = its;
        if (!same || tt_spool_bytes(its) < layout->bytes) {
            tt_spool_release(&found);
            return NULL;
        }
    }
    return found;
}

tt_spool_t *tt_bulk_spool(const tt_frames_t *bulk, const tt_layout_t *layout, tt_error_t *err)
{
    tt_spool_t *spool = tt_bulk_find(bulk, layout);
    if (spool)
        return spool;
    spool = tt_spool_new(layout->bytes, err);
    if (spool && tt_bulk_write(bulk, layout, 0, layout->bytes, spool, err) != 0)
        tt_spool_release(&spool);
    return spool;
}

void tt_bulk_read(const tt_frames_t *bulk, const tt_layout_t *layout, uint64_t offset,
                  size_t len, tt_frames_t *into)
{
    zmq_msg_t chunk;
    size_t index = 0;
    uint64_t begin;
    if (zmq_msg_init_size(&chunk, len) != 0)
        abort();
    uint8_t *out = zmq_msg_data(&chunk);
    memset(out, 0, len);
    for (size_t i = 0; i < layout->count; i++) {
        const tt_place_t *place = &layout->places[i];
        if (place->offset == TT_IN_MESSAGE)
            continue;
        const uint8_t *data = tt_frames_span(bulk, index++).data;
        size_t bytes = clip(place, offset, len, &begin);
        if (bytes > 0)
            memcpy(out + (begin - offset), data + (begin - place->offset), bytes);
    }
    tt_frames_take(into, &chunk);
}

static void let_go(void *data, void *hint)
{
    tt_spool_t *spool = hint;
    (void)data;
    tt_spool_release(&spool);
}

int tt_bulk_join(tt_spool_t *spool, const tt_layout_t *layout, tt_frames_t *from,
                 tt_frames_t *into, tt_error_t *err)
{
    size_t inlined = 0;
    uint8_t *map = NULL;
    int rc = 0;
    if (layout->bytes > (spool ? tt_spool_bytes(spool) : 0))
        rc = tt_error_set(err, "a value that has not come whole");
    else if (layout->bytes > 0 && (map = tt_spool_map(spool, err)) == NULL)
        rc = -1;
    for (size_t i = 0; rc == 0 && i < layout->count; i++) {
        const tt_place_t *place = &layout->places[i];
        if (place->offset != TT_IN_MESSAGE && map)
            tt_frames_lend(into, map + place->offset, (size_t)place->len, let_go,
                           tt_spool_hold(spool));
        else if (place->offset == TT_IN_MESSAGE && inlined < from->count)
            tt_frames_take(into, &from->items[inlined++]);
        else
            tt_frames_copy(into, NULL, 0);
    }
    tt_frames_release(from);
    return rc;
}
