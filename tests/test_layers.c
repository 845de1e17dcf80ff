/* test_layers.c - the contract of dnx.h, checked for every type of the registry.
 *
 * Add a layer: add a row to `rows` for each branch of its code. The suite fails for a type without
 * one. Gradients are compared with central differences; then the forward of the common types with
 * loops in double. All runs once per kernel set, each in a child process with DNX_ISA set. */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cfg.h"
#include "dnx.h"
#include "kernels/kernels.h"
#include "kernels/pool.h"
#include "opts.h"
#include "registry.h"

static int passed, failed, skipped;
static const char *isa;

static bool check(bool ok, const char *name, const char *what, double got, double want) {
    if (ok) passed++;
    else {
        failed++;
        printf("%s: %s: %s (%.9g, expected %.9g)\n", isa, name, what, got, want);
    }
    return ok;
}

/* ---- rows ---- */

enum {
    SEPARATE = 1, /* inputs .05 and more from each other and from whole numbers: kinks */
    TOGETHER = 2, /* an image's output depends on the others of the batch */
    /* Gradients through a sign are estimates, which no difference shows: test_binary.c compares
     * them with a stand-in. Of the weights, and of all that stands before the signs: */
    ESTIMATED = 4, SIGNS = 8
};
typedef struct {
    const char *name, *type, *text;
    int B, H, W, C;
    double tol;
    int flags;
    dnx_shape second; /* of input 1 or of a teacher's output; 0: as input 0 */
    double loss_factor; /* what the gradient lacks against the loss; 0: nothing */
} row;

