/* synth.c - draws the random numbers of identities and shots. */
#include "synth/synth.h"

#include <math.h>
#include <string.h>

#include "synth/raster.h"

/* Mean and standard deviation of the numbers of an identity. A drawn number is at most two standard
 * deviations from the mean. */
static const struct {
    float mean, deviation;
} trait[DNX_TRAITS] = {
    [HEAD_W] = {40, 1.8f},       [HEAD_H] = {54, 2},        [JAW_W] = {33.5f, 2},
    [JAW_Y] = {27, 3},           [CHIN_W] = {15, 2.6f},     [CHIN_Y] = {57, 2},
    [CHEEK] = {.12f, .06f},      [EAR] = {9.5f, 1.2f},      [EAR_OUT] = {3, 1.2f},
    [EYE_X] = {17.6f, 1.2f},     [EYE_W] = {7.6f, .8f},     [EYE_H] = {3.7f, .6f},
    [EYE_SLANT] = {0, .08f},     [EYE_BEND] = {0, .12f},    [EYE_DEPTH] = {.3f, .12f},
    [IRIS] = {3.4f, .25f},       [LID] = {2.6f, .9f},       [BROW_Y] = {-10.5f, 1.5f},
    [BROW_X] = {17.5f, 1.2f},    [BROW_W] = {10, 1.1f},     [BROW_H] = {1.9f, .5f},
    [BROW_SLANT] = {.02f, .11f}, [BROW_BEND] = {1, .5f},    [BROW_TAPER] = {.2f, .1f},
    [BROW_DARK] = {.8f, .15f},   [NOSE_LEN] = {20, 2},      [NOSE_W] = {7.2f, 1.1f},
    [NOSE_TIP] = {4.3f, .7f},    [NOSE_OUT] = {13, 2},      [BRIDGE_W] = {3.4f, .7f},
    [NOSTRIL] = {1.7f, .35f},    [MOUTH_Y] = {40, 1.6f},    [MOUTH_W] = {13.5f, 1.4f},
    [LIP_UP] = {2.2f, .55f},     [LIP_LOW] = {3, .7f},      [LIP_BEND] = {.1f, .25f},
    [LIP_RED] = {.45f, .16f},    [PHILTRUM] = {.12f, .06f}, [HAIRLINE] = {-37, 4},
    [HAIR_CURVE] = {.6f, .2f},   [HAIR_PART] = {0, .3f},    [HAIR_H] = {8, 2.5f},
    [HAIR_W] = {3, 1.3f},        [AGE] = {.35f, .22f}};

static float uniform(dnx_rng *r, float lo, float hi) { return lo + (hi - lo) * dnx_rng_uniform(r); }

static float normal(dnx_rng *r, float mean, float deviation) {
    float z = dnx_rng_normal(r);
    return mean + deviation * (z < -2 ? -2 : z > 2 ? 2 : z);
}

static float limit(float x, float lo, float hi) { return x < lo ? lo : x > hi ? hi : x; }

/* Draws an index with the given chances, whose sum is 1. */
static int choose(dnx_rng *r, const float *chance, int n) {
    float at = dnx_rng_uniform(r);
    int i = 0;
    while (i < n - 1 && (at -= chance[i]) >= 0) i++;
    return i;
}

/* Interpolates linearly between n colours: t = 0 gives the first, t = 1 the last. */
static void ramp(const float (*colour)[3], int n, float t, float *out) {
    float at = limit(t, 0, 1) * (float)(n - 1);
    int i = (int)at < n - 1 ? (int)at : n - 2;
    for (int k = 0; k < 3; k++)
        out[k] = colour[i][k] + (at - (float)i) * (colour[i + 1][k] - colour[i][k]);
}

static void jitter(dnx_rng *r, float *colour, float deviation) {
    for (int k = 0; k < 3; k++) colour[k] = limit(colour[k] + normal(r, 0, deviation), .03f, .97f);
}

/* ---- identity ---- */

