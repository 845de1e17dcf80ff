/* test_gpu.c - compares layers on a GPU, emulated by tests/lib/gpu, with layers on the
 * processor. */
#include "gpu/place.h"

#include "cuda/product.h"
#include "lib/gpu/losses.h"

extern const dnx_layer_type dnx_convolutional;

#ifndef DNX_REAL_GPU
/* The emulated driver reads only these lines of the PTX. */
#define ENTRY(name, waits) ".entry " #name "(\n"
const char dnx_gpu_ptx[] = ".version 7.0\n.target sm_80\n" DNX_CUDA_KERNELS(ENTRY);
#endif

static const float no_classes[] = {NAN, 4, -.5f};
#define END "[connected]\noutput=4\nactivation=linear\n[softmax]\n"
// clang-format off
static const net_case cases[] = {
    {"1x1", "[convolutional]\nfilters=70\nbatch_normalize=1\nactivation=prelu\n" END, 5, 6, 67, 3},
    {"3x3", "[convolutional]\nfilters=9\nsize=3\npad=1\nbatch_normalize=1\nactivation=relu\n" END,
     7, 5, 4, 3},
    {"stride", "[convolutional]\nfilters=7\nsize=3\nstride=2\npad=1\nactivation=leaky\n"
     "[convolutional]\nfilters=5\nsize=5\nstride=3\npadding=2\nactivation=linear\n" END,
     13, 11, 3, 4},
    {"even", "[convolutional]\nfilters=6\nsize=2\nstride=2\nactivation=tanh\n" END, 8, 6, 5, 3},
    {"groups", "[convolutional]\nfilters=12\nsize=3\npad=1\ngroups=3\nbatch_normalize=1\n"
     "activation=elu\n[convolutional]\nfilters=24\ngroups=12\nactivation=swish\n" END, 5, 5, 6, 4},
    {"depthwise", "[depthwise]\nsize=3\npad=1\nbatch_normalize=1\nactivation=prelu\n"
     "[depthwise]\nsize=3\nstride=2\npad=1\nactivation=relu6\n[depthwise]\nsize=5\npadding=1\n"
     "batch_normalize=1\n" END, 9, 10, 37, 5},
    {"depthwise, more windows", "[depthwise]\nsize=2\nactivation=leaky\n[depthwise]\nsize=5\n"
     "stride=3\npad=1\n[depthwise]\nsize=4\npadding=2\nbatch_normalize=1\n[depthwise]\nsize=7\n"
     "pad=1\nactivation=relu\n[depthwise]\nsize=10\npad=1\n" END, 33, 29, 33, 7},
    /* Here a batch has so many rows (pixels) that the kernels divide them into several parts. */
    {"many rows", "[convolutional]\nfilters=2\nbatch_normalize=1\nactivation=leaky\n[depthwise]\n"
     "size=3\nstride=2\npad=1\nbatch_normalize=1\n[convolutional]\nfilters=2\n"
     "batch_normalize=1\nactivation=prelu\n[maxpool]\nsize=8\nstride=8\n" END, 211, 213, 1, 6},
    {"3x3 strips", "[convolutional]\nfilters=36\nbatch_normalize=1\nactivation=prelu\n[depthwise]\n"
     "size=3\npad=1\nbatch_normalize=1\nactivation=relu6\n[depthwise]\nsize=3\nstride=2\npad=1\n"
     "batch_normalize=1\nactivation=leaky\n[depthwise]\nsize=3\npad=1\nactivation=swish\n"
     "[depthwise]\nsize=3\npad=1\nbatch_normalize=1\nactivation=linear\n[depthwise]\nsize=3\n"
     "stride=2\npad=1\nbatch_normalize=1\nactivation=prelu\n[depthwise]\nsize=3\npad=1\n"
     "activation=relu\n[depthwise]\nsize=3\nstride=2\npad=1\nactivation=hswish\n" END,
     9, 15, 3, 10, 0, 8},
    {"3x3 strips, shortcuts", "[convolutional]\nfilters=8\nactivation=relu\n[depthwise]\nsize=3\n"
     "pad=1\nbatch_normalize=1\nactivation=prelu\n[shortcut]\nfrom=0\n[depthwise]\nsize=3\n"
     "stride=2\npad=1\nbatch_normalize=1\n[route]\nlayers=2\n[depthwise]\nsize=3\nstride=2\n"
     "pad=1\n[shortcut]\nfrom=3\nactivation=relu6\n" END, 16, 14, 3, 9},
    {"3x3 strips, input", "[depthwise]\nsize=3\npad=1\nactivation=relu\n[depthwise]\nsize=3\n"
     "stride=2\npad=1\nbatch_normalize=1\n" END, 1, 8, 4, 4},
    {"3x3 strips of one pixel", "[depthwise]\nsize=3\nstride=2\npad=1\nbatch_normalize=1\n"
     "activation=prelu\n[depthwise]\nsize=3\npad=1\nbatch_normalize=1\n" END, 10, 1, 68, 4},
    /* Here a thread computes several strips of pixels. The tolerance is 1e-4: sums over 135,000
     * pixels are rounded differently than on the processor, also by kernels without strips. */
    {"many 3x3 strips", "[convolutional]\nfilters=4\n[depthwise]\nsize=3\npad=1\n"
     "batch_normalize=1\nactivation=leaky\n[local_avgpool]\nsize=8\nstride=8\n" END,
     211, 213, 1, 5, 1e-4},
    {"multiplier", "[depthwise]\nsize=3\npad=1\nmultiplier=2\nbatch_normalize=1\n"
     "activation=elu\n[depthwise]\nsize=5\nstride=2\npadding=1\nmultiplier=7\n"
     "activation=relu\n[depthwise]\nsize=2\nmultiplier=3\n" END, 9, 8, 3, 5},
    {"global", "[global_depthwise]\nbatch_normalize=1\n" END, 4, 7, 35, 3},
    {"batchnorm", "[batchnorm]\n[convolutional]\nfilters=8\nactivation=linear\n"
     "[batchnorm]\nshift=1\nactivation=prelu\n" END, 4, 3, 5, 5},
    {"activation", "[convolutional]\nfilters=8\nactivation=linear\n[activation]\n"
     "activation=prelu\n[activation]\nactivation=mish\n[activation]\nactivation=hswish\n" END,
     4, 4, 3, 6},
    {"shortcut", "[convolutional]\nfilters=8\nactivation=linear\n[convolutional]\nfilters=8\n"
     "activation=relu\n[shortcut]\nfrom=-2\n[shortcut]\nfrom=0\nactivation=logistic\nalpha=.5\n"
     "beta=2\n" END, 4, 4, 3, 6},
    {"sums of sums", "[convolutional]\nfilters=5\nactivation=relu\n[convolutional]\nfilters=5\n"
     "batch_normalize=1\nactivation=prelu\n[shortcut]\nfrom=0\n[convolutional]\nfilters=5\n"
     "[shortcut]\nfrom=-2\n[here]\n[convolutional]\nfilters=5\ngroups=5\n[shortcut]\nfrom=-2\n"
     "[convolutional]\nfilters=5\n[shortcut]\nfrom=2\n" END, 4, 4, 3, 11},
    {"unequal shortcuts", "[convolutional]\nfilters=4\nactivation=relu\n[convolutional]\n"
     "filters=6\nsize=2\nstride=2\n[shortcut]\nfrom=0\nalpha=2\nbeta=.5\n[convolutional]\n"
     "filters=3\nsize=2\nstride=2\nactivation=linear\n[shortcut]\nfrom=0\n"
     "activation=tanh\nbeta=3\n[upsample]\nstride=4\n[shortcut]\nfrom=-2\n[shortcut]\n"
     "from=2\nactivation=leaky\n" END, 8, 12, 3, 10},
    {"route", "[convolutional]\nfilters=6\n[convolutional]\nfilters=4\n[route]\nlayers=-1,0\n"
     "[route]\nlayers=-1,1\ngroups=2\ngroup_id=1\n" END, 4, 4, 3, 6},
    {"deferred", "[convolutional]\nfilters=6\nsize=3\npad=1\nbatch_normalize=1\n"
     "activation=prelu\n[depthwise]\nsize=3\npad=1\nbatch_normalize=1\nactivation=elu\n"
     "[convolutional]\nfilters=8\nsize=3\nstride=2\npad=1\ngroups=2\nactivation=logistic\n"
     "[depthwise]\nsize=5\npad=1\nmultiplier=2\nbatch_normalize=1\nactivation=leaky\n"
     "[low_rank]\nfilters=5\nrank=3\nsize=3\npad=1\nbatch_normalize=1\n[convolutional]\n"
     "filters=5\nbatch_normalize=1\nactivation=linear\n[shortcut]\nfrom=-3\nalpha=.5\n"
     "[global_depthwise]\nbatch_normalize=1\nactivation=relu\n" END, 7, 9, 3, 10, 0, 6},
    {"deferred by two", "[convolutional]\nfilters=5\nbatch_normalize=1\nactivation=relu\n"
     "[convolutional]\nfilters=5\nactivation=prelu\n[convolutional]\nfilters=5\n"
     "batch_normalize=1\nactivation=mish\n[shortcut]\nfrom=-2\n[convolutional]\nfilters=5\n"
     "batch_normalize=1\n[shortcut]\nfrom=0\nactivation=relu\n[convolutional]\nfilters=4\n"
     "batch_normalize=1\n[here]\n" END, 5, 5, 3, 9, 0, 1},
    {"means", "[convolutional]\nfilters=5\n[local_avgpool]\nsize=3\nstride=2\n"
     "[convolutional]\nfilters=4\n[shortcut]\nfrom=-2\n[local_avgpool]\nsize=2\nstride=1\n"
     "[local_avgpool]\nsize=3\npadding=0\n" END, 11, 9, 3, 8},
    {"pools", "[convolutional]\nfilters=5\n[maxpool]\nsize=3\nstride=2\n[maxpool]\nsize=2\n"
     "stride=1\n"
     "[avgpool]\nsize=3\nstride=2\npad=1\n[avgpool]\n" END, 11, 9, 3, 7},
    {"borders", "[convolutional]\nfilters=6\nactivation=relu\n[here]\n[convolutional]\n"
     "filters=6\nactivation=linear\n[shortcut]\nfrom=0\n[here]\n[route]\nlayers=-1,0,1\n"
     "[here]\n"
     "[convolutional]\nfilters=3\nsize=3\npad=1\nbatch_normalize=1\n" END, 4, 3, 3, 7},
    {"squeeze", "[convolutional]\nfilters=35\n[avgpool]\n[convolutional]\nfilters=35\n"
     "activation=logistic\n[scale_channels]\nfrom=0\n[shortcut]\nfrom=0\n[avgpool]\n"
     "[scale_channels]\nfrom=-2\n" END, 4, 3, 3, 9},
    {"attention", "[convolutional]\nfilters=6\n[maxpool]\nsize=2\nstride=2\n[convolutional]\n"
     "filters=6\n[upsample]\nstride=2\nscale=.7\n[sam]\nfrom=0\n[shortcut]\nfrom=0\n"
     "[upsample]\nstride=-3\n[sam]\nfrom=-1\n[route]\nlayers=-1,-2\n" END, 6, 12, 3, 11},
    {"maps", "[convolutional]\nfilters=6\n[convolutional]\nfilters=6\n[sam]\nfrom=0\n"
     "activation=swish\n[avgpool]\n[scale_channels]\nfrom=1\nactivation=leaky\n"
     "[convolutional]\nfilters=1\nactivation=logistic\n[scale_channels]\nfrom=0\nscale_wh=1\n"
     "activation=mish\n[shortcut]\nfrom=2\n[upsample]\nscale=0\n[upsample]\nstride=-2\n"
     "[shortcut]\nfrom=-3\n" END, 5, 3, 3, 13},
    {"shuffle", "[convolutional]\nfilters=12\n[channel_shuffle]\ngroups=3\n[shortcut]\nfrom=0\n"
     "[channel_shuffle]\ngroups=4\n[l2norm]\n[shortcut]\nfrom=-2\n" END, 4, 3, 3, 8},
    {"dropout", "[convolutional]\nfilters=12\n[dropout]\nprobability=.4\n[shortcut]\nfrom=0\n"
     "[dropout]\nprobability=.2\n" END, 4, 3, 3, 6},
    {"softmax", "[convolutional]\nfilters=6\n[softmax]\nnoloss=1\n[shortcut]\nfrom=0\n[avgpool]\n"
     "[softmax]\ngroups=3\nnoloss=1\ntemperature=2\n" END, 4, 3, 3, 7},
    {"softmax of maps", "[convolutional]\nfilters=3\nactivation=linear\n[softmax]\n"
     "temperature=.5\n", 2, 2, 3, 2},
    {"center loss", "[connected]\noutput=7\nactivation=linear\n[margin_softmax]\nclasses=4\n"
     "[center_loss]\nfrom=0\nclasses=4\nweight=.3\n", 3, 3, 2, 3},
    {"cost", "[connected]\noutput=4\n[softmax]\n[cost]\nscale=.5\n", 3, 3, 2, 3},
    {"cost, maps", "[convolutional]\nfilters=3\nactivation=linear\n[cost]\ntype=seg\nnoobj=.3\n"
     "thresh=.2\n", 2, 2, 3, 2},
    {"cost, masked", "[connected]\noutput=4\n[cost]\ntype=masked\n", 3, 3, 2, 2},
    {"cost, smooth", "[connected]\noutput=4\n[cost]\ntype=smooth\n", 3, 3, 2, 2},
    {"cost, L1", "[connected]\noutput=4\n[cost]\ntype=L1\n", 3, 3, 2, 2},
    {"cost, wgan", "[connected]\noutput=4\n[cost]\ntype=wgan\n", 3, 3, 2, 2},
    {"cost, sse, no classes", "[connected]\noutput=4\n[cost]\ntype=sse\n", 3, 3, 2, 2, 0, 0,
     no_classes},
    {"cost, masked, no classes", "[connected]\noutput=4\n[cost]\ntype=masked\n", 3, 3, 2, 2, 0, 0,
     no_classes},
    {"cost, smooth, no classes", "[connected]\noutput=4\n[cost]\ntype=smooth\n", 3, 3, 2, 2, 0, 0,
     no_classes},
    {"cost, L1, no classes", "[connected]\noutput=4\n[cost]\ntype=L1\n", 3, 3, 2, 2, 0, 0,
     no_classes},
    {"cost, seg, no classes", "[connected]\noutput=4\n[cost]\ntype=seg\n", 3, 3, 2, 2, 0, 0,
     no_classes},
    {"cost, wgan, no classes", "[connected]\noutput=4\n[cost]\ntype=wgan\n", 3, 3, 2, 2, 0, 0,
     no_classes},
    {"frozen", "[convolutional]\nfilters=6\nbatch_normalize=1\nactivation=relu\nstopbackward=1\n"
     "[convolutional]\nfilters=5\nbatch_normalize=1\nactivation=prelu\n" END, 4, 3, 3, 4},
    {"clipped", "[convolutional]\nfilters=6\nbatch_normalize=1\nactivation=relu\n" END, 4, 3, 3, 3},
    {"exclusive", "[convolutional]\nfilters=6\nexclusivity=.3\n[convolutional]\nfilters=7\n" END,
     4, 3, 3, 4},
    {"low rank", "[low_rank]\nfilters=9\nrank=4\nsize=3\npad=1\nbatch_normalize=1\n"
     "activation=prelu\n[low_rank]\nfilters=7\nrank=5\nsize=3\nstride=2\npadding=1\n"
     "activation=relu\n[low_rank]\nfilters=6\nrank=2\nactivation=linear\n" END, 7, 6, 5, 5},
    {"bwn", "[binary]\nfilters=9\nsize=3\npad=1\nbatch_normalize=1\nactivation=prelu\n"
     "[binary]\nfilters=5\nsize=3\nstride=2\ncenter=1\ngradient=paper\n[binary]\nfilters=7\n"
     "gradient=plain\nactivation=relu\n[binary]\nfilters=3\ncenter=1\n" END, 7, 8, 5, 6},
    {"binaryconnect", "[binary]\nfilters=9\nsize=3\npad=1\nmode=binaryconnect\nclamp=1\n"
     "batch_normalize=1\n[binary]\nfilters=7\nmode=binaryconnect\n" END, 5, 4, 6, 4},
    {"xnor", "[binary]\nfilters=9\nsize=3\npad=1\nmode=xnor\nbatch_normalize=1\n"
     "activation=prelu\n[binary]\nfilters=6\nsize=3\nstride=2\npadding=1\nmode=xnor\ncenter=1\n"
     "normalize=output\nbatch_normalize=1\n[binary]\nfilters=5\nmode=xnor\nk_map=0\n"
     "batch_normalize=1\n[binary]\nfilters=5\nmode=xnor\ngradient=paper\n" END, 7, 8, 5, 6},
    {"bnn", "[binary]\nfilters=9\nsize=3\npad=1\nmode=bnn\nclamp=1\nbatch_normalize=1\n"
     "[binary]\nfilters=7\nmode=bnn\n" END, 5, 4, 6, 4},
    {"mobile", "[convolutional]\nfilters=8\nsize=3\nstride=2\npad=1\nbatch_normalize=1\n"
     "activation=prelu\n[convolutional]\nfilters=16\nbatch_normalize=1\nactivation=prelu\n"
     "[depthwise]\nsize=3\npad=1\nbatch_normalize=1\nactivation=prelu\n[convolutional]\nfilters=8\n"
     "batch_normalize=1\nactivation=linear\n[shortcut]\nfrom=-4\n[global_depthwise]\n"
     "batch_normalize=1\n[convolutional]\nfilters=12\nbatch_normalize=1\nactivation=linear\n"
     "[margin_softmax]\nclasses=4\n", 12, 12, 3, 8, 1e-4},
};
// clang-format on

