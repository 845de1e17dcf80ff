/* compression.h - optional: describes a layer to low-rank decomposition and to the counting of
 * operations. A type sets .compression; layers of other types stay as they are. */
#ifndef DNX_COMPRESSION_H
#define DNX_COMPRESSION_H
#include "dnx.h"

/* A layer seen as a convolution: y = act(norm(w * x)), without has_norm y = act(w * x + bias). */
typedef struct {
    int size, stride, pad, groups; /* pad: zero pixels on each side */
    int activation;                /* dnx_act of kernels/kernels.h */
    bool has_norm;
} dnx_convolution;

/* The operations that a layer has in the place of multiply-adds. */
typedef enum {
    DNX_MULTIPLY_ADDS,
    DNX_ADDS,   /* one-bit weights, real inputs: only additions */
    DNX_BIT_OPS /* one-bit weights and inputs: XNOR and counting */
} dnx_arithmetic;

typedef struct dnx_compression {
    /* Fills *view. Returns false when the layer is not a convolution with its options. NULL in a
     * type that never is. The caller finds the parameters by their roles: DNX_WEIGHTS, and, where
     * the layer has them, DNX_BIASES, DNX_SCALES with DNX_MEAN and DNX_VARIANCE, DNX_SLOPES. */
    bool (*as_convolution)(const dnx_node *n, dnx_convolution *view);
    dnx_arithmetic (*arithmetic)(const dnx_node *n); /* NULL: DNX_MULTIPLY_ADDS */
    bool is_low_rank; /* DNX_BASIS and DNX_WEIGHTS are the factors of a convolution's filters */
} dnx_compression;
#endif
