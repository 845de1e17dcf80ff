/* hash.h - a 64-bit checksum of bytes: XXH3. Not for cryptography. */
#ifndef DNX_HASH_H
#define DNX_HASH_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Seed of checksums in align.txt and caches. Existing files depend on this value. */
#define DNX_HASH_START 0xcbf29ce484222325u
/* Returns the checksum of n bytes. h: a seed, or the checksum of the bytes before them. The result
 * depends on how calls split the bytes. */
uint64_t dnx_hash(uint64_t h, const void *bytes, size_t n);
/* Updates the checksum *h with the bytes of a file. On failure returns false and sets errno. */
bool dnx_hash_file(const char *path, uint64_t *h);
#endif
