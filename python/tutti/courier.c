/* The courier. See courier.h. Bytes are not copied: frames are those of the messages. */
#include "courier.h"

#include "../../share/log.h"
#include "../../share/message.h"
#include "../../share/pack.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

enum {
    ENDED_KEPT = 8192,     /* tasks of which others may still say that they come after them */
    QUEUED_MAX = 64 << 20, /* bytes of output that nobody has taken; what is beyond is cut */
    SELDOM_NS = 200000     /* an order that comes so long after the last one goes at once */
};

/* A task under way. */
typedef struct {
    struct courier *courier;
    uint64_t ticket;
    tt_job_t *job;
} task_t;

struct courier {
    pthread_t thread;
    bool running; /* it has a thread: the closer's */
    pthread_mutex_t mutex;
    pthread_cond_t cond;   /* something has come for those who wait eagerly */
    pthread_cond_t rest;   /* nobody of those takes it */
    int wake_fd;           /* there are orders, or a waiter is to look again */
    pthread_mutex_t drive; /* whoever runs the loop holds it; not taken within the mutex but by
                              trying */
    int outer_fd; /* epoll: what the thread waits for: the loop, unless a waiter runs it */
    int nudge_fd; /* and that it is to look itself */
    /* under the mutex */
    order_t *orders, **orders_end;
    event_t *events, **events_end;
    size_t output_bytes;
    uint64_t generation; /* counts events and pokes */
    unsigned eager;      /* callers that wait for something of their own */
    bool driving;        /* one of them runs the loop */
    int64_t sent_ns;     /* when the last order came */
    bool opened, over, closed;
    atomic_bool stopped; /* the thread is to end */
    /* of whoever drives */
    bool told;        /* something has happened */
    int64_t awake_ms; /* when the thread looks again by itself; -1: it does not */
    /* the thread's, and of whoever drives */
    tt_error_t error;
    tt_rundir_t dir;
    char program[128];
    uint8_t session[16]; /* set before it is opened */
    int timeout_ms;
    tt_loop_t *loop;
    tt_client_t *client;
    tt_map_t tasks; /* ticket -> task_t */
    tt_map_t ids;   /* ticket -> job id, as a pointer; those that ended, too */
    uint64_t ended[ENDED_KEPT];
    size_t ended_count;
};

order_t *order_new(order_kind_t kind, uint64_t ticket)
{
    order_t *self = tt_alloc(sizeof *self);
    self->kind = kind;
    self->ticket = ticket;
    tt_frames_init(&self->frames);
    return self;
}

void order_destroy(order_t *self)
{
    tt_frames_release(&self->frames);
    free(self->after);
    free(self->follow);
    free(self->label);
    free(self->engines);
    free(self->numbers);
    free(self->text);
    free(self);
}

void event_destroy(event_t *self)
{
    tt_frames_release(&self->frames);
    free(self->engine);
    free(self->text);
    free(self);
}

/* ---- the thread */

static int64_t unix_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static event_t *new_event(event_kind_t kind, uint64_t ticket)
{
    event_t *event = tt_alloc(sizeof *event);
    event->kind = kind;
    event->ticket = ticket;
    event->when_ns = unix_ns();
    tt_frames_init(&event->frames);
    return event;
}

static void tell(courier_t *self, event_t *event)
{
    self->told = true;
    pthread_mutex_lock(&self->mutex);
    /* Else those who wait know already; and who drives takes them, and tells the others. */
    bool first = self->events == NULL && !self->driving;
    *self->events_end = event;
    self->events_end = &event->next;
    self->generation++;
    if (first)
        pthread_cond_broadcast(self->eager ? &self->cond : &self->rest);
    pthread_mutex_unlock(&self->mutex);
}

static void on_result(void *arg, tt_job_t *job, tt_result_t *result)
{
    task_t *task = arg;
    event_t *event = new_event(EVENT_RESULT, task->ticket);
    event->result = *result;
    for (size_t i = 0; i < result->frames->count; i++)
        tt_frames_take(&event->frames, &result->frames->items[i]);
    event->last = tt_job_left(job) <= 1;
    tell(task->courier, event);
}

static void on_output(void *arg, tt_job_t *job, int engine, int stream, tt_span_t bytes)
{
    task_t *task = arg;
    courier_t *self = task->courier;
    (void)job;
    pthread_mutex_lock(&self->mutex);
    bool full = self->output_bytes + bytes.len > QUEUED_MAX;
    self->output_bytes += full ? 0 : bytes.len;
    pthread_mutex_unlock(&self->mutex);
    if (full)
        return;
    event_t *event = new_event(EVENT_OUTPUT, task->ticket);
    event->number = engine;
    event->stream = stream;
    tt_frames_copy(&event->frames, bytes.data, bytes.len);
    tell(self, event);
}

