/* test_align.c - the similarity transform, the choice among faces, landmark files. */
#include "face/align.h"
#include "lib/check.h"
#include "face/landmarks.h"

/* ---- geometry ---- */

static double uniform(dnx_rng *r, double lo, double hi) {
    return lo + (hi - lo) * (double)dnx_rng_uniform(r);
}

/* dnx_similarity() must find the inverse of a known transform. */
static void test_known(void) {
    dnx_rng r;
    dnx_rng_seed(&r, 1, 0);
    for (int k = 0; k < 200; k++) {
        double angle = uniform(&r, -3, 3), scale = exp(uniform(&r, -2, 2)), m[6], rms;
        double a = scale * cos(angle), b = scale * sin(angle);
        double u = uniform(&r, -500, 500), v = uniform(&r, -500, 500);
        dnx_face t, f;
        dnx_face_template(k % 2 ? 96 : 112, &t);
        f = t;
        for (int i = 0; i < DNX_POINTS; i++) {
            f.x[i] = a * t.x[i] - b * t.y[i] + u;
            f.y[i] = b * t.x[i] + a * t.y[i] + v;
        }
        bool ok = dnx_similarity(&f, &t, m, &rms) && rms < 1e-5;
        ok = ok && fabs(m[0] - cos(angle) / scale) < 1e-9 && m[4] == m[0] && m[3] == -m[1];
        ok = ok && fabs(m[1] - sin(angle) / scale) < 1e-9;
        for (int i = 0; ok && i < DNX_POINTS; i++)
            ok = fabs(m[0] * f.x[i] + m[1] * f.y[i] + m[2] - t.x[i]) < 1e-8 &&
                 fabs(m[3] * f.x[i] + m[4] * f.y[i] + m[5] - t.y[i]) < 1e-8;
        check(ok, "known similarity %d: rms %g", k, rms);
    }
}

/* Transforms of random points to the template, and errors in pixels, computed by umeyama() of
 * tests/cli/test_align.py. */
static const struct {
    dnx_face from;
    double m[6], rms;
} numpy[] = {
    {{{163.33, 170.68, 173.97, 186.74, 182.61}, {191.74, 190.51, 204.5, 205.13, 196.06}, 0},
     {0.845188825215, -1.60691145759, 225.230678677, 1.60691145759, 0.845188825215, -377.056715414},
     13.5337777534},
    {{{44.73, 85.95, 26.15, -39.58, -2.2}, {254.96, 317.79, 308.03, 314.28, 368.68}, 0},
     {0.224607206033, 0.349955100739, -58.5898096568, -0.349955100739, 0.224607206033,
      9.70779239573},
     1.97059859318},
    {{{-8.59, -25.06, -40.8, -56.89, -69.16}, {256.77, 299.31, 269.62, 245.38, 288.2}, 0},
     {-0.219636575755, 0.755436615004, -158.151243096, -0.755436615004, -0.219636575755,
      101.317292677},
     2.84393834269},
};

static void test_numpy(void) {
    for (int k = 0; k < 3; k++) {
        dnx_face t;
        double m[6], rms;
        dnx_face_template(112, &t);
        bool ok = dnx_similarity(&numpy[k].from, &t, m, &rms) && fabs(rms - numpy[k].rms) < 1e-9;
        for (int i = 0; i < 6; i++) ok = ok && fabs(m[i] - numpy[k].m[i]) < 1e-9;
        check(ok, "NumPy's similarity %d", k);
    }
}

static double left_over(const dnx_face *f, const dnx_face *t, const double m[6]) {
    double sum = 0;
    for (int i = 0; i < DNX_POINTS; i++)
        sum += pow(m[0] * f->x[i] + m[1] * f->y[i] + m[2] - t->x[i], 2) +
               pow(m[3] * f->x[i] + m[4] * f->y[i] + m[5] - t->y[i], 2);
    return sum;
}

