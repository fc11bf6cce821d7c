/* Unit test of repl/job: results that come in any order, twice, from nobody we asked, or not at
 * all. The client is left out: the handlers are called as it would. */
#include "check.h"

#include "job.h"
#include "pack.h"

#include <stdlib.h>
#include <unistd.h>

static job_t *job;
static int finished, fed;

static int begin(void **unused)
{
    (void)unused;
    finished = fed = 0;
    return 0;
}

static int end(void **unused)
{
    (void)unused;
    job_destroy(&job);
    job_destroy(&job);
    return 0;
}

static void on_finished(job_t *self, void *arg)
{
    assert_ptr_equal(self, job);
    assert_string_equal(arg, "mine");
    finished++;
}

/* A job of engines 4, 6, ... or of as many items. */
static void new_job(size_t parts, bool map)
{
    job = job_new(7, "f()", parts);
    job->map = map;
    job->finished = on_finished;
    job->arg = (char *)(uintptr_t) "mine";
    for (size_t i = 0; i < parts && !map; i++)
        job->parts[i].engine = 4 + 2 * (int)i;
}

/* One result, with a body that has this repr (NULL: no frames at all) and output. */
static void give(const tt_job_handlers_t *handlers, void *arg, int engine, unsigned status,
                 const char *repr, const char *out)
{
    tt_frames_t frames;
    tt_frames_init(&frames);
    if (repr) {
        tt_buf_t body;
        tt_buf_init(&body);
        tt_pack_array(&body, 1);
        tt_pack_text(&body, repr);
        tt_frames_take_buf(&frames, &body);
        tt_buf_release(&body);
        tt_frames_copy(&frames, out, strlen(out));
        tt_frames_copy(&frames, "", 0);
    }
    tt_result_t result = {.engine = engine, .status = status, .frames = &frames};
    result.run_ns = 1500000000;
    result.queue_ns = 1000000000;
    result.wait_ns = 250000000;
    result.dropped_bytes = 3;
    strcpy(result.host, "web1");
    strcpy(result.cause, status == TT_STATUS_OK ? "" : "a reason");
    handlers->result(arg, NULL, &result);
    tt_frames_release(&frames);
}

static void give_px(int engine, unsigned status, const char *repr, const char *out)
{
    give(&job_px_handlers, job, engine, status, repr, out);
}

/* Ends an item as the client does: its result, then done, which frees the item. */
static void give_item(size_t index, unsigned status)
{
    job_item_t *item = tt_alloc(sizeof *item);
    *item = (job_item_t){job, index, 0};
    give(&job_item_handlers, item, 1, status, "49", "");
    job_item_handlers.done(item, NULL);
}

#define assert_span(span, text)                                                                \
    do {                                                                                       \
        assert_int_equal((span).len, strlen(text));                                            \
        assert_memory_equal((span).data, text, strlen(text));                                  \
    } while (0)

/* ---- px */

TEST(a_new_job_has_nothing_and_waits_for_all)
{
    size_t count;
    new_job(2, false);
    assert_false(job->done);
    assert_int_equal(job->left, 2);
    assert_int_equal(job_failed(job), 0);
    job_answer_t *answers = job_answers(job, JOB_WHOLE, &count);
    assert_int_equal(count, 2);
    assert_int_equal(answers[1].answer.engine, 6);
    assert_int_equal(answers[1].answer.item, -1);
    assert_null(answers[1].answer.repr.data);
    assert_true(answers[1].answer.elapsed_s == 0);
    job_answers_release(&answers, count);
    job_answers_release(&answers, count);
}

