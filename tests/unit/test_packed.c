/* test_packed.c - packed weights files give the same outputs, and the same bytes when they are
 * packed again. Bad files are refused. */
#include "lib/check.h"
#include "base/inputs.h"
#include "base/half.h"
#include "net/weights_packed.h"
#include "net/weights.h"

static char file[64], second[64];

#define HEAD "[net]\nbatch=2\nheight=6\nwidth=5\nchannels=3\n"
static const char text[] = HEAD
    "[convolutional]\nfilters=11\nsize=3\npad=1\nbatch_normalize=1\nactivation=relu\n"
    "[binary]\nfilters=13\nsize=3\npad=1\nmode=xnor\ncenter=1\nbatch_normalize=1\n"
    "activation=prelu\n"
    "[maxpool]\nsize=2\nstride=2\n"
    "[binary]\nfilters=5\nmode=bwn\ncenter=1\nbatch_normalize=1\nactivation=relu\n"
    "[binary]\nfilters=7\nmode=bnn\n"
    "[connected]\noutput=4\nactivation=linear\n";

static dnx_net *build(const char *cfg_text, bool trains) {
    return make_net(cfg_text, "packed.cfg", trains, 0, 1);
}

static void fill(dnx_net *net, uint64_t seed) {
    scatter(net, seed, 3);
    net->seen = seed;
}

static double outputs(dnx_net *net, float *y) {
    float x[2 * 6 * 5 * 3];
    dnx_rng r;
    double sum = 0;
    dnx_rng_seed(&r, 2, 2);
    for (size_t i = 0; i < sizeof x / sizeof *x; i++) x[i] = dnx_rng_normal(&r);
    size_t count = 2 * dnx_size(net->nodes[net->n - 1].out);
    if (count > 64) count = 64; /* y has 64 numbers */
    memcpy(y, dnx_net_predict(net, x, 2), sizeof *y * count);
    for (size_t i = 0; i < count; i++) sum += fabs((double)y[i]);
    return sum;
}

static void there_and_back(void) {
    static unsigned char a[1 << 16], b[1 << 16];
    float real[64], packed[64], unpacked[64];
    dnx_err err = {0};
    dnx_net *net = build(text, false), *other = build(text, false), *third = build(text, false);
    fill(net, 5);
    double size = outputs(net, real);
    check(size > 1, "the outputs are all near 0");
    dnx_inputs_rewind(0);
    check(!dnx_packed_save(net, file, DNX_SINGLE, &err), "save: %s", err.text);
    size_t len = read_bytes(file, a, sizeof a);
    check(len == dnx_packed_size(net, DNX_SINGLE), "%zu bytes", len);
    fill(other, 6);
    check(!dnx_weights_load(other, file, &err), "load: %s", err.text);
    check(other->seen == 5, "seen is lost");
    outputs(other, packed);
    check(!memcmp(real, packed, sizeof(float) * 8), "packed: the outputs differ");
    dnx_inputs_rewind(0);
    check(!dnx_weights_save(other, second, &err), "unpack: %s", err.text);
    fill(third, 7);
    check(!dnx_weights_load(third, second, &err), "unpacked: %s", err.text);
    outputs(third, unpacked);
    check(!memcmp(packed, unpacked, sizeof(float) * 8), "unpacked: the outputs differ");
    dnx_inputs_rewind(0);
    check(!dnx_packed_save(third, second, DNX_SINGLE, &err), "pack again: %s", err.text);
    size_t again = read_bytes(second, b, sizeof b);
    check(again == len && !memcmp(a, b, len), "packed again: other bytes");
    dnx_net *training = build(text, true); /* unpacked binary weights can be trained */
    check(!dnx_weights_load(training, file, &err), "into a training network: %s", err.text);
    dnx_net_free(training);
    dnx_net_free(net), dnx_net_free(other), dnx_net_free(third);
}

