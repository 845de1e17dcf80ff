/* bytes.h - finds which products of many rows with a few queries can exceed a limit, without
 * computing them in full. Rows and queries are rounded to bytes. The rounding errors give a bound
 * of the error of a product, so that no product above its limit is missed. It allocates nothing and
 * starts no threads. */
#ifndef DNX_BYTES_H
#define DNX_BYTES_H
#include <stddef.h>
#include <stdint.h>

enum {
    DNX_BYTE_PANEL = 16, /* queries in a panel */
    DNX_BYTE_ROWS = 4,
    DNX_BYTE_MOST = 4096 /* the most numbers in a row */
};

typedef struct dnx_byte_set {
    /* Returns the bytes of N packed queries of K numbers. */
    size_t (*packed)(int K, int N);
    /* Packs the queries; `packed` is aligned to 64 bytes. All vectors have a length of at most
     * 1. */
    void (*pack)(const float *queries, int K, int N, void *packed);
    /* Sets bit i%16 of above[p*panels + i/16] when the product of row p of a (P x K) and query i
     * may be larger than limit[i] + 1e-6. panels = ceil(N/DNX_BYTE_PANEL). limit has panels*16
     * entries; those from N on are infinity. above has ceil(P/DNX_BYTE_ROWS)*DNX_BYTE_ROWS rows. */
    void (*look)(const float *a, int P, int K, const void *packed, int N, const float *limit,
                 uint16_t *above);
} dnx_byte_set;

/* NULL when the processor lacks AVX-512 with VNNI, or DNX_ISA names a set without AVX-512. */
const dnx_byte_set *dnx_bytes(void);
#endif
