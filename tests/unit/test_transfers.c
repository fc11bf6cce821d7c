/* Unit test of controller/transfers: who hears of which file under which number, whoever goes
 * meanwhile, and that strangers change nothing. */
#include "hand_controller.h"

#include "transfers.h"

static far_t a, b, web1, web2;

static int begin(void **unused)
{
    (void)unused;
    if (hand_begin() != 0)
        return -1;
    a = hand_peer(PEER_CLIENT, "client a");
    b = hand_peer(PEER_CLIENT, "client b");
    web1 = hand_peer(PEER_HOST, "web1");
    web2 = hand_peer(PEER_HOST, "web2");
    return 0;
}

static int end(void **unused)
{
    (void)unused;
    transfers_release(hand);
    transfers_release(hand);
    return hand_end();
}

/* ---- what clients and hosts say */

static void ask(const far_t *client, unsigned type, uint64_t id, const char *machine)
{
    tt_message_t message = tt_message(type, id);
    tt_span_t name = tt_span(machine);
    if (type == TT_MSG_PUT)
        message.as.put = (tt_msg_put_t){.host = name, .name = tt_span("file"), .size = 7};
    else if (type == TT_MSG_GET)
        message.as.get = (tt_msg_get_t){.host = name, .path = tt_span("path")};
    else
        message.as.list = (tt_msg_list_t){.host = name, .pattern = tt_span("*.c")};
    transfers_begin(hand, client->peer, &message, NULL);
}

static void pass(const far_t *from, unsigned type, uint64_t id)
{
    tt_message_t message = tt_message(type, id);
    transfers_pass(hand, from->peer, &message, NULL);
}

static void filed(const far_t *from, uint64_t id, unsigned outcome)
{
    tt_message_t message = tt_message(TT_MSG_FILED, id);
    message.as.filed.outcome = outcome;
    transfers_pass(hand, from->peer, &message, NULL);
}

static void chunk(const far_t *from, uint64_t id, const char *text)
{
    tt_message_t message = tt_message(TT_MSG_CHUNK, id);
    tt_frames_t bytes;
    tt_frames_init(&bytes);
    tt_frames_copy(&bytes, text, strlen(text));
    transfers_pass(hand, from->peer, &message, &bytes);
    tt_frames_release(&bytes);
}

/* ---- what they hear */

static const char *span_text(tt_span_t span)
{
    static char text[2][600];
    static int turn;
    turn = !turn;
    return tt_text_copy(span, text[turn], sizeof text[turn]);
}

/* Everything that has come to this end: "PUT 1; CHUNK 1 bytes; FILED 1 2; ERROR 4 why". */
static const char *all_passed(const far_t *end)
{
    static tt_buf_t words;
    heard_t heard;
    words.len = 0;
    while (hear(end, &heard)) {
        const tt_message_t *got = &heard.message;
        tt_buf_printf(&words, "%s%s %d", words.len ? "; " : "",
                      tt_message_info(got->type)->name, (int)got->id);
        if (got->type == TT_MSG_ERROR)
            tt_buf_printf(&words, " %s", span_text(got->as.error.text));
        else if (got->type == TT_MSG_FILED)
            tt_buf_printf(&words, " %d%s%s", (int)got->as.filed.outcome,
                          got->as.filed.text.len ? " " : "", span_text(got->as.filed.text));
        else if (got->type == TT_MSG_CHUNK)
            tt_buf_printf(&words, " %s", span_text(tt_frames_span(&heard.packet.payload, 0)));
        forget(&heard);
    }
    return tt_buf_text(&words);
}

#define assert_passed(end, words) assert_string_equal(all_passed(&(end)), words)

/* A PUT of client a for web1, under 7 there and 1 here. */
static void begin_one(void)
{
    ask(&a, TT_MSG_PUT, 7, "web1");
    assert_passed(web1, "PUT 1");
}

