/* fuzz_state.c - libFuzzer target: the input is a checkpoint NAME.state. A refused file must not
 * change the network. */
#include "fuzz/net.h"
#include "net/state.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char state_cfg[] = "[net]\nbatch=1\nheight=2\nwidth=2\nchannels=3\nmax_batches=1\n"
                                "[connected]\noutput=3\n[softmax]\n";

static void state_load(const char *path) {
    static dnx_net *net;
    dnx_state s;
    dnx_err err = {0};
    if (!net) net = fuzz_net(state_cfg, true);
    uint64_t before = fuzz_sum(net);
    dnx_status st = dnx_state_read(path, &s, &err);
    fuzz_must(!st == !err.text[0] && (st || s.inputs));
    if (!st) st = dnx_state_apply(&s, net, path, &err);
    fuzz_must(!st || fuzz_sum(net) == before);
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
