/* warp.h - cuts a turned and scaled piece out of an image. */
#ifndef DNX_WARP_H
#define DNX_WARP_H
#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif
/* Draws the image rgb, h x w x 3 bytes, into out, out_h x out_w x 3 bytes. m maps pixels of rgb to
 * pixels of out (align.h). Interpolation is bilinear; out is black outside of the image. Uses
 * OpenCV in a build with OPENCV=1. Returns false when m cannot be inverted or OpenCV fails. Thread
 * safe. */
bool dnx_warp(const unsigned char *rgb, int w, int h, const double m[6], unsigned char *out,
              int out_w, int out_h);
/* Does the same without OpenCV. */
bool dnx_warp_plain(const unsigned char *rgb, int w, int h, const double m[6], unsigned char *out,
                    int out_w, int out_h);
#ifdef DNX_OPENCV
/* Does the same with OpenCV, which rounds positions to 1/32 pixel. */
bool dnx_warp_opencv(const unsigned char *rgb, int w, int h, const double m[6], unsigned char *out,
                     int out_w, int out_h);
#endif
#ifdef __cplusplus
}
#endif
#endif
