/* test_faces.c - tests the code around the networks that find faces: boxes, pieces of an image, the
 * pyramid, warps, crops, shrunk JPEGs and the record of found faces. With OPENCV=1 also compares
 * warps with OpenCV's. */
#include "data/jpeg.h"
#include "face/boxes.h"
#include "face/crop.h"
#include "face/found.h"
#include "face/opencv.h"
#include "face/pyramid.h"
#include "face/sheet.h"
#include "face/shrunk.h"
#include "face/warp.h"
#include "lib/check.h"

static dnx_rng r;
static double uniform(double lo, double hi) { return lo + (hi - lo) * (double)dnx_rng_uniform(&r); }

/* ---- boxes ---- */

/* Counts pixels. Returns the overlap: common pixels divided by all pixels, or with by_minimum by
 * the pixels of the smaller box. Coordinates are integers from 0 to 59. */
static double counted(const dnx_box *a, const dnx_box *b, bool by_minimum) {
    long in = 0, of_a = 0, of_b = 0;
    for (int y = 0; y < 60; y++)
        for (int x = 0; x < 60; x++) {
            bool p = x >= a->x1 && x <= a->x2 && y >= a->y1 && y <= a->y2;
            bool q = x >= b->x1 && x <= b->x2 && y >= b->y1 && y <= b->y2;
            in += p && q, of_a += p, of_b += q;
        }
    long smaller = of_a < of_b ? of_a : of_b;
    return (double)in / (double)(by_minimum ? smaller : of_a + of_b - in);
}

/* Keeps the boxes of highest score, and drops each box that overlaps a kept box by more than
 * `most`. Returns the number of boxes in out[]. */
static size_t naive(const dnx_box *all, size_t n, double most, bool by_minimum, dnx_box *out) {
    bool gone[40] = {false};
    size_t kept = 0;
    for (;;) {
        size_t best = n;
        for (size_t i = 0; i < n; i++)
            if (!gone[i] && (best == n || all[i].score > all[best].score)) best = i;
        if (best == n) return kept;
        gone[best] = true;
        out[kept++] = all[best];
        for (size_t i = 0; i < n; i++)
            if (!gone[i] && counted(&all[best], &all[i], by_minimum) > most) gone[i] = true;
    }
}

static void test_suppression(void) {
    for (int k = 0; k < 60; k++) {
        dnx_boxes l = {0};
        dnx_box all[40], want[40];
        size_t first = k % 3, n = 5 + (size_t)uniform(0, 34);
        for (size_t i = 0; i < n; i++) {
            double x = floor(uniform(0, 30)), y = floor(uniform(0, 30));
            all[i] = (dnx_box){x, y, x + floor(uniform(4, 28)), y + floor(uniform(4, 28)),
                               uniform(0, 1)};
            must(dnx_boxes_add(&l, &all[i]), "memory");
        }
        double most = k % 2 ? .5 : .3;
        size_t left = naive(all + first, n - first, most, k % 4 > 1, want);
        dnx_boxes_suppress(&l, first, most, k % 4 > 1 ? DNX_BY_SMALLER_BOX : DNX_BY_UNION);
        bool same = l.n == first + left && !memcmp(l.box, all, sizeof *all * first) &&
                    !memcmp(l.box + first, want, sizeof *want * left);
        check(same, "suppression %d: %zu of %zu left, want %zu", k, l.n - first, n, left);
        dnx_boxes_free(&l);
    }
}

static void test_one_box(void) {
    dnx_box b = {.x1 = 10, .y1 = 20, .x2 = 29, .y2 = 59, .shift = {.1, -.2, .5, .25}}, c = b;
    dnx_box_calibrate(&b, 1);
    check(b.x1 == 12 && b.y1 == 12 && b.x2 == 39 && b.y2 == 69, "calibrated with 1: %g %g %g %g",
          b.x1, b.y1, b.x2, b.y2);
    dnx_box_calibrate(&c, 0);
    check(fabs(c.x1 - 11.9) < 1e-12 && fabs(c.y2 - 68.75) < 1e-12, "calibrated with 0: %g %g", c.x1,
          c.y2);
    dnx_box_square(&b);
    check(b.x1 == -3 && b.y1 == 12 && b.x2 == 54 && b.y2 == 69, "squared: %g %g %g %g", b.x1, b.y1,
          b.x2, b.y2);
}

/* ---- images ---- */

