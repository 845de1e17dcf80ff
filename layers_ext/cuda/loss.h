/* loss.h - what the halves of losses share: memory for the losses of the images, a pass without
 * anything to learn from, and the teacher's outputs, which the processor has. */
#ifndef DNX_CUDA_LOSS_H
#define DNX_CUDA_LOSS_H
#include "common/face/margin.h"
#include "cuda/layer.h"
#include "layer/classifier.h"

/* Allocates l->losses. DNX_EMEM. */
dnx_status dnx_gpu_new_losses(dnx_gpu_layer *l, dnx_err *err);
/* A pass without truth or teacher: y, losses and the gradient are 0. */
void dnx_gpu_idle_forward(dnx_gpu_layer *l, dnx_pass *p);
void dnx_gpu_idle_backward(dnx_gpu_layer *l, dnx_pass *p);
/* Copies the teacher's outputs of the pass to `target`, batch x the target's shape. */
void dnx_gpu_bring_target(dnx_gpu_layer *l, const dnx_pass *p, float *target);
/* The margin of a [margin_softmax] in that update, from its options. */
dnx_margin dnx_gpu_margin(const dnx_node *n, uint64_t update);
/* Memory of doubles, structs or whole numbers comes from dnx_gpu_new(), too. */
static inline double *dnx_gpu_doubles(float *p) { return (double *)(void *)p; }
static inline int *dnx_gpu_ints(float *p) { return (int *)(void *)p; }
#endif
