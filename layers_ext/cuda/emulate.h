/* emulate.h - what kernels compiled for the CPU ask of tests/lib/emulation.c, which runs them. */
#ifndef DNX_CUDA_EMULATE_H
#define DNX_CUDA_EMULATE_H

/* The thread that runs now. */
struct dnx_emulated {
    unsigned thread, threads;     /* in its block */
    unsigned block[3], blocks[3]; /* its block, and the number of blocks */
};
extern _Thread_local struct dnx_emulated dnx_emulated;

/* Returns when all threads of the block have called it. */
void dnx_emulated_sync(void);
/* The tensor core products of 32 threads, which all call it: d += A B, as PTX lays out mma.sync
 * m16n8k16 (bf16) and m16n8k8 (tf32). Sums in float32. */
void dnx_emulated_mma_bf16(float d[4], const unsigned a[4], const unsigned b[2]);
void dnx_emulated_mma_tf32(float d[4], const unsigned a[4], const unsigned b[2]);
unsigned dnx_emulated_bf16_pair(float low, float high);
unsigned dnx_emulated_tf32(float x);
#endif
