/* test_forward.c - compares forward passes with loops in double, for each set of kernels. */
#include "kernels/kernels.h"
#include "lib/layer_bench.h"

typedef struct {
    const char *type, *text;
    int B, H, W, C;
    int N, size, stride, pad, groups, has_bn, act; /* the options of `text`; act: a dnx_act */
} plain_row;

static const plain_row plain_rows[] = {
    {"convolutional", "filters=5\nactivation=linear\n", 1, 3, 7, 1, 5, 1, 1, 0, 1, 0, DNX_LINEAR},
    {"convolutional", "filters=33\nsize=3\nstride=2\npad=1\nbatch_normalize=1\nactivation=relu\n",
     2, 7, 4, 3, 33, 3, 2, 1, 1, 1, DNX_RELU},
    {"convolutional", "filters=64\nbatch_normalize=1\nactivation=prelu\n", 3, 5, 9, 33, 64, 1, 1, 0,
     1, 1, DNX_PRELU},
    {"convolutional", "filters=6\nsize=5\npadding=2\ngroups=3\nactivation=leaky\n", 1, 3, 2, 33, 6,
     5, 1, 2, 3, 0, DNX_LEAKY},
    {"convolutional", "filters=20\nsize=2\nstride=3\n", 2, 12, 10, 17, 20, 2, 3, 0, 1, 0,
     DNX_LOGISTIC},
    {"convolutional", "filters=100\nsize=7\npad=1\nbatch_normalize=1\nactivation=relu6\n", 1, 4, 3,
     2, 100, 7, 1, 3, 1, 1, DNX_RELU6},
    {"convolutional", "filters=16\nstride=2\ngroups=2\nactivation=linear\n", 2, 5, 6, 16, 16, 1, 2,
     0, 2, 0, DNX_LINEAR},
    {"convolutional", "filters=34\nsize=3\npad=1\ngroups=17\nactivation=relu\n", 2, 5, 6, 17, 34, 3,
     1, 1, 17, 0, DNX_RELU},
    /* Narrow groups: the kernels use vectors of 4, 8 and 16 floats. */
    {"convolutional", "filters=36\nsize=3\npad=1\ngroups=9\nbatch_normalize=1\nactivation=prelu\n",
     2, 4, 31, 36, 36, 3, 1, 1, 9, 1, DNX_PRELU},
    {"convolutional", "filters=15\nsize=3\nstride=2\npad=1\ngroups=5\nactivation=leaky\n", 2, 7, 12,
     35, 15, 3, 2, 1, 5, 0, DNX_LEAKY},
    {"convolutional", "filters=80\nsize=5\npad=1\ngroups=10\nactivation=swish\n", 1, 6, 9, 20, 80,
     5, 1, 2, 10, 0, DNX_SWISH},
    {"convolutional", "filters=36\ngroups=6\nactivation=relu\n", 2, 3, 17, 30, 36, 1, 1, 0, 6, 0,
     DNX_RELU},
    {"convolutional", "filters=4\nsize=3\npad=1\ngroups=4\nactivation=linear\n", 1, 5, 9, 28, 4, 3,
     1, 1, 4, 0, DNX_LINEAR},
    {"convolutional", "filters=130\nactivation=linear\n", 4, 1, 1, 33, 130, 1, 1, 0, 1, 0,
     DNX_LINEAR},
    /* Winograd's F(m x m, 3 x 3) when predicting: m = 2 with 201 and 610 filters, else m = 4 */
    {"convolutional", "filters=35\nsize=3\npad=1\nbatch_normalize=1\nactivation=prelu\n", 2, 7, 5,
     33, 35, 3, 1, 1, 1, 1, DNX_PRELU},
    {"convolutional", "filters=64\nsize=3\nactivation=relu6\n", 3, 30, 33, 40, 64, 3, 1, 0, 1, 0,
     DNX_RELU6},
    {"convolutional", "filters=32\nsize=3\npadding=5\nactivation=swish\n", 1, 1, 2, 32, 32, 3, 1, 5,
     1, 0, DNX_SWISH},
    {"convolutional", "filters=201\nsize=3\npad=1\nbatch_normalize=1\nactivation=leaky\n", 1, 5, 4,
     210, 201, 3, 1, 1, 1, 1, DNX_LEAKY},
    {"convolutional", "filters=60\nsize=3\npad=1\ngroups=3\nbatch_normalize=1\nactivation=prelu\n",
     2, 7, 9, 54, 60, 3, 1, 1, 3, 1, DNX_PRELU},
    {"convolutional", "filters=610\nsize=3\nactivation=linear\n", 2, 13, 12, 70, 610, 3, 1, 0, 1, 0,
     DNX_LINEAR},
    {"depthwise", "pad=1\n", 1, 5, 4, 1, 1, 3, 1, 1, 0, 0, DNX_LINEAR},
    {"depthwise", "stride=2\npad=1\nbatch_normalize=1\nactivation=prelu\n", 2, 8, 7, 33, 33, 3, 2,
     1, 0, 1, DNX_PRELU},
    {"depthwise", "size=7\npad=1\n", 1, 3, 5, 3, 3, 7, 1, 3, 0, 0, DNX_LINEAR},
    {"depthwise", "size=2\nstride=3\nactivation=relu\n", 2, 9, 13, 64, 64, 2, 3, 0, 0, 0, DNX_RELU},
    {"depthwise", "stride=2\npad=1\nmultiplier=3\n", 2, 7, 6, 5, 15, 3, 2, 1, 0, 0, DNX_LINEAR},
    {"global_depthwise", "batch_normalize=1\nactivation=linear\n", 9, 7, 6, 33, 33, 0, 1, 0, 0, 1,
     DNX_LINEAR},
    {"global_depthwise", "", 1, 2, 5, 1, 1, 0, 1, 0, 0, 0, DNX_LINEAR},
    {"connected", "output=33\nactivation=relu\n", 1, 3, 2, 3, 33, 0, 1, 0, 1, 0, DNX_RELU},
    {"connected", "output=3\nbatch_normalize=1\n", 7, 1, 5, 33, 3, 0, 1, 0, 1, 1, DNX_LOGISTIC},
    {"connected", "output=130\nactivation=prelu\n", 2, 1, 1, 1, 130, 0, 1, 0, 1, 0, DNX_PRELU},
    {"maxpool", "size=2\nstride=2\n", 2, 7, 4, 33, 0, 2, 2, 1, 0, 0, DNX_LINEAR},
    {"maxpool", "size=3\nstride=2\npadding=3\n", 1, 6, 5, 3, 0, 3, 2, 3, 0, 0, DNX_LINEAR},
    {"maxpool", "size=9\nstride=2\n", 1, 4, 5, 1, 0, 9, 2, 8, 0, 0, DNX_LINEAR},
    {"maxpool", "stride=3\npadding=0\n", 1, 7, 9, 3, 0, 3, 3, 0, 0, 0, DNX_LINEAR},
    {"avgpool", "", 2, 5, 3, 33, 0, 0, 1, 0, 0, 0, DNX_LINEAR},
    {"avgpool", "", 1, 1, 4, 130, 0, 0, 1, 0, 0, 0, DNX_LINEAR},
    {"avgpool", "size=3\nstride=2\npad=1\n", 2, 6, 7, 70, 0, 3, 2, 1, 0, 0, DNX_LINEAR},
    {"avgpool", "size=2\nstride=3\n", 1, 5, 8, 3, 0, 2, 3, 0, 0, 0, DNX_LINEAR},
    {"local_avgpool", "size=2\nstride=2\n", 2, 7, 4, 70, 0, 2, 2, 1, 0, 0, DNX_LINEAR},
    {"local_avgpool", "size=3\n", 1, 6, 5, 3, 0, 3, 1, 2, 0, 0, DNX_LINEAR},
    {"local_avgpool", "stride=2\npadding=0\n", 1, 6, 5, 3, 0, 2, 2, 0, 0, 0, DNX_LINEAR},
    {"channel_shuffle", "groups=3\n", 2, 3, 4, 33, 0, 0, 1, 0, 3, 0, DNX_LINEAR},
    {"channel_shuffle", "", 1, 2, 1, 2, 0, 0, 1, 0, 2, 0, DNX_LINEAR},
    {"upsample", "stride=3\n", 2, 2, 5, 3, 0, 0, 3, 0, 0, 0, DNX_LINEAR},
    {"upsample", "", 1, 1, 3, 33, 0, 0, 2, 0, 0, 0, DNX_LINEAR},
    {"batchnorm", "", 3, 5, 2, 33, 0, 0, 1, 0, 0, 1, DNX_LINEAR},
    {"batchnorm", "", 2, 3, 4, 1, 0, 0, 1, 0, 0, 1, DNX_LINEAR},
    {"batchnorm", "shift=1\nactivation=prelu\n", 3, 5, 2, 33, 0, 0, 1, 0, 0, 1, DNX_PRELU},
};

