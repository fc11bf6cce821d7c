/* The codec between Python objects and values; see codec.h. Only exact types are written as
 * MessagePack's own: a subclass may mean more, so it goes to `fallback` and is pickled there.
 */
#include "codec.h"

#include "../../share/value.h"

#include <string.h>

/* Below the reader's 512, with room for the arrays that a message puts around a value. */
enum { DEPTH_LIMIT = 480 };

typedef struct {
    tt_buf_t out;
    PyObject *buffers; /* list of the objects whose bytes are frames */
    PyObject *fallback;
    Py_ssize_t inline_limit;
} encoder_t;

static int put(encoder_t *self, PyObject *object, unsigned depth);

static int put_ref(encoder_t *self, PyObject *object, Py_ssize_t len)
{
    Py_ssize_t index = PyList_Size(self->buffers);
    if (PyList_Append(self->buffers, object) != 0)
        return -1;
    tt_pack_buffer_ref(&self->out, (size_t)index, (size_t)len);
    return 0;
}

static int put_bytes(encoder_t *self, PyObject *object)
{
    char *data;
    Py_ssize_t len;
    if (PyBytes_AsStringAndSize(object, &data, &len) != 0)
        return -1;
    if (len >= self->inline_limit)
        return put_ref(self, object, len);
    tt_pack_bin(&self->out, data, (size_t)len);
    return 0;
}

/* Anything with the buffer interface, as data of an extension. */
static int put_data(encoder_t *self, PyObject *object)
{
    Py_buffer view;
    if (PyObject_GetBuffer(object, &view, PyBUF_SIMPLE) != 0)
        return -1;
    int rc = 0;
    if (view.len >= self->inline_limit)
        rc = put_ref(self, object, view.len);
    else
        tt_pack_bin(&self->out, view.buf, (size_t)view.len);
    PyBuffer_Release(&view);
    return rc;
}

/* The body of an extension: text and numbers as they are, lists as arrays, the rest as data. */
static int put_body(encoder_t *self, PyObject *object, unsigned depth)
{
    if (PyUnicode_CheckExact(object) || PyLong_CheckExact(object))
        return put(self, object, depth);
    if (!PyList_CheckExact(object))
        return put_data(self, object);
    Py_ssize_t count = PyList_Size(object);
    tt_pack_array(&self->out, (size_t)count);
    for (Py_ssize_t i = 0; i < count; i++)
        if (put_body(self, PyList_GetItem(object, i), depth) != 0)
            return -1;
    return 0;
}

/* The length of an extension stands before its body, so the body is written aside first. */
static int put_ext(encoder_t *self, int code, PyObject *body, unsigned depth,
                   int (*writer)(encoder_t *, PyObject *, unsigned))
{
    tt_buf_t outer = self->out;
    tt_buf_init(&self->out);
    int rc = writer(self, body, depth);
    tt_buf_t inner = self->out;
    self->out = outer;
    if (rc == 0)
        tt_pack_ext(&self->out, code, inner.data, inner.len);
    tt_buf_release(&inner);
    return rc;
}

static int put_other(encoder_t *self, PyObject *object, unsigned depth)
{
    PyObject *answer = PyObject_CallFunctionObjArgs(self->fallback, object, NULL);
    if (answer == NULL)
        return -1;
    int code, rc = -1;
    PyObject *body;
    char *data;
    Py_ssize_t len;
    if (!PyArg_ParseTuple(answer, "iO;fallback: (code, body)", &code, &body))
        rc = -1;
    else if (!PyBytes_CheckExact(body))
        rc = put_ext(self, code, body, depth, put_body);
    else if (PyBytes_AsStringAndSize(body, &data, &len) == 0) {
        tt_pack_ext(&self->out, code, data, (size_t)len);
        rc = 0;
    }
    Py_DECREF(answer);
    return rc;
}

/* Text that is not UTF-8 (lone surrogates) is not portable either. */
static int put_text(encoder_t *self, PyObject *object, unsigned depth)
{
    Py_ssize_t len;
    const char *text = PyUnicode_AsUTF8AndSize(object, &len);
    if (text == NULL) {
        PyErr_Clear();
        return put_other(self, object, depth);
    }
    tt_pack_str(&self->out, text, (size_t)len);
    return 0;
}

