/* layer.h - the GPU version of a layer type: layers/NAME.c defines dnx_gpu_NAME.
 *
 * The builder makes the layer on the processor first. The GPU version takes its options, shapes and
 * parameters from there and has no parameters of its own. value, grad and momentum below are copies
 * on the device, in the order of node->params. A type without a GPU version runs on the
 * processor, and its inputs and outputs are copied. The rules of dnx.h hold: backward() stores or
 * adds dx, and always adds to the gradients. */
#ifndef DNX_CUDA_LAYER_H
#define DNX_CUDA_LAYER_H
#include "cuda/device.h"
#include "dnx.h"

enum { DNX_GPU_MEMORY = 40 }; /* the most allocations of one layer */

typedef struct dnx_gpu_layer {
    const struct dnx_gpu_type *type;
    dnx_node *node;
    dnx_device *device;
    dnx_precision precision;
    float *value[DNX_MAX_PARAMS];    /* on the device, like grad and momentum */
    float *grad[DNX_MAX_PARAMS];     /* NULL when the parameter is not trained */
    float *momentum[DNX_MAX_PARAMS]; /* NULL when the parameter is not trained */
    float *scratch;                  /* on the device; shared by all layers of the network */
    size_t scratch_floats;           /* the floats that the layer needs there; make() sets it */
    double *losses;                  /* of a loss that trains: make() allocates it on the device,
                                        * forward() stores the loss of each image. Else NULL */
    struct dnx_gpu_layer *head;      /* node->distillation->head on the device; may be NULL */
    struct dnx_gpu_norm *norm;       /* its batch norm and activation; NULL when it has none */
    bool defers;                     /* y holds z: the only reader applies batch norm and
                                        * activation when it loads z. place.c decides it */
    struct dnx_gpu_layer *deferred[DNX_MAX_IN]; /* the layer of input k, when that layer defers */
    bool
        is_idle; /* bring() sets it for a pass without labels or teacher: y, losses and gradient are
                   * 0, and neither forward() nor backward() is called */
    void *state; /* state_size zeroed bytes on the processor */
    void *memory[DNX_GPU_MEMORY]; /* on the device; freed with the layer */
    int n_memory;
} dnx_gpu_layer;

typedef struct dnx_gpu_type {
    size_t state_size; /* bytes */
    /* True when the device can run this layer with its options. NULL: it always can. */
    bool (*can)(const dnx_node *n);
    /* True for a type that can leave batch norm and activation to its reader, when it trains. */
    bool may_defer;
    /* True for a type that adds dnx_residual(p) to y when it predicts (layer/fusion.h). */
    bool adds_residual;
    /* True when the layer can load z instead of input k: see dnx_gpu_deferred(). May be NULL. */
    bool (*loads)(const dnx_node *n, int k);
    /* Allocates memory on the device. value, grad and momentum are not set yet. May be NULL. */
    dnx_status (*make)(dnx_gpu_layer *l, dnx_err *err);
    /* Copies the values that change with every pass to the device: labels, a teacher's outputs
     * (p->truth and p->target are on the processor), schedules. forward() and backward() then only
     * launch kernels, the same ones for each pass with the same batch. May be NULL. */
    void (*bring)(dnx_gpu_layer *l, const dnx_pass *p);
    /* As in dnx_layer_type, but the tensors are on the device. p->scratch is not set, p->loss not
     * used. */
    void (*forward)(dnx_gpu_layer *l, dnx_pass *p);
    void (*backward)(dnx_gpu_layer *l, dnx_pass *p);
    /* Runs after the parameters have changed: after each update, and before the next forward pass.
     * It may limit the parameters. May be NULL. */
    void (*prepare)(dnx_gpu_layer *l);
} dnx_gpu_type;

/* Allocates zeroed floats on the device. They are freed with the layer. DNX_EMEM. */
dnx_status dnx_gpu_new(dnx_gpu_layer *l, float **p, size_t floats, dnx_err *err);
/* The first parameter with that role, or its gradient, on the device. NULL when the layer has no
 * such parameter; the gradient also when it is not trained. */
float *dnx_gpu_value(const dnx_gpu_layer *l, dnx_role role);
float *dnx_gpu_grad(const dnx_gpu_layer *l, dnx_role role);
/* Slabs of rows, and blocks of columns, of a sum over pixels (kernels.h). */
static inline int dnx_gpu_slabs(long rows) { return (int)DNX_CUDA_SLABS(rows); }
static inline int dnx_gpu_columns(int C) { return (C + DNX_CUDA_COLUMNS - 1) / DNX_CUDA_COLUMNS; }
/* Queues a kernel with a warp for each of `rows` rows. */
static inline void dnx_gpu_rows(const dnx_gpu_layer *l, dnx_cuda_kernel kernel, long rows,
                                const void *args) {
    dnx_device_launch(l->device, kernel, (rows + DNX_CUDA_ROWS - 1) / DNX_CUDA_ROWS, 1, 1, args);
}
/* The value of an option of the layer, or `none` when the type has no option of that name.
 * dnx_gpu_option() reads integers and words, dnx_gpu_number() floats. */
int dnx_gpu_option(const dnx_node *n, const char *key, int none);
float dnx_gpu_number(const dnx_node *n, const char *key, float none);

/* A layer type and its GPU version. */
typedef struct {
    const dnx_layer_type *type;
    const dnx_gpu_type *gpu;
} dnx_gpu_pair;
#endif
