/* layer.h - the GPU version of a layer type: layers/NAME.c defines dnx_gpu_NAME. The GPU version
 * declares no parameters: it uses the parameters of a dnx_node. As in dnx.h, backward() stores or
 * adds dx, and always adds to the gradients of parameters. */
#ifndef DNX_CUDA_LAYER_H
#define DNX_CUDA_LAYER_H
#include "cuda/device.h"
#include "dnx.h"

enum { DNX_GPU_MEMORY = 40 }; /* allocations that one layer may make */

typedef struct dnx_gpu_layer {
    const struct dnx_gpu_type *type;
    dnx_node *node;
    dnx_device *device;
    dnx_precision precision;
    float *value[DNX_MAX_PARAMS]; /* on the device, in the order of node->params */
    /* grad and momentum are NULL when the parameter is not trained. */
    float *grad[DNX_MAX_PARAMS];
    float *momentum[DNX_MAX_PARAMS];
    float *scratch;        /* on the device; all layers of the network share it */
    size_t scratch_floats; /* floats of scratch that the layer needs; make() sets it */
    /* The loss of each image, on the device. make() of a loss layer allocates the array. */
    double *losses;
    struct dnx_gpu_layer *head; /* GPU version of the student's classifier, or NULL */
    struct dnx_gpu_norm *norm;  /* the layer's batch norm and activation; may be NULL */
    /* True when forward() stores z, the values before batch norm and activation, in y. The next
     * layer, the only one that reads y, then applies both. */
    bool defers;
    struct dnx_gpu_layer *deferred[DNX_MAX_IN]; /* [k]: layer of input k if it defers, else NULL */
    /* bring() sets is_idle when the layer has nothing to compute in this pass, for example without
     * labels. Then forward() and backward() do not run; y and losses are 0. */
    bool is_idle;
    void *state; /* type->state_size bytes on the processor, zeroed before make() */
    void *memory[DNX_GPU_MEMORY]; /* the results of dnx_gpu_new() */
    int n_memory;
} dnx_gpu_layer;

typedef struct dnx_gpu_type {
    size_t state_size;
    /* Returns true if the device can run this layer. NULL for types that it can always run. */
    bool (*can)(const dnx_node *n);
    /* A layer of this type may defer batch norm and activation to the next layer in training. */
    bool may_defer;
    /* forward() adds dnx_residual(p) to y in prediction (layer/fusion.h). */
    bool adds_residual;
    /* Returns true if the layer can apply the batch norm and activation that its inputs defer. NULL
     * for types that never can. */
    bool (*loads)(const dnx_node *n);
    /* Allocates what the layer needs. Runs before value, grad and momentum are set. May be NULL. */
    dnx_status (*make)(dnx_gpu_layer *l, dnx_err *err);
    /* Runs before forward(). Copies values that change with every pass to the device, such as
     * p->truth and p->target, which are on the processor. So forward() and backward() queue the
     * same commands in each pass, and a CUDA graph can repeat them. May be NULL. */
    void (*bring)(dnx_gpu_layer *l, const dnx_pass *p);
    /* As in dnx_layer_type, but on the device, and with l->scratch and l->losses. */
    void (*forward)(dnx_gpu_layer *l, dnx_pass *p);
    void (*backward)(dnx_gpu_layer *l, dnx_pass *p);
    /* Runs after parameters have changed, before the next forward(). May change parameters itself.
     * May be NULL. */
    void (*prepare)(dnx_gpu_layer *l);
} dnx_gpu_type;

/* Allocate zeroed memory on the device, which is freed together with the layer. dnx_gpu_new() sets
 * *p. dnx_gpu_new_bytes() sets a pointer of any type: `to` is the address of the pointer. Fail with
 * DNX_EMEM or DNX_EIO. */
dnx_status dnx_gpu_new(dnx_gpu_layer *l, float **p, size_t floats, dnx_err *err);
dnx_status dnx_gpu_new_bytes(dnx_gpu_layer *l, void *to, size_t bytes, dnx_err *err);
/* Return the values, or the gradient, of the layer's first parameter with this role. Return NULL
 * when the layer has no such parameter, or no gradient of it. */
float *dnx_gpu_value(const dnx_gpu_layer *l, dnx_role role);
float *dnx_gpu_grad(const dnx_gpu_layer *l, dnx_role role);
/* True when kernels may read and write four numbers at once: C is a multiple of 4, there are enough
 * threads for a row, and the tensors begin at multiples of 16 bytes. Each of x, y and z may be
 * NULL. */
static inline bool dnx_gpu_has_fours(int C, const float *x, const float *y, const float *z) {
    return C % 4 == 0 && C / 4 <= DNX_GPU_MOST_BLOCKS * DNX_CUDA_THREADS &&
           ((uintptr_t)x | (uintptr_t)y | (uintptr_t)z) % 16 == 0;
}
/* Return the number of slabs of a sum over rows, and how many blocks compute C channels. */
static inline int dnx_gpu_slabs(long rows) { return (int)DNX_CUDA_SLABS(rows); }
static inline int dnx_gpu_columns(int C) { return (C + DNX_CUDA_COLUMNS - 1) / DNX_CUDA_COLUMNS; }
/* Queues a kernel that computes each row with 32 threads, 8 rows in a block. */
static inline void dnx_gpu_rows(const dnx_gpu_layer *l, dnx_cuda_kernel kernel, long rows,
                                const void *args) {
    dnx_device_launch(l->device, kernel, (rows + DNX_CUDA_ROWS - 1) / DNX_CUDA_ROWS, 1, 1, args);
}
/* Return the value of the layer's option `key`. dnx_gpu_option(): the number of a DNX_INT, or the
 * index of the word of a DNX_WORD. dnx_gpu_number(): the number of a DNX_FLOAT. Return `none` when
 * the layer type has no such option. */
int dnx_gpu_option(const dnx_node *n, const char *key, int none);
float dnx_gpu_number(const dnx_node *n, const char *key, float none);

typedef struct {
    const dnx_layer_type *type;
    const dnx_gpu_type *gpu;
} dnx_gpu_pair;
#endif
