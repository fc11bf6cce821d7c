/* Unit test of share/serve: a toy language in a thread, spoken to over a socket pair as the
 * host would. Each wait has a deadline. */
#include "check.h"

#include "language.h"
#include "pack.h"
#include "rights.h"
#include "value.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { HUGE_BYTES = 80 << 20 }; /* more than a message may have in all */

/* ---- the toy: the first argument of EXECUTE says what to do */

typedef struct {
    tt_serve_t *serve;
    int engine;
    char cluster[32];
    char blob[32]; /* the last one that came; "-" when dropped */
    atomic_int interrupts, let_go, handled, entered;
    char *large; /* a buffer that it lends out */
    int output;  /* where it prints */
    int exit_status;
} toy_t;

static toy_t toy;

static void on_start(void *self, int engine, const char *cluster)
{
    (void)self;
    toy.engine = engine;
    snprintf(toy.cluster, sizeof toy.cluster, "%s", cluster);
}

static void do_ask(tt_reply_t *reply)
{
    tt_answer_t answer;
    int status = tt_serve_ask(toy.serve, "wait", "5", &answer);
    if (status < 0)
        tt_reply_error(reply, answer.interrupted ? TT_STATUS_INTERRUPTED : TT_STATUS_ERROR,
                       "Asked", answer.interrupted ? "interrupted" : "ended", NULL);
    else
        tt_reply_value(reply, "answered",
                       answer.count ? answer.frames[0] : (tt_span_t){NULL, 0});
}

static void do_wait(tt_reply_t *reply)
{
    for (int i = 0; i < 5000 && atomic_load(&toy.interrupts) == 0; i++)
        usleep(1000);
    if (atomic_exchange(&toy.interrupts, 0))
        tt_reply_error(reply, TT_STATUS_INTERRUPTED, "KeyboardInterrupt", "", NULL);
}

static void on_handle(void *self, const tt_request_t *request, tt_reply_t *reply)
{
    char what[16] = "";
    size_t count;
    tt_reader_t reader = tt_reader(request->args);
    (void)self;
    atomic_fetch_add(&toy.handled, 1);
    atomic_store(&toy.entered, (int)request->seq);
    if (tt_read_array(&reader, &count) == 0)
        tt_read_text(&reader, what, sizeof what);
    if (strcmp(what, "echo") == 0) {
        tt_reply_value(reply, "shown", request->args);
    } else if (strcmp(what, "fail") == 0) {
        tt_reply_error(reply, TT_STATUS_ERROR, "ToyError", "it failed", "line 1");
    } else if (strcmp(what, "buffers") == 0) {
        tt_reply_buffer(reply, (tt_span_t){(uint8_t *)toy.large, 100000}, &toy);
        for (size_t i = 0; i < request->buffer_count; i++)
            tt_reply_buffer(reply, request->buffers[i], &toy);
    } else if (strcmp(what, "huge") == 0) {
        tt_reply_buffer(reply, (tt_span_t){(uint8_t *)toy.large, HUGE_BYTES}, &toy);
    } else if (strcmp(what, "print") == 0) {
        assert_int_equal(write(toy.output, "0123456789", 10), 10);
    } else if (strcmp(what, "leave") == 0) {
        reply->leave = true;
        reply->exit_status = 3;
    } else if (strcmp(what, "ask") == 0) {
        do_ask(reply);
    } else if (strcmp(what, "wait") == 0) {
        do_wait(reply);
    }
}

static void on_blob(void *self, tt_span_t hash, tt_span_t bytes)
{
    (void)self;
    assert_int_equal(hash.len, 16);
    snprintf(toy.blob, sizeof toy.blob, "%.*s", bytes.data ? (int)bytes.len : 1,
             bytes.data ? (const char *)bytes.data : "-");
}

static void on_flush(void *self)
{
    (void)self;
}

