/* synth_features.c - paints eyes, brows, nose, mouth, beard, wrinkles and marks. */
#include <math.h>

#include "synth/synth_scene.h"

static void wrinkles(dnx_scene *s) {
    const float *t = s->f->t, age = t[AGE] > 0 ? t[AGE] : 0;
    for (int side = -1; side <= 1; side += 2) {
        float d = (float)side;
        dnx_point p = dnx_at(s, d * (t[NOSE_W] + 2), t[NOSE_LEN] - 1, 1);
        dnx_point q = dnx_at(s, d * (t[MOUTH_W] + 3 + s->s->smile), t[MOUTH_Y] - 1, 0);
        dnx_frame o = dnx_stroke(s, p, q, 1);
        dnx_put(s, &o, dnx_colour(s->f->skin, .6f, .25f + .5f * age + .1f * s->s->smile, 2));
        dnx_spot(s, d * t[EYE_X], t[EYE_H] + 4, 0, t[EYE_W], 1.6f,
                 dnx_colour(s->f->skin, .62f, age * .8f, 3));
    }
    const float depth = age > .25f ? age - .25f : 0; /* depth of the lines on the forehead */
    for (int i = 0; i < 2; i++)
        dnx_spot(s, 0, -22 - 7 * (float)i, 0, 17, .8f, dnx_colour(s->f->skin, .7f, depth, 1.5f));
}

/* Returns the paint p with this bend (dnx_paint.bend in raster.h). */
static dnx_paint bent(dnx_paint p, float bend) {
    p.bend = bend;
    return p;
}

/* Like dnx_spot(), for a patch turned by `angle` radians. */
static void arc(dnx_scene *s, float x, float y, float lift, float w, float h, float angle,
                dnx_paint p) {
    dnx_frame o;
    if (dnx_patch(s, x, y, lift, w, h, angle, &o)) dnx_put(s, &o, p);
}

static void eye(dnx_scene *s, float side) {
    static const float white[3] = {.93f, .91f, .89f}, black[3] = {.04f, .04f, .05f};
    const dnx_synth_face *f = s->f;
    const float *t = f->t, x = side * t[EYE_X], w = t[EYE_W], slant = side * -t[EYE_SLANT];
    const float h = t[EYE_H] * s->s->lids * (1 - .12f * s->s->smile);
    const float gx = s->s->gaze_x * w * .5f, gy = s->s->gaze_y * h;
    dnx_frame o;
    dnx_paint p = dnx_colour(f->skin, .66f, t[EYE_DEPTH], 6);
    dnx_spot(s, x, -3, 0, w * 1.5f, t[EYE_H] * 2.4f, p);
    if (!dnx_patch(s, x, 0, 1, w, h, slant, &o)) return;
    p = dnx_colour(white, 1, 1, 1);
    p.bend = t[EYE_BEND];
    dnx_put(s, &o, p);
    dnx_spot(s, x + gx, gy - .3f, 1, t[IRIS], t[IRIS], dnx_colour(f->iris, 1, 1, 1));
    dnx_spot(s, x + gx, gy - .3f, 1, t[IRIS] * .45f, t[IRIS] * .45f, dnx_colour(black, 1, .95f, 1));
    dnx_spot(s, x + gx - 1, gy - 1.5f, 1, .8f, .8f, dnx_colour(white, 1.05f, .8f, 1));
    /* lids: a ring of skin around the opening hides the iris outside of the opening */
    const float outer = h + 3.2f > 6 ? h + 3.2f : 6;
    if (dnx_patch(s, x, 0, 1, w * 1.35f, outer, slant, &o)) {
        p = dnx_colour(f->skin, .88f, 1, 1.4f);
        p.hole_u = 1 / 1.35f;
        p.hole_v = h / outer;
        p.bend = t[EYE_BEND] * h / outer;
        dnx_put(s, &o, p);
    }
    /* lashes, the crease above them, and the line below the eye */
    arc(s, x, -h * .95f, 1, w * 1.05f, .85f, slant,
        bent(dnx_colour(black, 1, .85f, 1), (h * .95f + t[EYE_BEND] * h) / .85f));
    arc(s, x, -h - t[LID], 1, w * 1.1f, .7f, slant,
        bent(dnx_colour(f->skin, .5f, .55f, 1.3f), h * .8f / .7f));
    arc(s, x, h * .95f, 1, w * .9f, .5f, slant,
        bent(dnx_colour(f->skin, .5f, .5f, 1.2f), -(h * .75f - t[EYE_BEND] * h) / .5f));
}

