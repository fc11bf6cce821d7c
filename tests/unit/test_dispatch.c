/* Unit test of controller/dispatch: the life of tasks, with hosts and clients played by the
 * test. test_dispatch_random.c does the same in any order. */
#include "hand_controller.h"

#include "pack.h"

static far_t client, second, host, other;

static int begin(void **unused)
{
    (void)unused;
    if (hand_begin() != 0)
        return -1;
    client = hand_peer(PEER_CLIENT, "client");
    second = hand_peer(PEER_CLIENT, "second");
    host = hand_peer(PEER_HOST, "host");
    other = hand_peer(PEER_HOST, "other");
    return 0;
}

static int end(void **unused)
{
    (void)unused;
    return hand_end();
}

static void output_of(const far_t *from, uint64_t task, int engine, const char *text)
{
    tt_frames_t payload;
    tt_frames_init(&payload);
    tt_frames_copy(&payload, text, strlen(text));
    tt_message_t message = tt_message(TT_MSG_OUTPUT, task);
    message.as.output.engine = engine;
    message.as.output.stream = 1;
    dispatch_output(hand, from->peer, &message, &payload);
    tt_frames_release(&payload);
}

/* The id that the controller gave to the next task that this host was sent. */
static uint64_t next_task(const far_t *at)
{
    heard_t heard;
    uint64_t id = 0;
    while (id == 0 && hear(at, &heard)) {
        if (heard.message.type == TT_MSG_TASK)
            id = heard.message.id;
        forget(&heard);
    }
    assert_true(id != 0);
    return id;
}

static void returned(uint64_t task, const int *engines, size_t count)
{
    tt_buf_t list;
    tt_buf_init(&list);
    tt_ids_pack(&list, engines, count);
    tt_message_t message = tt_message(TT_MSG_RETURNED, task);
    message.as.returned.engines = span_of(&list);
    dispatch_returned(hand, host.peer, &message);
    tt_buf_release(&list);
}

static void check_nothing_left(void)
{
    assert_int_equal(hand->tasks.count, 0);
    assert_int_equal(balanced_count(hand->balanced), 0);
    for (size_t i = 0; i < hand->registry.count; i++) {
        assert_int_equal(hand->registry.engines[i]->queue.count, 0);
        assert_int_equal(hand->registry.engines[i]->sent.count, 0);
    }
    if (client.peer) {
        assert_int_equal(client.peer->tasks.count, 0);
        assert_int_equal(client.peer->queued_bytes, 0);
    }
}

/* ---- what cannot be done */

TEST(work_that_names_no_engines_or_an_id_in_use_is_refused)
{
    hand_engine(&host, TT_ENGINE_READY);
    submit(&client, (wish_t){.id = 1});
    submit(&client, (wish_t){.id = 2, .engines = (int[]){0}, .count = 0});
    assert_heard(client, "ERROR 1: SUBMIT names no engines, or an id that is in use; "
                         "ERROR 2: SUBMIT names no engines, or an id that is in use; ");
    submit(&client, DIRECT(3, 0));
    submit(&client, DIRECT(3, 0));
    assert_heard(client, "ERROR 3: SUBMIT names no engines, or an id that is in use; ");
    submit(&second, DIRECT(3, 0)); /* its own numbers */
    assert_heard(second, "");
    assert_heard(host, "TASK [0]; TASK [0]; ");
}

TEST(work_with_a_broken_list_without_arguments_or_for_a_cluster_that_stops_is_refused)
{
    tt_frames_t payload;
    tt_message_t message = tt_message(TT_MSG_SUBMIT, 1);
    hand_engine(&host, TT_ENGINE_READY);
    tt_frames_init(&payload);
    message.as.submit.engines = (tt_span_t){(const uint8_t *)"\x91\xff", 2};
    dispatch_submit(hand, client.peer, &message, &payload);
    message.as.submit.engines = (tt_span_t){(const uint8_t *)"\x91\x00", 2};
    dispatch_submit(hand, client.peer, &message, &payload);
    hand->stopping = true;
    submit(&client, DIRECT(2, 0));
    hand->stopping = false;
    client.peer->queued_bytes = (size_t)2 << 30;
    submit(&client, DIRECT(3, 0));
    client.peer->queued_bytes = 0;
    assert_heard(client,
                 "ERROR 1: SUBMIT names no engines, or an id that is in use; "
                 "ERROR 1: SUBMIT without arguments; ERROR 2: the cluster is stopping; "
                 "ERROR 3: more than 1 GiB of tasks wait already: wait for some of them; ");
    assert_heard(host, "");
    check_nothing_left();
}

