/* Unit test of share/spool: layouts as they are planned, packed and read back, and spools:
 * their bounds, their seals, their mapping, and how long they live. */
#include "scratch.h"

#include "pack.h"
#include "machine.h"
#include "spool.h"
#include "value.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ALL_SEALS = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE };

static tt_layout_t layout;
static tt_spool_t *spool;
static tt_buf_t out;
static tt_error_t err;
static int fds_before;

static int begin(void **unused)
{
    (void)unused;
    layout = (tt_layout_t){0};
    tt_buf_init(&out);
    fds_before = open_fds();
    return 0;
}

/* No test leaves a descriptor open. */
static int end(void **unused)
{
    (void)unused;
    tt_layout_release(&layout);
    tt_layout_release(&layout);
    tt_spool_release(&spool);
    tt_spool_release(&spool);
    tt_buf_release(&out);
    return open_fds() == fds_before ? 0 : -1;
}

static void plan(const size_t *lens, size_t count)
{
    tt_layout_release(&layout);
    tt_layout_plan(&layout, lens, count);
    assert_int_equal(layout.count, count);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(layout.places[i].len, lens[i]);
}

static bool in_message(size_t i)
{
    return layout.places[i].offset == TT_IN_MESSAGE;
}

/* ---- planning */

TEST(frames_that_are_small_together_all_stand_in_the_message)
{
    const size_t lens[] = {TT_WHOLE_MAX - 10, 0, 10};
    plan(lens, 3);
    for (size_t i = 0; i < 3; i++)
        assert_true(in_message(i));
    assert_int_equal(layout.bytes, 0);
}

TEST(one_byte_more_and_the_large_one_goes_to_a_spool)
{
    const size_t lens[] = {TT_WHOLE_MAX - 10, 0, 11};
    plan(lens, 3);
    assert_int_equal(layout.places[0].offset, 0);
    assert_true(in_message(1));
    assert_true(in_message(2));
    assert_int_equal(layout.bytes, TT_WHOLE_MAX - 10);
}

TEST(a_single_frame_goes_to_a_spool_from_one_byte_over_the_whole_on)
{
    const size_t whole = TT_WHOLE_MAX, over = TT_WHOLE_MAX + 1;
    plan(&whole, 1);
    assert_true(in_message(0));
    plan(&over, 1);
    assert_int_equal(layout.places[0].offset, 0);
    assert_int_equal(layout.bytes, over);
}

TEST(of_a_big_message_what_is_below_the_inline_limit_stays)
{
    const size_t lens[] = {TT_INLINE_LIMIT - 1, TT_WHOLE_MAX, TT_INLINE_LIMIT, 0,
                           TT_INLINE_LIMIT + 1};
    plan(lens, 5);
    assert_true(in_message(0));
    assert_int_equal(layout.places[1].offset, 0);
    assert_int_equal(layout.places[2].offset, TT_WHOLE_MAX);
    assert_true(in_message(3));
    assert_int_equal(layout.places[4].offset, TT_WHOLE_MAX + TT_INLINE_LIMIT);
    assert_int_equal(layout.bytes, TT_WHOLE_MAX + 2 * TT_INLINE_LIMIT + 1);
}

TEST(many_tiny_frames_have_no_spool_however_many_they_are)
{
    enum { COUNT = 2 * TT_WHOLE_MAX / (TT_INLINE_LIMIT - 1) };
    size_t lens[COUNT];
    for (size_t i = 0; i < COUNT; i++)
        lens[i] = TT_INLINE_LIMIT - 1;
    plan(lens, COUNT);
    for (size_t i = 0; i < COUNT; i++)
        assert_true(in_message(i));
    assert_int_equal(layout.bytes, 0);
}

TEST(no_frames_at_all_are_a_plan_too)
{
    plan(NULL, 0);
    assert_int_equal(layout.bytes, 0);
}

