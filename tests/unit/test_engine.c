/* Unit test of engine/engine: one engine with the toy interpreter: its start, its tasks in
 * order, exact interrupts, limits, and what becomes of everything when it dies. */
#include "fake_host.h"

#include "zygote.h"

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

/* A runtime written in sh, which says this on its socket and does that. */
static void start_script(const char *does)
{
    char script[1024];
    snprintf(script, sizeof script, "#!/bin/sh\n%s\n", does);
    scratch_write("runtime", script, 0700);
    engine_start(fake_engine("script", scratch_path("runtime")));
}

/* HELLO of major version 9 and 1, and bytes that are no message. */
#define SAY_HELLO_9  "printf '\\010\\0\\0\\0\\226\\100\\0\\220\\011\\0\\241x' >&3\n"
#define SAY_HELLO_1  "printf '\\010\\0\\0\\0\\226\\100\\0\\220\\001\\0\\241x' >&3\n"
#define SAY_NONSENSE "printf '\\001\\0\\0\\0\\301' >&3\n"
#define LINGER       "exec sleep 1000"

/* The next ENGINE message must tell this state, for a reason that says `part`. */
static void await_end(unsigned state, const char *part)
{
    const tt_message_t *message = &await_letter(TT_MSG_ENGINE)->message;
    char text[512];
    tt_text_copy(message->as.engine.text, text, sizeof text);
    assert_int_equal(message->as.engine.state, state);
    if (strstr(text, part) == NULL)
        fail_msg("the reason \"%s\" does not say \"%s\"", text, part);
}

static void assert_cause(const letter_t *result, const char *cause)
{
    assert_span(result->message.as.result.cause, cause);
}

static bool all_is_done(void)
{
    return host.engine->sent.count + host.engine->waiting.count == 0;
}

/* ---- a start that fails */

TEST(a_language_that_nobody_knows_fails_with_the_reason)
{
    engine_start(fake_engine("cobol", NULL));
    await_end(TT_ENGINE_FAILED, "no language 'cobol'");
    assert_int_equal(engine_state(host.engine), TT_ENGINE_FAILED);
    assert_int_equal(engine_pid(host.engine), 0);
}

TEST(a_program_that_is_not_there_fails_with_its_name)
{
    engine_start(fake_engine("other", "/nonexistent/program"));
    await_end(TT_ENGINE_FAILED, "cannot run '/nonexistent/program': No such file");
}

TEST(what_waited_for_a_start_that_failed_is_cancelled_with_the_reason)
{
    start_script("exit 3");
    submit(1, "value 1");
    submit(2, "value 2");
    await_end(TT_ENGINE_FAILED, "exited with status 3");
    assert_cause(await_result(1, TT_STATUS_CANCELLED), "exited with status 3");
    await_result(2, TT_STATUS_CANCELLED);
    submit(3, "value 3");
    assert_cause(await_result(3, TT_STATUS_CANCELLED), "the engine is not running");
}

TEST(a_runtime_of_another_protocol_is_ended_for_good)
{
    start_script(SAY_HELLO_9 LINGER);
    await_end(TT_ENGINE_GONE, "its runtime speaks protocol 9, this host 1");
}

TEST(a_runtime_that_talks_nonsense_before_hello_is_ended)
{
    start_script(SAY_NONSENSE LINGER);
    await_end(TT_ENGINE_FAILED, "sent its host nonsense");
}

TEST(a_runtime_that_talks_nonsense_loses_the_task_that_it_has)
{
    start_script(SAY_HELLO_1 "head -c 1 <&3 >&2\n" SAY_NONSENSE LINGER);
    submit(1, "value 1");
    await_state(TT_ENGINE_READY);
    await_end(TT_ENGINE_RESTARTING, "sent its host nonsense");
    await_result(1, TT_STATUS_LOST);
}

