/* darknet find: finds the person of a face in a gallery of known faces. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/stop.h"
#include "cmd/cmd.h"
#include "cmd/matching.h"
#include "face/gallery.h"
#include "face/search.h"
#include "kernels/pool.h"

typedef struct {
    dnx_matching_args m;
    const char *gallery, *photo;
    int top;
} find_args;

static const dnx_arg table[] = {
    DNX_PLACE(find_args, m.cfg, "net.cfg", "the network"),
    DNX_PLACE(find_args, m.weights, "weights", "its weights"),
    DNX_PLACE(find_args, gallery, "gallery",
              "a folder of crops, one folder for each person, or a file of `darknet embed`"),
    DNX_PLACE(find_args, photo, "photo.jpg", "a photograph; each of its faces is looked up"),
    DNX_ARG_INT(find_args, top, "-top", "N", 5, 1, 100, "people to print for each face"),
    DNX_ARGS_MATCHING(find_args),
    DNX_ARG_END,
};

static int run(const void *args);

const dnx_verb dnx_cmd_find = {
    "find",
    "find the people of a photograph among known faces",
    table,
    sizeof(find_args),
    run,
    "`darknet faces` makes such crops. Their features are computed once and kept in the gallery, "
    "in faces.index. With -threshold, a face that no known face matches is called unknown."};

enum { ROWS_A_PERSON = 8, MOST_SHOWN = 20 };

static bool is_same(const char *a, const char *b) {
    size_t n, m;
    dnx_gallery_identity(a, &n);
    dnx_gallery_identity(b, &m);
    return n == m && !memcmp(a, b, n);
}

/* Prints the nearest photograph of each person, for at most `top` people. */
static void print_people(const dnx_gallery *g, const dnx_hit *hits, int k, int top) {
    int shown = 0;
    for (int i = 0; i < k && shown < top && hits[i].row < g->e.n; i++) {
        const char *name = g->e.name[hits[i].row];
        bool is_known = false;
        size_t len;
        for (int before = 0; before < i; before++)
            is_known |= is_same(g->e.name[hits[before].row], name);
        if (is_known) continue;
        dnx_gallery_identity(name, &len);
        printf("  %.4f  %.*s  %s\n", (double)hits[i].cosine, (int)len, name, name);
        shown++;
    }
}

/* Prints the name when the cosine is above the threshold, else "unknown". Without a threshold it
 * only prints "nearest". */
static void print_verdict(const dnx_gallery *g, const dnx_threshold *t, const dnx_hit *best) {
    size_t len;
    const char *name = dnx_gallery_identity(g->e.name[best->row], &len);
    if (!t->is_known) printf(" nearest\n");
    else if ((double)best->cosine > t->cosine) printf(" %.*s\n", (int)len, name);
    else printf(" unknown; nearest\n");
}

static void tell(const dnx_gallery *g, const find_args *a) {
    for (size_t i = 0; i < g->skipped.n && i < MOST_SHOWN; i++)
        fprintf(stderr, "%s\n", g->skipped.line[i]);
    if (g->skipped.n > MOST_SHOWN) fprintf(stderr, "... and %zu more\n", g->skipped.n - MOST_SHOWN);
    if (g->is_new)
        fprintf(stderr, "%s: features of %zu %s computed\n", a->gallery, g->e.n,
                dnx_plural(g->e.n, "face", "faces"));
    if (!g->e.kind.network)
        fprintf(stderr, "%s: does not tell which network it was made with\n", a->gallery);
}

static dnx_status look_up(const dnx_matching *t, const dnx_gallery *g, const dnx_portrait *p,
                          const find_args *a, dnx_err *err) {
    const int most = a->top * ROWS_A_PERSON, k = g->e.n < (size_t)most ? (int)g->e.n : most;
    dnx_hit *hits = malloc(p->n * (size_t)k * sizeof *hits);
    dnx_status st = hits ? dnx_search(g->e.v, g->e.n, p->features, (int)p->n, (int)g->e.dim, k,
                                      t->m.net->pool, hits, err)
                         : dnx_no_memory(a->gallery, err);
    for (size_t i = 0; !st && i < p->n; i++) {
        const dnx_found *f = &p->faces[i];
        const dnx_hit *best = hits + i * (size_t)k;
        if (a->m.aligned) printf("the face:");
        else printf("face %zu at %.0f,%.0f to %.0f,%.0f:", i + 1, f->x1, f->y1, f->x2, f->y2);
        print_verdict(g, &t->threshold, best);
        print_people(g, best, k, a->top);
    }
    free(hits);
    return st;
}

static int run(const void *args) {
    const find_args *a = args;
    dnx_matching t = {0};
    dnx_gallery g = {.is_new = false};
    dnx_portrait p = {.n = 0};
    dnx_err err = {0};
    dnx_stop_on_signals();
    dnx_status st = dnx_matching_open(&a->m, &t, &err);
    if (!st) st = dnx_matching_read(&t, a->photo, &p, &err);
    if (!st) st = dnx_gallery_open(&t.m, t.network, a->gallery, &g, &err);
    if (!st) {
        tell(&g, a);
        st = look_up(&t, &g, &p, a, &err);
    }
    if (!st) dnx_matching_print(&t);
    dnx_portrait_free(&p);
    dnx_gallery_free(&g);
    dnx_matching_close(&t);
    return st ? dnx_report(&err) : 0;
}
