/* Unit test of share/client_bulk: results with values that are too big for one message, whole
 * and broken, and what becomes of them when the client goes. */
#include "bulk_client.h"

/* ---- results: the host's end */

typedef struct {
    uint64_t id;
    int engine;
    tt_layout_t layout;
    tt_frames_t inlined, bulk;
} gift_t;

static gift_t gift_of(uint64_t id, int engine, const size_t *lens, size_t count)
{
    gift_t self = {.id = id, .engine = engine};
    add_frames(&self.inlined, lens, count);
    tt_bulk_split(&self.inlined, &self.layout, &self.bulk);
    return self;
}

static void release_gift(gift_t *self)
{
    tt_layout_release(&self->layout);
    tt_frames_release(&self->inlined);
    tt_frames_release(&self->bulk);
}

static void send_data(uint64_t id, int engine, uint64_t offset, uint64_t total,
                      tt_frames_t *bytes)
{
    tt_message_t message = tt_message(TT_MSG_DATA, id);
    message.as.data.engine = engine;
    message.as.data.offset = offset;
    message.as.data.total = total;
    fake_send(&fake, &message, bytes);
}

static void announce_as(uint64_t id, int engine, uint64_t total)
{
    tt_frames_t nothing;
    tt_frames_init(&nothing);
    tt_frames_copy(&nothing, "", 0);
    send_data(id, engine, 0, total, &nothing);
}

static void announce(const gift_t *self)
{
    announce_as(self->id, self->engine, self->layout.bytes);
}

static void give_of(const gift_t *self, uint64_t offset, size_t len, uint64_t total)
{
    tt_frames_t chunk;
    tt_frames_init(&chunk);
    tt_bulk_read(&self->bulk, &self->layout, offset, len, &chunk);
    send_data(self->id, self->engine, offset, total, &chunk);
}

static void give(const gift_t *self, uint64_t offset, size_t len)
{
    give_of(self, offset, len, self->layout.bytes);
}

static void assert_wanted_of(uint64_t id, int engine, uint64_t taken)
{
    letter_t *letter = fake_await(&fake, TT_MSG_WANT);
    assert_int_equal(letter->message.id, id);
    assert_int_equal(letter->message.as.want.engine, engine);
    assert_true(letter->message.as.want.taken == taken);
    letter_free(letter);
}

static void assert_wanted(const gift_t *self, uint64_t taken)
{
    assert_wanted_of(self->id, self->engine, taken);
}

static void give_all(const gift_t *self)
{
    for (uint64_t at = 0; at < self->layout.bytes; at += CHUNK) {
        size_t len =
            self->layout.bytes - at < CHUNK ? (size_t)(self->layout.bytes - at) : CHUNK;
        give(self, at, len);
        assert_wanted(self, at + len);
    }
}

static void send_result(uint64_t id, int engine, const char *cause, tt_span_t layout,
                        tt_frames_t *frames)
{
    tt_message_t message = tt_message(TT_MSG_RESULT, id);
    message.as.result.engine = engine;
    message.as.result.attempt = 1;
    message.as.result.cause = tt_span(cause);
    message.as.result.layout = layout;
    fake_send(&fake, &message, frames);
}

/* The rest of it, when its value was taken; it is released. */
static void send_rest(gift_t *self)
{
    tt_buf_t layout = {0};
    tt_layout_pack(&self->layout, &layout);
    send_result(self->id, self->engine, "", span_of(&layout), &self->inlined);
    tt_buf_release(&layout);
    release_gift(self);
}

/* What comes of a host whose value was not taken. */
static void send_without(gift_t *self)
{
    send_result(self->id, self->engine, "its value was not taken", (tt_span_t){NULL, 0}, NULL);
    release_gift(self);
}

static void offer(const gift_t *self, tt_spool_place_t place)
{
    tt_message_t message = tt_message(TT_MSG_DATA, self->id);
    message.as.data.engine = self->engine;
    message.as.data.total = self->layout.bytes;
    message.as.data.pid = place.pid;
    message.as.data.fd = place.fd;
    message.as.data.inode = place.inode;
    fake_send(&fake, &message, NULL);
}

