/* rate.h - the learning rate of an update, by the policy of [net]. */
#ifndef DNX_RATE_H
#define DNX_RATE_H
#include "net/net.h"

/* The values of policy=, in the order of its words in options.c. */
enum { DNX_CONSTANT, DNX_STEP, DNX_EXP, DNX_POLY, DNX_STEPS, DNX_SIGMOID, DNX_RANDOM, DNX_COSINE };

/* Returns true when the rate falls to 0 at max_batches; the policy then needs max_batches=. */
bool dnx_rate_ends(const dnx_net_opts *o);

/* Returns the rate of update `number`, counted from 1. With r = learning_rate:
 *   number < burn_in   r (number / burn_in)^power
 *   constant           r
 *   step               r scale^(number / step, rounded down)
 *   exp                r gamma^number
 *   poly               r (1 - number / max_batches)^power, 0 from max_batches on
 *   steps              r times the scale of every step <= number, up to the first step > number
 *   sigmoid            r / (1 + exp(gamma (number - step)))
 *   random             r u^power, u uniform in [0, 1) drawn from (seed, number)
 *   cosine             r (1 + cos(pi (number - burn_in) / (max_batches - burn_in))) / 2, 0 from
 *                      max_batches on
 * Except for sigmoid before `step`, poly after max_batches, random and cosine, the rate equals
 * libdarknet's bit for bit. */
float dnx_rate(const dnx_net_opts *o, uint64_t number);
#endif
