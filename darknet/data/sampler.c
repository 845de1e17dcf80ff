/* sampler.c - chooses the images of each sub-batch. */
#include "data/sampler.h"

#include <stdlib.h>

/* XORed with the seed, so that the order of the identities (ROUNDS) and the orders of their images
 * (TURNS) are independent. */
#define ROUNDS 0x40c4d5u
#define TURNS 0x7c425u

struct dnx_sampler {
    const dnx_data *data;
    int kind, batch, images;
    uint64_t seed, drawn; /* drawn: number of the pass over all images or identities */
    uint32_t *order;      /* the images or identities, in the random order of pass `drawn` */

    /* Only for sampler=balanced: */
    uint32_t identities;
    uint32_t *member; /* the images, sorted by class; the images of identity k begin at start[k] */
    uint32_t *start;  /* identities + 1 indices into member */
    uint32_t *place;  /* image i is member[place[i]] */
    uint32_t *turn;   /* scratch: the permutation of one identity's images */
};

static void shuffle(uint32_t *order, uint32_t n, uint64_t seed, uint64_t stream) {
    dnx_rng r;
    dnx_rng_seed(&r, seed, stream);
    for (uint32_t i = 0; i < n; i++) order[i] = i;
    for (uint32_t i = n; i > 1; i--) {
        uint32_t k = (uint32_t)(dnx_rng_next(&r) % i), t = order[i - 1];
        order[i - 1] = order[k];
        order[k] = t;
    }
}

/* Counts the images of each class into `count`. Returns the number of classes with an image. */
static int count_identities(const dnx_data *d, uint32_t *count) {
    int found = 0;
    for (size_t i = 0; i < d->n; i++) found += count[d->class_of[i]]++ == 0;
    return found;
}

dnx_status dnx_sampler_check_net(const dnx_net *net, dnx_err *err) {
    const dnx_net_opts *o = &net->o;
    if (o->sampler != DNX_BALANCED) {
        if (!o->identities && !o->images) return DNX_OK;
        dnx_loc at = dnx_net_at(net, o->identities ? "identities" : "images");
        return dnx_fail(err, DNX_EOPTION, at, "[net] %s: only with sampler=balanced",
                        o->identities ? "identities" : "images");
    }
    if ((double)o->identities * o->images != net->batch)
        return dnx_fail(
            err, DNX_EOPTION, dnx_net_at(net, "identities"),
            "[net] identities=%d images=%d: their product must be batch/subdivisions, which is %d",
            o->identities, o->images, net->batch);
    return DNX_OK;
}

dnx_status dnx_sampler_check(const dnx_data *d, const dnx_net *net, dnx_err *err) {
    const dnx_net_opts *o = &net->o;
    dnx_loc at = dnx_net_at(net, "sampler");
    dnx_status st = dnx_sampler_check_net(net, err);
    if (st || o->sampler != DNX_BALANCED) return st;
    if (!d->o.classes)
        return dnx_fail(err, DNX_EOPTION, at,
                        "[net] sampler=balanced: needs classes, but %.200s has none", d->file);
    uint32_t *count = calloc((size_t)d->o.classes, sizeof *count);
    if (!count) return dnx_fail(err, DNX_EMEM, at, "no memory for the sampler");
    int found = count_identities(d, count);
    free(count);
    if (o->identities <= found) return DNX_OK;
    return dnx_fail(err, DNX_EOPTION, dnx_net_at(net, "identities"),
                    "[net] identities=%d: only %d classes of %.200s have images", o->identities,
                    found, d->file);
}

/* Sorts the images by class (a counting sort). */
static bool group(dnx_sampler *s) {
    const dnx_data *d = s->data;
    uint32_t *count = calloc((size_t)d->o.classes, sizeof *count), most = 0, k = 0;
    if (!count) return false;
    s->identities = (uint32_t)count_identities(d, count);
    s->start = calloc((size_t)s->identities + 1, sizeof *s->start);
    s->member = malloc(sizeof *s->member * d->n);
    s->place = malloc(sizeof *s->place * d->n);
    for (int c = 0; s->start && c < d->o.classes; c++) {
        uint32_t n = count[c];
        if (!n) continue;
        if (n > most) most = n;
        s->start[k + 1] = s->start[k] + n;
        count[c] = s->start[k++]; /* from now on: index in member[] of class c's next image */
    }
    s->turn = malloc(sizeof *s->turn * (most + 1));
    bool ok = s->start && s->member && s->place && s->turn;
    for (uint32_t i = 0; ok && i < d->n; i++) {
        s->place[i] = count[d->class_of[i]]++;
        s->member[s->place[i]] = i;
    }
    free(count);
    return ok;
}

dnx_sampler *dnx_sampler_new(const dnx_data *d, const dnx_net *net, uint64_t seed) {
    dnx_sampler *s = calloc(1, sizeof *s);
    if (!s) return NULL;
    s->data = d;
    s->kind = net->o.sampler;
    s->batch = net->batch;
    s->images = net->o.images;
    s->seed = seed;
    s->drawn = UINT64_MAX;
    bool ok = s->kind != DNX_BALANCED || group(s);
    s->order = malloc(sizeof *s->order * (s->kind == DNX_BALANCED ? s->identities : d->n));
    if (ok && s->order) return s;
    dnx_sampler_free(s);
    return NULL;
}

void dnx_sampler_free(dnx_sampler *s) {
    if (!s) return;
    free(s->order);
    free(s->member);
    free(s->start);
    free(s->place);
    free(s->turn);
    free(s);
}

static void pick_images(dnx_sampler *s, uint32_t k, uint64_t round, uint32_t *image) {
    uint32_t from = s->start[k], n = s->start[k + 1] - from, K = (uint32_t)s->images;
    uint64_t groups = n > K ? n / K : 1, turn = round / groups;
    uint32_t at = (uint32_t)(round % groups) * K;
    shuffle(s->turn, n, s->seed ^ TURNS, (uint64_t)k << 32 ^ turn);
    for (uint32_t i = 0; i < K; i++) image[i] = s->member[from + s->turn[(at + i) % n]];
}

void dnx_sampler_pick(dnx_sampler *s, uint64_t first, uint32_t *image) {
    if (s->kind != DNX_BALANCED) {
        uint64_t n = s->data->n;
        for (int b = 0; b < s->batch; b++) {
            uint64_t at = first + (uint64_t)b, epoch = at / n;
            if (epoch != s->drawn) shuffle(s->order, (uint32_t)n, s->seed, s->drawn = epoch);
            image[b] = s->order[at % n];
        }
        return;
    }
    uint64_t P = (uint64_t)(s->batch / s->images), number = first / (uint64_t)s->batch;
    uint64_t per_round = s->identities / P, round = number / per_round;
    if (round != s->drawn) shuffle(s->order, s->identities, s->seed ^ ROUNDS, s->drawn = round);
    for (uint64_t p = 0; p < P; p++, image += s->images)
        pick_images(s, s->order[number % per_round * P + p], round, image);
}

size_t dnx_sampler_instead(const dnx_sampler *s, size_t image, size_t tries) {
    const int *class_of = s->data->class_of;
    const size_t n = s->data->n;
    if (s->kind == DNX_BALANCED) {
        size_t at = s->place[image], lo = at, hi = at + 1; /* member[lo..hi - 1]: this identity */
        while (lo > 0 && class_of[s->member[lo - 1]] == class_of[image]) lo--;
        while (hi < n && class_of[s->member[hi]] == class_of[image]) hi++;
        if (tries < hi - lo) return s->member[at + 1 < hi ? at + 1 : lo];
    }
    return (image + 1) % n;
}
