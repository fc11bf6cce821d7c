/* Unit test of link/ssh: the command line for every wish, hosts that are none, and what OpenSSH
 * says (texts of 9.2) in words that help. */
#include "check.h"

#include "ssh.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#define REMOTE "exec /bin/sh -c 'echo; while :; do :; done'"

static const char *argv[SSH_ARGV_MAX];
static tt_buf_t words, out;
static tt_error_t err;
static ssh_target_t target;

static int begin(void **unused)
{
    (void)unused;
    memset(&err, 0, sizeof err);
    memset(argv, 0, sizeof argv);
    tt_buf_init(&words);
    tt_buf_init(&out);
    target = (ssh_target_t){.command = "ssh", .host = "web1"};
    return 0;
}

static int end(void **unused)
{
    (void)unused;
    tt_buf_release(&words);
    tt_buf_release(&out);
    return 0;
}

/* The whole command line, a bar between words. */
static const char *line(void)
{
    assert_int_equal(ssh_argv(&target, REMOTE, &words, argv, &err), 0);
    out.len = 0;
    for (size_t i = 0; argv[i]; i++)
        tt_buf_printf(&out, "%s%s", i ? "|" : "", argv[i]);
    return tt_buf_text(&out);
}

static const char *from(const char *text, const char *part)
{
    const char *found = strstr(text, part);
    if (found == NULL)
        fail_msg("\"%s\" has no \"%s\"", text, part);
    return found ? found : "";
}

static bool has(const char *word)
{
    for (size_t i = 0; argv[i]; i++)
        if (strcmp(argv[i], word) == 0)
            return true;
    return false;
}

/* ---- hosts and commands that are refused */

TEST(a_host_that_ssh_would_take_for_an_option_or_that_is_none_is_refused)
{
    static const char *const bad[] = {
        "",
        "-",
        "-oProxyCommand=touch /tmp/x",
        "--",
        "-l",
        "web1 ls",
        " web1",
        "web1 ",
        " ",
        "web1\n",
        "web1\tls",
        "web\r1",
        "\033[31mweb1",
        "\x7f",
        "web1\x01",
        "a@web1 ls",
        "a b@web1",
    };
    char why[200];
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        target.host = bad[i];
        memset(&err, 0, sizeof err);
        assert_int_equal(ssh_argv(&target, REMOTE, &words, argv, &err), -1);
        snprintf(why, sizeof why, "'%s' is not the name of a host", bad[i]);
        assert_string_equal(err.text, why);
    }
}

TEST(a_very_long_name_that_is_none_is_cut_where_it_is_told)
{
    char host[1000];
    memset(host, 'x', sizeof host);
    strcpy(host + sizeof host - 3, " x");
    target.host = host;
    assert_int_equal(ssh_argv(&target, REMOTE, &words, argv, &err), -1);
    assert_true(strlen(err.text) < 150);
    assert_says(&err, "xxx' is not the name of a host");
}

/* A command of `count` words: "ssh -v -v ...". The caller's to free. */
static char *command_of(size_t count)
{
    tt_buf_t text;
    tt_buf_init(&text);
    tt_buf_printf(&text, "ssh");
    for (size_t i = 1; i < count; i++)
        tt_buf_printf(&text, " -v");
    char *copy = tt_strdup(tt_buf_text(&text));
    tt_buf_release(&text);
    return copy;
}

TEST(a_command_with_too_many_words_is_refused_and_nothing_is_cut)
{
    size_t least = SSH_ARGV_MAX;
    target.port = "2222";
    target.identity = "key";
    target.jump = "gate";
    for (size_t count = 1; count < 2 * SSH_ARGV_MAX; count++) {
        char *command = command_of(count);
        target.command = command;
        memset(&err, 0, sizeof err);
        if (ssh_argv(&target, REMOTE, &words, argv, &err) == 0) {
            assert_true(count < least);
            size_t end_at = 0;
            while (argv[end_at])
                end_at++;
            assert_true(end_at < SSH_ARGV_MAX);
            assert_string_equal(argv[end_at - 1], REMOTE);
            assert_string_equal(argv[end_at - 2], "web1");
        } else {
            least = count < least ? count : least;
            assert_says(&err, "the ssh command 'ssh -v -v ");
            assert_says(&err, "' has too many words");
        }
        free(command);
    }
    assert_true(least > 30 && least < SSH_ARGV_MAX);
}

/* ---- the command line */

TEST(the_host_and_the_remote_command_come_last_behind_the_end_of_options)
{
    assert_string_equal(from(line(), "|--|"), "|--|web1|" REMOTE);
    assert_string_equal(argv[0], "ssh");
    assert_false(has("-p") || has("-i") || has("-J"));
}

