/* low_rank_choose.h - chooses the rank of each layer by the options of `compress low-rank`. */
#ifndef DNX_LOW_RANK_CHOOSE_H
#define DNX_LOW_RANK_CHOOSE_H
#include "compress/low_rank_run.h"

/* What the user asks for. Exactly one of the first four members is given; the other three are NULL
 * or 0. Layers 0..last are the layers before the first loss. */
typedef struct {
    const char *rank; /* "R" for all layers, or "layer:R,layer:R" for some of them */
    double energy;    /* the share of the sum of eigenvalues that each layer keeps, 0..1 */
    double speedup;   /* factor by which the multiply-adds of layers 0..last fall */
    double flops;     /* multiply-adds of layers 0..last in the result, millions */
    int multiple; /* energy, speedup and flops choose ranks that are multiples of this number, or a
                   * layer's largest rank */
    bool all;     /* also replace layers that do not get cheaper; only for `energy` and one rank for
                   * all layers */
} dnx_low_rank_wish;

/* Sets the rank of every layer, or 0 for a layer that is not replaced. Call it after
 * dnx_low_rank_collect(). Errors: DNX_EOPTION when the wish is wrong or cannot be met; DNX_EMEM. */
dnx_status dnx_low_rank_choose(dnx_low_rank *c, const dnx_low_rank_wish *w, dnx_err *err);
#endif
