/* tutti._client: a client of a cluster for Python, over a courier (courier.h). Used by
 * python/tutti/connection.py alone.
 *
 * Bytes are not copied: what is sent is lent (a buffer of Python's is released by the next call
 * that Python makes), what comes is a Frame over the message's own memory. A forked child has
 * no courier: what it tries raises RuntimeError, and its objects are left to its end. */
#include "courier.h"

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { COPIED = 4096 /* frames up to this size are */ };

/* A buffer of Python's that a message holds. */
typedef struct lent {
    struct lent *next;
    struct connection *connection;
    Py_buffer view;
} lent_t;

typedef struct connection {
    PyObject_HEAD pid_t pid; /* that it was made in */
    bool closed;
    courier_t *courier;
    pthread_mutex_t mutex;
    lent_t *returned; /* to be released by Python; under the mutex */
} connection_t;

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

/* The GIL is let go of, since the courier's thread may be slow to end. */
static void close_connection(connection_t *self)
{
    if (self->closed || self->pid != getpid() || self->courier == NULL)
        return;
    self->closed = true;
    Py_BEGIN_ALLOW_THREADS courier_close(self->courier);
    Py_END_ALLOW_THREADS release_returned(self);
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
    tt_error_t err;
    (void)kwargs;
    if (!PyArg_ParseTuple(args, "ssd", &name, &program, &timeout))
        return NULL;
    allocfunc allocate = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
    connection_t *self = (connection_t *)allocate(type, 0);
    if (self == NULL)
        return NULL;
    self->pid = getpid();
    pthread_mutex_init(&self->mutex, NULL);
    int timeout_ms = timeout > 0 && timeout < 1e6 ? (int)(timeout * 1000) : 1000000000;
    Py_BEGIN_ALLOW_THREADS self->courier = courier_new(name, program, timeout_ms, &err);
    Py_END_ALLOW_THREADS if (self->courier) return (PyObject *)self;
    raise_error(&err);
    Py_DECREF((PyObject *)self);
    return NULL;
}

static void connection_dealloc(PyObject *object)
{
    connection_t *self = (connection_t *)object;
    PyTypeObject *type = Py_TYPE(object);
    if (self->pid == getpid()) {
        close_connection(self);
        courier_destroy(&self->courier);
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
    order_t *order = order_new(DO_SUBMIT, ticket);
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
        order_destroy(order);
        return NULL;
    }
    submit->engines = order->engines;
    if (blob != Py_None) {
        char *hash;
        Py_ssize_t len;
        if (PyBytes_AsStringAndSize(blob, &hash, &len) != 0 || len != sizeof order->hash) {
            order_destroy(order);
            return PyErr_Occurred() ? NULL : PyErr_Format(PyExc_ValueError, "no hash");
        }
        memcpy(order->hash, hash, sizeof order->hash);
        submit->blob = order->hash;
    }
    courier_send(self->courier, order);
    Py_RETURN_NONE;
}

static PyObject *connection_cancel(PyObject *object, PyObject *args)
{
    connection_t *self = (connection_t *)object;
    unsigned long long ticket;
    int waiting = 0;
    if (!is_usable(self) || !PyArg_ParseTuple(args, "K|p", &ticket, &waiting))
        return NULL;
    courier_send(self->courier, order_new(waiting ? DO_WITHDRAW : DO_CANCEL, ticket));
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
    order_t *order = order_new(DO_BLOB, 0);
    if (len != sizeof order->hash || add_frame(self, &order->frames, bytes) != 0) {
        order_destroy(order);
        return PyErr_Occurred() ? NULL : PyErr_Format(PyExc_ValueError, "no hash");
    }
    memcpy(order->hash, hash, sizeof order->hash);
    courier_send(self->courier, order);
    Py_RETURN_NONE;
}

static int read_session(order_t *order, const char *session, Py_ssize_t len)
{
    order->named = len > 0;
    if (len != 0 && len != sizeof order->session) {
        PyErr_SetString(PyExc_ValueError, "a session has 16 bytes");
        return -1;
    }
    memcpy(order->session, session, (size_t)len);
    return 0;
}

static PyObject *connection_fetch(PyObject *object, PyObject *args)
{
    connection_t *self = (connection_t *)object;
    unsigned long long ticket, number;
    const char *session;
    Py_ssize_t len;
    PyObject *engines;
    if (!is_usable(self) ||
        !PyArg_ParseTuple(args, "Ky#KO", &ticket, &session, &len, &number, &engines))
        return NULL;
    order_t *order = order_new(DO_FETCH, ticket);
    order->number = number;
    if (read_session(order, session, len) != 0 ||
        read_engines(engines, &order->engines, &order->submit.engine_count) != 0) {
        order_destroy(order);
        return NULL;
    }
    courier_send(self->courier, order);
    Py_RETURN_NONE;
}

