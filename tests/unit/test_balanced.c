/* Unit test of controller/balanced: fairness between clients, order within one, where work may
 * go, and the policies; engines and clients are made by hand. */
#include "check.h"

#include "controller/balanced.h"

#include <stdlib.h>
#include <unistd.h>

enum { TASKS = 4000 };

static tt_loop_t *loop;
static void *context, *nowhere; /* a socket that takes nothing */
static registry_t registry;
static balanced_t *queue;
static peer_t hosts[2], clients[3];
static task_t *tasks[TASKS];
static size_t task_count;
static tt_error_t err;

static void set_peer(peer_t *peer)
{
    memset(peer, 0, sizeof *peer);
    peer->outbox = tt_outbox_new(loop, nowhere, (tt_span_t){NULL, 0}, 100);
}

static int begin(void **unused)
{
    (void)unused;
    loop = tt_loop_new();
    context = zmq_ctx_new();
    nowhere = zmq_socket(context, ZMQ_DEALER);
    memset(&registry, 0, sizeof registry);
    for (size_t i = 0; i < 2; i++)
        set_peer(&hosts[i]);
    for (size_t i = 0; i < 3; i++)
        set_peer(&clients[i]);
    task_count = 0;
    queue = balanced_new("leastload", &err);
    return queue ? 0 : -1;
}

static int end(void **unused)
{
    (void)unused;
    balanced_destroy(&queue);
    balanced_destroy(&queue);
    for (size_t i = 0; i < task_count; i++)
        task_destroy(&tasks[i]);
    for (size_t i = 0; i < 2; i++)
        tt_outbox_destroy(&hosts[i].outbox);
    for (size_t i = 0; i < 3; i++)
        tt_outbox_destroy(&clients[i].outbox);
    registry_release(&registry);
    zmq_close(nowhere);
    zmq_ctx_term(context);
    tt_loop_destroy(&loop);
    return 0;
}

static void use_policy(const char *name)
{
    balanced_destroy(&queue);
    queue = balanced_new(name, &err);
    assert_non_null(queue);
}

/* `count` engines that are ready and slow: one part at a time fits each. */
static void new_engines(int count)
{
    for (int i = 0; i < count; i++) {
        engine_t *engine = registry_add(&registry, -1);
        engine->state = TT_ENGINE_READY;
        engine->host = &hosts[0];
        engine->mean_run_ns = 1000000000;
    }
}

static part_t *new_part(peer_t *client)
{
    tt_msg_submit_t submit = {.flags = TT_SUBMIT_BALANCED};
    tt_frames_t frames;
    tt_frames_init(&frames);
    task_t *task = task_new(task_count, &submit, &frames, 1);
    task->client = client;
    tasks[task_count++] = task;
    return task->parts;
}

static part_t *push(peer_t *client)
{
    part_t *part = new_part(client);
    balanced_push(queue, part);
    return part;
}

static void allow(part_t *part, const int *ids, size_t count)
{
    part->task->allowed = malloc((count + 1) * sizeof *ids);
    for (size_t i = 0; i < count; i++)
        part->task->allowed[i] = ids[i];
    part->task->allowed_count = count;
}

/* Takes the next part, and gives it to its engine; NULL when nothing can be sent. */
static part_t *give(int *id)
{
    engine_t *engine = NULL;
    part_t *part = balanced_next(queue, &registry, &engine);
    if (part) {
        assert_non_null(engine);
        part_list_push(&engine->sent, part);
    }
    if (id)
        *id = part ? engine->id : -1;
    return part;
}

/* Everything that was given has ended. */
static void empty_engines(void)
{
    for (size_t i = 0; i < registry.count; i++)
        while (part_list_pop(&registry.engines[i]->sent))
            continue;
}

static void fill_outbox(tt_outbox_t *outbox)
{
    tt_frames_t frames;
    char bytes[200] = {0};
    tt_message_t message = tt_message(TT_MSG_WHO, 0);
    tt_frames_init(&frames);
    tt_frames_copy(&frames, bytes, sizeof bytes);
    tt_outbox_send(outbox, &message, &frames);
    assert_true(tt_outbox_full(outbox));
}

/* ---- nothing to do */