static int put_int(encoder_t *self, PyObject *object, unsigned depth)
{
    int overflow;
    long long value = PyLong_AsLongLongAndOverflow(object, &overflow);
    if (overflow == 0) {
        if (value == -1 && PyErr_Occurred())
            return -1;
        tt_pack_int(&self->out, value);
        return 0;
    }
    unsigned long long large = overflow > 0 ? PyLong_AsUnsignedLongLong(object) : 0;
    if (overflow < 0 || PyErr_Occurred()) {
        PyErr_Clear();
        return put_other(self, object, depth);
    }
    tt_pack_uint(&self->out, large);
    return 0;
}

static void put_complex(encoder_t *self, PyObject *object)
{
    double parts[2] = {PyComplex_RealAsDouble(object), PyComplex_ImagAsDouble(object)};
    uint8_t body[16];
    for (int i = 0; i < 2; i++) {
        uint64_t bits;
        memcpy(&bits, &parts[i], sizeof bits);
        for (int k = 0; k < 8; k++)
            body[8 * i + k] = (uint8_t)(bits >> (56 - 8 * k));
    }
    tt_pack_ext(&self->out, TT_EXT_COMPLEX, body, sizeof body);
}

/* The fallback of a member may run code that changes the list, so its size is asked each time.
 */
static int put_list(encoder_t *self, PyObject *object, unsigned depth)
{
    Py_ssize_t count = PyList_Size(object);
    tt_pack_array(&self->out, (size_t)count);
    for (Py_ssize_t i = 0; i < count; i++) {
        if (PyList_Size(object) != count) {
            PyErr_SetString(PyExc_RuntimeError, "list changed size while it was sent");
            return -1;
        }
        PyObject *item = PyList_GetItem(object, i);
        Py_INCREF(item);
        int rc = put(self, item, depth + 1);
        Py_DECREF(item);
        if (rc != 0)
            return -1;
    }
    return 0;
}

static int put_tuple(encoder_t *self, PyObject *object, unsigned depth)
{
    Py_ssize_t count = PyTuple_Size(object);
    tt_pack_array(&self->out, (size_t)count);
    for (Py_ssize_t i = 0; i < count; i++)
        if (put(self, PyTuple_GetItem(object, i), depth + 2) != 0)
            return -1;
    return 0;
}

static int put_dict(encoder_t *self, PyObject *object, unsigned depth)
{
    PyObject *items = PyDict_Items(object); /* a copy: the dict may change meanwhile */
    if (items == NULL)
        return -1;
    Py_ssize_t count = PyList_Size(items);
    int rc = 0;
    tt_pack_map(&self->out, (size_t)count);
    for (Py_ssize_t i = 0; i < count && rc == 0; i++) {
        PyObject *pair = PyList_GetItem(items, i);
        rc = put(self, PyTuple_GetItem(pair, 0), depth + 1);
        if (rc == 0)
            rc = put(self, PyTuple_GetItem(pair, 1), depth + 1);
    }
    Py_DECREF(items);
    return rc;
}

static int put_container(encoder_t *self, PyObject *object, unsigned depth)
{
    if (depth >= DEPTH_LIMIT) {
        PyErr_Format(PyExc_RecursionError, "value is nested more than %d deep", DEPTH_LIMIT);
        return -1;
    }
    if (PyList_CheckExact(object))
        return put_list(self, object, depth);
    if (PyDict_CheckExact(object))
        return put_dict(self, object, depth);
    return put_ext(self, TT_EXT_TUPLE, object, depth, put_tuple);
}

