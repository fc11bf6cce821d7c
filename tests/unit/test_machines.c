/* Unit test of repl/machines: what a person may say of machines, files of them, what can be
 * checked here; and adding them to a cluster (the fake controller), whose machines come, fail
 * or are late.
 */
#include "prompt.h"

#include "interpreter.h"
#include "machines.h"

static machines_t machines;
static machine_wish_t wish;
static tt_client_t *client;

static int begin(void **unused)
{
    (void)unused;
    wish = (machine_wish_t){.group.engines = 2, .timeout_s = 10};
    setenv("SSH_AUTH_SOCK", "/tmp/agent", 1);
    unsetenv("KRB5CCNAME");
    unsetenv("TUTTI_SSH");
    if (scratch_begin() != 0)
        return -1;
    loop = tt_loop_new();
    return fake_start(&fake, loop);
}

static int end(void **unused)
{
    (void)unused;
    listen_stop();
    machines_release(&machines);
    tt_client_close(&client);
    fake_stop(&fake);
    tt_loop_destroy(&loop);
    return scratch_end();
}

/* "label=host:port" of all. */
static const char *all(void)
{
    static tt_buf_t text;
    text.len = 0;
    for (size_t i = 0; i < machines.count; i++) {
        const machine_t *one = &machines.items[i];
        tt_buf_printf(&text, "%s%s=%s:%s", i ? " " : "", one->label, one->host,
                      one->port ? one->port : "");
    }
    return tt_buf_text(&text);
}

static void assert_added(const char *word, const char *expected)
{
    machines_release(&machines);
    if (machines_add(&machines, word, &err) != 0)
        fail_msg("%s", err.text);
    assert_string_equal(all(), expected);
}

static void assert_refused(const char *word, const char *why)
{
    machines_release(&machines);
    assert_int_equal(machines_add(&machines, word, &err), -1);
    assert_string_equal(err.text, why);
}

/* ---- what a person says */

TEST(what_names_no_host_is_refused)
{
    static const char *const words[] = {
        "",         "me@",      ":22",         "-oProxyCommand=x",
        "-v",       "web 1",    "web1\t",      "web\x01",
        "web1:",    "web1:0",   "web1:65536",  "web1:-1",
        "web1:ssh", "web1:22x", "[::1]:",      "[::1]:0",
        "[::1]x",   "[::1]22",  "[::1]:22:33", "@web1",
        "me@-v"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        char want[128];
        snprintf(want, sizeof want, "'%s' is not [USER@]HOST[:PORT]", words[i]);
        assert_refused(words[i], want);
        assert_int_equal(machines.count, 0);
    }
    assert_refused("web[1-", "'web[1-' is not a node set such as web[01-40,42]");
    assert_refused("web[a-b]", "'web[a-b]' is not a node set such as web[01-40,42]");
    assert_refused("web1]", "'web1]' is not a node set such as web[01-40,42]");
    assert_refused("[::1", "'[::1' is not a node set such as web[01-40,42]");
    assert_refused("web[3-1]", "'web[3-1]': range 3-1 is backwards");
}

TEST(a_machine_that_is_named_twice_is_refused_and_those_before_it_stay)
{
    assert_added("web1", "web1=web1:");
    assert_int_equal(machines_add(&machines, "me@web1.example.org:2222", &err), -1);
    assert_string_equal(err.text, "'web1' and 'me@web1.example.org' would both be called web1; "
                                  "add them one by one and name them (--as)");
    assert_int_equal(machines_add(&machines, "web1:2222", &err), -1);
    assert_string_equal(err.text, "'web1:2222' is named twice");
    assert_int_equal(machines_add(&machines, "web[0-1]", &err), -1);
    assert_string_equal(err.text, "'web1' is named twice");
    assert_string_equal(all(), "web1=web1: web0=web0:");
}

TEST(a_host_may_have_a_user_and_a_port_and_is_called_by_its_first_name)
{
    assert_added("web1", "web1=web1:");
    assert_added("web1:2222", "web1=web1:2222");
    assert_added("me@web1:65535", "web1=me@web1:65535");
    assert_added("me@web1.example.org", "web1=me@web1.example.org:");
    assert_added("me@corp@web1:1", "web1=me@corp@web1:1");
    assert_added("gr\xc3\xb6\xc3\x9f"
                 "e.de",
                 "gr\xc3\xb6\xc3\x9f"
                 "e=gr\xc3\xb6\xc3\x9f"
                 "e.de:");
}