static const row rows[] = {
    {"conv 1x1", "convolutional", "filters=5\nactivation=linear\n", 3, 4, 3, 6, 2e-3, 0, {0}, 0},
    {"conv 3x3 bn relu", "convolutional",
     "filters=7\nsize=3\npad=1\nbatch_normalize=1\nactivation=relu\n", 2, 5, 4, 3, 1e-2, 0, {0},
         0},
    {"conv stride 2 prelu", "convolutional",
     "filters=4\nsize=3\nstride=2\npadding=1\nactivation=prelu\n", 2, 6, 5, 2, 5e-3, 0, {0}, 0},
    {"conv groups", "convolutional",
     "filters=6\nsize=2\ngroups=3\nbatch_normalize=1\nactivation=prelu\n", 2, 4, 3, 9, 1e-2, 0,
         {0}, 0},
    {"conv depthwise", "convolutional",
     "filters=10\nsize=3\nstride=2\npad=1\ngroups=5\nbatch_normalize=1\nactivation=prelu\n", 2, 5,
     4, 5, 1e-2, 0, {0}, 0},
    {"conv few rows", "convolutional", "filters=70\nactivation=prelu\n", 3, 1, 2, 21, 5e-3, 0, {0},
     0},
    {"conv logistic", "convolutional", "filters=3\nsize=2\n", 2, 3, 4, 2, 5e-3, 0, {0}, 0},
    {"conv 33 bn", "convolutional", "filters=33\nbatch_normalize=1\nactivation=prelu\n", 2, 3, 3,
     33,
     1e-2, 0, {0}, 0},
    {"conv 3x3 winograd 4", "convolutional",
     "filters=35\nsize=3\npad=1\nbatch_normalize=1\nactivation=prelu\n", 2, 5, 6, 33, 1e-2, 0,
     {0}, 0},
    {"conv 3x3 winograd 2", "convolutional", "filters=1300\nsize=3\nactivation=tanh\n", 2, 6, 5,
     32, 1e-2, 0, {0}, 0},
    {"low rank 3x3 bn relu", "low_rank",
     "filters=7\nrank=3\nsize=3\npad=1\nbatch_normalize=1\nactivation=relu\n", 2, 5, 4, 3, 1e-2,
     0, {0}, 0},
    {"low rank stride 2 prelu", "low_rank",
     "filters=4\nrank=2\nsize=3\nstride=2\npadding=1\nactivation=prelu\n", 2, 6, 5, 2, 5e-3, 0,
     {0}, 0},
    {"low rank 1x1", "low_rank", "filters=37\nrank=17\nactivation=linear\n", 3, 4, 3, 33, 3e-3, 0,
     {0}, 0},
    {"low rank 1x1 bn prelu", "low_rank",
     "filters=5\nrank=5\nbatch_normalize=1\nactivation=prelu\n", 3, 3, 3, 6, 1e-2, 0, {0}, 0},
    {"dw 3x3", "depthwise", "pad=1\n", 2, 5, 4, 5, 3e-3, 0, {0}, 0},
    {"dw multiplier", "depthwise", "pad=1\nmultiplier=3\nstride=2\n", 2, 5, 4, 2, 3e-3, 0, {0}, 0},
    {"dw stride 2 bn prelu", "depthwise",
     "stride=2\npad=1\nbatch_normalize=1\nactivation=prelu\n", 3, 6, 7, 18, 1e-2, 0, {0}, 0},
    {"gdc", "global_depthwise", "", 3, 4, 3, 7, 3e-3, 0, {0}, 0},
    {"gdc bn", "global_depthwise", "batch_normalize=1\nactivation=relu6\n", 6, 3, 4, 17, 1e-2, 0,
     {0}, 0},
    {"connected", "connected", "output=5\nactivation=linear\n", 3, 2, 3, 4, 3e-3, 0, {0}, 0},
    {"connected default", "connected", "output=1\n", 1, 1, 1, 3, 3e-3, 0, {0}, 0},
    {"connected bn leaky", "connected", "output=19\nbatch_normalize=1\nactivation=leaky\n", 6, 1,
     2, 5,
     1e-2, 0, {0}, 0},
    {"connected prelu", "connected", "output=37\nactivation=prelu\n", 4, 2, 1, 33, 5e-3, 0, {0},
     0},
    {"shortcut", "shortcut", "from=-2\n", 2, 3, 4, 5, 2e-3, 0, {0}, 0},
    {"shortcut act", "shortcut", "from=-2\nactivation=tanh\nalpha=.5\nbeta=-1.5\n", 3, 3, 4, 5,
     5e-3, 0,
     {0}, 0},
    {"shortcut from larger", "shortcut", "from=-2\nalpha=.7\nbeta=2\n", 2, 2, 3, 4, 2e-3, 0, {4,
     6, 3}, 0},
    {"shortcut from smaller", "shortcut", "from=-2\nalpha=.7\nactivation=logistic\n", 2, 4, 5, 2,
     5e-3, 0,
     {2, 2, 5}, 0},
    {"batchnorm", "batchnorm", "", 3, 4, 3, 5, 1e-2, 0, {0}, 0},
    {"batchnorm 33", "batchnorm", "", 2, 5, 3, 33, 1e-2, 0, {0}, 0},
    {"act linear", "activation", "", 2, 3, 3, 5, 2e-3, 0, {0}, 0},
    {"act relu", "activation", "activation=relu\n", 2, 3, 3, 5, 2e-3, SEPARATE, {0}, 0},
    {"act prelu", "activation", "activation=prelu\n", 3, 5, 4, 19, 2e-3, SEPARATE, {0}, 0},
    {"act leaky", "activation", "activation=leaky\n", 2, 3, 3, 5, 2e-3, SEPARATE, {0}, 0},
    {"act relu6", "activation", "activation=relu6\n", 2, 3, 3, 5, 2e-3, SEPARATE, {0}, 0},
    {"act logistic", "activation", "activation=logistic\n", 2, 3, 3, 5, 3e-3, 0, {0}, 0},
    {"act tanh", "activation", "activation=tanh\n", 2, 3, 3, 5, 3e-3, 0, {0}, 0},
    {"act elu", "activation", "activation=elu\n", 2, 3, 3, 5, 3e-3, SEPARATE, {0}, 0},
    {"act selu", "activation", "activation=selu\n", 2, 3, 3, 5, 3e-3, SEPARATE, {0}, 0},
    {"act loggy", "activation", "activation=loggy\n", 2, 3, 3, 5, 3e-3, 0, {0}, 0},
    {"act relie", "activation", "activation=relie\n", 2, 3, 3, 5, 3e-3, SEPARATE, {0}, 0},
    {"act ramp", "activation", "activation=ramp\n", 2, 3, 3, 5, 3e-3, SEPARATE, {0}, 0},
    {"act plse", "activation", "activation=plse\n", 2, 3, 3, 5, 3e-3, SEPARATE, {0}, 0},
    {"act stair", "activation", "activation=stair\n", 2, 3, 3, 5, 3e-3, SEPARATE, {0}, 0},
    {"act hardtan", "activation", "activation=hardtan\n", 2, 3, 3, 5, 3e-3, SEPARATE, {0}, 0},
    {"act lhtan", "activation", "activation=lhtan\n", 2, 3, 3, 5, 3e-3, SEPARATE, {0}, 0},
    {"act swish", "activation", "activation=swish\n", 2, 3, 3, 5, 3e-3, 0, {0}, 0},
    {"act hswish", "activation", "activation=hswish\n", 2, 3, 3, 5, 3e-3, SEPARATE, {0}, 0},
    {"act hsigmoid", "activation", "activation=hsigmoid\n", 2, 3, 3, 5, 3e-3, SEPARATE, {0}, 0},
    {"l2norm", "l2norm", "", 2, 3, 2, 7, 3e-3, 0, {0}, 0},
    {"l2norm 33", "l2norm", "", 3, 1, 1, 33, 3e-3, 0, {0}, 0},
    {"maxpool 2/2", "maxpool", "size=2\nstride=2\n", 2, 5, 4, 3, 2e-3, SEPARATE, {0}, 0},
    {"maxpool 3/1 pad 0", "maxpool", "size=3\npadding=0\n", 2, 5, 4, 5, 2e-3, SEPARATE, {0}, 0},
    {"maxpool larger", "maxpool", "size=7\nstride=3\n", 2, 4, 5, 2, 2e-3, SEPARATE, {0}, 0},
    {"avgpool", "avgpool", "", 2, 3, 4, 70, 2e-3, 0, {0}, 0},
    {"route", "route", "layers=-1,-2\n", 2, 3, 4, 5, 2e-3, 0, {3, 4, 3}, 0},
    {"upsample", "upsample", "", 2, 3, 4, 3, 2e-3, 0, {0}, 0},
    {"upsample 3", "upsample", "stride=3\nscale=.5\n", 2, 2, 3, 1, 2e-3, 0, {0}, 0},
    {"downsample", "upsample", "stride=-2\nscale=.25\n", 2, 4, 6, 3, 2e-3, 0, {0}, 0},
    {"dropout", "dropout", "", 3, 3, 4, 5, 2e-3, 0, {0}, 0},
    {"dropout .9", "dropout", "probability=.9\n", 2, 3, 4, 5, 2e-3, 0, {0}, 0},
    {"softmax", "softmax", "", 3, 1, 1, 7, 3e-3, 0, {0}, 0},
    {"softmax map T", "softmax", "temperature=2\n", 3, 2, 3, 4, 3e-3, 0, {0}, 0},
    {"softmax groups", "softmax", "groups=3\nnoloss=1\n", 2, 1, 1, 9, 3e-3, 0, {0}, 0},
    /* the host leaves the 2 of the derivative out */
    {"cost", "cost", "", 3, 1, 1, 5, 3e-3, 0, {0}, .5},
    {"cost masked", "cost", "type=masked\n", 3, 1, 1, 5, 3e-3, 0, {0}, .5},
    {"cost smooth", "cost", "type=smooth\n", 3, 1, 1, 5, 3e-3, SEPARATE, {0}, .5},
    {"cost L1", "cost", "type=L1\n", 3, 1, 1, 5, 3e-3, SEPARATE, {0}, 0},
    {"cost seg", "cost", "type=seg\nnoobj=.3\n", 3, 1, 1, 5, 3e-3, 0, {0}, .5},
    {"cost wgan", "cost", "type=wgan\n", 3, 1, 1, 5, 3e-3, 0, {0}, 0},
    {"margin none", "margin_softmax", "classes=7\ns=4\n", 4, 1, 1, 5, 5e-3, 0, {0}, 0},
    {"margin sphereface", "margin_softmax", "classes=7\ns=4\nmargin=sphereface\n", 4, 1, 1, 5,
     5e-3, 0,
     {0}, 0},
    {"margin am", "margin_softmax", "classes=5\ns=4\nmargin=am\nlabel_smoothing=.1\n", 4, 2, 1, 3,
     5e-3,
     0, {0}, 0},
    {"margin arcface", "margin_softmax", "classes=300\ns=4\nmargin=arcface\n", 5, 1, 1, 9, 5e-3,
     0, {0},
     0},
    {"margin easy", "margin_softmax", "classes=7\ns=4\nmargin=arcface\neasy_margin=1\n", 4, 1, 1,
     5,
     5e-3, 0, {0}, 0},
    {"margin combined", "margin_softmax", "classes=7\ns=4\nmargin=combined\n", 4, 1, 1, 5, 5e-3,
     0, {0},
     0},
    {"margin mv-am", "margin_softmax", "classes=7\ns=4\nmargin=mv-am\n", 4, 1, 1, 5, 5e-3, 0, {0},
     0},
    {"margin mv-arc", "margin_softmax", "classes=7\ns=4\nmargin=mv-arc\n", 4, 1, 1, 5, 5e-3, 0,
     {0}, 0},
    {"margin d-softmax", "margin_softmax", "classes=7\ns=4\nmargin=d-softmax\n", 4, 1, 1, 5, 5e-3,
     0,
     {0}, 0},
    {"binary bwn", "binary", "filters=5\nsize=3\npad=1\nbatch_normalize=1\nactivation=relu\n", 2,
     5, 4, 3, 1e-2, ESTIMATED, {0}, 0},
    {"binary 33 center", "binary", "filters=33\ncenter=1\nactivation=prelu\n", 2, 3, 3, 33, 5e-3,
     ESTIMATED, {0}, 0},
    {"binaryconnect clamp", "binary",
     "filters=4\nsize=2\nstride=2\nmode=binaryconnect\nclamp=1\ngradient=plain\n", 3, 4, 6, 2, 5e-3,
     ESTIMATED, {0}, 0},
    {"binary xnor", "binary",
     "filters=5\nsize=3\npad=1\nmode=xnor\nbatch_normalize=1\nactivation=relu\n", 3, 5, 4, 6, 1e-2,
     ESTIMATED | SIGNS, {0}, 0},
    {"binary xnor paper", "binary",
     "filters=35\nsize=3\nstride=2\npadding=2\nmode=xnor\ngradient=paper\nactivation=prelu\n", 2, 5,
     6, 67, 1e-2, ESTIMATED | SIGNS, {0}, 0},
    {"binary xnor no map", "binary",
     "filters=70\nmode=xnor\nk_map=0\nbatch_normalize=1\nnormalize=output\nactivation=relu\n", 3, 4,
     3, 13, 1e-2, ESTIMATED | SIGNS, {0}, 0},
    {"binary bnn", "binary",
     "filters=130\nsize=3\npad=1\nmode=bnn\nbatch_normalize=1\nactivation=hardtan\n", 2, 4, 3, 64,
     1e-2, ESTIMATED | SIGNS, {0}, 0},
    {"binary one pixel", "binary", "filters=40\nsize=3\nmode=bnn\nactivation=leaky\n", 1, 3, 3, 5,
     1e-2, ESTIMATED | SIGNS, {0}, 0},
    {"kd feature", "kd_feature", "weight=3\n", 4, 1, 1, 7, 3e-3, 0, {0}, 0},
    {"kd feature raw", "kd_feature", "normalize=0\n", 3, 1, 1, 33, 3e-3, 0, {0}, 0},
    {"kd feature cosine", "kd_feature", "distance=cosine\nnormalize=0\n", 3, 1, 1, 5, 3e-3, 0, {0},
     0},
    {"kd feature hint", "kd_feature", "", 3, 5, 4, 20, 3e-3, 0, {0}, 0},
    {"kd feature map", "kd_feature", "", 4, 1, 1, 5, 3e-3, 0, {1, 1, 37}, 0},
    {"kd feature raw map of a hint", "kd_feature", "normalize=0\n", 2, 3, 2, 6, 3e-3, 0, {3, 2, 4},
     0},
    /* Hardness is a constant in the gradient: 1 with one image. More in test_kd.c. */
    {"kd feature softmax", "kd_feature", "hard=softmax\n", 1, 1, 1, 7, 3e-3, 0, {0}, 0},
    {"kd feature power", "kd_feature", "hard=power\npower=2\n", 1, 1, 1, 7, 3e-3, 0, {0}, 0},
    {"kd correlation", "kd_correlation", "weight=10\n", 5, 1, 1, 7, 3e-3, TOGETHER, {0}, 0},
    {"kd correlation order 5", "kd_correlation", "weight=10\norder=5\ngamma=.7\n", 4, 2, 1, 3, 3e-3,
     TOGETHER, {1, 1, 33}, 0},
    {"kd correlation bilinear", "kd_correlation", "kernel=bilinear\n", 6, 1, 1, 40, 3e-3, TOGETHER,
     {1, 1, 5}, 0},
    {"margin sv-am", "margin_softmax", "classes=7\ns=4\nmargin=sv-am\n", 4, 1, 1, 5, 5e-3, 0, {0},
     0},
    {"margin sv-arc easy", "margin_softmax",
     "classes=7\ns=4\nmargin=sv-arc\nt=1.5\neasy_margin=1\n", 4, 1, 1, 5, 5e-3, 0, {0}, 0},
    {"margin hard", "margin_softmax", "classes=7\ns=4\nmargin=am\nmining=hard\nkeep=.5\n", 5, 1,
     1, 5, 5e-3, 0, {0}, 0},
    {"margin focal", "margin_softmax", "classes=7\ns=4\nmining=focal\nfocus=1.5\n", 4, 1, 1, 5,
     5e-3, 0, {0}, 0},
    {"margin sample", "margin_softmax", "classes=300\ns=4\nmargin=am\nsample=.1\n", 5, 1, 1, 9,
     5e-3, 0, {0}, 0},
    {"kd probability", "kd_probability", "temperature=2\nweight=3\n", 4, 1, 1, 7, 3e-3, 0, {0}, 0},
    {"kd probability blocks", "kd_probability", "temperature=.7\n", 3, 1, 1, 2100, 3e-3, 0, {0},
     0},
};
#define N_ROWS (sizeof rows / sizeof *rows)

