/* Unit test of engine/engine_now: questions to an engine that idles, that is busy, that starts
 * or dies; the names that its host keeps, and how it comes by them. */
#include "fake_host.h"

#include "value.h"

#include <stdio.h>

static int begin(void **unused)
{
    (void)unused;
    return fake_host_begin();
}

static int end(void **unused)
{
    (void)unused;
    return fake_host_end();
}

static void ask_limited(uint64_t id, unsigned op, const char *code, uint64_t timeout_ms)
{
    tt_buf_t args = {0};
    tt_pack_array(&args, 2);
    tt_pack_text(&args, code);
    tt_pack_uint(&args, op == TT_RT_COMPLETE ? strlen(code) : 0);
    submit_message(
        id, (tt_msg_task_t){.op = op, .timeout_ms = timeout_ms, .flags = TT_SUBMIT_NOW}, &args);
    tt_buf_release(&args);
}

static void ask(uint64_t id, const char *code)
{
    ask_limited(id, TT_RT_COMPLETE, code, 5000);
}

static void set_variable(uint64_t id, const char *name)
{
    tt_msg_task_t message = {.op = TT_RT_SET, .attempt = id % 10};
    tt_buf_t args = {0};
    tt_frames_t frames;
    tt_frames_init(&frames);
    tt_pack_array(&args, 2);
    tt_pack_text(&args, name);
    tt_pack_text(&args, "value");
    tt_frames_copy(&frames, args.data, args.len);
    tt_frames_copy(&frames, "\x01", 1);
    task_t *task = task_new(id, &message, &frames);
    engine_submit(host.engine, task);
    task_release(&task);
    tt_buf_release(&args);
}

static void assert_answer(uint64_t id, unsigned status, const char *cause, const char *part)
{
    letter_t *letter = await_result(id, status);
    tt_span_t body = tt_frames_span(&letter->frames, 0);
    tt_buf_t json = {0};
    assert_span(letter->message.as.result.cause, cause);
    if (body.len)
        tt_value_json(body, &json);
    if (strstr(tt_buf_text(&json), part) == NULL)
        fail_msg("the answer %s does not hold %s", tt_buf_text(&json), part);
    tt_buf_release(&json);
}

/* Until the host has asked for the names of the top level, and has them. */
static void await_names(void)
{
    assert_comes(host.loop, !host.engine->names_old && host.engine->sent.first == NULL &&
                                host.engine->names.entry_count > 0);
}

TEST(an_engine_that_idles_answers_itself)
{
    ready_mock();
    set_variable(1, "prime");
    await_result(1, TT_STATUS_OK);
    ask(2, "pri");
    assert_answer(2, TT_STATUS_OK, "", "[0,[\"print\",\"prime\"]]");
    ask_limited(3, TT_RT_INSPECT, "prime", 300);
    assert_answer(3, TT_STATUS_OK, "", "a variable");
}

TEST(for_a_busy_engine_its_host_answers_with_the_names_it_knew_before)
{
    ready_mock();
    set_variable(1, "prime");
    await_result(1, TT_STATUS_OK);
    await_names();
    submit(2, "spin");
    submit(3, "value 3");
    ask(4, "x = pri");
    assert_answer(4, TT_STATUS_OK, "busy", "[4,[\"print\",\"prime\"]]");
    ask(5, "prime.real");
    assert_answer(5, TT_STATUS_OK, "busy", "[6,[]]");
    ask_limited(6, TT_RT_INSPECT, "prime", 300);
    assert_answer(6, TT_STATUS_REFUSED, "busy", "");
    await_start(2);
    engine_interrupt(host.engine);
    await_result(2, TT_STATUS_INTERRUPTED);
    await_result(3, TT_STATUS_OK);
}

TEST(what_was_completed_serves_until_the_names_change)
{
    ready_mock();
    ask(1, "x.pr");
    assert_answer(1, TT_STATUS_OK, "", "[\"print\"]");
    submit(2, "spin");
    ask(3, "f(x.pri");
    assert_answer(3, TT_STATUS_OK, "busy", "[4,[\"print\"]]");
    await_start(2);
    engine_interrupt(host.engine);
    await_result(2, TT_STATUS_INTERRUPTED);
    submit(4, "spin");
    ask(5, "f(x.pri");
    assert_answer(5, TT_STATUS_OK, "busy", "[4,[]]");
}

TEST(an_engine_that_starts_is_busy_and_knows_nothing)
{
    engine_start(fake_engine("mock", NULL));
    ask(1, "pri");
    assert_answer(1, TT_STATUS_OK, "busy", "[0,[]]");
    await_state(TT_ENGINE_READY);
}

TEST(an_engine_that_will_not_run_answers_as_for_any_task)
{
    engine_start(fake_engine("cobol", NULL));
    await_state(TT_ENGINE_FAILED);
    ask(1, "pri");
    assert_answer(1, TT_STATUS_CANCELLED, "the engine is not running", "");
}

TEST(a_completion_that_hangs_ends_at_its_limit_and_what_came_meanwhile_runs)
{
    ready_mock();
    ask_limited(1, TT_RT_COMPLETE, "hang.x", 20);
    submit(2, "value 2");
    ask(3, "pri");
    assert_answer(3, TT_STATUS_OK, "busy", "");
    await_result(1, TT_STATUS_TIMEOUT);
    await_result(2, TT_STATUS_OK);
    ask_limited(4, TT_RT_COMPLETE, "hang.x", 0);
    assert_in_range(host.engine->sent.first->task->timeout_ms, 1, 2000);
    await_start(4);
    engine_cancel(host.engine, 4, false);
    await_result(4, TT_STATUS_INTERRUPTED);
}

