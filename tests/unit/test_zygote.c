/* Unit test of engine/zygote: requests with their descriptors, turns, and a zygote that will
 * not fork, talks nonsense or dies. The zygote is this program itself, started with --zygote
 * and what it shall do; the engines are doubles that note what is asked of them. */
#include "scratch.h"

#include "pack.h"
#include "read.h"
#include "zygote.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

enum { REQUESTS_MAX = 32 };

/* ---- doubles of host and engine */

struct engine {
    int id, starts, execs, fails;
    pid_t pid;
    char why[512];
};

static tt_loop_t *loop;
static zygote_t *zygote;
static engine_t engines[64];
static int null_fd;
static int order[64], order_count; /* in which engines were started again */

tt_loop_t *host_loop(host_t *self)
{
    (void)self;
    return loop;
}

void engine_start(engine_t *self)
{
    const int fds[4] = {null_fd, null_fd, null_fd, null_fd};
    self->starts++;
    order[order_count++] = self->id;
    zygote_request(zygote, self->id, fds);
}

void engine_start_by_exec(engine_t *self)
{
    self->execs++;
}

void engine_started_as(engine_t *self, pid_t pid)
{
    self->pid = pid;
}

void engine_fail(engine_t *self, const char *why)
{
    self->fails++;
    snprintf(self->why, sizeof self->why, "%s", why);
}

static engine_t *find(void *arg, int id)
{
    assert_ptr_equal(arg, engines);
    return id >= 0 && id < 64 && engines[id].id >= 0 ? &engines[id] : NULL;
}

/* ---- the other side: what the zygote does */

static void say(const tt_buf_t *body)
{
    if (send(3, body->data, body->len, MSG_NOSIGNAL) < 0)
        _exit(90);
}

static void say_words(const char *first, const char *second)
{
    tt_buf_t body = {0};
    tt_pack_array(&body, 2);
    tt_pack_text(&body, first);
    tt_pack_text(&body, second);
    say(&body);
    tt_buf_release(&body);
}

static void answer(int64_t id, int64_t pid)
{
    tt_buf_t body = {0};
    tt_pack_array(&body, 2);
    tt_pack_int(&body, id);
    tt_pack_int(&body, pid);
    say(&body);
    tt_buf_release(&body);
}

/* The engine of the next request; its descriptors in `fds`. Ends with the socket. */
static int next_request(int fds[4])
{
    uint8_t bytes[64];
    union {
        char bytes[CMSG_SPACE(4 * sizeof(int))];
        struct cmsghdr align;
    } control;
    struct iovec data = {bytes, sizeof bytes};
    struct msghdr message = {.msg_iov = &data,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof control.bytes};
    ssize_t got = recvmsg(3, &message, 0);
    if (got <= 0)
        exit(0);
    struct cmsghdr *head = CMSG_FIRSTHDR(&message);
    if (head == NULL || head->cmsg_len != CMSG_LEN(4 * sizeof(int)))
        exit(91);
    memcpy(fds, CMSG_DATA(head), 4 * sizeof(int));
    tt_reader_t reader = tt_reader((tt_span_t){bytes, (size_t)got});
    size_t count;
    int64_t id;
    if (tt_read_array(&reader, &count) != 0 || count != 1 || tt_read_int(&reader, &id) != 0)
        exit(92);
    return (int)id;
}

static int skip_request(void)
{
    int fds[4], id = next_request(fds);
    for (int i = 0; i < 4; i++)
        close(fds[i]);
    return id;
}

/* Writes its place into each descriptor, so that the test sees which came where. */
static void forks(void)
{
    say_words("ready", "1.2");
    for (;;) {
        int fds[4], id = next_request(fds);
        for (int i = 0; i < 4; i++)
            if (write(fds[i], &"spoe"[i], 1) != 1 || close(fds[i]) != 0)
                exit(93);
        answer(id, 1000 + id);
    }
}

static void answers_when_all_have_asked(void)
{
    int ids[REQUESTS_MAX];
    for (int i = 0; i < REQUESTS_MAX; i++)
        ids[i] = skip_request();
    for (int i = 0; i < REQUESTS_MAX; i++)
        answer(ids[i], 1000 + ids[i]);
    for (;;) {
        int id = skip_request();
        answer(id, 1000 + id);
    }
}

static void will_not_fork(void)
{
    skip_request();
    skip_request();
    say_words("exec", "2 threads run after the preload");
    exit(0);
}

