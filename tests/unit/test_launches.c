/* Unit test of controller/launches: requests for engines, hosts that start, come back, lie, end
 * early or were killed. The host's program is a shell script that ends as the test tells it. */
#include "hand_controller.h"

#include "identity.h"
#include "pack.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

static far_t client;
static int gate; /* a status written here ends one host's program */

static int begin(void **unused)
{
    (void)unused;
    if (hand_begin() != 0)
        return -1;
    setenv("TUTTI_LIBEXEC_DIR", scratch_dir, 1);
    client = hand_peer(PEER_CLIENT, "client");
    client.peer->events = true;
    if (mkfifo(scratch_path("gate"), 0600) != 0)
        return -1;
    gate = open(scratch_path("gate"), O_RDWR | O_CLOEXEC);
    tt_buf_t script;
    tt_buf_init(&script);
    tt_buf_printf(&script,
                  "#!/bin/sh\necho \"$@\" >> %s/args\necho it says >&2\n"
                  "read status < %s/gate || status=0\nexit $status\n",
                  scratch_dir, scratch_dir);
    scratch_write("tutti-engine", tt_buf_text(&script), 0700);
    tt_buf_release(&script);
    return 0;
}

static int end(void **unused)
{
    (void)unused;
    close(gate);
    launches_kill(hand);
    while (waitpid(-1, NULL, 0) > 0)
        continue;
    return hand_end();
}

static void request(const far_t *from, uint64_t id, uint64_t count, bool total,
                    const char *launcher)
{
    tt_buf_t args, environment;
    tt_buf_init(&args);
    tt_buf_init(&environment);
    tt_pack_array(&args, 1);
    tt_pack_text(&args, "numpy");
    tt_pack_array(&environment, 1);
    tt_pack_text(&environment, "A=b");
    tt_message_t message = tt_message(TT_MSG_LAUNCH, id);
    message.as.launch = (tt_msg_launch_t){.launcher = tt_span(launcher),
                                          .count = count,
                                          .total = total,
                                          .language = tt_span("python"),
                                          .program = tt_span("/opt/py"),
                                          .directory = tt_span("/work"),
                                          .args = span_of(&args),
                                          .environment = span_of(&environment),
                                          .grace_ms = 1500};
    launches_request(hand, from->peer, &message);
    tt_buf_release(&args);
    tt_buf_release(&environment);
}

/* A host registers that was started with this launch; `pid` is its parent's, 0 when it is on
 * another machine. */
static far_t arrive(const char *name, uint64_t launch, int pid, tt_span_t engines)
{
    far_t host = hand_peer(PEER_HOST, name);
    tt_message_t message = tt_message(TT_MSG_HELLO, 0);
    host.peer->watch_pid = pid;
    message.as.hello.launch = launch;
    message.as.hello.engines = engines;
    launches_host(hand, host.peer, &message.as.hello);
    return host;
}

static void end_one_host(const char *status)
{
    assert_int_equal(write(gate, status, strlen(status)), (ssize_t)strlen(status));
}

static unsigned state_of(int id)
{
    const engine_t *engine = registry_find(&hand->registry, id);
    assert_non_null(engine);
    return engine->state;
}

static const char *text_of(int id)
{
    return registry_find(&hand->registry, id)->text;
}

/* What the host's programs were started with; a line for each. */
static const char *arguments(void)
{
    static char text[4096];
    FILE *in = fopen(scratch_path("args"), "re");
    size_t len = in ? fread(text, 1, sizeof text - 1, in) : 0;
    if (in)
        fclose(in);
    text[len] = 0;
    return text;
}

static size_t started(void)
{
    size_t lines = 0;
    for (const char *at = arguments(); (at = strchr(at, '\n')); at++)
        lines++;
    return lines;
}

/* ---- what is refused, or does not start */