/* ---- a node by hand ---- */

typedef struct {
    dnx_node n;
    dnx_pass p;
    dnx_cfg *cfg;
    float *x[DNX_MAX_IN], *dx[DNX_MAX_IN], *y, *dy, *weight, *truth, *target;
    bool has_loss;
} bench;

static const dnx_layer_type *find_type(const char *name) {
    for (int i = 0; dnx_layer_types[i]; i++)
        if (!strcmp(dnx_layer_types[i]->name, name)) return dnx_layer_types[i];
    return NULL;
}

static void close_bench(bench *b) {
    if (b->n.type->unmake && b->n.state) b->n.type->unmake(&b->n);
    if (b->n.opts) dnx_opts_free(b->n.type->options, b->n.opts);
    dnx_pool_free(b->n.pool);
    dnx_cfg_free(b->cfg);
    free(b->n.opts);
    free(b->n.state);
    for (int i = 0; i < b->n.n_in; i++) dnx_free(b->x[i]), dnx_free(b->dx[i]);
    dnx_free(b->y), dnx_free(b->dy), dnx_free(b->weight), dnx_free(b->truth);
    dnx_free(b->target);
    dnx_free(b->p.scratch);
}

static dnx_status open_bench(bench *b, const row *r, int batch, bool trains, int threads,
                             dnx_err *err) {
    memset(b, 0, sizeof *b);
    char text[600];
    dnx_node *n = &b->n;
    n->type = find_type(r->type);
    if (!n->type) return dnx_fail(err, DNX_EOPTION, n->loc, "no type %s", r->type);
    int len = snprintf(text, sizeof text, "[%s]\n%s", r->type, r->text);
    dnx_status st = dnx_cfg_parse(text, (size_t)len, "row", &b->cfg, err);
    if (st) return st;
    n->loc = (dnx_loc){"row", 1};
    n->index = 5;
    n->batch = batch;
    n->trains = trains;
    n->seed = 7;
    n->pool = dnx_pool_new(threads);
    n->opts = calloc(1, n->type->opts_size + 1);
    n->state = calloc(1, n->type->state_size + 1);
    st = dnx_opts_parse(&n->type->options, &n->opts, 1, b->cfg->sections, "row", err);
    if (st) return st;
    n->n_in = n->type->layers_key && !n->type->wants ? 2 : 1;
    for (int i = 0; i < n->n_in; i++) n->in[i] = (dnx_shape){r->H, r->W, r->C};
    if (n->type->wants) n->target = r->second.h ? r->second : n->in[0];
    else if (r->second.h) n->in[1] = r->second;
    n->from[0] = 4, n->from[1] = 3;
    st = n->type->make(n, err);
    if (st) return st;

    size_t B = (size_t)batch;
    dnx_rng g;
    dnx_rng_seed(&g, 11, 0);
    for (int i = 0; i < n->n_in; i++) {
        size_t count = B * dnx_size(n->in[i]);
        b->x[i] = dnx_alloc(count);
        b->dx[i] = dnx_alloc(count);
        for (size_t k = 0; k < count; k++) b->x[i][k] = dnx_rng_normal(&g);
        if (r->flags & SEPARATE) /* k*.1 + .05, shuffled: never within .05 of a whole number */
            for (size_t k = 0; k < count; k++) {
                size_t o = (size_t)(dnx_rng_next(&g) % (k + 1));
                b->x[i][k] = b->x[i][o];
                b->x[i][o] = (float)((double)k - (double)count / 2) * .1f + .05f;
            }
        for (size_t k = 0; (r->flags & SEPARATE) && !strcmp(r->type, "activation") &&
            k < count; k++)
            b->x[i][k] = fmodf(b->x[i][k], 9); /* keeps the distance from whole numbers */
    }
    size_t count = B * dnx_size(n->out);
    b->y = dnx_alloc(count);
    b->dy = dnx_alloc(count);
    b->weight = dnx_alloc(count);
    for (size_t k = 0; k < count; k++) b->weight[k] = dnx_rng_normal(&g);
    b->truth = dnx_alloc(B);
    const dnx_pair *given = dnx_opts_given(b->cfg->sections, "classes");
    size_t classes = given ? (size_t)atoi(given->value) : dnx_size(n->out);
    for (size_t k = 0; k < B; k++) b->truth[k] = (float)(dnx_rng_next(&g) % classes);
    size_t wanted = B * dnx_size(n->target);
    b->target = dnx_alloc(wanted);
    for (size_t k = 0; k < wanted; k++) b->target[k] = dnx_rng_normal(&g);
    b->has_loss = n->type->is_loss && !strstr(r->text, "noloss=1");
    b->p.scratch = dnx_alloc(n->scratch);
    /* Weights that are not their initial values, so that biases, scales and slopes matter. */
    if (n->type->params) {
        dnx_param list[DNX_MAX_PARAMS];
        int np = n->type->params(n, list);
        for (int i = 0; i < np; i++)
            for (size_t k = 0; k < list[i].count; k++)
                list[i].value[k] += .3f * (dnx_rng_uniform(&g) - (list[i].is_trained ? .5f : 0));
    }
    return n->type->prepare ? n->type->prepare(n, err) : DNX_OK;
}

