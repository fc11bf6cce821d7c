/* Routes tasks through a controller, to be counted: one client, one host with eight engines.
 * Started by scripts/check-instructions.
 *
 *     count_controller CASE COUNT
 *
 * balanced   one balanced task after the other: SUBMIT in, TASK out, RESULT in, RESULT out
 * direct     the same for an engine that the client names
 * busy       balanced tasks, 1000 of them under way, in parcels, as `tests/bench/run` has them
 */
#include "count.h"

#include "controller/controller.h"

enum { ENGINES = 8, WINDOW = 1000, AT_ONCE = 64 };

typedef struct {
    uint64_t id;
    int engine;
} given_t;

static tt_rundir_t dir;
static mouth_t client, host;
static uint64_t submitted;
static given_t given[WINDOW]; /* tasks that the host has: a ring */
static size_t given_first, given_count;
static size_t welcomes, results;
static bool direct, busy;

static void say_hello(mouth_t *self, bool with_engines)
{
    tt_buf_t list;
    tt_message_t message = tt_message(TT_MSG_HELLO, 1);
    tt_msg_hello_t *hello = &message.as.hello;
    tt_buf_init(&list);
    tt_pack_array(&list, with_engines ? ENGINES : 0);
    for (int i = 0; with_engines && i < ENGINES; i++) {
        tt_pack_array(&list, 6);
        tt_pack_int(&list, i);
        tt_pack_int(&list, 100 + i);
        tt_pack_uint(&list, TT_ENGINE_READY);
        tt_pack_text(&list, "python");
        tt_pack_text(&list, "3.11.2");
        tt_pack_text(&list, "/usr/bin/python3");
    }
    hello->major = TT_WIRE_MAJOR;
    hello->minor = TT_WIRE_MINOR;
    hello->program = tt_span("count");
    hello->host = tt_span("here");
    hello->boot = tt_span("elsewhere");
    hello->engines = (tt_span_t){list.data, list.len};
    say(self, &message, NULL, 0);
    tt_buf_release(&list);
}

static void submit(void)
{
    static const tt_span_t engine = BYTES_OF("\x91\x03");
    tt_message_t message = tt_message(TT_MSG_SUBMIT, ++submitted);
    message.as.submit.op = TT_RT_EXECUTE;
    message.as.submit.flags = direct ? 0 : TT_SUBMIT_BALANCED;
    if (direct)
        message.as.submit.engines = engine;
    if (busy)
        say_along(&client, &message, &arguments, 1);
    else
        say(&client, &message, &arguments, 1);
}

static void on_task(mouth_t *from, const tt_message_t *message)
{
    int *ids;
    (void)from;
    welcomes += message->type == TT_MSG_WELCOME;
    if (message->type != TT_MSG_TASK)
        return;
    if (tt_ids_read(message->as.task.engines, &ids, NULL) != 1 || given_count == WINDOW)
        die("a task that nobody submitted");
    given[(given_first + given_count++) % WINDOW] = (given_t){message->id, ids[0]};
    free(ids);
}

static void on_result(mouth_t *from, const tt_message_t *message)
{
    (void)from;
    welcomes += message->type == TT_MSG_WELCOME;
    results += message->type == TT_MSG_RESULT;
    if (message->type == TT_MSG_RESULT && message->as.result.status != 0)
        die("a task failed");
}

static void give_results(void)
{
    for (int i = 0; given_count > 0 && i < AT_ONCE; i++) {
        const given_t *one = &given[given_first];
        tt_message_t message = result_of(one->id, one->engine);
        if (busy)
            say_along(&host, &message, answer, 3);
        else
            say(&host, &message, answer, 3);
        given_first = (given_first + 1) % WINDOW;
        given_count--;
    }
    flush(&host);
}

static void play(void)
{
    char endpoint[TT_SOCKET_MAX + 8];
    if (client.socket == NULL) {
        snprintf(endpoint, sizeof endpoint, "ipc://%s", dir.client_sock);
        open_mouth(&client, ZMQ_DEALER, endpoint);
        snprintf(endpoint, sizeof endpoint, "ipc://%s", dir.engine_sock);
        open_mouth(&host, ZMQ_DEALER, endpoint);
        say_hello(&host, true);
        say_hello(&client, false);
    }
    results = 0;
    hear(&host, on_task);
    hear(&client, on_result);
    if (welcomes == 2 && submitted == 0)
        results = busy ? WINDOW : 1; /* as many begin */
    else
        count(results);
    give_results();
    for (; results > 0; results--)
        submit();
    flush(&client);
}

int main(int argc, char **argv)
{
    begin_count(argc, argv);
    direct = strcmp(argv[1], "direct") == 0;
    busy = strcmp(argv[1], "busy") == 0;
    strcpy(dir.name, "count");
    strcpy(dir.run_dir, "/nonexistent");
    strcpy(dir.state_dir, "/nonexistent");
    strcpy(dir.client_sock, "client");
    strcpy(dir.engine_sock, "engine");
    strcpy(dir.far_sock, "far");
    controller_options_t options = {&dir, "leastload", -1};
    return controller_run(&options);
}