TEST(a_number_or_a_launcher_that_makes_no_sense_is_refused)
{
    request(&client, 1, 0, false, "local");
    request(&client, 2, 100001, false, "local");
    request(&client, 3, 1, false, "carrier pigeon");
    assert_heard(client, "ERROR 1: cannot start 0 engines: 1 to 100000; "
                         "ERROR 2: cannot start 100001 engines: 1 to 100000; "
                         "ERROR 3: no launcher 'carrier pigeon': there are local, ssh, like; ");
    assert_int_equal(hand->registry.count, 0);
}

TEST(a_host_that_ends_before_it_registers_fails_its_engines_and_their_work_with_the_reason)
{
    request(&client, 1, 2, false, "local");
    assert_heard(client, "DONE [0,1]; ");
    tt_frames_t payload;
    tt_frames_init(&payload);
    tt_frames_copy(&payload, "\x90", 1);
    tt_message_t work = tt_message(TT_MSG_SUBMIT, 5);
    work.as.submit.flags = TT_SUBMIT_BALANCED;
    dispatch_submit(hand, client.peer, &work, &payload);
    end_one_host("7\n");
    assert_comes(hand->loop, (launches_reap(hand), state_of(1) == TT_ENGINE_FAILED));
    assert_heard(client, "EVENT 0 failed; EVENT 1 failed; "
                         "RESULT 5: -1 cancelled: no engine that could do it is left; ");
    assert_int_equal(state_of(0), TT_ENGINE_FAILED);
    static const char why[] =
        "its host exited with status 7 before it registered; see tutti logs";
    assert_string_equal(text_of(0), why);
    assert_int_equal(hand->reasons.count, 2);
    assert_string_equal(reasons_get(&hand->reasons, 1)->text, why);
}

TEST(a_program_that_is_not_there_is_a_host_that_ends_early)
{
    unlink(scratch_path("tutti-engine"));
    request(&client, 1, 1, false, "local");
    assert_comes(hand->loop, (launches_reap(hand), state_of(0) == TT_ENGINE_FAILED));
    assert_non_null(strstr(text_of(0), "exited with status 127"));
}

TEST(a_status_that_stands_for_a_signal_is_told_as_one)
{
    request(&client, 1, 1, false, "local");
    end_one_host("137\n");
    assert_comes(hand->loop, (launches_reap(hand), state_of(0) == TT_ENGINE_FAILED));
    assert_non_null(strstr(text_of(0), "its host was killed by SIGKILL"));
}

/* ---- what starts */

TEST(a_request_is_answered_with_all_engines_and_starts_one_host)
{
    request(&client, 7, 3, false, "local");
    assert_heard(client, "DONE [0,1,2]; ");
    for (int i = 0; i < 3; i++)
        assert_int_equal(state_of(i), TT_ENGINE_STARTING);
    assert_comes(hand->loop, started() == 1);
    char want[PATH_MAX + 200];
    snprintf(want, sizeof want, "--endpoint ipc://%s --name test --launch 1 --grace 1500ms\n",
             hand_dir.engine_sock);
    assert_string_equal(arguments(), want);
    char log[64] = "";
    FILE *in = NULL;
    assert_comes(hand->loop, (in = fopen(scratch_path("state/test/engine.log"), "re")) &&
                                 (fgets(log, sizeof log, in) || (fclose(in), false)));
    fclose(in);
    assert_string_equal(log, "it says\n");
}

