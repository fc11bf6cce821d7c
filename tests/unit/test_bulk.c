/* Unit test of share/bulk: big values given and taken in chunks, and taken apart and put
 * together again. What a spool would hold is compared byte by byte with what one does hold. */
#include "scratch.h"

#include "bulk.h"
#include "value.h"

#include <stdlib.h>
#include <unistd.h>

enum { CHUNK = 64 << 10 };

static tt_giving_t giving;
static tt_taking_t taking;
static tt_frames_t from, bulk, into;
static tt_layout_t layout;
static tt_spool_t *spool;
static tt_error_t err;
static int fds_before;

static int begin(void **unused)
{
    (void)unused;
    giving = (tt_giving_t){0};
    taking = (tt_taking_t){0};
    tt_frames_init(&from);
    tt_frames_init(&bulk);
    tt_frames_init(&into);
    layout = (tt_layout_t){0};
    err.text[0] = 0;
    fds_before = open_fds();
    return 0;
}

/* No test leaves a spool behind. */
static int end(void **unused)
{
    (void)unused;
    tt_taking_release(&taking);
    tt_taking_release(&taking);
    tt_frames_release(&from);
    tt_frames_release(&bulk);
    tt_frames_release(&into);
    tt_layout_release(&layout);
    tt_spool_release(&spool);
    return open_fds() == fds_before ? 0 : -1;
}

/* What a test's value has at this place. */
static uint8_t byte_at(uint64_t at)
{
    return (uint8_t)((at + 1) * UINT64_C(0x9e3779b97f4a7c15) >> 56);
}

/* ---- giving */

static void give(uint64_t bytes)
{
    giving = (tt_giving_t){.bytes = bytes};
    assert_int_equal(tt_giving_wanted(&giving, 0), bytes == 0);
}

/* Gives the next chunk, which is that one. */
static void expect_chunk(uint64_t offset, size_t len)
{
    uint64_t at = UINT64_MAX;
    assert_int_equal(tt_giving_next(&giving, &at), len);
    assert_true(at == offset);
}

TEST(nothing_is_given_before_it_is_wanted)
{
    uint64_t offset = 7;
    giving.bytes = 1000;
    assert_int_equal(tt_giving_next(&giving, &offset), 0);
    assert_int_equal(offset, 7);
    assert_int_equal(tt_giving_wanted(&giving, 1), -1); /* nobody has got anything yet */
    assert_int_equal(tt_giving_wanted(&giving, 1000), -1);
    assert_int_equal(tt_giving_next(&giving, &offset), 0);
}

TEST(more_than_was_sent_or_less_than_before_makes_no_sense)
{
    give(10 * CHUNK);
    expect_chunk(0, CHUNK);
    expect_chunk(CHUNK, CHUNK);
    assert_int_equal(tt_giving_wanted(&giving, 2 * CHUNK + 1), -1);
    assert_int_equal(tt_giving_wanted(&giving, 10 * CHUNK), -1);
    assert_int_equal(tt_giving_wanted(&giving, UINT64_MAX), -1);
    assert_int_equal(tt_giving_wanted(&giving, 2 * CHUNK), 0);
    assert_int_equal(tt_giving_wanted(&giving, CHUNK), -1);
    expect_chunk(2 * CHUNK, CHUNK); /* none of it has changed anything */
}

TEST(a_value_of_no_bytes_is_had_at_once)
{
    uint64_t offset;
    give(0);
    assert_int_equal(tt_giving_next(&giving, &offset), 0);
}

TEST(no_more_is_under_way_than_the_window_and_all_that_was_taken_makes_room)
{
    uint64_t offset, sent = 0;
    give((uint64_t)100 << 20);
    for (; sent < TT_FLOW_LEAST; sent += CHUNK)
        expect_chunk(sent, CHUNK);
    assert_int_equal(tt_giving_next(&giving, &offset), 0);
    assert_int_equal(tt_giving_wanted(&giving, sent), 0);
    expect_chunk(sent, CHUNK);
}

