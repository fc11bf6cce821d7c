/* Unit test of engine/task: a task lives as long as its parts, and queues keep their order
 * whatever is taken out of them. */
#include "check.h"

#include "task.h"

#include <unistd.h>

static part_queue_t queue;
static tt_frames_t frames;

static int begin(void **unused)
{
    (void)unused;
    part_queue_init(&queue);
    tt_frames_init(&frames);
    return 0;
}

static int end(void **unused)
{
    (void)unused;
    for (part_t *part; (part = part_queue_pop(&queue));)
        part_destroy(&part);
    tt_frames_release(&frames);
    return 0;
}

static task_t *new_task(uint64_t id)
{
    tt_msg_task_t message = {.op = 1};
    return task_new(id, &message, &frames);
}

/* The only part of a task of its own. */
static part_t *new_part(uint64_t id)
{
    task_t *task = new_task(id);
    part_t *part = part_new(task);
    part->order = id;
    task_release(&task);
    return part;
}

static void push(uint64_t id)
{
    part_queue_push(&queue, new_part(id));
}

/* Orders are numbered as tasks are. */
static void insert(uint64_t id)
{
    part_queue_insert(&queue, new_part(id));
}

/* Takes part `id` out; whether it was there. */
static bool removes(uint64_t id)
{
    part_t *part = part_queue_remove(&queue, id);
    bool found = part != NULL;
    assert_true(part == NULL || (part->task->id == id && part->next == NULL));
    part_destroy(&part);
    return found;
}

/* Pops everything: the ids must be those of the digits. */
static void assert_pops(const char *digits)
{
    assert_int_equal(queue.count, strlen(digits));
    for (; *digits; digits++) {
        part_t *part = part_queue_pop(&queue);
        assert_non_null(part);
        assert_int_equal(part->task->id, *digits - '0');
        part_destroy(&part);
    }
    assert_null(part_queue_pop(&queue));
    assert_int_equal(queue.count, 0);
}

/* ---- tasks */

TEST(nothing_can_be_released)
{
    task_t *task = NULL;
    part_t *part = NULL;
    task_release(&task);
    part_destroy(&part);
}

TEST(a_task_has_what_the_message_says_and_takes_the_frames)
{
    tt_msg_task_t message = {
        .op = 2, .blob = SPAN("0123456789abcdef"), .attempt = 3, .timeout_ms = 400};
    tt_frames_copy(&frames, "args", 4);
    task_t *task = task_new(77, &message, &frames);
    assert_int_equal(frames.count, 0);
    assert_int_equal(task->id, 77);
    assert_int_equal(task->op, 2);
    assert_int_equal(task->attempt, 3);
    assert_int_equal(task->timeout_ms, 400);
    assert_true(task->has_blob);
    assert_memory_equal(task->blob, "0123456789abcdef", 16);
    assert_memory_equal(tt_frames_span(&task->frames, 0).data, "args", 4);
    task_release(&task);
    assert_null(task);
}

TEST(a_limit_that_no_clock_reaches_is_a_long_one_and_not_one_in_the_past)
{
    tt_msg_task_t message = {.timeout_ms = UINT64_MAX};
    task_t *task = task_new(1, &message, &frames);
    assert_true((int64_t)task->timeout_ms > 0);
    task_release(&task);
}

TEST(a_hash_of_another_size_is_no_hash)
{
    tt_msg_task_t message = {.op = 2, .blob = SPAN("0123456789abcdefg")};
    task_t *task = task_new(1, &message, &frames);
    assert_false(task->has_blob);
    task_release(&task);
}

TEST(a_task_lives_until_its_last_part_goes)
{
    task_t *task = new_task(1), *shared = task;
    part_t *first = part_new(task), *second = part_new(task);
    task_release(&task);
    assert_int_equal(shared->refs, 2);
    part_destroy(&first);
    assert_null(first);
    assert_int_equal(shared->refs, 1);
    assert_int_equal(second->task->id, 1);
    part_destroy(&second);
}