static void random_lens(size_t *lens, size_t count)
{
    for (size_t i = 0; i < count; i++)
        lens[i] = (size_t)rand() % (rand() % 2 ? 600000 : 6000);
}

TEST(frames_begin_aligned_right_behind_each_other)
{
    size_t lens[12];
    srand(3);
    for (int round = 0; round < 500; round++) {
        uint64_t at = 0;
        random_lens(lens, 12);
        plan(lens, 12);
        for (size_t i = 0; i < 12; i++) {
            if (in_message(i))
                continue;
            assert_int_equal(layout.places[i].offset % TT_SPOOL_ALIGN, 0);
            assert_true(layout.places[i].offset >= at);
            assert_true(layout.places[i].offset - at < TT_SPOOL_ALIGN);
            at = layout.places[i].offset + lens[i];
        }
        assert_int_equal(layout.bytes, at);
    }
}

/* ---- packing and reading */

TEST(a_layout_is_packed_as_lengths_and_pairs)
{
    const size_t lens[] = {5, TT_WHOLE_MAX, 0, TT_INLINE_LIMIT};
    plan(lens, 4);
    tt_layout_pack(&layout, &out);
    const char want[] = "\x94\x05\x92\x00\xce\x00\x10\x00\x00\x00"
                        "\x92\xce\x00\x10\x00\x00\xcd\x10\x00";
    assert_int_equal(out.len, sizeof want - 1);
    assert_memory_equal(out.data, want, out.len);
}

TEST(what_was_packed_reads_back)
{
    size_t lens[9];
    srand(4);
    for (int round = 0; round < 500; round++) {
        size_t count = (size_t)rand() % 10;
        tt_layout_t back;
        random_lens(lens, count);
        plan(lens, count);
        out.len = 0;
        tt_layout_pack(&layout, &out);
        assert_int_equal(tt_layout_read(&back, span_of(&out), &err), 0);
        assert_int_equal(back.count, count);
        assert_int_equal(back.bytes, layout.bytes);
        for (size_t i = 0; i < count; i++) {
            assert_true(back.places[i].offset == layout.places[i].offset);
            assert_int_equal(back.places[i].len, lens[i]);
        }
        tt_layout_release(&back);
    }
}

TEST(nil_nothing_and_an_empty_array_have_no_places)
{
    const tt_span_t none[] = {SPAN("\xc0"), SPAN(""), {NULL, 0}, SPAN("\x90")};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        memset(&layout, 0xff, sizeof layout);
        assert_int_equal(tt_layout_read(&layout, none[i], &err), 0);
        assert_int_equal(layout.count, 0);
        assert_int_equal(layout.bytes, 0);
        tt_layout_release(&layout);
    }
}

/* Whatever it is, the layout is empty then: there is nothing to release. */
static void refuse(tt_span_t bytes, const char *why)
{
    memset(&layout, 0xff, sizeof layout);
    err.text[0] = 0;
    assert_int_equal(tt_layout_read(&layout, bytes, &err), -1);
    assert_says(&err, why);
    assert_null(layout.places);
    assert_int_equal(layout.count, 0);
    assert_int_equal(layout.bytes, 0);
}

TEST(what_is_no_array_is_no_layout)
{
    const tt_span_t bad[] = {SPAN("\x01"),
                             SPAN("\xa1x"),
                             SPAN("\x80"),
                             SPAN("\xc3"),
                             SPAN("\xc1"),
                             SPAN("\xdc\x00"),
                             SPAN("\xdd\x00\x10\x00\x00") /* announced, not there */};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        refuse(bad[i], "an array with a place for each frame");
}

