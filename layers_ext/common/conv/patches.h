/* patches.h - the input pixels under a convolution's filters, as rows, and back. Rows are
 * size x size x c floats in the order (ky, kx, channel); the output pixels of a batch are counted
 * image by image, row by row. */
#ifndef DNX_PATCHES_H
#define DNX_PATCHES_H
#include "dnx.h"

typedef struct {
    dnx_shape in;           /* x: B x in.h x in.w x in.c */
    int out_h, out_w;       /* output pixels of an image */
    int size, stride, pad;
    int c0, c;              /* the channels that are taken: [c0, c0 + c) */
} dnx_patches;

/* Options of a convolution's windows, for a struct with these fields. */
#define DNX_WINDOW_OPTIONS(s)                                                               \
    DNX_OPT_INT(s, size, 1, 1, 255, "side of the filters, pixels"),                         \
        DNX_OPT_INT(s, stride, 1, 1, 64, "step between outputs, pixels"),                   \
        DNX_OPT_INT(s, pad, 0, 0, 1, "1: padding = size/2"),                                \
        DNX_OPT_INT(s, padding, 0, 0, 255, "zero pixels around the input, when pad=0")

/* All channels of n->in[0]; sets n->out, whose channels are `filters`. DNX_ESHAPE when a window is
 * larger than the padded input. */
dnx_status dnx_patches_make(dnx_patches *s, dnx_node *n, int size, int stride, int pad, int filters,
                            dnx_err *err);

/* Whether the input's pixels are the rows as they are. */
static inline bool dnx_patches_in_place(const dnx_patches *s) {
    return s->size == 1 && s->stride == 1 && s->pad == 0;
}

/* Rows of `count` output pixels from pixel p on, *lda floats apart: in place, or gathered into
 * block (count x size*size*c floats). */
const float *dnx_patches_rows(const dnx_patches *s, const float *x, long p, int count, float *block,
                              size_t *lda);
/* Output pixels [lo, hi) of thread t in a backward pass of `batch` images: whole images where
 * scatter() will add to dx, which is zeroed for them unless `adds`. dx may be NULL. */
void dnx_patches_share(const dnx_patches *s, int batch, float *dx, bool adds, int t, int threads,
                       long *lo, long *hi);
/* Rows of `count` output pixels from pixel p on. What lies outside the image is 0. */
void dnx_patches_gather(const dnx_patches *s, const float *x, long p, int count, float *rows);
/* The reverse: adds rows to the input's gradient. Patches of one image overlap: a thread must have
 * whole images. */
void dnx_patches_scatter(const dnx_patches *s, const float *rows, long p, int count, float *dx);
#endif