TEST(results_come_in_any_order_and_are_told_in_that_of_the_engines)
{
    size_t count;
    new_job(2, false);
    give_px(6, TT_STATUS_OK, "six", "");
    give_px(4, TT_STATUS_LOST, NULL, "");
    assert_int_equal(job->left, 0);
    assert_false(job->done);
    job_px_handlers.done(job, NULL);
    assert_true(job->done);
    assert_int_equal(finished, 1);
    assert_int_equal(job_failed(job), 1);
    job_answer_t *answers = job_answers(job, JOB_WHOLE, &count);
    const answer_t *first = &answers[0].answer, *second = &answers[1].answer;
    assert_int_equal(first->engine, 4);
    assert_int_equal(first->status, TT_STATUS_LOST);
    assert_span(first->cause, "a reason");
    assert_null(first->repr.data);
    assert_int_equal(second->job, 7);
    assert_span(second->source, "f()");
    assert_span(second->repr, "six");
    assert_string_equal(second->host, "web1");
    assert_null(second->cause.data);
    assert_int_equal(second->dropped_bytes, 3);
    assert_true(second->run_s == 1.5 && second->queue_s == 1.25);
    job_answers_release(&answers, count);
}

TEST(a_second_result_of_an_engine_counts_no_more)
{
    new_job(2, false);
    give_px(4, TT_STATUS_OK, "first", "");
    give_px(4, TT_STATUS_ERROR, "second", "");
    assert_int_equal(job->left, 1);
    assert_int_equal(job->parts[0].status, TT_STATUS_OK);
}

TEST(results_and_output_of_an_engine_that_was_not_asked_are_nobodys)
{
    new_job(1, false);
    give_px(99, TT_STATUS_OK, "x", "");
    job_px_handlers.output(job, NULL, 99, 1, SPAN("x"));
    assert_int_equal(job->left, 1);
    assert_int_equal(job->parts[0].early[0].len, 0);
}

TEST(output_ahead_of_the_result_stands_in_front_of_its_own)
{
    size_t count;
    new_job(2, false);
    job_px_handlers.output(job, NULL, 4, 1, SPAN("one "));
    job_px_handlers.output(job, NULL, 4, 2, SPAN("oops"));
    job_px_handlers.output(job, NULL, 4, 1, SPAN("two "));
    give_px(4, TT_STATUS_OK, "", "three");
    job_answer_t *answers = job_answers(job, JOB_WHOLE, &count);
    assert_span(answers[0].answer.out, "one two three");
    assert_span(answers[0].answer.err, "oops");
    assert_int_equal(answers[1].answer.out.len, 0);
    job_answers_release(&answers, count);
}

TEST(a_body_that_is_no_body_is_an_answer_without_anything)
{
    size_t count;
    tt_frames_t frames;
    new_job(1, false);
    tt_frames_init(&frames);
    tt_frames_copy(&frames, "\xff nonsense", 10);
    tt_result_t result = {.engine = 4, .status = TT_STATUS_OK, .frames = &frames};
    job_px_handlers.result(job, NULL, &result);
    assert_int_equal(frames.count, 0);
    job_answer_t *answers = job_answers(job, JOB_WHOLE, &count);
    assert_null(answers[0].answer.repr.data);
    job_answers_release(&answers, count);
}

/* ---- output that was shown while the job ran */

static const render_style_t style = {.label = {.job = 7, .total = 2}, .engines = 2};

/* The window of a time as one text. */
static const char *take(int64_t now_ms)
{
    static tt_buf_t out, err;
    tt_buf_release(&out);
    tt_buf_release(&err);
    job_stream_take(job, now_ms, &style, &out, &err);
    tt_buf_append(&out, err.data, err.len);
    tt_buf_release(&err);
    return tt_buf_text(&out);
}

static void check_rest(size_t index, const char *want_out, const char *want_err)
{
    size_t count;
    job_answer_t *answers = job_answers(job, JOB_REST, &count);
    assert_span(answers[index].answer.out, want_out);
    assert_span(answers[index].answer.err, want_err);
    job_answers_release(&answers, count);
}

