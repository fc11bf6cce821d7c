/* Unit test of share/page: the task word from both sides, and offsets of output. */
#include "check.h"

#include "page.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static tt_page_t *page;

static int begin(void **unused)
{
    (void)unused;
    int fd = tt_page_create(&page);
    return fd < 0 ? -1 : close(fd);
}

static int end(void **unused)
{
    (void)unused;
    tt_page_unmap(&page);
    return 0;
}

TEST(what_is_no_page_is_not_mapped)
{
    int pipe_fd[2];
    assert_int_equal(pipe(pipe_fd), 0);
    assert_null(tt_page_map(-1));
    assert_null(tt_page_map(pipe_fd[0]));
    int fd = open("/dev/null", O_RDWR);
    assert_null(tt_page_map(fd));
    close(fd);
    close(pipe_fd[0]);
    close(pipe_fd[1]);
}

TEST(unmapping_twice_is_harmless)
{
    tt_page_unmap(&page);
    assert_null(page);
    tt_page_unmap(&page);
}

TEST(a_page_is_one_memory_for_both_sides)
{
    tt_page_t *mine;
    int fd = tt_page_create(&mine);
    assert_true(fd >= 0);
    assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    tt_page_t *theirs = tt_page_map(fd);
    close(fd);
    assert_non_null(theirs);
    tt_page_start(theirs, 42);
    assert_int_equal(tt_page_running(mine), 42);
    tt_page_unmap(&theirs);
    tt_page_unmap(&mine);
}

TEST(the_places_in_the_page_are_those_of_the_protocol)
{
    assert_int_equal(offsetof(tt_page_t, word), 0);
    assert_int_equal(offsetof(tt_page_t, revoked), 8);
    assert_int_equal(offsetof(tt_page_t, stream[0]), 64);
    assert_int_equal(offsetof(tt_page_t, stream[1]), 128);
    tt_page_start(page, 5);
    assert_int_equal(page->word, 5 << 2 | 1);
    tt_page_revoke(page, 6, 9);
    assert_true(page->revoked == ((uint64_t)6 << 32 | 9));
}

TEST(what_does_not_run_cannot_be_claimed)
{
    assert_false(tt_page_claim(page, 1));
    tt_page_start(page, 1);
    assert_false(tt_page_claim(page, 2));
    assert_true(tt_page_finish(page, 1));
    assert_false(tt_page_claim(page, 1));
    assert_int_equal(tt_page_running(page), 0);
}

TEST(a_task_that_ends_undisturbed_says_so)
{
    tt_page_start(page, 7);
    assert_int_equal(tt_page_running(page), 7);
    assert_true(tt_page_finish(page, 7));
    assert_int_equal(tt_page_running(page), 0);
}

TEST(the_last_task_that_started_is_known_after_its_end)
{
    assert_int_equal(tt_page_started(page), 0);
    tt_page_start(page, 7);
    assert_int_equal(tt_page_started(page), 7);
    tt_page_finish(page, 7);
    assert_int_equal(tt_page_started(page), 7);
}

TEST(a_claimed_task_runs_until_it_has_met_its_interrupt)
{
    tt_page_start(page, 8);
    assert_true(tt_page_claim(page, 8));
    assert_int_equal(tt_page_running(page), 8);
    assert_false(tt_page_claim(page, 8));
    tt_page_sent(page, 8);
    assert_int_equal(tt_page_running(page), 8);
    assert_true(tt_page_claim(page, 8)); /* a second signal */
    tt_page_sent(page, 8);
    assert_false(tt_page_finish(page, 8));
    assert_int_equal(tt_page_running(page), 0);
    tt_page_start(page, 9);
    assert_true(tt_page_finish(page, 9));
}

static void *send_late(void *arg)
{
    usleep(20000);
    tt_page_sent(arg, 3);
    return NULL;
}

TEST(the_end_of_a_claimed_task_waits_until_the_signal_was_sent)
{
    pthread_t thread;
    tt_page_start(page, 3);
    assert_true(tt_page_claim(page, 3));
    pthread_create(&thread, NULL, send_late, page);
    assert_false(tt_page_finish(page, 3));
    pthread_join(thread, NULL);
    assert_int_equal(tt_page_running(page), 0);
}

/* A host that claims what it can, against a runtime that starts and ends tasks: whatever was
 * claimed must be met by exactly the task it was for. */
typedef struct {
    tt_page_t *page;
    _Atomic uint32_t sent; /* the task that the last signal was for */
    _Atomic uint64_t claimed_tasks;
    atomic_bool stop;
} race_t;

