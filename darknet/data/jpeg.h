/* jpeg.h - JPEG by libjpeg-turbo. Never exits and never prints. Thread safe. */
#ifndef DNX_JPEG_H
#define DNX_JPEG_H
#include <stdbool.h>
#include <stddef.h>

#define DNX_MAX_SIDE 16384       /* of an image, pixels: larger ones count as broken */
#define DNX_MAX_PIXELS (1 << 26) /* 201 MB as RGB; refused before anything is allocated */

bool dnx_jpeg_is(const unsigned char *bytes, size_t n);
/* *h x *w x 3 bytes, RGB; free() them. Grey becomes RGB. NULL: broken, cut short, CMYK, too large,
 * or no memory. */
unsigned char *dnx_jpeg_decode(const unsigned char *bytes, size_t n, int *w, int *h);
/* What the header says; false: it is broken. */
bool dnx_jpeg_size(const unsigned char *bytes, size_t n, double *w, double *h);
bool dnx_jpeg_is_cmyk(const unsigned char *bytes, size_t n);

/* rgb: h x w x 3 bytes; quality 1..100, colour at half the resolution. The file's *n bytes, free()
 * them. NULL: no memory, or a side is 0 or over 65,500. */
unsigned char *dnx_jpeg_encode(const unsigned char *rgb, int w, int h, int quality, size_t *n);
#endif
