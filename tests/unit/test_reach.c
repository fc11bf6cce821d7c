/* Unit test of repl/reach: links to a cluster on another machine whose tutti-ssh is a script
 * that notes how it was started and tells what the test wants; a client that works through one
 * (the fake controller stands at its other end); and commands that run there.
 */
#include "prompt.h"

#include "reach.h"

#include <errno.h>

static reach_t *reach;
static tt_rundir_t dir; /* of the cluster there */
static tt_client_t *client;
static char gone[600]; /* what the client was told of its end */
static int says = -1;  /* what is written there tutti-ssh tells */

/* Where $door is, that stands at the socket it is to make. */
static const char script[] =
    "#!/bin/sh\n"
    "cd '%s' || exit\n"
    "{ echo $$; printf '%%s|' \"$@\"; } >started\n"
    "while [ \"$1\" != -- ]; do [ \"$1\" = --listen ] && socket=$2; shift; done\n"
    "[ -e door ] && ln -s \"$(cat door)\" \"$socket\"\n"
    "exec cat says >&3 3>&-\n";

static int begin(void **unused)
{
    tt_buf_t text;
    (void)unused;
    memset(&dir, 0, sizeof dir);
    gone[0] = 0;
    unsetenv("TUTTI_SSH");
    if (scratch_begin() != 0)
        return -1;
    tt_buf_init(&text);
    tt_buf_printf(&text, script, scratch_dir);
    scratch_write("tutti-ssh", tt_buf_text(&text), 0700);
    tt_buf_release(&text);
    setenv("TUTTI_LIBEXEC_DIR", scratch_dir, 1);
    if (mkfifo(scratch_path("says"), 0600) != 0)
        return -1;
    says = open(scratch_path("says"), O_RDWR | O_CLOEXEC);
    loop = tt_loop_new();
    return fake_start(&fake, loop);
}

static int end(void **unused)
{
    (void)unused;
    tt_client_close(&client);
    reach_close(&reach);
    if (says >= 0)
        close(says);
    says = -1;
    fake_stop(&fake);
    tt_loop_destroy(&loop);
    unsetenv("TUTTI_LIBEXEC_DIR");
    return scratch_end();
}

static void tell(const char *lines)
{
    assert_int_equal(write(says, lines, strlen(lines)), (ssize_t)strlen(lines));
}

/* What was told is read, and then tutti-ssh ends. */
static void end_words(void)
{
    close(says);
    says = -1;
}

static int open_to(const reach_target_t *target)
{
    reach = reach_open(loop, target, "test", &dir, &err);
    return reach ? 0 : -1;
}

static int open_reach(const char *host)
{
    const reach_target_t target = {.host = host};
    return open_to(&target);
}

/* The pid of tutti-ssh and what it was started with. */
static int started(char *arguments, size_t size)
{
    int pid = 0;
    FILE *in = fopen(scratch_path("started"), "re");
    assert_non_null(in);
    assert_int_equal(fscanf(in, "%d ", &pid), 1);
    assert_non_null(fgets(arguments, (int)size, in));
    fclose(in);
    return pid;
}

/* Neither the directory of the socket nor the process. */
static void assert_nothing_left(void)
{
    char path[TT_SOCKET_MAX], arguments[2048];
    snprintf(path, sizeof path, "%s", dir.client_sock);
    assert_memory_equal(path, "/tmp/tutti-reach-", 17);
    *strrchr(path, '/') = 0;
    assert_int_equal(access(path, F_OK), -1);
    if (access(scratch_path("started"), F_OK) == 0)
        assert_int_equal(kill(started(arguments, sizeof arguments), 0), -1);
}

/* ---- a link that is not made */

TEST(what_names_no_one_machine_or_no_cluster_is_refused)
{
    static const struct {
        const char *host, *why;
    } rows[] = {{"web[1-2]", "'web[1-2]' names 2 hosts, and one is needed"},
                {"-v", "'-v' is not [USER@]HOST[:PORT]"},
                {"web1:0", "'web1:0' is not [USER@]HOST[:PORT]"}};
    int before = open_fds();
    const reach_target_t target = {.host = "web1", .identity = scratch_path("key")};
    errno = 0;
    assert_null(reach_open(loop, &target, "no/name", &dir, &err));
    assert_says(&err, "cannot name a cluster");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(open_reach(rows[i].host), -1);
        assert_string_equal(err.text, rows[i].why);
        assert_nothing_left();
    }
    assert_int_equal(open_to(&target), -1);
    assert_says(&err, "cannot read the key");
    assert_nothing_left();
    assert_int_equal(open_fds(), before);
    assert_int_equal(access(scratch_path("started"), F_OK), -1);
}

TEST(a_link_that_fails_is_told_with_the_reason)
{
    int before = open_fds();
    tell("sending 4200000\nfailed permission denied (publickey)\n");
    assert_int_equal(open_reach("me@web1"), -1);
    assert_string_equal(err.text, "cannot reach 'me@web1': permission denied (publickey)");
    assert_nothing_left();
    assert_int_equal(open_fds(), before);
    tell("failed no cluster 'test' is running there\n");
    assert_int_equal(open_reach("me@web1"), -1);
    assert_string_equal(err.text, "cannot reach 'me@web1': no cluster 'test' is running there; "
                                  "tutti start --on me@web1 makes one");
    assert_nothing_left();
    tell("ended nobody came\n");
    assert_int_equal(open_reach("web1"), -1);
    assert_string_equal(err.text, "cannot reach 'web1': nobody came");
    assert_nothing_left();
}

