/* teachers_cache.c - stores the outputs of teachers for all images of a list in cache files. */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/half.h"
#include "base/hash.h"
#include "base/lock.h"
#include "base/paths.h"
#include "base/stop.h"
#include "net/fingerprint.h"
#include "train/teachers_parts.h"

/* ---- the images that a cache belongs to ---- */

/* Returns a hash of the images. It does not depend on their names, so a copied folder keeps its
 * cache. When not all bytes of the images were read, the times of their last changes count, too. */
static uint64_t hash_images(const dnx_data *list) {
    uint64_t h = dnx_hash(list->content, &list->n, sizeof list->n);
    if (!list->is_sampled) return h;
    for (size_t i = 0; i < list->n; i++) {
        const dnx_source *s = dnx_data_source(list, i);
        struct stat info;
        if (s->fd >= 0 ? fstat(s->fd, &info) : stat(list->text + list->at[i], &info)) continue;
        int64_t time[2] = {info.st_mtim.tv_sec, info.st_mtim.tv_nsec};
        h = dnx_hash(h, time, sizeof time);
    }
    return h;
}

/* ---- reading a cache ---- */

bool dnx_teachers_from_cache(const dnx_teacher_output *w, const uint32_t *image,
                             const unsigned char *mirrored, int count) {
    if (!w->is_cached) return false;
    for (int b = 0; b < count; b++) {
        const size_t at = 2 * (size_t)image[b] + (mirrored[b] != 0);
        const uint16_t *row = dnx_cache_row(&w->cache, at), *other = NULL;
        float *out = w->out + (size_t)b * w->size;
        if (w->flips) other = dnx_cache_row(&w->cache, at ^ 1);
        if (isnan(dnx_from_half(row[0])) || (other && isnan(dnx_from_half(other[0])))) return false;
        for (size_t k = 0; k < w->size; k++)
            out[k] = dnx_from_half(row[k]) + (other ? dnx_from_half(other[k]) : 0);
    }
    return true;
}

/* ---- making a cache ---- */

typedef struct {
    dnx_net *net;
    dnx_teacher_output *w;
    const dnx_data *list;
    const dnx_teachers_job *job;
    const char *path;
    bool told; /* the wait has been reported */
} maker;

static void name_row(void *arg, size_t row, char *text, size_t size) {
    const maker *m = arg;
    dnx_data_name(m->list, row / 2, text, size - 10);
    if (row % 2) strcat(text, " mirrored");
}

/* Checks that v, the teacher's output for row `row` of the cache, fits 16-bit floats. */
static dnx_status check_row(const maker *m, const float *v, size_t row, dnx_err *err) {
    char name[300];
    size_t k = 0;
    while (k < m->w->size && dnx_fits_half(v[k])) k++;
    if (k == m->w->size) return DNX_OK;
    dnx_data_name(m->list, row / 2, name, sizeof name);
    dnx_loc at = {m->net->teachers->teachers[m->w->teacher].weights, 0};
    if (!isfinite(v[k]))
        return dnx_fail(err, DNX_ENUMBER, at, "NaN or infinity in layer %d for %s", m->w->layer,
                        name);
    return dnx_fail(
        err, DNX_ENUMBER, at,
        "layer %d gives %g for %s, and a cache holds at most 65504: train without -cache",
        m->w->layer, (double)v[k], name);
}

/* Computes `count` rows of the cache, the teacher's outputs, from row `first` on. x: scratch for
 * the images. The row of an unreadable image becomes NAN. */
static dnx_status fill(const maker *m, float *x, size_t first, size_t count, dnx_err *err) {
    const size_t size = dnx_size(m->net->in), dim = m->w->size;
    bool *is_read = malloc(count * sizeof *is_read);
    if (!is_read) return dnx_no_memory(m->path, err);
    for (size_t b = 0; b < count; b++) {
        size_t row = first + b;
        is_read[b] = m->job->read(m->job->arg, row / 2, row % 2, x + b * size);
        if (!is_read[b]) memset(x + b * size, 0, sizeof *x * size);
    }
    dnx_teachers_run_one(m->net, m->w->teacher, x, (int)count, false);
    dnx_status st = DNX_OK;
    for (size_t b = 0; b < count && !st; b++) {
        if (is_read[b]) st = check_row(m, m->w->out + b * dim, first + b, err);
        for (size_t k = 0; k < dim && !is_read[b]; k++) m->w->out[b * dim + k] = NAN;
    }
    free(is_read);
    return st;
}

