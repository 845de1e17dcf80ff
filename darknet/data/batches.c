#include "data/batches.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "data/sampler.h"

enum { SLOTS = 4, MOST_READERS = 16 };

typedef struct {
    float *x, *truth;
    uint32_t *image;
    unsigned char *mirrored;
    uint64_t first; /* number of the first one in the run */
    bool altered, ready;
} slot;

typedef struct {
    uint32_t image;
    const char *why;
} fault;

struct dnx_batches {
    const dnx_data *data;
    const dnx_net *net;
    uint64_t seed, start; /* the run's image that the feed starts with */
    dnx_sampler *sampler;
    pthread_mutex_t lock;
    pthread_cond_t space, filled;
    pthread_t reader[MOST_READERS];
    int readers;
    slot slots[SLOTS];
    uint64_t claimed, given, released; /* sub-batches */
    bool stops, failed, lacks_memory;
    unsigned char *is_bad; /* per image of the list: cannot be decoded */
    fault *bad;            /* those, as they were found */
    size_t n_bad, told, most_bad;
    char line[4200];
};

/* false: too many are bad. */
static bool note_bad(dnx_batches *f, size_t i, const char *why) {
    pthread_mutex_lock(&f->lock);
    if (!f->is_bad[i]) {
        f->is_bad[i] = 1;
        if (f->n_bad < f->most_bad + 1) f->bad[f->n_bad++] = (fault){(uint32_t)i, why};
    }
    bool ok = f->n_bad <= f->most_bad;
    pthread_mutex_unlock(&f->lock);
    return ok;
}

static bool fill(dnx_batches *f, slot *s, float *scratch) {
    const size_t size = dnx_size(f->net->in);
    s->altered = false;
    for (int b = 0; b < f->net->batch; b++) {
        size_t i = s->image[b];
        const char *why;
        dnx_look look;
        dnx_augment_draw(f->net, f->seed, s->first + (uint64_t)b, &look);
        for (size_t tries = 1; (why = dnx_image_load(f->data, i, f->net, &look,
                                                     scratch, s->x + (size_t)b * size));) {
            if (!note_bad(f, i, why)) return false;
            i = dnx_sampler_instead(f->sampler, i, tries++);
        }
        s->image[b] = (uint32_t)i;
        s->mirrored[b] = look.mirrored;
        s->altered |= look.is_altered;
        s->truth[b] = (float)f->data->class_of[i];
    }
    return true;
}

static void *reader(void *arg) {
    dnx_batches *f = arg;
    float *scratch = dnx_alloc((size_t)f->net->in.h * (size_t)f->net->in.w * 3 * 2);
    pthread_mutex_lock(&f->lock);
    if (!scratch) {
        f->failed = f->stops = f->lacks_memory = true;
        pthread_cond_broadcast(&f->filled);
    }
    for (;;) {
        while (!f->stops && f->claimed - f->released >= SLOTS)
            pthread_cond_wait(&f->space, &f->lock);
        if (f->stops) break;
        uint64_t number = f->claimed++;
        slot *s = &f->slots[number % SLOTS];
        s->first = f->start + number * (uint64_t)f->net->batch;
        dnx_sampler_pick(f->sampler, s->first, s->image);
        pthread_mutex_unlock(&f->lock);
        bool ok = fill(f, s, scratch);
        pthread_mutex_lock(&f->lock);
        s->ready = true;
        if (!ok) f->failed = f->stops = true;
        pthread_cond_broadcast(&f->filled);
        if (!ok) pthread_cond_broadcast(&f->space);
    }
    pthread_mutex_unlock(&f->lock);
    dnx_free(scratch);
    return NULL;
}

static bool allocate(dnx_batches *f) {
    size_t batch = (size_t)f->net->batch, size = dnx_size(f->net->in);
    f->sampler = dnx_sampler_new(f->data, f->net, f->seed);
    f->is_bad = calloc(f->data->n, 1);
    f->bad = malloc(sizeof *f->bad * (f->most_bad + 1));
    bool ok = f->sampler && f->is_bad && f->bad;
    for (int i = 0; i < SLOTS; i++) {
        slot *s = &f->slots[i];
        s->x = dnx_alloc(size * batch);
        s->truth = dnx_alloc(batch);
        s->image = malloc(sizeof *s->image * batch);
        s->mirrored = malloc(batch);
        ok = ok && s->x && s->truth && s->image && s->mirrored;
    }
    return ok;
}

