/* The messages of the wire: one table with number, name, direction, fields and payload.
 *
 * A message is one header frame, the MessagePack array [type, id, field ...], and payload
 * frames, which are forwarded unopened. Structs, encoding and decoding all come from the table
 * below; PROTOCOL.md tells what each means and is checked against it. C = client, K =
 * controller, H = host. */
#ifndef TT_MESSAGE_H
#define TT_MESSAGE_H

#include "buf.h"
#include "error.h"
#include "read.h"

enum { TT_WIRE_MAJOR = 1, TT_WIRE_MINOR = 1 }; /* from 1.1 on peers know parcels (packet.h) */

/* Fields by kind: UINT uint64_t, INT int64_t, TEXT str, BYTES bin, ANY one packed value. */
/* clang-format off */
#define TT_HELLO_FIELDS(F)                                                                    \
    F(UINT, major) F(UINT, minor) F(BYTES, uuid) F(UINT, epoch) F(TEXT, program)              \
    F(TEXT, host) F(TEXT, boot) F(INT, pid) F(INT, watch_pid) F(UINT, launch)                 \
    F(UINT, events) F(ANY, engines)
#define TT_WELCOME_FIELDS(F)                                                                  \
    F(UINT, major) F(UINT, minor) F(BYTES, uuid) F(UINT, epoch) F(TEXT, program)              \
    F(TEXT, host) F(TEXT, boot) F(INT, pid) F(TEXT, cluster) F(UINT, peer)
#define TT_REFUSE_FIELDS(F) F(UINT, major) F(UINT, minor) F(TEXT, text)
#define TT_NO_FIELDS(F)
#define TT_STOP_FIELDS(F) F(UINT, force)
#define TT_TEXT_FIELDS(F) F(TEXT, text)
#define TT_ERROR_FIELDS(F) F(UINT, code) F(TEXT, text)
#define TT_BEAT_FIELDS(F)                                                                    \
    F(UINT, sent_ns) F(UINT, rss_bytes) F(ANY, running) F(UINT, look) F(ANY, load)
#define TT_SUBMIT_FIELDS(F)                                                                   \
    F(UINT, op) F(ANY, engines) F(BYTES, blob) F(TEXT, label) F(UINT, retries)                \
    F(UINT, timeout_ms) F(UINT, flags) F(UINT, keep) F(UINT, index) F(ANY, layout)            \
    F(ANY, after) F(ANY, follow) F(UINT, born)
#define TT_RESULT_FIELDS(F)                                                                   \
    F(INT, engine) F(UINT, attempt) F(UINT, status) F(UINT, queue_ns) F(UINT, wait_ns)        \
    F(INT, run_ns) F(UINT, dropped_bytes) F(TEXT, cause) F(TEXT, host) F(ANY, layout)
#define TT_OUTPUT_FIELDS(F) F(INT, engine) F(UINT, stream) F(TEXT, host)
#define TT_CANCEL_FIELDS(F) F(ANY, engines) F(UINT, waiting)
#define TT_ENGINES_FIELDS(F) F(ANY, engines)
#define TT_HASH_FIELDS(F) F(BYTES, hash)
#define TT_EVENT_FIELDS(F)                                                                    \
    F(UINT, kind) F(INT, engine) F(UINT, state) F(TEXT, host) F(TEXT, language)               \
    F(TEXT, version) F(TEXT, program) F(INT, pid) F(TEXT, text) F(TEXT, labels) F(UINT, born)
#define TT_LAUNCH_FIELDS(F)                                                                   \
    F(TEXT, launcher) F(UINT, count) F(TEXT, language) F(TEXT, program) F(ANY, args)          \
    F(TEXT, directory) F(ANY, environment) F(UINT, grace_ms) F(UINT, total) F(ANY, settings) \
    F(UINT, nice) F(UINT, memory_bytes) F(TEXT, labels)
#define TT_ACTION_FIELDS(F) F(UINT, action) F(ANY, engines) F(UINT, signal)
#define TT_KEEP_FIELDS(F) F(UINT, keep) F(BYTES, meta)
#define TT_TAKEN_FIELDS(F) F(UINT, count)
#define TT_RECORDS_FIELDS(F) F(BYTES, session) F(ANY, numbers) F(UINT, forget)
#define TT_FETCH_FIELDS(F) F(BYTES, session) F(UINT, number)
#define TT_STORE_FIELDS(F)                                                                    \
    F(UINT, keep) F(UINT, index) F(INT, engine) F(UINT, attempt) F(UINT, status)              \
    F(UINT, queue_ns) F(UINT, wait_ns) F(INT, run_ns) F(UINT, dropped_bytes) F(TEXT, cause)   \
    F(TEXT, host)
