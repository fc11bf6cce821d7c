/* tutti._client: a client of a cluster for Python. A thread of its own, which never touches
 * Python, runs libtutti's client; what Python wants goes to it as commands, what it hears comes
 * back as events. Used by python/tutti/connection.py alone.
 *
 * Bytes are not copied: what is sent is lent (a buffer of Python's is released by the next call
 * that Python makes), what comes is a Frame over the message's own memory. */
#include "../../share/client.h"
#include "../../share/log.h"
#include "../../share/message.h"
#include "../../share/pack.h"

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

enum {
    COPIED = 4096,        /* frames up to this size are copied */
    ENDED_KEPT = 65536,   /* tasks of which others may still say that they come after them */
    QUEUED_MAX = 64 << 20 /* bytes of output that Python has not taken; what is beyond is cut */
};

/* ---- what goes between the threads */

typedef enum { DO_SUBMIT, DO_CANCEL, DO_BLOB, DO_ASK, DO_CLOSE } order_kind_t;

/* What Python wants. */
typedef struct order {
    struct order *next;
    order_kind_t kind;
    uint64_t ticket;
    tt_submit_t submit;       /* what it points to is owned */
    uint64_t *after, *follow; /* tickets */
    uint8_t hash[16];
    char *label;
    int *engines;
    tt_frames_t frames;
    unsigned type; /* of ASK */
    uint64_t number, count;
    char *text;
} order_t;

typedef enum {
    EVENT_RESULT,
    EVENT_OUTPUT,
    EVENT_ENGINE,
    EVENT_ANSWER,
    EVENT_GONE
} event_kind_t;

/* What Python is told. */
typedef struct event {
    struct event *next;
    event_kind_t kind;
    uint64_t ticket;
    bool last;       /* RESULT: there is no other one of this ticket */
    int64_t when_ns; /* Unix time */
    tt_result_t result;
    tt_frames_t frames;
    int number; /* engine, code */
    int stream;
    tt_engine_t *engine;
    char *text;
} event_t;

/* A buffer of Python's that a message holds. */
typedef struct lent {
    struct lent *next;
    struct connection *connection;
    Py_buffer view;
} lent_t;

/* A task of the network thread's. */
typedef struct {
    struct connection *connection;
    uint64_t ticket;
    tt_job_t *job;
} task_t;

typedef struct connection {
    PyObject_HEAD pid_t pid; /* that it was made in: a forked child has no thread */
    bool closed;
    pthread_t thread;
    bool running;
    pthread_mutex_t mutex;
    pthread_cond_t cond;
    int wake_fd;
    /* under the mutex */
    order_t *orders, **orders_end;
    event_t *events, **events_end;
    size_t output_bytes;
    uint64_t generation; /* counts events and pokes */
    unsigned eager;   /* callers that wait for something of their own: the events are theirs */
    lent_t *returned; /* to be released by Python */
    bool opened, over;
    tt_error_t error;
    /* the network thread's */
    tt_rundir_t dir;
    char program[128];
    int timeout_ms;
    tt_loop_t *loop;
    tt_client_t *client;
    tt_map_t tasks; /* ticket -> task_t */
    tt_map_t ids;   /* ticket -> job id, as a pointer; those that ended, too */
    uint64_t ended[ENDED_KEPT];
    size_t ended_count;
} connection_t;

static void free_order(order_t *order)
{
    tt_frames_release(&order->frames);
    free(order->after);
    free(order->follow);
    free(order->label);
    free(order->engines);
    free(order->text);
    free(order);
}

static void free_event(event_t *event)
{
    tt_frames_release(&event->frames);
    free(event->engine);
    free(event->text);
    free(event);
}

/* ---- the network thread */

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

static void tell(connection_t *self, event_t *event)
{
    pthread_mutex_lock(&self->mutex);
    *self->events_end = event;
    self->events_end = &event->next;
    self->generation++;
    pthread_cond_broadcast(&self->cond);
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
    tell(task->connection, event);
}

