/* shrunk.c - halves an image, and cuts out pieces of any size. */
#include "face/shrunk.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Stores the means of 2 x 2 pixels of rows a and b. */
static void halve_row(const unsigned char *a, const unsigned char *b, int w, unsigned char *out) {
    for (int x = 0; x + 1 < w; x += 2, a += 6, b += 6, out += 3)
        for (int c = 0; c < 3; c++)
            out[c] = (unsigned char)((a[c] + a[c + 3] + b[c] + b[c + 3] + 2) / 4);
    for (int c = 0; w % 2 && c < 3; c++) out[c] = (unsigned char)((a[c] + b[c] + 1) / 2);
}

static bool halve(const dnx_image *from, dnx_image *to) {
    const size_t row = (size_t)from->w * 3;
    to->w = (from->w + 1) / 2;
    to->h = (from->h + 1) / 2;
    to->rgb = malloc((size_t)to->w * (size_t)to->h * 3);
    if (!to->rgb) return false;
    for (int y = 0; y < to->h; y++) {
        const unsigned char *a = from->rgb + 2 * (size_t)y * row;
        halve_row(a, 2 * y + 1 < from->h ? a + row : a, from->w,
                  to->rgb + (size_t)y * (size_t)to->w * 3);
    }
    return true;
}

bool dnx_shrunk_make(dnx_shrunk *s, const dnx_image *image) {
    *s = (dnx_shrunk){.n = 1};
    s->half[0] = *image;
    for (; s->half[s->n - 1].w > 1 || s->half[s->n - 1].h > 1; s->n++)
        if (!halve(&s->half[s->n - 1], &s->half[s->n])) return false;
    return true;
}

void dnx_shrunk_free(dnx_shrunk *s) {
    for (int i = 1; i < s->n; i++) dnx_image_free(&s->half[i]);
    s->n = 0;
}

enum { TAPS = 4, REACH = 2 * DNX_PIECE_MOST + 8 };

/* The n weights of an output pixel along one axis: w[0] pixel[first] + w[1] pixel[first + 1] ... */
typedef struct {
    int first, n;
    float w[TAPS];
} taps;

/* For shrinking (step >= 1): output i is the mean of the pixels from at + i * step to
 * at + (i + 1) * step. */
static void average(double at, double step, int i, taps *t) {
    const double lo = at + i * step, hi = lo + step;
    t->first = (int)floor(lo);
    t->n = 0;
    for (int p = t->first; p < hi && t->n < TAPS; p++)
        t->w[t->n++] = (float)((fmin(hi, p + 1) - fmax(lo, p)) / step);
}

/* For enlarging (step < 1): output i of n is interpolated between two neighbouring pixels. The
 * piece begins at pixel `at`. */
static void interpolate(double at, double step, int i, int n, taps *t) {
    const double last = at + n * step - 1;
    double c = fmin(fmax(at + (i + .5) * step - .5, at), fmax(last, at));
    t->first = (int)floor(c);
    t->n = 2;
    t->w[1] = (float)(c - t->first);
    t->w[0] = 1 - t->w[1];
}

/* Removes the weights of pixels outside of 0..len-1, so that these pixels count as black. */
static void clip(taps *t, int len) {
    int before = t->first < 0 ? -t->first : 0;
    if (before > t->n) before = t->n;
    t->n -= before;
    memmove(t->w, t->w + before, sizeof *t->w * (size_t)t->n);
    t->first += before;
    if (t->first + t->n > len) t->n = t->first < len ? len - t->first : 0;
}

static void axis(double at, double step, int n, int len, taps *t) {
    for (int i = 0; i < n; i++, t++) {
        if (step >= 1) average(at, step, i, t);
        else interpolate(at, step, i, n, t);
        clip(t, len);
    }
}

/* Sets sum[i] to the weighted sum of byte lo + i of the rows in t, for 0 <= i < hi - lo. */
static void add_rows(const dnx_image *image, const taps *t, size_t lo, size_t hi, float *sum) {
    memset(sum, 0, sizeof *sum * (hi - lo));
    for (int k = 0; k < t->n; k++) {
        const unsigned char *row = image->rgb + (size_t)(t->first + k) * (size_t)image->w * 3 + lo;
        const float w = t->w[k];
        for (size_t i = 0; i < hi - lo; i++) sum[i] += w * (float)row[i];
    }
}

void dnx_shrunk_piece(const dnx_shrunk *s, dnx_rectangle r, int W, int H, float *out, size_t ld) {
    taps across[DNX_PIECE_MOST], down[DNX_PIECE_MOST];
    float sum[REACH * 3];
    int k = 0;
    while (k + 1 < s->n && fmax(r.w / W, r.h / H) >= 2 * (1 << k)) k++;
    const dnx_image *image = &s->half[k];
    const double by = 1. / (1 << k);
    axis(r.x * by, r.w * by / W, W, image->w, across);
    axis(r.y * by, r.h * by / H, H, image->h, down);
    int lo = image->w, hi = 0;
    for (int i = 0; i < W; i++) {
        if (!across[i].n) continue;
        if (across[i].first < lo) lo = across[i].first;
        if (across[i].first + across[i].n > hi) hi = across[i].first + across[i].n;
    }
    if (lo > hi) lo = hi;
    for (int j = 0; j < H; j++, out += ld) {
        add_rows(image, &down[j], (size_t)lo * 3, (size_t)hi * 3, sum);
        for (int i = 0; i < W; i++) {
            const float *from = sum + (ptrdiff_t)(across[i].first - lo) * 3;
            float v[3] = {0};
            for (int t = 0; t < across[i].n; t++, from += 3)
                for (int c = 0; c < 3; c++) v[c] += across[i].w[t] * from[c];
            for (int c = 0; c < 3; c++) out[3 * i + c] = (v[c] - 127.5f) * 0.0078125f;
        }
    }
}
