/* plan.h - allocates the tensors of a network. For build.c and resize.c. */
#ifndef DNX_NET_PLAN_H
#define DNX_NET_PLAN_H
#include "net/net.h"

/* Allocates outputs, result and scratch, and sets y of all layers, except of those that store no
 * output. For training also allocates deltas and momentum, and sets dy and momentum_at. Outputs
 * share memory when predicting; deltas always do. Call it after dnx_net_fuse(). DNX_EMEM.
 * dnx_net_free() frees everything. */
dnx_status dnx_net_allocate(dnx_net *net, dnx_err *err);
#endif
