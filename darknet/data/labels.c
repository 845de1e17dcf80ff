/* labels.c - finds the label that a path contains, by a search in sorted labels. libdarknet calls
 * strstr() for every label and path: the 85,742 labels and 5.8 million paths of MS1MV2 would take
 * days. */
#include "data/labels.h"

#include <stdlib.h>
#include <string.h>

typedef struct {
    const char *label;
    int class_of;
} entry;

static int by_label(const void *a, const void *b) {
    const entry *x = a, *y = b;
    int c = strcmp(x->label, y->label);
    return c ? c : x->class_of - y->class_of;
}

dnx_status dnx_labels_read(const char *file, int most, dnx_labels *l, dnx_err *err) {
    char *line;
    dnx_status st = dnx_lines_open(&l->lines, file, "a file of labels", DNX_LINES_MOST, err);
    if (st) return st;
    size_t lines = l->lines.count + 1;
    l->label = malloc(sizeof *l->label * lines);
    l->order = malloc(sizeof *l->order * lines);
    entry *sorted = malloc(sizeof *sorted * lines);
    if (!l->label || !l->order || !sorted) {
        free(sorted);
        return dnx_fail_at(err, DNX_EMEM, file, "no memory for the labels");
    }
    while (l->n < most && (line = dnx_lines_next(&l->lines, ""))) {
        sorted[l->n] = (entry){line, l->n};
        l->label[l->n++] = line;
    }
    qsort(sorted, (size_t)l->n, sizeof *sorted, by_label);
    for (int i = 0; i < l->n; i++) {
        l->order[i] = sorted[i].class_of;
        l->first[(unsigned char)sorted[i].label[0] + 1]++;
    }
    for (int b = 0; b < 256; b++) l->first[b + 1] += l->first[b];
    free(sorted);
    return DNX_OK;
}

void dnx_labels_free(dnx_labels *l) {
    dnx_lines_free(&l->lines);
    free(l->label);
    free(l->order);
}

/* Returns the first index in lo..hi-1 whose label has a byte >= b at offset `at`, else hi. */
static int not_below(const dnx_labels *l, int lo, int hi, size_t at, int b) {
    while (lo < hi) {
        int middle = lo + (hi - lo) / 2;
        if ((unsigned char)l->label[l->order[middle]][at] < b) lo = middle + 1;
        else hi = middle;
    }
    return lo;
}

/* Keeps the lowest two classes in `found`. */
static void note(int class_of, int found[2]) {
    const int low = found[0];
    if (class_of == low || class_of == found[1]) return;
    if (low < 0 || class_of < low) {
        found[0] = class_of;
        found[1] = low;
    } else if (found[1] < 0 || class_of < found[1]) found[1] = class_of;
}

int dnx_labels_find(const dnx_labels *l, const char *path, int found[2]) {
    found[0] = found[1] = -1;
    for (const unsigned char *p = (const unsigned char *)path; *p; p++) {
        int lo = l->first[*p], hi = l->first[*p + 1];
        for (size_t at = 1; lo < hi; at++) {
            /* labels that end here are sorted first; they occur in the path */
            for (; lo < hi && !l->label[l->order[lo]][at]; lo++) note(l->order[lo], found);
            lo = not_below(l, lo, hi, at, p[at]);
            hi = not_below(l, lo, hi, at, p[at] + 1);
        }
    }
    return (found[0] >= 0) + (found[1] >= 0);
}

dnx_status dnx_labels_class(const dnx_labels *l, const char *path, dnx_loc at, int *class_of,
                            dnx_err *err) {
    int found[2], n = dnx_labels_find(l, path, found);
    *class_of = found[0];
    if (n == 1) return DNX_OK;
    if (n)
        return dnx_fail(err, DNX_EOPTION, at, "%.200s: contains two labels, '%.60s' and '%.60s'",
                        path, l->label[found[0]], l->label[found[1]]);
    return dnx_fail(
        err, DNX_EOPTION, at,
        l->n ? "%.200s: contains no label" : "%.200s: has no class, and [data] no labels=", path);
}
