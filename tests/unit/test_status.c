/* Unit test of repl/status: a report as the controller sends it, as text, as reasons and as
 * JSON; and reports that lack keys, have strange ones, or are none. */
#include "prompt.h"

#include "status.h"

#include <time.h>

static tt_buf_t report; /* what the fake controller answers */
static char *text;      /* what was shown */

static bool answer_status(fake_t *self, letter_t *letter)
{
    tt_frames_t frames;
    tt_message_t message = tt_message(TT_MSG_REPORT, letter->message.id);
    if (letter->message.type != TT_MSG_STATUS)
        return false;
    tt_frames_init(&frames);
    tt_frames_copy(&frames, report.data, report.len);
    fake_send(self, &message, &frames);
    return true;
}

static int begin(void **unused)
{
    (void)unused;
    tt_buf_init(&report);
    setenv("TZ", "UTC", 1);
    if (prompt_begin(0) != 0)
        return -1;
    fake.on_message = answer_status;
    return 0;
}

static int end(void **unused)
{
    (void)unused;
    tt_buf_release(&report);
    free(text);
    text = NULL;
    return prompt_end();
}

static int show_about(status_form_t form, const char *host)
{
    size_t len;
    free(text);
    FILE *out = open_memstream(&text, &len);
    int rc = status_show(session.client, form, host, out, &err);
    fclose(out);
    return rc;
}

static int show(status_form_t form)
{
    return show_about(form, NULL);
}

static void key_text(const char *key, const char *value)
{
    tt_pack_text(&report, key);
    tt_pack_text(&report, value);
}

static void key_int(const char *key, int64_t value)
{
    tt_pack_text(&report, key);
    tt_pack_int(&report, value);
}

static void key_real(const char *key, double value)
{
    tt_pack_text(&report, key);
    tt_pack_double(&report, value);
}

static void pack_head(size_t more)
{
    tt_pack_map(&report, 3 + more);
    tt_pack_int(&report, 7); /* a key that is no text is somebody else's */
    tt_pack_nil(&report);
    key_text("cluster", "lab\x1b[2J");
    tt_pack_text(&report, "controller");
    tt_pack_map(&report, 7);
    key_int("pid", 4711);
    key_text("host", "here");
    key_int("rss_bytes", 3 << 20);
    key_real("uptime_s", 5.0);
    key_int("tasks", 2);
    key_int("tasks_done", 9);
    key_int("retained_bytes", 1536);
}

static const char *engine_host = "web1";

static void pack_engine(int id, unsigned state, const char *running, double seconds,
                        const char *why)
{
    tt_pack_map(&report, 11);
    key_int("id", id);
    key_text("host", engine_host);
    key_int("pid", 100 + id);
    key_text("language", "python");
    key_text("version", "3.11.2");
    key_text("state", tt_engine_state_text(state));
    key_int("state_number", state);
    key_text("running", running);
    key_real(running ? "running_s" : "since_s", seconds);
    key_int("queue", 3);
    key_text("text", why);
}

static void pack_reason(double when, int engine, const char *host, const char *why)
{
    tt_pack_map(&report, 4);
    key_real("when", when);
    tt_pack_text(&report, "engine");
    if (engine >= 0)
        tt_pack_int(&report, engine);
    else
        tt_pack_nil(&report);
    key_text("host", host);
    key_text("text", why);
}

static void pack_link(const char *host, unsigned state, const char *told)
{
    tt_pack_map(&report, 4);
    key_text("host", host);
    key_text("address", "me@somewhere");
    key_text("state", tt_engine_state_text(state));
    key_text("text", told);
}

/* ---- no report */

static bool refuse(fake_t *self, letter_t *letter)
{
    fake_error(self, letter->message.id, "not today");
    return true;
}

TEST(an_error_of_the_controller_is_the_reason)
{
    fake.on_message = refuse;
    assert_int_equal(show(STATUS_TEXT), -1);
    assert_says(&err, "not today");
    assert_string_equal(text, "");
}

