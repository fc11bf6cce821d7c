/* Unit test of link/near: how a link is made, step by step, and what is told when one fails. */
#include "tutti_ssh.h"

/* ---- what is wrong here */

TEST(what_is_wrong_here_is_told_and_nothing_left_running)
{
    assert_fails("--status-fd 3 -- -oProxyCommand=true x",
                 "failed '-oProxyCommand=true' is not the name of a host");
    run("mv lib lib2");
    assert_fails(TO, "failed there is no '*' to send: *");
    assert_false(exists("ssh.pid"));
    run("mv lib2 lib"); /* and with them no socket */
    assert_fails(TO, "failed cannot connect to 's': No such file or directory");
    assert_fails("--status-fd 3 --listen nowhere/s -- far libexec/tutti/tutti-engine",
                 "failed cannot listen at 'nowhere/s': No such file or directory");
}

/* ---- what is wrong with ssh, and before a command runs there */

TEST(an_ssh_that_fails_is_told_in_its_words_if_it_has_any)
{
    make_ssh("echo 'ssh: connect to host far port 22: Connection refused' >&2; exit 255");
    assert_fails(TO, "failed ssh: connect to host far port 22: Connection refused");
    assert_string_equal(text_of("stderr"),
                        "ssh: connect to host far port 22: Connection refused\n");
    make_ssh("echo 'me@far: Permission denied (publickey).' >&2; exit 255");
    assert_fails(TO,
                 fmt("failed permission denied (publickey); try: %s far", scratch_path("ssh")));
    make_ssh("exit 255");
    assert_fails(TO, "failed ssh exited with status 255");
    make_ssh("kill -9 $$");
    assert_fails(TO, "failed ssh was killed by SIGKILL");
}

TEST(a_host_that_runs_no_command_is_told_with_its_answer)
{
    make_ssh("printf 'Welcome\\n\\nThis account is closed.\\r\\n\\r\\n'; exit 1");
    assert_fails(TO, "failed it runs no command of ours; it answered: This account is closed.");
    make_ssh("exit 1");
    assert_fails(TO, "failed it runs no command of ours");
}

TEST(a_login_may_write_up_to_64_kib)
{
    make_ssh("yes 'a line that nobody reads' | head -c 70000");
    assert_fails(TO, "failed its login writes more than 64 KiB before it lets a command run");
    make_ssh("head -c 200000 /dev/zero | tr '\\0' x");
    assert_fails(TO, "failed what it answers is not a line of text");
    make_ssh("yes 'a line that nobody reads' | head -c 60000; printf '\\r\\n=look\\n=up 9\\n"
             "\\033[31m=tutti-linked\\n no end of line'; echo banner >&2");
    link_to(TO);
    exchange(1);
    leave();
}

TEST(an_ssh_that_closes_early_is_told_wherever_it_does)
{
    static const char *const at[] = {
        "echo =tutti-link 1",
        "echo =tutti-link 1; read l",
        "echo =tutti-link 1; read l; echo =look need $(uname -sm)",
        "echo =tutti-link 1; read l; echo =look need $(uname -sm); read l",
        "echo =tutti-link 1; read l; echo =look have $(uname -sm); read l",
    };
    for (size_t i = 0; i < sizeof at / sizeof *at; i++) {
        make_ssh(fmt("%s; " CLOSED, at[i]));
        assert_fails(TO, "failed Connection closed.");
    }
    make_ssh("echo banner >&2; until grep -q banner stderr; do sleep 0.02; done; "
             "echo =tutti-link 1; read l; exit 255"); /* a banner is no reason */
    assert_fails(TO, "failed ssh exited with status 255");
    run("head -c 3000000 /dev/urandom >tree/large"); /* is still being written then */
    make_bundle(SH GO);
    make_ssh("echo =tutti-link 1; read l; echo =look need $(uname -sm); read l; echo =place; "
             "read l; head -c 1000 >/dev/null; " CLOSED);
    assert_fails(TO, "failed Connection closed.");
    assert_int_equal(sent, 1);
}

/* ---- the machine, and tutti on it */

TEST(another_kind_of_machine_is_told)
{
    scratch_write("bin/uname", SH "echo Plan9 mips\n", 0755);
    make_ssh("PATH=$PWD/bin:$PATH");
    run("echo Linux riscv64 >lib/bundle.machine");
    assert_fails(TO,
                 "failed it is Plan9 mips, and this tutti is for Linux riscv64: install one "
                 "there, or add it from such a machine");
    run("test -z \"$(ls -A home)\"");
    make_ssh("echo =tutti-link 1; read l; echo =look; cat >/dev/null");
    assert_fails(TO, "failed it is ?, and this tutti is for Linux riscv64*");
}

TEST(a_place_for_tutti_that_cannot_be_made_is_told)
{
    scratch_write("home/.cache", "not a directory", 0600);
    assert_fails(TO, fmt("failed cannot write in %s/home/.cache/tutti*", scratch_dir));
    assert_int_equal(sent, 0);
    assert_string_equal(text_of("home/.cache"), "not a directory");
}

