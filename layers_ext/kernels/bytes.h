/* bytes.h - multiplies many rows by a few queries, and finds products that may exceed a limit. Rows
 * and queries are rounded to bytes, but no product above its limit + 1e-6 is missed. */
#ifndef DNX_BYTES_H
#define DNX_BYTES_H
#include <stddef.h>
#include <stdint.h>

enum {
    DNX_BYTE_PANEL = 16, /* queries in a panel */
    DNX_BYTE_MOST = 4096 /* the most numbers in a row */
};

/* A row, and the queries of one panel whose products with this row may exceed their limits. */
typedef struct {
    uint16_t row;
    uint16_t queries; /* bit i is query panel * DNX_BYTE_PANEL + i */
    uint32_t panel;
} dnx_byte_find;

typedef struct dnx_byte_set {
    size_t (*packed)(int K, int N);
    /* Packs N queries of K numbers and of length at most 1. `packed` is aligned to 64 bytes. */
    void (*pack)(const float *queries, int K, int N, void *packed);
    /* Finds the rows of a (P x K, P <= 65,535, rows of length at most 1) whose product with query i
     * may be larger than limit[i] + 1e-6. Entries of `limit` from N to the end of the last panel
     * are infinity. Stores up to P * panels entries in `found`, and returns their number. The
     * entries of a panel are in the order of the rows. Prefetches the rows at `next`. */
    size_t (*look)(const float *a, int P, int K, const void *packed, int N, const float *limit,
                   const float *next, dnx_byte_find *found);
} dnx_byte_set;

/* Returns the functions, or NULL when the processor lacks AVX-512 VNNI or DNX_ISA forbids it. */
const dnx_byte_set *dnx_bytes(void);
#endif
