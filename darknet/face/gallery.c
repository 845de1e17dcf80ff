/* gallery.c - computes, stores and reads the features of known faces. */
#include "face/gallery.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/files.h"
#include "base/hash.h"
#include "base/paths.h"
#include "face/features.h"
#include "face/search.h"

const char *dnx_gallery_identity(const char *name, size_t *len) {
    const char *slash = strrchr(name, '/'), *dot = strrchr(name, '.');
    *len = slash ? (size_t)(slash - name) : dot && dot > name ? (size_t)(dot - name) : strlen(name);
    return name;
}

void dnx_gallery_free(dnx_gallery *g) {
    dnx_embeddings_free(&g->e);
    dnx_skipped_free(&g->skipped);
}

static uint64_t hash_images(const dnx_images *l) {
    uint64_t h = 0;
    for (size_t i = 0; i < l->n; i++) {
        struct stat s;
        char *path = dnx_images_path(l, l->name[i]);
        h = dnx_hash(h, l->name[i], strlen(l->name[i]) + 1);
        if (path && !stat(path, &s)) {
            const int64_t of[3] = {s.st_size, s.st_mtim.tv_sec, s.st_mtim.tv_nsec};
            h = dnx_hash(h, of, sizeof of);
        }
        free(path);
    }
    return h;
}

static dnx_status take(void *arg, char *const *name, float *rows, int count, dnx_err *err) {
    dnx_gallery *g = arg;
    memcpy(g->e.v + g->e.n * g->e.dim, rows, sizeof *rows * (size_t)count * g->e.dim);
    for (int i = 0; i < count; i++, g->e.n++)
        if (!(g->e.name[g->e.n] = strdup(name[i]))) return dnx_no_memory(name[i], err);
    return DNX_OK;
}

static dnx_status compute(const dnx_matcher *m, const dnx_images *l, const char *path,
                          dnx_gallery *g, dnx_err *err) {
    dnx_features f = {m->net, m->last, l, .take = take, .arg = g};
    g->e.dim = dnx_features_dim(&f);
    g->e.name = calloc(l->n + 1, sizeof *g->e.name);
    g->e.v = dnx_alloc(l->n * g->e.dim);
    dnx_status st = g->e.name && g->e.v ? dnx_features_run(&f, err) : dnx_no_memory(path, err);
    g->skipped = f.skipped;
    if (!st && !g->e.n)
        st = dnx_fail_at(err, DNX_EIO, path, "no image of it can be used; the first: %s",
                         g->skipped.line[0]);
    return st;
}

/* Writes the index. A failure only adds a line to g->skipped, because the next call can compute the
 * features again. */
static void save(dnx_gallery *g, const char *index, const char *made_of, const char *text) {
    dnx_embeddings_out f;
    dnx_err err = {0};
    dnx_status st = dnx_embeddings_create(&f, index, g->e.n, g->e.dim, &g->e.kind, &err);
    if (!st) {
        for (size_t i = 0; i < g->e.n; i++) dnx_embeddings_name(&f, g->e.name[i]);
        dnx_embeddings_rows(&f, g->e.v, g->e.n);
        st = dnx_embeddings_finish(&f, &err);
    }
    if (!st) st = dnx_outfile_write(made_of, text, strlen(text), &err);
    if (st) (void)dnx_skipped_add_line(&g->skipped, err.text);
}

static dnx_status open_folder(const dnx_matcher *m, uint64_t network, const char *path,
                              dnx_gallery *g, dnx_err *err) {
    dnx_images l = {0};
    char text[100], *index = dnx_path_join(path, "faces.index"), *there = NULL;
    char *made_of = dnx_path_join(path, "faces.index.txt");
    size_t len;
    dnx_status st = index && made_of ? dnx_images_find(path, &l, err) : dnx_no_memory(path, err);
    if (!st) {
        snprintf(text, sizeof text, "images=%016" PRIx64 "\n", hash_images(&l));
        there = dnx_file_read_unnoted(made_of, sizeof text, &len);
        g->is_new = !there || strcmp(there, text) ||
                    dnx_embeddings_read(index, &g->e, &(dnx_err){0}) ||
                    g->e.kind.network != network ||
                    g->e.dim != dnx_size(m->net->nodes[m->last].out);
    }
    if (!st && g->is_new) {
        dnx_embeddings_free(&g->e);
        g->e.kind = (dnx_embeddings_kind){.network = network};
        st = compute(m, &l, path, g, err);
        /* Writes no index after crops were skipped, so that the next call tries them again. */
        if (!st && !g->skipped.n) save(g, index, made_of, text);
    }
    free(there);
    free(index);
    free(made_of);
    dnx_images_free(&l);
    return st;
}

static dnx_status check_file(const dnx_matcher *m, uint64_t network, const char *path,
                             const dnx_embeddings *e, dnx_err *err) {
    const size_t dim = dnx_size(m->net->nodes[m->last].out);
    const dnx_loc at = {path, 0};
    if (e->kind.flip)
        return dnx_fail(err, DNX_EPARSE, at,
                        "has features with mirrored images; make it without -flip");
    if (e->dim != dim)
        return dnx_fail(err, DNX_ESHAPE, at, "has features of %zu numbers, the network's have %zu",
                        e->dim, dim);
    if (!e->kind.network || e->kind.network == network) return DNX_OK;
    return dnx_fail(err, DNX_EPARSE, at,
                    "was made with the network %016" PRIx64 ", this is %016" PRIx64
                    ", or by an older version: make it again",
                    e->kind.network, network);
}

dnx_status dnx_gallery_open(const dnx_matcher *m, uint64_t network, const char *path,
                            dnx_gallery *g, dnx_err *err) {
    struct stat info;
    *g = (dnx_gallery){.is_new = false};
    bool is_folder = !stat(path, &info) && S_ISDIR(info.st_mode);
    dnx_status st = is_folder ? open_folder(m, network, path, g, err)
                              : dnx_embeddings_read(path, &g->e, err);
    if (!st && !is_folder) st = check_file(m, network, path, &g->e, err);
    if (!st) dnx_unit_rows(g->e.v, g->e.n, g->e.dim);
    return st;
}
