/* Unit test of controller/report: the map that `tutti status`, `list` and `why` show. It is
 * looked at as JSON, for which it must be one whole value. */
#include "hand_controller.h"

#include "pack.h"
#include "read.h"
#include "value.h"

static tt_buf_t report, json;

static int begin(void **unused)
{
    (void)unused;
    tt_buf_init(&report);
    tt_buf_init(&json);
    return hand_begin();
}

static int end(void **unused)
{
    (void)unused;
    tt_buf_release(&report);
    tt_buf_release(&json);
    return hand_end();
}

static const char *take_report(void)
{
    tt_error_t err;
    report.len = json.len = 0;
    report_pack(hand, &report);
    if (tt_validate(span_of(&report), &tt_limits_value, &err) != 0)
        fail_msg("%s", err.text);
    tt_value_json(span_of(&report), &json);
    return tt_buf_text(&json);
}

#define assert_reports(part)                                                                   \
    do {                                                                                       \
        if (strstr(take_report(), part) == NULL)                                               \
            fail_msg("\"%s\" is not in %s", part, tt_buf_text(&json));                         \
    } while (0)

TEST(an_empty_cluster_reports_itself)
{
    char want[200];
    assert_reports("{\"schema\":1,\"cluster\":\"test\",\"controller\":{\"pid\":");
    snprintf(want, sizeof want, "\"controller\":{\"pid\":%d,", (int)getpid());
    assert_reports(want);
    assert_reports("\"policy\":\"leastload\",\"clients\":0,\"tasks\":0,\"waiting\":0,"
                   "\"tasks_done\":0,\"retained_bytes\":0}");
    assert_reports("\"hosts\":[],\"links\":[],\"engines\":[],\"why\":[]}");
}

TEST(peers_work_and_what_went_wrong_are_counted)
{
    far_t client = hand_peer(PEER_CLIENT, "client");
    hand_peer(PEER_CLIENT, "second");
    hand_engine(NULL, TT_ENGINE_STARTING);
    submit(&client, (wish_t){1, (int[]){0}, 1, .label = "waits"});
    submit(&client, (wish_t){2, .balanced = true, .label = "waits, too"});
    hand->counts.malformed = 1;
    hand->counts.unknown = 2;
    hand->counts.refused = 3;
    hand->counts.stray_results = 4;
    assert_reports("\"clients\":2,\"tasks\":2,\"waiting\":1,\"tasks_done\":0");
    assert_reports("\"counts\":{\"malformed\":1,\"unknown\":2,\"refused\":3,"
                   "\"stray_results\":4}");
    submit(&client, (wish_t){3, (int[]){5}, 1, .label = "to nobody"});
    assert_reports("\"tasks\":2,\"waiting\":1,\"tasks_done\":1");
    const char *text = tt_buf_text(&json);
    assert_null(strstr(text, "\"retained_bytes\":0}"));
}

TEST(an_engine_tells_what_it_runs_and_how_much_waits_for_it)
{
    far_t client = hand_peer(PEER_CLIENT, "client"), host = hand_peer(PEER_HOST, "web01");
    engine_t *engine = hand_engine(&host, TT_ENGINE_READY);
    snprintf(engine->language, sizeof engine->language, "python");
    snprintf(engine->version, sizeof engine->version, "3.11.2");
    snprintf(engine->program, sizeof engine->program, "/usr/bin/python3");
    engine->pid = 4711;
    assert_reports("{\"id\":0,\"host\":\"web01\",\"pid\":4711,\"language\":\"python\","
                   "\"version\":\"3.11.2\",\"program\":\"/usr/bin/python3\","
                   "\"state\":\"ready\",\"state_number\":1,\"running\":null,\"running_s\":0");
    assert_reports("\"queue\":0,");
    submit(&client, (wish_t){1, (int[]){0}, 1, .label = "first"});
    submit(&client, (wish_t){2, (int[]){0}, 1, .label = "second"});
    engine->state = TT_ENGINE_RESTARTING;
    submit(&client, (wish_t){3, (int[]){0}, 1, .label = "third"});
    assert_reports("\"state\":\"restarting\",\"state_number\":2,\"running\":\"first\"");
    assert_reports("\"queue\":2,"); /* one at its host, one here */
    engine->running_task = engine->sent.last->task->id;
    assert_reports("\"running\":\"second\""); /* as its host says */
    engine->running_task = 4711;
    assert_reports("\"running\":\"first\""); /* of a task that is over nothing is known */
}

