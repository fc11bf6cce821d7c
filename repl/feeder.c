/* Handing items over. See feeder.h. */
#include "feeder.h"

#include "keep.h"
#include "pack.h"

#include <stdlib.h>
#include <string.h>

enum {
    OUTSTANDING_MAX = 4096,
    CHUNK_MAX = 1000000, /* items of a submission, as a person may wish */
    BATCH_MAX = 50000,   /* and as we do */
    BATCH_BYTES = 1 << 19,
    BATCH_NS = 5000000, /* that it is to take */
    BATCH_GROWTH = 8,   /* times the one before, at most */
    BATCHES_EACH = 2,   /* under way for each engine */
    KNOWN_MS = 20       /* items of which none has ended by then go alone */
};

/* The client's numbers of submissions. */
typedef struct {
    uint64_t *items;
    size_t count;
} ids_t;

struct feeder {
    session_t *session;
    feeder_work_t work;
    char magic[32]; /* for messages */
    uint8_t hash[GIVEN_HASH];
    int *targets; /* that may do it */
    size_t target_count;
    int *engines; /* of these, those that have what was sent before */
    size_t engine_count;
    uint64_t born; /* how late they may be born; 0: that does not matter */
    bool any;      /* all targets do it */
    bool direct;   /* each item has its engine beforehand */
    unsigned retries;
    uint64_t timeout_ms;
    size_t outstanding_max;
    size_t chunk;         /* items of a submission, as the person wishes; 0: as below */
    bool batches;         /* short items go together */
    bool alone;           /* not even so many: an engine has died of one of them */
    int64_t each_ns;      /* that an item takes; -1: unknown */
    size_t batch;         /* items of the last submission */
    size_t under_way;     /* submissions */
    uint64_t known_timer; /* until it is at least known that items take long */
    ids_t after, follow;  /* what must have ended well before an item starts */
};

/* ---- options */

/* How the items find their engines. */
static int read_way(feeder_t *self, const magic_call_t *call)
{
    self->direct = words_has(&call->words, "direct");
    if (self->direct && words_has(&call->words, "lb"))
        return session_complain(self->session, self->magic, 2,
                                "takes --direct or --lb, not both");
    if (self->direct && words_has(&call->words, "retries"))
        return session_complain(self->session, self->magic, 2,
                                "--retries is for items that any engine may do, not --direct");
    return 0;
}

/* An option that is a whole number. */
static int read_number(feeder_t *self, const magic_call_t *call, const char *option, long least,
                       long most, long *value)
{
    const char *text = words_value(&call->words, option);
    char *end = NULL;
    if (text == NULL)
        return 0;
    *value = strtol(text, &end, 10);
    if (*end || end == text || *value < least || *value > most)
        return session_complain(self->session, self->magic, 2,
                                "--%s takes %ld to %ld, not '%s'", option, least, most, text);
    return 0;
}

static int read_numbers(feeder_t *self, const magic_call_t *call)
{
    long retries = 0, outstanding = OUTSTANDING_MAX, chunk = 0;
    int status = read_number(self, call, "retries", 0, 10, &retries);
    if (status == 0)
        status = read_number(self, call, "max-outstanding", 1, 1000000, &outstanding);
    if (status == 0)
        status = read_number(self, call, "chunk", 1, CHUNK_MAX, &chunk);
    self->retries = (unsigned)retries;
    self->outstanding_max = (size_t)outstanding;
    self->chunk = (size_t)chunk;
    return status;
}

/* The engines that may do it: those of the local language among the targets. */
static int choose_engines(feeder_t *self, const magic_call_t *call, bool any_language)
{
    session_t *session = self->session;
    magic_targets_t targets;
    size_t kept = 0;
    int status = magic_get_targets(session, call, &targets);
    if (status != 0)
        return status;
    magic_keep_ours(session, &targets);
    for (size_t i = 0; i < targets.count; i++) {
        const tt_engine_t *engine = tt_client_engine(session->client, targets.ids[i]);
        if (any_language || (engine && strcmp(engine->language, session->language) == 0))
            targets.ids[kept++] = targets.ids[i];
    }
    self->targets = targets.ids;
    self->target_count = kept;
    if (kept == 0)
        return session_complain(session, self->magic, 2, "none of the targets is a %s engine",
                                session->language);
    return 0;
}

/* Adds the submissions of a job that is to end first. Its parts that have ended well are behind
 * us; one that has not means that nothing of this can start. */
