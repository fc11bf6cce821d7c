/* Unit test of repl/command, command_cluster and command_run: the table is whole, wrong use is
 * status 2 and touches nothing, no cluster is status 3, and what is given reaches the cluster
 * (the fake controller). Real clusters are started end to end. */
#include "prompt.h"

#include "command.h"

static given_t given;
static pid_t holder; /* holds the cluster's lock, as its controller */

static int begin(void **unused)
{
    (void)unused;
    given =
        (given_t){.name = "test", .wish = {.group.engines = CLUSTER_PER_CORE, .timeout_s = 10}};
    if (scratch_begin() != 0)
        return -1;
    setenv("TUTTI_LIBEXEC_DIR", scratch_dir, 1);
    setenv("TOY_NOTES", scratch_path("notes"), 1);
    given.wish.group.program = "/proc/self/exe"; /* for the local engine */
    loop = command_loop();
    return 0;
}

static int end(void **unused)
{
    (void)unused;
    listen_stop();
    if (holder > 0) {
        kill(holder, SIGKILL);
        waitpid(holder, NULL, 0);
    }
    holder = 0;
    fake_stop(&fake);
    unsetenv("TUTTI_LIBEXEC_DIR");
    unsetenv("TOY_NOTES");
    return scratch_end();
}

/* Cluster 'test' runs, with so many engines. */
static void start_fake(int engines)
{
    int ready[2];
    char byte = 0;
    assert_int_equal(fake_start(&fake, loop), 0);
    fake.engines = engines;
    fake.on_message = answer_submit;
    assert_int_equal(pipe(ready), 0);
    holder = fork();
    if (holder == 0) {
        if (tt_rundir_lock(&fake.dir, &err) < 0 || write(ready[1], "!", 1) != 1)
            _exit(1);
        for (;;)
            pause();
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    close(ready[1]);
}

/* For fake_t: work fails. */
static bool fail_submit(fake_t *self, letter_t *letter)
{
    if (letter->message.type == TT_MSG_SUBMIT)
        fake_result(self, letter->message.id, 0, TT_STATUS_ERROR, "", "no luck");
    return false;
}

/* A command with these operands (one text each, NULL at the end). */
static int command(int (*run_it)(given_t *, int, char **), const char *one, const char *two)
{
    char *argv[] = {(char *)(uintptr_t)one, (char *)(uintptr_t)two, NULL};
    listen_begin();
    int status = run_it(&given, one == NULL ? 0 : two == NULL ? 1 : 2, argv);
    listen_end();
    return status;
}

/* ---- the table */

TEST(every_command_has_a_usage_a_summary_options_with_help_and_a_function)
{
    for (const command_t *row = commands; row->name; row++) {
        bool help = false;
        assert_non_null(row->usage);
        assert_true(row->summary[0] && row->summary[strlen(row->summary) - 1] != '.');
        assert_non_null(row->run);
        for (const tt_option_t *option = row->options; option->name; option++)
            help = help || strcmp(option->name, "help") == 0;
        assert_true(help);
        for (const command_t *other = commands; other < row; other++)
            assert_string_not_equal(row->name, other->name);
    }
}

TEST(no_option_of_a_command_has_the_name_letter_or_place_of_another)
{
    for (const command_t *row = commands; row->name; row++)
        for (const tt_option_t *one = row->options; one->name; one++) {
            assert_true(one->help[0]);
            assert_true((one->argument == NULL) == (one->kind == TT_OPTION_FLAG));
            for (const tt_option_t *two = row->options; two < one; two++) {
                assert_string_not_equal(one->name, two->name);
                assert_false(one->letter && one->letter == two->letter);
                if (one->offset == two->offset) /* their order is what counts */
                    assert_true(one->kind == TT_OPTION_ORDERED ||
                                one->kind == TT_OPTION_ORDERED_MULTI);
            }
        }
}

TEST(a_complaint_gives_its_status_back)
{
    listen_begin();
    int status = command_complain(4, "%d of %d", 1, 2);
    listen_end();
    assert_int_equal(status, 4);
    assert_err("tutti: 1 of 2\n");
}

/* ---- wrong use */

TEST(operands_that_make_no_sense_are_wrong_use)
{
    assert_int_equal(command(command_start, "4", NULL), 2);
    assert_err("tutti: start takes options only\n");
    assert_int_equal(command(command_stop, "all", NULL), 2);
    assert_part(said_err, "stop takes no arguments");
    assert_int_equal(command(command_px, NULL, NULL), 2);
    assert_part(said_err, "px takes code");
    assert_int_equal(command(command_run, NULL, NULL), 2);
    assert_int_equal(command(command_run, "a", "b"), 2);
    assert_part(said_err, "run takes one file");
    given.file = "x.py";
    assert_int_equal(command(command_px, "f()", NULL), 2);
    assert_part(said_err, "not both");
    given.wish.group.engines = -1; /* 0 are a controller alone */
    assert_int_equal(command(command_start, NULL, NULL), 2);
    assert_part(said_err, "-n takes a number above 0, not -1");
}

TEST(a_file_that_cannot_be_read_is_wrong_use)
{
    assert_int_equal(command(command_run, scratch_path("nothing.tt"), NULL), 2);
    assert_part(said_err, "nothing.tt': No such file or directory\n");
    given.file = scratch_dir;
    assert_int_equal(command(command_px, NULL, NULL), 2);
    assert_part(said_err, "Is a directory");
}

/* ---- no cluster */

TEST(without_a_cluster_there_is_nothing_to_show_or_run_on)
{
    static int (*const all[])(given_t *, int, char **) = {command_status, command_why,
                                                          command_px};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        assert_int_equal(command(all[i], i == 2 ? "f()" : NULL, NULL), 3);
        assert_part(said_err, "tutti: no cluster 'test' is running");
    }
    assert_int_equal(command(command_logs, NULL, NULL), 3);
    assert_err("tutti: there are no logs of cluster 'test'\n");
}