TEST(parts_for_engines_that_are_not_there_are_refused_and_the_others_run)
{
    hand_engine(&host, TT_ENGINE_READY);
    engine_t *failed = hand_engine(&host, TT_ENGINE_FAILED);
    snprintf(failed->text, sizeof failed->text, "no such interpreter");
    submit(&client, DIRECT(1, 7, 1, 0));
    assert_heard(client, "RESULT 1: 1 refused: engine 1 is failed: no such interpreter; "
                         "RESULT 1: 7 refused: no engine 7; ");
    uint64_t task = next_task(&host);
    result_of(&host, task, 0, TT_STATUS_OK);
    assert_heard(client, "RESULT 1: 0 ok; ");
    submit(&client, DIRECT(2, 7, 1));
    assert_heard(client, "RESULT 2: 1 refused: engine 1 is failed: no such interpreter; "
                         "RESULT 2: 7 refused: no engine 7; ");
    check_nothing_left();
}

TEST(balanced_work_that_no_engine_may_do_is_refused)
{
    submit(&client, BALANCED(1));
    hand_engine(&host, TT_ENGINE_LOST);
    hand_engine(&host, TT_ENGINE_READY);
    submit(&client, (wish_t){2, (int[]){0, 9}, 2, .balanced = true});
    submit(&client, (wish_t){3, (int[]){0}, 0, .balanced = true});
    assert_heard(client,
                 "RESULT 1: -1 refused: no engine that could do it is running or starting; "
                 "RESULT 2: -1 refused: no engine that could do it is running or starting; "
                 "RESULT 3: -1 refused: no engine that could do it is running or starting; ");
    check_nothing_left();
}

TEST(results_that_nobody_waits_for_are_counted_and_change_nothing)
{
    hand_engine(&host, TT_ENGINE_READY);
    hand_engine(&other, TT_ENGINE_READY);
    submit(&client, DIRECT(1, 0));
    uint64_t task = next_task(&host);
    result_of(&host, task + 1, 0, TT_STATUS_OK);
    result_of(&host, task, 1, TT_STATUS_OK);
    result_of(&host, task, -1, TT_STATUS_OK);
    result_of(&other, task, 0, TT_STATUS_OK); /* not its engine */
    assert_int_equal(hand->counts.stray_results, 4);
    assert_heard(client, "");
    result_of(&host, task, 0, TT_STATUS_OK);
    result_of(&host, task, 0, TT_STATUS_OK);
    assert_int_equal(hand->counts.stray_results, 5);
    assert_heard(client, "RESULT 1: 0 ok; ");
    check_nothing_left();
}

TEST(what_is_not_there_can_be_cancelled_and_returned)
{
    engine_t *engine = hand_engine(&host, TT_ENGINE_READY);
    cancel(&client, 1, NULL, 0);
    returned(1, (int[]){0}, 1);
    submit(&client, DIRECT(1, 0));
    uint64_t task = next_task(&host);
    cancel(&client, 1, (int[]){5, 6}, 2);
    cancel(&second, 1, NULL, 0); /* not its own */
    assert_heard(host, "");
    returned(task, (int[]){5}, 1);
    returned(task, (int[]){0}, 1); /* it was not asked back, and is for this engine only */
    assert_int_equal(engine->sent.count, 1);
    assert_heard(host, "");
    result_of(&host, task, 0, TT_STATUS_OK);
    assert_heard(client, "RESULT 1: 0 ok; ");
    check_nothing_left();
}

/* ---- direct work */

