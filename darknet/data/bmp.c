/* bmp.c - decodes bitmaps of Windows and OS/2: a file header of 14 bytes, a header of 12 or 40 to
 * 124 bytes, a palette of up to 256 colours (B, G, R), and rows padded to a multiple of 4 bytes.
 * Rows run from the bottom up, or from the top down when the height is negative. A pixel has 1, 4,
 * 8, 16, 24 or 32 bits. With 16 or 32 bits, the header may give a mask for each channel. */
#include <stdint.h>
#include <stdlib.h>

#include "data/decoders.h"

enum { FILE_HEADER = 14, OLD_HEADER = 12, RGB = 0, RLE8, RLE4, MASKS, JPEG, PNG, ALPHA_MASKS };

typedef struct {
    uint32_t mask;
    int shift;
    uint32_t most; /* the largest value; 0 when the image lacks this channel */
} channel;

typedef struct {
    const unsigned char *palette, *rows;
    uint32_t bits, form, header, colours, colour_size;
    size_t stride;
    bool is_from_top;
    channel channel[4]; /* red, green, blue, alpha */
} bitmap;

static uint32_t number(const unsigned char *p, int bytes) {
    uint32_t v = 0;
    while (bytes--) v = v << 8 | p[bytes];
    return v;
}

/* Fills *c for this mask. Returns false when the 1 bits of the mask are not adjacent. */
static bool set_mask(channel *c, uint32_t mask) {
    *c = (channel){.mask = mask};
    if (!mask) return true;
    while (!(mask >> c->shift & 1)) c->shift++;
    c->most = mask >> c->shift;
    return (c->most & (c->most + 1)) == 0;
}

static const char *read_masks(const unsigned char *bytes, size_t n, bitmap *b) {
    static const uint32_t by_default[2][3] = {{0x7c00, 0x3e0, 0x1f}, {0xff0000, 0xff00, 0xff}};
    const bool has_alpha = b->form == ALPHA_MASKS || b->header >= 56;
    const size_t at = FILE_HEADER + 40;
    if (b->form == RGB) {
        for (int i = 0; i < 3; i++) set_mask(&b->channel[i], by_default[b->bits == 32][i]);
        return NULL;
    }
    if (n < at + 16) return DNX_WHY_CUT;
    for (size_t i = 0; i < (has_alpha ? 4 : 3); i++) {
        uint32_t mask = number(bytes + at + 4 * i, 4);
        if (!set_mask(&b->channel[i], mask) || (b->bits == 16 && mask > 0xffff))
            return DNX_WHY_BROKEN;
    }
    return NULL;
}

static const char *check_form(const bitmap *b) {
    const uint32_t bits = b->bits;
    if (b->form == RLE8 || b->form == RLE4)
        return "is a compressed BMP (RLE); save it without compression";
    if (b->form == JPEG || b->form == PNG) return "is a BMP that holds a JPEG or PNG";
    if (b->form == MASKS || b->form == ALPHA_MASKS)
        return bits == 16 || bits == 32 ? NULL : DNX_WHY_BROKEN;
    if (b->form != RGB) return DNX_WHY_BROKEN;
    return bits == 1 || bits == 4 || bits == 8 || bits == 16 || bits == 24 || bits == 32
               ? NULL
               : DNX_WHY_BROKEN;
}

static const char *read_header(const unsigned char *bytes, size_t n, bitmap *b, dnx_image *image) {
    if (n < FILE_HEADER + OLD_HEADER) return DNX_WHY_CUT;
    b->header = number(bytes + FILE_HEADER, 4);
    const bool is_old = b->header == OLD_HEADER;
    if (!is_old && (b->header < 40 || b->header > 124)) return DNX_WHY_BROKEN;
    if (n < FILE_HEADER + b->header) return DNX_WHY_CUT;
    double w = number(bytes + 18, is_old ? 2 : 4);
    double h = number(bytes + (is_old ? 20 : 22), is_old ? 2 : 4);
    b->is_from_top = h >= 2147483648.0;
    if (b->is_from_top) h = 4294967296.0 - h;
    b->bits = number(bytes + (is_old ? 24 : 28), 2);
    b->form = is_old ? RGB : number(bytes + 30, 4);
    b->colours = is_old ? 0 : number(bytes + 46, 4);
    b->colour_size = is_old ? 3 : 4;
    const char *why = dnx_image_claim(image, w, h);
    return why ? why : check_form(b);
}

