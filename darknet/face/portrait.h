/* portrait.h - a photograph with the features of its faces. */
#ifndef DNX_PORTRAIT_H
#define DNX_PORTRAIT_H
#include "face/mtcnn.h"
#include "net/net.h"

/* Network and detector belong to the caller. */
typedef struct {
    dnx_net *net;        /* a network that predicts and takes square images */
    int last;            /* the layer whose output is the feature */
    dnx_mtcnn *detector; /* NULL when the images are crops of the network's size */
    double least;        /* side of the smallest faces to find, pixels */
} dnx_matcher;

/* Returns DNX_ESHAPE unless m->net takes square images and has a layer before its first loss. */
dnx_status dnx_matcher_check(const dnx_matcher *m, dnx_err *err);

typedef struct {
    dnx_image image;
    dnx_found *faces;     /* the main face first (crop.h), the others by falling area */
    size_t n;             /* 0 when no face was found that can be cropped */
    unsigned char *crops; /* n x H x W x 3 bytes; H x W: the network's input */
    float *features;      /* n x D, rows of length 1; D: outputs of layer `last` */
} dnx_portrait;

/* Finds the faces of a photograph, crops them and computes their features. Without a detector, the
 * image is the crop. Errors: DNX_ESHAPE when such a crop lacks the size of the network's input;
 * DNX_EIO when the file cannot be read; DNX_EPARSE when it cannot be decoded; DNX_ENUMBER when a
 * feature is not finite or is all zero; DNX_EMEM; errors of a GPU. Free p, also after an error. */
dnx_status dnx_portrait_read(const dnx_matcher *m, const char *path, dnx_portrait *p, dnx_err *err);
void dnx_portrait_free(dnx_portrait *p);
#endif
