/* strip.h - removes the parts of a network that only training needs. */
#ifndef DNX_STRIP_H
#define DNX_STRIP_H
#include "net/net.h"

/* Builds a network of only the layers that the output of layer `last` needs, without options for
 * training. net was built from cfg. note: lines "# ...\n" for the new cfg. The caller frees *text,
 * the new cfg, and *out, which has net's parameters. Errors: see dnx_net_build(). */
dnx_status dnx_net_strip(dnx_net *net, const dnx_cfg *cfg, int last, const char *note, char **text,
                         dnx_net **out, dnx_err *err);
#endif
