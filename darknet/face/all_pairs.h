/* all_pairs.h - verification and identification over all pairs of some faces, as
 * scripts/eval_identification.py measures them, ties included. Scores are products of rows, in
 * blocks; they are counted and not kept, so memory grows with the faces, not with the pairs. */
#ifndef DNX_ALL_PAIRS_H
#define DNX_ALL_PAIRS_H
#include "dnx.h"

typedef struct dnx_pool dnx_pool;

enum { DNX_FEWEST_ABOVE = 10 }; /* pairs of two people above a threshold that measure a rate */

/* n x dim rows of length 1, all finite. The first `faces` rows are faces of people who are numbered
 * from 0, one after the other: person[i] never falls. The other rows are distractors: faces of
 * other people, which are not compared with each other. */
typedef struct {
    const float *rows;
    int n, faces, dim;
    const int *person;
    dnx_pool *pool;
} dnx_face_rows;

typedef struct {
    double tar;                   /* NAN: fewer than DNX_FEWEST_ABOVE pairs of two people match */
    double threshold;             /* two faces match when their score is above */
    uint64_t genuine, impostors;  /* pairs of one person, of two */
    uint64_t above;               /* impostors that match: at most the rate times impostors */
} dnx_tar;

/* Counts the pairs of one person and of two, for a list that rises as dnx_face_rows.person. */
void dnx_count_pairs(const int *person, int faces, int distractors, uint64_t *genuine,
                     uint64_t *impostors);

/* The share of the pairs of one person above the lowest threshold that at most rate x all pairs of
 * two people exceed. DNX_EMEM. */
dnx_status dnx_tar_at_far(const dnx_face_rows *f, double rate, dnx_tar *out, dnx_err *err);

/* Searches with each face for each other face of its person, among the distractors or, when there
 * are none, among all faces of other people. *rank1: the share of searches in which none of these
 * scores higher; NAN: nobody has two faces. *searches: how many. DNX_EMEM. */
dnx_status dnx_rank_1(const dnx_face_rows *f, double *rank1, uint64_t *searches, dnx_err *err);
#endif
