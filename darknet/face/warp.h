/* warp.h - cuts a piece out of an image, turned and scaled. */
#ifndef DNX_WARP_H
#define DNX_WARP_H
#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif
/* rgb: h x w x 3 bytes; m moves its pixels to those of out (see align.h); out: out_h x out_w x 3
 * bytes, bilinear, black where the image does not reach. By OpenCV where that is built in. false:
 * m cannot be inverted, or OpenCV gave up. Thread safe. */
bool dnx_warp(const unsigned char *rgb, int w, int h, const double m[6], unsigned char *out,
              int out_w, int out_h);
/* The same by our own loop. */
bool dnx_warp_plain(const unsigned char *rgb, int w, int h, const double m[6], unsigned char *out,
                    int out_w, int out_h);
#ifdef DNX_OPENCV
/* The same by OpenCV, which moves in steps of 1/32 pixel; built with OPENCV=1. */
bool dnx_warp_opencv(const unsigned char *rgb, int w, int h, const double m[6], unsigned char *out,
                     int out_w, int out_h);
#endif
#ifdef __cplusplus
}
#endif
#endif
