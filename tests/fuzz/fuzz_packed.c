/* fuzz_packed.c - libFuzzer target: the input is a file of packed weights. A refused file must not
 * change the network. */
#include "base/hash.h"
#include "fuzz/file.h"
#include "net/weights_packed.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char packed_cfg[] = "[net]\nbatch=1\nheight=2\nwidth=2\nchannels=3\n"
                                 "[convolutional]\nfilters=2\nsize=1\nactivation=relu\n"
                                 "[binary]\nfilters=9\nsize=1\n[connected]\noutput=1\n";

static dnx_net *packed_net(void) {
    static dnx_net *net;
    dnx_cfg *cfg;
    if (net) return net;
    fuzz_must(!dnx_cfg_parse(packed_cfg, sizeof packed_cfg - 1, "fuzz.cfg", &cfg, NULL));
    fuzz_must(!dnx_net_build(cfg, &(dnx_build){.batch = 1, .threads = 1}, &net, NULL));
    dnx_cfg_free(cfg);
    return net;
}

static uint64_t packed_sum(dnx_net *net) {
    uint64_t h = net->seen;
    dnx_param list[DNX_MAX_PARAMS];
    for (int i = 0; i < net->n; i++)
        for (int k = 0, n = dnx_net_params(net, i, list); k < n; k++)
            h = dnx_hash(h, list[k].value, list[k].count * sizeof(float));
    return h;
}

static void packed_load(const uint8_t *bytes, size_t size) {
    dnx_net *net = packed_net();
    dnx_err err = {0};
    uint64_t before = packed_sum(net);
    dnx_status st = dnx_packed_load(net, "fuzz", bytes, size, net->n, &err);
    fuzz_must(!st == !err.text[0] && (!st || packed_sum(net) == before));
}

/* Corrects length and checksum in the header; net/weights_packed.h describes the header. */
static void packed_repair(uint8_t *bytes, size_t size) {
    enum { LENGTH = 24, CHECKED = 32, HEADER = 40 };
    uint64_t len = size, sum;
    if (size < HEADER) return;
    memcpy(bytes + LENGTH, &len, sizeof len);
    sum = dnx_hash(dnx_hash(0, bytes, CHECKED), bytes + HEADER, size - HEADER);
    memcpy(bytes + CHECKED, &sum, sizeof sum);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    uint8_t *copy = fuzz_copy(data, size);
    if (!copy) return 0;
    packed_load(copy, size);
    packed_repair(copy, size);
    packed_load(copy, size);
    free(copy);
    return 0;
}
