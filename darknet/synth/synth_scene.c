/* synth_scene.c - the head: an ellipsoid that is turned, seen in perspective, and moved so that
 * five points fit the ArcFace template, as in real crops. */
#include "synth/synth_scene.h"

#include <math.h>
#include <string.h>

/* HALF: half axes of the head in x, y, z. CENTRE_Y: y of the head's centre. FAR: distance of the
 * camera from this centre. Units: see synth.h. */
static const float HALF[3] = {44, 68, 42};
enum { CENTRE_Y = 5, FAR = 420 };

static float depth(float x, float y) {
    float u = x / HALF[0], v = (y - CENTRE_Y) / HALF[1], t = 1 - u * u - v * v;
    return HALF[2] * sqrtf(t > .02f ? t : .02f);
}

static dnx_point turned(const dnx_scene *s, float x, float y, float z) {
    const float v[3] = {x, y - CENTRE_Y, z};
    float r[3];
    for (int i = 0; i < 3; i++)
        r[i] = s->turn[i][0] * v[0] + s->turn[i][1] * v[1] + s->turn[i][2] * v[2];
    float near = FAR / (FAR - r[2]);
    return (dnx_point){r[0] * near, r[1] * near, r[2]};
}

dnx_point dnx_at(const dnx_scene *s, float x, float y, float lift) {
    dnx_point p = turned(s, x, y, depth(x, y) + lift);
    return (dnx_point){s->a * p.x - s->b * p.y + s->tx, s->b * p.x + s->a * p.y + s->ty, p.z};
}

static void rotate(dnx_scene *s) {
    float cy = cosf(s->s->yaw), sy = sinf(s->s->yaw);
    float cp = cosf(s->s->pitch), sp = sinf(s->s->pitch);
    const float m[3][3] = {{cy, 0, sy}, {sp * sy, cp, -sp * cy}, {-cp * sy, sp, cp * cy}};
    memcpy(s->turn, m, sizeof m);
}

/* Finds the rotation, scale and shift that bring five points of the face nearest to the ArcFace
 * template, by least squares. Then adds the misalignment of the shot. */
static void align(dnx_scene *s) {
    static const float template[5][2] = {
        {38.29f, 51.70f}, {73.53f, 51.50f}, {56.03f, 71.74f}, {41.55f, 92.37f}, {70.73f, 92.20f}};
    const float *t = s->f->t;
    const float spot[5][3] = {{-t[EYE_X], 0, 0},
                              {t[EYE_X], 0, 0},
                              {0, t[NOSE_LEN], t[NOSE_OUT]},
                              {-t[MOUTH_W], t[MOUTH_Y], 0},
                              {t[MOUTH_W], t[MOUTH_Y], 0}};
    float p[5][2], mean[4] = {0}, dot = 0, cross = 0, square = 0;
    s->a = 1;
    s->b = s->tx = s->ty = 0;
    for (int i = 0; i < 5; i++) {
        dnx_point q = dnx_at(s, spot[i][0], spot[i][1], spot[i][2]);
        p[i][0] = q.x;
        p[i][1] = q.y;
        for (int k = 0; k < 2; k++) {
            mean[k] += p[i][k] / 5;
            mean[2 + k] += template[i][k] / 5;
        }
    }
    for (int i = 0; i < 5; i++) {
        float x = p[i][0] - mean[0], y = p[i][1] - mean[1];
        float u = template[i][0] - mean[2], v = template[i][1] - mean[3];
        dot += x * u + y * v;
        cross += x * v - y * u;
        square += x * x + y * y;
    }
    const float size = (float)s->c.size / 112, grow = s->s->grow * size / square;
    const float cosine = cosf(s->s->tilt), sine = sinf(s->s->tilt);
    s->a = grow * (dot * cosine - cross * sine);
    s->b = grow * (dot * sine + cross * cosine);
    s->tx = size * (mean[2] + s->s->dx) - s->a * mean[0] + s->b * mean[1];
    s->ty = size * (mean[3] + s->s->dy) - s->b * mean[0] - s->a * mean[1];
    s->unit = sqrtf(s->a * s->a + s->b * s->b);
}

