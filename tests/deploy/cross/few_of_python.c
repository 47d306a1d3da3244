/* As much of Python as the curve core calls, so that the very file of a wheel can be loaded and run where no Python is to
 * be had: under wine. The functions and objects have Python's names and do what its manual says, for the few uses that
 * psi/_native makes of them. The layouts are those of the stable interface.
 *
 *     program CORE [LIBSODIUM] < calls
 *
 * A line of input is a call: the function's name, then its arguments, each with a letter before it:
 *
 *     s:portable   a str      b:00ff   bytes      w:0000   a writable buffer      n:8   a number      l:00,ff,   a list of bytes
 *
 * A line of output is what came back: bytes in hex, "tuple 00ff,00" for several of them, "row 3" for an int, "none", names, or
 * "error TypeError". Calls that begin
 * with "sodium-" go to libsodium: sodium-base (scalar), sodium-reduce (64 bytes), sodium-multiply (scalar, element).
 *
 * On Windows this is python3.dll, which the core asks for, and `drive` is called by a program of three lines (starter.c).
 */

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef _WIN32
#include <windows.h>
#define SEEN __declspec(dllexport)
static void *load(const char *path) { return (void *)LoadLibraryA(path); }
static void *find(void *library, const char *name) { return (void *)GetProcAddress((HMODULE)library, name); }
#else
#include <dlfcn.h>
#define SEEN __attribute__((visibility("default")))
static void *load(const char *path) { return dlopen(path, RTLD_NOW); }
static void *find(void *library, const char *name) { return dlsym(library, name); }
#endif

typedef intptr_t size;
typedef struct kind kind;
typedef struct { size references; kind *type; } object;
struct kind { object head; unsigned long flags; const char *name; };

/* What all our objects are: bytes, a buffer, a str, a tuple, a list, an int. */
typedef struct { object head; size length; union { uint8_t *bytes; object **items; size number; } is; } thing;

#define LONG (1UL << 24)
#define LIST (1UL << 25)
#define TUPLE (1UL << 26)
#define BYTES (1UL << 27)
#define UNICODE (1UL << 28)

SEEN kind PyBytes_Type = {{1, NULL}, BYTES, "bytes"};
SEEN object _Py_NoneStruct = {1, NULL};
static kind writable = {{1, NULL}, 0, "bytearray"}, text = {{1, NULL}, UNICODE, "str"};
static kind tuple = {{1, NULL}, TUPLE, "tuple"}, list = {{1, NULL}, LIST, "list"}, whole = {{1, NULL}, LONG, "int"};
static kind none = {{1, NULL}, 0, "NoneType"};
static object exceptions[3] = {{1, NULL}, {1, NULL}, {1, NULL}};
static const char *const NAMES[3] = {"TypeError", "ValueError", "BufferError"};
SEEN object *PyExc_TypeError = &exceptions[0], *PyExc_ValueError = &exceptions[1], *PyExc_BufferError = &exceptions[2];
static object *raised;
static size alive;

static thing *new_thing(kind *type, size length)
{
    thing *made = calloc(1, sizeof *made);
    size one = type == &tuple || type == &list ? (size)sizeof(object *) : 1;
    made->head.references = 1;
    made->head.type = type;
    made->length = length;
    if (type != &whole) {
        made->is.bytes = calloc(1, (size_t)(length * one + 1));
    }
    alive++;
    return made;
}

SEEN void _Py_Dealloc(object *o)
{
    thing *gone = (thing *)o;
    if (o->type == &tuple || o->type == &list) {
        for (size i = 0; i < gone->length; i++) {
            if (gone->is.items[i] && --gone->is.items[i]->references == 0) {
                _Py_Dealloc(gone->is.items[i]);
            }
        }
    }
    if (o->type != &whole) {
        free(gone->is.bytes);
    }
    free(gone);
    alive--;
}

static void release(object *o)
{
    if (o && --o->references == 0) {
        _Py_Dealloc(o);
    }
}

/* ---- Python's names ------------------------------------------------------------------------------------------------ */

typedef struct {
    void *buf;
    object *obj;
    size len, itemsize;
    int readonly, ndim;
    char *format;
    size *shape, *strides, *suboffsets;
    void *internal;
} view;

SEEN unsigned long PyType_GetFlags(kind *type) { return type->flags; }
SEEN void *PyEval_SaveThread(void) { return &alive; }
SEEN void PyEval_RestoreThread(void *state) { (void)state; }
SEEN void *PyMem_Malloc(size_t n) { return malloc(n ? n : 1); }
SEEN void *PyMem_Calloc(size_t n, size_t each) { return calloc(n ? n : 1, each ? each : 1); }
SEEN void PyMem_Free(void *memory) { free(memory); }
SEEN object *PyErr_Occurred(void) { return raised; }
SEEN int PyErr_ExceptionMatches(object *which) { return raised == which; }
SEEN void PyErr_SetString(object *which, const char *words) { raised = which; (void)words; }
SEEN object *PyErr_Format(object *which, const char *words, ...) { raised = which; (void)words; return NULL; }
SEEN object *PyErr_NoMemory(void) { abort(); }
SEEN char *PyBytes_AsString(object *o) { return (char *)((thing *)o)->is.bytes; }
SEEN size PyBytes_Size(object *o) { return ((thing *)o)->length; }
SEEN size PyTuple_Size(object *o) { return ((thing *)o)->length; }
SEEN object *PyTuple_GetItem(object *o, size at) { return ((thing *)o)->is.items[at]; }
SEEN object *PyModuleDef_Init(void *definition) { return definition; }
SEEN object *PyList_New(size length) { return &new_thing(&list, length)->head; }