/* The transform of dnx_similarity() must have a smaller rms error than all transforms near it. */
static void test_least(void) {
    dnx_rng r;
    dnx_rng_seed(&r, 2, 0);
    for (int k = 0; k < 50; k++) {
        dnx_face t, f;
        double m[6], rms;
        dnx_face_template(112, &t);
        for (int i = 0; i < DNX_POINTS; i++) {
            f.x[i] = uniform(&r, 0, 200);
            f.y[i] = uniform(&r, 0, 200);
        }
        bool ok = dnx_similarity(&f, &t, m, &rms);
        double least = left_over(&f, &t, m);
        ok = ok && fabs(sqrt(least / DNX_POINTS) - rms) < 1e-9;
        for (int way = 0; way < 8; way++) {
            double d = way % 2 ? 1e-3 : -1e-3, n[6];
            memcpy(n, m, sizeof n);
            if (way / 2 == 0) n[0] += d, n[4] += d;
            if (way / 2 == 1) n[1] -= d, n[3] += d;
            if (way / 2 == 2) n[2] += d;
            if (way / 2 == 3) n[5] += d;
            ok = ok && left_over(&f, &t, n) > least;
        }
        check(ok, "least squares %d", k);
    }
}

static void test_faces(void) {
    dnx_face t, f, narrow, faces[3];
    double m[6], rms;
    dnx_face_template(112, &t);
    dnx_face_template(96, &narrow);
    check(t.x[0] == 38.2946 && t.y[4] == 92.2041 && fabs(narrow.x[0] - 30.2946) < 1e-12 &&
              narrow.y[0] == t.y[0],
          "the templates");
    f = t;
    for (int i = 0; i < DNX_POINTS; i++) f.x[i] = 111 - t.x[i];
    check(dnx_similarity(&f, &t, m, &rms) && rms > 19, "a mirrored face does not fit: %g", rms);
    for (int i = 0; i < DNX_POINTS; i++) f.x[i] = f.y[i] = 7;
    check(!dnx_similarity(&f, &t, m, &rms), "points that fall together");
    f.x[2] = NAN;
    check(!dnx_similarity(&f, &t, m, &rms), "NaN");
    check(dnx_face_is_inside(&t, 112, 112) && !dnx_face_is_inside(&t, 74, 112) &&
              !dnx_face_is_inside(&t, 112, 93) && dnx_face_is_inside(&t, 75, 94),
          "inside");
    t.x[0] = -.5;
    check(!dnx_face_is_inside(&t, 112, 112), "left of the image");
    for (int k = 0; k < 3; k++) {
        dnx_face_template(112, &faces[k]);
        for (int i = 0; i < DNX_POINTS; i++) faces[k].x[i] += 100 * k;
        faces[k].size = k == 2 ? 9 : 5;
    }
    check(dnx_face_choose(faces, 3, DNX_LARGEST, 300, 112) == 2, "largest");
    check(dnx_face_choose(faces, 3, DNX_CENTER, 312, 140) == 1, "center");
    check(dnx_face_choose(faces, 2, DNX_LARGEST, 300, 112) == 0, "the first of equal ones");
}

/* ---- files ---- */

static int form = -1;

static dnx_status read_text(const char *text, dnx_landmarks *l, dnx_err *err) {
    *err = (dnx_err){0};
    write_text(path("landmarks.txt"), text);
    return dnx_landmarks_read(path("landmarks.txt"), form, l, err);
}

static const dnx_landmarked *find(const dnx_landmarks *l, const char *name) {
    for (size_t i = 0; i < l->n; i++)
        if (!strcmp(l->image[i].path, name)) return &l->image[i];
    return NULL;
}

static const double ten[] = {38, 52, 74, 52, 56, 72, 42, 92, 71, 92};

/* Face k of the image `name` must have the area `size`, and the points ten[] moved by `more` pixels
 * in x and y. */
static void has(const dnx_landmarks *l, const char *name, size_t k, double more, double size) {
    const dnx_landmarked *m = find(l, name);
    bool ok = m && k < m->n;
    for (int i = 0; ok && i < DNX_POINTS; i++) {
        const dnx_face *f = &l->face[m->first + k];
        ok = f->x[i] == more + ten[2 * i] && f->y[i] == more + ten[2 * i + 1] && f->size == size;
    }
    check(ok, "face %zu of %s", k, name);
}

#define TEN "38 52 74 52 56 72 42 92 71 92"

