/* low_rank_run.c - runs the images, collects responses, solves and measures. */
#include "compress/low_rank_run.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MEMORY (512u << 20) /* most bytes of samples when several layers are solved together */

static dnx_status no_memory(const dnx_low_rank *c, dnx_err *err) {
    return dnx_fail_at(err, DNX_EMEM, c->net->file, "no memory for the samples");
}

/* ---- passes over the images ---- */

/* Called for layer l and image i before the layer runs. x: the image. */
typedef void visit(dnx_low_rank *c, dnx_low_rank_layer *l, size_t i, const float *x);

typedef struct {
    size_t first, end;
} range;

/* Runs the images of the range `of` through net and, if `both`, through small. Calls before() for
 * c->layers[layers.first..layers.end-1], and stops after the last of them. When after() is given,
 * runs up to layer c->last, and calls after() for each image. */
static dnx_status run(dnx_low_rank *c, const char *what, range of, bool both, range layers,
                      visit *before, void (*after)(dnx_low_rank *c), dnx_err *err) {
    const int last = after ? c->last : c->layers[layers.end - 1].r.layer;
    float *x = dnx_alloc(dnx_size(c->net->in));
    dnx_status st = x ? DNX_OK : no_memory(c, err);
    for (size_t i = of.first; !st && i < of.end; i++) {
        st = c->read(c->arg, i, x, err);
        size_t l = layers.first;
        for (int k = 0; !st && k <= last; k++) {
            if (l < layers.end && c->layers[l].r.layer == k) before(c, &c->layers[l++], i, x);
            dnx_net_forward_layer(c->net, k, x, 1, DNX_PREDICTING, NULL, NULL);
            if (both) dnx_net_forward_layer(c->small, k, x, 1, DNX_PREDICTING, NULL, NULL);
        }
        if (!st && after) after(c);
        if (c->progress) c->progress(c->arg, what, i + 1 - of.first, of.end - of.first);
    }
    dnx_free(x);
    return st;
}

/* ---- collecting ---- */

/* Returns the number of sampled responses of an image. */
static size_t floats(const dnx_low_rank_layer *l) {
    return (size_t)l->r.positions * (size_t)l->r.N;
}

static dnx_status add_layer(dnx_low_rank *c, int i, dnx_err *err) {
    dnx_low_rank_layer *l = &c->layers[c->n++];
    dnx_status st = dnx_responses_make(c->net, i, c->positions, &l->r, err);
    if (st) return st;
    int N = l->r.N, K = l->r.K;
    double pixels = (double)l->r.at.out_h * l->r.at.out_w;
    l->most = N < K ? N : K;
    l->dense = pixels * N * K;
    l->per_rank = pixels * ((double)N + K);
    if (c->images * (size_t)l->r.positions <= (size_t)N)
        return dnx_fail(err, DNX_ESHAPE, c->net->nodes[i].loc,
                        "[%s] layer %d: %zu images of %d samples leave the covariance "
                        "of %d responses singular; needs at least %d images, better ten times "
                        "as many",
                        c->net->nodes[i].type->name, i, c->images, l->r.positions, N,
                        N / l->r.positions + 1);
    l->sigma = calloc((size_t)N, sizeof *l->sigma);
    l->vectors = calloc((size_t)N * (size_t)N, sizeof *l->vectors);
    l->variance = calloc((size_t)N, sizeof *l->variance);
    if (!l->sigma || !l->vectors || !l->variance) return no_memory(c, err);
    return dnx_moments_make(&l->moments, N, err);
}

static dnx_status find_layers(dnx_low_rank *c, dnx_err *err) {
    dnx_net *net = c->net;
    dnx_status st = DNX_OK;
    c->layers = calloc((size_t)net->n, sizeof *c->layers);
    if (!c->layers) return no_memory(c, err);
    int i = 0;
    for (; i < net->n && !net->nodes[i].type->is_loss && !st; i++) {
        const dnx_node *n = &net->nodes[i];
        c->macs += dnx_macs(n);
        if (dnx_responses_fit(net, i)) st = add_layer(c, i, err);
    }
    c->last = i - 1;
    if (st) return st;
    if (c->n == 0)
        return dnx_fail_at(err, DNX_ESHAPE, net->file,
                           "no convolution without groups before the first loss");
    size_t most = 0;
    for (i = 0; i < c->n; i++)
        if (floats(&c->layers[i]) > most) most = floats(&c->layers[i]);
    c->scratch = dnx_alloc(5 * most);
    return c->scratch ? DNX_OK : no_memory(c, err);
}