static int on_drain(void *self)
{
    (void)self;
    return atomic_exchange(&toy.interrupts, 0);
}

static void on_let_go(void *self, void *owner)
{
    (void)self;
    assert_ptr_equal(owner, &toy);
    atomic_fetch_add(&toy.let_go, 1);
}

static void on_idle(void *self, bool entering)
{
    (void)self;
    (void)entering;
}

static const tt_language_t language = {.name = "toy",
                                       .version = "1",
                                       .program = "/bin/toy",
                                       .start = on_start,
                                       .handle = on_handle,
                                       .blob = on_blob,
                                       .flush = on_flush,
                                       .drain = on_drain,
                                       .let_go = on_let_go,
                                       .idle = on_idle};

/* ---- the host's end */

static int host_fd, output[2];
static tt_page_t *page;
static pthread_t thread;
static bool joined;
static tt_buf_t in;
static size_t taken;
static tt_rights_t rights;
static tt_rt_message_t message;

static void *serve(void *arg)
{
    (void)arg;
    toy.exit_status = tt_serve_run(toy.serve);
    tt_serve_destroy(&toy.serve);
    return NULL;
}

/* Reads the next message into `message`; the test fails after ten seconds. */
static void receive(void)
{
    tt_error_t err;
    tt_buf_consume(&in, taken);
    for (;;) {
        int rc = tt_rt_parse(&message, span_of(&in), 100 << 20, &taken, &err);
        assert_int_not_equal(rc, -1);
        if (rc == 1 && message.layout.bytes > 0)
            assert_int_equal(tt_rt_open_spool(&message, tt_rights_take(&rights), &err), 0);
        if (rc == 1)
            return;
        struct pollfd wait = {host_fd, POLLIN, 0};
        if (poll(&wait, 1, 10000) != 1)
            fail_msg("the runtime says nothing");
        uint8_t *to = tt_buf_reserve(&in, 1 << 20);
        ssize_t got = tt_rights_read(&rights, host_fd, to, 1 << 20);
        if (got <= 0)
            fail_msg("the runtime closed its socket");
        in.len += (size_t)got;
    }
}

static bool may_have_left; /* the runtime may have ended before it is sent this */

static void send_bytes(const void *data, size_t len)
{
    ssize_t sent = send(host_fd, data, len, MSG_NOSIGNAL);
    if (sent < 0 && errno == EPIPE && may_have_left)
        return;
    assert_int_equal(sent, (ssize_t)len);
}

static void send_message(unsigned type, uint32_t seq, const tt_buf_t *fields,
                         size_t field_count, const tt_span_t *frames, size_t count)
{
    size_t sizes[4];
    tt_buf_t out;
    tt_buf_init(&out);
    for (size_t i = 0; i < count; i++)
        sizes[i] = frames[i].len;
    tt_rt_pack(&out, type, seq, sizes, count, fields ? span_of(fields) : (tt_span_t){NULL, 0},
               field_count);
    for (size_t i = 0; i < count; i++)
        tt_buf_append(&out, frames[i].data, frames[i].len);
    send_bytes(out.data, out.len);
    tt_buf_release(&out);
}

/* An EXECUTE whose arguments are [what]. */
static void execute(uint32_t seq, const char *what)
{
    tt_buf_t args;
    tt_buf_init(&args);
    tt_pack_array(&args, 1);
    tt_pack_text(&args, what);
    tt_span_t frame = span_of(&args);
    send_message(TT_RT_EXECUTE, seq, NULL, 0, &frame, 1);
    tt_buf_release(&args);
}

/* The next message must be the result of `seq`; returns its status. */
static int result_of(uint32_t seq)
{
    uint64_t status;
    receive();
    assert_int_equal(message.type, TT_RT_RESULT);
    assert_int_equal(message.seq, seq);
    assert_true(message.frame_count >= 1);
    assert_int_equal(tt_validate(message.frames[0], &tt_limits_value, NULL), 0);
    assert_int_equal(tt_read_uint(&message.fields, &status), 0);
    return (int)status;
}