TEST(an_address_is_called_as_it_is)
{
    assert_added("10.0.0.1", "10.0.0.1=10.0.0.1:");
    assert_added("me@10.0.0.1:22", "10.0.0.1=me@10.0.0.1:22");
    assert_added("fe80::1", "fe80::1=fe80::1:");
    assert_added("::1", "::1=::1:");
    assert_added("[::1]", "::1=::1:");
    assert_added("[::1]:22", "::1=::1:22");
    assert_added("me@[fe80::1]:22", "fe80::1=me@fe80::1:22");
    assert_added("me@fe80::1", "fe80::1=me@fe80::1:");
}

TEST(a_node_set_is_as_many_machines)
{
    assert_added("web[1-3]", "web1=web1: web2=web2: web3=web3:");
    assert_added("me@web[08-10,12]:2222",
                 "web08=me@web08:2222 web09=me@web09:2222 web10=me@web10:2222 "
                 "web12=me@web12:2222");
    assert_added("rack[1-2]-[1-2].example.org",
                 "rack1-1=rack1-1.example.org: rack1-2=rack1-2.example.org: "
                 "rack2-1=rack2-1.example.org: rack2-2=rack2-2.example.org:");
    assert_added("10.0.0.[1-2]", "10.0.0.1=10.0.0.1: 10.0.0.2=10.0.0.2:");
}

TEST(there_is_a_limit_to_how_many_there_may_be)
{
    assert_int_equal(machines_add(&machines, "n[1-10000]", &err), 0);
    assert_int_equal(machines_add(&machines, "n[10001-10002]", &err), -1);
    assert_string_equal(err.text, "there are more than 10000 machines");
    assert_int_equal(machines.count, 10000);
}

/* ---- a file of them */

static int add_file(const char *text)
{
    machines_release(&machines);
    scratch_write("hosts", text, 0600);
    return machines_add_file(&machines, scratch_path("hosts"), &err);
}

TEST(a_file_that_cannot_be_read_is_told)
{
    char want[256];
    assert_int_equal(machines_add_file(&machines, scratch_path("none"), &err), -1);
    snprintf(want, sizeof want, "cannot read '%s': No such file or directory",
             scratch_path("none"));
    assert_string_equal(err.text, want);
}

TEST(a_bad_line_of_a_file_is_told_with_its_number)
{
    char want[256];
    assert_int_equal(add_file("web1\n\n# web:x\nweb2 web3:x web4\nweb:y\n"), -1);
    snprintf(want, sizeof want, "%s:4: 'web3:x' is not [USER@]HOST[:PORT]",
             scratch_path("hosts"));
    assert_string_equal(err.text, want);
    assert_int_equal(add_file("web1 web[1-2]\n"), -1);
    snprintf(want, sizeof want, "%s:1: 'web1' is named twice", scratch_path("hosts"));
    assert_string_equal(err.text, want);
}

TEST(the_lines_of_a_file_are_words_with_comments_and_blanks)
{
    assert_int_equal(add_file(""), 0);
    assert_int_equal(machines.count, 0);
    assert_int_equal(add_file("# all of ours\r\n\n  web1\tme@web2:22 # and\n\t#web9\n"
                              "db[1-2]#\r\nlast"),
                     0);
    assert_string_equal(all(), "web1=web1: web2=me@web2:22 db1=db1: db2=db2: last=last:");
}

/* ---- what can be checked here */

static void assert_check(const char *part)
{
    assert_int_equal(machines_check(&wish, &err), -1);
    assert_says(&err, part);
}

TEST(a_key_that_is_missing_or_open_to_others_is_refused)
{
    char want[256];
    assert_int_equal(machines_check(&wish, &err), 0);
    wish.identity = scratch_path("key");
    snprintf(want, sizeof want, "cannot read the key '%s': No such file", wish.identity);
    assert_check(want);
    scratch_write("key", "secret", 0640);
    wish.identity = scratch_path("key");
    snprintf(want, sizeof want, "%s is readable by others: chmod 400 %s", wish.identity,
             wish.identity);
    assert_check(want);
    scratch_write("key", "secret", 0601);
    assert_check("is readable by others");
    assert_int_equal(chmod(wish.identity, 0400), 0);
    assert_int_equal(machines_check(&wish, &err), 0);
}