static void make_colours(dnx_synth_face *f, dnx_rng *r) {
    static const float skin[4][3] = {
        {.93f, .77f, .67f}, {.84f, .65f, .53f}, {.66f, .47f, .36f}, {.42f, .28f, .21f}};
    static const float hair[6][3] = {{.09f, .08f, .08f}, {.17f, .11f, .08f}, {.30f, .20f, .13f},
                                     {.62f, .48f, .28f}, {.45f, .21f, .11f}, {.55f, .54f, .53f}};
    static const float iris[4][3] = {
        {.20f, .12f, .08f}, {.38f, .26f, .14f}, {.36f, .42f, .26f}, {.32f, .46f, .60f}};
    static const float hairs[6] = {.3f, .27f, .22f, .1f, .04f, .07f};
    float dark = normal(r, .33f, .18f);
    ramp(skin, 4, dark, f->skin);
    jitter(r, f->skin, .015f);
    memcpy(f->hair, hair[dark > .6f ? 0 : choose(r, hairs, 6)], sizeof f->hair);
    jitter(r, f->hair, .02f);
    ramp(iris, 4, dark > .5f ? 0 : uniform(r, -.3f, 1), f->iris);
    for (int k = 0; k < 3; k++) { /* lips: the colour of the skin, shifted towards red */
        static const float red[3] = {.70f, .27f, .27f};
        f->lips[k] = f->skin[k] * (.92f - .3f * f->t[LIP_RED]) + red[k] * .35f * f->t[LIP_RED];
    }
}

static void make_marks(dnx_synth_face *f, dnx_rng *r) {
    static const float moles[DNX_MOLES + 1] = {.55f, .25f, .13f, .07f};
    f->moles = choose(r, moles, DNX_MOLES + 1);
    f->freckles = dnx_rng_uniform(r) < .12f ? DNX_FRECKLES : f->moles;
    for (int i = 0; i < DNX_FRECKLES; i++) {
        bool is_mole = i < f->moles;
        f->mark[i][0] = is_mole ? uniform(r, -30, 30) : normal(r, 0, 12);
        f->mark[i][1] = is_mole ? uniform(r, -28, 50) : normal(r, 15, 5);
        f->mark[i][2] = is_mole ? uniform(r, 1, 1.7f) : uniform(r, .6f, .9f);
    }
    f->has_glasses = dnx_rng_uniform(r) < .2f;
    f->rim_w = uniform(r, .06f, .17f);
    f->lens_w = uniform(r, 10.5f, 14);
    f->lens_h = uniform(r, 7, 11);
    f->lens_square = uniform(r, 0, 1);
    float grey = uniform(r, .05f, .5f);
    for (int k = 0; k < 3; k++) f->rim[k] = grey;
    jitter(r, f->rim, .06f);
}

static void make_face(dnx_synth_face *f, dnx_rng *r) {
    static const float styles[DNX_HAIRS] = {.07f, .26f, .2f, .16f, .21f, .1f};
    static const float beards[DNX_BEARDS] = {.68f, .12f, .06f, .06f, .08f};
    memset(f, 0, sizeof *f);
    for (int i = 0; i < DNX_TRAITS; i++) f->t[i] = normal(r, trait[i].mean, trait[i].deviation);
    make_colours(f, r);
    make_marks(f, r);
    f->style = choose(r, styles, DNX_HAIRS);
    f->beard = choose(r, beards, DNX_BEARDS);
    if (f->style == DNX_LONG && f->beard > DNX_STUBBLE) f->beard = DNX_SHAVEN;
}

/* ---- shot ---- */