SEEN const char *PyUnicode_AsUTF8AndSize(object *o, size *length)
{
    *length = ((thing *)o)->length;
    return PyBytes_AsString(o);
}

SEEN object *PyBytes_FromStringAndSize(const char *from, size length)
{
    thing *made = new_thing(&PyBytes_Type, length);
    if (from) {
        memcpy(made->is.bytes, from, (size_t)length);
    }
    return &made->head;
}

SEEN object *PyUnicode_FromString(const char *from)
{
    thing *made = new_thing(&text, (size)strlen(from));
    memcpy(made->is.bytes, from, strlen(from));
    return &made->head;
}

SEEN object *PyLong_FromSsize_t(size number)
{
    thing *made = new_thing(&whole, 0);
    made->is.number = number;
    return &made->head;
}

SEEN int PyList_Append(object *o, object *item)
{
    thing *grown = (thing *)o;
    grown->is.items = realloc(grown->is.items, (size_t)(grown->length + 1) * sizeof item);
    grown->is.items[grown->length++] = item;
    item->references++;
    return 0;
}

SEEN object *PySequence_Tuple(object *o)
{
    if (o->type != &tuple && o->type != &list) {
        raised = PyExc_TypeError;
        return NULL;
    }
    thing *from = (thing *)o, *made = new_thing(&tuple, from->length);
    for (size i = 0; i < from->length; i++) {
        (made->is.items[i] = from->is.items[i])->references++;
    }
    return &made->head;
}

SEEN object *PyList_AsTuple(object *o) { return PySequence_Tuple(o); }

SEEN object *PyTuple_Pack(size count, ...)
{
    thing *made = new_thing(&tuple, count);
    va_list items;
    va_start(items, count);
    for (size i = 0; i < count; i++) {
        (made->is.items[i] = va_arg(items, object *))->references++;
    }
    va_end(items);
    return &made->head;
}

SEEN int PyObject_GetBuffer(object *o, view *out, int flags)
{
    if (o->type != &PyBytes_Type && o->type != &writable) {
        raised = PyExc_TypeError;
        return -1;
    }
    if ((flags & 1) && o->type != &writable) {
        raised = PyExc_BufferError;
        return -1;
    }
    memset(out, 0, sizeof *out);
    out->buf = ((thing *)o)->is.bytes;
    out->len = ((thing *)o)->length;
    out->itemsize = out->ndim = 1;
    (out->obj = o)->references++;
    return 0;
}

SEEN void PyBuffer_Release(view *held)
{
    release(held->obj);
    held->obj = NULL;
}

/* O, O& with its clean-up, n, and what may be left out after |. */
SEEN int _PyArg_ParseTuple_SizeT(object *arguments, const char *format, ...)
{
    typedef int converter(object *, void *);
    struct { converter *by; void *into; } taken[16];
    thing *given = (thing *)arguments;
    size at = 0, held = 0, optional = 0, good = 1;
    va_list rest;
    va_start(rest, format);
    for (; good && *format && *format != ':'; format++) {
        if (*format == '|') {
            optional = 1;
            continue;
        }
        if (at == given->length) {
            good = optional;
            break;
        }
        object *one = given->is.items[at++];
        if (*format == 'n') {
            *va_arg(rest, size *) = ((thing *)one)->is.number;
            good = one->type == &whole;
        } else if (format[1] == '&') {
            converter *by = va_arg(rest, converter *);
            void *into = va_arg(rest, void *);
            int done = by(one, into);
            good = done != 0;
            if (done == 0x20000) { /* Py_CLEANUP_SUPPORTED */
                taken[held].by = by;
                taken[held++].into = into;
            }
            format++;
        } else {
            *va_arg(rest, object **) = one;
        }
    }
    va_end(rest);
    good = good && at == given->length;
    while (!good && held--) {
        taken[held].by(NULL, taken[held].into);
    }
    if (!good && !raised) {
        raised = PyExc_TypeError;
    }
    return (int)good;
}

/* ---- Calls from standard input ------------------------------------------------------------------------------------- */

typedef struct { const char *name; object *(*call)(object *, object *); int flags; const char *doc; } method;
typedef struct { object head; void *init; size index; void *copy; const char *name, *doc; size state; method *methods; } definition;

