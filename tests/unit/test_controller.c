/* Unit test of controller/controller: a whole controller in a child process, spoken to over its
 * two sockets by whoever may, may not, or talks nonsense. Work and ends are in
 * test_controller_ends.c. */
#include "whole_controller.h"

/* ---- a controller that does not start */

TEST(a_policy_that_does_not_exist_is_told_to_whoever_started_it)
{
    start_controller("best");
    assert_string_equal(ready, "no policy 'best': there are leastload, roundrobin, random");
    assert_int_equal(controller_end(), 1);
}

TEST(a_directory_that_is_gone_is_told_to_whoever_started_it)
{
    assert_int_equal(rmdir(dir.run_dir), 0);
    start_controller("leastload");
    assert_non_null(strstr(ready, "cannot listen on 'ipc://"));
    assert_int_equal(controller_end(), 1);
}

/* ---- who may speak */

TEST(whoever_has_not_registered_is_asked_who_it_is)
{
    tt_message_t message = tt_message(TT_MSG_STATUS, 5);
    say(&client, &message);
    hear(&client, TT_MSG_WHO);
    assert_int_equal(client.got.id, 5);
    message = tt_message(TT_MSG_RESULT, 6);
    say(&host, &message);
    hear(&host, TT_MSG_WHO);
}

TEST(another_major_version_is_refused_in_words_that_name_both)
{
    tt_message_t message = hello_of(0);
    message.as.hello.major = 9;
    message.as.hello.minor = 3;
    say(&client, &message);
    hear(&client, TT_MSG_REFUSE);
    assert_int_equal(client.got.id, 7);
    assert_int_equal(client.got.as.refuse.major, TT_WIRE_MAJOR);
    check_text(client.got.as.refuse.text,
               "protocol 9.3 (tests) cannot talk to this controller's "
               "1.1 (tutti " TT_VERSION ")");
    message = tt_message(TT_MSG_STATUS, 5);
    say(&client, &message);
    hear(&client, TT_MSG_WHO); /* and it is not registered */
}

TEST(a_peer_on_this_machine_whose_process_cannot_be_watched_is_refused)
{
    tt_message_t message = hello_of(INT32_MAX);
    say(&client, &message);
    hear(&client, TT_MSG_REFUSE);
    message = hello_of(0);
    message.as.hello.boot = tt_span(tt_boot_id());
    say(&host, &message);
    hear(&host, TT_MSG_REFUSE);
    arrive(&second);
    assert_status(second, "\"clients\":1,");
    assert_status(second, "\"hosts\":[]");
}

TEST(a_peer_that_registers_is_told_whom_it_talks_to)
{
    tt_message_t message = hello_of(getpid());
    say(&client, &message);
    hear(&client, TT_MSG_WELCOME);
    const tt_msg_welcome_t *welcome = &client.got.as.welcome;
    assert_int_equal(client.got.id, 7);
    assert_int_equal(welcome->major, TT_WIRE_MAJOR);
    assert_int_equal(welcome->uuid.len, 16);
    assert_true(welcome->epoch > 0);
    assert_int_equal(welcome->pid, controller);
    check_text(welcome->cluster, "test");
    check_text(welcome->boot, tt_boot_id());
    uint64_t epoch = welcome->epoch;
    say(&client, &message); /* twice is once */
    hear(&client, TT_MSG_WELCOME);
    assert_true(client.got.as.welcome.epoch == epoch);
    assert_status(client, "\"clients\":1,");
}

TEST(a_message_of_the_other_role_is_refused)
{
    arrive(&client);
    arrive(&host);
    tt_message_t message = tt_message(TT_MSG_RESULT, 3);
    say(&client, &message);
    hear(&client, TT_MSG_ERROR);
    assert_int_equal(client.got.id, 3);
    check_text(client.got.as.error.text, "RESULT is not for a client to send");
    message = tt_message(TT_MSG_STOP, 4);
    say(&host, &message);
    hear(&host, TT_MSG_ERROR);
    check_text(host.got.as.error.text, "STOP is not for an engine host to send");
    message = tt_message(TT_MSG_WELCOME, 5); /* nobody's to send */
    say(&client, &message);
    hear(&client, TT_MSG_ERROR);
    assert_status(client, "\"refused\":3,");
}

