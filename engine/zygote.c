/* The zygote's link. PROTOCOL.md, "Zygotes": datagrams over a SOCK_SEQPACKET socket; each
 * request carries an engine's descriptors, each answer its pid, sent before the engine is
 * released. */
#include "zygote.h"

#include "child.h"
#include "interpreter.h"
#include "log.h"
#include "pack.h"
#include "read.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    FDS = 4,
    DATAGRAM = 32768,
    REQUESTS_MAX = 32, /* descriptors in flight are bounded */
    LAST_READS = 64    /* more than a pipe holds */
};

typedef enum { ASKED, FORKS, EXECS } mode_t_;

struct zygote {
    host_t *host;
    zygote_find_fn *find;
    void *arg;
    char *program; /* for messages; owned */
    pid_t pid;
    int fd;
    int err_fd; /* its stderr, for the reason when it fails */
    mode_t_ mode;
    int *asked; /* engines that were requested and not yet answered for */
    size_t asked_count;
    int *waiting; /* engines that wait for their turn */
    size_t waiting_count;
    tt_buf_t last_words;
    tt_buf_t names; /* of the top level, as the body of a RESULT; empty: not told */
};

static void on_readable(void *arg, int fd, uint32_t events);
static void on_words(void *arg, int fd, uint32_t events);

static pid_t spawn(const spec_t *spec, int socket_fd, int err_fd, tt_error_t *err)
{
    const char *argv[TT_ARGV_MAX];
    const char *const *extra = (const char *const *)spec->args;
    if (tt_interpreter_argv(spec->language, spec->program, "zygote", extra, argv, err) != 0)
        return -1;
    tt_child_t child = {.argv = argv,
                        .environment = (const char *const *)spec->environment,
                        .nice = spec->nice,
                        .memory_bytes = spec->memory_bytes,
                        .directory =
                            spec->directory && *spec->directory ? spec->directory : NULL,
                        .fd = {-1, err_fd, err_fd, socket_fd, -1},
                        .own_group = true,
                        .dies_with_us = true};
    pid_t pid = tt_child_spawn(&child, err);
    for (int i = 0; argv[i]; i++)
        free((char *)(uintptr_t)argv[i]);
    return pid;
}

zygote_t *zygote_new(host_t *host, const spec_t *spec, zygote_find_fn *find, void *arg,
                     tt_error_t *err)
{
    int socket_fd[2], err_fd[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, socket_fd) != 0)
        return tt_error_null(err, "cannot make a socket: %s", strerror(errno));
    if (pipe2(err_fd, O_CLOEXEC) != 0) {
        close(socket_fd[0]);
        close(socket_fd[1]);
        return tt_error_null(err, "cannot make a pipe: %s", strerror(errno));
    }
    pid_t pid = spawn(spec, socket_fd[1], err_fd[1], err);
    close(socket_fd[1]);
    close(err_fd[1]);
    if (pid < 0) {
        close(socket_fd[0]);
        close(err_fd[0]);
        return NULL;
    }
    zygote_t *self = tt_alloc(sizeof *self);
    *self = (zygote_t){.host = host,
                       .find = find,
                       .arg = arg,
                       .program = tt_strdup(spec->program ? spec->program : ""),
                       .pid = pid,
                       .fd = socket_fd[0],
                       .err_fd = err_fd[0],
                       .mode = ASKED};
    fcntl(self->fd, F_SETFL, O_NONBLOCK);
    fcntl(self->err_fd, F_SETFL, O_NONBLOCK);
    tt_loop_add_fd(host_loop(host), self->fd, EPOLLIN, on_readable, self);
    tt_loop_add_fd(host_loop(host), self->err_fd, EPOLLIN, on_words, self);
    return self;
}

