/* bench.h - functions that several parts of `darknet bench` use. */
#ifndef DNX_CMD_BENCH_H
#define DNX_CMD_BENCH_H
#include "net/net.h"

/* A network with a random batch. */
typedef struct {
    dnx_net *net;
    int last; /* the last layer that a prediction runs, before the first non-reentrant loss */
    float *x, *truth, *out;
    double *lanes; /* seconds of each layer in each lane: net->plan.lanes x net->n */
} dnx_bench;

/* Makes a random batch for net. Returns false when memory runs out. Call dnx_bench_close() also
 * after a failure; it does not free net. */
bool dnx_bench_open(dnx_bench *b, dnx_net *net);
void dnx_bench_close(dnx_bench *b);
/* Runs one forward pass of the batch or, if net trains, one training step. Returns the seconds.
 * laps: gets the seconds of each of the net->n layers, or NULL. When several lanes run, the time of
 * a layer is the sum over the lanes, divided by their number. */
double dnx_bench_pass(dnx_bench *b, double *laps);

/* Computes the median and the spread of n times, and sorts them. spread: the distance of the
 * quartiles divided by the median. With a spread above DNX_STEADY a timing is not steady: other
 * processes ran, or the processor changed its clock. */
#define DNX_STEADY .1
typedef struct {
    double median, spread;
} dnx_timing;
dnx_timing dnx_timing_of(double *v, int n);

/* Prints the milliseconds for each image of the network `one`, with one thread, and `all`, with all
 * threads: while the machine is quiet, and while `busy` other processes keep processors busy. Each
 * number is the median of 7 turns; a turn takes at least `runs` passes and 0.4 seconds. Returns the
 * exit status. */
int dnx_bench_busy(dnx_net *one, dnx_net *all, int busy, int runs, bool json);
#endif
