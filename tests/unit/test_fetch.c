/* Unit test of controller/fetch: what others are told of a client's work, and what they get of
 * it, with hosts and clients played by the test. */
#include "hand_controller.h"

#include "controller/fetch.h"
#include "controller/values.h"
#include "pack.h"

static far_t client, second, third, host;

static int begin(void **unused)
{
    (void)unused;
    if (hand_begin() != 0)
        return -1;
    client = hand_peer(PEER_CLIENT, "client");
    second = hand_peer(PEER_CLIENT, "second");
    third = hand_peer(PEER_CLIENT, "third");
    host = hand_peer(PEER_HOST, "host");
    hand_engine(&host, TT_ENGINE_READY);
    hand_engine(&host, TT_ENGINE_READY);
    return 0;
}

static int end(void **unused)
{
    (void)unused;
    return hand_end();
}

static int sent_to; /* the (first) engine of that task */

/* The controller's id of the next task that the host was sent. */
static uint64_t next_task(void)
{
    heard_t heard;
    uint64_t id = 0;
    while (id == 0 && hear(&host, &heard)) {
        int *ids = NULL;
        if (heard.message.type == TT_MSG_TASK &&
            tt_ids_read(heard.message.as.task.engines, &ids, NULL) > 0) {
            id = heard.message.id;
            sent_to = ids[0];
        }
        free(ids);
        forget(&heard);
    }
    return id;
}

static void output_of(uint64_t task, int engine, int stream, const char *text)
{
    tt_frames_t payload;
    tt_frames_init(&payload);
    tt_frames_copy(&payload, text, strlen(text));
    tt_message_t message = tt_message(TT_MSG_OUTPUT, task);
    message.as.output.engine = engine;
    message.as.output.stream = (uint64_t)stream;
    dispatch_output(hand, host.peer, &message, &payload);
    tt_frames_release(&payload);
}

static void announce(uint64_t task, int engine, uint64_t total)
{
    tt_frames_t payload;
    tt_frames_init(&payload);
    tt_message_t message = tt_message(TT_MSG_DATA, task);
    message.as.data.engine = engine;
    message.as.data.total = total;
    values_data(hand, host.peer, &message, &payload);
    tt_frames_release(&payload);
}

static tt_span_t named(const char *name)
{
    static uint8_t uuid[RECORDS_SESSION];
    memset(uuid, 0, sizeof uuid);
    memcpy(uuid, name, strlen(name));
    return (tt_span_t){uuid, sizeof uuid};
}

static void fetch(const far_t *from, uint64_t id, const char *name, uint64_t number)
{
    tt_frames_t none;
    tt_frames_init(&none);
    tt_message_t message = tt_message(TT_MSG_FETCH, id);
    message.as.fetch.session = named(name);
    message.as.fetch.number = number;
    fetch_task(hand, from->peer, &message, &none);
}

static void ask(const char *name, const uint64_t *numbers, size_t count, unsigned what)
{
    tt_frames_t none;
    tt_buf_t list;
    tt_frames_init(&none);
    tt_buf_init(&list);
    tt_message_t message = tt_message(TT_MSG_RECORDS, 4);
    if (name)
        message.as.records.session = named(name);
    if (numbers)
        tt_pack_array(&list, count);
    for (size_t i = 0; i < count; i++)
        tt_pack_uint(&list, numbers[i]);
    message.as.records.numbers = span_of(&list);
    message.as.records.forget = what;
    fetch_records(hand, second.peer, &message, &none);
    tt_buf_release(&list);
}

/* How many records the answer has. */
static size_t told(void)
{
    heard_t heard;
    tt_span_t word;
    size_t fields = 0, count = 99;
    assert_true(hear(&second, &heard));
    assert_int_equal(heard.message.type, TT_MSG_REPORT);
    assert_int_equal(heard.message.id, 4);
    tt_reader_t reader = tt_reader(tt_frames_span(&heard.packet.payload, 0));
    assert_int_equal(tt_read_map(&reader, &fields), 0);
    assert_int_equal(tt_read_str(&reader, &word), 0);
    assert_int_equal(tt_read_raw(&reader, &word), 0);
    assert_int_equal(tt_read_str(&reader, &word), 0);
    assert_int_equal(tt_read_array(&reader, &count), 0);
    forget(&heard);
    return count;
}

static wish_t lasting(wish_t wish)
{
    wish.stays = true;
    return wish;
}

