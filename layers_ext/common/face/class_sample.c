/* class_sample.c - see class_sample.h. */
#include "common/face/class_sample.h"

#include <stdlib.h>

#include "common/face/mining.h"

dnx_status dnx_class_sample_make(dnx_class_sample *s, dnx_node *n, int classes, float share,
                                 dnx_err *err) {
    *s = (dnx_class_sample){.n = classes, .most = classes, .classes = classes, .share = share};
    if (share >= 1 || !n->trains) return DNX_OK;
    s->most = dnx_part_of(share, classes) + n->batch;
    if (s->most > classes) s->most = classes;
    s->rows = dnx_new_array(n, (size_t)s->most, sizeof *s->rows, err);
    s->present = s->rows ? dnx_new_array(n, (size_t)n->batch, sizeof *s->present, err) : NULL;
    return s->present ? DNX_OK : DNX_EMEM;
}

static int by_value(const void *a, const void *b) {
    int x = *(const int *)a, y = *(const int *)b;
    return (x > y) - (x < y);
}

/* Fills `present` with the different classes of the batch, in rising order. Returns their
 * number. */
static int find_present(dnx_class_sample *s, const dnx_pass *p) {
    int known = 0, P = 0;
    for (int b = 0; b < p->batch; b++)
        if (p->truth[b] >= 0 && p->truth[b] < (float)s->classes)
            s->present[known++] = (int)p->truth[b];
    qsort(s->present, (size_t)known, sizeof *s->present, by_value);
    for (int i = 0; i < known; i++)
        if (i == 0 || s->present[i] != s->present[P - 1]) s->present[P++] = s->present[i];
    return P;
}

void dnx_class_sample_draw(dnx_class_sample *s, const dnx_node *n, const dnx_pass *p) {
    if (!s->rows) return;
    const int P = find_present(s, p);
    int others = dnx_part_of(s->share, s->classes) - P, left = s->classes - P, next = 0;
    dnx_rng r;
    dnx_rng_seed(&r, n->seed + p->update * 0x9e3779b97f4a7c15u, (uint64_t)n->index << 32);
    s->n = 0;
    for (int c = 0; c < s->classes; c++) { /* Knuth's selection sampling */
        if (next < P && s->present[next] == c) {
            s->rows[s->n++] = c;
            next++;
        } else if ((int64_t)(dnx_rng_next(&r) % (uint64_t)left--) < others) {
            s->rows[s->n++] = c;
            others--;
        }
    }
}

int dnx_class_sample_place(const dnx_class_sample *s, int y) {
    if (!s->rows) return y;
    const int *at = bsearch(&y, s->rows, (size_t)s->n, sizeof *s->rows, by_value);
    return at ? (int)(at - s->rows) : 0;
}