/* Returns value (y, x, c) of input image i, or 0 when (y, x) lies outside of the image. */
static double pixel(const bench *b, int i, int y, int x, int c) {
    dnx_shape s = b->n.in[0];
    if (y < 0 || x < 0 || y >= s.h || x >= s.w) return 0;
    return (double)
        b->x[0][(((size_t)i * (size_t)s.h + (size_t)y) * (size_t)s.w + (size_t)x) * (size_t)s.c +
                (size_t)c];
}

/* Returns output (i, y, x, c) before batch norm and activation. w: weights; with NULL the mean over
 * the filter's area is returned. */
static double naive(const plain_row *r, const bench *b, const float *w, int i, int y, int x,
                    int c) {
    int kh = r->size, kw = r->size, cg = r->C, c0 = 0;
    double sum = 0, largest = -INFINITY;
    if (!strcmp(r->type, "batchnorm")) return pixel(b, i, y, x, c);
    if (!strcmp(r->type, "upsample")) return pixel(b, i, y / r->stride, x / r->stride, c);
    if (!strcmp(r->type, "channel_shuffle"))
        return pixel(b, i, y, x, c % r->groups * (r->C / r->groups) + c / r->groups);
    const bool is_mean = !strcmp(r->type, "local_avgpool");
    if (is_mean || !strcmp(r->type, "maxpool")) {
        int inside = 0;
        for (int ky = 0; ky < kh; ky++)
            for (int kx = 0; kx < kw; kx++) {
                int iy = y * r->stride - r->pad / 2 + ky, ix = x * r->stride - r->pad / 2 + kx;
                if (iy < 0 || ix < 0 || iy >= r->H || ix >= r->W) continue;
                largest = fmax(largest, pixel(b, i, iy, ix, c));
                sum += pixel(b, i, iy, ix, c);
                inside++;
            }
        return is_mean ? sum / inside : largest;
    }
    if (!kh) kh = r->H, kw = r->W;
    if (!strcmp(r->type, "convolutional")) {
        cg = r->C / r->groups;
        c0 = c / (r->N / r->groups) * cg;
    } else if (!strcmp(r->type, "depthwise")) cg = 1, c0 = c / (r->N / r->C);
    else if (strcmp(r->type, "connected") != 0) cg = 1, c0 = c;
    for (int k = 0; k < cg; k++)
        for (int ky = 0; ky < kh; ky++)
            for (int kx = 0; kx < kw; kx++) {
                double v = pixel(b, i, y * r->stride - r->pad + ky, x * r->stride - r->pad + kx,
                                 c0 + k);
                sum += w ? v * (double)w[((c * cg + k) * kh + ky) * kw + kx] : v / (kh * kw);
            }
    return sum;
}

