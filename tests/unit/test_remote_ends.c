/* Unit test of controller/remote, with launches.c and peers.c: links that end, who may be a far
 * host and what it may not, and a stop. */
#include "whole_links.h"

#include "runtime.h"

/* ---- a link that ends */

TEST(a_link_that_ends_loses_its_engines_and_is_made_again_with_growing_pauses)
{
    arrive(&client);
    arrive_quiet();
    link_up("web1", &host, 0, 2);
    say_engine(&host, 0, TT_ENGINE_READY, "");
    hear_event(&client, 0, TT_ENGINE_READY);
    int64_t since = tt_now_ms();
    tell("web1", "ended no answer for 15 s\n");
    for (int i = 0; i < 2; i++) {
        hear_event(&client, i, TT_ENGINE_LOST);
        check_text(client.got.as.event.text, "link to 'web1': no answer for 15 s");
    }
    hear_machine("web1", TT_ENGINE_LOST, "no answer for 15 s");
    hear_machine("web1", TT_ENGINE_RESTARTING, "no answer for 15 s");
    assert_status(second,
                  "\"engine\":1,\"host\":\"web1\",\"text\":\"link to 'web1': no answer");
    assert_status(second, "\"hosts\":[],");
    hear_machine("web1", TT_ENGINE_STARTING, "connecting");
    assert_true(tt_now_ms() - since >= 1000);
    assert_true(number_of("web1", 2) != number_of("web1", 1));
    since = tt_now_ms();
    tell("web1", "failed no route\n");
    hear_machine("web1", TT_ENGINE_RESTARTING, "no route");
    hear_machine("web1", TT_ENGINE_STARTING, "connecting");
    assert_true(tt_now_ms() - since >= 2000);
    tt_message_t old = far_hello(number_of("web1", 1));
    hear_refused(&host, &old);
    arrive_far(&host, number_of("web1", 3));
    tell("web1", "up 2\n");
    hear_engines(TT_ENGINE_STARTING, 0, 2);
    hear_machine("web1", TT_ENGINE_READY, "");
    hear_spawn(&host, 0, 2);
    say_engine(&host, 0, TT_ENGINE_READY, "");
    hear_event(&client, 0, TT_ENGINE_READY);
}

TEST(work_on_a_machine_whose_link_ends_may_have_run)
{
    arrive(&client);
    link_up("web1", &host, 0, 1);
    say_engine(&host, 0, TT_ENGINE_READY, "");
    hear_event(&client, 0, TT_ENGINE_READY);
    tt_buf_t header;
    tt_message_t message = tt_message(TT_MSG_SUBMIT, 41);
    message.as.submit.engines = (tt_span_t){(const uint8_t *)"\x91\x00", 2};
    tt_buf_init(&header);
    tt_message_pack(&header, &message);
    zmq_send(client.dealer, header.data, header.len, ZMQ_SNDMORE);
    zmq_send(client.dealer, "\x90", 1, 0);
    tt_buf_release(&header);
    hear(&host, TT_MSG_TASK);
    message = tt_message(TT_MSG_BYE, 0);
    say(&host, &message); /* before all is swept there: the link's end is what counts */
    hear_nothing(&host);
    tell("web1", "ended it was rebooted\n");
    hear_event(&client, 0, TT_ENGINE_LOST);
    hear(&client, TT_MSG_RESULT);
    assert_int_equal(client.got.id, 41);
    assert_int_equal(client.got.as.result.status, TT_STATUS_UNKNOWN);
    check_text(client.got.as.result.cause, "link to 'web1': it was rebooted");
}

/* Drops the link to web1 for the n-th time and asks for its engine at once. Its tutti-ssh takes
 * its time to end, so that the order of events is known. Returns how long it took until the
 * link was being made again. */
static int64_t drop_and_restart(int number)
{
    int64_t since = tt_now_ms();
    tell("web1", "ended the cable is cut\n");
    hear_engines(TT_ENGINE_LOST, 0, 1);
    hear_machine("web1", TT_ENGINE_LOST, "the cable is cut");
    hear_machine("web1", TT_ENGINE_RESTARTING, "the cable is cut");
    act(TT_ACTION_RESTART);
    hear_engines(TT_ENGINE_STARTING, 0, 1);
    hear_machine("web1", TT_ENGINE_RESTARTING, "waiting for its turn");
    hear(&client, TT_MSG_DONE);
    assert_null(start_of("web1", number + 1));
    release_one("web1");
    hear_machine("web1", TT_ENGINE_STARTING, "connecting");
    return tt_now_ms() - since;
}

