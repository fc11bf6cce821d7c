/* Unit test of controller/values: big values on their way between clients and hosts, which the
 * test plays: whose they are, and what becomes of them when one end goes. */
#include "kept_clients.h"

#include "controller/values.h"

/* [4, [0, 2 MiB]]: the arguments stand in the message, a buffer does not. */
#define LAYOUT SPAN("\x92\x04\x92\x00\xce\x00\x20\x00\x00")
#define GONE   "its value went with the session that is gone"

enum { TOTAL = 2 << 20 };

#define BIG(id_, ...)                                                                          \
    ((wish_t){.id = (id_),                                                                     \
              .engines = (int[]){__VA_ARGS__},                                                 \
              .count = sizeof((int[]){__VA_ARGS__}) / sizeof(int),                             \
              .layout = LAYOUT})

/* Engine 0 is at `host`, engine 1 at `other`. */
static void two_hosts(void)
{
    hand_engine(&host, TT_ENGINE_READY);
    hand_engine(&other, TT_ENGINE_READY);
}

static void want(const far_t *from, uint64_t id, int64_t engine, uint64_t taken)
{
    tt_frames_t none;
    tt_frames_init(&none);
    tt_message_t message = tt_message(TT_MSG_WANT, id);
    message.as.want.engine = engine;
    message.as.want.taken = taken;
    values_want(hand, from->peer, &message, &none);
}

static void data_at(const far_t *from, uint64_t id, int64_t engine, uint64_t offset,
                    const char *bytes)
{
    tt_frames_t payload;
    tt_frames_init(&payload);
    tt_frames_copy(&payload, bytes, strlen(bytes));
    tt_message_t message = tt_message(TT_MSG_DATA, id);
    message.as.data.engine = engine;
    message.as.data.offset = offset;
    message.as.data.total = TOTAL;
    values_data(hand, from->peer, &message, &payload);
    tt_frames_release(&payload);
}

/* A host tells that a result has a big value. */
static void announce(const far_t *from, uint64_t id, int64_t engine)
{
    data_at(from, id, engine, 0, "");
}

static void big_result_of(const far_t *from, uint64_t task, int engine)
{
    tt_frames_t payload;
    tt_frames_init(&payload);
    tt_frames_copy(&payload, "body", 4);
    tt_frames_copy(&payload, "out", 3);
    tt_frames_copy(&payload, "err", 3);
    tt_message_t message = tt_message(TT_MSG_RESULT, task);
    message.as.result.engine = engine;
    message.as.result.run_ns = 1000000000;
    message.as.result.layout = LAYOUT;
    dispatch_result(hand, from->peer, &message, &payload);
    tt_frames_release(&payload);
}

static void assert_nobody_hears(void)
{
    assert_heard(client, "");
    assert_heard(second, "");
    assert_heard(host, "");
    assert_heard(other, "");
}

/* ---- what cannot be passed on */

TEST(a_submit_brings_arguments_or_says_where_they_are)
{
    two_hosts();
    submit(&client, (wish_t){1, (int[]){0}, 1, .bare = true});
    assert_heard(client, "ERROR 1: SUBMIT without arguments; ");
    submit(&client, (wish_t){1, (int[]){0}, 1, .bare = true, .layout = LAYOUT});
    assert_heard(client, "");
    assert_heard(host, "TASK [0] {4,0+2097152}; ");
}

TEST(what_belongs_to_no_task_or_engine_of_its_sender_is_dropped)
{
    static const int64_t engines[] = {1, 2, 7, -1, INT64_MIN, INT64_MAX, (int64_t)1 << 32};
    two_hosts();
    hand_engine(&host, TT_ENGINE_READY); /* 2: has no part of it */
    submit(&client, BIG(5, 0));
    assert_heard(host, "TASK [0] {4,0+2097152}; ");
    for (size_t i = 0; i < sizeof engines / sizeof *engines; i++) {
        want(&host, 1, engines[i], 0);
        data_at(&host, 1, engines[i], 0, "bytes");
        want(&client, 5, engines[i], 0);
        data_at(&client, 5, engines[i], 0, "bytes");
    }
    for (uint64_t id = 0; id < 8; id++) {
        if (id != 1) {
            want(&host, id, 0, 0);
            data_at(&host, id, 0, 0, "bytes");
        }
        if (id != 5) {
            want(&client, id, 0, 0);
            data_at(&client, id, 0, 0, "bytes");
        }
        want(&second, id, 0, 0); /* which has no task */
        data_at(&second, id, 0, 0, "bytes");
        want(&other, id, 0, 0); /* whose engine that is not */
        data_at(&other, id, 0, 0, "bytes");
    }
    assert_nobody_hears();
    want(&host, 1, 0, 0);
    data_at(&client, 5, 0, 0, "bytes");
    assert_heard(client, "WANT 5: 0 0; ");
    assert_heard(host, "DATA 1: 0 0/2097152 bytes; ");
}

