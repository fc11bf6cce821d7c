/* Many engines on several hosts of this machine: `bench_hosts NAME HOSTS EACH` asks a cluster
 * that has no host yet for HOSTS times EACH mock engines. As it asks for all of them before the
 * first host can be there, each request gets a host of its own. Prints the milliseconds until
 * all are ready. Started by tests/bench/run. */
#include "client.h"

#include <stdio.h>
#include <stdlib.h>

enum { CONNECT_MS = 10000, LIMIT_MS = 120000, GRACE_MS = 1000 };

typedef struct {
    tt_client_t *client;
    size_t hosts, each;
    int64_t began;
    size_t ready, wanted;
    bool done;
} bench_t;

static void die(const char *what)
{
    fprintf(stderr, "bench_hosts: %s\n", what);
    exit(1);
}

static void on_engine(void *arg, const tt_engine_t *engine)
{
    bench_t *self = arg;
    if (engine->state == TT_ENGINE_FAILED || engine->state == TT_ENGINE_LOST)
        die(engine->text);
    self->ready += engine->state == TT_ENGINE_READY;
    self->done = self->ready == self->wanted;
}

static void on_answer(void *arg, const tt_message_t *message, tt_frames_t *payload)
{
    (void)arg;
    (void)payload;
    if (message == NULL || message->type != TT_MSG_DONE)
        die("the controller does not start them");
}

static void launch(tt_client_t *client, size_t count)
{
    tt_message_t message = tt_message(TT_MSG_LAUNCH, 0);
    message.as.launch.launcher = tt_span("local");
    message.as.launch.language = tt_span("mock");
    message.as.launch.count = count;
    message.as.launch.grace_ms = GRACE_MS;
    tt_client_exchange(client, &message, on_answer, NULL);
}

static void on_begin(void *arg)
{
    bench_t *self = arg;
    self->began = tt_now_ns();
    for (size_t i = 0; i < self->hosts; i++)
        launch(self->client, self->each);
}

int main(int argc, char **argv)
{
    static const tt_client_handlers_t handlers = {.engine = on_engine};
    static tt_rundir_t dir;
    tt_error_t err;
    size_t hosts = argc == 4 ? strtoul(argv[2], NULL, 10) : 0;
    size_t each = argc == 4 ? strtoul(argv[3], NULL, 10) : 0;
    bench_t bench = {.hosts = hosts, .each = each, .wanted = hosts * each};
    if (bench.wanted == 0)
        die("usage: bench_hosts NAME HOSTS EACH");
    tt_loop_t *loop = tt_loop_new();
    if (tt_rundir_open(argv[1], &dir, &err) != 0)
        die(err.text);
    bench.client =
        tt_client_open(loop, &dir, "bench_hosts", &handlers, &bench, CONNECT_MS, &err);
    if (bench.client == NULL)
        die(err.text);
    tt_loop_add_timer(loop, 0, on_begin, &bench);
    if (!tt_loop_run_until(loop, &bench.done, LIMIT_MS))
        die("not all are ready within two minutes");
    printf("%.3f\n", (double)(tt_now_ns() - bench.began) / 1e6);
    tt_client_close(&bench.client);
    tt_loop_destroy(&loop);
    return 0;
}
