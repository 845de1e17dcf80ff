/* low_rank_choose.h - chooses the ranks of a network's layers from the options of the command. */
#ifndef DNX_LOW_RANK_CHOOSE_H
#define DNX_LOW_RANK_CHOOSE_H
#include "compress/low_rank_run.h"

/* One of the first four members is given; the other three are NULL or 0. */
typedef struct {
    const char *rank; /* "R" for all layers, or "layer:R,layer:R" for some of them */
    double energy;    /* the smallest share of the sum of eigenvalues, 0..1 */
    double speedup;   /* multiply-adds of layers 0..last before, divided by those after */
    double flops;     /* million multiply-adds afterwards */
    int multiple;     /* ranks by energy, speedup, flops are multiples of it, except full ranks */
    bool all;         /* with rank and energy: also layers that do not get cheaper */
} dnx_low_rank_wish;

/* Sets the rank of every layer, or 0 for a layer that is not changed. Call it after
 * dnx_low_rank_collect(). DNX_EOPTION when a rank is out of range, the list is wrong, or the budget
 * cannot be reached. The messages name the options of the command. */
dnx_status dnx_low_rank_choose(dnx_low_rank *c, const dnx_low_rank_wish *w, dnx_err *err);
#endif