/* The body of the present result as JSON; valid until the next call. */
static const char *body(void)
{
    static tt_buf_t json;
    static char text[512];
    tt_buf_init(&json);
    tt_value_json(message.frames[0], &json);
    snprintf(text, sizeof text, "%s", tt_buf_text(&json));
    tt_buf_release(&json);
    return text;
}

/* The runtime's output is descriptor 1 and 2 of the process: here, a pipe while it looks. */
static void serve_with_output(int fd, int page_fd)
{
    assert_int_equal(pipe(output), 0);
    toy.output = output[1];
    int saved[2] = {dup(1), dup(2)};
    for (int i = 0; i < 2; i++)
        dup2(output[1], i + 1);
    toy.serve = tt_serve_new_on(&language, &toy, fd, page_fd, NULL);
    for (int i = 0; i < 2; i++) {
        dup2(saved[i], i + 1);
        close(saved[i]);
    }
}

static int start(int page_fd)
{
    int fd[2];
    toy = (toy_t){.engine = -1};
    toy.large = tt_alloc(HUGE_BYTES);
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, fd) != 0)
        return -1;
    host_fd = fd[0];
    taken = 0;
    joined = false;
    tt_buf_init(&in);
    tt_rt_message_init(&message);
    serve_with_output(fd[1], page_fd);
    return toy.serve ? pthread_create(&thread, NULL, serve, NULL) : -1;
}

static int begin(void **unused)
{
    (void)unused;
    int fd = tt_page_create(&page);
    return fd < 0 ? -1 : start(fd);
}

static int begin_without_page(void **unused)
{
    (void)unused;
    page = NULL;
    return start(-1);
}

static int end(void **unused)
{
    (void)unused;
    shutdown(host_fd, SHUT_RDWR);
    if (!joined)
        pthread_join(thread, NULL);
    close(host_fd);
    close(output[0]);
    close(output[1]);
    tt_page_unmap(&page);
    tt_buf_release(&in);
    tt_rt_message_release(&message);
    tt_rights_release(&rights);
    free(toy.large);
    return 0;
}

static void expect_hello(uint64_t wanted_features)
{
    uint64_t major, minor, features;
    int64_t pid;
    char name[16], version[16], program[16];
    receive();
    assert_int_equal(message.type, TT_RT_HELLO);
    assert_int_equal(tt_read_uint(&message.fields, &major), 0);
    assert_int_equal(tt_read_uint(&message.fields, &minor), 0);
    assert_int_equal(tt_read_text(&message.fields, name, sizeof name), 0);
    assert_int_equal(tt_read_text(&message.fields, version, sizeof version), 0);
    assert_int_equal(tt_read_text(&message.fields, program, sizeof program), 0);
    assert_int_equal(tt_read_int(&message.fields, &pid), 0);
    assert_int_equal(tt_read_uint(&message.fields, &features), 0);
    assert_int_equal(major, TT_RT_MAJOR);
    assert_string_equal(name, "toy");
    assert_string_equal(program, "/bin/toy");
    assert_int_equal(pid, getpid());
    assert_int_equal(features, wanted_features);
}

/* ---- tests */

TEST(without_a_socket_there_is_no_runtime)
{
    tt_error_t err;
    int fd = open("/dev/null", O_RDONLY);
    assert_null(tt_serve_new_on(&language, &toy, fd, -1, &err));
    assert_says(&err, "no socket to the host");
    tt_serve_t *none = NULL;
    tt_serve_destroy(&none);
}

TEST(a_malformed_header_ends_the_runtime)
{
    expect_hello(TT_FEATURE_PAGE | TT_FEATURE_REVOKE | TT_FEATURE_SPOOL);
    int saved = dup(2), null = open("/dev/null", O_WRONLY);
    dup2(null, 2); /* it complains there */
    send_bytes("\x01\x00\x00\x00\xc1", 5);
    pthread_join(thread, NULL);
    dup2(saved, 2);
    close(saved);
    close(null);
    joined = true;
}