TEST(a_want_of_nothing_taken_begins_anew)
{
    give(6 * CHUNK);
    for (uint64_t i = 0; i < 4; i++)
        expect_chunk(i * CHUNK, CHUNK);
    assert_int_equal(tt_giving_wanted(&giving, 3 * CHUNK), 0);
    assert_int_equal(tt_giving_wanted(&giving, 0), 0);
    assert_int_equal(tt_giving_wanted(&giving, 3 * CHUNK), -1); /* this time nothing was sent */
    expect_chunk(0, CHUNK);
    expect_chunk(CHUNK, CHUNK);
    assert_int_equal(tt_giving_wanted(&giving, 2 * CHUNK), 0);
}

TEST(it_begins_anew_even_when_all_was_given)
{
    give(100);
    for (int i = 0; i < 3; i++) {
        expect_chunk(0, 100);
        expect_chunk(UINT64_MAX, 0);
        assert_int_equal(tt_giving_wanted(&giving, 100), 1);
        assert_int_equal(tt_giving_wanted(&giving, 0), 0);
    }
}

/* Gives all of it to `taking`, chunk by chunk. */
static void give_all(uint64_t bytes)
{
    static uint8_t chunk[CHUNK];
    uint64_t offset, sent = 0;
    int whole = bytes == 0;
    for (give(bytes); !whole;) {
        size_t len = tt_giving_next(&giving, &offset);
        assert_int_equal(len, bytes - sent < CHUNK ? bytes - sent : CHUNK);
        assert_true(offset == sent);
        for (size_t i = 0; i < len; i++)
            chunk[i] = byte_at(offset + i);
        whole = tt_taking_add(&taking, offset, bytes, (tt_span_t){chunk, len}, &err);
        sent += len;
        assert_int_equal(whole, sent == bytes);
        assert_int_equal(tt_taking_whole(&taking), whole);
        assert_int_equal(tt_giving_wanted(&giving, taking.taken), whole);
    }
    assert_int_equal(tt_giving_next(&giving, &offset), 0);
}

TEST(values_of_all_sizes_around_a_chunk_arrive_as_they_are)
{
    for (uint64_t chunks = 0; chunks <= 5; chunks++)
        for (uint64_t odd = 0; odd < 7; odd++) {
            uint64_t bytes = chunks * CHUNK + odd < 3 ? odd + 1 : chunks * CHUNK + odd - 3;
            uint8_t got[CHUNK];
            give_all(bytes);
            for (uint64_t at = 0; at < bytes;) {
                size_t len = bytes - at < CHUNK ? (size_t)(bytes - at) : CHUNK;
                assert_int_equal(tt_spool_read(taking.spool, at, got, len), 0);
                for (size_t i = 0; i < len; i++, at++)
                    assert_int_equal(got[i], byte_at(at));
            }
            tt_taking_release(&taking);
        }
}

TEST(a_value_beyond_32_bits_is_given_to_its_end)
{
    const uint64_t bytes = ((uint64_t)5 << 30) + 1;
    uint64_t offset, sent = 0;
    give(bytes);
    for (int whole = 0; !whole;) {
        size_t len = tt_giving_next(&giving, &offset);
        assert_true(len > 0 && offset == sent);
        sent += len;
        whole = tt_giving_wanted(&giving, sent);
        assert_int_equal(whole, sent == bytes);
    }
    assert_int_equal(sent % CHUNK, 1);
}

/* ---- taking */

static int take(uint64_t offset, uint64_t total, const char *text)
{
    return tt_taking_add(&taking, offset, total, tt_span(text), &err);
}

static void refuse_chunk(uint64_t offset, uint64_t total, const char *text, const char *why)
{
    uint64_t before = taking.taken;
    err.text[0] = 0;
    assert_int_equal(take(offset, total, text), -1);
    assert_says(&err, why);
    assert_int_equal(taking.taken, before);
    assert_false(tt_taking_whole(&taking));
}

TEST(chunks_that_do_not_follow_each_other_are_refused)
{
    refuse_chunk(1, 10, "abc", "do not follow each other");
    assert_int_equal(take(0, 10, "abc"), 0);
    refuse_chunk(0, 10, "abc", "do not follow"); /* again */
    refuse_chunk(2, 10, "cde", "do not follow"); /* over the last one */
    refuse_chunk(4, 10, "efg", "do not follow"); /* a gap */
    refuse_chunk(UINT64_MAX, 10, "x", "do not follow");
    assert_int_equal(take(3, 10, "defghij"), 1); /* what does follow is taken all the same */
}

