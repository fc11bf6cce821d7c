/* Unit test of repl/keep: jobs that outlive their session are named before their work, given
 * back when it leaves, and taken over by the next one, whatever they were named with. */
#include "prompt.h"

#include "keep.h"

#include <math.h>
#include <time.h>

static tt_buf_t line;

static int begin(void **unused)
{
    static char there;
    (void)unused;
    tt_buf_init(&line);
    if (prompt_begin(3) != 0)
        return -1;
    session.terminal =
        (terminal_t *)(void *)&there; /* that there is one is all that is asked */
    return 0;
}

static int end(void **unused)
{
    (void)unused;
    session.terminal = NULL;
    tt_buf_release(&line);
    return prompt_end();
}

/* ---- jobs of this session */

static job_t *add_px(int number)
{
    job_t *job = job_new(number, "%px f()", 2);
    job->engines = tt_alloc(2 * sizeof *job->engines);
    job->engines[0] = job->parts[0].engine = 0;
    job->engines[1] = job->parts[1].engine = 2;
    job->engine_count = 2;
    session_add_job(&session, job);
    return job;
}

static job_t *add_map(int number, size_t items, size_t submitted)
{
    job_t *job = job_new(number, "%map f x", items);
    job->map = job->each = true;
    job->submitted = submitted;
    session_add_job(&session, job);
    return job;
}

/* A result of a part, with this output. */
static void end_part(job_t *job, uint32_t index, const char *out)
{
    tt_frames_t frames;
    tt_frames_init(&frames);
    tt_frames_copy(&frames, "\x91\xa1v", 3);
    tt_frames_copy(&frames, out, strlen(out));
    tt_frames_copy(&frames, "", 0);
    tt_frames_copy(&frames, "buffer", 6);
    tt_result_t result = {.engine = job->map ? 7 : job->parts[index].engine,
                          .status = TT_STATUS_OK,
                          .run_ns = 5,
                          .frames = &frames};
    strcpy(result.host, "here");
    job_take_result(job, index, &result);
    tt_frames_release(&frames);
}

/* The next KEEP: "NUMBER META as JSON", without the time at its end. Borrowed. */
static const char *kept(void)
{
    static char text[512];
    letter_t *letter = fake_await(&fake, TT_MSG_KEEP);
    tt_buf_t json;
    tt_buf_init(&json);
    tt_buf_printf(&json, "%d ", (int)letter->message.as.keep.keep);
    if (letter->message.as.keep.meta.len > 0)
        tt_value_json(letter->message.as.keep.meta, &json);
    snprintf(text, sizeof text, "%s", tt_buf_text(&json));
    if (strrchr(text, ','))
        *strrchr(text, ',') = 0;
    tt_buf_release(&json);
    letter_free(letter);
    return text;
}

TEST(in_scripts_nothing_is_kept)
{
    session.terminal = NULL;
    job_t *job = add_px(5);
    keep_begin(&session, job);
    assert_int_equal(job->keep, 0);
    assert_false(keep_any(&session));
    keep_end(&session, job);
    tt_client_keep(session.client, 99, tt_span("\xc0")); /* the first that is heard of */
    assert_string_equal(kept(), "99 null");
}

TEST(a_job_is_named_before_its_work_and_ended_when_it_was_shown)
{
    assert_false(keep_any(&session));
    job_t *job = add_px(5), *map = add_map(6, 3, 0);
    job->scalar = true;
    keep_begin(&session, job);
    keep_begin(&session, map);
    assert_true(keep_any(&session));
    assert_string_equal(kept(), "1 [1,5,\"%px f()\",false,true,[0,2],2");
    assert_string_equal(kept(), "2 [1,6,\"%map f x\",true,false,[],3");
    keep_end(&session, job);
    assert_int_equal(job->keep, 0);
    assert_string_equal(kept(), "1 ");
    keep_end(&session, job); /* once only */
    keep_end(&session, map);
    assert_string_equal(kept(), "2 ");
    assert_false(keep_any(&session));
}

