/* data.c - opens a .data file and its sources as one list of images. */
#include "data/data.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "data/decode.h"
#include "data/recordio.h"
#include "data/scan.h"
#include "data/sources.h"

static bool is_about(const dnx_err *err, const char *file) {
    size_t n = strlen(file);
    return !strncmp(err->text, file, n) && err->text[n] == ':';
}

/* Appends " (train= of FILE:LINE)" to the text of an error in a source or in the labels. It shows
 * where the .data file names the source. */
static void name_line(const dnx_data *d, dnx_err *err) {
    const char *labels = dnx_datafile_labels(&d->o), *key = d->key;
    size_t used = err ? strlen(err->text) : 0;
    int line = d->line;
    if (!used || is_about(err, d->file)) return;
    if (labels && is_about(err, labels)) {
        key = d->o.labels ? "labels" : "names";
        line = d->o.labels ? d->o.labels_line : d->o.names_line;
    }
    snprintf(err->text + used, sizeof err->text - used, " (%s= of %.120s:%d)", key, d->file, line);
}

static dnx_status check_valid(const dnx_data *d, dnx_err *err) {
    if (!d->n) return dnx_fail_at(err, DNX_EIO, d->from, "lists no images");
    if (!d->has_folder || d->next == d->o.classes) return DNX_OK;
    return dnx_fail(err, DNX_EOPTION, dnx_data_at(d, d->line),
                    "[data] valid=%.200s: identity folders of %d of %d classes: a folder's rank is "
                    "its class, so make empty ones for the others",
                    d->from, d->next, d->o.classes);
}

static dnx_status open_list(const char *file, bool is_valid, dnx_broken_fn *broken, void *arg,
                            dnx_data **out, dnx_err *err) {
    *out = NULL;
    dnx_data *d = calloc(1, sizeof *d);
    if (!d || !(d->file = strdup(file))) {
        free(d);
        return dnx_no_memory(file, err);
    }
    dnx_status st = dnx_datafile_read(file, &d->o, err);
    d->key = is_valid ? "valid" : "train";
    d->from = is_valid ? d->o.valid : d->o.train;
    d->line = is_valid ? d->o.valid_line : d->o.train_line;
    d->report = broken;
    d->report_arg = arg;
    if (!st && (!d->from || (is_valid && !d->o.classes)))
        st = dnx_fail(err, DNX_EOPTION, dnx_data_at(d, 0),
                      "[data] needs %s=", d->from ? "classes" : d->key);
    if (!st) {
        st = dnx_sources_read(d, err);
        if (!st) st = is_valid ? check_valid(d, err) : dnx_scan(d, err);
        if (st) name_line(d, err);
    }
    if (st) dnx_data_close(d);
    else *out = d;
    return st;
}

dnx_status dnx_data_open(const char *file, dnx_broken_fn *broken, void *arg, dnx_data **out,
                         dnx_err *err) {
    return open_list(file, false, broken, arg, out, err);
}

dnx_status dnx_data_open_valid(const char *file, dnx_broken_fn *broken, void *arg, dnx_data **out,
                               dnx_err *err) {
    return open_list(file, true, broken, arg, out, err);
}

void dnx_data_close(dnx_data *d) {
    if (!d) return;
    for (int k = 0; k < d->sources; k++) {
        if (d->source[k].fd >= 0) close(d->source[k].fd);
        free(d->source[k].path);
    }
    dnx_datafile_free(&d->o);
    dnx_skipped_free(&d->left_out);
    free(d->source);
    free(d->text);
    free(d->at);
    free(d->class_of);
    free(d->file);
    free(d);
}

bool dnx_data_add(dnx_data *d, uint64_t at, int class_of) {
    if (!dnx_grow(&d->at, d->n, &d->at_capacity, sizeof *d->at) ||
        !dnx_grow(&d->class_of, d->n, &d->class_capacity, sizeof *d->class_of))
        return false;
    d->at[d->n] = at;
    d->class_of[d->n++] = class_of;
    if (class_of >= d->next) d->next = class_of + 1;
    return true;
}

const dnx_source *dnx_data_source(const dnx_data *d, size_t i) {
    int k = d->sources - 1;
    while (k > 0 && i < d->source[k].first) k--;
    return &d->source[k];
}

void dnx_source_name(const dnx_data *d, const dnx_source *s, uint64_t at, char *out, size_t size) {
    if (s->fd < 0) snprintf(out, size, "%s", d->text + at);
    else snprintf(out, size, "%s, record at byte %" PRIu64, s->path, at);
}

void dnx_data_name(const dnx_data *d, size_t i, char *out, size_t size) {
    dnx_source_name(d, dnx_data_source(d, i), d->at[i], out, size);
}

unsigned char *dnx_data_bytes(const dnx_data *d, size_t i, size_t *len, const char **why) {
    const dnx_source *s = dnx_data_source(d, i);
    if (s->fd >= 0) return dnx_record_image(s->fd, s->size, d->at[i], len, why);
    char *bytes = dnx_image_file(d->text + d->at[i], len);
    if (!bytes)
        *why = errno == EFBIG    ? "is larger than 1 GB"
               : errno == ENOMEM ? "needs more memory than there is"
                                 : DNX_UNREAD;
    return (unsigned char *)bytes;
}

bool dnx_data_can_read(const dnx_data *d, size_t i) {
    size_t len;
    const char *why;
    unsigned char *bytes = dnx_data_bytes(d, i, &len, &why);
    free(bytes);
    return bytes || strcmp(why, DNX_UNREAD);
}

bool dnx_data_others_can_be_read(const dnx_data *d, size_t i) {
    const size_t n = d->n, away[] = {1, n / 2 + 1, n / 3 + 1, n / 7 + 1};
    for (size_t k = 0; k < sizeof away / sizeof *away; k++)
        if (away[k] % n && dnx_data_can_read(d, (i + away[k]) % n)) return true;
    return false;
}
