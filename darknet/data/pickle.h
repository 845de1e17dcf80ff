/* pickle.h - reads a Python pickle of lists, tuples, bytes, texts, whole numbers, truth values and
 * NumPy arrays, of protocols 0 to 5 (PEP 307, PEP 3154; Lib/pickletools.py names the opcodes).
 *
 * Nothing is ever called. The only names that a pickle may have are those by which Python and NumPy
 * write such values; a pickle with any other class or function is refused. */
#ifndef DNX_PICKLE_H
#define DNX_PICKLE_H
#include "dnx.h"

typedef enum {
    DNX_PY_MARK,  /* private */
    DNX_PY_NAME,  /* private: a class or a function */
    DNX_PY_DTYPE, /* private */
    DNX_PY_NONE,
    DNX_PY_NUMBER, /* a: the number; b: 1 for True and False */
    DNX_PY_BYTES,  /* p, a: bytes and how many */
    DNX_PY_TEXT,   /* the same, UTF-8 */
    DNX_PY_LIST,   /* a: which of .list; also a tuple (b = 1) */
    DNX_PY_ARRAY   /* a: which of .array */
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
    char type; /* b, u, i: as NumPy calls it; O: `list` has the values */
    int size, dimensions;
    size_t shape[4]; /* of the first four */
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
    char **own; /* bytes that are not as they are in the file */
    size_t owned;
} dnx_pickle;

/* Values point into the bytes, which the caller keeps. DNX_EPARSE: byte N: why; DNX_EMEM. Free p in
 * any case. */
dnx_status dnx_pickle_read(const unsigned char *bytes, size_t n, const char *file, dnx_pickle *p,
                           dnx_err *err);
void dnx_pickle_free(dnx_pickle *p);
/* The list or tuple that v is, also as an array of objects; NULL: it is none. */
const dnx_py_list *dnx_pickle_list(const dnx_pickle *p, const dnx_py *v);
#endif