TEST(hosts_tell_their_memory_and_how_many_engines_they_have)
{
    far_t host = hand_peer(PEER_HOST, "web01");
    hand_peer(PEER_HOST, "web02");
    host.peer->pid = 12;
    host.peer->rss_bytes = 3456;
    host.peer->seen_ms = tt_now_ms();
    hand_engine(&host, TT_ENGINE_READY);
    hand_engine(&host, TT_ENGINE_FAILED);
    hand_engine(NULL, TT_ENGINE_LOST);
    assert_reports(
        "{\"host\":\"web01\",\"far\":false,\"pid\":12,\"rss_bytes\":3456,\"engines\":2,");
    assert_reports(
        "{\"host\":\"web02\",\"far\":false,\"pid\":0,\"rss_bytes\":0,\"engines\":0,");
}

TEST(reasons_are_told_oldest_first_and_of_hosts_without_an_engine)
{
    reasons_add(&hand->reasons, 3, "web01", "was killed by SIGSEGV");
    reasons_add(&hand->reasons, -1, "web02", "is \"gone\"");
    assert_reports("\"engine\":3,\"host\":\"web01\",\"text\":\"was killed by SIGSEGV\"},{");
    assert_reports("\"engine\":null,\"host\":\"web02\",\"text\":\"is \\\"gone\\\"\"}]}");
}

TEST(a_task_that_was_asked_to_stop_and_runs_on_is_told)
{
    far_t client = hand_peer(PEER_CLIENT, "client"), host = hand_peer(PEER_HOST, "web01");
    engine_t *engine = hand_engine(&host, TT_ENGINE_READY);
    submit(&client, DIRECT(1, 0));
    engine->ignoring_ms = 4900;
    assert_reports("\"why\":[]}");
    engine->ignoring_ms = 12300;
    assert_reports("\"engine\":0,\"host\":\"web01\",\"text\":"
                   "\"its task ignores interrupts for 12 s: %restart 0\"}]}");
}

TEST(texts_that_are_no_utf8_or_were_cut_within_a_letter_make_a_report_all_the_same)
{
    far_t client = hand_peer(PEER_CLIENT, "client"), host = hand_peer(PEER_HOST, "\xff\xfe");
    hand_engine(&host, TT_ENGINE_READY);
    submit(&client, (wish_t){1, (int[]){0}, 1,
                             .label = "ääääääääääääääääääääääääääääääääääääääääää and so on, "
                                      "over the end of the label"});
    assert_reports("\"running\":\"ääää");
    assert_reports("\"host\":\"\xef\xbf\xbd");
}

TEST(what_was_left_behind_is_told_and_what_is_only_kept_is_not)
{
    far_t client = hand_peer(PEER_CLIENT, "client"), host = hand_peer(PEER_HOST, "host");
    tt_frames_t none;
    tt_frames_init(&none);
    tt_message_t message = tt_message(TT_MSG_KEEP, 0);
    message.as.keep.keep = 1;
    message.as.keep.meta = tt_span("meta");
    kept_keep(hand, client.peer, &message, &none);
    hand_engine(&host, TT_ENGINE_READY);
    submit(&client, (wish_t){1, (int[]){0}, 1, .keep = 1});
    assert_reports("\"kept\":{\"jobs\":0,\"tasks\":0,\"results\":0,\"bytes\":0,"
                   "\"forgotten\":0,\"orphans\":0}");
    submit(&client, (wish_t){.id = 2, .index = 1, .balanced = true, .stays = true});
    hand_lose(&client);
    hand->kept.forgotten = 3;
    assert_reports("\"kept\":{\"jobs\":1,\"tasks\":1,\"results\":0,\"bytes\":4,"
                   "\"forgotten\":3,\"orphans\":1}");
}

/* A beat of the host's with this load. */
static void beat(const far_t *host, const tt_buf_t *load)
{
    tt_frames_t none;
    tt_frames_init(&none);
    tt_message_t message = tt_message(TT_MSG_BEAT, 0);
    message.as.beat.load = span_of(load);
    beats_take(hand, host->peer, &message, &none);
}

