/* bench.h - functions that several parts of `darknet bench` use. */
#ifndef DNX_CMD_BENCH_H
#define DNX_CMD_BENCH_H
#include "net/net.h"

typedef struct {
    dnx_net *net;
    int last; /* the last layer that a prediction runs */
    float *x, *truth, *out;
    double *lanes; /* seconds of layers, net->plan.lanes x net->n; each lane is a thread */
} dnx_bench;

/* Makes a random batch for net, and keeps the pointer net. Returns false when memory runs out. Call
 * dnx_bench_close() also after a failure. */
bool dnx_bench_open(dnx_bench *b, dnx_net *net);
void dnx_bench_close(dnx_bench *b);
/* Runs a forward pass or, if net trains, a training step. Returns the seconds. If laps is
 * not NULL, it gets the seconds of each layer, a mean over the lanes. */
double dnx_bench_pass(dnx_bench *b, double *laps);

/* Sorts the n times in v. spread: (upper - lower quartile) / median. Above DNX_STEADY the timing
 * was disturbed, for example by other processes. */
#define DNX_STEADY .1
typedef struct {
    double median, spread;
} dnx_timing;
dnx_timing dnx_timing_of(double *v, int n);

/* Prints the milliseconds for an image in `one` (one thread) and `all` (all threads), alone and
 * beside `busy` processes. Each timing has at least `runs` passes. Returns the exit status. */
int dnx_bench_busy(dnx_net *one, dnx_net *all, int busy, int runs, bool json);
#endif
