/* loss.h - functions that the GPU versions of losses share. */
#ifndef DNX_CUDA_LOSS_H
#define DNX_CUDA_LOSS_H
#include "common/face/margin.h"
#include "cuda/layer.h"
#include "layer/classifier.h"

/* Allocates l->losses, a number for each image of a batch. Fails with DNX_EMEM or DNX_EIO. */
dnx_status dnx_gpu_new_losses(dnx_gpu_layer *l, dnx_err *err);
/* The labels of the images. The layer fills host[], in the CPU's memory, and dnx_gpu_put_labels()
 * copies them to device[], on the GPU. */
typedef struct {
    int *host, *device;
} dnx_gpu_labels;
/* Allocates a label for each image of a batch, on CPU and GPU. Fails with DNX_EMEM or DNX_EIO. */
dnx_status dnx_gpu_new_labels(dnx_gpu_layer *l, dnx_gpu_labels *s, dnx_err *err);
/* Allocates the labels and l->losses when the layer trains. Fails with DNX_EMEM or DNX_EIO. */
dnx_status dnx_gpu_new_labelled(dnx_gpu_layer *l, dnx_gpu_labels *s, dnx_err *err);
/* Copies the labels of `batch` images to the device. */
void dnx_gpu_put_labels(dnx_gpu_layer *l, const dnx_gpu_labels *s, int batch);
/* Sets the labels of a pass, and copies them to the device. A label is the index of the image's
 * class among the numbers of `shape`; -1 when the truth is negative or absent, -2 when it is too
 * large. */
void dnx_gpu_bring_classes(dnx_gpu_layer *l, const dnx_gpu_labels *s, const dnx_pass *p,
                           dnx_shape shape);
/* Run in place of forward() and backward() when l->is_idle. y, the losses and the gradient are
 * 0. */
void dnx_gpu_idle_forward(dnx_gpu_layer *l, dnx_pass *p);
void dnx_gpu_idle_backward(dnx_gpu_layer *l, dnx_pass *p);
/* Copies p->target to `target` on the device, and returns true. With weight=0, or if p->target or
 * `target` is NULL, sets l->is_idle and returns false. */
bool dnx_gpu_bring_target(dnx_gpu_layer *l, const dnx_pass *p, float *target);
/* Returns the margin that the options of n, a [margin_softmax], give in update number `update`. */
dnx_margin dnx_gpu_margin(const dnx_node *n, uint64_t update);
#endif