static void set_pass(bench *b, int batch, bool training) {
    dnx_pass *p = &b->p;
    float *scratch = p->scratch;
    memset(p, 0, sizeof *p);
    p->batch = batch;
    p->is_training = training;
    p->scratch = scratch;
    for (int i = 0; i < b->n.n_in; i++) p->x[i] = b->x[i];
    p->y = b->y;
    p->truth = b->has_loss ? b->truth : NULL;
    p->target = b->n.type->wants ? b->target : NULL;
}

/* What is minimised: the loss, or minus <weight, y>, whose descent direction by y is weight. */
static double objective(bench *b, int batch, bool training) {
    set_pass(b, batch, training);
    if (b->n.scratch) memset(b->p.scratch, 0xff, sizeof(float) * b->n.scratch);
    b->n.type->forward(&b->n, &b->p);
    if (b->has_loss) return b->p.loss;
    double sum = 0;
    size_t count = (size_t)batch * dnx_size(b->n.out);
    for (size_t i = 0; i < count; i++) sum -= (double)b->weight[i] * (double)b->y[i];
    return sum;
}

static void back(bench *b, bool wants_dx, bool adds) {
    for (int i = 0; i < b->n.n_in; i++) {
        b->p.dx[i] = wants_dx ? b->dx[i] : NULL;
        b->p.dx_adds[i] = adds;
    }
    size_t count = (size_t)b->p.batch * dnx_size(b->n.out);
    memcpy(b->dy, b->weight, sizeof(float) * count);
    b->p.dy = b->has_loss ? NULL : b->dy;
    if (b->n.scratch) memset(b->p.scratch, 0xff, sizeof(float) * b->n.scratch);
    b->n.type->backward(&b->n, &b->p);
}

static void fill(float *p, size_t n, float v) {
    for (size_t i = 0; i < n; i++) p[i] = v;
}

static int get_params(bench *b, dnx_param *list) {
    return b->n.type->params ? b->n.type->params(&b->n, list) : 0;
}

static void zero_grads(bench *b) {
    dnx_param list[DNX_MAX_PARAMS];
    int n = get_params(b, list);
    for (int i = 0; i < n; i++)
        if (list[i].grad) memset(list[i].grad, 0, sizeof(float) * list[i].count);
}

/* ---- gradients ---- */

static double shifted(bench *b, float *at, float v, int batch) {
    float old = *at;
    *at = v;
    if (b->n.type->prepare) b->n.type->prepare(&b->n, NULL);
    double f = objective(b, batch, true);
    *at = old;
    return f;
}

/* Up to 40 elements of a tensor; scale: the largest gradient of the tensor. */
static void check_tensor(bench *b, const row *r, float *x, const float *grad, size_t count,
    int batch,
                         const char *what) {
    double scale = 1e-2, worst = 0, got = 0, want = 0;
    for (size_t i = 0; i < count; i++) scale = fmax(scale, fabs((double)grad[i]));
    size_t step = count > 40 ? count / 40 : 1;
    for (size_t i = 0, k = 0; i < count && k < 40; i += step, k++) {
        float h = r->flags & SEPARATE ? .02f : 4e-3f;
        /* A kink of a hidden value can fall inside the interval: then a smaller one decides. */
        double best = INFINITY, num = 0;
        for (int t = 0; t < 3 && best > r->tol; t++, h *= .25f) {
            float hi = x[i] + h, lo = x[i] - h;
            double d = -(shifted(b, x + i, hi, batch) - shifted(b, x + i, lo, batch)) /
                       ((double)hi - (double)lo) * (r->loss_factor != 0 ? r->loss_factor : 1);
            double e = fabs(d - (double)grad[i]) / scale;
            if (!(e >= best)) best = e, num = d;
        }
        if (!(best <= worst)) worst = best, got = (double)grad[i], want = num;
    }
    if (b->n.type->prepare) b->n.type->prepare(&b->n, NULL);
    check(worst <= r->tol, r->name, what, got, want);
}