TEST(a_place_that_is_none_is_refused_and_told_by_its_number)
{
    refuse(SPAN("\x91\xff"), "place 0 of a layout");         /* a negative length */
    refuse(SPAN("\x92\x01\xa1x"), "place 1 of a layout");    /* a text */
    refuse(SPAN("\x91\xc0"), "place 0");                     /* nil */
    refuse(SPAN("\x91\xcb\x3f\xf0\0\0\0\0\0\0"), "place 0"); /* 1.0 */
    refuse(SPAN("\x91\x90"), "place 0");                     /* [] */
    refuse(SPAN("\x91\x91\x01"), "place 0");                 /* [1] */
    refuse(SPAN("\x91\x93\x00\x01\x02"), "place 0");         /* [0, 1, 2] */
    refuse(SPAN("\x91\x92\xff\x01"), "place 0");             /* a negative offset */
    refuse(SPAN("\x91\x92\x01\xff"), "place 0");             /* and length */
    refuse(SPAN("\x92\x92\x00\x01"), "place 1");             /* ends too early */
    refuse(SPAN("\x91\x92\x00"), "place 0");                 /* in the midst of it */
}

TEST(places_that_overlap_or_are_out_of_order_are_refused)
{
    refuse(SPAN("\x92\x92\x00\x02\x92\x01\x02"), "place 1 of a layout is none, or overlaps");
    refuse(SPAN("\x92\x92\x00\x02\x92\x00\x02"), "place 1");
    refuse(SPAN("\x92\x92\x40\x02\x92\x00\x02"), "place 1");
    refuse(SPAN("\x93\x92\x00\x41\x05\x92\x40\x01"), "place 2"); /* over one in the message */
    refuse(SPAN("\x92\x92\x40\x02\x92\x00\x00"), "place 1");     /* even when it is empty */
}

TEST(places_beyond_what_a_file_can_hold_are_refused)
{
    refuse(SPAN("\x91\x92\xcf\xff\xff\xff\xff\xff\xff\xff\xff\x00"), "place 0");
    refuse(SPAN("\x91\x92\xcf\x80\x00\x00\x00\x00\x00\x00\x00\x00"), "place 0");
    refuse(SPAN("\x91\x92\xcf\x7f\xff\xff\xff\xff\xff\xff\xff\x01"), "place 0");
    refuse(SPAN("\x91\x92\x00\xcf\x80\x00\x00\x00\x00\x00\x00\x00"), "place 0");
    refuse(SPAN("\x91\x92\x01\xcf\x7f\xff\xff\xff\xff\xff\xff\xff"), "place 0");
    refuse(SPAN("\x91\x92\xcf\x7f\xff\xff\xff\xff\xff\xff\xff\xcf\xff\xff\xff\xff\xff\xff\xff"
                "\xff"),
           "place 0");
    assert_int_equal(
        tt_layout_read(&layout, SPAN("\x91\x92\x01\xcf\x7f\xff\xff\xff\xff\xff\xff\xfe"), &err),
        0);
    assert_true(layout.bytes == INT64_MAX);
}

TEST(places_may_touch_leave_gaps_and_be_empty)
{
    const tt_span_t any = SPAN("\x95\x92\x03\x02\x92\x05\x01\x07\x92\x60\x00\x92\x60\x04");
    assert_int_equal(tt_layout_read(&layout, any, &err), 0);
    assert_int_equal(layout.count, 5);
    assert_int_equal(layout.places[1].offset, 5);
    assert_true(in_message(2));
    assert_int_equal(layout.places[2].len, 7);
    assert_int_equal(layout.places[3].offset, 0x60);
    assert_int_equal(layout.places[3].len, 0);
    assert_int_equal(layout.places[4].offset, 0x60);
    assert_int_equal(layout.bytes, 0x64);
}

TEST(as_many_places_as_are_allowed_and_not_one_more)
{
    tt_pack_array(&out, TT_PLACES_MAX);
    memset(tt_buf_reserve(&out, TT_PLACES_MAX + 1), 1, TT_PLACES_MAX + 1);
    out.len += TT_PLACES_MAX;
    assert_int_equal(tt_layout_read(&layout, span_of(&out), &err), 0);
    assert_int_equal(layout.count, TT_PLACES_MAX);
    assert_int_equal(layout.places[TT_PLACES_MAX - 1].len, 1);
    tt_layout_release(&layout);
    out.len = 0;
    tt_pack_array(&out, TT_PLACES_MAX + 1);
    out.len += TT_PLACES_MAX + 1;
    refuse(span_of(&out), "an array with a place for each frame");
}

