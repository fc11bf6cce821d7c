/* Unit test of controller/task: tasks, and lists of their parts. */
#include "check.h"

#include "controller/task.h"

#include <stdlib.h>
#include <unistd.h>

static part_list_t list;
static part_t parts[8];
static task_t *task;

static int begin(void **unused)
{
    (void)unused;
    memset(&list, 0, sizeof list);
    memset(parts, 0, sizeof parts);
    return 0;
}

static int end(void **unused)
{
    (void)unused;
    task_destroy(&task);
    task_destroy(&task);
    return 0;
}

/* Exactly these parts, in this order, seen from both ends. */
static void check_list(const char *want)
{
    size_t count = strlen(want);
    const part_t *at = list.first;
    assert_int_equal(list.count, count);
    for (size_t i = 0; i < count; i++, at = at->next)
        assert_ptr_equal(at, &parts[want[i] - '0']);
    assert_null(at);
    at = list.last;
    for (size_t i = count; i > 0; i--, at = at->prev)
        assert_ptr_equal(at, &parts[want[i - 1] - '0']);
    assert_null(at);
}

TEST(an_empty_list_gives_nothing)
{
    assert_null(part_list_pop(&list));
    check_list("");
}

TEST(parts_are_taken_in_the_order_they_came_but_those_put_in_front_first)
{
    part_list_push(&list, &parts[1]);
    part_list_push(&list, &parts[2]);
    part_list_push_front(&list, &parts[0]);
    check_list("012");
    assert_ptr_equal(part_list_pop(&list), &parts[0]);
    assert_ptr_equal(part_list_pop(&list), &parts[1]);
    part_list_push_front(&list, &parts[3]);
    check_list("32");
    assert_ptr_equal(part_list_pop(&list), &parts[3]);
    assert_ptr_equal(part_list_pop(&list), &parts[2]);
    check_list("");
    part_list_push_front(&list, &parts[5]);
    part_list_push(&list, &parts[6]);
    check_list("56");
}

TEST(a_part_can_be_removed_from_anywhere)
{
    static const char *const left[] = {"1234", "0234", "0134", "0124", "0123"};
    for (size_t victim = 0; victim < 5; victim++) {
        memset(&list, 0, sizeof list);
        for (size_t i = 0; i < 5; i++)
            part_list_push(&list, &parts[i]);
        part_list_remove(&list, &parts[victim]);
        assert_null(parts[victim].next);
        assert_null(parts[victim].prev);
        check_list(left[victim]);
    }
}

static task_t *new_task(const tt_msg_submit_t *submit, size_t count)
{
    tt_frames_t frames;
    tt_frames_init(&frames);
    tt_frames_copy(&frames, "0123456789", 10);
    task_t *made = task_new(5, submit, &frames, count);
    assert_int_equal(frames.count, 0);
    return made;
}

TEST(a_hash_of_another_length_is_no_function_and_too_many_retries_are_ten)
{
    tt_msg_submit_t submit = {.retries = UINT64_MAX, .blob = tt_span("short")};
    task = new_task(&submit, 1);
    assert_false(task->has_blob);
    assert_int_equal(task->retries, 10);
}

TEST(a_label_that_is_too_long_is_cut)
{
    char label[200];
    memset(label, 'x', sizeof label - 1);
    label[sizeof label - 1] = 0;
    tt_msg_submit_t submit = {.label = tt_span(label)};
    task = new_task(&submit, 1);
    assert_int_equal(strlen(task->label), sizeof task->label - 1);
}

TEST(a_task_is_what_was_submitted)
{
    tt_msg_submit_t submit = {.op = 2,
                              .flags = TT_SUBMIT_BALANCED,
                              .retries = 3,
                              .timeout_ms = 1500,
                              .blob = tt_span("0123456789abcdef"),
                              .label = tt_span("f(x)")};
    task = new_task(&submit, 1);
    assert_int_equal(task->id, 5);
    assert_int_equal(task->op, 2);
    assert_true(task->balanced);
    assert_int_equal(task->retries, 3);
    assert_int_equal(task->timeout_ms, 1500);
    assert_true(task->has_blob);
    assert_memory_equal(task->blob, "0123456789abcdef", 16);
    assert_string_equal(task->label, "f(x)");
    assert_true(task->bytes >= 10 + sizeof *task);
    assert_int_equal(tt_frames_bytes(&task->frames), 10);
    assert_int_equal(task->parts->attempt, 1);
    assert_int_equal(task->parts->state, PART_WAITING);
}

TEST(the_part_of_an_engine_is_found_by_its_number)
{
    static const int ids[] = {0, 3, 4, 9, 100000};
    tt_msg_submit_t submit = {.op = 1};
    task = new_task(&submit, 5);
    for (size_t i = 0; i < 5; i++)
        task->parts[i].engine_id = ids[i];
    for (size_t i = 0; i < 5; i++)
        assert_ptr_equal(task_part(task, ids[i]), &task->parts[i]);
    assert_null(task_part(task, 1));
    assert_null(task_part(task, -1));
    assert_null(task_part(task, INT32_MAX));
}

TEST(a_balanced_task_has_one_part_which_is_the_engines_that_has_it)
{
    tt_msg_submit_t submit = {.flags = TT_SUBMIT_BALANCED};
    task = new_task(&submit, 1);
    assert_null(task_part(task, 0));
    task->parts->engine_id = 4;
    assert_ptr_equal(task_part(task, 4), task->parts);
    assert_null(task_part(task, 3));
}

TEST(a_balanced_task_may_run_anywhere_or_where_it_is_allowed)
{
    tt_msg_submit_t submit = {.flags = TT_SUBMIT_BALANCED};
    task = new_task(&submit, 1);
    assert_true(task_allows(task, 0, 1));
    assert_true(task_allows(task, 12345, 1));
    task->allowed = malloc(3 * sizeof(int));
    memcpy(task->allowed, (int[]){2, 5, 7}, 3 * sizeof(int));
    task->allowed_count = 3;
    for (int id = 0; id < 10; id++)
        assert_int_equal(task_allows(task, id, 1), id == 2 || id == 5 || id == 7);
    task->allowed_count = 0;
    assert_false(task_allows(task, 2, 1)); /* nowhere is not anywhere */
}

TEST(a_balanced_task_may_want_an_engine_that_is_not_too_young)
{
    tt_msg_submit_t submit = {.flags = TT_SUBMIT_BALANCED};
    task = new_task(&submit, 1);
    assert_true(task_allows(task, 0, UINT64_MAX));
    task->born = 7;
    assert_true(task_allows(task, 0, 7));
    assert_false(task_allows(task, 0, 8));
}

#define EACH(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        EACH(an_empty_list_gives_nothing),
        EACH(parts_are_taken_in_the_order_they_came_but_those_put_in_front_first),
        EACH(a_part_can_be_removed_from_anywhere),
        EACH(a_hash_of_another_length_is_no_function_and_too_many_retries_are_ten),
        EACH(a_label_that_is_too_long_is_cut),
        EACH(a_task_is_what_was_submitted),
        EACH(the_part_of_an_engine_is_found_by_its_number),
        EACH(a_balanced_task_has_one_part_which_is_the_engines_that_has_it),
        EACH(a_balanced_task_may_run_anywhere_or_where_it_is_allowed),
        EACH(a_balanced_task_may_want_an_engine_that_is_not_too_young),
    };
    alarm(20);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