TEST(a_total_that_changes_is_refused)
{
    assert_int_equal(take(0, 10, "abc"), 0);
    refuse_chunk(3, 9, "def", "do not follow");
    refuse_chunk(3, 11, "def", "do not follow");
    refuse_chunk(3, 3, "", "do not follow");
    refuse_chunk(3, UINT64_MAX, "def", "do not follow");
    assert_int_equal(take(3, 10, "def"), 0);
}

TEST(more_than_the_total_is_refused)
{
    refuse_chunk(0, 2, "abc", "more than the 2 bytes that were announced");
    assert_int_equal(take(0, 2, "a"), 0);
    refuse_chunk(1, 2, "bc", "more than the 2 bytes");
    assert_int_equal(take(1, 2, "b"), 1);
    assert_int_equal(take(2, 2, ""), 1);
    assert_int_equal(take(2, 2, "c"), -1);
    assert_true(tt_taking_whole(&taking));
}

TEST(a_value_that_no_memory_is_large_enough_for_is_refused)
{
    refuse_chunk(0, (uint64_t)1 << 50, "abc", "memory");
    refuse_chunk(0, UINT64_MAX, "abc", "memory");
    assert_null(taking.spool);
    assert_int_equal(take(0, 4, "abc"), 0); /* a smaller one still is */
}

TEST(nothing_taken_is_not_whole_but_a_value_of_no_bytes_is)
{
    assert_false(tt_taking_whole(&taking));
    assert_int_equal(take(0, 0, ""), 1);
    assert_true(tt_taking_whole(&taking));
}

TEST(a_value_is_announced_by_nothing_and_whole_with_its_last_byte)
{
    uint8_t got[6];
    assert_int_equal(take(0, 6, ""), 0);
    assert_int_equal(take(0, 6, "ab"), 0);
    assert_int_equal(take(2, 6, ""), 0);
    assert_int_equal(take(2, 6, "cde"), 0);
    assert_int_equal(take(5, 6, "f"), 1);
    assert_int_equal(tt_spool_read(taking.spool, 0, got, 6), 0);
    assert_memory_equal(got, "abcdef", 6);
}

TEST(what_was_released_begins_anew_with_any_total)
{
    assert_int_equal(take(0, 6, "abc"), 0);
    tt_taking_release(&taking);
    assert_int_equal(open_fds(), fds_before);
    assert_false(tt_taking_whole(&taking));
    assert_int_equal(take(0, 2, "ab"), 1);
}

/* ---- frames taken apart */

static void add_frame(tt_frames_t *frames, size_t len, uint64_t seed)
{
    uint8_t *bytes = tt_alloc(len);
    for (size_t i = 0; i < len; i++)
        bytes[i] = byte_at(seed * 1000003 + i);
    tt_frames_copy(frames, bytes, len);
    free(bytes);
}

static void assert_frame(const tt_frames_t *frames, size_t i, size_t len, uint64_t seed)
{
    tt_span_t span = tt_frames_span(frames, i);
    assert_int_equal(span.len, len);
    for (size_t k = 0; k < len; k++)
        if (span.data[k] != byte_at(seed * 1000003 + k))
            fail_msg("frame %zu differs at %zu", i, k);
}

TEST(of_small_frames_nothing_is_split_off)
{
    add_frame(&from, TT_WHOLE_MAX - 5, 0);
    add_frame(&from, 5, 1);
    tt_bulk_split(&from, &layout, &bulk);
    assert_int_equal(layout.count, 2);
    assert_int_equal(layout.bytes, 0);
    assert_int_equal(bulk.count, 0);
    assert_int_equal(from.count, 2);
    assert_frame(&from, 0, TT_WHOLE_MAX - 5, 0);
    assert_frame(&from, 1, 5, 1);
}

TEST(no_frames_are_split_into_none)
{
    tt_bulk_split(&from, &layout, &bulk);
    assert_int_equal(layout.count + layout.bytes + bulk.count + from.count, 0);
}

