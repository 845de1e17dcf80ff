/* net.h - builds a network from a cfg and runs it layer by layer, without libdarknet. */
#ifndef DNX_NET_H
#define DNX_NET_H
#include "net/cfg.h"
#include "layer/classifier.h"
#include "layer/fusion.h"
#include "net/notes.h"

/* Options of [net]; options.c describes them. */
typedef struct {
    int batch, subdivisions, height, width, channels, inputs, time_steps, notruth, random, adam;
    int max_batches, burn_in, max_crop, min_crop, flip, center, nesterov, seed;
    float learning_rate, momentum, decay, scale, gamma, power, B1, B2, eps, clip;
    int sampler, identities, images, shift; /* sampler: permutation|balanced */
    float angle, aspect, saturation, exposure, hue, max_ratio, min_ratio;
    float erase, gray, lowres;
    float input_mean, input_scale, width_multiplier, exclusivity, clip_norm, ema;
    int divisor;
    int policy, step; /* policy: see net/rate.h */
    dnx_list steps, scales;
} dnx_net_opts;

typedef struct {
    char key[24];
    int line;
} dnx_place;

/* What the network stores about a layer in addition to its dnx_node. */
typedef struct {
    char *name; /* name= of the section, or NULL */
    /* For a loss whose teacher runs on each batch: index of the output that the loss imitates, in
     * the list of the outputs of all teachers. Else -1. */
    int teacher_output;
    const float *target; /* the teacher's output for the batch; NULL when not computed */
    double loss;         /* summed over the batch, of the last dnx_net_forward_layer() on the CPU */
    uint64_t loaded;     /* checksum of the parameters read from a file, else 0 */
    uint64_t sum;        /* checksum of all that the output depends on (net/fingerprint.h) */
} dnx_link;

struct dnx_teachers;
struct dnx_teacher_opts; /* net/options.h */
struct dnx_net;

/* Opens the teachers of a network while it is built. */
typedef struct {
    /* Opens the teacher of `loss` and adds it to net->teachers. Sets target and target_head of
     * loss->distillation. */
    dnx_status (*open)(struct dnx_net *net, dnx_node *loss, const struct dnx_teacher_opts *o,
                       dnx_err *err);
    /* Loads the teacher's weights. Called only in training, between make() and prepare() of the
     * loss. */
    dnx_status (*load)(struct dnx_net *net, const dnx_node *loss, const struct dnx_teacher_opts *o,
                       dnx_err *err);
    void (*close)(struct dnx_teachers *t);
} dnx_teacher_source;
typedef struct dnx_build dnx_build;

/* Functions that run layers on a device. All pointers in a dnx_pass are addresses in the CPU's
 * memory. */
typedef struct dnx_placement {
    /* Places layers on the device, after make() of all layers. Errors: DNX_EMEM, DNX_EIO,
     * DNX_ESHAPE. */
    dnx_status (*place)(struct dnx_net *net, const struct dnx_placement *p, dnx_err *err);
    void (*remove)(struct dnx_net *net);
    /* Called before place(), when predicting. True when the device can add dnx_residual() to y of
     * layer i. */
    bool (*adds_residual)(const struct dnx_net *net, int i);
    /* Allocates memory of the CPU that the device reads directly. The memory is not zeroed. After
     * NULL, the caller takes ordinary memory. */
    float *(*new_images)(const struct dnx_net *net, size_t floats);
    void (*free_images)(const struct dnx_net *net, float *images);
    /* See dnx_net_images(). */
    void (*images)(struct dnx_net *net, const float *now, const float *next);
    void (*forward)(struct dnx_net *net, int i, dnx_pass *p);
    void (*backward)(struct dnx_net *net, int i, dnx_pass *p);
    /* Waits for the device. Returns layer i's loss, summed over the batch; NaN when the device
     * failed. */
    double (*loss)(struct dnx_net *net, int i);
    /* Called after the CPU has set its gradient of layer i's output to 0: does the same on the
     * device. */
    void (*clear_dy)(struct dnx_net *net, int i, int batch);
    /* Copies the output of layer i to the CPU's memory, unless it is there already. */
    void (*fetch)(struct dnx_net *net, int i, int batch);
    /* Copies parameters and momentum of layer i to the CPU, unless the CPU has them already. */
    void (*catch_up)(struct dnx_net *net, int i);
    /* Called after the parameters or the momentum of layer i have changed on the CPU. */
    void (*changed)(struct dnx_net *net, int i);
    /* For layers that run on the device, but are updated by the CPU: moves their gradients to the
     * CPU's memory, and copies their running statistics. */
    void (*fetch_gradients)(struct dnx_net *net);
    /* Updates layers on the device. Called before the CPU updates any layer. */
    void (*update)(struct dnx_net *net, int batch, float rate, float momentum, float decay);
    /* True when the CPU must not update layer i, because the device updated it or failed. */
    bool (*is_updated)(struct dnx_net *net, int i);
    dnx_status (*status)(struct dnx_net *net, dnx_err *err); /* the device's first failure */
    bool (*is_elsewhere)(const struct dnx_net *net, int i);  /* the device runs layer i */
    void *device;
    char name[128]; /* the device and its precision, for messages */
} dnx_placement;