static void assert_wanted_near(const gift_t *self, bool near)
{
    letter_t *letter = fake_await(&fake, TT_MSG_WANT);
    assert_int_equal(letter->message.id, self->id);
    assert_int_equal(letter->message.as.want.taken, 0);
    assert_int_equal(letter->message.as.want.near, near);
    letter_free(letter);
}

/* How many values lie in memory. */
static int open_spools(void)
{
    char path[64], link[64];
    int count = 0;
    for (int fd = 0; fd < 1024; fd++) {
        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
        ssize_t len = readlink(path, link, sizeof link);
        count += len > 12 && memcmp(link, "/memfd:tutti", 12) == 0;
    }
    return count;
}

static void assert_cause(int engine, const char *part)
{
    assert_comes(loop, told[engine].count == 1);
    if (*part ? strstr(told[engine].cause, part) == NULL : *told[engine].cause != 0)
        fail_msg("the cause is \"%s\"", told[engine].cause);
    if (*part && told[engine].status != TT_STATUS_UNKNOWN)
        assert_int_equal(told[engine].status, TT_STATUS_REFUSED);
}

static const size_t big[] = {100, 7, 0, 600000, 4095, 500000}; /* body, out, err, buffers */
enum { BIG = sizeof big / sizeof *big };

TEST(a_result_with_a_big_value_is_told_whole_and_in_order)
{
    gift_t gift = gift_of(submit_small(), 2, big, BIG);
    assert_int_equal(gift.inlined.count, 4);
    announce(&gift);
    assert_wanted(&gift, 0);
    give_all(&gift);
    assert_int_equal(told[2].count, 0);
    send_rest(&gift);
    assert_cause(2, "");
    assert_int_equal(told[2].status, TT_STATUS_OK);
    assert_frames(&told[2].frames, big, BIG);
}

TEST(body_and_output_may_be_big_too)
{
    static const size_t lens[] = {2 * MIB, 5000, 1000};
    gift_t gift = gift_of(submit_small(), 0, lens, 3);
    assert_int_equal(gift.inlined.count, 1);
    announce(&gift);
    assert_wanted(&gift, 0);
    give_all(&gift);
    send_rest(&gift);
    assert_cause(0, "");
    assert_frames(&told[0].frames, lens, 3);
}

TEST(results_of_several_engines_do_not_meet)
{
    static const size_t lens[] = {0, 0, 0, 2 * MIB};
    uint64_t id = submit_small(), other = submit_small();
    gift_t one = gift_of(id, 1, big, BIG), two = gift_of(id, 2, lens, 4),
           three = gift_of(other, 3, big, BIG);
    announce(&one);
    announce(&two);
    announce(&three);
    assert_wanted(&one, 0);
    assert_wanted(&two, 0);
    assert_wanted(&three, 0);
    give(&one, 0, 1000);
    assert_wanted(&one, 1000);
    give_all(&two);
    give(&three, 0, 10);
    assert_wanted(&three, 10);
    give(&one, 1000, (size_t)one.layout.bytes - 1000);
    assert_wanted(&one, one.layout.bytes);
    give(&three, 10, (size_t)three.layout.bytes - 10);
    assert_wanted(&three, three.layout.bytes);
    send_rest(&one);
    send_rest(&three);
    send_rest(&two);
    assert_cause(2, "");
    assert_frames(&told[1].frames, big, BIG);
    assert_frames(&told[2].frames, lens, 4);
    assert_frames(&told[3].frames, big, BIG);
}

TEST(what_was_told_outlives_its_job_and_its_client)
{
    uint64_t id = submit_small();
    gift_t gift = gift_of(id, 2, big, BIG);
    announce(&gift);
    assert_wanted(&gift, 0);
    give_all(&gift);
    send_rest(&gift);
    for (int engine = 0; engine < ENGINES; engine++)
        if (engine != 2)
            fake_result(&fake, id, engine, TT_STATUS_OK, "", "");
    assert_comes(loop, done == 1);
    tt_client_close(&client);
    assert_frames(&told[2].frames, big, BIG);
    assert_int_equal(open_spools(), 0); /* a program may keep thousands */
}