/* ---- what is known */

TEST(all_is_told_or_a_clients_or_some_numbers_of_it)
{
    submit(&client, lasting((wish_t){.id = 5, .index = 1, .balanced = true}));
    submit(&client, lasting((wish_t){.id = 6, .index = 2, .balanced = true}));
    submit(&third, DIRECT(5, 0, 1)); /* known by its id */
    result_of(&host, next_task(), 0, TT_STATUS_OK);
    ask(NULL, NULL, 0, TT_RECORDS_TELL);
    assert_int_equal(told(), 3);
    ask("client", NULL, 0, TT_RECORDS_TELL);
    assert_int_equal(told(), 2);
    ask("client", (uint64_t[]){2, 9}, 2, TT_RECORDS_TELL);
    assert_int_equal(told(), 1);
    ask("third", (uint64_t[]){5}, 1, TT_RECORDS_TELL);
    assert_int_equal(told(), 1);
    ask("nobody", NULL, 0, TT_RECORDS_TELL);
    assert_int_equal(told(), 0);
    ask(NULL, (uint64_t[]){1}, 1, TT_RECORDS_TELL);
    assert_heard(second, "ERROR 4: RECORDS: a session has 16 bytes, and its tasks are named by "
                         "numbers; ");
}

TEST(what_has_ended_can_be_forgotten_and_what_has_not_stays)
{
    submit(&client, lasting((wish_t){.id = 5, .index = 1, .balanced = true}));
    submit(&client, lasting((wish_t){.id = 6, .index = 2, .balanced = true}));
    uint64_t task = next_task();
    result_of(&host, task, sent_to, TT_STATUS_OK);
    ask("client", (uint64_t[]){1, 1, 2}, 3, TT_RECORDS_FORGET);
    assert_int_equal(told(), 0);
    ask(NULL, NULL, 0, TT_RECORDS_TELL);
    assert_int_equal(told(), 1);
    fetch(&second, 8, "client", 1);
    assert_heard(second, "ERROR 8: nothing is known of that task (any more); ");
}

TEST(what_has_no_client_can_be_ended_and_nothing_else)
{
    for (uint64_t i = 1; i <= 3; i++)
        submit(&client, lasting((wish_t){.id = i, .index = i, .balanced = true}));
    submit(&third, lasting((wish_t){.id = 1, .index = 1, .balanced = true}));
    uint64_t task = next_task();
    assert_int_equal(fetch_left(hand), 0);
    hand_lose(&client);
    assert_int_equal(fetch_left(hand), 3);
    ask(NULL, NULL, 0, TT_RECORDS_END);
    assert_heard(second, "REPORT; ");
    assert_int_equal(fetch_left(hand), 2); /* these run, and are interrupted */
    assert_heard(host, "TASK [0]; CANCEL [0]; CANCEL [1]; ");
    result_of(&host, task, sent_to, TT_STATUS_INTERRUPTED);
    fetch(&second, 8, "client", 3);
    assert_heard(second, "RESULT 8: -1 cancelled: cancelled before it started; ");
    assert_int_equal(third.peer->tasks.count, 1);
    ask("third", NULL, 0, TT_RECORDS_END);
    assert_int_equal(third.peer->tasks.count, 1);
}

/* ---- of clients that live */

TEST(of_what_has_ended_small_results_are_sent_again_and_of_large_ones_how_they_went)
{
    submit(&client,
           lasting((wish_t){.id = 5, .index = 1, .engines = (int[]){0, 1}, .count = 2}));
    uint64_t task = next_task();
    result_of(&host, task, 1, TT_STATUS_OK);
    tt_frames_t payload;
    tt_frames_init(&payload);
    char body[RECORDS_RESULT_BYTES + 1] = {0};
    tt_frames_copy(&payload, body, sizeof body);
    tt_message_t message = tt_message(TT_MSG_RESULT, task);
    message.as.result.status = TT_STATUS_OK;
    dispatch_result(hand, host.peer, &message, &payload);
    fetch(&second, 8, "client", 1);
    assert_heard(second,
                 "RESULT 8: 0 ok: its result is not kept: it went to its own client, or "
                 "there was no room; RESULT 8: 1 ok; ");
    fetch(&second, 9, "client", 1); /* as often as one likes */
    assert_int_equal(strlen(all_heard(&second)) > 0, 1);
    assert_heard(client, "RESULT 5: 1 ok; RESULT 5: 0 ok; ");
}

