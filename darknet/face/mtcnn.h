/* mtcnn.h - finds faces and five points of each: MTCNN (Zhang, Zhang, Li, Qiao 2016, arXiv
 * 1604.02878). P-Net scores windows of 12 x 12 pixels in each scale. R-Net and then O-Net score the
 * windows that remain. */
#ifndef DNX_MTCNN_H
#define DNX_MTCNN_H
#include "face/align.h"
#include "face/shrunk.h"

typedef struct {
    double x1, y1, x2, y2; /* the box in pixels of the image, counted from 0 */
    double score;
    dnx_face points; /* points.size is the area of the box */
} dnx_found;

typedef struct {
    double shrink, proposals, refine, output; /* seconds: halving, P-Net, R-Net, O-Net */
    long windows[2];                          /* windows that remain after P-Net, after R-Net */
    long pages;                               /* number of input pages of P-Net (pyramid.h) */
    int page_w, page_h;                       /* size of the largest page, pixels */
} dnx_mtcnn_times;

typedef struct dnx_mtcnn dnx_mtcnn;

/* Reads mtcnn-p, mtcnn-r and mtcnn-o (.cfg and .weights) from a folder; NULL means the folder of
 * `make faces-deps`. The caller closes *m. Errors: DNX_EIO when a file cannot be read; DNX_ESHAPE
 * when a network's input or output has a wrong shape; those of dnx_net_build() and
 * dnx_weights_load(). */
dnx_status dnx_mtcnn_open(const char *folder, int threads, dnx_mtcnn **m, dnx_err *err);
void dnx_mtcnn_close(dnx_mtcnn *m); /* m may be NULL */

/* Finds faces whose side is about `least` pixels or more, sorted by falling score. least: 12 or
 * more. *faces has *n elements, belongs to m, and is valid until the next call. Errors: DNX_EMEM;
 * those of dnx_net_resize(). Two threads must not use the same m at the same time. */
dnx_status dnx_mtcnn_find(dnx_mtcnn *m, const dnx_image *image, double least,
                          const dnx_found **faces, size_t *n, dnx_err *err);
/* Returns the image of the last dnx_mtcnn_find() and its halves, valid until the next call. */
const dnx_shrunk *dnx_mtcnn_image(const dnx_mtcnn *m);
/* Returns the seconds and counts of the last dnx_mtcnn_find(), valid until the next call. */
const dnx_mtcnn_times *dnx_mtcnn_timed(const dnx_mtcnn *m);
/* Adds the seconds and counts of t to `sum`. The page size in `sum` becomes the larger of both. */
void dnx_mtcnn_times_add(dnx_mtcnn_times *sum, const dnx_mtcnn_times *t);
/* Returns a checksum of the files of the three networks. */
uint64_t dnx_mtcnn_checksum(const dnx_mtcnn *m);
#endif
