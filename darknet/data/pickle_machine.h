/* pickle_machine.h - the stack machine of pickle.c, for its parts. Functions return DNX_EPARSE,
 * "byte N: why", and DNX_EMEM. */
#ifndef DNX_PICKLE_MACHINE_H
#define DNX_PICKLE_MACHINE_H
#include "data/pickle.h"

typedef struct {
    dnx_loc at;
    const unsigned char *p;
    size_t n, i, op; /* op: the offset of the opcode */
    size_t values;   /* number of values pushed so far */
    dnx_py_list stack, memo;
    dnx_pickle *out;
    size_t list_room, array_room, own_room;
} dnx_pickle_machine;

/* ---- pickle.c ---- */

/* Fails at the current opcode. */
dnx_status dnx_py_bad(const dnx_pickle_machine *m, const char *why, dnx_err *err);
dnx_status dnx_py_no_memory(const dnx_pickle_machine *m, dnx_err *err);
/* Returns the list with space for one more element. When memory runs out, returns NULL and leaves
 * the old list unchanged. */
void *dnx_py_grown(void *list, size_t n, size_t *room, size_t size);
/* Push a value, a number, or False (0) or True, onto the stack. */
dnx_status dnx_py_put(dnx_pickle_machine *m, dnx_py v, dnx_err *err);
dnx_status dnx_py_put_number(dnx_pickle_machine *m, int64_t v, dnx_err *err);
dnx_status dnx_py_put_truth(dnx_pickle_machine *m, int64_t v, dnx_err *err);
/* Finds the rest of a line of protocol 0. */
dnx_status dnx_py_line(dnx_pickle_machine *m, const unsigned char **s, size_t *n, dnx_err *err);
/* Returns n bytes that the pickle owns. NULL when memory runs out; err is set. */
char *dnx_py_own(dnx_pickle_machine *m, size_t n, dnx_err *err);

/* ---- pickle_calls.c: the opcodes for names, calls and arrays ---- */

/* Pushes the name of a known function or class. Refuses any other name. */
dnx_status dnx_py_global(dnx_pickle_machine *m, dnx_err *err);
dnx_status dnx_py_stack_global(dnx_pickle_machine *m, dnx_err *err);
/* Replaces a name and its arguments by the result of the call. */
dnx_status dnx_py_call(dnx_pickle_machine *m, dnx_err *err);
/* Applies the state of an array or a type. */
dnx_status dnx_py_build(dnx_pickle_machine *m, dnx_err *err);
#endif
