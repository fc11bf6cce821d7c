/* Unit test of repl/magic and magic_*: the table is whole; what is typed wrong costs a message
 * and status 2 and sends nothing; what is right becomes the right message. Deeper behaviour is
 * covered end to end. */
#include "prompt.h"

#include "magic.h"

static int begin(void **unused)
{
    (void)unused;
    return prompt_begin(2);
}

static int end(void **unused)
{
    (void)unused;
    return prompt_end();
}

/* Wrong use: status 2, one line on stderr, and no work for anybody. */
#define assert_wrong(line, message)                                                            \
    do {                                                                                       \
        assert_int_equal(run(line), 2);                                                        \
        assert_err(message "\n");                                                              \
        assert_out("");                                                                        \
        assert_null(fake_take(&fake, TT_MSG_SUBMIT));                                          \
        assert_null(session.jobs);                                                             \
    } while (0)

static bool text_is(tt_span_t span, const char *text)
{
    return span.len == strlen(text) && memcmp(span.data, text, span.len) == 0;
}

/* The arguments of a SUBMIT, as JSON. Borrowed until the next call. */
static const char *arguments(letter_t *letter)
{
    static char text[1024];
    tt_buf_t json;
    tt_buf_init(&json);
    tt_value_json(tt_frames_span(&letter->packet.payload, 0), &json);
    snprintf(text, sizeof text, "%s", tt_buf_text(&json));
    tt_buf_release(&json);
    return text;
}

static size_t count_ids(tt_span_t any)
{
    int *ids = NULL;
    int count = tt_ids_read(any, &ids, NULL);
    free(ids);
    return (size_t)count;
}

/* ---- the table */

TEST(every_row_has_a_name_a_usage_a_summary_a_group_and_a_function)
{
    for (const magic_t *row = magics; row->name; row++) {
        assert_true(row->name[0] &&
                    strspn(row->name, "abcdefghijklmnopqrstuvwxyz") == strlen(row->name));
        assert_non_null(row->usage);
        assert_true(row->summary[0] && row->summary[strlen(row->summary) - 1] != '.');
        assert_true(row->group[0]);
        assert_non_null(row->run);
        assert_true(row->flags & GRAMMAR_KNOWN);
    }
}

TEST(every_name_is_found_as_its_own_row_so_none_is_there_twice)
{
    for (const magic_t *row = magics; row->name; row++) {
        assert_ptr_equal(magic_find(row->name), row);
        assert_int_equal(magic_about(row->name), row->flags);
    }
}

TEST(what_is_no_magic_is_not_found)
{
    assert_null(magic_find(""));
    assert_null(magic_find("p"));
    assert_null(magic_find("pxx"));
    assert_null(magic_find("PX"));
    assert_int_equal(magic_about("cd"), 0);
}

TEST(rows_of_a_group_stand_together)
{
    for (const magic_t *row = magics; row->name && row[1].name; row++)
        for (const magic_t *later = row + 2; later->name; later++)
            if (strcmp(row->group, row[1].group) != 0)
                assert_string_not_equal(row->group, later->group);
}

TEST(no_option_of_a_magic_has_the_name_or_letter_of_another)
{
    for (const magic_t *row = magics; row->name; row++)
        for (size_t i = 0; i < row->option_count; i++) {
            assert_non_null(row->options[i].name);
            for (size_t j = 0; j < i; j++) {
                assert_string_not_equal(row->options[i].name, row->options[j].name);
                if (row->options[i].letter)
                    assert_int_not_equal(row->options[i].letter, row->options[j].letter);
            }
        }
}

TEST(only_px_opens_a_cell)
{
    for (const magic_t *row = magics; row->name; row++)
        assert_int_equal(!!(row->flags & GRAMMAR_CELL), strcmp(row->name, "px") == 0);
}

/* ---- %px */

