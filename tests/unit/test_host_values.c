/* Unit test of engine/values: tasks that wait for a big value and results that wait to be
 * taken, with an engine of the toy language; the test is controller and client. */
#include "fake_host.h"

#include <stdlib.h>

enum { LEN = 3 << 20 };

static tt_layout_t layout; /* of arguments and a buffer of LEN bytes */
static tt_buf_t args;

static int begin(void **unused)
{
    (void)unused;
    tt_buf_init(&args);
    tt_pack_array(&args, 3);
    tt_pack_bin(&args, "0123456789abcdef", 16);
    tt_pack_array(&args, 0);
    tt_pack_nil(&args);
    tt_layout_plan(&layout, (size_t[]){args.len, LEN}, 2);
    return fake_host_begin();
}

static int end(void **unused)
{
    (void)unused;
    tt_layout_release(&layout);
    tt_buf_release(&args);
    return fake_host_end();
}

static void assert_cause_is(const letter_t *result, const char *part)
{
    char cause[512];
    assert_non_null(
        strstr(tt_text_copy(result->message.as.result.cause, cause, sizeof cause), part));
}

/* A CALL, which the toy answers with its buffers, whose buffer is to be wanted. */
static void submit_big_as(uint64_t id, const tt_layout_t *its)
{
    tt_buf_t packed = {0};
    tt_frames_t frames;
    tt_frames_init(&frames);
    tt_frames_copy(&frames, args.data, args.len);
    tt_layout_pack(its, &packed);
    tt_msg_task_t message = {.op = TT_RT_CALL, .attempt = id % 10, .layout = span_of(&packed)};
    task_t *task = task_new(id, &message, &frames);
    engine_submit(host.engine, task);
    task_release(&task);
    tt_buf_release(&packed);
}

static void submit_big(uint64_t id)
{
    submit_big_as(id, &layout);
}

static void want_of(uint64_t id, uint64_t taken)
{
    letter_t *letter = await_letter(TT_MSG_WANT);
    assert_int_equal(letter->message.id, id);
    assert_int_equal(letter->message.as.want.engine, 3);
    assert_int_equal(letter->message.as.want.taken, taken);
}

static void give(uint64_t id, uint64_t offset, size_t len, uint64_t total)
{
    tt_message_t message = tt_message(TT_MSG_DATA, id);
    tt_frames_t frames;
    uint8_t *bytes = tt_alloc(len + 1);
    for (size_t i = 0; i < len; i++)
        bytes[i] = (uint8_t)((offset + i) * 7);
    message.as.data.engine = 3;
    message.as.data.offset = offset;
    message.as.data.total = total;
    tt_frames_init(&frames);
    tt_frames_copy(&frames, bytes, len);
    values_data(host.values, &message, &frames);
    tt_frames_release(&frames);
    free(bytes);
}

/* The value of `id` comes, in chunks. */
static void give_all(uint64_t id)
{
    enum { CHUNK = 500000 };
    want_of(id, 0);
    for (uint64_t at = 0; at < layout.bytes; at += CHUNK) {
        size_t len = layout.bytes - at < CHUNK ? (size_t)(layout.bytes - at) : CHUNK;
        give(id, at, len, layout.bytes);
        want_of(id, at + len);
    }
}

static void refuse(uint64_t id, const char *why)
{
    tt_message_t message = tt_message(TT_MSG_DATA, id);
    tt_frames_t none;
    tt_frames_init(&none);
    message.as.data.engine = 3;
    message.as.data.text = tt_span(why);
    values_data(host.values, &message, &none);
}

static void want(uint64_t id, uint64_t taken)
{
    tt_message_t message = tt_message(TT_MSG_WANT, id);
    message.as.want.engine = 3;
    message.as.want.taken = taken;
    values_want(host.values, &message);
}