static int put(encoder_t *self, PyObject *object, unsigned depth)
{
    if (object == Py_None)
        tt_pack_nil(&self->out);
    else if (object == Py_True || object == Py_False)
        tt_pack_bool(&self->out, object == Py_True);
    else if (PyLong_CheckExact(object))
        return put_int(self, object, depth);
    else if (PyFloat_CheckExact(object))
        tt_pack_double(&self->out, PyFloat_AsDouble(object));
    else if (PyUnicode_CheckExact(object))
        return put_text(self, object, depth);
    else if (PyBytes_CheckExact(object))
        return put_bytes(self, object);
    else if (PyList_CheckExact(object) || PyDict_CheckExact(object) ||
             PyTuple_CheckExact(object))
        return put_container(self, object, depth);
    else if (PyComplex_CheckExact(object))
        put_complex(self, object);
    else
        return put_other(self, object, depth);
    return 0;
}

PyObject *codec_encode(PyObject *module, PyObject *args)
{
    (void)module;
    PyObject *object, *result = NULL;
    encoder_t self = {.inline_limit = TT_INLINE_LIMIT};
    if (!PyArg_ParseTuple(args, "OO|n", &object, &self.fallback, &self.inline_limit))
        return NULL;
    self.buffers = PyList_New(0);
    if (self.buffers && put(&self, object, 0) == 0)
        result = Py_BuildValue("y#O", self.out.data, (Py_ssize_t)self.out.len, self.buffers);
    Py_XDECREF(self.buffers);
    tt_buf_release(&self.out);
    return result;
}

/* ---- reading; the bytes are validated, so the readers below cannot fail on them */

typedef struct {
    PyObject *buffers; /* sequence */
    PyObject *revive;
} decoder_t;

static PyObject *take(decoder_t *self, tt_reader_t *reader, bool body);

static PyObject *text(tt_span_t bytes)
{
    return PyUnicode_DecodeUTF8((const char *)bytes.data, (Py_ssize_t)bytes.len,
                                "surrogateescape");
}

static PyObject *plain(tt_span_t bytes)
{
    return PyBytes_FromStringAndSize((const char *)bytes.data, (Py_ssize_t)bytes.len);
}

static PyObject *take_list(decoder_t *self, tt_reader_t *reader, size_t count, bool body)
{
    PyObject *list = PyList_New((Py_ssize_t)count);
    for (size_t i = 0; list && i < count; i++) {
        PyObject *item = take(self, reader, body);
        if (item == NULL)
            Py_CLEAR(list);
        else
            PyList_SetItem(list, (Py_ssize_t)i, item);
    }
    return list;
}

static PyObject *malformed(const char *why)
{
    PyErr_Format(PyExc_ValueError, "malformed value: %s", why);
    return NULL;
}

/* Other languages have keys that Python cannot hash. */
static int set_item(PyObject *dict, PyObject *key, PyObject *value)
{
    int rc = PyDict_SetItem(dict, key, value);
    if (rc != 0 && PyErr_ExceptionMatches(PyExc_TypeError)) {
        PyErr_Clear();
        malformed("key of a type that has no hash");
    }
    return rc;
}

static PyObject *take_dict(decoder_t *self, tt_reader_t *reader, size_t count)
{
    PyObject *dict = PyDict_New();
    for (size_t i = 0; dict && i < count; i++) {
        PyObject *key = take(self, reader, false);
        PyObject *value = key ? take(self, reader, false) : NULL;
        if (value == NULL || set_item(dict, key, value) != 0)
            Py_CLEAR(dict);
        Py_XDECREF(key);
        Py_XDECREF(value);
    }
    return dict;
}

/* The object of the referenced frame, whose length must be the one that the reference tells. */
static PyObject *buffer(decoder_t *self, tt_span_t ref)
{
    tt_reader_t reader = tt_reader(ref);
    size_t count;
    uint64_t index, len;
    if (tt_read_array(&reader, &count) != 0 || count != 2 ||
        tt_read_uint(&reader, &index) != 0 || tt_read_uint(&reader, &len) != 0)
        return malformed("buffer reference is not [index, length]");
    Py_ssize_t have = PySequence_Size(self->buffers);
    if (have < 0)
        return NULL;
    if (index >= (uint64_t)have)
        return malformed("buffer reference to a frame that is not there");
    PyObject *object = PySequence_GetItem(self->buffers, (Py_ssize_t)index);
    Py_ssize_t size = object ? PyObject_Size(object) : -1;
    if (size >= 0 && (uint64_t)size == len)
        return object;
    Py_XDECREF(object);
    return size < 0 ? NULL : malformed("buffer reference with another length than its frame");
}

