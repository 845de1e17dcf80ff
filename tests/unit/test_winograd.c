/* test_winograd.c - compares Winograd's method with direct products. */
#include "lib/check.h"
#include "common/conv/winograd.h"

typedef struct {
    int B, H, W, C, N, pad;
    const char *more;
    int m;      /* the layer must use Winograd's F(m x m, 3 x 3); 0: it must not use Winograd */
    int rank;   /* rank of a [low_rank] layer; 0: [convolutional] */
    int groups; /* 0: one group */
} shape;

static const shape shapes[] = {
    {1, 56, 56, 32, 64, 1, "batch_normalize=1\nactivation=leaky\n", 4},
    {3, 14, 15, 64, 64, 1, "batch_normalize=1\nactivation=prelu\n", 4},
    {2, 9, 31, 8, 9, 0, "activation=linear\n", 4},
    {1, 7, 7, 96, 100, 1, "activation=relu6\n", 4},
    {1, 16, 16, 256, 512, 1, "batch_normalize=1\nactivation=relu\n", 2},
    {2, 7, 7, 300, 300, 1, "activation=swish\n", 2},
    {1, 5, 19, 64, 1000, 2, "activation=leaky\n", 2},
    {1, 2, 2, 512, 512, 1, "activation=linear\n", 0},
    {1, 56, 56, 3, 64, 1, "activation=linear\n", 0},
    {1, 1, 99, 64, 64, 1, "activation=linear\n", 0},
    {1, 14, 14, 256, 256, 1, "batch_normalize=1\nactivation=prelu\n", 4, 70},
    {3, 9, 31, 24, 33, 0, "activation=leaky\n", 4, 11},
    {1, 16, 16, 256, 256, 1, "batch_normalize=1\nactivation=relu\n", 2, 200},
    {1, 14, 14, 64, 64, 1, "activation=linear\n", 0, 7},
    {2, 14, 15, 64, 96, 1, "batch_normalize=1\nactivation=prelu\n", 4, 0, 2},
    {1, 40, 40, 16, 48, 1, "activation=linear\n", 4, 0, 2},
    {1, 28, 28, 80, 100, 1, "activation=leaky\n", 4, 0, 5},
    {3, 9, 31, 54, 54, 0, "activation=swish\n", 4, 0, 3},
    {1, 16, 16, 256, 512, 1, "batch_normalize=1\nactivation=relu\n", 2, 0, 2},
    {2, 7, 7, 96, 2001, 1, "activation=linear\n", 2, 0, 3},
    {1, 14, 14, 63, 21, 1, "activation=linear\n", 0, 0, 3},
};

/* Returns the outputs, or NULL when the network cannot be built. The caller frees the outputs. */
static float *outputs(const shape *s, const char *name, bool trains, int threads, const float *x) {
    char text[256];
    dnx_err err;
    float *y = NULL;
    snprintf(text, sizeof text,
             "[net]\nheight=%d\nwidth=%d\nchannels=%d\n[%s]\nfilters=%d\nsize=3\n"
             "padding=%d\n%s",
             s->H, s->W, s->C, s->rank ? "low_rank" : "convolutional", s->N, s->pad, s->more);
    if (s->rank) snprintf(text + strlen(text), sizeof text - strlen(text), "rank=%d\n", s->rank);
    if (s->groups)
        snprintf(text + strlen(text), sizeof text - strlen(text), "groups=%d\n", s->groups);
    dnx_net *net = try_net(text, "test", trains, s->B, threads, &err);
    if (check_part(net != NULL, name, err.text, 0, 0)) {
        scatter(net, 4, .4f);
        y = dnx_alloc((size_t)s->B * dnx_size(net->nodes[0].out));
        dnx_net_run(net, x, s->B, 0, y);
    }
    dnx_net_free(net);
    return y;
}

static void check_shape(const shape *s) {
    char name[80];
    snprintf(name, sizeof name, "%dx%dx%dx%d -> %d, padding %d, rank %d, groups %d", s->B, s->H,
             s->W, s->C, s->N, s->pad, s->rank, s->groups);
    dnx_shape in = {s->H, s->W, s->C}, out = {s->H + 2 * s->pad - 2, s->W + 2 * s->pad - 2, s->N};
    dnx_patches at = {in, out.h, out.w, 3, 1, s->pad, 0, s->groups ? s->C / s->groups : s->C};
    int side = dnx_winograd_side(&at, s->rank ? s->rank : s->N);
    size_t count = (size_t)s->B * dnx_size(in), results = (size_t)s->B * dnx_size(out);
    check_part(side == s->m, name, "side", side, s->m);
    if (!s->m) return;
    float *x = dnx_alloc(count);
    dnx_rng g;
    dnx_rng_seed(&g, 7, (uint64_t)s->C);
    for (size_t i = 0; i < count; i++) x[i] = dnx_rng_normal(&g);
    float *direct = outputs(s, name, true, 2, x), *one = outputs(s, name, false, 1, x);
    double worst = 0, largest = 0;
    for (size_t i = 0; direct && one && i < results; i++) {
        worst = worse(worst, fabs((double)direct[i] - (double)one[i]));
        largest = fmax(largest, fabs((double)direct[i]));
    }
    check_part(largest > 1 && worst < 5e-6 * largest, name, "differs from the direct products",
               worst / largest, 0);
    if (direct && one) /* equal bits would mean that Winograd's transforms were not used */
        check_part(memcmp(direct, one, sizeof(float) * results) != 0, name, "is the same path", 0,
                   1);
    const int threads[] = {2, 3, 7};
    for (int i = 0; i < 3; i++) {
        float *y = outputs(s, name, false, threads[i], x);
        if (y && one)
            check_part(!memcmp(y, one, sizeof(float) * results), name, "threads change the result",
                       threads[i], 1);
        dnx_free(y);
    }
    dnx_free(x), dnx_free(direct), dnx_free(one);
}

static void check_set(void) {
    check(!strcmp(dnx_kernels()->name, where), "DNX_ISA is not obeyed");
    for (size_t k = 0; k < sizeof shapes / sizeof *shapes; k++) check_shape(&shapes[k]);
}

int main(void) {
    in_each_set(check_set);
    return summary();
}
