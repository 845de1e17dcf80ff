/* decode.h - the one gate for images: from a file or its bytes to 8-bit RGB. Thread safe.
 *
 * The first bytes decide what an image is, not the name. JPEG is decoded by libjpeg-turbo, PNG by
 * libpng, BMP and PNM (P1 to P6) by readers of our own. No other bytes reach a decoder. The EXIF
 * orientation of JPEG and PNG is applied. Transparent pixels are laid over black, the colour that
 * `align` gives to what lies outside of a picture. 16 bits and other ranges become 0..255. */
#ifndef DNX_DECODE_H
#define DNX_DECODE_H
#include <stdbool.h>
#include <stddef.h>

#define DNX_MAX_SIDE 16384       /* pixels; a larger image is refused */
#define DNX_MAX_PIXELS (1 << 26) /* 201 MB as RGB; refused before anything is allocated */

typedef enum {
    DNX_IMAGE_OK,
    DNX_IMAGE_UNREAD, /* the file cannot be read: errno says why */
    DNX_IMAGE_REFUSED /* image->why says why */
} dnx_image_fault;

typedef struct {
    unsigned char *rgb; /* h x w x 3 bytes; NULL after a fault */
    int w, h;
    const char *why; /* after a refusal: "is empty", "is a GIF image; ...", a constant */
} dnx_image;

/* Free the image; after a fault there is nothing to free. */
dnx_image_fault dnx_image_decode(const unsigned char *bytes, size_t n, dnx_image *image);
dnx_image_fault dnx_image_read(const char *path, dnx_image *image);
void dnx_image_free(dnx_image *image);

/* ---- what a file is ---- */

enum { DNX_IMAGE_HEAD = 16 }; /* bytes that tell what a file is */

/* The kind of a file by its first n bytes (DNX_IMAGE_HEAD where it has as many), from 0 to 99. */
int dnx_image_kind(const unsigned char *head, size_t n);
/* NULL: images of this kind are read. Else why they are not, a constant. */
const char *dnx_image_kind_why(int kind);

/* Whether the name ends like that of an image: .jpg .jpeg .png .bmp .ppm .pgm .pbm .pnm, in any
 * case. Decides what is taken from a folder; the content decides how it is read. */
bool dnx_image_is_named(const char *name);
#endif
