/* queue.c - collects lists of work, and captures repeated lists into CUDA graphs. */
#include "cuda/queue.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* LISTS: how many lists the queue remembers. With fewer than FEW commands a graph saves no time. */
enum { LISTS = 64, FEW = 4 };
enum { COPY_IN = DNX_CUDA_KERNEL_COUNT, COPY_OUT, CLEAR };

/* In a list, a kernel's arguments follow its command. The struct has no padding, because lists are
 * compared byte by byte. */
typedef struct {
    int kind; /* a dnx_cuda_kernel, COPY_IN, COPY_OUT or CLEAR */
    unsigned blocks[3];
    dnx_cu_pointer device;
    void *host;
    size_t bytes; /* bytes to copy or clear, or size of a kernel's arguments */
} command;

typedef struct {
    unsigned char *bytes;
    size_t n, room;
    int commands, kernels;
} list;

typedef struct {
    list list;
    void *exec;    /* graph of the list; NULL until its second start */
    uint64_t used; /* number of the last flush that started the list */
} known;

struct dnx_queue {
    const dnx_driver *cu;
    void *stream;
    void *const *functions;
    list now;
    known lists[LISTS];
    uint64_t flushes;
    dnx_work work;
    dnx_cu_result refusal;
    const char *failed;
};

#define NAME(name, waits) #name,
static const char *const names[] = {DNX_CUDA_KERNELS(NAME) "copy to it", "copy from it", "clear"};
#define SIZE(name, waits) sizeof(struct name##_args),
static const size_t sizes[] = {DNX_CUDA_KERNELS(SIZE)};

dnx_queue *dnx_queue_open(const dnx_driver *cu, void *stream, void *const *functions) {
    dnx_queue *q = calloc(1, sizeof *q);
    if (!q) return NULL;
    q->cu = cu;
    q->stream = stream;
    q->functions = functions;
    q->failed = "";
    if (!cu->has_graphs) q->refusal = DNX_CU_NOT_FOUND;
    return q;
}

static void forget(dnx_queue *q, known *k) {
    if (k->exec) q->cu->cuGraphExecDestroy(k->exec);
    free(k->list.bytes);
    *k = (known){0};
}

void dnx_queue_forget(dnx_queue *q) {
    for (int i = 0; i < LISTS; i++) forget(q, &q->lists[i]);
}

void dnx_queue_close(dnx_queue *q) {
    if (!q) return;
    dnx_queue_forget(q);
    free(q->now.bytes);
    free(q);
}

static dnx_cu_result start(const dnx_queue *q, const command *c) {
    void *args[] = {(void *)(uintptr_t)(c + 1)}; /* the driver copies the arguments */
    switch (c->kind) {
    case COPY_IN: return q->cu->cuMemcpyHtoDAsync_v2(c->device, c->host, c->bytes, q->stream);
    case COPY_OUT: return q->cu->cuMemcpyDtoHAsync_v2(c->host, c->device, c->bytes, q->stream);
    case CLEAR: return q->cu->cuMemsetD8Async(c->device, 0, c->bytes, q->stream);
    default:
        return q->cu->cuLaunchKernel(q->functions[c->kind], c->blocks[0], c->blocks[1],
                                     c->blocks[2], DNX_CUDA_THREADS, 1, 1, 0, q->stream, args,
                                     NULL);
    }
}

static size_t size_of(const command *c) {
    return sizeof *c + (c->kind < DNX_CUDA_KERNEL_COUNT ? (c->bytes + 7) & ~(size_t)7 : 0);
}

static dnx_cu_result start_all(dnx_queue *q, const list *l) {
    for (size_t at = 0; at < l->n;) {
        const command *c = (const command *)(const void *)(l->bytes + at);
        dnx_cu_result r = start(q, c);
        if (r) {
            q->failed = names[c->kind];
            return r;
        }
        at += size_of(c);
    }
    return 0;
}

static dnx_cu_result capture(dnx_queue *q, known *k) {
    void *graph = NULL;
    dnx_cu_result r = q->cu->cuStreamBeginCapture_v2(q->stream, DNX_CU_THIS_THREAD);
    if (r) return r;
    const dnx_cu_result inner = start_all(q, &k->list);
    r = q->cu->cuStreamEndCapture(q->stream, &graph); /* ends the capture also after a failure */
    if (inner) r = inner;
    if (!r) r = q->cu->cuGraphInstantiateWithFlags(&k->exec, graph, 0);
    if (r) k->exec = NULL;
    if (graph) q->cu->cuGraphDestroy(graph);
    return r;
}

