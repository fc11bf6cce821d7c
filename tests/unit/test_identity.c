/* Unit test of share/identity. */
#include "check.h"

#include "identity.h"

#include <stdio.h>
#include <unistd.h>

TEST(the_machine_is_named_as_the_system_names_it)
{
    char name[256] = "";
    assert_int_equal(gethostname(name, sizeof name - 1), 0);
    assert_string_equal(tt_host_name(), name);
    assert_ptr_equal(tt_host_name(), tt_host_name());
}

TEST(the_boot_is_named_as_the_kernel_names_it_without_a_newline)
{
    char id[64] = "";
    FILE *in = fopen("/proc/sys/kernel/random/boot_id", "re");
    if (in) {
        assert_non_null(fgets(id, sizeof id, in));
        fclose(in);
    }
    id[strcspn(id, "\n")] = 0;
    assert_string_equal(tt_boot_id(), id);
    assert_string_equal(tt_boot_id(), id); /* the second time it is remembered */
}

TEST(random_bytes_fill_exactly_what_was_asked_for)
{
    uint8_t bytes[2][40];
    memset(bytes, 0x5a, sizeof bytes);
    tt_random(bytes[0] + 4, 0);
    for (size_t i = 0; i < 40; i++)
        assert_int_equal(bytes[0][i], 0x5a);
    tt_random(bytes[0] + 4, 32);
    tt_random(bytes[1] + 4, 32);
    assert_memory_not_equal(bytes[0] + 4, bytes[1] + 4, 32);
    for (size_t i = 0; i < 2; i++) {
        assert_memory_equal(bytes[i], "ZZZZ", 4);
        assert_memory_equal(bytes[i] + 36, "ZZZZ", 4);
    }
}

TEST(a_random_number_fits_an_int64_and_is_never_zero)
{
    uint64_t before = 0;
    for (int i = 0; i < 10000; i++) {
        uint64_t number = tt_random_number();
        assert_true(number > 0 && number <= INT64_MAX);
        assert_true(number != before);
        before = number;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RUN(the_machine_is_named_as_the_system_names_it),
        RUN(the_boot_is_named_as_the_kernel_names_it_without_a_newline),
        RUN(random_bytes_fill_exactly_what_was_asked_for),
        RUN(a_random_number_fits_an_int64_and_is_never_zero),
    };
    alarm(20);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
