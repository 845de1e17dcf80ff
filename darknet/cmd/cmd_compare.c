/* darknet compare: compares the faces of two photographs. */
#include <stdio.h>
#include <string.h>

#include "base/inputs.h"
#include "base/outfile.h"
#include "cmd/cmd.h"
#include "cmd/matching.h"
#include "face/sheet.h"
#include "kernels/kernels.h"

typedef struct {
    dnx_matching_args m;
    const char *photo[2], *sheet;
    bool all, force;
} compare_args;

static const dnx_arg table[] = {
    DNX_PLACE_NET(compare_args, m.cfg, m.weights),
    DNX_PLACE(compare_args, photo[0], "a.jpg", "a photograph"),
    DNX_PLACE(compare_args, photo[1], "b.jpg", "another"),
    DNX_ARG_FLAG(compare_args, all, "-all", "compare each face of one with each of the other"),
    DNX_ARG_TEXT(compare_args, sheet, "-sheet", "FILE",
                 "draw both photographs with boxes, points and crops into a JPEG"),
    DNX_ARG_FLAG(compare_args, force, "-force", "replace an existing sheet"),
    DNX_ARGS_MATCHING(compare_args),
    DNX_ARG_END,
};

enum { PHOTO = 480, GAP = 12 };

/* Draws the crops that fit below a photograph, framed in the colours of their boxes. */
static void draw_crops(dnx_image *sheet, const dnx_portrait *p, int side, int x) {
    for (size_t i = 0; i < p->n && (int)(i + 1) * (side + GAP) <= PHOTO + GAP; i++) {
        const int at = x + (int)i * (side + GAP), y = PHOTO + 2 * GAP;
        dnx_sheet_box(sheet, at - 3, y - 3, at + side + 2, y + side + 2, 3, i);
        dnx_sheet_paste(sheet, p->crops + i * (size_t)side * (size_t)side * 3, side, side, at, y);
    }
}

static dnx_status draw(const dnx_portrait *p, int side, bool is_found, const char *path,
                       dnx_err *err) {
    dnx_image sheet = {0};
    dnx_status st = DNX_OK;
    bool ok = dnx_sheet_make(&sheet, 2 * PHOTO + 3 * GAP, PHOTO + side + 4 * GAP);
    for (int k = 0; ok && k < 2; k++) {
        const int x = GAP + k * (PHOTO + GAP);
        dnx_shrunk halves;
        ok = dnx_shrunk_make(&halves, &p[k].image);
        if (ok) dnx_sheet_photo(&sheet, &halves, p[k].faces, is_found ? p[k].n : 0, PHOTO, x, GAP);
        if (ok) draw_crops(&sheet, &p[k], side, x);
        dnx_shrunk_free(&halves);
    }
    st = ok ? dnx_sheet_write(&sheet, path, err)
            : dnx_fail_at(err, DNX_EMEM, path, "no memory for the sheet");
    dnx_image_free(&sheet);
    return st;
}

static void print_pair(const dnx_matching *t, bool all, size_t i, size_t k, double cosine) {
    if (all) printf("face %zu and face %zu: ", i + 1, k + 1);
    printf("cosine %.4f", cosine);
    if (t->threshold.is_known)
        printf(": %s", cosine > t->threshold.cosine ? "the same person" : "different people");
    printf("\n");
}

static void print_pair_json(const dnx_matching *t, size_t i, size_t k, double cosine) {
    const bool is_same = cosine > t->threshold.cosine;
    printf("%s{\"faces\": [%zu, %zu], \"cosine\": %.6f, \"is_same\": %s}", i + k ? ", " : "", i + 1,
           k + 1, cosine,
           !t->threshold.is_known ? "null"
           : is_same              ? "true"
                                  : "false");
}

static void print_photos(const compare_args *a, const dnx_portrait *p) {
    for (int k = 0; k < 2; k++)
        if (p[k].n > 1)
            printf("%s: %zu faces%s\n", a->photo[k], p[k].n,
                   a->all ? "" : ", took the main one; -all compares each");
}

static void print_photos_json(const dnx_matching *t, const compare_args *a, const dnx_portrait *p) {
    printf("{\"photographs\": [");
    for (int k = 0; k < 2; k++) {
        printf("%s{\"file\": ", k ? ", " : "");
        dnx_json_text(a->photo[k]);
        printf(", \"boxes\": [");
        for (size_t i = 0; i < p[k].n; i++) {
            printf("%s", i ? ", " : "");
            dnx_matching_json_box(t, &p[k].faces[i]);
        }
        printf("]}");
    }
    printf("], \"pairs\": [");
}

static void print(const dnx_matching *t, const compare_args *a, const dnx_portrait *p) {
    const size_t dim = dnx_size(t->m.net->nodes[t->m.last].out);
    if (a->m.json) print_photos_json(t, a, p);
    else print_photos(a, p);
    for (size_t i = 0; i < (a->all ? p[0].n : 1); i++)
        for (size_t k = 0; k < (a->all ? p[1].n : 1); k++) {
            const double cosine = dnx_kernels()->dot(p[0].features + i * dim,
                                                     p[1].features + k * dim, dim);
            if (a->m.json) print_pair_json(t, i, k, cosine);
            else print_pair(t, a->all, i, k, cosine);
        }
    if (!a->m.json) dnx_matching_print(t);
    else dnx_matching_json_end(t);
}

/* Reads both photographs even if the first fails, so that both errors are printed at once. */
static dnx_status read_both(const dnx_matching *t, const compare_args *a, dnx_portrait *p,
                            dnx_err *err) {
    dnx_err other = {0};
    const dnx_status st = dnx_matching_read(t, a->photo[0], &p[0], err);
    if (!st) return dnx_matching_read(t, a->photo[1], &p[1], err);
    if (strcmp(a->photo[0], a->photo[1]) && dnx_matching_read(t, a->photo[1], &p[1], &other)) {
        fprintf(stderr, "%s\n", err->text);
        *err = other;
    }
    return st;
}

/* Checks the file of the sheet, which must not be one of the photographs. */
static dnx_status try_sheet(const compare_args *a, dnx_err *err) {
    for (int k = 0; k < 2; k++)
        if (!dnx_input_note(a->photo[k])) return dnx_no_memory(a->photo[k], err);
    return dnx_try_output(a->sheet, a->force, err);
}

static int run(const void *args, dnx_err *err) {
    const compare_args *a = args;
    dnx_matching t = {0};
    dnx_portrait p[2] = {{.n = 0}};
    if (a->force && !a->sheet) return dnx_wrong("-force is for -sheet");
    dnx_status st = dnx_matching_open(&a->m, &t, err);
    if (!st) st = read_both(&t, a, p, err);
    if (!st && a->sheet) st = try_sheet(a, err);
    if (!st && a->sheet) st = draw(p, t.m.net->in.h, !a->m.aligned, a->sheet, err);
    if (!st) print(&t, a, p);
    for (int k = 0; k < 2; k++) dnx_portrait_free(&p[k]);
    dnx_matching_close(&t);
    return st != DNX_OK;
}

const dnx_verb dnx_cmd_compare = {
    "compare",
    "compare the faces of two photographs",
    table,
    sizeof(compare_args),
    run,
    "Prints the cosine of their features and, with -threshold, a verdict. Of several faces the "
    "main one is compared: the largest, with a preference for the centre. Status 1: a photograph "
    "has no face, or cannot be read."};
