/* streams.c - streams, events and graphs of the stand-in driver. Kernels and copies in a stream run
 * only when the program waits for the stream, so that a missing wait gives wrong numbers. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "emulation.h"
#include "standin.h"

typedef struct stream stream;
typedef struct {
    stream *on;           /* NULL before cuEventRecord() */
    unsigned long number; /* pieces of work that the stream `on` got before the event */
} event;

typedef struct work {
    struct work *next;
    enum { KERNEL, COPY, CLEAR, WAIT } kind;
    const kernel *k;
    unsigned blocks[3], threads;
    void *own; /* a copy of the kernel's arguments, or of a source outside pinned memory */
    void *to;
    const void *from;
    size_t bytes;
    unsigned char byte;
    event event;
} work;

typedef struct graph {
    struct graph *next;
    work *first;
    int kernels;
    bool is_stale; /* memory that this graph copies or clears was freed after the capture */
} graph;
static graph *graphs;

struct stream {
    stream *next;
    work *first;
    unsigned long queued, done;
    graph *captured; /* NULL outside a capture */
    bool is_invalid;
};

static stream *streams;
static int n_streams, n_events, n_graphs, alone, launches, by_graphs;

/* ---- work ---- */

static void free_work(work *w) {
    free(w->own);
    free(w);
}

static work *copy_of(const work *w) {
    work *c = malloc(sizeof *c);
    const size_t size = w->kind == KERNEL ? w->k->size : w->bytes;
    *c = *w;
    c->next = NULL;
    if (w->own) c->own = memcpy(malloc(size), w->own, size);
    return c;
}

static void append(work **list, work *w) {
    while (*list) list = &(*list)->next;
    *list = w;
}

static void run_until(stream *s, unsigned long number);

static void run(const work *w) {
    int r;
    if (lost()) return;
    switch (w->kind) {
    case KERNEL:
        if ((r = enter("kernel"))) lose_device(r);
        else emulate(w->k->call, w->own, w->blocks, w->threads, w->k->waits);
        break;
    case COPY: memcpy(w->to, w->own ? w->own : w->from, w->bytes); break;
    case CLEAR: memset(w->to, w->byte, w->bytes); break;
    case WAIT:
        if (w->event.on) run_until(w->event.on, w->event.number);
    }
}

static void run_until(stream *s, unsigned long number) {
    while (s->first && s->done < number) {
        work *w = s->first;
        s->first = w->next;
        s->done++;
        run(w);
        free_work(w);
    }
}

void run_all_streams(void) {
    for (stream *s = streams; s; s = s->next) run_until(s, s->queued);
}

static int invalidate(stream *s) {
    s->is_invalid = true;
    return CAPTURE_UNSUPPORTED;
}

static void queue(stream *s, const work *w) {
    if (s->captured) {
        append(&s->captured->first, copy_of(w));
        s->captured->kernels += w->kind == KERNEL;
        return;
    }
    append(&s->first, copy_of(w));
    s->queued++;
}

/* ---- the functions of the driver ---- */

int cuMemsetD8Async(pointer to, unsigned char byte, size_t bytes, void *s) {
    ENTER("cuMemsetD8Async");
    if (!is_of_device(to, bytes)) return INVALID;
    const work w = {.kind = CLEAR, .to = (void *)(uintptr_t)to, .byte = byte, .bytes = bytes};
    queue(s, &w);
    return OK;
}

int cuMemcpyHtoDAsync_v2(pointer to, const void *from, size_t bytes, void *stream_) {
    stream *s = stream_;
    ENTER("cuMemcpyHtoDAsync_v2");
    if (!is_of_device(to, bytes)) return INVALID;
    const bool pinned = is_pinned(from, bytes);
    if (s->captured && !pinned) return invalidate(s);
    work w = {.kind = COPY, .to = (void *)(uintptr_t)to, .from = from, .bytes = bytes};
    if (!pinned) w.own = (void *)(uintptr_t)from;
    queue(s, &w);
    return OK;
}

int cuMemcpyDtoHAsync_v2(void *to, pointer from, size_t bytes, void *stream_) {
    stream *s = stream_;
    ENTER("cuMemcpyDtoHAsync_v2");
    if (!is_of_device(from, bytes)) return INVALID;
    const bool pinned = is_pinned(to, bytes);
    if (s->captured && !pinned) return invalidate(s);
    const work w = {.kind = COPY, .to = to, .from = (const void *)(uintptr_t)from, .bytes = bytes};
    queue(s, &w);
    if (!pinned) run_until(s, s->queued);
    return lost();
}