static void add_moments(dnx_low_rank *c, dnx_low_rank_layer *l, size_t i, const float *x) {
    dnx_responses_sample(&l->r, c->net, x, c->seed, i, c->scratch);
    dnx_moments_add(&l->moments, c->scratch, l->r.positions);
}

/* Holds out the share of images that was asked for, or fewer when the fit needs them. The fit needs
 * more samples than any layer has responses (r.N). */
static void hold_out(dnx_low_rank *c) {
    size_t least = 1, held = (size_t)(c->held_out * (double)c->images);
    for (int i = 0; i < c->n; i++) {
        size_t needs = (size_t)(c->layers[i].r.N / c->layers[i].r.positions + 1);
        if (needs > least) least = needs;
    }
    if (!held && c->held_out > 0) held = 1;
    c->measured = held < c->images - least ? held : c->images - least;
    c->fitted = c->images - c->measured;
}

/* Lowers l->most to the number of filters whose responses vary: a filter of zeros adds no rank. */
static void limit_rank(dnx_low_rank_layer *l) {
    int live = 0;
    for (size_t i = 0, N = (size_t)l->r.N; i < N; i++) live += l->moments.cross[i * N + i] > 0;
    if (live && live < l->most) l->most = live;
}

dnx_status dnx_low_rank_collect(dnx_low_rank *c, dnx_err *err) {
    dnx_status st = find_layers(c, err);
    if (!st) hold_out(c);
    if (!st)
        st = run(c, "collecting", (range){0, c->fitted}, false, (range){0, (size_t)c->n},
                 add_moments, NULL, err);
    for (int i = 0; i < c->n && !st; i++) {
        dnx_low_rank_layer *l = &c->layers[i];
        st = dnx_eigen(l->moments.cross, l->r.N, l->sigma, l->vectors, err);
        for (int k = 0; k < l->r.N; k++) l->sigma[k] /= l->moments.n;
        limit_rank(l);
    }
    return st;
}

/* ---- solving ---- */

static dnx_status solve_linear(dnx_low_rank *c, dnx_low_rank_layer *l, dnx_err *err) {
    int varies = dnx_numerical_rank(l->sigma, l->r.N);
    if (l->rank > varies)
        return dnx_fail(err, DNX_ESHAPE, c->net->nodes[l->r.layer].loc,
                        "[%s] layer %d: %.0f samples vary in %d directions only, under rank %d; "
                        "needs more, and different, images",
                        c->net->nodes[l->r.layer].type->name, l->r.layer, l->moments.n, varies,
                        l->rank);
    dnx_status st = dnx_factors_make(&l->f, l->r.N, l->rank, err);
    if (st) return st;
    dnx_low_rank_linear(l->vectors, l->moments.mean, &l->f);
    for (int i = 0; i < l->r.N; i++)
        for (int r = 0; r < l->rank; r++) {
            double p = l->vectors[(size_t)r * (size_t)l->r.N + (size_t)i];
            l->variance[i] += p * p * l->sigma[r];
        }
    return dnx_low_rank_set(c->small, &l->r, &l->f, l->variance, err);
}

static size_t samples(const dnx_low_rank *c, const dnx_low_rank_layer *l) {
    return c->fitted * floats(l);
}

static void add_samples(dnx_low_rank *c, dnx_low_rank_layer *l, size_t i, const float *x) {
    if (!l->rank) return;
    size_t at = i * floats(l);
    dnx_responses_sample(&l->r, c->net, x, c->seed, i, l->y + at);
    if (c->method == DNX_ASYMMETRIC)
        dnx_responses_sample(&l->r, c->small, x, c->seed, i, l->x + at);
    else memcpy(l->x + at, l->y + at, sizeof(float) * floats(l));
}

