/* tutti._runtime: the Python runtime's half in C. It gives the language contract of
 * share/language.h over a session object (session.py), and the codec of values.
 *
 * Python's own SIGINT handler stays. A KeyboardInterrupt can therefore arise at every bytecode:
 * so no bytecode of ours runs outside of `handle`, except for flushes and the giving back of a
 * terminal, which are tried again, and whatever leaves `handle` is the answer of that task.
 * Nothing here lets an exception reach the loop. */
#include "codec.h"
#include "fork.h"

#include "../../share/identity.h"
#include "../../share/language.h"
#include "../../share/value.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One loop serves a process. */
static struct {
    tt_serve_t *serve;
    PyObject *session;
    PyObject *handle; /* its method */
    PyObject *begin;  /* to be called ahead of the first task; NULL: nothing */
    PyThreadState *idle;
    unsigned long thread; /* the one that serves */
    int handling;         /* tasks under way: one, and those that came while it asks */
    int eaten; /* interrupts that met a flush: drained for the task that is about to end */
} runtime;

/* ---- interrupts and output */

static int on_drain(void *self)
{
    (void)self;
    int count = runtime.eaten;
    runtime.eaten = 0;
    while (PyErr_CheckSignals() != 0) {
        if (PyErr_ExceptionMatches(PyExc_KeyboardInterrupt))
            count++;
        PyErr_Clear();
    }
    return count;
}

/* An interrupt may cut a flush short; what is left is written by the next attempt. */
static void flush_stream(const char *name)
{
    for (int attempt = 0; attempt < 8; attempt++) {
        PyObject *stream = PySys_GetObject(name);
        if (stream == NULL || stream == Py_None)
            return;
        Py_INCREF(stream);
        PyObject *done = PyObject_CallMethod(stream, "flush", NULL);
        Py_DECREF(stream);
        bool again = done == NULL && PyErr_ExceptionMatches(PyExc_KeyboardInterrupt);
        Py_XDECREF(done);
        PyErr_Clear();
        if (!again)
            return;
        runtime.eaten++;
    }
}

/* When a task ends, the session's terminal is given back: by Python that may be called again
 * when an interrupt cuts it short, so that no interrupt leaves a descriptor on the terminal. */
static void give_back_terminal(void)
{
    PyObject *terminal = PyObject_GetAttrString(runtime.session, "terminal");
    bool again = terminal != NULL && terminal != Py_None;
    while (again) {
        PyObject *done = PyObject_CallMethod(terminal, "give_back", NULL);
        again = done == NULL && PyErr_ExceptionMatches(PyExc_KeyboardInterrupt);
        Py_XDECREF(done);
        PyErr_Clear();
        runtime.eaten += again;
    }
    Py_XDECREF(terminal);
    PyErr_Clear();
}

/* Not fflush(NULL): that waits for a thread that reads from stdin. */
static void on_flush(void *self)
{
    (void)self;
    flush_stream("stdout");
    flush_stream("stderr");
    fflush(stdout);
    fflush(stderr);
    if (runtime.handling == 0)
        give_back_terminal();
}

static void on_idle(void *self, bool entering)
{
    (void)self;
    if (entering)
        runtime.idle = PyEval_SaveThread();
    else
        PyEval_RestoreThread(runtime.idle);
}

/* ---- tasks */

static void on_let_go(void *self, void *owner)
{
    (void)self;
    PyBuffer_Release(owner);
    free(owner);
}

static int add_buffer(tt_reply_t *reply, PyObject *object)
{
    Py_buffer *view = tt_alloc(sizeof *view);
    if (object == NULL || PyObject_GetBuffer(object, view, PyBUF_SIMPLE) != 0) {
        free(view);
        return -1;
    }
    tt_reply_buffer(reply, (tt_span_t){view->buf, (size_t)view->len}, view);
    return 0;
}