TEST(what_was_typed_is_told_up_to_a_bound)
{
    char *source = tt_alloc(20001);
    memset(source, 'x', 20000);
    job_t *job = job_new(1, source, 0);
    free(source);
    session_add_job(&session, job);
    keep_begin(&session, job);
    letter_t *letter = fake_await(&fake, TT_MSG_KEEP);
    assert_in_range(letter->message.as.keep.meta.len, 8192, 8300);
    job_t *read = keep_read(letter->message.as.keep.meta);
    assert_int_equal(strlen(read->source), 8192);
    job_destroy(&read);
    letter_free(letter);
}

/* ---- leaving */

static bool answer_leave(fake_t *self, letter_t *letter)
{
    if (letter->message.type != TT_MSG_LEAVE)
        return false;
    fake_answer(self, TT_MSG_DONE, letter->message.id);
    return true;
}

/* The next STORE: "keep.index: engine status attempt out|err|buffers; cause". */
static const char *stored(void)
{
    static char text[512];
    letter_t *letter = fake_await(&fake, TT_MSG_STORE);
    const tt_msg_store_t *store = &letter->message.as.store;
    size_t len = (size_t)snprintf(text, sizeof text, "%d.%d: %d %s %d ", (int)store->keep,
                                  (int)store->index, (int)store->engine,
                                  tt_status_text((unsigned)store->status), (int)store->attempt);
    for (size_t i = 1; i < letter->packet.payload.count; i++) {
        tt_span_t bytes = tt_frames_span(&letter->packet.payload, i);
        len += (size_t)snprintf(text + len, sizeof text - len, "%s%.*s", i > 1 ? "|" : "",
                                (int)bytes.len, (const char *)bytes.data);
    }
    snprintf(text + len, sizeof text - len, "; %.*s", (int)store->cause.len,
             (const char *)store->cause.data);
    letter_free(letter);
    return text;
}

TEST(who_leaves_gives_back_results_with_all_their_output_and_output_without_a_result)
{
    job_t *job = add_px(5), *map = add_map(6, 3, 3), *shown = add_px(7);
    job_item_t item = {map, 2, 0};
    keep_begin(&session, job);
    keep_begin(&session, map);
    job_px_handlers.output(job, NULL, 0, 1, SPAN("early "));
    job_px_handlers.output(job, NULL, 2, 2, SPAN("warning"));
    end_part(job, 0, "late");
    end_part(shown, 0, "");
    end_part(map, 1, "item");
    job_item_handlers.output(&item, NULL, 7, 1, SPAN("third"));
    job_stream_start(job, tt_now_ms()); /* what windows have shown is given back as well */
    fake.on_message = answer_leave;
    keep_leave(&session);
    assert_null(session.client);
    assert_string_equal(stored(), "1.0: 0 ok 1 early late||buffer; ");
    assert_string_equal(stored(), "1.0: 2 ok 0 |warning; ");
    assert_string_equal(stored(), "2.1: 7 ok 1 item||buffer; ");
    assert_string_equal(stored(), "2.2: -1 ok 0 third|; ");
    letter_free(fake_await(&fake, TT_MSG_BYE));
    assert_null(fake_take(&fake, TT_MSG_STORE));
}

TEST(items_of_a_map_that_were_not_handed_over_yet_are_told_as_not_started)
{
    job_t *map = add_map(6, 3, 1);
    keep_begin(&session, map);
    fake.on_message = answer_leave;
    keep_leave(&session);
    assert_string_equal(stored(), "1.1: -1 cancelled 1 |; not started: its session has ended");
    assert_string_equal(stored(), "1.2: -1 cancelled 1 |; not started: its session has ended");
    letter_free(fake_await(&fake, TT_MSG_BYE));
    assert_null(fake_take(&fake, TT_MSG_STORE));
}

/* ---- what a job was named with */

typedef struct {
    int64_t version, number;
    const char *source;
    bool map;
    int engines[4];
    size_t engine_count;
    uint64_t parts;
    double began;
} named_t;

static named_t named(int number, bool map, uint64_t parts)
{
    return (named_t){1,
                     number,
                     "f()",
                     map,
                     {0, 1, 2, 3},
                     map ? 0 : (size_t)parts,
                     parts,
                     (double)time(NULL) - 60};
}

