/* For programs whose instructions are counted (scripts/check-instructions): a controller, an
 * engine host or a client, as it is, in one thread, with everybody else played by the program.
 *
 * Where its loop would wait it calls `play` instead, which reads what came and says what is to
 * be done next; nothing of that is counted. Sockets are inproc ones, so no thread of ZeroMQ's
 * is in it, and each reading of the clock is a microsecond after the last: so the counts
 * repeat. The linker puts the doubles of this file into their places (count_flags in
 * Makefile.am). Defines functions: include it once. */
#ifndef COUNT_H
#define COUNT_H

#include "message.h"
#include "pack.h"
#include "packet.h"
#include "runtime.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>

#if __has_include(<valgrind/callgrind.h>)
#include <valgrind/callgrind.h>
#else
#define CALLGRIND_START_INSTRUMENTATION
#define CALLGRIND_TOGGLE_COLLECT
#endif

enum {
    WARM_UP = 10000, /* until what is remembered of tasks is full: what is new drops the old */
    LIMIT = 100000   /* turns without a task: something does not work */
};

static void *context; /* of all sockets */
static size_t wanted, ended, idle;
static bool counting;

/* What happens while the process waits: defined by the program. */
static void play(void);

static inline void die(const char *what)
{
    fprintf(stderr, "count: %s\n", what);
    exit(1);
}

static inline void begin_count(int argc, char **argv)
{
    if (argc != 3 || (wanted = strtoul(argv[2], NULL, 10)) == 0)
        die("wrong arguments: see the file's head");
    context = zmq_ctx_new();
}

/* So many tasks have ended. The first ones are not counted; behind the last it ends. */
static inline void count(size_t tasks)
{
    bool warm = ended >= WARM_UP;
    ended += tasks;
    idle = tasks > 0 ? 0 : idle + 1;
    if (!warm && ended >= WARM_UP) {
        ended = WARM_UP;
        counting = true;
        CALLGRIND_START_INSTRUMENTATION;
    }
    if (ended >= WARM_UP + wanted)
        exit(0);
    if (idle > LIMIT)
        die("no task ends");
}

/* The process waits, or goes on: that alone is counted (--collect-atstart=no). */
static inline void switch_over(void)
{
    if (counting)
        CALLGRIND_TOGGLE_COLLECT;
}

/* ---- doubles */

int __real_epoll_wait(int fd, struct epoll_event *events, int most, int timeout_ms);
int __wrap_epoll_wait(int fd, struct epoll_event *events, int most, int timeout_ms);
void *__real_zmq_ctx_new(void);
void *__wrap_zmq_ctx_new(void);
int __real_zmq_bind(void *socket, const char *endpoint);
int __wrap_zmq_bind(void *socket, const char *endpoint);
int __real_zmq_connect(void *socket, const char *endpoint);
int __wrap_zmq_connect(void *socket, const char *endpoint);

int __wrap_epoll_wait(int fd, struct epoll_event *events, int most, int timeout_ms)
{
    (void)timeout_ms;
    switch_over();
    play();
    int got = __real_epoll_wait(fd, events, most, 0);
    switch_over();
    return got;
}

void *__wrap_zmq_ctx_new(void)
{
    if (context == NULL) {
        context = __real_zmq_ctx_new();
        zmq_ctx_set(context, ZMQ_IO_THREADS, 0);
    }
    return context;
}

/* "ipc://PATH" is "inproc://PATH". */
static inline const char *inproc(const char *endpoint)
{
    static char text[256];
    snprintf(text, sizeof text, "inproc%s", strchr(endpoint, ':'));
    return text;
}

int __wrap_zmq_bind(void *socket, const char *endpoint)
{
    return __real_zmq_bind(socket, inproc(endpoint));
}

int __wrap_zmq_connect(void *socket, const char *endpoint)
{
    return __real_zmq_connect(socket, inproc(endpoint));
}

int clock_gettime(clockid_t clock, struct timespec *time)
{
    static long us = 1000000;
    (void)clock;
    us++;
    *time = (struct timespec){us / 1000000, us % 1000000 * 1000};
    return 0;
}

/* ---- the other ends */

/* A socket of somebody's that is played. `route`: of whoever spoke last to a ROUTER. */
typedef struct {
    void *socket;
    bool routed;
    zmq_msg_t route;
    uint8_t parcel[1 << 16]; /* what is to be said together */
    size_t len, packed;
} mouth_t;

static inline void open_mouth(mouth_t *self, int type, const char *endpoint)
{
    tt_error_t err;
    memset(self, 0, sizeof *self);
    self->routed = type == ZMQ_ROUTER;
    zmq_msg_init(&self->route);
    self->socket = tt_socket_new(context, type, endpoint, &err);
    if (self->socket == NULL)
        die(err.text);
}