/* Packs M^T: the kernels turn a sample y (a row) into y M^T. Returns NULL when memory runs out. */
static float *pack_product(const dnx_factors *f) {
    size_t d = (size_t)f->d, R = (size_t)f->rank;
    float *m = dnx_alloc(d * d), *packed = NULL;
    if (m) packed = dnx_alloc(dnx_kernels()->packed(f->d, f->d));
    for (size_t i = 0; packed && i < d; i++) /* m = M^T */
        for (size_t j = 0; j < d; j++) {
            double sum = 0;
            for (size_t r = 0; r < R; r++) sum += f->p[i * R + r] * f->q[r * d + j];
            m[j * d + i] = (float)sum;
        }
    if (packed) dnx_kernels()->pack(m, d, 1, f->d, f->d, packed);
    dnx_free(m);
    return packed;
}

static dnx_status solve_samples(dnx_low_rank *c, dnx_low_rank_layer *l, dnx_err *err) {
    long n = (long)(c->fitted * (size_t)l->r.positions);
    dnx_samples all = {.y = l->y, .x = l->x, .n = n, .act = l->r.act, .slopes = l->r.slopes};
    dnx_status st = dnx_low_rank_nonlinear(&all, c->net->pool, &l->f, err);
    if (st) return st;
    size_t d = (size_t)l->r.N;
    float *packed = pack_product(&l->f), *row = dnx_alloc(d);
    if (!packed || !row) st = no_memory(c, err);
    memset(l->variance, 0, sizeof *l->variance * d);
    /* The fit has subtracted the mean of x, so the mean square of a product is its variance. */
    for (long i = 0; !st && i < n; i++) {
        const dnx_epilogue e = {.y = row, .ldy = d};
        dnx_kernels()->mm(l->x + (size_t)i * d, d, 1, l->r.N, packed, l->r.N, &e);
        for (size_t k = 0; k < d; k++)
            l->variance[k] += (double)row[k] * (double)row[k] / (double)n;
    }
    dnx_free(packed);
    dnx_free(row);
    return st ? st : dnx_low_rank_set(c->small, &l->r, &l->f, l->variance, err);
}

/* Solves c->layers[first..end-1] with all their samples in memory. */
static dnx_status solve_group(dnx_low_rank *c, int first, int end, dnx_err *err) {
    dnx_status st = DNX_OK;
    for (int i = first; i < end && !st; i++) {
        dnx_low_rank_layer *l = &c->layers[i];
        if (!l->rank) continue;
        l->y = dnx_alloc(samples(c, l));
        l->x = dnx_alloc(samples(c, l));
        if (!l->y || !l->x) st = no_memory(c, err);
    }
    if (!st)
        st = run(c, "solving", (range){0, c->fitted}, c->method == DNX_ASYMMETRIC,
                 (range){(size_t)first, (size_t)end}, add_samples, NULL, err);
    for (int i = first; i < end && !st; i++)
        if (c->layers[i].rank) st = solve_samples(c, &c->layers[i], err);
    for (int i = first; i < end; i++) {
        dnx_low_rank_layer *l = &c->layers[i];
        dnx_free(l->y);
        dnx_free(l->x);
        l->y = l->x = NULL;
    }
    return st;
}

dnx_status dnx_low_rank_solve(dnx_low_rank *c, dnx_err *err) {
    dnx_status st = DNX_OK;
    dnx_low_rank_copy(c->net, c->small);
    for (int i = 0; i < c->n && !st; i++)
        if (c->layers[i].rank) st = solve_linear(c, &c->layers[i], err);
    if (!st) st = dnx_net_prepare(c->small, err);
    for (int i = 0; c->method != DNX_LINEAR_SOLUTION && i < c->n && !st;) {
        size_t bytes = 0;
        int end = i, solved = 0;
        for (; end < c->n; end++) {
            const dnx_low_rank_layer *l = &c->layers[end];
            if (!l->rank) continue;
            bytes += 2 * sizeof(float) * samples(c, l);
            if (solved && (bytes > MEMORY || c->method == DNX_ASYMMETRIC)) break;
            solved++;
        }
        if (solved) st = solve_group(c, i, end, err);
        i = end;
    }
    return st;
}

/* ---- measuring ---- */

