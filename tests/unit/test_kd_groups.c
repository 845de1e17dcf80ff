/* test_kd_groups.c - compares [kd_probability] group= with a naive version in double. */
#include "layer/classifier.h"
#include "lib/node.h"

enum { B = 5, MOST = 2100 };

typedef struct {
    dnx_node n;
    dnx_distillation distillation;
    dnx_pass p;
    int N;
    double *zs, *zt; /* B x N logits of student and teacher */
    bool *leads;     /* B x N: true for an image's few most probable classes (see leading.h) */
} bench;

static bool set_up(bench *k, int N, const char *options, int threads) {
    dnx_err err = {0};
    dnx_rng r;
    const size_t count = (size_t)(B * N);
    *k = (bench){.N = N, .distillation = {.target = {1, 1, N}}};
    k->n = (dnx_node){.batch = B,
                      .trains = true,
                      .n_in = 1,
                      .in = {{1, 1, N}},
                      .loc = {"t", 1},
                      .pool = dnx_pool_new(threads),
                      .distillation = &k->distillation};
    if (!check(!open_node(&k->n, "kd_probability", options, &err), "%s", err.text)) return false;
    float *x = dnx_alloc(count), *t = dnx_alloc(count), *y = dnx_alloc(B);
    k->zs = calloc(count, sizeof *k->zs);
    k->zt = calloc(count, sizeof *k->zt);
    k->leads = calloc(count, sizeof *k->leads);
    k->p = (dnx_pass){.batch = B,
                      .is_training = true,
                      .x = {x},
                      .target = t,
                      .y = dnx_alloc(B),
                      .dx = {dnx_alloc(count)},
                      .scratch = dnx_alloc(k->n.scratch),
                      .truth = y};
    dnx_rng_seed(&r, 7, (uint64_t)N);
    for (size_t i = 0; i < count; i++) {
        k->zt[i] = t[i] = 3 * dnx_rng_normal(&r);
        k->zs[i] = x[i] = .5f * t[i] + 2 * dnx_rng_normal(&r);
    }
    for (int b = 0; b < B; b++) y[b] = (float)((b * 7 + 3) % N);
    y[1] = -1;
    return true;
}

static void take_down(bench *k) {
    shut_node(&k->n);
    dnx_pool_free(k->n.pool);
    float *all[] = {writable(k->p.x[0]), writable(k->p.target), k->p.y,
                    k->p.dx[0],          k->p.scratch,          writable(k->p.truth)};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) dnx_free(all[i]);
    free(k->zs), free(k->zt), free(k->leads);
}

static int falling(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x < y) - (x > y);
}

/* Sets k->leads by the definition in leading.h, from the logits z. The number n of leading classes
 * is the smallest with `share` of the probability of the batch. Returns n. */
static int mark(bench *k, const double *z, double share) {
    const int N = k->N;
    double *mass = calloc((size_t)N, sizeof *mass), *row = calloc((size_t)N, sizeof *row), held = 0;
    int n = 0;
    for (int b = 0; b < B; b++) {
        double sum = 0;
        for (int j = 0; j < N; j++) sum += exp(z[b * N + j]);
        for (int j = 0; j < N; j++) mass[j] += exp(z[b * N + j]) / sum;
    }
    qsort(mass, (size_t)N, sizeof *mass, falling);
    while (n < N && (n == 0 || held < share * B)) held += mass[n++];
    for (int b = 0; b < B; b++) {
        const int y = (int)k->p.truth[b];
        memcpy(row, z + b * N, sizeof *row * (size_t)N);
        if (y >= 0) row[y] = INFINITY;
        for (int j = 0; j < N; j++) {
            int above = 0;
            for (int i = 0; i < N; i++) above += row[i] > row[j];
            k->leads[b * N + j] = above < n;
        }
    }
    free(mass), free(row);
    return n;
}

/* Returns the loss of image b. Its two groups of classes are in k->leads. T: temperature; outer:
 * weight of the divergence between the groups; inner: weight of the divergence of the leading
 * classes. */
static double naive(const bench *k, int b, double T, double outer, double inner) {
    const double *zs = k->zs + b * k->N, *zt = k->zt + b * k->N;
    double s[2] = {0}, t[2] = {0}, kl = 0;
    for (int j = 0; j < k->N; j++) {
        s[!k->leads[b * k->N + j]] += exp(zs[j] / T);
        t[!k->leads[b * k->N + j]] += exp(zt[j] / T);
    }
    for (int g = 0; g < 2; g++) {
        double q = t[g] / (t[0] + t[1]), p = s[g] / (s[0] + s[1]);
        if (q > 0) kl += outer * q * log(q / p);
    }
    for (int j = 0; j < k->N; j++)
        if (k->leads[b * k->N + j]) {
            double q = exp(zt[j] / T) / t[0], p = exp(zs[j] / T) / s[0];
            kl += inner * q * log(q / p);
        }
    return T * T * kl;
}

static void run(bench *k) {
    fill(k->p.dx[0], (size_t)(B * k->N), NAN);
    fill(k->p.scratch, k->n.scratch, NAN);
    k->n.type->forward(&k->n, &k->p);
    k->n.type->backward(&k->n, &k->p);
}