static void brow(dnx_scene *s, float side) {
    const dnx_synth_face *f = s->f;
    const float *t = f->t;
    float y = t[BROW_Y] - s->s->raise - (t[EYE_H] - 3.7f);
    dnx_paint p = dnx_colour(f->hair, .85f, t[BROW_DARK] > 1 ? 1 : t[BROW_DARK], 1.2f);
    p.taper = t[BROW_TAPER];
    p.bend = t[BROW_BEND] / t[BROW_H] * 1.9f;
    p.grain = .25f;
    p.strands = 9;
    arc(s, side * t[BROW_X], y, 2, t[BROW_W] * side, t[BROW_H], side * t[BROW_SLANT], p);
}

static void nose(dnx_scene *s) {
    static const float black[3] = {.12f, .06f, .05f};
    const dnx_synth_face *f = s->f;
    const float *t = f->t, len = t[NOSE_LEN], w = t[NOSE_W], out = t[NOSE_OUT];
    dnx_point top = dnx_at(s, 0, -4, 2), tip = dnx_at(s, 0, len, out);
    for (int side = -1; side <= 1; side += 2) { /* the side away from the light is darker */
        float d = (float)side, away = .5f - .5f * d * s->s->light[0];
        dnx_point p = dnx_at(s, d * (t[BRIDGE_W] + 1.5f), -3, 0);
        dnx_point q = dnx_at(s, d * w * .8f, len - 2, out * .35f);
        dnx_frame o = dnx_stroke(s, p, q, 2.6f);
        dnx_put(s, &o, dnx_colour(f->skin, .62f, .12f + .45f * away, 3.5f));
        dnx_spot(s, d * w * .78f, len + .5f, out * .35f, w * .36f, 3.2f,
                 dnx_colour(f->skin, .86f + .08f * (1 - away), .9f, 2));
        dnx_spot(s, d * (w * .78f + 2.4f), len + .5f, out * .25f, .8f, 3,
                 dnx_colour(f->skin, .55f, .4f, 2));
    }
    dnx_frame o = dnx_stroke(s, top, tip, t[BRIDGE_W]);
    dnx_put(s, &o, dnx_colour(f->skin, 1.1f, .55f, 3.5f));
    dnx_spot(s, 0, len + 4.5f, out * .5f, w * .8f, 1.6f, dnx_colour(f->skin, .6f, .6f, 2.5f));
    dnx_spot(s, 0, len, out * .9f, t[NOSE_TIP], t[NOSE_TIP] * .85f,
             dnx_colour(f->skin, 1.05f, .8f, 3));
    dnx_spot(s, -1, len - 1.5f, out, 1.4f, 1.2f, dnx_colour(f->skin, 1.25f, .5f, 2));
    for (int side = -1; side <= 1; side += 2)
        dnx_spot(s, (float)side * w * .45f, len + 3, out * .6f, t[NOSTRIL], t[NOSTRIL] * .6f,
                 dnx_colour(black, 1, .75f, 1.2f));
}

