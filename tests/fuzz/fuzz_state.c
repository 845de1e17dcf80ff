/* fuzz_state.c - libFuzzer target: the input is a checkpoint NAME.state. A refused file must not
 * change the network. */
#include "base/hash.h"
#include "fuzz/file.h"
#include "net/state.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char state_cfg[] = "[net]\nbatch=1\nheight=2\nwidth=2\nchannels=3\nmax_batches=1\n"
                                "[connected]\noutput=3\n[softmax]\n";

static dnx_net *state_net(void) {
    static dnx_net *net;
    dnx_cfg *cfg;
    if (net) return net;
    fuzz_must(!dnx_cfg_parse(state_cfg, sizeof state_cfg - 1, "fuzz.cfg", &cfg, NULL));
    fuzz_must(!dnx_net_build(cfg, &(dnx_build){.trains = true, .threads = 1}, &net, NULL));
    dnx_cfg_free(cfg);
    return net;
}

static uint64_t state_sum(dnx_net *net) {
    const size_t bytes = sizeof(float) * net->sgd.of[net->n].momentum_at;
    uint64_t h = dnx_hash(net->seen, net->sgd.momentum, bytes);
    dnx_param list[DNX_MAX_PARAMS];
    for (int i = 0; i < net->n; i++)
        for (int k = 0, n = dnx_net_params(net, i, list); k < n; k++)
            h = dnx_hash(h, list[k].value, list[k].count * sizeof(float));
    return h;
}

static void state_load(const char *path) {
    dnx_net *net = state_net();
    dnx_state s;
    dnx_err err = {0};
    uint64_t before = state_sum(net);
    dnx_status st = dnx_state_read(path, &s, &err);
    fuzz_must(!st == !err.text[0] && (st || s.inputs));
    if (!st) st = dnx_state_apply(&s, net, path, &err);
    fuzz_must(!st || state_sum(net) == before);
    dnx_state_free(&s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const char *path = fuzz_path("state");
    uint64_t sum;
    uint8_t *copy = fuzz_copy(data, size);
    if (copy && fuzz_write(path, copy, size)) state_load(path);
    if (copy && size > sizeof sum) {
        sum = dnx_hash(0, copy, size - sizeof sum);
        memcpy(copy + size - sizeof sum, &sum, sizeof sum);
        if (fuzz_write(path, copy, size)) state_load(path);
    }
    unlink(path);
    free(copy);
    return 0;
}
