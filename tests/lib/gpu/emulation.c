/* emulation.c - runs the blocks of a kernel launch on this processor. Each GPU thread is a fibre. A
 * GPU runs blocks and threads in any order. So every second launch runs its blocks in reverse
 * order, and every second block runs its threads in reverse order. A missing barrier then changes
 * the results. */
#include "emulation.h"

#include <math.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#include "cuda/emulate.h"

enum { MOST = 256, STACK = 64 * 1024, WARP = 32, COPIES = 64 };

_Thread_local struct dnx_emulated dnx_emulated;

typedef struct {
    jmp_buf here;
    bool has_started, is_done;
} fibre;

/* An asynchronous copy to shared memory. The bytes are copied only when the thread that asked for
 * the copy waits for it. */
typedef struct {
    float *to;
    const float *from;
    int n;
    unsigned long group;
} copy;

typedef struct {
    copy list[COPIES];
    int n;
    unsigned long groups;
} copies;

static _Thread_local struct {
    fibre fibres[MOST];
    copies copies[MOST];
    char *stacks;
    jmp_buf scheduler;
    ucontext_t main, start;
    void (*kernel)(const void *);
    const void *args;
    bool is_backward;       /* the last thread of the block runs first */
    unsigned waiting, done; /* threads that wait at the barrier; threads that have ended */
    unsigned long barriers;
    unsigned long warp_waits[MOST]; /* calls of warp_sync() */
    /* operands A and B of the instruction mma.sync: the registers of each lane of each warp */
    unsigned a[MOST / WARP][WARP][4], b[MOST / WARP][WARP][2];
} run;

static fibre *mine(void) { return &run.fibres[dnx_emulated.thread]; }

/* Lets other threads of the block run. Returns when it is this thread's turn again. */
static void yield(void) {
    if (!_setjmp(mine()->here)) _longjmp(run.scheduler, 1);
}

/* Aborts when a thread has ended while others wait at a barrier: CUDA leaves this undefined. */
static void check_barrier(void) {
    if (!run.waiting || !run.done) return;
    fprintf(stderr, "stand-in: a thread left a kernel before its last barrier\n");
    abort();
}

/* The body of a fibre: runs one thread of a block, then the same thread of the next block. Fibres
 * are used again because starting one costs two system calls. */
static void start_fibre(void) {
    for (;;) {
        run.kernel(run.args);
        mine()->is_done = true;
        run.done++;
        check_barrier();
        yield();
    }
}

void dnx_emulated_sync(void) {
    const unsigned long before = run.barriers;
    run.waiting++;
    check_barrier();
    if (run.waiting == dnx_emulated.threads) {
        run.waiting = 0;
        run.barriers++;
    }
    while (run.barriers == before) yield();
}

static void warp_sync(void) {
    const unsigned me = dnx_emulated.thread, first = me / WARP * WARP;
    const unsigned long own = ++run.warp_waits[me];
    for (;;) {
        bool all = true;
        for (unsigned t = first; t < first + WARP; t++) all = all && run.warp_waits[t] >= own;
        if (all) return;
        yield();
    }
}

static void enter(unsigned t) {
    char *stack = run.stacks + (size_t)t * STACK;
    getcontext(&run.start);
    run.start.uc_stack.ss_sp = stack;
    run.start.uc_stack.ss_size = STACK;
    run.start.uc_link = NULL;
    makecontext(&run.start, start_fibre, 0);
    setcontext(&run.start);
}

static unsigned nth(unsigned i, unsigned n) { return run.is_backward ? n - 1 - i : i; }

static void run_block(unsigned threads) {
    memset(run.warp_waits, 0, sizeof run.warp_waits);
    for (unsigned t = 0; t < threads; t++) {
        run.copies[t].n = 0;
        run.fibres[t].is_done = false;
    }
    run.waiting = run.done = 0;
    while (run.done < threads)
        for (volatile unsigned i = 0; i < threads; i++) {
            const unsigned t = nth(i, threads);
            fibre *f = &run.fibres[t];
            dnx_emulated.thread = t;
            if (!f->is_done && !_setjmp(run.scheduler)) {
                if (f->has_started) _longjmp(f->here, 1);
                f->has_started = true;
                enter(t);
            }
        }
}

void emulate_block(void (*kernel)(const void *), const void *args, const unsigned block[3],
                   const unsigned blocks[3], unsigned threads, bool waits) {
    if (waits && !run.stacks) run.stacks = malloc((size_t)MOST * STACK);
    run.kernel = kernel;
    run.args = args;
    dnx_emulated.threads = threads;
    memcpy(dnx_emulated.blocks, blocks, sizeof dnx_emulated.blocks);
    memcpy(dnx_emulated.block, block, sizeof dnx_emulated.block);
    run.is_backward = !run.is_backward;
    if (waits) run_block(threads);
    for (unsigned i = 0; !waits && i < threads; i++) {
        dnx_emulated.thread = nth(i, threads);
        kernel(args);
    }
}

