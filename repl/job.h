/* A job: one command at the prompt whose work is done by engines. It keeps each engine's (or
 * item's) answer with its output and times until it is shown and forgotten. */
#ifndef JOB_H
#define JOB_H

#include "answer.h"
#include "client.h"
#include "stream.h"
#include "timing.h"

/* How what comes of a job is shown. */
typedef struct {
    bool apart; /* the answer of each engine by itself, not folded */
    bool diff;  /* how the answers differ */
    enum {
        STREAM_AFTER, /* output comes in windows when the job has run for a second */
        STREAM_AT_ONCE,
        STREAM_AT_END
    } stream;
    bool has_progress_after;
    double progress_after_s; /* then: instead of the session's */
} job_view_t;

/* One engine's, or one item's, part. */
typedef struct {
    int engine; /* -1: not assigned yet */
    bool done;
    unsigned status;
    char *host;         /* owned; of an item known with the result; NULL */
    char *cause;        /* owned; NULL: none is known */
    tt_frames_t frames; /* body, stdout, stderr, buffers */
    tt_buf_t early[2];  /* output that came ahead of the result */
    size_t shown[2];    /* bytes of its stdout and stderr that were shown while it ran, before
                           the present `stream` */
    uint64_t dropped_bytes;
    int64_t sent_ns; /* 0: not by this session */
    int64_t queue_ns, wait_ns, run_ns, done_ns;
} job_part_t;

struct session;

typedef struct job {
    int number;   /* its In number */
    char *source; /* what was typed */
    char *name;   /* of --name; NULL: none */
    bool map;     /* parts are items of a map */
    bool each;    /* parts are submitted one by one, as those of a map are */
    bool joined;  /* its values are bound end to end */
    bool px;      /* code of %px or %sh */
    bool scalar;  /* one integer target: its value is no list */
    bool one;     /* each value stands in an array of one */
    bool background;
    job_view_t view;
    stream_t *stream; /* owned; NULL: its output is shown when it is done */
    bool shown;       /* its answers have been shown */
    bool failed;      /* it did in the background, and was not tried again since */
    bool cancelled;
    bool adopted;  /* an earlier session's */
    uint64_t keep; /* the number under which it outlives the session; 0: it does not */
    int *engines;  /* that it was sent to, sorted; px only */
    size_t engine_count;
    job_part_t *parts;
    size_t part_count, left;
    uint64_t deed;      /* its number in the journal; 0: it has none */
    bool valued;        /* its values come without a repr: they are shown here */
    bool unordered;     /* its values are bound in the order in which they came */
    bool lenient;       /* items that failed are values: the job is not a failure */
    size_t outstanding; /* of `each`: parts under way */
    size_t submitted;   /* of `each`: handed to the client so far */
    size_t *again;      /* parts among them that no engine began: to be handed over once more */
    size_t again_count;
    int64_t started_ns, ended_ns;
    size_t kept; /* parts that were well before it was tried again, and their run time */
    int64_t kept_ns;
    bool done;
    tt_job_t **client_jobs; /* under way, by part when they are `each` (several parts in a row
                               may be one submission); else [0] */
    void (*feed)(struct job *); /* map: submits more items as results come; else NULL */
    /* Tells the feeder that a submission has ended: of so many parts, which ran so long, and
     * whether they wrote or displayed something. */
    void (*learn)(struct job *, size_t parts, int64_t run_ns, bool wrote);
    void *feeder;                 /* its state */
    void (*forget)(struct job *); /* releases it; NULL: there is none */
    /* Shows its values in a way of its own (without `show` it does only what else it is to do);
     * NULL: as others are. */
    void (*present)(struct session *, const struct job *, bool show, void *arg);
    void (*present_release)(void *arg);
    void *present_arg;
    void (*finished)(struct job *, void *arg);
    void *arg;
    bool *news;   /* set when it is done; NULL: nobody looks */
    char **names; /* to bind the result to; owned */
    size_t name_count;
    struct job *next;
} job_t;

job_t *job_new(int number, const char *source, size_t parts);
void job_destroy(job_t **self_p);
/* Fills in the hosts of the engines that parts are for, as far as the client knows them: output
 * that comes ahead of a result has a label, too. */
void job_name_hosts(job_t *self, const tt_client_t *client);

/* Handlers for tt_client_submit: for px the job is `arg`; for a map item `arg` is a job_item_t.
 */
extern const tt_job_handlers_t job_px_handlers;
extern const tt_job_handlers_t job_item_handlers;

typedef struct {
    job_t *job;
    size_t index; /* the first part */
    size_t count; /* set with its result */
} job_item_t;

/* The `arg` of the submission of one part, or of so many in a row; they are under way from now
 * on. It is freed with its end. */
job_item_t *job_item_new(job_t *job, size_t index, size_t count);
/* `client_job` is the submission of these parts. */
void job_item_is(job_t *self, size_t index, size_t count, tt_job_t *client_job);
/* An adopted job: it may be that a submission is of the parts behind its first one, too. */
void job_extend_items(job_t *self);
/* Whether the submission of this part is the one of the part before it, too. */
bool job_goes_together(const job_t *self, size_t index);
/* Whether there are parts that are not handed over. */
bool job_has_more(const job_t *self);

/* A result that came otherwise: of the part `index` of a map, else of result->engine. Its
 * frames are taken. */
void job_take_result(job_t *self, uint32_t index, tt_result_t *result);
/* An adopted job: ends the parts that nobody works on, whose answers went to the session that
 * is gone. */
void job_end_orphans(job_t *self);

/* Begins the parts that have not ended well anew: as if they had not been submitted. */
void job_reopen(job_t *self);

/* Ends what a map did not submit: its items are CANCELLED. */
void job_stop_feeding(job_t *self, const char *cause);

/* From now on (tt_now_ms) its output is shown while it runs; what has come is shown first.
 * Harmless when it is so already. */
void job_stream_start(job_t *self, int64_t now_ms);
/* No longer: what has not been shown is kept for job_answers. */
void job_stream_stop(job_t *self);
/* How many milliseconds until there is a window to show; -1: none is expected. */
int64_t job_stream_due(const job_t *self, int64_t now_ms);
/* Appends the window, if one is due. */
void job_stream_take(job_t *self, int64_t now_ms, const render_style_t *style, tt_buf_t *out,
                     tt_buf_t *err);

/* The part as an answer to show; it points into the job. `out` and `err` hold the joined
 * output. */
typedef struct {
    answer_t answer;
    tt_buf_t out, err;
} job_answer_t;

/* JOB_REST leaves out the output that windows have shown. */
typedef enum { JOB_WHOLE, JOB_REST } job_extent_t;

/* All answers, in target or item order; `count` of them. Free with job_answers_release. */
job_answer_t *job_answers(const job_t *self, job_extent_t extent, size_t *count);
void job_answers_release(job_answer_t **answers, size_t count);

/* How many parts have failed. */
size_t job_failed(const job_t *self);
/* Whether an engine has died of one of them, or of what went together with it. */
bool job_has_lost(const job_t *self);

/* The parts that have not ended, as members of a label (labels want them in order of id), and
 * how many. The caller's to free; hosts are borrowed. */
fold_member_t *job_missing(const job_t *self, size_t *count);

/* How it went so far, and how long it took. */
/* Where the time went of the parts that have ended so far. */
timing_split_t job_split(const job_t *self);
timing_t job_timing(const job_t *self);

#endif