TEST(the_host_that_registers_is_told_what_to_start)
{
    heard_t heard;
    request(&client, 7, 2, false, "local");
    far_t host = arrive("host", 1, 4711, (tt_span_t){NULL, 0});
    assert_true(hear(&host, &heard));
    assert_int_equal(heard.message.type, TT_MSG_SPAWN);
    const tt_msg_spawn_t *spawn = &heard.message.as.spawn;
    tt_buf_t words;
    tt_buf_init(&words);
    say_one(&words, &heard);
    assert_text(&words, "SPAWN [0,1]; ");
    assert_memory_equal(spawn->language.data, "python", 6);
    assert_memory_equal(spawn->program.data, "/opt/py", 7);
    assert_memory_equal(spawn->directory.data, "/work", 5);
    assert_memory_equal(spawn->args.data, "\x91\xa5numpy", 7);
    assert_memory_equal(spawn->environment.data,
                        "\x91\xa3"
                        "A=b",
                        5);
    forget(&heard);
    tt_buf_release(&words);
    assert_ptr_equal(registry_find(&hand->registry, 1)->host, host.peer);
    assert_heard(host, "");
    end_one_host("3\n"); /* its end is not that of a host which never came */
    assert_comes(hand->loop, (launches_reap(hand), launches_ending(hand, 1) == NULL));
    assert_int_equal(state_of(0), TT_ENGINE_STARTING);
}

TEST(more_engines_go_to_the_host_that_is_here)
{
    far_t far_away = arrive("far away", 0, 0, (tt_span_t){NULL, 0});
    far_t host = arrive("host", 0, 4711, (tt_span_t){NULL, 0});
    request(&client, 1, 2, false, "local");
    request(&client, 2, 1, false, "local");
    assert_heard(host, "SPAWN [0,1]; SPAWN [2]; ");
    assert_heard(far_away, "");
    assert_heard(client, "DONE [0,1]; DONE [0,1,2]; ");
    assert_int_equal(started(), 0);
}

TEST(a_host_that_nobody_launched_gets_nothing_to_start)
{
    request(&client, 1, 2, false, "local");
    far_t stranger = arrive("stranger", 99, 4711, (tt_span_t){NULL, 0});
    assert_heard(stranger, "");
}

TEST(a_wished_total_starts_only_what_is_missing)
{
    far_t host = arrive("host", 0, 4711, (tt_span_t){NULL, 0});
    for (int i = 0; i < 3; i++)
        strcpy(hand_engine(&host, (tt_engine_state_t)i)->language,
               "python"); /* to restarting */
    hand_engine(NULL, TT_ENGINE_LOST);
    hand_engine(&host, TT_ENGINE_FAILED);
    request(&client, 1, 4, true, "local");
    assert_heard(host, "SPAWN [5]; ");
    request(&client, 2, 4, true, "local");
    request(&client, 3, 2, true, "local");
    assert_heard(host, "");
    assert_heard(client, "DONE [0,1,2,4,5]; DONE [0,1,2,4,5]; DONE [0,1,2,4,5]; ");
}

TEST(engines_of_another_language_do_not_count_for_a_wished_total)
{
    far_t host = arrive("host", 0, 4711, (tt_span_t){NULL, 0});
    strcpy(hand_engine(&host, TT_ENGINE_READY)->language, "sh");
    request(&client, 1, 1, true, "local");
    assert_heard(host, "SPAWN [1]; ");
    request(&client, 2, 1, true, "local");
    assert_heard(host, "");
}

/* ---- hosts of an earlier controller */

static void pack_engine(tt_buf_t *out, int64_t id, int64_t pid, uint64_t state, size_t more)
{
    tt_pack_array(out, 6 + more);
    tt_pack_int(out, id);
    tt_pack_int(out, pid);
    tt_pack_uint(out, state);
    tt_pack_text(out, "python");
    tt_pack_text(out, "3.11.2");
    tt_pack_text(out, "/usr/bin/python3");
    for (size_t i = 0; i < more; i++)
        tt_pack_map(out, 0);
}

TEST(engines_of_an_earlier_controller_keep_their_numbers)
{
    tt_buf_t list;
    tt_buf_init(&list);
    tt_pack_array(&list, 2);
    pack_engine(&list, 7, 100, TT_ENGINE_READY, 0);
    pack_engine(&list, 3, 101, TT_ENGINE_RESTARTING, 0);
    far_t host = arrive("host", 0, 4711, span_of(&list));
    assert_heard(client, "EVENT 7 ready; EVENT 3 restarting; ");
    const engine_t *engine = registry_find(&hand->registry, 7);
    assert_ptr_equal(engine->host, host.peer);
    assert_int_equal(engine->pid, 100);
    assert_string_equal(engine->host_name, "host");
    assert_string_equal(engine->language, "python");
    assert_string_equal(engine->version, "3.11.2");
    assert_string_equal(engine->program, "/usr/bin/python3");
    assert_int_equal(registry_add(&hand->registry, -1)->id, 8);
    tt_buf_release(&list);
}