int cuLaunchKernel(void *f, unsigned x, unsigned y, unsigned z, unsigned bx, unsigned by,
                   unsigned bz, unsigned shared, void *stream_, void **args, void **extra) {
    stream *s = stream_;
    (void)shared, (void)extra;
    ENTER("cuLaunchKernel");
    if (!x || !y || !z || x > 0x7fffffffu || y > 65535 || z > 65535 || by != 1 || bz != 1)
        return INVALID;
    const work w = {.kind = KERNEL, .k = f, .blocks = {x, y, z}, .threads = bx, .own = args[0]};
    alone += !s->captured;
    queue(s, &w);
    return OK;
}

int cuStreamCreate(void **s, unsigned flags) {
    (void)flags;
    ENTER("cuStreamCreate");
    stream *new = calloc(1, sizeof *new);
    new->next = streams;
    streams = *s = new;
    n_streams++;
    return OK;
}

int cuStreamDestroy_v2(void *s) {
    run_all_streams();
    for (stream **at = &streams; *at; at = &(*at)->next)
        if (*at == s) {
            *at = (*at)->next;
            break;
        }
    free(s);
    n_streams--;
    return OK;
}

int cuStreamSynchronize(void *stream_) {
    stream *s = stream_;
    ENTER("cuStreamSynchronize");
    if (s->captured) return invalidate(s);
    run_until(s, s->queued);
    return lost();
}

int cuEventCreate(void **e, unsigned flags) {
    (void)flags;
    ENTER("cuEventCreate");
    *e = calloc(1, sizeof(event));
    n_events++;
    return OK;
}
int cuEventRecord(void *e, void *stream_) {
    stream *s = stream_;
    ENTER("cuEventRecord");
    *(event *)e = (event){s, s->queued};
    return OK;
}
int cuStreamWaitEvent(void *s, void *e, unsigned flags) {
    (void)flags;
    ENTER("cuStreamWaitEvent");
    const work w = {.kind = WAIT, .event = *(event *)e};
    queue(s, &w);
    return OK;
}
int cuEventDestroy_v2(void *e) {
    free(e);
    n_events--;
    return OK;
}

/* ---- graphs ---- */

static graph *new_graph(const graph *from) {
    graph *g = calloc(1, sizeof *g);
    for (const work *w = from ? from->first : NULL; w; w = w->next) append(&g->first, copy_of(w));
    if (from) g->kernels = from->kernels;
    g->next = graphs;
    graphs = g;
    n_graphs++;
    return g;
}

static int free_graph(graph *g) {
    graph **at = &graphs;
    while (*at != g) at = &(*at)->next;
    *at = g->next;
    while (g->first) {
        work *w = g->first;
        g->first = w->next;
        free_work(w);
    }
    free(g);
    n_graphs--;
    return OK;
}

int cuStreamBeginCapture_v2(void *stream_, int mode) {
    stream *s = stream_;
    (void)mode;
    ENTER("cuStreamBeginCapture_v2");
    if (s->captured) return invalidate(s);
    s->captured = new_graph(NULL);
    s->is_invalid = false;
    return OK;
}

int cuStreamEndCapture(void *stream_, void **g) {
    stream *s = stream_;
    graph *made = s->captured;
    *g = NULL;
    s->captured = NULL;
    int r = enter("cuStreamEndCapture");
    if (!made) return INVALID;
    if (s->is_invalid) r = CAPTURE_INVALIDATED;
    if (r) free_graph(made);
    else *g = made;
    return r;
}

int cuGraphInstantiateWithFlags(void **exec, void *g, unsigned long long flags) {
    (void)flags;
    ENTER("cuGraphInstantiateWithFlags");
    *exec = new_graph(g);
    return OK;
}

void make_graphs_stale(const char *freed, size_t bytes) {
    for (graph *g = graphs; g; g = g->next)
        for (const work *w = g->first; w; w = w->next) {
            const char *to = w->to, *from = w->from;
            if (w->kind != COPY && w->kind != CLEAR) continue;
            g->is_stale |= to >= freed && to < freed + bytes;
            g->is_stale |= from >= freed && from < freed + bytes;
        }
}

int cuGraphLaunch(void *exec, void *stream_) {
    const graph *g = exec;
    stream *s = stream_;
    ENTER("cuGraphLaunch");
    if (g->is_stale) { /* a real driver would use the freed memory here */
        fprintf(stderr, "stand-in: a graph copies from or to memory that was freed\n");
        abort();
    }
    if (s->captured) return invalidate(s);
    for (const work *w = g->first; w; w = w->next) queue(s, w);
    launches++;
    by_graphs += g->kernels;
    return OK;
}

int cuGraphDestroy(void *g) { return free_graph(g); }
int cuGraphExecDestroy(void *g) { return free_graph(g); }

void report_streams(void) {
    if (n_streams || n_events || n_graphs)
        fprintf(stderr, "stand-in: %d streams, %d events, %d graphs were not freed\n", n_streams,
                n_events, n_graphs);
    if (getenv("STANDIN_SAY"))
        fprintf(stderr, "stand-in: %d kernels started alone, %d by %d launches of graphs\n", alone,
                by_graphs, launches);
}
