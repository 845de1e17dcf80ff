/* test_augment.c - the random values of augmentation, and their effect on pixels. */
#include "data/augment.h"
#include "lib/check.h"

static dnx_net *build(const char *options) {
    char text[1024];
    snprintf(text, sizeof text,
             "[net]\nheight=8\nwidth=8\nchannels=3\n%s\n[connected]\noutput=9\n[softmax]\n",
             options);
    return make_net(text, "t.cfg", true, 0, 1);
}

enum { SIDE = 16, ALL = SIDE * SIDE * 3 };

static void noise(unsigned char *rgb, int n) {
    dnx_rng r;
    dnx_rng_seed(&r, 8, 8);
    for (int i = 0; i < n; i++) rgb[i] = (unsigned char)(dnx_rng_next(&r) >> 30);
}

static const dnx_augmentation plain = {.saturation = 1, .exposure = 1, .shrink = 1};

static void test_place(void) {
    unsigned char rgb[ALL];
    float out[ALL], small[8 * 8 * 3];
    bool ok = true, mirrored_ok = true, shifted_ok = true, mean_ok = true;
    dnx_augmentation change = plain;
    noise(rgb, ALL);
    dnx_augment_place(&change, rgb, SIDE, SIDE, SIDE, SIDE, out);
    for (int i = 0; i < ALL; i++) ok = ok && out[i] == rgb[i];
    check(ok, "a plain change changes nothing");
    change.mirrored = true;
    dnx_augment_place(&change, rgb, SIDE, SIDE, SIDE, SIDE, out);
    for (int i = 0; i < ALL; i++) {
        int x = i / 3 % SIDE;
        mirrored_ok = mirrored_ok && out[i] == rgb[i + (SIDE - 1 - 2 * x) * 3];
    }
    check(mirrored_ok, "a mirrored change");
    change = plain;
    change.shift_x = 3;
    change.shift_y = -2;
    dnx_augment_place(&change, rgb, SIDE, SIDE, SIDE, SIDE, out);
    for (int y = 0; y < SIDE; y++)
        for (int x = 0; x < SIDE; x++) {
            int sx = x + 3 < SIDE ? x + 3 : SIDE - 1, sy = y > 2 ? y - 2 : 0;
            shifted_ok = shifted_ok && out[(y * SIDE + x) * 3] == rgb[(sy * SIDE + sx) * 3];
        }
    check(shifted_ok, "a shifted change");
    /* The result must be the middle 16 x 16 pixels of the 24 x 16 image, scaled to 8 x 8. */
    unsigned char wide[24 * 16 * 3];
    noise(wide, (int)sizeof wide);
    change = plain;
    change.is_centered = true;
    dnx_augment_place(&change, wide, 24, 16, 8, 8, small);
    for (int y = 0; y < 8; y++)
        for (int x = 0; x < 8; x++) {
            int sum = 0;
            for (int k = 0; k < 4; k++)
                sum += wide[((2 * y + k / 2) * 24 + 4 + 2 * x + k % 2) * 3 + 1];
            mean_ok = mean_ok && fabsf(small[(y * 8 + x) * 3 + 1] - (float)sum / 4) < 1e-3f;
        }
    check(mean_ok, "a centered change is the middle square");
}

/* *steps: the sum of squared differences of neighbouring pixels, which blur makes smaller. */
static void measure(const float *rgb, double *mean, double *steps) {
    *mean = *steps = 0;
    for (int i = 0; i < ALL; i++) *mean += (double)rgb[i] / ALL;
    for (int i = 0; i + 3 < ALL; i++) *steps += pow((double)(rgb[i + 3] - rgb[i]), 2);
}

static void test_paint(void) {
    unsigned char bytes[ALL];
    float rgb[ALL], scratch[ALL], whole[ALL];
    double mean[2], steps[2];
    dnx_augmentation change = plain;
    noise(bytes, ALL);
    for (int i = 0; i < ALL; i++) whole[i] = rgb[i] = bytes[i];
    dnx_augment_paint(&change, SIDE, SIDE, rgb, scratch);
    check(!memcmp(rgb, whole, sizeof rgb), "a plain change paints nothing");
    change.is_gray = true;
    dnx_augment_paint(&change, SIDE, SIDE, rgb, scratch);
    check(rgb[30] == rgb[31] && rgb[31] == rgb[32] &&
              fabsf(rgb[30] - .299f * whole[30] - .587f * whole[31] - .114f * whole[32]) < 1e-3f,
          "gray is the luma");
    memcpy(rgb, whole, sizeof rgb);
    change = plain;
    change.shrink = .5f;
    measure(rgb, &mean[0], &steps[0]);
    dnx_augment_paint(&change, SIDE, SIDE, rgb, scratch);
    measure(rgb, &mean[1], &steps[1]);
    check(fabs(mean[0] - mean[1]) < 3 && steps[1] < steps[0] / 4, "lowres is soft, and as bright");
    memcpy(rgb, whole, sizeof rgb);
    change = plain;
    change.erase_x = .25f;
    change.erase_y = .5f;
    change.erase_w = .5f;
    change.erase_h = .25f;
    dnx_augment_paint(&change, SIDE, SIDE, rgb, scratch);
    int holes = 0;
    for (int i = 0; i < ALL; i++) {
        int x = i / 3 % SIDE, y = i / 3 / SIDE;
        bool inside = x >= 4 && x < 12 && y >= 8 && y < 12;
        holes += inside ? rgb[i] == 127.5f : rgb[i] == whole[i];
    }
    check(holes == ALL, "erase leaves the rest alone");
}