static void on_output(void *arg, tt_job_t *job, int engine, int stream, tt_span_t bytes)
{
    task_t *task = arg;
    connection_t *self = task->connection;
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
    connection_t *self = task->connection;
    uint64_t *place = &self->ended[self->ended_count++ % ENDED_KEPT];
    (void)job;
    if (*place)
        tt_map_take(&self->ids, *place);
    *place = task->ticket;
    tt_map_take(&self->tasks, task->ticket);
    free(task);
}

static const tt_job_handlers_t job_handlers = {on_result, on_output, on_done};

static void tell_engine(connection_t *self, const tt_engine_t *engine)
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
static uint64_t *ids_of(connection_t *self, const uint64_t *tickets, size_t count)
{
    uint64_t *ids = tt_alloc((count + 1) * sizeof *ids);
    for (size_t i = 0; i < count; i++)
        ids[i] = (uint64_t)(uintptr_t)tt_map_get(&self->ids, tickets[i]);
    return ids;
}

static void do_submit(connection_t *self, order_t *order)
{
    tt_submit_t *submit = &order->submit;
    task_t *task = tt_alloc(sizeof *task);
    *task = (task_t){self, order->ticket, NULL};
    uint64_t *after = ids_of(self, order->after, submit->after_count),
             *follow = ids_of(self, order->follow, submit->follow_count);
    submit->after = after;
    submit->follow = follow;
    submit->handlers = &job_handlers;
    submit->arg = task;
    tt_map_set(&self->tasks, order->ticket, task);
    task->job = tt_client_submit(self->client, submit, &order->frames);
    tt_map_set(&self->ids, order->ticket, (void *)(uintptr_t)tt_job_id(task->job));
    free(after);
    free(follow);
}

/* What answers a request; the first one ends it. */
typedef struct {
    connection_t *connection;
    uint64_t ticket, id;
} asked_t;

static void on_answer(void *arg, const tt_message_t *message, tt_frames_t *payload)
{
    asked_t *asked = arg;
    connection_t *self = asked->connection;
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

static void do_ask(connection_t *self, const order_t *order)
{
    tt_message_t message = tt_message(order->type, 0);
    tt_buf_t engines;
    tt_buf_init(&engines);
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
}

static void do_order(connection_t *self, order_t *order)
{
    task_t *task;
    switch (order->kind) {
    case DO_SUBMIT:
        do_submit(self, order);
        break;
    case DO_CANCEL:
        task = tt_map_get(&self->tasks, order->ticket);
        if (task)
            tt_client_cancel(self->client, task->job);
        break;
    case DO_BLOB:
        if (!tt_client_has_blob(self->client, order->hash))
            tt_client_blob(self->client, order->hash, &order->frames);
        break;
    case DO_ASK:
        do_ask(self, order);
        break;
    case DO_CLOSE:
        tt_loop_stop(self->loop);
        break;
    }
}

static void on_wake(void *arg, int fd, uint32_t events)
{
    connection_t *self = arg;
    uint64_t count;
    (void)events;
    if (read(fd, &count, sizeof count) < 0)
        return;
    pthread_mutex_lock(&self->mutex);
    order_t *order = self->orders;
    self->orders = NULL;
    self->orders_end = &self->orders;
    pthread_mutex_unlock(&self->mutex);
    while (order) {
        order_t *next = order->next;
        do_order(self, order);
        free_order(order);
        order = next;
    }
}

static void set_opened(connection_t *self, bool over)
{
    pthread_mutex_lock(&self->mutex);
    self->opened = true;
    self->over = over;
    self->generation++;
    pthread_cond_broadcast(&self->cond);
    pthread_mutex_unlock(&self->mutex);
}

static void free_tasks(connection_t *self)
{
    size_t walk = 0;
    task_t *task;
    while ((task = tt_map_next(&self->tasks, &walk)))
        free(task);
    tt_map_release(&self->tasks);
    tt_map_release(&self->ids);
}

static void *run(void *arg)
{
    connection_t *self = arg;
    size_t count = 0;
    self->loop = tt_loop_new();
    self->client = tt_client_open(self->loop, &self->dir, self->program, &client_handlers, self,
                                  self->timeout_ms, &self->error);
    if (self->client) {
        const tt_engine_t *engines = tt_client_engines(self->client, &count);
        for (size_t i = 0; i < count; i++)
            tell_engine(self, &engines[i]);
        tt_loop_add_fd(self->loop, self->wake_fd, EPOLLIN, on_wake, self);
        set_opened(self, false);
        tt_loop_run(self->loop);
        tt_loop_remove_fd(self->loop, self->wake_fd);
        tt_client_close(&self->client);
    }
    tt_loop_destroy(&self->loop);
    free_tasks(self);
    set_opened(self, true);
    return NULL;
}

/* ---- frames */

typedef struct {
    PyObject_HEAD zmq_msg_t message;
} frame_t;

static PyTypeObject *frame_type;

static int frame_buffer(PyObject *object, Py_buffer *view, int flags)
{
    frame_t *self = (frame_t *)object;
    return PyBuffer_FillInfo(view, object, zmq_msg_data(&self->message),
                             (Py_ssize_t)zmq_msg_size(&self->message), 0, flags);
}

static void frame_dealloc(PyObject *object)
{
    PyTypeObject *type = Py_TYPE(object);
    zmq_msg_close(&((frame_t *)object)->message);
    freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);
    release(object);
    Py_DECREF(type);
}

