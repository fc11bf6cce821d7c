/* Unit test of share/exchange: who hears of which message, while exchanges come and go from
 * within their own handlers. */
#include "check.h"

#include "exchange.h"

#include <unistd.h>

static tt_exchanges_t exchanges;
static tt_buf_t told; /* what was heard, in words and in order */

static int begin(void **unused)
{
    (void)unused;
    exchanges = (tt_exchanges_t){0};
    tt_buf_init(&told);
    return 0;
}

static int end(void **unused)
{
    (void)unused;
    tt_exchanges_release(&exchanges);
    tt_exchanges_release(&exchanges);
    tt_buf_release(&told);
    return 0;
}

#define assert_told(text)                                                                      \
    do {                                                                                       \
        assert_text(&told, text);                                                              \
        told.len = 0;                                                                          \
    } while (0)

/* What an exchange does with what it hears: its name, and another one that it meddles with. */
typedef struct {
    const char *name;
    uint64_t takes, begins; /* 0: none */
    bool keeps;             /* the payload */
} ear_t;

static ear_t a = {.name = "a"}, b = {.name = "b"}, c = {.name = "c"};

static void on_message(void *arg, const tt_message_t *message, tt_frames_t *payload)
{
    const ear_t *self = arg;
    if (message)
        tt_buf_printf(&told, "%s: %s %d;", self->name, tt_message_info(message->type)->name,
                      (int)message->id);
    else
        tt_buf_printf(&told, "%s: over;", self->name);
    if (self->takes)
        tt_exchanges_take(&exchanges, self->takes);
    if (self->begins)
        tt_exchanges_begin(&exchanges, self->begins, on_message, &c);
    if (self->keeps) {
        tt_buf_append(&told, tt_frames_span(payload, 0).data, tt_frames_span(payload, 0).len);
        tt_frames_release(payload);
    }
}

static void start(uint64_t id, ear_t *ear)
{
    tt_exchanges_begin(&exchanges, id, on_message, ear);
}

static bool note(unsigned type, uint64_t id)
{
    tt_message_t message = tt_message(type, id);
    tt_frames_t none;
    tt_frames_init(&none);
    return tt_exchanges_note(&exchanges, &message, &none);
}

TEST(where_there_is_none_nobody_hears_and_nothing_ends)
{
    assert_false(note(TT_MSG_FILED, 1));
    tt_exchanges_take(&exchanges, 1);
    tt_exchanges_end(&exchanges);
    assert_told("");
}

TEST(a_message_without_a_number_is_nobodys)
{
    start(0, &a);
    start(1, &b);
    assert_false(note(TT_MSG_FILED, 0));
    assert_told("");
}

TEST(a_message_goes_to_the_exchange_of_its_number_and_no_other)
{
    start(1, &a);
    start((uint64_t)1 << 40, &b);
    assert_true(note(TT_MSG_FILED, 1));
    assert_true(note(TT_MSG_CHUNK, (uint64_t)1 << 40));
    assert_true(note(TT_MSG_CREDIT, 1));
    assert_false(note(TT_MSG_CREDIT, 2));
    assert_told("a: FILED 1;b: CHUNK 0;a: CREDIT 1;");
}

TEST(the_payload_may_be_taken_and_else_stays_the_callers)
{
    tt_message_t message = tt_message(TT_MSG_CHUNK, 1);
    tt_frames_t payload;
    ear_t keeper = {.name = "keeper", .keeps = true};
    tt_frames_init(&payload);
    tt_frames_copy(&payload, "bytes", 5);
    start(1, &a);
    assert_true(tt_exchanges_note(&exchanges, &message, &payload));
    assert_int_equal(payload.count, 1);
    start(2, &keeper);
    message.id = 2;
    assert_true(tt_exchanges_note(&exchanges, &message, &payload));
    assert_int_equal(payload.count, 0);
    assert_told("a: CHUNK 1;keeper: CHUNK 2;bytes");
}

TEST(one_that_was_taken_hears_nothing_any_more_and_its_end_neither)
{
    start(1, &a);
    start(2, &b);
    tt_exchanges_take(&exchanges, 1);
    tt_exchanges_take(&exchanges, 1);
    assert_false(note(TT_MSG_FILED, 1));
    tt_exchanges_end(&exchanges);
    assert_told("b: over;");
}

