/* [rnn], [gru] and [lstm], computed by libdarknet for one time step from a zero state: each image
 * is a sequence of one step. They only predict: libdarknet's CPU code has no gradient for [gru],
 * computes no delta for [lstm], and gives the input layer of [rnn] the gradient of the state layer.
 *
 * x: B x D numbers, y: B x N. in, self, out and all names that begin with u or w are connected
 * layers: weights times input plus biases, with batch norm if batch_normalize=1. Their argument 0
 * is the zero state. f is the activation, s the logistic function; * is elementwise.
 *   rnn:  h = f(in(x)) + f(self(0)),  y = f(out(h))
 *   gru:  z = s(uz(x) + wz(0)), r = s(ur(x) + wr(0)), h = t(uh(x) + wh(r * 0)), y = (1 - z) * h,
 *         where t is tanh if tanh=1, else s
 *   lstm: i = s(ui(x) + wi(0)), o = s(uo(x) + wo(0)), g = tanh(ug(x) + wg(0)), y = o * tanh(i * g)
 * The file has one connected layer after the other: biases, weights N x D (N x N when the layer
 * takes a state) and, with batch_normalize=1, scales, mean and variance. Order: rnn in, self, out;
 * gru wz, wr, wh, uz, ur, uh; lstm wi, wf, wo, wg, ui, uf, uo, ug. */
#include <darknet.h>

#define DNX_HOST_STRUCTS
#include "host/layers.h"

#include <limits.h>
#include <math.h>
#include <string.h>

/* libdarknet exports these functions, but declares them in none of its headers. */
void forward_rnn_layer(layer l, network net);
void forward_gru_layer(layer l, network net);
void forward_lstm_layer(layer l, network net);

typedef struct {
    int output, batch_normalize, activation, shortcut, tanh;
} opts;

static void forward(dnx_node *n, dnx_pass *p) {
    dnx_host_state *s = n->state;
    size_t bytes = sizeof(float) * dnx_size(n->out) * (size_t)p->batch;
    if (s->l.state) memset(s->l.state, 0, bytes);
    if (s->l.h_cpu) memset(s->l.h_cpu, 0, bytes);
    if (s->l.c_cpu) memset(s->l.c_cpu, 0, bytes);
    /* Predicts even while training. In training, libdarknet would write a second state after the
     * first, outside of its memory. */
    dnx_host_predict(n, p);
}

/* Makes part i, a connected layer with D inputs. rubbish: B x N floats for values that libdarknet
 * stores and this layer does not use. */
static dnx_status connect(dnx_node *n, int i, size_t D, float *rubbish, dnx_err *err) {
    const opts *o = n->opts;
    dnx_host_state *s = n->state;
    layer *l = &s->part[i];
    size_t N = (size_t)o->output, outputs = N * (size_t)n->batch, count = N * D;
    const dnx_param block = {"weights", N + count + (o->batch_normalize ? 3 * N : 0), 1};
    float *none = NULL; /* no gradient, because the layer only predicts */
    dnx_status st = dnx_new_param(n, &s->block[i], &none, block, err);
    if (!st) st = dnx_new(n, &l->output, outputs, err);
    if (st) return st;
    l->type = CONNECTED;
    l->inputs = (int)D;
    l->outputs = l->out_c = o->output;
    l->out_h = l->out_w = 1;
    l->batch_normalize = o->batch_normalize;
    l->activation = LINEAR;
    l->biases = s->block[i];
    l->weights = l->biases + N;
    l->delta = l->x = l->x_norm = rubbish;
    if (o->batch_normalize) {
        l->scales = l->weights + count;
        l->rolling_mean = l->scales + N;
        l->rolling_variance = l->rolling_mean + N;
        for (size_t k = 0; k < N; k++) l->scales[k] = l->rolling_variance[k] = 1;
    }
    dnx_rng r;
    dnx_rng_seed(&r, n->seed, (uint64_t)n->index * DNX_HOST_PARTS + (uint64_t)i);
    float range = sqrtf(2.f / (float)D); /* weights are uniform in -range..range */
    for (size_t k = 0; k < count; k++) l->weights[k] = range * (2 * dnx_rng_uniform(&r) - 1);
    return DNX_OK;
}

/* Makes `parts` connected layers. Part i takes x when bit i of of_input is 1, else a state of N
 * numbers. Allocates B x N floats for each of the `extra` pointers *more[k]. */
