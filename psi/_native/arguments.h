/* What the functions of module.c take and give: cores by name, locked buffers, messages, and where results go.
 *
 * A `call` holds all that one call may hold. It begins as zeros, `PyArg_ParseTuple` and the openers below fill it, and
 * `finished` or `refused` gives everything back, however far it came. None of the functions here is called without the
 * interpreter lock. Functions that answer int answer 0 with an exception set where something is wrong.
 */

#ifndef BLINDMATCH_NATIVE_ARGUMENTS_H
#define BLINDMATCH_NATIVE_ARGUMENTS_H

#define Py_LIMITED_API 0x030B0000
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <string.h>

#include "batch.h"

typedef struct {
    const core *c;
    Py_buffer scalar, scalars, rows, prefix, tag, out; /* `obj` is NULL for what was not given */
    PyObject *tuple;                                   /* keeps the messages alive, bytes never change; or a result */
    span *messages;
    uint8_t *copied;
    PyObject *bytes; /* the result, where no `out` was given */
    uint8_t *start;  /* where results go */
    size_t n;        /* how many rows or messages */
} call;

/* ---- Arguments: converters for PyArg_ParseTuple; with NULL they release again what they took ----------------------- */

static int to_core(PyObject *object, void *target)
{
    Py_ssize_t size = 0;
    const char *name = PyUnicode_Check(object) ? PyUnicode_AsUTF8AndSize(object, &size) : NULL;
    if (name == NULL) {
        if (!PyErr_Occurred()) {
            PyErr_SetString(PyExc_TypeError, "the core is named by a str");
        }
        return 0;
    }
    *(const core **)target = strlen(name) == (size_t)size ? core_named(name) : NULL;
    if (*(const core **)target == NULL) {
        PyErr_Format(PyExc_ValueError, "no core of this name runs here: %R", object);
        return 0;
    }
    return 1;
}

static int locked(PyObject *object, Py_buffer *view, int flags, const char *complaint)
{
    if (object == NULL) {
        PyBuffer_Release(view);
        return 1;
    }
    if (PyObject_GetBuffer(object, view, flags) == 0) {
        return Py_CLEANUP_SUPPORTED;
    }
    if (PyErr_ExceptionMatches(PyExc_BufferError)) {
        PyErr_SetString(PyExc_ValueError, complaint);
    }
    return 0;
}

static int to_input(PyObject *object, void *view)
{
    return locked(object, view, PyBUF_SIMPLE, "the buffer must be contiguous");
}

/* None, or absent: the view's `obj` stays NULL. */
static int to_output(PyObject *object, void *view)
{
    if (object == Py_None) {
        return 1;
    }
    return locked(object, view, PyBUF_WRITABLE, "the output buffer must be writable and contiguous");
}

/* ---- Sizes and places ---------------------------------------------------------------------------------------------- */

static int whole_rows(const Py_buffer *view, Py_ssize_t width, const char *what, size_t *n)
{
    if (view->len % width) {
        PyErr_Format(PyExc_ValueError, "%s: %zd bytes are not whole rows of %zd", what, view->len, width);
        return 0;
    }
    *n = (size_t)(view->len / width);
    return 1;
}

static int is_scalar(const Py_buffer *view)
{
    if (view->len != SCALAR_BYTES) {
        PyErr_Format(PyExc_ValueError, "a scalar has %d bytes", SCALAR_BYTES);
        return 0;
    }
    if (!scalars_usable(view->buf, 1)) {
        PyErr_SetString(PyExc_ValueError, "the scalar must be from 1 to L-1");
        return 0;
    }
    return 1;
}

static int is_tag(const Py_buffer *view)
{
    if (view->len < 1 || view->len > MAX_TAG_BYTES) {
        PyErr_Format(PyExc_ValueError, "a domain separation tag has 1 to %d bytes", MAX_TAG_BYTES);
        return 0;
    }
    return 1;
}

/* As many scalars as elements; sets n. */
static int one_scalar_each(call *k)
{
    size_t factors;
    if (!whole_rows(&k->scalars, SCALAR_BYTES, "scalars", &factors) ||
        !whole_rows(&k->rows, ELEMENT_BYTES, "elements", &k->n)) {
        return 0;
    }
    if (factors != k->n) {
        PyErr_SetString(PyExc_ValueError, "there must be one scalar per element");
        return 0;
    }
    return 1;
}

static int overlap(const Py_buffer *one, const Py_buffer *other)
{
    uintptr_t a = (uintptr_t)one->buf, b = (uintptr_t)other->buf;
    return one->len > 0 && other->len > 0 && a < b + (uintptr_t)other->len && b < a + (uintptr_t)one->len;
}

