/* hash.c - a 64-bit checksum in the manner of FNV-1a, four bytes at a time. */
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