TEST(a_reader_stands_behind_the_layout_that_was_taken)
{
    const tt_span_t any = SPAN("\x92\x92\x00\x02\x05\x2a");
    tt_reader_t reader = tt_reader(any);
    uint64_t next;
    assert_int_equal(tt_layout_take(&layout, &reader, &err), 0);
    assert_int_equal(layout.count, 2);
    assert_int_equal(tt_read_uint(&reader, &next), 0);
    assert_int_equal(next, 42);
    tt_layout_release(&layout);
    reader = tt_reader(SPAN("\xc0"));
    assert_int_equal(tt_layout_take(&layout, &reader, &err), -1); /* nil is none here */
}

TEST(random_bytes_never_become_places_that_overlap)
{
    srand(5);
    for (int round = 0; round < 50000; round++) {
        uint8_t bytes[24];
        uint64_t at = 0;
        for (size_t i = 0; i < sizeof bytes; i++)
            bytes[i] = (uint8_t)(rand() % 3 ? rand() % 5 + 0x90 * (rand() % 2) : rand());
        bytes[0] = (uint8_t)(0x90 + rand() % 6);
        if (tt_layout_read(&layout, (tt_span_t){bytes, sizeof bytes}, &err) != 0)
            continue;
        for (size_t i = 0; i < layout.count; i++) {
            if (in_message(i))
                continue;
            assert_true(layout.places[i].offset >= at);
            at = layout.places[i].offset + layout.places[i].len;
        }
        assert_true(layout.bytes == at && at <= INT64_MAX);
        tt_layout_release(&layout);
    }
}

/* ---- spools */

enum { SIZE = 100000 };

static void spool_begin(uint64_t bytes)
{
    spool = tt_spool_new(bytes, &err);
    assert_non_null(spool);
    assert_int_equal(tt_spool_bytes(spool), bytes);
}

static void spool_write(uint64_t offset, const char *text)
{
    assert_int_equal(tt_spool_write(spool, offset, tt_span(text), &err), 0);
}

static void assert_reads(const tt_spool_t *from, uint64_t offset, const char *text)
{
    uint8_t got[64];
    assert_int_equal(tt_spool_read(from, offset, got, strlen(text)), 0);
    assert_memory_equal(got, text, strlen(text));
}

TEST(more_than_the_machine_has_is_refused)
{
    const uint64_t much[] = {(uint64_t)1 << 50, INT64_MAX, (uint64_t)INT64_MAX + 1, UINT64_MAX};
    for (size_t i = 0; i < sizeof much / sizeof *much; i++) {
        err.text[0] = 0;
        assert_null(tt_spool_new(much[i], &err));
        assert_says(&err, "memory");
        assert_says(&err, "MiB");
    }
}

TEST(memory_that_was_promised_to_one_is_not_promised_to_another)
{
    tt_error_t wrong;
    uint64_t most = tt_machine_spare_memory() / 5 * 3;
    tt_spool_t *first = tt_spool_new(most, &wrong);
    assert_non_null(first);
    assert_null(tt_spool_new(most, &wrong));
    assert_says(&wrong, "of memory are free");
    assert_int_equal(tt_spool_write(first, 0, SPAN("what is written is no promise"), &wrong),
                     0);
    tt_spool_t *small = tt_spool_new(4096, &wrong);
    assert_non_null(small);
    tt_spool_release(&small);
    tt_spool_release(&first);
    first = tt_spool_new(most, &wrong);
    assert_non_null(first);
    tt_spool_release(&first);
}

