/* One result of a job, as the prompt shows or writes it: plain data, every pointer borrowed. A
 * span whose `data` is NULL means that there is none. */
#ifndef ANSWER_H
#define ANSWER_H

#include "buf.h"
#include "error.h"

typedef struct {
    tt_span_t type; /* data NULL: no error */
    tt_span_t message;
    tt_span_t traceback;
    tt_span_t file;
    tt_span_t source; /* the line itself */
    tt_span_t function;
    int line; /* 0: unknown */
} answer_error_t;

typedef struct {
    int job;          /* its number */
    int engine;       /* -1: none */
    int item;         /* of a map, from 0; -1: none */
    const char *host; /* NULL: unknown */
    unsigned status;  /* TT_STATUS_... of share/runtime.h */
    int exit_status;  /* of a shell command that failed; -1: none */
    tt_span_t source; /* what was run */
    tt_span_t cause;  /* why it was lost, refused, cancelled ... */
    tt_span_t repr;
    tt_span_t value;        /* packed; data NULL: none travelled */
    tt_span_t note;         /* what a person should know although all went well */
    tt_span_t displays;     /* a packed array of maps, mime type -> str or bin */
    tt_span_t out, err;     /* what it wrote to stdout and stderr */
    uint64_t dropped_bytes; /* of output, over the cap */
    answer_error_t error;
    const char
        *hint; /* appended to the error (`defined here, not there: %push f`); NULL: none */
    double queue_s, run_s, elapsed_s;
} answer_t;

/* An answer without anything: no engine, no item, no exit status, status ok. */
void answer_init(answer_t *self);

/* Fills repr, value, displays, error, exit status and note from the body of a RESULT
 * (PROTOCOL.md); they point into `body`. Missing fields and fields of another type count as
 * nil. Returns 0, or -1 with the reason when the body is not one array. */
int answer_read(answer_t *self, tt_span_t body, tt_error_t *err);

#endif
