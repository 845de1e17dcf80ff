/* pickle_calls.c - the functions that a pickle may call: those with which Python and NumPy write
 * bytes, numbers and arrays. No Python code runs. */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "data/pickle_machine.h"

typedef dnx_pickle_machine machine;
typedef dnx_py value;
typedef dnx_py_list values;

typedef enum { RECONSTRUCT, NDARRAY, DTYPE, FROM_BUFFER, SCALAR, ENCODE, BYTES } callee;
static const struct {
    const char *module, *name;
    callee is;
} known[] = {{"numpy.core.multiarray", "_reconstruct", RECONSTRUCT},
             {"numpy._core.multiarray", "_reconstruct", RECONSTRUCT},
             {"numpy.core.multiarray", "scalar", SCALAR},
             {"numpy._core.multiarray", "scalar", SCALAR},
             {"numpy.core.numeric", "_frombuffer", FROM_BUFFER},
             {"numpy._core.numeric", "_frombuffer", FROM_BUFFER},
             {"numpy", "ndarray", NDARRAY},
             {"numpy", "dtype", DTYPE},
             {"_codecs", "encode", ENCODE},
             {"builtins", "bytearray", BYTES},
             {"builtins", "bytes", BYTES},
             {"__builtin__", "bytearray", BYTES},
             {"__builtin__", "bytes", BYTES}};

static bool is_text(const value *v, const char *want) {
    return (v->is == DNX_PY_TEXT || v->is == DNX_PY_BYTES) && (size_t)v->a == strlen(want) &&
           !memcmp(v->p, want, strlen(want));
}

static dnx_status put_name(machine *m, const value *module, const value *name, dnx_err *err) {
    for (size_t k = 0; k < sizeof known / sizeof *known; k++)
        if (is_text(module, known[k].module) && is_text(name, known[k].name))
            return dnx_py_put(m, (value){.is = DNX_PY_NAME, .a = known[k].is}, err);
    return dnx_py_bad(m, "names a class or a function: refused, a set has none", err);
}

dnx_status dnx_py_global(machine *m, dnx_err *err) {
    const unsigned char *s[2] = {NULL, NULL};
    size_t n[2] = {0, 0};
    dnx_status st = dnx_py_line(m, &s[0], &n[0], err);
    if (!st) st = dnx_py_line(m, &s[1], &n[1], err);
    return st ? st
              : put_name(m, &(value){DNX_PY_TEXT, (int64_t)n[0], 0, s[0]},
                         &(value){DNX_PY_TEXT, (int64_t)n[1], 0, s[1]}, err);
}

dnx_status dnx_py_stack_global(machine *m, dnx_err *err) {
    if (m->stack.n < 2) return dnx_py_bad(m, "names nothing", err);
    m->stack.n -= 2;
    value module = m->stack.v[m->stack.n], name = m->stack.v[m->stack.n + 1];
    return put_name(m, &module, &name, err);
}

/* Parses a NumPy type such as "u1": the letter of the kind, and the size of a value in bytes. */
static bool is_type(const value *v, char *type, int *size) {
    if ((v->is != DNX_PY_TEXT && v->is != DNX_PY_BYTES) || v->a != 2) return false;
    *type = (char)v->p[0];
    *size = v->p[1] - '0';
    return *type && strchr("biuO", *type) && (*size == 1 || *size == 2 || *size == 4 || *size == 8);
}

static dnx_status put_array(machine *m, dnx_py_array a, dnx_err *err) {
    dnx_pickle *p = m->out;
    if (!dnx_grow(&p->array, p->arrays, &m->array_room, sizeof *p->array))
        return dnx_py_no_memory(m, err);
    p->array[p->arrays] = a;
    return dnx_py_put(m, (value){.is = DNX_PY_ARRAY, .a = (int64_t)p->arrays++}, err);
}

/* Fills an array from its shape, type and contents. Returns false when they do not fit together. */
static bool build_array(const dnx_pickle *p, dnx_py_array *a, const value *shape, const value *type,
                        const value *data) {
    const values *dim = shape->is == DNX_PY_LIST ? &p->list[shape->a] : NULL;
    size_t count = 1;
    if (!dim || type->is != DNX_PY_DTYPE || a->is_built) return false;
    a->type = (char)type->a;
    a->size = (int)type->b;
    a->dimensions = dim->n > 64 ? 64 : (int)dim->n;
    for (size_t k = 0; k < dim->n; k++) {
        const value *v = &dim->v[k];
        if (v->is != DNX_PY_NUMBER || v->a < 0) return false;
        if (v->a && count > ((size_t)1 << 40) / (size_t)v->a) return false;
        if (k < 4) a->shape[k] = (size_t)v->a;
        count *= (size_t)v->a;
    }
    a->is_built = true;
    if (a->type == 'O') {
        a->list = data->a;
        return data->is == DNX_PY_LIST && p->list[data->a].n == count;
    }
    a->p = data->p;
    a->n = (size_t)data->a;
    return data->is == DNX_PY_BYTES && a->n == count * (size_t)a->size;
}

