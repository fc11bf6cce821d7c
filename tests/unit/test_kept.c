/* Unit test of controller/kept: jobs that outlive their client, with clients that die, leave,
 * adopt and lie, and hosts played by the test. */
#include "kept_clients.h"

#include "pack.h"

#define KEPT(keep_, id_, index_)                                                               \
    ((wish_t){.id = (id_), .balanced = true, .keep = (keep_), .index = (index_)})

static void two_engines(void)
{
    hand_engine(&host, TT_ENGINE_READY);
    hand_engine(&host, TT_ENGINE_READY);
}

/* ---- what cannot be done */

TEST(a_kept_job_has_a_number_of_its_own_and_little_meta)
{
    static uint8_t large[TT_KEEP_META_MAX + 1];
    keep(&client, 0, "meta");
    keep(&client, TT_ID_ADOPTED | 5, "meta");
    keep_bytes(&client, 5, (tt_span_t){large, sizeof large});
    assert_heard(client, "ERROR 70: KEEP 0: the number of a kept job is above 0; "
                         "ERROR 70: KEEP 9223372036854775813: numbers from 2^63 on are the "
                         "controller's own; "
                         "ERROR 70: KEEP 5: its meta has over 64 KiB; ");
    keep_bytes(&client, 5, (tt_span_t){large, sizeof large - 1});
    keep(&client, 6, "");
    keep(&client, TT_ID_ADOPTED | 5, "");
    assert_heard(client, "");
    assert_int_equal(hand->kept.count, 1);
    assert_int_equal(hand->kept.bytes, TT_KEEP_META_MAX);
}

TEST(one_client_keeps_a_thousand_jobs_and_all_clients_have_a_bound_too)
{
    for (uint64_t i = 1; i <= KEPT_JOBS_MAX + 1; i++)
        keep(&client, i, "meta");
    assert_heard(client, "ERROR 70: KEEP 1001: 1000 jobs of this client are kept already; ");
    keep(&client, 1, "");
    keep(&client, 1001, "meta");
    keep(&second, 1, "meta");
    assert_heard(client, "");
    hand->kept.count += KEPT_JOBS_ALL;
    keep(&second, 2, "meta");
    hand->kept.count -= KEPT_JOBS_ALL;
    hand->kept.bytes += KEPT_CAP;
    keep(&second, 1, "longer");
    keep(&second, 1, "me");
    hand->kept.bytes -= KEPT_CAP;
    assert_heard(second, "ERROR 70: KEEP 2: 10000 jobs are kept already; "
                         "ERROR 70: KEEP 1: what is kept has 256 MiB already; ");
}

TEST(what_is_stored_belongs_to_a_kept_job_and_only_once)
{
    keep(&client, 5, "meta");
    store(&client, 4, 0, 0);
    store(&second, 5, 0, 0);
    store(&client, 5, (uint64_t)1 << 32, 0);
    store(&client, 5, 0, -2);
    store(&client, 5, 0, INT64_MAX);
    store(&client, 5, 0, 0);
    store(&client, 5, 0, 0);
    store(&client, 5, 0, 1);
    store(&client, 5, 0, -1);
    assert_heard(client, "ERROR 73: STORE 4, 0: no job of this number is kept; "
                         "ERROR 73: STORE 5, 4294967296: its index is 2^32 or more; "
                         "ERROR 73: STORE 5, 0: there is no such engine; "
                         "ERROR 73: STORE 5, 0: there is no such engine; "
                         "ERROR 73: STORE 5, 0: this result is stored already; ");
    assert_heard(second, "ERROR 73: STORE 5, 0: no job of this number is kept; ");
    hand_lose(&client);
    adopt(&second);
    assert_heard(second, "ADOPTED 1 meta:; STORE 1.0: 0 ok old|seen,|; "
                         "STORE 1.0: 1 ok old|seen,|; STORE 1.0: -1 ok old|seen,|; DONE []; ");
}

