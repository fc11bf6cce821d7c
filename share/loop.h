/* One thread's event loop: descriptors (epoll), signals (signalfd), timers (a heap) and ZeroMQ
 * sockets (their ZMQ_FD, with ZMQ_EVENTS read again on every turn). Handlers never wait. */
#ifndef TT_LOOP_H
#define TT_LOOP_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/signalfd.h>

typedef struct tt_loop tt_loop_t;

/* A new loop; aborts when the system gives no epoll descriptor. */
tt_loop_t *tt_loop_new(void);
void tt_loop_destroy(tt_loop_t **self_p);

/* Runs handlers until one calls tt_loop_stop. */
void tt_loop_run(tt_loop_t *self);
/* Runs handlers until `*done` is true or `timeout_ms` have passed (-1: no limit). Returns
 * whether it is true. May be called within a handler of the same loop, with care. */
bool tt_loop_run_until(tt_loop_t *self, const bool *done, int64_t timeout_ms);
void tt_loop_stop(tt_loop_t *self);

/* For a thread that is to run a loop only when something has come: a descriptor that becomes
 * readable then (to be watched, nothing else), the milliseconds until a timer is due (-1: none
 * is set), and running what there is without waiting. Every thread may run a loop, one at a
 * time. */
int tt_loop_fd(const tt_loop_t *self);
int tt_loop_due_ms(const tt_loop_t *self);
void tt_loop_run_ready(tt_loop_t *self);

/* Milliseconds and nanoseconds of CLOCK_MONOTONIC. */
int64_t tt_now_ms(void);
int64_t tt_now_ns(void);

/* Watches `fd` for `events` (EPOLLIN, EPOLLOUT). One watch per descriptor; adding one that is
 * watched replaces it. The descriptor stays the caller's: remove it before closing. */
typedef void tt_fd_fn(void *arg, int fd, uint32_t events);
void tt_loop_add_fd(tt_loop_t *self, int fd, uint32_t events, tt_fd_fn *fn, void *arg);
void tt_loop_remove_fd(tt_loop_t *self, int fd);

/* Calls `fn` once after `delay_ms`. Returns an id, never 0; cancelling an id that has fired or
 * was cancelled does nothing. */
typedef void tt_timer_fn(void *arg);
uint64_t tt_loop_add_timer(tt_loop_t *self, int64_t delay_ms, tt_timer_fn *fn, void *arg);
void tt_loop_cancel_timer(tt_loop_t *self, uint64_t id);

/* Calls `fn` once, as soon as everything that has come was handled and before the loop waits,
 * or is left: for what is better done for many events at once. */
typedef bool tt_rest_fn(void *arg);
void tt_loop_at_rest(tt_loop_t *self, tt_rest_fn *fn, void *arg);
/* What was asked for with that `arg` is not called any more. */
void tt_loop_forget_rest(tt_loop_t *self, const void *arg);
/* Whether a handler is being run: there will be a rest. */
bool tt_loop_turning(const tt_loop_t *self);

/* Calls `fn` while the ZeroMQ socket has something to read, at most 64 times in a row. `fn`
 * must read (without waiting) at least one message each time. */
typedef void tt_zmq_fn(void *arg, void *socket);
void tt_loop_add_zmq(tt_loop_t *self, void *socket, tt_zmq_fn *fn, void *arg);
void tt_loop_remove_zmq(tt_loop_t *self, void *socket);

/* Reads the signals of `set` as events. They must be blocked already, in every thread: block
 * them before the first socket is made (tt_signals_block). One call per loop. */
typedef void tt_signal_fn(void *arg, const struct signalfd_siginfo *info);
int tt_loop_add_signals(tt_loop_t *self, const sigset_t *set, tt_signal_fn *fn, void *arg);

/* Blocks these signals (ended by 0) and fills `set` with them; ignores SIGPIPE. */
void tt_signals_block(sigset_t *set, ...);
/* Undoes it in a child before exec: nothing blocked, everything default. */
void tt_signals_unblock(void);

/* A descriptor that becomes readable when process `pid` has ended; close-on-exec. -1 with
 * errno. */
int tt_pidfd_open(int pid);

#endif
