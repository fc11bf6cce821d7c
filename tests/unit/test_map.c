/* Unit test of share/map: against a simple model, and the places where linear probing breaks.
 */
#include "check.h"

#include "map.h"

#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

static tt_map_t map;
static int things[4096]; /* what the map points to */

static int begin(void **unused)
{
    (void)unused;
    tt_map_init(&map);
    return 0;
}

static int end(void **unused)
{
    (void)unused;
    tt_map_release(&map);
    tt_map_release(&map);
    return 0;
}

/* Keys that all want the same slot of a table of `size`, as map.c spreads them. */
static uint64_t key_at(size_t size, size_t slot, size_t nth)
{
    for (uint64_t key = 1;; key++)
        if (((key * 0x9e3779b97f4a7c15u >> 32) & (size - 1)) == slot && nth-- == 0)
            return key;
}

TEST(an_empty_map_holds_nothing)
{
    size_t walk = 0;
    assert_null(tt_map_get(&map, 0));
    assert_null(tt_map_take(&map, 7));
    assert_null(tt_map_next(&map, &walk));
    assert_int_equal(map.count, 0);
}

TEST(what_was_put_there_is_found_under_its_key_only)
{
    tt_map_set(&map, 7, &things[0]);
    assert_ptr_equal(tt_map_get(&map, 7), &things[0]);
    assert_null(tt_map_get(&map, 8));
    assert_null(tt_map_take(&map, 8));
    assert_int_equal(map.count, 1);
}

TEST(a_key_is_replaced_not_doubled)
{
    tt_map_set(&map, 7, &things[0]);
    tt_map_set(&map, 7, &things[1]);
    assert_int_equal(map.count, 1);
    assert_ptr_equal(tt_map_take(&map, 7), &things[1]);
    assert_null(tt_map_get(&map, 7));
}

TEST(the_smallest_and_largest_keys_are_keys_like_others)
{
    tt_map_set(&map, 0, &things[0]);
    tt_map_set(&map, UINT64_MAX, &things[1]);
    assert_ptr_equal(tt_map_get(&map, 0), &things[0]);
    assert_ptr_equal(tt_map_take(&map, UINT64_MAX), &things[1]);
    assert_ptr_equal(tt_map_take(&map, 0), &things[0]);
    assert_int_equal(map.count, 0);
}

TEST(a_released_map_can_be_used_again)
{
    tt_map_set(&map, 1, &things[0]);
    tt_map_release(&map);
    assert_null(tt_map_get(&map, 1));
    tt_map_set(&map, 2, &things[1]);
    assert_ptr_equal(tt_map_get(&map, 2), &things[1]);
}

/* Ten keys for the last slot of sixteen: their chain goes round the end of the table. */
TEST(a_chain_round_the_end_of_the_table_stays_whole_in_every_order_of_taking)
{
    for (size_t first = 0; first < 10; first++) {
        uint64_t keys[10];
        tt_map_release(&map);
        for (size_t i = 0; i < 10; i++) {
            keys[i] = key_at(16, i % 3 == 2 ? 1 : 15, i);
            tt_map_set(&map, keys[i], &things[i]);
        }
        assert_int_equal(map.size, 16);
        for (size_t taken = 0; taken < 10; taken++) {
            size_t at = (first + taken * 7) % 10;
            assert_ptr_equal(tt_map_take(&map, keys[at]), &things[at]);
            assert_null(tt_map_get(&map, keys[at]));
            for (size_t later = taken + 1; later < 10; later++) {
                size_t left = (first + later * 7) % 10;
                assert_ptr_equal(tt_map_get(&map, keys[left]), &things[left]);
            }
        }
        assert_int_equal(map.count, 0);
    }
}

/* Every thing in the model is met exactly once by a walk, and nothing else is. */
static void check_walk(void *const *model, size_t count)
{
    static bool met[4096];
    size_t walk = 0, seen = 0, expected = 0;
    memset(met, 0, sizeof met);
    for (void *thing; (thing = tt_map_next(&map, &walk));) {
        size_t at = (size_t)((int *)thing - things);
        assert_false(met[at]);
        met[at] = true;
        seen++;
    }
    for (size_t i = 0; i < count; i++) {
        expected += model[i] != NULL;
        if (model[i])
            assert_true(met[(int *)model[i] - things]);
    }
    assert_int_equal(seen, expected);
    assert_int_equal(map.count, expected);
}

TEST(a_hundred_thousand_random_steps_agree_with_a_model)
{
    enum { KEYS = 1000 };
    static uint64_t keys[KEYS];
    static void *model[KEYS];
    srand(5);
    for (size_t i = 0; i < KEYS; i++) {
        /* counting up, crowded into few slots, and anything */
        keys[i] = i % 3 == 0   ? i
                  : i % 3 == 1 ? (uint64_t)i << 32
                               : (uint64_t)rand() << 33 ^ (uint64_t)rand() << 2 ^ i;
        model[i] = NULL;
    }
    for (int step = 0; step < 100000; step++) {
        size_t at = (size_t)rand() % KEYS;
        /* it fills, then empties, again and again */
        bool put = rand() % 100 < (step / 5000 % 2 ? 20 : 70);
        if (put) {
            model[at] = &things[at * 4 + (size_t)rand() % 4];
            tt_map_set(&map, keys[at], model[at]);
        } else {
            assert_ptr_equal(tt_map_take(&map, keys[at]), model[at]);
            model[at] = NULL;
        }
        size_t other = (size_t)rand() % KEYS;
        assert_ptr_equal(tt_map_get(&map, keys[other]), model[other]);
        if (step % 1000 == 0)
            check_walk(model, KEYS);
    }
    check_walk(model, KEYS);
}

#define EACH(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        EACH(an_empty_map_holds_nothing),
        EACH(what_was_put_there_is_found_under_its_key_only),
        EACH(a_key_is_replaced_not_doubled),
        EACH(the_smallest_and_largest_keys_are_keys_like_others),
        EACH(a_released_map_can_be_used_again),
        EACH(a_chain_round_the_end_of_the_table_stays_whole_in_every_order_of_taking),
        EACH(a_hundred_thousand_random_steps_agree_with_a_model),
    };
    alarm(20);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
