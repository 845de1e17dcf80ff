/* testset.c - reads the images and names that `predict` and `valid` take from a .data file. */
#include "data/testset.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "data/list.h"

dnx_status dnx_testset_read(const char *file, dnx_testset *t, dnx_err *err) {
    *t = (dnx_testset){.file = strdup(file)};
    if (!t->file) return dnx_no_memory(file, err);
    return dnx_datafile_read(t->file, &t->o, err);
}

static dnx_status take(dnx_testset *t, const dnx_labels *labels, const dnx_image_list *l, size_t i,
                       dnx_err *err) {
    dnx_loc at = {l->lines.file, l->image[i].line};
    dnx_status st = isnan(l->image[i].class_of)
                        ? dnx_labels_class(labels, l->image[i].path, at, &t->class_of[i], err)
                        : dnx_listed_class(l, i, t->o.classes, &t->class_of[i], err);
    if (st) return st;
    t->path[i] = dnx_image_list_path(l, i);
    if (!t->path[i]) return dnx_fail(err, DNX_EMEM, at, "no memory for the list");
    t->n++;
    return DNX_OK;
}

dnx_status dnx_testset_list(dnx_testset *t, dnx_err *err) {
    const char *valid = t->o.valid;
    dnx_labels labels = {0};
    dnx_image_list l = {0};
    if (!valid || !t->o.classes)
        return dnx_fail_at(err, DNX_EOPTION, t->file,
                           "[data] needs %s=", valid ? "classes" : "valid");
    dnx_status st = dnx_image_list_open(valid, &l, err);
    if (!st && dnx_datafile_labels(&t->o))
        st = dnx_labels_read(dnx_datafile_labels(&t->o), t->o.classes, &labels, err);
    t->path = calloc(l.n + 1, sizeof *t->path);
    t->class_of = calloc(l.n + 1, sizeof *t->class_of);
    if (!st && (!t->path || !t->class_of))
        st = dnx_fail_at(err, DNX_EMEM, valid, "no memory for the list");
    for (size_t i = 0; !st && i < l.n; i++) st = take(t, &labels, &l, i, err);
    if (!st) st = dnx_image_list_check(&l, err);
    if (!st && !t->n) st = dnx_fail_at(err, DNX_EIO, valid, "lists no images");
    dnx_labels_free(&labels);
    dnx_image_list_free(&l);
    return st;
}

dnx_status dnx_testset_names(const dnx_testset *t, const char *file, int classes, dnx_labels *names,
                             dnx_err *err) {
    if (!file) file = t->o.names ? t->o.names : t->o.labels;
    if (!file) return dnx_fail_at(err, DNX_EOPTION, t->file, "[data] needs names= or labels=");
    dnx_status st = dnx_labels_read(file, classes, names, err);
    if (!st && names->n < classes)
        st = dnx_fail_at(err, DNX_EOPTION, file, "has %d %s, but the network has %d classes",
                         names->n, dnx_plural((size_t)names->n, "name", "names"), classes);
    return st;
}

void dnx_testset_free(dnx_testset *t) {
    for (size_t i = 0; i < t->n; i++) free(t->path[i]);
    free(t->path);
    free(t->class_of);
    free(t->file);
    dnx_datafile_free(&t->o);
}
