/* test_layers.c - the contract of dnx.h, checked for every type of the registry.
 *
 * For a new layer add a row to `rows` for each branch of its code. The test fails for a type
 * without a row. Gradients are compared with central differences. (test_forward.c compares the
 * forward pass with loops in double.) Everything runs once for each set of kernels. All rows are in
 * one long table, so that a missing branch is easy to see. */
#include <sys/wait.h>
#include <unistd.h>

#include "layer/fusion.h"
#include "kernels/kernels.h"
#include "lib/layer_bench.h"

/* ---- rows ---- */

static const row rows[] = {
    {"conv 1x1", "convolutional", "filters=5\nactivation=linear\n", 3, 4, 3, 6, 2e-3},
    {"conv 3x3 bn relu", "convolutional",
     "filters=7\nsize=3\npad=1\nbatch_normalize=1\nactivation=relu\n", 2, 5, 4, 3, 1e-2},
    {"conv stride 2 prelu", "convolutional",
     "filters=4\nsize=3\nstride=2\npadding=1\nactivation=prelu\n", 2, 6, 5, 2, 5e-3},
    {"conv groups", "convolutional",
     "filters=6\nsize=2\ngroups=3\nbatch_normalize=1\nactivation=prelu\n", 2, 4, 3, 9, 1e-2},
    {"conv depthwise", "convolutional",
     "filters=10\nsize=3\nstride=2\npad=1\ngroups=5\nbatch_normalize=1\nactivation=prelu\n", 2, 5,
     4, 5, 1e-2},
    {"conv groups, N over C", "convolutional",
     "filters=10\nsize=3\npad=1\ngroups=5\nbatch_normalize=1\nactivation=swish\n", 2, 5, 11, 15,
     1e-2},
    {"conv groups, C over N, stride 2", "convolutional",
     "filters=12\nsize=3\nstride=2\npadding=2\ngroups=4\nbatch_normalize=1\nactivation=prelu\n", 2,
     6, 9, 24, 1e-2},
    {"conv groups 1x1", "convolutional", "filters=28\ngroups=7\nactivation=prelu\n", 2, 3, 9, 14,
     5e-3},
    {"conv groups 5x5", "convolutional",
     "filters=8\nsize=5\npad=1\ngroups=2\nactivation=leaky\n", 2, 5, 7, 8, 5e-3},
    {"conv groups 4x4, stride 3", "convolutional",
     "filters=6\nsize=4\nstride=3\npadding=5\ngroups=3\nactivation=tanh\n", 2, 5, 4, 3, 5e-3},
    {"conv groups 3x3 of 8 bn", "convolutional",
     "filters=48\nsize=3\npad=1\ngroups=6\nbatch_normalize=1\nactivation=tanh\n", 2, 3, 13, 48,
     1e-2},
    {"conv groups of one filter", "convolutional",
     "filters=3\nsize=3\npad=1\ngroups=3\nactivation=relu6\n", 2, 3, 10, 24, 5e-3},
    {"conv wide groups 1x1 bn", "convolutional",
     "filters=36\ngroups=2\nbatch_normalize=1\nactivation=relu\n", 2, 3, 4, 40, 1e-2},
    {"conv groups winograd 4", "convolutional",
     "filters=40\nsize=3\npad=1\ngroups=2\nbatch_normalize=1\nactivation=prelu\n", 2, 5, 6, 36,
     1e-2},
    {"conv few rows", "convolutional", "filters=70\nactivation=prelu\n", 3, 1, 2, 21, 5e-3},
    {"conv logistic", "convolutional", "filters=3\nsize=2\n", 2, 3, 4, 2, 5e-3},
    {"conv 33 bn", "convolutional", "filters=33\nbatch_normalize=1\nactivation=prelu\n", 2, 3, 3,
     33, 1e-2},
    {"conv 3x3 winograd 4", "convolutional",
     "filters=35\nsize=3\npad=1\nbatch_normalize=1\nactivation=prelu\n", 2, 5, 6, 33, 1e-2},
    {"conv 3x3 winograd 2", "convolutional", "filters=1300\nsize=3\nactivation=tanh\n", 2, 6, 5,
     32, 1e-2},
    {"low rank 3x3 bn relu", "low_rank",
     "filters=7\nrank=3\nsize=3\npad=1\nbatch_normalize=1\nactivation=relu\n", 2, 5, 4, 3, 1e-2},
    {"low rank stride 2 prelu", "low_rank",
     "filters=4\nrank=2\nsize=3\nstride=2\npadding=1\nactivation=prelu\n", 2, 6, 5, 2, 5e-3},
    {"low rank 1x1", "low_rank", "filters=37\nrank=17\nactivation=linear\n", 3, 4, 3, 33, 3e-3},
    {"low rank 1x1 bn prelu", "low_rank",
     "filters=5\nrank=5\nbatch_normalize=1\nactivation=prelu\n", 3, 3, 3, 6, 1e-2},
    {"dw 3x3", "depthwise", "pad=1\n", 2, 5, 4, 5, 3e-3},
    {"dw multiplier", "depthwise", "pad=1\nmultiplier=3\nstride=2\n", 2, 5, 4, 2, 3e-3},
    {"dw multiplier 20 bn", "depthwise",
     "pad=1\nmultiplier=20\nbatch_normalize=1\nactivation=tanh\n", 2, 3, 6, 2, 1e-2},
    {"dw stride 2 bn prelu", "depthwise", "stride=2\npad=1\nbatch_normalize=1\nactivation=prelu\n",
     3, 6, 7, 18, 1e-2},
    {"gdc", "global_depthwise", "", 3, 4, 3, 7, 3e-3},
    {"gdc bn", "global_depthwise", "batch_normalize=1\nactivation=relu6\n", 6, 3, 4, 17, 1e-2},
    {"connected", "connected", "output=5\nactivation=linear\n", 3, 2, 3, 4, 3e-3},
    {"connected default", "connected", "output=1\n", 1, 1, 1, 3, 3e-3},
    {"connected bn leaky", "connected", "output=19\nbatch_normalize=1\nactivation=leaky\n", 6, 1,
     2, 5, 1e-2},
    {"connected prelu", "connected", "output=37\nactivation=prelu\n", 4, 2, 1, 33, 5e-3},
    {"shortcut", "shortcut", "from=-2\n", 2, 3, 4, 5, 2e-3},
    {"shortcut act", "shortcut", "from=-2\nactivation=tanh\nalpha=.5\nbeta=-1.5\n", 3, 3, 4, 5,
     5e-3},
    {"shortcut from larger", "shortcut", "from=-2\nalpha=.7\nbeta=2\n", 2, 2, 3, 4, 2e-3, 0, {4, 6,
     3}},
    {"shortcut from smaller", "shortcut", "from=-2\nalpha=.7\nactivation=logistic\n", 2, 4, 5, 2,
     5e-3, 0, {2, 2, 5}},
    {"batchnorm", "batchnorm", "", 3, 4, 3, 5, 1e-2},
    {"batchnorm 33", "batchnorm", "", 2, 5, 3, 33, 1e-2},
    {"batchnorm shift tanh", "batchnorm", "shift=1\nactivation=tanh\n", 3, 4, 3, 17, 1e-2},
    {"batchnorm prelu", "batchnorm", "shift=1\nactivation=prelu\n", 3, 4, 3, 5, 1e-2},
    {"act linear", "activation", "", 2, 3, 3, 5, 2e-3},
    {"act relu", "activation", "activation=relu\n", 2, 3, 3, 5, 2e-3, SEPARATE},
    {"act prelu", "activation", "activation=prelu\n", 3, 5, 4, 19, 2e-3, SEPARATE},
    {"act leaky", "activation", "activation=leaky\n", 2, 3, 3, 5, 2e-3, SEPARATE},
    {"act relu6", "activation", "activation=relu6\n", 2, 3, 3, 5, 2e-3, SEPARATE},
    {"act logistic", "activation", "activation=logistic\n", 2, 3, 3, 5, 3e-3},
    {"act tanh", "activation", "activation=tanh\n", 2, 3, 3, 5, 3e-3},
    {"act elu", "activation", "activation=elu\n", 2, 3, 3, 5, 3e-3, SEPARATE},
    {"act selu", "activation", "activation=selu\n", 2, 3, 3, 5, 3e-3, SEPARATE},
    {"act loggy", "activation", "activation=loggy\n", 2, 3, 3, 5, 3e-3},
    {"act relie", "activation", "activation=relie\n", 2, 3, 3, 5, 3e-3, SEPARATE},
    {"act ramp", "activation", "activation=ramp\n", 2, 3, 3, 5, 3e-3, SEPARATE},
    {"act plse", "activation", "activation=plse\n", 2, 3, 3, 5, 3e-3, SEPARATE},
    {"act stair", "activation", "activation=stair\n", 2, 3, 3, 5, 3e-3, SEPARATE},
    {"act hardtan", "activation", "activation=hardtan\n", 2, 3, 3, 5, 3e-3, SEPARATE},
    {"act lhtan", "activation", "activation=lhtan\n", 2, 3, 3, 5, 3e-3, SEPARATE},
    {"act swish", "activation", "activation=swish\n", 2, 3, 3, 5, 3e-3},
    {"act hswish", "activation", "activation=hswish\n", 2, 3, 3, 5, 3e-3, SEPARATE},
    {"act hsigmoid", "activation", "activation=hsigmoid\n", 2, 3, 3, 5, 3e-3, SEPARATE},
    {"act hard_mish", "activation", "activation=hard_mish\n", 2, 3, 3, 5, 3e-3, SEPARATE},
    {"l2norm", "l2norm", "", 2, 3, 2, 7, 3e-3},
    {"l2norm 33", "l2norm", "", 3, 1, 1, 33, 3e-3},
    {"maxpool 2/2", "maxpool", "size=2\nstride=2\n", 2, 5, 4, 3, 2e-3, SEPARATE},
    {"maxpool 3/1 pad 0", "maxpool", "size=3\npadding=0\n", 2, 5, 4, 5, 2e-3, SEPARATE},
    {"maxpool larger", "maxpool", "size=7\nstride=3\n", 2, 4, 5, 2, 2e-3, SEPARATE},
    {"avgpool", "avgpool", "", 2, 3, 4, 70, 2e-3},
    {"avgpool 3/2 pad", "avgpool", "size=3\nstride=2\npad=1\n", 2, 6, 5, 70, 2e-3},
    {"avgpool 2/1", "avgpool", "size=2\n", 2, 3, 4, 5, 2e-3},
    {"route", "route", "layers=-1,-2\n", 2, 3, 4, 5, 2e-3, 0, {3, 4, 3}},
    {"route group", "route", "layers=-1,-2\ngroups=1\n", 2, 3, 4, 6, 2e-3, 0, {3, 4, 9}},
    {"shuffle", "channel_shuffle", "groups=3\n", 2, 3, 4, 12, 2e-3},
    {"shuffle 2", "channel_shuffle", "", 2, 3, 1, 34, 2e-3},
    {"scale channels", "scale_channels", "from=-2\n", 2, 1, 1, 5, 2e-3, 0, {3, 4, 5}},
    {"scale channels 70", "scale_channels", "from=-2\n", 3, 1, 1, 70, 2e-3, 0, {2, 3, 70}},
    {"sam", "sam", "from=-2\n", 2, 3, 4, 5, 2e-3},
    {"upsample", "upsample", "", 2, 3, 4, 3, 2e-3},
    {"upsample 3", "upsample", "stride=3\nscale=.5\n", 2, 2, 3, 1, 2e-3},
    {"downsample", "upsample", "stride=-2\nscale=.25\n", 2, 4, 6, 3, 2e-3},
    {"dropout", "dropout", "", 3, 3, 4, 5, 2e-3},
    {"dropout .9", "dropout", "probability=.9\n", 2, 3, 4, 5, 2e-3},
    {"softmax", "softmax", "", 3, 1, 1, 7, 3e-3},
    {"softmax map T", "softmax", "temperature=2\n", 3, 2, 3, 4, 3e-3},
    {"softmax groups", "softmax", "groups=3\nnoloss=1\n", 2, 1, 1, 9, 3e-3},
    /* like libdarknet, the gradient lacks the factor 2 of the derivative */
    {"cost", "cost", "", 3, 1, 1, 5, 3e-3, 0, {0}, .5},
    {"cost masked", "cost", "type=masked\n", 3, 1, 1, 5, 3e-3, 0, {0}, .5},
    {"cost smooth", "cost", "type=smooth\n", 3, 1, 1, 5, 3e-3, SEPARATE, {0}, .5},
    {"cost L1", "cost", "type=L1\n", 3, 1, 1, 5, 3e-3, SEPARATE},
    {"cost seg", "cost", "type=seg\nnoobj=.3\n", 3, 1, 1, 5, 3e-3, 0, {0}, .5},
    {"cost wgan", "cost", "type=wgan\n", 3, 1, 1, 5, 3e-3},
    {"margin none", "margin_softmax", "classes=7\ns=4\n", 4, 1, 1, 5, 5e-3},
    {"margin sphereface", "margin_softmax", "classes=7\ns=4\nmargin=sphereface\n", 4, 1, 1, 5,
     5e-3},
    {"margin am", "margin_softmax", "classes=5\ns=4\nmargin=am\nlabel_smoothing=.1\n", 4, 2, 1, 3,
     5e-3},
    {"margin arcface", "margin_softmax", "classes=300\ns=4\nmargin=arcface\n", 5, 1, 1, 9, 5e-3},
    {"margin easy", "margin_softmax", "classes=7\ns=4\nmargin=arcface\neasy_margin=1\n", 4, 1, 1,
     5, 5e-3},
    {"margin combined", "margin_softmax", "classes=7\ns=4\nmargin=combined\n", 4, 1, 1, 5, 5e-3},
    {"margin mv-am", "margin_softmax", "classes=7\ns=4\nmargin=mv-am\n", 4, 1, 1, 5, 5e-3},
    {"margin mv-arc", "margin_softmax", "classes=7\ns=4\nmargin=mv-arc\n", 4, 1, 1, 5, 5e-3},
    {"margin d-softmax", "margin_softmax", "classes=7\ns=4\nmargin=d-softmax\n", 4, 1, 1, 5, 5e-3},
    {"binary bwn", "binary", "filters=5\nsize=3\npad=1\nbatch_normalize=1\nactivation=relu\n", 2,
     5, 4, 3, 1e-2, ESTIMATED},
    {"binary 33 center", "binary", "filters=33\ncenter=1\nactivation=prelu\n", 2, 3, 3, 33, 5e-3,
     ESTIMATED},
    {"binaryconnect clamp", "binary",
     "filters=4\nsize=2\nstride=2\nmode=binaryconnect\nclamp=1\ngradient=plain\n", 3, 4, 6, 2,
     5e-3, ESTIMATED},
    {"binary xnor", "binary",
     "filters=5\nsize=3\npad=1\nmode=xnor\nbatch_normalize=1\nactivation=relu\n", 3, 5, 4, 6, 1e-2,
     ESTIMATED | SIGNS},
    {"binary xnor paper", "binary",
     "filters=35\nsize=3\nstride=2\npadding=2\nmode=xnor\ngradient=paper\nactivation=prelu\n", 2,
     5, 6, 67, 1e-2, ESTIMATED | SIGNS},
    {"binary xnor no map", "binary",
     "filters=70\nmode=xnor\nk_map=0\nbatch_normalize=1\nnormalize=output\nactivation=relu\n", 3,
     4, 3, 13, 1e-2, ESTIMATED | SIGNS},
    {"binary bnn", "binary",
     "filters=130\nsize=3\npad=1\nmode=bnn\nbatch_normalize=1\nactivation=hardtan\n", 2, 4, 3, 64,
     1e-2, ESTIMATED | SIGNS},
    {"binary one pixel", "binary", "filters=40\nsize=3\nmode=bnn\nactivation=leaky\n", 1, 3, 3, 5,
     1e-2, ESTIMATED | SIGNS},
    {"kd feature", "kd_feature", "weight=3\n", 4, 1, 1, 7, 3e-3},
    {"kd feature raw", "kd_feature", "normalize=0\n", 3, 1, 1, 33, 3e-3},
    {"kd feature cosine", "kd_feature", "distance=cosine\nnormalize=0\n", 3, 1, 1, 5, 3e-3},
    {"kd feature hint", "kd_feature", "", 3, 5, 4, 20, 3e-3},
    {"kd feature map", "kd_feature", "", 4, 1, 1, 5, 3e-3, 0, {1, 1, 37}},
    {"kd feature raw map of a hint", "kd_feature", "normalize=0\n", 2, 3, 2, 6, 3e-3, 0, {3, 2,
     4}},
    /* The gradient treats the hardness as a constant; with one image it is 1. test_kd.c tests
     * more. */
    {"kd feature softmax", "kd_feature", "hard=softmax\n", 1, 1, 1, 7, 3e-3},
    {"kd feature power", "kd_feature", "hard=power\npower=2\n", 1, 1, 1, 7, 3e-3},
    {"kd correlation", "kd_correlation", "weight=10\n", 5, 1, 1, 7, 3e-3, TOGETHER},
    {"kd correlation order 5", "kd_correlation", "weight=10\norder=5\ngamma=.7\n", 4, 2, 1, 3,
     3e-3, TOGETHER, {1, 1, 33}},
    {"kd correlation bilinear", "kd_correlation", "kernel=bilinear\n", 6, 1, 1, 40, 3e-3, TOGETHER,
     {1, 1, 5}},
    /* pace=0: thresholds do not depend on earlier passes */
    {"kd relation", "kd_relation", "temperature=.2\npace=0\nweight=9\n#classes=3\n", 6, 1, 1, 7,
     3e-3, TOGETHER},
    {"kd relation hardest", "kd_relation",
     "temperature=.3\npace=0\nhardest=4\nrates=.5,.1\nweight=9\n#classes=2\n", 7, 2, 1, 20, 3e-3,
     TOGETHER, {1, 1, 33}},
    {"margin sv-am", "margin_softmax", "classes=7\ns=4\nmargin=sv-am\n", 4, 1, 1, 5, 5e-3},
    {"margin sv-arc easy", "margin_softmax",
     "classes=7\ns=4\nmargin=sv-arc\nt=1.5\neasy_margin=1\n", 4, 1, 1, 5, 5e-3},
    {"margin hard", "margin_softmax", "classes=7\ns=4\nmargin=am\nmining=hard\nkeep=.5\n", 5, 1, 1,
     5, 5e-3},
    {"margin focal", "margin_softmax", "classes=7\ns=4\nmining=focal\nfocus=1.5\n", 4, 1, 1, 5,
     5e-3},
    {"margin length", "margin_softmax",
     "classes=7\nmargin=sphereface\nscale=length\nramp_end=.3\n", 4, 1, 1, 5, 5e-3},
    {"margin sample", "margin_softmax", "classes=300\ns=4\nmargin=am\nsample=.1\n", 5, 1, 1, 9,
     5e-3},
    /* There is no teacher here; test_centres.c has one. */
    {"margin centres", "margin_softmax", "classes=7\ns=4\nmargin=am\ncentres=teacher\n", 4, 1, 1,
     5, 5e-3},
    {"margin inherited", "margin_softmax",
     "classes=300\ns=4\nmargin=arcface\ncentres=inherited\nmargins=teacher\n", 4, 1, 1, 5, 5e-3},
    {"contrastive", "contrastive", "from=-1\n#classes=2\n", 6, 1, 1, 3, 3e-3, TOGETHER},
    {"triplet hard", "triplet", "from=-1\n#classes=2\n", 6, 1, 1, 3, 3e-3, TOGETHER},
    {"triplet hard plain", "triplet", "from=-1\ndistance=plain\n#classes=3\n", 6, 2, 1, 3, 3e-3,
     TOGETHER},
    {"triplet semihard", "triplet", "from=-1\nmining=semihard\nmargin=1\n#classes=2\n", 7, 1, 1,
     4, 3e-3, TOGETHER},
    {"triplet all", "triplet", "from=-1\nmining=all\nmargin=.8\n#classes=2\n", 6, 1, 1, 33,
     3e-3, TOGETHER},
    {"triplet all plain", "triplet", "from=-1\nmining=all\ndistance=plain\n#classes=2\n", 5, 1,
     1, 4, 3e-3, TOGETHER},
    {"center loss", "center_loss", "from=-1\nclasses=3\nweight=2\n", 4, 2, 1, 3, 3e-3},
    {"kd probability", "kd_probability", "temperature=2\nweight=3\n", 4, 1, 1, 7, 3e-3},
    {"kd probability group", "kd_probability", "temperature=2\ngroup=.8\n", 4, 1, 1, 7, 3e-3,
     TOGETHER},
    {"kd probability group by teacher", "kd_probability", "group=.6\ngroup_by=teacher\n", 4, 1, 1,
     40, 3e-3, TOGETHER},
    {"kd probability blocks", "kd_probability", "temperature=.7\n", 3, 1, 1, 2100, 3e-3},
};
#define N_ROWS (sizeof rows / sizeof *rows)