TEST(a_restart_of_lost_engines_makes_their_link_at_once)
{
    bool at_once = false;
    arrive(&client);
    make_stubborn("web1");
    link_up("web1", &host, 0, 1);
    for (int i = 1; i <= 5 && !at_once; i++) {
        /* The i-th pause has 2^(i-1) s: on a machine that is slow, a longer one is tried. */
        at_once = drop_and_restart(i) < 500 << i;
        arrive_far(&host, number_of("web1", i + 1));
        tell("web1", "up 2\n");
        hear_machine("web1", TT_ENGINE_READY, "");
        hear_spawn(&host, 0, 1);
    }
    assert_true(at_once);
}

/* ---- who may be a far host */

TEST(only_the_host_whose_link_is_being_made_may_register_and_once)
{
    arrive(&client);
    arrive_quiet();
    expect("web1");
    tt_message_t hello = far_hello(1); /* the launch has that number, and the link another */
    hear_refused(&host, &hello);
    request_on("web1", 1, true, "python");
    hear_connecting("web1");
    uint64_t number = number_of("web1", 1);
    hear_refused(&host, &hello);
    hello.as.hello.launch = 0;
    hear_refused(&host, &hello);
    hello.as.hello.launch = number ^ 1;
    hear_refused(&host, &hello);
    assert_status(second, "\"hosts\":[],");
    arrive_far(&host, number);
    hello.as.hello.launch = number;
    hear_refused(&other, &hello);
    tell("web1", "up 2\n");
    hear_engines(TT_ENGINE_STARTING, 0, 1);
    hear_machine("web1", TT_ENGINE_READY, "");
    hear_spawn(&host, 0, 1);
    hear_refused(&other, &hello);
    arrive_far(&host, number); /* twice is once */
    hear_nothing(&host);
    assert_status(second, "\"refused\":6,");
    assert_status(second, "\"hosts\":[{\"host\":\"web1\",\"far\":true,");
}

TEST(the_number_of_a_link_is_worth_nothing_at_the_door_of_this_machine)
{
    arrive(&client);
    expect("web1");
    request_on("web1", 1, true, "python");
    hear_connecting("web1");
    hang_up(&other);
    connect_as(&other, dir.engine_sock);
    tt_message_t hello = hello_of(stand_in);
    hello.as.hello.launch = number_of("web1", 1);
    say(&other, &hello);
    hear(&other, TT_MSG_WELCOME);
    tell("web1", "sending 100000\nup 2\n");
    hear_machine("web1", TT_ENGINE_STARTING, "sending tutti (0.1 MB)");
    hear_nothing(&other);
    arrive_far(&host, number_of("web1", 1));
    hear_engines(TT_ENGINE_STARTING, 0, 1);
    hear_machine("web1", TT_ENGINE_READY, "");
    hear_spawn(&host, 0, 1);
    hear_nothing(&other);
}

TEST(a_far_host_that_sends_what_is_a_clients_is_cut_off_and_not_tried_again)
{
    arrive(&client);
    link_up("web1", &host, 0, 2);
    tt_message_t message = tt_message(TT_MSG_SUBMIT, 5);
    say(&host, &message);
    hear(&host, TT_MSG_ERROR);
    assert_int_equal(host.got.id, 5);
    check_text(host.got.as.error.text, "SUBMIT is not for an engine host to send");
    for (int i = 0; i < 2; i++) {
        hear_event(&client, i, TT_ENGINE_LOST);
        check_text(client.got.as.event.text, "link to 'web1': cut off: SUBMIT is not for an "
                                             "engine host to send");
    }
    hear_machine("web1", TT_ENGINE_FAILED, "cut off: SUBMIT is not for an engine host to send");
    assert_soon(has_ended(pid_of("web1", 1)));
    assert_status(client, "\"hosts\":[],\"links\":[{\"host\":\"web1\",\"address\":\"web1\","
                          "\"state\":\"failed\",");
    say(&host, &message);
    hear(&host, TT_MSG_WHO);
    message = far_hello(number_of("web1", 1));
    hear_refused(&host, &message);
    act(TT_ACTION_RESTART); /* but for a person who wants it */
    hear_engines(TT_ENGINE_STARTING, 0, 2);
    hear_connecting("web1");
    hear(&client, TT_MSG_DONE);
    arrive_far(&host, number_of("web1", 2));
    message = tt_message(TT_MSG_STOP, 6);
    say(&host, &message);
    hear(&host, TT_MSG_ERROR);
    hear_engines(TT_ENGINE_LOST, 0, 2);
    hear_machine("web1", TT_ENGINE_FAILED, "cut off: STOP is not for an engine host to send");
    assert_null(start_of("web1", 3));
}