/* ---- results that are not what they say */

TEST(a_value_of_no_job_is_not_wanted)
{
    uint64_t id = submit_small();
    announce_as(id + 1, 2, 2 * MIB);
    announce_as(0, 2, 2 * MIB);
    settle();
    assert_null(fake_take(&fake, TT_MSG_WANT));
}

TEST(a_chunk_out_of_order_ends_the_value_and_its_result_says_why)
{
    gift_t gift = gift_of(submit_small(), 2, big, BIG);
    announce(&gift);
    assert_wanted(&gift, 0);
    give(&gift, 0, CHUNK);
    assert_wanted(&gift, CHUNK);
    give(&gift, 2 * CHUNK, CHUNK);
    assert_wanted(&gift, TT_WANT_NOTHING);
    assert_int_equal(open_spools(), 0);
    send_without(&gift);
    assert_cause(2, "chunks do not follow each other");
}

TEST(the_rest_of_such_a_result_says_why_even_if_it_comes_as_of_one_that_was_taken)
{
    gift_t gift = gift_of(submit_small(), 2, big, BIG);
    announce(&gift);
    give(&gift, 0, CHUNK);
    give(&gift, CHUNK, CHUNK);
    give(&gift, CHUNK, CHUNK); /* twice */
    assert_wanted(&gift, 0);
    assert_wanted(&gift, CHUNK);
    assert_wanted(&gift, 2 * CHUNK);
    assert_wanted(&gift, TT_WANT_NOTHING);
    send_rest(&gift);
    assert_cause(2, "chunks do not follow each other");
    assert_int_equal(tt_frames_bytes(&told[2].frames), 0); /* nobody takes it for the value */
}

TEST(a_value_that_is_larger_than_the_memory_is_not_taken_and_its_result_says_why)
{
    gift_t gift = gift_of(submit_small(), 2, big, BIG);
    announce_as(gift.id, 2, (uint64_t)1 << 60);
    assert_wanted(&gift, 0);
    give_of(&gift, 0, CHUNK, (uint64_t)1 << 60);
    assert_wanted(&gift, TT_WANT_NOTHING);
    send_without(&gift);
    assert_cause(2, "a value of 1099511627776 MiB");
}

TEST(a_value_that_changes_its_size_or_has_more_than_it_is_not_taken)
{
    uint64_t id = submit_small();
    gift_t gift = gift_of(id, 2, big, BIG), more = gift_of(id, 3, big, BIG);
    announce(&gift);
    assert_wanted(&gift, 0);
    give(&gift, 0, CHUNK);
    assert_wanted(&gift, CHUNK);
    announce_as(more.id, 3, 1000);
    assert_wanted(&more, 0);
    tt_frames_t chunk;
    tt_frames_init(&chunk);
    tt_bulk_read(&gift.bulk, &gift.layout, CHUNK, CHUNK, &chunk);
    send_data(id, 2, CHUNK, gift.layout.bytes + 1, &chunk);
    assert_wanted(&gift, TT_WANT_NOTHING);
    tt_frames_init(&chunk);
    tt_bulk_read(&gift.bulk, &gift.layout, 0, 1001, &chunk);
    send_data(id, 3, 0, 1000, &chunk);
    assert_wanted(&more, TT_WANT_NOTHING);
    send_rest(&gift);
    send_rest(&more);
    assert_cause(2, "chunks do not follow each other");
    assert_cause(3, "more than the 1000 bytes that were announced");
}

TEST(a_value_that_has_not_come_is_missed)
{
    gift_t gift = gift_of(submit_small(), 2, big, BIG);
    send_rest(&gift);
    assert_cause(2, "a value that has not come whole");
    assert_int_equal(tt_frames_bytes(&told[2].frames), 0);
}

TEST(a_value_of_which_a_part_has_come_is_missed_too)
{
    gift_t gift = gift_of(submit_small(), 2, big, BIG);
    announce(&gift);
    give(&gift, 0, CHUNK);
    send_rest(&gift);
    assert_cause(2, "a value that has not come whole");
    assert_int_equal(tt_frames_bytes(&told[2].frames), 0);
}

