/* Unit test of repl/cluster: controllers that start, that tell why they cannot, and that say
 * nothing (shell scripts); engines that come, fail or stay away (the fake controller); and what
 * it takes to stop one. */
#include "prompt.h"

#include "child.h"
#include "cluster.h"

#include "machine.h"

static tt_client_t *client;
static pid_t holder; /* holds the cluster's lock, as its controller */

static int begin(void **unused)
{
    (void)unused;
    if (scratch_begin() != 0)
        return -1;
    setenv("TUTTI_LIBEXEC_DIR", scratch_dir, 1);
    loop = tt_loop_new();
    return fake_start(&fake, loop);
}

static int end(void **unused)
{
    (void)unused;
    listen_stop();
    tt_client_close(&client);
    if (holder > 0) {
        kill(holder, SIGKILL);
        waitpid(holder, NULL, 0);
    }
    holder = 0;
    fake_stop(&fake);
    tt_loop_destroy(&loop);
    unsetenv("TUTTI_LIBEXEC_DIR");
    return scratch_end();
}

static void open_client(void)
{
    client = tt_client_open(loop, &fake.dir, "tests", NULL, NULL, 10000, &err);
    if (client == NULL)
        fail_msg("%s", err.text);
}

/* A process that has the lock and, if it minds SIGTERM not, ends by SIGKILL only. */
static void hold_lock(bool stubborn)
{
    int ready[2];
    char byte = 0;
    assert_int_equal(pipe(ready), 0);
    holder = fork();
    if (holder == 0) {
        if (stubborn)
            signal(SIGTERM, SIG_IGN);
        if (tt_rundir_lock(&fake.dir, &err) < 0 || write(ready[1], "!", 1) != 1)
            _exit(1);
        for (;;)
            pause();
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    close(ready[1]);
}

/* ---- the controller */

static int start_as(const char *script)
{
    scratch_write("tutti-controller", script, 0700);
    return cluster_start_controller(&fake.dir, "random", &err);
}

TEST(a_controller_that_is_ready_was_told_its_name_and_policy)
{
    assert_int_equal(start_as("#!/bin/sh\necho \"$@\"\necho ok >&3\n"), 0);
    char line[128] = "", path[PATH_MAX + 32];
    snprintf(path, sizeof path, "%s/controller.log", fake.dir.state_dir);
    FILE *log = fopen(path, "re");
    assert_non_null(log);
    assert_non_null(fgets(line, sizeof line, log));
    fclose(log);
    assert_string_equal(line, "--name test --ready-fd 3 --policy random\n");
}

TEST(a_controller_that_cannot_start_tells_why)
{
    assert_int_equal(start_as("#!/bin/sh\necho no room >&3\n"), -1);
    assert_string_equal(err.text, "cannot start cluster 'test': no room");
}

TEST(a_controller_that_ends_without_a_word_or_is_not_there_leaves_a_log)
{
    assert_int_equal(start_as("#!/bin/sh\nexit 1\n"), -1);
    assert_string_equal(err.text, "cannot start cluster 'test': its controller ended at once; "
                                  "see tutti logs");
    setenv("TUTTI_LIBEXEC_DIR", "/nonexistent", 1);
    assert_int_equal(cluster_start_controller(&fake.dir, NULL, &err), -1);
    assert_says(&err, "see tutti logs");
}

TEST(a_controller_that_starts_leaves_nothing_open_here)
{
    int before = open_fds();
    assert_int_equal(start_as("#!/bin/sh\necho ok >&3\n"), 0);
    assert_int_equal(start_as("#!/bin/sh\nexit 1\n"), -1);
    assert_int_equal(open_fds(), before);
}

/* ---- engines */

/* Answers a LAUNCH with engines 0 to 2, of which one is ready and two cannot start. */
static bool launch(fake_t *self, letter_t *letter)
{
    static const int ids[] = {0, 1, 2};
    tt_buf_t list;
    if (letter->message.type != TT_MSG_LAUNCH)
        return false;
    tt_buf_init(&list);
    tt_ids_pack(&list, ids, 3);
    tt_message_t message = tt_message(TT_MSG_DONE, letter->message.id);
    message.as.done.engines = (tt_span_t){list.data, list.len};
    fake_send(self, &message, NULL);
    tt_buf_release(&list);
    fake_engine(self, 0, TT_ENGINE_READY, "");
    fake_engine(self, 1, TT_ENGINE_FAILED, "no python\n");
    fake_engine(self, 2, TT_ENGINE_FAILED, "no python\n");
    return false;
}

static int launch_and_wait(const char *wait)
{
    cluster_wish_t wish = {.group.engines = 3, .wait = wait, .timeout_s = 10, .grace_s = 1.5};
    listen_begin();
    int status = cluster_launch(client, loop, &wish, true, &err);
    listen_end();
    return status;
}

TEST(a_launch_asks_for_what_is_wished)
{
    static char module[] = "numpy";
    char *modules[] = {module};
    cluster_wish_t wish = {.group = {.engines = 3,
                                     .language = "mock",
                                     .program = "/bin/mock",
                                     .preload = {modules, 1}},
                           .wait = "1",
                           .timeout_s = 10,
                           .grace_s = 1.5};
    fake.on_message = launch;
    open_client();
    assert_int_equal(cluster_launch(client, loop, &wish, false, &err), 0);
    letter_t *letter = fake_await(&fake, TT_MSG_LAUNCH);
    const tt_msg_launch_t *asked = &letter->message.as.launch;
    assert_int_equal(asked->count, 3);
    assert_int_equal(asked->total, 0);
    assert_int_equal(asked->grace_ms, 1500);
    assert_memory_equal(asked->language.data, "mock", 4);
    assert_memory_equal(asked->program.data, "/bin/mock", 9);
    assert_int_equal(asked->args.len, 7);
    assert_memory_equal(asked->args.data, "\x91\xa5numpy", 7);
    letter_free(letter);
}

TEST(a_launch_without_a_number_asks_for_one_engine_per_core)
{
    cluster_wish_t wish = {.group.engines = CLUSTER_PER_CORE, .wait = "0"};
    fake.on_message = launch;
    open_client();
    assert_int_equal(cluster_launch(client, loop, &wish, true, &err), 0);
    letter_t *letter = fake_await(&fake, TT_MSG_LAUNCH);
    assert_int_equal(letter->message.as.launch.count, tt_machine_cores());
    assert_int_equal(letter->message.as.launch.total, 1);
    letter_free(letter);
}

TEST(groups_are_asked_for_one_after_the_other_each_in_its_language)
{
    cluster_group_t *more = tt_alloc(sizeof *more);
    *more = (cluster_group_t){.engines = 4, .language = "mock"};
    cluster_wish_t wish = {.group = {.engines = 3, .language = "python", .program = "/bin/py"},
                           .more = more,
                           .more_count = 1,
                           .wait = "1",
                           .timeout_s = 10};
    fake.on_message = launch;
    open_client();
    assert_int_equal(cluster_launch(client, loop, &wish, true, &err), 0);
    for (int i = 0; i < 2; i++) {
        letter_t *letter = fake_await(&fake, TT_MSG_LAUNCH);
        const tt_msg_launch_t *asked = &letter->message.as.launch;
        assert_int_equal(asked->count, i ? 4 : 3);
        assert_int_equal(asked->total, 1);
        assert_memory_equal(asked->language.data, i ? "mock" : "python", asked->language.len);
        assert_int_equal(asked->program.len, i ? 0 : 7);
        letter_free(letter);
    }
    cluster_wish_release(&wish);
    cluster_wish_release(&wish);
    assert_int_equal(wish.more_count, 0);
}

TEST(enough_engines_are_enough)
{
    fake.on_message = launch;
    open_client();
    assert_int_equal(launch_and_wait("1"), 0);
    assert_err("");
}

TEST(engines_that_cannot_come_are_not_waited_for_and_told_together)
{
    fake.on_message = launch;
    open_client();
    assert_int_equal(launch_and_wait("all"), 4);
    assert_err("1 of 3 engines ready\nmissing: 1-2 (no python\\x0A)\n");
    assert_int_equal(launch_and_wait("2"), 4);
    assert_int_equal(launch_and_wait("99"), 4);
}

static bool refuse(fake_t *self, letter_t *letter)
{
    fake_error(self, letter->message.id, "the cluster is stopping");
    return true;
}

TEST(a_launch_that_is_refused_is_status_3_with_the_reason)
{
    fake.on_message = refuse;
    open_client();
    assert_int_equal(launch_and_wait("all"), 3);
    assert_says(&err, "the cluster is stopping");
}

/* ---- in a line */

static void assert_summary(const char *expected)
{
    char *summary = cluster_summary(client);
    assert_string_equal(summary, expected);
    free(summary);
}

TEST(a_cluster_is_told_in_a_line)
{
    open_client();
    assert_summary("no engines");
    fake_engine(&fake, 0, TT_ENGINE_READY, "");
    assert_comes(loop, cluster_count(client, TT_ENGINE_READY) == 1);
    assert_summary("1 Python engine (3.11.2, /usr/bin/python3)");
    fake_engine(&fake, 1, TT_ENGINE_READY, "");
    fake_engine(&fake, 2, TT_ENGINE_STARTING, "");
    assert_comes(loop, cluster_count(client, TT_ENGINE_STARTING) == 1);
    assert_summary("2 Python engines (3.11.2, /usr/bin/python3)");
    fake_engine_of(&fake, 3, "sh", "5.2.15(1)-release", "/usr/bin/bash");
    fake_engine_of(&fake, 4, "python", "3.12.1", "/opt/python");
    fake_engine_of(&fake, 5, "lua", "5.4", "/usr/bin/lua");
    fake_engine_of(&fake, 6, "sh", "5.2.15(1)-release", "/usr/bin/bash");
    assert_comes(loop, cluster_count(client, TT_ENGINE_READY) == 6);
    assert_summary("2 Python engines (3.11.2, /usr/bin/python3), 2 shell engines (bash "
                   "5.2.15), 1 Python engine (3.12.1, /opt/python), 1 Lua engine (5.4, "
                   "/usr/bin/lua)");
}

static void engine_on(const char *host, int id, unsigned state)
{
    tt_message_t message = tt_message(TT_MSG_EVENT, 0);
    message.as.event = (tt_msg_event_t){.kind = TT_EVENT_ENGINE,
                                        .engine = id,
                                        .state = state,
                                        .host = tt_span(host),
                                        .language = tt_span(id < 4 ? "python" : "lua"),
                                        .version = tt_span("3.11.2"),
                                        .program = tt_span("/usr/bin/python3")};
    fake_send(&fake, &message, NULL);
}

static void await_ready(size_t count)
{
    assert_comes(loop, cluster_count(client, TT_ENGINE_READY) == count);
}

TEST(where_engines_are_on_several_hosts_the_line_names_those_with_ready_ones)
{
    static const char two[] = "2 Python engines (3.11.2, /usr/bin/python3)";
    char want[256];
    open_client();
    engine_on("vm", 9, TT_ENGINE_LOST);
    engine_on("web2", 0, TT_ENGINE_READY);
    engine_on("web2", 1, TT_ENGINE_READY);
    await_ready(2);
    assert_summary(two);
    engine_on("web1", 1, TT_ENGINE_READY);
    engine_on("web1", 2, TT_ENGINE_STARTING);
    assert_comes(loop, cluster_count(client, TT_ENGINE_STARTING) == 1);
    snprintf(want, sizeof want, "%s on web[1-2]", two);
    assert_summary(want);
    engine_on("web1", 2, TT_ENGINE_FAILED);
    engine_on("web10", 4, TT_ENGINE_READY);
    engine_on("db\x1b[2J", 5, TT_ENGINE_READY);
    engine_on("db\x1b[2J", 6, TT_ENGINE_READY);
    await_ready(5);
    snprintf(want, sizeof want,
             "%s, 3 Lua engines (3.11.2, /usr/bin/python3) on db\\x1B[2J,web[1-2,10]", two);
    assert_summary(want);
}

TEST(where_no_engine_is_ready_no_host_is_named)
{
    open_client();
    engine_on("web1", 0, TT_ENGINE_STARTING);
    engine_on("web2", 1, TT_ENGINE_LOST);
    assert_comes(loop, cluster_count(client, TT_ENGINE_LOST) == 1);
    assert_summary("no engines");
}

/* ---- stopping */

TEST(what_does_not_run_is_not_stopped)
{
    assert_int_equal(cluster_stop(loop, &fake.dir, &err), 1);
}

static bool stop(fake_t *self, letter_t *letter)
{
    if (letter->message.type != TT_MSG_STOP)
        return false;
    fake_answer(self, TT_MSG_STOPPED, letter->message.id);
    kill(holder, SIGKILL);
    return false;
}

TEST(a_controller_is_asked_to_stop)
{
    hold_lock(true);
    fake.pid = (int)holder;
    fake.on_message = stop;
    assert_int_equal(cluster_stop(loop, &fake.dir, &err), 0);
    letter_free(fake_await(&fake, TT_MSG_STOP));
}

TEST(a_controller_that_does_not_let_us_ask_is_ended_by_its_pid)
{
    int status;
    hold_lock(false);
    fake.refusal = "another version";
    assert_int_equal(cluster_stop(loop, &fake.dir, &err), 0);
    assert_int_equal(waitpid(holder, &status, 0), holder);
    holder = 0;
    assert_string_equal(tt_child_ending(status), "was killed by SIGTERM");
}

#define ON(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    alarm(90);
    const struct CMUnitTest tests[] = {
        ON(a_controller_that_is_ready_was_told_its_name_and_policy),
        ON(a_controller_that_cannot_start_tells_why),
        ON(a_controller_that_ends_without_a_word_or_is_not_there_leaves_a_log),
        ON(a_controller_that_starts_leaves_nothing_open_here),
        ON(a_launch_asks_for_what_is_wished),
        ON(a_launch_without_a_number_asks_for_one_engine_per_core),
        ON(groups_are_asked_for_one_after_the_other_each_in_its_language),
        ON(enough_engines_are_enough),
        ON(engines_that_cannot_come_are_not_waited_for_and_told_together),
        ON(a_launch_that_is_refused_is_status_3_with_the_reason),
        ON(a_cluster_is_told_in_a_line),
        ON(where_engines_are_on_several_hosts_the_line_names_those_with_ready_ones),
        ON(where_no_engine_is_ready_no_host_is_named),
        ON(what_does_not_run_is_not_stopped),
        ON(a_controller_is_asked_to_stop),
        ON(a_controller_that_does_not_let_us_ask_is_ended_by_its_pid),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
