/* emulation.h - runs GPU kernels that were compiled for this processor. */
#ifndef EMULATION_H
#define EMULATION_H
#include <stdbool.h>

/* Runs kernel(args) for each thread of blocks[0] x blocks[1] x blocks[2] blocks. waits: true when
 * the kernel calls SYNC(); a block then has at most 256 threads. */
void emulate(void (*kernel)(const void *), const void *args, const unsigned blocks[3],
             unsigned threads, bool waits);
/* Runs only block number `block` of this launch. */
void emulate_block(void (*kernel)(const void *), const void *args, const unsigned block[3],
                   const unsigned blocks[3], unsigned threads, bool waits);
#endif