static void check_gradients(const row *r, int batch) {
    bench b;
    dnx_err err = {0};
    char what[80];
    dnx_param list[DNX_MAX_PARAMS];
    if (open_bench(&b, r, r->B, true, 1, &err)) {
        check(false, r->name, err.text, err.status, 0);
        close_bench(&b);
        return;
    }
    zero_grads(&b);
    objective(&b, batch, true);
    for (int i = 0; i < b.n.n_in; i++) fill(b.dx[i], (size_t)r->B * dnx_size(b.n.in[i]), NAN);
    back(&b, true, false);
    int np = get_params(&b, list);
    float *keep[DNX_MAX_PARAMS] = {0}, *dx[DNX_MAX_IN] = {0};
    for (int i = 0; i < b.n.n_in; i++) {
        size_t count = (size_t)batch * dnx_size(b.n.in[i]),
            all = (size_t)r->B * dnx_size(b.n.in[i]);
        dx[i] = dnx_alloc(all);
        memcpy(dx[i], b.dx[i], sizeof(float) * all);
        bool spills = false;
        for (size_t k = count; k < all; k++) spills |= !isnan(b.dx[i][k]);
        check(!spills, r->name, "dx beyond the batch is written", 0, 0);
        snprintf(what, sizeof what, "dx[%d], batch %d", i, batch);
        if (!(r->flags & SIGNS)) check_tensor(&b, r, b.x[i], dx[i], count, batch, what);
    }
    for (int i = 0; i < np; i++) {
        check(list[i].is_trained == (list[i].grad != NULL), r->name, list[i].name, 0, 0);
        if (!list[i].grad) continue;
        keep[i] = dnx_alloc(list[i].count);
        memcpy(keep[i], list[i].grad, sizeof(float) * list[i].count);
        snprintf(what, sizeof what, "gradient of %s, batch %d", list[i].name, batch);
        if (r->flags & ESTIMATED && !strcmp(list[i].name, "weights")) continue;
        if (r->flags & SIGNS && !strcmp(list[i].name, "shifts")) continue;
        if (r->flags & SIGNS && !strcmp(list[i].name, "scales") && list[i].count == (size_t)r->C)
            continue;
        check_tensor(&b, r, list[i].value, keep[i], list[i].count, batch, what);
    }
    /* A second pass, adding to dx, without clearing the parameters' gradients; then a third that
     * nobody wants dx of. */
    objective(&b, batch, true);
    for (int i = 0; i < b.n.n_in; i++) fill(b.dx[i], (size_t)r->B * dnx_size(b.n.in[i]), 2);
    back(&b, true, true);
    for (int i = 0; i < b.n.n_in; i++) {
        double worst = 0;
        size_t count = (size_t)batch * dnx_size(b.n.in[i]);
        for (size_t k = 0; k < count; k++) {
            double e = fabs((double)b.dx[i][k] - 2 - (double)dx[i][k]);
            e /= 1 + fabs((double)dx[i][k]);
            if (!(e <= worst)) worst = e;
        }
        check(worst < 1e-5, r->name, "dx is not added to", worst, 0);
    }
    for (int t = 2; t <= 3; t++) {
        for (int i = 0; i < np; i++) {
            double worst = 0;
            for (size_t k = 0; list[i].grad && k < list[i].count; k++) {
                double e = fabs((double)list[i].grad[k] - t * (double)keep[i][k]);
                e /= 1 + fabs((double)keep[i][k]);
                if (!(e <= worst)) worst = e;
            }
            check(worst < 1e-4, r->name, t == 2 ? "gradients of two passes do not add up"
                                                : "dx=NULL changes a gradient", worst, 0);
        }
        if (t == 2) {
            objective(&b, batch, true);
            back(&b, false, false);
        }
    }
    for (int i = 0; i < np; i++) dnx_free(keep[i]);
    for (int i = 0; i < b.n.n_in; i++) dnx_free(dx[i]);
    close_bench(&b);
}

/* ---- predicting ---- */

static void check_predicting(const row *r, bool trains) {
    bench b;
    dnx_err err = {0};
    dnx_param list[DNX_MAX_PARAMS];
    if (open_bench(&b, r, r->B, trains, 2, &err)) {
        check(false, r->name, err.text, err.status, 0);
        close_bench(&b);
        return;
    }
    size_t count = (size_t)r->B * dnx_size(b.n.out);
    float *first = dnx_alloc(count), *values[DNX_MAX_PARAMS];
    int np = get_params(&b, list);
    for (int i = 0; i < np; i++) {
        check(trains || !list[i].grad, r->name, "a predicting layer has a gradient", 1, 0);
        values[i] = dnx_alloc(list[i].count);
        memcpy(values[i], list[i].value, sizeof(float) * list[i].count);
    }
    fill(b.y, count, NAN);
    objective(&b, r->B, false);
    memcpy(first, b.y, sizeof(float) * count);
    bool is_finite = true;
    for (size_t i = 0; i < count; i++) is_finite &= isfinite(first[i]) != 0;
    check(is_finite, r->name, "an output is not finite or not written", 0, 0);
    fill(b.y, count, NAN);
    set_pass(&b, r->B, false);
    b.n.type->forward(&b.n, &b.p);
    check(!memcmp(first, b.y, sizeof(float) * count), r->name, "predicting again differs", 0, 0);
    for (int i = 0; i < np; i++) {
        check(!memcmp(values[i], list[i].value, sizeof(float) * list[i].count), r->name,
              "predicting changes a parameter", 0, 0);
        dnx_free(values[i]);
    }
    if (r->B > 1 && !(r->flags & TOGETHER)) { /* the first image alone, and nothing after it */
        fill(b.y, count, 77);
        objective(&b, 1, false);
        double worst = 0;
        bool spills = false;
        for (size_t i = 0; i < dnx_size(b.n.out); i++)
            worst = fmax(worst, fabs((double)b.y[i] - (double)first[i]));
        for (size_t i = dnx_size(b.n.out); i < count; i++) spills |= b.y[i] != 77;
        check(worst < 1e-5, r->name, "one image alone differs", worst, 0);
        check(!spills, r->name, "y beyond the batch is written", 0, 0);
    }
    if (b.n.type->can_add && b.n.type->can_add(&b.n)) {
        set_pass(&b, r->B, false);
        b.p.residual = b.weight;
        b.n.type->forward(&b.n, &b.p);
        double worst = 0;
        for (size_t i = 0; i < count; i++)
            worst = fmax(worst, fabs((double)b.y[i] - (double)first[i] - (double)b.weight[i]));
        check(worst < 1e-5, r->name, "the residual is not added", worst, 0);
    }
    for (int k = 0; k < b.n.n_in; k++) {
        bool has_nan = false;
        float *x = dnx_alloc((size_t)r->B * dnx_size(b.n.in[k]));
        memcpy(x, b.x[k], sizeof(float) * (size_t)r->B * dnx_size(b.n.in[k]));
        fill(b.x[k], (size_t)r->B * dnx_size(b.n.in[k]), NAN);
        has_nan |= isnan(objective(&b, r->B, false)) != 0; /* of a loss, or of all y */
        check(has_nan, r->name, "NaN goes in and none comes out", 0, 0);
        memcpy(b.x[k], x, sizeof(float) * (size_t)r->B * dnx_size(b.n.in[k]));
        dnx_free(x);
    }
    bool hides_nan = false; /* one NaN at any place of the first image */
    for (size_t i = 0; i < dnx_size(b.n.in[0]); i++) {
        float old = b.x[0][i];
        b.x[0][i] = NAN;
        hides_nan |= !isnan(objective(&b, r->B, false));
        b.x[0][i] = old;
    }
    check(!hides_nan, r->name, "a single NaN is lost", 0, 0);
    dnx_free(first);
    close_bench(&b);
}

