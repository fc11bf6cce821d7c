/* A whole controller in a child process, and the sockets of four peers: for tests that speak to
 * it as clients and engine hosts do. */
#ifndef WHOLE_CONTROLLER_H
#define WHOLE_CONTROLLER_H

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
static pid_t process, stand_in; /* to be watched: one that a test ends, one for the others */
static tt_error_t err;

/* ---- the controller and its peers */

static inline void start_controller(const char *policy)
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
static inline int controller_end(void)
{
    int status = -1, fd = tt_pidfd_open(controller);
    struct pollfd wait = {fd, POLLIN, 0};
    assert_int_equal(poll(&wait, 1, DEADLINE_MS), 1);
    close(fd);
    assert_int_equal(waitpid(controller, &status, 0), controller);
    controller = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static inline void connect_as(mouth_t *self, const char *path)
{
    char endpoint[TT_SOCKET_MAX + 8];
    int zero = 0;
    snprintf(endpoint, sizeof endpoint, "ipc://%s", path);
    memset(self, 0, sizeof *self);
    self->dealer = zmq_socket(context, ZMQ_DEALER);
    zmq_setsockopt(self->dealer, ZMQ_LINGER, &zero, sizeof zero);
    assert_int_equal(zmq_connect(self->dealer, endpoint), 0);
}

static inline void forget(mouth_t *self)
{
    if (self->full)
        tt_packet_release(&self->packet);
    self->full = false;
}

static inline void hang_up(mouth_t *self)
{
    forget(self);
    if (self->dealer)
        zmq_close(self->dealer);
    self->dealer = NULL;
}

static inline int begin_bare(void **unused)
{
    (void)unused;
    setenv("TUTTI_LOG", "error", 1);
    setenv("TUTTI_LIBEXEC_DIR", "/nonexistent", 1);
    tt_log_open("test", 2);
    return scratch_begin() != 0 ? -1 : tt_rundir_prepare("test", &dir, &err);
}

static inline pid_t new_process(void)
{
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0)
        for (;;)
            pause();
    return pid;
}

static inline void end_process(pid_t *pid)
{
    if (*pid > 0) {
        kill(*pid, SIGKILL);
        waitpid(*pid, NULL, 0);
    }
    *pid = 0;
}

static inline int begin(void **unused)
{
    if (begin_bare(unused) != 0)
        return -1;
    start_controller("leastload");
    stand_in = new_process();
    context = zmq_ctx_new();
    connect_as(&client, dir.client_sock);
    connect_as(&second, dir.client_sock);
    connect_as(&host, dir.engine_sock);
    connect_as(&other, dir.engine_sock);
    return strcmp(ready, "ok\n") == 0 ? 0 : -1;
}

/* Without hosts, and asked to, it ends well: nothing was broken and nothing leaks. */
static inline int end(void **unused)
{
    int status = 0;
    (void)unused;
    end_process(&process);
    end_process(&stand_in);
    if (controller > 0) {
        kill(controller, SIGTERM);
        status = controller_end();
    }
    if (context) {
        hang_up(&client);
        hang_up(&second);
        hang_up(&host);
        hang_up(&other);
        zmq_ctx_term(context);
        context = NULL;
    }
    return scratch_end() == 0 ? status : -1;
}

/* ---- saying and hearing */

static inline void say(mouth_t *self, const tt_message_t *message)
{
    tt_buf_t header;
    tt_buf_init(&header);
    tt_message_pack(&header, message);
    assert_true(zmq_send(self->dealer, header.data, header.len, 0) >= 0);
    tt_buf_release(&header);
}

static inline void say_bytes(mouth_t *self, const char *bytes, size_t len)
{
    assert_true(zmq_send(self->dealer, bytes, len, 0) >= 0);
}

/* The next message to this peer, which must be of that type. */
static inline void hear(mouth_t *self, unsigned type)
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

static inline void check_text(tt_span_t text, const char *want)
{
    char copy[512];
    assert_string_equal(tt_text_copy(text, copy, sizeof copy), want);
}

/* The status as JSON: whatever was sent on this socket before has been dealt with. */
static inline const char *status_of(mouth_t *self)
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

static inline tt_message_t hello_of(int pid)
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

static inline void arrive(mouth_t *self)
{
    tt_message_t message = hello_of(self == &host || self == &other ? stand_in : 0);
    say(self, &message);
    hear(self, TT_MSG_WELCOME);
}

/* A host whose process is `pid` (0: any), with these engines, ready, from an earlier
 * controller.
 */
static inline void arrive_with(mouth_t *self, int pid, const int *ids, size_t count)
{
    tt_message_t message = hello_of(pid ? pid : stand_in);
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

static inline void hear_event(mouth_t *self, int engine, unsigned state)
{
    hear(self, TT_MSG_EVENT);
    assert_int_equal(self->got.as.event.engine, engine);
    assert_int_equal(self->got.as.event.state, state);
}

static const int two_ids[] = {0, 1};

static inline void say_engine(mouth_t *self, int64_t engine, uint64_t state, const char *text)
{
    tt_message_t message = tt_message(TT_MSG_ENGINE, 0);
    message.as.engine.engine = engine;
    message.as.engine.state = state;
    message.as.engine.pid = 4711;
    message.as.engine.language = tt_span("python");
    message.as.engine.text = tt_span(text);
    say(self, &message);
}

static inline void check_ids(tt_span_t any, const int *want, int count)
{
    int *ids;
    assert_int_equal(tt_ids_read(any, &ids, NULL), count);
    assert_memory_equal(ids, want, (size_t)count * sizeof *ids);
    free(ids);
}

static inline void hear_events(mouth_t *self, int count)
{
    for (int i = 0; i < count; i++)
        hear(self, TT_MSG_EVENT);
}

#endif