TEST(writing_beyond_the_end_is_refused_and_changes_nothing)
{
    const struct {
        uint64_t offset;
        size_t len;
    } beyond[] = {{1, SIZE_MAX}, {SIZE, 1},       {SIZE - 1, 2},       {SIZE + 1, 0},
                  {0, SIZE + 1}, {UINT64_MAX, 1}, {UINT64_MAX - 1, 3}, {INT64_MAX, 1}};
    uint8_t *bytes = tt_alloc(SIZE + 1), got;
    memset(bytes, 'x', SIZE + 1);
    spool_begin(SIZE);
    for (size_t i = 0; i < sizeof beyond / sizeof *beyond; i++) {
        tt_span_t span = {bytes, beyond[i].len};
        assert_int_equal(tt_spool_write(spool, beyond[i].offset, span, &err), -1);
        assert_says(&err, "more than the 100000 bytes that were announced");
        assert_int_equal(tt_spool_read(spool, beyond[i].offset, bytes, beyond[i].len), -1);
    }
    for (uint64_t i = 0; i < SIZE; i++) {
        assert_int_equal(tt_spool_read(spool, i, &got, 1), 0);
        assert_int_equal(got, 0);
    }
    free(bytes);
}

TEST(what_is_written_is_read_and_mapped_and_the_rest_is_zero)
{
    spool_begin(SIZE);
    spool_write(0, "first");
    spool_write(SIZE - 4, "last");
    spool_write(SIZE, "");
    spool_write(5000, "amid");
    spool_write(5001, "MI");
    assert_reads(spool, 0, "first");
    assert_reads(spool, SIZE - 4, "last");
    assert_reads(spool, SIZE, "");
    const uint8_t *map = tt_spool_map(spool, &err);
    assert_non_null(map);
    assert_memory_equal(map + 4999, "\0aMId\0", 6);
    assert_memory_equal(map + SIZE - 5, "\0last", 5);
    for (size_t i = 5; i < 5000; i++)
        assert_int_equal(map[i], 0);
}

TEST(a_spool_of_no_bytes_takes_none)
{
    uint8_t byte;
    spool_begin(0);
    spool_write(0, "");
    assert_reads(spool, 0, "");
    assert_int_equal(tt_spool_write(spool, 0, SPAN("x"), &err), -1);
    assert_int_equal(tt_spool_read(spool, 0, &byte, 1), -1);
}

TEST(of_all_frames_those_of_the_layout_are_written)
{
    const tt_span_t frames[] = {SPAN("in"), SPAN("one"), SPAN(""), SPAN("two"), SPAN("too")};
    tt_place_t places[] = {
        {TT_IN_MESSAGE, 2}, {0, 3}, {TT_IN_MESSAGE, 0}, {64, 3}, {TT_IN_MESSAGE, 3}};
    const tt_layout_t some = {places, 5, 67};
    spool_begin(67);
    assert_int_equal(tt_spool_write_frames(spool, &some, frames, &err), 0);
    assert_reads(spool, 0, "one");
    assert_reads(spool, 64, "two");
    places[3].offset = 65;
    assert_int_equal(tt_spool_write_frames(spool, &some, frames, &err), -1);
    assert_says(&err, "more than the 67 bytes");
}

/* ---- their descriptor */

TEST(once_its_descriptor_is_out_a_spool_does_not_change)
{
    uint8_t byte = 'x';
    spool_begin(SIZE);
    spool_write(10, "kept");
    int fd = tt_spool_fd(spool);
    assert_int_equal(tt_spool_fd(spool), fd);
    assert_int_equal(fcntl(fd, F_GET_SEALS) & ALL_SEALS, ALL_SEALS);
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    assert_int_equal(tt_spool_write(spool, 10, SPAN("gone"), &err), -1);
    assert_int_equal(pwrite(fd, &byte, 1, 10), -1);
    assert_int_equal(ftruncate(fd, 5), -1);
    assert_int_equal(ftruncate(fd, SIZE * 2), -1);
    assert_ptr_equal(mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), MAP_FAILED);
    assert_reads(spool, 10, "kept");
}