TEST(a_job_that_is_not_streamed_has_no_windows_and_all_is_left)
{
    new_job(1, false);
    job_px_handlers.output(job, NULL, 4, 1, SPAN("one\n"));
    assert_int_equal(job_stream_due(job, INT64_MAX), -1);
    assert_string_equal(take(INT64_MAX), "");
    job_stream_stop(job);
    check_rest(0, "one\n", "");
}

TEST(what_windows_have_shown_is_not_shown_again_unless_all_is_asked_for)
{
    size_t count;
    int64_t now = tt_now_ms();
    new_job(2, false);
    job_px_handlers.output(job, NULL, 4, 1, SPAN("one\n"));
    job_stream_start(job, now);
    job_stream_start(job, now);
    job_px_handlers.output(job, NULL, 4, 1, SPAN("two\nthr"));
    job_px_handlers.output(job, NULL, 6, 2, SPAN("oops\n"));
    assert_int_equal(job_stream_due(job, now + 1000), 0);
    assert_string_equal(take(now + 1000), "[4] one\n[4] two\n[6 err] oops\n");
    check_rest(0, "thr", "");
    give_px(4, TT_STATUS_OK, "", "ee\n");
    check_rest(0, "three\n", "");
    assert_string_equal(take(now + 1100), "[4] three\n");
    check_rest(0, "", "");
    check_rest(1, "", "");
    job_answer_t *answers = job_answers(job, JOB_WHOLE, &count);
    assert_span(answers[0].answer.out, "one\ntwo\nthree\n");
    assert_span(answers[1].answer.err, "oops\n");
    job_answers_release(&answers, count);
}

TEST(a_job_may_be_streamed_again_and_goes_on_where_it_was)
{
    int64_t now = tt_now_ms();
    new_job(1, false);
    job_stream_start(job, now);
    job_px_handlers.output(job, NULL, 4, 1, SPAN("a\nb"));
    assert_string_equal(take(now + 1000), "[4] a\n");
    job_stream_stop(job);
    job_px_handlers.output(job, NULL, 4, 1, SPAN("c\n"));
    check_rest(0, "bc\n", "");
    job_stream_start(job, now);
    assert_string_equal(take(now + 1000), "[4] bc\n");
    check_rest(0, "", "");
    job_stream_stop(job);
    check_rest(0, "", "");
}

TEST(the_end_of_a_line_that_was_shown_early_is_no_line)
{
    int64_t now = tt_now_ms();
    new_job(1, false);
    job_stream_start(job, now);
    job_px_handlers.output(job, NULL, 4, 1, SPAN("name? "));
    assert_string_equal(take(now + 60000), "[4] name? \n");
    give_px(4, TT_STATUS_OK, "", "\n\nbye\n");
    check_rest(0, "\nbye\n", "");
}

TEST(output_behind_a_result_is_nobodys)
{
    new_job(1, false);
    give_px(4, TT_STATUS_OK, "", "out");
    job_px_handlers.output(job, NULL, 4, 1, SPAN("late"));
    check_rest(0, "out", "");
}

/* ---- map */

TEST(items_end_in_any_order_and_fail_alone)
{
    size_t count;
    new_job(3, true);
    job->submitted = 3;
    give_item(2, TT_STATUS_OK);
    give_item(0, TT_STATUS_ERROR);
    assert_false(job->done);
    give_item(1, TT_STATUS_OK);
    assert_true(job->done);
    assert_int_equal(finished, 1);
    assert_int_equal(job_failed(job), 1);
    job_answer_t *answers = job_answers(job, JOB_WHOLE, &count);
    assert_int_equal(answers[2].answer.item, 2);
    assert_int_equal(answers[2].answer.engine, 1);
    job_answers_release(&answers, count);
}

static void feed(job_t *self)
{
    self->submitted++;
}

static void feed_again(job_t *self)
{
    (void)self;
    fed++;
}

static struct {
    size_t parts;
    int64_t run_ns;
    bool wrote;
} learned;

