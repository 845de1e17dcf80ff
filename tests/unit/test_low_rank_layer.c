/* test_low_rank_layer.c - compares [low_rank] with loops and with two [convolutional] sections. */
#include "lib/check.h"

typedef struct {
    int B, H, W, C, N, R, size, stride, pad, has_bn;
    const char *act;
    dnx_act kind;
} shape;

static const shape shapes[] = {
    {1, 5, 7, 3, 8, 2, 3, 1, 1, 0, "linear", DNX_LINEAR},
    {2, 9, 6, 5, 33, 17, 3, 2, 1, 1, "prelu", DNX_PRELU},
    {3, 4, 5, 33, 20, 7, 1, 1, 0, 1, "relu", DNX_RELU},
    {1, 12, 11, 16, 64, 64, 5, 3, 2, 0, "leaky", DNX_LEAKY},
    {2, 1, 1, 40, 3, 1, 1, 1, 0, 0, "logistic", DNX_LOGISTIC},
    {1, 15, 14, 64, 16, 16, 2, 1, 0, 1, "linear", DNX_LINEAR},
};

static float *find(dnx_net *net, int i, const char *name) {
    dnx_param list[DNX_MAX_PARAMS];
    int n = dnx_net_params(net, i, list);
    for (int k = 0; k < n; k++)
        if (!strcmp(list[k].name, name)) return list[k].value;
    return NULL;
}

static double naive(const shape *s, dnx_net *net, const float *x, int b, int oy, int ox, int f) {
    const float *p = find(net, 0, "weights"), *v = find(net, 0, "basis");
    const float *scales = find(net, 0, "scales"), *slopes = find(net, 0, "slopes");
    double z = 0;
    for (int r = 0; r < s->R; r++) {
        double t = 0;
        for (int c = 0; c < s->C; c++)
            for (int i = 0; i < s->size * s->size; i++) {
                int y = oy * s->stride - s->pad + i / s->size;
                int u = ox * s->stride - s->pad + i % s->size;
                if (y < 0 || u < 0 || y >= s->H || u >= s->W) continue;
                t += (double)v[(r * s->C + c) * s->size * s->size + i] *
                     (double)x[((b * s->H + y) * s->W + u) * s->C + c];
            }
        z += (double)p[f * s->R + r] * t;
    }
    if (scales)
        z = (z - (double)find(net, 0, "mean")[f]) * (double)scales[f] /
            sqrt((double)find(net, 0, "variance")[f] + 1e-5);
    return (double)dnx_activate((float)(z + (double)find(net, 0, "biases")[f]), s->kind,
                                slopes ? slopes[f] : 0);
}

/* Copies the parameters of the [low_rank] layer `net` to `pair`: a size x size convolution without
 * biases, then a 1x1 convolution. */
static void copy_to_pair(const shape *s, dnx_net *net, dnx_net *pair) {
    dnx_param list[DNX_MAX_PARAMS];
    memcpy(find(pair, 0, "weights"), find(net, 0, "basis"),
           sizeof(float) * (size_t)(s->R * s->C * s->size * s->size));
    for (int k = 0, n = dnx_net_params(net, 0, list); k < n; k++)
        if (strcmp(list[k].name, "basis") != 0)
            memcpy(find(pair, 1, list[k].name), list[k].value, sizeof(float) * list[k].count);
    dnx_net_prepare(pair, NULL);
}