TEST(nobody_adopts_twice_and_nothing_is_adopted_where_nothing_was_left)
{
    adopt(&client);
    adopt(&client);
    assert_heard(client, "ADOPTED; DONE []; ERROR 72: ADOPT was said already; ");
    keep(&client, 1, "alive");
    keep(&second, 1, "its own");
    store(&second, 1, 0, 0);
    adopt(&second);
    assert_heard(second, "ADOPTED; DONE []; ");
    assert_int_equal(hand->kept.first->next->result_count, 1);
}

TEST(work_with_numbers_that_are_the_controllers_is_refused)
{
    two_engines();
    submit(&client, (wish_t){.id = TT_ID_ADOPTED | 1, .balanced = true});
    submit(&client, KEPT(1, 2, (uint64_t)1 << 32));
    submit(&client, KEPT(0, 3, (uint64_t)1 << 32)); /* which means nothing */
    assert_heard(client, "ERROR 1: SUBMIT with an id from 2^63 on: those are the controller's "
                         "own; ERROR 2: SUBMIT with an index from 2^32 on; ");
    assert_heard(host, "TASK [1]; ");
}

TEST(after_leave_nothing_is_begun)
{
    two_engines();
    keep(&client, 1, "meta");
    leave(&client);
    leave(&client);
    submit(&client, KEPT(1, 2, 0));
    keep(&client, 2, "meta");
    keep(&client, 1, "");
    adopt(&client);
    store(&client, 1, 3, 0);
    assert_heard(client, "DONE []; DONE []; ERROR 2: SUBMIT after LEAVE; "
                         "ERROR 70: KEEP 2: LEAVE was said already; "
                         "ERROR 70: KEEP 1: LEAVE was said already; "
                         "ERROR 72: ADOPT after LEAVE; ");
    adopt(&second); /* it may still give back */
    assert_heard(second, "ADOPTED; DONE []; ");
    bye(&client);
    adopt(&third);
    assert_heard(third, "ADOPTED 1 meta:; STORE 1.3: 0 ok old|seen,|; DONE []; ");
}

/* ---- clients that go */

TEST(a_client_that_dies_leaves_what_it_kept_and_another_takes_it_over)
{
    two_engines();
    hand_engine(&host, TT_ENGINE_STARTING);
    keep(&client, 7, "a job");
    keep(&client, 7, "the job");                                              /* newer */
    submit(&client, (wish_t){1, (int[]){0, 1, 2}, 3, .keep = 7, .index = 4}); /* task 1 */
    submit(&client, (wish_t){2, (int[]){2}, 1, .keep = 8}); /* 2; of a job nobody named */
    submit(&client, DIRECT(3, 2));                          /* 3 */
    submit(&client, DIRECT(4, 0));                          /* 4 */
    result_of(&host, 1, 1, TT_STATUS_OK);
    assert_heard(client, "RESULT 1: 1 ok; ");
    assert_heard(host, "TASK [0,1]; TASK [0]; ");
    taken(&client, 1);
    hand_lose(&client);
    assert_int_equal(hand->tasks.count, 2); /* 1 and what runs of 4 */
    assert_int_equal(hand->registry.engines[2]->queue.count, 1);
    result_of(&host, 1, 0, TT_STATUS_ERROR);
    result_of(&host, 4, 0, TT_STATUS_OK); /* for nobody */
    kept_counts_t left = kept_left(hand);
    assert_int_equal(left.jobs, 1);
    assert_int_equal(left.tasks, 1);
    assert_int_equal(left.results, 1);
    assert_int_equal(left.bytes, hand->kept.bytes);
    adopt(&second);
    assert_heard(second, "ADOPTED 1 the job: 4=1 [2]; STORE 1.4: 0 error body; DONE []; ");
    left = kept_left(hand);
    assert_int_equal(left.jobs + left.tasks + left.results + left.bytes, 0);
    hand->registry.engines[2]->state = TT_ENGINE_READY;
    dispatch_engine_free(hand, hand->registry.engines[2]);
    assert_heard(host, "TASK [2]; ");
    result_of(&host, 1, 2, TT_STATUS_OK);
    assert_heard(second, "RESULT 1: 2 ok; ");
    check_nothing_left();
    keep(&second, TT_ID_ADOPTED | 1, "");
    assert_heard(second, "");
    assert_int_equal(hand->kept.count, 0);
    assert_int_equal(hand->kept.bytes, 0);
}

