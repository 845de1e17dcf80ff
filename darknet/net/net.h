/* net.h - builds a network from a cfg and runs it layer by layer. Does not know the host. */
#ifndef DNX_NET_H
#define DNX_NET_H
#include "net/cfg.h"
#include "layer/classifier.h"
#include "layer/fusion.h"
#include "net/notes.h"

/* Options of [net] that the builder and the loop need; names and meaning are the host's. */
typedef struct {
    int batch, subdivisions, height, width, channels, inputs, time_steps, notruth, random, adam;
    int max_batches, burn_in, max_crop, min_crop, flip, center, nesterov, seed;
    float learning_rate, momentum, decay, scale, gamma, power, B1, B2, eps, clip;
    int sampler, identities, images, shift; /* sampler: permutation|balanced */
    float angle, aspect, saturation, exposure, hue, max_ratio, min_ratio;
    float erase, gray, lowres;
    float input_mean, input_scale, width_multiplier, exclusivity, clip_norm;
    int divisor;
    int policy, step; /* policy: constant|step|exp|poly|steps|sigmoid|random */
    dnx_list steps, scales;
} dnx_net_opts;

/* Where an option of [net] stands. */
typedef struct {
    char key[24];
    int line;
} dnx_place;

typedef struct {
    char *name;          /* name= of the section; NULL: none */
    float *y, *dy;       /* y: of the first lane. dy is NULL when predicting, and where nobody asks
                          * for it */
    struct dnx_norm_act *deferred; /* the next layer applies it, and y is z; NULL: nothing */
    int merged_into;     /* of a merged [shortcut]: the layer whose forward adds it; else -1 */
    int residual_of;     /* the layer whose output this layer adds while it stores; else -1 */
    bool dy_written;     /* this backward pass: dy holds a consumer's share */
    float rate, decay;   /* multipliers of the learning rate and the weight decay */
    float exclusivity;   /* factor of the weight exclusivity of this layer's filters */
    int want;            /* of a loss of distillation: which output of a teacher; -1: none */
    const float *target; /* that output for this batch; NULL: not there */
} dnx_link;

struct dnx_teachers;
struct dnx_teacher_opts; /* net/options.h */
struct dnx_net;

/* What opens the teachers of a network while it is built. */
typedef struct {
    /* Opens the teacher of `loss` and fills loss->distillation; keeps it in net->teachers. */
    dnx_status (*open)(struct dnx_net *net, dnx_node *loss,
                       const struct dnx_teacher_opts *o, dnx_err *err);
    void (*close)(struct dnx_teachers *t);
} dnx_teacher_source;
typedef struct dnx_build dnx_build;

/* Memory of a network, and how its threads share it. */
typedef struct {
    struct dnx_pool *alone; /* of one thread, the nodes' where lanes > 1; else NULL */
    int lanes;       /* so many threads take images through all layers side by side, a chunk at a
                      * time, each with outputs and scratch of its own; 1: one chunk at a time,
                      * whose rows the threads share */
    double *laps;    /* lanes x n seconds, to which dnx_net_run adds the time of each layer; NULL:
                      * not wanted. The caller's */
    float *scratch;  /* lanes x scratch_floats */
    float *outputs;  /* lanes x all y. When predicting, outputs that are not needed at the same time
                      * share memory */
    float *deltas;   /* all dy, sharing memory likewise; NULL when predicting */
    float *result;   /* dnx_net_predict's: batch x outputs */
    size_t output_floats, delta_floats, scratch_floats; /* of a lane */
} dnx_plan;

/* What the optimiser keeps, and what the last update gave. */
typedef struct {
    float *momentum;      /* one float per trained parameter, in params order */
    size_t *momentum_at;  /* where layer i's momentum starts */
    bool has_exclusivity; /* some layer's factor is above 0 */
    double exclusivity;   /* of the last update: see dnx_net_update_begin */
    double norm;          /* of the last update's gradient, when clip_norm is set */
    float clip;           /* factor that clip_norm gave the last update's gradients */
} dnx_optimiser;

/* The cfg that a network came from. */
typedef struct {
    int line;          /* of [net] */
    dnx_place *places; /* of the options that [net] gives */
    int n_places;
    dnx_notes notes;   /* of what the cfg says without effect */
} dnx_origin;

typedef struct dnx_net {
    dnx_net_opts o;
    char *file;           /* of the cfg */
    int n;                /* layers */
    dnx_node *nodes;
    dnx_link *links;
    dnx_shape in;
    int batch;            /* o.batch / o.subdivisions, or what the caller asked for */
    int chunk;            /* images that go through the layers at a time; batch when training. When
                           * predicting, few enough that the activations stay in the cache */
    bool trains;
    bool keeps_no_weights; /* its nodes do not, except while a file is read into them */
    bool is_partial;      /* predicts without a loss whose teacher is not there */
    int first_trained;    /* layers before it only predict: those up to the last stopbackward=1 */
    int depth;            /* 0; 1 a teacher, 2 a teacher's teacher (of which only shapes matter) */
    uint64_t seen;        /* images trained on, from the weights file */
    int threads;          /* asked for; results depend on dnx_pool_threads(pool), the shares of a
                           * job: at least min(8, batch / 8) when it trains */
    struct dnx_pool *pool;
    dnx_plan plan;
    dnx_optimiser sgd;
    dnx_origin origin;
    struct dnx_teachers *teachers; /* of its losses of distillation; NULL: none */
    const dnx_teacher_source *teacher_source;
    const dnx_layer_type *const *more_types;
} dnx_net;