static const float *param(const dnx_param *list, int n, const char *name) {
    for (int i = 0; i < n; i++)
        if (!strcmp(list[i].name, name)) return list[i].value;
    return NULL;
}

/* trains: the layer is made for training. training: the pass trains, so batch norm uses the
 * statistics of the batch. */
static void check_forward(const plain_row *r, bool trains, bool training) {
    row q = {r->type, r->type, r->text, r->B, r->H, r->W, r->C};
    char name[120];
    bench b;
    dnx_err err = {0};
    dnx_param list[DNX_MAX_PARAMS];
    snprintf(name, sizeof name, "%s %dx%dx%dx%d %.40s", r->type, r->B, r->H, r->W, r->C, r->text);
    for (char *c = name; *c; c++) *c = *c == '\n' ? ' ' : *c;
    if (open_bench(&b, &q, r->B, trains, 2, &err)) {
        check_part(false, name, err.text, err.status, 0);
        close_bench(&b);
        return;
    }
    int np = node_params(&b.n, list);
    const float *w = param(list, np, "weights"), *bias = param(list, np, "biases");
    const float *scales = param(list, np, "scales"), *slopes = param(list, np, "slopes");
    const float *rm = param(list, np, "mean"), *rv = param(list, np, "variance");
    dnx_shape o = b.n.out;
    long P = (long)r->B * o.h * o.w;
    double *z = calloc((size_t)P * (size_t)o.c, sizeof *z);
    for (long p = 0; p < P; p++)
        for (int c = 0; c < o.c; c++)
            z[p * o.c + c] = naive(r, &b, w, (int)(p / (o.h * o.w)), (int)(p / o.w % o.h),
                                   (int)(p % o.w), c);
    double worst = 0, got = 0, want = 0;
    float *old_m = NULL, *old_v = NULL;
    if (rm) {
        old_m = dnx_alloc((size_t)o.c), old_v = dnx_alloc((size_t)o.c);
        memcpy(old_m, rm, sizeof(float) * (size_t)o.c);
        memcpy(old_v, rv, sizeof(float) * (size_t)o.c);
    }
    objective(&b, r->B, training);
    for (int c = 0; c < o.c; c++) {
        double m = 0, v = 0, g = 1;
        for (long p = 0; p < P; p++) m += z[p * o.c + c] / (double)P;
        for (long p = 0; p < P; p++) v += (z[p * o.c + c] - m) * (z[p * o.c + c] - m) / (double)P;
        if (training && rm) {
            check_part(fabs((double)rm[c] - .99 * (double)old_m[c] - .01 * m) < 1e-5, name,
                       "rolling mean", (double)rm[c], .99 * (double)old_m[c] + .01 * m);
            check_part(fabs((double)rv[c] - .99 * (double)old_v[c] - .01 * v) < 1e-4, name,
                       "rolling variance", (double)rv[c], .99 * (double)old_v[c] + .01 * v);
        }
        if (!training && rm) m = (double)old_m[c], v = (double)old_v[c];
        if (rm) g = (double)scales[c] / sqrt(v + 1e-5);
        for (long p = 0; p < P; p++) {
            double u = rm ? (z[p * o.c + c] - m) * g : z[p * o.c + c];
            if (bias) u += (double)bias[c];
            double y = (double)dnx_activate((float)u, (dnx_act)r->act, slopes ? slopes[c] : 0);
            double e = fabs(y - (double)b.y[p * o.c + c]) / (1 + fabs(y));
            if (e <= worst || isnan(worst)) continue;
            worst = e, got = (double)b.y[p * o.c + c], want = y;
        }
    }
    check_part(worst < 2e-5, name,
               training ? "training forward"
               : trains ? "testing forward"
                        : "forward",
               got, want);
    free(z);
    dnx_free(old_m), dnx_free(old_v);
    close_bench(&b);
}