static void on_done(void *arg, tt_job_t *job)
{
    task_t *task = arg;
    courier_t *self = task->courier;
    uint64_t *place = &self->ended[self->ended_count++ % ENDED_KEPT];
    (void)job;
    if (*place)
        tt_map_take(&self->ids, *place);
    *place = task->ticket;
    tt_map_take(&self->tasks, task->ticket);
    free(task);
}

static const tt_job_handlers_t job_handlers = {on_result, on_output, on_done};

static void tell_engine(courier_t *self, const tt_engine_t *engine)
{
    event_t *event = new_event(EVENT_ENGINE, 0);
    event->engine = tt_alloc(sizeof *event->engine);
    *event->engine = *engine;
    tell(self, event);
}

static void on_engine(void *arg, const tt_engine_t *engine)
{
    tell_engine(arg, engine);
}

static void on_background(void *arg, int engine, int stream, tt_span_t bytes)
{
    task_t nobody = {arg, 0, NULL};
    on_output(&nobody, NULL, engine, stream, bytes);
}

static void on_gone(void *arg, const char *why)
{
    event_t *event = new_event(EVENT_GONE, 0);
    event->text = tt_strdup(why);
    tell(arg, event);
}

static const tt_client_handlers_t client_handlers = {
    .engine = on_engine, .background = on_background, .gone = on_gone};

/* The job ids of tickets; one that nobody knows any more is 0, which no job has. */
static uint64_t *ids_of(courier_t *self, const uint64_t *tickets, size_t count)
{
    uint64_t *ids = tt_alloc((count + 1) * sizeof *ids);
    for (size_t i = 0; i < count; i++)
        ids[i] = (uint64_t)(uintptr_t)tt_map_get(&self->ids, tickets[i]);
    return ids;
}

static void do_submit(courier_t *self, order_t *order)
{
    tt_submit_t *submit = &order->submit;
    task_t *task = tt_alloc(sizeof *task);
    *task = (task_t){self, order->ticket, NULL};
    uint64_t *after = ids_of(self, order->after, submit->after_count),
             *follow = ids_of(self, order->follow, submit->follow_count);
    submit->after = after;
    submit->follow = follow;
    submit->handlers = &job_handlers;
    submit->stays = true;
    submit->index = order->ticket;
    submit->arg = task;
    tt_map_set(&self->tasks, order->ticket, task);
    task->job = tt_client_submit(self->client, submit, &order->frames);
    tt_map_set(&self->ids, order->ticket, (void *)(uintptr_t)tt_job_id(task->job));
    free(after);
    free(follow);
}

static void do_fetch(courier_t *self, order_t *order)
{
    task_t *task = tt_alloc(sizeof *task);
    *task = (task_t){self, order->ticket, NULL};
    tt_map_set(&self->tasks, order->ticket, task);
    task->job = tt_client_fetch(self->client, order->session, order->number, order->engines,
                                order->submit.engine_count, &job_handlers, task);
}

/* What answers a request; the first one ends it. */
typedef struct {
    courier_t *courier;
    uint64_t ticket, id;
} asked_t;

static void on_answer(void *arg, const tt_message_t *message, tt_frames_t *payload)
{
    asked_t *asked = arg;
    courier_t *self = asked->courier;
    event_t *event = new_event(EVENT_ANSWER, asked->ticket);
    event->number = message ? (int)message->type : -1;
    if (message && message->type == TT_MSG_ERROR)
        event->text = tt_printf("%.*s", (int)message->as.error.text.len,
                                (const char *)message->as.error.text.data);
    if (message && message->type == TT_MSG_REPORT && payload->count > 0)
        tt_frames_take(&event->frames, &payload->items[0]);
    if (message)
        tt_client_end_exchange(self->client, asked->id);
    tell(self, event);
    free(asked);
}

