/* The Python module psi._native._core: batches over buffers. What Python sees is described in _core.pyi.
 *
 * Only the stable interface of Python 3.11 is used (Py_LIMITED_API), so one file serves all later versions. The module
 * has no state. Every function
 *   - takes the name of a core first,
 *   - takes any contiguous buffer (bytes, bytearray, memoryview, an array of numpy, a buffer of Arrow), which stays
 *     locked against resizing until the function returns; a scalar is read where it lies and not copied here,
 *   - gives up the interpreter lock while it computes, however small the batch,
 *   - writes to new bytes, or into `out`: a writable buffer of the very size, which may be the input itself (in place),
 *   - raises TypeError or ValueError for arguments it cannot work on, and MemoryError; a row that is no element is no
 *     error here but an answer: its index.
 *
 * Somebody who changes a writable buffer from another thread meanwhile gets results of a mixture, never a crash: where
 * sizes or places are taken from what was read (public scalars), it is read from bytes or from a copy.
 */

#include "arguments.h"

#ifndef NATIVE_FLAGS
#define NATIVE_FLAGS ""
#endif

#define WITHOUT_LOCK(statement) \
    do {                        \
        Py_BEGIN_ALLOW_THREADS  \
        statement;              \
        Py_END_ALLOW_THREADS    \
    } while (0)

/* ---- Operations ---------------------------------------------------------------------------------------------------- */

static PyObject *core_validate(PyObject *module, PyObject *arguments)
{
    call k = {0};
    ptrdiff_t bad;
    (void)module;
    if (!PyArg_ParseTuple(arguments, "O&O&:validate", to_core, &k.c, to_input, &k.rows)) {
        return NULL;
    }
    if (!whole_rows(&k.rows, ELEMENT_BYTES, "elements", &k.n)) {
        return refused(&k);
    }
    WITHOUT_LOCK(bad = k.c->curve->validate_var(k.rows.buf, k.n));
    return finished(&k, bad);
}

static PyObject *core_multiply(PyObject *module, PyObject *arguments)
{
    call k = {0};
    ptrdiff_t bad;
    (void)module;
    if (!PyArg_ParseTuple(arguments, "O&O&O&|O&:multiply", to_core, &k.c, to_input, &k.scalar, to_input, &k.rows,
                          to_output, &k.out)) {
        return NULL;
    }
    if (!is_scalar(&k.scalar) || !whole_rows(&k.rows, ELEMENT_BYTES, "elements", &k.n) ||
        !open_result(&k, k.n, ELEMENT_BYTES, &k.rows)) {
        return refused(&k);
    }
    WITHOUT_LOCK(bad = batch_multiply(k.c, k.start, k.rows.buf, k.n, k.scalar.buf));
    return finished(&k, bad);
}

static PyObject *core_multiply_keeping(PyObject *module, PyObject *arguments)
{
    call k = {0};
    ptrdiff_t bad;
    (void)module;
    if (!PyArg_ParseTuple(arguments, "O&O&O&:multiply_keeping", to_core, &k.c, to_input, &k.scalar, to_input, &k.rows)) {
        return NULL;
    }
    if (!is_scalar(&k.scalar) || !whole_rows(&k.rows, ELEMENT_BYTES, "elements", &k.n) ||
        !open_result(&k, k.n, (Py_ssize_t)k.c->curve->kept_bytes, NULL)) {
        return refused(&k);
    }
    uint8_t *kept = k.start;
    k.tuple = k.bytes; /* released with the rest */
    if (!open_result(&k, k.n, ELEMENT_BYTES, NULL)) {
        return refused(&k);
    }
    WITHOUT_LOCK(bad = batch_multiply_keeping(k.c, k.start, kept, k.rows.buf, k.n, k.scalar.buf));
    if (bad != ACCEPTED) {
        return finished(&k, bad);
    }
    return released(&k, PyTuple_Pack(2, k.bytes, k.tuple));
}