TEST(a_far_host_that_sends_more_than_its_client_takes_is_not_passed_on)
{
    static uint8_t large[2 << 20];
    tt_message_t message = tt_message(TT_MSG_WHO, 0);
    tt_frames_t payload;
    two_hosts();
    submit(&client, BIG(5, 0));
    fill(&client);
    data_at(&host, 1, 0, 0, "here it is");
    tt_frames_init(&payload);
    tt_frames_copy(&payload, large, sizeof large);
    tt_outbox_send(client.peer->outbox, &message, &payload);
    size_t before = tt_outbox_bytes(client.peer->outbox);
    data_at(&host, 1, 0, 0, "one of ours knows what it does");
    assert_true(tt_outbox_bytes(client.peer->outbox) > before);
    before = tt_outbox_bytes(client.peer->outbox);
    host.peer->far = true;
    data_at(&host, 1, 0, 0, "another");
    assert_int_equal(tt_outbox_bytes(client.peer->outbox), before);
}

/* A host asks for a file, and the client offers one: how that reached them. */
static void ask_and_offer(bool *asked, int64_t *offered)
{
    heard_t heard;
    tt_frames_t none;
    tt_frames_init(&none);
    tt_message_t message = tt_message(TT_MSG_WANT, 1);
    message.as.want.near = true;
    values_want(hand, host.peer, &message, &none);
    assert_true(hear(&client, &heard));
    *asked = heard.message.as.want.near;
    forget(&heard);
    message = tt_message(TT_MSG_DATA, 5);
    message.as.data.total = TOTAL;
    message.as.data.pid = 4711;
    values_data(hand, client.peer, &message, &none);
    assert_true(hear(&host, &heard));
    *offered = heard.message.as.data.pid;
    forget(&heard);
}

TEST(files_are_for_those_who_are_on_this_machine_both)
{
    two_hosts();
    submit(&client, BIG(5, 0));
    assert_heard(host, "TASK [0] {4,0+2097152}; ");
    for (int local = 0; local < 2; local++)
        for (int far = 0; far < 2; far++) {
            bool asked;
            int64_t offered;
            client.peer->watch_pid = local ? getpid() : 0;
            host.peer->far = far;
            ask_and_offer(&asked, &offered);
            assert_int_equal(asked, local && !far);
            assert_int_equal(offered, local && !far ? 4711 : 0);
        }
    client.peer->watch_pid = 0;
}

static void say_all(uint64_t id, uint64_t client_id, int engine)
{
    want(&host, id, engine, 0);
    data_at(&host, id, engine, 0, "bytes");
    want(&client, client_id, engine, 0);
    data_at(&client, client_id, engine, 0, "bytes");
}

TEST(a_part_that_was_not_sent_or_has_ended_has_no_value_on_its_way)
{
    hand_engine(&host, TT_ENGINE_READY);
    hand_engine(&host, TT_ENGINE_STARTING);
    submit(&client, BIG(5, 0, 1));
    assert_heard(host, "TASK [0] {4,0+2097152}; ");
    say_all(1, 5, 1); /* it waits until the engine is ready */
    assert_nobody_hears();
    result_of(&host, 1, 0, TT_STATUS_OK);
    assert_heard(client, "RESULT 5: 0 ok; ");
    say_all(1, 5, 0);
    assert_nobody_hears();
    hand->registry.engines[1]->state = TT_ENGINE_READY;
    dispatch_engine_free(hand, hand->registry.engines[1]);
    result_of(&host, 1, 1, TT_STATUS_OK);
    check_nothing_left();
    assert_heard(host, "TASK [1] {4,0+2097152}; ");
    assert_heard(client, "RESULT 5: 1 ok; ");
    say_all(1, 5, 0);
    say_all(1, 5, 1);
    assert_nobody_hears();
}

