#include "pixels.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "jpeg.h"

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

bool dnx_image_size(const unsigned char *b, size_t n, double *w, double *h) {
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

static bool is_huge(const unsigned char *bytes, size_t n) {
    double w, h;
    return dnx_image_size(bytes, n, &w, &h) &&
           (w > DNX_MAX_SIDE || h > DNX_MAX_SIDE || w * h > DNX_MAX_PIXELS);
}

/* dnx_jpeg_decode refuses huge images itself; the host's decoder would try. */
static unsigned char *decode(const unsigned char *bytes, size_t n, const dnx_decoder *decoder,
                             int *w, int *h, const char **why) {
    bool is_jpeg = dnx_jpeg_is(bytes, n);
    unsigned char *rgb = is_jpeg             ? dnx_jpeg_decode(bytes, n, w, h)
                         : is_huge(bytes, n) ? NULL
                                             : decoder->other(bytes, n, w, h);
    if (rgb) return rgb;
    *why = is_huge(bytes, n)                        ? "claims more pixels than an image may have"
           : is_jpeg && dnx_jpeg_is_cmyk(bytes, n) ? "is CMYK, not RGB or grey"
                                                    : "cannot be decoded";
    return NULL;
}

static void normalise(const dnx_net *net, const float *rgb, float *out) {
    const size_t n = (size_t)net->in.w * (size_t)net->in.h;
    const float mean = net->o.input_mean, scale = net->o.input_scale;
    if (net->in.c == 1)
        for (size_t i = 0; i < n; i++, rgb += 3)
            out[i] = (.299f * rgb[0] + .587f * rgb[1] + .114f * rgb[2] - mean) * scale;
    else
        for (size_t i = 0; i < 3 * n; i++) out[i] = (rgb[i] - mean) * scale;
}

const char *dnx_image_load(const dnx_data *d, size_t i, const dnx_net *net, const dnx_look *look,
                           const dnx_decoder *decoder, float *scratch, float *out) {
    size_t len = 0;
    int w = 0, h = 0;
    const char *why = NULL;
    unsigned char *bytes = dnx_data_bytes(d, i, &len, &why);
    if (!bytes) return why;
    bool is_jpeg = dnx_jpeg_is(bytes, len);
    unsigned char *rgb = decode(bytes, len, decoder, &w, &h, &why);
    free(bytes);
    if (!rgb) return why;
    if (w < 1 || h < 1 || w > DNX_MAX_SIDE || h > DNX_MAX_SIDE) why = "cannot be decoded";
    else {
        dnx_augment_place(look, rgb, w, h, net->in.w, net->in.h, scratch);
        dnx_augment_paint(look, net->in.w, net->in.h, scratch,
                          scratch + (size_t)net->in.w * (size_t)net->in.h * 3);
        normalise(net, scratch, out);
    }
    if (is_jpeg) free(rgb);
    else decoder->free_other(rgb);
    return why;
}

bool dnx_data_image(const dnx_data *d, size_t i, const dnx_net *net, bool mirrored,
                    dnx_decode *other, void (*free_other)(unsigned char *), float *out) {
    const dnx_look look = {.mirrored = mirrored, .is_centered = net->o.center, .saturation = 1,
                           .exposure = 1, .shrink = 1};
    float *scratch = dnx_alloc((size_t)net->in.w * (size_t)net->in.h * 3 * 2);
    bool ok = scratch && !dnx_image_load(d, i, net, &look, &(dnx_decoder){other, free_other},
                                         scratch, out);
    dnx_free(scratch);
    return ok;
}
