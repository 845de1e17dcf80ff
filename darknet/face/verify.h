/* verify.h - face verification while a network trains: LFW's ten-fold protocol on the cosine of two
 * features, as in scripts/eval_lfw.py. */
#ifndef DNX_VERIFY_H
#define DNX_VERIFY_H
#include "data/images.h"

typedef struct dnx_verify dnx_verify;

/* Opens the pairs. pairs: a list of pairs (pairs.h) whose images lie in the folder `faces`, or a
 * verification set *.bin, which needs no folder. The caller closes *out. DNX_EPARSE: a bad list or
 * set. DNX_EIO: the list cannot be read, or an image is missing. DNX_EMEM. */
dnx_status dnx_verify_open(const char *pairs, const char *faces, dnx_verify **out, dnx_err *err);
void dnx_verify_close(dnx_verify *v); /* v may be NULL */
/* Returns the number of folds. With one fold the threshold is fitted to the pairs on which it is
 * tested, so the accuracy is too high. */
int dnx_verify_folds(const dnx_verify *v);
/* Returns the checksum of the pairs. */
uint64_t dnx_verify_checksum(const dnx_verify *v);
/* Reads and decodes all images as `net` needs them, to find a bad one before hours of training.
 * Errors: those of dnx_images_load(), and DNX_ESTOP. */
dnx_status dnx_verify_check(dnx_verify *v, dnx_net *net, dnx_err *err);

/* Computes the accuracy of a network that predicts; the output of layer `last` is the feature.
 * *accuracy, 0 to 1, is the mean over the folds. The threshold for a fold has the fewest errors on
 * the other folds; when there is only one fold, on that fold. Errors: those of dnx_images_load(),
 * after it has tried to read an image for two seconds; DNX_ENUMBER: a feature is not finite;
 * DNX_ESTOP. */
dnx_status dnx_verify_run(dnx_verify *v, dnx_net *net, int last, double *accuracy,
                          dnx_err *err);
#endif
