/* dnx.h - the contract between networks and layer types. It names nothing of libdarknet.
 *
 * Tensors are float32, NHWC, contiguous: element (b,y,x,c) of a B x H x W x C tensor is
 * p[((b*H + y)*W + x)*C + c]. A flat vector is 1 x 1 x C. Filters in files are OIHW.
 *
 * Signs: dy, dx and parameter gradients are DESCENT directions (minus the derivative of the loss),
 * summed over the batch, as in the host: update adds rate/batch times the gradient. */
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

/* ---- layers ---- */

#define DNX_MAX_IN 64     /* inputs of one layer */
#define DNX_MAX_PARAMS 16 /* parameter tensors of one layer */

typedef struct {
    int h, w, c;
} dnx_shape;

typedef struct {
    const char *name; /* "biases", "scales", "mean", "variance", "weights", "slopes" */
    float *value;     /* count floats, in file order (filters OIHW) */
    float *grad;      /* count floats; NULL when not trained or the network only predicts */
    size_t count;
    float decay;      /* multiplier of the network's weight decay: 1 weights, 0 all others */
    bool is_trained;  /* false: saved but not trained (running statistics) */
    int filters;      /* of weights: filters of count/filters floats each; 0: not said. What weight
                       * exclusivity (EC-KD) is computed over */
} dnx_param;

/* What a loss wants of a teacher: nothing, an inner output, or the logits of its classes. */
typedef enum { DNX_NO_TARGET, DNX_FEATURE, DNX_LOGITS } dnx_wanted;

struct dnx_layer_type;
struct dnx_pool;
struct dnx_tail; /* layers_ext/common/tail.h */

/* One layer of a network. The builder fills everything above `out` before make() runs. */
typedef struct dnx_node {
    const struct dnx_layer_type *type;
    dnx_loc loc;           /* of the section's first line */
    int index;             /* place in the network, from 0 */
    int batch;             /* the largest batch */
    bool trains;           /* false: the network only predicts, backward is never called */
    bool forgets;          /* it only predicts, and nobody asks for its parameters again: prepare()
                            * may free them; params() then gives NULL for a value. False while they
                            * are loaded: params() gives room for all */
    bool leaves_tail;      /* its only reader computes y from z, see dnx_layer_type.tail: forward
                            * writes no y, and pass->y is z. The builder sets it after make() */
    uint64_t seed;         /* of the network; use (seed, index) */
    struct dnx_pool *pool; /* threads; see kernels/pool.h. Never NULL */
    void *opts;            /* options struct of the type */
    void *state;           /* state struct of the type, zeroed */
    int n_in;              /* inputs: 1 unless the type says otherwise */
    int from[DNX_MAX_IN];  /* the layers they come from; -1 is the image */
    dnx_shape in[DNX_MAX_IN];
    /* Of a loss that wants a target (see dnx_layer_type.wants): */
    dnx_shape target;             /* shape of pass->target. {0}: the network has no teacher */
    struct dnx_node *head;        /* LOGITS: the layer that turns in[0] into logits; NULL: in[0] is
                                   * the logits */
    struct dnx_node *target_head; /* the same for pass->target; its parameters never change */
    dnx_shape out;  /* make() sets it */
    size_t scratch; /* make() sets it: floats of shared scratch that a pass needs in all */
    size_t allocated; /* floats that dnx_new gave it; `darknet check` states them */
} dnx_node;

typedef struct {
    int batch;      /* may be smaller than node->batch */
    bool is_training;
    const float *x[DNX_MAX_IN]; /* inputs */
    struct dnx_tail *tail;      /* NULL; or x[0] is z of a layer that leaves its tail: x is what
                                 * dnx_tail_rows() makes of it */
    float *y;                   /* output; in backward it still holds forward's result */
    const float *dy;
    float *dx[DNX_MAX_IN];      /* NULL: nobody wants it */
    bool dx_adds[DNX_MAX_IN];   /* false: store into dx (it holds rubbish); true: add to it */
    const float *residual;      /* forward: NULL, or a tensor like y that is added before storing
                                 * (the builder merges a linear [shortcut]); see can_add */
    float *scratch;             /* node->scratch floats, rubbish; not kept between passes */
    const float *truth;         /* class index of each sample, -1: unknown; NULL: no truth */
    const float *target;        /* what the loss wants: batch x node->target; NULL: none */
    uint64_t seen, update;      /* images and updates trained before this pass: what a layer draws
                                 * or warms up by, so that a resumed run goes on bit for bit */
    double loss;                /* a loss stores the batch's SUM here in forward */
} dnx_pass;

