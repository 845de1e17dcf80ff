/* device.c - opens a GPU through its driver, and allocates its memory. */
#include "cuda/device.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cuda/opened.h"

static dnx_status fail(const dnx_driver *cu, dnx_cu_result r, const char *what, dnx_err *err) {
    return dnx_fail_at(err, DNX_EIO, NULL, "GPU: %s: %s", what, dnx_driver_why(cu, r));
}

dnx_status dnx_device_count(int *count, dnx_err *err) {
    const dnx_driver *cu;
    dnx_status st = dnx_driver_open(&cu, err);
    *count = 0;
    if (st) return st;
    dnx_cu_result r = cu->cuDeviceGetCount(count);
    return r ? fail(cu, r, "count", err) : DNX_OK;
}

static dnx_status look(const dnx_driver *cu, int index, int *device, dnx_device_facts *f,
                       dnx_err *err) {
    int count = 0;
    *f = (dnx_device_facts){.index = index};
    dnx_cu_result r = cu->cuDeviceGetCount(&count);
    if (!r && index >= count)
        return dnx_fail_at(err, DNX_EIO, NULL, "GPU %d: there %s", index,
                           count == 0   ? "is none"
                           : count == 1 ? "is only GPU 0"
                                        : "are fewer");
    if (!r) r = cu->cuDeviceGet(device, index);
    if (!r) r = cu->cuDeviceGetName(f->name, (int)sizeof f->name, *device);
    if (!r) r = cu->cuDeviceGetAttribute(&f->major, DNX_CU_MAJOR, *device);
    if (!r) r = cu->cuDeviceGetAttribute(&f->minor, DNX_CU_MINOR, *device);
    if (!r) r = cu->cuDeviceGetAttribute(&f->processors, DNX_CU_MULTIPROCESSORS, *device);
    if (!r) r = cu->cuDeviceTotalMem_v2(&f->bytes, *device);
    if (!r) r = cu->cuDriverGetVersion(&f->driver);
    return r ? fail(cu, r, "its properties", err) : DNX_OK;
}

dnx_status dnx_device_look(int index, dnx_device_facts *facts, dnx_err *err) {
    const dnx_driver *cu;
    int device;
    dnx_status st = dnx_driver_open(&cu, err);
    return st ? st : look(cu, index, &device, facts, err);
}

/* Returns the number that follows `word` in ptx, without its point: 70 for ".version 7.0". Returns
 * 0 when ptx does not contain `word`. */
static int ptx_number(const char *ptx, const char *word) {
    const char *at = strstr(ptx, word);
    int major = 0, minor = 0;
    if (!at) return 0;
    at += strlen(word);
    return sscanf(at, "%d.%d", &major, &minor) == 2 ? 10 * major + minor : major;
}

static dnx_status load(dnx_device *d, const char *ptx, dnx_err *err) {
    char log[400] = "";
    int options[] = {DNX_CU_LOG, DNX_CU_LOG_BYTES};
    void *values[] = {log, (void *)(uintptr_t)(sizeof log - 1)};
    int version = ptx_number(ptx, ".version "), target = ptx_number(ptx, ".target sm_");
    int own = 10 * d->facts.major + d->facts.minor;
    if (own < target)
        return dnx_fail_at(err, DNX_EIO, NULL,
                           "GPU %d: %s is of sm_%d; the kernels need sm_%d or later",
                           d->facts.index, d->facts.name, own, target);
    dnx_cu_result r = d->cu->cuModuleLoadDataEx(&d->module, ptx, 2, options, values);
    if (r == DNX_CU_OLD_DRIVER)
        return dnx_fail_at(err, DNX_EIO, NULL,
                           "GPU %d: the driver is for CUDA %d.%d, which is too old for kernels in "
                           "PTX %d.%d",
                           d->facts.index, d->facts.driver / 1000, d->facts.driver % 1000 / 10,
                           version / 10, version % 10);
    log[strcspn(log, "\n")] = '\0';
    if (r)
        return dnx_fail_at(err, DNX_EIO, NULL, "GPU %d: its kernels are not taken: %s%s%s",
                           d->facts.index, dnx_driver_why(d->cu, r), *log ? ": " : "", log);
    for (int k = 0; k < DNX_CUDA_KERNEL_COUNT; k++) {
        const char *name = dnx_queue_name((dnx_cuda_kernel)k);
        r = d->cu->cuModuleGetFunction(&d->functions[k], d->module, name);
        if (r) return fail(d->cu, r, name, err);
    }
    return DNX_OK;
}

static dnx_status open_streams(dnx_device *d, dnx_err *err) {
    void *buffer = NULL;
    dnx_cu_result r = d->cu->cuStreamCreate(&d->stream, DNX_CU_OWN_ORDER);
    if (!r) r = d->cu->cuStreamCreate(&d->beside, DNX_CU_OWN_ORDER);
    if (!r) r = d->cu->cuEventCreate(&d->before, DNX_CU_WITHOUT_TIME);
    if (!r) r = d->cu->cuEventCreate(&d->copied, DNX_CU_WITHOUT_TIME);
    if (!r) r = d->cu->cuMemAllocHost_v2(&buffer, DNX_COPY_BUFFER);
    if (r) return fail(d->cu, r, "start", err);
    d->buffer = buffer;
    d->queue = dnx_queue_open(d->cu, d->stream, d->functions);
    return d->queue ? DNX_OK : dnx_no_memory(NULL, err);
}

