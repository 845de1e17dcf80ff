/* warp.h - cuts a piece out of an image, turned and scaled. The one thing here that OpenCV does:
 * built with OPENCV=1 (and DNX_OPENCV defined). */
#ifndef DNX_WARP_H
#define DNX_WARP_H
#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif
/* rgb: h x w x 3 bytes; m moves its pixels to those of out (see align.h); out: out_h x out_w x 3
 * bytes, bilinear, black where the image does not reach. false: OpenCV gave up. Thread safe. */
bool dnx_warp(const unsigned char *rgb, int w, int h, const double m[6], unsigned char *out,
              int out_w, int out_h);
#ifdef __cplusplus
}
#endif
#endif