TEST(large_frames_are_split_off_and_small_ones_stay_both_in_order)
{
    const size_t lens[] = {10, 600000, 0, TT_INLINE_LIMIT, 500000, TT_INLINE_LIMIT - 1};
    add_frame(&bulk, 3, 99); /* is there before: what is split off comes behind it */
    for (size_t i = 0; i < 6; i++)
        add_frame(&from, lens[i], i);
    tt_bulk_split(&from, &layout, &bulk);
    assert_int_equal(from.count, 3);
    assert_frame(&from, 0, 10, 0);
    assert_frame(&from, 1, 0, 2);
    assert_frame(&from, 2, TT_INLINE_LIMIT - 1, 5);
    assert_int_equal(bulk.count, 4);
    assert_frame(&bulk, 0, 3, 99);
    assert_frame(&bulk, 1, 600000, 1);
    assert_frame(&bulk, 2, TT_INLINE_LIMIT, 3);
    assert_frame(&bulk, 3, 500000, 4);
    assert_int_equal(layout.count, 6);
    assert_true(layout.places[0].offset == TT_IN_MESSAGE);
    assert_int_equal(layout.places[1].offset, 0);
}

/* Frames of random lengths, many of them odd; at least one is large. */
static size_t random_frames(size_t *lens)
{
    size_t count = 1 + (size_t)rand() % 9;
    for (size_t i = 0; i < count; i++) {
        lens[i] = (size_t)rand() % (rand() % 2 ? 200000 : 2 * TT_INLINE_LIMIT);
        if (i == count / 2)
            lens[i] += TT_WHOLE_MAX;
        add_frame(&from, lens[i], i);
    }
    return count;
}

static void again(void)
{
    assert_int_equal(end(NULL), 0);
    begin(NULL);
}

static void split_random(void)
{
    size_t lens[10];
    random_frames(lens);
    tt_bulk_split(&from, &layout, &bulk);
    spool = tt_bulk_spool(&bulk, &layout, &err);
    assert_non_null(spool);
    assert_int_equal(tt_spool_bytes(spool), layout.bytes);
}

/* Reads that run of bytes of both: they are the same. */
static void compare(uint64_t offset, size_t len)
{
    uint8_t *want = tt_alloc(len);
    assert_int_equal(tt_spool_read(spool, offset, want, len), 0);
    tt_bulk_read(&bulk, &layout, offset, len, &into);
    assert_int_equal(into.count, 1);
    assert_int_equal(tt_frames_span(&into, 0).len, len);
    if (len > 0)
        assert_memory_equal(tt_frames_span(&into, 0).data, want, len);
    tt_frames_release(&into);
    free(want);
}

TEST(any_cut_of_what_was_split_off_is_what_its_spool_has_there)
{
    srand(6);
    for (int round = 0; round < 8; round++) {
        split_random();
        for (int i = 0; i < 100; i++) {
            uint64_t offset = (uint64_t)rand() % (layout.bytes + 1);
            size_t left = (size_t)(layout.bytes - offset), most = i % 2 ? left : 300;
            compare(offset, (size_t)rand() % ((most < left ? most : left) + 1));
        }
        compare(0, (size_t)layout.bytes);
        compare(layout.bytes, 0);
        again();
    }
}

TEST(cuts_at_the_edges_of_frames_and_between_them_are_right)
{
    srand(7);
    for (int round = 0; round < 8; round++) {
        split_random();
        for (size_t i = 0; i < layout.count; i++) {
            const tt_place_t *place = &layout.places[i];
            if (place->offset == TT_IN_MESSAGE)
                continue;
            for (uint64_t d = 0; d < 2 * TT_SPOOL_ALIGN; d++) {
                uint64_t at = place->offset + place->len + d;
                if (at >= TT_SPOOL_ALIGN && at <= layout.bytes)
                    compare(at - TT_SPOOL_ALIGN, (size_t)d % (TT_SPOOL_ALIGN + 1));
                if (place->offset + d <= layout.bytes && place->offset >= d)
                    compare(place->offset - d, (size_t)(2 * d));
            }
        }
        again();
    }
}