TEST(each_host_gets_one_message_for_all_of_its_engines)
{
    hand_engine(&host, TT_ENGINE_READY);
    hand_engine(&other, TT_ENGINE_READY);
    hand_engine(&host, TT_ENGINE_READY);
    submit(&client, DIRECT(5, 2, 0, 1, 0)); /* one is named twice */
    heard_t heard;
    assert_true(hear(&host, &heard));
    assert_int_equal(heard.message.type, TT_MSG_TASK);
    assert_int_equal(heard.message.as.task.op, TT_RT_EXECUTE);
    assert_int_equal(heard.message.as.task.attempt, 1);
    assert_int_equal(heard.packet.payload.count, 2);
    assert_memory_equal(tt_frames_span(&heard.packet.payload, 1).data, "buffer", 6);
    uint64_t task = heard.message.id;
    tt_buf_t words;
    tt_buf_init(&words);
    say_one(&words, &heard);
    assert_text(&words, "TASK [0,2]; ");
    tt_buf_release(&words);
    forget(&heard);
    assert_int_equal(next_task(&other), task);
    result_of(&host, task, 2, TT_STATUS_ERROR);
    result_of(&other, task, 1, TT_STATUS_OK);
    result_of(&host, task, 0, TT_STATUS_OK);
    assert_heard(client, "RESULT 5: 2 error; RESULT 5: 1 ok; RESULT 5: 0 ok; ");
    assert_int_equal(hand->records.total, 1);
    assert_string_equal(hand->records.rows[RECORD_SEEN].first->label, "label");
    check_nothing_left();
}

TEST(a_result_tells_its_host_its_attempt_and_how_long_it_waited)
{
    heard_t heard;
    hand_engine(&host, TT_ENGINE_READY);
    submit(&client, DIRECT(1, 0));
    result_of(&host, next_task(&host), 0, TT_STATUS_OK);
    assert_true(hear(&client, &heard));
    const tt_msg_result_t *result = &heard.message.as.result;
    assert_memory_equal(result->host.data, "host", 4);
    assert_int_equal(result->attempt, 1);
    assert_int_equal(result->run_ns, 1000000000);
    assert_true(result->queue_ns < 1000000000);
    assert_memory_equal(tt_frames_span(&heard.packet.payload, 0).data, "body", 4);
    forget(&heard);
}

TEST(work_for_an_engine_that_starts_waits_and_comes_in_order)
{
    engine_t *engine = hand_engine(&host, TT_ENGINE_STARTING);
    for (uint64_t id = 1; id <= 3; id++)
        submit(&client, DIRECT(id, 0));
    assert_heard(host, "");
    assert_int_equal(engine->queue.count, 3);
    engine->state = TT_ENGINE_READY;
    dispatch_engine_free(hand, engine);
    for (uint64_t id = 1; id <= 3; id++)
        result_of(&host, next_task(&host), 0, TT_STATUS_OK);
    assert_heard(client, "RESULT 1: 0 ok; RESULT 2: 0 ok; RESULT 3: 0 ok; ");
    check_nothing_left();
}

TEST(no_more_than_a_window_of_work_is_at_a_host)
{
    enum { MANY = 100 };
    engine_t *engine = hand_engine(&host, TT_ENGINE_READY);
    for (uint64_t id = 1; id <= MANY; id++)
        submit(&client, DIRECT(id, 0));
    size_t window = engine->sent.count;
    assert_in_range(window, 2, MANY - 1);
    assert_int_equal(engine->queue.count, MANY - window);
    for (uint64_t id = 1; id <= MANY; id++) {
        assert_int_equal(engine->sent.count, MANY - id + 1 < window ? MANY - id + 1 : window);
        result_of(&host, next_task(&host), 0, TT_STATUS_OK);
    }
    check_nothing_left();
}

TEST(a_function_goes_before_the_first_work_that_names_it)
{
    static const uint8_t hash[] = "0123456789abcdef";
    tt_frames_t bytes;
    hand_engine(&host, TT_ENGINE_READY);
    tt_frames_init(&bytes);
    tt_frames_copy(&bytes, "function", 8);
    blobs_keep(hand, client.peer, (tt_span_t){hash, 16}, &bytes);
    submit(&client, (wish_t){1, (int[]){0}, 1, .blob = hash});
    submit(&client, (wish_t){2, (int[]){0}, 1, .blob = hash});
    assert_heard(host, "BLOB; TASK [0]; TASK [0]; ");
}

/* ---- balanced work, retries */

