/* pool.h - one pool of threads for everything. Workers spin for a short while between jobs, then
 * sleep, so that a layer of some microseconds can be split without a fork per layer. A job falls
 * into as many shares as the pool has "threads", and no more threads than processors do them: the
 * results depend on the number asked for, and asking for too many costs nothing. */
#ifndef DNX_POOL_H
#define DNX_POOL_H

typedef struct dnx_pool dnx_pool;

/* 1 <= threads <= 256; NULL without memory or threads. */
dnx_pool *dnx_pool_new(int threads);
void dnx_pool_free(dnx_pool *p);
int dnx_pool_threads(const dnx_pool *p);

/* Calls fn(arg, t, T) once for every t in 0..T-1, side by side, and returns when all are done. The
 * caller's thread does t = 0. T is the pool's number of threads. Not re-entrant. */
void dnx_pool_run(dnx_pool *p, void (*fn)(void *arg, int t, int T), void *arg);

/* Share of thread t of T in n pieces: *lo <= i < *hi. */
void dnx_share(long n, int t, int T, long *lo, long *hi);
#endif
