/* bits.c - which set of bit loops this processor gets. */
#include "bits.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

extern const dnx_bit_set dnx_bits_plain;
#if defined(__x86_64__)
extern const dnx_bit_set dnx_bits_avx2, dnx_bits_avx512;
#endif

const dnx_bit_set *dnx_bits_named(const char *name) {
    if (!strcmp(name, "plain")) return &dnx_bits_plain;
#if defined(__x86_64__)
    __builtin_cpu_init();
    bool has_avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
                      __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
                      __builtin_cpu_supports("avx512vpopcntdq");
    if (!strcmp(name, "avx2") && __builtin_cpu_supports("avx2")) return &dnx_bits_avx2;
    if (!strcmp(name, "avx512") && has_avx512) return &dnx_bits_avx512;
#endif
    return NULL;
}

const dnx_bit_set *dnx_bits(void) {
    static _Atomic(const dnx_bit_set *) cached;
    const dnx_bit_set *s = atomic_load(&cached);
    if (s) return s;
    const char *isa = getenv("DNX_ISA");
    if (isa) s = dnx_bits_named(isa);
    if (!s) s = dnx_bits_named("avx512");
    if (!s) s = dnx_bits_named("avx2");
    if (!s) s = &dnx_bits_plain;
    atomic_store(&cached, s);
    return s;
}

long dnx_bit_sum(const uint64_t *words, size_t n) {
    long sum = 0;
    for (size_t i = 0; i < n; i++)
        for (uint64_t w = words[i]; w; w &= w - 1) sum++;
    return sum;
}
