/* driver.c - opens libcuda.so.1 and finds its functions by name. */
#include "cuda/driver.h"

#include <dlfcn.h>
#include <string.h>

static const dnx_loc nowhere = {NULL, 0};

static void find_graphs(void *library, dnx_driver *d) {
    d->has_graphs = true;
#define FIND_GRAPH(symbol, parameters)                                                             \
    {                                                                                              \
        void *p = dlsym(library, #symbol);                                                         \
        memcpy(&d->symbol, &p, sizeof p);                                                          \
        d->has_graphs = d->has_graphs && p;                                                        \
    }
    DNX_CU_GRAPH_SYMBOLS(FIND_GRAPH)
}

static dnx_status find_all(void *library, dnx_driver *d, dnx_err *err) {
#define FIND(symbol, parameters)                                                                   \
    {                                                                                              \
        void *p = dlsym(library, #symbol);                                                         \
        if (!p)                                                                                    \
            return dnx_fail(err, DNX_EIO, nowhere,                                                 \
                            "libcuda.so.1 has no " #symbol ": the driver is too old");             \
        memcpy(&d->symbol, &p, sizeof p); /* C has no cast from data to function pointers */       \
    }
    DNX_CU_SYMBOLS(FIND)
    find_graphs(library, d);
    return DNX_OK;
}

dnx_status dnx_driver_open(const dnx_driver **out, dnx_err *err) {
    static dnx_driver driver;
    static bool is_open;
    *out = &driver;
    if (is_open) return DNX_OK;
    void *library = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
    if (!library) return dnx_fail(err, DNX_EIO, nowhere, "no driver for a GPU: %s", dlerror());
    dnx_status st = find_all(library, &driver, err);
    dnx_cu_result r = st ? 0 : driver.cuInit(0);
    if (r) st = dnx_fail(err, DNX_EIO, nowhere, "no GPU: %s", dnx_driver_why(&driver, r));
    if (st) dlclose(library);
    is_open = !st;
    return st;
}

const char *dnx_driver_why(const dnx_driver *d, dnx_cu_result r) {
    const char *text = NULL;
    if (d->cuGetErrorString(r, &text) || !text) return "an error that the driver does not name";
    return text;
}