/* A layer's output, its gradient, and the layers that do part of its work. */
typedef struct {
    float *y, *dy; /* the output in lane 0 of dnx_plan; its gradient, NULL when predicting */
    struct dnx_norm_act *deferred; /* norm and activation that the next layer applies; or NULL */
    /* The forward pass skips a [shortcut] or batch norm that a neighbour computes. merged_into is
     * then the index of the layer whose y it shares, else -1. */
    int merged_into;
    int residual_of; /* the layer whose output this layer adds when it stores y; else -1 */
    bool dy_written; /* in this backward pass dy has been written already */
} dnx_layer_plan;

/* The memory of a network's tensors, and how threads divide the images. */
typedef struct {
    dnx_layer_plan *of;
    struct dnx_pool *alone; /* with lanes > 1: pool of one thread, for the reentrant layers */
    /* Each of `lanes` threads takes its own chunks of images through the reentrant layers. With 1
     * lane, the threads share the rows of one chunk. */
    int lanes;
    /* An array of the caller, lanes x layers. dnx_net_run() adds the seconds of each layer to it.
     * NULL when nothing is measured. */
    double *laps;
    float *scratch; /* lanes x scratch_floats */
    float *outputs; /* lanes x output_floats: all y, which share memory when predicting */
    float *deltas;  /* delta_floats: all dy, which share memory too; NULL when predicting */
    float *result;  /* the result of dnx_net_predict(): batch x outputs */
    size_t output_floats, delta_floats, scratch_floats; /* in one lane */
} dnx_plan;

/* How the optimiser changes the parameters of a layer. */
typedef struct {
    float rate, decay;  /* multiply the learning rate and the weight decay */
    float exclusivity;  /* factor of the weight exclusivity of this layer's filters */
    size_t momentum_at; /* index in `momentum` where the layer begins */
} dnx_layer_sgd;

/* State of the optimiser, and results of the last update. */
typedef struct {
    dnx_layer_sgd *of;    /* of[i]: layer i; of[n].momentum_at: length of `momentum` */
    float *momentum;      /* a float for each trained float, in file order */
    float *average;       /* with ema=: the average of all parameters, see net/average.h */
    bool has_exclusivity; /* a layer that trains has filters and exclusivity= above 0 */
    double exclusivity;   /* sum of E (update.c) over all layers in the last update */
    double norm;          /* with clip_norm: norm of the last update's mean gradient */
    float clip;           /* factor by which clip_norm scaled the last update's gradients; else 1 */
} dnx_optimiser;

/* The cfg from which the network was built. */
typedef struct {
    int line;          /* the line of [net] */
    dnx_place *places; /* keys and lines of the options given in [net] */
    int n_places;
    dnx_notes notes; /* about options that may be a mistake */
} dnx_origin;

typedef struct dnx_net {
    dnx_net_opts o;
    char *file; /* path of the cfg */
    int n;      /* layers */
    dnx_node *nodes;
    dnx_link *links;
    dnx_shape in;
    int batch; /* o.batch / o.subdivisions, or dnx_build.batch */
    int chunk; /* most images that go through the layers together */
    bool trains;
    bool keeps_no_weights; /* layers free packed weights, except while a file is loaded */
    bool is_blank;         /* see dnx_build */
    bool is_partial;       /* a loss lacks parameters whose shape depends on a missing teacher */
    int first_trained;     /* first layer that trains: after the last stopbackward=1 */
    int depth;     /* 1: a teacher; 2: a teacher's teacher, which only gives shapes; else 0 */
    uint64_t seen; /* images trained on */
    int threads;   /* requested threads; the pool may divide work into more shares (build.c) */
    struct dnx_pool *pool;
    dnx_plan plan;
    dnx_optimiser sgd;
    dnx_origin origin;
    struct dnx_teachers *teachers; /* the teachers of its losses; NULL without teachers */
    const dnx_teacher_source *teacher_source;
    const dnx_layer_type *const *more_types;
    const dnx_placement *placement; /* NULL when the CPU runs all layers */
    void *placed;                   /* the state of the placement */
} dnx_net;

