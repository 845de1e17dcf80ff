/* strip.h - removes the parts of a network that only training needs. */
#ifndef DNX_STRIP_H
#define DNX_STRIP_H
#include "net/net.h"

/* Builds a network of only the layers that the output of layer `last` depends on, without options
 * that only training uses. net was built from cfg. note: lines "# ...\n" for the new cfg.
 *
 * *text: the new cfg, freed by the caller. *out: the network, built to predict, with net's
 * parameters. DNX_EMEM, and the errors of dnx_net_build(). */
dnx_status dnx_net_strip(dnx_net *net, const dnx_cfg *cfg, int last, const char *note, char **text,
                         dnx_net **out, dnx_err *err);
#endif
