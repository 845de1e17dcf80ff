/* emulation.h - runs GPU kernels that were compiled for this processor. */
#ifndef EMULATION_H
#define EMULATION_H
#include <stdbool.h>

/* emulate() runs a launch of blocks[0] x blocks[1] x blocks[2] blocks, emulate_block() only one of
 * these blocks. waits: the kernel calls SYNC(). Its blocks may have at most 256 threads. */
void emulate(void (*kernel)(const void *), const void *args, const unsigned blocks[3],
             unsigned threads, bool waits);
void emulate_block(void (*kernel)(const void *), const void *args, const unsigned block[3],
                   const unsigned blocks[3], unsigned threads, bool waits);
#endif
