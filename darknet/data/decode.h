/* decode.h - decodes image files, or their bytes, to 8-bit RGB. Every image is decoded here. Thread
 * safe.
 *
 * The kind of an image is decided by its first bytes, not by its name. libjpeg-turbo decodes JPEG,
 * libpng PNG, and our own readers BMP and PNM (P1 to P6). Bytes of other kinds reach no decoder.
 * The EXIF orientation of JPEG and PNG is applied. Transparent pixels are laid over black, the
 * colour of `align` outside a picture. Samples of 16 bits and of other ranges are scaled to
 * 0..255. */
#ifndef DNX_DECODE_H
#define DNX_DECODE_H
#include <stdbool.h>
#include <stddef.h>

#define DNX_MAX_SIDE 16384       /* pixels; larger images are refused */
#define DNX_MAX_PIXELS (1 << 26) /* 201 MB as RGB; larger images are refused before allocation */

typedef enum {
    DNX_IMAGE_OK,
    DNX_IMAGE_UNREAD, /* the file cannot be read, see errno */
    DNX_IMAGE_REFUSED /* image->why has the reason */
} dnx_image_fault;

typedef struct {
    unsigned char *rgb; /* h x w x 3 bytes; NULL after a fault */
    int w, h;
    int shrink;      /* one pixel stands for shrink x shrink pixels of the file: 1, 2, 4 or 8 */
    const char *why; /* the reason of a refusal, a constant: "is empty", "is a GIF image; ..." */
} dnx_image;

/* Returns the n bytes of an image file, to be freed, or NULL with errno. When the file cannot be
 * read for a reason that may disappear, it is tried once more, 0.1 s later. */
char *dnx_image_file(const char *path, size_t *n);
/* Free image->rgb afterwards. After a fault there is nothing to free. */
dnx_image_fault dnx_image_decode(const unsigned char *bytes, size_t n, dnx_image *image);
dnx_image_fault dnx_image_read(const char *path, dnx_image *image);
/* Like dnx_image_read(), but decodes a JPEG with 1/shrink of its width and height, which is faster.
 * shrink is 1, 2, 4 or 8. Other images keep their size: see image->shrink. */
dnx_image_fault dnx_image_read_shrunk(const char *path, int shrink, dnx_image *image);
void dnx_image_free(dnx_image *image);

/* ---- the kind of a file ---- */

enum { DNX_IMAGE_HEAD = 16 }; /* the first bytes, which show the kind of a file */

/* Returns the kind of a file, 0 to 99, from its first n bytes. Pass DNX_IMAGE_HEAD bytes, or all
 * bytes of a shorter file. */
int dnx_image_kind(const unsigned char *head, size_t n);
/* Returns NULL when images of this kind can be decoded, else the reason, a constant. */
const char *dnx_image_kind_why(int kind);

/* True when the name ends like an image's: .jpg .jpeg .png .bmp .ppm .pgm .pbm .pnm, in any case.
 * The name decides which files of a folder are taken; the content decides how they are decoded. */
bool dnx_image_is_named(const char *name);
/* True for names that commands of this project give to files beside images, such as faces.index of
 * `darknet find`. Code that reads a folder skips these files without a message. */
bool dnx_is_own_file(const char *name);
#endif
