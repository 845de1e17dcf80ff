/* test_fuzz.c - runs each fuzz target on the files of its corpus. Most targets also get randomly
 * changed copies of these files. */
#include <glob.h>

#include "lib/check.h"

#define LLVMFuzzerTestOneInput fuzz_args
#include "../fuzz/fuzz_args.c"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput fuzz_bin
#include "../fuzz/fuzz_bin.c"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput fuzz_cache
#include "../fuzz/fuzz_cache.c"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput fuzz_cfg
#include "../fuzz/fuzz_cfg.c"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput fuzz_data
#include "../fuzz/fuzz_data.c"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput fuzz_embeddings
#include "../fuzz/fuzz_embeddings.c"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput fuzz_found
#include "../fuzz/fuzz_found.c"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput fuzz_image
#include "../fuzz/fuzz_image.c"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput fuzz_landmarks
#include "../fuzz/fuzz_landmarks.c"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput fuzz_lines
#include "../fuzz/fuzz_lines.c"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput fuzz_list
#include "../fuzz/fuzz_list.c"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput fuzz_log
#include "../fuzz/fuzz_log.c"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput fuzz_packed
#include "../fuzz/fuzz_packed.c"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput fuzz_pairs
#include "../fuzz/fuzz_pairs.c"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput fuzz_rec
#include "../fuzz/fuzz_rec.c"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput fuzz_request
#include "../fuzz/fuzz_request.c"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput fuzz_state
#include "../fuzz/fuzz_state.c"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput fuzz_threshold
#include "../fuzz/fuzz_threshold.c"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput fuzz_weights
#include "../fuzz/fuzz_weights.c"
#undef LLVMFuzzerTestOneInput

enum { MOST = 1 << 16 };

/* Changes some bytes at random. Returns the new length. */
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

static void replay(const char *name, int (*target)(const uint8_t *, size_t), int changes) {
    char pattern[200];
    glob_t found = {0};
    dnx_rng r;
    dnx_rng_seed(&r, 15, 0);
    snprintf(pattern, sizeof pattern, "tests/data/corpus/%s/*", name);
    check(!glob(pattern, 0, NULL, &found) && found.gl_pathc, "%s: no corpus", name);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        static unsigned char bytes[MOST], copy[MOST + 1];
        size_t n = read_bytes(found.gl_pathv[i], bytes, MOST);
        target(bytes, n);
        for (int k = 0; k < changes; k++) {
            size_t m = n;
            memcpy(copy, bytes, n);
            for (uint64_t c = dnx_rng_next(&r) % 6 + 1; c; c--) m = change(copy, m, &r);
            target(copy, m);
        }
        check(true, "%s", found.gl_pathv[i]);
    }
    globfree(&found);
}

static void check_no_file_is_left(void) {
    glob_t left = {0};
    const int status = glob(fuzz_path("*"), 0, NULL, &left);
    check(status == GLOB_NOMATCH, "%s is left", status ? "glob fails, a file" : left.gl_pathv[0]);
    globfree(&left);
}

/* Targets that need a file or build a network are slower and get fewer changes. */
int main(void) {
    replay("args", fuzz_args, 1000);
    replay("bin", fuzz_bin, 1000);
    replay("cache", fuzz_cache, 20);
    replay("cfg", fuzz_cfg, 0);
    replay("data", fuzz_data, 1000);
    replay("embeddings", fuzz_embeddings, 200);
    replay("found", fuzz_found, 1000);
    replay("image", fuzz_image, 20);
    replay("landmarks", fuzz_landmarks, 1000);
    replay("lines", fuzz_lines, 1000);
    replay("list", fuzz_list, 1000);
    replay("log", fuzz_log, 20);
    replay("packed", fuzz_packed, 20);
    replay("pairs", fuzz_pairs, 1000);
    replay("rec", fuzz_rec, 20);
    replay("request", fuzz_request, 1000);
    replay("state", fuzz_state, 20);
    replay("threshold", fuzz_threshold, 200);
    replay("weights", fuzz_weights, 20);
    check_no_file_is_left();
    return summary();
}
