/* Unit test of controller/registry: engines by number. */
#include "check.h"

#include "controller/registry.h"

#include <unistd.h>

static registry_t registry;

static int begin(void **unused)
{
    (void)unused;
    memset(&registry, 0, sizeof registry);
    return 0;
}

static int end(void **unused)
{
    (void)unused;
    registry_release(&registry);
    registry_release(&registry);
    return 0;
}

TEST(a_number_that_nobody_has_finds_nothing)
{
    assert_null(registry_find(&registry, 0));
    registry_add(&registry, -1);
    assert_null(registry_find(&registry, 1));
    assert_null(registry_find(&registry, -1));
    assert_null(registry_find(&registry, INT32_MIN));
}

TEST(engines_get_numbers_from_0_on_and_start)
{
    for (int i = 0; i < 5; i++) {
        engine_t *engine = registry_add(&registry, -1);
        assert_int_equal(engine->id, i);
        assert_int_equal(engine->state, TT_ENGINE_STARTING);
        assert_null(engine->host);
        assert_ptr_equal(registry_find(&registry, i), engine);
    }
    assert_int_equal(registry.count, 5);
}

TEST(a_number_is_never_given_twice)
{
    for (int i = 0; i < 3; i++)
        registry_add(&registry, -1);
    registry_remove(&registry, registry_find(&registry, 2));
    registry_remove(&registry, registry_find(&registry, 0));
    assert_null(registry_find(&registry, 2));
    assert_int_equal(registry_add(&registry, -1)->id, 3);
    assert_int_equal(registry.count, 2);
}

TEST(engines_that_bring_their_number_are_kept_in_order_and_move_the_next_one_on)
{
    static const int ids[] = {7, 2, 9, 0};
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(registry_add(&registry, ids[i])->id, ids[i]);
    assert_int_equal(registry_add(&registry, -1)->id, 10);
    static const int want[] = {0, 2, 7, 9, 10};
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(registry.engines[i]->id, want[i]);
        assert_ptr_equal(registry_find(&registry, want[i]), registry.engines[i]);
    }
}

TEST(any_engine_can_be_removed_and_the_others_stay_in_order)
{
    for (int victim = 0; victim < 5; victim++) {
        registry_release(&registry);
        for (int i = 0; i < 5; i++)
            registry_add(&registry, i);
        registry_remove(&registry, registry_find(&registry, victim));
        assert_int_equal(registry.count, 4);
        for (int i = 0, at = 0; i < 5; i++)
            if (i != victim)
                assert_int_equal(registry.engines[at++]->id, i);
    }
}

TEST(an_engine_is_usable_while_it_runs_or_will)
{
    static const bool usable[] = {
        [TT_ENGINE_STARTING] = true, [TT_ENGINE_READY] = true, [TT_ENGINE_RESTARTING] = true,
        [TT_ENGINE_FAILED] = false,  [TT_ENGINE_LOST] = false, [TT_ENGINE_GONE] = false};
    engine_t *engine = registry_add(&registry, -1);
    for (unsigned state = TT_ENGINE_STARTING; state <= TT_ENGINE_GONE; state++) {
        engine->state = (tt_engine_state_t)state;
        assert_int_equal(engine_usable(engine), usable[state]);
    }
}

TEST(engines_are_counted_by_state)
{
    for (int i = 0; i < 5; i++)
        registry_add(&registry, -1)->state = i < 3 ? TT_ENGINE_READY : TT_ENGINE_LOST;
    assert_int_equal(registry_count(&registry, TT_ENGINE_READY), 3);
    assert_int_equal(registry_count(&registry, TT_ENGINE_LOST), 2);
    assert_int_equal(registry_count(&registry, TT_ENGINE_FAILED), 0);
}

#define EACH(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        EACH(a_number_that_nobody_has_finds_nothing),
        EACH(engines_get_numbers_from_0_on_and_start),
        EACH(a_number_is_never_given_twice),
        EACH(engines_that_bring_their_number_are_kept_in_order_and_move_the_next_one_on),
        EACH(any_engine_can_be_removed_and_the_others_stay_in_order),
        EACH(an_engine_is_usable_while_it_runs_or_will),
        EACH(engines_are_counted_by_state),
    };
    alarm(20);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