static void write_message(const char *name, unsigned type, uint32_t seq, size_t *sizes,
                          size_t count, const tt_buf_t *fields, size_t field_count)
{
    tt_buf_t out = {0};
    FILE *file = fopen(scratch_path(name), "we");
    assert_non_null(file);
    tt_rt_pack(&out, type, seq, sizes, count, span_of(fields), field_count);
    tt_buf_append(&out, "body", count ? 4 : 0);
    assert_int_equal(fwrite(out.data, 1, out.len, file), out.len);
    fclose(file);
    tt_buf_release(&out);
}

/* A run time that would make the mean of them -1: how far tasks are sent ahead follows from it.
 */
TEST(a_runtime_that_tells_a_time_before_its_task_began_does_no_harm)
{
    tt_buf_t fields = {0};
    size_t size = 4;
    char script[256];
    tt_pack_uint(&fields, TT_RT_MAJOR);
    tt_pack_uint(&fields, 0);
    for (int i = 0; i < 3; i++)
        tt_pack_text(&fields, "x");
    tt_pack_int(&fields, 0);
    tt_pack_uint(&fields, TT_FEATURE_PAGE);
    write_message("hello", TT_RT_HELLO, 0, NULL, 0, &fields, 7);
    snprintf(script, sizeof script,
             "cat '%s' >&3\nhead -c 1 <&3 >/dev/null\ncat '%s' >&3\n" LINGER,
             scratch_path("hello"), scratch_path("result"));
    fields.len = 0;
    tt_pack_uint(&fields, TT_STATUS_OK);
    fake_engine("script", scratch_path("runtime"));
    tt_pack_int(&fields, host.engine->mean_run_ns - 4 * (host.engine->mean_run_ns + 1));
    engine_destroy(&host.engine);
    write_message("result", TT_RT_RESULT, 1, &size, 1, &fields, 2);
    start_script(script);
    submit(1, "value 1");
    submit(2, "value 2");
    letter_t *letter = await_result(1, TT_STATUS_OK);
    assert_int_equal(letter->message.as.result.run_ns, 0);
    assert_comes(host.loop, host.engine->waiting.count == 0); /* it goes on */
    tt_buf_release(&fields);
}

TEST(a_process_that_goes_on_without_its_socket_is_ended)
{
    start_script(SAY_HELLO_1 "exec 3<&-\n" LINGER);
    await_state(TT_ENGINE_READY);
    await_end(TT_ENGINE_RESTARTING, "left without ending");
}

TEST(an_engine_that_fails_again_and_again_is_given_up)
{
    char script[256];
    snprintf(script, sizeof script,
             "[ -e '%s' ] && exit 4\n: >'%s'\n" SAY_HELLO_1 "head -c 1 <&3; exit 5",
             scratch_path("once"), scratch_path("once"));
    start_script(script);
    await_state(TT_ENGINE_READY);
    await_end(TT_ENGINE_RESTARTING, "exited with status 5");
    await_end(TT_ENGINE_RESTARTING, "exited with status 4");
    await_end(TT_ENGINE_RESTARTING, "exited with status 4");
    await_end(TT_ENGINE_FAILED, "exited with status 4");
}

/* ---- a zygote that answers late */

static engine_t *find_engine(void *arg, int id)
{
    (void)arg;
    (void)id;
    return host.engine;
}

TEST(a_process_that_comes_after_its_start_was_given_up_is_ended)
{
    tt_error_t err;
    int status = 0;
    fake_engine("silent", "/bin/cat"); /* as a zygote it never answers */
    spec.zygote = zygote_new(&host, &spec, find_engine, NULL, &err);
    assert_non_null(spec.zygote);
    engine_start(host.engine);
    assert_int_equal(engine_pid(host.engine), 0);
    engine_kill(host.engine, false, "was restarted");
    await_end(TT_ENGINE_FAILED, "was restarted");
    pid_t late = fork();
    if (late == 0) {
        alarm(60);
        for (;;)
            pause();
    }
    engine_started_as(host.engine, late);
    assert_int_equal(engine_pid(host.engine), 0);
    assert_int_equal(waitpid(late, &status, 0), late);
    assert_true(WIFSIGNALED(status));
    kill(zygote_pid(spec.zygote), SIGKILL);
    waitpid(zygote_pid(spec.zygote), NULL, 0);
    zygote_destroy(&spec.zygote);
}

