/* driver.h - NVIDIA's driver library, libcuda.so.1. It is opened at run time, so a build needs no
 * file from NVIDIA. Some names end with _v2, because NVIDIA's header defines the names without _v2
 * as macros for the names with _v2. */
#ifndef DNX_CUDA_DRIVER_H
#define DNX_CUDA_DRIVER_H
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

typedef int dnx_cu_result; /* 0 when the call succeeded */
typedef unsigned long long dnx_cu_pointer;

enum {
    DNX_CU_INVALID = 1,
    DNX_CU_OUT_OF_MEMORY = 2,
    DNX_CU_OLD_DRIVER = 222, /* the PTX needs a newer driver */
    DNX_CU_NOT_FOUND = 500
};
enum { DNX_CU_MULTIPROCESSORS = 16, DNX_CU_MAJOR = 75, DNX_CU_MINOR = 76 }; /* attributes */
enum {
    DNX_CU_LOG = 5,
    DNX_CU_LOG_BYTES = 6
}; /* for cuModuleLoadDataEx: a buffer for errors, and its size */
enum {
    DNX_CU_OWN_ORDER = 1,    /* for cuStreamCreate: without waiting for the default stream */
    DNX_CU_WITHOUT_TIME = 2, /* for cuEventCreate: without a time stamp */
    DNX_CU_THIS_THREAD = 1   /* for cuStreamBeginCapture_v2: does not restrict other threads */
};

#define DNX_CU_SYMBOLS(X)                                                                          \
    X(cuInit, (unsigned flags))                                                                    \
    X(cuDriverGetVersion, (int *version))                                                          \
    X(cuDeviceGetCount, (int *count))                                                              \
    X(cuDeviceGet, (int *device, int index))                                                       \
    X(cuDeviceGetName, (char *name, int bytes, int device))                                        \
    X(cuDeviceGetAttribute, (int *value, int attribute, int device))                               \
    X(cuDeviceTotalMem_v2, (size_t * bytes, int device))                                           \
    X(cuDevicePrimaryCtxRetain, (void **context, int device))                                      \
    X(cuDevicePrimaryCtxRelease_v2, (int device))                                                  \
    X(cuCtxSetCurrent, (void *context))                                                            \
    X(cuMemGetInfo_v2, (size_t * free, size_t * total))                                            \
    X(cuModuleLoadDataEx,                                                                          \
      (void **module, const void *ptx, unsigned n, const int *options, void **values))             \
    X(cuModuleGetFunction, (void **function, void *module, const char *name))                      \
    X(cuModuleUnload, (void *module))                                                              \
    X(cuMemAlloc_v2, (dnx_cu_pointer * p, size_t bytes))                                           \
    X(cuMemFree_v2, (dnx_cu_pointer p))                                                            \
    X(cuMemAllocHost_v2, (void **p, size_t bytes))                                                 \
    X(cuMemFreeHost, (void *p))                                                                    \
    X(cuMemsetD8Async, (dnx_cu_pointer to, unsigned char byte, size_t bytes, void *stream))        \
    X(cuMemcpyHtoDAsync_v2, (dnx_cu_pointer to, const void *from, size_t bytes, void *stream))     \
    X(cuMemcpyDtoHAsync_v2, (void *to, dnx_cu_pointer from, size_t bytes, void *stream))           \
    X(cuLaunchKernel,                                                                              \
      (void *function, unsigned x, unsigned y, unsigned z, unsigned bx, unsigned by, unsigned bz,  \
       unsigned shared, void *stream, void **args, void **extra))                                  \
    X(cuStreamCreate, (void **stream, unsigned flags))                                             \
    X(cuStreamDestroy_v2, (void *stream))                                                          \
    X(cuStreamSynchronize, (void *stream))                                                         \
    X(cuStreamWaitEvent, (void *stream, void *event, unsigned flags))                              \
    X(cuEventCreate, (void **event, unsigned flags))                                               \
    X(cuEventRecord, (void *event, void *stream))                                                  \
    X(cuEventDestroy_v2, (void *event))                                                            \
    X(cuGetErrorString, (dnx_cu_result r, const char **text))

/* A driver older than CUDA 11.4 lacks some of these functions; has_graphs is then false. */
#define DNX_CU_GRAPH_SYMBOLS(X)                                                                    \
    X(cuStreamBeginCapture_v2, (void *stream, int mode))                                           \
    X(cuStreamEndCapture, (void *stream, void **graph))                                            \
    X(cuGraphInstantiateWithFlags, (void **exec, void *graph, unsigned long long flags))           \
    X(cuGraphLaunch, (void *exec, void *stream))                                                   \
    X(cuGraphExecDestroy, (void *exec))                                                            \
    X(cuGraphDestroy, (void *graph))

#define DNX_CU_MEMBER(name, parameters) dnx_cu_result(*name) parameters;
typedef struct {
    DNX_CU_SYMBOLS(DNX_CU_MEMBER)
    DNX_CU_GRAPH_SYMBOLS(DNX_CU_MEMBER)
    bool has_graphs;
} dnx_driver;

/* Opens the driver once. Returns DNX_EIO when libcuda.so.1 cannot be used or finds no device. */
dnx_status dnx_driver_open(const dnx_driver **out, dnx_err *err);
/* Returns the driver's message for a result. The driver owns the string. */
const char *dnx_driver_why(const dnx_driver *d, dnx_cu_result r);
#endif
