/* verify.c - opens the lists of pairs and the folders of people that a network is verified on. */
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/paths.h"
#include "face/all_pairs.h"
#include "face/pairs.h"
#include "face/verify.h"

/* Stores each image name once in `names`, sorted, and the pairs as indices in v->pairs. */
static void unite(dnx_verify *v, const dnx_pairs *p, char **names) {
    size_t n = 0;
    for (size_t i = 0; i < p->n; i++)
        for (int k = 0; k < 2; k++) names[2 * i + (size_t)k] = p->pair[i].name[k];
    qsort(names, 2 * p->n, sizeof *names, dnx_by_text);
    for (size_t i = 0; i < 2 * p->n; i++)
        if (!n || strcmp(names[n - 1], names[i])) names[n++] = names[i];
    v->n = (int)n;
    for (size_t i = 0; i < p->n; i++) {
        const dnx_face_pair *m = &p->pair[i];
        char **a = bsearch(&m->name[0], names, n, sizeof *a, dnx_by_text);
        char **b = bsearch(&m->name[1], names, n, sizeof *b, dnx_by_text);
        v->pairs[i] = (dnx_scored_pair){(int)(a - names), (int)(b - names), m->fold, m->same, 0};
    }
}

/* Finds the file of each image in the folder `faces`. Stores the path of image names[i] in
 * v->images.name[i]. */
static dnx_status find_files(dnx_verify *v, char **names, const char *pairs, const char *faces,
                             dnx_err *err) {
    dnx_loc at = {pairs, 0};
    int missing = 0, first = 0;
    v->images.base = strdup(""); /* the names are whole paths */
    v->images.name = calloc((size_t)v->n + 1, sizeof *v->images.name);
    if (!v->images.base || !v->images.name) return dnx_no_memory(pairs, err);
    v->images.n = (size_t)v->n;
    for (int i = 0; i < v->n; i++) {
        if (!dnx_pairs_find(faces, names[i], &v->images.name[i])) return dnx_no_memory(pairs, err);
        if (!v->images.name[i] && missing++ == 0) first = i;
    }
    if (!missing) return DNX_OK;
    return dnx_fail(err, DNX_EIO, at, "%d of its %d images %s missing, the first is %s/%s", missing,
                    v->n, dnx_plural((size_t)missing, "is", "are"), faces, names[first]);
}

typedef struct {
    char *name, *path; /* path: the image's element of v->images.name */
    size_t person;     /* length of the folder in the name */
} face;

static int by_person(const void *a, const void *b) {
    const face *x = a, *y = b;
    const size_t n = x->person < y->person ? x->person : y->person;
    int order = memcmp(x->name, y->name, n);
    if (!order) order = (x->person > y->person) - (x->person < y->person);
    return order ? order : strcmp(x->name, y->name);
}

/* Sorts the images by person. The person of an image is the folder in its name. names[i]: the name
 * of image i. */
static dnx_status find_people(dnx_verify *v, char *const *names, const char *file, dnx_err *err) {
    face *faces = malloc(((size_t)v->n + 1) * sizeof *faces);
    v->person = malloc(((size_t)v->n + 1) * sizeof *v->person);
    dnx_status st = faces && v->person ? DNX_OK : dnx_no_memory(file, err);
    for (int i = 0; i < v->n && !st; i++) {
        const char *slash = strrchr(names[i], '/');
        if (!slash || slash == names[i])
            st = dnx_fail_at(err, DNX_EIO, file,
                             "%s lies in no folder: the folder of an image is its person",
                             names[i]);
        else faces[i] = (face){names[i], v->images.name[i], (size_t)(slash - names[i])};
    }
    if (!st) {
        qsort(faces, (size_t)v->n, sizeof *faces, by_person);
        for (int i = 0, person = 0; i < v->n; i++) {
            if (i && (faces[i].person != faces[i - 1].person ||
                      memcmp(faces[i].name, faces[i - 1].name, faces[i].person)))
                person++;
            v->person[i] = person;
            v->images.name[i] = faces[i].path;
            v->checksum = dnx_hash(v->checksum, faces[i].name, strlen(faces[i].name) + 1);
        }
    }
    free(faces);
    return st;
}

static dnx_status find_others(dnx_verify *v, const char *distractors, dnx_err *err) {
    dnx_status st = dnx_images_find(distractors, &v->others, err);
    if (!st && v->others.n > INT_MAX - (size_t)v->n)
        st = dnx_fail_at(err, DNX_EIO, distractors, "too many images");
    if (st) return st;
    v->n_others = (int)v->others.n;
    for (int i = 0; i < v->n_others; i++)
        v->checksum = dnx_hash(v->checksum, v->others.name[i], strlen(v->others.name[i]) + 1);
    return DNX_OK;
}

