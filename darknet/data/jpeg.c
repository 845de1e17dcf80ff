#include "data/jpeg.h"

#include <setjmp.h>
#include <stdint.h>
#include <stdio.h> /* before jpeglib.h, which needs it */
#include <stdlib.h>

#include <jpeglib.h>

typedef struct {
    struct jpeg_error_mgr base; /* first: the library knows only this part */
    jmp_buf back;
} handler;

static void give_up(j_common_ptr c) { longjmp(((handler *)(void *)c->err)->back, 1); }

/* The library's warnings: a file that is cut short decodes to grey stripes otherwise. */
static void on_message(j_common_ptr c, int level) {
    if (level < 0) give_up(c);
}

/* The library's errors, from now on, lead to setjmp(h->back). What outlives that must not lie in
 * the frame that calls setjmp. */
static struct jpeg_error_mgr *watch(handler *h) {
    jpeg_std_error(&h->base);
    h->base.error_exit = give_up;
    h->base.emit_message = on_message;
    return &h->base;
}

/* ---- decoding ---- */

typedef struct {
    double w, h;
    bool is_cmyk;
    unsigned char *rgb;
} picture;

static void read_pixels(struct jpeg_decompress_struct *d, picture *p) {
    if (p->w > DNX_MAX_SIDE || p->h > DNX_MAX_SIDE || p->w * p->h > DNX_MAX_PIXELS)
        give_up((j_common_ptr)d);
    d->out_color_space = JCS_RGB; /* CMYK to RGB is an error of the library's */
    jpeg_start_decompress(d);
    size_t row = (size_t)d->output_width * 3;
    p->rgb = malloc(row * d->output_height);
    if (!p->rgb) give_up((j_common_ptr)d);
    while (d->output_scanline < d->output_height) {
        JSAMPROW line = p->rgb + row * d->output_scanline;
        jpeg_read_scanlines(d, &line, 1);
    }
    jpeg_finish_decompress(d);
}

/* Reads the header, and the pixels too where they are wanted. false: one of them is broken. */
static bool decode(const unsigned char *bytes, size_t n, bool wants_pixels, picture *p) {
    struct jpeg_decompress_struct d;
    handler on_error;
    d.err = watch(&on_error);
    if (setjmp(on_error.back)) {
        jpeg_destroy_decompress(&d);
        free(p->rgb);
        return false;
    }
    jpeg_create_decompress(&d);
    jpeg_mem_src(&d, bytes, (unsigned long)n);
    jpeg_read_header(&d, TRUE);
    p->w = d.image_width;
    p->h = d.image_height;
    p->is_cmyk = d.jpeg_color_space == JCS_CMYK || d.jpeg_color_space == JCS_YCCK;
    if (wants_pixels) read_pixels(&d, p);
    jpeg_destroy_decompress(&d);
    return true;
}

bool dnx_jpeg_is(const unsigned char *bytes, size_t n) {
    return n > 3 && bytes[0] == 0xff && bytes[1] == 0xd8 && bytes[2] == 0xff;
}

bool dnx_jpeg_size(const unsigned char *bytes, size_t n, double *w, double *h) {
    picture p = {0};
    if (!decode(bytes, n, false, &p)) return false;
    *w = p.w;
    *h = p.h;
    return true;
}

bool dnx_jpeg_is_cmyk(const unsigned char *bytes, size_t n) {
    picture p = {0};
    return decode(bytes, n, false, &p) && p.is_cmyk;
}

unsigned char *dnx_jpeg_decode(const unsigned char *bytes, size_t n, int *w, int *h) {
    picture p = {0};
    if (!decode(bytes, n, true, &p)) return NULL;
    *w = (int)p.w;
    *h = (int)p.h;
    return p.rgb;
}

/* ---- encoding ---- */

static void encode(const unsigned char *rgb, int w, int h, int quality, unsigned char **bytes,
                   unsigned long *length) {
    struct jpeg_compress_struct c;
    handler on_error;
    c.err = watch(&on_error);
    if (setjmp(on_error.back)) {
        jpeg_destroy_compress(&c);
        free(*bytes);
        *bytes = NULL;
        return;
    }
    jpeg_create_compress(&c);
    jpeg_mem_dest(&c, bytes, length);
    c.image_width = (JDIMENSION)w;
    c.image_height = (JDIMENSION)h;
    c.input_components = 3;
    c.in_color_space = JCS_RGB;
    jpeg_set_defaults(&c);
    jpeg_set_quality(&c, quality, TRUE);
    jpeg_start_compress(&c, TRUE);
    while (c.next_scanline < c.image_height) {
        const unsigned char *line = rgb + (size_t)c.next_scanline * (size_t)w * 3;
        JSAMPROW row = (JSAMPROW)(uintptr_t)line; /* the library only reads it */
        jpeg_write_scanlines(&c, &row, 1);
    }
    jpeg_finish_compress(&c);
    jpeg_destroy_compress(&c);
}

unsigned char *dnx_jpeg_encode(const unsigned char *rgb, int w, int h, int quality, size_t *n) {
    unsigned char *bytes = NULL;
    unsigned long length = 0;
    encode(rgb, w, h, quality, &bytes, &length);
    *n = bytes ? length : 0;
    return bytes;
}