TEST(the_reason_of_a_failed_start_is_not_told_of_a_later_end)
{
    fake_engine("mock", NULL);
    engine_kill(host.engine, true, "was stopped");
    await_end(TT_ENGINE_FAILED, "was stopped");
    engine_start(host.engine);
    await_state(TT_ENGINE_READY);
    submit(1, "abort");
    await_end(TT_ENGINE_RESTARTING, "was killed by SIGABRT");
    await_state(TT_ENGINE_READY);
}

/* ---- tasks */

TEST(an_engine_that_is_ready_tells_who_it_is)
{
    engine_start(fake_engine("mock", NULL));
    assert_int_equal(engine_state(host.engine), TT_ENGINE_STARTING);
    const tt_msg_engine_t *said = &await_letter(TT_MSG_ENGINE)->message.as.engine;
    assert_int_equal(said->engine, 3);
    assert_int_equal(said->state, TT_ENGINE_READY);
    assert_int_equal(said->pid, engine_pid(host.engine));
    assert_true(said->pid > 0);
    assert_span(said->language, "mock");
    assert_span(said->version, "1");
    assert_span(said->text, "");
    tt_buf_t packed = {0};
    engine_pack(host.engine, &packed);
    tt_reader_t reader = tt_reader(span_of(&packed));
    size_t count;
    int64_t id, pid;
    uint64_t state;
    char language[16];
    assert_int_equal(tt_read_array(&reader, &count), 0);
    assert_int_equal(count, 7);
    assert_int_equal(tt_read_int(&reader, &id) | tt_read_int(&reader, &pid), 0);
    assert_int_equal(tt_read_uint(&reader, &state), 0);
    assert_int_equal(tt_read_text(&reader, language, sizeof language), 0);
    assert_int_equal(id, 3);
    assert_int_equal(pid, said->pid);
    assert_int_equal(state, TT_ENGINE_READY);
    assert_string_equal(language, "mock");
    tt_buf_release(&packed);
}

TEST(what_is_no_task_is_refused_and_never_sent)
{
    const unsigned ops[] = {0, TT_RT_SYNC, TT_RT_TASK_MAX + 1, TT_RT_STOP};
    const tt_buf_t none = {0};
    ready_mock();
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++) {
        submit_op(i, ops[i], &none, (tt_span_t){NULL, 0}, 0);
        assert_cause(await_result(i, TT_STATUS_REFUSED), "no such operation");
    }
    submit(9, "value 9");
    await_result(9, TT_STATUS_OK);
}

TEST(tasks_that_came_before_it_was_ready_run_in_order)
{
    engine_start(fake_engine("mock", NULL));
    submit(1, "value 11\nprint one");
    submit(2, "fail that way");
    submit(3, "value 33\nwarn three");
    letter_t *first = await_result(1, TT_STATUS_OK);
    assert_string_equal(repr_of(first), "11");
    assert_span(tt_frames_span(&first->frames, 1), "one\n");
    assert_span(tt_frames_span(&first->frames, 2), "");
    letter_t *second = await_result(2, TT_STATUS_ERROR);
    assert_span(tt_frames_span(&second->frames, 1), "");
    assert_cause(second, "");
    letter_t *third = await_result(3, TT_STATUS_OK);
    assert_string_equal(repr_of(third), "33");
    assert_span(tt_frames_span(&third->frames, 2), "three\n");
    assert_true(all_is_done());
}

