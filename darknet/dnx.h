/* dnx.h - the interface of a layer type. A layer is one file: layers_ext/NAME.c defines dnx_NAME
 * for the section [NAME] of a cfg. No other file changes.
 *
 * The life of a layer: make() once; prepare() after its weights have changed; forward() and
 * backward() for each batch. The options, the inputs and the shapes of the inputs are set before
 * make(). n->trains decides what make() allocates: without it backward() is never called.
 * p->is_training decides what a pass does: a network that trains also predicts now and then.
 *
 * Tensors are float32, NHWC and contiguous: element (b,y,x,c) of a B x H x W x C tensor is p[((b*H
 * + y)*W + x)*C + c]. A flat vector is 1 x 1 x C. Filters in files are OIHW.
 *
 * Gradients are DESCENT directions: minus the derivative of the loss, summed over the batch, since
 * libdarknet adds them to the weights. backward() does one of three things with dx: nothing when dx
 * is NULL; it STORES when dx_adds is false; it ADDS when dx_adds is true, because another reader of
 * the same input has stored its part already. It always ADDS to the gradients of parameters.
 *
 * `make check-layer LAYER=name` checks that a type keeps all this, see tests/unit/test_layers.c.
 * Optional parts, such as losses with a teacher, have headers in layer/; its README lists them. */
#ifndef DNX_H
#define DNX_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/option.h"
#include "base/rng.h"

#define DNX_MAX_IN 64     /* inputs of one layer */
#define DNX_MAX_PARAMS 16 /* parameters of one layer */

typedef struct {
    int h, w, c;
} dnx_shape;

/* The role of a parameter: code that folds, packs or decomposes a layer finds its arrays by it. */
typedef enum {
    DNX_OTHER,
    DNX_WEIGHTS,
    DNX_BASIS,
    DNX_BIASES,
    DNX_SCALES,
    DNX_MEAN,
    DNX_VARIANCE,
    DNX_SLOPES
} dnx_role;

/* An array that is saved in the weights file. dnx_new_param() sets the members after is_one_bit. */
typedef struct {
    const char *name;
    size_t count;
    float decay; /* factor of the network's weight decay: 1 for weights, 0 for all others */
    int filters; /* for weights: the number of filters, count/filters floats each; else 0 */
    dnx_role role;
    bool is_one_bit; /* each filter is one scale times the signs of its floats */
    bool is_trained; /* false: saved but not trained, such as running statistics */
    float *value;    /* count floats in file order; NULL after dnx_release_param() */
    float *grad;     /* count floats; NULL when the parameter is not trained */
    float **at;      /* the layer's own pointer to value */
} dnx_param;

/* One layer of a network. */
typedef struct dnx_node {
    const struct dnx_layer_type *type;
    dnx_loc loc; /* file and line of its section, for messages */
    int index;   /* place in the network, from 0 */
    int batch;   /* the largest batch */
    bool trains;
    bool keeps_no_weights; /* prepare() may release the parameters after it has packed them */
    uint64_t seed;         /* seed random numbers by (seed, index) */
    struct dnx_pool *pool; /* threads, see kernels/pool.h */
    void *opts, *state;    /* the type's options as parsed; its state, zeroed */
    int n_in;              /* number of inputs */
    int from[DNX_MAX_IN];  /* the layers that the inputs come from; -1: the image */
    dnx_shape in[DNX_MAX_IN];
    dnx_shape out;  /* make() sets it */
    size_t scratch; /* make() sets it: floats of p->scratch, for all threads together */
    int n_params;
    dnx_param params[DNX_MAX_PARAMS];      /* in the order of the weights file */
    size_t allocated;                      /* floats from dnx_new(); `darknet check` adds them up */
    void *memory;                          /* owns the arrays of dnx_new() */
    struct dnx_distillation *distillation; /* for a loss with a teacher: layer/classifier.h */
} dnx_node;

/* One batch on its way through a layer. */
typedef struct dnx_pass {
    int batch;
    bool is_training;
    const float *x[DNX_MAX_IN]; /* inputs */
    float *y;                   /* output; in backward() it still holds what forward() stored */
    const float *dy;
    float *dx[DNX_MAX_IN];
    bool dx_adds[DNX_MAX_IN];
    float *scratch;        /* n->scratch floats, not zeroed; they are lost after the pass */
    const float *truth;    /* class index of each image, -1 when unknown; NULL without labels */
    uint64_t seen, update; /* images and updates before this pass: seed random draws and schedules
                            * with them, so that a resumed run repeats every bit */
    double loss;           /* forward() of a loss stores the SUM over the batch here */
    const float *target;   /* the teacher's output, or NULL: see layer/classifier.h */
    const struct dnx_fused *fused; /* see layer/fusion.h */
} dnx_pass;

typedef struct dnx_layer_type {
    const char *name;    /* the section's name */
    const char *aliases; /* other names in stock cfg files, "conv|cnv"; may be NULL */
    const char *summary; /* one line for `darknet layers` */
    bool is_loss;
    bool is_reentrant; /* predicting, forward() writes only y and scratch; false is always right */
    /* Input 0 is the layer before. An option of type DNX_LIST can name more layers: negative
     * numbers count back from this layer, others from the first. NULL: no such option. */
    const char *layers_key;
    bool only_named_inputs; /* layers_key names all inputs; the layer before is none of them */
    const dnx_opt *options; /* NULL when the type has no options */
    size_t state_size;
    dnx_status (*make)(dnx_node *n, dnx_err *err); /* checks options and shapes, sets n->out */
    void (*forward)(dnx_node *n, dnx_pass *p);
    void (*backward)(dnx_node *n, dnx_pass *p);       /* NULL when the type can only predict */
    double (*macs)(const dnx_node *n);                /* multiply-adds for one image; NULL when 0 */
    dnx_status (*prepare)(dnx_node *n, dnx_err *err); /* folds batch norm, packs filters */
    const struct dnx_fusion *fusion;                  /* the optional parts; NULL in most types */
    const struct dnx_classifier *classifier;
    const struct dnx_compression *compression;
    const struct dnx_advice *advice;
    const struct dnx_description *description;
} dnx_layer_type;

#include "layer/helpers.h"
#endif