TEST(a_client_that_says_goodbye_leaves_nothing)
{
    two_engines();
    keep(&client, 1, "meta");
    for (uint64_t id = 1; id <= 4; id++)
        submit(&client, KEPT(1, id, id));
    store(&client, 1, 9, 0);
    bye(&client);
    assert_int_equal(hand->kept.count, 0);
    assert_int_equal(hand->kept.bytes, 0);
    assert_int_equal(balanced_count(hand->balanced), 0);
    result_of(&host, 1, 1, TT_STATUS_OK);
    result_of(&host, 2, 0, TT_STATUS_OK);
    adopt(&second);
    assert_heard(second, "ADOPTED; DONE []; ");
    check_nothing_left();
}

TEST(a_job_that_is_not_kept_any_more_ends_with_its_client)
{
    two_engines();
    keep(&client, 1, "meta");
    for (uint64_t id = 1; id <= 3; id++)
        submit(&client, KEPT(1, id, id));
    keep(&client, 1, "");
    hand_lose(&client);
    result_of(&host, 1, 1, TT_STATUS_OK);
    result_of(&host, 2, 0, TT_STATUS_OK);
    adopt(&second);
    assert_heard(second, "ADOPTED; DONE []; ");
    check_nothing_left();
}

TEST(results_come_in_the_order_they_ended_and_jobs_in_the_order_they_were_named)
{
    for (int i = 0; i < 4; i++)
        hand_engine(&host, TT_ENGINE_READY);
    keep(&client, 9, "first");
    keep(&second, 3, "second");
    for (uint64_t id = 1; id <= 3; id++)
        submit(&client, KEPT(9, id, id));
    submit(&second, KEPT(3, 1, 1));
    hand_lose(&second);
    hand_lose(&client);
    result_of(&host, 4, 0, TT_STATUS_OK);
    result_of(&host, 3, 3, TT_STATUS_OK);
    result_of(&host, 1, 1, TT_STATUS_OK);
    adopt(&third);
    assert_heard(third, "ADOPTED 1 first: 2=2 all 2 second:; STORE 1.3: 3 ok body; "
                        "STORE 1.1: 1 ok body; STORE 2.1: 0 ok body; DONE []; ");
}

TEST(waiting_work_keeps_its_order_when_its_client_dies_and_when_it_is_adopted)
{
    hand_engine(&host, TT_ENGINE_READY);
    keep(&client, 1, "meta");
    for (uint64_t id = 1; id <= 5; id++)
        submit(&client, KEPT(1, id, id));
    submit(&client, BALANCED(6));
    hand_lose(&client);
    assert_int_equal(balanced_count(hand->balanced), 4);
    result_of(&host, 1, 0, TT_STATUS_OK);
    result_of(&host, 2, 0, TT_STATUS_OK);
    adopt(&second);
    result_of(&host, 3, 0, TT_STATUS_OK);
    result_of(&host, 4, 0, TT_STATUS_OK);
    result_of(&host, 5, 0, TT_STATUS_OK);
    assert_heard(second, "ADOPTED 1 meta: 3=3 all 4=4 all 5=5 all; STORE 1.1: 0 ok body; "
                         "STORE 1.2: 0 ok body; DONE []; RESULT 3: 0 ok; RESULT 4: 0 ok; "
                         "RESULT 5: 0 ok; ");
    check_nothing_left();
}