static Py_ssize_t frame_len(PyObject *object)
{
    return (Py_ssize_t)zmq_msg_size(&((frame_t *)object)->message);
}

static PyType_Slot frame_slots[] = {
    {Py_tp_dealloc, frame_dealloc},
    {Py_bf_getbuffer, frame_buffer},
    {Py_sq_length, frame_len},
    {Py_tp_doc, "Bytes of a message, in its own memory: a buffer that may be written to."},
    {0, NULL},
};

static PyType_Spec frame_spec = {
    .name = "tutti._client.Frame",
    .basicsize = sizeof(frame_t),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = frame_slots,
};

/* Takes the message. */
static PyObject *new_frame(zmq_msg_t *message)
{
    allocfunc allocate = (allocfunc)PyType_GetSlot(frame_type, Py_tp_alloc);
    frame_t *self = (frame_t *)allocate(frame_type, 0);
    if (self == NULL)
        return NULL;
    zmq_msg_init(&self->message);
    zmq_msg_move(&self->message, message);
    return (PyObject *)self;
}

static PyObject *frames_of(event_t *event)
{
    PyObject *list = PyList_New((Py_ssize_t)event->frames.count);
    for (size_t i = 0; list && i < event->frames.count; i++) {
        PyObject *frame = new_frame(&event->frames.items[i]);
        if (frame == NULL)
            Py_CLEAR(list);
        else
            PyList_SetItem(list, (Py_ssize_t)i, frame);
    }
    return list;
}

/* ---- buffers that are lent */

static void on_returned(void *data, void *hint)
{
    lent_t *lent = hint;
    connection_t *self = lent->connection;
    (void)data;
    pthread_mutex_lock(&self->mutex);
    lent->next = self->returned;
    self->returned = lent;
    pthread_mutex_unlock(&self->mutex);
}

static void release_returned(connection_t *self)
{
    pthread_mutex_lock(&self->mutex);
    lent_t *lent = self->returned;
    self->returned = NULL;
    pthread_mutex_unlock(&self->mutex);
    while (lent) {
        lent_t *next = lent->next;
        PyBuffer_Release(&lent->view);
        free(lent);
        lent = next;
        Py_DECREF((PyObject *)self);
    }
}

