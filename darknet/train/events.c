/* events.c - writes TensorBoard's event files. */
#include "train/events.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/files.h"
#include "base/hash.h"
#include "base/outfile.h"
#include "base/paths.h"

/* HEAD, TAIL: bytes of a record before and after its Event. LARGEST: most bytes of an Event that
 * -resume keeps. MOST_WAITING: most bytes of all waiting records. */
enum { HEAD = 12, TAIL = 4, LARGEST = 1 << 20, MOST_WAITING = 64 << 20 };

/* Returns the CRC-32C (Castagnoli) of n bytes, in the masked form that TFRecord files use. */
static uint32_t masked_crc(const unsigned char *p, size_t n) {
    uint32_t crc = ~0u;
    for (size_t i = 0; i < n; i++) {
        crc ^= p[i];
        for (int k = 0; k < 8; k++) crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78u : 0);
    }
    crc = ~crc;
    return (crc >> 15 | crc << 17) + 0xa282ead8u;
}

/* ---- an Event: Protocol Buffers ---- */

typedef struct {
    unsigned char bytes[4096];
    size_t len;
    bool is_full; /* a field did not fit and is missing */
} message;

static void put(message *m, const void *p, size_t n) {
    m->is_full |= m->len + n > sizeof m->bytes;
    if (m->is_full) return;
    memcpy(m->bytes + m->len, p, n);
    m->len += n;
}

static void put_varint(message *m, uint64_t v) {
    unsigned char b;
    for (; v > 127; v >>= 7) {
        b = (unsigned char)(v & 127) | 128;
        put(m, &b, 1);
    }
    b = (unsigned char)v;
    put(m, &b, 1);
}

enum { VARINT = 0, DOUBLE = 1, BYTES = 2, FLOAT = 5 }; /* kinds of fields */
#define KEY(field, kind) ((field) << 3 | (kind))       /* the number in front of a field */

static void put_text(message *m, int field, const char *text, size_t n) {
    put_varint(m, KEY((unsigned)field, BYTES));
    put_varint(m, n);
    put(m, text, n);
}

/* Adds a Summary.value to the summary: field 1 is the tag, field 2 the simple_value. */
static void put_number(message *summary, const char *tag, double v) {
    message value = {.len = 0};
    float f = (float)v;
    if (isnan(v)) return;
    put_text(&value, 1, tag, strlen(tag));
    put_varint(&value, KEY(2, FLOAT));
    put(&value, &f, sizeof f);
    put_text(summary, 1, (const char *)value.bytes, value.len);
}