/* Loading `file` must fail and change nothing. */
static void refuses(const char *cfg_text, const char *want) {
    float before[64] = {0}, after[64] = {0};
    dnx_err err = {0};
    char full[400];
    dnx_net *net = build(cfg_text, false);
    fill(net, 9);
    outputs(net, before);
    snprintf(full, sizeof full, "%s: %s", file, want);
    check(dnx_weights_load(net, file, &err) == DNX_EWEIGHTS, "%s: loads", want);
    check(!strcmp(err.text, full), "  expected: %s\n  got:      %s", full, err.text);
    outputs(net, after);
    check(!memcmp(before, after, sizeof before) && net->seen == 9, "%s: has changed", want);
    dnx_net_free(net);
}

static void negative_variance(void) {
    dnx_err err = {0};
    dnx_param list[DNX_MAX_PARAMS];
    dnx_net *net = build(HEAD "[convolutional]\nbatch_normalize=1\n", false);
    fill(net, 5);
    for (int k = dnx_net_params(net, 0, list) - 1; k >= 0; k--)
        if (list[k].role == DNX_VARIANCE) list[k].value[0] = -.5f;
    dnx_inputs_rewind(0);
    check(!dnx_packed_save(net, file, DNX_SINGLE, &err), "save: %s", err.text);
    dnx_net_free(net);
    refuses(HEAD "[convolutional]\nbatch_normalize=1\n",
            "variance of channel 0 of layer 0 [convolutional] is -0.5, below 0: damaged, or of "
            "another network");
}

static void put_checksum(unsigned char *bytes, size_t len) {
    uint64_t all = len, sum;
    memcpy(bytes + 24, &all, sizeof all);
    sum = dnx_hash(dnx_hash(0, bytes, 32), bytes + 40, len - 40);
    memcpy(bytes + 32, &sum, sizeof sum);
}

static void bad_files(void) {
    static unsigned char good[1 << 16], bad[1 << 16];
    char want[200];
    dnx_err err = {0};
    dnx_net *net = build(text, false);
    fill(net, 5);
    dnx_inputs_rewind(0);
    dnx_packed_save(net, file, DNX_SINGLE, &err);
    dnx_net_free(net);
    size_t len = read_bytes(file, good, sizeof good);
    write_bytes(file, good, 20);
    refuses(text, "packed file cut short: 20 bytes, the header has 40");
    write_bytes(file, good, len - 1);
    snprintf(want, sizeof want, "packed file cut short: %zu bytes, its header says %zu", len - 1,
             len);
    refuses(text, want);
    memcpy(bad, good, len);
    write_bytes(file, bad, len + 1);
    snprintf(want, sizeof want, "packed file too long: %zu bytes, its header says %zu", len + 1,
             len);
    refuses(text, want);
    bad[8] = 1;
    write_bytes(file, bad, len);
    refuses(text, "packed file of version 1; version 2 is read: pack the weights again");
    bad[8] = 3;
    write_bytes(file, bad, len);
    refuses(text, "packed file of version 3; version 2 is read");
    for (size_t i = 12; i < len; i += 97) {
        if (i >= 24 && i < 32) continue;
        memcpy(bad, good, len);
        bad[i] ^= 16;
        write_bytes(file, bad, len);
        refuses(text, "packed file damaged: its checksum differs");
    }
    memcpy(bad, good, len);
    put_checksum(bad, len - 10);
    write_bytes(file, bad, len - 10);
    refuses(text, "packed file ends at weights of layer 5 [connected]");
    memcpy(bad, good, len);
    memset(bad + len - 4, 255, 4);
    put_checksum(bad, len);
    write_bytes(file, bad, len);
    refuses(text, "weights of layer 5 [connected] are not numbers");
    memcpy(bad, good, len);
    put_checksum(bad, len + 8);
    write_bytes(file, bad, len + 8);
    refuses(text, "packed file of another network: 8 bytes are left over");
    write_bytes(file, good, len);
    refuses(HEAD "[connected]\noutput=4\n",
            "packed file of another network: of 6 layers, this one has 1");
    refuses(HEAD "[convolutional]\nfilters=12\nsize=3\npad=1\nbatch_normalize=1\n[maxpool]\n"
                 "[maxpool]\n[maxpool]\n[maxpool]\n[maxpool]\n",
            "packed file of another network: biases of layer 0 [convolutional] are 12 numbers of "
            "32 or 16 bits, in the file 11 of 32 bits");
    refuses(HEAD "[binary]\nfilters=11\nsize=3\npad=1\nbatch_normalize=1\n[maxpool]\n[maxpool]\n"
                 "[maxpool]\n[maxpool]\n[maxpool]\n",
            "packed file of another network: weights of layer 0 [binary] are 297 numbers of 1 bit, "
            "in the file 297 of 32 bits");
    refuses(HEAD "[maxpool]\n[convolutional]\n[maxpool]\n[maxpool]\n[maxpool]\n[maxpool]\n",
            "packed file of another network: layer 1 [convolutional] is not there with 2 tensors");
}