TEST(a_task_without_or_with_malformed_arguments_is_refused)
{
    expect_hello(TT_FEATURE_PAGE | TT_FEATURE_REVOKE | TT_FEATURE_SPOOL);
    send_message(TT_RT_EXECUTE, 1, NULL, 0, NULL, 0);
    assert_int_equal(result_of(1), TT_STATUS_REFUSED);
    tt_span_t bad = SPAN("\x92\x01");
    send_message(TT_RT_EXECUTE, 2, NULL, 0, &bad, 1);
    assert_int_equal(result_of(2), TT_STATUS_REFUSED);
    assert_non_null(strstr(body(), "malformed value"));
    assert_int_equal(atomic_load(&toy.handled), 0);
}

TEST(an_unknown_message_is_logged_and_the_next_one_served)
{
    expect_hello(TT_FEATURE_PAGE | TT_FEATURE_REVOKE | TT_FEATURE_SPOOL);
    send_message(200, 4, NULL, 0, NULL, 0);
    receive();
    assert_int_equal(message.type, TT_RT_LOG);
    execute(5, "echo");
    assert_int_equal(result_of(5), TT_STATUS_OK);
}

TEST(hello_tells_whether_there_is_a_page)
{
    expect_hello(TT_FEATURE_SPOOL);
    execute(1, "echo");
    assert_int_equal(result_of(1), TT_STATUS_OK);
}

TEST(a_result_carries_repr_and_value)
{
    expect_hello(TT_FEATURE_PAGE | TT_FEATURE_REVOKE | TT_FEATURE_SPOOL);
    execute(7, "echo");
    assert_int_equal(result_of(7), TT_STATUS_OK);
    assert_string_equal(body(), "[\"shown\",true,[\"echo\"],[],null]");
    execute(8, "nothing");
    assert_int_equal(result_of(8), TT_STATUS_OK);
    assert_string_equal(body(), "[null,false,null,[],null]");
}

TEST(a_failure_carries_its_error)
{
    expect_hello(TT_FEATURE_PAGE | TT_FEATURE_REVOKE | TT_FEATURE_SPOOL);
    execute(1, "fail");
    assert_int_equal(result_of(1), TT_STATUS_ERROR);
    assert_string_equal(body(), "[null,false,null,[],{\"type\":\"ToyError\",\"message\":\"it "
                                "failed\",\"traceback\":\"line 1\"}]");
}

TEST(start_and_blobs_reach_the_language)
{
    tt_buf_t fields;
    tt_buf_init(&fields);
    tt_pack_int(&fields, 12);
    tt_pack_text(&fields, "lab");
    send_message(TT_RT_START, 0, &fields, 2, NULL, 0);
    expect_hello(TT_FEATURE_PAGE | TT_FEATURE_REVOKE | TT_FEATURE_SPOOL);
    fields.len = 0;
    tt_pack_bin(&fields, "0123456789abcdef", 16);
    tt_span_t bytes = SPAN("code");
    send_message(TT_RT_BLOB, 0, &fields, 1, &bytes, 1);
    execute(1, "echo");
    assert_int_equal(result_of(1), TT_STATUS_OK);
    assert_int_equal(toy.engine, 12);
    assert_string_equal(toy.cluster, "lab");
    assert_string_equal(toy.blob, "code");
    send_message(TT_RT_DROP, 0, &fields, 1, NULL, 0);
    execute(2, "echo");
    assert_int_equal(result_of(2), TT_STATUS_OK);
    assert_string_equal(toy.blob, "-");
    tt_buf_release(&fields);
}

