/* Unit test of link/near, through its program. The ssh is a script that runs the remote command
 * here, in a home of its own; the bundle is a small one, made for each test, whose programs are
 * scripts as well. */
#include "scratch.h"

#include "child.h"
#include "near.h"

#include <fcntl.h>
#include <fnmatch.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

enum { DEADLINE_MS = 20000 };

/* Options, as a shell reads them; "s" and "setup" lie in the private directory. */
#define TO      "--status-fd 3 --to s -- far libexec/tutti/tutti-engine"
#define LISTEN  "--status-fd 3 --listen s -- far libexec/tutti/tutti-engine"
#define SETUP   "--setup-fd 4 4<setup "
#define COMMAND "-- far bin/tutti"

#define SH "#!/bin/sh\n"
/* What an engine host's socket sends first: 64 bytes, and its READY. */
#define GREET_HEAD                                                                             \
    "printf '\\377\\0\\0\\0\\0\\0\\0\\0\\1\\177\\3\\0NULL'\nhead -c 48 /dev/zero\n"
#define GREET GREET_HEAD "printf '\\4\\6\\5READY'\n"
enum { GREET_LEN = 72 };
/* A far program that is up, and gives back what it gets. */
#define GO     "echo =go 3\n" GREET "exec cat\n"
#define CLOSED "echo 'Connection closed.' >&2; exit 255"

static pid_t near; /* tutti-ssh; 0 */
static int status_fd, door, link_fd;
static int sent; /* how often was told that tutti is sent */

/* ---- files and commands */

/* A formatted text; eight are kept. */
static const char *fmt(const char *format, ...) __attribute__((format(printf, 1, 2)));
static const char *fmt(const char *format, ...)
{
    static char text[8][4096];
    static int turn;
    va_list args;
    turn = (turn + 1) % 8;
    va_start(args, format);
    vsnprintf(text[turn], sizeof text[0], format, args);
    va_end(args);
    return text[turn];
}

/* A shell's command in the private directory, which must succeed. */
static void run(const char *command)
{
    if (system(fmt("cd %s && %s", scratch_dir, command)) != 0)
        fail_msg("failed: %s", command);
}

/* The contents of a file, which may be missing. Borrowed until the next call. */
static const char *text_of(const char *path)
{
    static char text[128 << 10];
    FILE *in = fopen(*path == '/' ? path : scratch_path(path), "re");
    size_t len = in ? fread(text, 1, sizeof text - 1, in) : 0;
    text[len] = 0;
    if (in)
        fclose(in);
    return text;
}

#define exists(name) (access(scratch_path(name), F_OK) == 0)

/* The bundle whose programs are all this script. */
static void make_bundle(const char *program)
{
    scratch_write("tree/libexec/tutti/tutti-engine", program, 0755);
    scratch_write("tree/bin/tutti", program, 0755);
    run("tar -C tree -cf - . | gzip -n >lib/bundle.tar.gz");
    run("sha256sum <lib/bundle.tar.gz | cut -c1-64 >lib/bundle.sha256");
}

/* The ssh: does `before`, then what it was asked for. */
static void make_ssh(const char *before)
{
    static const char text[] =
        SH "cd %s\necho $$ >ssh.pid\nfor remote; do :; done\n%s\ncd home\n"
           "exec /bin/sh -c \"$remote\"\n";
    scratch_write("ssh", fmt(text, scratch_dir, before), 0755);
}

/* ---- waiting */

#define assert_becomes(condition)                                                              \
    do {                                                                                       \
        int64_t until_ = tt_now_ms() + DEADLINE_MS;                                            \
        while (!(condition) && tt_now_ms() < until_)                                           \
            usleep(2000);                                                                      \
        assert_true(condition);                                                                \
    } while (0)

/* Whether something can be read, or the other end has closed. */
static bool comes(int fd)
{
    struct pollfd wait = {fd, POLLIN, 0};
    return poll(&wait, 1, DEADLINE_MS) == 1;
}