TEST(a_set_up_script_that_is_missing_or_too_large_is_refused)
{
    char want[256];
    wish.setup = scratch_path("setup.sh");
    snprintf(want, sizeof want, "cannot read the set-up script '%s': No such file", wish.setup);
    assert_check(want);
    scratch_write("setup.sh", "", 0644);
    wish.setup = scratch_path("setup.sh");
    assert_int_equal(machines_check(&wish, &err), 0);
    assert_int_equal(truncate(wish.setup, 1 << 20), 0);
    assert_int_equal(machines_check(&wish, &err), 0);
    assert_int_equal(truncate(wish.setup, (1 << 20) + 1), 0);
    snprintf(want, sizeof want, "the set-up script '%s' has more than 1 MiB", wish.setup);
    assert_check(want);
}

/* ---- what is asked */

static void tell_machine(const char *label, unsigned state, const char *text)
{
    tt_message_t message = tt_message(TT_MSG_EVENT, 0);
    message.as.event.kind = TT_EVENT_HOST;
    message.as.event.engine = -1;
    message.as.event.state = state;
    message.as.event.host = tt_span(label);
    message.as.event.text = tt_span(text);
    fake_send(&fake, &message, NULL);
}

static void tell_engine(const char *label, int id, unsigned state, const char *language,
                        const char *text)
{
    tt_message_t message = tt_message(TT_MSG_EVENT, 0);
    message.as.event = (tt_msg_event_t){.kind = TT_EVENT_ENGINE,
                                        .engine = id,
                                        .state = state,
                                        .host = tt_span(label),
                                        .language = tt_span(language),
                                        .version = tt_span("3.11.2"),
                                        .program = tt_span("/usr/bin/python3"),
                                        .text = tt_span(text)};
    fake_send(&fake, &message, NULL);
}

/* The label that a LAUNCH asks for. */
static const char *label_of(const tt_msg_launch_t *launch)
{
    static char label[256], key[16];
    tt_reader_t reader = tt_reader(launch->settings);
    size_t count;
    assert_int_equal(tt_read_map(&reader, &count), 0);
    assert_int_equal(tt_read_text(&reader, key, sizeof key), 0);
    assert_string_equal(key, "label");
    assert_int_equal(tt_read_text(&reader, label, sizeof label), 0);
    return label;
}

/* A machine is there with its engines, two for each that was launched before it. */
static bool launch_good(fake_t *self, letter_t *letter)
{
    if (letter->message.type != TT_MSG_LAUNCH)
        return false;
    const char *label = label_of(&letter->message.as.launch);
    char language[16];
    tt_text_copy(letter->message.as.launch.language, language, sizeof language);
    int first = 2 * self->count++;
    fake_answer(self, TT_MSG_DONE, letter->message.id);
    tell_machine(label, TT_ENGINE_RESTARTING, "waiting for its turn");
    tell_machine(label, TT_ENGINE_STARTING, "connecting");
    for (int i = first; i < first + 2; i++)
        tell_engine(label, i, TT_ENGINE_STARTING, language, "");
    tell_machine(label, TT_ENGINE_READY, "");
    for (int i = first; i < first + 2; i++)
        tell_engine(label, i, TT_ENGINE_READY, language, "");
    return false;
}

static int launch_all(void)
{
    client =
        tt_client_open(loop, &fake.dir, "tests", &machine_handlers, &machines, 10000, &err);
    if (client == NULL)
        fail_msg("%s", err.text);
    listen_begin();
    int status = machines_launch(&machines, client, loop, &wish, &err);
    listen_end();
    return status;
}

/* The settings of the next LAUNCH, as JSON. */
static const char *settings_asked(letter_t **letter)
{
    static tt_buf_t json;
    *letter = fake_await(&fake, TT_MSG_LAUNCH);
    json.len = 0;
    tt_value_json((*letter)->message.as.launch.settings, &json);
    return tt_buf_text(&json);
}

