/* Unit test of share/client: against a controller that answers, refuses, is silent, talks
 * nonsense, and goes away at the worst moment. */
#include "fake_controller.h"

#include "client.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static tt_loop_t *loop;
static fake_t fake;
static tt_client_t *client;
static tt_error_t err;

/* What the client's handlers were told, in words and in order. */
static tt_buf_t told;

static void on_engine(void *arg, const tt_engine_t *engine)
{
    (void)arg;
    tt_buf_printf(&told, "engine %d %s %s;", engine->id, tt_engine_state_text(engine->state),
                  engine->text);
}

static void on_background(void *arg, int engine, int stream, tt_span_t bytes)
{
    (void)arg;
    tt_buf_printf(&told, "background %d.%d %.*s;", engine, stream, (int)bytes.len,
                  (const char *)bytes.data);
}

static void on_gone(void *arg, const char *why)
{
    (void)arg;
    (void)why;
    tt_buf_printf(&told, "gone;");
}

static const tt_client_handlers_t handlers = {
    .engine = on_engine, .background = on_background, .gone = on_gone};

static void on_result(void *arg, tt_job_t *job, tt_result_t *result)
{
    tt_buf_printf(&told, "%s: %d %s %s;", (const char *)arg, result->engine,
                  tt_status_text(result->status), result->cause);
    assert_true(tt_job_left(job) > 0);
}

static void on_output(void *arg, tt_job_t *job, int engine, int stream, tt_span_t bytes)
{
    (void)job;
    tt_buf_printf(&told, "%s: %d.%d %.*s;", (const char *)arg, engine, stream, (int)bytes.len,
                  (const char *)bytes.data);
}

static void on_done(void *arg, tt_job_t *job)
{
    assert_int_equal(tt_job_left(job), 0);
    tt_buf_printf(&told, "%s: done;", (const char *)arg);
}

static const tt_job_handlers_t job_handlers = {on_result, on_output, on_done};

#define assert_told(text)                                                                      \
    do {                                                                                       \
        assert_text(&told, text);                                                              \
        told.len = 0;                                                                          \
    } while (0)

static bool told_ends(const char *part)
{
    const char *text = tt_buf_text(&told);
    size_t len = strlen(text), want = strlen(part);
    return len >= want && strcmp(text + len - want, part) == 0;
}

static int begin(void **unused)
{
    (void)unused;
    tt_buf_init(&told);
    memset(&err, 0, sizeof err);
    if (scratch_begin() != 0)
        return -1;
    loop = tt_loop_new();
    return fake_start(&fake, loop);
}

static int end(void **unused)
{
    (void)unused;
    tt_client_close(&client);
    tt_client_close(&client);
    fake_stop(&fake);
    tt_loop_destroy(&loop);
    tt_buf_release(&told);
    return scratch_end();
}

static void open_client(void)
{
    client = tt_client_open(loop, &fake.dir, "tests", &handlers, NULL, 10000, &err);
    if (client == NULL)
        fail_msg("%s", err.text);
}

/* A process to stand for the controller; it ends when it is killed. */
static pid_t new_process(void)
{
    pid_t pid = fork();
    if (pid == 0)
        for (;;)
            pause();
    return pid;
}

