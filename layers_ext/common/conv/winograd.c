/* winograd.c - Winograd convolution. */
#include "common/conv/winograd.h"

#include <math.h>
#include <string.h>

#include "common/conv/filters.h"
#include "kernels/pool.h"

#define CACHED 65536 /* floats of transformed tiles, and of products: both fit in the L2 cache */
#define MAX_TILES 84
#define GAP 16      /* floats between matrices, so that they map to different cache sets */
#define LEAST 8     /* channels and filters of a group: with fewer, transforms cost too much */
#define LARGE 40000 /* the largest Cg*N for m = 4; above it, m = 4 takes too much memory */

int dnx_winograd_side(const dnx_patches *at, int filters) {
    int N = filters / (at->in.c / at->c);
    if (at->size != 3 || at->stride != 1 || at->c < LEAST || N < LEAST) return 0;
    int m = (double)at->c * filters > LARGE ? 2 : 4, a = m + 2;
    double tiles = (double)((at->out_h + m - 1) / m) * ((at->out_w + m - 1) / m);
    /* Winograd must save a third of the products, and at least 4 tiles must share a filter. */
    return tiles >= 4 && tiles * a * a <= 6. * at->out_h * at->out_w ? m : 0;
}

/* Returns the least number of tiles that are computed together: with fewer, the filters would be
 * read from memory too often. With m = 2 the filters are large, so more tiles are needed. */
static int least_tiles(const dnx_winograd *s) { return s->m == 2 ? 48 : 24; }

static int area(const dnx_winograd *s) { return (s->m + 2) * (s->m + 2); }

/* Return the distance in floats between the starts of two matrices, with GAP: step_in() for
 * transformed tiles, step_out() for products. */
static size_t step_in(const dnx_winograd *s) { return (size_t)s->tiles * (size_t)s->at.in.c + GAP; }
static size_t step_out(const dnx_winograd *s) {
    return (size_t)s->tiles * (size_t)s->columns + GAP;
}

/* Returns the floats of one input tile, s->tiles transformed tiles and their products: the scratch
 * of a thread. */
static size_t scratch_size(const dnx_winograd *s) {
    return (size_t)area(s) * ((size_t)s->at.in.c + step_in(s) + step_out(s));
}

/* Returns how many floats one group's packed filters take, for one of the a*a elements. */
static size_t group_size(const dnx_winograd *s) { return dnx_kernels()->packed(s->Cg, s->Ng); }

dnx_status dnx_winograd_make(dnx_winograd *s, dnx_node *n, const dnx_patches *at, int filters,
                             dnx_err *err) {
    const dnx_kernel_set *k = dnx_kernels();
    dnx_shape in = at->in, out = {at->out_h, at->out_w, filters};
    int m = s->m = dnx_winograd_side(at, filters);
    if (!m) return DNX_OK;
    s->groups = in.c / at->c;
    s->N = filters;
    s->Cg = at->c;
    s->Ng = filters / s->groups;
    s->out = out;
    s->at = (dnx_patches){in, (out.h + m - 1) / m, (out.w + m - 1) / m, m + 2, m, at->pad, 0, in.c};
    long all = (long)n->batch * s->at.out_h * s->at.out_w;
    /* a multiple of 12: where mm() computes 4 or 6 rows at once, no rows are left over */
    int tiles = CACHED / area(s) / in.c / 12 * 12;
    tiles = tiles < least_tiles(s) ? least_tiles(s) : tiles > MAX_TILES ? MAX_TILES : tiles;
    s->tiles = all < tiles ? (int)all : tiles;
    int columns = CACHED / area(s) / s->tiles;
    /* s->columns filters are computed together: panels of one group (is_cut), or whole groups. A
     * panel is k->panel filters that are packed together. */
    bool is_cut = s->groups == 1 || (columns < s->Ng && k->panel < s->Ng);
    int unit = is_cut ? k->panel : s->Ng;
    int units = columns / unit, most = (s->N + unit - 1) / unit;
    s->columns = (units < 1 ? 1 : units > most ? most : units) * unit;
    n->scratch = (size_t)dnx_pool_threads(n->pool) * scratch_size(s);
    return dnx_new(n, &s->filters, (size_t)area(s) * group_size(s) * (size_t)s->groups, err);
}

/* Computes G g of winograd.h: reads the three numbers g[0], g[by] and g[2 by], and stores the m + 2
 * results in t[0], t[step] and so on. */
