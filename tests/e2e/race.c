/* Interrupts against short tasks: keeps a window of tasks on the engines, cancels some of those
 * that are not done, and checks that no cancel met another task. test_race.py compiles and runs
 * it: race TASKS CANCELS SEED, the cluster from the environment.
 *
 * Task i's value is 3 * i + 1, after a loop of a length that changes, so that cancels meet it
 * at every moment of its life; it notes itself in the list `ran` of its engine. Prints the
 * counts and the status of each task as JSON; fails on the first that is not as it should be.
 */
#include "client.h"
#include "pack.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { WINDOW = 64, LIMIT_MS = 120000, LONGEST = 6000, NEAR = 3, EXECUTE_VALUE_ONLY = 3 };

typedef struct {
    struct race *race;
    size_t number;
    tt_job_t *job; /* NULL: not sent yet, or done */
    bool cancelled, ended;
    unsigned status;
} work_t;

typedef struct race {
    tt_client_t *client;
    const tt_engine_t *engines;
    size_t engine_count;
    work_t *works;
    size_t total, sent, ended;
    size_t to_cancel, cancels;
    size_t counts[8], met; /* results by status; cancels that met their task */
    size_t out_of_order;
    unsigned seed;
    bool done, wrong;
} race_t;

static size_t below(race_t *self, size_t limit)
{
    return (size_t)rand_r(&self->seed) % limit;
}

static void complain(race_t *self, const work_t *work, const tt_result_t *result,
                     const char *what)
{
    tt_span_t body = tt_frames_span(result->frames, 0);
    fprintf(stderr, "task %zu%s: %s: status %u '%s', %zu bytes of body\n", work->number,
            work->cancelled ? " (cancelled)" : "", what, result->status, result->cause,
            body.len);
    self->wrong = self->done = true;
}

/* The value that a result carries, or -1. */
static int64_t value_of(const tt_result_t *result)
{
    tt_reader_t reader = tt_reader(tt_frames_span(result->frames, 0));
    size_t count;
    int64_t value = -1;
    bool has = false;
    if (tt_read_array(&reader, &count) != 0 || tt_skip(&reader) != 0 ||
        tt_read_bool(&reader, &has) != 0 || !has || tt_read_int(&reader, &value) != 0)
        return -1;
    return value;
}

static void check(race_t *self, work_t *work, const tt_result_t *result)
{
    bool stopped =
        result->status == TT_STATUS_INTERRUPTED || result->status == TT_STATUS_CANCELLED;
    if (result->status < 8)
        self->counts[result->status]++;
    if (work->ended)
        complain(self, work, result, "ended twice");
    else if (stopped && !work->cancelled)
        complain(self, work, result, "was met by another's interrupt");
    else if (!stopped && result->status != TT_STATUS_OK)
        complain(self, work, result, "did not end well");
    else if (!stopped && value_of(result) != (int64_t)(3 * work->number + 1))
        complain(self, work, result, "has another's value");
    work->ended = true;
    work->status = result->status;
    self->met += stopped;
}

static void submit(race_t *self);

/* One task that is not done and was not cancelled: one of the oldest, which run or are about
 * to, or any. */
static void cancel(race_t *self)
{
    size_t oldest = self->sent > 4 * WINDOW ? self->sent - 4 * WINDOW : 0;
    while (oldest < self->sent && self->works[oldest].job == NULL)
        oldest++;
    if (oldest == self->sent)
        return;
    size_t outstanding = self->sent - oldest;
    size_t range = outstanding > NEAR && below(self, 4) ? NEAR : outstanding;
    size_t at = oldest + below(self, range);
    work_t *work = &self->works[at];
    if (work->job == NULL || work->cancelled)
        return;
    work->cancelled = true;
    self->cancels++;
    tt_client_cancel(self->client, work->job);
}

