#include "train.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>

enum { SLOTS = 4, MOST_READERS = 16 };
#define FLIPS 0xf11b5u /* parts the flips' generator from the permutations' */

typedef struct {
    float *x, *truth;
    uint32_t *index; /* the images, before replacement */
    uint64_t first;  /* number of the first one in the run */
    bool ready;
} slot;

struct dnx_feed {
    const dnx_data *data;
    const dnx_net *net;
    dnx_decode *other;
    void (*free_other)(unsigned char *);
    uint64_t seed, start; /* the run's image that the feed starts with */
    pthread_mutex_t lock;
    pthread_cond_t space, filled;
    pthread_t reader[MOST_READERS];
    int readers;
    slot slots[SLOTS];
    uint64_t claimed, given, released; /* sub-batches */
    bool stops, failed;
    uint32_t *order; /* of `epoch` */
    uint64_t epoch;
    unsigned char *is_bad; /* per image of the list: cannot be decoded */
    uint32_t *bad;         /* those, as they were found */
    size_t n_bad, told, most_bad;
};

static void shuffle(dnx_feed *f, uint64_t epoch) {
    dnx_rng r;
    dnx_rng_seed(&r, f->seed, epoch);
    for (size_t i = 0; i < f->data->n; i++) f->order[i] = (uint32_t)i;
    for (size_t i = f->data->n; i > 1; i--) {
        size_t k = (size_t)(dnx_rng_next(&r) % i);
        uint32_t t = f->order[i - 1];
        f->order[i - 1] = f->order[k];
        f->order[k] = t;
    }
    f->epoch = epoch;
}

static void claim(dnx_feed *f, slot *s, uint64_t number) {
    s->first = f->start + number * (uint64_t)f->net->batch;
    for (int b = 0; b < f->net->batch; b++) {
        uint64_t at = s->first + (uint64_t)b, epoch = at / f->data->n;
        if (epoch != f->epoch) shuffle(f, epoch);
        s->index[b] = f->order[at % f->data->n];
    }
}

/* false: too many are bad. */
static bool note_bad(dnx_feed *f, size_t i) {
    pthread_mutex_lock(&f->lock);
    if (!f->is_bad[i]) {
        f->is_bad[i] = 1;
        if (f->n_bad < f->most_bad + 1) f->bad[f->n_bad++] = (uint32_t)i;
    }
    bool ok = f->n_bad <= f->most_bad;
    pthread_mutex_unlock(&f->lock);
    return ok;
}

static bool fill(dnx_feed *f, slot *s) {
    const size_t size = dnx_size(f->net->in);
    for (int b = 0; b < f->net->batch; b++) {
        size_t i = s->index[b];
        dnx_rng r;
        dnx_rng_seed(&r, f->seed ^ FLIPS, s->first + (uint64_t)b);
        bool mirrored = f->net->o.flip && dnx_rng_uniform(&r) < .5f;
        while (!dnx_data_image(f->data, i, f->net, mirrored, f->other, f->free_other,
                               s->x + (size_t)b * size)) {
            if (!note_bad(f, i)) return false;
            i = (i + 1) % f->data->n;
        }
        s->truth[b] = (float)f->data->class_of[i];
    }
    return true;
}

static void *reader(void *arg) {
    dnx_feed *f = arg;
    pthread_mutex_lock(&f->lock);
    for (;;) {
        while (!f->stops && f->claimed - f->released >= SLOTS)
            pthread_cond_wait(&f->space, &f->lock);
        if (f->stops) break;
        uint64_t number = f->claimed++;
        slot *s = &f->slots[number % SLOTS];
        claim(f, s, number);
        pthread_mutex_unlock(&f->lock);
        bool ok = fill(f, s);
        pthread_mutex_lock(&f->lock);
        s->ready = true;
        if (!ok) f->failed = f->stops = true;
        pthread_cond_broadcast(&f->filled);
        if (!ok) pthread_cond_broadcast(&f->space);
    }
    pthread_mutex_unlock(&f->lock);
    return NULL;
}

static bool allocate(dnx_feed *f) {
    size_t batch = (size_t)f->net->batch, size = dnx_size(f->net->in);
    f->order = malloc(sizeof *f->order * f->data->n);
    f->is_bad = calloc(f->data->n, 1);
    f->bad = malloc(sizeof *f->bad * (f->most_bad + 1));
    bool ok = f->order && f->is_bad && f->bad;
    for (int i = 0; i < SLOTS; i++) {
        slot *s = &f->slots[i];
        s->x = dnx_alloc(size * batch);
        s->truth = dnx_alloc(batch);
        s->index = malloc(sizeof *s->index * batch);
        ok = ok && s->x && s->truth && s->index;
    }
    return ok;
}

