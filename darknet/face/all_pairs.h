/* all_pairs.h - verification and identification over all pairs of a set of faces. Results equal
 * those of scripts/eval_identification.py, also with ties. The score of a pair is the dot product
 * of two features. Scores are computed in blocks, counted and dropped, so memory grows with the
 * number of faces and not of pairs. */
#ifndef DNX_ALL_PAIRS_H
#define DNX_ALL_PAIRS_H
#include "dnx.h"

typedef struct dnx_pool dnx_pool;

enum { DNX_FEWEST_ABOVE = 10 }; /* fewest impostor pairs above a threshold for a TAR */

/* Features: n rows of dim numbers, of length 1 and finite. The first `faces` rows are faces of
 * people, sorted by person[i], which counts from 0. The other rows are distractors: faces of other
 * people, which are not compared with each other. */
typedef struct {
    const float *rows;
    int n, faces, dim;
    const int *person;
    dnx_pool *pool;
} dnx_face_rows;

typedef struct {
    double tar;                  /* 0..1; NAN without genuine pairs, or with fewer than
                                  * DNX_FEWEST_ABOVE impostor pairs above the threshold */
    double threshold;            /* two faces match when their score is above the threshold */
    uint64_t genuine, impostors; /* numbers of pairs of the same person, of different people */
    uint64_t above;              /* impostor pairs that match, at most rate * impostors */
} dnx_tar;

/* Counts the pairs of the same person and of different people. Two distractors are not a pair.
 * person[i]: see dnx_face_rows. */
void dnx_count_pairs(const int *person, int faces, int distractors, uint64_t *genuine,
                     uint64_t *impostors);

/* Computes TAR, the share of genuine pairs above the threshold, at FAR = `rate`. At the
 * threshold as many impostor pairs as possible match, but at most rate * impostors. DNX_EMEM. */
dnx_status dnx_tar_at_far(const dnx_face_rows *f, double rate, dnx_tar *out, dnx_err *err);

/* Computes rank-1 identification. A search compares a face with one other face of its person and
 * with the distractors or, without distractors, with all faces of other people. Each ordered pair
 * of faces of a person is a search. *rank1: the share of searches in which no other person scores
 * higher; NAN when no person has two faces. *searches: the number of searches. DNX_EMEM. */
dnx_status dnx_rank_1(const dnx_face_rows *f, double *rank1, uint64_t *searches, dnx_err *err);
#endif
