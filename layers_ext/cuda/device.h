/* device.h - one GPU: its memory, its stream and the launch of kernels.
 *
 * Calls are queued and return at once. After the first failure all later calls do nothing, and
 * dnx_device_status() reports that failure: a caller checks once, at the end of its work. A device
 * is used by one thread. Pointers to its memory are never read on the CPU. */
#ifndef DNX_CUDA_DEVICE_H
#define DNX_CUDA_DEVICE_H
#include <stddef.h>

#include "base/err.h"
#include "cuda/kernels.h"

typedef struct dnx_device dnx_device;

typedef enum { DNX_FLOAT32, DNX_TF32, DNX_BFLOAT16 } dnx_precision; /* of matrix products */

typedef struct {
    char name[96];
    int index, major, minor, processors, driver; /* driver: 12040 is version 12.4 */
    size_t bytes, bytes_free;
} dnx_device_facts;

/* The number of devices. DNX_EIO: there is no driver. */
dnx_status dnx_device_count(int *count, dnx_err *err);
/* Opens a device and loads the kernels, ptx: text that ends with 0. The caller closes it. DNX_EIO:
 * no such device; one older than the PTX; a driver older than the PTX. The message gives both
 * versions. */
dnx_status dnx_device_open(int index, const char *ptx, dnx_device **out, dnx_err *err);
void dnx_device_close(dnx_device *d);
/* What is known of a device, also when it cannot be opened. */
dnx_status dnx_device_look(int index, dnx_device_facts *facts, dnx_err *err);
const dnx_device_facts *dnx_device_is(const dnx_device *d);

/* Allocates zeroed bytes, which dnx_device_free() frees. DNX_EMEM: says how much is free. */
dnx_status dnx_device_new(dnx_device *d, void **p, size_t bytes, dnx_err *err);
void dnx_device_free(dnx_device *d, void *p);
/* Memory of the CPU that the device copies from and to without a copy between. */
dnx_status dnx_device_pinned(dnx_device *d, void **p, size_t bytes, dnx_err *err);
void dnx_device_unpin(dnx_device *d, void *p);

void dnx_device_clear(dnx_device *d, void *to, size_t bytes);
/* Copies to the device. `from` may change when it returns. */
void dnx_device_put(dnx_device *d, void *to, const void *from, size_t bytes);
/* Waits for all work before, then copies to the CPU. */
void dnx_device_get(dnx_device *d, void *to, const void *from, size_t bytes);
/* Queues x x y x z blocks of 256 threads. args: the struct of the kernel. */
void dnx_device_launch(dnx_device *d, dnx_cuda_kernel kernel, long x, long y, long z,
                       const void *args);
/* Queues enough blocks for `count` elements. */
void dnx_device_each(dnx_device *d, dnx_cuda_kernel kernel, long count, const void *args);
/* Waits for all work. DNX_EIO or DNX_EMEM: the first failure since the device was opened. */
dnx_status dnx_device_status(dnx_device *d, dnx_err *err);
#endif