TEST(a_report_that_is_no_value_is_refused)
{
    tt_buf_append(&report, "\xc1", 1); /* the one byte that is never MessagePack */
    assert_int_equal(show(STATUS_TEXT), -1);
    assert_true(err.text[0] != 0);
    assert_string_equal(text, "");
}

TEST(a_report_of_nothing_shows_that_there_is_nothing)
{
    tt_pack_map(&report, 0);
    assert_int_equal(show(STATUS_TEXT), 0);
    assert_part(text, "no engines; tutti start -n N starts some\n");
    assert_int_equal(show(STATUS_WHY), 0);
    assert_string_equal(text, "no engine has been lost, restarted or failed to start\n");
}

TEST(a_report_that_is_no_map_or_whose_lists_are_none_is_shown_as_empty)
{
    tt_pack_int(&report, 5);
    assert_int_equal(show(STATUS_TEXT), 0);
    report.len = 0;
    tt_pack_map(&report, 3);
    key_text("engines", "many");
    key_int("hosts", 2);
    key_text("why", "because");
    assert_int_equal(show(STATUS_TEXT), 0);
    assert_part(text, "no engines;");
    assert_int_equal(show(STATUS_WHY), 0);
    assert_part(text, "no engine has been lost");
}

/* ---- text */

TEST(the_controller_is_told_in_a_line_without_controls)
{
    pack_head(0);
    assert_int_equal(show(STATUS_TEXT), 0);
    assert_part(text, "cluster 'lab\\x1B[2J' · controller pid 4711 on here, 3.0 MiB, up 5.0 s"
                      " · 2 tasks, 9 done · 1.5 KiB kept\n");
}

static void show_left(int64_t jobs, int64_t bytes)
{
    report.len = 0;
    pack_head(1);
    tt_pack_text(&report, "kept");
    tt_pack_map(&report, 2);
    key_int("jobs", jobs);
    key_int("bytes", bytes);
    assert_int_equal(show(STATUS_TEXT), 0);
}

TEST(jobs_of_an_earlier_session_are_told_when_there_are_some)
{
    show_left(2, 1258291);
    assert_part(
        text,
        "\n2 jobs of an earlier session wait (1.2 MiB); the next prompt takes them over\n");
    show_left(1, 0);
    assert_part(
        text, "\n1 job of an earlier session waits (0.0 MiB); the next prompt takes it over\n");
    show_left(0, 0);
    assert_null(strstr(text, "earlier session"));
}

TEST(a_host_is_told_in_a_line_and_its_silence_when_it_is_long)
{
    pack_head(1);
    tt_pack_text(&report, "hosts");
    tt_pack_array(&report, 2);
    for (int i = 0; i < 2; i++) {
        tt_pack_map(&report, 5);
        key_text("host", i ? "web2" : "web1");
        key_int("pid", 50 + i);
        key_int("rss_bytes", 1 << 20);
        key_int("engines", 4);
        key_real("silent_s", i ? 12.0 : 0.5);
    }
    assert_int_equal(show(STATUS_TEXT), 0);
    assert_part(text, "\nhost web1 · pid 50, 1.0 MiB · 4 engines\n"
                      "host web2 · pid 51, 1.0 MiB · 4 engines · silent for 12 s\n");
}

TEST(a_host_that_is_reached_over_ssh_is_told_so)
{
    pack_head(1);
    tt_pack_text(&report, "hosts");
    tt_pack_array(&report, 2);
    for (int i = 0; i < 2; i++) {
        tt_pack_map(&report, 5);
        key_text("host", i ? "web2" : "web1");
        tt_pack_text(&report, "far");
        tt_pack_bool(&report, i == 1);
        key_int("pid", 50 + i);
        key_int("rss_bytes", 1 << 20);
        key_int("engines", 4);
    }
    assert_int_equal(show(STATUS_TEXT), 0);
    assert_part(text, "\nhost web1 · pid 50, 1.0 MiB · 4 engines\n"
                      "host web2 over ssh · pid 51, 1.0 MiB · 4 engines\n");
}