static dnx_status check_enough(dnx_verify *v, const char *file, dnx_err *err) {
    char a[32], b[32];
    dnx_loc at = {file, 0};
    dnx_count_pairs(v->person, v->n, v->n_others, &v->genuine, &v->impostors);
    if (!v->genuine)
        return dnx_fail(err, DNX_EIO, at, "no person has two images: nothing can be recognised");
    if (!v->impostors)
        return dnx_fail(err, DNX_EIO, at,
                        "all images are of one person: -distractors takes others");
    if (v->judge.kind == DNX_BY_TAR &&
        v->judge.rate * (double)v->impostors * (1 + 1e-12) < DNX_FEWEST_ABOVE)
        return dnx_fail(err, DNX_EIO, at,
                        "%s pairs of two people cannot show a false-match rate of %s: fewer than "
                        "%d of them would match; %s are needed",
                        dnx_grouped((double)v->impostors, a), strchr(v->judge.name, '@') + 1,
                        DNX_FEWEST_ABOVE,
                        dnx_grouped(ceil(DNX_FEWEST_ABOVE / v->judge.rate - 1e-9), b));
    if (v->judge.kind == DNX_BY_TAR)
        snprintf(v->on, sizeof v->on, " (%s genuine, %s impostor pairs)",
                 dnx_grouped((double)v->genuine, a), dnx_grouped((double)v->impostors, b));
    else if (v->n_others)
        snprintf(v->on, sizeof v->on, " (%s searches among %s distractors)",
                 dnx_grouped(2 * (double)v->genuine, a), dnx_grouped(v->n_others, b));
    else
        snprintf(v->on, sizeof v->on, " (%s searches among the images of other people)",
                 dnx_grouped(2 * (double)v->genuine, a));
    return DNX_OK;
}

static dnx_status read_pairs(dnx_verify *v, const char *pairs, const char *faces, dnx_pairs *p,
                             dnx_err *err) {
    dnx_loc at = {pairs, 0};
    bool is_set = dnx_binset_is_named(pairs);
    dnx_status st = is_set ? dnx_images_find(pairs, &v->images, err)
                           : dnx_pairs_open(pairs, p, err);
    if (!st && is_set) st = dnx_pairs_of_set(&v->images.set, pairs, p, err);
    if (!st && !is_set && !faces) st = dnx_fail(err, DNX_EIO, at, "needs the folder of its faces");
    if (!st && p->n > INT_MAX / 2) st = dnx_fail(err, DNX_EIO, at, "too many pairs");
    if (st) return st;
    char **names = malloc(2 * p->n * sizeof *names);
    v->pairs = malloc(p->n * sizeof *v->pairs);
    if (names && v->pairs) {
        unite(v, p, names);
        v->n_pairs = (int)p->n;
        v->folds = p->folds;
        v->checksum = p->checksum;
        if (!is_set) st = find_files(v, names, pairs, faces, err);
        if (!st && v->judge.kind) st = find_people(v, names, pairs, err);
    } else st = dnx_no_memory(pairs, err);
    free(names);
    return st;
}

static dnx_status read_folder(dnx_verify *v, const char *faces, dnx_err *err) {
    dnx_status st = dnx_images_find(faces, &v->images, err);
    if (!st && v->images.n > INT_MAX / 2) st = dnx_fail_at(err, DNX_EIO, faces, "too many images");
    if (st) return st;
    v->n = (int)v->images.n;
    return find_people(v, v->images.name, faces, err);
}

static dnx_status open_all(dnx_verify *v, const dnx_verified *what, dnx_err *err) {
    dnx_pairs p = {0};
    dnx_status st = what->pairs ? read_pairs(v, what->pairs, what->faces, &p, err)
                                : read_folder(v, what->faces, err);
    dnx_pairs_free(&p);
    v->is_fitted = !v->judge.kind && v->folds == 1;
    if (v->is_fitted) snprintf(v->on, sizeof v->on, " (threshold fitted on the tested pairs)");
    if (st || !v->judge.kind) return st;
    v->checksum = dnx_hash(v->checksum, v->judge.name, strlen(v->judge.name) + 1);
    if (what->distractors) st = find_others(v, what->distractors, err);
    return st ? st : check_enough(v, what->pairs ? what->pairs : what->faces, err);
}

dnx_status dnx_verify_open(const dnx_verified *what, dnx_verify **out, dnx_err *err) {
    *out = NULL;
    dnx_verify *v = calloc(1, sizeof *v);
    if (!v) return dnx_no_memory(what->pairs ? what->pairs : what->faces, err);
    v->judge = what->judge;
    dnx_status st = open_all(v, what, err);
    if (st) dnx_verify_close(v);
    else *out = v;
    return st;
}

void dnx_verify_close(dnx_verify *v) {
    if (!v) return;
    dnx_images_free(&v->images);
    dnx_images_free(&v->others);
    free(v->pairs);
    free(v->person);
    free(v);
}
