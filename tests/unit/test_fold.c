/* Equal texts are shown once. */
#include "fold.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

static void test_empty(void **state)
{
    (void)state;
    fold_t *self = fold_new();
    size_t count = 7;
    fold_groups(self, &count);
    assert_int_equal(count, 0);
    fold_clear(self);
    fold_destroy(&self);
    assert_null(self);
    fold_destroy(&self);
}

static void test_order(void **state)
{
    (void)state;
    fold_t *self = fold_new();
    fold_add(self, 5, "e", tt_span("b"));
    fold_add(self, 3, "c", tt_span("a"));
    fold_add(self, 0, "z", tt_span("b"));
    fold_add(self, 4, NULL, (tt_span_t){NULL, 0});
    fold_add(self, 1, "y", tt_span("a"));
    size_t count;
    const fold_group_t *groups = fold_groups(self, &count);
    assert_int_equal(count, 3);
    assert_memory_equal(groups[0].text.data, "b", 1);
    assert_int_equal(groups[0].count, 2);
    assert_int_equal(groups[0].members[0].id, 0);
    assert_int_equal(groups[0].members[0].index, 2);
    assert_string_equal(groups[0].members[1].host, "e");
    assert_int_equal(groups[1].members[0].id, 1);
    assert_int_equal(groups[1].members[1].id, 3);
    assert_int_equal(groups[2].text.len, 0);
    fold_destroy(&self);
}

static void test_same_engine_twice(void **state)
{
    (void)state;
    fold_t *self = fold_new();
    fold_add(self, 2, NULL, tt_span("later"));
    fold_add(self, 1, NULL, tt_span("x"));
    fold_add(self, 1, NULL, tt_span("w"));
    fold_add(self, 1, NULL, tt_span("x"));
    size_t count;
    const fold_group_t *groups = fold_groups(self, &count);
    assert_int_equal(count, 3);
    assert_memory_equal(groups[0].text.data, "x", 1);
    assert_int_equal(groups[0].count, 2);
    assert_memory_equal(groups[1].text.data, "w", 1);
    fold_destroy(&self);
}

static void test_clear(void **state)
{
    (void)state;
    fold_t *self = fold_new();
    size_t count;
    for (int round = 0; round < 3; round++) {
        fold_add(self, 1, NULL, tt_span("x"));
        fold_add(self, 2, NULL, tt_span("a text of more than eight bytes"));
        fold_groups(self, &count);
        assert_int_equal(count, 2);
        fold_clear(self);
        fold_groups(self, &count);
        assert_int_equal(count, 0);
    }
    fold_destroy(&self);
}

/* Not a test of speed: quadratic work over so many would be noticed by anybody. */
static void test_many_different(void **state)
{
    (void)state;
    enum { MANY = 10000, WIDTH = 32 };
    char *texts = tt_alloc((size_t)MANY * WIDTH);
    struct timespec start, end;
    clock_gettime(CLOCK_MONOTONIC, &start);
    fold_t *self = fold_new();
    for (int i = 0; i < MANY; i++) {
        snprintf(texts + i * WIDTH, WIDTH, "output of engine %d", i);
        fold_add(self, MANY - i, NULL, tt_span(texts + i * WIDTH));
    }
    size_t count;
    const fold_group_t *groups = fold_groups(self, &count);
    clock_gettime(CLOCK_MONOTONIC, &end);
    assert_int_equal(count, MANY);
    for (int i = 0; i < MANY; i++)
        assert_int_equal(groups[i].members[0].id, i + 1);
    print_message("%d texts in %.1f ms\n", MANY,
                  (double)(end.tv_sec - start.tv_sec) * 1e3 +
                      (double)(end.tv_nsec - start.tv_nsec) / 1e6);
    fold_destroy(&self);
    free(texts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_same_engine_twice),
        cmocka_unit_test(test_clear),
        cmocka_unit_test(test_many_different),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
