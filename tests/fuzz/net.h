/* net.h - helpers of fuzz targets that read into a network. */
#ifndef FUZZ_NET_H
#define FUZZ_NET_H
#include "base/hash.h"
#include "fuzz/file.h"
#include "net/net.h"

/* Builds the network of the cfg `text`, with batch 1. Callers keep it until the process ends. */
static inline dnx_net *fuzz_net(const char *text, bool trains) {
    dnx_cfg *cfg;
    dnx_net *net;
    const dnx_build how = {.trains = trains, .batch = trains ? 0 : 1, .threads = 1};
    fuzz_must(!dnx_cfg_parse(text, strlen(text), "fuzz.cfg", &cfg, NULL));
    fuzz_must(!dnx_net_build(cfg, &how, &net, NULL));
    dnx_cfg_free(cfg);
    return net;
}

/* Returns a hash of the parameters, the number of seen images and, in training, the momentum. */
static inline uint64_t fuzz_sum(dnx_net *net) {
    const size_t momentum = net->sgd.momentum ? net->sgd.of[net->n].momentum_at : 0;
    uint64_t h = dnx_hash(net->seen, net->sgd.momentum, momentum * sizeof(float));
    dnx_param list[DNX_MAX_PARAMS];
    for (int i = 0; i < net->n; i++)
        for (int k = 0, n = dnx_net_params(net, i, list); k < n; k++)
            h = dnx_hash(h, list[k].value, list[k].count * sizeof(float));
    return h;
}
#endif