TEST(a_value_that_was_announced_smaller_than_its_layout_is_missed_too)
{
    uint64_t id = submit_small();
    gift_t none = gift_of(id, 2, big, BIG), one = gift_of(id, 3, big, BIG);
    announce_as(id, 2, 0);
    assert_wanted(&none, 0);
    announce_as(id, 3, 1);
    assert_wanted(&one, 0);
    tt_frames_t chunk;
    tt_frames_init(&chunk);
    tt_frames_copy(&chunk, "x", 1);
    send_data(id, 3, 0, 1, &chunk);
    assert_wanted(&one, 1);
    send_rest(&none);
    send_rest(&one);
    assert_cause(3, "a value that has not come whole");
    assert_cause(2, "a value that has not come whole");
}

TEST(a_layout_that_is_none_is_told)
{
    uint64_t id = submit_small();
    tt_frames_t frames;
    tt_frames_init(&frames);
    add_frames(&frames, big, 3);
    send_result(id, 2, "", SPAN("\x91\xc3"), &frames);
    send_result(id, 3, "", SPAN("\x05"), NULL);
    assert_cause(2, "place 0 of a layout is none, or overlaps");
    assert_cause(3, "a layout is an array");
}

/* ---- beginning anew */

TEST(a_second_announcement_begins_anew)
{
    static const size_t lens[] = {10, 0, 0, 2 * MIB};
    uint64_t id = submit_small();
    gift_t lost = gift_of(id, 2, lens, 4), gift = gift_of(id, 2, big, BIG);
    announce(&lost);
    assert_wanted(&lost, 0);
    give(&lost, 0, CHUNK);
    assert_wanted(&lost, CHUNK);
    announce(&gift); /* the engine was lost, and has done it again */
    assert_wanted(&gift, 0);
    give_all(&gift);
    release_gift(&lost);
    send_rest(&gift);
    assert_cause(2, "");
    assert_frames(&told[2].frames, big, BIG);
}

TEST(what_failed_may_begin_anew_too)
{
    gift_t gift = gift_of(submit_small(), 2, big, BIG);
    announce(&gift);
    assert_wanted(&gift, 0);
    give(&gift, 0, CHUNK);
    assert_wanted(&gift, CHUNK);
    give(&gift, 2 * CHUNK, CHUNK);
    assert_wanted(&gift, TT_WANT_NOTHING);
    announce(&gift);
    assert_wanted(&gift, 0);
    give_all(&gift);
    send_rest(&gift);
    assert_cause(2, "");
    assert_frames(&told[2].frames, big, BIG);
}

/* ---- as a file */

TEST(on_one_machine_a_value_comes_as_a_file)
{
    gift_t gift = gift_of(submit_small(), 2, big, BIG);
    tt_spool_t *spool = tt_bulk_spool(&gift.bulk, &gift.layout, &err);
    announce(&gift);
    assert_wanted_near(&gift, true);
    offer(&gift, tt_spool_place(spool));
    assert_wanted(&gift, gift.layout.bytes);
    tt_spool_release(&spool);
    send_rest(&gift);
    assert_cause(2, "");
    assert_frames(&told[2].frames, big, BIG);
}

TEST(a_file_that_cannot_be_opened_comes_in_chunks)
{
    gift_t gift = gift_of(submit_small(), 2, big, BIG);
    announce(&gift);
    assert_wanted_near(&gift, true);
    offer(&gift, (tt_spool_place_t){.pid = getpid(), .fd = 0, .inode = 1});
    assert_wanted_near(&gift, false);
    give_all(&gift);
    send_rest(&gift);
    assert_cause(2, "");
    assert_frames(&told[2].frames, big, BIG);
}

TEST(a_file_that_is_too_short_comes_in_chunks)
{
    gift_t gift = gift_of(submit_small(), 2, big, BIG);
    tt_spool_t *spool = tt_spool_new(gift.layout.bytes - 1, &err);
    announce(&gift);
    assert_wanted_near(&gift, true);
    offer(&gift, tt_spool_place(spool));
    assert_wanted_near(&gift, false);
    tt_spool_release(&spool);
    give_all(&gift);
    send_rest(&gift);
    assert_cause(2, "");
}