TEST(a_launch_tells_what_is_wished_and_no_more_of_the_machine_than_was_said)
{
    letter_t *letter;
    char want[PATH_MAX];
    fake.on_message = launch_good;
    machines_add(&machines, "web1", &err);
    wish.group.engines = CLUSTER_PER_CORE;
    wish.placement.nice = 5;
    assert_int_equal(launch_all(), 0);
    snprintf(want, sizeof want,
             "{\"label\":\"web1\",\"host\":\"web1\",\"environment\":[\"PATH=%s\",\"HOME=%s\","
             "\"SSH_AUTH_SOCK=/tmp/agent\"]}",
             getenv("PATH"), getenv("HOME"));
    assert_string_equal(settings_asked(&letter), want);
    const tt_msg_launch_t *asked = &letter->message.as.launch;
    assert_memory_equal(asked->launcher.data, "ssh", 4);
    assert_int_equal(asked->count, 0);
    assert_int_equal(asked->total, 1);
    assert_int_equal(asked->nice, 5);
    assert_int_equal(asked->directory.len, 0);
    assert_int_equal(asked->program.len, 0); /* its own, not ours */
    assert_memory_equal(asked->language.data, "python", 6);
    letter_free(letter);
}

TEST(a_launch_tells_ssh_its_key_as_an_absolute_path_and_the_set_up_script)
{
    letter_t *letter;
    char want[PATH_MAX], here[PATH_MAX];
    fake.on_message = launch_good;
    scratch_write("a key", "secret", 0400);
    scratch_write("setup.sh", "export A=\"b\"\n", 0644);
    setenv("TUTTI_SSH", "ssh -F my_config", 1);
    setenv("KRB5CCNAME", "FILE:/tmp/krb", 1);
    unsetenv("SSH_AUTH_SOCK");
    assert_non_null(getcwd(here, sizeof here));
    assert_int_equal(chdir(scratch_dir), 0);
    machines_add(&machines, "me@web1.example.org:2222", &err);
    wish.identity = "./a key";
    wish.jump = "gate";
    wish.setup = "./setup.sh";
    wish.group.language = "mock";
    wish.group.program = "/bin/mock";
    wish.placement.directory = "/data";
    int status = launch_all();
    assert_int_equal(chdir(here), 0);
    assert_int_equal(status, 0);
    assert_part(said_out, "web1: 2 Mock engines (");
    snprintf(
        want, sizeof want,
        "{\"label\":\"web1\",\"host\":\"me@web1.example.org\",\"port\":\"2222\","
        "\"identity\":\"%s/a key\",\"jump\":\"gate\",\"ssh\":\"ssh -F my_config\","
        "\"environment\":[\"PATH=%s\",\"HOME=%s\",\"KRB5CCNAME=FILE:/tmp/krb\"],\"setup\":",
        scratch_dir, getenv("PATH"), getenv("HOME"));
    assert_part(settings_asked(&letter), want);
    const tt_msg_launch_t *asked = &letter->message.as.launch;
    assert_non_null(memmem(asked->settings.data, asked->settings.len,
                           "\xa5setup\xc4\x0d"
                           "export A=\"b\"\n\xaasetup_name\xa8setup.sh",
                           41));
    assert_memory_equal(asked->directory.data, "/data", 5);
    assert_memory_equal(asked->program.data, "/bin/mock", 9);
    assert_int_equal(asked->count, 2);
    letter_free(letter);
}

/* ---- what is told */

TEST(machines_that_are_there_are_told_in_their_order)
{
    fake.on_message = launch_good;
    machines_add(&machines, "web[1-2]", &err);
    assert_int_equal(launch_all(), 0);
    assert_out("web1: 2 Python engines (3.11.2, /usr/bin/python3) · ids 0-1\n"
               "web2: 2 Python engines (3.11.2, /usr/bin/python3) · ids 2-3\n");
    assert_err("");
}

