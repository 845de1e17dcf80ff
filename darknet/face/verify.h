/* verify.h - face verification while a network trains. Accuracy is that of LFW's ten-fold protocol
 * on cosines of two features, as in scripts/eval_lfw.py. TAR at FAR and rank-1 use all pairs of a
 * set of faces, as in scripts/eval_identification.py. */
#ifndef DNX_VERIFY_H
#define DNX_VERIFY_H
#include "data/images.h"
#include "face/folds.h"
#include "face/judge.h"

/* What to verify on. For accuracy: `pairs` is a list (pairs.h) of images in the folder `faces`, or
 * a verification set *.bin, which needs no folder. For TAR and rank-1: the images of this list or,
 * when pairs is NULL, all images of the folder `faces`; the folder of an image is its person.
 * distractors, for TAR and rank-1: a folder or list of images of other people, or NULL. */
typedef struct {
    dnx_judge judge;
    const char *pairs, *faces, *distractors;
} dnx_verified;

typedef struct {
    dnx_judge judge;
    dnx_images images; /* each image once */
    dnx_images others; /* the distractors */
    int n, n_others;
    uint64_t checksum; /* of the pairs; for TAR and rank-1, also of the names of all images and
                        * distractors, and of the judge */
    char on[160];      /* to print after dnx_judge_text(): ""; " (...)" with the number of pairs or
                        * searches; or a warning when is_fitted */
    bool is_fitted;    /* there is only one fold: the threshold is fitted on the pairs that test it,
                        * so the accuracy is too high */

    int folds, n_pairs; /* for accuracy */
    dnx_scored_pair *pairs;

    int *person; /* for TAR and rank-1: the person of each image, from 0, in rising order */
    uint64_t genuine, impostors;
} dnx_verify;

/* Reads the lists. The caller closes *out. DNX_EPARSE for a wrong list or set. DNX_EIO when a list
 * cannot be read, an image is missing or is not in the folder of a person, or there are too few
 * pairs for the judge. DNX_EMEM. */
dnx_status dnx_verify_open(const dnx_verified *what, dnx_verify **out, dnx_err *err);
void dnx_verify_close(dnx_verify *v); /* v may be NULL */
/* Reads and decodes all images as `net` needs them, so that a broken image is found before hours of
 * training. Errors: those of dnx_images_load(), DNX_EMEM, DNX_ESTOP. */
dnx_status dnx_verify_check(dnx_verify *v, dnx_net *net, dnx_err *err);

/* Runs layers 0..last of a predicting network on all images. *result: the number that the judge
 * names, 0..1; NAN when TAR cannot be measured, because too many impostor pairs have equal scores.
 * Errors: those of dnx_images_load(), for DNX_EIO after two seconds of attempts; DNX_ENUMBER when a
 * feature is not finite; DNX_ESTOP. */
dnx_status dnx_verify_run(dnx_verify *v, dnx_net *net, int last, double *result, dnx_err *err);
#endif