TEST(a_link_is_told_of_while_it_is_not_up)
{
    pack_head(1);
    tt_pack_text(&report, "links");
    tt_pack_array(&report, 5);
    pack_link("web1", TT_ENGINE_READY, "");
    pack_link("web2", TT_ENGINE_FAILED, "permission denied; try: ssh web2");
    pack_link("web3", TT_ENGINE_RESTARTING, "no route to host");
    pack_link("web4", TT_ENGINE_STARTING, "connecting");
    pack_link("web\x1b[5m", TT_ENGINE_LOST, "\x1b[2J");
    assert_int_equal(show(STATUS_TEXT), 0);
    assert_part(text, " kept\n"
                      "host web2 is not reached: permission denied; try: ssh web2\n"
                      "host web3 is not reached, and tried again: no route to host\n"
                      "host web4 is not reached: connecting\n"
                      "host web\\x1B[5m is not reached: \\x1B[2J\n"
                      "no engines;");
}

TEST(engines_of_a_host_stand_together_in_the_order_of_hosts)
{
    static const char *const hosts[] = {"vm", "web2", "web1", "web2", "vm", "web1", "web"};
    pack_head(1);
    tt_pack_text(&report, "engines");
    tt_pack_array(&report, 8);
    for (int i = 0; i < 7; i++) {
        engine_host = hosts[i];
        pack_engine(i, TT_ENGINE_READY, NULL, 1.0, "");
    }
    engine_host = "web1";
    tt_pack_map(&report, 1); /* one without a host is one more */
    key_int("id", 9);
    assert_int_equal(show(STATUS_TEXT), 0);
    const char *row = strstr(text, "SINCE\n");
    static const int ids[] = {0, 4, 1, 3, 2, 5, 6, 9};
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        row = strchr(row, '\n') + 1;
        assert_int_equal(atoi(row), ids[i]);
    }
}

TEST(an_engine_is_busy_idle_or_out_of_use_with_the_reason)
{
    pack_head(1);
    tt_pack_text(&report, "engines");
    tt_pack_array(&report, 3);
    pack_engine(0, TT_ENGINE_READY, "train()", 2.0, "");
    pack_engine(1, TT_ENGINE_READY, NULL, 60.0, "");
    pack_engine(2, TT_ENGINE_LOST, NULL, 3.0, "was eaten");
    assert_int_equal(show(STATUS_TEXT), 0);
    assert_part(text,
                "   ID  HOST                PID  LANGUAGE        STATE      QUEUE  SINCE\n");
    assert_part(text,
                "    0  web1                100  python 3.11.2   busy           3  2.0 s  "
                "train()\n");
    assert_part(text,
                "    1  web1                101  python 3.11.2   ready          3  60.0 s\n");
    assert_part(text,
                "    2  web1                102  python 3.11.2   lost           3  3.0 s  "
                "was eaten\n");
}

TEST(columns_stand_below_each_other_whatever_the_letters_of_a_name)
{
    pack_head(1);
    tt_pack_text(&report, "engines");
    tt_pack_array(&report, 3);
    engine_host = "größe";
    pack_engine(0, TT_ENGINE_READY, "größe größe größe größe größe größe x größe", 2.0, "");
    engine_host = "日本日本日本日本";
    pack_engine(1, TT_ENGINE_READY, "日本日本日本日本日本日本日本日本日本日本日本", 2.0, "");
    engine_host = "a-name-of-20-columns";
    pack_engine(2, TT_ENGINE_READY, NULL, 60.0, "");
    engine_host = "web1";
    assert_int_equal(show(STATUS_TEXT), 0);
    assert_part(text,
                "    0  größe               100  python 3.11.2   busy           3  2.0 s  "
                "größe größe größe größe größe größe x g…\n"
                "    1  日本日本日本日…     101  python 3.11.2   busy           3  2.0 s  "
                "日本日本日本日本日本日本日本日本日本日…\n"
                "    2  a-name-of-20-c…     102  python 3.11.2   ready          3  60.0 s\n");
}

