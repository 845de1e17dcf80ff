/* strip.h - removes the parts of a network that only training needs. */
#ifndef DNX_STRIP_H
#define DNX_STRIP_H
#include "net/net.h"

/* Builds a network with only those layers of net that the output of layer `last` needs, and without
 * the options for training. cfg: the cfg of net. note: lines "# ...\n" for the top of the new cfg.
 * Sets *text to the new cfg, and *out to the new network, which has the parameters of net. The
 * caller frees both. Errors: see dnx_net_build(). */
dnx_status dnx_net_strip(dnx_net *net, const dnx_cfg *cfg, int last, const char *note, char **text,
                         dnx_net **out, dnx_err *err);
#endif