static void check_activations(void) {
    char text[128];
#define WORD(upper, lower, is_vector, f, grad) #lower,
    static const char *const words[] = {DNX_ALL_ACTIVATIONS(WORD)};
    for (int k = 0; k < DNX_ACTIVATIONS; k++) {
        snprintf(text, sizeof text, "[batchnorm]\n[activation]\nactivation=%s\n" END, words[k]);
        const net_case c = {words[k], text, 9, 9, 2, 4};
        check_case(&c, gpu, 1e-5);
    }
}

/* Tensor cores round factors to bfloat16 or tf32. is_exact: the factors are multiples of 1/16 and
 * 1/64, which bfloat16 represents exactly. Then only sums of products may be rounded. */
static void check_tensor_cores(const char *name, bool is_exact) {
    static const net_case c = {"product",
                               "[convolutional]\nfilters=70\nsize=3\npad=1\n"
                               "activation=linear\n",
                               5,
                               6,
                               19,
                               1};
    dnx_net *nets[] = {build(&c, true, NULL), build(&c, true, gpu)};
    const size_t size = BATCH * dnx_size(nets[0]->in), outputs = BATCH * 5 * 6 * 70;
    float *x = dnx_alloc(size), *dy = dnx_alloc(outputs), *y = dnx_alloc(2 * outputs);
    dnx_param list[DNX_MAX_PARAMS];
    fill(x, size, 1);
    fill(dy, outputs, 2);
    for (size_t k = 0; is_exact && k < size; k++) x[k] = roundf(x[k] * 16) / 16;
    for (size_t k = 0; is_exact && k < outputs; k++) dy[k] = roundf(dy[k] * 16) / 16;
    for (int k = 0; k < 2; k++) {
        dnx_net *net = nets[k];
        dnx_net_params(net, 0, list);
        for (size_t j = 0; is_exact && j < list[1].count; j++)
            list[1].value[j] = roundf(list[1].value[j] * 64) / 64;
        dnx_net_prepare(net, NULL);
        dnx_net_forward_layer(net, 0, x, BATCH, DNX_TRAINING, NULL, NULL);
        memcpy(y + (size_t)k * outputs, dnx_net_output(net, 0, BATCH), sizeof *y * outputs);
        dnx_net_backward_begin(net);
        memcpy(net->plan.of[0].dy, dy, sizeof *dy * outputs);
        dnx_net_backward_layer(net, 0, x, BATCH, NULL);
        dnx_net_update_begin(net, BATCH);
        dnx_net_update_layer(net, 0, BATCH, 0, 0, 0);
        dnx_net_params(net, 0, list);
    }
    const double forward = off(y, y + outputs, outputs);
    const double back = off(nets[0]->sgd.momentum, nets[1]->sgd.momentum,
                            nets[0]->sgd.of[1].momentum_at);
    const double least = is_exact ? 0 : 1e-6, most = is_exact ? 2e-6 : 1e-2;
    check(forward >= least && forward <= most, "%s: products are %.3g apart", name, forward);
    check(back >= least && back <= most, "%s: gradients are %.3g apart", name, back);
    for (int k = 0; k < 2; k++) dnx_net_free(nets[k]);
    dnx_free(x);
    dnx_free(dy);
    dnx_free(y);
}

