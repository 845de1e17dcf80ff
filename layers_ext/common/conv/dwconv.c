/* dwconv.c - convolution in groups of few channels, one row of outputs at a time. */
#include "common/conv/dwconv.h"

#include <string.h>

#include "common/conv/filters.h"
#include "kernels/pool.h"

static size_t in_row(const dnx_node *n) { return (size_t)n->in[0].w * (size_t)n->in[0].c; }

bool dnx_dwconv_is_narrow(int inputs, int outputs, int size, int stride, bool trains) {
    int most = inputs > outputs ? inputs : outputs, vector = dnx_kernels()->panel / 2;
    bool has_strips = stride == 1 ? size == 1 || size == 3 || size == 5 : stride == 2 && size == 3;
    return most <= (!has_strips ? vector / 2 : trains ? vector : vector * 3 / 4);
}

static bool is_depthwise(const dnx_dwconv *s) { return s->g.a == 1 && s->g.b == 1; }

/* Returns how many rows of dz a thread keeps in p->scratch: as many as one row of dx needs. */
static int kept_rows(const dnx_node *n, const dnx_dwconv *s) {
    return s->kh < n->out.h ? s->kh : n->out.h;
}

/* Returns the distance of neighbouring pixels in the kept rows of dz. Unless the convolution is
 * depthwise, stride - 1 zero pixels are inserted between two pixels. Then dx is a convolution of
 * these rows with stride 1. */
static int kept_step(const dnx_dwconv *s) { return is_depthwise(s) ? 1 : s->stride; }
static int kept_pixels(const dnx_node *n, const dnx_dwconv *s) {
    return (n->out.w - 1) * kept_step(s) + 1;
}

/* Returns how many floats of p->scratch each thread uses. */
static size_t scratch_size(const dnx_node *n, const dnx_dwconv *s) {
    int pixels = kept_rows(n, s) * kept_pixels(n, s) + (kept_step(s) > 1 ? n->out.w : 0);
    return (size_t)pixels * (size_t)n->out.c;
}

static size_t weights(const dnx_node *n, const dnx_dwconv *s) {
    return (size_t)s->kh * (size_t)s->kw * (size_t)s->g.a * (size_t)n->out.c;
}

dnx_status dnx_dwconv_make(dnx_node *n, dnx_dwconv *s, bool has_bn, dnx_act act, dnx_err *err) {
    size_t threads = (size_t)dnx_pool_threads(n->pool);
    int C = n->in[0].c, N = n->out.c;
    s->g = (dnx_groups){C, C / s->groups, N / s->groups};
    s->g_dx = (dnx_groups){N, N / s->groups, C / s->groups};
    size_t count = weights(n, s);
    dnx_status st = dnx_norm_act_make(&s->norm, n, has_bn, act, err);
    const dnx_param w = {"weights", count, 1, 0, DNX_WEIGHTS};
    const float K = (float)(s->kh * s->kw * s->g.a);
    if (!st) st = dnx_new_normal(n, &s->w, &s->d_w, 2 / K, w, err);
    if (!st) st = dnx_new(n, &s->taps, count, err);
    if (!st && n->trains) {
        st = dnx_new(n, &s->d_taps, threads * count, err);
        if (!st) st = dnx_new(n, &s->x_rows, threads * (size_t)s->kh * in_row(n), err);
        if (!st && !is_depthwise(s)) st = dnx_new(n, &s->taps_dx, count, err);
        n->scratch = threads * scratch_size(n, s);
    }
    return st;
}

/* Returns the index in `taps` of the tap (ky, 0) that filter f applies to input channel j of its
 * group. The next tap of the row is N floats further. */
static size_t taps_at(const dnx_node *n, const dnx_dwconv *s, int f, int j, int ky) {
    return (size_t)((ky * s->g.a + j) * s->kw) * (size_t)n->out.c + (size_t)f;
}

/* Returns the index in `taps_dx` of the tap (ky, kw-1) that filter f applies to input channel j of
 * its group. The taps are in reverse order: tap kx-1 is C floats after tap kx. */
static size_t taps_dx_at(const dnx_node *n, const dnx_dwconv *s, int f, int j, int ky) {
    return (size_t)((ky * s->g.b + f % s->g.b) * s->kw) * (size_t)n->in[0].c +
           (size_t)(f / s->g.b * s->g.a + j);
}

dnx_status dnx_dwconv_prepare(dnx_node *n, dnx_err *err) {
    (void)err;
    dnx_dwconv *s = n->state;
    size_t C = (size_t)n->in[0].c, N = (size_t)n->out.c, kw = (size_t)s->kw;
    const float *w = s->w;
    if (!w) return DNX_OK; /* an earlier call has packed w and freed it */
    if (!n->trains) dnx_norm_act_fold(&s->norm);
    for (int f = 0; f < n->out.c; f++)
        for (int j = 0; j < s->g.a; j++)
            for (int ky = 0; ky < s->kh; ky++, w += kw) {
                float *to = s->taps + taps_at(n, s, f, j, ky);
                float scale = n->trains ? 1 : s->norm.bn.scale[f];
                for (size_t kx = 0; kx < kw; kx++) to[kx * N] = w[kx] * scale;
                if (!s->taps_dx) continue;
                to = s->taps_dx + taps_dx_at(n, s, f, j, ky);
                for (size_t kx = 0; kx < kw; kx++) to[kx * C] = w[kw - 1 - kx];
            }
    dnx_release_param(n, &s->w);
    return DNX_OK;
}