/* Returns the remembered list that equals q->now. If there is none, tries to remember q->now, and
 * returns NULL. */
static known *find(dnx_queue *q) {
    known *oldest = &q->lists[0];
    for (known *k = q->lists; k < q->lists + LISTS; k++) {
        if (k->list.n == q->now.n && !memcmp(k->list.bytes, q->now.bytes, q->now.n)) {
            k->used = q->flushes;
            return k;
        }
        if (k->used < oldest->used) oldest = k;
    }
    unsigned char *copy = malloc(q->now.n);
    if (!copy) return NULL;
    forget(q, oldest);
    memcpy(copy, q->now.bytes, q->now.n);
    *oldest = (known){.list = q->now, .used = q->flushes};
    oldest->list.bytes = copy;
    oldest->list.room = q->now.n;
    return NULL;
}

dnx_cu_result dnx_queue_flush(dnx_queue *q) {
    dnx_cu_result r = 0;
    if (!q->now.n) return 0;
    q->flushes++;
    known *k = q->now.commands < FEW || q->refusal ? NULL : find(q);
    if (k && !k->exec) r = capture(q, k);
    if (k && !r) r = q->cu->cuGraphLaunch(k->exec, q->stream);
    if (r) q->refusal = r;
    q->work.lists++;
    q->work.kernels += q->now.kernels;
    q->work.graphs += k && !r;
    if (!k || r) r = start_all(q, &q->now);
    q->now.n = 0;
    q->now.commands = q->now.kernels = 0;
    return r;
}

dnx_work dnx_queue_work(const dnx_queue *q) { return q->work; }
const char *dnx_queue_failed(const dnx_queue *q) { return q->failed; }
const char *dnx_queue_name(dnx_cuda_kernel kernel) { return names[kernel]; }
dnx_cu_result dnx_queue_refusal(const dnx_queue *q) { return q->refusal; }

static bool grow(list *l, size_t more) {
    if (l->n + more <= l->room) return true;
    unsigned char *bytes = realloc(l->bytes, 2 * (l->n + more));
    if (!bytes) return false;
    l->bytes = bytes;
    l->room = 2 * (l->n + more);
    return true;
}

static dnx_cu_result add(dnx_queue *q, const command *c, const void *args) {
    const size_t size = size_of(c);
    dnx_cu_result r = 0;
    if (!grow(&q->now, size)) {
        r = dnx_queue_flush(q);
        if (r || !grow(&q->now, size)) return r ? r : DNX_CU_OUT_OF_MEMORY;
    }
    unsigned char *to = q->now.bytes + q->now.n;
    memset(to, 0, size);
    memcpy(to, c, sizeof *c);
    if (args) memcpy(to + sizeof *c, args, c->bytes);
    q->now.n += size;
    q->now.commands++;
    q->now.kernels += c->kind < DNX_CUDA_KERNEL_COUNT;
    return 0;
}

dnx_cu_result dnx_queue_launch(dnx_queue *q, dnx_cuda_kernel kernel, const unsigned blocks[3],
                               const void *args) {
    const command c = {
        .kind = (int)kernel, .blocks = {blocks[0], blocks[1], blocks[2]}, .bytes = sizes[kernel]};
    return add(q, &c, args);
}

dnx_cu_result dnx_queue_clear(dnx_queue *q, dnx_cu_pointer to, size_t bytes) {
    const command c = {.kind = CLEAR, .device = to, .bytes = bytes};
    return add(q, &c, NULL);
}

dnx_cu_result dnx_queue_copy_in(dnx_queue *q, dnx_cu_pointer to, const void *host, size_t bytes) {
    const command c = {
        .kind = COPY_IN, .device = to, .host = (void *)(uintptr_t)host, .bytes = bytes};
    return add(q, &c, NULL);
}

dnx_cu_result dnx_queue_copy_out(dnx_queue *q, void *host, dnx_cu_pointer from, size_t bytes) {
    const command c = {.kind = COPY_OUT, .device = from, .host = host, .bytes = bytes};
    return add(q, &c, NULL);
}
