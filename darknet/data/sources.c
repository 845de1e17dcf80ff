#include "data/sources.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/files.h"
#include "data/labels.h"
#include "data/recordio.h"
#include "data/scan.h"

static dnx_status no_memory(const char *path, dnx_err *err) {
    return dnx_fail(err, DNX_EMEM, (dnx_loc){path, 0}, "no memory for the list");
}

/* The class that a source's first identity gets. */
static int next_class(const dnx_data *d) {
    int most = -1;
    for (size_t i = 0; i < d->n; i++)
        if (d->class_of[i] > most) most = d->class_of[i];
    return most + 1;
}

/* ---- a list ---- */

static dnx_status resolve(const dnx_labels *l, const char *path, dnx_loc at, int *class_of,
                          dnx_err *err) {
    int found[2], n = dnx_labels_find(l, path, found);
    *class_of = found[0];
    if (n == 1) return DNX_OK;
    if (n)
        return dnx_fail(err, DNX_EOPTION, at,
                        "%.200s: contains two labels, '%.60s' and '%.60s'", path,
                        l->label[found[0]], l->label[found[1]]);
    return dnx_fail(err, DNX_EOPTION, at,
                    l->n ? "%.200s: contains no label"
                         : "%.200s: has no class, and [data] no labels=",
                    path);
}

/* A last word of digits is the class and is cut off; false: there is none. */
static bool cut_class(char *line, double *value) {
    char *end = line + strlen(line), *p = end;
    while (p > line && isdigit((unsigned char)p[-1])) p--;
    if (p > line && p[-1] == '-') p--;
    if (p == end || p == line || !isspace((unsigned char)p[-1]) || p[*p == '-'] == 0) return false;
    *value = strtod(p, NULL);
    p[-1] = 0;
    return true;
}

static dnx_status take_line(const dnx_data *d, const dnx_labels *l, char *line, dnx_loc at,
                            int *class_of, dnx_err *err) {
    double value;
    *class_of = -1;
    bool has_class = cut_class(line, &value);
    if (has_class) dnx_line_trim(line);
    if (!d->o.classes) return DNX_OK;
    if (!has_class) return resolve(l, line, at, class_of, err);
    if (value < 0 || value >= d->o.classes)
        return dnx_fail(err, DNX_EOPTION, at, "class %.0f: must be from 0 to %d", value,
                        d->o.classes - 1);
    *class_of = (int)value;
    return DNX_OK;
}

/* The file's text becomes the paths' text, or its end. */
static char *adopt(dnx_data *d, char *text, size_t len) {
    size_t start = d->text_len;
    if (!start) {
        free(d->text);
        d->text = text;
    } else {
        char *more = realloc(d->text, start + len + 1);
        if (more) {
            memcpy(more + start, text, len + 1);
            d->text = more;
        }
        free(text);
        if (!more) return NULL;
    }
    d->text_len = d->text_room = start + len + 1;
    return d->text + start;
}

static dnx_status read_list(dnx_data *d, const char *path, dnx_err *err) {
    const char *file = d->o.labels ? d->o.labels : d->o.names;
    dnx_labels l = {0};
    size_t len = 0;
    char *text = dnx_file_read(path, &len), *line;
    if (!text)
        return dnx_fail(err, DNX_EIO, (dnx_loc){path, 0}, "cannot read: %s", strerror(errno));
    if (!(text = adopt(d, text, len))) return no_memory(path, err);
    dnx_status st = file && d->o.classes ? dnx_labels_read(file, d->o.classes, &l, err) : DNX_OK;
    char *p = text;
    for (int n = 1; !st && (line = dnx_line_next(&p, text + len)); n++) {
        int class_of;
        if (*(line = dnx_line_trim(line)) == 0) continue;
        st = take_line(d, &l, line, (dnx_loc){path, n}, &class_of, err);
        if (!st && !dnx_data_add(d, (uint64_t)(line - d->text), class_of))
            st = no_memory(path, err);
    }
    dnx_labels_free(&l);
    return st;
}

/* ---- a folder ---- */

static int visible(const struct dirent *e) { return e->d_name[0] != '.'; }

static int by_bytes(const struct dirent **a, const struct dirent **b) {
    return strcmp((*a)->d_name, (*b)->d_name);
}

/* Adds folder/name to the text; *start: where. */
static bool append(dnx_data *d, const char *folder, const char *name, uint64_t *start) {
    size_t need = strlen(folder) + strlen(name) + 2;
    if (d->text_len + need > d->text_room) {
        size_t more = (d->text_room + need) * 2;
        char *text = realloc(d->text, more);
        if (!text) return false;
        d->text = text;
        d->text_room = more;
    }
    *start = d->text_len;
    d->text_len += (size_t)snprintf(d->text + d->text_len, need, "%s/%s", folder, name) + 1;
    return true;
}

static dnx_status read_identity(dnx_data *d, const char *folder, int class_of, dnx_err *err) {
    struct dirent **files;
    uint64_t at;
    int n = scandir(folder, &files, visible, by_bytes);
    if (n < 0)
        return dnx_fail(err, DNX_EIO, (dnx_loc){folder, 0}, "cannot read: %s", strerror(errno));
    bool ok = true;
    for (int i = 0; i < n; i++) {
        ok = ok && append(d, folder, files[i]->d_name, &at) && dnx_data_add(d, at, class_of);
        free(files[i]);
    }
    free(files);
    return ok ? DNX_OK : no_memory(folder, err);
}

