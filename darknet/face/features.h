/* features.h - computes the features of the images of a folder, a list or a set. */
#ifndef DNX_FEATURES_H
#define DNX_FEATURES_H
#include "data/embeddings.h"
#include "data/images.h"

typedef struct {
    dnx_net *net; /* a network that predicts; its input has 1 or 3 channels */
    int last;     /* the layer whose output is the feature */
    const dnx_images *images;
    dnx_flip flip;
    dnx_skipped skipped; /* lines about images that cannot be used; the caller frees them */
    /* Called for each batch with `count` (0 or more) features. May change them. rows: count x
     * dnx_features_dim() floats. The names belong to `images`. */
    dnx_status (*take)(void *arg, char *const *name, float *rows, int count, dnx_err *err);
    void *arg;
} dnx_features;

/* Returns a feature's length: the number of outputs of layer `last`, doubled by DNX_FLIP_CONCAT. */
size_t dnx_features_dim(const dnx_features *f);
/* Runs the network on all images in order, and skips images that cannot be used. Errors: those of
 * dnx_net_status(), dnx_features_keep() and take(); DNX_EMEM; DNX_ESTOP. */
dnx_status dnx_features_run(dnx_features *f, dnx_err *err);
#endif