static double difference(const float *a, const float *b, size_t n) {
    double worst = 0;
    for (size_t i = 0; i < n; i++) {
        double e = fabs((double)a[i] - (double)b[i]) / (1 + fabs((double)a[i]));
        if (!(e <= worst)) worst = e;
    }
    return worst;
}

static void check_threads(const row *r) {
    bench b[2];
    dnx_err err = {0};
    bool is_open = true;
    for (int i = 0; i < 2; i++) is_open &= !open_bench(&b[i], r, r->B, true, i ? 3 : 1, &err);
    if (check(is_open, r->name, err.text, err.status, 0)) {
        for (int i = 0; i < 2; i++) {
            zero_grads(&b[i]);
            objective(&b[i], r->B, true);
            back(&b[i], true, false);
        }
        double e = difference(b[0].y, b[1].y, (size_t)r->B * dnx_size(b[0].n.out));
        for (int i = 0; i < b[0].n.n_in; i++)
            e = fmax(e, difference(b[0].dx[i], b[1].dx[i],
                (size_t)r->B * dnx_size(b[0].n.in[i])));
        dnx_param p[2][DNX_MAX_PARAMS];
        int np = get_params(&b[0], p[0]);
        get_params(&b[1], p[1]);
        for (int i = 0; i < np; i++) {
            e = fmax(e, difference(p[0][i].value, p[1][i].value, p[0][i].count));
            if (p[0][i].grad) e = fmax(e, difference(p[0][i].grad, p[1][i].grad, p[0][i].count));
        }
        check(e < 1e-5, r->name, "1 and 3 threads differ", e, 0);
    }
    for (int i = 0; i < 2; i++) close_bench(&b[i]);
}

/* ---- the forward, naively ---- */

typedef struct {
    const char *type, *text;
    int B, H, W, C;
    int N, size, stride, pad, groups, has_bn, act; /* what the text says */
} plain_row;

static const plain_row plain_rows[] = {
    {"convolutional", "filters=5\nactivation=linear\n", 1, 3, 7, 1, 5, 1, 1, 0, 1, 0, DNX_LINEAR},
    {"convolutional", "filters=33\nsize=3\nstride=2\npad=1\nbatch_normalize=1\nactivation=relu\n",
     2,
     7, 4, 3, 33, 3, 2, 1, 1, 1, DNX_RELU},
    {"convolutional", "filters=64\nbatch_normalize=1\nactivation=prelu\n", 3, 5, 9, 33, 64, 1, 1,
     0, 1,
     1, DNX_PRELU},
    {"convolutional", "filters=6\nsize=5\npadding=2\ngroups=3\nactivation=leaky\n", 1, 3, 2, 33,
     6, 5,
     1, 2, 3, 0, DNX_LEAKY},
    {"convolutional", "filters=20\nsize=2\nstride=3\n", 2, 12, 10, 17, 20, 2, 3, 0, 1, 0,
     DNX_LOGISTIC},
    {"convolutional", "filters=100\nsize=7\npad=1\nbatch_normalize=1\nactivation=relu6\n", 1, 4,
     3, 2,
     100, 7, 1, 3, 1, 1, DNX_RELU6},
    {"convolutional", "filters=16\nstride=2\ngroups=2\nactivation=linear\n", 2, 5, 6, 16, 16, 1,
     2, 0,
     2, 0, DNX_LINEAR},
    {"convolutional", "filters=34\nsize=3\npad=1\ngroups=17\nactivation=relu\n", 2, 5, 6, 17, 34, 3,
     1, 1, 17, 0, DNX_RELU},
    {"convolutional", "filters=130\nactivation=linear\n", 4, 1, 1, 33, 130, 1, 1, 0, 1, 0,
     DNX_LINEAR},
    /* Winograd's transforms when predicting: the first three with m = 4, the others with m = 2 */
    {"convolutional", "filters=35\nsize=3\npad=1\nbatch_normalize=1\nactivation=prelu\n", 2, 7, 5,
     33, 35, 3, 1, 1, 1, 1, DNX_PRELU},
    {"convolutional", "filters=64\nsize=3\nactivation=relu6\n", 3, 30, 33, 40, 64, 3, 1, 0, 1, 0,
     DNX_RELU6},
    {"convolutional", "filters=32\nsize=3\npadding=5\nactivation=swish\n", 1, 1, 2, 32, 32, 3, 1,
     5, 1, 0, DNX_SWISH},
    {"convolutional", "filters=201\nsize=3\npad=1\nbatch_normalize=1\nactivation=leaky\n", 1, 5,
     4, 210, 201, 3, 1, 1, 1, 1, DNX_LEAKY},
    {"convolutional", "filters=610\nsize=3\nactivation=linear\n", 2, 13, 12, 70, 610, 3, 1, 0, 1,
     0, DNX_LINEAR},
    {"depthwise", "pad=1\n", 1, 5, 4, 1, 1, 3, 1, 1, 0, 0, DNX_LINEAR},
    {"depthwise", "stride=2\npad=1\nbatch_normalize=1\nactivation=prelu\n", 2, 8, 7, 33, 33, 3, 2,
     1, 0,
     1, DNX_PRELU},
    {"depthwise", "size=7\npad=1\n", 1, 3, 5, 3, 3, 7, 1, 3, 0, 0, DNX_LINEAR},
    {"depthwise", "size=2\nstride=3\nactivation=relu\n", 2, 9, 13, 64, 64, 2, 3, 0, 0, 0,
     DNX_RELU},
    {"depthwise", "stride=2\npad=1\nmultiplier=3\n", 2, 7, 6, 5, 15, 3, 2, 1, 0, 0, DNX_LINEAR},
    {"global_depthwise", "batch_normalize=1\nactivation=linear\n", 9, 7, 6, 33, 33, 0, 1, 0, 0, 1,
     DNX_LINEAR},
    {"global_depthwise", "", 1, 2, 5, 1, 1, 0, 1, 0, 0, 0, DNX_LINEAR},
    {"connected", "output=33\nactivation=relu\n", 1, 3, 2, 3, 33, 0, 1, 0, 1, 0, DNX_RELU},
    {"connected", "output=3\nbatch_normalize=1\n", 7, 1, 5, 33, 3, 0, 1, 0, 1, 1, DNX_LOGISTIC},
    {"connected", "output=130\nactivation=prelu\n", 2, 1, 1, 1, 130, 0, 1, 0, 1, 0, DNX_PRELU},
    {"maxpool", "size=2\nstride=2\n", 2, 7, 4, 33, 0, 2, 2, 1, 0, 0, DNX_LINEAR},
    {"maxpool", "size=3\nstride=2\npadding=3\n", 1, 6, 5, 3, 0, 3, 2, 3, 0, 0, DNX_LINEAR},
    {"maxpool", "size=9\nstride=2\n", 1, 4, 5, 1, 0, 9, 2, 8, 0, 0, DNX_LINEAR},
    {"maxpool", "stride=3\npadding=0\n", 1, 7, 9, 3, 0, 3, 3, 0, 0, 0, DNX_LINEAR},
    {"avgpool", "", 2, 5, 3, 33, 0, 0, 1, 0, 0, 0, DNX_LINEAR},
    {"avgpool", "", 1, 1, 4, 130, 0, 0, 1, 0, 0, 0, DNX_LINEAR},
    {"upsample", "stride=3\n", 2, 2, 5, 3, 0, 0, 3, 0, 0, 0, DNX_LINEAR},
    {"upsample", "", 1, 1, 3, 33, 0, 0, 2, 0, 0, 0, DNX_LINEAR},
    {"batchnorm", "", 3, 5, 2, 33, 0, 0, 1, 0, 0, 1, DNX_LINEAR},
    {"batchnorm", "", 2, 3, 4, 1, 0, 0, 1, 0, 0, 1, DNX_LINEAR},
};

