/* Big values: what is too large to stand in one message lies in a *spool*, a file in memory,
 * and travels in chunks, or as a descriptor to a process on this machine. A *layout* tells of
 * each frame of a message whether it stands in the message or where in its spool. */
#ifndef TT_SPOOL_H
#define TT_SPOOL_H

#include "buf.h"
#include "error.h"
#include "read.h"

#include <stdbool.h>

enum {
    TT_WHOLE_MAX = 1 << 20, /* bytes of a message whose frames all stand in it */
    TT_SPOOL_ALIGN = 64,    /* where frames begin in a spool */
    TT_PLACES_MAX = 1 << 20 /* frames of one layout */
};

/* ---- layouts */

#define TT_IN_MESSAGE UINT64_MAX

typedef struct {
    uint64_t offset; /* in the spool; TT_IN_MESSAGE: it stands in the message */
    uint64_t len;
} tt_place_t;

typedef struct {
    tt_place_t *places; /* one for each frame, in order; owned */
    size_t count;
    uint64_t bytes; /* of the spool; 0: there is none */
} tt_layout_t;

/* Which of frames with these lengths go to a spool: none when all of them are small. */
void tt_layout_plan(tt_layout_t *self, const size_t *lens, size_t count);
/* Appends it as one value: an array with a length, or [offset, length], for each frame. */
void tt_layout_pack(const tt_layout_t *self, tt_buf_t *out);
/* Reads such a value; nil and nothing are a layout without places. Returns 0, or -1 with the
 * reason: it is none, or places overlap. */
int tt_layout_read(tt_layout_t *self, tt_span_t any, tt_error_t *err);
/* Reads the next array of a reader, as in the header of a runtime's message. */
int tt_layout_take(tt_layout_t *self, tt_reader_t *reader, tt_error_t *err);
void tt_layout_release(tt_layout_t *self);

/* ---- spools */

typedef struct tt_spool tt_spool_t;

/* An empty one for so many bytes, held once. NULL with the reason when this machine has not as
 * much memory to spare, beside what was promised to others of this process. */
tt_spool_t *tt_spool_new(uint64_t bytes, tt_error_t *err);
/* One that another process has made: `fd` becomes its own, also when this fails. It must hold
 * `bytes`, and be sealed so that it keeps them. */
tt_spool_t *tt_spool_of(int fd, uint64_t bytes, tt_error_t *err);
/* Where another process of this machine may open it: /proc/PID/fd/FD. The inode tells whether
 * that is still the file that was meant, also where processes have other numbers. */
typedef struct {
    int pid; /* 0: nowhere */
    int fd;
    uint64_t inode;
} tt_spool_place_t;
/* Its place, while it is held here; it can be changed no more from then on. */
tt_spool_place_t tt_spool_place(tt_spool_t *self);
/* The same file, opened there. NULL with the reason: it is another machine, may not be opened
 * (another user's process), or is not what was meant. */
tt_spool_t *tt_spool_open(tt_spool_place_t place, uint64_t bytes, tt_error_t *err);
tt_spool_t *tt_spool_hold(tt_spool_t *self);
/* Lets go of it; with the last hold its memory is given back, but for what is mapped. */
void tt_spool_release(tt_spool_t **self_p);

uint64_t tt_spool_bytes(const tt_spool_t *self);
/* Its descriptor, to be sent; borrowed. It can be changed no more from then on. */
int tt_spool_fd(tt_spool_t *self);

/* Puts bytes at their place. Returns 0, or -1 with the reason: they do not fit. */
int tt_spool_write(tt_spool_t *self, uint64_t offset, tt_span_t bytes, tt_error_t *err);
/* The frames that `layout` has in the spool, of `count` in all. */
int tt_spool_write_frames(tt_spool_t *self, const tt_layout_t *layout, const tt_span_t *frames,
                          tt_error_t *err);
/* Copies `len` bytes from there. Returns 0, or -1: they cannot be read. */
int tt_spool_read(const tt_spool_t *self, uint64_t offset, uint8_t *into, size_t len);

/* Its bytes as memory of our own, which may be written to without changing the spool. They hold
 * as long as the spool. NULL with the reason, or when it has none. */
uint8_t *tt_spool_map(tt_spool_t *self, tt_error_t *err);
/* Whether these bytes are some of its mapped ones. */
bool tt_spool_has(const tt_spool_t *self, const uint8_t *bytes);
/* Its mapping is all that is needed from now on: the descriptor is given back. Whoever lets
 * others write to the mapping does this before: the file is not what they see then. */
void tt_spool_close(tt_spool_t *self);
/* A mapped spool of this process, not closed, that has all of these bytes at `offset`; held.
 * NULL: there is none. */
tt_spool_t *tt_spool_find(const uint8_t *bytes, uint64_t offset);

#endif