TEST(one_may_be_taken_within_its_own_handler)
{
    ear_t once = {.name = "once", .takes = 1};
    start(1, &once);
    assert_true(note(TT_MSG_FILED, 1));
    assert_false(note(TT_MSG_FILED, 1));
    tt_exchanges_end(&exchanges);
    assert_told("once: FILED 1;");
}

TEST(one_may_take_another_and_begin_a_third_within_its_handler)
{
    ear_t busy = {.name = "busy", .takes = 2, .begins = 3};
    start(1, &busy);
    start(2, &b);
    assert_true(note(TT_MSG_FILED, 1));
    busy.begins = 0;
    assert_false(note(TT_MSG_FILED, 2));
    assert_true(note(TT_MSG_FILED, 3));
    assert_true(note(TT_MSG_CREDIT, 1));
    assert_told("busy: FILED 1;c: FILED 3;busy: CREDIT 1;");
}

TEST(one_may_begin_so_many_within_its_handler_that_the_table_grows)
{
    ear_t busy = {.name = "busy"};
    start(1, &busy);
    for (uint64_t id = 2; id < 500; id++) {
        busy.begins = id;
        assert_true(note(TT_MSG_CREDIT, 1));
    }
    told.len = 0;
    assert_true(note(TT_MSG_CREDIT, 499));
    assert_told("c: CREDIT 499;");
}

TEST(at_the_end_each_hears_of_it_once_and_of_nothing_afterwards)
{
    start(1, &a);
    start(2, &b);
    tt_exchanges_end(&exchanges);
    const char *text = tt_buf_text(&told);
    assert_int_equal(strlen(text), strlen("a: over;b: over;"));
    assert_true(strstr(text, "a: over;") && strstr(text, "b: over;"));
    told.len = 0;
    assert_false(note(TT_MSG_FILED, 1));
    tt_exchanges_end(&exchanges);
    assert_told("");
}

static void on_end(void *arg, const tt_message_t *message, tt_frames_t *payload)
{
    assert_null(message);
    assert_null(payload);
    assert_false(note(TT_MSG_FILED, *(uint64_t *)arg)); /* it is forgotten already */
    tt_exchanges_take(&exchanges, *(uint64_t *)arg);
    tt_buf_printf(&told, "over;");
}

TEST(one_that_ends_is_forgotten_before_it_hears_of_it)
{
    uint64_t id = 7;
    tt_exchanges_begin(&exchanges, id, on_end, &id);
    tt_exchanges_end(&exchanges);
    assert_told("over;");
}

TEST(one_that_is_begun_by_the_end_of_another_ends_too)
{
    ear_t last = {.name = "last", .begins = 9};
    start(1, &last);
    tt_exchanges_end(&exchanges);
    assert_told("last: over;c: over;");
    assert_false(note(TT_MSG_FILED, 9));
}

TEST(one_that_the_end_of_another_takes_does_not_hear_of_it)
{
    ear_t first = {.name = "x", .takes = 2}, second = {.name = "x", .takes = 1};
    start(1, &first); /* whichever comes first takes the other */
    start(2, &second);
    tt_exchanges_end(&exchanges);
    assert_told("x: over;");
}

TEST(what_is_released_is_not_told_and_numbers_can_be_used_again)
{
    start(1, &a);
    start(2, &b);
    tt_exchanges_release(&exchanges);
    assert_false(note(TT_MSG_FILED, 1));
    start(1, &c);
    assert_true(note(TT_MSG_FILED, 1));
    assert_told("c: FILED 1;");
}

#define EACH(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        EACH(where_there_is_none_nobody_hears_and_nothing_ends),
        EACH(a_message_without_a_number_is_nobodys),
        EACH(a_message_goes_to_the_exchange_of_its_number_and_no_other),
        EACH(the_payload_may_be_taken_and_else_stays_the_callers),
        EACH(one_that_was_taken_hears_nothing_any_more_and_its_end_neither),
        EACH(one_may_be_taken_within_its_own_handler),
        EACH(one_may_take_another_and_begin_a_third_within_its_handler),
        EACH(one_may_begin_so_many_within_its_handler_that_the_table_grows),
        EACH(at_the_end_each_hears_of_it_once_and_of_nothing_afterwards),
        EACH(one_that_ends_is_forgotten_before_it_hears_of_it),
        EACH(one_that_is_begun_by_the_end_of_another_ends_too),
        EACH(one_that_the_end_of_another_takes_does_not_hear_of_it),
        EACH(what_is_released_is_not_told_and_numbers_can_be_used_again),
    };
    alarm(20);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