static int add_frame(connection_t *self, tt_frames_t *frames, PyObject *object)
{
    lent_t *lent = tt_alloc(sizeof *lent);
    if (object == NULL || PyObject_GetBuffer(object, &lent->view, PyBUF_SIMPLE) != 0) {
        free(lent);
        return -1;
    }
    if (lent->view.len <= COPIED) {
        tt_frames_copy(frames, lent->view.buf, (size_t)lent->view.len);
        PyBuffer_Release(&lent->view);
        free(lent);
        return 0;
    }
    lent->connection = self;
    Py_INCREF((PyObject *)self); /* until it is returned */
    tt_frames_lend(frames, lent->view.buf, (size_t)lent->view.len, on_returned, lent);
    return 0;
}

static int add_frames(connection_t *self, tt_frames_t *frames, PyObject *list)
{
    Py_ssize_t count = PySequence_Size(list);
    for (Py_ssize_t i = 0; i < count; i++) {
        PyObject *object = PySequence_GetItem(list, i);
        int rc = add_frame(self, frames, object);
        Py_XDECREF(object);
        if (rc != 0)
            return -1;
    }
    return count < 0 ? -1 : 0;
}

/* ---- a connection */

static bool is_usable(connection_t *self)
{
    if (self->pid != getpid())
        PyErr_SetString(PyExc_RuntimeError,
                        "this client belongs to the process that forked: make another one");
    else if (self->closed)
        PyErr_SetString(PyExc_RuntimeError, "the client is closed");
    return !PyErr_Occurred();
}

static void send_order(connection_t *self, order_t *order)
{
    uint64_t one = 1;
    pthread_mutex_lock(&self->mutex);
    bool first = self->orders == NULL;
    *self->orders_end = order;
    self->orders_end = &order->next;
    pthread_mutex_unlock(&self->mutex);
    if (first && write(self->wake_fd, &one, sizeof one) < 0)
        abort(); /* an eventfd takes 2^64 of them */
}

static order_t *new_order(order_kind_t kind, uint64_t ticket)
{
    order_t *order = tt_alloc(sizeof *order);
    order->kind = kind;
    order->ticket = ticket;
    tt_frames_init(&order->frames);
    return order;
}

static void free_events(connection_t *self)
{
    while (self->events) {
        event_t *next = self->events->next;
        free_event(self->events);
        self->events = next;
    }
    self->events_end = &self->events;
}

static void close_connection(connection_t *self)
{
    if (self->closed || self->pid != getpid())
        return;
    self->closed = true;
    if (self->running) {
        send_order(self, new_order(DO_CLOSE, 0));
        Py_BEGIN_ALLOW_THREADS pthread_join(self->thread, NULL);
        Py_END_ALLOW_THREADS self->running = false;
    }
    while (self->orders) {
        order_t *next = self->orders->next;
        free_order(self->orders);
        self->orders = next;
    }
    self->orders_end = &self->orders;
    release_returned(self);
}

static int start(connection_t *self)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int rc = pthread_create(&self->thread, NULL, run, self);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    self->running = rc == 0;
    if (rc != 0)
        return tt_error_set(&self->error, "no thread: %s", strerror(rc));
    Py_BEGIN_ALLOW_THREADS pthread_mutex_lock(&self->mutex);
    while (!self->opened)
        pthread_cond_wait(&self->cond, &self->mutex);
    pthread_mutex_unlock(&self->mutex);
    Py_END_ALLOW_THREADS return self->over ? -1 : 0;
}

static void raise_error(const tt_error_t *err)
{
    PyObject *args = Py_BuildValue("is", err->code, err->text);
    if (args)
        PyErr_SetObject(PyExc_OSError, args);
    Py_XDECREF(args);
}

