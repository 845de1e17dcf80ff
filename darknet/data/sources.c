/* sources.c - lists the images of each source of train= or valid=. */
#include "data/sources.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/paths.h"
#include "data/decode.h"
#include "data/labels.h"
#include "data/list.h"
#include "data/recordio.h"
#include "data/scan.h"

/* ---- a list ---- */

static bool append(dnx_data *d, const char *path, uint64_t *start) {
    size_t need = strlen(path) + 1;
    if (d->text_len + need > d->text_capacity) {
        size_t more = (d->text_capacity + need) * 2;
        char *text = realloc(d->text, more);
        if (!text) return false;
        d->text = text;
        d->text_capacity = more;
    }
    *start = d->text_len;
    memcpy(d->text + d->text_len, path, need);
    d->text_len += need;
    return true;
}

static bool add_path(dnx_data *d, char *path, int class_of) {
    uint64_t at;
    bool ok = path && append(d, path, &at) && dnx_data_add(d, at, class_of);
    free(path);
    return ok;
}

static dnx_status class_of_line(const dnx_data *d, const dnx_labels *labels,
                                const dnx_image_list *l, size_t i, int *class_of, dnx_err *err) {
    *class_of = -1;
    if (!d->o.classes) return DNX_OK;
    if (!isnan(l->image[i].class_of)) return dnx_listed_class(l, i, d->o.classes, class_of, err);
    return dnx_labels_class(labels, l->image[i].path, (dnx_loc){l->lines.file, l->image[i].line},
                            class_of, err);
}

static dnx_status read_list(dnx_data *d, const char *path, dnx_err *err) {
    const char *file = d->o.classes ? dnx_datafile_labels(&d->o) : NULL;
    dnx_labels labels = {0};
    dnx_image_list l;
    dnx_status st = dnx_image_list_open(path, &l, err);
    if (!st && file) st = dnx_labels_read(file, d->o.classes, &labels, err);
    for (size_t i = 0; !st && i < l.n; i++) {
        int class_of;
        st = class_of_line(d, &labels, &l, i, &class_of, err);
        if (!st && !add_path(d, dnx_image_list_path(&l, i), class_of))
            st = dnx_no_memory(path, err);
    }
    if (!st && d->o.classes) st = dnx_image_list_check(&l, err);
    dnx_labels_free(&labels);
    dnx_image_list_free(&l);
    return st;
}

/* ---- a folder ---- */

static int visible(const struct dirent *e) {
    return e->d_name[0] != '.' && !dnx_is_own_file(e->d_name);
}

static int by_bytes(const struct dirent **a, const struct dirent **b) {
    return strcmp((*a)->d_name, (*b)->d_name);
}

/* Returns the reason why an entry of a folder is left out, a constant. Returns NULL when the entry
 * may be an image, even a broken one. */
static const char *why_left_out(const char *path) {
    unsigned char head[DNX_IMAGE_HEAD];
    if (dnx_image_is_named(path)) return NULL;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    ssize_t n = fd < 0 ? -1 : pread(fd, head, sizeof head, 0);
    bool is_folder = fd >= 0 && n < 0 && errno == EISDIR;
    if (fd >= 0) close(fd);
    if (is_folder) return "left out: a folder in the folder of an identity";
    return n < 0 || dnx_image_kind(head, (size_t)n)
               ? NULL
               : "left out: neither named as an image nor one by its content";
}

/* Adds a file to d or, when it cannot be an image, to d->left_out. Frees path. */
static bool add_file(dnx_data *d, char *path, int class_of) {
    const char *why = path ? why_left_out(path) : NULL;
    if (!why) return add_path(d, path, class_of);
    bool ok = dnx_skipped_add(&d->left_out, path, why);
    free(path);
    return ok;
}

static dnx_status read_identity(dnx_data *d, const char *folder, int class_of, dnx_err *err) {
    struct dirent **files;
    int n = scandir(folder, &files, visible, by_bytes);
    if (n < 0) return dnx_fail_at(err, DNX_EIO, folder, "cannot read: %s", strerror(errno));
    bool ok = true;
    for (int i = 0; i < n; i++) {
        ok = ok && add_file(d, dnx_path_join(folder, files[i]->d_name), class_of);
        free(files[i]);
    }
    free(files);
    return ok ? DNX_OK : dnx_no_memory(folder, err);
}

