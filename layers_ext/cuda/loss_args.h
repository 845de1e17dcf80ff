/* loss_args.h - arguments of the loss kernels, for B images; kernels.h describes the tensors. */
#ifndef DNX_CUDA_LOSS_ARGS_H
#define DNX_CUDA_LOSS_ARGS_H
#include <stdbool.h>

#include "common/face/margin_kinds.h"

/* softmax: y = exp(x/T) / sum exp(x/T) for each row of `size` numbers, T = temperature. When label
 * is not NULL, also stores the cross-entropy of each row in losses. softmax_back: dx = y (dy - <y,
 * dy>) / T. When label is not NULL, adds (onehot - y) / T to dx. One block for each row. */
struct softmax_args {
    const float *x, *dy; /* NULL means that dy is 0 */
    float *y, *dx;
    const int *label; /* index of the class in a row, negative when unknown; if NULL, no losses */
    double *losses;
    double temperature;
    long size;
    bool adds;
};
#define softmax_back_args softmax_args

/* The margin of a pass, and its number n of classes. g.t is the result of dnx_margin_emphasis(). */
struct dnx_cuda_margin {
    dnx_margin g;
    int n;
};
/* Values for each image: `length` replaces g.s, and `m` replaces g.m of dnx_cuda_margin. NULL when
 * all images have the same g.s or g.m. */
struct dnx_cuda_margin_of {
    double *length; /* B: |x| */
    double *m;      /* B */
};
/* margin_loss: one block for each image. If of.length is not NULL, `cosines` has the products of x
 * with unit class vectors; the kernel stores |x| in of.length, and divides the products by |x|.
 * margin_images: weighs the losses as in common/face/mining.h, and sets `along`. One block.
 * margin_slopes: replaces the cosines by their descent directions. */
struct margin_args {
    const struct dnx_cuda_margin *now;
    struct dnx_cuda_margin_of of;
    float *cosines;   /* B x ld */
    const float *x;   /* B x size */
    const int *label; /* B */
    /* B x 5: peak and sum as in dnx_margin_row; f(c_y); f'(c_y); dL/ds if of.length is not NULL.
     * common/face/margin.h defines f, c_y, L and s. */
    double *row;
    double *losses; /* B */
    double *factor; /* B: factors of the gradients; NULL when all are 1 */
    float *y;       /* B: 1 when the image's class has the largest cosine, else 0 */
    float *along;   /* B, for unit_back_args.along; only with of.length */
    double focus, keep;
    int batch, ld, size;
    bool is_hard, is_focal;
};
#define margin_loss_args margin_args
#define margin_images_args margin_args
#define margin_slopes_args margin_args

/* common/face/centres.h has the formulas.
 *
 *   centres_follow   moves the centres w; one block for each image
 *   centres_near     m_of = the cosine of the teacher's feature and the class centre, or 0 if it is
 *                    negative; one block for DNX_CUDA_ROWS images
 *   centres_margins  replaces the cosines in m_of by margins; one block
 *
 * The class with label y has row rows[y] of w, or row y when rows is NULL. */
struct centres_args {
    float *w;           /* a row of D for each class */
    const float *x, *t; /* B x D: the features of the student and the teacher */
    const int *label, *rows;
    float *share; /* B: (1 - a_b) / |t_b| */
    double *m_of; /* B */
    double fixed, m, least;
    int batch, D;
    bool is_fixed, by_centre;
};
#define centres_follow_args centres_args
#define centres_near_args centres_args
#define centres_margins_args centres_args

/* center_loss and center_back: one block for each image. label: the row of the image's class in
 * `centres`; -1 when the class is unknown, -2 when the label is no class of the layer. */
struct center_args {
    const float *x, *centres; /* x: B x D; centres: classes x D */
    const int *label;
    double *losses;
    float *y, *dx, *d_centres; /* the kernel adds to d_centres; dx and d_centres may be NULL */
    float weight;
    int batch, D;
    bool adds;
};
#define center_loss_args center_args
#define center_back_args center_args
/* cost_loss: one block for each image. label: the index of the true class in a row of x; -1 if the
 * truth is negative, -2 if it is too large. */
struct cost_args {
    const float *x, *dy; /* B x size; dy may be NULL */
    const int *label;    /* NULL when the pass has no labels */
    double *losses;
    float *dx;
    /* Gradients smaller than `least` in magnitude become 0. The others are multiplied by scale. */
    float scale, noobj, least;
    long size, batch;
    int type;
    bool adds;
};
#define cost_loss_args cost_args
#define cost_back_args cost_args

/* feature_distance: y = e = |u - v|^2 / 2 with u = g/|g| and v = t/|t|; without is_unit, u = g and
 * v = t. feature_weights: stores h, the weight of each image (layers_ext/kd_feature.c), and the
 * loss of each image. feature_slopes: dg = the gradient of g. */
struct feature_args {
    const float *g, *t; /* count x size */
    float *inv;         /* count x 2: 1/|g| and 1/|t|, or 1 and 1 without is_unit */
    double *e, *h, *losses;
    float *y, *dg;
    double weight, sharpness, power;
    long count, size;
    int hard;
    bool is_unit, adds;
};
#define feature_distance_args feature_args
#define feature_weights_args feature_args
#define feature_slopes_args feature_args
/* correlation: own, target: the student's and the teacher's cosines of all pairs of images, count x
 * count. Computes the loss, and replaces own[i][j] by the factor of u_j in the gradient of u_i. u_i
 * is the student's feature of image i at length 1. series: the degree + 1 coefficients of the
 * polynomial phi in layers_ext/kd_correlation.c. One block for each image. */
struct correlation_args {
    float *own;
    const float *target, *series;
    double *losses;
    float *y;
    float weight;
    int degree, count;
};

/* Logits of student or teacher: z or, with is_cosine, scale * z. The kernel's arguments have
 * scale. */
struct dnx_cuda_logits {
    const float *z; /* B x ld */
    long ld;
    bool is_cosine, by_length; /* by_length: z is cosine times |feature| */
};
/* The values of [kd_probability] that change with every pass. scale is the factor of the student's
 * cosines, scale_of_teacher the factor of the teacher's cosines. */
struct dnx_cuda_probability {
    double weight;
    float scale, scale_of_teacher;
};
/* The kernels that find the leading classes, which have most of the probability. leading_norm and
 * leading_least have one block for each image, leading_count has one block. */
struct leading_args {
    struct dnx_cuda_logits side;
    const float *scale; /* factor of the cosines of `side` */
    double share;
    const int *label;
    double *norm, *mass; /* norm: B; mass: N */
    int *count;
    float *least; /* B */
    int N, batch;
};
#define leading_norm_args leading_args
#define leading_mass_args leading_args
#define leading_count_args leading_args
#define leading_least_args leading_args
/* probability_loss: computes the losses, and stores sums for the gradient. One block for each
 * image. probability_slopes: computes dz, the gradient of student.z. */
struct probability_args {
    struct dnx_cuda_logits student, teacher;
    const struct dnx_cuda_probability *now;
    double temperature, between, within;
    const float *least; /* B: smallest leading logit; NULL without groups */
    const int *label;
    double *sums; /* B x 11; probability.cu describes these sums */
    double *losses;
    float *y, *dz; /* dz: B x ld */
    int N, batch, ld;
    bool has_groups, by_student, adds;
};
#define probability_loss_args probability_args
#define probability_slopes_args probability_args
#endif