TEST(the_buffers_of_a_result_come_behind_its_output)
{
    tt_msg_task_t message = {.op = TT_RT_CALL, .attempt = 1};
    tt_buf_t args = {0};
    tt_frames_t frames;
    tt_frames_init(&frames);
    tt_pack_array(&args, 3);
    tt_pack_bin(&args, "0123456789abcdef", 16);
    tt_pack_array(&args, 0);
    tt_pack_nil(&args);
    tt_frames_copy(&frames, args.data, args.len);
    tt_frames_copy(&frames, "buffer a", 8);
    tt_frames_copy(&frames, "b", 1);
    ready_mock();
    task_t *task = task_new(1, &message, &frames);
    engine_submit(host.engine, task);
    task_release(&task);
    letter_t *result = await_result(1, TT_STATUS_OK);
    assert_int_equal(result->frames.count, 5);
    assert_span(tt_frames_span(&result->frames, 3), "buffer a");
    assert_span(tt_frames_span(&result->frames, 4), "b");
    tt_buf_release(&args);
}

TEST(a_function_is_sent_once_to_each_interpreter_until_it_is_dropped)
{
    static const tt_span_t hash = {(const uint8_t *)"0123456789abcdef", 16};
    tt_buf_t args = {0};
    tt_frames_t code;
    tt_frames_init(&code);
    tt_frames_copy(&code, "code", 4);
    tt_pack_array(&args, 2);
    tt_pack_bin(&args, hash.data, hash.len);
    tt_pack_array(&args, 0);
    ready_mock();
    submit_op(1, TT_RT_CALL, &args, hash, 0); /* a function that nobody brought */
    await_result(1, TT_STATUS_OK);
    assert_int_equal(host.engine->blob_count, 0);
    blob_keep(&host.blobs, hash, &code);
    for (uint64_t id = 2; id < 4; id++) {
        submit_op(id, TT_RT_CALL, &args, hash, 0);
        await_result(id, TT_STATUS_OK);
        assert_int_equal(host.engine->blob_count, 1);
    }
    engine_drop_blob(host.engine, SPAN("another function"));
    engine_drop_blob(host.engine, SPAN("short"));
    assert_int_equal(host.engine->blob_count, 1);
    engine_drop_blob(host.engine, hash);
    assert_int_equal(host.engine->blob_count, 0);
    submit_op(4, TT_RT_CALL, &args, hash, 0);
    await_result(4, TT_STATUS_OK);
    submit(5, "exit 0");
    await_result(5, TT_STATUS_LOST);
    assert_int_equal(host.engine->blob_count, 0); /* the next process has none */
    tt_buf_release(&args);
}

TEST(what_runs_and_how_much_waits_is_told_in_beats)
{
    tt_buf_t packed = {0};
    ready_mock();
    assert_false(engine_pack_running(host.engine, &packed));
    assert_int_equal(packed.len, 0);
    submit(1, "spin");
    submit(2, "value 2");
    submit(3, "value 3");
    await_start(1);
    assert_true(engine_pack_running(host.engine, &packed));
    tt_reader_t reader = tt_reader(span_of(&packed));
    size_t count;
    int64_t id, task, ms, queued, asked;
    assert_int_equal(tt_read_array(&reader, &count), 0);
    assert_int_equal(count, 5);
    assert_int_equal(tt_read_int(&reader, &id) | tt_read_int(&reader, &task) |
                         tt_read_int(&reader, &ms) | tt_read_int(&reader, &queued) |
                         tt_read_int(&reader, &asked),
                     0);
    assert_int_equal(id, 3);
    assert_int_equal(task, 1);
    assert_in_range(ms, 0, 60000);
    assert_int_equal(queued, 2);
    assert_int_equal(asked, 0);
    tt_buf_release(&packed);
}

/* ---- its death */

TEST(the_task_that_had_started_is_lost_and_the_result_says_why)
{
    ready_mock();
    pid_t before = engine_pid(host.engine);
    submit(1, "warn before\nabort");
    await_end(TT_ENGINE_RESTARTING, "was killed by SIGABRT");
    letter_t *lost = await_result(1, TT_STATUS_LOST);
    assert_cause(lost, "engine 3 was killed by SIGABRT");
    assert_int_equal(tt_frames_span(&lost->frames, 0).len, 0);
    await_state(TT_ENGINE_READY);
    assert_int_not_equal(engine_pid(host.engine), before);
}

