/* fingerprint.c - a checksum of what a network computes. The checksum of a layer covers its type,
 * options and parameters, and the checksums of its inputs, but not its index. */
#include "net/fingerprint.h"

#include <string.h>

#include "base/hash.h"
#include "net/describe.h"

typedef struct {
    uint64_t sum;
    const char *layers_key; /* an option to skip, because it names inputs; may be NULL */
} describer;

static void add_option(void *arg, const char *key, const char *value, const char *usual) {
    describer *d = arg;
    (void)usual;
    if (d->layers_key && !strcmp(key, d->layers_key)) return;
    d->sum = dnx_hash(d->sum, key, strlen(key) + 1);
    d->sum = dnx_hash(d->sum, value, strlen(value) + 1);
}

uint64_t dnx_net_fingerprint_input(const dnx_net *net, uint64_t h) {
    h = dnx_hash(h, &net->in, sizeof net->in);
    h = dnx_hash(h, &net->o.input_mean, sizeof net->o.input_mean);
    return dnx_hash(h, &net->o.input_scale, sizeof net->o.input_scale);
}

void dnx_net_fingerprint_params(dnx_net *net, int i, const dnx_param *list, int n) {
    uint64_t sum = 0;
    for (int k = 0; k < n; k++) sum = dnx_hash(sum, list[k].value, sizeof(float) * list[k].count);
    net->links[i].loaded = sum;
}

uint64_t dnx_net_fingerprint(dnx_net *net, int last) {
    const uint64_t input = dnx_net_fingerprint_input(net, 0);
    for (int i = 0; i <= last; i++) {
        const dnx_node *n = &net->nodes[i];
        dnx_link *l = &net->links[i];
        describer d = {dnx_hash(0, n->type->name, strlen(n->type->name)), n->type->layers_key};
        dnx_layer_describe(n, add_option, &d);
        l->sum = dnx_hash(d.sum, &l->loaded, sizeof l->loaded);
        for (int k = 0; k < n->n_in; k++) {
            const uint64_t *from = n->from[k] < 0 ? &input : &net->links[n->from[k]].sum;
            l->sum = dnx_hash(l->sum, from, sizeof *from);
        }
    }
    return last < 0 ? input : net->links[last].sum;
}