static object *unhex(kind *type, const char *from, size_t digits)
{
    thing *made = new_thing(type, (size)digits / 2);
    for (size i = 0; i < made->length; i++) {
        unsigned one = 0;
        sscanf(from + 2 * i, "%2x", &one);
        made->is.bytes[i] = (uint8_t)one;
    }
    return &made->head;
}

static object *argument(char *word)
{
    char *value = word + 2;
    switch (word[0]) {
    case 's':
        return PyUnicode_FromString(value);
    case 'n':
        return PyLong_FromSsize_t((size)strtoll(value, NULL, 10));
    case 'w':
        return unhex(&writable, value, strlen(value));
    case 'l': {
        object *made = PyList_New(0);
        for (char *comma; (comma = strchr(value, ',')) != NULL; value = comma + 1) {
            object *one = unhex(&PyBytes_Type, value, (size_t)(comma - value));
            PyList_Append(made, one);
            release(one);
        }
        return made;
    }
    default:
        return unhex(&PyBytes_Type, value, strlen(value));
    }
}

static void print_hex(const uint8_t *bytes, size length)
{
    for (size i = 0; i < length; i++) {
        printf("%02x", bytes[i]);
    }
}

static void print_result(object *result, thing *arguments)
{
    thing *shown = (thing *)result;
    if (result == NULL) {
        size which = raised - exceptions;
        printf("error %s", which >= 0 && which < 3 ? NAMES[which] : "without a name");
    } else if (result == &_Py_NoneStruct) {
        printf("none");
        thing *last = arguments->length ? (thing *)arguments->is.items[arguments->length - 1] : NULL;
        if (last && last->head.type == &writable) {
            printf(" ");
            print_hex(last->is.bytes, last->length);
        }
    } else if (result->type == &whole) {
        printf("row %lld", (long long)shown->is.number);
    } else if (result->type == &text) {
        printf("%s", (char *)shown->is.bytes);
    } else if (result->type == &tuple && shown->length && shown->is.items[0]->type == &PyBytes_Type) {
        printf("tuple ");
        for (size i = 0; i < shown->length; i++) {
            thing *item = (thing *)shown->is.items[i];
            printf("%s", i ? "," : "");
            print_hex(item->is.bytes, item->length);
        }
    } else if (result->type == &tuple) {
        for (size i = 0; i < shown->length; i++) {
            printf("%s%s", i ? " " : "", PyBytes_AsString(shown->is.items[i]));
        }
    } else {
        print_hex(shown->is.bytes, shown->length);
    }
    printf("\n");
    raised = NULL;
}

static void call_sodium(void *library, const char *what, thing *arguments)
{
    uint8_t out[32] = {0}, *one = ((thing *)arguments->is.items[0])->is.bytes;
    int refused = 0;
    if (strcmp(what, "base") == 0) {
        refused = ((int (*)(uint8_t *, uint8_t *))find(library, "crypto_scalarmult_ristretto255_base"))(out, one);
    } else if (strcmp(what, "reduce") == 0) {
        ((void (*)(uint8_t *, uint8_t *))find(library, "crypto_core_ristretto255_scalar_reduce"))(out, one);
    } else {
        uint8_t *other = ((thing *)arguments->is.items[1])->is.bytes;
        refused = ((int (*)(uint8_t *, uint8_t *, uint8_t *))find(library, "crypto_scalarmult_ristretto255"))(out, one, other);
    }
    if (refused) {
        printf("refused");
    } else {
        print_hex(out, 32);
    }
    printf("\n");
}

static void call_core(method *methods, const char *name, thing *arguments)
{
    for (method *one = methods; one->name; one++) {
        if (strcmp(one->name, name) == 0) {
            object *result = one->call(NULL, &arguments->head);
            print_result(result, arguments);
            release(result);
            return;
        }
    }
    printf("no such function\n");
}

SEEN int drive(int count, char **words)
{
    static char line[1 << 22];
    PyBytes_Type.head.type = text.head.type = &whole;
    _Py_NoneStruct.type = &none;
    void *core = count > 1 ? load(words[1]) : NULL, *sodium = count > 2 ? load(words[2]) : NULL;
    definition *(*begin)(void) = core ? (definition * (*)(void)) find(core, "PyInit__core") : NULL;
    if (!begin || (count > 2 && (!sodium || ((int (*)(void))find(sodium, "sodium_init"))() < 0))) {
        fprintf(stderr, "a library could not be loaded\n");
        return 1;
    }
    method *methods = begin()->methods;
    size before = alive;
    while (fgets(line, sizeof line, stdin)) {
        thing *arguments = (thing *)PyList_New(0);
        char *name = strtok(line, " \r\n");
        for (char *word; (word = strtok(NULL, " \r\n")) != NULL;) {
            object *one = argument(word);
            PyList_Append(&arguments->head, one);
            release(one);
        }
        if (strncmp(name, "sodium-", 7) == 0) {
            call_sodium(sodium, name + 7, arguments);
        } else {
            call_core(methods, name, arguments);
        }
        release(&arguments->head);
        fflush(stdout);
    }
    printf("left alive: %lld\n", (long long)(alive - before)); /* a reference too many or too few */
    return 0;
}
