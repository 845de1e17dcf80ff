/* pool.h - one pool of threads for the whole network. A job is divided into a fixed number of
 * shares, which the threads and the caller take until none is left. Results may depend on the
 * number of shares, but not on which thread does a share.
 *
 * A waiting thread spins for up to 50 microseconds, then it sleeps. While the threads spin, even a
 * layer of 20 microseconds is faster when it is shared. When other processes use the processors, a
 * thread may have begun a share but not run, and the job waits for it. Then the pool uses fewer
 * threads for 8 to 256 ms. */
#ifndef DNX_POOL_H
#define DNX_POOL_H

typedef struct dnx_pool dnx_pool;

/* Makes a pool. threads: 1 to 256, the caller among them. No more than dnx_processors() or `shares`
 * threads work. Every job has `shares` shares, 1 to 256. A pool of 1 share runs in the caller, and
 * several threads may use it at a time. Returns NULL when a number is not allowed, memory runs out
 * or the system cannot start a thread. */
dnx_pool *dnx_pool_new_shares(int threads, int shares);
/* Like dnx_pool_new_shares(), with as many shares as threads. */
dnx_pool *dnx_pool_new(int threads);
/* Ends the threads and frees the pool, which may be NULL. */
void dnx_pool_free(dnx_pool *p);
/* Returns the number of shares. */
int dnx_pool_threads(const dnx_pool *p);

/* Calls fn(arg, t, T) once for each of the T shares t, in parallel, and returns when all are done.
 * Share t may use the caller's scratch memory number t. Shares must not wait for each other. Unless
 * the pool has 1 share, only one thread at a time may call dnx_pool_run(), and not from inside
 * fn. */
void dnx_pool_run(dnx_pool *p, void (*fn)(void *arg, int t, int T), void *arg);

/* Calls fn(arg, t, i) once for each i < n. A free thread takes the next i. Calls with the same
 * share number t follow each other, so fn may use scratch memory number t. */
void dnx_pool_each(dnx_pool *p, long n, void (*fn)(void *arg, int t, long i), void *arg);

/* Divides 0..n-1 by dnx_share(), and calls fn(arg, lo, hi) in parallel for pieces with lo < hi. */
void dnx_pool_rows(dnx_pool *p, long n, void (*fn)(void *arg, long lo, long hi), void *arg);

/* Divides n things into T pieces. Piece t has the things *lo <= i < *hi. */
void dnx_share(long n, int t, int T, long *lo, long *hi);
#endif
