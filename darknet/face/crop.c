/* crop.c - sorts the faces of a photograph, and cuts them out. */
#include "face/crop.h"

#include <math.h>
#include <stdlib.h>

#include "face/warp.h"

static double area(const dnx_found *f) { return (f->x2 - f->x1) * (f->y2 - f->y1); }

static int by_area(const void *a, const void *b) {
    double p = area(a), q = area(b);
    return p < q ? 1 : p > q ? -1 : 0;
}

void dnx_faces_sort(dnx_found *faces, size_t n, int w, int h) {
    size_t best = 0;
    double most = -INFINITY;
    if (n < 2) return;
    qsort(faces, n, sizeof *faces, by_area);
    for (size_t i = 0; i < n; i++) {
        const double x = .5 * (faces[i].x1 + faces[i].x2 - w);
        const double y = .5 * (faces[i].y1 + faces[i].y2 - h);
        const double worth = area(&faces[i]) - 2 * (x * x + y * y);
        if (worth <= most) continue;
        most = worth;
        best = i;
    }
    const dnx_found main = faces[best];
    for (size_t i = best; i > 0; i--) faces[i] = faces[i - 1];
    faces[0] = main;
}

void dnx_found_enlarge(dnx_found *f, int by) {
    double *all[] = {&f->x1, &f->y1, &f->x2, &f->y2};
    for (int i = 0; i < 4; i++) *all[i] = (*all[i] + .5) * by - .5;
    for (int i = 0; i < DNX_POINTS; i++) {
        f->points.x[i] = (f->points.x[i] + .5) * by - .5;
        f->points.y[i] = (f->points.y[i] + .5) * by - .5;
    }
    f->points.size *= (double)by * by;
}

bool dnx_face_crop(const dnx_shrunk *image, const dnx_face *points, int side, unsigned char *out) {
    dnx_face target;
    double m[6], rms;
    const double by = (double)side / DNX_CROP;
    int k = 0;
    dnx_face_template(DNX_CROP, &target);
    for (int i = 0; i < DNX_POINTS; i++) {
        target.x[i] = (target.x[i] + .5) * by - .5;
        target.y[i] = (target.y[i] + .5) * by - .5;
    }
    if (!dnx_similarity(points, &target, m, &rms)) return false;
    /* While m shrinks the image by 2 or more, continues with the halved image. Pixel X of the
     * halved image is the mean of pixels 2X and 2X + 1, so its centre is at 2X + 0.5. */
    for (; k + 1 < image->n && hypot(m[0], m[3]) <= .5; k++) {
        m[2] += .5 * (m[0] + m[1]);
        m[5] += .5 * (m[3] + m[4]);
        for (int i = 0; i < 6; i++) m[i] *= i % 3 == 2 ? 1 : 2;
    }
    const dnx_image *from = &image->half[k];
    return dnx_warp(from->rgb, from->w, from->h, m, out, side, side);
}