TEST(px_refuses_what_makes_no_sense)
{
    assert_wrong("%px", "%px: takes code, as in %px import os; os.getpid()");
    assert_wrong("%px -t 0", "%px: takes code, as in %px import os; os.getpid()");
    assert_wrong("%%px a()\nb()\n%%\n", "%%px: takes its code on the lines below");
    assert_wrong("%px --timeout soon x", "--timeout takes seconds above 0, not 'soon'");
    assert_wrong("%px --timeout 0 x", "--timeout takes seconds above 0, not '0'");
    assert_int_equal(run("%px -t 9 x"), 2);
    assert_part(said_err, "no engine 9: there are 0-1");
    assert_int_equal(run("%px --nonsense x"), 2);
    assert_part(said_err, "--targets");
    assert_null(session.jobs);
}

TEST(px_sends_the_code_to_each_target_and_folds_what_comes_back)
{
    fake.on_message = answer_submit;
    assert_int_equal(run("%px -x 1 --timeout 1.5 2 + 2"), 0);
    assert_out("Out[0:1]: 0\n");
    assert_err("");
    letter_t *letter = fake_await(&fake, TT_MSG_SUBMIT);
    const tt_msg_submit_t *submit = &letter->message.as.submit;
    assert_int_equal(submit->op, TT_RT_EXECUTE);
    assert_int_equal(count_ids(submit->engines), 1);
    assert_int_equal(submit->timeout_ms, 1500);
    assert_int_equal(submit->flags, 0);
    assert_true(text_is(submit->label, "2 + 2"));
    assert_string_equal(arguments(letter), "[\"2 + 2\",\"In [1]\",0]");
    letter_free(letter);
}

TEST(px_of_a_line_for_targets_goes_to_them)
{
    fake.on_message = answer_submit;
    assert_int_equal(run("@1: f()"), 0);
    assert_out("Out[1:1]: 1\n");
}

TEST(px_asks_for_the_value_only_when_it_is_assigned)
{
    fake.on_message = answer_submit;
    assert_int_equal(run("x = %px f()"), 0);
    letter_t *letter = fake_await(&fake, TT_MSG_SUBMIT);
    assert_string_equal(arguments(letter), "[\"f()\",\"In [1]\",3]");
    assert_part(toy_told(), "SET [\"x\",\"result\",[1,1],");
    letter_free(letter);
}

TEST(px_in_the_background_is_shown_before_the_statement_after_its_end)
{
    assert_int_equal(run("%px --noblock f()"), 0);
    assert_out("");
    assert_err("[1] running\n");
    letter_t *letter = fake_await(&fake, TT_MSG_SUBMIT);
    for (int i = 0; i < 2; i++)
        fake_result(&fake, letter->message.id, i, TT_STATUS_OK, "", "same");
    letter_free(letter);
    assert_comes(loop, session.jobs->done);
    assert_int_equal(run("%jobs"), 0);
    assert_part(said_out, "Out[0-1:1]: same\n");
    assert_part(said_out, "[1] done");
    assert_true(session.jobs->shown);
}

TEST(px_fails_when_an_engine_fails)
{
    listen_begin();
    int status = session_run(&session, "", "%px f() &", 9);
    letter_t *letter = fake_await(&fake, TT_MSG_SUBMIT);
    fake_result(&fake, letter->message.id, 0, TT_STATUS_ERROR, "", "no luck");
    fake_result(&fake, letter->message.id, 1, TT_STATUS_LOST, "", "killed by a bear");
    listen_end();
    letter_free(letter);
    assert_int_equal(status, 0);
    assert_int_equal(run("%wait"), 1);
    assert_part(said_err, "ValueError: no luck");
    assert_part(said_err, "killed by a bear");
}

/* ---- %map */

