/* Unit test of share/client_bulk: what is submitted and too big for one message, and hosts that
 * want it. */
#include "bulk_client.h"

#include "value.h"

/* ---- what hosts get */

/* What a host has of the value of a job. */
typedef struct {
    uint64_t id;
    int engine;
    uint8_t *bytes;
    uint64_t total, taken;
} host_t;

static host_t host_of(uint64_t id, int engine, uint64_t total)
{
    return (host_t){id, engine, tt_alloc(total + 1), total, 0};
}

/* It takes what has come: chunks of its own, one behind the other. Returns how many bytes. */
static uint64_t take_chunks(host_t *self)
{
    uint64_t before = self->taken;
    for (letter_t *letter; (letter = fake_take(&fake, TT_MSG_DATA));) {
        const tt_msg_data_t *data = &letter->message.as.data;
        tt_span_t bytes = tt_frames_span(&letter->packet.payload, 0);
        assert_int_equal(letter->packet.payload.count, 1);
        assert_int_equal(letter->message.id, self->id);
        assert_int_equal(data->engine, self->engine);
        assert_int_equal(data->offset, self->taken);
        assert_int_equal(data->total, self->total);
        assert_int_equal(data->text.len, 0);
        assert_in_range(bytes.len, 1, self->total - self->taken);
        memcpy(self->bytes + self->taken, bytes.data, bytes.len);
        self->taken += bytes.len;
        letter_free(letter);
    }
    return self->taken - before;
}

/* It says what it has taken, and gets what that lets the client send. */
static uint64_t go_on(host_t *self)
{
    ask(self->id, self->engine, self->taken);
    settle();
    return take_chunks(self);
}

static void take_rest(host_t *self)
{
    while (self->taken < self->total)
        assert_true(go_on(self) > 0);
    assert_int_equal(go_on(self), 0); /* it has all */
}

/* Its value and the frames that stood in the message are those that were submitted. */
static void assert_whole(host_t *self, const tt_layout_t *layout, const tt_frames_t *inlined,
                         const size_t *lens, size_t count)
{
    size_t index = 0;
    assert_int_equal(self->taken, layout->bytes);
    assert_int_equal(layout->count, count);
    for (size_t i = 0; i < count; i++) {
        const tt_place_t *place = &layout->places[i];
        assert_int_equal(place->len, lens[i]);
        if (place->offset == TT_IN_MESSAGE)
            assert_frame(tt_frames_span(inlined, index++), i, lens[i]);
        else
            assert_frame((tt_span_t){self->bytes + place->offset, place->len}, i, lens[i]);
    }
    assert_int_equal(inlined->count, index);
}

static void assert_one_frame(host_t *self)
{
    assert_int_equal(self->taken, self->total);
    assert_frame((tt_span_t){self->bytes, self->total}, 0, self->total);
    free(self->bytes);
}

static void assert_goes_whole(const size_t *lens, size_t count)
{
    uint64_t id = submit(lens, count);
    letter_t *letter = fake_await(&fake, TT_MSG_SUBMIT);
    assert_int_equal(letter->message.as.submit.layout.len, 0);
    assert_frames(&letter->packet.payload, lens, count);
    letter_free(letter);
    ask(id, 0, 0);
    settle();
    assert_null(fake_take(&fake, TT_MSG_DATA));
}

TEST(what_is_small_goes_whole_and_is_not_given)
{
    static const size_t lens[] = {MIB - 5000, 5000};
    assert_goes_whole(lens, 2);
}

TEST(what_is_small_in_each_frame_goes_whole_too)
{
    size_t lens[300];
    for (size_t i = 0; i < 300; i++)
        lens[i] = TT_INLINE_LIMIT - 1;
    assert_goes_whole(lens, 300);
}

TEST(a_big_payload_is_split_and_its_chunks_are_its_frames_at_their_places)
{
    static const size_t lens[] = {20, 700001, TT_INLINE_LIMIT - 1, 0, 500000, TT_INLINE_LIMIT};
    enum { COUNT = sizeof lens / sizeof *lens };
    tt_layout_t layout;
    uint64_t id = submit(lens, COUNT);
    letter_t *letter = fake_await(&fake, TT_MSG_SUBMIT);
    assert_int_equal(tt_layout_read(&layout, letter->message.as.submit.layout, &err), 0);
    assert_int_equal(letter->packet.payload.count, 3);
    host_t host = host_of(id, 3, layout.bytes);
    take_rest(&host);
    assert_whole(&host, &layout, &letter->packet.payload, lens, COUNT);
    free(host.bytes);
    tt_layout_release(&layout);
    letter_free(letter);
}

