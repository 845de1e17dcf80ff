/* average.h - the option ema= of [net]: a moving average of the parameters over training. .weights
 * files and verification during training use the average.
 *
 *   before update 1   a = w
 *   after update t    a <- d a + (1 - d) w,  d = min(ema, (1 + t) / (10 + t))
 *
 * w: all parameters and the running statistics; a: their average. d is small at the start, because
 * the first parameters are bad. */
#ifndef DNX_AVERAGE_H
#define DNX_AVERAGE_H
#include "net/net.h"

/* Allocates net->sgd.average, in the order of the .weights file, and sets it to the parameters.
 * Does nothing without ema=. Error: DNX_EMEM. */
dnx_status dnx_average_begin(dnx_net *net, dnx_err *err);
/* Updates the average after update t, counted from 1. Does nothing without ema=. */
void dnx_average_update(dnx_net *net, uint64_t t);
/* Exchanges the parameters and their average. Does nothing without ema=. */
void dnx_average_swap(dnx_net *net);
#endif