TEST(map_refuses_what_makes_no_sense)
{
    assert_wrong("%map",
                 "%map: takes a function and items, as in %map (lambda x: x**2) range(32)");
    assert_wrong("%map f",
                 "%map: takes a function and items, as in %map (lambda x: x**2) range(32)");
    assert_wrong("%map --retries 11 f x", "%map: --retries takes 0 to 10, not '11'");
    assert_wrong("%map --retries -1 f x", "%map: --retries takes 0 to 10, not '-1'");
    assert_wrong("%map --retries 2x f x", "%map: --retries takes 0 to 10, not '2x'");
    assert_wrong("%map --timeout 0 f x", "--timeout takes seconds above 0, not '0'");
    assert_int_equal(run("%map f range(3"), 2);
    assert_int_equal(run("%map -t 9 f 3"), 2);
    assert_part(said_err, "no engine 9: there are 0-1");
    assert_null(session.jobs);
    assert_null(fake_take(&fake, TT_MSG_SUBMIT));
}

TEST(map_of_what_the_local_engine_does_not_give_sends_nothing)
{
    assert_int_equal(run("%map bad 3"), 1);
    assert_err("%map: the local engine gave no function\n");
    assert_int_equal(run("%map f bad"), 1);
    assert_err("%map: the local engine gave broken items\n");
    assert_null(session.jobs);
    assert_null(fake_take(&fake, TT_MSG_SUBMIT));
}

TEST(map_without_an_engine_of_our_language_says_so)
{
    tt_message_t message = tt_message(TT_MSG_EVENT, 0);
    message.as.event.kind = TT_EVENT_ENGINE;
    message.as.event.engine = 7;
    message.as.event.state = TT_ENGINE_READY;
    message.as.event.language = tt_span("cobol");
    fake_send(&fake, &message, NULL);
    size_t count = 0;
    assert_comes(loop, (tt_client_engines(session.client, &count), count == 3));
    assert_wrong("%map -t 7 f 3", "%map: none of the targets is a python engine");
}

TEST(map_of_nothing_is_done_at_once)
{
    assert_int_equal(run("%map f 0"), 0);
    assert_true(session.jobs->done);
    assert_null(fake_take(&fake, TT_MSG_SUBMIT));
}

TEST(map_sends_the_function_once_and_each_item_on_its_own)
{
    fake.on_message = answer_submit;
    assert_int_equal(run("a = %map --retries 2 --timeout 3 f 3\nb = %map big 1"), 0);
    assert_part(said_err, "big travels along\n");
    letter_t *blob = fake_await(&fake, TT_MSG_BLOB);
    assert_true(text_is(blob->message.as.blob.hash, "ffffffffffffffff"));
    letter_free(blob);
    assert_null(fake_take(&fake, TT_MSG_BLOB));
    for (int i = 0; i < 4; i++) {
        letter_t *letter = fake_await(&fake, TT_MSG_SUBMIT);
        const tt_msg_submit_t *submit = &letter->message.as.submit;
        assert_int_equal(submit->op, TT_RT_CALL);
        assert_int_equal(submit->flags, TT_SUBMIT_BALANCED);
        assert_true(text_is(submit->blob, "ffffffffffffffff"));
        assert_int_equal(submit->retries, i < 3 ? 2 : 0);
        assert_int_equal(submit->timeout_ms, i < 3 ? 3000 : 0);
        assert_part(arguments(letter), ",[7],null]");
        letter_free(letter);
    }
    assert_null(fake_take(&fake, TT_MSG_SUBMIT));
}

/* ---- %push and %pull */

TEST(push_refuses_what_makes_no_sense)
{
    assert_wrong("%push", "%push: takes names, as in %push x y");
    assert_wrong("%push -t 0", "%push: takes names, as in %push x y");
    assert_wrong("y = %push x", "%push: takes names, as in %push x y");
    assert_int_equal(run("%push -t 9 x"), 2);
    assert_part(said_err, "no engine 9: there are 0-1");
}