TEST(a_tutti_ssh_that_ends_without_a_word_is_no_answer)
{
    int before = open_fds();
    scratch_write("tutti-ssh", "#!/bin/sh\nprintf 'fail' >&3\n", 0700);
    assert_int_equal(open_reach("web1"), -1);
    assert_string_equal(err.text, "cannot reach 'web1': no answer");
    assert_nothing_left();
    setenv("TUTTI_LIBEXEC_DIR", "/nonexistent", 1);
    assert_int_equal(open_reach("web1"), -1);
    assert_string_equal(err.text, "cannot reach 'web1': no answer");
    assert_nothing_left();
    assert_int_equal(open_fds(), before);
}

TEST(a_far_end_that_does_not_say_who_it_is_is_none)
{
    tell("up 4711\n");
    assert_int_equal(open_reach("web1"), -1);
    assert_string_equal(err.text, "cannot reach 'web1': 4711");
    assert_nothing_left();
}

/* ---- a link */

TEST(tutti_ssh_is_told_where_and_what)
{
    char want[1024], arguments[2048];
    scratch_write("a key", "secret", 0400);
    setenv("TUTTI_SSH", "ssh -v", 1);
    tell("up 4711 there\n");
    char *key = scratch_path("a key");
    const reach_target_t target = {.host = "me@web1:2222", .identity = key, .jump = "gate"};
    assert_int_equal(open_to(&target), 0);
    started(arguments, sizeof arguments);
    snprintf(want, sizeof want,
             "--ssh|ssh -v|--port|2222|--identity|%s|--jump|gate|--listen|%s|--status-fd|3|--|"
             "me@web1|bin/tutti|pipe|--name|test|",
             key, dir.client_sock);
    assert_string_equal(arguments, want);
}

TEST(a_cluster_that_is_reached_has_a_socket_here_and_our_own_directories)
{
    tt_rundir_t ours;
    tell("sending 4200000\nsetup 5\nup 4711 0b-00-7\n");
    assert_int_equal(open_reach("web1"), 0);
    assert_int_equal(tt_rundir_open("test", &ours, &err), 0);
    assert_string_equal(dir.name, "test");
    assert_string_equal(dir.state_dir, ours.state_dir);
    assert_string_not_equal(dir.client_sock, ours.client_sock);
    assert_int_equal(dir.far_pid, 4711);
    assert_string_equal(dir.far_boot, "0b-00-7");
    reach_close(&reach);
    assert_null(reach);
    assert_nothing_left();
    reach_close(&reach);
}

TEST(a_cluster_there_needs_none_here)
{
    tell("up 4711 there\n");
    const reach_target_t target = {.host = "web1"};
    reach = reach_open(loop, &target, "other", &dir, &err);
    assert_non_null(reach);
    assert_string_equal(dir.name, "other");
}

/* ---- a client on it */

static void on_gone(void *arg, const char *why)
{
    (void)arg;
    snprintf(gone, sizeof gone, "%s", why);
}

static void open_client(void)
{
    static const tt_client_handlers_t handlers = {.gone = on_gone};
    scratch_write("door", fake.dir.client_sock, 0600);
    tell("up 4711 there\n");
    assert_int_equal(open_reach("me@web1"), 0);
    client = tt_client_open(loop, &dir, "tests", &handlers, NULL, 10000, &err);
    if (client == NULL)
        fail_msg("%s", err.text);
    assert_int_equal(unlink(dir.client_sock), 0); /* as tutti-ssh, which lets one in */
    reach_watch(reach, client);
}

TEST(a_client_there_names_the_process_that_stands_for_it)
{
    open_client();
    letter_t *letter = fake_await(&fake, TT_MSG_HELLO);
    const tt_msg_hello_t *hello = &letter->message.as.hello;
    assert_int_equal(hello->watch_pid, 4711);
    assert_int_equal(hello->boot.len, 5);
    assert_memory_equal(hello->boot.data, "there", 5);
    letter_free(letter);
    *strrchr(dir.client_sock, '/') = 0;
    assert_int_equal(access(dir.client_sock, F_OK), -1); /* though the link is there */
    strcat(dir.client_sock, "/s");
    tt_client_close(&client);
    letter_free(fake_await(&fake, TT_MSG_BYE));
    reach_close(&reach);
    assert_nothing_left();
}

TEST(a_client_is_told_when_its_link_ends_and_why)
{
    open_client();
    tell("ended no answer for 15 s\n");
    end_words();
    assert_comes(loop, gone[0] != 0);
    assert_string_equal(gone, "the link to 'me@web1' ended: no answer for 15 s");
    assert_false(tt_client_alive(client));
    tt_client_close(&client);
    reach_close(&reach);
    assert_nothing_left();
}

