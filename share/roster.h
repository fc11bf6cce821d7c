/* The engines that a client has been told of, sorted by number. */
#ifndef TT_ROSTER_H
#define TT_ROSTER_H

#include "labels.h"
#include "message.h"

typedef struct {
    int id;
    unsigned state; /* tt_engine_state_t */
    int pid;
    char host[256];
    char language[64]; /* that it speaks: python */
    char kind[64];     /* that it was started as: ipython, of those that speak python */
    char version[64], program[256];
    char text[256]; /* why it is in this state */
    char labels[TT_LABELS_SIZE];
    uint64_t born; /* which of the cluster's processes it is: later ones have larger numbers */
} tt_engine_t;

typedef struct {
    tt_engine_t *engines; /* owned */
    size_t count;
} tt_roster_t; /* zeroes: empty */

void tt_roster_release(tt_roster_t *self);

/* The engine that an EVENT tells of. */
tt_engine_t tt_engine_of(const tt_msg_event_t *event);

/* Puts the engine into its place, or takes it out when its state is GONE. */
void tt_roster_note(tt_roster_t *self, const tt_engine_t *engine);

/* The engine of that number, or NULL. Borrowed until the next change. */
const tt_engine_t *tt_roster_find(const tt_roster_t *self, int id);

#endif