dnx_status dnx_feed_open(const dnx_data *data, const dnx_net *net, uint64_t seed, int threads,
                         dnx_decode *other, void (*free_other)(unsigned char *), dnx_feed **out,
                         dnx_err *err) {
    dnx_loc at = {net->file, 0};
    *out = NULL;
    if (net->in.c != 1 && net->in.c != 3)
        return dnx_fail(err, DNX_ESHAPE, at, "[net] channels=%d: images have 1 or 3", net->in.c);
    dnx_feed *f = calloc(1, sizeof *f);
    if (!f) return dnx_fail(err, DNX_EMEM, at, "no memory for batches");
    f->data = data;
    f->net = net;
    f->seed = seed;
    f->start = net->seen;
    f->other = other;
    f->free_other = free_other;
    /* 1 % of the list, the scan's finds included; a scan that found more did not let us get here */
    f->most_bad = data->listed / 100 - data->broken;
    pthread_mutex_init(&f->lock, NULL);
    pthread_cond_init(&f->space, NULL);
    pthread_cond_init(&f->filled, NULL);
    bool ok = allocate(f);
    if (ok) shuffle(f, f->start / data->n);
    for (int i = 0; ok && i < threads && i < MOST_READERS; i++)
        if (!pthread_create(&f->reader[i], NULL, reader, f)) f->readers++;
        else break;
    if (!ok || !f->readers) {
        dnx_feed_close(f);
        return dnx_fail(err, DNX_EMEM, at, "no memory or no threads for reading images");
    }
    *out = f;
    return DNX_OK;
}

void dnx_feed_close(dnx_feed *f) {
    if (!f) return;
    pthread_mutex_lock(&f->lock);
    f->stops = true;
    pthread_cond_broadcast(&f->space);
    pthread_mutex_unlock(&f->lock);
    for (int i = 0; i < f->readers; i++) pthread_join(f->reader[i], NULL);
    for (int i = 0; i < SLOTS; i++) {
        dnx_free(f->slots[i].x);
        dnx_free(f->slots[i].truth);
        free(f->slots[i].index);
    }
    pthread_cond_destroy(&f->filled);
    pthread_cond_destroy(&f->space);
    pthread_mutex_destroy(&f->lock);
    free(f->order);
    free(f->is_bad);
    free(f->bad);
    free(f);
}

dnx_status dnx_feed_next(dnx_feed *f, const float **x, const float **truth, dnx_err *err) {
    pthread_mutex_lock(&f->lock);
    if (f->given > f->released) {
        f->slots[f->released++ % SLOTS].ready = false;
        pthread_cond_signal(&f->space);
    }
    slot *s = &f->slots[f->given % SLOTS];
    while (!s->ready && !f->failed) pthread_cond_wait(&f->filled, &f->lock);
    bool failed = f->failed;
    f->given++;
    pthread_mutex_unlock(&f->lock);
    if (failed)
        return dnx_fail(err, DNX_EIO, (dnx_loc){f->data->o.train, 0},
                        "more than 1 %% of %zu images cannot be read or decoded", f->data->listed);
    *x = s->x;
    *truth = s->truth;
    return DNX_OK;
}

const char *dnx_feed_broken(dnx_feed *f) {
    pthread_mutex_lock(&f->lock);
    const char *path = f->told < f->n_bad ? dnx_data_path(f->data, f->bad[f->told++]) : NULL;
    pthread_mutex_unlock(&f->lock);
    return path;
}

static bool all_finite(const float *v, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (!isfinite(v[i])) return false;
    return true;
}

dnx_status dnx_check_outputs(const dnx_net *net, dnx_err *err) {
    for (int i = 0; i < net->n; i++) {
        const dnx_node *n = &net->nodes[i];
        if (all_finite(net->links[i].y, dnx_size(n->out) * (size_t)net->batch)) continue;
        return dnx_fail(err, DNX_ENUMBER, n->loc,
                        "NaN or infinity in the output of layer %d [%s]", i, n->type->name);
    }
    return DNX_OK;
}

dnx_status dnx_check_params(dnx_net *net, dnx_err *err) {
    dnx_param list[DNX_MAX_PARAMS];
    for (int i = 0; i < net->n; i++)
        for (int k = 0, n = dnx_net_params(net, i, list); k < n; k++)
            if (!all_finite(list[k].value, list[k].count))
                return dnx_fail(err, DNX_ENUMBER, net->nodes[i].loc,
                                "NaN or infinity in the %s of layer %d [%s]", list[k].name, i,
                                net->nodes[i].type->name);
    return DNX_OK;
}
