/* Submits tasks as a client, to be counted; the program is its controller, too. Started by
 * scripts/check-instructions.
 *
 *     count_client CASE COUNT
 *
 * one    one task after the other: tt_client_submit, RESULT in
 * busy   1000 of them under way, results in parcels
 */
#include "count.h"

#include "client.h"

enum { WINDOW = 1000, AT_ONCE = 64 };

static mouth_t controller;
static tt_client_t *client;
static uint64_t ids[WINDOW]; /* tasks that the controller has: a ring */
static size_t ids_first, ids_count, results;
static bool busy;

static void on_message(mouth_t *from, const tt_message_t *message)
{
    if (message->type == TT_MSG_HELLO) {
        tt_message_t reply = welcome(message->id);
        say(from, &reply, NULL, 0);
    } else if (message->type == TT_MSG_SUBMIT) {
        if (ids_count == WINDOW)
            die("more than was submitted");
        ids[(ids_first + ids_count++) % WINDOW] = message->id;
    }
}

static void play(void)
{
    hear(&controller, on_message);
    count(results);
    results = 0;
    for (int i = 0; ids_count > 0 && i < AT_ONCE; i++) {
        tt_message_t message = result_of(ids[ids_first], 3);
        message.as.result.host = tt_span("here");
        if (busy)
            say_along(&controller, &message, answer, 3);
        else
            say(&controller, &message, answer, 3);
        ids_first = (ids_first + 1) % WINDOW;
        ids_count--;
    }
    flush(&controller);
}

static void submit(void);

static void on_result(void *arg, tt_job_t *job, tt_result_t *result)
{
    (void)arg;
    (void)job;
    if (result->status != TT_STATUS_OK)
        die("a task failed");
    results++;
}

static void on_done(void *arg, tt_job_t *job)
{
    (void)arg;
    (void)job;
    submit();
}

static void submit(void)
{
    static const tt_job_handlers_t handlers = {on_result, NULL, on_done};
    static const tt_submit_t work = {
        .op = TT_RT_EXECUTE, .balanced = true, .handlers = &handlers};
    tt_frames_t frames;
    tt_frames_init(&frames);
    tt_frames_copy(&frames, arguments.data, arguments.len);
    tt_client_submit(client, &work, &frames);
}

int main(int argc, char **argv)
{
    tt_rundir_t dir = {.name = "count", .client_sock = "client"};
    tt_error_t err;
    begin_count(argc, argv);
    busy = strcmp(argv[1], "busy") == 0;
    open_mouth(&controller, ZMQ_ROUTER, "ipc://client");
    tt_loop_t *loop = tt_loop_new();
    client = tt_client_open(loop, &dir, "count", NULL, NULL, 10000, &err);
    if (client == NULL)
        die(err.text);
    for (int i = 0; i < (busy ? WINDOW : 1); i++)
        submit();
    tt_loop_run(loop);
    return 1;
}