TEST(stopping_what_does_not_run_is_fine)
{
    assert_int_equal(command(command_stop, NULL, NULL), 0);
    assert_out("no cluster 'test' is running\n");
    given.all = true;
    assert_int_equal(command(command_stop, NULL, NULL), 0);
    assert_out("");
}

TEST(no_cluster_is_listed_when_there_is_none)
{
    assert_int_equal(command(command_list, NULL, NULL), 0);
    assert_out("no cluster is running\n");
    given.json = true;
    assert_int_equal(command(command_list, NULL, NULL), 0);
    assert_out("");
}

TEST(a_controller_that_cannot_start_is_status_3_for_whoever_needs_one)
{
    static char line[] = "%jobs";
    static char *lines[] = {line};
    scratch_write("tutti-controller", "#!/bin/sh\necho no room >&3\n", 0700);
    scratch_write("x.tt", "%jobs\n", 0600);
    assert_int_equal(command(command_start, NULL, NULL), 3);
    assert_err("tutti: cannot start cluster 'test': no room\n");
    assert_int_equal(command(command_run, scratch_path("x.tt"), NULL), 3);
    assert_err("tutti: cannot start cluster 'test': no room\n");
    given.lines = (tt_texts_t){lines, 1};
    assert_int_equal(command(command_lines, NULL, NULL), 3);
    assert_err("tutti: cannot start cluster 'test': no room\n");
}

/* ---- a cluster that runs */

TEST(a_cluster_that_runs_is_not_started_again)
{
    start_fake(2);
    assert_int_equal(command(command_start, NULL, NULL), 0);
    assert_out("cluster 'test' is running already: 2 Python engines (3.11.2, "
               "/usr/bin/python3)\n");
    assert_null(fake_take(&fake, TT_MSG_LAUNCH));
}

TEST(a_cluster_that_runs_is_listed_for_people_and_programs)
{
    char expected[128];
    start_fake(2);
    assert_int_equal(command(command_list, NULL, NULL), 0);
    snprintf(expected, sizeof expected, "test              %7d  2 Python engines", (int)holder);
    assert_part(said_out, expected);
    given.json = true;
    assert_int_equal(command(command_list, NULL, NULL), 0);
    snprintf(expected, sizeof expected,
             "{\"schema\":1,\"cluster\":\"test\",\"pid\":%d,\"answers\":true,\"engines\":2}\n",
             (int)holder);
    assert_out(expected);
}