TEST(buffers_travel_behind_the_body_and_are_let_go)
{
    expect_hello(TT_FEATURE_PAGE | TT_FEATURE_REVOKE | TT_FEATURE_SPOOL);
    memset(toy.large, 'L', 100000);
    tt_buf_t args;
    tt_buf_init(&args);
    tt_pack_array(&args, 1);
    tt_pack_text(&args, "buffers");
    tt_span_t frames[2] = {span_of(&args), SPAN("in and out")};
    send_message(TT_RT_EXECUTE, 3, NULL, 0, frames, 2);
    assert_int_equal(result_of(3), TT_STATUS_OK);
    assert_int_equal(message.frame_count, 3);
    assert_int_equal(message.frames[1].len, 100000);
    assert_int_equal(message.frames[1].data[99999], 'L');
    assert_memory_equal(message.frames[2].data, "in and out", 10);
    execute(4, "echo");
    assert_int_equal(result_of(4), TT_STATUS_OK);
    assert_int_equal(atomic_load(&toy.let_go), 2);
    tt_buf_release(&args);
}

TEST(a_big_value_comes_in_a_spool)
{
    tt_error_t err;
    expect_hello(TT_FEATURE_PAGE | TT_FEATURE_REVOKE | TT_FEATURE_SPOOL);
    memset(toy.large, 'x', HUGE_BYTES);
    execute(1, "huge");
    assert_int_equal(result_of(1), TT_STATUS_OK);
    assert_int_equal(message.frame_count, 2);
    assert_non_null(message.frames[0].data); /* the body is small, and stands in the message */
    assert_null(message.frames[1].data);
    assert_int_equal(message.layout.places[1].len, HUGE_BYTES);
    assert_int_equal(tt_rt_map_spool(&message, &err), 0);
    assert_int_equal(message.frames[1].len, HUGE_BYTES);
    assert_int_equal(message.frames[1].data[HUGE_BYTES - 1], 'x');
    execute(2, "echo"); /* by then it has let go of what it lent */
    assert_int_equal(result_of(2), TT_STATUS_OK);
    assert_int_equal(atomic_load(&toy.let_go), 1);
}

/* The arguments, and one frame of `len` bytes that lies in a spool. */
static void send_spooled(uint32_t seq, const char *what, size_t len, bool with_file)
{
    tt_error_t err;
    tt_buf_t args, head;
    tt_buf_init(&args);
    tt_buf_init(&head);
    tt_pack_array(&args, 1);
    tt_pack_text(&args, what);
    tt_layout_t layout;
    tt_layout_plan(&layout, (size_t[]){args.len, len}, 2);
    tt_rt_pack_spooled(&head, TT_RT_EXECUTE, seq, &layout, (tt_span_t){NULL, 0}, 0);
    tt_spool_t *spool = tt_spool_new(layout.bytes, &err);
    uint8_t *bytes = tt_alloc(len);
    memset(bytes, 'y', len);
    tt_span_t frames[] = {span_of(&args), {bytes, len}};
    assert_int_equal(tt_spool_write_frames(spool, &layout, frames, &err), 0);
    struct iovec out[] = {{head.data, head.len}, {args.data, args.len}};
    assert_int_equal(tt_rights_write(host_fd, out, 2, with_file ? tt_spool_fd(spool) : -1),
                     (ssize_t)(head.len + args.len));
    tt_spool_release(&spool);
    tt_layout_release(&layout);
    tt_buf_release(&args);
    tt_buf_release(&head);
    free(bytes);
}

TEST(a_big_argument_comes_in_a_spool)
{
    enum { LEN = 3 << 20 };
    expect_hello(TT_FEATURE_PAGE | TT_FEATURE_REVOKE | TT_FEATURE_SPOOL);
    for (uint32_t seq = 1; seq <= 3; seq++) {
        send_spooled(seq, "buffers", LEN, true);
        assert_int_equal(result_of(seq), TT_STATUS_OK);
        assert_int_equal(message.frame_count, 3);
        tt_error_t err;
        assert_int_equal(tt_rt_map_spool(&message, &err), 0);
        assert_int_equal(message.frames[2].len, LEN);
        assert_int_equal(message.frames[2].data[0], 'y');
        assert_int_equal(message.frames[2].data[LEN - 1], 'y');
    }
}

