/* layer.h - the half of a layer type that runs on a GPU: layers/NAME.c defines dnx_gpu_NAME.
 *
 * A half is made from the layer as the processor's half has made it: its options, shapes and
 * parameters. It keeps no parameters of its own: value, grad and momentum lie on the device, in the
 * order of the type's params(). A type without a half runs on the processor, and its inputs and
 * outputs are copied. The rules of dnx.h hold: backward() stores or adds dx, and always adds to the
 * gradients. */
#ifndef DNX_CUDA_LAYER_H
#define DNX_CUDA_LAYER_H
#include "cuda/device.h"
#include "dnx.h"

enum { DNX_GPU_MEMORY = 12 }; /* allocations of one layer */

typedef struct dnx_gpu_layer {
    const struct dnx_gpu_type *type;
    dnx_node *node;
    dnx_device *device;
    dnx_precision precision;
    int n_params;
    dnx_param params[DNX_MAX_PARAMS];  /* on the processor */
    float *value[DNX_MAX_PARAMS];
    float *grad[DNX_MAX_PARAMS];       /* NULL: not trained */
    float *momentum[DNX_MAX_PARAMS];
    float *scratch;                    /* scratch_floats, shared by all layers of the network */
    size_t scratch_floats;             /* make() sets it */
    void *state;                       /* the type's, zeroed */
    void *memory[DNX_GPU_MEMORY];      /* freed with the layer */
    int n_memory;
} dnx_gpu_layer;

typedef struct dnx_gpu_type {
    const dnx_layer_type *type;
    size_t state_size;
    /* True when the device can run this layer with its options. NULL: always. */
    bool (*can)(const dnx_node *n);
    /* Allocates what is needed on the device. value, grad and momentum are not set yet. */
    dnx_status (*make)(dnx_gpu_layer *l, dnx_err *err); /* NULL: needs nothing */
    /* As of the processor's half, with pointers to the device. p->scratch is not set. */
    void (*forward)(dnx_gpu_layer *l, dnx_pass *p);
    void (*backward)(dnx_gpu_layer *l, dnx_pass *p);
    void (*prepare)(dnx_gpu_layer *l); /* after the parameters have changed; NULL: nothing to do */
} dnx_gpu_type;

/* Allocates zeroed floats that are freed with the layer. DNX_EMEM. */
dnx_status dnx_gpu_new(dnx_gpu_layer *l, float **p, size_t floats, dnx_err *err);
/* The first parameter of that role on the device; NULL: the layer has none. */
float *dnx_gpu_value(const dnx_gpu_layer *l, dnx_role role);
float *dnx_gpu_grad(const dnx_gpu_layer *l, dnx_role role);
/* An option of the layer that is a whole number or a word; `none` when the type has none. */
int dnx_gpu_option(const dnx_node *n, const char *key, int none);
float dnx_gpu_number(const dnx_node *n, const char *key, float none);

/* All halves, ended by NULL; the Makefile writes the list from the file names. */
extern const dnx_gpu_type *const dnx_gpu_types[];
#endif