static dnx_status make(dnx_node *n, int parts, unsigned of_input, int extra, float **const *more,
                       dnx_err *err) {
    const opts *o = n->opts;
    dnx_host_state *s = n->state;
    size_t D = dnx_size(n->in[0]), N = (size_t)o->output;
    if (D * N > INT_MAX || N * N > INT_MAX || N * (size_t)n->batch > INT_MAX)
        return dnx_fail(err, DNX_ESHAPE, n->loc,
                        "[%s] output=%d: over 2^31 weights for an input of %zu", n->type->name,
                        o->output, D);
    n->out = (dnx_shape){1, 1, o->output};
    float *rubbish = NULL;
    dnx_status st = dnx_host_make(n, err);
    if (!st) st = dnx_new(n, &rubbish, N * (size_t)n->batch, err);
    for (int i = 0; i < parts && !st; i++, s->parts++)
        st = connect(n, i, of_input >> i & 1 ? D : N, rubbish, err);
    for (int i = 0; i < extra && !st; i++) st = dnx_new(n, more[i], N * (size_t)n->batch, err);
    s->l.batch_normalize = o->batch_normalize;
    return st;
}

static double macs(const dnx_node *n) {
    const dnx_host_state *s = n->state;
    double sum = 0;
    for (int i = 0; i < s->parts; i++) sum += (double)s->part[i].inputs * s->part[i].outputs;
    return sum;
}

#define MEMBERS .state_size = sizeof(dnx_host_state), .forward = forward, .macs = macs

#define OUTPUT DNX_OPT_INT(opts, output, 1, 1, 1 << 24, "outputs N")
#define NORMALISE DNX_OPT_INT(opts, batch_normalize, 0, 0, 1, "1: normalises the inner layers")

static const dnx_opt rnn_options[] = {
    OUTPUT,
    NORMALISE,
    DNX_OPT_WORD(opts, activation, 0, DNX_HOST_ACTIVATIONS, "function of the inner layers"),
    DNX_OPT_INT(opts, shortcut, 0, 0, 1, "1: adds the old state, which is zero here"),
    DNX_OPT_IGNORED("hidden", "of old cfg files"),
    DNX_OPT_END(opts),
};

static dnx_status make_rnn(dnx_node *n, dnx_err *err) {
    const opts *o = n->opts;
    dnx_host_state *s = n->state;
    layer *l = &s->l;
    dnx_status st = make(n, 3, 1, 1, (float **const[]){&l->state}, err);
    if (st) return st;
    for (int i = 0; i < 3; i++) s->part[i].activation = (ACTIVATION)o->activation;
    l->type = RNN;
    l->shortcut = o->shortcut;
    l->input_layer = &s->part[0];
    l->self_layer = &s->part[1];
    l->output_layer = &s->part[2];
    l->output = s->part[2].output;
    s->forward = forward_rnn_layer;
    return DNX_OK;
}

const dnx_layer_type dnx_rnn = {
    .name = "rnn",
    .summary = "a recurrent layer, one step; only predicts",
    .options = rnn_options,
    .make = make_rnn,
    MEMBERS,
};

static const dnx_opt gru_options[] = {
    OUTPUT,
    NORMALISE,
    DNX_OPT_INT(opts, tanh, 0, 0, 1, "1: tanh instead of the logistic function"),
    DNX_OPT_END(opts),
};

static dnx_status make_gru(dnx_node *n, dnx_err *err) {
    const opts *o = n->opts;
    dnx_host_state *s = n->state;
    layer *l = &s->l;
    dnx_status st = make(
        n, 6, 070, 5,
        (float **const[]){&l->state, &l->forgot_state, &l->r_cpu, &l->z_cpu, &l->h_cpu}, err);
    l->type = GRU;
    l->tanh = o->tanh;
    l->wz = &s->part[0];
    l->wr = &s->part[1];
    l->wh = &s->part[2];
    l->uz = &s->part[3];
    l->ur = &s->part[4];
    l->uh = &s->part[5];
    s->forward = forward_gru_layer;
    return st;
}

const dnx_layer_type dnx_gru = {
    .name = "gru",
    .summary = "a gated recurrent layer, one step; only predicts",
    .options = gru_options,
    .make = make_gru,
    MEMBERS,
};

static const dnx_opt lstm_options[] = {
    OUTPUT,
    NORMALISE,
    DNX_OPT_END(opts),
};

static dnx_status make_lstm(dnx_node *n, dnx_err *err) {
    dnx_host_state *s = n->state;
    layer *l = &s->l;
    dnx_status st = make(n, 8, 0360, 8,
                         (float **const[]){&l->cell_cpu, &l->f_cpu, &l->i_cpu, &l->g_cpu, &l->o_cpu,
                                           &l->c_cpu, &l->h_cpu, &l->temp_cpu},
                         err);
    l->type = LSTM;
    l->wi = &s->part[0];
    l->wf = &s->part[1];
    l->wo = &s->part[2];
    l->wg = &s->part[3];
    l->ui = &s->part[4];
    l->uf = &s->part[5];
    l->uo = &s->part[6];
    l->ug = &s->part[7];
    s->forward = forward_lstm_layer;
    return st;
}

const dnx_layer_type dnx_lstm = {
    .name = "lstm",
    .summary = "a long short-term memory, one step; only predicts",
    .options = lstm_options,
    .make = make_lstm,
    MEMBERS,
};