void dnx_scene_init(dnx_scene *s, const dnx_synth_face *f, const dnx_shot *shot, int size,
                    float *scratch) {
    *s = (dnx_scene){.f = f, .s = shot};
    dnx_canvas_init(&s->c, size, scratch);
    rotate(s);
    align(s);
}

bool dnx_patch(const dnx_scene *s, float x, float y, float lift, float w, float h, float angle,
               dnx_frame *f) {
    float c = cosf(angle), n = sinf(angle), z = depth(x, y) + lift;
    const float facing = s->turn[2][0] * x / (HALF[0] * HALF[0]) +
                         s->turn[2][1] * (y - CENTRE_Y) / (HALF[1] * HALF[1]) +
                         s->turn[2][2] * z / (HALF[2] * HALF[2]);
    dnx_point o = dnx_at(s, x, y, lift), u0 = dnx_at(s, x - w * c, y - w * n, lift),
              u1 = dnx_at(s, x + w * c, y + w * n, lift),
              v0 = dnx_at(s, x + h * n, y - h * c, lift),
              v1 = dnx_at(s, x - h * n, y + h * c, lift);
    *f = (dnx_frame){
        o.x, o.y, (u1.x - u0.x) / 2, (u1.y - u0.y) / 2, (v1.x - v0.x) / 2, (v1.y - v0.y) / 2};
    return facing > .002f;
}

dnx_frame dnx_ellipsoid(const dnx_scene *s, float x, float y, float z, float w, float h, float d) {
    dnx_point p = turned(s, x, y, z);
    const float half[3] = {w, h, d};
    float m[3] = {0};
    for (int k = 0; k < 3; k++) {
        float u = s->turn[0][k] * half[k], v = s->turn[1][k] * half[k];
        m[0] += u * u;
        m[1] += u * v;
        m[2] += v * v;
    }
    /* m[0], m[1], m[2] are xx, xy, yy of a symmetric 2 x 2 matrix that describes the outline. The
     * columns of its Cholesky factor are two half axes of the frame. */
    float ux = sqrtf(m[0]), uy = m[1] / ux, vy = sqrtf(m[2] - uy * uy);
    return (dnx_frame){s->a * p.x - s->b * p.y + s->tx,
                       s->b * p.x + s->a * p.y + s->ty,
                       s->a * ux - s->b * uy,
                       s->b * ux + s->a * uy,
                       -s->b * vy,
                       s->a * vy};
}

dnx_frame dnx_stroke(const dnx_scene *s, dnx_point p, dnx_point q, float w) {
    float vx = (q.x - p.x) / 2, vy = (q.y - p.y) / 2, n = sqrtf(vx * vx + vy * vy) + 1e-3f;
    w *= s->unit / n;
    return (dnx_frame){(p.x + q.x) / 2, (p.y + q.y) / 2, vy * w, -vx * w, vx, vy};
}

void dnx_within(const dnx_frame *f, dnx_point p, float *u, float *v) {
    const float det = f->ux * f->vy - f->uy * f->vx, dx = p.x - f->cx, dy = p.y - f->cy;
    *u = (f->vy * dx - f->vx * dy) / det;
    *v = (f->ux * dy - f->uy * dx) / det;
}

dnx_paint dnx_colour(const float *rgb, float factor, float alpha, float edge) {
    dnx_paint p = {.alpha = alpha, .edge = edge, .takes_light = true};
    for (int k = 0; k < 3; k++) p.rgb[k] = rgb[k] * factor;
    return p;
}

void dnx_put(dnx_scene *s, const dnx_frame *f, dnx_paint p) {
    p.edge *= s->unit;
    p.cut_edge *= s->unit;
    if (p.alpha > 1) p.alpha = 1;
    dnx_canvas_paint(&s->c, f, &p);
}

void dnx_spot(dnx_scene *s, float x, float y, float lift, float w, float h, dnx_paint p) {
    dnx_frame f;
    if (dnx_patch(s, x, y, lift, w, h, 0, &f)) dnx_put(s, &f, p);
}