TEST(questions_do_not_count_in_the_window)
{
    ready_mock();
    int64_t mean = host.engine->mean_run_ns;
    ask(1, "");
    await_result(1, TT_STATUS_OK);
    assert_int_equal(host.engine->mean_run_ns, mean);
}

TEST(a_question_that_had_not_started_when_the_engine_died_is_answered_and_not_done_later)
{
    ready_mock();
    kill(engine_pid(host.engine), SIGSTOP);
    ask(1, "pri");
    assert_int_equal(host.engine->sent.count, 1);
    engine_kill(host.engine, false, "was restarted");
    assert_answer(1, TT_STATUS_OK, "busy", "");
    await_state(TT_ENGINE_RESTARTING);
    await_state(TT_ENGINE_READY);
}

TEST(the_hosts_own_question_is_nobodys_business)
{
    tt_buf_t packed = {0};
    ready_mock();
    kill(engine_pid(host.engine), SIGSTOP);
    assert_comes(host.loop, host.engine->sent.count == 1);
    assert_true(engine_asked_itself(host.engine->sent.first));
    assert_false(engine_pack_running(host.engine, &packed));
    engine_interrupt(host.engine);
    assert_int_equal(host.engine->sent.first->stop, WANTED);
    ask(1, "pri"); /* it does not count as busy */
    submit(2, "value 2");
    assert_int_equal(host.engine->sent.count, 1);
    assert_null(take_letter(TT_MSG_RESULT));
    kill(engine_pid(host.engine), SIGCONT);
    assert_answer(1, TT_STATUS_OK, "", "[\"print\"]");
    await_result(2, TT_STATUS_OK);
    await_names();
    assert_null(take_letter(TT_MSG_RESULT));
    assert_null(take_letter(TT_MSG_OUTPUT));
}

TEST(the_hosts_own_question_dies_with_the_engine)
{
    ready_mock();
    kill(engine_pid(host.engine), SIGSTOP);
    assert_comes(host.loop, host.engine->sent.count == 1);
    engine_kill(host.engine, false, "was restarted");
    await_state(TT_ENGINE_RESTARTING);
    assert_int_equal(host.engine->sent.count + host.engine->waiting.count, 0);
    await_state(TT_ENGINE_READY);
    await_names();
    assert_null(take_letter(TT_MSG_RESULT));
}

TEST(an_engine_that_is_stopped_is_busy_and_is_sent_nothing)
{
    ready_mock();
    await_names();
    kill(engine_pid(host.engine), SIGSTOP);
    engine_stopped(host.engine, SIGSTOP);
    await_state(TT_ENGINE_STOPPED);
    assert_int_equal(engine_state(host.engine), TT_ENGINE_READY); /* its process is there */
    ask(1, "pri");
    assert_answer(1, TT_STATUS_OK, "busy", "[0,[\"print\"]]");
    submit(2, "value 2");
    submit(3, "value 3");
    assert_int_equal(host.engine->sent.count, 0);
    assert_true(engine_recall(host.engine, 3));
    kill(engine_pid(host.engine), SIGCONT);
    engine_stopped(host.engine, 0);
    engine_stopped(host.engine, 0); /* told once */
    await_state(TT_ENGINE_READY);
    await_result(2, TT_STATUS_OK);
    assert_null(take_letter(TT_MSG_ENGINE));
}

TEST(a_task_that_ignores_interrupts_tells_for_how_long)
{
    tt_buf_t packed = {0};
    size_t count;
    int64_t asked = -1;
    ready_mock();
    submit(1, "spin");
    await_start(1);
    kill(engine_pid(host.engine), SIGSTOP); /* as one that hangs in a system call */
    engine_interrupt(host.engine);
    host.engine->sent.first->asked_ns -= 7000000000;
    assert_true(engine_pack_running(host.engine, &packed));
    tt_reader_t reader = tt_reader(span_of(&packed));
    tt_read_array(&reader, &count);
    for (int i = 0; i < 5; i++)
        assert_int_equal(tt_read_int(&reader, &asked), 0);
    assert_in_range(asked, 7000, 60000);
    tt_buf_release(&packed);
}

TEST(without_a_page_it_is_the_same)
{
    ready_mock_without_page();
    await_names();
    submit(1, "spin");
    ask(2, "pri");
    assert_answer(2, TT_STATUS_OK, "busy", "[0,[\"print\"]]");
    engine_cancel(host.engine, 1, false);
    await_result(1, TT_STATUS_INTERRUPTED);
    ask_limited(3, TT_RT_COMPLETE, "hang.x", 20);
    submit(4, "value 4");
    await_result(3, TT_STATUS_TIMEOUT);
    await_result(4, TT_STATUS_OK);
}

#define EACH(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    alarm(150);
    setenv("TUTTI_LOG", "error", 1);
    const struct CMUnitTest tests[] = {
        EACH(an_engine_that_idles_answers_itself),
        EACH(for_a_busy_engine_its_host_answers_with_the_names_it_knew_before),
        EACH(what_was_completed_serves_until_the_names_change),
        EACH(an_engine_that_starts_is_busy_and_knows_nothing),
        EACH(an_engine_that_will_not_run_answers_as_for_any_task),
        EACH(a_completion_that_hangs_ends_at_its_limit_and_what_came_meanwhile_runs),
        EACH(questions_do_not_count_in_the_window),
        EACH(
            a_question_that_had_not_started_when_the_engine_died_is_answered_and_not_done_later),
        EACH(the_hosts_own_question_is_nobodys_business),
        EACH(the_hosts_own_question_dies_with_the_engine),
        EACH(an_engine_that_is_stopped_is_busy_and_is_sent_nothing),
        EACH(a_task_that_ignores_interrupts_tells_for_how_long),
        EACH(without_a_page_it_is_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
