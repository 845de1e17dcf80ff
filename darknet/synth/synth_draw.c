/* synth_draw.c - paints an image, from the background to the film. */
#include <math.h>

#include "synth/synth_scene.h"

static void background(dnx_scene *s) {
    const dnx_shot *shot = s->s;
    const float n = (float)s->c.size;
    dnx_canvas_fill(&s->c, shot->back[0], shot->back[1], cosf(shot->back_angle),
                    sinf(shot->back_angle));
    for (int i = 2; i < 4; i++) {
        const float *q = shot->back[i];
        float turn = 3 * q[0] + shot->back_angle, w = n * (.1f + .4f * q[1]), h = n * .6f * q[2];
        dnx_frame f = {n * (1.4f * q[2] - .2f), n * (1.4f * q[0] - .2f), w * cosf(turn),
                       w * sinf(turn),          -h * sinf(turn),         h * cosf(turn)};
        dnx_paint p = dnx_colour(q, 1, .8f, 1 + 8 * q[1]);
        p.square = (float)(i & 1);
        p.takes_light = false;
        dnx_put(s, &f, p);
    }
}

static void body(dnx_scene *s) {
    const float *t = s->f->t;
    dnx_frame f = dnx_ellipsoid(s, 0, 118, -22, 78, 42, 30);
    dnx_put(s, &f, dnx_colour(s->s->cloth, 1, 1, 1.5f));
    f = dnx_ellipsoid(s, 0, 66, -14, t[JAW_W] - 8, 30, 22);
    dnx_put(s, &f, dnx_colour(s->f->skin, .78f, 1, 2));
}

static void hair_behind(dnx_scene *s) {
    const dnx_synth_face *f = s->f;
    const float *t = f->t, more = s->s->hair_more;
    if (f->style == DNX_BALD) return;
    float w = t[HEAD_W] + t[HAIR_W] + more * .6f, h = t[HEAD_H] + t[HAIR_H] + more;
    dnx_paint p = dnx_colour(f->hair, .8f, 1, 1.5f);
    p.grain = .3f;
    p.strands = 14;
    if (f->style == DNX_CURLY) w += 5, h += 4;
    dnx_frame o = dnx_ellipsoid(s, 0, -6, -6, w, h, w);
    dnx_put(s, &o, p);
    if (f->style != DNX_LONG) return;
    o = dnx_ellipsoid(s, 0, 28, -14, w + 2, 50 + 3 * t[HAIR_W], 30);
    p.square = .8f;
    dnx_put(s, &o, p);
}

static void head(dnx_scene *s) {
    const dnx_synth_face *f = s->f;
    const float *t = f->t;
    float skin[3] = {f->skin[0] + s->s->flush, f->skin[1], f->skin[2]};
    dnx_paint p = dnx_colour(skin, 1, 1, 1.2f);
    for (int side = -1; side <= 1; side += 2) {
        float x = (float)side * (t[HEAD_W] + t[EAR_OUT] - 2);
        dnx_frame o = dnx_ellipsoid(s, x, 8, -6, 4.5f, t[EAR], 6);
        dnx_put(s, &o, dnx_colour(skin, .9f, 1, 1.2f));
        o = dnx_ellipsoid(s, x + (float)side, 8, -4, 2.4f, t[EAR] * .6f, 4);
        dnx_put(s, &o, dnx_colour(skin, .62f, .6f, 2));
    }
    dnx_frame o = dnx_ellipsoid(s, 0, -8, 0, t[HEAD_W], t[HEAD_H], 44);
    dnx_put(s, &o, p);
    o = dnx_ellipsoid(s, 0, t[JAW_Y] - 4, 2, t[JAW_W] + 1, 31, 36);
    p.square = .35f;
    dnx_put(s, &o, p);
    p.square = .2f;
    o = dnx_ellipsoid(s, 0, t[CHIN_Y] - 13, 17, t[CHIN_W] + 4, 13, 14);
    dnx_put(s, &o, p);
    /* cheeks, their hollows, and the chin's dent */
    for (int side = -1; side <= 1; side += 2) {
        static const float red[3] = {.8f, .4f, .36f};
        dnx_spot(s, (float)side * 22, 19, 0, 9, 7, dnx_colour(red, 1, t[CHEEK], 8));
        dnx_spot(s, (float)side * (t[JAW_W] - 4), 32, -2, 5, 16,
                 dnx_colour(skin, .75f, t[CHEEK] * 2, 7));
    }
    dnx_spot(s, 0, t[MOUTH_Y] + 8, 0, 7, 1.5f, dnx_colour(skin, .72f, .45f, 3));
}

static void hair_before(dnx_scene *s) {
    const dnx_synth_face *f = s->f;
    const float *t = f->t, more = s->s->hair_more;
    if (f->style == DNX_BALD) return;
    dnx_frame o = dnx_ellipsoid(s, 0, -7, 1, t[HEAD_W] + 1.5f + .4f * t[HAIR_W],
                                t[HEAD_H] + t[HAIR_H] * .9f + more, 46);
    dnx_paint p = dnx_colour(f->hair, 1, 1, 1.4f);
    float line = t[HAIRLINE] + more * .8f, curve = t[HAIR_CURVE];
    if (f->style == DNX_FRINGE) line += 17, curve -= .15f;
    if (f->style == DNX_LONG) curve += .3f;
    if (f->style == DNX_CURLY) line += 4;
    /* x of the middle of the hairline */
    float part = f->style == DNX_SIDE ? (t[HAIR_PART] > 0 ? 18.f : -18.f) : 25 * t[HAIR_PART] * .3f;
    dnx_within(&o, dnx_at(s, part, line, 1), &p.cut_u, &p.cut);
    p.is_cut = true;
    p.cut_curve = curve * (f->style == DNX_SIDE ? .7f : 1.3f);
    p.cut_edge = f->style == DNX_SHORT ? 4 : 2.5f;
    p.cut_ragged = f->style == DNX_SIDE ? .1f : f->style == DNX_CURLY ? .22f : .16f;
    p.grain = .35f;
    p.strands = f->style == DNX_CURLY ? 7 : 16;
    dnx_put(s, &o, p);
}

