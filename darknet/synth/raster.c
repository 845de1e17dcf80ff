/* raster.c - paints into planes of floats. Loops run over a row without branches or calls, so that
 * compilers vectorise them. */
#include "synth/raster.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

enum { REACH = 6 }; /* pixels on each side that the blur of a pixel uses */

/* Limits x to 0..1 without a comparison. */
static inline float limit(float x) { return .5f * (fabsf(x) - fabsf(x - 1) + 1); }

static float least(float a, float b) { return a < b ? a : b; }

void dnx_canvas_init(dnx_canvas *c, int size, float *scratch) {
    c->size = size;
    for (int k = 0; k < 4; k++) c->plane[k] = scratch + (size_t)k * (size_t)size * (size_t)size;
}

static float *row(const dnx_canvas *c, int k, int y) {
    return c->plane[k] + (size_t)y * (size_t)c->size;
}

/* Returns the scratch memory after the four planes: 2 * size + 64 floats. */
static float *spare(const dnx_canvas *c) { return row(c, 3, c->size); }

void dnx_canvas_fill(dnx_canvas *c, const float a[3], const float b[3], float dx, float dy) {
    const int n = c->size;
    for (int y = 0; y < n; y++) {
        for (int k = 0; k < 3; k++) {
            float *to = row(c, k, y), step = dx / (float)n;
            float at = .5f + dy * ((float)y / (float)n - .5f) - .5f * dx;
            for (int x = 0; x < n; x++) to[x] = a[k] + (b[k] - a[k]) * limit(at + step * (float)x);
        }
        memset(row(c, 3, y), 0, sizeof(float) * (size_t)n);
    }
}

/* What cover() needs for a row of pixels from x0 on. cover() computes q for each pixel: 0 in the
 * centre of the disc, 1 at its border. */
typedef struct {
    float u, v, du, dv; /* u, v: coordinates at x0; du, dv: their change per pixel */
    /* Change of the coverage, 0..1, of a pixel for one unit of q (k, hole_k) or v (cut_k). */
    float k, hole_k, cut_k;
} slope;

/* Returns q of the point (u, v) for a disc with the half axes 1 / sqrt(hu) and 1 / sqrt(hv). */
static inline float disc(const dnx_paint *p, float u, float v, float hu, float hv) {
    v -= p->bend * u * u;
    u *= 1 + p->taper * v;
    u *= u * hu;
    v *= v * hv;
    return u + v + p->square * (u * u + v * v - u - v);
}

static void cover(const dnx_paint *given, slope s, int n, float *restrict a) {
    const dnx_paint copy = *given, *p = &copy; /* a local copy, so that the loops vectorise */
    for (int x = 0; x < n; x++) {
        float q = disc(p, s.u + s.du * (float)x, s.v + s.dv * (float)x, 1, 1);
        a[x] = p->alpha * limit(.5f + (1 - q) * s.k);
    }
    if (p->hole_u > 0) {
        const float hu = 1 / (p->hole_u * p->hole_u), hv = 1 / (p->hole_v * p->hole_v);
        for (int x = 0; x < n; x++) {
            float q = disc(p, s.u + s.du * (float)x, s.v + s.dv * (float)x, hu, hv);
            a[x] *= 1 - limit(.5f + (1 - q) * s.hole_k);
        }
    }
    if (p->is_cut)
        for (int x = 0; x < n; x++) {
            float u = s.u + s.du * (float)x - p->cut_u, v = s.v + s.dv * (float)x;
            float t = (u + 8) * .5f * p->strands; /* positive, so that (int) rounds down */
            t = p->cut_ragged * fabsf(t - (float)(int)t - .5f);
            a[x] *= limit(.5f + (p->cut + t + p->cut_curve * u * u - v) * s.cut_k);
        }
}

static void stripes(const dnx_paint *p, slope s, int n, float *restrict g) {
    for (int x = 0; x < n; x++) {
        float u = s.u + s.du * (float)x, v = s.v + s.dv * (float)x;
        float t = (u + .15f * v * v + 8) * .5f * p->strands;
        g[x] = p->grain * (fabsf(t - (float)(int)t - .5f) * 2 - .5f);
    }
}