TEST(balanced_work_goes_to_a_free_engine_and_waits_while_there_is_none)
{
    hand_engine(&host, TT_ENGINE_READY);
    hand_engine(&other, TT_ENGINE_READY);
    for (uint64_t id = 1; id <= 3; id++)
        submit(&client, BALANCED(id));
    assert_int_equal(balanced_count(hand->balanced), 1);
    uint64_t here = next_task(&host), there = next_task(&other);
    result_of(&other, there, 1, TT_STATUS_OK);
    uint64_t last = next_task(&other);
    result_of(&other, last, 1, TT_STATUS_OK);
    result_of(&host, here, 0, TT_STATUS_OK);
    all_heard(&client);
    check_nothing_left();
}

TEST(work_that_may_be_tried_again_is_and_the_result_tells_how_often)
{
    heard_t heard;
    hand_engine(&host, TT_ENGINE_READY);
    submit(&client, (wish_t){.id = 1, .balanced = true, .retries = 2});
    result_of(&host, next_task(&host), 0, TT_STATUS_ERROR);
    assert_heard(client, "");
    result_of(&host, next_task(&host), 0, TT_STATUS_LOST);
    uint64_t task = next_task(&host);
    result_of(&host, task, 0, TT_STATUS_ERROR);
    assert_true(hear(&client, &heard));
    assert_int_equal(heard.message.as.result.status, TT_STATUS_ERROR);
    assert_int_equal(heard.message.as.result.attempt, 3);
    forget(&heard);
    check_nothing_left();
}

TEST(what_was_interrupted_or_is_for_one_engine_is_not_tried_again)
{
    static const unsigned statuses[] = {TT_STATUS_INTERRUPTED, TT_STATUS_TIMEOUT,
                                        TT_STATUS_CANCELLED, TT_STATUS_REFUSED};
    hand_engine(&host, TT_ENGINE_READY);
    for (uint64_t i = 0; i < 4; i++) {
        submit(&client, (wish_t){.id = i + 1, .balanced = true, .retries = 5});
        result_of(&host, next_task(&host), 0, statuses[i]);
    }
    submit(&client, (wish_t){5, (int[]){0}, 1, .retries = 5});
    result_of(&host, next_task(&host), 0, TT_STATUS_LOST);
    assert_heard(client, "RESULT 1: 0 interrupted; RESULT 2: 0 timeout; "
                         "RESULT 3: 0 cancelled; RESULT 4: 0 refused; RESULT 5: 0 lost; ");
    check_nothing_left();
}

/* ---- taking back */

/* Four parts at the quick engine 0, none at engine 1, which has just become free. */
static uint64_t at_host[4];

static void load_one_engine(void)
{
    engine_t *busy = hand_engine(&host, TT_ENGINE_READY);
    busy->mean_run_ns = 0; /* quick: work is sent ahead */
    for (uint64_t id = 1; id <= 4; id++) {
        submit(&client, BALANCED(id));
        at_host[id - 1] = next_task(&host);
    }
    engine_t *idle = hand_engine(&other, TT_ENGINE_READY);
    dispatch_engine_free(hand, idle);
}

TEST(an_idle_engine_gets_work_that_another_has_not_started)
{
    load_one_engine();
    assert_heard(host, "RECALL [0]; ");
    dispatch_engine_free(hand, hand->registry.engines[1]); /* one question at a time */
    assert_heard(host, "");
    returned(at_host[3], (int[]){0}, 1);
    assert_int_equal(next_task(&other), at_host[3]);
    result_of(&other, at_host[3], 1, TT_STATUS_OK);
    assert_heard(client, "RESULT 4: 1 ok; ");
    assert_heard(host, "RECALL [0]; "); /* it is idle again, and the next one is asked for */
}

TEST(work_that_had_started_already_stays_where_it_is)
{
    load_one_engine();
    assert_heard(host, "RECALL [0]; ");
    returned(at_host[3], NULL, 0);
    assert_heard(other, "");
    for (int i = 0; i < 4; i++)
        result_of(&host, at_host[i], 0, TT_STATUS_OK);
    all_heard(&client);
    check_nothing_left();
}

TEST(the_first_part_of_an_engine_and_work_that_is_for_it_only_are_never_asked_back)
{
    engine_t *busy = hand_engine(&host, TT_ENGINE_READY);
    submit(&client, BALANCED(1));
    submit(&client, DIRECT(2, 0));
    submit(&client, DIRECT(3, 0));
    assert_heard(host, "TASK [0]; TASK [0]; TASK [0]; ");
    dispatch_engine_free(hand, hand_engine(&other, TT_ENGINE_READY));
    assert_heard(host, "");
    assert_int_equal(busy->sent.count, 3);
}