TEST(a_malformed_message_costs_that_message_and_is_answered_with_an_error)
{
    arrive(&client);
    say_bytes(&client, "\xc1", 1);
    hear(&client, TT_MSG_ERROR);
    assert_int_equal(client.got.id, 0);
    say_bytes(&client, "", 0);
    hear(&client, TT_MSG_ERROR);
    say_bytes(&client, "\x93\x14\x21\xa1x", 5); /* SUBMIT 33 whose op is text */
    hear(&client, TT_MSG_ERROR);
    assert_int_equal(client.got.id, 33);
    check_text(client.got.as.error.text,
               "malformed message: SUBMIT: field 'op' is of a wrong kind");
    say_bytes(&client, "\x92\x64\x22", 3); /* message 100, which there is not */
    hear(&client, TT_MSG_ERROR);
    assert_int_equal(client.got.id, 34);
    check_text(client.got.as.error.text, "unknown message 100");
    assert_status(client, "\"malformed\":3,\"unknown\":1,");
}

TEST(an_error_is_never_answered_with_an_error)
{
    arrive(&client);
    tt_message_t message = tt_message(TT_MSG_ERROR, 3);
    message.as.error.text = tt_span("I did not like that");
    say(&client, &message);
    say_bytes(&client, "\x93\x09\x03\xa1x", 5); /* an ERROR that is malformed itself */
    assert_status(client, "\"malformed\":1,");  /* the next thing that came is the report */
}

/* ---- engines */

TEST(a_client_that_comes_is_told_of_every_engine_before_it_is_welcome)
{
    arrive_with(&host, 0, two_ids, 2);
    tt_message_t message = hello_of(0);
    say(&client, &message);
    hear_event(&client, 0, TT_ENGINE_READY);
    check_text(client.got.as.event.host, "here");
    check_text(client.got.as.event.language, "python");
    assert_int_equal(client.got.as.event.pid, 100);
    hear_event(&client, 1, TT_ENGINE_READY);
    hear(&client, TT_MSG_WELCOME);
    message.as.hello.events = 0;
    say(&second, &message);
    hear(&second, TT_MSG_WELCOME); /* it does not want to know */
}

TEST(what_a_host_says_of_its_engines_is_passed_on_and_remembered)
{
    arrive(&client);
    arrive_with(&host, 0, two_ids, 2);
    hear_event(&client, 0, TT_ENGINE_READY);
    hear_event(&client, 1, TT_ENGINE_READY);
    say_engine(&host, 0, TT_ENGINE_RESTARTING, "was killed by SIGSEGV");
    hear_event(&client, 0, TT_ENGINE_RESTARTING);
    check_text(client.got.as.event.text, "was killed by SIGSEGV");
    say_engine(&host, 1, TT_ENGINE_GONE, "was stopped");
    hear_event(&client, 1, TT_ENGINE_GONE);
    assert_status(client, "\"text\":\"was killed by SIGSEGV\"},{");
    const char *status = status_of(&client);
    assert_null(strstr(status, "{\"id\":1,"));
    assert_non_null(strstr(status, "{\"id\":0,\"host\":\"here\",\"pid\":4711,"));
}

TEST(news_of_engines_that_are_not_the_hosts_or_make_no_sense_are_ignored)
{
    arrive(&client);
    arrive_with(&host, 0, two_ids, 2);
    arrive(&other);
    hear_event(&client, 0, TT_ENGINE_READY);
    hear_event(&client, 1, TT_ENGINE_READY);
    say_engine(&other, 0, TT_ENGINE_FAILED, "forged");
    say_engine(&host, 5, TT_ENGINE_READY, "");
    say_engine(&host, -1, TT_ENGINE_READY, "");
    say_engine(&host, 0, 77, "");
    say_engine(&host, (int64_t)1 << 32, TT_ENGINE_FAILED, "not 0");
    say_engine(&host, 1, TT_ENGINE_RESTARTING, "");
    hear_event(&client, 1, TT_ENGINE_RESTARTING);
    tt_message_t beat = tt_message(TT_MSG_BEAT, 0);
    say(&other, &beat);
    hear(&other, TT_MSG_BEAT); /* what it forged has been read */
    assert_status(client, "{\"id\":0,\"host\":\"here\",\"pid\":100,\"language\":\"python\","
                          "\"version\":\"3.11.2\",\"program\":\"/usr/bin/python3\","
                          "\"state\":\"ready\"");
}

