/* portrait.c - finds the faces of a photograph and computes their features. */
#include "face/portrait.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "data/embeddings.h"
#include "data/pixels.h"
#include "face/crop.h"
#include "face/search.h"

dnx_status dnx_matcher_check(const dnx_matcher *m, dnx_err *err) {
    const dnx_shape in = m->net->in;
    const dnx_loc at = {m->net->file, 0};
    if (m->last < 0) return dnx_fail(err, DNX_ESHAPE, at, "no layer before the first loss");
    if (in.h == in.w && in.h <= DNX_PIECE_MOST && (in.c == 1 || in.c == 3)) return DNX_OK;
    return dnx_fail(err, DNX_ESHAPE, at,
                    "[net] %d x %d x %d: faces are square, at most %d pixels, of 1 or 3 channels",
                    in.h, in.w, in.c, DNX_PIECE_MOST);
}

static dnx_status decode(const char *path, dnx_image *image, dnx_err *err) {
    dnx_image_fault fault = dnx_image_read(path, image);
    if (fault == DNX_IMAGE_UNREAD)
        return dnx_fail_at(err, DNX_EIO, path, "cannot open: %s", strerror(errno));
    return fault ? dnx_fail_at(err, DNX_EPARSE, path, "%s", image->why) : DNX_OK;
}

/* Uses the complete image as the crop of one face. */
static dnx_status take_crop(const dnx_matcher *m, const char *path, dnx_portrait *p, dnx_err *err) {
    const int side = m->net->in.h;
    const size_t size = (size_t)side * (size_t)side * 3;
    if (p->image.w != side || p->image.h != side)
        return dnx_fail_at(err, DNX_ESHAPE, path,
                           "is %d x %d pixels; a crop for this network has %d x %d", p->image.w,
                           p->image.h, side, side);
    p->faces = calloc(1, sizeof *p->faces);
    p->crops = malloc(size);
    if (!p->faces || !p->crops) return dnx_no_memory(path, err);
    memcpy(p->crops, p->image.rgb, size);
    p->n = 1;
    return DNX_OK;
}

static dnx_status find_faces(const dnx_matcher *m, const char *path, dnx_portrait *p,
                             dnx_err *err) {
    const int side = m->net->in.h;
    const size_t size = (size_t)side * (size_t)side * 3;
    const dnx_found *faces;
    size_t n;
    dnx_status st = dnx_mtcnn_find(m->detector, &p->image, m->least, &faces, &n, err);
    if (st) return st;
    p->faces = calloc(n + 1, sizeof *faces);
    p->crops = malloc(size * (n + 1));
    if (!p->faces || !p->crops) return dnx_no_memory(path, err);
    if (n) memcpy(p->faces, faces, n * sizeof *faces);
    dnx_faces_sort(p->faces, n, p->image.w, p->image.h);
    for (size_t i = 0; i < n; i++) /* drops faces that cannot be cropped */
        if (dnx_face_crop(dnx_mtcnn_image(m->detector), &p->faces[i].points, side,
                          p->crops + p->n * size))
            p->faces[p->n++] = p->faces[i];
    return DNX_OK;
}

static dnx_status compute(const dnx_matcher *m, const char *path, dnx_portrait *p, dnx_err *err) {
    const dnx_net *net = m->net;
    const size_t pixels = (size_t)net->in.h * (size_t)net->in.w, in = dnx_size(net->in);
    const size_t dim = dnx_size(net->nodes[m->last].out);
    float *x = dnx_alloc(p->n * in);
    p->features = dnx_alloc(p->n * dim);
    dnx_status st = x && p->features ? DNX_OK : dnx_no_memory(path, err);
    for (size_t i = 0; !st && i < p->n * pixels; i++) {
        const unsigned char *c = p->crops + 3 * i;
        const float rgb[] = {c[0], c[1], c[2]};
        dnx_pixel(rgb, net->in.c, net->o.input_mean, net->o.input_scale, x + i * (size_t)net->in.c);
    }
    if (!st) dnx_net_run(m->net, x, (int)p->n, m->last, p->features);
    if (!st) st = dnx_net_status(m->net, err);
    for (size_t i = 0; !st && i < p->n; i++) {
        const char *fault = dnx_feature_fault(p->features + i * dim, dim);
        if (fault) st = dnx_fail_at(err, DNX_ENUMBER, path, "%s", fault);
    }
    if (!st) dnx_unit_rows(p->features, p->n, dim);
    dnx_free(x);
    return st;
}

dnx_status dnx_portrait_read(const dnx_matcher *m, const char *path, dnx_portrait *p,
                             dnx_err *err) {
    *p = (dnx_portrait){.n = 0};
    dnx_status st = decode(path, &p->image, err);
    if (!st) st = m->detector ? find_faces(m, path, p, err) : take_crop(m, path, p, err);
    return st || !p->n ? st : compute(m, path, p, err);
}

void dnx_portrait_free(dnx_portrait *p) {
    dnx_image_free(&p->image);
    free(p->faces);
    free(p->crops);
    dnx_free(p->features);
    *p = (dnx_portrait){.n = 0};
}