TEST(a_new_part_waits_unasked_and_knows_when_it_came)
{
    int64_t before = tt_now_ns();
    part_t *part = new_part(1);
    assert_int_equal(part->seq, 0);
    assert_int_equal(part->stop, WANTED);
    assert_int_equal(part->signals, 0);
    assert_false(part->stray);
    assert_in_range(part->received_ns, before, tt_now_ns());
    part_destroy(&part);
}

/* ---- queues */

TEST(an_empty_queue_gives_nothing)
{
    assert_null(part_queue_pop(&queue));
    assert_false(removes(1));
    assert_null(part_queue_find(&queue, 1));
    assert_pops("");
}

TEST(the_first_in_is_the_first_out)
{
    push(1);
    push(2);
    push(3);
    assert_pops("123");
}

TEST(what_goes_back_comes_into_its_place)
{
    insert(2);
    insert(1);
    push(5);
    insert(0);
    insert(4);
    insert(3);
    assert_pops("012345");
}

TEST(a_queue_that_was_emptied_can_be_filled_again)
{
    push(1);
    assert_pops("1");
    push(2);
    push(3);
    assert_pops("23");
    insert(4);
    push(5);
    assert_pops("45");
}

TEST(a_part_is_taken_out_from_anywhere_and_the_end_stays_the_end)
{
    const struct {
        uint64_t id;
        const char *left;
    } cases[] = {{1, "2349"}, {2, "1349"}, {3, "1249"}, {4, "1239"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        for (uint64_t id = 1; id <= 4; id++)
            push(id);
        assert_true(removes(cases[i].id));
        assert_false(removes(cases[i].id));
        push(9);
        assert_pops(cases[i].left);
    }
}

TEST(the_last_one_taken_out_leaves_a_working_queue)
{
    push(1);
    assert_true(removes(1));
    assert_pops("");
    push(2);
    assert_pops("2");
    push(1);
    assert_true(removes(1));
    insert(3);
    push(4);
    assert_pops("34");
}

TEST(found_is_not_taken)
{
    push(1);
    push(2);
    assert_int_equal(part_queue_find(&queue, 2)->task->id, 2);
    assert_null(part_queue_find(&queue, 3));
    assert_pops("12");
}

TEST(a_part_that_leaves_its_place_empty_is_found_no_more)
{
    push(1);
    push(2);
    push(3);
    part_t *part = part_queue_find(&queue, 3);
    part->seq = 7;
    part_queue_vacate(&queue, part);
    assert_int_equal(part->seq, 0);
    assert_null(part->next);
    assert_int_equal(queue.count, 3);
    assert_null(part_queue_find(&queue, 3));
    assert_null(part_queue_remove(&queue, 3));
    part_destroy(&part);
    push(4);
    assert_true(removes(4));
    part = part_queue_find(&queue, 1);
    part_queue_vacate(&queue, part);
    part_destroy(&part);
    part = part_queue_pop(&queue);
    assert_null(part->task);
    part_destroy(&part);
    assert_true(removes(2));
    part = part_queue_pop(&queue);
    assert_int_equal(part->seq, 7);
    part_destroy(&part);
    assert_null(part_queue_pop(&queue));
}

#define EACH(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    alarm(60);
    const struct CMUnitTest tests[] = {
        EACH(nothing_can_be_released),
        EACH(a_task_has_what_the_message_says_and_takes_the_frames),
        EACH(a_limit_that_no_clock_reaches_is_a_long_one_and_not_one_in_the_past),
        EACH(a_hash_of_another_size_is_no_hash),
        EACH(a_task_lives_until_its_last_part_goes),
        EACH(a_new_part_waits_unasked_and_knows_when_it_came),
        EACH(an_empty_queue_gives_nothing),
        EACH(the_first_in_is_the_first_out),
        EACH(what_goes_back_comes_into_its_place),
        EACH(a_queue_that_was_emptied_can_be_filled_again),
        EACH(a_part_is_taken_out_from_anywhere_and_the_end_stays_the_end),
        EACH(the_last_one_taken_out_leaves_a_working_queue),
        EACH(found_is_not_taken),
        EACH(a_part_that_leaves_its_place_empty_is_found_no_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
