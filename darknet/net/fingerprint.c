/* fingerprint.c - a checksum of what a network computes. */
#include "net/fingerprint.h"

#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "net/describe.h"

typedef struct {
    uint64_t sum;
    int last; /* the last layer */
} describer;

static void add_option(void *arg, const char *key, const char *value, const char *usual) {
    static const char *const training[] = {"learning_rate", "decay", "exclusivity", "stopbackward"};
    describer *d = arg;
    const char *option = strrchr(key, ' ');
    int layer;
    (void)usual;
    if (sscanf(key, "layer %d", &layer) != 1 || layer > d->last) return;
    for (size_t i = 0; i < sizeof training / sizeof *training; i++)
        if (option && !strcmp(option + 1, training[i])) return;
    d->sum = dnx_hash(d->sum, key, strlen(key) + 1);
    d->sum = dnx_hash(d->sum, value, strlen(value) + 1);
}

uint64_t dnx_net_fingerprint_input(const dnx_net *net, uint64_t h) {
    h = dnx_hash(h, &net->in, sizeof net->in);
    h = dnx_hash(h, &net->o.input_mean, sizeof net->o.input_mean);
    return dnx_hash(h, &net->o.input_scale, sizeof net->o.input_scale);
}

bool dnx_net_fingerprint(const dnx_net *net, int last, const char *weights, uint64_t *sum) {
    describer d = {dnx_net_fingerprint_input(net, 0), last};
    dnx_net_describe(net, add_option, &d);
    *sum = dnx_hash(d.sum, &last, sizeof last);
    return dnx_hash_file(weights, sum);
}
