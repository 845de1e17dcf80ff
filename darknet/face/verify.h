/* verify.h - face verification while a network trains: LFW's ten-fold protocol on the cosine of two
 * features, as in scripts/eval_lfw.py; or TAR at FAR or rank-1 over all pairs of some faces, as in
 * scripts/eval_identification.py. */
#ifndef DNX_VERIFY_H
#define DNX_VERIFY_H
#include "data/images.h"
#include "face/judge.h"

typedef struct dnx_verify dnx_verify;

/* What is verified. For accuracy: pairs, a list (pairs.h) whose images lie in the folder `faces`,
 * or a verification set *.bin, which needs no folder. For TAR and rank-1: the images of such a
 * list, or with pairs NULL all images of the folder; the person of an image is the folder in which
 * it lies. distractors: a folder or list of images of other people, or NULL; their names do not
 * count. */
typedef struct {
    dnx_judge judge;
    const char *pairs, *faces, *distractors;
} dnx_verified;

/* DNX_EPARSE: a bad list or set. DNX_EIO: cannot be read, an image is missing or lies in no folder
 * of a person, or there are too few pairs for the judge. DNX_EMEM. */
dnx_status dnx_verify_open(const dnx_verified *what, dnx_verify **out, dnx_err *err);
void dnx_verify_close(dnx_verify *v); /* v may be NULL */
const dnx_judge *dnx_verify_judge(const dnx_verify *v);
/* Returns what the result was measured on, for behind dnx_judge_text(): "" or " (...)". Owned by
 * v. */
const char *dnx_verify_on(const dnx_verify *v);
/* True: there is one fold, so the threshold is fitted to the pairs on which it is tested, and the
 * accuracy is too high. */
bool dnx_verify_is_fitted(const dnx_verify *v);
/* Returns the checksum of the judge and of the pairs, or of the names of the images. */
uint64_t dnx_verify_checksum(const dnx_verify *v);
/* Reads and decodes all images as `net` needs them, to find a bad one before hours of training.
 * Errors: those of dnx_images_load(), and DNX_ESTOP. */
dnx_status dnx_verify_check(dnx_verify *v, dnx_net *net, dnx_err *err);

/* Runs layers 0..last of a predicting network on all images. *result: what the judge names, a
 * share; NAN: it is not measurable, because too many pairs of two people have equal scores. Errors:
 * those of dnx_images_load(), where reading is tried for two seconds; DNX_ENUMBER: a feature is not
 * finite; DNX_ESTOP. */
dnx_status dnx_verify_run(dnx_verify *v, dnx_net *net, int last, double *result, dnx_err *err);
#endif
