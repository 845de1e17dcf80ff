/* plan.h - allocates the tensors of a network. */
#ifndef DNX_NET_PLAN_H
#define DNX_NET_PLAN_H
#include "net/net.h"

/* Allocates outputs, result and scratch, and for training deltas and momentum. Call it after
 * dnx_net_fuse(). dnx_net_free() frees everything. Error: DNX_EMEM. */
dnx_status dnx_net_allocate(dnx_net *net, dnx_err *err);
#endif