TEST(what_a_far_host_says_of_where_it_is_and_what_it_has_is_not_believed)
{
    tt_buf_t list;
    arrive(&client);
    process = new_process();
    hang_up(&other);
    connect_as(&other, dir.engine_sock);
    arrive_with(&other, 0, two_ids, 1);
    hear_event(&client, 0, TT_ENGINE_READY);
    expect("web1");
    request_on("web1", 1, true, "python");
    hear_connecting("web1");
    tt_buf_init(&list);
    tt_pack_array(&list, 2);
    for (int id = 0; id < 10; id += 9) { /* one of another's, and one that nobody has */
        tt_pack_array(&list, 6);
        tt_pack_int(&list, id);
        tt_pack_int(&list, 100);
        tt_pack_uint(&list, TT_ENGINE_READY);
        for (int i = 0; i < 3; i++)
            tt_pack_text(&list, "mine");
    }
    tt_message_t hello = hello_of(process);
    hello.as.hello.watch_pid = process;
    hello.as.hello.host = tt_span("here");
    hello.as.hello.launch = number_of("web1", 1);
    hello.as.hello.engines = span_of(&list);
    say(&host, &hello);
    hear(&host, TT_MSG_WELCOME);
    tt_buf_release(&list);
    tell("web1", "up 2\n");
    hear_engines(TT_ENGINE_STARTING, 1, 1);
    check_text(client.got.as.event.host, "web1");
    hear_machine("web1", TT_ENGINE_READY, "");
    hear_spawn(&host, 1, 1);
    assert_status(client, "{\"host\":\"web1\",\"far\":true,");
    assert_status(client, "{\"id\":0,\"host\":\"here\",\"pid\":100,\"language\":\"python\",");
    end_process(&process);
    for (int i = 0; i < 10; i++) {
        hear_nothing(&host); /* nobody watched that process */
        assert_status(client, "\"clients\":1,");
    }
    process = new_process();
}

/* ---- removing */

static void remove_machine(const char *name)
{
    tt_message_t message = tt_message(TT_MSG_REMOVE, 31);
    message.as.remove.text = tt_span(name);
    say(&client, &message);
}

/* DONE, behind the events of its end. */
static void hear_removed(int events)
{
    hear_events(&client, events);
    hear(&client, TT_MSG_DONE);
    assert_int_equal(client.got.id, 31);
}

TEST(a_machine_that_was_not_added_cannot_be_removed)
{
    static const char *const names[] = {"web2", "web", "", "web1\n"};
    arrive(&client);
    link_up("web1", &host, 0, 1);
    for (size_t i = 0; i < 4; i++) {
        char want[128];
        remove_machine(names[i]);
        hear(&client, TT_MSG_ERROR);
        snprintf(want, sizeof want, "no machine '%s' was added; tutti status lists them",
                 names[i]);
        check_text(client.got.as.error.text, want);
    }
    hear_nothing(&host);
}

TEST(a_machine_that_is_removed_is_gone_with_its_engines_and_may_be_added_again)
{
    arrive(&client);
    arrive_quiet();
    make_stubborn("web1");
    link_up("web1", &host, 0, 2);
    remove_machine("web1");
    hear_engines(TT_ENGINE_LOST, 0, 2);
    hear_removed(4);
    assert_status(second, "\"hosts\":[],\"links\":[],\"engines\":[],");
    remove_machine("web1");
    hear(&client, TT_MSG_ERROR);
    assert_soon(access(path_of("web1", "asked"), F_OK) == 0);
    request_on("web1", 1, true, "python"); /* while its tutti-ssh is still there */
    hear_connecting("web1");
    arrive_far(&host, number_of("web1", 2));
    tell("web1", "up 2\n");
    hear_engines(TT_ENGINE_STARTING, 2, 1);
    hear_machine("web1", TT_ENGINE_READY, "");
    hear_spawn(&host, 2, 1);
    release_one("web1");
    assert_soon(has_ended(pid_of("web1", 1)));
    hear_nothing(&host);
    assert_status(second, "\"state\":\"ready\",");
}