static dnx_image noise(int w, int h) {
    dnx_image im = {.w = w, .h = h, .rgb = malloc((size_t)w * (size_t)h * 3)};
    must(im.rgb != NULL, "memory");
    for (long i = 0; i < (long)w * h * 3; i++) im.rgb[i] = (unsigned char)uniform(0, 256);
    return im;
}

/* Returns the mean of channel c over a rectangle, mapped from 0..255 to about -1 to 1. Outside of
 * the image the channel is 0. */
static double mean_of(const dnx_image *im, double x, double y, double w, double h, int c) {
    enum { N = 64 };
    double sum = 0;
    for (int j = 0; j < N; j++)
        for (int i = 0; i < N; i++) {
            int px = (int)floor(x + w * (i + .5) / N), py = (int)floor(y + h * (j + .5) / N);
            if (px >= 0 && py >= 0 && px < im->w && py < im->h)
                sum += im->rgb[(py * im->w + px) * 3 + c];
        }
    return (sum / (N * N) - 127.5) / 128;
}

static void test_pieces(void) {
    static float out[40 * 200];
    const double at[][4] = {{0, 0, 37, 29}, {-7, 5, 50, 30}, {3, -6, 20, 41}, {30, 20, 24, 24}};
    dnx_image im = noise(37, 29);
    dnx_shrunk s;
    must(dnx_shrunk_make(&s, &im), "halves");
    check(s.n == 7 && s.half[1].w == 19 && s.half[1].h == 15 && s.half[6].w == 1, "%d halves", s.n);
    for (int k = 0; k < 4; k++) {
        double worst = 0;
        const double *b = at[k];
        int W = (int)(b[2] / 1.6), H = (int)(b[3] / 1.6);
        dnx_shrunk_piece(&s, (dnx_rectangle){b[0], b[1], b[2], b[3]}, W, H, out, 200);
        for (int y = 0; y < H; y++)
            for (int x = 0; x < 3 * W; x++)
                worst = fmax(worst, fabs((double)out[y * 200 + x] -
                                         mean_of(&im, b[0] + (x / 3) * b[2] / W,
                                                 b[1] + y * b[3] / H, b[2] / W, b[3] / H, x % 3)));
        check(worst < .05, "piece %d differs by %g from the mean", k, worst);
    }
    dnx_shrunk_piece(&s, (dnx_rectangle){4, 6, 10, 8}, 10, 8, out, 200);
    bool same = true;
    for (int y = 0; y < 8; y++)
        for (int x = 0; x < 30; x++)
            same &= out[y * 200 + x] == ((float)im.rgb[(y + 6) * 37 * 3 + 12 + x] - 127.5f) / 128;
    check(same, "a piece of its own size is a copy");
    /* a piece larger than the image */
    dnx_shrunk_piece(&s, (dnx_rectangle){0, 0, 37, 29}, 200 / 3, 30, out, 200);
    for (int i = 0; i < 30 * 200; i++) same &= out[i] >= -1 && out[i] <= 1;
    check(same, "an enlarged piece stays within the colours");
    dnx_shrunk_free(&s);
    dnx_image_free(&im);
}

/* A constant image keeps its colour in the halved copies and in a piece. */
static void test_halves(void) {
    for (int w = 1; w < 70; w += 3) {
        dnx_image im = noise(w, 71 - w);
        dnx_shrunk s;
        static float out[24 * 72];
        memset(im.rgb, 200, (size_t)w * (size_t)(71 - w) * 3);
        must(dnx_shrunk_make(&s, &im), "halves");
        bool ok = s.half[s.n - 1].w == 1 && s.half[s.n - 1].h == 1;
        for (int k = 0; k < s.n; k++) ok &= s.half[k].rgb[0] == 200;
        dnx_shrunk_piece(&s, (dnx_rectangle){0, 0, w, 71 - w}, 24, 24, out, 72);
        for (int i = 0; i < 24 * 72; i++) ok &= fabsf(out[i] - 72.5f / 128) < 1e-5f;
        check(ok, "%d x %d", w, 71 - w);
        dnx_shrunk_free(&s);
        dnx_image_free(&im);
    }
}

/* ---- the pyramid ---- */

/* P-Net looks at windows of DNX_CELL x DNX_CELL pixels at even x and y of each scale. The scales
 * are cut into pieces, which are placed on pages: the inputs of P-Net. Each window must lie in one
 * piece. Pieces must not overlap on a page. */
