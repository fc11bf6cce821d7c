/* %map: a function of the local engine is called for each item, by whichever engine is free.
 * The function travels once; items are handed over a bounded number at a time. */
#include "given.h"
#include "keep.h"
#include "magic.h"
#include "pack.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OUTSTANDING_MAX = 4096 };

typedef struct {
    session_t *session;
    given_items_t items;
    uint8_t hash[GIVEN_HASH];
    int *engines; /* NULL: any */
    size_t engine_count;
    bool direct; /* each item has its engine beforehand */
    unsigned retries;
    uint64_t timeout_ms;
    size_t outstanding;
} feeder_t;

/* ---- handing items over */

/* The engine of an item that is dealt out: contiguous parts in the order of the engines, the
 * first ones longer by one item where they cannot be equal. */
static const int *dealt_to(const feeder_t *feeder, size_t index, size_t count)
{
    size_t least = count / feeder->engine_count, longer = count % feeder->engine_count;
    size_t in_longer = longer * (least + 1);
    if (index < in_longer)
        return &feeder->engines[index / (least + 1)];
    return &feeder->engines[longer + (index - in_longer) / least];
}

static void submit_item(job_t *job, feeder_t *feeder, size_t index)
{
    tt_buf_t args;
    tt_frames_t frames, buffers;
    tt_buf_init(&args);
    tt_frames_init(&frames);
    tt_frames_init(&buffers);
    tt_pack_array(&args, 3);
    tt_pack_bin(&args, feeder->hash, GIVEN_HASH);
    tt_pack_raw(&args, given_item(&feeder->items, index, &buffers));
    tt_pack_nil(&args);
    tt_frames_take_buf(&frames, &args);
    tt_frames_share_all(&frames, &buffers);
    tt_frames_release(&buffers);
    tt_buf_release(&args);
    job_item_t *item = tt_alloc(sizeof *item);
    *item = (job_item_t){job, index};
    tt_submit_t submit = {.op = TT_RT_CALL,
                          .balanced = true,
                          .keep = job->keep,
                          .index = (uint32_t)index,
                          .engines = feeder->engines,
                          .engine_count = feeder->engine_count,
                          .blob = feeder->hash,
                          .label = job->source,
                          .retries = feeder->retries,
                          .timeout_ms = feeder->timeout_ms,
                          .handlers = &job_item_handlers,
                          .arg = item};
    if (feeder->direct) {
        submit.balanced = false;
        submit.engines = dealt_to(feeder, index, job->part_count);
        submit.engine_count = 1;
    }
    job->parts[index].sent_ns = tt_now_ns();
    job->client_jobs[index] = tt_client_submit(feeder->session->client, &submit, &frames);
}

static void feed(job_t *job)
{
    feeder_t *feeder = job->feeder;
    size_t done = job->part_count - job->left;
    /* What is dealt out goes at once: else the last engines would wait for the first ones. */
    while (job->submitted < job->part_count &&
           (feeder->direct || job->submitted - done < OUTSTANDING_MAX)) {
        submit_item(job, feeder, job->submitted);
        job->submitted++;
    }
}

static void release_feeder(job_t *job)
{
    feeder_t *feeder = job->feeder;
    given_items_release(&feeder->items);
    free(feeder->engines);
    free(feeder);
    job->feeder = NULL;
}

static void on_finished(job_t *job, void *arg)
{
    (void)arg;
    release_feeder(job);
}

/* ---- the magic */

/* The engines that may do it: those of the local language among the targets. */
static int choose_engines(session_t *session, const magic_call_t *call, feeder_t *feeder)
{
    magic_targets_t targets;
    size_t known, kept = 0;
    int status = magic_get_targets(session, call, &targets);
    if (status != 0)
        return status;
    magic_keep_ours(session, &targets);
    const tt_engine_t *engines = tt_client_engines(session->client, &known);
    const char *language = local_language(session->local);
    for (size_t i = 0, e = 0; i < targets.count; i++) {
        while (e < known && engines[e].id < targets.ids[i])
            e++;
        if (e < known && engines[e].id == targets.ids[i] &&
            strcmp(engines[e].language, language) == 0)
            targets.ids[kept++] = targets.ids[i];
    }
    feeder->engines = targets.ids;
    feeder->engine_count = kept;
    if (kept == 0)
        return session_complain(session, "%map", 2, "none of the targets is a %s engine",
                                language);
    return 0;
}

/* How the items find their engines. */
static int read_way(session_t *session, const magic_call_t *call, feeder_t *feeder)
{
    feeder->direct = words_has(&call->words, "direct");
    if (feeder->direct && words_has(&call->words, "lb"))
        return session_complain(session, "%map", 2, "takes --direct or --lb, not both");
    if (feeder->direct && words_has(&call->words, "retries"))
        return session_complain(session, "%map", 2,
                                "--retries is for items that any engine may do, not --direct");
    return 0;
}

static int read_retries(session_t *session, const magic_call_t *call, unsigned *retries)
{
    const char *text = words_value(&call->words, "retries");
    char *end = NULL;
    long value = text ? strtol(text, &end, 10) : 0;
    if (text && (*end || end == text || value < 0 || value > 10))
        return session_complain(session, "%map", 2, "--retries takes 0 to 10, not '%s'", text);
    *retries = (unsigned)value;
    return 0;
}

static int prepare(session_t *session, const magic_call_t *call, const words_list_t *words,
                   feeder_t *feeder)
{
    int status = magic_timeout(session, call, &feeder->timeout_ms);
    if (status == 0)
        status = read_way(session, call, feeder);
    if (status == 0)
        status = read_retries(session, call, &feeder->retries);
    if (status == 0)
        status = given_function(session, "%map", words->items[0], feeder->hash);
    if (status == 0)
        status = choose_engines(session, call, feeder);
    if (status == 0)
        status =
            given_items(session, "%map", words->items + 1, words->count - 1, &feeder->items);
    return status;
}

int magic_map(session_t *session, const magic_call_t *call)
{
    words_list_t words;
    tt_error_t err;
    if (words_split(&words, call->rest, &err) != 0)
        return session_complain(session, "%map", 2, "%s", err.text);
    if (words.count < 2) {
        words_list_release(&words);
        return session_complain(session, "%map", 2,
                                "takes a function and items, as in "
                                "%%map (lambda x: x**2) range(32)");
    }
    feeder_t *feeder = tt_alloc(sizeof *feeder);
    feeder->session = session;
    int status = prepare(session, call, &words, feeder);
    words_list_release(&words);
    job_t *job = job_new(session->number, call->text, feeder->items.count);
    job->map = job->each = true;
    job->feeder = feeder;
    if (status != 0) {
        release_feeder(job);
        job_destroy(&job);
        return status;
    }
    keep_begin(session, job);
    job->feed = feed;
    job->finished = on_finished;
    feed(job);
    if (job->part_count == 0)
        job_stop_feeding(job, "");
    return magic_start_job(session, call, job);
}