/* In a softmax over a map, classes are numbered in the order C, H, W. */
static void check_class_order(void) {
    row r = {"softmax class", "softmax", "", 1, 2, 3, 4};
    bench b;
    dnx_err err = {0};
    if (check_part(!open_bench(&b, &r, 1, true, 1, &err), r.name, err.text, err.status, 0)) {
        for (int k = 0; k < 24; k++) {
            b.truth[0] = (float)k;
            double loss = objective(&b, 1, true), want = -log((double)b.y[k % 6 * 4 + k / 6]);
            check_part(fabs(loss - want) < 1e-5, r.name, "loss", loss, want);
        }
    }
    close_bench(&b);
}

static void check_pair(const char *type, const char *text, dnx_shape first, dnx_shape second) {
    row r = {type, type, text, 2, first.h, first.w, first.c, 0, 0, second};
    bench b;
    dnx_err err = {0};
    if (check_part(!open_bench(&b, &r, 2, false, 2, &err), type, err.text, err.status, 0)) {
        dnx_shape o = b.n.out;
        bool joins = !strcmp(type, "route"), is_sam = !strcmp(type, "sam");
        bool by_pixel = strstr(text, "scale_wh=1");
        check_part(o.h == second.h && o.w == second.w &&
                       o.c == (joins ? (first.c + second.c) / 3 : second.c),
                   type, "shape", o.c, second.c);
        objective(&b, 2, false);
        double worst = 0;
        for (int i = 0; i < 2 * o.h * o.w; i++)
            for (int c = 0; c < o.c; c++) {
                int part = first.c / 3, image = i / (o.h * o.w);
                double f = (double)b.x[1][i * second.c + (joins ? 0 : c)], want;
                if (joins)
                    want = c < part ? (double)b.x[0][i * first.c + 2 * part + c]
                                    : (double)b.x[1][i * second.c + 2 * (second.c / 3) + c - part];
                else want = f * (double)b.x[0][by_pixel ? i : (is_sam ? i : image) * first.c + c];
                if (strstr(text, "tanh")) want = tanh(want);
                worst = fmax(worst, fabs(want - (double)b.y[i * o.c + c]));
            }
        check_part(worst < 1e-6, type, "forward", worst, 0);
    }
    close_bench(&b);
}