static void assert_not_unpacked(void)
{
    assert_fails(TO, fmt("failed cannot unpack tutti into %s/home/.cache/tutti/%.64s*",
                         scratch_dir, text_of("lib/bundle.sha256")));
    run("test -z \"$(ls -A home/.cache/tutti)\"");
}

TEST(an_archive_that_arrives_damaged_or_is_none_is_told_and_leaves_nothing)
{
    run("printf x | dd of=lib/bundle.tar.gz bs=1 seek=100 conv=notrunc 2>dd.log");
    assert_not_unpacked();
    run("head -c 300000 /dev/urandom >lib/bundle.tar.gz && "
        "sha256sum <lib/bundle.tar.gz | cut -c1-64 >lib/bundle.sha256");
    assert_not_unpacked();
    run("yes \"touch $PWD/evil\" | head -c 500000 >lib/bundle.tar.gz");
    make_ssh("trap '' XFSZ; ulimit -f 8"); /* as with a full disk */
    assert_not_unpacked();
    assert_false(exists("evil")); /* its bytes were no lines for the shell */
}

TEST(tutti_is_sent_once_and_lies_there_with_its_own_archive)
{
    link_to(TO);
    leave();
    run("test \"$(ls -A home/.cache/tutti)\" = \"$(cat lib/bundle.sha256)\"");
    run("test \"$(stat -c %a home/.cache/tutti)\" = 700");
    run("cd home/.cache/tutti/* && test -f .complete && for f in tar.gz sha256 machine; do "
        "cmp lib/tutti/bundle.$f ../../../../lib/bundle.$f || exit; done");
    link_to(TO);
    exchange(1);
    leave();
    assert_int_equal(sent, 1);
    setenv("XDG_CACHE_HOME", scratch_path("other place"), 1);
    link_to(TO);
    leave();
    run("test -f 'other place'/tutti/*/.complete");
}

TEST(each_step_is_told_in_order)
{
    scratch_write("setup", "true", 0600);
    run("echo sending $(wc -c <lib/bundle.tar.gz) >size");
    start("--setup-name a.sh " SETUP LISTEN);
    assert_string_equal(fmt("%s\n", next_line()), text_of("size"));
    assert_string_equal(next_line(), "script a.sh");
    assert_int_equal(strncmp(next_line(), "setup ", 6), 0);
    assert_string_equal(next_line(), "up 3");
}

/* Two machines with one home: while we send, the other one has finished. */
TEST(whoever_is_first_to_have_tutti_there_whole_wins)
{
    link_to(TO);
    leave();
    run("mv home/.cache/tutti/* first && touch first/first");
    scratch_write("bin/sha256sum",
                  SH "mv ../first .cache/tutti/$h && exec /usr/bin/sha256sum\n", 0755);
    make_ssh(fmt("PATH=$PWD/bin:$PATH; h=%.64s; export h", text_of("lib/bundle.sha256")));
    link_to(TO);
    exchange(1);
    leave();
    assert_int_equal(sent, 2);
    run("test \"$(ls -A home/.cache/tutti)\" = \"$(cat lib/bundle.sha256)\"");
    run("cd home/.cache/tutti/* && test -f first && test -z \"$(ls -d *.?????? 2>&-)\"");
}

/* ---- set-up scripts */

#define SHOW SH "echo \"${COLOUR-none} $PWD\" >\"$HOME/seen\"\n" GO

/* What the far program was given, and that nothing of the script is left. */
static void assert_set_up(const char *script, const char *colour)
{
    scratch_write("setup", script, 0600);
    listen_up(SETUP LISTEN);
    assert_string_equal(text_of("home/seen"), fmt("%s %s/home\n", colour, scratch_dir));
    run("test -z \"$(ls -A tmp)\"");
    kill(near, SIGTERM);
    ended();
}

TEST(what_a_script_exports_the_far_program_has_unless_it_names_its_interpreter)
{
    static char large[1 << 20];
    memset(large, '#', sizeof large - 1);
    for (size_t i = 100; i < sizeof large; i += 100)
        large[i] = '\n';
    strcpy(large + sizeof large - 30, "\nexport COLOUR=blue");
    make_bundle(SHOW);
    assert_set_up("export COLOUR=blue\ncd /\n", "blue");
    assert_set_up("", "none");
    assert_set_up(large, "blue");
    assert_set_up("set -eu; export COLOUR=blue; true", "blue");
    assert_set_up("#!/bin/sh -e\nexport COLOUR=blue; echo $-$# >$HOME/ran", "none");
    assert_true(strpbrk(text_of("home/ran"), "e") && strpbrk(text_of("home/ran"), "0"));
}

