/* verify.h - face verification by pairs while a network trains: LFW's ten-fold protocol on the
 * cosine of two features, as scripts/eval_lfw.py computes it. */
#ifndef DNX_VERIFY_H
#define DNX_VERIFY_H
#include "data/images.h"

typedef struct dnx_verify dnx_verify;

/* pairs: a list of pairs (pairs.h), whose images lie in the folder `faces`; or a verification set
 * *.bin, which needs no folder. DNX_EPARSE: no such list or set; DNX_EIO: unreadable, or an image
 * is missing (named); DNX_EMEM. */
dnx_status dnx_verify_open(const char *pairs, const char *faces, dnx_verify **out, dnx_err *err);
void dnx_verify_close(dnx_verify *v); /* v may be NULL */
/* How many folds the pairs have. With one, the threshold is fitted to the very pairs that it is
 * tested on, which flatters the accuracy. */
int dnx_verify_folds(const dnx_verify *v);
/* Tells two lists of pairs apart. */
uint64_t dnx_verify_checksum(const dnx_verify *v);
/* Reads and decodes all images as `net` sees them: finds a bad one before hours of training. The
 * errors of dnx_images_load; DNX_ESTOP. */
dnx_status dnx_verify_check(dnx_verify *v, dnx_net *net, dnx_err *err);

/* Runs layers 0..last of a predicting network on all images. *accuracy: the mean over the folds of
 * the accuracy at the threshold that errs least on the other folds; of one fold, on itself. The
 * errors of dnx_images_load; DNX_ENUMBER: a feature is not finite; DNX_ESTOP. An image that cannot
 * be read is tried again for two seconds. */
dnx_status dnx_verify_run(dnx_verify *v, dnx_net *net, int last, double *accuracy,
                          dnx_err *err);
#endif