static dnx_norm_act *defer(dnx_node *n, float **z) {
    return dnx_norm_act_defer(&((dnx_dwconv *)n->state)->norm, z);
}

static bool applies_deferred(const dnx_node *n) { return n->trains; }

const dnx_fusion dnx_dwconv_fusion = {.adds_residual = dnx_norm_act_adds_residual,
                                      .defer = defer,
                                      .applies_deferred = applies_deferred};

static bool as_convolution(const dnx_node *n, dnx_convolution *view) {
    const dnx_dwconv *s = n->state;
    *view = (dnx_convolution){s->kh, s->stride, s->pad, s->groups, s->norm.act, s->norm.has_bn};
    return s->kh == s->kw && n->in[0].c > 1;
}

static void show(const dnx_node *n, dnx_view *v) {
    const dnx_dwconv *s = n->state;
    dnx_convolution c;
    as_convolution(n, &c);
    if (s->kh != s->kw) dnx_show(v, "avgpool", v->from, 1, n->out, NULL);
    else dnx_show_convolution(v, v->from[0], n->out, &c, "");
}

static const char *algorithm(const dnx_node *n) {
    const dnx_dwconv *s = n->state;
    return s->groups == n->out.c && s->groups == n->in[0].c ? "depthwise" : "narrow groups";
}

const dnx_description dnx_dwconv_description = {.show = show, .algorithm = algorithm};
const dnx_compression dnx_dwconv_compression = {.as_convolution = as_convolution};

typedef struct {
    dnx_node *n;
    dnx_pass *p;
} job;

/* Tells which input rows thread t has in x_rows, when batch norm and activation are deferred: slot
 * k has row held[k] of the batch, or no row if held[k] is -1. */
typedef struct {
    const job *j;
    int t;
    long held[DNX_MAX_TAPS];
} reader;

static void open_rows(reader *r, const job *j, int t) {
    const dnx_dwconv *s = j->n->state;
    r->j = j;
    r->t = t;
    for (int i = 0; i < s->kh; i++) r->held[i] = -1;
}

/* Sets rows[0..kh-1] to the rows of image b that output row oy reads; NULL for rows of padding. */
static void find_rows(reader *r, long b, int oy, const float **rows) {
    const dnx_node *n = r->j->n;
    const dnx_dwconv *s = n->state;
    size_t row = in_row(n);
    for (int ky = 0; ky < s->kh; ky++) {
        int iy = oy * s->stride - s->pad + ky, slot = iy % s->kh;
        bool inside = iy >= 0 && iy < n->in[0].h;
        long at = b * n->in[0].h + iy;
        rows[ky] = inside ? r->j->p->x[0] + (size_t)at * row : NULL;
        if (!inside || !dnx_deferred(r->j->p)) continue;
        float *done = s->x_rows + ((size_t)r->t * (size_t)s->kh + (size_t)slot) * row;
        if (r->held[slot] != at)
            dnx_norm_act_rows(dnx_deferred(r->j->p), rows[ky], n->in[0].w, done);
        r->held[slot] = at;
        rows[ky] = done;
    }
}

static dnx_rows rows_of(const dnx_node *n, const dnx_dwconv *s) {
    return (dnx_rows){n->in[0].w, n->out.w, s->kh, s->kw, s->stride, s->pad};
}

static void forward_share(void *arg, int t, int threads) {
    job *j = arg;
    dnx_node *n = j->n;
    dnx_dwconv *s = n->state;
    int oh = n->out.h, ow = n->out.w;
    const float *rows[DNX_MAX_TAPS];
    const dnx_rows line = rows_of(n, s);
    long lo, hi;
    reader r;
    open_rows(&r, j, t);
    dnx_share((long)j->p->batch * oh, t, threads, &lo, &hi);
    for (long i = lo; i < hi; i++) {
        find_rows(&r, i / oh, (int)(i % oh), rows);
        const dnx_epilogue e = dnx_norm_act_epilogue(&s->norm, j->p, i * ow, 0);
        dnx_kernels()->group_row(rows, &line, &s->g, s->taps, &e);
        if (n->trains) dnx_norm_act_stats(&s->norm, j->p, t, e.y, ow);
    }
}

void dnx_dwconv_forward(dnx_node *n, dnx_pass *p) {
    dnx_dwconv *s = n->state;
    job j = {n, p};
    if (n->trains) dnx_norm_act_begin(&s->norm, n);
    dnx_pool_run(n->pool, forward_share, &j);
    if (n->trains) dnx_norm_act_end(&s->norm, n, p);
}