static inline void say_route(mouth_t *self)
{
    zmq_msg_t route;
    zmq_msg_init(&route);
    zmq_msg_copy(&route, &self->route);
    if (self->routed && zmq_msg_send(&route, self->socket, ZMQ_SNDMORE) < 0)
        die("a message cannot be sent");
    zmq_msg_close(&route);
}

/* A message with these payload frames, each a C array of bytes. */
static inline void say(mouth_t *self, const tt_message_t *message, const tt_span_t *frames,
                       size_t frame_count)
{
    tt_buf_t header;
    tt_buf_init(&header);
    tt_message_pack(&header, message);
    say_route(self);
    zmq_send(self->socket, header.data, header.len, frame_count ? ZMQ_SNDMORE : 0);
    for (size_t i = 0; i < frame_count; i++)
        zmq_send(self->socket, frames[i].data, frames[i].len,
                 i + 1 < frame_count ? ZMQ_SNDMORE : 0);
    tt_buf_release(&header);
}

static inline void flush(mouth_t *self)
{
    if (self->packed == 0)
        return;
    say_route(self);
    zmq_send(self->socket, self->parcel, self->len, 0);
    self->packed = 0;
}

static inline void add_bytes(mouth_t *self, const void *bytes, size_t len)
{
    memcpy(self->parcel + self->len, bytes, len);
    self->len += len;
}

static inline void add_length(mouth_t *self, size_t len)
{
    for (int shift = 24; shift >= 0; shift -= 8)
        add_bytes(self, &(uint8_t){(uint8_t)(len >> shift)}, 1);
}

/* The same in a parcel, which goes when it is full, or by `flush`. */
static inline void say_along(mouth_t *self, const tt_message_t *message,
                             const tt_span_t *frames, size_t frame_count)
{
    tt_buf_t header;
    tt_buf_init(&header);
    tt_message_pack(&header, message);
    if (self->packed == 0) {
        self->len = 0;
        add_bytes(self, &(uint8_t){TT_PARCEL}, 1);
    }
    add_bytes(self, &(uint8_t){(uint8_t)(1 + frame_count)}, 1);
    add_length(self, header.len);
    for (size_t i = 0; i < frame_count; i++)
        add_length(self, frames[i].len);
    add_bytes(self, header.data, header.len);
    for (size_t i = 0; i < frame_count; i++)
        add_bytes(self, frames[i].data, frames[i].len);
    tt_buf_release(&header);
    if (++self->packed == TT_PARCEL_MESSAGES)
        flush(self);
}

typedef void heard_fn(mouth_t *from, const tt_message_t *message);

typedef struct {
    mouth_t *mouth;
    heard_fn *fn;
} ear_t;

static inline void on_packet(void *arg, tt_packet_t *packet, bool whole)
{
    ear_t *ear = arg;
    tt_message_t message;
    tt_error_t err;
    tt_span_t header = {zmq_msg_data(&packet->header), zmq_msg_size(&packet->header)};
    if (!whole || tt_message_read(&message, header, &err) != 0)
        die("a message that is none");
    zmq_msg_copy(&ear->mouth->route, &packet->route);
    ear->fn(ear->mouth, &message);
}

/* Calls `fn` for every message that has come. */
static inline void hear(mouth_t *self, heard_fn *fn)
{
    ear_t ear = {self, fn};
    int events = 0;
    size_t size = sizeof events;
    while (zmq_getsockopt(self->socket, ZMQ_EVENTS, &events, &size) == 0 && events & ZMQ_POLLIN)
        tt_packet_receive(self->socket, self->routed, on_packet, &ear);
}

/* ---- what is said */

#define BYTES_OF(text) ((tt_span_t){(const uint8_t *)(text), sizeof(text) - 1})

/* ["6*7", "In [1]", 0]; and [repr, no value, nil, no displays, no error], stdout, stderr. */
static const tt_span_t arguments = BYTES_OF("\x93\xa3"
                                            "6*7\xa6In [1]\x00");
static const tt_span_t answer[3] = {BYTES_OF("\x95\xa2"
                                             "42\xc2\xc0\x90\xc0")};

enum { RUN_NS = 10000 }; /* of each task, in user code */

static inline tt_message_t result_of(uint64_t id, int engine)
{
    tt_message_t message = tt_message(TT_MSG_RESULT, id);
    message.as.result.engine = engine;
    message.as.result.attempt = 1;
    message.as.result.wait_ns = 20000;
    message.as.result.run_ns = RUN_NS;
    message.as.result.host = tt_span("");
    return message;
}

static inline tt_message_t welcome(uint64_t id)
{
    tt_message_t message = tt_message(TT_MSG_WELCOME, id);
    message.as.welcome.major = TT_WIRE_MAJOR;
    message.as.welcome.minor = TT_WIRE_MINOR;
    message.as.welcome.boot = tt_span("elsewhere");
    return message;
}

#endif
