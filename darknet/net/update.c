/* update.c - one update of a network's parameters: SGD with momentum, weight decay, clipping by
 * norm and weight exclusivity (EC-KD, as we understand it). */
#include <math.h>

#include "kernels/kernels.h"
#include "kernels/pool.h"
#include "net/net.h"

#define POSITIONS 256 /* weights of each filter that exclude() takes at a time */
#define SMALL 65536   /* with fewer floats, more threads are not faster */

void dnx_net_update_begin(dnx_net *net, int batch) {
    dnx_param list[DNX_MAX_PARAMS];
    double sum = 0;
    net->sgd.exclusivity = 0;
    net->sgd.clip = 1;
    if (net->o.clip_norm <= 0) return;
    if (net->placement) net->placement->fetch_gradients(net);
    for (int i = net->first_trained; i < net->n; i++)
        for (int k = 0, n = dnx_net_params(net, i, list); k < n; k++)
            if (list[k].is_trained && list[k].grad)
                sum += dnx_kernels()->dot(list[k].grad, list[k].grad, list[k].count);
    net->sgd.norm = sqrt(sum) / batch;
    if (net->sgd.norm > (double)net->o.clip_norm)
        net->sgd.clip = (float)(net->o.clip_norm / net->sgd.norm);
}

/* Subtracts factor * dE/dw from the descent direction w->grad, and returns E. E is the weight
 * exclusivity of M filters of D weights (EC-KD, Wang et al. 2020). With w_ip, weight p of filter i,
 * and S_p = sum_i |w_ip|:
 *
 *   E = 1/(M-1) sum_p sum_{i != j} |w_ip| |w_jp|,  dE/dw_ip = 2/(M-1) sign(w_ip) (S_p - |w_ip|)
 *
 * The sums are the squared exclusive norm of w, the sum of S_p^2, without its terms i = j. Because
 * of the factor 1/(M-1), the gradient does not grow with the number of filters. The loss of an
 * image grows by exclusivity= times the sum of E over all layers. */
static double exclude(const dnx_param *w, double factor) {
    size_t M = (size_t)w->filters, D = w->count / M;
    double e = 0, scale = 1 / (double)(M - 1), f = 2 * factor * scale;
    for (size_t at = 0; at < D; at += POSITIONS) {
        size_t len = D - at < POSITIONS ? D - at : POSITIONS;
        double sums[POSITIONS] = {0};
        for (size_t i = 0; i < M; i++)
            for (size_t p = 0; p < len; p++) sums[p] += (double)fabsf(w->value[i * D + at + p]);
        for (size_t i = 0; i < M; i++) {
            const float *v = w->value + i * D + at;
            float *g = w->grad + i * D + at;
            for (size_t p = 0; p < len; p++) {
                double own = (double)fabsf(v[p]), rest = sums[p] - own;
                g[p] -= (float)(v[p] > 0 ? f * rest : v[p] < 0 ? -f * rest : 0);
                e += own * rest;
            }
        }
    }
    return e * scale;
}

/* Gradient descent of a parameter: values w, descent directions g, momentum v. */
typedef struct {
    float *w, *g, *v;
    size_t count;
    float rate, momentum, decay;
    bool nesterov;
} descent;

static void descend(void *arg, long lo, long hi) {
    const descent *d = arg;
    float *restrict w = d->w, *restrict g = d->g, *restrict v = d->v;
    const float rate = d->rate, momentum = d->momentum, decay = d->decay;
    for (long j = lo; j < hi; j++) {
        float step = g[j] - decay * w[j];
        v[j] = momentum * v[j] + step;
        w[j] += rate * (d->nesterov ? step + momentum * v[j] : v[j]);
        g[j] = 0;
    }
}

void dnx_net_update_layer(dnx_net *net, int i, int batch, float rate, float momentum, float decay) {
    dnx_param list[DNX_MAX_PARAMS];
    const dnx_layer_sgd *l = &net->sgd.of[i];
    if (i < net->first_trained) return;
    if (net->placement && i == net->first_trained)
        net->placement->update(net, batch, rate, momentum, decay);
    if (net->placement && net->placement->is_updated(net, i)) return;
    int n = dnx_net_params(net, i, list);
    float *v = net->sgd.momentum + l->momentum_at;
    float lr = rate * l->rate / (float)batch;
    for (int k = 0; k < n; k++) {
        if (!list[k].is_trained || !list[k].grad) continue;
        for (size_t j = 0; net->sgd.clip < 1 && j < list[k].count; j++)
            list[k].grad[j] *= net->sgd.clip;
        if (l->exclusivity > 0 && list[k].filters > 1)
            net->sgd.exclusivity += exclude(&list[k], (double)l->exclusivity * batch);
        descent d = {list[k].value,
                     list[k].grad,
                     v,
                     list[k].count,
                     lr,
                     momentum,
                     decay * l->decay * list[k].decay * (float)batch,
                     net->o.nesterov != 0};
        if (list[k].count < SMALL) descend(&d, 0, (long)d.count);
        else dnx_pool_rows(net->pool, (long)d.count, descend, &d);
        v += list[k].count;
    }
    if (net->placement) net->placement->changed(net, i);
    if (net->nodes[i].type->prepare) net->nodes[i].type->prepare(&net->nodes[i], NULL);
}
