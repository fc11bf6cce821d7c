/* Unit test of controller/remote, with launches.c and peers.c: what is said of machines over
 * ssh, links that are made and links that cannot be. Their ends are in test_remote_ends.c. */
#include "whole_links.h"

/* ---- settings */

static void hear_error(const char *text)
{
    hear(&client, TT_MSG_ERROR);
    check_text(client.got.as.error.text, text);
}

TEST(settings_that_are_no_map_are_refused)
{
    static const char *const none[] = {"\xc0", "\x05", "\x90", "\xa1x"};
    arrive(&client);
    for (size_t i = 0; i < 4; i++) {
        request_as(3, 1, true, "python", tt_span(none[i]));
        hear_error("the launcher ssh needs settings");
    }
    assert_status(client, "\"links\":[],\"engines\":[],\"why\":[]}");
}

TEST(settings_without_a_label_and_a_host_that_make_sense_are_refused)
{
    static char longest[257];
    static const struct {
        const char *label, *host;
        size_t label_len, host_len;
    } rows[] = {{NULL, NULL, 0, 0},        {"web1", NULL, 4, 0},    {NULL, "web1", 0, 4},
                {"", "web1", 0, 4},        {"web1", "", 4, 0},      {"we\0b1", "web1", 5, 4},
                {longest, "web1", 256, 4}, {"web1", "we\0b1", 4, 5}};
    memset(longest, 'x', 256);
    arrive(&client);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (rows[i].label)
            put_str("label", rows[i].label, rows[i].label_len);
        if (rows[i].host)
            put_str("host", rows[i].host, rows[i].host_len);
        request(3, 1);
        hear_error("the launcher ssh needs the name of a host");
    }
    tt_pack_text(&settings, "host");
    tt_pack_int(&settings, 5);
    pairs++;
    put("label", "web1");
    request(3, 1);
    hear_error("the launcher ssh needs the name of a host");
    put("label", "web1");
    put("host", "web1");
    request(4, 100001);
    hear_error("cannot start 100001 engines: 1 to 100000");
    assert_status(client, "\"links\":[],");
}

TEST(keys_that_are_not_known_are_passed_over_and_the_first_of_two_counts)
{
    arrive(&client);
    expect("web1");
    tt_pack_int(&settings, 7);
    tt_pack_nil(&settings);
    tt_pack_array(&settings, 1);
    tt_pack_int(&settings, 1);
    tt_pack_map(&settings, 0);
    pairs = 2;
    put("colour", "red");
    put("a key that is longer than any that there is", "long");
    tt_pack_str(&settings, "host\0", 5);
    tt_pack_text(&settings, "none");
    pairs++;
    put("label", "first");
    put("host", "web1");
    put("label", "last");
    put_str("port", "2\0002", 3);
    request(3, 1);
    hear(&client, TT_MSG_DONE);
    assert_int_equal(client.got.id, 3);
    hear_connecting("first");
    assert_soon(start_of("web1", 1) != NULL);
    assert_null(strstr(start_of("web1", 1), "--port"));
}

TEST(a_label_may_have_255_bytes)
{
    char longest[256] = "";
    memset(longest, 'x', 255);
    arrive(&client);
    expect("web1");
    put("label", longest);
    put("host", "web1");
    request(3, 1);
    hear(&client, TT_MSG_DONE);
    hear_connecting(longest);
    arrive_far(&host, number_of("web1", 1));
    tell("web1", "up 2\n");
    hear_event(&client, 0, TT_ENGINE_STARTING);
    check_text(client.got.as.event.host, longest);
}