/* The session's answer: (status, body, [buffer ...], exit status or None). */
static int fill_reply(PyObject *answer, tt_reply_t *reply)
{
    int status;
    const char *body;
    Py_ssize_t len;
    PyObject *buffers, *leave;
    if (!PyArg_ParseTuple(answer, "iy#OO", &status, &body, &len, &buffers, &leave))
        return -1;
    Py_ssize_t count = PySequence_Size(buffers);
    for (Py_ssize_t i = 0; i < count; i++) {
        PyObject *object = PySequence_GetItem(buffers, i);
        int rc = add_buffer(reply, object);
        Py_XDECREF(object);
        if (rc != 0)
            return -1;
    }
    reply->leave = leave != Py_None;
    reply->exit_status = reply->leave ? (int)PyLong_AsLong(leave) : 0;
    if (count < 0 || PyErr_Occurred())
        return -1;
    reply->status = (tt_status_t)status;
    reply->body.len = 0;
    tt_buf_append(&reply->body, body, (size_t)len);
    return 0;
}

/* What left the session: an interrupt between the user's code and here, or our bug. */
static void reply_exception(tt_reply_t *reply)
{
    bool interrupted = PyErr_ExceptionMatches(PyExc_KeyboardInterrupt);
    PyObject *type, *value, *trace;
    PyErr_Fetch(&type, &value, &trace);
    PyObject *text = value ? PyObject_Repr(value) : NULL;
    const char *message = text ? PyUnicode_AsUTF8AndSize(text, NULL) : NULL;
    PyErr_Clear();
    for (size_t i = 0; i < reply->buffer_count; i++)
        on_let_go(NULL, reply->buffers[i].owner);
    reply->buffer_count = 0;
    reply->leave = false;
    if (interrupted)
        tt_reply_error(reply, TT_STATUS_INTERRUPTED, "KeyboardInterrupt", "interrupted", NULL);
    else
        tt_reply_error(reply, TT_STATUS_ERROR, "InternalError", message ? message : "?", NULL);
    Py_XDECREF(text);
    Py_XDECREF(type);
    Py_XDECREF(value);
    Py_XDECREF(trace);
}

/* ---- frames that lie in mapped memory */

typedef struct {
    PyObject_HEAD tt_spool_t *spool;
    tt_span_t bytes;
} mapped_t;

static PyTypeObject *mapped_type;

static void mapped_dealloc(PyObject *object)
{
    PyTypeObject *type = Py_TYPE(object);
    freefunc give_back = (freefunc)PyType_GetSlot(type, Py_tp_free);
    tt_spool_release(&((mapped_t *)object)->spool);
    give_back(object);
    Py_DECREF((PyObject *)type);
}

static int mapped_buffer(PyObject *object, Py_buffer *view, int flags)
{
    tt_span_t bytes = ((mapped_t *)object)->bytes;
    return PyBuffer_FillInfo(view, object, (void *)(uintptr_t)bytes.data, (Py_ssize_t)bytes.len,
                             0, flags);
}

static PyType_Slot mapped_slots[] = {
    {Py_tp_dealloc, mapped_dealloc},
    {Py_bf_getbuffer, mapped_buffer},
    {Py_tp_doc, "Bytes of a big value, which all engines of a machine share until they write."},
    {0, NULL},
};

static PyType_Spec mapped_spec = {
    .name = "tutti._runtime.Mapped",
    .basicsize = sizeof(mapped_t),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = mapped_slots,
};

static PyObject *mapped_view(tt_spool_t *spool, tt_span_t bytes)
{
    allocfunc allocate = (allocfunc)PyType_GetSlot(mapped_type, Py_tp_alloc);
    mapped_t *mapped = (mapped_t *)allocate(mapped_type, 0);
    if (mapped == NULL)
        return NULL;
    mapped->spool = tt_spool_hold(spool);
    mapped->bytes = bytes;
    PyObject *view = PyMemoryView_FromObject((PyObject *)mapped);
    Py_DECREF((PyObject *)mapped);
    return view;
}

/* Frames as buffers that arrays and unpickled objects keep and may write to: mapped memory as
 * it is, a copy of what came in a message. */
static PyObject *frames_list(const tt_span_t *frames, size_t count, tt_spool_t *spool)
{
    PyObject *list = PyList_New((Py_ssize_t)count);
    for (size_t i = 0; list && i < count; i++) {
        tt_span_t bytes = frames[i];
        PyObject *frame = spool && tt_spool_has(spool, bytes.data)
                              ? mapped_view(spool, bytes)
                              : PyByteArray_FromStringAndSize((const char *)bytes.data,
                                                              (Py_ssize_t)bytes.len);
        if (frame == NULL)
            Py_CLEAR(list);
        else
            PyList_SetItem(list, (Py_ssize_t)i, frame);
    }
    return list;
}