TEST(tasks_that_were_sent_ahead_run_in_order_on_the_next_process)
{
    ready_mock();
    expect_short_tasks();
    submit(1, "exit 7");
    submit(2, "value 2");
    submit(3, "value 3");
    assert_int_equal(host.engine->sent.count, 3);
    assert_cause(await_result(1, TT_STATUS_LOST), "engine 3 exited with status 7");
    assert_string_equal(repr_of(await_result(2, TT_STATUS_OK)), "2");
    submit(4, "value 4");
    assert_string_equal(repr_of(await_result(3, TT_STATUS_OK)), "3");
    await_result(4, TT_STATUS_OK);
}

TEST(without_a_page_only_one_is_sent_and_that_one_is_lost)
{
    ready_mock_without_page();
    expect_short_tasks();
    submit(1, "exit 7");
    submit(2, "value 2");
    assert_int_equal(host.engine->sent.count, 1);
    await_result(1, TT_STATUS_LOST);
    assert_string_equal(repr_of(await_result(2, TT_STATUS_OK)), "2");
}

TEST(killed_for_a_restart_it_comes_back_and_does_what_waited)
{
    ready_mock();
    submit(1, "spin");
    submit(2, "value 2");
    await_start(1);
    engine_kill(host.engine, false, "was restarted");
    await_end(TT_ENGINE_RESTARTING, "was restarted");
    assert_cause(await_result(1, TT_STATUS_LOST), "engine 3 was restarted");
    await_state(TT_ENGINE_READY);
    await_result(2, TT_STATUS_OK);
}

TEST(killed_for_good_it_is_gone_and_what_waited_is_cancelled)
{
    ready_mock();
    submit(1, "spin");
    submit(2, "value 2");
    await_start(1);
    engine_kill(host.engine, true, "was stopped");
    await_end(TT_ENGINE_GONE, "was stopped");
    await_result(1, TT_STATUS_LOST);
    assert_cause(await_result(2, TT_STATUS_CANCELLED), "was stopped");
    submit(3, "value 3");
    await_result(3, TT_STATUS_CANCELLED);
}

TEST(asked_to_stop_it_ends_by_itself)
{
    ready_mock();
    submit(1, "value 1");
    await_result(1, TT_STATUS_OK);
    engine_stop(host.engine);
    await_end(TT_ENGINE_GONE, "exited with status 0");
}

/* ---- cancel, interrupt, recall */

TEST(what_waits_is_cancelled_without_running)
{
    ready_mock();
    submit(1, "spin");
    submit(2, "abort");
    await_start(1);
    engine_cancel(host.engine, 99, false);
    engine_cancel(host.engine, 2, false);
    assert_cause(await_result(2, TT_STATUS_CANCELLED), "cancelled before it started");
    engine_cancel(host.engine, 1, false);
    await_result(1, TT_STATUS_INTERRUPTED);
    assert_true(all_is_done());
}

TEST(an_interrupt_ends_what_runs_and_nothing_else)
{
    ready_mock();
    engine_interrupt(host.engine);
    submit(1, "spin");
    submit(2, "value 2");
    await_start(1);
    engine_interrupt(host.engine);
    await_result(1, TT_STATUS_INTERRUPTED);
    assert_string_equal(repr_of(await_result(2, TT_STATUS_OK)), "2");
    engine_interrupt(host.engine);
    submit(3, "value 3");
    await_result(3, TT_STATUS_OK);
}

