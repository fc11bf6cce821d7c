/* Unit test of repl/magic and magic_*: the table is whole; what is typed wrong costs a message
 * and status 2 and sends nothing; what is right becomes the right message. Deeper behaviour is
 * covered end to end. */
#include "magic_calls.h"

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

/* ---- the table */

TEST(every_row_has_a_name_a_usage_a_summary_a_group_and_a_function)
{
    for (const magic_t *row = magics; row->name; row++) {
        assert_true(row->name[0] &&
                    strspn(row->name, "abcdefghijklmnopqrstuvwxyz") == strlen(row->name));
        assert_non_null(row->usage);
        assert_true(row->summary[0] && row->summary[strlen(row->summary) - 1] != '.');
        assert_true(row->group[0]);
        assert_non_null(strstr(row->example, row->name));
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
    assert_int_equal(magic_about("matplotlib"), 0);
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

TEST(only_what_takes_code_opens_a_cell)
{
    for (const magic_t *row = magics; row->name; row++)
        if (row->flags & GRAMMAR_CELL)
            assert_true(row->flags & GRAMMAR_CODE);
    static const char *const names[] = {"px", "sh", "time", "timeit"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        assert_true(magic_about(names[i]) & GRAMMAR_CELL);
    assert_false(magic_about("map") & GRAMMAR_CELL);
}

TEST(eight_magics_are_the_most_used_and_stand_first)
{
    for (size_t i = 0; i < 9; i++)
        assert_int_equal(strcmp(magics[i].group, "Most used") == 0, i < 8);
}

TEST(a_shell_has_all_magics_but_those_of_a_language)
{
    for (const magic_t *row = magics; row->name; row++)
        assert_int_equal(magic_about_shell(row->name),
                         row->flags & GRAMMAR_LOCAL ? 0 : row->flags);
}

/* ---- %map */

TEST(map_deals_items_out_in_order_when_told)
{
    static const size_t expected[] = {0, 0, 0, 1, 1};
    fake.on_message = answer_submit;
    assert_int_equal(run("x = %map --direct f 5"), 0);
    for (int i = 0; i < 5; i++) {
        letter_t *letter = fake_await(&fake, TT_MSG_SUBMIT);
        int *ids;
        assert_int_equal(letter->message.as.submit.flags, 0);
        assert_int_equal(tt_ids_read(letter->message.as.submit.engines, &ids, NULL), 1);
        assert_int_equal(ids[0], expected[i]);
        free(ids);
        letter_free(letter);
    }
    assert_int_equal(run("x = %map --direct f 1"), 0); /* fewer than engines */
    letter_free(fake_await(&fake, TT_MSG_SUBMIT));
    assert_int_equal(run("x = %map --lb f 1"), 0);
    letter_t *letter = fake_await(&fake, TT_MSG_SUBMIT);
    assert_int_equal(letter->message.as.submit.flags, TT_SUBMIT_BALANCED);
    letter_free(letter);
}

TEST(map_is_dealt_out_or_balanced_not_both)
{
    assert_wrong("%map --direct --lb f 3", "%map: takes --direct or --lb, not both");
    assert_wrong("%map --direct --retries 2 f 3",
                 "%map: --retries is for items that any engine may do, not --direct");
}

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
    assert_wrong("%push", "%push: takes names, as in %push x y, or x=EXPR");
    assert_wrong("%push -t 0", "%push: takes names, as in %push x y, or x=EXPR");
    assert_wrong("y = %push x", "%push: takes names, as in %push x y, or x=EXPR");
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
    assert_wrong("%pull",
                 "%pull: takes names, as in %pull x y or a, b = %pull x, y or %pull EXPR as x");
    assert_wrong("a = %pull x y",
                 "%pull: takes names, as in %pull x y or a, b = %pull x, y or %pull EXPR as x");
    assert_wrong("a, b = %pull x",
                 "%pull: takes names, as in %pull x y or a, b = %pull x, y or %pull EXPR as x");
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
    assert_wrong("%timing", "%timing: there is no job yet");
    assert_wrong("%timing 7", "%timing: no job '7'; %jobs lists them");
    assert_wrong("%wait --timeout x", "%wait: --timeout takes seconds, not 'x'");
    assert_int_equal(run("%wait"), 0);
}

TEST(result_takes_several_jobs_and_pxresult_finds_the_last_px)
{
    fake.on_message = answer_submit;
    assert_wrong("%pxresult", "%pxresult: there is no %px yet");
    assert_int_equal(run("%px -t 0 f()\n%px -t 1 g()\n%push x"), 0);
    assert_int_equal(run("%result 2 3"), 0);
    assert_out("Out[0:2]: 0\nOut[1:3]: 1\n");
    assert_int_equal(run("%pxresult"), 0);
    assert_out("Out[1:3]: 1\n");
    assert_int_equal(run("%pxresult 2"), 0);
    assert_out("Out[0:2]: 0\n");
    assert_int_equal(run("%result 2 9"), 2);
    assert_out("");
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
    assert_part(said_out, "[1] running  0/2");
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
    assert_out("all: 0-1 (python on here)\n");
    assert_int_equal(run("%targets 1"), 0);
    assert_out("");
    assert_int_equal(run("%targets 9"), 2);
    assert_int_equal(run("%targets"), 0);
    assert_out("1: 1 (python on here)\n");
    assert_int_equal(run("%targets -x 1\n%targets"), 0);
    assert_out("all -x 1: 0 (python on here)\n");
}

/* Engine 1 fails. */
static bool fail_one(fake_t *self, letter_t *letter)
{
    if (letter->message.type != TT_MSG_SUBMIT)
        return false;
    fake_result(self, letter->message.id, 0, TT_STATUS_OK, "", "0");
    fake_result(self, letter->message.id, 1, TT_STATUS_ERROR, "", "no luck");
    return false;
}

TEST(targets_may_be_those_that_failed_in_the_last_job)
{
    assert_wrong("%targets --failed", "%targets: there is no job yet");
    assert_int_equal(run("%px f() &\n%targets --failed"), 2);
    assert_part(said_err, "%targets: the last job still runs\n");
    fake.on_message = fail_one;
    assert_int_equal(run("%px f()"), 1);
    assert_int_equal(run("%targets --failed 0"), 2);
    assert_part(said_err, "%targets: takes --failed or a set, not both\n");
    assert_int_equal(run("%targets --failed\n%targets"), 0);
    assert_out("1: 1 (python on here)\n");
    fake.on_message = answer_submit;
    assert_int_equal(run("%px f()"), 0);
    assert_int_equal(run("%targets --failed"), 2);
    assert_part(said_err, "%targets: nothing failed in job ");
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
    assert_part(said_out, "    -t, --targets VALUE          which engines");
    assert_part(said_out, "    --timeout VALUE              interrupt it");
    assert_part(said_out, "    Example: %px import os; os.getpid()\n");
}

static void assert_narrow(const char *text)
{
    for (size_t len; *text; text += len + (text[len] == '\n')) {
        len = strcspn(text, "\n");
        if (len > 80)
            fail_msg("over 80 columns: %.*s", (int)len, text);
    }
}

TEST(help_fits_80_columns)
{
    assert_int_equal(run("%help"), 0);
    assert_narrow(said_out);
    for (const magic_t *row = magics; row->name; row++) {
        char line[64];
        snprintf(line, sizeof line, "%%help %s", row->name);
        assert_int_equal(run(line), 0);
        assert_narrow(said_out);
        assert_null(strstr(said_out, "\n\n"));
    }
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
        RUN(only_what_takes_code_opens_a_cell),
        RUN(eight_magics_are_the_most_used_and_stand_first),
        RUN(a_shell_has_all_magics_but_those_of_a_language),
        cmocka_unit_test_setup_teardown(map_deals_items_out_in_order_when_told, begin, end),
        cmocka_unit_test_setup_teardown(map_is_dealt_out_or_balanced_not_both, begin, end),
        cmocka_unit_test_setup_teardown(
            result_takes_several_jobs_and_pxresult_finds_the_last_px, begin, end),
        cmocka_unit_test_setup_teardown(targets_may_be_those_that_failed_in_the_last_job, begin,
                                        end),
        cmocka_unit_test_setup_teardown(help_fits_80_columns, begin, end),
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
