/* hash.h - a 64-bit checksum of bytes: XXH3. Not for cryptography. */
#ifndef DNX_HASH_H
#define DNX_HASH_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The start of checksums in files that this program has written: crops and caches. */
#define DNX_HASH_START 0xcbf29ce484222325u
/* Continues the checksum h over n bytes; begin with h = 0. The earlier checksum acts as a seed, so
 * the same bytes in two calls give another result than in one call. */
uint64_t dnx_hash(uint64_t h, const void *bytes, size_t n);
/* Continues *h over the content of a file. Returns false with errno when it cannot be read. */
bool dnx_hash_file(const char *path, uint64_t *h);
#endif
