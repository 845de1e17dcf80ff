/* pool.h - one pool of threads for everything. A job falls into a fixed number of shares. Threads
 * take shares until none is left: a thread that the machine does not run takes none, and whoever is
 * free does its shares, the caller all of them if nobody comes. Which thread does a share changes
 * no result; how many shares there are can, where sums are made by share and then added.
 *
 * Threads wait for each other by spinning for some microseconds, so that a layer of 20 us can be
 * shared, and then sleep. Spinning that was in vain gets shorter. While jobs mostly wait for
 * threads that have begun a share and do not run (other processes want the processors), the pool
 * works with half the threads, down to the caller alone, and tries more again 8 to 256 ms later. */
#ifndef DNX_POOL_H
#define DNX_POOL_H

typedef struct dnx_pool dnx_pool;

/* 1 <= threads <= 256; no more than dnx_processors() are started, so asking for too many costs
 * little. 1 <= shares <= 256 of every job: results depend on them alone. More shares than threads
 * make a late thread hold up less, but sums by share cost memory and time for each. A pool of 1
 * share runs in the caller, and several threads may use it at a time. NULL without memory or
 * threads. */
dnx_pool *dnx_pool_new_shares(int threads, int shares);
/* As many shares as threads. */
dnx_pool *dnx_pool_new(int threads);
void dnx_pool_free(dnx_pool *p);
int dnx_pool_threads(const dnx_pool *p); /* the number of shares */

/* Calls fn(arg, t, T) once for every share t in 0..T-1, side by side, and returns when all are
 * done. Scratch of share t is safe: no other share uses it. Shares must not wait for each other.
 * From one thread at a time, and not from inside fn, unless the pool has 1 share. */
void dnx_pool_run(dnx_pool *p, void (*fn)(void *arg, int t, int T), void *arg);

/* Calls fn(arg, t, i) once for every i in 0..n-1, each taken by a thread that has become free: for
 * pieces of unequal length whose results lie apart. t < dnx_pool_threads(p): scratch t is safe. */
void dnx_pool_each(dnx_pool *p, long n, void (*fn)(void *arg, int t, long i), void *arg);

/* Piece t of T of n things: *lo <= i < *hi. */
void dnx_share(long n, int t, int T, long *lo, long *hi);
#endif
