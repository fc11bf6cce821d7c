/* The inside of a client, for the files client*.c. */
#ifndef TT_CLIENT_PRIVATE_H
#define TT_CLIENT_PRIVATE_H

#include "bulk.h"
#include "client.h"
#include "exchange.h"
#include "map.h"

enum { TT_CLIENT_HASH = 16 };

typedef struct {
    uint8_t hash[TT_CLIENT_HASH];
    unsigned uses; /* by jobs that are not done */
    uint64_t used; /* when last, in submissions */
} tt_known_blob_t;

/* Big values between a job and the host of an engine. */
typedef struct {
    int engine;
    tt_giving_t giving; /* what it was submitted with */
    bool waits;         /* until that is a file */
    tt_taking_t taking; /* of a result */
    bool failed;        /* that is not taken: `why` */
    tt_error_t why;
} tt_end_t;

struct tt_job {
    tt_client_t *client;
    uint64_t id;
    tt_job_handlers_t handlers;
    void *arg;
    bool balanced;
    size_t left;
    int *waiting; /* direct: engines that have not answered */
    size_t waiting_count;
    uint64_t keep; /* 0: does not outlive us */
    uint32_t index;
    bool has_blob;
    uint8_t blob[TT_CLIENT_HASH];
    tt_frames_t bulk; /* what hosts want, in the order of `layout` */
    tt_layout_t layout;
    tt_spool_t *spool; /* `bulk` as a file, for hosts on this machine; NULL: none has asked */
    uint64_t spooled;  /* bytes of it that are there */
    uint64_t spool_timer; /* until all are */
    tt_end_t *ends;
    size_t end_count;
    uint64_t end_timer; /* of one that was never sent: `refusal`, or the controller is gone */
    const char *refusal;
};

/* A request under way: the loop fills it in. */
typedef struct {
    uint64_t id;
    bool done;
    tt_message_t *answer;
    tt_packet_t *reply;
} tt_pending_t;

struct tt_client {
    tt_loop_t *loop;
    void *context, *socket;
    tt_outbox_t *outbox;
    const tt_client_handlers_t *handlers;
    void *arg;
    uint8_t session[16];
    uint64_t next_id;
    bool registered, failed;
    bool far;      /* on another machine than the cluster */
    char why[512]; /* when failed */
    int error_code;
    int controller_pid, controller_fd;
    tt_map_t jobs;
    tt_exchanges_t exchanges;
    tt_roster_t roster;
    tt_known_blob_t *blobs;
    size_t blob_count;
    uint64_t submissions;
    tt_pending_t *pending; /* at most one: requests wait in turn */
    bool connected;        /* registered or failed: ends the wait of open */
    bool keeps;            /* has kept jobs, or adopted some */
    bool stays;            /* has submitted what goes on without it */
    bool leaving;          /* nothing is told any more; results of kept jobs are given back */
    size_t given_back;
    uint64_t received;    /* messages, since the beginning */
    size_t untold_bytes;  /* of what came for kept jobs since TAKEN was said */
    uint64_t taken_timer; /* when it is said at the latest */
    const tt_adopt_handlers_t *adopt;
    void *adopt_arg;
};

/* A message has come; while it has kept jobs a client says now and then that it has taken what
 * was sent for them: until then the controller keeps that, too. */
void tt_client_count(tt_client_t *self, const tt_message_t *message, const tt_packet_t *packet);

/* ---- client_bulk.c */

/* Keeps what of the payload is not to stand in its SUBMIT; its layout is appended to `packed`.
 */
void tt_client_split(tt_job_t *job, tt_frames_t *payload, tt_buf_t *packed);
void tt_client_on_want(tt_client_t *self, tt_message_t *message, tt_packet_t *packet);
void tt_client_on_data(tt_client_t *self, tt_message_t *message, tt_packet_t *packet);
/* Puts together a result that has a layout. One whose value did not come is refused, and says
 * why. */
void tt_client_join(tt_job_t *job, const tt_msg_result_t *got, tt_frames_t *payload,
                    tt_result_t *result);
void tt_client_release_bulk(tt_job_t *job);

/* Says goodbye and closes; what was sent has so long to leave. */
void tt_client_close_within(tt_client_t **self_p, int linger_ms);

#endif