TEST(a_payload_without_a_small_frame_leaves_none_in_its_message)
{
    static const size_t lens[] = {MIB, 4096};
    tt_layout_t layout;
    uint64_t id = submit(lens, 2);
    letter_t *letter = fake_await(&fake, TT_MSG_SUBMIT);
    assert_int_equal(letter->packet.payload.count, 0);
    assert_int_equal(tt_layout_read(&layout, letter->message.as.submit.layout, &err), 0);
    host_t host = host_of(id, 0, layout.bytes);
    take_rest(&host);
    assert_whole(&host, &layout, &letter->packet.payload, lens, 2);
    free(host.bytes);
    tt_layout_release(&layout);
    letter_free(letter);
}

TEST(hosts_get_all_of_it_each_at_its_own_pace)
{
    uint64_t id = submit_big(2 * MIB + 1);
    host_t slow = host_of(id, 1, 2 * MIB + 1), fast = host_of(id, 5, 2 * MIB + 1),
           late = host_of(id, 0, 2 * MIB + 1);
    assert_true(go_on(&slow) > 0);
    assert_true(slow.taken < slow.total);
    take_rest(&fast);
    assert_true(go_on(&slow) > 0);
    take_rest(&late);
    take_rest(&slow);
    assert_one_frame(&fast);
    assert_one_frame(&late);
    assert_one_frame(&slow);
}

TEST(who_wants_it_from_the_beginning_gets_it_anew)
{
    uint64_t id = submit_big(MIB + 1);
    host_t host = host_of(id, 2, MIB + 1);
    go_on(&host);
    go_on(&host);
    assert_in_range(host.taken, 2 * CHUNK, MIB);
    host.taken = 0;
    memset(host.bytes, 0, host.total);
    take_rest(&host);
    host.taken = 0; /* even when it had all */
    memset(host.bytes, 0, host.total);
    take_rest(&host);
    assert_one_frame(&host);
}

TEST(no_more_is_sent_than_the_host_gives_credit_for)
{
    uint64_t id = submit_big(3 * MIB);
    host_t host = host_of(id, 2, 3 * MIB);
    ask(id, 2, 0);
    settle();
    assert_int_equal(take_chunks(&host), TT_FLOW_LEAST);
    settle();
    assert_int_equal(take_chunks(&host), 0);
    ask(id, 2, CHUNK);
    settle();
    assert_in_range(take_chunks(&host), CHUNK, CHUNK + TT_FLOW_STEP);
    settle();
    assert_int_equal(take_chunks(&host), 0);
    ask(id, 2, 0);
    settle();
    host.taken = 0;
    assert_int_equal(take_chunks(&host), TT_FLOW_LEAST);
    take_rest(&host);
    assert_one_frame(&host);
}

TEST(what_is_wanted_without_sense_is_not_sent)
{
    uint64_t small = submit_small(), id = submit_big(2 * MIB);
    host_t host = host_of(id, 2, 2 * MIB);
    ask(id, 2, 1); /* before it was begun */
    ask(id, 2, 2 * MIB);
    ask(id, 2, TT_WANT_NOTHING);
    ask(small, 2, 0);
    ask(id + 1, 2, 0);
    ask(0, 2, 0);
    ask(id | TT_ID_ADOPTED, 2, 0);
    settle();
    assert_null(fake_take(&fake, TT_MSG_DATA));
    go_on(&host);
    ask(id, 2, host.taken + 1); /* which was not sent */
    ask(id, 2, 2 * MIB);
    ask(id, 2, TT_WANT_NOTHING);
    ask(id, 3, host.taken); /* which was not sent there */
    settle();
    assert_null(fake_take(&fake, TT_MSG_DATA));
    go_on(&host);
    ask(id, 2, CHUNK); /* less than it has taken */
    settle();
    assert_null(fake_take(&fake, TT_MSG_DATA));
    take_rest(&host);
    assert_one_frame(&host);
}

static void assert_moved(const tt_job_t *job, uint64_t bytes, uint64_t total)
{
    uint64_t moved[2];
    tt_job_moved(job, &moved[0], &moved[1]);
    assert_int_equal(moved[0], bytes);
    assert_int_equal(moved[1], total);
}

TEST(a_job_tells_how_much_of_its_value_has_moved_to_the_hosts_that_want_it)
{
    uint64_t id = submit_big(2 * MIB);
    const tt_job_t *job = submitted;
    assert_moved(job, 0, 0);
    ask(id, 0, 0);
    settle();
    assert_moved(job, 0, 2 * MIB);
    ask(id, 0, CHUNK);
    ask(id, 3, 0);
    settle();
    assert_moved(job, CHUNK, 4 * MIB);
}

