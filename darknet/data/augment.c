/* augment.c - the random changes of training images.
 *
 * libdarknet's crop (src/image.c) fills pixel (x,y) of the W x H input from point (rx,ry) of the
 * w x h image. dx and dy move the crop, in input pixels; c and n are cosine and sine of the angle;
 * side is random, from min_crop to max_crop:
 *   s = side / min(h, floor(w aspect))
 *   u = (x - W/2 + dx) aspect / s,  v = (y - H/2 + dy) / s
 *   rx = c u - n v + w/2,  ry = n u + c v + h/2
 * Points outside the image are black. Without an option for the side, s = max(H / h, W aspect / w):
 * an image that is not rotated just fills the input, also when the input is not square.
 *
 * libdarknet has no shift, gray, lowres or erase. Erase is Random Erasing (Zhong et al. 2020), but
 * with smaller holes: 2 to 20 % of the image here, 2 to 40 % in the paper. */
#include "data/augment.h"

#include <math.h>

#include "data/resize.h"

/* XORed with the seed, so that flips and other changes use independent random numbers. */
#define FLIPS 0xf11b5u
#define CHANGES 0x100c5u
/* Limits of the hole's area, as shares of the area of the image. */
#define SMALLEST_HOLE .02f
#define LARGEST_HOLE .2f
#define SMALLEST_COPY .25f /* lowres: smallest scale of the image */
#define HOLE 127.5f        /* value of all pixels of the hole: grey */

/* Returns true when an option sets the size of a crop. Stores the range of dnx_augmentation.side,
 * in pixels, in *least and *most. */
static bool has_sides(const dnx_net *net, int *least, int *most) {
    const dnx_net_opts *o = &net->o;
    const int W = net->in.w;
    *most = o->max_ratio > 0 ? (int)(o->max_ratio * (float)W) : o->max_crop ? o->max_crop : 2 * W;
    *least = o->min_ratio > 0 ? (int)(o->min_ratio * (float)W) : o->min_crop ? o->min_crop : W;
    return o->max_crop || o->min_crop || o->max_ratio > 0 || o->min_ratio > 0;
}

static bool turns(const dnx_net *net) { return net->o.angle != 0 || net->o.aspect != 1; }

dnx_status dnx_augment_check(const dnx_net *net, dnx_err *err) {
    const dnx_net_opts *o = &net->o;
    int least, most;
    const bool is_sized = has_sides(net, &least, &most);
    if (o->center && (is_sized || turns(net)))
        return dnx_fail(err, DNX_EOPTION, dnx_net_at(net, "center"),
                        "[net] center=1: takes the middle of an image, so remove angle, aspect, "
                        "max_crop, min_crop, max_ratio and min_ratio");
    if (is_sized && (least < 1 || most < least))
        return dnx_fail(err, DNX_EOPTION, dnx_net_at(net, o->max_crop ? "max_crop" : "max_ratio"),
                        "[net] images are scaled to %d to %d pixels by min_crop and max_crop, or "
                        "their ratios: must be 1 or more, and rise",
                        least, most);
    if (net->in.c == 3) return DNX_OK;
    if (o->hue == 0 && o->saturation == 1 && o->gray == 0) return DNX_OK;
    const char *key = o->hue != 0 ? "hue" : o->saturation != 1 ? "saturation" : "gray";
    return dnx_fail(err, DNX_EOPTION, dnx_net_at(net, key), "[net] %s: needs channels=3", key);
}

const char *dnx_augment_always(const dnx_net *net) {
    const dnx_net_opts *o = &net->o;
    const struct {
        bool is_given;
        const char *key;
    } all[] = {{o->shift, "shift"},
               {o->angle != 0, "angle"},
               {o->aspect != 1, "aspect"},
               {o->max_crop, "max_crop"},
               {o->min_crop, "min_crop"},
               {o->max_ratio > 0, "max_ratio"},
               {o->min_ratio > 0, "min_ratio"},
               {o->hue != 0, "hue"},
               {o->saturation != 1, "saturation"},
               {o->exposure != 1, "exposure"},
               {o->gray >= 1, "gray"},
               {o->lowres >= 1, "lowres"},
               {o->erase >= 1, "erase"}};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (all[i].is_given) return all[i].key;
    return NULL;
}

/* ---- drawing ---- */

static float between(dnx_rng *r, float a, float b) { return a + (b - a) * dnx_rng_uniform(r); }

/* Like libdarknet's rand_scale: returns v or 1 / v for a random v between 1 and s. */
static float scale(dnx_rng *r, float s) {
    float v = between(r, 1, s);
    return dnx_rng_uniform(r) < .5f ? v : 1 / v;
}

static int whole(dnx_rng *r, int lo, int hi) {
    return lo + (int)(dnx_rng_next(r) % ((uint64_t)(hi - lo) + 1));
}