static bool launch_slow(fake_t *self, letter_t *letter)
{
    if (letter->message.type != TT_MSG_LAUNCH)
        return false;
    fake_answer(self, TT_MSG_DONE, letter->message.id);
    tell_machine("another", TT_ENGINE_FAILED, "is not ours to tell of");
    tell_machine("web1", TT_ENGINE_STARTING, "connecting");
    tell_machine("web1", TT_ENGINE_STARTING, "sending tutti (4.2 MB)");
    tell_machine("web1", TT_ENGINE_STARTING, "set\x1bup.sh ok in 41.0 s");
    tell_engine("web1", 7, TT_ENGINE_STARTING, "python", "");
    tell_engine("web1", 8, TT_ENGINE_STARTING, "sh", ""); /* nobody asked for that one */
    tell_machine("web1", TT_ENGINE_READY, "");
    tell_engine("web1", 7, TT_ENGINE_RESTARTING, "python", "was killed");
    tell_engine("web1", 7, TT_ENGINE_READY, "python", "");
    return false;
}

TEST(what_was_done_there_is_told_as_well)
{
    fake.on_message = launch_slow;
    machines_add(&machines, "web1", &err);
    assert_int_equal(launch_all(), 0);
    assert_out("web1: sent tutti (4.2 MB) · set\\x1Bup.sh ok in 41.0 s · 1 Python "
               "engine (3.11.2, /usr/bin/python3) · id 7\n");
    assert_err("");
}

/* web1 is good, web2 cannot be reached, of web3's engines one cannot start, on web4 none. */
static bool launch_mixed(fake_t *self, letter_t *letter)
{
    if (letter->message.type != TT_MSG_LAUNCH)
        return false;
    const char *label = label_of(&letter->message.as.launch);
    int number = label[3] - '0';
    if (number == 1)
        return launch_good(self, letter);
    fake_answer(self, TT_MSG_DONE, letter->message.id);
    if (number == 2) {
        tell_engine(label, 20, TT_ENGINE_STARTING, "python", ""); /* which now never will */
        tell_machine(label, TT_ENGINE_FAILED, "permission\ndenied");
        return false;
    }
    tell_engine(label, 10 * number, TT_ENGINE_STARTING, "python", "");
    tell_engine(label, 10 * number + 1, TT_ENGINE_STARTING, "python", "");
    tell_machine(label, TT_ENGINE_READY, "");
    tell_engine(label, 10 * number, number == 3 ? TT_ENGINE_READY : TT_ENGINE_LOST, "python",
                "");
    tell_engine(label, 10 * number + 1, TT_ENGINE_FAILED, "python",
                number == 3 ? "no python" : "");
    return false;
}

TEST(machines_and_engines_that_failed_are_told_with_their_reasons)
{
    fake.on_message = launch_mixed;
    machines_add(&machines, "web[1-4]", &err);
    wish.timeout_s = 3600;
    assert_int_equal(launch_all(), 4);
    assert_out("web1: 2 Python engines (3.11.2, /usr/bin/python3) · ids 0-1\n"
               "web3: 1 Python engine (3.11.2, /usr/bin/python3) · id 30\n");
    assert_err("web2: permission\\x0Adenied\n"
               "web3: no python\n"
               "web4: an engine is missing\n");
}

/* web1 is not up, web2 is tried again, web3's engine starts on and on. */
static bool launch_late(fake_t *self, letter_t *letter)
{
    if (letter->message.type != TT_MSG_LAUNCH)
        return false;
    const char *label = label_of(&letter->message.as.launch);
    tell_machine(label, TT_ENGINE_STARTING, "connecting");
    if (label[3] == '2')
        tell_machine(label, TT_ENGINE_RESTARTING, "no route to host");
    if (label[3] == '3') {
        tell_engine(label, 0, TT_ENGINE_STARTING, "python", "");
        tell_machine(label, TT_ENGINE_READY, "");
    }
    fake_answer(self, TT_MSG_DONE, letter->message.id); /* all of that has been heard by then */
    return false;
}

/* Ready, and its engines have gone again. */
static bool launch_none(fake_t *self, letter_t *letter)
{
    if (letter->message.type != TT_MSG_LAUNCH)
        return false;
    tell_engine("web1", 0, TT_ENGINE_READY, "python", "");
    tell_engine("web1", 0, TT_ENGINE_GONE, "python", "");
    tell_machine("web1", TT_ENGINE_READY, "");
    fake_answer(self, TT_MSG_DONE, letter->message.id);
    return false;
}