TEST(an_engine_of_another_host_cannot_be_claimed)
{
    tt_buf_t list;
    far_t owner = arrive("owner", 0, 4711, (tt_span_t){NULL, 0});
    engine_t *engine = hand_engine(&owner, TT_ENGINE_READY);
    tt_buf_init(&list);
    tt_pack_array(&list, 2);
    pack_engine(&list, 0, 666, TT_ENGINE_FAILED, 0);
    pack_engine(&list, 1, 100, TT_ENGINE_READY, 0);
    far_t thief = arrive("thief", 0, 4712, span_of(&list));
    assert_ptr_equal(engine->host, owner.peer);
    assert_int_equal(engine->state, TT_ENGINE_READY);
    assert_ptr_equal(registry_find(&hand->registry, 1)->host, thief.peer); /* its own it has */
    tt_buf_release(&list);
}

TEST(what_a_newer_host_tells_further_of_its_engines_is_ignored)
{
    tt_buf_t list;
    far_t owner = arrive("owner", 0, 4711, (tt_span_t){NULL, 0});
    hand_engine(&owner, TT_ENGINE_READY);
    tt_buf_init(&list);
    tt_pack_array(&list, 3);
    pack_engine(&list, 4, 100, TT_ENGINE_READY, 2);
    pack_engine(&list, 0, 100, TT_ENGINE_READY, 1); /* another's */
    pack_engine(&list, 5, 100, TT_ENGINE_READY, 0);
    arrive("host", 0, 4712, span_of(&list));
    assert_int_equal(state_of(4), TT_ENGINE_READY);
    assert_int_equal(state_of(5), TT_ENGINE_READY);
    assert_int_equal(hand->registry.count, 3);
    tt_buf_release(&list);
}

TEST(a_list_of_engines_that_is_none_adopts_what_made_sense)
{
    static const struct {
        const char *bytes;
        size_t len, adopted;
    } lists[] = {
        {"\x07", 1, 0},
        {"\x91\x07", 2, 0},
        {"\x91\x93\x01\x02\x01", 5, 0},                             /* too few fields */
        {"\x91\x96\xff\x02\x01\xa0\xa0\xa0", 8, 0},                 /* a negative number */
        {"\x91\x96\xce\x7f\xff\xff\xff\x02\x01\xa0\xa0\xa0", 12, 0} /* an absurd one */
    };
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        far_t host =
            arrive("host", 0, 4711, (tt_span_t){(const uint8_t *)lists[i].bytes, lists[i].len});
        assert_int_equal(hand->registry.count, lists[i].adopted);
        hand_lose(&host);
    }
}

TEST(a_wished_total_waits_for_the_hosts_of_an_earlier_controller_and_counts_their_engines)
{
    tt_buf_t list;
    hand->expected_hosts = 1;
    request(&client, 1, 3, true, "local");
    request(&client, 2, 3, true, "local"); /* asks for the same three */
    request(&client, 3, 1, false, "local");
    assert_heard(client, "DONE [0]; "); /* whoever wants more does not wait */
    tt_buf_init(&list);
    tt_pack_array(&list, 1);
    pack_engine(&list, 4, 100, TT_ENGINE_READY, 0);
    far_t host = arrive("host", 0, 4711, span_of(&list));
    assert_int_equal(hand->expected_hosts, 0);
    assert_int_equal(hand->registry.count, 3);
    const char *heard = all_heard(&client);
    assert_non_null(strstr(heard, "EVENT 4 ready; DONE [0,4,5]; DONE [0,4,5]; "));
    assert_heard(host, "SPAWN [5]; ");
    tt_buf_release(&list);
}

