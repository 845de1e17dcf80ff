/* target.h - macros with which a kernel file compiles in two ways:
 *   clang -x cuda compiles it to PTX, without any file from NVIDIA;
 *   -DDNX_EMULATE compiles it as C; tests/lib/gpu/emulation.c then runs the blocks of threads.
 * A kernel takes one struct by value. kernels.h declares the structs. */
#ifndef DNX_CUDA_TARGET_H
#define DNX_CUDA_TARGET_H
#include "cuda/kernels.h"

/* float4: four floats, at a multiple of 16 bytes. float2: two floats, at a multiple of 8 bytes. */
typedef float float4 __attribute__((vector_size(16), may_alias));
typedef float float2 __attribute__((vector_size(8), may_alias));

#ifdef DNX_EMULATE
#include <math.h>
#include <string.h>

#include "cuda/emulate.h"
#define DEVICE static inline
#define DEVICE_CALL static
#define KERNEL(name) void name(const struct name##_args a)
#define KERNEL_WITH(name, blocks) KERNEL(name)
#define SHARED static _Thread_local
#define THREAD ((int)dnx_emulated.thread)
#define THREADS ((int)dnx_emulated.threads)
#define BLOCK_X ((int)dnx_emulated.block[0])
#define BLOCK_Y ((int)dnx_emulated.block[1])
#define BLOCK_Z ((int)dnx_emulated.block[2])
#define BLOCKS_X ((int)dnx_emulated.blocks[0])
#define BLOCKS_Y ((int)dnx_emulated.blocks[1])
#define SYNC() dnx_emulated_sync()
#define UNROLL
#define ROLLED
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
DEVICE float4 load_four(const float *p, bool is_in) {
    return is_in ? *(const float4 *)p : (float4){0, 0, 0, 0};
}
DEVICE void store_four(float *p, float4 v, bool is_in) {
    if (is_in) *(float4 *)p = v;
}
#else
#define DEVICE static inline __attribute__((device, always_inline))
#define DEVICE_CALL static __attribute__((device, noinline))
/* `blocks` blocks of at most 256 threads must fit on a multiprocessor together. This limits the
 * registers of a thread: to 255 with one block, 128 with two, 80 with three. */
#define KERNEL_WITH(name, blocks)                                                                  \
    extern "C" __attribute__((global, launch_bounds(256, blocks))) void name(                      \
        const struct name##_args a)
#define KERNEL(name) KERNEL_WITH(name, 1)
#define SHARED static __attribute__((shared))
#define THREAD ((int)__nvvm_read_ptx_sreg_tid_x())
#define THREADS ((int)__nvvm_read_ptx_sreg_ntid_x())
#define BLOCK_X ((int)__nvvm_read_ptx_sreg_ctaid_x())
#define BLOCK_Y ((int)__nvvm_read_ptx_sreg_ctaid_y())
#define BLOCK_Z ((int)__nvvm_read_ptx_sreg_ctaid_z())
#define BLOCKS_X ((int)__nvvm_read_ptx_sreg_nctaid_x())
#define BLOCKS_Y ((int)__nvvm_read_ptx_sreg_nctaid_y())
#define SYNC() __nvvm_bar_sync(0)
#define UNROLL _Pragma("clang loop unroll(full)")
#define ROLLED _Pragma("nounroll")
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
/* Start to copy four numbers, or one number, to shared memory. When `from` is NULL, zeros are
 * stored. The addresses of copy_four() are multiples of 16 bytes. END_COPIES() ends a group of
 * copies. WAIT_COPIES(n) waits for all groups but the last n. */
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
/* load_four() loads four floats from global memory if is_in, else returns zeros. store_four()
 * stores four floats if is_in. There is no branch, so several loads run at the same time. */
DEVICE float4 load_four(const float *p, bool is_in) {
    float v[4];
    asm volatile("{.reg .pred in; setp.ne.b32 in, %5, 0; mov.f32 %0, 0f00000000; "
                 "mov.f32 %1, 0f00000000; mov.f32 %2, 0f00000000; mov.f32 %3, 0f00000000; "
                 "@in ld.global.v4.f32 {%0,%1,%2,%3}, [%4];}"
                 : "=&f"(v[0]), "=&f"(v[1]), "=&f"(v[2]), "=&f"(v[3])
                 : "l"((const __attribute__((address_space(1))) float *)p), "r"((int)is_in)
                 : "memory");
    return (float4){v[0], v[1], v[2], v[3]};
}
DEVICE void store_four(float *p, float4 v, bool is_in) {
    asm volatile("{.reg .pred in; setp.ne.b32 in, %5, 0; "
                 "@in st.global.v4.f32 [%4], {%0,%1,%2,%3};}" ::"f"(v[0]),
                 "f"(v[1]), "f"(v[2]), "f"(v[3]), "l"((__attribute__((address_space(1))) float *)p),
                 "r"((int)is_in)
                 : "memory");
}
#define END_COPIES() asm volatile("cp.async.commit_group;" ::: "memory")
#define WAIT_COPIES(n) asm volatile("cp.async.wait_group %0;" ::"n"(n) : "memory")
#endif

/* Returns p[c] to p[c + 3]; four times `without` when p is NULL. */
DEVICE float4 four_of(const float *p, int c, float without) {
    if (!p) return (float4){without, without, without, without};
    return (float4){p[c], p[c + 1], p[c + 2], p[c + 3]};
}

/* Returns the sum of p[0], p[step], ..., p[(n - 1) * step], always added in the same order. */
DEVICE float sum_of_slabs(const float *p, int n, long step) {
    float sums[4] = {0, 0, 0, 0};
    int s = 0;
    for (; s + 4 <= n; s += 4) UNROLL for (int i = 0; i < 4; i++) sums[i] += p[(s + i) * step];
    for (; s < n; s++) sums[0] += p[s * step];
    return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

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
/* Declares row, row_step and c, and runs the block after it if this thread has rows. The block
 * loops over the thread's rows: row, row + row_step, and so on, below `rows`. In each row the
 * thread computes the four channels from c on. C is a multiple of 4. */
#define EACH_ROW_OF_FOURS(row, c, rows, C)                                                         \
    const long row##_step = STEP / ((C) / 4);                                                      \
    const int c = (int)(INDEX % ((C) / 4)) * 4;                                                    \
    long row = INDEX / ((C) / 4);                                                                  \
    if (row < row##_step)
#endif