static void cannot_fork(void)
{
    answer(skip_request(), -1);
    answer(skip_request(), 0);
    skip_request();
}

static void talks_nonsense(void)
{
    const tt_span_t words[] = {SPAN("\xc1"), SPAN("\x91\x01"), SPAN("\x92\xc0\xc0"),
                               SPAN("\x92\x01\xa1x"), SPAN("\x92\x5f\x07") /* engine 95 */};
    int id = skip_request();
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (send(3, words[i].data, words[i].len, MSG_NOSIGNAL) < 0)
            exit(94);
    answer(id, 1000 + id);
    skip_request();
}

static void dies_with_words(void)
{
    skip_request();
    skip_request();
    fprintf(stderr, "Traceback:\n  somewhere\nImportError: no module named numpy\n");
    exit(1);
}

static void dies_without_a_word(void)
{
    skip_request();
    kill(getpid(), SIGKILL);
}

static void answers_and_dies(void)
{
    int first = skip_request();
    skip_request();
    answer(first, 1000 + first);
    exit(3);
}

static void writes_much(void)
{
    skip_request();
    for (int i = 0; i < 1000; i++)
        fprintf(stderr, "line %d of a long traceback\n", i);
    fprintf(stderr, "the last line");
    exit(1);
}

static void tells_names(void)
{
    tt_buf_t body = {0};
    tt_pack_array(&body, 5); /* one more than we know */
    tt_pack_text(&body, "ready");
    tt_pack_text(&body, "1.2");
    tt_pack_text(&body, "/bin/python3");
    tt_pack_bin(&body, "abc", 3);
    tt_pack_nil(&body);
    say(&body);
    tt_buf_release(&body);
    answer(skip_request(), 1000);
    skip_request();
}

static void forks_and_dies(void)
{
    say_words("ready", "1.2");
    skip_request();
    exit(3);
}

static const struct {
    const char *name;
    void (*fn)(void);
} lives[] = {
    {"forks", forks},
    {"answers when all have asked", answers_when_all_have_asked},
    {"will not fork", will_not_fork},
    {"cannot fork", cannot_fork},
    {"talks nonsense", talks_nonsense},
    {"dies with words", dies_with_words},
    {"dies without a word", dies_without_a_word},
    {"answers and dies", answers_and_dies},
    {"writes much", writes_much},
    {"forks and dies", forks_and_dies},
    {"tells names", tells_names},
};

static int live(const char *name)
{
    alarm(60);
    for (size_t i = 0; i < sizeof lives / sizeof *lives; i++)
        if (strcmp(lives[i].name, name) == 0)
            lives[i].fn();
    return 95;
}

/* ---- this side */

static int begin(void **unused)
{
    sigset_t none;
    (void)unused;
    tt_signals_block(&none, 0); /* no SIGPIPE */
    loop = tt_loop_new();
    memset(engines, 0, sizeof engines);
    for (int i = 0; i < 64; i++)
        engines[i].id = i;
    order_count = 0;
    null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    return 0;
}

static int wait_end(void)
{
    int status = 0;
    waitpid(zygote_pid(zygote), &status, 0);
    return status;
}

static int end(void **unused)
{
    (void)unused;
    if (zygote && zygote_pid(zygote) > 0) {
        kill(zygote_pid(zygote), SIGKILL);
        wait_end();
    }
    zygote_destroy(&zygote);
    zygote_destroy(&zygote);
    tt_loop_destroy(&loop);
    close(null_fd);
    return 0;
}

static void start(const char *life)
{
    char itself[PATH_MAX] = "", text[64];
    tt_error_t err;
    assert_true(readlink("/proc/self/exe", itself, sizeof itself - 1) > 0);
    snprintf(text, sizeof text, "%s", life);
    char *args[] = {(char[]){"--zygote"}, text, NULL}, *environment[] = {NULL};
    spec_t spec = {.language = (char[]){"none of ours"},
                   .program = itself,
                   .directory = (char[]){""},
                   .args = args,
                   .environment = environment};
    zygote = zygote_new(NULL, &spec, find, engines, &err);
    assert_non_null(zygote);
    assert_true(zygote_pid(zygote) > 0);
}

static bool request(int id)
{
    const int fds[4] = {null_fd, null_fd, null_fd, null_fd};
    return zygote_request(zygote, id, fds);
}