/* Options of dnx_net_build(). Every member has the default 0. */
struct dnx_build {
    bool trains;
    bool keeps_no_weights; /* layers free packed parameters and set dnx_param.value to NULL */
    bool is_blank;         /* no initial weights: a file gives all, or the network never runs */
    int batch;             /* 0 means the cfg's batch / subdivisions */
    int threads;           /* 0 means as many as there are processors; at most 64 */
    const dnx_layer_type *const
        *types; /* layer types that the registry lacks; the last element is NULL; may be NULL */
    const dnx_teacher_source *teachers; /* opens the teachers of losses; NULL to open none */
    const dnx_placement *placement;
    const dnx_net *student; /* for a teacher: its student, whose threads and placement it uses */
};

/* Builds the network of a cfg. Free *out with dnx_net_free(). Errors: DNX_EPARSE, DNX_EOPTION,
 * DNX_ESHAPE, DNX_EMEM, and those of opening a teacher or placing layers on a device. */
dnx_status dnx_net_build(const dnx_cfg *cfg, const dnx_build *how, dnx_net **out, dnx_err *err);
void dnx_net_free(dnx_net *net);
/* Lets a network that predicts take images of h x w pixels. Errors: DNX_ESHAPE when a layer does
 * not fit or its weights depend on the size; DNX_EOPTION when the network trains or has released
 * weights; DNX_EMEM. After DNX_EMEM the network may only be freed. */
dnx_status dnx_net_resize(dnx_net *net, int h, int w, dnx_err *err);

/* Finds the layer of the student, or of the teacher, whose output a loss with a teacher reads.
 * kind: the output that the loss needs. The layer is `given` or, when given < 0, the last suitable
 * layer before `end`. Sets *source to the layer, and *head to NULL. But if kind needs a classifier
 * and the layer is a loss with logits(), sets *head to this classifier, and *source to its input.
 * Returns false, with the reason in *why, when no layer is suitable. */
bool dnx_net_source(dnx_net *net, int end, int given, dnx_target_kind kind, int *source,
                    dnx_node **head, const char **why);

/* Returns the layer that stores the output of layer i: i itself, or the layer it is merged into. */
static inline int dnx_net_root(const dnx_net *net, int i) {
    return net->plan.of[i].merged_into >= 0 ? net->plan.of[i].merged_into : i;
}
/* Returns the index of the layer with this number (from 0) or this name, or -1. */
int dnx_net_find(const dnx_net *net, const char *text);
/* Returns the layer whose output is the embedding: the input of the loss or, in a network without a
 * loss, the last layer. Losses of distillation do not count. -1 when the loss reads the image. */
int dnx_net_embedding(const dnx_net *net);
/* Returns file and line of option `key` of [net], or of [net] itself when `key` is not given. */
dnx_loc dnx_net_at(const dnx_net *net, const char *key);

/* Returns the output of layer i of a network that predicts. Call it right after layer i has run on
 * x. When layer i is a batch norm that the next layer applies, computes the output and stores it in
 * `room` (batch x outputs floats). */
const float *dnx_net_own_output(dnx_net *net, int i, const float *x, int batch, float *room);
/* In a network that predicts: if a [shortcut] is merged into layer i, separates both, so that the
 * output of layer i no longer contains the sum. */
void dnx_net_unmerge(dnx_net *net, int i);

typedef enum { DNX_PREDICTING, DNX_TRAINING } dnx_phase;
/* Runs one layer forward for at most net->chunk images. x: the images, B x H x W x C. truth: class
 * indices or NULL. A loss stores its sum over the batch in *loss. With loss NULL the call does not
 * wait for a device. */
void dnx_net_forward_layer(dnx_net *net, int i, const float *x, int batch, dnx_phase phase,
                           const float *truth, double *loss);
