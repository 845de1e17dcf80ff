/* fingerprint.h - a checksum of what a network computes. Two sets of features with the same
 * checksum come from the same network. */
#ifndef DNX_FINGERPRINT_H
#define DNX_FINGERPRINT_H
#include "net/net.h"

/* Continues the checksum h with the size, mean and scale of the input. Returns the new checksum. */
uint64_t dnx_net_fingerprint_input(const dnx_net *net, uint64_t h);
/* Stores a checksum of the parameters of layer i. The functions that read a weights file call it
 * before the network releases them. */
void dnx_net_fingerprint_params(dnx_net *net, int i, const dnx_param *list, int n);
/* Returns a checksum for the output of layer `last`, -1 for the image. It covers the input, and the
 * types, options and loaded parameters of the layers that this output needs. Losses, heads and
 * options that every section has, such as learning_rate=, do not matter: a trained network and what
 * `darknet strip` makes of it have the same checksum. Parameters that were not read from a file
 * count as absent. */
uint64_t dnx_net_fingerprint(dnx_net *net, int last);
#endif
