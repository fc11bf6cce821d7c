/* What a client sees of a running cluster: round trips of an empty px, and single tasks per
 * second. Started by tests/bench/run.
 *
 *     bench_px NAME CASE COUNT      prints one number
 *
 * one     p50 of COUNT round trips to one engine, one after the other, in microseconds
 * all     the same to all engines at once, until the last has answered
 * tasks   COUNT balanced tasks, at most 1000 of them under way: tasks per second
 * chains  COUNT balanced tasks, all queued at once, each of which waits for the end of the
 *         tenth before it: tasks per second
 * steps   as tasks, and after the first 10,000 of them, and again at the end, a line is written
 *         and one is waited for: somebody looks at what has grown */
#include "client.h"
#include "pack.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    WINDOW = 1000,
    CHAINS = 10,
    FIRST = 10000,
    WARM_UP = 200,
    CONNECT_MS = 10000,
    LIMIT_MS = 300000
};

typedef struct {
    tt_client_t *client;
    tt_loop_t *loop;
    int *engines;
    size_t engine_count;
    size_t sent, ended, wanted; /* tasks */
    bool done;
} bench_t;

static void die(const char *what)
{
    fprintf(stderr, "bench_px: %s\n", what);
    exit(1);
}

/* EXECUTE of nothing. */
static void pack_nothing(tt_frames_t *frames)
{
    static const char name[] = "In [1]";
    tt_buf_t args;
    tt_buf_init(&args);
    tt_frames_init(frames);
    tt_pack_array(&args, 3);
    tt_pack_text(&args, "");
    tt_pack_text(&args, name);
    tt_pack_uint(&args, 0);
    tt_frames_take_buf(frames, &args);
    tt_buf_release(&args);
}

static void on_result(void *arg, tt_job_t *job, tt_result_t *result)
{
    (void)arg;
    (void)job;
    if (result->status != TT_STATUS_OK)
        die(*result->cause ? result->cause : tt_status_text(result->status));
}

static void submit(bench_t *self, size_t engine_count, bool balanced);

/* A task has ended: the next one, or the end. */
static void on_done(void *arg, tt_job_t *job)
{
    bench_t *self = arg;
    (void)job;
    self->ended++;
    if (self->sent < self->wanted)
        submit(self, self->engine_count, true);
    self->done = self->ended == self->wanted;
}

static void submit(bench_t *self, size_t engine_count, bool balanced)
{
    static const tt_job_handlers_t handlers = {on_result, NULL, on_done};
    tt_frames_t frames;
    pack_nothing(&frames);
    tt_submit_t work = {.op = TT_RT_EXECUTE,
                        .engines = self->engines,
                        .engine_count = engine_count,
                        .balanced = balanced,
                        .handlers = &handlers,
                        .arg = self};
    self->sent++;
    tt_client_submit(self->client, &work, &frames);
}

static void wait_done(bench_t *self)
{
    if (!tt_loop_run_until(self->loop, &self->done, LIMIT_MS))
        die("no answer within five minutes");
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The median time of a round trip, in microseconds. */
static double round_trips(bench_t *self, size_t engine_count, size_t count)
{
    double *us = tt_alloc(count * sizeof *us);
    for (size_t i = 0; i < count + WARM_UP; i++) {
        int64_t began = tt_now_ns();
        self->sent = self->ended = 0;
        self->wanted = 1;
        self->done = false;
        submit(self, engine_count, false);
        wait_done(self);
        if (i >= WARM_UP)
            us[i - WARM_UP] = (double)(tt_now_ns() - began) / 1e3;
    }
    qsort(us, count, sizeof *us, by_size);
    double median = us[count / 2];
    free(us);
    return median;
}

static void run_window(bench_t *self, size_t count)
{
    self->sent = self->ended = 0;
    self->wanted = count;
    self->done = false;
    for (size_t i = 0; i < WINDOW && i < count; i++)
        submit(self, self->engine_count, true);
    wait_done(self);
}

static double tasks(bench_t *self, size_t count)
{
    run_window(self, WINDOW); /* warm-up */
    int64_t began = tt_now_ns();
    run_window(self, count);
    return (double)count / ((double)(tt_now_ns() - began) / 1e9);
}

static double chains(bench_t *self, size_t count)
{
    static const tt_job_handlers_t handlers = {on_result, NULL, on_done};
    uint64_t *ids = tt_alloc(count * sizeof *ids);
    int64_t began = tt_now_ns();
    self->ended = 0;
    self->sent = self->wanted = count; /* on_done sends none */
    self->done = false;
    for (size_t i = 0; i < count; i++) {
        tt_frames_t frames;
        pack_nothing(&frames);
        tt_submit_t work = {.op = TT_RT_EXECUTE,
                            .balanced = true,
                            .after = i >= CHAINS ? &ids[i - CHAINS] : NULL,
                            .after_count = i >= CHAINS,
                            .handlers = &handlers,
                            .arg = self};
        ids[i] = tt_job_id(tt_client_submit(self->client, &work, &frames));
    }
    wait_done(self);
    free(ids);
    return (double)count / ((double)(tt_now_ns() - began) / 1e9);
}

static void let_look(void)
{
    char line[16];
    printf("look\n");
    fflush(stdout);
    if (fgets(line, sizeof line, stdin) == NULL)
        die("nobody looks");
}

static double steps(bench_t *self, size_t count)
{
    run_window(self, FIRST);
    let_look();
    double rate = tasks(self, count - FIRST);
    let_look();
    return rate;
}

static void find_engines(bench_t *self)
{
    size_t known;
    const tt_engine_t *engines = tt_client_engines(self->client, &known);
    self->engines = tt_alloc((known + 1) * sizeof *self->engines);
    for (size_t i = 0; i < known; i++)
        if (engines[i].state == TT_ENGINE_READY)
            self->engines[self->engine_count++] = engines[i].id;
    if (self->engine_count == 0)
        die("no engine is ready");
}

static double one(bench_t *self, size_t count)
{
    return round_trips(self, 1, count);
}

static double all(bench_t *self, size_t count)
{
    return round_trips(self, self->engine_count, count);
}

static const struct {
    const char *name;
    double (*measure)(bench_t *self, size_t count);
    size_t least; /* count */
} cases[] = {
    {"one", one, 1},
    {"all", all, 1},
    {"tasks", tasks, 1},
    {"chains", chains, 1},
    {"steps", steps, FIRST + 1},
};

static double measure(bench_t *self, const char *name, size_t count)
{
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (strcmp(cases[i].name, name) == 0 && count >= cases[i].least)
            return cases[i].measure(self, count);
    die("the cases are one, all, tasks, chains, and steps with over 10000 tasks");
    return 0;
}

int main(int argc, char **argv)
{
    static tt_rundir_t dir;
    tt_error_t err;
    size_t count = argc == 4 ? strtoul(argv[3], NULL, 10) : 0;
    bench_t bench = {.loop = tt_loop_new()};
    if (count == 0)
        die("usage: bench_px NAME one|all|tasks|chains|steps COUNT");
    if (tt_rundir_open(argv[1], &dir, &err) != 0)
        die(err.text);
    bench.client = tt_client_open(bench.loop, &dir, "bench_px", NULL, NULL, CONNECT_MS, &err);
    if (bench.client == NULL)
        die(err.text);
    find_engines(&bench);
    printf("%.6g\n", measure(&bench, argv[2], count));
    tt_client_close(&bench.client);
    tt_loop_destroy(&bench.loop);
    free(bench.engines);
    return 0;
}