static void pack(tt_buf_t *out, const named_t *self)
{
    tt_pack_array(out, 8);
    tt_pack_int(out, self->version);
    tt_pack_int(out, self->number);
    tt_pack_text(out, self->source);
    tt_pack_bool(out, self->map);
    tt_pack_bool(out, false);
    tt_ids_pack(out, self->engines, self->engine_count);
    tt_pack_uint(out, self->parts);
    tt_pack_double(out, self->began);
}

static job_t *read_named(named_t self)
{
    tt_buf_t meta;
    tt_buf_init(&meta);
    pack(&meta, &self);
    job_t *job = keep_read((tt_span_t){meta.data, meta.len});
    for (size_t len = 0; len < meta.len; len++) /* cut anywhere it is none */
        assert_null(keep_read((tt_span_t){meta.data, len}));
    tt_buf_release(&meta);
    return job;
}

TEST(meta_that_makes_no_sense_is_no_job)
{
    static const tt_span_t rows[] = {
        {NULL, 0},
        SPAN("\xc0"),
        SPAN("\x90"),
        SPAN("\x91\x01"),
        SPAN("meta"),
        SPAN("\xc1"),
        SPAN("\x98\x01\x01\xa1x\x01\xc2\x90\x00\x00"),         /* a number for a truth value */
        SPAN("\x98\x01\x01\xc0\xc2\xc2\x90\x00\x00"),          /* nil for a text */
        SPAN("\x98\x01\x01\xa1x\xc2\xc2\x90\xff\xca"),         /* less than no parts */
        SPAN("\x98\x01\x01\xa1x\xc2\xc2\xdd\xff\xff\xff\xff"), /* more engines than bytes */
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_null(keep_read(rows[i]));
    named_t meta = named(1, false, 2);
    meta.version = 2;
    assert_null(read_named(meta));
    assert_null(read_named(named(0, false, 2)));
    assert_null(read_named(named(-1, false, 2)));
    assert_null(read_named(named(INT_MAX, false, 2))); /* the next number would be none */
    assert_null(read_named(named(1, true, UINT64_MAX)));
    assert_null(read_named(named(1, true, 1u << 30)));
    meta = named(1, false, 2);
    meta.engine_count = 1; /* a part without an engine */
    assert_null(read_named(meta));
    meta.engine_count = 3;
    assert_null(read_named(meta));
    meta = named(1, false, 1);
    meta.engines[0] = -4;
    assert_null(read_named(meta));
}

TEST(meta_becomes_a_job_that_began_when_it_says)
{
    job_t *job = read_named(named(12, false, 3));
    assert_int_equal(job->number, 12);
    assert_string_equal(job->source, "f()");
    assert_int_equal(job->part_count, 3);
    assert_int_equal(job->left, 3);
    assert_int_equal(job->parts[2].engine, 2);
    assert_int_equal(job->submitted, 3);
    assert_true(job_timing(job).elapsed_s >= 59);
    job_destroy(&job);
    job = read_named(named(12, true, 3));
    assert_true(job->map);
    assert_int_equal(job->parts[2].engine, -1);
    job_destroy(&job);
    job = read_named(named(12, false, 0));
    assert_int_equal(job->part_count, 0);
    job_destroy(&job);
}

TEST(a_clock_that_makes_no_sense_is_not_believed)
{
    const double times[] = {NAN, INFINITY, -INFINITY, 1e300, -1e300, 0, 1e15};
    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        named_t meta = named(1, false, 1);
        meta.began = times[i];
        job_t *job = read_named(meta);
        assert_in_range((int64_t)job_timing(job).elapsed_s, 0, 3600);
        job_destroy(&job);
    }
}

/* ---- adopting */

static tt_frames_t left_behind; /* the jobs of the next ADOPTED */

/* Starts a frame: [keep, meta, [task, ...]]. */
static void leave_job(uint64_t keep, named_t meta, const char *tasks, size_t len)
{
    tt_buf_t frame, bytes;
    tt_buf_init(&frame);
    tt_buf_init(&bytes);
    pack(&bytes, &meta);
    tt_pack_array(&frame, 3);
    tt_pack_uint(&frame, keep);
    tt_pack_bin(&frame, bytes.data, bytes.len);
    tt_buf_append(&frame, tasks, len);
    tt_frames_copy(&left_behind, frame.data, frame.len);
    tt_buf_release(&frame);
    tt_buf_release(&bytes);
}

