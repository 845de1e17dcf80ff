/* fingerprint.h - a checksum of what a network computes. */
#ifndef DNX_FINGERPRINT_H
#define DNX_FINGERPRINT_H
#include "net/net.h"

/* Continues the checksum h over the size, mean and scale of the input, and returns it. */
uint64_t dnx_net_fingerprint_input(const dnx_net *net, uint64_t h);
/* Stores a checksum of the parameters of layer i in net->links[i].loaded. Call it before the
 * network releases the parameters. */
void dnx_net_fingerprint_params(dnx_net *net, int i, const dnx_param *list, int n);
/* Returns a checksum of everything that the output of layer `last` depends on: the input, and the
 * type, options and loaded parameters of each layer. With last = -1 only the input counts. Options
 * that every section has, such as learning_rate=, do not count. So the network that `darknet strip`
 * writes has the same checksum. */
uint64_t dnx_net_fingerprint(dnx_net *net, int last);
#endif
