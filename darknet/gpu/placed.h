/* placed.h - a network with layers on a GPU: the structs that the files of this folder share. */
#ifndef DNX_GPU_PLACED_H
#define DNX_GPU_PLACED_H
#include "gpu/place.h"

/* For one layer: which copies of its output y and of the gradient dy are up to date. */
typedef struct {
    bool y_host, y_device, dy_host, dy_device;
} dnx_copies;

typedef struct {
    dnx_gpu_layer l;    /* l.type is NULL when the CPU runs the layer */
    size_t at;          /* index of the layer's first float in values, grads, momentum */
    bool is_changed;    /* the parameters on the CPU are newer than those on the device */
    bool is_unprepared; /* prepare() must run, because the parameters have changed */
    bool is_ahead;      /* pinned memory has newer parameters than the layer on the CPU */
    double *losses;     /* pinned: the loss of each image; NULL when l.losses is NULL */
} dnx_placed_layer;

typedef struct {
    dnx_device *device;
    dnx_placed_layer *layers;
    dnx_copies *copies;
    float *values, *grads, *momentum;  /* for the parameters of all layers, on the device */
    size_t floats;                     /* the length of each of these arrays */
    float *pinned[2];                  /* two buffers, each for copies of values and momentum */
    int complete;                      /* index of the pinned copy with the last complete update */
    struct dnx_cuda_descent *descents; /* on the device: arguments of the update of parameters */
    struct dnx_cuda_descent *descents_here; /* filled on the CPU, then copied to descents */
    int n_descents;
    float *images[2];         /* images on the device; images[1] only when training */
    const float *image_of[2]; /* images[k] is a copy of these images in the CPU's memory */
    int image;                /* images[image] has the images of this pass; -1 before the copy */
    int batch;                /* number of images in the last forward pass */
    float *outputs, *deltas, *scratch;
} dnx_placed;

/* Returns the state of a network on the device, or NULL when the processor runs all layers. */
static inline dnx_placed *dnx_placed_of(const dnx_net *net) { return net->placed; }

/* Allocates memory on the device. `to` is the address of a pointer variable, which is set to this
 * memory. Errors: DNX_EMEM. */
dnx_status dnx_gpu_allocate(dnx_net *net, void *to, size_t bytes, dnx_err *err);

/* ---- parameters.c: see the members of dnx_placement with the same names ---- */

/* Allocates the parameters on the device. Call it after make() of all layers. Errors: DNX_EMEM. */
dnx_status dnx_gpu_make_parameters(dnx_net *net, dnx_err *err);
void dnx_gpu_free_parameters(dnx_net *net);
/* Copies the parameters and momentum of layer i to the device if the CPU has newer values. */
void dnx_gpu_upload(dnx_net *net, int i);
/* Calls prepare() of layer i, which must be on the device. */
void dnx_gpu_prepare(dnx_net *net, int i);
void dnx_gpu_changed(dnx_net *net, int i);
void dnx_gpu_catch_up(dnx_net *net, int i);
void dnx_gpu_fetch_gradients(dnx_net *net);
void dnx_gpu_update(dnx_net *net, int batch, float rate, float momentum, float decay);
bool dnx_gpu_is_updated(dnx_net *net, int i);

/* ---- passes.c: see the members of dnx_placement with the same names ---- */

void dnx_gpu_images(dnx_net *net, const float *now, const float *next);
void dnx_gpu_forward(dnx_net *net, int i, dnx_pass *p);
void dnx_gpu_backward(dnx_net *net, int i, dnx_pass *p);
double dnx_gpu_loss(dnx_net *net, int i);
void dnx_gpu_clear_dy(dnx_net *net, int i, int batch);
void dnx_gpu_fetch(dnx_net *net, int i, int batch);
/* Stops teachers from reading net's copies of the images on the device. Call it before these copies
 * are freed. */
void dnx_gpu_forget_images(const dnx_net *net);
#endif
