/* The last samples of a cluster that is looked at: how many tasks ended between one and the
 * next, and which engines worked in between. */
#ifndef PULSE_H
#define PULSE_H

#include "map.h"
#include "snapshot.h"

enum { PULSE_LEN = 64 }; /* samples that are remembered */

typedef struct {
    size_t count;              /* of samples, PULSE_LEN at most */
    double rates[PULSE_LEN];   /* tasks a second, the newest first; the oldest may be 0 for want
                                  of one before */
    double lengths[PULSE_LEN]; /* seconds since the sample before */
    int64_t at_ms, tasks_done; /* of the newest */
    tt_map_t engines;          /* by id */
} pulse_t;

void pulse_init(pulse_t *self);
void pulse_release(pulse_t *self);

/* Takes a sample. An engine has worked if it is busy, or has done something since the last one.
 */
void pulse_add(pulse_t *self, const snapshot_t *report, int64_t now_ms);

/* How many seconds the newest `count` samples tell of. */
double pulse_seconds(const pulse_t *self, size_t count);

/* Tasks a second in the time of the newest `count` samples. */
double pulse_rate(const pulse_t *self, size_t count);

/* Of these engines, the share that worked before the sample `ago` (0: the newest): 0 to 1; -1
 * when none of them was known then. */
double pulse_share(const pulse_t *self, const int *ids, size_t count, size_t ago);

#endif
