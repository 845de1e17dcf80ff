#include "jpeg.h"

#include <setjmp.h>
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

bool dnx_jpeg_is(const unsigned char *bytes, size_t n) {
    return n > 3 && bytes[0] == 0xff && bytes[1] == 0xd8 && bytes[2] == 0xff;
}

static bool read_header(const unsigned char *bytes, size_t n, double *w, double *h,
                        bool *is_cmyk) {
    struct jpeg_decompress_struct d;
    handler on_error;
    d.err = jpeg_std_error(&on_error.base);
    on_error.base.error_exit = give_up;
    on_error.base.emit_message = on_message;
    if (setjmp(on_error.back)) {
        jpeg_destroy_decompress(&d);
        return false;
    }
    jpeg_create_decompress(&d);
    jpeg_mem_src(&d, bytes, (unsigned long)n);
    jpeg_read_header(&d, TRUE);
    *w = d.image_width;
    *h = d.image_height;
    *is_cmyk = d.jpeg_color_space == JCS_CMYK || d.jpeg_color_space == JCS_YCCK;
    jpeg_destroy_decompress(&d);
    return true;
}

bool dnx_jpeg_size(const unsigned char *bytes, size_t n, double *w, double *h) {
    bool is_cmyk;
    return read_header(bytes, n, w, h, &is_cmyk);
}

bool dnx_jpeg_is_cmyk(const unsigned char *bytes, size_t n) {
    double w, h;
    bool is_cmyk = false;
    return read_header(bytes, n, &w, &h, &is_cmyk) && is_cmyk;
}

unsigned char *dnx_jpeg_decode(const unsigned char *bytes, size_t n, int *w, int *h) {
    struct jpeg_decompress_struct d;
    handler on_error;
    unsigned char *volatile rgb = NULL; /* changed after setjmp */
    d.err = jpeg_std_error(&on_error.base);
    on_error.base.error_exit = give_up;
    on_error.base.emit_message = on_message;
    if (setjmp(on_error.back)) {
        jpeg_destroy_decompress(&d);
        free(rgb);
        return NULL;
    }
    jpeg_create_decompress(&d);
    jpeg_mem_src(&d, bytes, (unsigned long)n);
    jpeg_read_header(&d, TRUE);
    if (d.image_width > DNX_MAX_SIDE || d.image_height > DNX_MAX_SIDE ||
        (double)d.image_width * d.image_height > DNX_MAX_PIXELS)
        give_up((j_common_ptr)&d);
    d.out_color_space = JCS_RGB; /* CMYK to RGB is an error of the library's */
    jpeg_start_decompress(&d);
    size_t row = (size_t)d.output_width * 3;
    rgb = malloc(row * d.output_height);
    if (!rgb) give_up((j_common_ptr)&d);
    while (d.output_scanline < d.output_height) {
        JSAMPROW line = rgb + row * d.output_scanline;
        jpeg_read_scanlines(&d, &line, 1);
    }
    *w = (int)d.output_width;
    *h = (int)d.output_height;
    jpeg_finish_decompress(&d);
    jpeg_destroy_decompress(&d);
    return rgb;
}
