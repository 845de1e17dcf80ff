/* average.c - a moving average of the parameters. */
#include "net/average.h"

#include <string.h>

#include "net/weights.h"

static void for_each_param(dnx_net *net,
                           void (*fn)(const dnx_param *, float *average, const void *arg),
                           const void *arg) {
    dnx_param list[DNX_MAX_PARAMS];
    float *a = net->sgd.average;
    for (int i = 0; a && i < net->n; i++)
        for (int k = 0, n = dnx_net_params(net, i, list); k < n; k++) {
            fn(&list[k], a, arg);
            a += list[k].count;
        }
}

static void copy(const dnx_param *p, float *a, const void *arg) {
    (void)arg;
    memcpy(a, p->value, sizeof *a * p->count);
}

static void mix(const dnx_param *p, float *a, const void *arg) {
    const float share = *(const float *)arg;
    for (size_t j = 0; j < p->count; j++) a[j] += share * (p->value[j] - a[j]);
}

static void swap(const dnx_param *p, float *a, const void *arg) {
    (void)arg;
    for (size_t j = 0; j < p->count; j++) {
        const float w = p->value[j];
        p->value[j] = a[j];
        a[j] = w;
    }
}

dnx_status dnx_average_begin(dnx_net *net, dnx_err *err) {
    if (net->o.ema <= 0) return DNX_OK;
    if (!net->sgd.average) net->sgd.average = dnx_alloc(dnx_weights_floats(net, net->n) + 1);
    if (!net->sgd.average)
        return dnx_fail(err, DNX_EMEM, dnx_net_at(net, "ema"), "[net] ema: no memory");
    for_each_param(net, copy, NULL);
    return DNX_OK;
}

void dnx_average_update(dnx_net *net, uint64_t t) {
    const double ramp = ((double)t + 1) / ((double)t + 10), ema = (double)net->o.ema;
    const float share = (float)(1 - (ema < ramp ? ema : ramp));
    for_each_param(net, mix, &share);
}

void dnx_average_swap(dnx_net *net) { for_each_param(net, swap, NULL); }