TEST(a_machine_that_is_removed_before_its_link_is_up_or_in_its_pause_is_not_tried_again)
{
    arrive(&client);
    arrive_quiet();
    expect("web1");
    request_on("web1", 1, true, "python");
    hear_connecting("web1");
    assert_soon(start_of("web1", 1) != NULL);
    remove_machine("web1");
    hear_removed(2);
    link_up("web2", &host, 0, 1);
    tell("web2", "ended\n");
    hear_engines(TT_ENGINE_LOST, 0, 1);
    hear_machine("web2", TT_ENGINE_LOST, "");
    remove_machine("web2");
    hear_removed(4);
    assert_status(second, "\"links\":[],\"engines\":[],");
    assert_soon(has_ended(pid_of("web1", 1)));
    assert_null(start_of("web1", 2));
}

/* ---- stopping */

TEST(a_stop_ends_links_that_are_being_made_and_waits_for_that)
{
    tt_message_t message = tt_message(TT_MSG_STOP, 21);
    arrive(&client);
    arrive_quiet();
    make_stubborn("web2");
    for (int i = 0; i < 2; i++) {
        const char *name = i ? "web2" : "web1";
        expect(name);
        request_on(name, 1, true, "python");
        hear_connecting(name);
        tell(name, "sending 100000\n"); /* once it tells, it can be ended */
        hear_machine(name, TT_ENGINE_STARTING, "sending tutti (0.1 MB)");
    }
    say(&client, &message);
    assert_soon(has_ended(pid_of("web1", 1)));
    assert_soon(access(path_of("web2", "asked"), F_OK) == 0);
    assert_status(second, "\"links\":[{\"host\":\"web1\",\"address\":\"web1\",\"state\":"
                          "\"starting\",");
    release_one("web2");
    hear(&client, TT_MSG_STOPPED);
    assert_int_equal(controller_end(), 0);
    assert_int_equal(access(dir.far_sock, F_OK), -1);
    assert_null(start_of("web1", 2));
}

TEST(a_stop_that_finds_a_link_in_its_pause_does_not_wait_for_it)
{
    tt_message_t message = tt_message(TT_MSG_STOP, 21);
    arrive(&client);
    link_up("web1", &host, 0, 1);
    tell("web1", "ended\n");
    hear_engines(TT_ENGINE_LOST, 0, 1);
    hear_machine("web1", TT_ENGINE_LOST, "");
    hear_machine("web1", TT_ENGINE_RESTARTING, "");
    arrive_quiet();
    say(&second, &message);
    hear(&second, TT_MSG_STOPPED);
    assert_int_equal(controller_end(), 0);
}

TEST(a_far_host_that_does_not_end_is_left_alone_at_the_limit_of_a_stop_and_its_link_ended)
{
    arrive(&client);
    process = new_process();
    expect("web1");
    request_on("web1", 1, true, "python");
    hear_connecting("web1");
    tt_message_t message = hello_of(process);
    message.as.hello.watch_pid = process;
    message.as.hello.launch = number_of("web1", 1);
    say(&host, &message);
    hear(&host, TT_MSG_WELCOME);
    tell("web1", "up 2\n");
    hear_engines(TT_ENGINE_STARTING, 0, 1);
    hear_machine("web1", TT_ENGINE_READY, "");
    hear_spawn(&host, 0, 1);
    message = tt_message(TT_MSG_STOP, 21);
    say(&client, &message);
    hear(&host, TT_MSG_STOP);
    hear(&client, TT_MSG_STOPPED);
    assert_int_equal(controller_end(), 0);
    assert_soon(has_ended(pid_of("web1", 1)));
    assert_int_equal(waitpid(process, NULL, WNOHANG), 0); /* what it said was its own */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EACH(a_link_that_ends_loses_its_engines_and_is_made_again_with_growing_pauses),
        EACH(work_on_a_machine_whose_link_ends_may_have_run),
        EACH(a_restart_of_lost_engines_makes_their_link_at_once),
        EACH(only_the_host_whose_link_is_being_made_may_register_and_once),
        EACH(the_number_of_a_link_is_worth_nothing_at_the_door_of_this_machine),
        EACH(a_far_host_that_sends_what_is_a_clients_is_cut_off_and_not_tried_again),
        EACH(what_a_far_host_says_of_where_it_is_and_what_it_has_is_not_believed),
        EACH(a_machine_that_was_not_added_cannot_be_removed),
        EACH(a_machine_that_is_removed_is_gone_with_its_engines_and_may_be_added_again),
        EACH(
            a_machine_that_is_removed_before_its_link_is_up_or_in_its_pause_is_not_tried_again),
        EACH(a_stop_ends_links_that_are_being_made_and_waits_for_that),
        EACH(a_stop_that_finds_a_link_in_its_pause_does_not_wait_for_it),
        EACH(
            a_far_host_that_does_not_end_is_left_alone_at_the_limit_of_a_stop_and_its_link_ended),
    };
    alarm(120);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