TEST(px_takes_its_code_from_words_or_a_file_and_its_options_along)
{
    start_fake(2);
    given.targets = "all";
    given.exclude = "1";
    given.limit_s = 2.5;
    assert_int_equal(command(command_px, "f(", "1)"), 0);
    assert_out("Out[0:1]: 0\n");
    letter_t *letter = fake_await(&fake, TT_MSG_SUBMIT);
    assert_int_equal(letter->message.as.submit.timeout_ms, 2500);
    assert_int_equal(letter->message.as.submit.label.len, 5);
    assert_memory_equal(letter->message.as.submit.label.data, "f( 1)", 5);
    letter_free(letter);
    scratch_write("x.py", "g()\n", 0600);
    given.targets = given.exclude = NULL;
    given.limit_s = 0;
    given.file = scratch_path("x.py");
    assert_int_equal(command(command_px, NULL, NULL), 0);
    assert_part(said_out, "[1:1]: 1\n");
    letter = fake_await(&fake, TT_MSG_SUBMIT);
    assert_memory_equal(letter->message.as.submit.label.data, "g()\n", 4);
    letter_free(letter);
}

TEST(sh_sends_its_words_as_a_command_of_the_shell)
{
    start_fake(2);
    given.targets = "1";
    assert_int_equal(command(command_sh, "ls", "-l"), 0);
    letter_t *letter = fake_await(&fake, TT_MSG_SUBMIT);
    assert_int_equal(letter->message.as.submit.label.len, 5);
    assert_memory_equal(letter->message.as.submit.label.data, "ls -l", 5);
    tt_span_t args = tt_frames_span(&letter->packet.payload, 0);
    assert_int_equal(args.data[args.len - 1], TT_EXECUTE_SHELL);
    letter_free(letter);
    assert_int_equal(command(command_sh, NULL, NULL), 2);
    assert_err("tutti: sh takes code, - for standard input, or -f FILE\n");
}

/* The groups of `tutti start WORDS`, as the controller is asked for them. */
static int start_with(int argc, const char *const *words)
{
    char *argv[16] = {(char *)(uintptr_t) "start"};
    int rest;
    const command_t *row = commands;
    for (int i = 0; i < argc; i++)
        argv[i + 1] = (char *)(uintptr_t)words[i];
    assert_string_equal(row->name, "start");
    assert_int_equal(
        tt_options_parse(row->options, &given, argc + 1, argv, &rest, row->verbatim, &err), 0);
    int status = command(command_start, NULL, NULL);
    return status;
}

TEST(each_n_of_start_begins_a_group_which_the_options_behind_it_belong_to)
{
    static const char *const words[] = {"--preload", "numpy", "-n",        "2",  "--lang",
                                        "python",    "-n",    "3",         "-n", "1",
                                        "--lang",    "mock",  "--program", "/m"};
    start_fake(2);
    assert_int_equal(start_with(14, words), 0);
    assert_int_equal(given.wish.group.engines, 2);
    assert_string_equal(given.wish.group.language, "python");
    assert_int_equal(given.wish.group.preload.count, 1);
    assert_int_equal(given.wish.more_count, 2);
    assert_int_equal(given.wish.more[0].engines, 3);
    assert_null(given.wish.more[0].language);
    assert_int_equal(given.wish.more[0].preload.count, 0);
    assert_int_equal(given.wish.more[1].engines, 1);
    assert_string_equal(given.wish.more[1].program, "/m");
    cluster_wish_release(&given.wish);
    tt_texts_release(&given.groups);
}

TEST(a_group_of_no_engines_is_wrong_use)
{
    static const char *const none[] = {"-n", "2", "-n", "0"}, *const word[] = {"-n", "two"};
    assert_int_equal(start_with(4, none), 2);
    assert_err("tutti: -n takes a number above 0, not 0\n");
    cluster_wish_release(&given.wish);
    tt_texts_release(&given.groups);
    assert_int_equal(start_with(2, word), 2);
    assert_err("tutti: start: --engines: 'two' is not a whole number\n");
    tt_texts_release(&given.groups);
}

TEST(a_failure_in_the_background_is_the_status_of_the_whole)
{
    static char one[] = "%px -t 0 f() &", two[] = "%jobs";
    static char *lines[] = {one, two, two};
    start_fake(2);
    fake.on_message = fail_submit;
    given.lines = (tt_texts_t){lines, 3};
    assert_int_equal(command(command_lines, NULL, NULL), 1);
    assert_part(said_err, "ValueError: no luck");
}