static void expect_nothing_more(void)
{
    assert_passed(a, "");
    assert_passed(b, "");
    assert_passed(web1, "");
    assert_passed(web2, "");
}

/* ---- what is refused */

TEST(a_host_that_is_not_here_is_told_by_its_name)
{
    char name[300];
    memset(name, 'x', sizeof name);
    name[sizeof name - 1] = 0;
    ask(&a, TT_MSG_PUT, 7, "web3");
    ask(&a, TT_MSG_GET, 8, "web");
    ask(&a, TT_MSG_LIST, 9, "web11");
    ask(&a, TT_MSG_LIST, 10, "");
    ask(&a, TT_MSG_LIST, 11, "client a");
    assert_passed(a, "ERROR 7 no host 'web3' is here; ERROR 8 no host 'web' is here; "
                     "ERROR 9 no host 'web11' is here; ERROR 10 no host '' is here; "
                     "ERROR 11 no host 'client a' is here");
    ask(&a, TT_MSG_PUT, 7, name);
    name[200] = 0;
    const char *text = all_passed(&a);
    assert_non_null(strstr(text, name));
    assert_non_null(strstr(text, "x' is here"));
    expect_nothing_more();
    assert_null(hand->transfers);
}

TEST(a_request_without_a_number_is_refused)
{
    ask(&a, TT_MSG_PUT, 0, "web1");
    assert_passed(a, "ERROR 0 too many files at once, or one number twice");
    expect_nothing_more();
}

TEST(a_number_used_twice_is_refused_and_the_first_goes_on)
{
    begin_one();
    ask(&a, TT_MSG_GET, 7, "web2");
    assert_passed(a, "ERROR 7 too many files at once, or one number twice");
    filed(&web1, 1, TT_FILE_BEGUN);
    chunk(&a, 7, "bytes");
    assert_passed(a, "FILED 7 1");
    assert_passed(web1, "CHUNK 1 bytes");
    expect_nothing_more();
}

TEST(what_belongs_to_none_is_ignored)
{
    chunk(&a, 7, "of nothing");
    pass(&a, TT_MSG_ABORT, 0);
    pass(&web1, TT_MSG_CREDIT, 1);
    filed(&web1, 0, TT_FILE_DONE);
    expect_nothing_more();
}

/* ---- two sides */

TEST(each_request_reaches_the_host_it_names_whole_and_under_a_number_of_ours)
{
    heard_t heard;
    ask(&a, TT_MSG_PUT, 7, "web1");
    assert_true(hear(&web1, &heard));
    assert_int_equal(heard.message.type, TT_MSG_PUT);
    assert_int_equal(heard.message.id, 1);
    assert_string_equal(span_text(heard.message.as.put.host), "web1");
    assert_string_equal(span_text(heard.message.as.put.name), "file");
    assert_int_equal(heard.message.as.put.size, 7);
    forget(&heard);
    ask(&a, TT_MSG_GET, UINT64_MAX, "web2");
    assert_true(hear(&web2, &heard));
    assert_int_equal(heard.message.type, TT_MSG_GET);
    assert_int_equal(heard.message.id, 2);
    assert_string_equal(span_text(heard.message.as.get.path), "path");
    forget(&heard);
    ask(&a, TT_MSG_LIST, 1, "web1");
    assert_true(hear(&web1, &heard));
    assert_int_equal(heard.message.type, TT_MSG_LIST);
    assert_int_equal(heard.message.id, 3);
    assert_string_equal(span_text(heard.message.as.list.pattern), "*.c");
    forget(&heard);
    expect_nothing_more();
}

