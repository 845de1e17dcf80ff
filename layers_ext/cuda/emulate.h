/* emulate.h - functions that replace GPU instructions when a test runs kernels on the CPU. */
#ifndef DNX_CUDA_EMULATE_H
#define DNX_CUDA_EMULATE_H

/* The emulated thread that runs now. */
struct dnx_emulated {
    unsigned thread, threads;     /* index of the thread in its block; threads in a block */
    unsigned block[3], blocks[3]; /* indices x, y, z of the block; numbers of blocks in x, y, z */
};
extern _Thread_local struct dnx_emulated dnx_emulated;

/* A barrier: returns when all threads of the block have called this function. */
void dnx_emulated_sync(void);
/* Compute d += A * B like mma.sync m16n8k16 (bf16) and m16n8k8 (tf32). Each of the 32 threads of a
 * warp holds a part of d, A and B. */
void dnx_emulated_mma_bf16(float d[4], const unsigned a[4], const unsigned b[2]);
void dnx_emulated_mma_tf32(float d[4], const unsigned a[4], const unsigned b[2]);
/* Do the same as bf16_pair() and tf32() of target.h. */
unsigned dnx_emulated_bf16_pair(float low, float high);
unsigned dnx_emulated_tf32(float x);
/* Asynchronous copies of n floats (cp.async). dnx_emulated_copies_end() ends a group of copies.
 * dnx_emulated_copies_wait() waits for all groups but the last `groups`. It also does the copies,
 * so that a missing wait gives wrong numbers. */
void dnx_emulated_copy(float *to, const float *from, int n);
void dnx_emulated_copies_end(void);
void dnx_emulated_copies_wait(int groups);
#endif