TEST(a_balanced_task_that_waits_has_no_engine_to_ask_for)
{
    hand_engine(&host, TT_ENGINE_STARTING);
    submit(&client, (wish_t){5, .balanced = true, .layout = LAYOUT});
    say_all(1, 5, 0);
    say_all(1, 5, -1);
    assert_nobody_hears();
    hand->registry.engines[0]->state = TT_ENGINE_READY;
    dispatch_engine_free(hand, hand->registry.engines[0]);
    assert_heard(host, "TASK [0] {4,0+2097152}; ");
    want(&host, 1, 0, 0);
    assert_heard(client, "WANT 5: 0 0; ");
}

/* ---- on its way */

TEST(a_task_has_the_layout_that_it_was_submitted_with)
{
    heard_t heard;
    two_hosts();
    submit(&client, (wish_t){7, .balanced = true, .layout = SPAN("\x91\x06")});
    submit(&client, BIG(5, 0, 1));
    submit(&client, DIRECT(6, 0));
    assert_true(hear(&host, &heard));
    assert_int_equal(heard.message.as.task.layout.len, LAYOUT.len);
    assert_memory_equal(heard.message.as.task.layout.data, LAYOUT.data, LAYOUT.len);
    assert_int_equal(heard.packet.payload.count, 2); /* what stood in the SUBMIT */
    forget(&heard);
    assert_heard(host, "TASK [0]; ");
    assert_heard(other, "TASK [1] {6}; TASK [1] {4,0+2097152}; ");
}

TEST(what_a_host_wants_comes_from_the_client_whose_task_it_is)
{
    two_hosts();
    submit(&client, BIG(5, 0, 1)); /* task 1 */
    submit(&second, BIG(5, 0, 1)); /* task 2 */
    all_heard(&host);
    all_heard(&other);
    want(&host, 2, 0, 0);
    assert_heard(second, "WANT 5: 0 0; ");
    want(&other, 1, 1, 0);
    want(&host, 1, 0, 70000);
    assert_heard(client, "WANT 5: 1 0; WANT 5: 0 70000; ");
    assert_nobody_hears();
    data_at(&second, 5, 0, 0, "of the second");
    data_at(&client, 5, 0, 13, "of the first");
    assert_heard(host,
                 "DATA 2: 0 0/2097152 of the second; DATA 1: 0 13/2097152 of the first; ");
    data_at(&client, 5, 1, 0, "of the first");
    data_at(&second, 5, 1, 13, "of the second");
    assert_heard(other,
                 "DATA 1: 1 0/2097152 of the first; DATA 2: 1 13/2097152 of the second; ");
    assert_nobody_hears();
}

TEST(what_a_result_gives_goes_to_its_client_and_the_rest_of_it_behind)
{
    two_hosts();
    submit(&client, DIRECT(5, 0, 1)); /* task 1 */
    submit(&second, DIRECT(5, 0, 1)); /* task 2 */
    all_heard(&host);
    all_heard(&other);
    announce(&host, 2, 0);
    announce(&other, 1, 1);
    assert_heard(second, "DATA 5: 0 0/2097152 ; ");
    assert_heard(client, "DATA 5: 1 0/2097152 ; ");
    want(&second, 5, 0, 0);
    want(&client, 5, 1, 0);
    assert_heard(host, "WANT 2: 0 0; ");
    assert_heard(other, "WANT 1: 1 0; ");
    data_at(&other, 1, 1, 0, "chunk");
    want(&client, 5, 1, TOTAL);
    big_result_of(&other, 1, 1);
    assert_heard(client, "DATA 5: 1 0/2097152 chunk; RESULT 5: 1 ok {4,0+2097152}; ");
    assert_heard(other, "WANT 1: 1 2097152; ");
    want(&second, 5, 0, TT_WANT_NOTHING);
    assert_heard(host, "WANT 2: 0 nothing; ");
    assert_nobody_hears();
}

/* ---- a host that goes */

TEST(a_task_that_is_tried_elsewhere_is_given_there_from_the_beginning)
{
    two_hosts();
    submit(&client, (wish_t){5, .balanced = true, .retries = 1, .layout = LAYOUT});
    assert_heard(host, "");
    assert_heard(other, "TASK [1] {4,0+2097152}; ");
    want(&other, 1, 1, 0);
    data_at(&client, 5, 1, 0, "bytes");
    assert_heard(client, "WANT 5: 1 0; ");
    hand_lose(&other);
    assert_heard(host, "TASK [0] {4,0+2097152}; ");
    data_at(&client, 5, 1, 5, "that were on their way");
    assert_heard(host, "");
    want(&host, 1, 0, 0);
    assert_heard(client, "WANT 5: 0 0; ");
    data_at(&client, 5, 0, 0, "bytes");
    assert_heard(host, "DATA 1: 0 0/2097152 bytes; ");
}