TEST(of_many_engines_those_that_are_alike_stand_in_one_row)
{
    pack_head(1);
    tt_pack_text(&report, "engines");
    tt_pack_array(&report, 103);
    for (int i = 0; i < 103; i++)
        pack_engine(i, i == 7 ? TT_ENGINE_LOST : TT_ENGINE_READY, NULL, 1.0,
                    i == 7 ? "gone" : "");
    assert_int_equal(show(STATUS_TEXT), 0);
    assert_part(text, "ENGINES   COUNT  HOST            LANGUAGE        STATE      "
                      "QUEUE  SINCE\n");
    assert_part(text, "\n0-6,8-102   102  ");
    assert_part(text, "\n7             1  ");
    assert_part(text, "  gone\n");
}

/* ---- why */

TEST(equal_reasons_within_a_second_are_one_line)
{
    pack_head(1);
    tt_pack_text(&report, "why");
    tt_pack_array(&report, 6);
    pack_reason(3600.0, 2, "web1", "was killed by SIGKILL");
    pack_reason(3600.5, 0, "web1", "was killed by SIGKILL");
    pack_reason(3600.6, 2, "web1", "was killed by SIGKILL");
    pack_reason(3600.7, 1, "web2", "was killed by SIGKILL");
    pack_reason(3605.0, 1, "web2", "was killed by SIGKILL");
    pack_reason(3606.0, 3, "web2", "out of\nmemory");
    assert_int_equal(show(STATUS_WHY), 0);
    assert_string_equal(text, "01:00:00  engines 0,2 on web1: was killed by SIGKILL\n"
                              "01:00:00  engine 1 on web2: was killed by SIGKILL\n"
                              "01:00:05  engine 1 on web2: was killed by SIGKILL\n"
                              "01:00:06  engine 3 on web2: out of\\x0Amemory\n");
}

TEST(a_reason_of_no_engine_names_none)
{
    pack_head(1);
    tt_pack_text(&report, "why");
    tt_pack_array(&report, 1);
    pack_reason(0, -1, "web1", "the host is lost");
    assert_int_equal(show(STATUS_WHY), 0);
    assert_string_equal(text, "00:00:00  on web1: the host is lost\n");
}

/* Reasons of two hosts, engines of a third, and a link to a fourth. */
static void pack_hosts(void)
{
    pack_head(3);
    tt_pack_text(&report, "why");
    tt_pack_array(&report, 4);
    pack_reason(3600.0, 0, "web1", "was killed by SIGKILL");
    pack_reason(3600.1, -1, "web2", "no route to host");
    pack_reason(3600.2, 1, "web1", "was killed by SIGKILL");
    pack_reason(3700.0, -1, "web2", "no answer");
    tt_pack_text(&report, "engines");
    tt_pack_array(&report, 1);
    engine_host = "web3";
    pack_engine(7, TT_ENGINE_READY, NULL, 1.0, "");
    engine_host = "web1";
    tt_pack_text(&report, "links");
    tt_pack_array(&report, 2);
    pack_link("web2", TT_ENGINE_RESTARTING, "no answer");
    pack_link("web4", TT_ENGINE_STARTING, "connecting");
}

TEST(a_host_that_nothing_is_known_of_has_no_reasons)
{
    pack_hosts();
    assert_int_equal(show_about(STATUS_WHY, "web"), -1);
    assert_string_equal(err.text, "no host 'web' is known; tutti status lists them");
    assert_string_equal(text, "");
    report.len = 0;
    tt_pack_map(&report, 0);
    assert_int_equal(show_about(STATUS_WHY, "web1"), -1);
}