TEST(work_that_was_cancelled_while_it_was_asked_back_does_not_run)
{
    load_one_engine();
    assert_heard(host, "RECALL [0]; ");
    cancel(&client, 4, NULL, 0); /* the host meets this behind the question, and has nothing */
    assert_heard(host, "CANCEL [0]; ");
    returned(at_host[3], (int[]){0}, 1);
    assert_heard(other, "");
    assert_heard(client, "RESULT 4: 0 cancelled: cancelled before it started; ");
}

TEST(work_of_a_client_that_went_while_it_was_asked_back_does_not_run)
{
    load_one_engine();
    hand_lose(&client);
    returned(at_host[3], (int[]){0}, 1);
    assert_heard(other, "");
    for (int i = 0; i < 3; i++)
        result_of(&host, at_host[i], 0, TT_STATUS_OK);
    check_nothing_left();
}

TEST(only_the_host_that_has_the_work_can_return_it)
{
    load_one_engine();
    tt_buf_t list;
    tt_buf_init(&list);
    tt_ids_pack(&list, (int[]){0}, 1);
    tt_message_t message = tt_message(TT_MSG_RETURNED, at_host[3]);
    message.as.returned.engines = span_of(&list);
    dispatch_returned(hand, other.peer, &message);
    tt_buf_release(&list);
    assert_heard(other, "");
    assert_int_equal(hand->registry.engines[0]->sent.count, 4);
}

/* ---- cancelling */

TEST(what_waits_ends_at_once_and_what_was_sent_is_cancelled_at_its_host)
{
    hand_engine(&host, TT_ENGINE_READY);
    hand_engine(&host, TT_ENGINE_STARTING);
    submit(&client, DIRECT(1, 0, 1));
    uint64_t task = next_task(&host);
    cancel(&client, 1, NULL, 0);
    assert_heard(client, "RESULT 1: 1 cancelled: cancelled before it started; ");
    assert_heard(host, "CANCEL [0]; ");
    result_of(&host, task, 0, TT_STATUS_INTERRUPTED);
    assert_heard(client, "RESULT 1: 0 interrupted; ");
    check_nothing_left();
}

TEST(a_cancel_of_some_engines_leaves_the_others_alone)
{
    for (int i = 0; i < 3; i++)
        hand_engine(&host, TT_ENGINE_STARTING);
    submit(&client, DIRECT(1, 0, 1, 2));
    cancel(&client, 1, (int[]){1, 77, 1}, 3);
    assert_heard(client, "RESULT 1: 1 cancelled: cancelled before it started; ");
    cancel(&client, 1, (int[]){0, 2, 0}, 3); /* the task is gone before the list is */
    assert_heard(client, "RESULT 1: 0 cancelled: cancelled before it started; "
                         "RESULT 1: 2 cancelled: cancelled before it started; ");
    check_nothing_left();
}

TEST(balanced_work_that_waits_is_cancelled_and_what_failed_after_it_is_not_tried_again)
{
    hand_engine(&host, TT_ENGINE_READY);
    submit(&client, (wish_t){.id = 1, .balanced = true, .retries = 5});
    submit(&client, BALANCED(2));
    uint64_t task = next_task(&host);
    cancel(&client, 2, NULL, 0);
    cancel(&client, 1, NULL, 0);
    assert_heard(client, "RESULT 2: -1 cancelled: cancelled before it started; ");
    assert_heard(host, "CANCEL [0]; ");
    result_of(&host, task, 0, TT_STATUS_LOST);
    assert_heard(client, "RESULT 1: 0 lost; ");
    check_nothing_left();
}

/* ---- losses */

TEST(a_lost_engines_work_may_have_run_if_it_was_sent_and_has_not_if_it_waited)
{
    engine_t *engine = hand_engine(&host, TT_ENGINE_READY);
    submit(&client, DIRECT(1, 0));
    engine->state = TT_ENGINE_RESTARTING;
    submit(&client, DIRECT(2, 0));
    lose_engine(engine);
    assert_heard(client, "RESULT 1: 0 may have run: the host is gone; "
                         "RESULT 2: 0 cancelled: the host is gone; ");
    check_nothing_left();
}

