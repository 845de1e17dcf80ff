/* mtcnn.h - finds faces and five points of each: MTCNN (Zhang, Zhang, Li, Qiao 2016, arXiv
 * 1604.02878). P-Net looks at each window of 12 x 12 pixels of each scale, R-Net and O-Net at what
 * is left; the thresholds are 0.6, 0.7 and 0.7. */
#ifndef DNX_MTCNN_H
#define DNX_MTCNN_H
#include "face/align.h"
#include "face/shrunk.h"

typedef struct {
    double x1, y1, x2, y2; /* the box: pixels of the image, 0 is the first */
    double score;          /* probability of a face */
    dnx_face points;       /* and its size, the area of the box */
} dnx_found;

/* How long the parts took, seconds. */
typedef struct {
    double shrink, proposals, refine, output;
    long windows[2]; /* that R-Net and O-Net looked at */
} dnx_mtcnn_times;

typedef struct dnx_mtcnn dnx_mtcnn;

/* Reads mtcnn-p, -r and -o, .cfg and .weights, from a folder. folder NULL: where `make faces-deps`
 * put them ($XDG_CACHE_HOME/thinface/mtcnn or ~/.cache/thinface/mtcnn). The caller closes *m.
 * DNX_EIO: they are not there, the message says what installs them; DNX_ESHAPE: another network;
 * the errors of reading a network. */
dnx_status dnx_mtcnn_open(const char *folder, int threads, dnx_mtcnn **m, dnx_err *err);
void dnx_mtcnn_close(dnx_mtcnn *m); /* m may be NULL */

/* Finds the faces of at least `least` pixels (12 or more). *faces stays valid until the next call;
 * they are in the order of falling scores. DNX_EMEM. Not from two threads at a time. */
dnx_status dnx_mtcnn_find(dnx_mtcnn *m, const dnx_image *image, double least,
                          const dnx_found **faces, size_t *n, dnx_err *err);
/* The image of the last call and its halves; as long as the image. */
const dnx_shrunk *dnx_mtcnn_image(const dnx_mtcnn *m);
/* Of the last call. */
const dnx_mtcnn_times *dnx_mtcnn_timed(const dnx_mtcnn *m);
/* A checksum of the three networks' files: what was found by others may differ. */
uint64_t dnx_mtcnn_checksum(const dnx_mtcnn *m);
#endif