static PyObject *take_buffer(decoder_t *self, tt_span_t ref, bool body)
{
    PyObject *object = buffer(self, ref);
    if (object == NULL || body)
        return object;
    PyObject *bytes = PyBytes_FromObject(object);
    Py_DECREF(object);
    return bytes;
}

static PyObject *take_tuple(decoder_t *self, tt_span_t bytes)
{
    tt_reader_t reader = tt_reader(bytes);
    size_t count;
    if (tt_read_array(&reader, &count) != 0)
        return malformed("tuple without an array");
    PyObject *list = take_list(self, &reader, count, false);
    PyObject *tuple = list ? PyList_AsTuple(list) : NULL;
    Py_XDECREF(list);
    return tuple;
}

static PyObject *take_complex(tt_span_t bytes)
{
    double parts[2];
    for (int i = 0; i < 2; i++) {
        uint64_t bits = 0;
        for (int k = 0; k < 8; k++)
            bits = bits << 8 | bytes.data[8 * i + k];
        memcpy(&parts[i], &bits, sizeof bits);
    }
    return PyComplex_FromDoubles(parts[0], parts[1]);
}

static PyObject *take_revived(decoder_t *self, const tt_item_t *item)
{
    tt_reader_t reader = tt_reader(item->as.bytes);
    PyObject *body;
    if (item->ext == TT_EXT_ARRAY || item->ext == TT_EXT_OBJECT)
        body = take(self, &reader, true);
    else
        body = plain(item->as.bytes);
    PyObject *object = body ? PyObject_CallFunction(self->revive, "iO", item->ext, body) : NULL;
    Py_XDECREF(body);
    return object;
}

static PyObject *take_ext(decoder_t *self, const tt_item_t *item, bool body)
{
    switch (item->ext) {
    case TT_EXT_TUPLE:
        return take_tuple(self, item->as.bytes);
    case TT_EXT_COMPLEX:
        return take_complex(item->as.bytes);
    case TT_EXT_BUFFER:
        return take_buffer(self, item->as.bytes, body);
    default:
        return take_revived(self, item);
    }
}

/* One value. Within the body of an array or an object, runs of bytes come as they are,
 * writable. */
static PyObject *take(decoder_t *self, tt_reader_t *reader, bool body)
{
    tt_item_t item;
    if (tt_read(reader, &item) != 0)
        return malformed("it ends too early");
    switch (item.type) {
    case TT_NIL:
        return Py_NewRef(Py_None);
    case TT_BOOL:
        return PyBool_FromLong(item.as.b);
    case TT_INT:
        return PyLong_FromLongLong(item.as.i);
    case TT_UINT:
        return PyLong_FromUnsignedLongLong(item.as.u);
    case TT_FLOAT:
        return PyFloat_FromDouble(item.as.f);
    case TT_STR:
        return text(item.as.bytes);
    case TT_BIN:
        return body ? PyByteArray_FromStringAndSize((const char *)item.as.bytes.data,
                                                    (Py_ssize_t)item.as.bytes.len)
                    : plain(item.as.bytes);
    case TT_ARRAY:
        return take_list(self, reader, item.as.count, body);
    case TT_MAP:
        return take_dict(self, reader, item.as.count);
    default:
        return take_ext(self, &item, body);
    }
}

PyObject *codec_decode(PyObject *module, PyObject *args)
{
    (void)module;
    PyObject *object = NULL;
    decoder_t self;
    Py_buffer view;
    tt_error_t err;
    if (!PyArg_ParseTuple(args, "y*OO", &view, &self.buffers, &self.revive))
        return NULL;
    tt_span_t bytes = {view.buf, (size_t)view.len};
    tt_reader_t reader = tt_reader(bytes);
    if (tt_validate(bytes, &tt_limits_value, &err) == 0)
        object = take(&self, &reader, false);
    else
        PyErr_SetString(PyExc_ValueError, err.text);
    PyBuffer_Release(&view);
    return object;
}