static void glasses(dnx_scene *s, bool is_dark) {
    static const float black[3] = {.05f, .05f, .06f};
    const dnx_synth_face *f = s->f;
    for (int side = -1; side <= 1; side += 2) {
        float x = (float)side * (is_dark ? 17.6f : f->t[EYE_X]);
        float w = is_dark ? 14 : f->lens_w, h = is_dark ? 10 : f->lens_h;
        dnx_frame o;
        dnx_paint p = dnx_colour(is_dark ? black : f->rim, 1, .95f, 1);
        p.square = is_dark ? .5f : f->lens_square;
        dnx_point q = dnx_at(s, (float)side * (w + 17), -2, 2),
                  ear = dnx_at(s, (float)side * 43, 0, -30);
        dnx_frame arm = dnx_stroke(s, q, ear, .9f);
        dnx_put(s, &arm, p);
        if (!dnx_patch(s, x, 1.5f, 7, w, h, 0, &o)) continue;
        if (!is_dark) {
            p.hole_u = 1 - f->rim_w;
            p.hole_v = 1 - f->rim_w * w / h;
        }
        dnx_put(s, &o, p);
    }
    dnx_frame bridge = dnx_stroke(s, dnx_at(s, -5, -1, 8), dnx_at(s, 5, -1, 8), 1);
    dnx_put(s, &bridge, dnx_colour(is_dark ? black : f->rim, 1, .95f, 1));
}

static void cover(dnx_scene *s) {
    const float *k = s->s->cover_at, *rgb = s->s->cover_rgb, n = (float)s->c.size;
    dnx_paint p = dnx_colour(rgb, 1, 1, 1.5f);
    p.grain = .15f;
    p.strands = 5;
    if (s->s->cover == DNX_SCARF) {
        dnx_frame o = dnx_ellipsoid(s, 0, s->f->t[CHIN_Y], 4, 46, 24 + 4 * k[0], 40);
        p.bend = -.15f;
        dnx_put(s, &o, p);
    } else if (s->s->cover == DNX_CAP) {
        dnx_frame o = dnx_ellipsoid(s, 0, -18, 0, s->f->t[HEAD_W] + 5, 50, 48);
        float middle;
        p.is_cut = true;
        dnx_within(&o, dnx_at(s, 0, -24 + 6 * k[0], 2), &middle, &p.cut);
        p.cut_curve = .12f * k[1];
        dnx_put(s, &o, p);
    } else if (s->s->cover == DNX_BAR) {
        float turn = 3 * k[0], w = n * (.05f + .04f * k[1]);
        dnx_frame o = {n * (.5f + .35f * k[2]), n * (.5f + .35f * k[3]), w * cosf(turn),
                       w * sinf(turn),          -n * sinf(turn),         n * cosf(turn)};
        p.square = 1;
        dnx_put(s, &o, p);
    } else if (s->s->cover == DNX_HAND) {
        for (int i = 0; i < 4; i++) {
            float place = (float)i - 1.5f, x = n * (.5f + .35f * k[2] + .085f * place);
            dnx_frame o = {x, n * (.95f + .1f * k[3]), n * .047f,
                           0, n * .12f * k[1],         -n * (.28f - .03f * fabsf(place + .2f))};
            dnx_paint finger = dnx_colour(s->f->skin, .93f - .04f * (float)(i & 1), 1, 1.3f);
            finger.square = .5f;
            dnx_put(s, &o, finger);
        }
    }
}

static void light(dnx_scene *s) {
    const dnx_shot *shot = s->s;
    dnx_frame o = dnx_ellipsoid(s, 0, 2, 0, 44, 64, 44);
    if (shot->shadow != 0) { /* one side of the face is darker, with a hard edge */
        static const float black[3] = {0, 0, 0};
        float side = shot->shadow > 0 ? 1 : -1, n = (float)s->c.size;
        dnx_frame half = {o.cx + side * n * .55f,  o.cy, n * .5f, n * shot->shadow * .4f,
                          -n * shot->shadow * .6f, n};
        dnx_paint p = dnx_colour(black, 1, .25f + .4f * fabsf(shot->shadow), 3);
        p.takes_light = false;
        dnx_put(s, &half, p);
    }
    dnx_canvas_light(&s->c, &o, shot->light, shot->ambient, shot->diffuse);
}

void dnx_synth_draw(const dnx_synth_face *f, const dnx_shot *s, int size, float *scratch,
                    unsigned char *rgb) {
    dnx_scene c;
    dnx_scene_init(&c, f, s, size, scratch);
    background(&c);
    hair_behind(&c);
    body(&c);
    head(&c);
    dnx_features(&c);
    hair_before(&c);
    if (s->cover == DNX_SHADES) glasses(&c, true);
    else if (f->has_glasses && s->wears_glasses) glasses(&c, false);
    light(&c);
    cover(&c);
    dnx_canvas_blur(&c.c, s->blur * c.unit);
    dnx_film film = {
        {s->gain[0], s->gain[1], s->gain[2]}, s->lift, s->curve, s->saturation, s->noise, s->seed};
    dnx_canvas_develop(&c.c, &film, rgb);
}