TEST(push_gets_each_value_here_and_sets_it_there)
{
    fake.on_message = answer_submit;
    assert_int_equal(run("%push -t 0 x, y"), 0);
    assert_string_equal(toy_told(), "GET [[\"x\"],\"value\"]\nGET [[\"y\"],\"value\"]\n");
    for (int i = 0; i < 2; i++) {
        letter_t *letter = fake_await(&fake, TT_MSG_SUBMIT);
        assert_int_equal(letter->message.as.submit.op, TT_RT_SET);
        assert_string_equal(arguments(letter),
                            i ? "[\"y\",\"value\",[1],null]" : "[\"x\",\"value\",[1],null]");
        assert_true(text_is(tt_frames_span(&letter->packet.payload, 1), i ? "\xa1y" : "\xa1x"));
        letter_free(letter);
    }
}

TEST(push_of_what_the_local_engine_does_not_give_sends_nothing)
{
    assert_int_equal(run("%push bad"), 1);
    assert_err("%push: the local engine gave no value of 'bad'\n");
    assert_null(fake_take(&fake, TT_MSG_SUBMIT));
}

TEST(pull_refuses_what_makes_no_sense)
{
    assert_wrong("%pull", "%pull: takes names, as in %pull x y or a, b = %pull x y");
    assert_wrong("a = %pull x y", "%pull: takes names, as in %pull x y or a, b = %pull x y");
    assert_wrong("a, b = %pull x", "%pull: takes names, as in %pull x y or a, b = %pull x y");
}

TEST(pull_binds_each_value_to_its_name_or_the_one_in_front)
{
    fake.on_message = answer_submit;
    assert_int_equal(run("%pull x\na, b = %pull -t 0 y z"), 0);
    static const char *const codes[] = {"\"x\"", "\"y\"", "\"z\""};
    for (int i = 0; i < 3; i++) {
        letter_t *letter = fake_await(&fake, TT_MSG_SUBMIT);
        assert_part(arguments(letter), codes[i]);
        letter_free(letter);
    }
    const char *told = toy_told();
    assert_part(told, "SET [\"x\",\"result\",[1,1],");
    assert_part(told, "SET [\"a\",\"value\",[1],");
    assert_part(told, "SET [\"b\",\"value\",[1],");
}

/* ---- jobs */

TEST(jobs_of_which_there_are_none_are_not_found)
{
    assert_int_equal(run("%jobs"), 0);
    assert_out("");
    assert_wrong("%result", "%result: there is no job yet");
    assert_wrong("%result 7", "%result: no job '7'; %jobs lists them");
    assert_wrong("%cancel", "%cancel: takes numbers of jobs; %jobs lists them");
    assert_wrong("%cancel 7", "%cancel: no job '7'; %jobs lists them");
    assert_wrong("%wait 7", "%wait: no job '7'; %jobs lists them");
    assert_wrong("%wait --timeout x", "%wait: --timeout takes seconds, not 'x'");
    assert_int_equal(run("%wait"), 0);
}

TEST(a_word_that_is_no_number_is_no_job)
{
    assert_int_equal(run("%px f() &"), 0);
    static const char *const lines[] = {"%result foo", "%result 1x", "%cancel foo",
                                        "%cancel 1x",  "%wait foo",  "%wait 1x"};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        assert_int_equal(run(lines[i]), 2);
        assert_part(said_err, i % 2 ? ": no job '1x'; %jobs lists them\n"
                                    : ": no job 'foo'; %jobs lists them\n");
    }
    assert_false(session.jobs->cancelled);
    assert_null(fake_take(&fake, TT_MSG_CANCEL));
}

TEST(a_job_that_runs_is_listed_and_waited_for_no_longer_than_the_limit)
{
    assert_int_equal(run("%px f() &\n%jobs"), 0);
    assert_part(said_out, "[1] running   0/2");
    assert_int_equal(run("%wait --timeout 0"), 1);
    assert_err("%wait: job 1 still runs\n");
    assert_int_equal(run("%wait 1 --timeout 0"), 2); /* instead of waiting, then complaining */
    assert_err("%wait: no job '--timeout'; %jobs lists them\n");
    assert_int_equal(run("%wait --timeout 0 1"), 1);
}