TEST(a_spool_that_does_not_come_ends_the_runtime)
{
    expect_hello(TT_FEATURE_PAGE | TT_FEATURE_REVOKE | TT_FEATURE_SPOOL);
    send_spooled(1, "buffers", 3 << 20, false);
    pthread_join(thread, NULL);
    joined = true;
}

TEST(many_tasks_sent_ahead_are_answered_in_order)
{
    expect_hello(TT_FEATURE_PAGE | TT_FEATURE_REVOKE | TT_FEATURE_SPOOL);
    for (uint32_t seq = 1; seq <= 200; seq++)
        execute(seq, "echo");
    for (uint32_t seq = 1; seq <= 200; seq++)
        assert_int_equal(result_of(seq), TT_STATUS_OK);
}

/* The next message must say that task `seq` was not started. */
static void not_started(uint32_t seq)
{
    uint64_t status;
    receive();
    assert_int_equal(message.type, TT_RT_RESULT);
    assert_int_equal(message.seq, seq);
    assert_int_equal(message.frame_count, 1);
    assert_int_equal(message.frames[0].len, 0);
    assert_int_equal(tt_read_uint(&message.fields, &status), 0);
    assert_int_equal(status, TT_STATUS_CANCELLED);
}

TEST(what_was_revoked_is_answered_and_not_done)
{
    expect_hello(TT_FEATURE_PAGE | TT_FEATURE_REVOKE | TT_FEATURE_SPOOL);
    tt_page_revoke(page, 2, 3);
    for (uint32_t seq = 1; seq <= 4; seq++)
        execute(seq, "echo");
    assert_int_equal(result_of(1), TT_STATUS_OK);
    not_started(2);
    not_started(3);
    assert_int_equal(result_of(4), TT_STATUS_OK);
    assert_int_equal(atomic_load(&toy.handled), 2);
    assert_int_equal(tt_page_started(page), 4);
}

TEST(a_message_in_pieces_is_one_message)
{
    expect_hello(TT_FEATURE_PAGE | TT_FEATURE_REVOKE | TT_FEATURE_SPOOL);
    tt_buf_t out;
    size_t size = 1;
    tt_buf_init(&out);
    tt_rt_pack(&out, TT_RT_EXECUTE, 6, &size, 1, (tt_span_t){NULL, 0}, 0);
    tt_buf_append(&out, "\x90", 1);
    for (size_t i = 0; i < out.len; i++) {
        send_bytes(out.data + i, 1);
        usleep(200);
    }
    assert_int_equal(result_of(6), TT_STATUS_OK);
    tt_buf_release(&out);
}

static void assert_offsets(uint64_t start, uint64_t stop)
{
    uint64_t offset;
    int64_t run_ns;
    size_t count;
    assert_int_equal(tt_read_int(&message.fields, &run_ns), 0);
    assert_true(run_ns >= 0);
    assert_int_equal(tt_read_array(&message.fields, &count), 0);
    assert_int_equal(count, 4);
    assert_int_equal(tt_read_uint(&message.fields, &offset), 0);
    assert_int_equal(offset, start);
    assert_int_equal(tt_read_uint(&message.fields, &offset), 0);
    assert_int_equal(offset, stop);
    tt_skip(&message.fields);
    tt_skip(&message.fields);
    assert_true(tt_reader_done(&message.fields));
}

