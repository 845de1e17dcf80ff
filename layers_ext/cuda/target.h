/* target.h - macros with which a kernel file compiles in two ways:
 *   clang -x cuda compiles it to PTX, without any file from NVIDIA;
 *   -DDNX_EMULATE compiles it as C; tests/lib/gpu/emulation.c then runs the blocks of threads.
 * A kernel takes one struct by value. kernels.h declares the structs. */
#ifndef DNX_CUDA_TARGET_H
#define DNX_CUDA_TARGET_H
#include "cuda/kernels.h"

#ifdef DNX_EMULATE
#include <math.h>
#include <string.h>

#include "cuda/emulate.h"
#define DEVICE static inline
#define DEVICE_CALL static
#define KERNEL(name) void name(const struct name##_args a)
#define SHARED static _Thread_local
#define THREAD ((int)dnx_emulated.thread)
#define THREADS ((int)dnx_emulated.threads)
#define BLOCK_X ((int)dnx_emulated.block[0])
#define BLOCK_Y ((int)dnx_emulated.block[1])
#define BLOCK_Z ((int)dnx_emulated.block[2])
#define BLOCKS_X ((int)dnx_emulated.blocks[0])
#define SYNC() dnx_emulated_sync()
#define UNROLL
#define SQRT(x) sqrt(x)
#define EXP2(x) exp2f(x)
#define LOG2(x) log2f(x)
#define mma_bf16 dnx_emulated_mma_bf16
#define mma_tf32 dnx_emulated_mma_tf32
#define bf16_pair dnx_emulated_bf16_pair
#define tf32 dnx_emulated_tf32
#define copy_four(to, from) dnx_emulated_copy(to, from, 4)
#define copy_one(to, from) dnx_emulated_copy(to, from, 1)
#define END_COPIES() dnx_emulated_copies_end()
#define WAIT_COPIES(n) dnx_emulated_copies_wait(n)
#else
#define DEVICE static inline __attribute__((device, always_inline))
#define DEVICE_CALL static __attribute__((device, noinline))
/* With at most 256 threads in a block, a thread may use 255 registers. */
#define KERNEL(name)                                                                               \
    extern "C" __attribute__((global, launch_bounds(256, 1))) void name(const struct name##_args a)
#define SHARED static __attribute__((shared))
#define THREAD ((int)__nvvm_read_ptx_sreg_tid_x())
#define THREADS ((int)__nvvm_read_ptx_sreg_ntid_x())
#define BLOCK_X ((int)__nvvm_read_ptx_sreg_ctaid_x())
#define BLOCK_Y ((int)__nvvm_read_ptx_sreg_ctaid_y())
#define BLOCK_Z ((int)__nvvm_read_ptx_sreg_ctaid_z())
#define BLOCKS_X ((int)__nvvm_read_ptx_sreg_nctaid_x())
#define SYNC() __nvvm_bar_sync(0)
#define UNROLL _Pragma("unroll")
#define SQRT(x) __nvvm_sqrt_rn_d(x)
#define EXP2(x) __nvvm_ex2_approx_ftz_f(x)
#define LOG2(x) __nvvm_lg2_approx_ftz_f(x)
DEVICE void mma_bf16(float d[4], const unsigned a[4], const unsigned b[2]) {
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, "
                 "{%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
                 : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}
DEVICE void mma_tf32(float d[4], const unsigned a[4], const unsigned b[2]) {
    asm volatile("mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0,%1,%2,%3}, "
                 "{%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
                 : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}
/* Returns two floats as bfloat16, rounded to nearest even, with `low` in the lower 16 bits. */
DEVICE unsigned bf16_pair(float low, float high) {
    unsigned pair;
    asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(pair) : "f"(high), "f"(low));
    return pair;
}
/* Returns a float rounded to TF32: 10 bits of mantissa, ties away from zero. */
DEVICE unsigned tf32(float x) {
    unsigned bits;
    asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(bits) : "f"(x));
    return bits;
}
DEVICE unsigned shared_address(float *p) {
    return (unsigned)(__SIZE_TYPE__)(__attribute__((address_space(3))) float *)p;
}
/* Start to copy four numbers, or one, to shared memory. When `from` is NULL, zeros are stored. The
 * addresses of copy_four() are multiples of 16 bytes. END_COPIES() ends a group of copies.
 * WAIT_COPIES(n) waits for all groups but the last n. */
DEVICE void copy_four(float *to, const float *from) {
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(shared_address(to)),
                 "l"(from), "r"(from ? 16 : 0)
                 : "memory");
}
DEVICE void copy_one(float *to, const float *from) {
    asm volatile("cp.async.ca.shared.global [%0], [%1], 4, %2;" ::"r"(shared_address(to)),
                 "l"(from), "r"(from ? 4 : 0)
                 : "memory");
}
#define END_COPIES() asm volatile("cp.async.commit_group;" ::: "memory")
#define WAIT_COPIES(n) asm volatile("cp.async.wait_group %0;" ::"n"(n) : "memory")
#endif

/* Returns z*scale + shift in channel c, or z when scale is NULL. */
DEVICE float scaled_at(const float *scale, const float *shift, float z, int c) {
    return scale ? z * scale[c] + shift[c] : z;
}

/* INDEX is the index of this thread among the threads of all blocks in x. STEP is the number of
 * these threads. */
#define INDEX ((long)BLOCK_X * THREADS + THREAD)
#define STEP ((long)BLOCKS_X * THREADS)
/* Loops over this thread's elements i = row * C + c. Advances row and c together with i, because
 * dividing each i by C would take too long. */
#define EACH_ELEMENT(i, row, c, count, C)                                                          \
    const int c##_step = (int)(STEP % (C));                                                        \
    const long row##_step = STEP / (C);                                                            \
    int c = (int)(INDEX % (C));                                                                    \
    long row = INDEX / (C);                                                                        \
    for (long i = INDEX; i < (count);                                                              \
         i += STEP, row += row##_step, c += c##_step, row += c >= (C), c -= c >= (C) ? (C) : 0)
#endif