/* The next DATA of result `id`: where it begins. Its bytes are as they were given. */
static uint64_t data_of(uint64_t id, size_t *len)
{
    letter_t *letter = take_letter(TT_MSG_DATA);
    assert_non_null(letter);
    const tt_msg_data_t *data = &letter->message.as.data;
    tt_span_t bytes = tt_frames_span(&letter->frames, 0);
    assert_int_equal(letter->message.id, id);
    assert_int_equal(data->engine, 3);
    assert_int_equal(data->total, LEN);
    for (size_t i = 0; i < bytes.len; i++)
        if (bytes.data[i] != (uint8_t)((data->offset + i) * 7))
            fail_msg("byte %zu is another", (size_t)data->offset + i);
    *len = bytes.len;
    return data->offset;
}

static void announced(uint64_t id)
{
    size_t len;
    letter_t *letter = NULL;
    assert_comes(host.loop, (letter = take_letter(TT_MSG_DATA)) != NULL);
    letter->taken = false;
    assert_int_equal(data_of(id, &len), 0);
    assert_int_equal(len, 0);
}

static bool has_result(uint64_t id)
{
    const letter_t *letter = host.letters;
    while (letter && (letter->message.type != TT_MSG_RESULT || letter->message.id != id))
        letter = letter->next;
    return letter != NULL;
}

/* Takes a whole result: each chunk is wanted when the one before has come. */
static void take_all(uint64_t id)
{
    uint64_t taken = 0;
    size_t len;
    want(id, 0);
    while (taken < LEN) {
        assert_int_equal(data_of(id, &len), taken);
        assert_true(len > 0 && len <= 65536);
        taken += len;
        assert_false(has_result(id));
        want(id, taken);
    }
    assert_null(take_letter(TT_MSG_DATA));
}

/* ---- values of tasks */

TEST(a_task_begins_when_its_value_is_whole_and_its_result_comes_when_that_was_taken)
{
    tt_error_t err;
    tt_layout_t told;
    ready_mock();
    submit_big(1);
    submit(2, "value 2"); /* it waits for its turn */
    give_all(1);
    announced(1);
    await_result(2, TT_STATUS_OK);
    take_all(1);
    letter_t *letter = await_result(1, TT_STATUS_OK);
    assert_int_equal(letter->frames.count, 3); /* body, stdout, stderr */
    assert_int_equal(tt_layout_read(&told, letter->message.as.result.layout, &err), 0);
    assert_int_equal(told.count, 4);
    assert_int_equal(told.places[0].offset, TT_IN_MESSAGE);
    assert_int_equal(told.places[3].offset, 0);
    assert_int_equal(told.places[3].len, LEN);
    tt_layout_release(&told);
    want(1, 0); /* it is gone */
    assert_null(take_letter(TT_MSG_DATA));
}

/* DATA that offers a file with the value's bytes. */
static void offer(uint64_t id, tt_spool_place_t place, uint64_t total)
{
    tt_message_t message = tt_message(TT_MSG_DATA, id);
    tt_frames_t none;
    tt_frames_init(&none);
    message.as.data.engine = 3;
    message.as.data.total = total;
    message.as.data.pid = place.pid;
    message.as.data.fd = place.fd;
    message.as.data.inode = place.inode;
    values_data(host.values, &message, &none);
}

static void want_of_near(uint64_t id, bool near)
{
    letter_t *letter = await_letter(TT_MSG_WANT);
    assert_int_equal(letter->message.id, id);
    assert_int_equal(letter->message.as.want.taken, 0);
    assert_int_equal(letter->message.as.want.near, near);
}

static tt_spool_t *spool_of_bytes(void)
{
    tt_error_t err;
    uint8_t *bytes = tt_alloc(LEN);
    tt_spool_t *spool = tt_spool_new(layout.bytes, &err);
    for (size_t i = 0; i < LEN; i++)
        bytes[i] = (uint8_t)(i * 7);
    assert_int_equal(tt_spool_write(spool, 0, (tt_span_t){bytes, LEN}, &err), 0);
    free(bytes);
    return spool;
}