#define TT_SPAWN_FIELDS(F)                                                                    \
    F(ANY, engines) F(TEXT, language) F(TEXT, program) F(ANY, args) F(TEXT, directory)        \
    F(ANY, environment) F(UINT, nice) F(UINT, memory_bytes) F(TEXT, labels)
#define TT_ENGINE_FIELDS(F)                                                                   \
    F(INT, engine) F(UINT, state) F(INT, pid) F(TEXT, language) F(TEXT, version)              \
    F(TEXT, program) F(TEXT, text)
#define TT_PUT_FIELDS(F)                                                                      \
    F(TEXT, host) F(TEXT, directory) F(TEXT, name) F(UINT, size) F(UINT, mode) F(BYTES, hash)
#define TT_LIST_FIELDS(F) F(TEXT, host) F(TEXT, pattern)
#define TT_GET_FIELDS(F) F(TEXT, host) F(TEXT, path) F(BYTES, hash)
#define TT_CHUNK_FIELDS(F) F(UINT, offset)
#define TT_CREDIT_FIELDS(F) F(UINT, taken)
#define TT_FILED_FIELDS(F)                                                                    \
    F(UINT, outcome) F(TEXT, path) F(UINT, size) F(UINT, mode) F(BYTES, hash) F(TEXT, text)
#define TT_TASK_FIELDS(F)                                                                     \
    F(UINT, op) F(ANY, engines) F(BYTES, blob) F(UINT, attempt) F(UINT, timeout_ms)           \
    F(UINT, flags) F(ANY, layout) F(INT, pid)
#define TT_DATA_FIELDS(F)                                                                     \
    F(INT, engine) F(UINT, offset) F(UINT, total) F(TEXT, text) F(INT, pid) F(INT, fd)        \
    F(UINT, inode)
#define TT_WANT_FIELDS(F) F(INT, engine) F(UINT, taken) F(UINT, near)
/* clang-format on */

/* Name, struct, number, direction, fields, payload frames. HELLO, WELCOME, REFUSE, STATUS, STOP
 * and their answers are frozen: their numbers and fields never change. */