static void do_ask(courier_t *self, const order_t *order)
{
    tt_message_t message = tt_message(order->type, 0);
    tt_buf_t engines, numbers;
    tt_buf_init(&engines);
    tt_buf_init(&numbers);
    if (order->type == TT_MSG_RECORDS) {
        if (order->named)
            message.as.records.session = (tt_span_t){order->session, sizeof order->session};
        message.as.records.forget = order->number;
    }
    if (order->numbers) {
        tt_pack_array(&numbers, order->count);
        for (uint64_t i = 0; i < order->count; i++)
            tt_pack_uint(&numbers, order->numbers[i]);
        message.as.records.numbers = (tt_span_t){numbers.data, numbers.len};
    }
    if (order->engines) {
        tt_pack_array(&engines, order->submit.engine_count);
        for (size_t i = 0; i < order->submit.engine_count; i++)
            tt_pack_int(&engines, order->engines[i]);
    }
    if (order->type == TT_MSG_INTERRUPT)
        message.as.interrupt.engines = (tt_span_t){engines.data, engines.len};
    if (order->type == TT_MSG_LAUNCH) {
        message.as.launch.launcher = tt_span("local");
        message.as.launch.language = tt_span("python");
        message.as.launch.count = order->count;
        message.as.launch.directory = tt_span(order->text);
    }
    if (order->type == TT_MSG_ACTION) {
        message.as.action.action = order->number;
        message.as.action.signal = order->count;
        message.as.action.engines = (tt_span_t){engines.data, engines.len};
    }
    asked_t *asked = tt_alloc(sizeof *asked);
    *asked = (asked_t){self, order->ticket, 0};
    asked->id = tt_client_exchange(self->client, &message, on_answer, asked);
    tt_buf_release(&engines);
    tt_buf_release(&numbers);
}

static void nudge(courier_t *self)
{
    uint64_t one = 1;
    if (write(self->nudge_fd, &one, sizeof one) < 0)
        abort(); /* an eventfd takes 2^64 of them */
}

static void do_order(courier_t *self, order_t *order)
{
    task_t *task;
    switch (order->kind) {
    case DO_SUBMIT:
        do_submit(self, order);
        break;
    case DO_CANCEL:
    case DO_WITHDRAW:
        task = tt_map_get(&self->tasks, order->ticket);
        if (task && order->kind == DO_CANCEL)
            tt_client_cancel(self->client, task->job);
        else if (task)
            tt_client_withdraw(self->client, task->job);
        break;
    case DO_FETCH:
        do_fetch(self, order);
        break;
    case DO_BLOB:
        if (!tt_client_has_blob(self->client, order->hash))
            tt_client_blob(self->client, order->hash, &order->frames);
        break;
    case DO_ASK:
        do_ask(self, order);
        break;
    case DO_CLOSE:
        self->stopped = true;
        nudge(self);
        break;
    }
}

static void on_wake(void *arg, int fd, uint32_t events)
{
    courier_t *self = arg;
    uint64_t count;
    (void)events;
    if (read(fd, &count, sizeof count) < 0)
        return;
    self->told = true;
    pthread_mutex_lock(&self->mutex);
    order_t *order = self->orders;
    self->orders = NULL;
    self->orders_end = &self->orders;
    pthread_mutex_unlock(&self->mutex);
    while (order) {
        order_t *next = order->next;
        do_order(self, order);
        order_destroy(order);
        order = next;
    }
}

static void set_opened(courier_t *self, bool over)
{
    pthread_mutex_lock(&self->mutex);
    self->opened = true;
    self->over = over;
    self->generation++;
    pthread_cond_broadcast(&self->cond);
    pthread_cond_broadcast(&self->rest);
    pthread_mutex_unlock(&self->mutex);
}

static void free_tasks(courier_t *self)
{
    size_t walk = 0;
    task_t *task;
    while ((task = tt_map_next(&self->tasks, &walk)))
        free(task);
    tt_map_release(&self->tasks);
    tt_map_release(&self->ids);
}

/* ---- driving: the thread runs the loop, unless somebody who waits does. That saves two
 * switches of threads, which take longer than all else that a call costs here. */

static void watch_loop(courier_t *self, bool on)
{
    struct epoll_event event = {.events = EPOLLIN, .data.fd = tt_loop_fd(self->loop)};
    epoll_ctl(self->outer_fd, on ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, tt_loop_fd(self->loop),
              &event);
}

/* The thread may have to look earlier now than it had planned. */
static void leave_loop(courier_t *self)
{
    int due_ms = tt_loop_due_ms(self->loop);
    if (due_ms >= 0 && (self->awake_ms < 0 || tt_now_ms() + due_ms < self->awake_ms))
        nudge(self);
}

/* Runs the loop until something has happened. It is `driving`, so whoever pokes wakes it. */
static void drive(courier_t *self, int64_t until_ms)
{
    int64_t left_ms = until_ms - tt_now_ms();
    watch_loop(self, false);
    tt_loop_run_until(self->loop, &self->told, left_ms > 0 ? left_ms : 0);
    watch_loop(self, true);
    leave_loop(self);
}