void dnx_canvas_paint(dnx_canvas *c, const dnx_frame *f, const dnx_paint *p) {
    const int n = c->size;
    const float det = f->ux * f->vy - f->uy * f->vx;
    if (fabsf(det) < 1e-3f) return;
    const float ul = hypotf(f->ux, f->uy), vl = hypotf(f->vx, f->vy);
    const float edge = p->edge > 1 ? p->edge : 1;
    const float small = fabsf(det) / (ul > vl ? ul : vl); /* about the shorter half axis */
    const float soft = 1 + edge / small;
    float U = soft / (1 - least(.8f, fabsf(p->taper) * soft)), V = soft + fabsf(p->bend) * U * U;
    float rx = fabsf(f->ux) * U + fabsf(f->vx) * V, ry = fabsf(f->uy) * U + fabsf(f->vy) * V;
    const bool is_seen = f->cx + rx > 0 && f->cx - rx < (float)n && f->cy + ry > 0 &&
                         f->cy - ry < (float)n;
    if (!is_seen) return;
    int x0 = f->cx > rx ? (int)(f->cx - rx) : 0, y0 = f->cy > ry ? (int)(f->cy - ry) : 0;
    int x1 = (int)least(f->cx + rx + 2, (float)n), y1 = (int)least(f->cy + ry + 2, (float)n);
    slope s = {.du = f->vy / det, .dv = -f->uy / det};
    /* Near the border, 1 - q falls by 2 over a half axis of about `small` pixels. With this s.k the
     * coverage falls from 1 to 0 over `edge` pixels. */
    s.k = .5f * small / edge;
    s.hole_k = p->hole_u > 0 ? s.k * least(p->hole_u, p->hole_v) : 0;
    s.cut_k = vl / (p->cut_edge > 1 ? p->cut_edge : 1);
    float *a = spare(c), *g = a + n;
    for (int y = y0; y < y1; y++) {
        float dx = (float)x0 + .5f - f->cx, dy = (float)y + .5f - f->cy;
        s.u = (f->vy * dx - f->vx * dy) / det;
        s.v = (f->ux * dy - f->uy * dx) / det;
        cover(p, s, x1 - x0, a);
        if (p->grain > 0) stripes(p, s, x1 - x0, g);
        else memset(g, 0, sizeof *g * (size_t)(x1 - x0));
        for (int k = 0; k < 3; k++) {
            float *restrict to = row(c, k, y) + x0;
            const float v = p->rgb[k];
            for (int x = 0; x < x1 - x0; x++) to[x] += (v + v * g[x] - to[x]) * a[x];
        }
        if (p->takes_light) {
            float *restrict to = row(c, 3, y) + x0;
            for (int x = 0; x < x1 - x0; x++) to[x] += (1 - to[x]) * a[x];
        }
    }
}

void dnx_canvas_light(dnx_canvas *c, const dnx_frame *f, const float light[3], float ambient,
                      float diffuse) {
    const float det = f->ux * f->vy - f->uy * f->vx;
    const int n = c->size;
    float *shade = spare(c);
    for (int y = 0; y < n; y++) {
        float dx = .5f - f->cx, dy = (float)y + .5f - f->cy;
        float u0 = (f->vy * dx - f->vx * dy) / det, v0 = (f->ux * dy - f->uy * dx) / det;
        float du = f->vy / det, dv = -f->uy / det;
        const float *takes = row(c, 3, y);
        for (int x = 0; x < n; x++) {
            float u = u0 + du * (float)x, v = v0 + dv * (float)x;
            float z = limit(1 - u * u - v * v);
            z *= 1.7f - .7f * z; /* approximates the square root of z */
            float cosine = light[0] * u + light[1] * v + light[2] * z;
            cosine = .5f * (cosine + fabsf(cosine));
            shade[x] = 1 + takes[x] * (ambient + diffuse * cosine - 1);
        }
        for (int k = 0; k < 3; k++) {
            float *restrict to = row(c, k, y);
            for (int x = 0; x < n; x++) to[x] *= shade[x];
        }
    }
}