static const char *find_parts(const unsigned char *bytes, size_t n, bitmap *b,
                              const dnx_image *image) {
    const size_t rows = number(bytes + 10, 4), start = FILE_HEADER + b->header;
    const size_t used = ((size_t)image->w * b->bits + 7) / 8, h = (size_t)image->h;
    b->stride = (used + 3) / 4 * 4;
    if (rows < start) return DNX_WHY_BROKEN;
    if (rows > n || n - rows < b->stride * (h - 1) + used) return DNX_WHY_CUT;
    b->rows = bytes + rows;
    if (b->bits == 16 || b->bits == 32) return read_masks(bytes, n, b);
    if (b->bits == 24) return NULL;
    const uint32_t most = 1u << b->bits, entries = (uint32_t)((rows - start) / b->colour_size);
    if (!b->colours || b->colours > most) b->colours = most;
    if (b->colours > entries) b->colours = entries;
    b->palette = bytes + start;
    return NULL;
}

/* ---- rows ---- */

static unsigned scaled(const channel *c, uint32_t pixel) {
    const uint64_t v = (pixel & c->mask) >> c->shift;
    return c->most ? (unsigned)((v * 255 + c->most / 2) / c->most) : 0;
}

static void masked_row(const bitmap *b, const unsigned char *row, int w, unsigned char *rgb) {
    const int bytes = (int)b->bits / 8;
    for (int x = 0; x < w; x++) {
        const uint32_t pixel = number(row + x * bytes, bytes);
        const unsigned a = b->channel[3].most ? scaled(&b->channel[3], pixel) : 255;
        for (int c = 0; c < 3; c++) *rgb++ = dnx_over_black(scaled(&b->channel[c], pixel), a);
    }
}

static bool palette_row(const bitmap *b, const unsigned char *row, int w, unsigned char *rgb) {
    const unsigned bits = b->bits, most = (1u << bits) - 1;
    for (unsigned x = 0; x < (unsigned)w; x++) {
        const unsigned k = row[x * bits / 8] >> (8 - bits - x * bits % 8) & most;
        if (k >= b->colours) return false;
        for (unsigned c = 0; c < 3; c++) *rgb++ = b->palette[k * b->colour_size + 2 - c];
    }
    return true;
}

static void bgr_row(const unsigned char *row, int w, unsigned char *rgb) {
    for (int x = 0; x < w; x++)
        for (int c = 0; c < 3; c++) *rgb++ = row[3 * x + 2 - c];
}

static const char *read_rows(const bitmap *b, dnx_image *image) {
    const int w = image->w, h = image->h;
    image->rgb = malloc((size_t)w * (size_t)h * 3);
    if (!image->rgb) return DNX_WHY_MEMORY;
    for (int y = 0; y < h; y++) {
        const unsigned char *row = b->rows + b->stride * (size_t)(b->is_from_top ? y : h - 1 - y);
        unsigned char *to = image->rgb + (size_t)y * (size_t)w * 3;
        if (b->bits == 24) bgr_row(row, w, to);
        else if (b->bits > 8) masked_row(b, row, w, to);
        else if (!palette_row(b, row, w, to)) return DNX_WHY_PALETTE;
    }
    return NULL;
}

const char *dnx_bmp_decode(const unsigned char *bytes, size_t n, dnx_image *image) {
    bitmap b = {0};
    const char *why = read_header(bytes, n, &b, image);
    if (!why) why = find_parts(bytes, n, &b, image);
    if (!why) why = read_rows(&b, image);
    if (why) dnx_image_free(image);
    return why;
}