static PyObject *connection_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    const char *name, *program;
    double timeout;
    (void)kwargs;
    if (!PyArg_ParseTuple(args, "ssd", &name, &program, &timeout))
        return NULL;
    allocfunc allocate = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
    connection_t *self = (connection_t *)allocate(type, 0);
    if (self == NULL)
        return NULL;
    self->pid = getpid();
    self->orders_end = &self->orders;
    self->events_end = &self->events;
    self->timeout_ms = timeout > 0 && timeout < 1e6 ? (int)(timeout * 1000) : 1000000000;
    snprintf(self->program, sizeof self->program, "%s", program);
    pthread_mutex_init(&self->mutex, NULL);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&self->cond, &attributes);
    pthread_condattr_destroy(&attributes);
    self->wake_fd = eventfd(0, EFD_CLOEXEC);
    if (self->wake_fd < 0 || tt_rundir_open(name, &self->dir, &self->error) != 0 ||
        start(self) != 0) {
        if (self->wake_fd < 0)
            tt_error_set(&self->error, "no descriptor: %s", strerror(errno));
        raise_error(&self->error);
        Py_DECREF((PyObject *)self);
        return NULL;
    }
    return (PyObject *)self;
}

static void connection_dealloc(PyObject *object)
{
    connection_t *self = (connection_t *)object;
    PyTypeObject *type = Py_TYPE(object);
    if (self->pid == getpid()) {
        close_connection(self);
        free_events(self);
        if (self->wake_fd >= 0)
            close(self->wake_fd);
        pthread_cond_destroy(&self->cond);
        pthread_mutex_destroy(&self->mutex);
    }
    freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);
    release(object);
    Py_DECREF(type);
}

/* ---- orders */

static int read_tickets(PyObject *list, uint64_t **tickets, size_t *count)
{
    Py_ssize_t len = list == Py_None ? 0 : PySequence_Size(list);
    if (len < 0)
        return -1;
    *tickets = tt_alloc(((size_t)len + 1) * sizeof **tickets);
    *count = (size_t)len;
    for (Py_ssize_t i = 0; i < len; i++) {
        PyObject *item = PySequence_GetItem(list, i);
        (*tickets)[i] = item ? PyLong_AsUnsignedLongLong(item) : 0;
        Py_XDECREF(item);
    }
    return PyErr_Occurred() ? -1 : 0;
}

static int read_engines(PyObject *list, int **engines, size_t *count)
{
    *count = 0;
    if (list == Py_None)
        return 0;
    Py_ssize_t len = PySequence_Size(list);
    if (len < 0)
        return -1;
    *engines = tt_alloc(((size_t)len + 1) * sizeof **engines);
    *count = (size_t)len;
    for (Py_ssize_t i = 0; i < len; i++) {
        PyObject *item = PySequence_GetItem(list, i);
        (*engines)[i] = item ? (int)PyLong_AsLong(item) : 0;
        Py_XDECREF(item);
    }
    return PyErr_Occurred() ? -1 : 0;
}

static PyObject *connection_submit(PyObject *object, PyObject *args)
{
    connection_t *self = (connection_t *)object;
    unsigned long long ticket;
    unsigned op;
    PyObject *engines, *blob, *after, *follow, *frames;
    int balanced, retries;
    double timeout;
    const char *label;
    if (!is_usable(self) ||
        !PyArg_ParseTuple(args, "KIOpOsidOOO", &ticket, &op, &engines, &balanced, &blob, &label,
                          &retries, &timeout, &after, &follow, &frames))
        return NULL;
    release_returned(self);
    order_t *order = new_order(DO_SUBMIT, ticket);
    tt_submit_t *submit = &order->submit;
    order->label = tt_strdup(label);
    *submit = (tt_submit_t){.op = op,
                            .balanced = balanced,
                            .label = order->label,
                            .retries = retries > 0 ? (unsigned)retries : 0,
                            .timeout_ms = timeout > 0 ? (uint64_t)(timeout * 1000) : 0};
    if (read_engines(engines, &order->engines, &submit->engine_count) != 0 ||
        read_tickets(after, &order->after, &submit->after_count) != 0 ||
        read_tickets(follow, &order->follow, &submit->follow_count) != 0 ||
        add_frames(self, &order->frames, frames) != 0) {
        free_order(order);
        return NULL;
    }
    submit->engines = order->engines;
    if (blob != Py_None) {
        char *hash;
        Py_ssize_t len;
        if (PyBytes_AsStringAndSize(blob, &hash, &len) != 0 || len != sizeof order->hash) {
            free_order(order);
            return PyErr_Occurred() ? NULL : PyErr_Format(PyExc_ValueError, "no hash");
        }
        memcpy(order->hash, hash, sizeof order->hash);
        submit->blob = order->hash;
    }
    send_order(self, order);
    Py_RETURN_NONE;
}

