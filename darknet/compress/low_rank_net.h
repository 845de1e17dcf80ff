/* low_rank_net.h - turns convolutions of a network into [low_rank] layers: its cfg and weights. */
#ifndef DNX_LOW_RANK_NET_H
#define DNX_LOW_RANK_NET_H
#include "net/cfg.h"
#include "compress/low_rank.h"
#include "compress/responses.h"

/* The text of a cfg in which section i becomes [low_rank] with rank=ranks[i] where that is not 0.
 * Everything else stays as it is, comments too; `note`, comment lines, comes first. free() *out. */
dnx_status dnx_low_rank_cfg(const char *text, size_t len, const dnx_cfg *cfg, const int *ranks,
                            const char *note, char **out, dnx_err *err);

/* Copies the parameters of all layers but [low_rank] ones; both networks have the same layers. */
void dnx_low_rank_copy(dnx_net *from, dnx_net *to);

/* Parameters of the [low_rank] layer r->layer of net: P, basis = Q W, and the bias P Q b + c;
 * slopes are r's. With batch norm its mean and variance are those that P Q W x has on the samples
 * (variance: of M x + c, N numbers), and scale and bias undo them: the output is the same, and
 * training starts from statistics that fit. */
dnx_status dnx_low_rank_set(dnx_net *net, const dnx_responses *r, const dnx_factors *f,
                            const double *variance, dnx_err *err);
#endif
