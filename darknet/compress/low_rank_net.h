/* low_rank_net.h - turns convolutions of a network into [low_rank] layers: its cfg and weights. */
#ifndef DNX_LOW_RANK_NET_H
#define DNX_LOW_RANK_NET_H
#include "net/cfg.h"
#include "compress/low_rank.h"
#include "compress/responses.h"

/* A network, and the text that it was built from. */
typedef struct {
    char *text;
    size_t length;
    dnx_cfg *cfg;
    dnx_net *net;
} dnx_low_rank_source;

/* Writes a cfg in which layer i becomes [low_rank] with rank=ranks[i], if ranks[i] is not 0. Its
 * options that the two types share are copied. The others are written from the layer's
 * dnx_convolution. Everything else is copied, also comments. The text begins with `note`, which has
 * comment lines. free() *out. DNX_EMEM. */
dnx_status dnx_low_rank_cfg(const dnx_low_rank_source *of, const int *ranks, const char *note,
                            char **out, dnx_err *err);

/* Copies the parameters of all layers, except those that become [low_rank] in `to`. */
void dnx_low_rank_copy(dnx_net *from, dnx_net *to);

/* Sets the parameters of the [low_rank] layer r->layer of net: P, the basis Q W, and the bias
 * P Q b + c; the slopes are those of r. With batch norm, mean and variance are set to those of P Q
 * W x on the samples (variance: that of M x + c, N numbers). Scale and bias cancel them, so the
 * output stays the same, and training starts with statistics that fit. DNX_EMEM. */
dnx_status dnx_low_rank_set(dnx_net *net, const dnx_responses *r, const dnx_factors *f,
                            const double *variance, dnx_err *err);
#endif