TEST(a_client_that_goes_while_it_waits_for_hosts_wants_nothing_any_more)
{
    hand->expected_hosts = 1;
    request(&client, 1, 3, true, "local");
    hand_lose(&client);
    far_t host = arrive("host", 0, 4711, (tt_span_t){NULL, 0});
    assert_int_equal(hand->registry.count, 0);
    assert_heard(host, "");
}

TEST(hosts_are_noted_for_a_later_controller_while_they_are_here)
{
    char text[64] = "";
    arrive("far away", 0, 0, (tt_span_t){NULL, 0});
    far_t host = arrive("host", 0, 4711, (tt_span_t){NULL, 0});
    FILE *in = fopen(scratch_path("run/test/hosts"), "re");
    assert_non_null(in);
    assert_non_null(fgets(text, sizeof text, in));
    assert_string_equal(text, "4711\n");
    assert_null(fgets(text, sizeof text, in));
    fclose(in);
    launches_expect(hand); /* no host of ours has that number */
    assert_int_equal(hand->expected_hosts, 0);
    hand_lose(&host);
    in = fopen(scratch_path("run/test/hosts"), "re");
    assert_null(fgets(text, sizeof text, in));
    fclose(in);
}

/* ---- again */

TEST(lost_and_failed_engines_are_started_again_with_what_they_were_launched_with)
{
    request(&client, 1, 3, false, "local");
    end_one_host("1\n");
    assert_comes(hand->loop, (launches_reap(hand), state_of(2) == TT_ENGINE_FAILED));
    all_heard(&client);
    assert_int_equal(launches_again(hand, (int[]){0, 2, 77}, 3), 2);
    assert_heard(client, "EVENT 0 starting; EVENT 2 starting; ");
    assert_comes(hand->loop, started() == 2);
    assert_int_equal(state_of(1), TT_ENGINE_FAILED);
    far_t host = arrive("host", 1, 4711, (tt_span_t){NULL, 0});
    assert_heard(host, "SPAWN [0,2]; ");
    assert_int_equal(launches_again(hand, (int[]){1}, 1), 1);
    assert_heard(host, "SPAWN [1]; "); /* the host is here now */
}

TEST(engines_that_have_a_host_are_not_started_again_here)
{
    far_t host = arrive("host", 0, 4711, (tt_span_t){NULL, 0});
    hand_engine(&host, TT_ENGINE_READY);
    hand_engine(&host, TT_ENGINE_FAILED); /* its host does that */
    assert_int_equal(launches_again(hand, (int[]){0, 1}, 2), 0);
    assert_heard(host, "");
}

TEST(lost_engines_that_came_from_an_earlier_controller_are_started_again_by_one_host)
{
    heard_t heard;
    for (int i = 0; i < 3; i++) {
        engine_t *engine = hand_engine(NULL, TT_ENGINE_LOST);
        snprintf(engine->language, sizeof engine->language, "python");
        snprintf(engine->program, sizeof engine->program, "/opt/py");
    }
    assert_int_equal(launches_again(hand, (int[]){0, 1, 2}, 3), 3);
    assert_comes(hand->loop, started() >= 1);
    far_t host = arrive("host", 1, 4711, (tt_span_t){NULL, 0});
    assert_true(hear(&host, &heard));
    tt_buf_t words;
    tt_buf_init(&words);
    say_one(&words, &heard);
    assert_text(&words, "SPAWN [0,1,2]; ");
    assert_memory_equal(heard.message.as.spawn.language.data, "python", 6);
    assert_memory_equal(heard.message.as.spawn.program.data, "/opt/py", 7);
    forget(&heard);
    tt_buf_release(&words);
    assert_int_equal(started(), 1);
}

/* ---- ends */

static int watched_pid; /* of the only host's program */

