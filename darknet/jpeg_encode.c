#include "jpeg_encode.h"

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

static void on_message(j_common_ptr c, int level) {
    (void)c;
    (void)level;
}

/* bytes and length outlive the longjmp: they are not in the frame that calls setjmp. */
static void encode(const unsigned char *rgb, int w, int h, int quality, unsigned char **bytes,
                   unsigned long *length) {
    struct jpeg_compress_struct c;
    handler on_error;
    c.err = jpeg_std_error(&on_error.base);
    on_error.base.error_exit = give_up;
    on_error.base.emit_message = on_message;
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
