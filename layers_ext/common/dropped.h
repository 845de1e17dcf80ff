/* dropped.h - which numbers [dropout] keeps in a training pass. */
#ifndef DNX_DROPPED_H
#define DNX_DROPPED_H
#include "dnx.h"

/* Sets keep[i], for each number i of image b, to 1 with the chance 1 - probability, else to 0. Each
 * image has its own random generator, so the result does not depend on the threads. */
static inline void dnx_dropout_keep(const dnx_node *n, const dnx_pass *p, float probability,
                                    size_t b, unsigned char *keep) {
    dnx_rng r;
    dnx_rng_seed(&r, n->seed + p->seen * 0x9e3779b97f4a7c15u, (uint64_t)n->index << 32 | b);
    for (size_t i = 0; i < dnx_size(n->out); i++) keep[i] = dnx_rng_uniform(&r) >= probability;
}
#endif