/* x at (y,x) or 0 outside; NHWC. */
static double pixel(const bench *b, int i, int y, int x, int c) {
    dnx_shape s = b->n.in[0];
    if (y < 0 || x < 0 || y >= s.h || x >= s.w) return 0;
    return (double)b->x[0][(((size_t)i * (size_t)s.h + (size_t)y) * (size_t)s.w + (size_t)x) *
                               (size_t)s.c + (size_t)c];
}

/* The linear part of output (i,y,x,c); w: weights in file order. */
static double naive(const plain_row *r, const bench *b, const float *w, int i, int y, int x,
    int c) {
    int kh = r->size, kw = r->size, cg = r->C, c0 = 0;
    double sum = 0, largest = -INFINITY;
    if (!strcmp(r->type, "batchnorm")) return pixel(b, i, y, x, c);
    if (!strcmp(r->type, "upsample")) return pixel(b, i, y / r->stride, x / r->stride, c);
    if (!strcmp(r->type, "maxpool")) {
        for (int ky = 0; ky < kh; ky++)
            for (int kx = 0; kx < kw; kx++) {
                int iy = y * r->stride - r->pad / 2 + ky, ix = x * r->stride - r->pad / 2 + kx;
                if (iy >= 0 && ix >= 0 && iy < r->H && ix < r->W)
                    largest = fmax(largest, pixel(b, i, iy, ix, c));
            }
        return largest;
    }
    if (!kh) kh = r->H, kw = r->W;
    if (!strcmp(r->type, "convolutional")) {
        cg = r->C / r->groups;
        c0 = c / (r->N / r->groups) * cg;
    } else if (!strcmp(r->type, "depthwise")) cg = 1, c0 = c / (r->N / r->C);
    else if (strcmp(r->type, "connected") != 0) cg = 1, c0 = c;
    for (int k = 0; k < cg; k++)
        for (int ky = 0; ky < kh; ky++)
            for (int kx = 0; kx < kw; kx++) {
                double v = pixel(b, i, y * r->stride - r->pad + ky, x * r->stride - r->pad + kx,
                    c0 + k);
                sum += w ? v * (double)w[((c * cg + k) * kh + ky) * kw + kx] : v / (kh * kw);
            }
    return sum;
}

static const float *param(const dnx_param *list, int n, const char *name) {
    for (int i = 0; i < n; i++)
        if (!strcmp(list[i].name, name)) return list[i].value;
    return NULL;
}

/* Compares y with the naive result. `training`: batch statistics, of the naive z. */
static void check_forward(const plain_row *r, bool trains, bool training) {
    row q = {r->type, r->type, r->text, r->B, r->H, r->W, r->C, 0, 0, {0}, 0};
    char name[120];
    bench b;
    dnx_err err = {0};
    dnx_param list[DNX_MAX_PARAMS];
    snprintf(name, sizeof name, "%s %dx%dx%dx%d %.40s", r->type, r->B, r->H, r->W, r->C, r->text);
    for (char *c = name; *c; c++) *c = *c == '\n' ? ' ' : *c;
    if (open_bench(&b, &q, r->B, trains, 2, &err)) {
        check(false, name, err.text, err.status, 0);
        close_bench(&b);
        return;
    }
    int np = get_params(&b, list);
    const float *w = param(list, np, "weights"), *bias = param(list, np, "biases");
    const float *scales = param(list, np, "scales"), *slopes = param(list, np, "slopes");
    const float *rm = param(list, np, "mean"), *rv = param(list, np, "variance");
    dnx_shape o = b.n.out;
    long P = (long)r->B * o.h * o.w;
    double *z = calloc((size_t)P * (size_t)o.c, sizeof *z);
    for (long p = 0; p < P; p++)
        for (int c = 0; c < o.c; c++)
            z[p * o.c + c] = naive(r, &b, w, (int)(p / (o.h * o.w)), (int)(p / o.w % o.h),
                                   (int)(p % o.w), c);
    double worst = 0, got = 0, want = 0;
    float *old_m = NULL, *old_v = NULL;
    if (rm) {
        old_m = dnx_alloc((size_t)o.c), old_v = dnx_alloc((size_t)o.c);
        memcpy(old_m, rm, sizeof(float) * (size_t)o.c), memcpy(old_v, rv,
            sizeof(float) * (size_t)o.c);
    }
    objective(&b, r->B, training);
    for (int c = 0; c < o.c; c++) {
        double m = 0, v = 0, g = 1;
        for (long p = 0; p < P; p++) m += z[p * o.c + c] / (double)P;
        for (long p = 0; p < P; p++) v += (z[p * o.c + c] - m) * (z[p * o.c + c] - m) / (double)P;
        if (training && rm) {
            check(fabs((double)rm[c] - .99 * (double)old_m[c] - .01 * m) < 1e-5, name,
                "rolling mean",
                  (double)rm[c], .99 * (double)old_m[c] + .01 * m);
            check(fabs((double)rv[c] - .99 * (double)old_v[c] - .01 * v) < 1e-4, name,
                  "rolling variance", (double)rv[c], .99 * (double)old_v[c] + .01 * v);
        }
        if (!training && rm) m = (double)old_m[c], v = (double)old_v[c];
        if (rm) g = (double)scales[c] / sqrt(v + 1e-5);
        for (long p = 0; p < P; p++) {
            double u = rm ? (z[p * o.c + c] - m) * g : z[p * o.c + c];
            if (bias) u += (double)bias[c];
            double y = (double)dnx_activate((float)u, (dnx_act)r->act, slopes ? slopes[c] : 0);
            double e = fabs(y - (double)b.y[p * o.c + c]) / (1 + fabs(y));
            if (!(e <= worst)) worst = e, got = (double)b.y[p * o.c + c], want = y;
        }
    }
    check(worst < 2e-5, name,
        training ? "training forward" : trains ? "testing forward" : "forward",
          got, want);
    free(z);
    dnx_free(old_m), dnx_free(old_v);
    close_bench(&b);
}