TEST(numbers_are_swapped_both_ways_and_payloads_pass)
{
    heard_t heard;
    begin_one();
    filed(&web1, 1, TT_FILE_BEGUN);
    assert_passed(a, "FILED 7 1");
    chunk(&a, 7, "one");
    chunk(&a, 7, "two");
    assert_passed(web1, "CHUNK 1 one; CHUNK 1 two");
    tt_message_t message = tt_message(TT_MSG_CREDIT, 1);
    message.as.credit.taken = 70000;
    transfers_pass(hand, web1.peer, &message, NULL);
    assert_true(hear(&a, &heard));
    assert_int_equal(heard.message.id, 7);
    assert_int_equal(heard.message.as.credit.taken, 70000);
    forget(&heard);
    ask(&a, TT_MSG_GET, 8, "web2");
    chunk(&web2, 2, "down");
    pass(&a, TT_MSG_CREDIT, 8);
    assert_passed(a, "CHUNK 8 down");
    assert_passed(web2, "GET 2; CREDIT 2");
    expect_nothing_more();
}

TEST(two_clients_may_use_the_same_number)
{
    begin_one();
    ask(&b, TT_MSG_GET, 7, "web1");
    assert_passed(web1, "GET 2");
    chunk(&web1, 2, "for b");
    filed(&web1, 1, TT_FILE_BEGUN);
    assert_passed(a, "FILED 7 1");
    assert_passed(b, "CHUNK 7 for b");
    pass(&b, TT_MSG_CREDIT, 7);
    chunk(&a, 7, "of a");
    assert_passed(web1, "CREDIT 2; CHUNK 1 of a");
    expect_nothing_more();
}

/* Client a has number 2 for what is 1 here, so that one taken for the other would be seen. */
TEST(a_number_is_looked_for_among_those_of_its_sender_only)
{
    ask(&a, TT_MSG_PUT, 2, "web1");
    ask(&a, TT_MSG_PUT, 1, "web1");
    assert_passed(web1, "PUT 1; PUT 2");
    filed(&web1, 1, TT_FILE_BEGUN);
    filed(&web1, 2, TT_FILE_SAME);
    assert_passed(a, "FILED 2 1; FILED 1 2");
    chunk(&a, 2, "bytes");
    assert_passed(web1, "CHUNK 1 bytes");
    expect_nothing_more();
}

TEST(chunks_of_strangers_are_ignored)
{
    begin_one();
    chunk(&b, 7, "of another client");
    chunk(&b, 1, "of one who knows our number");
    chunk(&web2, 1, "of another host");
    filed(&web2, 1, TT_FILE_DONE);
    filed(&web2, 7, TT_FILE_DONE);
    chunk(&a, 1, "under our number");
    pass(&b, TT_MSG_ABORT, 7);
    expect_nothing_more();
    filed(&web1, 1, TT_FILE_BEGUN);
    assert_passed(a, "FILED 7 1");
}

/* ---- the last message */

static void expect_over(void)
{
    chunk(&a, 7, "late");
    chunk(&web1, 1, "late");
    filed(&web1, 1, TT_FILE_FAILED);
    pass(&a, TT_MSG_ABORT, 7);
    expect_nothing_more();
    assert_null(hand->transfers);
}

TEST(a_file_that_has_begun_goes_on)
{
    begin_one();
    filed(&web1, 1, TT_FILE_BEGUN);
    filed(&web1, 1, TT_FILE_BEGUN);
    chunk(&a, 7, "bytes");
    assert_passed(a, "FILED 7 1; FILED 7 1");
    assert_passed(web1, "CHUNK 1 bytes");
}

TEST(a_file_that_is_there_or_cannot_be_is_over)
{
    static const unsigned last[] = {TT_FILE_FAILED, TT_FILE_SAME, TT_FILE_DONE, 99};
    static const char *const words[] = {"FILED 7 0", "FILED 7 2", "FILED 7 3", "FILED 7 99"};
    for (size_t i = 0; i < 4; i++) {
        ask(&a, TT_MSG_PUT, 7, "web1");
        all_passed(&web1);
        filed(&web1, i + 1, last[i]);
        assert_passed(a, words[i]);
        chunk(&web1, i + 1, "late");
        expect_over();
    }
}

