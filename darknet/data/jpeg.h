/* jpeg.h - writes JPEG by libjpeg-turbo (decode.h reads it). Never exits, never prints. Thread
 * safe. */
#ifndef DNX_JPEG_H
#define DNX_JPEG_H
#include <stddef.h>

/* rgb: h x w x 3 bytes; quality 1..100, colour at half the resolution. The file's *n bytes, free()
 * them. NULL: no memory, or a side is 0 or over 65,500. */
unsigned char *dnx_jpeg_encode(const unsigned char *rgb, int w, int h, int quality, size_t *n);
#endif
