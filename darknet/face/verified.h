/* verified.h - the images on which a network is verified while it trains, and their people. For
 * verify.c and verify_run.c. */
#ifndef DNX_VERIFIED_H
#define DNX_VERIFIED_H
#include "face/folds.h"
#include "face/verify.h"

struct dnx_verify {
    dnx_judge judge;
    dnx_images images; /* each image once */
    dnx_images others; /* the distractors */
    int n, n_others;
    uint64_t checksum;

    int folds, n_pairs; /* for accuracy */
    dnx_scored_pair *pairs;

    int *person; /* for TAR and rank-1: the person of each image, from 0; images are sorted by it */
    uint64_t genuine, impostors;
    char on[160];
};
#endif