TEST(nothing_is_asked_forwarded_or_shared_and_a_dead_peer_is_noticed)
{
    static const char *const want[] = {"-T",
                                       "-x",
                                       "-a",
                                       "-oBatchMode=yes",
                                       "-oRemoteCommand=none",
                                       "-oClearAllForwardings=yes",
                                       "-oPermitLocalCommand=no",
                                       "-oServerAliveInterval=5",
                                       "-oServerAliveCountMax=3",
                                       "-oConnectTimeout=20",
                                       "-oControlMaster=no",
                                       "-oControlPath=none"};
    line();
    for (size_t i = 0; i < sizeof want / sizeof *want; i++)
        if (!has(want[i]))
            fail_msg("ssh is not given %s", want[i]);
}

TEST(what_was_wished_stands_before_the_host)
{
    target.port = "2222";
    assert_string_equal(from(line(), "|-p|"), "|-p|2222|--|web1|" REMOTE);
    target.identity = "/home/a b/.ssh/key";
    assert_string_equal(from(line(), "|-p|"), "|-p|2222|-i|/home/a b/.ssh/key|--|web1|" REMOTE);
    target.jump = "me@gate:22";
    target.host = "me@web1.example.org";
    assert_string_equal(from(line(), "|-p|"), "|-p|2222|-i|/home/a b/.ssh/key|-J|me@gate:22|--|"
                                              "me@web1.example.org|" REMOTE);
    target.port = target.identity = NULL;
    assert_string_equal(from(line(), "|-J|"), "|-J|me@gate:22|--|me@web1.example.org|" REMOTE);
}

TEST(a_command_may_have_options_of_its_own_which_come_first)
{
    target.command = "/opt/bin/ssh -F /tmp/config -v";
    const char *text = line();
    assert_ptr_equal(from(text, "/opt/bin/ssh|-F|/tmp/config|-v|-T|"), text);
    target.command = "  ssh   -v  ";
    text = line();
    assert_ptr_equal(from(text, "ssh|-v|-T|"), text);
    assert_string_equal(target.command, "  ssh   -v  "); /* as it was */
}

TEST(hosts_of_every_kind_are_given_as_they_are)
{
    static const char *const good[] = {
        "web1",       "me@web1", "web1.example.org", "127.0.0.1",
        "fe80::1%lo", "::1",     "ssh://me@web1:22", "b\303\274cher",
        "we-b_1",     "a$b;c",   "me@-web1"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        target.host = good[i];
        assert_int_equal(ssh_argv(&target, REMOTE, &words, argv, &err), 0);
        assert_true(has(good[i]));
    }
}

/* ---- the last line */

static void assert_last(const char *text, const char *expected)
{
    int len;
    const char *last = ssh_last_line(text, &len);
    assert_int_equal(len, strlen(expected));
    assert_memory_equal(last, expected, (size_t)len);
}

TEST(where_nothing_was_written_there_is_no_last_line)
{
    assert_last("", "");
    assert_last("\n", "");
    assert_last("\r\n\n\r\n", "");
}

TEST(the_last_line_is_the_last_one_with_anything_in_it)
{
    assert_last("one", "one");
    assert_last("one\n", "one");
    assert_last("one\r\n", "one");
    assert_last("one\ntwo", "two");
    assert_last("one\r\ntwo\r\n\r\n\n", "two");
    assert_last("\n\none\n\n", "one");
}

TEST(of_a_very_long_last_line_300_bytes_count)
{
    char text[2000], expected[301];
    memset(text, 'x', sizeof text);
    memset(expected, 'x', sizeof expected);
    text[0] = '\n';
    text[sizeof text - 1] = expected[300] = 0;
    assert_last(text, expected);
    text[sizeof text - 2] = '\n';
    assert_last(text, expected);
    text[301] = '\n';
    text[302] = 0;
    assert_last(text, expected);
    text[300] = '\n';
    text[301] = 0;
    expected[299] = 0;
    assert_last(text, expected);
}

/* ---- complaints */

static const char *explained(const char *text)
{
    out.len = 0;
    ssh_explain(&out, &target, text, "was killed by SIGKILL");
    return tt_buf_text(&out);
}

#define EXPLAIN(text, expected) assert_string_equal(explained(text), expected)

TEST(without_words_the_ending_is_told)
{
    EXPLAIN("", "ssh was killed by SIGKILL");
    EXPLAIN("\r\n\n", "ssh was killed by SIGKILL");
    tt_buf_printf(&out, ".");
    ssh_explain(&out, &target, "", "exited with status 255"); /* it appends */
    assert_text(&out, "ssh was killed by SIGKILL.ssh exited with status 255");
}

