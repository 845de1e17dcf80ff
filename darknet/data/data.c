#include "data/data.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/files.h"
#include "net/opts.h"
#include "data/recordio.h"
#include "data/scan.h"
#include "data/sources.h"

typedef dnx_data_opts O;
static const dnx_opt options[] = {
    DNX_OPT_INT(O, classes, 0, 0, 16777216, "number of classes; 0: no labels"), /* exact floats */
    DNX_OPT_INT(O, top, 1, 1, 16777216, "the host's; not used"),
    DNX_OPT_STRING(O, train, NULL, "folders, lists and .rec files of images to train on"),
    DNX_OPT_STRING(O, valid, NULL, "the host's; not used"),
    DNX_OPT_STRING(O, labels, NULL, "file with a label a line, to look for in paths"),
    DNX_OPT_STRING(O, names, NULL, "the same; used when labels is not given"),
    DNX_OPT_STRING(O, backup, "backup", "folder for weights, checkpoints and the log"),
    DNX_OPT_END};

static int line_of(const dnx_section *s, const char *key) {
    const dnx_pair *p = dnx_opts_given(s, key);
    return p ? p->line : 0;
}

static dnx_status read_options(dnx_data *d, dnx_err *err) {
    enum { MOST = 64 };
    dnx_pair pairs[MOST];
    dnx_section s = {(char[]){"data"}, 1, pairs, 0};
    size_t len;
    char *text = dnx_file_read(d->file, &len), *at = text, *line;
    if (!text)
        return dnx_fail(err, DNX_EIO, dnx_data_at(d, 0), "cannot read: %s", strerror(errno));
    dnx_status st = DNX_OK;
    for (int n = 1; !st && (line = dnx_line_next(&at, text + len)); n++) {
        dnx_loc here = dnx_data_at(d, n);
        if (*(line = dnx_line_trim(line)) == 0 || *line == '#' || *line == ';') continue;
        char *sign = strchr(line, '=');
        if (sign) *sign = 0;
        if (!sign || !*(line = dnx_line_trim(line)) || !*dnx_line_trim(sign + 1))
            st = dnx_fail(err, DNX_EPARSE, here, "must be key=value");
        else if (s.n == MOST) st = dnx_fail(err, DNX_EPARSE, here, "more than %d options", MOST);
        else pairs[s.n++] = (dnx_pair){line, dnx_line_trim(sign + 1), n};
    }
    if (!st)
        st = dnx_opts_parse((const dnx_opt *[]){options}, (void *[]){&d->o}, 1, &s, d->file, err);
    d->train_line = line_of(&s, "train");
    d->classes_line = line_of(&s, "classes");
    d->labels_line = line_of(&s, d->o.labels ? "labels" : "names");
    free(text);
    if (!st && !d->o.train)
        st = dnx_fail(err, DNX_EOPTION, dnx_data_at(d, 0), "[data] needs train=");
    return st;
}

static bool is_about(const dnx_err *err, const char *file) {
    size_t n = strlen(file);
    return !strncmp(err->text, file, n) && err->text[n] == ':';
}

/* Says which line of the .data file led to an error in another file. */
static void name_line(const dnx_data *d, dnx_err *err) {
    const char *labels = d->o.labels ? d->o.labels : d->o.names;
    size_t used = err ? strlen(err->text) : 0;
    if (!used || is_about(err, d->file)) return;
    bool by_labels = labels && is_about(err, labels);
    snprintf(err->text + used, sizeof err->text - used, " (%s= of %.120s:%d)",
             !by_labels    ? "train"
             : d->o.labels ? "labels"
                           : "names",
             d->file, by_labels ? d->labels_line : d->train_line);
}

dnx_status dnx_data_open(const char *file, void (*broken)(void *, const char *, const char *),
                         void *arg, dnx_data **out, dnx_err *err) {
    *out = NULL;
    dnx_data *d = calloc(1, sizeof *d);
    if (!d || !(d->file = strdup(file))) {
        free(d);
        return dnx_fail(err, DNX_EMEM, (dnx_loc){file, 0}, "no memory");
    }
    dnx_status st = read_options(d, err);
    if (!st) {
        st = dnx_sources_read(d, err);
        if (!st) st = dnx_scan(d, broken, arg, err);
        if (st) name_line(d, err);
    }
    if (st) dnx_data_close(d);
    else *out = d;
    return st;
}

void dnx_data_close(dnx_data *d) {
    if (!d) return;
    for (int k = 0; k < d->sources; k++) {
        if (d->source[k].fd >= 0) close(d->source[k].fd);
        free(d->source[k].path);
    }
    dnx_opts_free(options, &d->o);
    free(d->source);
    free(d->text);
    free(d->at);
    free(d->class_of);
    free(d->file);
    free(d);
}

bool dnx_data_add(dnx_data *d, uint64_t at, int class_of) {
    if (d->n == d->room) {
        size_t more = d->room ? d->room * 2 : 1024;
        uint64_t *a = realloc(d->at, more * sizeof *a);
        if (a) d->at = a;
        int *c = a ? realloc(d->class_of, more * sizeof *c) : NULL;
        if (!c) return false;
        d->class_of = c;
        d->room = more;
    }
    d->at[d->n] = at;
    d->class_of[d->n++] = class_of;
    return true;
}

const dnx_source *dnx_data_source(const dnx_data *d, size_t i) {
    int k = d->sources - 1;
    while (k > 0 && i < d->source[k].first) k--;
    return &d->source[k];
}

void dnx_source_name(const dnx_data *d, const dnx_source *s, uint64_t at, char *out, size_t room) {
    if (s->fd < 0) snprintf(out, room, "%s", d->text + at);
    else snprintf(out, room, "%s, record at byte %" PRIu64, s->path, at);
}

void dnx_data_name(const dnx_data *d, size_t i, char *out, size_t room) {
    dnx_source_name(d, dnx_data_source(d, i), d->at[i], out, room);
}

unsigned char *dnx_data_bytes(const dnx_data *d, size_t i, size_t *len, const char **why) {
    const dnx_source *s = dnx_data_source(d, i);
    if (s->fd >= 0) return dnx_record_image(s->fd, s->size, d->at[i], len, why);
    char *bytes = dnx_file_read_unnoted(d->text + d->at[i], DNX_MAX_FILE, len);
    if (!bytes)
        *why = errno == EFBIG    ? "is larger than 1 GB"
               : errno == ENOMEM ? "needs more memory than there is"
                                 : DNX_UNREAD;
    return (unsigned char *)bytes;
}
