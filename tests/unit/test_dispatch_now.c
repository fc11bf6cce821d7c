/* Unit test of controller/dispatch: questions that wait for nothing, engines that are stopped,
 * and what is asked back for those that idle; with hosts and clients played by the test. */
#include "hand_controller.h"

static far_t client, host, other;

static int begin(void **unused)
{
    (void)unused;
    if (hand_begin() != 0)
        return -1;
    client = hand_peer(PEER_CLIENT, "client");
    host = hand_peer(PEER_HOST, "host");
    other = hand_peer(PEER_HOST, "other");
    return 0;
}

static int end(void **unused)
{
    (void)unused;
    return hand_end();
}

#define NOW(id_, ...)                                                                          \
    ((wish_t){.id = (id_),                                                                     \
              .engines = (int[]){__VA_ARGS__},                                                 \
              .count = sizeof((int[]){__VA_ARGS__}) / sizeof(int),                             \
              .now = true,                                                                     \
              .op = TT_RT_COMPLETE})

/* The id and flags of the next TASK that came to this host. */
static uint64_t next_task(const far_t *at, uint64_t *flags)
{
    heard_t heard;
    assert_true(hear(at, &heard));
    assert_int_equal(heard.message.type, TT_MSG_TASK);
    uint64_t id = heard.message.id;
    *flags = heard.message.as.task.flags;
    forget(&heard);
    return id;
}

TEST(only_completions_and_inspections_of_named_engines_are_done_now)
{
    hand_engine(&host, TT_ENGINE_READY);
    wish_t wish = NOW(1, 0);
    wish.op = TT_RT_EXECUTE;
    submit(&client, wish);
    wish = NOW(2, 0);
    wish.balanced = true;
    submit(&client, wish);
    assert_heard(client,
                 "ERROR 1: SUBMIT now: only COMPLETE and INSPECT, of engines it names; "
                 "ERROR 2: SUBMIT now: only COMPLETE and INSPECT, of engines it names; ");
    assert_heard(host, "");
    assert_int_equal(hand->tasks.count, 0);
}

TEST(a_question_passes_what_is_queued_and_is_counted_nowhere)
{
    enum { MANY = 100 };
    uint64_t flags;
    engine_t *engine = hand_engine(&host, TT_ENGINE_READY);
    for (uint64_t id = 1; id <= MANY; id++)
        submit(&client, DIRECT(id, 0));
    size_t sent = engine->sent.count, queued = engine->queue.count;
    int64_t mean = engine->mean_run_ns;
    assert_true(queued > 0);
    all_heard(&host);
    submit(&client, NOW(500, 0));
    uint64_t task = next_task(&host, &flags);
    assert_int_equal(flags, TT_SUBMIT_NOW);
    assert_int_equal(engine->sent.count, sent);
    assert_int_equal(engine->queue.count, queued);
    assert_int_equal(engine->asked.count, 1);
    result_of(&host, task, 0, TT_STATUS_OK);
    assert_heard(client, "RESULT 500: 0 ok; ");
    assert_int_equal(engine->asked.count, 0);
    assert_int_equal(engine->done, 0);
    assert_int_equal(engine->mean_run_ns, mean);
    assert_int_equal(hand->records.total, 0);
    submit(&client, DIRECT(600, 0));
    assert_heard(host, ""); /* the window is as full as before */
}

TEST(each_host_is_asked_once_whatever_its_engines_do)
{
    hand_engine(&host, TT_ENGINE_READY);
    hand_engine(&other, TT_ENGINE_STARTING);
    hand_engine(&host, TT_ENGINE_RESTARTING);
    hand_engine(NULL, TT_ENGINE_STARTING); /* its host is not here yet */
    engine_t *lost = hand_engine(NULL, TT_ENGINE_LOST);
    snprintf(lost->text, sizeof lost->text, "gone");
    submit(&client, NOW(1, 0, 1, 2, 3, 4, 9));
    assert_heard(client,
                 "RESULT 1: 3 refused: busy; RESULT 1: 4 refused: engine 4 is lost: gone; "
                 "RESULT 1: 9 refused: no engine 9; ");
    assert_heard(host, "TASK [0,2]; ");
    assert_heard(other, "TASK [1]; ");
}

TEST(other_work_is_told_to_be_no_question)
{
    uint64_t flags;
    hand_engine(&host, TT_ENGINE_READY);
    submit(&client, DIRECT(1, 0));
    next_task(&host, &flags);
    assert_int_equal(flags, 0);
}

TEST(a_question_to_an_engine_that_is_lost_meanwhile_ends)
{
    uint64_t flags;
    engine_t *engine = hand_engine(&host, TT_ENGINE_READY);
    submit(&client, NOW(1, 0));
    uint64_t task = next_task(&host, &flags);
    lose_engine(engine);
    assert_heard(client, "RESULT 1: 0 may have run: the host is gone; ");
    result_of(&host, task, 0, TT_STATUS_OK);
    assert_int_equal(hand->counts.stray_results, 1);
    assert_int_equal(hand->tasks.count, 0);
}

