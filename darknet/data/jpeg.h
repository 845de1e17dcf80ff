/* jpeg.h - writes JPEG with libjpeg-turbo; decode.h reads JPEG. Thread safe. */
#ifndef DNX_JPEG_H
#define DNX_JPEG_H
#include <stddef.h>

/* Encodes h x w x 3 bytes with quality 1..100 and 4:2:0 chroma subsampling. Returns the *n bytes of
 * the file; free() them. NULL when memory runs out, or a side is 0 or over 65,500. */
unsigned char *dnx_jpeg_encode(const unsigned char *rgb, int w, int h, int quality, size_t *n);
#endif
