/* dnx.h - the interface of a layer type. A layer type is one file: layers_ext/NAME.c defines the
 * dnx_layer_type dnx_NAME for section [NAME] of a cfg. Adding a layer type changes no other file.
 *
 * The network sets the options, the inputs and their shapes, and then calls make() once. It calls
 * prepare() after make() and when weights have changed, forward() and backward() for each batch.
 * n->trains tells make() whether backward() will be called. p->is_training tells forward() whether
 * this batch trains.
 *
 * Tensors are float32, NHWC and contiguous: element (b,y,x,c) of a B x H x W x C tensor is p[((b*H
 * + y)*W + x)*C + c]. A flat vector is 1 x 1 x C. Filters in files are OIHW.
 *
 * Gradients are DESCENT directions, as in libdarknet: minus the derivative of the loss, summed over
 * the batch. backward() STORES into dx, or ADDS to dx when dx_adds is true. backward() skips a dx
 * that is NULL, and always ADDS to the gradients of parameters.
 *
 * `make check-layer LAYER=name` tests a layer type against these rules. The headers in layer/
 * describe optional members, such as those of a loss with a teacher. */
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

/* Code that folds, packs or decomposes layers finds parameters by their role. */
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
    float decay; /* multiplies the network's weight decay */
    int filters; /* filters over the same inputs, count/filters floats each; 0 without filters */
    dnx_role role;
    bool is_one_bit; /* the layer uses each filter as one scale times the signs of its floats */
    bool is_trained; /* false: saved but not trained, such as running statistics */
    float *value;    /* count floats in file order; NULL after dnx_release_param() */
    float *grad;     /* count floats; NULL unless the layer trains the parameter */
    float **at;      /* address of the layer's pointer to value */
} dnx_param;

typedef struct dnx_node {
    const struct dnx_layer_type *type;
    dnx_loc loc; /* file and line of the layer's section, for messages */
    int index;   /* index in the network, from 0 */
    int batch;   /* the most images in a pass */
    bool trains;
    bool keeps_no_weights; /* prepare() may free the parameters after it has packed them */
    bool is_blank;         /* make() may leave the parameters 0: the network replaces them */
    uint64_t seed;         /* call dnx_rng_seed() with seed and index */
    struct dnx_pool *pool; /* threads: kernels/pool.h */
    void *opts, *state;    /* the parsed options; the type's state, zeroed before make() */
    int n_in;
    int from[DNX_MAX_IN]; /* index of the layer that gives each input; -1: the image */
    dnx_shape in[DNX_MAX_IN];
    dnx_shape out;  /* make() sets it */
    size_t scratch; /* make() sets it: size of p->scratch in floats, for all threads together */
    int n_params;
    dnx_param params[DNX_MAX_PARAMS];      /* in the order of the weights file */
    size_t allocated;                      /* floats that dnx_new() has allocated */
    void *memory;                          /* owns the arrays of dnx_new() */
    struct dnx_distillation *distillation; /* for a loss with a teacher (classifier.h); else NULL */
} dnx_node;

/* The arguments of forward() and backward() for one batch. */
typedef struct dnx_pass {
    int batch;
    bool is_training;
    const float *x[DNX_MAX_IN]; /* inputs, batch x in[k] */
    float *y;                   /* output, batch x out; in backward(): what forward() stored */
    const float *dy;
    float *dx[DNX_MAX_IN];
    bool dx_adds[DNX_MAX_IN];
    float *scratch;        /* n->scratch floats; undefined at the start of each call */
    const float *truth;    /* class index of each image, -1 when unknown; NULL without labels */
    uint64_t seen, update; /* numbers of images and of updates before this pass. Seed all random
                            * draws with them: a resumed run then repeats every bit */
    double loss;           /* forward() of a loss stores the SUM over the batch here */
    const float *target;   /* the teacher's output, or NULL: see layer/classifier.h */
    const struct dnx_fused *fused; /* see layer/fusion.h */
} dnx_pass;

typedef struct dnx_layer_type {
    const char *name;    /* the section's name */
    const char *aliases; /* other names of the section, "conv|cnv"; may be NULL */
    const char *summary; /* one line for `darknet layers` */
    bool is_loss;
    bool is_reentrant; /* a predicting forward() writes only y and scratch: threads may share n */
    /* Key of the DNX_LAYERS option that names inputs; NULL when the type has no such option.
     * Negative numbers count back from this layer. Input 0 is the previous layer, unless
     * only_named_inputs. */
    const char *layers_key;
    bool only_named_inputs; /* layers_key names all inputs */
    const dnx_opt *options; /* NULL when the type has no options */
    size_t state_size;
    dnx_status (*make)(dnx_node *n, dnx_err *err); /* checks options and shapes, sets n->out */
    void (*forward)(dnx_node *n, dnx_pass *p);
    void (*backward)(dnx_node *n, dnx_pass *p); /* NULL when the type can only predict */
    double (*macs)(const dnx_node *n); /* multiply-adds of one image; NULL: see dnx_macs() */
    dnx_status (*prepare)(dnx_node *n, dnx_err *err); /* folds batch norm, packs filters; or NULL */
    const struct dnx_fusion *fusion; /* optional parts (layer/); NULL in most types */
    const struct dnx_classifier *classifier;
    const struct dnx_compression *compression;
    const struct dnx_advice *advice;
    const struct dnx_description *description;
} dnx_layer_type;

#include "layer/helpers.h"
#endif
