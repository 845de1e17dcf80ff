/* emulation.h - runs a kernel that was compiled for this processor. */
#ifndef EMULATION_H
#define EMULATION_H
#include <stdbool.h>

/* Runs `kernel` for each thread of blocks[0] x blocks[1] x blocks[2] blocks. waits: the threads of
 * a block wait for each other; then a block has at most 256 threads. */
void emulate(void (*kernel)(const void *), const void *args, const unsigned blocks[3],
             unsigned threads, bool waits);
/* The same for one of these blocks. */
void emulate_block(void (*kernel)(const void *), const void *args, const unsigned block[3],
                   const unsigned blocks[3], unsigned threads, bool waits);
#endif