void emulate(void (*kernel)(const void *), const void *args, const unsigned blocks[3],
             unsigned threads, bool waits) {
    static _Thread_local bool is_backward;
    const size_t x = blocks[0], y = blocks[1], n = x * y * blocks[2];
    is_backward = !is_backward;
    for (size_t i = 0; i < n; i++) {
        const size_t k = is_backward ? n - 1 - i : i;
        const unsigned at[] = {(unsigned)(k % x), (unsigned)(k / x % y), (unsigned)(k / x / y)};
        emulate_block(kernel, args, at, blocks, threads, waits);
    }
}

/* ---- copies to shared memory ---- */

void dnx_emulated_copy(float *to, const float *from, int n) {
    copies *c = &run.copies[dnx_emulated.thread];
    if (c->n == COPIES || (n == 4 && ((uintptr_t)to % 16 || (uintptr_t)from % 16))) abort();
    c->list[c->n++] = (copy){to, from, n, c->groups};
}

void dnx_emulated_copies_end(void) { run.copies[dnx_emulated.thread].groups++; }

void dnx_emulated_copies_wait(int groups) {
    copies *c = &run.copies[dnx_emulated.thread];
    int kept = 0;
    for (int i = 0; i < c->n; i++) {
        const copy *k = &c->list[i];
        if (k->group + (unsigned long)groups >= c->groups) c->list[kept++] = *k;
        else if (k->from) memcpy(k->to, k->from, sizeof(float) * (size_t)k->n);
        else memset(k->to, 0, sizeof(float) * (size_t)k->n);
    }
    c->n = kept;
}

/* ---- tensor cores ---- */

static float of_bits(unsigned bits) {
    float f;
    memcpy(&f, &bits, sizeof f);
    return f;
}
static unsigned bits_of(float f) {
    unsigned bits;
    memcpy(&bits, &f, sizeof bits);
    return bits;
}

static unsigned bf16(float x) {
    unsigned b = bits_of(x);
    if (isnan(x)) return 0x7fff;
    return (b + 0x7fff + (b >> 16 & 1)) >> 16;
}

unsigned dnx_emulated_bf16_pair(float low, float high) { return bf16(low) | bf16(high) << 16; }

unsigned dnx_emulated_tf32(float x) {
    return isfinite(x) ? (bits_of(x) + 0x1000) & ~0x1fffu : bits_of(x);
}

/* a_of() returns element (row, k) of operand A of mma.sync, b_of() element (k, column) of B. Both
 * read the registers of warp w. */
static float a_of(unsigned w, int row, int k, bool is_bf16) {
    const int lane = row % 8 * 4 + (is_bf16 ? k % 8 / 2 : k % 4);
    const int word = row / 8 + (is_bf16 ? k / 8 : k / 4) * 2;
    const unsigned bits = run.a[w][lane][word];
    return of_bits(!is_bf16 ? bits : k % 2 ? bits & 0xffff0000u : bits << 16);
}
static float b_of(unsigned w, int k, int column, bool is_bf16) {
    const int lane = column * 4 + (is_bf16 ? k % 8 / 2 : k % 4);
    const unsigned bits = run.b[w][lane][is_bf16 ? k / 8 : k / 4];
    return of_bits(!is_bf16 ? bits : k % 2 ? bits & 0xffff0000u : bits << 16);
}

static void mma(float d[4], const unsigned a[4], const unsigned b[2], int terms) {
    const unsigned w = dnx_emulated.thread / WARP, lane = dnx_emulated.thread % WARP;
    memcpy(run.a[w][lane], a, sizeof run.a[w][lane]);
    memcpy(run.b[w][lane], b, sizeof run.b[w][lane]);
    warp_sync();
    for (int i = 0; i < 4; i++) {
        const int row = (int)lane / 4 + i / 2 * 8, column = (int)lane % 4 * 2 + i % 2;
        float sum = 0;
        for (int k = 0; k < terms; k++)
            sum += a_of(w, row, k, terms == 16) * b_of(w, k, column, terms == 16);
        d[i] += sum;
    }
    warp_sync();
}

void dnx_emulated_mma_bf16(float d[4], const unsigned a[4], const unsigned b[2]) {
    mma(d, a, b, 16);
}
void dnx_emulated_mma_tf32(float d[4], const unsigned a[4], const unsigned b[2]) {
    mma(d, a, b, 8);
}