/* What a forked engine has to do for itself, no sooner than it has anything to do: while it
 * idles it shares its memory with all others. One that was interrupted is made again. */
static bool begin_tasks(void)
{
    PyObject *done = runtime.begin ? PyObject_CallNoArgs(runtime.begin) : Py_NewRef(Py_None);
    if (done == NULL)
        return false;
    Py_DECREF(done);
    Py_CLEAR(runtime.begin);
    return true;
}

static void on_handle(void *self, const tt_request_t *request, tt_reply_t *reply)
{
    (void)self;
    runtime.handling++;
    PyObject *frames = frames_list(request->buffers, request->buffer_count, request->spool),
             *answer = NULL;
    if (frames && begin_tasks())
        answer = PyObject_CallFunction(runtime.handle, "IIy#O", request->op, request->seq,
                                       (const char *)request->args.data,
                                       (Py_ssize_t)request->args.len, frames);
    if (answer == NULL || fill_reply(answer, reply) != 0)
        reply_exception(reply);
    Py_XDECREF(answer);
    Py_XDECREF(frames);
    runtime.handling--;
}

/* ---- other messages; without bytecode, so that no interrupt can meet them */

static void on_start(void *self, int engine, const char *cluster)
{
    (void)self;
    PyObject *number = PyLong_FromLong(engine),
             *name = PyUnicode_DecodeUTF8(cluster, (Py_ssize_t)strlen(cluster), "replace");
    if (number)
        PyObject_SetAttrString(runtime.session, "engine", number);
    if (name)
        PyObject_SetAttrString(runtime.session, "cluster", name);
    Py_XDECREF(number);
    Py_XDECREF(name);
    PyErr_Clear();
}

static void on_blob(void *self, tt_span_t hash, tt_span_t bytes)
{
    (void)self;
    PyObject *blobs = PyObject_GetAttrString(runtime.session, "blobs");
    PyObject *key = PyBytes_FromStringAndSize((const char *)hash.data, (Py_ssize_t)hash.len);
    PyObject *blob = NULL;
    if (bytes.data)
        blob = PyBytes_FromStringAndSize((const char *)bytes.data, (Py_ssize_t)bytes.len);
    if (blobs && key && blob)
        PyDict_SetItem(blobs, key, blob);
    else if (blobs && key && bytes.data == NULL)
        PyDict_DelItem(blobs, key);
    Py_XDECREF(blobs);
    Py_XDECREF(key);
    Py_XDECREF(blob);
    PyErr_Clear();
}

/* ---- the module */

static tt_language_t language = {
    .name = "python",
    .start = on_start,
    .handle = on_handle,
    .blob = on_blob,
    .flush = on_flush,
    .drain = on_drain,
    .let_go = on_let_go,
    .idle = on_idle,
};

/* The session, version and program are there: the exit status. */
static PyObject *serve(int socket_fd, int page_fd)
{
    tt_error_t err;
    runtime.serve = tt_serve_new_on(&language, NULL, socket_fd, page_fd, &err);
    if (runtime.serve == NULL)
        return PyErr_Format(PyExc_OSError, "%s", err.text);
    Py_INCREF(runtime.session);
    runtime.handle = PyObject_GetAttrString(runtime.session, "handle");
    setvbuf(stdout, NULL, _IOLBF,
            0); /* its first line may be written to a pipe, a later one to a terminal */
    runtime.thread = PyThread_get_thread_ident();
    int status = tt_serve_run(runtime.serve);
    tt_serve_destroy(&runtime.serve);
    Py_CLEAR(runtime.handle);
    Py_CLEAR(runtime.session);
    if (PyErr_Occurred())
        return NULL; /* a session without the method */
    return PyLong_FromLong(status);
}

static PyObject *runtime_serve(PyObject *module, PyObject *args)
{
    (void)module;
    int socket_fd, page_fd;
    if (runtime.serve)
        return PyErr_Format(PyExc_RuntimeError, "this process serves already");
    if (!PyArg_ParseTuple(args, "Oiiss", &runtime.session, &socket_fd, &page_fd,
                          &language.version, &language.program))
        return NULL;
    return serve(socket_fd, page_fd);
}