TEST(chunks_read_one_after_the_other_make_the_spool_at_the_other_end)
{
    srand(8);
    for (int round = 0; round < 5; round++) {
        uint64_t offset;
        split_random();
        for (give(layout.bytes); !tt_taking_whole(&taking);) {
            size_t len = tt_giving_next(&giving, &offset);
            tt_bulk_read(&bulk, &layout, offset, len, &into);
            assert_true(tt_taking_add(&taking, offset, layout.bytes, tt_frames_span(&into, 0),
                                      &err) >= 0);
            assert_true(tt_giving_wanted(&giving, taking.taken) >= 0);
            tt_frames_release(&into);
        }
        assert_memory_equal(tt_spool_map(taking.spool, &err), tt_spool_map(spool, &err),
                            layout.bytes);
        again();
    }
}

TEST(a_cut_is_added_behind_the_frames_that_are_there)
{
    add_frame(&from, TT_WHOLE_MAX + 1, 0);
    tt_bulk_split(&from, &layout, &bulk);
    add_frame(&into, 3, 5);
    tt_bulk_read(&bulk, &layout, TT_WHOLE_MAX, 1, &into);
    assert_int_equal(into.count, 2);
    assert_frame(&into, 0, 3, 5);
    assert_int_equal(*tt_frames_span(&into, 1).data, byte_at(TT_WHOLE_MAX));
}

TEST(a_spool_that_cannot_be_is_told_and_nothing_is_left_of_it)
{
    tt_place_t place = {0, 4};
    const tt_layout_t vast = {&place, 1, (uint64_t)1 << 50};
    add_frame(&bulk, 4, 0);
    assert_null(tt_bulk_spool(&bulk, &vast, &err));
    assert_says(&err, "memory");
    assert_int_equal(open_fds(), fds_before);
}

TEST(a_spool_that_is_written_in_steps_is_the_same)
{
    static const size_t lens[] = {TT_WHOLE_MAX, 5000, 70000, 4096};
    for (size_t i = 0; i < 4; i++)
        add_frame(&from, lens[i], i);
    tt_bulk_split(&from, &layout, &bulk);
    tt_spool_t *at_once = tt_bulk_spool(&bulk, &layout, &err);
    tt_spool_t *steps = tt_spool_new(layout.bytes, &err);
    for (uint64_t at = 0; at < layout.bytes; at += 10007)
        assert_int_equal(tt_bulk_write(&bulk, &layout, at, 10007, steps, &err), 0);
    assert_memory_equal(tt_spool_map(steps, &err), tt_spool_map(at_once, &err), layout.bytes);
    tt_spool_release(&at_once);
    tt_spool_release(&steps);
}

TEST(a_write_that_does_not_fit_its_spool_is_refused)
{
    add_frame(&from, TT_WHOLE_MAX + 1, 0);
    tt_bulk_split(&from, &layout, &bulk);
    tt_spool_t *small = tt_spool_new(TT_WHOLE_MAX, &err);
    assert_int_equal(tt_bulk_write(&bulk, &layout, 0, layout.bytes, small, &err), -1);
    assert_says(&err, "more than the 1048576 bytes");
    tt_spool_release(&small);
}

TEST(what_is_offered_as_a_file_may_be_said_to_be_taken_at_once)
{
    spool = tt_spool_new(3 * TT_WHOLE_MAX, &err);
    giving.bytes = 3 * TT_WHOLE_MAX;
    assert_int_equal(tt_giving_wanted(&giving, 0), 0);
    tt_message_t message = tt_giving_offer(&giving, 7, spool);
    assert_int_equal(message.type, TT_MSG_DATA);
    assert_int_equal(message.id, 7);
    assert_int_equal(message.as.data.pid, getpid());
    assert_int_equal(message.as.data.total, 3 * TT_WHOLE_MAX);
    uint64_t offset;
    assert_int_equal(tt_giving_next(&giving, &offset), 0);
    assert_int_equal(tt_giving_wanted(&giving, 3 * TT_WHOLE_MAX), 1);
    assert_int_equal(tt_giving_wanted(&giving, 0), 0); /* it could not be opened */
    assert_true(tt_giving_next(&giving, &offset) > 0);
    assert_int_equal(offset, 0);
}