static void check_training(const shape *s, dnx_net *net, dnx_net *pair, const float *x,
                           const char *name) {
    size_t count = (size_t)s->B * dnx_size(net->nodes[0].out);
    dnx_rng g;
    dnx_rng_seed(&g, 5, 1);
    dnx_net *both[] = {net, pair};
    for (size_t i = 0; i < count; i++)
        net->plan.of[0].dy[i] = pair->plan.of[1].dy[i] = dnx_rng_normal(&g);
    for (int k = 0; k < 2; k++) {
        int n = both[k]->n;
        for (int i = 0; i < n; i++)
            dnx_net_forward_layer(both[k], i, x, s->B, DNX_TRAINING, NULL, NULL);
        dnx_net_backward_begin(both[k]);
        for (int i = n - 1; i >= 0; i--) dnx_net_backward_layer(both[k], i, x, s->B, NULL);
    }
    double e = apart(net->plan.of[0].y, pair->plan.of[1].y, count);
    check_part(e < 2e-5, name, "training forward differs from two sections", e, 0);
    dnx_param a[DNX_MAX_PARAMS], b[DNX_MAX_PARAMS], first[DNX_MAX_PARAMS];
    int n = dnx_net_params(net, 0, a), m = dnx_net_params(pair, 1, b);
    dnx_net_params(pair, 0, first);
    for (int i = 0; i < n; i++) {
        const dnx_param *other = NULL;
        for (int k = 0; k < m; k++)
            if (!strcmp(a[i].name, b[k].name)) other = &b[k];
        if (!strcmp(a[i].name, "basis")) other = &first[1]; /* first[] has biases, then weights */
        if (!a[i].grad || !other) continue;
        e = apart(a[i].grad, other->grad, a[i].count);
        check_part(e < 1e-3, name, a[i].name, e, 0);
    }
}

static void check_layer(const shape *s) {
    char text[512], pair_text[768], name[64];
    const char *net_text = "[net]\nheight=%d\nwidth=%d\nchannels=%d\n";
    int n = snprintf(text, sizeof text, net_text, s->H, s->W, s->C);
    memcpy(pair_text, text, (size_t)n + 1);
    snprintf(text + n, sizeof text - (size_t)n,
             "[low_rank]\nfilters=%d\nrank=%d\nsize=%d\nstride=%d\npadding=%d\nbatch_normalize=%d\n"
             "activation=%s\n",
             s->N, s->R, s->size, s->stride, s->pad, s->has_bn, s->act);
    snprintf(pair_text + n, sizeof pair_text - (size_t)n,
             "[convolutional]\nfilters=%d\nsize=%d\nstride=%d\npadding=%d\nactivation=linear\n"
             "[convolutional]\nfilters=%d\nbatch_normalize=%d\nactivation=%s\n",
             s->R, s->size, s->stride, s->pad, s->N, s->has_bn, s->act);
    snprintf(name, sizeof name, "low_rank %dx%dx%d -> %d -> %d", s->H, s->W, s->C, s->R, s->N);
    for (int trains = 0; trains < 2; trains++) {
        dnx_net *net = make_net(text, "test", trains, s->B, 2);
        dnx_net *pair = make_net(pair_text, "test", trains, s->B, 2);
        dnx_rng g;
        dnx_rng_seed(&g, 3, (uint64_t)s->H);
        size_t count = (size_t)s->B * dnx_size(net->in);
        dnx_shape o = net->nodes[0].out;
        float *x = dnx_alloc(count), *y = dnx_alloc((size_t)s->B * dnx_size(o));
        for (size_t i = 0; i < count; i++) x[i] = dnx_rng_normal(&g);
        scatter(net, 3, .4f);
        copy_to_pair(s, net, pair);
        dnx_net_run(net, x, s->B, 0, y);
        double worst = 0;
        for (int b = 0, at = 0; b < s->B; b++)
            for (int p = 0; p < o.h * o.w; p++)
                for (int f = 0; f < o.c; f++, at++) {
                    double want = naive(s, net, x, b, p / o.w, p % o.w, f);
                    worst = worse(worst, fabs((double)y[at] - want) / (1 + fabs(want)));
                }
        check_part(worst < 2e-5, name, trains ? "testing forward" : "forward", worst, 0);
        float *z = dnx_alloc((size_t)s->B * dnx_size(o));
        dnx_net_run(pair, x, s->B, 1, z);
        double e = apart(y, z, (size_t)s->B * dnx_size(o));
        check_part(e < 2e-5, name, "differs from two sections", e, 0);
        double a = dnx_macs(&net->nodes[0]);
        double b = dnx_macs(&pair->nodes[0]) + dnx_macs(&pair->nodes[1]);
        check_part(a == b, name, "multiply-adds", a, b);
        if (trains) check_training(s, net, pair, x, name);
        dnx_free(x), dnx_free(y), dnx_free(z);
        dnx_net_free(net), dnx_net_free(pair);
    }
}

int main(void) {
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) check_layer(&shapes[i]);
    return summary();
}
