/* all_pairs.h - verification and identification over all pairs of a set of faces, with the same
 * results as scripts/eval_identification.py. The score of a pair is the dot product of its
 * features. */
#ifndef DNX_ALL_PAIRS_H
#define DNX_ALL_PAIRS_H
#include "dnx.h"

typedef struct dnx_pool dnx_pool;

enum { DNX_FEWEST_ABOVE = 10 }; /* with fewer impostor pairs above a threshold, tar is NAN */

/* n finite features of length 1. The first `faces` rows are sorted by person[i], which counts from
 * 0. The other rows are distractors: faces of other people, not compared with each other. */
typedef struct {
    const float *rows;
    int n, faces, dim;
    const int *person;
    dnx_pool *pool;
} dnx_face_rows;

typedef struct {
    double tar; /* 0..1, or NAN when there are too few pairs */
    double threshold;
    uint64_t genuine, impostors;
    uint64_t above; /* number of impostor pairs above the threshold */
} dnx_tar;

/* Counts the pairs of one person (genuine) and of two people (impostors). Two distractors are not a
 * pair. person[i]: see dnx_face_rows. */
void dnx_count_pairs(const int *person, int faces, int distractors, uint64_t *genuine,
                     uint64_t *impostors);

/* Finds the threshold for FAR = `rate`, and TAR: the share of genuine pairs above the threshold.
 * Errors: DNX_EMEM. */
dnx_status dnx_tar_at_far(const dnx_face_rows *f, double rate, dnx_tar *out, dnx_err *err);

/* Computes rank-1 identification. Each ordered pair of faces (a, b) of one person is a search. It
 * succeeds when no face of another person has a higher score with a than b has. *rank1: the share
 * of searches that succeed; NAN when there are no searches. If there are distractors, only they
 * count as faces of other people. Errors: DNX_EMEM. */
dnx_status dnx_rank_1(const dnx_face_rows *f, double *rank1, uint64_t *searches, dnx_err *err);
#endif
