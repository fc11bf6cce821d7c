/* A pump: carries bytes both ways between two ends, unopened, until one of them closes. It
 * holds at most 64 KiB for each way, so whoever sends too fast is held up and nothing piles up
 * here. Used at both ends of a link over ssh. */
#ifndef TT_PUMP_H
#define TT_PUMP_H

#include "buf.h"
#include "loop.h"

typedef struct tt_pump tt_pump_t;

/* One end: where to read and where to write; the same descriptor twice for a socket. Borrowed.
 */
typedef struct {
    int in, out;
} tt_pump_end_t;

/* Told once, when an end has closed or failed and what it had sent before was passed on: 0 or 1
 * for the end, and errno (0: it closed). The pump does nothing more; the callee may destroy it.
 */
typedef void tt_pump_ended_fn(void *arg, int end, int error);

/* Starts pumping between two ends; their descriptors become non-blocking. `ahead` are bytes of
 * end 0 that were read already (at most TT_PUMP_HOLD). */
enum { TT_PUMP_HOLD = 64 << 10 };
tt_pump_t *tt_pump_new(tt_loop_t *loop, const tt_pump_end_t ends[2], const void *ahead,
                       size_t ahead_len, tt_pump_ended_fn *ended, void *arg);
/* Has what is read of `end` from now on looked at before it is passed on. When `check` returns
 * false, what it was shown is not passed on, and the pump ends with EPROTO of that end. */
typedef bool tt_pump_check_fn(void *arg, tt_span_t bytes);
void tt_pump_set_check(tt_pump_t *self, int end, tt_pump_check_fn *check, void *arg);
/* When (tt_now_ms) an end was heard of last. */
int64_t tt_pump_heard_ms(const tt_pump_t *self, int end);
/* Stops it; the descriptors stay the caller's. */
void tt_pump_destroy(tt_pump_t **self_p);

#endif
