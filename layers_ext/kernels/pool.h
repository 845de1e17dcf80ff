/* pool.h - one pool of threads for everything. Workers spin for a short while between jobs, then
 * sleep, so that a layer of some microseconds can be split without a fork per layer. */
#ifndef DNX_POOL_H
#define DNX_POOL_H

typedef struct dnx_pool dnx_pool;

/* 1 <= threads <= 256; NULL without memory or threads. With more threads than processors the
 * workers never spin. */
dnx_pool *dnx_pool_new(int threads);
void dnx_pool_free(dnx_pool *p);
int dnx_pool_threads(const dnx_pool *p);

/* Calls fn(arg, t, T) once for every t in 0..T-1, each on its own thread, and returns when all are
 * done. The caller's thread is t = 0. T is the number of threads of the pool. Not re-entrant. */
void dnx_pool_run(dnx_pool *p, void (*fn)(void *arg, int t, int T), void *arg);

/* Share of thread t of T in n pieces: *lo <= i < *hi. */
void dnx_share(long n, int t, int T, long *lo, long *hi);
#endif