TEST(cancel_reaches_the_controller_and_result_shows_what_came_of_it)
{
    assert_int_equal(run("%px f() &\n%cancel 1"), 0);
    letter_t *letter = fake_await(&fake, TT_MSG_CANCEL);
    assert_int_not_equal(letter->message.id, 0);
    for (int i = 0; i < 2; i++)
        fake_result(&fake, letter->message.id, i, TT_STATUS_CANCELLED, "", "not started");
    letter_free(letter);
    assert_int_equal(run("%result 1"), 1);
    assert_part(said_err, "not started");
    assert_int_equal(run("%jobs"), 0);
    assert_part(said_out, "2/2");
}

/* ---- engines */

TEST(targets_are_told_and_set_and_stay_when_the_new_ones_are_wrong)
{
    assert_int_equal(run("%targets"), 0);
    assert_out("all: 0-1\n");
    assert_int_equal(run("%targets 1"), 0);
    assert_out("");
    assert_int_equal(run("%targets 9"), 2);
    assert_int_equal(run("%targets"), 0);
    assert_out("1: 1\n");
    assert_int_equal(run("%targets -x 1\n%targets"), 0);
    assert_out("all: 0\n");
}

static bool refuse_all(fake_t *self, letter_t *letter)
{
    if (letter->message.id)
        fake_error(self, letter->message.id, "not today");
    return true;
}

TEST(what_the_controller_refuses_is_told_with_status_3)
{
    static const char *const lines[] = {"%interrupt", "%restart", "%status", "%why"};
    fake.on_message = refuse_all;
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        assert_int_equal(run(lines[i]), 3);
        assert_part(said_err, lines[i]);
        assert_part(said_err, "not today");
    }
}

TEST(interrupt_and_restart_refuse_engines_that_are_not_there)
{
    assert_int_equal(run("%interrupt 9"), 2);
    assert_int_equal(run("%restart 9"), 2);
    assert_null(fake_take(&fake, TT_MSG_INTERRUPT));
    assert_null(fake_take(&fake, TT_MSG_ACTION));
}

static bool act(fake_t *self, letter_t *letter)
{
    const tt_message_t *message = &letter->message;
    if (message->type == TT_MSG_INTERRUPT)
        fake_answer(self, TT_MSG_DONE, message->id);
    if (message->type == TT_MSG_ACTION) {
        fake_answer(self, TT_MSG_DONE, message->id);
        fake_engine(self, 1, TT_ENGINE_RESTARTING, "");
        fake_engine(self, 1, TT_ENGINE_FAILED, "no python");
    }
    return false;
}

TEST(interrupt_names_its_engines)
{
    fake.on_message = act;
    assert_int_equal(run("%interrupt 1"), 0);
    letter_t *letter = fake_await(&fake, TT_MSG_INTERRUPT);
    assert_int_equal(count_ids(letter->message.as.interrupt.engines), 1);
    letter_free(letter);
}

TEST(restart_does_not_wait_for_an_engine_that_cannot_start)
{
    fake.on_message = act;
    assert_int_equal(run("%restart 1"), 0);
    letter_t *letter = fake_await(&fake, TT_MSG_ACTION);
    assert_int_equal(letter->message.as.action.action, TT_ACTION_RESTART);
    assert_int_equal(count_ids(letter->message.as.action.engines), 1);
    letter_free(letter);
}

/* ---- %help */

TEST(help_lists_every_magic_and_tells_all_options_of_one)
{
    assert_int_equal(run("%help"), 0);
    for (const magic_t *row = magics; row->name; row++) {
        assert_part(said_out, row->summary);
        assert_part(said_out, row->group);
    }
    const magic_t *px = magic_find("px");
    assert_int_equal(run("%px?"), 0);
    for (size_t i = 0; i < px->option_count; i++)
        assert_part(said_out, px->options[i].name);
    assert_int_equal(run("%help %px"), 0);
    assert_part(said_out, "    -t, --targets VALUE\n");
    assert_part(said_out, "    --timeout VALUE\n");
}