TEST(a_result_tells_where_its_output_starts_and_ends)
{
    char bytes[20];
    expect_hello(TT_FEATURE_PAGE | TT_FEATURE_REVOKE | TT_FEATURE_SPOOL);
    execute(1, "print");
    assert_int_equal(result_of(1), TT_STATUS_OK);
    assert_offsets(0, 10);
    tt_page_read_begin(page, 0);
    assert_int_equal(read(output[0], bytes, sizeof bytes), 10);
    tt_page_read_end(page, 0, 10);
    execute(2, "echo");
    assert_int_equal(result_of(2), TT_STATUS_OK);
    assert_offsets(10, 10);
    assert_int_equal(write(output[1], "background", 10), 10);
    execute(3, "print");
    assert_int_equal(result_of(3), TT_STATUS_OK);
    assert_offsets(20, 30);
}

static void wait_until_entered(int seq)
{
    for (int i = 0; i < 10000 && atomic_load(&toy.entered) != seq; i++)
        usleep(1000);
    assert_int_equal(atomic_load(&toy.entered), seq);
}

TEST(an_interrupt_ends_the_task_it_was_claimed_for_and_no_other)
{
    expect_hello(TT_FEATURE_PAGE | TT_FEATURE_REVOKE | TT_FEATURE_SPOOL);
    execute(1, "wait");
    execute(2, "echo");
    wait_until_entered(1);
    assert_true(tt_page_claim(page, 1));
    atomic_fetch_add(&toy.interrupts, 1); /* the signal */
    tt_page_sent(page, 1);
    assert_int_equal(result_of(1), TT_STATUS_INTERRUPTED);
    assert_int_equal(result_of(2), TT_STATUS_OK);
}

TEST(a_stray_interrupt_before_a_task_does_not_meet_it)
{
    expect_hello(TT_FEATURE_PAGE | TT_FEATURE_REVOKE | TT_FEATURE_SPOOL);
    atomic_fetch_add(&toy.interrupts, 1);
    execute(1, "echo");
    assert_int_equal(result_of(1), TT_STATUS_OK);
}

/* Answers the ASK in `message` with `value`. */
static void answer(uint32_t seq, tt_span_t value)
{
    tt_buf_t fields;
    tt_buf_init(&fields);
    tt_pack_uint(&fields, TT_STATUS_OK);
    send_message(TT_RT_ANSWER, seq, &fields, 1, &value, 1);
    tt_buf_release(&fields);
}

/* Takes an ASK and returns its number. */
static uint32_t asked(void)
{
    char what[8], text[8];
    receive();
    assert_int_equal(message.type, TT_RT_ASK);
    assert_int_equal(tt_read_text(&message.fields, what, sizeof what), 0);
    assert_int_equal(tt_read_text(&message.fields, text, sizeof text), 0);
    assert_string_equal(what, "wait");
    assert_string_equal(text, "5");
    return message.seq;
}

TEST(an_answer_reaches_the_task_that_asked)
{
    expect_hello(TT_FEATURE_PAGE | TT_FEATURE_REVOKE | TT_FEATURE_SPOOL);
    execute(1, "ask");
    uint32_t number = asked();
    answer(number + 1000, SPAN("\x01")); /* of nobody: ignored */
    answer(number, SPAN("\x2a"));
    assert_int_equal(result_of(1), TT_STATUS_OK);
    assert_string_equal(body(), "[\"answered\",true,42,[],null]");
    execute(2, "echo");
    assert_int_equal(result_of(2), TT_STATUS_OK);
}

TEST(tasks_that_come_while_one_asks_are_done_at_once)
{
    expect_hello(TT_FEATURE_PAGE | TT_FEATURE_REVOKE | TT_FEATURE_SPOOL);
    execute(1, "ask");
    uint32_t number = asked();
    execute(2, "echo");
    assert_int_equal(result_of(2), TT_STATUS_OK);
    assert_int_equal(tt_page_running(page), 1); /* the word stays the asking task's */
    execute(3, "fail");
    assert_int_equal(result_of(3), TT_STATUS_ERROR);
    answer(number, SPAN("\x07"));
    assert_int_equal(result_of(1), TT_STATUS_OK);
    assert_string_equal(body(), "[\"answered\",true,7,[],null]");
}

