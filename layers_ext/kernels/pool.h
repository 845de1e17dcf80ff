/* pool.h - one pool of threads for the whole network. A job is divided into a fixed number of
 * shares. Threads, and the caller, take shares until none is left. While a thread does not run, the
 * others take the remaining shares. Results do not depend on which thread does a share. They depend
 * on the number of shares if a layer adds sums of the shares.
 *
 * A waiting thread spins for some microseconds, so that even a layer of 20 us can be shared; then
 * it sleeps. If spinning fails, the next spin is shorter. When other processes use the processors,
 * jobs wait for threads that have begun a share but do not run. Then the pool works with half the
 * threads, down to the caller alone, and tries more threads again 8 to 256 ms later. */
#ifndef DNX_POOL_H
#define DNX_POOL_H

typedef struct dnx_pool dnx_pool;

/* Makes a pool, which the caller frees with dnx_pool_free(). threads: 1 to 256, the caller among
 * them; no more than dnx_processors() or `shares` threads work. Every job has `shares` shares, 1 to
 * 256; results depend on this number alone. With more shares than threads a late thread delays a
 * job less, but each share costs memory and time for its sums. A pool of 1 share runs in the
 * caller, and several threads may use it at a time. Returns NULL when memory runs out or the system
 * cannot start a thread. */
dnx_pool *dnx_pool_new_shares(int threads, int shares);
/* Like dnx_pool_new_shares(), with as many shares as threads. */
dnx_pool *dnx_pool_new(int threads);
void dnx_pool_free(dnx_pool *p);
int dnx_pool_threads(const dnx_pool *p); /* the number of shares */

/* Calls fn(arg, t, T) once for each share t in 0..T-1, in parallel, and returns when all are done.
 * Share t may use scratch number t, which no other share uses. Shares must not wait for each other.
 * Call it from one thread at a time, and not from inside fn, unless the pool has 1 share. */
void dnx_pool_run(dnx_pool *p, void (*fn)(void *arg, int t, int T), void *arg);

/* Calls fn(arg, t, i) once for each i in 0..n-1. A free thread takes the next i, so the calls may
 * take different times. Results must be independent. fn may use scratch t, as in dnx_pool_run(). */
void dnx_pool_each(dnx_pool *p, long n, void (*fn)(void *arg, int t, long i), void *arg);

/* Calls fn(arg, lo, hi) in parallel for ranges lo <= i < hi that together cover 0..n-1: the pieces
 * of dnx_share() that are not empty. */
void dnx_pool_rows(dnx_pool *p, long n, void (*fn)(void *arg, long lo, long hi), void *arg);

/* Divides n things into T pieces. Piece t has the things *lo <= i < *hi. */
void dnx_share(long n, int t, int T, long *lo, long *hi);
#endif
