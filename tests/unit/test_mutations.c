/* test_mutations.c - the fuzz targets of the readers of people's files: over their corpora, and
 * over 1,000 random changes of each file in them. A target aborts when a reader breaks its
 * promises. */
#include <glob.h>

#include "lib/check.h"

#define LLVMFuzzerTestOneInput fuzz_lines
#include "../fuzz/fuzz_lines.c"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput fuzz_list
#include "../fuzz/fuzz_list.c"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput fuzz_data
#include "../fuzz/fuzz_data.c"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput fuzz_pairs
#include "../fuzz/fuzz_pairs.c"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput fuzz_bin
#include "../fuzz/fuzz_bin.c"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput fuzz_landmarks
#include "../fuzz/fuzz_landmarks.c"

enum { CHANGES = 1000, MOST = 8192 };

/* Changes, inserts or removes a byte, or repeats a piece. */
static size_t change(unsigned char *bytes, size_t n, dnx_rng *r) {
    static const char likely[] = "\t\n\r ,\"#=.-019\0\xef\xbb\xbf\xff\xfe(]e";
    size_t at = n ? (size_t)(dnx_rng_next(r) % n) : 0, len = (size_t)(dnx_rng_next(r) % 20);
    unsigned char byte = dnx_rng_next(r) % 2
                             ? (unsigned char)likely[dnx_rng_next(r) % (sizeof likely - 1)]
                             : (unsigned char)dnx_rng_next(r);
    switch (dnx_rng_next(r) % 4) {
    case 0:
        if (n) bytes[at] = byte;
        return n;
    case 1:
        if (n == MOST) return n;
        memmove(bytes + at + 1, bytes + at, n - at);
        bytes[at] = byte;
        return n + 1;
    case 2:
        if (!n) return n;
        memmove(bytes + at, bytes + at + 1, n - at - 1);
        return n - 1;
    default:
        if (at + len > n || n + len > MOST) return n;
        memmove(bytes + at + len, bytes + at, n - at);
        return n + len;
    }
}

static void mutate(const char *name, int (*target)(const uint8_t *, size_t)) {
    char pattern[200];
    glob_t found = {0};
    dnx_rng r;
    dnx_rng_seed(&r, 15, 0);
    snprintf(pattern, sizeof pattern, "tests/data/corpus/%s/*", name);
    check(!glob(pattern, 0, NULL, &found) && found.gl_pathc, "%s: no corpus", name);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        unsigned char bytes[MOST], copy[MOST + 1];
        size_t n = read_bytes(found.gl_pathv[i], bytes, MOST);
        target(bytes, n);
        for (int k = 0; k < CHANGES; k++) {
            size_t m = n;
            memcpy(copy, bytes, n);
            for (uint64_t c = dnx_rng_next(&r) % 6 + 1; c; c--) m = change(copy, m, &r);
            target(copy, m);
        }
        check(true, "%s", found.gl_pathv[i]);
    }
    globfree(&found);
}

int main(void) {
    mutate("lines", fuzz_lines);
    mutate("list", fuzz_list);
    mutate("data", fuzz_data);
    mutate("pairs", fuzz_pairs);
    mutate("bin", fuzz_bin);
    mutate("landmarks", fuzz_landmarks);
    return summary();
}