static void mouth(dnx_scene *s) {
    static const float dark[3] = {.20f, .06f, .06f}, tooth[3] = {.9f, .88f, .82f};
    static const float red[3] = {.62f, .10f, .16f};
    const dnx_synth_face *f = s->f;
    const float *t = f->t, y = t[MOUTH_Y], open = s->s->open, smile = s->s->smile;
    const float w = t[MOUTH_W] * (1 + .13f * smile - .1f * open), gap = .5f + 4.5f * open;
    const float curve = t[LIP_BEND] - 2.6f * smile; /* how low the corners of the mouth are */
    float lips[3];
    for (int k = 0; k < 3; k++)
        lips[k] = s->s->has_make_up ? .5f * (red[k] + f->lips[k]) : f->lips[k];
    dnx_spot(s, 0, (t[NOSE_LEN] + y) / 2 + 1.5f, 1, 1.6f, 4.5f,
             dnx_colour(f->skin, .72f, t[PHILTRUM] * 3, 2));
    arc(s, 0, y + gap + t[LIP_LOW] * .4f, 0, w * .8f, t[LIP_LOW] * .8f, 0,
        bent(dnx_colour(lips, 1, .9f, 1.2f), (curve - gap * 1.1f) / (t[LIP_LOW] * .8f)));
    arc(s, 0, y - gap - t[LIP_UP] * .35f, 0, w, t[LIP_UP] * .75f, 0,
        bent(dnx_colour(lips, .86f, .95f, 1.2f), (curve + gap * 1.1f) / (t[LIP_UP] * .75f)));
    arc(s, 0, y, 0, w * .97f, gap, 0, bent(dnx_colour(dark, 1, .9f, 1), curve / gap));
    if (open > .15f)
        arc(s, 0, y - gap * .45f, 0, w * .7f, gap * .42f, 0,
            bent(dnx_colour(tooth, 1, .9f, 1), curve / (gap * .42f)));
    dnx_spot(s, 0, y + gap + t[LIP_LOW] * .5f, 1, w * .3f, .7f, dnx_colour(lips, 1.35f, .5f, 2));
}

static void beard(dnx_scene *s) {
    const dnx_synth_face *f = s->f;
    const float *t = f->t, more = s->s->beard_more, y = t[MOUTH_Y];
    const bool is_stubble = f->beard == DNX_STUBBLE;
    dnx_frame o;
    dnx_paint p = dnx_colour(f->hair, .95f, (is_stubble ? .3f : .82f) + more, 3);
    p.grain = .5f;
    p.strands = 25;
    if (f->beard == DNX_SHAVEN) return;
    if (f->beard == DNX_FULL || is_stubble) {
        /* the skin below a line from ear to ear, without the mouth */
        o = dnx_ellipsoid(s, 0, t[JAW_Y] - 2, 3, t[JAW_W] + 1, 32, 36);
        p.hole_u = .74f;
        p.hole_v = .8f;
        p.square = .3f;
        /* A cut keeps the part above its line. With the frame turned upside down, it keeps the
         * part below. */
        o.vx = -o.vx;
        o.vy = -o.vy;
        p.is_cut = true;
        p.cut = .15f;
        p.cut_curve = -.2f;
        p.cut_edge = 5;
        dnx_put(s, &o, p);
        p.is_cut = false;
        p.hole_u = p.hole_v = p.square = 0;
        dnx_spot(s, 0, y + 13, 0, 12, 7, p);
    }
    if (f->beard == DNX_GOATEE) dnx_spot(s, 0, y + 13, 1, 8.5f, 8, p);
    p.alpha *= .95f;
    arc(s, 0, y - 6, 1, t[MOUTH_W] * 1.05f, 2.4f, 0, bent(p, 1.1f));
}

static void marks(dnx_scene *s) {
    const dnx_synth_face *f = s->f;
    for (int i = 0; i < f->freckles; i++) {
        bool is_mole = i < f->moles;
        dnx_spot(s, f->mark[i][0], f->mark[i][1], 1, f->mark[i][2], f->mark[i][2],
                 dnx_colour(f->skin, is_mole ? .35f : .68f, is_mole ? .85f : .6f, 1));
    }
}

void dnx_features(dnx_scene *s) {
    wrinkles(s);
    marks(s);
    mouth(s);
    beard(s);
    nose(s);
    for (int side = -1; side <= 1; side += 2) {
        eye(s, (float)side);
        brow(s, (float)side);
    }
}