static void dx_row(const dnx_node *n, const dnx_dwconv *s, const float *kept, int iy, float *dx,
                   bool adds) {
    const float *rows[DNX_MAX_TAPS];
    const dnx_kernel_set *k = dnx_kernels();
    const dnx_epilogue e = {.y = dx, .ldy = (size_t)n->in[0].c, .adds = adds};
    int iw = n->in[0].w, pixels = kept_pixels(n, s), N = n->out.c, keep = kept_rows(n, s);
    for (int ky = 0; ky < s->kh; ky++) {
        int at = iy + s->pad - ky, oy = at / s->stride;
        bool meets = at >= 0 && at % s->stride == 0 && oy < n->out.h;
        rows[ky] = meets ? kept + (size_t)(oy % keep) * (size_t)pixels * (size_t)N : NULL;
    }
    if (is_depthwise(s)) {
        const dnx_rows line = {iw, pixels, s->kh, s->kw, s->stride, s->pad};
        k->dw_dx(rows, &line, N, s->taps, dx, adds);
    } else {
        const dnx_rows line = {pixels, iw, s->kh, s->kw, 1, s->kw - 1 - s->pad};
        k->group_row(rows, &line, &s->g_dx, s->taps_dx, &e);
    }
}

/* Stores a row of dz, with its pixels kept_step() pixels apart. */
static void keep_row(const dnx_node *n, const dnx_dwconv *s, const float *dz, float *to) {
    size_t N = (size_t)n->out.c, step = N * (size_t)kept_step(s);
    if (dz == to) return;
    if (step == N) {
        memcpy(to, dz, sizeof *to * N * (size_t)n->out.w);
        return;
    }
    for (int x = 0; x < n->out.w; x++, dz += N, to += step) memcpy(to, dz, sizeof *to * N);
}

static void backward_share(void *arg, int t, int threads) {
    job *j = arg;
    dnx_node *n = j->n;
    dnx_dwconv *s = n->state;
    int oh = n->out.h, ow = n->out.w, ih = n->in[0].h, iw = n->in[0].w, keep = kept_rows(n, s);
    size_t row = (size_t)ow * (size_t)n->out.c;
    size_t kept_row = (size_t)kept_pixels(n, s) * (size_t)n->out.c;
    float *d_taps = s->d_taps + (size_t)t * weights(n, s), *dx = j->p->dx[0];
    float *kept = j->p->scratch + (size_t)t * scratch_size(n, s);
    float *one = kept + (size_t)keep * kept_row;
    const float *rows[DNX_MAX_TAPS];
    const dnx_rows line = rows_of(n, s);
    long lo, hi;
    reader r;
    open_rows(&r, j, t);
    if (kept_step(s) > 1) memset(kept, 0, sizeof *kept * (size_t)keep * kept_row);
    dnx_share(j->p->batch, t, threads, &lo, &hi);
    for (long b = lo; b < hi; b++) {
        size_t image = (size_t)b * dnx_size(n->in[0]);
        for (int oy = 0, iy = 0; oy < oh; oy++) {
            size_t at = ((size_t)b * (size_t)oh + (size_t)oy) * row;
            float *to = kept + (size_t)(oy % keep) * kept_row;
            const float *dz = dnx_norm_act_dz(&s->norm, j->p->dy + at, s->norm.z + at, ow,
                                              kept_step(s) > 1 ? one : to);
            keep_row(n, s, dz, to);
            find_rows(&r, b, oy, rows);
            dnx_kernels()->group_row_dw(rows, &line, &s->g, d_taps, dz);
            int end = oy + 1 == oh ? ih : (oy + 1) * s->stride - s->pad;
            for (; dx && iy < end && iy < ih; iy++) {
                size_t first = image + (size_t)iy * in_row(n);
                dx_row(n, s, kept, iy, dx + first, j->p->dx_adds[0]);
                if (dnx_deferred(j->p))
                    dnx_norm_act_sums(dnx_deferred(j->p), t, dx + first, j->p->x[0] + first, iw);
            }
        }
    }
}

void dnx_dwconv_backward(dnx_node *n, dnx_pass *p) {
    dnx_dwconv *s = n->state;
    size_t count = weights(n, s), N = (size_t)n->out.c, kw = (size_t)s->kw;
    int threads = dnx_pool_threads(n->pool);
    job j = {n, p};
    dnx_norm_act_backward(&s->norm, n, p);
    if (dnx_deferred(p)) dnx_norm_act_begin(dnx_deferred(p), n);
    memset(s->d_taps, 0, sizeof(float) * count * (size_t)threads);
    dnx_pool_run(n->pool, backward_share, &j);
    for (int t = 0; t < threads; t++) {
        float *to = s->d_w;
        for (int f = 0; f < n->out.c; f++)
            for (int i = 0; i < s->g.a; i++)
                for (int ky = 0; ky < s->kh; ky++, to += kw) {
                    const float *d = s->d_taps + (size_t)t * count + taps_at(n, s, f, i, ky);
                    for (size_t kx = 0; kx < kw; kx++) to[kx] += d[kx * N];
                }
    }
}
