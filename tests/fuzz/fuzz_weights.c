/* fuzz_weights.c - libFuzzer target: the input is a .weights file. A refused file must not change
 * the network. */
#include "fuzz/net.h"
#include "net/weights.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A weights file of this network has 27 floats: 14 for the convolution, 4 for the depthwise layer,
 * 9 for the connected layer. */
static const char weights_cfg[] = "[net]\nbatch=1\nheight=2\nwidth=2\nchannels=3\n"
                                  "[convolutional]\nfilters=2\nsize=1\nbatch_normalize=1\n"
                                  "[depthwise]\nsize=1\n"
                                  "[connected]\noutput=1\n";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static dnx_net *net;
    const char *path = fuzz_path("weights");
    dnx_err err = {0};
    if (!net) net = fuzz_net(weights_cfg, false);
    if (!fuzz_write(path, data, size)) return 0;
    const uint64_t before = fuzz_sum(net);
    const dnx_status st = dnx_weights_load(net, path, &err);
    fuzz_must(!st == !err.text[0] && (!st || fuzz_sum(net) == before));
    unlink(path);
    return 0;
}
