/* verify.h - face verification while a network trains: accuracy as in scripts/eval_lfw.py, TAR at
 * FAR and rank-1 as in scripts/eval_identification.py. */
#ifndef DNX_VERIFY_H
#define DNX_VERIFY_H
#include "data/images.h"
#include "face/folds.h"
#include "face/judge.h"

/* pairs: a list (pairs.h) of images in the folder `faces`, or a set *.bin. For TAR and rank-1 the
 * folder of an image is its person, and pairs may be NULL. distractors: a folder or list of images
 * of other people, or NULL. */
typedef struct {
    dnx_judge judge;
    const char *pairs, *faces, *distractors;
} dnx_verified;

typedef struct {
    dnx_judge judge;
    dnx_images images; /* each image once */
    dnx_images others; /* the distractors */
    int n, n_others;
    uint64_t checksum; /* tells different verifications apart */
    char on[160];      /* a text to print after the text of dnx_judge_text(); may be "" */
    bool is_fitted;    /* the threshold is fitted on the pairs that test it */

    int folds, n_pairs; /* for accuracy */
    dnx_scored_pair *pairs;

    int *person; /* for TAR and rank-1: the person of each image, from 0, in rising order */
    uint64_t genuine, impostors;
} dnx_verify;

/* Reads the lists. The caller closes *out. Errors: DNX_EPARSE for a wrong list or set; DNX_EIO when
 * a file cannot be read, an image is missing, or there are too few pairs; DNX_EMEM. */
dnx_status dnx_verify_open(const dnx_verified *what, dnx_verify **out, dnx_err *err);
void dnx_verify_close(dnx_verify *v); /* v may be NULL */
/* Decodes all images for `net`, so that a broken image is found before hours of training. Errors:
 * those of dnx_images_load(), DNX_EMEM, DNX_ESTOP. */
dnx_status dnx_verify_check(dnx_verify *v, dnx_net *net, dnx_err *err);

/* Runs layers 0..last of a predicting network on all images. *result: the accuracy, TAR or rank-1,
 * as v->judge says, 0..1; NAN when TAR cannot be measured. Errors: those of dnx_verify_check() and
 * dnx_net_status(); DNX_ENUMBER when a feature is not finite. */
dnx_status dnx_verify_run(dnx_verify *v, dnx_net *net, int last, double *result, dnx_err *err);
#endif