TEST(a_link_that_we_end_is_not_told_of)
{
    open_client();
    tt_client_close(&client);
    reach_close(&reach);
    assert_string_equal(gone, "");
    assert_nothing_left();
}

/* ---- a command there */

static const char printing[] = "#!/bin/sh\nprintf '%s|' \"$@\"\necho wrong >&2\nexit 7\n";

/* Becomes it in a child: what it wrote to both (or the reason), and its exit status. */
static int exec_there(const reach_target_t *target, const char *const *args, char *text,
                      size_t size)
{
    int out[2], status = -1;
    size_t len = 0;
    assert_int_equal(pipe2(out, O_CLOEXEC), 0);
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        dup2(out[1], 1);
        dup2(out[1], 2);
        if (reach_exec(target, args, &err) == -1)
            dprintf(1, "%s", err.text);
        _exit(99);
    }
    close(out[1]);
    for (ssize_t got; (got = read(out[0], text + len, size - 1 - len)) > 0;)
        len += (size_t)got;
    text[len] = 0;
    close(out[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(a_command_that_cannot_begin_there_is_told)
{
    static const char *const args[] = {"status", NULL};
    static const char *many[1000];
    char text[1024], want[128];
    reach_target_t target = {.host = "web[1-3]"};
    assert_int_equal(exec_there(&target, args, text, sizeof text), 99);
    assert_string_equal(text, "'web[1-3]' names 3 hosts, and one is needed");
    target.host = "web1";
    target.setup = scratch_path("setup.sh");
    assert_int_equal(exec_there(&target, args, text, sizeof text), 99);
    assert_part(text, "cannot read the set-up script '");
    target.setup = NULL;
    for (size_t i = 0; i < 999; i++)
        many[i] = "x";
    assert_int_equal(exec_there(&target, many, text, sizeof text), 99);
    assert_string_equal(text, "too many arguments");
    setenv("TUTTI_LIBEXEC_DIR", scratch_path("none"), 1);
    snprintf(want, sizeof want, "cannot run '%s/tutti-ssh': No such file or directory",
             scratch_path("none"));
    assert_int_equal(exec_there(&target, args, text, sizeof text), 99);
    assert_string_equal(text, want);
}

TEST(a_command_runs_there_with_its_words_as_they_are_and_our_own_output)
{
    static const char *const args[] = {"px", "-t", "all", "print( 'a b' )\n", "", "--", NULL};
    char text[1024];
    const reach_target_t target = {.host = "me@[::1]:22", .jump = "gate"};
    scratch_write("tutti-ssh", printing, 0700);
    assert_int_equal(exec_there(&target, args, text, sizeof text), 7);
    assert_string_equal(text, "--port|22|--jump|gate|--|me@::1|bin/tutti|px|-t|all|"
                              "print( 'a b' )\n||--|wrong\n");
}

TEST(a_set_up_script_for_a_command_there_is_a_descriptor_and_a_name)
{
    static const char *const args[] = {"start", NULL};
    char text[1024], want[256];
    scratch_write("setup.sh", "module load python\n", 0644);
    scratch_write("tutti-ssh",
                  "#!/bin/sh\nshift; cat /proc/$$/fd/$1; shift; printf '%s|' \"$@\"\n", 0700);
    const reach_target_t target = {.host = "web1", .setup = scratch_path("setup.sh")};
    assert_int_equal(exec_there(&target, args, text, sizeof text), 0);
    snprintf(want, sizeof want, "module load python\n--setup-name|%s|--|web1|bin/tutti|start|",
             target.setup);
    assert_string_equal(text, want);
}

TEST(a_command_there_may_have_many_words)
{
    static const char *args[225];
    char text[4096];
    const reach_target_t target = {.host = "web1"};
    scratch_write("tutti-ssh", printing, 0700);
    for (size_t i = 0; i < 224; i++)
        args[i] = "word";
    assert_int_equal(exec_there(&target, args, text, sizeof text), 7);
    assert_int_equal(strlen(text), strlen("--|web1|bin/tutti|") + 224 * 5 + strlen("wrong\n"));
}

#define ON(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    alarm(60);
    const struct CMUnitTest tests[] = {
        ON(what_names_no_one_machine_or_no_cluster_is_refused),
        ON(a_link_that_fails_is_told_with_the_reason),
        ON(a_tutti_ssh_that_ends_without_a_word_is_no_answer),
        ON(a_far_end_that_does_not_say_who_it_is_is_none),
        ON(tutti_ssh_is_told_where_and_what),
        ON(a_cluster_that_is_reached_has_a_socket_here_and_our_own_directories),
        ON(a_cluster_there_needs_none_here),
        ON(a_client_there_names_the_process_that_stands_for_it),
        ON(a_client_is_told_when_its_link_ends_and_why),
        ON(a_link_that_we_end_is_not_told_of),
        ON(a_command_that_cannot_begin_there_is_told),
        ON(a_command_runs_there_with_its_words_as_they_are_and_our_own_output),
        ON(a_set_up_script_for_a_command_there_is_a_descriptor_and_a_name),
        ON(a_command_there_may_have_many_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