TEST(the_windows_of_a_map_name_its_items)
{
    int64_t now = tt_now_ms();
    const render_style_t look = {.label = {.job = 7, .total = 3, .items = true}, .engines = 1};
    tt_buf_t out;
    new_job(3, true);
    job->submitted = 3;
    job_stream_start(job, now);
    job_item_t item = {job, 2, 0};
    job_item_handlers.output(&item, NULL, 0, 1, SPAN("x\n"));
    tt_buf_init(&out);
    job_stream_take(job, now + 1000, &look, &out, &out);
    assert_text(&out, "[item 2] x\n");
    tt_buf_release(&out);
    check_rest(2, "", "");
}

TEST(a_map_is_fed_while_items_are_left_to_submit)
{
    new_job(3, true);
    job->feed = feed;
    job->submitted = 1;
    give_item(0, TT_STATUS_OK);
    assert_int_equal(job->submitted, 2);
    give_item(1, TT_STATUS_OK);
    give_item(2, TT_STATUS_OK);
    assert_int_equal(job->submitted, 3);
    assert_true(job->done);
}

/* ---- parts that go together */

static void learn(job_t *self, size_t parts, int64_t run_ns, bool wrote)
{
    (void)self;
    learned.parts = parts;
    learned.run_ns = run_ns;
    learned.wrote = wrote;
}

static char submission;
static tt_job_t *const together = (tt_job_t *)(void *)&submission;

/* Ends a submission of several parts with this reply for each of the first `begun`: "N", after
 * N seconds, with N % 2 buffers; the last one has this status. */
static void end_batch(job_item_t *item, size_t begun, unsigned status, const char *out)
{
    size_t first = item->index;
    tt_frames_t frames;
    tt_buf_t body, inner;
    tt_frames_init(&frames);
    tt_buf_init(&body);
    tt_buf_init(&inner);
    tt_pack_array(&body, 7);
    for (int i = 0; i < 6; i++)
        tt_pack_nil(&body);
    tt_pack_array(&body, begun);
    for (size_t i = 0; i < begun; i++) {
        char repr[24];
        snprintf(repr, sizeof repr, "%zu", first + i);
        inner.len = 0;
        tt_pack_array(&inner, 1);
        tt_pack_text(&inner, repr);
        tt_pack_array(&body, 4);
        tt_pack_uint(&body, i + 1 < begun ? TT_STATUS_OK : status);
        tt_pack_uint(&body, (first + i) * 1000000000);
        tt_pack_bin(&body, inner.data, inner.len);
        tt_pack_uint(&body, (first + i) % 2);
    }
    tt_frames_take_buf(&frames, &body);
    tt_frames_copy(&frames, out, strlen(out));
    tt_frames_copy(&frames, "", 0);
    for (size_t i = 0; i < begun; i++)
        if ((first + i) % 2)
            tt_frames_copy(&frames, "buffer", first + i);
    tt_result_t result = {.engine = 4, .run_ns = 9000000000, .frames = &frames};
    job_item_handlers.result(item, together, &result);
    job_item_handlers.done(item, together);
    tt_frames_release(&frames);
    tt_buf_release(&body);
    tt_buf_release(&inner);
}

static job_item_t *begin_batch(size_t first, size_t count)
{
    job_item_t *item = job_item_new(job, first, count);
    job_item_is(job, first, count, together);
    for (size_t i = first; i < first + count; i++)
        assert_int_equal(job_goes_together(job, i), i > first);
    return item;
}

static void give_batch(size_t first, size_t count, size_t begun, unsigned status,
                       const char *out)
{
    end_batch(begin_batch(first, count), begun, status, out);
}

