/* pool.c - the pool of threads. claim[t] is the number of the last job whose share t was taken. A
 * thread takes share t of job g by one compare-and-swap of claim[t] from g-1 to g. */
#include "kernels/pool.h"

#include "kernels/kernels.h"
#include "kernels/processors.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

#define MOST 256          /* most shares, and most threads */
#define SPIN_NS 50000     /* longest spin of a waiting thread, ns */
#define LEAST_SPIN_NS 800 /* ns; a spin this short is not halved */
#define SOON_NS 1000000 /* ns; after more unusual waiting than this, the pool uses fewer threads */
#define USUAL 0.45      /* waiting up to this fraction of the time counts as usual */
#define FIRST_REST 8000000LL
#define LONGEST_REST 256000000LL

/* Where a thread sleeps until another thread makes its condition true and calls wake(). */
typedef struct {
    _Alignas(64) atomic_bool is_asleep;
    sem_t sem;
    long long spin;
} bed;

typedef struct {
    bed bed;
    dnx_pool *pool;
    int place; /* 1..crew-1; the caller has place 0 */
    unsigned last;
    pthread_t thread;
} worker;

struct dnx_pool {
    int shares, crew, started;
    /* Only the caller uses the members from `active` to `retry`. */
    int active;                /* threads that work now */
    long long counted, waited; /* counted: last count_wait(), ns; waited: unusual waiting, ns */
    long long since, rest, retry;
    bed caller;
    /* The current job. A thread reads fn and arg after it has taken a share. */
    void (*fn)(void *, int, int);
    void *arg;
    worker *workers;
    _Alignas(64) atomic_uint job;
    atomic_int on; /* threads with place < on take part */
    atomic_bool stops;
    _Alignas(64) atomic_int left; /* shares that are not done */
    _Alignas(64) atomic_uint claim[];
};

static void pause_cpu(void) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static long long now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static bool has_job(void *arg) {
    worker *w = arg;
    return atomic_load(&w->pool->job) != w->last;
}

static bool is_done(void *arg) { return atomic_load(&((dnx_pool *)arg)->left) == 0; }

static void wake(bed *b) {
    if (atomic_load(&b->is_asleep) && atomic_exchange(&b->is_asleep, false)) sem_post(&b->sem);
}

static void sleep_until(bed *b, bool (*ready)(void *), void *arg) {
    do {
        atomic_store(&b->is_asleep, true);
        /* If a wake() has already cleared is_asleep, it posts `sem`: sem_wait() takes that post. */
        if (ready(arg) && atomic_exchange(&b->is_asleep, false)) return;
        while (sem_wait(&b->sem) && errno == EINTR) continue;
    } while (!ready(arg));
}

/* Waits until ready(arg): spins if may_spin, then sleeps. Returns the ns waited, or 0 for a very
 * short wait. After a long sleep the next spin is shorter. */
static long long wait_until(bed *b, bool (*ready)(void *), void *arg, bool may_spin) {
    for (int i = 0; i < 32; i++) {
        if (ready(arg)) return 0;
        pause_cpu();
    }
    long long start = now_ns(), now = start;
    while (may_spin && now - start < b->spin) {
        for (int i = 0; i < 32; i++) {
            pause_cpu();
            if (ready(arg)) return now_ns() - start;
        }
        now = now_ns();
    }
    sleep_until(b, ready, arg);
    now = now_ns();
    if (now - start < SPIN_NS) b->spin = SPIN_NS;
    else if (b->spin > LEAST_SPIN_NS) b->spin /= 2;
    return now - start;
}

static void take_shares(dnx_pool *p, unsigned g, int place) {
    int first = place * p->shares / p->crew;
    for (int i = 0; i < p->shares; i++) {
        int t = first + i < p->shares ? first + i : first + i - p->shares;
        unsigned before = g - 1;
        if (atomic_load_explicit(&p->claim[t], memory_order_relaxed) != before ||
            !atomic_compare_exchange_strong(&p->claim[t], &before, g))
            continue;
        p->fn(p->arg, t, p->shares);
        if (atomic_fetch_sub(&p->left, 1) == 1 && place > 0) wake(&p->caller);
    }
}

static void *work(void *arg) {
    worker *w = arg;
    dnx_pool *p = w->pool;
    dnx_flush_denormals();
    for (bool takes_part = true;;) {
        wait_until(&w->bed, has_job, w, takes_part);
        if (atomic_load(&p->stops)) return NULL;
        w->last = atomic_load(&p->job);
        takes_part = w->place < atomic_load(&p->on);
        if (takes_part) take_shares(p, w->last, w->place);
    }
}

/* Adds to p->waited the part of `waited` ns that is beyond the usual. When p->waited reaches
 * SOON_NS, the pool works with half as many threads for p->rest ns. */
static void count_wait(dnx_pool *p, long long waited) {
    long long now = now_ns();
    p->waited += waited - (long long)(USUAL * (double)(now - p->counted));
    if (p->waited < 0) p->waited = 0;
    p->counted = now;
    if (p->waited < SOON_NS) return;
    long long rest = now - p->since < 8 * p->rest ? 2 * p->rest : FIRST_REST;
    p->rest = rest < LONGEST_REST ? rest : LONGEST_REST;
    p->active /= 2;
    p->waited = 0;
    p->retry = now + p->rest;
}

