/* A conversation with a shell at the other end of a descriptor: lines are said, files may
 * follow them, and lines come back. Then the descriptor is somebody else's. */
#ifndef TALK_H
#define TALK_H

#include "buf.h"
#include "loop.h"

typedef struct talk talk_t;

enum { TALK_LINE_MAX = 64 << 10 };

typedef struct {
    /* A whole line, without its end; it may be changed. */
    void (*line)(void *arg, char *line);
    /* A part of a file has been passed on. */
    void (*progress)(void *arg);
    /* Nothing more will come (`why` is NULL), or what comes is no line, or a file could not be
     * read. */
    void (*ended)(void *arg, const char *why);
} talk_handlers_t;

/* Talks over `fd`, a socket, which stays the caller's. */
talk_t *talk_new(tt_loop_t *loop, int fd, const talk_handlers_t *handlers, void *arg);
void talk_destroy(talk_t **self_p);

/* Sends a line, its end is added; never waits. */
void talk_say(talk_t *self, const char *line);
/* Sends `size` bytes of a file, from its beginning, behind what was said. The descriptor stays
 * the caller's and must live until they are sent. */
void talk_send_file(talk_t *self, int fd, uint64_t size);

/* Reads all that is there, for when the other end has closed. */
void talk_drain(talk_t *self);

/* No line is looked for any more: what has come behind the last one is in the buffer, which is
 * borrowed, and the descriptor is not watched. */
const tt_buf_t *talk_stop(talk_t *self);
/* The same, but all that has come and comes is written to `out`. */
void talk_pass_on(talk_t *self, int out);

#endif
