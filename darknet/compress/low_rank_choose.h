/* low_rank_choose.h - the ranks of a network's layers, from what the user asked for. */
#ifndef DNX_LOW_RANK_CHOOSE_H
#define DNX_LOW_RANK_CHOOSE_H
#include "compress/low_rank_run.h"

/* One of the first four; the others are NULL or 0. */
typedef struct {
    const char *rank; /* "R" for all layers, or "layer:R,layer:R" for some, cheaper or not */
    double energy;    /* the least share of the eigenvalues' sum, 0..1 */
    double speedup;   /* multiply-adds of layers 0..last, before over after */
    double flops;     /* millions of them, after */
    int multiple;     /* ranks by energy, speedup and flops are multiples of it, but for the last */
    bool all;         /* with rank and energy: also layers that do not get cheaper */
} dnx_low_rank_wish;

/* Sets the rank of every layer, 0 where it stays as it is; after dnx_low_rank_collect. DNX_EOPTION:
 * a rank out of range, a list that cannot be read, a budget out of reach. Texts name the options of
 * the command. */
dnx_status dnx_low_rank_choose(dnx_low_rank *c, const dnx_low_rank_wish *w, dnx_err *err);
#endif
