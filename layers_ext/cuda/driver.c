/* driver.c - opens libcuda.so.1 and finds its functions by name. */
#include "cuda/driver.h"

#include <dlfcn.h>
#include <string.h>

typedef struct {
    const char *name;
    size_t at; /* offset of the function's pointer in dnx_driver */
} symbol;
#define SYMBOL(name, parameters) {#name, offsetof(dnx_driver, name)},
static const symbol needed[] = {DNX_CU_SYMBOLS(SYMBOL){NULL, 0}};
static const symbol of_graphs[] = {DNX_CU_GRAPH_SYMBOLS(SYMBOL){NULL, 0}};

/* Sets the pointers in d to the functions of the list. Returns the name of the first function that
 * the library lacks, or NULL when it has all. */
static const char *find(void *library, const symbol *list, dnx_driver *d) {
    for (; list->name; list++) {
        void *p = dlsym(library, list->name);
        if (!p) return list->name;
        memcpy((char *)d + list->at, &p, sizeof p);
    }
    return NULL;
}

static dnx_status find_all(void *library, dnx_driver *d, dnx_err *err) {
    const char *missing = find(library, needed, d);
    d->has_graphs = !find(library, of_graphs, d);
    if (!missing) return DNX_OK;
    return dnx_fail_at(err, DNX_EIO, NULL, "libcuda.so.1 has no %s: the driver is too old",
                       missing);
}

dnx_status dnx_driver_open(const dnx_driver **out, dnx_err *err) {
    static dnx_driver driver;
    static bool is_open;
    *out = &driver;
    if (is_open) return DNX_OK;
    void *library = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
    if (!library) return dnx_fail_at(err, DNX_EIO, NULL, "no driver for a GPU: %s", dlerror());
    dnx_status st = find_all(library, &driver, err);
    dnx_cu_result r = st ? 0 : driver.cuInit(0);
    if (r) st = dnx_fail_at(err, DNX_EIO, NULL, "no GPU: %s", dnx_driver_why(&driver, r));
    if (st) dlclose(library);
    is_open = !st;
    return st;
}

const char *dnx_driver_why(const dnx_driver *d, dnx_cu_result r) {
    const char *text = NULL;
    if (d->cuGetErrorString(r, &text) || !text) return "an error that the driver does not name";
    return text;
}
