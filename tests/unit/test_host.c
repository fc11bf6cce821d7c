/* Unit test of engine/host: a whole host, as a child process, against a controller that the
 * test plays: registration, what each message does, and its end. */
#include "fake_controller.h"

#include "host.h"

#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

static tt_loop_t *loop;
static fake_t fake;
static pid_t host_pid, watched;
static long grace_ms;
static const struct rlimit *file_limit; /* of the host; NULL: ours */

/* ---- the host's process */

static void be_host(const char *endpoint)
{
    const struct rlimit no_core = {0, 0};
    setrlimit(RLIMIT_CORE, &no_core);
    if (file_limit)
        setrlimit(RLIMIT_NOFILE, file_limit);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    alarm(120);
    host_options_t options = {.endpoint = endpoint,
                              .cluster = "test",
                              .launch = 77,
                              .grace_ms = grace_ms,
                              .watch_pid = 4242};
    exit(host_run(&options));
}

static void start_host(void)
{
    char endpoint[TT_SOCKET_MAX + 8];
    tt_rundir_t dir;
    tt_error_t err;
    assert_int_equal(tt_rundir_prepare("test", &dir, &err), 0);
    snprintf(endpoint, sizeof endpoint, "ipc://%s", dir.client_sock);
    fflush(NULL);
    host_pid = fork(); /* before this process has a socket, or a thread */
    if (host_pid == 0)
        be_host(endpoint);
    loop = tt_loop_new();
    assert_int_equal(fake_start(&fake, loop), 0);
}

static int begin(void **unused)
{
    (void)unused;
    grace_ms = 60000;
    file_limit = NULL;
    host_pid = watched = 0;
    loop = NULL;
    memset(&fake, 0, sizeof fake);
    if (scratch_begin() != 0)
        return -1;
    setenv("TUTTI_LIBEXEC_DIR", build_path("engine"), 1);
    return 0;
}

static void end_child(pid_t *pid)
{
    if (*pid > 0) {
        kill(*pid, SIGKILL);
        waitpid(*pid, NULL, 0);
    }
    *pid = 0;
}

static int end(void **unused)
{
    (void)unused;
    end_child(&host_pid);
    end_child(&watched);
    if (loop)
        fake_stop(&fake);
    tt_loop_destroy(&loop);
    return scratch_end();
}