static void kill_process(pid_t pid)
{
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

static tt_job_t *submit(const char *name, const int *engines, size_t count, bool balanced)
{
    tt_frames_t payload;
    tt_frames_init(&payload);
    tt_frames_copy(&payload, "\x90", 1);
    tt_submit_t wish = {.op = TT_RT_EXECUTE,
                        .engines = engines,
                        .engine_count = count,
                        .balanced = balanced,
                        .label = name,
                        .handlers = &job_handlers,
                        .arg = (void *)(uintptr_t)name};
    tt_job_t *job = tt_client_submit(client, &wish, &payload);
    assert_int_equal(payload.count, 0);
    return job;
}

static uint64_t await_id(unsigned type)
{
    letter_t *letter = fake_await(&fake, type);
    uint64_t id = letter->message.id;
    letter_free(letter);
    return id;
}

/* ---- no controller */

TEST(a_controller_that_does_not_answer_is_given_up_at_the_deadline)
{
    fake.silent = true;
    assert_null(tt_client_open(loop, &fake.dir, "tests", &handlers, NULL, 30, &err));
    assert_int_equal(err.code, ETIMEDOUT);
    assert_says(&err, "cannot talk to cluster 'test': its controller does not answer");
}

TEST(a_socket_that_nobody_listens_on_is_given_up_at_the_deadline)
{
    fake_stop(&fake);
    assert_null(tt_client_open(loop, &fake.dir, "tests", NULL, NULL, 30, &err));
    assert_int_equal(err.code, ETIMEDOUT);
}

TEST(a_refusal_is_told_in_the_controllers_words)
{
    fake.refusal = "protocol 1.0 cannot talk to this controller's 7.0";
    assert_null(tt_client_open(loop, &fake.dir, "tests", &handlers, NULL, 10000, &err));
    assert_int_equal(err.code, EPROTO);
    assert_says(&err, "cannot talk to cluster 'test': protocol 1.0 cannot");
    assert_told(""); /* it was never there, so it is not gone */
}

/* ---- registration */

TEST(a_client_says_who_it_is)
{
    open_client();
    letter_t *letter = fake_await(&fake, TT_MSG_HELLO);
    const tt_msg_hello_t *hello = &letter->message.as.hello;
    assert_int_equal(hello->major, TT_WIRE_MAJOR);
    assert_int_equal(hello->uuid.len, 16);
    assert_int_equal(hello->pid, getpid());
    assert_int_equal(hello->watch_pid, getpid());
    assert_int_equal(hello->events, 1);
    assert_memory_equal(hello->program.data, "tests", 5);
    letter_free(letter);
    assert_true(tt_client_alive(client));
}

TEST(engines_introduced_before_the_welcome_are_known_in_order_and_no_news)
{
    size_t count;
    fake.engines = 3;
    open_client();
    const tt_engine_t *engines = tt_client_engines(client, &count);
    assert_int_equal(count, 3);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(engines[i].id, i);
        assert_int_equal(engines[i].pid, 1000 + i);
        assert_string_equal(engines[i].host, "here");
        assert_string_equal(engines[i].language, "python");
    }
    assert_told("");
}

TEST(engines_come_change_and_go)
{
    size_t count;
    fake.engines = 2;
    open_client();
    fake_engine(&fake, 7, TT_ENGINE_STARTING, "");
    fake_engine(&fake, 4, TT_ENGINE_READY, "");
    fake_engine(&fake, 0, TT_ENGINE_RESTARTING, "was killed by SIGSEGV");
    fake_engine(&fake, 1, TT_ENGINE_GONE, "was stopped");
    fake_engine(&fake, 9, TT_ENGINE_GONE, "never seen");
    fake_engine(&fake, 7, TT_ENGINE_READY, "");
    assert_comes(loop, told_ends("engine 7 ready ;"));
    assert_told("engine 7 starting ;engine 4 ready ;"
                "engine 0 restarting was killed by SIGSEGV;engine 1 gone was stopped;"
                "engine 9 gone never seen;engine 7 ready ;");
    const tt_engine_t *engines = tt_client_engines(client, &count);
    assert_int_equal(count, 3);
    assert_int_equal(engines[0].id, 0);
    assert_int_equal(engines[1].id, 4);
    assert_int_equal(engines[2].id, 7);
    assert_int_equal(engines[2].state, TT_ENGINE_READY);
}

static void send_other_event(uint64_t kind, int64_t engine)
{
    tt_message_t message = tt_message(TT_MSG_EVENT, 0);
    message.as.event.kind = kind;
    message.as.event.engine = engine;
    fake_send(&fake, &message, NULL);
}