void zygote_destroy(zygote_t **self_p)
{
    zygote_t *self = *self_p;
    if (self == NULL)
        return;
    tt_loop_remove_fd(host_loop(self->host), self->fd);
    tt_loop_remove_fd(host_loop(self->host), self->err_fd);
    close(self->fd);
    close(self->err_fd);
    free(self->program);
    free(self->asked);
    free(self->waiting);
    tt_buf_release(&self->last_words);
    tt_buf_release(&self->names);
    free(self);
    *self_p = NULL;
}

pid_t zygote_pid(const zygote_t *self)
{
    return self->pid;
}

tt_span_t zygote_names(const zygote_t *self)
{
    return self ? (tt_span_t){self->names.data, self->names.len} : (tt_span_t){NULL, 0};
}

static int send_request(zygote_t *self, int id, const int fds[FDS])
{
    tt_buf_t body;
    tt_buf_init(&body);
    tt_pack_array(&body, 1);
    tt_pack_int(&body, id);
    struct iovec data = {body.data, body.len};
    union {
        char bytes[CMSG_SPACE(FDS * sizeof(int))];
        struct cmsghdr align;
    } control = {{0}};
    struct msghdr message = {.msg_iov = &data,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof control.bytes};
    struct cmsghdr *head = CMSG_FIRSTHDR(&message);
    head->cmsg_level = SOL_SOCKET;
    head->cmsg_type = SCM_RIGHTS;
    head->cmsg_len = CMSG_LEN(FDS * sizeof(int));
    memcpy(CMSG_DATA(head), fds, FDS * sizeof(int));
    int rc = sendmsg(self->fd, &message, MSG_NOSIGNAL) < 0 ? -1 : 0;
    tt_buf_release(&body);
    return rc;
}

bool zygote_busy(const zygote_t *self)
{
    return self->mode != EXECS && self->asked_count >= REQUESTS_MAX;
}

void zygote_wait(zygote_t *self, int id)
{
    self->waiting =
        tt_realloc(self->waiting, (self->waiting_count + 1) * sizeof *self->waiting);
    self->waiting[self->waiting_count++] = id;
}

/* The next one's turn has come, in the order in which they asked. */
static void start_waiting(zygote_t *self)
{
    while (self->waiting_count > 0 && !zygote_busy(self)) {
        engine_t *engine = self->find(self->arg, self->waiting[0]);
        memmove(self->waiting, self->waiting + 1,
                --self->waiting_count * sizeof *self->waiting);
        if (engine)
            engine_start(engine);
    }
}

bool zygote_request(zygote_t *self, int id, const int fds[FDS])
{
    if (self == NULL || self->mode == EXECS || self->pid == 0)
        return false;
    /* One that has just died fails this engine, too, when its end is seen. */
    if (send_request(self, id, fds) != 0 && errno != EPIPE && errno != ECONNRESET)
        return false;
    self->asked = tt_realloc(self->asked, (self->asked_count + 1) * sizeof *self->asked);
    self->asked[self->asked_count++] = id;
    return true;
}

static void answered(zygote_t *self, int id)
{
    for (size_t i = 0; i < self->asked_count; i++)
        if (self->asked[i] == id)
            self->asked[i--] = self->asked[--self->asked_count];
}

/* It may not fork (threads, or no compiled runtime): everything it was asked for is started by
 * exec. */
static void on_exec(zygote_t *self, const char *reason)
{
    tt_log(TT_LOG_INFO, "engines are started by exec: %s", reason);
    self->mode = EXECS;
    while (self->asked_count > 0) {
        engine_t *engine = self->find(self->arg, self->asked[--self->asked_count]);
        if (engine)
            engine_start_by_exec(engine);
    }
    start_waiting(self);
}

/* Behind the word: version and program, which engines tell as well, and the names. */
static void on_ready(zygote_t *self, tt_reader_t *reader)
{
    tt_span_t names;
    self->mode = FORKS;
    if (tt_skip(reader) == 0 && tt_skip(reader) == 0 && tt_read_bin(reader, &names) == 0) {
        self->names.len = 0;
        tt_buf_append(&self->names, names.data, names.len);
    }
}