TEST(another_process_gets_the_same_bytes)
{
    spool_begin(SIZE);
    spool_write(10, "there");
    tt_spool_t *other = tt_spool_of(dup(tt_spool_fd(spool)), SIZE, &err);
    assert_non_null(other);
    tt_spool_release(&spool); /* it does not need ours */
    assert_int_equal(tt_spool_bytes(other), SIZE);
    assert_reads(other, 10, "there");
    assert_memory_equal(tt_spool_map(other, &err) + 9, "\0there\0", 7);
    tt_spool_release(&other);
}

TEST(a_file_may_be_larger_than_was_said_but_nothing_behind_is_read)
{
    spool_begin(SIZE);
    tt_spool_t *other = tt_spool_of(dup(tt_spool_fd(spool)), 100, &err);
    uint8_t bytes[2];
    assert_non_null(other);
    assert_int_equal(tt_spool_read(other, 98, bytes, 2), 0);
    assert_int_equal(tt_spool_read(other, 99, bytes, 2), -1);
    tt_spool_release(&other);
}

/* The descriptor is closed all the same. */
static void refuse_file(int fd, uint64_t bytes)
{
    err.text[0] = 0;
    assert_null(tt_spool_of(fd, bytes, &err));
    assert_says(&err, "no sealed file of its size");
    assert_int_equal(open_fds(), fds_before);
}

TEST(what_is_no_file_in_memory_is_refused_and_closed)
{
    int fd[2];
    char name[] = "/tmp/tutti-test-XXXXXX";
    refuse_file(-1, 0);
    refuse_file(-1, 1);
    assert_int_equal(pipe(fd), 0);
    close(fd[1]);
    refuse_file(fd[0], 0);
    refuse_file(open("/proc/self/exe", O_RDONLY | O_CLOEXEC), 1);
    int file = mkstemp(name);
    unlink(name);
    assert_int_equal(ftruncate(file, SIZE), 0);
    refuse_file(file, SIZE);
}

TEST(a_file_that_lacks_any_of_the_seals_is_refused)
{
    const int seals[] = {0, F_SEAL_SHRINK, F_SEAL_SHRINK | F_SEAL_GROW,
                         F_SEAL_SHRINK | F_SEAL_WRITE, F_SEAL_GROW | F_SEAL_WRITE};
    for (size_t i = 0; i < sizeof seals / sizeof *seals; i++) {
        int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
        assert_int_equal(ftruncate(fd, SIZE), 0);
        assert_int_equal(fcntl(fd, F_ADD_SEALS, seals[i]), 0);
        refuse_file(fd, SIZE);
    }
}

TEST(a_sealed_file_that_is_too_short_is_refused)
{
    const uint64_t more[] = {SIZE + 1, INT64_MAX, UINT64_MAX};
    for (size_t i = 0; i < sizeof more / sizeof *more; i++) {
        int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
        assert_int_equal(ftruncate(fd, SIZE), 0);
        assert_int_equal(fcntl(fd, F_ADD_SEALS, ALL_SEALS), 0);
        refuse_file(fd, more[i]);
    }
}

/* ---- their mapping */

TEST(writing_to_the_mapping_does_not_change_the_spool)
{
    spool_begin(SIZE);
    spool_write(10, "kept");
    tt_spool_t *other = tt_spool_of(dup(tt_spool_fd(spool)), SIZE, &err);
    uint8_t *map = tt_spool_map(spool, &err), *theirs = tt_spool_map(other, &err);
    memset(map, 'x', SIZE);
    assert_reads(spool, 10, "kept");
    assert_reads(other, 10, "kept");
    assert_memory_equal(theirs + 9, "\0kept\0", 6);
    theirs[10] = 'K';
    assert_int_equal(map[10], 'x');
    assert_ptr_equal(tt_spool_map(spool, &err), map); /* there is one mapping */
    assert_int_equal(map[10], 'x');
    tt_spool_release(&other);
}