static int add_job(feeder_t *self, job_t *job, ids_t *ids)
{
    session_t *session = self->session;
    size_t count = job->each ? job->part_count : 1;
    for (size_t i = 0; i < job->part_count; i++)
        if (job->parts[i].done && job->parts[i].status != TT_STATUS_OK)
            return session_complain(session, self->magic, 1,
                                    "job %d has failed: what comes after it does not start",
                                    job->number);
    feeder_hand_over(job);
    ids->items = tt_realloc(ids->items, (ids->count + count + 1) * sizeof *ids->items);
    for (size_t i = 0; i < count && !job->done; i++) {
        if (job_goes_together(job, i))
            continue;
        if (job->client_jobs[i])
            ids->items[ids->count++] = tt_job_id(job->client_jobs[i]);
        else if (job->each && !job->parts[i].done)
            return session_complain(
                session, self->magic, 2,
                "job %d has items that are not handed over yet: wait for it", job->number);
    }
    return 0;
}

/* Of a job that has ended its engines are those to go to. */
static int narrow(feeder_t *self, const job_t *job)
{
    size_t kept = 0;
    for (size_t i = 0; i < self->target_count; i++)
        for (size_t p = 0; p < job->part_count; p++)
            if (job->parts[p].engine == self->targets[i]) {
                self->targets[kept++] = self->targets[i];
                break;
            }
    self->target_count = kept;
    return kept > 0 ? 0
                    : session_complain(self->session, self->magic, 2,
                                       "none of the targets has done job %d", job->number);
}

/* `--after 3,5`, `--follow 3`: numbers or names of jobs. */
static int read_jobs(feeder_t *self, const magic_call_t *call, const char *option, ids_t *ids)
{
    const char *at = words_value(&call->words, option);
    int status = 0;
    while (at && status == 0 && *(at += strspn(at, ", \t"))) {
        job_t *job = magic_find_job(self->session, self->magic, at);
        status = job ? add_job(self, job, ids) : 2;
        if (status == 0 && job->done && ids == &self->follow)
            status = narrow(self, job);
        at += strcspn(at, ", \t");
    }
    return status;
}

feeder_t *feeder_new(session_t *session, const magic_call_t *call, bool any_language,
                     int *status)
{
    feeder_t *self = tt_alloc(sizeof *self);
    self->session = session;
    snprintf(self->magic, sizeof self->magic, "%%%s", call->magic->name);
    self->any = words_has(&call->words, "any");
    *status = magic_timeout(session, call, &self->timeout_ms);
    if (*status == 0)
        *status = read_way(self, call);
    if (*status == 0)
        *status = read_numbers(self, call);
    if (*status == 0)
        *status = choose_engines(self, call, any_language);
    if (*status == 0)
        *status = read_jobs(self, call, "after", &self->after);
    if (*status == 0)
        *status = read_jobs(self, call, "follow", &self->follow);
    if (*status != 0)
        feeder_destroy(&self);
    return self;
}

void feeder_destroy(feeder_t **self_p)
{
    feeder_t *self = *self_p;
    if (self == NULL)
        return;
    tt_loop_cancel_timer(self->session->loop, self->known_timer);
    if (self->work.release)
        self->work.release(self->work.state);
    free(self->work.function);
    free(self->targets);
    free(self->engines);
    free(self->after.items);
    free(self->follow.items);
    free(self);
    *self_p = NULL;
}

/* ---- handing items over */

/* The engine of an item that is dealt out: contiguous parts in the order of the engines, the
 * first ones longer by one item where they cannot be equal. */
static const int *dealt_to(const feeder_t *self, size_t index, size_t count)
{
    size_t least = count / self->engine_count, longer = count % self->engine_count;
    size_t in_longer = longer * (least + 1);
    if (index < in_longer)
        return &self->engines[index / (least + 1)];
    return &self->engines[longer + (index - in_longer) / least];
}

/* [hash, [item ...], true] */
static void pack_batch(feeder_t *self, size_t index, size_t count, tt_buf_t *args)
{
    tt_pack_array(args, 3);
    tt_pack_bin(args, self->hash, GIVEN_HASH);
    tt_pack_array(args, count);
    for (size_t i = 0; i < count; i++)
        tt_pack_raw(args, self->work.item(self->work.state, index + i));
    tt_pack_bool(args, true);
}