static void on_datagram(zygote_t *self, tt_span_t bytes)
{
    tt_error_t err;
    size_t count;
    int64_t id, pid;
    char word[16], text[256] = "";
    if (tt_validate(bytes, &tt_limits_header, &err) != 0) {
        tt_log(TT_LOG_WARN, "zygote: %s", err.text);
        return;
    }
    tt_reader_t reader = tt_reader(bytes);
    if (tt_read_array(&reader, &count) != 0 || count < 2)
        return;
    if (tt_read_int(&reader, &id) == 0 && tt_read_int(&reader, &pid) == 0) {
        engine_t *engine = self->find(self->arg, (int)id);
        answered(self, (int)id);
        if (engine && pid > 0)
            engine_started_as(engine, (pid_t)pid);
        else if (engine)
            engine_start_by_exec(engine);
        start_waiting(self);
    } else if (tt_read_text(&reader, word, sizeof word) == 0) {
        if (strcmp(word, "exec") != 0) {
            on_ready(self, &reader);
            return;
        }
        tt_read_text(&reader, text, sizeof text);
        on_exec(self, text);
    }
}

void zygote_drain(zygote_t *self)
{
    uint8_t bytes[DATAGRAM];
    ssize_t got;
    while ((got = recv(self->fd, bytes, sizeof bytes, MSG_DONTWAIT)) > 0)
        on_datagram(self, (tt_span_t){bytes, (size_t)got});
    if (got == 0)
        tt_loop_remove_fd(host_loop(self->host), self->fd);
}

static void on_readable(void *arg, int fd, uint32_t events)
{
    (void)fd;
    (void)events;
    zygote_drain(arg);
}

/* Reads some of what it wrote; whether there was any. */
static bool read_words(zygote_t *self, int fd)
{
    uint8_t *at = tt_buf_reserve(&self->last_words, 4096);
    ssize_t got = read(fd, at, 4096);
    if (got > 0) {
        tt_log(TT_LOG_INFO, "zygote: %.*s", (int)got, (const char *)at);
        self->last_words.len += (size_t)got;
    }
    if (got == 0 || (got < 0 && errno != EAGAIN))
        tt_loop_remove_fd(host_loop(self->host), fd);
    if (self->last_words.len > 16384)
        tt_buf_consume(&self->last_words, 8192);
    return got > 0;
}

static void on_words(void *arg, int fd, uint32_t events)
{
    (void)events;
    read_words(arg, fd);
}

/* The last line of what it wrote, which for a Python is the exception. */
static const char *last_line(zygote_t *self)
{
    for (int i = 0; i < LAST_READS && read_words(self, self->err_fd); i++)
        continue;
    tt_buf_t *words = &self->last_words;
    while (words->len > 0 && words->data[words->len - 1] == '\n')
        words->len--;
    const char *text = tt_buf_text(words), *line = strrchr(text, '\n');
    return line ? line + 1 : text;
}

static void fail_all(zygote_t *self, const int *ids, size_t *count, const char *why)
{
    while (*count > 0) {
        engine_t *engine = self->find(self->arg, ids[--*count]);
        if (engine)
            engine_fail(engine, why);
    }
}

void zygote_died(zygote_t *self, int wait_status)
{
    char why[400];
    const char *words = last_line(self), *program = self->program;
    if (*words)
        snprintf(why, sizeof why, "%s", words);
    else
        snprintf(why, sizeof why, "its interpreter %s%.200s%s%s", *program ? "'" : "", program,
                 *program ? "' " : "", tt_child_ending(wait_status));
    zygote_drain(self);
    bool never_ready = self->mode == ASKED;
    self->mode = EXECS;
    self->pid = 0;
    fail_all(self, self->asked, &self->asked_count, why);
    if (never_ready)
        fail_all(self, self->waiting, &self->waiting_count, why);
    start_waiting(self);
}