static void test_pyramid(int w, int h, double least, int levels) {
    static char used[64][DNX_PAGE][DNX_PAGE];
    dnx_pyramid p = {0};
    must(dnx_pyramid_plan(&p, w, h, least), "memory");
    bool ok = p.pages <= 64, is_apart = true;
    memset(used, 0, sizeof used);
    for (int i = 0; ok && i < p.n; i++) {
        const dnx_piece *q = &p.piece[i];
        ok = q->x % 2 == 0 && q->y % 2 == 0 && q->left % 2 == 0 && q->x + q->w <= p.page_w &&
             q->y + q->h <= p.page_h && q->page < p.pages && q->w >= DNX_CELL && q->h >= DNX_CELL;
        for (int y = 0; ok && y < q->h; y++)
            for (int x = 0; x < q->w; x++) is_apart &= !used[q->page][q->y + y][q->x + x]++;
    }
    check(ok, "%d x %d: a piece off its page", w, h);
    check(is_apart, "%d x %d: pieces overlap", w, h);
    check(p.levels == levels, "%d x %d: %d scales", w, h, p.levels);
    for (int level = 0, i = 0; ok && level < p.levels; level++) {
        double scale = p.piece[i].scale;
        int sw = (int)ceil(w * scale), sh = (int)ceil(h * scale), lost = 0, end = i;
        while (end < p.n && p.piece[end].level == level) end++;
        for (int y = 0; y + DNX_CELL <= sh; y += 2)
            for (int x = 0; x + DNX_CELL <= sw; x += 2) {
                bool found = false;
                for (int k = i; k < end; k++)
                    found |= x >= p.piece[k].left && y >= p.piece[k].top &&
                             x + DNX_CELL <= p.piece[k].left + p.piece[k].w &&
                             y + DNX_CELL <= p.piece[k].top + p.piece[k].h;
                lost += !found;
            }
        check(!lost, "%d x %d: scale %d loses %d windows", w, h, level, lost);
        i = end;
    }
    dnx_pyramid_free(&p);
}

/* The pages must have at most `most` pixels together: P-Net's time grows with their pixels. */
static void test_packing(int w, int h, long most) {
    dnx_pyramid p = {0};
    must(dnx_pyramid_plan(&p, w, h, 40), "memory");
    const long pixels = (long)p.pages * p.page_w * p.page_h;
    check(pixels <= most, "%d x %d: %ld pixels of pages, at most %ld", w, h, pixels, most);
    dnx_pyramid_free(&p);
}

/* ---- crops ---- */

static void test_warp(void) {
    dnx_image im = noise(90, 80);
    static unsigned char a[60 * 50 * 3], b[60 * 50 * 3];
    const double shift[6] = {1, 0, -7, 0, 1, 4}, flat[6] = {0};
    bool ok = dnx_warp_plain(im.rgb, 90, 80, shift, a, 60, 50);
    for (int y = 0; y < 50; y++)
        for (int x = 0; x < 180; x++)
            ok &= a[y * 180 + x] == (y < 4 ? 0 : im.rgb[(y - 4) * 270 + x + 21]);
    check(ok, "a shift by whole pixels");
    check(!dnx_warp_plain(im.rgb, 90, 80, flat, a, 60, 50), "no inverse");
    check(!dnx_warp(im.rgb, 90, 80, flat, a, 60, 50), "no inverse, in this build");
    /* OpenCV rounds positions to 1/32 pixel. In a smooth image this changes the values little. */
    for (int i = 0; i < 90 * 80 * 3; i++)
        im.rgb[i] = (unsigned char)(128 + 60 * sin(.05 * (i / 3 % 90)) * cos(.07 * (i / 270)));
    for (int k = 0; dnx_has_opencv && k < 20; k++) {
        double t = uniform(-3, 3), s = uniform(.5, 2),
               m[6] = {s * cos(t), -s * sin(t), 30, s * sin(t), s * cos(t), 25};
        long far = 0;
        ok = dnx_warp_plain(im.rgb, 90, 80, m, a, 60, 50) &&
             dnx_warp_opencv(im.rgb, 90, 80, m, b, 60, 50);
        for (int i = 0; i < 9000; i++) far += abs(a[i] - b[i]) > 2;
        check(ok && far < 400, "OpenCV %d: %ld numbers differ", k, far);
    }
    if (!dnx_has_opencv) skip("warp beside OpenCV", "built without OPENCV=1");
    dnx_image_free(&im);
}

