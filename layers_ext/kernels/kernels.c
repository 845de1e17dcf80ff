/* kernels.c - chooses the kernel set for this processor. */
#include "kernels/kernels.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#if defined(__x86_64__) || defined(__i386__)
#define IS_X86 1
#include <xmmintrin.h>
#else
#define IS_X86 0
#endif

extern const dnx_kernel_set dnx_kernels_plain;
#if IS_X86
extern const dnx_kernel_set dnx_kernels_avx2, dnx_kernels_avx512;
extern const dnx_kernel_set dnx_kernels_wide __attribute__((weak)); /* only tests link it */
#endif

const dnx_kernel_set *dnx_kernels_named(const char *name) {
    if (!strcmp(name, "plain")) return &dnx_kernels_plain;
#if IS_X86
    __builtin_cpu_init();
    bool has_avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    bool has_avx512 = has_avx2 && __builtin_cpu_supports("avx512f") &&
                      __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw") &&
                      __builtin_cpu_supports("avx512dq");
    if (!strcmp(name, "avx2") && has_avx2) return &dnx_kernels_avx2;
    if (!strcmp(name, "avx512") && has_avx512) return &dnx_kernels_avx512;
    if (!strcmp(name, "wide") && has_avx2) return &dnx_kernels_wide; /* NULL when not linked */
#endif
    return NULL;
}

const dnx_kernel_set *dnx_kernels(void) {
    static _Atomic(const dnx_kernel_set *) cached;
    const dnx_kernel_set *s = atomic_load(&cached);
    if (s) return s;
    const char *isa = getenv("DNX_ISA");
    if (isa && strcmp(isa, "wide")) s = dnx_kernels_named(isa);
    if (!s) s = dnx_kernels_named("avx512");
    if (!s) s = dnx_kernels_named("avx2");
    if (!s) s = &dnx_kernels_plain;
    atomic_store(&cached, s);
    return s;
}

void dnx_flush_denormals(void) {
#if IS_X86 && defined(__SSE__)
    _mm_setcsr(_mm_getcsr() | 0x8040); /* FTZ and DAZ: denormal results and inputs become 0 */
#endif
}