static void *interrupt_all(void *arg)
{
    race_t *race = arg;
    while (!atomic_load(&race->stop)) {
        uint32_t seq = tt_page_running(race->page);
        if (seq == 0 || !tt_page_claim(race->page, seq))
            continue;
        if (atomic_exchange(&race->sent, seq) != seq)
            atomic_fetch_add(&race->claimed_tasks, 1);
        tt_page_sent(race->page, seq);
    }
    return NULL;
}

TEST(no_interrupt_meets_another_task_than_its_own)
{
    race_t race = {.page = page};
    uint64_t met = 0;
    pthread_t thread;
    pthread_create(&thread, NULL, interrupt_all, &race);
    for (uint32_t seq = 1; seq <= 50000; seq++) {
        tt_page_start(page, seq);
        if (tt_page_finish(page, seq)) {
            assert_int_not_equal(atomic_load(&race.sent), seq);
        } else {
            assert_int_equal(atomic_load(&race.sent), seq);
            met++;
        }
    }
    atomic_store(&race.stop, true);
    pthread_join(thread, NULL);
    assert_int_equal(met, atomic_load(&race.claimed_tasks));
}

/* ---- revoking */

TEST(only_tasks_in_the_range_do_not_start)
{
    assert_true(tt_page_start(page, 1));
    tt_page_finish(page, 1);
    assert_int_equal(tt_page_revoke(page, 3, 5), 1);
    const bool starts[] = {true, false, false, false, true};
    for (uint32_t seq = 2; seq <= 6; seq++) {
        assert_int_equal(tt_page_start(page, seq), starts[seq - 2]);
        assert_int_equal(tt_page_running(page), seq);
        assert_true(tt_page_finish(page, seq));
    }
    tt_page_revoke_none(page);
    assert_true(tt_page_start(page, 4));
}

TEST(a_range_that_wraps_is_a_range_all_the_same)
{
    assert_true(tt_page_start(page, UINT32_MAX - 2));
    assert_true(tt_page_finish(page, UINT32_MAX - 2));
    assert_int_equal(tt_page_revoke(page, UINT32_MAX, 2), UINT32_MAX - 2);
    assert_true(tt_page_start(page, UINT32_MAX - 1));
    assert_false(tt_page_start(page, UINT32_MAX));
    assert_false(tt_page_start(page, 1));
    assert_false(tt_page_start(page, 2));
    assert_true(tt_page_start(page, 3));
    assert_true(tt_page_reached(3, UINT32_MAX));
    assert_false(tt_page_reached(UINT32_MAX, 3));
    assert_true(tt_page_reached(7, 7));
    assert_false(tt_page_reached(0, 1)); /* nothing has started yet */
}

TEST(a_task_that_was_revoked_and_interrupted_ends_in_order)
{
    tt_page_revoke(page, 4, 4);
    assert_false(tt_page_start(page, 4));
    assert_true(tt_page_claim(page, 4));
    tt_page_sent(page, 4);
    assert_false(tt_page_finish(page, 4));
    assert_int_equal(tt_page_running(page), 0);
}

/* A host that revokes at random what lies ahead, always with what it had revoked before,
 * against a runtime that starts one task after the other. What the host takes for revoked must
 * not start. */
enum { REVOKED_TASKS = 200000, AHEAD = 40 };

static _Atomic uint8_t ran[REVOKED_TASKS + AHEAD + 1];
static bool surely[REVOKED_TASKS + AHEAD + 1];

static void *start_all(void *arg)
{
    for (uint32_t seq = 1; seq <= REVOKED_TASKS; seq++) {
        if (tt_page_start(arg, seq))
            atomic_store(&ran[seq], 1);
        tt_page_finish(arg, seq);
    }
    return NULL;
}