static void make_light(dnx_shot *s, dnx_rng *r) {
    float x = normal(r, 0, .75f), y = normal(r, -.35f, .45f), z = uniform(r, .25f, 1);
    float length = sqrtf(x * x + y * y + z * z);
    s->light[0] = x / length;
    s->light[1] = y / length;
    s->light[2] = z / length;
    s->ambient = uniform(r, .3f, .8f);
    s->diffuse = uniform(r, .85f, 1.1f) - s->ambient + .15f;
    s->shadow = dnx_rng_uniform(r) < .25f ? uniform(r, -.5f, .5f) : 0;
    for (int i = 0; i < 4; i++) {
        for (int k = 0; k < 3; k++) s->back[i][k] = uniform(r, .1f, .9f);
        float grey = (s->back[i][0] + s->back[i][1] + s->back[i][2]) / 3;
        for (int k = 0; k < 3; k++) s->back[i][k] += .5f * (grey - s->back[i][k]);
    }
    s->back_angle = uniform(r, 0, 6.2832f);
    for (int k = 0; k < 3; k++) s->cloth[k] = uniform(r, .05f, .9f);
}

static void make_film(dnx_shot *s, dnx_rng *r) {
    float exposure = expf(normal(r, 0, .2f)), warm = normal(r, 0, .08f), green = normal(r, 0, .03f);
    s->blur = dnx_rng_uniform(r) < .6f ? uniform(r, .4f, 1.9f) : 0;
    s->noise = dnx_rng_uniform(r) < .6f ? uniform(r, .005f, .055f) : .004f;
    s->gain[0] = exposure * (1 + warm);
    s->gain[1] = exposure * (1 + green);
    s->gain[2] = exposure * (1 - warm);
    s->lift = normal(r, .01f, .03f);
    s->curve = normal(r, 0, .25f);
    s->saturation = dnx_rng_uniform(r) < .08f ? 0 : limit(normal(r, .95f, .2f), .4f, 1.4f);
    s->seed = (uint32_t)(dnx_rng_next(r) >> 32);
}

static void make_cover(dnx_shot *s, dnx_rng *r) {
    static const float covers[DNX_COVERS] = {.68f, .05f, .08f, .08f, .07f, .04f};
    s->cover = choose(r, covers, DNX_COVERS);
    for (int i = 0; i < 4; i++) s->cover_at[i] = uniform(r, -1, 1);
    for (int k = 0; k < 3; k++) s->cover_rgb[k] = uniform(r, .05f, .9f);
}

static void make_shot(dnx_shot *s, dnx_rng *r) {
    memset(s, 0, sizeof *s);
    s->yaw = normal(r, 0, .3f);
    s->pitch = normal(r, 0, .17f);
    s->tilt = normal(r, 0, .045f);
    s->grow = expf(normal(r, 0, .035f));
    s->dx = normal(r, 0, 1.5f);
    s->dy = normal(r, 0, 1.5f);
    s->smile = normal(r, .3f, .5f);
    s->open = dnx_rng_uniform(r) < .4f ? uniform(r, 0, 1) : 0;
    s->raise = normal(r, 0, 1.1f);
    s->lids = dnx_rng_uniform(r) < .04f ? .1f : limit(normal(r, .95f, .18f), .5f, 1.25f);
    s->gaze_x = normal(r, 0, .25f);
    s->gaze_y = normal(r, 0, .12f);
    make_light(s, r);
    s->hair_more = normal(r, 0, 1);
    s->beard_more = normal(r, 0, .12f);
    s->flush = normal(r, 0, .03f);
    s->wears_glasses = dnx_rng_uniform(r) < .8f;
    s->has_make_up = dnx_rng_uniform(r) < .15f;
    make_cover(s, r);
    make_film(s, r);
}

void dnx_synth_image(uint64_t seed, bool is_test, int identity, int image, int size, float *scratch,
                     unsigned char *rgb) {
    uint64_t stream = (uint64_t)is_test << 63 | (uint64_t)identity << 25;
    dnx_rng r;
    dnx_synth_face f;
    dnx_shot s;
    dnx_rng_seed(&r, seed, stream);
    make_face(&f, &r);
    dnx_rng_seed(&r, seed, stream + 1 + (uint64_t)image);
    make_shot(&s, &r);
    dnx_synth_draw(&f, &s, size, scratch, rgb);
}