TEST(a_key_that_is_not_welcome_is_told_with_the_command_to_try)
{
    EXPLAIN("me@web1: Permission denied (publickey).\r\n",
            "permission denied (publickey); try: ssh web1");
    EXPLAIN("me@web1: Permission denied (publickey,gssapi-keyex,gssapi-with-mic).\r\n",
            "permission denied (publickey,gssapi-keyex,gssapi-with-mic); try: ssh web1");
    target = (ssh_target_t){.command = "ssh -F conf",
                            .host = "me@web1",
                            .port = "2222",
                            .identity = "key",
                            .jump = "gate"};
    EXPLAIN("me@web1: Permission denied (publickey).\r\n",
            "permission denied (publickey); try: ssh -F conf -p 2222 -i key -J gate me@web1");
}

TEST(a_host_that_asks_for_a_password_is_told_how_to_get_a_key)
{
    EXPLAIN("me@web1: Permission denied (password).\r\n",
            "it asks for a password, and nobody can type one here; give it your key: "
            "ssh-copy-id web1");
    EXPLAIN("me@web1: Permission denied (publickey,password).\r\n",
            "it asks for a password, and nobody can type one here; give it your key: "
            "ssh-copy-id web1");
    EXPLAIN("me@web1: Permission denied (publickey,keyboard-interactive).\r\n",
            "it asks for a password, and nobody can type one here; give it your key: "
            "ssh-copy-id web1");
    EXPLAIN("me@web1: Permission denied (keyboard-interactive).\r\n",
            "it asks for a password, and nobody can type one here; give it your key: "
            "ssh-copy-id web1");
    target.port = "2222";
    target.host = "me@web1";
    EXPLAIN("me@web1: Permission denied (password).\r\n",
            "it asks for a password, and nobody can type one here; give it your key: "
            "ssh-copy-id -p 2222 me@web1");
    target.identity = "key";
    EXPLAIN("me@web1: Permission denied (password).\r\n",
            "it asks for a password, and nobody can type one here; give it your key: "
            "ssh-copy-id -p 2222 -i key me@web1");
}

TEST(a_key_that_was_named_and_is_not_welcome_is_told_though_a_password_would_do)
{
    target.identity = "key";
    EXPLAIN("me@web1: Permission denied (publickey,password).\r\n",
            "permission denied (publickey,password); try: ssh -i key web1");
}

TEST(a_host_key_that_is_not_known_is_told_with_the_command_that_shows_it)
{
    target.port = "2222";
    EXPLAIN("No ED25519 host key is known for [web1]:2222 and you have requested strict "
            "checking.\r\nHost key verification failed.\r\n",
            "its host key is not known yet; look at it once: ssh -p 2222 web1");
    target = (ssh_target_t){.command = "ssh -F conf", .host = "me@web1"};
    EXPLAIN("Host key verification failed.\r\n",
            "its host key is not known yet; look at it once: ssh -F conf me@web1");
}

#define CHANGED(name)                                                                          \
    "@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@\r\n"                          \
    "@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\r\n"                          \
    "@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@\r\n"                          \
    "IT IS POSSIBLE THAT SOMEONE IS DOING SOMETHING NASTY!\r\n"                                \
    "Someone could be eavesdropping on you right now (man-in-the-middle attack)!\r\n"          \
    "It is also possible that a host key has just been changed.\r\n"                           \
    "The fingerprint for the ED25519 key sent by the remote host is\n"                         \
    "SHA256:yxEgSGefgInbYAfp9fY2sanhAYO9JmP1VoPkxb4k6u0.\r\n"                                  \
    "Please contact your system administrator.\r\n"                                            \
    "Add correct host key in /root/.ssh/known_hosts to get rid of this message.\r\n"           \
    "Offending ED25519 key in /root/.ssh/known_hosts:1\r\n"                                    \
    "Host key for " name " has changed and you have requested strict checking.\r\n"            \
    "Host key verification failed.\r\n"

TEST(a_host_key_that_has_changed_is_told_with_the_command_that_forgets_it)
{
    EXPLAIN(CHANGED("web1"), "its host key has changed; if that is right: ssh-keygen -R web1");
    target.host = "me@web1";
    EXPLAIN(CHANGED("web1"), "its host key has changed; if that is right: ssh-keygen -R web1");
    target.port = "2222";
    EXPLAIN(CHANGED("[web1]:2222"),
            "its host key has changed; if that is right: ssh-keygen -R '[web1]:2222'");
}

TEST(a_key_that_others_may_read_is_told_with_the_command_that_closes_it)
{
    target.identity = "/home/me/key";
    EXPLAIN("@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@\r\n"
            "@         WARNING: UNPROTECTED PRIVATE KEY FILE!          @\r\n"
            "@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@\r\n"
            "Permissions 0644 for '/home/me/key' are too open.\r\n"
            "It is required that your private key files are NOT accessible by others.\r\n"
            "This private key will be ignored.\r\n"
            "Load key \"/home/me/key\": bad permissions\r\n"
            "me@web1: Permission denied (publickey).\r\n",
            "/home/me/key is readable by others: chmod 400 /home/me/key");
}

