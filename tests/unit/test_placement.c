/* repl/placement.c */
#include "check.h"
#include "placement.h"

#include <stdlib.h>

static tt_error_t err;

static void refused(placement_t placement, const char *why)
{
    assert_int_equal(placement_check(&placement, &err), -1);
    assert_says(&err, why);
}

TEST(what_makes_no_sense_is_refused_with_what_would)
{
    char *bare = "FLAVOUR", *nameless = "=x";
    refused((placement_t){.threads = -1}, "--threads takes a number from 1 to 4096, not -1");
    refused((placement_t){.threads = 5000}, "not 5000");
    refused((placement_t){.nice = -3}, "--nice takes a number from 0 to 19, not -3");
    refused((placement_t){.memory = "63M"}, "at least 64M");
    refused((placement_t){.variables = {&bare, 1}}, "--env takes NAME=VALUE, not 'FLAVOUR'");
    refused((placement_t){.variables = {&nameless, 1}}, "not '=x'");
    placement_t nothing = {.threads = 0};
    assert_int_equal(placement_check(&nothing, &err), 0);
}

/* The environment that a LAUNCH would carry, a variable a line. */
static char *told(const placement_t *placement, bool here, tt_msg_launch_t *launch)
{
    static char text[1024];
    char one[128];
    size_t count = 0;
    tt_buf_t packed;
    tt_buf_init(&packed);
    *text = 0;
    placement_tell(placement, "/home/me", here, launch, &packed);
    tt_reader_t reader = tt_reader(launch->environment);
    assert_int_equal(tt_validate(launch->environment, &tt_limits_header, &err), 0);
    assert_int_equal(tt_read_array(&reader, &count), 0);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(tt_read_text(&reader, one, sizeof one), 0);
        strcat(strcat(text, one), "\n");
    }
    assert_true(tt_reader_done(&reader));
    tt_buf_release(&packed);
    return text;
}

TEST(each_library_has_one_thread_unless_something_else_is_told)
{
    tt_msg_launch_t launch = {0};
    placement_t placement = {.threads = 0};
    unsetenv("OMP_NUM_THREADS");
    setenv("MKL_NUM_THREADS", "6", 1);
    char *text = told(&placement, true, &launch);
    assert_non_null(strstr(text, "OMP_NUM_THREADS=1\n"));
    assert_null(strstr(text, "MKL_NUM_THREADS"));
    text = told(&placement, false, &launch);
    assert_non_null(strstr(text, "MKL_NUM_THREADS=1\n"));
    placement.threads = 4;
    text = told(&placement, true, &launch);
    assert_non_null(strstr(text, "MKL_NUM_THREADS=4\n"));
    unsetenv("MKL_NUM_THREADS");
}

TEST(a_variable_of_the_persons_own_stands_alone)
{
    tt_msg_launch_t launch = {0};
    char *own[] = {"OMP_NUM_THREADS=9", "FLAVOUR=a b"};
    placement_t placement = {.threads = 2, .variables = {own, 2}};
    char *text = told(&placement, false, &launch);
    assert_non_null(strstr(text, "OMP_NUM_THREADS=9\nFLAVOUR=a b\n"));
    assert_null(strstr(text, "OMP_NUM_THREADS=2"));
}

TEST(of_several_values_for_a_variable_the_last_one_holds)
{
    tt_msg_launch_t launch = {0};
    char *own[] = {"A=1", "AB=2", "A=3", "MKL_NUM_THREADS=4", "MKL_NUM_THREADS=5"};
    placement_t placement = {.variables = {own, 5}};
    char *text = told(&placement, false, &launch);
    assert_non_null(strstr(text, "\nAB=2\nA=3\nMKL_NUM_THREADS=5\n"));
    assert_null(strstr(text, "A=1"));
    assert_null(strstr(text, "MKL_NUM_THREADS=4"));
}

TEST(the_rest_goes_into_its_fields)
{
    tt_msg_launch_t launch = {0};
    placement_t placement = {.directory = "/data", .nice = 7, .memory = "4G"};
    told(&placement, true, &launch);
    assert_memory_equal(launch.directory.data, "/data", 5);
    assert_int_equal(launch.nice, 7);
    assert_int_equal(launch.memory_bytes, 4LL << 30);
    placement = (placement_t){.threads = 0};
    told(&placement, true, &launch);
    assert_memory_equal(launch.directory.data, "/home/me", 8);
    assert_int_equal(launch.memory_bytes, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RUN(what_makes_no_sense_is_refused_with_what_would),
        RUN(each_library_has_one_thread_unless_something_else_is_told),
        RUN(a_variable_of_the_persons_own_stands_alone),
        RUN(of_several_values_for_a_variable_the_last_one_holds),
        RUN(the_rest_goes_into_its_fields),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