/* Blurs a row with weights w. padded: room for n + 2 REACH floats. */
static void blur_row(const float *from, float *padded, const float *w, int n, float *restrict to) {
    memcpy(padded + REACH, from, sizeof *from * (size_t)n);
    for (int i = 0; i < REACH; i++) {
        padded[i] = from[0];
        padded[REACH + n + i] = from[n - 1];
    }
    const float *restrict p = padded + REACH;
    for (int x = 0; x < n; x++) to[x] = w[0] * p[x];
    for (int i = 1; i <= REACH && w[i] > 1e-3f; i++)
        for (int x = 0; x < n; x++) to[x] += w[i] * (p[x - i] + p[x + i]);
}

void dnx_canvas_blur(dnx_canvas *c, float deviation) {
    const int n = c->size;
    float w[REACH + 1], sum = 0;
    if (deviation < .2f) return;
    for (int i = 0; i <= REACH; i++) {
        w[i] = expf(-.5f * (float)(i * i) / (deviation * deviation));
        sum += i ? 2 * w[i] : w[i];
    }
    for (int i = 0; i <= REACH; i++) w[i] /= sum;
    float *padded = spare(c), *whole = c->plane[3]; /* plane 3 is free: light has been applied */
    for (int k = 0; k < 3; k++) {
        for (int y = 0; y < n; y++)
            blur_row(row(c, k, y), padded, w, n, whole + (size_t)y * (size_t)n);
        for (int y = 0; y < n; y++) {
            float *restrict to = row(c, k, y);
            memset(to, 0, sizeof *to * (size_t)n);
            for (int i = -REACH; i <= REACH; i++) {
                int at = y + i < 0 ? 0 : y + i >= n ? n - 1 : y + i;
                const float *restrict from = whole + (size_t)at * (size_t)n;
                const float v = w[i < 0 ? -i : i];
                if (v <= 1e-3f) continue;
                for (int x = 0; x < n; x++) to[x] += v * from[x];
            }
        }
    }
}

/* Returns the sum of four random bytes minus 510: about normal, with mean 0 and
 * standard deviation 147.8. */
static inline float bell(uint32_t i, uint32_t seed) {
    uint32_t h = i * 0x9e3779b1u + seed;
    h = (h ^ (h >> 16)) * 0x85ebca6bu;
    h = (h ^ (h >> 13)) * 0xc2b2ae35u;
    h ^= h >> 16;
    return (float)(int)((h & 255) + (h >> 8 & 255) + (h >> 16 & 255) + (h >> 24)) - 510;
}

void dnx_canvas_develop(const dnx_canvas *c, const dnx_film *film, unsigned char *rgb) {
    const int n = c->size;
    const float noise = film->noise / 147.8f, curve = film->curve, sat = film->saturation;
    float *v = spare(c);
    for (int y = 0; y < n; y++) {
        const float *r = row(c, 0, y), *g = row(c, 1, y), *b = row(c, 2, y);
        for (int k = 0; k < 3; k++) {
            const float *from = row(c, k, y), gain = film->gain[k], lift = film->lift;
            const uint32_t first = (uint32_t)(3 * y + k) * (uint32_t)n;
            for (int x = 0; x < n; x++) {
                float grey = .299f * r[x] + .587f * g[x] + .114f * b[x];
                float t = limit(gain * (grey + sat * (from[x] - grey)) + lift);
                t += curve * t * (1 - t) + noise * bell(first + (uint32_t)x, film->seed);
                v[x] = 255 * limit(t) + .5f;
            }
            unsigned char *to = rgb + 3 * (size_t)y * (size_t)n + k;
            for (int x = 0; x < n; x++) to[3 * x] = (unsigned char)(int)v[x];
        }
    }
}
