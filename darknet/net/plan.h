/* plan.h - where a network's tensors lie. For the builder. */
#ifndef DNX_NET_MEMORY_H
#define DNX_NET_MEMORY_H
#include "net/net.h"

/* Allocates the outputs of all layers, the result, the scratch, and of a network that trains the
 * deltas and the momentum, and points y, dy and momentum_at into them. Outputs share memory when
 * predicting, deltas always. After the shortcuts are merged. DNX_EMEM; dnx_net_free frees all. */
dnx_status dnx_net_allocate(dnx_net *net, dnx_err *err);
#endif
