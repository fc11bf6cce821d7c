/* A big value on its way through the wire (DATA and WANT): the end that gives it and the end
 * that takes it, and a value put together again from its message and its spool. */
#ifndef TT_BULK_H
#define TT_BULK_H

#include "flow.h"
#include "packet.h"
#include "spool.h"

/* The end that has it. All zero: nothing was asked for. */
typedef struct {
    uint64_t bytes;
    tt_flow_t flow;
} tt_giving_t;

/* The other end wants what lies behind `taken`; 0: it begins, maybe anew. Returns 1 when it has
 * all, 0, or -1 when that makes no sense. */
int tt_giving_wanted(tt_giving_t *self, uint64_t taken);
/* How much is to be sent now, from `*offset` on; 0: nothing. It counts as sent. */
size_t tt_giving_next(tt_giving_t *self, uint64_t *offset);

/* Offers all of it as a file to a process on this machine, which may say then that it has all:
 * DATA, but for whose it is. */
tt_message_t tt_giving_offer(tt_giving_t *self, uint64_t id, tt_spool_t *spool);

/* The end that gets it. All zero: nothing has come. */
typedef struct {
    tt_spool_t *spool;
    uint64_t taken;
} tt_taking_t;

/* Takes DATA: bytes at `offset` of `total`. Returns 1 when it is whole, 0 when more is to come,
 * or -1 with the reason: no memory, or it is not what comes next. */
int tt_taking_add(tt_taking_t *self, uint64_t offset, uint64_t total, tt_span_t bytes,
                  tt_error_t *err);
/* Takes all of it, as a file of a process on this machine. Returns 0, or -1 when that cannot
 * be opened: then it is to be asked for in chunks. */
int tt_taking_open(tt_taking_t *self, tt_spool_place_t place, uint64_t total);
bool tt_taking_whole(const tt_taking_t *self);
void tt_taking_release(tt_taking_t *self);

/* Plans where the frames go: those that stand in their message stay in `from`, the others are
 * added to `bulk`. When all of them are small nothing moves. */
void tt_bulk_split(tt_frames_t *from, tt_layout_t *layout, tt_frames_t *bulk);
/* Writes what belongs to `len` bytes of the spool, from `offset` on. Returns 0, or -1 with the
 * reason. */
int tt_bulk_write(const tt_frames_t *bulk, const tt_layout_t *layout, uint64_t offset,
                  uint64_t len, tt_spool_t *spool, tt_error_t *err);
/* The spool in which all of it lies already, at its places, so that nothing need be written;
 * held. NULL: there is none. */
tt_spool_t *tt_bulk_find(const tt_frames_t *bulk, const tt_layout_t *layout);
/* A spool with what was split off: that one, or a new one. NULL with the reason. */
tt_spool_t *tt_bulk_spool(const tt_frames_t *bulk, const tt_layout_t *layout, tt_error_t *err);
/* Adds `len` bytes of the spool that these frames would be, from `offset` on, as a frame. */
void tt_bulk_read(const tt_frames_t *bulk, const tt_layout_t *layout, uint64_t offset,
                  size_t len, tt_frames_t *into);
/* Puts a message's frames together: `from` (taken) has those that stood in the message, `spool`
 * (may be NULL) the others, which hold it. Returns 0, or -1 with the reason. */
int tt_bulk_join(tt_spool_t *spool, const tt_layout_t *layout, tt_frames_t *from,
                 tt_frames_t *into, tt_error_t *err);

#endif