/* Converts a text to bytes: in protocols 0 to 2, Python 3 writes bytes as code points below 256. */
static dnx_status put_latin1(machine *m, const value *text, dnx_err *err) {
    char *out = dnx_py_own(m, (size_t)text->a, err);
    size_t k = 0;
    if (!out) return DNX_EMEM;
    for (int64_t i = 0; i < text->a; i++) {
        unsigned char c = text->p[i];
        bool pair = c >= 0xc2 && c <= 0xc3 && i + 1 < text->a && (text->p[i + 1] & 0xc0) == 0x80;
        if (c >= 0x80 && !pair) return dnx_py_bad(m, "a text that is not bytes", err);
        out[k++] = (char)(pair ? c << 6 | (text->p[++i] & 0x3f) : c);
    }
    return dnx_py_put(m, (value){DNX_PY_BYTES, (int64_t)k, 0, (unsigned char *)out}, err);
}

static dnx_status put_scalar(machine *m, const value *type, const value *data, dnx_err *err) {
    uint64_t v = 0;
    if (type->is != DNX_PY_DTYPE || !strchr("biu", (int)type->a) || data->is != DNX_PY_BYTES ||
        data->a != type->b)
        return dnx_py_bad(m, "no number that a set has", err);
    for (int64_t k = 0; k < data->a; k++) v |= (uint64_t)data->p[k] << 8 * k;
    if (type->a == 'b') return dnx_py_put_truth(m, (int64_t)v, err);
    return dnx_py_put_number(m, (int64_t)v, err);
}

dnx_status dnx_py_call(machine *m, dnx_err *err) {
    static const char wrong[] = "a call with other values than Python's or NumPy's";
    if (m->stack.n < 2) return dnx_py_bad(m, "calls nothing", err);
    m->stack.n -= 2;
    value f = m->stack.v[m->stack.n], args = m->stack.v[m->stack.n + 1];
    if (f.is != DNX_PY_NAME || args.is != DNX_PY_LIST) return dnx_py_bad(m, wrong, err);
    const values *list = &m->out->list[args.a];
    const size_t n = list->n;
    value v[4] = {0};
    for (size_t k = 0; k < n && k < 4; k++) v[k] = list->v[k];
    dnx_py_array a = {0};
    char type = 0;
    int size = 0;
    switch ((callee)f.a) {
    case RECONSTRUCT:
        return n == 3 && v[0].is == DNX_PY_NAME && v[0].a == NDARRAY ? put_array(m, a, err)
                                                                     : dnx_py_bad(m, wrong, err);
    case FROM_BUFFER:
        return n >= 3 && build_array(m->out, &a, &v[2], &v[1], &v[0]) ? put_array(m, a, err)
                                                                      : dnx_py_bad(m, wrong, err);
    case DTYPE:
        if (!n || !is_type(&v[0], &type, &size))
            return dnx_py_bad(m, "an array of neither bytes nor whole numbers", err);
        return dnx_py_put(m, (value){.is = DNX_PY_DTYPE, .a = type, .b = size}, err);
    case SCALAR: return n == 2 ? put_scalar(m, &v[0], &v[1], err) : dnx_py_bad(m, wrong, err);
    case ENCODE:
        return n == 2 && v[0].is == DNX_PY_TEXT && is_text(&v[1], "latin1")
                   ? put_latin1(m, &v[0], err)
                   : dnx_py_bad(m, wrong, err);
    case BYTES:
        if (!n) return dnx_py_put(m, (value){.is = DNX_PY_BYTES, .p = m->p}, err);
        return n == 1 && v[0].is == DNX_PY_BYTES ? dnx_py_put(m, v[0], err)
               : n == 2 && v[0].is == DNX_PY_TEXT && is_text(&v[1], "latin-1")
                   ? put_latin1(m, &v[0], err)
                   : dnx_py_bad(m, wrong, err);
    default: return dnx_py_bad(m, wrong, err);
    }
}

/* The state of an array is (version, shape, type, whether in Fortran order, contents). */
dnx_status dnx_py_build(machine *m, dnx_err *err) {
    static const char wrong[] = "an array that NumPy would not write";
    if (m->stack.n < 2) return dnx_py_bad(m, wrong, err);
    value state = m->stack.v[--m->stack.n], to = m->stack.v[m->stack.n - 1];
    if (state.is != DNX_PY_LIST) return dnx_py_bad(m, wrong, err);
    const values *s = &m->out->list[state.a];
    if (to.is == DNX_PY_DTYPE) {
        bool is_big = s->n > 1 && is_text(&s->v[1], ">") && to.b > 1;
        return is_big ? dnx_py_bad(m, "numbers with their highest byte first", err) : DNX_OK;
    }
    bool ok = to.is == DNX_PY_ARRAY && s->n == 5 &&
              build_array(m->out, &m->out->array[to.a], &s->v[1], &s->v[2], &s->v[4]);
    return ok ? DNX_OK : dnx_py_bad(m, wrong, err);
}