typedef struct dnx_layer_type {
    const char *name;    /* the section: "convolutional" */
    const char *summary; /* one line for `darknet layers` */
    bool is_loss;
    /* Predicting, forward writes nothing but y, scratch and the loss, nothing in the state: then
     * each thread can take images of its own through the network, which is faster than to share
     * every layer's rows. false is always right. */
    bool is_reentrant;
    /* Input 0 is the layer before. An option of type DNX_LIST can name more layers: negative
     * numbers count back from this layer, others from the first. NULL: there is no such option. */
    const char *layers_key;
    bool only_named_inputs;    /* the layer before is not an input; layers_key names them all */
    const dnx_opt *options;
    size_t opts_size, state_size;
    /* Checks options and shapes, sets out and scratch, allocates and initialises. */
    dnx_status (*make)(dnx_node *n, dnx_err *err);
    void (*unmake)(dnx_node *n); /* frees what make allocated, half-made included; may be NULL */
    int (*params)(dnx_node *n, dnx_param *list); /* returns how many; NULL: none */
    void (*forward)(dnx_node *n, dnx_pass *p);
    void (*backward)(dnx_node *n, dnx_pass *p); /* ADDS to parameter gradients. NULL: the
                                                 * type only predicts, it is in no trained part */
    double (*macs)(const dnx_node *n);  /* multiply-adds per image; NULL: 0 */
    /* After weights are loaded into a network that only predicts: fold batch norm, pack filters.
     * Also after every update of a training network when it is not NULL. */
    dnx_status (*prepare)(dnx_node *n, dnx_err *err);
    /* Whether forward honours pass->residual with these options; NULL: no. */
    bool (*can_add)(const dnx_node *n);
    /* Training, batch norm and activation of a layer can wait until its only reader, the next one,
     * has its input in the cache: tail() gives them and z (NULL: with these options they do not
     * wait), does_tail() says whether a layer honours pass->tail. Both NULL: no. */
    struct dnx_tail *(*tail)(dnx_node *n, float **z);
    bool (*does_tail)(const dnx_node *n);
    /* A loss of distillation: input 0 is the layer that `layers_key` names, by default the last one
     * that fits; the builder fills target, head and target_head. It needs no truth. */
    dnx_wanted wants;
    /* A classifier whose logits never lie in memory at once. All three or none. */
    int (*classes)(const dnx_node *n);
    /* z[b][j - lo] = logit of class j in lo..hi-1 for features x (B x in[0]), without margin. */
    void (*logits)(dnx_node *n, const float *x, int batch, int lo, int hi, float *z);
    /* dz: descent directions of those logits. Adds to the parameters' gradients and to dx, which
     * may be NULL. Only after logits() of the same x. */
    void (*logits_back)(dnx_node *n, const float *x, int batch, int lo, int hi, const float *dz,
                        float *dx);
} dnx_layer_type;

/* ---- helpers for layer files ---- */

static inline size_t dnx_size(dnx_shape s) { return (size_t)s.h * (size_t)s.w * (size_t)s.c; }

/* Allocates count zeroed floats into *p, or fails with DNX_EMEM at the node's line. The layer frees
 * them with dnx_free() in unmake(). */
dnx_status dnx_new(dnx_node *n, float **p, size_t count, dnx_err *err);
/* The same for `count` items of `size` bytes of any type. NULL: no memory, and err says so. */
void *dnx_new_array(dnx_node *n, size_t count, size_t size, dnx_err *err);

/* Shares `rows` rows among the threads: calls fn(n, p, lo, hi) side by side for ranges
 * lo <= row < hi that together cover them all, and returns when all are done. What a row is, the
 * layer decides: an image, a pixel. fn writes only what belongs to its rows. */
void dnx_each_row(dnx_node *n, dnx_pass *p, long rows,
                  void (*fn)(dnx_node *n, dnx_pass *p, long lo, long hi));
/* The pixels of all outputs of a pass. */
static inline long dnx_pixels(const dnx_node *n, const dnx_pass *p) {
    return (long)p->batch * n->out.h * n->out.w;
}

#endif
