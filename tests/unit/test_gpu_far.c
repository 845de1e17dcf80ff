/* test_gpu_far.c - GPU kernels on tensors of more than 2^31 numbers. The test touches only the
 * memory of the last images; the system reserves the rest without using it. */
#include <sys/mman.h>

#include "cuda/kernels.h"
#include "lib/check.h"
#include "lib/gpu/emulation.h"

#define PROTO(name, waits)                                                                         \
    void name(const struct name##_args a);                                                         \
    static inline void call_##name(const void *a) { name(*(const struct name##_args *)a); }        \
    enum { WAITS_##name = waits };
DNX_CUDA_KERNELS(PROTO)

/* Images have 8 x 8 pixels and 128 channels. MANY images have more than 2^31 numbers. */
enum { SIDE = 8, C = 128, PIXELS = SIDE * SIDE, IMAGE = PIXELS * C, FEW = 3 };
enum { MANY = (1u << 31) / IMAGE + 8 * FEW + FEW };

typedef struct {
    int batch;
    long rows, count;
    float *x, *dy, *y; /* x, dy, y, winner: `count` numbers each */
    int *winner;
    double *parts;
    float *sums;
} side;

static side far, near_;
static float small[4 * 9 * C], big[9 * C * C];

static void *reserve(size_t bytes) {
    void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                   -1, 0);
    if (p == MAP_FAILED) {
        skip("tensors of more than 2^31 numbers", "the machine reserves no 36 GB of addresses");
        exit(summary());
    }
    return p;
}

static side make(int batch) {
    const size_t count = (size_t)batch * IMAGE, bytes = count * sizeof(float);
    return (side){.batch = batch,
                  .rows = (long)batch * PIXELS,
                  .count = (long)count,
                  .x = reserve(bytes),
                  .dy = reserve(bytes),
                  .y = reserve(bytes),
                  .winner = reserve(bytes),
                  .parts = reserve(4096 * 3 * C * sizeof(double)),
                  .sums = reserve((size_t)batch * PIXELS * sizeof(float))};
}

static float *last(float *of, const side *s) { return of + s->count - FEW * IMAGE; }

static void prepare(void) {
    for (int i = 0; i < FEW * IMAGE; i++) {
        last(far.x, &far)[i] = last(near_.x, &near_)[i] = (float)(i * 7 % 31 - 15) / 8;
        last(far.dy, &far)[i] = last(near_.dy, &near_)[i] = (float)(i * 5 % 29 - 14) / 8;
        last(far.y, &far)[i] = last(near_.y, &near_)[i] = 100;
        last((float *)far.winner, &far)[i] = last((float *)near_.winner, &near_)[i] = 0;
    }
    for (int i = 0; i < FEW * PIXELS; i++)
        far.sums[far.rows - FEW * PIXELS + i] = near_.sums[near_.rows - FEW * PIXELS + i] =
            (float)(i % 13);
}

static void compare(const char *name) {
    const float *a = last(far.y, &far), *b = last(near_.y, &near_);
    int changed = 0;
    for (int i = 0; i < FEW * IMAGE; i++) changed += !(b[i] >= 100 && b[i] <= 100);
    check(changed > 0, "%s has computed nothing", name);
    check(!memcmp(a, b, sizeof(float) * FEW * IMAGE), "%s: the results differ", name);
}

static struct dnx_cuda_window window(int batch, int size, int groups) {
    return (struct dnx_cuda_window){.batch = batch,
                                    .h = SIDE,
                                    .w = SIDE,
                                    .C = C,
                                    .oh = SIDE,
                                    .ow = SIDE,
                                    .N = C,
                                    .kh = size,
                                    .kw = size,
                                    .stride = 1,
                                    .pad = size / 2,
                                    .groups = groups};
}

static unsigned each(long count) { return (unsigned)((count + 255) / 256); }

/* Runs the last of X x Y blocks of a kernel for s = far (MANY images) and for s = near_ (FEW
 * images). Both must give the same results. */
#define RUN(name, X, Y, ...)                                                                       \
    do {                                                                                           \
        prepare();                                                                                 \
        for (int k_ = 0; k_ < 2; k_++) {                                                           \
            const side *s = k_ ? &near_ : &far;                                                    \
            const struct name##_args a = {__VA_ARGS__};                                            \
            const unsigned blocks[] = {X, Y, 1};                                                   \
            const unsigned at[] = {blocks[0] - 1, blocks[1] - 1, 0};                               \
            emulate_block(call_##name, &a, at, blocks, 256, WAITS_##name);                         \
        }                                                                                          \
        compare(#name);                                                                            \
    } while (0)
#define EACH(name, ...) RUN(name, each(s->count), 1, __VA_ARGS__)

static void products(void) {
    RUN(conv_forward, (unsigned)s->batch, 2, .at = window(s->batch, 3, 1), .x = s->x, .wk = big,
        .y = s->y, .of_x = {small, small + C, small, DNX_PRELU, C});
    RUN(conv_forward_bf16, (unsigned)s->batch, 1, .at = window(s->batch, 3, 2), .x = s->x,
        .wk = big, .y = s->y);
    RUN(conv_dx, (unsigned)s->batch, 2, .at = window(s->batch, 3, 1), .dz = s->dy, .wt = big,
        .dx = s->y);
    RUN(conv_dx_tf32, (unsigned)s->batch, 2, .at = window(s->batch, 1, 1), .dz = s->dy, .wt = big,
        .dx = s->y, .adds = true);
}

/* With as many slabs (ranges of rows) as images, the last block sums over the last image. */
static void filter_gradients(void) {
    static float sums[2][FEW * C * C];
    prepare();
    for (int k = 0; k < 2; k++) {
        const side *s = k ? &near_ : &far;
        const struct conv_dw_args a = {.at = window(s->batch, 1, 1),
                                       .x = s->x,
                                       .dz = s->dy,
                                       .slabs = s->batch,
                                       .parts = sums[k] - (long)(s->batch - FEW) * C * C};
        const unsigned blocks[] = {2, 2, (unsigned)s->batch}, at[] = {1, 1, blocks[2] - 1};
        emulate_block(call_conv_dw, &a, at, blocks, 256, true);
    }
    check(fabsf(sums[1][FEW * C * C - 1]) > 0, "conv_dw has computed nothing");
    check(!memcmp(sums[0], sums[1], sizeof sums[0]), "conv_dw: the results differ");
}

/* Returns the number of blocks for `count` strips: a block of the kernels depthwise*_3x3 computes
 * 32 strips, 4 or 16 of each image. MANY and FEW have the same remainder by 8, so the last block
 * has the same strips of the last images in both. */
static unsigned strips(int count) { return (unsigned)(count + 31) / 32; }
static struct dnx_cuda_window by_2(int batch) {
    struct dnx_cuda_window at = window(batch, 3, C);
    at.stride = 2;
    at.oh = at.ow = SIDE / 2;
    return at;
}
static float *last_quarter(float *of, const side *s) { return of + s->count - s->count / 4; }

static void depthwise_layers(void) {
    EACH(depthwise, .at = window(s->batch, 3, C), .x = s->x, .w = small, .y = s->y);
    EACH(depthwise_dx, .at = window(s->batch, 3, C), .dz = s->dy, .w = small, .dx = s->y);
    RUN(depthwise_tiles, (unsigned)s->batch, 4, .at = window(s->batch, 3, C), .x = s->x, .w = small,
        .y = s->y, .of_x = {small, small + C, small, DNX_PRELU, C});
    RUN(depthwise_dx_tiles, (unsigned)s->batch, 4, .at = window(s->batch, 3, C), .dz = s->dy,
        .w = small, .dx = s->y);
    RUN(depthwise_3x3, strips(s->batch * 16), 4, .at = window(s->batch, 3, C), .x = s->x,
        .w = small, .y = s->y, .of_x = {small, small + C, small, DNX_PRELU, C});
    RUN(depthwise_dx_3x3, strips(s->batch * 16), 4, .at = window(s->batch, 3, C), .dz = s->dy,
        .w = small, .dx = s->y);
    RUN(depthwise_3x3_by_2, strips(s->batch * 4), 4, .at = by_2(s->batch), .x = s->x, .w = small,
        .y = last_quarter(s->y, s));
    RUN(depthwise_dx_3x3_by_2, strips(s->batch * 8), 4, .at = by_2(s->batch),
        .dz = last_quarter(s->dy, s), .w = small, .dx = s->y);
}

static void depthwise_filter_gradients(void) {
    static float sums[2][9 * C];
    prepare();
    for (int k = 0; k < 2; k++) {
        const side *s = k ? &near_ : &far;
        const unsigned blocks[] = {strips(s->batch * 16), 4, 1}, at[] = {blocks[0] - 1, 3, 0};
        const struct depthwise_dw_args a = {.at = window(s->batch, 3, C),
                                            .x = s->x,
                                            .dz = s->dy,
                                            .parts = sums[k] - (long)at[0] * 9 * C};
        emulate_block(call_depthwise_dw_3x3, &a, at, blocks, 256, true);
    }
    check(fabsf(sums[1][9 * C - 1]) > 0, "depthwise_dw_3x3 has computed nothing");
    check(!memcmp(sums[0], sums[1], sizeof sums[0]), "depthwise_dw_3x3: the results differ");
}

static void rows_and_elements(void) {
    float *scale = small, *shift = small + C, *p = small + 2 * C, *q = small + 3 * C;
    EACH(norm_apply, .z = s->x, .scale = scale, .shift = shift, .slopes = p, .to = s->y,
         .rows = s->rows, .C = C, .act = DNX_PRELU);
    EACH(norm_dz, .dy = s->dy, .z = s->x, .scale = scale, .shift = shift, .p = p, .q = q, .r = p,
         .to = s->y, .rows = s->rows, .C = C, .act = DNX_RELU, .adds = true);
    const struct dnx_cuda_overlap part = {SIDE, SIDE, C, SIDE, SIDE, C, SIDE, SIDE, C, 1, 1, 0};
    EACH(sum, .x = s->x, .f = s->dy, .y = s->y, .count = s->count, .alpha = 2, .beta = 1,
         .at = part, .of_f = {scale, shift, p, DNX_PRELU, C});
    EACH(sum_back, .dy = s->dy, .x = s->x, .f = s->dy, .to = s->y, .count = s->count, .alpha = 1,
         .beta = 1, .at = part, .act = DNX_RELU, .is_f = true);
    EACH(scaled, .from = s->dy, .to = s->y, .count = s->count, .factor = 1);
    EACH(times_map, .a = s->x, .b = s->sums, .to = s->y, .count = s->count, .C = C,
         .by = DNX_CUDA_PIXEL, .act = DNX_RELU);
    EACH(map_slopes, .a = s->x, .b = s->sums, .dy = s->dy, .to = s->y, .count = s->count, .C = C,
         .by = DNX_CUDA_PIXEL, .act = DNX_RELU);
    EACH(channels, .from = s->x, .to = s->y, .rows = s->rows, .c = C, .from_c = C, .to_c = C);
    EACH(fill, .to = s->y, .count = s->count, .value = 3);
    EACH(maxpool, .at = window(s->batch, 3, 1), .from = s->x, .to = s->y, .winner = s->winner);
    EACH(maxpool_back, .at = window(s->batch, 3, 1), .from = s->dy, .to = s->y,
         .winner = s->winner);
    EACH(avgpool, .at = window(s->batch, 3, 1), .from = s->x, .to = s->y, .is_mean = true);
    EACH(avgpool_back, .at = window(s->batch, 3, 1), .from = s->dy, .to = s->y, .is_mean = true);
    RUN(unit_rows, (unsigned)(s->rows / 8), 1, .x = s->x, .unit = s->y, .inv = s->sums,
        .count = s->rows, .from = s->rows, .size = C);
    RUN(unit_back, (unsigned)(s->rows / 8), 1, .d = s->dy, .unit = s->x, .inv = s->sums, .dx = s->y,
        .count = s->rows, .ld = C, .size = C, .parts = 1, .factor = 1);
    RUN(signs, (unsigned)(s->rows / 8), 1, .x = s->x, .scale = scale, .shift = shift, .signs = s->y,
        .sum = s->sums, .rows = s->rows, .C = C);
    EACH(signs_back, .x = s->x, .map = s->sums, .du = s->y, .rows = s->rows, .C = C);
    EACH(k_scale, .z = s->y, .map = s->sums, .alpha = scale, .rows = s->rows, .N = C);
    RUN(k_back, (unsigned)(s->rows / 8), 1, .dz = s->y, .dk = s->sums, .z = s->x, .map = s->sums,
        .rows = s->rows, .N = C);
}

int main(void) {
    far = make(MANY);
    near_ = make(FEW);
    for (int i = 0; i < 4 * 9 * C; i++) small[i] = (float)(i * 11 % 37 - 18) / 16;
    for (int i = 0; i < 9 * C * C; i++) big[i] = (float)(i * 13 % 41 - 20) / 32;
    check(far.count > 1L << 31, "the tensors are too small");
    products();
    filter_gradients();
    depthwise_layers();
    depthwise_filter_gradients();
    rows_and_elements();
    return summary();
}
