/* embeddings_read.c - reads files of embeddings. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/files.h"
#include "base/half.h"
#include "data/embeddings.h"
#include "kernels/kernels.h"

enum { ALIGN = 64, MOST_NAME = 1 << 16 };

static bool is_zero(const float *v, size_t dim) {
    size_t k = 0;
    while (k < dim && v[k] == 0) k++;
    return k == dim;
}

const char *dnx_feature_fault(const float *v, size_t dim) {
    if (!isfinite(dnx_kernels()->dot(v, v, dim))) return "the features are not numbers";
    return is_zero(v, dim) ? "the features are all zero" : NULL;
}

dnx_status dnx_features_keep(float *v, int *count, size_t dim, char **name, dnx_skipped *skipped,
                             dnx_err *err) {
    int good = 0;
    for (int i = 0; i < *count; i++) {
        const float *from = v + (size_t)i * dim;
        const char *fault = dnx_feature_fault(from, dim);
        if (fault && !is_zero(from, dim))
            return dnx_fail_at(err, DNX_ENUMBER, name[i], "%s", fault);
        if (fault && !dnx_skipped_add(skipped, name[i], fault)) return dnx_no_memory(name[i], err);
        if (fault) continue;
        memmove(v + (size_t)good * dim, from, dim * sizeof *v);
        char *kept = name[i];
        name[i] = name[good];
        name[good++] = kept;
    }
    *count = good;
    return DNX_OK;
}

static dnx_status bad(const char *path, const char *why, dnx_err *err) {
    return dnx_fail_at(err, DNX_EPARSE, path, "%s", why);
}

static dnx_status read_names(FILE *f, const char *path, size_t left, dnx_embeddings *e,
                             dnx_err *err) {
    if (left / sizeof(uint32_t) < e->n) return bad(path, "is cut short in its names", err);
    e->name = calloc(e->n + 1, sizeof *e->name);
    if (!e->name) return dnx_no_memory(path, err);
    for (size_t i = 0; i < e->n; i++) {
        uint32_t len;
        if (fread(&len, sizeof len, 1, f) != 1 || len > MOST_NAME)
            return bad(path, "is damaged in its names", err);
        if (!(e->name[i] = calloc(1, (size_t)len + 1))) return dnx_no_memory(path, err);
        if (fread(e->name[i], 1, len, f) != len) return bad(path, "is cut short in its names", err);
    }
    return DNX_OK;
}

static dnx_status read_rows(FILE *f, const char *path, size_t left, dnx_embeddings *e,
                            dnx_err *err) {
    const bool is_half = e->kind.is_half;
    const size_t count = e->n * e->dim, size = is_half ? sizeof(uint16_t) : sizeof(float);
    if (left != count * size)
        return bad(path,
                   left < count * size ? "is cut short in its numbers"
                                       : "has bytes after its numbers",
                   err);
    if (!(e->v = dnx_alloc(count)))
        return dnx_fail_at(err, DNX_EMEM, path, "no memory for %zu x %zu numbers", e->n, e->dim);
    uint16_t part[4096];
    for (size_t i = 0; is_half && i < count; i += 4096) {
        const size_t k = count - i < 4096 ? count - i : 4096;
        if (fread(part, sizeof *part, k, f) != k) return bad(path, "cannot be read", err);
        for (size_t j = 0; j < k; j++) e->v[i + j] = dnx_from_half(part[j]);
    }
    if (!is_half && fread(e->v, sizeof *e->v, count, f) != count)
        return bad(path, "cannot be read", err);
    for (size_t i = 0; i < e->n; i++) {
        const char *fault = dnx_feature_fault(e->v + i * e->dim, e->dim);
        if (fault) return dnx_fail_at(err, DNX_EPARSE, path, "%s: %s", e->name[i], fault);
    }
    return DNX_OK;
}

static dnx_status read_all(FILE *f, const char *path, size_t len, dnx_embeddings *e, dnx_err *err) {
    struct {
        char magic[4];
        uint32_t version, n, dim;
    } head;
    struct {
        uint32_t bytes, flip;
        uint64_t network;
    } kind = {.bytes = 4};
    if (fread(&head, sizeof head, 1, f) != 1 || memcmp(head.magic, "DNXE", 4))
        return bad(path, "is not a file of `darknet embed`", err);
    if (head.version != 1 && head.version != 2)
        return bad(path, "is a cache of a teacher, no file of `darknet embed`", err);
    if (head.version == 2 && (fread(&kind, sizeof kind, 1, f) != 1 ||
                              (kind.bytes != 2 && kind.bytes != 4) || kind.flip > DNX_FLIP_CONCAT))
        return bad(path, "is damaged in its header", err);
    e->kind = (dnx_embeddings_kind){kind.bytes == 2, (dnx_flip)kind.flip, kind.network};
    e->n = head.n;
    e->dim = head.dim;
    if (!e->n || !e->dim) return bad(path, "has no features", err);
    dnx_status st = read_names(f, path, len, e, err);
    if (st) return st;
    size_t at = (size_t)ftell(f), start = head.version == 2 ? (at + ALIGN - 1) / ALIGN * ALIGN : at;
    if (start > len || fseek(f, (long)start, SEEK_SET))
        return bad(path, "is cut short in its names", err);
    return read_rows(f, path, len - start, e, err);
}

dnx_status dnx_embeddings_read(const char *path, dnx_embeddings *e, dnx_err *err) {
    size_t len;
    *e = (dnx_embeddings){.n = 0};
    FILE *f = dnx_file_open_unnoted(path, SIZE_MAX / 2, &len);
    if (!f) return dnx_fail_at(err, DNX_EIO, path, "cannot open: %s", strerror(errno));
    dnx_status st = read_all(f, path, len, e, err);
    fclose(f);
    return st;
}

void dnx_embeddings_free(dnx_embeddings *e) {
    for (size_t i = 0; e->name && i < e->n; i++) free(e->name[i]);
    free(e->name);
    dnx_free(e->v);
    *e = (dnx_embeddings){.n = 0};
}
