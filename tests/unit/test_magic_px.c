/* Unit test of repl/magic_px, magic_execute and magic_inspect: what stands behind %px and %sh
 * becomes the right work for the right engines, of one language or of several. */
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
    assert_err("[1] running on 0-1\n");
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

TEST(px_before_what_can_be_typed_here_does_it_there)
{
    fake.on_message = answer_submit;
    assert_asks("%px !uptime -p", "[\"uptime -p\",\"In [1]\",4]");
    assert_asks("x = %px !ls", "[\"ls\",\"In [1]\",7]");
    assert_asks("%px files = !ls", "[\"files = !ls\",\"In [1]\",8]");
    assert_asks("%px !!ls", "[\"!!ls\",\"In [1]\",8]");
    assert_asks("%px %cd /data", "[\"%cd /data\",\"In [1]\",8]");
    assert_asks("%px %time f()", "[\"%time f()\",\"In [1]\",8]");
    assert_asks("x = %px y = %time f()", "[\"y = %time f()\",\"In [1]\",11]");
    assert_asks("@0-1: %run fit.py 10", "[\"%run fit.py 10\",\"In [1]\",8]");
    assert_asks("%%px\na = 1\n%who\n", "[\"a = 1\\n%who\\n\",\"In [1]\",8]");
    assert_asks("%%px\nif a:\n    b = !ls\n", "[\"if a:\\n    b = !ls\\n\",\"In [1]\",8]");
    assert_asks("%%px\na = 5 % 3\n", "[\"a = 5 % 3\\n\",\"In [1]\",0]");
}

TEST(px_before_what_is_for_the_prompt_says_so)
{
    assert_wrong("%px %push x", "%px: %push is for the prompt: type it without %px");
    assert_wrong("%px %nosuch", "%px: engines have no %nosuch; they have %time, %timeit, %run, "
                                "%cd, %pwd, %env, %who, %whos, %reset");
    assert_wrong("%px @0: f()",
                 "%px: has its targets already: '@0:' stands alone, without %px");
    assert_wrong("%px %%time", "%px: takes one line; for '%%time' open a cell with %%px");
    assert_wrong("%px %map?", "%px: help on magics is at the prompt: %map? without %px");
    assert_wrong("x = %px f?", "%px: f? is shown, it has no value");
    assert_wrong("x = %px --out y f()", "%px: takes NAME = or --out NAME, not both");
}

/* Engines answer INSPECT with a text each; nothing is known of `nothing`. */
static bool answer_inspect(fake_t *self, letter_t *letter)
{
    static const char *const texts[] = {"all about it\n", "all about it\n", "another"};
    tt_reader_t args = tt_reader(tt_frames_span(&letter->packet.payload, 0));
    size_t count;
    char name[32] = "";
    if (letter->message.type != TT_MSG_SUBMIT)
        return false;
    tt_read_array(&args, &count);
    tt_read_text(&args, name, sizeof name);
    for (int i = 0; i < self->engines; i++) {
        tt_buf_t body, value;
        tt_frames_t frames;
        tt_buf_init(&body);
        tt_buf_init(&value);
        tt_frames_init(&frames);
        tt_pack_text(&value, strcmp(name, "nothing") == 0 ? NULL : texts[i + self->count]);
        pack_result_body(&body, NULL, (tt_span_t){value.data, value.len}, NULL);
        tt_frames_take_buf(&frames, &body);
        tt_message_t message = tt_message(TT_MSG_RESULT, letter->message.id);
        message.as.result.engine = i;
        fake_send(self, &message, &frames);
        tt_buf_release(&body);
        tt_buf_release(&value);
    }
    return false;
}

TEST(px_of_a_question_asks_the_engines_and_shows_equal_answers_once)
{
    fake.on_message = answer_inspect;
    assert_int_equal(run("%px f?"), 0);
    assert_out("all about it\n");
    assert_string_equal(asked(TT_RT_INSPECT, 2), "[\"f\",0]");
    fake.count = 1;
    assert_int_equal(run("%px f??"), 0);
    assert_out("[0]\nall about it\n[1]\nanother\n");
    assert_string_equal(asked(TT_RT_INSPECT, 2), "[\"f\",1]");
    assert_int_equal(run("%px nothing?"), 1);
    assert_err("nothing is known of 'nothing'\n");
}

TEST(px_runs_here_as_well_and_names_its_result_when_told)
{
    fake.on_message = answer_submit;
    assert_int_equal(run("%px --local f()"), 0);
    assert_part(said_out, "Out[1]: f()\n");
    assert_part(toy_told(), "EXECUTE [\"f()\",\"In [1]\",0]");
    assert_int_equal(run("%px --local fail here"), 1);
    assert_part(said_err, "ToyError: here");
    assert_int_equal(run("%px -o y f()"), 0);
    assert_part(toy_told(), "SET [\"y\",\"result\",[1,1],");
    assert_int_equal(run("%px --verbose f()"), 0);
    assert_err("Parallel execution on engine(s): 0-1\n");
}

