/* Unit test of repl/settings: the file, what is wrong in it, profiles laid over the rest, and
 * what becomes of options. */
#include "scratch.h"

#include "settings.h"

#include <sys/stat.h>

static settings_t settings;
static given_t given;
static tt_error_t err;

static int begin(void **unused)
{
    (void)unused;
    given = command_defaults();
    if (scratch_begin() != 0)
        return -1;
    setenv("XDG_CONFIG_HOME", scratch_dir, 1);
    setenv("HOME", "/home/me", 1);
    unsetenv("TUTTI_PROFILE");
    mkdir(scratch_path("tutti"), 0700);
    return 0;
}

static int end(void **unused)
{
    (void)unused;
    settings_release(&settings);
    command_release(&given);
    return scratch_end();
}

static int parse(const char *text, const char *profile)
{
    settings_release(&settings);
    assert_int_equal(settings_init(&settings, profile, &err), 0);
    return settings_parse(&settings, text, strlen(text), &err);
}

/* What holds: `section.option=value@line`, with `!` behind what is of a profile. */
static char *what_holds(void)
{
    static char out[4096];
    size_t at = 0;
    out[0] = 0;
    for (size_t i = 0; i < settings.count; i++) {
        const setting_t *item = &settings.items[i];
        at += (size_t)snprintf(out + at, sizeof out - at, "%s%s.%s=%s@%u%s", i ? " " : "",
                               item->section, item->option->name, item->value, item->line,
                               item->profile ? "!" : "");
    }
    return out;
}

#define HOLDS(text, profile, expected)                                                         \
    do {                                                                                       \
        assert_int_equal(parse(text, profile), 0);                                             \
        assert_string_equal(what_holds(), expected);                                           \
    } while (0)

/* The message begins with the file and the line. */
static void refuses(const char *text, int line, const char *why)
{
    char expected[512];
    assert_int_equal(parse(text, NULL), -1);
    snprintf(expected, sizeof expected, "%s/tutti/tutti.zpl:%d: %s", scratch_dir, line, why);
    assert_string_equal(err.text, expected);
    assert_int_equal(settings.count, 0);
}

/* ---- what is wrong */

TEST(a_name_that_there_is_not_is_told_with_the_closest)
{
    assert_int_equal(parse("strat\n    threads = 2\n", NULL), -1);
    assert_says(&err,
                "tutti.zpl:1: no command 'strat'; did you mean start? There are start, add, ");
    assert_says(&err, ", prompt, profile");
    assert_int_equal(parse("start\n    thread = 2\n", NULL), -1);
    assert_says(
        &err,
        "tutti.zpl:2: start has no option 'thread'; did you mean threads? There are engines");
    assert_int_equal(parse("prompt\n    verbos = yes\n", NULL), -1);
    assert_says(&err, "tutti.zpl:2: prompt has no option 'verbos'; did you mean verbose?");
    assert_int_equal(parse("profile\n    a\n        strat\n", NULL), -1);
    assert_says(&err, "tutti.zpl:3: no command 'strat'; did you mean start?");
}

TEST(what_is_said_each_time_is_no_setting)
{
    refuses("start\n    name = x\n", 2, "name is no setting of start: it is said each time");
    refuses("start\n    on = web1\n", 2, "on is no setting of start: it is said each time");
    refuses("px\n    help = yes\n", 2, "help is no setting of px: it is said each time");
    refuses("stop\n    all = yes\n", 1, "stop has no settings");
    refuses("config\n    json = yes\n", 1, "config has no settings");
}