/* One item, or several in a row. */
static void submit_items(job_t *job, feeder_t *self, size_t index, size_t count)
{
    tt_buf_t args;
    tt_frames_t frames, buffers;
    tt_buf_init(&args);
    tt_frames_init(&frames);
    tt_frames_init(&buffers);
    if (count > 1)
        pack_batch(self, index, count, &args);
    else
        self->work.pack(self->work.state, index, self->hash, &args, &buffers);
    tt_frames_take_buf(&frames, &args);
    tt_frames_share_all(&frames, &buffers);
    tt_frames_release(&buffers);
    tt_buf_release(&args);
    tt_submit_t submit = {.op = self->work.op,
                          .balanced = true,
                          .keep = job->keep,
                          .index = (uint32_t)index,
                          .engines = self->engines,
                          .engine_count = self->engine_count,
                          .blob = self->work.function ? self->hash : NULL,
                          .label = job->source,
                          .retries = self->retries,
                          .timeout_ms = self->timeout_ms,
                          .after = self->after.items,
                          .after_count = self->after.count,
                          .follow = self->follow.items,
                          .follow_count = self->follow.count,
                          .born = self->born,
                          .handlers = &job_item_handlers,
                          .arg = job_item_new(job, index, count)};
    if (self->direct) {
        submit.balanced = false;
        submit.engines = dealt_to(self, index, job->part_count);
        submit.engine_count = 1;
    }
    for (size_t i = 0; i < count; i++)
        job->parts[index + i].sent_ns = tt_now_ns();
    self->batch = count;
    self->under_way++;
    job_item_is(job, index, count, tt_client_submit(self->session->client, &submit, &frames));
}

/* Which of the targets do it now. */
static void choose_complete(feeder_t *self)
{
    self->engines = tt_realloc(self->engines, (self->target_count + 1) * sizeof *self->engines);
    memcpy(self->engines, self->targets, self->target_count * sizeof *self->engines);
    self->engine_count = self->target_count;
    self->born =
        self->any ? 0 : magic_keep_complete(self->session, self->engines, &self->engine_count);
}

/* How many items the next submission is to have by what is known of them. */
static size_t wanted(const feeder_t *self, const job_t *job)
{
    if (self->alone)
        return 1;
    if (self->chunk > 0)
        return self->chunk;
    if (!self->batches || self->each_ns < 0)
        return 1;
    size_t by_time = (size_t)(BATCH_NS / (self->each_ns + 1)) + 1,
           share = (job->part_count - job->submitted) / (2 * self->engine_count) + 1,
           grown = self->batch * BATCH_GROWTH, count = BATCH_MAX;
    count = by_time < count ? by_time : count;
    count = share < count ? share : count;
    return grown < count ? grown : count;
}

/* As many of them as go together: in a row, small, and not done when others are tried again. */
static size_t in_a_row(feeder_t *self, const job_t *job, size_t index, size_t most)
{
    size_t count = 0, bytes = 0;
    while (self->work.item && count < most && index + count < job->part_count &&
           !job->parts[index + count].done) {
        tt_span_t item = self->work.item(self->work.state, index + count);
        bytes += item.len;
        if (item.len == 0 || bytes > BATCH_BYTES)
            break;
        count++;
    }
    return count > 0 ? count : 1;
}

/* What is dealt out goes at once: else the last engines would wait for the first ones. Until it
 * is known how long items take there are only so many as keep the engines busy; then as many as
 * may outlive the session, and of batches so many in any case. */
static bool may_submit(const feeder_t *self, const job_t *job)
{
    bool busy = self->under_way >= BATCHES_EACH * self->engine_count;
    if (self->direct)
        return true;
    if (self->batches && self->chunk == 0 && (self->each_ns < 0 || !busy))
        return !busy;
    return job->outstanding < self->outstanding_max;
}

static void feed(job_t *job)
{
    feeder_t *self = job->feeder;
    while (job_has_more(job) && may_submit(self, job)) {
        if (job->again_count > 0) {
            submit_items(job, self, job->again[--job->again_count], 1);
        } else if (job->parts[job->submitted].done) {
            job->submitted++; /* it was, when others are tried again */
        } else {
            size_t count = in_a_row(self, job, job->submitted, wanted(self, job));
            job->submitted += count;
            submit_items(job, self, job->submitted - count, count);
        }
    }
}

