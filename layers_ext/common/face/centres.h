/* centres.h - class centres that follow a teacher's features instead of being trained.
 *
 *   w_y <- mean over the images b of class y of  a_b w_y + (1 - a_b) t_b
 *
 * f is the student's feature and t the teacher's, both at length 1; [v] is v limited to 1e-6..1:
 *   adaptive-centre  a_b = [cos(f_b, t_b) [cos(w_y, t_b)]]
 *   adaptive         a_b = [cos(f_b, t_b)]
 *   fixed            a_b = a constant
 *
 * Boutros et al. 2024, "AdaDistill: Adaptive Knowledge Distillation for Deep Face Recognition". Our
 * reading: the formulas are those of the authors' code, the paper was not at hand. There the last
 * image of a class in a batch sets its centre; here all images of the class have the same say. */
#ifndef DNX_CENTRES_H
#define DNX_CENTRES_H
#include "dnx.h"

enum { DNX_ALPHA_CENTRE, DNX_ALPHA_ADAPTIVE, DNX_ALPHA_FIXED };
#define DNX_ALPHA_WORDS "adaptive-centre|adaptive|fixed"

typedef struct {
    int alpha;
    double fixed;
    int *images;  /* B: the images of a class; NULL when predicting */
    float *share; /* B: (1 - a_b) / |t_b| */
} dnx_centres;

/* Memory of a layer that trains, for n->batch images. DNX_EMEM. */
dnx_status dnx_centres_make(dnx_centres *c, dnx_node *n, dnx_err *err);
void dnx_centres_unmake(dnx_centres *c);
/* Moves the centres w, N x D, of the classes p->truth. x: the student's features, t: the teacher's,
 * both B x D. An image without one of the N classes moves none, as does a teacher's feature 0. */
void dnx_centres_follow(dnx_centres *c, const dnx_pass *p, const float *x, const float *t, int N,
                        size_t D, float *w);
#endif