TEST(a_policy_that_does_not_exist_is_refused_with_those_that_do)
{
    assert_null(balanced_new("best", &err));
    assert_says(&err, "no policy 'best'");
    assert_says(&err, "leastload, roundrobin, random");
    use_policy("random");
    assert_string_equal(balanced_policy(queue), "random");
}

TEST(without_work_or_without_engines_nothing_is_next)
{
    new_engines(1);
    assert_null(give(NULL));
    registry_release(&registry);
    push(&clients[0]);
    assert_null(give(NULL));
    assert_int_equal(balanced_count(queue), 1);
}

TEST(a_part_that_is_not_there_can_be_removed)
{
    balanced_remove(queue, new_part(&clients[0]));
    assert_int_equal(balanced_count(queue), 0);
}

/* ---- order */

TEST(one_clients_work_is_done_in_order_and_what_was_put_in_front_first)
{
    part_t *a = push(&clients[0]), *b = push(&clients[0]), *c = new_part(&clients[0]);
    balanced_push_front(queue, c);
    new_engines(3);
    assert_int_equal(balanced_count(queue), 3);
    assert_ptr_equal(give(NULL), c);
    assert_ptr_equal(give(NULL), a);
    assert_ptr_equal(give(NULL), b);
    assert_null(give(NULL));
    assert_int_equal(balanced_count(queue), 0);
}

TEST(two_clients_take_turns_however_much_one_of_them_wants)
{
    new_engines(1);
    for (int i = 0; i < 20; i++)
        push(&clients[0]);
    for (int i = 0; i < 5; i++)
        push(&clients[1]);
    const peer_t *before = NULL;
    for (int i = 0; i < 10; i++) {
        const peer_t *now = give(NULL)->task->client;
        assert_ptr_not_equal(now, before);
        before = now;
        empty_engines();
    }
    for (int i = 0; i < 15; i++) {
        assert_ptr_equal(give(NULL)->task->client, &clients[0]);
        empty_engines();
    }
    assert_null(give(NULL));
}

TEST(a_client_that_comes_late_does_not_wait_behind_a_thousand_parts)
{
    new_engines(1);
    for (int i = 0; i < 1000; i++)
        push(&clients[0]);
    for (int i = 0; i < 10; i++) {
        give(NULL);
        empty_engines();
    }
    part_t *late = push(&clients[1]);
    part_t *next = give(NULL);
    empty_engines();
    if (next != late)
        next = give(NULL);
    assert_ptr_equal(next, late);
}

TEST(a_client_that_takes_no_results_is_passed_over_and_others_are_not)
{
    new_engines(2);
    part_t *held = push(&clients[0]), *free_ = push(&clients[1]);
    fill_outbox(clients[0].outbox);
    assert_ptr_equal(give(NULL), free_);
    assert_null(give(NULL));
    tt_outbox_destroy(&clients[0].outbox);
    clients[0].outbox = tt_outbox_new(loop, nowhere, (tt_span_t){NULL, 0}, 100);
    assert_ptr_equal(give(NULL), held);
}

TEST(work_of_a_client_that_has_gone_is_still_done)
{
    new_engines(1);
    part_t *orphan = push(NULL);
    assert_ptr_equal(give(NULL), orphan);
}

TEST(a_removed_part_is_not_next_and_its_clients_other_parts_are)
{
    new_engines(3);
    part_t *a = push(&clients[0]), *b = push(&clients[0]), *c = push(&clients[0]);
    part_t *other = push(&clients[1]);
    balanced_remove(queue, b);
    balanced_remove(queue, other); /* its client's last */
    assert_int_equal(balanced_count(queue), 2);
    assert_ptr_equal(give(NULL), a);
    assert_ptr_equal(give(NULL), c);
    assert_null(give(NULL));
}

/* Pushes, takes and removes at random; every part comes out once, and each client's in order.
 */