static PyObject *core_multiply_each(PyObject *module, PyObject *arguments)
{
    call k = {0};
    ptrdiff_t bad;
    int usable;
    (void)module;
    if (!PyArg_ParseTuple(arguments, "O&O&O&|O&:multiply_each", to_core, &k.c, to_input, &k.scalars, to_input, &k.rows,
                          to_output, &k.out)) {
        return NULL;
    }
    if (!one_scalar_each(&k) || !open_result(&k, k.n, ELEMENT_BYTES, &k.rows)) {
        return refused(&k);
    }
    WITHOUT_LOCK(usable = scalars_usable(k.scalars.buf, k.n));
    if (!usable) {
        PyErr_SetString(PyExc_ValueError, "every scalar must be from 1 to L-1");
        return refused(&k);
    }
    WITHOUT_LOCK(bad = batch_multiply_each(k.c, k.start, k.rows.buf, k.scalars.buf, k.n));
    return finished(&k, bad);
}

static PyObject *core_map_to_group(PyObject *module, PyObject *arguments)
{
    call k = {0};
    (void)module;
    if (!PyArg_ParseTuple(arguments, "O&O&|O&:map_to_group", to_core, &k.c, to_input, &k.rows, to_output, &k.out)) {
        return NULL;
    }
    if (!whole_rows(&k.rows, UNIFORM_BYTES, "uniform", &k.n) || !open_result(&k, k.n, ELEMENT_BYTES, &k.rows)) {
        return refused(&k);
    }
    WITHOUT_LOCK(batch_map(k.c, k.start, k.rows.buf, k.n));
    return finished(&k, ACCEPTED);
}

static PyObject *core_map_and_multiply(PyObject *module, PyObject *arguments)
{
    call k = {0};
    (void)module;
    if (!PyArg_ParseTuple(arguments, "O&O&O&|O&:map_and_multiply", to_core, &k.c, to_input, &k.scalar, to_input,
                          &k.rows, to_output, &k.out)) {
        return NULL;
    }
    if (!is_scalar(&k.scalar) || !whole_rows(&k.rows, UNIFORM_BYTES, "uniform", &k.n) ||
        !open_result(&k, k.n, ELEMENT_BYTES, &k.rows)) {
        return refused(&k);
    }
    WITHOUT_LOCK(batch_map_and_multiply(k.c, k.start, k.rows.buf, k.n, k.scalar.buf));
    return finished(&k, ACCEPTED);
}

static PyObject *core_expand(PyObject *module, PyObject *arguments)
{
    call k = {0};
    PyObject *sequence;
    (void)module;
    if (!PyArg_ParseTuple(arguments, "O&OO&|O&:expand", to_core, &k.c, &sequence, to_input, &k.tag, to_output,
                          &k.out)) {
        return NULL;
    }
    if (!is_tag(&k.tag) || !open_messages(&k, sequence) || !open_result(&k, k.n, UNIFORM_BYTES, NULL)) {
        return refused(&k);
    }
    WITHOUT_LOCK(batch_expand(k.c, k.start, k.messages, k.n, span_of(&k.tag)));
    return finished(&k, ACCEPTED);
}

static PyObject *core_hash_to_group(PyObject *module, PyObject *arguments)
{
    call k = {0};
    PyObject *sequence;
    (void)module;
    if (!PyArg_ParseTuple(arguments, "O&OO&|O&:hash_to_group", to_core, &k.c, &sequence, to_input, &k.tag, to_output,
                          &k.out)) {
        return NULL;
    }
    if (!is_tag(&k.tag) || !open_messages(&k, sequence) || !open_result(&k, k.n, ELEMENT_BYTES, NULL)) {
        return refused(&k);
    }
    WITHOUT_LOCK(batch_hash_to_group(k.c, k.start, k.messages, k.n, span_of(&k.tag)));
    return finished(&k, ACCEPTED);
}