static dnx_status read_entry(dnx_data *d, const char *folder, char *path, int class_of,
                             bool *is_identity, dnx_err *err) {
    struct stat s;
    const bool is_there = !stat(path, &s);
    *is_identity = is_there && S_ISDIR(s.st_mode);
    if (d->o.classes && !is_there)
        return dnx_fail_at(err, DNX_EIO, path,
                           "cannot read: %s; the classes after it would change their numbers",
                           strerror(errno));
    if (*is_identity) {
        if (class_of < d->o.classes || class_of < 0) return read_identity(d, path, class_of, err);
        return dnx_fail(err, DNX_EOPTION, dnx_data_at(d, d->o.classes_line),
                        "[data] classes=%d: %.200s has more identity folders", d->o.classes,
                        folder);
    }
    if (!d->o.classes) return add_file(d, strdup(path), -1) ? DNX_OK : dnx_no_memory(folder, err);
    return DNX_OK;
}

static void report_loose(dnx_data *d, const char *folder, const char *name) {
    char *path = dnx_path_join(folder, name);
    d->loose++;
    if (d->report) d->report(d->report_arg, path ? path : name, "is in no identity folder");
    free(path);
}

static dnx_status read_folder(dnx_data *d, const char *folder, dnx_err *err) {
    struct dirent **names;
    const int base = d->next;
    int n = scandir(folder, &names, visible, by_bytes), found = 0;
    if (n < 0) return dnx_fail_at(err, DNX_EIO, folder, "cannot read: %s", strerror(errno));
    dnx_status st = DNX_OK;
    for (int i = 0; i < n; i++) {
        bool is_identity = false;
        char *path = st ? NULL : dnx_path_join(folder, names[i]->d_name);
        if (path)
            st = read_entry(d, folder, path, d->o.classes ? base + found : -1, &is_identity, err);
        else if (!st) st = dnx_no_memory(folder, err);
        found += is_identity;
        free(path);
        if (!st && d->o.classes && !is_identity) continue; /* keeps names[i] for report_loose() */
        free(names[i]);
        names[i] = NULL;
    }
    for (int i = 0; i < n; i++) {
        if (names[i] && found) report_loose(d, folder, names[i]->d_name);
        free(names[i]);
    }
    free(names);
    d->has_folder = true;
    d->next = base + found;
    if (!st && d->o.classes && !found)
        st = dnx_fail_at(err, DNX_EIO, folder,
                         "has no identity folders; for images without labels leave classes= out");
    return st;
}

/* ---- a record file ---- */

typedef struct {
    const dnx_records *r;
    float *label;
    const char **why; /* for each record: NULL or its fault */
} labelling;

static void read_labels(void *arg, size_t lo, size_t hi) {
    labelling *l = arg;
    unsigned char head[DNX_IMAGE_HEAD];
    size_t n;
    for (size_t i = lo; i < hi; i++)
        l->why[i] = dnx_record_label(l->r->fd, l->r->size, l->r->at[i], &l->label[i], head, &n);
}

/* Adds the images of a .rec with their classes. stated: the number of classes in InsightFace's file
 * `property`; 0 without this file. */
static dnx_status add_records(dnx_data *d, const char *path, const labelling *l, int stated,
                              dnx_err *err) {
    const int base = d->next, classes = stated ? stated : d->o.classes - base;
    for (size_t i = 0; i < l->r->n; i++) {
        double label = (double)l->label[i];
        int class_of = -1;
        if (l->why[i])
            return dnx_fail_at(err, DNX_EIO, path, "record at byte %" PRIu64 " %s", l->r->at[i],
                               l->why[i]);
        if (d->o.classes && !(label >= 0 && label < classes && label == floor(label)))
            return dnx_fail_at(err, DNX_EOPTION, path,
                               "record at byte %" PRIu64 ": class %g: must be from 0 to %d%s",
                               l->r->at[i], label, classes - 1,
                               stated ? ", as the property file says" : "");
        if (d->o.classes) class_of = base + (int)label;
        if (!dnx_data_add(d, l->r->at[i], class_of)) return dnx_no_memory(path, err);
    }
    if (stated) d->next = base + stated;
    return DNX_OK;
}

/* Reads the number of classes from InsightFace's file `property` beside a train.rec, and checks it
 * against classes=. *stated is 0 without this file. */