TEST(values_that_the_command_would_refuse_are_told)
{
    static const char *const rows[][2] = {
        {"start\n    threads = two\n", "start: --threads: 'two' is not a whole number"},
        {"start\n    threads = -1\n", "start: --threads takes a number from 1 to 4096, not -1"},
        {"start\n    engines = two\n", "start: --engines: 'two' is not a whole number"},
        {"start\n    engines = 0\n", "start: -n takes a number above 0, not 0"},
        {"start\n    grace = 1y\n",
         "start: --grace: '1y' is not a time in seconds (or 200ms, 5m, 2h)"},
        {"start\n    wait = some\n", "start: --wait takes a number or 'all', not 'some'"},
        {"start\n    memory = 1M\n", "start: --memory takes at least 64M, as in 4G, not '1M'"},
        {"start\n    env = X\n", "start: --env takes NAME=VALUE, not 'X'"},
        {"start\n    policy = leastlod\n", "start: --policy: there is no 'leastlod'; did you "
                                           "mean leastload? There are leastload, "
                                           "roundrobin, random"},
        {"start\n    lang = pyton\n", "start: --lang: there is no 'pyton'; did you mean "
                                      "python? There are python, ipython, sh, mock"},
        {"add\n    engines = many\n", "add: -n takes a number above 0 or 'auto', not 'many'"},
        {"add\n    nice = 20\n", "add: --nice takes a number from 0 to 19, not 20"},
        {"px\n    timeout = soon\n",
         "px: --timeout: 'soon' is not a time in seconds (or 200ms, 5m, 2h)"},
        {"px\n    json = true\n", "px: --json: it takes yes or no, not 'true'"},
        {"prompt\n    noblock = 1\n", "prompt: --noblock: it takes yes or no, not '1'"},
        {"prompt\n    timeout = -1\n", "prompt: --timeout takes seconds, not '-1'"},
        {"prompt\n    progress-after = x\n",
         "prompt: --progress-after takes seconds, or -1, not 'x'"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        refuses(rows[i][0], 2, rows[i][1]);
}

TEST(what_stands_in_the_wrong_place_is_told)
{
    refuses("start = 1\n", 1, "start takes no value: its options stand below it");
    refuses("profile = hpc\n", 1, "profile takes no value: profiles stand below it");
    refuses("profile\n    hpc = 1\n", 2,
            "profile hpc takes no value: its commands stand below it");
    refuses("start\n    threads\n", 2, "threads needs a value: threads = N");
    refuses("px\n    json\n", 2, "json needs a value: json = yes");
    refuses("start\n    threads = 1\n        nice = 1\n", 3, "nothing stands below an option");
    refuses("start\n    nice = 1\n    threads = 1\n    nice = 2\n", 4,
            "nice stands in line 2 already");
    refuses("start\n  nice = 1\n", 2, "indented by 2 spaces: it goes by 4 for each level");
}

TEST(what_is_wrong_in_a_profile_is_told_whichever_is_meant)
{
    refuses("profile\n    one\n        start\n            nice = 1\n            nice = 2\n", 5,
            "nice stands in line 4 already");
}

TEST(a_profile_that_there_is_not_is_told_with_those_there_are)
{
    scratch_write("tutti/tutti.zpl", "profile\n    hpc\n    laptop\n", 0600);
    assert_int_equal(settings_init(&settings, "hcp", &err), 0);
    assert_int_equal(settings_read(&settings, &err), -1);
    assert_says(&err, "tutti.zpl: no profile 'hcp'; did you mean hpc? There are hpc, laptop");
    unlink(scratch_path("tutti/tutti.zpl"));
    settings_release(&settings);
    assert_int_equal(settings_init(&settings, "hcp", &err), 0);
    assert_int_equal(settings_read(&settings, &err), -1);
    assert_says(&err, "no profile 'hcp': there is no file /tmp/");
}

/* ---- what holds */

TEST(settings_are_those_of_the_tables)
{
    HOLDS("", NULL, "");
    HOLDS("start\n    engines = 8\n    env = A=B\n    env = C=D\npx\n    json = no\nprompt\n"
          "    targets = 0-3\n    verbose = yes\n",
          NULL,
          "start.engines=8@2 start.env=A=B@3 start.env=C=D@4 px.json=no@6 prompt.targets=0-3@8 "
          "prompt.verbose=yes@9");
    assert_string_equal(settings_find(&settings, "start", "env")->value, "C=D");
    assert_null(settings_find(&settings, "start", "json"));
    assert_true(setting_is_off(settings_find(&settings, "px", "json")));
    assert_false(setting_is_off(settings_find(&settings, "prompt", "verbose")));
}

static const char profiles[] = "profile\n"
                               "    hpc\n"
                               "        start\n"
                               "            engines = 64\n"
                               "            env = C=D\n"
                               "            nice = 5\n"
                               "    laptop\n"
                               "start\n"
                               "    threads = 2\n"
                               "    engines = 8\n"
                               "    env = A=B\n";

TEST(a_profile_is_laid_over_the_rest_wherever_it_stands)
{
    HOLDS(profiles, NULL, "start.threads=2@9 start.engines=8@10 start.env=A=B@11");
    HOLDS(profiles, "laptop", "start.threads=2@9 start.engines=8@10 start.env=A=B@11");
    HOLDS(profiles, "hpc",
          "start.threads=2@9 start.env=A=B@11 start.engines=64@4! start.env=C=D@5! "
          "start.nice=5@6!");
    assert_int_equal(settings.profiles.count, 2);
}

TEST(the_environment_names_a_profile_unless_the_line_does)
{
    setenv("TUTTI_PROFILE", "hpc", 1);
    HOLDS(profiles, "", "start.threads=2@9 start.engines=8@10 start.env=A=B@11");
    assert_null(settings.profile);
    assert_int_equal(parse(profiles, NULL), 0);
    assert_string_equal(settings.profile, "hpc");
    assert_true(settings.profile_from_env);
    assert_int_equal(parse(profiles, "laptop"), 0);
    assert_string_equal(settings.profile, "laptop");
    assert_false(settings.profile_from_env);
    setenv("TUTTI_PROFILE", "", 1);
    assert_int_equal(parse(profiles, NULL), 0);
    assert_null(settings.profile);
}

TEST(the_home_is_put_in_front_of_paths_and_of_nothing_else)
{
    HOLDS("start\n    python = ~/venv/bin/python\n    workdir = ~\n    setup = ~anna/x\n"
          "    env = A=~/x\npx\n    targets = ~/x\n",
          NULL,
          "start.python=/home/me/venv/bin/python@2 start.workdir=/home/me@3 "
          "start.setup=~anna/x@4 start.env=A=~/x@5 px.targets=~/x@7");
    unsetenv("HOME");
    refuses("start\n    python = ~/x\n", 2, "there is no HOME for '~/x'");
}

TEST(options_are_set_as_if_they_stood_on_the_line)
{
    assert_int_equal(parse("start\n    threads = 2\n    engines = 8\n    env = A=B\n"
                           "    timeout = 2m\npx\n    json = yes\n    targets = 0\nsh\n"
                           "    json = no\n",
                           NULL),
                     0);
    settings_apply(&settings, "start", &given);
    assert_int_equal(given.wish.placement.threads, 2);
    assert_int_equal(given.groups.count, 2);
    assert_true(given.wish.timeout_s == 120);
    assert_int_equal(given.wish.placement.variables.count, 1);
    settings_apply(&settings, "sh", &given);
    assert_false(given.json);
    assert_null(given.targets);
    settings_apply(&settings, "px", &given);
    assert_true(given.json);
    assert_string_equal(given.targets, "0");
}

TEST(the_same_can_be_said_as_words_of_a_line_there_but_for_files_of_here)
{
    tt_texts_t words = {NULL, 0};
    assert_int_equal(parse("px\n    json = yes\n    targets = -1\nsh\n    json = no\n"
                           "add\n    identity = ~/key\n    workdir = x\n",
                           NULL),
                     0);
    settings_words(&settings, "px", &words);
    settings_words(&settings, "sh", &words);
    settings_words(&settings, "add", &words);
    assert_int_equal(words.count, 3);
    assert_string_equal(words.items[0], "--json");
    assert_string_equal(words.items[1], "--targets=-1");
    assert_string_equal(words.items[2], "--workdir=x"); /* the key is here */
    for (size_t i = 0; i < words.count; i++)
        free(words.items[i]);
    tt_texts_release(&words);
}

TEST(settings_concern_those_that_have_some)
{
    static const char *const with[] = {"start", "add", "px", "run", "list"};
    static const char *const without[] = {"stop", "why",    "logs",       "remove",
                                          "pipe", "config", "completion", "nothing"};
    for (size_t i = 0; i < sizeof with / sizeof *with; i++)
        assert_true(settings_concern(with[i]));
    for (size_t i = 0; i < sizeof without / sizeof *without; i++)
        assert_false(settings_concern(without[i]));
    size_t count = 0;
    while (settings_section(count))
        assert_non_null(settings_options(settings_section(count++)));
    assert_string_equal(settings_section(count - 1), "prompt");
    assert_null(settings_section(count + 1));
}

/* ---- the file */

static int read_file(void)
{
    settings_release(&settings);
    assert_int_equal(settings_init(&settings, NULL, &err), 0);
    return settings_read(&settings, &err);
}

static void assert_refused(const char *why)
{
    assert_int_equal(read_file(), -1);
    assert_says(&err, why);
}

TEST(no_file_is_no_settings)
{
    assert_int_equal(read_file(), 0);
    assert_false(settings.there);
    setenv("XDG_CONFIG_HOME", scratch_path("tutti/none/at/all"), 1);
    assert_int_equal(read_file(), 0);
    unsetenv("XDG_CONFIG_HOME");
    unsetenv("HOME");
    assert_int_equal(read_file(), 0);
    assert_null(settings.path);
}

TEST(the_file_is_below_the_home_if_nothing_else_is_said)
{
    setenv("XDG_CONFIG_HOME", "", 1);
    assert_int_equal(read_file(), 0);
    assert_string_equal(settings.path, "/home/me/.config/tutti/tutti.zpl");
    setenv("XDG_CONFIG_HOME", "here", 1);
    settings_release(&settings);
    assert_int_equal(settings_init(&settings, NULL, &err), -1);
    assert_string_equal(err.text, "XDG_CONFIG_HOME='here' is not an absolute path");
}

TEST(a_file_that_others_can_write_is_refused)
{
    static const mode_t bad[] = {0620, 0602, 0666, 0664};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        scratch_write("tutti/tutti.zpl", "start\n    nice = 1\n", bad[i]);
        assert_refused("is not read, as others can write it: chmod go-w /tmp/");
        assert_int_equal(settings.count, 0);
    }
    scratch_write("tutti/tutti.zpl", "start\n    nice = 1\n", 0644);
    assert_int_equal(read_file(), 0);
    assert_int_equal(settings.count, 1);
    assert_true(settings.there);
}

TEST(a_file_of_another_user_is_refused)
{
    if (geteuid() != 0)
        skip();
    scratch_write("tutti/tutti.zpl", "", 0644);
    assert_int_equal(chown(scratch_path("tutti/tutti.zpl"), 12345, -1), 0);
    assert_refused("is not read: it belongs to another user");
}

TEST(what_is_no_file_is_refused_and_not_waited_for)
{
    assert_int_equal(mkfifo(scratch_path("tutti/tutti.zpl"), 0600), 0);
    assert_refused("is not a file");
    unlink(scratch_path("tutti/tutti.zpl"));
    assert_int_equal(symlink("/dev/zero", scratch_path("tutti/tutti.zpl")), 0);
    assert_refused("is not a file");
    unlink(scratch_path("tutti/tutti.zpl"));
    assert_int_equal(mkdir(scratch_path("tutti/tutti.zpl"), 0700), 0);
    assert_refused("is not a file");
}

TEST(a_file_that_is_too_large_is_refused)
{
    char *text = tt_alloc((64 << 10) + 2);
    memset(text, '\n', 64 << 10);
    scratch_write("tutti/tutti.zpl", text, 0600);
    assert_int_equal(read_file(), 0);
    text[64 << 10] = '\n';
    scratch_write("tutti/tutti.zpl", text, 0600);
    assert_refused("has more than 64 KiB");
    free(text);
}

#define EACH(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    alarm(60);
    const struct CMUnitTest tests[] = {
        EACH(a_name_that_there_is_not_is_told_with_the_closest),
        EACH(what_is_said_each_time_is_no_setting),
        EACH(values_that_the_command_would_refuse_are_told),
        EACH(what_stands_in_the_wrong_place_is_told),
        EACH(what_is_wrong_in_a_profile_is_told_whichever_is_meant),
        EACH(a_profile_that_there_is_not_is_told_with_those_there_are),
        EACH(settings_are_those_of_the_tables),
        EACH(a_profile_is_laid_over_the_rest_wherever_it_stands),
        EACH(the_environment_names_a_profile_unless_the_line_does),
        EACH(the_home_is_put_in_front_of_paths_and_of_nothing_else),
        EACH(options_are_set_as_if_they_stood_on_the_line),
        EACH(the_same_can_be_said_as_words_of_a_line_there_but_for_files_of_here),
        EACH(settings_concern_those_that_have_some),
        EACH(no_file_is_no_settings),
        EACH(the_file_is_below_the_home_if_nothing_else_is_said),
        EACH(a_file_that_others_can_write_is_refused),
        EACH(a_file_of_another_user_is_refused),
        EACH(what_is_no_file_is_refused_and_not_waited_for),
        EACH(a_file_that_is_too_large_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
