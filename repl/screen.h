/* Where texts for the person go: standard output and error. At a terminal they appear above the
 * line that is being typed, and take the place of the progress line. */
#ifndef SCREEN_H
#define SCREEN_H

#include "buf.h"

#include <stdbool.h>

/* Writes a text of whole lines to descriptor `fd` (1 or 2). stdio's buffer goes first. */
void screen_write(int fd, tt_span_t text);

/* printf to standard error (the progress line gone first), for notices. */
void screen_note(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Shows one line that the next one, or any other text, takes the place of; NULL removes it.
 * Only for a terminal, and while nothing is being typed. */
void screen_progress(const char *line);

/* Something else has the whole screen: from screen_hold to screen_let_go texts are kept, and
 * then written in their order; progress is not shown. */
void screen_hold(void);
void screen_let_go(void);
/* True when so much is kept (16 MiB) that it should be let go. */
bool screen_is_full(void);

/* Somebody else wrote to the terminal: if the last line has no end, it gets `mark` and one. The
 * mark and as many blanks as fill a row are written: they only stay when the row was begun. */
void screen_fresh_line(unsigned columns, const char *mark);

/* True when standard error is a terminal: then progress and colours make sense. */
bool screen_is_terminal(void);
/* True when colours are wanted: on a terminal, without NO_COLOR. */
bool screen_has_colour(void);

#endif
