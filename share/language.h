/* A language in one small contract, and the loop that serves it over the runtime protocol.
 *
 * A runtime is a program that calls tt_serve with its language. The loop reads one task at a
 * time, keeps the task word and the output offsets (page.h), and writes each result before the
 * next task starts. It has no thread and no signal handler; it links nothing but libc. */
#ifndef TT_LANGUAGE_H
#define TT_LANGUAGE_H

#include "page.h"
#include "runtime.h"

typedef struct {
    unsigned op; /* TT_RT_EXECUTE ... TT_RT_SYNC */
    uint32_t seq;
    tt_span_t args;           /* validated: one MessagePack array, see TT_RT_MESSAGES */
    const tt_span_t *buffers; /* the further frames */
    size_t buffer_count;
    tt_spool_t *spool; /* those of them that are mapped memory hold as long as this is held, and
                          may be written to; NULL: none is */
} tt_request_t;

/* What came for an ASK; it holds until the next call. */
typedef struct {
    const tt_span_t *frames;
    size_t count;
    tt_spool_t *spool; /* as in a request */
    bool interrupted;
} tt_answer_t;

/* A buffer that goes out behind a result's body without being copied. */
typedef struct {
    tt_span_t bytes;
    void *owner; /* handed to the language's `let_go` when the result has been written */
} tt_reply_buffer_t;

typedef struct {
    tt_status_t status; /* OK, ERROR or INTERRUPTED */
    tt_buf_t body; /* [repr, has_value, value, displays, error, note]; tt_reply_* fill it */
    tt_reply_buffer_t *buffers;
    size_t buffer_count, buffer_cap;
    bool leave; /* end the runtime after this result, with exit_status */
    int exit_status;
} tt_reply_t;

/* The reply's body for the usual cases; each replaces what was there.
 * `value` is one packed value; NULL or "" for `repr` shows nothing. */
void tt_reply_value(tt_reply_t *self, const char *repr, tt_span_t value);
void tt_reply_error(tt_reply_t *self, tt_status_t status, const char *type, const char *message,
                    const char *traceback);
/* A command of the shell that failed with this exit status. */
void tt_reply_exit(tt_reply_t *self, int exit_status, const char *message);
/* Adds a note to the body that stands there: something a person should know. */
void tt_reply_note(tt_reply_t *self, const char *note);
/* Adds a buffer and returns its index among the reply's buffers. */
size_t tt_reply_buffer(tt_reply_t *self, tt_span_t bytes, void *owner);
void tt_reply_release(tt_reply_t *self);

typedef struct {
    const char *name;    /* "python", "sh", "lua", "mock" */
    const char *version; /* of the interpreter */
    const char *program; /* path of the interpreter */
    /* Told once, before the first task. */
    void (*start)(void *self, int engine, const char *cluster);
    /* Does one task and fills the reply (which starts as OK without value). */
    void (*handle)(void *self, const tt_request_t *request, tt_reply_t *reply);
    /* A function to keep under its hash, or to forget (bytes.data NULL). */
    void (*blob)(void *self, tt_span_t hash, tt_span_t bytes);
    /* Writes out what the language buffers for stdout and stderr. */
    void (*flush)(void *self);
    /* Takes every interrupt that has arrived and returns how many; called before and after
     * tasks. */
    int (*drain)(void *self);
    /* The result that holds this buffer has been written. */
    void (*let_go)(void *self, void *owner);
    /* Before and after a read that may block for long (lets other threads of the language run).
     */
    void (*idle)(void *self, bool entering);
    /* The process whose group gets the terminal while a task owns it; 0: this one. */
    int pid;
} tt_language_t;

typedef struct tt_serve tt_serve_t;

/* Prepares to serve `language` on TT_RT_SOCKET_FD and, when it is open, the page on
 * TT_RT_PAGE_FD; makes both close-on-exec and says HELLO. NULL with the reason on failure. */
tt_serve_t *tt_serve_new(const tt_language_t *language, void *self, tt_error_t *err);

/* The same on descriptors of the caller's choice; `page_fd` may be -1. They become the loop's.
 */
tt_serve_t *tt_serve_new_on(const tt_language_t *language, void *self, int socket_fd,
                            int page_fd, tt_error_t *err);
void tt_serve_destroy(tt_serve_t **self_p);

/* Serves until STOP, the end of the socket, or a reply that leaves. Returns the exit status. */
int tt_serve_run(tt_serve_t *self);

/* Within `handle`: asks the other end (`what` "wait" or "magic") and blocks until its ANSWER;
 * tasks that come meanwhile are part of answering and are done at once. Returns the status of
 * the answer, or -1 when the socket ended or an interrupt was drained (`interrupted`). */
int tt_serve_ask(tt_serve_t *self, const char *what, const char *text, tt_answer_t *answer);

/* In a child forked by user code: closes the socket, so that it never answers as the engine. */
void tt_serve_forget(tt_serve_t *self);

#endif