TEST(help_for_what_is_no_magic_says_so)
{
    assert_wrong("%help nosuch", "%help: no magic 'nosuch'; %help lists them");
}

int main(void)
{
    toy_main();
    alarm(60);
    const struct CMUnitTest tests[] = {
        RUN(every_row_has_a_name_a_usage_a_summary_a_group_and_a_function),
        RUN(every_name_is_found_as_its_own_row_so_none_is_there_twice),
        RUN(what_is_no_magic_is_not_found),
        RUN(rows_of_a_group_stand_together),
        RUN(no_option_of_a_magic_has_the_name_or_letter_of_another),
        RUN(only_px_opens_a_cell),
        cmocka_unit_test_setup_teardown(px_refuses_what_makes_no_sense, begin, end),
        cmocka_unit_test_setup_teardown(
            px_sends_the_code_to_each_target_and_folds_what_comes_back, begin, end),
        cmocka_unit_test_setup_teardown(px_of_a_line_for_targets_goes_to_them, begin, end),
        cmocka_unit_test_setup_teardown(px_asks_for_the_value_only_when_it_is_assigned, begin,
                                        end),
        cmocka_unit_test_setup_teardown(
            px_in_the_background_is_shown_before_the_statement_after_its_end, begin, end),
        cmocka_unit_test_setup_teardown(px_fails_when_an_engine_fails, begin, end),
        cmocka_unit_test_setup_teardown(map_refuses_what_makes_no_sense, begin, end),
        cmocka_unit_test_setup_teardown(
            map_of_what_the_local_engine_does_not_give_sends_nothing, begin, end),
        cmocka_unit_test_setup_teardown(map_without_an_engine_of_our_language_says_so, begin,
                                        end),
        cmocka_unit_test_setup_teardown(map_of_nothing_is_done_at_once, begin, end),
        cmocka_unit_test_setup_teardown(map_sends_the_function_once_and_each_item_on_its_own,
                                        begin, end),
        cmocka_unit_test_setup_teardown(push_refuses_what_makes_no_sense, begin, end),
        cmocka_unit_test_setup_teardown(push_gets_each_value_here_and_sets_it_there, begin,
                                        end),
        cmocka_unit_test_setup_teardown(
            push_of_what_the_local_engine_does_not_give_sends_nothing, begin, end),
        cmocka_unit_test_setup_teardown(pull_refuses_what_makes_no_sense, begin, end),
        cmocka_unit_test_setup_teardown(pull_binds_each_value_to_its_name_or_the_one_in_front,
                                        begin, end),
        cmocka_unit_test_setup_teardown(jobs_of_which_there_are_none_are_not_found, begin, end),
        cmocka_unit_test_setup_teardown(a_word_that_is_no_number_is_no_job, begin, end),
        cmocka_unit_test_setup_teardown(
            a_job_that_runs_is_listed_and_waited_for_no_longer_than_the_limit, begin, end),
        cmocka_unit_test_setup_teardown(
            cancel_reaches_the_controller_and_result_shows_what_came_of_it, begin, end),
        cmocka_unit_test_setup_teardown(
            targets_are_told_and_set_and_stay_when_the_new_ones_are_wrong, begin, end),
        cmocka_unit_test_setup_teardown(what_the_controller_refuses_is_told_with_status_3,
                                        begin, end),
        cmocka_unit_test_setup_teardown(interrupt_and_restart_refuse_engines_that_are_not_there,
                                        begin, end),
        cmocka_unit_test_setup_teardown(interrupt_names_its_engines, begin, end),
        cmocka_unit_test_setup_teardown(restart_does_not_wait_for_an_engine_that_cannot_start,
                                        begin, end),
        cmocka_unit_test_setup_teardown(help_lists_every_magic_and_tells_all_options_of_one,
                                        begin, end),
        cmocka_unit_test_setup_teardown(help_for_what_is_no_magic_says_so, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
