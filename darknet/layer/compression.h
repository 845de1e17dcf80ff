/* compression.h - optional: describes a layer for low-rank decomposition and operation counts. */
#ifndef DNX_COMPRESSION_H
#define DNX_COMPRESSION_H
#include "dnx.h"

/* A layer as a convolution: y = act(norm(w * x)) when has_norm, else y = act(w * x + bias). */
typedef struct {
    int size, stride, pad, groups; /* pad: zero pixels on each side */
    int activation;                /* dnx_act of kernels/kernels.h */
    bool has_norm;
} dnx_convolution;

/* The operation that a layer executes for each multiply-add that dnx_macs() counts. */
typedef enum {
    DNX_MULTIPLY_ADDS,
    DNX_ADDS,   /* one-bit weights, real inputs: only additions */
    DNX_BIT_OPS /* one-bit weights and inputs: XNOR and bit counts */
} dnx_arithmetic;

typedef struct dnx_compression {
    /* Describes the layer in *view, or returns false when the layer is no convolution. Callers find
     * the parameters by their roles. NULL in a type that never is a convolution. */
    bool (*as_convolution)(const dnx_node *n, dnx_convolution *view);
    dnx_arithmetic (*arithmetic)(const dnx_node *n); /* NULL: always DNX_MULTIPLY_ADDS */
    bool is_low_rank; /* DNX_BASIS and DNX_WEIGHTS are the factors of a convolution's filters */
} dnx_compression;

/* Describes a layer of any type in *view. Returns false when the layer is no convolution. */
static inline bool dnx_as_convolution(const dnx_node *n, dnx_convolution *view) {
    const dnx_compression *c = n->type->compression;
    return c && c->as_convolution && c->as_convolution(n, view);
}
#endif
