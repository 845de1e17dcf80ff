/* mtcnn.h - finds faces and five points of each: MTCNN (Zhang, Zhang, Li, Qiao 2016, arXiv
 * 1604.02878). P-Net scores windows of 12 x 12 pixels, 2 pixels apart, in each scale. R-Net and
 * then O-Net score the windows that remain. The thresholds of the scores are 0.6, 0.7 and 0.7. */
#ifndef DNX_MTCNN_H
#define DNX_MTCNN_H
#include "face/align.h"
#include "face/shrunk.h"

typedef struct {
    double x1, y1, x2, y2; /* the box in pixels of the image; the first pixel is 0 */
    double score;          /* probability of a face */
    dnx_face points;       /* points.size is the area of the box */
} dnx_found;

/* Times in seconds: halving the image, P-Net, R-Net, O-Net. For one image, or a sum over images. */
typedef struct {
    double shrink, proposals, refine, output;
    long windows[2];    /* numbers of windows that are passed to R-Net and O-Net */
    long pages;         /* pages that P-Net scored */
    int page_w, page_h; /* size of the largest page, pixels */
} dnx_mtcnn_times;

typedef struct dnx_mtcnn dnx_mtcnn;

/* Reads mtcnn-p, mtcnn-r and mtcnn-o (.cfg and .weights) from a folder. When folder is NULL, reads
 * them where `make faces-deps` puts them ($XDG_CACHE_HOME/thinface/mtcnn or
 * ~/.cache/thinface/mtcnn). The caller closes *m. DNX_EIO when a file is missing; the message names
 * the command that installs it. DNX_ESHAPE when a network has another input or output. DNX_EMEM.
 * Other errors: those of dnx_net_build() and dnx_weights_load(). */
dnx_status dnx_mtcnn_open(const char *folder, int threads, dnx_mtcnn **m, dnx_err *err);
void dnx_mtcnn_close(dnx_mtcnn *m); /* m may be NULL */

/* Finds the faces whose boxes have sides of about `least` pixels (12 or more) or larger, sorted by
 * falling score. *faces has *n elements, belongs to m, and is valid until the next call. DNX_EMEM.
 * Two threads must not use the same m at the same time. */
dnx_status dnx_mtcnn_find(dnx_mtcnn *m, const dnx_image *image, double least,
                          const dnx_found **faces, size_t *n, dnx_err *err);
/* Returns the image of the last dnx_mtcnn_find() with its halves. Valid until the next call,
 * as long as the image. */
const dnx_shrunk *dnx_mtcnn_image(const dnx_mtcnn *m);
/* Returns the times of the last dnx_mtcnn_find(). */
const dnx_mtcnn_times *dnx_mtcnn_timed(const dnx_mtcnn *m);
void dnx_mtcnn_times_add(dnx_mtcnn_times *sum, const dnx_mtcnn_times *t);
/* Returns a checksum of the files of the three networks: other networks may find other faces. */
uint64_t dnx_mtcnn_checksum(const dnx_mtcnn *m);
#endif