dnx_status dnx_device_open(int index, const char *ptx, dnx_device **out, dnx_err *err) {
    *out = NULL;
    dnx_device *d = calloc(1, sizeof *d);
    if (!d) return dnx_no_memory(NULL, err);
    dnx_status st = dnx_driver_open(&d->cu, err);
    if (!st) st = look(d->cu, index, &d->device, &d->facts, err);
    if (st) {
        free(d);
        return st;
    }
    dnx_cu_result r = d->cu->cuDevicePrimaryCtxRetain(&d->context, d->device);
    if (!r) r = d->cu->cuCtxSetCurrent(d->context);
    if (!r) r = d->cu->cuMemGetInfo_v2(&d->facts.bytes_free, &d->facts.bytes);
    if (r) st = fail(d->cu, r, "start", err);
    if (!st) st = load(d, ptx, err);
    if (!st) st = open_streams(d, err);
    if (st) dnx_device_close(d);
    else *out = d;
    return st;
}

void dnx_device_close(dnx_device *d) {
    if (!d) return;
    dnx_queue_close(d->queue);
    if (d->buffer) d->cu->cuMemFreeHost(d->buffer);
    if (d->before) d->cu->cuEventDestroy_v2(d->before);
    if (d->copied) d->cu->cuEventDestroy_v2(d->copied);
    if (d->beside) d->cu->cuStreamDestroy_v2(d->beside);
    if (d->stream) d->cu->cuStreamDestroy_v2(d->stream);
    if (d->module) d->cu->cuModuleUnload(d->module);
    if (d->context) d->cu->cuDevicePrimaryCtxRelease_v2(d->device);
    free(d);
}

const dnx_device_facts *dnx_device_is(const dnx_device *d) { return &d->facts; }

static dnx_status no_memory(dnx_device *d, size_t bytes, dnx_err *err) {
    size_t free_bytes = 0, all = 0;
    d->cu->cuMemGetInfo_v2(&free_bytes, &all);
    return dnx_fail_at(err, DNX_EMEM, NULL,
                       "GPU %d: %.1f MB are needed, %.1f of %.1f MB are free: "
                       "a smaller batch or more subdivisions= need less",
                       d->facts.index, (double)bytes * 1e-6, (double)free_bytes * 1e-6,
                       (double)all * 1e-6);
}

void dnx_device_count_begin(dnx_device *d) {
    d->counts = true;
    d->counted = 0;
}

size_t dnx_device_count_end(dnx_device *d) {
    d->counts = false;
    return d->counted;
}

dnx_status dnx_device_has(dnx_device *d, size_t bytes, dnx_err *err) {
    size_t free_bytes = 0, all = 0;
    dnx_cu_result r = d->cu->cuMemGetInfo_v2(&free_bytes, &all);
    if (r) return fail(d->cu, r, "memory", err);
    return bytes <= free_bytes ? DNX_OK : no_memory(d, bytes, err);
}

dnx_status dnx_device_new(dnx_device *d, void **p, size_t bytes, dnx_err *err) {
    dnx_cu_pointer at = 0;
    *p = NULL;
    if (bytes == 0) bytes = 4;
    if (d->counts) {
        d->counted += (bytes + 511) & ~(size_t)511; /* the driver allocates in units of 512 bytes */
        *p = d->buffer;
        return DNX_OK;
    }
    dnx_cu_result r = d->cu->cuMemAlloc_v2(&at, bytes);
    if (r == DNX_CU_OUT_OF_MEMORY) return no_memory(d, bytes, err);
    if (r) return fail(d->cu, r, "memory", err);
    *p = (void *)(uintptr_t)at;
    dnx_device_clear(d, *p, bytes);
    return DNX_OK;
}

void dnx_device_free(dnx_device *d, void *p) {
    if (!p || d->counts) return;
    dnx_device_finish(d, "its work");
    dnx_queue_forget(d->queue);
    d->cu->cuMemFree_v2(dnx_address(p));
}

dnx_status dnx_device_pinned(dnx_device *d, void **p, size_t bytes, dnx_err *err) {
    *p = d->buffer;
    if (d->counts) return DNX_OK;
    dnx_cu_result r = d->cu->cuMemAllocHost_v2(p, bytes ? bytes : 4);
    if (!r) return DNX_OK;
    *p = NULL;
    return dnx_fail_at(err, DNX_EMEM, NULL, "GPU: no %.1f MB of pinned memory: %s",
                       (double)bytes * 1e-6, dnx_driver_why(d->cu, r));
}

void dnx_device_unpin(dnx_device *d, void *p) {
    if (!p || d->counts) return;
    dnx_device_finish(d, "its work");
    if (!d->failure) dnx_device_note(d, d->cu->cuStreamSynchronize(d->beside), "copy to it");
    dnx_queue_forget(d->queue);
    d->cu->cuMemFreeHost(p);
}
