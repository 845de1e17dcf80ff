/* batches.c - threads that decode images ahead of training. */
#include "data/batches.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/stop.h"
#include "data/sampler.h"

enum { MOST_READERS = 16, MOST_SLOTS = MOST_READERS + 2 };

#define REPORT_AFTER .5 /* seconds until a reader reports that it waits for an image */
#define ALONE_AFTER 2.  /* seconds until a reader skips the image if other images can be read */
#define END_AFTER 600.  /* seconds until training fails because the image is still unreadable */

typedef struct {
    float *x, *truth;
    uint32_t *image;
    unsigned char *mirrored;
    uint64_t first;                 /* position of the slot's first image in the run, from 0 */
    bool altered, ready, is_of_net; /* is_of_net: how to free x, see dnx_net_free_images() */
} slot;

struct dnx_batches {
    const dnx_data *data;
    const dnx_net *net;
    uint64_t seed, start; /* start: position of this process's first image in the run, from 0 */
    dnx_sampler *sampler;
    pthread_mutex_t lock;
    pthread_cond_t space, filled;
    pthread_t reader[MOST_READERS];
    int readers;
    slot slots[MOST_SLOTS];
    int n_slots; /* two more than readers: training uses one slot, and the next slot is full */
    /* Counts of sub-batches. claimed: begun by a reader; given: returned by dnx_batches_next();
     * released: no longer used, so that their slots are free again. */
    uint64_t claimed, given, released;
    bool stops, failed, lacks_memory;
    char lost[600];        /* error text for an image that stayed unreadable, else "" */
    bool is_waiting;       /* the wait of the readers was reported, but not its end */
    unsigned char *is_bad; /* for each image: true when it was skipped */
    size_t n_bad, most_bad;
    dnx_skipped notes; /* messages; pass_note() has got the first `passed` of them */
    size_t passed;
    void (*pass_note)(void *arg, const char *line);
    void *note_arg;
};

/* Adds the message "NAME: text" about image i. The caller holds the lock. */
static void add_note(dnx_batches *f, size_t i, const char *text) {
    char name[4096];
    dnx_data_name(f->data, i, name, sizeof name);
    dnx_skipped_add(&f->notes, name, text);
    pthread_cond_broadcast(&f->filled);
}

/* Marks image i as bad and reports it once. Returns false when too many images are bad. */
static bool note_bad(dnx_batches *f, size_t i, const char *why) {
    char text[200];
    snprintf(text, sizeof text, "skipped: %s", why);
    pthread_mutex_lock(&f->lock);
    if (!f->is_bad[i]) {
        f->is_bad[i] = 1;
        f->n_bad++;
        add_note(f, i, text);
    }
    bool ok = f->n_bad <= f->most_bad;
    pthread_mutex_unlock(&f->lock);
    return ok;
}

/* ---- images that cannot be read for some time ---- */

static bool is_ended(dnx_batches *f) {
    pthread_mutex_lock(&f->lock);
    bool stops = f->stops;
    pthread_mutex_unlock(&f->lock);
    return stops || dnx_stop_asked();
}

/* Reports the beginning and the end of waiting, each once for all readers. */
static void report_waiting(dnx_batches *f, size_t i, bool waits, int reason) {
    char text[200];
    if (waits) snprintf(text, sizeof text, "cannot be read: %s; waiting for it", strerror(reason));
    else snprintf(text, sizeof text, "waited for no more; training continues");
    pthread_mutex_lock(&f->lock);
    if (f->is_waiting != waits) add_note(f, i, text);
    f->is_waiting = waits;
    pthread_mutex_unlock(&f->lock);
}

static void give_up(dnx_batches *f, size_t i, int reason) {
    char name[400];
    dnx_data_name(f->data, i, name, sizeof name);
    pthread_mutex_lock(&f->lock);
    snprintf(f->lost, sizeof f->lost, "%s cannot be read since %.0f s: %s", name, END_AFTER,
             strerror(reason));
    pthread_mutex_unlock(&f->lock);
}

typedef enum { READABLE, GONE_ALONE, ENDED } outcome;

/* Waits until image i, which could not be read, is READABLE. Returns GONE_ALONE when other images
 * can be read, but not i; ENDED when loading has ended or END_AFTER seconds have passed. */
static outcome wait_for(dnx_batches *f, size_t i, int reason) {
    double waited = 0, pause = .1;
    while (!is_ended(f)) {
        dnx_stop_sleep(pause);
        waited += pause;
        errno = 0;
        if (dnx_data_can_read(f->data, i)) {
            report_waiting(f, i, false, 0);
            return READABLE;
        }
        if (errno) reason = errno;
        if (waited >= ALONE_AFTER && dnx_data_others_can_be_read(f->data, i)) {
            report_waiting(f, i, false, 0);
            return GONE_ALONE;
        }
        if (waited >= REPORT_AFTER) report_waiting(f, i, true, reason);
        if (waited >= END_AFTER) {
            give_up(f, i, reason);
            return ENDED;
        }
        if (waited >= ALONE_AFTER) pause = .5;
    }
    return ENDED;
}