static void test_draw(void) {
    dnx_net *none = build("flip=0"), *all = build("erase=.3\ngray=.2\nlowres=.4\nshift=2\nhue=.1\n"
                                                  "saturation=1.5\nexposure=.5\nangle=10\n"
                                                  "aspect=.8\nmin_crop=9\nmax_crop=12");
    int erased = 0, gray = 0, soft = 0, mirrored = 0, altered = 0, lo = 0, hi = 0;
    bool in_range = true;
    dnx_augmentation a, b;
    for (uint64_t i = 0; i < 2000; i++) {
        dnx_augment_draw(none, 1, i, &a);
        altered += a.is_altered || a.mirrored;
        dnx_augment_draw(all, 1, i, &a);
        dnx_augment_draw(all, 1, i, &b);
        in_range = in_range && !memcmp(&a, &b, sizeof a) && a.side >= 9 && a.side <= 12 &&
                   fabsf(a.angle) <= .1746f && a.aspect >= .8f && a.aspect <= 1.25f &&
                   a.saturation >= .66f && a.saturation <= 1.5f && a.exposure >= .5f &&
                   a.exposure <= 2 && fabsf(a.hue) <= .1f && abs(a.shift_x) <= 2 &&
                   a.erase_x + a.erase_w <= 1.0001f && a.shrink >= .25f && a.is_altered;
        erased += a.erase_w > 0;
        gray += a.is_gray;
        soft += a.shrink < 1;
        mirrored += a.mirrored;
        lo += a.side == 9;
        hi += a.side == 12;
    }
    check(altered == 0, "without options every change is plain");
    check(in_range, "looks stay in the options' ranges, and repeat");
    check(abs(erased - 600) < 80 && abs(gray - 400) < 80 && abs(soft - 800) < 90 &&
              abs(mirrored - 1000) < 90 && abs(lo - 500) < 80 && abs(hi - 500) < 80,
          "probabilities are those of the options");
    dnx_net_free(none);
    dnx_net_free(all);
}

/* Each option alone alters almost every image. */
static void test_altered(void) {
    static const char *const options[] = {"erase=1",    "gray=1",  "lowres=1",
                                          "shift=90",   "hue=.1",  "saturation=2",
                                          "exposure=2", "angle=5", "max_crop=12"};
    for (size_t k = 0; k < sizeof options / sizeof *options; k++) {
        dnx_net *net = build(options[k]);
        dnx_augmentation change;
        int altered = 0;
        for (uint64_t i = 0; i < 100; i++) {
            dnx_augment_draw(net, 1, i, &change);
            altered += change.is_altered;
        }
        check(altered >= 98, "%s", options[k]);
        dnx_net_free(net);
    }
}

/* With angle= or aspect= but without a crop option, the image must fill the network's input. */
static void test_fills(void) {
    static const struct {
        int w, h, W, H; /* sizes of the image and of the input */
        const char *option;
    } rows[] = {{8, 8, 8, 8, "angle=1e-6"}, {8, 4, 8, 4, "angle=1e-6"}, {4, 8, 4, 8, "angle=1e-6"},
                {8, 8, 8, 4, "angle=1e-6"}, {8, 8, 4, 8, "angle=1e-6"}, {8, 4, 8, 8, "angle=1e-6"},
                {4, 8, 8, 8, "angle=1e-6"}, {9, 5, 4, 8, "angle=1e-6"}, {5, 9, 8, 4, "angle=1e-6"},
                {8, 8, 8, 8, "aspect=2"},   {9, 5, 4, 8, "aspect=2"},   {5, 9, 8, 4, "aspect=2"}};
    unsigned char rgb[9 * 9 * 3];
    float out[8 * 8 * 3];
    dnx_augmentation change;
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
        const int w = rows[k].w, h = rows[k].h, W = rows[k].W, H = rows[k].H;
        char text[200];
        snprintf(text, sizeof text,
                 "[net]\nheight=%d\nwidth=%d\nchannels=3\n%s\n[connected]\noutput=9\n"
                 "[softmax]\n",
                 H, W, rows[k].option);
        dnx_net *net = make_net(text, "t.cfg", true, 0, 1);
        int black = 0;
        float apart = 0;
        for (int i = 0; i < w * h * 3; i++) rgb[i] = (unsigned char)(100 + i % 97);
        for (uint64_t n = 0; n < 20; n++) {
            dnx_augment_draw(net, 1, n, &change);
            change.mirrored = false;
            dnx_augment_place(&change, rgb, w, h, W, H, out);
            /* The outermost pixels may be black: like libdarknet's crop, ours may reach up to one
             * pixel beyond the border of the image. */
            for (int y = 1; y < H - 1; y++)
                for (int x = 1; x < W - 1; x++) black += out[(y * W + x) * 3] < 99;
            for (int i = 0; rows[k].option[1] == 'n' && w == W && h == H && i < w * h * 3; i++)
                apart = fmaxf(apart, fabsf(out[i] - (float)rgb[i]));
        }
        check(!black, "%d x %d in %d x %d, %s: %d black pixels", w, h, W, H, rows[k].option, black);
        check(apart < .01f, "%d x %d in %d x %d: changed by %g", w, h, W, H, (double)apart);
        dnx_net_free(net);
    }
}

int main(void) {
    test_place();
    test_fills();
    test_paint();
    test_draw();
    test_altered();
    return summary();
}
