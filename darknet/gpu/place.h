/* place.h - runs the layers of a network on a GPU. Layers without a GPU version in
 * layers_ext/cuda/layers run on the CPU.
 *
 * After each update, parameters and momentum are copied to pinned memory of the CPU. So a
 * checkpoint has the last complete update, also when the device fails. */
#ifndef DNX_GPU_PLACE_H
#define DNX_GPU_PLACE_H
#include "cuda/layer.h"
#include "net/net.h"

/* The GPU code of a build with GPU=1; dnx_gpu is NULL in other builds. */
typedef struct {
    const char *ptx;           /* the kernels as PTX text */
    const dnx_gpu_pair *types; /* the last element is {NULL, NULL} */
} dnx_gpu_build;
extern const dnx_gpu_build *const dnx_gpu;

/* Opens GPU `index` for networks that are built afterwards: put *out into dnx_build.placement. *out
 * is valid until dnx_gpu_close(). Only one GPU can be open at a time. note: see dnx_device_notes();
 * may be NULL. Errors: DNX_EIO in a build without GPU code; those of dnx_device_open(). */
dnx_status dnx_gpu_open(int index, dnx_precision precision, void (*note)(const char *line),
                        const dnx_placement **out, dnx_err *err);
/* Returns how many lists of kernels (cuda/queue.h), CUDA graphs and kernels the open GPU has run;
 * zeros when no GPU is open. */
dnx_work dnx_gpu_work(void);
/* Closes the GPU, if one is open. Free its networks before. */
void dnx_gpu_close(void);
#endif