static int with(size_t offset)
{
    int sum = 0;
    for (int i = 0; i < 64; i++)
        sum += *(const int *)(const void *)((const char *)&engines[i] + offset);
    return sum;
}

#define TOTAL(member) with(offsetof(engine_t, member))

/* ---- what cannot be done */

TEST(a_language_that_cannot_be_started_says_why)
{
    char nothing[] = "", language[] = "cobol";
    char *none[] = {NULL};
    spec_t spec = {.language = language,
                   .program = nothing,
                   .directory = nothing,
                   .args = none,
                   .environment = none};
    tt_error_t err;
    int before = open_fds();
    assert_null(zygote_new(NULL, &spec, find, engines, &err));
    assert_says(&err, "no language 'cobol'");
    assert_int_equal(open_fds(), before);
}

TEST(without_a_zygote_nothing_can_be_asked)
{
    assert_false(request(1));
}

/* ---- the normal case */

TEST(a_request_brings_the_four_descriptors_in_their_order_and_is_answered_with_the_pid)
{
    start("forks");
    int ends[4], theirs[4];
    for (int i = 0; i < 4; i++) {
        int fds[2];
        assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
        ends[i] = fds[0];
        theirs[i] = fds[1];
    }
    assert_true(zygote_request(zygote, 7, theirs));
    assert_comes(loop, engines[7].pid != 0);
    assert_int_equal(engines[7].pid, 1007);
    for (int i = 0; i < 4; i++) {
        char letter = 0;
        assert_int_equal(close(theirs[i]), 0); /* it stayed ours */
        assert_int_equal(read(ends[i], &letter, 1), 1);
        assert_int_equal(letter, "spoe"[i]);
        assert_int_equal(read(ends[i], &letter, 1), 0);
        close(ends[i]);
    }
    assert_int_equal(TOTAL(execs) + TOTAL(fails), 0);
}

TEST(names_that_it_tells_are_kept)
{
    assert_int_equal(zygote_names(NULL).len, 0);
    start("tells names");
    assert_int_equal(zygote_names(zygote).len, 0);
    assert_true(request(0));
    assert_comes(loop, engines[0].pid == 1000);
    assert_int_equal(zygote_names(zygote).len, 3);
    assert_memory_equal(zygote_names(zygote).data, "abc", 3);
}

TEST(one_that_tells_no_names_forks_all_the_same)
{
    start("forks");
    assert_true(request(0));
    assert_comes(loop, engines[0].pid == 1000);
    assert_int_equal(zygote_names(zygote).len, 0);
}

TEST(answers_can_be_read_without_the_loop)
{
    start("answers and dies");
    assert_true(request(1) && request(2));
    wait_end();
    zygote_drain(zygote);
    assert_int_equal(engines[1].pid, 1001);
    zygote_drain(zygote);
    zygote_died(zygote, 0);
}

TEST(an_engine_that_is_gone_by_then_is_no_matter)
{
    start("forks");
    engines[5].id = -1;
    assert_true(request(5) && request(6));
    assert_comes(loop, engines[6].pid != 0);
    assert_int_equal(engines[5].pid, 0);
}

/* ---- turns */

TEST(beyond_32_requests_it_is_busy_and_the_others_start_in_turn)
{
    start("answers when all have asked");
    for (int id = 0; id < REQUESTS_MAX; id++) {
        assert_false(zygote_busy(zygote));
        assert_true(request(id));
    }
    assert_true(zygote_busy(zygote));
    for (int id = 60; id > 40; id--)
        zygote_wait(zygote, id);
    engines[50].id = -1; /* gone while it waited */
    assert_int_equal(order_count, 0);
    assert_comes(loop, engines[41].pid != 0);
    assert_int_equal(order_count, 19);
    for (int i = 0; i < order_count; i++)
        assert_int_equal(order[i], i < 10 ? 60 - i : 59 - i);
    for (int id = 0; id < REQUESTS_MAX; id++)
        assert_int_equal(engines[id].pid, 1000 + id);
    assert_false(zygote_busy(zygote));
}

/* ---- a zygote that does not fork */

