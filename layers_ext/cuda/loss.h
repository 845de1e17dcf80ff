/* loss.h - what the GPU versions of losses share: memory for the loss of each image, a pass without
 * labels or teacher, and the teacher's outputs, which are on the processor. */
#ifndef DNX_CUDA_LOSS_H
#define DNX_CUDA_LOSS_H
#include "common/face/margin.h"
#include "cuda/layer.h"
#include "layer/classifier.h"

/* Allocates l->losses. DNX_EMEM. */
dnx_status dnx_gpu_new_losses(dnx_gpu_layer *l, dnx_err *err);
/* The labels of a batch: B integers on the processor, which the layer fills, and their copy on the
 * device. device is NULL before dnx_gpu_new_labels(). */
typedef struct {
    int *host, *device;
} dnx_gpu_labels;
dnx_status dnx_gpu_new_labels(dnx_gpu_layer *l, dnx_gpu_labels *s, dnx_err *err); /* DNX_EMEM */
/* For a loss that trains: its labels and l->losses. Nothing when it only predicts. DNX_EMEM. */
dnx_status dnx_gpu_new_labelled(dnx_gpu_layer *l, dnx_gpu_labels *s, dnx_err *err);
void dnx_gpu_put_labels(dnx_gpu_layer *l, const dnx_gpu_labels *s, int batch);
/* For a pass without labels or teacher: sets y, the losses and the gradient to 0. */
void dnx_gpu_idle_forward(dnx_gpu_layer *l, dnx_pass *p);
void dnx_gpu_idle_backward(dnx_gpu_layer *l, dnx_pass *p);
/* Copies the teacher's outputs of the pass to `target`, batch x the target's shape. Without them,
 * and with the option weight=0, the layer is idle. Returns true when it is not. */
bool dnx_gpu_bring_target(dnx_gpu_layer *l, const dnx_pass *p, float *target);
/* The margin of a [margin_softmax] in the given update, from the layer's options. */
dnx_margin dnx_gpu_margin(const dnx_node *n, uint64_t update);
/* dnx_gpu_new() allocates memory for doubles, structs and integers, too. These functions cast
 * it. */
static inline double *dnx_gpu_doubles(float *p) { return (double *)(void *)p; }
static inline int *dnx_gpu_ints(float *p) { return (int *)(void *)p; }
#endif