static void run_thread(courier_t *self)
{
    while (!self->stopped) {
        struct epoll_event event;
        uint64_t count;
        pthread_mutex_lock(&self->drive);
        tt_loop_run_ready(self->loop);
        int due_ms = tt_loop_due_ms(self->loop);
        self->awake_ms = due_ms < 0 ? -1 : tt_now_ms() + due_ms;
        pthread_mutex_unlock(&self->drive);
        if (!self->stopped && epoll_wait(self->outer_fd, &event, 1, due_ms) > 0 &&
            event.data.fd == self->nudge_fd && read(self->nudge_fd, &count, sizeof count) < 0)
            abort();
    }
}

static void *run(void *arg)
{
    courier_t *self = arg;
    size_t count = 0;
    self->loop = tt_loop_new();
    self->client = tt_client_open(self->loop, &self->dir, self->program, &client_handlers, self,
                                  self->timeout_ms, &self->error);
    if (self->client) {
        memcpy(self->session, tt_client_session(self->client), sizeof self->session);
        const tt_engine_t *engines = tt_client_engines(self->client, &count);
        for (size_t i = 0; i < count; i++)
            tell_engine(self, &engines[i]);
        tt_loop_add_fd(self->loop, self->wake_fd, EPOLLIN, on_wake, self);
        watch_loop(self, true);
        set_opened(self, false);
        run_thread(self);
        pthread_mutex_lock(&self->drive); /* nobody else has it any more */
        tt_loop_remove_fd(self->loop, self->wake_fd);
        tt_client_close(&self->client);
    }
    tt_loop_destroy(&self->loop);
    free_tasks(self);
    set_opened(self, true);
    if (self->stopped)
        pthread_mutex_unlock(&self->drive);
    return NULL;
}

/* ---- events */

static void set_deadline(struct timespec *until, double seconds)
{
    clock_gettime(CLOCK_MONOTONIC, until);
    until->tv_sec += (time_t)seconds;
    until->tv_nsec += (long)((seconds - (double)(time_t)seconds) * 1e9);
    if (until->tv_nsec >= 1000000000) {
        until->tv_sec++;
        until->tv_nsec -= 1000000000;
    }
}

void courier_wait(courier_t *self, double seconds, bool eager, uint64_t seen)
{
    struct timespec until;
    seconds = seconds < 1e6 ? seconds : 1e6;
    int64_t until_ms = tt_now_ms() + (int64_t)(seconds * 1000 + 0.5);
    set_deadline(&until, seconds);
    pthread_mutex_lock(&self->mutex);
    self->eager += eager;
    int rc = 0;
    while (rc == 0 && !self->over && !(self->events && (eager || self->eager == 0)) &&
           !(eager && self->generation != seen)) {
        if (!eager || self->closed || pthread_mutex_trylock(&self->drive) != 0) {
            rc =
                pthread_cond_timedwait(eager ? &self->cond : &self->rest, &self->mutex, &until);
            continue;
        }
        self->driving = true;
        self->told = false;
        pthread_mutex_unlock(&self->mutex);
        if (!self->stopped)
            drive(self, until_ms);
        pthread_mutex_lock(&self->mutex);
        self->driving = false;
        pthread_mutex_unlock(&self->drive);
        rc = tt_now_ms() >= until_ms ? ETIMEDOUT : 0;
    }
    self->eager -= eager;
    if (eager && self->eager == 0 && self->events && rc != 0)
        pthread_cond_broadcast(&self->rest); /* it was for nobody who still waits */
    pthread_mutex_unlock(&self->mutex);
}

event_t *courier_take(courier_t *self)
{
    pthread_mutex_lock(&self->mutex);
    event_t *events = self->events;
    self->events = NULL;
    self->events_end = &self->events;
    self->output_bytes = 0;
    pthread_mutex_unlock(&self->mutex);
    return events;
}

uint64_t courier_generation(courier_t *self)
{
    pthread_mutex_lock(&self->mutex);
    uint64_t generation = self->generation;
    pthread_mutex_unlock(&self->mutex);
    return generation;
}

static void wake(courier_t *self)
{
    uint64_t one = 1;
    if (write(self->wake_fd, &one, sizeof one) < 0)
        abort(); /* an eventfd takes 2^64 of them */
}

void courier_poke(courier_t *self)
{
    pthread_mutex_lock(&self->mutex);
    self->generation++;
    if (self->driving)
        wake(self);
    pthread_cond_broadcast(&self->cond);
    pthread_mutex_unlock(&self->mutex);
}

/* ---- orders */

