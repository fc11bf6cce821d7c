/* Python objects <-> values of PROTOCOL.md, in C. codec.py is the same in Python; both meet the
 * types that are not MessagePack's own through two Python functions of values.py. */
#ifndef TUTTI_CODEC_H
#define TUTTI_CODEC_H

#ifndef Py_LIMITED_API
#define Py_LIMITED_API 0x030b0000
#endif
#define PY_SSIZE_T_CLEAN
#include <Python.h>

/* encode(object, fallback, inline_limit=4096) -> (body bytes, [buffer ...]). `fallback(object)`
 * answers for every other type: (extension code, bytes or list that is its body). Raises
 * RecursionError for a value nested more deeply than a reader accepts, and what `fallback`
 * raises. */
PyObject *codec_encode(PyObject *module, PyObject *args);

/* decode(body, buffers, revive) -> object. `revive(code, body)` makes the object of an
 * extension that is not made here. Raises ValueError on malformed bytes, and what `revive`
 * raises. */
PyObject *codec_decode(PyObject *module, PyObject *args);

#endif
