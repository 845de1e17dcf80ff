/* decode.h - decodes JPEG, PNG, BMP and PNM (P1 to P6) to 8-bit RGB. Thread safe.
 *
 * The first bytes decide the kind of a file, not the name. The EXIF orientation of JPEG and PNG is
 * applied. Transparent pixels are blended with black. */
#ifndef DNX_DECODE_H
#define DNX_DECODE_H
#include <stdbool.h>
#include <stddef.h>

#define DNX_MAX_SIDE 16384       /* pixels; larger images are refused */
#define DNX_MAX_PIXELS (1 << 26) /* 201 MB as RGB; larger images are refused */

typedef enum {
    DNX_IMAGE_OK,
    DNX_IMAGE_UNREAD, /* the file cannot be read, see errno */
    DNX_IMAGE_REFUSED /* image->why has the reason */
} dnx_image_fault;

typedef struct {
    unsigned char *rgb; /* h x w x 3 bytes; NULL after a fault */
    int w, h;
    int shrink;      /* one pixel covers shrink x shrink pixels of the file: 1, 2, 4 or 8 */
    const char *why; /* the reason of a refusal, a constant */
} dnx_image;

/* Returns true for an errno whose cause may pass, such as EIO or ENOMEM: try again later. */
bool dnx_is_transient(int why);

/* Returns the *n bytes of an image file; free() them. Returns NULL and sets errno on failure. After
 * an error whose cause may pass (dnx_is_transient()), it tries a second time. */
char *dnx_image_file(const char *path, size_t *n);
/* Decode an image from memory or a file. Call dnx_image_free(), unless there is a fault. */
dnx_image_fault dnx_image_decode(const unsigned char *bytes, size_t n, dnx_image *image);
dnx_image_fault dnx_image_read(const char *path, dnx_image *image);
/* Like dnx_image_read(), but decodes a JPEG at 1/shrink of its width and height, which is faster.
 * shrink is 1, 2, 4 or 8. Other kinds keep their size, and image->shrink becomes 1. */
dnx_image_fault dnx_image_read_shrunk(const char *path, int shrink, dnx_image *image);
void dnx_image_free(dnx_image *image);

/* ---- the kind of a file ---- */

enum { DNX_IMAGE_HEAD = 16 }; /* number of bytes at the start of a file that show its kind */

/* Returns the kind of a file, a number from 0 to 99 for dnx_image_kind_why(), from its first n
 * bytes. Pass DNX_IMAGE_HEAD bytes, or all bytes of a shorter file. */
int dnx_image_kind(const unsigned char *head, size_t n);
/* Returns NULL when images of this kind can be decoded, else the reason why not, a constant. */
const char *dnx_image_kind_why(int kind);

/* Returns true when a name ends like an image's, such as .jpg or .PNG. */
bool dnx_image_is_named(const char *name);
/* Returns true for files that our commands write beside images, such as faces.index. */
bool dnx_is_own_file(const char *name);
#endif
