/* decode.h - an image, from a file or its bytes, as 8-bit RGB. Thread safe. */
#ifndef DNX_DECODE_H
#define DNX_DECODE_H
#include "data/jpeg.h"

/* What decodes an image that is no JPEG (those go through libjpeg-turbo): bytes to *h x *w x 3
 * bytes, RGB; NULL when it cannot. Called from several threads. */
typedef struct {
    unsigned char *(*other)(const unsigned char *bytes, size_t n, int *w, int *h);
    void (*free_other)(unsigned char *rgb);
} dnx_decoder;

typedef enum {
    DNX_IMAGE_OK,
    DNX_IMAGE_UNREAD, /* errno says why */
    DNX_IMAGE_EMPTY,  /* a file of no bytes */
    DNX_IMAGE_HUGE,   /* claims more than DNX_MAX_SIDE or DNX_MAX_PIXELS, and was not decoded */
    DNX_IMAGE_CMYK,
    DNX_IMAGE_BROKEN  /* cut short, damaged, no image, or there is no memory for it */
} dnx_image_fault;

typedef struct {
    unsigned char *rgb; /* h x w x 3 bytes; NULL after a fault */
    int w, h;           /* of a huge one: what it claims */
    void (*free_rgb)(unsigned char *); /* NULL: free() */
} dnx_image;

/* Free the image; after a fault there is nothing to free. */
dnx_image_fault dnx_image_decode(const unsigned char *bytes, size_t n, const dnx_decoder *decoder,
                                 dnx_image *image);
dnx_image_fault dnx_image_read(const char *path, const dnx_decoder *decoder, dnx_image *image);
void dnx_image_free(dnx_image *image);
#endif