static void try_more(dnx_pool *p) {
    long long now = now_ns();
    if (now < p->retry) return;
    p->active = p->active * 2 < p->crew ? p->active * 2 : p->crew;
    p->waited = 0;
    p->counted = p->since = now;
    p->retry = now + p->rest;
}

void dnx_pool_run(dnx_pool *p, void (*fn)(void *arg, int t, int T), void *arg) {
    if (p->active < p->crew) try_more(p);
    if (p->active == 1) {
        for (int t = 0; t < p->shares; t++) fn(arg, t, p->shares);
        return;
    }
    unsigned g = atomic_load_explicit(&p->job, memory_order_relaxed) + 1;
    p->fn = fn;
    p->arg = arg;
    atomic_store_explicit(&p->left, p->shares, memory_order_relaxed);
    atomic_store_explicit(&p->on, p->active, memory_order_relaxed);
    atomic_store(&p->job, g);
    for (int i = 1; i < p->active; i++) wake(&p->workers[i - 1].bed);
    take_shares(p, g, 0);
    long long waited = wait_until(&p->caller, is_done, p, true);
    if (waited > 0) count_wait(p, waited);
}

typedef struct {
    void (*fn)(void *, int, long);
    void *arg;
    long n;
    atomic_long next;
} each;

static void take_each(void *arg, int t, int T) {
    (void)T;
    each *e = arg;
    for (long i; (i = atomic_fetch_add(&e->next, 1)) < e->n;) e->fn(e->arg, t, i);
}

void dnx_pool_each(dnx_pool *p, long n, void (*fn)(void *arg, int t, long i), void *arg) {
    each e = {.fn = fn, .arg = arg, .n = n};
    dnx_pool_run(p, take_each, &e);
}

static bool make_bed(bed *b) {
    atomic_init(&b->is_asleep, false);
    b->spin = SPIN_NS;
    return sem_init(&b->sem, 0, 0) == 0;
}

static void *alloc64(size_t size) { return aligned_alloc(64, (size + 63) / 64 * 64); }

dnx_pool *dnx_pool_new_shares(int threads, int shares) {
    if (threads < 1 || shares < 1 || threads > MOST || shares > MOST) return NULL;
    int processors = dnx_processors(), crew = threads < processors ? threads : processors;
    if (crew > shares) crew = shares;
    dnx_pool *p = alloc64(sizeof *p + (size_t)shares * sizeof *p->claim);
    worker *workers = alloc64((size_t)crew * sizeof *workers);
    if (!p || !workers || !make_bed(&p->caller)) {
        free(p);
        free(workers);
        return NULL;
    }
    p->shares = shares;
    p->crew = p->active = crew;
    p->started = 0;
    p->counted = p->since = now_ns();
    p->waited = p->retry = 0;
    p->rest = FIRST_REST;
    p->fn = NULL;
    p->arg = NULL;
    p->workers = workers;
    atomic_init(&p->job, 0);
    atomic_init(&p->left, 0);
    atomic_init(&p->on, crew);
    atomic_init(&p->stops, false);
    for (int t = 0; t < shares; t++) atomic_init(&p->claim[t], 0);
    for (; p->started < crew - 1; p->started++) {
        worker *w = &workers[p->started];
        w->pool = p;
        w->place = p->started + 1;
        w->last = 0;
        if (!make_bed(&w->bed)) break;
        if (pthread_create(&w->thread, NULL, work, w)) {
            sem_destroy(&w->bed.sem);
            break;
        }
    }
    if (p->started == crew - 1) return p;
    dnx_pool_free(p);
    return NULL;
}

dnx_pool *dnx_pool_new(int threads) { return dnx_pool_new_shares(threads, threads); }

void dnx_pool_free(dnx_pool *p) {
    if (!p) return;
    atomic_store(&p->stops, true);
    atomic_fetch_add(&p->job, 1);
    for (int i = 0; i < p->started; i++) wake(&p->workers[i].bed);
    for (int i = 0; i < p->started; i++) {
        pthread_join(p->workers[i].thread, NULL);
        sem_destroy(&p->workers[i].bed.sem);
    }
    sem_destroy(&p->caller.sem);
    free(p->workers);
    free(p);
}

int dnx_pool_threads(const dnx_pool *p) { return p->shares; }

void dnx_share(long n, int t, int T, long *lo, long *hi) {
    *lo = n * t / T;
    *hi = n * (t + 1) / T;
}

typedef struct {
    long n;
    void (*fn)(void *arg, long lo, long hi);
    void *arg;
} rows;

static void take_rows(void *arg, int t, int T) {
    const rows *r = arg;
    long lo, hi;
    dnx_share(r->n, t, T, &lo, &hi);
    if (lo < hi) r->fn(r->arg, lo, hi);
}

void dnx_pool_rows(dnx_pool *p, long n, void (*fn)(void *arg, long lo, long hi), void *arg) {
    rows r = {n, fn, arg};
    dnx_pool_run(p, take_rows, &r);
}