TEST(an_adopter_that_dies_leaves_all_of_it_behind_again)
{
    two_engines();
    keep(&client, 1, "meta");
    submit(&client, (wish_t){1, (int[]){0, 1}, 2, .keep = 1});
    hand_lose(&client);
    adopt(&second);
    assert_heard(second, "ADOPTED 1 meta: 0=1 [0,1]; DONE []; ");
    keep(&second, TT_ID_ADOPTED | 1, "renamed");
    submit(&second, KEPT(TT_ID_ADOPTED | 1, 1, 5)); /* one more item of it */
    store(&second, TT_ID_ADOPTED | 1, 6, 0);
    hand_lose(&second);
    result_of(&host, 1, 1, TT_STATUS_OK);
    adopt(&third);
    assert_heard(third, "ADOPTED 2 renamed: 0=1 [0] 5=2 all; STORE 2.6: 0 ok old|seen,|; "
                        "STORE 2.0: 1 ok body; DONE []; ");
    result_of(&host, 1, 0, TT_STATUS_OK);
    result_of(&host, 2, 1, TT_STATUS_OK);
    assert_heard(third, "RESULT 1: 0 ok; RESULT 2: 1 ok; ");
    check_nothing_left();
}

/* ---- output */

TEST(output_goes_into_the_result_or_ahead_of_it_again)
{
    two_engines();
    keep(&client, 1, "meta");
    submit(&client, (wish_t){1, (int[]){0, 1}, 2, .keep = 1});
    output_of(&host, 1, 0, "to the dead;");
    taken(&client, 1);
    hand_lose(&client);
    output_of(&host, 1, 0, "a,");
    output_of(&host, 1, 1, "b,");
    output_of(&host, 1, 0, "c,");
    result_of(&host, 1, 0, TT_STATUS_OK);
    adopt(&second);
    output_of(&host, 1, 1, "d,");
    assert_heard(second, "ADOPTED 1 meta: 0=1 [1]; STORE 1.0: 0 ok body|a,c,|; "
                         "OUTPUT 1: 1.1 b,; DONE []; OUTPUT 1: 1.1 d,; ");
}

TEST(output_of_an_item_that_is_tried_again_elsewhere_stays_with_it)
{
    two_engines();
    keep(&client, 1, "meta");
    submit(&client, (wish_t){1, .balanced = true, .retries = 1, .keep = 1, .index = 3});
    hand_lose(&client);
    output_of(&host, 1, 1, "first,");
    result_of(&host, 1, 1, TT_STATUS_ERROR);
    assert_heard(host, "TASK [1]; TASK [0]; ");
    output_of(&host, 1, 0, "second,");
    result_of(&host, 1, 0, TT_STATUS_OK);
    adopt(&second);
    assert_heard(second, "ADOPTED 1 meta:; STORE 1.3: 0 ok body|first,second,|; DONE []; ");
}

TEST(output_that_a_client_gives_back_comes_before_what_came_later)
{
    two_engines();
    keep(&client, 1, "meta");
    submit(&client, (wish_t){1, (int[]){0}, 1, .keep = 1});
    submit(&client, KEPT(1, 2, 1));
    store_as(&client, 1, 0, 0, 0);
    store_as(&client, 1, 1, -1, 0);
    leave(&client);
    output_of(&host, 1, 0, "then,");
    output_of(&host, 2, 1, "then,");
    result_of(&host, 2, 1, TT_STATUS_OK);
    bye(&client);
    adopt(&second);
    assert_heard(second, "ADOPTED 1 meta: 0=1 [0]; STORE 1.1: 1 ok body|seen,then,|; "
                         "OUTPUT 1: 0.1 seen,then,; DONE []; ");
}

/* ---- between two messages */