TEST(news_that_make_no_sense_are_ignored)
{
    size_t count;
    open_client();
    send_other_event(TT_EVENT_HOST, 3);
    send_other_event(99, 3);
    send_other_event(TT_EVENT_ENGINE, -1);
    zmq_send(fake.router, fake.route, fake.route_len, ZMQ_SNDMORE);
    zmq_send(fake.router, "\xc1", 1, 0);
    zmq_send(fake.router, fake.route, fake.route_len, ZMQ_SNDMORE);
    zmq_send(fake.router, "", 0, 0);
    fake_answer(&fake, TT_MSG_SPAWN, 0);
    fake_answer(&fake, TT_MSG_DONE, 4711);
    fake_error(&fake, 4711, "about nothing");
    fake_result(&fake, 4711, 0, TT_STATUS_OK, "", "");
    fake_engine(&fake, 0, TT_ENGINE_READY, "");
    assert_comes(loop, told_ends("engine 0 ready ;"));
    assert_told("engine 0 ready ;");
    tt_client_engines(client, &count);
    assert_int_equal(count, 1);
    assert_true(tt_client_alive(client));
}

/* ---- work */

static const int three[] = {0, 1, 2};

TEST(work_for_engines_says_everything_about_itself)
{
    int *ids;
    bool all;
    tt_frames_t payload;
    open_client();
    tt_frames_init(&payload);
    tt_frames_copy(&payload, "args", 4);
    tt_frames_copy(&payload, "buffer", 6);
    static const uint8_t hash[] = "0123456789abcdef";
    tt_submit_t wish = {.op = TT_RT_CALL,
                        .engines = three,
                        .engine_count = 3,
                        .blob = hash,
                        .label = "f(x)",
                        .retries = 2,
                        .timeout_ms = 1500,
                        .handlers = &job_handlers,
                        .arg = (void *)(uintptr_t) "a"};
    tt_job_t *job = tt_client_submit(client, &wish, &payload);
    letter_t *letter = fake_await(&fake, TT_MSG_SUBMIT);
    const tt_msg_submit_t *got = &letter->message.as.submit;
    assert_int_equal(letter->message.id, tt_job_id(job));
    assert_int_equal(got->op, TT_RT_CALL);
    assert_int_equal(tt_ids_read(got->engines, &ids, &all), 3);
    assert_memory_equal(ids, three, sizeof three);
    free(ids);
    assert_memory_equal(got->blob.data, hash, 16);
    assert_memory_equal(got->label.data, "f(x)", 4);
    assert_int_equal(got->retries, 2);
    assert_int_equal(got->timeout_ms, 1500);
    assert_int_equal(got->flags, 0);
    assert_int_equal(letter->packet.payload.count, 2);
    assert_memory_equal(tt_frames_span(&letter->packet.payload, 1).data, "buffer", 6);
    letter_free(letter);
}

TEST(balanced_work_names_its_engines_or_any)
{
    int *ids;
    bool all;
    open_client();
    submit("any", NULL, 0, true);
    letter_t *letter = fake_await(&fake, TT_MSG_SUBMIT);
    assert_int_equal(letter->message.as.submit.flags, TT_SUBMIT_BALANCED);
    assert_int_equal(tt_ids_read(letter->message.as.submit.engines, &ids, &all), 0);
    assert_true(all);
    letter_free(letter);
    submit("some", three, 3, true);
    letter = fake_await(&fake, TT_MSG_SUBMIT);
    assert_int_equal(tt_ids_read(letter->message.as.submit.engines, &ids, &all), 3);
    free(ids);
    fake_result(&fake, letter->message.id, 2, TT_STATUS_OK, "", "1");
    letter_free(letter);
    assert_comes(loop, told_ends("done;"));
    assert_told("some: 2 ok ;some: done;"); /* one result ends it */
}

