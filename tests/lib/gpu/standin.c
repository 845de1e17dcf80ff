/* standin.c - a libcuda.so.1 for tests: memory of the device is memory of this process that nobody
 * else may touch, and kernels run as emulation.c does. The environment makes it fail:
 *   STANDIN_DEVICES=N (1)  STANDIN_SM=80  STANDIN_DRIVER=12040  STANDIN_MB=N of memory (4096)
 *   STANDIN_FAIL=CALL:N:RESULT  the N-th call of that function, and with "+" behind N all later
 *   ones, return RESULT.
 * Memory that is not freed is reported when the device is closed. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "cuda/kernels.h"
#include "emulation.h"

typedef unsigned long long pointer;
enum { OK = 0, INVALID = 1, NO_MEMORY = 2, NO_DEVICE = 100, BAD_DEVICE = 101, BAD_PTX = 218,
       OLD_DRIVER = 222, NOT_FOUND = 500 };

#define PROTO(name, waits) void name(const struct name##_args a);
DNX_CUDA_KERNELS(PROTO)
#define CALL(name, waits) \
    static void call_##name(const void *a) { name(*(const struct name##_args *)a); }
DNX_CUDA_KERNELS(CALL)
#define ROW(name, waits) {#name, call_##name, waits},
static const struct kernel {
    const char *name;
    void (*call)(const void *);
    bool waits;
} kernels[] = {DNX_CUDA_KERNELS(ROW)};

static long number(const char *key, long none) {
    const char *v = getenv(key);
    return v ? atol(v) : none;
}

/* What STANDIN_FAIL says of this call. */
static int fails(const char *name) {
    static struct {
        char name[64];
        long at, seen;
        bool goes_on;
        int result;
    } f;
    static bool is_read;
    const char *v = getenv("STANDIN_FAIL");
    char plus = 0;
    if (!is_read && v && sscanf(v, "%63[^:]:%ld:%d", f.name, &f.at, &f.result) != 3 &&
        sscanf(v, "%63[^:]:%ld%c:%d", f.name, &f.at, &plus, &f.result) != 4)
        abort();
    is_read = true;
    if (plus) f.goes_on = true;
    if (!v || strcmp(f.name, name)) return 0;
    f.seen++;
    return f.seen == f.at || (f.goes_on && f.seen > f.at) ? f.result : 0;
}
#define ENTER(name) do { int r_ = fails(name); if (r_) return r_; } while (0)

static size_t used;
static size_t all(void) { return (size_t)number("STANDIN_MB", 4096) << 20; }

