/* test_host_augment.c - compares the crop and the colours of training images with libdarknet's. */
#include <darknet.h>

#include "data/augment.h"
#include "lib/check.h"

/* libdarknet exports these functions, but no header declares them. */
image rotate_crop_image(image im, float rad, float s, int w, int h, float dx, float dy,
                        float aspect);
void distort_image(image im, float hue, float sat, float val);

enum { W = 25, H = 24, SIDE = 20, CASES = 200 };

/* Draws a smooth image: where float rounding moves a sampling point by 1e-4 pixels, the sampled
 * value changes little. */
static void draw(unsigned char *rgb, image im) {
    for (int y = 0; y < H; y++)
        for (int x = 0; x < W; x++)
            for (int k = 0; k < 3; k++) {
                int v = (int)(127 + 120 * sin(.3 * x * (k + 1) + .4 * y));
                rgb[(y * W + x) * 3 + k] = (unsigned char)v;
                im.data[(k * H + y) * W + x] = (float)v / 255;
            }
}

/* Returns the largest difference from libdarknet's crop. libdarknet's random_augment_args() would
 * draw random arguments, so its formulas are repeated here. */
static double crop(const unsigned char *rgb, image im, const dnx_augmentation *l, float *out) {
    int shorter = H < W * l->aspect ? H : (int)(W * l->aspect);
    float s = (float)l->side / (float)shorter;
    double worst = 0;
    float dx = l->dx * (W * s / l->aspect - SIDE) / 2, dy = l->dy * (H * s - SIDE) / 2;
    image want = rotate_crop_image(im, l->angle, s, SIDE, SIDE, dx, dy, l->aspect);
    dnx_augment_place(l, rgb, W, H, SIDE, SIDE, out);
    for (int i = 0; i < SIDE * SIDE * 3; i++) {
        int x = i / 3 % SIDE, y = i / 3 / SIDE;
        if (l->mirrored) x = SIDE - 1 - x;
        float there = want.data[(i % 3 * SIDE + y) * SIDE + x];
        worst = worse(worst, fabs((double)out[i] / 255 - (double)there));
    }
    free_image(want);
    return worst;
}

static double colours(const dnx_augmentation *l, dnx_rng *r) {
    image im = make_image(SIDE, SIDE, 3);
    float rgb[SIDE * SIDE * 3], scratch[SIDE * SIDE * 3];
    double worst = 0;
    for (int i = 0; i < SIDE * SIDE; i++)
        for (int k = 0; k < 3; k++) {
            float v = (float)(dnx_rng_next(r) >> 56);
            if (i % 7 == 0 && k) v = rgb[i * 3]; /* every seventh pixel is grey */
            if (i == 0 || i == 7) v = i ? 255 : 0;
            rgb[i * 3 + k] = v;
            im.data[k * SIDE * SIDE + i] = v / 255;
        }
    dnx_augment_paint(l, SIDE, SIDE, rgb, scratch);
    distort_image(im, l->hue, l->saturation, l->exposure);
    for (int i = 0; i < SIDE * SIDE * 3; i++)
        worst = worse(worst,
                      fabs((double)rgb[i] / 255 - (double)im.data[i % 3 * SIDE * SIDE + i / 3]));
    free_image(im);
    return worst;
}

int main(void) {
    static unsigned char rgb[W * H * 3];
    static float out[SIDE * SIDE * 3];
    image im = make_image(W, H, 3);
    dnx_net net = {.in = {SIDE, SIDE, 3}};
    net.o = (dnx_net_opts){.flip = 1,
                           .angle = 30,
                           .aspect = .75f,
                           .min_crop = 12,
                           .max_crop = 40,
                           .hue = .2f,
                           .saturation = 1.6f,
                           .exposure = 1.5f};
    dnx_rng r;
    double worst = 0, painted = 0;
    dnx_rng_seed(&r, 4, 4);
    draw(rgb, im);
    for (uint64_t i = 0; i < CASES; i++) {
        dnx_augmentation change;
        dnx_augment_draw(&net, 9, i, &change);
        worst = worse(worst, crop(rgb, im, &change, out));
        painted = worse(painted, colours(&change, &r));
    }
    check(worst <= 2e-4, "the crop and the host's rotate_crop_image differ by %g", worst);
    check(painted <= 2e-5, "the colours and the host's distort_image differ by %g", painted);
    free_image(im);
    return summary();
}