TEST(a_client_that_leaves_gets_nothing_after_the_answer)
{
    two_engines();
    keep(&client, 1, "meta");
    submit(&client, (wish_t){1, (int[]){0, 1}, 2, .keep = 1});
    result_of(&host, 1, 0, TT_STATUS_OK);
    leave(&client);
    output_of(&host, 1, 1, "later,");
    result_of(&host, 1, 1, TT_STATUS_OK);
    assert_heard(client, "RESULT 1: 0 ok; DONE []; ");
    store(&client, 1, 0, 0); /* it gives back what had been on its way */
    hand_lose(&client);
    adopt(&second);
    assert_heard(second, "ADOPTED 1 meta:; STORE 1.0: 1 ok body|later,|; "
                         "STORE 1.0: 0 ok old|seen,|; DONE []; ");
    check_nothing_left();
}

TEST(what_was_not_handed_to_the_dead_is_taken_back)
{
    two_engines();
    keep(&client, 1, "meta");
    submit(&client, (wish_t){1, (int[]){0, 1}, 2, .keep = 1});
    submit(&client, (wish_t){2, .balanced = true, .keep = 1, .index = 1});
    submit(&client, DIRECT(3, 1)); /* not kept */
    fill(&client);
    output_of(&host, 1, 0, "a,");
    result_of(&host, 1, 0, TT_STATUS_OK);
    output_of(&host, 2, 0, "b,");
    result_of(&host, 3, 1, TT_STATUS_OK);
    output_of(&host, 1, 1, "c,");
    hand_lose(&client);
    output_of(&host, 2, 0, "d,");
    adopt(&second);
    assert_heard(second, "ADOPTED 1 meta: 0=1 [1] 1=2 all; STORE 1.0: 0 ok body|a,|; "
                         "OUTPUT 1: 1.1 c,; OUTPUT 2: 0.1 b,d,; DONE []; ");
}

TEST(what_the_dead_had_not_said_it_took_is_taken_back)
{
    two_engines();
    keep(&client, 1, "meta");
    submit(&client, (wish_t){1, (int[]){0, 1}, 2, .keep = 1});
    submit(&client, KEPT(1, 2, 1));
    submit(&client, DIRECT(3, 1)); /* not kept */
    output_of(&host, 1, 0, "a,");
    output_of(&host, 1, 0, "b,");
    result_of(&host, 1, 0, TT_STATUS_OK);
    output_of(&host, 2, 0, "c,");
    assert_heard(client,
                 "OUTPUT 1: 0.1 a,; OUTPUT 1: 0.1 b,; RESULT 1: 0 ok; OUTPUT 2: 0.1 c,; ");
    taken(&client, 1);
    taken(&client, 1); /* nothing new */
    taken(&client, 5);
    assert_heard(client, "ERROR 74: TAKEN 5: it was not sent so many messages; ");
    result_of(&host, 1, 1, TT_STATUS_OK);
    result_of(&host, 3, 1, TT_STATUS_OK);
    hand_lose(&client);
    output_of(&host, 2, 0, "d,");
    adopt(&second);
    assert_heard(second, "ADOPTED 1 meta: 1=2 all; STORE 1.0: 0 ok body|b,|; "
                         "STORE 1.0: 1 ok body; OUTPUT 2: 0.1 c,d,; DONE []; ");
    taken(&second, 2);
    hand_lose(&second);
    adopt(&third);
    assert_heard(third, "ADOPTED 2 meta: 1=2 all; STORE 2.0: 1 ok body; OUTPUT 2: 0.1 c,d,; "
                        "DONE []; ");
}

TEST(what_was_given_back_and_not_said_to_be_taken_is_there_once)
{
    two_engines();
    keep(&client, 1, "meta");
    submit(&client, (wish_t){1, (int[]){0, 1}, 2, .keep = 1});
    result_of(&host, 1, 0, TT_STATUS_OK);
    store(&client, 1, 0, 0);
    hand_lose(&client);
    adopt(&second);
    assert_heard(second, "ADOPTED 1 meta: 0=1 [1]; STORE 1.0: 0 ok old|seen,|; DONE []; ");
    leave(&second); /* which had been handed that STORE, and not taken it */
    assert_heard(second, "DONE []; ");
    hand_lose(&second);
    adopt(&third);
    assert_heard(third, "ADOPTED 2 meta: 0=1 [1]; STORE 2.0: 0 ok old|seen,|; DONE []; ");
}