int cuInit(unsigned flags) {
    (void)flags;
    ENTER("cuInit");
    return number("STANDIN_DEVICES", 1) > 0 ? OK : NO_DEVICE;
}
int cuDriverGetVersion(int *v) { *v = (int)number("STANDIN_DRIVER", 12040); return OK; }
int cuDeviceGetCount(int *n) { *n = (int)number("STANDIN_DEVICES", 1); return OK; }
int cuDeviceGet(int *d, int i) {
    *d = i;
    return i < number("STANDIN_DEVICES", 1) ? OK : BAD_DEVICE;
}
int cuDeviceGetName(char *name, int bytes, int d) {
    snprintf(name, (size_t)bytes, "stand-in %d", d);
    return OK;
}
int cuDeviceGetAttribute(int *v, int a, int d) {
    (void)d;
    const int sm = (int)number("STANDIN_SM", 80);
    *v = a == 75 ? sm / 10 : a == 76 ? sm % 10 : 1;
    return OK;
}
int cuDeviceTotalMem_v2(size_t *bytes, int d) { (void)d; *bytes = all(); return OK; }
int cuDevicePrimaryCtxRetain(void **c, int d) {
    static char context;
    (void)d;
    ENTER("cuDevicePrimaryCtxRetain");
    *c = &context;
    return OK;
}
int cuDevicePrimaryCtxRelease_v2(int d) {
    (void)d;
    if (used) fprintf(stderr, "stand-in: %zu bytes of the device were not freed\n", used);
    return OK;
}
int cuCtxSetCurrent(void *c) { (void)c; return OK; }
int cuMemGetInfo_v2(size_t *free_, size_t *total) {
    *total = all();
    *free_ = all() - used;
    return OK;
}
int cuModuleLoadDataEx(void **m, const void *ptx, unsigned n, const int *options, void **values) {
    (void)n, (void)options, (void)values;
    ENTER("cuModuleLoadDataEx");
    if (!strstr(ptx, ".version ") || !strstr(ptx, ".target sm_")) return BAD_PTX;
    if (number("STANDIN_DRIVER", 12040) < 11000) return OLD_DRIVER;
    *m = (void *)(uintptr_t)ptx;
    return OK;
}
int cuModuleGetFunction(void **f, void *module, const char *name) {
    char entry[128];
    snprintf(entry, sizeof entry, ".entry %s(", name);
    if (!strstr(module, entry)) return NOT_FOUND;
    for (size_t i = 0; i < sizeof kernels / sizeof *kernels; i++)
        if (!strcmp(kernels[i].name, name)) {
            *f = (void *)(uintptr_t)&kernels[i];
            return OK;
        }
    return NOT_FOUND;
}
int cuModuleUnload(void *m) { (void)m; return OK; }
int cuMemAlloc_v2(pointer *p, size_t bytes) {
    ENTER("cuMemAlloc_v2");
    if (bytes > all() - used) return NO_MEMORY;
    size_t *at = malloc(bytes + 64);
    if (!at) return NO_MEMORY;
    *at = bytes;
    used += bytes;
    memset((char *)at + 64, 0x5a, bytes);
    *p = (pointer)(uintptr_t)at + 64;
    return OK;
}
int cuMemFree_v2(pointer p) {
    size_t *at = (size_t *)(uintptr_t)(p - 64);
    used -= *at;
    free(at);
    return OK;
}
int cuMemAllocHost_v2(void **p, size_t bytes) {
    ENTER("cuMemAllocHost_v2");
    *p = malloc(bytes);
    return *p ? OK : NO_MEMORY;
}
int cuMemFreeHost(void *p) { free(p); return OK; }
int cuMemsetD8Async(pointer to, unsigned char byte, size_t bytes, void *s) {
    (void)s;
    ENTER("cuMemsetD8Async");
    memset((void *)(uintptr_t)to, byte, bytes);
    return OK;
}
int cuMemcpyHtoDAsync_v2(pointer to, const void *from, size_t bytes, void *s) {
    (void)s;
    ENTER("cuMemcpyHtoDAsync_v2");
    memcpy((void *)(uintptr_t)to, from, bytes);
    return OK;
}
int cuMemcpyDtoHAsync_v2(void *to, pointer from, size_t bytes, void *s) {
    (void)s;
    ENTER("cuMemcpyDtoHAsync_v2");
    memcpy(to, (const void *)(uintptr_t)from, bytes);
    return OK;
}
int cuLaunchKernel(void *f, unsigned x, unsigned y, unsigned z, unsigned bx, unsigned by,
                   unsigned bz, unsigned shared, void *s, void **args, void **extra) {
    const struct kernel *k = f;
    (void)shared, (void)s, (void)extra;
    ENTER("cuLaunchKernel");
    if (!x || !y || !z || by != 1 || bz != 1) return INVALID;
    emulate(k->call, args[0], (unsigned[]){x, y, z}, bx, k->waits);
    return OK;
}
int cuStreamCreate(void **s, unsigned flags) { (void)flags; *s = &used; return OK; }
int cuStreamDestroy_v2(void *s) { (void)s; return OK; }
int cuStreamSynchronize(void *s) {
    (void)s;
    ENTER("cuStreamSynchronize");
    return OK;
}
int cuGetErrorString(int r, const char **text) {
    *text = r == NO_MEMORY ? "out of memory" : r == NO_DEVICE ? "no CUDA-capable device is detected"
            : r == 719 ? "unspecified launch failure" : r == 999 ? "unknown error" : "invalid";
    return OK;
}