TEST(results_that_come_go_to_whoever_fetched_them_too)
{
    submit(&client,
           lasting((wish_t){.id = 5, .index = 1, .engines = (int[]){0, 1}, .count = 2}));
    uint64_t task = next_task();
    result_of(&host, task, 0, TT_STATUS_OK);
    output_of(task, 1, 2, "early");
    fetch(&second, 8, "client", 1);
    fetch(&third, 9, "client", 1);
    hand_lose(&third);
    output_of(task, 1, 1, "later");
    result_of(&host, task, 1, TT_STATUS_ERROR);
    assert_heard(second, "RESULT 8: 0 ok; OUTPUT 8: 1.2 early; OUTPUT 8: 1.1 later; "
                         "RESULT 8: 1 error; ");
    assert_heard(client, "RESULT 5: 0 ok; OUTPUT 5: 1.2 early; OUTPUT 5: 1.1 later; "
                         "RESULT 5: 1 error; ");
    assert_int_equal(hand->tasks.count, 0);
}

TEST(a_large_result_that_comes_goes_to_its_own_client_only)
{
    submit(&client, lasting((wish_t){.id = 5, .index = 1, .balanced = true}));
    uint64_t task = next_task();
    fetch(&second, 8, "client", 1);
    tt_buf_t layout;
    tt_buf_init(&layout);
    tt_pack_array(&layout, 1);
    tt_pack_array(&layout, 2);
    tt_pack_uint(&layout, 0);
    tt_pack_uint(&layout, 2 << 20);
    tt_frames_t none;
    tt_frames_init(&none);
    tt_message_t message = tt_message(TT_MSG_RESULT, task);
    message.as.result.engine = sent_to;
    message.as.result.status = TT_STATUS_OK;
    message.as.result.layout = span_of(&layout);
    dispatch_result(hand, host.peer, &message, &none);
    tt_buf_release(&layout);
    assert_heard(client, "RESULT 5: 1 ok {0+2097152}; ");
    assert_heard(second, "RESULT 8: 1 ok: its value is large, and went to its own client; ");
    fetch(&second, 9, "client", 1);
    assert_heard(second,
                 "RESULT 9: 1 ok: its result is not kept: it went to its own client, or "
                 "there was no room; ");
}

/* ---- of clients that have gone */

TEST(work_that_stays_goes_on_without_its_client_and_its_results_wait)
{
    for (uint64_t i = 1; i <= 4; i++)
        submit(&client, lasting((wish_t){.id = i, .index = i, .balanced = true}));
    submit(&client, BALANCED(5));
    uint64_t task = next_task();
    assert_int_equal(balanced_count(hand->balanced), 3);
    hand_lose(&client);
    assert_int_equal(balanced_count(hand->balanced), 2); /* the last one was an ordinary one */
    assert_true(hand->kept.queued_bytes > 0);
    output_of(task, sent_to, 1, "ahead ");
    while (task) {
        result_of(&host, task, sent_to, TT_STATUS_OK);
        task = next_task();
    }
    assert_int_equal(hand->tasks.count, 0);
    assert_int_equal(hand->kept.queued_bytes, 0);
    for (uint64_t i = 1; i <= 4; i++)
        fetch(&second, i, "client", i);
    assert_heard(second, "RESULT 1: 1 ok; RESULT 2: 0 ok; RESULT 3: 1 ok; RESULT 4: 0 ok; ");
    fetch(&second, 6, "client", 5);
    assert_heard(second, "RESULT 6: -1 cancelled: cancelled before it started; ");
}

