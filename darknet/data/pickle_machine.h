/* pickle_machine.h - the stack machine that reads a pickle, shared by pickle.c and pickle_calls.c.
 * The functions fail with DNX_EPARSE, "byte N: why", or with DNX_EMEM. */
#ifndef DNX_PICKLE_MACHINE_H
#define DNX_PICKLE_MACHINE_H
#include "data/pickle.h"

typedef struct {
    dnx_loc at;
    const unsigned char *p; /* the pickle, n bytes */
    size_t n, i, op;        /* i: offset of the next byte; op: offset of the current opcode */
    size_t values;          /* number of values pushed so far */
    dnx_py_list stack, memo;
    dnx_pickle *out;
    size_t list_room, array_room, own_room; /* capacities of out->list, out->array, out->own */
} dnx_pickle_machine;

/* ---- pickle.c ---- */

/* Fail with DNX_EPARSE and the text "byte N: why", where N is m->op; or with DNX_EMEM. */
dnx_status dnx_py_bad(const dnx_pickle_machine *m, const char *why, dnx_err *err);
dnx_status dnx_py_no_memory(const dnx_pickle_machine *m, dnx_err *err);
/* Push a value, a number or a truth value (0 or 1) onto the stack. */
dnx_status dnx_py_put(dnx_pickle_machine *m, dnx_py v, dnx_err *err);
dnx_status dnx_py_put_number(dnx_pickle_machine *m, int64_t v, dnx_err *err);
dnx_status dnx_py_put_truth(dnx_pickle_machine *m, int64_t v, dnx_err *err);
/* Reads a line of protocol 0: *n bytes at *s, without the line end. *s points into the pickle. */
dnx_status dnx_py_line(dnx_pickle_machine *m, const unsigned char **s, size_t *n, dnx_err *err);
/* Allocates n bytes, which dnx_pickle_free() frees. Without memory, returns NULL and sets err. */
char *dnx_py_own(dnx_pickle_machine *m, size_t n, dnx_err *err);

/* ---- pickle_calls.c: the opcodes for names, calls and arrays ---- */

/* Opcodes GLOBAL and STACK_GLOBAL: push the name of a function or class, which must be in the table
 * known[] of pickle_calls.c. */
dnx_status dnx_py_global(dnx_pickle_machine *m, dnx_err *err);
dnx_status dnx_py_stack_global(dnx_pickle_machine *m, dnx_err *err);
/* Opcode REDUCE: replaces a name and a tuple of arguments by the result of the call. */
dnx_status dnx_py_call(dnx_pickle_machine *m, dnx_err *err);
/* Opcode BUILD: pops a state from the stack and applies it to the new top, an array or a type. */
dnx_status dnx_py_build(dnx_pickle_machine *m, dnx_err *err);
#endif