TEST(a_result_of_several_parts_has_a_reply_for_each)
{
    size_t count;
    new_job(5, true);
    job->learn = learn;
    job->submitted = 5;
    give_batch(1, 3, 3, TT_STATUS_ERROR, "out");
    assert_int_equal(job->left, 2);
    assert_int_equal(job->outstanding, 0);
    assert_int_equal(learned.parts, 3);
    assert_true(learned.run_ns == 9000000000 && learned.wrote);
    job_answer_t *answers = job_answers(job, JOB_WHOLE, &count);
    for (size_t i = 1; i <= 3; i++) {
        char repr[8];
        snprintf(repr, sizeof repr, "%zu", i);
        assert_span(answers[i].answer.repr, repr);
        assert_span(answers[i].answer.out, i == 1 ? "out" : "");
        assert_int_equal(answers[i].answer.status, i == 3 ? TT_STATUS_ERROR : TT_STATUS_OK);
        assert_int_equal(job->parts[i].frames.count,
                         i % 2 ? 4 : 1); /* none that says nothing */
        assert_int_equal(tt_frames_span(&job->parts[i].frames, 3).len, i % 2 ? i : 0);
        assert_true(job->parts[i].run_ns == (int64_t)i * 1000000000);
    }
    assert_true(job->parts[3].done_ns - job->parts[2].done_ns == 3000000000);
    job_answers_release(&answers, count);
}

TEST(parts_that_were_not_begun_are_handed_over_once_more)
{
    new_job(4, true);
    job->feed = feed_again;
    job->learn = learn;
    job->submitted = 4;
    give_batch(0, 4, 2, TT_STATUS_INTERRUPTED, "");
    assert_int_equal(job->left, 2);
    assert_int_equal(learned.parts, 2);
    assert_false(learned.wrote);
    assert_int_equal(fed, 1);
    assert_int_equal(job->again_count, 2);
    assert_int_equal(job->again[0] + job->again[1], 2 + 3);
    assert_true(job_has_more(job));
    job_stop_feeding(job, "no more");
    assert_false(job_has_more(job));
    assert_true(job->done);
    assert_int_equal(job->parts[1].status, TT_STATUS_INTERRUPTED);
    assert_int_equal(job->parts[2].status, TT_STATUS_CANCELLED);
    assert_string_equal(job->parts[3].cause, "no more");
}

TEST(what_was_not_begun_of_a_job_that_is_cancelled_is_cancelled)
{
    new_job(3, true);
    job->feed = feed_again;
    job->submitted = 3;
    job->cancelled = true;
    give_batch(0, 3, 1, TT_STATUS_INTERRUPTED, "");
    assert_int_equal(fed, 0);
    assert_true(job->done);
    assert_int_equal(job->parts[2].status, TT_STATUS_CANCELLED);
}

static void end_without_replies(job_item_t *item, unsigned status, const char *body)
{
    tt_frames_t frames;
    tt_frames_init(&frames);
    tt_frames_copy(&frames, body, strlen(body));
    tt_result_t result = {.engine = 4, .status = status, .run_ns = -1, .frames = &frames};
    job_item_handlers.result(item, together, &result);
    job_item_handlers.done(item, together);
    tt_frames_release(&frames);
}

TEST(a_result_without_replies_is_that_of_all_its_parts)
{
    for (int body = 0; body < 2; body++) {
        new_job(3, true);
        job->submitted = 3;
        job->feed = feed_again;
        end_without_replies(begin_batch(0, 3), TT_STATUS_LOST, body ? "\x90" : "");
        assert_true(job->done);
        for (int i = 0; i < 3; i++)
            assert_int_equal(job->parts[i].status, TT_STATUS_LOST);
        job_destroy(&job);
    }
}

