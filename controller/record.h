/* What the controller remembers of tasks: who submitted each, how each engine's part went, and
 * what little results may be asked for by somebody else (fetch.h). In three rows: those that
 * have not ended; those whose client lived when they did, so that it has their results; those
 * that ended without one, and whose results are here only. The latter two are bounded by bytes:
 * the oldest goes first. */
#ifndef RECORD_H
#define RECORD_H

#include "map.h"
#include "packet.h"

enum {
    RECORDS_CAP_BYTES = 1 << 20,       /* of those whose client has the results */
    RECORDS_LEFT_CAP_BYTES = 64 << 20, /* of those that ended without a client */
    RECORDS_RESULT_BYTES = 4096, /* of a result that its client has: a larger one is not kept */
    RECORDS_SESSION = 16,        /* bytes that name a client */
    REASONS_MAX = 200
};

/* What one engine answered, in one block. */
typedef struct {
    uint64_t dropped_bytes;
    bool whole; /* its frames are here */
    uint32_t cause_len, host_len;
    uint32_t count; /* of frames */
    uint32_t *len;  /* of each */
    uint8_t *bytes; /* cause, host, frames */
    size_t size;    /* of the block */
} answer_t;

/* One engine's part of a task. */
typedef struct {
    int engine_id; /* -1: none has had it */
    unsigned status, attempt;
    uint64_t born; /* of the process that had it */
    double ended;  /* Unix time; 0: it has not */
    uint64_t queue_ns, wait_ns;
    int64_t run_ns;
    answer_t *answer;     /* NULL until it has ended */
    tt_buf_t *written[2]; /* ahead of its result: stdout, stderr; NULL: nothing */
    uint64_t unwritten;   /* bytes of it that were not kept */
} record_part_t;

typedef enum { RECORD_PENDING, RECORD_SEEN, RECORD_LEFT, RECORD_ROWS } record_row_t;

typedef struct record {
    struct record *next, *prev;
    record_row_t row;
    uint8_t session[RECORDS_SESSION];
    uint64_t number; /* of the client's choice */
    uint64_t task;   /* ours */
    unsigned op;
    bool balanced;
    double submitted;   /* Unix time */
    bool alone;         /* a part ended without a client */
    size_t bytes, held; /* in all; of answers and output */
    size_t count, left;
    record_part_t *parts;
    char *label;
} record_t;

typedef struct {
    struct {
        record_t *first, *last; /* the oldest, the newest */
        size_t count, bytes, held;
    } rows[RECORD_ROWS];
    tt_map_t by_name;
    uint64_t total; /* that ever ended */
} records_t;

/* A task begins: `count` parts, whose engines are still to be set. It is pending. */
record_t *records_begin(records_t *self, const uint8_t session[RECORDS_SESSION],
                        uint64_t number, uint64_t task, const char *label, size_t count);
/* What a part has written ahead of its result: kept if it is little, or `left`: nobody else has
 * it. False: it is not kept. */
bool records_written(records_t *self, record_t *record, size_t i, int stream, tt_span_t bytes,
                     bool left);
/* Its part has ended. Frames are copied: all when `left`, else when they are few. The last one
 * ends the record, which may be forgotten at once. */
void records_end(records_t *self, record_t *record, size_t i, const tt_msg_result_t *result,
                 uint64_t born, const tt_frames_t *payload, bool left);
/* The result of a part that has ended, as its client got it. Texts are the record's. */
tt_message_t records_result(const record_part_t *part, uint64_t id, tt_frames_t *payload);

record_t *records_find(const records_t *self, const uint8_t session[RECORDS_SESSION],
                       uint64_t number);
/* Forgets one that has ended. */
void records_forget(records_t *self, record_t *record);
size_t records_bytes(const records_t *self);
void records_release(records_t *self);

typedef struct {
    double when; /* Unix time */
    int engine;  /* -1: a host */
    char host[256];
    char text[256];
} reason_t;

typedef struct {
    reason_t items[REASONS_MAX]; /* a ring */
    size_t count, next;
} reasons_t;

void reasons_add(reasons_t *self, int engine, const char *host, const char *text);
/* The i-th oldest that is kept. */
const reason_t *reasons_get(const reasons_t *self, size_t i);

/* Unix time, seconds. */
double record_now(void);

#endif
