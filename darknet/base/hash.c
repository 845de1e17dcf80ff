/* hash.c - a 64-bit checksum in the manner of FNV-1a, four bytes at a time. */
#include <stdio.h>
#include <string.h>

#include "base/hash.h"

uint64_t dnx_hash(uint64_t h, const void *bytes, size_t n) {
    const unsigned char *p = bytes;
    uint32_t word;
    for (; n >= sizeof word; n -= sizeof word, p += sizeof word) {
        memcpy(&word, p, sizeof word);
        h = (h ^ word) * 0x100000001b3u;
        h ^= h >> 32;
    }
    while (n--) h = (h ^ *p++) * 0x100000001b3u;
    return h;
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
