/* fingerprint.h - a checksum of what a network computes, to tell whether two sets of features come
 * from the same network. */
#ifndef DNX_FINGERPRINT_H
#define DNX_FINGERPRINT_H
#include "net/net.h"

/* The checksum h continued by the input's size, mean and scale. */
uint64_t dnx_net_fingerprint_input(const dnx_net *net, uint64_t h);
/* *sum: a checksum of the output of layer `last`: of the input, the options of the layers up to
 * `last` without those that only training uses, and the bytes of the weights file. false: the file
 * cannot be read, errno tells why. */
bool dnx_net_fingerprint(const dnx_net *net, int last, const char *weights, uint64_t *sum);
#endif
