/* Unit test of share/error. */
#include "check.h"

#include <errno.h>

TEST(nobody_needs_to_take_an_error)
{
    assert_int_equal(tt_error_set(NULL, "x"), -1);
    assert_null(tt_error_null(NULL, "x"));
    assert_int_equal(tt_error_prefix(NULL, "x"), -1);
}

TEST(an_error_carries_text_and_errno)
{
    tt_error_t err;
    errno = ENOENT;
    assert_int_equal(tt_error_set(&err, "cannot open '%s'", "f"), -1);
    assert_int_equal(err.code, ENOENT);
    assert_string_equal(err.text, "cannot open 'f'");
    errno = EPERM;
    assert_null(tt_error_null(&err, "no %d", 7));
    assert_int_equal(err.code, EPERM);
    assert_string_equal(err.text, "no 7");
}

TEST(setting_an_error_leaves_errno_alone)
{
    tt_error_t err;
    errno = EAGAIN;
    tt_error_set(&err, "%s", "text");
    assert_int_equal(errno, EAGAIN);
}

TEST(a_prefix_stands_before_the_text_and_keeps_the_code)
{
    tt_error_t err;
    errno = EIO;
    tt_error_set(&err, "disk");
    errno = 0;
    assert_int_equal(tt_error_prefix(&err, "engine %d", 3), -1);
    assert_string_equal(err.text, "engine 3: disk");
    assert_int_equal(err.code, EIO);
}

TEST(long_texts_are_cut_and_end_with_a_zero)
{
    tt_error_t err;
    char text[2000];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = 0;
    tt_error_set(&err, "%s", text);
    assert_int_equal(strlen(err.text), sizeof err.text - 1);
    tt_error_prefix(&err, "prefix");
    assert_memory_equal(err.text, "prefix: xxx", 11);
    assert_int_equal(strlen(err.text), sizeof err.text - 1);
    tt_error_prefix(&err, "%s", text);
    assert_int_equal(strlen(err.text), sizeof err.text - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RUN(nobody_needs_to_take_an_error),
        RUN(an_error_carries_text_and_errno),
        RUN(setting_an_error_leaves_errno_alone),
        RUN(a_prefix_stands_before_the_text_and_keeps_the_code),
        RUN(long_texts_are_cut_and_end_with_a_zero),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