static PyObject *connection_cancel(PyObject *object, PyObject *args)
{
    connection_t *self = (connection_t *)object;
    unsigned long long ticket;
    if (!is_usable(self) || !PyArg_ParseTuple(args, "K", &ticket))
        return NULL;
    send_order(self, new_order(DO_CANCEL, ticket));
    Py_RETURN_NONE;
}

static PyObject *connection_blob(PyObject *object, PyObject *args)
{
    connection_t *self = (connection_t *)object;
    const char *hash;
    Py_ssize_t len;
    PyObject *bytes;
    if (!is_usable(self) || !PyArg_ParseTuple(args, "y#O", &hash, &len, &bytes))
        return NULL;
    order_t *order = new_order(DO_BLOB, 0);
    if (len != sizeof order->hash || add_frame(self, &order->frames, bytes) != 0) {
        free_order(order);
        return PyErr_Occurred() ? NULL : PyErr_Format(PyExc_ValueError, "no hash");
    }
    memcpy(order->hash, hash, sizeof order->hash);
    send_order(self, order);
    Py_RETURN_NONE;
}

/* Requests by name. */
static const struct {
    const char *name;
    unsigned type;
    uint64_t number;
} requests[] = {
    {"status", TT_MSG_STATUS, 0},  {"interrupt", TT_MSG_INTERRUPT, 0},
    {"restart", TT_MSG_ACTION, 1}, {"end", TT_MSG_ACTION, 2},
    {"stop", TT_MSG_STOP, 0},      {"launch", TT_MSG_LAUNCH, 0},
    {"signal", TT_MSG_ACTION, 4},
};

static PyObject *connection_ask(PyObject *object, PyObject *args)
{
    connection_t *self = (connection_t *)object;
    unsigned long long ticket;
    unsigned long long count = 0;
    const char *name, *directory = "";
    PyObject *engines;
    if (!is_usable(self) ||
        !PyArg_ParseTuple(args, "KsO|Ks", &ticket, &name, &engines, &count, &directory))
        return NULL;
    for (size_t i = 0; i < sizeof requests / sizeof *requests; i++) {
        if (strcmp(requests[i].name, name) != 0)
            continue;
        order_t *order = new_order(DO_ASK, ticket);
        order->type = requests[i].type;
        order->number = requests[i].number;
        order->count = count;
        order->text = tt_strdup(directory);
        if (read_engines(engines, &order->engines, &order->submit.engine_count) != 0) {
            free_order(order);
            return NULL;
        }
        send_order(self, order);
        Py_RETURN_NONE;
    }
    return PyErr_Format(PyExc_ValueError, "no request '%s'", name);
}

/* ---- events */

static PyObject *text_of(const char *text)
{
    return PyUnicode_DecodeUTF8(text, (Py_ssize_t)strlen(text), "replace");
}