TEST(each_engines_result_comes_in_the_order_of_their_ends_and_then_the_job_is_done)
{
    open_client();
    submit("a", three, 3, false);
    uint64_t id = await_id(TT_MSG_SUBMIT);
    fake_result(&fake, id, 2, TT_STATUS_OK, "", "1");
    fake_result(&fake, id, 0, TT_STATUS_ERROR, "", "bad");
    fake_result(&fake, id, 1, TT_STATUS_LOST, "", "was killed");
    assert_comes(loop, told_ends("done;"));
    assert_told("a: 2 ok ;a: 0 error ;a: 1 lost was killed;a: done;");
    fake_result(&fake, id, 1, TT_STATUS_OK, "", "1"); /* of a job that is forgotten */
    fake_engine(&fake, 0, TT_ENGINE_READY, "");
    assert_comes(loop, told_ends("ready ;"));
    assert_told("engine 0 ready ;");
}

static tt_result_t kept;
static tt_frames_t kept_frames;

static void on_keep(void *arg, tt_job_t *job, tt_result_t *result)
{
    (void)arg;
    (void)job;
    kept = *result;
    kept_frames = *result->frames;
    tt_frames_init(result->frames); /* taken */
}

TEST(a_result_carries_times_host_and_frames_that_may_be_taken)
{
    static const tt_job_handlers_t keep = {on_keep, NULL, NULL};
    tt_frames_t payload;
    open_client();
    tt_frames_init(&payload);
    tt_frames_copy(&payload, "\x90", 1);
    tt_submit_t wish = {.op = TT_RT_EXECUTE, .balanced = true, .handlers = &keep};
    tt_client_submit(client, &wish, &payload);
    tt_message_t result = tt_message(TT_MSG_RESULT, await_id(TT_MSG_SUBMIT));
    tt_msg_result_t *fields = &result.as.result;
    *fields = (tt_msg_result_t){.engine = 3,
                                .attempt = 2,
                                .status = TT_STATUS_OK,
                                .queue_ns = 1,
                                .wait_ns = 2,
                                .run_ns = 3,
                                .dropped_bytes = 4,
                                .host = tt_span("there")};
    char large[9000];
    memset(large, 'x', sizeof large);
    tt_frames_copy(&payload, "body", 4);
    tt_frames_copy(&payload, large, sizeof large);
    kept.engine = -2;
    fake_send(&fake, &result, &payload);
    assert_comes(loop, kept.engine == 3);
    assert_int_equal(kept.attempt, 2);
    assert_int_equal(kept.queue_ns, 1);
    assert_int_equal(kept.wait_ns, 2);
    assert_int_equal(kept.run_ns, 3);
    assert_int_equal(kept.dropped_bytes, 4);
    assert_string_equal(kept.host, "there");
    assert_int_equal(kept_frames.count, 2);
    assert_memory_equal(tt_frames_span(&kept_frames, 1).data, large, sizeof large);
    tt_frames_release(&kept_frames);
}

static void send_output(uint64_t id, int engine, uint64_t stream, const char *text)
{
    tt_message_t message = tt_message(TT_MSG_OUTPUT, id);
    tt_frames_t frames;
    tt_frames_init(&frames);
    tt_frames_copy(&frames, text, strlen(text));
    message.as.output.engine = engine;
    message.as.output.stream = stream;
    fake_send(&fake, &message, &frames);
}

TEST(output_goes_to_its_job_or_is_background)
{
    open_client();
    submit("a", three, 3, false);
    uint64_t id = await_id(TT_MSG_SUBMIT);
    send_output(id, 1, 1, "out");
    send_output(id, 1, 2, "err");
    send_output(id, 1, 77, "odd");
    send_output(4711, 1, 1, "of nobody");
    send_output(0, 2, 2, "late");
    assert_comes(loop, told_ends("late;"));
    assert_told("a: 1.1 out;a: 1.2 err;a: 1.1 odd;background 2.2 late;");
}