/* Whether ssh runs; one that only waits for its parent does not. */
static bool ssh_lives(void)
{
    int pid = atoi(text_of("ssh.pid"));
    const char *state = strrchr(text_of(fmt("/proc/%d/stat", pid)), ')');
    return pid > 0 && state && state[2] != 'Z' && state[2] != 'X';
}

/* The exit status of tutti-ssh, which must end now; its ssh with it. */
static int ended(void)
{
    int status, fd = tt_pidfd_open(near);
    assert_true(fd >= 0 && comes(fd));
    close(fd);
    assert_int_equal(waitpid(near, &status, 0), near);
    near = 0;
    assert_becomes(!ssh_lives());
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

/* ---- tutti-ssh, and what it tells */

/* `args` come behind the options (NULL: none). */
static void start_with(const char *options, const char *const *args)
{
    tt_error_t err;
    int status[2];
    const char *command = fmt("cd %s; exec >>stdout 2>>stderr '%s' --ssh %s/ssh %s \"$@\"",
                              scratch_dir, build_path("link/tutti-ssh"), scratch_dir, options);
    const char *argv[64] = {"/bin/sh", "-c", command, "sh"};
    for (size_t i = 0; args && args[i]; i++)
        argv[4 + i] = args[i];
    assert_int_equal(pipe2(status, O_CLOEXEC), 0);
    tt_child_t child = {.argv = argv, .fd = {-1, -1, -1, status[1], -1}, .dies_with_us = true};
    near = tt_child_spawn(&child, &err);
    close(status[1]);
    close(status_fd);
    status_fd = status[0];
    assert_true(near > 0);
}

#define start(options) start_with(options, NULL)

static const char *next_line(void)
{
    static char line[2048];
    size_t len = 0;
    for (; len < sizeof line - 1; len++) {
        if (!comes(status_fd))
            fail_msg("nothing is told");
        if (read(status_fd, line + len, 1) != 1 || line[len] == '\n')
            break;
    }
    line[len] = 0;
    return line;
}

/* The next line but for those of steps on the way; "" when there are no more. */
static const char *told(void)
{
    for (;;) {
        const char *line = next_line();
        if (strncmp(line, "sending ", 8) == 0)
            sent++;
        else if (strncmp(line, "script ", 7) != 0 && strncmp(line, "setup ", 6) != 0)
            return line;
    }
}

/* It gets to no link; the reason is a pattern. */
static void assert_fails(const char *options, const char *reason)
{
    start(options);
    const char *line = told();
    if (fnmatch(reason, line, 0) != 0)
        fail_msg("told was \"%s\" and not \"%s\"", line, reason);
    assert_string_equal(told(), "");
    assert_int_equal(ended(), NEAR_NOT_REACHED);
}

/* ---- the link */

/* A socket that listens there, or is connected to what does; -1. */
static int socket_at(const char *name, bool listens)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s/%s", scratch_dir, name);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int (*join)(int, const struct sockaddr *, socklen_t) = listens ? bind : connect;
    if (join(fd, (struct sockaddr *)&address, sizeof address) == 0 &&
        (!listens || listen(fd, 1) == 0))
        return fd;
    close(fd);
    return -1;
}

static size_t hear(uint8_t *block, size_t len);

static void hear_greeting(void)
{
    uint8_t greeting[GREET_LEN];
    assert_int_equal(hear(greeting, sizeof greeting), sizeof greeting);
    assert_memory_equal(greeting + sizeof greeting - 5, "READY", 5);
}

/* The link is up by --to, and we are at its near end. */
static void reach(const char *options)
{
    if (door < 0)
        door = socket_at("s", true);
    start(options);
    assert_string_equal(told(), "up 3");
    assert_true(comes(door));
    link_fd = accept4(door, NULL, NULL, SOCK_CLOEXEC);
    assert_true(link_fd >= 0);
}

static void link_to(const char *options)
{
    reach(options);
    hear_greeting();
}

/* The same by --listen; nobody has come yet. */
static void listen_up(const char *options)
{
    start(options);
    assert_string_equal(told(), "up 3");
    assert_true(exists("s"));
}

/* We leave, and so everything ends. */
static void leave(void)
{
    close(link_fd);
    link_fd = -1;
    assert_int_equal(ended(), 0);
}