/* Returns sum |ry - r(M x + c)|^2 for an image, where ry is r(y). ry, x: positions x N; z: scratch
 * for (positions + 1) x N floats. */
static double distance(const dnx_low_rank_layer *l, const float *ry, const float *x, float *z) {
    const size_t d = (size_t)l->r.N, n = floats(l);
    float *c = z + n;
    double sum = 0;
    for (size_t i = 0; i < d; i++) c[i] = (float)l->f.c[i];
    const dnx_epilogue e = {.y = z, .ldy = d, .bias = c, .act = l->r.act, .slope = l->r.slopes};
    dnx_kernels()->mm(x, d, l->r.positions, l->r.N, l->packed, l->r.N, &e);
    for (size_t i = 0; i < n; i++)
        sum += ((double)ry[i] - (double)z[i]) * ((double)ry[i] - (double)z[i]);
    return sum;
}

/* Adds the errors on image i to l->alone and l->within. */
static void add_errors(dnx_low_rank *c, dnx_low_rank_layer *l, size_t i, const float *x) {
    if (!l->rank) return;
    const size_t n = floats(l);
    float *y = c->scratch, *of_small = y + n, *ry = of_small + n, *z = ry + n;
    const dnx_scaled_act how = {l->r.N, NULL, NULL, l->r.act, l->r.slopes};
    dnx_responses_sample(&l->r, c->net, x, c->seed, i, y);
    dnx_responses_sample(&l->r, c->small, x, c->seed, i, of_small);
    dnx_kernels()->scale_act(y, l->r.positions, &how, NULL, ry);
    for (size_t k = 0; k < n; k++) l->norm += (double)ry[k] * (double)ry[k];
    l->alone += distance(l, ry, y, z);
    l->within += distance(l, ry, of_small, z);
}

static void add_output(dnx_low_rank *c) {
    const float *a = c->net->plan.of[c->last].y, *b = c->small->plan.of[c->last].y;
    size_t n = dnx_size(c->net->nodes[c->last].out);
    double aa = 0, bb = 0, ab = 0, dd = 0;
    for (size_t i = 0; i < n; i++) {
        double u = (double)a[i], v = (double)b[i];
        aa += u * u;
        bb += v * v;
        ab += u * v;
        dd += (u - v) * (u - v);
    }
    c->error += (aa > 0 ? dd / aa : dd) / (double)c->measured;
    c->cosine += (aa > 0 && bb > 0 ? ab / sqrt(aa * bb) : 0) / (double)c->measured;
}

dnx_status dnx_low_rank_measure(dnx_low_rank *c, dnx_err *err) {
    dnx_status st = DNX_OK;
    if (!c->measured) return DNX_OK;
    for (int i = 0; i < c->n && !st; i++) {
        dnx_low_rank_layer *l = &c->layers[i];
        if (!l->rank) continue;
        l->packed = pack_product(&l->f);
        if (!l->packed) st = no_memory(c, err);
    }
    if (!st)
        st = run(c, "measuring", (range){c->fitted, c->images}, true, (range){0, (size_t)c->n},
                 add_errors, add_output, err);
    for (int i = 0; i < c->n && !st; i++) {
        dnx_low_rank_layer *l = &c->layers[i];
        l->alone /= l->norm > 0 ? l->norm : 1;
        l->within /= l->norm > 0 ? l->norm : 1;
    }
    if (!st && !isfinite(c->error))
        st = dnx_fail(err, DNX_ENUMBER, c->net->nodes[c->last].loc,
                      "NaN or infinity in the output of layer %d [%s] on these images", c->last,
                      c->net->nodes[c->last].type->name);
    return st;
}

void dnx_low_rank_close(dnx_low_rank *c) {
    for (int i = 0; i < c->n; i++) {
        dnx_low_rank_layer *l = &c->layers[i];
        dnx_responses_free(&l->r);
        dnx_moments_free(&l->moments);
        dnx_factors_free(&l->f);
        free(l->sigma);
        free(l->vectors);
        free(l->variance);
        dnx_free(l->packed);
    }
    dnx_free(c->scratch);
    free(c->layers);
    c->layers = NULL;
    c->n = 0;
}