TEST(nothing_is_lost_doubled_or_overtaken_in_any_order_of_steps)
{
    peer_t *owners[] = {&clients[0], &clients[1], &clients[2], NULL};
    uint64_t last[4] = {0};
    size_t inside = 0, taken = 0;
    static bool out[TASKS];
    memset(out, 0, sizeof out);
    new_engines(3);
    new_part(&clients[0]); /* ids from 1 on */
    srand(9);
    while (task_count < TASKS) {
        int what = rand() % 100;
        if (what < 55) {
            push(owners[rand() % 4]);
            inside++;
        } else if (what < 60 && task_count > 1) {
            task_t *victim = tasks[1 + (size_t)rand() % (task_count - 1)];
            if (!out[victim->id]) {
                balanced_remove(queue, victim->parts);
                out[victim->id] = true;
                inside--;
            }
        } else {
            part_t *part = give(NULL);
            empty_engines();
            assert_int_equal(part != NULL, inside > 0);
            if (part == NULL)
                continue;
            size_t owner = 0;
            while (owners[owner] != part->task->client)
                owner++;
            assert_false(out[part->task->id]);
            assert_true(part->task->id > last[owner]);
            last[owner] = part->task->id;
            out[part->task->id] = true;
            inside--;
            taken++;
        }
        assert_int_equal(balanced_count(queue), inside);
    }
    assert_true(taken > 1000);
}

/* ---- where it may go */

TEST(only_engines_that_can_take_work_get_any)
{
    int id;
    new_engines(6);
    registry.engines[0]->state = TT_ENGINE_RESTARTING;
    registry.engines[1]->host = NULL;
    registry.engines[2]->host = &hosts[1];
    fill_outbox(hosts[1].outbox);
    part_list_push(&registry.engines[3]->queue, new_part(&clients[0])); /* direct work first */
    part_list_push(&registry.engines[4]->sent, new_part(&clients[0]));  /* its window is full */
    push(&clients[0]);
    push(&clients[0]);
    assert_non_null(give(&id));
    assert_int_equal(id, 5);
    assert_null(give(&id));
    assert_int_equal(balanced_count(queue), 1);
}

TEST(work_goes_only_where_it_is_allowed)
{
    int id;
    new_engines(4);
    part_t *part = push(&clients[0]);
    allow(part, (int[]){2}, 1);
    assert_ptr_equal(give(&id), part);
    assert_int_equal(id, 2);
    part = push(&clients[0]);
    allow(part, (int[]){2}, 1);
    assert_null(give(NULL)); /* it is busy, and the idle ones are not allowed */
    allow(push(&clients[0]), NULL, 0);
    assert_null(give(NULL));
}

TEST(work_that_must_wait_for_its_engine_does_not_hold_up_what_comes_behind_it)
{
    int id;
    new_engines(2);
    part_list_push(&registry.engines[0]->sent, new_part(&clients[0]));
    for (int i = 0; i < 63; i++)
        allow(push(&clients[0]), (int[]){0}, 1);
    part_t *any = push(&clients[0]);
    assert_ptr_equal(give(&id), any);
    assert_int_equal(id, 1);
}

TEST(how_many_parts_an_engine_has_follows_from_how_long_they_run)
{
    engine_t engine = {.mean_run_ns = 0};
    assert_int_equal(balanced_window(&engine), 64);
    engine.mean_run_ns = 10000000000;
    assert_int_equal(balanced_window(&engine), 1);
    engine.mean_run_ns = 1000000; /* as long as the way */
    assert_in_range(balanced_window(&engine), 1, 2);
    size_t before = 64;
    for (int64_t ns = 1; ns < 1000000000; ns *= 3) {
        engine.mean_run_ns = ns;
        assert_in_range(balanced_window(&engine), 1, before);
        before = balanced_window(&engine);
    }
}

TEST(times_that_no_clock_tells_do_no_harm)
{
    static const int64_t odd[] = {-1, -2, INT64_MIN, INT64_MAX};
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
        engine_t engine = {.mean_run_ns = odd[i]};
        assert_in_range(balanced_window(&engine), 1, 64);
    }
}

/* ---- policies */

TEST(leastload_takes_the_engine_with_the_fewest_parts)
{
    int id;
    new_engines(3);
    for (size_t i = 0; i < 3; i++)
        registry.engines[i]->mean_run_ns = 0; /* wide windows */
    for (int i = 0; i < 5; i++)
        part_list_push(&registry.engines[0]->sent, new_part(&clients[0]));
    for (int i = 0; i < 3; i++)
        part_list_push(&registry.engines[2]->sent, new_part(&clients[0]));
    for (int i = 0; i < 3; i++) {
        push(&clients[0]);
        give(&id);
        assert_int_equal(id, 1);
    }
    for (int i = 0; i < 4; i++) {
        push(&clients[0]);
        give(&id);
        assert_int_not_equal(id, 0);
    }
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(registry.engines[i]->sent.count, 5);
}