static bool is_folder(const char *folder, const struct dirent *e, char **path) {
    struct stat s;
    size_t room = strlen(folder) + strlen(e->d_name) + 2;
    *path = e->d_type == DT_REG ? NULL : malloc(room);
    if (!*path) return false;
    snprintf(*path, room, "%s/%s", folder, e->d_name);
    return !stat(*path, &s) && S_ISDIR(s.st_mode);
}

static dnx_status read_folder(dnx_data *d, const char *folder, dnx_err *err) {
    struct dirent **names;
    const int base = next_class(d);
    int n = scandir(folder, &names, visible, by_bytes), found = 0;
    if (n < 0)
        return dnx_fail(err, DNX_EIO, (dnx_loc){folder, 0}, "cannot read: %s", strerror(errno));
    dnx_status st = DNX_OK;
    for (int i = 0; i < n; i++) {
        uint64_t at;
        char *path = NULL;
        if (st) goto next;
        if (is_folder(folder, names[i], &path)) {
            int class_of = d->o.classes ? base + found++ : -1;
            if (class_of < d->o.classes || class_of < 0) st = read_identity(d, path, class_of, err);
            else
                st = dnx_fail(err, DNX_EOPTION, dnx_data_at(d, d->classes_line),
                              "[data] classes=%d: %.200s has more identity folders", d->o.classes,
                              folder);
        } else if (!d->o.classes &&
                   (!append(d, folder, names[i]->d_name, &at) || !dnx_data_add(d, at, -1)))
            st = no_memory(folder, err);
    next:
        free(path);
        free(names[i]);
    }
    free(names);
    if (!st && d->o.classes && !found)
        st = dnx_fail(err, DNX_EIO, (dnx_loc){folder, 0},
                      "has no identity folders; for images without labels leave classes= out");
    return st;
}

/* ---- a record file ---- */

typedef struct {
    const dnx_records *r;
    float *label;
    const char **why; /* NULL, or what is wrong with a record */
} labelling;

static void read_labels(void *arg, size_t lo, size_t hi) {
    labelling *l = arg;
    unsigned char head[DNX_IMAGE_HEAD];
    size_t n;
    for (size_t i = lo; i < hi; i++)
        l->why[i] = dnx_record_label(l->r->fd, l->r->size, l->r->at[i], &l->label[i], head, &n);
}

static dnx_status add_records(dnx_data *d, const char *path, const labelling *l, dnx_err *err) {
    const int base = next_class(d);
    for (size_t i = 0; i < l->r->n; i++) {
        double label = (double)l->label[i];
        int class_of = -1;
        if (l->why[i])
            return dnx_fail(err, DNX_EIO, (dnx_loc){path, 0}, "record at byte %" PRIu64 " %s",
                            l->r->at[i], l->why[i]);
        if (d->o.classes && !(label >= 0 && label < d->o.classes - base && label == floor(label)))
            return dnx_fail(err, DNX_EOPTION, (dnx_loc){path, 0},
                            "record at byte %" PRIu64 ": class %g: must be from 0 to %d",
                            l->r->at[i], label, d->o.classes - base - 1);
        if (d->o.classes) class_of = base + (int)label;
        if (!dnx_data_add(d, l->r->at[i], class_of)) return no_memory(path, err);
    }
    return DNX_OK;
}

static dnx_status read_records(dnx_data *d, dnx_source *s, dnx_err *err) {
    dnx_records r;
    dnx_status st = dnx_records_open(s->path, &r, err);
    s->fd = r.fd;
    s->size = r.size;
    if (!st) {
        labelling l = {&r, malloc(sizeof *l.label * (r.n + 1)), malloc(sizeof *l.why * (r.n + 1))};
        if (!l.label || !l.why) st = no_memory(s->path, err);
        else {
            dnx_side_by_side(r.n, read_labels, &l);
            st = add_records(d, s->path, &l, err);
        }
        free(l.label);
        free(l.why);
    }
    dnx_records_free(&r);
    return st;
}

/* ---- all ---- */

static dnx_status read_source(dnx_data *d, const char *path, size_t len, dnx_err *err) {
    struct stat info;
    dnx_source *more = realloc(d->source, sizeof *more * (size_t)(d->sources + 1));
    if (!more) return no_memory(d->file, err);
    d->source = more;
    dnx_source *s = &more[d->sources];
    *s = (dnx_source){.path = strndup(path, len), .first = d->n, .fd = -1};
    if (!s->path) return no_memory(d->file, err);
    d->sources++;
    const char *name = s->path;
    if (!*name)
        return dnx_fail(err, DNX_EOPTION, dnx_data_at(d, d->train_line),
                        "[data] train=%.200s: an empty name between commas", d->o.train);
    if (stat(name, &info))
        return dnx_fail(err, DNX_EIO, (dnx_loc){name, 0}, "cannot read: %s", strerror(errno));
    if (S_ISDIR(info.st_mode)) return read_folder(d, name, err);
    if (len > 4 && !strcmp(name + len - 4, ".rec")) return read_records(d, s, err);
    return read_list(d, name, err);
}

dnx_status dnx_sources_read(dnx_data *d, dnx_err *err) {
    const char *p = d->o.train;
    if (!access(p, F_OK)) return read_source(d, p, strlen(p), err); /* a comma in a name */
    for (;; p++) {
        while (isspace((unsigned char)*p)) p++;
        size_t len = strcspn(p, ","), cut = len;
        while (cut && isspace((unsigned char)p[cut - 1])) cut--;
        dnx_status st = read_source(d, p, cut, err);
        p += len;
        if (st || !*p) return st;
    }
}