static void draw_hole(dnx_rng *r, float probability, dnx_augmentation *l) {
    bool is_there = dnx_rng_uniform(r) < probability;
    float area = between(r, SMALLEST_HOLE, LARGEST_HOLE), ratio = scale(r, 3);
    float w = fminf(1, sqrtf(area * ratio)), h = fminf(1, sqrtf(area / ratio));
    l->erase_x = between(r, 0, 1 - w);
    l->erase_y = between(r, 0, 1 - h);
    l->erase_w = is_there ? w : 0;
    l->erase_h = is_there ? h : 0;
}

void dnx_augment_draw(const dnx_net *net, uint64_t seed, uint64_t number, dnx_augmentation *l) {
    const dnx_net_opts *o = &net->o;
    dnx_rng r;
    int least, most;
    const bool is_sized = has_sides(net, &least, &most);
    *l = (dnx_augmentation){.is_centered = o->center, .is_cropped = is_sized || turns(net)};
    dnx_rng_seed(&r, seed ^ FLIPS, number);
    l->mirrored = o->flip && dnx_rng_uniform(&r) < .5f;
    dnx_rng_seed(&r, seed ^ CHANGES, number);
    const int side = whole(&r, least, most);
    l->side = is_sized ? side : 0;
    l->angle = between(&r, -o->angle, o->angle) * 3.14159265f / 180;
    l->aspect = scale(&r, o->aspect);
    l->dx = between(&r, -1, 1);
    l->dy = between(&r, -1, 1);
    l->shift_x = whole(&r, -o->shift, o->shift);
    l->shift_y = whole(&r, -o->shift, o->shift);
    l->hue = between(&r, -o->hue, o->hue);
    l->saturation = scale(&r, o->saturation);
    l->exposure = scale(&r, o->exposure);
    l->is_gray = dnx_rng_uniform(&r) < o->gray;
    float shrink = between(&r, SMALLEST_COPY, 1);
    l->shrink = dnx_rng_uniform(&r) < o->lowres ? shrink : 1;
    draw_hole(&r, o->erase, l);
    l->is_altered = l->is_cropped || l->shift_x || l->shift_y || l->hue != 0 ||
                    l->saturation != 1 || l->exposure != 1 || l->is_gray || l->shrink < 1 ||
                    l->erase_w > 0;
}

/* ---- geometry ---- */

static int clamp(int v, int most) { return v < 0 ? 0 : v > most ? most : v; }

/* Resizes the image, or its middle square if is_centered, to W x H, then shifts and mirrors it.
 * Pixels that a shift brings in from outside the image repeat its border. */
static void resize(const dnx_augmentation *l, const unsigned char *rgb, int w, int h, int W, int H,
                   float *out) {
    const int square = w < h ? w : h, stride = w;
    if (l->is_centered) {
        rgb += ((size_t)((h - square) / 2) * (size_t)stride + (size_t)((w - square) / 2)) * 3;
        w = h = square;
    }
    for (int y = 0; y < H; y++) {
        const dnx_sample sy = dnx_sample_borders(clamp(y + l->shift_y, H - 1), H, h);
        for (int x = 0; x < W; x++) {
            const dnx_sample sx = dnx_sample_borders(clamp(x + l->shift_x, W - 1), W, w);
            const int to = l->mirrored ? W - 1 - x : x;
            dnx_mix_pixel(rgb, stride, sy, sx, out + ((size_t)y * (size_t)W + (size_t)to) * 3);
        }
    }
}

static void add_pixel(const unsigned char *rgb, int w, int h, int x, int y, float weight,
                      float *to) {
    if (x < 0 || y < 0 || x >= w || y >= h) return;
    const unsigned char *p = rgb + ((size_t)y * (size_t)w + (size_t)x) * 3;
    for (int k = 0; k < 3; k++) to[k] += weight * p[k];
}