#define LEAVE(keep, meta, tasks) leave_job(keep, meta, tasks, sizeof(tasks) - 1)

static void send_store(uint64_t keep, uint64_t index, int engine, const char *out)
{
    tt_message_t message = tt_message(TT_MSG_STORE, 0);
    tt_frames_t frames;
    tt_frames_init(&frames);
    tt_frames_copy(&frames, "\x91\xa1v", 3);
    tt_frames_copy(&frames, out, strlen(out));
    tt_frames_copy(&frames, "", 0);
    message.as.store.keep = keep;
    message.as.store.index = index;
    message.as.store.engine = engine;
    message.as.store.attempt = 1;
    message.as.store.host = tt_span("here");
    fake_send(&fake, &message, &frames);
}

static void (*say_more)(void); /* behind ADOPTED, before DONE */

static bool answer_adopt(fake_t *self, letter_t *letter)
{
    if (letter->message.type != TT_MSG_ADOPT)
        return false;
    tt_message_t message = tt_message(TT_MSG_ADOPTED, letter->message.id);
    fake_send(self, &message, &left_behind);
    if (say_more)
        say_more();
    fake_answer(self, TT_MSG_DONE, letter->message.id);
    return true;
}

static const char *adopt(void (*more)(void))
{
    fake.on_message = answer_adopt;
    say_more = more;
    line.len = 0;
    keep_adopt(&session, &line);
    return tt_buf_text(&line);
}

TEST(where_nothing_was_left_nothing_is_told)
{
    tt_frames_init(&left_behind);
    assert_string_equal(adopt(NULL), "");
    assert_null(session.jobs);
    assert_int_equal(session.number, 0);
}

static bool refuse_adopt(fake_t *self, letter_t *letter)
{
    if (letter->message.type == TT_MSG_ADOPT)
        fake_error(self, letter->message.id, "ADOPT was said already");
    return letter->message.type == TT_MSG_ADOPT;
}

TEST(a_controller_that_refuses_costs_what_was_left_and_nothing_else)
{
    fake.on_message = refuse_adopt;
    keep_adopt(&session, &line);
    assert_int_equal(line.len, 0);
    assert_null(session.jobs);
}

static void answers_of_px(void)
{
    send_store(5, 0, 0, "zero\n");
    send_store(5, 0, 9, "of nobody");
    send_store(99, 0, 0, "of no job");
}

TEST(a_job_that_is_done_is_told_and_shown_by_result_and_numbers_go_on_behind_it)
{
    tt_frames_init(&left_behind);
    LEAVE(5, named(12, false, 1), "\x90");
    LEAVE(6, named(3, false, 0), "\x90");
    assert_string_equal(
        adopt(answers_of_px),
        "an earlier session has left: [12] done, [3] done \xc2\xb7 %jobs, %result N");
    assert_int_equal(session.number, 12);
    job_t *job = session_find_job(&session, 12);
    assert_true(job->done && job->background && job->adopted && !job->shown);
    listen_begin();
    session_settle(&session); /* it was told already: not by itself */
    listen_end();
    assert_out("");
    assert_false(job->shown);
    listen_begin();
    assert_int_equal(session_finish_job(&session, job), 0);
    listen_end();
    assert_out("[0] zero\nOut[0:12]: v\n");
    assert_int_equal(job->keep, 0);
}

static void half_of_px(void)
{
    send_store(5, 0, 1, "one\n");
}

TEST(a_job_that_runs_goes_on_and_what_went_to_the_dead_session_is_told_as_lost)
{
    tt_frames_init(&left_behind);
    /* engine 1 has answered, 2 is under way, the answer of 0 is nowhere */
    LEAVE(5, named(12, false, 3), "\x91\x93\x00\x64\x91\x02");
    assert_string_equal(
        adopt(half_of_px),
        "an earlier session has left: [12] running 2/3 \xc2\xb7 %jobs, %result N");
    job_t *job = session.jobs;
    assert_false(job->adopted); /* what runs is told when it ends, as any other */
    assert_int_equal(job->parts[0].status, TT_STATUS_UNKNOWN);
    assert_false(job->done);
    fake_result(&fake, 100, 2, TT_STATUS_OK, "two\n", "22");
    assert_comes(loop, job->done);
    listen_begin();
    session_settle(&session);
    listen_end();
    assert_part(said_out, "[1] one\n[2] two\n");
    assert_part(said_err, "its answer went to the session that is gone");
    assert_part(said_err, "[12] failed \xc2\xb7 1 of 3 engines");
    assert_true(job->shown);
}

