/* weights_packed.h - packed weights files: one bit for each weight of a [binary] layer.
 *
 * Header, 40 bytes: "THINPACK"; uint32 version; uint32 layers of the network;
 * uint64 images seen; uint64 bytes of the file; uint64 dnx_hash of the 32 bytes before it and of
 * all bytes after it. Then for each layer with parameters, in the order of the network:
 *   uint32 layer, uint32 tensors; for each tensor, in the order of dnx_net_params():
 *   uint32 bits of a number (32, 16 or 1); uint32 filters, 0 unless 1 bit; uint64 count; numbers:
 *     32: float32; 16: IEEE half
 *     1: float32 alpha of each filter, then the signs, (count/filters + 7)/8 bytes a filter: weight
 *        i is +alpha if bit i%8 of byte i/8 is 1, else -alpha
 * All little-endian. */
#ifndef DNX_WEIGHTS_PACKED_H
#define DNX_WEIGHTS_PACKED_H
#include "net/net.h"

#define DNX_PACKED_MAGIC 8 /* bytes that dnx_packed_is() needs */
/* Returns true when a file whose first `len` bytes are `bytes` is a packed file. */
bool dnx_packed_is(const unsigned char *bytes, size_t len);
/* Loads the parameters of the first `layers` layers. Call dnx_net_prepare() afterwards. Errors:
 * DNX_EMEM; DNX_EWEIGHTS, with all parameters unchanged, when the file is damaged, has another
 * version, or does not fit the whole network. */
dnx_status dnx_packed_load(dnx_net *net, const char *path, const unsigned char *bytes, size_t len,
                           int layers, dnx_err *err);
/* Returns the number of parameters in a file of `len` bytes, up to its first fault. */
size_t dnx_packed_numbers(const unsigned char *bytes, size_t len);
/* The bits that a packed file uses for each number of a parameter with the role DNX_WEIGHTS.
 * Parameters with is_one_bit always use 1 bit, parameters with other roles 32 bits. */
typedef enum { DNX_HALF = 16, DNX_SINGLE = 32 } dnx_weight_bits;
/* Writes the parameters of a network that predicts, after dnx_net_prepare(). Errors: DNX_EWEIGHTS
 * when a weight does not fit 16 bits, or a filter of [binary] is not binary; DNX_EIO, DNX_EMEM. */
dnx_status dnx_packed_save(dnx_net *net, const char *path, dnx_weight_bits bits, dnx_err *err);
size_t dnx_packed_size(dnx_net *net, dnx_weight_bits bits); /* bytes of the file */
#endif