/* The next `len` bytes, fewer when the link ends. */
static size_t hear(uint8_t *block, size_t len)
{
    size_t at = 0;
    for (ssize_t got = 1; at < len && got > 0; at += got > 0 ? (size_t)got : 0) {
        assert_true(comes(link_fd));
        got = recv(link_fd, block + at, len - at, 0);
    }
    return at;
}

static void assert_heard(const char *text)
{
    char block[256] = "";
    hear((uint8_t *)block, strlen(text));
    assert_string_equal(block, text);
}

/* Sends blocks of 20000 bytes, and has each given back. */
static void exchange(int blocks)
{
    uint8_t block[20000], back[sizeof block];
    for (uint32_t at = 0; blocks > 0; blocks--) {
        for (size_t i = 0; i < sizeof block; i++)
            block[i] = (uint8_t)(at++ * 2654435761u >> 24);
        assert_int_equal(send(link_fd, block, sizeof block, MSG_NOSIGNAL), sizeof block);
        assert_int_equal(hear(back, sizeof back), sizeof back);
        assert_memory_equal(block, back, sizeof block);
    }
}

#define assert_link_ended() assert_int_equal(hear((uint8_t[1]){0}, 1), 0)

static int begin(void **unused)
{
    (void)unused;
    near = sent = 0;
    status_fd = door = link_fd = -1;
    if (scratch_begin() != 0)
        return -1;
    setenv("HOME", scratch_path("home"), 1);
    setenv("TMPDIR", scratch_path("tmp"), 1);
    setenv("TUTTI_LIB_DIR", scratch_path("lib"), 1);
    unsetenv("XDG_CACHE_HOME");
    run("mkdir -p home tmp lib bin tree/bin tree/lib/tutti tree/libexec/tutti && "
        "uname -sm >tree/machine && cp tree/machine lib/bundle.machine");
    make_bundle(SH GO);
    make_ssh("");
    return 0;
}

static int end(void **unused)
{
    (void)unused;
    if (near > 0) {
        kill(near, SIGKILL); /* and ssh dies with it */
        waitpid(near, NULL, 0);
    }
    close(status_fd); /* or it is -1 */
    close(door);
    close(link_fd);
    assert_becomes(!ssh_lives());
    return scratch_end();
}

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

/* ---- the link */

TEST(bytes_go_both_ways_as_they_are_and_the_far_log_comes_out_of_our_stderr)
{
    make_bundle(SH "echo 'tutti-engine[1] info: here' >&2\n" GO);
    link_to(TO);
    exchange(100);
    assert_becomes(strcmp(text_of("stderr"), "tutti-engine[1] info: here\n") == 0);
    leave();
}

#define HELLO SH "printf '=gone 9\\n=go 3\\n'\n" GREET "printf 'hello\\n=go 4\\n'\nexec cat\n"

TEST(what_the_far_program_says_at_once_is_not_lost)
{
    make_bundle(HELLO);
    link_to(TO);
    assert_heard("hello\n=go 4\n");
    exchange(1);
    leave();
}

TEST(whoever_comes_to_the_socket_first_has_the_link_and_nobody_else)
{
    make_bundle(HELLO);
    listen_up(LISTEN);
    link_fd = socket_at("s", false);
    hear_greeting();
    assert_heard("hello\n=go 4\n");
    exchange(5);
    assert_false(exists("s"));
    assert_int_equal(socket_at("s", false), -1);
    leave();
}

TEST(a_slow_ssh_that_carries_byte_by_byte_will_do)
{
    scratch_write("setup", "true", 0600);
    make_ssh("cd home; sleep 0.1; dd bs=1000 2>/dev/null | /bin/sh -c \"$remote\" | "
             "dd bs=1 2>/dev/null; exit");
    link_to(SETUP TO);
    exchange(2);
    leave();
}

TEST(a_link_stays_and_ends_though_nobody_hears_what_is_told)
{
    link_to(TO);
    close(status_fd);
    status_fd = -1;
    exchange(1);
    run("kill -9 $(cat ssh.pid)");
    assert_int_equal(ended(), 0);
}