/* The GPU's matrix products accept batches of at most 2^30 pixels. */
static void check_pixels(void) {
    dnx_node n = {.type = &dnx_convolutional, .loc = {"net.cfg", 7}};
    struct dnx_cuda_window at = {.batch = 2, .h = 1 << 15, .w = 1 << 14, .oh = 1, .ow = 1};
    dnx_err err = {0};
    check(!dnx_gpu_check_pixels(&n, &at, &err), "2^30 pixels are refused");
    at.w++;
    check(dnx_gpu_check_pixels(&n, &at, &err) == DNX_ESHAPE &&
              strstr(err.text,
                     "net.cfg:7: [convolutional] 2 x 536903680 pixels: a GPU takes at most "
                     "2^30 in a batch"),
          "too many pixels: %s", err.text);
}

static void use(dnx_precision precision) {
    dnx_err err = {0};
    if (dnx_gpu_open(0, precision, NULL, &gpu, &err)) must(false, err.text);
}

int main(void) {
    const size_t n = sizeof cases / sizeof *cases;
    use(DNX_FLOAT32);
    for (size_t k = 0; k < n; k++)
        check_case(&cases[k], gpu, cases[k].tolerance > 0 ? cases[k].tolerance : 1e-5);
    check_activations();
    check_pixels();
    check_margins();
    check_distillation();
    printf("# largest difference, relative to the largest number: %.2g\n", most_apart);
    dnx_gpu_close();
    for (int k = DNX_TF32; k <= DNX_BFLOAT16; k++) {
        use((dnx_precision)k);
        check_tensor_cores(k == DNX_TF32 ? "TF32" : "bfloat16", true);
        check_tensor_cores(k == DNX_TF32 ? "TF32, rounded" : "bfloat16, rounded", false);
        dnx_gpu_close();
    }
    return summary();
}
