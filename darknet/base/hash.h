/* hash.h - a 64-bit checksum of bytes. Not for secrets. */
#ifndef DNX_HASH_H
#define DNX_HASH_H
#include <stddef.h>
#include <stdint.h>

/* The checksum h continued by n bytes. Begin with h = 0. */
uint64_t dnx_hash(uint64_t h, const void *bytes, size_t n);
#endif
