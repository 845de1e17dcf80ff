/* device.h - one GPU: its memory, the work on it, and copies to and from it.
 *
 * Work is queued, and starts at the latest when the CPU waits for its results. After the first
 * failure no more work is queued, and dnx_device_status() reports this failure. So a caller needs
 * to check for failures only once, at the end of its work. Only the thread that opened a device may
 * use it. */
#ifndef DNX_CUDA_DEVICE_H
#define DNX_CUDA_DEVICE_H
#include <stddef.h>

#include "base/err.h"
#include "cuda/queue.h"

typedef struct dnx_device dnx_device;

/* The format to which the inputs of matrix products are rounded; the sums are float32. */
typedef enum { DNX_FLOAT32, DNX_TF32, DNX_BFLOAT16 } dnx_precision;

typedef struct {
    char name[96];
    /* major, minor: compute capability; processors: multiprocessors; driver: the driver's CUDA
     * version, 12040 for 12.4. */
    int index, major, minor, processors, driver;
    size_t bytes, bytes_free; /* all and free memory; dnx_device_look() stores bytes_free = 0 */
} dnx_device_facts;

/* Counts the GPUs. Returns DNX_EIO when the driver cannot be opened, or fails. */
dnx_status dnx_device_count(int *count, dnx_err *err);
/* Opens device `index`, from 0, and loads the kernels from ptx, a string. The caller closes the
 * device. Fails with DNX_EMEM, or DNX_EIO, for example when the driver is too old for the PTX. */
dnx_status dnx_device_open(int index, const char *ptx, dnx_device **out, dnx_err *err);
/* Closes a device. Free all its memory first. d may be NULL. */
void dnx_device_close(dnx_device *d);
/* Sets a function that gets a line of text, once, if the driver refuses CUDA graphs; or NULL. */
void dnx_device_notes(dnx_device *d, void (*note)(const char *line));
/* Describes device `index` without opening it. Fails with DNX_EIO. */
dnx_status dnx_device_look(int index, dnx_device_facts *facts, dnx_err *err);
/* Returns the facts of an open device, which owns them. */
const dnx_device_facts *dnx_device_is(const dnx_device *d);

/* Allocates zeroed memory on the device, and sets *p. Fails with DNX_EMEM, or DNX_EIO for other
 * reasons. dnx_device_free() frees the memory; its p may be NULL. */
dnx_status dnx_device_new(dnx_device *d, void **p, size_t bytes, dnx_err *err);
void dnx_device_free(dnx_device *d, void *p);
/* Between these two calls, the device allocates and queues nothing. It only counts the bytes that
 * dnx_device_new() would allocate; dnx_device_count_end() returns them. The addresses that
 * dnx_device_new() sets meanwhile must not be used. */
void dnx_device_count_begin(dnx_device *d);
size_t dnx_device_count_end(dnx_device *d);
/* Returns DNX_EMEM when less than `bytes` is free on the device, DNX_EIO when the driver fails. */
dnx_status dnx_device_has(dnx_device *d, size_t bytes, dnx_err *err);
/* Allocates pinned CPU memory, not zeroed; dnx_device_unpin() frees it. Fails with DNX_EMEM. */
dnx_status dnx_device_pinned(dnx_device *d, void **p, size_t bytes, dnx_err *err);
void dnx_device_unpin(dnx_device *d, void *p);

/* Queues a command that sets `bytes` bytes on the device to 0. */
void dnx_device_clear(dnx_device *d, void *to, size_t bytes);
/* Copies memory of the CPU to the device. The caller may change `from` after the call. */
void dnx_device_put(dnx_device *d, void *to, const void *from, size_t bytes);
/* Waits for all queued work, then copies memory of the device to the CPU, unless work has
 * failed. */
void dnx_device_get(dnx_device *d, void *to, const void *from, size_t bytes);
/* Queues a copy from the device to pinned memory. dnx_device_status() waits for the copy. */
void dnx_device_fetch(dnx_device *d, void *to, const void *from, size_t bytes);
/* Copies pinned memory to the device, at the same time as work that is queued later. Call
 * dnx_device_join() before you queue work that reads `to`. Do not change `from` until a
 * dnx_device_status() after this work has returned. */
void dnx_device_put_beside(dnx_device *d, void *to, const void *from, size_t bytes);
/* All work that is queued after this call waits for the copies of dnx_device_put_beside(). */
void dnx_device_join(dnx_device *d);
/* Queues a kernel with x * y * z blocks of 256 threads. args: the kernel's struct of kernels.h,
 * which is copied. Queues nothing if x, y or z is 0. Fails if x > INT_MAX, or y or z > 65535. */
void dnx_device_launch(dnx_device *d, dnx_cuda_kernel kernel, long x, long y, long z,
                       const void *args);
/* Queues a kernel whose threads loop over `count` elements, with at most DNX_GPU_MOST_BLOCKS
 * blocks. */
enum { DNX_GPU_MOST_BLOCKS = 4096 };
void dnx_device_each(dnx_device *d, dnx_cuda_kernel kernel, long count, const void *args);
/* Returns how many lists, graphs and kernels the device has started so far. */
dnx_work dnx_device_work(const dnx_device *d);
/* Waits for all work. Returns the first failure of the device so far: DNX_EMEM or DNX_EIO. */
dnx_status dnx_device_status(dnx_device *d, dnx_err *err);
#endif
