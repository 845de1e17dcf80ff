/* pool.c - a generation counter starts a job, a countdown ends it. Whoever waits spins for about
 * 50 us, then sleeps on a condition variable. */
#include "kernels/pool.h"

#include "kernels/kernels.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define SPIN_NS 50000

typedef struct {
    dnx_pool *pool;
    int t;
    pthread_t thread;
} worker;

struct dnx_pool {
    int threads; /* shares of a job */
    int crew;    /* threads that do them: no more than there are processors */
    int started;
    void (*fn)(void *, int, int);
    void *arg;
    pthread_mutex_t lock;
    pthread_cond_t wake, done;
    bool stops;
    /* Sequentially consistent: a sleeper announces itself before it looks at the counter, the
     * other side changes the counter before it looks for sleepers. Own cache lines. */
    _Alignas(64) atomic_uint job;
    _Alignas(64) atomic_int left;
    _Alignas(64) atomic_int sleepers; /* workers */
    atomic_bool caller_sleeps;
    worker workers[];
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

static bool has_job(dnx_pool *p, unsigned last) { return atomic_load(&p->job) != last; }
static bool is_done(dnx_pool *p, unsigned unused) {
    (void)unused;
    return atomic_load(&p->left) == 0;
}

/* True when ready() came true within the spinning time. */
static bool spin(dnx_pool *p, bool (*ready)(dnx_pool *, unsigned), unsigned last) {
    if (ready(p, last))
        return true;
    long long end = now_ns() + SPIN_NS;
    do {
        for (int i = 0; i < 32; i++) {
            pause_cpu();
            if (ready(p, last))
                return true;
        }
    } while (now_ns() < end);
    return false;
}

/* The shares of crew member t: t, t + crew, ... */
static void run_shares(dnx_pool *p, int t) {
    for (; t < p->threads; t += p->crew)
        p->fn(p->arg, t, p->threads);
}

static void *work(void *arg) {
    worker *w = arg;
    dnx_pool *p = w->pool;
    dnx_flush_denormals();
    /* Jobs are counted from 0, so a worker that starts late still sees the first. */
    for (unsigned last = 0;; last++) {
        if (!spin(p, has_job, last)) {
            pthread_mutex_lock(&p->lock);
            atomic_fetch_add(&p->sleepers, 1);
            while (!has_job(p, last))
                pthread_cond_wait(&p->wake, &p->lock);
            atomic_fetch_sub(&p->sleepers, 1);
            pthread_mutex_unlock(&p->lock);
        }
        if (p->stops)
            return NULL;
        run_shares(p, w->t);
        if (atomic_fetch_sub(&p->left, 1) == 1 && atomic_load(&p->caller_sleeps)) {
            pthread_mutex_lock(&p->lock);
            pthread_cond_signal(&p->done);
            pthread_mutex_unlock(&p->lock);
        }
    }
}

static void start_job(dnx_pool *p) {
    atomic_fetch_add(&p->job, 1);
    if (atomic_load(&p->sleepers) > 0) {
        pthread_mutex_lock(&p->lock);
        pthread_cond_broadcast(&p->wake);
        pthread_mutex_unlock(&p->lock);
    }
}

dnx_pool *dnx_pool_new(int threads) {
    if (threads < 1 || threads > 256)
        return NULL;
    size_t size = sizeof(dnx_pool) + (size_t)threads * sizeof(worker);
    dnx_pool *p = aligned_alloc(64, (size + 63) / 64 * 64);
    if (!p)
        return NULL;
    p->threads = threads;
    p->started = 0;
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    p->crew = threads < processors || processors < 1 ? threads : (int)processors;
    p->fn = NULL;
    p->arg = NULL;
    p->stops = false;
    atomic_init(&p->job, 0);
    atomic_init(&p->left, 0);
    atomic_init(&p->sleepers, 0);
    atomic_init(&p->caller_sleeps, false);
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->wake, NULL);
    pthread_cond_init(&p->done, NULL);
    for (int i = 0; i < p->crew - 1; i++) {
        worker *w = &p->workers[i];
        w->pool = p;
        w->t = i + 1;
        if (pthread_create(&w->thread, NULL, work, w)) {
            dnx_pool_free(p);
            return NULL;
        }
        p->started++;
    }
    return p;
}

void dnx_pool_free(dnx_pool *p) {
    if (!p)
        return;
    p->stops = true;
    start_job(p);
    for (int i = 0; i < p->started; i++)
        pthread_join(p->workers[i].thread, NULL);
    pthread_cond_destroy(&p->wake);
    pthread_cond_destroy(&p->done);
    pthread_mutex_destroy(&p->lock);
    free(p);
}

int dnx_pool_threads(const dnx_pool *p) { return p->threads; }

void dnx_pool_run(dnx_pool *p, void (*fn)(void *arg, int t, int T), void *arg) {
    p->fn = fn;
    p->arg = arg;
    if (p->crew == 1) {
        run_shares(p, 0);
        return;
    }
    atomic_store(&p->left, p->crew - 1);
    start_job(p);
    run_shares(p, 0);
    if (spin(p, is_done, 0))
        return;
    pthread_mutex_lock(&p->lock);
    atomic_store(&p->caller_sleeps, true);
    while (!is_done(p, 0))
        pthread_cond_wait(&p->done, &p->lock);
    atomic_store(&p->caller_sleeps, false);
    pthread_mutex_unlock(&p->lock);
}

void dnx_share(long n, int t, int T, long *lo, long *hi) {
    *lo = n * t / T;
    *hi = n * (t + 1) / T;
}
