/* For tests of the prompt: what it writes is kept; a session whose cluster is the fake
 * controller; and a toy runtime that stands for Python, which is this test's own program,
 * started again, and notes the tasks it was given. */
#ifndef PROMPT_H
#define PROMPT_H

#include "fake_controller.h"

#include "language.h"
#include "session.h"
#include "value.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

/* ---- what is written to descriptors 1 and 2 */

static char said_out[16384], said_err[16384];
static int said_fds[2] = {-1, -1}; /* the real ones, meanwhile */

static inline void listen_begin(void)
{
    for (int i = 0; i < 2; i++) {
        fflush(i ? stderr : stdout);
        said_fds[i] = fcntl(i + 1, F_DUPFD_CLOEXEC, 10);
        int fd =
            open(scratch_path(i ? "err" : "out"), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        dup2(fd, i + 1);
        close(fd);
    }
}

static inline void listen_end(void)
{
    for (int i = 0; i < 2; i++) {
        char *text = i ? said_err : said_out;
        fflush(i ? stderr : stdout);
        ssize_t got = pread(i + 1, text, sizeof said_out - 1, 0);
        text[got > 0 ? got : 0] = 0;
        dup2(said_fds[i], i + 1);
        close(said_fds[i]);
        said_fds[i] = -1;
    }
}

/* For the end of a test: if it failed while we listened, what was said is shown. */
static inline void listen_stop(void)
{
    if (said_fds[0] < 0)
        return;
    listen_end();
    fprintf(stderr, "%s%s", said_out, said_err);
}

/* What was heard, compared: all of it, or a part. */
#define assert_out(text) assert_string_equal(said_out, text)
#define assert_err(text) assert_string_equal(said_err, text)
#define assert_part(whole, part)                                                               \
    do {                                                                                       \
        if (strstr(whole, part) == NULL)                                                       \
            fail_msg("\"%s\" has no \"%s\"", whole, part);                                     \
    } while (0)

/* ---- the toy runtime */

static int toy_interrupts;

static inline void toy_on_interrupt(int number)
{
    (void)number;
    toy_interrupts++;
}

/* "EXECUTE [...] | buffer", one line of the file that the environment names. */
static inline void toy_note(const tt_request_t *request)
{
    tt_buf_t line;
    tt_buf_init(&line);
    tt_buf_printf(&line, "%s ", tt_rt_name(request->op));
    tt_value_json(request->args, &line);
    for (size_t i = 0; i < request->buffer_count; i++) {
        tt_buf_printf(&line, " | ");
        tt_value_json(request->buffers[i], &line);
    }
    tt_buf_append(&line, "\n", 1);
    int fd = open(getenv("TOY_NOTES"), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (write(fd, line.data, line.len) < 0)
        abort();
    close(fd);
    tt_buf_release(&line);
}

/* "ask WHAT TEXT": its value is "STATUS ANSWER". */
static inline void toy_ask(tt_serve_t *serve, char *what, tt_reply_t *reply)
{
    tt_answer_t answer;
    char *text = strchr(what, ' ');
    tt_buf_t told;
    tt_buf_init(&told);
    *text++ = 0;
    int status = tt_serve_ask(serve, what, text, &answer);
    tt_buf_printf(&told, "%d ", status);
    if (status >= 0 && answer.count > 0)
        tt_value_json(answer.frames[0], &told);
    tt_reply_value(reply, tt_buf_text(&told), (tt_span_t){NULL, 0});
    tt_buf_release(&told);
}

/* Its value: "PID owns" when its group has the terminal, else "PID". */
static inline void toy_tell_owner(tt_reply_t *reply)
{
    char text[32];
    int fd = open("/dev/tty", O_RDONLY | O_CLOEXEC);
    bool owns = fd >= 0 && tcgetpgrp(fd) == getpgrp();
    close(fd);
    snprintf(text, sizeof text, "%d%s", (int)getpid(), owns ? " owns" : "");
    tt_reply_value(reply, text, (tt_span_t){NULL, 0});
}

/* `fail TEXT`, `exit N`, `die N`, `spin`, `stop`, `owner`, `print TEXT`, `ask WHAT TEXT`;
 * anything else is its own value, and nothing has none. */
static inline void toy_execute(tt_serve_t *serve, char *code, tt_reply_t *reply)
{
    code += strspn(code, "\n");
    if (strncmp(code, "fail ", 5) == 0) {
        tt_reply_error(reply, TT_STATUS_ERROR, "ToyError", code + 5, NULL);
    } else if (strncmp(code, "exit ", 5) == 0) {
        tt_reply_error(reply, TT_STATUS_ERROR, "SystemExit", code + 5, NULL);
        reply->leave = true;
        reply->exit_status = atoi(code + 5);
    } else if (strncmp(code, "die ", 4) == 0) {
        raise(atoi(code + 4));
    } else if (strcmp(code, "stop") == 0) {
        raise(SIGSTOP);
        tt_reply_value(reply, "goes on", (tt_span_t){NULL, 0});
    } else if (strcmp(code, "owner") == 0) {
        toy_tell_owner(reply);
    } else if (strncmp(code, "print ", 6) == 0) {
        if (write(1, code + 6, strlen(code + 6)) < 0)
            abort();
    } else if (strcmp(code, "spin") == 0) {
        while (toy_interrupts == 0)
            usleep(1000); /* a pause would miss a signal that comes just before it */
        tt_reply_error(reply, TT_STATUS_INTERRUPTED, "KeyboardInterrupt", "", NULL);
    } else if (strncmp(code, "ask ", 4) == 0) {
        toy_ask(serve, code + 4, reply);
    } else {
        tt_reply_value(reply, code, (tt_span_t){NULL, 0});
    }
}

/* A value is its expression, as text; a function's hash is of one letter; `N` as items are that
 * many. What begins with "bad" gives nonsense. */
static inline void toy_get(const char *name, const char *how, tt_reply_t *reply)
{
    tt_buf_t value;
    tt_buf_init(&value);
    bool bad = strncmp(name, "bad", 3) == 0;
    if (bad && strcmp(how, "items") == 0) {
        tt_pack_array(&value, 1);
        tt_pack_uint(&value, 1);
    } else if (bad) {
        tt_pack_nil(&value);
    } else if (strcmp(how, "function") == 0) {
        tt_pack_array(&value, 2);
        tt_pack_bin(&value, "ffffffffffffffff", 16);
        tt_pack_text(&value, strcmp(name, "big") == 0 ? "big travels along" : NULL);
        tt_reply_buffer(reply, tt_span("\xc0"), NULL);
    } else if (strcmp(how, "items") == 0) {
        static const uint8_t args[] = {0x91, 0x07}; /* [7] */
        size_t count = (size_t)atoi(name);
        tt_pack_array(&value, count);
        for (size_t i = 0; i < count; i++) {
            tt_pack_uint(&value, 1);
            tt_reply_buffer(reply, (tt_span_t){args, sizeof args}, NULL);
        }
    } else {
        tt_pack_array(&value, 1);
        tt_pack_text(&value, name);
    }
    tt_reply_value(reply, NULL, (tt_span_t){value.data, value.len});
    tt_buf_release(&value);
}

/* It knows four names; `slow` before the cursor takes until it is interrupted, `odd` is
 * answered with nonsense. */
static inline void toy_complete(tt_reader_t args, tt_reply_t *reply)
{
    static const char *const names[] = {"alpha", "alpine", "beta", "\u00e9t\u00e9"};
    size_t two, before = 0, count = 0;
    tt_span_t text;
    tt_buf_t value;
    if (tt_read_array(&args, &two) != 0 || tt_read_str(&args, &text) != 0)
        return;
    char *code = tt_strndup((const char *)text.data, text.len);
    size_t start = text.len;
    while (start > 0 && (unsigned char)code[start - 1] > ' ')
        start--;
    while (strstr(code, "slow") && toy_interrupts == 0)
        usleep(1000); /* a pause would miss a signal that comes just before it */
    for (size_t i = 0; i < start; i++)
        before += (code[i] & 0xc0) != 0x80;
    for (size_t i = 0; i < 4; i++)
        count += strncmp(names[i], code + start, strlen(code + start)) == 0;
    tt_buf_init(&value);
    tt_pack_array(&value, strstr(code, "odd") ? 1 : 2);
    tt_pack_uint(&value, before);
    tt_pack_array(&value, count);
    for (size_t i = 0; i < 4; i++)
        if (strncmp(names[i], code + start, strlen(code + start)) == 0)
            tt_pack_text(&value, names[i]);
    tt_reply_value(reply, NULL, (tt_span_t){value.data, value.len});
    tt_buf_release(&value);
    free(code);
}

static inline void toy_handle(void *arg, const tt_request_t *request, tt_reply_t *reply)
{
    tt_reader_t args = tt_reader(request->args);
    size_t count;
    char text[1024] = "", how[16] = "";
    tt_buf_t value;
    toy_note(request);
    tt_read_array(&args, &count);
    if (request->op == TT_RT_GET)
        tt_read_array(&args, &count);
    tt_read_text(&args, text, sizeof text);
    for (size_t i = 1; request->op == TT_RT_GET && i < count; i++)
        tt_skip(&args);
    tt_read_text(&args, how, sizeof how);
    tt_buf_init(&value);
    switch (request->op) {
    case TT_RT_EXECUTE:
        toy_execute(*(tt_serve_t **)arg, text, reply);
        break;
    case TT_RT_GET:
        toy_get(text, how, reply);
        break;
    case TT_RT_CHECK: /* an open bracket wants more, by as many blanks as `<` tell; `$` is wrong
                       */
        while (strstr(text, "slow") && toy_interrupts == 0)
            usleep(1000); /* a pause would miss a signal that comes just before it */
        tt_pack_array(&value, 2);
        tt_pack_text(&value, strchr(text, '$')                         ? "invalid"
                             : strchr(text, '(') && !strchr(text, ')') ? "more"
                                                                       : "whole");
        tt_pack_int(&value, strchr(text, '<') ? atoi(strchr(text, '<') + 1) : 0);
        tt_reply_value(reply, NULL, (tt_span_t){value.data, value.len});
        break;
    case TT_RT_COMPLETE:
        toy_complete(tt_reader(request->args), reply);
        break;
    case TT_RT_INSPECT:
        tt_pack_text(&value, strcmp(text, "nothing") == 0 ? NULL : "all about it");
        tt_reply_value(reply, NULL, (tt_span_t){value.data, value.len});
        break;
    case TT_RT_SET:
        if (strcmp(text, "refused") == 0)
            tt_reply_error(reply, TT_STATUS_ERROR, "NameError", "not that name", NULL);
        break;
    default:
        break;
    }
    tt_buf_release(&value);
}

static inline void toy_start(void *arg, int engine, const char *cluster)
{
    (void)arg;
    (void)engine;
    (void)cluster;
}

static inline void toy_blob(void *arg, tt_span_t hash, tt_span_t bytes)
{
    (void)arg;
    (void)hash;
    (void)bytes;
}

static inline void toy_flush(void *arg)
{
    (void)arg;
}

static inline int toy_drain(void *arg)
{
    int count = toy_interrupts;
    (void)arg;
    toy_interrupts = 0;
    return count;
}

static inline void toy_let_go(void *arg, void *owner)
{
    (void)arg;
    (void)owner;
}

static inline void toy_idle(void *arg, bool entering)
{
    (void)arg;
    (void)entering;
}

/* For the start of main: never returns when we are the runtime. */
static inline void toy_main(void)
{
    static const tt_language_t language = {.name = "python",
                                           .version = "3.11.2",
                                           .program = "toy",
                                           .start = toy_start,
                                           .handle = toy_handle,
                                           .blob = toy_blob,
                                           .flush = toy_flush,
                                           .drain = toy_drain,
                                           .let_go = toy_let_go,
                                           .idle = toy_idle};
    static tt_serve_t *serve;
    struct sigaction action = {.sa_handler = toy_on_interrupt};
    tt_error_t err;
    if (getenv("TOY_NOTES") == NULL)
        return;
    sigaction(SIGINT, &action, NULL);
    serve = tt_serve_new(&language, &serve, &err);
    if (serve == NULL)
        _exit(2);
    _exit(tt_serve_run(serve));
}

/* What the runtime was asked to do since the last call. */
static inline const char *toy_told(void)
{
    static char text[65536], path[PATH_MAX];
    static off_t seen; /* nothing is cut off: the toy may be writing */
    if (strcmp(path, scratch_path("notes")) != 0) {
        strcpy(path, scratch_path("notes"));
        seen = 0;
    }
    int fd = open(path, O_RDONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    ssize_t got = pread(fd, text, sizeof text - 1, seen);
    text[got > 0 ? got : 0] = 0;
    seen += got > 0 ? got : 0;
    close(fd);
    return text;
}

/* ---- a session */

static tt_loop_t *loop;
static fake_t fake;
static session_t session;
static tt_error_t err;

static inline void prompt_on_signal(void *arg, const struct signalfd_siginfo *info)
{
    (void)arg;
    (void)info;
    if (session.local)
        local_reap(session.local);
}

/* A session on a fake cluster of so many engines. */
static inline int prompt_begin(int engines)
{
    sigset_t signals;
    tt_client_t *client;
    memset(&session, 0, sizeof session);
    if (scratch_begin() != 0)
        return -1;
    setenv("TOY_NOTES", scratch_path("notes"), 1);
    tt_signals_block(&signals, SIGCHLD, 0);
    loop = tt_loop_new();
    tt_loop_add_signals(loop, &signals, prompt_on_signal, NULL);
    if (fake_start(&fake, loop) != 0)
        return -1;
    fake.engines = engines;
    client = tt_client_open(loop, &fake.dir, "tests", NULL, NULL, 10000, &err);
    if (client == NULL)
        return -1;
    session_init(&session, loop, &fake.dir, client);
    session.python = "/proc/self/exe"; /* of the child: the same */
    return 0;
}

static inline int prompt_end(void)
{
    listen_stop();
    session_release(&session);
    fake_stop(&fake);
    tt_loop_destroy(&loop);
    unsetenv("TOY_NOTES");
    return scratch_end();
}

/* Runs a source; what is written meanwhile is in said_out and said_err. */
static inline int run_file(const char *file, const char *text)
{
    listen_begin();
    int status = session_run(&session, file, text, strlen(text));
    listen_end();
    return status;
}

static inline int run(const char *text)
{
    return run_file("", text);
}

/* For fake_t: each engine that a SUBMIT names gives its number; of balanced work, engine 0. */
static inline bool answer_submit(fake_t *self, letter_t *letter)
{
    const tt_msg_submit_t *submit = &letter->message.as.submit;
    int *ids = NULL, count;
    char text[16];
    if (letter->message.type != TT_MSG_SUBMIT)
        return false;
    count = submit->flags & TT_SUBMIT_BALANCED ? 0 : tt_ids_read(submit->engines, &ids, NULL);
    for (int i = 0; i < count; i++) {
        snprintf(text, sizeof text, "%d", ids[i]);
        fake_result(self, letter->message.id, ids[i], TT_STATUS_OK, "", text);
    }
    if (submit->flags & TT_SUBMIT_BALANCED)
        fake_result(self, letter->message.id, 0, TT_STATUS_OK, "", "49");
    free(ids);
    return false; /* kept, for the test to look at */
}

#endif
