/* centres.h - class centres and margins that a loss over cosines takes from a teacher.
 *
 * centres=teacher: the centre w_y of class y is not trained. It follows the teacher's features:
 *
 *   w_y <- mean of a_b w_y + (1 - a_b) t_b over the images b of the batch that have class y
 *
 * f_b and t_b are the features of student and teacher for image b, both at length 1. [v] is v
 * limited to 1e-6..1. alpha= chooses a_b:
 *   adaptive-centre  a_b = [cos(f_b, t_b) [cos(w_y, t_b)]]
 *   adaptive         a_b = [cos(f_b, t_b)]
 *   fixed            a_b = a constant
 * An image moves no centre if it has no class, or if the teacher's feature has length 0. Boutros et
 * al. 2024, "AdaDistill: Adaptive Knowledge Distillation for Deep Face Recognition"; implemented
 * from the authors' code. In that code only the last image of a class moves the centre; here all
 * images of the class count equally.
 *
 * centres=inherited: the centres are the class vectors of the teacher's classifier and never
 * change. Shi et al. 2020, "ProxylessKD: Direct Knowledge Distillation with Inherited Classifier
 * for Face Recognition"; implemented from a summary.
 *
 * margins=teacher: image b has its own margin m_b, from `least` to m:
 *
 *   m_b = least + (m - least) max(c_b, 0) / max_i c_i,  c_b = cos(t_b, w_y)
 *
 * The maximum over i is over the batch. An image without a class has m_b = least. Svitov and
 * Alyamkin 2020, "MarginDistillation: distillation for margin-based softmax"; implemented from the
 * authors' code, which has no max(c_b, 0). */
#ifndef DNX_CENTRES_H
#define DNX_CENTRES_H
#include "layer/classifier.h"

enum { DNX_CENTRES_TRAINED, DNX_CENTRES_TEACHER, DNX_CENTRES_INHERITED };
#define DNX_CENTRES_WORDS "trained|teacher|inherited"
enum { DNX_ALPHA_CENTRE, DNX_ALPHA_ADAPTIVE, DNX_ALPHA_FIXED };
#define DNX_ALPHA_WORDS "adaptive-centre|adaptive|fixed"

typedef struct {
    int centres, alpha;
    bool has_margins;
    double fixed;    /* the constant a_b of alpha=fixed */
    double m, least; /* the largest and the smallest margin, with has_margins */
    int N;
    size_t D;
    float *w;        /* N x D: the centres */
    int *images;     /* B: the images of a class; NULL unless training with centres=teacher */
    float *share;    /* B: (1 - a_b) / |t_b| for these images; NULL if `images` is NULL */
    double *m_of;    /* B: m_b; NULL without has_margins, and when predicting */
    bool is_started; /* a training pass has run */
} dnx_centres;

/* Checks the options and the teacher, and allocates. All members declared above `images` must be
 * set. Fails with DNX_EOPTION, DNX_ESHAPE or DNX_EMEM. */
dnx_status dnx_centres_make(dnx_centres *c, dnx_node *n, dnx_err *err);
/* With centres=inherited, copies the teacher's class vectors to w. Call it in prepare(), because a
 * weights file may have replaced w. Does nothing after the first training pass, since w then stays
 * the same. */
void dnx_centres_inherit(dnx_centres *c, const dnx_node *n);
/* Call it before the loss of each pass that has truth. In a training pass with p->target, moves the
 * centres and sets the margins. */
void dnx_centres_pass(dnx_centres *c, const dnx_node *n, const dnx_pass *p);
#endif