TEST(an_adopted_submission_may_be_of_several_parts_or_of_one)
{
    for (int several = 0; several < 2; several++) {
        new_job(5, true);
        job->each = true;
        job->submitted = 5;
        job->parts[3].done = true;
        job->left = 4;
        job_item_t *item = job_item_new(job, 0, 1);
        job_item_is(job, 0, 1, together);
        job_extend_items(job);
        job_end_orphans(job);
        assert_int_equal(job->left, 3); /* the last is an orphan */
        if (several)
            end_batch(item, 3, TT_STATUS_OK, "");
        else
            end_without_replies(item, TT_STATUS_OK, "\x90");
        assert_true(job->done);
        assert_int_equal(job->outstanding, 0);
        assert_int_equal(job->parts[0].status, TT_STATUS_OK);
        assert_int_equal(job->parts[2].status, several ? TT_STATUS_OK : TT_STATUS_UNKNOWN);
        assert_int_equal(job->parts[4].status, TT_STATUS_UNKNOWN);
        job_destroy(&job);
    }
}

TEST(stored_replies_are_those_of_all_their_parts)
{
    new_job(3, true);
    tt_frames_t frames;
    tt_buf_t body;
    tt_frames_init(&frames);
    tt_buf_init(&body);
    tt_buf_append(&body,
                  "\x97\xc0\xc0\xc0\xc0\xc0\xc0\x92\x94\x00\x05\xc4\x01\x90\x00"
                  "\x94\x01\x06\xc4\x01\x90\x00",
                  22);
    tt_frames_take_buf(&frames, &body);
    tt_result_t result = {.engine = 4, .frames = &frames};
    job_take_result(job, 1, &result);
    tt_buf_release(&body);
    tt_frames_release(&frames);
    assert_int_equal(job->left, 1);
    assert_int_equal(job->parts[1].run_ns, 5);
    assert_int_equal(job->parts[2].status, TT_STATUS_ERROR);
    assert_int_equal(job->parts[2].run_ns, 6);
}

TEST(replies_that_are_none_are_not_taken_for_some)
{
    static const char *const bodies[] = {
        "\x97\xc0\xc0\xc0\xc0\xc0\xc0\xc0", "\x97\xc0\xc0\xc0\xc0\xc0\xc0\x90",
        "\x97\xc0\xc0\xc0\xc0\xc0\xc0\x91\x05", "\x97\xc0", "\xff"};
    static const size_t lens[] = {8, 8, 9, 2, 1};
    for (size_t i = 0; i < 5; i++) {
        new_job(3, true);
        tt_frames_t frames;
        tt_frames_init(&frames);
        tt_frames_copy(&frames, bodies[i], lens[i]);
        tt_result_t result = {.engine = 4, .frames = &frames};
        job_take_result(job, 1, &result);
        tt_frames_release(&frames);
        assert_int_equal(job->left, i == 1 ? 3 : 2);
        assert_int_equal(job->parts[1].status, i == 2 ? TT_STATUS_REFUSED : TT_STATUS_OK);
        job_destroy(&job);
    }
}

TEST(a_map_that_is_fed_no_more_cancels_what_was_not_submitted_and_waits_for_the_rest)
{
    new_job(3, true);
    job->feed = feed;
    job->submitted = 1;
    job_stop_feeding(job, "not started");
    assert_int_equal(job->left, 1);
    assert_false(job->done);
    assert_int_equal(job->parts[2].status, TT_STATUS_CANCELLED);
    assert_string_equal(job->parts[2].cause, "not started");
    assert_int_equal(job->parts[2].engine, -1);
    give_item(0, TT_STATUS_OK);
    assert_true(job->done);
    assert_int_equal(finished, 1);
}

TEST(a_map_of_nothing_is_done_when_it_is_fed_no_more)
{
    new_job(0, true);
    job_stop_feeding(job, "");
    assert_true(job->done);
    assert_int_equal(finished, 1);
}

TEST(a_map_that_is_done_finishes_once_though_it_is_cancelled_then)
{
    new_job(1, true);
    job->submitted = 1;
    give_item(0, TT_STATUS_OK);
    job_stop_feeding(job, "not started");
    assert_int_equal(finished, 1);
    assert_int_equal(job->parts[0].status, TT_STATUS_OK);
}

/* ---- times */