static PyObject *tuple_of(event_t *event)
{
    const tt_result_t *result = &event->result;
    const tt_engine_t *engine = event->engine;
    unsigned long long ticket = event->ticket;
    PyObject *frames;
    switch (event->kind) {
    case EVENT_RESULT:
        frames = frames_of(event);
        return frames
                   ? Py_BuildValue("(iKNiIIdddKdNNN)", event->kind, ticket,
                                   PyBool_FromLong(event->last), result->engine, result->status,
                                   result->attempt, (double)result->queue_ns / 1e9,
                                   (double)result->wait_ns / 1e9, (double)result->run_ns / 1e9,
                                   (unsigned long long)result->dropped_bytes,
                                   (double)event->when_ns / 1e9, text_of(result->cause),
                                   text_of(result->host), frames)
                   : NULL;
    case EVENT_OUTPUT:
        return Py_BuildValue("(iKiiy#)", event->kind, ticket, event->number, event->stream,
                             (const char *)zmq_msg_data(&event->frames.items[0]),
                             (Py_ssize_t)zmq_msg_size(&event->frames.items[0]));
    case EVENT_ENGINE:
        return Py_BuildValue("(iiIiNNNNNK)", event->kind, engine->id, engine->state,
                             engine->pid, text_of(engine->host), text_of(engine->language),
                             text_of(engine->program), text_of(engine->text),
                             text_of(engine->labels), (unsigned long long)engine->born);
    case EVENT_ANSWER:
        frames = frames_of(event);
        return frames ? Py_BuildValue("(iKizN)", event->kind, ticket, event->number,
                                      event->text, frames)
                      : NULL;
    case EVENT_GONE:
        return Py_BuildValue("(iN)", event->kind, text_of(event->text));
    }
    return NULL;
}

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

/* Waits until there is something for the caller, and takes it: all events, in order. */
static event_t *wait_events(connection_t *self, double seconds, bool eager, uint64_t seen)
{
    struct timespec until;
    set_deadline(&until, seconds);
    pthread_mutex_lock(&self->mutex);
    self->eager += eager;
    int rc = 0;
    while (rc == 0 && !self->over && !(self->events && (eager || self->eager == 0)) &&
           !(eager && self->generation != seen))
        rc = pthread_cond_timedwait(&self->cond, &self->mutex, &until);
    self->eager -= eager;
    event_t *events = NULL;
    if (eager || self->eager == 0) {
        events = self->events;
        self->events = NULL;
        self->events_end = &self->events;
        self->output_bytes = 0;
    }
    if (eager && self->eager == 0 && self->events == NULL)
        pthread_cond_broadcast(&self->cond); /* the patient one may go on */
    pthread_mutex_unlock(&self->mutex);
    return events;
}

static PyObject *connection_take(PyObject *object, PyObject *args)
{
    connection_t *self = (connection_t *)object;
    double seconds;
    int eager;
    unsigned long long seen = 0;
    if (self->pid != getpid())
        return is_usable(self), NULL;
    if (!PyArg_ParseTuple(args, "dp|K", &seconds, &eager, &seen))
        return NULL;
    if (!(seconds >= 0 && seconds < 1e6))
        seconds = 1e6;
    release_returned(self);
    event_t *event;
    Py_BEGIN_ALLOW_THREADS event = wait_events(self, seconds, eager, seen);
    Py_END_ALLOW_THREADS PyObject *list = PyList_New(0);
    while (event) {
        event_t *next = event->next;
        PyObject *tuple = list ? tuple_of(event) : NULL;
        if (tuple == NULL || PyList_Append(list, tuple) != 0)
            Py_CLEAR(list);
        Py_XDECREF(tuple);
        free_event(event);
        event = next;
    }
    return list;
}

static PyObject *connection_generation(PyObject *object, PyObject *none)
{
    connection_t *self = (connection_t *)object;
    (void)none;
    if (self->pid != getpid()) /* nobody there could unlock the mutex */
        return is_usable(self), NULL;
    pthread_mutex_lock(&self->mutex);
    unsigned long long generation = self->generation;
    pthread_mutex_unlock(&self->mutex);
    return PyLong_FromUnsignedLongLong(generation);
}

static PyObject *connection_poke(PyObject *object, PyObject *none)
{
    connection_t *self = (connection_t *)object;
    (void)none;
    if (self->pid == getpid()) {
        pthread_mutex_lock(&self->mutex);
        self->generation++;
        pthread_cond_broadcast(&self->cond);
        pthread_mutex_unlock(&self->mutex);
    }
    Py_RETURN_NONE;
}

