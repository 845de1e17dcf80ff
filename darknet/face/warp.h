/* warp.h - applies an affine transform to an image. */
#ifndef DNX_WARP_H
#define DNX_WARP_H
#include <stdbool.h>

/* Draws the image rgb, h x w x 3 bytes, transformed by m into out, out_h x out_w x 3 bytes. m maps
 * pixels of rgb to pixels of out, as in align.h. Interpolation is bilinear; out is black outside
 * the image. Returns false when m has no inverse, or when OpenCV fails. Thread safe. */
bool dnx_warp(const unsigned char *rgb, int w, int h, const double m[6], unsigned char *out,
              int out_w, int out_h);
/* Like dnx_warp(), always without OpenCV. */
bool dnx_warp_plain(const unsigned char *rgb, int w, int h, const double m[6], unsigned char *out,
                    int out_w, int out_h);
#endif
