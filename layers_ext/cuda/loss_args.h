/* loss_args.h - the arguments of the kernels of losses: margins, features, correlations,
 * probabilities. kernels.h includes it and describes the layout of tensors. */
#ifndef DNX_CUDA_LOSS_ARGS_H
#define DNX_CUDA_LOSS_ARGS_H
#include <stdbool.h>

#include "common/face/margin_kinds.h"

/* The margin of common/face/margin.h in this pass, and the number of classes. */
struct dnx_cuda_margin {
    double s, m, m1, m2, m3, smoothing, ramp;
    float t; /* the emphasis */
    int kind, n;
    bool is_easy, is_ste;
};
/* What an image may have of its own instead of the values above. */
struct dnx_cuda_margin_of {
    double *length; /* B: scale=length, |x| instead of s; else NULL */
    double *m;      /* B: margins=teacher; else NULL */
};
/* margin_loss: one block for each image. With of.length, cosines holds the products of x with the
 * class vectors: the kernel stores the lengths of x, and replaces the products by cosines. */
struct margin_loss_args {
    const struct dnx_cuda_margin *now;
    struct dnx_cuda_margin_of of;
    float *cosines;   /* B x ld */
    const float *x;   /* B x size */
    const int *label; /* B */
    double *row;      /* B x 5: peak, sum, target, slope; the slope by the length */
    double *losses;   /* B */
    float *y;         /* B: 1 when the class has the largest cosine */
    int ld, size;
};
/* margin_images: weighs the losses of the batch (common/face/mining.h), and with of.length computes
 * the gradient along x. One block. */
struct margin_images_args {
    struct dnx_cuda_margin_of of;
    const int *label;
    const double *row;
    double *losses;
    double *factor; /* B: the factor of each gradient */
    float *along;   /* B; see unit_back */
    double focus, keep;
    int batch;
    bool is_hard, is_focal;
};
struct margin_slopes_args {
    const struct dnx_cuda_margin *now;
    struct dnx_cuda_margin_of of;
    float *cosines;
    const int *label;
    const double *row, *factor; /* factor NULL: all are 1 */
    int batch, ld;
};

/* centres_*: common/face/centres.h. label: the columns of the classes; rows: the row of w of each
 * column, NULL: the same. follow: one block for each image; near_: the cosines of the teacher's
 * features with their centres, blocks of DNX_CUDA_ROWS images; margins: one block. */
struct centres_args {
    float *w;           /* rows of D */
    const float *x, *t; /* B x D: the features of the student and the teacher */
    const int *label, *rows;
    float *share; /* B */
    double *m_of; /* B: the cosines, then the margins */
    double fixed, m, least;
    int batch, D;
    bool is_fixed, by_centre;
};
#define centres_follow_args centres_args
#define centres_near_args centres_args
#define centres_margins_args centres_args

/* The arguments of center_loss and center_back. Both have one block for each image. label: -1 when
 * the class is unknown, -2 when the network has no such class. */
struct center_args {
    const float *x, *centres; /* B x D, N x D */
    const int *label;
    double *losses;
    float *y, *dx, *d_centres; /* d_centres is added to; dx may be NULL */
    float weight;
    int batch, D;
    bool adds;
};
#define center_loss_args center_args
#define center_back_args center_args
/* cost_loss: one block for each image; cost_back: one thread for each number. label: the place of
 * the class in the image's numbers; -1 for a negative class, -2 when there is no such place. */
struct cost_args {
    const float *x, *dy; /* B x size; dy may be NULL */
    const int *label;    /* NULL: no labels */
    double *losses;
    float *dx;
    float scale, noobj, least; /* smaller gradients are 0 */
    long size, batch;
    int type; /* the option type= of [cost] */
    bool adds;
};
#define cost_loss_args cost_args
#define cost_back_args cost_args

/* feature_distance: e = |g/|g| - t/|t||^2 / 2; without is_unit e = |g - t|^2 / 2. */
struct feature_distance_args {
    const float *g, *t; /* count x size */
    float *inv;         /* count x 2: 1/|g|, 1/|t|; 1 when not is_unit */
    double *e;
    float *y;
    long count, size;
    bool is_unit;
};
/* feature_weights: h of [kd_feature], and the loss of each image. */
struct feature_weights_args {
    const double *e;
    double *h, *losses;
    double weight, sharpness, power;
    int hard, count;
};
struct feature_slopes_args {
    const float *g, *t, *inv;
    const double *e, *h;
    float *dg;
    double weight;
    long count, size;
    bool is_unit, adds;
};
/* correlation: own and target are count x count products of unit vectors. */
struct correlation_args {
    float *own;
    const float *target, *series;
    double *losses;
    float *y;
    float weight;
    int degree, count;
};

/* The logits of the student or the teacher: z, or scale * z when z are cosines. */
struct dnx_cuda_logits {
    const float *z; /* B x ld */
    long ld;
    bool is_cosine, by_length; /* by_length: z are cosines times the feature's length */
};
/* The values of [kd_probability] that change with every pass: its weight, and the scales. */
struct dnx_cuda_probability {
    double weight;
    float scale, scale_of_teacher;
};
/* leading_*: dnx_leading of common/face/leading.h. One block for each image (norm, least), one
 * thread for each class (mass), one block (count). */
struct leading_args {
    struct dnx_cuda_logits side;
    const float *scale; /* the scale of `side` */
    double share;
    const int *label;
    double *norm, *mass; /* B, N */
    int *count;
    float *least; /* B */
    int N, batch;
};
#define leading_norm_args leading_args
#define leading_mass_args leading_args
#define leading_count_args leading_args
#define leading_least_args leading_args
/* probability_loss: one block for each image. probability_slopes: dz = or += the gradients. */
struct probability_args {
    struct dnx_cuda_logits student, teacher;
    const struct dnx_cuda_probability *now;
    double temperature, between, within;
    const float *least; /* NULL when the classes are not grouped */
    const int *label;
    double *sums; /* B x 11 */
    double *losses;
    float *y, *dz; /* dz: B x ld */
    int N, batch, ld;
    bool has_groups, by_student, adds;
};
#define probability_loss_args probability_args
#define probability_slopes_args probability_args
#endif