TEST(a_file_is_taken_whole_and_one_that_is_none_not_at_all)
{
    spool = tt_spool_new(9, &err);
    assert_int_equal(tt_spool_write(spool, 0, tt_span("some text"), &err), 0);
    tt_spool_place_t place = tt_spool_place(spool), other = place;
    assert_int_equal(tt_taking_open(&taking, place, 9), 0);
    assert_true(tt_taking_whole(&taking));
    tt_spool_release(&spool);
    assert_memory_equal(tt_spool_map(taking.spool, &err), "some text", 9);
    tt_taking_release(&taking);
    other.inode++;
    assert_int_equal(tt_taking_open(&taking, place, 9), -1); /* it is closed */
    assert_int_equal(tt_taking_open(&taking, other, 9), -1);
    assert_false(tt_taking_whole(&taking));
    assert_int_equal(taking.taken, 0);
}

TEST(what_lies_in_a_file_already_is_found_there)
{
    static const size_t lens[] = {TT_WHOLE_MAX, 10, 70000};
    for (size_t i = 0; i < 3; i++)
        add_frame(&from, lens[i], i);
    tt_bulk_split(&from, &layout, &bulk);
    assert_null(tt_bulk_find(&bulk, &layout)); /* it is in nobody's file */
    spool = tt_bulk_spool(&bulk, &layout, &err);
    tt_frames_release(&bulk);
    assert_int_equal(tt_bulk_join(spool, &layout, &from, &into, &err), 0);
    tt_layout_release(&layout);
    tt_bulk_split(&into, &layout, &bulk); /* as it is sent on */
    tt_spool_t *found = tt_bulk_spool(&bulk, &layout, &err), *none;
    assert_ptr_equal(found, spool);
    tt_spool_release(&found);
    layout.places[2].offset += TT_SPOOL_ALIGN;
    assert_null(tt_bulk_find(&bulk, &layout)); /* not at its place */
    layout.places[2].offset -= TT_SPOOL_ALIGN;
    layout.bytes++;
    assert_null(tt_bulk_find(&bulk, &layout)); /* not all of it */
    layout.bytes--;
    tt_spool_close(spool); /* what is mapped may be another by now */
    none = tt_bulk_find(&bulk, &layout);
    assert_null(none);
}

TEST(what_lies_in_two_files_is_not_found)
{
    tt_spool_t *other = tt_spool_new(2 * TT_WHOLE_MAX, &err);
    spool = tt_spool_new(2 * TT_WHOLE_MAX, &err);
    tt_place_t places[] = {{0, 5000}, {TT_WHOLE_MAX, 5000}};
    const tt_layout_t two = {places, 2, TT_WHOLE_MAX + 5000};
    tt_frames_lend(&bulk, tt_spool_map(spool, &err), 5000, NULL, NULL);
    tt_frames_lend(&bulk, tt_spool_map(other, &err) + TT_WHOLE_MAX, 5000, NULL, NULL);
    assert_null(tt_bulk_find(&bulk, &two));
    tt_frames_release(&bulk);
    tt_frames_lend(&bulk, tt_spool_map(spool, &err), 5000, NULL, NULL);
    tt_frames_lend(&bulk, tt_spool_map(spool, &err) + TT_WHOLE_MAX, 5000, NULL, NULL);
    tt_spool_t *found = tt_bulk_find(&bulk, &two);
    assert_ptr_equal(found, spool);
    tt_spool_release(&found);
    tt_spool_release(&other);
}

/* ---- frames put together */

static void count_freed(void *data, void *hint)
{
    (void)data;
    ++*(int *)hint;
}

/* Tells what it holds, so that a test sees when it is let go. */
static void lend_frame(tt_frames_t *frames, int *freed)
{
    static char bytes[4];
    tt_frames_lend(frames, bytes, sizeof bytes, count_freed, freed);
}

/* What it was given is gone then, nothing was added, and the reason is told. */
static void refuse_join(tt_spool_t *with, const tt_layout_t *places)
{
    int freed = 0;
    lend_frame(&from, &freed);
    err.text[0] = 0;
    assert_int_equal(tt_bulk_join(with, places, &from, &into, &err), -1);
    assert_says(&err, "has not come whole");
    assert_int_equal(from.count, 0);
    assert_int_equal(into.count, 0);
    assert_int_equal(freed, 1);
}

TEST(without_its_spool_or_with_one_that_is_too_small_no_value_is_joined)
{
    tt_place_t places[] = {{TT_IN_MESSAGE, 4}, {0, 100}};
    const tt_layout_t two = {places, 2, 100};
    refuse_join(NULL, &two);
    spool = tt_spool_new(99, &err);
    refuse_join(spool, &two);
}

