/* Unit test of repl/stage: what a command stands on, with the fake controller as the cluster.
 * Clusters that are started for a session are tested end to end. */
#include "prompt.h"

#include "stage.h"

static given_t given;
static stage_t stage;
static pid_t holder; /* holds the cluster's lock, as its controller */

static int begin(void **unused)
{
    (void)unused;
    given =
        (given_t){.name = "test", .wish = {.group.engines = CLUSTER_PER_CORE, .timeout_s = 10}};
    memset(&stage, 0, sizeof stage);
    if (scratch_begin() != 0)
        return -1;
    setenv("TUTTI_LIBEXEC_DIR", scratch_dir, 1); /* where no program is */
    loop = command_loop();
    return 0;
}

static int end(void **unused)
{
    (void)unused;
    listen_stop();
    if (holder > 0) {
        kill(holder, SIGKILL);
        waitpid(holder, NULL, 0);
    }
    holder = 0;
    fake_stop(&fake);
    unsetenv("TUTTI_LIBEXEC_DIR");
    return scratch_end();
}

/* Cluster 'test' runs, with two engines. */
static void start_fake(void)
{
    int ready[2];
    char byte = 0;
    assert_int_equal(fake_start(&fake, loop), 0);
    fake.engines = 2;
    fake.on_message = answer_submit;
    assert_int_equal(pipe(ready), 0);
    holder = fork();
    if (holder == 0) {
        if (tt_rundir_lock(&fake.dir, &err) < 0 || write(ready[1], "!", 1) != 1)
            _exit(1);
        for (;;)
            pause();
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    close(ready[1]);
}

static int open_stage(bool may_start)
{
    listen_begin();
    int status = stage_open(&stage, &given, may_start, NULL);
    listen_end();
    return status;
}

static int close_stage(int status)
{
    listen_begin();
    status = stage_close(&stage, status);
    listen_end();
    return status;
}

TEST(wrong_use_is_found_before_anything_is_touched)
{
    given.wish.group.engines = 0;
    assert_int_equal(open_stage(true), 2);
    assert_part(said_err, "-n takes a number above 0");
    assert_int_equal(close_stage(2), 2);
    assert_int_not_equal(access(scratch_path("run"), F_OK), 0);
}

TEST(without_a_cluster_it_says_how_to_get_one)
{
    assert_int_equal(open_stage(false), 3);
    assert_err("tutti: no cluster 'test' is running; tutti start makes one\n");
    assert_int_equal(close_stage(3), 3);
    given.name = "no/name";
    assert_int_equal(open_stage(false), 3);
    assert_part(said_err, "no/name");
    assert_int_equal(close_stage(3), 3);
}

TEST(a_directory_without_a_controller_is_no_cluster)
{
    tt_rundir_t dir;
    assert_int_equal(tt_rundir_prepare("test", &dir, &err), 0);
    assert_int_equal(open_stage(false), 3);
    assert_part(said_err, "no cluster 'test' is running");
    assert_int_equal(close_stage(3), 3);
}

TEST(a_cluster_that_cannot_be_started_is_told_and_leaves_nothing_open)
{
    int before = open_fds();
    assert_int_equal(open_stage(true), 3);
    assert_part(said_err, "tutti: ");
    assert_false(stage.own);
    assert_int_equal(close_stage(3), 3);
    assert_int_equal(open_fds(), before);
}

TEST(a_cluster_that_runs_is_used_and_left_as_it_is)
{
    start_fake();
    given.json = true;
    given.wish.group.program = "/usr/bin/python3";
    assert_int_equal(open_stage(true), 0);
    assert_err("");
    assert_false(stage.own);
    assert_true(stage.session.json);
    assert_string_equal(stage.session.python, "/usr/bin/python3");
    assert_true(tt_client_alive(stage.session.client));
    assert_int_equal(close_stage(0), 0);
    letter_free(fake_await(&fake, TT_MSG_BYE));
    assert_null(fake_take(&fake, TT_MSG_STOP));
}

TEST(a_cluster_that_refuses_is_told)
{
    start_fake();
    fake.refusal = "it is full";
    assert_int_equal(open_stage(false), 3);
    assert_part(said_err, "it is full");
    assert_int_equal(close_stage(3), 3);
}

static void run_in_background(const char *text)
{
    listen_begin();
    session_run(&stage.session, "", text, strlen(text));
    listen_end();
}

TEST(what_runs_in_the_background_is_waited_for_and_shown)
{
    start_fake();
    assert_int_equal(open_stage(false), 0);
    run_in_background("%px --noblock f()\n%px --noblock g()");
    listen_begin();
    int status = stage_finish_background(&stage, 0);
    listen_end();
    assert_int_equal(status, 0);
    assert_part(said_err, "[1] done");
    assert_part(said_err, "[2] done");
    listen_begin();
    assert_int_equal(stage_finish_background(&stage, 0), 0); /* it was shown */
    listen_end();
    assert_out("");
    assert_int_equal(close_stage(0), 0);
}

static bool fail_submit(fake_t *self, letter_t *letter)
{
    for (int i = 0; letter->message.type == TT_MSG_SUBMIT && i < 2; i++)
        fake_result(self, letter->message.id, i, TT_STATUS_ERROR, "", "no luck");
    return false;
}

TEST(what_fails_in_the_background_is_status_1_unless_there_is_another)
{
    start_fake();
    fake.on_message = fail_submit;
    assert_int_equal(open_stage(false), 0);
    run_in_background("%px --noblock f()");
    listen_begin();
    int status = stage_finish_background(&stage, 0);
    listen_end();
    assert_int_equal(status, 1);
    run_in_background("%px --noblock f()");
    listen_begin();
    status = stage_finish_background(&stage, 5);
    listen_end();
    assert_int_equal(status, 5);
    assert_int_equal(close_stage(5), 5);
}

#define ON(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    alarm(60);
    const struct CMUnitTest tests[] = {
        ON(wrong_use_is_found_before_anything_is_touched),
        ON(without_a_cluster_it_says_how_to_get_one),
        ON(a_directory_without_a_controller_is_no_cluster),
        ON(a_cluster_that_cannot_be_started_is_told_and_leaves_nothing_open),
        ON(a_cluster_that_runs_is_used_and_left_as_it_is),
        ON(a_cluster_that_refuses_is_told),
        ON(what_runs_in_the_background_is_waited_for_and_shown),
        ON(what_fails_in_the_background_is_status_1_unless_there_is_another),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
