/* emulation.h - runs GPU kernels that were compiled for this processor. */
#ifndef EMULATION_H
#define EMULATION_H
#include <stdbool.h>

/* emulate() runs a launch of blocks[0] x blocks[1] x blocks[2] blocks, emulate_block() only the
 * block with the index `block`. threads: threads in a block; waits: the kernel calls SYNC(), the
 * barrier of a block. With waits, threads is at most 256. */
void emulate(void (*kernel)(const void *), const void *args, const unsigned blocks[3],
             unsigned threads, bool waits);
void emulate_block(void (*kernel)(const void *), const void *args, const unsigned block[3],
                   const unsigned blocks[3], unsigned threads, bool waits);
#endif
