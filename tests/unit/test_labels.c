/* share/labels.c */
#include "check.h"
#include "labels.h"

static tt_error_t err;

TEST(what_is_no_label_is_refused)
{
    static const struct {
        const char *labels, *why;
    } bad[] = {{"", "a label is missing in ''"},
               {"gpu,", "a label is missing in 'gpu,'"},
               {",gpu", "as in gpu=2, not ''"},
               {"gpu,,fast", "not ''"},
               {"2gpu", "not '2gpu'"},
               {"gpu 1", "not 'gpu 1'"},
               {"fast,gpu=", "not 'gpu='"},
               {"gpu=0", "not 'gpu=0'"},
               {"gpu=-1", "not 'gpu=-1'"},
               {"gpu=many", "not 'gpu=many'"},
               {"mem=64GB", "not 'mem=64GB'"},
               {"=4", "not '=4'"},
               {"gpu=11111111111111111111111111111111111111111111", "as in gpu=2"}};
    char text[400];
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(tt_labels_check(bad[i].labels, &err), -1);
        assert_says(&err, bad[i].why);
    }
    memset(text, 'x', 64);
    text[64] = 0;
    assert_int_equal(tt_labels_check(text, &err), -1);
    memset(text, 'x', 300);
    for (size_t i = 10; i < 300; i += 10)
        text[i] = ',';
    text[300] = 0;
    assert_int_equal(tt_labels_check(text, &err), -1);
    assert_says(&err, "255 bytes at most, not 300");
}

TEST(a_label_is_a_name_that_may_have_an_amount)
{
    const char *const good[] = {"gpu", "gpu=2", "mem=64G,fast", "a-b_c.d=0.5", "x=1T"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_int_equal(tt_labels_check(good[i], &err), 0);
    const char *at = "gpu,mem=64G";
    tt_label_t label;
    assert_true(tt_labels_next(&at, &label));
    assert_int_equal(label.name.len, 3);
    assert_true(label.amount == 1);
    assert_true(tt_labels_next(&at, &label));
    assert_memory_equal(label.name.data, "mem", 3);
    assert_true(label.amount == 64.0 * (1 << 30));
    assert_false(tt_labels_next(&at, &label));
}

TEST(a_name_is_found_whole)
{
    assert_true(tt_labels_have("fast,gpu=2", "gpu"));
    assert_true(tt_labels_have("fast,gpu=2", "fast"));
    assert_false(tt_labels_have("fast,gpu=2", "gp"));
    assert_false(tt_labels_have("fast,gpu=2", "gpu=2"));
    assert_false(tt_labels_have("fast,gpu=2", "gpux"));
    assert_false(tt_labels_have("", "gpu"));
}

TEST(needs_are_met_by_as_much_or_more_of_each)
{
    assert_true(tt_labels_meet("gpu=2,mem=64G", "gpu"));
    assert_true(tt_labels_meet("gpu=2,mem=64G", "gpu=2,mem=16G"));
    assert_false(tt_labels_meet("gpu=2,mem=64G", "gpu=3"));
    assert_false(tt_labels_meet("gpu=2,mem=64G", "gpu=1,mem=65G"));
    assert_false(tt_labels_meet("gpu=2", "gpu=1,mem=1K"));
    assert_false(tt_labels_meet("gpu", "gpu=2"));
    assert_false(tt_labels_meet("", "gpu"));
    assert_true(tt_labels_meet("gpu=4,gpu=2", "gpu=2")); /* said twice: the last one counts */
    assert_false(tt_labels_meet("gpu=4,gpu=2", "gpu=3"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RUN(what_is_no_label_is_refused),
        RUN(a_label_is_a_name_that_may_have_an_amount),
        RUN(a_name_is_found_whole),
        RUN(needs_are_met_by_as_much_or_more_of_each),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