TEST(leastload_goes_round_among_idle_engines)
{
    int id, times[5] = {0};
    new_engines(5);
    for (int i = 0; i < 25; i++) {
        push(&clients[0]);
        give(&id);
        times[id]++;
        empty_engines();
    }
    for (int i = 0; i < 5; i++)
        assert_int_equal(times[i], 5);
}

TEST(roundrobin_goes_round_whatever_the_load_and_over_those_that_are_full)
{
    int id, before;
    use_policy("roundrobin");
    new_engines(3);
    for (size_t i = 0; i < 3; i++)
        registry.engines[i]->mean_run_ns = 0;
    for (int i = 0; i < 9; i++)
        part_list_push(&registry.engines[0]->sent, new_part(&clients[0]));
    push(&clients[0]);
    give(&before);
    for (int i = 0; i < 6; i++) {
        push(&clients[0]);
        give(&id);
        assert_int_equal(id, (before + 1) % 3);
        before = id;
    }
    registry.engines[(before + 1) % 3]->state = TT_ENGINE_LOST;
    push(&clients[0]);
    give(&id);
    assert_int_equal(id, (before + 2) % 3);
}

TEST(random_meets_every_engine_that_may_and_no_other)
{
    int id, times[6] = {0};
    use_policy("random");
    new_engines(6);
    for (int i = 0; i < 600; i++) {
        allow(push(&clients[0]), (int[]){1, 2, 4}, 3);
        give(&id);
        assert_in_range(id, 0, 5);
        times[id]++;
        empty_engines();
    }
    assert_int_equal(times[0] + times[3] + times[5], 0);
    assert_true(times[1] > 50 && times[2] > 50 && times[4] > 50);
}

TEST(no_policy_minds_that_an_engine_has_gone_since_its_last_choice)
{
    static const char *const names[] = {"leastload", "roundrobin", "random"};
    for (size_t i = 0; i < 3; i++) {
        use_policy(names[i]);
        registry_release(&registry);
        memset(&registry, 0, sizeof registry);
        new_engines(5);
        for (int n = 0; n < 5; n++)
            push(&clients[0]);
        for (int n = 0; n < 5; n++)
            give(NULL);
        empty_engines();
        while (registry.count > 1)
            registry_remove(&registry, registry.engines[registry.count - 1]);
        push(&clients[0]);
        int id;
        assert_non_null(give(&id));
        assert_int_equal(id, 0);
    }
}

#define EACH(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        EACH(a_policy_that_does_not_exist_is_refused_with_those_that_do),
        EACH(without_work_or_without_engines_nothing_is_next),
        EACH(a_part_that_is_not_there_can_be_removed),
        EACH(one_clients_work_is_done_in_order_and_what_was_put_in_front_first),
        EACH(two_clients_take_turns_however_much_one_of_them_wants),
        EACH(a_client_that_comes_late_does_not_wait_behind_a_thousand_parts),
        EACH(a_client_that_takes_no_results_is_passed_over_and_others_are_not),
        EACH(work_of_a_client_that_has_gone_is_still_done),
        EACH(a_removed_part_is_not_next_and_its_clients_other_parts_are),
        EACH(nothing_is_lost_doubled_or_overtaken_in_any_order_of_steps),
        EACH(only_engines_that_can_take_work_get_any),
        EACH(work_goes_only_where_it_is_allowed),
        EACH(work_that_must_wait_for_its_engine_does_not_hold_up_what_comes_behind_it),
        EACH(how_many_parts_an_engine_has_follows_from_how_long_they_run),
        EACH(times_that_no_clock_tells_do_no_harm),
        EACH(leastload_takes_the_engine_with_the_fewest_parts),
        EACH(leastload_goes_round_among_idle_engines),
        EACH(roundrobin_goes_round_whatever_the_load_and_over_those_that_are_full),
        EACH(random_meets_every_engine_that_may_and_no_other),
        EACH(no_policy_minds_that_an_engine_has_gone_since_its_last_choice),
    };
    alarm(20);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
