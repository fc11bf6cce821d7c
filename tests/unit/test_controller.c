/* Unit test of controller/controller: a whole controller in a child process, spoken to over its
 * two sockets by whoever may, may not, or talks nonsense. */
#include "scratch.h"

#include "controller/controller.h"
#include "identity.h"
#include "log.h"
#include "pack.h"
#include "value.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>

enum { DEADLINE_MS = 15000 };

typedef struct {
    void *dealer;
    tt_packet_t packet; /* the last message that came */
    tt_message_t got;
    bool full; /* the packet is to be released */
} mouth_t;

static tt_rundir_t dir;
static pid_t controller;
static char ready[600]; /* what it said of itself */
static void *context;
static mouth_t client, second, host, other;
static pid_t process; /* one to be watched */
static tt_error_t err;

/* ---- the controller and its peers */

static void start_controller(const char *policy)
{
    int told[2];
    size_t len = 0;
    assert_int_equal(pipe2(told, O_CLOEXEC), 0);
    fflush(NULL);
    controller = fork();
    if (controller == 0) {
        controller_options_t options = {&dir, policy, told[1]};
        close(told[0]);
        int status = controller_run(&options);
        if (context) /* its threads are not ours: a search for leaks would stumble over them */
            _exit(status);
        exit(status);
    }
    close(told[1]);
    for (ssize_t some; (some = read(told[0], ready + len, sizeof ready - 1 - len)) > 0;)
        len += (size_t)some;
    ready[len] = 0;
    close(told[0]);
}