TEST(a_list_ends_with_its_answer)
{
    ask(&a, TT_MSG_LIST, 7, "web1");
    assert_passed(web1, "LIST 1");
    pass(&web1, TT_MSG_LISTED, 1);
    assert_passed(a, "LISTED 7");
    expect_over();
}

TEST(what_a_client_aborts_its_host_hears_of_and_then_nothing_more)
{
    begin_one();
    pass(&a, TT_MSG_ABORT, 7);
    assert_passed(web1, "ABORT 1");
    expect_over();
}

TEST(a_number_that_is_over_can_be_used_again)
{
    begin_one();
    filed(&web1, 1, TT_FILE_DONE);
    ask(&a, TT_MSG_GET, 7, "web2");
    assert_passed(a, "FILED 7 3");
    assert_passed(web2, "GET 2");
    filed(&web1, 1, TT_FILE_DONE); /* said twice; our numbers are not used again */
    expect_nothing_more();
    filed(&web2, 2, TT_FILE_SAME);
    assert_passed(a, "FILED 7 2");
}

TEST(the_end_of_one_leaves_those_before_and_behind_it)
{
    for (uint64_t id = 1; id <= 5; id++)
        ask(&a, TT_MSG_PUT, 10 + id, "web1");
    all_passed(&web1);
    static const uint64_t order[] = {3, 1, 5, 2, 4};
    for (size_t i = 0; i < 5; i++) {
        filed(&web1, order[i], TT_FILE_DONE);
        for (size_t left = i + 1; left < 5; left++)
            chunk(&a, 10 + order[left], "x");
        all_passed(&a);
        for (size_t left = i + 1; left < 5; left++) {
            heard_t heard;
            assert_true(hear(&web1, &heard));
            assert_int_equal(heard.message.id, order[left]);
            forget(&heard);
        }
    }
    expect_over();
}

/* ---- whoever goes */

TEST(when_a_client_goes_its_hosts_hear_abort_and_others_go_on)
{
    begin_one();
    ask(&a, TT_MSG_GET, 8, "web2");
    ask(&b, TT_MSG_PUT, 7, "web1");
    all_passed(&web1);
    assert_passed(web2, "GET 2");
    hand_lose(&a);
    assert_passed(web1, "ABORT 1");
    assert_passed(web2, "ABORT 2");
    filed(&web1, 1, TT_FILE_DONE); /* was under way */
    chunk(&web2, 2, "for nobody");
    chunk(&b, 7, "bytes");
    assert_passed(web1, "CHUNK 3 bytes");
    assert_passed(b, "");
    assert_passed(web2, "");
}

TEST(when_a_host_goes_its_clients_hear_why_and_others_go_on)
{
    begin_one();
    ask(&b, TT_MSG_LIST, 8, "web1");
    ask(&a, TT_MSG_PUT, 9, "web2");
    assert_passed(web2, "PUT 3");
    web1.peer->pid = 4711;
    hand_lose(&web1);
    assert_passed(a, "FILED 7 0 engine host 'web1' (pid 4711) ended");
    assert_passed(b, "FILED 8 0 engine host 'web1' (pid 4711) ended");
    chunk(&a, 7, "late");
    pass(&a, TT_MSG_ABORT, 7);
    filed(&web2, 3, TT_FILE_BEGUN);
    chunk(&a, 9, "bytes");
    assert_passed(a, "FILED 9 1");
    assert_passed(web2, "CHUNK 3 bytes");
    ask(&a, TT_MSG_PUT, 7, "web1");
    assert_passed(a, "ERROR 7 no host 'web1' is here");
}

TEST(when_the_link_to_a_host_goes_its_clients_hear_of_the_link)
{
    begin_one();
    web1.peer->far = true;
    hand_lose(&web1);
    assert_passed(a, "FILED 7 0 link to 'web1': ended");
}

