/* The page of memory that an engine's runtime and its host share: the task word, which makes
 * interrupts exact and names the task that had started, and the byte counts that attribute
 * output. DECISIONS: one memfd page per engine; PROTOCOL.md, "The page".
 *
 * Task word = seq << 2 | state; an idle word keeps the seq of the last task that started. The
 * runtime moves idle -> running -> idle. To interrupt, the host swaps running (or sent, for a
 * second signal)
 * -> claimed, which is refused when that task is not running any more; sends the signal; stores
 * *sent*. A runtime whose own last swap fails waits for *sent* and swaps that to idle; then it
 * takes the signal that is on its way before it starts anything else. So a signal never meets
 * another task, and after a death the word names the last task that had started.
 *
 * Revoking: a runtime that has stored *running* looks whether its task is in the range of
 * revoked ones; if so it ends the word and does not run it. The host stores the range first and
 * reads the word then. Whatever the order, of a task behind the one that the word names both
 * know that it does not run. */
#ifndef TT_PAGE_H
#define TT_PAGE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum { TT_WORD_IDLE = 0, TT_WORD_RUNNING = 1, TT_WORD_CLAIMED = 2, TT_WORD_SENT = 3 };

typedef struct {
    _Atomic uint64_t lock;     /* odd while the host reads from the pipe */
    _Atomic uint64_t consumed; /* bytes the host has taken from the pipe so far */
    _Atomic uint64_t start;    /* offset at which the running task's output begins */
    char pad[40];
} tt_page_stream_t;

typedef struct {
    _Atomic uint64_t word;
    _Atomic uint64_t
        revoked; /* first << 32 | last of the tasks that are not to start; 0: none */
    char pad[48];
    tt_page_stream_t stream[2]; /* stdout, stderr */
} tt_page_t;

/* Makes a page as a sealed-size memfd. Returns the descriptor (close-on-exec) and the mapping
 * in `page`, or -1 with errno. tt_page_unmap undoes the mapping (NULL is fine). */
int tt_page_create(tt_page_t **page);
tt_page_t *tt_page_map(int fd); /* NULL with errno on failure */
void tt_page_unmap(tt_page_t **page);

/* The host's side. */

/* Which task runs, or 0 when none does. */
uint32_t tt_page_running(const tt_page_t *self);
/* The last task that started, running or ended; 0 when none did. */
uint32_t tt_page_started(const tt_page_t *self);
/* Claims task `seq` for an interrupt; false when it does not run (any more): then never signal.
 */
bool tt_page_claim(tt_page_t *self, uint32_t seq);
/* To be called after the signal was sent for a successful claim. */
void tt_page_sent(tt_page_t *self, uint32_t seq);
/* Keeps the tasks `first` to `last` from starting. Returns the last one that had its turn:
 * those behind it in the range never run; of it, and of those before it, the results tell.
 * Tasks that were revoked before must stay in the range until their results have come. */
uint32_t tt_page_revoke(tt_page_t *self, uint32_t first, uint32_t last);
/* Every result of a task that was revoked has come. */
void tt_page_revoke_none(tt_page_t *self);
/* Whether task `seq` has started when `started` is the last that had; seqs may have wrapped. */
bool tt_page_reached(uint32_t started, uint32_t seq);
/* Around each read from the pipe of stream `i`; `got` is what was read, 0 on none. */
void tt_page_read_begin(tt_page_t *self, int i);
void tt_page_read_end(tt_page_t *self, int i, uint64_t got);

/* The runtime's side. */

/* The offset in stream `i` up to which everything written so far reaches; `fd` is any
 * descriptor of the pipe (the write end will do). 0 when the descriptor is not a pipe. */
uint64_t tt_page_offset(const tt_page_t *self, int i, int fd);
/* Marks task `seq` as running. False when it was revoked: it is to be ended and not to be run.
 */
bool tt_page_start(tt_page_t *self, uint32_t seq);
/* Marks it as ended. False when an interrupt was claimed: it has been sent by now (waited for),
 * so the caller must let the signal arrive (one system call) and drain it before the next
 * start. */
bool tt_page_finish(tt_page_t *self, uint32_t seq);

#endif