TEST(a_spool_that_is_mapped_can_still_be_sent)
{
    spool_begin(SIZE);
    spool_write(10, "kept");
    tt_spool_map(spool, &err)[10] = 'K';
    tt_spool_t *other = tt_spool_of(dup(tt_spool_fd(spool)), SIZE, &err);
    assert_non_null(other);
    assert_reads(other, 10, "kept");
    tt_spool_release(&other);
}

/* ---- how long they live */

TEST(nothing_is_held_and_released_as_nothing)
{
    tt_spool_t *none = NULL;
    assert_null(tt_spool_hold(NULL));
    tt_spool_release(&none);
    assert_null(none);
}

TEST(a_spool_lives_until_the_last_hold_is_released)
{
    tt_spool_t *holds[5];
    spool_begin(SIZE);
    spool_write(0, "alive");
    const uint8_t *map = tt_spool_map(spool, &err);
    for (int i = 0; i < 5; i++)
        assert_ptr_equal(holds[i] = tt_spool_hold(spool), spool);
    tt_spool_release(&spool);
    assert_null(spool);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(open_fds(), fds_before + 1);
        assert_reads(holds[i], 0, "alive");
        assert_memory_equal(map, "alive", 5);
        tt_spool_release(&holds[i]);
        assert_null(holds[i]);
    }
    assert_int_equal(open_fds(), fds_before);
}

#define EACH(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        EACH(frames_that_are_small_together_all_stand_in_the_message),
        EACH(one_byte_more_and_the_large_one_goes_to_a_spool),
        EACH(a_single_frame_goes_to_a_spool_from_one_byte_over_the_whole_on),
        EACH(of_a_big_message_what_is_below_the_inline_limit_stays),
        EACH(many_tiny_frames_have_no_spool_however_many_they_are),
        EACH(no_frames_at_all_are_a_plan_too),
        EACH(frames_begin_aligned_right_behind_each_other),
        EACH(a_layout_is_packed_as_lengths_and_pairs),
        EACH(what_was_packed_reads_back),
        EACH(nil_nothing_and_an_empty_array_have_no_places),
        EACH(what_is_no_array_is_no_layout),
        EACH(a_place_that_is_none_is_refused_and_told_by_its_number),
        EACH(places_that_overlap_or_are_out_of_order_are_refused),
        EACH(places_beyond_what_a_file_can_hold_are_refused),
        EACH(places_may_touch_leave_gaps_and_be_empty),
        EACH(as_many_places_as_are_allowed_and_not_one_more),
        EACH(a_reader_stands_behind_the_layout_that_was_taken),
        EACH(random_bytes_never_become_places_that_overlap),
        EACH(more_than_the_machine_has_is_refused),
        EACH(memory_that_was_promised_to_one_is_not_promised_to_another),
        EACH(writing_beyond_the_end_is_refused_and_changes_nothing),
        EACH(what_is_written_is_read_and_mapped_and_the_rest_is_zero),
        EACH(a_spool_of_no_bytes_takes_none),
        EACH(of_all_frames_those_of_the_layout_are_written),
        EACH(once_its_descriptor_is_out_a_spool_does_not_change),
        EACH(another_process_gets_the_same_bytes),
        EACH(a_file_may_be_larger_than_was_said_but_nothing_behind_is_read),
        EACH(what_is_no_file_in_memory_is_refused_and_closed),
        EACH(a_file_that_lacks_any_of_the_seals_is_refused),
        EACH(a_sealed_file_that_is_too_short_is_refused),
        EACH(writing_to_the_mapping_does_not_change_the_spool),
        EACH(a_spool_that_is_mapped_can_still_be_sent),
        EACH(nothing_is_held_and_released_as_nothing),
        EACH(a_spool_lives_until_the_last_hold_is_released),
    };
    alarm(20);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
