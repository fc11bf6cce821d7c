/* A thread with a client of a cluster: it takes orders and leaves events, and knows nothing of
 * Python. Used by _client.c. All functions may be called by any thread. */
#ifndef COURIER_H
#define COURIER_H

#include "../../share/client.h"

typedef enum {
    DO_SUBMIT,
    DO_CANCEL,
    DO_WITHDRAW,
    DO_FETCH,
    DO_BLOB,
    DO_ASK,
    DO_CLOSE
} order_kind_t;

/* What is wanted. */
typedef struct order {
    struct order *next;
    order_kind_t kind;
    uint64_t ticket;          /* the caller's number of a task or a request */
    tt_submit_t submit;       /* of SUBMIT; the engines of ASK */
    uint64_t *after, *follow; /* tickets; owned, as all below */
    uint8_t hash[16];
    char *label;
    int *engines;
    tt_frames_t frames;
    unsigned type; /* of ASK: the message */
    uint64_t number, count;
    uint8_t session[16]; /* of FETCH and of a question for records; `number`: of which task */
    bool named;          /* it names a session */
    uint64_t *numbers;   /* of records: of which tasks, `count`; NULL: of all */
    char *text;
} order_t;

typedef enum {
    EVENT_RESULT,
    EVENT_OUTPUT,
    EVENT_ENGINE,
    EVENT_ANSWER,
    EVENT_GONE
} event_kind_t;

/* What has happened. */
typedef struct event {
    struct event *next;
    event_kind_t kind;
    uint64_t ticket;
    bool last;       /* RESULT: there is no other one of this ticket */
    int64_t when_ns; /* Unix time */
    tt_result_t result;
    tt_frames_t frames;
    int number; /* the engine of OUTPUT; the message of ANSWER, -1: there is none */
    int stream;
    tt_engine_t *engine;
    char *text; /* of GONE; of ANSWER, when it was refused */
} event_t;

typedef struct courier courier_t;

/* Connects to the cluster of that name. Waits `timeout_ms` at most. NULL with the reason. */
courier_t *courier_new(const char *name, const char *program, int timeout_ms, tt_error_t *err);
/* Says goodbye and ends the thread, 0.5 s at most; what was not done yet is dropped. */
void courier_close(courier_t *self);
/* Frees what is left; closes it before. */
void courier_destroy(courier_t **self_p);

/* Whether the thread has ended. */
bool courier_over(courier_t *self);
/* The 16 bytes that name it in the controller's records. */
const uint8_t *courier_session(const courier_t *self);
const char *courier_directory(const courier_t *self);

order_t *order_new(order_kind_t kind, uint64_t ticket);
void order_destroy(order_t *self);
/* Hands it over; nothing comes of it when the courier is closed. */
void courier_send(courier_t *self, order_t *order);

/* Waits until there are events, `seconds` at most. Who is `eager` hears of them before those
 * who are not, and returns also when the generation is not `seen`. */
void courier_wait(courier_t *self, double seconds, bool eager, uint64_t seen);
/* All events that there are, in order; the caller's to destroy. */
event_t *courier_take(courier_t *self);
void event_destroy(event_t *self);
/* A number that changes with every event, and by courier_poke. */
uint64_t courier_generation(courier_t *self);
void courier_poke(courier_t *self);

#endif
