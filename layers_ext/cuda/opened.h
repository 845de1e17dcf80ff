/* opened.h - the struct of an open device. Only the files that implement device.h include it. */
#ifndef DNX_CUDA_OPENED_H
#define DNX_CUDA_OPENED_H
#include <stdint.h>

#include "cuda/device.h"
#include "cuda/queue.h"

/* Copies of at most DNX_SMALL_COPY bytes go through a buffer of pinned memory. */
enum { DNX_SMALL_COPY = 1 << 20, DNX_COPY_BUFFER = 4 * DNX_SMALL_COPY };

struct dnx_device {
    const dnx_driver *cu;
    dnx_device_facts facts;
    int device;
    void *context, *module, *functions[DNX_CUDA_KERNEL_COUNT];
    void *stream, *beside; /* beside: the stream of dnx_device_put_beside() */
    /* Events of dnx_device_put_beside(). `before` marks the end of the work that was queued before
     * the copy; `copied` marks the end of the copy. */
    void *before, *copied;
    dnx_queue *queue;
    char *buffer; /* pinned memory for small copies; dnx_device_finish() makes all of it free */
    size_t used;
    bool is_busy; /* work has been queued since the last wait */
    bool counts;
    size_t counted;
    dnx_cu_result failure;
    const char *failed; /* the name of the call that failed first */
    void (*note)(const char *line);
};

/* Waits for all work. what: the name of the work, for the message after a failure. */
void dnx_device_finish(dnx_device *d, const char *what);
/* True when no work may be queued: after a failure, and while bytes are only counted. */
static inline bool dnx_device_is_idle(const dnx_device *d) { return d->failure || d->counts; }
/* Records r, the result of the driver call `what`, if it is the first failure. */
static inline void dnx_device_note(dnx_device *d, dnx_cu_result r, const char *what) {
    if (!r || d->failure) return;
    d->failure = r;
    d->failed = what;
}
/* Returns an address on the device as the driver's type. */
static inline dnx_cu_pointer dnx_address(const void *p) { return (dnx_cu_pointer)(uintptr_t)p; }
#endif
