/* Unit test of share/client: jobs that outlive it, kept, given back, left behind and adopted,
 * with a controller played by the test. */
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
static tt_buf_t told; /* by handlers, in words and in order */

static void on_result(void *arg, tt_job_t *job, tt_result_t *result)
{
    (void)job;
    tt_buf_printf(&told, "%s: %d %s;", (const char *)arg, result->engine,
                  tt_status_text(result->status));
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

static void on_gone(void *arg, const char *why)
{
    (void)arg;
    (void)why;
    tt_buf_printf(&told, "gone;");
}

static const tt_client_handlers_t handlers = {.gone = on_gone};

#define assert_told(text)                                                                      \
    do {                                                                                       \
        assert_text(&told, text);                                                              \
        told.len = 0;                                                                          \
    } while (0)

static int begin(void **unused)
{
    (void)unused;
    tt_buf_init(&told);
    if (scratch_begin() != 0)
        return -1;
    loop = tt_loop_new();
    if (fake_start(&fake, loop) != 0)
        return -1;
    client = tt_client_open(loop, &fake.dir, "tests", &handlers, NULL, 10000, &err);
    return client ? 0 : -1;
}

static int end(void **unused)
{
    (void)unused;
    tt_client_close(&client);
    fake_stop(&fake);
    tt_loop_destroy(&loop);
    tt_buf_release(&told);
    return scratch_end();
}

static tt_job_t *submit(const char *name, uint64_t keep, uint32_t index, bool balanced)
{
    static const int three[] = {0, 1, 2};
    tt_frames_t payload;
    tt_frames_init(&payload);
    tt_frames_copy(&payload, "\x90", 1);
    tt_submit_t wish = {.op = TT_RT_EXECUTE,
                        .engines = balanced ? NULL : three,
                        .engine_count = balanced ? 0 : 3,
                        .balanced = balanced,
                        .keep = keep,
                        .index = index,
                        .handlers = &job_handlers,
                        .arg = (void *)(uintptr_t)name};
    return tt_client_submit(client, &wish, &payload);
}

/* ---- keeping */

TEST(a_job_is_named_with_what_is_wanted_of_it_later_and_its_submissions_say_whose_they_are)
{
    tt_client_keep(client, 7, tt_span("what was typed"));
    submit("a", 7, 3, true);
    tt_client_keep(client, 7, (tt_span_t){NULL, 0});
    letter_t *letter = fake_await(&fake, TT_MSG_KEEP);
    assert_int_equal(letter->message.as.keep.keep, 7);
    assert_int_equal(letter->message.as.keep.meta.len, 14);
    letter_free(letter);
    letter = fake_await(&fake, TT_MSG_SUBMIT);
    assert_int_equal(letter->message.as.submit.keep, 7);
    assert_int_equal(letter->message.as.submit.index, 3);
    letter_free(letter);
    letter = fake_await(&fake, TT_MSG_KEEP);
    assert_int_equal(letter->message.as.keep.meta.len, 0);
    letter_free(letter);
}

/* The next STORE in words: "keep.index: engine attempt body|out|err". */
static void assert_stored(const char *want)
{
    letter_t *letter = fake_await(&fake, TT_MSG_STORE);
    const tt_msg_store_t *store = &letter->message.as.store;
    tt_buf_t words;
    tt_buf_init(&words);
    tt_buf_printf(&words, "%d.%d: %d %d ", (int)store->keep, (int)store->index,
                  (int)store->engine, (int)store->attempt);
    for (size_t i = 0; i < letter->packet.payload.count; i++) {
        tt_span_t bytes = tt_frames_span(&letter->packet.payload, i);
        tt_buf_printf(&words, "%s%.*s", i ? "|" : "", (int)bytes.len, (const char *)bytes.data);
    }
    assert_text(&words, want);
    tt_buf_release(&words);
    letter_free(letter);
}

TEST(a_result_is_given_back_whole_and_stays_with_its_owner)
{
    char large[100000];
    tt_frames_t frames;
    memset(large, 'x', sizeof large);
    tt_frames_init(&frames);
    tt_frames_copy(&frames, "body", 4);
    tt_frames_copy(&frames, "out", 3);
    tt_frames_copy(&frames, "", 0);
    tt_frames_copy(&frames, large, sizeof large);
    tt_result_t result = {.engine = 2,
                          .status = TT_STATUS_TIMEOUT,
                          .attempt = 3,
                          .queue_ns = 1,
                          .wait_ns = 2,
                          .run_ns = 3,
                          .dropped_bytes = 4,
                          .cause = "at its limit",
                          .host = "there",
                          .frames = &frames};
    tt_client_store(client, 7, 5, &result);
    letter_t *letter = fake_await(&fake, TT_MSG_STORE);
    const tt_msg_store_t *store = &letter->message.as.store;
    assert_int_equal(store->keep, 7);
    assert_int_equal(store->index, 5);
    assert_int_equal(store->engine, 2);
    assert_int_equal(store->attempt, 3);
    assert_int_equal(store->status, TT_STATUS_TIMEOUT);
    assert_int_equal(store->queue_ns, 1);
    assert_int_equal(store->wait_ns, 2);
    assert_int_equal(store->run_ns, 3);
    assert_int_equal(store->dropped_bytes, 4);
    assert_memory_equal(store->cause.data, "at its limit", 12);
    assert_memory_equal(store->host.data, "there", 5);
    assert_int_equal(letter->packet.payload.count, 4);
    assert_int_equal(tt_frames_span(&letter->packet.payload, 3).len, sizeof large);
    letter_free(letter);
    assert_int_equal(frames.count, 4);
    assert_memory_equal(tt_frames_span(&frames, 3).data, large, sizeof large);
    tt_frames_release(&frames);
}

TEST(a_result_that_no_engine_made_and_output_without_a_result_are_told_apart)
{
    tt_result_t result = {.engine = -1, .status = TT_STATUS_CANCELLED};
    tt_client_store(client, 7, 5, &result);
    assert_stored("7.5: -1 1 ");
    tt_client_store_output(client, 7, 6, -1, tt_span("out"), tt_span("err"));
    assert_stored("7.6: -1 0 |out|err");
}

/* ---- leaving */

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

static void send_store(fake_t *self, uint64_t keep, uint64_t index, const char *body)
{
    tt_message_t message = tt_message(TT_MSG_STORE, 0);
    tt_frames_t frames;
    tt_frames_init(&frames);
    tt_frames_copy(&frames, body, strlen(body));
    message.as.store.keep = keep;
    message.as.store.index = index;
    message.as.store.engine = 4;
    fake_send(self, &message, &frames);
}

/* All that the client has sent has come, and neither a STORE nor a second BYE. */
static void await_nothing_more(void)
{
    bool never = false;
    tt_loop_run_until(loop, &never, 20);
    assert_null(fake_take(&fake, TT_MSG_STORE));
    assert_null(fake_take(&fake, TT_MSG_BYE));
}

static void assert_taken(uint64_t count)
{
    letter_t *letter = fake_await(&fake, TT_MSG_TAKEN);
    assert_int_equal(letter->message.as.taken.count, count);
    letter_free(letter);
}

TEST(who_keeps_jobs_says_how_much_it_has_taken_and_others_say_nothing)
{
    bool never = false;
    uint64_t id = tt_job_id(submit("a", 0, 0, true));
    send_output(id, 1, 1, "x");
    tt_loop_run_until(loop, &never, 150);
    assert_told("a: 1.1 x;");
    assert_null(fake_take(&fake, TT_MSG_TAKEN));
    tt_client_keep(client, 7, tt_span("meta"));
    id = tt_job_id(submit("b", 7, 0, true));
    fake_engine(&fake, 0, TT_ENGINE_READY, "");
    send_output(id, 1, 1, "y");
    fake_result(&fake, id, 1, TT_STATUS_OK, "", "");
    assert_taken(5); /* the welcome, and the other's output */
    assert_told("b: 1.1 y;b: 1 ok;b: done;");
    fake_engine(&fake, 0, TT_ENGINE_GONE, ""); /* that is nothing to keep */
    tt_loop_run_until(loop, &never, 150);
    assert_null(fake_take(&fake, TT_MSG_TAKEN));
}

static uint64_t ids[4]; /* of submissions, for what the controller says while it is left */

/* What was under way comes before the answer, the first time. */
static bool answer_leave(fake_t *self, letter_t *letter)
{
    if (letter->message.type != TT_MSG_LEAVE)
        return false;
    if (self->count++ == 0) {
        send_output(ids[0], 1, 2, "late");
        send_output(ids[1], 5, 1, "later");
        fake_result(self, ids[0], 1, TT_STATUS_CANCELLED, "", "");
        fake_result(self, ids[2], 1, TT_STATUS_CANCELLED, "", "");
        fake_result(self, ids[3], 1, TT_STATUS_CANCELLED, "", "");
        fake_engine(self, 0, TT_ENGINE_READY, "");
    }
    fake_answer(self, TT_MSG_DONE, letter->message.id);
    return true;
}

TEST(who_leaves_gives_back_what_comes_meanwhile_and_hears_no_more)
{
    tt_client_keep(client, 7, tt_span("meta"));
    tt_client_keep(client, 8, tt_span("meta"));
    ids[0] = tt_job_id(submit("a", 7, 0, false));
    ids[1] = tt_job_id(submit("b", 7, 1, true));
    ids[2] = tt_job_id(submit("c", 0, 2, true)); /* not kept */
    ids[3] = tt_job_id(submit("d", 8, 3, true)); /* not kept any more */
    tt_client_keep(client, 8, (tt_span_t){NULL, 0});
    fake.on_message = answer_leave;
    tt_client_leave(&client);
    assert_null(client);
    assert_told("");
    assert_stored("7.0: 1 0 ||late");
    assert_stored("7.1: -1 0 |later|");
    assert_stored("7.0: 1 1 ||");
    assert_int_equal(fake.count, 2); /* asked again behind what was given back */
    assert_taken(1);
    assert_taken(1 + 7);
    letter_free(fake_await(&fake, TT_MSG_BYE));
    assert_null(fake_take(&fake, TT_MSG_STORE));
}

TEST(who_leaves_waits_no_longer_than_it_must)
{
    int64_t began = tt_now_ms();
    tt_client_leave(&client); /* it gets no answer */
    assert_null(client);
    assert_true(tt_now_ms() - began >= 1900);
    tt_client_leave(&client);
}

static bool die_on_leave(fake_t *self, letter_t *letter)
{
    if (letter->message.type == TT_MSG_LEAVE)
        kill(self->pid, SIGKILL);
    return false;
}

TEST(a_controller_that_dies_while_it_is_left_ends_it_and_calls_nobody)
{
    tt_client_close(&client);
    fake.pid = fork();
    if (fake.pid == 0)
        for (;;)
            pause();
    client = tt_client_open(loop, &fake.dir, "tests", &handlers, NULL, 10000, &err);
    assert_non_null(client);
    submit("a", 0, 0, false);
    fake.on_message = die_on_leave;
    tt_client_leave(&client);
    assert_null(client);
    assert_told("");
    waitpid(fake.pid, NULL, 0);
}

static bool answer_bye(fake_t *self, letter_t *letter)
{
    if (letter->message.type != TT_MSG_BYE)
        return false;
    self->count++;
    send_output(ids[0], 1, 2, "late");
    fake_result(self, ids[0], 1, TT_STATUS_CANCELLED, "", "");
    send_store(self, 7, 1, "old");
    fake_answer(self, TT_MSG_DONE, letter->message.id);
    return true;
}

TEST(who_has_kept_jobs_and_closes_waits_until_that_was_heard_and_gives_nothing_back)
{
    tt_client_keep(client, 7, tt_span("meta"));
    ids[0] = tt_job_id(submit("a", 7, 0, true));
    fake.on_message = answer_bye;
    tt_client_close(&client);
    assert_null(client);
    assert_told("");
    assert_int_equal(fake.count, 1);
    await_nothing_more();
}

/* ---- adopting */

static tt_job_t *adopted[4];
static size_t adopted_count;

static void on_job(void *arg, uint64_t keep, tt_span_t meta)
{
    tt_buf_printf(&told, "%s job %d %.*s;", (const char *)arg, (int)keep, (int)meta.len,
                  (const char *)meta.data);
}

static void on_task(void *arg, const tt_adopted_t *task, tt_job_t *job,
                    const tt_job_handlers_t **its, void **job_arg)
{
    tt_buf_printf(&told, "%s task %d.%d", (const char *)arg, (int)task->keep, (int)task->index);
    for (size_t i = 0; i < task->engine_count; i++)
        tt_buf_printf(&told, " %d", task->engines[i]);
    tt_buf_printf(&told, "%s;", task->balanced ? " any" : "");
    assert_int_equal(tt_job_left(job), task->balanced ? 1 : task->engine_count);
    adopted[adopted_count++ % 4] = job;
    if (task->index == 9)
        return; /* nobody hears of it */
    *its = &job_handlers;
    *job_arg = (void *)(uintptr_t) "old";
}

static void on_old_result(void *arg, uint64_t keep, uint32_t index, tt_result_t *result)
{
    tt_buf_printf(&told, "%s result %d.%d: %d %s %.*s;", (const char *)arg, (int)keep,
                  (int)index, result->engine, tt_status_text(result->status),
                  (int)tt_frames_span(result->frames, 0).len,
                  (const char *)tt_frames_span(result->frames, 0).data);
    tt_frames_release(result->frames); /* they may be taken */
}

static const tt_adopt_handlers_t adopt_handlers = {on_job, on_task, on_old_result};

static void add_frame(tt_frames_t *frames, const char *bytes, size_t len)
{
    tt_frames_copy(frames, bytes, len);
}

#define JOB(frames, bytes) add_frame(frames, bytes, sizeof(bytes) - 1)

static bool answer_adopt(fake_t *self, letter_t *letter)
{
    tt_frames_t jobs;
    if (letter->message.type != TT_MSG_ADOPT)
        return false;
    tt_frames_init(&jobs);
    /* [5, "first", [[0, 100, [1, 2]], [9, 101, nil]]]; [6, "second", []] */
    JOB(&jobs, "\x93\x05\xc4\x05"
               "first\x92\x93\x00\x64\x92\x01\x02\x93\x09\x65\xc0");
    JOB(&jobs, "\x93\x06\xc4\x06second\x90");
    tt_message_t message = tt_message(TT_MSG_ADOPTED, letter->message.id);
    fake_send(self, &message, &jobs);
    send_store(self, 5, 3, "one");
    send_store(self, 6, 0, "two");
    send_output(100, 1, 1, "ahead");
    send_output(101, 1, 1, "of nobody");
    fake_answer(self, TT_MSG_DONE, letter->message.id);
    return true;
}

TEST(what_was_left_behind_is_told_in_order_and_its_tasks_are_as_any_other)
{
    fake.on_message = answer_adopt;
    adopted_count = 0;
    assert_int_equal(
        tt_client_adopt(client, &adopt_handlers, (void *)(uintptr_t) "x", 10000, &err), 0);
    assert_told("x job 5 first;x task 5.0 1 2;x task 5.9 any;x job 6 second;"
                "x result 5.3: 4 ok one;x result 6.0: 4 ok two;old: 1.1 ahead;");
    assert_int_equal(tt_job_id(adopted[0]), 100);
    tt_client_cancel(client, adopted[0]);
    letter_t *letter = fake_await(&fake, TT_MSG_CANCEL);
    assert_int_equal(letter->message.id, 100);
    letter_free(letter);
    fake_result(&fake, 101, 7, TT_STATUS_OK, "", "");
    fake_result(&fake, 100, 2, TT_STATUS_INTERRUPTED, "", "");
    fake_result(&fake, 100, 1, TT_STATUS_OK, "", "");
    assert_comes(loop, told.len > 0 && strstr(tt_buf_text(&told), "done;"));
    assert_told("old: 2 interrupted;old: 1 ok;old: done;");
}

static bool answer_nonsense(fake_t *self, letter_t *letter)
{
    tt_frames_t jobs;
    if (letter->message.type != TT_MSG_ADOPT)
        return false;
    tt_frames_init(&jobs);
    JOB(&jobs, "");
    JOB(&jobs, "\xc1");
    JOB(&jobs, "\x93\x05\x05\x90");
    JOB(&jobs, "\x92\x05\xc4\x00");
    JOB(&jobs, "\x93\x05\xc4\x00\x91\x90");
    JOB(&jobs, "\x93\x05\xc4\x00\x91\x93\x00\x64\x90");
    JOB(&jobs, "\x93\x05\xc4\x00\x91\x93\x00\x64\x91\xff");
    JOB(&jobs, "\x93\x05\xc4\x00\x91\x93\xcf\xff\xff\xff\xff\xff\xff\xff\xff\x64\xc0");
    JOB(&jobs, "\x93\x05\xc4\x00\x92\x93\x00\x64\xc0\x93\x01\x64\xc0"); /* twice the same */
    tt_message_t message = tt_message(TT_MSG_ADOPTED, letter->message.id);
    fake_send(self, &message, &jobs);
    fake_answer(self, TT_MSG_DONE, letter->message.id);
    return true;
}

TEST(jobs_that_make_no_sense_are_passed_over)
{
    fake.on_message = answer_nonsense;
    assert_int_equal(
        tt_client_adopt(client, &adopt_handlers, (void *)(uintptr_t) "x", 10000, &err), 0);
    assert_told("x job 5 ;x job 5 ;x job 5 ;x job 5 ;x job 5 ;x task 5.0 any;");
}

static bool refuse_adopt(fake_t *self, letter_t *letter)
{
    if (letter->message.type == TT_MSG_ADOPT)
        fake_error(self, letter->message.id, "ADOPT was said already");
    return letter->message.type == TT_MSG_ADOPT;
}

TEST(a_refusal_and_silence_are_told)
{
    assert_int_equal(tt_client_adopt(client, &adopt_handlers, NULL, 20, &err), -1);
    assert_int_equal(err.code, ETIMEDOUT);
    fake.on_message = refuse_adopt;
    assert_int_equal(tt_client_adopt(client, &adopt_handlers, NULL, 10000, &err), -1);
    assert_string_equal(err.text, "ADOPT was said already");
}

TEST(who_adopts_may_leave_it_all_behind_again)
{
    fake.on_message = answer_adopt;
    assert_int_equal(
        tt_client_adopt(client, &adopt_handlers, (void *)(uintptr_t) "x", 10000, &err), 0);
    told.len = 0;
    fake.on_message = answer_leave;
    ids[0] = 100;
    ids[1] = 101;
    ids[2] = ids[3] = 4711;
    tt_client_leave(&client);
    assert_told("");
    assert_stored("5.0: 1 0 ||late");
    assert_stored("5.9: -1 0 |later|");
    assert_stored("5.0: 1 1 ||");
}

#define EACH(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        EACH(
            a_job_is_named_with_what_is_wanted_of_it_later_and_its_submissions_say_whose_they_are),
        EACH(a_result_is_given_back_whole_and_stays_with_its_owner),
        EACH(a_result_that_no_engine_made_and_output_without_a_result_are_told_apart),
        EACH(who_keeps_jobs_says_how_much_it_has_taken_and_others_say_nothing),
        EACH(who_leaves_gives_back_what_comes_meanwhile_and_hears_no_more),
        EACH(who_leaves_waits_no_longer_than_it_must),
        EACH(a_controller_that_dies_while_it_is_left_ends_it_and_calls_nobody),
        EACH(who_has_kept_jobs_and_closes_waits_until_that_was_heard_and_gives_nothing_back),
        EACH(what_was_left_behind_is_told_in_order_and_its_tasks_are_as_any_other),
        EACH(jobs_that_make_no_sense_are_passed_over),
        EACH(a_refusal_and_silence_are_told),
        EACH(who_adopts_may_leave_it_all_behind_again),
    };
    alarm(20);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