/* Its exit status once it has ended. */
static int controller_end(void)
{
    int status = -1, fd = tt_pidfd_open(controller);
    struct pollfd wait = {fd, POLLIN, 0};
    assert_int_equal(poll(&wait, 1, DEADLINE_MS), 1);
    close(fd);
    assert_int_equal(waitpid(controller, &status, 0), controller);
    controller = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static void connect_as(mouth_t *self, const char *path)
{
    char endpoint[TT_SOCKET_MAX + 8];
    int zero = 0;
    snprintf(endpoint, sizeof endpoint, "ipc://%s", path);
    memset(self, 0, sizeof *self);
    self->dealer = zmq_socket(context, ZMQ_DEALER);
    zmq_setsockopt(self->dealer, ZMQ_LINGER, &zero, sizeof zero);
    assert_int_equal(zmq_connect(self->dealer, endpoint), 0);
}

static void forget(mouth_t *self)
{
    if (self->full)
        tt_packet_release(&self->packet);
    self->full = false;
}

static void hang_up(mouth_t *self)
{
    forget(self);
    if (self->dealer)
        zmq_close(self->dealer);
    self->dealer = NULL;
}

static int begin_bare(void **unused)
{
    (void)unused;
    setenv("TUTTI_LOG", "error", 1);
    tt_log_open("test", 2);
    return scratch_begin() != 0 ? -1 : tt_rundir_prepare("test", &dir, &err);
}

static int begin(void **unused)
{
    if (begin_bare(unused) != 0)
        return -1;
    start_controller("leastload");
    context = zmq_ctx_new();
    connect_as(&client, dir.client_sock);
    connect_as(&second, dir.client_sock);
    connect_as(&host, dir.engine_sock);
    connect_as(&other, dir.engine_sock);
    return strcmp(ready, "ok\n") == 0 ? 0 : -1;
}

static void end_process(void)
{
    if (process > 0) {
        kill(process, SIGKILL);
        waitpid(process, NULL, 0);
    }
    process = 0;
}

static int end(void **unused)
{
    (void)unused;
    end_process();
    if (controller > 0) {
        kill(controller, SIGKILL);
        waitpid(controller, NULL, 0);
        controller = 0;
    }
    if (context) {
        hang_up(&client);
        hang_up(&second);
        hang_up(&host);
        hang_up(&other);
        zmq_ctx_term(context);
        context = NULL;
    }
    return scratch_end();
}

/* ---- saying and hearing */

static void say(mouth_t *self, const tt_message_t *message)
{
    tt_buf_t header;
    tt_buf_init(&header);
    tt_message_pack(&header, message);
    assert_true(zmq_send(self->dealer, header.data, header.len, 0) >= 0);
    tt_buf_release(&header);
}

static void say_bytes(mouth_t *self, const char *bytes, size_t len)
{
    assert_true(zmq_send(self->dealer, bytes, len, 0) >= 0);
}

/* The next message to this peer, which must be of that type. */
static void hear(mouth_t *self, unsigned type)
{
    zmq_pollitem_t wait = {self->dealer, 0, ZMQ_POLLIN, 0};
    forget(self);
    if (zmq_poll(&wait, 1, DEADLINE_MS) != 1)
        fail_msg("no %s came", tt_message_info(type)->name);
    assert_int_equal(tt_packet_read(&self->packet, self->dealer, false), 1);
    self->full = true;
    tt_span_t header = {zmq_msg_data(&self->packet.header), zmq_msg_size(&self->packet.header)};
    assert_int_equal(tt_message_read(&self->got, header, &err), 0);
    if (self->got.type != type)
        fail_msg("%s came, not %s", tt_message_info(self->got.type)->name,
                 tt_message_info(type)->name);
}

static void check_text(tt_span_t text, const char *want)
{
    char copy[512];
    assert_string_equal(tt_text_copy(text, copy, sizeof copy), want);
}

/* The status as JSON: whatever was sent on this socket before has been dealt with. */
static const char *status_of(mouth_t *self)
{
    static tt_buf_t json;
    tt_message_t message = tt_message(TT_MSG_STATUS, 99);
    say(self, &message);
    hear(self, TT_MSG_REPORT);
    assert_int_equal(self->got.id, 99);
    json.len = 0;
    tt_value_json(tt_frames_span(&self->packet.payload, 0), &json);
    return tt_buf_text(&json);
}

#define assert_status(mouth, part)                                                             \
    do {                                                                                       \
        const char *text_ = status_of(&(mouth));                                               \
        if (strstr(text_, part) == NULL)                                                       \
            fail_msg("\"%s\" is not in %s", part, text_);                                      \
    } while (0)

static tt_message_t hello_of(int pid)
{
    tt_message_t message = tt_message(TT_MSG_HELLO, 7);
    message.as.hello.major = TT_WIRE_MAJOR;
    message.as.hello.program = tt_span("tests");
    message.as.hello.host = tt_span("here");
    message.as.hello.boot = tt_span(pid ? tt_boot_id() : "elsewhere");
    message.as.hello.pid = pid;
    message.as.hello.events = 1;
    return message;
}

static void arrive(mouth_t *self)
{
    tt_message_t message = hello_of(0);
    say(self, &message);
    hear(self, TT_MSG_WELCOME);
}

/* A host whose process is `pid` (0: elsewhere), with these engines, ready, from an earlier
 * controller. */
static void arrive_with(mouth_t *self, int pid, const int *ids, size_t count)
{
    tt_message_t message = hello_of(pid);
    tt_buf_t list;
    tt_buf_init(&list);
    tt_pack_array(&list, count);
    for (size_t i = 0; i < count; i++) {
        tt_pack_array(&list, 6);
        tt_pack_int(&list, ids[i]);
        tt_pack_int(&list, 100 + ids[i]);
        tt_pack_uint(&list, TT_ENGINE_READY);
        tt_pack_text(&list, "python");
        tt_pack_text(&list, "3.11.2");
        tt_pack_text(&list, "/usr/bin/python3");
    }
    message.as.hello.engines = span_of(&list);
    say(self, &message);
    hear(self, TT_MSG_WELCOME);
    tt_buf_release(&list);
}

static void new_process(void)
{
    fflush(NULL);
    process = fork();
    if (process == 0)
        for (;;)
            pause();
}

static void hear_event(mouth_t *self, int engine, unsigned state)
{
    hear(self, TT_MSG_EVENT);
    assert_int_equal(self->got.as.event.engine, engine);
    assert_int_equal(self->got.as.event.state, state);
}

/* ---- a controller that does not start */

TEST(a_policy_that_does_not_exist_is_told_to_whoever_started_it)
{
    start_controller("best");
    assert_string_equal(ready, "no policy 'best': there are leastload, roundrobin, random");
    assert_int_equal(controller_end(), 1);
}

TEST(a_directory_that_is_gone_is_told_to_whoever_started_it)
{
    assert_int_equal(rmdir(dir.run_dir), 0);
    start_controller("leastload");
    assert_non_null(strstr(ready, "cannot listen on 'ipc://"));
    assert_int_equal(controller_end(), 1);
}

/* ---- who may speak */

TEST(whoever_has_not_registered_is_asked_who_it_is)
{
    tt_message_t message = tt_message(TT_MSG_STATUS, 5);
    say(&client, &message);
    hear(&client, TT_MSG_WHO);
    assert_int_equal(client.got.id, 5);
    message = tt_message(TT_MSG_RESULT, 6);
    say(&host, &message);
    hear(&host, TT_MSG_WHO);
}

TEST(another_major_version_is_refused_in_words_that_name_both)
{
    tt_message_t message = hello_of(0);
    message.as.hello.major = 9;
    message.as.hello.minor = 3;
    say(&client, &message);
    hear(&client, TT_MSG_REFUSE);
    assert_int_equal(client.got.id, 7);
    assert_int_equal(client.got.as.refuse.major, TT_WIRE_MAJOR);
    check_text(client.got.as.refuse.text,
               "protocol 9.3 (tests) cannot talk to this controller's "
               "1.0 (tutti " TT_VERSION ")");
    message = tt_message(TT_MSG_STATUS, 5);
    say(&client, &message);
    hear(&client, TT_MSG_WHO); /* and it is not registered */
}

TEST(a_peer_on_this_machine_whose_process_cannot_be_watched_is_refused)
{
    tt_message_t message = hello_of(INT32_MAX);
    say(&client, &message);
    hear(&client, TT_MSG_REFUSE);
    message = hello_of(0);
    message.as.hello.boot = tt_span(tt_boot_id());
    say(&host, &message);
    hear(&host, TT_MSG_REFUSE);
    arrive(&second);
    assert_status(second, "\"clients\":1,");
    assert_status(second, "\"hosts\":[]");
}

TEST(a_peer_that_registers_is_told_whom_it_talks_to)
{
    tt_message_t message = hello_of(getpid());
    say(&client, &message);
    hear(&client, TT_MSG_WELCOME);
    const tt_msg_welcome_t *welcome = &client.got.as.welcome;
    assert_int_equal(client.got.id, 7);
    assert_int_equal(welcome->major, TT_WIRE_MAJOR);
    assert_int_equal(welcome->uuid.len, 16);
    assert_true(welcome->epoch > 0);
    assert_int_equal(welcome->pid, controller);
    check_text(welcome->cluster, "test");
    check_text(welcome->boot, tt_boot_id());
    uint64_t epoch = welcome->epoch;
    say(&client, &message); /* twice is once */
    hear(&client, TT_MSG_WELCOME);
    assert_true(client.got.as.welcome.epoch == epoch);
    assert_status(client, "\"clients\":1,");
}

TEST(a_message_of_the_other_role_is_refused)
{
    arrive(&client);
    arrive(&host);
    tt_message_t message = tt_message(TT_MSG_RESULT, 3);
    say(&client, &message);
    hear(&client, TT_MSG_ERROR);
    assert_int_equal(client.got.id, 3);
    check_text(client.got.as.error.text, "RESULT is not for a client to send");
    message = tt_message(TT_MSG_STOP, 4);
    say(&host, &message);
    hear(&host, TT_MSG_ERROR);
    check_text(host.got.as.error.text, "STOP is not for an engine host to send");
    message = tt_message(TT_MSG_WELCOME, 5); /* nobody's to send */
    say(&client, &message);
    hear(&client, TT_MSG_ERROR);
    assert_status(client, "\"refused\":3,");
}

TEST(a_malformed_message_costs_that_message_and_is_answered_with_an_error)
{
    arrive(&client);
    say_bytes(&client, "\xc1", 1);
    hear(&client, TT_MSG_ERROR);
    assert_int_equal(client.got.id, 0);
    say_bytes(&client, "", 0);
    hear(&client, TT_MSG_ERROR);
    say_bytes(&client, "\x93\x14\x21\xa1x", 5); /* SUBMIT 33 whose op is text */
    hear(&client, TT_MSG_ERROR);
    assert_int_equal(client.got.id, 33);
    check_text(client.got.as.error.text,
               "malformed message: SUBMIT: field 'op' is of a wrong kind");
    say_bytes(&client, "\x92\x64\x22", 3); /* message 100, which there is not */
    hear(&client, TT_MSG_ERROR);
    assert_int_equal(client.got.id, 34);
    check_text(client.got.as.error.text, "unknown message 100");
    assert_status(client, "\"malformed\":3,\"unknown\":1,");
}

TEST(an_error_is_never_answered_with_an_error)
{
    arrive(&client);
    tt_message_t message = tt_message(TT_MSG_ERROR, 3);
    message.as.error.text = tt_span("I did not like that");
    say(&client, &message);
    say_bytes(&client, "\x93\x09\x03\xa1x", 5); /* an ERROR that is malformed itself */
    assert_status(client, "\"malformed\":1,");  /* the next thing that came is the report */
}

/* ---- engines */

static const int two_ids[] = {0, 1};

TEST(a_client_that_comes_is_told_of_every_engine_before_it_is_welcome)
{
    arrive_with(&host, 0, two_ids, 2);
    tt_message_t message = hello_of(0);
    say(&client, &message);
    hear_event(&client, 0, TT_ENGINE_READY);
    check_text(client.got.as.event.host, "here");
    check_text(client.got.as.event.language, "python");
    assert_int_equal(client.got.as.event.pid, 100);
    hear_event(&client, 1, TT_ENGINE_READY);
    hear(&client, TT_MSG_WELCOME);
    message.as.hello.events = 0;
    say(&second, &message);
    hear(&second, TT_MSG_WELCOME); /* it does not want to know */
}

static void say_engine(mouth_t *self, int64_t engine, uint64_t state, const char *text)
{
    tt_message_t message = tt_message(TT_MSG_ENGINE, 0);
    message.as.engine.engine = engine;
    message.as.engine.state = state;
    message.as.engine.pid = 4711;
    message.as.engine.language = tt_span("python");
    message.as.engine.text = tt_span(text);
    say(self, &message);
}

TEST(what_a_host_says_of_its_engines_is_passed_on_and_remembered)
{
    arrive(&client);
    arrive_with(&host, 0, two_ids, 2);
    hear_event(&client, 0, TT_ENGINE_READY);
    hear_event(&client, 1, TT_ENGINE_READY);
    say_engine(&host, 0, TT_ENGINE_RESTARTING, "was killed by SIGSEGV");
    hear_event(&client, 0, TT_ENGINE_RESTARTING);
    check_text(client.got.as.event.text, "was killed by SIGSEGV");
    say_engine(&host, 1, TT_ENGINE_GONE, "was stopped");
    hear_event(&client, 1, TT_ENGINE_GONE);
    assert_status(client, "\"text\":\"was killed by SIGSEGV\"},{");
    const char *status = status_of(&client);
    assert_null(strstr(status, "{\"id\":1,"));
    assert_non_null(strstr(status, "{\"id\":0,\"host\":\"here\",\"pid\":4711,"));
}

TEST(news_of_engines_that_are_not_the_hosts_or_make_no_sense_are_ignored)
{
    arrive(&client);
    arrive_with(&host, 0, two_ids, 2);
    arrive(&other);
    hear_event(&client, 0, TT_ENGINE_READY);
    hear_event(&client, 1, TT_ENGINE_READY);
    say_engine(&other, 0, TT_ENGINE_FAILED, "forged");
    say_engine(&host, 5, TT_ENGINE_READY, "");
    say_engine(&host, -1, TT_ENGINE_READY, "");
    say_engine(&host, 0, 77, "");
    say_engine(&host, (int64_t)1 << 32, TT_ENGINE_FAILED, "not 0");
    say_engine(&host, 1, TT_ENGINE_RESTARTING, "");
    hear_event(&client, 1, TT_ENGINE_RESTARTING);
    tt_message_t beat = tt_message(TT_MSG_BEAT, 0);
    say(&other, &beat);
    hear(&other, TT_MSG_BEAT); /* what it forged has been read */
    assert_status(client, "{\"id\":0,\"host\":\"here\",\"pid\":100,\"language\":\"python\","
                          "\"version\":\"3.11.2\",\"program\":\"/usr/bin/python3\","
                          "\"state\":\"ready\"");
}

TEST(a_beat_comes_back_with_its_time_and_tells_what_runs)
{
    tt_buf_t list;
    arrive_with(&host, 0, two_ids, 2);
    tt_buf_init(&list);
    tt_pack_array(&list, 3);
    for (int i = 0; i < 3; i++) { /* the last is of an engine that is not there */
        tt_pack_array(&list, 4);
        tt_pack_int(&list, i == 2 ? 99 : i);
        tt_pack_uint(&list, 5);
        tt_pack_int(&list, 100);
        tt_pack_uint(&list, 0);
    }
    tt_message_t beat = tt_message(TT_MSG_BEAT, 0);
    beat.as.beat.sent_ns = 123456789;
    beat.as.beat.rss_bytes = 777;
    beat.as.beat.running = span_of(&list);
    say(&host, &beat);
    hear(&host, TT_MSG_BEAT);
    assert_true(host.got.as.beat.sent_ns == 123456789);
    beat.as.beat.running = (tt_span_t){(const uint8_t *)"\x92\x91\x01\x07", 4}; /* nonsense */
    say(&host, &beat);
    hear(&host, TT_MSG_BEAT);
    tt_message_t message = hello_of(0);
    message.as.hello.events = 0;
    say(&client, &message);
    hear(&client, TT_MSG_WELCOME);
    assert_status(client, "\"rss_bytes\":777,\"engines\":2,");
    tt_buf_release(&list);
}

static void check_ids(tt_span_t any, const int *want, int count)
{
    int *ids;
    assert_int_equal(tt_ids_read(any, &ids, NULL), count);
    assert_memory_equal(ids, want, (size_t)count * sizeof *ids);
    free(ids);
}

static void hear_events(mouth_t *self, int count)
{
    for (int i = 0; i < count; i++)
        hear(self, TT_MSG_EVENT);
}

TEST(interrupts_and_actions_go_to_the_hosts_of_the_engines_and_are_answered)
{
    static const int mine[] = {0, 2}, theirs[] = {1}, all[] = {0, 1, 2}, some[] = {1, 7};
    tt_buf_t list;
    arrive(&client);
    arrive_with(&host, 0, mine, 2);
    arrive_with(&other, 0, theirs, 1);
    hear_events(&client, 3);
    tt_message_t message = tt_message(TT_MSG_INTERRUPT, 11); /* nil: all */
    say(&client, &message);
    hear(&host, TT_MSG_INTERRUPT);
    check_ids(host.got.as.interrupt.engines, mine, 2);
    hear(&other, TT_MSG_INTERRUPT);
    check_ids(other.got.as.interrupt.engines, theirs, 1);
    hear(&client, TT_MSG_DONE);
    assert_int_equal(client.got.id, 11);
    check_ids(client.got.as.done.engines, all, 3);
    tt_buf_init(&list);
    tt_ids_pack(&list, some, 2); /* one of them is not there */
    message = tt_message(TT_MSG_ACTION, 12);
    message.as.action.action = TT_ACTION_KILL;
    message.as.action.engines = span_of(&list);
    say(&client, &message);
    hear(&other, TT_MSG_ACTION);
    assert_int_equal(other.got.as.action.action, TT_ACTION_KILL);
    check_ids(other.got.as.action.engines, theirs, 1);
    hear(&client, TT_MSG_DONE);
    tt_buf_release(&list);
}

/* ---- ends */

TEST(a_client_that_says_goodbye_is_forgotten)
{
    arrive(&client);
    arrive(&second);
    tt_message_t message = tt_message(TT_MSG_BYE, 0);
    say(&second, &message);
    message = tt_message(TT_MSG_STATUS, 5);
    say(&second, &message);
    hear(&second, TT_MSG_WHO);
    assert_status(client, "\"clients\":1,");
}

TEST(a_host_whose_process_ends_loses_its_engines_and_clients_are_told_why)
{
    static const int theirs[] = {5};
    arrive(&client);
    new_process();
    arrive_with(&host, process, two_ids, 2);
    arrive_with(&other, 0, theirs, 1);
    hear_events(&client, 3);
    end_process();
    hear_event(&client, 0, TT_ENGINE_LOST);
    assert_non_null(memmem(client.got.as.event.text.data, client.got.as.event.text.len,
                           "engine host 'here'", 18));
    hear_event(&client, 1, TT_ENGINE_LOST);
    assert_status(client, "{\"id\":5,\"host\":\"here\",\"pid\":105,");
    assert_status(client, "\"engine\":1,\"host\":\"here\",\"text\":\"engine host 'here'");
    tt_message_t message = tt_message(TT_MSG_BEAT, 0);
    say(&host, &message); /* its socket lives a little longer than its process */
    hear(&host, TT_MSG_WHO);
}

TEST(a_host_that_says_goodbye_counts_until_its_process_has_ended)
{
    arrive(&client);
    new_process();
    arrive_with(&host, process, two_ids, 2);
    hear_events(&client, 2);
    tt_message_t message = tt_message(TT_MSG_BYE, 0);
    say(&host, &message);
    message = tt_message(TT_MSG_BEAT, 0);
    say(&host, &message);
    hear(&host, TT_MSG_BEAT);
    assert_status(client, "\"engines\":2,");
}

TEST(a_client_whose_process_ends_leaves_no_work_waiting)
{
    tt_message_t message = hello_of(0);
    new_process();
    message = hello_of(process);
    message.as.hello.events = 0;
    say(&second, &message);
    hear(&second, TT_MSG_WELCOME);
    arrive_with(&host, 0, two_ids, 2);
    say_engine(&host, 0, TT_ENGINE_RESTARTING, "");
    say_engine(&host, 1, TT_ENGINE_RESTARTING, "");
    message = tt_message(TT_MSG_BEAT, 0);
    say(&host, &message);
    hear(&host, TT_MSG_BEAT);
    message = tt_message(TT_MSG_SUBMIT, 1);
    message.as.submit.flags = TT_SUBMIT_BALANCED;
    tt_buf_t header;
    tt_buf_init(&header);
    tt_message_pack(&header, &message);
    zmq_send(second.dealer, header.data, header.len, ZMQ_SNDMORE);
    zmq_send(second.dealer, "\x90", 1, 0);
    tt_buf_release(&header);
    assert_status(second, "\"tasks\":1,\"waiting\":1,");
    end_process();
    message = hello_of(0);
    message.as.hello.events = 0;
    say(&client, &message);
    hear(&client, TT_MSG_WELCOME);
    for (int64_t until = tt_now_ms() + DEADLINE_MS; tt_now_ms() < until;)
        if (strstr(status_of(&client), "\"clients\":1,\"tasks\":0,\"waiting\":0,"))
            return;
    fail_msg("its work still waits");
}

/* ---- stopping */

TEST(a_stop_without_hosts_is_at_once_and_leaves_no_sockets)
{
    arrive(&client);
    tt_message_t message = tt_message(TT_MSG_STOP, 21);
    say(&client, &message);
    hear(&client, TT_MSG_STOPPED);
    assert_int_equal(client.got.id, 21);
    assert_int_equal(controller_end(), 0);
    assert_int_equal(access(dir.client_sock, F_OK), -1);
    assert_int_equal(access(dir.engine_sock, F_OK), -1);
}

TEST(a_stop_waits_until_the_hosts_processes_have_ended)
{
    arrive(&client);
    new_process();
    arrive_with(&host, process, two_ids, 2);
    hear_events(&client, 2);
    tt_message_t message = tt_message(TT_MSG_STOP, 21);
    say(&client, &message);
    say(&client, &message); /* twice is once */
    hear(&host, TT_MSG_STOP);
    message = tt_message(TT_MSG_SUBMIT, 5);
    say(&client, &message);
    hear(&client, TT_MSG_ERROR); /* it still answers, and takes no work any more */
    assert_int_equal(waitpid(controller, NULL, WNOHANG), 0);
    end_process();
    hear_event(&client, 0, TT_ENGINE_LOST);
    hear_event(&client, 1, TT_ENGINE_LOST);
    hear(&client, TT_MSG_STOPPED);
    assert_int_equal(controller_end(), 0);
}

TEST(a_client_that_asked_to_stop_and_left_stops_it_all_the_same)
{
    arrive(&client);
    new_process();
    arrive_with(&host, process, two_ids, 2);
    hear_events(&client, 2);
    tt_message_t message = tt_message(TT_MSG_STOP, 21);
    say(&client, &message);
    message = tt_message(TT_MSG_BYE, 0);
    say(&client, &message);
    hear(&host, TT_MSG_STOP);
    end_process();
    assert_int_equal(controller_end(), 0);
}

TEST(a_signal_to_end_is_a_stop)
{
    arrive(&host);
    kill(controller, SIGTERM);
    hear(&host, TT_MSG_STOP);
    kill(controller, SIGKILL);
    assert_int_equal(controller_end(), -SIGKILL);
    start_controller("leastload"); /* the sockets of one that was killed are in nobody's way */
    assert_string_equal(ready, "ok\n");
    kill(controller, SIGINT);
    assert_int_equal(controller_end(), 0);
}

#define BARE(name) cmocka_unit_test_setup_teardown(name, begin_bare, end)
#define EACH(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        BARE(a_policy_that_does_not_exist_is_told_to_whoever_started_it),
        BARE(a_directory_that_is_gone_is_told_to_whoever_started_it),
        EACH(whoever_has_not_registered_is_asked_who_it_is),
        EACH(another_major_version_is_refused_in_words_that_name_both),
        EACH(a_peer_on_this_machine_whose_process_cannot_be_watched_is_refused),
        EACH(a_peer_that_registers_is_told_whom_it_talks_to),
        EACH(a_message_of_the_other_role_is_refused),
        EACH(a_malformed_message_costs_that_message_and_is_answered_with_an_error),
        EACH(an_error_is_never_answered_with_an_error),
        EACH(a_client_that_comes_is_told_of_every_engine_before_it_is_welcome),
        EACH(what_a_host_says_of_its_engines_is_passed_on_and_remembered),
        EACH(news_of_engines_that_are_not_the_hosts_or_make_no_sense_are_ignored),
        EACH(a_beat_comes_back_with_its_time_and_tells_what_runs),
        EACH(interrupts_and_actions_go_to_the_hosts_of_the_engines_and_are_answered),
        EACH(a_client_that_says_goodbye_is_forgotten),
        EACH(a_host_whose_process_ends_loses_its_engines_and_clients_are_told_why),
        EACH(a_host_that_says_goodbye_counts_until_its_process_has_ended),
        EACH(a_client_whose_process_ends_leaves_no_work_waiting),
        EACH(a_stop_without_hosts_is_at_once_and_leaves_no_sockets),
        EACH(a_stop_waits_until_the_hosts_processes_have_ended),
        EACH(a_client_that_asked_to_stop_and_left_stops_it_all_the_same),
        EACH(a_signal_to_end_is_a_stop),
    };
    alarm(20);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
