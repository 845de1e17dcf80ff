/* letterbox.h - resizes images as libdarknet does for `classifier predict` and `valid`. */
#ifndef DNX_LETTERBOX_H
#define DNX_LETTERBOX_H

/* rgb: h x w x 3 bytes. out: H x W x 3 floats, 0..255. Resizing is bilinear and maps the corner
 * pixels of the image to those of the output, as libdarknet does. One difference: the last row of
 * the output is the last row of the image. In libdarknet it is black at some sizes, by a rounding
 * error. */

/* Scales the whole image to fit into the output, on grey (127.5). */
void dnx_image_letterbox(const unsigned char *rgb, int w, int h, int W, int H, float *out);
/* Stretches the largest square in the middle to W x H. */
void dnx_image_center(const unsigned char *rgb, int w, int h, int W, int H, float *out);
#endif