TEST(a_client_on_this_machine_gives_a_file_and_takes_one)
{
    tt_error_t err;
    tt_spool_t *spool = spool_of_bytes();
    ready_mock();
    submit_big(1);
    want_of_near(1, true);
    offer(1, tt_spool_place(spool), layout.bytes);
    want_of(1, layout.bytes);
    tt_spool_release(&spool);
    announced(1);
    tt_message_t message = tt_message(TT_MSG_WANT, 1);
    message.as.want.engine = 3;
    message.as.want.near = true;
    values_want(host.values, &message);
    letter_t *letter = take_letter(TT_MSG_DATA);
    assert_non_null(letter);
    const tt_msg_data_t *data = &letter->message.as.data;
    spool = tt_spool_open((tt_spool_place_t){(int)data->pid, (int)data->fd, data->inode}, LEN,
                          &err);
    assert_non_null(spool);
    assert_false(has_result(1));
    want(1, LEN);
    await_result(1, TT_STATUS_OK);
    for (size_t i = 0; i < LEN; i++)
        if (tt_spool_map(spool, &err)[i] != (uint8_t)(i * 7))
            fail_msg("byte %zu is another", i);
    tt_spool_release(&spool);
}

TEST(a_file_that_cannot_be_opened_is_asked_for_in_chunks)
{
    tt_spool_place_t nowhere = {.pid = getpid(), .fd = 0, .inode = 1};
    ready_mock();
    submit_big(1);
    want_of_near(1, true);
    offer(1, nowhere, layout.bytes);
    want_of_near(1, false);
    give(1, 0, LEN, layout.bytes);
    want_of(1, layout.bytes);
    announced(1);
    tt_message_t message = tt_message(TT_MSG_WANT, 1);
    message.as.want.engine = 3;
    message.as.want.near = true;
    values_want(host.values, &message);
    assert_int_equal(take_letter(TT_MSG_DATA)->message.as.data.pid, getpid());
    take_all(1); /* its client could not open it either */
}

TEST(a_value_comes_once_for_all_engines_of_a_task)
{
    tt_buf_t packed = {0};
    tt_frames_t frames;
    ready_mock();
    tt_frames_init(&frames);
    tt_frames_copy(&frames, args.data, args.len);
    tt_layout_pack(&layout, &packed);
    tt_msg_task_t message = {.op = TT_RT_CALL, .attempt = 1, .layout = span_of(&packed)};
    task_t *task = task_new(1, &message, &frames);
    engine_submit(host.engine, task);
    engine_submit(host.engine, task); /* as another engine's part would be */
    give_all(1);
    announced(1);
    announced(1);
    task_release(&task);
    tt_buf_release(&packed);
}

TEST(another_engine_asks_when_the_one_that_has_asked_ends)
{
    tt_buf_t packed = {0};
    tt_frames_t frames;
    engine_t *first = ready_mock();
    submit_big(1);
    want_of(1, 0);
    give(1, 0, 1000, layout.bytes);
    want_of(1, 1000);
    tt_frames_init(&frames);
    tt_frames_copy(&frames, args.data, args.len);
    tt_layout_pack(&layout, &packed);
    tt_msg_task_t message = {.op = TT_RT_CALL, .attempt = 2, .layout = span_of(&packed)};
    task_t *task = task_new(2, &message, &frames);
    engine_t *second = engine_new(&host, &spec, 4);
    engine_submit(second, task); /* it is not started yet */
    engine_submit(first, task);
    engine_cancel(first, 1, false);
    await_result(1, TT_STATUS_CANCELLED);
    want_of(2, 0);
    give(2, 0, 1000, layout.bytes);
    want_of(2, 1000);
    engine_start(second);
    await_state(TT_ENGINE_READY);
    engine_cancel(first, 2, false);
    await_result(2, TT_STATUS_CANCELLED);
    assert_int_equal(task->incoming.taking.taken, 0);
    engine_pump(second);
    letter_t *letter = await_letter(TT_MSG_WANT);
    assert_int_equal(letter->message.as.want.engine, 4);
    assert_int_equal(letter->message.as.want.taken, 0);
    task_release(&task);
    engine_kill(second, true, "the test ends");
    engine_destroy(&second);
    tt_buf_release(&packed);
}

TEST(the_value_of_the_next_task_comes_while_one_runs_and_no_more_than_that)
{
    ready_mock();
    submit(1, "sleep 60");
    await_start(1);
    for (uint64_t id = 2; id <= 5; id++)
        submit_big(id);
    want_of(2, 0);
    want_of(3, 0);
    assert_null(take_letter(TT_MSG_WANT));
}

