/* emulate.h - kernels compiled for the CPU call these functions of tests/lib/gpu/emulation.c, which
 * runs the kernels. */
#ifndef DNX_CUDA_EMULATE_H
#define DNX_CUDA_EMULATE_H

/* The indices of the emulated thread that runs now. */
struct dnx_emulated {
    unsigned thread, threads;     /* its index in its block; the number of threads of a block */
    unsigned block[3], blocks[3]; /* the index of its block; the number of blocks */
};
extern _Thread_local struct dnx_emulated dnx_emulated;

/* A barrier: returns when all threads of the block have called it. */
void dnx_emulated_sync(void);
/* A matrix product on tensor cores: d += A * B. All 32 threads of a warp call it, each with its
 * part of A, B and d as PTX defines for mma.sync m16n8k16 (bf16) and m16n8k8 (tf32). The sums are
 * float32. */
void dnx_emulated_mma_bf16(float d[4], const unsigned a[4], const unsigned b[2]);
void dnx_emulated_mma_tf32(float d[4], const unsigned a[4], const unsigned b[2]);
unsigned dnx_emulated_bf16_pair(float low, float high);
unsigned dnx_emulated_tf32(float x);
/* Copies of n numbers that run beside the thread. They are made as late as a GPU may make them, in
 * wait(), so that a missing wait gives wrong numbers. */
void dnx_emulated_copy(float *to, const float *from, int n);
void dnx_emulated_copies_end(void);
void dnx_emulated_copies_wait(int groups);
#endif
