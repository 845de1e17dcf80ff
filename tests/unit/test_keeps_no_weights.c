/* test_keeps_no_weights.c - a network that frees its weights after packing gives the same bits. */
#include "lib/check.h"
#include "base/inputs.h"
#include "net/weights_packed.h"
#include "net/weights.h"

#define SIZE (2 * 12 * 12 * 3)
#define OUTS (2 * 9)

static const char text[] =
    "[net]\nbatch=2\nheight=12\nwidth=12\nchannels=3\n"
    "[convolutional]\nfilters=16\nsize=3\npad=1\nstride=1\nbatch_normalize=1\nactivation=prelu\n"
    "[convolutional]\nfilters=8\nsize=3\npad=1\nbatch_normalize=1\nactivation=relu\n" /* Winograd */
    "[convolutional]\nfilters=8\nsize=3\npad=1\ngroups=8\nactivation=relu\n"
    "[convolutional]\nfilters=12\ngroups=2\nactivation=relu\n"
    "[binary]\nfilters=13\nsize=3\npad=1\nmode=xnor\nbatch_normalize=1\nactivation=prelu\n"
    "[binary]\nfilters=10\nmode=bwn\ncenter=1\nbatch_normalize=1\nactivation=relu\n"
    "[low_rank]\nfilters=11\nrank=4\nsize=3\nstride=2\nbatch_normalize=1\nactivation=prelu\n"
    "[connected]\noutput=9\nactivation=linear\n";

static dnx_net *build(bool forgets) {
    dnx_cfg *cfg;
    dnx_net *net = NULL;
    dnx_err err = {0};
    must(!dnx_cfg_parse(text, strlen(text), "forget.cfg", &cfg, &err), err.text);
    const dnx_build how = {.keeps_no_weights = forgets, .threads = 2};
    dnx_net_build(cfg, &how, &net, &err);
    dnx_cfg_free(cfg);
    must(net, err.text);
    return net;
}

static void same(const char *name, dnx_net *lean, dnx_net *keeps) {
    float x[SIZE];
    dnx_rng r;
    dnx_rng_seed(&r, 1, 1);
    for (size_t i = 0; i < SIZE; i++) x[i] = dnx_rng_normal(&r);
    const float *a = dnx_net_predict(lean, x, 2), *b = dnx_net_predict(keeps, x, 2);
    check(!memcmp(a, b, sizeof *a * OUTS), "%s: other outputs", name);
    for (int i = 0; i < lean->n; i++) {
        dnx_param p[DNX_MAX_PARAMS], q[DNX_MAX_PARAMS];
        int n = dnx_net_params(lean, i, p);
        check(n == dnx_net_params(keeps, i, q), "%s: layer %d has %d tensors", name, i, n);
        for (int k = 0; k < n; k++)
            check(p[k].count == q[k].count && !strcmp(p[k].name, q[k].name) &&
                      (!p[k].value || p[k].count <= 16 * 9),
                  "%s: %s of layer %d", name, p[k].name, i);
    }
}

int main(void) {
    char plain[64], packed[64];
    make_folder();
    snprintf(plain, sizeof plain, "%s", path("a.weights"));
    snprintf(packed, sizeof packed, "%s", path("a.packed"));
    dnx_net *keeps = build(false), *lean = build(true);
    same("first weights", lean, keeps);
    for (uint64_t seed = 1; seed < 3; seed++) {
        dnx_err err = {0};
        scatter(keeps, seed, .5f);
        dnx_inputs_rewind(0);
        check(!dnx_weights_save(keeps, plain, &err) && !dnx_weights_load(lean, plain, &err),
              "weights: %s", err.text);
        same("weights", lean, keeps);
        dnx_inputs_rewind(0);
        check(!dnx_packed_save(keeps, packed, DNX_SINGLE, &err) &&
                  !dnx_weights_load(lean, packed, &err),
              "packed: %s", err.text);
        same("packed", lean, keeps);
        check(!dnx_net_prepare(lean, &err), "%s", err.text);
        same("prepared again", lean, keeps);
    }
    dnx_net_free(keeps);
    dnx_net_free(lean);
    return summary();
}