TEST(when_both_go_nobody_is_left_to_hear_of_it)
{
    begin_one();
    ask(&b, TT_MSG_GET, 8, "web1");
    hand_lose(&a);
    assert_passed(web1, "GET 2; ABORT 1");
    hand_lose(&web1);
    assert_passed(b, "FILED 8 0 engine host 'web1' (pid 0) ended");
    assert_null(hand->transfers);
    assert_passed(web2, "");
}

TEST(a_host_of_the_same_name_that_comes_later_is_another)
{
    begin_one();
    hand_lose(&web1);
    web1 = hand_peer(PEER_HOST, "by another route");
    strcpy(web1.peer->host, "web1");
    all_passed(&a);
    filed(&web1, 1, TT_FILE_DONE);
    expect_nothing_more();
    ask(&a, TT_MSG_PUT, 7, "web1");
    assert_passed(web1, "PUT 2");
}

TEST(files_that_are_under_way_at_the_end_are_forgotten_with_the_controller)
{
    begin_one();
    ask(&b, TT_MSG_GET, 8, "web2");
    transfers_release(hand);
    assert_null(hand->transfers);
    assert_passed(web2, "GET 2");
    expect_nothing_more();
}

/* ---- limits */

TEST(too_many_files_at_once_are_refused_until_some_have_ended)
{
    enum { MOST = 10000 };
    for (uint64_t id = 1; id <= MOST; id++) {
        ask(id % 2 ? &a : &b, TT_MSG_GET, id, id % 3 ? "web1" : "web2");
        if (id % 200 == 0) {
            all_passed(&web1);
            all_passed(&web2);
        }
    }
    expect_nothing_more();
    ask(&a, TT_MSG_GET, MOST + 1, "web1");
    ask(&b, TT_MSG_GET, MOST + 1, "web2");
    assert_passed(a, "ERROR 10001 too many files at once, or one number twice");
    assert_passed(b, "ERROR 10001 too many files at once, or one number twice");
    filed(&web1, 5000, TT_FILE_DONE); /* one of b's */
    assert_passed(b, "FILED 5000 3");
    ask(&a, TT_MSG_GET, MOST + 1, "web1");
    assert_passed(web1, "GET 10001");
    ask(&a, TT_MSG_GET, MOST + 2, "web1");
    assert_passed(a, "ERROR 10002 too many files at once, or one number twice");
    expect_nothing_more();
}

#define EACH(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        EACH(a_host_that_is_not_here_is_told_by_its_name),
        EACH(a_request_without_a_number_is_refused),
        EACH(a_number_used_twice_is_refused_and_the_first_goes_on),
        EACH(what_belongs_to_none_is_ignored),
        EACH(each_request_reaches_the_host_it_names_whole_and_under_a_number_of_ours),
        EACH(numbers_are_swapped_both_ways_and_payloads_pass),
        EACH(two_clients_may_use_the_same_number),
        EACH(a_number_is_looked_for_among_those_of_its_sender_only),
        EACH(chunks_of_strangers_are_ignored),
        EACH(a_file_that_has_begun_goes_on),
        EACH(a_file_that_is_there_or_cannot_be_is_over),
        EACH(a_list_ends_with_its_answer),
        EACH(what_a_client_aborts_its_host_hears_of_and_then_nothing_more),
        EACH(a_number_that_is_over_can_be_used_again),
        EACH(the_end_of_one_leaves_those_before_and_behind_it),
        EACH(when_a_client_goes_its_hosts_hear_abort_and_others_go_on),
        EACH(when_a_host_goes_its_clients_hear_why_and_others_go_on),
        EACH(when_the_link_to_a_host_goes_its_clients_hear_of_the_link),
        EACH(when_both_go_nobody_is_left_to_hear_of_it),
        EACH(a_host_of_the_same_name_that_comes_later_is_another),
        EACH(files_that_are_under_way_at_the_end_are_forgotten_with_the_controller),
        EACH(too_many_files_at_once_are_refused_until_some_have_ended),
    };
    alarm(60);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
