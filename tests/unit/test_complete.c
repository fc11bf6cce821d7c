/* Unit test of repl/complete: what is offered in each place of a line, with the toy runtime as
 * the local engine and the fake controller's engines, one of which may be busy, silent or late.
 */
#include "prompt.h"

#include "complete.h"
#include "magic.h"

static line_choices_t choices;
static char before[PATH_MAX]; /* the directory that we were started in */

static int begin(void **unused)
{
    (void)unused;
    if (getcwd(before, sizeof before) == NULL || prompt_begin(3) != 0)
        return -1;
    mkdir(scratch_path("here"), 0700);
    setenv("HOME", scratch_path("here"), 1);
    return chdir(scratch_path("here"));
}

static void forget(void)
{
    for (size_t i = 0; i < choices.count; i++) {
        free(choices.words[i]);
        free(choices.labels[i]);
    }
    free(choices.words);
    free(choices.labels);
    free(choices.note);
    memset(&choices, 0, sizeof choices);
}

static int end(void **unused)
{
    (void)unused;
    forget();
    return chdir(before) == 0 ? prompt_end() : -1;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* What is offered with the cursor at `|` (else at the end): "START: WORD WORD[LABEL]; NOTE",
 * words in order. Borrowed until the next call. */
static const char *offer(const char *line)
{
    static tt_buf_t out;
    char *text = tt_strdup(line), *mark = strchr(text, '|');
    size_t cursor = mark ? (size_t)(mark - text) : strlen(text);
    if (mark)
        memmove(mark, mark + 1, strlen(mark));
    forget();
    complete(&session, text, cursor, &choices);
    free(text);
    assert_true(choices.start <= cursor);
    tt_buf_release(&out);
    tt_buf_init(&out);
    tt_buf_printf(&out, "%zu:", choices.start);
    char **words = tt_alloc((choices.count + 1) * sizeof *words);
    for (size_t i = 0; i < choices.count; i++)
        words[i] =
            tt_printf("%s%s", choices.words[i], choices.labels[i] ? choices.labels[i] : "");
    qsort(words, choices.count, sizeof *words, by_text);
    for (size_t i = 0; i < choices.count; i++) {
        tt_buf_printf(&out, " %s", words[i]);
        free(words[i]);
    }
    free(words);
    if (choices.note)
        tt_buf_printf(&out, "; %s", choices.note);
    return tt_buf_text(&out);
}

#define assert_offers(line, want) assert_string_equal(offer(line), want)

static void touch(const char *name)
{
    int fd = open(name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    close(fd);
}

/* ---- magics */

TEST(a_percent_sign_offers_magics_and_two_of_them_only_what_opens_a_cell)
{
    size_t count = 0, cells = 0;
    for (const magic_t *row = magics; row->name; row++) {
        count++;
        cells += !!(row->flags & GRAMMAR_CELL);
    }
    offer("%");
    assert_int_equal(choices.count, count);
    assert_false(choices.plain); /* a blank may follow */
    offer("%%");
    assert_int_equal(choices.count, cells);
    assert_offers("%pus", "0: %push");
    assert_offers("%%p", "0: %%px");
    assert_offers("  %cance", "2: %cancel");
    assert_offers("%cancelled", "0:");
    assert_offers("%nosuch x", "9:");
}

TEST(behind_names_and_an_equals_sign_there_may_be_a_magic)
{
    assert_offers("x = %pul", "4: %pull");
    assert_offers("a, b=%pul", "5: %pull");
    assert_offers("x == %pul", "5:"); /* a comparison: Python's */
    assert_part(toy_told(), "COMPLETE");
}

TEST(options_are_offered_behind_a_dash_before_the_code_only)
{
    offer("%px -");
    assert_int_equal(choices.count, magic_find("px")->option_count);
    assert_offers("%px --t", "4: --targets --timeout");
    assert_offers("%px --noblock --ta", "14: --targets");
    assert_offers("%px --targets=0 --ex", "16: --exclude");
    assert_offers("%px -t 1 --timeout 5 --no", "21: --no-fold --no-stream --noblock");
    assert_offers("%jobs -", "6:");
    assert_offers("%px -q", "4:");
    assert_null(fake_take(&fake, TT_MSG_SUBMIT)); /* no engine was asked for any of it */
}

TEST(the_value_of_an_option_that_names_engines_is_a_target)
{
    assert_offers("%px -t ", "7: 0 1 2 @python all here");
    assert_offers("%px -t h", "7: here");
    assert_offers("%px -x 0,", "9: 0 1 2 @python all here");
    assert_offers("%px --targets=@", "14: @python");
    assert_offers("%px --targets @p", "14: @python");
    assert_offers("%px --timeout ", "14:");
    assert_offers("%targets a", "9: all");
    assert_offers("%restart ", "9: 0 1 2 @python all here");
    assert_offers("@", "1: 0 1 2 @python all here");
    assert_offers("@1,a", "3: all");
    assert_offers("@@p", "1: @python");
}

TEST(jobs_are_offered_by_number_once_each)
{
    assert_offers("%result ", "8:");
    session_add_job(&session, job_new(3, "f()", 0));
    session_add_job(&session, job_new(3, "f()", 0));
    session_add_job(&session, job_new(12, "f()", 0));
    assert_offers("%result ", "8: 12 3");
    assert_offers("%cancel 3 1", "10: 12");
    assert_offers("%wait --timeout 5 ", "18: 12 3");
    session.jobs->name = tt_strdup("first");
    assert_offers("%retry ", "7: 12 3 first");
    assert_offers("%submit --after f", "16: first");
    assert_offers("%submit --follow 3 --after=1", "27: 12");
    assert_offers("%help can", "6: cancel");
}

/* ---- files */

TEST(files_are_offered_in_strings_and_behind_an_exclamation_mark)
{
    touch("data.csv");
    touch("data.bin");
    touch(".hidden");
    mkdir("dir", 0700);
    touch("dir/inner");
    assert_offers("!ls da", "4: data.bin data.csv");
    assert_false(choices.plain);
    assert_offers("!./di", "3: dir/");
    assert_true(choices.plain); /* it goes on */
    assert_offers("!cat dir/in", "9: inner");
    assert_offers("!cat ~/dir/", "11: inner");
    assert_offers("!cat nosuch/", "12:");
    assert_offers("!", "1: data.bin data.csv dir/");
    assert_offers("!cat .", "5: .hidden");
    assert_offers("!cat x.", "5:");
    assert_offers("open('data.c", "6: data.csv");
    assert_offers("open(\"dir/i", "10: inner");
    assert_offers("x = 'it\\'s' + f(\"da", "17: data.bin data.csv");
    assert_offers("%px !cat data.c", "9: data.csv");
    assert_offers("%px !./di", "7: dir/");
}

TEST(a_file_with_blanks_in_its_name_is_one_word)
{
    touch("two words");
    touch("two $1");
    assert_offers("!cat two", "5: two\\ \\$1 two\\ words");
    assert_offers("!cat two\\ w", "5: two\\ words");
    assert_offers("!cat 'two w", "6: two words");
    assert_offers("open('two w", "6: two words");
    assert_offers("!cat 'two words' tw", "17: two\\ \\$1 two\\ words");
    mkdir("a dir", 0700);
    touch("a dir/x y");
    assert_offers("!cat a\\ dir/x", "12: x\\ y");
    assert_offers("open('a dir/x", "12: x y");
}

TEST(a_directory_that_is_not_there_or_too_big_does_no_harm)
{
    assert_offers("!cat /nonexistent/\xff/", "20:");
    mkdir("many", 0700);
    for (int i = 0; i < 2100; i++) {
        char name[32];
        snprintf(name, sizeof name, "many/%d", i);
        touch(name);
    }
    offer("!ls many/");
    assert_int_equal(choices.count, 2000);
}

/* ---- the local engine */

TEST(plain_names_come_from_the_local_engine)
{
    assert_offers("al", "0: alpha alpine");
    assert_true(choices.plain);
    assert_string_equal(toy_told(), "COMPLETE [\"al\",2]\n");
    assert_offers("x + b", "4: beta");
    assert_offers("", "0: alpha alpine beta \xc3\xa9t\xc3\xa9");
    assert_offers("nothing", "0:");
    assert_null(fake_take(&fake, TT_MSG_SUBMIT));
}

TEST(only_what_stands_before_the_cursor_counts)
{
    assert_offers("al|pine(b", "0: alpha alpine");
    assert_offers("|%px", "0: alpha alpine beta \xc3\xa9t\xc3\xa9");
    assert_offers("%pu|sh x", "0: %pull %push");
    assert_string_equal(strrchr(toy_told(), 'C'), "COMPLETE [\"\",0]\n");
}

TEST(positions_are_told_in_characters_and_meant_in_bytes)
{
    assert_offers("\xc3\xa4\xc3\xb6\xe2\x82\xac = \xc3\xa9", "10: \xc3\xa9t\xc3\xa9");
    assert_part(toy_told(), ",7]\n");
}

TEST(of_an_entry_of_several_lines_the_last_one_tells_what_it_is)
{
    assert_offers("x = 1\n%pul", "6: %pull");
    assert_offers("if x:\n    al", "10: alpha alpine");
    assert_part(toy_told(), "COMPLETE [\"if x:\\n    al\",12]");
    assert_offers("%px f()\nal", "8: alpha alpine");
}

TEST(a_huge_line_is_completed_as_any_other)
{
    char *line = tt_alloc(100001);
    memset(line, ' ', 100000);
    line[99999] = '-';
    assert_offers(line, "99999:");
    memcpy(line, "%px ", 4);
    memcpy(line + 99995, " --ta", 5);
    assert_offers(line, "99996: --targets");
    free(line);
}

TEST(a_local_engine_that_takes_too_long_is_busy_and_one_that_talks_nonsense_is_passed_over)
{
    assert_offers("slow al", "7:; the local engine is busy");
    assert_offers("al", "0: alpha alpine");
    assert_offers("odd", "3:");
    assert_offers("al", "0: alpha alpine");
}

/* ---- engines */

typedef struct {
    const char *names[4];
    const char *cause;
    bool silent, odd;
} plan_t;

static const plan_t *plan; /* by engine */

static void say_names(fake_t *self, uint64_t id, int engine)
{
    const plan_t *its = &plan[engine];
    tt_message_t message = tt_message(TT_MSG_RESULT, id);
    tt_buf_t value, body;
    tt_frames_t frames;
    size_t count = 0;
    while (count < 4 && its->names[count])
        count++;
    tt_buf_init(&value);
    tt_buf_init(&body);
    tt_frames_init(&frames);
    tt_pack_array(&value, its->odd ? 1 : 2);
    tt_pack_uint(&value, its->odd ? 0 : 2);
    tt_pack_array(&value, count);
    for (size_t i = 0; i < count; i++)
        tt_pack_text(&value, its->names[i]);
    pack_result_body(&body, NULL, (tt_span_t){value.data, value.len}, NULL);
    tt_frames_take_buf(&frames, &body);
    message.as.result.engine = engine;
    message.as.result.status = TT_STATUS_OK;
    message.as.result.cause = tt_span(its->cause ? its->cause : "");
    fake_send(self, &message, &frames);
    tt_buf_release(&value);
    tt_buf_release(&body);
}

static bool answer_names(fake_t *self, letter_t *letter)
{
    const tt_msg_submit_t *submit = &letter->message.as.submit;
    int *ids = NULL;
    if (letter->message.type != TT_MSG_SUBMIT)
        return false;
    assert_int_equal(submit->op, TT_RT_COMPLETE);
    assert_int_equal(submit->flags, TT_SUBMIT_NOW);
    assert_true(submit->timeout_ms > 0);
    int count = tt_ids_read(submit->engines, &ids, NULL);
    for (int i = 0; i < count; i++)
        if (!plan[ids[i]].silent)
            say_names(self, letter->message.id, ids[i]);
    free(ids);
    return false; /* kept, for the test to look at */
}

static void engines_answer(const plan_t *plans)
{
    plan = plans;
    fake.on_message = answer_names;
}

/* The id of the last question, and what was asked as JSON in `asked`. */
static char asked[256];

static uint64_t last_question(void)
{
    letter_t *letter = fake_await(&fake, TT_MSG_SUBMIT);
    uint64_t id = letter->message.id;
    tt_buf_t json;
    tt_buf_init(&json);
    tt_value_json(tt_frames_span(&letter->packet.payload, 0), &json);
    snprintf(asked, sizeof asked, "%s", tt_buf_text(&json));
    tt_buf_release(&json);
    letter_free(letter);
    return id;
}

TEST(behind_px_the_names_of_all_targets_are_offered_with_those_who_have_them)
{
    static const plan_t plans[] = {
        {.names = {"data", "date"}}, {.names = {"data"}}, {.names = {"data", "dance"}}};
    engines_answer(plans);
    assert_offers("%px f(da", "6: dance[2] data date[0]");
    assert_true(choices.plain);
    last_question();
    assert_string_equal(asked, "[\"f(da\",4]");
    assert_offers("%px -t 1 f(da", "11: data");
    assert_offers("@0,2:f(da", "7: dance[2] data date[0]");
    session.autopx = true;
    assert_offers("f(da", "2: dance[2] data date[0]");
    assert_offers("%pull f(da", "8: dance[2] data date[0]");
}

TEST(engines_that_are_busy_answer_from_memory_or_with_nothing)
{
    static const plan_t plans[] = {
        {.names = {"data"}}, {.names = {"data"}, .cause = "busy"}, {.names = {NULL}}};
    engines_answer(plans);
    assert_offers("%px f(da", "6: data[0-1]; 1 of 3 engines is busy");
    static const plan_t all[] = {{.cause = "busy"}, {.cause = "busy"}, {.odd = true}};
    engines_answer(all);
    assert_offers("%px f(da", "6:; 2 of 3 engines are busy");
}

TEST(engines_that_have_no_such_name_or_answer_nonsense_offer_nothing)
{
    static const plan_t plans[] = {{.odd = true}, {.odd = true}, {.odd = true}};
    engines_answer(plans);
    offer("%px f(da");
    assert_int_equal(choices.count, 0);
    assert_null(choices.note);
    assert_offers("%px -t 9 f(da", "13:"); /* there is no such engine */
    assert_offers("%px -t , f(da", "13:");
}

TEST(what_comes_after_the_limit_is_nobodys_and_does_not_mix_with_a_later_question)
{
    static const plan_t plans[] = {
        {.names = {"data"}}, {.names = {"late"}, .silent = true}, {.names = {"data"}}};
    engines_answer(plans);
    assert_offers("%px f(da", "6: data; 1 of 3 engines does not answer");
    uint64_t first = last_question();
    assert_offers("%px -t 0-1 f(da", "13: data; 1 of 2 engines does not answer");
    uint64_t second = last_question();
    say_names(&fake, second, 1);
    say_names(&fake, first, 1);
    assert_offers("%px -t 2 f(da", "11: data");
    last_question();
    assert_offers("%px f(da", "6: data; 1 of 3 engines does not answer");
    /* This one is never answered: the session ends first. */
}

TEST(engines_that_all_are_silent_offer_nothing_but_the_reason)
{
    static const plan_t plans[] = {{.silent = true}, {.silent = true}, {.silent = true}};
    engines_answer(plans);
    offer("%px f(da");
    assert_int_equal(choices.count, 0);
    assert_string_equal(choices.note, "3 of 3 engines do not answer");
}

#define ON(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    toy_main();
    alarm(60);
    const struct CMUnitTest tests[] = {
        ON(a_percent_sign_offers_magics_and_two_of_them_only_what_opens_a_cell),
        ON(behind_names_and_an_equals_sign_there_may_be_a_magic),
        ON(options_are_offered_behind_a_dash_before_the_code_only),
        ON(the_value_of_an_option_that_names_engines_is_a_target),
        ON(jobs_are_offered_by_number_once_each),
        ON(files_are_offered_in_strings_and_behind_an_exclamation_mark),
        ON(a_file_with_blanks_in_its_name_is_one_word),
        ON(a_directory_that_is_not_there_or_too_big_does_no_harm),
        ON(plain_names_come_from_the_local_engine),
        ON(only_what_stands_before_the_cursor_counts),
        ON(positions_are_told_in_characters_and_meant_in_bytes),
        ON(of_an_entry_of_several_lines_the_last_one_tells_what_it_is),
        ON(a_huge_line_is_completed_as_any_other),
        ON(a_local_engine_that_takes_too_long_is_busy_and_one_that_talks_nonsense_is_passed_over),
        ON(behind_px_the_names_of_all_targets_are_offered_with_those_who_have_them),
        ON(engines_that_are_busy_answer_from_memory_or_with_nothing),
        ON(engines_that_have_no_such_name_or_answer_nonsense_offer_nothing),
        ON(what_comes_after_the_limit_is_nobodys_and_does_not_mix_with_a_later_question),
        ON(engines_that_all_are_silent_offer_nothing_but_the_reason),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