TEST(a_job_that_is_refused_as_a_whole_ends_for_each_engine_that_has_not_answered)
{
    open_client();
    submit("a", three, 3, false);
    submit("b", NULL, 0, true);
    uint64_t a = await_id(TT_MSG_SUBMIT), b = await_id(TT_MSG_SUBMIT);
    fake_result(&fake, a, 1, TT_STATUS_OK, "", "1");
    fake_error(&fake, a, "no room");
    fake_error(&fake, b, "no room either");
    assert_comes(loop, told_ends("b: done;"));
    assert_told("a: 1 ok ;a: 0 refused no room;a: 2 refused no room;a: done;"
                "b: -1 refused no room either;b: done;");
}

static void on_done_submit(void *arg, tt_job_t *job)
{
    on_done(arg, job);
    submit("next", three, 1, false);
}

TEST(the_end_of_a_job_may_submit_the_next)
{
    static const tt_job_handlers_t chain = {on_result, NULL, on_done_submit};
    tt_frames_t payload;
    open_client();
    tt_frames_init(&payload);
    tt_frames_copy(&payload, "\x90", 1);
    tt_submit_t wish = {
        .op = 1, .balanced = true, .handlers = &chain, .arg = (void *)(uintptr_t) "first"};
    tt_client_submit(client, &wish, &payload);
    fake_result(&fake, await_id(TT_MSG_SUBMIT), 0, TT_STATUS_OK, "", "");
    fake_result(&fake, await_id(TT_MSG_SUBMIT), 0, TT_STATUS_OK, "", "");
    assert_comes(loop, told_ends("next: done;"));
    assert_told("first: 0 ok ;first: done;next: 0 ok ;next: done;");
}

TEST(a_cancel_names_the_job_and_all_its_engines)
{
    int *ids;
    bool all;
    open_client();
    tt_job_t *job = submit("a", three, 3, false);
    tt_client_cancel(client, job);
    letter_t *letter = fake_await(&fake, TT_MSG_CANCEL);
    assert_int_equal(letter->message.id, tt_job_id(job));
    assert_int_equal(tt_ids_read(letter->message.as.cancel.engines, &ids, &all), 0);
    assert_true(all);
    letter_free(letter);
}

/* ---- functions */

static void bring(unsigned number)
{
    uint8_t hash[16] = {(uint8_t)number, (uint8_t)(number >> 8), 7};
    tt_frames_t bytes;
    tt_frames_init(&bytes);
    tt_frames_copy(&bytes, "function", 8);
    tt_client_blob(client, hash, &bytes);
    assert_int_equal(bytes.count, 0);
}

static bool brought(unsigned number)
{
    uint8_t hash[16] = {(uint8_t)number, (uint8_t)(number >> 8), 7};
    return tt_client_has_blob(client, hash);
}

TEST(a_function_is_sent_once)
{
    open_client();
    assert_false(brought(1));
    bring(1);
    bring(1);
    assert_true(brought(1));
    letter_t *letter = fake_await(&fake, TT_MSG_BLOB);
    assert_int_equal(letter->message.as.blob.hash.len, 16);
    assert_memory_equal(tt_frames_span(&letter->packet.payload, 0).data, "function", 8);
    letter_free(letter);
    submit("a", three, 1, false);
    await_id(TT_MSG_SUBMIT);
    assert_null(fake_take(&fake, TT_MSG_BLOB));
}

static void bring_many(unsigned from, unsigned to)
{
    for (unsigned i = from; i < to; i++)
        bring(i);
}

TEST(of_too_many_functions_the_one_that_rests_longest_goes_but_none_that_is_in_use)
{
    uint8_t first[16] = {0, 0, 7};
    tt_frames_t payload;
    open_client();
    bring(0);
    tt_frames_init(&payload);
    tt_frames_copy(&payload, "\x90", 1);
    tt_submit_t wish = {.op = TT_RT_CALL,
                        .balanced = true,
                        .blob = first,
                        .handlers = &job_handlers,
                        .arg = (void *)(uintptr_t) "a"};
    tt_client_submit(client, &wish, &payload);
    bring_many(1, 65); /* one too many: 0 is the oldest, but in use */
    assert_true(brought(0));
    assert_false(brought(1));
    assert_true(brought(2));
    letter_t *letter = fake_await(&fake, TT_MSG_DROP);
    assert_int_equal(letter->message.as.drop.hash.data[0], 1);
    letter_free(letter);
    fake_result(&fake, await_id(TT_MSG_SUBMIT), 0, TT_STATUS_OK, "", "");
    assert_comes(loop, told_ends("a: done;"));
    bring(65);
    assert_false(brought(0)); /* now it is not */
    assert_true(brought(2));
}

