/* letterbox.h - images as the host prepares them for `classifier predict` and `valid`. Pure. */
#ifndef DNX_LETTERBOX_H
#define DNX_LETTERBOX_H

/* rgb: h x w x 3 bytes. out: H x W x 3 floats, 0..255. Resizing is bilinear with the corner pixels
 * of both images on each other, as in the host, but its last row is the image's last row: the host
 * rounds it to black at some sizes. */

/* The whole image, as large as it fits, on grey 127.5. */
void dnx_image_letterbox(const unsigned char *rgb, int w, int h, int W, int H, float *out);
/* The largest square in the middle, stretched to W x H. */
void dnx_image_center(const unsigned char *rgb, int w, int h, int W, int H, float *out);
#endif