TEST(a_task_within_a_question_may_ask_itself)
{
    expect_hello(TT_FEATURE_PAGE | TT_FEATURE_REVOKE | TT_FEATURE_SPOOL);
    execute(1, "ask");
    uint32_t outer = asked();
    execute(2, "ask");
    uint32_t inner = asked();
    answer(inner, SPAN("\x02"));
    assert_int_equal(result_of(2), TT_STATUS_OK);
    assert_string_equal(body(), "[\"answered\",true,2,[],null]");
    answer(outer, SPAN("\x01"));
    assert_int_equal(result_of(1), TT_STATUS_OK);
    assert_string_equal(body(), "[\"answered\",true,1,[],null]");
    execute(3, "ask");
    answer(asked(), SPAN("\x03"));
    assert_int_equal(result_of(3), TT_STATUS_OK);
}

TEST(stop_ends_the_runtime_with_status_0)
{
    expect_hello(TT_FEATURE_PAGE | TT_FEATURE_REVOKE | TT_FEATURE_SPOOL);
    send_message(TT_RT_STOP, 0, NULL, 0, NULL, 0);
    struct pollfd wait = {host_fd, POLLIN, 0};
    assert_int_equal(poll(&wait, 1, 10000), 1);
    char byte;
    assert_int_equal(read(host_fd, &byte, 1), 0);
    pthread_join(thread, NULL);
    joined = true;
    assert_int_equal(toy.exit_status, 0);
}

TEST(a_task_can_leave_with_a_status_after_its_result)
{
    expect_hello(TT_FEATURE_PAGE | TT_FEATURE_REVOKE | TT_FEATURE_SPOOL);
    execute(1, "leave");
    may_have_left = true;
    execute(2, "echo");
    may_have_left = false;
    assert_int_equal(result_of(1), TT_STATUS_OK);
    struct pollfd wait = {host_fd, POLLIN, 0};
    assert_int_equal(poll(&wait, 1, 10000), 1);
    char byte;
    assert_true(read(host_fd, &byte, 1) <= 0);
    pthread_join(thread, NULL);
    joined = true;
    assert_int_equal(toy.exit_status, 3);
    assert_int_equal(atomic_load(&toy.handled), 1);
}

#define EACH(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        RUN(without_a_socket_there_is_no_runtime),
        EACH(a_malformed_header_ends_the_runtime),
        EACH(a_task_without_or_with_malformed_arguments_is_refused),
        EACH(an_unknown_message_is_logged_and_the_next_one_served),
        cmocka_unit_test_setup_teardown(hello_tells_whether_there_is_a_page, begin_without_page,
                                        end),
        EACH(a_result_carries_repr_and_value),
        EACH(a_failure_carries_its_error),
        EACH(start_and_blobs_reach_the_language),
        EACH(buffers_travel_behind_the_body_and_are_let_go),
        EACH(a_big_value_comes_in_a_spool),
        EACH(a_big_argument_comes_in_a_spool),
        EACH(a_spool_that_does_not_come_ends_the_runtime),
        EACH(many_tasks_sent_ahead_are_answered_in_order),
        EACH(what_was_revoked_is_answered_and_not_done),
        EACH(a_message_in_pieces_is_one_message),
        EACH(a_result_tells_where_its_output_starts_and_ends),
        EACH(an_interrupt_ends_the_task_it_was_claimed_for_and_no_other),
        EACH(a_stray_interrupt_before_a_task_does_not_meet_it),
        EACH(an_answer_reaches_the_task_that_asked),
        EACH(tasks_that_come_while_one_asks_are_done_at_once),
        EACH(a_task_within_a_question_may_ask_itself),
        EACH(stop_ends_the_runtime_with_status_0),
        EACH(a_task_can_leave_with_a_status_after_its_result),
    };
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
