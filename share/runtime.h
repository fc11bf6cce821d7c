/* The runtime protocol's frames: what an engine host (or the prompt) and an interpreter say to
 * each other over one stream socket. PROTOCOL.md, "The runtime protocol". Both ends use this
 * file.
 *
 * A message is a 4-byte little-endian length, a header of that many bytes (one MessagePack
 * array [type, seq, [size ...], field ...]) and then the payload frames, whose sizes the header
 * gives. Instead of a size there may be [offset, size]: that frame lies in a spool, whose
 * descriptor comes with the message's first byte. */
#ifndef TT_RUNTIME_H
#define TT_RUNTIME_H

#include "buf.h"
#include "error.h"
#include "read.h"
#include "spool.h"

enum { TT_RT_MAJOR = 1, TT_RT_MINOR = 0 };

/* The inherited descriptors of a runtime; 0 is /dev/null, 1 and 2 are pipes to the host. */
enum { TT_RT_SOCKET_FD = 3, TT_RT_PAGE_FD = 4 };

/* Name, number, direction (H: host to runtime, R: runtime to host), fields, frames.
 * Numbers are never reused. 1-31 are tasks: each is answered by one RESULT with the same seq.
 */
#define TT_RT_MESSAGES(M)                                                                      \
    M(EXECUTE, 1, "H", "", "[code, file, flags]")                                              \
    M(CALL, 2, "H", "", "[hash, args, kwargs], buffer ...")                                    \
    M(GET, 3, "H", "", "[[expr ...], how]")                                                    \
    M(SET, 4, "H", "", "[name, kind, [count ...], meta], group ...")                           \
    M(CHECK, 5, "H", "", "[code]")                                                             \
    M(COMPLETE, 6, "H", "", "[code, position]")                                                \
    M(INSPECT, 7, "H", "", "[expr, detail]")                                                   \
    M(RESET, 8, "H", "", "[]")                                                                 \
    M(SYNC, 9, "H", "", "[]")                                                                  \
    M(START, 32, "H", "engine cluster", "")                                                    \
    M(STOP, 33, "H", "", "")                                                                   \
    M(BLOB, 34, "H", "hash", "bytes")                                                          \
    M(DROP, 35, "H", "hash", "")                                                               \
    M(ANSWER, 36, "H", "status", "body, buffer ...")                                           \
    M(HELLO, 64, "R", "major minor language version program pid features", "")                 \
    M(RESULT, 65, "R", "status run_ns [out_start out_end err_start err_end]",                  \
      "body, buffer ...")                                                                      \
    M(ASK, 66, "R", "what text", "")                                                           \
    M(LOG, 67, "R", "text", "")

typedef enum {
#define TT_RT_ENUM(name, number, way, fields, frames) TT_RT_##name = number,
    TT_RT_MESSAGES(TT_RT_ENUM)
#undef TT_RT_ENUM
} tt_rt_type_t;

enum { TT_RT_TASK_MAX = 31 };

/* EXECUTE flags. */
enum {
    TT_EXECUTE_VALUE = 1,    /* send the last expression's value, not only its repr */
    TT_EXECUTE_QUIET = 2,    /* no repr */
    TT_EXECUTE_SHELL = 4,    /* a command of the shell, whatever the language */
    TT_EXECUTE_MAGIC = 8,    /* may hold magics that the language does by itself (%cd, %time) */
    TT_EXECUTE_TERMINAL = 16 /* of the local engine: it owns the terminal meanwhile */
};

/* HELLO features. */
enum {
    TT_FEATURE_PAGE = 1,   /* keeps the task word and output offsets: may be sent tasks ahead */
    TT_FEATURE_REVOKE = 2, /* starts no task that the page revokes */
    TT_FEATURE_SPOOL = 4   /* takes frames that lie in a spool */
};

/* How a task ended. Results on the wire carry these numbers too; 0-2 and 6 come from runtimes,
 * and 4 for a task that was revoked. */
#define TT_STATUSES(S)                                                                         \
    S(OK, 0, "ok")                                                                             \
    S(ERROR, 1, "error")             /* user code failed; the body's error tells */            \
    S(INTERRUPTED, 2, "interrupted") /* ended by an interrupt that was meant for it */         \
    S(LOST, 3, "lost")               /* it had started on an engine that is gone */            \
    S(CANCELLED, 4, "cancelled")     /* it never started */                                    \
    S(TIMEOUT, 5, "timeout")         /* interrupted at its limit */                            \
    S(REFUSED, 6, "refused")         /* could not be done at all; the cause tells */           \
    S(UNKNOWN, 7, "may have run")    /* host or link lost after it was sent ahead */

typedef enum {
#define TT_STATUS_ENUM(name, number, text) TT_STATUS_##name = number,
    TT_STATUSES(TT_STATUS_ENUM)
#undef TT_STATUS_ENUM
} tt_status_t;

/* The text of a status; "?" for a number that has none. */
const char *tt_status_text(unsigned status);

/* The name of a message type in lower case ("execute"), NULL when unknown. */
const char *tt_rt_name(unsigned type);

enum { TT_RT_HEADER_LIMIT = 64 << 20, TT_RT_FRAMES_LIMIT = 1 << 20 };

typedef struct {
    unsigned type;
    uint32_t seq;
    tt_reader_t fields; /* behind the sizes */
    tt_span_t *frames;  /* owned by the message; each points into the parsed bytes, but those
                           of a spool, which are empty until they are filled in */
    size_t frame_count;
    tt_layout_t layout; /* where they are; .bytes > 0: some are in a spool */
    tt_spool_t *spool;  /* which; put here by whoever has received it, and released with it */
} tt_rt_message_t;

/* An empty message to parse into, again and again; release frees its frame table. */
void tt_rt_message_init(tt_rt_message_t *self);
void tt_rt_message_release(tt_rt_message_t *self);

/* Parses the message at the start of `bytes`. Returns 1 and its whole length in `used`; 0 when
 * it is not complete yet (then `used` is how many bytes are needed in all, as far as is known);
 * or -1 with the reason. `max_bytes` bounds header and frames together. */
int tt_rt_parse(tt_rt_message_t *self, tt_span_t bytes, size_t max_bytes, size_t *used,
                tt_error_t *err);

/* Takes the descriptor that came with a message whose layout has a spool: it is released with
 * the next parse or the message. Returns 0, or -1 with the reason: it is no such file. */
int tt_rt_open_spool(tt_rt_message_t *self, int fd, tt_error_t *err);
/* Points the frames of the spool into its memory. Returns 0, or -1 with the reason. */
int tt_rt_map_spool(tt_rt_message_t *self, tt_error_t *err);

/* Appends length and header for a message with these frame sizes; `fields` holds `field_count`
 * packed values. The frames themselves are the caller's to send behind it. */
void tt_rt_pack(tt_buf_t *out, unsigned type, uint32_t seq, const size_t *sizes,
                size_t size_count, tt_span_t fields, size_t field_count);
/* The same for frames of which some lie in a spool. */
void tt_rt_pack_spooled(tt_buf_t *out, unsigned type, uint32_t seq, const tt_layout_t *layout,
                        tt_span_t fields, size_t field_count);

#endif
