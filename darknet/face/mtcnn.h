/* mtcnn.h - finds faces and five points of each: MTCNN (Zhang, Zhang, Li, Qiao 2016, arXiv
 * 1604.02878). P-Net scores each window of 12 x 12 pixels in each scale. R-Net and then O-Net score
 * the windows that remain. A window remains when its score is at least 0.6, 0.7 and 0.7. */
#ifndef DNX_MTCNN_H
#define DNX_MTCNN_H
#include "face/align.h"
#include "face/shrunk.h"

typedef struct {
    double x1, y1, x2, y2; /* the box, in pixels of the image; the first pixel is 0 */
    double score;          /* probability of a face */
    dnx_face points;       /* points.size is the area of the box */
} dnx_found;

/* The time of each part, in seconds: halving the image, P-Net, R-Net, O-Net. For one image, or a
 * sum over several. */
typedef struct {
    double shrink, proposals, refine, output;
    long windows[2];    /* the numbers of windows that R-Net and O-Net scored */
    long pages;         /* of P-Net */
    int page_w, page_h; /* size of the largest */
} dnx_mtcnn_times;

typedef struct dnx_mtcnn dnx_mtcnn;

/* Reads mtcnn-p, mtcnn-r and mtcnn-o (.cfg and .weights) from a folder. When folder is NULL, reads
 * them where `make faces-deps` puts them ($XDG_CACHE_HOME/thinface/mtcnn or
 * ~/.cache/thinface/mtcnn). The caller closes *m. DNX_EIO when a file is missing; the message names
 * the command that installs it. DNX_ESHAPE for another network. Also returns the errors of
 * dnx_net_build() and dnx_weights_load(). */
dnx_status dnx_mtcnn_open(const char *folder, int threads, dnx_mtcnn **m, dnx_err *err);
void dnx_mtcnn_close(dnx_mtcnn *m); /* m may be NULL */

/* Finds the faces whose boxes have sides of about `least` pixels (12 or more) or larger, sorted by
 * falling score. *faces belongs to m and is valid until the next call. DNX_EMEM. Two threads must
 * not use the same m at the same time. */
dnx_status dnx_mtcnn_find(dnx_mtcnn *m, const dnx_image *image, double least,
                          const dnx_found **faces, size_t *n, dnx_err *err);
/* The image of the last call of dnx_mtcnn_find(), and its halves. Valid as long as that image. */
const dnx_shrunk *dnx_mtcnn_image(const dnx_mtcnn *m);
/* The times of the last call of dnx_mtcnn_find(). */
const dnx_mtcnn_times *dnx_mtcnn_timed(const dnx_mtcnn *m);
void dnx_mtcnn_times_add(dnx_mtcnn_times *sum, const dnx_mtcnn_times *t);
/* A checksum of the files of the three networks. Other files may find other faces. */
uint64_t dnx_mtcnn_checksum(const dnx_mtcnn *m);
#endif