TEST(a_task_that_was_sent_ahead_is_interrupted_when_it_starts_and_the_one_before_it_is_not)
{
    ready_mock();
    expect_no_revoking();
    expect_short_tasks();
    submit(1, "spin");
    submit(2, "spin");
    submit(3, "value 3");
    assert_int_equal(host.engine->sent.count, 3);
    await_start(1);
    engine_cancel(host.engine, 2, false);
    for (int i = 0; i < 20; i++) { /* twenty tries to claim it */
        uint64_t timer = host.engine->claim_timer;
        assert_int_not_equal(timer, 0);
        assert_comes(host.loop, host.engine->claim_timer != timer);
    }
    assert_true(has_started(1));
    engine_interrupt(host.engine);
    await_result(1, TT_STATUS_INTERRUPTED);
    await_result(2, TT_STATUS_INTERRUPTED);
    await_result(3, TT_STATUS_OK);
}

TEST(what_was_cancelled_before_it_started_does_not_run_after_a_restart)
{
    ready_mock();
    expect_short_tasks();
    submit(1, "spin");
    submit(2, "abort");
    submit(3, "value 3");
    expect_no_revoking();
    await_start(1);
    engine_cancel(host.engine, 2, false);
    engine_kill(host.engine, false, "was restarted");
    await_result(1, TT_STATUS_LOST);
    assert_cause(await_result(2, TT_STATUS_CANCELLED), "cancelled before it started");
    await_result(3, TT_STATUS_OK);
}

TEST(without_a_page_what_runs_is_interrupted_too)
{
    ready_mock_without_page();
    submit(1, "warn started\nspin");
    submit(2, "value 2");
    await_letter(TT_MSG_OUTPUT);
    engine_interrupt(host.engine);
    await_result(1, TT_STATUS_INTERRUPTED);
    await_result(2, TT_STATUS_OK);
}

TEST(without_a_page_a_late_signal_meets_no_task)
{
    ready_mock_without_page();
    for (uint64_t id = 0; id < 100; id += 2) {
        submit(id, "value 1"); /* may have ended when the signal comes */
        submit(id + 1, "sleep 0\nvalue 1");
        engine_interrupt(host.engine);
        letter_t *first = await_letter(TT_MSG_RESULT);
        assert_int_equal(first->message.id, id);
        await_result(id + 1, TT_STATUS_OK);
    }
    assert_false(host.engine->sync_due);
    assert_true(host.engine->seq >= 150); /* 100 tasks, and a SYNC after each interrupt */
}

TEST(what_runs_cannot_be_recalled)
{
    ready_mock();
    submit(1, "spin");
    submit(2, "value 2");
    submit(3, "value 3");
    await_start(1);
    assert_false(engine_recall(host.engine, 1));
    assert_false(engine_recall(host.engine, 99));
    assert_true(engine_recall(host.engine, 2));
    assert_false(engine_recall(host.engine, 2));
    engine_interrupt(host.engine);
    await_result(1, TT_STATUS_INTERRUPTED);
    await_result(3, TT_STATUS_OK);
}

TEST(nobody_hears_of_tasks_whose_controller_is_gone)
{
    ready_mock();
    expect_short_tasks();
    submit(1, "spin");
    submit(2, "value 2");
    host.engine->mean_run_ns = INT32_MAX;
    submit(3, "value 3");
    assert_int_equal(host.engine->waiting.count, 1);
    await_start(1);
    engine_forget_waiting(host.engine);
    assert_int_equal(host.engine->waiting.count, 0);
    submit(4, "value 4");
    engine_interrupt(host.engine);
    await_result(4, TT_STATUS_OK);
}

TEST(tasks_whose_controller_is_gone_do_not_run_after_a_restart)
{
    ready_mock();
    expect_short_tasks();
    submit(1, "spin");
    submit(2, "value 2");
    await_start(1);
    engine_forget_waiting(host.engine);
    engine_kill(host.engine, false, "was restarted");
    await_end(TT_ENGINE_RESTARTING, "was restarted");
    submit(4, "value 4");
    await_result(4, TT_STATUS_OK);
}

/* ---- limits */