/* How a network is built; 0 is the default of every member. */
struct dnx_build {
    bool trains;           /* false: it only predicts */
    bool keeps_no_weights; /* of one that predicts: parameters are released after they were packed,
                            * which takes less memory. Of dnx_net_params only the counts can be used
                            * then, not the values */
    int batch;             /* 0: the cfg's batch / subdivisions */
    int threads;           /* 0: as many as there are processors */
    const dnx_layer_type *const *types; /* besides the registry's; ended by NULL */
    const dnx_teacher_source *teachers; /* NULL: losses of distillation have no teacher */
    const dnx_net *student; /* of a teacher: it works in the student's threads */
};

/* Builds the network of a cfg. DNX_EPARSE, DNX_EOPTION, DNX_ESHAPE, DNX_EMEM: what is wrong, at its
 * line. */
dnx_status dnx_net_build(const dnx_cfg *cfg, const dnx_build *how, dnx_net **out, dnx_err *err);
void dnx_net_free(dnx_net *net);

/* The layer whose output a loss of distillation fits: `given`, or the last before layer `end` that
 * fits when given is < 0. *head: the classifier that makes logits of *source; NULL where the
 * output of *source is what is wanted. false: there is none; *why says so in a few words. */
bool dnx_net_source(dnx_net *net, int end, int given, dnx_wanted wants, int *source,
                    dnx_node **head, const char **why);

/* The number of the layer that `text` names: a number from 0 on, or a name. -1: none. */
int dnx_net_find(const dnx_net *net, const char *text);
/* The layer whose output is the embedding: what the last loss that needs no teacher is given, or
 * else the last layer that is no loss. -1: that loss is given the image. */
int dnx_net_embedding(const dnx_net *net);
/* Where [net] gives that option, or [net] itself. */
dnx_loc dnx_net_at(const dnx_net *net, const char *key);

/* Makes layer i store its own output where a merged [shortcut] was added to it. Predicting only. */
void dnx_net_unmerge(dnx_net *net, int i);

/* One layer forward, at most net->chunk images: x is the image batch, B x H x W x C. truth: class
 * indices or NULL.
 * *loss gets the batch's sum for loss layers; may be NULL. */
void dnx_net_forward_layer(dnx_net *net, int i, const float *x, int batch, bool training,
                           const float *truth, double *loss);
/* One layer backward; layers must come in falling order after dnx_net_backward_begin. The last
 * layer's dy must have been written by the caller unless it is a loss. */
void dnx_net_backward_begin(dnx_net *net);
void dnx_net_backward_layer(dnx_net *net, int i, const float *x, int batch, const float *truth);
/* Before the layers of one update: with clip_norm, the norm of the whole mean gradient into
 * net->norm and the factor min(1, clip_norm / norm) into net->clip; net->exclusivity = 0. */
void dnx_net_update_begin(dnx_net *net, int batch);
/* Adds its layer's exclusivity, then
 * w += rate/batch * v and so on, with Nesterov when o.nesterov; then prepare(); clears gradients.
 * The host's rule: grad -= decay*batch*w; w += rate/batch*grad; grad *= momentum. */
void dnx_net_update_layer(dnx_net *net, int i, int batch, float rate, float momentum, float decay);

/* Layers 0..last forward without training; out gets that layer's output, B x H x W x C. In a
 * training network not of a layer that defers its batch norm. */
void dnx_net_run(dnx_net *net, const float *x, int batch, int last, float *out);
/* The same for several layers, in any order. */
typedef struct {
    int layer;
    float *out; /* batch x the layer's output */
} dnx_tap;
void dnx_net_run_taps(dnx_net *net, const float *x, int batch, const dnx_tap *taps, int n);
/* The same for all layers; returns the output, which lives until the next call. */
const float *dnx_net_predict(dnx_net *net, const float *x, int batch);
/* prepare() of every layer: call once after weights are loaded into a predicting network. */
dnx_status dnx_net_prepare(dnx_net *net, dnx_err *err);
/* Call before writing weights into layer i: allocates the parameters that the network does not
 * keep, and lists them. Call dnx_net_release_params() afterwards. DNX_EMEM. */
dnx_status dnx_net_restore_params(dnx_net *net, int i, dnx_param *list, int *count, dnx_err *err);
/* prepare() of layer i. A network that keeps no weights frees its parameters. */
dnx_status dnx_net_release_params(dnx_net *net, int i, dnx_err *err);

/* Parameters of all layers in file order; returns how many. list may be NULL. */
int dnx_net_params(dnx_net *net, int i, dnx_param *list);
size_t dnx_net_count(dnx_net *net, int i); /* trained floats of layer i */
size_t dnx_net_memory(const dnx_net *net); /* bytes: outputs, deltas, scratch */
#endif
