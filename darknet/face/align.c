/* align.c - the similarity transform from landmarks to the aligned face. */
#include "face/align.h"

#include <math.h>

/* InsightFace's template for 112 columns. A crop of 96 columns lacks 8 columns on each side. */
static const double template_x[] = {38.2946, 73.5318, 56.0252, 41.5493, 70.7299};
static const double template_y[] = {51.6963, 51.5014, 71.7366, 92.3655, 92.2041};

void dnx_face_template(int width, dnx_face *f) {
    *f = (dnx_face){.size = 0};
    for (int i = 0; i < DNX_POINTS; i++) {
        f->x[i] = template_x[i] - (112 - width) / 2;
        f->y[i] = template_y[i];
    }
}

static void mean(const dnx_face *f, double *x, double *y) {
    *x = *y = 0;
    for (int i = 0; i < DNX_POINTS; i++) {
        *x += f->x[i] / DNX_POINTS;
        *y += f->y[i] / DNX_POINTS;
    }
}

/* p and q are the points of `from` and `target` as complex numbers, minus their means. The
 * least-squares factor is a + ib = sum(conj(p) q) / sum |p|^2. The sum of squared distances is then
 * sum |q|^2 - |a + ib|^2 sum |p|^2. */
bool dnx_similarity(const dnx_face *from, const dnx_face *target, double m[6], double *rms) {
    double px, py, qx, qy, a = 0, b = 0, pp = 0, qq = 0;
    mean(from, &px, &py);
    mean(target, &qx, &qy);
    for (int i = 0; i < DNX_POINTS; i++) {
        double x = from->x[i] - px, y = from->y[i] - py;
        double u = target->x[i] - qx, v = target->y[i] - qy;
        a += x * u + y * v;
        b += x * v - y * u;
        pp += x * x + y * y;
        qq += u * u + v * v;
    }
    if (!(pp > 1e-6) || !isfinite(pp)) return false;
    a /= pp;
    b /= pp;
    m[0] = m[4] = a;
    m[1] = -b;
    m[3] = b;
    m[2] = qx - a * px + b * py;
    m[5] = qy - b * px - a * py;
    *rms = sqrt(fmax(0, qq - (a * a + b * b) * pp) / DNX_POINTS);
    return a * a + b * b > 0;
}

size_t dnx_face_choose(const dnx_face *faces, size_t n, dnx_several how, int w, int h) {
    size_t best = 0;
    double least = INFINITY;
    for (size_t i = 0; i < n; i++) {
        double x, y;
        mean(&faces[i], &x, &y);
        double far = how == DNX_LARGEST ? -faces[i].size
                                        : hypot(x - .5 * (w - 1), y - .5 * (h - 1));
        if (far >= least) continue;
        least = far;
        best = i;
    }
    return best;
}

bool dnx_face_is_inside(const dnx_face *f, int w, int h) {
    for (int i = 0; i < DNX_POINTS; i++)
        if (!(f->x[i] >= 0 && f->x[i] <= w - 1 && f->y[i] >= 0 && f->y[i] <= h - 1)) return false;
    return true;
}