TEST(the_reasons_of_one_host_are_its_own_and_its_links)
{
    pack_hosts();
    assert_int_equal(show_about(STATUS_WHY, "web1"), 0);
    assert_string_equal(text, "01:00:00  engines 0-1 on web1: was killed by SIGKILL\n");
    assert_int_equal(show_about(STATUS_WHY, "web2"), 0);
    assert_string_equal(text, "01:00:00  on web2: no route to host\n"
                              "01:01:40  on web2: no answer\n"
                              "host web2 is not reached, and tried again: no answer\n");
}

TEST(a_host_that_is_known_by_its_engines_or_its_link_may_have_no_reasons)
{
    pack_hosts();
    assert_int_equal(show_about(STATUS_WHY, "web3"), 0);
    assert_string_equal(text, "nothing has gone wrong on web3\n");
    assert_int_equal(show_about(STATUS_WHY, "web4"), 0);
    assert_string_equal(text, "nothing has gone wrong on web4\n"
                              "host web4 is not reached: connecting\n");
}

TEST(the_reasons_of_all_hosts_are_followed_by_the_links_that_are_not_up)
{
    pack_hosts();
    assert_int_equal(show(STATUS_WHY), 0);
    assert_part(text, "01:01:40  on web2: no answer\n"
                      "host web2 is not reached, and tried again: no answer\n"
                      "host web4 is not reached: connecting\n");
    report.len = 0;
    tt_pack_map(&report, 1);
    tt_pack_text(&report, "links");
    tt_pack_array(&report, 1);
    pack_link("web4", TT_ENGINE_STARTING, "connecting");
    assert_int_equal(show(STATUS_WHY), 0);
    assert_string_equal(text, "no engine has been lost, restarted or failed to start\n"
                              "host web4 is not reached: connecting\n");
}

/* ---- JSON */

TEST(json_is_the_report_itself_on_one_line)
{
    tt_pack_map(&report, 2);
    key_text("cluster", "lab");
    tt_pack_text(&report, "engines");
    tt_pack_array(&report, 0);
    assert_int_equal(show(STATUS_JSON), 0);
    assert_string_equal(text, "{\"cluster\":\"lab\",\"engines\":[]}\n");
}

#define ON(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    alarm(60);
    const struct CMUnitTest tests[] = {
        ON(an_error_of_the_controller_is_the_reason),
        ON(a_report_that_is_no_value_is_refused),
        ON(a_report_of_nothing_shows_that_there_is_nothing),
        ON(a_report_that_is_no_map_or_whose_lists_are_none_is_shown_as_empty),
        ON(the_controller_is_told_in_a_line_without_controls),
        ON(jobs_of_an_earlier_session_are_told_when_there_are_some),
        ON(a_host_is_told_in_a_line_and_its_silence_when_it_is_long),
        ON(a_host_that_is_reached_over_ssh_is_told_so),
        ON(a_link_is_told_of_while_it_is_not_up),
        ON(engines_of_a_host_stand_together_in_the_order_of_hosts),
        ON(an_engine_is_busy_idle_or_out_of_use_with_the_reason),
        ON(columns_stand_below_each_other_whatever_the_letters_of_a_name),
        ON(of_many_engines_those_that_are_alike_stand_in_one_row),
        ON(equal_reasons_within_a_second_are_one_line),
        ON(a_reason_of_no_engine_names_none),
        ON(a_host_that_nothing_is_known_of_has_no_reasons),
        ON(the_reasons_of_one_host_are_its_own_and_its_links),
        ON(a_host_that_is_known_by_its_engines_or_its_link_may_have_no_reasons),
        ON(the_reasons_of_all_hosts_are_followed_by_the_links_that_are_not_up),
        ON(json_is_the_report_itself_on_one_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