TEST(a_lost_engines_balanced_work_moves_if_it_may_be_tried_again)
{
    engine_t *engine = hand_engine(&host, TT_ENGINE_READY);
    submit(&client, (wish_t){.id = 1, .balanced = true, .retries = 1});
    next_task(&host);
    hand_engine(&other, TT_ENGINE_READY);
    lose_engine(engine);
    assert_heard(client, "");
    result_of(&other, next_task(&other), 1, TT_STATUS_OK);
    assert_heard(client, "RESULT 1: 1 ok; ");
    check_nothing_left();
}

TEST(balanced_work_that_nobody_can_do_any_more_ends)
{
    engine_t *engine = hand_engine(&host, TT_ENGINE_READY);
    hand_engine(&other, TT_ENGINE_READY);
    for (uint64_t id = 1; id <= 3; id++)
        submit(&client, (wish_t){id, (int[]){0}, 1, .balanced = true});
    next_task(&host);
    lose_engine(engine);
    assert_heard(client, "RESULT 1: 0 may have run: the host is gone; "
                         "RESULT 2: -1 cancelled: no engine that could do it is left; "
                         "RESULT 3: -1 cancelled: no engine that could do it is left; ");
    check_nothing_left();
}

TEST(an_engine_that_fails_to_start_ends_what_waits_for_it)
{
    engine_t *engine = hand_engine(&host, TT_ENGINE_STARTING);
    submit(&client, DIRECT(1, 0));
    submit(&client, BALANCED(2));
    engine->state = TT_ENGINE_FAILED;
    dispatch_engine_failed(hand, engine, "no such interpreter");
    assert_heard(client, "RESULT 1: 0 cancelled: no such interpreter; "
                         "RESULT 2: -1 cancelled: no engine that could do it is left; ");
    check_nothing_left();
}

TEST(a_lost_engine_does_not_keep_others_from_asking_for_work)
{
    load_one_engine();
    engine_t *busy = hand->registry.engines[0];
    assert_heard(host, "RECALL [0]; "); /* and the host dies before it answers */
    lose_engine(busy);
    busy->host = host.peer;
    busy->state = TT_ENGINE_READY;
    busy->mean_run_ns = 0;
    hand->registry.engines[1]->state = TT_ENGINE_RESTARTING;
    for (uint64_t id = 11; id <= 14; id++)
        submit(&client, BALANCED(id));
    hand->registry.engines[1]->state = TT_ENGINE_READY;
    dispatch_engine_free(hand, hand->registry.engines[1]);
    assert_heard(host, "TASK [0]; TASK [0]; TASK [0]; TASK [0]; RECALL [0]; ");
}

TEST(a_client_that_goes_leaves_running_work_running_and_nothing_else)
{
    hand_engine(&host, TT_ENGINE_READY);
    hand_engine(&host, TT_ENGINE_STARTING);
    submit(&client, DIRECT(1, 0, 1));
    submit(&client, BALANCED(2));
    submit(&second, DIRECT(1, 1));
    uint64_t task = next_task(&host);
    hand_lose(&client);
    assert_heard(host, "");
    assert_int_equal(hand->registry.engines[1]->queue.count, 1); /* the other client's */
    assert_int_equal(balanced_count(hand->balanced), 0);
    output_of(&host, task, 0, "to nobody");
    result_of(&host, task, 0, TT_STATUS_OK);
    assert_int_equal(hand->tasks.count, 1);
    assert_heard(second, "");
}

/* ---- output */

TEST(output_of_a_task_goes_to_its_client_and_background_to_all_who_listen)
{
    hand_engine(&host, TT_ENGINE_READY);
    second.peer->events = true;
    submit(&client, DIRECT(9, 0));
    uint64_t task = next_task(&host);
    output_of(&host, task, 0, "hello");
    output_of(&host, 0, 0, "late");
    assert_heard(client, "OUTPUT 9: 0.1 hello; ");
    assert_heard(second, "OUTPUT 0: 0.1 late; ");
}

TEST(output_of_other_hosts_engines_and_of_tasks_that_have_ended_is_dropped)
{
    hand_engine(&host, TT_ENGINE_READY);
    client.peer->events = true;
    submit(&client, DIRECT(9, 0));
    uint64_t task = next_task(&host);
    output_of(&other, task, 0, "forged");
    output_of(&other, 0, 0, "forged");
    output_of(&host, task, 5, "of nobody");
    output_of(&host, 4711, 0, "of nothing");
    result_of(&host, task, 0, TT_STATUS_OK);
    output_of(&host, task, 0, "too late");
    assert_heard(client, "RESULT 9: 0 ok; ");
}

