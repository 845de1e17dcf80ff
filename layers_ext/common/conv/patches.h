/* patches.h - im2col: gathers the window of each output pixel into a row of size x size x c floats,
 * and scatters rows back. The output pixels of a batch are numbered image by image, row by row. */
#ifndef DNX_PATCHES_H
#define DNX_PATCHES_H
#include "dnx.h"

typedef struct {
    dnx_shape in; /* x: B x in.h x in.w x in.c */
    int out_h, out_w;
    int size, stride, pad;
    int c0, c; /* the windows read input channels [c0, c0 + c) */
} dnx_patches;

/* Rows of an option table for the members size, stride, pad and padding of struct s. */
#define DNX_WINDOW_OPTIONS(s)                                                                      \
    DNX_OPT_INT(s, size, 1, 1, 255, "side of the filters, pixels"),                                \
        DNX_OPT_INT(s, stride, 1, 1, 64, "step between outputs, pixels"),                          \
        DNX_OPT_INT(s, pad, 0, 0, 1, "1: padding = size/2"),                                       \
        DNX_OPT_INT(s, padding, 0, 0, 255, "zero pixels around the input, when pad=0")

/* Describes in *s the windows of size x size pixels over all channels of input 0. Sets n->out, with
 * `filters` channels. pad: zero pixels on each side. Fails with DNX_ESHAPE when a window is larger
 * than the padded input. */
dnx_status dnx_patches_make(dnx_patches *s, dnx_node *n, int size, int stride, int pad, int filters,
                            dnx_err *err);

/* Returns true when each window is one pixel of x, so that nothing is gathered. */
static inline bool dnx_patches_in_place(const dnx_patches *s) {
    return s->size == 1 && s->stride == 1 && s->pad == 0;
}

/* Returns the windows of `count` output pixels, from p on, as rows that are *lda floats apart. If
 * dnx_patches_in_place(), the rows are in x. Else they are gathered in block, count x size*size*c
 * floats. */
const float *dnx_patches_rows(const dnx_patches *s, const float *x, long p, int count, float *block,
                              size_t *lda);
/* Sets [*lo, *hi) to the output pixels that thread t takes in the backward pass. If
 * dnx_patches_scatter() will add to dx, these are the pixels of whole images. Then dx of these
 * images is set to 0, unless `adds`. dx may be NULL. */
void dnx_patches_share(const dnx_patches *s, int batch, float *dx, bool adds, int t, int threads,
                       long *lo, long *hi);
/* Gathers the windows of `count` output pixels, from p on, into rows, count x size*size*c floats.
 * Pixels outside the image become 0. */
void dnx_patches_gather(const dnx_patches *s, const float *x, long p, int count, float *rows);
/* Adds rows, the gradients of the windows of `count` output pixels from p on, to the pixels of dx.
 * Windows of one image overlap, so a thread must take whole images. */
void dnx_patches_scatter(const dnx_patches *s, const float *rows, long p, int count, float *dx);
#endif
