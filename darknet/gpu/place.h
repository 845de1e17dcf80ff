/* place.h - runs the layers of a network on a GPU; those without a half in layers_ext/cuda/layers
 * run on the processor, and what passes between the two is copied.
 *
 * Parameters and momentum have a copy on the device. It is brought back after each update, so that
 * checkpoints, and an end after a failure of the device, see the last whole update. */
#ifndef DNX_GPU_PLACE_H
#define DNX_GPU_PLACE_H
#include "cuda/layer.h"
#include "net/net.h"

/* What GPU=1 builds in; NULL without. */
typedef struct {
    const char *ptx;
    const dnx_gpu_type *const *types;
} dnx_gpu_build;
extern const dnx_gpu_build *const dnx_gpu;

/* Opens GPU `index` for networks that are built afterwards: put it into dnx_build.placement. It is
 * valid until dnx_gpu_close(). One at a time. DNX_EIO: see cuda/device.h. */
dnx_status dnx_gpu_open(int index, dnx_precision precision, const dnx_placement **out,
                        dnx_err *err);
void dnx_gpu_close(void);
#endif
