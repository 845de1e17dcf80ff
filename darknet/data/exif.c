/* exif.c - reads the tag Orientation of EXIF data, and turns images accordingly. */
#include <stdlib.h>
#include <string.h>

#include "data/decoders.h"

/* ---- the tag ---- */

typedef struct {
    const unsigned char *p;
    size_t n;
    bool is_big;
} tiff;

/* Reads the number of `bytes` bytes at offset `at`. Returns 0 when it lies outside the data. */
static size_t number(const tiff *t, size_t at, size_t bytes) {
    size_t v = 0;
    if (at > t->n || t->n - at < bytes) return 0;
    for (size_t i = 0; i < bytes; i++) v = v << 8 | t->p[at + (t->is_big ? i : bytes - 1 - i)];
    return v;
}

int dnx_exif_orientation(const unsigned char *bytes, size_t n) {
    enum { ORIENTATION = 0x112, SHORT = 3, ENTRY = 12 };
    if (n < 8 || (memcmp(bytes, "II*\0", 4) && memcmp(bytes, "MM\0*", 4))) return 1;
    const tiff t = {bytes, n, bytes[0] == 'M'};
    const size_t start = number(&t, 4, 4), entries = number(&t, start, 2);
    for (size_t i = 0; i < entries; i++) {
        size_t at = start + 2 + ENTRY * i;
        if (number(&t, at, 2) != ORIENTATION) continue;
        size_t v = number(&t, at + 8, 2);
        return number(&t, at + 2, 2) == SHORT && v >= 1 && v <= 8 ? (int)v : 1;
    }
    return 1;
}

/* ---- turning ---- */

/* Pixel (x,y) of the upright picture is pixel start + x * along + y * down of the stored image. */
static void steps(int orientation, long w, long h, long *start, long *along, long *down) {
    const bool is_swapped = orientation >= 5;
    const bool from_right = orientation == 2 || orientation == 3 || orientation == 7 ||
                            orientation == 8;
    const bool from_bottom = orientation == 3 || orientation == 4 || orientation == 6 ||
                             orientation == 7;
    const long column = from_right ? -1 : 1, row = from_bottom ? -w : w;
    *start = (from_right ? w - 1 : 0) + (from_bottom ? (h - 1) * w : 0);
    *along = is_swapped ? row : column;
    *down = is_swapped ? column : row;
}

bool dnx_image_turn(dnx_image *image, int orientation) {
    if (orientation == 1) return true;
    const bool is_swapped = orientation >= 5;
    const int w = is_swapped ? image->h : image->w, h = is_swapped ? image->w : image->h;
    long start, along, down;
    unsigned char *turned = malloc((size_t)w * (size_t)h * 3), *to = turned;
    if (!turned) return false;
    steps(orientation, image->w, image->h, &start, &along, &down);
    for (int y = 0; y < h; y++)
        for (int x = 0; x < w; x++, to += 3)
            memcpy(to, image->rgb + 3 * (start + x * along + y * down), 3);
    free(image->rgb);
    *image = (dnx_image){.rgb = turned, .w = w, .h = h, .shrink = image->shrink};
    return true;
}