TEST(times_are_from_submitting_to_the_last_result_and_the_runs_summed)
{
    new_job(2, false);
    give_px(4, TT_STATUS_OK, "", "");
    give_px(6, TT_STATUS_OK, "", "");
    job_px_handlers.done(job, NULL);
    job->ended_ns = job->started_ns + 2000000000;
    timing_t timing = job_timing(job);
    assert_int_equal(timing.items, 2);
    assert_true(timing.elapsed_s == 2.0);
    assert_true(timing.serial_s == 3.0);
    assert_int_equal(timing.failed + timing.stopped + timing.unstarted, 0);
}

TEST(parts_that_are_not_well_are_counted_by_how_they_ended)
{
    static const unsigned statuses[] = {TT_STATUS_OK,      TT_STATUS_ERROR,
                                        TT_STATUS_LOST,    TT_STATUS_INTERRUPTED,
                                        TT_STATUS_TIMEOUT, TT_STATUS_CANCELLED};
    new_job(7, true);
    job->submitted = 7;
    for (size_t i = 0; i < 6; i++)
        give_item(i, statuses[i]);
    timing_t timing = job_timing(job);
    assert_true(timing.map);
    assert_int_equal(timing.items, 7);
    assert_int_equal(timing.failed, 2);
    assert_int_equal(timing.stopped, 2);
    assert_int_equal(timing.unstarted, 1);
}

TEST(those_who_have_not_answered_are_known)
{
    size_t count;
    new_job(3, false);
    give_px(6, TT_STATUS_OK, "", "");
    fold_member_t *missing = job_missing(job, &count);
    assert_int_equal(count, 2);
    assert_int_equal(missing[0].id, 4);
    assert_int_equal(missing[1].id, 8);
    free(missing);
    give_px(4, TT_STATUS_OK, "", "");
    give_px(8, TT_STATUS_OK, "", "");
    free(job_missing(job, &count));
    assert_int_equal(count, 0);
}

#define ON(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    alarm(60);
    const struct CMUnitTest tests[] = {
        ON(a_new_job_has_nothing_and_waits_for_all),
        ON(results_come_in_any_order_and_are_told_in_that_of_the_engines),
        ON(a_second_result_of_an_engine_counts_no_more),
        ON(results_and_output_of_an_engine_that_was_not_asked_are_nobodys),
        ON(output_ahead_of_the_result_stands_in_front_of_its_own),
        ON(a_body_that_is_no_body_is_an_answer_without_anything),
        ON(a_job_that_is_not_streamed_has_no_windows_and_all_is_left),
        ON(what_windows_have_shown_is_not_shown_again_unless_all_is_asked_for),
        ON(a_job_may_be_streamed_again_and_goes_on_where_it_was),
        ON(the_end_of_a_line_that_was_shown_early_is_no_line),
        ON(output_behind_a_result_is_nobodys),
        ON(items_end_in_any_order_and_fail_alone),
        ON(the_windows_of_a_map_name_its_items),
        ON(a_result_of_several_parts_has_a_reply_for_each),
        ON(parts_that_were_not_begun_are_handed_over_once_more),
        ON(what_was_not_begun_of_a_job_that_is_cancelled_is_cancelled),
        ON(a_result_without_replies_is_that_of_all_its_parts),
        ON(an_adopted_submission_may_be_of_several_parts_or_of_one),
        ON(stored_replies_are_those_of_all_their_parts),
        ON(replies_that_are_none_are_not_taken_for_some),
        ON(a_map_is_fed_while_items_are_left_to_submit),
        ON(a_map_that_is_fed_no_more_cancels_what_was_not_submitted_and_waits_for_the_rest),
        ON(a_map_of_nothing_is_done_when_it_is_fed_no_more),
        ON(a_map_that_is_done_finishes_once_though_it_is_cancelled_then),
        ON(parts_that_are_not_well_are_counted_by_how_they_ended),
        ON(those_who_have_not_answered_are_known),
        ON(times_are_from_submitting_to_the_last_result_and_the_runs_summed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
