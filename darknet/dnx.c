/* dnx.c - helpers for layer files. */
#include "dnx.h"

dnx_status dnx_new(dnx_node *n, float **p, size_t count, dnx_err *err) {
    *p = dnx_alloc(count);
    if (!*p)
        return dnx_fail(err, DNX_EMEM, n->loc, "[%s] no memory for %zu floats", n->type->name,
                        count);
    n->allocated += count;
    return DNX_OK;
}
