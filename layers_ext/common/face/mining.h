/* mining.h - weighs the images of a batch in a loss: hard example mining and the focal loss.
 *
 * For M images with losses L_b:
 *   none   F_b = L_b
 *   hard   F_b = M/K L_b for the K = ceil(keep M) largest losses, else 0: the mean loss of the
 *          batch is then the mean over these K images                    Shrivastava 2016 (OHEM)
 *   focal  F_b = (1 - p)^focus L_b, p = e^{-L_b}                          Lin 2017, eq. 4 */
#ifndef DNX_MINING_H
#define DNX_MINING_H

enum { DNX_MINING_NONE, DNX_MINING_HARD, DNX_MINING_FOCAL };
#define DNX_MINING_WORDS "none|hard|focal"

typedef struct {
    int kind;
    double focus;
    float keep;
} dnx_mining;

typedef struct {
    int b;
    double loss;   /* L_b, then F_b */
    double factor; /* dF_b/dL_b */
} dnx_mined;

/* In a list of M images, replaces each loss L_b by F_b and sets its factor. May reorder the
 * list. */
void dnx_mine(const dnx_mining *m, dnx_mined *list, int M);
/* Returns ceil(share * n), at least 1 and at most n. Allows for rounding: dnx_part_of(.1f, 10) is
 * 1, although the float .1f is above .1. */
int dnx_part_of(float share, int n);
#endif
