/* test_numbers.c - dnx_alloc() and dnx_new(), random numbers, and dnx_hash(). */
#include "lib/check.h"

static void test_alloc(void) {
    int ok = 1;
    for (size_t n = 0; n < 200; n++) {
        float *p = dnx_alloc(n);
        ok = ok && p && (uintptr_t)p % 64 == 0;
        for (size_t i = 0; p && i < n + 16; i++) ok = ok && p[i] == 0; /* and 64 bytes of padding */
        dnx_free(p);
    }
    check(ok, "aligned, zeroed, padded");
    dnx_free(NULL);
    check(!dnx_alloc(SIZE_MAX) && !dnx_alloc(SIZE_MAX / 4) && !dnx_alloc(SIZE_MAX / 8),
          "more than there can be");
    const dnx_layer_type type = {.name = "conv"};
    dnx_node node = {.type = &type, .loc = {"n.cfg", 12}};
    dnx_err err = {0};
    float *p;
    check(dnx_new(&node, &p, SIZE_MAX / 4, &err) == DNX_EMEM && !p, "dnx_new: %s", err.text);
    check(!strcmp(err.text, "n.cfg:12: [conv] no memory for 4611686018427387903 floats"), "%s",
          err.text);
    check(dnx_new(&node, &p, 5, NULL) == DNX_OK && p, "dnx_new");
    dnx_free_owned(node.memory);
}

static void test_rng(void) {
    dnx_rng a, b, c, d;
    dnx_rng_seed(&a, 1, 2);
    dnx_rng_seed(&b, 1, 2);
    dnx_rng_seed(&c, 2, 1);
    dnx_rng_seed(&d, 1, 3);
    int equal = 0, shared = 0;
    for (int i = 0; i < 1000; i++) {
        uint64_t x = dnx_rng_next(&a);
        equal += x == dnx_rng_next(&b);
        shared += (x == dnx_rng_next(&c)) + (x == dnx_rng_next(&d));
    }
    check(equal == 1000 && shared == 0, "same seed, same numbers; another stream, others");
    dnx_rng known = {
        {1, 2, 3, 4}}; /* the reference code of xoshiro256** gives 11520 and 0 from this state */
    check(dnx_rng_next(&known) == 11520 && dnx_rng_next(&known) == 0, "xoshiro256**");
    double s = 0, s2 = 0, m = 0, m2 = 0, m3 = 0, m4 = 0;
    float low = 1, high = 0;
    const int n = 1000000;
    for (int i = 0; i < n; i++) {
        float u = dnx_rng_uniform(&a);
        double z = dnx_rng_normal(&a);
        low = u < low ? u : low;
        high = u > high ? u : high;
        s += u, s2 += (double)u * u;
        m += z, m2 += z * z, m3 += z * z * z, m4 += z * z * z * z;
    }
    /* Tolerances are five standard errors of each mean. */
    check(low >= 0 && low < 1e-4f && high < 1 && high > .9999f, "uniform range");
    check(fabs(s / n - .5) < 1.5e-3 && fabs(s2 / n - 1. / 3) < 1.5e-3, "uniform moments");
    check(fabs(m / n) < 5e-3 && fabs(m2 / n - 1) < 7.1e-3, "normal mean and variance");
    check(fabs(m3 / n) < 2e-2 && fabs(m4 / n - 3) < 5e-2, "normal third and fourth moment");
}

/* Expected hashes are those of `xxhsum -H3`. */
static void test_hash(void) {
    static const unsigned char bytes[1000];
    check(dnx_hash(0, "", 0) == 0x2d06800538d394c2u, "nothing");
    check(dnx_hash(0, "ThinFace", 8) == 0x56c7802c704fb701u, "a word");
    uint64_t h = dnx_hash(1, bytes, sizeof bytes);
    for (size_t i = 0; i < sizeof bytes; i += 37) {
        unsigned char other[sizeof bytes] = {0};
        other[i] = 1;
        check(dnx_hash(1, other, sizeof other) != h, "byte %zu counts", i);
    }
    check(dnx_hash(2, bytes, sizeof bytes) != h && dnx_hash(1, bytes, sizeof bytes - 1) != h,
          "seed and length count");
}

int main(void) {
    test_alloc();
    test_rng();
    test_hash();
    return summary();
}