/* dnx_sheet_box(), which may use OpenCV, and dnx_sheet_box_plain() draw the same pixels. */
static void test_boxes_drawn(void) {
    static const int box[][5] = {{5, 6, 30, 20, 2}, {-4, -3, 12, 9, 3}, {20, 10, 70, 60, 1},
                                 {3, 3, 4, 3, 3},   {8, 8, 8, 8, 2},    {60, 60, 70, 70, 2}};
    for (size_t i = 0; i < sizeof box / sizeof *box; i++) {
        const int *b = box[i];
        dnx_image ours, used;
        must(dnx_sheet_make(&ours, 40, 33) && dnx_sheet_make(&used, 40, 33), "memory");
        dnx_sheet_box_plain(&ours, b[0], b[1], b[2], b[3], b[4], i);
        dnx_sheet_box(&used, b[0], b[1], b[2], b[3], b[4], i);
        check(!memcmp(ours.rgb, used.rgb, 40 * 33 * 3), "box %zu", i);
        long drawn = 0, want = 0;
        for (int y = 0; y < 33; y++)
            for (int x = 0; x < 40; x++) {
                const bool in = x >= b[0] && x <= b[2] && y >= b[1] && y <= b[3];
                const bool deep = x >= b[0] + b[4] && x <= b[2] - b[4] && y >= b[1] + b[4] &&
                                  y <= b[3] - b[4];
                want += in && !deep;
                drawn += memcmp(used.rgb + (y * 40 + x) * 3, "\xff\xff\xff", 3) != 0;
            }
        check(drawn == want, "box %zu: %ld pixels, want %ld", i, drawn, want);
        dnx_image_free(&ours);
        dnx_image_free(&used);
    }
}

static void test_main_face(void) {
    dnx_found f[] = {{0, 0, 40, 40, .9}, {90, 90, 120, 120, .9}, {170, 10, 215, 55, .9}};
    dnx_faces_sort(f, 3, 200, 200);
    check(f[0].x1 == 90 && f[1].x1 == 170 && f[2].x1 == 0, "the main face, then by area: %g %g %g",
          f[0].x1, f[1].x1, f[2].x1);
    dnx_faces_sort(f, 0, 200, 200);
}

/* Draws a spot at each landmark of a face. In the crop the spots must lie on the landmarks of the
 * template. scale: image pixels for a pixel of the 112 x 112 template; side: pixels of the crop. */
static void test_crop(double scale, int side) {
    const int w = (int)(160 * scale);
    dnx_image im = {.w = w, .h = w, .rgb = calloc((size_t)w * (size_t)w, 3)};
    dnx_face t, f = {.size = 0};
    unsigned char out[112 * 112 * 3];
    dnx_shrunk s;
    must(im.rgb != NULL, "memory");
    dnx_face_template(112, &t);
    for (int i = 0; i < DNX_POINTS; i++) {
        f.x[i] = (t.x[i] + 20.5) * scale - .5;
        f.y[i] = (t.y[i] + 20.5) * scale - .5;
        for (int y = 0; y < w; y++)
            for (int x = 0; x < w; x++) {
                double d = hypot(x - f.x[i], y - f.y[i]) / scale;
                if (d < 6) im.rgb[(y * w + x) * 3 + 1] = (unsigned char)(250 * (1 - d / 6));
            }
    }
    must(dnx_shrunk_make(&s, &im), "halves");
    check(dnx_face_crop(&s, &f, side, out), "%g: no crop", scale);
    for (int i = 0; i < DNX_POINTS; i++) {
        double sum = 0, cx = 0, cy = 0, by = side / 112.;
        double px = (t.x[i] + .5) * by - .5, py = (t.y[i] + .5) * by - .5;
        for (int y = 0; y < side; y++)
            for (int x = 0; x < side; x++) {
                double v = hypot(x - px, y - py) < 8 * by ? out[(y * side + x) * 3 + 1] : 0;
                sum += v, cx += v * x, cy += v * y;
            }
        check(sum > 0 && hypot(cx / sum - px, cy / sum - py) < .1,
              "scale %g, side %d: point %d at %g %g", scale, side, i, cx / sum - px, cy / sum - py);
    }
    dnx_shrunk_free(&s);
    dnx_image_free(&im);
}

