/* centres.h - class centres and margins that a loss over cosines takes from a teacher.
 *
 * centres=teacher: w_y, the centre of class y, follows the teacher's features instead of being
 * trained:
 *
 *   w_y <- mean over the images b of class y of  a_b w_y + (1 - a_b) t_b
 *
 * f is the student's feature and t the teacher's, both at length 1; [v] is v limited to 1e-6..1:
 *   adaptive-centre  a_b = [cos(f_b, t_b) [cos(w_y, t_b)]]
 *   adaptive         a_b = [cos(f_b, t_b)]
 *   fixed            a_b = a constant
 * An image without a class does not move a centre, nor does a teacher's feature of length 0.
 * Boutros et al. 2024, "AdaDistill: Adaptive Knowledge Distillation for Deep Face Recognition". We
 * took the formulas from the authors' code, because the paper was not at hand. In their code the
 * last image of a class in a batch sets the class's centre; here all images of the class count
 * equally.
 *
 * centres=inherited: the centres are the class vectors of the teacher's classifier and never
 * change. Shi et al. 2020, "ProxylessKD: Direct Knowledge Distillation with Inherited Classifier
 * for Face Recognition"; implemented from a summary.
 *
 * margins=teacher: each image has its own margin. It is larger when the teacher's feature is nearer
 * to the centre of the image's class. An image without a class has margin `least`:
 *
 *   m_b = least + (m - least) max(c_b, 0) / max_i c_i,  c_b = cos(t_b, w_y)
 *
 * The maximum over i is over the batch. Svitov and Alyamkin 2020, "MarginDistillation: distillation
 * for margin-based softmax"; implemented from the authors' code, which has no max(c_b, 0). */
#ifndef DNX_CENTRES_H
#define DNX_CENTRES_H
#include "layer/classifier.h"

enum { DNX_CENTRES_TRAINED, DNX_CENTRES_TEACHER, DNX_CENTRES_INHERITED };
#define DNX_CENTRES_WORDS "trained|teacher|inherited"
enum { DNX_ALPHA_CENTRE, DNX_ALPHA_ADAPTIVE, DNX_ALPHA_FIXED };
#define DNX_ALPHA_WORDS "adaptive-centre|adaptive|fixed"

typedef struct {
    int centres, alpha;
    bool has_margins; /* margins=teacher */
    double fixed;     /* the constant a_b of alpha=fixed */
    double m, least;  /* the largest and the smallest margin, with has_margins */
    int N;            /* classes */
    size_t D;
    float *w; /* N x D: the head's weights */
    /* dnx_centres_make() sets these. */
    int *images;     /* B: the images of a class; only when training with centres=teacher */
    float *share;    /* B: (1 - a_b) / |t_b|; allocated with `images` */
    double *m_of;    /* B: m_b; NULL without margins, and when predicting */
    bool is_started; /* training has begun, so no file of weights will be loaded */
} dnx_centres;

/* Returns which outputs of a teacher a loss with these options needs, for dnx_classifier.takes. */
dnx_target_kind dnx_centres_take(int centres, bool has_margins);
/* Checks that the teacher fits the options, and allocates. The caller has set the members above the
 * comment "dnx_centres_make() sets these". Fails with DNX_EOPTION, and with DNX_EMEM. Fails with
 * DNX_ESHAPE when the teacher's embedding or, with centres=inherited, its number of classes differs
 * from the student's. */
dnx_status dnx_centres_make(dnx_centres *c, dnx_node *n, dnx_err *err);
/* For prepare() in a network that trains: copies inherited centres again, because a weights file
 * may have replaced them. Does nothing after the first training pass. */
void dnx_centres_inherit(dnx_centres *c, const dnx_node *n);
/* Call it before the loss of a pass with truth. In a training pass with a teacher's features, moves
 * the centres with centres=teacher, and sets the margins. In any other pass all margins are m. */
void dnx_centres_pass(dnx_centres *c, const dnx_node *n, const dnx_pass *p);
#endif
