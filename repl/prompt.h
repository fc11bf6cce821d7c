/* The interactive prompt: reads entries at the terminal and runs them in a session until the
 * person leaves. */
#ifndef PROMPT_H
#define PROMPT_H

#include "session.h"

typedef struct {
    bool own;           /* the cluster was started for this session */
    const char *banner; /* the first line */
    const char *notice; /* what waits; NULL: nothing */
    const char *history_path;
} prompt_wish_t;

typedef enum {
    LEAVE_ALL,  /* nothing is running: the session just ends */
    LEAVE_STOP, /* running jobs end, and so does a cluster of the session's own */
    LEAVE_KEEP  /* jobs and cluster go on */
} leave_t;

/* Runs the prompt; the session's terminal is open. Returns the exit status, and in `leave` what
 * becomes of what is running. */
int prompt_run(session_t *session, const prompt_wish_t *wish, leave_t *leave);

/* Signals of the person, from the loop: Ctrl-C while a line is typed (false: no line is being
 * typed), Ctrl-Z, another size, and the end of the terminal or of us. */
bool prompt_interrupt(void);
void prompt_suspend(void);
void prompt_resize(void);
/* Returns false when there is no prompt, nor one that has ended by this: then the signal ends
 * the program as usual. */
bool prompt_hang_up(int number);

#endif
