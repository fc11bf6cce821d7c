/* `tutti top` and `%top`: a live view of a cluster, on the whole of the terminal; or one frame
 * of it as text. */
#ifndef TOP_H
#define TOP_H

#include "client.h"
#include "terminal.h"

#include <stdbool.h>

typedef struct {
    tt_loop_t *loop;
    tt_client_t *client;
    terminal_t *terminal; /* ours now; NULL: one frame is written to standard output */
    double every_s;       /* TOP_EVERY_MIN_S to TOP_EVERY_MAX_S */
    bool colour;
} top_wish_t;

#define TOP_EVERY_MIN_S 0.1
#define TOP_EVERY_MAX_S 10

/* Shows the view until the person leaves it, the controller is gone, or a signal ends the
 * program; the terminal is as it was then. Without a terminal: writes one frame, as soon as all
 * hosts have told their load, after 3 s at the latest. Runs the loop. Returns 0; or -1 with the
 * reason: the controller is gone, or tells what cannot be read. */
int top_run(const top_wish_t *wish, tt_error_t *err);

/* Signals, from the loop: Ctrl-C, Ctrl-Z, another size, and the end of the terminal or of us,
 * which gives the terminal back at once. They do nothing and return false when there is no view
 * on the terminal. */
bool top_interrupt(void);
bool top_suspend(void);
bool top_resize(void);
bool top_hang_up(int number);
/* The signal by which the last view was ended so; 0: by none. */
int top_hung_up(void);

#endif