TEST(what_is_no_job_any_more_is_not_taken_back)
{
    two_engines();
    keep(&client, 1, "meta");
    submit(&client, (wish_t){1, (int[]){0}, 1, .keep = 1});
    result_of(&host, 1, 0, TT_STATUS_OK);
    keep(&client, 1, "");
    hand_lose(&client);
    adopt(&second);
    assert_heard(second, "ADOPTED; DONE []; ");
    assert_int_equal(hand->kept.bytes, 0);
}

TEST(what_an_adopter_was_not_handed_is_taken_back_too)
{
    two_engines();
    keep(&client, 1, "meta");
    submit(&client, (wish_t){1, (int[]){0, 1}, 2, .keep = 1});
    hand_lose(&client);
    result_of(&host, 1, 0, TT_STATUS_OK);
    output_of(&host, 1, 1, "a,");
    fill(&second);
    adopt(&second);
    output_of(&host, 1, 1, "b,");
    hand_lose(&second);
    adopt(&third);
    assert_heard(third, "ADOPTED 2 meta: 0=1 [1]; STORE 2.0: 0 ok body; "
                        "OUTPUT 1: 1.1 a,b,; DONE []; ");
}

TEST(work_that_was_set_aside_for_a_client_that_takes_nothing_goes_on_when_it_dies)
{
    engine_t *engine = hand_engine(&host, TT_ENGINE_READY);
    keep(&client, 1, "meta");
    fill(&client);
    tt_message_t message = tt_message(TT_MSG_WHO, 0);
    tt_frames_t payload;
    tt_frames_init(&payload);
    static uint8_t large[2 << 20];
    tt_frames_copy(&payload, large, sizeof large);
    tt_outbox_send(client.peer->outbox, &message, &payload);
    assert_true(tt_outbox_full(client.peer->outbox));
    for (uint64_t id = 1; id <= 3; id++)
        submit(&client, (wish_t){id, (int[]){0}, 1, .keep = id == 2 ? 0 : 1, .index = id});
    assert_int_equal(engine->held.count, 3);
    hand_lose(&client);
    assert_int_equal(engine->held.count, 0);
    assert_heard(host, "TASK [0]; TASK [0]; ");
    result_of(&host, 1, 0, TT_STATUS_OK);
    result_of(&host, 3, 0, TT_STATUS_OK);
    adopt(&second);
    assert_heard(second, "ADOPTED 1 meta:; STORE 1.1: 0 ok body; STORE 1.3: 0 ok body; "
                         "DONE []; ");
    check_nothing_left();
}

/* ---- what goes on */

TEST(left_behind_work_is_tried_again_asked_back_and_ends_with_its_engines)
{
    engine_t *busy = hand_engine(&host, TT_ENGINE_READY);
    busy->mean_run_ns = 0;
    keep(&client, 1, "meta");
    for (uint64_t id = 1; id <= 3; id++)
        submit(&client, (wish_t){id, .balanced = true, .retries = 1, .keep = 1, .index = id});
    submit(&client, (wish_t){4, (int[]){0}, 1, .keep = 1, .index = 4});
    assert_heard(host, "TASK [0]; TASK [0]; TASK [0]; TASK [0]; ");
    hand_lose(&client);
    dispatch_engine_free(hand, hand_engine(&other, TT_ENGINE_READY));
    assert_heard(host, "RECALL [0]; ");
    tt_message_t message = tt_message(TT_MSG_RETURNED, 3);
    message.as.returned.engines = (tt_span_t){(const uint8_t *)"\x91\x00", 2};
    dispatch_returned(hand, host.peer, &message);
    assert_heard(other, "TASK [1]; ");
    lose_engine(busy);
    result_of(&other, 3, 1, TT_STATUS_OK);
    result_of(&other, 2, 1, TT_STATUS_OK);
    assert_heard(other, "TASK [1]; TASK [1]; ");
    result_of(&other, 1, 1, TT_STATUS_ERROR);
    adopt(&second);
    assert_heard(second, "ADOPTED 1 meta:; STORE 1.4: 0 may have run: the host is gone; "
                         "STORE 1.3: 1 ok body; STORE 1.2: 1 ok body; "
                         "STORE 1.1: 1 error body; DONE []; ");
    check_nothing_left();
}