static uint64_t adopted_id;

static void on_task(void *arg, const tt_adopted_t *task, tt_job_t *job,
                    const tt_job_handlers_t **its, void **job_arg)
{
    (void)arg;
    (void)task;
    (void)job_arg;
    adopted_id = tt_job_id(job);
    *its = &job_handlers;
}

static bool answer_adopt(fake_t *self, letter_t *letter)
{
    tt_frames_t jobs;
    if (letter->message.type != TT_MSG_ADOPT)
        return false;
    tt_frames_init(&jobs);
    tt_frames_copy(&jobs, "\x93\x05\xc4\x00\x91\x93\x00\x64\x91\x02", 10); /* 100, engine 2 */
    tt_message_t message = tt_message(TT_MSG_ADOPTED, letter->message.id);
    fake_send(self, &message, &jobs);
    fake_answer(self, TT_MSG_DONE, letter->message.id);
    return true;
}

static const tt_adopt_handlers_t adopt_handlers = {.task = on_task};

/* The controller has asked for it from the beginning, and what the host had sent before comes
 * first. */
static void adopt_behind(uint64_t offset)
{
    fake.on_message = answer_adopt;
    assert_int_equal(tt_client_adopt(client, &adopt_handlers, NULL, 10000, &err), 0);
    gift_t gift = gift_of(adopted_id, 2, big, BIG);
    for (int i = 0; i < 3; i++)
        give(&gift, offset + (uint64_t)i * CHUNK, CHUNK);
    settle();
    for (letter_t *letter; (letter = fake_take(&fake, TT_MSG_WANT));) {
        assert_true(letter->message.as.want.taken != TT_WANT_NOTHING);
        letter_free(letter);
    }
    give_all(&gift);
    send_rest(&gift);
    assert_cause(2, "");
    assert_frames(&told[2].frames, big, BIG);
}

TEST(who_adopts_a_job_passes_over_the_rest_of_what_was_meant_for_the_one_before)
{
    adopt_behind(5 * CHUNK);
}

TEST(who_adopts_a_job_begins_anew_when_the_value_does)
{
    adopt_behind(0);
}

TEST(who_adopts_a_job_takes_its_value_without_an_announcement)
{
    fake.on_message = answer_adopt;
    assert_int_equal(tt_client_adopt(client, &adopt_handlers, NULL, 10000, &err), 0);
    gift_t gift = gift_of(adopted_id, 2, big, BIG);
    give_all(&gift);
    send_rest(&gift);
    assert_cause(2, "");
    assert_frames(&told[2].frames, big, BIG);
}

/* ---- closing and leaving */

TEST(a_client_that_closes_in_the_middle_leaves_nothing_behind)
{
    uint64_t id = submit_big(2 * MIB);
    ask(id, 2, 0); /* of which a part is on its way then */
    gift_t half = gift_of(id, 2, big, BIG), whole = gift_of(id, 3, big, BIG);
    announce(&half);
    assert_wanted(&half, 0);
    give(&half, 0, CHUNK);
    assert_wanted(&half, CHUNK);
    announce(&whole);
    assert_wanted(&whole, 0);
    give_all(&whole);
    announce_as(id, 4, (uint64_t)1 << 60);
    settle();
    assert_int_equal(open_spools(), 2);
    tt_client_close(&client);
    assert_int_equal(open_spools(), 0);
    assert_int_equal(done, 0);
    release_gift(&half);
    release_gift(&whole);
}

TEST(what_has_come_of_a_result_that_ends_without_its_value_is_let_go)
{
    uint64_t id = submit_small();
    gift_t half = gift_of(id, 2, big, BIG);
    announce(&half);
    assert_wanted(&half, 0);
    give(&half, 0, CHUNK);
    assert_wanted(&half, CHUNK);
    fake_result(&fake, id, 2, TT_STATUS_UNKNOWN, "", "the host is gone");
    assert_cause(2, "the host is gone");
    assert_int_equal(tt_frames_bytes(&told[2].frames), 0);
    assert_int_equal(open_spools(), 0);
    release_gift(&half);
}

static gift_t gifts[3]; /* for what the controller says while it is left */