#define TT_MESSAGES(M)                                                                         \
    M(HELLO, hello, 1, "CH>K", TT_HELLO_FIELDS, "")                                            \
    M(WELCOME, welcome, 2, "K>CH", TT_WELCOME_FIELDS, "")                                      \
    M(REFUSE, refuse, 3, "K>CH", TT_REFUSE_FIELDS, "")                                         \
    M(WHO, who, 4, "K>CH", TT_NO_FIELDS, "")                                                   \
    M(STATUS, status, 5, "C>K", TT_NO_FIELDS, "")                                              \
    M(REPORT, report, 6, "K>C", TT_NO_FIELDS, "map")                                           \
    M(STOP, stop, 7, "C>K>H", TT_STOP_FIELDS, "")                                              \
    M(STOPPED, stopped, 8, "K>C", TT_TEXT_FIELDS, "")                                          \
    M(ERROR, error, 9, "*", TT_ERROR_FIELDS, "")                                               \
    M(BYE, bye, 10, "CH>K", TT_TEXT_FIELDS, "")                                                \
    M(BEAT, beat, 11, "H>K>H", TT_BEAT_FIELDS, "")                                             \
    M(SUBMIT, submit, 20, "C>K", TT_SUBMIT_FIELDS, "args, buffer ...")                         \
    M(RESULT, result, 21, "H>K>C", TT_RESULT_FIELDS, "body, stdout, stderr, buffer ...")       \
    M(OUTPUT, output, 22, "H>K>C", TT_OUTPUT_FIELDS, "bytes")                                  \
    M(CANCEL, cancel, 23, "C>K>H", TT_CANCEL_FIELDS, "")                                       \
    M(INTERRUPT, interrupt, 24, "C>K>H", TT_ENGINES_FIELDS, "")                                \
    M(BLOB, blob, 25, "C>K>H", TT_HASH_FIELDS, "bytes")                                        \
    M(DROP, drop, 26, "C>K>H", TT_HASH_FIELDS, "")                                             \
    M(EVENT, event, 27, "K>C", TT_EVENT_FIELDS, "")                                            \
    M(LAUNCH, launch, 28, "C>K", TT_LAUNCH_FIELDS, "")                                         \
    M(ACTION, action, 29, "C>K>H", TT_ACTION_FIELDS, "")                                       \
    M(DONE, done, 30, "K>C", TT_ENGINES_FIELDS, "")                                            \
    M(KEEP, keep, 31, "C>K", TT_KEEP_FIELDS, "")                                               \
    M(STORE, store, 32, "C>K>C", TT_STORE_FIELDS, "body, stdout, stderr, buffer ...")          \
    M(LEAVE, leave, 33, "C>K", TT_TEXT_FIELDS, "")                                             \
    M(ADOPT, adopt, 34, "C>K", TT_NO_FIELDS, "")                                               \
    M(ADOPTED, adopted, 35, "K>C", TT_NO_FIELDS, "job ...")                                    \
    M(REMOVE, remove, 36, "C>K", TT_TEXT_FIELDS, "")                                           \
    M(TAKEN, taken, 37, "C>K", TT_TAKEN_FIELDS, "")                                            \
    M(RECORDS, records, 38, "C>K", TT_RECORDS_FIELDS, "")                                      \
    M(FETCH, fetch, 39, "C>K", TT_FETCH_FIELDS, "")                                            \
    M(SPAWN, spawn, 40, "K>H", TT_SPAWN_FIELDS, "")                                            \
    M(ENGINE, engine, 41, "H>K", TT_ENGINE_FIELDS, "")                                         \
    M(TASK, task, 42, "K>H", TT_TASK_FIELDS, "args, buffer ...")                               \
    M(RECALL, recall, 43, "K>H", TT_ENGINES_FIELDS, "")                                        \
    M(RETURNED, returned, 44, "H>K", TT_ENGINES_FIELDS, "")                                    \
    M(DATA, data, 45, "CH>K>HC", TT_DATA_FIELDS, "bytes")                                      \
    M(WANT, want, 46, "CH>K>HC", TT_WANT_FIELDS, "")                                           \
    M(PUT, put, 50, "C>K>H", TT_PUT_FIELDS, "")                                                \
    M(GET, get, 51, "C>K>H", TT_GET_FIELDS, "")                                                \
    M(LIST, list, 52, "C>K>H", TT_LIST_FIELDS, "")                                             \
    M(LISTED, listed, 53, "H>K>C", TT_TEXT_FIELDS, "array")                                    \
    M(CHUNK, chunk, 54, "CH>K>HC", TT_CHUNK_FIELDS, "bytes")                                   \
    M(CREDIT, credit, 55, "CH>K>HC", TT_CREDIT_FIELDS, "")                                     \
    M(FILED, filed, 56, "H>K>C", TT_FILED_FIELDS, "")                                          \
    M(ABORT, abort, 57, "C>K>H", TT_NO_FIELDS, "")

typedef enum {
#define TT_MESSAGE_ENUM(NAME, name, number, way, fields, frames) TT_MSG_##NAME = number,
    TT_MESSAGES(TT_MESSAGE_ENUM)
#undef TT_MESSAGE_ENUM
} tt_message_type_t;

typedef uint64_t tt_field_UINT_t;
typedef int64_t tt_field_INT_t;
typedef tt_span_t tt_field_TEXT_t; /* UTF-8, not terminated */
typedef tt_span_t tt_field_BYTES_t;
typedef tt_span_t tt_field_ANY_t; /* one packed value; empty: nil */

#define TT_MESSAGE_MEMBER(kind, name) tt_field_##kind##_t name;
#define TT_MESSAGE_STRUCT(NAME, name, number, way, fields, frames)                             \
    typedef struct {                                                                           \
        fields(TT_MESSAGE_MEMBER)                                                              \
    } tt_msg_##name##_t;
TT_MESSAGES(TT_MESSAGE_STRUCT)
#undef TT_MESSAGE_STRUCT

typedef struct {
    unsigned type;
    uint64_t id; /* of the request that this is or answers; 0 for none */
    union {
#define TT_MESSAGE_UNION(NAME, name, number, way, fields, frames) tt_msg_##name##_t name;
        TT_MESSAGES(TT_MESSAGE_UNION)
#undef TT_MESSAGE_UNION
    } as;
} tt_message_t;