TEST(what_a_script_writes_is_no_answer_and_its_stdin_is_empty)
{
    make_bundle(SHOW);
    assert_set_up("echo =setup 7; echo =go 9; echo =fail liar; cat; echo done >$HOME/ran",
                  "none");
    assert_string_equal(text_of("home/ran"), "done\n");
    assert_string_equal(text_of("stderr"), "=setup 7\n=go 9\n=fail liar\n");
}

/* Each of them: its status, and its last line where it has one. It is not written too late: the
 * script waits until it has been passed on. */
TEST(a_script_that_fails_is_told_with_its_status_and_last_line)
{
#define BROKEN "echo oops >&2; echo no; until grep -q no $HOME/../stderr; do sleep 0.02; done; "
    static const char *const rows[][3] = {
        {"(exit 5)", SETUP TO, "failed the set-up script ended with status 5"},
        {BROKEN "(exit 5)", "--setup-name 'a b' " SETUP TO,
         "failed a b ended with status 5: no"},
        {"exit 3", SETUP TO, "failed the set-up script ended with status 3"},
        {BROKEN "exit 3\necho", SETUP TO, "failed the set-up script ended with status 3: no"},
        {"set -e; (exit 4); echo", SETUP TO, "failed the set-up script ended with status 4"},
        {"exit 0", SETUP TO, "failed the set-up script ends the shell: take its exit out"},
        {SH BROKEN "exit 6", SETUP TO, "failed the set-up script ended with status 6: no"},
        {"if then fi (", SETUP TO, "failed the set-up script ended with status *"},
        {"#!/nonexistent/shell\n", SETUP TO, "failed the set-up script ended with status 12*"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        run(": >stderr");
        scratch_write("setup", rows[i][0], 0600);
        assert_fails(rows[i][1], rows[i][2]);
        run("test -z \"$(ls -A tmp)\"");
    }
    assert_int_equal(sent, 1);
}

/* ---- the far program */

TEST(a_far_program_that_does_not_come_up_is_told_in_its_words)
{
    make_bundle(SH "echo 'no python here' >&2; exit 1\n");
    assert_fails(TO, "failed no python here");
    make_bundle(SH "echo '=fail no such python'; exec cat >/dev/null\n");
    assert_fails(TO, "failed no such python");
}

TEST(arguments_reach_the_far_program_unchanged)
{
    static char large[50000];
    memset(large, 'x', sizeof large - 1);
    const char *const args[] = {"",     "a b",   "it's",    "''",    "\"quoted\"", "$HOME",
                                "`id`", "$(id)", "back\\n", "*",     "~",          "-x",
                                "#",    "a;b&c", "a\tb",    "(a|b)", "b\xc3\xbc",  "\x01\xff",
                                "%s%n", "!!",    large,     NULL};
    tt_buf_t want;
    tt_buf_init(&want);
    for (size_t i = 0; args[i]; i++)
        tt_buf_printf(&want, "<%s>\n", args[i]);
    make_bundle(SH "for word; do printf '<%s>\\n' \"$word\"; done >$HOME/args\n" GO);
    start_with(LISTEN, args);
    assert_string_equal(told(), "up 3");
    assert_string_equal(text_of("home/args"), tt_buf_text(&want));
    tt_buf_release(&want);
}

TEST(only_what_is_needed_is_open_in_ssh_and_the_far_program)
{
#define SHOW_OPEN                                                                              \
    "for n in 3 4 5 6 7 8 9; do test -e /proc/$$/fd/$n && echo $n >>$HOME/../open; done\n"
    scratch_write("setup", "true", 0600);
    make_ssh(SHOW_OPEN);
    make_bundle(SH SHOW_OPEN GO);
    listen_up(SETUP LISTEN);
    assert_string_equal(text_of("open"), "");
}

#define EACH(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        EACH(what_is_wrong_here_is_told_and_nothing_left_running),
        EACH(an_ssh_that_fails_is_told_in_its_words_if_it_has_any),
        EACH(a_host_that_runs_no_command_is_told_with_its_answer),
        EACH(a_login_may_write_up_to_64_kib),
        EACH(an_ssh_that_closes_early_is_told_wherever_it_does),
        EACH(another_kind_of_machine_is_told),
        EACH(a_place_for_tutti_that_cannot_be_made_is_told),
        EACH(an_archive_that_arrives_damaged_or_is_none_is_told_and_leaves_nothing),
        EACH(tutti_is_sent_once_and_lies_there_with_its_own_archive),
        EACH(each_step_is_told_in_order),
        EACH(whoever_is_first_to_have_tutti_there_whole_wins),
        EACH(what_a_script_exports_the_far_program_has_unless_it_names_its_interpreter),
        EACH(what_a_script_writes_is_no_answer_and_its_stdin_is_empty),
        EACH(a_script_that_fails_is_told_with_its_status_and_last_line),
        EACH(a_far_program_that_does_not_come_up_is_told_in_its_words),
        EACH(arguments_reach_the_far_program_unchanged),
        EACH(only_what_is_needed_is_open_in_ssh_and_the_far_program),
    };
    alarm(150);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