static dnx_status read_property(const dnx_data *d, const char *records, int *stated, dnx_err *err) {
    static const char name[] = "train.rec";
    char *file = strdup(records), *f[3];
    *stated = 0;
    if (!file) return dnx_no_memory(records, err);
    char *slash = strrchr(file, '/'), *own = slash ? slash + 1 : file;
    const bool is_insightface = !strcmp(own, name);
    dnx_lines l;
    long classes;
    dnx_status st = DNX_OK;
    if (is_insightface) strcpy(own, "property"); /* fits: it is shorter than "train.rec" */
    if (is_insightface && d->o.classes && !access(file, F_OK) &&
        !(st = dnx_lines_open(&l, file, "a property file", 1 << 20, err))) {
        char *line = dnx_lines_next(&l, "");
        int n = line ? dnx_fields(line, ',', f, 3) : 0;
        if (n != 3 || !dnx_whole(f[0], 1, 16777216, &classes))
            st = dnx_fail(err, DNX_EPARSE, (dnx_loc){file, 1}, "must be CLASSES,HEIGHT,WIDTH");
        else if (classes > d->o.classes)
            st = dnx_fail(err, DNX_EOPTION, dnx_data_at(d, d->o.classes_line),
                          "[data] classes=%d: %.200s says that there are %ld", d->o.classes, file,
                          classes);
        else if (classes > d->o.classes - d->next)
            st = dnx_fail(err, DNX_EOPTION, dnx_data_at(d, d->o.classes_line),
                          "[data] classes=%d: %.200s says that there are %ld, and the sources "
                          "before it have %d",
                          d->o.classes, file, classes, d->next);
        else *stated = (int)classes;
        dnx_lines_free(&l);
    }
    free(file);
    return st;
}

static dnx_status read_records(dnx_data *d, dnx_source *s, dnx_err *err) {
    int stated;
    dnx_status st = read_property(d, s->path, &stated, err);
    if (st) return st;
    dnx_records r;
    st = dnx_records_open(s->path, &r, err);
    s->fd = r.fd;
    s->size = r.size;
    if (!st) {
        labelling l = {&r, malloc(sizeof *l.label * (r.n + 1)), malloc(sizeof *l.why * (r.n + 1))};
        if (!l.label || !l.why) st = dnx_no_memory(s->path, err);
        else {
            dnx_side_by_side(r.n, read_labels, &l);
            st = add_records(d, s->path, &l, stated, err);
        }
        free(l.label);
        free(l.why);
    }
    dnx_records_free(&r);
    return st;
}

/* ---- all sources ---- */

static bool ends_with(const char *s, const char *end) {
    size_t n = strlen(s), m = strlen(end);
    return n > m && !strcmp(s + n - m, end);
}

/* Refuses an index NAME.idx beside NAME.rec, because the lines of the index would be read as paths
 * and classes. */
static dnx_status refuse_index(const char *name, dnx_err *err) {
    char *records;
    if (asprintf(&records, "%.*srec", (int)strlen(name) - 3, name) < 0)
        return dnx_no_memory(name, err);
    dnx_status st = access(records, F_OK)
                        ? DNX_OK
                        : dnx_fail_at(err, DNX_EIO, name, "is an index; name %.200s instead",
                                      records);
    free(records);
    return st;
}

/* Reads the folder s->path. If it contains InsightFace's train.rec, reads this file and sets
 * s->path to its path. Else reads the identity folders. */
static dnx_status read_any_folder(dnx_data *d, dnx_source *s, dnx_err *err) {
    char *records = dnx_path_join(s->path, "train.rec");
    if (!records) return dnx_no_memory(d->file, err);
    if (access(records, F_OK)) {
        free(records);
        return read_folder(d, s->path, err);
    }
    free(s->path);
    s->path = records;
    return read_records(d, s, err);
}

static dnx_status read_source(dnx_data *d, const char *path, size_t len, dnx_err *err) {
    struct stat info;
    dnx_source *more = realloc(d->source, sizeof *more * (size_t)(d->sources + 1));
    if (!more) return dnx_no_memory(d->file, err);
    d->source = more;
    dnx_source *s = &more[d->sources];
    *s = (dnx_source){.path = strndup(path, len), .first = d->n, .fd = -1};
    if (!s->path) return dnx_no_memory(d->file, err);
    d->sources++;
    const char *name = s->path;
    if (!*name)
        return dnx_fail(err, DNX_EOPTION, dnx_data_at(d, d->line),
                        "[data] %s=%.200s: an empty name between commas", d->key, d->from);
    if (stat(name, &info))
        return dnx_fail_at(err, DNX_EIO, name, "cannot read: %s", strerror(errno));
    if (S_ISDIR(info.st_mode)) return read_any_folder(d, s, err);
    if (ends_with(name, ".rec")) return read_records(d, s, err);
    dnx_status st = ends_with(name, ".idx") ? refuse_index(name, err) : DNX_OK;
    return st ? st : read_list(d, name, err);
}

dnx_status dnx_sources_read(dnx_data *d, dnx_err *err) {
    const char *p = d->from;
    if (!access(p, F_OK))
        return read_source(d, p, strlen(p), err); /* one source, whose name may have a comma */
    for (;; p++) {
        while (isspace((unsigned char)*p)) p++;
        size_t len = strcspn(p, ","), cut = len;
        while (cut && isspace((unsigned char)p[cut - 1])) cut--;
        dnx_status st = read_source(d, p, cut, err);
        p += len;
        if (st || !*p) return st;
    }
}