TEST(with_a_spool_of_no_bytes_no_value_is_joined_and_the_reason_is_told)
{
    tt_place_t place = {0, 100};
    const tt_layout_t one = {&place, 1, 100};
    spool = tt_spool_new(0, &err);
    refuse_join(spool, &one);
}

TEST(what_was_split_and_spooled_is_joined_as_it_was)
{
    srand(9);
    for (int round = 0; round < 10; round++) {
        size_t lens[10], count = random_frames(lens);
        tt_bulk_split(&from, &layout, &bulk);
        spool = tt_bulk_spool(&bulk, &layout, &err);
        assert_int_equal(tt_bulk_join(spool, &layout, &from, &into, &err), 0);
        assert_int_equal(from.count, 0);
        assert_int_equal(into.count, count);
        for (size_t i = 0; i < count; i++)
            assert_frame(&into, i, lens[i], i);
        again();
    }
}

TEST(a_message_without_a_spool_is_joined_from_its_frames_alone)
{
    add_frame(&from, 10, 0);
    add_frame(&from, 0, 1);
    add_frame(&from, 20, 2);
    tt_bulk_split(&from, &layout, &bulk);
    assert_int_equal(tt_bulk_join(NULL, &layout, &from, &into, &err), 0);
    assert_int_equal(from.count, 0);
    assert_int_equal(into.count, 3);
    assert_frame(&into, 0, 10, 0);
    assert_frame(&into, 1, 0, 1);
    assert_frame(&into, 2, 20, 2);
}

TEST(frames_that_are_missing_are_empty_and_those_too_many_are_let_go)
{
    tt_place_t places[] = {{TT_IN_MESSAGE, 4}, {0, 2}, {TT_IN_MESSAGE, 4}, {TT_IN_MESSAGE, 9}};
    tt_layout_t some = {places, 4, 2};
    int freed = 0;
    spool = tt_spool_new(2, &err);
    assert_int_equal(tt_spool_write(spool, 0, SPAN("ab"), &err), 0);
    add_frame(&from, 4, 7);
    assert_int_equal(tt_bulk_join(spool, &some, &from, &into, &err), 0);
    assert_int_equal(into.count, 4);
    assert_frame(&into, 0, 4, 7);
    assert_memory_equal(tt_frames_span(&into, 1).data, "ab", 2);
    assert_int_equal(tt_frames_span(&into, 2).len, 0);
    assert_int_equal(tt_frames_span(&into, 3).len, 0);
    tt_frames_release(&into);
    some.count = 2;
    for (int i = 0; i < 3; i++)
        lend_frame(&from, &freed);
    assert_int_equal(tt_bulk_join(spool, &some, &from, &into, &err), 0);
    assert_int_equal(into.count, 2);
    assert_int_equal(freed, 2);
    tt_frames_release(&into);
    assert_int_equal(freed, 3);
}

/* A host may say so; there is no spool then, and none is asked for. */
TEST(an_empty_frame_at_the_start_of_no_spool_is_an_empty_frame)
{
    assert_int_equal(tt_layout_read(&layout, SPAN("\x92\x92\x00\x00\x03"), &err), 0);
    assert_int_equal(layout.bytes, 0);
    add_frame(&from, 3, 1);
    assert_int_equal(tt_bulk_join(NULL, &layout, &from, &into, &err), 0);
    assert_int_equal(into.count, 2);
    assert_int_equal(tt_frames_span(&into, 0).len, 0);
    assert_frame(&into, 1, 3, 1);
}

