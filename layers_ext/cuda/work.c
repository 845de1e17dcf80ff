/* work.c - queues work and copies for a device, and waits for them. */
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "cuda/opened.h"

static void queued(dnx_device *d, dnx_cu_result r) {
    d->is_busy = true;
    if (r) dnx_device_note(d, r, dnx_queue_failed(d->queue));
}

static void flush(dnx_device *d) {
    if (!dnx_device_is_idle(d) && d->is_busy) queued(d, dnx_queue_flush(d->queue));
}

/* Calls d->note once if the driver refuses graphs, unless the work itself has failed. */
static void tell(dnx_device *d) {
    const dnx_cu_result r = dnx_queue_refusal(d->queue);
    char line[200];
    if (!r || !d->note || d->failure) return;
    snprintf(line, sizeof line, "GPU %d: no graphs: %s; each kernel is started alone",
             d->facts.index,
             d->cu->has_graphs ? dnx_driver_why(d->cu, r) : "the driver is older than 11.4");
    d->note(line);
    d->note = NULL;
}

void dnx_device_finish(dnx_device *d, const char *what) {
    flush(d);
    if (!dnx_device_is_idle(d) && d->is_busy)
        dnx_device_note(d, d->cu->cuStreamSynchronize(d->stream), what);
    d->is_busy = false;
    d->used = 0;
    tell(d);
}

void dnx_device_notes(dnx_device *d, void (*line)(const char *)) { d->note = line; }

void dnx_device_clear(dnx_device *d, void *to, size_t bytes) {
    if (!dnx_device_is_idle(d) && bytes)
        queued(d, dnx_queue_clear(d->queue, dnx_address(to), bytes));
}

/* Returns pinned memory for a small copy. The memory is in use until the next dnx_device_finish(),
 * which this function calls first when the buffer is full. */
static void *take(dnx_device *d, size_t bytes) {
    bytes = (bytes + 63) & ~(size_t)63;
    if (d->used + bytes > DNX_COPY_BUFFER) dnx_device_finish(d, "its work");
    void *p = d->buffer + d->used;
    d->used += bytes;
    return p;
}

void dnx_device_put(dnx_device *d, void *to, const void *from, size_t bytes) {
    if (dnx_device_is_idle(d) || !bytes) return;
    if (bytes <= DNX_SMALL_COPY) {
        void *p = take(d, bytes);
        memcpy(p, from, bytes);
        if (!d->failure) queued(d, dnx_queue_copy_in(d->queue, dnx_address(to), p, bytes));
        return;
    }
    flush(d);
    if (d->failure) return;
    d->is_busy = true;
    dnx_device_note(d, d->cu->cuMemcpyHtoDAsync_v2(dnx_address(to), from, bytes, d->stream),
                    "copy to it");
    dnx_device_finish(d, "copy to it");
}

void dnx_device_get(dnx_device *d, void *to, const void *from, size_t bytes) {
    if (dnx_device_is_idle(d) || !bytes) return;
    if (bytes <= DNX_SMALL_COPY) {
        void *p = take(d, bytes);
        dnx_device_fetch(d, p, from, bytes);
        dnx_device_finish(d, "copy from it");
        if (!d->failure) memcpy(to, p, bytes);
        return;
    }
    flush(d);
    if (d->failure) return;
    d->is_busy = true;
    dnx_device_note(d, d->cu->cuMemcpyDtoHAsync_v2(to, dnx_address(from), bytes, d->stream),
                    "copy from it");
    dnx_device_finish(d, "copy from it");
}

void dnx_device_fetch(dnx_device *d, void *to, const void *from, size_t bytes) {
    if (!dnx_device_is_idle(d) && bytes)
        queued(d, dnx_queue_copy_out(d->queue, to, dnx_address(from), bytes));
}

void dnx_device_put_beside(dnx_device *d, void *to, const void *from, size_t bytes) {
    flush(d);
    if (dnx_device_is_idle(d) || !bytes) return;
    dnx_cu_result r = d->cu->cuEventRecord(d->before, d->stream);
    if (!r) r = d->cu->cuStreamWaitEvent(d->beside, d->before, 0);
    if (!r) r = d->cu->cuMemcpyHtoDAsync_v2(dnx_address(to), from, bytes, d->beside);
    if (!r) r = d->cu->cuEventRecord(d->copied, d->beside);
    dnx_device_note(d, r, "copy to it");
}

void dnx_device_join(dnx_device *d) {
    flush(d);
    if (dnx_device_is_idle(d)) return;
    d->is_busy = true;
    dnx_device_note(d, d->cu->cuStreamWaitEvent(d->stream, d->copied, 0), "copy to it");
}

void dnx_device_launch(dnx_device *d, dnx_cuda_kernel kernel, long x, long y, long z,
                       const void *args) {
    const unsigned blocks[] = {(unsigned)x, (unsigned)y, (unsigned)z};
    if (dnx_device_is_idle(d) || x < 1 || y < 1 || z < 1) return;
    if (x > INT_MAX || y > 65535 || z > 65535)
        dnx_device_note(d, DNX_CU_INVALID, dnx_queue_name(kernel));
    else queued(d, dnx_queue_launch(d->queue, kernel, blocks, args));
}

void dnx_device_each(dnx_device *d, dnx_cuda_kernel kernel, long count, const void *args) {
    const long blocks = (count + DNX_CUDA_THREADS - 1) / DNX_CUDA_THREADS;
    dnx_device_launch(d, kernel, blocks < DNX_GPU_MOST_BLOCKS ? blocks : DNX_GPU_MOST_BLOCKS, 1, 1,
                      args);
}

dnx_work dnx_device_work(const dnx_device *d) { return dnx_queue_work(d->queue); }

dnx_status dnx_device_status(dnx_device *d, dnx_err *err) {
    dnx_device_finish(d, "its work");
    if (!d->failure) return DNX_OK;
    return dnx_fail_at(err, d->failure == DNX_CU_OUT_OF_MEMORY ? DNX_EMEM : DNX_EIO, NULL,
                       "GPU %d: %s: %s", d->facts.index, d->failed,
                       dnx_driver_why(d->cu, d->failure));
}
