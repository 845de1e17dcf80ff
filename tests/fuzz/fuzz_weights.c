/* fuzz_weights.c - libFuzzer target: the input is a .weights file. A refused file must not change
 * the network. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "net/net.h"
#include "net/weights.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* 27 floats: 14 of the convolution, 4 of the depthwise layer, 9 of the connected layer */
static const char weights_cfg[] = "[net]\nbatch=1\nheight=2\nwidth=2\nchannels=3\n"
                                  "[convolutional]\nfilters=2\nsize=1\nbatch_normalize=1\n"
                                  "[depthwise]\nsize=1\n"
                                  "[connected]\noutput=1\n";

static dnx_net *weights_net(void) {
    static dnx_net *net;
    dnx_cfg *cfg;
    if (net) return net;
    if (dnx_cfg_parse(weights_cfg, sizeof weights_cfg - 1, "fuzz.cfg", &cfg, NULL)) abort();
    if (dnx_net_build(cfg, &(dnx_build){.batch = 1, .threads = 1}, &net, NULL)) abort();
    dnx_cfg_free(cfg);
    return net;
}

static uint64_t weights_hash(dnx_net *net) {
    uint64_t h = 0xcbf29ce484222325u ^ net->seen;
    dnx_param list[DNX_MAX_PARAMS];
    for (int i = 0; i < net->n; i++)
        for (int k = 0, n = dnx_net_params(net, i, list); k < n; k++)
            for (size_t j = 0; j < list[k].count * sizeof(float); j++)
                h = (h ^ ((unsigned char *)list[k].value)[j]) * 0x100000001b3u;
    return h;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char path[] = "/tmp/fuzz_weights_XXXXXX";
    dnx_net *net = weights_net();
    dnx_err err = {0};
    int fd = mkstemp(path);
    if (fd < 0) return 0;
    bool ok = write(fd, data, size) == (ssize_t)size;
    close(fd);
    if (ok) {
        uint64_t before = weights_hash(net);
        dnx_status st = dnx_weights_load(net, path, &err);
        if (!st != !err.text[0] || (st && weights_hash(net) != before)) abort();
    }
    unlink(path);
    return 0;
}
