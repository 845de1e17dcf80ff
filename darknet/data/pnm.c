/* pnm.c - decodes portable maps: bits (P1, P4), grey (P2, P5) and RGB (P3, P6). P1 to P3 store
 * numbers as text, P4 to P6 as bytes. Only the first picture of a file is read. */
#include <ctype.h>
#include <stdlib.h>

#include "data/decoders.h"

typedef struct {
    const unsigned char *p, *end;
    bool is_text, is_bits;
    int channels;
    unsigned most; /* the value of white */
} map;

static void skip_space(map *m) {
    while (m->p < m->end && (isspace(*m->p) || *m->p == '#'))
        if (*m->p++ == '#')
            while (m->p < m->end && *m->p != '\n') m->p++;
}

/* Reads a whole number after white space and comments. Returns false when there is no digit. A
 * number above 1e8 is not exact but stays above 1e8, which is refused later. */
static bool take_number(map *m, double *v) {
    skip_space(m);
    if (m->p >= m->end || !isdigit(*m->p)) return false;
    for (*v = 0; m->p < m->end && isdigit(*m->p); m->p++)
        if (*v < 1e8) *v = *v * 10 + (*m->p - '0');
    return true;
}

static const char *missing(const map *m) { return m->p < m->end ? DNX_WHY_BROKEN : DNX_WHY_CUT; }

static const char *read_header(map *m, dnx_image *image) {
    const int kind = m->p[1] - '0';
    double w, h, most = 1;
    m->is_text = kind <= 3;
    m->is_bits = kind == 1 || kind == 4;
    m->channels = kind == 3 || kind == 6 ? 3 : 1;
    m->p += 2;
    if (m->p < m->end && !isspace(*m->p) && *m->p != '#') return DNX_WHY_BROKEN;
    if (!take_number(m, &w) || !take_number(m, &h)) return missing(m);
    if (!m->is_bits && !take_number(m, &most)) return missing(m);
    if (!(most >= 1 && most <= 65535)) return DNX_WHY_BROKEN;
    m->most = (unsigned)most;
    if (m->p >= m->end) return DNX_WHY_CUT;
    /* After one byte of white space the pixels begin. */
    if (!isspace(*m->p++)) return DNX_WHY_BROKEN;
    return dnx_image_claim(image, w, h);
}

/* Returns the smallest number of bytes that w x h pixels can take in the file. */
static double least(const map *m, double w, double h) {
    const double n = w * h * m->channels;
    if (m->is_bits) return m->is_text ? n : (double)(((long)w + 7) / 8) * h;
    return m->is_text ? 2 * n - 1 : m->most > 255 ? 2 * n : n;
}

static unsigned char scaled(const map *m, unsigned v) {
    return (unsigned char)((v * 255 + m->most / 2) / m->most);
}

/* Reads the next sample and scales it to 0..255. In a bitmap (P1 and P4), 1 is black. x: the
 * pixel's column, which selects a bit in P4. */
static const char *take_sample(map *m, unsigned x, unsigned char *to) {
    unsigned v;
    double number;
    if (m->is_bits && m->is_text) {
        skip_space(m);
        if (m->p >= m->end) return DNX_WHY_CUT;
        if (*m->p != '0' && *m->p != '1') return DNX_WHY_BROKEN;
        v = *m->p++ == '0';
    } else if (m->is_bits) {
        v = ~((unsigned)m->p[x / 8] >> (7 - x % 8)) & 1;
    } else if (m->is_text) {
        if (!take_number(m, &number)) return missing(m);
        v = (unsigned)number;
    } else {
        v = *m->p++;
        if (m->most > 255) v = v << 8 | *m->p++;
    }
    if (v > m->most) return "has a value above its maximum";
    *to = scaled(m, v);
    return NULL;
}

static const char *read_row(map *m, unsigned w, unsigned char *rgb) {
    const char *why = NULL;
    for (unsigned x = 0; !why && x < w; x++, rgb += 3) {
        for (int c = 0; !why && c < m->channels; c++) why = take_sample(m, x, rgb + c);
        if (m->channels == 1) rgb[1] = rgb[2] = rgb[0];
    }
    if (m->is_bits && !m->is_text) m->p += (w + 7) / 8;
    return why;
}

const char *dnx_pnm_decode(const unsigned char *bytes, size_t n, dnx_image *image) {
    map m = {.p = bytes, .end = bytes + n};
    const char *why = n < 2 ? DNX_WHY_CUT : read_header(&m, image);
    if (why) return why;
    const size_t w = (size_t)image->w, h = (size_t)image->h;
    if ((double)(m.end - m.p) < least(&m, (double)w, (double)h)) return DNX_WHY_CUT;
    image->rgb = malloc(w * h * 3);
    if (!image->rgb) return DNX_WHY_MEMORY;
    for (size_t y = 0; !why && y < h; y++) why = read_row(&m, (unsigned)w, image->rgb + y * w * 3);
    if (why) dnx_image_free(image);
    return why;
}
