/* pickle.h - reads Python pickles of lists, tuples, bytes, texts, whole numbers, truth values and
 * NumPy arrays, of protocols 0 to 5 (PEP 307, PEP 3154; Lib/pickletools.py has the opcodes).
 *
 * Reading a pickle never calls a Python function. A pickle may name only the functions with which
 * Python and NumPy write these values; any other name is refused. */
#ifndef DNX_PICKLE_H
#define DNX_PICKLE_H
#include "dnx.h"

typedef enum {
    DNX_PY_MARK,  /* only while reading: a mark on the stack */
    DNX_PY_NAME,  /* only while reading: a class or a function */
    DNX_PY_DTYPE, /* only while reading: a NumPy type; a: the letter; b: bytes of a value */
    DNX_PY_NONE,
    DNX_PY_NUMBER, /* a: the number; b: 1 for True and False */
    DNX_PY_BYTES,  /* p: the bytes; a: their number */
    DNX_PY_TEXT,   /* p: the text in UTF-8; a: its number of bytes */
    DNX_PY_LIST,   /* a: index into dnx_pickle.list; b: 1 for a tuple */
    DNX_PY_ARRAY   /* a: index into dnx_pickle.array */
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
    char type; /* NumPy's letter: b, u, i, or O for objects, which are in dnx_pickle.list[list] */
    int size, dimensions; /* size: bytes of an element */
    size_t shape[4];      /* the lengths of the first four dimensions */
    const unsigned char *p;
    size_t n;
    int64_t list;
    bool is_built; /* shape and contents are set */
} dnx_py_array;

typedef struct {
    dnx_py top;
    dnx_py_list *list;
    size_t lists;
    dnx_py_array *array;
    size_t arrays;
    char **own;
    size_t owned;
} dnx_pickle;

/* Reads a pickle of n bytes, which must outlive p. `file` is for messages. Errors: DNX_EPARSE when
 * the pickle is damaged or has a value of a kind that is not in dnx_py_kind; DNX_EMEM. Free p, also
 * after an error. */
dnx_status dnx_pickle_read(const unsigned char *bytes, size_t n, const char *file, dnx_pickle *p,
                           dnx_err *err);
void dnx_pickle_free(dnx_pickle *p);
/* Returns the elements of v when it is a list, a tuple or an array of objects, else NULL. */
const dnx_py_list *dnx_pickle_list(const dnx_pickle *p, const dnx_py *v);
#endif