/* ---- requests */

static bool answer_requests(fake_t *self, letter_t *letter)
{
    uint64_t id = letter->message.id;
    tt_message_t done = tt_message(TT_MSG_DONE, id);
    tt_buf_t list;
    static const int ids[] = {4, 5};
    self->count++;
    if (letter->message.type == TT_MSG_STATUS) {
        tt_frames_t frames;
        tt_frames_init(&frames);
        tt_frames_copy(&frames, "report", 6);
        tt_message_t report = tt_message(TT_MSG_REPORT, id);
        fake_send(self, &report, &frames);
    } else if (letter->message.type == TT_MSG_ACTION) {
        fake_error(self, id, "not today");
    } else if (letter->message.type == TT_MSG_LAUNCH) {
        fake_result(self, 1, 0, TT_STATUS_OK, "", ""); /* of a job, meanwhile */
        fake_answer(self, TT_MSG_DONE, id + 1);        /* not the answer */
        tt_buf_init(&list);
        tt_ids_pack(&list, ids, 2);
        done.as.done.engines = span_of(&list);
        fake_send(self, &done, NULL);
        tt_buf_release(&list);
    } else {
        return false;
    }
    return true;
}

static int request(unsigned type, int timeout_ms, tt_message_t *answer, tt_packet_t *reply)
{
    tt_message_t message = tt_message(type, 0);
    return tt_client_request(client, &message, timeout_ms, answer, reply, &err);
}

TEST(a_request_that_nobody_answers_ends_at_its_deadline_and_its_late_answer_is_nobodys)
{
    tt_message_t answer;
    tt_packet_t reply;
    open_client();
    assert_int_equal(request(TT_MSG_STATUS, 20, &answer, &reply), -1);
    assert_int_equal(err.code, ETIMEDOUT);
    assert_says(&err, "does not answer");
    fake_answer(&fake, TT_MSG_REPORT, await_id(TT_MSG_STATUS));
    fake.on_message = answer_requests;
    assert_int_equal(request(TT_MSG_STATUS, 10000, &answer, &reply), 0);
    assert_memory_equal(tt_frames_span(&reply.payload, 0).data, "report", 6); /* its own */
    tt_packet_release(&reply);
}

TEST(a_request_that_is_refused_gives_the_reason)
{
    tt_message_t answer;
    tt_packet_t reply;
    open_client();
    fake.on_message = answer_requests;
    assert_int_equal(request(TT_MSG_ACTION, 10000, &answer, &reply), -1);
    assert_string_equal(err.text, "not today");
}

TEST(an_answers_fields_hold_until_it_is_released_whatever_comes_meanwhile)
{
    tt_message_t answer;
    tt_packet_t reply;
    int *ids;
    open_client();
    submit("a", three, 1, false);
    await_id(TT_MSG_SUBMIT);
    fake.on_message = answer_requests;
    assert_int_equal(request(TT_MSG_LAUNCH, 10000, &answer, &reply), 0);
    assert_int_equal(answer.type, TT_MSG_DONE);
    fake_engine(&fake, 0, TT_ENGINE_READY, "");
    assert_comes(loop, told_ends("ready ;"));
    assert_int_equal(tt_ids_read(answer.as.done.engines, &ids, NULL), 2);
    assert_int_equal(ids[0], 4);
    assert_int_equal(ids[1], 5);
    free(ids);
    tt_packet_release(&reply);
    assert_told("a: 0 ok ;a: done;engine 0 ready ;");
}