TEST(what_the_settings_say_reaches_tutti_ssh)
{
    static const char setup[] = "echo '\0'\n";
    char want[2048], found[sizeof setup + 8];
    arrive(&client);
    expect("me@web1");
    put("label", "web1");
    put("host", "me@web1");
    put("port", "2222");
    put("identity", "/a key");
    put("jump", "gate");
    put("ssh", "ssh -v");
    put("setup_name", "prepare.sh");
    tt_pack_text(&settings, "setup");
    tt_pack_bin(&settings, setup, sizeof setup);
    tt_pack_text(&settings, "environment");
    tt_pack_array(&settings, 22);
    tt_pack_str(&settings, "A0=\0", 4); /* is none */
    tt_pack_nil(&settings);             /* nor is this */
    pairs += 2;
    for (int i = 0; i < 20; i++) {
        snprintf(want, sizeof want, "A%d=value%d", i, i);
        tt_pack_text(&settings, want);
    }
    request(3, 1);
    hear(&client, TT_MSG_DONE);
    hear_connecting("web1");
    uint64_t number = number_of("me@web1", 1);
    assert_true(number > 100000);
    snprintf(want, sizeof want,
             "|--ssh|ssh -v|--port|2222|--identity|/a key|--jump|gate|--to|%s|--status-fd|3|"
             "--setup-fd|4|--setup-name|prepare.sh|--|me@web1|libexec/tutti/tutti-engine|"
             "--stdio|--name|test|--launch|%llu|/|value0value15\n",
             dir.far_sock, (unsigned long long)number);
    const char *start = start_of("me@web1", 1);
    assert_string_equal(strchr(start, '|'), want); /* of variables 16 are taken */
    FILE *in = fopen(scratch_path("me@web1.setup"), "re");
    assert_non_null(in);
    assert_int_equal(fread(found, 1, sizeof found, in), sizeof setup);
    fclose(in);
    assert_memory_equal(found, setup, sizeof setup);
    tell("me@web1", "script prepare.sh\nsetup 1500\n");
    hear_machine("web1", TT_ENGINE_STARTING, "running prepare.sh");
    hear_machine("web1", TT_ENGINE_STARTING, "prepare.sh ok in 1.5 s");
}

/* ---- a link is made */

TEST(the_steps_are_told_in_their_order_and_the_machine_is_ready_behind_its_engines)
{
    arrive(&client);
    expect("web1");
    request_on("web1", 2, true, "python");
    hear_connecting("web1");
    tell("web1", "sending 4200000\n");
    hear_machine("web1", TT_ENGINE_STARTING, "sending tutti (4.2 MB)");
    tell("web1", "seen nothing like it\n\nsetup 15");
    tell("web1", "00\nsett");
    hear_machine("web1", TT_ENGINE_STARTING, "set-up ok in 1.5 s");
    assert_status(client, "\"links\":[{\"host\":\"web1\",\"address\":\"web1\",\"state\":"
                          "\"starting\",");
    tell("web1", "led\nup 2\n");
    arrive_far(&host, number_of("web1", 1));
    hear_event(&client, 0, TT_ENGINE_STARTING);
    check_text(client.got.as.event.host, "web1");
    check_text(client.got.as.event.language, "python");
    hear_engines(TT_ENGINE_STARTING, 1, 1);
    hear_machine("web1", TT_ENGINE_READY, "");
    hear_spawn(&host, 0, 2);
    check_text(host.got.as.spawn.language, "python");
    check_text(host.got.as.spawn.program, "/opt/py");
    say_engine(&host, 1, TT_ENGINE_READY, "");
    hear_event(&client, 1, TT_ENGINE_READY);
    check_text(client.got.as.event.host, "web1");
    assert_status(client, "\"hosts\":[{\"host\":\"web1\",\"far\":true,");
    assert_status(client, "\"state\":\"ready\",\"since_s\":");
}

TEST(a_host_that_says_hello_before_its_link_is_up_waits_for_that)
{
    arrive(&client);
    expect("web1");
    request_on("web1", 2, true, "python");
    hear_connecting("web1");
    arrive_far(&host, number_of("web1", 1));
    hear_nothing(&host);
    assert_status(client, "\"state\":\"starting\",");
    assert_status(client, "\"engines\":[],");
    tell("web1", "up 2\n");
    hear_engines(TT_ENGINE_STARTING, 0, 2);
    hear_machine("web1", TT_ENGINE_READY, "");
    hear_spawn(&host, 0, 2);
    tell("web1", "up 7\nended enough\n"); /* its engines are under way already */
    hear_engines(TT_ENGINE_LOST, 0, 2);
    hear_machine("web1", TT_ENGINE_LOST, "enough");
}