TEST(a_beat_comes_back_with_its_time_and_tells_what_runs)
{
    tt_buf_t list;
    arrive_with(&host, 0, two_ids, 2);
    tt_buf_init(&list);
    tt_pack_array(&list, 3);
    for (int i = 0; i < 3; i++) { /* the last is of an engine that is not there */
        tt_pack_array(&list, 4);
        tt_pack_int(&list, i == 2 ? 99 : i);
        tt_pack_uint(&list, 5);
        tt_pack_int(&list, 100);
        tt_pack_uint(&list, 0);
    }
    tt_message_t beat = tt_message(TT_MSG_BEAT, 0);
    beat.as.beat.sent_ns = 123456789;
    beat.as.beat.rss_bytes = 777;
    beat.as.beat.running = span_of(&list);
    say(&host, &beat);
    hear(&host, TT_MSG_BEAT);
    assert_true(host.got.as.beat.sent_ns == 123456789);
    assert_true(host.got.as.beat.look == 0); /* nobody has asked for the status */
    beat.as.beat.running = (tt_span_t){(const uint8_t *)"\x92\x91\x01\x07", 4}; /* nonsense */
    say(&host, &beat);
    hear(&host, TT_MSG_BEAT);
    tt_message_t message = hello_of(0);
    message.as.hello.events = 0;
    say(&client, &message);
    hear(&client, TT_MSG_WELCOME);
    assert_status(client, "\"rss_bytes\":777,\"engines\":2,");
    say(&host, &beat);
    hear(&host, TT_MSG_BEAT);
    assert_true(host.got.as.beat.look == 1);
    tt_buf_release(&list);
}

TEST(interrupts_and_actions_go_to_the_hosts_of_the_engines_and_are_answered)
{
    static const int mine[] = {0, 2}, theirs[] = {1}, all[] = {0, 1, 2}, some[] = {1, 7};
    tt_buf_t list;
    arrive(&client);
    arrive_with(&host, 0, mine, 2);
    arrive_with(&other, 0, theirs, 1);
    hear_events(&client, 3);
    tt_message_t message = tt_message(TT_MSG_INTERRUPT, 11); /* nil: all */
    say(&client, &message);
    hear(&host, TT_MSG_INTERRUPT);
    check_ids(host.got.as.interrupt.engines, mine, 2);
    hear(&other, TT_MSG_INTERRUPT);
    check_ids(other.got.as.interrupt.engines, theirs, 1);
    hear(&client, TT_MSG_DONE);
    assert_int_equal(client.got.id, 11);
    check_ids(client.got.as.done.engines, all, 3);
    tt_buf_init(&list);
    tt_ids_pack(&list, some, 2); /* one of them is not there */
    message = tt_message(TT_MSG_ACTION, 12);
    message.as.action.action = TT_ACTION_END;
    message.as.action.engines = span_of(&list);
    say(&client, &message);
    hear(&other, TT_MSG_ACTION);
    assert_int_equal(other.got.as.action.action, TT_ACTION_END);
    check_ids(other.got.as.action.engines, theirs, 1);
    hear(&client, TT_MSG_EVENT); /* gone at once, for whoever asks */
    assert_int_equal(client.got.as.event.engine, 1);
    assert_int_equal(client.got.as.event.state, TT_ENGINE_GONE);
    hear(&client, TT_MSG_DONE);
    say_engine(&other, 1, TT_ENGINE_READY, ""); /* it is done with its start, but for nobody */
    say_engine(&other, 1, TT_ENGINE_GONE, "was stopped");
    hear(&client, TT_MSG_EVENT);
    assert_int_equal(client.got.as.event.state, TT_ENGINE_GONE);
    tt_buf_release(&list);
}

#define BARE(name) cmocka_unit_test_setup_teardown(name, begin_bare, end)
#define EACH(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        BARE(a_policy_that_does_not_exist_is_told_to_whoever_started_it),
        BARE(a_directory_that_is_gone_is_told_to_whoever_started_it),
        EACH(whoever_has_not_registered_is_asked_who_it_is),
        EACH(another_major_version_is_refused_in_words_that_name_both),
        EACH(a_peer_on_this_machine_whose_process_cannot_be_watched_is_refused),
        EACH(a_peer_that_registers_is_told_whom_it_talks_to),
        EACH(a_message_of_the_other_role_is_refused),
        EACH(a_malformed_message_costs_that_message_and_is_answered_with_an_error),
        EACH(an_error_is_never_answered_with_an_error),
        EACH(a_client_that_comes_is_told_of_every_engine_before_it_is_welcome),
        EACH(what_a_host_says_of_its_engines_is_passed_on_and_remembered),
        EACH(news_of_engines_that_are_not_the_hosts_or_make_no_sense_are_ignored),
        EACH(a_beat_comes_back_with_its_time_and_tells_what_runs),
        EACH(interrupts_and_actions_go_to_the_hosts_of_the_engines_and_are_answered),
    };
    alarm(20);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
