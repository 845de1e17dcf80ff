/* letterbox.h - resizes images as libdarknet does for `classifier predict` and `valid`. */
#ifndef DNX_LETTERBOX_H
#define DNX_LETTERBOX_H

/* Both functions resize rgb, h x w x 3 bytes, bilinearly to out, H x W x 3 floats, 0..255. Corner
 * pixels are mapped to corner pixels, as in libdarknet. At some sizes libdarknet's last row is
 * black; ours never is. */

/* Scales the image to fit into the output, and fills the rest with grey (127.5). */
void dnx_image_letterbox(const unsigned char *rgb, int w, int h, int W, int H, float *out);
/* Scales the largest square in the middle of the image to W x H. */
void dnx_image_center(const unsigned char *rgb, int w, int h, int W, int H, float *out);
#endif
