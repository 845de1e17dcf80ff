/* darknet find: finds the people of a photograph in a gallery of known faces. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/stop.h"
#include "cmd/cmd.h"
#include "cmd/matching.h"
#include "face/gallery.h"
#include "face/search.h"
#include "kernels/bytes.h"
#include "kernels/pool.h"

typedef struct {
    dnx_matching_args m;
    const char *gallery, *photo;
    int top;
} find_args;

enum { MOST_PEOPLE = 100 };

static const dnx_arg table[] = {
    DNX_PLACE_NET(find_args, m.cfg, m.weights),
    DNX_PLACE(find_args, gallery, "gallery",
              "a folder of crops, one folder for each person, or a file of `darknet embed`"),
    DNX_PLACE(find_args, photo, "photo.jpg", "a photograph; each of its faces is looked up"),
    DNX_ARG_INT(find_args, top, "-top", "N", 5, 1, MOST_PEOPLE, "people to print for each face"),
    DNX_ARGS_MATCHING(find_args),
    DNX_ARG_END,
};

/* The first search returns ROWS_A_PERSON rows for each of -top people. Each later search returns
 * ROWS_A_PERSON times as many. */
enum { ROWS_A_PERSON = 8, MOST_SHOWN = 20 };

static bool is_same(const char *a, const char *b) {
    size_t n, m;
    dnx_gallery_identity(a, &n);
    dnx_gallery_identity(b, &m);
    return n == m && !memcmp(a, b, n);
}

/* Moves the best hit of each of at most `top` people to the front. If there is room, a hit with row
 * SIZE_MAX marks their end. Returns the number of people. */
static int keep_people(const dnx_gallery *g, dnx_hit *hits, int k, int top) {
    int n = 0;
    for (int i = 0; i < k && n < top && hits[i].row < g->e.n; i++) {
        bool is_known = false;
        for (int p = 0; p < n; p++)
            is_known |= is_same(g->e.name[hits[p].row], g->e.name[hits[i].row]);
        if (!is_known) hits[n++] = hits[i];
    }
    if (n < k) hits[n].row = SIZE_MAX;
    return n;
}

/* Returns the number of people in the gallery, or `top` when there are more. */
static int count_people(const dnx_gallery *g, int top) {
    size_t first[MOST_PEOPLE];
    int n = 0;
    for (size_t i = 0; i < g->e.n && n < top; i++) {
        int p = 0;
        while (p < n && !is_same(g->e.name[first[p]], g->e.name[i])) p++;
        if (p == n) first[n++] = i;
    }
    return n;
}

static bool is_above(const dnx_threshold *t, const dnx_hit *best) {
    return t->is_known && (double)best->cosine > t->cosine;
}

static void print_face(const dnx_matching *t, const dnx_gallery *g, const dnx_hit *people, int k) {
    size_t len;
    const char *name = dnx_gallery_identity(g->e.name[people->row], &len);
    if (is_above(&t->threshold, people)) printf(" %.*s\n", (int)len, name);
    else printf(t->threshold.is_known ? " unknown; nearest\n" : " nearest\n");
    for (int i = 0; i < k && people[i].row < g->e.n; i++) {
        name = dnx_gallery_identity(g->e.name[people[i].row], &len);
        printf("  %.4f  %.*s  %s\n", (double)people[i].cosine, (int)len, name, name);
    }
}

static void print_face_json(const dnx_matching *t, const dnx_gallery *g, const dnx_hit *people,
                            int k) {
    size_t len;
    const char *name = dnx_gallery_identity(g->e.name[people->row], &len);
    printf(", \"identity\": ");
    if (is_above(&t->threshold, people)) dnx_json_part(name, len);
    else printf("null");
    printf(", \"people\": [");
    for (int i = 0; i < k && people[i].row < g->e.n; i++) {
        name = dnx_gallery_identity(g->e.name[people[i].row], &len);
        printf("%s{\"name\": ", i ? ", " : "");
        dnx_json_part(name, len);
        printf(", \"crop\": ");
        dnx_json_text(name);
        printf(", \"cosine\": %.6f}", (double)people[i].cosine);
    }
    printf("]}");
}

static void print(const dnx_matching *t, const dnx_gallery *g, const dnx_portrait *p,
                  const find_args *a, const dnx_hit *hits, int k) {
    if (a->m.json) {
        printf("{\"photograph\": ");
        dnx_json_text(a->photo);
        printf(", \"faces\": [");
    }
    for (size_t i = 0; i < p->n; i++, hits += k) {
        const dnx_found *f = &p->faces[i];
        if (a->m.json) {
            printf("%s{\"box\": ", i ? ", " : "");
            dnx_matching_json_box(t, f);
            print_face_json(t, g, hits, k);
            continue;
        }
        if (a->m.aligned) printf("the face:");
        else printf("face %zu at %.0f,%.0f to %.0f,%.0f:", i + 1, f->x1, f->y1, f->x2, f->y2);
        print_face(t, g, hits, k);
    }
    if (!a->m.json) dnx_matching_print(t);
    else dnx_matching_json_end(t);
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

/* Searches for more rows until there are enough people, because one person may have many rows. */
static dnx_status look_up(const dnx_matching *t, const dnx_gallery *g, const dnx_portrait *p,
                          const find_args *a, dnx_err *err) {
    dnx_hit *hits = NULL;
    dnx_query q = {.table = g->e.v,
                   .n = g->e.n,
                   .queries = p->features,
                   .q = (int)p->n,
                   .dim = (int)g->e.dim,
                   .bytes = dnx_bytes()};
    dnx_status st = DNX_OK;
    bool is_enough;
    const int wanted = count_people(g, a->top);
    int k = a->top;
    do {
        k = g->e.n < (size_t)k * ROWS_A_PERSON ? (int)g->e.n : k * ROWS_A_PERSON;
        free(hits);
        hits = malloc(p->n * (size_t)k * sizeof *hits);
        q.k = k;
        st = hits ? dnx_search(&q, t->m.net->pool, hits, err) : dnx_no_memory(a->gallery, err);
        is_enough = true;
        for (size_t i = 0; !st && i < p->n; i++)
            is_enough &= keep_people(g, hits + i * (size_t)k, k, wanted) == wanted;
    } while (!st && !is_enough);
    if (!st) print(t, g, p, a, hits, k);
    free(hits);
    return st;
}

static int run(const void *args, dnx_err *err) {
    const find_args *a = args;
    dnx_matching t = {0};
    dnx_gallery g = {.is_new = false};
    dnx_portrait p = {.n = 0};
    dnx_stop_on_signals();
    dnx_status st = dnx_matching_open(&a->m, &t, err);
    if (!st) st = dnx_matching_read(&t, a->photo, &p, err);
    if (!st) st = dnx_gallery_open(&t.m, t.network, a->gallery, &g, err);
    if (!st) {
        tell(&g, a);
        st = look_up(&t, &g, &p, a, err);
    }
    dnx_portrait_free(&p);
    dnx_gallery_free(&g);
    dnx_matching_close(&t);
    return st != DNX_OK;
}

const dnx_verb dnx_cmd_find = {
    "find",
    "find the people of a photograph among known faces",
    table,
    sizeof(find_args),
    run,
    "`darknet faces` makes such crops. Their features are computed once and kept in the gallery, "
    "in faces.index. With -threshold, a face that no known face matches is called unknown."};