TEST(what_does_not_greet_as_a_host_does_is_cut_off)
{
    static const char *const begins[] = {
        "echo hello; exec sleep 1000",
        "sleep 0.2; printf '\\1\\0'; exec sleep 1000", /* as in version 1 */
        GREET_HEAD "printf '\\4\\24\\5READY\\10Identity\\0\\0\\0\\1x'; exec cat",
    };
    for (size_t i = 0; i < sizeof begins / sizeof *begins; i++) {
        char heard[GREET_LEN + 64];
        make_bundle(fmt(SH "echo =go 3\n%s\n", begins[i]));
        reach(TO);
        assert_string_equal(told(),
                            "ended cut off: what answers there is no engine host of tutti's");
        size_t got = hear((uint8_t *)heard, sizeof heard);
        assert_null(memmem(heard, got, "Identity", 8));
        assert_int_equal(ended(), 0);
        close(link_fd);
        link_fd = -1;
        assert_becomes(!ssh_lives());
    }
}

/* ---- its end */

/* The far program ends by this line when something comes. */
static void assert_ends(const char *line, const char *reason)
{
    make_bundle(fmt(SH "echo =go 3\n%sread x\n%s\n", GREET, line));
    link_to(TO);
    assert_int_equal(send(link_fd, "\n", 1, MSG_NOSIGNAL), 1);
    assert_link_ended();
    assert_string_equal(told(), reason);
    assert_string_equal(told(), "");
    assert_int_equal(ended(), 0);
    close(link_fd);
    link_fd = -1;
}

TEST(how_the_far_program_or_ssh_ended_is_told_and_the_far_log_is_no_reason)
{
    assert_ends("exit 137", "ended its engine host was killed by SIGKILL");
    assert_ends("exit 3", "ended its engine host exited with status 3");
    assert_ends("kill -9 $$", "ended ssh was killed by SIGKILL");
#define LOG "echo '2026-01-01T00:00:00.000 tutti-engine[7] info: bye' >&2; "
    assert_ends("echo 'Timeout, far not responding.' >&2; exit 255",
                "ended Timeout, far not responding.");
    assert_ends("echo 'Reset.' >&2; " LOG "exit 255", "ended Reset.");
    assert_ends(LOG "exit 255", "ended what ran there was killed");
}

TEST(an_ssh_that_is_killed_ends_the_link_and_leaves_nothing)
{
    link_to(TO);
    exchange(1);
    run("kill -9 $(cat ssh.pid); rm s");
    assert_string_equal(told(), "ended ssh was killed by SIGKILL");
    assert_link_ended();
    assert_int_equal(ended(), 0);
    listen_up(LISTEN); /* and nobody has come */
    run("kill -9 $(cat ssh.pid)");
    assert_string_equal(told(), "ended ssh was killed by SIGKILL");
    assert_int_equal(ended(), 0);
    assert_false(exists("s"));
}

TEST(signals_end_the_link_and_its_ssh)
{
    static const int signals[] = {SIGTERM, SIGINT, SIGHUP};
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
        listen_up(LISTEN);
        kill(near, signals[i]);
        assert_int_equal(ended(), 0);
        assert_false(exists("s"));
    }
    make_bundle(SH "trap '' TERM\necho =go 3\nexec sleep 1000\n"); /* does not obey */
    listen_up(LISTEN);
    kill(near, SIGTERM);
    assert_int_equal(ended(), 0);
    listen_up(LISTEN);
    kill(near, SIGKILL); /* and nobody is left to end it */
    assert_int_equal(waitpid(near, NULL, 0), near);
    near = 0;
    assert_becomes(!ssh_lives());
}

TEST(a_signal_ends_what_is_still_being_made_and_a_command)
{
    make_ssh("echo >here; exec cat >/dev/null");
    start(TO);
    assert_becomes(exists("here"));
    kill(near, SIGTERM);
    ended();
    make_bundle(SH "echo here\nexec sleep 1000\n");
    make_ssh("");
    start(COMMAND);
    assert_becomes(strcmp(text_of("stdout"), "here\n") == 0);
    kill(near, SIGTERM);
    ended();
}

