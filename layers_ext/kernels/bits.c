/* bits.c - chooses the set of bit loops for this processor. */
#include "kernels/bits.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#if defined(__x86_64__) && defined(__linux__)
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

extern const dnx_bit_set dnx_bits_plain;
#if defined(__x86_64__)
extern const dnx_bit_set dnx_bits_avx2, dnx_bits_avx512;
extern const dnx_tile_set dnx_tiles_amx;
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

/* Returns the loops for AMX, or NULL. Linux enables the tile registers only for processes that ask
 * for them, as this function does. */
static const dnx_tile_set *find_tiles(void) {
#if defined(__x86_64__) && defined(__linux__)
    enum { REQUEST_STATE = 0x1023, TILE_DATA = 18 };
    const char *isa = getenv("DNX_ISA");
    unsigned a, b, c, d;
    if (isa && strcmp(isa, "amx")) return NULL;
    if (!dnx_bits_named("avx512") || !__get_cpuid_count(7, 0, &a, &b, &c, &d)) return NULL;
    bool has_tiles = d >> 24 & 1, has_int8 = d >> 25 & 1;
    if (has_tiles && has_int8 && !syscall(SYS_arch_prctl, REQUEST_STATE, TILE_DATA))
        return &dnx_tiles_amx;
#endif
    return NULL;
}

const dnx_tile_set *dnx_tiles(void) {
    static _Atomic(const dnx_tile_set *) cached;
    static const dnx_tile_set none = {0};
    const dnx_tile_set *s = atomic_load(&cached);
    if (!s) {
        s = find_tiles();
        atomic_store(&cached, s ? s : &none);
    }
    return s == &none ? NULL : s;
}

long dnx_bit_sum(const uint64_t *words, size_t n) {
    long sum = 0;
    for (size_t i = 0; i < n; i++) sum += __builtin_popcountll(words[i]);
    return sum;
}