static void crop(const dnx_augmentation *l, const unsigned char *rgb, int w, int h, int W, int H,
                 float *out) {
    const float height = (float)h, width = fmaxf(1, floorf((float)w * l->aspect));
    const float s = l->side ? (float)l->side / fminf(height, width)
                            : fmaxf((float)H / height, (float)W * l->aspect / (float)w);
    const float dx = l->dx * ((float)w * s / l->aspect - (float)W) / 2;
    const float dy = l->dy * ((float)h * s - (float)H) / 2;
    const float c = cosf(l->angle), n = sinf(l->angle);
    const float far = 1e6f; /* lies outside any image (see DNX_MAX_SIDE) and fits an int */
    for (int y = 0; y < H; y++)
        for (int x = 0; x < W; x++) {
            float u = ((float)(x + l->shift_x) - (float)W / 2 + dx) / s * l->aspect;
            float v = ((float)(y + l->shift_y) - (float)H / 2 + dy) / s;
            float rx = fmaxf(-far, fminf(far, c * u - n * v + (float)w / 2));
            float ry = fmaxf(-far, fminf(far, n * u + c * v + (float)h / 2));
            int ix = (int)floorf(rx), iy = (int)floorf(ry);
            float fx = rx - (float)ix, fy = ry - (float)iy;
            float *to = out + ((size_t)y * (size_t)W + (size_t)(l->mirrored ? W - 1 - x : x)) * 3;
            to[0] = to[1] = to[2] = 0;
            add_pixel(rgb, w, h, ix, iy, (1 - fy) * (1 - fx), to);
            add_pixel(rgb, w, h, ix + 1, iy, (1 - fy) * fx, to);
            add_pixel(rgb, w, h, ix, iy + 1, fy * (1 - fx), to);
            add_pixel(rgb, w, h, ix + 1, iy + 1, fy * fx, to);
        }
}

void dnx_augment_place(const dnx_augmentation *a, const unsigned char *rgb, int w, int h, int W,
                       int H, float *out) {
    if (a->is_cropped) crop(a, rgb, w, h, W, H, out);
    else resize(a, rgb, w, h, W, H, out);
}

/* ---- colours ---- */

/* Changes pixel p as libdarknet's distort_image does. */
static void distort(float *p, float hue, float saturation, float exposure) {
    float high = fmaxf(p[0], fmaxf(p[1], p[2])), low = fminf(p[0], fminf(p[1], p[2]));
    float d = high - low, h = 0, s = high > 0 ? d / high : 0;
    if (d > 0)
        h = high == p[0]   ? (p[1] - p[2]) / d
            : high == p[1] ? 2 + (p[2] - p[0]) / d
                           : 4 + (p[0] - p[1]) / d;
    h = h / 6 + hue;
    h -= floorf(h);
    s *= saturation;
    float v = high * exposure;
    for (int k = 0; k < 3; k++) {
        /* t: distance on the hue circle from pure red, green or blue (k = 0, 1, 2), in sixths */
        float t = fabsf(h * 6 - (float)k * 2);
        t = fminf(t, 6 - t);
        float share = t <= 1 ? 0 : t >= 2 ? 1 : t - 1;
        p[k] = fmaxf(0, fminf(255, v * (1 - s * share)));
    }
}

/* Shrinks the image to `share` of its width and height by averaging blocks, and enlarges it
 * again. */
static void soften(float share, int W, int H, float *rgb, float *small) {
    const int w = clamp((int)((float)W * share), W), h = clamp((int)((float)H * share), H);
    if (w < 1 || h < 1) return;
    for (int y = 0; y < h; y++)
        for (int x = 0; x < w; x++) {
            int x0 = x * W / w, x1 = (x + 1) * W / w, y0 = y * H / h, y1 = (y + 1) * H / h;
            float *to = small + ((size_t)y * (size_t)w + (size_t)x) * 3, sum[3] = {0};
            for (int j = y0; j < y1; j++)
                for (int i = x0; i < x1; i++)
                    for (int k = 0; k < 3; k++)
                        sum[k] += rgb[((size_t)j * (size_t)W + (size_t)i) * 3 + (size_t)k];
            for (int k = 0; k < 3; k++) to[k] = sum[k] / (float)((x1 - x0) * (y1 - y0));
        }
    dnx_resize(small, w, h, 3, W, H, rgb);
}

static void erase(const dnx_augmentation *l, int W, int H, float *rgb) {
    int x0 = (int)(l->erase_x * (float)W), y0 = (int)(l->erase_y * (float)H);
    int x1 = clamp((int)ceilf((l->erase_x + l->erase_w) * (float)W), W);
    int y1 = clamp((int)ceilf((l->erase_y + l->erase_h) * (float)H), H);
    for (int y = y0; y < y1; y++)
        for (int i = x0 * 3; i < x1 * 3; i++) rgb[(size_t)y * (size_t)W * 3 + (size_t)i] = HOLE;
}

void dnx_augment_paint(const dnx_augmentation *l, int W, int H, float *rgb, float *scratch) {
    const size_t n = (size_t)W * (size_t)H;
    if (l->hue != 0 || l->saturation != 1 || l->exposure != 1)
        for (size_t i = 0; i < n; i++) distort(rgb + i * 3, l->hue, l->saturation, l->exposure);
    for (size_t i = 0; l->is_gray && i < n; i++) {
        float *p = rgb + i * 3;
        p[0] = p[1] = p[2] = .299f * p[0] + .587f * p[1] + .114f * p[2];
    }
    if (l->shrink < 1) soften(l->shrink, W, H, rgb, scratch);
    if (l->erase_w > 0) erase(l, W, H, rgb);
}
