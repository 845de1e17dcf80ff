/* device.h - one GPU: its memory, its work and the copies to and from it.
 *
 * Work is queued and starts when the CPU waits for it (see queue.h). After the first failure all
 * later calls do nothing, and dnx_device_status() reports that failure. So a caller checks once, at
 * the end of its work. Only the thread that opened a device may use it. The CPU must not read the
 * device's memory through its pointers. */
#ifndef DNX_CUDA_DEVICE_H
#define DNX_CUDA_DEVICE_H
#include <stddef.h>

#include "base/err.h"
#include "cuda/queue.h"

typedef struct dnx_device dnx_device;

/* The format of the inputs of matrix products; the sums are float32 in all three. */
typedef enum { DNX_FLOAT32, DNX_TF32, DNX_BFLOAT16 } dnx_precision;

typedef struct {
    char name[96];
    /* index counts from 0. major and minor are the compute capability. processors is the number of
     * multiprocessors. driver is the newest CUDA version that the driver can run: 12040 is 12.4. */
    int index, major, minor, processors, driver;
    size_t bytes, bytes_free; /* of memory; bytes_free is set when the device is opened */
} dnx_device_facts;

/* Stores the number of devices. DNX_EIO when the driver cannot be opened. */
dnx_status dnx_device_count(int *count, dnx_err *err);
/* Opens a device and loads the kernels from ptx, a string. The caller closes the device. DNX_EIO
 * when there is no such device, or when the device or the driver is too old for the PTX; the
 * message gives both versions. */
dnx_status dnx_device_open(int index, const char *ptx, dnx_device **out, dnx_err *err);
/* d may be NULL. */
void dnx_device_close(dnx_device *d);
/* note(line) is called once when the driver refuses graphs; each kernel is then started alone. */
void dnx_device_notes(dnx_device *d, void (*note)(const char *line));
/* Fills in the facts about a device without opening it. DNX_EIO when there is no such device. */
dnx_status dnx_device_look(int index, dnx_device_facts *facts, dnx_err *err);
/* The facts about an open device; they belong to it. */
const dnx_device_facts *dnx_device_is(const dnx_device *d);

/* Allocates zeroed bytes on the device; dnx_device_free() frees them. DNX_EMEM: the message gives
 * the number of free bytes. */
dnx_status dnx_device_new(dnx_device *d, void **p, size_t bytes, dnx_err *err);
void dnx_device_free(dnx_device *d, void *p);
/* Between begin and end no work is queued and nothing is allocated: dnx_device_new() and
 * dnx_device_pinned() return an address that must not be used, and the bytes of dnx_device_new()
 * are counted. end returns their sum. */
void dnx_device_count_begin(dnx_device *d);
size_t dnx_device_count_end(dnx_device *d);
/* DNX_EMEM when fewer bytes of the device's memory are free; the message gives both numbers. */
dnx_status dnx_device_has(dnx_device *d, size_t bytes, dnx_err *err);
/* Allocates pinned memory of the CPU, which the device reads and writes directly. It is not zeroed;
 * dnx_device_unpin() frees it. DNX_EMEM. */
dnx_status dnx_device_pinned(dnx_device *d, void **p, size_t bytes, dnx_err *err);
void dnx_device_unpin(dnx_device *d, void *p);

/* Queues writing zeros. */
void dnx_device_clear(dnx_device *d, void *to, size_t bytes);
/* Copies to the device. The caller may change `from` afterwards. */
void dnx_device_put(dnx_device *d, void *to, const void *from, size_t bytes);
/* Waits for all queued work, then copies to the CPU. */
void dnx_device_get(dnx_device *d, void *to, const void *from, size_t bytes);
/* Queues a copy to pinned memory. The values are there after dnx_device_status(). */
void dnx_device_fetch(dnx_device *d, void *to, const void *from, size_t bytes);
/* Copies pinned memory to the device on a second stream. The copy starts after all work that was
 * queued before, and runs at the same time as the work that is queued later. Call dnx_device_join()
 * before work that reads `to`. `from` must not change until dnx_device_status() has then been
 * called. */
void dnx_device_put_beside(dnx_device *d, void *to, const void *from, size_t bytes);
/* Makes the work that is queued from now on wait for the copies of dnx_device_put_beside(). */
void dnx_device_join(dnx_device *d);
/* Queues x * y * z blocks of 256 threads. args points to the kernel's struct in kernels.h. */
void dnx_device_launch(dnx_device *d, dnx_cuda_kernel kernel, long x, long y, long z,
                       const void *args);
/* Queues a kernel whose threads loop over `count` elements. */
void dnx_device_each(dnx_device *d, dnx_cuda_kernel kernel, long count, const void *args);
/* What was started since the device was opened. */
dnx_work dnx_device_work(const dnx_device *d);
/* Waits for all queued work. Returns the first failure since the device was opened: DNX_EMEM when
 * memory ran out, else DNX_EIO. */
dnx_status dnx_device_status(dnx_device *d, dnx_err *err);
#endif
