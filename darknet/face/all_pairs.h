/* all_pairs.h - verification and identification over all pairs of a set of faces. Results equal
 * those of scripts/eval_identification.py, also with ties. The score of a pair is the product of
 * two rows. Scores are computed in blocks, counted and dropped, so memory grows with the number of
 * faces and not of pairs. */
#ifndef DNX_ALL_PAIRS_H
#define DNX_ALL_PAIRS_H
#include "dnx.h"

typedef struct dnx_pool dnx_pool;

enum { DNX_FEWEST_ABOVE = 10 }; /* fewer impostor pairs above a threshold give no rate */

/* n x dim features of length 1, all finite. The first `faces` rows are faces of people. People are
 * numbered from 0, and the rows are sorted by person[i]. The other rows are distractors: faces of
 * other people. Distractors are not compared with each other. */
typedef struct {
    const float *rows;
    int n, faces, dim;
    const int *person;
    dnx_pool *pool;
} dnx_face_rows;

typedef struct {
    double tar;                  /* 0..1; NAN when fewer than DNX_FEWEST_ABOVE impostors match */
    double threshold;            /* two faces match when their score is above it */
    uint64_t genuine, impostors; /* numbers of pairs of the same person, of different people */
    uint64_t above;              /* impostor pairs that match: at most the rate times impostors */
} dnx_tar;

/* Counts the pairs of the same person and of different people. person: sorted, as in
 * dnx_face_rows. */
void dnx_count_pairs(const int *person, int faces, int distractors, uint64_t *genuine,
                     uint64_t *impostors);

/* Computes TAR at FAR. The threshold is the lowest that at most rate x impostors impostor pairs
 * exceed. TAR is the share of genuine pairs above it. DNX_EMEM. */
dnx_status dnx_tar_at_far(const dnx_face_rows *f, double rate, dnx_tar *out, dnx_err *err);

/* Computes rank-1 identification. A search compares a face with one other face of its person and
 * with the distractors or, without distractors, with all faces of other people. There is a search
 * for each such pair of faces. *rank1: the share of searches in which no other person scores
 * higher; NAN when no person has two faces. *searches: their number. DNX_EMEM. */
dnx_status dnx_rank_1(const dnx_face_rows *f, double *rank1, uint64_t *searches, dnx_err *err);
#endif