TEST(without_a_number_there_is_an_engine_for_each_core_that_is_told)
{
    arrive(&client);
    expect("web1");
    expect("web2");
    request_on("web1", 0, true, "python");
    hear_connecting("web1");
    request_on("web2", 0, true, "python");
    hear_connecting("web2");
    tell("web1", "up 3 whatever a later one tells\n");
    arrive_far(&host, number_of("web1", 1));
    hear_engines(TT_ENGINE_STARTING, 0, 3);
    hear_machine("web1", TT_ENGINE_READY, "");
    hear_spawn(&host, 0, 3);
    tell("web2", "up -5\n");
    arrive_far(&other, number_of("web2", 1));
    hear_engines(TT_ENGINE_STARTING, 3, 1);
    hear_machine("web2", TT_ENGINE_READY, "");
}

TEST(numbers_are_in_the_order_of_requests_whichever_machine_is_first)
{
    arrive(&client);
    expect("web1");
    expect("web2");
    request_on("web1", 2, true, "python");
    hear_connecting("web1");
    request_on("web2", 3, true, "python");
    hear_connecting("web2");
    arrive_far(&other, number_of("web2", 1));
    tell("web2", "up 8\n");
    hear_engines(TT_ENGINE_STARTING, 2, 3);
    hear_machine("web2", TT_ENGINE_READY, "");
    hear_spawn(&other, 2, 3);
    arrive_far(&host, number_of("web1", 1));
    tell("web1", "up 8\n");
    hear_engines(TT_ENGINE_STARTING, 0, 2);
    hear_machine("web1", TT_ENGINE_READY, "");
    hear_spawn(&host, 0, 2);
    request_on("web1", 1, false, "python");
    hear_engines(TT_ENGINE_STARTING, 5, 1);
}

TEST(a_further_request_adds_what_its_language_is_short_of_there)
{
    arrive(&client);
    link_up("web1", &host, 0, 2);
    link_up("web2", &other, 2, 3);
    request_on("web1", 2, true, "python");
    hear_machine("web1", TT_ENGINE_READY, ""); /* nothing was missing */
    request_on("web1", 3, true, "python");
    hear_engines(TT_ENGINE_STARTING, 5, 1);
    hear_machine("web1", TT_ENGINE_READY, "");
    hear_spawn(&host, 5, 1);
    request_on("web1", 2, true, "sh");
    hear_engines(TT_ENGINE_STARTING, 6, 2);
    hear_machine("web1", TT_ENGINE_READY, "");
    hear_spawn(&host, 6, 2);
    check_text(host.got.as.spawn.language, "sh");
    request_on("web1", 0, true, "sh"); /* two cores, two shells */
    hear_machine("web1", TT_ENGINE_READY, "");
    hear_nothing(&host);
    hear_nothing(&other);
}

TEST(engines_that_failed_to_start_there_are_replaced_by_a_further_request)
{
    arrive(&client);
    link_up("web1", &host, 0, 2);
    say_engine(&host, 0, TT_ENGINE_READY, "");
    hear_event(&client, 0, TT_ENGINE_READY);
    say_engine(&host, 1, TT_ENGINE_FAILED, "no such python");
    hear_event(&client, 1, TT_ENGINE_FAILED);
    request_on("web1", 1, true, "sh"); /* which is no better */
    hear_engines(TT_ENGINE_STARTING, 2, 1);
    hear_machine("web1", TT_ENGINE_READY, "");
    request_on("web1", 2, true, "python");
    hear_engines(TT_ENGINE_GONE, 1, 1);
    hear_engines(TT_ENGINE_STARTING, 3, 1);
    hear_machine("web1", TT_ENGINE_READY, "");
    hear_spawn(&host, 2, 1);
    hear_spawn(&host, 3, 1);
}