/* ---- exchanges */

static void on_exchanged(void *arg, const tt_message_t *message, tt_frames_t *payload)
{
    (void)payload;
    tt_buf_printf(&told, "%s: %s;", (const char *)arg,
                  message ? tt_message_info(message->type)->name : "over");
}

/* Begins one, and waits until it is there. */
static uint64_t exchange(const char *name)
{
    tt_message_t message = tt_message(TT_MSG_GET, 0);
    uint64_t id = tt_client_exchange(client, &message, on_exchanged, (void *)(uintptr_t)name);
    assert_int_equal(message.id, id);
    assert_int_equal(await_id(TT_MSG_GET), id);
    return id;
}

TEST(an_exchange_hears_what_bears_its_number_until_it_is_ended)
{
    open_client();
    uint64_t a = exchange("a"), b = exchange("b");
    fake_answer(&fake, TT_MSG_CHUNK, a);
    fake_answer(&fake, TT_MSG_CREDIT, b);
    fake_answer(&fake, TT_MSG_LISTED, a);
    fake_error(&fake, b, "no host is here");
    fake_answer(&fake, TT_MSG_CHUNK, a + b); /* of nobody */
    fake_answer(&fake, TT_MSG_FILED, a);
    assert_comes(loop, told_ends("a: FILED;"));
    assert_told("a: CHUNK;b: CREDIT;a: LISTED;b: ERROR;a: FILED;");
    tt_client_end_exchange(client, a);
    tt_client_end_exchange(client, a);
    fake_answer(&fake, TT_MSG_CHUNK, a);
    fake_answer(&fake, TT_MSG_CREDIT, b);
    assert_comes(loop, told_ends("b: CREDIT;"));
    assert_told("b: CREDIT;");
}

TEST(a_further_message_of_an_exchange_goes_with_its_payload)
{
    tt_frames_t payload;
    open_client();
    tt_message_t message = tt_message(TT_MSG_CHUNK, exchange("a"));
    tt_frames_init(&payload);
    tt_frames_copy(&payload, "bytes", 5);
    tt_client_go_on(client, &message, &payload);
    assert_int_equal(payload.count, 0);
    letter_t *letter = fake_await(&fake, TT_MSG_CHUNK);
    assert_int_equal(letter->message.id, message.id);
    assert_memory_equal(tt_frames_span(&letter->packet.payload, 0).data, "bytes", 5);
    letter_free(letter);
}

/* ---- its end */

TEST(when_the_controller_ends_every_job_ends_once_and_then_the_client_is_told)
{
    fake.pid = new_process();
    open_client();
    submit("a", three, 3, false);
    submit("b", NULL, 0, true);
    fake_result(&fake, await_id(TT_MSG_SUBMIT), 1, TT_STATUS_OK, "", "");
    assert_comes(loop, told_ends("a: 1 ok ;"));
    told.len = 0;
    kill_process(fake.pid);
    assert_comes(loop, told_ends("gone;"));
    assert_false(tt_client_alive(client));
    const char *text = tt_buf_text(&told);
    const char *const parts[] = {"a: 0 may have run the controller (pid ", "a: 2 may have run",
                                 "a: done;", "b: -1 may have run", "b: done;"};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        const char *at = strstr(text, parts[i]);
        assert_non_null(at);
        assert_null(strstr(at + 1, parts[i]));
    }
}

TEST(a_request_under_way_ends_when_the_controller_does)
{
    tt_message_t answer;
    tt_packet_t reply;
    fake.pid = new_process();
    open_client();
    kill(fake.pid, SIGKILL);
    assert_int_equal(request(TT_MSG_STATUS, 10000, &answer, &reply), -1);
    assert_int_equal(err.code, ECONNRESET);
    assert_says(&err, "is gone");
    assert_int_equal(request(TT_MSG_STATUS, 10000, &answer, &reply), -1); /* at once */
    assert_says(&err, "is gone");
    waitpid(fake.pid, NULL, 0);
}

