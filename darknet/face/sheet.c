/* sheet.c - draws contact sheets. */
#include "face/sheet.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/outfile.h"
#include "data/jpeg.h"
#include "face/opencv.h"

static const unsigned char colours[6][3] = {{0, 158, 115},   {213, 94, 0},  {0, 114, 178},
                                            {204, 121, 167}, {230, 159, 0}, {86, 180, 233}};

bool dnx_sheet_make(dnx_image *sheet, int w, int h) {
    const size_t size = (size_t)w * (size_t)h * 3;
    *sheet = (dnx_image){.w = w, .h = h, .rgb = malloc(size)};
    if (sheet->rgb) memset(sheet->rgb, 255, size);
    return sheet->rgb;
}

static void put(dnx_image *sheet, int x, int y, const unsigned char *colour) {
    if (x < 0 || y < 0 || x >= sheet->w || y >= sheet->h) return;
    memcpy(sheet->rgb + ((size_t)y * (size_t)sheet->w + (size_t)x) * 3, colour, 3);
}

void dnx_sheet_paste(dnx_image *sheet, const unsigned char *rgb, int w, int h, int x, int y) {
    for (int j = 0; j < h; j++)
        for (int i = 0; i < w; i++, rgb += 3) put(sheet, x + i, y + j, rgb);
}

void dnx_sheet_box_plain(dnx_image *sheet, int x1, int y1, int x2, int y2, int t, size_t colour) {
    for (int y = y1; y <= y2; y++)
        for (int x = x1; x <= x2; x++)
            if (x < x1 + t || x > x2 - t || y < y1 + t || y > y2 - t)
                put(sheet, x, y, colours[colour % 6]);
}

void dnx_sheet_box(dnx_image *sheet, int x1, int y1, int x2, int y2, int t, size_t colour) {
    const dnx_outline o = {x1, y1, x2, y2, t, colours[colour % 6]};
    if (!dnx_box_opencv(sheet->rgb, sheet->w, sheet->h, &o))
        dnx_sheet_box_plain(sheet, x1, y1, x2, y2, t, colour);
}

/* Draws the photograph at scale `by`, in pieces that are small enough for dnx_shrunk_piece(). */
static void draw_photo(dnx_image *sheet, const dnx_shrunk *image, double by, int w, int h, int left,
                       int top) {
    static const int most = DNX_PIECE_MOST / 2;
    float piece[DNX_PIECE_MOST / 2 * (DNX_PIECE_MOST / 2) * 3];
    for (int y = 0; y < h; y += most)
        for (int x = 0; x < w; x += most) {
            const int pw = w - x < most ? w - x : most, ph = h - y < most ? h - y : most;
            const dnx_rectangle r = {x / by, y / by, pw / by, ph / by};
            dnx_shrunk_piece(image, r, pw, ph, piece, (size_t)pw * 3);
            for (int i = 0; i < pw * ph; i++) {
                unsigned char pixel[3];
                for (int c = 0; c < 3; c++)
                    pixel[c] = (unsigned char)(piece[3 * i + c] * 128 + 128);
                put(sheet, left + x + i % pw, top + y + i / pw, pixel);
            }
        }
}

double dnx_sheet_photo(dnx_image *sheet, const dnx_shrunk *image, const dnx_found *faces, size_t n,
                       int side, int x, int y) {
    const dnx_image *full = &image->half[0];
    const double by = fmin(2, (double)side / (full->w > full->h ? full->w : full->h));
    const int w = (int)fmax(1, full->w * by), h = (int)fmax(1, full->h * by);
    draw_photo(sheet, image, by, w, h, x, y);
    for (size_t i = 0; i < n; i++) {
        const dnx_found *f = &faces[i];
        dnx_sheet_box(sheet, x + (int)(f->x1 * by), y + (int)(f->y1 * by), x + (int)(f->x2 * by),
                      y + (int)(f->y2 * by), 2, i);
        for (int k = 0; k < DNX_POINTS; k++) {
            const int px = x + (int)(f->points.x[k] * by), py = y + (int)(f->points.y[k] * by);
            dnx_sheet_box(sheet, px - 1, py - 1, px + 1, py + 1, 2, i);
        }
    }
    return by;
}

dnx_status dnx_sheet_write(const dnx_image *sheet, const char *path, dnx_err *err) {
    enum { QUALITY = 92 };
    size_t n;
    unsigned char *bytes = dnx_jpeg_encode(sheet->rgb, sheet->w, sheet->h, QUALITY, &n);
    dnx_status st = bytes ? dnx_outfile_write(path, bytes, n, err)
                          : dnx_fail_at(err, DNX_EMEM, path, "no memory for the sheet");
    free(bytes);
    return st;
}
