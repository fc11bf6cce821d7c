/* The warmed-up process from which engines of one spec are forked, where the language has one.
 * It is sent each engine's descriptors and answers with its pid; the engine then is our child.
 */
#ifndef ZYGOTE_H
#define ZYGOTE_H

#include "engine.h"

/* The engine that a pid or number belongs to is found through the host's function. */
typedef engine_t *zygote_find_fn(void *arg, int id);

/* Starts the process. NULL with the reason. */
zygote_t *zygote_new(host_t *host, const spec_t *spec, zygote_find_fn *find, void *arg,
                     tt_error_t *err);
void zygote_destroy(zygote_t **self_p);

pid_t zygote_pid(const zygote_t *self);

/* The names of an engine's top level before it has done anything: what a runtime would answer
 * to a COMPLETE of nothing, body of a RESULT; the zygote's own, may be malformed, empty when it
 * did not tell them. Takes NULL. */
tt_span_t zygote_names(const zygote_t *self);

/* Whether it has as many requests as it should have at a time: then zygote_wait for a turn. */
bool zygote_busy(const zygote_t *self);
/* Calls engine_start for engine `id` when there is room. */
void zygote_wait(zygote_t *self, int id);

/* Asks for engine `id` with these descriptors: socket, page, stdout, stderr. They stay the
 * caller's to close. False when it does not fork: the caller then starts the engine by exec. */
bool zygote_request(zygote_t *self, int id, const int fds[4]);

/* Reads its answers that are there; to be called before children are reaped. */
void zygote_drain(zygote_t *self);

/* SIGCHLD: it has ended. Engines that wait for it fail, with its last words as the reason. */
void zygote_died(zygote_t *self, int wait_status);

#endif