TEST(px_on_engines_that_are_not_there_is_wrong_use)
{
    start_fake(2);
    given.targets = "9";
    assert_int_equal(command(command_px, "f()", NULL), 2);
    assert_part(said_err, "no engine 9");
}

TEST(run_does_each_line_until_one_fails_and_stops_no_cluster_of_others)
{
    start_fake(2);
    scratch_write("x.tt", "%px -t 0 f()\n%px -t 9 g()\n%px h()\n", 0600);
    assert_int_equal(command(command_run, scratch_path("x.tt"), NULL), 2);
    assert_out("Out[0:1]: 0\n");
    assert_part(said_err, "x.tt:2: no engine 9");
    letter_free(fake_await(&fake, TT_MSG_SUBMIT));
    assert_null(fake_take(&fake, TT_MSG_SUBMIT));
    assert_null(fake_take(&fake, TT_MSG_STOP));
    assert_null(fake_take(&fake, TT_MSG_LAUNCH));
}

TEST(lines_are_run_in_order_until_one_leaves)
{
    static char one[] = "%px -t 0 f() &", two[] = "exit 6", three[] = "%px -t 1 g()";
    static char *lines[] = {one, two, three};
    start_fake(2);
    given.lines = (tt_texts_t){lines, 3};
    assert_int_equal(command(command_lines, NULL, NULL), 6);
    letter_free(fake_await(&fake, TT_MSG_SUBMIT));
    assert_null(fake_take(&fake, TT_MSG_SUBMIT));
}

TEST(work_in_the_background_is_waited_for_and_shown_at_the_end)
{
    static char one[] = "%px -t 0 f() &";
    static char *lines[] = {one};
    start_fake(2);
    given.lines = (tt_texts_t){lines, 1};
    assert_int_equal(command(command_lines, NULL, NULL), 0);
    assert_part(said_out, "Out[0:1]: 0\n");
}

/* ---- logs */

TEST(logs_are_shown_from_their_last_part_on)
{
    FILE *out;
    char path[PATH_MAX + 32];
    start_fake(0);
    snprintf(path, sizeof path, "%s/controller.log", fake.dir.state_dir);
    out = fopen(path, "we");
    assert_non_null(out);
    for (int i = 0; i < 70000 / 10; i++)
        fprintf(out, "%9d\n", i);
    fclose(out);
    snprintf(path, sizeof path, "%s/engine.log", fake.dir.state_dir);
    out = fopen(path, "we");
    fprintf(out, "the engines' own\n");
    fclose(out);
    listen_begin();
    int status = command_logs(&given, 0, NULL);
    struct stat shown;
    fflush(stdout);
    fstat(1, &shown);
    listen_end();
    assert_int_equal(status, 0);
    assert_int_equal(shown.st_size, 65536 + 17);
}

#define ON(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    toy_main();
    alarm(90);
    const struct CMUnitTest tests[] = {
        RUN(every_command_has_a_usage_a_summary_options_with_help_and_a_function),
        RUN(no_option_of_a_command_has_the_name_letter_or_place_of_another),
        ON(a_complaint_gives_its_status_back),
        ON(operands_that_make_no_sense_are_wrong_use),
        ON(a_file_that_cannot_be_read_is_wrong_use),
        ON(without_a_cluster_there_is_nothing_to_show_or_run_on),
        ON(stopping_what_does_not_run_is_fine),
        ON(no_cluster_is_listed_when_there_is_none),
        ON(a_controller_that_cannot_start_is_status_3_for_whoever_needs_one),
        ON(a_cluster_that_runs_is_not_started_again),
        ON(a_cluster_that_runs_is_listed_for_people_and_programs),
        ON(px_takes_its_code_from_words_or_a_file_and_its_options_along),
        ON(sh_sends_its_words_as_a_command_of_the_shell),
        ON(each_n_of_start_begins_a_group_which_the_options_behind_it_belong_to),
        ON(a_group_of_no_engines_is_wrong_use),
        ON(a_failure_in_the_background_is_the_status_of_the_whole),
        ON(px_on_engines_that_are_not_there_is_wrong_use),
        ON(run_does_each_line_until_one_fails_and_stops_no_cluster_of_others),
        ON(lines_are_run_in_order_until_one_leaves),
        ON(work_in_the_background_is_waited_for_and_shown_at_the_end),
        ON(logs_are_shown_from_their_last_part_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
