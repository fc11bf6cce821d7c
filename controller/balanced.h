/* The balanced queue: work that any of several engines may do. Fair between clients (one part
 * of each in turn), in order within a client; which engine gets it is a policy, a row of a
 * table. */
#ifndef BALANCED_H
#define BALANCED_H

#include "registry.h"

typedef struct balanced balanced_t;

/* A queue with the policy of that name; NULL and the reason when there is none such. */
balanced_t *balanced_new(const char *policy, tt_error_t *err);
void balanced_destroy(balanced_t **self_p);
const char *balanced_policy(const balanced_t *self);

void balanced_push(balanced_t *self, part_t *part);
/* Back to the front: it was sent ahead and is wanted sooner elsewhere, or is tried again. */
void balanced_push_front(balanced_t *self, part_t *part);
void balanced_remove(balanced_t *self, part_t *part);
/* Parts that waited for `from` and are another client's now go behind that one's, in order. */
void balanced_moved(balanced_t *self, const peer_t *from);

/* Takes the next part that can be sent now, and the engine for it. NULL when there is none. */
part_t *balanced_next(balanced_t *self, const registry_t *registry, engine_t **engine);

/* Whether no engine at all could take a part when that was asked last, so that one more that
 * comes need not be looked at: it has its turn when an engine is free. */
bool balanced_full(const balanced_t *self);

/* Parts that wait. */
size_t balanced_count(const balanced_t *self);

/* How many parts an engine is to have at a time: one that runs and as many as hide the way
 * there. */
size_t balanced_window(const engine_t *engine);

#endif