/* Cancels at the pace at which tasks end, so that both last as long. */
static void on_result(void *arg, tt_job_t *job, tt_result_t *result)
{
    work_t *work = arg;
    race_t *self = work->race;
    (void)job;
    check(self, work, result);
    work->job = NULL;
    self->ended++;
    while (self->sent < self->total && self->sent - self->ended < WINDOW)
        submit(self);
    size_t due = self->ended * self->to_cancel / (self->total - WINDOW) + 1;
    for (int tries = 0; tries < 8 && self->cancels < due && self->cancels < self->to_cancel;
         tries++)
        cancel(self);
    if (self->ended == self->total)
        self->done = true;
}

static const tt_job_handlers_t handlers = {on_result, NULL, NULL};

static void submit(race_t *self)
{
    work_t *work = &self->works[self->sent];
    char code[96];
    tt_buf_t args;
    tt_frames_t frames;
    *work = (work_t){.race = self, .number = self->sent++};
    snprintf(code, sizeof code, "ran.append(%zu)\nfor _ in range(%zu): pass\n3 * %zu + 1",
             work->number, below(self, LONGEST), work->number);
    tt_buf_init(&args);
    tt_frames_init(&frames);
    tt_pack_array(&args, 3);
    tt_pack_text(&args, code);
    tt_pack_text(&args, "race");
    tt_pack_uint(&args, EXECUTE_VALUE_ONLY);
    tt_frames_take_buf(&frames, &args);
    tt_buf_release(&args);
    int engine = self->engines[work->number % self->engine_count].id;
    bool balanced = work->number % 4 == 3;
    tt_submit_t request = {.op = TT_RT_EXECUTE,
                           .engines = balanced ? NULL : &engine,
                           .engine_count = balanced ? 0 : 1,
                           .balanced = balanced,
                           .handlers = &handlers,
                           .arg = work};
    work->job = tt_client_submit(self->client, &request, &frames);
}

static void on_gone(void *arg, const char *why)
{
    race_t *self = arg;
    fprintf(stderr, "%s\n", why);
    self->wrong = self->done = true;
}

static int run(race_t *self, tt_loop_t *loop)
{
    self->engines = tt_client_engines(self->client, &self->engine_count);
    self->works = tt_alloc(self->total * sizeof *self->works);
    while (self->sent < WINDOW)
        submit(self);
    if (!tt_loop_run_until(loop, &self->done, LIMIT_MS)) {
        fprintf(stderr, "%zu of %zu tasks ended within %d s\n", self->ended, self->total,
                LIMIT_MS / 1000);
        self->wrong = true;
    }
    printf("{\"ok\": %zu, \"interrupted\": %zu, \"cancelled\": %zu, \"cancels\": %zu, "
           "\"statuses\": \"",
           self->counts[TT_STATUS_OK], self->counts[TT_STATUS_INTERRUPTED],
           self->counts[TT_STATUS_CANCELLED], self->cancels);
    for (size_t i = 0; i < self->total; i++)
        putchar((int)('0' + self->works[i].status));
    printf("\"}\n");
    free(self->works);
    return self->wrong ? 1 : 0;
}

int main(int argc, char **argv)
{
    static tt_rundir_t dir;
    race_t self = {.total = argc == 4 ? strtoul(argv[1], NULL, 10) : 0};
    tt_error_t err;
    if (self.total <= 2 * WINDOW) {
        fprintf(stderr, "usage: race TASKS CANCELS SEED\n");
        return 2;
    }
    self.to_cancel = strtoul(argv[2], NULL, 10);
    self.seed = (unsigned)strtoul(argv[3], NULL, 10);
    static const tt_client_handlers_t events = {.gone = on_gone};
    tt_loop_t *loop = tt_loop_new();
    if (tt_rundir_open("default", &dir, &err) != 0 ||
        (self.client = tt_client_open(loop, &dir, "race", &events, &self, 10000, &err)) ==
            NULL) {
        fprintf(stderr, "%s\n", err.text);
        return 3;
    }
    int status = run(&self, loop);
    tt_client_close(&self.client);
    tt_loop_destroy(&loop);
    return status;
}
