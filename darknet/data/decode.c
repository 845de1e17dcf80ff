#include "data/decode.h"

#include <ctype.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/files.h"

/* ---- what an image claims ---- */

/* Big and little endian. */
static double big(const unsigned char *p) {
    return p[0] * 16777216.0 + p[1] * 65536.0 + p[2] * 256.0 + p[3];
}

static double little(const unsigned char *p, int n) {
    double v = 0;
    while (n--) v = v * 256 + p[n];
    return v;
}

/* The next number of a PNM's text header. */
static double number(const unsigned char **p, const unsigned char *end) {
    double v = 0;
    while (*p < end && (isspace(**p) || **p == '#')) {
        if (*(*p)++ != '#') continue;
        while (*p < end && **p != '\n') ++*p;
    }
    for (; *p < end && isdigit(**p) && v < 1e9; ++*p) v = v * 10 + (**p - '0');
    return v;
}

/* The side lengths that the first bytes of a JPEG, PNG, BMP, GIF or PNM claim; false: they say
 * nothing. */
static bool find_size(const unsigned char *b, size_t n, double *w, double *h) {
    if (dnx_jpeg_is(b, n)) return dnx_jpeg_size(b, n, w, h);
    if (n >= 24 && !memcmp(b, "\x89PNG", 4)) {
        *w = big(b + 16);
        *h = big(b + 20);
    } else if (n >= 26 && !memcmp(b, "BM", 2)) {
        bool is_old = little(b + 14, 4) == 12; /* OS/2: 16 bits; else a negative height is a flip */
        *w = little(b + 18, is_old ? 2 : 4);
        *h = little(b + (is_old ? 20 : 22), is_old ? 2 : 4);
        if (*h >= 2147483648.0) *h = 4294967296.0 - *h;
    } else if (n >= 10 && !memcmp(b, "GIF8", 4)) {
        *w = little(b + 6, 2);
        *h = little(b + 8, 2);
    } else if (n >= 2 && b[0] == 'P' && (b[1] == '5' || b[1] == '6')) {
        const unsigned char *p = b + 2;
        *w = number(&p, b + n);
        *h = number(&p, b + n);
    } else return false;
    return true;
}

static int whole(double v) { return v < INT_MAX ? (int)v : INT_MAX; }

static bool is_huge(const unsigned char *bytes, size_t n, dnx_image *image) {
    double w, h;
    if (!find_size(bytes, n, &w, &h)) return false;
    image->w = whole(w);
    image->h = whole(h);
    return w > DNX_MAX_SIDE || h > DNX_MAX_SIDE || w * h > DNX_MAX_PIXELS;
}

/* ---- decoding ---- */

/* dnx_jpeg_decode refuses huge images itself; another decoder would try. */
dnx_image_fault dnx_image_decode(const unsigned char *bytes, size_t n, const dnx_decoder *decoder,
                                 dnx_image *image) {
    const bool is_jpeg = dnx_jpeg_is(bytes, n);
    *image = (dnx_image){.free_rgb = is_jpeg ? NULL : decoder->free_other};
    if (is_jpeg) image->rgb = dnx_jpeg_decode(bytes, n, &image->w, &image->h);
    else if (is_huge(bytes, n, image)) return DNX_IMAGE_HUGE;
    else image->rgb = decoder->other(bytes, n, &image->w, &image->h);
    if (image->rgb && image->w > 0 && image->h > 0 && image->w <= DNX_MAX_SIDE &&
        image->h <= DNX_MAX_SIDE)
        return DNX_IMAGE_OK;
    dnx_image_free(image);
    if (!is_jpeg) return DNX_IMAGE_BROKEN;
    return is_huge(bytes, n, image)     ? DNX_IMAGE_HUGE
           : dnx_jpeg_is_cmyk(bytes, n) ? DNX_IMAGE_CMYK
                                        : DNX_IMAGE_BROKEN;
}

dnx_image_fault dnx_image_read(const char *path, const dnx_decoder *decoder, dnx_image *image) {
    size_t n;
    *image = (dnx_image){0};
    char *text = dnx_file_read(path, &n);
    if (!text) return DNX_IMAGE_UNREAD;
    dnx_image_fault fault = n ? dnx_image_decode((unsigned char *)text, n, decoder, image)
                              : DNX_IMAGE_EMPTY;
    free(text);
    return fault;
}

void dnx_image_free(dnx_image *image) {
    if (image->rgb && image->free_rgb) image->free_rgb(image->rgb);
    else free(image->rgb);
    image->rgb = NULL;
}