/* ---- without a socket: a command there */

TEST(a_command_there_has_its_arguments_our_stdout_and_stderr_and_we_its_status)
{
    make_bundle(SH "printf 'one\\n=fail two\\nno end'\necho oops >&2\n"
                   "head -c 1000000 /dev/zero\nexit 7\n");
    make_ssh("echo noise; echo banner >&2");
    start(COMMAND);
    assert_int_equal(ended(), 7);
    run("{ printf 'one\\n=fail two\\nno end'; head -c 1000000 /dev/zero; } | cmp - stdout");
    assert_string_equal(text_of("stderr"), "oops\n");
    run("rm stdout stderr");
    make_bundle(SH "printf '%s|' \"$@\"\n");
    start(COMMAND " status --name \"it's \\$HOME\"");
    assert_int_equal(ended(), 0);
    assert_string_equal(text_of("stdout"), "status|--name|it's $HOME|");
    assert_string_equal(text_of("stderr"), "");
}

/* tutti-ssh sleeps meanwhile, so that everything waits for it at once. */
TEST(the_last_bytes_of_a_command_come_though_it_has_ended_already)
{
    make_bundle(SH "echo here\nuntil test -e $HOME/now; do sleep 0.02; done\n"
                   "head -c 150000 /dev/zero\nexit 7\n");
    start(COMMAND);
    assert_becomes(strcmp(text_of("stdout"), "here\n") == 0);
    kill(near, SIGSTOP);
    run("touch home/now");
    assert_becomes(!ssh_lives());
    kill(near, SIGCONT);
    assert_int_equal(ended(), 7);
    run("{ echo here; head -c 150000 /dev/zero; } | cmp - stdout");
}

TEST(the_directory_of_a_session_is_kept_from_commands_alone)
{
    make_bundle(SH "echo ${XDG_RUNTIME_DIR-none}\n");
    make_ssh("XDG_RUNTIME_DIR=/run/user/7; export XDG_RUNTIME_DIR");
    start(COMMAND);
    assert_int_equal(ended(), 0);
    start("-- far libexec/tutti/tutti-engine");
    assert_int_equal(ended(), 0);
    assert_string_equal(text_of("stdout"), "none\n/run/user/7\n");
}

TEST(a_command_that_cannot_be_run_there_is_told_on_stderr)
{
    start("-- far bin/nothing");
    assert_int_equal(ended(), 127);
    assert_non_null(strstr(text_of("stderr"), "bin/nothing"));
    run("rm stderr");
    make_ssh(CLOSED);
    start(COMMAND);
    assert_int_equal(ended(), NEAR_NOT_REACHED);
    assert_string_equal(text_of("stdout"), "");
    assert_string_equal(text_of("stderr"), "tutti: cannot reach 'far': Connection closed.\n");
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
        EACH(bytes_go_both_ways_as_they_are_and_the_far_log_comes_out_of_our_stderr),
        EACH(what_the_far_program_says_at_once_is_not_lost),
        EACH(whoever_comes_to_the_socket_first_has_the_link_and_nobody_else),
        EACH(a_slow_ssh_that_carries_byte_by_byte_will_do),
        EACH(a_link_stays_and_ends_though_nobody_hears_what_is_told),
        EACH(what_does_not_greet_as_a_host_does_is_cut_off),
        EACH(how_the_far_program_or_ssh_ended_is_told_and_the_far_log_is_no_reason),
        EACH(an_ssh_that_is_killed_ends_the_link_and_leaves_nothing),
        EACH(signals_end_the_link_and_its_ssh),
        EACH(a_signal_ends_what_is_still_being_made_and_a_command),
        EACH(a_command_there_has_its_arguments_our_stdout_and_stderr_and_we_its_status),
        EACH(the_last_bytes_of_a_command_come_though_it_has_ended_already),
        EACH(the_directory_of_a_session_is_kept_from_commands_alone),
        EACH(a_command_that_cannot_be_run_there_is_told_on_stderr),
    };
    alarm(150);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
