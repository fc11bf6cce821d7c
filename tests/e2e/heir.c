/* Work that outlives its client, by our client library. test_kept.py compiles and runs it, with
 * the cluster from the environment:
 *
 *   heir leave N    keeps a job of N items and one for engine 0, takes the first results,
 *                   gives those back that came, and leaves in the middle
 *   heir adopt      takes over what was left behind and waits for its end
 *
 * Prints "ITEM VALUE" for each result that a person would have seen. Items square their number.
 */
#include "client.h"
#include "pack.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { LIMIT_MS = 60000, VALUE_ONLY = 3, SHOWN = 5, DIRECT = 100000 };

typedef struct {
    struct heir *heir;
    uint32_t index;
} item_t;

typedef struct heir {
    tt_loop_t *loop;
    tt_client_t *client;
    uint64_t keep;
    size_t shown, left;
    bool leaves, enough;
} heir_t;

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

static void show(heir_t *self, uint32_t index, const tt_result_t *result)
{
    printf("%" PRIu32 " %" PRId64 "\n", index, value_of(result));
    self->shown++;
}

/* Who leaves shows a few; what comes after is not seen any more, and given back. */
static void on_result(void *arg, tt_job_t *job, tt_result_t *result)
{
    item_t *item = arg;
    heir_t *self = item->heir;
    (void)job;
    if (self->leaves && self->shown >= SHOWN)
        tt_client_store(self->client, self->keep, item->index, result);
    else
        show(self, item->index, result);
    self->left--;
    self->enough = self->leaves ? self->shown >= SHOWN : self->left == 0;
}

static void on_done(void *arg, tt_job_t *job)
{
    (void)job;
    free(arg);
}

static const tt_job_handlers_t handlers = {on_result, NULL, on_done};

static item_t *new_item(heir_t *self, uint32_t index)
{
    item_t *item = tt_alloc(sizeof *item);
    *item = (item_t){self, index};
    self->left++;
    return item;
}

static void submit(heir_t *self, uint32_t index, const char *code)
{
    static const int first = 0;
    bool direct = index == DIRECT;
    tt_buf_t args;
    tt_frames_t payload;
    tt_buf_init(&args);
    tt_frames_init(&payload);
    tt_pack_array(&args, 3);
    tt_pack_text(&args, code);
    tt_pack_text(&args, "heir");
    tt_pack_uint(&args, VALUE_ONLY);
    tt_frames_take_buf(&payload, &args);
    tt_buf_release(&args);
    tt_submit_t wish = {.op = TT_RT_EXECUTE,
                        .engines = direct ? &first : NULL,
                        .engine_count = direct,
                        .balanced = !direct,
                        .keep = self->keep,
                        .index = index,
                        .handlers = &handlers,
                        .arg = new_item(self, index)};
    tt_client_submit(self->client, &wish, &payload);
}

static int leave(heir_t *self, uint32_t count)
{
    char code[64];
    self->leaves = true;
    self->keep = 12;
    tt_client_keep(self->client, self->keep, tt_span("squares"));
    for (uint32_t i = 0; i < count; i++) {
        snprintf(code, sizeof code, "%u * %u", i, i);
        submit(self, i, code);
    }
    submit(self, DIRECT, "-5");
    if (!tt_loop_run_until(self->loop, &self->enough, LIMIT_MS))
        return 1;
    tt_client_leave(&self->client);
    return 0; /* the items of what was under way go with the process */
}

static void on_job(void *arg, uint64_t keep, tt_span_t meta)
{
    heir_t *self = arg;
    self->keep = keep;
    fprintf(stderr, "adopts %.*s\n", (int)meta.len, (const char *)meta.data);
}

static void on_task(void *arg, const tt_adopted_t *task, tt_job_t *job,
                    const tt_job_handlers_t **its, void **job_arg)
{
    (void)job;
    *its = &handlers;
    *job_arg = new_item(arg, task->index);
}

static void on_old_result(void *arg, uint64_t keep, uint32_t index, tt_result_t *result)
{
    (void)keep;
    show(arg, index, result);
}

static int adopt(heir_t *self, tt_error_t *err)
{
    static const tt_adopt_handlers_t adopts = {on_job, on_task, on_old_result};
    if (tt_client_adopt(self->client, &adopts, self, LIMIT_MS, err) != 0)
        return -1;
    self->enough = self->left == 0;
    if (!tt_loop_run_until(self->loop, &self->enough, LIMIT_MS))
        return tt_error_set(err, "%zu results have not come", self->left);
    if (self->keep)
        tt_client_keep(self->client, self->keep, (tt_span_t){NULL, 0});
    return 0;
}

int main(int argc, char **argv)
{
    static const tt_client_handlers_t none;
    heir_t self = {0};
    tt_rundir_t dir;
    tt_error_t err = {0};
    if (argc < 2 || tt_rundir_open("default", &dir, &err) != 0) {
        fprintf(stderr, "heir: %s\n", err.text);
        return 2;
    }
    self.loop = tt_loop_new();
    self.client = tt_client_open(self.loop, &dir, "heir", &none, NULL, LIMIT_MS, &err);
    int rc = self.client == NULL ? -1
             : argc > 2          ? leave(&self, (uint32_t)atoi(argv[2]))
                                 : adopt(&self, &err);
    if (rc != 0)
        fprintf(stderr, "heir: %s\n", err.text);
    tt_client_close(&self.client);
    tt_loop_destroy(&self.loop);
    return rc != 0;
}