TEST(a_machine_without_an_engine_is_told)
{
    fake.on_message = launch_none;
    machines_add(&machines, "web1", &err);
    assert_int_equal(launch_all(), 4);
    assert_out("");
    assert_err("web1: it has no engine; tutti why tells what has become of them\n");
}

TEST(machines_that_are_late_are_told_and_not_waited_for)
{
    fake.on_message = launch_late;
    machines_add(&machines, "web[1-3]", &err);
    wish.timeout_s = 0.3;
    assert_int_equal(launch_all(), 4);
    assert_out("");
    assert_err("web1: not there yet: connecting; tutti status tells of it\n"
               "web2: not there yet: no route to host; tutti status tells of it\n"
               "web3: some engines are still starting; tutti status tells of them\n");
}

TEST(a_machine_that_failed_and_comes_in_the_end_is_there)
{
    machine_t *one;
    machines_add(&machines, "web1", &err);
    one = machines.items;
    machine_handlers.machine(&machines, "web1", TT_ENGINE_FAILED, "no");
    assert_true(one->settled);
    machine_handlers.machine(&machines, "web1", TT_ENGINE_STARTING, "connecting");
    assert_false(one->settled);
    machine_handlers.machine(&machines, "web1", TT_ENGINE_READY, "");
    assert_true(one->settled);
    machine_handlers.machine(&machines, "web2", TT_ENGINE_FAILED, "is unknown here");
    assert_string_equal(one->why, "no");
}

static bool refuse(fake_t *self, letter_t *letter)
{
    fake_error(self, letter->message.id, "the cluster is stopping");
    return true;
}

TEST(a_launch_that_is_refused_is_status_3_with_the_reason)
{
    fake.on_message = refuse;
    machines_add(&machines, "web[1-2]", &err);
    assert_int_equal(launch_all(), 3);
    assert_says(&err, "the cluster is stopping");
    assert_out("");
    assert_err("");
}

static void on_timer(void *arg)
{
    (void)arg;
    tt_client_lose(client, "gone");
}

static bool launch_never(fake_t *self, letter_t *letter)
{
    if (letter->message.type != TT_MSG_LAUNCH)
        return false;
    fake_answer(self, TT_MSG_DONE, letter->message.id);
    tt_loop_add_timer(self->loop, 50, on_timer, NULL);
    return false;
}

TEST(a_controller_that_is_gone_is_not_waited_for)
{
    fake.on_message = launch_never;
    machines_add(&machines, "web1", &err);
    wish.timeout_s = 3600;
    assert_int_equal(launch_all(), 4);
    assert_err("web1: the cluster is gone\n");
}

#define ON(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    alarm(60);
    const struct CMUnitTest tests[] = {
        ON(what_names_no_host_is_refused),
        ON(a_machine_that_is_named_twice_is_refused_and_those_before_it_stay),
        ON(a_host_may_have_a_user_and_a_port_and_is_called_by_its_first_name),
        ON(an_address_is_called_as_it_is),
        ON(a_node_set_is_as_many_machines),
        ON(there_is_a_limit_to_how_many_there_may_be),
        ON(a_file_that_cannot_be_read_is_told),
        ON(a_bad_line_of_a_file_is_told_with_its_number),
        ON(the_lines_of_a_file_are_words_with_comments_and_blanks),
        ON(a_key_that_is_missing_or_open_to_others_is_refused),
        ON(a_set_up_script_that_is_missing_or_too_large_is_refused),
        ON(a_launch_tells_what_is_wished_and_no_more_of_the_machine_than_was_said),
        ON(a_launch_tells_ssh_its_key_as_an_absolute_path_and_the_set_up_script),
        ON(machines_that_are_there_are_told_in_their_order),
        ON(what_was_done_there_is_told_as_well),
        ON(machines_and_engines_that_failed_are_told_with_their_reasons),
        ON(machines_that_are_late_are_told_and_not_waited_for),
        ON(a_machine_without_an_engine_is_told),
        ON(a_machine_that_failed_and_comes_in_the_end_is_there),
        ON(a_launch_that_is_refused_is_status_3_with_the_reason),
        ON(a_controller_that_is_gone_is_not_waited_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
