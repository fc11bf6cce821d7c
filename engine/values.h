/* Big values of this host: those that its tasks want before they can begin, and those of
 * results that wait to be taken. PROTOCOL.md, "Big values". */
#ifndef VALUES_H
#define VALUES_H

#include "host.h"
#include "task.h"

typedef struct values values_t;

/* `on_settled` is called when a task's value has come whole, will not come, or is to be asked
 * for by another engine. */
values_t *values_new(host_t *host, void (*on_settled)(host_t *));
void values_destroy(values_t **self_p);

/* Whether the task can be begun by this engine: its value is here, or it has none. Else it is
 * asked for, once. */
bool values_ready(values_t *self, task_t *task, int engine);

/* The engine has the task no more: if it is the one that has asked, another of its engines
 * does.
 */
void values_leave(values_t *self, task_t *task, int engine);

/* Sends a result whose layout says which of its frames lie in the spool, which is held: the
 * rest of it (taken) follows when its client has taken those. */
void values_give(values_t *self, const tt_message_t *result, tt_frames_t *frames,
                 const tt_layout_t *layout, tt_spool_t *spool);

/* Whether so much of it waits to be taken that engines should make no more. */
bool values_full(const values_t *self);

/* A result that waits to be taken ends without its value, if there is one of this task. */
void values_cancel(values_t *self, uint64_t id, int engine);

void values_data(values_t *self, const tt_message_t *message, tt_frames_t *payload);
void values_want(values_t *self, const tt_message_t *message);

/* Nobody takes anything any more, or gives. */
void values_controller_gone(values_t *self);

#endif
