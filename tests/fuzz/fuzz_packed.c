/* fuzz_packed.c - libFuzzer target: the input is a file of packed weights. A refused file must not
 * change the network. */
#include "fuzz/net.h"
#include "net/weights_packed.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char packed_cfg[] = "[net]\nbatch=1\nheight=2\nwidth=2\nchannels=3\n"
                                 "[convolutional]\nfilters=2\nsize=1\nactivation=relu\n"
                                 "[binary]\nfilters=9\nsize=1\n[connected]\noutput=1\n";

static void packed_load(const uint8_t *bytes, size_t size) {
    static dnx_net *net;
    dnx_err err = {0};
    if (!net) net = fuzz_net(packed_cfg, false);
    uint64_t before = fuzz_sum(net);
    dnx_status st = dnx_packed_load(net, "fuzz", bytes, size, net->n, &err);
    fuzz_must(!st == !err.text[0] && (!st || fuzz_sum(net) == before));
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
