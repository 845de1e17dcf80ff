/* bench.h - what the parts of `darknet bench` share. */
#ifndef DNX_CMD_BENCH_H
#define DNX_CMD_BENCH_H
#include "net/net.h"

/* A network with a random batch. */
typedef struct {
    dnx_net *net;
    int last;      /* the layer that predicting ends at: a loss behind it is not run */
    float *x, *truth, *out;
    double *lanes; /* net->plan.lanes x n seconds */
} dnx_bench;

/* false: no memory. Frees on close what open made, half-made included, but not the network. */
bool dnx_bench_open(dnx_bench *b, dnx_net *net);
void dnx_bench_close(dnx_bench *b);
/* One pass of the batch forward, or a whole training step; returns its seconds. laps: n, gets each
 * layer's; of layers that run side by side on several images their sum by the number of lanes. */
double dnx_bench_pass(dnx_bench *b, double *laps);

/* Sorts the n values. median; spread: the distance of the quartiles over the median. A spread
 * above DNX_STEADY is no steady timing: something else ran, or the processor changed its clock. */
#define DNX_STEADY .1
typedef struct {
    double median, spread;
} dnx_timing;
dnx_timing dnx_timing_of(double *v, int n);
const char *dnx_not_steady(dnx_timing t); /* "" or ", not steady" */

/* Milliseconds an image with one thread and with all, while the machine is quiet and while `busy`
 * other processes keep processors busy, in turns of at least `runs` passes; printed. 0 or 1. */
int dnx_bench_busy(dnx_net *one, dnx_net *all, int busy, int runs, bool json);
#endif
