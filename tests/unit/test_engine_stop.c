/* Unit test of engine/engine_stop: what was sent ahead into the interpreter's socket is taken
 * back or cancelled, and never runs then; what runs is left to interrupts. */
#include "fake_host.h"

#include <stdio.h>
#include <stdlib.h>

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

/* An engine that runs task 1, with 2 to `last` behind it in its socket. */
static void busy_mock(uint64_t last)
{
    char code[32];
    ready_mock();
    expect_short_tasks();
    submit(1, "spin");
    for (uint64_t id = 2; id <= last; id++) {
        snprintf(code, sizeof code, "print %d", (int)id);
        submit(id, code);
    }
    assert_int_equal(host.engine->sent.count, last);
    await_start(1);
}

/* Task 1 ends, and the next results are of these tasks, which have run. */
static void finish(size_t count, const uint64_t *ids)
{
    char text[32];
    engine_interrupt(host.engine);
    await_result(1, TT_STATUS_INTERRUPTED);
    for (size_t i = 0; i < count; i++) {
        snprintf(text, sizeof text, "%d\n", (int)ids[i]);
        letter_t *letter = await_result(ids[i], TT_STATUS_OK);
        assert_span(tt_frames_span(&letter->frames, 1), text);
    }
    submit(99, "value 99");
    await_result(99, TT_STATUS_OK);
    assert_null(take_letter(TT_MSG_OUTPUT));
    assert_null(take_letter(TT_MSG_RESULT));
    assert_int_equal(host.engine->revoked, 0);
    assert_true(host.engine->page->revoked == 0);
}