TEST(who_fetches_what_was_left_has_it_as_if_it_had_submitted_it)
{
    submit(&client,
           lasting((wish_t){.id = 1, .index = 1, .engines = (int[]){0, 1}, .count = 2}));
    submit(&client, lasting((wish_t){.id = 2, .index = 2, .balanced = true}));
    submit(&client, lasting((wish_t){.id = 3, .index = 3, .balanced = true}));
    uint64_t task = next_task();
    output_of(task, 0, 1, "to the first");
    hand_lose(&client);
    output_of(task, 0, 1, "to nobody");
    output_of(task, 1, 2, "error");
    result_of(&host, task, 1, TT_STATUS_OK);
    fetch(&second, 7, "client", 1);
    fetch(&second, 8, "client", 3);
    assert_heard(second, "OUTPUT 7: 0.1 to the firstto nobody; RESULT 7: 1 ok; ");
    assert_int_equal(second.peer->tasks.count, 2);
    assert_true(second.peer->queued_bytes > 0);
    output_of(task, 0, 1, "to the second");
    cancel(&second, 8, NULL, 0);
    result_of(&host, task, 0, TT_STATUS_OK);
    assert_heard(second,
                 "OUTPUT 7: 0.1 to the second; RESULT 8: -1 cancelled: cancelled before "
                 "it started; RESULT 7: 0 ok; ");
    assert_int_equal(second.peer->tasks.count, 0);
    assert_int_equal(second.peer->queued_bytes, 0);
    fetch(&second, 9, "client", 2);
    hand_lose(&second); /* it stays for yet another one */
    task = next_task();
    result_of(&host, task, sent_to, TT_STATUS_OK);
    fetch(&third, 1, "client", 2);
    assert_heard(third, "RESULT 1: 1 ok; ");
}

TEST(a_big_result_waits_at_its_host_for_whoever_fetches_it_and_is_in_nobodys_way)
{
    submit(&client, lasting((wish_t){.id = 1, .index = 1, .engines = (int[]){0}, .count = 1}));
    submit(&client, lasting((wish_t){.id = 2, .index = 2, .engines = (int[]){1}, .count = 1}));
    uint64_t first = next_task(), other = next_task();
    announce(first, 0, 2 << 20);
    all_heard(&client);
    hand_lose(&client);
    announce(other, 1, 2 << 20);
    assert_heard(host, "");
    engine_t *engine = registry_find(&hand->registry, 0);
    assert_int_equal(engine->sent.count, 0);
    submit(&third, BALANCED(1));
    submit(&third, BALANCED(2));
    assert_heard(host, "TASK [1]; TASK [0]; ");
    fetch(&second, 7, "client", 1);
    assert_heard(host, "WANT 1: 0 0; ");
    result_of(&host, first, 0, TT_STATUS_OK);
    assert_heard(second, "RESULT 7: 0 ok; ");
    assert_int_equal(engine->asked.count, 0);
    lose_engine(registry_find(&hand->registry, 1));
    fetch(&second, 8, "client", 2);
    assert_heard(second, "RESULT 8: 1 may have run: the host is gone; ");
}

TEST(big_results_for_nobody_are_bounded)
{
    submit(&client,
           lasting((wish_t){.id = 1, .index = 1, .engines = (int[]){0, 1}, .count = 2}));
    uint64_t task = next_task();
    hand_lose(&client);
    announce(task, 0, (uint64_t)1 << 30);
    assert_heard(host, "");
    announce(task, 1, 2 << 20);
    assert_heard(host, "WANT 1: 1 nothing; ");
}

TEST(an_id_in_use_and_a_client_that_has_left_are_refused)
{
    submit(&client, lasting((wish_t){.id = 1, .index = 1, .engines = (int[]){0}, .count = 1}));
    submit(&second, DIRECT(7, 1));
    fetch(&second, 7, "client", 1);
    second.peer->left = true;
    fetch(&second, 8, "client", 1);
    second.peer->left = false;
    assert_heard(second, "ERROR 7: FETCH after LEAVE, or with an id that is in use; "
                         "ERROR 8: FETCH after LEAVE, or with an id that is in use; ");
}

#define EACH(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        EACH(all_is_told_or_a_clients_or_some_numbers_of_it),
        EACH(what_has_ended_can_be_forgotten_and_what_has_not_stays),
        EACH(what_has_no_client_can_be_ended_and_nothing_else),
        EACH(of_what_has_ended_small_results_are_sent_again_and_of_large_ones_how_they_went),
        EACH(results_that_come_go_to_whoever_fetched_them_too),
        EACH(a_large_result_that_comes_goes_to_its_own_client_only),
        EACH(work_that_stays_goes_on_without_its_client_and_its_results_wait),
        EACH(who_fetches_what_was_left_has_it_as_if_it_had_submitted_it),
        EACH(a_big_result_waits_at_its_host_for_whoever_fetches_it_and_is_in_nobodys_way),
        EACH(big_results_for_nobody_are_bounded),
        EACH(an_id_in_use_and_a_client_that_has_left_are_refused),
    };
    alarm(60);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