/* Returns the squared distance of images i and j, both scaled to length 1. */
static double unit_distance(const bench *b, int i, int j) {
    int D = (int)dnx_size(b->n.in[0]);
    double a = 0, c = 0, dot = 0;
    for (int k = 0; k < D; k++) {
        double x = (double)b->x[0][i * D + k], y = (double)b->x[0][j * D + k];
        a += x * x, c += y * y, dot += x * y;
    }
    return 2 - 2 * dot / sqrt(a * c);
}

/* Returns the loss of [contrastive] ("pairs") or [triplet] ("all", "hard"). is_plain: distances are
 * not squared. */
static double naive_metric(const bench *b, const char *kind, double margin, bool is_plain) {
    static const int class[] = {0, 0, 1, 1, 2, -1};
    double sum = 0, apart = 0;
    int used = 0, far = 0;
    for (int i = 0; i < 5; i++) {
        double farthest = -1, nearest = 9;
        for (int j = 0; j < 5; j++) {
            if (i == j) continue;
            double d = unit_distance(b, i, j);
            d = is_plain ? sqrt(d) : d;
            if (class[i] == class[j]) farthest = fmax(farthest, d);
            else nearest = fmin(nearest, d);
            if (!strcmp(kind, "pairs") && class[i] == class[j]) sum += d * d / 2, used++;
            else if (!strcmp(kind, "pairs") && d < margin)
                apart += (margin - d) * (margin - d) / 2, far++;
            for (int k = 0; !strcmp(kind, "all") && class[i] == class[j] && k < 5; k++) {
                double e = unit_distance(b, i, k);
                double term = d - (is_plain ? sqrt(e) : e) + margin;
                if (class[k] != class[i] && term > 0) sum += term, used++;
            }
        }
        if (!strcmp(kind, "hard") && farthest >= 0)
            sum += fmax(0, farthest - nearest + margin), used++;
    }
    return 5 * ((used ? sum / used : 0) + (far ? apart / far : 0));
}

static void check_metric(const char *type, const char *text, const char *kind, double margin,
                         bool is_plain) {
    row r = {type, type, text, 6, 1, 1, 3};
    bench b;
    dnx_err err = {0};
    if (check_part(!open_bench(&b, &r, 6, true, 1, &err), type, err.text, err.status, 0)) {
        for (int i = 0; i < 6; i++) b.truth[i] = i < 4 ? (float)(i / 2) : i < 5 ? 2 : -1;
        double got = objective(&b, 6, true), want = naive_metric(&b, kind, margin, is_plain);
        check_part(want > .1 && fabs(got - want) < 1e-5, type, kind, got, want);
        /* With one image per class no triplet exists. */
        for (int i = 0; i < 6; i++) b.truth[i] = (float)i;
        got = objective(&b, 6, true);
        check_part(strcmp(type, "triplet") || got == 0, type, "loss without a triplet", got, 0);
    }
    close_bench(&b);
}

/* far: the angle of the far negative, in radians; counts: whether the triplet of this negative with
 * the anchor at the angle .6 has a loss. */