TEST(a_question_is_cancelled_at_its_host_and_ends_with_its_client)
{
    uint64_t flags;
    engine_t *engine = hand_engine(&host, TT_ENGINE_READY);
    submit(&client, NOW(1, 0));
    uint64_t task = next_task(&host, &flags);
    cancel(&client, 1, NULL, 0);
    assert_heard(host, "CANCEL [0]; ");
    hand_lose(&client);
    result_of(&host, task, 0, TT_STATUS_INTERRUPTED);
    assert_int_equal(engine->asked.count, 0);
    assert_int_equal(hand->tasks.count, 0);
}

/* ---- engines that are stopped */

TEST(a_stopped_engine_gets_nothing_and_what_it_has_not_started_is_asked_back)
{
    uint64_t tasks[3], flags;
    engine_t *engine = hand_engine(&host, TT_ENGINE_READY);
    engine->mean_run_ns = 0; /* quick: work is sent ahead */
    for (uint64_t id = 1; id <= 3; id++) {
        submit(&client, BALANCED(id));
        tasks[id - 1] = next_task(&host, &flags);
    }
    submit(&client, DIRECT(4, 0));
    assert_heard(host, "TASK [0]; ");
    engine->state = TT_ENGINE_STOPPED;
    dispatch_engine_stopped(hand, engine);
    dispatch_engine_stopped(hand, engine);
    assert_heard(host, "RECALL [0]; RECALL [0]; RECALL [0]; ");
    submit(&client, DIRECT(5, 0));
    submit(&client, BALANCED(6));
    assert_heard(host, "");
    assert_heard(client, "");
    hand_engine(&other, TT_ENGINE_READY);
    tt_buf_t list = {0};
    tt_ids_pack(&list, (int[]){0}, 1);
    tt_message_t message = tt_message(TT_MSG_RETURNED, tasks[2]);
    message.as.returned.engines = span_of(&list);
    dispatch_returned(hand, host.peer, &message);
    assert_int_equal(next_task(&other, &flags), tasks[2]);
    engine->state = TT_ENGINE_READY;
    dispatch_engine_free(hand, engine);
    assert_heard(host, "TASK [0]; TASK [0]; "); /* 5 and 6 */
    tt_buf_release(&list);
}

/* ---- engines that idle */

static void returned(uint64_t task, const int *engines, size_t count)
{
    tt_buf_t list = {0};
    tt_ids_pack(&list, engines, count);
    tt_message_t message = tt_message(TT_MSG_RETURNED, task);
    message.as.returned.engines = span_of(&list);
    dispatch_returned(hand, host.peer, &message);
    tt_buf_release(&list);
}

TEST(who_idles_asks_on_when_what_it_asked_for_had_started)
{
    uint64_t tasks[4], flags;
    hand_engine(&host, TT_ENGINE_READY)->mean_run_ns = 0; /* quick: work is sent ahead */
    for (uint64_t id = 1; id <= 4; id++) {
        submit(&client, BALANCED(id));
        tasks[id - 1] = next_task(&host, &flags);
    }
    dispatch_engine_free(hand, hand_engine(&other, TT_ENGINE_READY));
    assert_heard(host, "RECALL [0]; ");
    returned(tasks[3], NULL, 0);
    assert_heard(host, "RECALL [0]; "); /* of the one before it */
    returned(tasks[2], (int[]){0}, 1);
    assert_int_equal(next_task(&other, &flags), tasks[2]);
    assert_heard(host, "");
    returned(tasks[1], NULL, 0); /* it idles no more */
    assert_heard(host, "");
}

TEST(who_idles_asks_others_when_the_busiest_has_nothing_to_spare)
{
    engine_t *busiest = hand_engine(&host, TT_ENGINE_READY);
    hand_engine(&host, TT_ENGINE_READY)->mean_run_ns = 0;
    for (uint64_t id = 1; id <= 5; id++)
        submit(&client, DIRECT(id, 0));
    submit(&client, BALANCED(6));
    submit(&client, BALANCED(7));
    assert_int_equal(busiest->sent.count, 5);
    all_heard(&host);
    dispatch_engine_free(hand, hand_engine(&other, TT_ENGINE_READY));
    assert_heard(host, "RECALL [1]; ");
}

#define EACH(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        EACH(only_completions_and_inspections_of_named_engines_are_done_now),
        EACH(a_question_passes_what_is_queued_and_is_counted_nowhere),
        EACH(each_host_is_asked_once_whatever_its_engines_do),
        EACH(other_work_is_told_to_be_no_question),
        EACH(a_question_to_an_engine_that_is_lost_meanwhile_ends),
        EACH(a_question_is_cancelled_at_its_host_and_ends_with_its_client),
        EACH(who_idles_asks_on_when_what_it_asked_for_had_started),
        EACH(who_idles_asks_others_when_the_busiest_has_nothing_to_spare),
        EACH(a_stopped_engine_gets_nothing_and_what_it_has_not_started_is_asked_back),
    };
    alarm(20);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