TEST(an_adopter_cancels_what_it_has_adopted)
{
    two_engines();
    keep(&client, 1, "meta");
    for (uint64_t id = 1; id <= 3; id++)
        submit(&client, (wish_t){id, .balanced = true, .retries = 5, .keep = 1, .index = id});
    hand_lose(&client);
    adopt(&second);
    all_heard(&second);
    all_heard(&host);
    cancel(&second, 1, NULL, 0); /* not its number */
    cancel(&second, TT_ID_ADOPTED | 3, NULL, 0);
    cancel(&second, TT_ID_ADOPTED | 1, NULL, 0);
    assert_heard(second, "RESULT 3: -1 cancelled: cancelled before it started; ");
    assert_heard(host, "CANCEL [1]; ");
    result_of(&host, 1, 1, TT_STATUS_ERROR);
    assert_heard(second, "RESULT 1: 1 error; ");
}

TEST(a_function_stays_until_the_work_that_outlives_its_client_has_ended)
{
    static const uint8_t hash[] = "0123456789abcdef";
    hand_engine(&host, TT_ENGINE_READY);
    tt_frames_t bytes;
    tt_frames_init(&bytes);
    tt_frames_copy(&bytes, "function", 8);
    blobs_keep(hand, client.peer, (tt_span_t){hash, 16}, &bytes);
    keep(&client, 1, "meta");
    for (uint64_t id = 1; id <= 3; id++)
        submit(&client, (wish_t){id, .balanced = true, .blob = hash, .keep = 1, .index = id});
    blobs_drop(hand, client.peer, (tt_span_t){hash, 16});
    hand_lose(&client);
    hand_engine(&other, TT_ENGINE_READY);
    dispatch_engine_free(hand, hand->registry.engines[1]);
    assert_heard(host, "BLOB; TASK [0]; ");
    assert_heard(other, "BLOB; TASK [1]; ");
    result_of(&host, 1, 0, TT_STATUS_OK);
    adopt(&second);
    result_of(&host, 3, 0, TT_STATUS_OK);
    assert_int_equal(blobs_bytes(hand), 8);
    result_of(&other, 2, 1, TT_STATUS_OK);
    assert_heard(host, "TASK [0]; DROP; ");
    check_nothing_left();
}

/* ---- bounds */

TEST(what_was_left_behind_counts_in_everybodys_waiting_work)
{
    hand_engine(&host, TT_ENGINE_STARTING);
    keep(&client, 1, "meta");
    submit(&client, KEPT(1, 1, 0));
    size_t bytes = client.peer->queued_bytes;
    assert_true(bytes > 0);
    hand_lose(&client);
    assert_int_equal(hand->kept.queued_bytes, bytes);
    hand->kept.queued_bytes += (size_t)1 << 30;
    submit(&second, BALANCED(1));
    hand->kept.queued_bytes -= (size_t)1 << 30;
    assert_heard(second, "ERROR 1: more than 1 GiB of tasks wait already: wait for some of "
                         "them; ");
    adopt(&second);
    assert_int_equal(hand->kept.queued_bytes, 0);
    assert_int_equal(second.peer->queued_bytes, bytes);
}

