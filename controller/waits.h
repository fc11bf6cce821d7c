/* Tasks that wait for others of their client to end (SUBMIT's `after` and `follow`). One that
 * ended well lets them start; one that did not ends them as refused, and so what waits for
 * those. */
#ifndef WAITS_H
#define WAITS_H

#include "task.h"

struct controller;

enum { WAITS_REMEMBERED = 8192 };

/* Forgets them. */
void ended_release(ended_t *self);

/* Reads what a new task waits for. Returns 1 when it does, 0 when nothing holds it; or -1 when
 * it can never start, with the reason in task->doom. */
int waits_begin(task_t *task, const tt_msg_submit_t *submit);

/* A task has ended, its client (which may be gone) has been told: looks after those that wait
 * for it, from the loop's next turn. */
void waits_ended(struct controller *self, task_t *task);

#endif