TEST(sh_sends_a_command_of_the_shell)
{
    fake.on_message = answer_submit;
    assert_asks("%sh df | tail -1", "[\"df | tail -1\",\"In [1]\",4]");
    assert_asks("x = %sh ls", "[\"ls\",\"In [1]\",7]");
    assert_asks("%%sh\nls\npwd\n", "[\"ls\\npwd\\n\",\"In [1]\",4]");
    assert_int_equal(run("%sh --timeout 1 -x 1 ls"), 0);
    letter_t *letter = fake_await(&fake, TT_MSG_SUBMIT);
    assert_int_equal(letter->message.as.submit.timeout_ms, 1000);
    letter_free(letter);
    assert_int_equal(run("%sh"), 2);
    assert_err("%sh: takes a command, as in %sh uptime\n");
    assert_int_equal(run("%%sh ls\npwd\n"), 2);
    assert_err("%%sh: takes its code on the lines below\n");
}

/* ---- engines of several languages */

static void add_shells(void)
{
    size_t count = 0;
    fake_engine_of(&fake, 2, "sh", "5.2.15", "/usr/bin/bash");
    fake_engine_of(&fake, 3, "sh", "5.2.15", "/usr/bin/bash");
    assert_comes(loop, (tt_client_engines(session.client, &count), count == 4));
}

TEST(targets_that_nobody_named_are_those_of_the_local_language_which_is_told_once)
{
    fake.on_message = answer_submit;
    add_shells();
    assert_int_equal(run("%px f()"), 0);
    assert_err("engines of other languages are left out: 2 sh; %targets @sh\n");
    asked(TT_RT_EXECUTE, 2);
    assert_int_equal(run("%px -x 0 f()"), 0);
    assert_err("");
    asked(TT_RT_EXECUTE, 1);
    assert_int_equal(run("%push x"), 0);
    asked(TT_RT_SET, 2);
    assert_int_equal(run("%pull x"), 0);
    asked(TT_RT_GET, 2);
    assert_int_equal(run("%px f?"), 1);
    asked(TT_RT_INSPECT, 2);
}

TEST(targets_that_somebody_named_are_meant_whatever_they_speak)
{
    fake.on_message = answer_submit;
    add_shells();
    static const char *const lines[] = {"%px -t all f()", "@all: f()", "%sh ls", "%px !ls"};
    assert_int_equal(run("@sh: ls\n@@sh: ls"), 0); /* a language where no host has the name */
    asked(TT_RT_EXECUTE, 2);
    asked(TT_RT_EXECUTE, 2);
    session.number = 0;
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        assert_int_equal(run(lines[i]), 0);
        asked(TT_RT_EXECUTE, 4);
    }
    assert_int_equal(run("%targets @sh\n%px f()"), 0);
    asked(TT_RT_EXECUTE, 2);
    assert_int_equal(run("%px ls a?"), 0); /* a glob of the shell's */
    assert_string_equal(asked(TT_RT_EXECUTE, 2), "[\"ls a?\",\"In [7]\",0]");
    assert_int_equal(run("%px %cd /tmp"), 2);
    assert_err("%px: a shell has no %cd: write it as the shell does\n");
    assert_int_equal(run("%targets"), 0);
    assert_out("@sh: 2-3 (sh on here)\n");
    assert_int_equal(run("%targets all\n%targets"), 0);
    assert_out("all: 0-1 (python on here), 2-3 (sh on here)\n");
    assert_false(session.left_out);
}

/* ---- %autopx, %pxconfig */

TEST(autopx_takes_plain_lines_to_the_targets_until_it_is_said_again)
{
    fake.on_message = answer_submit;
    assert_wrong("%autopx on", "%autopx: takes nothing: it is on or off");
    assert_int_equal(run("%autopx"), 0);
    assert_err("%autopx enabled\n");
    assert_asks("a = f()", "[\"a = f()\",\"In [1]\",0]");
    assert_asks("!ls", "[\"ls\",\"In [1]\",4]");
    assert_asks("%cd /data", "[\"%cd /data\",\"In [1]\",8]");
    assert_asks("%px f()", "[\"f()\",\"In [1]\",0]");
    assert_int_equal(run("f?"), 1);
    assert_string_equal(asked(TT_RT_INSPECT, 2), "[\"f\",0]");
    assert_int_equal(run("%px?"), 0);
    assert_part(said_out, "Example");
    assert_int_equal(run("%autopx"), 0);
    assert_err("%autopx disabled\n");
    assert_int_equal(run("f()"), 0);
    assert_null(fake_take(&fake, TT_MSG_SUBMIT));
}