TEST(what_was_revoked_ahead_of_the_running_task_never_runs)
{
    pthread_t thread;
    unsigned seed = 1;
    size_t revoked = 0, not_run = 0;
    uint32_t first = 2, last = 3;
    tt_page_revoke(page, first, last);
    surely[2] = surely[3] = true;
    pthread_create(&thread, NULL, start_all, page);
    for (uint32_t now; (now = tt_page_started(page)) < REVOKED_TASKS;) {
        uint32_t from = now + (uint32_t)rand_r(&seed) % 4;
        bool pending = !tt_page_reached(now, last + 1); /* the last may be about to look */
        if (!pending && rand_r(&seed) % 2)
            tt_page_revoke_none(page);
        first = pending && first < from ? first : from;
        uint32_t end = from + (uint32_t)rand_r(&seed) % AHEAD;
        last = pending && last > end ? last : end;
        uint32_t started = tt_page_revoke(page, first, last);
        for (uint32_t seq = started + 1 > first ? started + 1 : first; seq <= last; seq++)
            if (seq <= REVOKED_TASKS)
                surely[seq] = true;
    }
    pthread_join(thread, NULL);
    for (uint32_t seq = 1; seq <= REVOKED_TASKS; seq++) {
        revoked += surely[seq];
        not_run += !atomic_load(&ran[seq]);
        if (surely[seq] && atomic_load(&ran[seq]))
            fail_msg("task %u was revoked and ran", seq);
    }
    assert_true(revoked > 0 && revoked <= not_run);
}

TEST(a_descriptor_that_is_no_pipe_has_no_offset)
{
    assert_int_equal(tt_page_offset(page, 0, -1), 0);
}

TEST(the_offset_counts_what_was_read_and_what_waits)
{
    int fd[2];
    char bytes[4];
    assert_int_equal(pipe(fd), 0);
    assert_int_equal(tt_page_offset(page, 1, fd[1]), 0);
    assert_int_equal(write(fd[1], "0123456789", 10), 10);
    assert_int_equal(tt_page_offset(page, 1, fd[1]), 10);
    tt_page_read_begin(page, 1);
    assert_int_equal(read(fd[0], bytes, 4), 4);
    tt_page_read_end(page, 1, 4);
    assert_int_equal(tt_page_offset(page, 1, fd[1]), 10);
    tt_page_read_begin(page, 1);
    tt_page_read_end(page, 1, 0);
    assert_int_equal(tt_page_offset(page, 1, fd[1]), 10);
    assert_int_equal(tt_page_offset(page, 0, fd[1]),
                     6); /* the other stream has its own count */
    close(fd[0]);
    close(fd[1]);
}

typedef struct {
    tt_page_t *page;
    int fd;
} reader_t;

static void *read_all(void *arg)
{
    reader_t *reader = arg;
    char bytes[777];
    for (ssize_t got = 1; got > 0;) {
        tt_page_read_begin(reader->page, 0);
        got = read(reader->fd, bytes, sizeof bytes);
        tt_page_read_end(reader->page, 0, got > 0 ? (uint64_t)got : 0);
        if (got < 0 && errno == EAGAIN)
            got = poll(&(struct pollfd){.fd = reader->fd, .events = POLLIN}, 1, -1);
    }
    return NULL;
}

TEST(the_offset_is_exact_while_the_host_reads)
{
    int fd[2];
    assert_int_equal(pipe2(fd, 0), 0);
    fcntl(fd[0], F_SETFL, O_NONBLOCK);
    reader_t reader = {page, fd[0]};
    pthread_t thread;
    pthread_create(&thread, NULL, read_all, &reader);
    uint64_t written = 0;
    for (int i = 0; i < 20000; i++) {
        size_t len = (size_t)(i % 97 + 1);
        char bytes[100] = {0};
        assert_int_equal(write(fd[1], bytes, len), (ssize_t)len);
        written += len;
        assert_true(tt_page_offset(page, 0, fd[1]) == written);
    }
    close(fd[1]);
    pthread_join(thread, NULL);
    close(fd[0]);
}

#define EACH(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        EACH(what_is_no_page_is_not_mapped),
        EACH(unmapping_twice_is_harmless),
        RUN(a_page_is_one_memory_for_both_sides),
        EACH(the_places_in_the_page_are_those_of_the_protocol),
        EACH(what_does_not_run_cannot_be_claimed),
        EACH(a_task_that_ends_undisturbed_says_so),
        EACH(the_last_task_that_started_is_known_after_its_end),
        EACH(a_claimed_task_runs_until_it_has_met_its_interrupt),
        EACH(the_end_of_a_claimed_task_waits_until_the_signal_was_sent),
        EACH(no_interrupt_meets_another_task_than_its_own),
        EACH(only_tasks_in_the_range_do_not_start),
        EACH(a_range_that_wraps_is_a_range_all_the_same),
        EACH(a_task_that_was_revoked_and_interrupted_ends_in_order),
        EACH(what_was_revoked_ahead_of_the_running_task_never_runs),
        EACH(a_descriptor_that_is_no_pipe_has_no_offset),
        EACH(the_offset_counts_what_was_read_and_what_waits),
        EACH(the_offset_is_exact_while_the_host_reads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