/* A softmax over a map: the class counts in the order C, H, W. */
static void check_class_order(void) {
    row r = {"softmax class", "softmax", "", 1, 2, 3, 4, 0, 0, {0}, 0};
    bench b;
    dnx_err err = {0};
    if (check(!open_bench(&b, &r, 1, true, 1, &err), r.name, err.text, err.status, 0)) {
        for (int k = 0; k < 24; k++) {
            b.truth[0] = (float)k;
            double loss = objective(&b, 1, true), want = -log((double)b.y[k % 6 * 4 + k / 6]);
            check(fabs(loss - want) < 1e-5, r.name, "loss", loss, want);
        }
    }
    close_bench(&b);
}

/* ---- errors of single layers ---- */

static const struct {
    row r;
    const char *text;
} bad[] = {
    {{"", "shortcut", "from=-2\n", 1, 4, 4, 2, 0, 0, {9, 3, 2}, 0},
     "row:1: [shortcut] from: 9 x 3 x 2 does not fit 4 x 4 x 2"},
    {{"", "shortcut", "from=-2\nactivation=prelu\n", 1, 4, 4, 2, 0, 0, {0}, 0},
     "row:1: [shortcut] activation=prelu: has no slopes here; use [activation]"},
    {{"", "route", "layers=-1,-2\n", 1, 4, 4, 2, 0, 0, {4, 3, 2}, 0},
     "row:1: [route] layers: layer 4 is 4 x 4, but layer 3 is 4 x 3"},
    {{"", "maxpool", "size=9\npadding=1\n", 1, 4, 5, 2, 0, 0, {0}, 0},
     "row:1: [maxpool] size=9: the padded input is only 5 x 6"},
    {{"", "maxpool", "size=2\npadding=3\n", 1, 4, 5, 2, 0, 0, {0}, 0},
     "row:1: [maxpool] padding=3: with size=2 some windows hold nothing but padding"},
    {{"", "upsample", "stride=0\n", 1, 4, 5, 2, 0, 0, {0}, 0},
     "row:1: [upsample] stride=0: must not be 0"},
    {{"", "upsample", "stride=-2\n", 1, 4, 5, 2, 0, 0, {0}, 0},
     "row:1: [upsample] stride=-2: does not divide an input of 4 x 5"},
    {{"", "softmax", "tree=a.tree\n", 1, 1, 1, 2, 0, 0, {0}, 0},
     "row:1: [softmax] tree=a.tree: trees are not supported"},
    {{"", "softmax", "groups=3\nnoloss=1\n", 1, 1, 1, 4, 0, 0, {0}, 0},
     "row:1: [softmax] groups=3: does not divide 4 inputs"},
    {{"", "softmax", "groups=2\nnoloss=1\n", 1, 1, 2, 4, 0, 0, {0}, 0},
     "row:1: [softmax] groups=2: the input must be 1 x 1, not 1 x 2"},
    {{"", "softmax", "groups=2\n", 1, 1, 1, 4, 0, 0, {0}, 0},
     "row:1: [softmax] groups=2: an image has one class, so groups need noloss=1"},
    {{"", "connected", "output=16777216\n", 1, 8, 8, 2, 0, 0, {0}, 0},
     "row:1: [connected] output=16777216: over 2^30 weights for an input of 8 x 8 x 2"},
    {{"", "kd_feature", "", 1, 4, 4, 2, 0, 0, {4, 3, 2}, 0},
     "row:1: [kd_feature] from: 4 x 4 x 2 does not fit the teacher's 4 x 3 x 2"},
    {{"", "kd_feature", "", 1, 1, 1, 40000, 0, 0, {1, 1, 40001}, 0},
     "row:1: [kd_feature] from 40000 channels to the teacher's 40001: over 2^30 weights"},
    {{"", "kd_probability", "", 1, 1, 1, 7, 0, 0, {1, 1, 9}, 0},
     "row:1: [kd_probability] the teacher tells 9 classes apart, the student 7: only features can "
     "be fitted ([kd_feature])"},
};

static void check_errors(void) {
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        bench b;
        dnx_err err = {0};
        dnx_status st = open_bench(&b, &bad[i].r, 1, true, 1, &err);
        if (!check(st && !strcmp(err.text, bad[i].text), bad[i].r.type, bad[i].text, st,
            DNX_ESHAPE))
            printf("  text: %s\n", err.text);
        close_bench(&b);
    }
}

/* ---- all ---- */

static void check_all(void) {
    for (int t = 0; dnx_layer_types[t]; t++) {
        bool has_row = false;
        for (size_t i = 0; i < N_ROWS; i++)
            has_row |= !strcmp(rows[i].type, dnx_layer_types[t]->name);
        check(has_row, dnx_layer_types[t]->name, "the type has no row in test_layers.c", 0, 1);
    }
    for (size_t i = 0; i < N_ROWS; i++) {
        check_gradients(&rows[i], rows[i].B);
        if (rows[i].B > 1) check_gradients(&rows[i], rows[i].B - 1);
        check_predicting(&rows[i], false);
        check_predicting(&rows[i], true);
        check_threads(&rows[i]);
    }
    for (size_t i = 0; i < sizeof plain_rows / sizeof *plain_rows; i++) {
        check_forward(&plain_rows[i], false, false);
        check_forward(&plain_rows[i], true, false);
        check_forward(&plain_rows[i], true, true);
    }
    check_class_order();
    check_errors();
}

/* One child per kernel set: dnx_kernels() chooses once per process. */
int main(void) {
    const char *names[] = {"plain", "avx2", "avx512"};
    for (int i = 0; i < 3; i++) {
        int fd[2], status = 0, counts[3] = {0, 1, 0};
        isa = names[i];
        if (!dnx_kernels_named(isa)) {
            skipped++;
            continue;
        }
        fflush(stdout);
        if (pipe(fd)) return 1;
        pid_t child = fork();
        if (child == 0) {
            passed = failed = skipped = 0;
            setenv("DNX_ISA", isa, 1);
            check(!strcmp(dnx_kernels()->name, isa), "kernels", "DNX_ISA is not obeyed", 0, 0);
            check_all();
            int mine[3] = {passed, failed, skipped};
            bool is_written = write(fd[1], mine, sizeof mine) == (ssize_t)sizeof mine;
            fflush(stdout);
            exit(failed || !is_written);
        }
        close(fd[1]);
        bool has_counts = read(fd[0], counts, sizeof counts) == (ssize_t)sizeof counts;
        close(fd[0]);
        waitpid(child, &status, 0);
        if (!has_counts) printf("%s: the child ended early, status %d\n", isa, status);
        if (!has_counts) counts[0] = counts[2] = 0, counts[1] = 1;
        else if (status && !counts[1]) counts[1] = 1;
        passed += counts[0], failed += counts[1], skipped += counts[2];
    }
    printf("%d passed, %d failed, %d skipped\n", passed, failed, skipped);
    return failed != 0;
}
