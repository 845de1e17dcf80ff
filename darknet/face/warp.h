/* warp.h - cuts a turned and scaled part out of an image, with OpenCV. Built with OPENCV=1, which
 * defines DNX_OPENCV. */
#ifndef DNX_WARP_H
#define DNX_WARP_H
#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif
/* rgb: h x w x 3 bytes. m maps its pixels to those of out, see align.h. out: out_h x out_w x 3
 * bytes, bilinear, black outside the image. Returns false when OpenCV fails. Thread safe. */
bool dnx_warp(const unsigned char *rgb, int w, int h, const double m[6], unsigned char *out,
              int out_w, int out_h);
#ifdef __cplusplus
}
#endif
#endif
