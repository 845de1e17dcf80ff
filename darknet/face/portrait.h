/* portrait.h - a photograph with the features of its faces. */
#ifndef DNX_PORTRAIT_H
#define DNX_PORTRAIT_H
#include "face/mtcnn.h"
#include "net/net.h"

/* How features are computed. The caller owns both. */
typedef struct {
    dnx_net *net;        /* of square images; predicts */
    int last;            /* layer whose outputs are the features */
    dnx_mtcnn *detector; /* NULL: the images are crops already, of the network's size */
    double least;        /* the smallest face, pixels */
} dnx_matcher;

/* DNX_ESHAPE: the network takes no square images of 1 or 3 channels, or has no features. */
dnx_status dnx_matcher_check(const dnx_matcher *m, dnx_err *err);

typedef struct {
    dnx_image image;
    dnx_found *faces;     /* the main face first (crop.h), then by area */
    size_t n;             /* 0: no face was found */
    unsigned char *crops; /* n x H x W x 3 bytes */
    float *features;      /* n x dim, of length 1 */
} dnx_portrait;

/* Finds the faces of a photograph, cuts them out and computes their features. DNX_EIO: it cannot
 * be read; DNX_EPARSE: it cannot be decoded; DNX_ESHAPE: it must be a crop and has another size;
 * DNX_ENUMBER: a feature is no number; DNX_EMEM. Free p in any case. */
dnx_status dnx_portrait_read(const dnx_matcher *m, const char *path, dnx_portrait *p, dnx_err *err);
void dnx_portrait_free(dnx_portrait *p);
#endif