/* Returns the loss of layer i in the last dnx_net_forward_layer(), summed over the batch. */
double dnx_net_loss(dnx_net *net, int i);
/* Allocates memory for images. If the network has a device, it is memory that the device reads
 * fast, and *is_of_net is set to true. Else it is ordinary memory. Pass *is_of_net to
 * dnx_net_free_images(). Returns NULL when memory runs out. */
float *dnx_net_new_images(const dnx_net *net, size_t floats, bool *is_of_net);
void dnx_net_free_images(const dnx_net *net, float *images, bool is_of_net);
/* Optional: announces the images of two passes, so that a device can copy them early. now: the
 * images of the next pass; next: the images of the pass after `now`, or NULL. Both have net->batch
 * images and must not change until their pass has ended. */
void dnx_net_images(dnx_net *net, const float *now, const float *next);
/* The backward pass: call dnx_net_backward_begin() once, then dnx_net_backward_layer() for all
 * layers from last to first. If the last layer is not a loss, the caller writes its dy first. */
void dnx_net_backward_begin(dnx_net *net);
void dnx_net_backward_layer(dnx_net *net, int i, const float *x, int batch, const float *truth);
/* Call it before dnx_net_update_layer(). With clip_norm, sets net->sgd.norm to the norm of the mean
 * gradient, and net->sgd.clip to min(1, clip_norm / norm). */
void dnx_net_update_begin(dnx_net *net, int batch);
/* Updates the parameters of layer i, clears the gradients and calls prepare(). Call it for the
 * layers from first to last. The rule is libdarknet's. For a parameter w with momentum v and
 * descent direction g, summed over the batch:
 *   v = momentum*v + g - decay*batch*w,   w += rate/batch*v
 * g is scaled by net->sgd.clip and includes weight exclusivity. With o.nesterov, w moves by
 * Nesterov's momentum. The layer's learning_rate= and decay= multiply rate and decay. */
void dnx_net_update_layer(dnx_net *net, int i, int batch, float rate, float momentum, float decay);

/* Runs layers 0..last forward without training. out: the output of layer `last`, batch x H x W x C.
 * In a network that trains, `last` must not be a layer whose batch norm the next layer computes
 * (plan.of[last].deferred). */
void dnx_net_run(dnx_net *net, const float *x, int batch, int last, float *out);
/* A layer whose output dnx_net_run_taps() copies. */
typedef struct {
    int layer;
    float *out; /* batch x outputs of the layer */
} dnx_tap;
/* Like dnx_net_run(), but copies the outputs of n layers, in any order. */
void dnx_net_run_taps(dnx_net *net, const float *x, int batch, const dnx_tap *taps, int n);
/* Runs all layers for at most net->batch images. Returns the output of the last layer, which is
 * valid until the next call. */
const float *dnx_net_predict(dnx_net *net, const float *x, int batch);
/* Calls prepare() of every layer. Call it after writing parameters. */
dnx_status dnx_net_prepare(dnx_net *net, dnx_err *err);
/* Call it before writing weights into layer i, and dnx_net_release_params() afterwards. Allocates
 * the released parameters. Sets list[0..*count-1] to all parameters. Error: DNX_EMEM. */
dnx_status dnx_net_restore_params(dnx_net *net, int i, dnx_param *list, int *count, dnx_err *err);
/* Calls prepare() of layer i, which frees the parameters when the network keeps no weights. */
dnx_status dnx_net_release_params(dnx_net *net, int i, dnx_err *err);

/* Returns the output of layer i after a pass over `batch` images. Copies the output from the device
 * when the device ran the layer. For a layer that defers its batch norm, returns the values before
 * the norm. */
const float *dnx_net_output(dnx_net *net, int i, int batch);
/* Returns the first failure of the device, or DNX_OK. */
dnx_status dnx_net_status(dnx_net *net, dnx_err *err);

/* Lists the parameters of layer i in file order. Returns their number. list has DNX_MAX_PARAMS
 * elements, or is NULL. */
int dnx_net_params(dnx_net *net, int i, dnx_param *list);
/* Returns the number of trained floats of layer i. */
size_t dnx_net_count(dnx_net *net, int i);
/* Copies the parameters of layer i of `from` to layer k of `to`. Both layers must have parameters
 * of the same lengths. Returns the number of copied floats. */
size_t dnx_net_copy_params(dnx_net *from, int i, dnx_net *to, int k);
/* Returns the bytes of all outputs, their gradients, and the scratch memory. */
size_t dnx_net_memory(const dnx_net *net);
#endif
