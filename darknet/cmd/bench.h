/* bench.h - functions that several parts of `darknet bench` use. */
#ifndef DNX_CMD_BENCH_H
#define DNX_CMD_BENCH_H
#include "net/net.h"

typedef struct {
    dnx_net *net;
    int last; /* index of the last layer that a prediction runs */
    float *x, *truth, *out;
    double *lanes; /* seconds of each layer in each lane, net->plan.lanes x net->n; a lane is one
                    * thread that takes its own images through all layers, or all threads
                    * together */
} dnx_bench;

/* Makes a random batch for net. net must outlive b. Returns false when memory runs out. Call
 * dnx_bench_close() also after a failure. */
bool dnx_bench_open(dnx_bench *b, dnx_net *net);
void dnx_bench_close(dnx_bench *b);
/* Runs a forward pass or, if the network trains, a training step. Returns its seconds. Stores the
 * seconds of each layer, averaged over the lanes, in laps[net->n], which may be NULL. */
double dnx_bench_pass(dnx_bench *b, double *laps);

/* Sorts the n times in v, and returns their median and their spread, (upper quartile - lower
 * quartile) / median. A spread above DNX_STEADY means that the timing was disturbed, for example by
 * other processes. */
#define DNX_STEADY .1
typedef struct {
    double median, spread;
} dnx_timing;
dnx_timing dnx_timing_of(double *v, int n);

/* Measures the networks `one`, built for one thread, and `all`, built for all threads. Prints the
 * milliseconds for an image, first alone and then beside `busy` busy processes. Each timing has at
 * least `runs` passes. Errors: DNX_EIO when a process cannot start; DNX_EMEM; errors of the GPU. */
dnx_status dnx_bench_busy(dnx_net *one, dnx_net *all, int busy, int runs, bool json, dnx_err *err);
#endif