/* Waits for its end; the exit status, or minus the signal. */
static int exit_status(void)
{
    int status = 0;
    assert_comes(loop, waitpid(host_pid, &status, WNOHANG) == host_pid);
    host_pid = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

/* ---- what the controller says */

/* A list of engines, good for one message. */
static tt_span_t ids(size_t count, const int *list)
{
    static tt_buf_t packed;
    packed.len = 0;
    tt_ids_pack(&packed, list, count);
    static uint8_t bytes[64];
    assert_true(packed.len <= sizeof bytes);
    memcpy(bytes, packed.data, packed.len);
    size_t len = packed.len;
    tt_buf_release(&packed);
    return (tt_span_t){bytes, len};
}

#define IDS(...) ids(sizeof((int[]){__VA_ARGS__}) / sizeof(int), (int[]){__VA_ARGS__})

static void say(const tt_message_t *message)
{
    fake_send(&fake, message, NULL);
}

static void spawn(tt_span_t engines, const char *language, const char *program)
{
    tt_message_t message = tt_message(TT_MSG_SPAWN, 77);
    message.as.spawn.engines = engines;
    message.as.spawn.language = tt_span(language);
    message.as.spawn.program = tt_span(program);
    message.as.spawn.args = message.as.spawn.environment = SPAN("\x90");
    say(&message);
}

static void task(uint64_t id, tt_span_t engines, const char *code)
{
    tt_message_t message = tt_message(TT_MSG_TASK, id);
    tt_buf_t args = {0};
    tt_frames_t frames;
    tt_frames_init(&frames);
    tt_pack_array(&args, 3);
    tt_pack_text(&args, code);
    tt_pack_text(&args, "<test>");
    tt_pack_int(&args, 0);
    tt_frames_copy(&frames, args.data, args.len);
    message.as.task.op = TT_RT_EXECUTE;
    message.as.task.engines = engines;
    message.as.task.attempt = 1;
    fake_send(&fake, &message, &frames);
    tt_buf_release(&args);
}

static void act(uint64_t action, tt_span_t engines)
{
    tt_message_t message = tt_message(TT_MSG_ACTION, 0);
    message.as.action.action = action;
    message.as.action.engines = engines;
    say(&message);
}

/* ---- what the host answers */

static void await_hello(void)
{
    letter_free(fake_await(&fake, TT_MSG_HELLO));
}

/* The next ENGINE message must tell this; its pid. */
static int64_t await_engine(int id, unsigned state)
{
    letter_t *letter = fake_await(&fake, TT_MSG_ENGINE);
    const tt_msg_engine_t *said = &letter->message.as.engine;
    assert_int_equal(said->engine, id);
    assert_int_equal(said->state, state);
    int64_t pid = said->pid;
    letter_free(letter);
    return pid;
}

static void await_result(uint64_t id, int engine, unsigned status)
{
    letter_t *letter = fake_await(&fake, TT_MSG_RESULT);
    assert_int_equal(letter->message.id, id);
    assert_int_equal(letter->message.as.result.engine, engine);
    assert_int_equal(letter->message.as.result.status, status);
    letter_free(letter);
}

static void await_reason(int id, const char *part)
{
    letter_t *letter = fake_await(&fake, TT_MSG_ENGINE);
    char text[512];
    tt_text_copy(letter->message.as.engine.text, text, sizeof text);
    assert_int_equal(letter->message.as.engine.engine, id);
    assert_int_equal(letter->message.as.engine.state, TT_ENGINE_FAILED);
    if (strstr(text, part) == NULL)
        fail_msg("the reason \"%s\" does not say \"%s\"", text, part);
    letter_free(letter);
}

/* A host with engine 5 of the toy language, ready. */
static int64_t start_with_engine(void)
{
    start_host();
    await_hello();
    spawn(IDS(5), "mock", "");
    return await_engine(5, TT_ENGINE_READY);
}

/* Until that task runs, as the host's beats tell. */
static void await_running(uint64_t id)
{
    for (uint64_t running = 0; running != id;) {
        letter_t *letter = fake_await(&fake, TT_MSG_BEAT);
        tt_reader_t reader = tt_reader(letter->message.as.beat.running);
        size_t count = 0, members;
        int64_t engine;
        assert_true(letter->message.as.beat.rss_bytes > 0);
        assert_int_equal(tt_read_array(&reader, &count), 0);
        if (count > 0) {
            assert_int_equal(tt_read_array(&reader, &members), 0);
            assert_int_equal(tt_read_int(&reader, &engine), 0);
            assert_int_equal(tt_read_uint(&reader, &running), 0);
            assert_int_equal(engine, 5);
        }
        letter_free(letter);
    }
}

/* ---- registration */

TEST(it_says_who_it_is_before_anything_else)
{
    start_host();
    fake.silent = true;
    assert_comes(loop, fake.letters != NULL);
    letter_t *letter = fake_take(&fake, TT_MSG_HELLO);
    assert_non_null(letter);
    const tt_msg_hello_t *hello = &letter->message.as.hello;
    assert_int_equal(hello->major, TT_WIRE_MAJOR);
    assert_int_equal(hello->pid, host_pid);
    assert_int_equal(hello->watch_pid, 4242);
    assert_int_equal(hello->launch, 77);
    assert_int_equal(hello->uuid.len, 16);
    assert_true(hello->epoch > 0);
    assert_int_equal(hello->boot.len, strlen(tt_boot_id()));
    assert_int_equal(hello->engines.len, 1);
    assert_int_equal(hello->engines.data[0], 0x90); /* none yet */
    letter_free(letter);
}

TEST(a_host_that_is_refused_ends_with_3)
{
    start_host();
    fake.refusal = "it is too old";
    await_hello();
    assert_int_equal(exit_status(), 3);
}

TEST(asked_who_it_is_it_tells_its_engines)
{
    int64_t pid = start_with_engine();
    fake_answer(&fake, TT_MSG_WHO, 0);
    letter_t *letter = fake_await(&fake, TT_MSG_HELLO);
    tt_reader_t reader = tt_reader(letter->message.as.hello.engines);
    size_t count;
    int64_t id, told;
    uint64_t state;
    assert_int_equal(tt_read_array(&reader, &count), 0);
    assert_int_equal(count, 1);
    assert_int_equal(tt_read_array(&reader, &count), 0);
    assert_int_equal(tt_read_int(&reader, &id) | tt_read_int(&reader, &told), 0);
    assert_int_equal(tt_read_uint(&reader, &state), 0);
    assert_int_equal(id, 5);
    assert_int_equal(told, pid);
    assert_int_equal(state, TT_ENGINE_READY);
    letter_free(letter);
    await_engine(5, TT_ENGINE_READY); /* told again to whoever welcomes it */
}

/* ---- messages */

static void send_raw(tt_span_t header)
{
    zmq_send(fake.router, fake.route, fake.route_len, ZMQ_SNDMORE);
    zmq_send(fake.router, header.data, header.len, 0);
}

TEST(what_it_does_not_understand_does_not_end_it)
{
    start_with_engine();
    send_raw(SPAN(""));
    send_raw(SPAN("\xc1"));
    send_raw(SPAN("\x92\xcd\x03\xe7\x01"));     /* [999, 1] */
    send_raw(SPAN("\x93\x2a\x01\xa3odd"));      /* a TASK whose op is text */
    fake_answer(&fake, TT_MSG_STATUS, 1);       /* not for a host */
    fake_error(&fake, 0, "you sent nonsense");  /* never answered */
    task(8, IDS(5, 99), "value 1");             /* 99 is not here */
    task(9, SPAN("\x93\xa1x\x05\x06"), "exit"); /* no list of engines */
    task(10, IDS(5), "value 1");
    await_result(8, 5, TT_STATUS_OK);
    await_result(10, 5, TT_STATUS_OK);
    assert_null(fake_take(&fake, TT_MSG_ERROR));
}

TEST(a_task_runs_on_each_engine_it_is_for)
{
    start_host();
    await_hello();
    spawn(IDS(5, 6, 7), "mock", "");
    for (int i = 0; i < 3; i++)
        letter_free(fake_await(&fake, TT_MSG_ENGINE));
    task(1, IDS(7, 5), "id");
    bool seen[8] = {false};
    for (int i = 0; i < 2; i++) {
        letter_t *letter = fake_await(&fake, TT_MSG_RESULT);
        assert_int_equal(letter->message.as.result.status, TT_STATUS_OK);
        seen[letter->message.as.result.engine & 7] = true;
        letter_free(letter);
    }
    assert_true(seen[5] && seen[7] && !seen[6]);
}

TEST(engines_that_cannot_be_started_fail_and_the_others_live)
{
    start_with_engine();
    spawn(IDS(6), "other", "/nonexistent/program");
    await_reason(6, "cannot run '/nonexistent/program'");
    spawn(IDS(7), "cobol", "");
    await_reason(7, "no language 'cobol'");
    spawn(IDS(8), "python", "/nonexistent/python"); /* by a zygote */
    await_reason(8, "cannot run '/nonexistent/python'");
    task(1, IDS(5), "value 1");
    await_result(1, 5, TT_STATUS_OK);
}

TEST(too_many_engines_for_the_open_files_fail_with_the_numbers)
{
    const struct rlimit few = {80, 80};
    file_limit = &few;
    start_host();
    await_hello();
    spawn(IDS(1, 2, 3, 4), "mock", "");
    for (int id = 1; id <= 4; id++)
        await_reason(id, "4 engines need 84 open files on one host; the limit (NOFILE) is 80");
    spawn(IDS(5), "mock", "");
    await_reason(5, "5 engines need 89 open files");
}

TEST(cancel_ends_what_waits_and_what_runs)
{
    start_with_engine();
    task(1, IDS(5), "spin");
    task(2, IDS(5), "value 2");
    await_running(1);
    fake_answer(&fake, TT_MSG_CANCEL, 2); /* of all engines: nil */
    await_result(2, 5, TT_STATUS_CANCELLED);
    tt_message_t message = tt_message(TT_MSG_CANCEL, 1);
    message.as.cancel.engines = IDS(5);
    say(&message);
    await_result(1, 5, TT_STATUS_INTERRUPTED);
}

TEST(beats_tell_what_runs_and_an_interrupt_ends_it)
{
    start_with_engine();
    task(1, IDS(5), "spin");
    await_running(1);
    fake_answer(&fake, TT_MSG_INTERRUPT, 0);
    await_result(1, 5, TT_STATUS_INTERRUPTED);
}

/* The next beat's load: whether it has engines, and the first one's share. */
static bool await_load(int64_t *share)
{
    letter_t *letter = fake_await(&fake, TT_MSG_BEAT);
    tt_reader_t reader = tt_reader(letter->message.as.beat.load);
    size_t fields, count;
    int64_t engine;
    assert_int_equal(tt_read_array(&reader, &fields), 0);
    assert_int_equal(fields, 5);
    for (int i = 0; i < 4; i++)
        assert_int_equal(tt_skip(&reader), 0);
    bool has = tt_read_array(&reader, &count) == 0;
    if (has) {
        assert_int_equal(count, 1);
        assert_int_equal(tt_read_array(&reader, &fields), 0);
        assert_int_equal(tt_read_int(&reader, &engine), 0);
        assert_int_equal(tt_read_int(&reader, share), 0);
        assert_int_equal(engine, 5);
    }
    letter_free(letter);
    return has;
}

TEST(beats_tell_what_engines_use_when_somebody_looks)
{
    int64_t share = -2;
    start_with_engine();
    assert_false(await_load(&share));
    task(1, IDS(5), "spin");
    await_running(1);
    tt_message_t message = tt_message(TT_MSG_BEAT, 0);
    message.as.beat.look = 1;
    say(&message);
    while (!await_load(&share))
        continue;
    assert_int_equal(share, -1);
    while (share <= 0) {
        say(&message);
        assert_true(await_load(&share));
    }
    fake_answer(&fake, TT_MSG_INTERRUPT, 0);
    await_result(1, 5, TT_STATUS_INTERRUPTED);
}

TEST(an_engine_that_was_stopped_is_told_and_so_is_that_it_goes_on)
{
    int64_t pid = start_with_engine();
    char want[64];
    kill((pid_t)pid, SIGSTOP);
    letter_t *letter = fake_await(&fake, TT_MSG_ENGINE);
    assert_int_equal(letter->message.as.engine.state, TT_ENGINE_STOPPED);
    int len =
        snprintf(want, sizeof want, "stopped by SIGSTOP; kill -CONT %d goes on", (int)pid);
    assert_int_equal(letter->message.as.engine.text.len, len);
    assert_memory_equal(letter->message.as.engine.text.data, want, (size_t)len);
    letter_free(letter);
    task(1, IDS(5), "value 1");
    fake_answer(&fake, TT_MSG_WHO, 0); /* a controller that comes later is told the same */
    await_engine(5, TT_ENGINE_STOPPED);
    kill((pid_t)pid, SIGCONT);
    await_engine(5, TT_ENGINE_READY);
    await_result(1, 5, TT_STATUS_OK);
    kill((pid_t)pid, SIGSTOP);
    await_engine(5, TT_ENGINE_STOPPED);
    act(TT_ACTION_RESTART, IDS(5));
    await_engine(5, TT_ENGINE_RESTARTING);
    await_engine(5, TT_ENGINE_READY);
}

TEST(only_what_was_taken_back_is_told_as_returned)
{
    start_with_engine();
    task(1, IDS(5), "spin");
    task(2, IDS(5), "value 2");
    await_running(1);
    tt_message_t message = tt_message(TT_MSG_RECALL, 2);
    message.as.recall.engines = IDS(5);
    say(&message);
    letter_t *letter = fake_await(&fake, TT_MSG_RETURNED);
    assert_int_equal(letter->message.id, 2);
    assert_int_equal(letter->message.as.returned.engines.len, 2);
    assert_memory_equal(letter->message.as.returned.engines.data, "\x91\x05", 2);
    letter_free(letter);
    message.id = 1;
    say(&message);
    letter = fake_await(&fake, TT_MSG_RETURNED);
    assert_int_equal(letter->message.id, 1);
    assert_memory_equal(letter->message.as.returned.engines.data, "\x90", 1);
    letter_free(letter);
}

/* ---- actions */

TEST(an_engine_that_is_killed_for_good_is_gone_and_its_number_can_be_used_again)
{
    start_with_engine();
    act(TT_ACTION_END, IDS(5));
    await_engine(5, TT_ENGINE_GONE);
    spawn(IDS(5), "mock", "");
    await_engine(5, TT_ENGINE_READY);
}

TEST(a_spawn_under_the_number_of_a_failed_engine_replaces_it)
{
    start_host();
    await_hello();
    spawn(IDS(5), "cobol", "");
    await_reason(5, "no language 'cobol'");
    spawn(IDS(5), "mock", "");
    await_engine(5, TT_ENGINE_READY);
    fake_answer(&fake, TT_MSG_WHO, 0);
    letter_t *letter = fake_await(&fake, TT_MSG_HELLO);
    assert_int_equal(letter->message.as.hello.engines.data[0], 0x91); /* one, not two */
    letter_free(letter);
}

TEST(a_restart_gives_the_engine_another_process)
{
    int64_t before = start_with_engine();
    act(TT_ACTION_RESTART, SPAN("\xc0"));
    await_engine(5, TT_ENGINE_RESTARTING);
    assert_int_not_equal(await_engine(5, TT_ENGINE_READY), before);
}

TEST(a_failed_engine_is_tried_again_by_a_restart)
{
    start_host();
    await_hello();
    const char *program = scratch_path("late");
    spawn(IDS(5), "other", program);
    await_reason(5, "No such file");
    assert_int_equal(symlink(build_path("engine/tutti-mock"), program), 0);
    act(TT_ACTION_RESTART, IDS(5));
    await_engine(5, TT_ENGINE_READY);
}

TEST(a_restart_of_an_engine_that_is_starting_does_not_make_it_fail)
{
    start_host();
    await_hello();
    spawn(IDS(5), "mock", "");
    act(TT_ACTION_RESTART, IDS(5));
    letter_t *letter = fake_await(&fake, TT_MSG_ENGINE);
    assert_int_not_equal(letter->message.as.engine.state, TT_ENGINE_FAILED);
    letter_free(letter);
    task(1, IDS(5), "value 1");
    await_result(1, 5, TT_STATUS_OK);
}

/* ---- its end */

TEST(stop_ends_engines_and_host_and_says_so)
{
    int64_t pid = start_with_engine();
    task(1, IDS(5), "value 1");
    await_result(1, 5, TT_STATUS_OK);
    fake_answer(&fake, TT_MSG_STOP, 0);
    letter_free(fake_await(&fake, TT_MSG_BYE));
    assert_int_equal(exit_status(), 0);
    assert_int_equal(kill((pid_t)pid, 0), -1);
    assert_int_equal(errno, ESRCH);
}

TEST(stop_does_not_wait_for_user_code)
{
    start_with_engine();
    task(1, IDS(5), "spin");
    fake_answer(&fake, TT_MSG_STOP, 0);
    letter_free(fake_await(&fake, TT_MSG_BYE));
    assert_int_equal(exit_status(), 0);
}

TEST(a_request_to_end_ends_it_like_stop)
{
    start_with_engine();
    kill(host_pid, SIGTERM);
    letter_free(fake_await(&fake, TT_MSG_BYE));
    assert_int_equal(exit_status(), 0);
}

/* A process whose end is the controller's. */
static void watch_a_child(void)
{
    watched = fork();
    if (watched == 0) {
        alarm(120);
        for (;;)
            pause();
    }
    fake.pid = watched;
}

TEST(a_host_that_loses_its_controller_keeps_its_engines_and_forgets_what_waits)
{
    start_host();
    watch_a_child();
    await_hello();
    spawn(IDS(5), "mock", "");
    int64_t pid = await_engine(5, TT_ENGINE_READY);
    task(1, IDS(5), "spin");
    task(2, IDS(5), "value 2");
    await_running(1);
    fake.pid = 0;
    end_child(&watched);
    letter_t *letter = fake_await(&fake, TT_MSG_HELLO);
    assert_int_equal(letter->message.as.hello.engines.data[0], 0x91);
    letter_free(letter);
    assert_int_equal(await_engine(5, TT_ENGINE_READY), pid);
    fake_answer(&fake, TT_MSG_INTERRUPT, 0);
    task(3, IDS(5), "value 3");
    await_result(3, 5, TT_STATUS_OK); /* and nothing of 1 and 2 */
}

/* A PUT of a file that never comes whole; what the host says of it. */
static unsigned put_file(uint64_t id, const char *name)
{
    static const uint8_t hash[32];
    tt_message_t message = tt_message(TT_MSG_PUT, id);
    message.as.put.directory = tt_span(scratch_path("there"));
    message.as.put.name = tt_span(name);
    message.as.put.size = 5;
    message.as.put.hash = (tt_span_t){hash, sizeof hash};
    say(&message);
    letter_t *letter = fake_await(&fake, TT_MSG_FILED);
    unsigned outcome = (unsigned)letter->message.as.filed.outcome;
    letter_free(letter);
    return outcome;
}

TEST(files_under_way_end_with_the_controller_and_their_numbers_are_free)
{
    start_host();
    watch_a_child();
    await_hello();
    assert_int_equal(put_file(1, "x"), TT_FILE_BEGUN);
    fake.pid = 0;
    end_child(&watched);
    await_hello();
    assert_int_equal(rmdir(scratch_path("there")), 0); /* no part is left in it */
    assert_int_equal(put_file(1, "y"), TT_FILE_BEGUN);
}

TEST(without_a_controller_it_ends_when_its_grace_is_over)
{
    grace_ms = 50;
    start_host();
    watch_a_child();
    await_hello();
    spawn(IDS(5), "mock", "");
    await_engine(5, TT_ENGINE_READY);
    fake.silent = true;
    end_child(&watched);
    assert_int_equal(exit_status(), 0);
}

#define EACH(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    alarm(150);
    setenv("TUTTI_LOG", "error", 1);
    const struct CMUnitTest tests[] = {
        EACH(it_says_who_it_is_before_anything_else),
        EACH(a_host_that_is_refused_ends_with_3),
        EACH(asked_who_it_is_it_tells_its_engines),
        EACH(what_it_does_not_understand_does_not_end_it),
        EACH(a_task_runs_on_each_engine_it_is_for),
        EACH(engines_that_cannot_be_started_fail_and_the_others_live),
        EACH(too_many_engines_for_the_open_files_fail_with_the_numbers),
        EACH(cancel_ends_what_waits_and_what_runs),
        EACH(beats_tell_what_runs_and_an_interrupt_ends_it),
        EACH(beats_tell_what_engines_use_when_somebody_looks),
        EACH(an_engine_that_was_stopped_is_told_and_so_is_that_it_goes_on),
        EACH(only_what_was_taken_back_is_told_as_returned),
        EACH(an_engine_that_is_killed_for_good_is_gone_and_its_number_can_be_used_again),
        EACH(a_spawn_under_the_number_of_a_failed_engine_replaces_it),
        EACH(a_restart_gives_the_engine_another_process),
        EACH(a_failed_engine_is_tried_again_by_a_restart),
        EACH(a_restart_of_an_engine_that_is_starting_does_not_make_it_fail),
        EACH(stop_ends_engines_and_host_and_says_so),
        EACH(stop_does_not_wait_for_user_code),
        EACH(a_request_to_end_ends_it_like_stop),
        EACH(a_host_that_loses_its_controller_keeps_its_engines_and_forgets_what_waits),
        EACH(files_under_way_end_with_the_controller_and_their_numbers_are_free),
        EACH(without_a_controller_it_ends_when_its_grace_is_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
