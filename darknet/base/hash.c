/* hash.c - checksums by the library xxHash. */
#include "base/hash.h"

#include <stdio.h>
#include <xxhash.h>

uint64_t dnx_hash(uint64_t h, const void *bytes, size_t n) {
    return XXH3_64bits_withSeed(bytes, n, h);
}

bool dnx_hash_file(const char *path, uint64_t *h) {
    char part[65536];
    FILE *f = fopen(path, "rb");
    size_t n;
    if (!f) return false;
    while ((n = fread(part, 1, sizeof part, f)) > 0) *h = dnx_hash(*h, part, n);
    bool ok = !ferror(f);
    fclose(f);
    return ok;
}