TEST(a_job_that_has_ended_gives_nothing)
{
    uint64_t id = submit_big(2 * MIB);
    for (int engine = 0; engine < ENGINES; engine++) {
        ask(id, engine, 0);
        fake_result(&fake, id, engine, TT_STATUS_OK, "", "");
    }
    settle();
    assert_int_equal(done, 1);
    for (letter_t *letter; (letter = fake_take(&fake, TT_MSG_DATA));)
        letter_free(letter);
    ask(id, 0, 0);
    ask(id, 1, CHUNK);
    settle();
    assert_null(fake_take(&fake, TT_MSG_DATA));
}

/* ---- to a host on this machine */

static void ask_near(uint64_t id, int engine)
{
    tt_message_t message = tt_message(TT_MSG_WANT, id);
    message.as.want.engine = engine;
    message.as.want.near = true;
    fake_send(&fake, &message, NULL);
}

/* The file that is offered to an engine's host, opened. */
static tt_spool_t *offered(uint64_t id, int engine, uint64_t total)
{
    letter_t *letter = fake_await(&fake, TT_MSG_DATA);
    const tt_msg_data_t *data = &letter->message.as.data;
    assert_int_equal(letter->message.id, id);
    assert_int_equal(data->engine, engine);
    assert_int_equal(data->total, total);
    assert_int_equal(data->pid, getpid());
    tt_spool_place_t place = {(int)data->pid, (int)data->fd, data->inode};
    letter_free(letter);
    tt_spool_t *spool = tt_spool_open(place, total, &err);
    assert_non_null(spool);
    return spool;
}

TEST(hosts_on_this_machine_are_offered_one_file)
{
    enum { LEN = 20 * MIB + 3 }; /* several steps */
    uint64_t id = submit_big(LEN);
    ask_near(id, 1);
    ask_near(id, 2); /* while it is written */
    tt_spool_t *first = offered(id, 1, LEN), *second = offered(id, 2, LEN);
    ask_near(id, 3); /* when it is there */
    tt_spool_t *third = offered(id, 3, LEN);
    assert_frame((tt_span_t){tt_spool_map(first, &err), LEN}, 0, LEN);
    assert_int_equal(tt_spool_place(first).inode, tt_spool_place(second).inode);
    assert_int_equal(tt_spool_place(first).inode, tt_spool_place(third).inode);
    ask(id, 1, LEN);
    host_t host = host_of(id, 2, LEN); /* it could not open it */
    take_rest(&host);
    assert_one_frame(&host);
    tt_spool_release(&first);
    tt_spool_release(&second);
    tt_spool_release(&third);
}

TEST(a_job_that_ends_while_its_file_is_written_leaves_nothing)
{
    uint64_t id = submit_big(64 * MIB);
    ask_near(id, 1);
    for (int engine = 0; engine < ENGINES; engine++)
        fake_result(&fake, id, engine, TT_STATUS_OK, "", "");
    assert_comes(loop, done == 1);
    settle();
    for (letter_t *letter; (letter = fake_take(&fake, TT_MSG_DATA));)
        letter_free(letter);
}

TEST(too_many_frames_are_refused_and_not_sent)
{
    const int engine = 2;
    tt_frames_t payload;
    tt_frames_init(&payload);
    for (size_t i = 0; i <= TT_FRAMES_MAX; i++)
        tt_frames_copy(&payload, "", 0);
    tt_submit_t wish = {
        .op = TT_RT_SET, .engines = &engine, .engine_count = 1, .handlers = &job_handlers};
    tt_client_submit(client, &wish, &payload);
    assert_int_equal(told[2].count, 0); /* not before its owner has it */
    assert_comes(loop, done == 1);
    assert_int_equal(told[2].status, TT_STATUS_REFUSED);
    assert_string_equal(told[2].cause, "more than 65536 buffers in one task");
    assert_null(fake_take(&fake, TT_MSG_SUBMIT));
}

#define EACH(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        EACH(what_is_small_goes_whole_and_is_not_given),
        EACH(what_is_small_in_each_frame_goes_whole_too),
        EACH(a_big_payload_is_split_and_its_chunks_are_its_frames_at_their_places),
        EACH(a_payload_without_a_small_frame_leaves_none_in_its_message),
        EACH(hosts_get_all_of_it_each_at_its_own_pace),
        EACH(who_wants_it_from_the_beginning_gets_it_anew),
        EACH(no_more_is_sent_than_the_host_gives_credit_for),
        EACH(what_is_wanted_without_sense_is_not_sent),
        EACH(a_job_tells_how_much_of_its_value_has_moved_to_the_hosts_that_want_it),
        EACH(a_job_that_has_ended_gives_nothing),
        EACH(hosts_on_this_machine_are_offered_one_file),
        EACH(a_job_that_ends_while_its_file_is_written_leaves_nothing),
        EACH(too_many_frames_are_refused_and_not_sent),
    };
    alarm(60);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
