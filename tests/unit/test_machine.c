/* Unit test of share/machine: quotas as the kernel writes them and as it does not, and cores
 * under a narrowed affinity and under control groups, which a process in namespaces of its own
 * is shown.
 */
#include "check.h"

#include "machine.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- quotas */

TEST(a_text_that_is_no_quota_is_none)
{
    static const char *const bad[] = {
        "",      "\n",        " ",          "max",         "max\n",     "max 100000",
        "-max",  "garbage",   "100000",     "100000\n",    "100000 x",  "100000 max",
        "x 1",   "1/2",       "1,2",        "0x",          "- 100000",  "100000 -",
        "max 0", "max max",   "1e",         "\xff\xfe 1",  "% 1",       "maximum 100000",
        "1 ",    "nan 10000", "inf 100000", "99999999999", "100000\t\n"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(tt_machine_quota(bad[i]), 0);
}

TEST(numbers_that_make_no_sense_are_no_quota)
{
    static const char *const bad[] = {"0 1",  "0 100000", "100000 0",       "0 0",
                                      "-1 1", "1 -1",     "-100000 100000", "-1 -1"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(tt_machine_quota(bad[i]), 0);
}

TEST(a_quota_is_rounded_up_to_whole_cores)
{
    assert_int_equal(tt_machine_quota("100000 100000"), 1);
    assert_int_equal(tt_machine_quota("100001 100000"), 2);
    assert_int_equal(tt_machine_quota("150000 100000"), 2);
    assert_int_equal(tt_machine_quota("150000 100000\n"), 2);
    assert_int_equal(tt_machine_quota("200000 100000"), 2);
    assert_int_equal(tt_machine_quota("1000 100000"), 1);
    assert_int_equal(tt_machine_quota("1 1"), 1);
    assert_int_equal(tt_machine_quota("25000 50000"), 1);
    assert_int_equal(tt_machine_quota("6400000 100000"), 64);
}

TEST(huge_numbers_are_many_cores_and_never_less_than_one)
{
    assert_int_equal(tt_machine_quota("2147483647 1"), INT_MAX);
    assert_int_equal(tt_machine_quota("2147483648 1"), INT_MAX);
    assert_int_equal(tt_machine_quota("9223372036854775807 1"), INT_MAX);
    assert_int_equal(tt_machine_quota("9223372036854775807 2"), INT_MAX);
    assert_int_equal(tt_machine_quota("1 9223372036854775807"), 1);
    assert_int_equal(tt_machine_quota("9223372036854775807 9223372036854775807"), 1);
}

/* ---- cores */

static int allowed(void)
{
    cpu_set_t set;
    assert_int_equal(sched_getaffinity(0, sizeof set, &set), 0);
    return CPU_COUNT(&set);
}

TEST(there_is_at_least_one_core_and_no_more_than_the_scheduler_allows)
{
    assert_true(tt_machine_cores() >= 1);
    assert_true(tt_machine_cores() <= allowed());
}

TEST(a_narrowed_affinity_counts)
{
    cpu_set_t all, one;
    int cpu = 0;
    assert_int_equal(sched_getaffinity(0, sizeof all, &all), 0);
    while (!CPU_ISSET(cpu, &all))
        cpu++;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    assert_int_equal(sched_setaffinity(0, sizeof one, &one), 0);
    int cores = tt_machine_cores();
    assert_int_equal(sched_setaffinity(0, sizeof all, &all), 0);
    assert_int_equal(cores, 1);
    assert_true(tt_machine_cores() <= CPU_COUNT(&all));
}

/* ---- control groups: files in place of the system's, for a child alone */

enum { NOT_HERE = 77, NONE = -1 };

static void write_file(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0 || write(fd, text, strlen(text)) < 0)
        _exit(NOT_HERE);
    close(fd);
}

/* Cores in a group whose path is `group`, where the files of `quotas` (folder, text, ...) are.
 */
static int cores_in(const char *group, const char *const *quotas)
{
    static const char root[] = "/sys/fs/cgroup";
    char path[PATH_MAX];
    if (unshare(CLONE_NEWNS | (geteuid() == 0 ? 0 : CLONE_NEWUSER)) != 0 ||
        mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("none", root, "tmpfs", 0, NULL) != 0)
        _exit(NOT_HERE);
    for (; *quotas; quotas += 2) {
        snprintf(path, sizeof path, "%s%s", root, quotas[0]);
        if (mkdir(path, 0755) != 0 && errno != EEXIST)
            _exit(NOT_HERE);
        strcat(path, "/cpu.max");
        write_file(path, quotas[1]);
    }
    snprintf(path, sizeof path, "%s/group", root);
    write_file(path, group);
    if (mount(path, "/proc/self/cgroup", NULL, MS_BIND, NULL) != 0)
        _exit(NOT_HERE);
    return tt_machine_cores();
}

/* The same in a child; NONE where there are no namespaces. */
static int count_in(const char *group, const char *const *quotas)
{
    int status = 0;
    pid_t pid = fork();
    if (pid == 0)
        _exit(cores_in(group, quotas));
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status) == NOT_HERE ? NONE : WEXITSTATUS(status);
}