/* The first ones take their time. */
static void on_known_timer(void *arg)
{
    job_t *job = arg;
    feeder_t *self = job->feeder;
    self->known_timer = 0;
    if (self->each_ns < 0)
        self->each_ns = KNOWN_MS * 1000000;
    if (!job->done)
        feed(job);
}

/* What they write is told for each item, so they go alone then. */
static void learn(job_t *job, size_t parts, int64_t run_ns, bool wrote)
{
    feeder_t *self = job->feeder;
    if (self == NULL)
        return;
    self->under_way--;
    self->batches &= !wrote;
    if (parts == 0 || run_ns < 0)
        return;
    int64_t each_ns = run_ns / (int64_t)parts;
    self->each_ns = self->each_ns < 0 ? each_ns : (self->each_ns + each_ns) / 2;
}

void feeder_hand_over(job_t *job)
{
    feeder_t *self = job->feeder;
    if (job->feed != feed || self == NULL || job->done)
        return;
    self->batches = false;
    feed(job);
}

static void forget(job_t *job)
{
    feeder_t *self = job->feeder;
    feeder_destroy(&self);
    job->feeder = NULL;
    job->forget = NULL;
}

static void on_finished(job_t *job, void *arg)
{
    (void)arg;
    if (job_failed(job) == 0)
        forget(job);
}

job_t *feeder_start(feeder_t *self, const feeder_work_t *work, const char *source, int *status)
{
    self->work = *work;
    *status = work->function
                  ? given_function(self->session, self->magic, work->function, self->hash)
                  : 0;
    if (*status != 0) {
        feeder_destroy(&self);
        return NULL;
    }
    choose_complete(self);
    self->batches = work->item && self->retries == 0 && self->timeout_ms == 0 &&
                    self->outstanding_max == OUTSTANDING_MAX && !self->direct;
    self->chunk = work->item && !self->direct ? self->chunk : 0;
    self->each_ns = -1;
    job_t *job = job_new(self->session->number, source, self->work.count);
    job->each = true;
    job->map = !work->single;
    job->scalar = work->single;
    job->valued = work->op == TT_RT_CALL;
    job->feeder = self;
    job->feed = feed;
    job->learn = learn;
    job->forget = forget;
    job->finished = on_finished;
    keep_begin(self->session, job);
    if (self->batches)
        self->known_timer =
            tt_loop_add_timer(self->session->loop, KNOWN_MS, on_known_timer, job);
    feed(job);
    if (job->part_count == 0)
        job_stop_feeding(job, "");
    return job;
}

/* ---- once more */

int feeder_retry(session_t *session, job_t *job)
{
    feeder_t *self = job->feeder;
    if (job->feed != feed)
        return session_complain(session, "%retry", 2,
                                "job %d is no %%map, %%submit or %%sweep of this session",
                                job->number);
    if (!job->done)
        return session_complain(session, "%retry", 2, "job %d still runs", job->number);
    if (self == NULL)
        return session_complain(session, "%retry", 2, "job %d has nothing left to do",
                                job->number);
    int status = 0;
    if (self->work.function)
        status = given_function(session, "%retry", self->work.function, self->hash);
    if (status != 0)
        return status;
    choose_complete(self);
    self->after.count = self->follow.count = 0; /* they have ended */
    self->under_way = 0;
    self->alone = job_has_lost(job);
    job_reopen(job);
    keep_begin(session, job);
    feed(job);
    return 0;
}

void feeder_look(const feeder_t *self, feeder_view_t *view)
{
    const ids_t *waits = self->after.count ? &self->after : &self->follow;
    *view = (feeder_view_t){.engines = self->engines,
                            .engine_count = self->engine_count,
                            .waits = waits->items,
                            .wait_count = waits->count,
                            .outstanding_max = self->outstanding_max};
}

/* ---- items of the local engine */

void feeder_pack_call(void *state, size_t index, const uint8_t hash[GIVEN_HASH], tt_buf_t *args,
                      tt_frames_t *buffers)
{
    tt_pack_array(args, 3);
    tt_pack_bin(args, hash, GIVEN_HASH);
    tt_pack_raw(args, given_item(state, index, buffers));
    tt_pack_nil(args);
}

tt_span_t feeder_item(void *state, size_t index)
{
    const given_items_t *items = state;
    tt_span_t none = {NULL, 0};
    return items->frames[index] > 1
               ? none
               : tt_frames_span(&items->result.frames, items->first[index]);
}

void feeder_release_items(void *state)
{
    given_items_release(state);
    free(state);
}