static void start_and_register(far_t *host)
{
    request(&client, 1, 1, false, "local");
    assert_comes(hand->loop, started() == 1);
    char path[64];
    snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
    FILE *in = fopen(path, "re");
    assert_int_equal(fscanf(in, "%d", &watched_pid), 1);
    fclose(in);
    *host = arrive("host", 1, watched_pid, (tt_span_t){NULL, 0});
}

TEST(how_a_host_ended_is_known_when_its_end_is_seen_before_it_is_reaped)
{
    far_t host;
    start_and_register(&host);
    assert_null(launches_ending(hand, watched_pid));
    assert_null(launches_ending(hand, 0));
    end_one_host("139\n");
    const char *ending = NULL;
    assert_comes(hand->loop, (ending = launches_ending(hand, watched_pid)) != NULL);
    assert_string_equal(ending, "was killed by SIGSEGV");
}

TEST(how_a_host_ended_is_known_when_it_was_reaped_before_its_end_is_seen)
{
    far_t host;
    start_and_register(&host);
    kill(watched_pid, SIGKILL);
    assert_comes(hand->loop, (launches_reap(hand), kill(watched_pid, 0) != 0));
    assert_non_null(launches_ending(hand, watched_pid));
    assert_string_equal(launches_ending(hand, watched_pid), "was killed by SIGKILL");
    all_heard(&client);
    hand_lose(&host);
    assert_heard(client, "EVENT 0 lost; ");
    char want[600];
    snprintf(want, sizeof want, "engine host 'host' (pid 0) was killed by SIGKILL");
    assert_string_equal(text_of(0), want);
}

TEST(hosts_that_do_not_end_by_themselves_are_terminated)
{
    request(&client, 1, 1, false, "local");
    assert_comes(hand->loop, started() == 1);
    launches_kill(hand);
    assert_comes(hand->loop, (launches_reap(hand), state_of(0) == TT_ENGINE_FAILED));
    assert_non_null(strstr(text_of(0), "was killed by SIGTERM"));
}

#define EACH(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        EACH(a_number_or_a_launcher_that_makes_no_sense_is_refused),
        EACH(
            a_host_that_ends_before_it_registers_fails_its_engines_and_their_work_with_the_reason),
        EACH(a_program_that_is_not_there_is_a_host_that_ends_early),
        EACH(a_status_that_stands_for_a_signal_is_told_as_one),
        EACH(a_request_is_answered_with_all_engines_and_starts_one_host),
        EACH(the_host_that_registers_is_told_what_to_start),
        EACH(more_engines_go_to_the_host_that_is_here),
        EACH(a_host_that_nobody_launched_gets_nothing_to_start),
        EACH(a_wished_total_starts_only_what_is_missing),
        EACH(engines_of_another_language_do_not_count_for_a_wished_total),
        EACH(engines_of_an_earlier_controller_keep_their_numbers),
        EACH(an_engine_of_another_host_cannot_be_claimed),
        EACH(what_a_newer_host_tells_further_of_its_engines_is_ignored),
        EACH(a_list_of_engines_that_is_none_adopts_what_made_sense),
        EACH(
            a_wished_total_waits_for_the_hosts_of_an_earlier_controller_and_counts_their_engines),
        EACH(a_client_that_goes_while_it_waits_for_hosts_wants_nothing_any_more),
        EACH(hosts_are_noted_for_a_later_controller_while_they_are_here),
        EACH(lost_and_failed_engines_are_started_again_with_what_they_were_launched_with),
        EACH(engines_that_have_a_host_are_not_started_again_here),
        EACH(lost_engines_that_came_from_an_earlier_controller_are_started_again_by_one_host),
        EACH(how_a_host_ended_is_known_when_its_end_is_seen_before_it_is_reaped),
        EACH(how_a_host_ended_is_known_when_it_was_reaped_before_its_end_is_seen),
        EACH(hosts_that_do_not_end_by_themselves_are_terminated),
    };
    alarm(20);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