#define COUNT(cores, group, ...)                                                               \
    do {                                                                                       \
        static const char *const quotas[] = {__VA_ARGS__, NULL};                               \
        int count_ = count_in(group, quotas), want_ = (cores);                                 \
        if (count_ == NONE)                                                                    \
            skip();                                                                            \
        assert_int_equal(count_, want_ < allowed() ? want_ : allowed());                       \
    } while (0)

TEST(without_a_quota_all_cores_count)
{
    COUNT(INT_MAX, "0::/\n", "", "max 100000\n");
    COUNT(INT_MAX, "0::/a\n", "/a", "max 100000\n");
    COUNT(INT_MAX, "0::/nowhere/at/all\n", "/a", "50000 100000\n");
    COUNT(INT_MAX, "0::/a\n", "/a", "not a quota\n");
    COUNT(INT_MAX, "0::/a\n", "/a", "");
}

TEST(the_quota_of_our_group_counts)
{
    COUNT(1, "0::/a\n", "/a", "50000 100000\n");
    COUNT(1, "0::/a\n", "/a", "100000 100000\n");
    COUNT(2, "0::/a\n", "/a", "150000 100000\n");
    COUNT(INT_MAX, "0::/a\n", "/a", "999999999999 100000\n");
    COUNT(1, "0::/\n", "", "50000 100000\n"); /* as a container sees its own */
}

TEST(the_least_quota_on_the_way_up_counts)
{
    COUNT(1, "0::/a/b\n", "/a", "50000 100000\n", "/a/b", "max 100000\n");
    COUNT(1, "0::/a/b\n", "/a", "max 100000\n", "/a/b", "50000 100000\n");
    COUNT(1, "0::/a/b\n", "", "50000 100000\n", "/a", "200000 100000\n", "/a/b",
          "200000 100000\n");
    COUNT(1, "0::/a/b/c\n", "/a", "200000 100000\n", "/a/b", "50000 100000\n");
}

TEST(quotas_of_other_groups_do_not_count)
{
    COUNT(INT_MAX, "0::/a\n", "/a", "max 100000\n", "/b", "50000 100000\n", "/a/c",
          "50000 100000\n");
}

TEST(the_group_is_found_among_those_of_the_older_kind)
{
    COUNT(1, "4:cpu,cpuacct:/b\n1:name=systemd:/c\n0::/a\n", "/a", "50000 100000\n");
    COUNT(INT_MAX, "4:cpu,cpuacct:/a\n1:name=systemd:/a\n", "/a", "50000 100000\n");
    COUNT(INT_MAX, "", "/a", "50000 100000\n");
    COUNT(INT_MAX, "0::", "/a", "50000 100000\n");
    COUNT(INT_MAX, "nonsense\n", "/a", "50000 100000\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RUN(a_text_that_is_no_quota_is_none),
        RUN(numbers_that_make_no_sense_are_no_quota),
        RUN(a_quota_is_rounded_up_to_whole_cores),
        RUN(huge_numbers_are_many_cores_and_never_less_than_one),
        RUN(there_is_at_least_one_core_and_no_more_than_the_scheduler_allows),
        RUN(a_narrowed_affinity_counts),
        RUN(without_a_quota_all_cores_count),
        RUN(the_quota_of_our_group_counts),
        RUN(the_least_quota_on_the_way_up_counts),
        RUN(quotas_of_other_groups_do_not_count),
        RUN(the_group_is_found_among_those_of_the_older_kind),
    };
    alarm(20);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
