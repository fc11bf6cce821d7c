/* The controlling terminal, which the prompt shares with its local engine: who may read it and
 * gets Ctrl-C (the foreground process group), and the modes that it was found in. */
#ifndef TERMINAL_H
#define TERMINAL_H

#include "buf.h"
#include "error.h"

#include <stdbool.h>
#include <sys/types.h>

typedef struct terminal terminal_t;

/* True when standard input and output are a terminal that can be edited on. */
bool terminal_is_there(void);

/* Remembers the modes of the terminal on descriptor 0. While it is ours it shows no ^C by
 * itself: it may do so late, behind what is written because of it. In the background it stops
 * the process group first, as every program that reads its terminal is stopped. NULL with the
 * reason. */
terminal_t *terminal_open(tt_error_t *err);
/* Takes the terminal back, restores its modes, and ends. */
void terminal_close(terminal_t **self_p);

/* Hands the terminal to a process group, in the modes that it was found in (or those that the
 * group had when it was suspended). Only if it is ours to give. */
void terminal_give(terminal_t *self, pid_t group);
/* Takes it back, in our modes. Harmless when it is ours. */
void terminal_take(terminal_t *self);
/* A shell that did something in the background may have taken it: it is ours again, its modes
 * are left alone. */
void terminal_reclaim(terminal_t *self);
/* The group that it was given to last, 0 when it is ours. */
pid_t terminal_holder(const terminal_t *self);

/* While it is ours: each key is read when it is pressed, and not shown; or as it is else. Keys
 * that send signals go on doing so. */
void terminal_set_keys(terminal_t *self, bool on);

/* Stops our process group as Ctrl-Z does, and returns when it goes on in the foreground. What
 * the terminal was given to is stopped already; it is given back and continued. */
void terminal_suspend(terminal_t *self);

/* Asks the terminal whether it draws sixel pictures, and waits for the answer, 1 s at most.
 * What is typed meanwhile is appended to `typed`. False when it is not ours. */
bool terminal_has_sixel(tt_buf_t *typed);

/* A cell's width and height in pixels; 8 and 16 when it does not tell. */
void terminal_cell(unsigned *width, unsigned *height);
/* Columns and rows as of now; 80 and 24 when it does not tell. */
unsigned terminal_columns(void);
unsigned terminal_rows(void);

#endif