TEST(pxconfig_sets_what_holds_for_every_px)
{
    fake.on_message = answer_submit;
    assert_wrong("%pxconfig 5", "%pxconfig: takes options only, not '5'");
    assert_wrong("%pxconfig --timeout soon", "%pxconfig: --timeout takes seconds, not 'soon'");
    assert_int_equal(run("%pxconfig"), 0);
    assert_out("%pxconfig --targets all --block --no-verbose --fold --timeout 0 "
               "--progress-after 1 --draw auto\n");
    assert_int_equal(run("%pxconfig -t 9 --noblock"), 2);
    assert_false(session.px.noblock);
    assert_int_equal(run("%pxconfig -t 1 -a --verbose --timeout 3 --progress-after -1"), 0);
    assert_int_equal(run("%pxconfig"), 0);
    assert_out("%pxconfig --targets 1 --noblock --verbose --fold --timeout 3 --progress-after "
               "-1 --draw auto\n");
    assert_int_equal(run("%px f()"), 0);
    assert_part(said_err, "Parallel execution on engine(s): 1\n[");
    assert_part(said_err, "] running on 1\n");
    letter_t *letter = fake_await(&fake, TT_MSG_SUBMIT);
    assert_int_equal(letter->message.as.submit.timeout_ms, 3000);
    letter_free(letter);
    assert_int_equal(run("%pxresult"), 0);
    assert_part(said_out, "Out[1:");
    assert_int_equal(run("%px --block --timeout 2 f()"), 0);
    letter = fake_await(&fake, TT_MSG_SUBMIT);
    assert_int_equal(letter->message.as.submit.timeout_ms, 2000);
    letter_free(letter);
    assert_int_equal(run("%pxconfig --block --no-verbose --timeout 0"), 0);
    assert_int_equal(run("%px f()"), 0);
    assert_err("");
}

/* ---- what the local engine does by itself */

TEST(magics_of_ipython_go_to_the_local_engine_as_they_stand)
{
    static const char *const lines[] = {"%time f()",    "%timeit -n 3 f()",
                                        "%run x.py -v", "%cd /data # not",
                                        "%who",         "x = %time f()"};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        assert_int_equal(run(lines[i]), 0);
        const char *told = toy_told();
        assert_part(told, "EXECUTE [\"");
        assert_part(told, lines[i]);
    }
    assert_int_equal(run("%%time\nf()\ng()\n"), 0);
    assert_part(toy_told(), "EXECUTE [\"%%time\\nf()\\ng()\\n\"");
    assert_wrong("%time f() &", "%time runs here, not in the background");
    session.language = "sh";
    assert_int_equal(run("%time f()"), 2);
    assert_part(said_err, "no magic '%time'");
    assert_int_equal(run("%help time"), 2);
    session.language = "python";
}

TEST(what_the_local_engine_should_do_itself_does_not_come_back_to_it)
{
    assert_int_equal(run("ask magic %time f()"), 0);
    assert_part(said_out, "the local engine does not know '%time f()'");
    assert_int_equal(run("ask magic x = !ls"), 0);
    assert_part(said_out, "the local engine does not know 'x = !ls'");
}

TEST(a_magic_that_fails_within_code_tells_why)
{
    assert_int_equal(run("ask magic %px -t 9 f()"), 0);
    assert_part(said_out, "no engine 9: there are 0-1");
    assert_int_equal(run("ask magic %push"), 0);
    assert_part(said_out, "%push: takes names, as in %push x y");
}

#define ON(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    toy_main();
    alarm(60);
    const struct CMUnitTest tests[] = {
        ON(px_refuses_what_makes_no_sense),
        ON(px_sends_the_code_to_each_target_and_folds_what_comes_back),
        ON(px_of_a_line_for_targets_goes_to_them),
        ON(px_asks_for_the_value_only_when_it_is_assigned),
        ON(px_in_the_background_is_shown_before_the_statement_after_its_end),
        ON(px_fails_when_an_engine_fails),
        ON(px_before_what_can_be_typed_here_does_it_there),
        ON(px_before_what_is_for_the_prompt_says_so),
        ON(px_of_a_question_asks_the_engines_and_shows_equal_answers_once),
        ON(px_runs_here_as_well_and_names_its_result_when_told),
        ON(sh_sends_a_command_of_the_shell),
        ON(targets_that_nobody_named_are_those_of_the_local_language_which_is_told_once),
        ON(targets_that_somebody_named_are_meant_whatever_they_speak),
        ON(autopx_takes_plain_lines_to_the_targets_until_it_is_said_again),
        ON(pxconfig_sets_what_holds_for_every_px),
        ON(magics_of_ipython_go_to_the_local_engine_as_they_stand),
        ON(what_the_local_engine_should_do_itself_does_not_come_back_to_it),
        ON(a_magic_that_fails_within_code_tells_why),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