static void test_forms(void) {
    dnx_landmarks l;
    dnx_err err;
    char many[8192] = "many.jpg 10,20,110,120 ";
    for (int i = 1; i <= 106; i++) {
        static const int which[] = {105, 106, 55, 85, 91};
        int x = 0, y = 0;
        for (int k = 0; k < DNX_POINTS; k++)
            if (which[k] == i) x = (int)ten[2 * k], y = (int)ten[2 * k + 1];
        sprintf(many + strlen(many), "%s%d,%d", i > 1 ? "," : "", x, y);
    }
    char text[16384];
    snprintf(text, sizeof text,
             "# a comment\n\n"
             "b/own.jpg " TEN "\r\n"
             "./b/./x.jpg\t38\t52\t74\t52\t56\t72\t42\t92\t71\t92\n"
             "with space.jpg\t" TEN "\n"
             "label.jpg 17 " TEN "\n"
             "box.jpg 10 20 110 120 " TEN "\n"
             "score.jpg 10 20 110 120 0.99 " TEN "\n"
             "%s\n"
             "0\tb/lst.jpg\t17\t10\t20\t110\t120\t38\t74\t56\t42\t71\t52\t52\t72\t92\t92\n"
             "none.jpg\n"
             "twice.jpg " TEN "\n"
             "b/block.jpg\n2\n10 20 110 120 .9 " TEN "\n"
             "38.5 52.5 74.5 52.5 56.5 72.5 42.5 92.5 71.5 92.5\n"
             "twice.jpg 39 53 75 53 57 73 43 93 72 93\n"
             "zero.jpg\n0\n"
             "of a spreadsheet.jpg;38;52;74;52;56;72;42;92;71;92;\n"
             "last.jpg",
             many);
    dnx_status st = read_text(text, &l, &err);
    check(!st, "all forms: %s", err.text);
    check(l.n == 14 && l.faces == 13, "%zu images, %zu faces", l.n, l.faces);
    has(&l, "b/own.jpg", 0, 0, 1440);
    has(&l, "b/./x.jpg", 0, 0, 1440);
    has(&l, "with space.jpg", 0, 0, 1440);
    has(&l, "label.jpg", 0, 0, 1440);
    has(&l, "box.jpg", 0, 0, 10000);
    has(&l, "score.jpg", 0, 0, 10000);
    has(&l, "many.jpg", 0, 0, 10000);
    has(&l, "b/lst.jpg", 0, 0, 10000);
    has(&l, "twice.jpg", 0, 0, 1440);
    has(&l, "of a spreadsheet.jpg", 0, 0, 1440);
    has(&l, "twice.jpg", 1, 1, 1440);
    has(&l, "b/block.jpg", 0, 0, 10000);
    has(&l, "b/block.jpg", 1, .5, 1440);
    const char *const none[] = {"none.jpg", "zero.jpg", "last.jpg"};
    for (int i = 0; i < 3; i++)
        check(find(&l, none[i]) && find(&l, none[i])->n == 0, "%s has no face", none[i]);
    for (size_t i = 1; i < l.n; i++)
        check(strcmp(l.image[i - 1].path, l.image[i].path) < 0, "sorted at %zu", i);
    dnx_landmarks_free(&l);
}

#define FORM                                                                                       \
    "must be PATH and 10 numbers x1 y1 ... x5 y5, 11 with a label before them, 14 or 15 "          \
    "with a box, or 106 points"

static void fails(const char *text, const char *want) {
    dnx_landmarks l;
    dnx_err err;
    char all[512];
    dnx_status st = read_text(text, &l, &err);
    snprintf(all, sizeof all, "%s%s", path("landmarks.txt"), want);
    check(st == DNX_EPARSE && !strcmp(err.text, all), "'%.20s': got %s", text, err.text);
    dnx_landmarks_free(&l);
}

static void test_errors(void) {
    dnx_landmarks l;
    dnx_err err = {0};
    fails("", ": no landmarks");
    fails("# nothing\n\n", ": no landmarks");
    fails("a.jpg " TEN "\nb.jpg 1 2 3\n", ":2: 3 numbers: " FORM);
    fails("a.jpg 1 2 3 4 5 6 7 8 9 x\n", ":1: not only numbers after the path: " FORM);
    fails("a.jpg 1 2 3 4 5 6 7 8 9 nan\n", ":1: not only numbers after the path: " FORM);
    fails("a.jpg 1 2 3 4 5 6 7 8 9 1e999\n", ":1: not only numbers after the path: " FORM);
    fails("two words.jpg " TEN "\n", ":1: not only numbers after the path: " FORM);
    fails("a.jpg\n2\n" TEN "\n", ":3: the file ends after 1 of 2 faces");
    fails("a.jpg\n1\n1 2 3\n", ":3: 3 numbers: " FORM);
    fails("[{\"a\": 1}]", ":1: JSON is not read; write a line for each face");
    fails("a.jpg\n1\nb.jpg\n", ":3: not only numbers after the path: " FORM);
    fails("a.jpg;38,0;52,0;74,0;52,0;56,0;72,0;42,0;92,0;71,0;92,0\n",
          ":1: not only numbers between the ';': decimals need a point, not a comma");
    fails("a.jpg;38;52;74;52;56;72;42;92;71;x\n",
          ":1: not only numbers between the ';': decimals need a point, not a comma");
    dnx_status st = dnx_landmarks_read("/tmp/test_align_none/x", -1, &l, &err);
    check(st == DNX_EIO && strstr(err.text, "x: cannot read: No such file"), "%s", err.text);
    dnx_landmarks_free(&l);
    err = (dnx_err){0};
    check(dnx_landmarks_read("/tmp", -1, &l, &err) == DNX_EIO, "a folder: %s", err.text);
    dnx_landmarks_free(&l);
}

