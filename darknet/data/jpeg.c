/* jpeg.c - decodes and encodes JPEG with libjpeg-turbo. */
#include "data/jpeg.h"

#include <setjmp.h>
#include <stdint.h>
#include <stdio.h> /* must come before jpeglib.h, which needs FILE */
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>

#include "data/decoders.h"

typedef struct {
    struct jpeg_error_mgr
        base; /* must be first: give_up() casts its address to a handler pointer */
    jmp_buf back;
} handler;

static void give_up(j_common_ptr c) { longjmp(((handler *)(void *)c->err)->back, 1); }

/* Treats a warning (level < 0) as an error: otherwise a truncated file would decode to grey
 * stripes. */
static void on_message(j_common_ptr c, int level) {
    if (level < 0) give_up(c);
}

/* After this call, an error of libjpeg jumps to setjmp(h->back). */
static struct jpeg_error_mgr *watch(handler *h) {
    jpeg_std_error(&h->base);
    h->base.error_exit = give_up;
    h->base.emit_message = on_message;
    return &h->base;
}

/* ---- decoding ---- */

typedef struct {
    dnx_image *image;
    int orientation;
    const char *why;
} picture;

static void refuse(j_decompress_ptr d, picture *p, const char *why) {
    p->why = why;
    give_up((j_common_ptr)d);
}

/* Refuses files with too many scans, because each scan takes time for the complete picture. */
static void count_scans(j_common_ptr c) {
    enum { MOST_SCANS = 100 }; /* encoders write about ten scans */
    if (((j_decompress_ptr)(void *)c)->input_scan_number > MOST_SCANS) give_up(c);
}

static int find_orientation(j_decompress_ptr d) {
    for (jpeg_saved_marker_ptr m = d->marker_list; m; m = m->next)
        if (m->data_length > 6 && !memcmp(m->data, "Exif\0\0", 6))
            return dnx_exif_orientation(m->data + 6, m->data_length - 6);
    return 1;
}

/* Refuses files that are too short: a Huffman-coded block of 8 x 8 pixels has at least one bit. */
static void check_header(j_decompress_ptr d, size_t n, picture *p) {
    enum { MOST_PIXELS_A_BYTE = 8 * 64 };
    const double w = d->image_width, h = d->image_height;
    const char *why = dnx_image_claim(p->image, w, h);
    if (why) refuse(d, p, why);
    if (!d->arith_code && (double)n * MOST_PIXELS_A_BYTE < w * h) refuse(d, p, DNX_WHY_CUT);
}

/* Converts n pixels. Adobe's programs store 255 minus each ink, and other programs do the same. */
static void cmyk_to_rgb(const unsigned char *inks, size_t n, unsigned char *rgb) {
    for (size_t i = 0; i < n; i++, inks += 4)
        for (int c = 0; c < 3; c++) *rgb++ = dnx_over_black(inks[c], inks[3]);
}

static void read_pixels(j_decompress_ptr d, picture *p) {
    dnx_image *image = p->image;
    const bool is_cmyk = d->jpeg_color_space == JCS_CMYK || d->jpeg_color_space == JCS_YCCK;
    d->out_color_space = is_cmyk ? JCS_CMYK : JCS_RGB;
    d->scale_num = 1;
    d->scale_denom = (unsigned)image->shrink;
    jpeg_start_decompress(d);
    image->w = (int)d->output_width;
    image->h = (int)d->output_height;
    size_t row = (size_t)d->output_width * 3;
    image->rgb = malloc(row * d->output_height);
    if (!image->rgb) refuse(d, p, DNX_WHY_MEMORY);
    JSAMPARRAY inks =
        is_cmyk ? d->mem->alloc_sarray((j_common_ptr)d, JPOOL_IMAGE, d->output_width * 4, 1) : NULL;
    while (d->output_scanline < d->output_height) {
        JSAMPROW line = image->rgb + row * d->output_scanline;
        jpeg_read_scanlines(d, inks ? inks : &line, 1);
        if (inks) cmyk_to_rgb(inks[0], d->output_width, line);
    }
    jpeg_finish_decompress(d);
}

static void decode(const unsigned char *bytes, size_t n, picture *p) {
    struct jpeg_decompress_struct d;
    struct jpeg_progress_mgr progress = {.progress_monitor = count_scans};
    handler on_error;
    d.err = watch(&on_error);
    if (setjmp(on_error.back)) {
        jpeg_destroy_decompress(&d);
        if (!p->why) p->why = DNX_WHY_BROKEN;
        return;
    }
    jpeg_create_decompress(&d);
    d.progress = &progress;
    jpeg_mem_src(&d, bytes, (unsigned long)n);
    jpeg_save_markers(&d, JPEG_APP0 + 1, 0xffff);
    jpeg_read_header(&d, TRUE);
    check_header(&d, n, p);
    p->orientation = find_orientation(&d);
    read_pixels(&d, p);
    jpeg_destroy_decompress(&d);
}

const char *dnx_jpeg_decode(const unsigned char *bytes, size_t n, dnx_image *image,
                            int *orientation) {
    picture p = {.image = image, .orientation = 1};
    decode(bytes, n, &p);
    *orientation = p.orientation;
    if (p.why) dnx_image_free(image);
    return p.why;
}

/* ---- encoding ---- */

/* Writes the JPEG to f. Returns false on failure. */
static bool encode(const unsigned char *rgb, int w, int h, int quality, FILE *f) {
    struct jpeg_compress_struct c;
    handler on_error;
    c.err = watch(&on_error);
    if (setjmp(on_error.back)) {
        jpeg_destroy_compress(&c);
        return false;
    }
    jpeg_create_compress(&c);
    jpeg_stdio_dest(&c, f);
    c.image_width = (JDIMENSION)w;
    c.image_height = (JDIMENSION)h;
    c.input_components = 3;
    c.in_color_space = JCS_RGB;
    jpeg_set_defaults(&c);
    jpeg_set_quality(&c, quality, TRUE);
    jpeg_start_compress(&c, TRUE);
    while (c.next_scanline < c.image_height) {
        const unsigned char *line = rgb + (size_t)c.next_scanline * (size_t)w * 3;
        JSAMPROW row = (JSAMPROW)(uintptr_t)line; /* libjpeg only reads the row */
        jpeg_write_scanlines(&c, &row, 1);
    }
    jpeg_finish_compress(&c);
    jpeg_destroy_compress(&c);
    return true;
}

/* Does not use jpeg_mem_dest(): after an error, its caller cannot free the memory. */
unsigned char *dnx_jpeg_encode(const unsigned char *rgb, int w, int h, int quality, size_t *n) {
    char *bytes = NULL;
    FILE *f = open_memstream(&bytes, n);
    bool ok = f && encode(rgb, w, h, quality, f);
    if (f && fclose(f)) ok = false;
    if (ok) return (unsigned char *)bytes;
    free(bytes);
    return NULL;
}