TEST(one_that_will_not_fork_has_all_its_engines_started_by_exec)
{
    start("will not fork");
    assert_true(request(1) && request(2));
    zygote_wait(zygote, 3);
    assert_comes(loop, engines[3].starts == 1);
    assert_int_equal(engines[1].execs, 1);
    assert_int_equal(engines[2].execs, 1);
    assert_false(request(4));
    assert_false(zygote_busy(zygote));
    zygote_died(zygote, wait_end());
    assert_int_equal(TOTAL(fails), 0);
    assert_int_equal(TOTAL(execs), 2);
}

TEST(one_that_cannot_fork_an_engine_has_that_one_started_by_exec)
{
    start("cannot fork");
    assert_true(request(1) && request(2) && request(3));
    assert_comes(loop, engines[2].execs == 1);
    assert_int_equal(engines[1].execs, 1);
    assert_int_equal(engines[3].execs, 0);
    assert_int_equal(TOTAL(pid), 0);
}

TEST(nonsense_costs_only_itself)
{
    start("talks nonsense");
    assert_true(request(1));
    assert_comes(loop, engines[1].pid != 0);
    assert_int_equal(engines[1].pid, 1001);
    assert_int_equal(TOTAL(execs) + TOTAL(fails), 0);
    assert_true(request(2));
}

/* ---- its death */

TEST(its_last_words_are_why_the_engines_that_wait_for_it_fail)
{
    start("dies with words");
    assert_true(request(1) && request(2));
    zygote_wait(zygote, 3);
    zygote_died(zygote, wait_end());
    assert_string_equal(engines[1].why, "ImportError: no module named numpy");
    assert_string_equal(engines[2].why, engines[1].why);
    assert_string_equal(engines[3].why, engines[1].why);
    assert_int_equal(TOTAL(fails), 3);
    assert_int_equal(TOTAL(starts), 0);
    assert_false(request(3));
    assert_int_equal(zygote_pid(zygote), 0);
}

TEST(one_that_has_forked_before_takes_along_only_what_it_was_asked_for)
{
    start("forks and dies");
    assert_true(request(1));
    zygote_wait(zygote, 2);
    zygote_died(zygote, wait_end());
    assert_int_equal(engines[1].fails, 1);
    assert_int_equal(engines[2].fails, 0);
    assert_int_equal(engines[2].starts, 1); /* its turn has come, without a zygote */
}

TEST(without_words_its_ending_is_the_reason)
{
    start("dies without a word");
    assert_true(request(1));
    zygote_died(zygote, wait_end());
    assert_ptr_equal(strstr(engines[1].why, "its interpreter '/"), engines[1].why);
    assert_non_null(strstr(engines[1].why, "test_zygote' was killed by SIGKILL"));
}

TEST(what_it_answered_before_it_died_holds)
{
    start("answers and dies");
    assert_true(request(1) && request(2));
    zygote_died(zygote, wait_end());
    assert_int_equal(engines[1].pid, 1001);
    assert_int_equal(engines[1].fails, 0);
    assert_int_equal(engines[2].fails, 1);
}

TEST(the_reason_is_the_last_line_however_much_it_wrote)
{
    start("writes much");
    assert_true(request(1));
    zygote_died(zygote, wait_end());
    assert_string_equal(engines[1].why, "the last line");
}

#define EACH(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "--zygote") == 0)
        return live(argv[2]);
    alarm(120);
    setenv("TUTTI_LOG", "error", 1);
    const struct CMUnitTest tests[] = {
        EACH(a_language_that_cannot_be_started_says_why),
        EACH(without_a_zygote_nothing_can_be_asked),
        EACH(a_request_brings_the_four_descriptors_in_their_order_and_is_answered_with_the_pid),
        EACH(names_that_it_tells_are_kept),
        EACH(one_that_tells_no_names_forks_all_the_same),
        EACH(answers_can_be_read_without_the_loop),
        EACH(an_engine_that_is_gone_by_then_is_no_matter),
        EACH(beyond_32_requests_it_is_busy_and_the_others_start_in_turn),
        EACH(one_that_will_not_fork_has_all_its_engines_started_by_exec),
        EACH(one_that_cannot_fork_an_engine_has_that_one_started_by_exec),
        EACH(nonsense_costs_only_itself),
        EACH(its_last_words_are_why_the_engines_that_wait_for_it_fail),
        EACH(one_that_has_forked_before_takes_along_only_what_it_was_asked_for),
        EACH(without_words_its_ending_is_the_reason),
        EACH(what_it_answered_before_it_died_holds),
        EACH(the_reason_is_the_last_line_however_much_it_wrote),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