static PyObject *connection_records(PyObject *object, PyObject *args)
{
    connection_t *self = (connection_t *)object;
    unsigned long long ticket;
    const char *session;
    Py_ssize_t len;
    PyObject *numbers;
    int forget;
    size_t count;
    if (!is_usable(self) ||
        !PyArg_ParseTuple(args, "Ky#Op", &ticket, &session, &len, &numbers, &forget))
        return NULL;
    order_t *order = order_new(DO_ASK, ticket);
    order->type = TT_MSG_RECORDS;
    order->number = (uint64_t)forget;
    if (read_session(order, session, len) != 0 ||
        (numbers != Py_None && read_tickets(numbers, &order->numbers, &count) != 0)) {
        order_destroy(order);
        return NULL;
    }
    order->count = order->numbers ? count : 0;
    courier_send(self->courier, order);
    Py_RETURN_NONE;
}

static PyObject *connection_session(PyObject *object, PyObject *unused)
{
    connection_t *self = (connection_t *)object;
    (void)unused;
    return PyBytes_FromStringAndSize((const char *)courier_session(self->courier), 16);
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
        order_t *order = order_new(DO_ASK, ticket);
        order->type = requests[i].type;
        order->number = requests[i].number;
        order->count = count;
        order->text = tt_strdup(directory);
        if (read_engines(engines, &order->engines, &order->submit.engine_count) != 0) {
            order_destroy(order);
            return NULL;
        }
        courier_send(self->courier, order);
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

static PyObject *connection_wait(PyObject *object, PyObject *args)
{
    connection_t *self = (connection_t *)object;
    double seconds;
    int eager;
    unsigned long long seen = 0;
    if (self->pid != getpid())
        return is_usable(self), NULL;
    if (!PyArg_ParseTuple(args, "dp|K", &seconds, &eager, &seen))
        return NULL;
    if (!(seconds >= 0))
        seconds = 0;
    Py_BEGIN_ALLOW_THREADS courier_wait(self->courier, seconds, eager, seen);
    Py_END_ALLOW_THREADS Py_RETURN_NONE;
}

static PyObject *connection_take(PyObject *object, PyObject *none)
{
    connection_t *self = (connection_t *)object;
    (void)none;
    if (self->pid != getpid())
        return is_usable(self), NULL;
    release_returned(self);
    event_t *event = courier_take(self->courier);
    PyObject *list = PyList_New(0);
    while (event) {
        event_t *next = event->next;
        PyObject *tuple = list ? tuple_of(event) : NULL;
        if (tuple == NULL || PyList_Append(list, tuple) != 0)
            Py_CLEAR(list);
        Py_XDECREF(tuple);
        event_destroy(event);
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
    return PyLong_FromUnsignedLongLong(courier_generation(self->courier));
}

static PyObject *connection_poke(PyObject *object, PyObject *none)
{
    connection_t *self = (connection_t *)object;
    (void)none;
    if (self->pid == getpid())
        courier_poke(self->courier);
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
    return PyBool_FromLong(self->pid != getpid() || courier_over(self->courier));
}

static PyObject *connection_directory(PyObject *object, PyObject *none)
{
    (void)none;
    return PyUnicode_FromString(courier_directory(((connection_t *)object)->courier));
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
    {"cancel", connection_cancel, METH_VARARGS,
     "cancel(ticket, waiting=False)\n\nEnds a task; with waiting only what of it has not "
     "started."},
    {"blob", connection_blob, METH_VARARGS, "blob(hash, bytes)\n\nMakes a function known."},
    {"ask", connection_ask, METH_VARARGS,
     "ask(ticket, name, engines, count=0, directory='')\n\n"
     "'status', 'interrupt', 'restart', 'end', 'stop', 'signal' with a number as count, or "
     "'launch' for\n"
     "so many engines more of this machine that start in a directory: an ANSWER event bears "
     "the\n"
     "ticket."},
    {"fetch", connection_fetch, METH_VARARGS,
     "fetch(ticket, session, number, engines)\n\n"
     "Has the results of a task that another client submitted, as if we had: RESULT events "
     "bear\n"
     "the ticket. session: bytes, 16. engines: [id, ...], all of the task's, or None "
     "(balanced)."},
    {"records", connection_records, METH_VARARGS,
     "records(ticket, session, numbers, forget)\n\n"
     "Asks for what is known of tasks: all, or those of a session (bytes, 16 or none), or "
     "those "
     "with\nthe numbers [n, ...] of it. With forget they are forgotten. An ANSWER event bears "
     "the ticket."},
    {"session", connection_session, METH_NOARGS,
     "session() -> bytes\n\nThe 16 bytes that name this client."},
    {"wait", connection_wait, METH_VARARGS,
     "wait(seconds, eager, seen=0)\n\n"
     "Waits for events. An eager caller hears of them before one who is not, and returns also "
     "when\nthe generation is not `seen` any more."},
    {"take", connection_take, METH_NOARGS, "take() -> [event, ...]\n\nAll that there are."},
    {"generation", connection_generation, METH_NOARGS,
     "generation() -> int\n\nChanges with every event and poke()."},
    {"poke", connection_poke, METH_NOARGS, "poke()\n\nEager callers look again."},
    {"over", connection_over, METH_NOARGS, "over() -> bool\n\nWhether it is closed."},
    {"directory", connection_directory, METH_NOARGS, "directory() -> str\n\nThe cluster's."},
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