TEST(requests_that_wait_for_one_link_are_carried_out_in_their_order)
{
    arrive(&client);
    expect("web1");
    request_on("web1", 2, true, "python");
    hear_connecting("web1");
    request_on("web1", 3, true, "python");
    request_on("web1", 1, true, "sh");
    tell("web1", "up 2\n");
    arrive_far(&host, number_of("web1", 1));
    hear_engines(TT_ENGINE_STARTING, 0, 3);
    hear_engines(TT_ENGINE_STARTING, 5, 1); /* 3 and 4 were set aside for nothing */
    check_text(client.got.as.event.language, "sh");
    hear_machine("web1", TT_ENGINE_READY, "");
    hear_spawn(&host, 5, 1);
    hear_spawn(&host, 2, 1);
    hear_spawn(&host, 0, 2);
}

TEST(engines_of_this_machine_never_go_to_a_far_host)
{
    arrive(&client);
    link_up("web1", &host, 0, 2);
    tt_message_t message = tt_message(TT_MSG_LAUNCH, 51);
    message.as.launch.launcher = tt_span("local");
    message.as.launch.language = tt_span("python");
    message.as.launch.count = 2;
    message.as.launch.total = 1;
    say(&client, &message);
    hear(&client, TT_MSG_DONE);
    check_ids(client.got.as.done.engines, (int[]){0, 1, 2, 3}, 4);
    hear_engines(TT_ENGINE_FAILED, 2, 2); /* the program of a host here is not there */
    hear_nothing(&host);
}

TEST(at_most_eight_links_are_being_made_at_once)
{
    char name[16];
    arrive(&client);
    for (int i = 0; i < 10; i++) {
        snprintf(name, sizeof name, "web%d", i);
        expect(name);
        request_on(name, 1, true, "python");
        hear_machine(name, TT_ENGINE_RESTARTING, "waiting for its turn");
        if (i < 8)
            hear_machine(name, TT_ENGINE_STARTING, "connecting");
    }
    assert_soon(start_of("web7", 1) != NULL);
    assert_null(start_of("web8", 1));
    tell("web3", "failed no such host\n");
    hear_machine("web3", TT_ENGINE_FAILED, "no such host");
    hear_machine("web8", TT_ENGINE_STARTING, "connecting");
    tell("web5", "up 2\n"); /* it is being made until its host is here */
    arrive_far(&host, number_of("web5", 1));
    hear_engines(TT_ENGINE_STARTING, 5, 1);
    hear_machine("web5", TT_ENGINE_READY, "");
    hear_machine("web9", TT_ENGINE_STARTING, "connecting");
}

/* ---- a link that cannot be made */

TEST(a_first_link_that_fails_leaves_no_engines_but_the_reason)
{
    arrive(&client);
    expect("web1");
    for (int i = 1; i <= 2; i++) {
        request_on("web1", 2, true, "python");
        hear_connecting("web1");
        assert_soon(start_of("web1", i) != NULL);
        tell("web1", i == 1 ? "failed permission denied\n" : "ended too early\n");
        hear_machine("web1", TT_ENGINE_FAILED, i == 1 ? "permission denied" : "too early");
        assert_soon(has_ended(pid_of("web1", i)));
    }
    assert_status(client, "\"hosts\":[],\"links\":[{\"host\":\"web1\",\"address\":\"web1\","
                          "\"state\":\"failed\",");
    assert_status(client, "\"text\":\"too early\"}],\"engines\":[],\"why\":[{\"when\":");
    assert_status(client, "\"engine\":null,\"host\":\"web1\",\"text\":\"permission denied\"}");
    expect("web2");
    put("label", "web1");
    put("host", "web2"); /* what is said of it now holds, and nothing of before */
    request(3, 1);
    hear(&client, TT_MSG_DONE);
    hear_connecting("web1");
    arrive_far(&host, number_of("web2", 1));
    tell("web2", "up 2\n");
    hear_engines(TT_ENGINE_STARTING, 0, 1); /* nobody has seen the numbers of the others */
    hear_machine("web1", TT_ENGINE_READY, "");
    assert_null(start_of("web1", 3));
}