TEST(what_a_lost_host_had_to_give_is_not_asked_for_where_the_task_is_tried_again)
{
    two_hosts();
    keep(&client, 1, "meta");
    submit(&client, (wish_t){5, .balanced = true, .retries = 1, .keep = 1});
    assert_heard(other, "TASK [1]; ");
    announce(&other, 1, 1);
    hand_lose(&other);
    assert_heard(host, "TASK [0]; ");
    hand_lose(&client);
    adopt(&second);
    assert_heard(second, "ADOPTED 1 meta: 0=1 all; DONE []; ");
    assert_heard(host, "");
    announce(&host, 1, 0);
    assert_heard(second, "DATA 1: 0 0/2097152 ; ");
}

TEST(what_waits_to_be_tried_again_has_nothing_to_give)
{
    two_hosts();
    hand->registry.engines[0]->state = TT_ENGINE_STARTING;
    keep(&client, 1, "meta");
    submit(&client, (wish_t){5, .balanced = true, .retries = 1, .keep = 1});
    announce(&other, 1, 1);
    hand_lose(&other);
    hand_lose(&client);
    adopt(&second);
    assert_heard(second, "ADOPTED 1 meta: 0=1 all; DONE []; ");
    assert_heard(host, "");
    assert_int_equal(balanced_count(hand->balanced), 1);
}

/* ---- a client that goes */

TEST(what_a_client_that_dies_had_to_give_does_not_come)
{
    two_hosts();
    hand_engine(&host, TT_ENGINE_STARTING);
    submit(&client, BIG(5, 0, 1));
    submit(&client, BIG(6, 2));
    submit(&client, DIRECT(7, 0)); /* which wants nothing */
    result_of(&other, 1, 1, TT_STATUS_OK);
    assert_heard(host, "TASK [0] {4,0+2097152}; TASK [0]; ");
    all_heard(&other);
    want(&host, 1, 0, 0);
    hand_lose(&client);
    assert_heard(host, "DATA 1: 0 " GONE "; ");
    assert_heard(other, ""); /* its part had ended */
    want(&host, 1, 0, 70000);
    assert_heard(host, "DATA 1: 0 " GONE "; ");
    result_of(&host, 1, 0, TT_STATUS_REFUSED);
    result_of(&host, 3, 0, TT_STATUS_OK);
    check_nothing_left();
}

TEST(what_a_client_that_dies_had_to_take_is_taken_by_nobody)
{
    two_hosts();
    submit(&client, DIRECT(5, 0, 1));
    all_heard(&host);
    all_heard(&other);
    announce(&host, 1, 0);
    hand_lose(&client);
    assert_heard(host, "WANT 1: 0 nothing; ");
    assert_heard(other, ""); /* it has nothing to give, so far */
    announce(&other, 1, 1);
    assert_heard(other, "WANT 1: 1 nothing; ");
    data_at(&host, 1, 0, 0, "on its way");
    assert_heard(host, "WANT 1: 0 nothing; ");
    result_of(&host, 1, 0, TT_STATUS_OK);
    result_of(&other, 1, 1, TT_STATUS_OK);
    check_nothing_left();
}

TEST(a_value_of_a_kept_job_waits_and_is_taken_from_the_beginning_by_whoever_adopts_it)
{
    heard_t heard;
    two_hosts();
    keep(&client, 1, "meta");
    submit(&client, (wish_t){5, (int[]){0, 1}, 2, .keep = 1});
    all_heard(&host);
    all_heard(&other);
    announce(&host, 1, 0);
    want(&client, 5, 0, 0);
    all_heard(&host);
    hand_lose(&client);
    data_at(&host, 1, 0, 70000, "on its way"); /* it is given again */
    assert_nobody_hears();
    adopt(&second);
    assert_heard(second, "ADOPTED 1 meta: 0=1 [0,1]; DONE []; ");
    assert_heard(host, "WANT 1: 0 0; ");
    assert_heard(other, "");
    data_at(&host, 1, 0, 0, "bytes");
    assert_true(hear(&second, &heard));
    assert_int_equal(heard.message.type, TT_MSG_DATA);
    assert_true(heard.message.id == (TT_ID_ADOPTED | 1));
    assert_int_equal(heard.message.as.data.engine, 0);
    forget(&heard);
    want(&second, 1, 0, TOTAL); /* not its number */
    assert_heard(host, "");
    want(&second, TT_ID_ADOPTED | 1, 0, TOTAL);
    assert_heard(host, "WANT 1: 0 2097152; ");
    big_result_of(&host, 1, 0);
    assert_heard(second, "RESULT 1: 0 ok {4,0+2097152}; ");
}