static PyObject *core_hash_and_multiply(PyObject *module, PyObject *arguments)
{
    call k = {0};
    PyObject *sequence;
    ptrdiff_t bad;
    (void)module;
    if (!PyArg_ParseTuple(arguments, "O&O&OO&|O&:hash_and_multiply", to_core, &k.c, to_input, &k.scalar, &sequence,
                          to_input, &k.tag, to_output, &k.out)) {
        return NULL;
    }
    if (!is_scalar(&k.scalar) || !is_tag(&k.tag) || !open_messages(&k, sequence) ||
        !open_result(&k, k.n, ELEMENT_BYTES, NULL)) {
        return refused(&k);
    }
    WITHOUT_LOCK(bad = batch_hash_and_multiply(k.c, k.start, k.messages, k.n, span_of(&k.tag), k.scalar.buf));
    return finished(&k, bad);
}

static PyObject *core_hash_rows(PyObject *module, PyObject *arguments)
{
    call k = {0};
    Py_ssize_t width, length;
    (void)module;
    if (!PyArg_ParseTuple(arguments, "O&O&O&nn|O&:hash_rows", to_core, &k.c, to_input, &k.prefix, to_input, &k.rows,
                          &width, &length, to_output, &k.out)) {
        return NULL;
    }
    if (width < 1 || length < 1 || length > DIGEST_BYTES) {
        PyErr_Format(PyExc_ValueError, "a row has at least one byte, a result 1 to %d", DIGEST_BYTES);
        return refused(&k);
    }
    if (!whole_rows(&k.rows, width, "rows", &k.n) || !open_result(&k, k.n, length, NULL)) {
        return refused(&k);
    }
    WITHOUT_LOCK(
        batch_hash_rows(k.c, k.start, (size_t)length, span_of(&k.prefix), k.rows.buf, (size_t)width, k.n));
    return finished(&k, ACCEPTED);
}

static PyObject *core_sum(PyObject *module, PyObject *arguments)
{
    call k = {0};
    ptrdiff_t bad;
    (void)module;
    if (!PyArg_ParseTuple(arguments, "O&O&:sum", to_core, &k.c, to_input, &k.rows)) {
        return NULL;
    }
    if (!whole_rows(&k.rows, ELEMENT_BYTES, "elements", &k.n) || !open_result(&k, 1, ELEMENT_BYTES, NULL)) {
        return refused(&k);
    }
    WITHOUT_LOCK(bad = k.c->curve->sum_var(k.start, k.rows.buf, k.n));
    return finished(&k, bad);
}

static PyObject *core_multi_scalar(PyObject *module, PyObject *arguments)
{
    call k = {0};
    const uint8_t *scalars;
    ptrdiff_t bad;
    (void)module;
    if (!PyArg_ParseTuple(arguments, "O&O&O&:multi_scalar", to_core, &k.c, to_input, &k.scalars, to_input, &k.rows)) {
        return NULL;
    }
    if (!one_scalar_each(&k) || !open_result(&k, 1, ELEMENT_BYTES, NULL) ||
        (scalars = fixed(&k, &k.scalars)) == NULL) {
        return refused(&k);
    }
    WITHOUT_LOCK(bad = first_unreduced_var(scalars, k.n));
    if (bad != ACCEPTED) {
        PyErr_Format(PyExc_ValueError, "scalar %zd is not below L", (Py_ssize_t)bad);
        return refused(&k);
    }
    WITHOUT_LOCK(bad = k.c->curve->multi_scalar_var(k.start, scalars, k.rows.buf, k.n));
    return finished(&k, bad);
}

static PyObject *core_multi_scalar_kept(PyObject *module, PyObject *arguments)
{
    call k = {0};
    const uint8_t *scalars;
    ptrdiff_t bad;
    (void)module;
    if (!PyArg_ParseTuple(arguments, "O&O&O&:multi_scalar_kept", to_core, &k.c, to_input, &k.scalars, to_input,
                          &k.rows)) {
        return NULL;
    }
    size_t scalar_count;
    if (!whole_rows(&k.rows, (Py_ssize_t)k.c->curve->kept_bytes, "kept", &k.n) ||
        !whole_rows(&k.scalars, SCALAR_BYTES, "scalars", &scalar_count)) {
        return refused(&k);
    }
    if (scalar_count != k.n) {
        PyErr_SetString(PyExc_ValueError, "there must be as many scalars as kept rows");
        return refused(&k);
    }
    if (!open_result(&k, 1, ELEMENT_BYTES, NULL) || (scalars = fixed(&k, &k.scalars)) == NULL) {
        return refused(&k);
    }
    WITHOUT_LOCK(bad = first_unreduced_var(scalars, k.n));
    if (bad != ACCEPTED) {
        PyErr_Format(PyExc_ValueError, "scalar %zd is not below L", (Py_ssize_t)bad);
        return refused(&k);
    }
    WITHOUT_LOCK(bad = k.c->curve->multi_scalar_kept_var(k.start, scalars, k.rows.buf, k.n));
    if (bad == NO_MEMORY) {
        PyErr_NoMemory();
        return refused(&k);
    }
    return finished(&k, bad);
}