static void some_items(void)
{
    send_store(5, 0, 4, "");
    send_store(5, 77, 4, ""); /* there is no such item */
}

TEST(a_map_goes_on_item_by_item)
{
    tt_frames_init(&left_behind);
    LEAVE(5, named(4, true, 4), "\x92\x93\x01\x64\xc0\x93\x03\x65\xc0");
    assert_string_equal(
        adopt(some_items),
        "an earlier session has left: [4] running 1/4 \xc2\xb7 %jobs, %result N");
    job_t *job = session.jobs;
    assert_int_equal(job->parts[0].status, TT_STATUS_OK);
    assert_false(job->parts[2].done); /* it may have gone together with the one before */
    fake_result(&fake, 101, 0, TT_STATUS_OK, "", "1");
    fake_result(&fake, 100, 0, TT_STATUS_ERROR, "", "no luck");
    assert_comes(loop, job->done);
    assert_int_equal(job->parts[2].status, TT_STATUS_UNKNOWN);
    assert_int_equal(job_failed(job), 2);
    session_cancel_job(&session, job); /* nothing is under way any more */
}

TEST(a_task_that_fits_no_job_is_nobodys)
{
    tt_frames_init(&left_behind);
    LEAVE(5, named(4, true, 2), "\x91\x93\x07\x64\xc0");
    LEAVE(6, named(5, false, 0), "\x91\x93\x00\x65\x91\x01");
    named_t meta = named(0, false, 1);
    LEAVE(7, meta, "\x91\x93\x00\x66\x91\x01");
    adopt(NULL);
    assert_true(session.jobs->done && session.jobs->next->done);
    assert_null(session.jobs->next->next);
    for (uint64_t id = 100; id < 103; id++)
        fake_result(&fake, id, 1, TT_STATUS_OK, "", "1");
    fake_engine(&fake, 9, TT_ENGINE_READY, "");
    size_t count = 0;
    assert_comes(loop, (tt_client_engines(session.client, &count), count == 4));
}

TEST(what_was_adopted_may_be_left_behind_again)
{
    tt_frames_init(&left_behind);
    LEAVE(5, named(12, false, 2), "\x91\x93\x00\x64\x91\x00");
    adopt(half_of_px);
    assert_true(keep_any(&session));
    fake.on_message = answer_leave;
    keep_leave(&session);
    assert_string_equal(stored(), "5.0: 1 ok 1 one\n|; ");
    letter_free(fake_await(&fake, TT_MSG_BYE));
}

#define ON(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    toy_main();
    alarm(60);
    const struct CMUnitTest tests[] = {
        ON(in_scripts_nothing_is_kept),
        ON(a_job_is_named_before_its_work_and_ended_when_it_was_shown),
        ON(what_was_typed_is_told_up_to_a_bound),
        ON(who_leaves_gives_back_results_with_all_their_output_and_output_without_a_result),
        ON(items_of_a_map_that_were_not_handed_over_yet_are_told_as_not_started),
        ON(meta_that_makes_no_sense_is_no_job),
        ON(meta_becomes_a_job_that_began_when_it_says),
        ON(a_clock_that_makes_no_sense_is_not_believed),
        ON(where_nothing_was_left_nothing_is_told),
        ON(a_controller_that_refuses_costs_what_was_left_and_nothing_else),
        ON(a_job_that_is_done_is_told_and_shown_by_result_and_numbers_go_on_behind_it),
        ON(a_job_that_runs_goes_on_and_what_went_to_the_dead_session_is_told_as_lost),
        ON(a_map_goes_on_item_by_item),
        ON(a_task_that_fits_no_job_is_nobodys),
        ON(what_was_adopted_may_be_left_behind_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
