/* strip.h - a network without what only training needs. */
#ifndef DNX_STRIP_H
#define DNX_STRIP_H
#include "net/net.h"

/* The network that gives the output of layer `last` of net: the layers that it is computed from, in
 * their order, with the same options; references to layers count anew. *text: its cfg, free() it.
 * *out: built to predict, with net's parameters. note: the text of comment lines at its top, each
 * with '#' and newline. DNX_EMEM. */
dnx_status dnx_net_strip(dnx_net *net, const dnx_cfg *cfg, int last, const char *note, char **text,
                         dnx_net **out, dnx_err *err);
#endif