TEST(a_value_that_is_announced_while_nobody_is_there_waits_too)
{
    two_hosts();
    keep(&client, 1, "meta");
    submit(&client, (wish_t){5, (int[]){0, 1}, 2, .keep = 1});
    all_heard(&host);
    all_heard(&other);
    hand_lose(&client);
    announce(&other, 1, 1);
    assert_nobody_hears();
    adopt(&second);
    assert_heard(other, "WANT 1: 1 0; ");
    data_at(&other, 1, 1, 0, "bytes");
    hand_lose(&second); /* it goes as well */
    assert_heard(other, "");
    adopt(&third);
    assert_heard(other, "WANT 1: 1 0; ");
    assert_heard(host, "");
    big_result_of(&other, 1, 1);
    assert_heard(third, "ADOPTED 2 meta: 0=1 [0,1]; DONE []; RESULT 1: 1 ok {4,0+2097152}; ");
    hand_lose(&third);
    assert_heard(other, "");
}

TEST(who_adopts_a_task_is_not_asked_for_what_it_was_submitted_with)
{
    two_hosts();
    hand->registry.engines[1]->state = TT_ENGINE_STARTING;
    keep(&client, 1, "meta");
    submit(&client, (wish_t){5, (int[]){0, 1}, 2, .keep = 1, .layout = LAYOUT});
    assert_heard(host, "TASK [0] {4,0+2097152}; ");
    want(&host, 1, 0, 0);
    hand_lose(&client);
    assert_heard(host, "DATA 1: 0 " GONE "; ");
    adopt(&second);
    assert_heard(second, "ADOPTED 1 meta: 0=1 [0,1]; DONE []; ");
    assert_heard(host, "");
    hand->registry.engines[1]->state = TT_ENGINE_READY;
    dispatch_engine_free(hand, hand->registry.engines[1]);
    want(&other, 1, 1, 0);
    want(&host, 1, 0, 0);
    assert_heard(other, "TASK [1] {4,0+2097152}; DATA 1: 1 " GONE "; ");
    assert_heard(host, "DATA 1: 0 " GONE "; ");
    assert_heard(second, "");
    submit(&second, BIG(5, 0)); /* its own */
    want(&host, 2, 0, 0);
    assert_heard(second, "WANT 5: 0 0; ");
}

TEST(who_leaves_gives_and_takes_no_more_and_its_results_wait)
{
    two_hosts();
    keep(&client, 1, "meta");
    submit(&client, (wish_t){5, (int[]){0}, 1, .keep = 1, .layout = LAYOUT}); /* task 1 */
    submit(&client, (wish_t){6, (int[]){1}, 1, .keep = 1, .index = 1});       /* 2 */
    submit(&client, DIRECT(7, 1));                                            /* 3 */
    announce(&other, 2, 1);
    announce(&other, 3, 1);
    want(&host, 1, 0, 0);
    all_heard(&client);
    all_heard(&host);
    all_heard(&other);
    leave(&client);
    assert_heard(client, "DONE []; ");
    assert_heard(host, "DATA 1: 0 " GONE "; ");
    assert_heard(other, "WANT 3: 1 nothing; ");
    data_at(&client, 5, 0, 0, "on its way");
    want(&client, 6, 1, 70000);
    want(&client, 7, 1, 70000);
    data_at(&other, 2, 1, 70000, "on its way");
    assert_nobody_hears();
    hand_lose(&client);
    assert_heard(host, ""); /* it was told */
    assert_heard(other, "");
    adopt(&second);
    assert_heard(host, "");
    assert_heard(other, "WANT 2: 1 0; ");
}