static bool fill(dnx_batches *f, slot *s, float *scratch) {
    const size_t size = dnx_size(f->net->in);
    s->altered = false;
    for (int b = 0; b < f->net->batch; b++) {
        size_t i = s->image[b];
        const char *why;
        dnx_augmentation change;
        dnx_augment_draw(f->net, f->seed, s->first + (uint64_t)b, &change);
        for (size_t tries = 1; (why = dnx_image_load(f->data, i, f->net, &change, scratch,
                                                     s->x + (size_t)b * size));) {
            if (!strcmp(why, DNX_UNREAD)) {
                outcome o = wait_for(f, i, errno);
                if (o == READABLE) continue;
                if (o == ENDED) return false;
            }
            if (!note_bad(f, i, why)) return false;
            i = dnx_sampler_instead(f->sampler, i, tries++);
        }
        s->image[b] = (uint32_t)i;
        s->mirrored[b] = change.mirrored;
        s->altered |= change.is_altered;
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
        while (!f->stops && f->claimed - f->released >= (uint64_t)f->n_slots)
            pthread_cond_wait(&f->space, &f->lock);
        if (f->stops) break;
        uint64_t number = f->claimed++;
        slot *s = &f->slots[number % (uint64_t)f->n_slots];
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
    bool ok = f->sampler && f->is_bad;
    for (int i = 0; i < f->n_slots; i++) {
        slot *s = &f->slots[i];
        s->x = dnx_net_new_images(f->net, size * batch, &s->is_of_net);
        s->truth = dnx_alloc(batch);
        s->image = malloc(sizeof *s->image * batch);
        s->mirrored = malloc(batch);
        ok = ok && s->x && s->truth && s->image && s->mirrored;
    }
    return ok;
}

dnx_status dnx_batches_check_net(const dnx_net *net, dnx_err *err) {
    if (net->in.c != 1 && net->in.c != 3)
        return dnx_fail(err, DNX_ESHAPE, dnx_net_at(net, net->o.channels ? "channels" : "inputs"),
                        "[net] %s=%d: images have 1 or 3 channels",
                        net->o.channels ? "channels" : "inputs", net->in.c);
    dnx_status st = dnx_augment_check(net, err);
    return st ? st : dnx_sampler_check_net(net, err);
}

dnx_status dnx_batches_check(const dnx_data *data, const dnx_net *net, dnx_err *err) {
    dnx_status st = dnx_batches_check_net(net, err);
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
    if (threads > MOST_READERS) threads = MOST_READERS;
    f->n_slots = threads + 2;
    /* The difference is not negative, because dnx_scan() fails when more than 1 % of the images are
     * broken. */
    f->most_bad = data->listed / 100 - data->broken;
    pthread_mutex_init(&f->lock, NULL);
    pthread_cond_init(&f->space, NULL);
    pthread_cond_init(&f->filled, NULL);
    bool ok = allocate(f);
    for (int i = 0; ok && i < threads; i++)
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
    for (int i = 0; i < f->n_slots; i++) {
        dnx_net_free_images(f->net, f->slots[i].x, f->slots[i].is_of_net);
        dnx_free(f->slots[i].truth);
        free(f->slots[i].image);
        free(f->slots[i].mirrored);
    }
    pthread_cond_destroy(&f->filled);
    pthread_cond_destroy(&f->space);
    pthread_mutex_destroy(&f->lock);
    dnx_sampler_free(f->sampler);
    dnx_skipped_free(&f->notes);
    free(f->is_bad);
    free(f);
}

void dnx_batches_notes(dnx_batches *f, void (*pass_note)(void *arg, const char *line), void *arg) {
    f->pass_note = pass_note;
    f->note_arg = arg;
}

/* Hands the new messages to pass_note(). Releases the lock during each call. */
static void pass_notes(dnx_batches *f) {
    while (f->pass_note && f->passed < f->notes.n) {
        const char *text = f->notes.line[f->passed++];
        pthread_mutex_unlock(&f->lock);
        f->pass_note(f->note_arg, text);
        pthread_mutex_lock(&f->lock);
    }
}

/* Waits until the slot is ready. Polls, because a signal does not wake a thread that waits for a
 * condition variable. */
static void wait_slot(dnx_batches *f, const slot *s) {
    for (pass_notes(f); !s->ready && !f->failed && !dnx_stop_asked(); pass_notes(f)) {
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_nsec += 100000000;
        if (until.tv_nsec >= 1000000000) {
            until.tv_nsec -= 1000000000;
            until.tv_sec++;
        }
        pthread_cond_clockwait(&f->filled, &f->lock, CLOCK_MONOTONIC, &until);
    }
}

const float *dnx_batches_ahead(dnx_batches *f) {
    pthread_mutex_lock(&f->lock);
    const slot *s = &f->slots[f->given % (uint64_t)f->n_slots];
    const float *x = s->ready && !f->failed ? s->x : NULL;
    pthread_mutex_unlock(&f->lock);
    return x;
}

dnx_status dnx_batches_next(dnx_batches *f, dnx_batch *batch, dnx_err *err) {
    dnx_loc at = {f->data->o.train, 0};
    pthread_mutex_lock(&f->lock);
    if (f->given > f->released) {
        f->slots[f->released++ % (uint64_t)f->n_slots].ready = false;
        pthread_cond_signal(&f->space);
    }
    slot *s = &f->slots[f->given % (uint64_t)f->n_slots];
    wait_slot(f, s);
    bool ready = s->ready && !f->failed, lacks_memory = f->lacks_memory;
    f->given++;
    pthread_mutex_unlock(&f->lock);
    *batch = (dnx_batch){s->x, s->truth, s->image, s->mirrored, s->altered};
    if (ready) return DNX_OK;
    if (dnx_stop_asked()) return dnx_stop_check(err);
    if (lacks_memory) return dnx_fail(err, DNX_EMEM, at, "no memory for reading images");
    if (*f->lost) return dnx_fail(err, DNX_EIO, at, "%s", f->lost);
    return dnx_fail(err, DNX_EIO, at, "more than 1 %% of %zu images cannot be read or decoded",
                    f->data->listed);
}