TEST(a_host_whose_link_is_not_up_in_the_end_is_gone_with_it)
{
    arrive(&client);
    expect("web1");
    request_on("web1", 2, true, "python");
    hear_connecting("web1");
    arrive_far(&host, number_of("web1", 1));
    tell("web1", "failed cannot connect\n");
    hear_machine("web1", TT_ENGINE_FAILED, "cannot connect");
    tt_message_t beat = tt_message(TT_MSG_BEAT, 0);
    say(&host, &beat);
    hear(&host, TT_MSG_WHO);
    assert_status(client, "\"hosts\":[],");
}

TEST(a_tutti_ssh_that_ends_without_a_word_has_failed)
{
    static const char why[] = "tutti-ssh ended without a word; see tutti logs";
    arrive(&client);
    expect("web1");
    request_on("web1", 1, true, "python");
    hear_connecting("web1");
    tell("web1", "up 2\n");
    kill(pid_of("web1", 1), SIGKILL);
    hear_machine("web1", TT_ENGINE_FAILED, why);
    expect("web2");
    request_on("web2", 1, true, "python");
    hear_connecting("web2");
    tell("web2", "sending 100000\nfail"); /* half a word */
    hear_machine("web2", TT_ENGINE_STARTING, "sending tutti (0.1 MB)");
    end_words("web2");
    hear_machine("web2", TT_ENGINE_FAILED, why);
    unlink(scratch_path("tutti-ssh"));
    request_on("web3", 1, true, "python");
    hear_connecting("web3");
    hear_machine("web3", TT_ENGINE_FAILED, why);
}

TEST(the_last_words_of_a_tutti_ssh_count_though_it_has_ended)
{
    arrive(&client);
    expect("web1");
    request_on("web1", 1, true, "python");
    hear_connecting("web1");
    tell("web1", "sending 100000\n");
    hear_machine("web1", TT_ENGINE_STARTING, "sending tutti (0.1 MB)");
    tell("web1", "failed no room there\nended never heard\n");
    end_words("web1");
    hear_machine("web1", TT_ENGINE_FAILED, "no room there");
    assert_status(client, "\"text\":\"no room there\"}],\"engines\":[],");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EACH(settings_that_are_no_map_are_refused),
        EACH(settings_without_a_label_and_a_host_that_make_sense_are_refused),
        EACH(keys_that_are_not_known_are_passed_over_and_the_first_of_two_counts),
        EACH(a_label_may_have_255_bytes),
        EACH(what_the_settings_say_reaches_tutti_ssh),
        EACH(the_steps_are_told_in_their_order_and_the_machine_is_ready_behind_its_engines),
        EACH(a_host_that_says_hello_before_its_link_is_up_waits_for_that),
        EACH(without_a_number_there_is_an_engine_for_each_core_that_is_told),
        EACH(numbers_are_in_the_order_of_requests_whichever_machine_is_first),
        EACH(a_further_request_adds_what_its_language_is_short_of_there),
        EACH(engines_that_failed_to_start_there_are_replaced_by_a_further_request),
        EACH(requests_that_wait_for_one_link_are_carried_out_in_their_order),
        EACH(engines_of_this_machine_never_go_to_a_far_host),
        EACH(at_most_eight_links_are_being_made_at_once),
        EACH(a_first_link_that_fails_leaves_no_engines_but_the_reason),
        EACH(a_host_whose_link_is_not_up_in_the_end_is_gone_with_it),
        EACH(a_tutti_ssh_that_ends_without_a_word_has_failed),
        EACH(the_last_words_of_a_tutti_ssh_count_though_it_has_ended),
    };
    alarm(60);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
