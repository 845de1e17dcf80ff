/* average.h - ema= of [net]: a moving average of the parameters over training. It changes no
 * update; it is what .weights files hold, and what is verified while training.
 *
 *   before update 1   a = w
 *   after update t    a <- d a + (1 - d) w,  d = min(ema, (1 + t) / (10 + t))
 *
 * w: all parameters, running statistics as well. At the start d is small, so that the first, bad
 * parameters are soon forgotten. */
#ifndef DNX_AVERAGE_H
#define DNX_AVERAGE_H
#include "net/net.h"

/* Allocates net->sgd.average, in the order of the .weights file, and sets it to the parameters.
 * Does nothing without ema=. Call it when the parameters are those that training begins with.
 * DNX_EMEM. */
dnx_status dnx_average_begin(dnx_net *net, dnx_err *err);
/* After update number t, counted from 1. Does nothing without ema=, like dnx_average_swap. */
void dnx_average_update(dnx_net *net, uint64_t t);
/* Exchanges the parameters and their average, bit for bit; a second call puts both back. */
void dnx_average_swap(dnx_net *net);
#endif