static void filter_line(int m, const double *g, int by, double *t, int step) {
    const double a = sqrt(.5), b = sqrt(2);
    double even = g[0] + g[2 * by], half = g[0] + g[2 * by] / 2, two = g[0] + 2 * g[2 * by];
    t[0] = g[0];
    t[(m + 1) * step] = g[2 * by];
    if (m == 2) {
        t[step] = (even + g[by]) / 2;
        t[2 * step] = (even - g[by]) / 2;
        return;
    }
    t[step] = -(half + a * g[by]) / 1.5;
    t[2 * step] = -(half - a * g[by]) / 1.5;
    t[3 * step] = (two + b * g[by]) / 6;
    t[4 * step] = (two - b * g[by]) / 6;
}

typedef struct {
    const dnx_winograd *s;
    const float *w, *scale;
    dnx_pass *p;
    const dnx_norm_act *norm;
} job;

/* Transforms filters [lo, hi) to a*a elements each. Each group has a packed matrix for each
 * element, [Ng/panel][Cg][panel]. */
static void transform_filters(void *arg, long lo, long hi) {
    job *j = arg;
    const dnx_winograd *s = j->s;
    int a = s->m + 2;
    size_t C = (size_t)s->Cg, N = (size_t)s->Ng, panel = (size_t)dnx_kernels()->panel;
    size_t size = group_size(s) * (size_t)s->groups;
    for (size_t f = (size_t)lo; f < (size_t)hi; f++)
        for (size_t c = 0; c < C; c++) {
            const float *w = j->w + (f * C + c) * 9;
            float *u = s->filters + f / N * group_size(s) + (f % N / panel * C + c) * panel +
                       f % N % panel;
            double g[9], rows[6 * 3], all[36], scale = j->scale ? (double)j->scale[f] : 1;
            for (int r = 0; r < 9; r++) g[r] = (double)w[r] * scale;
            for (int r = 0; r < 3; r++) filter_line(s->m, g + r, 3, rows + r, 3);
            for (int r = 0; r < a; r++) filter_line(s->m, rows + 3 * r, 1, all + a * r, 1);
            for (int r = 0; r < a * a; r++) u[(size_t)r * size] = (float)all[r];
        }
}

void dnx_winograd_prepare(dnx_winograd *s, dnx_node *n, const float *w, const float *scale) {
    job j = {.s = s, .w = w, .scale = scale};
    dnx_pool_rows(n->pool, s->N, transform_filters, &j);
}

/* Sets *y and *x to the first output row and column of a tile. Returns the image's index. */
static long place(const dnx_winograd *s, long tile, int *y, int *x) {
    long per = (long)s->at.out_h * s->at.out_w;
    *y = (int)(tile % per) / s->at.out_w * s->m;
    *x = (int)(tile % per) % s->at.out_w * s->m;
    return tile / per;
}

/* Copies an input tile to `tile`, and applies the deferred batch norm and activation.
 * Padding is 0. */
static void normalise(const dnx_winograd *s, const dnx_norm_act *before, const float *image, int iy,
                      int ix, float *tile) {
    dnx_shape in = s->at.in;
    int a = s->m + 2, lo = ix < 0 ? -ix : 0, hi = ix + a > in.w ? in.w - ix : a;
    size_t C = (size_t)in.c;
    for (int y = iy; y < iy + a; y++, tile += (size_t)a * C) {
        if (y < 0 || y >= in.h || lo > 0 || hi < a) memset(tile, 0, sizeof *tile * (size_t)a * C);
        if (y < 0 || y >= in.h || lo >= hi) continue;
        dnx_norm_act_rows(before, image + ((size_t)y * (size_t)in.w + (size_t)(ix + lo)) * C,
                          hi - lo, tile + (size_t)lo * C);
    }
}

/* Transforms `count` input tiles: v[e][i][c] = element e of channel c of tile number tile + i.
 * spare: scratch, a*a*C floats. */