static void reads(const char *text, const char *name, double size) {
    dnx_landmarks l;
    dnx_err err;
    dnx_status st = read_text(text, &l, &err);
    where = text;
    if (check(!st, "%.40s: %s", text, err.text)) has(&l, name, 0, 0, size);
    where = "FAILED";
    dnx_landmarks_free(&l);
}

static void test_orders(void) {
    const char *const flagged = "38 52 0 74 52 0 56 72 0 42 92 0 71 92 0";
    char text[1000];
    reads("a.jpg 38 74 56 42 71 52 52 72 92 92\n", "a.jpg", 1440); /* all x, then all y */
    reads("a.jpg " TEN " 0.99\n", "a.jpg", 1440);
    reads("a.jpg 600 " TEN "\n", "a.jpg", 1440);
    reads("a.jpg 20 30 70 75 0.9 " TEN "\n", "a.jpg", 70 * 75);
    reads("a.jpg 20 30 70 75 " TEN " 1\n", "a.jpg", 70 * 75); /* as YuNet gives faces */
    reads("a.jpg 20 30 90 105 " TEN " .9\n", "a.jpg", 70 * 75);
    sprintf(text,
            "# a b.jpg\n20 30 70 75 %s 0.8\n1 2 3 4 -1 -1 -1 -1 -1 -1 -1 -1 -1 -1 -1 -1 "
            "-1 -1 -1 0\n5 5 9 9\n# c.jpg\n",
            flagged);
    reads(text, "a b.jpg", 70 * 75); /* as in RetinaFace's labels of WIDER FACE */
    sprintf(text, "# a.jpg 1024 1385\n20 30 90 105 %s\n", flagged);
    reads(text, "a.jpg", 90 * 105); /* as in RetinaFace's labelv2: the box is x y w h */
    reads("2\nlefteye_x lefteye_y righteye_x righteye_y nose_x nose_y leftmouth_x leftmouth_y "
          "rightmouth_x rightmouth_y\n0001 " TEN "\n",
          "0001", 1440); /* as in CelebA */
    reads("\"NAME_ID\",\"P1X\",\"P1Y\",\"P2X\",\"P2Y\",\"P3X\",\"P3Y\",\"P4X\",\"P4Y\",\"P5X\","
          "\"P5Y\"\n\"n1/0 1_01\",38,52,74,52,56,72,42,92,71,92\n",
          "n1/0 1_01", 1440);
    reads("\xef\xbb\xbf"
          "a.jpg " TEN "\r\n",
          "a.jpg", 1440);
    fails("a.jpg 90 10 10 12 50 11 12 14 88 8\n",
          ":1: 10 numbers: in no known order do they make a face of eyes, nose and mouth; -form "
          "names the order");
    fails("a.jpg 20 30 85 90 " TEN "\n"
          "a.jpg 0 0 75 100 39 53 75 53 57 73 43 93 72 93\n",
          ":1: 14 numbers: could be the form mtcnn or wider; choose by -form");
    form = 4; /* mtcnn */
    reads("a.jpg 0 0 10 20 " TEN "\n", "a.jpg", 200);
    fails("a.jpg " TEN "\n", ":1: 10 numbers: not the form mtcnn");
    form = -1;
}

int main(void) {
    make_folder();
    test_known();
    test_numpy();
    test_least();
    test_faces();
    test_forms();
    test_orders();
    test_errors();
    return summary();
}