TEST(a_value_that_does_not_come_refuses_its_task_and_the_next_goes_on)
{
    ready_mock();
    submit_big(1);
    submit(2, "value 2");
    want_of(1, 0);
    give(1, 0, 1000, layout.bytes);
    refuse(1, "its value went with the session");
    assert_cause_is(await_result(1, TT_STATUS_REFUSED), "its value went with the session");
    await_result(2, TT_STATUS_OK);
    give(1, 1000, 1000, layout.bytes); /* was on its way */
    refuse(7, "nobody waits for that");
}

TEST(a_value_that_is_not_what_was_said_refuses_its_task)
{
    ready_mock();
    submit_big(1);
    give(1, 0, 1000, layout.bytes + 1);
    assert_cause_is(await_result(1, TT_STATUS_REFUSED), "not as large as was said");
    submit_big(2);
    give(2, 1000, 1000, layout.bytes); /* of what came before it began anew: passed over */
    give(2, 0, 1000, layout.bytes);
    give(2, 3000, 1000, layout.bytes);
    assert_cause_is(await_result(2, TT_STATUS_REFUSED), "do not follow each other");
    tt_layout_t vast;
    tt_layout_plan(&vast, (size_t[]){args.len, (size_t)1 << 50}, 2);
    submit_big_as(3, &vast);
    give(3, 0, 0, vast.bytes);
    assert_cause_is(await_result(3, TT_STATUS_REFUSED), "of memory are free");
    tt_layout_release(&vast);
    tt_msg_task_t message = {.op = TT_RT_CALL, .attempt = 4, .layout = SPAN("\x91\xff")};
    submit_message(4, message, &args);
    assert_cause_is(await_result(4, TT_STATUS_REFUSED), "place 0 of a layout");
}

TEST(a_task_that_is_cancelled_waits_for_no_value)
{
    ready_mock();
    submit_big(1);
    want_of(1, 0);
    give(1, 0, 1000, layout.bytes);
    want_of(1, 1000);
    engine_cancel(host.engine, 1, false);
    await_result(1, TT_STATUS_CANCELLED);
    give(1, 1000, 1000, layout.bytes);
    assert_null(take_letter(TT_MSG_WANT));
    submit_big(1); /* asked for again, it begins anew */
    give_all(1);
    announced(1);
}

TEST(an_engine_that_dies_keeps_the_value_of_what_had_not_started)
{
    ready_mock();
    submit(1, "sleep 60");
    await_start(1);
    submit_big(2);
    give_all(2);
    engine_kill(host.engine, false, "was restarted");
    await_result(1, TT_STATUS_LOST);
    announced(2);
    assert_null(take_letter(TT_MSG_WANT));
}

TEST(a_question_brings_no_big_value)
{
    tt_buf_t packed = {0};
    ready_mock();
    tt_layout_pack(&layout, &packed);
    tt_msg_task_t message = {
        .op = TT_RT_COMPLETE, .attempt = 1, .flags = TT_SUBMIT_NOW, .layout = span_of(&packed)};
    submit_message(1, message, &args);
    assert_cause_is(await_result(1, TT_STATUS_REFUSED), "big value");
    tt_buf_release(&packed);
}

/* As a runtime that takes no files does. */
TEST(a_runtime_that_takes_no_files_gets_what_fits_into_a_message)
{
    ready_mock();
    host.engine->features &= ~(unsigned)TT_FEATURE_SPOOL;
    submit_big(1);
    give_all(1);
    announced(1);
    tt_layout_t large;
    tt_layout_plan(&large, (size_t[]){args.len, (size_t)65 << 20}, 2);
    submit_big_as(2, &large);
    want_of(2, 0);
    for (uint64_t at = 0; at < large.bytes; at += 1 << 20)
        give(2, at, 1 << 20, large.bytes);
    assert_cause_is(await_result(2, TT_STATUS_REFUSED),
                    "a value of 65 MiB, and mock engines take 64 MiB");
    tt_layout_release(&large);
}

/* ---- results */

