/* fingerprint.h - a checksum of what a network computes. Two sets of features with the same
 * checksum come from the same network. */
#ifndef DNX_FINGERPRINT_H
#define DNX_FINGERPRINT_H
#include "net/net.h"

/* Continues the checksum h with the size, mean and scale of the input. Returns the new checksum. */
uint64_t dnx_net_fingerprint_input(const dnx_net *net, uint64_t h);
/* Computes *sum, a checksum for the output of layer `last`. It covers the input, the options of the
 * layers up to `last` except those that only training uses, and the bytes of the weights file.
 * Returns false when the file cannot be read; errno has the reason. */
bool dnx_net_fingerprint(const dnx_net *net, int last, const char *weights, uint64_t *sum);
#endif