#define FINISH(...)                                                                            \
    finish(sizeof((uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t), (uint64_t[]){__VA_ARGS__})

TEST(what_was_sent_ahead_is_recalled_from_the_end)
{
    busy_mock(5);
    assert_true(engine_recall(host.engine, 5));
    assert_false(engine_recall(host.engine, 5));
    assert_true(engine_recall(host.engine, 4));
    assert_int_equal(host.engine->seq, 5); /* nothing had to be sent again */
    FINISH(2, 3);
}

TEST(what_is_behind_a_recalled_task_runs_in_its_order)
{
    busy_mock(6);
    assert_true(engine_recall(host.engine, 3));
    assert_true(engine_recall(host.engine, 5));
    FINISH(2, 4, 6);
}

TEST(a_range_reaches_down_to_an_earlier_task)
{
    busy_mock(6);
    assert_true(engine_recall(host.engine, 6));
    assert_true(engine_recall(host.engine, 2));
    FINISH(3, 4, 5);
}

TEST(a_task_that_was_recalled_may_come_back)
{
    busy_mock(3);
    for (int i = 0; i < 10; i++) {
        assert_true(engine_recall(host.engine, 3));
        submit(3, "print 3");
    }
    FINISH(2, 3);
}

TEST(what_was_sent_ahead_is_cancelled_at_once)
{
    busy_mock(4);
    engine_cancel(host.engine, 3, false);
    letter_t *letter = await_result(3, TT_STATUS_CANCELLED);
    assert_span(letter->message.as.result.cause, "cancelled before it started");
    assert_true(has_started(1));
    assert_int_equal(host.engine->claim_timer, 0);
    FINISH(2, 4);
}

TEST(no_more_than_a_window_is_in_the_socket_however_often_it_is_revoked)
{
    busy_mock(64);
    for (uint64_t id = 2; id <= 60; id++)
        assert_true(engine_recall(host.engine, id));
    assert_true(host.engine->sent.count <= 64);
    assert_int_equal(
        host.engine->sent.count + host.engine->waiting.count - host.engine->revoked, 5);
    FINISH(61, 62, 63, 64);
}

TEST(beats_do_not_count_what_was_revoked)
{
    tt_buf_t packed = {0};
    int64_t queued = -1;
    size_t count;
    busy_mock(5);
    engine_recall(host.engine, 5);
    engine_recall(host.engine, 4);
    assert_true(engine_pack_running(host.engine, &packed));
    tt_reader_t reader = tt_reader(span_of(&packed));
    tt_read_array(&reader, &count);
    for (int i = 0; i < 4; i++)
        tt_read_int(&reader, &queued);
    assert_int_equal(queued, 2);
    tt_buf_release(&packed);
}

TEST(when_the_engine_dies_what_was_revoked_is_nobodys)
{
    busy_mock(5);
    assert_true(engine_recall(host.engine, 5));
    engine_cancel(host.engine, 3, false);
    await_result(3, TT_STATUS_CANCELLED);
    engine_kill(host.engine, false, "was restarted");
    await_result(1, TT_STATUS_LOST);
    await_result(2, TT_STATUS_OK);
    await_result(4, TT_STATUS_OK);
    assert_int_equal(host.engine->revoked, 0);
    assert_null(take_letter(TT_MSG_RESULT));
}

TEST(a_process_that_dies_over_a_revoked_task_has_lost_nothing)
{
    busy_mock(3);
    assert_true(engine_recall(host.engine, 3));
    kill(engine_pid(host.engine), SIGSTOP);
    tt_page_start(host.engine->page, 3); /* it has met it, and its answer is lost with it */
    kill(engine_pid(host.engine), SIGKILL);
    await_result(1, TT_STATUS_LOST); /* which is not known to have ended */
    await_result(2, TT_STATUS_LOST);
    submit(4, "value 4");
    await_result(4, TT_STATUS_OK);
    assert_null(take_letter(TT_MSG_RESULT));
}

/* As if 2 had been about to start when it was revoked together with 3: whether it has seen that
 * is told by its result alone. */
static part_t *leave_in_doubt(void)
{
    busy_mock(3);
    part_t *part = part_queue_find(&host.engine->sent, 2);
    engine_revoke(host.engine, part->next);
    tt_page_revoke(host.engine->page, 2, 3);
    part->in_doubt = true;
    host.engine->doubt = part->seq;
    return part;
}

TEST(a_task_in_doubt_that_did_not_start_comes_first_again)
{
    leave_in_doubt();
    FINISH(2, 3);
}

TEST(a_task_in_doubt_that_was_cancelled_and_did_not_start_is_cancelled)
{
    leave_in_doubt()->stop = BY_PERSON;
    engine_interrupt(host.engine);
    await_result(1, TT_STATUS_INTERRUPTED);
    await_result(2, TT_STATUS_CANCELLED);
    await_result(3, TT_STATUS_OK);
}

TEST(a_page_that_user_code_has_written_over_says_that_all_may_have_run)
{
    busy_mock(3);
    kill(engine_pid(host.engine), SIGSTOP);
    memset(host.engine->page, 255, sizeof *host.engine->page);
    assert_false(engine_recall(host.engine, 3));
    engine_revoke_all(host.engine);
    assert_int_equal(host.engine->revoked, 0);
    engine_kill(host.engine, false, "was restarted");
    for (uint64_t id = 1; id <= 3; id++)
        await_result(id, TT_STATUS_LOST);
    submit(4, "value 4");
    await_result(4, TT_STATUS_OK);
}

TEST(a_runtime_that_does_not_know_of_it_is_never_revoked)
{
    busy_mock(3);
    expect_no_revoking();
    assert_false(engine_recall(host.engine, 3));
    engine_revoke_all(host.engine);
    assert_int_equal(host.engine->revoked, 0);
    FINISH(2, 3);
}

TEST(without_a_page_nothing_is_revoked)
{
    ready_mock_without_page();
    submit(1, "spin");
    submit(2, "print 2");
    assert_false(engine_recall(host.engine, 1));
    assert_true(engine_recall(host.engine, 2));
    assert_int_equal(host.engine->revoked, 0);
    engine_cancel(host.engine, 1, false);
    await_result(1, TT_STATUS_INTERRUPTED);
}

TEST(numbers_of_tasks_may_wrap)
{
    ready_mock();
    expect_short_tasks();
    host.engine->seq = host.engine->answered = UINT32_MAX - 3;
    atomic_store(&host.engine->page->word, (uint64_t)(UINT32_MAX - 3) << 2);
    submit(1, "spin");
    for (uint64_t id = 2; id <= 7; id++)
        submit(id, "print x");
    assert_int_equal(host.engine->seq, 4);
    await_start(1);
    assert_true(engine_recall(host.engine, 3)); /* from before the end to behind it */
    engine_cancel(host.engine, 6, false);
    await_result(6, TT_STATUS_CANCELLED);
    engine_interrupt(host.engine);
    await_result(1, TT_STATUS_INTERRUPTED);
    await_result(2, TT_STATUS_OK);
    await_result(4, TT_STATUS_OK);
    await_result(5, TT_STATUS_OK);
    await_result(7, TT_STATUS_OK);
    assert_int_equal(host.engine->revoked, 0);
}

TEST(without_a_controller_what_has_not_started_does_not_run)
{
    busy_mock(4);
    engine_forget_waiting(host.engine);
    assert_int_equal(host.engine->revoked, 3);
    engine_interrupt(host.engine);
    submit(5, "print 5");
    assert_span(tt_frames_span(&await_result(5, TT_STATUS_OK)->frames, 1), "5\n");
    assert_null(take_letter(TT_MSG_OUTPUT));
}

/* ---- at random */

enum { TASKS = 100000, OUTSTANDING = 40 };
typedef enum { UNSENT, SENT, RECALLED, CANCELLED_, ENDED } fate_t;

static uint8_t fates[TASKS + 1];
static bool ahead[TASKS + 1]; /* its output has come before its result */
static size_t ended, recalled, cancelled, interrupted, doubts;
static uint64_t last_run; /* tasks run in the order they came */

/* Whether this is what the task prints. */
static bool is_print(uint64_t id, tt_span_t span)
{
    char text[32];
    snprintf(text, sizeof text, "%d\n", (int)id);
    return text_is(span, text);
}

static void check_output(const letter_t *letter)
{
    uint64_t id = letter->message.id;
    assert_in_range(id, 1, TASKS); /* 0 would be of no task */
    assert_true(fates[id] == SENT || fates[id] == CANCELLED_);
    assert_true(is_print(id, tt_frames_span(&letter->frames, 0)));
    ahead[id] = true;
}

static void check_result(const letter_t *letter)
{
    uint64_t id = letter->message.id;
    assert_in_range(id, 1, TASKS);
    unsigned status = (unsigned)letter->message.as.result.status;
    bool printed = ahead[id] || is_print(id, tt_frames_span(&letter->frames, 1));
    if (status != TT_STATUS_CANCELLED) {
        assert_true(id > last_run);
        last_run = id;
    }
    switch (status) {
    case TT_STATUS_OK:
        assert_true(fates[id] == SENT || fates[id] == CANCELLED_);
        assert_true(printed);
        break;
    case TT_STATUS_CANCELLED:
        assert_int_equal(fates[id], CANCELLED_);
        assert_false(printed);
        assert_int_equal(tt_frames_span(&letter->frames, 1).len, 0);
        cancelled++;
        break;
    default:
        assert_int_equal(status, TT_STATUS_INTERRUPTED);
        assert_int_equal(fates[id], CANCELLED_);
        interrupted++;
    }
    fates[id] = ENDED;
    ended++;
}

static void check_letters(void)
{
    while (host.letters) {
        letter_t *letter = host.letters;
        host.letters = letter->next;
        if (letter->message.type == TT_MSG_OUTPUT)
            check_output(letter);
        if (letter->message.type == TT_MSG_RESULT)
            check_result(letter);
        letter_free(letter);
    }
}

/* One of the oldest, which run or are about to, or any. */
static void disturb(uint64_t sent, unsigned *seed)
{
    static uint64_t oldest = 1;
    while (oldest < sent && fates[oldest] != SENT)
        oldest++;
    uint64_t id = oldest + (uint64_t)rand_r(seed) % (rand_r(seed) % 2 ? 2 : sent - oldest + 1);
    if (id > sent || fates[id] != SENT)
        return;
    if (rand_r(seed) % 2) {
        fates[id] = CANCELLED_;
        engine_cancel(host.engine, id, false);
    } else if (engine_recall(host.engine, id)) {
        fates[id] = RECALLED;
        recalled++;
        ended++;
    }
    doubts += host.engine->doubt != 0;
}

TEST(of_100000_tasks_each_runs_once_or_is_told_not_to_have)
{
    unsigned seed = 7;
    bool never = false;
    char code[32];
    ready_mock();
    check_letters();
    for (uint64_t sent = 0; ended < TASKS;) {
        while (sent < TASKS && sent - ended < OUTSTANDING) {
            snprintf(code, sizeof code, "print %d\nsleep %s", (int)(sent + 1),
                     sent % 50 ? "0" : "0.0003");
            fates[++sent] = SENT;
            submit(sent, code);
        }
        for (int i = rand_r(&seed) % 8; i > 0; i--)
            disturb(sent, &seed);
        check_letters();
        tt_loop_run_until(host.loop, &never, rand_r(&seed) % 2);
        check_letters();
    }
    assert_true(recalled > 0 && cancelled > 0);
    print_message("%zu recalled, %zu cancelled, %zu interrupted, %zu in doubt\n", recalled,
                  cancelled, interrupted, doubts);
}

#define EACH(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    alarm(150);
    setenv("TUTTI_LOG", "error", 1);
    const struct CMUnitTest tests[] = {
        EACH(what_was_sent_ahead_is_recalled_from_the_end),
        EACH(what_is_behind_a_recalled_task_runs_in_its_order),
        EACH(a_range_reaches_down_to_an_earlier_task),
        EACH(a_task_that_was_recalled_may_come_back),
        EACH(what_was_sent_ahead_is_cancelled_at_once),
        EACH(no_more_than_a_window_is_in_the_socket_however_often_it_is_revoked),
        EACH(beats_do_not_count_what_was_revoked),
        EACH(when_the_engine_dies_what_was_revoked_is_nobodys),
        EACH(a_process_that_dies_over_a_revoked_task_has_lost_nothing),
        EACH(a_task_in_doubt_that_did_not_start_comes_first_again),
        EACH(a_task_in_doubt_that_was_cancelled_and_did_not_start_is_cancelled),
        EACH(a_page_that_user_code_has_written_over_says_that_all_may_have_run),
        EACH(a_runtime_that_does_not_know_of_it_is_never_revoked),
        EACH(without_a_page_nothing_is_revoked),
        EACH(numbers_of_tasks_may_wrap),
        EACH(without_a_controller_what_has_not_started_does_not_run),
        EACH(of_100000_tasks_each_runs_once_or_is_told_not_to_have),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
