/* pickle.h - reads Python pickles of lists, tuples, bytes, texts, whole numbers, truth values and
 * NumPy arrays, of protocols 0 to 5 (PEP 307, PEP 3154; Lib/pickletools.py has the opcodes).
 *
 * Reading a pickle never calls a function. A pickle may name only the functions with which Python
 * and NumPy write such values; any other name is refused. */
#ifndef DNX_PICKLE_H
#define DNX_PICKLE_H
#include "dnx.h"

typedef enum {
    DNX_PY_MARK,  /* inside the machine only */
    DNX_PY_NAME,  /* inside the machine only: a class or a function */
    DNX_PY_DTYPE, /* inside the machine only */
    DNX_PY_NONE,
    DNX_PY_NUMBER, /* a: the number; b: 1 for True and False */
    DNX_PY_BYTES,  /* p: the bytes; a: their number */
    DNX_PY_TEXT,   /* as bytes, in UTF-8 */
    DNX_PY_LIST,   /* a: index into .list; b: 1 for a tuple */
    DNX_PY_ARRAY   /* a: index into .array */
} dnx_py_kind;

typedef struct {
    dnx_py_kind is;
    int64_t a, b;
    const unsigned char *p;
} dnx_py;

typedef struct {
    dnx_py *v;
    size_t n, room;
} dnx_py_list;

typedef struct {
    char type; /* NumPy's letter: b, u, i; or O: the values are in .list[list] */
    int size, dimensions;
    size_t shape[4]; /* the first four lengths */
    const unsigned char *p;
    size_t n; /* bytes */
    int64_t list;
    bool is_built;
} dnx_py_array;

typedef struct {
    dnx_py top; /* the pickled value */
    dnx_py_list *list;
    size_t lists;
    dnx_py_array *array;
    size_t arrays;
    char **own; /* copies of bytes that are encoded in the file */
    size_t owned;
} dnx_pickle;

/* Reads n bytes, which must outlive p, because values point into them. DNX_EPARSE: "byte N: why".
 * DNX_EMEM. Free p in any case. */
dnx_status dnx_pickle_read(const unsigned char *bytes, size_t n, const char *file, dnx_pickle *p,
                           dnx_err *err);
void dnx_pickle_free(dnx_pickle *p);
/* Returns the list or tuple v, or the values of an array of objects. NULL for other values. */
const dnx_py_list *dnx_pickle_list(const dnx_pickle *p, const dnx_py *v);
#endif
