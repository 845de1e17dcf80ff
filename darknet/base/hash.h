/* hash.h - a 64-bit checksum of bytes: XXH3. Not for secrets. */
#ifndef DNX_HASH_H
#define DNX_HASH_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The checksum h continued by n bytes: those before are its seed, so that two parts have another
 * checksum than the same bytes in one. Begin with h = 0. */
uint64_t dnx_hash(uint64_t h, const void *bytes, size_t n);
/* *h continued by the content of a file; false: it cannot be read, errno tells why. */
bool dnx_hash_file(const char *path, uint64_t *h);
#endif