static bool answer_leave(fake_t *self, letter_t *letter)
{
    if (letter->message.type != TT_MSG_LEAVE)
        return false;
    if (self->count++ == 0) {
        send_rest(&gifts[0]);
        announce(&gifts[1]);
        give(&gifts[2], CHUNK, CHUNK);
    }
    fake_answer(self, TT_MSG_DONE, letter->message.id);
    return true;
}

TEST(who_leaves_gives_back_what_was_taken_and_takes_no_more)
{
    static const int engine = 2;
    tt_frames_t payload;
    tt_frames_init(&payload);
    tt_frames_copy(&payload, "\x90", 1);
    tt_submit_t wish = {.op = TT_RT_EXECUTE,
                        .engines = &engine,
                        .engine_count = 1,
                        .keep = 7,
                        .index = 4,
                        .handlers = &job_handlers};
    tt_client_keep(client, 7, tt_span("meta"));
    uint64_t kept = tt_job_id(tt_client_submit(client, &wish, &payload)), id = submit_small();
    gifts[0] = gift_of(kept, 2, big, BIG);
    gifts[1] = gift_of(id, 3, big, BIG);
    gifts[2] = gift_of(id, 4, big, BIG);
    announce(&gifts[0]);
    assert_wanted(&gifts[0], 0);
    give_all(&gifts[0]);
    announce(&gifts[2]);
    assert_wanted(&gifts[2], 0);
    give(&gifts[2], 0, CHUNK);
    assert_wanted(&gifts[2], CHUNK);
    fake.on_message = answer_leave;
    tt_client_leave(&client);
    letter_free(fake_await(&fake, TT_MSG_BYE));
    assert_null(fake_take(&fake, TT_MSG_WANT));
    letter_t *letter = fake_await(&fake, TT_MSG_STORE);
    assert_int_equal(letter->message.as.store.keep, 7);
    assert_int_equal(letter->message.as.store.index, 4);
    assert_int_equal(letter->message.as.store.cause.len, 0);
    assert_frames(&letter->packet.payload, big, BIG);
    letter_free(letter);
    for (int i = 0; i < ENGINES; i++)
        assert_int_equal(told[i].count, 0);
    release_gift(&gifts[1]);
    release_gift(&gifts[2]);
}

#define EACH(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        EACH(a_result_with_a_big_value_is_told_whole_and_in_order),
        EACH(body_and_output_may_be_big_too),
        EACH(results_of_several_engines_do_not_meet),
        EACH(what_was_told_outlives_its_job_and_its_client),
        EACH(a_value_of_no_job_is_not_wanted),
        EACH(a_chunk_out_of_order_ends_the_value_and_its_result_says_why),
        EACH(the_rest_of_such_a_result_says_why_even_if_it_comes_as_of_one_that_was_taken),
        EACH(a_value_that_is_larger_than_the_memory_is_not_taken_and_its_result_says_why),
        EACH(a_value_that_changes_its_size_or_has_more_than_it_is_not_taken),
        EACH(a_value_that_has_not_come_is_missed),
        EACH(a_value_of_which_a_part_has_come_is_missed_too),
        EACH(a_value_that_was_announced_smaller_than_its_layout_is_missed_too),
        EACH(a_layout_that_is_none_is_told),
        EACH(a_second_announcement_begins_anew),
        EACH(what_failed_may_begin_anew_too),
        EACH(on_one_machine_a_value_comes_as_a_file),
        EACH(a_file_that_cannot_be_opened_comes_in_chunks),
        EACH(a_file_that_is_too_short_comes_in_chunks),
        EACH(who_adopts_a_job_passes_over_the_rest_of_what_was_meant_for_the_one_before),
        EACH(who_adopts_a_job_begins_anew_when_the_value_does),
        EACH(who_adopts_a_job_takes_its_value_without_an_announcement),
        EACH(a_client_that_closes_in_the_middle_leaves_nothing_behind),
        EACH(what_has_come_of_a_result_that_ends_without_its_value_is_let_go),
        EACH(who_leaves_gives_back_what_was_taken_and_takes_no_more),
    };
    alarm(60);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