static void halves(void) {
    int wrong = 0;
    float y[64], z[64];
    dnx_err err = {0};
    for (unsigned h = 0; h < 0x7c00; h++) wrong += dnx_to_half(dnx_from_half((uint16_t)h)) != h;
    check(!wrong, "%d halves do not come back", wrong);
    check(dnx_to_half(1 + 1.f / 2048) == 0x3c00 && dnx_to_half(1 + 3.f / 2048) == 0x3c02,
          "ties are not rounded to even");
    check(dnx_to_half(2047.7f / 2048 * 2) == 0x4000 && dnx_to_half(65520) == 0x7c00 &&
              dnx_to_half(65519) == 0x7bff && dnx_to_half(-1e-8f) == 0x8000,
          "rounding up or down");
    dnx_net *net = build(text, false), *other = build(text, false);
    fill(net, 5);
    dnx_inputs_rewind(0);
    check(!dnx_packed_save(net, file, DNX_HALF, &err), "half: %s", err.text);
    check(dnx_packed_size(net, DNX_HALF) < dnx_packed_size(net, DNX_SINGLE), "half is no smaller");
    check(!dnx_weights_load(other, file, &err), "half: %s", err.text);
    outputs(net, y), outputs(other, z);
    double worst = 0, large = 0;
    for (int i = 0; i < 8; i++) {
        worst = worse(worst, fabs((double)y[i] - (double)z[i]));
        large = fmax(large, fabs((double)y[i]));
    }
    check(worst < .5 * large, "half: an output is off by %g of %g", worst, large);
    dnx_param list[DNX_MAX_PARAMS];
    int n = dnx_net_params(net, 5, list);
    list[n - 1].value[0] = 7e4f;
    unsigned char before[64], after[64];
    read_bytes(file, before, sizeof before);
    dnx_inputs_rewind(0);
    check(dnx_packed_save(net, file, DNX_HALF, &err) == DNX_EWEIGHTS &&
              !strcmp(err.text,
                      "packed.cfg:32: [connected] a weight of 70000 is too large for half "
                      "precision"),
          "half: %s", err.text);
    read_bytes(file, after, sizeof after);
    check(!memcmp(before, after, sizeof before), "a failed pack has overwritten the file");
    err = (dnx_err){0};
    check(dnx_packed_save(net, "/nowhere/at.all", DNX_SINGLE, &err) == DNX_EIO,
          "an unwritable path");
    dnx_net_free(net), dnx_net_free(other);
}

int main(void) {
    make_folder();
    snprintf(file, sizeof file, "%s/a.packed", folder);
    snprintf(second, sizeof second, "%s/b.packed", folder);
    there_and_back();
    bad_files();
    negative_variance();
    halves();
    return summary();
}
