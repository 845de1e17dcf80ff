/* scan.c - checks the first bytes of all images, and computes the checksum of the data. */
#include "data/scan.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/stop.h"
#include "data/decode.h"
#include "data/recordio.h"

enum {
    THREADS = 8,
    PIECE = 256,     /* images that a thread takes at a time */
    SAMPLE = 4096,   /* bytes that are read at a time */
    MOST_SHOWN = 20, /* images that are reported when more than 1 % are broken */
    RETRIES = 50
};

/* ---- threads ---- */

typedef struct {
    size_t n;
    atomic_size_t next;
    void (*fn)(void *, size_t, size_t);
    void *arg;
} job;

static void *work(void *arg) {
    job *j = arg;
    for (size_t lo; (lo = atomic_fetch_add(&j->next, PIECE)) < j->n;)
        j->fn(j->arg, lo, j->n - lo < PIECE ? j->n : lo + PIECE);
    return NULL;
}

void dnx_side_by_side(size_t n, void (*fn)(void *arg, size_t lo, size_t hi), void *arg) {
    job j = {.n = n, .fn = fn, .arg = arg};
    pthread_t thread[THREADS];
    int started = 0;
    while (started < THREADS && (size_t)started * PIECE < n &&
           !pthread_create(&thread[started], NULL, work, &j))
        started++;
    work(&j);
    for (int i = 0; i < started; i++) pthread_join(thread[i], NULL);
}

/* ---- faults ---- */

/* Codes of faults, all above any errno. KIND + k: the file is of kind k of dnx_image_kind(), which
 * decode.c cannot decode. */
enum { KIND = 150, EMPTY = 250, NO_FILE, DAMAGED };

static const char *text_of(int fault) {
    return fault == EMPTY     ? "is empty"
           : fault == NO_FILE ? "is not a file"
           : fault == DAMAGED ? "is damaged"
           : fault >= KIND    ? dnx_image_kind_why(fault - KIND)
                              : strerror(fault);
}

static int fault_of_head(const unsigned char *head, size_t n) {
    int kind = dnx_image_kind(head, n);
    return !n ? EMPTY : dnx_image_kind_why(kind) ? KIND + kind : 0;
}

typedef struct {
    const dnx_data *d;
    unsigned char *fault; /* for each image: 0, an errno, or a code from KIND on */
    bool is_sampled;
    atomic_int retries;
    atomic_uint_fast64_t content; /* sum of the checksums of all sound images */
} scan;

/* Continues the checksum *content of a file from offset `at`; if is_sampled, only with the last
 * SAMPLE bytes of the file. Returns 0 or an errno. */
static int read_rest(const scan *s, int fd, off_t at, off_t size, uint64_t *content) {
    unsigned char part[SAMPLE];
    ssize_t got = 1;
    if (s->is_sampled && size - at > SAMPLE) at = size - SAMPLE;
    for (; at < size && got > 0; at += got) {
        got = pread(fd, part, SAMPLE, at);
        if (got > 0) *content = dnx_hash(*content, part, (size_t)got);
    }
    return got < 0 ? errno : 0;
}

/* Reads the first *n bytes of a file, at most SAMPLE, into head. *content: the checksum of the
 * file's size and bytes. With O_NONBLOCK, open() does not wait for a writer of a FIFO. */
static int read_file(const scan *s, const char *path, unsigned char *head, size_t *n,
                     uint64_t *content) {
    struct stat info;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    ssize_t got = fd < 0 ? -1 : pread(fd, head, SAMPLE, 0);
    int why = got < 0 || fstat(fd, &info) ? errno : 0;
    if (!why) {
        *n = (size_t)got;
        *content = dnx_hash(0, &info.st_size, sizeof info.st_size);
        *content = dnx_hash(*content, head, *n);
        why = read_rest(s, fd, (off_t)got, info.st_size, content);
    }
    if (fd >= 0) close(fd);
    return why == EISDIR || why == ESPIPE || why == ENXIO ? NO_FILE : why;
}