/* ---- gradients ---- */

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

static void zero_grads(bench *b) {
    dnx_param list[DNX_MAX_PARAMS];
    int n = node_params(&b->n, list);
    for (int i = 0; i < n; i++)
        if (list[i].grad) memset(list[i].grad, 0, sizeof(float) * list[i].count);
}

static double shifted(bench *b, float *at, float v, int batch) {
    float old = *at;
    *at = v;
    if (b->n.type->prepare) b->n.type->prepare(&b->n, NULL);
    double f = objective(b, batch, true);
    *at = old;
    return f;
}

/* Checks up to 40 elements of a tensor. scale: the largest gradient of the tensor. */
static void check_tensor(bench *b, const row *r, float *x, const float *grad, size_t count,
                         int batch, const char *what) {
    double scale = 1e-2, worst = 0, got = 0, want = 0;
    for (size_t i = 0; i < count; i++) scale = fmax(scale, fabs((double)grad[i]));
    size_t step = count > 40 ? count / 40 : 1;
    for (size_t i = 0, k = 0; i < count && k < 40; i += step, k++) {
        float h = r->flags & SEPARATE ? .02f : 4e-3f;
        /* A kink of an inner value may lie in the interval; then a smaller interval is tried. */
        double best = INFINITY, num = 0;
        for (int t = 0; t < 3 && best > r->tol; t++, h *= .25f) {
            float hi = x[i] + h, lo = x[i] - h;
            double d = -(shifted(b, x + i, hi, batch) - shifted(b, x + i, lo, batch)) /
                       ((double)hi - (double)lo) * (r->loss_factor != 0 ? r->loss_factor : 1);
            double e = fabs(d - (double)grad[i]) / scale;
            if (!(e >= best)) best = e, num = d;
        }
        if (best <= worst || isnan(worst)) continue;
        worst = best, got = (double)grad[i], want = num;
    }
    if (b->n.type->prepare) b->n.type->prepare(&b->n, NULL);
    check_part(worst <= r->tol, r->name, what, got, want);
}

