/* average.h - ema= of [net]: a moving average of the parameters over training. It does not change
 * the updates. .weights files hold the average, and verification during training uses it.
 *
 *   before update 1   a = w
 *   after update t    a <- d a + (1 - d) w,  d = min(ema, (1 + t) / (10 + t))
 *
 * w: all parameters and the running statistics. At the start d is small, so that the first, bad
 * parameters soon lose their weight. */
#ifndef DNX_AVERAGE_H
#define DNX_AVERAGE_H
#include "net/net.h"

/* Allocates net->sgd.average, in the order of the .weights file, and sets it to the parameters.
 * Does nothing without ema=. Call it when the network has the parameters that training starts with.
 * DNX_EMEM. */
dnx_status dnx_average_begin(dnx_net *net, dnx_err *err);
/* Call it after update number t, counted from 1. Does nothing without ema=, like
 * dnx_average_swap(). */
void dnx_average_update(dnx_net *net, uint64_t t);
/* Exchanges the parameters and their average, bit for bit; a second call puts both back. */
void dnx_average_swap(dnx_net *net);
#endif