/* A WANT that takes no more of a value: it is not needed. */
#define TT_WANT_NOTHING UINT64_MAX

/* States of an engine, on the wire and in `tutti status`. */
/* clang-format off */
#define TT_ENGINE_STATES(S)                                                                   \
    S(STARTING, 0, "starting") S(READY, 1, "ready") S(RESTARTING, 2, "restarting")            \
    S(FAILED, 3, "failed") S(LOST, 4, "lost") S(GONE, 5, "gone") S(STOPPED, 6, "stopped")
/* clang-format on */
typedef enum {
#define TT_STATE_ENUM(name, number, text) TT_ENGINE_##name = number,
    TT_ENGINE_STATES(TT_STATE_ENUM)
#undef TT_STATE_ENUM
} tt_engine_state_t;
const char *tt_engine_state_text(unsigned state);

/* SUBMIT flags. */
enum {
    TT_SUBMIT_BALANCED = 1, /* any one of the engines (nil: any) does it, instead of each */
    TT_SUBMIT_NOW = 2,      /* waits for nothing: an engine that is busy refuses it, or its host
                               answers for it */
    TT_SUBMIT_STAYS = 4     /* goes on when its client has gone; recorded under its index */
};

/* Ids of tasks and numbers of kept jobs that the controller has chosen have this bit, so that
 * they never meet a client's own. */
#define TT_ID_ADOPTED ((uint64_t)1 << 63)

/* What KEEP and STORE may say. */
enum { TT_KEEP_META_MAX = 64 << 10 };
#define TT_KEEP_INDEX_MAX ((uint64_t)UINT32_MAX)

/* What RECORDS asks to be done with them; END is of what goes on without a client. */
enum { TT_RECORDS_TELL = 0, TT_RECORDS_FORGET = 1, TT_RECORDS_END = 2 };

/* Kinds of EVENT. */
enum { TT_EVENT_ENGINE = 1, TT_EVENT_HOST = 2 };

/* What a FILED tells of a PUT or GET. */
enum {
    TT_FILE_FAILED = 0, /* it has ended; `text` says why */
    TT_FILE_BEGUN = 1,  /* chunks may be sent, or come */
    TT_FILE_SAME = 2,   /* it has ended: the other side has these contents already */
    TT_FILE_DONE = 3    /* it has ended: all is there, and has this hash */
};

/* Bytes of a chunk at most, and of a file's hash (BLAKE2b). */
enum { TT_CHUNK_MAX = 64 << 10, TT_FILE_HASH_LEN = 32 };

/* What an ACTION does to engines. */
enum { TT_ACTION_RESTART = 1, TT_ACTION_END = 2, TT_ACTION_RETIRE = 3, TT_ACTION_SIGNAL = 4 };

/* The table's row of a message, for those who need its name ("HELLO") or direction. NULL when
 * the number is unknown. */
typedef struct {
    unsigned number;
    const char *name;
    const char *way;
} tt_message_info_t;
const tt_message_info_t *tt_message_info(unsigned type);

/* Replaces the contents of `out` by the header of `message`. */
void tt_message_pack(tt_buf_t *out, const tt_message_t *message);

/* Reads a header. Returns 0; or -1 with the reason when it is malformed, when a field is of a
 * wrong kind, or when the type is unknown (then `type` and `id` are set all the same, so that
 * the error can be answered). Texts and bytes point into `header`. */
int tt_message_read(tt_message_t *self, tt_span_t header, tt_error_t *err);

/* Engine lists, as ANY fields carry them: an array of ints. Reading returns how many there are
 * and a fresh array in `ids` (the caller's, to free), or -1; nil reads as 0 with `*all` true
 * when `all` is not NULL. */
void tt_ids_pack(tt_buf_t *out, const int *ids, size_t count);
int tt_ids_read(tt_span_t any, int **ids, bool *all);

/* Sorts ids and drops what is there twice; returns how many are left. */
size_t tt_ids_sort(int *ids, size_t count);

/* Copies a text field into a zero-terminated array, cut to fit. */
char *tt_text_copy(tt_span_t text, char *out, size_t size);

/* The message with type and id set and all fields zero. */
tt_message_t tt_message(unsigned type, uint64_t id);

#endif
