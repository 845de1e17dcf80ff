/* all.cu - includes all kernel files, so that they compile to one module of PTX. */
#include "cuda/product.cu"
#include "cuda/depthwise.cu"
#include "cuda/norm.cu"
#include "cuda/elements.cu"
#include "cuda/rows.cu"
#include "cuda/margin.cu"
#include "cuda/update.cu"