static void check_semihard(double far, bool counts) {
    row r = {"semihard", "triplet", "from=-1\nmining=semihard\nmargin=1\n", 4, 1, 1, 2};
    bench b;
    dnx_err err = {0};
    if (check_part(!open_bench(&b, &r, 4, true, 1, &err), r.name, err.text, err.status, 0)) {
        const double angle[] = {0, .6, .3, -far}, class[] = {0, 0, 1, 2};
        for (int i = 0; i < 4; i++) {
            b.x[0][2 * i] = (float)cos(angle[i]), b.x[0][2 * i + 1] = (float)sin(angle[i]);
            b.truth[i] = (float)class[i];
        }
        /* A semi-hard negative is farther from the anchor than the positive. The images at 0 and .6
         * are anchor and positive, in both orders. The negative at .3 is nearer to both than .6,
         * so it does not count. The other negative is `far` from the first anchor, and .6 + far
         * from the second. */
        double near = 2 - 2 * cos(.6), want = near - (2 - 2 * cos(far)) + 1;
        double last = 2 - 2 * cos(.6 + far), got = objective(&b, 4, true);
        check_part((last < near + 1) == counts, r.name, "a triplet without loss", last, near + 1);
        if (counts) want = (want + near - last + 1) / 2;
        check_part(fabs(got - 4 * want) < 1e-5, r.name, "loss", got, 4 * want);
    }
    close_bench(&b);
}

static void check_center(void) {
    row r = {"center loss", "center_loss", "from=-1\nclasses=3\nweight=.5\n", 3, 1, 1, 4};
    bench b;
    dnx_err err = {0};
    dnx_param list[DNX_MAX_PARAMS];
    if (check_part(!open_bench(&b, &r, 3, true, 1, &err), r.name, err.text, err.status, 0)) {
        double want = 0;
        node_params(&b.n, list);
        b.truth[0] = 2, b.truth[1] = -1, b.truth[2] = 0;
        for (int i = 0; i < 3; i += 2)
            for (int k = 0; k < 4; k++) {
                double c = (double)list[0].value[(i ? 0 : 2) * 4 + k];
                want += .25 * ((double)b.x[0][4 * i + k] - c) * ((double)b.x[0][4 * i + k] - c);
            }
        double got = objective(&b, 3, true);
        check_part(fabs(got - want) < 1e-5, r.name, "loss", got, want);
    }
    close_bench(&b);
}

static void check_all(void) {
    check(!strcmp(dnx_kernels()->name, where), "DNX_ISA is not obeyed");
    for (size_t i = 0; i < sizeof plain_rows / sizeof *plain_rows; i++) {
        check_forward(&plain_rows[i], false, false);
        check_forward(&plain_rows[i], true, false);
        check_forward(&plain_rows[i], true, true);
    }
    check_class_order();
    check_metric("contrastive", "from=-1\n", "pairs", 1, true);
    check_metric("contrastive", "from=-1\nmargin=1.7\n", "pairs", (double)1.7f, true);
    check_metric("triplet", "from=-1\n", "hard", (double).3f, false);
    check_metric("triplet", "from=-1\nmargin=.5\ndistance=plain\n", "hard", .5, true);
    check_metric("triplet", "from=-1\nmining=all\nmargin=.5\n", "all", .5, false);
    check_metric("triplet", "from=-1\nmining=all\ndistance=plain\n", "all", (double).3f, true);
    check_semihard(.7, false);
    check_semihard(.62, true);
    check_center();
    check_pair("scale_channels", "from=-2\n", (dnx_shape){1, 1, 35}, (dnx_shape){3, 4, 35});
    check_pair("scale_channels", "from=-2\nactivation=tanh\n", (dnx_shape){1, 1, 70},
               (dnx_shape){3, 4, 70});
    check_pair("scale_channels", "from=-2\nscale_wh=1\n", (dnx_shape){3, 4, 1},
               (dnx_shape){3, 4, 70});
    check_pair("sam", "from=-2\n", (dnx_shape){3, 4, 5}, (dnx_shape){3, 4, 5});
    check_pair("sam", "from=-2\nactivation=tanh\n", (dnx_shape){3, 4, 5}, (dnx_shape){3, 4, 5});
    check_pair("route", "layers=-1,-2\ngroups=3\ngroup_id=2\n", (dnx_shape){3, 2, 6},
               (dnx_shape){3, 2, 9});
}

int main(void) {
    in_each_set(check_all);
    return summary();
}