static PyObject *runtime_fork_engines(PyObject *module, PyObject *args)
{
    (void)module;
    int link;
    PyObject *begin;
    if (!PyArg_ParseTuple(args, "iOOss", &link, &begin, &runtime.session, &language.version,
                          &language.program))
        return NULL;
    int rc = fork_engines(link);
    if (rc < 0)
        return NULL;
    if (rc > 0)
        Py_RETURN_NONE;
    runtime.begin = begin == Py_None ? NULL : Py_NewRef(begin);
    return serve(TT_RT_SOCKET_FD, TT_RT_PAGE_FD);
}

static PyObject *runtime_forget(PyObject *module, PyObject *none)
{
    (void)module, (void)none;
    if (runtime.serve) {
        tt_serve_forget(runtime.serve);
        if (PyObject_SetAttrString(runtime.session, "forked", Py_True) != 0)
            return NULL;
    }
    Py_RETURN_NONE;
}

static PyObject *runtime_ask(PyObject *module, PyObject *args)
{
    (void)module;
    const char *what, *text;
    if (!PyArg_ParseTuple(args, "ss", &what, &text))
        return NULL;
    if (runtime.handling == 0 || PyThread_get_thread_ident() != runtime.thread)
        return PyErr_Format(PyExc_RuntimeError, "only the main thread, within a task, can ask");
    tt_answer_t answer;
    int status = tt_serve_ask(runtime.serve, what, text, &answer);
    if (answer.interrupted)
        return PyErr_SetString(PyExc_KeyboardInterrupt, "interrupted"), NULL;
    if (status < 0)
        return PyErr_Format(PyExc_EOFError, "the prompt is gone");
    PyObject *list = frames_list(answer.frames, answer.count, answer.spool);
    return list ? Py_BuildValue("iN", status, list) : NULL;
}

static PyMethodDef methods[] = {
    {"encode", codec_encode, METH_VARARGS,
     "encode(object, fallback, inline_limit=4096) -> (body, [buffer, ...])\n\n"
     "Raises RecursionError for a value nested too deeply, and what fallback raises."},
    {"decode", codec_decode, METH_VARARGS,
     "decode(body, buffers, revive) -> object\n\nRaises ValueError on malformed bytes."},
    {"serve", runtime_serve, METH_VARARGS,
     "serve(session, socket_fd, page_fd, version, program) -> exit status\n\n"
     "Serves the session until STOP, the end of the socket, or a task that leaves. page_fd may "
     "be\n"
     "-1. The descriptors become the loop's. Raises OSError when nobody is at the other end."},
    {"ask", runtime_ask, METH_VARARGS,
     "ask(what, text) -> (status, [frame, ...])\n\n"
     "Asks the prompt and waits. Raises KeyboardInterrupt, EOFError when the prompt is gone, "
     "and\n"
     "RuntimeError outside of a task or its thread."},
    {"fork_engines", runtime_fork_engines, METH_VARARGS,
     "fork_engines(link_fd, begin, session, version, program) -> exit status or None\n\n"
     "The zygote's loop, which ends the process with its host. A forked engine serves the\n"
     "session, and calls begin, unless that is None, ahead of the first task. None in the "
     "zygote when threads that run by\n"
     "now keep it from forking."},
    {"forget", runtime_forget, METH_NOARGS,
     "forget()\n\n"
     "In a forked child: lets go of the socket and the page, and tells the session, which is "
     "to\n"
     "have ended with its task then. Nothing when no session is served, as in the zygote."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef module_def = {
    PyModuleDef_HEAD_INIT,
    "_runtime",
    "The Python runtime's half in C.",
    -1,
    methods,
    NULL,
    NULL,
    NULL,
    NULL,
};

PyMODINIT_FUNC PyInit__runtime(void);
PyMODINIT_FUNC PyInit__runtime(void)
{
    PyObject *module = PyModule_Create(&module_def);
    mapped_type = (PyTypeObject *)PyType_FromSpec(&mapped_spec);
    if (mapped_type == NULL)
        Py_CLEAR(module);
    if (module && PyModule_AddStringConstant(module, "VERSION", TT_VERSION) != 0)
        Py_CLEAR(module);
    return module;
}