static PyObject *connection_close(PyObject *object, PyObject *none)
{
    (void)none;
    close_connection((connection_t *)object);
    Py_RETURN_NONE;
}

static PyObject *connection_over(PyObject *object, PyObject *none)
{
    connection_t *self = (connection_t *)object;
    (void)none;
    return PyBool_FromLong(self->over || self->closed || self->pid != getpid());
}

static PyObject *connection_pid(PyObject *object, PyObject *none)
{
    (void)none;
    return PyUnicode_FromString(((connection_t *)object)->dir.run_dir);
}

static PyMethodDef connection_methods[] = {
    {"submit", connection_submit, METH_VARARGS,
     "submit(ticket, op, engines, balanced, blob, label, retries, timeout, after, follow, "
     "frames)\n\n"
     "Sends one task; RESULT events bear its ticket. engines: [id, ...] or None (balanced: "
     "any).\n"
     "blob: the hash of a function that blob() brought, or None. timeout: seconds of its run, "
     "0 "
     "for none. after, follow: tickets. frames: [args, buffer, ...]; they are lent, not "
     "copied,\n"
     "over 4 KiB."},
    {"cancel", connection_cancel, METH_VARARGS, "cancel(ticket)"},
    {"blob", connection_blob, METH_VARARGS, "blob(hash, bytes)\n\nMakes a function known."},
    {"ask", connection_ask, METH_VARARGS,
     "ask(ticket, name, engines, count=0, directory='')\n\n"
     "'status', 'interrupt', 'restart', 'end', 'stop', 'signal' with a number as count, or "
     "'launch' for\n"
     "so many engines more of this machine that start in a directory: an ANSWER event bears "
     "the\n"
     "ticket."},
    {"take", connection_take, METH_VARARGS,
     "take(seconds, eager, seen=0) -> [event, ...]\n\n"
     "Waits for events. An eager caller gets them before one who is not, and returns also when "
     "the\n"
     "generation is not `seen` any more."},
    {"generation", connection_generation, METH_NOARGS,
     "generation() -> int\n\nChanges with every event and poke()."},
    {"poke", connection_poke, METH_NOARGS, "poke()\n\nEager callers look again."},
    {"over", connection_over, METH_NOARGS, "over() -> bool\n\nWhether it is closed."},
    {"directory", connection_pid, METH_NOARGS, "directory() -> str\n\nThe cluster's."},
    {"close", connection_close, METH_NOARGS,
     "close()\n\nSays goodbye, 0.5 s at most; harmless when called twice."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot connection_slots[] = {
    {Py_tp_new, connection_new},
    {Py_tp_dealloc, connection_dealloc},
    {Py_tp_methods, connection_methods},
    {Py_tp_doc,
     "Connection(cluster, program, timeout)\n\nA client of a running cluster. Raises "
     "OSError with the reason when there is none, or no answer within `timeout` s."},
    {0, NULL},
};

static PyType_Spec connection_spec = {
    .name = "tutti._client.Connection",
    .basicsize = sizeof(connection_t),
    .flags = Py_TPFLAGS_DEFAULT,
    .slots = connection_slots,
};

static struct PyModuleDef module_def = {
    PyModuleDef_HEAD_INIT,
    "_client",
    "A client of a cluster, in C.",
    -1,
    NULL,
    NULL,
    NULL,
    NULL,
    NULL,
};

PyMODINIT_FUNC PyInit__client(void);
PyMODINIT_FUNC PyInit__client(void)
{
    PyObject *module = PyModule_Create(&module_def);
    frame_type = (PyTypeObject *)PyType_FromSpec(&frame_spec);
    PyObject *type = PyType_FromSpec(&connection_spec);
    if (module == NULL || frame_type == NULL || type == NULL ||
        PyModule_AddObjectRef(module, "Connection", type) != 0)
        return NULL;
    return module;
}
