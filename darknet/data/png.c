/* png.c - decodes PNG with libpng. */
#include <png.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "data/decoders.h"

typedef struct {
    const unsigned char *at, *end; /* the bytes that are not read yet */
    unsigned char *pixels;         /* 1 (palette index), 3 (RGB) or 4 (RGBA) bytes a pixel */
    int channels, orientation;
    png_colorp palette;
    png_bytep alpha; /* alpha of the first n_alpha colours of the palette */
    int n_palette, n_alpha;
    const char *why;
    dnx_image *image;
} reader;

static void give_up(png_structp png, png_const_charp text) {
    (void)text;
    png_longjmp(png, 1);
}

/* Ignores warnings of libpng: damaged pixels are errors, not warnings. */
static void warn(png_structp png, png_const_charp text) {
    (void)png;
    (void)text;
}

static void refuse(png_structp png, reader *r, const char *why) {
    r->why = why;
    png_longjmp(png, 1);
}

static void take(png_structp png, png_bytep to, size_t n) {
    reader *r = png_get_io_ptr(png);
    if ((size_t)(r->end - r->at) < n) refuse(png, r, DNX_WHY_CUT);
    memcpy(to, r->at, n);
    r->at += n;
}

/* Keeps palette indices, because libpng would replace an index out of range by black. */
static void choose_form(png_structp png, png_infop info) {
    if (png_get_color_type(png, info) == PNG_COLOR_TYPE_PALETTE) {
        png_set_packing(png);
        return;
    }
    png_set_expand(png);
    png_set_scale_16(png);
    png_set_gray_to_rgb(png);
}

static void read_pixels(png_structp png, png_infop info, reader *r) {
    enum { MOST_DEFLATED = 1032 }; /* a byte of the file inflates to at most 1032 bytes */
    const double left = (double)(r->end - r->at);
    png_read_info(png, info);
    const size_t h = (size_t)r->image->h;
    if (png_get_image_width(png, info) != (size_t)r->image->w ||
        png_get_image_height(png, info) != h)
        give_up(png, "");
    if ((double)png_get_rowbytes(png, info) * (double)h > left * MOST_DEFLATED)
        refuse(png, r, DNX_WHY_CUT);
    choose_form(png, info);
    int passes = png_set_interlace_handling(png);
    png_read_update_info(png, info);
    size_t row = png_get_rowbytes(png, info);
    r->channels = png_get_channels(png, info);
    r->pixels = malloc(row * h);
    if (!r->pixels) refuse(png, r, DNX_WHY_MEMORY);
    while (passes--)
        for (size_t y = 0; y < h; y++) png_read_row(png, r->pixels + row * y, NULL);
    png_read_end(png, info);
}

static void read_rest(png_structp png, png_infop info, reader *r) {
    png_bytep exif;
    png_uint_32 n;
    if (png_get_eXIf_1(png, info, &n, &exif)) r->orientation = dnx_exif_orientation(exif, n);
    if (r->channels != 1) return;
    png_get_PLTE(png, info, &r->palette, &r->n_palette);
    png_get_tRNS(png, info, &r->alpha, &r->n_alpha, NULL);
}

/* ---- to RGB ---- */

static void drop_alpha(const unsigned char *pixels, size_t n, unsigned char *rgb) {
    for (size_t i = 0; i < n; i++, pixels += 4)
        for (int c = 0; c < 3; c++) *rgb++ = dnx_over_black(pixels[c], pixels[3]);
}

static const char *apply_palette(const reader *r, size_t n, unsigned char *rgb) {
    for (size_t i = 0; i < n; i++) {
        const int k = r->pixels[i];
        if (k >= r->n_palette) return DNX_WHY_PALETTE;
        const unsigned a = k < r->n_alpha ? r->alpha[k] : 255;
        *rgb++ = dnx_over_black(r->palette[k].red, a);
        *rgb++ = dnx_over_black(r->palette[k].green, a);
        *rgb++ = dnx_over_black(r->palette[k].blue, a);
    }
    return NULL;
}

static const char *to_rgb(reader *r) {
    size_t n = (size_t)r->image->w * (size_t)r->image->h;
    r->image->rgb = r->channels == 3 ? r->pixels : malloc(n * 3);
    if (!r->image->rgb) return DNX_WHY_MEMORY;
    if (r->channels == 3) {
        r->pixels = NULL;
        return NULL;
    }
    if (r->channels == 1) return apply_palette(r, n, r->image->rgb);
    drop_alpha(r->pixels, n, r->image->rgb);
    return NULL;
}

/* libpng's errors jump back to setjmp(). Local variables that have changed are then undefined, so
 * all results are in *r. */
static void read_image(png_structp png, png_infop info, reader *r) {
    if (setjmp(png_jmpbuf(png))) {
        if (!r->why) r->why = DNX_WHY_BROKEN;
        return;
    }
    png_set_read_fn(png, r, take);
    png_set_user_limits(png, PNG_UINT_31_MAX, PNG_UINT_31_MAX);
    read_pixels(png, info, r);
    read_rest(png, info, r);
    r->why = to_rgb(r);
}

static double number(const unsigned char *p) {
    return p[0] * 16777216.0 + p[1] * 65536.0 + p[2] * 256.0 + p[3];
}

const char *dnx_png_decode(const unsigned char *bytes, size_t n, dnx_image *image,
                           int *orientation) {
    enum { SIZE = 16, HEADER = 33 }; /* SIZE: offset of the width. HEADER: end of the first chunk */
    reader r = {.at = bytes, .end = bytes + n, .image = image, .orientation = 1};
    *orientation = 1;
    if (n < HEADER) return DNX_WHY_CUT;
    const char *why = dnx_image_claim(image, number(bytes + SIZE), number(bytes + SIZE + 4));
    if (why) return why;
    png_structp png = png_create_read_struct(PNG_LIBPNG_VER_STRING, NULL, give_up, warn);
    png_infop info = png ? png_create_info_struct(png) : NULL;
    if (info) read_image(png, info, &r);
    else r.why = DNX_WHY_MEMORY;
    png_destroy_read_struct(&png, &info, NULL);
    free(r.pixels);
    *orientation = r.orientation;
    if (r.why) dnx_image_free(image);
    return r.why;
}
