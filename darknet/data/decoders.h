/* decoders.h - the decoders of single formats, for decode.c. Each decoder accepts any bytes. On
 * success it sets image->rgb, w and h and returns NULL. Otherwise it returns the reason, a constant
 * string, and leaves nothing to free. Thread safe. */
#ifndef DNX_DECODERS_H
#define DNX_DECODERS_H
#include "data/decode.h"

#define DNX_WHY_BROKEN "cannot be decoded"
#define DNX_WHY_CUT "is cut short"
#define DNX_WHY_HUGE "claims more pixels than an image may have: 16384 on a side, 67108864 in all"
#define DNX_WHY_MEMORY "needs more memory than there is"
#define DNX_WHY_PALETTE "has a pixel outside of its palette"

/* Decodes a JPEG at 1 / image->shrink of its size. *orientation: as in EXIF, 1 (upright) to 8. */
const char *dnx_jpeg_decode(const unsigned char *bytes, size_t n, dnx_image *image,
                            int *orientation);
const char *dnx_png_decode(const unsigned char *bytes, size_t n, dnx_image *image,
                           int *orientation);
const char *dnx_bmp_decode(const unsigned char *bytes, size_t n, dnx_image *image);
const char *dnx_pnm_decode(const unsigned char *bytes, size_t n, dnx_image *image);

/* Checks the size w x h of an image. Stores it in image->w and image->h and returns NULL, or
 * returns the reason why the size is refused. */
const char *dnx_image_claim(dnx_image *image, double w, double h);

/* Blends one channel with black: returns c a / 255, rounded. c: value, a: alpha, both 0..255. */
static inline unsigned char dnx_over_black(unsigned c, unsigned a) {
    return (unsigned char)((c * a + 127) / 255);
}

/* Returns the orientation, 1 to 8, in n bytes of EXIF data that begin with the TIFF header; 1 when
 * there is none. */
int dnx_exif_orientation(const unsigned char *tiff, size_t n);
/* Turns and mirrors an image until it is upright. Returns false when memory runs out. */
bool dnx_image_turn(dnx_image *image, int orientation);
#endif