static void pack_load(tt_buf_t *load, const int64_t engines[][3], size_t count)
{
    load->len = 0;
    tt_pack_array(load, 5);
    tt_pack_uint(load, 1500);
    tt_pack_uint(load, 16);
    tt_pack_uint(load, 64000);
    tt_pack_uint(load, 20000);
    tt_pack_array(load, count);
    for (size_t i = 0; i < count; i++) {
        tt_pack_array(load, 3);
        for (int j = 0; j < 3; j++)
            tt_pack_int(load, engines[i][j]);
    }
}

TEST(what_engines_use_is_told_while_it_is_fresh_and_by_their_own_host)
{
    far_t host = hand_peer(PEER_HOST, "host"), other = hand_peer(PEER_HOST, "other");
    static const int64_t told[][3] = {{0, 250, 4096}, {1, -1, 8192}, {2, 900, 1}, {99, 1, 1}};
    tt_buf_t load;
    tt_buf_init(&load);
    engine_t *first = hand_engine(&host, TT_ENGINE_READY);
    hand_engine(&host, TT_ENGINE_READY);
    hand_engine(&other, TT_ENGINE_READY);
    first->done = 3;
    assert_reports("\"done\":3,\"cpu\":null,\"rss_bytes\":null}");
    assert_null(strstr(tt_buf_text(&json), "\"cores\""));
    pack_load(&load, told, 4);
    beat(&host, &load);
    assert_reports("\"done\":3,\"cpu\":0.25,\"rss_bytes\":4096}");
    assert_reports("\"done\":0,\"cpu\":null,\"rss_bytes\":8192}");
    assert_reports("\"done\":0,\"cpu\":null,\"rss_bytes\":null}"); /* the other host's */
    assert_reports("\"load\":1.5,\"cores\":16,\"memory_bytes\":64000,\"spare_bytes\":20000}");
    first->used_ms -= 60000;
    assert_reports("\"done\":3,\"cpu\":null,\"rss_bytes\":null}");
    tt_buf_release(&load);
}

TEST(a_load_that_is_none_changes_nothing)
{
    far_t host = hand_peer(PEER_HOST, "host");
    static const char *const bad[] = {"\xc0", "\x90", "\x01", "\x95\x01",
                                      "\x95\xa1x\x01\x01\x01\xc0"};
    tt_buf_t load;
    tt_buf_init(&load);
    hand_engine(&host, TT_ENGINE_READY);
    beat(&host, &load); /* an older version's */
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        load.len = 0;
        tt_buf_append(&load, bad[i], strlen(bad[i]));
        beat(&host, &load);
        assert_false(host.peer->load.known);
    }
    load.len = 0;
    tt_buf_append(&load, "\x95\x01\x02\x03\x04\x93\x05\x91\x00\x93\x00\x01", 12); /* cut */
    beat(&host, &load);
    assert_true(host.peer->load.known);
    assert_reports("\"cpu\":null");
    tt_buf_release(&load);
}

TEST(a_thousand_engines_make_one_report)
{
    far_t host = hand_peer(PEER_HOST, "host");
    for (int i = 0; i < 1000; i++)
        hand_engine(&host, TT_ENGINE_READY);
    for (int i = 0; i < 2 * REASONS_MAX; i++)
        reasons_add(&hand->reasons, i, "host", "why");
    assert_reports("{\"id\":999,");
    assert_reports("\"engines\":1000,");
}

#define EACH(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        EACH(an_empty_cluster_reports_itself),
        EACH(peers_work_and_what_went_wrong_are_counted),
        EACH(an_engine_tells_what_it_runs_and_how_much_waits_for_it),
        EACH(hosts_tell_their_memory_and_how_many_engines_they_have),
        EACH(reasons_are_told_oldest_first_and_of_hosts_without_an_engine),
        EACH(a_task_that_was_asked_to_stop_and_runs_on_is_told),
        EACH(texts_that_are_no_utf8_or_were_cut_within_a_letter_make_a_report_all_the_same),
        EACH(what_was_left_behind_is_told_and_what_is_only_kept_is_not),
        EACH(what_engines_use_is_told_while_it_is_fresh_and_by_their_own_host),
        EACH(a_load_that_is_none_changes_nothing),
        EACH(a_thousand_engines_make_one_report),
    };
    alarm(20);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