/* Returns an Event with fields 1 (wall_time), 2 (step), and 3 (file_version) or 5 (summary). */
static message event(uint64_t step, int field, const void *bytes, size_t n) {
    message m = {.len = 0};
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    double wall = (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
    put_varint(&m, KEY(1, DOUBLE));
    put(&m, &wall, sizeof wall);
    put_varint(&m, KEY(2, VARINT));
    put_varint(&m, step);
    put_text(&m, field, bytes, n);
    return m;
}

/* Adds m to the waiting records if m is complete and there is room. */
static void add(dnx_events *e, const message *m) {
    const size_t need = HEAD + m->len + TAIL;
    if (m->is_full) return;
    while (e->len + need > e->room) {
        size_t room = e->room ? 2 * e->room : 4096;
        unsigned char *more = room > MOST_WAITING ? NULL : realloc(e->bytes, room);
        if (!more) return;
        e->bytes = more;
        e->room = room;
    }
    unsigned char *to = e->bytes + e->len;
    uint64_t length = m->len;
    memcpy(to, &length, sizeof length);
    uint32_t crc = masked_crc(to, sizeof length);
    memcpy(to + 8, &crc, sizeof crc);
    memcpy(to + HEAD, m->bytes, m->len);
    crc = masked_crc(m->bytes, m->len);
    memcpy(to + HEAD + m->len, &crc, sizeof crc);
    e->len += need;
}

void dnx_events_write(dnx_events *e, const dnx_net *net, const dnx_log_line *l) {
    message summary = {.len = 0};
    char tag[120];
    if (!e->path) return;
    put_number(&summary, "loss", l->loss);
    put_number(&summary, "rate", l->rate);
    put_number(&summary, "images_per_second", l->speed);
    put_number(&summary, "accuracy", l->accuracy);
    put_number(&summary, e->verification, l->verified);
    put_number(&summary, "exclusivity", l->exclusivity);
    put_number(&summary, "gradient", l->gradient);
    for (int i = 0; i < net->n; i++) {
        if (!net->nodes[i].type->is_loss) continue;
        snprintf(tag, sizeof tag, "losses/%.80s_%d", net->nodes[i].type->name, i);
        put_number(&summary, tag, l->losses[i]);
    }
    message m = event(l->batch, 5, summary.bytes, summary.len);
    m.is_full |= summary.is_full;
    add(e, &m);
}

void dnx_events_amend(dnx_events *e, uint64_t batch, double verified) {
    message summary = {.len = 0};
    if (!e->path) return;
    put_number(&summary, e->verification, verified);
    message m = event(batch, 5, summary.bytes, summary.len);
    add(e, &m);
}

/* ---- the file ---- */

/* Returns the step (the number of the batch) of an Event that event() has written, or UINT64_MAX
 * for any other Event. */
static uint64_t step_of(const unsigned char *p, size_t n) {
    uint64_t step = 0;
    if (n < 11 || p[0] != KEY(1, DOUBLE) || p[9] != KEY(2, VARINT)) return UINT64_MAX;
    for (size_t i = 10, shift = 0; i < n && shift < 64; i++, shift += 7) {
        step |= (uint64_t)(p[i] & 127) << shift;
        if (p[i] < 128) return step;
    }
    return UINT64_MAX;
}

/* Returns the length in bytes of the part of the file to keep: all complete records up to batch
 * `keep`. */
static size_t kept(const unsigned char *p, size_t n, uint64_t keep) {
    size_t at = 0;
    while (n - at >= HEAD + TAIL) {
        uint64_t length;
        uint32_t crc[2];
        memcpy(&length, p + at, sizeof length);
        memcpy(&crc[0], p + at + 8, sizeof crc[0]);
        if (crc[0] != masked_crc(p + at, 8) || length > LARGEST || length > n - at - HEAD - TAIL)
            break;
        memcpy(&crc[1], p + at + HEAD + length, sizeof crc[1]);
        if (crc[1] != masked_crc(p + at + HEAD, length)) break;
        if (step_of(p + at + HEAD, length) > keep) break;
        at += HEAD + length + TAIL;
    }
    return at;
}

static const char stem[] = "events.out.tfevents.0000000000.";

/* Sets e->folder and e->path, and makes the folder. The file's name contains a checksum of `base`,
 * so that check_own() can tell the file from those of runs in other folders. */
static dnx_status make_path(dnx_events *e, const char *dir, const char *base, dnx_err *err) {
    const char *name = strrchr(base, '/') + 1;
    char file[sizeof stem + 16];
    char *out = strndup(base, (size_t)(name - base)), *place = out ? realpath(out, NULL) : NULL;
    uint64_t h = place ? dnx_hash(DNX_HASH_START, place, strlen(place)) : 0;
    snprintf(file, sizeof file, "%s%016" PRIx64, stem, dnx_hash(h, name, strlen(name)));
    e->folder = dnx_path_join(dir, name);
    e->path = e->folder ? dnx_path_join(e->folder, file) : NULL;
    dnx_status st = place && e->path ? dnx_folder_make(dir, err) : dnx_no_memory(dir, err);
    free(place);
    free(out);
    return st ? st : dnx_folder_make(e->folder, err);
}

/* Returns DNX_EIO when the folder has the event file of another run. */
static dnx_status check_own(const dnx_events *e, dnx_err *err) {
    bool is_others = false;
    DIR *d = opendir(e->folder);
    for (struct dirent *f; d && (f = readdir(d));)
        is_others |= strstr(f->d_name, "tfevents") && strcmp(f->d_name, strrchr(e->path, '/') + 1);
    if (d) closedir(d);
    if (!is_others) return DNX_OK;
    return dnx_fail_at(err, DNX_EIO, e->folder,
                       "has the curves of another run: give another folder to -tensorboard");
}

dnx_status dnx_events_open(dnx_events *e, const char *dir, const char *base,
                           const char *verification, uint64_t keep, dnx_err *err) {
    static const char version[] = "brain.Event:2";
    *e = (dnx_events){.file.fd = -1, .verification = verification};
    dnx_status st = make_path(e, dir, base, err);
    if (!st) st = check_own(e, err);
    if (!st) st = dnx_outfile_try(e->path, err);
    if (st) return st;
    e->has_old = !access(e->path, F_OK);
    if (keep && e->has_old) {
        size_t n;
        unsigned char *old = (unsigned char *)dnx_file_read_unnoted(e->path, SIZE_MAX / 2, &n);
        if (!old) return dnx_fail_at(err, DNX_EIO, e->path, "cannot read: %s", strerror(errno));
        e->file.kept = kept(old, n, keep);
        free(old);
        if (n && !e->file.kept)
            return dnx_fail_at(err, DNX_EIO, e->path, "is not an event file of TensorBoard's");
        e->has_old = false;
    }
    if (e->file.kept) return DNX_OK;
    message m = event(0, 3, version, strlen(version));
    add(e, &m);
    return DNX_OK;
}

/* Renames the folder to the first free DIR/NAME.old-N, and makes an empty folder in its place. */
static dnx_status set_aside(dnx_events *e, dnx_err *err) {
    char *to = NULL;
    for (int i = 1; !to || !access(to, F_OK); i++) {
        free(to);
        if (asprintf(&to, "%s.old-%d", e->folder, i) < 0) return dnx_no_memory(e->folder, err);
    }
    dnx_status st = rename(e->folder, to)
                        ? dnx_fail_at(err, DNX_EIO, e->folder, "cannot rename to %s: %s", to,
                                      strerror(errno))
                        : dnx_folder_make(e->folder, err);
    free(to);
    e->has_old = st != DNX_OK;
    return st;
}

dnx_status dnx_events_flush(dnx_events *e, dnx_err *err) {
    size_t done;
    if (!e->path) return DNX_OK;
    if (e->has_old && set_aside(e, err)) return DNX_EIO;
    dnx_status st = dnx_growfile_add(&e->file, e->path, e->bytes, e->len, &done, err);
    dnx_status cut = dnx_growfile_keep(&e->file, e->path, st ? 0 : done, st ? NULL : err);
    if (!st) e->len = 0;
    return st ? st : cut;
}

void dnx_events_close(dnx_events *e) {
    if (e->path) dnx_growfile_close(&e->file);
    free(e->bytes);
    free(e->path);
    free(e->folder);
    *e = (dnx_events){0};
}