static void agrees(int N, const char *options, bool by_teacher, double share, double T,
                   double outer, double inner, int threads) {
    bench k;
    if (!set_up(&k, N, options, threads)) return;
    int n = mark(&k, by_teacher ? k.zt : k.zs, share), all = 0;
    for (int i = 0; i < B * N; i++) all += k.leads[i];
    check_value(all == B * n && n > 1 && (n < N || share == 1), "the case has two groups", n, N);
    run(&k);
    double loss = 0, worst = 0, largest = 1e-3;
    for (int b = 0; b < B; b++) {
        double want = naive(&k, b, T, outer, inner);
        near(options, (double)k.p.y[b], want, 3e-6);
        loss += want;
    }
    near(options, k.p.loss, loss, 3e-6);
    int stride = N > 60 ? N / 60 : 1;
    for (int i = 0; i < B * N; i += stride) {
        double keep = k.zs[i];
        k.zs[i] = keep + 1e-5;
        double up = naive(&k, i / N, T, outer, inner);
        k.zs[i] = keep - 1e-5;
        double d = (naive(&k, i / N, T, outer, inner) - up) / 2e-5;
        k.zs[i] = keep;
        worst = worse(worst, fabs(d - (double)k.p.dx[0][i]));
        largest = fmax(largest, fabs(d));
    }
    check_value(worst < 1e-5 * largest, options, worst, 1e-5 * largest);
    take_down(&k);
}

/* When all classes lead and group_within is 1, group= changes no loss. */
static void all_lead(void) {
    bench a, b;
    if (!set_up(&a, 30, "temperature=2", 1)) return;
    if (!set_up(&b, 30, "temperature=2\ngroup=1\ngroup_within=1\n", 1)) return;
    run(&a);
    run(&b);
    near("group=1", b.p.loss, a.p.loss, 1e-12);
    check_value(apart(a.p.dx[0], b.p.dx[0], 30 * B) == 0, "its gradient", 0, 0);
    take_down(&a);
    take_down(&b);
}

/* With equal logits all classes lead. The sum over the other classes is 0: no value may be divided
 * by it. */
static void ties(void) {
    bench k;
    if (!set_up(&k, 30, "temperature=2\ngroup=.5\n", 2)) return;
    fill(writable(k.p.x[0]), 30 * B, 1);
    for (int i = 0; i < 30 * B; i++) k.zs[i] = 1, k.leads[i] = true;
    run(&k);
    double want = 0;
    for (int b = 0; b < B; b++) want += naive(&k, b, 2, 1, 8);
    near("ties", k.p.loss, want, 3e-6);
    check_value(isfinite(k.p.dx[0][0]), "ties' gradient", (double)k.p.dx[0][0], 0);
    take_down(&k);
}

static void extremes(void) {
    bench k;
    if (!set_up(&k, 30, "temperature=.001\ngroup=.9\n", 2)) return;
    writable(k.p.x[0])[3] = 5000;
    writable(k.p.target)[4] = 5000;
    run(&k);
    check_value(isfinite(k.p.loss) && isfinite(k.p.dx[0][0]), "sharp", k.p.loss, 0);
    writable(k.p.x[0])[30] = NAN;
    run(&k);
    check_value(isnan(k.p.loss) && isnan(k.p.y[1]) && isfinite(k.p.y[2]), "NaN of the student",
                k.p.loss, NAN);
    writable(k.p.x[0])[30] = 1;
    writable(k.p.target)[30] = NAN;
    run(&k);
    check_value(isnan(k.p.loss) && isnan(k.p.y[1]) && isfinite(k.p.y[2]), "NaN of the teacher",
                k.p.loss, NAN);
    take_down(&k);
}

static void warmup(void) {
    bench k;
    double loss[4];
    if (!set_up(&k, 30, "warmup=4\ngroup=.9\n", 1)) return;
    for (int i = 0; i < 4; i++) {
        k.p.update = (uint64_t[]){0, 1, 2, 9}[i];
        run(&k);
        loss[i] = k.p.loss;
    }
    near("warmup", loss[0], 0, 1e-12);
    near("warmup", loss[1], loss[3] / 4, 1e-12);
    near("warmup", loss[2], loss[3] / 2, 1e-12);
    take_down(&k);
}

static void threads_change_no_bit(void) {
    bench a, b;
    if (!set_up(&a, MOST, "group=.5\n", 1) || !set_up(&b, MOST, "group=.5\n", 3)) return;
    run(&a);
    run(&b);
    check_value(a.p.loss == b.p.loss && !memcmp(a.p.dx[0], b.p.dx[0], sizeof(float) * B * MOST),
                "threads change no bit", b.p.loss, a.p.loss);
    take_down(&a);
    take_down(&b);
}

int main(void) {
    agrees(12, "temperature=2\ngroup=.8\n", false, .8, 2, 1, 8, 1);
    agrees(40, "temperature=4\ngroup=.93\ngroup_by=student\n", false, .93, 4, 1, 8, 2);
    agrees(40, "temperature=4\ngroup=.93\ngroup_by=teacher\n", true, .93, 4, 1, 8, 2);
    agrees(40, "temperature=1\ngroup=.7\ngroup_between=3\ngroup_within=.5\n", false, .7, 1, 3, .5,
           2);
    agrees(MOST, "temperature=4\ngroup=.5\n", false, .5, 4, 1, 8, 2);
    agrees(40, "temperature=4\ngroup=1\n", false, 1, 4, 1, 8, 2);
    all_lead();
    ties();
    extremes();
    warmup();
    threads_change_no_bit();
    return summary();
}
