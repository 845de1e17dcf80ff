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

/* Rows of `count` output pixels from pixel p on. What lies outside the image is 0. */
void dnx_patches_gather(const dnx_patches *s, const float *x, long p, int count, float *rows);
/* The reverse: adds rows to the input's gradient. Patches of one image overlap: a thread must have
 * whole images. */
void dnx_patches_scatter(const dnx_patches *s, const float *rows, long p, int count, float *dx);
#endif