dnx_status dnx_batches_check(const dnx_data *data, const dnx_net *net, dnx_err *err) {
    if (net->in.c != 1 && net->in.c != 3)
        return dnx_fail(err, DNX_ESHAPE, (dnx_loc){net->file, 0},
                        "[net] channels=%d: images have 1 or 3", net->in.c);
    dnx_status st = dnx_augment_check(net, err);
    return st ? st : dnx_sampler_check(data, net, err);
}

dnx_status dnx_batches_open(const dnx_data *data, const dnx_net *net, uint64_t seed, int threads,
                            dnx_batches **out, dnx_err *err) {
    dnx_loc at = {net->file, 0};
    *out = NULL;
    dnx_status st = dnx_batches_check(data, net, err);
    if (st) return st;
    dnx_batches *f = calloc(1, sizeof *f);
    if (!f) return dnx_fail(err, DNX_EMEM, at, "no memory for batches");
    f->data = data;
    f->net = net;
    f->seed = seed;
    f->start = net->seen;
    /* 1 % of the list, the scan's finds included; a scan that found more did not let us get here */
    f->most_bad = data->listed / 100 - data->broken;
    pthread_mutex_init(&f->lock, NULL);
    pthread_cond_init(&f->space, NULL);
    pthread_cond_init(&f->filled, NULL);
    bool ok = allocate(f);
    for (int i = 0; ok && i < threads && i < MOST_READERS; i++)
        if (!pthread_create(&f->reader[i], NULL, reader, f)) f->readers++;
        else break;
    if (!ok || !f->readers) {
        dnx_batches_close(f);
        return dnx_fail(err, DNX_EMEM, at, "no memory or no threads for reading images");
    }
    *out = f;
    return DNX_OK;
}

void dnx_batches_close(dnx_batches *f) {
    if (!f) return;
    pthread_mutex_lock(&f->lock);
    f->stops = true;
    pthread_cond_broadcast(&f->space);
    pthread_mutex_unlock(&f->lock);
    for (int i = 0; i < f->readers; i++) pthread_join(f->reader[i], NULL);
    for (int i = 0; i < SLOTS; i++) {
        dnx_free(f->slots[i].x);
        dnx_free(f->slots[i].truth);
        free(f->slots[i].image);
        free(f->slots[i].mirrored);
    }
    pthread_cond_destroy(&f->filled);
    pthread_cond_destroy(&f->space);
    pthread_mutex_destroy(&f->lock);
    dnx_sampler_free(f->sampler);
    free(f->is_bad);
    free(f->bad);
    free(f);
}

dnx_status dnx_batches_next(dnx_batches *f, dnx_batch *batch, dnx_err *err) {
    dnx_loc at = {f->data->o.train, 0};
    pthread_mutex_lock(&f->lock);
    if (f->given > f->released) {
        f->slots[f->released++ % SLOTS].ready = false;
        pthread_cond_signal(&f->space);
    }
    slot *s = &f->slots[f->given % SLOTS];
    while (!s->ready && !f->failed) pthread_cond_wait(&f->filled, &f->lock);
    bool failed = f->failed, lacks_memory = f->lacks_memory;
    f->given++;
    pthread_mutex_unlock(&f->lock);
    if (lacks_memory) return dnx_fail(err, DNX_EMEM, at, "no memory for reading images");
    if (failed)
        return dnx_fail(err, DNX_EIO, at, "more than 1 %% of %zu images cannot be read or decoded",
                        f->data->listed);
    *batch = (dnx_batch){s->x, s->truth, s->image, s->mirrored, s->altered};
    return DNX_OK;
}

const char *dnx_batches_broken(dnx_batches *f) {
    pthread_mutex_lock(&f->lock);
    const fault *b = f->told < f->n_bad ? &f->bad[f->told++] : NULL;
    pthread_mutex_unlock(&f->lock);
    if (!b) return NULL;
    char name[4096];
    dnx_data_name(f->data, b->image, name, sizeof name);
    snprintf(f->line, sizeof f->line, "%s: skipped: %s", name, b->why);
    return f->line;
}
