/* Files brought to machines and from them: once to each, one after the other on each, several
 * machines at a time. What is there already is not sent; what is not whole leaves nothing. */
#ifndef TRANSFER_H
#define TRANSFER_H

#include "session.h"

typedef struct {
    bool up;
    char *const *words; /* up: files and folders here; down: patterns there */
    size_t word_count;
    const char *directory; /* where they go; "": up where engines start, down here */
    const char **hosts;
    size_t host_count;
} transfer_wish_t; /* all borrowed */

/* Does it and tells what came of it, each machine in a line, equal lines together. Down from
 * several machines each has a folder of its name. Returns 0, 1 when something failed or Ctrl-C
 * has ended it, 2 when there is nothing to bring, 3 when the cluster is gone; after messages.
 */
int transfer_run(session_t *session, const transfer_wish_t *wish);

#endif