/* ---- Messages and results ------------------------------------------------------------------------------------------ */

/* A sequence of bytes as spans; sets n. */
static int open_messages(call *k, PyObject *sequence)
{
    if (PyBytes_Check(sequence) || PyUnicode_Check(sequence)) { /* a sequence as well, and surely a mistake */
        PyErr_SetString(PyExc_TypeError, "messages are a sequence of bytes");
        return 0;
    }
    k->tuple = PySequence_Tuple(sequence);
    if (k->tuple == NULL) {
        return 0;
    }
    Py_ssize_t n = PyTuple_Size(k->tuple);
    k->n = (size_t)n;
    k->messages = PyMem_Calloc(k->n + 1, sizeof(span));
    if (k->messages == NULL) {
        PyErr_NoMemory();
        return 0;
    }
    for (Py_ssize_t i = 0; i < n; i++) {
        PyObject *one = PyTuple_GetItem(k->tuple, i);
        if (!PyBytes_Check(one)) {
            PyErr_Format(PyExc_TypeError, "message %zd is not bytes", i);
            return 0;
        }
        k->messages[i].bytes = (const uint8_t *)PyBytes_AsString(one);
        k->messages[i].size = (size_t)PyBytes_Size(one);
    }
    return 1;
}

/* Room for n rows of `width` bytes: `out`, or new bytes. `out` may begin where `same` does, if that is not NULL, and may
 * overlap nothing else. */
static int open_result(call *k, size_t n, Py_ssize_t width, const Py_buffer *same)
{
    if (n > (size_t)(PY_SSIZE_T_MAX / width)) {
        PyErr_SetString(PyExc_ValueError, "too many rows");
        return 0;
    }
    Py_ssize_t size = (Py_ssize_t)n * width;
    if (k->out.obj == NULL) {
        k->bytes = PyBytes_FromStringAndSize(NULL, size);
        k->start = k->bytes != NULL ? (uint8_t *)PyBytes_AsString(k->bytes) : NULL;
        return k->bytes != NULL;
    }
    if (k->out.len != size) {
        PyErr_Format(PyExc_ValueError, "the output buffer must have %zd bytes, not %zd", size, k->out.len);
        return 0;
    }
    const Py_buffer *inputs[] = {&k->scalar, &k->scalars, &k->rows, &k->prefix, &k->tag};
    for (size_t i = 0; i < sizeof inputs / sizeof inputs[0]; i++) {
        if (overlap(&k->out, inputs[i]) && !(inputs[i] == same && k->out.buf == same->buf)) {
            PyErr_SetString(PyExc_ValueError, "the output buffer overlaps an input");
            return 0;
        }
    }
    k->start = k->out.buf;
    return 1;
}

/* Public rows that nobody can change any more: the bytes object itself, or a copy. For code that takes sizes and places
 * from what it reads (`_var`), after that was checked. */
static const uint8_t *fixed(call *k, const Py_buffer *view)
{
    if (PyBytes_CheckExact(view->obj)) {
        return view->buf;
    }
    k->copied = PyMem_Malloc((size_t)view->len + 1);
    if (k->copied == NULL) {
        PyErr_NoMemory();
        return NULL;
    }
    if (view->len > 0) {
        memcpy(k->copied, view->buf, (size_t)view->len);
    }
    return k->copied;
}

/* Gives back all that was taken; the result for Python, which is NULL where an exception is set. */
static PyObject *released(call *k, PyObject *result)
{
    Py_buffer *views[] = {&k->scalar, &k->scalars, &k->rows, &k->prefix, &k->tag, &k->out};
    for (size_t i = 0; i < sizeof views / sizeof views[0]; i++) {
        if (views[i]->obj != NULL) {
            PyBuffer_Release(views[i]);
        }
    }
    PyMem_Free(k->messages);
    PyMem_Free(k->copied);
    Py_XDECREF(k->tuple);
    Py_XDECREF(k->bytes);
    return result;
}

static PyObject *refused(call *k) { return released(k, NULL); }

/* The index of a bad row; or the new bytes; or None where the result is in `out`, or there is none. */
static PyObject *finished(call *k, ptrdiff_t bad)
{
    PyObject *result = Py_None;
    if (bad != ACCEPTED) {
        return released(k, PyLong_FromSsize_t((Py_ssize_t)bad));
    }
    if (k->bytes != NULL) {
        result = k->bytes;
    }
    Py_INCREF(result);
    return released(k, result);
}

static span span_of(const Py_buffer *view)
{
    span s = {view->buf, (size_t)view->len};
    return s;
}

#endif
