/* centres.h - what a head over cosines takes of a teacher: its class centres, and margins.
 *
 * centres=teacher: the centres follow the teacher's features instead of being trained:
 *
 *   w_y <- mean over the images b of class y of  a_b w_y + (1 - a_b) t_b
 *
 * f is the student's feature and t the teacher's, both at length 1; [v] is v limited to 1e-6..1:
 *   adaptive-centre  a_b = [cos(f_b, t_b) [cos(w_y, t_b)]]
 *   adaptive         a_b = [cos(f_b, t_b)]
 *   fixed            a_b = a constant
 * An image without a class moves no centre, as does a teacher's feature 0. Boutros et al. 2024,
 * "AdaDistill: Adaptive Knowledge Distillation for Deep Face Recognition". Our reading: the
 * formulas are those of the authors' code, the paper was not at hand. There the last image of a
 * class in a batch sets its centre; here all images of the class have the same say.
 *
 * centres=inherited: they are the class vectors of the teacher's classifier and stay bit for bit.
 * Shi et al. 2020, "ProxylessKD: Direct Knowledge Distillation with Inherited Classifier for Face
 * Recognition"; our reading of a summary.
 *
 * margins=teacher: each image has its own margin, the larger the nearer the teacher has it to its
 * class; least for an image without a class:
 *
 *   m_b = least + (m - least) [c_b] / max_i [c_i],  c_b = cos(t_b, w_y), [v] = v from 0 up
 *
 * The maximum is that of the pass. Svitov and Alyamkin 2020, "MarginDistillation: distillation for
 * margin-based softmax"; our reading, of the authors' code, which has no bound at 0. */
#ifndef DNX_CENTRES_H
#define DNX_CENTRES_H
#include "layer/classifier.h"

enum { DNX_CENTRES_TRAINED, DNX_CENTRES_TEACHER, DNX_CENTRES_INHERITED };
#define DNX_CENTRES_WORDS "trained|teacher|inherited"
enum { DNX_ALPHA_CENTRE, DNX_ALPHA_ADAPTIVE, DNX_ALPHA_FIXED };
#define DNX_ALPHA_WORDS "adaptive-centre|adaptive|fixed"

typedef struct {
    int centres, alpha;
    bool has_margins;     /* margins=teacher */
    double fixed;         /* alpha */
    double m, least;      /* of has_margins */
    int N;                /* classes */
    size_t D;
    float *w;             /* N x D: the head's weights */
    /* Of dnx_centres_make(). */
    int *images;          /* B: the images of a class; NULL when predicting */
    float *share;         /* B: (1 - a_b) / |t_b| */
    double *m_of;         /* B: m_b; NULL without margins */
    bool is_started;      /* a pass has trained: weights are loaded no more */
} dnx_centres;

/* What the head of these options takes: dnx_classifier.takes. */
dnx_target_kind dnx_centres_take(int centres, bool has_margins);
/* Checks what centres and margins ask of the teacher, and allocates. All members above are set.
 * DNX_EOPTION; DNX_ESHAPE: another embedding, or other classes; DNX_EMEM. */
dnx_status dnx_centres_make(dnx_centres *c, dnx_node *n, dnx_err *err);
void dnx_centres_unmake(dnx_centres *c);
/* For prepare(): inherited centres become the teacher's again, if a file has brought others. */
void dnx_centres_inherit(dnx_centres *c, const dnx_node *n);
/* Before the loss of a pass with truth: moves the centres, sets the margins; without a teacher's
 * features each margin is m. */
void dnx_centres_pass(dnx_centres *c, const dnx_node *n, const dnx_pass *p);
#endif
