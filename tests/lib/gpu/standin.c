/* standin.c - a libcuda.so.1 for tests. Memory of the device is memory of this process, and
 * emulation.c runs the kernels. The environment describes the device and makes calls fail:
 *   STANDIN_DEVICES=1   the number of devices
 *   STANDIN_SM=80       the compute capability, here 8.0
 *   STANDIN_DRIVER=12040  the CUDA version of the driver, here 12.4
 *   STANDIN_MB=4096     the memory of the device in MB
 *   STANDIN_BUSY=0      the part of this memory that other processes use, in MB
 *   STANDIN_FAIL=CALL:N:RESULT  the N-th call of the function CALL returns RESULT; N+: also all
 *                       later calls. CALL "kernel": the device is lost when the N-th kernel runs
 * Closing the device prints what was not freed. With STANDIN_SAY it also prints the number of calls
 * of each function. */
#include "standin.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cuda/kernels.h"

#define PROTO(name, waits) void name(const struct name##_args a);
DNX_CUDA_KERNELS(PROTO)
#define CALL(name, waits)                                                                          \
    static void call_##name(const void *a) { name(*(const struct name##_args *)a); }
DNX_CUDA_KERNELS(CALL)
#define ROW(name, waits) {#name, call_##name, sizeof(struct name##_args), waits},
static const kernel kernels[] = {DNX_CUDA_KERNELS(ROW)};

static _Thread_local bool has_context; /* a context belongs to a thread, as in CUDA */
static int lost_with;

static long number(const char *key, long none) {
    const char *v = getenv(key);
    return v ? atol(v) : none;
}

void lose_device(int result) { lost_with = result; }
int lost(void) { return lost_with; }

/* Counts a call of `name`. Returns the RESULT of STANDIN_FAIL when this call must fail, else 0. */
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

static struct {
    const char *name;
    long count;
} calls[64];

static void count(const char *name) {
    int i = 0;
    while (calls[i].name && strcmp(calls[i].name, name)) i++;
    calls[i].name = name;
    calls[i].count++;
}

int enter(const char *name) {
    const int r = fails(name);
    count(name);
    if (lost_with) return lost_with;
    if (r) return r;
    return has_context || !strcmp(name, "cuInit") || !strcmp(name, "cuDevicePrimaryCtxRetain")
               ? OK
               : NO_CONTEXT;
}

static size_t used;
static size_t all(void) { return (size_t)number("STANDIN_MB", 4096) << 20; }
static size_t taken(void) { return (size_t)number("STANDIN_BUSY", 0) << 20; }

typedef struct block {
    struct block *next;
    size_t bytes;
    char at[];
} block;
static block *of_device, *pinned;
/* Freed blocks, for reuse: as in a real driver, a later allocation of the same size gets the same
 * address. Of several freed blocks of this size, it gets the one with the lowest address. */
static block *given_back;

static block *again(size_t bytes) {
    block **lowest = NULL;
    for (block **at = &given_back; *at; at = &(*at)->next)
        if ((*at)->bytes == bytes && (!lowest || *at < *lowest)) lowest = at;
    block *b = lowest ? *lowest : NULL;
    if (b) *lowest = b->next;
    return b;
}

static void *new_block(block **list, size_t bytes) {
    block *b = again(bytes);
    if (!b) b = malloc(sizeof *b + bytes);
    if (!b) return NULL;
    b->next = *list;
    b->bytes = bytes;
    memset(b->at, 0x5a, bytes);
    *list = b;
    return b->at;
}

static size_t free_block(block **list, const void *p) {
    for (; *list; list = &(*list)->next)
        if ((*list)->at == p) {
            block *b = *list;
            const size_t bytes = b->bytes;
            *list = b->next;
            make_graphs_stale(b->at, bytes);
            memset(b->at, 0x5a, bytes);
            b->next = given_back;
            given_back = b;
            return bytes;
        }
    fprintf(stderr, "stand-in: %p is freed, but was not allocated\n", p);
    return 0;
}

static bool has(const block *b, const char *p, size_t bytes) {
    for (; b; b = b->next)
        if (p >= b->at && p + bytes <= b->at + b->bytes) return true;
    return false;
}

bool is_of_device(pointer p, size_t bytes) { return has(of_device, (char *)(uintptr_t)p, bytes); }
bool is_pinned(const void *p, size_t bytes) { return has(pinned, p, bytes); }

int cuInit(unsigned flags) {
    (void)flags;
    ENTER("cuInit");
    return number("STANDIN_DEVICES", 1) > 0 ? OK : NO_DEVICE;
}
int cuDriverGetVersion(int *v) {
    *v = (int)number("STANDIN_DRIVER", 12040);
    return OK;
}
int cuDeviceGetCount(int *n) {
    *n = (int)number("STANDIN_DEVICES", 1);
    return OK;
}
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
int cuDeviceTotalMem_v2(size_t *bytes, int d) {
    (void)d;
    *bytes = all();
    return OK;
}
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
    if (pinned) fprintf(stderr, "stand-in: pinned memory was not freed\n");
    report_streams();
    for (int i = 0; getenv("STANDIN_SAY") && calls[i].name; i++)
        fprintf(stderr, "stand-in: %s %ld\n", calls[i].name, calls[i].count);
    return OK;
}
int cuCtxSetCurrent(void *c) {
    has_context = c != NULL;
    return OK;
}
int cuMemGetInfo_v2(size_t *free_, size_t *total) {
    *total = all();
    *free_ = all() - used - taken();
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
int cuModuleUnload(void *m) {
    (void)m;
    return OK;
}
int cuMemAlloc_v2(pointer *p, size_t bytes) {
    ENTER("cuMemAlloc_v2");
    void *at = bytes > all() - used - taken() ? NULL : new_block(&of_device, bytes);
    if (!at) return NO_MEMORY;
    used += bytes;
    *p = (pointer)(uintptr_t)at;
    return OK;
}
int cuMemFree_v2(pointer p) {
    run_all_streams();
    used -= free_block(&of_device, (void *)(uintptr_t)p);
    return lost();
}
int cuMemAllocHost_v2(void **p, size_t bytes) {
    ENTER("cuMemAllocHost_v2");
    *p = new_block(&pinned, bytes);
    return *p ? OK : NO_MEMORY;
}
int cuMemFreeHost(void *p) {
    run_all_streams();
    free_block(&pinned, p);
    return lost();
}
int cuGetErrorString(int r, const char **text) {
    *text = r == NO_MEMORY   ? "out of memory"
            : r == NO_DEVICE ? "no CUDA-capable device is detected"
            : r == 46        ? "all CUDA-capable devices are busy or unavailable"
            : r == 719       ? "unspecified launch failure"
            : r == 801       ? "operation not supported"
            : r == 999       ? "unknown error"
                             : "invalid";
    return OK;
}