static void check_gradients(const row *r, int batch) {
    bench b;
    dnx_err err = {0};
    char what[80];
    dnx_param list[DNX_MAX_PARAMS];
    if (open_bench(&b, r, r->B, true, 1, &err)) {
        check_part(false, r->name, err.text, err.status, 0);
        close_bench(&b);
        return;
    }
    zero_grads(&b);
    objective(&b, batch, true);
    for (int i = 0; i < b.n.n_in; i++) fill(b.dx[i], (size_t)r->B * dnx_size(b.n.in[i]), NAN);
    back(&b, true, false);
    int np = node_params(&b.n, list);
    float *keep[DNX_MAX_PARAMS] = {0}, *dx[DNX_MAX_IN] = {0};
    for (int i = 0; i < b.n.n_in; i++) {
        size_t count = (size_t)batch * dnx_size(b.n.in[i]);
        size_t all = (size_t)r->B * dnx_size(b.n.in[i]);
        dx[i] = dnx_alloc(all);
        memcpy(dx[i], b.dx[i], sizeof(float) * all);
        bool spills = false;
        for (size_t k = count; k < all; k++) spills |= !isnan(b.dx[i][k]);
        check_part(!spills, r->name, "dx beyond the batch is written", 0, 0);
        snprintf(what, sizeof what, "dx[%d], batch %d", i, batch);
        if (!(r->flags & SIGNS)) check_tensor(&b, r, b.x[i], dx[i], count, batch, what);
    }
    for (int i = 0; i < np; i++) {
        check_part(list[i].is_trained == (list[i].grad != NULL), r->name, list[i].name, 0, 0);
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
    /* A second pass adds to dx and to the gradients of the parameters. A third has no dx. */
    objective(&b, batch, true);
    for (int i = 0; i < b.n.n_in; i++) fill(b.dx[i], (size_t)r->B * dnx_size(b.n.in[i]), 2);
    back(&b, true, true);
    for (int i = 0; i < b.n.n_in; i++) {
        double worst = 0;
        size_t count = (size_t)batch * dnx_size(b.n.in[i]);
        for (size_t k = 0; k < count; k++) {
            double e = fabs((double)b.dx[i][k] - 2 - (double)dx[i][k]);
            worst = worse(worst, e / (1 + fabs((double)dx[i][k])));
        }
        check_part(worst < 1e-5, r->name, "dx is not added to", worst, 0);
    }
    for (int t = 2; t <= 3; t++) {
        for (int i = 0; i < np; i++) {
            double worst = 0;
            for (size_t k = 0; list[i].grad && k < list[i].count; k++) {
                double e = fabs((double)list[i].grad[k] - t * (double)keep[i][k]);
                worst = worse(worst, e / (1 + fabs((double)keep[i][k])));
            }
            check_part(worst < 1e-4, r->name, t == 2 ? "gradients of two passes do not add up"
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
        check_part(false, r->name, err.text, err.status, 0);
        close_bench(&b);
        return;
    }
    size_t count = (size_t)r->B * dnx_size(b.n.out);
    float *first = dnx_alloc(count), *values[DNX_MAX_PARAMS];
    int np = node_params(&b.n, list);
    for (int i = 0; i < np; i++) {
        check_part(trains || !list[i].grad, r->name, "a predicting layer has a gradient", 1, 0);
        values[i] = dnx_alloc(list[i].count);
        memcpy(values[i], list[i].value, sizeof(float) * list[i].count);
    }
    fill(b.y, count, NAN);
    objective(&b, r->B, false);
    memcpy(first, b.y, sizeof(float) * count);
    bool is_finite = true;
    for (size_t i = 0; i < count; i++) is_finite &= isfinite(first[i]) != 0;
    check_part(is_finite, r->name, "an output is not finite or not written", 0, 0);
    fill(b.y, count, NAN);
    set_pass(&b, r->B, false);
    b.n.type->forward(&b.n, &b.p);
    check_part(!memcmp(first, b.y, sizeof(float) * count), r->name, "predicting again differs", 0,
               0);
    for (int i = 0; i < np; i++) {
        check_part(!memcmp(values[i], list[i].value, sizeof(float) * list[i].count), r->name,
              "predicting changes a parameter", 0, 0);
        dnx_free(values[i]);
    }
    if (r->B > 1 && !(r->flags & TOGETHER)) { /* a batch of one must write only its own output */
        fill(b.y, count, 77);
        objective(&b, 1, false);
        double worst = 0;
        bool spills = false;
        for (size_t i = 0; i < dnx_size(b.n.out); i++)
            worst = worse(worst, fabs((double)b.y[i] - (double)first[i]));
        for (size_t i = dnx_size(b.n.out); i < count; i++) spills |= b.y[i] != 77;
        check_part(worst < 1e-5, r->name, "one image alone differs", worst, 0);
        check_part(!spills, r->name, "y beyond the batch is written", 0, 0);
    }
    const dnx_fusion *fusion = b.n.type->fusion;
    if (fusion && fusion->adds_residual && fusion->adds_residual(&b.n)) {
        dnx_fused fused = {.residual = b.weight};
        set_pass(&b, r->B, false);
        b.p.fused = &fused;
        b.n.type->forward(&b.n, &b.p);
        double worst = 0;
        for (size_t i = 0; i < count; i++)
            worst = worse(worst, fabs((double)b.y[i] - (double)first[i] - (double)b.weight[i]));
        check_part(worst < 1e-5, r->name, "the residual is not added", worst, 0);
    }
    for (int k = 0; k < b.n.n_in; k++) {
        bool has_nan = false;
        float *x = dnx_alloc((size_t)r->B * dnx_size(b.n.in[k]));
        memcpy(x, b.x[k], sizeof(float) * (size_t)r->B * dnx_size(b.n.in[k]));
        fill(b.x[k], (size_t)r->B * dnx_size(b.n.in[k]), NAN);
        has_nan |= isnan(objective(&b, r->B, false)) != 0; /* of the loss, or of y */
        check_part(has_nan, r->name, "NaN goes in and none comes out", 0, 0);
        memcpy(b.x[k], x, sizeof(float) * (size_t)r->B * dnx_size(b.n.in[k]));
        dnx_free(x);
    }
    bool hides_nan = false; /* one NaN at each place of the first image */
    for (size_t i = 0; i < dnx_size(b.n.in[0]); i++) {
        float old = b.x[0][i];
        b.x[0][i] = NAN;
        hides_nan |= !isnan(objective(&b, r->B, false));
        b.x[0][i] = old;
    }
    check_part(!hides_nan, r->name, "a single NaN is lost", 0, 0);
    dnx_free(first);
    close_bench(&b);
}

static void check_threads(const row *r) {
    bench b[2];
    dnx_err err = {0};
    bool is_open = true;
    for (int i = 0; i < 2; i++) is_open &= !open_bench(&b[i], r, r->B, true, i ? 3 : 1, &err);
    if (check_part(is_open, r->name, err.text, err.status, 0)) {
        for (int i = 0; i < 2; i++) {
            zero_grads(&b[i]);
            objective(&b[i], r->B, true);
            back(&b[i], true, false);
        }
        double e = apart(b[0].y, b[1].y, (size_t)r->B * dnx_size(b[0].n.out));
        for (int i = 0; i < b[0].n.n_in; i++)
            e = worse(e, apart(b[0].dx[i], b[1].dx[i],
                (size_t)r->B * dnx_size(b[0].n.in[i])));
        dnx_param p[2][DNX_MAX_PARAMS];
        int np = node_params(&b[0].n, p[0]);
        node_params(&b[1].n, p[1]);
        for (int i = 0; i < np; i++) {
            e = worse(e, apart(p[0][i].value, p[1][i].value, p[0][i].count));
            if (p[0][i].grad) e = worse(e, apart(p[0][i].grad, p[1][i].grad, p[0][i].count));
        }
        check_part(e < 1e-5, r->name, "1 and 3 threads differ", e, 0);
    }
    for (int i = 0; i < 2; i++) close_bench(&b[i]);
}

/* ---- losses without a teacher ---- */

/* Returns 0 when the loss keeps the contract, 1 when it cannot be made, 2 when a result is wrong.
 * Runs in a process of its own, because a loss that reads the absent target crashes. */
static int without_target(const row *r, bool trains) {
    bench b;
    row alone = *r;
    dnx_err err = {0};
    if (!trains) alone.flags |= NO_TEACHER;
    if (open_bench(&b, &alone, r->B, trains, 2, &err)) return 1;
    set_pass(&b, r->B, trains);
    b.p.target = NULL;
    const bool imitates = dnx_target_of(b.n.type) != DNX_NO_TARGET;
    if (imitates) b.p.loss = (double)NAN;
    fill(b.y, (size_t)r->B * dnx_size(b.n.out), NAN);
    fill(b.dx[0], (size_t)r->B * dnx_size(b.n.in[0]), NAN);
    b.n.type->forward(&b.n, &b.p);
    bool is_right = isfinite(b.p.loss) && (!imitates || b.p.loss == 0);
    for (size_t i = 0; i < (size_t)r->B * dnx_size(b.n.out); i++) is_right &= isfinite(b.y[i]) != 0;
    if (trains) back(&b, true, false);
    for (size_t i = 0; imitates && trains && i < (size_t)r->B * dnx_size(b.n.in[0]); i++)
        is_right &= b.dx[0][i] == 0;
    return is_right ? 0 : 2;
}

/* p->target is NULL when a network with a loss of distillation predicts, as in `darknet classifier
 * raw`. The loss is then 0, y is finite, and no gradient flows. */
static void check_without_target(const row *r) {
    if (!dnx_may_have_teacher(find_type(r->type))) return;
    for (int trains = 0; trains < 2; trains++) {
        int status = 0;
        fflush(stdout);
        const pid_t child = fork();
        if (!child) _exit(without_target(r, trains != 0));
        const bool ended = child > 0 && waitpid(child, &status, 0) == child;
        check_part(ended && WIFEXITED(status), r->name,
                   "p->target is NULL: the layer crashes, signal", WTERMSIG(status), 0);
        check_part(ended && (!WIFEXITED(status) || WEXITSTATUS(status) != 1), r->name,
                   "the network has no teacher: make() fails", 0, 0);
        check_part(ended && (!WIFEXITED(status) || WEXITSTATUS(status) != 2), r->name,
                   "p->target is NULL: loss and dx must be 0, y finite", 0, 0);
    }
}

/* ---- errors of single layers ---- */

static const struct {
    row r;
    const char *text;
} bad[] = {
    {{"", "shortcut", "from=-2\n", 1, 4, 4, 2, 0, 0, {9, 3, 2}},
     "row:1: [shortcut] from: 9 x 3 x 2 does not fit 4 x 4 x 2"},
    {{"", "shortcut", "from=-2\nactivation=prelu\n", 1, 4, 4, 2},
     "row:1: [shortcut] activation=prelu: has no slopes here; use [activation]"},
    {{"", "route", "layers=-1,-2\n", 1, 4, 4, 2, 0, 0, {4, 3, 2}},
     "row:1: [route] layers: layer 4 is 4 x 4, but layer 3 is 4 x 3"},
    {{"", "route", "layers=-1,-2\ngroups=2\n", 1, 4, 4, 2, 0, 0, {4, 4, 3}},
     "row:1: [route] groups=2: must divide 3 channels of layer 3"},
    {{"", "route", "layers=-1,-2\ngroups=2\ngroup_id=2\n", 1, 4, 4, 2},
     "row:1: [route] group_id=2: must be below groups=2"},
    {{"", "channel_shuffle", "groups=3\n", 1, 4, 4, 8},
     "row:1: [channel_shuffle] groups=3: must divide 8 channels"},
    {{"", "scale_channels", "from=-2\n", 1, 1, 1, 3, 0, 0, {4, 4, 2}},
     "row:1: [scale_channels] from: has 2 channels, but the layer before 3"},
    {{"", "scale_channels", "from=-2\n", 1, 2, 3, 2},
     "row:1: [scale_channels] the layer before is 2 x 3, but must be 1 x 1"},
    {{"", "sam", "from=-2\n", 1, 4, 4, 3, 0, 0, {4, 4, 2}},
     "row:1: [sam] from: is 4 x 4 x 2, but the layer before 4 x 4 x 3"},
    {{"", "avgpool", "size=3\n", 1, 4, 1, 2},
     "row:1: [avgpool] size=3: the padded input is only 4 x 1"},
    {{"", "avgpool", "stride=2\n", 1, 4, 4, 2}, "row:1: [avgpool] stride=2: needs size="},
    {{"", "avgpool", "pad=1\n", 1, 4, 4, 2}, "row:1: [avgpool] pad=1: needs size="},
    {{"", "maxpool", "size=9\npadding=1\n", 1, 4, 5, 2},
     "row:1: [maxpool] size=9: the padded input is only 5 x 6"},
    {{"", "maxpool", "size=2\npadding=3\n", 1, 4, 5, 2},
     "row:1: [maxpool] padding=3: with size=2 some windows hold nothing but padding"},
    {{"", "upsample", "stride=0\n", 1, 4, 5, 2}, "row:1: [upsample] stride=0: must not be 0"},
    {{"", "upsample", "stride=-2\n", 1, 4, 5, 2},
     "row:1: [upsample] stride=-2: does not divide an input of 4 x 5"},
    {{"", "softmax", "tree=a.tree\n", 1, 1, 1, 2},
     "row:1: [softmax] tree=a.tree: only Darknet's own command has trees"},
    {{"", "softmax", "groups=3\nnoloss=1\n", 1, 1, 1, 4},
     "row:1: [softmax] groups=3: does not divide 4 inputs"},
    {{"", "softmax", "groups=2\nnoloss=1\n", 1, 1, 2, 4},
     "row:1: [softmax] groups=2: the input must be 1 x 1, not 1 x 2"},
    {{"", "softmax", "groups=2\n", 1, 1, 1, 4},
     "row:1: [softmax] groups=2: an image has one class, so groups need noloss=1"},
    {{"", "connected", "output=16777216\n", 1, 8, 8, 2},
     "row:1: [connected] output=16777216: over 2^30 weights for an input of 8 x 8 x 2"},
    {{"", "kd_feature", "", 1, 4, 4, 2, 0, 0, {4, 3, 2}},
     "row:1: [kd_feature] from: 4 x 4 x 2 does not fit the teacher's 4 x 3 x 2"},
    {{"", "kd_feature", "", 1, 1, 1, 40000, 0, 0, {1, 1, 40001}},
     "row:1: [kd_feature] from 40000 channels to the teacher's 40001: over 2^30 weights"},
    {{"", "kd_probability", "", 1, 1, 1, 7, 0, 0, {1, 1, 9}},
     "row:1: [kd_probability] the teacher has 9 classes, the student 7: only features can "
     "be fitted ([kd_feature])"},
};

static void check_errors(void) {
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        bench b;
        dnx_err err = {0};
        dnx_status st = open_bench(&b, &bad[i].r, 1, true, 1, &err);
        check(st && !strcmp(err.text, bad[i].text), "%s\n  got: %s", bad[i].text, err.text);
        close_bench(&b);
    }
}

/* ---- rows of layers outside the repository ---- */

/* A layer in another folder has its rows in NAME.rows beside NAME.c, one in each line:
 *     B H W C TOLERANCE [kinks] [OPTION=VALUE;...]
 * kinks: the inputs keep a distance from integers, where the derivative of such a layer jumps.
 * The Makefile calls test_layers [-rows FILE]... [TYPE]. */
enum { MOST_ROWS = 64 };
static row more[MOST_ROWS];
static size_t n_more;
static char texts[MOST_ROWS][400], types[MOST_ROWS][80];

static void read_rows(const char *path) {
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    FILE *f = fopen(path, "r");
    char line[500];
    must(f != NULL, path);
    while (n_more < MOST_ROWS && fgets(line, sizeof line, f)) {
        row *r = &more[n_more];
        char *text = texts[n_more];
        *r = (row){0};
        text[0] = 0;
        if (line[0] == '#' || line[0] == '\n') continue;
        int got =
            sscanf(line, "%d %d %d %d %lf %390[^\n]", &r->B, &r->H, &r->W, &r->C, &r->tol, text);
        must(got >= 5, line);
        if (!strncmp(text, "kinks", 5)) {
            r->flags = SEPARATE;
            memmove(text, text + 5, strlen(text + 5) + 1);
        }
        snprintf(types[n_more], sizeof types[0], "%.*s", (int)strcspn(name, "."), name);
        strcat(text, "\n");
        for (char *c = text; *c; c++) *c = *c == ';' ? '\n' : *c;
        r->name = r->type = types[n_more];
        r->text = text;
        n_more++;
    }
    fclose(f);
}

static const row *row_at(size_t i) { return i < N_ROWS ? &rows[i] : &more[i - N_ROWS]; }

/* ---- all ---- */

static const char *only; /* the type that is checked; NULL: all */

static bool is_chosen(const char *type) { return !only || !strcmp(type, only); }

static void check_row(const row *r) {
    check_gradients(r, r->B);
    if (r->B > 1) check_gradients(r, r->B - 1);
    check_predicting(r, false);
    check_predicting(r, true);
    check_threads(r);
    check_without_target(r);
}

static void check_all(void) {
    check(!strcmp(dnx_kernels()->name, where), "DNX_ISA is not obeyed");
    for (int t = 0; dnx_layer_types[t]; t++) {
        const char *name = dnx_layer_types[t]->name;
        bool has_row = !is_chosen(name);
        for (size_t i = 0; i < N_ROWS + n_more; i++) has_row |= !strcmp(row_at(i)->type, name);
        check(has_row, "[%s] has no row in tests/unit/test_layers.c, nor a file %s.rows beside it",
              name, name);
    }
    for (size_t i = 0; i < N_ROWS + n_more; i++)
        if (is_chosen(row_at(i)->type)) check_row(row_at(i));
    if (!only) check_errors();
}

int main(int argc, char **argv) {
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "-rows") && i + 1 < argc) read_rows(argv[++i]);
        else only = argv[i];
    }
    must(!only || find_type(only), "there is no layer type of that name");
    in_each_set(check_all);
    return summary();
}