/* The caller does it itself, and handles what has come meanwhile. */
static void do_at_once(courier_t *self, order_t *order)
{
    if (!self->stopped) {
        do_order(self, order);
        tt_loop_run_ready(self->loop);
        leave_loop(self);
    }
    pthread_mutex_unlock(&self->drive);
    order_destroy(order);
}

void courier_send(courier_t *self, order_t *order)
{
    int64_t now_ns = tt_now_ns();
    pthread_mutex_lock(&self->mutex);
    bool first = self->orders == NULL,
         seldom = first && !self->over && now_ns - self->sent_ns > SELDOM_NS;
    self->sent_ns = now_ns;
    if (seldom && pthread_mutex_trylock(&self->drive) == 0) {
        pthread_mutex_unlock(&self->mutex);
        do_at_once(self, order);
        return;
    }
    *self->orders_end = order;
    self->orders_end = &order->next;
    pthread_mutex_unlock(&self->mutex);
    if (first)
        wake(self);
}

/* ---- beginning and end */

static int start(courier_t *self)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before); /* signals are for the caller's threads */
    int rc = pthread_create(&self->thread, NULL, run, self);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    self->running = rc == 0;
    if (rc != 0)
        return tt_error_set(&self->error, "no thread: %s", strerror(rc));
    pthread_mutex_lock(&self->mutex);
    while (!self->opened)
        pthread_cond_wait(&self->cond, &self->mutex);
    pthread_mutex_unlock(&self->mutex);
    return self->over ? -1 : 0;
}

courier_t *courier_new(const char *name, const char *program, int timeout_ms, tt_error_t *err)
{
    courier_t *self = tt_alloc(sizeof *self);
    pthread_condattr_t attributes;
    self->orders_end = &self->orders;
    self->events_end = &self->events;
    self->timeout_ms = timeout_ms;
    snprintf(self->program, sizeof self->program, "%s", program);
    pthread_mutex_init(&self->mutex, NULL);
    pthread_mutex_init(&self->drive, NULL);
    self->awake_ms = -1;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&self->cond, &attributes);
    pthread_cond_init(&self->rest, &attributes);
    pthread_condattr_destroy(&attributes);
    self->wake_fd = eventfd(0, EFD_CLOEXEC);
    self->nudge_fd = eventfd(0, EFD_CLOEXEC);
    self->outer_fd = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event nudged = {.events = EPOLLIN, .data.fd = self->nudge_fd};
    if (self->wake_fd < 0 || self->nudge_fd < 0 || self->outer_fd < 0 ||
        epoll_ctl(self->outer_fd, EPOLL_CTL_ADD, self->nudge_fd, &nudged) != 0)
        tt_error_set(&self->error, "no descriptor: %s", strerror(errno));
    else if (tt_rundir_open(name, &self->dir, &self->error) == 0 && start(self) == 0)
        return self;
    *err = self->error;
    courier_destroy(&self);
    return NULL;
}

bool courier_over(courier_t *self)
{
    pthread_mutex_lock(&self->mutex);
    bool over = self->over || self->closed;
    pthread_mutex_unlock(&self->mutex);
    return over;
}

const uint8_t *courier_session(const courier_t *self)
{
    return self->session;
}

const char *courier_directory(const courier_t *self)
{
    return self->dir.run_dir;
}

void courier_close(courier_t *self)
{
    pthread_mutex_lock(&self->mutex);
    bool mine = !self->closed && self->running;
    self->closed = true;
    pthread_mutex_unlock(&self->mutex);
    if (mine) {
        courier_send(self, order_new(DO_CLOSE, 0));
        pthread_join(self->thread, NULL);
    }
    pthread_mutex_lock(&self->mutex);
    order_t *order = mine ? self->orders : NULL;
    if (mine) {
        self->orders = NULL;
        self->orders_end = &self->orders;
    }
    pthread_mutex_unlock(&self->mutex);
    while (order) {
        order_t *next = order->next;
        order_destroy(order);
        order = next;
    }
}

void courier_destroy(courier_t **self_p)
{
    courier_t *self = *self_p;
    if (self == NULL)
        return;
    courier_close(self);
    while (self->events) {
        event_t *next = self->events->next;
        event_destroy(self->events);
        self->events = next;
    }
    for (int i = 0; i < 3; i++) {
        int fd = (int[]){self->wake_fd, self->nudge_fd, self->outer_fd}[i];
        if (fd >= 0)
            close(fd);
    }
    pthread_cond_destroy(&self->cond);
    pthread_cond_destroy(&self->rest);
    pthread_mutex_destroy(&self->drive);
    pthread_mutex_destroy(&self->mutex);
    free(self);
    *self_p = NULL;
}