TEST(everything_else_is_told_in_the_words_of_ssh)
{
    EXPLAIN("ssh: connect to host 127.0.0.1 port 1: Connection refused\r\n",
            "ssh: connect to host 127.0.0.1 port 1: Connection refused");
    EXPLAIN("ssh: Could not resolve hostname no-such-host.invalid: Name or service not "
            "known\r\n",
            "ssh: Could not resolve hostname no-such-host.invalid: Name or service not known");
    EXPLAIN("Warning: Permanently added 'web1' (ED25519) to the list of known hosts.\r\n"
            "Welcome to web1\n\n"
            "kex_exchange_identification: Connection closed by remote host\r\n"
            "Connection closed by 127.0.0.1 port 22\r\n",
            "Connection closed by 127.0.0.1 port 22");
    EXPLAIN("Timeout, server web1 not responding.\r\n", "Timeout, server web1 not responding.");
}

TEST(a_connection_that_breaks_is_told_in_other_words_than_those_of_ssh)
{
    EXPLAIN("client_loop: send disconnect: Broken pipe\r\n", "the connection broke");
    EXPLAIN("Read error from remote host web1 port 22: Connection reset by peer\r\n"
            "client_loop: send disconnect: Broken pipe\r\n",
            "the connection broke");
}

/* ---- ugly words */

TEST(a_complaint_is_found_among_other_lines_whatever_follows)
{
    EXPLAIN("Welcome!\nme@web1: Permission denied (publickey).\r\nConnection closed.\r\n",
            "permission denied (publickey); try: ssh web1");
    EXPLAIN("bash: /opt/x: Permission denied\n", "bash: /opt/x: Permission denied");
}

TEST(methods_without_an_end_and_without_number_are_cut)
{
    char text[2000];
    EXPLAIN("Permission denied (publickey", "permission denied (publickey); try: ssh web1");
    EXPLAIN("Permission denied (",
            "it asks for a password, and nobody can type one here; give it your key: "
            "ssh-copy-id web1");
    snprintf(text, sizeof text, "Permission denied (publickey");
    memset(text + strlen(text), ',', sizeof text - strlen(text) - 1);
    text[sizeof text - 1] = 0;
    assert_true(strlen(explained(text)) < 200);
}

TEST(of_a_very_long_complaint_300_bytes_are_told)
{
    char text[5000];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = 0;
    assert_int_equal(strlen(explained(text)), 300);
}

TEST(percent_signs_are_letters)
{
    EXPLAIN("%s%n%d\n", "%s%n%d");
    target.host = "fe80::1%s%n";
    EXPLAIN("Permission denied (publickey%s).", "permission denied (publickey%s); try: ssh "
                                                "fe80::1%s%n");
}

#define EACH(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        EACH(a_host_that_ssh_would_take_for_an_option_or_that_is_none_is_refused),
        EACH(a_very_long_name_that_is_none_is_cut_where_it_is_told),
        EACH(a_command_with_too_many_words_is_refused_and_nothing_is_cut),
        EACH(the_host_and_the_remote_command_come_last_behind_the_end_of_options),
        EACH(nothing_is_asked_forwarded_or_shared_and_a_dead_peer_is_noticed),
        EACH(what_was_wished_stands_before_the_host),
        EACH(a_command_may_have_options_of_its_own_which_come_first),
        EACH(hosts_of_every_kind_are_given_as_they_are),
        EACH(where_nothing_was_written_there_is_no_last_line),
        EACH(the_last_line_is_the_last_one_with_anything_in_it),
        EACH(of_a_very_long_last_line_300_bytes_count),
        EACH(without_words_the_ending_is_told),
        EACH(a_key_that_is_not_welcome_is_told_with_the_command_to_try),
        EACH(a_host_that_asks_for_a_password_is_told_how_to_get_a_key),
        EACH(a_key_that_was_named_and_is_not_welcome_is_told_though_a_password_would_do),
        EACH(a_host_key_that_is_not_known_is_told_with_the_command_that_shows_it),
        EACH(a_host_key_that_has_changed_is_told_with_the_command_that_forgets_it),
        EACH(a_key_that_others_may_read_is_told_with_the_command_that_closes_it),
        EACH(everything_else_is_told_in_the_words_of_ssh),
        EACH(a_connection_that_breaks_is_told_in_other_words_than_those_of_ssh),
        EACH(a_complaint_is_found_among_other_lines_whatever_follows),
        EACH(methods_without_an_end_and_without_number_are_cut),
        EACH(of_a_very_long_complaint_300_bytes_are_told),
        EACH(percent_signs_are_letters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