static void transform_in(const dnx_winograd *s, const dnx_pass *p, long tile, int count, float *v,
                         float *spare) {
    const float *x = p->x[0];
    dnx_shape in = s->at.in;
    int a = s->m + 2, C = in.c, oy, ox;
    for (int i = 0; i < count; i++, v += C) {
        long image = place(s, tile + i, &oy, &ox);
        int iy = oy - s->at.pad, ix = ox - s->at.pad;
        const float *from = spare;
        size_t row = (size_t)(a * C);
        if (dnx_deferred(p)) {
            normalise(s, dnx_deferred(p), x + (size_t)image * dnx_size(in), iy, ix, spare);
        } else if (iy >= 0 && ix >= 0 && iy + a <= in.h && ix + a <= in.w) {
            from = x + (((size_t)image * (size_t)in.h + (size_t)iy) * (size_t)in.w + (size_t)ix) *
                           (size_t)C;
            row = (size_t)in.w * (size_t)C;
        } else dnx_patches_gather(&s->at, x, tile + i, 1, spare);
        dnx_kernels()->wino_in(s->m, from, row, C, v, step_in(s));
    }
}

/* Transforms the products of `count` tiles with filters [f, f + width) to outputs, and stores the
 * outputs. prod[e][i] has element e of tile number tile + i for each of these filters. */
static void transform_out(const job *j, long tile, int count, const float *prod, int f, int width) {
    const dnx_winograd *s = j->s;
    size_t N = (size_t)s->N, row = (size_t)s->out.w * N;
    int y, x;
    for (int i = 0; i < count; i++, prod += s->columns) {
        long image = place(s, tile + i, &y, &x);
        int h = s->out.h - y < s->m ? s->out.h - y : s->m;
        int w = s->out.w - x < s->m ? s->out.w - x : s->m;
        long pixel = (image * s->out.h + y) * s->out.w + x;
        dnx_epilogue e = {.y = j->p->y + (size_t)pixel * N + f, .ldy = N};
        if (j->norm) e = dnx_norm_act_epilogue(j->norm, j->p, pixel, f);
        dnx_kernels()->wino_out(s->m, prod, step_out(s), width, h, w, row, &e);
    }
}

/* Multiplies element e of `count` tiles, v, by filters [f, f + width). The filters are whole
 * groups, or panels of one group. */
static void multiply(const dnx_winograd *s, int e, const float *v, int count, int f, int width,
                     float *prod) {
    const dnx_kernel_set *k = dnx_kernels();
    for (int end = f + width, n; f < end; f += n, prod += n) {
        int g = f / s->Ng, first = f % s->Ng;
        n = end - f < s->Ng ? end - f : s->Ng;
        k->mm(v + g * s->Cg, (size_t)s->at.in.c, count, s->Cg,
              s->filters + (size_t)(e * s->groups + g) * group_size(s) +
                  (size_t)first * (size_t)s->Cg,
              n, &(dnx_epilogue){.y = prod, .ldy = (size_t)s->columns});
    }
}

static void forward_part(const job *j, int t, long lo, long hi, int first, int end) {
    const dnx_winograd *s = j->s;
    float *spare = j->p->scratch + (size_t)t * scratch_size(s), *v = spare + area(s) * s->at.in.c;
    float *prod = v + (size_t)area(s) * step_in(s);
    for (long tile = lo; tile < hi; tile += s->tiles) {
        int count = (int)(hi - tile < s->tiles ? hi - tile : s->tiles);
        transform_in(s, j->p, tile, count, v, spare);
        for (int f = first, width; f < end; f += width) {
            int rest = s->columns < s->Ng ? s->Ng - f % s->Ng : end - f;
            rest = rest < end - f ? rest : end - f;
            width = rest < s->columns ? rest : s->columns;
            for (int e = 0; e < area(s); e++)
                multiply(s, e, v + (size_t)e * step_in(s), count, f, width,
                         prod + (size_t)e * step_out(s));
            transform_out(j, tile, count, prod, f, width);
        }
    }
}

static void forward_share(void *arg, int t, int threads) {
    const job *j = arg;
    const dnx_winograd *s = j->s;
    long tiles = (long)j->p->batch * s->at.out_h * s->at.out_w, lo, hi;
    int first, end;
    /* With few tiles, the threads divide the filters, and each thread transforms all tiles. */
    if (tiles < (long)least_tiles(s) * threads) {
        dnx_share_columns(s->N, s->groups > 1 ? s->Ng : dnx_kernels()->panel, t, threads, &first,
                          &end);
        if (first < end) forward_part(j, t, 0, tiles, first, end);
        return;
    }
    dnx_share(tiles, t, threads, &lo, &hi);
    forward_part(j, t, lo, hi, 0, s->N);
}

void dnx_winograd_forward(const dnx_winograd *s, dnx_node *n, dnx_pass *p,
                          const dnx_norm_act *norm) {
    job j = {.s = s, .p = p, .norm = norm};
    dnx_pool_run(n->pool, forward_share, &j);
}
