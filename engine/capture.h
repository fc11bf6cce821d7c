/* One output stream of an engine: the pipe's read end, what was read and not yet attributed,
 * and how much of the stream has gone by. Offsets count bytes since the pipe was made. */
#ifndef CAPTURE_H
#define CAPTURE_H

#include "buf.h"
#include "page.h"

#include <stdbool.h>

typedef struct {
    int fd;          /* non-blocking; -1 when closed */
    int stream;      /* 0 stdout, 1 stderr */
    tt_page_t *page; /* borrowed; NULL when the runtime keeps none */
    tt_buf_t bytes;  /* read, not yet taken */
    uint64_t base;   /* the offset of bytes.data[0] */
} capture_t;

/* Takes over the read end. */
void capture_init(capture_t *self, int fd, int stream, tt_page_t *page);
void capture_release(capture_t *self);

/* Reads what is there, at most `limit` bytes. False when every writer is gone. */
bool capture_read(capture_t *self, size_t limit);

/* Reads until the stream up to `offset` is here (it is in the pipe already, or lost). */
void capture_read_to(capture_t *self, uint64_t offset);

/* Reads what is in the pipe at this moment, and no more: whoever goes on writing does not hold
 * us. */
void capture_read_present(capture_t *self);

/* The offset behind the last byte read. */
uint64_t capture_end(const capture_t *self);

/* Moves the bytes up to `offset` (at most what is here) to the end of `out`; NULL discards
 * them. */
void capture_take(capture_t *self, uint64_t offset, tt_buf_t *out);

#endif