TEST(nobody_takes_what_its_client_does_not_keep_any_more)
{
    two_hosts();
    keep(&client, 1, "meta");
    submit(&client, (wish_t){5, (int[]){0}, 1, .keep = 1});
    announce(&host, 1, 0);
    keep(&client, 1, "");
    keep(&second, 1, "meta");
    submit(&second, (wish_t){5, (int[]){1}, 1, .keep = 1});
    announce(&other, 2, 1);
    all_heard(&host);
    all_heard(&other);
    hand_lose(&client);
    assert_heard(host, "WANT 1: 0 nothing; ");
    bye(&second);
    assert_heard(other, "WANT 2: 1 nothing; ");
}

/* ---- results that are kept */

TEST(a_result_whose_value_went_to_a_client_that_died_is_kept_without_it)
{
    two_hosts();
    keep(&client, 1, "meta");
    submit(&client, (wish_t){5, (int[]){0, 1}, 2, .keep = 1});
    announce(&host, 1, 0);
    want(&client, 5, 0, TOTAL);
    hand_lose(&client);
    big_result_of(&host, 1, 0);
    result_of(&other, 1, 1, TT_STATUS_OK);
    adopt(&second);
    assert_heard(second, "ADOPTED 1 meta:; "
                         "STORE 1.0: 0 ok: its value went to the session that is gone; "
                         "STORE 1.0: 1 ok body; DONE []; ");
    check_nothing_left();
    assert_int_equal(hand->kept.bytes, 4); /* of the meta */
}

TEST(what_was_written_ahead_of_such_a_result_is_kept)
{
    two_hosts();
    keep(&client, 1, "meta");
    submit(&client, (wish_t){5, (int[]){0}, 1, .keep = 1});
    hand_lose(&client);
    output_of(&host, 1, 0, "ahead");
    big_result_of(&host, 1, 0);
    adopt(&second);
    assert_heard(second, "ADOPTED 1 meta:; "
                         "STORE 1.0: 0 ok: its value went to the session that is gone |ahead|; "
                         "DONE []; ");
}

TEST(such_a_result_that_the_dead_had_not_said_it_took_is_kept_without_its_value_too)
{
    two_hosts();
    keep(&client, 1, "meta");
    submit(&client, (wish_t){5, (int[]){0, 1}, 2, .keep = 1});
    big_result_of(&host, 1, 0);
    result_of(&other, 1, 1, TT_STATUS_OK);
    assert_heard(client, "RESULT 5: 0 ok {4,0+2097152}; RESULT 5: 1 ok; ");
    hand_lose(&client);
    adopt(&second);
    assert_heard(second, "ADOPTED 1 meta:; "
                         "STORE 1.0: 0 ok: its value went to the session that is gone; "
                         "STORE 1.0: 1 ok body; DONE []; ");
}

#define EACH(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        EACH(a_submit_brings_arguments_or_says_where_they_are),
        EACH(what_belongs_to_no_task_or_engine_of_its_sender_is_dropped),
        EACH(a_far_host_that_sends_more_than_its_client_takes_is_not_passed_on),
        EACH(files_are_for_those_who_are_on_this_machine_both),
        EACH(a_part_that_was_not_sent_or_has_ended_has_no_value_on_its_way),
        EACH(a_balanced_task_that_waits_has_no_engine_to_ask_for),
        EACH(a_task_has_the_layout_that_it_was_submitted_with),
        EACH(what_a_host_wants_comes_from_the_client_whose_task_it_is),
        EACH(what_a_result_gives_goes_to_its_client_and_the_rest_of_it_behind),
        EACH(a_task_that_is_tried_elsewhere_is_given_there_from_the_beginning),
        EACH(what_a_lost_host_had_to_give_is_not_asked_for_where_the_task_is_tried_again),
        EACH(what_waits_to_be_tried_again_has_nothing_to_give),
        EACH(what_a_client_that_dies_had_to_give_does_not_come),
        EACH(what_a_client_that_dies_had_to_take_is_taken_by_nobody),
        EACH(a_value_of_a_kept_job_waits_and_is_taken_from_the_beginning_by_whoever_adopts_it),
        EACH(a_value_that_is_announced_while_nobody_is_there_waits_too),
        EACH(who_adopts_a_task_is_not_asked_for_what_it_was_submitted_with),
        EACH(who_leaves_gives_and_takes_no_more_and_its_results_wait),
        EACH(nobody_takes_what_its_client_does_not_keep_any_more),
        EACH(a_result_whose_value_went_to_a_client_that_died_is_kept_without_it),
        EACH(what_was_written_ahead_of_such_a_result_is_kept),
        EACH(such_a_result_that_the_dead_had_not_said_it_took_is_kept_without_its_value_too),
    };
    alarm(20);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