TEST(exchanges_end_with_the_controller_each_once_and_before_the_client_is_told)
{
    fake.pid = new_process();
    open_client();
    exchange("a");
    tt_client_end_exchange(client, exchange("b"));
    kill_process(fake.pid);
    assert_comes(loop, told_ends("gone;"));
    assert_told("a: over;gone;");
}

TEST(work_for_a_controller_that_is_gone_ends_from_the_loop_and_not_before_its_owner_has_it)
{
    fake.pid = new_process();
    open_client();
    kill_process(fake.pid);
    assert_comes(loop, told_ends("gone;"));
    told.len = 0;
    submit("late", three, 2, false);
    assert_told("");
    assert_comes(loop, told_ends("late: done;"));
}

static void stop(void *arg)
{
    (void)arg;
    tt_loop_stop(loop);
}

TEST(a_client_closed_right_after_such_work_leaves_nothing_on_the_loop)
{
    fake.pid = new_process();
    open_client();
    kill_process(fake.pid);
    assert_comes(loop, told_ends("gone;"));
    told.len = 0;
    submit("late", three, 2, false);
    tt_client_close(&client);
    tt_loop_add_timer(loop, 5, stop, NULL);
    tt_loop_run(loop);
    assert_told("");
}

TEST(a_client_that_closes_says_goodbye_and_forgets_its_jobs_and_exchanges)
{
    open_client();
    submit("a", three, 3, false);
    exchange("b");
    tt_client_close(&client);
    assert_null(client);
    await_id(TT_MSG_SUBMIT);
    letter_free(fake_await(&fake, TT_MSG_BYE));
    assert_told("");
}

#define EACH(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        EACH(a_controller_that_does_not_answer_is_given_up_at_the_deadline),
        EACH(a_socket_that_nobody_listens_on_is_given_up_at_the_deadline),
        EACH(a_refusal_is_told_in_the_controllers_words),
        EACH(a_client_says_who_it_is),
        EACH(engines_introduced_before_the_welcome_are_known_in_order_and_no_news),
        EACH(engines_come_change_and_go),
        EACH(news_that_make_no_sense_are_ignored),
        EACH(work_for_engines_says_everything_about_itself),
        EACH(balanced_work_names_its_engines_or_any),
        EACH(each_engines_result_comes_in_the_order_of_their_ends_and_then_the_job_is_done),
        EACH(a_result_carries_times_host_and_frames_that_may_be_taken),
        EACH(output_goes_to_its_job_or_is_background),
        EACH(a_job_that_is_refused_as_a_whole_ends_for_each_engine_that_has_not_answered),
        EACH(the_end_of_a_job_may_submit_the_next),
        EACH(a_cancel_names_the_job_and_all_its_engines),
        EACH(a_function_is_sent_once),
        EACH(of_too_many_functions_the_one_that_rests_longest_goes_but_none_that_is_in_use),
        EACH(a_request_that_nobody_answers_ends_at_its_deadline_and_its_late_answer_is_nobodys),
        EACH(a_request_that_is_refused_gives_the_reason),
        EACH(an_answers_fields_hold_until_it_is_released_whatever_comes_meanwhile),
        EACH(an_exchange_hears_what_bears_its_number_until_it_is_ended),
        EACH(a_further_message_of_an_exchange_goes_with_its_payload),
        EACH(when_the_controller_ends_every_job_ends_once_and_then_the_client_is_told),
        EACH(a_request_under_way_ends_when_the_controller_does),
        EACH(exchanges_end_with_the_controller_each_once_and_before_the_client_is_told),
        EACH(
            work_for_a_controller_that_is_gone_ends_from_the_loop_and_not_before_its_owner_has_it),
        EACH(a_client_closed_right_after_such_work_leaves_nothing_on_the_loop),
        EACH(a_client_that_closes_says_goodbye_and_forgets_its_jobs_and_exchanges),
    };
    alarm(20);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