TEST(a_task_ends_at_its_limit_and_the_next_one_has_its_own)
{
    ready_mock();
    submit_limited(1, "spin", 10);
    submit_limited(2, "value 2", 60000);
    submit_limited(3, "spin", 10);
    await_result(1, TT_STATUS_TIMEOUT);
    await_result(2, TT_STATUS_OK);
    await_result(3, TT_STATUS_TIMEOUT);
}

TEST(a_limit_that_passes_before_the_task_has_started_holds_all_the_same)
{
    ready_mock();
    kill(engine_pid(host.engine), SIGSTOP);
    submit_limited(1, "spin", 1);
    uint64_t timer = host.engine->limit_timer;
    assert_int_not_equal(timer, 0);
    assert_comes(host.loop, host.engine->limit_timer != timer);
    kill(engine_pid(host.engine), SIGCONT);
    await_result(1, TT_STATUS_TIMEOUT);
}

TEST(an_error_of_user_code_is_no_timeout)
{
    ready_mock();
    submit_limited(1, "fail", 60000);
    await_result(1, TT_STATUS_ERROR);
    submit_limited(2, "spin", 60000);
    await_start(2);
    engine_interrupt(host.engine);
    await_result(2, TT_STATUS_INTERRUPTED);
}

#define EACH(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    alarm(150);
    setenv("TUTTI_LOG", "error", 1);
    const struct CMUnitTest tests[] = {
        EACH(a_language_that_nobody_knows_fails_with_the_reason),
        EACH(a_program_that_is_not_there_fails_with_its_name),
        EACH(what_waited_for_a_start_that_failed_is_cancelled_with_the_reason),
        EACH(a_runtime_of_another_protocol_is_ended_for_good),
        EACH(a_runtime_that_talks_nonsense_before_hello_is_ended),
        EACH(a_runtime_that_talks_nonsense_loses_the_task_that_it_has),
        EACH(a_runtime_that_tells_a_time_before_its_task_began_does_no_harm),
        EACH(a_process_that_goes_on_without_its_socket_is_ended),
        EACH(an_engine_that_fails_again_and_again_is_given_up),
        EACH(a_process_that_comes_after_its_start_was_given_up_is_ended),
        EACH(the_reason_of_a_failed_start_is_not_told_of_a_later_end),
        EACH(an_engine_that_is_ready_tells_who_it_is),
        EACH(what_is_no_task_is_refused_and_never_sent),
        EACH(tasks_that_came_before_it_was_ready_run_in_order),
        EACH(the_buffers_of_a_result_come_behind_its_output),
        EACH(a_function_is_sent_once_to_each_interpreter_until_it_is_dropped),
        EACH(what_runs_and_how_much_waits_is_told_in_beats),
        EACH(the_task_that_had_started_is_lost_and_the_result_says_why),
        EACH(tasks_that_were_sent_ahead_run_in_order_on_the_next_process),
        EACH(without_a_page_only_one_is_sent_and_that_one_is_lost),
        EACH(killed_for_a_restart_it_comes_back_and_does_what_waited),
        EACH(killed_for_good_it_is_gone_and_what_waited_is_cancelled),
        EACH(asked_to_stop_it_ends_by_itself),
        EACH(what_waits_is_cancelled_without_running),
        EACH(an_interrupt_ends_what_runs_and_nothing_else),
        EACH(
            a_task_that_was_sent_ahead_is_interrupted_when_it_starts_and_the_one_before_it_is_not),
        EACH(what_was_cancelled_before_it_started_does_not_run_after_a_restart),
        EACH(without_a_page_what_runs_is_interrupted_too),
        EACH(without_a_page_a_late_signal_meets_no_task),
        EACH(what_runs_cannot_be_recalled),
        EACH(nobody_hears_of_tasks_whose_controller_is_gone),
        EACH(tasks_whose_controller_is_gone_do_not_run_after_a_restart),
        EACH(a_task_ends_at_its_limit_and_the_next_one_has_its_own),
        EACH(a_limit_that_passes_before_the_task_has_started_holds_all_the_same),
        EACH(an_error_of_user_code_is_no_timeout),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