/* A client that reads nothing: what waits for it goes over its cap. */
static void fill_client(void)
{
    tt_outbox_destroy(&client.peer->outbox);
    void *nowhere = hand_dealer();
    client.peer->outbox = tt_outbox_new(hand->loop, nowhere, (tt_span_t){NULL, 0}, 10);
    tt_message_t message = tt_message(TT_MSG_WHO, 0);
    tt_frames_t payload;
    tt_frames_init(&payload);
    tt_frames_copy(&payload, "0123456789abcdef", 16);
    tt_outbox_send(client.peer->outbox, &message, &payload);
    assert_true(tt_outbox_full(client.peer->outbox));
    hand_close(client.dealer);
    client.dealer = nowhere;
}

static void empty_client(void)
{
    tt_outbox_destroy(&client.peer->outbox);
    client.peer->outbox =
        tt_outbox_new(hand->loop, hand->sockets[PEER_CLIENT], tt_span("client"), 1 << 20);
}

TEST(a_client_that_takes_nothing_gets_no_work_done_until_it_does_and_others_do)
{
    hand_engine(&host, TT_ENGINE_READY);
    hand_engine(&host, TT_ENGINE_READY);
    fill_client();
    submit(&client, DIRECT(1, 0));
    submit(&client, BALANCED(2));
    assert_heard(host, "");
    submit(&second, DIRECT(1, 0));
    assert_heard(host, "TASK [0]; ");
    bool never = false;
    tt_loop_run_until(hand->loop, &never, 50); /* it is tried again, in vain */
    assert_heard(host, "");
    empty_client();
    assert_comes(hand->loop, hand->registry.engines[0]->sent.count == 2 &&
                                 hand->registry.engines[1]->sent.count == 1);
    assert_heard(host, "TASK [0]; TASK [1]; ");
}

TEST(held_back_work_is_done_in_the_order_it_came_whatever_the_engine_does_meanwhile)
{
    engine_t *engine = hand_engine(&host, TT_ENGINE_READY);
    fill_client();
    for (uint64_t id = 1; id <= 3; id++)
        submit(&client, DIRECT(id, 0));
    engine->state = TT_ENGINE_RESTARTING;
    submit(&client, DIRECT(4, 0));
    empty_client();
    bool never = false;
    tt_loop_run_until(hand->loop, &never, 50);
    engine->state = TT_ENGINE_READY;
    dispatch_engine_free(hand, engine);
    assert_comes(hand->loop, engine->sent.count == 4);
    const part_t *part = engine->sent.first;
    for (uint64_t id = 1; id <= 4; id++, part = part->next)
        assert_int_equal(part->task->client_id, id);
}

TEST(work_of_a_client_comes_in_its_order_though_it_was_set_aside)
{
    engine_t *engine = hand_engine(&host, TT_ENGINE_READY);
    fill_client();
    submit(&client, DIRECT(1, 0));
    empty_client();
    submit(&client, DIRECT(2, 0)); /* it takes again, but 1 comes first */
    assert_heard(host, "");
    assert_int_equal(engine->held.count, 2);
    assert_comes(hand->loop, engine->held.count == 0);
    assert_int_equal(next_task(&host), hand->next_task - 1);
    assert_int_equal(next_task(&host), hand->next_task);
}

TEST(work_that_was_set_aside_ends_when_it_is_cancelled_or_its_engine_or_client_goes)
{
    engine_t *engine = hand_engine(&host, TT_ENGINE_READY);
    fill_client();
    submit(&client, DIRECT(1, 0));
    submit(&client, DIRECT(2, 0));
    cancel(&client, 1, NULL, 0);
    assert_int_equal(engine->held.count, 1);
    dispatch_engine_failed(hand, engine, "it failed");
    assert_int_equal(engine->held.count, 0);
    assert_int_equal(client.peer->held, 0);
    submit(&client, DIRECT(3, 0));
    submit(&client, DIRECT(4, 0));
    assert_int_equal(engine->held.count, 2);
    hand_lose(&client);
    assert_int_equal(engine->held.count, 0);
    check_nothing_left();
}