/* Reads the first *n bytes of the image in the record at offset `at` into head. *content: the
 * checksum of the offset and the image; when is_sampled, only of the offset and these bytes. */
static int read_record(const scan *s, const dnx_source *from, uint64_t at, unsigned char *head,
                       size_t *n, uint64_t *content) {
    float label;
    const char *why;
    size_t len = 0;
    if (dnx_record_label(from->fd, from->size, at, &label, head, n)) return DAMAGED;
    *content = dnx_hash(dnx_hash(0, &at, sizeof at), head, *n);
    if (s->is_sampled) return 0;
    unsigned char *bytes = dnx_record_image(from->fd, from->size, at, &len, &why);
    if (bytes) *content = dnx_hash(*content, bytes, len);
    free(bytes);
    return bytes ? 0 : DAMAGED;
}

/* Returns 0 or the fault of image i. *content: its checksum. */
static int check_image(scan *s, size_t i, uint64_t *content) {
    const dnx_source *from = dnx_data_source(s->d, i);
    unsigned char head[SAMPLE];
    uint64_t at = s->d->at[i];
    size_t n = 0;
    int why;
    if (from->fd >= 0) why = read_record(s, from, at, head, &n, content);
    else
        while ((why = read_file(s, s->d->text + at, head, &n, content)) && dnx_is_transient(why) &&
               atomic_fetch_sub(&s->retries, 1) > 0 && dnx_stop_sleep(.1)) {
        }
    return why ? why : fault_of_head(head, n);
}

static void check_images(void *arg, size_t lo, size_t hi) {
    scan *s = arg;
    uint64_t sum = 0;
    for (size_t i = lo; i < hi && !dnx_stop_asked(); i++) {
        uint64_t content, place = i;
        s->fault[i] = (unsigned char)check_image(s, i, &content);
        if (s->fault[i]) continue;
        content = dnx_hash(content, &s->d->class_of[i], sizeof *s->d->class_of);
        sum += dnx_hash(content, &place, sizeof place);
    }
    atomic_fetch_add(&s->content, sum);
}

dnx_status dnx_scan(dnx_data *d, dnx_err *err) {
    dnx_loc at = {d->o.train, 0};
    if (!d->n) return dnx_fail(err, DNX_EIO, at, "lists no images");
    if (d->n > UINT32_MAX) return dnx_fail(err, DNX_EIO, at, "lists too many images");
    d->is_sampled = d->n > DNX_DATA_MOST_WHOLE;
    scan s = {.d = d, .is_sampled = d->is_sampled, .fault = calloc(d->n, 1)};
    atomic_init(&s.retries, RETRIES);
    if (!s.fault) return dnx_fail(err, DNX_EMEM, at, "no memory for the list");
    dnx_side_by_side(d->n, check_images, &s);
    if (dnx_stop_check(err)) {
        free(s.fault);
        return DNX_ESTOP;
    }
    d->content = s.content;
    d->listed = d->n;
    d->n = 0;
    size_t faults = 0;
    for (size_t i = 0; i < d->listed; i++) faults += s.fault[i] != 0;
    const size_t shown = faults * 100 > d->listed ? MOST_SHOWN : faults;
    int k = 0;
    for (size_t i = 0; i < d->listed; i++) {
        char name[4096];
        while (k + 1 < d->sources && i >= d->source[k + 1].first) d->source[++k].first = d->n;
        if (!s.fault[i]) {
            d->at[d->n] = d->at[i];
            d->class_of[d->n++] = d->class_of[i];
        } else if (++d->broken <= shown && d->report) {
            dnx_source_name(d, &d->source[k], d->at[i], name, sizeof name);
            d->report(d->report_arg, name, text_of(s.fault[i]));
        }
    }
    while (k + 1 < d->sources) d->source[++k].first = d->n;
    free(s.fault);
    if (d->broken * 100 > d->listed || !d->n)
        return dnx_fail(err, DNX_EIO, at, "%zu of %zu %s broken or missing, more than 1 %%",
                        d->broken, d->listed, dnx_plural(d->listed, "image is", "images are"));
    return DNX_OK;
}
