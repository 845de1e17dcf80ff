/* low_rank_net.h - makes the cfg and weights of a network whose convolutions become [low_rank]. */
#ifndef DNX_LOW_RANK_NET_H
#define DNX_LOW_RANK_NET_H
#include "net/cfg.h"
#include "compress/low_rank.h"
#include "compress/responses.h"

/* The original network; its cfg as text and parsed. */
typedef struct {
    char *text;
    size_t length;
    dnx_cfg *cfg;
    dnx_net *net;
} dnx_low_rank_source;

/* Writes a cfg to *out, which the caller frees. Layer i becomes [low_rank] with rank=ranks[i],
 * unless ranks[i] is 0. All other sections and comments are copied. The cfg begins with `note`,
 * which consists of comment lines. Errors: DNX_EMEM. */
dnx_status dnx_low_rank_cfg(const dnx_low_rank_source *of, const int *ranks, const char *note,
                            char **out, dnx_err *err);

/* Copies from `from` to `to`: the number of training images (`seen`), and the parameters of all
 * layers except those that are [low_rank] in `to`. */
void dnx_low_rank_copy(dnx_net *from, dnx_net *to);

/* Sets the parameters of [low_rank] layer r->layer: weights P, basis Q W, biases P Q b + c, and the
 * slopes of r. W and b are members of r; P, Q and c are members of f. With batch norm, the mean and
 * variance are those of P Q W x, where x is the layer's input; the scales and biases undo the
 * normalisation and add P Q b + c. variance: N variances of M y + c. Errors: DNX_EMEM. */
dnx_status dnx_low_rank_set(dnx_net *net, const dnx_responses *r, const dnx_factors *f,
                            const double *variance, dnx_err *err);
#endif
