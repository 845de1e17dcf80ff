/* all.cu - every kernel, in one module. */
#include "cuda/product.cu"
#include "cuda/depthwise.cu"
#include "cuda/norm.cu"
#include "cuda/elements.cu"
