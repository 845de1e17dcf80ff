/* bench.h - functions that several parts of `darknet bench` use. */
#ifndef DNX_CMD_BENCH_H
#define DNX_CMD_BENCH_H
#include "net/net.h"

/* A network with a random batch. */
typedef struct {
    dnx_net *net;
    int last; /* the last layer of a prediction; losses after it are not run */
    float *x, *truth, *out;
    double *lanes; /* net->plan.lanes x n seconds */
} dnx_bench;

/* Returns false when memory runs out. Call dnx_bench_close() also after a failure. It does not free
 * the network. */
bool dnx_bench_open(dnx_bench *b, dnx_net *net);
void dnx_bench_close(dnx_bench *b);
/* Run one pass of the batch forward, or a whole training step; return its seconds. laps: n numbers
 * that get the time of each layer, or NULL. When threads take images through all layers at the same
 * time, the time of a layer is its sum over the threads divided by their number. */
double dnx_bench_pass(dnx_bench *b, double *laps);

/* Sorts the n values. spread: the distance of the quartiles divided by the median. With a spread
 * above DNX_STEADY a timing is not steady: other processes ran, or the processor changed its
 * clock. */
#define DNX_STEADY .1
typedef struct {
    double median, spread;
} dnx_timing;
dnx_timing dnx_timing_of(double *v, int n);

/* Measures and prints the milliseconds for each image, with one thread and with all. It does so
 * while the machine is quiet and while `busy` other processes keep processors busy, in turns of at
 * least `runs` passes. Returns the exit status. */
int dnx_bench_busy(dnx_net *one, dnx_net *all, int busy, int runs, bool json);
#endif