/* ---- About itself -------------------------------------------------------------------------------------------------- */

static PyObject *core_cores(PyObject *module, PyObject *nothing)
{
    (void)module;
    (void)nothing;
    PyObject *names = PyList_New(0);
    const core *one;
    for (size_t number = 0; names != NULL && (one = core_number(number)) != NULL; number++) {
        PyObject *name = PyUnicode_FromString(one->curve->name);
        if (name == NULL || PyList_Append(names, name) < 0) {
            Py_CLEAR(names);
        }
        Py_XDECREF(name);
    }
    PyObject *result = names != NULL ? PyList_AsTuple(names) : NULL;
    Py_XDECREF(names);
    return result;
}

static PyObject *core_built_with(PyObject *module, PyObject *nothing)
{
    (void)module;
    (void)nothing;
#if defined(__clang__)
    return PyUnicode_FromString(__VERSION__ " " NATIVE_FLAGS);
#else
    return PyUnicode_FromString("gcc " __VERSION__ " " NATIVE_FLAGS);
#endif
}

static PyMethodDef METHODS[] = {
    {"cores", core_cores, METH_NOARGS, "cores() -> names of the cores that run here, best first"},
    {"built_with", core_built_with, METH_NOARGS, "built_with() -> compiler and flags"},
    {"validate", core_validate, METH_VARARGS, "validate(core, elements)"},
    {"multiply", core_multiply, METH_VARARGS, "multiply(core, scalar, elements, out=None)"},
    {"multiply_keeping", core_multiply_keeping, METH_VARARGS, "multiply_keeping(core, scalar, elements)"},
    {"multiply_each", core_multiply_each, METH_VARARGS, "multiply_each(core, scalars, elements, out=None)"},
    {"map_to_group", core_map_to_group, METH_VARARGS, "map_to_group(core, uniform, out=None)"},
    {"map_and_multiply", core_map_and_multiply, METH_VARARGS, "map_and_multiply(core, scalar, uniform, out=None)"},
    {"expand", core_expand, METH_VARARGS, "expand(core, messages, dst, out=None)"},
    {"hash_to_group", core_hash_to_group, METH_VARARGS, "hash_to_group(core, messages, dst, out=None)"},
    {"hash_and_multiply", core_hash_and_multiply, METH_VARARGS,
     "hash_and_multiply(core, scalar, messages, dst, out=None)"},
    {"hash_rows", core_hash_rows, METH_VARARGS, "hash_rows(core, prefix, rows, width, length, out=None)"},
    {"sum", core_sum, METH_VARARGS, "sum(core, elements)"},
    {"multi_scalar", core_multi_scalar, METH_VARARGS, "multi_scalar(core, scalars, elements)"},
    {"multi_scalar_kept", core_multi_scalar_kept, METH_VARARGS, "multi_scalar_kept(core, scalars, kept)"},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot SLOTS[] = {{0, NULL}};

static struct PyModuleDef DEFINITION = {
    PyModuleDef_HEAD_INIT,
    .m_name = "psi._native._core",
    .m_doc = "ristretto255 in batches; see psi/_native/README.md",
    .m_size = 0,
    .m_methods = METHODS,
    .m_slots = SLOTS,
};

PyMODINIT_FUNC PyInit__core(void) { return PyModuleDef_Init(&DEFINITION); }