/* A JPEG is decoded at 1/1, 1/2, 1/4 or 1/8 of its size, rounded up. A PNM keeps its size. */
static void test_shrunk_jpeg(void) {
    dnx_image im = noise(101, 67), small;
    size_t n;
    for (int i = 0; i < 101 * 67 * 3; i++) im.rgb[i] = (unsigned char)(i / 3 % 101 * 2);
    unsigned char *bytes = dnx_jpeg_encode(im.rgb, 101, 67, 95, &n);
    write_bytes(path("a.jpg"), bytes, n);
    write_text(path("a.ppm"), "P3 2 1 255 1 2 3 4 5 6\n");
    for (int by = 1; by <= 8; by *= 2) {
        bool ok = !dnx_image_read_shrunk(path("a.jpg"), by, &small);
        ok = ok && small.w == (101 + by - 1) / by && small.h == (67 + by - 1) / by;
        check(ok && small.shrink == by, "by %d: %d x %d", by, small.w, small.h);
        int far = 0;
        for (int x = 1; ok && x + 1 < small.w; x++)
            far += abs(small.rgb[3 * x] - (int)((x + .5) * by - .5) * 2) > 4;
        check(!far, "by %d: %d of the pixels differ", by, far);
        dnx_image_free(&small);
    }
    check(!dnx_image_read_shrunk(path("a.ppm"), 8, &small) && small.w == 2 && small.shrink == 1,
          "a PNM keeps its size");
    dnx_image_free(&small);
    dnx_image_free(&im);
    free(bytes);
    dnx_found f = {10, 20, 30, 40, 1, {.size = 400}};
    dnx_found_enlarge(&f, 4);
    check(f.x1 == 41.5 && f.y2 == 161.5 && f.points.size == 6400, "enlarged: %g %g", f.x1, f.y2);
}

/* ---- the record ---- */

static void test_record(void) {
    static const char text[] = "darknet faces 1 min-face=40\n1 a b.jpg\n1 2 3 4 .5 1 2 3 4 5 6 7 8 "
                               "9 10\n0 c.jpg\n2 d.jpg\n1 2 3 4 .5 1 2 3 4 5 6 7 8 9 10\n";
    for (size_t n = 0; n < sizeof text; n++) { /* a killed process may have written only n bytes */
        dnx_found_list l;
        dnx_err err = {0};
        bool ok = !dnx_found_parse(text, n, "f", &l, &err);
        size_t want = n < 70 ? 0 : n < 78 ? 1 : 2;
        check(ok && l.n == want, "%zu bytes: %zu photographs; %s", n, l.n, err.text);
        if (l.n) check(!strcmp(l.photo[0].path, "a b.jpg") && l.face[0].points.y[4] == 10, "it");
        dnx_found_free(&l);
    }
    static const char *const wrong[] = {"x\n", "darknet faces 1 a\nb c\n", "darknet faces 1 a\n1\n",
                                        "darknet faces 1 a\n1 b\n1 2 3\n",
                                        "darknet faces 1 a\n99999999999999999 b\n"};
    for (int i = 0; i < 5; i++) {
        dnx_found_list l;
        dnx_err err = {0};
        check(dnx_found_parse(wrong[i], strlen(wrong[i]), "f", &l, &err) == DNX_EPARSE, "%s",
              wrong[i]);
        dnx_found_free(&l);
    }
}

int main(void) {
    dnx_rng_seed(&r, 7, 0);
    make_folder();
    test_shrunk_jpeg();
    test_suppression();
    test_one_box();
    test_pieces();
    test_halves();
    test_packing(250, 250, 15000); /* the images of all scales have 11,271 pixels together */
    test_packing(178, 218, 10000); /* the images of all scales have 6,959 pixels together */
    test_packing(1920, 1080, 13 * 192 * 192);
    test_pyramid(250, 250, 40, 6);
    test_pyramid(1, 1, 40, 0);
    test_pyramid(39, 300, 40, 0);
    test_pyramid(640, 480, 20, 10);
    test_pyramid(2000, 1500, 40, 11);
    test_pyramid(16000, 45, 40, 1);
    test_warp();
    test_boxes_drawn();
    test_main_face();
    test_crop(1, 112);
    test_crop(1.7, 112);
    test_crop(2, 56);
    test_crop(5, 112);
    test_record();
    return summary();
}
