/* emulation.h - runs GPU kernels that were compiled for this processor. */
#ifndef EMULATION_H
#define EMULATION_H
#include <stdbool.h>

/* Runs a launch of blocks[0] x blocks[1] x blocks[2] blocks. waits: the kernel calls SYNC(). In
 * such a kernel, a block may have at most 256 threads. */
void emulate(void (*kernel)(const void *), const void *args, const unsigned blocks[3],
             unsigned threads, bool waits);
void emulate_block(void (*kernel)(const void *), const void *args, const unsigned block[3],
                   const unsigned blocks[3], unsigned threads, bool waits);
#endif