static dnx_status compute(maker *m, uint64_t key, dnx_err *err) {
    const size_t rows = 2 * m->list->n, batch = (size_t)m->net->batch;
    const dnx_cache_head head = {key, rows, m->w->size, name_row, m};
    dnx_cache_out f;
    float *x = dnx_alloc(batch * dnx_size(m->net->in));
    if (!x) return dnx_no_memory(m->path, err);
    dnx_status st = dnx_cache_begin(&f, m->path, &head, err);
    const bool is_open = !st;
    while (!st && f.done < rows && !f.file.why) {
        size_t count = rows - f.done < batch ? rows - f.done : batch;
        st = dnx_stop_check(err);
        if (!st) st = fill(m, x, f.done, count, err);
        if (!st) st = dnx_stop_check(err); /* a signal may have ended the wait for an image */
        if (st) break;
        dnx_cache_put(&f, m->w->out, count);
        m->job->progress(m->job->arg, f.done / 2, m->list->n);
    }
    dnx_free(x);
    if (!is_open) return st;
    if (st == DNX_ENUMBER) { /* no use to keep the file: the next process would fail, too */
        dnx_cache_discard(&f);
        return st;
    }
    dnx_status ended = dnx_cache_end(&f, err);
    return st ? st : ended;
}

static bool waiting(void *arg, const char *holder) {
    maker *m = arg;
    char text[600];
    snprintf(text, sizeof text, "waiting for %.400s, which writes %.150s", holder, m->path);
    if (!m->told) m->job->note(m->job->arg, text);
    m->told = true;
    return !dnx_stop_asked();
}

/* Computes the cache, unless another process has made it while this one waited for the lock. */
static dnx_status make(maker *m, uint64_t key, dnx_err *err) {
    dnx_lock *lock = NULL;
    char *name;
    if (asprintf(&name, "%s.lock", m->path) < 0) return dnx_no_memory(m->path, err);
    dnx_err held = {0};
    dnx_status st = dnx_lock_wait(&lock, name, waiting, m, &held);
    if (st && !(st = dnx_stop_check(err)))
        st = dnx_fail_at(err, held.status, NULL, "%s", held.text);
    if (!st && access(m->path, F_OK)) st = compute(m, key, err);
    dnx_lock_release(lock);
    free(name);
    return st;
}

static dnx_status open_output(maker *m, uint64_t key, dnx_err *err) {
    dnx_teacher_output *w = m->w;
    dnx_status st = access(m->path, F_OK) ? make(m, key, err) : DNX_OK;
    if (!st) st = dnx_cache_open(&w->cache, m->path, err);
    if (st) return st;
    w->is_cached = w->cache.key == key && w->cache.rows == 2 * m->list->n &&
                   w->cache.dim == w->size;
    if (w->is_cached) return DNX_OK;
    dnx_cache_close(&w->cache);
    return dnx_fail_at(err, DNX_EWEIGHTS, m->path,
                       "is of other images, or of another size, mean, scale or center= of the "
                       "input; remove it to have it made again, or name another folder");
}

dnx_status dnx_teachers_cache(dnx_net *net, const char *folder, const dnx_data *list,
                              const dnx_teachers_job *job, dnx_err *err) {
    dnx_teachers *t = net->teachers;
    dnx_status st = dnx_folder_make(folder, err);
    if (st || !t) return st;
    const uint64_t images = dnx_hash(hash_images(list), &net->o.center, sizeof net->o.center);
    const uint64_t input = dnx_net_fingerprint_input(net, images);
    for (int i = 0; i < t->n_outputs && !st; i++) {
        dnx_teacher_output *w = &t->outputs[i];
        const dnx_teacher *k = &t->teachers[w->teacher];
        const char *slash = strrchr(k->weights, '/'), *name = slash ? slash + 1 : k->weights;
        const uint64_t of_teacher = dnx_net_fingerprint(k->net, w->layer);
        char *path;
        if (asprintf(&path, "%s/%s-%d-%08" PRIx32 ".embeddings", folder, name, w->layer,
                     (uint32_t)(of_teacher ^ of_teacher >> 32)) < 0)
            return dnx_no_memory(folder, err);
        maker m = {.net = net, .w = w, .list = list, .job = job, .path = path};
        st = open_output(&m, dnx_hash(input, &of_teacher, sizeof of_teacher), err);
        free(path);
    }
    return st;
}
