/* Unit test of controller/blobs: functions are kept once, sent once to each host, and dropped
 * with their last owner. */
#include "hand_controller.h"

static far_t a, b, host, other;

static int begin(void **unused)
{
    (void)unused;
    if (hand_begin() != 0)
        return -1;
    a = hand_peer(PEER_CLIENT, "client a");
    b = hand_peer(PEER_CLIENT, "client b");
    host = hand_peer(PEER_HOST, "host");
    other = hand_peer(PEER_HOST, "other host");
    return 0;
}

static int end(void **unused)
{
    (void)unused;
    return hand_end();
}

static const uint8_t one[] = "first hash 16 by", two[] = "second hash 16 b";

static tt_span_t hash(const uint8_t *of)
{
    return (tt_span_t){of, 16};
}

static void keep(far_t *client, const uint8_t *of, const char *text)
{
    tt_frames_t bytes;
    tt_frames_init(&bytes);
    tt_frames_copy(&bytes, text, strlen(text));
    blobs_keep(hand, client->peer, hash(of), &bytes);
    tt_frames_release(&bytes);
}

TEST(a_hash_of_another_length_and_a_function_without_bytes_are_ignored)
{
    tt_frames_t bytes;
    tt_frames_init(&bytes);
    blobs_keep(hand, a.peer, hash(one), &bytes);
    tt_frames_copy(&bytes, "function", 8);
    blobs_keep(hand, a.peer, tt_span("short"), &bytes);
    assert_int_equal(bytes.count, 1); /* not taken */
    tt_frames_release(&bytes);
    blobs_drop(hand, a.peer, tt_span("short"));
    blobs_drop(hand, a.peer, hash(one));
    assert_int_equal(blobs_bytes(hand), 0);
    assert_false(blobs_send(hand, host.peer, one));
    assert_heard(host, "");
}

TEST(a_host_gets_a_function_once)
{
    heard_t heard;
    keep(&a, one, "function");
    assert_true(blobs_send(hand, host.peer, one));
    assert_true(blobs_send(hand, host.peer, one));
    assert_true(hear(&host, &heard));
    assert_int_equal(heard.message.type, TT_MSG_BLOB);
    assert_memory_equal(heard.message.as.blob.hash.data, one, 16);
    assert_memory_equal(tt_frames_span(&heard.packet.payload, 0).data, "function", 8);
    forget(&heard);
    assert_heard(host, "");
    assert_heard(other, "");
    assert_true(blobs_send(hand, other.peer, one));
    assert_heard(other, "BLOB; ");
}

TEST(a_function_that_two_clients_brought_is_kept_once_until_both_have_dropped_it)
{
    keep(&a, one, "function");
    keep(&b, one, "function");
    keep(&b, one, "function");
    assert_int_equal(blobs_bytes(hand), 8);
    blobs_send(hand, host.peer, one);
    assert_heard(host, "BLOB; ");
    blobs_drop(hand, b.peer, hash(one));
    assert_int_equal(blobs_bytes(hand), 8);
    assert_heard(host, "");
    blobs_drop(hand, b.peer, hash(one)); /* twice is once */
    assert_int_equal(blobs_bytes(hand), 8);
    blobs_drop(hand, a.peer, hash(one));
    assert_int_equal(blobs_bytes(hand), 0);
    assert_heard(host, "DROP; ");
    assert_heard(other, ""); /* it never had it */
    keep(&b, one, "function");
    blobs_send(hand, host.peer, one);
    assert_heard(host, "BLOB; "); /* it has it no more */
}

TEST(nobody_drops_what_another_client_brought)
{
    keep(&a, one, "function");
    blobs_drop(hand, b.peer, hash(one));
    blobs_client_gone(hand, b.peer);
    assert_int_equal(blobs_bytes(hand), 8);
    assert_true(blobs_send(hand, host.peer, one));
}

TEST(a_dropped_function_that_comes_again_is_sent_again)
{
    keep(&a, one, "function");
    keep(&a, two, "other");
    blobs_send(hand, host.peer, one);
    blobs_send(hand, host.peer, two);
    assert_heard(host, "BLOB; BLOB; ");
    blobs_drop(hand, a.peer, hash(one));
    assert_heard(host, "DROP; ");
    keep(&a, one, "function");
    assert_true(blobs_send(hand, host.peer, two)); /* this one it still has */
    assert_heard(host, "");
    assert_true(blobs_send(hand, host.peer, one));
    assert_heard(host, "BLOB; ");
}

TEST(a_client_that_goes_takes_all_of_its_functions_with_it)
{
    char name[17];
    for (int i = 0; i < 20; i++) {
        snprintf(name, sizeof name, "function %07d", i);
        keep(&a, (uint8_t *)name, "12345");
        if (i % 3 == 0)
            keep(&b, (uint8_t *)name, "12345");
    }
    assert_int_equal(blobs_bytes(hand), 100);
    hand_lose(&a);
    assert_int_equal(blobs_bytes(hand), 35);
    hand_lose(&b);
    assert_int_equal(blobs_bytes(hand), 0);
}

TEST(a_host_that_has_gone_is_not_told_of_drops)
{
    keep(&a, one, "function");
    blobs_send(hand, host.peer, one);
    hand_lose(&host);
    blobs_drop(hand, a.peer, hash(one));
    assert_int_equal(blobs_bytes(hand), 0);
}

#define EACH(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        EACH(a_hash_of_another_length_and_a_function_without_bytes_are_ignored),
        EACH(a_host_gets_a_function_once),
        EACH(a_function_that_two_clients_brought_is_kept_once_until_both_have_dropped_it),
        EACH(nobody_drops_what_another_client_brought),
        EACH(a_dropped_function_that_comes_again_is_sent_again),
        EACH(a_client_that_goes_takes_all_of_its_functions_with_it),
        EACH(a_host_that_has_gone_is_not_told_of_drops),
    };
    alarm(20);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