TEST(output_for_a_client_that_takes_nothing_is_dropped_and_the_result_tells_how_much)
{
    heard_t heard;
    tt_frames_t payload;
    hand_engine(&host, TT_ENGINE_READY);
    submit(&second, DIRECT(1, 0));
    uint64_t task = next_task(&host);
    far_t was = client; /* fill_client works on `client` */
    client = second;
    fill_client();
    output_of(&host, task, 0, "0123456789");
    output_of(&host, task, 0, "01234");
    second = client;
    client = was;
    tt_outbox_destroy(&second.peer->outbox);
    second.peer->outbox =
        tt_outbox_new(hand->loop, hand->sockets[PEER_CLIENT], tt_span("client"), 1 << 20);
    tt_frames_init(&payload);
    tt_message_t result = tt_message(TT_MSG_RESULT, task);
    result.as.result.dropped_bytes = 100; /* at the host */
    dispatch_result(hand, host.peer, &result, &payload);
    assert_true(hear(&client, &heard));
    assert_int_equal(heard.message.as.result.dropped_bytes, 115);
    forget(&heard);
}

#define EACH(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        EACH(work_that_names_no_engines_or_an_id_in_use_is_refused),
        EACH(work_with_a_broken_list_without_arguments_or_for_a_cluster_that_stops_is_refused),
        EACH(parts_for_engines_that_are_not_there_are_refused_and_the_others_run),
        EACH(balanced_work_that_no_engine_may_do_is_refused),
        EACH(results_that_nobody_waits_for_are_counted_and_change_nothing),
        EACH(what_is_not_there_can_be_cancelled_and_returned),
        EACH(each_host_gets_one_message_for_all_of_its_engines),
        EACH(a_result_tells_its_host_its_attempt_and_how_long_it_waited),
        EACH(work_for_an_engine_that_starts_waits_and_comes_in_order),
        EACH(no_more_than_a_window_of_work_is_at_a_host),
        EACH(a_function_goes_before_the_first_work_that_names_it),
        EACH(balanced_work_goes_to_a_free_engine_and_waits_while_there_is_none),
        EACH(work_that_may_be_tried_again_is_and_the_result_tells_how_often),
        EACH(what_was_interrupted_or_is_for_one_engine_is_not_tried_again),
        EACH(an_idle_engine_gets_work_that_another_has_not_started),
        EACH(work_that_had_started_already_stays_where_it_is),
        EACH(the_first_part_of_an_engine_and_work_that_is_for_it_only_are_never_asked_back),
        EACH(work_that_was_cancelled_while_it_was_asked_back_does_not_run),
        EACH(work_of_a_client_that_went_while_it_was_asked_back_does_not_run),
        EACH(only_the_host_that_has_the_work_can_return_it),
        EACH(what_waits_ends_at_once_and_what_was_sent_is_cancelled_at_its_host),
        EACH(a_cancel_of_some_engines_leaves_the_others_alone),
        EACH(balanced_work_that_waits_is_cancelled_and_what_failed_after_it_is_not_tried_again),
        EACH(a_lost_engines_work_may_have_run_if_it_was_sent_and_has_not_if_it_waited),
        EACH(a_lost_engines_balanced_work_moves_if_it_may_be_tried_again),
        EACH(balanced_work_that_nobody_can_do_any_more_ends),
        EACH(an_engine_that_fails_to_start_ends_what_waits_for_it),
        EACH(a_lost_engine_does_not_keep_others_from_asking_for_work),
        EACH(a_client_that_goes_leaves_running_work_running_and_nothing_else),
        EACH(output_of_a_task_goes_to_its_client_and_background_to_all_who_listen),
        EACH(output_of_other_hosts_engines_and_of_tasks_that_have_ended_is_dropped),
        EACH(a_client_that_takes_nothing_gets_no_work_done_until_it_does_and_others_do),
        EACH(work_of_a_client_comes_in_its_order_though_it_was_set_aside),
        EACH(work_that_was_set_aside_ends_when_it_is_cancelled_or_its_engine_or_client_goes),
        EACH(held_back_work_is_done_in_the_order_it_came_whatever_the_engine_does_meanwhile),
        EACH(output_for_a_client_that_takes_nothing_is_dropped_and_the_result_tells_how_much),
    };
    alarm(20);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
