/* verify.h - face verification by pairs while a network trains: LFW's ten-fold protocol on the
 * cosine of two features, as scripts/eval_lfw.py computes it. */
#ifndef DNX_VERIFY_H
#define DNX_VERIFY_H
#include "data/images.h"

typedef struct dnx_verify dnx_verify;

/* pairs: LFW's pairs.txt ("folds N" or "N", then per fold N lines `NAME i j` and N lines
 * `NAME i OTHER j`); faces: the folder with NAME/NAME_0001.jpg. DNX_EPARSE: a line that is neither;
 * DNX_EIO: unreadable, or an image is missing (named). */
dnx_status dnx_verify_open(const char *pairs, const char *faces, dnx_verify **out, dnx_err *err);
void dnx_verify_close(dnx_verify *v); /* v may be NULL */

/* Runs layers 0..last of a predicting network on all images. *accuracy: the mean over the folds of
 * the accuracy at the threshold that errs least on the other folds. The errors of dnx_images_load;
 * DNX_ENUMBER: a feature is not finite. */
dnx_status dnx_verify_run(dnx_verify *v, dnx_net *net, int last, double *accuracy,
                          dnx_err *err);
#endif