TEST(frames_of_a_spool_keep_it_alive_until_the_last_of_them_is_gone)
{
    tt_place_t places[] = {{0, 5}, {64, 0}, {64, 6}};
    const tt_layout_t three = {places, 3, 70};
    tt_frames_t last;
    tt_frames_init(&last);
    spool = tt_spool_new(1000, &err); /* more than the layout needs */
    assert_int_equal(tt_spool_write(spool, 0, SPAN("first"), &err), 0);
    assert_int_equal(tt_spool_write(spool, 64, SPAN("second"), &err), 0);
    assert_int_equal(tt_bulk_join(spool, &three, &from, &into, &err), 0);
    tt_spool_release(&spool);
    assert_int_equal(open_fds(), fds_before + 1);
    assert_memory_equal(tt_frames_span(&into, 0).data, "first", 5);
    assert_int_equal(tt_frames_span(&into, 1).len, 0);
    tt_frames_share(&last, &into.items[2]);
    tt_frames_release(&into);
    assert_int_equal(open_fds(), fds_before + 1);
    assert_memory_equal(tt_frames_span(&last, 0).data, "second", 6);
    tt_frames_release(&last);
    assert_int_equal(open_fds(), fds_before);
}

TEST(the_same_spool_is_joined_as_often_as_one_likes)
{
    add_frame(&bulk, TT_WHOLE_MAX + 1, 3);
    tt_frames_share_all(&from, &bulk);
    tt_frames_release(&bulk);
    tt_bulk_split(&from, &layout, &bulk);
    spool = tt_bulk_spool(&bulk, &layout, &err);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(tt_bulk_join(spool, &layout, &from, &into, &err), 0);
        assert_int_equal(into.count, i + 1); /* behind those that are there */
    }
    tt_spool_release(&spool);
    for (size_t i = 0; i < 3; i++)
        assert_frame(&into, i, TT_WHOLE_MAX + 1, 3);
}

#define EACH(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        EACH(nothing_is_given_before_it_is_wanted),
        EACH(more_than_was_sent_or_less_than_before_makes_no_sense),
        EACH(a_value_of_no_bytes_is_had_at_once),
        EACH(no_more_is_under_way_than_the_window_and_all_that_was_taken_makes_room),
        EACH(a_want_of_nothing_taken_begins_anew),
        EACH(it_begins_anew_even_when_all_was_given),
        EACH(values_of_all_sizes_around_a_chunk_arrive_as_they_are),
        EACH(a_value_beyond_32_bits_is_given_to_its_end),
        EACH(chunks_that_do_not_follow_each_other_are_refused),
        EACH(a_total_that_changes_is_refused),
        EACH(more_than_the_total_is_refused),
        EACH(a_value_that_no_memory_is_large_enough_for_is_refused),
        EACH(nothing_taken_is_not_whole_but_a_value_of_no_bytes_is),
        EACH(a_value_is_announced_by_nothing_and_whole_with_its_last_byte),
        EACH(what_was_released_begins_anew_with_any_total),
        EACH(of_small_frames_nothing_is_split_off),
        EACH(no_frames_are_split_into_none),
        EACH(large_frames_are_split_off_and_small_ones_stay_both_in_order),
        EACH(any_cut_of_what_was_split_off_is_what_its_spool_has_there),
        EACH(cuts_at_the_edges_of_frames_and_between_them_are_right),
        EACH(chunks_read_one_after_the_other_make_the_spool_at_the_other_end),
        EACH(a_cut_is_added_behind_the_frames_that_are_there),
        EACH(a_spool_that_cannot_be_is_told_and_nothing_is_left_of_it),
        EACH(a_spool_that_is_written_in_steps_is_the_same),
        EACH(what_lies_in_a_file_already_is_found_there),
        EACH(what_lies_in_two_files_is_not_found),
        EACH(a_write_that_does_not_fit_its_spool_is_refused),
        EACH(what_is_offered_as_a_file_may_be_said_to_be_taken_at_once),
        EACH(a_file_is_taken_whole_and_one_that_is_none_not_at_all),
        EACH(without_its_spool_or_with_one_that_is_too_small_no_value_is_joined),
        EACH(with_a_spool_of_no_bytes_no_value_is_joined_and_the_reason_is_told),
        EACH(what_was_split_and_spooled_is_joined_as_it_was),
        EACH(a_message_without_a_spool_is_joined_from_its_frames_alone),
        EACH(frames_that_are_missing_are_empty_and_those_too_many_are_let_go),
        EACH(an_empty_frame_at_the_start_of_no_spool_is_an_empty_frame),
        EACH(frames_of_a_spool_keep_it_alive_until_the_last_of_them_is_gone),
        EACH(the_same_spool_is_joined_as_often_as_one_likes),
    };
    alarm(60);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
