/* strip.h - removes the parts of a network that only training needs. */
#ifndef DNX_STRIP_H
#define DNX_STRIP_H
#include "net/net.h"

/* Builds the smallest network that computes the output of layer `last` of net: the layers that this
 * output depends on, in order, with the options that have an effect there (dnx_opt.only_trains).
 * References to layers are renumbered.
 * *text: its cfg; the caller frees it. *out: the network, built to predict, with net's parameters.
 * note: comment lines for the top of the cfg, each with '#' and newline. DNX_EMEM. */
dnx_status dnx_net_strip(dnx_net *net, const dnx_cfg *cfg, int last, const char *note, char **text,
                         dnx_net **out, dnx_err *err);
#endif