TEST(a_result_is_given_anew_to_whoever_begins_anew)
{
    size_t len;
    ready_mock();
    submit_big(1);
    give_all(1);
    announced(1);
    want(1, 0);
    assert_int_equal(data_of(1, &len), 0);
    want(1, len);
    while (take_letter(TT_MSG_DATA))
        continue;
    take_all(1);
    await_result(1, TT_STATUS_OK);
}

TEST(a_result_that_nobody_takes_ends_without_its_value)
{
    ready_mock();
    submit_big(1);
    give_all(1);
    announced(1);
    want(1, TT_WANT_NOTHING);
    letter_t *letter = await_letter(TT_MSG_RESULT);
    assert_int_equal(letter->message.id, 1);
    assert_int_equal(letter->frames.count, 0);
    assert_int_equal(letter->message.as.result.layout.len, 0);
    assert_int_equal(letter->message.as.result.status, TT_STATUS_INTERRUPTED);
    assert_span(letter->message.as.result.cause, "its value was not taken");
}

TEST(a_task_that_is_cancelled_while_its_value_is_taken_ends_without_it)
{
    size_t len;
    ready_mock();
    submit_big(1);
    give_all(1);
    announced(1);
    want(1, 0);
    assert_int_equal(data_of(1, &len), 0);
    engine_cancel(host.engine, 2, false); /* another */
    assert_null(take_letter(TT_MSG_RESULT));
    engine_cancel(host.engine, 1, false);
    letter_t *letter = await_letter(TT_MSG_RESULT);
    assert_int_equal(letter->message.as.result.status, TT_STATUS_INTERRUPTED);
    assert_span(letter->message.as.result.cause, "its value was not taken");
    want(1, len);
    submit(3, "value 3");
    await_result(3, TT_STATUS_OK);
}

TEST(what_is_wanted_of_nothing_or_makes_no_sense_does_nothing)
{
    ready_mock();
    submit_big(1);
    give_all(1);
    announced(1);
    want(9, 0);
    want(1, 17); /* more than was sent */
    assert_null(take_letter(TT_MSG_DATA));
    want(1, 0);
    want(1, LEN); /* so */
    assert_null(take_letter(TT_MSG_RESULT));
}

TEST(with_its_controller_all_that_waits_is_gone)
{
    ready_mock();
    submit_big(1);
    give_all(1);
    announced(1);
    submit_big(2);
    want_of(2, 0);
    engine_forget_waiting(host.engine);
    values_controller_gone(host.values);
    want(1, 0);
    give(2, 0, 1000, layout.bytes);
    assert_null(take_letter(TT_MSG_DATA));
    assert_null(take_letter(TT_MSG_WANT));
    submit_big(3);
    give_all(3);
    announced(3);
}

#define EACH(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        EACH(a_task_begins_when_its_value_is_whole_and_its_result_comes_when_that_was_taken),
        EACH(a_client_on_this_machine_gives_a_file_and_takes_one),
        EACH(a_file_that_cannot_be_opened_is_asked_for_in_chunks),
        EACH(a_value_comes_once_for_all_engines_of_a_task),
        EACH(another_engine_asks_when_the_one_that_has_asked_ends),
        EACH(the_value_of_the_next_task_comes_while_one_runs_and_no_more_than_that),
        EACH(a_value_that_does_not_come_refuses_its_task_and_the_next_goes_on),
        EACH(a_value_that_is_not_what_was_said_refuses_its_task),
        EACH(a_task_that_is_cancelled_waits_for_no_value),
        EACH(an_engine_that_dies_keeps_the_value_of_what_had_not_started),
        EACH(a_question_brings_no_big_value),
        EACH(a_runtime_that_takes_no_files_gets_what_fits_into_a_message),
        EACH(a_result_is_given_anew_to_whoever_begins_anew),
        EACH(a_result_that_nobody_takes_ends_without_its_value),
        EACH(a_task_that_is_cancelled_while_its_value_is_taken_ends_without_it),
        EACH(what_is_wanted_of_nothing_or_makes_no_sense_does_nothing),
        EACH(with_its_controller_all_that_waits_is_gone),
    };
    alarm(120);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