TEST(over_the_bounds_output_is_cut_first_then_values_and_then_results)
{
    heard_t heard;
    for (int i = 0; i < 4; i++)
        hand_engine(&host, TT_ENGINE_READY);
    keep(&client, 1, "meta");
    submit(&client, (wish_t){1, (int[]){0, 1, 2, 3}, 4, .keep = 1});
    hand_lose(&client);
    output_of(&host, 1, 0, "whole,");
    hand->kept.bytes += KEPT_OUTPUT_CAP;
    output_of(&host, 1, 0, "cut");  /* counted with what there is of it */
    output_of(&host, 1, 1, "cut!"); /* counted with its task */
    result_of(&host, 1, 0, TT_STATUS_OK);
    hand->kept.bytes += KEPT_BODIES_CAP - KEPT_OUTPUT_CAP;
    result_of(&host, 1, 1, TT_STATUS_OK);
    hand->kept.bytes += KEPT_CAP - KEPT_BODIES_CAP;
    result_of(&host, 1, 2, TT_STATUS_OK);
    hand->kept.bytes -= KEPT_CAP;
    assert_int_equal(hand->kept.forgotten, 1);
    result_of(&host, 1, 3, TT_STATUS_OK);
    adopt(&second);
    assert_true(hear(&second, &heard));
    forget(&heard);
    assert_true(hear(&second, &heard));
    assert_int_equal(heard.message.as.store.dropped_bytes, 3);
    assert_memory_equal(tt_frames_span(&heard.packet.payload, 1).data, "whole,", 6);
    forget(&heard);
    assert_true(hear(&second, &heard));
    assert_int_equal(heard.message.as.store.engine, 1);
    assert_int_equal(heard.message.as.store.dropped_bytes, 4);
    assert_int_equal(heard.packet.payload.count, 0);
    assert_memory_equal(heard.message.as.store.cause.data, "its value and output were dropped",
                        33);
    forget(&heard);
    assert_heard(second, "STORE 1.0: 3 ok body; DONE []; ");
    assert_int_equal(hand->kept.bytes, 4);
}

#define EACH(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        EACH(a_kept_job_has_a_number_of_its_own_and_little_meta),
        EACH(one_client_keeps_a_thousand_jobs_and_all_clients_have_a_bound_too),
        EACH(what_is_stored_belongs_to_a_kept_job_and_only_once),
        EACH(nobody_adopts_twice_and_nothing_is_adopted_where_nothing_was_left),
        EACH(work_with_numbers_that_are_the_controllers_is_refused),
        EACH(after_leave_nothing_is_begun),
        EACH(a_client_that_dies_leaves_what_it_kept_and_another_takes_it_over),
        EACH(a_client_that_says_goodbye_leaves_nothing),
        EACH(a_job_that_is_not_kept_any_more_ends_with_its_client),
        EACH(results_come_in_the_order_they_ended_and_jobs_in_the_order_they_were_named),
        EACH(waiting_work_keeps_its_order_when_its_client_dies_and_when_it_is_adopted),
        EACH(an_adopter_that_dies_leaves_all_of_it_behind_again),
        EACH(output_goes_into_the_result_or_ahead_of_it_again),
        EACH(output_of_an_item_that_is_tried_again_elsewhere_stays_with_it),
        EACH(output_that_a_client_gives_back_comes_before_what_came_later),
        EACH(a_client_that_leaves_gets_nothing_after_the_answer),
        EACH(what_was_not_handed_to_the_dead_is_taken_back),
        EACH(what_the_dead_had_not_said_it_took_is_taken_back),
        EACH(what_was_given_back_and_not_said_to_be_taken_is_there_once),
        EACH(what_is_no_job_any_more_is_not_taken_back),
        EACH(what_an_adopter_was_not_handed_is_taken_back_too),
        EACH(work_that_was_set_aside_for_a_client_that_takes_nothing_goes_on_when_it_dies),
        EACH(left_behind_work_is_tried_again_asked_back_and_ends_with_its_engines),
        EACH(an_adopter_cancels_what_it_has_adopted),
        EACH(a_function_stays_until_the_work_that_outlives_its_client_has_ended),
        EACH(what_was_left_behind_counts_in_everybodys_waiting_work),
        EACH(over_the_bounds_output_is_cut_first_then_values_and_then_results),
    };
    alarm(20);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
