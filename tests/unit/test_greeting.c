/* Unit test of link/greeting: what a host of ours greets with is let through wherever it is
 * cut, and whatever else might come is not. */
#include "check.h"

#include "greeting.h"

#define ZEROS "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
#define HEAD  "\xff\0\0\0\0\0\0\0\1\x7f\3\1NULL" ZEROS ZEROS ZEROS

#define READY "\5READY"
#define TYPE  "\13Socket-Type\0\0\0\6DEALER"
#define OURS  HEAD "\4\51" READY TYPE "\10Identity\0\0\0\0"

/* Whether all of it is let through; it comes at once, and byte by byte. */
static bool is_fine(tt_span_t bytes)
{
    greeting_t whole = {0}, parts = {0};
    bool fine = greeting_allows(&whole, bytes), fine_in_parts = true;
    for (size_t i = 0; i < bytes.len; i++)
        fine_in_parts = greeting_allows(&parts, (tt_span_t){bytes.data + i, 1});
    assert_int_equal(fine, fine_in_parts);
    assert_int_equal(whole.len, parts.len);
    assert_int_equal(whole.whole, parts.whole);
    return fine;
}

#define assert_fine(text) assert_true(is_fine(SPAN(text)))
#define assert_bad(text)  assert_false(is_fine(SPAN(text)))

TEST(a_host_of_ours_is_let_through_wherever_its_bytes_are_cut)
{
    tt_span_t all = SPAN(OURS "\1\5frame");
    for (size_t len = 0; len <= all.len; len++) {
        greeting_t greeting = {0};
        assert_true(greeting_allows(&greeting, (tt_span_t){all.data, len}));
        assert_int_equal(greeting.whole, len >= sizeof OURS - 1);
        assert_true(greeting_allows(&greeting, (tt_span_t){all.data + len, all.len - len}));
        assert_true(greeting.whole);
    }
    assert_fine(HEAD "\4\6" READY);
    assert_fine("\xff\0\0\0\0\0\0\0\1\x7f\4"); /* a later version */
}

TEST(behind_its_ready_it_may_say_what_it_likes)
{
    greeting_t greeting = {0};
    assert_true(greeting_allows(&greeting, SPAN(OURS)));
    assert_true(greeting_allows(&greeting, SPAN("\4\24" READY "\10Identity\0\0\0\1i")));
    assert_true(greeting_allows(&greeting, SPAN("\0\0\0")));
}

TEST(whoever_chooses_a_routing_id_is_not_let_through)
{
    assert_bad(HEAD "\4\24" READY "\10Identity\0\0\0\1i");
    assert_bad(HEAD "\4\24" READY "\10identitY\0\0\0\1i");
    assert_bad(HEAD "\4\55" READY TYPE "\10Identity\0\0\0\5\0abcd"
                    "\0"); /* and a byte too many */
    assert_bad(HEAD "\4\56" READY TYPE "\10Identity\0\0\0\5\0abcd");
    assert_bad(HEAD "\4\41" READY "\10Identity\0\0\0\0\10Identity\0\0\0\1i");
    assert_fine(HEAD "\4\40" READY "\10Identity\0\0\0\0\10Identity\0\0\0\0");
    assert_fine(HEAD "\4\25" READY "\11Identity2\0\0\0\1i");
}

TEST(an_older_version_is_not_let_through)
{
    assert_bad("\1\0"); /* version 1 begins with the frame of its id */
    assert_bad("\0");
    assert_bad("\xff\0\0\0\0\0\0\0\1\x7e"); /* a long one of version 1 */
    assert_bad("\xff\0\0\0\0\0\0\0\1\x7f\0");
    assert_bad("\xff\0\0\0\0\0\0\0\1\x7f\1");
    assert_bad("\xff\0\0\0\0\0\0\0\1\x7f\2");
}

TEST(another_mechanism_and_a_command_that_is_no_ready_are_not_let_through)
{
    assert_bad("\xff\0\0\0\0\0\0\0\1\x7f\3\1PLAIN");
    assert_bad("\xff\0\0\0\0\0\0\0\1\x7f\3\1NULL1");
    assert_bad(HEAD "\1");         /* a message */
    assert_bad(HEAD "\6\0\0\0\0"); /* a long command */
    assert_bad(HEAD "\4\0");
    assert_bad(HEAD "\4\6\5HELLO");
    assert_bad(HEAD "\4\7\6READY!");
    assert_bad(HEAD "\4\5\5READ");
}

TEST(properties_that_do_not_end_where_the_command_does_are_not_let_through)
{
    assert_bad(HEAD "\4\7" READY "\0");
    assert_bad(HEAD "\4\7" READY "\1");
    assert_bad(HEAD "\4\13" READY "\1x\0\0\0");
    assert_bad(HEAD "\4\14" READY "\1x\0\0\0\1");
    assert_bad(HEAD "\4\14" READY "\1x\xff\xff\xff\xff");
    assert_fine(HEAD "\4\14" READY "\1x\0\0\0\0");
}

TEST(what_was_not_let_through_once_is_not_later)
{
    greeting_t greeting = {0};
    assert_false(greeting_allows(&greeting, SPAN("\1")));
    assert_false(greeting_allows(&greeting, SPAN(OURS)));
    assert_false(greeting_allows(&greeting, SPAN("")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RUN(a_host_of_ours_is_let_through_wherever_its_bytes_are_cut),
        RUN(behind_its_ready_it_may_say_what_it_likes),
        RUN(whoever_chooses_a_routing_id_is_not_let_through),
        RUN(an_older_version_is_not_let_through),
        RUN(another_mechanism_and_a_command_that_is_no_ready_are_not_let_through),
        RUN(properties_that_do_not_end_where_the_command_does_are_not_let_through),
        RUN(what_was_not_let_through_once_is_not_later),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
